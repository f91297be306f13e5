/* SPDX-License-Identifier: MIT
 *
 * path_search.c - the finder for all that is too large to try every order: a
 * portfolio. First trees are made by greedy and by elimination, in many ways;
 * the best are annealed and their subtrees put in the best order, again and
 * again as long as there is work left to do; small networks are proved to have
 * nothing better. What one part of it misses another finds: greedy alone loses
 * orders of magnitude on graphical models, elimination on lattices.
 *
 * One result per network, seed and work: no clock is read here, and nothing
 * depends on an address.
 */
#include <assert.h>

#include "plan/cost.h"
#include "plan/order.h"
#include "plan/path_exact.h"
#include "plan/path_simplify.h"
#include "plan/path_start.h"

enum {
    N_POOL = 6,        /* trees that annealing starts from */
    MAX_STARTS = 384,
    SURE_LEAVES = 9,   /* always in the best order: 30 microseconds */
    LEAVES = 8,        /* of subtrees that are put in order */
    LAST_LEAVES = 10,  /* and at the end */
    MAX_PROVED = 30,   /* operands of a network that is tried to be proved */
    MAX_POLISHED = 20000
};

/* Sets of indices beyond so many bytes are not made: greedy on lists does. */
#define MAX_SET_BYTES 1e8

struct candidate_tree {
    struct path_step *steps;
    double cost;
};

/* The search in one connected part. */
struct search {
    struct path_bits *bits;
    struct path_start *start;
    struct path_tree tree;
    struct path_subsets *subsets;
    struct candidate_tree pool[N_POOL]; /* the best first */
    int n_pool;
    struct path_step *spare;
    struct path_work work;
    uint64_t seed;
    int proved;
};

/* --- the pool ----------------------------------------------------------- */

/* Takes the tree as it is, if it is among the best and new. */
static void
keep_tree(struct search *s)
{
    double cost = einc_path_tree_save(&s->tree, s->spare);
    int at = s->n_pool;
    for (int i = 0; i < s->n_pool; i++)
        if (s->pool[i].cost <= cost * 1.000001 &&
            cost <= s->pool[i].cost * 1.000001)
            return;
    while (at > 0 && cost < s->pool[at - 1].cost)
        at--;
    if (at == N_POOL)
        return;
    int last = s->n_pool < N_POOL ? s->n_pool++ : N_POOL - 1;
    struct path_step *room = s->pool[last].steps;
    for (int i = last; i > at; i--)
        s->pool[i] = s->pool[i - 1];
    s->pool[at] = (struct candidate_tree){s->spare, cost};
    s->spare = room;
}

static struct path_work
share(const struct path_work *w, double part)
{
    struct path_work r = *w;
    r.left = (int64_t)((double)w->left * part);
    return r;
}

static void
pay(struct path_work *w, const struct path_work *given,
    const struct path_work *rest)
{
    w->left -= given->left - rest->left;
}

/* --- first trees -------------------------------------------------------- */

/* 2^(low to high), evenly. */
static double
draw_power(struct search *s, double low, double high)
{
    double u = (double)(path_random(&s->seed) >> 40) * 0x1p-24;
    double x = low + u * (high - low);
    return path_exp2(s->bits->math, (int64_t)(x * LOG_ONE));
}

/* Of start i: the plain ways first, then at random, then half of them near
 * the best that was found so. */
static struct path_taste
draw_taste(struct search *s, int i, const struct path_taste *best)
{
    enum { LEARN = 48, FEW = 16, MANY = 1 << 20 };
    struct path_taste t = {.max_holders = FEW, .costs = 1};
    if (i < 2) {
        t.eliminate = i == 1;
        t.max_holders = 64;
        return t;
    }
    t.eliminate = i % 6 == 1;
    t.max_holders = i % 4 == 3 ? MANY : FEW;
    t.costs = draw_power(s, -3.3, 2);
    t.temperature = draw_power(s, -10, 0);
    if (i > LEARN && i % 2 && !t.eliminate && !best->eliminate) {
        t.costs = best->costs * draw_power(s, -0.4, 0.4);
        t.temperature = best->temperature * draw_power(s, -1, 1);
    }
    return t;
}

static double
try_start(struct search *s, const struct path_taste *taste,
          struct path_work *work)
{
    einc_path_start(s->start, taste, &s->seed, work, s->spare);
    einc_path_tree_load(&s->tree, s->spare);
    work->left -= (int64_t)s->bits->n * (20 + 6 * s->bits->words);
    double cost = einc_path_tree_cost(&s->tree);
    keep_tree(s);
    return cost;
}

/* The first one whatever it takes, within reason: 3 seconds, or 60
 * microseconds an operand, are met where every pair is worth a thought and no
 * memory holds what comes of any. */
static void
make_first(struct search *s)
{
    const int64_t most = 1000 * 1000 * 1000;
    struct path_work enough = {.left = most + (int64_t)s->bits->n * 20000};
    struct path_taste taste = draw_taste(s, 0, NULL);
    struct path_work rest = enough;
    try_start(s, &taste, &rest);
    pay(&s->work, &enough, &rest);
}

static void
make_starts(struct search *s, double part)
{
    struct path_work given = share(&s->work, part), work = given;
    struct path_taste best = draw_taste(s, 0, NULL);
    double least = s->pool[0].cost;
    for (int i = 1; i < MAX_STARTS && !path_work_over(&work); i++) {
        struct path_taste taste = draw_taste(s, i, &best);
        double cost = try_start(s, &taste, &work);
        if (cost < least) {
            least = cost;
            best = taste;
        }
    }
    pay(&s->work, &given, &work);
}

/* --- making them better ------------------------------------------------- */

static void
reorder(struct search *s, int leaves)
{
    einc_path_tree_reorder(&s->tree, s->subsets, leaves, &s->seed, &s->work);
    keep_tree(s);
}

/* All of the pool, the best first, if there is work for that. */
static void
reorder_pool(struct search *s, double part)
{
    struct path_step *old[N_POOL];
    struct path_work given = share(&s->work, part);
    int64_t end = s->work.left - given.left;
    int n = s->n_pool;
    for (int i = 0; i < n; i++)
        old[i] = s->pool[i].steps;
    for (int i = 0; i < n && s->work.left > end; i++) {
        int still = 0;
        for (int k = 0; k < s->n_pool; k++)
            still |= s->pool[k].steps == old[i];
        if (!still || path_work_over(&s->work))
            continue;
        einc_path_tree_load(&s->tree, old[i]);
        reorder(s, LEAVES);
    }
}

enum { ANNEAL_STEPS = 20 };

/* From hot to cold in steps of one factor. */
static void
anneal(struct search *s, double beta, int sweeps, struct path_work *work)
{
    const double cold = 12;
    int64_t log = einc_path_log2(cold / beta) / (ANNEAL_STEPS - 1);
    double factor = path_exp2(s->bits->math, log);
    for (int i = 0; i < ANNEAL_STEPS; i++, beta *= factor)
        einc_path_tree_anneal(&s->tree, beta, sweeps, &s->seed, work);
}

/* No more sweeps a step than half of the work is for, so that the last rounds
 * come to their cold end. */
static int
fit_sweeps(const struct search *s, int sweeps)
{
    int64_t most = s->work.left / 2 /
                   (ANNEAL_STEPS * einc_path_tree_sweep_work(s->bits));
    return most < 1 ? 1 : most < sweeps ? (int)most : sweeps;
}

/* Every other round starts as hot as the one whose like came closest to the
 * best tree; the others take turns. */
static void
anneal_rounds(struct search *s)
{
    static const double beta[] = {0.7, 2, 0.2, 4};
    enum { FIRST_SWEEPS = 10, MAX_DOUBLED = 12, N_BETA = 4 };
    double gap[N_BETA] = {0};
    for (int round = 0; !path_work_over(&s->work); round++) {
        int doubled = round / 4 < MAX_DOUBLED ? round / 4 : MAX_DOUBLED;
        int from = round % 2 ? path_random_below(&s->seed, s->n_pool) : 0;
        int hot = round % N_BETA;
        for (int i = 0; round >= N_BETA && round % 3 == 2 && i < N_BETA; i++)
            hot = gap[i] < gap[hot] ? i : hot;
        double best = s->pool[0].cost;
        einc_path_tree_load(&s->tree, s->pool[from].steps);
        anneal(s, beta[hot], fit_sweeps(s, FIRST_SWEEPS << doubled),
               &s->work);
        reorder(s, LEAVES);
        gap[hot] = einc_path_tree_cost(&s->tree) / best;
    }
}

static int64_t
power3(int k)
{
    int64_t r = 1;
    while (k-- > 0)
        r *= 3;
    return r;
}

/* Up to PATH_MAX_LEAVES operands, all orders. */
static int
order_all(struct search *s)
{
    int n = s->bits->n;
    if (n > PATH_MAX_LEAVES ||
        (n > SURE_LEAVES && power3(n) / 2 > s->work.left))
        return 0;
    struct path_work enough = {.left = INT64_MAX / 2};
    einc_path_tree_load(&s->tree, s->pool[0].steps);
    einc_path_tree_reorder(&s->tree, s->subsets, n, &s->seed, &enough);
    keep_tree(s);
    s->proved = 1;
    return 1;
}

static void
prove(struct search *s, struct arena scratch)
{
    if (s->bits->n > MAX_PROVED)
        return;
    struct path_work given = share(&s->work, 0.5), work = given;
    enum path_proof proof = einc_path_exact(scratch, s->bits,
                                            s->pool[0].cost * 0.999999, &work,
                                            s->spare);
    pay(&s->work, &given, &work);
    s->proved = proof != PROOF_NONE;
    if (proof != PROOF_BETTER)
        return;
    einc_path_tree_load(&s->tree, s->spare);
    keep_tree(s);
}

/* --- one part ----------------------------------------------------------- */

/* 5 % of what the steps take at 2e10 multiplications a second, at 3 ns. */
static int64_t
auto_work(const struct search *s)
{
    const double most = 3e8, per_cost = 8e-4;
    double flop = s->pool[0].cost / s->bits->per_point;
    double units = flop * per_cost;
    return (int64_t)(units < most ? units : most);
}

static void
open_search(struct search *s, struct arena *a, const struct net *net,
            const struct path_math *m, const struct path_ask *ask)
{
    *s = (struct search){.seed = ask->seed};
    s->bits = einc_path_bits(a, net, m);
    s->start = einc_path_start_open(a, s->bits);
    s->tree = einc_path_tree_open(a, s->bits);
    int leaves = net->n_in < PATH_MAX_LEAVES ? net->n_in : PATH_MAX_LEAVES;
    s->subsets = einc_path_subsets(a, s->bits->words, leaves);
    for (int i = 0; i < N_POOL; i++)
        s->pool[i].steps = NEW(a, struct path_step, net->n_in);
    s->spare = NEW(a, struct path_step, net->n_in);
    s->work = (struct path_work){ask->work, ask->stop, ask->user};
}

/* Steps of the best path of a connected network of two operands or more. */
static const struct path_step *
search_part(struct arena *a, const struct net *net, const struct path_math *m,
            const struct path_ask *ask, int *proved)
{
    struct search *s = NEW(a, struct search, 1);
    open_search(s, a, net, m, ask);
    make_first(s);
    if (ask->work == WORK_AUTO)
        s->work.left = auto_work(s);
    if (!order_all(s)) {
        if (net->n_in <= MAX_PROVED)
            einc_path_exact_reserve(*a, s->bits->words, s->work.left);
        int64_t least = (int64_t)net->n_in * 20;
        s->work.left = s->work.left < least ? least : s->work.left;
        make_starts(s, 0.2);
        reorder_pool(s, 0.15);
        prove(s, *a);
        if (!s->proved)
            anneal_rounds(s);
        struct path_work last = {.left = (int64_t)net->n_in * 40};
        einc_path_tree_load(&s->tree, s->pool[0].steps);
        einc_path_tree_reorder(&s->tree, s->subsets, LEAVES, &s->seed, &last);
        keep_tree(s);
    }
    *proved &= s->proved;
    return s->pool[0].steps;
}

/* Without sets. */
static const struct path_step *
search_lists(struct arena *a, const struct net *net,
             const struct path_ask *ask)
{
    int64_t bytes = (int64_t)net->n_in * (int64_t)sizeof(struct path_step) +
                    256;
    struct arena perm = {NEW(a, char, bytes), NULL, a->cx};
    perm.end = perm.beg + bytes;
    return einc_path_greedy(&perm, *a, net, ask)->steps;
}

/* --- the whole ---------------------------------------------------------- */

/* All parts of a network. */
struct whole {
    const struct net *net;
    struct path_rest rest;
    struct path_parts parts;
    const struct path_math *math;
    const struct path_ask *ask;
    int *number;  /* [n_indices] zeroes between uses */
    int *result;  /* [n_results] places of values that share nothing */
    double *size; /* [n_in] elements of the value at a place */
    int n_results;
    int proved;
};

/* Appends steps of a part, whose value r is that at place[r]. */
static void
append_steps(struct arena scratch, struct whole *w, const int *place, int n,
             const struct path_step *steps)
{
    int *at = NEW(&scratch, int, 2 * (int64_t)n);
    for (int i = 0; i < n; i++)
        at[i] = place[i];
    for (int s = 0; s < n - 1; s++) {
        einc_path_rest_join(&w->rest, at[steps[s].lhs], at[steps[s].rhs]);
        at[n + s] = at[steps[s].lhs];
    }
    w->result[w->n_results] = at[n > 1 ? 2 * n - 2 : 0];
}

static double
output_size(const struct net *part)
{
    double r = 1;
    for (int x = 0; x < part->n_indices; x++)
        if (part->in_output[x])
            r = einc_cost_size(r, part->extent[x]);
    return r;
}

static void
solve_part(struct arena scratch, struct whole *w, int k)
{
    const int *place = w->parts.place + w->parts.first[k];
    int n = w->parts.first[k + 1] - w->parts.first[k];
    struct net part = einc_path_part(&scratch, &w->rest, place, n, w->number);
    struct path_ask ask = *w->ask;
    const struct path_step *steps = NULL;
    if (ask.work > 0)
        ask.work = (int64_t)((double)ask.work * n / w->parts.first[w->parts.n]);
    if (n > 1 && einc_path_bits_bytes(&part) > MAX_SET_BYTES) {
        steps = search_lists(&scratch, &part, &ask);
        w->proved = 0;
    } else if (n > 1) {
        steps = search_part(&scratch, &part, w->math, &ask, &w->proved);
    }
    append_steps(scratch, w, place, n, steps);
    w->size[w->result[w->n_results++]] = output_size(&part);
}

/* Scalars: one after the other, and into the smallest operand of what is to
 * come: else the whole result would be scaled in a pass of its own. */
static void
join_scalars(struct whole *w, int *scalar)
{
    const struct path_rest *r = &w->rest;
    for (int o = 0; o < w->net->n_in; o++) {
        if (r->value[o] < 0 || r->n_legs[o])
            continue;
        if (*scalar >= 0)
            einc_path_rest_join(&w->rest, *scalar, o);
        else
            *scalar = o;
    }
}

static void
place_scalar(struct whole *w, int scalar)
{
    const struct path_parts *p = &w->parts;
    int best = -1;
    for (int i = 0; i < w->n_results; i++) {
        if (scalar >= 0)
            einc_path_rest_join(&w->rest, scalar, w->result[i]);
        else
            scalar = w->result[i];
    }
    w->n_results = 0;
    for (int i = p->first[p->n_closed]; i < p->first[p->n]; i++)
        if (best < 0 || w->rest.size[p->place[i]] < w->rest.size[best])
            best = p->place[i];
    if (scalar >= 0 && best >= 0)
        einc_path_rest_join(&w->rest, best, scalar);
    else if (scalar >= 0)
        w->result[w->n_results++] = scalar;
}

static ORDER_BEFORE(size_before)
{
    const double *size = key;
    return size[a] < size[b];
}

/* What shares no index, the two smallest first: of a sorted list and the
 * queue of what is made, whose sizes ascend. */
static void
join_results(struct arena scratch, struct whole *w)
{
    int n = w->n_results, from = 0, made_from = 0, n_made = 0;
    int *made = NEW(&scratch, int, n);
    order_ints(scratch, w->result, n, size_before, w->size);
    for (int step = 0; step < n - 1; step++) {
        int pick[2];
        for (int i = 0; i < 2; i++) {
            int old = from < n &&
                      (made_from == n_made ||
                       w->size[w->result[from]] <= w->size[made[made_from]]);
            pick[i] = old ? w->result[from++] : made[made_from++];
        }
        einc_path_rest_join(&w->rest, pick[0], pick[1]);
        w->size[pick[0]] = einc_cost_size(w->size[pick[0]],
                                          w->size[pick[1]]);
        made[n_made++] = pick[0];
    }
}

/* Simplifying fixed some steps without looking at the others; here all of
 * them may move. */
static void
polish(struct arena scratch, const struct whole *w, struct path_step *steps)
{
    const struct net *net = w->net;
    if (net->n_in > MAX_POLISHED || w->proved ||
        einc_path_bits_bytes(net) > MAX_SET_BYTES)
        return;
    struct path_bits *bits = einc_path_bits(&scratch, net, w->math);
    struct path_tree t = einc_path_tree_open(&scratch, bits);
    struct path_subsets *s =
        einc_path_subsets(&scratch, bits->words, LAST_LEAVES);
    int64_t most = w->ask->work == WORK_AUTO ? (int64_t)1 << 21
                                             : w->ask->work / 20;
    struct path_work work = {most + (int64_t)net->n_in * 40, w->ask->stop,
                             w->ask->user};
    uint64_t seed = w->ask->seed;
    einc_path_tree_load(&t, steps);
    einc_path_tree_reorder(&t, s, LEAVES, &seed, &work);
    if (w->ask->work > (int64_t)1 << 24)
        einc_path_tree_reorder(&t, s, LAST_LEAVES, &seed, &work);
    einc_path_tree_save(&t, steps);
}

/* Memory that the stages behind will want: asked for now, so that it is not
 * found out after the search, which would then run twice. */
static void
reserve(struct arena perm, struct arena scratch, int n)
{
    enum { BYTES = 1024 };
    if (n <= MAX_POLISHED) {
        NEW(&perm, char, (int64_t)n * BYTES);
        NEW(&scratch, char, (int64_t)n * BYTES);
    }
}

/* Few operands: all orders, outer products included. */
static void
order_few(struct arena scratch, const struct net *net,
          const struct path_math *m, struct path_step *steps)
{
    int n = net->n_in;
    struct path_bits *bits = einc_path_bits(&scratch, net, m);
    struct path_tree t = einc_path_tree_open(&scratch, bits);
    struct path_subsets *s = einc_path_subsets(&scratch, bits->words, n);
    struct path_work work = {.left = INT64_MAX / 2};
    uint64_t seed = 0;
    for (int i = 0; i < n - 1; i++)
        steps[i] = (struct path_step){i ? n + i - 1 : 0, i + 1};
    einc_path_tree_load(&t, steps);
    einc_path_tree_reorder(&t, s, n, &seed, &work);
    einc_path_tree_save(&t, steps);
}

static void
search_whole(struct arena scratch, const struct net *net,
             const struct path_math *math, const struct path_ask *ask,
             struct path_step *steps)
{
    struct whole w = {.net = net, .math = math, .ask = ask, .proved = 1};
    int scalar = -1;
    w.rest = einc_path_simplify(&scratch, net);
    w.parts = einc_path_parts(&scratch, &w.rest);
    w.number = NEW(&scratch, int, net->n_indices);
    w.result = NEW(&scratch, int, net->n_in + 1);
    w.size = NEW(&scratch, double, net->n_in);
    w.proved = w.rest.n_steps == 0 && w.parts.n == 1;
    join_scalars(&w, &scalar);
    for (int k = 0; k < w.parts.n_closed; k++)
        solve_part(scratch, &w, k);
    place_scalar(&w, scalar);
    for (int k = w.parts.n_closed; k < w.parts.n; k++)
        solve_part(scratch, &w, k);
    join_results(scratch, &w);
    assert(w.rest.n_steps == net->n_in - 1);
    for (int s = 0; s < w.rest.n_steps; s++)
        steps[s] = w.rest.steps[s];
    polish(scratch, &w, steps);
}

const struct path *
einc_path_search(struct arena *perm, struct arena scratch,
                 const struct net *net, const struct path_ask *ask)
{
    struct path *p = NEW(perm, struct path, 1);
    struct path_step *steps = NEW(perm, struct path_step, net->n_in);
    struct path_math *math = NEW(&scratch, struct path_math, 1);
    reserve(*perm, scratch, net->n_in);
    einc_path_math_open(math);
    if (net->n_in <= SURE_LEAVES)
        order_few(scratch, net, math, steps);
    else
        search_whole(scratch, net, math, ask, steps);
    *p = (struct path){"search", steps, net->n_in - 1};
    return p;
}

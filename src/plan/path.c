/* SPDX-License-Identifier: MIT
 *
 * path.c - see path.h: the network, the table of finders, and what all of
 * them share.
 */
#include "plan/path.h"

#include <assert.h>

#include "base/diag.h"
#include "plan/cost.h"
#include "plan/path_math.h"

const struct finder einc_finders[] = {
    {"dp", einc_path_dp, 12, 8, 0},
    {"search", einc_path_search, INT32_MAX, INT32_MAX, WORK_AUTO},
    {"estimate", einc_path_search, INT32_MAX, 0, 300 * 1000},
    {"measure", einc_path_search, INT32_MAX, 0, 20 * 1000 * 1000},
    {"patient", einc_path_search, INT32_MAX, 0, 1500 * 1000 * 1000},
    {"exhaustive", einc_path_search, INT32_MAX, 0, INT64_C(20000000000)},
    {"greedy", einc_path_greedy, INT32_MAX, 0, 0},
    {"random", einc_path_random, INT32_MAX, 0, 0},
    {NULL, NULL, 0, 0, 0},
};

/* --- the network -------------------------------------------------------- */

static void
sort_legs(int *v, int n)
{
    for (int i = 1; i < n; i++) {
        int x = v[i], j = i;
        for (; j > 0 && x < v[j - 1]; j--)
            v[j] = v[j - 1];
        v[j] = x;
    }
}

static int *
count_holders(struct arena *perm, const struct graph *g)
{
    int *holders = NEW(perm, int, g->n_indices);
    for (int o = 0; o < g->n_in; o++)
        for (int i = 0; i < g->in[o].n_axes; i++)
            holders[g->in[o].axes[i].index]++;
    for (int x = 0; x < g->n_indices; x++)
        holders[x] += g->indices[x].in_output;
    return holders;
}

struct net
einc_path_net(struct arena *perm, const struct canon *c)
{
    const struct graph *g = c->graph;
    int *first = NEW(perm, int, g->n_in + 1), total = 0;
    int *holders = count_holders(perm, g);
    double *extent = NEW(perm, double, g->n_indices);
    char *in_output = NEW(perm, char, g->n_indices);
    for (int o = 0; o < g->n_in; o++)
        total += g->in[o].n_axes;
    int *leg = NEW(perm, int, total), n = 0;
    for (int r = 0; r < g->n_in; r++) {
        const struct operand *o = &g->in[c->order[r]];
        first[r] = n;
        for (int i = 0; i < o->n_axes; i++)
            if (holders[o->axes[i].index] > 1)
                leg[n++] = o->axes[i].index;
        sort_legs(leg + first[r], n - first[r]);
    }
    first[g->n_in] = n;
    for (int x = 0; x < g->n_indices; x++) {
        extent[x] = (double)g->indices[x].extent;
        in_output[x] = g->indices[x].in_output != 0;
    }
    return einc_path_weighed((struct net){
        g->n_in, g->n_indices, first, leg, holders, in_output, extent,
        einc_dtype_info(g->compute)->bytes, 0, 0});
}

struct net
einc_path_weighed(struct net net)
{
    net.per_point = 2;
    net.per_element = COST_FLOP_PER_BYTE * net.elem_bytes;
    return net;
}

int
einc_path_join(const struct net *net, const int *holders, const int *a,
               int n_a, const int *b, int n_b, int *out, double *space,
               double *size)
{
    double all = 1, kept = 1;
    int n = 0;
    for (int i = 0, j = 0; i < n_a || j < n_b;) {
        int left = j == n_b || (i < n_a && a[i] <= b[j]);
        int right = i == n_a || (j < n_b && b[j] <= a[i]);
        int x = left ? a[i] : b[j];
        i += left;
        j += right;
        all = einc_cost_size(all, net->extent[x]);
        if (holders[x] == left + right)
            continue;
        kept = einc_cost_size(kept, net->extent[x]);
        out[n++] = x;
    }
    if (space)
        *space = all;
    if (size)
        *size = kept;
    return n;
}

/* --- walking a path ----------------------------------------------------- */

/* Values of a path as it is walked: legs of each and who is left. */
struct walk {
    int **legs, *n_legs; /* [2*n_in - 1] */
    int *holders;
};

static struct walk
open_walk(struct arena *a, const struct net *net)
{
    int64_t n = 2 * (int64_t)net->n_in;
    struct walk w = {NEW(a, int *, n), NEW(a, int, n),
                     NEW(a, int, net->n_indices)};
    for (int x = 0; x < net->n_indices; x++)
        w.holders[x] = net->holders[x];
    for (int o = 0; o < net->n_in; o++) {
        w.n_legs[o] = net->first[o + 1] - net->first[o];
        w.legs[o] = NEW(a, int, w.n_legs[o]);
        for (int i = 0; i < w.n_legs[o]; i++)
            w.legs[o][i] = net->leg[net->first[o] + i];
    }
    return w;
}

/* Joins two values into value v. */
static void
walk_step(struct arena *a, const struct net *net, struct walk *w,
          struct path_step s, int v, double *space, double *size)
{
    int n_a = w->n_legs[s.lhs], n_b = w->n_legs[s.rhs];
    int *l = NEW(a, int, n_a + n_b);
    w->n_legs[v] = einc_path_join(net, w->holders, w->legs[s.lhs], n_a,
                                  w->legs[s.rhs], n_b, l, space, size);
    w->legs[v] = l;
    for (int i = 0; i < n_a; i++)
        w->holders[w->legs[s.lhs][i]]--;
    for (int i = 0; i < n_b; i++)
        w->holders[w->legs[s.rhs][i]]--;
    for (int i = 0; i < w->n_legs[v]; i++)
        w->holders[l[i]]++;
}

double
einc_path_cost(struct arena scratch, const struct net *net,
               const struct path *p)
{
    struct walk w = open_walk(&scratch, net);
    double cost = 0, space, size;
    for (int s = 0; s < p->n_steps; s++) {
        walk_step(&scratch, net, &w, p->steps[s], net->n_in + s, &space,
                  &size);
        cost += net->per_point * space + net->per_element * size;
    }
    return cost;
}

static double
log2_of(double x)
{
    return (double)einc_path_log2(x) * (1.0 / LOG_ONE);
}

struct path_figures
einc_path_figures(struct arena scratch, const struct net *net,
                  const struct path *p)
{
    const double log10_2 = 0x1.34413509f79ffp-2;
    struct walk w = open_walk(&scratch, net);
    double *size = NEW(&scratch, double, 2 * (int64_t)net->n_in);
    double points = 0, written = 0, largest = 0, live = 0, peak = 0, space;
    for (int s = 0; s < p->n_steps; s++) {
        struct path_step x = p->steps[s];
        int v = net->n_in + s;
        walk_step(&scratch, net, &w, x, v, &space, &size[v]);
        points += space;
        written += size[v];
        largest = size[v] > largest ? size[v] : largest;
        live += size[v];
        peak = live > peak ? live : peak;
        live -= size[x.lhs] + size[x.rhs];
    }
    return (struct path_figures){log2_of(points) * log10_2, log2_of(largest),
                                 log2_of(written), log2_of(peak)};
}

/* --- depth first -------------------------------------------------------- */

/* Sizes of all values of a path, and the most elements that live at once
 * while a value is made depth first; operands live elsewhere: 0. */
static void
find_peaks(struct arena scratch, const struct net *net, const struct path *p,
           double *size, double *peak)
{
    struct walk w = open_walk(&scratch, net);
    for (int s = 0; s < p->n_steps; s++) {
        int v = net->n_in + s, l = p->steps[s].lhs, r = p->steps[s].rhs;
        walk_step(&scratch, net, &w, p->steps[s], v, NULL, &size[v]);
        double left_first = peak[r] + size[l], right_first = peak[l] + size[r];
        double children = peak[l] > left_first ? peak[l] : left_first;
        double other = peak[r] > right_first ? peak[r] : right_first;
        double here = size[v] + size[l] + size[r];
        if (other < children)
            children = other;
        peak[v] = children > here ? children : here;
    }
}

/* The same tree with its steps in depth-first order, the child with the
 * larger peak - size first, which is optimal for a tree walk (Liu, On the
 * storage requirement in the out-of-core multifrontal method, TOMS 1986). */
const struct path *
einc_path_depth_first(struct arena *perm, struct arena scratch,
                      const struct net *net, const struct path *p)
{
    int n = net->n_in, top = 0, made = 0;
    double *size = NEW(&scratch, double, 2 * (int64_t)n);
    double *peak = NEW(&scratch, double, 2 * (int64_t)n);
    int *number = NEW(&scratch, int, 2 * (int64_t)n);
    int *stack = NEW(&scratch, int, 2 * (int64_t)n + 2);
    struct path_step *steps = NEW(perm, struct path_step, p->n_steps);
    struct path *r = NEW(perm, struct path, 1);
    find_peaks(scratch, net, p, size, peak);
    for (int o = 0; o < n; o++)
        number[o] = o;
    stack[top++] = n + p->n_steps - 1;
    while (top) {
        int v = stack[top - 1];
        if (number[v] || v < n) {
            top--;
            continue;
        }
        struct path_step s = p->steps[v - n];
        int ready = (number[s.lhs] || s.lhs < n) &&
                    (number[s.rhs] || s.rhs < n);
        if (ready) {
            steps[made] = (struct path_step){number[s.lhs], number[s.rhs]};
            number[v] = n + made++;
            continue;
        }
        int right_first = peak[s.rhs] - size[s.rhs] >
                          peak[s.lhs] - size[s.lhs];
        stack[top++] = right_first ? s.lhs : s.rhs;
        stack[top++] = right_first ? s.rhs : s.lhs;
    }
    *r = (struct path){p->finder, steps, made};
    return r;
}

/* --- choosing a finder -------------------------------------------------- */

/* What a name says: "NAME:SEED,work=N,deadline=MS,objective=WHAT". */
struct wish {
    const struct finder *finder;
    struct path_ask ask;
    double per_point, per_element;
    int64_t deadline_ms; /* 0: none */
    struct str seed, option; /* what is wrong with it, if either is there */
};

/* Digits only; the largest number for those beyond. */
static int
read_number(struct str s, uint64_t *number)
{
    *number = 0;
    for (int64_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return 0;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        *number = *number > (UINT64_MAX - digit) / 10
                      ? UINT64_MAX
                      : *number * 10 + digit;
    }
    return s.n > 0;
}

/* Cuts `s` at the first `c`; the rest, or p NULL if there is none. */
static struct str
cut(struct str *s, char c)
{
    const char *at = s->n ? memchr(s->p, c, (size_t)s->n) : NULL;
    struct str rest = {NULL, 0};
    if (at) {
        rest = (struct str){at + 1, s->n - (at - s->p) - 1};
        s->n = at - s->p;
    }
    return rest;
}

static const struct finder *
find_named(struct str name)
{
    const struct finder *f = einc_finders;
    while (f->name && !str_equal(name, str_of(f->name)))
        f++;
    return f->name ? f : NULL;
}

static const struct finder *
find_auto(int n)
{
    const struct finder *f = einc_finders;
    while (f->auto_operands < n)
        f++;
    return f;
}

/* "flops", "size", "writes:A": multiplications, what is written, and both,
 * each element for as much as A multiplications. */
static int
read_objective(struct str s, struct wish *w)
{
    struct str weight = cut(&s, ':');
    uint64_t a;
    if (str_equal(s, str_of("writes")) && read_number(weight, &a)) {
        w->per_point = 1;
        w->per_element = (double)a;
        return 1;
    }
    if (weight.p)
        return 0;
    if (str_equal(s, str_of("time")))
        return 1;
    int flops = str_equal(s, str_of("flops"));
    w->per_point = flops ? 1 : 0x1p-20;
    w->per_element = flops ? 0 : 1;
    return flops || str_equal(s, str_of("size"));
}

static int
read_option(struct str option, struct wish *w)
{
    enum { MOST_MS = 1000 * 1000 * 1000 };
    struct str value = cut(&option, '=');
    uint64_t n;
    if (str_equal(option, str_of("objective")))
        return read_objective(value, w);
    if (!read_number(value, &n))
        return 0;
    if (str_equal(option, str_of("deadline"))) {
        w->deadline_ms = n < MOST_MS ? (int64_t)n : MOST_MS;
        return n > 0;
    }
    w->ask.work = n > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)n;
    return str_equal(option, str_of("work"));
}

/* Whether `name` is one, with a seed and options that it takes. */
static int
read_wish(const struct net *net, struct str name, struct wish *w)
{
    struct str options = cut(&name, ','), seed = cut(&name, ':');
    int is_auto = name.n == 0 || str_equal(name, str_of("auto"));
    const struct finder *f = is_auto ? find_auto(net->n_in)
                                     : find_named(name);
    w->finder = f;
    if (!f || (name.n == 0 && (seed.p || options.p)))
        return 0;
    w->ask.work = f->work;
    int seeded = is_auto || f->find == einc_path_random ||
                 f->find == einc_path_search;
    if (seed.p && (!seeded || !read_number(seed, &w->ask.seed))) {
        w->seed = seed;
        return 0;
    }
    while (options.p) {
        struct str option = options;
        options = cut(&option, ',');
        if (!read_option(option, w)) {
            w->option = option;
            return 0;
        }
    }
    return 1;
}

static int
shown(struct str s)
{
    return s.n < 40 ? (int)s.n : 40;
}

/* Does not return. */
static void
refuse(struct cx *cx, const struct wish *w, struct str name)
{
    const struct span none = {-1, -1};
    if (w->seed.p)
        einc_fail(cx, EINC_EINVAL, "E812", none,
                  "the path finder '%s' does not take the seed '%.*s': only "
                  "search and random do, of digits",
                  w->finder->name, shown(w->seed), w->seed.p);
    if (w->option.p)
        einc_fail(cx, EINC_EINVAL, "E812", none,
                  "'%.*s' is no option of a path finder; there are work=N, "
                  "deadline=MS, objective=flops, size, writes:N, time",
                  shown(w->option), w->option.p);
    einc_fail(cx, EINC_EINVAL, "E812", none,
              "no path finder is called '%.*s'; there are auto, dp, "
              "greedy, search, estimate, measure, patient, exhaustive, "
              "whole, random:SEED", shown(name), name.p);
}

static struct wish
choose(struct cx *cx, const struct net *net, struct str name)
{
    struct wish w = {.per_point = net->per_point,
                     .per_element = net->per_element};
    if (!read_wish(net, name, &w))
        refuse(cx, &w, name);
    if (net->n_in > w.finder->max_operands)
        einc_fail(cx, EINC_ELIMIT, "E812", (struct span){-1, -1},
                  "the path finder '%s' takes at most %d operands, not %d",
                  w.finder->name, w.finder->max_operands, net->n_in);
    return w;
}

struct net
einc_path_asked(struct cx *cx, const struct net *net, struct str name,
                struct path_ask *ask)
{
    struct wish w = choose(cx, net, name);
    struct net weighed = *net;
    weighed.per_point = w.per_point;
    weighed.per_element = w.per_element;
    *ask = w.ask;
    return weighed;
}

struct watch {
    einc_clock_fn *clock;
    int64_t end_ms;
};

static int
is_late(void *user)
{
    const struct watch *w = user;
    return w->clock() >= w->end_ms;
}

/* No more work than there is time for, at 2 ns a unit, so that it is shared
 * out well; and the clock is looked at. */
static void
keep_deadline(struct wish *w, struct watch *watch, einc_clock_fn *clock)
{
    enum { UNITS_PER_MS = 500 * 1000 };
    if (!clock || !w->deadline_ms)
        return;
    *watch = (struct watch){clock, clock() + w->deadline_ms};
    if (w->ask.work > w->deadline_ms * UNITS_PER_MS)
        w->ask.work = w->deadline_ms * UNITS_PER_MS;
    w->ask.stop = is_late;
    w->ask.user = watch;
}

const struct path *
einc_path_find(struct arena *perm, struct arena scratch,
               const struct net *net, struct str name, einc_clock_fn *clock)
{
    struct wish w = choose(perm->cx, net, name);
    struct watch watch;
    struct net weighed = *net;
    if (net->n_in <= 2) {
        struct path *p = NEW(perm, struct path, 1);
        struct path_step *s = NEW(perm, struct path_step, 1);
        *s = (struct path_step){0, 1};
        *p = (struct path){w.finder->name, s, net->n_in - 1};
        return p;
    }
    weighed.per_point = w.per_point;
    weighed.per_element = w.per_element;
    keep_deadline(&w, &watch, clock);
    const struct path *found = w.finder->find(perm, scratch, &weighed, &w.ask);
    assert(found->n_steps == net->n_in - 1);
    return einc_path_depth_first(perm, scratch, net, found);
}

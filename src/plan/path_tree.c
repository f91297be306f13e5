/* SPDX-License-Identifier: MIT
 *
 * path_tree.c - see path_tree.h. What a node needs outside follows from its
 * sibling and its parent alone, also where many operands hold an index:
 *     legs(a) = held(a) & (held(b) | legs(p))   for a, b the children of p
 * so a rotation changes two nodes and no other.
 */
#include "plan/path_tree.h"

#include "plan/order.h"

/* --- the network in sets ------------------------------------------------ */

/* Up to so many extents each has words of its own. */
enum { MAX_PURE = 12 };

struct by_extent {
    const struct net *net;
    const int *used; /* the index of each number that is sorted */
};

static ORDER_BEFORE(extent_before)
{
    const struct by_extent *k = key;
    return k->net->extent[k->used[a]] < k->net->extent[k->used[b]];
}

/* Bit of every index that an operand holds, else -1; returns their number,
 * with gaps where a new extent starts a word. */
static int
place_bits(struct arena *a, const struct net *net, int *bit)
{
    int *used = NEW(a, int, net->n_indices), n = 0, at = 0, kinds = 1;
    int *place = NEW(a, int, net->n_indices);
    for (int x = 0; x < net->n_indices; x++)
        bit[x] = -1;
    for (int i = 0; i < net->first[net->n_in]; i++)
        if (bit[net->leg[i]] < 0) {
            bit[net->leg[i]] = 0;
            place[n] = n;
            used[n++] = net->leg[i];
        }
    struct by_extent key = {net, used};
    order_ints(*a, place, n, extent_before, &key);
    for (int i = 1; i < n; i++)
        kinds += extent_before(&key, place[i - 1], place[i]);
    for (int i = 0; i < n; i++) {
        int new = i && extent_before(&key, place[i - 1], place[i]);
        if (new && kinds <= MAX_PURE)
            at = (at + 63) / 64 * 64;
        bit[used[place[i]]] = at++;
    }
    return at;
}

double
einc_path_bits_bytes(const struct net *net)
{
    double words = (double)net->n_indices / 64 + 2;
    return words * 8 * 7 * net->n_in;
}

static void
fill_weights(struct path_bits *b)
{
    for (int w = 0; w < b->words; w++) {
        const int64_t *log = b->log + (int64_t)64 * w;
        b->weight[w] = log[0];
        for (int i = 1; i < 64; i++)
            if (log[i] >= 0 && log[i] != log[0])
                b->weight[w] = -1;
    }
}

struct path_bits *
einc_path_bits(struct arena *a, const struct net *net,
               const struct path_math *m)
{
    struct path_bits *b = NEW(a, struct path_bits, 1);
    int *bit = NEW(a, int, net->n_indices);
    *b = (struct path_bits){.n = net->n_in, .math = m,
                            .per_point = net->per_point,
                            .per_element = net->per_element};
    b->bit = bit;
    b->n_bits = place_bits(a, net, bit);
    b->words = b->n_bits ? bits_words(b->n_bits) : 1;
    b->weight = NEW(a, int64_t, b->words);
    b->log = NEW(a, int64_t, 64 * (int64_t)b->words);
    b->holders = NEW(a, int, 64 * (int64_t)b->words);
    b->output = NEW(a, bits_word, b->words);
    b->legs = NEW(a, bits_word, (int64_t)b->n * b->words);
    for (int i = 0; i < 64 * b->words; i++)
        b->log[i] = -1;
    for (int x = 0; x < net->n_indices; x++) {
        if (bit[x] < 0)
            continue;
        b->log[bit[x]] = einc_path_log2(net->extent[x]);
        b->holders[bit[x]] = net->holders[x];
        if (net->in_output[x])
            bits_add(b->output, bit[x]);
    }
    fill_weights(b);
    for (int o = 0; o < b->n; o++)
        for (int i = net->first[o]; i < net->first[o + 1]; i++)
            bits_add(b->legs + (int64_t)o * b->words, bit[net->leg[i]]);
#ifdef __x86_64__
    b->popcnt = __builtin_cpu_supports("popcnt") != 0;
#endif
    return b;
}

/* --- trees -------------------------------------------------------------- */

struct path_tree
einc_path_tree_open(struct arena *a, const struct path_bits *bits)
{
    int64_t n = 2 * (int64_t)bits->n - 1;
    struct path_tree t = {.bits = bits};
    t.left = NEW(a, int, n);
    t.right = NEW(a, int, n);
    t.parent = NEW(a, int, n);
    t.order = NEW(a, int, n + 1);
    t.legs = NEW(a, bits_word, n * bits->words);
    t.size = NEW(a, int64_t, n);
    t.cost = NEW(a, double, n);
    for (int o = 0; o < bits->n; o++) {
        bits_word *to = t.legs + (int64_t)o * bits->words;
        for (int w = 0; w < bits->words; w++)
            to[w] = path_leaf(bits, o)[w];
        t.left[o] = t.right[o] = -1;
        t.size[o] = path_weigh(bits, to);
    }
    return t;
}

static bits_word *
legs_of(const struct path_tree *t, int v)
{
    return t->legs + (int64_t)v * t->bits->words;
}

/* What the step that joins two sets into one of `size` costs. */
static double
pair_cost(const struct path_bits *b, int64_t space, int64_t size)
{
    return b->per_point * path_exp2(b->math, space) +
           b->per_element * path_exp2(b->math, size);
}

static void
measure(struct path_tree *t, int v)
{
    const struct path_bits *b = t->bits;
    const bits_word *l = legs_of(t, t->left[v]), *r = legs_of(t, t->right[v]);
    int64_t space = 0;
    for (int w = 0; w < b->words; w++)
        space += path_weigh_word(b, w, l[w] | r[w]);
    t->size[v] = path_weigh(b, legs_of(t, v));
    t->cost[v] = pair_cost(b, space, t->size[v]);
}

/* What the children hold -> what is needed of it. An operand loses nothing. */
static void
restrict_children(struct path_tree *t, int v)
{
    bits_word *l = legs_of(t, t->left[v]), *r = legs_of(t, t->right[v]);
    const bits_word *out = legs_of(t, v);
    for (int w = 0; w < t->bits->words; w++) {
        bits_word x = l[w] & (r[w] | out[w]), y = r[w] & (l[w] | out[w]);
        l[w] = x;
        r[w] = y;
    }
}

static void
unite_children(struct path_tree *t, int v)
{
    const bits_word *l = legs_of(t, t->left[v]), *r = legs_of(t, t->right[v]);
    bits_word *to = legs_of(t, v);
    for (int w = 0; w < t->bits->words; w++)
        to[w] = l[w] | r[w];
}

void
einc_path_tree_load(struct path_tree *t, const struct path_step *steps)
{
    int n = t->bits->n;
    for (int s = 0; s < n - 1; s++) {
        int v = n + s;
        t->left[v] = steps[s].lhs;
        t->right[v] = steps[s].rhs;
        t->parent[steps[s].lhs] = t->parent[steps[s].rhs] = v;
        unite_children(t, v);
    }
    t->root = 2 * n - 2;
    t->parent[t->root] = -1;
    bits_word *root = legs_of(t, t->root);
    for (int w = 0; n > 1 && w < t->bits->words; w++)
        root[w] &= t->bits->output[w];
    for (int v = 2 * n - 2; v >= n; v--)
        restrict_children(t, v);
    for (int v = n; v < 2 * n - 1; v++)
        measure(t, v);
}

double
einc_path_tree_cost(const struct path_tree *t)
{
    double cost = 0;
    for (int v = t->bits->n; v < 2 * t->bits->n - 1; v++)
        cost += t->cost[v];
    return cost;
}

/* Steps of the tree into `order`, parents first; returns their number. */
static int
list_steps(const struct path_tree *t)
{
    int n = 0;
    if (t->bits->n < 2)
        return 0;
    t->order[n++] = t->root;
    for (int i = 0; i < n; i++) {
        int v = t->order[i], l = t->left[v], r = t->right[v];
        if (t->left[l] >= 0)
            t->order[n++] = l;
        if (t->left[r] >= 0)
            t->order[n++] = r;
    }
    return n;
}

double
einc_path_tree_save(const struct path_tree *t, struct path_step *steps)
{
    int n = t->bits->n, n_steps = list_steps(t);
    int *number = t->parent; /* of steps; put back below */
    for (int i = n_steps - 1, s = 0; i >= 0; i--, s++) {
        int v = t->order[i], l = t->left[v], r = t->right[v];
        steps[s] = (struct path_step){l < n ? l : number[l],
                                      r < n ? r : number[r]};
        number[v] = n + s;
    }
    for (int i = 0; i < n_steps; i++)
        t->parent[t->left[t->order[i]]] = t->parent[t->right[t->order[i]]] =
            t->order[i];
    t->parent[t->root] = -1;
    return einc_path_tree_cost(t);
}

/* --- annealing ---------------------------------------------------------- */

/* ((a, b), c) -> ((a, c), b): x is (a, b), p its parent. */
struct rotation {
    int a, b, c, x, p;
    int64_t size; /* of (a, c) */
    double cost_x, cost_p;
};

static inline __attribute__((always_inline)) void
weigh_rotation(const struct path_tree *t, struct rotation *m)
{
    const struct path_bits *net = t->bits;
    const bits_word *a = legs_of(t, m->a), *b = legs_of(t, m->b);
    const bits_word *c = legs_of(t, m->c), *p = legs_of(t, m->p);
    int64_t space_x = 0, space_p = 0, size = 0;
    for (int w = 0; w < net->words; w++) {
        bits_word both = a[w] | c[w], left = both & (b[w] | p[w]);
        space_x += path_weigh_word(net, w, both);
        space_p += path_weigh_word(net, w, left | b[w]);
        size += path_weigh_word(net, w, left);
    }
    m->size = size;
    m->cost_x = pair_cost(net, space_x, size);
    m->cost_p = pair_cost(net, space_p, t->size[m->p]);
}

static void
rotate(struct path_tree *t, const struct rotation *m)
{
    const bits_word *a = legs_of(t, m->a), *b = legs_of(t, m->b);
    const bits_word *c = legs_of(t, m->c), *p = legs_of(t, m->p);
    bits_word *x = legs_of(t, m->x);
    for (int w = 0; w < t->bits->words; w++)
        x[w] = (a[w] | c[w]) & (b[w] | p[w]);
    t->left[m->x] = m->a;
    t->right[m->x] = m->c;
    t->left[m->p] = m->x;
    t->right[m->p] = m->b;
    t->parent[m->a] = t->parent[m->c] = m->x;
    t->parent[m->x] = t->parent[m->b] = m->p;
    t->size[m->x] = m->size;
    t->cost[m->x] = m->cost_x;
    t->cost[m->p] = m->cost_p;
}

/* A sweep: one move is tried at every step that has one below. */
static inline __attribute__((always_inline)) void
sweep(struct path_tree *t, const double *threshold, uint64_t *seed)
{
    int n = t->bits->n;
    for (int p = n; p < 2 * n - 1; p++) {
        uint64_t r = path_random(seed);
        int x = r & 1 ? t->left[p] : t->right[p];
        int c = r & 1 ? t->right[p] : t->left[p];
        if (x < n) {
            int other = x;
            x = c;
            c = other;
        }
        if (x < n)
            continue;
        struct rotation m = {.a = r & 2 ? t->left[x] : t->right[x],
                             .b = r & 2 ? t->right[x] : t->left[x],
                             .c = c, .x = x, .p = p};
        weigh_rotation(t, &m);
        double old = t->cost[x] + t->cost[p], new = m.cost_x + m.cost_p;
        if (new <= old || new < old * threshold[r >> 56])
            rotate(t, &m);
    }
}

static void
sweep_plain(struct path_tree *t, const double *threshold, uint64_t *seed)
{
    sweep(t, threshold, seed);
}

#ifdef __x86_64__
__attribute__((target("popcnt"))) static void
sweep_popcnt(struct path_tree *t, const double *threshold, uint64_t *seed)
{
    sweep(t, threshold, seed);
}
#else
#define sweep_popcnt sweep_plain
#endif

int64_t
einc_path_tree_sweep_work(const struct path_bits *b)
{
    return (int64_t)b->n * (10 + 2 * b->words);
}

void
einc_path_tree_anneal(struct path_tree *t, double beta, int sweeps,
                      uint64_t *seed, struct path_work *work)
{
    const struct path_math *m = t->bits->math;
    double threshold[N_QUANTILES]; /* u^(-1/beta) */
    for (int i = 0; i < N_QUANTILES; i++)
        threshold[i] =
            path_exp2(m, (int64_t)((double)m->quantile[i] / beta));
    for (int s = 0; s < sweeps && !path_work_over(work); s++) {
        work->left -= einc_path_tree_sweep_work(t->bits);
        if (t->bits->popcnt)
            sweep_popcnt(t, threshold, seed);
        else
            sweep_plain(t, threshold, seed);
    }
}

/* --- reordering subtrees ------------------------------------------------ */

struct path_subsets *
einc_path_subsets(struct arena *a, int words, int max_leaves)
{
    int64_t n = (int64_t)1 << max_leaves;
    struct path_subsets *s = NEW(a, struct path_subsets, 1);
    s->closed = NEW(a, int64_t, n);
    s->all = NEW(a, int64_t, n);
    s->inner = NEW(a, double, n);
    s->best = NEW(a, double, n);
    s->split = NEW(a, uint16_t, n);
    s->both = NEW(a, bits_word, words);
    return s;
}

/* A piece of the tree: values that are taken as they are, and the steps that
 * join them, the topmost first. */
struct piece {
    int leaf[PATH_MAX_LEAVES], n_leaves;
    int step[PATH_MAX_LEAVES], n_steps;
    double cost;
};

static void
open_step(const struct path_tree *t, struct piece *p, int at)
{
    int v = p->leaf[at];
    p->step[p->n_steps++] = v;
    p->cost += t->cost[v];
    p->leaf[at] = t->left[v];
    p->leaf[p->n_leaves++] = t->right[v];
}

/* From v downwards: the dearest step next, or any. */
static struct piece
cut_piece(const struct path_tree *t, int v, int leaves, int random,
          uint64_t *seed)
{
    struct piece p = {.leaf = {v}, .n_leaves = 1};
    while (p.n_leaves < leaves) {
        int at = -1, seen = 0;
        for (int i = 0; i < p.n_leaves; i++) {
            if (t->left[p.leaf[i]] < 0)
                continue;
            seen++;
            int better = at < 0 || (random ? !path_random_below(seed, seen)
                                           : t->cost[p.leaf[i]] >
                                                 t->cost[p.leaf[at]]);
            at = better ? i : at;
        }
        if (at < 0)
            break;
        open_step(t, &p, at);
    }
    return p;
}

/* closed[m]: indices that exactly the leaves m hold and nobody outside;
 * all[m]: whether or not. */
static void
class_indices(const struct path_tree *t, struct path_subsets *s,
              const struct piece *p)
{
    const struct path_bits *b = t->bits;
    const bits_word *out = legs_of(t, p->step[0]);
    const bits_word *leaf[PATH_MAX_LEAVES];
    int n_subsets = 1 << p->n_leaves;
    for (int m = 0; m < n_subsets; m++)
        s->closed[m] = s->all[m] = 0;
    for (int i = 0; i < p->n_leaves; i++)
        leaf[i] = legs_of(t, p->leaf[i]);
    for (int w = 0; w < b->words; w++) {
        bits_word any = 0;
        for (int i = 0; i < p->n_leaves; i++)
            any |= leaf[i][w];
        for (; any; any &= any - 1) {
            int x = __builtin_ctzll(any), m = 0;
            for (int i = 0; i < p->n_leaves; i++)
                m |= (int)(leaf[i][w] >> x & 1) << i;
            s->all[m] += b->log[64 * w + x];
            if (!(out[w] >> x & 1))
                s->closed[m] += b->log[64 * w + x];
        }
    }
}

/* f[s] = sum of f[m] over m within s. */
static void
sum_subsets(int64_t *f, int k)
{
    for (int i = 0; i < k; i++)
        for (int m = 0; m < 1 << k; m++)
            if (m >> i & 1)
                f[m] += f[m ^ 1 << i];
}

/* The best way to make each subset S of the leaves. With touch(S) the log of
 * all indices that some member holds and inner(S) that of those that nobody
 * else holds, S leaves 2^(touch(S) - inner(S)) elements, and the step that
 * makes it of A and B has 2^(touch(S) - inner(A) - inner(B)) points: no set of
 * indices is looked at. Sizes beyond what doubles hold are scaled down by
 * 2^base. Returns the cost of all. */
static double
fill_best(const struct path_tree *t, struct path_subsets *s, int k,
          int64_t *base)
{
    const struct path_bits *b = t->bits;
    const struct path_math *m = b->math;
    int full = (1 << k) - 1;
    int64_t most = (int64_t)(LOG_MAX_WHOLE - 100) << LOG_BITS;
    sum_subsets(s->closed, k);
    sum_subsets(s->all, k);
    *base = s->all[full] > most ? s->all[full] - most : 0;
    for (int i = 1; i <= full; i++)
        s->inner[i] = path_exp2(m, -s->closed[i]);
    for (int i = 1; i <= full; i++) {
        int rest = i & (i - 1), low = i ^ rest, split = 0;
        s->best[i] = 0;
        if (!rest)
            continue;
        int64_t touch = s->all[full] - s->all[full ^ i] - *base;
        double space = b->per_point * path_exp2(m, touch), least = -1;
        for (int other = rest; other; other = (other - 1) & rest) {
            int one = (rest ^ other) | low;
            double c = s->best[one] + s->best[other];
            if (least >= 0 && c >= least)
                continue;
            c += space * s->inner[one] * s->inner[other];
            split = least < 0 || c < least ? one : split;
            least = least < 0 || c < least ? c : least;
        }
        s->split[i] = (uint16_t)split;
        s->best[i] = least + b->per_element *
                                 path_exp2(m, touch - s->closed[i]);
    }
    return s->best[full];
}

/* Puts the steps of a piece where `split` says. */
static void
rebuild(struct path_tree *t, const struct path_subsets *s,
        const struct piece *p)
{
    int set[PATH_MAX_LEAVES], used = 1;
    set[0] = (1 << p->n_leaves) - 1;
    for (int i = 0; i < p->n_steps; i++) {
        int part[2] = {s->split[set[i]], set[i] ^ s->split[set[i]]};
        int child[2];
        for (int c = 0; c < 2; c++) {
            if (part[c] & (part[c] - 1)) {
                set[used] = part[c];
                child[c] = p->step[used++];
            } else {
                child[c] = p->leaf[__builtin_ctz((unsigned)part[c])];
            }
            t->parent[child[c]] = p->step[i];
        }
        t->left[p->step[i]] = child[0];
        t->right[p->step[i]] = child[1];
    }
}

/* Legs of the steps of a piece below its topmost, whose own stay. */
static void
renew(struct path_tree *t, const struct piece *p)
{
    for (int i = p->n_steps - 1; i > 0; i--)
        unite_children(t, p->step[i]);
    for (int i = 0; i < p->n_steps; i++)
        restrict_children(t, p->step[i]);
    for (int i = 0; i < p->n_steps; i++)
        measure(t, p->step[i]);
}

/* Whether it is cheaper now. */
static int
reorder_piece(struct path_tree *t, struct path_subsets *s,
              const struct piece *p)
{
    int64_t base;
    class_indices(t, s, p);
    double best = fill_best(t, s, p->n_leaves, &base);
    if (base == 0 && best >= p->cost * 0.999999)
        return 0;
    rebuild(t, s, p);
    renew(t, p);
    return 1;
}

static int64_t
power3(int k)
{
    int64_t r = 1;
    while (k-- > 0)
        r *= 3;
    return r;
}

/* One pass over all steps, from the root down. Steps that are cheap beside
 * all others are passed over. */
static void
reorder_pass(struct path_tree *t, struct path_subsets *s, int leaves,
             int random, uint64_t *seed, struct path_work *work)
{
    int n = t->bits->n;
    double ignored = einc_path_tree_cost(t) * 1e-6;
    for (int v = 2 * n - 2; v >= n && !path_work_over(work); v--) {
        struct piece p = cut_piece(t, v, leaves, random, seed);
        work->left -= 20;
        if (p.n_leaves < 3 || p.cost < ignored)
            continue;
        work->left -= power3(p.n_leaves) / 2 + 30 * t->bits->words + 600;
        reorder_piece(t, s, &p);
    }
}

void
einc_path_tree_reorder(struct path_tree *t, struct path_subsets *s,
                       int leaves, uint64_t *seed, struct path_work *work)
{
    enum { MAX_PASSES = 30 };
    double before = einc_path_tree_cost(t);
    for (int pass = 0, dull = 0; pass < MAX_PASSES && dull < 2; pass++) {
        reorder_pass(t, s, leaves, pass & 1, seed, work);
        double now = einc_path_tree_cost(t);
        dull = now < before * 0.9999 ? 0 : dull + 1;
        before = now;
        if (path_work_over(work))
            return;
    }
}

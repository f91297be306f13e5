/* SPDX-License-Identifier: MIT
 *
 * path_slice.c - see path_slice.h. Slicing an index of extent e divides the
 * cost of the steps that hold it by e, and then everything is done e times: it
 * is free for steps that hold it. The index of the largest intermediate that
 * costs least so is sliced until all of them fit. Then, as long as there is
 * work: of the best, or of what was accepted last, a few slices are undone,
 * the tree is annealed a little and put in order, and sliced again. Where that
 * ends depends on the tree it began with, by orders of magnitude: so several
 * begin, and the best goes on.
 */
#include "plan/path_slice.h"

#include "plan/path_tree.h"

/* A path and the indices sliced for it. */
struct state {
    struct path_step *steps;
    bits_word *mask; /* [words] */
    int64_t log;     /* log2 of slices */
    double cost;     /* of one slice */
};

struct slicer {
    const struct net *net;
    struct path_bits *bits;  /* without the sliced indices */
    const bits_word *legs;   /* [n][words] with them */
    struct path_tree tree;
    struct path_subsets *subsets;
    struct state now, best, trial;
    double *held;            /* [64*words] cost of the steps that hold it */
    int64_t limit;
    struct path_work work;
    uint64_t seed;
};

static struct state
open_state(struct arena *a, const struct path_bits *b)
{
    return (struct state){NEW(a, struct path_step, b->n),
                          NEW(a, bits_word, b->words), 0, 0};
}

/* --- one network less --------------------------------------------------- */

/* Hides the indices of a mask, in the network and its leaves in the tree. */
static void
hide(struct slicer *s, const bits_word *mask)
{
    struct path_bits *b = s->bits;
    for (int o = 0; o < b->n; o++) {
        int64_t at = (int64_t)o * b->words;
        for (int w = 0; w < b->words; w++)
            b->legs[at + w] = s->tree.legs[at + w] =
                s->legs[at + w] & ~mask[w];
        s->tree.size[o] = path_weigh(b, b->legs + at);
    }
}

static int64_t
weigh_mask(const struct slicer *s, const bits_word *mask)
{
    return path_weigh(s->bits, mask);
}

static void
load(struct slicer *s, const struct state *x)
{
    hide(s, x->mask);
    einc_path_tree_load(&s->tree, x->steps);
    s->work.left -= (int64_t)s->bits->n * (20 + 6 * s->bits->words);
}

/* The largest intermediate, -1 if all of them fit. */
static int
find_largest(const struct slicer *s)
{
    const struct path_tree *t = &s->tree;
    int n = s->bits->n, best = -1;
    for (int v = n; v < 2 * n - 1; v++)
        if (v != t->root && t->size[v] > s->limit &&
            (best < 0 || t->size[v] > t->size[best]))
            best = v;
    return best;
}

/* --- slicing ------------------------------------------------------------ */

static void
sum_held(struct slicer *s)
{
    const struct path_tree *t = &s->tree;
    int words = s->bits->words, n = s->bits->n;
    for (int x = 0; x < 64 * words; x++)
        s->held[x] = 0;
    for (int v = n; v < 2 * n - 1; v++) {
        const bits_word *l = t->legs + (int64_t)t->left[v] * words;
        const bits_word *r = t->legs + (int64_t)t->right[v] * words;
        for (int w = 0; w < words; w++)
            for (bits_word set = l[w] | r[w]; set; set &= set - 1)
                s->held[64 * w + __builtin_ctzll(set)] += t->cost[v];
    }
    s->work.left -= (int64_t)n * (10 + 2 * words);
}

/* The index of value v that costs least to slice, per bit of its extent; with
 * some noise, so that another attempt takes another. */
static int
choose_index(struct slicer *s, int v, double noise)
{
    const bits_word *legs = s->tree.legs + (int64_t)v * s->bits->words;
    double total = einc_path_tree_cost(&s->tree), least = 0;
    int best = -1;
    for (int w = 0; w < s->bits->words; w++)
        for (bits_word set = legs[w]; set; set &= set - 1) {
            int x = 64 * w + __builtin_ctzll(set);
            double log = (double)s->bits->log[x] * (1.0 / LOG_ONE);
            double e = path_exp2(s->bits->math, s->bits->log[x]);
            double more = (e * (total - s->held[x]) + s->held[x]) / total;
            double score = path_rough_log2(more < 1 ? 1 : more) / log;
            uint64_t r = path_random(&s->seed) >> 56;
            score -= noise * s->bits->math->gumbel[r];
            if (best < 0 || score < least) {
                best = x;
                least = score;
            }
        }
    return best;
}

/* Slices until all fits. Returns whether it does. */
static int
slice(struct slicer *s, struct state *x, double noise)
{
    for (int v; (v = find_largest(s)) >= 0;) {
        sum_held(s);
        int index = choose_index(s, v, noise);
        if (index < 0)
            return 0;
        bits_add(x->mask, index);
        einc_path_tree_save(&s->tree, x->steps);
        load(s, x);
    }
    return 1;
}

/* Takes back what is sliced in vain. */
static void
thin_out(struct slicer *s, struct state *x)
{
    for (int w = 0; w < s->bits->words; w++)
        for (bits_word set = x->mask[w]; set; set &= set - 1) {
            int index = 64 * w + __builtin_ctzll(set);
            bits_remove(x->mask, index);
            load(s, x);
            if (find_largest(s) >= 0)
                bits_add(x->mask, index);
        }
    load(s, x);
}

static void
finish(struct slicer *s, struct state *x)
{
    x->cost = einc_path_tree_save(&s->tree, x->steps);
    x->log = weigh_mask(s, x->mask);
}

static void
copy(const struct slicer *s, struct state *to, const struct state *from)
{
    for (int i = 0; i < s->bits->n - 1; i++)
        to->steps[i] = from->steps[i];
    for (int w = 0; w < s->bits->words; w++)
        to->mask[w] = from->mask[w];
    to->log = from->log;
    to->cost = from->cost;
}

/* --- the search --------------------------------------------------------- */

static void
undo_some(struct slicer *s, struct state *x)
{
    enum { MOST = 4 };
    int n = bits_count(x->mask, s->bits->words);
    int undone = 1 + path_random_below(&s->seed, MOST);
    for (; undone > 0 && n > 0; undone--, n--) {
        int nth = path_random_below(&s->seed, n);
        for (int w = 0; w < s->bits->words; w++)
            for (bits_word set = x->mask[w]; set; set &= set - 1)
                if (nth-- == 0)
                    bits_remove(x->mask, 64 * w + __builtin_ctzll(set));
    }
}

/* Cost of all slices of `a` beside that of `b`, log2. */
static double
compare(const struct state *a, const struct state *b)
{
    double ratio = a->cost / b->cost;
    double log = ratio >= 1 ? path_rough_log2(ratio)
                            : -path_rough_log2(1 / ratio);
    return log + (double)(a->log - b->log) * (1.0 / LOG_ONE);
}

/* A little, from one of several heats. */
static void
anneal(struct slicer *s)
{
    enum { STEPS = 6 };
    double beta = 1 << path_random_below(&s->seed, 3);
    int sweeps = 1 + path_random_below(&s->seed, 8);
    for (int i = 0; i < STEPS; i++, beta *= 1.6)
        einc_path_tree_anneal(&s->tree, beta, sweeps, &s->seed, &s->work);
}

static void
improve(struct slicer *s, double part)
{
    enum { LEAVES = 8 };
    struct state *x = &s->trial;
    copy(s, x, &s->now);
    undo_some(s, x);
    load(s, x);
    anneal(s);
    einc_path_tree_reorder(&s->tree, s->subsets, LEAVES, &s->seed, &s->work);
    einc_path_tree_save(&s->tree, x->steps);
    if (!slice(s, x, 0.02))
        return;
    thin_out(s, x);
    finish(s, x);
    /* what is a little worse is accepted at first */
    double worse = compare(x, &s->now);
    double bound = 0.3 * (1 - part) *
                   (double)(path_random(&s->seed) >> 40) * 0x1p-24;
    if (worse <= bound)
        copy(s, &s->now, x);
    if (compare(x, &s->best) < 0)
        copy(s, &s->best, x);
}

/* Improves what is there for as much work as that. */
static void
improve_for(struct slicer *s, int64_t units)
{
    struct path_work all = s->work;
    s->work.left = units;
    for (int i = 1; !path_work_over(&s->work); i++) {
        improve(s, 1 - (double)s->work.left / (double)units);
        if (i % 64 == 0)
            copy(s, &s->now, &s->best);
    }
    s->work.left += all.left - units;
}

/* From a path to a sliced one; whether there is one. */
static int
begin(struct slicer *s, const struct path_step *steps)
{
    struct state *x = &s->now;
    for (int i = 0; i < s->bits->n - 1; i++)
        x->steps[i] = steps[i];
    for (int w = 0; w < s->bits->words; w++)
        x->mask[w] = 0;
    load(s, x);
    if (!slice(s, x, 0))
        return 0;
    thin_out(s, x);
    finish(s, x);
    copy(s, &s->best, x);
    return 1;
}

/* Paths of other seeds, each with a share of the work, then the best with what
 * is left. */
static void
search(struct arena scratch, struct slicer *s, const struct path_ask *ask)
{
    enum { N_PATHS = 12, OPERAND_BYTES = 1200, SPARE_BYTES = 4096 };
    int64_t bytes = (int64_t)s->net->n_in * OPERAND_BYTES + SPARE_BYTES;
    char *room = NEW(&scratch, char, bytes);
    int64_t share = s->work.left / (2 * N_PATHS);
    struct state winner = open_state(&scratch, s->bits);
    struct path_ask other = *ask;
    other.work = share / 2;
    improve_for(s, share);
    copy(s, &winner, &s->best);
    for (int i = 1; i < N_PATHS && !path_work_over(&s->work); i++) {
        struct arena perm = {room, room + bytes, scratch.cx};
        other.seed++;
        s->work.left -= other.work;
        if (!begin(s, einc_path_search(&perm, scratch, s->net,
                                       &other)->steps))
            continue;
        improve_for(s, share - other.work);
        if (compare(&s->best, &winner) < 0)
            copy(s, &winner, &s->best);
    }
    copy(s, &s->now, &winner);
    copy(s, &s->best, &winner);
    improve_for(s, s->work.left);
}

/* --- in and out --------------------------------------------------------- */

static void
open_slicer(struct slicer *s, struct arena *a, const struct net *net,
            const struct path_math *m, const struct path_ask *ask)
{
    enum { LEAVES = 8 };
    const int64_t usual = 300 * 1000 * 1000;
    int64_t work = ask->work == WORK_AUTO ? usual : ask->work;
    s->net = net;
    s->bits = einc_path_bits(a, net, m);
    int64_t words = (int64_t)s->bits->n * s->bits->words;
    bits_word *legs = NEW(a, bits_word, words);
    for (int64_t i = 0; i < words; i++)
        legs[i] = s->bits->legs[i];
    s->legs = legs;
    s->tree = einc_path_tree_open(a, s->bits);
    s->subsets = einc_path_subsets(a, s->bits->words, LEAVES);
    s->now = open_state(a, s->bits);
    s->best = open_state(a, s->bits);
    s->trial = open_state(a, s->bits);
    s->held = NEW(a, double, 64 * (int64_t)s->bits->words);
    s->work = (struct path_work){work, ask->stop, ask->user};
    s->seed = ask->seed;
}

/* Indices of the network whose bits are in the mask. */
static struct path_sliced
list_indices(struct arena *perm, const struct slicer *s,
             const struct path *path)
{
    const struct net *net = s->net;
    int n_indices = net->n_indices;
    int *index = NEW(perm, int, n_indices), n = 0;
    struct path *p = NEW(perm, struct path, 1);
    struct path_step *steps = NEW(perm, struct path_step, net->n_in);
    for (int x = 0; x < n_indices; x++)
        if (s->bits->bit[x] >= 0 && bits_has(s->best.mask, s->bits->bit[x]))
            index[n++] = x;
    for (int i = 0; i < net->n_in - 1; i++)
        steps[i] = s->best.steps[i];
    *p = (struct path){path->finder, steps, net->n_in - 1};
    return (struct path_sliced){p, index, n,
                                (double)s->best.log * (1.0 / LOG_ONE), 1};
}

struct path_sliced
einc_path_slice(struct arena *perm, struct arena scratch,
                const struct net *net, const struct path *path,
                double log2_limit, const struct path_ask *ask)
{
    struct slicer *s = NEW(&scratch, struct slicer, 1);
    struct path_math *math = NEW(&scratch, struct path_math, 1);
    einc_path_math_open(math);
    open_slicer(s, &scratch, net, math, ask);
    s->limit = (int64_t)(log2_limit * LOG_ONE) + LOG_ONE / 1024;
    for (int i = 0; i < path->n_steps; i++)
        s->now.steps[i] = path->steps[i];
    load(s, &s->now);
    if (find_largest(s) < 0)
        return (struct path_sliced){path, NULL, 0, 0, 1};
    if (!begin(s, path->steps))
        return (struct path_sliced){path, NULL, 0, 0, 0};
    search(scratch, s, ask);
    return list_indices(perm, s, path);
}

/* SPDX-License-Identifier: MIT
 *
 * path_dp.c - the exact finder: the best way to make every subset of the
 * operands, outer products included. What a subset leaves depends on the
 * subset alone, also where indices are held by more than two: exactly those
 * of its indices that the output or an operand outside holds.
 */
#include "base/bits.h"
#include "plan/cost.h"
#include "plan/path.h"

/* Tables per subset, a bit per operand; rows of `words` for sets of indices. */
struct table {
    const struct net *net;
    int words;
    bits_word *held; /* indices that some member holds */
    bits_word *legs; /* those of them that are needed outside */
    bits_word *output;
    double *size;    /* elements of the result */
    double *cost;    /* of the best way to make it */
    unsigned *split; /* the part of it that holds its first member */
};

static bits_word *
row(const struct table *t, bits_word *sets, unsigned subset)
{
    return sets + (size_t)subset * (size_t)t->words;
}

static double
size_of(const struct table *t, const bits_word *set, const bits_word *minus)
{
    double r = 1;
    for (int w = 0; w < t->words; w++)
        for (bits_word s = set[w] & ~(minus ? minus[w] : 0); s; s &= s - 1)
            r = einc_cost_size(
                r, t->net->extent[64 * w + __builtin_ctzll(s)]);
    return r;
}

static void
fill_held(struct table *t)
{
    unsigned n_subsets = 1u << t->net->n_in;
    for (unsigned s = 1; s < n_subsets; s++) {
        int o = __builtin_ctz(s);
        bits_word *to = row(t, t->held, s);
        const bits_word *from = row(t, t->held, s & (s - 1));
        for (int w = 0; w < t->words; w++)
            to[w] = from[w];
        for (int i = t->net->first[o]; i < t->net->first[o + 1]; i++)
            bits_add(to, t->net->leg[i]);
    }
}

static void
fill_legs(struct table *t)
{
    unsigned all = (1u << t->net->n_in) - 1;
    for (unsigned s = 1; s <= all; s++) {
        bits_word *inside = row(t, t->held, s), *to = row(t, t->legs, s);
        bits_word *outside = row(t, t->held, all ^ s);
        for (int w = 0; w < t->words; w++)
            to[w] = inside[w] & (outside[w] | t->output[w]);
        t->size[s] = size_of(t, to, NULL);
    }
}

/* Points of the step that joins two disjoint subsets. */
static double
space_of(const struct table *t, unsigned a, unsigned b)
{
    double more = size_of(t, row(t, t->legs, b), row(t, t->legs, a));
    return einc_cost_size(t->size[a], more);
}

/* All pairs of parts of s, both made before: their numbers are smaller. */
static void
fill_cost(struct table *t, unsigned s)
{
    unsigned low = s & -s, rest = s ^ low;
    double best = -1;
    for (unsigned other = rest; other; other = (other - 1) & rest) {
        double parts = t->cost[s ^ other] + t->cost[other];
        if (best >= 0 && parts >= best)
            continue;
        double c = parts +
                   (t->net->per_point * space_of(t, s ^ other, other) +
                    t->net->per_element * t->size[s]);
        if (best >= 0 && c >= best)
            continue;
        best = c;
        t->split[s] = s ^ other;
    }
    t->cost[s] = best;
}

/* Steps that make s, parts first; depth at most the number of operands. */
static int
unfold(const struct table *t, unsigned s, struct path_step *steps, int *n)
{
    if ((s & (s - 1)) == 0)
        return __builtin_ctz(s);
    int lhs = unfold(t, t->split[s], steps, n);
    int rhs = unfold(t, s ^ t->split[s], steps, n);
    steps[*n] = (struct path_step){lhs, rhs};
    return t->net->n_in + (*n)++;
}

static struct table
open_table(struct arena *a, const struct net *net)
{
    int64_t n_subsets = (int64_t)1 << net->n_in;
    struct table t = {.net = net, .words = bits_words(net->n_indices)};
    t.held = NEW(a, bits_word, n_subsets * t.words);
    t.legs = NEW(a, bits_word, n_subsets * t.words);
    t.output = NEW(a, bits_word, t.words);
    t.size = NEW(a, double, n_subsets);
    t.cost = NEW(a, double, n_subsets);
    t.split = NEW(a, unsigned, n_subsets);
    for (int x = 0; x < net->n_indices; x++)
        if (net->in_output[x])
            bits_add(t.output, x);
    return t;
}

/* 3^n/2 pairs of subsets, each some words of bits. */
const struct path *
einc_path_dp(struct arena *perm, struct arena scratch, const struct net *net,
             const struct path_ask *ask)
{
    struct path_step *steps = NEW(perm, struct path_step, net->n_in);
    struct path *p = NEW(perm, struct path, 1);
    struct table t = open_table(&scratch, net);
    unsigned all = (1u << net->n_in) - 1;
    int n = 0;
    (void)ask;
    fill_held(&t);
    fill_legs(&t);
    for (unsigned s = 1; s <= all; s++)
        if (s & (s - 1))
            fill_cost(&t, s);
    unfold(&t, all, steps, &n);
    *p = (struct path){"dp", steps, n};
    return p;
}

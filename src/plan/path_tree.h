/* SPDX-License-Identifier: MIT
 *
 * path_tree.h - a path as a tree over sets of indices, and the two ways to
 * make it better: annealing by rotations and exact reordering of small
 * subtrees. A tree of n operands has nodes 0 to n - 1 for these and n to
 * 2*n - 2 for the steps.
 */
#ifndef EINC_PLAN_PATH_TREE_H
#define EINC_PLAN_PATH_TREE_H

#include "base/bits.h"
#include "plan/path.h"
#include "plan/path_math.h"

/* A network in sets. Indices of one extent share words where few extents are
 * there, so that the size of a set is a sum of populations. */
struct path_bits {
    int n, words, n_bits;
    int64_t *weight;   /* [words] log2 extent of all its bits; -1: mixed */
    int64_t *log;      /* [64*words] log2 extent of each bit */
    bits_word *legs;   /* [n][words] */
    bits_word *output; /* [words] */
    int *holders;      /* [64*words] as in struct net */
    int *bit;          /* [net.n_indices] of each index, -1: nobody holds it */
    double per_point, per_element;
    const struct path_math *math;
    int popcnt;        /* the processor counts bits */
};

/* Bytes that the search of such a network takes, roughly; for limits. */
double einc_path_bits_bytes(const struct net *net);
struct path_bits *einc_path_bits(struct arena *a, const struct net *net,
                                 const struct path_math *m);

/* What is left to be done, in units of about 3 ns; < 0: stop. */
struct path_work {
    int64_t left;
    int (*stop)(void *user); /* NULL, or whether to stop before that */
    void *user;
};

struct path_tree {
    const struct path_bits *bits;
    int *left, *right;  /* [2n - 1] of steps; -1 of operands */
    int *parent;        /* [2n - 1] -1 of the root */
    bits_word *legs;    /* [2n - 1][words] what is needed outside */
    int64_t *size;      /* [2n - 1] log2 of its elements */
    double *cost;       /* [2n - 1] of this step */
    int *order;         /* [2n - 1] room for walks */
    int root;
};

struct path_tree einc_path_tree_open(struct arena *a,
                                     const struct path_bits *bits);
/* The tree of n - 1 steps. */
void einc_path_tree_load(struct path_tree *t, const struct path_step *steps);
/* And back, operands first; returns what the tree costs. */
double einc_path_tree_save(const struct path_tree *t, struct path_step *steps);
double einc_path_tree_cost(const struct path_tree *t);

/* Work of a sweep: all nodes once. */
int64_t einc_path_tree_sweep_work(const struct path_bits *b);
/* Rotations, each accepted with probability min(1, (new/old)^-beta), for
 * `sweeps` times all nodes. */
void einc_path_tree_anneal(struct path_tree *t, double beta, int sweeps,
                           uint64_t *seed, struct path_work *work);

/* Room for reordering subtrees of up to PATH_MAX_LEAVES values. */
enum { PATH_MAX_LEAVES = 12 };
struct path_subsets {
    int64_t *closed, *all; /* [2^k] log2 of indices by who holds them, then of
                            * those within a subset */
    double *inner, *best;
    uint16_t *split;
    bits_word *both;       /* [words] */
};
struct path_subsets *einc_path_subsets(struct arena *a, int words,
                                       int max_leaves);

/* The best order of every subtree of up to `leaves` values, again and again
 * until a pass gains little. Exact for a tree of so many operands, outer
 * products included. */
void einc_path_tree_reorder(struct path_tree *t, struct path_subsets *s,
                            int leaves, uint64_t *seed,
                            struct path_work *work);

/* --- for those that make trees ------------------------------------------ */

static inline __attribute__((always_inline)) int64_t
path_weigh_word(const struct path_bits *b, int w, bits_word s)
{
    if (b->weight[w] >= 0)
        return b->weight[w] * __builtin_popcountll(s);
    int64_t r = 0;
    for (; s; s &= s - 1)
        r += b->log[64 * w + __builtin_ctzll(s)];
    return r;
}

static inline __attribute__((always_inline)) int64_t
path_weigh(const struct path_bits *b, const bits_word *s)
{
    int64_t r = 0;
    for (int w = 0; w < b->words; w++)
        r += path_weigh_word(b, w, s[w]);
    return r;
}

static inline const bits_word *
path_leaf(const struct path_bits *b, int leaf)
{
    return b->legs + (int64_t)leaf * b->words;
}

static inline int
path_work_over(const struct path_work *w)
{
    return w->left < 0 || (w->stop && w->stop(w->user));
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * nested.h - a sum of products of several tensors as sums within sums: each
 * tensor is multiplied in at the outermost loop where all of its summed
 * indices are fixed, so that
 *     sum[j,k](A[i,j,k]*B[j,r]*C[k,r]) = sum[j](B[j,r]*sum[k](A[i,j,k]*C[k,r]))
 * costs what its longest product costs, and no intermediate leaves the
 * registers. This chooses the order of the loops, the index in the lanes and
 * how many values of the others are worked on at once; it knows a machine as
 * a table of numbers and no code.
 */
#ifndef EINC_PLAN_NESTED_H
#define EINC_PLAN_NESTED_H

#include "plan/machine.h"
#include "plan/plan.h"

enum { NESTED_MAX_IDX = 12, NESTED_MAX_IN = 8 };

/* Sets of indices are bits: index j is 1u << j. */
struct nested_tensor {
    int64_t stride[NESTED_MAX_IDX]; /* elements; 0 if it does not hold it */
    unsigned holds;
    int bytes;                      /* of an element */
};

/* What is to be computed. Extents are 2 or more, real types only. */
struct nested_sum {
    enum einc_dtype compute;
    int n_idx, n_in;
    double extent[NESTED_MAX_IDX];
    unsigned summed; /* one index at least */
    struct nested_tensor in[NESTED_MAX_IN], out;
};

/* How: loops over the free indices, within them loops over the summed ones.
 * Loops in a row with one set of accumulators are a level; a tensor is
 * multiplied in at the end of its level. */
struct nested {
    int lane;        /* index whose values are in the lanes, -1: scalars */
    int lanes;       /* of a vector; at most the lane's extent */
    int vectors;     /* of the lane's index at a time */
    int copies[NESTED_MAX_IDX]; /* values of each other index at a time */
    unsigned block;  /* indices with more than one value at a time */
    int free[NESTED_MAX_IDX], n_free; /* slowest first */
    int loop[NESTED_MAX_IDX], n_loops; /* the summed ones, outermost first */
    int level[NESTED_MAX_IDX]; /* of each summed index */
    int n_levels;
    int home[NESTED_MAX_IN];   /* level of each tensor, -1: no summed index */
    double seconds;  /* modelled, one thread */
};

/* The best way found; 0 if there is none. Takes 10^3 evaluations of the model
 * at most. */
int einc_nested_choose(const struct machine *m, const struct nested_sum *q,
                       struct nested *x);

/* Values of index j at a time. */
int einc_nested_copies(const struct nested *x, int j);
/* Indices of the block that the accumulators of a level are told apart by.
 * Those of the innermost level have one for each value that is summed there,
 * too, since a sum in one register would wait for itself; so have lanes, which
 * are added up last of all. */
unsigned einc_nested_live(const struct nested_sum *q, const struct nested *x,
                          int level);
/* Whether the values of tensor o along the lanes come from whole runs of
 * memory: it holds the lane's index with stride s, and another one with stride
 * 1, all s values of which are in the block. Returns that one or -1. */
int einc_nested_split(const struct nested_sum *q, const struct nested *x,
                      int o);

#endif

/* SPDX-License-Identifier: MIT
 *
 * lanes.h - the lanes family: many products of tiny matrices,
 *     out[m,n,b] = sum(k) lhs[m,k,b] * rhs[k,n,b]
 * where an index b that out and one operand or both are contiguous along runs
 * in vectors, and M, N and K are so small that all of them are spelled out.
 * An operand without b is broadcast. Whatever else is counted runs outside.
 * Where the elements of one product lie together in memory instead, as rows of
 * coordinates do, as many products as a vector has lanes are read as they lie
 * and turned in registers; so are results.
 */
#ifndef EINC_CODEGEN_LANES_H
#define EINC_CODEGEN_LANES_H

#include "codegen/nest.h"
#include "codegen/records.h"

enum {
    LANES_MOST = 4,   /* indices of rows, of columns */
    LANES_RECORD = 16 /* elements of a product that are turned */
};

/* Indices of one side of a product; slowest first. */
struct lanes_side {
    int idx[LANES_MOST], n;
    int64_t size;     /* product of their extents */
    int broadcast;    /* the operand does not hold the lane */
};

/* Which index does what, the same for all targets. Side 0 are rows, which
 * operand 0 holds, side 1 columns. */
struct lanes_roles {
    int lane;         /* -1: no such kernel can do the step */
    struct lanes_side side[2];
    int64_t depth;    /* product of the summed extents */
    int record[3];    /* of the operands and of out: elements from one product
                       * to the next, between which all elements of the one
                       * lie; 0: the lane runs along memory, or is held */
    int turns;        /* whether any of them has a record */
    int paired;       /* complex: side whose elements are split into real and
                       * imaginary parts, each times the other side's pairs */
};

/* How a target cuts a product: tiles of rows and columns whose sums are in
 * registers, over some vectors of the lane. */
struct lanes_cut {
    int vector_bytes; /* 0: scalars */
    int lanes;        /* elements of a vector; of complex ones half as many */
    int vectors;      /* at a time */
    int64_t step;     /* elements at a time */
    int parts[2];     /* of the rows, of the columns: tiles */
    int64_t chunk;    /* elements of a task, the last one has more */
    int ragged;       /* a task may end with part of a step: it is done again
                       * from further left */
    int apart;        /* a loop over the task's lanes for each tile, not all
                       * tiles in one: too many rows of memory at a time */
    int64_t run;      /* elements of each row of out that are gathered before
                       * they go past the cache, line by line; 0: they are
                       * stored at once */
};

struct lanes_roles einc_lanes_roles(const struct nest *w);
struct lanes_cut einc_lanes_cut(const struct nest *w,
                                const struct lanes_roles *r,
                                const struct target *t);
/* How a tensor is turned, with no names yet; size 0: it is not. */
struct records einc_lanes_records(const struct nest *w,
                                  const struct lanes_roles *r,
                                  const struct lanes_cut *c, int tensor);
/* Tasks along the lane if it has n elements. */
int64_t einc_lanes_tasks(const struct lanes_cut *c, int64_t n);
/* Value of the k-th index of a side in row or column `at`. */
int64_t einc_lanes_value(const struct nest *w, const struct lanes_side *x,
                         int k, int64_t at);
/* Whether index j counts products. */
int einc_lanes_is_outer(const struct nest *w, const struct lanes_roles *r,
                        int j);

#endif

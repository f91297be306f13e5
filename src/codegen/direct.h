/* SPDX-License-Identifier: MIT
 *
 * direct.h - the direct family: products small enough to be read where they
 * are, out[m,n] = sum(k) lhs[m,k] * rhs[k,n], one for each position of the
 * indices that are neither rows, columns nor summed. Columns are contiguous
 * in rhs and out and run in vectors; an element of lhs is multiplied with a
 * vector at a time. All strides inside of a product are literals.
 */
#ifndef EINC_CODEGEN_DIRECT_H
#define EINC_CODEGEN_DIRECT_H

#include "codegen/nest.h"

enum { DIRECT_MOST_ROWS = 4 };

/* Which index does what, the same for all targets. */
struct direct_roles {
    int lane;       /* columns; -1: no direct kernel can do the step */
    int lhs;        /* number of the operand whose elements are broadcast;
                     * 1 - lhs is loaded along the lane */
    int row[DIRECT_MOST_ROWS]; /* indices of a row's number, slowest first; if
                     * there are several, one tile holds all rows */
    int n_rows;
};

/* n[0] parts of `size`, then n[1] of size - 1. */
struct cut {
    int64_t n[2];
    int size;
};

/* How a target cuts a product. */
struct direct {
    int lanes;            /* of a vector; 1: scalars */
    int vector_bytes;
    int ragged;           /* the last vector of a row overlaps the one before,
                           * so that it ends with the row */
    int64_t last;         /* of a ragged row: column it begins at */
    int64_t depth, rows, columns;
    struct cut panels;    /* of the columns, in vectors */
    struct cut tiles;     /* of the rows */
    int64_t panel_block, tile_block; /* of these in one task */
    int unrolled;         /* no loop over k */
    int64_t ahead[2];     /* lines of the next product's operand (by number)
                           * that are fetched meanwhile, one per step of k;
                           * 0: none */
    int stream;           /* out goes past the cache if it is aligned */
};

struct direct_roles einc_direct_roles(const struct nest *w);
struct direct einc_direct_cut(const struct nest *w, struct direct_roles r,
                              const struct target *t);

/* Row `at` of a tile: elements from its first. */
int64_t einc_direct_row(const struct nest *w, const struct direct_roles *r,
                        const struct nest_tensor *x, int64_t at);
/* Whether index j counts products: no row, column or sum. */
int einc_direct_is_outer(const struct nest *w, const struct direct_roles *r,
                         int j);
/* Parts of a cut; where part `at` begins. */
int64_t einc_direct_parts(const struct cut *c);

#endif

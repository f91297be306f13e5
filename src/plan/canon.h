/* SPDX-License-Identifier: MIT
 *
 * canon.h - one spelling per contraction: the canonical graph, in which equal
 * mathematics over equal memory looks the same however it was written.
 */
#ifndef EINC_PLAN_CANON_H
#define EINC_PLAN_CANON_H

#include "parse/graph.h"

/* The canonical form of a graph.
 * - No index of extent 1, no input axis of stride 0 (a broadcast), no two
 *   indices whose strides chain wherever they occur. Only indices with
 *   `fixed` are touched.
 * - Every summed index is held by an input; those that were not are in
 *   graph.factor. An output index that no input holds is broadcast.
 * - graph.in keeps the caller's operands and order; shape, stride and
 *   dim_index are the operand's own, dim_index -1 for a dropped index.
 * - graph.indices are numbered in canonical order: those of the output, by
 *   descending |stride| there, then the summed ones by first use over the
 *   operands in canonical order. Names stay as written. */
struct canon {
    const struct graph *graph;
    const int *order; /* [n_in] operand of each canonical rank */
    const int *rank;  /* [n_in] canonical rank of each operand */
    int empty;        /* a fixed index has extent 0: nothing is broadcast or
                       * fused, the result is all zeros or has no elements */
};

/* Graph -> canonical graph. Fails with E814 if the factor exceeds int64. */
const struct canon *einc_canon(struct arena *perm, struct arena scratch,
                               const struct graph *g);

#endif

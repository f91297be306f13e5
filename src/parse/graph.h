/* SPDX-License-Identifier: MIT
 *
 * graph.h - the index graph: indices with extents, operands with a stride per
 * index, and who holds what. An access maps index values to an address:
 *     element = base + sum(stride[x] * value[x])  over the axes of the operand
 * so a diagonal is the sum of two strides, a broadcast has no axis (or stride
 * 0), a reversed view a negative stride: all free, none ever materialised.
 */
#ifndef EINC_PARSE_GRAPH_H
#define EINC_PARSE_GRAPH_H

#include "base/dtype.h"
#include "parse/stmt.h"

struct axis {
    int index;      /* number in graph.indices; at most once per operand */
    int64_t stride; /* elements, signed, may be 0 */
};

struct operand {
    int number;            /* of the caller's operand, from 0; -1: output */
    enum einc_dtype dtype; /* storage */
    int n_dims;
    const int64_t *shape;  /* [n_dims], as given */
    const int64_t *stride; /* [n_dims], elements, as given or dense */
    const int *dim_index;  /* [n_dims]: index that runs over the dim, also
                            * where the dim is broadcast */
    struct axis *axes;     /* in order of the dims; no entry where the dim has
                            * size 1 and the index another extent */
    int n_axes;
    struct span at;        /* its term */
};

struct graph_index {
    struct str name;       /* for messages and dumps; fused: "b.j" */
    struct span at;
    int64_t extent;
    int fixed;             /* 1, unless einc_options.symbolic names it: then
                            * nothing may be decided from its extent but cost
                            * (no dropping, no fusing) */
    int in_output;         /* else it is summed */
    const int *members;    /* canonical graph: numbers of the indices of the
                            * first graph that it fuses, slowest first */
    int n_members;         /* 0 in the first graph */
};

struct graph {
    struct str source;
    struct graph_index *indices;
    int n_indices;
    struct operand *in; /* [n_in] */
    int n_in;
    struct operand out;
    enum einc_dtype compute; /* products and sums */
    struct summing summing;
    int64_t factor;     /* the sum is multiplied by this (canonical graph: a
                         * summed index that nobody holds); else 1 */
};

/* Program + layouts -> graph. Checks sizes (E401 E402 E403), types (E5xx),
 * limits (E8xx: more elements than int64) and the given output (shape, type,
 * elements apart: EINC_EALIAS). `out` NULL: dense row-major, inferred type.
 * `flags`: EINC_STRICT_SIZES. `symbolic`: see einc_options; an unknown label
 * in it is E301, layouts with strides given are EINC_EUNSUP with it. Extent
 * of an index: the size that is not 1. `summing`: of floats; `compute` is the
 * wide type then. */
const struct graph *einc_graph_build(struct arena *perm, struct arena scratch,
                                     const struct program *p, int n_in,
                                     const struct einc_layout in[],
                                     const struct einc_layout *out,
                                     uint32_t flags, const char *symbolic,
                                     struct summing summing);

/* Whether `text` is legal for these operands (and `out`, unless NULL): what
 * hints are tried with. */
int einc_graph_legal(struct arena scratch, struct str text, int n_in,
                     const struct einc_layout in[],
                     const struct einc_layout *out, uint32_t flags);

/* What einc_graph_build() checks of a tensor alone, its axes aside: that its
 * bytes fit in 63 bits and, number < 0, that its elements are apart. */
void einc_graph_check_tensor(struct arena scratch, const struct operand *o);

/* Stride of index x in the operand; 0 if it holds none. `*has` if not NULL. */
int64_t einc_operand_stride(const struct operand *o, int x, int *has);

/* " kahan", " direct"; "" of what is meant where nothing is said. */
const char *einc_graph_sum_name(enum einc_sum how);

/* Dumps "graph" and "canon": indices with extents, operands with strides. */
void einc_graph_print(struct text *t, const struct graph *g);

#endif

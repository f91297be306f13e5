/* SPDX-License-Identifier: MIT
 *
 * border.h - a tensor that is read beyond its edges, as a dense copy of what a
 * sum of products reads of it: the image with its border, never the columns of
 * all windows. Einsums read the copy by strides alone. Where an index of the
 * output moves the window the copy is made slice by slice of it.
 */
#ifndef EINC_PLAN_BORDER_H
#define EINC_PLAN_BORDER_H

#include "parse/stmt.h"

/* An index of the output in slices of `extent` of its values each: slice x
 * starts at x*extent, the last one so that it ends with the index. */
struct slices {
    int index;      /* in program.indices; -1: one slice, of all */
    int64_t extent, of, count;
};

struct border_dim {
    int64_t extent, stride; /* of the tensor, elements */
    int64_t first;          /* position that element 0 of the copy has, in the
                             * slice at 0; maybe below 0 */
    int64_t count;          /* of the copy */
    int64_t step;           /* what the start of a slice moves `first` by */
    enum bound_mode mode;   /* CHECK: all positions are inside */
};

struct border {
    int tensor;             /* in program.tensors */
    enum einc_dtype dtype;
    struct border_dim *dim; /* [n_dims], as the tensor's */
    int n_dims;             /* 1 at least */
    int moves;              /* some step is not 0 */
    int fill;               /* what PAD reads outside: a whole number, exact in
                             * the type */
    int64_t bytes;          /* of the copy */
};

enum { BORDER_MOST_DIMS = 64, BORDER_ALIGN = 64 /* bytes */ };

static inline int64_t
slices_start(const struct slices *s, int64_t slice)
{
    int64_t start = slice * s->extent, last = s->of - s->extent;
    return s->index < 0 ? 0 : start < last ? start : last;
}

/* Rows of the copy: runs of its last dim. */
static inline int64_t
border_rows(const struct border *b)
{
    int64_t rows = 1;
    for (int d = 0; d + 1 < b->n_dims; d++)
        rows *= b->dim[d].count;
    return rows;
}

#endif

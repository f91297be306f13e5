/* SPDX-License-Identifier: MIT
 *
 * toy_graph.h - small graphs for the tests of what runs on graphs, made
 * without parser and planner: one-letter labels, dense row-major operands
 * whose strides a test may then change.
 */
#ifndef EINC_TESTS_TOY_GRAPH_H
#define EINC_TESTS_TOY_GRAPH_H

#include <string.h>

#include "parse/graph.h"

enum { TOY_OPERANDS = 24, TOY_DIMS = 16, TOY_INDICES = 26 };

struct toy_operand {
    int64_t shape[TOY_DIMS], stride[TOY_DIMS];
    int dim_index[TOY_DIMS];
    struct axis axes[TOY_DIMS];
};

struct toy {
    struct graph g;
    struct graph_index indices[TOY_INDICES];
    struct operand in[TOY_OPERANDS];
    struct toy_operand rows[TOY_OPERANDS + 1]; /* the last: the output */
    int of_letter[26];                         /* index number, or -1 */
};

/* Index of a letter, made when it first appears. */
static int
toy_index(struct toy *t, char letter, const int64_t extent[26])
{
    int *x = &t->of_letter[letter - 'a'];
    if (*x < 0) {
        *x = t->g.n_indices++;
        t->indices[*x].extent = extent[letter - 'a'];
        t->indices[*x].fixed = 1;
    }
    return *x;
}

/* Fills one operand from its letters; returns its number of elements. */
static int64_t
toy_fill(struct toy *t, struct operand *o, struct toy_operand *row,
         const char *letters, int n, const int64_t extent[26])
{
    int64_t count = 1;
    o->shape = row->shape;
    o->stride = row->stride;
    o->dim_index = row->dim_index;
    o->axes = row->axes;
    o->n_dims = n;
    for (int d = n - 1; d >= 0; d--) {
        row->shape[d] = extent[letters[d] - 'a'];
        row->stride[d] = count;
        count *= row->shape[d];
    }
    for (int d = 0; d < n; d++) {
        int x = toy_index(t, letters[d], extent), a = 0;
        row->dim_index[d] = x;
        while (a < o->n_axes && row->axes[a].index != x)
            a++;
        if (a == o->n_axes)
            row->axes[o->n_axes++].index = x;
        row->axes[a].stride += row->stride[d];
    }
    return count;
}

/* "ij,jk->ik" with extent[letter - 'a'] and a type for each operand, the
 * output's last. Broadcasts are what a test makes of the strides. */
static void
toy_make(struct toy *t, const char *expr, const int64_t extent[26],
         const enum einc_dtype types[], enum einc_dtype compute)
{
    memset(t, 0, sizeof *t);
    memset(t->of_letter, -1, sizeof t->of_letter);
    t->g.indices = t->indices;
    t->g.in = t->in;
    t->g.compute = compute;
    t->g.factor = 1;
    for (const char *p = expr;; p++) {
        int n = (int)strcspn(p, ",-"), o = t->g.n_in++;
        toy_fill(t, &t->in[o], &t->rows[o], p, n, extent);
        t->in[o].number = o;
        t->in[o].dtype = types[o];
        p += n;
        if (*p == '-')
            break;
    }
    const char *out = strchr(expr, '>') + 1;
    t->g.out.number = -1;
    t->g.out.dtype = types[t->g.n_in];
    toy_fill(t, &t->g.out, &t->rows[TOY_OPERANDS], out, (int)strlen(out),
             extent);
    for (int d = 0; d < t->g.out.n_dims; d++)
        t->indices[t->g.out.dim_index[d]].in_output = 1;
}

#endif

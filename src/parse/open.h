/* SPDX-License-Identifier: MIT
 *
 * open.h - sizes of a program of index statements that are arguments of the
 * function that is emitted. Each has a number of its own, a prime that no
 * other size of the program is, and the program is resolved and planned with
 * these; where one of the numbers stands later, the argument is meant. What
 * was computed from one, or decided by one, is found by doing all of it again
 * with another number and comparing the texts: see codegen/emit_program.c.
 */
#ifndef EINC_PARSE_OPEN_H
#define EINC_PARSE_OPEN_H

#include "parse/resolve.h"

/* What a program says of a dim of an operand or output: the name of its size,
 * of a header or of an index that stands alone there, or a number. */
struct said {
    int tensor;      /* as in struct names: operands, then outputs */
    int dim;
    struct str name; /* n 0: */
    int64_t extent;
};

/* The first of each dim, a header before the statements. */
const struct said *einc_open_said(struct arena *perm,
                                  const struct tree_program *t,
                                  const struct names *names, int *n);

/* The sizes of `symbolic`, names with commas between, "*": all that have one;
 * `in` and `out`, as in struct bindings, are their guides. Replaces the
 * layouts by ones with the numbers. `other`: -1, or that size gets its second
 * number. E301: no size has that name; E408: a guide below 2; E822: more than
 * OPEN_SIZES; E808: strides are given. */
struct open_sizes einc_open_sizes(struct arena *perm,
                                  const struct tree_program *t,
                                  const struct names *names,
                                  const char *symbolic, int other,
                                  struct bindings *b);

/* Which of the sizes a node is that is a number; -1: none. */
int einc_open_of(const struct open_sizes *o, const struct node *n);

#endif

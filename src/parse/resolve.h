/* SPDX-License-Identifier: MIT
 *
 * resolve.h - form B: from names to indices, tensors and types. Phases, each
 * of which reports up to MAX_DIAGS faults before the next is given up: names
 * (resolve.c), ranges and bounds (range.c), types (type.c).
 */
#ifndef EINC_PARSE_RESOLVE_H
#define EINC_PARSE_RESOLVE_H

#include "parse/tree.h"

/* A plan-time integer: a stride, a number of heads. Its name is no operand. */
struct param {
    struct str name;
    int64_t value;
};

/* What a program reads and writes, known without any size. */
struct names {
    struct str *in;        /* operands, in order of first appearance: on a
                            * right side, in a subscript of a left one, a
                            * bound or dim(); with a header, as it declares
                            * them */
    struct span *in_at;
    int *in_dims;          /* number of subscripts; 0: a scalar; -1: any, it
                            * is only in dim() */
    enum einc_dtype *in_dtype; /* that a header declares; NONE: it does not */
    int n_in;
    struct str *out;       /* outputs: those a header declares, else all that
                            * are assigned and never read again, and the last
                            * one assigned */
    struct span *out_at;
    int *out_dims;
    int *out_read;         /* accumulated into or read */
    int *out_given;        /* its shape must be given: its left side is not
                            * made of bare indices */
    enum einc_dtype *out_dtype;
    int n_out;
};

/* E3xx: one name with two ranks, or used as two things; what may stand where
 * (E60x E70x). A name in a subscript, a list of a reduction or `where` is an
 * index, unless it is a parameter; a size of a header is an index where it
 * stands alone there. Other names are scalar operands; where a constant must
 * stand, they lack a value (E604). */
const struct names *einc_resolve_names(struct arena *perm,
                                       struct arena scratch,
                                       const struct tree_program *t,
                                       const struct param *params,
                                       int n_params);

struct bindings {
    const struct einc_layout *in;         /* [n_in], by number */
    int n_in;
    const struct einc_layout *const *out; /* [n_out]; NULL or an entry NULL:
                                           * dense row-major, inferred */
    int n_out;
    const struct param *params;
    int n_params;
    struct summing summing;
    struct open_sizes open;
};

/* Tree + layouts -> program, all settled: see stmt.h. Infers ranges (E601),
 * proves accesses in bounds (E602), affine left sides (E603 E705), what is
 * read and written (E706), reductions (E70x), types (E5xx). Implied sums
 * become nodes, softmax and mean what node.lse and REDOP_MEAN say. Constants
 * are folded: size(), dim(), parameters, arithmetic on literals.
 * What LANGUAGE leaves open: a literal 0 on the left is an axis of extent 1
 * (`y[i,0] = ...`); an output given must hold the type of the right side,
 * where any float holds any integer; a literal beside an integer type that
 * does not hold it makes both i64; sums of bool are `or`; softmax of a row
 * that is masked out is NaN. */
const struct program *einc_resolve(struct arena *perm, struct arena scratch,
                                   const struct tree_program *t,
                                   const struct bindings *b);

/* Dump "stmt" of form B: statements as they are understood, one a line, with
 * the ranges of their indices and the types of their tensors. */
void einc_resolve_print(struct text *t, const struct program *p);
/* One of its statements, without ranges and newline. */
void einc_resolve_print_stmt(struct text *t, const struct program *p,
                             const struct stmt *s);

#endif

/* SPDX-License-Identifier: MIT
 *
 * size.h - the numbers of an index statement's kernel that come from shapes:
 * extents, strides, and what is computed from them. One that decides the
 * structure is a literal: strides 0 and 1, short ranges, whose loops a
 * compiler unrolls. The others are arguments, so that the kernel serves all
 * shapes of one structure. In a file all are literals but those that the
 * function is given.
 *
 * The text is made anew for each shape and is its own key, so a decision that
 * the shape took, as a proof that a subscript is inside, cannot reach a shape
 * that it is wrong for: that one has another text.
 */
#ifndef EINC_CODEGEN_SIZE_H
#define EINC_CODEGEN_SIZE_H

#include "parse/stmt.h"

struct mapreduce;

/* What is a literal, by what the statement says alone. */
struct literals {
    int all;
    const char *index;         /* [n_indices]: its range */
    const char *const *shape;  /* [n_tensors][n_dims] */
    const char *const *stride; /* likewise */
};

/* GENERIC: as above. LITERAL: all of them. FEW: none that can be an argument,
 * for tests, whose extents are small. OPEN: all but program.open and what is
 * made of these; nothing is decided by their numbers, but blocks of several
 * values at a time ask for as many, see einc_mapreduce_least(). SINGLE: the
 * same without blocks, for any extents. */
enum size_mode { SIZES_GENERIC, SIZES_LITERAL, SIZES_FEW, SIZES_OPEN,
                 SIZES_SINGLE };

struct literals einc_size_literals(struct arena *perm, const struct program *p,
                                   const struct stmt *s, enum size_mode mode);

enum size_kind {
    SIZE_TO,      /* var: its hi */
    SIZE_TURNS,   /* free loop: its turns */
    SIZE_SHAPE,   /* tensor, dim */
    SIZE_COUNT,   /* index: its size */
    SIZE_STRIDE,  /* tensor, dim: in numbers, of which complex ones are two */
    SIZE_TABLE,   /* table: where it begins in scratch */
    SIZE_PAYLOAD, /* carry: where its accumulators do, */
    SIZE_LOST,    /* what they have lost, or positions; */
    SIZE_RESULT,  /* and the list of the k best */
    SIZE_OPEN     /* number in program.open */
};

/* An argument of the kernel. */
struct size {
    enum size_kind kind;
    int of, dim;
    int64_t value;
    int slot; /* in einc_args.n; of strides in .s */
};

/* Fills in m->sizes, of a nest that is done but for them. */
void einc_size_list(struct mapreduce *m);
/* The number in m->sizes; -1: it is a literal. */
int einc_size_find(const struct mapreduce *m, enum size_kind kind, int of,
                   int dim);

#endif

/* SPDX-License-Identifier: MIT
 *
 * plain.h - statements as plain loops in C, in doubles and 64-bit integers,
 * node by node as they were written: what a main() compares with. A node is
 * some lines that declare its value, number 12 as u12, and of complex numbers
 * as u12 and v12. Operands are in0 ..., what statements make is kept dense in
 * w_out0, w_t1 .... A statement without a kernel is run in this form as well.
 */
#ifndef EINC_CODEGEN_PLAIN_H
#define EINC_CODEGEN_PLAIN_H

#include "codegen/program_file.h"

struct plain {
    struct text *t;
    const struct program_file *f;
    const struct program *p; /* as it was written; of a stage: as it is run */
    int is_stage;            /* the tensors themselves are read and written */
    const struct places *places; /* NULL, or: of the stage */
    int n;                   /* values so far */
};

enum { PLAIN_NAME = 40, PLAIN_FORMULA = 200 };

/* These print what a value takes, and return its number: any node; one of a
 * kind. */
int einc_plain_node(struct plain *x, const struct node *n);
int einc_plain_access(struct plain *x, const struct node *n);
int einc_plain_call(struct plain *x, const struct node *n);
int einc_plain_reduce(struct plain *x, const struct node *n);
int einc_plain_new(struct plain *x);
int einc_plain_declare(struct plain *x, enum einc_dtype t, const char *re,
                       const char *im);
int einc_plain_cast(struct plain *x, enum einc_dtype from, enum einc_dtype to,
                    int value);
/* old op value, in the tensor's type. */
int einc_plain_accumulate(struct plain *x, enum assign op, enum einc_dtype t,
                          int old, int value);
/* The element that an access leads to, of what is kept as if it were dense.
 * Where it may lead outside, "int outside7" is declared, and `outside` is
 * that 7. */
int einc_plain_leaves(const struct access *a);
int einc_plain_place(struct plain *x, const struct access *a, int outside);
/* One part (0, 1) of an element as a formula, and what stands behind its
 * array's name: "[u3]". */
void einc_plain_load(struct plain *x, const struct tensor *y, int at,
                     int part);
void einc_plain_subscript(struct plain *x, enum einc_dtype t, int at,
                          int part);

/* The loop of an index, and so many of their ends. */
void einc_plain_open(struct plain *x, int index);
void einc_plain_close(struct plain *x, int n);
void einc_plain_name(const struct plain *x, int index, char to[PLAIN_NAME]);
const char *einc_plain_extent(const struct plain *x, int index);

const char *einc_plain_word(enum einc_dtype t); /* "double", "int64_t" */
int einc_plain_is_complex(enum einc_dtype t);
int einc_plain_is_real(enum einc_dtype t); /* or complex: no integer */

#endif

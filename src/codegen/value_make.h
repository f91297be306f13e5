/* SPDX-License-Identifier: MIT
 *
 * value_make.h - what the makers of values share; value.h is what the others
 * see of them.
 *
 * value.c         the table, numbers, vars
 * value_fold.c    what is known of a function of known values
 * value_affine.c  sums of vars
 * value_access.c  elements of tensors
 * value_node.c    functions, and nodes of every kind
 * value_reduce.h  reductions
 */
#ifndef EINC_CODEGEN_VALUE_MAKE_H
#define EINC_CODEGEN_VALUE_MAKE_H

#include "codegen/value.h"

/* The value that is equal to v, which becomes one if there is none. */
int einc_values_add(struct values *s, struct value v);
int einc_values_new_var(struct values *s, struct value_var v);
/* As truth, and as a value of another type; storage types: see
 * einc_values_cast(). */
int einc_values_truth(struct values *s, struct value_pair x);
int einc_values_convert(struct values *s, int a, enum value_type t);

/* Nodes, by kind; the real plane of any. */
int einc_values_real(struct values *s, const struct node *n);
int einc_values_index(struct values *s, int index);
struct value_pair einc_values_access(struct values *s,
                                     const struct access *a);
struct value_pair einc_values_reduce(struct values *s, const struct node *n);

/* constant + sum(coef * var). */
struct affine {
    int64_t constant;
    int64_t coef[VALUE_MAX_VARS];
};

/* Adds `by` times a value; 0 if that is none, or too large. */
int einc_affine_add(const struct values *s, int id, int64_t by,
                    struct affine *f);
/* `base`: what depends on a free lane is that of its first value. */
int einc_affine_value(struct values *s, const struct affine *f, int base);
/* Comparison of integers as `form <= 0`; twice for ==. Strict ones are off by
 * one. Returns the number of forms. */
int einc_affine_compare(const struct values *s, const struct value *v,
                        struct affine f[2]);

static inline int
is_float(enum value_type t)
{
    return t == VALUE_F32 || t == VALUE_F64;
}

static inline int
integer(struct values *s, enum value_type t, int64_t x)
{
    return einc_values_add(s, (struct value){.op = VALUE_NUMBER, .type = t,
                                             .integer = x, .var = -1,
                                             .site = -1});
}

static inline int
number(struct values *s, enum value_type t, int64_t x)
{
    return is_float(t) ? einc_values_number(s, t, (double)x)
                       : integer(s, t, x);
}

static inline int
variable(struct values *s, int var, int64_t offset)
{
    return einc_values_add(s, (struct value){.op = VALUE_VAR,
                                             .type = VALUE_I64, .var = var,
                                             .integer = offset, .site = -1});
}

static inline int
fn1(struct values *s, enum value_type t, enum fn fn, int a)
{
    return einc_values_fn(s, t, fn, 1, a, 0, 0);
}

static inline int
fn2(struct values *s, enum value_type t, enum fn fn, int a, int b)
{
    return einc_values_fn(s, t, fn, 2, a, b, 0);
}

static inline int
choose(struct values *s, int c, int a, int b)
{
    return einc_values_fn(s, s->v[a].type, FN_SELECT, 3, c, a, b);
}

/* Whether an index stands for something. */
static inline int
is_bound(const struct values *s, int index)
{
    return s->env[index].var > -2;
}

#endif

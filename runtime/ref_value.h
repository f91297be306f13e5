/* SPDX-License-Identifier: MIT
 *
 * ref_value.h - what the oracle of index statements computes with: a value,
 * and beside it the largest distance that a kernel's value may have from it.
 * Inside of ref_*.c only.
 */
#ifndef EINC_RUNTIME_REF_VALUE_H
#define EINC_RUNTIME_REF_VALUE_H

#include <math.h>

#include "base/dtype.h"
#include "parse/fn.h"

/* A value while it is computed. Of integers and bool `error` is 0, or
 * INFINITY where a kernel may have another one. Of complex numbers it bounds
 * the modulus of the difference. NaN and infinities with error 0 are what
 * every kernel must have, too. */
struct value {
    long double re, im;
    int64_t i;          /* integers and bool; else 0 */
    double error;
};

/* Of a float type. */
struct limits {
    double u, tiny, largest; /* roundoff, least normal, largest value */
    int digits;
};

/* Of the parts of a complex type; of what is no float those of f64. */
const struct limits *einc_ref_limits(enum einc_dtype t);
/* Wraps to the width of t, whatever it is computed in. */
int64_t einc_ref_wrap(enum einc_dtype t, uint64_t bits);
/* Least and largest value of t as far as its compute type has them. */
int64_t einc_ref_least(enum einc_dtype t);
int64_t einc_ref_largest(enum einc_dtype t);

/* x as a float of type t, to nearest; halves by way of f32, as kernels. */
long double einc_ref_round(enum einc_dtype t, long double x);
int einc_ref_is_exact(enum einc_dtype t, struct value v);
/* v as an operation of compute type t gives it: `error` holds what its
 * arguments' errors do, `by` roundings of size |v| are its own; a result that
 * t has makes none of them. */
struct value einc_ref_rounded(enum einc_dtype t, struct value v, double by);
/* The same for what a tensor or a cast of type t takes. */
struct value einc_ref_stored(enum einc_dtype t, struct value v);

/* Element number i, in elements from p; v is of type t already. */
struct value einc_ref_load(enum einc_dtype t, const void *p, int64_t i);
void einc_ref_store(enum einc_dtype t, void *p, int64_t i, struct value v);

static inline enum dtype_kind
kind_of(enum einc_dtype t)
{
    return einc_dtype_info(t)->kind;
}

static inline int
is_float(enum einc_dtype t)
{
    return kind_of(t) == KIND_FLOAT || kind_of(t) == KIND_COMPLEX;
}

static inline int
is_complex(enum einc_dtype t)
{
    return kind_of(t) == KIND_COMPLEX;
}

static inline struct value
of_int(int64_t i, double error)
{
    return (struct value){0, 0, i, error};
}

static inline struct value
of_real(long double re, double error)
{
    return (struct value){re, 0, 0, error};
}

static inline int64_t
wrap_compute(enum einc_dtype t, uint64_t bits)
{
    return einc_ref_wrap(einc_fn_compute(t), bits);
}

static inline int
is_finite(struct value v)
{
    return isfinite(v.re) && isfinite(v.im);
}

static inline double
modulus(struct value v)
{
    return v.im == 0 ? (double)fabsl(v.re) : (double)hypotl(v.re, v.im);
}

static inline double
error_if(int unsure)
{
    return unsure ? INFINITY : 0;
}

#endif

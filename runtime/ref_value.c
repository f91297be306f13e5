/* SPDX-License-Identifier: MIT
 *
 * ref_value.c - values of the oracle: types, rounding, elements of tensors.
 */
#include "runtime/ref_value.h"

#include <assert.h>
#include <float.h>

#include "base/half.h"

/* --- types -------------------------------------------------------------- */

static const struct limits limits_f16 = {0x1p-11, 0x1p-14, 65504, 11};
static const struct limits limits_bf16 = {0x1p-8, FLT_MIN, 0x1.fep+127, 8};
static const struct limits limits_f32 = {0x1p-24, FLT_MIN, FLT_MAX, 24};
static const struct limits limits_f64 = {0x1p-53, DBL_MIN, DBL_MAX, 53};

const struct limits *
einc_ref_limits(enum einc_dtype t)
{
    switch (t) {
    case EINC_F16: return &limits_f16;
    case EINC_BF16: return &limits_bf16;
    case EINC_F32: case EINC_C64: return &limits_f32;
    default: return &limits_f64;
    }
}

int64_t
einc_ref_wrap(enum einc_dtype t, uint64_t bits)
{
    switch (t) {
    case EINC_BOOL: return bits != 0;
    case EINC_I8: return (int8_t)(uint8_t)bits;
    case EINC_U8: return (uint8_t)bits;
    case EINC_I16: return (int16_t)(uint16_t)bits;
    case EINC_U16: return (uint16_t)bits;
    case EINC_I32: return (int32_t)(uint32_t)bits;
    case EINC_U32: return (uint32_t)bits;
    default: return (int64_t)bits;
    }
}

int64_t
einc_ref_least(enum einc_dtype t)
{
    const struct dtype_info *d = einc_dtype_info(t);
    if (d->kind != KIND_INT)
        return 0;
    return d->bytes == 8 ? INT64_MIN : -((int64_t)1 << (8 * d->bytes - 1));
}

int64_t
einc_ref_largest(enum einc_dtype t)
{
    const struct dtype_info *d = einc_dtype_info(t);
    if (d->kind == KIND_BOOL)
        return 1;
    if (d->bytes == 8)
        return INT64_MAX;
    return ((int64_t)1 << (8 * d->bytes - (d->kind == KIND_INT))) - 1;
}

/* --- floats of a type --------------------------------------------------- */

long double
einc_ref_round(enum einc_dtype t, long double x)
{
    switch (t) {
    case EINC_F16: return half_f16_to_f32(half_f32_to_f16((float)x));
    case EINC_BF16: return half_bf16_to_f32(half_f32_to_bf16((float)x));
    case EINC_F32: case EINC_C64: return (float)x;
    default: return (double)x;
    }
}

int
einc_ref_is_exact(enum einc_dtype t, struct value v)
{
    return einc_ref_round(t, v.re) == v.re && einc_ref_round(t, v.im) == v.im;
}

/* Of a complex number with one part that is NaN or infinite: whether the
 * other one has no rounding in it. */
static int
is_half_exact(enum einc_dtype t, struct value v)
{
    return (!isfinite(v.re) || einc_ref_round(t, v.re) == v.re) &&
           (!isfinite(v.im) || einc_ref_round(t, v.im) == v.im);
}

struct value
einc_ref_rounded(enum einc_dtype t, struct value v, double by)
{
    const struct limits *l = einc_ref_limits(t);
    if (isnan(v.error))
        v.error = INFINITY;
    if (!is_finite(v) && is_complex(t) && !is_half_exact(t, v))
        v.error = INFINITY;
    if (!is_finite(v) || v.error == INFINITY ||
        (v.error == 0 && einc_ref_is_exact(t, v)))
        return v;
    double size = modulus(v);
    v.error += by * l->u * (size + v.error) + l->tiny * l->u * (by + 1);
    if (!(size + v.error <= l->largest))
        v.error = INFINITY;
    return v;
}

struct value
einc_ref_stored(enum einc_dtype t, struct value v)
{
    if (!is_float(t)) {
        v.i = einc_ref_wrap(t, (uint64_t)v.i);
        return v;
    }
    struct value r = v;
    r.re = einc_ref_round(t, v.re);
    r.im = einc_ref_round(t, v.im);
    if (v.error == 0 && (einc_ref_is_exact(t, v) || !is_finite(v)))
        return r;
    if (!is_finite(v) || v.error == INFINITY) {
        r.error = INFINITY;
        return r;
    }
    /* Rounding keeps order: what lies between is no further away. */
    long double lo = einc_ref_round(t, v.re - (long double)v.error);
    long double hi = einc_ref_round(t, v.re + (long double)v.error);
    r.error = (double)fmaxl(r.re - lo, hi - r.re);
    if (is_complex(t))
        r.error = v.error + 4 * einc_ref_limits(t)->u * (modulus(v) + v.error);
    else if (einc_dtype_info(t)->bytes > 2) /* rounded in the kernel already */
        r.error = fmax(r.error, v.error + (double)fabsl(r.re - v.re));
    if (!isfinite(r.error))
        r.error = is_finite(r) || lo != hi ? INFINITY : 0;
    return r;
}

/* --- elements ----------------------------------------------------------- */

#define READ(type, p, i) (((const type *)(p))[i])

struct value
einc_ref_load(enum einc_dtype t, const void *p, int64_t i)
{
    switch (t) {
    case EINC_BOOL: return of_int(READ(uint8_t, p, i) != 0, 0);
    case EINC_I8: return of_int(READ(int8_t, p, i), 0);
    case EINC_U8: return of_int(READ(uint8_t, p, i), 0);
    case EINC_I16: return of_int(READ(int16_t, p, i), 0);
    case EINC_U16: return of_int(READ(uint16_t, p, i), 0);
    case EINC_I32: return of_int(READ(int32_t, p, i), 0);
    case EINC_U32: return of_int(READ(uint32_t, p, i), 0);
    case EINC_I64: return of_int(READ(int64_t, p, i), 0);
    case EINC_U64: return of_int((int64_t)READ(uint64_t, p, i), 0);
    case EINC_F16: return of_real(half_f16_to_f32(READ(uint16_t, p, i)), 0);
    case EINC_BF16: return of_real(half_bf16_to_f32(READ(uint16_t, p, i)), 0);
    case EINC_F32: return of_real(READ(float, p, i), 0);
    case EINC_F64: return of_real(READ(double, p, i), 0);
    case EINC_C64:
        return (struct value){READ(float, p, 2 * i),
                              READ(float, p, 2 * i + 1), 0, 0};
    case EINC_C128:
        return (struct value){READ(double, p, 2 * i),
                              READ(double, p, 2 * i + 1), 0, 0};
    case EINC_DTYPE_NONE: break;
    }
    assert(0 && "a tensor without a type");
    return of_int(0, 0);
}

#undef READ
#define WRITE(type, p, i, v) (((type *)(p))[i] = (type)(v))

void
einc_ref_store(enum einc_dtype t, void *p, int64_t i, struct value v)
{
    switch (t) {
    case EINC_BOOL: WRITE(uint8_t, p, i, v.i != 0); return;
    case EINC_I8: case EINC_U8: WRITE(uint8_t, p, i, v.i); return;
    case EINC_I16: case EINC_U16: WRITE(uint16_t, p, i, v.i); return;
    case EINC_I32: case EINC_U32: WRITE(uint32_t, p, i, v.i); return;
    case EINC_I64: case EINC_U64: WRITE(uint64_t, p, i, v.i); return;
    case EINC_F16:
        WRITE(uint16_t, p, i, half_f32_to_f16((float)v.re));
        return;
    case EINC_BF16:
        WRITE(uint16_t, p, i, half_f32_to_bf16((float)v.re));
        return;
    case EINC_F32: WRITE(float, p, i, v.re); return;
    case EINC_F64: WRITE(double, p, i, v.re); return;
    case EINC_C64:
        WRITE(float, p, 2 * i, v.re);
        WRITE(float, p, 2 * i + 1, v.im);
        return;
    case EINC_C128:
        WRITE(double, p, 2 * i, v.re);
        WRITE(double, p, 2 * i + 1, v.im);
        return;
    case EINC_DTYPE_NONE: break;
    }
    assert(0 && "a tensor without a type");
}

#undef WRITE

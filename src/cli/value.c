/* SPDX-License-Identifier: MIT
 * value.c - elements of every type, one at a time. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/value.h"

int
einc_value_has_parts(enum einc_dtype dtype)
{
    return dtype == EINC_C64 || dtype == EINC_C128;
}

int
einc_value_is_integer(enum einc_dtype dtype)
{
    return dtype >= EINC_BOOL && dtype <= EINC_U64;
}

/* IEEE binary16: 1 sign, 5 exponent, 10 fraction bits. */
static long double
half(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const long double sign = bits >> 15 ? -1.0L : 1.0L;

    if (exponent == 31)
        return fraction ? (long double)NAN : sign * (long double)INFINITY;
    if (exponent == 0)
        return sign * ldexpl(fraction, -24);
    return sign * ldexpl(fraction + 1024, exponent - 25);
}

/* bf16 is the upper half of an f32. */
static long double
brain(uint16_t bits)
{
    const uint32_t wide = (uint32_t)bits << 16;
    float f;

    memcpy(&f, &wide, sizeof(f));
    return f;
}

struct value
einc_value_load(enum einc_dtype dtype, const void *p)
{
    union {
        int8_t i8;
        uint8_t u8;
        int16_t i16;
        uint16_t u16;
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        float f32[2];
        double f64[2];
    } x;

    memcpy(&x, p, einc_dtype_bytes(dtype));
    switch (dtype) {
    case EINC_BOOL:
        return (struct value){x.u8 != 0, 0};
    case EINC_I8:
        return (struct value){x.i8, 0};
    case EINC_U8:
        return (struct value){x.u8, 0};
    case EINC_I16:
        return (struct value){x.i16, 0};
    case EINC_U16:
        return (struct value){x.u16, 0};
    case EINC_I32:
        return (struct value){x.i32, 0};
    case EINC_U32:
        return (struct value){x.u32, 0};
    case EINC_I64:
        return (struct value){x.i64, 0};
    case EINC_U64:
        return (struct value){x.u64, 0};
    case EINC_F16:
        return (struct value){half(x.u16), 0};
    case EINC_BF16:
        return (struct value){brain(x.u16), 0};
    case EINC_F32:
        return (struct value){x.f32[0], 0};
    case EINC_F64:
        return (struct value){x.f64[0], 0};
    case EINC_C64:
        return (struct value){x.f32[0], x.f32[1]};
    case EINC_C128:
        return (struct value){x.f64[0], x.f64[1]};
    case EINC_DTYPE_NONE:
        break;
    }
    return (struct value){(long double)NAN, 0};
}

int
einc_value_parse(const char *text, struct value *v)
{
    char *end;

    *v = (struct value){0, 0};
    if (isspace((unsigned char)*text))
        return 0; /* strtold would skip it */
    const long double first = strtold(text, &end);
    if (end != text && *end == '\0') {
        v->re = first;
        return 1;
    }
    if (end != text && *end == 'j' && end[1] == '\0') {
        v->im = first;
        return 1;
    }
    /* "1+2j", "1-j", "j", "-j": a real part or none, then the rest */
    const char *rest = end;
    v->re = end == text ? 0 : first;
    const long double sign = *rest == '-' ? -1 : 1;
    if (*rest == '+' || *rest == '-')
        rest++;
    else if (rest != text)
        return 0;
    if (isspace((unsigned char)*rest) || *rest == '+' || *rest == '-')
        return 0;
    v->im = strtold(rest, &end);
    if (end == rest)
        v->im = 1;
    v->im *= sign;
    return end[0] == 'j' && end[1] == '\0';
}

static int
fits_integer(long double x, int bits)
{
    /* i32 and i64 stand for the unsigned types of their width too */
    return truncl(x) == x && x >= -ldexpl(1, bits - 1) && x < ldexpl(1, bits);
}

static void
store_integer(long double x, int bits, void *p)
{
    const uint64_t u = x < 0 ? (uint64_t)(int64_t)x : (uint64_t)x;
    const uint32_t narrow = (uint32_t)u;

    if (bits == 32)
        memcpy(p, &narrow, sizeof(narrow));
    else
        memcpy(p, &u, sizeof(u));
}

int
einc_value_store(enum einc_dtype compute, struct value v, void *p)
{
    const float f[2] = {(float)v.re, (float)v.im};
    const double d[2] = {(double)v.re, (double)v.im};
    const int bits = compute == EINC_I32 ? 32 : 64;

    if (v.im != 0 && !einc_value_has_parts(compute))
        return 0;
    switch (compute) {
    case EINC_BOOL:
        *(unsigned char *)p = v.re != 0;
        return v.re == 0 || v.re == 1;
    case EINC_I32:
    case EINC_I64:
        if (!fits_integer(v.re, bits))
            return 0;
        store_integer(v.re, bits, p);
        return 1;
    case EINC_F32:
        memcpy(p, f, sizeof(f[0]));
        return 1;
    case EINC_F64:
        memcpy(p, d, sizeof(d[0]));
        return 1;
    case EINC_C64:
        memcpy(p, f, sizeof(f));
        return 1;
    case EINC_C128:
        memcpy(p, d, sizeof(d));
        return 1;
    default:
        return 0;
    }
}

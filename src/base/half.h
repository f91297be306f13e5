/* SPDX-License-Identifier: MIT
 *
 * half.h - the two 16-bit floats as bits. f16 is IEEE binary16 (5 bits of
 * exponent, 10 of fraction), bf16 the upper half of a binary32. Widening is
 * exact; narrowing rounds to nearest, ties to even, overflows to infinity,
 * keeps subnormals and signed zeros, and makes every NaN a quiet one of the
 * same sign. Integer operations only: no mode of the processor matters.
 */
#ifndef EINC_BASE_HALF_H
#define EINC_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t
half_bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static inline float
half_float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static inline float
half_bf16_to_f32(uint16_t h)
{
    return half_float_of((uint32_t)h << 16);
}

static inline uint16_t
half_f32_to_bf16(float f)
{
    uint32_t u = half_bits_of(f);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(u >> 16 | 0x40); /* quiet, and never infinity */
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1)) >> 16);
}

/* All three cases at once and then a choice: compilers make vectors of it. */
static inline float
half_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t rest = (uint32_t)(h & 0x7fff) << 13; /* fraction in its place */
    uint32_t normal = rest + (112u << 23);        /* bias 127, was 15 */
    uint32_t tiny = half_bits_of((float)(h & 0x3ff) * 0x1p-24f); /* exact */
    uint32_t finite = rest < 0x00800000u ? tiny : normal;
    return half_float_of(
        sign | (rest < 0x0f800000u ? finite : rest | 0x7f800000u));
}

/* Fraction `m` (24 bits) times 2^-shift, rounded to nearest even. */
static inline uint32_t
half_shift_round(uint32_t m, uint32_t shift)
{
    uint32_t q = m >> shift;
    uint32_t lost = m & ((1u << shift) - 1), tie = 1u << (shift - 1);
    return q + (lost > tie || (lost == tie && (q & 1)));
}

static inline uint16_t
half_f32_to_f16(float f)
{
    uint32_t u = half_bits_of(f);
    uint32_t sign = u >> 16 & 0x8000, a = u & 0x7fffffffu;
    if (a > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00 | (a >> 13 & 0x3ff));
    if (a >= 0x47800000u) /* 65536 and more; below it rounding carries over */
        return (uint16_t)(sign | 0x7c00);
    if (a >= 0x38800000u) { /* 2^-14: normal in f16 */
        a -= 112u << 23;
        return (uint16_t)(sign | (a + 0xfff + (a >> 13 & 1)) >> 13);
    }
    if (a < 0x33000000u) /* below 2^-25, half of the least subnormal */
        return (uint16_t)sign;
    uint32_t m = (a & 0x7fffffu) | 0x800000u;
    return (uint16_t)(sign | half_shift_round(m, 126 - (a >> 23)));
}

#endif

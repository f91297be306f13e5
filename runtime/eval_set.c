/* SPDX-License-Identifier: MIT
 *
 * eval_set.c - what the evaluator does along lanes, for every type, compiled
 * for each instruction set that is worth it; see eval_code.h.
 *
 * No set fuses a multiplication with an addition, so that all of them give
 * the same bits.
 */
#include <math.h>
#include <string.h>

#include "runtime/eval_code.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("tree-vectorize", "vect-cost-model=dynamic")
#pragma GCC optimize("no-math-errno", "no-trapping-math", "fp-contract=off")
#endif
#include "base/half.h" /* behind that, or it would not be inlined */

/* Cut off like a cast, but to the ends of the type where C leaves it open; 0
 * for NaN. */
static inline int64_t
whole64(double x)
{
    if (x >= 0x1p63)
        return INT64_MAX;
    if (x < -0x1p63)
        return INT64_MIN;
    return x != x ? 0 : (int64_t)x;
}

static inline int32_t
whole32(double x)
{
    if (x >= 0x1p31)
        return INT32_MAX;
    if (x <= -0x1p31)
        return INT32_MIN;
    return x != x ? 0 : (int32_t)x;
}

#define KERNEL
#define SET(f) f##_any
#include "runtime/eval_set.inc"

#if defined(__x86_64__)
#define KERNEL __attribute__((target("avx2")))
#define SET(f) f##_avx2
#include "runtime/eval_set.inc"

#if defined(__clang__)
#define WIDE "avx512f,avx512bw,avx512dq,avx512vl"
#else
#define WIDE "avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"
#endif
#define KERNEL __attribute__((target(WIDE)))
#define SET(f) f##_avx512
#include "runtime/eval_set.inc"
#endif

const struct eval_set *
einc_eval_set(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return &set_avx512;
    if (__builtin_cpu_supports("avx2"))
        return &set_avx2;
#endif
    return &set_any;
}

/* SPDX-License-Identifier: MIT
 *
 * small.c - products of two operands so small that a kernel made for all
 * shapes spends its time on finding out which one it has. Five loops, written
 * out for the compiler of the library; nothing is packed, and nobody divides.
 */
#include "builtin/builtin.h"

#include <stddef.h>

/* Loops over the free indices; inside, `from0` and `from1` point to what the
 * sum begins with, `to` to the element of out. */
#define FREE_LOOPS(x, type, width, body)                                    \
    const int64_t *const n = (x)->n, *const s = (x)->s;                     \
    const int64_t *const s0 = s, *const s1 = s + SMALL_INDICES;             \
    const int64_t *const s2 = s + 2 * SMALL_INDICES;                        \
    for (int64_t f0 = 0; f0 < n[0]; f0++)                                   \
        for (int64_t f1 = 0; f1 < n[1]; f1++) {                             \
            const type *from0 = (const type *)(x)->in[0] +                  \
                                (width) * (f0 * s0[0] + f1 * s0[1]);        \
            const type *from1 = (const type *)(x)->in[1] +                  \
                                (width) * (f0 * s1[0] + f1 * s1[1]);        \
            type *to = (type *)(x)->out +                                   \
                       (width) * (f0 * s2[0] + f1 * s2[1]);                 \
            for (int64_t f2 = 0; f2 < n[2]; f2++) {                         \
                body                                                        \
                from0 += (width) * s0[2];                                   \
                from1 += (width) * s1[2];                                   \
                to += (width) * s2[2];                                      \
            }                                                               \
        }

#define REAL(name, type)                                                    \
    static type                                                             \
    name##_sum(const type *a, const type *b, const int64_t *n,              \
               const int64_t *s0, const int64_t *s1)                        \
    {                                                                       \
        type sum = 0;                                                       \
        for (int64_t k0 = 0; k0 < n[3]; k0++)                               \
            for (int64_t k1 = 0; k1 < n[4]; k1++)                           \
                sum += a[k0 * s0[3] + k1 * s0[4]] *                         \
                       b[k0 * s1[3] + k1 * s1[4]];                          \
        return sum;                                                         \
    }                                                                       \
    static void                                                             \
    name(const struct einc_args *x, int64_t begin, int64_t end)             \
    {                                                                       \
        if (begin >= end)                                                   \
            return;                                                         \
        const type factor = (type)x->n[SMALL_INDICES];                      \
        const type alpha = x->alpha ? *(const type *)x->alpha : 1;          \
        const type beta = x->beta ? *(const type *)x->beta : 0;             \
        const type scale = alpha * factor;                                  \
        FREE_LOOPS(x, type, 1, {                                            \
            type sum = scale * name##_sum(from0, from1, n, s0, s1);         \
            *to = x->beta ? sum + beta * *to : sum;                         \
        })                                                                  \
    }

#define COMPLEX(name, type)                                                 \
    static void                                                             \
    name(const struct einc_args *x, int64_t begin, int64_t end)             \
    {                                                                       \
        if (begin >= end)                                                   \
            return;                                                         \
        const type factor = (type)x->n[SMALL_INDICES];                      \
        const type *const alpha = (const type *)x->alpha;                   \
        const type *const beta = (const type *)x->beta;                     \
        FREE_LOOPS(x, type, 2, {                                            \
            type re = 0;                                                    \
            type im = 0;                                                    \
            for (int64_t k0 = 0; k0 < n[3]; k0++)                           \
                for (int64_t k1 = 0; k1 < n[4]; k1++) {                     \
                    const type *a = from0 + 2 * (k0 * s0[3] + k1 * s0[4]);  \
                    const type *b = from1 + 2 * (k0 * s1[3] + k1 * s1[4]);  \
                    re += a[0] * b[0] - a[1] * b[1];                        \
                    im += a[0] * b[1] + a[1] * b[0];                        \
                }                                                           \
            re *= factor;                                                   \
            im *= factor;                                                   \
            if (alpha) {                                                    \
                const type part = re;                                       \
                re = alpha[0] * part - alpha[1] * im;                       \
                im = alpha[0] * im + alpha[1] * part;                       \
            }                                                               \
            if (beta) {                                                     \
                re += beta[0] * to[0] - beta[1] * to[1];                    \
                im += beta[0] * to[1] + beta[1] * to[0];                    \
            }                                                               \
            to[0] = re;                                                     \
            to[1] = im;                                                     \
        })                                                                  \
    }

REAL(small_f32, float)
REAL(small_f64, double)
COMPLEX(small_c64, float)
COMPLEX(small_c128, double)

einc_kernel_fn
einc_builtin_small(enum einc_dtype d)
{
    switch (d) {
    case EINC_F32:
        return small_f32;
    case EINC_F64:
        return small_f64;
    case EINC_C64:
        return small_c64;
    case EINC_C128:
        return small_c128;
    default:
        return NULL;
    }
}

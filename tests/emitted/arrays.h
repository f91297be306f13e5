/* SPDX-License-Identifier: MIT
 *
 * arrays.h - tensors for functions that einc has written: filled with numbers
 * of their type, and compared.
 */
#ifndef EINC_TESTS_EMITTED_ARRAYS_H
#define EINC_TESTS_EMITTED_ARRAYS_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "einc.h"

enum { MOST = 8, MOST_DIMS = 8 };

struct array {
    struct einc_layout layout;
    int64_t shape[MOST_DIMS], count;
    size_t bytes;
    char *data;
};

/* --- tensors ------------------------------------------------------------ */

static uint64_t seed = 88172645463325252u;

static int64_t
draw(int64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (int64_t)(seed % (uint64_t)below);
}

static void
fill(struct array *a, int64_t below)
{
    for (int64_t i = 0; i < a->count; i++) {
        int64_t whole = below ? draw(below) : draw(9) - 4;
        double real = (double)draw(2001) / 1000 - 1;
        switch (a->layout.dtype) {
        case EINC_F16: ((uint16_t *)(void *)a->data)[i] =
                (uint16_t)(0x3800 + draw(64)); break;
        case EINC_I32: ((int32_t *)(void *)a->data)[i] = (int32_t)whole; break;
        case EINC_I64: ((int64_t *)(void *)a->data)[i] = whole; break;
        case EINC_F32: ((float *)(void *)a->data)[i] = (float)real; break;
        case EINC_F64: ((double *)(void *)a->data)[i] = real; break;
        default:
            ((float *)(void *)a->data)[2 * i] = (float)real;
            ((float *)(void *)a->data)[2 * i + 1] = (float)draw(3);
        }
    }
}

static void
allocate(struct array *a)
{
    a->count = 1;
    a->layout.size = sizeof a->layout;
    a->layout.shape = a->shape;
    for (int d = 0; d < a->layout.ndim; d++)
        a->count *= a->shape[d];
    a->bytes = (size_t)a->count *
               einc_dtype_bytes((enum einc_dtype)a->layout.dtype);
    a->data = calloc(a->bytes + 1, 1);
}

static double
part(const struct array *a, int64_t i, int p)
{
    switch (a->layout.dtype) {
    case EINC_I32: return ((const int32_t *)(const void *)a->data)[i];
    case EINC_I64: return (double)((const int64_t *)(const void *)a->data)[i];
    case EINC_F32: return (double)((const float *)(const void *)a->data)[i];
    case EINC_F64: return ((const double *)(const void *)a->data)[i];
    case EINC_C64:
        return (double)((const float *)(const void *)a->data)[2 * i + p];
    default: return ((const uint16_t *)(const void *)a->data)[i];
    }
}

/* Within the bound of the oracle, or NaN as well. */
static int
is_near(const struct array *got, const struct array *want,
        const double *bound)
{
    int parts = got->layout.dtype == EINC_C64 ? 2 : 1;
    for (int64_t i = 0; i < parts * got->count; i++) {
        double a = part(got, i / parts, (int)(i % parts));
        double b = part(want, i / parts, (int)(i % parts));
        if (!(fabs(a - b) <= bound[i]) && !(isnan(a) && isnan(b)) && a != b)
            return 0;
    }
    return 1;
}

#endif

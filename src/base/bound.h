/* SPDX-License-Identifier: MIT
 *
 * bound.h - positions outside of 0:n that a mode leads back: wrap and reflect.
 * The oracle has its own.
 */
#ifndef EINC_BASE_BOUND_H
#define EINC_BASE_BOUND_H

#include <stdint.h>

/* p mod n, from 0 to n - 1; n > 0. */
static inline int64_t
bound_wrap(int64_t p, int64_t n)
{
    int64_t r = p % n;
    return r < 0 ? r + n : r;
}

/* Mirrored without repeating the edge: -1 is 1, n is n - 2; n > 0. */
static inline int64_t
bound_reflect(int64_t p, int64_t n)
{
    if (n == 1)
        return 0;
    p = bound_wrap(p, 2 * (n - 1));
    return p < n ? p : 2 * (n - 1) - p;
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * blas.h - a BLAS that is on this machine, loaded beside us.
 */
#ifndef EINC_BENCH_BLAS_H
#define EINC_BENCH_BLAS_H

#include <stdbool.h>
#include <stdint.h>

struct blas;

/* Products of row-major matrices: c[m,n] = a[m,k] b[k,n], `batch` of them one
 * after the other, each by a call. */
struct product {
    int64_t batch, m, n, k;
};

/* By the name that tables show: "openblas" or "blis". NULL: not found. */
struct blas *
blas_open(const char *name);
void
blas_close(struct blas *b);
const char *
blas_name(const struct blas *b);
/* Name, version, kernels; belongs to `b`. */
const char *
blas_description(struct blas *b);
void
blas_threads(struct blas *b, int n);
void
blas_multiply(struct blas *b, const struct product *p, bool is_double,
              const void *lhs, const void *rhs, void *out);

#endif

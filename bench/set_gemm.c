/* SPDX-License-Identifier: MIT
 *
 * set_gemm.c - one product of two matrices: square, odd, skinny.
 */
#include <stdio.h>
#include <string.h>

#include "trial.h"

#define PEERS "openblas blis matmul torch.mm"

static void
multiply(struct bench *b, enum einc_dtype type, int threads,
         struct product p, const struct bar *bars)
{
    char name[64], sizes[96];
    bool square = p.m == p.n && p.n == p.k;
    snprintf(sizes, sizeof sizes, "i=%lld,j=%lld,k=%lld", (long long)p.m,
             (long long)p.k, (long long)p.n);
    if (square)
        snprintf(name, sizeof name, "%s %lld", einc_dtype_name(type),
                 (long long)p.n);
    else
        snprintf(name, sizeof name, "%s m=%lld n=%lld k=%lld",
                 einc_dtype_name(type), (long long)p.m, (long long)p.n,
                 (long long)p.k);
    if (threads > 1)
        snprintf(name + strlen(name), sizeof name - strlen(name),
                 ", %d threads", threads);
    struct trial t = {.name = name, .expr = "ij,jk->ik", .sizes = sizes,
                      .type = type, .threads = threads, .product = p,
                      .peers = PEERS};
    for (int z = 0; bars && bars[z].against; z++)
        t.bars[z] = bars[z];
    trial_run(b, &t);
}

static const struct bar bars_f32[] = {
    {"floor", 0.90}, {"openblas", 1.00}, {NULL, 0}};
static const struct bar bars_f64[] = {
    {"floor", 0.88}, {NULL, 0}};
static const struct bar bars_threads[] = {{"openblas", 1.05}, {NULL, 0}};

void
set_gemm(struct bench *b)
{
    static const int squares[] = {32, 64, 100, 127, 128, 200, 256, 333, 512,
                                  1000, 1001, 1024, 2048};
    static const struct product skinny[] = {
        {1, 4096, 8, 4096},  {1, 8, 4096, 4096},  {1, 4096, 4096, 8},
        {1, 4096, 24, 384},  {1, 24, 4096, 384},  {1, 100000, 10, 10},
        {1, 37, 1000, 2000}, {1, 3000, 3, 3000},
    };
    trial_heading(b, "c[i,k] = a[i,j] b[j,k], row-major", PEERS);
    for (int wide = 0; wide < 2; wide++) {
        enum einc_dtype type = wide ? EINC_F64 : EINC_F32;
        for (size_t z = 0; z < sizeof squares / sizeof *squares; z++) {
            int64_t n = squares[z];
            multiply(b, type, 1, (struct product){1, n, n, n},
                     n < 256 ? NULL : wide ? bars_f64 : bars_f32);
        }
        for (size_t z = 0; z < sizeof skinny / sizeof *skinny; z++)
            multiply(b, type, 1, skinny[z], NULL);
        for (int64_t n = 1024; n <= 2048; n *= 2)
            multiply(b, type, 2, (struct product){1, n, n, n},
                     wide ? NULL : bars_threads);
    }
}

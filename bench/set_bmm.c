/* SPDX-License-Identifier: MIT
 *
 * set_bmm.c - batches of small square products that hold 64 MB together.
 */
#include <stdio.h>

#include "trial.h"

#define PEERS "openblas blis matmul torch.bmm numpy.c"

void
set_bmm(struct bench *b)
{
    enum { BYTES = 64 << 20 };
    trial_heading(b, "c[b,i,k] = a[b,i,j] b[b,j,k], a + b + c = 64 MiB; a "
                     "BLAS is called in a loop", PEERS);
    for (int wide = 0; wide < 2; wide++)
        for (int64_t n = 4; n <= 64; n *= 2) {
            enum einc_dtype type = wide ? EINC_F64 : EINC_F32;
            int64_t batch = BYTES / (3 * n * n *
                                     (int64_t)einc_dtype_bytes(type));
            char name[32], sizes[96];
            snprintf(name, sizeof name, "%s %lld", einc_dtype_name(type),
                     (long long)n);
            snprintf(sizes, sizeof sizes, "b=%lld,i=%lld,j=%lld,k=%lld",
                     (long long)batch, (long long)n, (long long)n,
                     (long long)n);
            struct trial t = {
                .name = name, .expr = "bij,bjk->bik", .sizes = sizes,
                .type = type, .product = {batch, n, n, n}, .peers = PEERS,
                .bars = {{"openblas|matmul|torch.bmm", 1.1}}};
            trial_run(b, &t);
        }
}

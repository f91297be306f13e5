/* SPDX-License-Identifier: MIT
 *
 * set_literal.c - small products whose extents the compiler knows: as a
 * function of an emitted file, and as a plan that is run.
 */
#include <stdio.h>

#include "trial.h"

#define PEERS "einc/cc openblas blis matmul torch.mm"

void
set_literal(struct bench *b)
{
    trial_heading(b, "c[i,k] = a[i,j] b[j,k] with literal extents; tier "
                     "'file': the function of an emitted file, called from C",
                  PEERS);
    for (int wide = 0; wide < 2; wide++)
        for (int64_t n = 32; n <= 128; n *= 2) {
            enum einc_dtype type = wide ? EINC_F64 : EINC_F32;
            char name[32], sizes[64];
            snprintf(name, sizeof name, "%s %lld", einc_dtype_name(type),
                     (long long)n);
            snprintf(sizes, sizeof sizes, "i=%lld,j=%lld,k=%lld",
                     (long long)n, (long long)n, (long long)n);
            struct trial t = {
                .name = name, .expr = "ij,jk->ik", .sizes = sizes,
                .type = type, .tier = "cc", .emitted = true,
                .product = {1, n, n, n}, .peers = PEERS,
                .bars = {{"floor", 0.95}}};
            trial_run(b, &t);
        }
}

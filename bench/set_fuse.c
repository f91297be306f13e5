/* SPDX-License-Identifier: MIT
 *
 * set_fuse.c - three operands at once, against the best two steps of ours.
 */
#include "pairwise.h"
#include "trial.h"

#define PEERS "pairwise numpy.c numpy opt_einsum torch"

void
set_fuse(struct bench *b)
{
    /* flop as a fused loop needs them: the innermost sum first */
    static const struct trial trials[] = {
        {.expr = "ijkl,jmik,jmil->jm", .sizes = "i=400,j=600,k=3,l=3,m=6",
         .flop = 400.0 * 600 * 6 * (2 * 9 + 2 * 3),
         .bars = {{"pairwise", 1.3}}},
        {.expr = "ijk,jr,kr->ir", .sizes = "i=256,j=256,k=256,r=8",
         .flop = 2.0 * 256 * 256 * 256 * 8 + 2.0 * 256 * 256 * 8,
         .bars = {{"pairwise", 1.7}}},
        {.expr = "ijk,jr,kr->ir", .sizes = "i=256,j=256,k=256,r=32",
         .flop = 2.0 * 256 * 256 * 256 * 32 + 2.0 * 256 * 256 * 32,
         .bars = {{"pairwise", 0.95}}},
        {.expr = "ki,k,kj->ij", .sizes = "i=1024,j=1024,k=1024",
         .flop = 2.0 * 1024 * 1024 * 1024 + 1024.0 * 1024,
         .bars = {{"pairwise", 0.95}}},
        {.expr = "bi,ij,bj->b", .sizes = "b=4096,i=256,j=256",
         .flop = 2.0 * 4096 * 256 * 256 + 2.0 * 4096 * 256,
         .bars = {{"pairwise", 0.95}}},
        {.expr = "bgk,bkd,bk->bgd", .sizes = "b=64,d=64,g=128,k=256",
         .flop = 2.0 * 64 * 64 * 128 * 256 + 64.0 * 64 * 256,
         .bars = {{"pairwise", 0.95}}},
    };
    trial_heading(b, "three operands, f32; pairwise is the fastest of the "
                     "three orders as two einsums of ours", PEERS);
    for (size_t z = 0; z < sizeof trials / sizeof *trials; z++) {
        struct trial t = trials[z];
        t.type = EINC_F32;
        t.peers = PEERS;
        t.extra = pairwise_add;
        t.extra_end = pairwise_end;
        trial_run(b, &t);
    }
}

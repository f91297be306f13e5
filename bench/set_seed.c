/* SPDX-License-Identifier: MIT
 *
 * set_seed.c - questions that people asked about einsum and batched products:
 * what form A can say of them.
 */
#include <stdio.h>

#include "trial.h"

/* MiB: what a kernel packs, and no copy of an operand. */
#define STATED 4
#define PEERS "openblas numpy numpy.wide matmul matmul.T multiply torch " \
              "torch.bmm torch.baddbmm"

static const struct trial trials[] = {
    {.name = "1: bld,lrd->blr 8,2048,2048,64 f32",
     .expr = "bld,lrd->blr", .sizes = "b=8,l=2048,r=2048,d=64",
     .peers = "numpy torch", .bars = {{"numpy|torch", 1 / 1.2}},
     .work_mib = STATED,
     .also = {{"lrd,bld->blr", "10"}, {"bld,blrd->blr", "01"}}},
    {.name = "2: lrd,bld->blr 8,2048,2048,64 f32",
     .expr = "lrd,bld->blr", .sizes = "b=8,l=2048,r=2048,d=64",
     .peers = "numpy torch", .bars = {{"numpy|torch", 1 / 1.2}},
     .work_mib = STATED,
     .also = {{"bld,lrd->blr", "10"}, {"blrd,bld->blr", "01"}}},
    {.name = "3: nc,nc->n 1048576,2 f32", .expr = "nc,nc->n",
     .sizes = "n=1048576,c=2", .peers = "numpy torch",
     .bars = {{"floor", 0.7}}, .work_mib = STATED},
    {.name = "4: ac,abc->cb 2,2,2000 f32", .expr = "ac,abc->cb",
     .sizes = "a=2,b=2,c=2000", .peers = "numpy torch",
     .bars = {{"numpy|torch", 1}}},
    {.name = "5: abc,bc->ab 64,128,768 f32", .expr = "abc,bc->ab",
     .sizes = "a=64,b=128,c=768", .peers = "numpy torch",
     .work_mib = STATED},
    {.name = "6: ik,bk->bi 4096,4096,192 f32", .expr = "ik,bk->bi",
     .sizes = "i=4096,b=4096,k=192", .peers = "numpy torch",
     .bars = {{"numpy|torch", 1}}, .work_mib = STATED,
     .also = {{"bk,ik->bi", "10"}, {"bik,bk->bi", "01"},
              {"bik,bik->bi", "01"}}},
    {.name = "7: abc,bcd->abd 8192,32,1024,128 bf16",
     .expr = "abc,bcd->abd", .sizes = "a=8192,b=32,c=1024,d=128",
     .type = EINC_BF16, .peers = "torch", .work_mib = STATED},
    {.name = "8: abc,bce->abe 4096,256,100,100 f32",
     .expr = "abc,bce->abe", .sizes = "a=4096,b=256,c=100,e=100",
     .peers = "numpy torch", .bars = {{"numpy|torch", 1}},
     .work_mib = STATED},
    {.name = "9: ed,nd->ne 10000000,10 f32", .expr = "ed,nd->ne",
     .sizes = "n=10000000,e=10,d=10", .peers = "numpy torch",
     .bars = {{"numpy|torch", 1}}, .work_mib = STATED},
    {.name = "26: bmm 10x(3x4)(4x5) f32", .expr = "bij,bjk->bik",
     .sizes = "b=10,i=3,j=4,k=5", .product = {10, 3, 5, 4},
     .peers = "openblas numpy matmul torch.bmm"},
    {.name = "26: bmm 8192x(9x4)(4x1) f32", .expr = "bij,bjk->bik",
     .sizes = "b=8192,i=9,j=4,k=1", .product = {8192, 9, 1, 4},
     .peers = "openblas numpy matmul torch.bmm"},
    {.name = "26: bmm 64x(128x256)(256x64) f32", .expr = "bij,bjk->bik",
     .sizes = "b=64,i=128,j=256,k=64", .product = {64, 128, 64, 256},
     .peers = "openblas numpy matmul torch.bmm"},
    {.name = "27: bmm 8x512x512x512 f16->f32, reduced",
     .expr = "bij,bjk->bik", .sizes = "b=8,i=512,j=512,k=512",
     .type = EINC_F16, .out_type = EINC_F32, .peers = "torch"},
    {.name = "27: bmm 8x512x512x512 bf16->f32, reduced",
     .expr = "bij,bjk->bik", .sizes = "b=8,i=512,j=512,k=512",
     .type = EINC_BF16, .out_type = EINC_F32, .peers = "torch"},
    {.name = "28: 2 * bmm 10x(3x4)(4x5) + 0 * NaN f32",
     .expr = "bij,bjk->bik", .sizes = "b=10,i=3,j=4,k=5", .scaled = true,
     .peers = "torch.baddbmm", .bars = {{"torch.baddbmm", 1}}},
    {.name = "29: bmm 16x(64x256)(256x64) i8->i32", .expr = "bij,bjk->bik",
     .sizes = "b=16,i=64,j=256,k=64", .type = EINC_I8, .out_type = EINC_I32,
     .peers = "numpy.wide"},
    {.name = "30: 1000000 products of 2 f32", .expr = "bij,bjk->bik",
     .sizes = "b=1000000,i=2,j=2,k=2", .product = {1000000, 2, 2, 2},
     .peers = "openblas numpy matmul torch.bmm",
     .bars = {{"openblas|matmul|torch.bmm", 0.77}}},
    {.name = "30: 20000 products of 16 f32", .expr = "bij,bjk->bik",
     .sizes = "b=20000,i=16,j=16,k=16", .product = {20000, 16, 16, 16},
     .peers = "openblas numpy matmul torch.bmm",
     .bars = {{"openblas|matmul|torch.bmm", 0.77}}},
    {.name = "30: 100 products of 128 f32", .expr = "bij,bjk->bik",
     .sizes = "b=100,i=128,j=128,k=128", .product = {100, 128, 128, 128},
     .peers = "openblas numpy matmul torch.bmm",
     .bars = {{"openblas|matmul|torch.bmm", 0.77}}},
    {.name = "30: 5 products of 512 f32", .expr = "bij,bjk->bik",
     .sizes = "b=5,i=512,j=512,k=512", .product = {5, 512, 512, 512},
     .peers = "openblas numpy matmul torch.bmm",
     .bars = {{"openblas|matmul|torch.bmm", 0.77}}},
    {.name = "31: mm, matmul and mul (4,1)(1,4) f32", .expr = "ij,jk->ik",
     .sizes = "i=4,j=1,k=4", .peers = "numpy matmul multiply torch",
     .bars = {{"numpy|matmul|multiply|torch", 1}},
     .also = {{"i,k->ik", "01"}}},
    {.name = "tiny: ij,bj->bi 3x3, 1000000 f32", .expr = "ij,bj->bi",
     .sizes = "b=1000000,i=3,j=3", .peers = "numpy matmul.T torch",
     .bars = {{"numpy|matmul.T|torch", 1}}},
    {.name = "tiny: bij,bj->bi 3x3, 1000000 f32", .expr = "bij,bj->bi",
     .sizes = "b=1000000,i=3,j=3", .peers = "numpy torch",
     .bars = {{"numpy|torch", 1}}},
    {.name = "tiny: bij,bjk->bik 3x3, 1000000 f32", .expr = "bij,bjk->bik",
     .sizes = "b=1000000,i=3,j=3,k=3", .product = {1000000, 3, 3, 3},
     .peers = "openblas numpy matmul torch.bmm",
     .bars = {{"openblas|numpy|matmul|torch.bmm", 1}}},
    {.name = "tiny: bi,bi->b 3, 1000000 f32", .expr = "bi,bi->b",
     .sizes = "b=1000000,i=3", .peers = "numpy torch",
     .bars = {{"numpy|torch", 1}}},
};

void
set_seed(struct bench *b)
{
    trial_heading(b, "questions of users, by their number in the project's "
                     "list, and many tiny products; 'same plans': of other "
                     "spellings, operands of stride 0 too",
                  PEERS);
    for (size_t z = 0; z < sizeof trials / sizeof *trials; z++) {
        struct trial t = trials[z];
        t.type = t.type ? t.type : EINC_F32;
        t.columns = PEERS;
        trial_run(b, &t);
    }
}

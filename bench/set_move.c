/* SPDX-License-Identifier: MIT
 *
 * set_move.c - what is bound by memory: permutes, sums, outer products.
 */
#include "trial.h"

#define PERMUTE_PEERS "numpy torch"
#define REDUCE_PEERS "numpy.c numpy torch"

void
set_permute(struct bench *b)
{
    static const struct trial trials[] = {
        {.expr = "ij->ji", .sizes = "i=8192,j=8192",
         .bars = {{"numpy", 10}, {"floor", 0.5}}},
        {.expr = "abcd->dcba", .sizes = "a=96,b=84,c=84,d=96",
         .bars = {{"numpy", 10}, {"floor", 0.5}}},
        {.expr = "ijk->kji", .sizes = "i=400,j=384,k=416",
         .bars = {{"numpy", 10}, {"floor", 0.5}}},
        {.expr = "abcd->acbd", .sizes = "a=96,b=84,c=84,d=96",
         .bars = {{"floor", 0.5}}},
        {.expr = "ij->ji", .sizes = "i=1000,j=1001"},
        {.expr = "ijk->kji", .sizes = "i=255,j=100,k=257"},
    };
    trial_heading(b, "axes in another order, f32; peers copy their view",
                  PERMUTE_PEERS);
    for (size_t z = 0; z < sizeof trials / sizeof *trials; z++) {
        struct trial t = trials[z];
        t.type = EINC_F32;
        t.peers = PERMUTE_PEERS;
        trial_run(b, &t);
    }
}

void
set_reduce(struct bench *b)
{
    static const struct trial trials[] = {
        {.expr = "ij->i", .sizes = "i=8192,j=8192", .bars = {{"floor", 0.9}}},
        {.expr = "ij->j", .sizes = "i=8192,j=8192",
         .bars = {{"numpy.c", 2}}},
        {.expr = "i,i->", .sizes = "i=67108864", .bars = {{"floor", 0.9}}},
        {.expr = "ij,ij->i", .sizes = "i=8192,j=8192",
         .bars = {{"floor", 0.9}}},
        {.expr = "i,j->ij", .sizes = "i=8192,j=8192",
         .bars = {{"numpy.c", 2}}},
        {.expr = "ii->", .sizes = "i=8192"},
        {.expr = "ii->i", .sizes = "i=8192"},
        {.expr = "ijk->j", .sizes = "i=400,j=384,k=416"},
        {.expr = "ijk->ik", .sizes = "i=400,j=384,k=416"},
    };
    trial_heading(b, "sums, diagonals, outer products, f32; numpy.c is "
                     "einsum as it comes, numpy has optimize=True",
                  REDUCE_PEERS);
    for (size_t z = 0; z < sizeof trials / sizeof *trials; z++) {
        struct trial t = trials[z];
        t.type = EINC_F32;
        t.peers = REDUCE_PEERS;
        trial_run(b, &t);
    }
}

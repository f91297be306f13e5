/* SPDX-License-Identifier: MIT
 *
 * cost.h - what a step costs. Two kinds of figures: counts that are printed
 * (flop, bytes: exact integers, saturating) and estimates that choose
 * (doubles). The estimates are made of products of extents with powers of
 * two or small integers, so compilers that fuse multiply and add get the same
 * bits.
 */
#ifndef EINC_PLAN_COST_H
#define EINC_PLAN_COST_H

#include "plan/plan.h"

/* What a byte written costs beside a flop. Generated kernels read and write
 * an intermediate without transposing it; at 47 Gflop/s and 19 GB/s per core
 * (measured) its 16 bytes of traffic per double are worth 16*47/19 = 40 flop:
 * 5 per byte written, here rounded to a power of two. */
enum { COST_FLOP_PER_BYTE = 4 };

/* Estimates stop growing here: beyond anything that can run, and products of
 * two of them are still finite. */
#define COST_MAX 1e150

/* Saturate at UINT64_MAX. */
uint64_t einc_cost_add(uint64_t a, uint64_t b);
uint64_t einc_cost_mul(uint64_t a, uint64_t b);

/* Product of two sizes, at most COST_MAX. */
double einc_cost_size(double a, double b);
/* Estimate of one pairwise step: multiply and add at each of `space` points,
 * `written` elements of `bytes` each. */
double einc_cost_pair(double space, double written, int bytes);

/* Product of the extents of n indices; 0 if one is 0. Fails with E813 if it
 * exceeds int64: `what` such indices span ("iteration space", ...). */
int64_t einc_cost_extent(struct cx *cx, const struct graph *g,
                         const int *index, int n, const char *what);

/* Elements of a tensor, each counted once. Saturates at UINT64_MAX. */
uint64_t einc_cost_elements(const struct graph *g, const struct plan_tensor *t);

/* Fills flop, read_bytes and write_bytes of a step whose groups and tensors
 * are known. flop is 2*product for a CONTRACT, and the elements that a
 * weight multiplies, n_in*product for a REDUCE (n_in - 1 products and one sum
 * at every point), 0 for a COPY. */
void einc_cost_step(const struct plan *p, struct step *s);

/* Roundings that one element of the result may go through: the D of
 *     |got - exact| <= D*u/(1 - D*u) * einsum(|in0|, |in1|, ...)
 * See cost.c for why. */
double einc_cost_error_terms(const struct plan *p);

#endif

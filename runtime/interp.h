/* SPDX-License-Identifier: MIT
 *
 * interp.h - runs a plan with no compiler: the tier that is always there, and
 * the second opinion on every compiled kernel.
 */
#ifndef EINC_RUNTIME_INTERP_H
#define EINC_RUNTIME_INTERP_H

#include "plan/plan.h"
#include "runtime/pool.h"

/* Runs one step. `tensor[i]` is the address of element (0, ...) of
 * plan.tensors[i]. `alpha` and `beta` are values of the compute type and may
 * be NULL (1; 0 and out not read); the caller passes them for the last step
 * only. `pool` NULL or threads 1: the calling thread. Allocates nothing.
 * Same bits at every thread count. */
void einc_interp_step(const struct plan *p, const struct step *s,
                      void *const tensor[], const void *alpha,
                      const void *beta, struct pool *pool, int threads);

#endif

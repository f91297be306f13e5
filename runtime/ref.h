/* SPDX-License-Identifier: MIT
 *
 * ref.h - the oracle: naive nested loops over the graph as written. No
 * canonical form, no plan, no tricks; wide accumulators.
 */
#ifndef EINC_RUNTIME_REF_H
#define EINC_RUNTIME_REF_H

#include "parse/graph.h"
#include "runtime/mem.h"

/* out = expression, for the first graph (not the canonical one). Floats are
 * summed in long double and rounded once to the compute type, then to the
 * output type; integers wrap at the compute type's width; bool is and/or.
 * `bound`, unless NULL: one double per element of out, dense row-major, real
 * and imaginary part apart for complex: the largest |got - exact| a plan with
 * `terms` = error_terms may show, g * einsum(|in|...), g = terms*u/(1 -
 * terms*u), plus the rounding to a narrower output. EINC_ENOMEM only. */
enum einc_status einc_ref_run(const struct graph *g, const struct mem *mem,
                              const void *const in[], void *out,
                              double terms, double *bound);

#endif

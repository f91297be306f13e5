/* SPDX-License-Identifier: MIT
 *
 * ref_program.h - the oracle of index statements: naive loops over program.h
 * as it stands. No plan, no fusing, no tricks.
 */
#ifndef EINC_RUNTIME_REF_PROGRAM_H
#define EINC_RUNTIME_REF_PROGRAM_H

#include "parse/stmt.h"
#include "runtime/mem.h"

/* What data did that is not legal. */
struct stray {
    int64_t site;     /* 1 + number in program.sites; 0: nothing */
    int64_t position;
};

/* What reductions do where one might ask, the same in every tier. Terms whose
 * guard is false do not count. Of no terms at all: max min kmin kmax give the
 * infinity or the bound of the type that any term would replace (of u64, which
 * is computed in i64, the largest i64), so do k best of fewer than k terms;
 * positions are -1, logsumexp -inf, mean NaN, count 0, any false, all true.
 * mean: the sum divided by the number of terms. max min and positions: NaN is
 * the largest and the least, of equals the first one in row-major order;
 * k best likewise, in order. logsumexp of a +inf is +inf.
 * "?:", "&&" and "||" evaluate all sides: an access that strays does so where
 * its value is not used, too. A cast to a narrower type wraps or rounds to
 * it; of a float that an integer type does not hold the result is any. */

/* Runs all statements in order. tensor[i] is the address of element (0, ...)
 * of program.tensors[i], temporaries included. Integers wrap at the width of
 * einc_fn_compute(); floats are computed in long double and rounded where a
 * tensor takes them.
 * `error`, unless NULL: per tensor NULL, or one double per element (dense
 * row-major; complex: two), in which the largest distance from the value here
 * is left that a kernel of the tensor's compute type may show: a running
 * error analysis to first order beside every value (Higham, Accuracy and
 * Stability, section 3.3), for sums in any order, with functions of
 * `ulps` ulp. INFINITY where values that decide (a comparison, an argmax)
 * lie closer than their errors, or where overflow is near; 0 of a float: every
 * kernel has the same value (a zero's sign is free). What it holds of
 * operands, and of outputs that are read, is taken as their elements' error;
 * without an array that of a temporary is taken as 0.
 * EINC_ENOMEM; EINC_ESHAPE with *stray set. */
enum einc_status einc_ref_program(const struct program *p,
                                  const struct mem *mem, void *const tensor[],
                                  double ulps, double *const error[],
                                  struct stray *stray);

#endif

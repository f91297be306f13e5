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

/* Runs all statements in order. tensor[i] is the address of element (0, ...)
 * of program.tensors[i], temporaries included. Integers wrap at the width of
 * einc_fn_compute(); floats are computed in long double and rounded where a
 * tensor takes them.
 * `error`, unless NULL: per tensor NULL, or one double per element (dense
 * row-major; complex: two), in which the largest distance from the value here
 * is left that a kernel of the tensor's compute type may show: a running
 * error analysis to first order beside every value (Higham, Accuracy and
 * Stability, section 3.3), for sums in any order, with functions of
 * `ulps` ulp. INFINITY where values that decide (a comparison, an argmax,
 * floor) lie closer than their errors. For operands it is read: 0 if NULL.
 * EINC_ENOMEM; EINC_ESHAPE with *stray set. */
enum einc_status einc_ref_program(const struct program *p,
                                  const struct mem *mem, void *const tensor[],
                                  double ulps, double *const error[],
                                  struct stray *stray);

#endif

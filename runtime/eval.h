/* SPDX-License-Identifier: MIT
 *
 * eval.h - runs an index statement with no compiler: trees are evaluated for
 * some hundred values of one index at a time.
 */
#ifndef EINC_RUNTIME_EVAL_H
#define EINC_RUNTIME_EVAL_H

#include "runtime/pool.h"
#include "runtime/ref_program.h"

/* Bytes that a run of the statement takes per thread, from arena-made
 * numbers; 64-aligned. */
int64_t einc_eval_scratch(const struct program *p, const struct stmt *s);

/* Runs it; of a statement for places in a list the first `places`. tensor[i]
 * as in einc_ref_program(). `scratch`: that many bytes for each thread. Same
 * bits at every thread count. Allocates nothing. Returns 0, or 1 with *stray
 * set. */
int einc_eval_run(const struct program *p, const struct stmt *s,
                  int64_t places, void *const tensor[], char *scratch,
                  struct pool *pool, int threads, struct stray *stray);

#endif

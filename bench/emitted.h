/* SPDX-License-Identifier: MIT
 *
 * emitted.h - a plan as the file that `einc emit` writes, compiled as its
 * reader would and loaded.
 */
#ifndef EINC_BENCH_EMITTED_H
#define EINC_BENCH_EMITTED_H

#include <einc.h>

struct emitted;

/* For two operands of type f32 or f64. NULL: no compiler, or it failed. */
struct emitted *
emitted_open(const struct einc_plan *plan);
void
emitted_close(struct emitted *e);
void
emitted_run(const struct emitted *e, void *out, const void *lhs,
            const void *rhs);

#endif

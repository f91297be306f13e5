/* SPDX-License-Identifier: MIT
 *
 * tccg.h - the contractions of cases/tccg.txt, for the sets that run them.
 */
#ifndef EINC_BENCH_TCCG_H
#define EINC_BENCH_TCCG_H

#include "bench.h"

struct tccg_case {
    const char *name;  /* "f32 aebd,ce->dcba", and "reduced" if it is */
    const char *expr, *sizes;
    enum einc_dtype type;
};

/* Every case, in one type (f32 or f64). Extents above 24 of cases with more
 * than 2 GFLOP are scaled down together. */
void
tccg_each(const struct bench *b, enum einc_dtype type,
          void (*run)(void *user, const struct tccg_case *x), void *user);

#endif

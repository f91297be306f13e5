/* SPDX-License-Identifier: MIT
 *
 * pairwise.h - three operands by two einsums of two, an intermediate between
 * them: the best of the three orders, by timing. What a fused kernel is to
 * beat.
 */
#ifndef EINC_BENCH_PAIRWISE_H
#define EINC_BENCH_PAIRWISE_H

#include "bench.h"
#include "subject.h"

/* Adds the contender "pairwise" if an order of `s` can be run. */
void
pairwise_add(struct bench *b, const struct subject *s, struct contest *c);
/* Frees what the last pairwise_add() made. */
void
pairwise_end(void);

#endif

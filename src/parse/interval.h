/* SPDX-License-Identifier: MIT
 *
 * interval.h - bounds of integer drafts, from the ranges of their indices.
 */
#ifndef EINC_PARSE_INTERVAL_H
#define EINC_PARSE_INTERVAL_H

#include "parse/range.h"

/* lo <= value <= hi; INT64_MIN and INT64_MAX stand for no bound. */
struct interval {
    int64_t lo, hi;
};

/* Of an integer draft: what is no integer has no bounds. An index without
 * values counts as its `lo`, one without a range has no bounds. */
struct interval einc_interval(const struct resolver *r, const struct draft *d);
struct interval einc_interval_add(struct interval a, struct interval b);
struct interval einc_interval_mul(struct interval a, struct interval b);
int einc_interval_is_finite(struct interval a);
/* a / b rounded down; b is neither 0 nor -1. */
int64_t einc_interval_floor(int64_t a, int64_t b);

#endif

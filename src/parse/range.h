/* SPDX-License-Identifier: MIT
 *
 * range.h - which values an index takes, and that no access leaves its
 * tensor; LANGUAGE, "Ranges".
 */
#ifndef EINC_PARSE_RANGE_H
#define EINC_PARSE_RANGE_H

#include "parse/draft.h"

/* Finds the ranges of a statement's indices, proves its accesses and settles
 * the shape of what it makes (E401 E60x). */
void einc_range_stmt(struct resolver *r, struct draft_stmt *s);

/* The index whose range it has: itself, but for twins. */
struct draft_index *einc_range_root(const struct resolver *r, int index);
/* Value of a SIZE or DIM; 0: not known yet. */
int einc_range_size(const struct resolver *r, const struct draft *d,
                    int64_t *size);

#endif

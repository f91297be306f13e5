/* SPDX-License-Identifier: MIT
 *
 * left.h - what a left side may be: a new tensor's shape, a cover of what is
 * there, or a place to accumulate into; LANGUAGE, "Left side".
 */
#ifndef EINC_PARSE_LEFT_H
#define EINC_PARSE_LEFT_H

#include "parse/draft.h"

/* A new tensor has bare indices, each once, or literal 0s on the left. '='
 * into one that is there writes every element once: each dim has indices of
 * its own, which are the digits of its positions, as in O[2*h+r,n-1-w] with
 * r in 0:2.
 *
 * Before ranges are known: whether the statement makes its tensor's shape,
 * and reads of what it writes (E705 E706). */
void einc_left_stmt(struct resolver *r, struct draft_stmt *s);
/* After: '=' covers all elements once (E705), what else scatters. */
void einc_left_cover(struct resolver *r, struct draft_stmt *s);

#endif

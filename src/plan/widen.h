/* SPDX-License-Identifier: MIT
 *
 * widen.h - sums of floats made in a wider type than that of their terms.
 */
#ifndef EINC_PLAN_WIDEN_H
#define EINC_PLAN_WIDEN_H

#include "parse/stmt.h"

/* The program with every sum, mean, product, logsumexp and softmax of floats
 * in f64, of complex numbers in c128: terms that are products are multiplied
 * in that type, others are made as before and converted. Each result is cast
 * back, so the types of all else stay. The program itself if there is none. */
const struct program *einc_widen(struct arena *perm, struct arena scratch,
                                 const struct program *p);

/* f64 or c128 of a narrower type of floats; else the type itself. */
enum einc_dtype einc_widen_type(enum einc_dtype t);

#endif

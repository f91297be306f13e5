/* SPDX-License-Identifier: MIT
 *
 * linear.h - subscripts taken apart: constant + sum(coef * index) + parts
 * that are not affine.
 */
#ifndef EINC_PARSE_LINEAR_H
#define EINC_PARSE_LINEAR_H

#include "parse/interval.h"

/* Fills in the linear form of a subscript; 0: it waits for a size(). Leaves
 * on E603. */
int einc_linear(struct resolver *r, struct draft_sub *s);

/* The same of any draft, as if it were a subscript; 0 if it is not affine. */
int einc_linear_affine(struct resolver *r, const struct draft *d,
                       struct draft_sub *s);

/* Value of a draft without indices and data. */
enum einc_constant { CONSTANT_KNOWN, CONSTANT_WAITS, CONSTANT_NOT };
enum einc_constant einc_linear_constant(struct resolver *r,
                                        const struct draft *d,
                                        int64_t *value);

#endif

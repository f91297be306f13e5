/* SPDX-License-Identifier: MIT
 *
 * ref_math.h - functions of the oracle's values. Inside of ref_*.c only.
 */
#ifndef EINC_RUNTIME_REF_MATH_H
#define EINC_RUNTIME_REF_MATH_H

#include "parse/stmt.h"
#include "runtime/ref_value.h"

/* The value of a NODE_CALL for arguments; all of them are evaluated. `ulps`:
 * what a kernel's functions may be off. */
struct value einc_ref_call(const struct node *n, const struct value a[],
                           double ulps);

/* Of type t; the second says that a kernel may see it otherwise. */
int einc_ref_is_true(enum einc_dtype t, struct value v);
int einc_ref_is_unsure(enum einc_dtype t, struct value v);

/* In compute type t. */
struct value einc_ref_add(enum einc_dtype t, struct value a, struct value b);
struct value einc_ref_multiply(enum einc_dtype t, struct value a,
                               struct value b);
/* From type `from` to what a value of type `to` is. */
struct value einc_ref_cast(enum einc_dtype from, enum einc_dtype to,
                           struct value v);

/* Of b > 0 or < 0: with the sign of b; 0 if b is 0. */
int64_t einc_ref_floor_mod(int64_t a, int64_t b);
int64_t einc_ref_clamp(int64_t x, int64_t lo, int64_t hi);

#endif

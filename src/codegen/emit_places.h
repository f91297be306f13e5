/* SPDX-License-Identifier: MIT
 *
 * emit_places.h - lists of where a mask holds, in a file that stands alone.
 */
#ifndef EINC_CODEGEN_EMIT_PLACES_H
#define EINC_CODEGEN_EMIT_PLACES_H

#include "base/text.h"
#include "plan/places.h"

/* The functions NAME_count(mask, n) and NAME_places(mask, n_dims, extent, rows,
 * columns, list, at): as einc_places_next() of runtime/places.h, with `at` as
 * three numbers. */
void einc_emit_places(struct text *t, const char *name);
/* A call of it: an expression. `list` is an array of that name. */
void einc_emit_places_call(struct text *t, const char *name,
                           const struct places *p);

#endif

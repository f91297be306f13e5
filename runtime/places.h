/* SPDX-License-Identifier: MIT
 *
 * places.h - lists of where a mask holds, see plan/places.h.
 */
#ifndef EINC_RUNTIME_PLACES_H
#define EINC_RUNTIME_PLACES_H

#include "plan/places.h"

/* Elements that hold, of n; those behind more than `most` may not count. */
int64_t einc_places_count(const uint8_t *mask, int64_t n, int64_t most);

/* The next places of the mask, PLACES_ROOM at most: how many, 0 at its end.
 * list[d] gets their positions in dim d, and copies of the last one up to a
 * multiple of 64. */
int64_t einc_places_next(const struct places *p, const uint8_t *mask,
                         int32_t *const list[], struct places_at *at);

#endif

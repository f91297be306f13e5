/* SPDX-License-Identifier: MIT
 *
 * border.h - copies of tensors with their borders, see plan/border.h.
 */
#ifndef EINC_RUNTIME_BORDER_H
#define EINC_RUNTIME_BORDER_H

#include "plan/border.h"

/* Rows begin <= row < end of the copy of the slice that starts at `start`.
 * `from` is element (0, 0, ...) of the tensor, `to` the copy's, dense. */
void einc_border_copy(const struct border *b, int64_t start, const void *from,
                      void *to, int64_t begin, int64_t end);

#endif

/* SPDX-License-Identifier: MIT
 *
 * emit_border.h - the copy of a tensor with its border, see plan/border.h, as
 * a C function of a file.
 */
#ifndef EINC_CODEGEN_EMIT_BORDER_H
#define EINC_CODEGEN_EMIT_BORDER_H

#include "base/text.h"
#include "codegen/unit.h"
#include "plan/border.h"

/* static void name(const T *from, T *to, int64_t start): element (0, 0, ...)
 * of the tensor, the dense copy, and where the slice begins. */
void einc_emit_border(struct text *t, const struct border *b,
                      const char *name);
/* The same as CUDA: a kernel of one struct, the two addresses and start, with
 * DEVICE_THREADS threads in a block and a thread per element of the copy. */
struct unit einc_emit_cuda_border(struct arena *perm, const struct border *b);

#endif

/* SPDX-License-Identifier: MIT
 *
 * buffers.h - where intermediates live: one workspace, shared by what does
 * not live at the same time.
 */
#ifndef EINC_PLAN_BUFFERS_H
#define EINC_PLAN_BUFFERS_H

#include "plan/plan.h"

enum { BUFFER_ALIGN_BYTES = 64 };

/* Fills at_byte and size_bytes of every TEMP and the plan's temporary_bytes.
 * A TEMP lives from the step that writes it to the one step that reads it,
 * both included. Best fit in order of execution. Fails with E803 if the
 * workspace exceeds `limit_bytes` (0: none), with E813 if it exceeds int64. */
void einc_buffers_place(struct arena scratch, struct plan *p,
                        uint64_t limit_bytes);

#endif

/* SPDX-License-Identifier: MIT
 *
 * measure.h - what this machine can do, found out with loops of our own: no
 * compiler is asked and no kernel run. Rates of arithmetic per type, of every
 * level of memory, costs of single accesses and of waking a thread.
 */
#ifndef EINC_RUNTIME_MEASURE_H
#define EINC_RUNTIME_MEASURE_H

#include "plan/machine.h"
#include "runtime/mem.h"
#include "runtime/pool.h"

/* Replaces what can be measured in `m`, which is a shipped table of an
 * instruction set that this processor has: peak, bytes, read, write, stream,
 * pack_near_ps, gather_near_ps and gather_far_ps; with more than one thread
 * in `pool` (NULL: one) also cores_percent and wake_ns. pack_turned_ps,
 * pack_far_ps and the store costs follow in proportion. Three seconds or so,
 * whatever the machine: rounds are short, each figure is the best of medians
 * that lie apart. EINC_ENOMEM: a buffer of 32 MiB was not to be had. */
enum einc_status einc_measure(struct machine *m, const struct mem *mem,
                              struct pool *pool);

#endif

/* SPDX-License-Identifier: MIT
 *
 * arena.c - see arena.h.
 */
#include "base/arena.h"

#include <string.h>

#include "base/diag.h"

void *
einc_arena_take(struct arena *a, size_t size, size_t align, int64_t n)
{
    size_t pad = (size_t)-(uintptr_t)a->beg & (align - 1);
    size_t room = (size_t)(a->end - a->beg);
    if (n < 0 || pad > room || (size_t)n > (room - pad) / size)
        einc_fail_nomem(a->cx);
    char *p = a->beg + pad;
    a->beg = p + (size_t)n * size;
    return memset(p, 0, (size_t)n * size);
}

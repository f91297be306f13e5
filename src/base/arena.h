/* SPDX-License-Identifier: MIT
 *
 * arena.h - memory of one compilation: a block that is handed out front to
 * back and given back as a whole. A function that returns memory takes
 * `struct arena *perm`; one that needs workspace takes `struct arena scratch`
 * by value, so all it took is free again when it returns (after u-config by
 * C. Wellons). No stage calls malloc.
 */
#ifndef EINC_BASE_ARENA_H
#define EINC_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct cx; /* diag.h: where to leave to when the block is full */

struct arena {
    char *beg, *end;
    struct cx *cx;
};

/* Zeroed, aligned, size-checked memory for `n` elements of type `t`, or
 * leaves through the boundary of `(a)->cx` with EINC_ENOMEM. n 0 is legal. */
#define NEW(a, t, n) ((t *)einc_arena_take((a), sizeof(t), _Alignof(t), (n)))

void *einc_arena_take(struct arena *a, size_t size, size_t align, int64_t n);

#endif

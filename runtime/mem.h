/* SPDX-License-Identifier: MIT
 *
 * mem.h - the caller's allocator, so that every allocation of the library
 * goes through one place and can be made to fail.
 */
#ifndef EINC_RUNTIME_MEM_H
#define EINC_RUNTIME_MEM_H

#include "einc.h"

struct mem {
    einc_alloc_fn fn;
    void *user;
};

static inline void *
mem_alloc(const struct mem *m, size_t bytes)
{
    return m->fn(m->user, NULL, 0, bytes ? bytes : 1);
}

static inline void
mem_free(const struct mem *m, void *p, size_t bytes)
{
    if (p)
        m->fn(m->user, p, bytes ? bytes : 1, 0);
}

/* malloc and free behind that interface. */
void *einc_mem_libc(void *user, void *old, size_t old_bytes, size_t bytes);
extern const struct mem einc_mem_default;

#endif

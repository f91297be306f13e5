/* SPDX-License-Identifier: MIT
 *
 * mem.c - see mem.h.
 */
#include "runtime/mem.h"

#include <stdlib.h>

#include "base/pages.h"

void *
einc_mem_libc(void *user, void *old, size_t old_bytes, size_t bytes)
{
    (void)user;
    (void)old_bytes;
    if (!bytes) {
        free(old);
        return NULL;
    }
    void *p = realloc(old, bytes);
    pages_advise(p, bytes);
    return p;
}

const struct mem einc_mem_default = {einc_mem_libc, NULL};

/* SPDX-License-Identifier: MIT
 *
 * pages.h - huge pages for large blocks: one fault for 2 MiB that are new,
 * and tables of pages that a processor can hold. numpy asks for the same.
 */
#ifndef EINC_BASE_PAGES_H
#define EINC_BASE_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

enum { PAGES_LARGE = 4 << 20, PAGES_SMALL = 4096 };

/* Asks for huge pages within [p, p + bytes) where that is large; p may be
 * NULL. The system may not have any: then nothing changes. */
static inline void
pages_advise(void *p, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    if (!p || bytes < PAGES_LARGE)
        return;
    size_t skip = -(uintptr_t)p & (PAGES_SMALL - 1);
    madvise((char *)p + skip, (bytes - skip) & ~(size_t)(PAGES_SMALL - 1),
            MADV_HUGEPAGE);
#else
    (void)p, (void)bytes;
#endif
}

#endif

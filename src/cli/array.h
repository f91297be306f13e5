/* SPDX-License-Identifier: MIT
 *
 * array.h - memory of arrays: zeroed, never of size 0, huge pages where it
 * is large. The caller frees it with free().
 */
#ifndef EINC_CLI_ARRAY_H
#define EINC_CLI_ARRAY_H

#include <stdlib.h>

#include "base/pages.h"

/* NULL: no memory. */
static inline void *
array_new(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    pages_advise(p, n * size); /* did not overflow, where there is a p */
    return p;
}

#endif

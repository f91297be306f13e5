/* SPDX-License-Identifier: MIT
 *
 * hash.h - FNV-1a, 64 bits: for tables in memory and names that nobody
 * attacks; every user compares the whole key afterwards.
 */
#ifndef EINC_BASE_HASH_H
#define EINC_BASE_HASH_H

#include <stdint.h>

static inline uint64_t
hash_bytes(const char *p, int64_t n)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (int64_t j = 0; j < n; j++)
        h = (h ^ (unsigned char)p[j]) * UINT64_C(0x100000001b3);
    return h;
}

#endif

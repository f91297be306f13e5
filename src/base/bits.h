/* SPDX-License-Identifier: MIT
 *
 * bits.h - sets of small integers, of any size: 64 members a word. All sets
 * of one computation have the same number of words, which the caller keeps.
 */
#ifndef EINC_BASE_BITS_H
#define EINC_BASE_BITS_H

#include <stdint.h>

typedef uint64_t bits_word;

static inline int
bits_words(int n_members)
{
    return (n_members + 63) / 64;
}

static inline int
bits_has(const bits_word *s, int x)
{
    return (int)(s[x / 64] >> (x % 64) & 1);
}

static inline void
bits_add(bits_word *s, int x)
{
    s[x / 64] |= (bits_word)1 << (x % 64);
}

static inline void
bits_remove(bits_word *s, int x)
{
    s[x / 64] &= ~((bits_word)1 << (x % 64));
}

static inline int
bits_count(const bits_word *s, int words)
{
    int n = 0;
    for (int w = 0; w < words; w++)
        n += __builtin_popcountll(s[w]);
    return n;
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * str.h - a stretch of bytes that somebody else owns, and a place in one.
 */
#ifndef EINC_BASE_STR_H
#define EINC_BASE_STR_H

#include <stdint.h>
#include <string.h>

struct str {
    const char *p; /* not 0-terminated */
    int64_t n;
};

/* Bytes [begin, end) of the source text. */
struct span {
    int32_t begin, end;
};

static inline struct str
str_of(const char *z)
{
    return (struct str){z, (int64_t)strlen(z)};
}

static inline int
str_equal(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, (size_t)a.n) == 0);
}

/* <0, 0, >0 by bytes, which for UTF-8 is the order of code points. */
static inline int
str_compare(struct str a, struct str b)
{
    int64_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, (size_t)n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

#endif

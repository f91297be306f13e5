/* SPDX-License-Identifier: MIT
 *
 * rng.h - random numbers that are the same everywhere: splitmix64.
 */
#ifndef EINC_TESTS_RNG_H
#define EINC_TESTS_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t
rng_next(struct rng *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* A stream of its own for every (seed, a, b). */
static inline struct rng
rng_of(uint64_t seed, uint64_t a, uint64_t b)
{
    struct rng r = {seed * 0x9e3779b97f4a7c15u + a};
    r.state = rng_next(&r) ^ b * 0xd1342543de82ef95u;
    rng_next(&r);
    return r;
}

/* 0 .. n - 1. */
static inline int
rng_below(struct rng *r, int n)
{
    return (int)(rng_next(r) >> 33) % n;
}

static inline int
rng_range(struct rng *r, int lo, int hi)
{
    return lo + rng_below(r, hi - lo + 1);
}

static inline int
rng_percent(struct rng *r, int percent)
{
    return rng_below(r, 100) < percent;
}

/* -1 .. 1 */
static inline double
rng_real(struct rng *r)
{
    return (double)(int64_t)(rng_next(r) >> 11) * 0x1p-52 - 1;
}

static inline void
rng_shuffle(struct rng *r, int *v, int n)
{
    for (int j = n - 1; j > 0; j--) {
        int k = rng_below(r, j + 1), x = v[j];
        v[j] = v[k];
        v[k] = x;
    }
}

#endif

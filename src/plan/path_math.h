/* SPDX-License-Identifier: MIT
 *
 * path_math.h - numbers of the searching finders: logarithms of sizes in
 * fixed point, powers of two, random numbers. All of it is integers, or single
 * roundings of IEEE doubles in a fixed order (these files are compiled with
 * -ffp-contract=off), and nothing is libm's: the same network, seed and work
 * give the same path on every machine.
 */
#ifndef EINC_PLAN_PATH_MATH_H
#define EINC_PLAN_PATH_MATH_H

#include <stdint.h>
#include <string.h>

enum {
    LOG_BITS = 24,                /* fraction of a logarithm */
    LOG_ONE = 1 << LOG_BITS,      /* log2(2) */
    LOG_MAX_WHOLE = 1000,         /* powers of two stop growing here */
    N_QUANTILES = 256
};

/* 2^f for fractions f, in three parts of 8 bits; and -log2 of the middles of
 * 256 equal parts of (0, 1), for exponential and Gumbel variates. */
struct path_math {
    double part[3][256];
    int64_t quantile[N_QUANTILES];
    double gumbel[N_QUANTILES]; /* -ln(-ln(u)), to a percent */
};

void einc_path_math_open(struct path_math *m);

/* log2(x) for x >= 1, else 0; LOG_ONE is 1. */
int64_t einc_path_log2(double x);

/* 2^x, x clamped to +-LOG_MAX_WHOLE. */
static inline double
path_exp2(const struct path_math *m, int64_t x)
{
    const int64_t most = (int64_t)LOG_MAX_WHOLE << LOG_BITS;
    x = x > most ? most : x < -most ? -most : x;
    uint64_t bits = (uint64_t)((x >> LOG_BITS) + 1023) << 52;
    double r;
    memcpy(&r, &bits, sizeof r);
    return r * m->part[0][x >> 16 & 255] * m->part[1][x >> 8 & 255] *
           m->part[2][x & 255];
}

/* log2 of x >= 1, linear between powers of two: monotonic, for scores. */
static inline double
path_rough_log2(double x)
{
    const uint64_t fraction = ((uint64_t)1 << 52) - 1;
    uint64_t bits, one = (uint64_t)1023 << 52;
    memcpy(&bits, &x, sizeof bits);
    double whole = (double)((int)(bits >> 52) - 1023), m;
    bits = (bits & fraction) | one;
    memcpy(&m, &bits, sizeof m);
    return whole + (m - 1);
}

/* SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
static inline uint64_t
path_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Of 0 to n - 1. */
static inline int
path_random_below(uint64_t *state, int n)
{
    return (int)((path_random(state) >> 32) * (uint64_t)n >> 32);
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * peaks.h - what this machine can do at most: fused multiply-adds, and bytes
 * moved in the plainest way. A floor does as many of them as a case needs, in
 * the same round as the contenders.
 */
#ifndef EINC_BENCH_PEAKS_H
#define EINC_BENCH_PEAKS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum limit { LIMIT_FMA32, LIMIT_FMA64, LIMIT_READ, LIMIT_COPY, LIMIT_NT_COPY,
             LIMIT_FILL, LIMIT_NT_FILL, N_LIMITS };

struct peaks {
    char *from, *to;            /* stream_bytes each */
    int64_t stream_bytes;
    int processors;             /* 1 or 2: threads that limits are known for */
    double rate[N_LIMITS][2];   /* flop/s or byte/s, by threads - 1 */
};

/* Work of one call of a case, against one limit. Bytes are read plus
 * written. */
struct floor {
    const struct peaks *peaks;
    enum limit limit;
    double amount;              /* flop or bytes */
    int threads;
    bool wall;                  /* wall time though it is one thread */
};

/* Allocates and measures. */
struct peaks *
peaks_open(void);
void
peaks_close(struct peaks *p);
void
peaks_print(const struct peaks *p, FILE *f);

/* "fma", "read", "copy" or "fill": plain and non-temporal stores alike. */
const char *
peaks_name(enum limit limit);

/* `work` of a contender whose user is a struct floor. */
double
peaks_work(void *floor, int64_t calls);

/* Whichever limit takes longest for a case: fma, or the bytes as a read, a
 * copy or a fill, whatever its mix of reads and writes is closest to. */
struct floor
peaks_floor(const struct peaks *p, double flop, int is_double, double read,
            double written, int threads);

#endif

/* SPDX-License-Identifier: MIT
 *
 * trial.h - one case: an einsum, whom it is compared with, and the bars. All
 * contenders are validated on the same data, then take turns.
 */
#ifndef EINC_BENCH_TRIAL_H
#define EINC_BENCH_TRIAL_H

#include "bench.h"
#include "blas.h"
#include "subject.h"

enum { MOST_BARS = 4, MOST_SPELLINGS = 3 };

/* The ratio that is to be at least so much: "floor" (the fraction of it), a
 * peer's name, or "a|b|c": the best of these. */
struct bar {
    const char *against; /* NULL: the list ends */
    double least;
};

/* The same einsum written otherwise: `operand` has a digit per term, the
 * operand that it is. A label that the operand has not is read with a stride
 * of 0. */
struct spelling {
    const char *expr; /* NULL: the list ends */
    const char *operand;
};

struct trial {
    const char *name;        /* NULL: the expression and sizes */
    const char *expr, *sizes;
    enum einc_dtype type, out_type; /* out 0: the same */
    int threads;             /* 0: 1 */
    const char *tier;        /* NULL: those that were asked for */
    bool emitted;            /* the emitted file goes first */
    struct product product;  /* what a BLAS is asked for; batch 0: nothing */
    const char *peers;       /* separated by blanks */
    const char *columns;     /* of the set; NULL: one per peer */
    double flop;             /* 0: as counted by subject_open() */
    bool scaled;             /* out = 2 * product with no beta: the output
                              * holds no numbers before */
    struct bar bars[MOST_BARS];
    double work_mib;         /* bar on the workspace; 0: none */
    struct spelling also[MOST_SPELLINGS]; /* bar: all have the plan's hash */
    /* Adds contenders of the set's own; NULL: none. */
    void (*extra)(struct bench *b, const struct subject *s,
                  struct contest *c);
    void (*extra_end)(void);
};

/* The median ratios of one trial, in the order of the columns; 0: none. */
struct outcome {
    bool done;
    double floor, peer[12];
};

/* Heading of a set whose rows have these peers. */
void
trial_heading(struct bench *b, const char *title, const char *peers);

struct outcome
trial_run(struct bench *b, const struct trial *t);

/* Compiled for the layouts of `s`; NULL, after a line that says why, if it
 * cannot be. */
struct einc_plan *
trial_compile(struct bench *b, struct einc_ctx *ctx, const struct subject *s,
              enum einc_tier tier);

#endif

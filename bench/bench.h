/* SPDX-License-Identifier: MIT
 *
 * bench.h - one run of the benchmark: what was asked for, what was found on
 * this machine, what has been measured. A set is a function of it.
 */
#ifndef EINC_BENCH_H
#define EINC_BENCH_H

#include <einc.h>
#include <stdbool.h>

#include "peaks.h"
#include "table.h"

struct blas;
struct python;

enum { MOST_TIERS = 4, MOST_BLAS = 2 };

/* One way of einc to answer: contexts of its own, without a disk cache. Times
 * are modelled for the threads of a context. */
struct tier {
    const char *name; /* as EINC_TIER takes it */
    struct einc_ctx *ctx, *pair; /* of one thread, of two */
};

struct bench {
    int rounds;          /* most rounds of a case */
    double budget;       /* seconds that the rounds of a case may take */
    double minutes;      /* that the run may take; 0: any time */
    bool list;           /* only name the cases */
    const char *command; /* the `einc` to spawn, or NULL */
    const char *self;    /* this program, to spawn fresh processes of it */
    const char *const *wanted; /* "set", "set/number" or "set/part of name" */
    int n_wanted;        /* 0: everything */
    struct tier tiers[MOST_TIERS]; /* bars are for the first */
    int n_tiers;
    struct blas *blas[MOST_BLAS]; /* in process, or NULL */
    struct python *python;        /* NULL: none */
    struct peaks *peaks;
    struct table *table;
    const char *set;     /* the one that runs */
    int number;          /* of the case within it, from 0 */
    double until;        /* no case of the set begins later */
    int left_out;        /* cases that would have */
};

/* Counts the cases of the running set; whether this one is to be run. With
 * --list it prints the name and answers no. */
bool
bench_wants(struct bench *b, const char *name);

/* Path of a file beside this program, and its text, which the caller frees. */
void
bench_beside(const struct bench *b, const char *file, char *path,
             size_t bytes);
char *
bench_text(const struct bench *b, const char *file);

/* Contexts for the tier of that name. False, after a line that says why, if
 * there is none. */
bool
bench_tier(struct bench *b, struct tier *t);
void
bench_tier_close(struct tier *t); /* plans hold theirs */

/* Modelled seconds of a call, with the threads of the plan's context. */
double
bench_modelled(const struct einc_plan *plan);

_Noreturn void
bench_die(const char *what, const char *why);

/* The sets, in the order in which they run. */
void set_gemm(struct bench *b);
void set_literal(struct bench *b);
void set_bmm(struct bench *b);
void set_tccg(struct bench *b);
void set_variants(struct bench *b);
void set_permute(struct bench *b);
void set_reduce(struct bench *b);
void set_fuse(struct bench *b);
void set_seed(struct bench *b);
void set_statements(struct bench *b);
void set_conv(struct bench *b);
void set_calls(struct bench *b);
void set_first(struct bench *b);
void set_figures(struct bench *b);

#endif

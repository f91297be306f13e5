/* SPDX-License-Identifier: MIT
 *
 * statement.h - one case of index statements: a program, its operands, whom
 * it is compared with, and the bars. Slices of the result are held against
 * einc's oracle within its bound, peers' results against all of ours; then
 * all take turns, as in trial.h.
 */
#ifndef EINC_BENCH_STATEMENT_H
#define EINC_BENCH_STATEMENT_H

#include "bench.h"

enum { MOST_STATEMENT_OPERANDS = 8, MOST_RIVALS = 3, MOST_STATEMENT_BARS = 5 };

enum fill {
    FILL_REAL,   /* -most .. most, evenly */
    FILL_INDEX,  /* 0 .. most - 1 */
    FILL_ROWS,   /* pointers of rows, of up to twice the average: 0 .. most */
    FILL_BEGINS, /* 0, most, 2*most ...: where each of equal parts begins */
    FILL_ENDS,   /* most, 2*most ... */
    FILL_PARTS,  /* number of the equal part of `most` elements: 0 0 1 1 ... */
    FILL_SHARE   /* 1 with probability most, else 0 */
};

struct operand {
    const char *name;  /* in the program; NULL: the list ends */
    const char *shape; /* "f32:8+x10000*x3": * behind the dim that the oracle
                        * gets some rows of, + where it gets one */
    enum fill fill;
    double most;
};

/* Another program of ours over the same operands, or this one with another
 * number of threads. */
struct rival {
    const char *name;    /* NULL: the list ends */
    const char *program; /* NULL: the same */
    const char *out;     /* NULL: the same */
    int threads;         /* 0: as many */
};

/* Ratios are times over ours, or "floor", "gather", or "points": G/s. Or
 * "scaling": of the rival "1 thread", on a machine whose floor would double:
 * where two processors share a core it does not. */
struct statement_bar {
    const char *against; /* NULL: the list ends */
    double least;
};

/* Rows of an operand that are read in the order of another one: what only
 * moving them takes is the contender "gather". */
struct gathered {
    const char *rows, *by; /* NULL: none */
};

struct statement {
    const char *name;
    const char *task;      /* peers are the methods "task.peer" */
    const char *program;
    struct operand in[MOST_STATEMENT_OPERANDS];
    const char *out;       /* "f32:10000*" */
    int64_t rows;          /* of the sliced dims that every row has; an operand
                            * may have more. 0: the oracle sees all of it */
    bool head_only;        /* rows differ: only the first are checked */
    double points;         /* pairs, or kept entries: what the rate counts */
    double flop;           /* that cannot be saved; exp is 20 */
    double bytes;          /* 0: operands and output, once each */
    int threads;           /* 0: 1 */
    struct gathered gathered[2];
    double work_mib;       /* bar on the workspace; 0: none */
    double most;           /* bar on any element of the result; 0: none */
    const char *peers;     /* separated by blanks */
    struct rival rivals[MOST_RIVALS];
    struct statement_bar bars[MOST_STATEMENT_BARS];
};

/* Seconds of a call of ours; 0: it was not run. */
double
statement_run(struct bench *b, const struct statement *t);

void
statement_heading(struct bench *b, const char *title);

#endif

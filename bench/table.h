/* SPDX-License-Identifier: MIT
 *
 * table.h - what a run prints: a heading and rows per set, and at the end
 * which bars were met. Every line goes to stdout and to a file, if there is
 * one. Points for the roofline are kept on the way.
 */
#ifndef EINC_BENCH_TABLE_H
#define EINC_BENCH_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "rounds.h"

struct table;

struct point {
    char set[16], name[64];
    double flop_per_byte, rate; /* flop/s */
    int threads;
    bool is_double;
};

struct table *
table_open(const char *path); /* or NULL; NULL comes back if it cannot be */
void
table_close(struct table *t);

void
table_say(struct table *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The parts of a row. Nothing is printed before its last part. */
void
table_begin(struct table *t, const char *name);
void
table_cell(struct table *t, int width, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Width 22: "1.25 (1.20..1.31)", or "-" where nothing was measured. */
void
table_ratio(struct table *t, struct spread s);
void
table_end(struct table *t);

/* A bar: printed at the end of the row, counted, and repeated at the end of
 * the run if it was missed. `met` if got >= least (or, with `at_most`,
 * <=). */
void
table_bar(struct table *t, const char *set, const char *what, double got,
          double bar, bool at_most);

void
table_point(struct table *t, const struct point *p);
const struct point *
table_points(const struct table *t, int *n);

/* All bars of the run. */
void
table_summary(struct table *t);

/* Something was computed wrongly: said at once, and again in the summary. */
void
table_wrong(struct table *t, const char *set, const char *name,
            const char *who);
int
table_failures(const struct table *t);

#endif

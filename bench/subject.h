/* SPDX-License-Identifier: MIT
 *
 * subject.h - an einsum and its tensors: small integers, so that every way of
 * computing it must agree exactly. Text of form A with one-letter labels.
 */
#ifndef EINC_BENCH_SUBJECT_H
#define EINC_BENCH_SUBJECT_H

#include <einc.h>
#include <stdbool.h>

enum { MOST_OPERANDS = 4, MOST_DIMS = 8 };

struct tensor {
    struct einc_layout layout; /* dense row-major; `shape` below */
    int64_t shape[MOST_DIMS];
    char labels[MOST_DIMS + 1];
    int64_t n;                 /* elements */
    size_t bytes;
    void *data;
};

struct subject {
    char expr[128];
    int64_t extent[128];       /* by label */
    char summed[MOST_DIMS * MOST_OPERANDS + 1]; /* labels not in `out` */
    struct tensor in[MOST_OPERANDS], out;
    int n_in;
    double flop;               /* all products and sums of one loop nest */
    double read_bytes, written_bytes;
};

/* Sizes as "i=64,j=128". `out_type` 0: that of the operands. Data are values
 * from -2 to 2 (0 and 1 of them each as often). False if memory is short. */
bool
subject_open(struct subject *s, const char *expr, const char *sizes,
             enum einc_dtype type, enum einc_dtype out_type);
void
subject_close(struct subject *s);

/* Fills the output with what no result is (NaN where there is one). */
void
subject_spoil(struct subject *s);

/* Some elements of the output, computed by plain loops, are equal to it. */
bool
subject_right(const struct subject *s);

/* `other` holds what the output holds, element by element. */
bool
subject_equal(const struct subject *s, const void *other);

#endif

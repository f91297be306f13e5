/* SPDX-License-Identifier: MIT
 *
 * print_stream.h - pieces of a stream that its kernel as a table and its
 * plain loops share: what happens at one place of all indices but the lane,
 * inner and deep, which nest.h explains.
 *
 * The text around a body declares
 *   table   first, count: lanes of the task; inner, or inner and inner_end;
 *           at[tensor]: where the counted free indices are
 *   loops   first, count: if einc_stream_block() says so; the counted free
 *           indices; inner, or for dots a loop of its own: see there
 */
#ifndef EINC_CODEGEN_PRINT_STREAM_H
#define EINC_CODEGEN_PRINT_STREAM_H

#include "codegen/family.h"
#include "codegen/print.h"

/* Whether the lanes of plain loops are done in blocks. */
int einc_stream_block(const struct nest *w);
/* Whether the text may list where the products of a sum are. */
int einc_stream_has_spots(const struct nest *w);
/* How many lanes a body has, as C: "count" or a literal. */
const char *einc_stream_count(const struct printer *p);
/* Before a kernel that is a table: how to get at memory past the caches. */
void einc_print_stream_past(const struct printer *p);

/* sum += x, C all three; `lost` keeps what rounding adds to the sum, of which
 * the next term is free (Kahan 1965; Higham, section 4.3). No compiler may
 * leave that out without -ffast-math; that it fuses a product in x with the
 * first subtraction takes a rounding away. Nothing is lost where the sum is
 * infinite or NaN. */
void einc_print_stream_compensated(const struct printer *p, const char *sum,
                                   const char *lost, const char *x);

/* One position of inner. */
void einc_print_stream_map(const struct printer *p);
void einc_print_stream_columns(const struct printer *p);
/* All positions of inner from `begin` to `end`, both C. */
void einc_print_stream_dots(const struct printer *p, const char *begin,
                            const char *end);

/* A text of its own, printf's way. */
const char *einc_stream_text(const struct printer *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void einc_stream_open(const struct printer *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))); /* a line, then 4 blanks more */
void einc_stream_close(const struct printer *p);

#endif

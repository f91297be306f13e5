/* SPDX-License-Identifier: MIT
 *
 * value.h - single elements as numbers: to print, to compare, and to read
 * from the command line.
 */
#ifndef EINC_CLI_VALUE_H
#define EINC_CLI_VALUE_H

#include "einc.h"

/* Wide enough to hold every element type exactly; im is 0 for real types. */
struct value {
    long double re, im;
};

int einc_value_has_parts(enum einc_dtype dtype);
int einc_value_is_integer(enum einc_dtype dtype); /* bool included */

/* The element at `p`, which need not be aligned. */
struct value einc_value_load(enum einc_dtype dtype, const void *p);

/* "2", "-1.5e3", "1+2j", "-j", "nan": 1 if `text` is a number, else 0. */
int einc_value_parse(const char *text, struct value *v);
/* Stores v as one value of a compute type. 0 when the type does not hold it:
 * an imaginary part, a fraction or a magnitude. */
int einc_value_store(enum einc_dtype compute, struct value v, void *p);

#endif

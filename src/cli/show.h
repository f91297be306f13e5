/* SPDX-License-Identifier: MIT
 *
 * show.h - an array as text, the way numpy prints it: all of a small one, the
 * corners of a large one.
 */
#ifndef EINC_CLI_SHOW_H
#define EINC_CLI_SHOW_H

#include <stdio.h>

#include "einc.h"

/* Prints a dense row-major array. */
void einc_show(FILE *f, enum einc_dtype dtype, int ndim, const int64_t *shape,
               const void *data);
/* One number in at most `room` bytes, 8 digits for a fraction. */
void einc_show_value(char *text, size_t room, enum einc_dtype dtype,
                     const void *p);

#endif

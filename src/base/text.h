/* SPDX-License-Identifier: MIT
 *
 * text.h - a growing text in an arena. Every printer of a stage and every
 * emitter writes into one. Numbers are printed the same in every locale.
 */
#ifndef EINC_BASE_TEXT_H
#define EINC_BASE_TEXT_H

#include <stdarg.h>

#include "base/arena.h"
#include "base/str.h"

struct text {
    struct arena *perm; /* grows in here: by doubling, old copies are lost */
    char *p;            /* always 0-terminated once something was written */
    int64_t n, cap;
    int indent;         /* columns that einc_line() starts a line with */
};

/* printf into the text; only integers, strings and %.*s: no %f, no %p. */
void einc_put(struct text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void einc_putv(struct text *t, const char *fmt, va_list ap);
/* One whole line: indentation, the text, a newline. An empty format gives an
 * empty line without blanks. */
void einc_line(struct text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void einc_put_str(struct text *t, struct str s);
/* The text as a C string, "" if nothing was written. */
const char *einc_text_z(const struct text *t);
/* All of it at once: a string in the arena. */
const char *einc_printed(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif

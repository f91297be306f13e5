/* SPDX-License-Identifier: MIT
 *
 * say.h - what the command tells a person, all of it on stderr.
 */
#ifndef EINC_CLI_SAY_H
#define EINC_CLI_SAY_H

#include "cli/cli.h"

/* One line, "einc: " before it. Returns `code`, so that a verb can end with
 * `return einc_say(EXIT_ENV, ...)`. */
int einc_say(int code, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A wrong command line of `verb` (NULL: of einc): the line, then where the
 * help is. Returns EXIT_USAGE. */
int einc_say_usage(const struct verb *verb, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints einc_err_text(err) as it is, frees `err`; the exit code of it. */
int einc_say_error(enum einc_status status, struct einc_err *err);

/* Of n words the one nearest to `word`, if near enough to be meant; else
 * NULL. */
const char *einc_say_nearest(const char *word, const char *const known[],
                             int n);

#endif

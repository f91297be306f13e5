/* SPDX-License-Identifier: MIT
 *
 * flags.h - the table of flags: what each is called, which verbs take it and
 * what it does, for the parser and for the help alike.
 */
#ifndef EINC_CLI_FLAGS_H
#define EINC_CLI_FLAGS_H

#include "cli/cli.h"

/* Parses the command line of a->verb; argv[0] is the verb's name. Permutes
 * argv. Returns enum exit_code, having said what is wrong. */
int einc_flags_parse(struct args *a, int argc, char **argv);
/* Prints a line or more per flag that the verb takes. */
void einc_flags_help(const struct verb *v);

#endif

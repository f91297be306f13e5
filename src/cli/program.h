/* SPDX-License-Identifier: MIT
 *
 * program.h - index statements on the command line.
 */
#ifndef EINC_CLI_PROGRAM_H
#define EINC_CLI_PROGRAM_H

#include "cli/cli.h"

/* Whether the text is one of index statements: it has a "[". */
int einc_cli_is_program(const char *expr);
/* Usage, having said so, if a flag is for einsums only; else EXIT_DONE. */
int einc_cli_refuse(const struct args *a);
/* einc run, at an enum einc_place: returns enum exit_code. */
int einc_cli_run_program(const struct args *a, int32_t place);

#endif

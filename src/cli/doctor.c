/* SPDX-License-Identifier: MIT
 * doctor.c - what einc finds on this machine. */
#include <stdio.h>

#include "cli/operands.h"
#include "cli/say.h"

int
einc_verb_doctor(const struct args *a)
{
    if (a->expr)
        return einc_say_usage(a->verb, "takes no words, not '%s'", a->expr);
    const enum einc_status status = einc_doctor(NULL, einc_cli_write, stdout);
    return status ? einc_say_error(status, NULL) : EXIT_DONE;
}

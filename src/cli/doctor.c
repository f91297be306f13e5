/* SPDX-License-Identifier: MIT
 * doctor.c - what einc finds on this machine. */
#include <stdio.h>

#include "cli/operands.h"
#include "cli/say.h"

static int
calibrate(const struct args *a)
{
    struct einc_config config = {.size = sizeof(config)};
    struct einc_ctx *ctx = NULL;
    struct einc_err *err = NULL;

    config.threads = a->threads;
    enum einc_status status = einc_ctx_create(&config, &ctx, &err);
    if (!status)
        status = einc_calibrate(ctx, NULL, einc_cli_write, stdout, &err);
    einc_ctx_free(ctx);
    return status ? einc_say_error(status, err) : EXIT_DONE;
}

int
einc_verb_doctor(const struct args *a)
{
    if (a->expr)
        return einc_say_usage(a->verb, "takes no words, not '%s'", a->expr);
    if (a->calibrate)
        return calibrate(a);
    const enum einc_status status = einc_doctor(NULL, einc_cli_write, stdout);
    return status ? einc_say_error(status, NULL) : EXIT_DONE;
}

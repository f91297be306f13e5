/* SPDX-License-Identifier: MIT
 * explain.c - einc explain: a stage of the compilation, on stdout. The plan is
 * that of einc run, with its kernels: the memory it takes depends on them. */
#include <stdio.h>
#include <string.h>

#include "cli/operands.h"
#include "cli/say.h"

static int
read_format(const struct args *a, enum einc_format *format)
{
    static const char *const names[] = {"text", "json", "dot"};

    *format = EINC_TEXT;
    if (!a->format)
        return EXIT_DONE;
    for (int i = 0; i < 3; i++)
        if (!strcmp(a->format, names[i])) {
            *format = (enum einc_format)(EINC_TEXT + i);
            return EXIT_DONE;
        }
    return einc_say_usage(a->verb, "--format takes text, json or dot, "
                          "not '%s'", a->format);
}

int
einc_verb_explain(const struct args *a)
{
    struct operands o;
    struct einc_plan *plan = NULL;
    enum einc_format format;

    int code = read_format(a, &format);
    if (code != EXIT_DONE)
        return code;
    code = einc_operands_read(&o, a);
    if (code == EXIT_DONE) {
        const struct request r = {.in = o.in, .n = o.n, .out = o.out,
                                  .outs = o.outs, .n_outs = o.n_outs,
                                  .symbolic = o.symbolic,
                                  .tier = (enum einc_tier)a->tier};
        code = einc_operands_compile(a, &r, &plan);
    }
    if (code == EXIT_DONE)
        code = einc_operands_dump(plan, a->dump ? a->dump : "plan", format,
                                  stdout);
    einc_plan_free(plan);
    einc_operands_free(&o);
    return code;
}

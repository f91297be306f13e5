/* SPDX-License-Identifier: MIT
 *
 * operands.h - from flags to a plan: layouts of operands out of --size,
 * --shape and --dtype, options out of the rest, and the compilation.
 */
#ifndef EINC_CLI_OPERANDS_H
#define EINC_CLI_OPERANDS_H

#include "cli/cli.h"

/* Layouts of all operands, dense row-major. */
struct operands {
    struct einc_layout *in; /* [n]; shapes are malloc'ed */
    size_t n, room;
    enum einc_dtype out;    /* NONE: inferred */
    char *symbolic;         /* labels without a size, with commas; or NULL */
};

/* What a verb asks of the compilation beside its flags. */
struct request {
    const struct einc_layout *in; /* [n] */
    size_t n;
    enum einc_dtype out;          /* NONE: inferred */
    const char *symbolic;         /* NULL, or see einc_options */
    enum einc_tier tier;
    const struct einc_layout *const *outs; /* NULL, or of a program: [n_outs],
                                            * an entry NULL: inferred */
    size_t n_outs;
};

/* These return enum exit_code and have said why when it is not EXIT_DONE. */

/* Reads --size or --shape, and --dtype. Free it in any case. */
int einc_operands_read(struct operands *o, const struct args *a);
void einc_operands_free(struct operands *o);
/* The plan is the caller's. */
int einc_operands_compile(const struct args *a, const struct request *r,
                          struct einc_plan **plan);
/* Prints one or more stages ("path,plan") to `stream`, a FILE. */
int einc_operands_dump(const struct einc_plan *plan, const char *stages,
                       enum einc_format format, void *stream);

/* An einc_write_fn; `user` is a FILE. */
int einc_cli_write(void *user, const char *bytes, size_t n);

#endif

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
    struct einc_layout *in; /* [n], then, of a program, its outputs; shapes
                             * are malloc'ed */
    size_t n, room;
    const struct einc_layout **outs; /* of a program: [n_outs], each in `in`,
                             * or NULL: its statement tells; else NULL */
    size_t n_outs;
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

/* Reads --size or --shape, and --dtype. Without --dtype a program's types are
 * those of its header, then f32. Free it in any case. */
int einc_operands_read(struct operands *o, const struct args *a);
void einc_operands_free(struct operands *o);
/* "X=" in front of what is said of a program's tensor: moves *at behind it and
 * gives its number, outputs behind the operands. 0: there is no name. */
int einc_operands_name(const struct args *a, const char **at, size_t *tensor);
/* The plan is the caller's. */
int einc_operands_compile(const struct args *a, const struct request *r,
                          struct einc_plan **plan);
/* Prints one or more stages ("path,plan") to `stream`, a FILE. */
int einc_operands_dump(const struct einc_plan *plan, const char *stages,
                       enum einc_format format, void *stream);

/* An einc_write_fn; `user` is a FILE. */
int einc_cli_write(void *user, const char *bytes, size_t n);

#endif

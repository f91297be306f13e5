/* SPDX-License-Identifier: MIT
 *
 * file.h - a C file that stands alone, while it is printed. file.c prints
 * what a reader sees first, file_driver.c the function that runs the steps,
 * file_main.c a main() that checks and times it.
 */
#ifndef EINC_CODEGEN_FILE_H
#define EINC_CODEGEN_FILE_H

#include "codegen/emit.h"
#include "codegen/print.h"

struct file {
    struct text *t;
    struct arena *scratch;
    const struct plan *plan;
    const struct emit_style *style;
    const struct nest **nests; /* [plan.n_steps] */
    int symbolic;              /* some extent is an argument */
    int has_gett;              /* some step packs: args, scratch, threads */
    int has_work;              /* the function needs memory of its own */
};

enum { NAME_ROOM = 16 };       /* for einc_nest_name() */

struct file einc_file(struct text *t, struct arena *scratch,
                      const struct plan *p, const struct target *target,
                      const struct emit_style *style);
/* Name of everything that step `step` (from 0) defines: "mm_step1". */
const char *einc_file_prefix(const struct file *f, int step);

/* The opening comment, and the prototypes with theirs. */
void einc_file_opening(const struct file *f);
void einc_file_declarations(const struct file *f);
void einc_file_signature(const struct file *f);
void einc_file_workspace_signature(const struct file *f);

/* Numbers as C: an extent of plan.canon, of a dim of an operand, elements of
 * a tensor, the stride of index x of plan.canon in an operand or a tensor. */
void einc_file_extent(const struct file *f, int x);
void einc_file_dim(const struct file *f, const struct operand *o, int dim);
void einc_file_elements(const struct file *f, const struct plan_tensor *x);
void einc_file_operand_stride(const struct file *f, const struct operand *o,
                              int x);
void einc_file_stride(const struct file *f, int tensor, int x, int64_t value);
/* The extents that are arguments, each led by `before` ("int64_t " declares
 * them) and parted by commas; the first one by `first`. */
void einc_file_arguments(const struct file *f, const char *first,
                         const char *before);

/* Everything between the kernels and main(). */
void einc_file_before_kernels(const struct file *f);
void einc_file_driver(const struct file *f);
void einc_file_main(const struct file *f);

#endif

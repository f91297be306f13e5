/* SPDX-License-Identifier: MIT
 *
 * file.h - a C file that stands alone, while it is printed. file.c prints
 * what a reader sees first, file_driver.c the function that runs the steps,
 * file_main.c a main() that checks and times it, file_sets.c the kernels, for
 * one set of instructions after another.
 *
 * A file has a body of kernels for each set that is worth it. The sets that
 * gcc and clang can compile whatever their flags (struct target, features)
 * come first; the function picks among them when it is first called. The
 * rest share the prefix "mm_base": the compiler takes the first that it can
 * do. What reads the same for all of these is printed once; a step that
 * reads the same for all sets is printed once as well, as an inline function
 * of which each set has a copy. A family knows nothing of this: it prints for
 * nest.target, under the names that the printer gives it.
 */
#ifndef EINC_CODEGEN_FILE_H
#define EINC_CODEGEN_FILE_H

#include "codegen/emit.h"
#include "codegen/print.h"

struct file_set {
    const struct target *target;
    const char *prefix;        /* of its names: "mm_avx512" */
    const struct nest **nests; /* [plan.n_steps] */
};

struct file {
    struct text *t;
    struct arena *scratch;
    const struct plan *plan;
    const struct emit_style *style;
    struct file_set *sets;     /* best first */
    int n_sets, n_picked;      /* the first n_picked are picked at run time */
    const struct nest **nests; /* of the last set: extents, operands */
    int symbolic;              /* some extent is an argument */
    int has_gett;              /* some step takes the struct of arguments */
    int has_turns;             /* some step is a transpose */
    int has_work;              /* the function needs memory of its own */
    int cuda;                  /* main() calls NAME_copy() and NAME_again(),
                                * then NAME_close() */
};

enum { NAME_ROOM = 16 };       /* for einc_nest_name() */

struct file einc_file(struct text *t, struct arena *scratch,
                      const struct plan *p, const struct target *target,
                      const struct emit_style *style);
/* Name of everything that step `step` (from 0) of a set defines:
 * "mm_avx512_step1". */
const char *einc_file_prefix(const struct file *f, int set, int step);
/* Prints a part that differs from set to set as `print` does, for those that
 * the compiler chooses among: once if they agree, else under #if. */
typedef void einc_file_part(const struct file *f, struct text *t, int set,
                            int step);
void einc_file_base(const struct file *f, einc_file_part *print, int step);
/* How the kernel of a step is printed: a gett takes the struct of arguments,
 * the others their tensors, extents and strides by parameter, and, if they
 * are in_parts, which part of the outermost loop to run. */
struct printer einc_file_printer(const struct file *f, struct text *t,
                                 int set, int step);

/* The opening comment, and the prototypes with theirs. */
void einc_file_opening(const struct file *f);
void einc_file_declarations(const struct file *f);
void einc_file_signature(const struct file *f);
/* "float *out, const float *in0, ..., int64_t n_i", or the names alone. */
void einc_file_parameters(const struct file *f, int typed);
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
void einc_file_kernels(const struct file *f);
void einc_file_driver(const struct file *f);
void einc_file_main(const struct file *f);
/* Its parts that know no tensor: NAME_seconds(); rounds of `call`, a C
 * expression that is not 0 where there is no memory, which leave `best`; the
 * line that tells of `best`, `flop` if there is one, `checked` and `wrong`. */
void einc_file_main_seconds(struct text *t, const char *name);
void einc_file_main_rounds(struct text *t, const char *name,
                           const char *call);
void einc_file_main_result(struct text *t, const char *name, int has_flop);

/* file_sets.c: what stands between the two is compiled for the set. */
void einc_file_open_set(struct text *t, const struct target *x);
void einc_file_close_set(struct text *t);

#endif

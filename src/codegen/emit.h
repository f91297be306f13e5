/* SPDX-License-Identifier: MIT
 *
 * emit.h - nests to source text. Same input, same bytes. No text of the user
 * but in the opening comment, where it is escaped.
 */
#ifndef EINC_CODEGEN_EMIT_H
#define EINC_CODEGEN_EMIT_H

#include "codegen/nest.h"
#include "codegen/unit.h"

/* One kernel for the runtime: the source of a shared object with the entry
 * `einc_kernel`. */
struct unit einc_emit_unit(struct arena *perm, const struct nest *nest);

/* The same as CUDA, for NVRTC: a __global__ function of one struct, see
 * DEVICE_ABI. `nest` is of target "cuda". The second fills in the arguments
 * and returns how many blocks are launched. */
struct unit einc_emit_cuda_unit(struct arena *perm, const struct nest *nest);

struct device_parts einc_emit_cuda_parts(const struct nest *nest);
int64_t einc_emit_cuda_blocks(const struct nest *nest, int64_t *n,
                              int64_t *s);

/* Whether a step of the plan goes through shared memory, by blocks. */
int einc_emit_cuda_has_block(struct arena *scratch, const struct plan *p);

/* Integers of known width, for nvcc and NVRTC. */
void einc_emit_cuda_types(struct text *t);

/* Many kernels in one source: what stands before them once, and one of them,
 * whose functions have `name` in front. */
void einc_emit_units_opening(struct text *t, const struct target *target);
struct unit einc_emit_named_unit(struct arena *perm, const struct nest *nest,
                                 const char *name);

/* How an emitted file is called and what it refers to. */
struct emit_style {
    const char *name;   /* C identifier, checked by the caller */
    const char *header; /* NULL, or file to #include for the declarations */
    const char *again;  /* NULL, or the command that makes the file again */
    int with_main;      /* append a main() that checks and times */
};

/* In all of these `scratch` is another block than that of `t`. */

/* A file that needs nothing of ours: all steps, and one function that runs
 * them: int NAME(out, in0, ..., extents ..., work). */
void einc_emit_c(struct text *t, struct arena scratch, const struct plan *p,
                 const struct target *target, const struct emit_style *style);
void einc_emit_c_header(struct text *t, struct arena scratch,
                        const struct plan *p, const struct emit_style *style);

/* CUDA: a __global__ function per step, one thread per output element. */
void einc_emit_cuda(struct text *t, struct arena scratch, const struct plan *p,
                    const struct emit_style *style);

/* Text inside a comment: no end of comment, no line splice, no trigraph, no
 * control or direction-changing character; others as they are. */
void einc_emit_comment(struct text *t, struct str user);

#endif

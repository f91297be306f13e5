/* SPDX-License-Identifier: MIT
 *
 * emit_cuda_file.h - a CUDA file that stands alone: kernels, a function that
 * launches them on a stream, and a main() that checks it, for nvcc.
 */
#ifndef EINC_CODEGEN_EMIT_CUDA_FILE_H
#define EINC_CODEGEN_EMIT_CUDA_FILE_H

#include "codegen/emit.h"
#include "plan/script.h"

/* What is written: an einsum, all of whose sizes are known, or a program. */
struct cuda_request {
    const char *arch;                /* "sm_90a", that nvcc is told */
    const struct plan *plan;         /* NULL: a program */
    const struct script *script;
    const struct plan *const *plans; /* of the stages; NULL: loops */
};

/* E901: a statement has no kernel for a GPU; E902: too many blocks. `scratch`
 * is another block than that of `t`. */
void einc_emit_cuda_file(struct text *t, struct arena scratch,
                         const struct cuda_request *r,
                         const struct emit_style *style);
void einc_emit_cuda_file_header(struct text *t, struct arena scratch,
                                const struct cuda_request *r,
                                const struct emit_style *style);

#endif

/* SPDX-License-Identifier: MIT
 *
 * emit_program.h - a program of index statements as one file that needs
 * nothing of ours.
 */
#ifndef EINC_CODEGEN_EMIT_PROGRAM_H
#define EINC_CODEGEN_EMIT_PROGRAM_H

#include "codegen/emit.h"
#include "plan/script.h"

/* int NAME(out0, ..., in0, ..., work): 0; 1: no memory; 2: data led out of a
 * tensor. `plans`: of each stage that is an einsum, else NULL; its scale is 1
 * and it adds to nothing. `scratch` is another block than that of `t`. */
void einc_emit_program(struct text *t, struct arena scratch,
                       const struct script *s,
                       const struct plan *const plans[],
                       const struct emit_style *style);
void einc_emit_program_header(struct text *t, struct arena scratch,
                              const struct script *s,
                              const struct emit_style *style);

#endif

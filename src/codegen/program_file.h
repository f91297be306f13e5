/* SPDX-License-Identifier: MIT
 *
 * program_file.h - a C file of index statements that stands alone, while it
 * is printed. emit_program.c prints its kernels and the function that runs
 * them, program_plain.c the statements once more as plain loops, and
 * program_main.c a main() that fills, times and compares.
 */
#ifndef EINC_CODEGEN_PROGRAM_FILE_H
#define EINC_CODEGEN_PROGRAM_FILE_H

#include "codegen/emit.h"
#include "codegen/mapreduce.h"
#include "plan/script.h"

enum { PROGRAM_SETS = 3 }; /* of instructions, best first */

struct program_file {
    struct text *t;
    struct arena *scratch;
    const struct script *s;
    const struct program *p;         /* as it is run */
    const struct plan *const *plans; /* [s.n_stages]; NULL: loops */
    const struct emit_style *style;
    const struct mapreduce *nests[PROGRAM_SETS]; /* of the stage at hand */
    int cuda; /* main() calls NAME_copy() and NAME_again(), then NAME_close() */
};

/* "in0", "out1", "t3". */
void einc_program_put(struct text *t, const struct tensor *x);
const char *einc_program_type(const struct tensor *x);

/* What stands between the two is compiled for the set ("avx2"). */
void einc_program_open_set(struct text *t, const char *set);
void einc_program_close_set(struct text *t);

/* A function that counts the elements of the outputs that differ from those
 * of plain loops over the statements as they were written:
 *     int64_t NAME_wrong(const T *out0, ..., const T *in0, ...,
 *                        int64_t *checked)
 * -1: no memory. The outputs began with einc_program_fill()'s values. */
void einc_program_plain(const struct program_file *f);
/* A stage as plain loops: the function NAME_stage2(args). Before them, and
 * before the other, the conversions of halves; is_plain[s]: stage s is so. */
void einc_program_plain_helpers(const struct program_file *f,
                                const char *is_plain);
void einc_program_plain_stage(const struct program_file *f, int stage);
/* A formula in `at` of what element `at`, complex parts counted apart, of an
 * input, or of an output before the first call, is filled with. */
void einc_program_fill(const struct program_file *f, const struct tensor *y);
/* `flop` of a call. All tensors are dense. */
void einc_program_main(const struct program_file *f, double flop);

#endif

/* SPDX-License-Identifier: MIT
 *
 * target.h - what code is generated for: one row per instruction set, numbers
 * only. No stage asks which machine it runs on; the runtime picks the row.
 */
#ifndef EINC_CODEGEN_TARGET_H
#define EINC_CODEGEN_TARGET_H

#include "base/str.h"

enum language { LANGUAGE_C, LANGUAGE_CUDA };

struct target {
    const char *name;         /* "avx512"; "portable": every CPU row, the best
                               * that compiler and machine take */
    enum language language;
    const char *features;     /* what a portable file names in target(...) and
                               * asks the machine for, apart by commas; NULL:
                               * the compiler's flags decide */
    const char *condition;    /* then: preprocessor test for the row, beside
                               * that for vector types; NULL: none */
    int vector_bytes;         /* of one register; 0: scalar code */
    int registers;            /* vector registers */
    const char *const *flags; /* for a gcc or clang run, NULL-terminated */
};

/* Row of that name; NULL if there is none. */
const struct target *einc_target_find(struct str name);
/* The CPU rows of a portable file, best first, NULL at the end; the last one
 * is scalar C99. */
extern const struct target *const einc_target_portable[];

#endif

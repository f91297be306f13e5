/* SPDX-License-Identifier: MIT
 *
 * builtin.h - kernels that were compiled with the library, so that classic
 * einsums need no compiler. The build writes them: src/builtin/gen.c prints
 * the kernels of the expressions in src/builtin/LIST.txt for every instruction
 * set of the processor's family, and a table of them, sorted by key.
 */
#ifndef EINC_BUILTIN_H
#define EINC_BUILTIN_H

#include "base/dtype.h"
#include "codegen/target.h"
#include "codegen/unit.h"

struct builtin {
    const char *key;       /* einc_nest_key() */
    einc_kernel_fn entry;
};

/* The kernels of one row of target.h. */
struct builtin_set {
    const char *target;
    const struct builtin *rows; /* by key, as strcmp() orders */
    int n;
};

/* Generated; ends with a set whose target is NULL. none.c: no set at all. */
extern const struct builtin_set einc_builtin_sets[];

/* The set made for `t`; one without kernels if there is none. */
const struct builtin_set *einc_builtin_set(const struct target *t);
/* NULL if there is no such kernel. */
einc_kernel_fn einc_builtin_find(const struct builtin_set *set,
                                 const char *key);

/* A kernel for sums of products of two operands that is made for nothing but
 * to begin at once; one task. Its extents are those of SMALL_FREE free
 * indices, slowest first, of SMALL_SUMMED summed ones (1 where there are
 * fewer), and the factor; its strides are of all of them in in0, in1, out.
 * All tensors are of type `d`; NULL if there is none for it. */
enum { SMALL_FREE = 3, SMALL_SUMMED = 2,
       SMALL_INDICES = SMALL_FREE + SMALL_SUMMED };
einc_kernel_fn einc_builtin_small(enum einc_dtype d);

#endif

/* SPDX-License-Identifier: MIT
 *
 * target.c - see target.h.
 */
#include "codegen/target.h"

#include <stddef.h>

/* Width of the vector type and -m flags go together: wide vectors compiled
 * for a narrow set run fifty times slower. FMA contraction is named because
 * ISO modes turn it off; trapping-math is off because it keeps gcc from
 * if-converting and changes no value. Never -ffast-math. */
#define COMMON                                                              \
    "-std=gnu11", "-O2", "-ffp-contract=fast", "-fno-trapping-math",        \
        "-fno-math-errno", "-w"

static const char *const flags_avx512[] = {
    COMMON, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma",
    "-mprefer-vector-width=512", NULL};
static const char *const flags_avx2[] = {COMMON, "-mavx2", "-mfma", NULL};
static const char *const flags_none[] = {COMMON, NULL};

static const struct target avx512 = {
    "avx512", LANGUAGE_C, "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma", NULL,
    64, 32, flags_avx512};
static const struct target avx2 = {
    "avx2", LANGUAGE_C, "avx2,fma", NULL, 32, 16, flags_avx2};
static const struct target neon = {
    "neon", LANGUAGE_C, NULL, "defined(__aarch64__)", 16, 32, flags_none};
static const struct target sse2 = {
    "sse2", LANGUAGE_C, NULL, NULL, 16, 16, flags_none};
static const struct target scalar = {
    "generic", LANGUAGE_C, NULL, NULL, 0, 16, flags_none};
static const struct target portable = {
    "portable", LANGUAGE_C, NULL, NULL, 0, 16, flags_none};
static const struct target cuda = {
    "cuda", LANGUAGE_CUDA, NULL, NULL, 0, 255, flags_none};

const struct target *const einc_target_portable[] = {&avx512, &avx2, &neon,
                                                     &sse2, &scalar, NULL};

const struct target *
einc_target_find(struct str name)
{
    static const struct target *const rows[] = {
        &avx512, &avx2, &neon, &sse2, &scalar, &portable, &cuda};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
        if (str_equal(name, str_of(rows[r]->name)))
            return rows[r];
    return NULL;
}

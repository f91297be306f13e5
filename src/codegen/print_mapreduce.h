/* SPDX-License-Identifier: MIT
 *
 * print_mapreduce.h - what the printers of an index statement share: the
 * types of values in C, and the functions that a kernel calls, each of which
 * is printed if it is used.
 *
 * A value that depends on the lane is a vector of m->lanes elements (wide),
 * any other a scalar. Truth is an int32_t, 0 or 1; of lanes 0 or -1. Integers
 * of 64 bits that are known to fit in 32 are 32 bits wide in lanes.
 */
#ifndef EINC_CODEGEN_PRINT_MAPREDUCE_H
#define EINC_CODEGEN_PRINT_MAPREDUCE_H

#include "codegen/levels.h"

/* How a value stands in C. */
struct form {
    enum value_type type;
    int wide;
};

/* The functions of a kernel. */
struct helpers {
    struct arena *perm;
    const char **names; /* of those used, in order of first use */
    int n, cap;
    int lanes;
    const char *prefix; /* in front of all names */
    int cuda;           /* as functions of a device */
};

/* Notes that a function is used; returns its name in C. The name without the
 * prefix says what it is: "exp_f32", wide ones "v_exp_f32". */
const char *einc_helper(struct helpers *h, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Types of vectors, then all functions that are used. */
void einc_print_helpers(struct text *t, struct helpers *h,
                        const char *args_struct);
/* Template of a function of floats by polynomials, "exp" and "f32", for a
 * number and for lanes; NULL: there is none, and the C library's is called. */
const char *einc_math_code(const char *base, const char *suffix);
/* Their names in C: "float", "vf32". */
const char *einc_form_name(struct form f);
/* "f32", "i32" ... of a type; bool is i32. */
const char *einc_form_suffix(enum value_type t);

#endif

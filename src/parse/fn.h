/* SPDX-License-Identifier: MIT
 *
 * fn.h - what a value may be made of in an index statement: operators and
 * functions, with their types, in one table.
 */
#ifndef EINC_PARSE_FN_H
#define EINC_PARSE_FN_H

#include "base/dtype.h"
#include "base/str.h"

enum fn {
    /* operators */
    FN_NEG, FN_NOT, FN_ADD, FN_SUB, FN_MUL, FN_DIV, FN_MOD, FN_POW,
    FN_LT, FN_LE, FN_GT, FN_GE, FN_EQ, FN_NE, FN_AND, FN_OR, FN_SELECT,
    /* functions */
    FN_ABS, FN_SIGN, FN_SQRT, FN_RSQRT, FN_EXP, FN_EXPM1, FN_LOG, FN_LOG1P,
    FN_SIN, FN_COS, FN_TAN, FN_ASIN, FN_ACOS, FN_ATAN, FN_ATAN2, FN_SINH,
    FN_COSH, FN_TANH, FN_ERF, FN_SIGMOID, FN_RELU, FN_GELU, FN_FLOOR,
    FN_CEIL, FN_ROUND, FN_STEP, FN_MAXIMUM, FN_MINIMUM, FN_CLAMP, FN_ISNAN,
    FN_CONJ, FN_REAL, FN_IMAG,
    /* made while names and types are settled */
    FN_CAST, /* to the node's type */
    FN_POWI, /* args[0] to the power node.integer, by multiplication; a
              * negative one is 1/x^n */
    N_FNS
};

/* What they do where one might ask, the same in every tier. "/" is of floats,
 * 1/2 is 0.5. "%" is floored, with the sign of the divisor, as numpy and
 * Python have it; of integers by 0 it is 0. round: halves to even. sign of
 * NaN is NaN; step(x): 1 if x >= 0 else 0. maximum minimum clamp relu: NaN if
 * an argument is. gelu: with erf. sigmoid: 1/(1+exp(-x)). Integers: abs and
 * "-" of the least wrap; floor ceil round change nothing. */

/* How arguments and result are typed. "compute" is einc_fn_compute(). */
enum fn_rule {
    RULE_SAME,    /* promoted together; the result has that type */
    RULE_FLOAT,   /* the same, integers and bool becoming f32 */
    RULE_COMPARE, /* promoted together; the result is bool */
    RULE_LOGIC,   /* each as a truth value; the result is bool */
    RULE_SELECT,  /* a truth value, then two promoted together */
    RULE_REAL,    /* one; the result has the type of its parts: abs real imag */
    RULE_OTHER    /* CAST POWI */
};

struct fn_info {
    const char *name;   /* "exp", "+"; "?:" */
    int n_args;
    enum fn_rule rule;
    int complex;        /* whether complex arguments are legal */
};

const struct fn_info *einc_fn_info(enum fn f);
/* The function of that name (not an operator); N_FNS: none. "pow" is FN_POW.
 * Names of types are not in the table. */
enum fn einc_fn_named(struct str name);

/* Promotion in a statement: floats win over integers (i32*f32 is f32), a
 * complex of the wider part over floats; else as numpy. */
enum einc_dtype einc_fn_promote(enum einc_dtype a, enum einc_dtype b);
/* The type that values of type t are computed and summed in: bool, i32 (of 8
 * and 16 bits), i64 (of 32 unsigned bits and of 64), f32 (of halves), f64,
 * c64, c128. i32 stays i32. Integers wrap. */
enum einc_dtype einc_fn_compute(enum einc_dtype t);

#endif

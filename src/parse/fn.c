/* SPDX-License-Identifier: MIT
 *
 * fn.c - see fn.h: the table of operators and functions, and their types.
 */
#include "parse/fn.h"

#include <assert.h>

static const struct fn_info table[N_FNS] = {
    [FN_NEG] = {"-", 1, RULE_SAME, 1},
    [FN_NOT] = {"!", 1, RULE_LOGIC, 0},
    [FN_ADD] = {"+", 2, RULE_SAME, 1},
    [FN_SUB] = {"-", 2, RULE_SAME, 1},
    [FN_MUL] = {"*", 2, RULE_SAME, 1},
    [FN_DIV] = {"/", 2, RULE_FLOAT, 1},
    [FN_MOD] = {"%", 2, RULE_SAME, 0},
    [FN_POW] = {"^", 2, RULE_FLOAT, 0},
    [FN_LT] = {"<", 2, RULE_COMPARE, 0},
    [FN_LE] = {"<=", 2, RULE_COMPARE, 0},
    [FN_GT] = {">", 2, RULE_COMPARE, 0},
    [FN_GE] = {">=", 2, RULE_COMPARE, 0},
    [FN_EQ] = {"==", 2, RULE_COMPARE, 1},
    [FN_NE] = {"!=", 2, RULE_COMPARE, 1},
    [FN_AND] = {"&&", 2, RULE_LOGIC, 0},
    [FN_OR] = {"||", 2, RULE_LOGIC, 0},
    [FN_SELECT] = {"?:", 3, RULE_SELECT, 1},
    [FN_ABS] = {"abs", 1, RULE_REAL, 1},
    [FN_SIGN] = {"sign", 1, RULE_SAME, 0},
    [FN_SQRT] = {"sqrt", 1, RULE_FLOAT, 0},
    [FN_RSQRT] = {"rsqrt", 1, RULE_FLOAT, 0},
    [FN_EXP] = {"exp", 1, RULE_FLOAT, 0},
    [FN_EXPM1] = {"expm1", 1, RULE_FLOAT, 0},
    [FN_LOG] = {"log", 1, RULE_FLOAT, 0},
    [FN_LOG1P] = {"log1p", 1, RULE_FLOAT, 0},
    [FN_SIN] = {"sin", 1, RULE_FLOAT, 0},
    [FN_COS] = {"cos", 1, RULE_FLOAT, 0},
    [FN_TAN] = {"tan", 1, RULE_FLOAT, 0},
    [FN_ASIN] = {"asin", 1, RULE_FLOAT, 0},
    [FN_ACOS] = {"acos", 1, RULE_FLOAT, 0},
    [FN_ATAN] = {"atan", 1, RULE_FLOAT, 0},
    [FN_ATAN2] = {"atan2", 2, RULE_FLOAT, 0},
    [FN_SINH] = {"sinh", 1, RULE_FLOAT, 0},
    [FN_COSH] = {"cosh", 1, RULE_FLOAT, 0},
    [FN_TANH] = {"tanh", 1, RULE_FLOAT, 0},
    [FN_ERF] = {"erf", 1, RULE_FLOAT, 0},
    [FN_SIGMOID] = {"sigmoid", 1, RULE_FLOAT, 0},
    [FN_RELU] = {"relu", 1, RULE_SAME, 0},
    [FN_GELU] = {"gelu", 1, RULE_FLOAT, 0},
    [FN_FLOOR] = {"floor", 1, RULE_SAME, 0},
    [FN_CEIL] = {"ceil", 1, RULE_SAME, 0},
    [FN_ROUND] = {"round", 1, RULE_SAME, 0},
    [FN_STEP] = {"step", 1, RULE_SAME, 0},
    [FN_MAXIMUM] = {"maximum", 2, RULE_SAME, 0},
    [FN_MINIMUM] = {"minimum", 2, RULE_SAME, 0},
    [FN_CLAMP] = {"clamp", 3, RULE_SAME, 0},
    [FN_ISNAN] = {"isnan", 1, RULE_COMPARE, 0},
    [FN_CONJ] = {"conj", 1, RULE_SAME, 1},
    [FN_REAL] = {"real", 1, RULE_REAL, 1},
    [FN_IMAG] = {"imag", 1, RULE_REAL, 1},
    [FN_CAST] = {"cast", 1, RULE_OTHER, 1},
    [FN_POWI] = {"^", 1, RULE_OTHER, 1},
};

const struct fn_info *
einc_fn_info(enum fn f)
{
    assert((int)f >= 0 && f < N_FNS);
    return &table[f];
}

enum fn
einc_fn_named(struct str name)
{
    if (str_equal(name, str_of("pow")))
        return FN_POW;
    for (int f = FN_ABS; f <= FN_IMAG; f++)
        if (str_equal(name, str_of(table[f].name)))
            return (enum fn)f;
    return N_FNS;
}

static int
is_inexact(enum einc_dtype t)
{
    enum dtype_kind kind = einc_dtype_info(t)->kind;
    return kind == KIND_FLOAT || kind == KIND_COMPLEX;
}

enum einc_dtype
einc_fn_promote(enum einc_dtype a, enum einc_dtype b)
{
    if (is_inexact(a) != is_inexact(b))
        return is_inexact(a) ? a : b;
    /* numpy's way for two of a sort is ours: f16 and bf16 are f32, c64 and
     * f64 are c128, i8 and u8 are i16. */
    return einc_dtype_promote(a, b);
}

enum einc_dtype
einc_fn_compute(enum einc_dtype t)
{
    /* The table's type is that of einsum strings, which wrap 32 unsigned bits
     * as numpy does; comparisons and divisions need their values. */
    return t == EINC_U32 ? EINC_I64 : einc_dtype_info(t)->compute;
}

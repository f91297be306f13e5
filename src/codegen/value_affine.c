/* SPDX-License-Identifier: MIT
 *
 * value_affine.c - see value_make.h: affine forms of vars.
 */
#include "codegen/value_make.h"

#include <string.h>

/* 0 if the value is none, or too large. */
int
einc_affine_add(const struct values *s, int id, int64_t by, struct affine *f)
{
    const struct value *v = &s->v[id];
    int64_t x;
    switch (v->op) {
    case VALUE_NUMBER:
        return !is_float(v->type) &&
               !__builtin_mul_overflow(by, v->integer, &x) &&
               !__builtin_add_overflow(f->constant, x, &f->constant);
    case VALUE_VAR:
        return !v->lo && !__builtin_add_overflow(f->coef[v->var], by,
                                       &f->coef[v->var]) &&
               !__builtin_mul_overflow(by, v->integer, &x) &&
               !__builtin_add_overflow(f->constant, x, &f->constant);
    case VALUE_FN: break;
    default: return 0;
    }
    if (v->type != VALUE_I64)
        return 0;
    int a = v->args[0], b = v->args[1];
    switch (v->fn) {
    case FN_ADD:
        return einc_affine_add(s, a, by, f) && einc_affine_add(s, b, by, f);
    case FN_SUB:
        return by != INT64_MIN && einc_affine_add(s, a, by, f) &&
               einc_affine_add(s, b, -by, f);
    case FN_NEG: return by != INT64_MIN && einc_affine_add(s, a, -by, f);
    case FN_MUL:
        if (s->v[a].op != VALUE_NUMBER) {
            int swap = a;
            a = b;
            b = swap;
        }
        return s->v[a].op == VALUE_NUMBER &&
               !__builtin_mul_overflow(by, s->v[a].integer, &x) &&
               einc_affine_add(s, b, x, f);
    default: return 0;
    }
}

/* `base`: what depends on the lane is that of its first value. */
int
einc_affine_value(struct values *s, const struct affine *f, int base)
{
    int sum = -1;
    for (int v = 0; v < s->n_vars; v++) {
        if (!f->coef[v])
            continue;
        int x = base && v == s->lane_var
                    ? einc_values_add(s, (struct value){.op = VALUE_VAR,
                                                        .lo = 1,
                                                        .type = VALUE_I64,
                                                        .var = v,
                                                        .site = -1})
                    : variable(s, v, 0);
        if (f->coef[v] != 1)
            x = fn2(s, VALUE_I64, FN_MUL, integer(s, VALUE_I64, f->coef[v]),
                    x);
        sum = sum < 0 ? x : fn2(s, VALUE_I64, FN_ADD, sum, x);
    }
    if (sum < 0 || f->constant)
        sum = sum < 0 ? integer(s, VALUE_I64, f->constant)
                      : fn2(s, VALUE_I64, FN_ADD, sum,
                            integer(s, VALUE_I64, f->constant));
    return sum;
}

/* Comparison of integers as `form <= 0`; twice for ==. Strict ones are off by
 * one. Returns the number of forms. */
int
einc_affine_compare(const struct values *s, const struct value *v,
                    struct affine f[2])
{
    memset(f, 0, 2 * sizeof *f);
    if (v->op != VALUE_FN || v->n_args != 2 || s->v[v->args[0]].type !=
                                                   VALUE_I64)
        return 0;
    int down = v->fn == FN_GT || v->fn == FN_GE;
    int strict = v->fn == FN_LT || v->fn == FN_GT;
    if (v->fn < FN_LT || v->fn > FN_EQ)
        return 0;
    for (int k = 0; k < (v->fn == FN_EQ ? 2 : 1); k++) {
        int64_t sign = down || k ? -1 : 1;
        f[k].constant = strict;
        if (!einc_affine_add(s, v->args[0], sign, &f[k]) ||
            !einc_affine_add(s, v->args[1], -sign, &f[k]))
            return 0;
    }
    return v->fn == FN_EQ ? 2 : 1;
}

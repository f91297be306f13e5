/* SPDX-License-Identifier: MIT
 *
 * plain_fn.c - see plain.h: operators, functions and casts.
 */
#include "codegen/plain.h"

#include <stdio.h>

/* What an integer of the type keeps of 64 bits. */
static const char *
wrap_of(enum einc_dtype t)
{
    switch (t) {
    case EINC_I8: return "(int8_t)";
    case EINC_U8: return "(uint8_t)";
    case EINC_I16: return "(int16_t)";
    case EINC_U16: return "(uint16_t)";
    case EINC_I32: return "(int32_t)";
    case EINC_U32: return "(uint32_t)";
    default: return "(int64_t)";
    }
}

/* --- functions ---------------------------------------------------------- */

static const char *const operators[N_FNS] = {
    [FN_ADD] = "+", [FN_SUB] = "-", [FN_MUL] = "*", [FN_DIV] = "/",
    [FN_LT] = "<",  [FN_LE] = "<=", [FN_GT] = ">",  [FN_GE] = ">=",
    [FN_EQ] = "==", [FN_NE] = "!=", [FN_AND] = "&&", [FN_OR] = "||"};

/* a and b stand for the arguments. */
static const char *const real_formulas[N_FNS] = {
    [FN_NEG] = "-a",
    [FN_ABS] = "fabs(a)",
    [FN_SIGN] = "a > 0 ? 1.0 : a < 0 ? -1.0 : a",
    [FN_SQRT] = "sqrt(a)",
    [FN_RSQRT] = "1/sqrt(a)",
    [FN_EXP] = "exp(a)",
    [FN_EXPM1] = "expm1(a)",
    [FN_LOG] = "log(a)",
    [FN_LOG1P] = "log1p(a)",
    [FN_SIN] = "sin(a)",
    [FN_COS] = "cos(a)",
    [FN_TAN] = "tan(a)",
    [FN_ASIN] = "asin(a)",
    [FN_ACOS] = "acos(a)",
    [FN_ATAN] = "atan(a)",
    [FN_ATAN2] = "atan2(a, b)",
    [FN_POW] = "pow(a, b)",
    [FN_SINH] = "sinh(a)",
    [FN_COSH] = "cosh(a)",
    [FN_TANH] = "tanh(a)",
    [FN_ERF] = "erf(a)",
    [FN_SIGMOID] = "1/(1 + exp(-a))",
    [FN_RELU] = "a < 0 ? 0.0 : a",
    [FN_GELU] = "a/2*erfc(-a/1.4142135623730951)",
    [FN_FLOOR] = "floor(a)",
    [FN_CEIL] = "ceil(a)",
    [FN_ROUND] = "rint(a)",
    [FN_STEP] = "a >= 0 ? 1.0 : 0.0",
    [FN_MAXIMUM] = "a >= b || a != a ? a : b",
    [FN_MINIMUM] = "a <= b || a != a ? a : b",
    [FN_CONJ] = "a",
    [FN_REAL] = "a",
    [FN_IMAG] = "0"};

static const char *const whole_formulas[N_FNS] = {
    [FN_NEG] = "(int64_t)(0 - (uint64_t)a)",
    [FN_ADD] = "(int64_t)((uint64_t)a + (uint64_t)b)",
    [FN_SUB] = "(int64_t)((uint64_t)a - (uint64_t)b)",
    [FN_MUL] = "(int64_t)((uint64_t)a * (uint64_t)b)",
    [FN_ABS] = "a < 0 ? (int64_t)(0 - (uint64_t)a) : a",
    [FN_SIGN] = "(a > 0) - (a < 0)",
    [FN_RELU] = "a < 0 ? 0 : a",
    [FN_STEP] = "a >= 0",
    [FN_MAXIMUM] = "a < b ? b : a",
    [FN_MINIMUM] = "a > b ? b : a",
    [FN_FLOOR] = "a",
    [FN_CEIL] = "a",
    [FN_ROUND] = "a",
    [FN_CONJ] = "a",
    [FN_REAL] = "a",
    [FN_IMAG] = "0"};

/* The formula with a, b, c as single words replaced by u<number>. */
static const char *
fill_in(struct plain *x, const char *formula, const int *args)
{
    struct text t = {.perm = x->f->scratch};
    for (const char *p = formula; *p; p++) {
        int word = (p > formula && ((p[-1] >= 'a' && p[-1] <= 'z') ||
                                    (p[-1] >= '0' && p[-1] <= '9') ||
                                    p[-1] == '_')) ||
                   (p[1] >= 'a' && p[1] <= 'z') ||
                   (p[1] >= '0' && p[1] <= '9') || p[1] == '_';
        if (*p >= 'a' && *p <= 'c' && !word)
            einc_put(&t, "u%d", args[*p - 'a']);
        else
            einc_put(&t, "%c", *p);
    }
    return einc_text_z(&t);
}

/* An integer is cut to what its compute type holds. */
static int
declare_whole(struct plain *x, enum einc_dtype t, const char *formula)
{
    struct text s = {.perm = x->f->scratch};
    enum einc_dtype c = einc_fn_compute(t);
    if (c == EINC_BOOL)
        einc_put(&s, "(%s) != 0", formula);
    else if (c == EINC_I32)
        einc_put(&s, "(int32_t)(%s)", formula);
    else
        einc_put(&s, "%s", formula);
    return einc_plain_declare(x, t, einc_text_z(&s), "");
}

/* u<a>/u<b> into u<v>, with the parts v: Smith's way, by the larger part of
 * the divisor (Algorithm 116, CACM 5(8), 1962). */
static int
put_quotient(struct plain *x, int a, int b)
{
    struct text *t = x->t;
    int v = einc_plain_new(x);
    einc_line(t, "const int by%d = fabs(u%d) >= fabs(v%d);", v, b, b);
    einc_line(t, "const double l%d = by%d ? u%d : v%d;", v, v, b, b);
    einc_line(t, "const double s%d = by%d ? v%d : u%d;", v, v, b, b);
    einc_line(t, "const double q%d = l%d == 0 ? s%d : s%d/l%d;", v, v, v, v,
              v);
    einc_line(t, "const double d%d = l%d + s%d*q%d;", v, v, v, v);
    einc_line(t, "const double u%d = (by%d ? u%d + v%d*q%d : v%d + u%d*q%d)"
                 "/d%d;", v, v, a, a, v, a, a, v, v);
    einc_line(t, "const double v%d = (by%d ? v%d - u%d*q%d : v%d*q%d - u%d)"
                 "/d%d;", v, v, a, a, v, a, v, a, v);
    return v;
}

static int
put_complex(struct plain *x, const struct node *n, const int *u)
{
    char re[PLAIN_FORMULA] = "0", im[PLAIN_FORMULA] = "0";
    int a = u[0], b = u[1], s;
    switch (n->fn) {
    case FN_NEG:
        snprintf(re, sizeof re, "-u%d", a);
        snprintf(im, sizeof im, "-v%d", a);
        break;
    case FN_CONJ:
        snprintf(re, sizeof re, "u%d", a);
        snprintf(im, sizeof im, "-v%d", a);
        break;
    case FN_ADD: case FN_SUB:
        snprintf(re, sizeof re, "u%d %s u%d", a, operators[n->fn], b);
        snprintf(im, sizeof im, "v%d %s v%d", a, operators[n->fn], b);
        break;
    case FN_MUL:
        snprintf(re, sizeof re, "u%d*u%d - v%d*v%d", a, b, a, b);
        snprintf(im, sizeof im, "u%d*v%d + v%d*u%d", a, b, a, b);
        break;
    default: /* FN_DIV */
        s = put_quotient(x, a, b);
        snprintf(re, sizeof re, "u%d", s);
        snprintf(im, sizeof im, "v%d", s);
    }
    return einc_plain_declare(x, n->type, re, im);
}

/* Powers by squaring; of a negative one the inverse. */
static int
put_power(struct plain *x, const struct node *n, int a)
{
    struct text *t = x->t;
    unsigned long long count = n->integer < 0 ? 0 - (uint64_t)n->integer
                                              : (uint64_t)n->integer;
    int v = einc_plain_new(x);
    if (einc_plain_is_complex(n->type)) {
        einc_line(t, "double u%d = 1, v%d = 0;", v, v);
        einc_line(t, "for (uint64_t e = 0; e < %lluu; e++) {", count);
        einc_line(t, "    const double re = u%d*u%d - v%d*v%d;", v, a, v, a);
        einc_line(t, "    v%d = u%d*v%d + v%d*u%d;", v, v, a, v, a);
        einc_line(t, "    u%d = re;", v);
        einc_line(t, "}");
        if (n->integer >= 0)
            return v;
        int one = einc_plain_new(x);
        einc_line(t, "const double u%d = 1, v%d = 0;", one, one);
        return put_quotient(x, one, v);
    }
    if (einc_plain_is_real(n->type)) {
        einc_line(t, "const double u%d = pow(u%d, %s%llu.0);", v, a,
                  n->integer < 0 ? "-" : "", count);
        return v;
    }
    if (n->integer < 0) {
        einc_line(t, "const int64_t u%d = u%d == 1 || u%d == -1;", v, a, a);
        if (count % 2 == 0)
            return v;
        int odd = einc_plain_new(x);
        einc_line(t, "const int64_t u%d = u%d*u%d;", odd, v, a);
        return odd;
    }
    einc_line(t, "uint64_t p%d = 1;", v);
    einc_line(t, "for (uint64_t e = %lluu, q = (uint64_t)u%d; e; e >>= 1, q "
                 "*= q)", count, a);
    einc_line(t, "    if (e & 1)");
    einc_line(t, "        p%d *= q;", v);
    char s[PLAIN_FORMULA];
    snprintf(s, sizeof s, "(int64_t)p%d", v);
    return declare_whole(x, n->type, s);
}

/* Floored, with the sign of the divisor. */
static int
put_modulo(struct plain *x, const struct node *n, const int *u)
{
    int r = einc_plain_new(x);
    char s[PLAIN_FORMULA];
    if (einc_plain_is_real(n->type))
        einc_line(x->t, "const double u%d = fmod(u%d, u%d);", r, u[0], u[1]);
    else
        einc_line(x->t, "const int64_t u%d = u%d == 0 || u%d == -1 ? 0 : "
                        "u%d %% u%d;", r, u[1], u[1], u[0], u[1]);
    snprintf(s, sizeof s, "u%d != 0 && (u%d < 0) != (u%d < 0) ? u%d + u%d : "
                          "u%d", r, r, u[1], r, u[1], r);
    return einc_plain_declare(x, n->type, s, "0");
}

/* A float toward zero, to the ends of the integer's compute type; NaN is 0. */
static int
put_whole(struct plain *x, enum einc_dtype to, int a)
{
    char s[PLAIN_FORMULA];
    int bits = einc_fn_compute(to) == EINC_I32 ? 32 : 64;
    snprintf(s, sizeof s, "u%d >= 0x1p%d ? INT%d_MAX : u%d <= -0x1p%d ? "
                          "INT%d_MIN : u%d != u%d ? 0 : (int64_t)u%d", a,
             bits - 1, bits, a, bits - 1, bits, a, a, a);
    return einc_plain_declare(x, EINC_I64, s, "0");
}

int
einc_plain_cast(struct plain *x, enum einc_dtype from, enum einc_dtype to,
                int a)
{
    char re[PLAIN_FORMULA], im[PLAIN_FORMULA] = "0";
    if (einc_plain_is_real(from) && to != EINC_BOOL &&
        !einc_plain_is_real(to) && !einc_plain_is_complex(to))
        a = put_whole(x, to, a);
    if (to == EINC_BOOL && einc_plain_is_complex(from))
        snprintf(re, sizeof re, "u%d != 0 || v%d != 0", a, a);
    else if (to == EINC_BOOL)
        snprintf(re, sizeof re, "u%d != 0", a);
    else if (!einc_plain_is_real(to))
        snprintf(re, sizeof re, "%su%d", wrap_of(to), a);
    else if (to == EINC_F32 || to == EINC_C64)
        snprintf(re, sizeof re, "(double)(float)u%d", a);
    else
        snprintf(re, sizeof re, "(double)u%d", a);
    if (einc_plain_is_complex(from))
        snprintf(im, sizeof im, "v%d", a);
    return einc_plain_declare(x, to, re, im);
}

/* As it stands in an expression: a half is rounded to what it holds. */
static int
put_cast(struct plain *x, const struct node *n, int a)
{
    const char *name = x->f->style->name;
    const char *half = n->type == EINC_F16 ? "half"
                       : n->type == EINC_BF16 ? "brain" : NULL;
    int v = einc_plain_cast(x, n->args[0]->type, n->type, a);
    if (!half)
        return v;
    struct text s = {.perm = x->f->scratch};
    einc_put(&s, "%s_%s_value(%s_%s_bits((double)(float)u%d))", name, half,
             name, half, v);
    return einc_plain_declare(x, n->type, einc_text_z(&s), "0");
}

/* Only one side is evaluated. */
static int
put_select(struct plain *x, const struct node *n)
{
    int c = einc_plain_node(x, n->args[0]), v = einc_plain_new(x);
    struct text *t = x->t;
    einc_line(t, "%s u%d = 0;", einc_plain_word(n->type), v);
    if (einc_plain_is_complex(n->type))
        einc_line(t, "double v%d = 0;", v);
    for (int side = 1; side <= 2; side++) {
        if (side == 1)
            einc_line(t, "if (u%d != 0) {", c);
        else
            einc_line(t, "} else {");
        t->indent += 4;
        int own = einc_plain_node(x, n->args[side]);
        einc_line(t, "u%d = u%d;", v, own);
        if (einc_plain_is_complex(n->type))
            einc_line(t, "v%d = v%d;", v, own);
        t->indent -= 4;
    }
    einc_line(t, "}");
    return v;
}

static int
put_compare(struct plain *x, const struct node *n, const int *u)
{
    char s[PLAIN_FORMULA];
    int both = n->fn == FN_EQ;
    if (n->fn == FN_ISNAN)
        snprintf(s, sizeof s, "u%d != u%d", u[0], u[0]);
    else if (n->fn == FN_NOT)
        snprintf(s, sizeof s, "u%d == 0", u[0]);
    else if (n->fn == FN_AND || n->fn == FN_OR)
        snprintf(s, sizeof s, "u%d != 0 %s u%d != 0", u[0], operators[n->fn],
                 u[1]);
    else if (einc_plain_is_complex(n->args[0]->type))
        snprintf(s, sizeof s, "u%d %s u%d %s v%d %s v%d", u[0],
                 operators[n->fn], u[1], both ? "&&" : "||", u[0],
                 operators[n->fn], u[1]);
    else
        snprintf(s, sizeof s, "u%d %s u%d", u[0], operators[n->fn], u[1]);
    return einc_plain_declare(x, EINC_BOOL, s, "");
}

static int
put_real(struct plain *x, const struct node *n, const int *u)
{
    enum einc_dtype from = n->args[0]->type;
    char s[PLAIN_FORMULA];
    if (n->fn == FN_ABS && einc_plain_is_complex(from)) {
        snprintf(s, sizeof s, "hypot(u%d, v%d)", u[0], u[0]);
        return einc_plain_declare(x, n->type, s, "0");
    }
    if (n->fn == FN_IMAG && einc_plain_is_complex(from)) {
        snprintf(s, sizeof s, "v%d", u[0]);
        return einc_plain_declare(x, n->type, s, "0");
    }
    if (operators[n->fn]) {
        snprintf(s, sizeof s, "u%d %s u%d", u[0], operators[n->fn], u[1]);
        return einc_plain_declare(x, n->type, s, "0");
    }
    return einc_plain_declare(x, n->type,
                              fill_in(x, real_formulas[n->fn], u), "0");
}

int
einc_plain_call(struct plain *x, const struct node *n)
{
    int u[3] = {0, 0, 0};
    if (n->fn == FN_SELECT)
        return put_select(x, n);
    for (int k = 0; k < n->n_args; k++)
        u[k] = einc_plain_node(x, n->args[k]);
    if (n->fn == FN_IMAG && !einc_plain_is_complex(n->args[0]->type))
        einc_line(x->t, "(void)u%d;", u[0]); /* it is 0 */
    switch (n->fn) {
    case FN_CAST: return put_cast(x, n, u[0]);
    case FN_POWI: return put_power(x, n, u[0]);
    case FN_MOD: return put_modulo(x, n, u);
    case FN_NOT: case FN_AND: case FN_OR: case FN_LT: case FN_LE: case FN_GT:
    case FN_GE: case FN_EQ: case FN_NE: case FN_ISNAN:
        return put_compare(x, n, u);
    case FN_CLAMP: {
        int low[2] = {u[0], u[1]};
        const char *const *of = einc_plain_is_real(n->type) ? real_formulas
                                                 : whole_formulas;
        int v = einc_plain_declare(x, n->type,
                                   fill_in(x, of[FN_MAXIMUM], low), "0");
        int high[2] = {v, u[2]};
        return einc_plain_declare(x, n->type,
                                  fill_in(x, of[FN_MINIMUM], high), "0");
    }
    default: break;
    }
    if (einc_plain_is_complex(n->type))
        return put_complex(x, n, u);
    if (einc_plain_is_real(n->type))
        return put_real(x, n, u);
    return declare_whole(x, n->type,
                         fill_in(x, whole_formulas[n->fn], u));
}

int
einc_plain_accumulate(struct plain *x, enum assign op, enum einc_dtype t,
                      int old, int value)
{
    static const enum fn fns[] = {[ASSIGN_ADD] = FN_ADD,
                                  [ASSIGN_MUL] = FN_MUL,
                                  [ASSIGN_MAX] = FN_MAXIMUM,
                                  [ASSIGN_MIN] = FN_MINIMUM};
    const struct node part = {.type = t};
    const struct node *args[2] = {&part, &part};
    const struct node n = {.kind = NODE_CALL, .type = t, .fn = fns[op],
                           .args = args, .n_args = 2};
    int u[2] = {old, value};
    if (t == EINC_BOOL) {
        char s[PLAIN_FORMULA];
        snprintf(s, sizeof s, "u%d %s u%d", old,
                 op == ASSIGN_ADD || op == ASSIGN_MAX ? "||" : "&&", value);
        return einc_plain_declare(x, t, s, "");
    }
    if (einc_plain_is_complex(t))
        return put_complex(x, &n, u);
    if (einc_plain_is_real(t))
        return put_real(x, &n, u);
    struct text f = {.perm = x->f->scratch};
    einc_put(&f, "%s(%s)", wrap_of(t),
             fill_in(x, whole_formulas[n.fn], u));
    return einc_plain_declare(x, t, einc_text_z(&f), "");
}

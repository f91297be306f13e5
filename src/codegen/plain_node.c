/* SPDX-License-Identifier: MIT
 *
 * plain_node.c - see plain.h: the values of a statement.
 */
#include "codegen/plain.h"

#include <stdio.h>
#include <string.h>

/* --- types -------------------------------------------------------------- */

static enum dtype_kind
kind_of(enum einc_dtype t)
{
    return einc_dtype_info(t)->kind;
}

int
einc_plain_is_complex(enum einc_dtype t)
{
    return kind_of(t) == KIND_COMPLEX;
}

static int
is_real(enum einc_dtype t)
{
    return kind_of(t) == KIND_FLOAT || einc_plain_is_complex(t);
}

const char *
einc_plain_word(enum einc_dtype t)
{
    return is_real(t) ? "double" : "int64_t";
}

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

/* --- values ------------------------------------------------------------- */

int
einc_plain_new(struct plain *x)
{
    return ++x->n;
}

/* Declares u and, for complex numbers, v, with `re` and `im` as formulas. */
int
einc_plain_declare(struct plain *x, enum einc_dtype t, const char *re, const char *im)
{
    int v = einc_plain_new(x);
    einc_line(x->t, "const %s u%d = %s;", einc_plain_word(t), v, re);
    if (einc_plain_is_complex(t))
        einc_line(x->t, "const double v%d = %s;", v, im);
    return v;
}

void
einc_plain_name(const struct plain *x, int index, char to[PLAIN_NAME])
{
    struct str name = x->p->indices[index].name;
    int plain = name.n <= 12;
    for (int64_t c = 0; c < name.n && plain; c++)
        plain = (unsigned char)name.p[c] < 0x80;
    if (plain && name.n)
        snprintf(to, PLAIN_NAME, "%.*s_%d", (int)name.n, name.p, index);
    else
        snprintf(to, PLAIN_NAME, "i_%d", index);
}

static int
put_number(struct plain *x, const struct node *n)
{
    char s[PLAIN_FORMULA];
    if (!is_real(n->type)) {
        int64_t i = n->integer;
        if (i == INT64_MIN)
            snprintf(s, sizeof s, "INT64_MIN");
        else
            snprintf(s, sizeof s, "%lld", (long long)i);
        return einc_plain_declare(x, n->type, s, "");
    }
    double d = n->number;
    if (d != d)
        snprintf(s, sizeof s, "(double)NAN");
    else if (d - d != 0)
        snprintf(s, sizeof s, "%s(double)INFINITY", d < 0 ? "-" : "");
    else
        snprintf(s, sizeof s, "%.17g", d);
    for (char *c = s; *c; c++) /* a locale's point */
        if (d - d == 0 && !strchr("0123456789e+-", *c))
            *c = '.';
    return einc_plain_declare(x, n->type, s, "0");
}

/* --- accesses ----------------------------------------------------------- */

/* Notes the first position of all that is beyond lo..most. */
static void
put_stray(struct plain *x, int site, int v, long long lo, long long most)
{
    einc_line(x->t, "if ((u%d < %lld || u%d > %lld) && !args->stray[0]) {", v,
              lo, v, most);
    einc_line(x->t, "    args->stray[0] = %d;", site + 1);
    einc_line(x->t, "    args->stray[1] = u%d;", v);
    einc_line(x->t, "}");
}

/* The position in dim d, settled; where it may be outside, its flag is set. */
static int
put_position(struct plain *x, const struct access *a, int d, int outside)
{
    const struct subscript *s = &a->subs[d];
    int64_t n = x->p->tensors[a->tensor].shape[d];
    int rest = s->rest ? einc_plain_node(x, s->rest) : 0;
    int v = einc_plain_new(x);
    struct text *t = x->t;
    einc_put(t, "%*sint64_t u%d = %lld", t->indent, "", v,
             (long long)s->constant);
    for (int k = 0; k < s->n_terms; k++) {
        char name[PLAIN_NAME];
        einc_plain_name(x, s->terms[k].index, name);
        einc_put(t, " + %lld*%s", (long long)s->terms[k].coef, name);
    }
    if (rest)
        einc_put(t, " + u%d", rest);
    einc_put(t, ";\n");
    long long most = (long long)n - 1;
    switch (s->mode) {
    case BOUND_CLAMP:
        einc_line(t, "u%d = u%d < 0 ? 0 : u%d > %lld ? %lld : u%d;", v, v, v,
                  most, most, v);
        break;
    case BOUND_WRAP:
        einc_line(t, "u%d = (u%d %% %lld + %lld) %% %lld;", v, v, most + 1,
                  most + 1, most + 1);
        break;
    case BOUND_REFLECT:
        if (n == 1) {
            einc_line(t, "u%d = 0;", v);
            break;
        }
        einc_line(t, "u%d = (u%d %% %lld + %lld) %% %lld;", v, v, 2 * most,
                  2 * most, 2 * most);
        einc_line(t, "u%d = u%d > %lld ? %lld - u%d : u%d;", v, v, most,
                  2 * most, v, v);
        break;
    case BOUND_CHECK:
    case BOUND_PAD:
        if (!s->checked && s->mode == BOUND_CHECK)
            break;
        if (s->checked && x->is_stage)
            put_stray(x, s->site, v,
                      s->mode == BOUND_PAD ? -(long long)s->pad_lo : 0,
                      s->mode == BOUND_PAD ? most + (long long)s->pad_hi
                                           : most);
        einc_line(t, "if (u%d < 0 || u%d > %lld) {", v, v, most);
        einc_line(t, "    u%d = 0;", v);
        einc_line(t, "    outside%d = 1;", outside);
        einc_line(t, "}");
    }
    return v;
}

int
einc_plain_leaves(const struct access *a)
{
    for (int d = 0; d < a->n_subs; d++)
        if (a->subs[d].mode == BOUND_PAD ||
            (a->subs[d].mode == BOUND_CHECK && a->subs[d].checked))
            return 1;
    return 0;
}

/* What a statement made and is kept apart from the tensors. */
static int
is_kept(const struct plain *x, const struct tensor *y)
{
    return y->kind != TENSOR_OPERAND && !x->is_stage;
}

int
einc_plain_place(struct plain *x, const struct access *a, int outside)
{
    enum { MOST_DIMS = 64 };
    const struct tensor *y = &x->p->tensors[a->tensor];
    int at[MOST_DIMS];
    for (int d = 0; d < a->n_subs; d++)
        at[d] = put_position(x, a, d, outside);
    int v = einc_plain_new(x);
    int64_t stride[MOST_DIMS];
    int64_t n = 1;
    for (int d = a->n_subs - 1; d >= 0; d--) {
        stride[d] = is_kept(x, y) ? n : y->stride[d];
        n *= y->shape[d]; /* checked when the plan was made */
    }
    einc_put(x->t, "%*sconst int64_t u%d = 0", x->t->indent, "", v);
    for (int d = 0; d < a->n_subs; d++)
        einc_put(x->t, " + %lld*u%d", (long long)stride[d], at[d]);
    einc_put(x->t, ";\n");
    return v;
}

/* "[u3]", or of a part of complex numbers "[2*u3 + 1]". */
void
einc_plain_subscript(struct plain *x, enum einc_dtype t, int at, int part)
{
    if (einc_plain_is_complex(t))
        einc_put(x->t, "[2*u%d + %d]", at, part);
    else
        einc_put(x->t, "[u%d]", at);
}

void
einc_plain_load(struct plain *x, const struct tensor *y, int at, int part)
{
    int kept = is_kept(x, y);
    const char *half = y->dtype == EINC_F16    ? "half_value("
                       : y->dtype == EINC_BF16 ? "brain_value("
                                               : NULL;
    if (half && !kept)
        einc_put(x->t, "%s_%s", x->f->style->name, half);
    else
        einc_put(x->t, "(%s)", einc_plain_word(y->dtype));
    einc_put(x->t, kept ? "w_" : "");
    einc_program_put(x->t, y);
    einc_plain_subscript(x, y->dtype, at, part);
    einc_put(x->t, half && !kept ? ")" : "");
}

static int
put_access(struct plain *x, const struct node *n)
{
    const struct access *a = n->access;
    const struct tensor *y = &x->p->tensors[a->tensor];
    int leaves = einc_plain_leaves(a), outside = leaves ? einc_plain_new(x) : 0;
    int fill = a->fill ? einc_plain_node(x, a->fill) : 0;
    if (leaves)
        einc_line(x->t, "int outside%d = 0;", outside);
    int at = einc_plain_place(x, a, outside);
    int v = einc_plain_new(x);
    for (int part = 0; part <= einc_plain_is_complex(n->type); part++) {
        einc_put(x->t, "%*sconst %s %s%d = ", x->t->indent, "",
                 einc_plain_word(n->type), part ? "v" : "u", v);
        if (leaves)
            einc_put(x->t, "outside%d ? ", outside);
        if (leaves && fill)
            einc_put(x->t, "%s%d : ", part ? "v" : "u", fill);
        else if (leaves)
            einc_put(x->t, "0 : ");
        if (is_real(y->dtype) && part > einc_plain_is_complex(y->dtype))
            einc_put(x->t, "0");
        else
            einc_plain_load(x, y, at, part);
        einc_put(x->t, ";\n");
    }
    return v;
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
        s = einc_plain_new(x);
        einc_line(x->t, "const double u%d = u%d*u%d + v%d*v%d;", s, b, b, b,
                  b);
        snprintf(re, sizeof re, "(u%d*u%d + v%d*v%d)/u%d", a, b, a, b, s);
        snprintf(im, sizeof im, "(v%d*u%d - u%d*v%d)/u%d", a, b, a, b, s);
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
        if (n->integer < 0) {
            einc_line(t, "const double q%d = u%d*u%d + v%d*v%d;", v, v, v, v,
                      v);
            einc_line(t, "u%d /= q%d;", v, v);
            einc_line(t, "v%d /= -q%d;", v, v);
        }
        return v;
    }
    if (is_real(n->type)) {
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
    if (is_real(n->type))
        einc_line(x->t, "const double u%d = fmod(u%d, u%d);", r, u[0], u[1]);
    else
        einc_line(x->t, "const int64_t u%d = u%d == 0 || u%d == -1 ? 0 : "
                        "u%d %% u%d;", r, u[1], u[1], u[0], u[1]);
    snprintf(s, sizeof s, "u%d != 0 && (u%d < 0) != (u%d < 0) ? u%d + u%d : "
                          "u%d", r, r, u[1], r, u[1], r);
    return einc_plain_declare(x, n->type, s, "0");
}

int
einc_plain_cast(struct plain *x, enum einc_dtype from, enum einc_dtype to,
                int a)
{
    char re[PLAIN_FORMULA], im[PLAIN_FORMULA] = "0";
    if (to == EINC_BOOL && einc_plain_is_complex(from))
        snprintf(re, sizeof re, "u%d != 0 || v%d != 0", a, a);
    else if (to == EINC_BOOL)
        snprintf(re, sizeof re, "u%d != 0", a);
    else if (!is_real(to))
        snprintf(re, sizeof re, "%s%su%d", wrap_of(to),
                 is_real(from) ? "(int64_t)" : "", a);
    else if (to == EINC_F32 || to == EINC_C64)
        snprintf(re, sizeof re, "(double)(float)u%d", a);
    else
        snprintf(re, sizeof re, "(double)u%d", a);
    if (einc_plain_is_complex(from))
        snprintf(im, sizeof im, "v%d", a);
    return einc_plain_declare(x, to, re, im);
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
    return einc_plain_declare(x, n->type, fill_in(x, real_formulas[n->fn], u), "0");
}

static int
put_call(struct plain *x, const struct node *n)
{
    int u[3] = {0, 0, 0};
    if (n->fn == FN_SELECT)
        return put_select(x, n);
    for (int k = 0; k < n->n_args; k++)
        u[k] = einc_plain_node(x, n->args[k]);
    switch (n->fn) {
    case FN_CAST:
        return einc_plain_cast(x, n->args[0]->type, n->type, u[0]);
    case FN_POWI: return put_power(x, n, u[0]);
    case FN_MOD: return put_modulo(x, n, u);
    case FN_NOT: case FN_AND: case FN_OR: case FN_LT: case FN_LE: case FN_GT:
    case FN_GE: case FN_EQ: case FN_NE: case FN_ISNAN:
        return put_compare(x, n, u);
    case FN_CLAMP: {
        int low[2] = {u[0], u[1]};
        const char *const *of = is_real(n->type) ? real_formulas
                                                 : whole_formulas;
        int v = einc_plain_declare(x, n->type, fill_in(x, of[FN_MAXIMUM], low), "0");
        int high[2] = {v, u[2]};
        return einc_plain_declare(x, n->type, fill_in(x, of[FN_MINIMUM], high), "0");
    }
    default: break;
    }
    if (einc_plain_is_complex(n->type))
        return put_complex(x, n, u);
    if (is_real(n->type))
        return put_real(x, n, u);
    return declare_whole(x, n->type,
                         fill_in(x, whole_formulas[n->fn], u));
}

/* --- loops -------------------------------------------------------------- */

/* A range that is not empty and leaves lo:hi is as if it were empty. */
static void
put_stray_range(struct plain *x, const struct index *i, int from, int to)
{
    long long lo = (long long)i->lo, hi = (long long)i->hi;
    struct text *t = x->t;
    einc_line(t, "const int leaves%d = u%d < u%d && (u%d < %lld || u%d > "
                 "%lld);", from, from, to, from, lo, to, hi);
    einc_line(t, "if (leaves%d && !args->stray[0]) {", from);
    einc_line(t, "    args->stray[0] = %d;", i->site + 1);
    einc_line(t, "    args->stray[1] = u%d < %lld || u%d >= %lld ? u%d : "
                 "%lld;", from, lo, from, hi, from, hi);
    einc_line(t, "}");
}

void
einc_plain_open(struct plain *x, int index)
{
    const struct index *i = &x->p->indices[index];
    char name[PLAIN_NAME];
    einc_plain_name(x, index, name);
    if (!i->from) {
        einc_line(x->t, "for (int64_t %s = %lld; %s < %lld; %s++) {", name,
                  (long long)i->lo, name, (long long)i->hi, name);
    } else {
        int from = einc_plain_node(x, i->from), to = einc_plain_node(x, i->to);
        if (x->is_stage)
            put_stray_range(x, i, from, to);
        if (x->is_stage)
            einc_line(x->t, "for (int64_t %s = u%d; %s < u%d && !leaves%d; "
                            "%s++) {", name, from, name, to, from, name);
        else
            einc_line(x->t, "for (int64_t %s = u%d; %s < u%d; %s++) {", name,
                      from, name, to, name);
    }
    x->t->indent += 4;
}

void
einc_plain_close(struct plain *x, int n)
{
    while (n-- > 0) {
        x->t->indent -= 4;
        einc_line(x->t, "}");
    }
}

/* --- reductions --------------------------------------------------------- */

static int
is_minimum(enum redop op)
{
    return op == REDOP_MIN || op == REDOP_ARGMIN || op == REDOP_KMIN ||
           op == REDOP_ARGKMIN;
}

static int
is_position(enum redop op)
{
    return op == REDOP_ARGMIN || op == REDOP_ARGMAX ||
           op == REDOP_ARGKMIN || op == REDOP_ARGKMAX;
}

static int
is_ranked(enum redop op)
{
    return op == REDOP_MAX || op == REDOP_MIN || is_position(op) ||
           op == REDOP_KMIN || op == REDOP_KMAX;
}

static int64_t
best_of(const struct plain *x, const struct node *n)
{
    const struct index *q = n->best < 0 ? NULL : &x->p->indices[n->best];
    return q && q->hi > q->lo ? q->hi - q->lo : 1;
}

/* What there is before the first term. */
static void
open_reduce(struct plain *x, const struct node *n, int v)
{
    struct text *t = x->t;
    enum einc_dtype body = n->args[0]->type;
    switch (n->redop) {
    case REDOP_SUM: case REDOP_MEAN:
        einc_line(t, "%s u%d = 0;", einc_plain_word(body), v);
        if (einc_plain_is_complex(body))
            einc_line(t, "double v%d = 0;", v);
        if (n->redop == REDOP_MEAN)
            einc_line(t, "int64_t n%d = 0;", v);
        break;
    case REDOP_PROD:
        einc_line(t, "%s u%d = 1;", einc_plain_word(body), v);
        if (einc_plain_is_complex(body))
            einc_line(t, "double v%d = 0;", v);
        break;
    case REDOP_ANY: case REDOP_COUNT:
        einc_line(t, "int64_t u%d = 0;", v);
        break;
    case REDOP_ALL: einc_line(t, "int64_t u%d = 1;", v); break;
    case REDOP_LOGSUMEXP:
        einc_line(t, "double m%d = -(double)INFINITY, s%d = 0;", v, v);
        break;
    default: /* ranked */
        einc_line(t, "static %s best%d[%lld];", einc_plain_word(body), v,
                  (long long)best_of(x, n));
        einc_line(t, "static int64_t where%d[%lld];", v,
                  (long long)best_of(x, n));
        einc_line(t, "int64_t n%d = 0;", v);
    }
}

static void
put_term_position(struct plain *x, const struct node *n, int v)
{
    struct text *t = x->t;
    einc_put(t, "%*sint64_t p%d = 0;\n", t->indent, "", v);
    for (int k = 0; k < n->n_bound; k++) {
        const struct index *i = &x->p->indices[n->bound[k]];
        char name[PLAIN_NAME];
        einc_plain_name(x, n->bound[k], name);
        if (n->n_bound == 1)
            einc_line(t, "p%d = %s;", v, name);
        else
            einc_line(t, "p%d = p%d*%lld + %s - %lld;", v, v,
                      (long long)(i->hi - i->lo), name, (long long)i->lo);
    }
}

/* Inserted before the first that is worse; NaN is best. */
static void
put_rank(struct plain *x, const struct node *n, int v, int term)
{
    struct text *t = x->t;
    const char *worse = is_minimum(n->redop) ? "<" : ">";
    long long most = (long long)best_of(x, n);
    put_term_position(x, n, v);
    einc_line(t, "int64_t k%d = n%d;", v, v);
    if (is_real(n->args[0]->type))
        einc_line(t, "while (k%d > 0 && (u%d %s best%d[k%d - 1] || (u%d != "
                     "u%d && best%d[k%d - 1] == best%d[k%d - 1])))",
                  v, term, worse, v, v, term, term, v, v, v, v);
    else
        einc_line(t, "while (k%d > 0 && u%d %s best%d[k%d - 1])", v, term,
                  worse, v, v);
    einc_line(t, "    k%d--;", v);
    einc_line(t, "n%d += n%d < %lld;", v, v, most);
    einc_line(t, "for (int64_t j = n%d - 1; j > k%d; j--) {", v, v);
    einc_line(t, "    best%d[j] = best%d[j - 1];", v, v);
    einc_line(t, "    where%d[j] = where%d[j - 1];", v, v);
    einc_line(t, "}");
    einc_line(t, "if (k%d < n%d) {", v, v);
    einc_line(t, "    best%d[k%d] = u%d;", v, v, term);
    einc_line(t, "    where%d[k%d] = p%d;", v, v, v);
    einc_line(t, "}");
}

static void
put_truth(struct plain *x, int v, const char *how, int term, int complex)
{
    if (complex)
        einc_line(x->t, "u%d %s u%d != 0 || v%d != 0;", v, how, term, term);
    else
        einc_line(x->t, "u%d %s u%d != 0;", v, how, term);
}

static void
put_term(struct plain *x, const struct node *n, int v, int term)
{
    struct text *t = x->t;
    enum einc_dtype body = n->args[0]->type;
    const char *cut = einc_fn_compute(body) == EINC_I32 ? "(int32_t)" : "";
    int real = is_real(body), complex = einc_plain_is_complex(body);
    switch (n->redop) {
    case REDOP_SUM: case REDOP_MEAN:
        if (einc_fn_compute(body) == EINC_BOOL)
            einc_line(t, "u%d |= u%d;", v, term);
        else if (real)
            einc_line(t, "u%d += u%d;", v, term);
        else
            einc_line(t, "u%d = %s(int64_t)((uint64_t)u%d + (uint64_t)u%d);",
                      v, cut, v, term);
        if (complex)
            einc_line(t, "v%d += v%d;", v, term);
        if (n->redop == REDOP_MEAN)
            einc_line(t, "n%d++;", v);
        break;
    case REDOP_PROD:
        if (complex) {
            einc_line(t, "const double re%d = u%d*u%d - v%d*v%d;", v, v, term,
                      v, term);
            einc_line(t, "v%d = u%d*v%d + v%d*u%d;", v, v, term, v, term);
            einc_line(t, "u%d = re%d;", v, v);
        } else if (real) {
            einc_line(t, "u%d *= u%d;", v, term);
        } else {
            einc_line(t, "u%d = %s(int64_t)((uint64_t)u%d * (uint64_t)u%d);",
                      v, cut, v, term);
        }
        break;
    case REDOP_ANY:
        put_truth(x, v, "|=", term, complex);
        break;
    case REDOP_ALL:
        put_truth(x, v, "&=", term, complex);
        break;
    case REDOP_COUNT:
        put_truth(x, v, "+=", term, complex);
        break;
    case REDOP_LOGSUMEXP:
        einc_line(t, "if (u%d > m%d || u%d != u%d) {", term, v, term, term);
        einc_line(t, "    s%d = s%d*exp(m%d - u%d) + 1;", v, v, v, term);
        einc_line(t, "    m%d = u%d;", v, term);
        einc_line(t, "} else if (u%d > -(double)INFINITY) {", term);
        einc_line(t, "    s%d += exp(u%d - m%d);", v, term, v);
        einc_line(t, "}");
        break;
    default: put_rank(x, n, v, term);
    }
}

/* Of a rank that no term has. */
static void
name_none(const struct node *n, char *to, size_t room)
{
    const struct dtype_info *d = einc_dtype_info(n->type);
    int least = !is_minimum(n->redop);
    int is_signed = d->kind == KIND_INT;
    int bits = 8 * d->bytes - is_signed;
    if (is_position(n->redop))
        snprintf(to, room, "-1");
    else if (is_real(n->type))
        snprintf(to, room, "%s(double)INFINITY", least ? "-" : "");
    else if (d->kind == KIND_BOOL)
        snprintf(to, room, "%d", !least);
    else if (bits >= 63)
        snprintf(to, room, "%s", !least    ? is_signed ? "INT64_MAX" : "-1"
                                 : is_signed ? "INT64_MIN"
                                             : "0");
    else
        snprintf(to, room, "%lld",
                 !least      ? ((long long)1 << bits) - 1
                 : is_signed ? -((long long)1 << bits)
                             : 0);
}

static int
close_reduce(struct plain *x, const struct node *n, int v)
{
    char s[PLAIN_FORMULA], none[60];
    switch (n->redop) {
    case REDOP_MEAN:
        einc_line(x->t, "u%d /= (double)n%d;", v, v);
        if (einc_plain_is_complex(n->type))
            einc_line(x->t, "v%d /= (double)n%d;", v, v);
        return v;
    case REDOP_LOGSUMEXP:
        snprintf(s, sizeof s, "m%d - m%d != 0 ? m%d : m%d + log(s%d)", v, v,
                 v, v, v);
        return einc_plain_declare(x, n->type, s, "0");
    default: break;
    }
    if (!is_ranked(n->redop))
        return v;
    char at[60] = "0";
    if (n->best >= 0) {
        char name[PLAIN_NAME];
        einc_plain_name(x, n->best, name);
        snprintf(at, sizeof at, "%s", name);
    }
    name_none(n, none, sizeof none);
    snprintf(s, sizeof s, "%s < n%d ? %s%d[%s] : %s", at, v,
             is_position(n->redop) ? "where" : "best", v, at, none);
    return einc_plain_declare(x, n->type, s, "0");
}

static int
put_reduce(struct plain *x, const struct node *n)
{
    int v = einc_plain_new(x);
    open_reduce(x, n, v);
    for (int k = 0; k < n->n_bound; k++)
        einc_plain_open(x, n->bound[k]);
    if (n->guard) {
        int g = einc_plain_node(x, n->guard);
        einc_line(x->t, "if (u%d != 0) {", g);
        x->t->indent += 4;
    }
    put_term(x, n, v, einc_plain_node(x, n->args[0]));
    einc_plain_close(x, n->n_bound + (n->guard != NULL));
    return close_reduce(x, n, v);
}

int
einc_plain_node(struct plain *x, const struct node *n)
{
    char name[PLAIN_NAME];
    switch (n->kind) {
    case NODE_NUMBER: return put_number(x, n);
    case NODE_ACCESS: return put_access(x, n);
    case NODE_CALL: return put_call(x, n);
    case NODE_REDUCE: return put_reduce(x, n);
    case NODE_INDEX:
        einc_plain_name(x, n->index, name);
        return einc_plain_declare(x, EINC_I64, name, "");
    case NODE_PRODUCT: break; /* of form A */
    }
    return 0;
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
    if (is_real(t))
        return put_real(x, &n, u);
    struct text f = {.perm = x->f->scratch};
    einc_put(&f, "%s(%s)", wrap_of(t),
             fill_in(x, whole_formulas[n.fn], u));
    return einc_plain_declare(x, t, einc_text_z(&f), "");
}

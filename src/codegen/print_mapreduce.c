/* SPDX-License-Identifier: MIT
 *
 * print_mapreduce.c - the nest of an index statement as C.
 */
#include "codegen/print_mapreduce.h"

#include <assert.h>
#include <string.h>

#include "codegen/mapreduce.h"

struct writer {
    const struct mapreduce *m;
    struct text *t;
    struct helpers *h;
    int block;
};

/* Where lanes are left out, as C: NULL nowhere. */
struct mask {
    const char *text; /* a vector of 0 and -1 */
};

const char *
einc_printed(struct arena *a, const char *fmt, ...)
{
    struct text t = {.perm = a};
    va_list ap;
    va_start(ap, fmt);
    einc_putv(&t, fmt, ap);
    va_end(ap);
    return einc_text_z(&t);
}

#define PRINTED(w, ...) einc_printed((w)->t->perm, __VA_ARGS__)

static const struct value *
value_of(const struct writer *w, int v)
{
    return &w->m->values.v[v];
}

static int
is_lane(const struct writer *w, int v)
{
    return einc_levels_is_lane(w->m, v);
}

static int
is_float(enum value_type t)
{
    return t == VALUE_F32 || t == VALUE_F64;
}

/* --- variables of loops ------------------------------------------------- */

/* "i" from a fixed table if the user's name is one ASCII letter, else "x3". */
static const char *
letter_of(const struct writer *w, int var)
{
    static const char letters[] = "a\0b\0c\0d\0e\0f\0g\0h\0i\0j\0k\0l\0m\0"
                                  "n\0o\0p\0q\0r\0s\0t\0u\0v\0w\0x\0y\0z\0";
    const struct values *s = &w->m->values;
    struct str name = w->m->p->indices[s->var[var].index].name;
    if (name.n != 1 || name.p[0] < 'a' || name.p[0] > 'z')
        return PRINTED(w, "x%d", var);
    for (int v = 0; v < var; v++)
        if (str_equal(w->m->p->indices[s->var[v].index].name, name))
            return PRINTED(w, "x%d", var);
    return &letters[2 * (name.p[0] - 'a')];
}

static const char *
loop_name(const struct writer *w, const struct loop *l)
{
    for (int k = 0; k < l->number; k++)
        if (w->m->loops[k].var == l->var)
            return PRINTED(w, "%s_%d", letter_of(w, l->var), l->number);
    for (int f = 0; f < w->m->n_free; f++)
        if (w->m->free[f].var == l->var && w->m->free[f].is_task)
            return PRINTED(w, "%s_%d", letter_of(w, l->var), l->number);
    return letter_of(w, l->var);
}

/* The block of the loop that a var has its value from; -1: the task. */
static int
block_of(const struct writer *w, int var)
{
    for (int b = w->block; b >= 0; b = w->m->blocks[b].parent) {
        const struct block *x = &w->m->blocks[b];
        if (x->kind == BLOCK_LOOP && w->m->loops[x->loop].var == var)
            return b;
    }
    return -1;
}

static const char *
var_name(const struct writer *w, int var)
{
    int b = block_of(w, var);
    return b < 0 ? letter_of(w, var)
                 : loop_name(w, &w->m->loops[w->m->blocks[b].loop]);
}

/* Whether the rest of a loop over the lane is a whole vector that lies over
 * the one before, with a mask; else only so many lanes are there. */
static int
overlaps(const struct writer *w, const struct loop *l)
{
    const struct value_var *q = &w->m->values.var[l->var];
    return l->n_from == 0 && l->n_to == 0 && q->from < 0 &&
           q->hi - q->lo >= w->m->lanes;
}

/* The block of the lane's loop if it is its rest, else -1. */
static int
rest_block(const struct writer *w)
{
    int b = w->m->lane < 0 ? -1 : block_of(w, w->m->lane);
    return b >= 0 && w->m->blocks[b].is_rest ? b : -1;
}

/* How many lanes are there, as C; NULL: all. */
static const char *
left_of(const struct writer *w)
{
    int b = rest_block(w);
    if (b < 0 || overlaps(w, &w->m->loops[w->m->blocks[b].loop]))
        return NULL;
    return PRINTED(w, "left_%s", var_name(w, w->m->lane));
}

/* --- forms -------------------------------------------------------------- */

static struct form
form_of(const struct writer *w, int v)
{
    const struct value *x = value_of(w, v);
    struct form f = {x->type, is_lane(w, v)};
    if (f.wide && f.type == VALUE_I64 && einc_value_narrow(x))
        f.type = VALUE_I32;
    return f;
}

static int
is_same(struct form a, struct form b)
{
    return a.wide == b.wide && a.type == b.type;
}

static const char *
float_text(const struct writer *w, double x, enum value_type t)
{
    const char *f = t == VALUE_F32 ? "f" : "";
    if (x != x)
        return PRINTED(w, "__builtin_nan%s(\"\")", f);
    if (x == __builtin_inf() || x == -__builtin_inf())
        return PRINTED(w, x < 0 ? "(-__builtin_inf%s())"
                                : "__builtin_inf%s()", f);
    int64_t whole = x >= -1e9 && x <= 1e9 ? (int64_t)x : 0;
    const char *minus = __builtin_signbit(x) ? "-" : "";
    double size = x < 0 ? -x : x;
    if ((double)whole == x)
        return PRINTED(w, *minus ? "(%s%lld.0%s)" : "%s%lld.0%s", minus,
                       (long long)(whole < 0 ? -whole : whole), f);
    uint64_t bits;
    memcpy(&bits, &size, sizeof bits);
    int exponent = (int)(bits >> 52);
    return PRINTED(w, "(%s0x%d.%013llxp%d%s)", minus, exponent != 0,
                   (unsigned long long)(bits & ((UINT64_C(1) << 52) - 1)),
                   exponent ? exponent - 1023 : -1022, f);
}

static const char *
integer_text(const struct writer *w, int64_t x)
{
    if (x == INT64_MIN)
        return "(-INT64_C(9223372036854775807) - 1)";
    if (x == INT32_MIN)
        return "(-INT32_C(2147483647) - 1)";
    if (x > INT32_MAX || x < INT32_MIN)
        return PRINTED(w, x < 0 ? "(INT64_C(%lld))" : "INT64_C(%lld)",
                       (long long)x);
    return PRINTED(w, x < 0 ? "(%lld)" : "%lld", (long long)x);
}

static const char *
number_text(const struct writer *w, const struct value *x)
{
    return is_float(x->type) ? float_text(w, x->number, x->type)
                             : integer_text(w, x->integer);
}

static const char *
element_index(const struct writer *w, const struct table *t)
{
    struct text x = {.perm = w->t->perm};
    int64_t pace = 1;
    for (int k = t->n_dims - 1; k >= 0; k--) {
        const struct value_var *q = &w->m->values.var[t->dims[k]];
        const char *name = var_name(w, t->dims[k]);
        const char *plus = x.n ? " + " : "";
        if (pace > 1)
            einc_put(&x, "%s%lld*", plus, (long long)pace);
        else
            einc_put(&x, "%s", plus);
        if (q->lo)
            einc_put(&x, "(%s - %s)", name, integer_text(w, q->lo));
        else
            einc_put(&x, "%s", name);
        pace *= q->hi - q->lo;
    }
    return einc_text_z(&x);
}

/* A value as it stands in the present block. */
static const char *
plain(const struct writer *w, int v)
{
    const struct value *x = value_of(w, v);
    if (x->op == VALUE_NUMBER)
        return number_text(w, x);
    if (x->op == VALUE_VAR) {
        const char *name = var_name(w, x->var);
        if (x->var == w->m->lane && !x->lo)
            name = PRINTED(w, "at_%s", name);
        return x->integer ? PRINTED(w, "(%s + %s)", name,
                                    integer_text(w, x->integer))
                          : name;
    }
    const struct placed *p = einc_levels_find(w->m, w->block, v);
    assert(p && "a value that is used has a place");
    if (p->table >= 0)
        return PRINTED(w, "table%d[%s]", p->table,
                       element_index(w, &w->m->tables[p->table]));
    if (p->carry >= 0 && x->reduce->payload) {
        struct table t = {.n_dims = 0};
        for (int q = 0; q < w->m->values.n_vars; q++)
            if (x->reduce->payload >> q & 1)
                t.dims[t.n_dims++] = q;
        return PRINTED(w, "sum%d[%s]", p->carry, element_index(w, &t));
    }
    if (p->carry >= 0)
        return PRINTED(w, "sum%d", p->carry);
    return PRINTED(w, "v%d", p->name);
}

/* Text of form `from` as one of form `to`. */
static const char *
converted(const struct writer *w, const char *text, struct form from,
          struct form to)
{
    if (is_same(from, to))
        return text;
    int truth = from.type == VALUE_BOOL && to.type != VALUE_BOOL;
    if (!from.wide) {
        struct form scalar = {to.type, 0};
        int same_c = strcmp(einc_form_name(from), einc_form_name(scalar)) == 0;
        if (!same_c)
            text = PRINTED(w, "(%s)(%s)", einc_form_name(scalar), text);
        if (!to.wide)
            return text;
        if (to.type == VALUE_BOOL)
            text = PRINTED(w, "-(%s)", text);
        return PRINTED(w, "%s(%s)",
                       einc_helper(w->h, "set_%s", einc_form_suffix(to.type)),
                       text);
    }
    assert(to.wide);
    if (truth)
        text = PRINTED(w, "-(%s)", text);
    if (strcmp(einc_form_name(from), einc_form_name(to)) == 0)
        return text;
    return PRINTED(w, "__builtin_convertvector(%s, %s)", text,
                   einc_form_name(to));
}

static const char *
as(const struct writer *w, int v, struct form f)
{
    struct form own = form_of(w, v);
    if (value_of(w, v)->op == VALUE_NUMBER) {
        own.wide = 0;
        if (f.type == VALUE_F32 || f.type == VALUE_F64 ||
            f.type == VALUE_I64 || f.type == VALUE_I32)
            if (own.type != VALUE_BOOL &&
                is_float(own.type) == is_float(f.type))
                own.type = f.type; /* literals of C adapt */
    }
    if (value_of(w, v)->op == VALUE_NUMBER && own.type == VALUE_I64 &&
        !f.wide && f.type == VALUE_I64)
        return PRINTED(w, "(int64_t)%s", plain(w, v));
    return converted(w, plain(w, v), own, f);
}

/* --- masks -------------------------------------------------------------- */

/* Lanes of the conditions around, within the loop that binds the lane. */
static const char *
active_mask(const struct writer *w)
{
    for (int b = w->block; b >= 0; b = w->m->blocks[b].parent) {
        const struct block *x = &w->m->blocks[b];
        if (x->kind == BLOCK_IF && is_lane(w, x->cond))
            return PRINTED(w, "mask%d", b);
        if (x->kind == BLOCK_LOOP && w->m->loops[x->loop].var == w->m->lane)
            return NULL;
    }
    return NULL;
}

static const char *
and_masks(const struct writer *w, const char *a, const char *b)
{
    return !a ? b : !b ? a : PRINTED(w, "(%s & %s)", a, b);
}

/* What a step of a reduction must leave out. */
static const char *
step_mask(const struct writer *w, int v)
{
    const char *mask = active_mask(w);
    if (rest_block(w) < 0 || !einc_levels_reduces_lane(w->m, v))
        return mask;
    return and_masks(w, mask, PRINTED(w, "in_%s", var_name(w, w->m->lane)));
}

/* --- loads -------------------------------------------------------------- */

static const char *
tensor_name(const struct writer *w, int tensor)
{
    return tensor == w->m->s->left.tensor ? "out"
                                          : PRINTED(w, "in%d", tensor);
}

/* Offset of a load without what lanes add; *pace: of one lane to the next. */
static const char *
offset_of(const struct writer *w, const struct value *x, int64_t *pace)
{
    struct text t = {.perm = w->t->perm};
    *pace = 0;
    for (int k = 0; k < x->n_terms; k++) {
        int64_t coef = x->terms[k].coef;
        const char *name = var_name(w, x->terms[k].var);
        if (x->terms[k].var == w->m->lane)
            *pace = coef;
        const char *sign = coef < 0 ? t.n ? " - " : "-" : t.n ? " + " : "";
        uint64_t size = coef < 0 ? 0 - (uint64_t)coef : (uint64_t)coef;
        if (size == 1)
            einc_put(&t, "%s%s", sign, name);
        else
            einc_put(&t, "%s%llu*%s", sign, (unsigned long long)size, name);
    }
    for (int k = 0; k < x->n_extra; k++) {
        struct form f = {VALUE_I64, 0};
        if (is_lane(w, x->extra[k].var))
            continue;
        einc_put(&t, t.n ? " + " : "");
        if (x->extra[k].coef != 1)
            einc_put(&t, "%lld*", (long long)x->extra[k].coef);
        einc_put(&t, "(%s)", as(w, x->extra[k].var, f));
    }
    if (x->constant || !t.n)
        einc_put(&t, x->constant < 0 ? t.n ? " - %lld" : "-%lld"
                     : t.n           ? " + %lld"
                                     : "%lld",
                 (long long)(x->constant < 0 ? -x->constant : x->constant));
    return einc_text_z(&t);
}

static int
is_gather(const struct writer *w, const struct value *x)
{
    for (int k = 0; k < x->n_extra; k++)
        if (is_lane(w, x->extra[k].var))
            return 1;
    return 0;
}

/* Declares offsets of all lanes; returns their name. */
static const char *
lane_offsets(const struct writer *w, const struct value *x, int64_t pace,
             int name)
{
    struct text *t = w->t;
    const char *left = left_of(w), *lane = "lane";
    einc_line(t, "int64_t at%d[%d];", name, w->m->lanes);
    einc_line(t, "for (int lane = 0; lane < %d; lane++)", w->m->lanes);
    if (left)
        lane = PRINTED(w, "(lane < %s ? lane : %s - 1)", left, left);
    einc_put(t, "%*sat%d[lane] = %lld*%s", t->indent + 4, "", name,
             (long long)pace, lane);
    for (int k = 0; k < x->n_extra; k++)
        if (is_lane(w, x->extra[k].var))
            einc_put(t, " + %lld*(int64_t)%s[lane]",
                     (long long)x->extra[k].coef,
                     plain(w, x->extra[k].var));
    einc_put(t, ";\n");
    return PRINTED(w, "at%d", name);
}

static const char *
storage_name(const struct writer *w, int tensor)
{
    enum einc_dtype d = w->m->p->tensors[tensor].dtype;
    return d == EINC_C64    ? "f32"
           : d == EINC_C128 ? "f64"
                            : einc_dtype_info(d)->name;
}

/* The text of a load; lanes may need statements before it. */
static const char *
load_text(const struct writer *w, int v, int name)
{
    const struct value *x = value_of(w, v);
    int64_t pace;
    const char *at = offset_of(w, x, &pace), *from = tensor_name(w, x->tensor);
    const char *storage = storage_name(w, x->tensor), *left = left_of(w);
    if (!is_lane(w, v))
        return PRINTED(w, "%s(%s[%s])",
                       einc_helper(w->h, "get_%s", storage), from, at);
    if (is_gather(w, x))
        return PRINTED(w, "%s(%s + (%s), %s)",
                       einc_helper(w->h, "v_gather_%s", storage), from, at,
                       lane_offsets(w, x, pace, name));
    if (left)
        return PRINTED(w, "%s(%s + (%s), %lld, %s)",
                       einc_helper(w->h, "v_rest_%s", storage), from, at,
                       (long long)pace, left);
    if (pace == 1)
        return PRINTED(w, "%s(%s + (%s))",
                       einc_helper(w->h, "v_row_%s", storage), from, at);
    return PRINTED(w, "%s(%s + (%s), %lld)",
                   einc_helper(w->h, "v_apart_%s", storage), from, at,
                   (long long)pace);
}

/* --- functions ---------------------------------------------------------- */

static const char *
infix_of(enum fn f)
{
    switch (f) {
    case FN_ADD: return "+";
    case FN_SUB: return "-";
    case FN_MUL: return "*";
    case FN_DIV: return "/";
    case FN_LT: return "<";
    case FN_LE: return "<=";
    case FN_GT: return ">";
    case FN_GE: return ">=";
    case FN_EQ: return "==";
    case FN_NE: return "!=";
    default: return NULL;
    }
}

/* a op b on values of one form. */
static const char *
arithmetic(const struct writer *w, enum fn fn, struct form f, const char *a,
           const char *b, int exact)
{
    const char *op = infix_of(fn);
    const char *v = f.wide ? "v_" : "";
    const char *type = einc_form_suffix(f.type);
    if (f.type == VALUE_BOOL)
        return PRINTED(w, "(%s %s %s)", a,
                       fn == FN_MUL || fn == FN_MINIMUM || fn == FN_AND
                           ? "&" : fn == FN_NE || fn == FN_SUB ? "^" : "|",
                       b);
    if (op && (is_float(f.type) || exact))
        return PRINTED(w, "(%s %s %s)", a, op, b);
    switch (fn) {
    case FN_ADD:
        return PRINTED(w, "%s(%s, %s)",
                       einc_helper(w->h, "%sadd_%s", v, type), a, b);
    case FN_SUB:
        return PRINTED(w, "%s(%s, %s)",
                       einc_helper(w->h, "%ssub_%s", v, type), a, b);
    case FN_MUL:
        return PRINTED(w, "%s(%s, %s)",
                       einc_helper(w->h, "%smul_%s", v, type), a, b);
    case FN_MAXIMUM:
        return PRINTED(w, "%s(%s, %s)",
                       einc_helper(w->h, "%smax_%s", v, type), a, b);
    case FN_MINIMUM:
        return PRINTED(w, "%s(%s, %s)",
                       einc_helper(w->h, "%smin_%s", v, type), a, b);
    case FN_MOD:
        return PRINTED(w, "%s(%s, %s)",
                       einc_helper(w->h, "%smod_%s", v, type), a, b);
    default:
        return PRINTED(w, "%s(%s, %s)",
                       einc_helper(w->h, "%s%s_%s", v,
                                   fn == FN_POW ? "pow"
                                                : einc_fn_info(fn)->name,
                                   type), a, b);
    }
}

static const char *
select_text(const struct writer *w, struct form f, const char *c,
            const char *a, const char *b)
{
    if (f.wide)
        return PRINTED(w, "%s(%s, %s, %s)",
                       einc_helper(w->h, "v_select_%s",
                                   einc_form_suffix(f.type)), c, a, b);
    return PRINTED(w, "(%s ? %s : %s)", c, a, b);
}

/* a op b as truth, of values of form f. */
static const char *
comparison(const struct writer *w, enum fn fn, struct form f, const char *a,
           const char *b)
{
    const char *text = PRINTED(w, "(%s %s %s)", a, infix_of(fn), b);
    int bits64 = f.type == VALUE_F64 || f.type == VALUE_I64;
    return f.wide && bits64
               ? PRINTED(w, "__builtin_convertvector(%s, vi32)", text)
               : text;
}

/* The form in which arguments of integers meet. */
static struct form
meeting_form(const struct writer *w, const struct value *x, int wide)
{
    struct form f = {VALUE_I32, wide};
    for (int k = 0; k < x->n_args; k++) {
        const struct value *a = value_of(w, x->args[k]);
        if (x->fn == FN_SELECT && k == 0)
            continue;
        if (a->type != VALUE_I64)
            return (struct form){a->type, wide};
        if (!wide || !einc_value_narrow(a))
            f.type = VALUE_I64;
    }
    return f;
}

static const char *
cast_text(const struct writer *w, const struct value *x, struct form f)
{
    int a = x->args[0];
    struct form own = form_of(w, a);
    own.wide = f.wide;
    const char *v = f.wide ? "v_" : "";
    const char *text = as(w, a, own);
    if (x->lo < x->hi) { /* wraps to fewer bits */
        struct form wide = {VALUE_I64, f.wide};
        int bits = x->hi - x->lo == 255 ? 8 : x->hi - x->lo == 65535 ? 16 : 32;
        text = PRINTED(w, "%s(%s)",
                       einc_helper(w->h, "%swrap%s%d", v, x->lo ? "i" : "u",
                                   bits), as(w, a, wide));
        return converted(w, text, wide, f);
    }
    if (is_float(own.type) && !is_float(f.type)) {
        struct form wide = {VALUE_I64, f.wide};
        text = PRINTED(w, "%s(%s)",
                       einc_helper(w->h, "%swhole_%s", v,
                                   einc_form_suffix(own.type)), text);
        return converted(w, text, wide, f);
    }
    return converted(w, text, own, f);
}

/* Whether a float is never negative (or NaN), by its form. */
static int
is_positive(const struct writer *w, int v)
{
    const struct value *x = value_of(w, v);
    const struct value_reduce *r = x->reduce;
    if (r && r->redop == REDOP_SUM)
        return is_positive(w, r->part[0].x);
    if (x->op == VALUE_NUMBER)
        return x->number >= 0;
    if (x->op != VALUE_FN)
        return 0;
    switch (x->fn) {
    case FN_MUL:
        if (x->args[0] == x->args[1])
            return 1;
        /* fall through */
    case FN_ADD: case FN_DIV:
        return is_positive(w, x->args[0]) && is_positive(w, x->args[1]);
    case FN_ABS: case FN_EXP: case FN_SQRT: return 1;
    default: return 0;
    }
}

/* Whether it is never positive. */
static int
is_negative(const struct writer *w, int v)
{
    const struct value *x = value_of(w, v);
    if (x->op == VALUE_NUMBER)
        return x->number <= 0;
    if (x->op != VALUE_FN)
        return 0;
    int a = x->args[0], b = x->n_args > 1 ? x->args[1] : a;
    switch (x->fn) {
    case FN_NEG: return is_positive(w, a);
    case FN_MUL: case FN_DIV:
        return (is_negative(w, a) && is_positive(w, b)) ||
               (is_positive(w, a) && is_negative(w, b));
    case FN_ADD: return is_negative(w, a) && is_negative(w, b);
    case FN_SUB: return is_negative(w, a) && is_positive(w, b);
    default: return 0;
    }
}

static const char *
fn_name(const struct writer *w, const struct value *x)
{
    if (x->fn == FN_EXP && is_negative(w, x->args[0]))
        return "expn";
    return einc_fn_info(x->fn)->name;
}

static const char *
fn_text(const struct writer *w, int v)
{
    const struct value *x = value_of(w, v);
    struct form f = form_of(w, v), g = meeting_form(w, x, f.wide);
    struct form truth = {VALUE_BOOL, f.wide};
    const char *wide = f.wide ? "v_" : "";
    if (x->fn == FN_CAST)
        return cast_text(w, x, f);
    if (x->fn == FN_SELECT)
        return select_text(w, f, as(w, x->args[0], truth),
                           as(w, x->args[1], f), as(w, x->args[2], f));
    if (x->fn >= FN_LT && x->fn <= FN_NE)
        return comparison(w, x->fn, g, as(w, x->args[0], g),
                          as(w, x->args[1], g));
    if (x->fn == FN_NOT)
        return PRINTED(w, f.wide ? "(~%s)" : "(!%s)",
                       as(w, x->args[0], truth));
    if (x->fn == FN_AND || x->fn == FN_OR)
        return PRINTED(w, "(%s %s %s)", as(w, x->args[0], truth),
                       x->fn == FN_AND ? "&" : "|", as(w, x->args[1], truth));
    if (g.type == VALUE_I32 && f.type == VALUE_I64)
        g = f;
    const char *a = as(w, x->args[0], g);
    const char *b = x->n_args > 1 ? as(w, x->args[1], g) : NULL;
    int exact = x->type == VALUE_I64 && (x->least != INT64_MIN ||
                                         x->most != INT64_MAX);
    const char *text =
        x->fn == FN_NEG && (is_float(g.type) || exact)
            ? PRINTED(w, "(-%s)", a)
        : x->fn == FN_NEG
            ? arithmetic(w, FN_SUB, g,
                         converted(w, "0", (struct form){g.type, 0}, g), a, 0)
        : x->fn == FN_ABS && b
            ? PRINTED(w, "%s(%s, %s)",
                      einc_helper(w->h, "%shypot_%s", wide,
                                  einc_form_suffix(g.type)), a, b)
        : x->n_args == 2 ? arithmetic(w, x->fn, g, a, b, exact)
                         : PRINTED(w, "%s(%s)",
                                   einc_helper(w->h, "%s%s_%s", wide,
                                               fn_name(w, x),
                                               einc_form_suffix(g.type)), a);
    return converted(w, text, g, f);
}

static const char *
check_text(const struct writer *w, const struct value *x, int wide)
{
    struct form own = form_of(w, x->args[0]);
    const char *mask = active_mask(w);
    own.wide = wide;
    if (!wide)
        return PRINTED(w, "%s(args, %d, %s, %s, %s)",
                       einc_helper(w->h, "check"), x->site,
                       as(w, x->args[0], own), integer_text(w, x->lo),
                       integer_text(w, x->hi));
    const char *text =
        PRINTED(w, "%s(args, %d, %s, %s, %s, %s)",
                einc_helper(w->h, "v_check_%s", einc_form_suffix(own.type)),
                x->site, as(w, x->args[0], own),
                mask ? mask : PRINTED(w, "%s(-1)",
                                      einc_helper(w->h, "set_i32")),
                integer_text(w, x->lo), integer_text(w, x->hi));
    struct form f = {einc_value_narrow(x) ? VALUE_I32 : VALUE_I64, 1};
    return converted(w, text, own, f);
}

static int is_position(int redop);
static struct form kept_form(const struct writer *w, int v);
static struct form position_form(const struct writer *w, int v);

/* The text of a value that has a variable. */
static const char *
value_text(const struct writer *w, int v, int name)
{
    const struct value *x = value_of(w, v);
    struct form f = form_of(w, v), i64 = {VALUE_I64, f.wide}, scalar;
    const char *wide = f.wide ? "v_" : "", *text;
    switch (x->op) {
    case VALUE_LOAD: return load_text(w, v, name);
    case VALUE_FN: return fn_text(w, v);
    case VALUE_CHECK: return check_text(w, x, f.wide);
    case VALUE_WRAP: case VALUE_REFLECT:
        text = PRINTED(w, "%s(%s, %s)",
                       einc_helper(w->h, x->op == VALUE_WRAP ? "%swrapped"
                                                             : "%sreflect",
                                   wide), as(w, x->args[0], i64),
                       integer_text(w, x->integer));
        return converted(w, text, i64, f);
    case VALUE_BOUND:
        scalar = (struct form){VALUE_I64, 0};
        return PRINTED(w, "%s(args, %d, %s, %s, %s, %s, %lld)",
                       einc_helper(w->h, "bound"), x->site,
                       as(w, x->args[0], scalar), as(w, x->args[1], scalar),
                       integer_text(w, x->lo), integer_text(w, x->hi),
                       (long long)x->integer);
    case VALUE_PICK: {
        const struct placed *p =
            einc_levels_find(w->m, w->block, x->args[0]);
        scalar = (struct form){VALUE_I64, 0};
        text = PRINTED(w, "sum%d[%s]", p->carry, as(w, x->args[1], scalar));
        return converted(w, text,
                         is_position(value_of(w, x->args[0])->reduce->redop)
                             ? position_form(w, x->args[0])
                             : kept_form(w, x->args[0]), f);
    }
    default:
        assert(0 && "a value that has no text");
        return "0";
    }
}

/* --- accumulators ------------------------------------------------------- */

static int
is_position(int redop)
{
    return redop == REDOP_ARGMAX || redop == REDOP_ARGMIN ||
           redop == REDOP_ARGKMAX || redop == REDOP_ARGKMIN;
}

static int
is_list(int redop)
{
    return redop == REDOP_KMAX || redop == REDOP_KMIN ||
           redop == REDOP_ARGKMAX || redop == REDOP_ARGKMIN;
}

static int
is_least(int redop)
{
    return redop == REDOP_MIN || redop == REDOP_ARGMIN ||
           redop == REDOP_KMIN || redop == REDOP_ARGKMIN;
}

/* The form of what is kept: of arg reductions the terms, not positions. */
static struct form
kept_form(const struct writer *w, int v)
{
    const struct value *x = value_of(w, v);
    struct form f = {value_of(w, x->reduce->part[0].x)->type,
                     einc_levels_is_wide(w->m, v)};
    if (f.wide && f.type == VALUE_I64 &&
        einc_value_narrow(is_position(x->reduce->redop)
                              ? value_of(w, x->reduce->part[0].x)
                              : x))
        f.type = VALUE_I32;
    return f;
}

static struct form
position_form(const struct writer *w, int v)
{
    const struct value *x = value_of(w, v);
    int wide = einc_levels_is_wide(w->m, v);
    return (struct form){wide && x->reduce->points <= INT32_MAX ? VALUE_I32
                                                               : VALUE_I64,
                         wide};
}

/* What no term at all gives, in the kept form. */
static const char *
identity(const struct writer *w, int v)
{
    const struct value *x = value_of(w, v);
    int op = x->reduce->redop;
    struct form f = kept_form(w, v), scalar = {f.type, 0};
    const char *text;
    if (op == REDOP_SUM || op == REDOP_COUNT || op == REDOP_ANY ||
        op == REDOP_WEIGHTED)
        text = "0";
    else if (op == REDOP_PROD || op == REDOP_ALL || op == REDOP_COMPLEX)
        text = "1";
    else if (is_float(f.type))
        text = float_text(w, is_least(op) ? __builtin_inf()
                                          : -__builtin_inf(), f.type);
    else
        text = integer_text(w, is_least(op) ? x->reduce->high
                                            : x->reduce->low);
    return converted(w, text, scalar, f);
}

static const char *
payload_index(const struct writer *w, int v)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct table t = {.n_dims = 0};
    for (int q = 0; q < w->m->values.n_vars; q++)
        if (r->payload >> q & 1)
            t.dims[t.n_dims++] = q;
    return element_index(w, &t);
}

static int64_t
payload_size(const struct writer *w, int v)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    int64_t n = 1;
    for (int q = 0; q < w->m->values.n_vars; q++)
        if (r->payload >> q & 1)
            n *= w->m->values.var[q].hi - w->m->values.var[q].lo;
    return n;
}

static void
declare_carry(const struct writer *w, int c)
{
    int v = w->m->carries[c].value;
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct form f = kept_form(w, v), p = position_form(w, v);
    const char *type = einc_form_name(f), *none = identity(w, v);
    if (r->payload) {
        einc_line(w->t, "%s *const acc%d = (%s *)(void *)(args->scratch + "
                        "%lld);", type, c, type,
                  (long long)w->m->carries[c].offset);
        einc_line(w->t, "for (int64_t slot = 0; slot < %lld; slot++)",
                  (long long)payload_size(w, v));
        einc_line(w->t, "    acc%d[slot] = %s;", c, none);
    } else if (is_list(r->redop)) {
        einc_line(w->t, "%s acc%d[%d];", type, c, r->best);
        einc_line(w->t, "for (int slot = 0; slot < %d; slot++)", r->best);
        einc_line(w->t, "    acc%d[slot] = %s;", c, none);
    } else {
        einc_line(w->t, "%s acc%d = %s;", type, c, none);
    }
    const char *nowhere = converted(w, "-1", (struct form){p.type, 0}, p);
    if (r->redop == REDOP_ARGKMAX || r->redop == REDOP_ARGKMIN) {
        einc_line(w->t, "%s pos%d[%d];", einc_form_name(p), c, r->best);
        einc_line(w->t, "for (int slot = 0; slot < %d; slot++)", r->best);
        einc_line(w->t, "    pos%d[slot] = %s;", c, nowhere);
    } else if (is_position(r->redop)) {
        einc_line(w->t, "%s pos%d = %s;", einc_form_name(p), c, nowhere);
    }
    if (r->redop == REDOP_COMPLEX)
        einc_line(w->t, "%s pos%d = %s;", type, c,
                  converted(w, "0", (struct form){f.type, 0}, f));
    if (r->redop == REDOP_LOGSUMEXP) {
        einc_line(w->t, "%s rest%d = %s;", type, c,
                  converted(w, "0", (struct form){f.type, 0}, f));
    }
}

/* --- steps -------------------------------------------------------------- */

/* name = value where the mask is. */
static void
assign(const struct writer *w, struct form f, const char *name,
       const char *value, const char *mask)
{
    if (mask && f.wide)
        value = select_text(w, f, mask, value, name);
    einc_line(w->t, "%s = %s;", name, value);
}

/* Whether x goes before what is kept: NaN first, then the larger. */
static const char *
is_better(const struct writer *w, int v, const char *x, const char *kept,
          const char *position)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct form f = kept_form(w, v), p = position_form(w, v);
    const char *better =
        comparison(w, is_least(r->redop) ? FN_LT : FN_GT, f, x, kept);
    if (is_float(f.type))
        better = PRINTED(w, "(%s | (%s & %s))", better,
                         comparison(w, FN_NE, f, x, x),
                         comparison(w, FN_EQ, f, kept, kept));
    if (position) {
        const char *zero = converted(w, "0", (struct form){p.type, 0}, p);
        better = PRINTED(w, "(%s | %s)", better,
                         comparison(w, FN_LT, p, position, zero));
    }
    return better;
}

static void
step_position(const struct writer *w, int v, int c, const char *x,
              const char *at, const char *mask)
{
    struct form f = kept_form(w, v), p = position_form(w, v);
    struct form truth = {VALUE_BOOL, f.wide};
    struct text *t = w->t;
    const char *acc = PRINTED(w, "acc%d", c), *pos = PRINTED(w, "pos%d", c);
    einc_line(t, "{");
    t->indent += 4;
    einc_line(t, "const %s better = %s%s%s;", einc_form_name(truth),
              is_better(w, v, x, acc, pos), mask && f.wide ? " & " : "",
              mask && f.wide ? mask : "");
    einc_line(t, "%s = %s;", acc, select_text(w, f, "better", x, acc));
    einc_line(t, "%s = %s;", pos, select_text(w, p, "better", at, pos));
    t->indent -= 4;
    einc_line(t, "}");
}

/* Into a short list that is sorted, from its end. */
static void
step_list(const struct writer *w, int v, int c, const char *x, const char *at,
          const char *mask)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct form f = kept_form(w, v), p = position_form(w, v);
    struct form truth = {VALUE_BOOL, f.wide};
    struct text *t = w->t;
    int last = r->best - 1, with = is_position(r->redop);
    const char *masked = mask && f.wide ? PRINTED(w, " & %s", mask) : "";
    einc_line(t, "{");
    t->indent += 4;
    einc_line(t, "%s here = %s%s;", einc_form_name(truth),
              is_better(w, v, x, PRINTED(w, "acc%d[%d]", c, last),
                        with ? PRINTED(w, "pos%d[%d]", c, last) : NULL),
              masked);
    if (f.wide)
        einc_line(t, "if (%s(here)) {", einc_helper(w->h, "any"));
    else
        einc_line(t, "if (here) {");
    t->indent += 4;
    einc_line(t, "for (int slot = %d; slot > 0; slot--) {", last);
    t->indent += 4;
    const char *before = PRINTED(w, "acc%d[slot - 1]", c);
    const char *pos = PRINTED(w, "pos%d[slot - 1]", c);
    einc_line(t, "const %s above = %s%s;", einc_form_name(truth),
              is_better(w, v, x, before, with ? pos : NULL), masked);
    einc_line(t, "acc%d[slot] = %s;", c,
              select_text(w, f, "above", before,
                          select_text(w, f, "here", x,
                                      PRINTED(w, "acc%d[slot]", c))));
    if (with)
        einc_line(t, "pos%d[slot] = %s;", c,
                  select_text(w, p, "above", pos,
                              select_text(w, p, "here", at,
                                          PRINTED(w, "pos%d[slot]", c))));
    einc_line(t, "here = above;");
    t->indent -= 4;
    einc_line(t, "}");
    einc_line(t, "acc%d[0] = %s;", c,
              select_text(w, f, "here", x, PRINTED(w, "acc%d[0]", c)));
    if (with)
        einc_line(t, "pos%d[0] = %s;", c,
                  select_text(w, p, "here", at, PRINTED(w, "pos%d[0]", c)));
    t->indent -= 4;
    einc_line(t, "}");
    t->indent -= 4;
    einc_line(t, "}");
}

/* A function of floats. */
static const char *
call(const struct writer *w, const char *fn, struct form f, const char *x)
{
    return PRINTED(w, "%s(%s)",
                   einc_helper(w->h, "%s%s_%s", f.wide ? "v_" : "", fn,
                               einc_form_suffix(f.type)), x);
}

/* 0 in the place of an infinity, so that exp(x - m) of -inf is 0. */
static const char *
finite_base(const struct writer *w, struct form f, const char *m)
{
    struct form scalar = {f.type, 0};
    const char *low = converted(w, float_text(w, -__builtin_inf(), f.type),
                                scalar, f);
    return select_text(w, f, comparison(w, FN_EQ, f, m, low),
                       converted(w, "0", scalar, f), m);
}

/* A new largest term scales what was summed; weights of the parts stay for
 * weighted sums: weight<carry>_<part>, scale<carry>. */
static void
step_lse(const struct writer *w, int v, int c, int n_parts)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct form f = kept_form(w, v);
    struct text *t = w->t;
    const char *type = einc_form_name(f), *mask = step_mask(w, v), *most;
    const char *term[VALUE_MAX_PARTS];
    most = PRINTED(w, "acc%d", c);
    for (int k = 0; k < n_parts; k++) {
        term[k] = as(w, r->part[k].x, f);
        if (mask && f.wide)
            term[k] = select_text(w, f, mask, term[k], identity(w, v));
        most = arithmetic(w, FN_MAXIMUM, f, most, term[k], 0);
    }
    einc_line(t, "const %s most%d = %s;", type, c, most);
    einc_line(t, "const %s base%d = %s;", type, c,
              finite_base(w, f, PRINTED(w, "most%d", c)));
    einc_line(t, "const %s scale%d = %s;", type, c,
              call(w, "expn", f, PRINTED(w, "acc%d - base%d", c, c)));
    einc_line(t, "acc%d = most%d;", c, c);
    for (int k = 0; k < n_parts; k++)
        einc_line(t, "const %s weight%d_%d = %s;", type, c, k,
                  call(w, "expn", f, PRINTED(w, "%s - base%d", term[k], c)));
    einc_put(t, "%*srest%d = rest%d*scale%d", t->indent, "", c, c, c);
    for (int k = 0; k < n_parts; k++)
        einc_put(t, " + weight%d_%d", c, k);
    einc_put(t, ";\n");
}

static void
step_weighted(const struct writer *w, int v, int c, int part)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct form f = kept_form(w, v);
    int with = w->m->carries[c].with;
    const char *acc = r->payload
                          ? PRINTED(w, "acc%d[%s]", c, payload_index(w, v))
                          : PRINTED(w, "acc%d", c);
    const char *x = as(w, r->part[part].x, f), *mask = step_mask(w, v);
    if (mask && f.wide) /* what is left out may be NaN or infinite */
        x = select_text(w, f, mask, x,
                        converted(w, "0", (struct form){f.type, 0}, f));
    if (part == 0)
        einc_line(w->t, "%s = %s*scale%d + weight%d_0*%s;", acc, acc, with,
                  with, x);
    else
        einc_line(w->t, "%s += weight%d_%d*%s;", acc, with, part, x);
}

/* acc + i*pos times the term. */
static void
step_complex(const struct writer *w, int v, int c, int part)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct form f = kept_form(w, v);
    const char *re = as(w, r->part[part].x, f), *mask = step_mask(w, v);
    const char *im = as(w, r->part[part].position, f);
    einc_line(w->t, "const %s re%d_%d = acc%d*%s - pos%d*%s;",
              einc_form_name(f), c, part, c, re, c, im);
    assign(w, f, PRINTED(w, "pos%d", c),
           PRINTED(w, "(acc%d*%s + pos%d*%s)", c, im, c, re), mask);
    assign(w, f, PRINTED(w, "acc%d", c), PRINTED(w, "re%d_%d", c, part),
           mask);
}

static void
print_step(const struct writer *w, const struct item *i)
{
    int v = i->value, c = i->carry;
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct form f = kept_form(w, v), p = position_form(w, v);
    const char *acc = PRINTED(w, "acc%d", c), *mask = step_mask(w, v), *x;
    if (r->redop == REDOP_LOGSUMEXP) {
        step_lse(w, v, c, i->part);
        return;
    }
    if (r->redop == REDOP_WEIGHTED) {
        step_weighted(w, v, c, i->part);
        return;
    }
    if (r->redop == REDOP_COMPLEX) {
        step_complex(w, v, c, i->part);
        return;
    }
    x = as(w, i->part < 0 ? r->together : r->part[i->part].x, f);
    if (is_list(r->redop) || is_position(r->redop)) {
        int at = r->part[i->part].position;
        const char *pos = at < 0 ? NULL : as(w, at, p);
        if (is_list(r->redop))
            step_list(w, v, c, x, pos, mask);
        else
            step_position(w, v, c, x, pos, mask);
        return;
    }
    if (r->payload)
        acc = PRINTED(w, "acc%d[%s]", c, payload_index(w, v));
    enum fn fn = r->redop == REDOP_PROD  ? FN_MUL
                 : r->redop == REDOP_MAX ? FN_MAXIMUM
                 : r->redop == REDOP_MIN ? FN_MINIMUM
                 : r->redop == REDOP_ALL ? FN_AND
                                         : FN_ADD;
    if (f.type == VALUE_BOOL && (fn == FN_MUL || fn == FN_MINIMUM))
        fn = FN_AND;
    int exact = f.type == VALUE_I32 && r->redop == REDOP_COUNT;
    assign(w, f, acc, arithmetic(w, fn, f, acc, x, exact), mask);
}

/* --- results ------------------------------------------------------------ */

/* One value of all lanes. */
static const char *
across(const struct writer *w, const char *op, struct form f, const char *x)
{
    return PRINTED(w, "%s(%s)",
                   einc_helper(w->h, "across_%s_%s", op,
                               einc_form_suffix(f.type)), x);
}

static void
finish_lse(const struct writer *w, int c, int v)
{
    struct form f = kept_form(w, v), scalar = {f.type, 0};
    struct text *t = w->t;
    const char *type = einc_form_name(scalar);
    const char *most = PRINTED(w, "acc%d", c), *rest = PRINTED(w, "rest%d", c);
    struct form out = f;
    if (einc_levels_reduces_lane(w->m, v)) {
        einc_line(t, "const %s top%d = %s;", type, c,
                  across(w, "max", f, most));
        einc_line(t, "const %s by%d = %s;", einc_form_name(f), c,
                  call(w, "expn", f,
                       PRINTED(w, "acc%d - %s", c,
                               converted(w, finite_base(w, scalar,
                                                   PRINTED(w, "top%d", c)),
                                         scalar, f))));
        einc_line(t, "const %s all%d = %s;", type, c,
                  across(w, "sum", f, PRINTED(w, "rest%d*by%d", c, c)));
        most = PRINTED(w, "top%d", c);
        rest = PRINTED(w, "all%d", c);
        out = scalar;
    }
    const char *inf = converted(w, float_text(w, __builtin_inf(), f.type),
                                scalar, out);
    einc_line(t, "const %s sum%d = %s;", einc_form_name(out), c,
              select_text(w, out,
                          comparison(w, FN_LT, out,
                                     call(w, "abs", out, most), inf),
                          PRINTED(w, "%s + %s", most,
                                  call(w, "log", out, rest)), most));
    einc_line(t, "(void)sum%d;", c);
}

/* A weighted sum of one element. */
static const char *
weighted_result(const struct writer *w, int c, int v, const char *acc)
{
    int with = w->m->carries[c].with;
    int lanes = einc_levels_reduces_lane(w->m, v);
    struct form f = kept_form(w, v), out = {f.type, f.wide && !lanes};
    const char *rest = PRINTED(w, lanes ? "all%d" : "rest%d", with);
    const char *zero = converted(w, "0", (struct form){f.type, 0}, out);
    const char *x = lanes ? across(w, "sum", f,
                                   PRINTED(w, "%s*by%d", acc, with))
                          : acc;
    x = PRINTED(w, "%s/%s", x, rest);
    return value_of(w, v)->reduce->zero
               ? select_text(w, out, comparison(w, FN_EQ, out, rest, zero),
                             zero, x)
               : x;
}

static void
finish_weighted(const struct writer *w, int c, int v)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    int lanes = einc_levels_reduces_lane(w->m, v);
    struct form f = kept_form(w, v), out = {f.type, f.wide && !lanes};
    struct text *t = w->t;
    if (!r->payload) {
        einc_line(t, "const %s sum%d = %s;", einc_form_name(out), c,
                  weighted_result(w, c, v, PRINTED(w, "acc%d", c)));
        return;
    }
    if (is_same(f, out)) {
        einc_line(t, "%s *const sum%d = acc%d;", einc_form_name(f), c, c);
        einc_line(t, "for (int64_t slot = 0; slot < %lld; slot++)",
                  (long long)payload_size(w, v));
        einc_line(t, "    sum%d[slot] = %s;", c,
                  weighted_result(w, c, v, PRINTED(w, "acc%d[slot]", c)));
        return;
    }
    einc_line(t, "%s *const sum%d = (%s *)(void *)acc%d;",
              einc_form_name(out), c, einc_form_name(out), c);
    einc_line(t, "for (int64_t slot = 0; slot < %lld; slot++)",
              (long long)payload_size(w, v));
    einc_line(t, "    sum%d[slot] = %s;", c,
              weighted_result(w, c, v, PRINTED(w, "acc%d[slot]", c)));
}

static const char *
across_name(int redop, enum value_type t)
{
    switch (redop) {
    case REDOP_PROD: return t == VALUE_BOOL ? "and" : "prod";
    case REDOP_MAX: return t == VALUE_BOOL ? "or" : "max";
    case REDOP_MIN: return t == VALUE_BOOL ? "and" : "min";
    case REDOP_ANY: return "or";
    case REDOP_ALL: return "and";
    default: return t == VALUE_BOOL ? "or" : "sum";
    }
}

/* The best of all lanes: of equals that of the least position. */
static void
finish_position(const struct writer *w, int c, int v)
{
    struct form f = kept_form(w, v);
    struct form s = {f.type, 0};
    struct text *t = w->t;
    const struct value_reduce *r = value_of(w, v)->reduce;
    einc_line(t, "%s best%d = acc%d[0];", einc_form_name(s), c, c);
    einc_line(t, "int64_t sum%d = pos%d[0];", c, c);
    einc_line(t, "for (int lane = 1; lane < %d; lane++) {", w->m->lanes);
    t->indent += 4;
    einc_line(t, "const %s next = acc%d[lane];", einc_form_name(s), c);
    einc_line(t, "const int64_t at = pos%d[lane];", c);
    const char *op = is_least(r->redop) ? "<" : ">";
    if (is_float(f.type))
        einc_line(t, "const int same = next == best%d || (next != next && "
                     "best%d != best%d);", c, c, c);
    else
        einc_line(t, "const int same = next == best%d;", c);
    if (is_float(f.type))
        einc_line(t, "const int more = next %s best%d || (next != next && "
                     "best%d == best%d);", op, c, c, c);
    else
        einc_line(t, "const int more = next %s best%d;", op, c);
    einc_line(t, "if (at >= 0 && (sum%d < 0 || more || (same && at < "
                 "sum%d))) {", c, c);
    einc_line(t, "    best%d = next;", c);
    einc_line(t, "    sum%d = at;", c);
    einc_line(t, "}");
    t->indent -= 4;
    einc_line(t, "}");
}

/* What a reduction gives, as sum<carry>. */
static void
finish_carry(const struct writer *w, int c)
{
    int v = w->m->carries[c].value;
    const struct value_reduce *r = value_of(w, v)->reduce;
    int lanes = einc_levels_reduces_lane(w->m, v);
    struct form f = kept_form(w, v), p = position_form(w, v);
    struct form out = form_of(w, v), scalar = {f.type, 0};
    struct text *t = w->t;
    if (r->redop == REDOP_LOGSUMEXP) {
        finish_lse(w, c, v);
    } else if (r->redop == REDOP_WEIGHTED) {
        finish_weighted(w, c, v);
    } else if (r->redop == REDOP_COMPLEX) {
        einc_line(t, "const %s sum%d = %s%d;", einc_form_name(f), c,
                  r->best ? "pos" : "acc", c);
    } else if (is_list(r->redop)) {
        struct form e = is_position(r->redop) ? p : f;
        einc_line(t, "const %s *const sum%d = %s%d;", einc_form_name(e), c,
                  is_position(r->redop) ? "pos" : "acc", c);
    } else if (is_position(r->redop) && lanes) {
        finish_position(w, c, v);
    } else if (is_position(r->redop)) {
        einc_line(t, "const %s sum%d = %s;", einc_form_name(out), c,
                  converted(w, PRINTED(w, "pos%d", c), p, out));
    } else if (r->payload && lanes) {
        einc_line(t, "%s *const sum%d = (%s *)(void *)acc%d;",
                  einc_form_name(scalar), c, einc_form_name(scalar), c);
        einc_line(t, "for (int64_t slot = 0; slot < %lld; slot++)",
                  (long long)payload_size(w, v));
        einc_line(t, "    sum%d[slot] = %s;", c,
                  across(w, across_name(r->redop, f.type), f,
                         PRINTED(w, "acc%d[slot]", c)));
    } else if (r->payload) {
        einc_line(t, "%s *const sum%d = acc%d;", einc_form_name(f), c, c);
    } else if (lanes) {
        einc_line(t, "const %s sum%d = %s;", einc_form_name(out), c,
                  converted(w, across(w, across_name(r->redop, f.type), f,
                                      PRINTED(w, "acc%d", c)), scalar, out));
    } else {
        einc_line(t, "const %s sum%d = %s;", einc_form_name(out), c,
                  converted(w, PRINTED(w, "acc%d", c), f, out));
    }
}

/* --- loops -------------------------------------------------------------- */

static void print_block(struct writer *w, int block);

/* The greatest of the values from a list and a number; `name` of max. */
static const char *
extreme_of(struct writer *w, const char *fn, int64_t first, int data,
           const int *list, int n)
{
    struct form f = {VALUE_I64, 0};
    const char *x = data >= 0 ? as(w, data, f) : integer_text(w, first);
    for (int k = 0; k < n; k++)
        x = PRINTED(w, "%s(%s, %s)", einc_helper(w->h, "%s_i64", fn), x,
                    as(w, list[k], f));
    return x;
}

/* The values of the lane var as a vector. */
static void
declare_lane(const struct writer *w, const char *name, const char *left)
{
    const struct value_var *q = &w->m->values.var[w->m->lane];
    int narrow = q->lo >= INT32_MIN && q->hi <= INT32_MAX;
    struct form f = {narrow ? VALUE_I32 : VALUE_I64, 1};
    const char *type = einc_form_name(f), *suffix = einc_form_suffix(f.type);
    struct text *t = w->t;
    if (left) {
        einc_line(t, "const vi32 in_%s = %s < %s((int32_t)%s);", name,
                  einc_helper(w->h, "v_iota_i32"),
                  einc_helper(w->h, "set_i32"), left);
        einc_line(t, "const %s at_%s = %s((%s)%s) + %s(%s, %s((%s)%s - 1));",
                  type, name, einc_helper(w->h, "set_%s", suffix),
                  narrow ? "int32_t" : "int64_t", name,
                  einc_helper(w->h, "v_min_%s", suffix),
                  einc_helper(w->h, "v_iota_%s", suffix),
                  einc_helper(w->h, "set_%s", suffix),
                  narrow ? "int32_t" : "int64_t", left);
        einc_line(t, "(void)in_%s;", name);
    } else {
        einc_line(t, "const %s at_%s = %s((%s)%s) + %s;", type, name,
                  einc_helper(w->h, "set_%s", suffix),
                  narrow ? "int32_t" : "int64_t", name,
                  einc_helper(w->h, "v_iota_%s", suffix));
    }
    einc_line(t, "(void)at_%s;", name);
}

static void
close_brace(const struct writer *w)
{
    w->t->indent -= 4;
    einc_line(w->t, "}");
}

/* A loop of the statement: turns of span values, the last one moved back over
 * those that the one before has had; skip: so many are not stored again. */
static void
print_turn(const struct writer *w, const struct free_loop *f,
           const char *name, const char *turn)
{
    struct text *t = w->t;
    const struct value_var *q = &w->m->values.var[f->var];
    int64_t whole = f->turns * f->span;
    if (f->span == 1) {
        einc_line(t, "const int64_t %s = %s%s%s;", name,
                  q->lo ? integer_text(w, q->lo) : "", q->lo ? " + " : "",
                  turn);
    } else if (whole == q->hi - q->lo) {
        einc_line(t, "const int64_t %s = %s%s%lld*%s;", name,
                  q->lo ? integer_text(w, q->lo) : "", q->lo ? " + " : "",
                  (long long)f->span, turn);
    } else {
        einc_line(t, "const int64_t %s = %s(%s%s%lld*%s, %s);", name,
                  einc_helper(w->h, "min_i64"),
                  q->lo ? integer_text(w, q->lo) : "", q->lo ? " + " : "",
                  (long long)f->span, turn, integer_text(w, q->hi - f->span));
        einc_line(t, "const int64_t skip_%s = %s%lld*%s - %s;", name,
                  q->lo ? PRINTED(w, "%s + ", integer_text(w, q->lo)) : "",
                  (long long)f->span, turn, name);
        einc_line(t, "(void)skip_%s;", name);
    }
    einc_line(t, "(void)%s;", name);
    if (f->var == w->m->lane)
        declare_lane(w, name, NULL);
}

static const struct free_loop *
free_of(const struct writer *w, int var)
{
    for (int f = 0; f < w->m->n_free; f++)
        if (w->m->free[f].var == var && !w->m->free[f].is_copied)
            return &w->m->free[f];
    return NULL;
}

static void
print_free_loop(struct writer *w, const struct loop *l)
{
    const struct free_loop *f = free_of(w, l->var);
    const struct value_var *q = &w->m->values.var[l->var];
    const char *name = loop_name(w, l);
    struct text *t = w->t;
    if (f->span == 1) {
        einc_line(t, "for (int64_t %s = %s; %s < %s; %s++) {", name,
                  integer_text(w, q->lo), name, integer_text(w, q->hi), name);
        t->indent += 4;
    } else {
        const char *turn = PRINTED(w, "turn_%s", name);
        einc_line(t, "for (int64_t %s = 0; %s < %lld; %s++) {", turn, turn,
                  (long long)f->turns, turn);
        t->indent += 4;
        print_turn(w, f, name, turn);
    }
    print_block(w, l->main);
    close_brace(w);
}

/* --- sums in blocks ----------------------------------------------------- */

/* Values of the var in one turn. */
static int64_t
turn_values(const struct writer *w, const struct loop *l)
{
    return (l->var == w->m->lane ? w->m->lanes : 1) * (int64_t)l->parts;
}

/* Whether a sum of floats is put away now and then, so that its error grows
 * with the number of blocks and not of terms. */
static int
is_blocked(const struct writer *w, const struct loop *l, int carry)
{
    int v = w->m->carries[carry].value;
    const struct value_reduce *r = value_of(w, v)->reduce;
    const struct value_var *q = &w->m->values.var[l->var];
    return r->redop == REDOP_SUM && !r->payload &&
           is_float(kept_form(w, v).type) &&
           (r->n_vars > 1 || (q->hi - q->lo) / turn_values(w, l) >= 1024);
}

static void
declare_all(const struct writer *w, int c)
{
    int v = w->m->carries[c].value;
    einc_line(w->t, "%s all%d = %s;", einc_form_name(kept_form(w, v)), c,
              identity(w, v));
}

static int
has_blocks(const struct writer *w, const struct loop *l)
{
    for (int k = 0; k < l->n_carries; k++)
        if (is_blocked(w, l, l->carries[k]))
            return 1;
    return 0;
}

/* Turns of one block: loops within are one block each. */
static int64_t
block_turns(const struct writer *w, const struct loop *l)
{
    const struct value_var *q = &w->m->values.var[l->var];
    return (q->hi - q->lo) / turn_values(w, l) >= 1024 ? 512 : 1;
}

static void
open_blocks(const struct writer *w, const struct loop *l, const char *name)
{
    int64_t values = turn_values(w, l);
    struct text *t = w->t;
    einc_line(t, "while (%s + %lld <= end_%s) {", name, (long long)values,
              name);
    t->indent += 4;
    einc_line(t, "const int64_t block_%s = %s(end_%s, %s + %lld);", name,
              einc_helper(w->h, "min_i64"), name, name,
              (long long)(values * block_turns(w, l)));
}

static void
close_blocks(const struct writer *w, const struct loop *l)
{
    for (int k = 0; k < l->n_carries; k++) {
        int c = l->carries[k];
        if (!is_blocked(w, l, c))
            continue;
        einc_line(w->t, "all%d += acc%d;", c, c);
        einc_line(w->t, "acc%d = %s;", c,
                  identity(w, w->m->carries[c].value));
    }
    close_brace(w);
}

/* The main turns of a loop: `%s` of a block or of all. */
static void
open_turns(const struct writer *w, const struct loop *l, const char *name)
{
    int64_t values = turn_values(w, l);
    const char *end = "end";
    if (has_blocks(w, l)) {
        open_blocks(w, l, name);
        end = "block";
    }
    einc_line(w->t, "for (; %s + %lld <= %s_%s; %s += %lld) {", name,
              (long long)values, end, name, name, (long long)values);
    w->t->indent += 4;
}

static void
close_turns(const struct writer *w, const struct loop *l)
{
    close_brace(w);
    if (has_blocks(w, l))
        close_blocks(w, l);
}

static void
print_lane_loop(struct writer *w, const struct loop *l, const char *name)
{
    struct text *t = w->t;
    int outer = w->block;
    open_turns(w, l, name);
    declare_lane(w, name, NULL);
    print_block(w, l->main);
    w->block = outer;
    close_turns(w, l);
    if (l->rest < 0)
        return;
    einc_line(t, "for (; %s < end_%s; %s += %d) {", name, name, name,
              w->m->lanes);
    t->indent += 4;
    if (overlaps(w, l)) {
        einc_line(t, "const int64_t had_%s = %s(0, %s + %d - end_%s);", name,
                  einc_helper(w->h, "max_i64"), name, w->m->lanes, name);
        einc_line(t, "%s -= had_%s;", name, name);
        einc_line(t, "const vi32 in_%s = %s >= %s((int32_t)had_%s);", name,
                  einc_helper(w->h, "v_iota_i32"),
                  einc_helper(w->h, "set_i32"), name);
        einc_line(t, "(void)in_%s;", name);
        declare_lane(w, name, NULL);
        print_block(w, l->rest);
        close_brace(w);
        return;
    }
    const char *left = PRINTED(w, "left_%s", name);
    einc_line(t, "const int64_t %s = %s(%d, end_%s - %s);", left,
              einc_helper(w->h, "min_i64"), w->m->lanes, name, name);
    declare_lane(w, name, left);
    print_block(w, l->rest);
    close_brace(w);
}

static void
print_bound_loop(struct writer *w, const struct loop *l)
{
    const struct value_var *q = &w->m->values.var[l->var];
    const char *name = loop_name(w, l);
    const char *from = extreme_of(w, "max", q->lo, q->from, l->from,
                                  l->n_from);
    const char *to = extreme_of(w, "min", q->hi, q->to, l->to, l->n_to);
    struct text *t = w->t;
    int is_lanes = l->var == w->m->lane;
    if (l->parts == 1 && !is_lanes && !has_blocks(w, l)) {
        einc_line(t, "for (int64_t %s = %s, end_%s = %s; %s < end_%s; %s++) {",
                  name, from, name, to, name, name, name);
        t->indent += 4;
        print_block(w, l->main);
        close_brace(w);
        return;
    }
    einc_line(t, "int64_t %s = %s;", name, from);
    einc_line(t, "const int64_t end_%s = %s;", name, to);
    if (is_lanes) {
        print_lane_loop(w, l, name);
        return;
    }
    open_turns(w, l, name);
    print_block(w, l->main);
    close_turns(w, l);
    if (l->rest < 0)
        return;
    einc_line(t, "for (; %s < end_%s; %s++) {", name, name, name);
    t->indent += 4;
    print_block(w, l->rest);
    close_brace(w);
}

static void
print_loop(struct writer *w, const struct loop *l)
{
    if (l->is_free) {
        print_free_loop(w, l);
        return;
    }
    for (int k = 0; k < l->n_carries; k++) {
        declare_carry(w, l->carries[k]);
        if (is_blocked(w, l, l->carries[k]))
            declare_all(w, l->carries[k]);
    }
    int braces = l->parts > 1 || l->var == w->m->lane || has_blocks(w, l);
    if (braces) {
        einc_line(w->t, "{");
        w->t->indent += 4;
    }
    print_bound_loop(w, l);
    if (braces)
        close_brace(w);
    for (int k = 0; k < l->n_carries; k++)
        if (is_blocked(w, l, l->carries[k]))
            einc_line(w->t, "acc%d += all%d;", l->carries[k],
                      l->carries[k]);
    for (int k = 0; k < l->n_carries; k++)
        finish_carry(w, l->carries[k]);
}

/* --- conditions --------------------------------------------------------- */

/* if (cond) { or, of lanes, if any; `no`: where it does not hold. */
static void
open_if(const struct writer *w, int child, int cond, int no)
{
    struct form truth = {VALUE_BOOL, is_lane(w, cond)};
    const char *c = as(w, cond, truth);
    if (!truth.wide) {
        einc_line(w->t, no ? "if (!%s) {" : "if (%s) {", c);
        w->t->indent += 4;
        return;
    }
    const char *mask = active_mask(w);
    c = no ? PRINTED(w, "~%s", c) : c;
    einc_line(w->t, "const vi32 mask%d = %s;", child, and_masks(w, c, mask));
    einc_line(w->t, "if (%s(mask%d)) {", einc_helper(w->h, "any"), child);
    w->t->indent += 4;
}

static void
print_choice(struct writer *w, const struct item *i)
{
    const struct value *x = value_of(w, i->value);
    struct form f = form_of(w, i->value);
    struct text *t = w->t;
    int wide = is_lane(w, x->args[0]), outer = w->block;
    struct form truth = {VALUE_BOOL, wide};
    einc_line(t, "%s v%d = %s;", einc_form_name(f), i->name,
              converted(w, "0", (struct form){f.type, 0}, f));
    for (int k = 0; k < 2; k++) {
        w->block = outer;
        open_if(w, i->block[k], x->args[0], k);
        print_block(w, i->block[k]);
        w->block = i->block[k];
        const char *value = as(w, x->args[k + 1], f);
        w->block = outer;
        const char *c = as(w, x->args[0], truth);
        if (wide)
            value = select_text(w, f, k ? PRINTED(w, "~%s", c) : c, value,
                                PRINTED(w, "v%d", i->name));
        einc_line(t, "v%d = %s;", i->name, value);
        close_brace(w);
    }
}

/* --- stores ------------------------------------------------------------- */

/* Values of the turn that the one before has stored: of rows a condition is
 * printed, of lanes the first one to store is returned. */
static const char *
open_skips(struct writer *w, const struct store *s, int *braces)
{
    const char *first = NULL;
    *braces = 0;
    for (int f = 0; f < w->m->n_free; f++) {
        const struct free_loop *x = &w->m->free[f];
        if (x->is_copied || x->span == 1)
            continue;
        const struct value_var *q = &w->m->values.var[x->var];
        if (x->turns * x->span == q->hi - q->lo)
            continue;
        const char *name = var_name(w, x->var);
        if (x->var == w->m->lane) {
            first = PRINTED(w, s->offset[x->number] ? "skip_%s - %lld"
                                                    : "skip_%s",
                            name, (long long)s->offset[x->number]);
            continue;
        }
        einc_line(w->t, "if (skip_%s <= %lld) {", name,
                  (long long)s->offset[x->number]);
        w->t->indent += 4;
        (*braces)++;
    }
    return first;
}

static void
print_store(struct writer *w, const struct item *i)
{
    const struct store *s = &w->m->stores[i->store];
    const char *storage = storage_name(w, w->m->s->left.tensor);
    int braces;
    const char *first = open_skips(w, s, &braces);
    for (int k = 0; k < 2; k++) {
        if (s->value[k] < 0)
            continue;
        const struct value *at = value_of(w, s->at[k]);
        struct form f = form_of(w, s->value[k]);
        int64_t pace;
        const char *offset = offset_of(w, at, &pace);
        f.wide = is_lane(w, s->at[k]);
        if (!f.wide)
            einc_line(w->t, "%s(out + (%s), %s);",
                      einc_helper(w->h, "put_%s", storage), offset,
                      as(w, s->value[k], f));
        else
            einc_line(w->t, "%s(out + (%s), %lld, %s, %s);",
                      einc_helper(w->h, "v_put_%s_%s", storage,
                                  einc_form_suffix(f.type)), offset,
                      (long long)pace, as(w, s->value[k], f),
                      first ? first : "0");
    }
    while (braces--)
        close_brace(w);
}

/* --- blocks ------------------------------------------------------------- */

static void
print_value(const struct writer *w, const struct item *i)
{
    const char *text = value_text(w, i->value, i->name);
    einc_line(w->t, "const %s v%d = %s;", einc_form_name(form_of(w, i->value)),
              i->name, text);
}

static void
print_item(struct writer *w, const struct item *i)
{
    int outer = w->block;
    switch (i->kind) {
    case ITEM_VALUE: print_value(w, i); return;
    case ITEM_CHOICE: print_choice(w, i); break;
    case ITEM_IF:
        open_if(w, i->block[0], w->m->blocks[i->block[0]].cond, 0);
        print_block(w, i->block[0]);
        close_brace(w);
        break;
    case ITEM_STEP: print_step(w, i); return;
    case ITEM_FILL:
        einc_line(w->t, "table%d[%s] = v%d;", i->table,
                  element_index(w, &w->m->tables[i->table]),
                  einc_levels_find(w->m, w->block, i->value)->name);
        return;
    case ITEM_STORE: print_store(w, i); return;
    case ITEM_LOOP: print_loop(w, &w->m->loops[i->loop]); break;
    }
    w->block = outer;
}

static void
print_block(struct writer *w, int block)
{
    int outer = w->block;
    const struct block *b = &w->m->blocks[block];
    w->block = block;
    for (int k = 0; k < b->n_items; k++)
        print_item(w, &b->items[k]);
    w->block = outer;
}

/* --- the kernel --------------------------------------------------------- */

static void
print_pointers(const struct writer *w)
{
    const struct mapreduce *m = w->m;
    int left = m->s->left.tensor;
    for (int n = 0; n < m->p->n_tensors; n++) {
        int used = n == left;
        for (int v = 0; v < m->values.n; v++)
            used |= m->values.v[v].op == VALUE_LOAD &&
                    m->values.v[v].tensor == n;
        if (!used)
            continue;
        const char *type = einc_dtype_info(m->p->tensors[n].dtype)->c_type;
        if (n == left)
            einc_line(w->t, "%s *const __restrict__ out = (%s *)args->out;",
                      type, type);
        else
            einc_line(w->t, "const %s *const __restrict__ in%d = (const %s *)"
                            "args->in[%d];", type, n, type, n);
        einc_line(w->t, "(void)%s;", tensor_name(w, n));
    }
    for (int k = 0; k < m->n_tables; k++) {
        struct form f = form_of(w, m->tables[k].value);
        einc_line(w->t, "%s *const table%d = (%s *)(void *)(args->scratch + "
                        "%lld);", einc_form_name(f), k, einc_form_name(f),
                  (long long)m->tables[k].offset);
    }
}

/* Which turn of each shared loop a task is, the last loop fastest. */
static void
print_decode(const struct writer *w)
{
    int64_t below = 1;
    for (int f = w->m->n_free - 1; f >= 0; f--) {
        const struct free_loop *x = &w->m->free[f];
        if (!x->is_task)
            continue;
        const char *name = letter_of(w, x->var);
        const char *turn = below == 1 ? "task"
                                      : PRINTED(w, "(task/%lld)",
                                                (long long)below);
        if (below * x->turns != w->m->tasks)
            turn = PRINTED(w, "(%s%%%lld)", turn, (long long)x->turns);
        below *= x->turns;
        print_turn(w, x, name, turn);
    }
}

static void
print_kernel(struct writer *w, const char *name, const char *linkage,
             const char *args)
{
    struct text *t = w->t;
    einc_line(t, "%svoid", linkage);
    einc_line(t, "%s(const struct %s *args, int64_t task_begin, "
                 "int64_t task_end)", name, args);
    einc_line(t, "{");
    t->indent += 4;
    print_pointers(w);
    einc_line(t, "for (int64_t task = task_begin; task < task_end; task++) {");
    t->indent += 4;
    print_decode(w);
    print_block(w, 0);
    close_brace(w);
    close_brace(w);
}

struct unit
einc_emit_mapreduce(struct arena *perm, const struct mapreduce *m)
{
    struct text body = {.perm = perm}, t = {.perm = perm};
    struct helpers h = {.perm = perm, .lanes = m->lanes, .prefix = ""};
    struct writer w = {m, &body, &h, 0};
    print_kernel(&w, "einc_kernel", "", "einc_args");
    einc_line(&t, "/* made by einc %s; kernel ABI %d, %s */", EINC_VERSION,
              UNIT_ABI, m->target->name);
    einc_put(&t, "#include <stdint.h>\n#include <string.h>\n\n"
                 "struct einc_args {\n"
                 "    void *out;\n"
                 "    const void *const *in;\n"
                 "    const int64_t *n, *s;\n"
                 "    const void *alpha, *beta;\n"
                 "    char *scratch;\n"
                 "    int64_t *stray;\n"
                 "};\n\n");
    einc_print_helpers(&t, &h, "einc_args");
    einc_put(&t, "%s", einc_text_z(&body));
    return (struct unit){.source = einc_text_z(&t),
                         .source_bytes = t.n,
                         .entry = "einc_kernel",
                         .flags = {"-ftree-vectorize", "-lm"},
                         .scratch_bytes = m->scratch_bytes};
}

static int
is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_';
}

/* The text with types of vectors, vf32 and the like, named after the function:
 * another set's in the same file have another width. */
static void
put_named(struct text *t, const char *from, const char *name)
{
    static const char *const types[] = {"vi32", "vu32", "vi64",
                                        "vu64", "vf32", "vf64"};
    while (*from) {
        int64_t n = 0;
        int is_type = 0;
        while (is_word(from[n]))
            n++;
        for (size_t x = 0; x < sizeof types / sizeof *types; x++)
            is_type |= n == 4 && memcmp(from, types[x], 4) == 0;
        if (is_type)
            einc_put(t, "%s_", name);
        einc_put_str(t, (struct str){from, n ? n : 1});
        from += n ? n : 1;
    }
}

void
einc_emit_mapreduce_function(struct text *t, struct arena scratch,
                             const struct mapreduce *m, const char *name,
                             const char *args)
{
    struct text body = {.perm = &scratch}, own = {.perm = &scratch};
    struct helpers h = {.perm = &scratch, .lanes = m->lanes};
    struct writer w = {m, &body, &h, 0};
    h.prefix = einc_printed(&scratch, "%s_", name);
    print_kernel(&w, name, "static ", args);
    einc_print_helpers(&own, &h, args);
    einc_put(&own, "%s\n", einc_text_z(&body));
    put_named(t, einc_text_z(&own), name);
}

int64_t
einc_mapreduce_scratch(const struct mapreduce *m)
{
    return m->scratch_bytes;
}

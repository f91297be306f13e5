/* SPDX-License-Identifier: MIT
 *
 * print_fn.c - values of an index statement that are computed from others,
 * in C.
 */
#include "codegen/print_writer.h"

#include <assert.h>

/* --- arithmetic --------------------------------------------------------- */

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
const char *
einc_arithmetic(const struct writer *w, enum fn fn, struct form f,
                const char *a, const char *b, int exact)
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

const char *
einc_select_text(const struct writer *w, struct form f, const char *c,
                 const char *a, const char *b)
{
    if (f.wide)
        return PRINTED(w, "%s(%s, %s, %s)",
                       einc_helper(w->h, "v_select_%s",
                                   einc_form_suffix(f.type)), c, a, b);
    return PRINTED(w, "(%s ? %s : %s)", c, a, b);
}

const char *
einc_comparison(const struct writer *w, enum fn fn, struct form f,
                const char *a, const char *b)
{
    const char *text = PRINTED(w, "(%s %s %s)", a, infix_of(fn), b);
    int bits64 = f.type == VALUE_F64 || f.type == VALUE_I64;
    return f.wide && bits64
               ? PRINTED(w, "__builtin_convertvector(%s, vi32)", text)
               : text;
}

/* --- functions ---------------------------------------------------------- */

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
    struct form own = einc_form_of(w, a);
    own.wide = f.wide;
    const char *v = f.wide ? "v_" : "";
    const char *text = einc_as(w, a, own);
    if (x->integer) /* rounds to halves */
        return PRINTED(w, "%s(%s)",
                       einc_helper(w->h, "%sas_%s", v,
                                   einc_dtype_info((enum einc_dtype)
                                                       x->integer)->name),
                       text);
    if (x->lo < x->hi) { /* wraps to fewer bits */
        struct form wide = {VALUE_I64, f.wide};
        int bits = x->hi - x->lo == 255 ? 8 : x->hi - x->lo == 65535 ? 16 : 32;
        text = PRINTED(w, "%s(%s)",
                       einc_helper(w->h, "%swrap%s%d", v, x->lo ? "i" : "u",
                                   bits),
                       einc_as(w, a, wide));
        return einc_converted(w, text, wide, f);
    }
    if (is_float(own.type) && !is_float(f.type)) {
        struct form whole = {x->type == VALUE_I32 ? VALUE_I32 : VALUE_I64,
                             f.wide};
        text = PRINTED(w, "%s(%s)",
                       einc_helper(w->h, "%swhole%d_%s", v,
                                   whole.type == VALUE_I32 ? 32 : 64,
                                   einc_form_suffix(own.type)), text);
        return einc_converted(w, text, whole, f);
    }
    return einc_converted(w, text, own, f);
}

static int is_positive(const struct writer *w, int v);

/* Whether `cond`, where it holds, says so: it is v - b >= 0, b not negative. */
static int
is_held_positive(const struct writer *w, int cond, int v)
{
    const struct value *c = value_of(w, cond);
    if (c->op != VALUE_FN || c->fn != FN_GE)
        return 0;
    const struct value *x = value_of(w, c->args[0]);
    return x->op == VALUE_FN && x->fn == FN_SUB && x->args[0] == v &&
           is_positive(w, x->args[1]) && is_positive(w, c->args[1]);
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
    if (x->op == VALUE_LOAD)
        return w->m->p->tensors[x->tensor].positive;
    if (x->op == VALUE_CHOICE)
        return is_positive(w, x->args[2]) &&
               (is_positive(w, x->args[1]) ||
                is_held_positive(w, x->args[0], x->args[1]));
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
    case FN_SUB: /* a term and the largest of all */
        if (value_of(w, b)->op == VALUE_PART && !value_of(w, b)->integer)
            return 1;
        return is_negative(w, a) && is_positive(w, b);
    default: return 0;
    }
}

/* Whether a float is no element or number, but a result of arithmetic. */
static int
is_rounded(const struct writer *w, int v)
{
    const struct value *x = value_of(w, v);
    if (x->op == VALUE_REDUCE)
        return 1;
    if (x->op == VALUE_CHOICE)
        return is_rounded(w, x->args[1]) && is_rounded(w, x->args[2]);
    if (x->op != VALUE_FN)
        return 0;
    switch (x->fn) {
    case FN_NEG: case FN_ABS: return is_rounded(w, x->args[0]);
    case FN_ADD: case FN_SUB: case FN_MUL: case FN_DIV: case FN_SQRT:
        return 1;
    default: return 0;
    }
}

static const char *
fn_name(const struct writer *w, const struct value *x)
{
    if (x->fn == FN_EXP && is_negative(w, x->args[0]) &&
        (!w->h->cuda || is_rounded(w, x->args[0])))
        return "expn";
    return einc_fn_info(x->fn)->name;
}

static const char *
fn_text(const struct writer *w, int v)
{
    const struct value *x = value_of(w, v);
    struct form f = einc_form_of(w, v), g = meeting_form(w, x, f.wide);
    struct form truth = {VALUE_BOOL, f.wide};
    const char *wide = f.wide ? "v_" : "";
    if (x->fn == FN_CAST)
        return cast_text(w, x, f);
    if (x->fn == FN_SELECT)
        return einc_select_text(w, f, einc_as(w, x->args[0], truth),
                                einc_as(w, x->args[1], f),
                                einc_as(w, x->args[2], f));
    if (x->fn >= FN_LT && x->fn <= FN_NE)
        return einc_comparison(w, x->fn, g, einc_as(w, x->args[0], g),
                               einc_as(w, x->args[1], g));
    if (x->fn == FN_NOT)
        return PRINTED(w, f.wide ? "(~%s)" : "(!%s)",
                       einc_as(w, x->args[0], truth));
    if (x->fn == FN_AND || x->fn == FN_OR)
        return PRINTED(w, "(%s %s %s)", einc_as(w, x->args[0], truth),
                       x->fn == FN_AND ? "&" : "|",
                       einc_as(w, x->args[1], truth));
    if (g.type == VALUE_I32 && f.type == VALUE_I64)
        g = f;
    const char *a = einc_as(w, x->args[0], g);
    const char *b = x->n_args > 1 ? einc_as(w, x->args[1], g) : NULL;
    int exact = x->type == VALUE_I64 && (x->least != INT64_MIN ||
                                         x->most != INT64_MAX);
    const char *text =
        x->fn == FN_NEG && (is_float(g.type) || exact) ? PRINTED(w, "(-%s)", a)
        : x->fn == FN_NEG
            ? einc_arithmetic(w, FN_SUB, g,
                              einc_converted(w, "0", (struct form){g.type, 0},
                                             g),
                              a, 0)
        : x->fn == FN_ABS && b ? PRINTED(w, "%s(%s, %s)",
                                         einc_helper(w->h, "%shypot_%s", wide,
                                                     einc_form_suffix(g.type)),
                                         a, b)
        : x->n_args == 2
            ? einc_arithmetic(w, x->fn, g, a, b, exact)
            : PRINTED(w, "%s(%s)",
                      einc_helper(w->h, "%s%s_%s", wide, fn_name(w, x),
                                  einc_form_suffix(g.type)),
                      a);
    return einc_converted(w, text, g, f);
}

/* --- values ------------------------------------------------------------- */

/* Where the legal positions of a check end. */
static const char *
check_end(const struct writer *w, const struct value *x)
{
    if (!x->dim)
        return einc_integer_text(w, x->hi);
    int64_t pad = x->hi - w->m->p->tensors[x->tensor].shape[x->dim - 1];
    const char *n = einc_shape_text(w, x->tensor, x->dim - 1);
    return pad ? PRINTED(w, "%s + %s", n, einc_integer_text(w, pad)) : n;
}

/* The end of the range whose bound v is. */
static const char *
range_end(const struct writer *w, int v)
{
    const struct values *s = &w->m->values;
    for (int q = 0; q < s->n_vars; q++)
        if (s->var[q].from == v || s->var[q].to == v)
            return einc_to_text(w, q);
    return einc_integer_text(w, value_of(w, v)->hi);
}

static const char *
check_text(const struct writer *w, const struct value *x, int wide)
{
    struct form own = einc_form_of(w, x->args[0]);
    const char *mask = einc_active_mask(w);
    own.wide = wide;
    if (!wide)
        return PRINTED(w, "%s(args, %d, %s, %s, %s)",
                       einc_helper(w->h, "check"), x->site,
                       einc_as(w, x->args[0], own),
                       einc_integer_text(w, x->lo), check_end(w, x));
    const char *text =
        PRINTED(w, "%s(args, %d, %s, %s, %s, %s)",
                einc_helper(w->h, "v_check_%s", einc_form_suffix(own.type)),
                x->site, einc_as(w, x->args[0], own),
                mask ? mask
                     : PRINTED(w, "%s(-1)", einc_helper(w->h, "set_i32")),
                einc_integer_text(w, x->lo), check_end(w, x));
    struct form f = {einc_value_narrow(x) ? VALUE_I32 : VALUE_I64, 1};
    return einc_converted(w, text, own, f);
}

/* What the loop of a logsumexp leaves: see finish_lse() of print_reduce.c. */
static const char *
part_text(const struct writer *w, const struct value *x)
{
    int lse = x->args[0], carry = einc_levels_find(w->m, w->block, lse)->carry;
    int lanes = einc_levels_reduces_lane(w->m, lse);
    assert(carry >= 0 && "a logsumexp that is used stands beside its loop");
    return PRINTED(w, "%s%d", x->integer ? lanes ? "all" : "rest"
                                         : lanes ? "top" : "acc", carry);
}

/* The text of a value that has a variable. */
const char *
einc_value_text(const struct writer *w, int v, int name)
{
    const struct value *x = value_of(w, v);
    struct form f = einc_form_of(w, v), i64 = {VALUE_I64, f.wide}, scalar;
    const char *wide = f.wide ? "v_" : "", *text;
    switch (x->op) {
    case VALUE_LOAD: return einc_load_text(w, v, name);
    case VALUE_FN: return fn_text(w, v);
    case VALUE_CHECK: return check_text(w, x, f.wide);
    case VALUE_WRAP: case VALUE_REFLECT:
        text = PRINTED(
            w, "%s(%s, %s)",
            einc_helper(w->h, x->op == VALUE_WRAP ? "%swrapped" : "%sreflect",
                        wide),
            einc_as(w, x->args[0], i64),
            x->dim ? einc_shape_text(w, x->tensor, x->dim - 1)
                   : einc_integer_text(w, x->integer));
        return einc_converted(w, text, i64, f);
    case VALUE_BOUND:
        scalar = (struct form){VALUE_I64, 0};
        return PRINTED(w, "%s(args, %d, %s, %s, %s, %s, %lld)",
                       einc_helper(w->h, "bound"), x->site,
                       einc_as(w, x->args[0], scalar),
                       einc_as(w, x->args[1], scalar),
                       einc_integer_text(w, x->lo), range_end(w, v),
                       (long long)x->integer);
    case VALUE_PART: return part_text(w, x);
    case VALUE_PICK: {
        const struct placed *p =
            einc_levels_find(w->m, w->block, x->args[0]);
        scalar = (struct form){VALUE_I64, 0};
        text =
            PRINTED(w, "sum%d[%s]", p->carry, einc_as(w, x->args[1], scalar));
        return einc_converted(w, text,
                              redop_is_position(
                                  value_of(w, x->args[0])->reduce->redop)
                                  ? einc_position_form(w, x->args[0])
                                  : einc_kept_form(w, x->args[0]),
                              f);
    }
    default:
        assert(0 && "a value that has no text");
        return "0";
    }
}

/* SPDX-License-Identifier: MIT
 *
 * print_reduce.c - the reductions of an index statement in C: accumulators,
 * what a step adds to them, and the result.
 */
#include <math.h>

#include "codegen/print_writer.h"

/* --- accumulators ------------------------------------------------------- */

/* The form of what is kept: of arg reductions the terms, not positions. */
struct form
einc_kept_form(const struct writer *w, int v)
{
    const struct value *x = value_of(w, v);
    struct form f = {value_of(w, x->reduce->part[0].x)->type,
                     einc_levels_is_wide(w->m, v)};
    if (f.wide && f.type == VALUE_I64 &&
        einc_value_narrow(redop_is_position(x->reduce->redop)
                              ? value_of(w, x->reduce->part[0].x)
                              : x))
        f.type = VALUE_I32;
    return f;
}

struct form
einc_position_form(const struct writer *w, int v)
{
    const struct value *x = value_of(w, v);
    int wide = einc_levels_is_wide(w->m, v);
    return (struct form){wide && x->reduce->points <= INT32_MAX ? VALUE_I32
                                                               : VALUE_I64,
                         wide};
}

const char *
einc_identity(const struct writer *w, int v)
{
    const struct value *x = value_of(w, v);
    int op = x->reduce->redop;
    struct form f = einc_kept_form(w, v), scalar = {f.type, 0};
    const char *text;
    if (op == REDOP_SUM || op == REDOP_COUNT || op == REDOP_ANY ||
        op == REDOP_WEIGHTED)
        text = "0";
    else if (op == REDOP_PROD || op == REDOP_ALL || op == REDOP_COMPLEX)
        text = "1";
    else if (is_float(f.type))
        text =
            einc_float_text(w, redop_is_least(op) ? (double)INFINITY
                                                  : -(double)INFINITY,
                            f.type);
    else
        text = einc_integer_text(w, redop_is_least(op) ? x->reduce->high
                                                 : x->reduce->low);
    return einc_converted(w, text, scalar, f);
}

static const char *
payload_index(const struct writer *w, int v)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct table t = {.n_dims = 0};
    for (int q = 0; q < w->m->values.n_vars; q++)
        if (r->payload >> q & 1)
            t.dims[t.n_dims++] = q;
    return einc_element_index(w, &t);
}

static const char *
payload_size(const struct writer *w, int v)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    const char *n = "1";
    for (int q = 0; q < w->m->values.n_vars; q++)
        if (r->payload >> q & 1)
            n = einc_times(w, n, einc_count_text(w, q));
    return n;
}

/* --- what is declared --------------------------------------------------- */

/* What rounding adds to the sum, of which the next term is free (Kahan 1965;
 * Higham, Accuracy and Stability, section 4.3). No compiler may leave it out
 * without -ffast-math; that it fuses a product in the term with the first
 * subtraction takes a rounding away. */
static void
declare_lost(const struct writer *w, int c)
{
    int v = w->m->carries[c].value;
    struct form f = einc_kept_form(w, v);
    const char *type = einc_form_name(f), *none = einc_identity(w, v);
    if (!value_of(w, v)->reduce->payload) {
        einc_line(w->t, "%s lost%d = %s;", type, c, none);
        return;
    }
    einc_line(w->t, "%s *const lost%d = (%s *)(void *)(args->scratch + "
                    "%s);", type, c, type,
              einc_scratch_text(w, SIZE_LOST, c, w->m->carries[c].lost));
    einc_line(w->t, "for (int64_t slot = 0; slot < %s; slot++)",
              payload_size(w, v));
    einc_line(w->t, "    lost%d[slot] = %s;", c, none);
}

void
einc_declare_carry(const struct writer *w, int c)
{
    int v = w->m->carries[c].value;
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct form f = einc_kept_form(w, v), p = einc_position_form(w, v);
    const char *type = einc_form_name(f), *none = einc_identity(w, v);
    if (is_long(r)) {
        einc_list_declare(w, c);
        return;
    }
    if (r->payload) {
        einc_line(w->t, "%s *const acc%d = (%s *)(void *)(args->scratch + "
                        "%s);", type, c, type,
                  einc_scratch_text(w, SIZE_PAYLOAD, c,
                                    w->m->carries[c].offset));
        einc_line(w->t, "for (int64_t slot = 0; slot < %s; slot++)",
                  payload_size(w, v));
        einc_line(w->t, "    acc%d[slot] = %s;", c, none);
    } else if (redop_is_best(r->redop)) {
        einc_line(w->t, "%s acc%d[%d];", type, c, r->best);
        einc_line(w->t, "for (int slot = 0; slot < %d; slot++)", r->best);
        einc_line(w->t, "    acc%d[slot] = %s;", c, none);
    } else {
        einc_line(w->t, "%s acc%d = %s;", type, c, none);
    }
    if (r->kept)
        declare_lost(w, c);
    const char *nowhere = einc_converted(w, "-1", (struct form){p.type, 0}, p);
    if (r->redop == REDOP_ARGKMAX || r->redop == REDOP_ARGKMIN) {
        einc_line(w->t, "%s pos%d[%d];", einc_form_name(p), c, r->best);
        einc_line(w->t, "for (int slot = 0; slot < %d; slot++)", r->best);
        einc_line(w->t, "    pos%d[slot] = %s;", c, nowhere);
    } else if (redop_is_position(r->redop)) {
        einc_line(w->t, "%s pos%d = %s;", einc_form_name(p), c, nowhere);
    }
    if (r->redop == REDOP_COMPLEX)
        einc_line(w->t, "%s pos%d = %s;", type, c,
                  einc_converted(w, "0", (struct form){f.type, 0}, f));
    if (r->redop == REDOP_LOGSUMEXP) {
        einc_line(w->t, "%s rest%d = %s;", type, c,
                  einc_converted(w, "0", (struct form){f.type, 0}, f));
    }
}

/* --- steps -------------------------------------------------------------- */

/* name = value where the mask is. */
static void
assign(const struct writer *w, struct form f, const char *name,
       const char *value, const char *mask)
{
    if (mask && f.wide)
        value = einc_select_text(w, f, mask, value, name);
    einc_line(w->t, "%s = %s;", name, value);
}

static void
step_position(const struct writer *w, int v, int c, const char *x,
              const char *at, const char *mask)
{
    struct form f = einc_kept_form(w, v), p = einc_position_form(w, v);
    struct form truth = {VALUE_BOOL, f.wide};
    struct text *t = w->t;
    const char *acc = PRINTED(w, "acc%d", c), *pos = PRINTED(w, "pos%d", c);
    einc_line(t, "{");
    t->indent += 4;
    einc_line(t, "const %s better = %s%s%s;", einc_form_name(truth),
              einc_is_better(w, v, x, acc, pos), mask && f.wide ? " & " : "",
              mask && f.wide ? mask : "");
    einc_line(t, "%s = %s;", acc, einc_select_text(w, f, "better", x, acc));
    einc_line(t, "%s = %s;", pos, einc_select_text(w, p, "better", at, pos));
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
    const char *low =
        einc_converted(w, einc_float_text(w, -__builtin_inf(), f.type), scalar,
                       f);
    return einc_select_text(w, f, einc_comparison(w, FN_EQ, f, m, low),
                            einc_converted(w, "0", scalar, f), m);
}

/* A new largest term scales what was summed; weights of the parts stay for
 * weighted sums: weight<carry>_<part>, scale<carry>. */
static void
step_lse(const struct writer *w, int v, int c, int n_parts)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct form f = einc_kept_form(w, v);
    struct text *t = w->t;
    const char *type = einc_form_name(f), *mask = einc_step_mask(w, v, c);
    const char *term[VALUE_MAX_PARTS], *most;
    most = PRINTED(w, "acc%d", c);
    for (int k = 0; k < n_parts; k++) {
        term[k] = einc_as(w, r->part[k].x, f);
        if (mask && f.wide)
            term[k] =
                einc_select_text(w, f, mask, term[k], einc_identity(w, v));
        most = einc_arithmetic(w, FN_MAXIMUM, f, most, term[k], 0);
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
    struct form f = einc_kept_form(w, v);
    int with = w->m->carries[c].with;
    const char *acc = r->payload
                          ? PRINTED(w, "acc%d[%s]", c, payload_index(w, v))
                          : PRINTED(w, "acc%d", c);
    const char *x = einc_as(w, r->part[part].x, f),
               *mask = einc_step_mask(w, v, c);
    if (mask && f.wide) /* what is left out may be NaN or infinite */
        x = einc_select_text(w, f, mask, x,
                             einc_converted(w, "0", (struct form){f.type, 0},
                                            f));
    if (part == 0)
        einc_line(w->t, "%s = %s*scale%d + weight%d_0*%s;", acc, acc, with,
                  with, x);
    else
        einc_line(w->t, "%s += weight%d_%d*%s;", acc, with, part, x);
}

/* acc += x, see declare_lost(). Nothing is lost where the sum is infinite or
 * NaN. */
static void
step_kept(const struct writer *w, int v, int c, const char *x,
          const char *mask)
{
    struct form f = einc_kept_form(w, v), scalar = {f.type, 0};
    struct text *t = w->t;
    const char *type = einc_form_name(f), *at = "";
    const char *zero = einc_converted(w, "0", scalar, f);
    if (value_of(w, v)->reduce->payload)
        at = PRINTED(w, "[%s]", payload_index(w, v));
    const char *acc = PRINTED(w, "acc%d%s", c, at);
    const char *lost = PRINTED(w, "lost%d%s", c, at);
    einc_line(t, "{");
    t->indent += 4;
    einc_line(t, "const %s term = %s - %s;", type, x, lost);
    einc_line(t, "const %s next = %s + term;", type, acc);
    const char *is_finite =
        einc_comparison(w, FN_EQ, f, "(next - next)", zero);
    assign(w, f, lost,
           einc_select_text(w, f, is_finite,
                            PRINTED(w, "((next - %s) - term)", acc), zero),
           mask);
    assign(w, f, acc, "next", mask);
    t->indent -= 4;
    einc_line(t, "}");
}

/* acc + i*pos times the term. */
static void
step_complex(const struct writer *w, int v, int c, int part)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct form f = einc_kept_form(w, v);
    const char *re = einc_as(w, r->part[part].x, f),
               *mask = einc_step_mask(w, v, c);
    const char *im = einc_as(w, r->part[part].position, f);
    einc_line(w->t, "const %s re%d_%d = acc%d*%s - pos%d*%s;",
              einc_form_name(f), c, part, c, re, c, im);
    assign(w, f, PRINTED(w, "pos%d", c),
           PRINTED(w, "(acc%d*%s + pos%d*%s)", c, im, c, re), mask);
    assign(w, f, PRINTED(w, "acc%d", c), PRINTED(w, "re%d_%d", c, part),
           mask);
}

void
einc_print_step(const struct writer *w, const struct item *i)
{
    int v = i->value, c = i->carry;
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct form f = einc_kept_form(w, v), p = einc_position_form(w, v);
    const char *acc = PRINTED(w, "acc%d", c), *x;
    const char *mask = einc_step_mask(w, v, c);
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
    x = einc_as(w, i->part < 0 ? r->together : r->part[i->part].x, f);
    if (redop_is_best(r->redop) || redop_is_position(r->redop)) {
        int at = r->part[i->part].position;
        const char *pos = at < 0 ? NULL : einc_as(w, at, p);
        if (redop_is_best(r->redop))
            einc_list_step(w, v, c, x, pos, mask);
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
    if (r->kept) {
        step_kept(w, v, c, x, mask);
        return;
    }
    int exact = f.type == VALUE_I32 && r->redop == REDOP_COUNT;
    assign(w, f, acc, einc_arithmetic(w, fn, f, acc, x, exact), mask);
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
    struct form f = einc_kept_form(w, v), scalar = {f.type, 0};
    struct text *t = w->t;
    const char *type = einc_form_name(scalar);
    const char *most = PRINTED(w, "acc%d", c), *rest = PRINTED(w, "rest%d", c);
    struct form out = f;
    if (einc_levels_reduces_lane(w->m, v)) {
        einc_line(t, "const %s top%d = %s;", type, c,
                  across(w, "max", f, most));
        einc_line(
            t, "const %s by%d = %s;", einc_form_name(f), c,
            call(w, "expn", f,
                 PRINTED(w, "acc%d - %s", c,
                         einc_converted(
                             w, finite_base(w, scalar, PRINTED(w, "top%d", c)),
                             scalar, f))));
        einc_line(t, "const %s all%d = %s;", type, c,
                  across(w, "sum", f, PRINTED(w, "rest%d*by%d", c, c)));
        most = PRINTED(w, "top%d", c);
        rest = PRINTED(w, "all%d", c);
        out = scalar;
    }
    const char *inf =
        einc_converted(w, einc_float_text(w, __builtin_inf(), f.type), scalar,
                       out);
    einc_line(t, "const %s sum%d = %s;", einc_form_name(out), c,
              einc_select_text(w, out,
                               einc_comparison(w, FN_LT, out,
                                               call(w, "abs", out, most), inf),
                               PRINTED(w, "%s + %s", most,
                                       call(w, "log", out, rest)),
                               most));
    einc_line(t, "(void)sum%d;", c);
}

/* A weighted sum of one element. */
static const char *
weighted_result(const struct writer *w, int c, int v, const char *acc)
{
    int with = w->m->carries[c].with;
    int lanes = einc_levels_reduces_lane(w->m, v);
    struct form f = einc_kept_form(w, v), out = {f.type, f.wide && !lanes};
    const char *rest = PRINTED(w, lanes ? "all%d" : "rest%d", with);
    const char *zero = einc_converted(w, "0", (struct form){f.type, 0}, out);
    const char *x = lanes ? across(w, "sum", f,
                                   PRINTED(w, "%s*by%d", acc, with))
                          : acc;
    x = PRINTED(w, "%s/%s", x, rest);
    return value_of(w, v)->reduce->zero
               ? einc_select_text(w, out,
                                  einc_comparison(w, FN_EQ, out, rest, zero),
                                  zero, x)
               : x;
}

static void
finish_weighted(const struct writer *w, int c, int v)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    int lanes = einc_levels_reduces_lane(w->m, v);
    struct form f = einc_kept_form(w, v), out = {f.type, f.wide && !lanes};
    struct text *t = w->t;
    if (!r->payload) {
        einc_line(t, "const %s sum%d = %s;", einc_form_name(out), c,
                  weighted_result(w, c, v, PRINTED(w, "acc%d", c)));
        return;
    }
    if (is_same(f, out)) {
        einc_line(t, "%s *const sum%d = acc%d;", einc_form_name(f), c, c);
        einc_line(t, "for (int64_t slot = 0; slot < %s; slot++)",
                  payload_size(w, v));
        einc_line(t, "    sum%d[slot] = %s;", c,
                  weighted_result(w, c, v, PRINTED(w, "acc%d[slot]", c)));
        return;
    }
    einc_line(t, "%s *const sum%d = (%s *)(void *)acc%d;",
              einc_form_name(out), c, einc_form_name(out), c);
    einc_line(t, "for (int64_t slot = 0; slot < %s; slot++)",
              payload_size(w, v));
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

/* acc<carry> of all lanes; `at`: "", or the element of a payload. */
static const char *
across_all(const struct writer *w, int c, int v, const char *at)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct form f = einc_kept_form(w, v);
    if (r->kept)
        return PRINTED(w, "%s(acc%d%s, lost%d%s)",
                       einc_helper(w->h, "across_kept_%s",
                                   einc_form_suffix(f.type)), c, at, c, at);
    return across(w, across_name(r->redop, f.type), f,
                  PRINTED(w, "acc%d%s", c, at));
}

/* The best of all lanes: of equals that of the least position. */
static void
finish_position(const struct writer *w, int c, int v)
{
    struct form f = einc_kept_form(w, v);
    struct form s = {f.type, 0};
    struct text *t = w->t;
    const struct value_reduce *r = value_of(w, v)->reduce;
    einc_line(t, "%s best%d = acc%d[0];", einc_form_name(s), c, c);
    einc_line(t, "int64_t sum%d = pos%d[0];", c, c);
    einc_line(t, "for (int lane = 1; lane < %d; lane++) {", w->m->lanes);
    t->indent += 4;
    einc_line(t, "const %s next = acc%d[lane];", einc_form_name(s), c);
    einc_line(t, "const int64_t at = pos%d[lane];", c);
    const char *op = redop_is_least(r->redop) ? "<" : ">";
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
void
einc_finish_carry(const struct writer *w, int c)
{
    int v = w->m->carries[c].value;
    const struct value_reduce *r = value_of(w, v)->reduce;
    int lanes = einc_levels_reduces_lane(w->m, v);
    struct form f = einc_kept_form(w, v), p = einc_position_form(w, v);
    struct form out = einc_form_of(w, v), scalar = {f.type, 0};
    struct text *t = w->t;
    if (r->redop == REDOP_LOGSUMEXP) {
        finish_lse(w, c, v);
    } else if (r->redop == REDOP_WEIGHTED) {
        finish_weighted(w, c, v);
    } else if (r->redop == REDOP_COMPLEX) {
        einc_line(t, "const %s sum%d = %s%d;", einc_form_name(f), c,
                  r->best ? "pos" : "acc", c);
    } else if (is_long(r)) {
        einc_list_finish(w, c, v);
    } else if (redop_is_best(r->redop)) {
        struct form e = redop_is_position(r->redop) ? p : f;
        einc_line(t, "const %s *const sum%d = %s%d;", einc_form_name(e), c,
                  redop_is_position(r->redop) ? "pos" : "acc", c);
    } else if (redop_is_position(r->redop) && lanes) {
        finish_position(w, c, v);
    } else if (redop_is_position(r->redop)) {
        einc_line(t, "const %s sum%d = %s;", einc_form_name(out), c,
                  einc_converted(w, PRINTED(w, "pos%d", c), p, out));
    } else if (r->payload && lanes) {
        einc_line(t, "%s *const sum%d = (%s *)(void *)acc%d;",
                  einc_form_name(scalar), c, einc_form_name(scalar), c);
        einc_line(t, "for (int64_t slot = 0; slot < %s; slot++)",
                  payload_size(w, v));
        einc_line(t, "    sum%d[slot] = %s;", c,
                  across_all(w, c, v, "[slot]"));
    } else if (r->payload) {
        einc_line(t, "%s *const sum%d = acc%d;", einc_form_name(f), c, c);
    } else if (lanes) {
        einc_line(t, "const %s sum%d = %s;", einc_form_name(out), c,
                  einc_converted(w, across_all(w, c, v, ""), scalar, out));
    } else {
        einc_line(t, "const %s sum%d = %s;", einc_form_name(out), c,
                  einc_converted(w, PRINTED(w, "acc%d", c), f, out));
    }
}

/* SPDX-License-Identifier: MIT
 *
 * value_access.c - elements of tensors as loads: where they lie, and what
 * stands outside.
 */
#include "codegen/value_make.h"

#include <assert.h>

int
einc_values_real(struct values *s, const struct node *n)
{
    return einc_values_of(s, n).re;
}

/* The affine part of a subscript, in vars. */
static struct affine
form_of(const struct values *s, const struct subscript *x)
{
    struct affine f = {.constant = x->constant};
    for (int k = 0; k < x->n_terms; k++) {
        const struct value_place *e = &s->env[x->terms[k].index];
        assert(is_bound(s, x->terms[k].index));
        f.constant += x->terms[k].coef * e->offset;
        if (e->var >= 0)
            f.coef[e->var] += x->terms[k].coef;
    }
    return f;
}

/* --- positions ---------------------------------------------------------- */

static int
clamp_to(struct values *s, int p, int64_t n)
{
    int lo = integer(s, VALUE_I64, 0), hi = integer(s, VALUE_I64, n - 1);
    if (s->v[p].least < 0)
        p = fn2(s, VALUE_I64, FN_MAXIMUM, p, lo);
    if (s->v[p].most >= n)
        p = fn2(s, VALUE_I64, FN_MINIMUM, p, hi);
    return p;
}

static int
with_extent(struct values *s, enum value_op op, int p, int64_t n)
{
    if (s->v[p].least >= 0 && s->v[p].most < n)
        return p;
    return einc_values_add(s, (struct value){.op = op,
                                             .type = VALUE_I64,
                                             .n_args = 1,
                                             .args = {p},
                                             .integer = n,
                                             .var = -1,
                                             .site = -1});
}

static int
check(struct values *s, const struct subscript *x, int p, int64_t lo,
      int64_t hi)
{
    if (s->v[p].least >= lo && s->v[p].most < hi)
        return p;
    return einc_values_add(s, (struct value){.op = VALUE_CHECK,
                                             .type = VALUE_I64,
                                             .n_args = 1,
                                             .args = {p},
                                             .lo = lo,
                                             .hi = hi,
                                             .var = -1,
                                             .site = x->site});
}

/* An element under way: its address, and whether it is inside. */
struct element {
    struct affine at;
    struct value_term extra[32];
    int n_extra, inside, stray; /* -1: always; none */
};

static void
require(struct values *s, struct element *e, int condition)
{
    e->inside = e->inside < 0
                    ? condition
                    : fn2(s, VALUE_BOOL, FN_AND, e->inside, condition);
}

/* Positions that are not legal as they stand; returns the legal one. */
static int
settle(struct values *s, const struct subscript *x, int p, int64_t n,
       struct element *e)
{
    int64_t lo = x->mode == BOUND_PAD ? -x->pad_lo : 0;
    int64_t hi = x->mode == BOUND_PAD ? n + x->pad_hi : n;
    int zero = integer(s, VALUE_I64, 0);
    if (x->checked) {
        p = check(s, x, p, lo, hi);
        if (s->v[p].op == VALUE_CHECK)
            e->stray = p;
    }
    switch (x->mode) {
    case BOUND_CLAMP: return clamp_to(s, p, n);
    case BOUND_WRAP: return with_extent(s, VALUE_WRAP, p, n);
    case BOUND_REFLECT: return with_extent(s, VALUE_REFLECT, p, n);
    case BOUND_CHECK: return p;
    case BOUND_PAD: break;
    }
    if (s->v[p].least < 0)
        require(s, e, fn2(s, VALUE_BOOL, FN_GE, p, zero));
    if (s->v[p].most >= n)
        require(s, e, fn2(s, VALUE_BOOL, FN_LT, p,
                          integer(s, VALUE_I64, n)));
    return clamp_to(s, p, n);
}

static void
add_position(struct values *s, struct element *e, int p, int64_t stride)
{
    struct affine f = {0};
    if (einc_affine_add(s, p, stride, &f)) {
        e->at.constant += f.constant;
        for (int v = 0; v < s->n_vars; v++)
            e->at.coef[v] += f.coef[v];
        return;
    }
    if (e->n_extra == (int)(sizeof e->extra / sizeof *e->extra)) {
        s->fails = 1;
        return;
    }
    e->extra[e->n_extra++] = (struct value_term){p, stride};
}

static struct element
element_of(struct values *s, const struct access *a)
{
    const struct tensor *t = &s->p->tensors[a->tensor];
    struct element e = {.inside = -1, .stray = -1};
    for (int d = 0; d < a->n_subs; d++) {
        const struct subscript *x = &a->subs[d];
        struct affine f = form_of(s, x);
        int p = einc_affine_value(s, &f, 0);
        if (x->rest) {
            int rest = einc_values_convert(s, einc_values_real(s, x->rest),
                                           VALUE_I64);
            p = f.constant || s->v[p].op != VALUE_NUMBER
                    ? fn2(s, VALUE_I64, FN_ADD, p, rest)
                    : rest;
        }
        if (x->mode != BOUND_CHECK || x->checked)
            p = settle(s, x, p, t->shape[d], &e);
        add_position(s, &e, p, t->stride[d]);
    }
    return e;
}

/* --- loads -------------------------------------------------------------- */

static int
load(struct values *s, const struct access *a, const struct element *e,
     int plane)
{
    const struct tensor *t = &s->p->tensors[a->tensor];
    int planes = einc_value_is_complex(t->dtype) ? 2 : 1;
    struct value v = {.op = VALUE_LOAD, .type = einc_value_type(t->dtype),
                      .tensor = a->tensor, .var = -1, .site = -1,
                      .constant = planes * e->at.constant + plane};
    struct value_term *terms = NEW(s->perm, struct value_term, s->n_vars);
    struct value_term *extra =
        NEW(s->perm, struct value_term, e->n_extra);
    for (int k = 0; k < s->n_vars; k++)
        if (e->at.coef[k])
            terms[v.n_terms++] =
                (struct value_term){k, planes * e->at.coef[k]};
    for (int k = 0; k < e->n_extra; k++)
        extra[v.n_extra++] =
            (struct value_term){e->extra[k].var, planes * e->extra[k].coef};
    v.terms = terms;
    v.extra = extra;
    return einc_values_add(s, v);
}

static int
is_empty(const struct tensor *t)
{
    for (int d = 0; d < t->n_dims; d++)
        if (t->shape[d] == 0)
            return 1;
    return 0;
}

int
einc_values_element(struct values *s, const struct access *a, int plane)
{
    struct element e = element_of(s, a);
    return load(s, a, &e, plane);
}

struct value_pair
einc_values_access(struct values *s, const struct access *a)
{
    const struct tensor *t = &s->p->tensors[a->tensor];
    enum value_type type = einc_value_type(t->dtype);
    int complex = einc_value_is_complex(t->dtype);
    struct element e = element_of(s, a);
    struct value_pair fill = {number(s, type, 0), -1}, x;
    if (a->fill)
        fill = einc_values_of(s, a->fill);
    if (complex && fill.im < 0)
        fill.im = number(s, type, 0);
    if (is_empty(t)) { /* there is nothing to load: what is said of it */
        if (e.stray >= 0)
            fill.re = choose(s, fn2(s, VALUE_BOOL, FN_EQ, e.stray,
                                    integer(s, VALUE_I64, 0)),
                             fill.re, fill.re);
        return fill;
    }
    x = (struct value_pair){load(s, a, &e, 0),
                            complex ? load(s, a, &e, 1) : -1};
    if (e.inside < 0)
        return x;
    return (struct value_pair){
        choose(s, e.inside, x.re, fill.re),
        complex ? choose(s, e.inside, x.im, fill.im) : -1};
}

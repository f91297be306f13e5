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

/* One dim of a tensor. */
struct place {
    int tensor, dim; /* dim from 1; 0: n is a literal */
    int64_t n;
    int64_t sure;    /* it is no less: n, but for program.open */
};

static int
extent(struct values *s, const struct place *at)
{
    if (!at->dim)
        return integer(s, VALUE_I64, at->n);
    return einc_values_add(s, (struct value){.op = VALUE_SIZE,
                                             .type = VALUE_I64,
                                             .integer = at->n,
                                             .tensor = at->tensor,
                                             .dim = at->dim,
                                             .var = -1,
                                             .site = -1});
}

static int
clamp_to(struct values *s, int p, const struct place *at)
{
    int one = integer(s, VALUE_I64, 1);
    if (s->v[p].least < 0)
        p = fn2(s, VALUE_I64, FN_MAXIMUM, p, integer(s, VALUE_I64, 0));
    if (s->v[p].most >= at->sure)
        p = fn2(s, VALUE_I64, FN_MINIMUM, p,
                fn2(s, VALUE_I64, FN_SUB, extent(s, at), one));
    return p;
}

/* p that is at most one turn around outside: n more, or less. */
static int
wrap_once(struct values *s, int p, const struct place *at)
{
    int n = extent(s, at);
    int64_t most = s->v[p].most;
    if (s->v[p].least < 0)
        p = choose(s, fn2(s, VALUE_BOOL, FN_LT, p, integer(s, VALUE_I64, 0)),
                   fn2(s, VALUE_I64, FN_ADD, p, n), p);
    if (most >= at->sure)
        p = choose(s, fn2(s, VALUE_BOOL, FN_GE, p, n),
                   fn2(s, VALUE_I64, FN_SUB, p, n), p);
    return p;
}

/* Likewise, mirrored once. */
static int
reflect_once(struct values *s, int p, const struct place *at)
{
    int last = fn2(s, VALUE_I64, FN_SUB, extent(s, at),
                   integer(s, VALUE_I64, 1));
    int64_t most = s->v[p].most;
    if (s->v[p].least < 0)
        p = choose(s, fn2(s, VALUE_BOOL, FN_LT, p, integer(s, VALUE_I64, 0)),
                   fn1(s, VALUE_I64, FN_NEG, p), p);
    if (most >= at->sure)
        p = choose(s, fn2(s, VALUE_BOOL, FN_GT, p, last),
                   fn2(s, VALUE_I64, FN_SUB,
                       fn2(s, VALUE_I64, FN_ADD, last, last), p), p);
    return p;
}

static int
with_extent(struct values *s, enum value_op op, int p, const struct place *at)
{
    int64_t least = s->v[p].least, most = s->v[p].most, n = at->sure;
    if (least >= 0 && most < n)
        return p;
    /* a division takes as long as all the rest */
    if (op == VALUE_WRAP && least >= -n && most - n < n)
        return wrap_once(s, p, at);
    if (op == VALUE_REFLECT && n > 1 && least > -n && most - n < n - 1)
        return reflect_once(s, p, at);
    return einc_values_add(s, (struct value){.op = op,
                                             .type = VALUE_I64,
                                             .n_args = 1,
                                             .args = {p},
                                             .integer = at->n,
                                             .tensor = at->tensor,
                                             .dim = at->dim,
                                             .var = -1,
                                             .site = -1});
}

static int
check(struct values *s, const struct subscript *x, int p, int64_t lo,
      int64_t hi, const struct place *at)
{
    if (s->v[p].least >= lo && s->v[p].most < hi - at->n + at->sure)
        return p;
    return einc_values_add(s, (struct value){.op = VALUE_CHECK,
                                             .type = VALUE_I64,
                                             .n_args = 1,
                                             .args = {p},
                                             .lo = lo,
                                             .hi = hi,
                                             .tensor = at->tensor,
                                             .dim = at->dim,
                                             .var = -1,
                                             .site = x->site});
}

/* An element under way: its address, and whether it is inside. */
struct element {
    struct affine at;             /* of strides that are literals */
    struct value_term terms[128]; /* of others */
    struct value_term extra[32];
    int n_terms, n_extra;
    int inside, stray;            /* -1: always; none */
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
settle(struct values *s, const struct subscript *x, int p,
       const struct place *at, struct element *e)
{
    int64_t lo = x->mode == BOUND_PAD ? -x->pad_lo : 0;
    int64_t hi = x->mode == BOUND_PAD ? at->n + x->pad_hi : at->n;
    int zero = integer(s, VALUE_I64, 0);
    if (x->checked) {
        p = check(s, x, p, lo, hi, at);
        if (s->v[p].op == VALUE_CHECK)
            e->stray = p;
    }
    switch (x->mode) {
    case BOUND_CLAMP: return clamp_to(s, p, at);
    case BOUND_WRAP: return with_extent(s, VALUE_WRAP, p, at);
    case BOUND_REFLECT: return with_extent(s, VALUE_REFLECT, p, at);
    case BOUND_CHECK: return p;
    case BOUND_PAD: break;
    }
    if (s->v[p].least < 0)
        require(s, e, fn2(s, VALUE_BOOL, FN_GE, p, zero));
    if (s->v[p].most >= at->sure)
        require(s, e, fn2(s, VALUE_BOOL, FN_LT, p, extent(s, at)));
    return clamp_to(s, p, at);
}

static void
add_term(struct values *s, struct element *e, int var, int64_t coef, int dim)
{
    if (e->n_terms == (int)(sizeof e->terms / sizeof *e->terms))
        s->fails = 1;
    else if (coef)
        e->terms[e->n_terms++] = (struct value_term){var, coef, dim};
}

/* Position p in a dim: `dim` from 1 if its stride is an argument, else 0. */
static void
add_position(struct values *s, struct element *e, int p, int64_t stride,
             int dim)
{
    struct affine f = {0};
    if (!einc_affine_add(s, p, dim ? 1 : stride, &f)) {
        if (e->n_extra == (int)(sizeof e->extra / sizeof *e->extra))
            s->fails = 1;
        else
            e->extra[e->n_extra++] =
                (struct value_term){p, dim ? 1 : stride, dim};
        return;
    }
    if (!dim)
        e->at.constant += f.constant;
    else
        add_term(s, e, -1, f.constant, dim);
    for (int v = 0; v < s->n_vars; v++)
        if (!dim)
            e->at.coef[v] += f.coef[v];
        else
            add_term(s, e, v, f.coef[v], dim);
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
        const struct literals *l = s->literals;
        struct place at = {a->tensor, l->shape[a->tensor][d] ? 0 : d + 1,
                           t->shape[d], t->shape[d]};
        if (open_find(&s->p->open, t->shape[d]) >= 0)
            at.sure = 0;
        if (x->mode != BOUND_CHECK || x->checked)
            p = settle(s, x, p, &at, &e);
        add_position(s, &e, p, t->stride[d],
                     l->stride[a->tensor][d] ? 0 : d + 1);
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
    struct value_term *terms =
        NEW(s->perm, struct value_term, s->n_vars + e->n_terms);
    struct value_term *extra =
        NEW(s->perm, struct value_term, e->n_extra);
    for (int k = 0; k < s->n_vars; k++)
        if (e->at.coef[k])
            terms[v.n_terms++] =
                (struct value_term){k, planes * e->at.coef[k], 0};
    for (int k = 0; k < e->n_terms; k++)
        terms[v.n_terms++] = e->terms[k];
    for (int k = 0; k < e->n_extra; k++) {
        extra[v.n_extra] = e->extra[k];
        extra[v.n_extra++].coef *= e->extra[k].dim ? 1 : planes;
    }
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

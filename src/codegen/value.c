/* SPDX-License-Identifier: MIT
 *
 * value.c - see value.h: making values, and what is known of them at once.
 */
#include "codegen/value.h"

#include <assert.h>
#include <string.h>

#include "codegen/value_fold.h"

/* --- the table ---------------------------------------------------------- */

static uint64_t
mix(uint64_t h, uint64_t x)
{
    h = (h ^ x) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

static uint64_t
bits_of(double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static uint64_t
hash_terms(uint64_t h, const struct value_term *t, int n)
{
    for (int k = 0; k < n; k++)
        h = mix(mix(h, (uint64_t)t[k].var), (uint64_t)t[k].coef);
    return h;
}

static uint64_t
hash_reduce(uint64_t h, const struct value_reduce *r)
{
    h = mix(mix(h, (uint64_t)r->redop), (uint64_t)r->with);
    for (int k = 0; k < r->n_vars; k++)
        h = mix(h, (uint64_t)r->vars[k]);
    for (int k = 0; k < r->n_parts; k++)
        h = mix(mix(h, (uint64_t)r->part[k].x), (uint64_t)r->part[k].guard);
    return h;
}

static uint64_t
hash_value(const struct value *v)
{
    uint64_t h = mix((uint64_t)v->op << 16 | (uint64_t)v->type << 8,
                     (uint64_t)v->fn);
    for (int k = 0; k < v->n_args; k++)
        h = mix(h, (uint64_t)v->args[k]);
    h = mix(mix(h, bits_of(v->number)), (uint64_t)v->integer);
    h = mix(mix(h, (uint64_t)v->var), (uint64_t)v->tensor);
    h = mix(mix(h, (uint64_t)v->constant), (uint64_t)v->site);
    h = mix(mix(h, (uint64_t)v->lo), (uint64_t)v->hi);
    h = hash_terms(h, v->terms, v->n_terms);
    h = hash_terms(h, v->extra, v->n_extra);
    return v->reduce ? hash_reduce(h, v->reduce) : h;
}

static int
equal_terms(const struct value_term *a, const struct value_term *b, int n)
{
    for (int k = 0; k < n; k++)
        if (a[k].var != b[k].var || a[k].coef != b[k].coef)
            return 0;
    return 1;
}

static int
equal_reduces(const struct value_reduce *a, const struct value_reduce *b)
{
    if (!a || !b)
        return a == b;
    if (a->redop != b->redop || a->n_vars != b->n_vars ||
        a->n_parts != b->n_parts || a->best != b->best ||
        a->together != b->together || a->zero != b->zero ||
        a->with != b->with || a->guarded != b->guarded ||
        a->payload != b->payload || a->low != b->low ||
        a->high != b->high || a->points != b->points)
        return 0;
    for (int k = 0; k < a->n_vars; k++) {
        if (a->vars[k] != b->vars[k] || a->n_from[k] != b->n_from[k] ||
            a->n_to[k] != b->n_to[k])
            return 0;
        for (int j = 0; j < a->n_from[k]; j++)
            if (a->from[k][j] != b->from[k][j])
                return 0;
        for (int j = 0; j < a->n_to[k]; j++)
            if (a->to[k][j] != b->to[k][j])
                return 0;
    }
    for (int k = 0; k < a->n_parts; k++)
        if (a->part[k].x != b->part[k].x ||
            a->part[k].guard != b->part[k].guard ||
            a->part[k].position != b->part[k].position)
            return 0;
    return 1;
}

static int
equal_values(const struct value *a, const struct value *b)
{
    if (a->op != b->op || a->type != b->type || a->fn != b->fn ||
        a->n_args != b->n_args || bits_of(a->number) != bits_of(b->number) ||
        a->integer != b->integer || a->var != b->var ||
        a->tensor != b->tensor || a->constant != b->constant ||
        a->n_terms != b->n_terms || a->n_extra != b->n_extra ||
        a->site != b->site || a->lo != b->lo || a->hi != b->hi)
        return 0;
    for (int k = 0; k < a->n_args; k++)
        if (a->args[k] != b->args[k])
            return 0;
    return equal_terms(a->terms, b->terms, a->n_terms) &&
           equal_terms(a->extra, b->extra, a->n_extra) &&
           equal_reduces(a->reduce, b->reduce);
}

static void
grow(struct values *s)
{
    int cap = s->cap ? 2 * s->cap : 128, n_table = 2 * cap;
    struct value *v = NEW(s->perm, struct value, cap);
    int *table = NEW(s->perm, int, n_table);
    for (int j = 0; j < n_table; j++)
        table[j] = -1;
    for (int j = 0; j < s->n; j++) {
        v[j] = s->v[j];
        int *slot = &table[hash_value(&v[j]) & (uint64_t)(n_table - 1)];
        v[j].next = *slot;
        *slot = j;
    }
    s->v = v;
    s->cap = cap;
    s->table = table;
    s->n_table = n_table;
}

/* What it depends on and the like, from its arguments. */
static void
note_arg(const struct values *s, struct value *v, int arg)
{
    if (arg < 0)
        return;
    const struct value *a = &s->v[arg];
    v->deps |= a->deps;
    v->pinned |= a->pinned;
    v->heavy |= a->heavy;
}

static void
note_reduce(const struct values *s, struct value *v)
{
    const struct value_reduce *r = v->reduce;
    uint64_t own = 0;
    for (int k = 0; k < r->n_parts; k++) {
        note_arg(s, v, r->part[k].x);
        note_arg(s, v, r->part[k].guard);
        note_arg(s, v, r->part[k].position);
    }
    note_arg(s, v, r->with);
    note_arg(s, v, r->together);
    for (int k = 0; k < r->n_vars; k++) {
        own |= (uint64_t)1 << r->vars[k];
        note_arg(s, v, s->var[r->vars[k]].from);
        note_arg(s, v, s->var[r->vars[k]].to);
        for (int j = 0; j < r->n_from[k]; j++)
            note_arg(s, v, r->from[k][j]);
        for (int j = 0; j < r->n_to[k]; j++)
            note_arg(s, v, r->to[k][j]);
    }
    v->deps &= ~own;
    v->heavy = 1;
}

static void
note(const struct values *s, struct value *v)
{
    for (int k = 0; k < v->n_args; k++)
        note_arg(s, v, v->args[k]);
    for (int k = 0; k < v->n_terms; k++)
        v->deps |= (uint64_t)1 << v->terms[k].var;
    for (int k = 0; k < v->n_extra; k++)
        note_arg(s, v, v->extra[k].var);
    /* What is written changes with every turn, though data or strides may
     * lead to one place. */
    for (int k = 0; v->op == VALUE_LOAD && v->tensor == s->left &&
                    k < s->n_vars; k++)
        if (s->var[k].is_free)
            v->deps |= (uint64_t)1 << k;
    if (v->op == VALUE_VAR)
        v->deps |= v->lo ? VALUE_BASE : (uint64_t)1 << v->var;
    if (v->op == VALUE_CHECK || (v->op == VALUE_BOUND && v->site >= 0))
        v->pinned = 1;
    if (v->reduce)
        note_reduce(s, v);
    einc_value_range(s, v);
}

static int
add(struct values *s, struct value v)
{
    if (s->n == s->cap)
        grow(s);
    int *slot = &s->table[hash_value(&v) & (uint64_t)(s->n_table - 1)];
    for (int j = *slot; j >= 0; j = s->v[j].next)
        if (equal_values(&s->v[j], &v))
            return j;
    note(s, &v);
    v.next = *slot;
    *slot = s->n;
    s->v[s->n] = v;
    return s->n++;
}

/* --- plain values ------------------------------------------------------- */

enum value_type
einc_value_type(enum einc_dtype t)
{
    switch (einc_fn_compute(t)) {
    case EINC_BOOL: return VALUE_BOOL;
    case EINC_I32: return VALUE_I32;
    case EINC_I64: return VALUE_I64;
    case EINC_F32: case EINC_C64: return VALUE_F32;
    default: return VALUE_F64;
    }
}

int
einc_value_is_complex(enum einc_dtype t)
{
    return einc_dtype_info(t)->kind == KIND_COMPLEX;
}

int
einc_value_narrow(const struct value *v)
{
    return v->least >= INT32_MIN && v->most <= INT32_MAX;
}

static int
is_float(enum value_type t)
{
    return t == VALUE_F32 || t == VALUE_F64;
}

int
einc_values_number(struct values *s, enum value_type t, double x)
{
    return add(s, (struct value){.op = VALUE_NUMBER, .type = t, .number = x,
                                 .var = -1, .site = -1});
}

static int
integer(struct values *s, enum value_type t, int64_t x)
{
    return add(s, (struct value){.op = VALUE_NUMBER, .type = t, .integer = x,
                                 .var = -1, .site = -1});
}

static int
number(struct values *s, enum value_type t, int64_t x)
{
    return is_float(t) ? einc_values_number(s, t, (double)x)
                       : integer(s, t, x);
}

static int
variable(struct values *s, int var, int64_t offset)
{
    return add(s, (struct value){.op = VALUE_VAR, .type = VALUE_I64,
                                 .var = var, .integer = offset, .site = -1});
}

int
einc_values_fn(struct values *s, enum value_type t, enum fn fn, int n, int a,
               int b, int c)
{
    struct value v = {.op = VALUE_FN, .type = t, .fn = fn, .n_args = n,
                      .args = {a, b, c}, .var = -1, .site = -1};
    int known = einc_value_fold(s, &v);
    return known >= 0 ? known : add(s, v);
}

static int
fn1(struct values *s, enum value_type t, enum fn fn, int a)
{
    return einc_values_fn(s, t, fn, 1, a, 0, 0);
}

static int
fn2(struct values *s, enum value_type t, enum fn fn, int a, int b)
{
    return einc_values_fn(s, t, fn, 2, a, b, 0);
}

static int
choose(struct values *s, int c, int a, int b)
{
    return einc_values_fn(s, s->v[a].type, FN_SELECT, 3, c, a, b);
}

static int
truth(struct values *s, int a)
{
    enum value_type t = s->v[a].type;
    return t == VALUE_BOOL ? a
                           : fn2(s, VALUE_BOOL, FN_NE, a, number(s, t, 0));
}

static int
truth_of(struct values *s, struct value_pair x)
{
    int re = truth(s, x.re);
    return x.im < 0 ? re : fn2(s, VALUE_BOOL, FN_OR, re, truth(s, x.im));
}

/* To another type of value; storage types are in `to` below. */
static int
convert(struct values *s, int a, enum value_type t)
{
    if (s->v[a].type == t)
        return a;
    return t == VALUE_BOOL ? truth(s, a) : fn1(s, t, FN_CAST, a);
}

/* --- affine forms ------------------------------------------------------- */

/* constant + sum(coef * var). */
struct form {
    int64_t constant;
    int64_t coef[VALUE_MAX_VARS];
};

/* 0 if the value is none, or too large. */
static int
add_form(const struct values *s, int id, int64_t by, struct form *f)
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
    case FN_ADD: return add_form(s, a, by, f) && add_form(s, b, by, f);
    case FN_SUB:
        return by != INT64_MIN && add_form(s, a, by, f) &&
               add_form(s, b, -by, f);
    case FN_NEG: return by != INT64_MIN && add_form(s, a, -by, f);
    case FN_MUL:
        if (s->v[a].op != VALUE_NUMBER) {
            int swap = a;
            a = b;
            b = swap;
        }
        return s->v[a].op == VALUE_NUMBER &&
               !__builtin_mul_overflow(by, s->v[a].integer, &x) &&
               add_form(s, b, x, f);
    default: return 0;
    }
}

/* `base`: what depends on a free lane is that of its first value. */
static int
of_form(struct values *s, const struct form *f, int base)
{
    int sum = -1;
    for (int v = 0; v < s->n_vars; v++) {
        if (!f->coef[v])
            continue;
        int x = base && v == s->lane_var && s->var[v].is_free
                    ? add(s, (struct value){.op = VALUE_VAR, .lo = 1,
                                            .type = VALUE_I64, .var = v,
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

/* --- accesses ----------------------------------------------------------- */

static int
of_real(struct values *s, const struct node *n)
{
    return einc_values_of(s, n).re;
}

static int
is_bound(const struct values *s, int index)
{
    return s->env[index].var > -2;
}

/* The affine part of a subscript, in vars. */
static struct form
form_of(const struct values *s, const struct subscript *x)
{
    struct form f = {.constant = x->constant};
    for (int k = 0; k < x->n_terms; k++) {
        const struct value_place *e = &s->env[x->terms[k].index];
        assert(is_bound(s, x->terms[k].index));
        f.constant += x->terms[k].coef * e->offset;
        if (e->var >= 0)
            f.coef[e->var] += x->terms[k].coef;
    }
    return f;
}

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
    return add(s, (struct value){.op = op, .type = VALUE_I64, .n_args = 1,
                                 .args = {p}, .integer = n, .var = -1,
                                 .site = -1});
}

static int
check(struct values *s, const struct subscript *x, int p, int64_t lo,
      int64_t hi)
{
    if (s->v[p].least >= lo && s->v[p].most < hi)
        return p;
    return add(s, (struct value){.op = VALUE_CHECK, .type = VALUE_I64,
                                 .n_args = 1, .args = {p}, .lo = lo, .hi = hi,
                                 .var = -1, .site = x->site});
}

/* An element under way: its address, and whether it is inside. */
struct element {
    struct form at;
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
    struct form f = {0};
    if (add_form(s, p, stride, &f)) {
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
        struct form f = form_of(s, x);
        int p = of_form(s, &f, 0);
        if (x->rest) {
            int rest = convert(s, of_real(s, x->rest), VALUE_I64);
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
    return add(s, v);
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

static struct value_pair
of_access(struct values *s, const struct access *a)
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

/* --- functions ---------------------------------------------------------- */

static int
power(struct values *s, int x, int64_t n)
{
    enum value_type t = s->v[x].type;
    int v = -1;
    for (int64_t left = n; left; left >>= 1) {
        if (left & 1)
            v = v < 0 ? x : fn2(s, t, FN_MUL, v, x);
        if (left > 1)
            x = fn2(s, t, FN_MUL, x, x);
    }
    return v;
}

struct value_pair
einc_values_multiply(struct values *s, struct value_pair a,
                     struct value_pair b)
{
    enum value_type t = s->v[a.re].type;
    int rr = fn2(s, t, FN_MUL, a.re, b.re);
    if (a.im < 0)
        return (struct value_pair){rr, -1};
    int ii = fn2(s, t, FN_MUL, a.im, b.im);
    int ri = fn2(s, t, FN_MUL, a.re, b.im);
    int ir = fn2(s, t, FN_MUL, a.im, b.re);
    return (struct value_pair){fn2(s, t, FN_SUB, rr, ii),
                               fn2(s, t, FN_ADD, ri, ir)};
}

static struct value_pair
divide(struct values *s, struct value_pair a, struct value_pair b)
{
    enum value_type t = s->v[a.re].type;
    if (a.im < 0)
        return (struct value_pair){fn2(s, t, FN_DIV, a.re, b.re), -1};
    int d = fn2(s, t, FN_ADD, fn2(s, t, FN_MUL, b.re, b.re),
                fn2(s, t, FN_MUL, b.im, b.im));
    struct value_pair c = {b.re, fn1(s, t, FN_NEG, b.im)};
    struct value_pair x = einc_values_multiply(s, a, c);
    return (struct value_pair){fn2(s, t, FN_DIV, x.re, d),
                               fn2(s, t, FN_DIV, x.im, d)};
}

/* x^n. Negative powers of integers are 1/x^n, cut: of 1 and -1 only. */
static struct value_pair
integer_power(struct values *s, struct value_pair x, int64_t n)
{
    enum value_type t = s->v[x.re].type;
    int64_t count = n < 0 ? n == INT64_MIN ? INT64_MAX : -n : n;
    struct value_pair one = {number(s, t, 1), x.im < 0 ? -1
                                                       : number(s, t, 0)};
    if (n == 0)
        return one;
    if (n < 0 && !is_float(t)) {
        int unit = number(s, t, 1), zero = number(s, t, 0);
        int minus = number(s, t, -1);
        return (struct value_pair){
            choose(s, fn2(s, VALUE_BOOL, FN_EQ, x.re, unit), unit,
                   choose(s, fn2(s, VALUE_BOOL, FN_EQ, x.re, minus),
                          n % 2 ? minus : unit, zero)), -1};
    }
    struct value_pair v = x;
    if (x.im < 0) {
        v.re = power(s, x.re, count);
    } else {
        int begun = 0;
        for (int64_t left = count; left; left >>= 1) {
            if (left & 1)
                v = begun++ ? einc_values_multiply(s, v, x) : x;
            if (left > 1)
                x = einc_values_multiply(s, x, x);
        }
    }
    return n < 0 ? divide(s, one, v) : v;
}

/* Of complex numbers, part by part. */
static struct value_pair
of_complex(struct values *s, const struct node *n,
           const struct value_pair a[3])
{
    enum value_type t = s->v[a[0].re].type;
    switch (n->fn) {
    case FN_MUL: return einc_values_multiply(s, a[0], a[1]);
    case FN_DIV: return divide(s, a[0], a[1]);
    case FN_NEG:
        return (struct value_pair){fn1(s, t, FN_NEG, a[0].re),
                                   fn1(s, t, FN_NEG, a[0].im)};
    case FN_CONJ:
        return (struct value_pair){a[0].re, fn1(s, t, FN_NEG, a[0].im)};
    case FN_REAL: return (struct value_pair){a[0].re, -1};
    case FN_IMAG: return (struct value_pair){a[0].im, -1};
    case FN_ABS: /* the one function of two reals that stands for it */
        return (struct value_pair){
            einc_values_fn(s, t, FN_ABS, 2, a[0].re, a[0].im, 0), -1};
    case FN_EQ:
        return (struct value_pair){
            fn2(s, VALUE_BOOL, FN_AND,
                fn2(s, VALUE_BOOL, FN_EQ, a[0].re, a[1].re),
                fn2(s, VALUE_BOOL, FN_EQ, a[0].im, a[1].im)), -1};
    case FN_NE:
        return (struct value_pair){
            fn2(s, VALUE_BOOL, FN_OR,
                fn2(s, VALUE_BOOL, FN_NE, a[0].re, a[1].re),
                fn2(s, VALUE_BOOL, FN_NE, a[0].im, a[1].im)), -1};
    default: /* + - */
        return (struct value_pair){fn2(s, t, n->fn, a[0].re, a[1].re),
                                   fn2(s, t, n->fn, a[0].im, a[1].im)};
    }
}

static int
of_reals(struct values *s, const struct node *n, const struct value_pair a[3])
{
    enum value_type t = einc_value_type(n->type), own = s->v[a[0].re].type;
    switch (n->fn) {
    case FN_CONJ: case FN_REAL: return a[0].re;
    case FN_IMAG: return number(s, t, 0);
    case FN_FLOOR: case FN_CEIL: case FN_ROUND:
        return is_float(own) ? fn1(s, t, n->fn, a[0].re) : a[0].re;
    case FN_CLAMP:
        return fn2(s, t, FN_MINIMUM,
                   fn2(s, t, FN_MAXIMUM, a[0].re, a[1].re), a[2].re);
    case FN_RELU:
        return choose(s, fn2(s, VALUE_BOOL, FN_LT, a[0].re,
                             number(s, t, 0)),
                      number(s, t, 0), a[0].re);
    case FN_STEP:
        return choose(s, fn2(s, VALUE_BOOL, FN_GE, a[0].re,
                             number(s, own, 0)),
                      number(s, t, 1), number(s, t, 0));
    case FN_ISNAN:
        return is_float(own) ? fn2(s, VALUE_BOOL, FN_NE, a[0].re, a[0].re)
                             : integer(s, VALUE_BOOL, 0);
    default:
        return einc_values_fn(s, t, n->fn, n->n_args, a[0].re,
                              n->n_args > 1 ? a[1].re : 0,
                              n->n_args > 2 ? a[2].re : 0);
    }
}

static struct value_pair
of_select(struct values *s, const struct value_pair a[3])
{
    int c = truth_of(s, a[0]), complex = a[1].im >= 0;
    /* what reports is computed either way: a choice is between values */
    int lazy = (s->v[a[1].re].heavy | s->v[a[2].re].heavy) &&
               !(s->v[a[1].re].pinned | s->v[a[2].re].pinned) && !complex;
    if (lazy && s->v[c].op != VALUE_NUMBER)
        return (struct value_pair){
            add(s, (struct value){.op = VALUE_CHOICE, .n_args = 3,
                                  .type = s->v[a[1].re].type,
                                  .args = {c, a[1].re, a[2].re}, .var = -1,
                                  .site = -1}), -1};
    return (struct value_pair){choose(s, c, a[1].re, a[2].re),
                               complex ? choose(s, c, a[1].im, a[2].im)
                                       : -1};
}

static struct value_pair
of_call(struct values *s, const struct node *n)
{
    struct value_pair a[3] = {{-1, -1}, {-1, -1}, {-1, -1}};
    for (int k = 0; k < n->n_args; k++)
        a[k] = einc_values_of(s, n->args[k]);
    switch (n->fn) {
    case FN_CAST: return einc_values_cast(s, a[0], n->args[0]->type, n->type);
    case FN_SELECT: return of_select(s, a);
    case FN_NOT:
        return (struct value_pair){
            fn1(s, VALUE_BOOL, FN_NOT, truth_of(s, a[0])), -1};
    case FN_AND: case FN_OR:
        return (struct value_pair){fn2(s, VALUE_BOOL, n->fn,
                                       truth_of(s, a[0]),
                                       truth_of(s, a[1])), -1};
    case FN_POWI: return integer_power(s, a[0], n->integer);
    default: break;
    }
    if (a[0].im >= 0)
        return of_complex(s, n, a);
    return (struct value_pair){of_reals(s, n, a), -1};
}

/* Integers that a narrower type holds, wrapped to it. */
static int
wrap_to(struct values *s, int a, enum einc_dtype to)
{
    const struct dtype_info *d = einc_dtype_info(to);
    int64_t bits = 8 * d->bytes;
    if (bits == 64 || to == EINC_I32)
        return convert(s, a, einc_value_type(to));
    int64_t least = d->kind == KIND_UINT ? 0 : -((int64_t)1 << (bits - 1));
    int64_t most = least + (((int64_t)1 << bits) - 1);
    if (s->v[a].least >= least && s->v[a].most <= most)
        return convert(s, a, einc_value_type(to));
    return add(s, (struct value){.op = VALUE_FN, .fn = FN_CAST, .n_args = 1,
                                 .args = {a}, .type = einc_value_type(to),
                                 .lo = least, .hi = most, .var = -1,
                                 .site = -1});
}

struct value_pair
einc_values_cast(struct values *s, struct value_pair x, enum einc_dtype from,
                 enum einc_dtype to)
{
    enum value_type t = einc_value_type(to);
    (void)from;
    if (to == EINC_BOOL)
        return (struct value_pair){truth_of(s, x), -1};
    if (is_float(t)) {
        struct value_pair y = {convert(s, x.re, t), -1};
        if (einc_value_is_complex(to))
            y.im = x.im < 0 ? number(s, t, 0) : convert(s, x.im, t);
        return y;
    }
    if (is_float(s->v[x.re].type))
        return (struct value_pair){
            wrap_to(s, fn1(s, VALUE_I64, FN_CAST, x.re), to), -1};
    return (struct value_pair){wrap_to(s, x.re, to), -1};
}

static struct value_pair
of_number(struct values *s, const struct node *n)
{
    enum value_type t = einc_value_type(n->type);
    if (!is_float(t))
        return (struct value_pair){
            integer(s, t, t == VALUE_I32 ? (int32_t)(uint32_t)n->integer
                                         : n->integer), -1};
    return (struct value_pair){
        einc_values_number(s, t, t == VALUE_F32 ? (float)n->number
                                                : n->number),
        einc_value_is_complex(n->type) ? number(s, t, 0) : -1};
}

static int
of_index(struct values *s, int index)
{
    const struct value_place *e = &s->env[index];
    assert(is_bound(s, index));
    return e->var < 0 ? integer(s, VALUE_I64, e->offset)
                      : variable(s, e->var, e->offset);
}

/* --- reductions --------------------------------------------------------- */

/* A reduction under way. */
struct folding {
    const struct node *n;
    struct value_reduce r;
    const struct node *guard[64]; /* conjuncts that are left */
    int n_guards;
    int last;                     /* index of the last loop, or -1 */
    int64_t terms;                /* unrolled ones of a part */
    uint64_t unrolled;            /* set of places in n->bound */
    int strays;                   /* may report */
    int whole[VALUE_MAX_PARTS];   /* logsumexp: the guard, or -1 */
};

static int
may_stray(const struct values *s, const struct node *n)
{
    if (!n)
        return 0;
    if (n->access) {
        for (int d = 0; d < n->access->n_subs; d++)
            if (n->access->subs[d].checked ||
                may_stray(s, n->access->subs[d].rest))
                return 1;
    }
    for (int k = 0; k < n->n_bound; k++) {
        const struct index *x = &s->p->indices[n->bound[k]];
        if (x->from && (x->site >= 0 || may_stray(s, x->from) ||
                        may_stray(s, x->to)))
            return 1;
    }
    for (int k = 0; k < n->n_args; k++)
        if (may_stray(s, n->args[k]))
            return 1;
    return may_stray(s, n->guard);
}

/* Vars that a node uses, of those that are bound around it. */
static uint64_t
used_by(const struct values *s, const struct node *n)
{
    uint64_t set = 0;
    if (!n)
        return 0;
    if (n->kind == NODE_INDEX && s->env[n->index].var >= 0)
        set |= (uint64_t)1 << s->env[n->index].var;
    for (int d = 0; n->access && d < n->access->n_subs; d++) {
        const struct subscript *x = &n->access->subs[d];
        for (int k = 0; k < x->n_terms; k++)
            if (s->env[x->terms[k].index].var >= 0)
                set |= (uint64_t)1 << s->env[x->terms[k].index].var;
        set |= used_by(s, x->rest);
    }
    for (int k = 0; k < n->n_bound; k++) {
        set |= used_by(s, s->p->indices[n->bound[k]].from);
        set |= used_by(s, s->p->indices[n->bound[k]].to);
    }
    if (n->best >= 0 && n->kind == NODE_REDUCE && s->env[n->best].var >= 0)
        set |= (uint64_t)1 << s->env[n->best].var;
    for (int k = 0; k < n->n_args; k++)
        set |= used_by(s, n->args[k]);
    return set | used_by(s, n->guard);
}

static int
new_var(struct values *s, struct value_var v)
{
    if (s->n_vars == VALUE_MAX_VARS) {
        s->fails = 1;
        return 0;
    }
    s->var[s->n_vars] = v;
    return s->n_vars++;
}

int
einc_values_free_var(struct values *s, int index)
{
    const struct index *x = &s->p->indices[index];
    struct value_var v = {x->lo, x->hi, -1, -1, 1, index};
    int var = new_var(s, v);
    s->env[index] = (struct value_place){var, 0};
    if (index == s->lane_index)
        s->lane_var = var;
    return var;
}

static int
is_open(const struct values *s, int var)
{
    for (int k = 0; k < s->n_open; k++)
        if (s->open[k] == var)
            return 1;
    return 0;
}

/* One end of a range that data decide, within lo:hi. */
static int
bound_of(struct values *s, const struct index *x, int from, int to, int end)
{
    return add(s, (struct value){.op = VALUE_BOUND, .type = VALUE_I64,
                                 .n_args = 2, .args = {from, to},
                                 .integer = end, .lo = x->lo, .hi = x->hi,
                                 .site = x->site, .var = -1});
}

static int
is_complex_product(const struct node *n)
{
    return n->redop == REDOP_PROD && einc_value_is_complex(n->type);
}

/* Whether a bound index runs in the lanes if it can: that of the choice, and
 * others of the same range. */
static int
may_be_lane(const struct values *s, const struct node *n, int index)
{
    const struct index *x = &s->p->indices[index];
    if (s->lane_index < 0 || n->best >= 0 || is_complex_product(n))
        return 0;
    const struct index *l = &s->p->indices[s->lane_index];
    return index == s->lane_index ||
           (!x->from && !l->from && x->lo == l->lo && x->hi == l->hi);
}

static int
is_reusable(const struct values *s, const struct folding *f,
            const struct value_var *v, int q, uint64_t used)
{
    const struct value_var *o = &s->var[q];
    if (o->lo != v->lo || o->hi != v->hi || o->from != v->from ||
        o->to != v->to || (used >> q & 1))
        return 0;
    if (f->strays && (is_open(s, q) || o->is_free))
        return 0;
    for (int k = 0; k < f->r.n_vars; k++)
        if (f->r.vars[k] == q)
            return 0;
    return 1;
}

/* The var of a bound index: one there is, if nothing forbids it. */
static void
bind(struct values *s, struct folding *f, int index, uint64_t used)
{
    const struct index *x = &s->p->indices[index];
    struct value_var v = {x->lo, x->hi, -1, -1, 0, index};
    if (x->from) {
        int from = convert(s, of_real(s, x->from), VALUE_I64);
        int to = convert(s, of_real(s, x->to), VALUE_I64);
        v.from = bound_of(s, x, from, to, 0);
        v.to = bound_of(s, x, from, to, 1);
    }
    int lane = may_be_lane(s, f->n, index), var = -1;
    if (lane && s->lane_var >= 0 && is_reusable(s, f, &v, s->lane_var, used))
        var = s->lane_var;
    for (int q = 0; q < s->n_vars && var < 0; q++)
        if (q != s->lane_var && is_reusable(s, f, &v, q, used) &&
            !(lane && s->var[q].is_free))
            var = q;
    if (var < 0) {
        var = new_var(s, v);
        if (lane && s->lane_var < 0)
            s->lane_var = var;
    }
    s->env[index] = (struct value_place){var, 0};
    f->r.vars[f->r.n_vars++] = var;
    f->last = index;
}

static int
is_arg(enum redop op)
{
    return op == REDOP_ARGMAX || op == REDOP_ARGMIN ||
           op == REDOP_ARGKMAX || op == REDOP_ARGKMIN;
}

/* What the range of another index may need stays a loop. */
static int
has_ranges(const struct values *s, const struct node *n)
{
    for (int k = 0; k < n->n_bound; k++)
        if (s->p->indices[n->bound[k]].from)
            return 1;
    return 0;
}

static int
may_unroll(const struct values *s, const struct folding *f, int k)
{
    return k < 64 && s->how[f->n->bound[k]].unrolled &&
           !has_ranges(s, f->n) && !is_arg(f->n->redop) && f->n->best < 0 &&
           f->n->redop != REDOP_LOGSUMEXP &&
           !(f->n->guard && may_stray(s, f->n->args[0]));
}

static int
is_unrolled(const struct folding *f, int k)
{
    return k < 64 && f->unrolled >> k & 1;
}

static void
split_guard(struct folding *f, const struct node *g)
{
    int room = (int)(sizeof f->guard / sizeof *f->guard);
    if (!g)
        return;
    if (g->kind == NODE_CALL && g->fn == FN_AND && f->n_guards < room - 1) {
        split_guard(f, g->args[0]);
        split_guard(f, g->args[1]);
    } else {
        f->guard[f->n_guards++] = g;
    }
}

/* Comparison of integers as `form <= 0`; twice for ==. Strict ones are off by
 * one. Returns the number of forms. */
static int
forms_of(const struct values *s, const struct value *v, struct form f[2])
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
        if (!add_form(s, v->args[0], sign, &f[k]) ||
            !add_form(s, v->args[1], -sign, &f[k]))
            return 0;
    }
    return v->fn == FN_EQ ? 2 : 1;
}

/* The loop of a reduction that a form bounds: the innermost that it holds;
 * -1 if it is held more than once or than one by one. */
static int
bounded_loop(const struct folding *f, const struct form *x)
{
    for (int k = f->r.n_vars - 1; k >= 0; k--) {
        int64_t c = x->coef[f->r.vars[k]];
        if (c == 1 || c == -1)
            return k;
        if (c)
            return -1;
    }
    return -1;
}

static int
span_of(const struct values *s, int var)
{
    int span = s->var[var].is_free ? s->how[s->var[var].index].span : 0;
    return span > 1 ? span : 1;
}

/* Form <= 0 as a bound of loop k, the widest over values in one block.
 * Returns 1 if all of them have the same one, 0 if the guard must stay, -1 if
 * there is no room. */
static int
absorb_form(struct values *s, struct folding *f, struct form x)
{
    int k = bounded_loop(f, &x), same = 1;
    if (k < 0)
        return -1;
    int var = f->r.vars[k];
    int64_t c = x.coef[var];
    x.coef[var] = 0;
    for (int v = 0; v < s->n_vars; v++) {
        int span = span_of(s, v);
        if (!x.coef[v] || span == 1)
            continue;
        same = 0;
        if (x.coef[v] < 0)
            x.constant += x.coef[v] * (span - 1);
    }
    if (f->r.n_from[k] == 4 || f->r.n_to[k] == 4)
        return -1;
    if (c < 0) { /* rest - j <= 0 */
        f->r.from[k][f->r.n_from[k]++] = of_form(s, &x, 1);
        return same;
    }
    for (int v = 0; v < s->n_vars; v++)
        x.coef[v] = -x.coef[v];
    x.constant = 1 - x.constant;
    f->r.to[k][f->r.n_to[k]++] = of_form(s, &x, 1);
    return same;
}

/* A guard with the offsets of values in one block left out. */
static int
plain_value(struct values *s, const struct node *n)
{
    struct value_place *saved = s->env;
    s->env = NEW(s->perm, struct value_place, s->p->n_indices);
    memcpy(s->env, saved, (size_t)s->p->n_indices * sizeof *saved);
    for (int k = 0; k < s->p->n_indices; k++)
        if (s->env[k].var >= 0 && span_of(s, s->env[k].var) > 1)
            s->env[k].offset = 0;
    int v = of_real(s, n);
    s->env = saved;
    return v;
}

/* Guards that bound loops become bounds. */
static void
absorb_guards(struct values *s, struct folding *f)
{
    int kept = 0;
    for (int g = 0; g < f->n_guards; g++) {
        struct form forms[2];
        const struct node *n = f->guard[g];
        int id = may_stray(s, n) ? -1 : plain_value(s, n);
        int n_forms = id < 0 ? 0 : forms_of(s, &s->v[id], forms), done = 0;
        for (int k = 0; k < n_forms; k++)
            done += absorb_form(s, f, forms[k]) == 1;
        if (!n_forms || done < n_forms)
            f->guard[kept++] = n;
    }
    f->n_guards = kept;
}

static int
guard_of(struct values *s, const struct folding *f)
{
    int all = -1;
    for (int g = 0; g < f->n_guards; g++) {
        int x = truth_of(s, einc_values_of(s, f->guard[g]));
        all = all < 0 ? x : fn2(s, VALUE_BOOL, FN_AND, all, x);
    }
    return all;
}

/* An index; of several, the position in the reduction, row-major from the
 * begin of each. */
/* What has no place below 0, which says that there is none: an index that
 * begins there is counted from its lo, and moved back behind the reduction. */
static int64_t
base_of(const struct values *s, const struct node *n)
{
    int64_t lo = s->p->indices[n->bound[0]].lo;
    return n->n_bound == 1 && lo < 0 && is_arg(n->redop) ? lo : 0;
}

static int
position_of(struct values *s, const struct node *n)
{
    struct form f = {0};
    int64_t pace = 1;
    for (int k = n->n_bound - 1; k >= 0; k--) {
        const struct index *x = &s->p->indices[n->bound[k]];
        const struct value_place *e = &s->env[n->bound[k]];
        f.constant += pace * (e->offset -
                              (n->n_bound > 1 ? x->lo : base_of(s, n)));
        f.coef[e->var] += pace;
        pace *= x->hi - x->lo;
    }
    return of_form(s, &f, 0);
}

static enum fn
combiner(enum redop op)
{
    switch (op) {
    case REDOP_PROD: return FN_MUL;
    case REDOP_MAX: return FN_MAXIMUM;
    case REDOP_MIN: return FN_MINIMUM;
    case REDOP_ANY: return FN_OR;
    case REDOP_ALL: return FN_AND;
    default: return FN_ADD;
    }
}

static int
combine(struct values *s, enum redop op, int a, int b)
{
    enum fn fn = combiner(op);
    if (s->v[a].type == VALUE_BOOL)
        fn = op == REDOP_PROD || op == REDOP_ALL || op == REDOP_MIN ? FN_AND
                                                                    : FN_OR;
    return fn2(s, s->v[a].type, fn, a, b);
}

static int64_t
most_of(const struct dtype_info *d)
{
    return d->kind == KIND_BOOL ? 1
           : d->bytes == 8
               ? INT64_MAX
               : ((int64_t)1 << (8 * d->bytes - (d->kind == KIND_INT))) - 1;
}

static int64_t
least_of(const struct dtype_info *d)
{
    return d->kind == KIND_INT ? -most_of(d) - 1 : 0;
}

/* Of integers by the type of the terms: the least one that it has. */
static int
identity(struct values *s, enum redop op, enum einc_dtype dtype)
{
    enum value_type t = einc_value_type(dtype);
    const struct dtype_info *d = einc_dtype_info(dtype);
    int largest = op == REDOP_MIN || op == REDOP_KMIN;
    if (op != REDOP_MAX && op != REDOP_MIN && op != REDOP_KMIN &&
        op != REDOP_KMAX && op != REDOP_LOGSUMEXP)
        return number(s, t, op == REDOP_PROD || op == REDOP_ALL);
    if (is_float(t))
        return einc_values_number(s, t, largest ? __builtin_inf()
                                                : -__builtin_inf());
    int64_t low = least_of(d), high = most_of(d);
    return integer(s, t, largest ? high : low);
}

/* What accumulators begin with. Terms of narrow integers are computed in wider
 * ones, and may lie beyond what their type holds. */
static int
beginning(struct values *s, enum redop op, enum einc_dtype dtype)
{
    enum einc_dtype compute = einc_fn_compute(dtype);
    return identity(s, op, einc_dtype_info(compute)->kind == KIND_INT
                               ? compute
                               : dtype);
}

/* The best of no terms at all. */
static int
best_or_none(struct values *s, const struct node *n, int x)
{
    enum einc_dtype t = n->args[0]->type;
    int begin = beginning(s, n->redop, t), none = identity(s, n->redop, t);
    int is_extreme = n->redop == REDOP_MAX || n->redop == REDOP_MIN ||
                     n->redop == REDOP_KMAX || n->redop == REDOP_KMIN;
    return !is_extreme || begin == none
               ? x
               : choose(s, fn2(s, VALUE_BOOL, FN_EQ, x, begin), none, x);
}

/* What the unrolled indices of a part give together, a value of each. */
static struct value_pair
terms_of(struct values *s, struct folding *f, int k)
{
    const struct node *n = f->n;
    while (k < n->n_bound && !is_unrolled(f, k))
        k++;
    if (k < n->n_bound) {
        const struct index *x = &s->p->indices[n->bound[k]];
        struct value_pair sum = {-1, -1};
        for (int64_t i = x->lo; i < x->hi; i++) {
            s->env[n->bound[k]] = (struct value_place){-1, i};
            struct value_pair term = terms_of(s, f, k + 1);
            if (is_complex_product(n)) {
                sum = sum.re < 0 ? term : einc_values_multiply(s, sum, term);
                continue;
            }
            sum.re = sum.re < 0 ? term.re
                                : combine(s, n->redop, sum.re, term.re);
            if (term.im >= 0)
                sum.im = sum.im < 0 ? term.im
                                    : combine(s, n->redop, sum.im, term.im);
        }
        return sum;
    }
    struct value_pair x = einc_values_of(s, n->args[0]);
    if (n->redop == REDOP_ANY || n->redop == REDOP_ALL ||
        n->redop == REDOP_COUNT)
        x = (struct value_pair){truth_of(s, x), -1};
    if (n->redop == REDOP_COUNT)
        x.re = choose(s, x.re, integer(s, VALUE_I64, 1),
                      integer(s, VALUE_I64, 0));
    if (f->terms == 1)
        return x;
    int g = guard_of(s, f);
    if (g < 0)
        return x;
    int none = x.re < 0 || s->v[x.re].type == VALUE_BOOL
                   ? integer(s, VALUE_BOOL, n->redop == REDOP_ALL ||
                                                n->redop == REDOP_PROD)
                   : n->redop == REDOP_COUNT
                         ? integer(s, VALUE_I64, 0)
                         : beginning(s, n->redop, n->args[0]->type);
    x.re = choose(s, g, x.re, none);
    if (x.im >= 0)
        x.im = choose(s, g, x.im, number(s, s->v[x.im].type, 0));
    return x;
}

static int
reduce(struct values *s, const struct value_reduce *r, enum value_type t)
{
    struct value_reduce *copy = NEW(s->perm, struct value_reduce, 1);
    *copy = *r;
    return add(s, (struct value){.op = VALUE_REDUCE, .type = t, .var = -1,
                                 .site = -1, .reduce = copy});
}

/* --- weighted sums ------------------------------------------------------ */

static int
is_choice(const struct value *v)
{
    return v->op == VALUE_CHOICE ||
           (v->op == VALUE_FN && v->fn == FN_SELECT);
}

static int
is_zero(const struct value *v)
{
    return v->op == VALUE_NUMBER && v->number == 0 && v->integer == 0;
}

/* Whether c is "lse == -inf" of some lse; that, or -1. */
static int
empty_lse(const struct values *s, int c)
{
    const struct value *v = &s->v[c];
    if (v->op != VALUE_FN || v->fn != FN_EQ)
        return -1;
    for (int k = 0; k < 2; k++) {
        const struct value *n = &s->v[v->args[!k]];
        if (n->op == VALUE_NUMBER && n->number == -__builtin_inf())
            return v->args[k];
    }
    return -1;
}

/* A softmax as it is written: the exponential, what masks it, and whether an
 * empty row is 0 (softmax0) and not NaN. */
struct softmax {
    int exp, guard, zero;
};

/* x taken apart: `g ? e : lse == -inf ? nan : 0`, `lse == -inf ? 0 : e`. */
static struct softmax
open_softmax(const struct values *s, int x)
{
    struct softmax m = {x, -1, 0};
    for (int depth = 0; depth < 3; depth++) {
        const struct value *v = &s->v[m.exp];
        if (!is_choice(v))
            break;
        const struct value *no = &s->v[v->args[2]];
        if (empty_lse(s, v->args[0]) >= 0 && is_zero(&s->v[v->args[1]])) {
            m.zero = 1;
            m.exp = v->args[2];
        } else if (m.guard < 0 &&
                   (is_zero(no) || (is_choice(no) &&
                                    empty_lse(s, no->args[0]) >= 0 &&
                                    is_zero(&s->v[no->args[2]])))) {
            m.guard = v->args[0];
            m.exp = v->args[1];
        } else {
            break;
        }
    }
    return m;
}

/* Whether a factor is a softmax over the loops of reduction f: its
 * logsumexp, or -1. `part` is the part that x is of. */
static int
softmax_of(const struct values *s, const struct value_reduce *f, int x,
           int part, int *zero)
{
    struct softmax m = open_softmax(s, x);
    const struct value *v = &s->v[m.exp];
    if (v->op != VALUE_FN || v->fn != FN_EXP)
        return -1;
    v = &s->v[v->args[0]];
    if (v->op != VALUE_FN || v->fn != FN_SUB)
        return -1;
    int term = v->args[0], lse = v->args[1];
    const struct value_reduce *r = s->v[lse].reduce;
    if (s->v[lse].op != VALUE_REDUCE || r->redop != REDOP_LOGSUMEXP ||
        r->n_parts != f->n_parts || r->n_vars != f->n_vars)
        return -1;
    for (int k = 0; k < f->n_vars; k++)
        if (r->vars[k] != f->vars[k] || f->n_from[k] || f->n_to[k])
            return -1;
    const struct value_part *p = &r->part[part];
    const struct value *masked = &s->v[p->x];
    if (m.guard != p->guard)
        return -1;
    *zero = m.zero;
    return p->x == term || (is_choice(masked) && masked->args[1] == term)
               ? lse
               : -1;
}

/* Takes the softmax out of a product: what is left, -1 for nothing. */
static int
take_softmax(struct values *s, const struct value_reduce *f, int x, int part,
             int *lse, int *zero)
{
    const struct value *v = &s->v[x];
    int found = softmax_of(s, f, x, part, zero);
    if (found >= 0) {
        *lse = found;
        return -1;
    }
    if (v->op != VALUE_FN || (v->fn != FN_MUL && v->fn != FN_DIV))
        return x;
    enum fn fn = v->fn;
    enum value_type t = v->type;
    int a = v->args[0], b = v->args[1];
    int rest = take_softmax(s, f, a, part, lse, zero);
    if (*lse >= 0)
        return rest >= 0 ? fn2(s, t, fn, rest, b)
               : fn == FN_MUL ? b
                              : fn2(s, t, FN_DIV, number(s, t, 1), b);
    if (fn == FN_DIV)
        return x;
    rest = take_softmax(s, f, b, part, lse, zero);
    if (*lse >= 0)
        return rest >= 0 ? fn2(s, t, FN_MUL, a, rest) : a;
    return x;
}

/* sum(softmax(f)*g) as one pass; 0 if it is none. */
static int
make_weighted(struct values *s, struct value_reduce *r, enum value_type t)
{
    struct value_reduce w = *r;
    for (int k = 0; k < r->n_parts; k++) {
        int lse = -1;
        if (r->part[k].guard >= 0)
            return 0;
        int rest = take_softmax(s, r, r->part[k].x, k, &lse, &w.zero);
        if (lse < 0 || (k && lse != w.with))
            return 0;
        w.with = lse;
        w.part[k].x = rest < 0 ? number(s, t, 1) : rest;
    }
    const struct value_reduce *l = s->v[w.with].reduce;
    memcpy(w.n_from, l->n_from, sizeof w.n_from);
    memcpy(w.n_to, l->n_to, sizeof w.n_to);
    memcpy(w.from, l->from, sizeof w.from);
    memcpy(w.to, l->to, sizeof w.to);
    w.redop = REDOP_WEIGHTED;
    w.guarded = l->guarded;
    *r = w;
    return 1;
}

/* --- reductions, again -------------------------------------------------- */

static uint64_t
payload_of(const struct values *s, const struct value_reduce *r)
{
    uint64_t deps = 0, payload = 0;
    if (s->depth > 0)
        return 0;
    for (int k = 0; k < r->n_parts; k++)
        deps |= s->v[r->part[k].x].deps;
    for (int v = 0; v < s->n_vars; v++)
        if (s->var[v].is_free && s->how[s->var[v].index].payload)
            payload |= (uint64_t)1 << v;
    for (int k = 0; k < r->n_vars; k++)
        payload &= ~((uint64_t)1 << r->vars[k]);
    return deps & payload;
}

/* Neighbours first: short chains. */
static int
combine_all(struct values *s, enum redop op, const int *x, int n)
{
    if (n == 1)
        return x[0];
    return combine(s, op, combine_all(s, op, x, n / 2),
                   combine_all(s, op, x + n / 2, n - n / 2));
}

/* A reduction of values of one plane: parts, then what the parts make. */
static int
finish(struct values *s, struct folding *f, int *x, int *guard,
       const int *position, enum redop op)
{
    struct value_reduce r = f->r;
    enum value_type t = s->v[x[0]].type;
    for (int k = 0; k < r.n_parts; k++) {
        /* lanes are seldom all masked out: one mask for what is added */
        if (guard[k] < 0 || op > REDOP_COUNT || op == REDOP_MEAN ||
            s->lane_var < 0 ||
            !(s->v[guard[k]].deps >> s->lane_var & 1) || s->v[x[k]].pinned)
            continue;
        int none = s->v[x[k]].type == VALUE_BOOL
                       ? integer(s, VALUE_BOOL, op == REDOP_ALL ||
                                                    op == REDOP_PROD ||
                                                    op == REDOP_MIN)
                       : beginning(s, op, op == REDOP_COUNT
                                             ? EINC_I64
                                             : f->n->args[0]->type);
        x[k] = choose(s, guard[k], x[k], none);
        guard[k] = -1;
    }
    r.redop = (int)op;
    r.with = r.together = -1;
    enum einc_dtype held = is_arg(op) ? f->n->args[0]->type : f->n->type;
    held = einc_fn_compute(held);
    r.low = least_of(einc_dtype_info(held));
    r.high = most_of(einc_dtype_info(held));
    for (int k = 0; k < r.n_parts; k++)
        r.part[k] = (struct value_part){x[k], guard[k], position[k]};
    if (op == REDOP_LOGSUMEXP) {
        for (int k = 0; k < r.n_parts; k++) {
            int none = einc_values_number(s, t, -__builtin_inf());
            const struct value *v = &s->v[x[k]];
            r.part[k].guard = f->whole[k]; /* for softmax_of() */
            if (guard[k] < 0)
                continue;
            r.guarded = 1;
            r.part[k].x =
                v->pinned
                    ? add(s, (struct value){.op = VALUE_CHOICE, .type = t,
                                            .n_args = 3,
                                            .args = {guard[k], x[k], none},
                                            .var = -1, .site = -1})
                    : choose(s, guard[k], x[k], none);
        }
    }
    if (op == REDOP_SUM)
        make_weighted(s, &r, t);
    if (s->env[f->last].var == s->lane_var && r.n_parts > 1 && guard[0] < 0 &&
        r.redop <= REDOP_COUNT && r.redop != REDOP_WEIGHTED)
        r.together = combine_all(s, op, x, r.n_parts);
    r.payload = payload_of(s, &r);
    if (is_arg(op))
        t = VALUE_I64;
    return reduce(s, &r, t);
}

static struct value_pair
complex_product(struct values *s, struct folding *f, const int *re,
                const int *im, const int *guard)
{
    struct value_reduce r = f->r;
    struct value_pair x;
    r.redop = REDOP_COMPLEX;
    r.with = r.together = -1;
    for (int k = 0; k < r.n_parts; k++)
        r.part[k] = (struct value_part){re[k], guard[k], im[k]};
    x.re = reduce(s, &r, s->v[re[0]].type);
    r.best = 1;
    x.im = reduce(s, &r, s->v[re[0]].type);
    return x;
}

/* All parts of a reduction with loops. */
static struct value_pair
fold(struct values *s, struct folding *f, enum redop op)
{
    int re[VALUE_MAX_PARTS] = {0}, im[VALUE_MAX_PARTS] = {0};
    int guard[VALUE_MAX_PARTS] = {0}, position[VALUE_MAX_PARTS] = {0};
    int var = s->env[f->last].var, complex = 0;
    int64_t pace = var == s->lane_var ? s->lanes : 1;
    for (int k = 0; k < f->r.n_vars; k++)
        s->open[s->n_open++] = f->r.vars[k];
    s->depth++;
    for (int k = 0; k < f->r.n_parts; k++) {
        s->env[f->last] = (struct value_place){var, k * pace};
        struct value_pair x = terms_of(s, f, 0);
        re[k] = x.re;
        im[k] = x.im;
        complex = x.im >= 0;
        guard[k] = f->terms == 1 ? guard_of(s, f) : -1;
        f->whole[k] = op == REDOP_LOGSUMEXP && f->n->guard
                          ? truth_of(s, einc_values_of(s, f->n->guard))
                          : -1;
        position[k] = is_arg(op) ? position_of(s, f->n) : -1;
    }
    s->depth--;
    s->n_open -= f->r.n_vars;
    s->env[f->last] = (struct value_place){var, 0};
    struct value_pair v = {-1, -1};
    int again[VALUE_MAX_PARTS];
    memcpy(again, guard, sizeof again);
    if (!complex || op != REDOP_PROD)
        v.re = finish(s, f, re, guard, position, op);
    if (complex && op == REDOP_PROD)
        return complex_product(s, f, re, im, again);
    if (complex)
        v.im = finish(s, f, im, again, position, op);
    return v;
}

static int
is_never(const struct values *s, const struct node *n)
{
    for (int k = 0; k < n->n_bound; k++) {
        const struct index *x = &s->p->indices[n->bound[k]];
        if (x->lo >= x->hi && !x->from)
            return 1;
    }
    return 0;
}

static struct value_pair
nothing(struct values *s, const struct node *n)
{
    enum value_type t = einc_value_type(n->type);
    int complex = einc_value_is_complex(n->type);
    struct value_pair x = {-1, complex ? number(s, t, 0) : -1};
    if (complex && n->redop == REDOP_MEAN)
        x.im = einc_values_number(s, t, __builtin_nan(""));
    if (is_arg(n->redop))
        x.re = integer(s, VALUE_I64, -1);
    else if (n->redop == REDOP_MEAN)
        x.re = einc_values_number(s, t, __builtin_nan(""));
    else
        x.re = identity(s, n->redop, n->type);
    return x;
}

/* The indices of a reduction: loops get vars, the others are unrolled. */
static void
bind_all(struct values *s, struct folding *f)
{
    const struct node *n = f->n;
    uint64_t used = used_by(s, n);
    f->strays = may_stray(s, n);
    for (int k = 0; k < n->n_bound; k++) {
        const struct index *x = &s->p->indices[n->bound[k]];
        if (may_unroll(s, f, k)) {
            f->unrolled |= (uint64_t)1 << k;
            f->terms *= x->hi - x->lo; /* where it is 1, guards are free */
            s->env[n->bound[k]] = (struct value_place){-1, x->lo};
        } else if (f->r.n_vars < 8)
            bind(s, f, n->bound[k], used);
        else
            s->fails = 1;
        if (__builtin_mul_overflow(f->r.points, x->hi - x->lo,
                                   &f->r.points))
            f->r.points = INT64_MAX;
    }
}

static void
unbind_all(struct values *s, const struct node *n)
{
    for (int k = 0; k < n->n_bound; k++)
        s->env[n->bound[k]] = (struct value_place){-2, 0};
}

/* The number of terms that a guard keeps. */
static int
count_kept(struct values *s, struct folding *f)
{
    struct folding c = *f;
    static const struct node yes = {.kind = NODE_NUMBER, .type = EINC_BOOL,
                                    .integer = 1, .best = -1};
    static const struct node *const body[] = {&yes};
    struct node n = *f->n;
    n.args = (const struct node **)(uintptr_t)body;
    n.n_args = 1;
    n.redop = REDOP_COUNT;
    c.n = &n;
    return c.r.n_vars ? fold(s, &c, REDOP_COUNT).re : terms_of(s, &c, 0).re;
}

static struct value_pair
mean_of(struct values *s, struct folding *f, struct value_pair sum)
{
    enum value_type t = s->v[sum.re].type;
    int ranged = 0;
    for (int k = 0; k < f->n->n_bound; k++)
        ranged |= s->p->indices[f->n->bound[k]].from != NULL;
    int n = !f->n->guard && !ranged
                ? einc_values_number(s, t, (double)f->r.points)
                : convert(s, count_kept(s, f), t);
    sum.re = fn2(s, t, FN_DIV, sum.re, n);
    if (sum.im >= 0)
        sum.im = fn2(s, t, FN_DIV, sum.im, n);
    return sum;
}

static struct value_pair
pick_of(struct values *s, const struct node *n, struct value_pair x)
{
    int q = of_index(s, n->best);
    int64_t lo = s->p->indices[n->best].lo;
    if (lo)
        q = fn2(s, VALUE_I64, FN_SUB, q, integer(s, VALUE_I64, lo));
    x.re = add(s, (struct value){.op = VALUE_PICK, .n_args = 2,
                                 .type = s->v[x.re].type,
                                 .args = {x.re, q}, .var = -1, .site = -1});
    return x;
}

static struct value_pair
of_reduce(struct values *s, const struct node *n)
{
    struct folding f = {.n = n, .r = {.points = 1, .n_parts = 1}, .last = -1,
                        .terms = 1};
    enum redop op = n->redop == REDOP_MEAN ? REDOP_SUM : n->redop;
    struct value_pair x;
    if (is_never(s, n))
        return nothing(s, n);
    bind_all(s, &f);
    split_guard(&f, n->guard);
    if (f.last >= 0 && s->how[f.last].parts > 1)
        f.r.n_parts = s->how[f.last].parts;
    if (n->best >= 0)
        f.r.best = (int)(s->p->indices[n->best].hi -
                         s->p->indices[n->best].lo);
    if (f.r.n_vars && f.terms == 1)
        absorb_guards(s, &f);
    if (f.r.n_vars) {
        x = fold(s, &f, op);
    } else {
        f.terms = 0; /* guards of the one term are kept, too */
        x = terms_of(s, &f, 0);
    }
    if (n->redop == REDOP_MEAN)
        x = mean_of(s, &f, x);
    unbind_all(s, n);
    if (n->best >= 0)
        x = pick_of(s, n, x);
    x.re = best_or_none(s, n, x.re);
    if (base_of(s, n)) {
        int is_none = fn2(s, VALUE_BOOL, FN_LT, x.re,
                          integer(s, VALUE_I64, 0));
        x.re = choose(s, is_none, x.re,
                      fn2(s, VALUE_I64, FN_ADD, x.re,
                          integer(s, VALUE_I64, base_of(s, n))));
    }
    return x;
}

/* --- nodes -------------------------------------------------------------- */

static struct value_pair
of_product(struct values *s, const struct node *n)
{
    struct value_pair x = einc_values_of(s, n->args[0]);
    for (int k = 1; k < n->n_args; k++)
        x = einc_values_multiply(s, x, einc_values_of(s, n->args[k]));
    return x;
}

struct value_pair
einc_values_of(struct values *s, const struct node *n)
{
    switch (n->kind) {
    case NODE_NUMBER: return of_number(s, n);
    case NODE_ACCESS: return of_access(s, n->access);
    case NODE_INDEX: return (struct value_pair){of_index(s, n->index), -1};
    case NODE_CALL: return of_call(s, n);
    case NODE_REDUCE: return of_reduce(s, n);
    case NODE_PRODUCT: return of_product(s, n);
    }
    assert(0 && "no such node");
    return (struct value_pair){-1, -1};
}

struct values
einc_values(struct arena *perm, const struct program *p,
            const struct value_choice *how, int lane, int lanes)
{
    struct values s = {.perm = perm, .p = p, .how = how, .lane_index = lane,
                       .lane_var = -1, .lanes = lanes};
    s.env = NEW(perm, struct value_place, p->n_indices);
    for (int k = 0; k < p->n_indices; k++)
        s.env[k].var = -2;
    return s;
}

/* SPDX-License-Identifier: MIT
 *
 * value.c - see value.h: the table of values, and what is known of them at
 * once.
 */
#include "codegen/value.h"

#include <string.h>

#include "codegen/value_fold.h"
#include "codegen/value_make.h"

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
        h = mix(mix(h, (uint64_t)t[k].var),
                (uint64_t)t[k].coef ^ (uint64_t)t[k].dim << 48);
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

/* A bound that is written twice is reported where it stands first. */
static int
site_of(const struct value *v)
{
    return v->op == VALUE_BOUND && v->site > 0 ? 0 : v->site;
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
    h = mix(mix(h, (uint64_t)v->constant), (uint64_t)site_of(v));
    h = mix(mix(h, (uint64_t)v->lo), (uint64_t)v->hi);
    h = hash_terms(h, v->terms, v->n_terms);
    h = hash_terms(h, v->extra, v->n_extra);
    return v->reduce ? hash_reduce(h, v->reduce) : h;
}

static int
equal_terms(const struct value_term *a, const struct value_term *b, int n)
{
    for (int k = 0; k < n; k++)
        if (a[k].var != b[k].var || a[k].coef != b[k].coef ||
            a[k].dim != b[k].dim)
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
        site_of(a) != site_of(b) || a->lo != b->lo || a->hi != b->hi ||
        a->dim != b->dim)
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

static void
pin(struct value *v, int how)
{
    if (how && v->pinned != how)
        v->pinned = v->pinned ? PINNED : how;
}

/* What it depends on and the like, from its arguments. */
static void
note_arg(const struct values *s, struct value *v, int arg)
{
    if (arg < 0)
        return;
    const struct value *a = &s->v[arg];
    v->deps |= a->deps;
    pin(v, a->pinned);
    v->heavy |= a->heavy;
}

/* What the range of a var is made of. */
static void
note_range(const struct values *s, struct value *v, int var)
{
    const int ends[] = {s->var[var].from, s->var[var].to};
    int before = v->pinned;
    v->pinned = 0;
    note_arg(s, v, ends[0]);
    note_arg(s, v, ends[1]);
    int how = v->pinned ? var + 1 : 0;
    v->pinned = before;
    pin(v, how);
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
        note_range(s, v, r->vars[k]);
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
        if (v->terms[k].var >= 0)
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
        v->pinned = PINNED;
    if (v->reduce)
        note_reduce(s, v);
    einc_value_range(s, v);
}

int
einc_values_add(struct values *s, struct value v)
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

int64_t
einc_value_pace(const struct values *s, const struct value *load,
                const struct value_term *t)
{
    const struct tensor *x = &s->p->tensors[load->tensor];
    return t->dim ? t->coef * x->stride[t->dim - 1] *
                        (einc_value_is_complex(x->dtype) ? 2 : 1)
                  : t->coef;
}

int
einc_value_narrow(const struct value *v)
{
    return v->least >= INT32_MIN && v->most <= INT32_MAX;
}

int
einc_values_number(struct values *s, enum value_type t, double x)
{
    return einc_values_add(s, (struct value){.op = VALUE_NUMBER,
                                             .type = t,
                                             .number = x,
                                             .var = -1,
                                             .site = -1});
}

int
einc_values_fn(struct values *s, enum value_type t, enum fn fn, int n, int a,
               int b, int c)
{
    struct value v = {.op = VALUE_FN, .type = t, .fn = fn, .n_args = n,
                      .args = {a, b, c}, .var = -1, .site = -1};
    int known = einc_value_fold(s, &v);
    return known >= 0 ? known : einc_values_add(s, v);
}

static int
truth(struct values *s, int a)
{
    enum value_type t = s->v[a].type;
    return t == VALUE_BOOL ? a
                           : fn2(s, VALUE_BOOL, FN_NE, a, number(s, t, 0));
}

int
einc_values_truth(struct values *s, struct value_pair x)
{
    int re = truth(s, x.re);
    return x.im < 0 ? re : fn2(s, VALUE_BOOL, FN_OR, re, truth(s, x.im));
}

/* To another type of value; storage types are in `to` below. */
int
einc_values_convert(struct values *s, int a, enum value_type t)
{
    if (s->v[a].type == t)
        return a;
    return t == VALUE_BOOL ? truth(s, a) : fn1(s, t, FN_CAST, a);
}

/* --- vars --------------------------------------------------------------- */

int
einc_values_new_var(struct values *s, struct value_var v)
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
    int var = einc_values_new_var(s, v);
    s->env[index] = (struct value_place){var, 0};
    if (index == s->lane_index)
        s->lane_var = var;
    return var;
}

struct values
einc_values(struct arena *perm, const struct program *p,
            const struct literals *literals, const struct value_choice *how,
            int lane, int lanes)
{
    struct values s = {.perm = perm, .p = p, .how = how,
                       .literals = literals, .lane_index = lane,
                       .lane_var = -1, .lanes = lanes};
    s.env = NEW(perm, struct value_place, p->n_indices);
    for (int k = 0; k < p->n_indices; k++)
        s.env[k].var = -2;
    return s;
}

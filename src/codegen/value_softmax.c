/* SPDX-License-Identifier: MIT
 *
 * value_softmax.c - sums that a softmax weighs, found in what the formula
 * says: they take one pass with the logsumexp.
 */
#include "codegen/value_reduce.h"

#include <string.h>

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

static int
part_of(struct values *s, int lse, int part)
{
    return einc_values_add(s, (struct value){.op = VALUE_PART,
                                             .n_args = 1,
                                             .args = {lse},
                                             .type = s->v[lse].type,
                                             .integer = part,
                                             .var = -1,
                                             .site = -1});
}

void
einc_values_part_softmaxes(struct values *s)
{
    for (int x = 0, n = s->n; x < n; x++) {
        const struct value *v = &s->v[x], *less = &s->v[v->args[0]];
        if (!v->is_softmax || less->op != VALUE_FN || less->fn != FN_SUB)
            continue;
        int f = less->args[0], lse = less->args[1];
        const struct value_reduce *r = s->v[lse].reduce;
        enum value_type t = v->type;
        if (!r || r->redop != REDOP_LOGSUMEXP || r->payload)
            continue;
        int e = fn2(s, t, FN_SUB, f, part_of(s, lse, 0));
        e = fn1(s, t, FN_EXP, e);
        int sum = part_of(s, lse, 1);
        s->v[x].fn = FN_DIV;
        s->v[x].n_args = 2;
        s->v[x].args[0] = e;
        s->v[x].args[1] = sum;
    }
}

/* Whether data may leave nothing of a range: the sum is 0 then, but NaN where
 * all terms are -inf. One pass, which sees no term of either, cannot tell. */
static int
may_be_empty(const struct values *s, const struct value_reduce *r)
{
    for (int k = 0; k < r->n_vars; k++)
        if (s->var[r->vars[k]].from >= 0)
            return 1;
    return 0;
}

/* sum(softmax(f)*g) as one pass; 0 if it is none. */
int
einc_softmax_weighted(struct values *s, struct value_reduce *r,
                      enum value_type t)
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
    if (may_be_empty(s, r) && !w.zero)
        return 0;
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

/* SPDX-License-Identifier: MIT
 *
 * value_bind.c - the indices of a reduction: which of them share a loop with
 * others, and which are unrolled.
 */
#include "codegen/value_reduce.h"

/* --- what a node uses --------------------------------------------------- */

int
einc_reduce_strays(const struct values *s, const struct node *n)
{
    if (!n)
        return 0;
    if (n->access) {
        for (int d = 0; d < n->access->n_subs; d++)
            if (n->access->subs[d].checked ||
                einc_reduce_strays(s, n->access->subs[d].rest))
                return 1;
    }
    for (int k = 0; k < n->n_bound; k++) {
        const struct index *x = &s->p->indices[n->bound[k]];
        if (x->from && (x->site >= 0 || einc_reduce_strays(s, x->from) ||
                        einc_reduce_strays(s, x->to)))
            return 1;
    }
    for (int k = 0; k < n->n_args; k++)
        if (einc_reduce_strays(s, n->args[k]))
            return 1;
    return einc_reduce_strays(s, n->guard);
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

/* --- vars of loops ------------------------------------------------------ */

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
    return einc_values_add(s, (struct value){.op = VALUE_BOUND,
                                             .type = VALUE_I64,
                                             .n_args = 2,
                                             .args = {from, to},
                                             .integer = end,
                                             .lo = x->lo,
                                             .hi = x->hi,
                                             .site = x->site,
                                             .var = -1});
}

/* Whether a bound index runs in the lanes if it can: that of the choice, and
 * others of the same range. */
static int
may_be_lane(const struct values *s, const struct node *n, int index,
            const struct value_var *v)
{
    const struct index *x = &s->p->indices[index];
    if (s->lane_index < 0 || n->best >= 0 || is_complex_product(n))
        return 0;
    const struct index *l = &s->p->indices[s->lane_index];
    if (x->from && s->lane_var >= 0 && index != s->lane_index)
        return v->from == s->var[s->lane_var].from &&
               v->to == s->var[s->lane_var].to;
    return index == s->lane_index ||
           (!x->from && !l->from && x->lo == l->lo && x->hi == l->hi);
}

/* Whether all that it may report is of its range, which is that of the loop
 * around it: so it has been reported when that loop begins. */
static int
strays_by_range(const struct values *s, const struct folding *f,
                const struct value_var *v)
{
    return v->from >= 0 && f->n->n_bound == 1 &&
           !einc_reduce_strays(s, f->n->args[0]) &&
           !einc_reduce_strays(s, f->n->guard);
}

static int
is_reusable(const struct values *s, const struct folding *f,
            const struct value_var *v, int q, uint64_t used)
{
    const struct value_var *o = &s->var[q];
    if (o->lo != v->lo || o->hi != v->hi || o->from != v->from ||
        o->to != v->to || (used >> q & 1))
        return 0;
    if (f->strays && (is_open(s, q) || o->is_free) &&
        !strays_by_range(s, f, v))
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
        int from =
            einc_values_convert(s, einc_values_real(s, x->from), VALUE_I64);
        int to = einc_values_convert(s, einc_values_real(s, x->to), VALUE_I64);
        v.from = bound_of(s, x, from, to, 0);
        v.to = bound_of(s, x, from, to, 1);
    }
    int lane = may_be_lane(s, f->n, index, &v), var = -1;
    if (lane && s->lane_var >= 0 && is_reusable(s, f, &v, s->lane_var, used))
        var = s->lane_var;
    for (int q = 0; q < s->n_vars && var < 0; q++)
        if (q != s->lane_var && is_reusable(s, f, &v, q, used) &&
            !(lane && s->var[q].is_free))
            var = q;
    if (var < 0) {
        var = einc_values_new_var(s, v);
        if (lane && s->lane_var < 0)
            s->lane_var = var;
    }
    s->env[index] = (struct value_place){var, 0};
    f->r.indices[f->r.n_vars] = index;
    f->r.vars[f->r.n_vars++] = var;
    f->last = index;
}

/* --- unrolled indices --------------------------------------------------- */

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
    return k < 64 && s->how[f->n->bound[k]].unrolled && !has_ranges(s, f->n) &&
           !redop_is_position(f->n->redop) && f->n->best < 0 &&
           f->n->redop != REDOP_LOGSUMEXP &&
           !(f->n->guard && einc_reduce_strays(s, f->n->args[0]));
}

/* The indices of a reduction: loops get vars, the others are unrolled. */
void
einc_reduce_bind(struct values *s, struct folding *f)
{
    const struct node *n = f->n;
    uint64_t used = used_by(s, n);
    f->strays = einc_reduce_strays(s, n);
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
        if (__builtin_mul_overflow(f->r.points,
                                   einc_values_most(s, x->hi) - x->lo,
                                   &f->r.points))
            f->r.points = INT64_MAX;
    }
}

void
einc_reduce_unbind(struct values *s, const struct node *n)
{
    for (int k = 0; k < n->n_bound; k++)
        s->env[n->bound[k]] = (struct value_place){-2, 0};
}

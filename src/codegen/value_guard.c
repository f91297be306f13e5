/* SPDX-License-Identifier: MIT
 *
 * value_guard.c - the guard of a reduction: what of it bounds loops, and
 * what is left to ask for every term.
 */
#include "codegen/value_reduce.h"

#include <string.h>

void
einc_guard_split(struct folding *f, const struct node *g)
{
    int room = (int)(sizeof f->guard / sizeof *f->guard);
    if (!g)
        return;
    if (g->kind == NODE_CALL && g->fn == FN_AND && f->n_guards < room - 1) {
        einc_guard_split(f, g->args[0]);
        einc_guard_split(f, g->args[1]);
    } else {
        f->guard[f->n_guards++] = g;
    }
}

/* The loop of a reduction that a form bounds: the innermost that it holds;
 * -1 if it is held more than once or than one by one. */
static int
bounded_loop(const struct folding *f, const struct affine *x)
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

/* Values of a var in one block: of a loop that is reduced all its lanes. */
static int
span_of(const struct values *s, int var)
{
    const struct value_choice *how = &s->how[s->var[var].index];
    int span = s->var[var].is_free ? how->span : 1;
    if (!s->var[var].is_free && var == s->lane_var)
        span = s->lanes * (how->parts > 1 ? how->parts : 1);
    return span > 1 ? span : 1;
}

/* Form <= 0 as a bound of loop k, the widest over values in one block.
 * Returns 1 if all of them have the same one, 0 if the guard must stay, -1 if
 * there is no room. */
static int
absorb_form(struct values *s, struct folding *f, struct affine x)
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
        f->r.from[k][f->r.n_from[k]++] = einc_affine_value(s, &x, 1);
        return same;
    }
    for (int v = 0; v < s->n_vars; v++)
        x.coef[v] = -x.coef[v];
    x.constant = 1 - x.constant;
    f->r.to[k][f->r.n_to[k]++] = einc_affine_value(s, &x, 1);
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
    int v = einc_values_real(s, n);
    s->env = saved;
    return v;
}

/* Guards that bound loops become bounds. */
void
einc_guard_absorb(struct values *s, struct folding *f)
{
    int kept = 0;
    for (int g = 0; g < f->n_guards; g++) {
        struct affine forms[2];
        const struct node *n = f->guard[g];
        int id = einc_reduce_strays(s, n) ? -1 : plain_value(s, n);
        int n_forms = id < 0 ? 0 : einc_affine_compare(s, &s->v[id], forms),
            done = 0;
        for (int k = 0; k < n_forms; k++)
            done += absorb_form(s, f, forms[k]) == 1;
        if (!n_forms || done < n_forms)
            f->guard[kept++] = n;
    }
    f->n_guards = kept;
}

int
einc_guard_value(struct values *s, const struct folding *f)
{
    int all = -1;
    for (int g = 0; g < f->n_guards; g++) {
        int x = einc_values_truth(s, einc_values_of(s, f->guard[g]));
        all = all < 0 ? x : fn2(s, VALUE_BOOL, FN_AND, all, x);
    }
    return all;
}

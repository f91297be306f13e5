/* SPDX-License-Identifier: MIT
 *
 * draft_reduce.c - reductions as drafts: lists that were left out, ranges,
 * the k best; and softmax, which becomes exp(f - logsumexp(f')).
 */
#include "parse/draft_build.h"

enum { LISTED = 8 /* names in a message */ };

/* --- reductions ----------------------------------------------------------- */

static void
push_guard(struct resolver *r, const struct draft *g)
{
    r->guards = GROW(&r->scratch, const struct draft *, r->guards,
                     r->n_guards);
    r->guards[r->n_guards++] = g;
}

static int
bind_listed(struct resolver *r, const struct tree_bound *b)
{
    struct word *w = einc_resolve_word(r, b->name);
    if (w->bound >= 0 || einc_draft_is_parameter(r, w))
        einc_fail(r->cx, EINC_EPARSE, "E704", b->at,
                  "'%s' is %s already; a reduction needs a name of its own",
                  einc_resolve_show(r, b->at),
                  w->bound < 0 ? "a parameter" : "an index");
    if (!b->lo)
        return einc_draft_new_index(r, w, b->at, INDEX_REDUCED);
    r->in_bound++;
    const struct draft *from = einc_draft_build(r, b->lo);
    const struct draft *to = einc_draft_build(r, b->hi);
    r->in_bound--;
    int number = einc_draft_new_index(r, w, b->at, INDEX_REDUCED);
    struct draft_index *x = &r->indices[number];
    int has = from->has | to->has;
    if (x->rule == RANGE_WHERE) {
        x->within[0] = x->from;
        x->within[1] = x->to;
        x->within_at = x->range_at;
    }
    x->rule = has & HAS_DATA ? RANGE_DATA
              : has & HAS_INDEX ? RANGE_OUTER : RANGE_WHERE;
    x->from = from;
    x->to = to;
    x->range_at = (struct span){b->at.begin, b->hi->at.end};
    return number;
}

/* "argmax over two indices (j,k) needs them listed ..." */
static _Noreturn void
needs_list(struct resolver *r, const struct tree *t, const struct free_list *l)
{
    struct text names = {.perm = r->cx->perm};
    static const char *const words[] = {"no", "one", "two", "three", "four"};
    for (int i = 0; i < l->n && i < LISTED; i++)
        einc_put(&names, "%s%s", i ? "," : "",
                 einc_diag_show(r->cx, l->words[i]->name, 40));
    const char *op = einc_tree_redop_name(t->redop);
    const char *list = einc_text_z(&names);
    einc_fail(r->cx, EINC_EPARSE, "E703", t->name_at,
              "%s over %s indices (%s%s) needs them listed to fix the order:"
              " '%s[%s](...)'", op, l->n < 5 ? words[l->n] : "many", list,
              l->n > LISTED ? ",..." : "", op, list);
}

static void
bind_unlisted(struct resolver *r, const struct tree *t, struct draft *d)
{
    struct free_list l = einc_draft_free(r, t->args[0], t->guard, 1);
    if (l.n == 0)
        einc_fail(r->cx, EINC_EPARSE, "E702", t->name_at,
                  "%s has nothing to reduce: every index in it is on the left"
                  " or reduced around it", einc_tree_redop_name(t->redop));
    if (l.n > 1 && redop_is_position(t->redop))
        needs_list(r, t, &l);
    d->n_bound = l.n;
    d->bound = NEW(&r->scratch, int, l.n);
    for (int i = 0; i < l.n; i++) {
        struct span at = einc_draft_first_use(t->args[0], l.words[i]->name);
        if (at.begin < 0)
            at = einc_draft_first_use(t->guard, l.words[i]->name);
        d->bound[i] = einc_draft_new_index(r, l.words[i], at, INDEX_REDUCED);
    }
}

void
einc_draft_unbind(struct resolver *r, const struct draft *d)
{
    for (int i = 0; i < d->n_bound; i++)
        einc_resolve_word(r, r->indices[d->bound[i]].name)->bound = -1;
}

/* "->q:5": q is on the left and counts. */
static void
bind_best(struct resolver *r, const struct tree *t, struct draft *d)
{
    const char *op = einc_tree_redop_name(t->redop);
    if (redop_is_best(t->redop) != (t->best.p != NULL))
        einc_fail(r->cx, EINC_EPARSE, "E708", t->name_at,
                  t->best.p ? "%s has no k best: '->' belongs to kmin kmax"
                              " argkmin argkmax"
                            : "%s says how many: '[j->q:3]' with q on the"
                              " left", op);
    if (!t->best.p)
        return;
    struct word *w = einc_resolve_word(r, t->best);
    if (w->bound < 0 || r->indices[w->bound].stmt != r->s->number
        || !r->indices[w->bound].is_left)
        einc_fail(r->cx, EINC_EPARSE, "E709", t->best_at,
                  "'%s' counts the best of %s and must be on the left",
                  einc_resolve_show(r, t->best_at), op);
    if (einc_draft_first_use(t->args[0], t->best).begin >= 0
        || einc_draft_first_use(t->guard, t->best).begin >= 0)
        einc_fail(r->cx, EINC_EPARSE, "E709", t->best_at,
                  "'%s' counts the best of %s and has no value within it",
                  einc_resolve_show(r, t->best_at), op);
    const struct draft *most = einc_draft_constant(r, t->most);
    struct draft_index *q = &r->indices[w->bound];
    if (q->kind == INDEX_NEW
        && (most->kind != DRAFT_NUMBER || q->to->kind != DRAFT_NUMBER
            || most->integer != q->to->integer))
        einc_fail(r->cx, EINC_EPARSE, "E709", t->best_at,
                  "'%s' has two extents", einc_resolve_show(r, t->best_at));
    if (q->kind != INDEX_NEW && q->rule == RANGE_WHERE)
        einc_fail(r->cx, EINC_EPARSE, "E606", q->range_at,
                  "'%s' is given two ranges",
                  einc_resolve_show(r, t->best_at));
    q->kind = INDEX_NEW;
    q->rule = RANGE_WHERE;
    q->from = einc_draft_integer(r, t->most, 0);
    q->to = most;
    d->best = w->bound;
}

static struct draft *build_softmax(struct resolver *r, const struct tree *t);

struct draft *
einc_draft_reduce(struct resolver *r, const struct tree *t)
{
    if (einc_draft_is_softmax(t))
        return build_softmax(r, t);
    struct draft *d = einc_draft_new(r, DRAFT_REDUCE, t);
    d->redop = t->redop;
    bind_best(r, t, d);
    if (t->has_list) {
        d->n_bound = t->n_bounds;
        d->bound = NEW(&r->scratch, int, t->n_bounds);
        for (int i = 0; i < t->n_bounds; i++)
            d->bound[i] = bind_listed(r, &t->bounds[i]);
    } else {
        bind_unlisted(r, t, d);
    }
    int guards = r->n_guards;
    if (t->guard) {
        d->guard = einc_draft_build(r, t->guard);
        push_guard(r, d->guard);
        d->has |= d->guard->has;
    }
    d->n_args = 1;
    d->args = NEW(&r->scratch, const struct draft *, 1);
    einc_draft_set_arg(d, 0, einc_draft_build(r, t->args[0]));
    d->has |= HAS_INDEX; /* its range is one of indices */
    r->n_guards = guards;
    einc_draft_unbind(r, d);
    return d;
}

/* --- softmax -------------------------------------------------------------- */

/* A second index of the name, of the same range. */
static int
new_twin(struct resolver *r, struct word *w, struct span at)
{
    int of = w->bound, x = einc_draft_new_index(r, w, at, INDEX_REDUCED);
    struct draft_index *twin = &r->indices[x], *i = &r->indices[of];
    twin->rule = i->rule;
    twin->from = i->from;
    twin->to = i->to;
    twin->range_at = i->range_at;
    twin->within[0] = i->within[0];
    twin->within[1] = i->within[1];
    twin->twin = i->twin >= 0 ? i->twin : of;
    return x;
}

static void
check_softmax(struct resolver *r, const struct tree *t)
{
    if (!t->has_list)
        einc_fail(r->cx, EINC_EPARSE, "E703", t->name_at,
                  "softmax needs its index listed: 'softmax[j](...)'");
    for (int i = 0; i < t->n_bounds; i++) {
        const struct tree_bound *b = &t->bounds[i];
        struct word *w = einc_resolve_word(r, b->name);
        if (b->lo)
            einc_fail(r->cx, EINC_EPARSE, "E710", b->at,
                      "softmax takes the range that '%s' has; a guard may"
                      " restrict it: 'softmax[%s](... if ...)'",
                      einc_resolve_show(r, b->at),
                      einc_resolve_show(r, b->at));
        if (w->bound < 0)
            einc_fail(r->cx, EINC_EPARSE, "E710", b->at,
                      "softmax keeps '%s': it must be on the left, or reduced"
                      " around the softmax", einc_resolve_show(r, b->at));
        for (int j = 0; j < i; j++)
            if (str_equal(t->bounds[j].name, b->name))
                einc_fail(r->cx, EINC_EPARSE, "E704", b->at,
                          "'%s' is listed twice",
                          einc_resolve_show(r, b->at));
    }
}

/* logsumexp[j'](f' if g') */
static struct draft *
build_lse(struct resolver *r, const struct tree *t)
{
    struct draft *d = einc_draft_new(r, DRAFT_REDUCE, t);
    int *was = NEW(&r->scratch, int, t->n_bounds), guards = r->n_guards;
    d->redop = REDOP_LOGSUMEXP;
    d->memo = NEW(&r->scratch, struct memo, 1);
    d->n_bound = t->n_bounds;
    d->bound = NEW(&r->scratch, int, t->n_bounds);
    for (int i = 0; i < t->n_bounds; i++) {
        struct word *w = einc_resolve_word(r, t->bounds[i].name);
        was[i] = w->bound;
        d->bound[i] = new_twin(r, w, t->bounds[i].at);
    }
    if (t->guard) {
        d->guard = einc_draft_build(r, t->guard);
        push_guard(r, d->guard);
        d->has |= d->guard->has;
    }
    d->n_args = 1;
    d->args = NEW(&r->scratch, const struct draft *, 1);
    einc_draft_set_arg(d, 0, einc_draft_build(r, t->args[0]));
    d->has |= HAS_INDEX;
    r->n_guards = guards;
    for (int i = 0; i < t->n_bounds; i++)
        einc_resolve_word(r, t->bounds[i].name)->bound = was[i];
    return d;
}

static struct draft *
new_float(struct resolver *r, const struct tree *t, double value)
{
    struct draft *d = einc_draft_new(r, DRAFT_NUMBER, t);
    d->number = value;
    return d;
}

static struct draft *
choose(struct resolver *r, const struct tree *t, const struct draft *c,
       const struct draft *yes, const struct draft *no)
{
    struct draft *d = einc_draft_call(r, FN_SELECT, t, 3);
    einc_draft_set_arg(d, 0, c);
    einc_draft_set_arg(d, 1, yes);
    einc_draft_set_arg(d, 2, no);
    return d;
}

/* Without a guard exp() is NaN by itself where the row is all -inf. With one,
 * g ? e : lse == -inf ? nan : 0. softmax0: lse == -inf ? 0 : e, and 0 where
 * the guard is false. */
static struct draft *
mask_softmax(struct resolver *r, const struct tree *t, const struct draft *g,
             struct draft *e, const struct draft *lse)
{
    struct draft *zero = new_float(r, t, 0);
    struct draft *empty = einc_draft_call(r, FN_EQ, t, 2);
    einc_draft_set_arg(empty, 0, lse);
    einc_draft_set_arg(empty, 1, new_float(r, t, -__builtin_inf()));
    if (t->redop == REDOP_SOFTMAX0) {
        e = choose(r, t, empty, zero, e);
        return g ? choose(r, t, g, e, zero) : e;
    }
    return choose(r, t, g, e, choose(r, t, empty,
                                     new_float(r, t, __builtin_nan("")),
                                     zero));
}

static struct draft *
build_softmax(struct resolver *r, const struct tree *t)
{
    check_softmax(r, t);
    struct draft *lse = build_lse(r, t);
    const struct draft *g = t->guard ? einc_draft_build(r, t->guard) : NULL;
    int guards = r->n_guards;
    struct draft *less = einc_draft_call(r, FN_SUB, t, 2);
    einc_draft_set_arg(less, 0, einc_draft_build(r, t->args[0]));
    einc_draft_set_arg(less, 1, lse);
    r->n_guards = guards;
    struct draft *e = einc_draft_call(r, FN_EXP, t, 1);
    einc_draft_set_arg(e, 0, less);
    e->lse = lse;
    return g || t->redop == REDOP_SOFTMAX0 ? mask_softmax(r, t, g, e, lse)
                                           : e;
}


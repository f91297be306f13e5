/* SPDX-License-Identifier: MIT
 *
 * draft_names.c - which names of a statement are indices, and which of them
 * are free in a tree; see draft_build.h.
 */
#include "parse/draft_build.h"

/* --- what is an index ----------------------------------------------------- */

/* Marks what is an index in this statement: names in subscripts, and those
 * that are given a range. Sizes of a header are constants there, but for those
 * that stand alone: in `C[n,m] = A[n,k]*B[k,m]` n, m and k are indices, though
 * the header says A[n,k]. */
static void
mark_word(struct resolver *r, struct str name, struct span at, int alone)
{
    struct word *w = einc_resolve_word(r, name);
    if (einc_draft_is_index(r, w)
        || (w->is_parameter && !(w->is_size && alone)))
        return;
    if (w->tensor >= 0)
        einc_fail(r->cx, EINC_EPARSE, "E311", at,
                  "'%s' is an index here and a tensor elsewhere",
                  einc_resolve_show(r, at));
    w->is_index = r->s->number + 1;
    w->bound = -1;
    w->at = at;
}

enum { OUTSIDE, WITHIN, ALONE }; /* of a subscript; all of it */

static void
mark_names(struct resolver *r, const struct tree *t, int in_subscript)
{
    if (t->kind == TREE_NAME && in_subscript)
        mark_word(r, t->name, t->at, in_subscript == ALONE);
    if (einc_draft_is_shape(t))
        return;
    int n = t->kind == TREE_MODE ? 1 : t->n_args;
    int inner = t->kind == TREE_ACCESS ? ALONE
                : t->kind == TREE_MODE ? in_subscript
                : in_subscript && t->kind != TREE_REDUCE ? WITHIN : OUTSIDE;
    for (int i = 0; i < n; i++)
        mark_names(r, t->args[i], inner);
    for (int i = 0; i < t->n_bounds; i++) {
        mark_word(r, t->bounds[i].name, t->bounds[i].at, 1);
        if (t->bounds[i].lo) {
            mark_names(r, t->bounds[i].lo, OUTSIDE);
            mark_names(r, t->bounds[i].hi, OUTSIDE);
        }
    }
    if (t->guard)
        mark_names(r, t->guard, OUTSIDE);
    if (t->best.p)
        mark_word(r, t->best, t->best_at, 1);
}

void
einc_draft_mark(struct resolver *r, const struct tree_stmt *s)
{
    mark_names(r, s->left, OUTSIDE);
    mark_names(r, s->right, OUTSIDE);
    for (int i = 0; i < s->n_where; i++)
        mark_word(r, s->where[i].name, s->where[i].at, 1);
}

/* --- free names ----------------------------------------------------------- */

static void
add_free(struct resolver *r, struct free_list *l, struct str name)
{
    struct word *w = einc_resolve_word(r, name);
    if (!einc_draft_is_index(r, w) || w->bound != -1 || w->listed == r->stamp)
        return;
    w->listed = r->stamp;
    l->words = GROW(&r->scratch, struct word *, l->words, l->n);
    l->words[l->n++] = w;
}

static void list_free(struct resolver *r, struct free_list *l,
                      const struct tree *t);

/* What a reduction hides within itself is free again behind it. Softmax
 * leaves its indices free. */
static void
list_reduce(struct resolver *r, struct free_list *l, const struct tree *t)
{
    int softmax = einc_draft_is_softmax(t);
    int *was = NEW(&r->scratch, int, t->n_bounds);
    for (int i = 0; i < t->n_bounds; i++) {
        struct word *w = einc_resolve_word(r, t->bounds[i].name);
        if (t->bounds[i].lo) {
            list_free(r, l, t->bounds[i].lo);
            list_free(r, l, t->bounds[i].hi);
        }
        if (softmax)
            add_free(r, l, t->bounds[i].name);
        was[i] = w->bound;
        if (!softmax && w->bound == -1)
            w->bound = -2;
    }
    list_free(r, l, t->args[0]);
    if (t->guard)
        list_free(r, l, t->guard);
    for (int i = t->n_bounds - 1; i >= 0; i--)
        einc_resolve_word(r, t->bounds[i].name)->bound = was[i];
}

static void
list_free(struct resolver *r, struct free_list *l, const struct tree *t)
{
    if (t->kind == TREE_NAME)
        add_free(r, l, t->name);
    if (t->kind == TREE_REDUCE) {
        if (t->has_list || einc_draft_is_softmax(t) || l->into_unlisted)
            list_reduce(r, l, t);
    } else if (!einc_draft_is_shape(t)) {
        for (int i = 0; i < t->n_args; i++)
            list_free(r, l, t->args[i]);
    }
}

struct free_list
einc_draft_free(struct resolver *r, const struct tree *a, const struct tree *b,
                int into_unlisted)
{
    struct free_list l = {NULL, 0, into_unlisted};
    r->stamp++;
    list_free(r, &l, a);
    if (b)
        list_free(r, &l, b);
    return l;
}

int
einc_draft_mark_uses(struct resolver *r, struct diag *d, const struct tree *t,
                     struct str name, int left)
{
    if (left == 0 || einc_draft_is_shape(t))
        return left;
    for (int i = 0; i < t->n_bounds; i++) {
        const struct tree_bound *b = &t->bounds[i];
        if (b->lo) {
            left = einc_draft_mark_uses(r, d, b->lo, name, left);
            left = einc_draft_mark_uses(r, d, b->hi, name, left);
        }
        if (!str_equal(b->name, name))
            continue;
        if (!einc_draft_is_softmax(t) || left == 0)
            return left;
        einc_diag_mark(r->cx, d, b->at, -1, -1, "%s", "");
        left--;
    }
    if (t->kind == TREE_NAME && str_equal(t->name, name) && left) {
        einc_diag_mark(r->cx, d, t->at, -1, -1, "%s", "");
        return left - 1;
    }
    for (int i = 0; i < t->n_args; i++)
        left = einc_draft_mark_uses(r, d, t->args[i], name, left);
    return t->guard ? einc_draft_mark_uses(r, d, t->guard, name, left) : left;
}

struct span
einc_draft_first_use(const struct tree *t, struct str name)
{
    struct span at = {-1, -1};
    if (!t || einc_draft_is_shape(t))
        return at;
    if (t->kind == TREE_NAME && str_equal(t->name, name))
        return t->at;
    for (int i = 0; i < t->n_bounds && at.begin < 0; i++) {
        const struct tree_bound *b = &t->bounds[i];
        if (str_equal(b->name, name))
            return b->at;
        at = einc_draft_first_use(b->lo, name);
        if (at.begin < 0)
            at = einc_draft_first_use(b->hi, name);
    }
    for (int i = 0; i < t->n_args && at.begin < 0; i++)
        at = einc_draft_first_use(t->args[i], name);
    return at.begin < 0 ? einc_draft_first_use(t->guard, name) : at;
}


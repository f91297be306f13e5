/* SPDX-License-Identifier: MIT
 *
 * left.c - left sides: see left.h.
 */
#include "parse/left.h"

#include <assert.h>

enum { SHOWN = 40 };

/* --- equal positions ------------------------------------------------------ */

static int
is_same(const struct draft *a, const struct draft *b)
{
    if (a->kind != b->kind || a->n_args != b->n_args)
        return 0;
    for (int i = 0; i < a->n_args; i++)
        if (!is_same(a->args[i], b->args[i]))
            return 0;
    switch (a->kind) {
    case DRAFT_NUMBER:
        return a->is_integer && b->is_integer && a->integer == b->integer;
    case DRAFT_INDEX: return a->index == b->index;
    case DRAFT_CALL: return a->fn == b->fn;
    case DRAFT_DIM: return a->tensor == b->tensor && a->dim == b->dim;
    default: return 0; /* reads and casts of different places, perhaps */
    }
}

static int
is_same_place(const struct draft_access *a, const struct draft_access *b)
{
    for (int i = 0; i < a->n_subs; i++)
        if (a->subs[i].mode != b->subs[i].mode
            || !is_same(a->subs[i].value, b->subs[i].value))
            return 0;
    return 1;
}

/* --- the parts of a left side --------------------------------------------- */

static int
is_bare(const struct draft_access *left, int dim)
{
    const struct draft_sub *u = &left->subs[dim];
    if (u->mode != BOUND_CHECK || u->value->kind != DRAFT_INDEX)
        return 0;
    for (int i = 0; i < dim; i++)
        if (left->subs[i].value->kind == DRAFT_INDEX
            && left->subs[i].value->index == u->value->index)
            return 0;
    return 1;
}

/* A literal 0: position 0 of an axis of extent 1. */
static int
is_zero(const struct draft_access *left, int dim)
{
    const struct draft *d = left->subs[dim].value;
    return left->subs[dim].mode == BOUND_CHECK && d->kind == DRAFT_NUMBER
           && d->is_integer && d->integer == 0;
}

static int
is_plain(const struct draft_access *left)
{
    for (int d = 0; d < left->n_subs; d++)
        if (!is_bare(left, d) && !is_zero(left, d))
            return 0;
    return 1;
}

/* --- faults --------------------------------------------------------------- */

static void
propose_add(struct resolver *r, struct diag *d, const struct draft_stmt *s)
{
    struct edit e = {s->tree->op_at, str_of("+=")};
    einc_resolve_propose(r, d, "use '+=', 'max=' or 'min='", &e, 1);
}

/* First index of a draft, as written; NULL: none. */
static const struct draft *
first_index(const struct draft *d)
{
    if (d->kind == DRAFT_INDEX)
        return d;
    const struct draft *x = NULL;
    for (int i = 0; i < d->n_args && !x; i++)
        x = first_index(d->args[i]);
    if (d->kind == DRAFT_ACCESS)
        for (int i = 0; i < d->access->n_subs && !x; i++)
            x = first_index(d->access->subs[i].value);
    return x;
}

static void
many_to_one(struct resolver *r, const struct draft_stmt *s,
            const struct draft_sub *u)
{
    const struct draft *x = first_index(u->value);
    struct diag *d;
    if (x && u->value->has & HAS_DATA)
        d = einc_diag_add(r->cx, EINC_ESHAPE, "E705",
                          "several %s may write one element",
                          einc_resolve_show(r, x->at));
    else
        d = einc_diag_add(r->cx, EINC_ESHAPE, "E705",
                          "'=' must write every element once, and '%s' does"
                          " not tell that it does",
                          einc_resolve_show(r, u->at));
    einc_diag_mark(r->cx, d, u->at, -1, u->dim, "%s", "");
    propose_add(r, d, s);
}

static void
check_set(struct resolver *r, const struct draft_stmt *s)
{
    for (int d = 0; d < s->left->n_subs; d++)
        if (!is_bare(s->left, d) && !is_zero(s->left, d)) {
            many_to_one(r, s, &s->left->subs[d]);
            return;
        }
}

static void
read_elsewhere(struct resolver *r, const struct draft_access *a, int scatters)
{
    struct diag *d = einc_diag_add(
        r->cx, EINC_ESHAPE, "E706",
        scatters ? "the output is read while others of its elements are"
                   " written"
                 : "the output is read at another position than it is"
                   " written");
    einc_diag_mark(r->cx, d, a->at, -1, -1, "%s", "");
    einc_diag_hint(r->cx, d, "use a temporary");
}

static void
check_self(struct resolver *r, const struct draft_stmt *s)
{
    int plain = is_plain(s->left);
    for (int i = 0; i < s->n_subs; i++) {
        const struct draft_access *a = s->subs[i]->access;
        if (!a->is_self || s->subs[i]->dim != 0)
            continue;
        if (!plain)
            read_elsewhere(r, a, 1);
        else if (!is_same_place(a, s->left))
            read_elsewhere(r, a, 0);
    }
}

void
einc_left_stmt(struct resolver *r, struct draft_stmt *s)
{
    const struct named *n = &r->tensors[s->left->tensor];
    s->is_new = !n->known;
    if (s->op == ASSIGN_SET)
        check_set(r, s);
    check_self(r, s);
    einc_diag_stop(r->cx);
    if (!s->is_new)
        return;
    if (!is_plain(s->left))
        einc_fail(r->cx, EINC_ESHAPE, "E410", s->left->at,
                  "the shape of '%s' must be given: its left side does not"
                  " tell it", einc_resolve_name(r, s->left->tensor));
    for (int d = 0; d < s->left->n_subs; d++)
        if (is_bare(s->left, d))
            r->indices[s->left->subs[d].value->index].makes_dim = 1;
}

/* --- after ranges --------------------------------------------------------- */

/* Whether a plain left side writes all positions of a dim. */
static int
covers(const struct resolver *r, const struct draft_access *left, int dim)
{
    int64_t size = r->tensors[left->tensor].shape[dim];
    if (is_zero(left, dim))
        return size == 1;
    if (!is_bare(left, dim))
        return 0;
    const struct draft_index *x =
        &r->indices[left->subs[dim].value->index];
    return x->lo == 0 && x->hi == size;
}

static void
leaves_out(struct resolver *r, const struct draft_stmt *s, int dim)
{
    const struct draft_sub *u = &s->left->subs[dim];
    const struct named *n = &r->tensors[s->left->tensor];
    const char *text = einc_resolve_show(r, u->at);
    struct text in = {.perm = r->cx->perm};
    if (is_bare(s->left, dim)) {
        const struct draft_index *x = &r->indices[u->value->index];
        einc_put(&in, " in %lld:%lld", (long long)x->lo, (long long)x->hi);
    }
    struct diag *d = einc_diag_add(
        r->cx, EINC_ESHAPE, "E705",
        "'=' must write every element: %s%s is not all of %s dim %d"
        " (size %lld)", text, einc_text_z(&in),
        einc_resolve_name(r, s->left->tensor), dim,
        (long long)n->shape[dim]);
    einc_diag_mark(r->cx, d, u->at, -1, dim, "%s", "");
    propose_add(r, d, s);
}

void
einc_left_cover(struct resolver *r, struct draft_stmt *s)
{
    for (int d = 0; d < s->left->n_subs; d++) {
        if (covers(r, s->left, d))
            continue;
        if (s->op == ASSIGN_SET)
            leaves_out(r, s, d);
        s->scatters = 1;
    }
}

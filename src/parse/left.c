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

static int
holds_index(const struct draft *d, int index)
{
    if (d->kind == DRAFT_INDEX)
        return d->index == index;
    for (int i = 0; i < d->n_args; i++)
        if (holds_index(d->args[i], index))
            return 1;
    return 0;
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

/* Whether a draft names an index that stands in a dim before this one. */
static int
repeats_index(const struct draft_access *left, int dim, const struct draft *d)
{
    if (d->kind == DRAFT_INDEX)
        for (int e = 0; e < dim; e++)
            if (holds_index(left->subs[e].value, d->index))
                return 1;
    for (int i = 0; i < d->n_args; i++)
        if (repeats_index(left, dim, d->args[i]))
            return 1;
    return 0;
}

/* What cannot be right whatever the ranges are: the rest is for
 * einc_left_cover(). */
static void
check_set(struct resolver *r, const struct draft_stmt *s)
{
    for (int d = 0; d < s->left->n_subs; d++) {
        const struct draft_sub *u = &s->left->subs[d];
        int affine = u->mode == BOUND_CHECK && u->value->has == HAS_INDEX
                     && !repeats_index(s->left, d, u->value);
        if (affine || is_zero(s->left, d))
            continue;
        many_to_one(r, s, u);
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
    int plain = is_plain(s->left) || s->op == ASSIGN_SET;
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

static int64_t
extent_of(const struct draft_index *x)
{
    return x->hi > x->lo ? x->hi - x->lo : 0;
}

/* Takes from the terms of an affine subscript the digit of weight `at`: one
 * whose coefficient is +at or -at. Returns the next weight; 0: none is left. */
static int64_t
next_digit(const struct resolver *r, const struct draft_sub *u, int64_t at,
           char *taken)
{
    for (int k = 0; k < u->n_terms; k++) {
        int64_t n = extent_of(&r->indices[u->terms[k].index]), next;
        if (taken[k] || n == 1 || (u->terms[k].coef != at
                                   && u->terms[k].coef != -at))
            continue;
        taken[k] = 1;
        return __builtin_mul_overflow(at, n, &next) ? 0 : next;
    }
    return 0;
}

/* Whether an affine subscript is every position of its dim once: its indices
 * are the digits of a number, as h and r in 2*h+r with r in 0:2. */
static int
counts_through(const struct resolver *r, const struct draft_sub *u,
               int64_t size)
{
    struct arena scratch = r->scratch;
    char *taken = NEW(&scratch, char, u->n_terms);
    int64_t least = u->constant, at = 1;
    int digits = 0;
    if (!u->is_linear || u->n_parts || u->mode != BOUND_CHECK)
        return 0;
    for (int k = 0; k < u->n_terms; k++) { /* all of it was proved to fit */
        const struct draft_index *x = &r->indices[u->terms[k].index];
        if (extent_of(x) == 0)
            return size == 0;
        least += u->terms[k].coef * (u->terms[k].coef > 0 ? x->lo
                                                           : x->hi - 1);
        digits += extent_of(x) > 1;
    }
    for (; digits > 0 && at > 0; digits--)
        at = next_digit(r, u, at, taken);
    return least == 0 && at == size;
}

/* Every index that is written counts in this dim, as 0*i does not, and in no
 * other. */
static int
stands_alone(const struct resolver *r, const struct draft_stmt *s, int dim)
{
    const struct draft_sub *u = &s->left->subs[dim];
    for (int l = 0; l < s->n_loops; l++) {
        int here = 0;
        for (int k = 0; k < u->n_terms; k++)
            here |= u->terms[k].index == s->loops[l];
        if (!here && holds_index(u->value, s->loops[l])
            && extent_of(&r->indices[s->loops[l]]) > 1)
            return 0;
        for (int d = 0; here && d < s->left->n_subs; d++)
            if (d != dim && holds_index(s->left->subs[d].value, s->loops[l]))
                return 0;
    }
    return 1;
}

/* Whether a left side writes all positions of a dim, each at one value of the
 * indices there. */
static int
covers(const struct resolver *r, const struct draft_stmt *s, int dim)
{
    return stands_alone(r, s, dim)
           && counts_through(r, &s->left->subs[dim],
                             r->tensors[s->left->tensor].shape[dim]);
}

static void
leaves_out(struct resolver *r, const struct draft_stmt *s, int dim)
{
    const struct draft_sub *u = &s->left->subs[dim];
    const struct named *n = &r->tensors[s->left->tensor];
    const char *text = einc_resolve_show(r, u->at);
    struct text in = {.perm = r->cx->perm};
    if (!is_bare(s->left, dim) && first_index(u->value)) {
        many_to_one(r, s, u);
        return;
    }
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
        if (covers(r, s, d))
            continue;
        if (s->op == ASSIGN_SET)
            leaves_out(r, s, d);
        s->scatters = 1;
    }
}

/* SPDX-License-Identifier: MIT
 *
 * script_repeat.c - sums over repeats: in `sum[q](A[i,q]*B[q%P,d])` what is
 * loaded again with every P values of q need not be multiplied again. q is
 * P*r + p, of which B has p alone: the sum over r is A's own, and the planner
 * of contractions takes it first.
 */
#include "plan/script_parts.h"

struct splitting {
    struct rewrite *r;
    int q;           /* the index */
    int64_t period;  /* P; 0: none was seen */
    int only_so;     /* every use is affine, or q%P with one P */
    int part[2];     /* r, p */
};

/* P, if the node is q%P; else 0. */
static int64_t
period_of(const struct splitting *s, const struct node *n)
{
    const struct node *q = n->kind == NODE_CALL && n->fn == FN_MOD ? n->args[0]
                                                                   : NULL;
    if (!q || q->kind != NODE_INDEX || q->index != s->q ||
        n->args[1]->kind != NODE_NUMBER)
        return 0;
    return n->args[1]->integer;
}

static int
is_index(void *user, const struct node *n)
{
    const struct splitting *s = user;
    return n->kind == NODE_INDEX && n->index == s->q;
}

static int
look(void *user, const struct node *n)
{
    struct splitting *s = user;
    for (int d = 0; n->access && d < n->access->n_subs; d++) {
        const struct subscript *sub = &n->access->subs[d];
        int uses = sub->rest &&
                   einc_rewrite_any(&s->r->p, sub->rest, is_index, s);
        int64_t period = uses ? period_of(s, sub->rest) : 0;
        for (int k = 0; k < sub->n_terms; k++)
            s->only_so &= sub->terms[k].index != s->q ||
                          (sub->mode == BOUND_CHECK && !sub->checked);
        if (!uses)
            continue;
        s->only_so &= period > 0 && sub->mode == BOUND_CHECK &&
                      !sub->checked &&
                      (!s->period || s->period == period);
        s->period = period;
    }
    return 0;
}

/* What would have to be split with it. */
static int
is_bound(void *user, const struct node *n)
{
    const struct splitting *s = user;
    for (int b = 0; n->kind == NODE_REDUCE && b < n->n_bound; b++) {
        const struct index *x = &s->r->p.indices[n->bound[b]];
        if (x->from || x->to)
            return 1;
    }
    return n->kind == NODE_REDUCE && n->guard;
}

/* q as a number anywhere but in a subscript. */
static int
is_number(const struct splitting *s, const struct node *n)
{
    if (n->kind == NODE_INDEX && n->index == s->q)
        return 1;
    for (int a = 0; a < n->n_args; a++)
        if (is_number(s, n->args[a]))
            return 1;
    return 0;
}

/* --- doing it ----------------------------------------------------------- */

/* coef*q becomes coef*P*r + coef*p, and q%P becomes p. */
static struct subscript
split_subscript(const struct splitting *s, const struct subscript *from)
{
    struct subscript own = *from;
    own.terms = NEW(s->r->perm, struct affine_term, from->n_terms + 2);
    own.n_terms = 0;
    for (int k = 0; k < from->n_terms; k++) {
        struct affine_term t = from->terms[k];
        if (t.index != s->q) {
            own.terms[own.n_terms++] = t;
            continue;
        }
        own.terms[own.n_terms++] =
            (struct affine_term){s->part[0], t.coef * s->period};
        own.terms[own.n_terms++] = (struct affine_term){s->part[1], t.coef};
    }
    if (from->rest && period_of(s, from->rest)) {
        own.rest = NULL;
        own.terms[own.n_terms++] = (struct affine_term){s->part[1], 1};
    }
    return own;
}

static const struct node *
put_parts(void *user, const struct node *n)
{
    const struct splitting *s = user;
    if (!n->access)
        return NULL;
    struct node *own = NEW(s->r->perm, struct node, 1);
    struct access *a = NEW(s->r->perm, struct access, 1);
    *own = *n;
    *a = *n->access;
    a->subs = NEW(s->r->perm, struct subscript, a->n_subs);
    for (int d = 0; d < a->n_subs; d++)
        a->subs[d] = split_subscript(s, &n->access->subs[d]);
    own->access = a;
    return own;
}

static int
new_part(const struct splitting *s, int64_t extent)
{
    struct index own = s->r->p.indices[s->q];
    own.lo = 0;
    own.hi = extent;
    return einc_rewrite_index(s->r, &own);
}

/* The sum with two indices in the place of one. */
static const struct node *
split_sum(struct splitting *s, const struct node *sum, int at)
{
    struct rewrite *r = s->r;
    int64_t n = r->p.indices[s->q].hi;
    struct node *own = NEW(r->perm, struct node, 1);
    *own = *sum;
    s->part[0] = new_part(s, n / s->period);
    s->part[1] = new_part(s, s->period);
    own->bound = NEW(r->perm, int, sum->n_bound + 1);
    own->n_bound = 0;
    for (int b = 0; b < sum->n_bound; b++) {
        if (b == at)
            own->bound[own->n_bound++] = s->part[0];
        own->bound[own->n_bound++] = b == at ? s->part[1] : sum->bound[b];
    }
    int *to = NEW(r->perm, int, r->p.n_indices);
    for (int x = 0; x < r->p.n_indices; x++)
        to[x] = x;
    struct rename how = {.to = to, .swap = put_parts, .user = s};
    own->args = NEW(r->perm, const struct node *, 1);
    own->args[0] = einc_rewrite_node(r, sum->args[0], &how, 0);
    return own;
}

/* Whether an access within the sum repeats along its index number `at`. */
static int
repeats(struct splitting *s, const struct node *sum, int at)
{
    const struct index *x = &s->r->p.indices[sum->bound[at]];
    if (x->from || x->to || x->lo != 0)
        return 0;
    s->q = sum->bound[at];
    s->period = 0;
    s->only_so = 1;
    einc_rewrite_any(&s->r->p, sum->args[0], look, s);
    return s->only_so && s->period > 1 && x->hi > s->period &&
           x->hi % s->period == 0 && !is_number(s, sum->args[0]) &&
           !einc_rewrite_any(&s->r->p, sum, is_bound, s);
}

const struct node *
einc_script_repeated(struct rewrite *r, const struct node *sum)
{
    struct splitting s = {.r = r};
    const struct node *own = NULL;
    if (sum->kind != NODE_REDUCE || sum->redop != REDOP_SUM || sum->guard)
        return NULL;
    for (int b = sum->n_bound - 1; b >= 0; b--)
        if (repeats(&s, own ? own : sum, b))
            own = split_sum(&s, own ? own : sum, b);
    return own;
}

void
einc_script_tell_repeat(struct rewrite *r, const struct node *sum)
{
    struct str words = einc_rewrite_words(r, sum->at);
    einc_rewrite_note(r, "repeats: %.*s loads the same again and again; what "
                      "it is multiplied by is summed first", (int)words.n,
                      words.p);
}

/* Elsewhere than in an einsum two loops are no better than one. */
void
einc_script_repeat(struct rewrite *r, struct arena scratch,
                   int64_t slice_bytes)
{
    for (int at = 0; at < r->p.n_stmts; at++) {
        struct stage whole;
        struct arena room = scratch;
        const struct node *sum = r->p.stmts[at].right;
        const struct node *own = einc_script_repeated(r, sum);
        if (!own)
            continue;
        r->p.stmts[at].right = own;
        if (einc_script_is_contract(&room, &r->p, &r->p.stmts[at], slice_bytes,
                                    &whole))
            einc_script_tell_repeat(r, sum);
        else
            r->p.stmts[at].right = sum;
    }
}

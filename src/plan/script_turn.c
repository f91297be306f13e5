/* SPDX-License-Identifier: MIT
 *
 * script_turn.c - bands: in `O[i,t] = A[i,k]*B[i+t,k]` every row of A meets
 * rows of B of its own, so that there is no matrix product, and neighbours in
 * t lie a row apart. With B turned, T[k,i+t], they are neighbours in memory:
 * a band costs what it holds, with t in the lanes. And blocks that a mask
 * keeps, `O[I,r,J,c] = M[I,J] ? sum[k](A[I,r,k]*B[k,J,c]) : 0`, which loops
 * compute: their rows of B lie multiples of 4096 bytes apart and push each
 * other out of the caches, while those of T[J,k,c] lie together.
 */
#include "plan/script_parts.h"

enum {
    LEAST_LANES = 16,
    LEAST_USES = 8,   /* of an element of the copy */
    LEAST_MASKED = 256, /* the same, though a mask may keep few */
    PAGE = 4096,      /* bytes after which places in a cache are the same */
    MOST_DIMS = 60
};

static double
extent_of(const struct program *p, int x)
{
    return (double)(p->indices[x].hi - p->indices[x].lo);
}

static int
is_among(const int *list, int n, int x)
{
    for (int k = 0; k < n; k++)
        if (list[k] == x)
            return 1;
    return 0;
}

/* The dim that several loops of the statement walk along, the last of them a
 * step at a time; -1: none, or it lies together. */
static int
window_of(const struct program *p, const struct stmt *s,
          const struct access *a)
{
    int window = -1, last = a->n_subs - 1;
    for (int d = 0; d <= last; d++) {
        const struct subscript *sub = &a->subs[d];
        int steps = 0, loops = 1;
        if (sub->rest || sub->checked)
            return -1;
        for (int k = 0; k < sub->n_terms; k++) {
            loops &= is_among(s->loops, s->n_loops, sub->terms[k].index);
            steps |= sub->terms[k].index == s->loops[s->n_loops - 1] &&
                     sub->terms[k].coef == 1;
        }
        if (sub->n_terms > 1 && loops && steps)
            window = d;
    }
    if (window < 0 || window == last || p->tensors[a->tensor].stride[last] != 1)
        return -1;
    return window;
}

/* The sum's index that runs along the last dim of the access, alone. */
static int
sums_along(const struct node *sum, const struct access *a)
{
    const struct subscript *sub = &a->subs[a->n_subs - 1];
    return sub->n_terms == 1 &&
           is_among(sum->bound, sum->n_bound, sub->terms[0].index);
}

struct turning {
    struct rewrite *r;
    const struct access *found; /* to be turned */
    const struct node *node;    /* that holds it */
    const struct access *other;
    int n;                      /* accesses */
    const struct stmt *s;
    int window;
    int place[MOST_DIMS];       /* in the copy, of each dim */
    int turned;                 /* the tensor */
};

static int
has_index(const struct access *a, int x)
{
    for (int d = 0; d < a->n_subs; d++)
        for (int k = 0; k < a->subs[d].n_terms; k++)
            if (a->subs[d].terms[k].index == x)
                return 1;
    return 0;
}

static int
look(void *user, const struct node *n)
{
    struct turning *x = user;
    if (!n->access)
        return 0;
    int window = window_of(&x->r->p, x->s, n->access);
    x->n++;
    if (window < 0) {
        x->other = n->access;
    } else {
        x->found = n->access;
        x->node = n;
        x->window = window;
    }
    return 0;
}

/* The other one does not move with the last loop, but with one that the window
 * has, too: else it is a matrix product. */
static int
is_band(const struct turning *x)
{
    const struct subscript *w = &x->found->subs[x->window];
    int lane = x->s->loops[x->s->n_loops - 1], shared = 0;
    for (int k = 0; k < w->n_terms; k++)
        shared |= has_index(x->other, w->terms[k].index);
    return shared && !has_index(x->other, lane);
}

/* Whether the copy is small beside the work. */
static int
pays(const struct program *p, const struct stmt *s, const struct node *sum,
     const struct access *a, int uses)
{
    double points = 1, elements = 1;
    for (int l = 0; l < s->n_loops; l++)
        points *= extent_of(p, s->loops[l]);
    for (int b = 0; b < sum->n_bound; b++)
        points *= extent_of(p, sum->bound[b]);
    for (int d = 0; d < p->tensors[a->tensor].n_dims; d++)
        elements *= (double)p->tensors[a->tensor].shape[d];
    return extent_of(p, s->loops[s->n_loops - 1]) >= LEAST_LANES &&
           points >= uses * elements;
}

/* --- doing it ----------------------------------------------------------- */

/* T[.., k, u] = B[.., u, k] or the like, before statement number `at`. */
static void
copy(struct turning *x, int at)
{
    struct rewrite *r = x->r;
    const struct access *a = x->found;
    int *from = NEW(r->perm, int, a->n_subs);
    int *to = NEW(r->perm, int, a->n_subs);
    for (int d = 0; d < a->n_subs; d++) {
        struct index own = {.name = str_of("u"), .kind = INDEX_FREE,
                            .hi = r->p.tensors[a->tensor].shape[d],
                            .at = a->at};
        to[x->place[d]] = from[d] = einc_rewrite_index(r, &own);
    }
    x->turned = einc_rewrite_temp(r, x->node->type, to, a->n_subs, a->at);
    struct node *read = NEW(r->perm, struct node, 1);
    *read = (struct node){.kind = NODE_ACCESS, .type = x->node->type,
                          .best = -1, .at = a->at};
    read->access = einc_rewrite_access(r, a->tensor, from, a->n_subs, a->at);
    struct stmt own = {.op = ASSIGN_SET, .right = read, .loops = to,
                       .n_loops = a->n_subs, .at = a->at};
    own.left = *einc_rewrite_access(r, x->turned, to, a->n_subs, a->at);
    einc_rewrite_insert(r, at, &own);
}

static const struct node *
put_turned(void *user, const struct node *n)
{
    const struct turning *x = user;
    if (n->access != x->found)
        return NULL;
    struct node *own = NEW(x->r->perm, struct node, 1);
    struct access *a = NEW(x->r->perm, struct access, 1);
    *own = *n;
    *a = *n->access;
    a->tensor = x->turned;
    a->subs = NEW(x->r->perm, struct subscript, a->n_subs);
    for (int d = 0; d < a->n_subs; d++)
        a->subs[x->place[d]] = n->access->subs[d];
    own->access = a;
    return own;
}

/* The copy, and the statement with it. */
static void
put_copy(struct turning *x, int at)
{
    struct rewrite *r = x->r;
    copy(x, at);
    int *to = NEW(r->perm, int, r->p.n_indices);
    for (int i = 0; i < r->p.n_indices; i++)
        to[i] = i;
    struct rename how = {.to = to, .swap = put_turned, .user = x};
    r->p.stmts[at + 1].right =
        einc_rewrite_node(r, r->p.stmts[at + 1].right, &how, 0);
}

/* The window last, the others as they were. */
static void
place_window(struct turning *x)
{
    int last = x->found->n_subs - 1;
    for (int d = 0; d <= last; d++)
        x->place[d] = d == x->window ? last : d < x->window ? d : d - 1;
}

/* Whether a statement was put before number `at`. */
static int
turn(struct rewrite *r, struct arena scratch, int64_t slice_bytes, int at)
{
    struct stage whole;
    const struct stmt *s = &r->p.stmts[at];
    const struct node *sum = s->right;
    if (s->scatters || !s->n_loops || sum->kind != NODE_REDUCE ||
        !einc_script_is_contract(&scratch, &r->p, s, slice_bytes, &whole) ||
        whole.n_in != 2)
        return 0;
    struct turning x = {.r = r, .s = s};
    einc_rewrite_any(&r->p, sum, look, &x);
    if (!x.found || !x.other || x.n != 2 ||
        x.found->n_subs > MOST_DIMS || !is_band(&x) ||
        !sums_along(sum, x.found) ||
        x.node->type != r->p.tensors[x.found->tensor].dtype ||
        !pays(&r->p, s, sum, x.found, LEAST_USES))
        return 0;
    place_window(&x);
    put_copy(&x, at);
    return 1;
}

/* --- blocks under a mask ------------------------------------------------- */

/* What a choice keeps: a sum of products of two accesses; NULL: it is none. */
static const struct node *
masked_sum(const struct node *n)
{
    for (int a = 1; n->kind == NODE_CALL && n->fn == FN_SELECT && a < 3; a++) {
        const struct node *sum = n->args[a];
        if (sum->kind != NODE_REDUCE || sum->redop != REDOP_SUM ||
            sum->guard || sum->n_bound != 1)
            continue;
        const struct node *x = sum->args[0];
        int product = x->kind == NODE_PRODUCT ||
                      (x->kind == NODE_CALL && x->fn == FN_MUL);
        if (product && x->n_args == 2 && x->args[0]->kind == NODE_ACCESS &&
            x->args[1]->kind == NODE_ACCESS)
            return sum;
    }
    return NULL;
}

/* Outer dims as they were, then the summed one, then the lane: from [k,J,c]
 * to [J,k,c]. 0: its rows do not lie apart so, or lie together already. */
static int
place_rows(struct turning *x, int bound)
{
    const struct program *p = &x->r->p;
    const struct tensor *t = &p->tensors[x->found->tensor];
    int last = x->found->n_subs - 1, k = -1;
    for (int d = 0; d < last; d++)
        if (x->found->subs[d].terms[0].index == bound)
            k = d;
    if (k < 0 || k == last - 1 || t->stride[last] != 1 ||
        t->stride[k] * einc_dtype_info(t->dtype)->bytes % PAGE != 0)
        return 0;
    for (int d = 0; d <= last; d++)
        x->place[d] = d == last || d < k ? d : d == k ? last - 1 : d - 1;
    return 1;
}

static int
turn_masked(struct rewrite *r, int at)
{
    const struct stmt *s = &r->p.stmts[at];
    const struct node *sum = masked_sum(s->right);
    if (!sum || s->scatters || !s->n_loops ||
        r->p.indices[sum->bound[0]].from)
        return 0;
    int lane = s->loops[s->n_loops - 1];
    struct turning x = {.r = r, .s = s};
    for (int a = 0; a < 2; a++) {
        const struct node *n = sum->args[0]->args[a];
        const struct access *y = n->access;
        if (has_index(y, lane)) {
            x.node = n;
            x.found = y;
        } else {
            x.other = y;
        }
    }
    if (!x.found || !x.other || x.found->n_subs > MOST_DIMS ||
        !einc_rewrite_is_bare(x.found) ||
        x.found->subs[x.found->n_subs - 1].terms[0].index != lane ||
        x.node->type != r->p.tensors[x.found->tensor].dtype ||
        !place_rows(&x, sum->bound[0]) ||
        !pays(&r->p, s, sum, x.found, LEAST_MASKED))
        return 0;
    put_copy(&x, at);
    return 1;
}

void
einc_script_turn(struct rewrite *r, struct arena scratch, int64_t slice_bytes)
{
    for (int at = 0; at < r->p.n_stmts; at++)
        at += turn(r, scratch, slice_bytes, at) || turn_masked(r, at);
}

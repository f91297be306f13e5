/* SPDX-License-Identifier: MIT
 *
 * script_pad.c - sums of products that read beyond an edge (a convolution with
 * `pad`): the operand is copied once with its border of zeros, and then all of
 * them are affine. The copy is the image with its border, not its columns:
 * (h + 2p)(w + 2p) elements, however large the kernel is.
 */
#include <string.h>

#include "plan/script_parts.h"

struct padding {
    struct rewrite *r;
    int stmt; /* before which copies are made */
};

static int
is_padded(const struct access *a)
{
    int any = 0;
    for (int d = 0; d < a->n_subs; d++) {
        const struct subscript *s = &a->subs[d];
        if (s->rest || s->checked ||
            (s->mode != BOUND_CHECK && s->mode != BOUND_PAD))
            return 0;
        any |= s->mode == BOUND_PAD;
    }
    return any && !a->fill;
}

static double
padded_size(const struct program *p, const struct access *a)
{
    double size = 1;
    for (int d = 0; d < a->n_subs; d++)
        size *= (double)(p->tensors[a->tensor].shape[d] + a->subs[d].pad_lo +
                         a->subs[d].pad_hi);
    return size;
}

/* A bare index for each dim of the copy, from the padded dim's lo on. */
static int
copy_padded(struct padding *x, const struct access *a, struct span at)
{
    struct rewrite *r = x->r;
    const struct tensor *t = &r->p.tensors[a->tensor];
    enum einc_dtype type = t->dtype;
    int n = a->n_subs;
    int *loops = NEW(r->perm, int, n);
    for (int d = 0; d < n; d++)
        loops[d] = einc_rewrite_index(
            r, &(struct index){.name = {"u", 1},
                               .hi = t->shape[d] + a->subs[d].pad_lo +
                                     a->subs[d].pad_hi,
                               .site = -1, .at = at});
    int tensor = einc_rewrite_temp(r, type, loops, n, at);
    struct access *from = NEW(r->perm, struct access, 1);
    *from = *einc_rewrite_access(r, a->tensor, loops, n, at);
    for (int d = 0; d < n; d++) {
        from->subs[d].constant = -a->subs[d].pad_lo;
        from->subs[d].mode = a->subs[d].mode;
        from->subs[d].pad_lo = a->subs[d].pad_lo;
        from->subs[d].pad_hi = a->subs[d].pad_hi;
    }
    struct node *read = NEW(r->perm, struct node, 1);
    *read = (struct node){.kind = NODE_ACCESS, .type = type, .access = from,
                          .best = -1, .at = at};
    struct stmt s = {.op = ASSIGN_SET, .right = read, .loops = loops,
                     .n_loops = n, .at = at};
    s.left = *einc_rewrite_access(r, tensor, loops, n, at);
    einc_rewrite_insert(r, x->stmt++, &s);
    return tensor;
}

static const struct node *
replace(void *user, const struct node *n)
{
    struct padding *x = user;
    if (n->kind != NODE_ACCESS || !is_padded(n->access))
        return NULL;
    struct rewrite *r = x->r;
    int tensor = copy_padded(x, n->access, n->at);
    struct node *own = NEW(r->perm, struct node, 1);
    struct access *a = NEW(r->perm, struct access, 1);
    *own = *n;
    *a = *n->access;
    own->access = a;
    a->tensor = tensor;
    a->subs = NEW(r->perm, struct subscript, a->n_subs);
    for (int d = 0; d < a->n_subs; d++) {
        a->subs[d] = n->access->subs[d];
        a->subs[d].constant += a->subs[d].pad_lo;
        a->subs[d].mode = BOUND_CHECK;
        a->subs[d].pad_lo = a->subs[d].pad_hi = 0;
    }
    return own;
}

/* --- whether it pays ---------------------------------------------------- */

struct counting {
    const struct program *p;
    double padded; /* elements of the copies */
    int factors, others;
};

static void
count(struct counting *c, const struct node *n)
{
    if (n->kind == NODE_ACCESS) {
        c->factors++;
        if (is_padded(n->access))
            c->padded += padded_size(c->p, n->access);
    } else if (n->kind == NODE_PRODUCT ||
               (n->kind == NODE_CALL && n->fn == FN_MUL)) {
        for (int a = 0; a < n->n_args; a++)
            count(c, n->args[a]);
    } else {
        c->others++;
    }
}

static double
points_of(const struct program *p, const struct node *sum)
{
    double n = 1;
    for (int b = 0; b < sum->n_bound; b++) {
        const struct index *x = &p->indices[sum->bound[b]];
        n *= (double)(x->hi - x->lo);
    }
    return n;
}

static int
pays(const struct padding *x, const struct node *n)
{
    const struct program *p = &x->r->p;
    struct counting c = {.p = p};
    double points = 1;
    if (n->kind != NODE_REDUCE || n->redop != REDOP_SUM || n->guard)
        return 0;
    count(&c, n->args[0]);
    if (c.others || c.factors != 2 || c.padded == 0)
        return 0;
    const struct stmt *s = &p->stmts[x->stmt];
    for (int l = 0; l < s->n_loops; l++)
        points *= (double)(p->indices[s->loops[l]].hi);
    return points * points_of(p, n) >= 16 * c.padded;
}

static const struct node *
look(void *user, const struct node *n)
{
    struct padding *x = user;
    if (!pays(x, n))
        return NULL;
    struct rename how = {.swap = replace, .user = x};
    return einc_rewrite_node(x->r, n, &how, 0);
}

void
einc_script_pad(struct rewrite *r)
{
    for (int s = 0; s < r->p.n_stmts; s++) {
        struct padding x = {.r = r, .stmt = s};
        if (r->p.stmts[s].scatters)
            continue;
        struct rename how = {.swap = look, .user = &x};
        const struct node *right =
            einc_rewrite_node(r, r->p.stmts[s].right, &how, 0);
        s = x.stmt;
        r->p.stmts[s].right = right;
    }
}

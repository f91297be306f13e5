/* SPDX-License-Identifier: MIT
 *
 * script_expand.c - sums of squares of differences as |x|^2 + |y|^2 - 2 x.y:
 * the norms need not the loop over pairs, and what stays in it is one
 * multiply-add where there were two operations. That cancels for near points:
 * where the distance is less than an eighth of the norms' sum it is computed
 * as it was written, and else no more than three bits are lost. It is, too,
 * where the norms overflow, whose difference from what they make is NaN: what
 * they say is inf, of a distance that may be 0.
 */
#include "plan/script_parts.h"

enum {
    LEAST_TERMS = 32, /* of the sum: below, it is exp and its like that cost */
    LEAST_PAIRS = 64  /* values of the loops that only one side needs */
};

static int
is_real(enum einc_dtype t)
{
    return t == EINC_F32 || t == EINC_F64;
}

/* The difference, if the node is the square of one. */
static const struct node *
difference_of(const struct node *n)
{
    if (n->kind != NODE_CALL || n->fn != FN_POWI || n->integer != 2)
        return NULL;
    const struct node *d = n->args[0];
    return d->kind == NODE_CALL && d->fn == FN_SUB && d->type == n->type ? d
                                                                         : NULL;
}

/* Whether there are many values of what `set` has, and `other` has not. */
static int
runs_alone(const struct program *p, const char *set, const char *other,
           const struct node *sum)
{
    double n = 1;
    for (int x = 0; x < p->n_indices; x++)
        if (set[x] && !other[x])
            n *= (double)(p->indices[x].hi - p->indices[x].lo);
    for (int b = 0; b < sum->n_bound; b++)
        if (!set[sum->bound[b]] || !other[sum->bound[b]])
            return 0;
    return n >= LEAST_PAIRS;
}

int
einc_script_is_distance(const struct program *p, struct arena scratch,
                        const struct node *n, const struct node *side[2])
{
    double terms = 1;
    if (p->open.n || p->summing.how == EINC_SUM_KAHAN || n->kind != NODE_REDUCE ||
        n->redop != REDOP_SUM || n->guard || !is_real(n->type) ||
        n->args[0]->type != n->type)
        return 0;
    const struct node *d = difference_of(n->args[0]);
    for (int b = 0; b < n->n_bound; b++) {
        const struct index *x = &p->indices[n->bound[b]];
        if (x->from || x->to)
            return 0;
        terms *= (double)(x->hi - x->lo);
    }
    if (!d || terms < LEAST_TERMS)
        return 0;
    char *set[2];
    for (int k = 0; k < 2; k++) {
        side[k] = d->args[k];
        set[k] = NEW(&scratch, char, p->n_indices);
        einc_rewrite_free(p, side[k], set[k]);
    }
    return runs_alone(p, set[0], set[1], n) && runs_alone(p, set[1], set[0], n);
}

/* --- nodes -------------------------------------------------------------- */

static struct node *
new_node(struct rewrite *r, enum node_kind kind, const struct node *like,
         int n_args)
{
    struct node *n = NEW(r->perm, struct node, 1);
    *n = (struct node){.kind = kind, .type = like->type, .best = -1,
                       .at = like->at, .n_args = n_args};
    n->args = NEW(r->perm, const struct node *, n_args);
    return n;
}

static const struct node *
call(struct rewrite *r, enum fn fn, const struct node *like,
     const struct node *a, const struct node *b)
{
    struct node *n = new_node(r, NODE_CALL, like, b ? 2 : 1);
    n->fn = fn;
    n->args[0] = a;
    if (b)
        n->args[1] = b;
    return n;
}

static const struct node *
number(struct rewrite *r, const struct node *like, double x)
{
    struct node *n = new_node(r, NODE_NUMBER, like, 0);
    n->number = x;
    return n;
}

/* The sum of a*b over indices of its own that run as those of `like` do. */
static const struct node *
sum_of_products(struct rewrite *r, const struct node *like,
                const struct node *a, const struct node *b)
{
    int *to = NEW(r->perm, int, r->p.n_indices + like->n_bound);
    struct node *sum = new_node(r, NODE_REDUCE, like, 1);
    sum->redop = REDOP_SUM;
    sum->n_bound = like->n_bound;
    sum->bound = NEW(r->perm, int, like->n_bound);
    for (int x = 0; x < r->p.n_indices; x++)
        to[x] = x;
    for (int k = 0; k < like->n_bound; k++) {
        struct index own = r->p.indices[like->bound[k]];
        to[like->bound[k]] = sum->bound[k] = einc_rewrite_index(r, &own);
    }
    struct rename how = {.to = to};
    const struct node *x = einc_rewrite_node(r, a, &how, 1);
    const struct node *y = a == b ? x : einc_rewrite_node(r, b, &how, 1);
    if (a == b) {
        struct node *square = new_node(r, NODE_CALL, like, 1);
        square->fn = FN_POWI;
        square->integer = 2;
        square->args[0] = x;
        sum->args[0] = square;
    } else {
        sum->args[0] = call(r, FN_MUL, like, x, y);
    }
    return sum;
}

const struct node *
einc_script_norm(struct rewrite *r, const struct node *distance,
                 const struct node *side)
{
    return sum_of_products(r, distance, side, side);
}

const struct node *
einc_script_expand(struct rewrite *r, const struct node *distance,
                   const struct node *const side[2],
                   const struct node *const norm[2])
{
    const struct node *like = distance;
    const struct node *both = call(r, FN_ADD, like, norm[0], norm[1]);
    const struct node *product = sum_of_products(r, like, side[0], side[1]);
    const struct node *short_form =
        call(r, FN_ADD, like, both, /* -2: a multiply-add; 2*x is x + x */
             call(r, FN_MUL, like, number(r, like, -2), product));
    struct node *is_far = new_node(r, NODE_CALL, like, 2);
    is_far->fn = FN_GE;
    is_far->type = EINC_BOOL;
    is_far->args[0] =
        call(r, FN_SUB, like, short_form,
             call(r, FN_MUL, like, number(r, like, 0.125), both));
    is_far->args[1] = number(r, like, 0);
    struct node *choice = new_node(r, NODE_CALL, like, 3);
    choice->fn = FN_SELECT;
    choice->is_far = 1;
    choice->args[0] = is_far;
    choice->args[1] = short_form;
    choice->args[2] = distance;
    return choice;
}

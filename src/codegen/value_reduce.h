/* SPDX-License-Identifier: MIT
 *
 * value_reduce.h - a reduction on its way to a value: value_bind.c gives its
 * indices loops, value_guard.c makes bounds of what guards it, value_reduce.c
 * folds the terms, and value_softmax.c finds sums that a softmax weighs.
 */
#ifndef EINC_CODEGEN_VALUE_REDUCE_H
#define EINC_CODEGEN_VALUE_REDUCE_H

#include "codegen/value_make.h"

struct folding {
    const struct node *n;
    struct value_reduce r;
    const struct node *guard[64]; /* conjuncts that are left */
    int n_guards;
    int last;                     /* index of the last loop, or -1 */
    int64_t terms;                /* unrolled ones of a part */
    uint64_t unrolled;            /* set of places in n->bound */
    int strays;                   /* may report */
    int whole[VALUE_MAX_PARTS];   /* logsumexp: the guard, or -1 */
};

/* The indices of a reduction: loops get vars, the others are unrolled. */
void einc_reduce_bind(struct values *s, struct folding *f);
void einc_reduce_unbind(struct values *s, const struct node *n);
/* Whether a node may report a stray. */
int einc_reduce_strays(const struct values *s, const struct node *n);

/* The guard of a reduction into its conjuncts; those that bound loops become
 * bounds; what is left as one value, -1 for nothing. */
void einc_guard_split(struct folding *f, const struct node *g);
void einc_guard_absorb(struct values *s, struct folding *f);
int einc_guard_value(struct values *s, const struct folding *f);

/* sum(softmax(f)*g) as one pass; 0 if it is none. */
int einc_softmax_weighted(struct values *s, struct value_reduce *r,
                          enum value_type t);

static inline int
is_complex_product(const struct node *n)
{
    return n->redop == REDOP_PROD && einc_value_is_complex(n->type);
}

static inline int
is_unrolled(const struct folding *f, int k)
{
    return k < 64 && f->unrolled >> k & 1;
}

/* What has no place below 0, which says that there is none: an index that
 * begins there is counted from its lo, and moved back behind the reduction. */
static inline int64_t
base_of(const struct values *s, const struct node *n)
{
    int64_t lo = s->p->indices[n->bound[0]].lo;
    return n->n_bound == 1 && lo < 0 && redop_is_position(n->redop) ? lo : 0;
}

#endif

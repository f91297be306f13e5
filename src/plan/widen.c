/* SPDX-License-Identifier: MIT
 *
 * widen.c - see widen.h. Every node has two forms: as it was, with reductions
 * below it made wide and cast back, and wide itself. Nodes that are shared
 * stay so: a softmax and its logsumexp must.
 */
#include "plan/widen.h"

#include "base/dtype.h"

/* What a node became, in either form; NULL: not asked for yet. */
struct both {
    const struct node *of;
    const struct node *same, *wide;
};

struct widening {
    struct arena *perm;
    struct arena *scratch;
    struct both *table; /* [size], by address */
    int64_t size, n;    /* a power of 2; of which used */
};

static const struct node *keep(struct widening *w, const struct node *n);
static const struct node *widen(struct widening *w, const struct node *n);

enum einc_dtype
einc_widen_type(enum einc_dtype t)
{
    switch (einc_dtype_info(t)->kind) {
    case KIND_FLOAT: return EINC_F64;
    case KIND_COMPLEX: return EINC_C128;
    default: return t;
    }
}

static int
is_narrow(enum einc_dtype t)
{
    return einc_widen_type(t) != t;
}

static struct both *
slot_of(struct widening *w, const struct node *n)
{
    uint64_t h = (uint64_t)(uintptr_t)n * 0x9e3779b97f4a7c15u >> 20;
    for (;; h++) {
        struct both *b = &w->table[h & (uint64_t)(w->size - 1)];
        if (!b->of || b->of == n)
            return b;
    }
}

static void
grow(struct widening *w)
{
    const struct both *old = w->table;
    int64_t size = w->size;
    w->size *= 2;
    w->table = NEW(w->scratch, struct both, w->size);
    for (int64_t i = 0; i < size; i++)
        if (old[i].of)
            *slot_of(w, old[i].of) = old[i];
}

/* Until the next call. */
static struct both *
find(struct widening *w, const struct node *n)
{
    struct both *b = slot_of(w, n);
    if (b->of)
        return b;
    if (2 * ++w->n > w->size) {
        grow(w);
        b = slot_of(w, n);
    }
    b->of = n;
    return b;
}

static struct node *
copy(struct widening *w, const struct node *n)
{
    struct node *own = NEW(w->perm, struct node, 1);
    *own = *n;
    own->args = NEW(w->perm, const struct node *, n->n_args);
    for (int a = 0; a < n->n_args; a++)
        own->args[a] = n->args[a];
    return own;
}

static const struct node *
cast(struct widening *w, const struct node *n, enum einc_dtype to)
{
    if (n->type == to)
        return n;
    struct node *c = NEW(w->perm, struct node, 1);
    *c = (struct node){.kind = NODE_CALL, .fn = FN_CAST, .type = to,
                       .n_args = 1, .best = -1, .at = n->at};
    c->args = NEW(w->perm, const struct node *, 1);
    c->args[0] = n;
    return c;
}

/* --- which nodes -------------------------------------------------------- */

/* Reductions whose error grows with their terms. */
static int
accumulates(const struct node *n)
{
    return n->kind == NODE_REDUCE && is_narrow(n->type) &&
           (n->redop == REDOP_SUM || n->redop == REDOP_MEAN ||
            n->redop == REDOP_PROD || n->redop == REDOP_LOGSUMEXP);
}

/* exp(f - logsumexp), both of which are wide then. */
static int
is_softmax(const struct node *n)
{
    return n->kind == NODE_CALL && n->fn == FN_EXP && n->lse &&
           is_narrow(n->type);
}

/* What is computed in the wide type of its arguments where it is a term. */
static int
follows(const struct node *n)
{
    return n->kind == NODE_PRODUCT || is_softmax(n) ||
           (n->kind == NODE_CALL && (n->fn == FN_MUL || n->fn == FN_NEG));
}

/* Whether a logsumexp is compared: as it is, and not cast back. */
static int
compares_lse(const struct node *n)
{
    return n->kind == NODE_CALL && n->fn >= FN_LT && n->fn <= FN_NE &&
           is_narrow(n->args[0]->type) && n->args[0]->kind == NODE_REDUCE &&
           n->args[0]->redop == REDOP_LOGSUMEXP;
}

/* --- both forms --------------------------------------------------------- */

/* f - logsumexp below an exp. */
static const struct node *
widen_less(struct widening *w, const struct node *n)
{
    struct node *own = copy(w, n);
    own->type = einc_widen_type(n->type);
    for (int a = 0; a < n->n_args; a++)
        own->args[a] = widen(w, n->args[a]);
    return own;
}

static const struct node *
make_wide(struct widening *w, const struct node *n)
{
    enum einc_dtype to = einc_widen_type(n->type);
    if (n->kind == NODE_NUMBER) {
        struct node *own = copy(w, n);
        own->type = to;
        return own;
    }
    if (n->kind == NODE_CALL && n->fn == FN_SELECT) {
        struct node *own = copy(w, n);
        own->type = to;
        own->args[0] = keep(w, n->args[0]);
        own->args[1] = widen(w, n->args[1]);
        own->args[2] = widen(w, n->args[2]);
        return own;
    }
    if (!follows(n) && !accumulates(n))
        return cast(w, keep(w, n), to);
    struct node *own = copy(w, n);
    own->type = to;
    for (int a = 0; a < n->n_args; a++)
        own->args[a] = is_softmax(n) ? widen_less(w, n->args[a])
                                     : widen(w, n->args[a]);
    if (n->kind == NODE_REDUCE && n->guard)
        own->guard = keep(w, n->guard);
    if (n->lse)
        own->lse = widen(w, n->lse);
    return own;
}

static const struct node *
widen(struct widening *w, const struct node *n)
{
    if (!is_narrow(n->type))
        return keep(w, n);
    const struct node *made = find(w, n)->wide;
    if (!made) {
        made = make_wide(w, n);
        find(w, n)->wide = made;
    }
    return made;
}

static const struct node *
make_same(struct widening *w, const struct node *n)
{
    if (accumulates(n) || is_softmax(n))
        return cast(w, widen(w, n), n->type);
    int wide = compares_lse(n), changes = 0;
    struct node *own = copy(w, n);
    for (int a = 0; a < n->n_args; a++)
        own->args[a] = wide ? widen(w, n->args[a]) : keep(w, n->args[a]);
    if (n->kind == NODE_REDUCE && n->guard)
        own->guard = keep(w, n->guard);
    if (n->lse) /* of f64 already */
        own->lse = keep(w, n->lse);
    for (int a = 0; a < n->n_args; a++)
        changes |= own->args[a] != n->args[a];
    changes |= own->guard != n->guard || own->lse != n->lse;
    return changes ? own : n;
}

static const struct node *
keep(struct widening *w, const struct node *n)
{
    const struct node *made = find(w, n)->same;
    if (!made) {
        made = make_same(w, n);
        find(w, n)->same = made;
    }
    return made;
}

/* --- the whole ---------------------------------------------------------- */

const struct program *
einc_widen(struct arena *perm, struct arena scratch, const struct program *p)
{
    enum { FIRST_SIZE = 64 };
    struct widening w = {.perm = perm, .scratch = &scratch,
                         .size = FIRST_SIZE};
    struct program *own = NEW(perm, struct program, 1);
    int changes = 0;
    w.table = NEW(&scratch, struct both, w.size);
    *own = *p;
    own->stmts = NEW(perm, struct stmt, p->n_stmts);
    for (int s = 0; s < p->n_stmts; s++) {
        own->stmts[s] = p->stmts[s];
        own->stmts[s].right = keep(&w, p->stmts[s].right);
        changes |= own->stmts[s].right != p->stmts[s].right;
    }
    return changes ? own : p;
}

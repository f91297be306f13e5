/* SPDX-License-Identifier: MIT
 *
 * script_inplace.c - temporaries that need no memory of their own: one whose
 * only reader sets an output, element by element from that of the same place,
 * is made in the output. Of S[i,j] = X[i,d]*Y[j,d]; O[i,j] = S[i,j]/(n[i]*m[j])
 * that leaves O[i,j] = X[i,d]*Y[j,d]; O[i,j] = O[i,j]/(n[i]*m[j]).
 */
#include "plan/script_parts.h"

/* The statement that reads the temporary, and sets the output. */
struct settling {
    const struct program *p;
    const struct stmt *to;
    int tensor;
    const struct access *read;
    int elsewhere; /* it is read at another position than is written, or the
                    * right side sums: such a kernel may do elements of its
                    * output again, which what it reads there would forbid */
};

/* Dim of the statement's left side with the index of dim d; -1: none. */
static int
dim_of(const struct stmt *s, const struct access *a, int d)
{
    for (int e = 0; e < s->left.n_subs; e++)
        if (s->left.subs[e].terms[0].index == a->subs[d].terms[0].index)
            return e;
    return -1;
}

static int
look(void *user, const struct node *n)
{
    struct settling *x = user;
    x->elsewhere |= n->kind == NODE_REDUCE;
    if (!n->access || n->access->tensor != x->tensor)
        return 0;
    const struct access *a = n->access;
    x->elsewhere |= !einc_rewrite_is_bare(a) || a->n_subs != x->to->left.n_subs;
    for (int d = 0; !x->elsewhere && d < a->n_subs; d++)
        x->elsewhere |= dim_of(x->to, a, d) < 0 ||
                        (x->read && dim_of(x->to, a, d) !=
                                        dim_of(x->to, x->read, d));
    x->read = a;
    return x->elsewhere;
}

/* Nothing counts its elements, or sets some of them only. */
static int
sets_all(const struct program *p, const struct stmt *s)
{
    if (s->op != ASSIGN_SET || s->scatters || !einc_rewrite_is_bare(&s->left))
        return 0;
    for (int d = 0; d < s->left.n_subs; d++)
        if (p->indices[s->left.subs[d].terms[0].index].kind == INDEX_NEW)
            return 0;
    return 1;
}

/* Number of the only statement that reads the tensor that `s` alone writes;
 * -1: there is none such. */
static int
only_reader(const struct program *p, int s)
{
    int reader = -1;
    for (int i = 0; i < p->n_stmts; i++) {
        const struct stmt *x = &p->stmts[i];
        if (i != s && x->left.tensor == p->stmts[s].left.tensor)
            return -1;
        if (!einc_rewrite_reads(p, x, p->stmts[s].left.tensor))
            continue;
        if (reader >= 0 || i <= s)
            return -1;
        reader = i;
    }
    return reader;
}

/* Whether nobody asks for the output from statement `from` on until `to` has
 * set it. */
static int
is_free(const struct program *p, int out, int from, int to)
{
    for (int i = from; i <= to; i++)
        if ((i < to && p->stmts[i].left.tensor == out) ||
            einc_rewrite_reads(p, &p->stmts[i], out))
            return 0;
    return 1;
}

static int
can_settle(const struct program *p, int s, struct settling *x)
{
    const struct stmt *from = &p->stmts[s];
    const struct tensor *t = &p->tensors[from->left.tensor];
    int reader = only_reader(p, s);
    *x = (struct settling){.p = p, .tensor = from->left.tensor};
    if (t->kind != TENSOR_TEMP || reader < 0 || !sets_all(p, from))
        return 0;
    x->to = &p->stmts[reader];
    const struct tensor *out = &p->tensors[x->to->left.tensor];
    if (out->kind != TENSOR_OUTPUT || out->dtype != t->dtype ||
        !sets_all(p, x->to) || !is_free(p, x->to->left.tensor, s, reader))
        return 0;
    einc_rewrite_any(p, x->to->right, look, x);
    if (!x->read || x->elsewhere)
        return 0;
    for (int d = 0; d < t->n_dims; d++)
        if (t->shape[d] != out->shape[dim_of(x->to, x->read, d)])
            return 0;
    return 1;
}

/* The access, of the output: dims as it has them. */
static const struct access *
of_output(struct rewrite *r, const struct settling *x, const struct access *a)
{
    int *dims = NEW(r->perm, int, a->n_subs);
    for (int d = 0; d < a->n_subs; d++)
        dims[dim_of(x->to, x->read, d)] = a->subs[d].terms[0].index;
    return einc_rewrite_access(r, x->to->left.tensor, dims, a->n_subs,
                               x->to->left.at);
}

struct putting {
    struct rewrite *r;
    const struct settling *settling;
};

static const struct node *
put_output(void *user, const struct node *n)
{
    const struct putting *x = user;
    if (!n->access || n->access->tensor != x->settling->tensor)
        return NULL;
    struct node *own = NEW(x->r->perm, struct node, 1);
    *own = *n;
    own->access = of_output(x->r, x->settling, n->access);
    return own;
}

static void
tell(struct rewrite *r, const struct settling *x)
{
    struct str name = r->p.tensors[x->tensor].name;
    struct str out = r->p.tensors[x->to->left.tensor].name;
    einc_rewrite_note(r, "in place: %.*s is made where %.*s will be",
                      (int)name.n, name.p, (int)out.n, out.p);
}

void
einc_script_settle(struct rewrite *r)
{
    for (int s = r->p.n_stmts - 2; s >= 0; s--) {
        struct settling x;
        if (!can_settle(&r->p, s, &x))
            continue;
        tell(r, &x);
        struct stmt *from = &r->p.stmts[s];
        struct stmt *to = from + (x.to - from);
        struct putting put = {r, &x};
        int *same = NEW(r->perm, int, r->p.n_indices);
        for (int i = 0; i < r->p.n_indices; i++)
            same[i] = i;
        struct rename how = {.to = same, .swap = put_output, .user = &put};
        to->right = einc_rewrite_node(r, to->right, &how, 0);
        from->left = *of_output(r, &x, &from->left);
    }
}

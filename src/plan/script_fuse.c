/* SPDX-License-Identifier: MIT
 *
 * script_fuse.c - temporaries that need no memory: the right side of one is
 * put where it is read. From the last statement to the first, so that a chain
 * of them ends up in one.
 */
#include <string.h>

#include "plan/script_parts.h"

enum {
    MOST_NODES = 1024, /* of a statement that others were put into: every one
                        * copies what is there */
    FEW_NODES = 24     /* of arithmetic that may be done again */
};

/* The statement that reads a temporary, and how. */
struct reading {
    const struct program *p;
    int tensor;
    const struct access *first;
    int n, plain; /* accesses; whether all have bare, distinct indices */
};

static int
look(void *user, const struct node *n)
{
    struct reading *x = user;
    if (n->access && n->access->tensor == x->tensor) {
        x->first = x->n++ ? x->first : n->access;
        x->plain &= einc_rewrite_is_bare(n->access);
    }
    return 0;
}

/* --- whether it pays ---------------------------------------------------- */

static int
is_reduction(void *user, const struct node *n)
{
    (void)user;
    return n->kind == NODE_REDUCE;
}

/* The k best are counted from 0 by an index that is theirs. */
static int
is_best(void *user, const struct node *n)
{
    (void)user;
    return n->kind == NODE_REDUCE && n->best >= 0;
}

/* Exponentials and their like, for which a GEMM would be of no use. */
static int
is_dear(void *user, const struct node *n)
{
    (void)user;
    return n->kind == NODE_CALL && n->fn >= FN_SQRT && n->fn <= FN_GELU &&
           n->fn != FN_RELU;
}

static int
is_cheap(const struct program *p, const struct node *n)
{
    return einc_rewrite_count(n) <= FEW_NODES &&
           !einc_rewrite_any(p, n, is_reduction, NULL) &&
           !einc_rewrite_any(p, n, is_dear, NULL);
}

/* Marks in `set` the free indices of the largest factor of a sum of products
 * around the accesses: its kernel shares one value of the factor among all
 * values of other indices. */
static void
free_of_factor(const struct program *p, const struct node *n, int tensor,
               char *set)
{
    int product = n->kind == NODE_PRODUCT ||
                  (n->kind == NODE_CALL && n->fn == FN_MUL);
    int sum = n->kind == NODE_REDUCE && n->redop == REDOP_SUM;
    int reader = -1, readers = 0;
    for (int a = 0; (product || sum) && a < n->n_args; a++)
        if (einc_rewrite_has(p, n->args[a], tensor)) {
            reader = a;
            readers++;
        }
    if (readers == 1) {
        free_of_factor(p, n->args[reader], tensor, set);
        return;
    }
    memset(set, 0, (size_t)p->n_indices);
    einc_rewrite_free(p, n, set);
}

/* Whether each element is computed but once: around the accesses stand as many
 * loops as the temporary has dims. (Of softmax, which reads it at j and sums it
 * at all j', the kernel makes one pass.) */
static int
is_once(const struct program *p, struct arena scratch, const struct stmt *s,
        int tensor, const struct access *a)
{
    char *set = NEW(&scratch, char, p->n_indices);
    int n = 0;
    free_of_factor(p, s->right, tensor, set);
    for (int x = 0; x < p->n_indices; x++)
        n += set[x];
    return n <= a->n_subs;
}

/* Dims of the access that are loops of the statement. */
static int
count_kept(const struct stmt *s, const struct access *a)
{
    int kept = 0;
    for (int d = 0; d < a->n_subs; d++)
        for (int l = 0; l < s->n_loops; l++)
            kept += s->loops[l] == a->subs[d].terms[0].index;
    return kept;
}

static int
pays(const struct program *p, struct arena scratch, const struct stmt *from,
     const struct stmt *to, const struct reading *x)
{
    if (is_cheap(p, from->right))
        return 1;
    int kept = count_kept(to, x->first);
    if (!is_once(p, scratch, to, x->tensor, x->first) ||
        (to->n_loops && !kept)) /* all loops would compute it again */
        return 0;
    if (!einc_rewrite_any(p, from->right, is_reduction, NULL))
        return 1;
    /* a sum over a dim of it leaves less than it takes */
    return kept < x->first->n_subs &&
           (einc_rewrite_any(p, from->right, is_dear, NULL) ||
            einc_rewrite_any(p, to->right, is_dear, NULL));
}

/* --- doing it ----------------------------------------------------------- */

struct putting {
    struct rewrite *r;
    const struct stmt *from;
    int tensor;
};

/* The right side with the loops of its statement named as the access names
 * them, cast to the type that was stored. */
static const struct node *
put_value(void *user, const struct node *n)
{
    struct putting *x = user;
    if (!n->access || n->access->tensor != x->tensor)
        return NULL;
    struct rewrite *r = x->r;
    int *to = NEW(r->perm, int, r->p.n_indices);
    for (int i = 0; i < r->p.n_indices; i++)
        to[i] = i;
    for (int d = 0; d < n->access->n_subs; d++)
        to[x->from->left.subs[d].terms[0].index] =
            n->access->subs[d].terms[0].index;
    struct rename how = {.to = to};
    const struct node *value = einc_rewrite_node(r, x->from->right, &how, 1);
    if (value->type == n->type)
        return value;
    struct node *cast = NEW(r->perm, struct node, 1);
    *cast = (struct node){.kind = NODE_CALL, .type = n->type, .fn = FN_CAST,
                          .n_args = 1, .best = -1, .at = n->at};
    cast->args = NEW(r->perm, const struct node *, 1);
    cast->args[0] = value;
    return cast;
}

static void
put_into(struct rewrite *r, struct stmt *to, const struct stmt *from)
{
    struct putting x = {r, from, from->left.tensor};
    struct rename how = {.swap = put_value, .user = &x};
    to->right = einc_rewrite_node(r, to->right, &how, 0);
}

/* The one statement that writes the tensor, if it sets all of it. */
static int
is_written_once(const struct program *p, int s)
{
    const struct stmt *x = &p->stmts[s];
    int writers = 0;
    for (int i = 0; i < p->n_stmts; i++)
        writers += p->stmts[i].left.tensor == x->left.tensor;
    return writers == 1 && x->op == ASSIGN_SET && !x->scatters &&
           einc_rewrite_is_bare(&x->left);
}

/* Whether what `s` reads is still the same where `reader` stands, and while it
 * is run: `t[i] = X[n-1-i]; X[i] = t[i]` reverses X. */
static int
is_unchanged(const struct program *p, int s, int reader)
{
    for (int i = s + 1; i <= reader; i++)
        if (einc_rewrite_reads(p, &p->stmts[s], p->stmts[i].left.tensor))
            return 0;
    return 1;
}

static int
has_exact_type(const struct program *p, const struct stmt *s)
{
    enum einc_dtype t = p->tensors[s->left.tensor].dtype;
    return einc_fn_compute(t) == t && s->right->type == t;
}

static void
tell(struct rewrite *r, const struct stmt *from, const struct stmt *to)
{
    const struct tensor *t = &r->p.tensors[from->left.tensor];
    struct str into = r->p.tensors[to->left.tensor].name;
    int64_t bytes = einc_dtype_info(t->dtype)->bytes;
    for (int d = 0; d < t->n_dims; d++)
        if (__builtin_mul_overflow(bytes, t->shape[d], &bytes))
            bytes = INT64_MAX;
    einc_rewrite_note(r, "fused: %.*s is made where %.*s reads it, and its "
                      "%lld bytes are not stored", (int)t->name.n, t->name.p,
                      (int)into.n, into.p, (long long)bytes);
}

static int
fuse(struct rewrite *r, struct arena scratch, int s)
{
    const struct program *p = &r->p;
    int tensor = p->stmts[s].left.tensor, reader = -1;
    if (p->tensors[tensor].kind != TENSOR_TEMP || !is_written_once(p, s) ||
        !has_exact_type(p, &p->stmts[s]) ||
        einc_rewrite_any(p, p->stmts[s].right, is_best, NULL))
        return 0;
    for (int i = s + 1; i < p->n_stmts; i++)
        if (einc_rewrite_reads(p, &p->stmts[i], tensor)) {
            if (reader >= 0)
                return 0;
            reader = i;
        }
    if (reader < 0)
        return 0;
    struct stmt *to = &r->p.stmts[reader];
    struct reading x = {.p = p, .tensor = tensor, .plain = 1};
    einc_rewrite_any(p, to->right, look, &x);
    if (!x.n || !x.plain || einc_rewrite_left_reads(p, to, tensor) ||
        !is_unchanged(p, s, reader) ||
        einc_rewrite_count(to->right) +
                x.n * einc_rewrite_count(p->stmts[s].right) > MOST_NODES ||
        !pays(p, scratch, &p->stmts[s], to, &x))
        return 0;
    struct stmt from = p->stmts[s];
    tell(r, &from, to);
    put_into(r, to, &from);
    einc_rewrite_remove(r, s);
    return 1;
}

void
einc_script_fuse(struct rewrite *r, struct arena scratch)
{
    for (int s = r->p.n_stmts - 2; s >= 0; s--)
        fuse(r, scratch, s);
}

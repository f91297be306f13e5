/* SPDX-License-Identifier: MIT
 *
 * script_split.c - reductions that get a statement of their own: those that
 * need not all loops around them (the norm of row j inside a loop over pairs),
 * and sums of products over the loops of the statement, which a GEMM computes.
 * Never one that is guarded: what the guard keeps away might not be there.
 */
#include <math.h>
#include <string.h>

#include "plan/script_parts.h"

enum { MOST_KEPT = 60 };

/* A reduction that was taken out: the next one like it is the same. */
struct taken {
    const struct node *node;
    int tensor;
    int dims[MOST_KEPT], n_dims;
};

struct splitting {
    struct rewrite *r;
    struct arena *scratch;
    int stmt;             /* number of the statement that is split */
    const int *loops;     /* [n_loops] around the node that is looked at */
    int n_loops;
    int guarded;          /* below a guard or a choice */
    struct taken *list;
    int n, room;
    int64_t slice_bytes;  /* see struct contract_ask */
    int frugal;           /* no temporary that a sum can do without */
};

static double
extent_of(const struct program *p, int x)
{
    return (double)(p->indices[x].hi - p->indices[x].lo);
}

/* Free indices of the node, in the order of the loops around it; -1 if one
 * counts the k best, or does not begin at 0. */
static int
kept_of(const struct splitting *s, const struct node *n, int *kept)
{
    const struct program *p = &s->r->p;
    struct arena scratch = *s->scratch;
    char *set = NEW(&scratch, char, p->n_indices);
    int count = 0;
    einc_rewrite_free(p, n, set);
    for (int l = 0; l < s->n_loops; l++) {
        const struct index *x = &p->indices[s->loops[l]];
        if (!set[s->loops[l]])
            continue;
        if (x->kind == INDEX_NEW || x->lo != 0 || x->from || x->to ||
            count == MOST_KEPT)
            return -1;
        kept[count++] = s->loops[l];
    }
    return count;
}

static int
has_site(void *user, const struct node *n)
{
    const struct program *p = user;
    for (int d = 0; n->access && d < n->access->n_subs; d++)
        if (n->access->subs[d].checked)
            return 1;
    for (int b = 0; n->kind == NODE_REDUCE && b < n->n_bound; b++)
        if (p->indices[n->bound[b]].from || p->indices[n->bound[b]].to)
            return 1;
    return 0;
}

static int
reads_left(void *user, const struct node *n)
{
    return n->access && n->access->tensor == *(const int *)user;
}

/* --- whether it pays ---------------------------------------------------- */

/* Whether so many elements are no more than `size`; where sizes are arguments
 * whatever these are, that is, if it is so many times a number. */
static int
is_within(const struct program *p, double elements, double size)
{
    return elements <= size && (!p->open.n || fmod(size, elements) == 0);
}

/* Whether the node reads a tensor of `elements` or more. */
static int
reads_as_many(const struct program *p, const struct node *n, double elements)
{
    double size = 1;
    const struct tensor *t = n->access ? &p->tensors[n->access->tensor] : NULL;
    for (int d = 0; t && d < t->n_dims; d++)
        size *= (double)t->shape[d];
    int found = is_within(p, elements, size);
    for (int a = 0; a < n->n_args && !found; a++)
        found = reads_as_many(p, n->args[a], elements);
    return found;
}

/* A loop of the statement that the node does not need, so that it would be
 * computed again and again: which loop is the outer one is not known here. A
 * kernel shares a value among elements of its output (exp of a distance among
 * the columns of B), so that what is taken out must be small: no matrix of all
 * pairs. */
static int
is_invariant(const struct splitting *s, const struct node *n, const int *kept,
             int n_kept)
{
    const struct program *p = &s->r->p;
    const struct stmt *x = &p->stmts[s->stmt];
    double out = 1, size = 1;
    int missing = 0;
    for (int l = 0; l < x->n_loops; l++) {
        int has = 0;
        for (int k = 0; k < n_kept; k++)
            has |= kept[k] == x->loops[l];
        missing |= !has && extent_of(p, x->loops[l]) > 1;
        out *= extent_of(p, x->loops[l]);
    }
    for (int k = 0; k < n_kept; k++)
        size *= extent_of(p, kept[k]);
    return missing && (is_within(p, size, out) || reads_as_many(p, n, size));
}

/* Work that a packed kernel does many times as fast as a plain loop. */
static int
is_gemm(const struct splitting *s, const struct stage *g, const int *kept,
        int n_kept, const struct node *sum)
{
    const struct program *p = &s->r->p;
    double k = 1, out = 1, in = 0;
    if (g->n_in != 2)
        return 0;
    for (int b = 0; b < sum->n_bound; b++)
        k *= extent_of(p, sum->bound[b]);
    for (int i = 0; i < n_kept; i++)
        out *= extent_of(p, kept[i]);
    for (int o = 0; o < 2; o++) {
        double size = 1;
        for (int d = 0; d < g->in[o].n_dims; d++)
            size *= (double)g->in[o].shape[d];
        in += size;
    }
    return k >= 8 && out * k >= 8 * (in + out) && out >= 256;
}

/* All loops around the node are the statement's: what is taken out is no
 * larger than its output. */
static int
is_of_the_statement(const struct splitting *s)
{
    return s->n_loops == s->r->p.stmts[s->stmt].n_loops;
}

static int
pays(const struct splitting *s, const struct node *n, const int *kept,
     int n_kept)
{
    const struct program *p = &s->r->p;
    struct arena scratch = *s->scratch;
    const struct contract_ask ask = {0, s->slice_bytes};
    struct stage g;
    return is_of_the_statement(s) &&
           einc_script_contracts(&scratch, p, n, n->type, kept, n_kept, &ask,
                                 &g) &&
           is_gemm(s, &g, kept, n_kept, n);
}

/* --- doing it ----------------------------------------------------------- */

static const struct node *
read_of(struct rewrite *r, const struct node *n, int tensor, const int *dims,
        int n_dims)
{
    struct node *own = NEW(r->perm, struct node, 1);
    *own = (struct node){.kind = NODE_ACCESS, .type = n->type, .best = -1,
                         .at = n->at};
    own->access = einc_rewrite_access(r, tensor, dims, n_dims, n->at);
    return own;
}

/* Whether the tensor, which one statement sets, still is what that set it
 * to, and would be again. */
static int
still_holds(const struct program *p, int tensor, int before)
{
    int writer = -1;
    for (int i = 0; i < p->n_stmts; i++)
        if (p->stmts[i].left.tensor == tensor) {
            if (writer >= 0)
                return 0;
            writer = i;
        }
    for (int i = writer + 1; writer >= 0 && i < before; i++)
        if (einc_rewrite_reads(p, &p->stmts[writer], p->stmts[i].left.tensor))
            return 0;
    return writer < before; /* -1: it is yet to be put there */
}

/* The tensor that already holds this up to the names of its indices. */
static const struct node *
find(struct splitting *s, const struct node *n)
{
    struct rewrite *r = s->r;
    struct arena scratch = *s->scratch;
    for (int i = 0; i < s->n; i++) {
        const struct taken *t = &s->list[i];
        int *to = NEW(&scratch, int, r->p.n_indices), dims[MOST_KEPT];
        for (int x = 0; x < r->p.n_indices; x++)
            to[x] = -1;
        if (r->p.tensors[t->tensor].dtype != n->type ||
            !einc_rewrite_same(&r->p, t->node, n, to) ||
            !still_holds(&r->p, t->tensor, s->stmt))
            continue;
        for (int d = 0; d < t->n_dims; d++)
            dims[d] = to[t->dims[d]];
        return read_of(r, n, t->tensor, dims, t->n_dims);
    }
    return NULL;
}

static void
put_on_list(struct splitting *s, const struct node *n, int tensor,
            const int *dims, int n_dims)
{
    if (s->n == s->room)
        return;
    struct taken *t = &s->list[s->n++];
    t->node = n;
    t->tensor = tensor;
    t->n_dims = n_dims;
    memcpy(t->dims, dims, sizeof *dims * (size_t)n_dims);
}

/* What a statement sets a whole tensor to serves those behind it, unless it
 * is as soon computed again as loaded. */
static void
put_statement(struct splitting *s)
{
    enum { LEAST_TERMS = 16 };
    const struct program *p = &s->r->p;
    const struct stmt *x = &p->stmts[s->stmt];
    const struct node *n = x->right;
    struct arena scratch = *s->scratch;
    char *free = NEW(&scratch, char, p->n_indices);
    int dims[MOST_KEPT], left = x->left.tensor;
    double terms = 1;
    for (int b = 0; n->kind == NODE_REDUCE && b < n->n_bound; b++)
        terms *= extent_of(p, n->bound[b]);
    if (x->op != ASSIGN_SET || x->scatters || x->gate ||
        n->kind != NODE_REDUCE || n->best >= 0 || terms < LEAST_TERMS ||
        x->left.n_subs > MOST_KEPT || !einc_rewrite_is_bare(&x->left) ||
        x->left.n_subs != x->n_loops || p->tensors[left].dtype != n->type ||
        einc_fn_compute(n->type) != n->type ||
        einc_rewrite_reads(p, x, left))
        return;
    einc_rewrite_free(p, n, free);
    for (int d = 0; d < x->left.n_subs; d++) {
        dims[d] = x->left.subs[d].terms[0].index;
        if (p->indices[dims[d]].lo != 0 || p->indices[dims[d]].from ||
            !free[dims[d]])
            return;
    }
    put_on_list(s, n, left, dims, x->left.n_subs);
}

/* The access that stands for the node; *own sets what it reads, and is yet to
 * be put before the statement. */
static const struct node *
make_temp(struct splitting *s, const struct node *n, const int *kept,
          int n_kept, struct stmt *own)
{
    struct rewrite *r = s->r;
    int *to = NEW(r->perm, int, r->p.n_indices);
    int *loops = NEW(r->perm, int, n_kept);
    for (int x = 0; x < r->p.n_indices; x++)
        to[x] = x;
    for (int k = 0; k < n_kept; k++) { /* statements have their own loops */
        struct index loop = r->p.indices[kept[k]];
        loop.kind = INDEX_FREE;
        to[kept[k]] = loops[k] = einc_rewrite_index(r, &loop);
    }
    enum einc_dtype type = einc_fn_compute(n->type);
    int tensor = einc_rewrite_temp(r, type, loops, n_kept, n->at);
    struct rename how = {.to = to};
    *own = (struct stmt){.op = ASSIGN_SET, .loops = loops, .n_loops = n_kept,
                         .at = n->at};
    own->left = *einc_rewrite_access(r, tensor, loops, n_kept, n->at);
    own->right = einc_rewrite_node(r, n, &how, 1);
    put_on_list(s, n, tensor, kept, n_kept);
    return read_of(r, n, tensor, kept, n_kept);
}

static const struct node *
take_out(struct splitting *s, const struct node *n, const int *kept,
         int n_kept)
{
    struct stmt own;
    const struct node *read = make_temp(s, n, kept, n_kept, &own);
    einc_rewrite_insert(s->r, s->stmt++, &own);
    return read;
}

/* What was taken out, and why: how often it would be computed where it stood
 * is the product of the loops there. */
static void
tell(struct splitting *s, const struct node *n, const struct node *own,
     const int *kept, int n_kept)
{
    struct str name = s->r->p.tensors[own->access->tensor].name;
    struct str words = einc_rewrite_words(s->r, n->at);
    double once = 1, often = 1;
    for (int k = 0; k < n_kept; k++)
        once *= extent_of(&s->r->p, kept[k]);
    for (int l = 0; l < s->n_loops; l++)
        often *= extent_of(&s->r->p, s->loops[l]);
    if (once < often && often < 0x1p62)
        einc_rewrite_note(s->r, "hoisted: %.*s is %.*s, computed %lld times "
                          "and not %lld", (int)name.n, name.p, (int)words.n,
                          words.p, (long long)once, (long long)often);
    else
        einc_rewrite_note(s->r, "product: %.*s is %.*s, which the kernels of "
                          "einsums compute", (int)name.n, name.p,
                          (int)words.n, words.p);
}

/* --- prologues ---------------------------------------------------------- */

enum { MOST_MADE = 8 };

/* Factors of a sum of products that are no accesses, each for a temporary:
 * of sum[k](exp(A[i,k])*B[k,j]) a kernel of einsums computes all but exp(A),
 * which is as large as A. */
struct prologue {
    struct splitting *s;
    struct stmt made[MOST_MADE];
    const struct node *factor[MOST_MADE];
    int n;
};

struct layout {
    int *kept, n_kept;
};

/* Dims in the order of the first access that has them all. */
static int
lay_out(void *user, const struct node *n)
{
    struct layout *x = user;
    if (!n->access || n->access->n_subs != x->n_kept ||
        !einc_rewrite_is_bare(n->access))
        return 0;
    for (int k = 0; k < x->n_kept; k++) {
        int d = 0;
        while (d < x->n_kept &&
               n->access->subs[d].terms[0].index != x->kept[k])
            d++;
        if (d == x->n_kept)
            return 0;
    }
    for (int d = 0; d < x->n_kept; d++)
        x->kept[d] = n->access->subs[d].terms[0].index;
    return 1;
}

static int
is_reduction(void *user, const struct node *n)
{
    (void)user;
    return n->kind == NODE_REDUCE;
}

/* NULL: it is as large as all products, or sums itself. */
static const struct node *
put_factor(struct prologue *x, const struct node *n)
{
    struct splitting *s = x->s;
    struct program *p = &s->r->p;
    const struct stmt *all = &p->stmts[s->stmt];
    int kept[MOST_KEPT], n_kept = kept_of(s, n, kept);
    double out = 1, size = 1;
    const struct node *found = find(s, n);
    if (found)
        return found;
    for (int l = 0; l < all->n_loops; l++)
        out *= extent_of(p, all->loops[l]);
    for (int k = 0; k < n_kept; k++)
        size *= extent_of(p, kept[k]);
    if (n_kept < 0 || x->n == MOST_MADE ||
        einc_fn_compute(n->type) != n->type ||
        !(is_within(p, size, out) || reads_as_many(p, n, size)) ||
        einc_rewrite_any(p, n, is_reduction, NULL))
        return NULL;
    struct layout order = {kept, n_kept};
    einc_rewrite_any(p, n, lay_out, &order);
    x->factor[x->n] = n;
    return make_temp(s, n, kept, n_kept, &x->made[x->n++]);
}

static const struct node *
put_factors(struct prologue *x, const struct node *n)
{
    int product =
        n->kind == NODE_PRODUCT ||
        (n->kind == NODE_CALL && (n->fn == FN_MUL || n->fn == FN_NEG));
    if (n->kind == NODE_ACCESS || n->kind == NODE_NUMBER)
        return n;
    if (!product)
        return put_factor(x, n);
    struct node *own = NEW(x->s->r->perm, struct node, 1);
    *own = *n;
    own->args = NEW(x->s->r->perm, const struct node *, n->n_args);
    for (int a = 0; a < n->n_args; a++)
        if (!(own->args[a] = put_factors(x, n->args[a])))
            return NULL;
    return own;
}

static void enter(struct splitting *s, const struct node *n);

static const struct node *
sum_of(struct rewrite *r, const struct node *sum, const struct node *body)
{
    struct node *own = NEW(r->perm, struct node, 1);
    const struct node **args = NEW(r->perm, const struct node *, 1);
    *own = *sum;
    args[0] = body;
    own->args = args;
    return own;
}

static void
insert_made(struct prologue *x)
{
    struct rewrite *r = x->s->r;
    for (int f = 0; f < x->n; f++) {
        struct str name = r->p.tensors[x->made[f].left.tensor].name;
        struct str words = einc_rewrite_words(r, x->factor[f]->at);
        einc_rewrite_insert(r, x->s->stmt++, &x->made[f]);
        einc_rewrite_note(r, "prologue: %.*s is %.*s, for a product that the "
                          "kernels of einsums compute", (int)name.n, name.p,
                          (int)words.n, words.p);
    }
}

/* The sum with its factors put, and their statements made; NULL: it is no
 * einsum then, or none that pays, and nothing is done. */
static const struct node *
with_prologue(struct splitting *s, const struct node *n, const int *kept,
              int n_kept)
{
    struct splitting outer = *s;
    struct rewrite before = *s->r;
    struct prologue x = {.s = s};
    if (n->redop != REDOP_SUM || n->guard || s->frugal ||
        !is_of_the_statement(s))
        return NULL;
    enter(s, n);
    const struct node *body =
        s->guarded ? NULL : put_factors(&x, n->args[0]);
    s->loops = outer.loops;
    s->n_loops = outer.n_loops;
    const struct node *own = body ? sum_of(s->r, n, body) : NULL;
    if (!own || !pays(s, own, kept, n_kept)) {
        *s->r = before; /* temporaries are behind the others */
        *s = outer;
        return NULL;
    }
    insert_made(&x);
    return own;
}

/* --- one reduction ------------------------------------------------------ */

/* The node as it is worth a statement of its own, or NULL. */
static const struct node *
as_taken(struct splitting *s, const struct node *n, const int *kept,
         int n_kept)
{
    if (is_invariant(s, n, kept, n_kept) || pays(s, n, kept, n_kept))
        return n;
    const struct node *own = einc_script_repeated(s->r, n);
    if (!own || !pays(s, own, kept, n_kept))
        return with_prologue(s, n, kept, n_kept);
    einc_script_tell_repeat(s->r, n);
    return own;
}

/* Whether the statement is an einsum with this for its right side. */
static int
is_whole(struct splitting *s, const struct node *right)
{
    struct stmt own = s->r->p.stmts[s->stmt];
    struct arena scratch = *s->scratch;
    struct stage g;
    own.right = right;
    return einc_script_is_contract(&scratch, &s->r->p, &own, s->slice_bytes,
                                   &g);
}

/* A tensor that holds what the node is. */
static const struct node *
try_found(struct splitting *s, const struct node *n)
{
    const struct node *found = find(s, n);
    if (!found)
        return NULL;
    struct str name = s->r->p.tensors[found->access->tensor].name;
    struct str words = einc_rewrite_words(s->r, n->at);
    einc_rewrite_note(s->r, "shared: %.*s serves %.*s, too", (int)name.n,
                      name.p, (int)words.n, words.p);
    return found;
}

static const struct node *
try_one(struct splitting *s, const struct node *n)
{
    int kept[MOST_KEPT], left = s->r->p.stmts[s->stmt].left.tensor;
    int n_kept = kept_of(s, n, kept);
    if (n_kept < 0 || s->guarded || n->best >= 0 ||
        einc_fn_compute(n->type) != n->type ||
        einc_rewrite_any(&s->r->p, n, has_site, &s->r->p) ||
        einc_rewrite_any(&s->r->p, n, reads_left, &left))
        return NULL;
    const struct node *found = try_found(s, n);
    if (found)
        return found;
    int whole = n == s->r->p.stmts[s->stmt].right;
    n = as_taken(s, n, kept, n_kept);
    if (!n || (whole && is_whole(s, n)))
        return n;
    const struct node *own = take_out(s, n, kept, n_kept);
    tell(s, n, own, kept, n_kept);
    return own;
}

/* --- distances ---------------------------------------------------------- */

/* Reduction taken out as it is: no loop of the statement is needed for it that
 * its statement would not have, and it holds nothing to be guarded. */
static const struct node *
take_norm(struct splitting *s, const struct node *n)
{
    int kept[MOST_KEPT], n_kept = kept_of(s, n, kept);
    const struct node *norm = find(s, n);
    if (!norm)
        norm = take_out(s, n, kept, n_kept);
    s->r->p.tensors[norm->access->tensor].positive = 1;
    return norm;
}

static int
can_leave(const struct splitting *s, const struct node *n)
{
    int kept[MOST_KEPT], left = s->r->p.stmts[s->stmt].left.tensor;
    struct program *p = &s->r->p;
    return kept_of(s, n, kept) > 0 && !einc_rewrite_any(p, n, has_site, p) &&
           !einc_rewrite_any(p, n, reads_left, &left);
}

static const struct node *
try_distance(struct splitting *s, const struct node *n)
{
    const struct node *side[2], *norm[2];
    if (s->guarded || !einc_script_is_distance(&s->r->p, *s->scratch, n, side))
        return NULL;
    for (int k = 0; k < 2; k++) {
        norm[k] = einc_script_norm(s->r, n, side[k]);
        if (!can_leave(s, norm[k]))
            return NULL;
    }
    for (int k = 0; k < 2; k++)
        norm[k] = take_norm(s, norm[k]);
    struct str words = einc_rewrite_words(s->r, n->at);
    einc_rewrite_note(s->r, "distance: %.*s is |x|^2 + |y|^2 - 2 x.y, but for "
                      "points that are near", (int)words.n, words.p);
    return einc_script_expand(s->r, n, side, norm);
}

/* --- the walk ----------------------------------------------------------- */

static const struct node *split(struct splitting *s, const struct node *n);

/* Below a reduction its indices are loops, too. */
static void
enter(struct splitting *s, const struct node *n)
{
    int *loops = NEW(s->r->perm, int, s->n_loops + n->n_bound);
    memcpy(loops, s->loops, sizeof *loops * (size_t)s->n_loops);
    for (int b = 0; b < n->n_bound; b++)
        loops[s->n_loops + b] = n->bound[b];
    s->loops = loops;
    s->n_loops += n->n_bound;
    s->guarded |= n->guard != NULL;
    for (int b = 0; b < n->n_bound; b++)
        s->guarded |= s->r->p.indices[n->bound[b]].from != NULL;
}

/* exp(f - lse) is computed with its sum in one pass: its parts stay. */
static int
is_online(const struct node *n)
{
    return n->lse != NULL;
}

static const struct node *
split(struct splitting *s, const struct node *n)
{
    const struct node *out =
        n->kind == NODE_REDUCE ? try_one(s, n) : NULL;
    if (!out)
        out = try_distance(s, n);
    if (out || is_online(n) || n->n_args == 0)
        return out ? out : n;
    struct splitting outer = *s;
    if (n->kind == NODE_REDUCE)
        enter(s, n);
    int choice = n->kind == NODE_CALL &&
                 (n->fn == FN_SELECT || n->fn == FN_AND || n->fn == FN_OR);
    const struct node **args = NEW(s->r->perm, const struct node *, n->n_args);
    int changed = 0;
    for (int a = 0; a < n->n_args; a++) {
        s->guarded |= choice && a > 0;
        args[a] = split(s, n->args[a]);
        changed |= args[a] != n->args[a];
    }
    s->loops = outer.loops;
    s->n_loops = outer.n_loops;
    s->guarded = outer.guarded;
    if (!changed)
        return n;
    struct node *own = NEW(s->r->perm, struct node, 1);
    *own = *n;
    own->args = args;
    return own;
}

/* A statement that says what one before it does is a copy of that. */
static void
share_whole(struct splitting *s)
{
    struct stmt *x = &s->r->p.stmts[s->stmt];
    if (x->right->kind == NODE_REDUCE && x->right->best < 0 &&
        !einc_rewrite_any(&s->r->p, x->right, has_site, &s->r->p)) {
        const struct node *found = try_found(s, x->right);
        x->right = found ? found : x->right;
    }
}

void
einc_script_split(struct rewrite *r, struct arena scratch, int64_t slice_bytes,
                  int frugal)
{
    enum { ROOM = 64 };
    struct taken *list = NEW(&scratch, struct taken, ROOM);
    int n = 0;
    for (int at = 0; at < r->p.n_stmts; at++) {
        struct stage whole;
        struct arena room = scratch, own = scratch;
        const struct stmt *x = &r->p.stmts[at];
        if (x->scatters)
            continue;
        struct splitting s = {.r = r, .scratch = &own, .stmt = at,
                              .loops = x->loops, .n_loops = x->n_loops,
                              .list = list, .n = n, .room = ROOM,
                              .slice_bytes = slice_bytes, .frugal = frugal};
        share_whole(&s);
        if (!einc_script_is_contract(&room, &r->p, &r->p.stmts[at],
                                     slice_bytes, &whole)) {
            const struct node *right = split(&s, r->p.stmts[at].right);
            r->p.stmts[s.stmt].right = right;
        }
        put_statement(&s);
        at = s.stmt; /* those before it are split as far as they can be */
        n = s.n;
    }
}

/* Points of all loops of a statement. */
static double
points_of(const struct program *p, const struct stmt *s)
{
    double n = 1;
    for (int x = s->first_index; x < s->first_index + s->n_indices; x++)
        n *= extent_of(p, x);
    return n;
}

void
einc_script_part_sums(struct rewrite *r, struct arena scratch,
                      int64_t slice_bytes)
{
    enum { WORTH_A_TEMP = 1 << 14 }; /* points */
    for (int at = 0; at < r->p.n_stmts; at++) {
        struct arena room = scratch;
        struct stage whole;
        const struct stmt *x = &r->p.stmts[at];
        int kept[MOST_KEPT];
        if (x->op != ASSIGN_ADD || x->scatters ||
            points_of(&r->p, x) < WORTH_A_TEMP ||
            !einc_script_is_contract(&room, &r->p, x, slice_bytes, &whole) ||
            whole.scale != 1)
            continue;
        struct splitting s = {.r = r, .scratch = &scratch, .stmt = at,
                              .loops = x->loops, .n_loops = x->n_loops};
        int n_kept = kept_of(&s, x->right, kept);
        if (n_kept < 0)
            continue;
        const struct node *sum = take_out(&s, x->right, kept, n_kept);
        at = s.stmt;
        r->p.stmts[at].right = sum;
    }
}

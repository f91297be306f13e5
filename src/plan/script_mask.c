/* SPDX-License-Identifier: MIT
 *
 * script_mask.c - sums of products under a mask of data, as
 * `O[i,k] = M[i,k] ? sum[j](A[i,j]*B[j,k]) : 0`. Where the mask keeps much, a
 * packed kernel that makes all sums is several times as fast as loops that ask
 * for each; where it keeps little, sums are made for a list of its places, as
 * dot products of rows. What it keeps is known in the run: the statement
 * becomes both, and a count of the mask.
 */
#include <string.h>

#include "plan/places.h"
#include "plan/script_parts.h"

enum {
    LEAST_TERMS = 8,
    LEAST_PRODUCTS = 1 << 14,   /* below, counting costs more */
    LEAST_USES = 8,             /* of an element that the sums read */
    TILE_BYTES = 1 << 18,       /* of operands that a tile of places reads */
    LEAST_TILE = 16, MOST_TILE = 4096
};

/* A factor of the sum. */
struct factor {
    const struct node *node;
    const struct access *read; /* in lists: of itself, or of a copy whose rows
                                * go along the sum */
};

struct masking {
    struct rewrite *r;
    struct stmt s;             /* as it was */
    int at;                    /* where statements are put */
    const struct node *choice, *sum;
    int kept;                  /* argument of the choice that has the sum */
    struct factor side[2];
    int mask, made;            /* tensors: where, all sums */
    const struct gate *gate;
    struct places *places;
    int lists;                 /* what is swapped: for lists, else for all */
};

/* --- what is there ------------------------------------------------------ */

static double
extent_of(const struct program *p, int x)
{
    return (double)(p->indices[x].hi - p->indices[x].lo);
}

static int
has_index(const struct access *a, int x)
{
    for (int d = 0; d < a->n_subs; d++)
        if (a->subs[d].terms[0].index == x)
            return 1;
    return 0;
}

static double
elements_of(const struct program *p, const struct access *a)
{
    double n = 1;
    for (int d = 0; d < a->n_subs; d++)
        n *= extent_of(p, a->subs[d].terms[0].index);
    return n;
}

static double
points_of(const struct program *p, const struct stmt *s)
{
    double n = 1;
    for (int l = 0; l < s->n_loops; l++)
        n *= extent_of(p, s->loops[l]);
    return n;
}

/* What a run may have to report, and ranges of data. */
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
reads_data(void *user, const struct node *n)
{
    (void)user;
    return n->access != NULL;
}

/* A tensor's elements themselves, all of them within it. */
static int
is_factor(const struct program *p, const struct node *n, enum einc_dtype t)
{
    if (n->kind != NODE_ACCESS || n->type != t ||
        p->tensors[n->access->tensor].dtype != t ||
        !einc_rewrite_is_bare(n->access))
        return 0;
    for (int d = 0; d < n->access->n_subs; d++) {
        const struct index *x =
            &p->indices[n->access->subs[d].terms[0].index];
        if (x->lo != 0 || x->from || x->to ||
            x->hi > p->tensors[n->access->tensor].shape[d])
            return 0;
    }
    return 1;
}

/* Every loop is of a factor, and those of one alone are the mask's, too:
 * blocks that it keeps or not are better off as blocks. */
static int
asks_each(const struct masking *x, const struct node *cond)
{
    const struct program *p = &x->r->p;
    char *set = NEW(x->r->perm, char, p->n_indices);
    einc_rewrite_free(p, cond, set);
    for (int l = 0; l < x->s.n_loops; l++) {
        int a = has_index(x->side[0].node->access, x->s.loops[l]);
        int b = has_index(x->side[1].node->access, x->s.loops[l]);
        if ((!a && !b) || (a != b && !set[x->s.loops[l]]))
            return 0;
    }
    return 1;
}

static int
is_sum(struct masking *x, const struct node *n)
{
    const struct program *p = &x->r->p;
    if (n->kind != NODE_REDUCE || n->redop != REDOP_SUM || n->guard ||
        n->n_bound != 1 || n->args[0]->type != n->type ||
        einc_fn_compute(n->type) != n->type)
        return 0;
    const struct node *y = n->args[0];
    if (!(y->kind == NODE_PRODUCT ||
          (y->kind == NODE_CALL && y->fn == FN_MUL)) || y->n_args != 2 ||
        !is_factor(p, y->args[0], n->type) ||
        !is_factor(p, y->args[1], n->type))
        return 0;
    for (int k = 0; k < 2; k++)
        x->side[k] = (struct factor){y->args[k], y->args[k]->access};
    x->sum = n;
    double terms = extent_of(p, n->bound[0]);
    double products = terms * points_of(p, &x->s);
    return terms >= LEAST_TERMS && products >= LEAST_PRODUCTS &&
           has_index(x->side[0].read, n->bound[0]) &&
           has_index(x->side[1].read, n->bound[0]) &&
           products >= LEAST_USES * (elements_of(p, x->side[0].read) +
                                     elements_of(p, x->side[1].read));
}

/* A sum in what a choice keeps, within no other reduction. */
static int
find_sum(struct masking *x, const struct node *n)
{
    if (is_sum(x, n))
        return 1;
    for (int a = 0; n->kind != NODE_REDUCE && a < n->n_args; a++)
        if (find_sum(x, n->args[a]))
            return 1;
    return 0;
}

/* The choice, by data, of such a sum. */
static int
find_choice(struct masking *x, const struct node *n)
{
    int is_choice = n->kind == NODE_CALL && n->fn == FN_SELECT;
    for (int a = 1; is_choice && a < 3; a++)
        if (find_sum(x, n->args[a]) &&
            einc_rewrite_any(&x->r->p, n->args[0], reads_data, NULL) &&
            asks_each(x, n->args[0])) {
            x->choice = n;
            x->kept = a;
            return 1;
        }
    for (int a = 0; n->kind != NODE_REDUCE && a < n->n_args; a++)
        if (find_choice(x, n->args[a]))
            return 1;
    return 0;
}

static int
can_split(const struct program *p, const struct stmt *s)
{
    if (s->op != ASSIGN_SET || s->scatters || s->n_loops < 2 ||
        s->n_loops > PLACES_DIMS || !einc_rewrite_is_bare(&s->left) ||
        einc_rewrite_has(p, s->right, s->left.tensor) ||
        einc_rewrite_any(p, s->right, has_site, (void *)(uintptr_t)p))
        return 0;
    for (int l = 0; l < s->n_loops; l++) {
        const struct index *x = &p->indices[s->loops[l]];
        if (x->kind == INDEX_NEW || x->lo != 0 || x->hi > INT32_MAX || x->from)
            return 0;
    }
    return 1;
}

/* --- nodes -------------------------------------------------------------- */

static struct node *
node_of(struct masking *x, enum node_kind kind, enum einc_dtype type,
        int n_args)
{
    struct node *n = NEW(x->r->perm, struct node, 1);
    *n = (struct node){.kind = kind, .type = type, .n_args = n_args,
                       .best = -1, .at = x->choice->at};
    n->args = NEW(x->r->perm, const struct node *, n_args);
    return n;
}

static const struct node *
call_of(struct masking *x, enum fn fn, enum einc_dtype type,
        const struct node *a, const struct node *b)
{
    struct node *n = node_of(x, NODE_CALL, type, b ? 2 : 1);
    n->fn = fn;
    n->args[0] = a;
    if (b)
        n->args[1] = b;
    return n;
}

static const struct node *
read_of(struct masking *x, int tensor, const int *dims, int n_dims)
{
    struct node *n =
        node_of(x, NODE_ACCESS, x->r->p.tensors[tensor].dtype, 0);
    n->access = einc_rewrite_access(x->r, tensor, dims, n_dims, n->at);
    return n;
}

/* Position in dim d of the place at hand. */
static const struct node *
place_of(struct masking *x, int d)
{
    return call_of(x, FN_CAST, EINC_I64,
                   read_of(x, x->places->list[d], &x->places->index, 1), NULL);
}

static int
loop_of(const struct masking *x, int index)
{
    for (int l = 0; l < x->s.n_loops; l++)
        if (x->s.loops[l] == index)
            return l;
    return -1;
}

static const struct node *swap_node(void *user, const struct node *n);

static const struct node *
swapped(struct masking *x, const struct node *n)
{
    struct rename how = {.swap = swap_node, .user = x};
    return einc_rewrite_node(x->r, n, &how, 0);
}

/* The subscript with loops as what the lists say of them. */
static struct subscript
listed(struct masking *x, const struct subscript *from)
{
    struct subscript own = *from;
    own.terms = NEW(x->r->perm, struct affine_term, from->n_terms);
    own.n_terms = 0;
    own.rest = from->rest ? swapped(x, from->rest) : NULL;
    for (int t = 0; t < from->n_terms; t++) {
        int l = loop_of(x, from->terms[t].index);
        if (l < 0) {
            own.terms[own.n_terms++] = from->terms[t];
            continue;
        }
        const struct node *add = place_of(x, l);
        if (from->terms[t].coef != 1) {
            struct node *by = node_of(x, NODE_NUMBER, EINC_I64, 0);
            by->integer = from->terms[t].coef;
            add = call_of(x, FN_MUL, EINC_I64, add, by);
        }
        own.rest = own.rest
                       ? call_of(x, FN_ADD, EINC_I64, own.rest, add)
                       : add;
    }
    return own;
}

static struct access
listed_access(struct masking *x, const struct access *from)
{
    struct access own = *from;
    own.subs = NEW(x->r->perm, struct subscript, from->n_subs);
    for (int d = 0; d < from->n_subs; d++)
        own.subs[d] = listed(x, &from->subs[d]);
    return own;
}

/* What the mask keeps, in the place of the choice. In lists: their places in
 * that of loops; else the sums that were made. */
static const struct node *
swap_node(void *user, const struct node *n)
{
    struct masking *x = user;
    if (!x->lists && n == x->sum)
        return read_of(x, x->made, x->s.loops, x->s.n_loops);
    if (!x->lists && n == x->choice->args[0]) {
        const struct node *holds =
            read_of(x, x->mask, x->s.loops, x->s.n_loops);
        return x->kept == 1 ? holds
                            : call_of(x, FN_NOT, EINC_BOOL, holds, NULL);
    }
    if (!x->lists)
        return NULL;
    if (n == x->choice)
        return swapped(x, n->args[x->kept]);
    if (n->kind == NODE_INDEX && loop_of(x, n->index) >= 0)
        return place_of(x, loop_of(x, n->index));
    if (n->kind != NODE_ACCESS)
        return NULL;
    struct node *own = NEW(x->r->perm, struct node, 1);
    struct access *a = NEW(x->r->perm, struct access, 1);
    const struct access *from = n->access;
    for (int k = 0; k < 2; k++)
        if (n == x->side[k].node)
            from = x->side[k].read;
    *own = *n;
    *a = listed_access(x, from);
    own->access = a;
    return own;
}

/* What is where the mask does not hold. */
static const struct node *
put_other(void *user, const struct node *n)
{
    const struct masking *x = user;
    return n == x->choice ? n->args[3 - x->kept] : NULL;
}

/* --- statements --------------------------------------------------------- */

static void
put(struct masking *x, int tensor, const int *loops, int n_loops,
    const struct node *right, const struct gate *gate, int few)
{
    struct stmt own = {.op = ASSIGN_SET, .n_loops = n_loops, .right = right,
                       .gate = gate, .few = few, .at = x->s.at};
    own.loops = NEW(x->r->perm, int, n_loops);
    memcpy(own.loops, loops, sizeof *loops * (size_t)n_loops);
    own.left = *einc_rewrite_access(x->r, tensor, loops, n_loops, x->s.at);
    einc_rewrite_insert(x->r, x->at++, &own);
}

/* Whether the condition is a tensor as a mask is one. */
static int
is_mask(const struct masking *x, const struct node *cond)
{
    const struct program *p = &x->r->p;
    if (cond->kind != NODE_ACCESS || x->kept != 1 ||
        p->tensors[cond->access->tensor].dtype != EINC_BOOL ||
        !einc_rewrite_is_bare(cond->access) ||
        cond->access->n_subs != x->s.n_loops)
        return 0;
    const struct tensor *t = &p->tensors[cond->access->tensor];
    int64_t dense = 1;
    for (int d = t->n_dims - 1; d >= 0; d--) {
        const struct index *i = &p->indices[x->s.loops[d]];
        if (cond->access->subs[d].terms[0].index != x->s.loops[d] ||
            t->shape[d] != i->hi || t->stride[d] != dense)
            return 0;
        dense *= t->shape[d];
    }
    return 1;
}

static void
put_mask(struct masking *x)
{
    const struct node *cond = x->choice->args[0];
    if (is_mask(x, cond)) {
        x->mask = cond->access->tensor;
        return;
    }
    x->mask = einc_rewrite_temp(x->r, EINC_BOOL, x->s.loops, x->s.n_loops,
                                x->choice->at);
    if (x->kept == 2)
        cond = call_of(x, FN_NOT, EINC_BOOL, cond, NULL);
    put(x, x->mask, x->s.loops, x->s.n_loops, cond, NULL, 0);
}

static void
make_gate(struct masking *x)
{
    struct gate *g = NEW(x->r->perm, struct gate, 1);
    double n = points_of(&x->r->p, &x->s);
    *g = (struct gate){x->mask, (int64_t)n, (int64_t)(n / 8)};
    x->gate = g;
}

/* All sums, and the statement with them. */
static void
put_whole(struct masking *x)
{
    x->made = einc_rewrite_temp(x->r, x->sum->type, x->s.loops, x->s.n_loops,
                                x->sum->at);
    put(x, x->made, x->s.loops, x->s.n_loops, x->sum, x->gate, 0);
    x->lists = 0;
    struct stmt own = x->s;
    own.right = swapped(x, x->s.right);
    own.gate = x->gate;
    einc_rewrite_insert(x->r, x->at++, &own);
}

/* A factor whose elements lie apart along the sum is copied. */
static void
put_copy(struct masking *x, struct factor *f)
{
    const struct access *a = f->node->access;
    int bound = x->sum->bound[0], n = a->n_subs, last = 0;
    int dims[PLACES_DIMS + 1];
    for (int d = 0; d < n; d++)
        if (a->subs[d].terms[0].index != bound)
            dims[last++] = a->subs[d].terms[0].index;
        else if (x->r->p.tensors[a->tensor].stride[d] == 1)
            return;
    dims[last] = bound;
    int copy = einc_rewrite_temp(x->r, f->node->type, dims, n, x->sum->at);
    put(x, copy, dims, n, f->node, x->gate, 1);
    f->read = einc_rewrite_access(x->r, copy, dims, n, x->sum->at);
}

static int64_t
clamped(double n, int64_t lo, int64_t hi)
{
    return n < (double)lo ? lo : n > (double)hi ? hi : (int64_t)n;
}

static void
make_places(struct masking *x)
{
    struct rewrite *r = x->r;
    struct places *q = x->places = NEW(r->perm, struct places, 1);
    double row_bytes = extent_of(&r->p, x->sum->bound[0]) *
                       (double)einc_dtype_info(x->sum->type)->bytes;
    int64_t tile = clamped(TILE_BYTES / row_bytes, LEAST_TILE, MOST_TILE);
    *q = (struct places){.mask = x->mask, .n_dims = x->s.n_loops,
                         .rows = 2 * tile, .columns = tile};
    struct index own = {.name = str_of("p"), .kind = INDEX_FREE,
                        .hi = PLACES_ROOM, .at = x->s.at};
    q->index = einc_rewrite_index(r, &own);
    for (int d = 0; d < q->n_dims; d++) {
        q->extent[d] = r->p.indices[x->s.loops[d]].hi;
        q->list[d] = einc_rewrite_temp(r, EINC_I32, &q->index, 1, x->s.at);
    }
}

/* What is elsewhere, everywhere, and what the mask keeps over it. */
static void
put_lists(struct masking *x)
{
    for (int k = 0; k < 2; k++)
        put_copy(x, &x->side[k]);
    struct stmt own = x->s;
    struct rename how = {.swap = put_other, .user = x};
    own.right = einc_rewrite_node(x->r, x->s.right, &how, 0);
    own.gate = x->gate;
    own.few = 1;
    einc_rewrite_insert(x->r, x->at++, &own);
    make_places(x);
    x->lists = 1;
    own.left = listed_access(x, &x->s.left);
    own.right = swapped(x, x->s.right);
    own.loops = NEW(x->r->perm, int, 1);
    own.loops[0] = x->places->index;
    own.n_loops = 1;
    own.places = x->places;
    einc_rewrite_insert(x->r, x->at++, &own);
}

static void
tell(struct masking *x)
{
    struct str words = einc_rewrite_words(x->r, x->choice->args[0]->at);
    struct str sum = einc_rewrite_words(x->r, x->sum->at);
    einc_rewrite_note(x->r, "masked: where %.*s %s for at most %lld of %.0f "
                      "places %.*s is made for a list of these, %d at a time, "
                      "else everywhere",
                      (int)words.n, words.p, x->kept == 1 ? "holds" : "fails",
                      (long long)x->gate->most, points_of(&x->r->p, &x->s),
                      (int)sum.n, sum.p, PLACES_ROOM);
}

void
einc_script_mask(struct rewrite *r)
{
    for (int at = 0; at < r->p.n_stmts; at++) {
        struct masking x = {.r = r, .s = r->p.stmts[at], .at = at};
        if (!can_split(&r->p, &x.s) || !find_choice(&x, x.s.right))
            continue;
        einc_rewrite_remove(r, at);
        put_mask(&x);
        make_gate(&x);
        put_whole(&x);
        put_lists(&x);
        tell(&x);
        at = x.at - 1;
    }
}

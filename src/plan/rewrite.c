/* SPDX-License-Identifier: MIT
 *
 * rewrite.c - see rewrite.h. All walks are as deep as the text is nested,
 * which the parser limits.
 */
#include "plan/rewrite.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 60 }; /* columns of the user's text in a note */

/* --- the program -------------------------------------------------------- */

static void *
copy_of(struct arena *a, const void *from, size_t size, int n, int room)
{
    void *to = einc_arena_take(a, size, 16, room);
    if (n)
        memcpy(to, from, size * (size_t)n);
    return to;
}

#define COPY(a, t, from, n, room) \
    ((t *)copy_of((a), (from), sizeof(t), (n), (room)))

struct rewrite
einc_rewrite_open(struct arena *perm, const struct program *p)
{
    struct rewrite r = {.perm = perm, .p = *p};
    r.room_stmts = 2 * p->n_stmts + 8;
    r.room_tensors = p->n_tensors + 8;
    r.room_indices = 2 * p->n_indices + 16;
    r.p.stmts = COPY(perm, struct stmt, p->stmts, p->n_stmts, r.room_stmts);
    r.p.tensors = COPY(perm, struct tensor, p->tensors, p->n_tensors,
                       r.room_tensors);
    r.p.indices = COPY(perm, struct index, p->indices, p->n_indices,
                       r.room_indices);
    return r;
}

int
einc_rewrite_index(struct rewrite *r, const struct index *x)
{
    struct index own = *x;
    if (r->p.n_indices == r->room_indices) {
        r->room_indices *= 2;
        r->p.indices = COPY(r->perm, struct index, r->p.indices,
                            r->p.n_indices, r->room_indices);
    }
    r->p.indices[r->p.n_indices] = own;
    return r->p.n_indices++;
}

int
einc_rewrite_tensor(struct rewrite *r, const struct tensor *t)
{
    if (r->p.n_tensors == r->room_tensors) {
        r->room_tensors *= 2;
        r->p.tensors = COPY(r->perm, struct tensor, r->p.tensors,
                            r->p.n_tensors, r->room_tensors);
    }
    r->p.tensors[r->p.n_tensors] = *t;
    return r->p.n_tensors++;
}

void
einc_rewrite_insert(struct rewrite *r, int at, const struct stmt *s)
{
    struct stmt own = *s;
    if (r->p.n_stmts == r->room_stmts) {
        r->room_stmts *= 2;
        r->p.stmts = COPY(r->perm, struct stmt, r->p.stmts, r->p.n_stmts,
                          r->room_stmts);
    }
    memmove(r->p.stmts + at + 1, r->p.stmts + at,
            sizeof own * (size_t)(r->p.n_stmts - at));
    r->p.stmts[at] = own;
    r->p.n_stmts++;
}

void
einc_rewrite_remove(struct rewrite *r, int at)
{
    r->p.n_stmts--;
    memmove(r->p.stmts + at, r->p.stmts + at + 1,
            sizeof *r->p.stmts * (size_t)(r->p.n_stmts - at));
}

void
einc_rewrite_note(struct rewrite *r, const char *fmt, ...)
{
    struct text t = {.perm = r->perm};
    struct str *more = NEW(r->perm, struct str, r->n_notes + 1);
    va_list ap;
    va_start(ap, fmt);
    einc_putv(&t, fmt, ap);
    va_end(ap);
    for (int i = 0; i < r->n_notes; i++)
        more[i] = r->notes[i];
    more[r->n_notes++] = (struct str){einc_text_z(&t), t.n};
    r->notes = more;
}

struct str
einc_rewrite_words(const struct rewrite *r, struct span at)
{
    struct str source = r->p.source;
    if (at.begin < 0 || at.end > source.n || at.end < at.begin)
        return (struct str){"", 0};
    struct str words = {source.p + at.begin, at.end - at.begin};
    return str_of(einc_diag_show(r->perm->cx, words, SHOWN));
}

static int
count_temps(const struct program *p)
{
    int n = 0;
    for (int t = 0; t < p->n_tensors; t++)
        n += p->tensors[t].kind == TENSOR_TEMP;
    return n;
}

int
einc_rewrite_temp(struct rewrite *r, enum einc_dtype type, const int *dims,
                  int n_dims, struct span at)
{
    int64_t *shape = NEW(r->perm, int64_t, n_dims);
    int64_t *stride = NEW(r->perm, int64_t, n_dims), dense = 1;
    int number = count_temps(&r->p);
    for (int d = n_dims - 1; d >= 0; d--) {
        shape[d] = r->p.indices[dims[d]].hi;
        stride[d] = dense;
        if (shape[d] && __builtin_mul_overflow(dense, shape[d], &dense))
            einc_fail(r->perm->cx, EINC_ELIMIT, "E814", at,
                      "an intermediate has more elements than int64 counts");
    }
    char *name = NEW(r->perm, char, 16);
    int n = snprintf(name, 16, "t%d", number + 1);
    return einc_rewrite_tensor(
        r, &(struct tensor){.name = {name, n}, .kind = TENSOR_TEMP,
                            .number = number, .dtype = type,
                            .n_dims = n_dims, .shape = shape,
                            .stride = stride, .at = at});
}

const struct access *
einc_rewrite_access(struct rewrite *r, int tensor, const int *dims, int n_dims,
                    struct span at)
{
    struct access *a = NEW(r->perm, struct access, 1);
    *a = (struct access){.tensor = tensor, .n_subs = n_dims, .at = at};
    a->subs = NEW(r->perm, struct subscript, n_dims);
    for (int d = 0; d < n_dims; d++) {
        a->subs[d] = (struct subscript){.n_terms = 1, .site = -1, .at = at};
        a->subs[d].terms = NEW(r->perm, struct affine_term, 1);
        a->subs[d].terms[0] = (struct affine_term){dims[d], 1};
    }
    return a;
}

/* --- renaming ----------------------------------------------------------- */

/* One renaming under way: `to` grows with the indices that are made. */
struct walk {
    struct rewrite *r;
    const struct rename *how;
    int *to;
    int n, room;
    int fresh;
};

static int
renamed(const struct walk *w, int x)
{
    return x < w->n ? w->to[x] : x;
}

static void
set_name(struct walk *w, int from, int to)
{
    if (from >= w->room) {
        int room = 2 * from + 16;
        w->to = COPY(w->r->perm, int, w->to, w->n, room);
        w->room = room;
    }
    for (; w->n <= from; w->n++)
        w->to[w->n] = w->n;
    w->to[from] = to;
}

static const struct node *walk_node(struct walk *w, const struct node *n);

static const struct access *
walk_access(struct walk *w, const struct access *a)
{
    struct access *b = NEW(w->r->perm, struct access, 1);
    *b = *a;
    b->subs = COPY(w->r->perm, struct subscript, a->subs, a->n_subs,
                   a->n_subs);
    for (int d = 0; d < a->n_subs; d++) {
        struct subscript *s = &b->subs[d];
        s->terms = COPY(w->r->perm, struct affine_term, s->terms, s->n_terms,
                        s->n_terms);
        for (int t = 0; t < s->n_terms; t++)
            s->terms[t].index = renamed(w, s->terms[t].index);
        s->rest = s->rest ? walk_node(w, s->rest) : NULL;
    }
    return b;
}

static void
bind_anew(struct walk *w, struct node *n)
{
    n->bound = COPY(w->r->perm, int, n->bound, n->n_bound, n->n_bound);
    for (int b = 0; b < n->n_bound; b++) {
        int old = n->bound[b];
        struct index x = w->r->p.indices[old];
        if (w->fresh) {
            n->bound[b] = einc_rewrite_index(w->r, &x);
            set_name(w, old, n->bound[b]);
        }
        struct index own = w->r->p.indices[n->bound[b]];
        own.from = x.from ? walk_node(w, x.from) : NULL;
        own.to = x.to ? walk_node(w, x.to) : NULL;
        w->r->p.indices[n->bound[b]] = own;
    }
}

/* exp(f - lse): the same argument of the same argument in the new one. */
static const struct node *
lse_of(const struct node *old, const struct node *own)
{
    const struct node *a = old->args[0], *b = own->args[0];
    for (int k = 0; k < a->n_args && a->n_args == b->n_args; k++)
        if (a->args[k] == old->lse)
            return b->args[k];
    return NULL;
}

static const struct node *
walk_node(struct walk *w, const struct node *n)
{
    const struct node *swapped =
        w->how->swap ? w->how->swap(w->how->user, n) : NULL;
    if (swapped)
        return swapped;
    struct node *own = NEW(w->r->perm, struct node, 1);
    *own = *n;
    if (n->kind == NODE_INDEX)
        own->index = renamed(w, n->index);
    if (n->size_of)
        own->size_of = renamed(w, n->size_of - 1) + 1;
    if (n->kind == NODE_REDUCE)
        bind_anew(w, own);
    if (n->kind == NODE_REDUCE && n->best >= 0)
        own->best = renamed(w, n->best);
    if (n->access)
        own->access = walk_access(w, n->access);
    own->args = COPY(w->r->perm, const struct node *, n->args, n->n_args,
                     n->n_args);
    for (int a = 0; a < n->n_args; a++)
        own->args[a] = walk_node(w, n->args[a]);
    own->lse = n->lse ? lse_of(n, own) : NULL;
    own->guard = n->guard ? walk_node(w, n->guard) : NULL;
    return own;
}

const struct node *
einc_rewrite_node(struct rewrite *r, const struct node *n,
                  const struct rename *how, int fresh)
{
    struct walk w = {.r = r, .how = how, .fresh = fresh};
    w.n = w.room = r->p.n_indices;
    w.to = NEW(r->perm, int, w.n + 1);
    for (int x = 0; x < w.n; x++)
        w.to[x] = how->to ? how->to[x] : x;
    return walk_node(&w, n);
}

/* --- looking ------------------------------------------------------------ */

static void
free_of_access(const struct program *p, const struct access *a, char *set)
{
    for (int d = 0; d < a->n_subs; d++) {
        for (int t = 0; t < a->subs[d].n_terms; t++)
            set[a->subs[d].terms[t].index] = 1;
        if (a->subs[d].rest)
            einc_rewrite_free(p, a->subs[d].rest, set);
    }
}

void
einc_rewrite_free(const struct program *p, const struct node *n, char *set)
{
    if (n->kind == NODE_INDEX)
        set[n->index] = 1;
    if (n->access)
        free_of_access(p, n->access, set);
    for (int a = 0; a < n->n_args; a++)
        einc_rewrite_free(p, n->args[a], set);
    if (n->guard)
        einc_rewrite_free(p, n->guard, set);
    if (n->kind != NODE_REDUCE)
        return;
    if (n->best >= 0)
        set[n->best] = 1;
    for (int b = n->n_bound - 1; b >= 0; b--) {
        const struct index *x = &p->indices[n->bound[b]];
        if (x->from)
            einc_rewrite_free(p, x->from, set);
        if (x->to)
            einc_rewrite_free(p, x->to, set);
        set[n->bound[b]] = 0; /* every binding has its own */
    }
}

static int same_node(const struct program *p, const struct node *a,
                     const struct node *b, int *to);

static int
same_optional(const struct program *p, const struct node *a,
              const struct node *b, int *to)
{
    return (!a && !b) || (a && b && same_node(p, a, b, to));
}

static int
same_index(const struct program *p, int a, int b, int *to)
{
    const struct index *x = &p->indices[a], *y = &p->indices[b];
    if (to[a] >= 0)
        return to[a] == b;
    if (x->lo != y->lo || x->hi != y->hi ||
        (x->kind == INDEX_NEW) != (y->kind == INDEX_NEW))
        return 0;
    for (int i = 0; i < p->n_indices; i++)
        if (to[i] == b)
            return 0;
    to[a] = b;
    return same_optional(p, x->from, y->from, to) &&
           same_optional(p, x->to, y->to, to);
}

static int
same_subscript(const struct program *p, const struct subscript *a,
               const struct subscript *b, int *to)
{
    int same = a->constant == b->constant && a->n_terms == b->n_terms &&
               a->mode == b->mode && a->pad_lo == b->pad_lo &&
               a->pad_hi == b->pad_hi && a->checked == b->checked &&
               same_optional(p, a->rest, b->rest, to);
    for (int t = 0; same && t < a->n_terms; t++)
        same = a->terms[t].coef == b->terms[t].coef &&
               same_index(p, a->terms[t].index, b->terms[t].index, to);
    return same;
}

static int
same_access(const struct program *p, const struct access *a,
            const struct access *b, int *to)
{
    int same = a->tensor == b->tensor && a->n_subs == b->n_subs &&
               same_optional(p, a->fill, b->fill, to);
    for (int d = 0; same && d < a->n_subs; d++)
        same = same_subscript(p, &a->subs[d], &b->subs[d], to);
    return same;
}

static int
same_node(const struct program *p, const struct node *a, const struct node *b,
          int *to)
{
    int same = a->kind == b->kind && a->type == b->type && a->fn == b->fn &&
               a->n_args == b->n_args && a->integer == b->integer &&
               a->redop == b->redop && a->n_bound == b->n_bound &&
               memcmp(&a->number, &b->number, sizeof a->number) == 0 &&
               !a->access == !b->access;
    if (same && a->kind == NODE_INDEX)
        same = same_index(p, a->index, b->index, to);
    if (same && a->kind == NODE_REDUCE)
        same = a->best < 0 ? b->best < 0
                           : b->best >= 0 && same_index(p, a->best, b->best, to);
    for (int x = 0; same && x < a->n_bound; x++)
        same = same_index(p, a->bound[x], b->bound[x], to);
    if (same && a->access)
        same = same_access(p, a->access, b->access, to);
    for (int x = 0; same && x < a->n_args; x++)
        same = same_node(p, a->args[x], b->args[x], to);
    return same && same_optional(p, a->guard, b->guard, to);
}

int
einc_rewrite_same(const struct program *p, const struct node *a,
                  const struct node *b, int *to)
{
    return same_node(p, a, b, to);
}

int64_t
einc_rewrite_count(const struct node *n)
{
    int64_t count = 1 + (n->guard ? einc_rewrite_count(n->guard) : 0);
    for (int a = 0; a < n->n_args; a++)
        count += einc_rewrite_count(n->args[a]);
    return count;
}

/* Calls f(user, node) for the node and all below, subscripts included, until
 * one is not 0. */
static int
each(const struct program *p, const struct node *n,
     int (*f)(void *user, const struct node *n), void *user)
{
    int found = f(user, n);
    for (int d = 0; !found && n->access && d < n->access->n_subs; d++)
        if (n->access->subs[d].rest)
            found = each(p, n->access->subs[d].rest, f, user);
    for (int b = 0; !found && n->kind == NODE_REDUCE && b < n->n_bound; b++) {
        const struct index *x = &p->indices[n->bound[b]];
        found = (x->from && each(p, x->from, f, user)) ||
                (x->to && each(p, x->to, f, user));
    }
    for (int a = 0; !found && a < n->n_args; a++)
        found = each(p, n->args[a], f, user);
    return found || (n->guard && each(p, n->guard, f, user));
}

int
einc_rewrite_any(const struct program *p, const struct node *n,
                 int (*f)(void *user, const struct node *n), void *user)
{
    return each(p, n, f, user);
}

static int
reads_tensor(void *user, const struct node *n)
{
    return n->access && n->access->tensor == *(const int *)user;
}

int
einc_rewrite_has(const struct program *p, const struct node *n, int tensor)
{
    return each(p, n, reads_tensor, &tensor);
}

int
einc_rewrite_left_reads(const struct program *p, const struct stmt *s, int tensor)
{
    for (int d = 0; d < s->left.n_subs; d++)
        if (s->left.subs[d].rest &&
            einc_rewrite_has(p, s->left.subs[d].rest, tensor))
            return 1;
    return 0;
}

int
einc_rewrite_reads(const struct program *p, const struct stmt *s, int tensor)
{
    return einc_rewrite_left_reads(p, s, tensor) ||
           einc_rewrite_has(p, s->right, tensor);
}

int
einc_rewrite_is_bare(const struct access *a)
{
    for (int d = 0; d < a->n_subs; d++) {
        const struct subscript *s = &a->subs[d];
        if (s->n_terms != 1 || s->terms[0].coef != 1 || s->constant ||
            s->rest || s->mode != BOUND_CHECK)
            return 0;
        for (int e = 0; e < d; e++)
            if (a->subs[e].terms[0].index == s->terms[0].index)
                return 0;
    }
    return 1;
}

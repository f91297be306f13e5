/* SPDX-License-Identifier: MIT
 *
 * script_strip.c - element-wise work before and behind a product, done while
 * the other half is in cache. Of t[i,j] = A[i,k]*B[k,j];
 * O[i,j] = relu(t[i,j] + b[j]) some rows of t are made, then these rows of O,
 * then the next ones, in the place of the first.
 */
#include <string.h>

#include "plan/script_parts.h"
#include "plan/strips.h"

/* Of temporaries between the statements, in one strip: half of an L2, whose
 * other half is of what a product packs. */
enum { STRIP_BYTES = 1 << 19,
       LEAST = 8 /* strips, which are shared out among threads */ };

/* --- whether a statement can be cut ------------------------------------- */

/* Index x of a statement: every access moves by as much for each tensor, and
 * nothing else depends on x. */
struct cutting {
    const struct program *p;
    int x, fails;
    int64_t *step; /* [n_tensors], elements for each value of x */
    char *seen;    /* likewise */
};

static int64_t
step_of(const struct program *p, const struct access *a, int x, int *fails)
{
    const struct tensor *t = &p->tensors[a->tensor];
    int64_t step = 0;
    for (int d = 0; d < a->n_subs; d++)
        for (int k = 0; k < a->subs[d].n_terms; k++) {
            if (a->subs[d].terms[k].index != x)
                continue;
            *fails |= a->subs[d].mode != BOUND_CHECK || a->subs[d].checked ||
                      a->subs[d].rest;
            step += a->subs[d].terms[k].coef * t->stride[d];
        }
    return step;
}

static void
take_access(struct cutting *c, const struct access *a)
{
    int64_t step = step_of(c->p, a, c->x, &c->fails);
    c->fails |= c->seen[a->tensor] && c->step[a->tensor] != step;
    c->seen[a->tensor] = 1;
    c->step[a->tensor] = step;
}

static int
take_node(void *user, const struct node *n)
{
    struct cutting *c = user;
    if (n->access)
        take_access(c, n->access);
    c->fails |= n->kind == NODE_INDEX && n->index == c->x;
    c->fails |= n->kind == NODE_NUMBER && n->size_of == c->x + 1;
    return c->fails;
}

/* Dim of the left side that is index x alone; -1: there is none, or x stands
 * elsewhere in it, too. */
static int
dim_of(const struct access *left, int x)
{
    int dim = -1, n = 0;
    for (int d = 0; d < left->n_subs; d++)
        for (int k = 0; k < left->subs[d].n_terms; k++)
            if (left->subs[d].terms[k].index == x) {
                n += left->subs[d].n_terms == 1 ? 1 : 2;
                dim = d;
            }
    return n == 1 ? dim : -1;
}

static int
can_cut(struct arena scratch, const struct program *p, const struct stmt *s,
        int x)
{
    const struct index *i = &p->indices[x];
    struct cutting c = {.p = p, .x = x};
    c.step = NEW(&scratch, int64_t, p->n_tensors);
    c.seen = NEW(&scratch, char, p->n_tensors);
    if (s->op != ASSIGN_SET || s->scatters || s->gate || s->places ||
        i->kind == INDEX_NEW || i->lo != 0 || i->from || i->to ||
        dim_of(&s->left, x) < 0 ||
        einc_rewrite_reads(p, s, s->left.tensor))
        return 0;
    take_access(&c, &s->left);
    for (int d = 0; d < s->left.n_subs; d++)
        c.fails |= s->left.subs[d].rest || s->left.subs[d].checked ||
                   s->left.subs[d].mode != BOUND_CHECK;
    einc_rewrite_any(p, s->right, take_node, &c);
    return !c.fails;
}

const int64_t *
einc_script_strip_steps(struct arena *perm, const struct program *p,
                        const struct stmt *s)
{
    struct cutting c = {.p = p, .x = s->strip.index};
    c.step = NEW(perm, int64_t, p->n_tensors);
    c.seen = NEW(perm, char, p->n_tensors);
    take_access(&c, &s->left);
    einc_rewrite_any(p, s->right, take_node, &c);
    for (int i = 0; i < p->n_stmts; i++)
        if (p->stmts[i].strip.of == s->strip.of && p->stmts[i].strip.is_inner)
            c.step[p->stmts[i].left.tensor] = 0;
    return c.step;
}

/* --- which are together ------------------------------------------------- */

struct finding {
    const struct program *p;
    int tensor;
    int index; /* that all accesses begin with; -1: none yet, -2: no such */
};

static int
look(void *user, const struct node *n)
{
    struct finding *f = user;
    const struct access *a = n->access;
    if (!a || a->tensor != f->tensor)
        return 0;
    const struct subscript *first = &a->subs[0];
    int bare = a->n_subs && first->n_terms == 1 && first->terms[0].coef == 1 &&
               !first->constant && !first->rest && first->mode == BOUND_CHECK;
    int own = bare ? first->terms[0].index : -2;
    f->index = f->index == -1 || f->index == own ? own : -2;
    return 0;
}

static int
has_loop(const struct stmt *s, int x)
{
    int found = 0;
    for (int l = 0; l < s->n_loops; l++)
        found |= s->loops[l] == x;
    return found;
}

/* The only statement that reads what `s` sets; -1. */
static int
only_reader(const struct program *p, int s)
{
    int reader = -1, tensor = p->stmts[s].left.tensor;
    for (int i = 0; i < p->n_stmts; i++) {
        if (i != s && p->stmts[i].left.tensor == tensor)
            return -1;
        if (!einc_rewrite_reads(p, &p->stmts[i], tensor))
            continue;
        if (reader >= 0 || i <= s)
            return -1;
        reader = i;
    }
    return reader;
}

/* Whether statement `s` may be run where number `to` is, one of a strip that
 * begins at `first`. */
static int
can_move(const struct program *p, int s, int first)
{
    for (int i = s + 1; i < first; i++)
        if (einc_rewrite_reads(p, &p->stmts[s], p->stmts[i].left.tensor))
            return 0;
    return 1;
}

static int
first_of(const struct program *p, int s)
{
    const struct strips *of = p->stmts[s].strip.of;
    while (of && s > 0 && p->stmts[s - 1].strip.of == of)
        s--;
    return s;
}

static int
is_contract(struct arena scratch, const struct program *p, int s,
            int64_t slice_bytes)
{
    struct stage stage;
    return einc_script_is_contract(&scratch, p, &p->stmts[s], slice_bytes,
                                   &stage);
}

/* Puts statement `s` and its only reader into one strip. */
static void
join(struct rewrite *r, struct arena scratch, int s, int64_t slice_bytes)
{
    struct program *p = &r->p;
    const struct stmt *from = &p->stmts[s];
    int to = only_reader(p, s);
    const struct access *left = &from->left;
    if (p->tensors[left->tensor].kind != TENSOR_TEMP || to < 0 ||
        !einc_rewrite_is_bare(left) || !left->n_subs || from->strip.of ||
        is_contract(scratch, p, s, slice_bytes) ==
            is_contract(scratch, p, to, slice_bytes))
        return;
    struct finding f = {p, left->tensor, -1};
    einc_rewrite_any(p, p->stmts[to].right, look, &f);
    int own = left->subs[0].terms[0].index;
    struct in_strips *old = &p->stmts[to].strip;
    if (f.index < 0 || !has_loop(&p->stmts[to], f.index) ||
        (old->of && old->index != f.index) ||
        p->indices[own].hi != p->indices[f.index].hi ||
        !can_cut(scratch, p, from, own) ||
        !can_cut(scratch, p, &p->stmts[to], f.index) ||
        !can_move(p, s, first_of(p, to)))
        return;
    if (!old->of) {
        struct strips *of = NEW(r->perm, struct strips, 1);
        of->slices = (struct slices){.index = f.index,
                                     .of = p->indices[f.index].hi};
        *old = (struct in_strips){.of = of, .index = f.index};
    }
    struct stmt moved = *from;
    moved.strip = (struct in_strips){old->of, own, 1};
    int first = first_of(p, to);
    einc_rewrite_remove(r, s);
    einc_rewrite_insert(r, first - 1, &moved);
}

/* --- how many ----------------------------------------------------------- */

static double
elements_of(const struct tensor *t, int from_dim)
{
    double n = 1;
    for (int d = from_dim; d < t->n_dims; d++)
        n *= (double)t->shape[d];
    return n;
}

struct strip_cost {
    double row_bytes, row_elements; /* of what is left for the next one */
    double again;                   /* elements that each strip packs anew */
};

/* What products read at all values of the index. */
static double
elements_again(struct arena *scratch, const struct program *p,
               const struct stmt *s)
{
    struct arena own = *scratch;
    const int64_t *step = einc_script_strip_steps(&own, p, s);
    double n = 0;
    for (int t = 0; t < p->n_tensors; t++)
        if (!step[t] && t != s->left.tensor &&
            p->tensors[t].n_dims && einc_rewrite_reads(p, s, t)) {
            int inner = 0;
            for (int i = 0; i < p->n_stmts; i++)
                inner |= p->stmts[i].left.tensor == t &&
                         p->stmts[i].strip.of == s->strip.of;
            n += inner ? 0 : elements_of(&p->tensors[t], 0);
        }
    return n;
}

static struct strip_cost
cost_of(struct arena scratch, const struct program *p,
        const struct strips *of, int64_t slice_bytes)
{
    struct strip_cost c = {0};
    for (int i = 0; i < p->n_stmts; i++) {
        const struct stmt *s = &p->stmts[i];
        const struct tensor *t = &p->tensors[s->left.tensor];
        if (s->strip.of != of)
            continue;
        if (s->strip.is_inner) {
            double row = elements_of(t, 1);
            c.row_elements += row;
            c.row_bytes += row * einc_dtype_info(t->dtype)->bytes;
        }
        if (is_contract(scratch, p, i, slice_bytes))
            c.again += elements_again(&scratch, p, s);
    }
    return c;
}

/* As many rows as fit; of all strips alike. What a strip packs anew must be
 * less than what it saves: to store and to load again an element that no
 * cache holds takes some times as long as to pack one. */
static int
choose(struct strips *of, const struct strip_cost *c)
{
    struct slices *x = &of->slices;
    double rows = c->row_bytes > 0 ? STRIP_BYTES / c->row_bytes : 0;
    if (rows < 1 || rows * LEAST > (double)x->of ||
        c->again > (double)(int64_t)rows * c->row_elements)
        return 0;
    x->count = (x->of + (int64_t)rows - 1) / (int64_t)rows;
    x->extent = (x->of + x->count - 1) / x->count;
    x->count = (x->of + x->extent - 1) / x->extent;
    return 1;
}

static void
cut(struct rewrite *r, struct stmt *s)
{
    int64_t extent = s->strip.of->slices.extent;
    r->p.indices[s->strip.index].hi = extent;
    if (!s->strip.is_inner)
        return;
    struct tensor *t = &r->p.tensors[s->left.tensor];
    int64_t *shape = NEW(r->perm, int64_t, t->n_dims);
    for (int d = 0; d < t->n_dims; d++)
        shape[d] = d ? t->shape[d] : extent;
    t->shape = shape;
}

static void
tell(struct rewrite *r, struct arena scratch, int first, int64_t slice_bytes)
{
    const struct program *p = &r->p;
    const struct strips *of = p->stmts[first].strip.of;
    for (int i = first; i < p->n_stmts && p->stmts[i].strip.of == of; i++) {
        struct str name = p->tensors[p->stmts[i].left.tensor].name;
        struct str index = p->indices[p->stmts[i].strip.index].name;
        if (p->stmts[i].strip.is_inner)
            einc_rewrite_note(
                r, "%s: %.*s is made for %lld of %.*s at a time, and read "
                "while it is in cache",
                is_contract(scratch, p, i, slice_bytes) ? "epilogue"
                                                        : "prologue",
                (int)name.n, name.p, (long long)of->slices.extent,
                (int)index.n, index.p);
    }
}

/* Cuts the statements of strips that were found, from number `first` on, or
 * leaves them whole. */
static int
settle(struct rewrite *r, struct arena scratch, int first, int64_t slice_bytes)
{
    const struct strips *found = r->p.stmts[first].strip.of;
    struct strip_cost c = cost_of(scratch, &r->p, found, slice_bytes);
    struct strips *own = NEW(r->perm, struct strips, 1);
    *own = *found;
    int pays = choose(own, &c);
    for (int i = first; i < r->p.n_stmts; i++) {
        struct stmt *s = &r->p.stmts[i];
        if (s->strip.of != found)
            continue;
        s->strip.of = pays ? own : NULL;
        if (pays)
            cut(r, s);
    }
    if (pays)
        tell(r, scratch, first, slice_bytes);
    return pays;
}

void
einc_script_strip(struct rewrite *r, struct arena scratch, int64_t slice_bytes)
{
    int n = r->p.n_stmts, any = 0;
    struct stmt *before = NEW(&scratch, struct stmt, n);
    memcpy(before, r->p.stmts, sizeof *before * (size_t)n);
    for (int s = n - 2; s >= 0; s--)
        join(r, scratch, s, slice_bytes);
    for (int s = 0; s < n; s++)
        if (r->p.stmts[s].strip.of && !r->p.stmts[s].strip.of->slices.count)
            any |= settle(r, scratch, s, slice_bytes);
    if (!any) /* in the order in which they stood */
        memcpy(r->p.stmts, before, sizeof *before * (size_t)n);
}

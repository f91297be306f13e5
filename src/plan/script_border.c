/* SPDX-License-Identifier: MIT
 *
 * script_border.c - sums of products that read beyond an edge (a convolution
 * with `pad`): how large a copy of the operand with its border is, and in
 * which slices it is made so that it stays in a cache.
 */
#include "plan/script_parts.h"

/* Copying an element takes as long as so many products. */
enum { PRODUCTS_PER_COPY = 4 };

/* -1: what is no whole number, or not one of every type. */
static int
fill_of(const struct node *fill)
{
    enum { MOST = 100 };
    if (!fill)
        return 0;
    if (fill->kind != NODE_NUMBER)
        return -1;
    double v = einc_dtype_info(fill->type)->kind >= KIND_FLOAT
                   ? fill->number
                   : (double)fill->integer;
    return v >= 0 && v <= MOST && v == (int)v ? (int)v : -1;
}

int
einc_border_can(const struct access *a)
{
    for (int d = 0; d < a->n_subs; d++)
        if (a->subs[d].rest || a->subs[d].checked)
            return 0;
    return fill_of(a->fill) >= 0;
}

static int64_t
extent_in(const struct program *p, const struct slices *s, int index)
{
    const struct index *x = &p->indices[index];
    return index == s->index ? s->extent : x->hi > x->lo ? x->hi - x->lo : 0;
}

/* Positions of a subscript from the first on; 0: too many to count, or none,
 * or an index is data's. */
static int64_t
count_positions(const struct program *p, const struct slices *s,
                const struct subscript *sub, int64_t *first)
{
    int64_t count = 1, reach, at;
    int full = 0;
    *first = sub->constant;
    for (int k = 0; k < sub->n_terms; k++) {
        const struct index *x = &p->indices[sub->terms[k].index];
        int64_t coef = sub->terms[k].coef;
        int64_t n = extent_in(p, s, sub->terms[k].index);
        if (x->from || x->to || n == 0)
            return 0;
        full |= __builtin_mul_overflow(n - 1, coef, &reach) ||
                __builtin_mul_overflow(coef, x->lo, &at) ||
                __builtin_add_overflow(*first, at, first) ||
                (reach < 0 && __builtin_add_overflow(*first, reach, first)) ||
                reach == INT64_MIN ||
                __builtin_add_overflow(count, reach < 0 ? -reach : reach,
                                       &count);
    }
    return full || *first < INT64_MIN / 4 || *first > INT64_MAX / 4 ||
                   count > INT64_MAX / 4
               ? 0
               : count;
}

int
einc_border_needed(const struct program *p, const struct access *a)
{
    const struct slices whole = {.index = -1};
    for (int d = 0; d < a->n_subs; d++) {
        int64_t first, n = p->tensors[a->tensor].shape[d];
        int64_t count = count_positions(p, &whole, &a->subs[d], &first);
        if (a->subs[d].mode != BOUND_CHECK &&
            (count == 0 || first < 0 || first + count > n))
            return 1;
    }
    return 0;
}

/* Bytes of the copy for a slice; 0: it cannot be. */
static double
copy_bytes(const struct program *p, const struct slices *s,
           const struct access *a)
{
    double bytes = einc_dtype_info(p->tensors[a->tensor].dtype)->bytes;
    for (int d = 0; d < a->n_subs; d++) {
        int64_t first;
        bytes *= (double)count_positions(p, s, &a->subs[d], &first);
        if (p->tensors[a->tensor].shape[d] == 0)
            return 0;
    }
    return bytes < 1e15 ? bytes : 0;
}

const struct border *
einc_border_of(struct arena *perm, const struct program *p,
               const struct slices *s, const struct access *a)
{
    const struct tensor *t = &p->tensors[a->tensor];
    struct border *b = NEW(perm, struct border, 1);
    *b = (struct border){.tensor = a->tensor, .dtype = t->dtype,
                         .n_dims = a->n_subs, .fill = fill_of(a->fill),
                         .bytes = einc_dtype_info(t->dtype)->bytes};
    b->dim = NEW(perm, struct border_dim, a->n_subs);
    for (int d = 0; d < a->n_subs; d++) {
        struct border_dim *x = &b->dim[d];
        x->extent = t->shape[d];
        x->stride = t->stride[d];
        x->mode = a->subs[d].mode;
        x->count = count_positions(p, s, &a->subs[d], &x->first);
        for (int k = 0; k < a->subs[d].n_terms; k++)
            if (a->subs[d].terms[k].index == s->index)
                x->step = a->subs[d].terms[k].coef;
        b->moves |= x->step != 0;
        b->bytes *= x->count; /* copy_bytes() is below 1e15 */
    }
    return b;
}

/* --- slices ------------------------------------------------------------- */

struct choosing {
    const struct program *p;
    const struct access *const *factor; /* [n] */
    int n;
    int apart; /* slices must not overlap */
    double most; /* bytes of a slice, where there is a choice */
};

/* Bytes of all copies that a slice needs; *moved: of those that are made anew
 * for each. 0: one cannot be. */
static double
bytes_of_slice(const struct choosing *c, const struct slices *s, double *moved)
{
    double bytes = 0;
    *moved = 0;
    for (int o = 0; o < c->n; o++) {
        const struct access *a = c->factor[o];
        if (!einc_border_needed(c->p, a))
            continue;
        double own = copy_bytes(c->p, s, a);
        int moves = 0;
        for (int d = 0; d < a->n_subs; d++)
            for (int k = 0; k < a->subs[d].n_terms; k++)
                moves |= a->subs[d].terms[k].index == s->index;
        if (own == 0)
            return 0;
        own = (double)(((int64_t)own + BORDER_ALIGN - 1) / BORDER_ALIGN *
                       BORDER_ALIGN);
        bytes += own;
        *moved += moves ? own : 0;
    }
    return bytes;
}

/* Extent n of the index in slices of x at most, of equal size: the last one
 * begins earlier, unless slices must not overlap. */
static struct slices
slices_of(const struct choosing *c, int index, int64_t n, int64_t x)
{
    int64_t count = (n + x - 1) / x;
    x = (n + count - 1) / count;
    while (c->apart && n % x)
        x--;
    return (struct slices){.index = index, .extent = x, .of = n,
                           .count = (n + x - 1) / x};
}

/* The largest slices along the index whose copies are small enough. */
static struct slices
largest_of(const struct choosing *c, int index, double *bytes)
{
    const struct index *x = &c->p->indices[index];
    int64_t lo = 1, hi = x->hi - x->lo;
    double moved;
    while (lo < hi) { /* lo fits, or is 1 */
        int64_t mid = hi - (hi - lo) / 2;
        struct slices s = {.index = index, .extent = mid};
        if (bytes_of_slice(c, &s, &moved) <= c->most)
            lo = mid;
        else
            hi = mid - 1;
    }
    struct slices s = slices_of(c, index, x->hi - x->lo, lo);
    *bytes = bytes_of_slice(c, &s, &moved);
    return s;
}

/* Bytes that are copied in all. */
static double
all_bytes(const struct choosing *c, const struct slices *s)
{
    double moved, bytes = bytes_of_slice(c, s, &moved);
    return bytes + moved * (double)(s->count - 1);
}

/* Of two ways that are both small enough the one that copies less, else the
 * smaller. */
static int
is_better(const struct choosing *c, const struct slices *a, double a_bytes,
          const struct slices *b, double b_bytes)
{
    if (a_bytes > c->most || b_bytes > c->most)
        return a_bytes < b_bytes;
    return all_bytes(c, a) < all_bytes(c, b);
}

int
einc_border_slices(const struct program *p, const struct access *const *factor,
                   int n, const int *kept, int n_kept, double points,
                   const struct contract_ask *ask, struct slices *s)
{
    struct choosing c = {p, factor, n, ask->adds, (double)ask->slice_bytes};
    double moved, least, size = 1;
    *s = (struct slices){.index = -1, .count = 1};
    least = bytes_of_slice(&c, s, &moved);
    int large = least > c.most;
    for (int k = 0; k < n_kept && large; k++) {
        double bytes;
        struct slices own = largest_of(&c, kept[k], &bytes);
        if (own.count < 2 || !is_better(&c, &own, bytes, s, least))
            continue;
        *s = own;
        least = bytes;
    }
    for (int o = 0; o < n; o++)
        size = einc_dtype_info(p->tensors[factor[o]->tensor].dtype)->bytes;
    return least > 0 &&
           points * size >= PRODUCTS_PER_COPY * all_bytes(&c, s);
}

/* SPDX-License-Identifier: MIT
 *
 * canon.c - see canon.h. Tensors are numbered like the operands here, the
 * output last. Cost is linear in the axes, but for fusing, which looks at
 * pairs of axes of one operand.
 */
#include "plan/canon.h"

#include <assert.h>

#include "base/diag.h"
#include "plan/order.h"

/* One entry of "who holds index x". */
struct hold {
    int tensor;
    int64_t stride;
};

/* A graph on its way to the canonical form. */
struct form {
    const struct graph *g;
    int n_in;
    struct axis **axes; /* [n_in + 1] what is left of each tensor's */
    int *n_axes;
    int64_t *extent;    /* [n_indices] grows when indices fuse */
    char *gone;         /* [n_indices] dropped, or fused into another */
    struct hold *holds; /* of index x: first[x] to first[x + 1], by tensor */
    int *first;         /* [n_indices + 1] */
    int *next;          /* [n_indices] the next faster member, -1: none */
    int *slowest;       /* [n_indices] where the chain starts that ends in x,
                         * the fastest; `next` leads from there to x */
    int64_t factor;
    int empty;
    uint64_t *index_colour, *tensor_colour;
    uint64_t *part_colour; /* [n_in] of the connected part; see find_parts() */
    int64_t *tensor_class; /* [n_in] goes before the colour in the order */
};

static const struct operand *
tensor(const struct form *f, int t)
{
    return t < f->n_in ? &f->g->in[t] : &f->g->out;
}

/* --- dropping ----------------------------------------------------------- */

static void
drop_ones(struct form *f)
{
    for (int x = 0; x < f->g->n_indices; x++) {
        const struct graph_index *i = &f->g->indices[x];
        f->extent[x] = i->extent;
        f->next[x] = -1;
        f->slowest[x] = x;
        f->gone[x] = i->fixed && i->extent == 1;
        f->empty |= i->fixed && i->extent == 0;
    }
}

/* An axis of stride 0 adds nothing to an address: who else holds the index,
 * or the factor, makes it run. */
static int
keeps(const struct form *f, int t, struct axis a)
{
    if (f->gone[a.index])
        return 0;
    return a.stride != 0 || t == f->n_in || f->empty ||
           !f->g->indices[a.index].fixed;
}

static void
copy_axes(struct arena *a, struct form *f)
{
    f->axes = NEW(a, struct axis *, f->n_in + 1);
    f->n_axes = NEW(a, int, f->n_in + 1);
    for (int t = 0; t <= f->n_in; t++) {
        const struct operand *o = tensor(f, t);
        f->axes[t] = NEW(a, struct axis, o->n_axes);
        for (int i = 0; i < o->n_axes; i++)
            if (keeps(f, t, o->axes[i]))
                f->axes[t][f->n_axes[t]++] = o->axes[i];
    }
}

static void
list_holders(struct arena *a, struct form *f)
{
    int n = f->g->n_indices, total = 0;
    f->first = NEW(a, int, n + 2);
    for (int t = 0; t <= f->n_in; t++)
        for (int i = 0; i < f->n_axes[t]; i++, total++)
            f->first[f->axes[t][i].index + 2]++;
    for (int x = 0; x < n; x++)
        f->first[x + 2] += f->first[x + 1];
    f->holds = NEW(a, struct hold, total);
    for (int t = 0; t <= f->n_in; t++)
        for (int i = 0; i < f->n_axes[t]; i++) {
            struct axis ax = f->axes[t][i];
            f->holds[f->first[ax.index + 1]++] = (struct hold){t, ax.stride};
        }
}

/* A summed index that nobody holds repeats the same term extent times; `or`
 * of equal terms is the term. */
static void
count_repeats(struct cx *cx, struct form *f)
{
    for (int x = 0; x < f->g->n_indices; x++) {
        const struct graph_index *i = &f->g->indices[x];
        if (f->gone[x] || i->in_output || f->first[x] < f->first[x + 1])
            continue;
        f->gone[x] = 1;
        if (f->g->compute != EINC_BOOL &&
            __builtin_mul_overflow(f->factor, i->extent, &f->factor))
            einc_fail(cx, EINC_ELIMIT, "E814", i->at,
                      "the sum repeats one term more than 2^63 times");
    }
}

/* --- fusing ------------------------------------------------------------- */

/* Whether a is the next slower index after b in every tensor that holds
 * either: stride[a] == stride[b]*extent[b]. */
static int
chains(const struct form *f, int a, int b)
{
    const struct hold *ha = f->holds + f->first[a];
    const struct hold *hb = f->holds + f->first[b];
    int n = f->first[a + 1] - f->first[a];
    if (n != f->first[b + 1] - f->first[b])
        return 0;
    for (int i = 0; i < n; i++) {
        int64_t step;
        if (ha[i].tensor != hb[i].tensor ||
            __builtin_mul_overflow(hb[i].stride, f->extent[b], &step) ||
            step != ha[i].stride)
            return 0;
    }
    return 1;
}

/* The index that b can absorb, -1 for none. The largest of several (strides
 * that overlap): two of one extent are interchangeable. */
static int
find_slower(const struct form *f, int b)
{
    int best = -1, t = f->holds[f->first[b]].tensor;
    for (int i = 0; i < f->n_axes[t]; i++) {
        int a = f->axes[t][i].index;
        if (a == b || f->gone[a] || !f->g->indices[a].fixed)
            continue;
        if (chains(f, a, b) && (best < 0 || f->extent[a] > f->extent[best]))
            best = a;
    }
    return best;
}

/* Afterwards b runs over both; its strides stay. */
static int
absorb(struct form *f, int a, int b)
{
    int64_t both;
    if (__builtin_mul_overflow(f->extent[a], f->extent[b], &both))
        return 0;
    f->extent[b] = both;
    f->gone[a] = 1;
    f->next[a] = f->slowest[b];
    f->slowest[b] = f->slowest[a];
    return 1;
}

static void
fuse(struct form *f)
{
    for (int b = 0; b < f->g->n_indices; b++) {
        if (f->gone[b] || !f->g->indices[b].fixed)
            continue;
        for (int a = find_slower(f, b); a >= 0; a = find_slower(f, b))
            if (!absorb(f, a, b))
                break;
    }
}

/* --- canonical order ---------------------------------------------------- */

static uint64_t
mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return h ^ h >> 32;
}

/* The operand that stands for the connected part of operand t. */
static int
part_of(int *part, int t)
{
    for (; part[t] != t; t = part[t])
        part[t] = part[part[t]];
    return t;
}

/* Operands are connected by the indices that they share, summed or not. How
 * many operands and indices a part has is what refinement cannot see: to it a
 * ring of two matrices looks like one of three. 0 if all is one part. */
static void
find_parts(struct arena scratch, struct form *f)
{
    int *part = NEW(&scratch, int, f->n_in);
    uint64_t *operands = NEW(&scratch, uint64_t, f->n_in);
    uint64_t *indices = NEW(&scratch, uint64_t, f->n_in);
    for (int t = 0; t < f->n_in; t++)
        part[t] = t;
    for (int x = 0; x < f->g->n_indices; x++)
        for (int h = f->first[x]; !f->gone[x] && h < f->first[x + 1]; h++)
            if (f->holds[h].tensor < f->n_in)
                part[part_of(part, f->holds[h].tensor)] =
                    part_of(part, f->holds[f->first[x]].tensor);
    for (int t = 0; t < f->n_in; t++)
        operands[part_of(part, t)]++;
    for (int x = 0; x < f->g->n_indices; x++) {
        int t = f->first[x] < f->first[x + 1] ? f->holds[f->first[x]].tensor
                                              : f->n_in;
        if (!f->gone[x] && t < f->n_in)
            indices[part_of(part, t)]++;
    }
    for (int t = 0; t < f->n_in; t++) {
        int p = part_of(part, t);
        if (operands[p] < (uint64_t)f->n_in)
            f->part_colour[t] = mix(mix(operands[p], 0), indices[p]);
    }
}

static void
first_colours(struct form *f)
{
    for (int x = 0; x < f->g->n_indices; x++) {
        const struct graph_index *i = &f->g->indices[x];
        f->index_colour[x] = mix((uint64_t)f->extent[x], i->fixed ? 1 : 2);
    }
    for (int i = 0; i < f->n_axes[f->n_in]; i++) {
        struct axis a = f->axes[f->n_in][i];
        f->index_colour[a.index] =
            mix(f->index_colour[a.index] + 1, (uint64_t)a.stride);
    }
    for (int t = 0; t < f->n_in; t++)
        f->tensor_colour[t] = mix((uint64_t)f->tensor_class[t],
                                  (uint64_t)tensor(f, t)->dtype) +
                              f->part_colour[t];
}

/* One round: a tensor sees the colours of its indices, an index those of its
 * holders. Sums, so that the order of neither counts. */
static void
refine(struct form *f)
{
    for (int t = 0; t < f->n_in; t++) {
        uint64_t sum = 0;
        for (int i = 0; i < f->n_axes[t]; i++) {
            struct axis a = f->axes[t][i];
            if (!f->gone[a.index])
                sum += mix(f->index_colour[a.index], (uint64_t)a.stride);
        }
        f->tensor_colour[t] = mix(f->tensor_colour[t], sum);
    }
    for (int x = 0; x < f->g->n_indices; x++) {
        uint64_t sum = 0;
        if (f->gone[x])
            continue;
        for (int h = f->first[x]; h < f->first[x + 1]; h++) {
            int t = f->holds[h].tensor;
            if (t < f->n_in)
                sum += mix(f->tensor_colour[t], (uint64_t)f->holds[h].stride);
        }
        f->index_colour[x] = mix(f->index_colour[x], sum);
    }
}

/* Axes of one tensor by descending |stride|. */
struct axis_key {
    const struct form *f;
    const struct axis *axes;
};

static ORDER_BEFORE(axis_before)
{
    const struct axis_key *k = key;
    struct axis x = k->axes[a], y = k->axes[b];
    uint64_t sx = x.stride < 0 ? -(uint64_t)x.stride : (uint64_t)x.stride;
    uint64_t sy = y.stride < 0 ? -(uint64_t)y.stride : (uint64_t)y.stride;
    if (sx != sy)
        return sx > sy;
    if (x.stride != y.stride)
        return x.stride > y.stride;
    return k->f->index_colour[x.index] < k->f->index_colour[y.index];
}

/* Appends the indices of tensor t that have no number yet. */
static int
number_axes(struct arena scratch, const struct form *f, int t, int *number,
            int *list, int n)
{
    struct axis_key key = {f, f->axes[t]};
    int *place = NEW(&scratch, int, f->n_axes[t]);
    for (int i = 0; i < f->n_axes[t]; i++)
        place[i] = i;
    order_ints(scratch, place, f->n_axes[t], axis_before, &key);
    for (int i = 0; i < f->n_axes[t]; i++) {
        int x = f->axes[t][place[i]].index;
        if (f->gone[x] || number[x] >= 0)
            continue;
        number[x] = n;
        list[n++] = x;
    }
    return n;
}

/* Classes that a reader expects: by the slowest output index held, then the
 * more axes the earlier. */
static void
first_classes(struct arena scratch, struct form *f)
{
    int n = f->g->n_indices;
    int *number = NEW(&scratch, int, n), *list = NEW(&scratch, int, n);
    for (int x = 0; x < n; x++)
        number[x] = -1;
    number_axes(scratch, f, f->n_in, number, list, 0);
    for (int t = 0; t < f->n_in; t++) {
        int64_t slowest = n;
        for (int i = 0; i < f->n_axes[t]; i++) {
            int at = number[f->axes[t][i].index];
            if (at >= 0 && at < slowest)
                slowest = at;
        }
        f->tensor_class[t] = slowest * INT32_MAX - f->n_axes[t];
    }
}

static ORDER_BEFORE(tensor_before)
{
    const struct form *f = key;
    if (f->tensor_class[a] != f->tensor_class[b])
        return f->tensor_class[a] < f->tensor_class[b];
    return f->tensor_colour[a] < f->tensor_colour[b];
}

/* Splits classes by colour: the new one of a tensor is the place where its
 * class starts. Returns where the first with two members does, or -1. */
static int
split_classes(struct form *f, const int *order)
{
    int tie = -1, start = 0;
    int64_t before = 0;
    for (int r = 0; r < f->n_in; r++) {
        int t = order[r], last = r ? order[r - 1] : -1;
        int same = r && f->tensor_class[t] == before &&
                   f->tensor_colour[t] == f->tensor_colour[last];
        before = f->tensor_class[t];
        start = same ? start : r;
        tie = same && tie < 0 ? start : tie;
        f->tensor_class[t] = start;
    }
    return tie;
}

/* Colour refinement (Weisfeiler and Leman, 1968), as many rounds as tell the
 * operands of a small graph apart. Of those still alike the first is singled
 * out and the rest refined, up to MAX_SINGLED operands; right where
 * they are interchangeable, as in a ring. Two cases remain where a hash may
 * depend on the order of the operands: more operands than MAX_SINGLED, where
 * alike ones stay as given, and connected networks so regular that operands
 * look alike and are not interchangeable. The plan is right all the same. */
static void
order_operands(struct arena scratch, struct form *f, int *order)
{
    enum { MAX_ROUNDS = 8, MAX_SINGLED = 16 };
    int rounds = f->n_in < MAX_ROUNDS ? f->n_in : MAX_ROUNDS;
    for (int t = 0; t < f->n_in; t++)
        order[t] = t;
    if (f->n_in == 1)
        return;
    find_parts(scratch, f);
    first_classes(scratch, f);
    for (int tie = 0; tie >= 0;) {
        first_colours(f);
        for (int i = 0; i < rounds; i++)
            refine(f);
        order_ints(scratch, order, f->n_in, tensor_before, f);
        tie = split_classes(f, order);
        if (f->n_in > MAX_SINGLED)
            return;
        for (int r = tie + 1; tie >= 0 && r < f->n_in; r++)
            f->tensor_class[order[r]] += f->tensor_class[order[r]] == tie;
    }
}

/* --- the result --------------------------------------------------------- */

static struct str
join_names(struct arena *perm, const struct graph *g, const int *members,
           int n)
{
    int64_t bytes = n - 1;
    for (int m = 0; m < n; m++)
        bytes += g->indices[members[m]].name.n;
    char *p = NEW(perm, char, bytes), *q = p;
    for (int m = 0; m < n; m++) {
        struct str s = g->indices[members[m]].name;
        if (m)
            *q++ = '.';
        if (s.n)
            memcpy(q, s.p, (size_t)s.n);
        q += s.n;
    }
    return (struct str){p, bytes};
}

static struct graph_index
make_index(struct arena *perm, const struct form *f, int x)
{
    struct graph_index r = f->g->indices[f->slowest[x]];
    int n = 1, m = 0;
    for (int i = f->slowest[x]; i != x; i = f->next[i])
        n++;
    int *members = NEW(perm, int, n);
    for (int i = f->slowest[x]; m < n; i = f->next[i])
        members[m++] = i;
    if (n > 1)
        r.name = join_names(perm, f->g, members, n);
    r.extent = f->extent[x];
    r.members = members;
    r.n_members = n;
    return r;
}

static struct operand
make_operand(struct arena *perm, const struct form *f, int t,
             const int *number)
{
    struct operand r = *tensor(f, t);
    int *dim_index = NEW(perm, int, r.n_dims), n = 0;
    for (int d = 0; d < r.n_dims; d++)
        dim_index[d] = number[r.dim_index[d]];
    r.dim_index = dim_index;
    r.axes = NEW(perm, struct axis, f->n_axes[t]);
    for (int i = 0; i < f->n_axes[t]; i++) {
        struct axis a = f->axes[t][i];
        if (!f->gone[a.index])
            r.axes[n++] = (struct axis){number[a.index], a.stride};
    }
    r.n_axes = n;
    return r;
}

static const struct graph *
make_graph(struct arena *perm, struct arena scratch, const struct form *f,
           const int *order)
{
    int *number = NEW(&scratch, int, f->g->n_indices), n = 0;
    int *list = NEW(&scratch, int, f->g->n_indices);
    struct graph *r = NEW(perm, struct graph, 1);
    for (int x = 0; x < f->g->n_indices; x++)
        number[x] = -1;
    n = number_axes(scratch, f, f->n_in, number, list, n);
    for (int i = 0; i < f->n_in; i++)
        n = number_axes(scratch, f, order[i], number, list, n);
    *r = *f->g;
    r->indices = NEW(perm, struct graph_index, n);
    r->n_indices = n;
    for (int i = 0; i < n; i++) {
        r->indices[i] = make_index(perm, f, list[i]);
        for (int m = 0; m < r->indices[i].n_members; m++)
            number[r->indices[i].members[m]] = i;
    }
    r->in = NEW(perm, struct operand, f->n_in);
    for (int t = 0; t < f->n_in; t++)
        r->in[t] = make_operand(perm, f, t, number);
    r->out = make_operand(perm, f, f->n_in, number);
    r->factor = f->factor;
    return r;
}

static void
open_form(struct arena *a, struct form *f, const struct graph *g)
{
    *f = (struct form){.g = g, .n_in = g->n_in, .factor = g->factor};
    f->extent = NEW(a, int64_t, g->n_indices);
    f->gone = NEW(a, char, g->n_indices);
    f->next = NEW(a, int, g->n_indices);
    f->slowest = NEW(a, int, g->n_indices);
    f->index_colour = NEW(a, uint64_t, g->n_indices);
    f->tensor_colour = NEW(a, uint64_t, g->n_in);
    f->part_colour = NEW(a, uint64_t, g->n_in);
    f->tensor_class = NEW(a, int64_t, g->n_in);
}

const struct canon *
einc_canon(struct arena *perm, struct arena scratch, const struct graph *g)
{
    struct canon *c = NEW(perm, struct canon, 1);
    int *order = NEW(perm, int, g->n_in), *rank = NEW(perm, int, g->n_in);
    struct form f;
    assert(g->n_in > 0);
    open_form(&scratch, &f, g);
    drop_ones(&f);
    copy_axes(&scratch, &f);
    list_holders(&scratch, &f);
    count_repeats(perm->cx, &f);
    if (!f.empty)
        fuse(&f);
    order_operands(scratch, &f, order);
    for (int i = 0; i < g->n_in; i++)
        rank[order[i]] = i;
    c->graph = make_graph(perm, scratch, &f, order);
    c->order = order;
    c->rank = rank;
    c->empty = f.empty;
    return c;
}

/* SPDX-License-Identifier: MIT
 *
 * open.c - see open.h.
 */
#include "parse/open.h"

#include <string.h>

/* --- what is said of sizes ------------------------------------------------ */

struct saying {
    struct arena *perm;
    const struct names *names;
    struct said *list;
    int n;
};

static int
find_tensor(const struct names *names, struct str name)
{
    for (int o = 0; o < names->n_in; o++)
        if (str_equal(names->in[o], name))
            return o;
    for (int o = 0; o < names->n_out; o++)
        if (str_equal(names->out[o], name))
            return names->n_in + o;
    return -1;
}

static int
dims_of(const struct names *names, int tensor)
{
    return tensor < names->n_in ? names->in_dims[tensor]
                                : names->out_dims[tensor - names->n_in];
}

static void
say(struct saying *x, const struct said *s)
{
    for (int k = 0; k < x->n; k++)
        if (x->list[k].tensor == s->tensor && x->list[k].dim == s->dim)
            return;
    if (!(x->n & (x->n - 1))) {
        struct said *more = NEW(x->perm, struct said, 2 * (int64_t)x->n + 1);
        if (x->n)
            memcpy(more, x->list, (size_t)x->n * sizeof *more);
        x->list = more;
    }
    x->list[x->n++] = *s;
}

static void
say_decl(struct saying *x, const struct tree_decl *d)
{
    int tensor = find_tensor(x->names, d->name);
    for (int i = 0; tensor >= 0 && i < d->n_extents; i++) {
        struct said s = {.tensor = tensor, .dim = i};
        if (d->extents[i]->kind == TREE_NAME)
            s.name = d->extents[i]->name;
        else
            s.extent = d->extents[i]->integer;
        say(x, &s);
    }
}

/* The size of a bare index is that of the dim it runs over. */
static void
say_access(struct saying *x, const struct tree *n)
{
    int tensor = find_tensor(x->names, n->name);
    for (int d = 0; tensor >= 0 && d < n->n_args &&
                    d < dims_of(x->names, tensor); d++)
        if (n->args[d]->kind == TREE_NAME)
            say(x, &(struct said){tensor, d, n->args[d]->name, 0});
}

static void
say_tree(struct saying *x, const struct tree *n)
{
    if (!n)
        return;
    if (n->kind == TREE_ACCESS)
        say_access(x, n);
    for (int a = 0; a < n->n_args; a++)
        say_tree(x, n->args[a]);
    for (int b = 0; b < n->n_bounds; b++) {
        say_tree(x, n->bounds[b].lo);
        say_tree(x, n->bounds[b].hi);
    }
    say_tree(x, n->guard);
}

const struct said *
einc_open_said(struct arena *perm, const struct tree_program *t,
               const struct names *names, int *n)
{
    struct saying x = {.perm = perm, .names = names};
    for (int d = 0; d < t->n_in; d++)
        say_decl(&x, &t->in[d]);
    for (int d = 0; d < t->n_out; d++)
        say_decl(&x, &t->out[d]);
    for (int s = 0; s < t->n_stmts; s++) {
        say_tree(&x, t->stmts[s].left);
        say_tree(&x, t->stmts[s].right);
    }
    *n = x.n;
    return x.list;
}

/* --- sizes that are arguments ----------------------------------------------- */

/* The first number of each size, and the second, which is greater than all of
 * the first, so that sizes change their order. */
static const int16_t numbers[2][OPEN_SIZES] = {
    {503, 509, 521, 523, 541, 547, 557, 563, 569, 571, 577, 587, 593, 599,
     601, 607},
    {1511, 1523, 1531, 1543, 1549, 1553, 1559, 1567, 1571, 1579, 1583, 1597,
     1601, 1607, 1609, 1613}};

struct opening {
    struct arena *perm;
    const struct names *names;
    struct bindings *b;
    struct open_size *list;
    int n;
};

static const struct einc_layout *
layout_of(const struct opening *x, int tensor)
{
    if (tensor < x->names->n_in)
        return &x->b->in[tensor];
    return x->b->out ? x->b->out[tensor - x->names->n_in] : NULL;
}

static int
is_listed(const char *symbolic, struct str name)
{
    for (const char *at = symbolic; *at; at += *at == ',') {
        size_t n = strcspn(at, ",");
        if (str_equal((struct str){at, (int64_t)n}, name) ||
            (n == 1 && *at == '*'))
            return 1;
        at += n;
    }
    return 0;
}

static int
number_of(const struct opening *x, struct str name)
{
    for (int k = 0; k < x->n; k++)
        if (str_equal(x->list[k].name, name))
            return k;
    return -1;
}

static void
add_size(struct opening *x, struct str name, int other)
{
    if (x->n == OPEN_SIZES)
        einc_fail(x->perm->cx, EINC_ELIMIT, "E822", (struct span){-1, -1},
                  "more than %d sizes are arguments: give some a number",
                  OPEN_SIZES);
    x->list[x->n] = (struct open_size){
        .name = name, .value = numbers[x->n == other][x->n]};
    x->n++;
}

/* Takes the guide of a size from the layout of a dim that has it. */
static void
take_guide(struct opening *x, const struct said *s, int size)
{
    const struct einc_layout *l = layout_of(x, s->tensor);
    struct open_size *o = &x->list[size];
    o->is_row |= s->dim + 1 == dims_of(x->names, s->tensor);
    if (!l || s->dim >= l->ndim || o->guide)
        return;
    o->guide = l->shape[s->dim];
    if (o->guide < 2)
        einc_fail(x->perm->cx, EINC_ESHAPE, "E408", (struct span){-1, -1},
                  "size '%s' is to be an argument: its number here must be 2 "
                  "or more, not %lld", einc_diag_show(x->perm->cx, o->name, 40),
                  (long long)o->guide);
}

static struct einc_layout
open_layout(struct opening *x, const struct said *said, int n_said,
            int tensor)
{
    struct einc_layout l = *layout_of(x, tensor);
    int64_t *shape = NEW(x->perm, int64_t, l.ndim > 0 ? l.ndim : 0);
    int any = 0;
    for (int d = 0; d < l.ndim; d++)
        shape[d] = l.shape[d];
    for (int k = 0; k < n_said; k++) {
        int size = said[k].name.n ? number_of(x, said[k].name) : -1;
        if (said[k].tensor != tensor || size < 0 || said[k].dim >= l.ndim)
            continue;
        shape[said[k].dim] = x->list[size].value;
        any = 1;
    }
    if (any && l.stride)
        einc_fail(x->perm->cx, EINC_EUNSUP, "E808", (struct span){-1, -1},
                  "tensor %d has strides given: symbolic extents are built "
                  "for dense tensors only", tensor);
    l.shape = shape;
    return l;
}

static void
check_listed(struct opening *x, const char *symbolic)
{
    for (const char *at = symbolic; *at; at += *at == ',') {
        size_t n = strcspn(at, ",");
        struct str name = {at, (int64_t)n};
        if (!(n == 1 && *at == '*') && number_of(x, name) < 0)
            einc_fail(x->perm->cx, EINC_ESHAPE, "E301", (struct span){-1, -1},
                      "'%s' is to be an argument but is no size of an operand",
                      einc_diag_show(x->perm->cx, name, 40));
        at += n;
    }
}

struct open_sizes
einc_open_sizes(struct arena *perm, const struct tree_program *t,
                const struct names *names, const char *symbolic, int other,
                struct bindings *b)
{
    struct opening x = {.perm = perm, .names = names, .b = b};
    int n_said;
    const struct said *said = einc_open_said(perm, t, names, &n_said);
    x.list = NEW(perm, struct open_size, OPEN_SIZES);
    for (int k = 0; k < n_said; k++)
        if (said[k].name.n && layout_of(&x, said[k].tensor) &&
            is_listed(symbolic, said[k].name) &&
            number_of(&x, said[k].name) < 0)
            add_size(&x, said[k].name, other);
    check_listed(&x, symbolic);
    for (int k = 0; k < n_said; k++)
        if (said[k].name.n && number_of(&x, said[k].name) >= 0)
            take_guide(&x, &said[k], number_of(&x, said[k].name));
    struct einc_layout *all =
        NEW(perm, struct einc_layout, (int64_t)b->n_in + b->n_out);
    const struct einc_layout **out =
        NEW(perm, const struct einc_layout *, b->n_out);
    for (int o = 0; o < b->n_in; o++)
        all[o] = open_layout(&x, said, n_said, o);
    for (int o = 0; b->out && o < b->n_out; o++)
        if (b->out[o]) {
            all[b->n_in + o] = open_layout(&x, said, n_said, b->n_in + o);
            out[o] = &all[b->n_in + o];
        }
    b->in = all;
    b->out = b->out ? out : NULL;
    return (struct open_sizes){x.list, x.n};
}

int
einc_open_of(const struct open_sizes *o, const struct node *n)
{
    enum dtype_kind kind = einc_dtype_info(n->type)->kind;
    if (n->kind != NODE_NUMBER || kind == KIND_COMPLEX || kind == KIND_BOOL)
        return -1;
    if (kind != KIND_FLOAT)
        return open_find(o, n->integer);
    return n->number > 0 && n->number < OPEN_MOST &&
                   (double)(int64_t)n->number == n->number
               ? open_find(o, (int64_t)n->number)
               : -1;
}

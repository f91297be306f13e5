/* SPDX-License-Identifier: MIT
 *
 * script_contract.c - sums of products of accesses are einsums: every index
 * of an access has the stride that its coefficients give it, so that
 * I[n, 2*h+r] is an operand of three dims, n h r, two of which overlap.
 */
#include <string.h>

#include "plan/script_parts.h"
#include "plan/widen.h"

enum { MOST_FACTORS = 32, MOST_DIMS = 60 };

/* A product taken apart. */
struct product {
    const struct access *factor[MOST_FACTORS];
    int n;
    double scale;
    enum einc_dtype type; /* of all accesses */
    int borders;          /* some are read beyond an edge */
    int wide;             /* all are cast to the type that sums are made in */
};

static int
take_access(const struct program *p, const struct access *a,
            struct product *x)
{
    enum einc_dtype t = p->tensors[a->tensor].dtype;
    if (x->n == MOST_FACTORS || (x->n && t != x->type))
        return 0;
    if (!einc_border_can(a))
        return 0;
    x->borders |= einc_border_needed(p, a);
    x->type = t;
    x->factor[x->n++] = a;
    return 1;
}

/* An access in the type that sums are made in, or a result taken back from
 * it: einc_widen() made that of a sum of products. */
static int
is_wide_cast(const struct program *p, enum einc_dtype from, enum einc_dtype to)
{
    return p->summing.wide && from != to && einc_widen_type(from) == to;
}

static int
take_wide(const struct program *p, const struct node *n, struct product *x)
{
    const struct node *of = n->args[0];
    if (n->fn != FN_CAST || of->kind != NODE_ACCESS ||
        !is_wide_cast(p, of->type, n->type) || (x->n && !x->wide))
        return 0;
    x->wide = 1;
    return take_access(p, of->access, x);
}

/* A cast that changes no value: i8(x) of an i32 wraps, and i8(x + x) of an
 * i8, which is computed in i32, too. */
static int
is_widening(const struct node *n)
{
    return n->kind == NODE_CALL && n->fn == FN_CAST &&
           einc_fn_compute(n->args[0]->type) == einc_fn_compute(n->type) &&
           (n->type != n->args[0]->type ||
            einc_fn_compute(n->type) == n->type) &&
           einc_dtype_holds(n->type, n->args[0]->type);
}

/* A factor of every term becomes one of the sum: where numbers are exact both
 * are, and elsewhere it is rounded once and not with each term. One that is far
 * from 1 stays where it keeps terms in range. */
static int
take_number(const struct node *n, struct product *x)
{
    enum dtype_kind kind = einc_dtype_info(n->type)->kind;
    double v = kind == KIND_FLOAT || kind == KIND_COMPLEX
                   ? n->number
                   : (double)n->integer;
    x->scale *= v;
    return (v > 1e-6 && v < 1e6) || (v > -1e6 && v < -1e-6);
}

static int
take_factors(const struct program *p, const struct node *n, struct product *x)
{
    switch (n->kind) {
    case NODE_ACCESS:
        return !x->wide && take_access(p, n->access, x);
    case NODE_NUMBER:
        return take_number(n, x);
    case NODE_PRODUCT:
        for (int a = 0; a < n->n_args; a++)
            if (!take_factors(p, n->args[a], x))
                return 0;
        return 1;
    case NODE_CALL:
        if (n->fn == FN_NEG)
            x->scale = -x->scale;
        if (n->fn == FN_NEG || is_widening(n))
            return take_factors(p, n->args[0], x);
        if (take_wide(p, n, x))
            return 1;
        return n->fn == FN_MUL && take_factors(p, n->args[0], x) &&
               take_factors(p, n->args[1], x);
    default:
        return 0;
    }
}

static int
place_of(const int *list, int n, int x)
{
    int i = 0;
    while (i < n && list[i] != x)
        i++;
    return i;
}

static int64_t
stride_in_copy(const struct border *b, int dim)
{
    int64_t stride = 1;
    while (++dim < b->n_dims)
        stride *= b->dim[dim].count;
    return stride;
}

/* Index of each dim in *dims, with extents and strides, of a slice; 0 if a
 * bound is data's. */
static int
take_dims(struct arena *perm, const struct program *p, const struct slices *s,
          const struct access *a, struct stage_tensor *t, int *dims)
{
    const struct tensor *x = &p->tensors[a->tensor];
    int room = 0;
    for (int d = 0; d < a->n_subs; d++)
        room += a->subs[d].n_terms;
    *t = (struct stage_tensor){.tensor = a->tensor, .dtype = x->dtype};
    t->shape = NEW(perm, int64_t, room);
    t->stride = NEW(perm, int64_t, room);
    if (room > MOST_DIMS)
        return 0;
    if (einc_border_needed(p, a))
        t->border = einc_border_of(perm, p, s, a);
    for (int d = 0; d < a->n_subs; d++) {
        int64_t stride =
            t->border ? stride_in_copy(t->border, d) : x->stride[d];
        t->offset += stride * (a->subs[d].constant -
                               (t->border ? t->border->dim[d].first : 0));
        for (int k = 0; k < a->subs[d].n_terms; k++) {
            struct affine_term term = a->subs[d].terms[k];
            const struct index *i = &p->indices[term.index];
            int at = place_of(dims, t->n_dims, term.index);
            if (i->from || i->to)
                return 0;
            dims[at] = term.index;
            t->n_dims += at == t->n_dims;
            t->shape[at] = i->hi > i->lo ? i->hi - i->lo : 0;
            t->stride[at] += term.coef * stride;
            t->offset += term.coef * i->lo * stride;
            if (term.index != s->index)
                continue;
            t->shape[at] = s->extent;
            t->slice = t->border ? 0 : t->stride[at];
        }
    }
    return 1;
}

/* --- the text ----------------------------------------------------------- */

static int
is_plain(struct str name)
{
    return name.n == 1 && ((name.p[0] >= 'a' && name.p[0] <= 'z') ||
                           (name.p[0] >= 'A' && name.p[0] <= 'Z'));
}

/* What no index is called: name_2, name_2_, ... */
static struct str
second_name(struct arena *perm, const struct program *p, const int *all, int n,
            struct str name, int number)
{
    struct text t = {.perm = perm};
    einc_put(&t, "%.*s_%d", (int)name.n, name.p, number);
    for (int i = 0; i < n; i++)
        if (str_equal(p->indices[all[i]].name, (struct str){t.p, t.n})) {
            einc_put(&t, "_");
            i = -1;
        }
    return (struct str){t.p, t.n};
}

/* As the statement writes it; another index of that name gets a number. */
static void
put_label(struct text *t, const struct program *p, const int *all, int n,
          int x)
{
    struct str name = p->indices[x].name;
    int before = 0;
    for (int i = 0; i < n && all[i] != x; i++)
        before += str_equal(p->indices[all[i]].name, name);
    if (before)
        name = second_name(t->perm, p, all, n, name, before + 1);
    if (is_plain(name))
        einc_put_str(t, name);
    else
        einc_put(t, "{%.*s}", (int)name.n, name.p);
}

static void
put_term(struct text *t, const struct program *p, const int *all, int n,
         const int *dims, int n_dims)
{
    for (int d = 0; d < n_dims; d++)
        put_label(t, p, all, n, dims[d]);
}

/* --- the whole ---------------------------------------------------------- */

static int
is_summed_type(const struct program *p, const struct product *x,
               enum einc_dtype result)
{
    (void)p;
    if (x->wide && result == einc_widen_type(x->type))
        return 1;
    return x->type != EINC_BOOL && x->type != EINC_U32 &&
           x->type != EINC_U64 &&
           einc_fn_compute(x->type) == einc_fn_compute(result) &&
           einc_dtype_holds(result, x->type);
}

static double
extent_of(const struct program *p, const int *list, int n)
{
    double all = 1;
    for (int i = 0; i < n; i++)
        all *= (double)(p->indices[list[i]].hi - p->indices[list[i]].lo);
    return all;
}

/* Room for the copies of a slice. */
static void
place_borders(struct stage *s)
{
    for (int o = 0; o < s->n_in; o++) {
        if (!s->in[o].border)
            continue;
        s->in[o].border_at = s->border_bytes;
        s->border_bytes += (s->in[o].border->bytes + BORDER_ALIGN - 1) /
                           BORDER_ALIGN * BORDER_ALIGN;
    }
}

static int
is_wide_result(const struct program *p, const struct node *n)
{
    return n->kind == NODE_CALL && n->fn == FN_CAST &&
           is_wide_cast(p, n->type, n->args[0]->type) &&
           n->args[0]->kind == NODE_REDUCE;
}

static const struct node *
summed_of(const struct node *n)
{
    while (is_widening(n))
        n = n->args[0];
    if (n->kind != NODE_REDUCE)
        return n;
    return n->redop == REDOP_SUM && !n->guard ? n->args[0] : NULL;
}

int
einc_script_contracts(struct arena *perm, const struct program *p,
                      const struct node *sum, enum einc_dtype result,
                      const int *kept, int n_kept,
                      const struct contract_ask *ask, struct stage *s)
{
    struct product x = {.scale = 1};
    if (p->open.n)
        return 0;
    while (is_widening(sum) || is_wide_result(p, sum))
        sum = sum->args[0];
    const struct node *body = summed_of(sum);
    int n_bound = sum->kind == NODE_REDUCE ? sum->n_bound : 0;
    if (!body || !take_factors(p, body, &x) || x.n == 0 ||
        !is_summed_type(p, &x, result) || n_kept > MOST_DIMS)
        return 0;
    if (x.scale != 1 && einc_dtype_info(result)->kind < KIND_FLOAT)
        return 0;
    if (n_bound && p->summing.how == EINC_SUM_KAHAN &&
        einc_dtype_info(result)->kind >= KIND_FLOAT)
        return 0; /* a loop keeps what rounding takes: no tile does */
    *s = (struct stage){.kind = STAGE_CONTRACT, .scale = x.scale, .n_in = x.n,
                        .wide = x.wide,
                        .adds = ask->adds, .slices = {.index = -1, .count = 1}};
    double points = extent_of(p, kept, n_kept) *
                    extent_of(p, sum->bound, n_bound);
    if (x.borders && !einc_border_slices(p, x.factor, x.n, kept, n_kept,
                                         points, ask, &s->slices))
        return 0;
    s->in = NEW(perm, struct stage_tensor, x.n);
    int *dims = NEW(perm, int, (int64_t)x.n * MOST_DIMS);
    int *all = NEW(perm, int, (int64_t)x.n * MOST_DIMS), n = 0;
    for (int o = 0; o < x.n; o++) {
        int *own = dims + (int64_t)o * MOST_DIMS;
        if (!take_dims(perm, p, &s->slices, x.factor[o], &s->in[o], own))
            return 0;
        for (int d = 0; d < s->in[o].n_dims; d++)
            if (place_of(all, n, own[d]) == n)
                all[n++] = own[d];
    }
    for (int i = 0; i < n_kept; i++)
        if (place_of(all, n, kept[i]) == n)
            return 0; /* a copy of the sum for each: not an einsum */
    for (int b = 0; b < n_bound; b++)
        if (place_of(all, n, sum->bound[b]) == n)
            return 0;
    if (n != n_kept + n_bound)
        return 0;
    place_borders(s);
    struct text t = {.perm = perm};
    for (int o = 0; o < x.n; o++) {
        einc_put(&t, o ? "," : "");
        put_term(&t, p, all, n, dims + (int64_t)o * MOST_DIMS,
                 s->in[o].n_dims);
    }
    einc_put(&t, "->");
    put_term(&t, p, all, n, kept, n_kept);
    s->expr = (struct str){einc_text_z(&t), t.n};
    return 1;
}

/* Every loop has its own stride, and elements stay apart. */
static int
take_left(struct arena *perm, const struct program *p,
          const struct stmt *stmt, struct stage *s)
{
    int *dims = NEW(perm, int, MOST_DIMS);
    for (int d = 0; d < stmt->left.n_subs; d++)
        if (stmt->left.subs[d].rest || stmt->left.subs[d].checked ||
            stmt->left.subs[d].mode != BOUND_CHECK)
            return 0;
    if (!take_dims(perm, p, &s->slices, &stmt->left, &s->out, dims) ||
        s->out.n_dims != stmt->n_loops)
        return 0;
    for (int d = 0; d < s->out.n_dims; d++)
        if (dims[d] != stmt->loops[d])
            return 0;
    return 1;
}

static int
reads_left(void *user, const struct node *n)
{
    return n->access && n->access->tensor == *(const int *)user;
}

int
einc_script_is_contract(struct arena *perm, const struct program *p,
                        const struct stmt *stmt, int64_t slice_bytes,
                        struct stage *s)
{
    const struct contract_ask ask = {stmt->op == ASSIGN_ADD, slice_bytes};
    int left = stmt->left.tensor;
    if ((stmt->op != ASSIGN_SET && stmt->op != ASSIGN_ADD) || stmt->scatters ||
        stmt->n_loops > MOST_DIMS ||
        einc_rewrite_any(p, stmt->right, reads_left, &left))
        return 0;
    if (!einc_script_contracts(perm, p, stmt->right, p->tensors[left].dtype,
                               stmt->loops, stmt->n_loops, &ask, s))
        return 0;
    return take_left(perm, p, stmt, s);
}

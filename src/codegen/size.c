/* SPDX-License-Identifier: MIT
 *
 * size.c - see size.h.
 */
#include "codegen/size.h"

#include "codegen/levels.h"

/* A range of up to SHORT values is a literal, and up to ROW if it runs along
 * the rows of all tensors: channels, features, the head of an attention.
 * What grows with the data is no row of all of them. */
enum { SHORT = 16, ROW = 128 };

/* --- literals ----------------------------------------------------------- */

/* What the accesses of a statement say of an index. */
struct held {
    const struct program *p;
    int index;
    int rows, others; /* accesses that it is the row of, and not */
};

static void hold_node(struct held *h, const struct node *n);

static void
hold_access(struct held *h, const struct access *a)
{
    int64_t pace = 0;
    int any = 0;
    for (int d = 0; d < a->n_subs; d++) {
        const struct subscript *x = &a->subs[d];
        for (int k = 0; k < x->n_terms; k++) {
            if (x->terms[k].index != h->index)
                continue;
            any = 1;
            pace += x->terms[k].coef *
                    h->p->tensors[a->tensor].stride[d];
        }
        hold_node(h, x->rest);
    }
    h->rows += any && pace == 1;
    h->others += any && pace != 1;
    hold_node(h, a->fill);
}

static void
hold_node(struct held *h, const struct node *n)
{
    if (!n)
        return;
    if (n->access)
        hold_access(h, n->access);
    for (int k = 0; k < n->n_args; k++)
        hold_node(h, n->args[k]);
    hold_node(h, n->guard);
    for (int k = 0; n->kind == NODE_REDUCE && k < n->n_bound; k++) {
        hold_node(h, h->p->indices[n->bound[k]].from);
        hold_node(h, h->p->indices[n->bound[k]].to);
    }
}

/* How an index of the left side goes through it does not matter, but for the
 * last one, which runs in the lanes or inside. */
static int
is_literal(const struct program *p, const struct stmt *s, int index)
{
    const struct index *x = &p->indices[index];
    int64_t size = x->hi - x->lo;
    struct held left = {p, index, 0, 0}, all = {p, index, 0, 0};
    hold_access(&left, &s->left);
    if (x->kind == INDEX_FREE && !left.rows)
        return 0;
    if (size <= SHORT)
        return 1;
    hold_access(&all, &s->left);
    hold_node(&all, s->right);
    return size <= ROW && all.rows > 0 && all.others == 0;
}

/* Marks the dims that a literal decides: those whose subscripts hold no other
 * index. One that none holds is as its extent is. */
static void
mark_dims(const struct program *p, const char *literal, const struct access *a,
          char *const *shape)
{
    for (int d = 0; d < a->n_subs; d++) {
        const struct subscript *x = &a->subs[d];
        int64_t size = p->tensors[a->tensor].shape[d];
        int fixed = x->n_terms > 0 || size <= SHORT;
        for (int k = 0; k < x->n_terms; k++)
            fixed &= literal[x->terms[k].index];
        if (!fixed || x->rest)
            shape[a->tensor][d] = 0;
    }
}

static void
mark_node(const struct program *p, const char *literal, const struct node *n,
          char *const *shape)
{
    if (!n)
        return;
    if (n->access) {
        mark_dims(p, literal, n->access, shape);
        for (int d = 0; d < n->access->n_subs; d++)
            mark_node(p, literal, n->access->subs[d].rest, shape);
        mark_node(p, literal, n->access->fill, shape);
    }
    for (int k = 0; k < n->n_args; k++)
        mark_node(p, literal, n->args[k], shape);
    mark_node(p, literal, n->guard, shape);
    for (int k = 0; n->kind == NODE_REDUCE && k < n->n_bound; k++) {
        mark_node(p, literal, p->indices[n->bound[k]].from, shape);
        mark_node(p, literal, p->indices[n->bound[k]].to, shape);
    }
}

static int64_t
size_of(int64_t x)
{
    return x < 0 ? -x : x;
}

/* A stride over dims that are literals is one. */
static int
is_literal_stride(const struct tensor *t, const char *shape, int d)
{
    int64_t stride = size_of(t->stride[d]);
    if (stride <= 1)
        return 1;
    for (int e = 0; e < t->n_dims; e++)
        if (e != d && !shape[e] && t->stride[e] != 0 &&
            size_of(t->stride[e]) < stride)
            return 0;
    return stride <= SHORT * ROW;
}

/* What is no size that the function is given, nor a product of these. */
static void
mark_open(const struct program *p, char *index, char *const *shape,
          char *const *stride)
{
    for (int x = 0; x < p->n_indices; x++)
        index[x] = open_find(&p->open, p->indices[x].hi) < 0;
    for (int t = 0; t < p->n_tensors; t++) {
        int fixed = 1;
        for (int d = p->tensors[t].n_dims - 1; d >= 0; d--) {
            stride[t][d] = (char)fixed;
            shape[t][d] =
                open_find(&p->open, p->tensors[t].shape[d]) < 0;
            fixed &= shape[t][d];
        }
    }
}

struct literals
einc_size_literals(struct arena *perm, const struct program *p,
                   const struct stmt *s, enum size_mode mode)
{
    int all = mode == SIZES_LITERAL;
    char *index = NEW(perm, char, p->n_indices);
    char **shape = NEW(perm, char *, p->n_tensors);
    char **stride = NEW(perm, char *, p->n_tensors);
    for (int x = s->first_index; x < s->first_index + s->n_indices; x++)
        index[x] = (char)(all || (mode != SIZES_FEW && is_literal(p, s, x)));
    for (int t = 0; t < p->n_tensors; t++) {
        int n = p->tensors[t].n_dims;
        shape[t] = NEW(perm, char, n);
        stride[t] = NEW(perm, char, n);
        for (int d = 0; d < n; d++)
            shape[t][d] = mode != SIZES_FEW;
    }
    struct literals l = {all, index, (const char *const *)shape,
                         (const char *const *)stride};
    if (mode == SIZES_OPEN || mode == SIZES_SINGLE) {
        mark_open(p, index, shape, stride);
        return l;
    }
    if (mode == SIZES_GENERIC) {
        mark_dims(p, index, &s->left, shape);
        mark_node(p, index, s->right, shape);
    }
    for (int t = 0; t < p->n_tensors; t++)
        for (int d = 0; d < p->tensors[t].n_dims; d++)
            stride[t][d] = (char)(all || is_literal_stride(&p->tensors[t],
                                                           shape[t], d));
    return l;
}

/* --- arguments ---------------------------------------------------------- */

static void
add(struct mapreduce *m, enum size_kind kind, int of, int dim, int64_t value)
{
    int *count = kind == SIZE_STRIDE ? &m->n_strides : &m->n_extents;
    m->sizes[m->n_sizes++] =
        (struct size){kind, of, dim, value, (*count)++};
}

/* Tensors that a kernel has the addresses of. */
static int
is_used(const struct mapreduce *m, int tensor)
{
    int used = tensor == m->s->left.tensor;
    for (int v = 0; v < m->values.n && !used; v++)
        used = m->values.v[v].op == VALUE_LOAD &&
               m->values.v[v].tensor == tensor;
    return used;
}

static int
is_literal_var(const struct mapreduce *m, int var)
{
    return m->literals.index[m->values.var[var].index];
}

static void
add_tensor(struct mapreduce *m, int t)
{
    const struct tensor *x = &m->p->tensors[t];
    int planes = einc_value_is_complex(x->dtype) ? 2 : 1;
    for (int d = 0; d < x->n_dims; d++) {
        if (!m->literals.shape[t][d])
            add(m, SIZE_SHAPE, t, d, x->shape[d]);
        if (!m->literals.stride[t][d])
            add(m, SIZE_STRIDE, t, d, planes * x->stride[d]);
    }
}

void
einc_size_list(struct mapreduce *m)
{
    int64_t most = (int64_t)m->values.n_vars + m->n_free + m->n_tables +
                   3 * (int64_t)m->n_carries + m->p->open.n;
    m->n_sizes = m->n_extents = m->n_strides = 0;
    for (int t = 0; t < m->p->n_tensors; t++)
        most += 2 * (int64_t)m->p->tensors[t].n_dims;
    most += m->s->n_indices;
    m->sizes = NEW(m->perm, struct size, most);
    if (m->literals.all)
        return;
    for (int v = 0; v < m->values.n_vars; v++)
        if (!is_literal_var(m, v))
            add(m, SIZE_TO, v, 0, m->values.var[v].hi);
    for (int v = 0; v < m->values.n; v++) {
        const struct value *x = &m->values.v[v];
        if (x->op == VALUE_SIZE && x->var < 0 && x->dim <= 0)
            add(m, x->dim < 0 ? SIZE_OPEN : SIZE_COUNT, x->tensor, 0,
                x->integer);
    }
    for (int f = 0; f < m->n_free; f++)
        if (!m->free[f].is_copied && !is_literal_var(m, m->free[f].var))
            add(m, SIZE_TURNS, f, 0, m->free[f].turns);
    for (int t = 0; t < m->p->n_tensors; t++)
        if (is_used(m, t))
            add_tensor(m, t);
    for (int k = 0; k < m->n_tables; k++)
        if (!m->tables[k].is_fixed)
            add(m, SIZE_TABLE, k, 0, m->tables[k].offset);
    for (int c = 0; c < m->n_carries; c++)
        if (!m->carries[c].is_fixed)
            add(m, SIZE_PAYLOAD, c, 0, m->carries[c].offset);
    for (int c = 0; c < m->n_carries; c++)
        if (!m->carries[c].lost_is_fixed)
            add(m, SIZE_LOST, c, 0, m->carries[c].lost);
    for (int c = 0; c < m->n_carries; c++)
        if (!m->carries[c].is_fixed && m->carries[c].result >= 0)
            add(m, SIZE_RESULT, c, 0, m->carries[c].result);
}

int
einc_size_find(const struct mapreduce *m, enum size_kind kind, int of, int dim)
{
    for (int k = 0; k < m->n_sizes; k++)
        if (m->sizes[k].kind == kind && m->sizes[k].of == of &&
            m->sizes[k].dim == dim)
            return k;
    return -1;
}

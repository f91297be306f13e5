/* SPDX-License-Identifier: MIT
 *
 * resolve.c - form B from trees to a program: see resolve.h. Which tensors
 * there are, what the caller gives for them, and the stages one after the
 * other.
 */
#include "parse/resolve.h"

#include <assert.h>

#include "parse/draft.h"
#include "parse/graph.h"
#include "parse/left.h"
#include "parse/range.h"
#include "parse/type.h"

enum {
    MAX_DIMS = 64,   /* of one tensor */
    SHOWN = 40,      /* columns of the user's text in a message */
    HINT_TEXT = 300  /* bytes of the longest text that a hint is tried on */
};

/* --- arrays, words, messages ---------------------------------------------- */

void *
einc_resolve_grow(struct arena *a, void *p, int n, size_t size, size_t align)
{
    if (n & (n - 1))
        return p;
    char *more = einc_arena_take(a, size, align, n ? 2 * (int64_t)n : 1);
    if (n)
        memcpy(more, p, (size_t)n * size);
    return more;
}

static uint64_t
hash(struct str s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (int64_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
    return h ^ h >> 29;
}

struct word *
einc_resolve_word(struct resolver *r, struct str name)
{
    uint64_t i = hash(name) & r->mask;
    while (r->slots[i] && !str_equal(r->slots[i]->name, name))
        i = (i + 1) & r->mask;
    if (!r->slots[i]) {
        r->slots[i] = NEW(&r->scratch, struct word, 1);
        *r->slots[i] = (struct word){.name = name, .at = {-1, -1},
                                     .tensor = -1, .bound = -1};
    }
    return r->slots[i];
}

const char *
einc_resolve_show(struct resolver *r, struct span at)
{
    struct str s = {r->t->source.p + at.begin, at.end - at.begin};
    return einc_diag_show(r->cx, s, SHOWN);
}

const char *
einc_resolve_name(struct resolver *r, int tensor)
{
    return einc_diag_show(r->cx, r->tensors[tensor].name, SHOWN);
}

int
einc_resolve_site(struct resolver *r, struct site s)
{
    r->sites = GROW(r->perm, struct site, r->sites, r->n_sites);
    r->sites[r->n_sites] = s;
    return r->n_sites++;
}

/* --- hints ---------------------------------------------------------------- */

struct trial {
    struct str text;
    const struct bindings *b; /* NULL: names only */
    const struct param *params;
    int n_params;
};

static void
try_text(struct arena *perm, struct arena scratch, void *arg)
{
    const struct trial *trial = arg;
    const struct tree_program *t =
        einc_parse_program(perm, scratch, trial->text);
    einc_resolve_names(perm, scratch, t, trial->params, trial->n_params);
    if (trial->b)
        einc_resolve(perm, scratch, t, trial->b);
}

void
einc_resolve_propose(struct resolver *r, struct diag *d, const char *hint,
                     const struct edit *edits, int n)
{
    struct arena scratch = r->scratch;
    if (r->t->source.n > HINT_TEXT)
        return;
    struct trial trial = {
        einc_diag_edited(&scratch, r->t->source, edits, n), r->b, r->params,
        r->n_params};
    if (einc_diag_try(scratch, try_text, &trial))
        einc_diag_hint(r->cx, d, "%s", hint);
}

/* --- which tensors there are ---------------------------------------------- */

static struct named *
new_tensor(struct resolver *r, struct word *w, struct span at, int n_dims)
{
    if (w->is_index)
        einc_fail(r->cx, EINC_EPARSE, "E311", at,
                  "'%s' is a tensor here and an index elsewhere",
                  einc_resolve_show(r, at));
    if (w->is_parameter)
        einc_fail(r->cx, EINC_EPARSE, "E311", at,
                  "'%s' is a tensor here and a parameter elsewhere",
                  einc_resolve_show(r, at));
    if (n_dims > MAX_DIMS)
        einc_fail(r->cx, EINC_ELIMIT, "E802", at,
                  "'%s' has %d subscripts; einc takes at most %d",
                  einc_resolve_show(r, at), n_dims, MAX_DIMS);
    w->tensor = r->n_tensors;
    r->tensors = GROW(&r->scratch, struct named, r->tensors, r->n_tensors);
    struct named *n = &r->tensors[r->n_tensors++];
    *n = (struct named){.name = w->name, .at = at, .n_dims = n_dims,
                        .first = -1, .last = -1, .first_read = -1,
                        .last_read = -1};
    return n;
}

/* A tensor stands at `at`, with n_dims subscripts; -1: in dim(). */
static struct named *
meet(struct resolver *r, struct str name, struct span at, int n_dims)
{
    struct word *w = einc_resolve_word(r, name);
    if (w->tensor < 0)
        return new_tensor(r, w, at, n_dims);
    struct named *n = &r->tensors[w->tensor];
    if (n->n_dims < 0)
        n->n_dims = n_dims;
    if (w->is_index || n_dims > MAX_DIMS)
        new_tensor(r, w, at, n_dims); /* which says so */
    return n;
}

/* Something reads the tensor in statement s. */
static void
meet_read(struct resolver *r, const struct tree *t, int s, int n_dims)
{
    struct named *n = meet(r, t->name, t->kind == TREE_ACCESS ? t->name_at
                                                              : t->at, n_dims);
    if (n->n_assigned == 0)
        n->is_read = 1; /* before anything was assigned: if ever */
    if (n->n_assigned == 0 && n->last_read < 0)
        n->reads_at = t->at;
    if (n->first_read < 0)
        n->first_read = s;
    n->last_read = s;
}

static int
is_call(const struct tree *t, const char *name)
{
    return t->kind == TREE_CALL && str_equal(t->name, str_of(name));
}

static void
survey_tree(struct resolver *r, const struct tree *t, int s)
{
    if (t->kind == TREE_ACCESS)
        meet_read(r, t, s, t->n_args);
    if (t->kind == TREE_NAME) {
        const struct word *w = einc_resolve_word(r, t->name);
        if (!w->is_parameter && w->is_index != s + 1)
            meet_read(r, t, s, 0);
    }
    if (is_call(t, "size"))
        return;
    if (is_call(t, "dim")) {
        if (t->n_args > 0 && t->args[0]->kind == TREE_NAME)
            meet(r, t->args[0]->name, t->args[0]->at, -1);
        return;
    }
    for (int i = 0; i < t->n_bounds; i++) {
        if (!t->bounds[i].lo)
            continue;
        survey_tree(r, t->bounds[i].lo, s);
        survey_tree(r, t->bounds[i].hi, s);
    }
    /* pads are constant: names in them are parameters, or faults */
    int n = t->kind == TREE_MODE || is_call(t, "fill") ? 1 : t->n_args;
    for (int i = 0; i < n && i < t->n_args; i++)
        survey_tree(r, t->args[i], s);
    if (t->guard)
        survey_tree(r, t->guard, s);
}

/* dim(x,0) in a constant names x; nothing else in one is a tensor. */
static void
survey_constant(struct resolver *r, const struct tree *t)
{
    if (is_call(t, "dim")) {
        if (t->n_args > 0 && t->args[0]->kind == TREE_NAME)
            meet(r, t->args[0]->name, t->args[0]->at, -1);
        return;
    }
    for (int i = 0; i < t->n_args; i++)
        survey_constant(r, t->args[i]);
}

static int
has_bare_subs(const struct resolver *r, const struct tree *left, int s)
{
    for (int i = 0; i < left->n_args; i++) {
        const struct tree *t = left->args[i];
        if (t->kind == TREE_NUMBER && t->is_integer && t->integer == 0)
            continue;
        if (t->kind != TREE_NAME
            || einc_resolve_word((struct resolver *)(uintptr_t)r, t->name)
                       ->is_index != s + 1)
            return 0;
        for (int j = 0; j < i; j++)
            if (left->args[j]->kind == TREE_NAME
                && str_equal(left->args[j]->name, t->name))
                return 0;
    }
    return 1;
}

static void
survey_stmt(struct resolver *r, int s)
{
    const struct tree_stmt *t = &r->t->stmts[s];
    struct draft_stmt now = {.tree = t, .number = s};
    r->s = &now;
    einc_draft_mark(r, t);
    struct named *left = meet(r, t->left->name, t->left->name_at,
                              t->left->n_args);
    left->is_assigned = 1;
    for (int i = 0; i < t->left->n_args; i++)
        survey_tree(r, t->left->args[i], s);
    survey_tree(r, t->right, s);
    for (int i = 0; i < t->n_where; i++) {
        survey_constant(r, t->where[i].lo);
        survey_constant(r, t->where[i].hi);
    }
    left = &r->tensors[einc_resolve_word(r, t->left->name)->tensor];
    if (left->n_assigned == 0) {
        left->first = s;
        left->needs_shape = !has_bare_subs(r, t->left, s);
        left->reads_at = left->is_read ? left->reads_at : t->left->at;
        left->is_read |= t->op != ASSIGN_SET;
    }
    left->n_assigned++;
    left->last = s;
    r->s = NULL;
}

/* --- headers -------------------------------------------------------------- */

/* Names in extents are parameters, whose values the layouts tell. */
static void
declare_sizes(struct resolver *r, const struct tree_decl *d)
{
    for (int i = 0; i < d->n_extents; i++) {
        if (d->extents[i]->kind != TREE_NAME)
            continue;
        struct word *w = einc_resolve_word(r, d->extents[i]->name);
        w->is_parameter = w->is_size = 1;
    }
}

static void
declare(struct resolver *r, const struct tree_decl *d, int is_output)
{
    struct word *w = einc_resolve_word(r, d->name);
    if (w->tensor >= 0) {
        if (is_output && r->tensors[w->tensor].decl->inout
            && !r->tensors[w->tensor].is_output) {
            r->tensors[w->tensor].is_output = 1; /* listed on both sides */
            return;
        }
        einc_fail(r->cx, EINC_EPARSE, "E711", d->at,
                  "'%s' is declared twice", einc_resolve_show(r, d->at));
    }
    struct named *n = new_tensor(r, w, d->at, d->n_extents);
    n->decl = d;
    n->is_output = is_output;
}

static void
declare_all(struct resolver *r)
{
    const struct tree_program *t = r->t;
    for (int i = 0; i < t->n_in; i++)
        declare_sizes(r, &t->in[i]);
    for (int i = 0; i < t->n_out; i++)
        declare_sizes(r, &t->out[i]);
    for (int i = 0; i < t->n_in; i++)
        declare(r, &t->in[i], 0);
    for (int i = 0; i < t->n_out; i++)
        declare(r, &t->out[i], 1);
    for (int i = 0; i < r->n_tensors; i++)
        if (r->tensors[i].decl && r->tensors[i].decl->inout)
            r->tensors[i].is_output = 1;
}

static void
check_declared(struct resolver *r)
{
    for (int i = 0; i < r->n_tensors && r->t->kernel.p; i++) {
        const struct named *n = &r->tensors[i];
        const char *what = NULL;
        if (!n->decl && !n->is_assigned)
            what = "is read but not declared";
        else if (n->decl && !n->is_output && n->is_assigned)
            what = "is declared as an input and assigned; declare it 'inout'";
        else if (n->is_output && !n->is_assigned)
            what = "is declared as an output and not assigned";
        if (!what)
            continue;
        struct diag *d =
            einc_diag_add(r->cx, EINC_EPARSE, "E711", "'%s' %s",
                          einc_resolve_name(r, i), what);
        einc_diag_mark(r->cx, d, n->at, -1, -1, "%s", "");
    }
}

/* --- what they are -------------------------------------------------------- */

/* An output is declared as one; or, without a header, assigned and not read
 * after its last assignment, or the last one assigned. */
static void
choose_kind(struct resolver *r, struct named *n)
{
    int last = r->t->n_stmts - 1;
    if (!n->is_assigned)
        n->kind = TENSOR_OPERAND;
    else if (r->t->kernel.p ? n->is_output
                            : n->last == last || n->last_read <= n->last)
        n->kind = TENSOR_OUTPUT;
    else
        n->kind = TENSOR_TEMP;
    if (n->kind != TENSOR_TEMP)
        return;
    const char *fault = n->is_read ? "is read before it is assigned"
                        : n->needs_shape ? "has no shape: the first left side"
                          " of a temporary is made of bare indices" : NULL;
    if (!fault)
        return;
    struct diag *d = einc_diag_add(r->cx, EINC_EPARSE, "E712", "'%s' %s",
                                   einc_diag_show(r->cx, n->name, SHOWN),
                                   fault);
    einc_diag_mark(r->cx, d, n->is_read ? n->reads_at
                                        : r->t->stmts[n->first].left->at,
                   -1, -1, "%s", "");
}

static int
is_read_before(const struct named *n)
{
    return n->first_read >= 0 && n->first_read < n->first;
}

/* Operands first, each kind in order of first appearance. An output that is
 * read in a statement before the first that assigns it has a shape by then. */
static void
number_tensors(struct resolver *r)
{
    int counts[3] = {0, 0, 0}, to = 0;
    struct named *sorted = NEW(&r->scratch, struct named, r->n_tensors);
    for (int i = 0; i < r->n_tensors; i++) {
        struct named *n = &r->tensors[i];
        choose_kind(r, n);
        n->number = counts[n->kind]++;
        if (n->kind == TENSOR_OUTPUT && is_read_before(n))
            n->needs_shape = 1;
    }
    for (int operands = 1; operands >= 0; operands--)
        for (int i = 0; i < r->n_tensors; i++)
            if ((r->tensors[i].kind == TENSOR_OPERAND) == operands) {
                sorted[to] = r->tensors[i];
                einc_resolve_word(r, sorted[to].name)->tensor = to;
                to++;
            }
    r->tensors = sorted;
    r->n_operands = counts[TENSOR_OPERAND];
    r->n_outputs = counts[TENSOR_OUTPUT];
}

static void
take_params(struct resolver *r)
{
    for (int i = 0; i < r->n_params; i++) {
        struct word *w = einc_resolve_word(r, r->params[i].name);
        w->is_parameter = 1;
        w->has_value = 1;
        w->value = r->params[i].value;
    }
}

static void
open_resolver(struct resolver *r)
{
    int64_t slots = 64;
    while (slots < r->t->source.n + 2 * (int64_t)r->n_params)
        slots *= 2;
    r->mask = (uint64_t)slots - 1;
    r->slots = NEW(&r->scratch, struct word *, slots);
    r->stmts = NEW(&r->scratch, struct draft_stmt, r->t->n_stmts);
    take_params(r);
    declare_all(r);
    for (int s = 0; s < r->t->n_stmts; s++)
        survey_stmt(r, s);
    number_tensors(r);
    check_declared(r);
    einc_diag_stop(r->cx);
}

static void
draft_all(struct resolver *r)
{
    for (int s = 0; s < r->t->n_stmts; s++)
        einc_draft_stmt(r, s);
    einc_diag_stop(r->cx);
}

/* --- what the caller gives ------------------------------------------------ */

static const int64_t *
dense(struct resolver *r, const struct named *n)
{
    int64_t *stride = NEW(r->perm, int64_t, n->n_dims), step = 1;
    for (int d = n->n_dims - 1; d >= 0; d--) {
        stride[d] = step;
        int64_t extent = n->shape[d] > 1 ? n->shape[d] : 1;
        if (__builtin_mul_overflow(step, extent, &step))
            einc_fail(r->cx, EINC_ELIMIT, "E804", n->at,
                      "'%s' has more elements than a 64-bit number counts",
                      einc_diag_show(r->cx, n->name, SHOWN));
    }
    return stride;
}

void
einc_resolve_shape(struct resolver *r, int tensor, const int64_t *shape)
{
    struct named *n = &r->tensors[tensor];
    n->shape = shape;
    n->known = 1;
    n->stride = dense(r, n);
}

static void
check_layout(struct resolver *r, const struct named *n,
             const struct einc_layout *l)
{
    const char *name = einc_diag_show(r->cx, n->name, SHOWN);
    if (l->ndim < 0 || (l->ndim > 0 && !l->shape))
        einc_fail(r->cx, EINC_EINVAL, "E307", n->at,
                  "'%s' is given with rank %d and no shape", name, l->ndim);
    if (l->ndim > MAX_DIMS)
        einc_fail(r->cx, EINC_ELIMIT, "E802", n->at,
                  "'%s' has %d dims; einc takes at most %d", name, l->ndim,
                  MAX_DIMS);
    for (int d = 0; d < l->ndim; d++) {
        if (l->shape[d] < 0)
            einc_fail(r->cx, EINC_EINVAL, "E405", n->at,
                      "'%s' has the negative size %lld in dim %d", name,
                      (long long)l->shape[d], d);
        if (l->shape[d] > INT64_MAX / 4)
            einc_fail(r->cx, EINC_ELIMIT, "E804", n->at,
                      "dim %d of '%s' is longer than einc takes", d, name);
    }
    if (l->dtype || n->kind == TENSOR_OPERAND)
        if (!einc_dtype_valid(l->dtype))
            einc_fail(r->cx, EINC_EINVAL, "E501", n->at,
                      "'%s': %d is no element type", name, l->dtype);
}

static void
bind(struct resolver *r, int tensor, const struct einc_layout *l)
{
    struct named *n = &r->tensors[tensor];
    check_layout(r, n, l);
    if (n->n_dims >= 0 && l->ndim != n->n_dims) {
        struct diag *d = einc_diag_add(
            r->cx, EINC_ESHAPE, "E304",
            "'%s' has rank %d (%s) but %d subscript%s",
            einc_resolve_name(r, tensor), l->ndim,
            einc_stmt_shape(r->cx, l->ndim, l->shape), n->n_dims,
            n->n_dims == 1 ? "" : "s");
        einc_diag_mark(r->cx, d, n->at, n->number, -1, "%s", "");
        return;
    }
    n->n_dims = l->ndim;
    n->dtype = (enum einc_dtype)l->dtype;
    int64_t *shape = NEW(r->perm, int64_t, l->ndim);
    for (int d = 0; d < l->ndim; d++)
        shape[d] = l->shape[d];
    einc_resolve_shape(r, tensor, shape);
    if (!l->stride)
        return;
    int64_t *stride = NEW(r->perm, int64_t, l->ndim);
    for (int d = 0; d < l->ndim; d++)
        stride[d] = l->stride[d];
    n->stride = stride;
}

/* What a header says of a tensor, against what is given for it. Sizes that it
 * tells of an output make its shape. */
static void
check_decl(struct resolver *r, int tensor)
{
    struct named *n = &r->tensors[tensor];
    const struct tree_decl *d = n->decl;
    if (d->dtype && n->dtype && d->dtype != n->dtype)
        einc_fail(r->cx, EINC_EDTYPE, "E503", d->at,
                  "'%s' is declared %s and given as %s",
                  einc_resolve_name(r, tensor),
                  einc_dtype_info(d->dtype)->name,
                  einc_dtype_info(n->dtype)->name);
    if (d->dtype)
        n->dtype = d->dtype;
    for (int i = 0; i < n->n_dims && n->known; i++) {
        const struct tree *e = d->extents[i];
        struct word *w = e->kind == TREE_NAME
                             ? einc_resolve_word(r, e->name) : NULL;
        int64_t want = w ? w->value : e->integer;
        if (w && !w->has_value) {
            w->has_value = 1;
            w->value = want = n->shape[i];
        }
        if (want == n->shape[i])
            continue;
        struct diag *g = einc_diag_add(
            r->cx, EINC_ESHAPE, "E409",
            "dim %d of '%s' is %lld; it is declared as %s%lld", i,
            einc_resolve_name(r, tensor), (long long)n->shape[i],
            w ? "a size that is " : "", (long long)want);
        einc_diag_mark(r->cx, g, e->at, n->number, i, "%s", "");
    }
}

/* An output with all extents known has that shape. */
static void
shape_declared(struct resolver *r, int tensor)
{
    struct named *n = &r->tensors[tensor];
    int64_t *shape = NEW(r->perm, int64_t, n->n_dims);
    if (n->known)
        return;
    for (int i = 0; i < n->n_dims; i++) {
        const struct tree *e = n->decl->extents[i];
        const struct word *w = e->kind == TREE_NAME
                                   ? einc_resolve_word(r, e->name) : NULL;
        if (w && !w->has_value)
            einc_fail(r->cx, EINC_ESHAPE, "E604", e->at,
                      "'%s' has no value: it is the size of no input",
                      einc_resolve_show(r, e->at));
        shape[i] = w ? w->value : e->integer;
    }
    einc_resolve_shape(r, tensor, shape);
}

static const struct einc_layout *
layout_of(const struct resolver *r, const struct named *n)
{
    if (n->kind == TENSOR_OPERAND)
        return &r->b->in[n->number];
    if (n->kind == TENSOR_TEMP || !r->b->out)
        return NULL;
    return r->b->out[n->number];
}

static void
bind_all(struct resolver *r)
{
    const struct bindings *b = r->b;
    if (b->n_in != r->n_operands || (b->out && b->n_out != r->n_outputs))
        einc_fail(r->cx, EINC_ESHAPE, "E303", (struct span){-1, -1},
                  "the program reads %d operand%s and makes %d output%s, but"
                  " %d and %d were given", r->n_operands,
                  r->n_operands == 1 ? "" : "s", r->n_outputs,
                  r->n_outputs == 1 ? "" : "s", b->n_in, b->n_out);
    for (int i = 0; i < r->n_tensors; i++) {
        struct named *n = &r->tensors[i];
        const struct einc_layout *l = layout_of(r, n);
        if (l)
            bind(r, i, l);
    }
    einc_diag_stop(r->cx);
    for (int i = 0; i < r->n_tensors; i++)
        if (r->tensors[i].decl)
            check_decl(r, i);
    einc_diag_stop(r->cx);
    for (int i = 0; i < r->n_tensors; i++) {
        struct named *n = &r->tensors[i];
        if (n->decl)
            shape_declared(r, i);
        if (n->kind == TENSOR_OUTPUT && is_read_before(n) && !n->known)
            einc_fail(r->cx, EINC_ESHAPE, "E410", n->reads_at,
                      "the shape of '%s' must be given: it is read before"
                      " it is assigned", einc_resolve_name(r, i));
        if (n->kind == TENSOR_OUTPUT && is_read_before(n) && !n->dtype)
            einc_fail(r->cx, EINC_EDTYPE, "E508", n->reads_at,
                      "the type of '%s' must be given: it is read before"
                      " it is assigned", einc_resolve_name(r, i));
    }
}

/* --- the product ---------------------------------------------------------- */

static void
check_tensor(struct resolver *r, const struct named *n)
{
    const struct operand o = {
        .number = n->kind == TENSOR_OPERAND ? n->number : -1,
        .dtype = n->dtype, .n_dims = n->n_dims, .shape = n->shape,
        .stride = n->stride, .at = n->at};
    einc_graph_check_tensor(r->scratch, &o);
}

static struct tensor
finish_tensor(const struct named *n)
{
    return (struct tensor){.name = n->name, .kind = n->kind,
                           .number = n->number, .dtype = n->dtype,
                           .n_dims = n->n_dims, .shape = n->shape,
                           .stride = n->stride,
                           .read = n->kind == TENSOR_OUTPUT && n->is_read,
                           .at = n->at};
}

static const struct program *
finish(struct resolver *r, struct stmt *stmts)
{
    struct program *p = NEW(r->perm, struct program, 1);
    p->source = r->t->source;
    p->n_operands = r->n_operands;
    p->n_outputs = r->n_outputs;
    p->stmts = stmts;
    p->n_stmts = r->t->n_stmts;
    p->n_tensors = r->n_tensors;
    p->tensors = NEW(r->perm, struct tensor, r->n_tensors);
    for (int i = 0; i < r->n_tensors; i++) {
        check_tensor(r, &r->tensors[i]);
        p->tensors[i] = finish_tensor(&r->tensors[i]);
    }
    p->n_indices = r->n_indices;
    p->indices = NEW(r->perm, struct index, r->n_indices);
    for (int x = 0; x < r->n_indices; x++)
        p->indices[x] = einc_type_index(r, &r->indices[x]);
    p->n_sites = r->n_sites;
    p->sites = r->sites;
    p->summing = r->b->summing;
    p->open = r->b->open;
    return p;
}

const struct program *
einc_resolve(struct arena *perm, struct arena scratch,
             const struct tree_program *t, const struct bindings *b)
{
    struct resolver r = {.cx = perm->cx, .perm = perm, .scratch = scratch,
                         .t = t, .b = b, .params = b->params,
                         .n_params = b->n_params};
    open_resolver(&r);
    bind_all(&r);
    draft_all(&r);
    for (int s = 0; s < t->n_stmts; s++) {
        r.s = &r.stmts[s];
        einc_left_stmt(&r, &r.stmts[s]);
        einc_diag_stop(r.cx);
        einc_range_stmt(&r, &r.stmts[s]);
        einc_diag_stop(r.cx);
        einc_left_cover(&r, &r.stmts[s]);
        einc_diag_stop(r.cx);
    }
    struct stmt *stmts = NEW(perm, struct stmt, t->n_stmts);
    for (int s = 0; s < t->n_stmts; s++) {
        r.s = &r.stmts[s];
        stmts[s] = einc_type_stmt(&r, &r.stmts[s]);
        einc_diag_stop(r.cx);
    }
    return finish(&r, stmts);
}

static void
fill_outputs(struct resolver *r, struct names *names)
{
    int n = r->n_outputs;
    names->n_out = n;
    names->out = NEW(r->perm, struct str, n);
    names->out_at = NEW(r->perm, struct span, n);
    names->out_dims = NEW(r->perm, int, n);
    names->out_read = NEW(r->perm, int, n);
    names->out_given = NEW(r->perm, int, n);
    names->out_dtype = NEW(r->perm, enum einc_dtype, n);
    for (int i = 0; i < r->n_tensors; i++) {
        const struct named *t = &r->tensors[i];
        if (t->kind != TENSOR_OUTPUT)
            continue;
        names->out[t->number] = t->name;
        names->out_at[t->number] = t->at;
        names->out_dims[t->number] = t->n_dims;
        names->out_read[t->number] = t->is_read;
        names->out_given[t->number] = t->needs_shape && !t->decl;
        names->out_dtype[t->number] =
            t->decl ? t->decl->dtype : EINC_DTYPE_NONE;
    }
}

const struct names *
einc_resolve_names(struct arena *perm, struct arena scratch,
                   const struct tree_program *t, const struct param *params,
                   int n_params)
{
    struct resolver r = {.cx = perm->cx, .perm = perm, .scratch = scratch,
                         .t = t, .params = params, .n_params = n_params};
    open_resolver(&r);
    draft_all(&r);
    struct names *names = NEW(perm, struct names, 1);
    names->n_in = r.n_operands;
    names->in = NEW(perm, struct str, r.n_operands);
    names->in_at = NEW(perm, struct span, r.n_operands);
    names->in_dims = NEW(perm, int, r.n_operands);
    names->in_dtype = NEW(perm, enum einc_dtype, r.n_operands);
    for (int i = 0; i < r.n_operands; i++) {
        names->in[i] = r.tensors[i].name;
        names->in_at[i] = r.tensors[i].at;
        names->in_dims[i] = r.tensors[i].n_dims;
        names->in_dtype[i] =
            r.tensors[i].decl ? r.tensors[i].decl->dtype : EINC_DTYPE_NONE;
    }
    fill_outputs(&r, names);
    return names;
}

/* SPDX-License-Identifier: MIT
 *
 * ref_program.c - the oracle of index statements. Every node is evaluated
 * where it stands, as often as it is asked for; beside each value runs the
 * largest distance that a kernel's value may have from it. Slow and plain on
 * purpose: what it does can be checked beside the definitions in stmt.h.
 */
#include "runtime/ref_program.h"

#include <assert.h>
#include <string.h>

#include "runtime/ref_fold.h"
#include "runtime/ref_math.h"

struct walk {
    const struct program *p;
    const struct mem *mem;
    void *const *tensor;
    double *const *error;  /* NULL: none are wanted */
    double ulps;
    struct stray *stray;
    int no_memory;
    int64_t *at, *to;      /* of every index: its value, where its loop ends */
    struct sum last;       /* the sum that was finished last */
    struct sum *tally;     /* of each element of a scatter's left tensor */
};

static struct value eval(struct walk *w, const struct node *n);

static int
is_stopped(const struct walk *w)
{
    return w->stray->site != 0 || w->no_memory;
}

/* --- accesses ----------------------------------------------------------- */

/* Where an access leads. */
struct place {
    int64_t offset;   /* elements from element (0, ...) */
    int64_t number;   /* of the element, dense row-major */
    int outside;      /* in the padding */
    int unsure;
};

static void
set_stray(struct walk *w, int site, int64_t position)
{
    assert(site >= 0 && "an access was said to be legal");
    if (!w->stray->site)
        *w->stray = (struct stray){site + 1, position};
}

static int64_t
position_of(struct walk *w, const struct subscript *s, int *unsure)
{
    uint64_t p = (uint64_t)s->constant;
    for (int k = 0; k < s->n_terms; k++)
        p += (uint64_t)s->terms[k].coef *
             (uint64_t)w->at[s->terms[k].index];
    if (s->rest) {
        struct value v = eval(w, s->rest);
        *unsure |= v.error > 0;
        p += (uint64_t)v.i;
    }
    return (int64_t)p;
}

static int64_t
reflect(int64_t p, int64_t n)
{
    if (n == 1)
        return 0;
    p = einc_ref_floor_mod(p, 2 * (n - 1));
    return p < n ? p : 2 * (n - 1) - p;
}

/* Position p of a dim of extent n, or 0 with place->outside or a stray. */
static int64_t
settle(struct walk *w, const struct subscript *s, int64_t p, int64_t n,
       struct place *place)
{
    int64_t lo = s->mode == BOUND_PAD ? -s->pad_lo : 0;
    int64_t hi = s->mode == BOUND_PAD ? n + s->pad_hi : n;
    if (s->mode != BOUND_CHECK && s->mode != BOUND_PAD)
        assert(n > 0 && "a mode that has nowhere to lead");
    switch (s->mode) {
    case BOUND_CLAMP: return einc_ref_clamp(p, 0, n - 1);
    case BOUND_WRAP: return einc_ref_floor_mod(p, n);
    case BOUND_REFLECT: return reflect(p, n);
    case BOUND_CHECK: case BOUND_PAD: break;
    }
    if (p < lo || p >= hi) {
        set_stray(w, s->site, p);
        return 0;
    }
    if (p >= 0 && p < n)
        return p;
    place->outside = 1;
    return 0;
}

static struct place
find_place(struct walk *w, const struct access *a)
{
    const struct tensor *t = &w->p->tensors[a->tensor];
    struct place to = {0, 0, 0, 0};
    for (int d = 0; d < a->n_subs; d++) {
        int64_t p = position_of(w, &a->subs[d], &to.unsure);
        if (is_stopped(w))
            break;
        p = settle(w, &a->subs[d], p, t->shape[d], &to);
        to.offset += p * t->stride[d];
        to.number = to.number * t->shape[d] + p;
    }
    return to;
}

static int
parts_of(enum einc_dtype t)
{
    return is_complex(t) ? 2 : 1;
}

static double
error_at(const struct walk *w, int tensor, int64_t number)
{
    const double *e = w->error ? w->error[tensor] : NULL;
    return e ? e[number * parts_of(w->p->tensors[tensor].dtype)] : 0;
}

static struct value
eval_access(struct walk *w, const struct access *a)
{
    struct place at = find_place(w, a);
    const struct tensor *t = &w->p->tensors[a->tensor];
    struct value v = {0, 0, 0, 0};
    if (is_stopped(w))
        return v;
    if (!at.outside) {
        v = einc_ref_load(t->dtype, w->tensor[a->tensor], at.offset);
        v.error = error_at(w, a->tensor, at.number);
    } else if (a->fill)
        v = eval(w, a->fill);
    if (at.unsure)
        v.error = INFINITY;
    return v;
}

/* --- loops -------------------------------------------------------------- */

/* Sets the index before its first value. Returns whether data decide its
 * range, which a kernel might see otherwise. */
static int
enter(struct walk *w, int x)
{
    const struct index *index = &w->p->indices[x];
    w->at[x] = index->lo;
    w->to[x] = index->hi;
    if (!index->from)
        return 0;
    struct value from = eval(w, index->from), to = eval(w, index->to);
    if (is_stopped(w))
        return 0;
    w->at[x] = from.i;
    w->to[x] = to.i;
    if (from.i < to.i && (from.i < index->lo || to.i > index->hi))
        set_stray(w, index->site,
                  from.i < index->lo || from.i >= index->hi ? from.i
                                                            : index->hi);
    return from.error + to.error > 0;
}

/* One more step of nested loops. `depth` starts as 0 with *entering 1; at
 * depth n it is time for the body; -1: done. */
static int
step(struct walk *w, const int *loops, int depth, int *entering, int *unsure)
{
    if (is_stopped(w))
        return -1;
    int x = loops[depth];
    if (*entering)
        *unsure |= enter(w, x);
    else
        w->at[x]++;
    if (is_stopped(w))
        return -1;
    *entering = w->at[x] < w->to[x];
    return *entering ? depth + 1 : depth - 1;
}

/* --- reductions --------------------------------------------------------- */

static int64_t
position_in(const struct walk *w, const struct node *n)
{
    int64_t p = 0;
    if (n->n_bound == 1)
        return w->at[n->bound[0]];
    for (int k = 0; k < n->n_bound; k++) {
        const struct index *x = &w->p->indices[n->bound[k]];
        p = p * (x->hi - x->lo) + w->at[n->bound[k]] - x->lo;
    }
    return p;
}

static void
add_term(struct walk *w, struct fold *f)
{
    const struct node *n = f->n;
    if (n->guard) {
        struct value g = eval(w, n->guard);
        f->unsure |= einc_ref_is_unsure(n->guard->type, g);
        if (is_stopped(w) || !einc_ref_is_true(n->guard->type, g))
            return;
    }
    struct value v = eval(w, n->args[0]);
    if (is_stopped(w))
        return;
    einc_ref_fold_take(f, v, position_in(w, n));
}

static struct value
fold_all(struct walk *w, struct fold *f)
{
    const struct node *n = f->n;
    int entering = 1;
    for (int k = 0; k >= 0;) {
        if (k < n->n_bound) {
            k = step(w, n->bound, k, &entering, &f->unsure);
            continue;
        }
        add_term(w, f);
        entering = 0;
        k--;
    }
    if (is_stopped(w))
        return of_int(0, 0);
    w->last = f->sum;
    return einc_ref_fold_finish(
        f, n->best < 0 ? 0 : w->at[n->best] - w->p->indices[n->best].lo);
}

static struct value
eval_reduce(struct walk *w, const struct node *n)
{
    struct fold f;
    einc_ref_fold_begin(&f, n, w->ulps, w->p->summing.how);
    if (n->best < 0)
        return fold_all(w, &f);
    const struct index *x = &w->p->indices[n->best];
    size_t bytes = (size_t)(x->hi - x->lo) * sizeof *f.ranking.best;
    f.ranking.most = x->hi - x->lo;
    f.ranking.best = mem_alloc(w->mem, bytes);
    if (!f.ranking.best) {
        w->no_memory = 1;
        return of_int(0, 0);
    }
    struct value v = fold_all(w, &f);
    mem_free(w->mem, f.ranking.best, bytes);
    return v;
}

/* --- nodes -------------------------------------------------------------- */

static struct value
eval_call(struct walk *w, const struct node *n)
{
    struct value a[3];
    assert(n->n_args >= 1 && n->n_args <= 3);
    for (int k = 0; k < n->n_args; k++)
        a[k] = eval(w, n->args[k]);
    if (n->lse && a[0].re == -HUGE_VALL) { /* a softmax beside +inf is NaN */
        struct value lse = eval(w, n->lse);
        if (lse.re == HUGE_VALL)
            return of_real(NAN, lse.error);
    }
    return einc_ref_call(n, a, w->ulps);
}

static struct value
eval_product(struct walk *w, const struct node *n)
{
    enum einc_dtype t = einc_fn_compute(n->type);
    struct product p = einc_ref_product();
    for (int k = 0; k < n->n_args; k++)
        einc_ref_product_add(t, &p, eval(w, n->args[k]));
    return einc_ref_product_finish(t, &p);
}

static struct value
eval_number(const struct node *n)
{
    if (!is_float(n->type))
        return of_int(wrap_compute(n->type, (uint64_t)n->integer), 0);
    return of_real(einc_ref_round(einc_fn_compute(n->type),
                                  (long double)n->number), 0);
}

static struct value
eval(struct walk *w, const struct node *n)
{
    if (is_stopped(w))
        return of_int(0, 0);
    switch (n->kind) {
    case NODE_NUMBER: return eval_number(n);
    case NODE_ACCESS: return eval_access(w, n->access);
    case NODE_INDEX: return of_int(w->at[n->index], 0);
    case NODE_CALL: return eval_call(w, n);
    case NODE_REDUCE: return eval_reduce(w, n);
    case NODE_PRODUCT: return eval_product(w, n);
    }
    assert(0 && "no such node");
    return of_int(0, 0);
}

/* --- statements --------------------------------------------------------- */

static void
put_error(const struct walk *w, int tensor, int64_t number, double error)
{
    double *e = w->error ? w->error[tensor] : NULL;
    int parts = parts_of(w->p->tensors[tensor].dtype);
    for (int k = 0; e && k < parts; k++)
        e[number * parts + k] = error;
}

static int64_t
elements_of(const struct tensor *t)
{
    int64_t n = 1;
    for (int d = 0; d < t->n_dims; d++)
        n *= t->shape[d];
    return n;
}

/* old + v, where the right side may be one sum with what is there. */
static struct value
accumulate_sum(struct walk *w, const struct stmt *s, struct value old,
               struct value v, enum einc_dtype t)
{
    struct value r = einc_ref_add(t, old, v);
    int is_sum = s->right->kind == NODE_REDUCE &&
                 s->right->redop == REDOP_SUM;
    if (!is_sum || einc_fn_compute(s->right->type) != t)
        return r;
    struct sum all = w->last;
    einc_ref_sum_add(t, &all, old);
    r.error = fmax(r.error, einc_ref_sum_finish(t, &all).error);
    return r;
}

static struct value
combine(struct walk *w, const struct stmt *s, struct value old,
        struct value v, enum einc_dtype t)
{
    const struct node op = {
        .fn = s->op == ASSIGN_ADD   ? FN_ADD
              : s->op == ASSIGN_MUL ? FN_MUL
              : s->op == ASSIGN_MAX ? FN_MAXIMUM
                                    : FN_MINIMUM,
        .type = t, .n_args = 2};
    struct value a[2] = {old, v};
    if (!is_float(t))
        return einc_ref_call(&op, a, w->ulps);
    return s->op == ASSIGN_ADD ? accumulate_sum(w, s, old, v, t)
                               : einc_ref_call(&op, a, w->ulps);
}

/* Adds v to an element that many points write. Kernels may round the sum to
 * the tensor's type after every term. */
static struct value
scatter(struct walk *w, enum einc_dtype dtype, struct place at,
        struct value old, struct value v)
{
    struct sum *s = &w->tally[at.number];
    if (s->n == 0) {
        *s = einc_ref_sum(0);
        einc_ref_sum_add(dtype, s, old);
    }
    einc_ref_sum_add(dtype, s, v);
    return einc_ref_sum_finish(dtype, s);
}

static void
write_point(struct walk *w, const struct stmt *s)
{
    int tensor = s->left.tensor;
    const struct tensor *to = &w->p->tensors[tensor];
    enum einc_dtype t = einc_fn_compute(to->dtype);
    struct value v = eval(w, s->right);
    struct place at = find_place(w, &s->left);
    if (is_stopped(w) || at.outside) /* nothing is kept of the padding */
        return;
    if (s->right->type != to->dtype)
        v = einc_ref_cast(s->right->type, t, v);
    if (s->op != ASSIGN_SET) {
        struct value old =
            einc_ref_load(to->dtype, w->tensor[tensor], at.offset);
        old.error = error_at(w, tensor, at.number);
        v = w->tally ? scatter(w, to->dtype, at, old, v)
                     : combine(w, s, old, v, t);
    }
    struct value exact = v;
    v = einc_ref_stored(to->dtype, v);
    if (s->scatters && s->op == ASSIGN_MUL && is_float(to->dtype) &&
        is_finite(exact) && !einc_ref_is_exact(to->dtype, exact))
        /* a kernel may round each time, or once */
        v.error = fmax(v.error,
                       exact.error + 2 * einc_ref_limits(to->dtype)->u *
                                                  modulus(v));
    einc_ref_store(to->dtype, w->tensor[tensor], at.offset, v);
    v.error *= 1 + 0x1p-8; /* what the first order leaves out */
    put_error(w, tensor, at.number,
              at.unsure || isnan(v.error) ? INFINITY : v.error);
    for (int64_t k = 0, n = elements_of(to); at.unsure && k < n; k++)
        put_error(w, tensor, k, INFINITY);
}

static void
run_points(struct walk *w, const struct stmt *s)
{
    int entering = 1, unsure = 0;
    for (int k = 0; k >= 0;) {
        if (k < s->n_loops) {
            k = step(w, s->loops, k, &entering, &unsure);
            continue;
        }
        write_point(w, s);
        entering = 0;
        k--;
    }
    int64_t n = elements_of(&w->p->tensors[s->left.tensor]);
    for (int64_t k = 0; unsure && k < n; k++)
        put_error(w, s->left.tensor, k, INFINITY);
}

static void
run_statement(struct walk *w, const struct stmt *s)
{
    const struct tensor *to = &w->p->tensors[s->left.tensor];
    size_t bytes = (size_t)elements_of(to) * sizeof *w->tally;
    int tallied = w->error && w->error[s->left.tensor] && s->scatters &&
                  s->op == ASSIGN_ADD && is_float(to->dtype);
    w->tally = tallied ? mem_alloc(w->mem, bytes) : NULL;
    if (tallied && !w->tally) {
        w->no_memory = 1;
        return;
    }
    if (w->tally)
        memset(w->tally, 0, bytes);
    run_points(w, s);
    mem_free(w->mem, w->tally, bytes);
}

/* What an output holds before the first statement is exact. */
static void
begin_exact(const struct walk *w)
{
    for (int t = 0; t < w->p->n_tensors; t++)
        if (w->p->tensors[t].kind == TENSOR_OUTPUT)
            for (int64_t k = 0; k < elements_of(&w->p->tensors[t]); k++)
                put_error(w, t, k, 0);
}

enum einc_status
einc_ref_program(const struct program *p, const struct mem *mem,
                 void *const tensor[], double ulps, double *const error[],
                 struct stray *stray)
{
    size_t bytes = 2 * (size_t)p->n_indices * sizeof(int64_t);
    int64_t *numbers = mem_alloc(mem, bytes);
    *stray = (struct stray){0, 0};
    if (!numbers)
        return EINC_ENOMEM;
    struct walk w = {.p = p, .mem = mem, .tensor = tensor, .error = error,
                     .ulps = ulps, .stray = stray, .at = numbers,
                     .to = numbers + p->n_indices};
    begin_exact(&w);
    for (int s = 0; s < p->n_stmts && !is_stopped(&w); s++)
        run_statement(&w, &p->stmts[s]);
    mem_free(mem, numbers, bytes);
    return w.no_memory ? EINC_ENOMEM : stray->site ? EINC_ESHAPE : EINC_OK;
}

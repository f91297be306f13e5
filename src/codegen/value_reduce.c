/* SPDX-License-Identifier: MIT
 *
 * value_reduce.c - reductions as values: the terms of one turn, what they
 * begin with, and what is made of the result.
 */
#include "codegen/value_reduce.h"

#include <string.h>

/* --- positions ---------------------------------------------------------- */

/* How many values an index has, if that is an argument. */
static int
count_of(struct values *s, int index)
{
    const struct index *x = &s->p->indices[index];
    int to = einc_values_add(s, (struct value){.op = VALUE_SIZE,
                                               .type = VALUE_I64,
                                               .integer = x->hi,
                                               .var = s->env[index].var,
                                               .site = -1});
    return x->lo ? fn2(s, VALUE_I64, FN_SUB, to,
                       integer(s, VALUE_I64, x->lo))
                 : to;
}

static int
is_argument(const struct values *s, int index)
{
    return !s->literals->index[index] && s->env[index].var >= 0;
}

/* An index; of several, the position in the reduction, row-major from the
 * begin of each. */
static int
position_of(struct values *s, const struct node *n)
{
    int before = -1;
    struct affine f = {0};
    for (int k = 0; k < n->n_bound; k++) {
        const struct index *x = &s->p->indices[n->bound[k]];
        const struct value_place *e = &s->env[n->bound[k]];
        if (is_argument(s, n->bound[k]) && k > 0) {
            int so_far = einc_affine_value(s, &f, 0);
            if (before >= 0)
                so_far = fn2(s, VALUE_I64, FN_ADD, before, so_far);
            before = fn2(s, VALUE_I64, FN_MUL, so_far,
                         count_of(s, n->bound[k]));
            f = (struct affine){0};
        } else if (k > 0) {
            f.constant *= x->hi - x->lo;
            for (int v = 0; v < s->n_vars; v++)
                f.coef[v] *= x->hi - x->lo;
            if (before >= 0)
                before = fn2(s, VALUE_I64, FN_MUL, before,
                             integer(s, VALUE_I64, x->hi - x->lo));
        }
        f.constant += e->offset - (n->n_bound > 1 ? x->lo : base_of(s, n));
        f.coef[e->var]++;
    }
    int last = einc_affine_value(s, &f, 0);
    return before < 0 ? last : fn2(s, VALUE_I64, FN_ADD, before, last);
}

/* --- what begins it ----------------------------------------------------- */

static enum fn
combiner(enum redop op)
{
    switch (op) {
    case REDOP_PROD: return FN_MUL;
    case REDOP_MAX: return FN_MAXIMUM;
    case REDOP_MIN: return FN_MINIMUM;
    case REDOP_ANY: return FN_OR;
    case REDOP_ALL: return FN_AND;
    default: return FN_ADD;
    }
}

static int
combine(struct values *s, enum redop op, int a, int b)
{
    enum fn fn = combiner(op);
    if (s->v[a].type == VALUE_BOOL)
        fn = op == REDOP_PROD || op == REDOP_ALL || op == REDOP_MIN ? FN_AND
                                                                    : FN_OR;
    return fn2(s, s->v[a].type, fn, a, b);
}

/* Of what is no integer, anything: nobody looks at it. */
static int64_t
most_of(const struct dtype_info *d)
{
    return d->kind == KIND_BOOL ? 1
           : d->bytes >= 8
               ? INT64_MAX
               : ((int64_t)1 << (8 * d->bytes - (d->kind == KIND_INT))) - 1;
}

static int64_t
least_of(const struct dtype_info *d)
{
    return d->kind == KIND_INT ? -most_of(d) - 1 : 0;
}

/* Of integers by the type of the terms: the least one that it has. */
static int
identity(struct values *s, enum redop op, enum einc_dtype dtype)
{
    enum value_type t = einc_value_type(dtype);
    const struct dtype_info *d = einc_dtype_info(dtype);
    int largest = op == REDOP_MIN || op == REDOP_KMIN;
    if (op != REDOP_MAX && op != REDOP_MIN && op != REDOP_KMIN &&
        op != REDOP_KMAX && op != REDOP_LOGSUMEXP)
        return number(s, t, op == REDOP_PROD || op == REDOP_ALL);
    if (is_float(t))
        return einc_values_number(s, t, largest ? __builtin_inf()
                                                : -__builtin_inf());
    int64_t low = least_of(d), high = most_of(d);
    return integer(s, t, largest ? high : low);
}

/* What accumulators begin with. Terms of narrow integers are computed in wider
 * ones, and may lie beyond what their type holds. */
static int
beginning(struct values *s, enum redop op, enum einc_dtype dtype)
{
    enum einc_dtype compute = einc_fn_compute(dtype);
    return identity(s, op, einc_dtype_info(compute)->kind == KIND_INT
                               ? compute
                               : dtype);
}

/* The best of no terms at all. */
static int
best_or_none(struct values *s, const struct node *n, int x)
{
    enum einc_dtype t = n->args[0]->type;
    int begin = beginning(s, n->redop, t), none = identity(s, n->redop, t);
    int is_extreme = n->redop == REDOP_MAX || n->redop == REDOP_MIN ||
                     n->redop == REDOP_KMAX || n->redop == REDOP_KMIN;
    return !is_extreme || begin == none
               ? x
               : choose(s, fn2(s, VALUE_BOOL, FN_EQ, x, begin), none, x);
}

/* --- terms -------------------------------------------------------------- */

/* What the unrolled indices of a part give together, a value of each. */
static struct value_pair
terms_of(struct values *s, struct folding *f, int k)
{
    const struct node *n = f->n;
    while (k < n->n_bound && !is_unrolled(f, k))
        k++;
    if (k < n->n_bound) {
        const struct index *x = &s->p->indices[n->bound[k]];
        struct value_pair sum = {-1, -1};
        for (int64_t i = x->lo; i < x->hi; i++) {
            s->env[n->bound[k]] = (struct value_place){-1, i};
            struct value_pair term = terms_of(s, f, k + 1);
            if (is_complex_product(n)) {
                sum = sum.re < 0 ? term : einc_values_multiply(s, sum, term);
                continue;
            }
            sum.re = sum.re < 0 ? term.re
                                : combine(s, n->redop, sum.re, term.re);
            if (term.im >= 0)
                sum.im = sum.im < 0 ? term.im
                                    : combine(s, n->redop, sum.im, term.im);
        }
        return sum;
    }
    struct value_pair x = einc_values_of(s, n->args[0]);
    if (n->redop == REDOP_ANY || n->redop == REDOP_ALL ||
        n->redop == REDOP_COUNT)
        x = (struct value_pair){einc_values_truth(s, x), -1};
    if (n->redop == REDOP_COUNT)
        x.re = choose(s, x.re, integer(s, VALUE_I64, 1),
                      integer(s, VALUE_I64, 0));
    if (f->terms == 1)
        return x;
    int g = einc_guard_value(s, f);
    if (g < 0)
        return x;
    int none = x.re < 0 || s->v[x.re].type == VALUE_BOOL
                   ? integer(s, VALUE_BOOL, n->redop == REDOP_ALL ||
                                                n->redop == REDOP_PROD)
                   : n->redop == REDOP_COUNT
                         ? integer(s, VALUE_I64, 0)
                         : beginning(s, n->redop, n->args[0]->type);
    x.re = choose(s, g, x.re, none);
    if (x.im >= 0)
        x.im = choose(s, g, x.im, number(s, s->v[x.im].type, 0));
    return x;
}

static int
reduce(struct values *s, const struct value_reduce *r, enum value_type t)
{
    struct value_reduce *copy = NEW(s->perm, struct value_reduce, 1);
    *copy = *r;
    return einc_values_add(s, (struct value){.op = VALUE_REDUCE,
                                             .type = t,
                                             .var = -1,
                                             .site = -1,
                                             .reduce = copy});
}

static uint64_t
payload_of(const struct values *s, const struct value_reduce *r)
{
    uint64_t deps = 0, payload = 0;
    if (s->depth > 0)
        return 0;
    for (int k = 0; k < r->n_parts; k++)
        deps |= s->v[r->part[k].x].deps;
    for (int v = 0; v < s->n_vars; v++)
        if (s->var[v].is_free && s->how[s->var[v].index].payload)
            payload |= (uint64_t)1 << v;
    for (int k = 0; k < r->n_vars; k++)
        payload &= ~((uint64_t)1 << r->vars[k]);
    return deps & payload;
}

/* Neighbours first: short chains. */
static int
combine_all(struct values *s, enum redop op, const int *x, int n)
{
    if (n == 1)
        return x[0];
    return combine(s, op, combine_all(s, op, x, n / 2),
                   combine_all(s, op, x + n / 2, n - n / 2));
}

/* A reduction of values of one plane: parts, then what the parts make. */
static int
finish(struct values *s, struct folding *f, int *x, int *guard,
       const int *position, enum redop op)
{
    struct value_reduce r = f->r;
    enum value_type t = s->v[x[0]].type;
    for (int k = 0; k < r.n_parts; k++) {
        /* lanes are seldom all masked out: one mask for what is added */
        if (guard[k] < 0 || op > REDOP_COUNT || op == REDOP_MEAN ||
            s->lane_var < 0 ||
            !(s->v[guard[k]].deps >> s->lane_var & 1) || s->v[x[k]].pinned)
            continue;
        int none = s->v[x[k]].type == VALUE_BOOL
                       ? integer(s, VALUE_BOOL, op == REDOP_ALL ||
                                                    op == REDOP_PROD ||
                                                    op == REDOP_MIN)
                       : beginning(s, op, op == REDOP_COUNT
                                             ? EINC_I64
                                             : f->n->args[0]->type);
        x[k] = choose(s, guard[k], x[k], none);
        guard[k] = -1;
    }
    r.redop = (int)op;
    r.with = r.together = -1;
    enum einc_dtype held =
        redop_is_position(op) ? f->n->args[0]->type : f->n->type;
    held = einc_fn_compute(held);
    r.low = least_of(einc_dtype_info(held));
    r.high = most_of(einc_dtype_info(held));
    for (int k = 0; k < r.n_parts; k++)
        r.part[k] = (struct value_part){x[k], guard[k], position[k]};
    if (op == REDOP_LOGSUMEXP) {
        for (int k = 0; k < r.n_parts; k++) {
            int none = einc_values_number(s, t, -__builtin_inf());
            const struct value *v = &s->v[x[k]];
            r.part[k].guard = f->whole[k]; /* for softmax_of() */
            if (guard[k] < 0)
                continue;
            r.guarded = 1;
            r.part[k].x =
                v->pinned
                    ? einc_values_add(s, (struct value){.op = VALUE_CHOICE,
                                                        .type = t,
                                                        .n_args = 3,
                                                        .args = {guard[k],
                                                                 x[k], none},
                                                        .var = -1,
                                                        .site = -1})
                    : choose(s, guard[k], x[k], none);
        }
    }
    if (op == REDOP_SUM)
        einc_softmax_weighted(s, &r, t);
    r.kept = r.redop == REDOP_SUM && is_float(t) &&
             s->p->summing.how == EINC_SUM_KAHAN;
    if (!r.kept && s->env[f->last].var == s->lane_var && r.n_parts > 1 &&
        guard[0] < 0 && r.redop <= REDOP_COUNT && r.redop != REDOP_WEIGHTED)
        r.together = combine_all(s, op, x, r.n_parts);
    r.payload = payload_of(s, &r);
    if (redop_is_position(op))
        t = VALUE_I64;
    return reduce(s, &r, t);
}

/* --- all parts ---------------------------------------------------------- */

static struct value_pair
complex_product(struct values *s, struct folding *f, const int *re,
                const int *im, const int *guard)
{
    struct value_reduce r = f->r;
    struct value_pair x;
    r.redop = REDOP_COMPLEX;
    r.with = r.together = -1;
    for (int k = 0; k < r.n_parts; k++)
        r.part[k] = (struct value_part){re[k], guard[k], im[k]};
    x.re = reduce(s, &r, s->v[re[0]].type);
    r.best = 1;
    x.im = reduce(s, &r, s->v[re[0]].type);
    return x;
}

/* All parts of a reduction with loops. */
static struct value_pair
fold(struct values *s, struct folding *f, enum redop op)
{
    int re[VALUE_MAX_PARTS] = {0}, im[VALUE_MAX_PARTS] = {0};
    int guard[VALUE_MAX_PARTS] = {0}, position[VALUE_MAX_PARTS] = {0};
    int var = s->env[f->last].var, complex = 0;
    int64_t pace = var == s->lane_var ? s->lanes : 1;
    for (int k = 0; k < f->r.n_vars; k++)
        s->open[s->n_open++] = f->r.vars[k];
    s->depth++;
    for (int k = 0; k < f->r.n_parts; k++) {
        s->env[f->last] = (struct value_place){var, k * pace};
        struct value_pair x = terms_of(s, f, 0);
        re[k] = x.re;
        im[k] = x.im;
        complex = x.im >= 0;
        guard[k] = f->terms == 1 ? einc_guard_value(s, f) : -1;
        f->whole[k] =
            op == REDOP_LOGSUMEXP && f->n->guard
                ? einc_values_truth(s, einc_values_of(s, f->n->guard))
                : -1;
        position[k] = redop_is_position(op) ? position_of(s, f->n) : -1;
    }
    s->depth--;
    s->n_open -= f->r.n_vars;
    s->env[f->last] = (struct value_place){var, 0};
    struct value_pair v = {-1, -1};
    int again[VALUE_MAX_PARTS];
    memcpy(again, guard, sizeof again);
    if (!complex || op != REDOP_PROD)
        v.re = finish(s, f, re, guard, position, op);
    if (complex && op == REDOP_PROD)
        return complex_product(s, f, re, im, again);
    if (complex)
        v.im = finish(s, f, im, again, position, op);
    return v;
}

static int
is_never(const struct values *s, const struct node *n)
{
    for (int k = 0; k < n->n_bound; k++) {
        const struct index *x = &s->p->indices[n->bound[k]];
        if (x->lo >= x->hi && !x->from)
            return 1;
    }
    return 0;
}

static struct value_pair
nothing(struct values *s, const struct node *n)
{
    enum value_type t = einc_value_type(n->type);
    int complex = einc_value_is_complex(n->type);
    struct value_pair x = {-1, complex ? number(s, t, 0) : -1};
    if (complex && n->redop == REDOP_MEAN)
        x.im = einc_values_number(s, t, __builtin_nan(""));
    if (redop_is_position(n->redop))
        x.re = integer(s, VALUE_I64, -1);
    else if (n->redop == REDOP_MEAN)
        x.re = einc_values_number(s, t, __builtin_nan(""));
    else
        x.re = identity(s, n->redop, n->type);
    return x;
}

/* The number of terms that a guard keeps. */
static int
count_kept(struct values *s, struct folding *f)
{
    struct folding c = *f;
    static const struct node yes = {.kind = NODE_NUMBER, .type = EINC_BOOL,
                                    .integer = 1, .best = -1};
    static const struct node *const body[] = {&yes};
    struct node n = *f->n;
    n.args = (const struct node **)(uintptr_t)body;
    n.n_args = 1;
    n.redop = REDOP_COUNT;
    c.n = &n;
    return c.r.n_vars ? fold(s, &c, REDOP_COUNT).re : terms_of(s, &c, 0).re;
}

/* Of a reduction without a guard: the product of the extents. */
static int
count_all(struct values *s, const struct folding *f, enum value_type t)
{
    int64_t literals = 1;
    int n = -1;
    for (int k = 0; k < f->n->n_bound; k++) {
        int index = f->n->bound[k];
        const struct index *x = &s->p->indices[index];
        if (!is_argument(s, index))
            literals *= x->hi - x->lo;
        else
            n = n < 0 ? count_of(s, index)
                      : fn2(s, VALUE_I64, FN_MUL, n, count_of(s, index));
    }
    if (n < 0)
        return einc_values_number(s, t, (double)f->r.points);
    if (literals != 1)
        n = fn2(s, VALUE_I64, FN_MUL, n, integer(s, VALUE_I64, literals));
    return einc_values_convert(s, n, t);
}

static struct value_pair
mean_of(struct values *s, struct folding *f, struct value_pair sum)
{
    enum value_type t = s->v[sum.re].type;
    int ranged = 0;
    for (int k = 0; k < f->n->n_bound; k++)
        ranged |= s->p->indices[f->n->bound[k]].from != NULL;
    int n = !f->n->guard && !ranged
                ? count_all(s, f, t)
                : einc_values_convert(s, count_kept(s, f), t);
    sum.re = fn2(s, t, FN_DIV, sum.re, n);
    if (sum.im >= 0)
        sum.im = fn2(s, t, FN_DIV, sum.im, n);
    return sum;
}

static struct value_pair
pick_of(struct values *s, const struct node *n, struct value_pair x)
{
    int q = einc_values_index(s, n->best);
    int64_t lo = s->p->indices[n->best].lo;
    if (lo)
        q = fn2(s, VALUE_I64, FN_SUB, q, integer(s, VALUE_I64, lo));
    x.re = einc_values_add(s, (struct value){.op = VALUE_PICK,
                                             .n_args = 2,
                                             .type = s->v[x.re].type,
                                             .args = {x.re, q},
                                             .var = -1,
                                             .site = -1});
    return x;
}

/* A sum that a softmax weighs is one over another; of no terms, which there
 * are where a size that is given is 0, it is 0 all the same. */
static int
weighted_or_none(struct values *s, const struct folding *f, int x)
{
    if (s->v[x].op != VALUE_REDUCE || s->v[x].reduce->redop != REDOP_WEIGHTED)
        return x;
    for (int k = 0; k < f->n->n_bound; k++) {
        int index = f->n->bound[k];
        const struct index *i = &s->p->indices[index];
        if (i->from || open_find(&s->p->open, i->hi) < 0)
            continue;
        int any = fn2(s, VALUE_BOOL, FN_GT, count_of(s, index),
                      integer(s, VALUE_I64, 0));
        x = choose(s, any, x, number(s, s->v[x].type, 0));
    }
    return x;
}

struct value_pair
einc_values_reduce(struct values *s, const struct node *n)
{
    struct folding f = {.n = n, .r = {.points = 1, .n_parts = 1}, .last = -1,
                        .terms = 1};
    enum redop op = n->redop == REDOP_MEAN ? REDOP_SUM : n->redop;
    struct value_pair x;
    if (is_never(s, n))
        return nothing(s, n);
    einc_reduce_bind(s, &f);
    einc_guard_split(&f, n->guard);
    if (f.last >= 0 && s->how[f.last].parts > 1)
        f.r.n_parts = s->how[f.last].parts;
    if (n->best >= 0) {
        int64_t k = s->p->indices[n->best].hi - s->p->indices[n->best].lo;
        s->fails |= k > VALUE_MOST_BEST;
        f.r.best = (int)(k < VALUE_MOST_BEST ? k : VALUE_MOST_BEST);
    }
    if (f.r.n_vars && f.terms == 1)
        einc_guard_absorb(s, &f);
    if (f.r.n_vars) {
        x = fold(s, &f, op);
    } else {
        f.terms = 0; /* guards of the one term are kept, too */
        x = terms_of(s, &f, 0);
    }
    if (n->redop == REDOP_MEAN)
        x = mean_of(s, &f, x);
    x.re = weighted_or_none(s, &f, x.re);
    einc_reduce_unbind(s, n);
    if (n->best >= 0)
        x = pick_of(s, n, x);
    x.re = best_or_none(s, n, x.re);
    if (base_of(s, n)) {
        int is_none = fn2(s, VALUE_BOOL, FN_LT, x.re,
                          integer(s, VALUE_I64, 0));
        x.re = choose(s, is_none, x.re,
                      fn2(s, VALUE_I64, FN_ADD, x.re,
                          integer(s, VALUE_I64, base_of(s, n))));
    }
    return x;
}

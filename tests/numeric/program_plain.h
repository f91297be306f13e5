/* SPDX-License-Identifier: MIT
 *
 * program_plain.h - an oracle that knows only the generator's tree: nothing of
 * the library is asked, so what a parser or a resolver misreads comes out. All
 * in double: for data of which every intermediate value is exact.
 */
#ifndef EINC_TESTS_PROGRAM_PLAIN_H
#define EINC_TESTS_PROGRAM_PLAIN_H

#include <math.h>

#include "data.h"
#include "program_gen.h"

struct plain {
    struct gen *g;
    const struct array *array;    /* [of a tensor] */
    char *const *memory;          /* [of a tensor] of element lo */
    int strays;                   /* an access led outside */
    int has_unsigned;             /* below 0 their width would matter */
    int rough;                    /* some value depends on its type, or on
                                   * the way that infinities take */
};

struct plain_value {
    double re, im;
};

static inline struct plain_value plain_eval(struct plain *p,
                                            const struct gen_node *n);

/* Neither i32 nor f32 holds it exactly: types would matter. */
static inline struct plain_value
plain_of(struct plain *p, double re, double im)
{
    if (fabs(re) > 0x1p24 || fabs(im) > 0x1p24)
        p->rough |= isfinite(re) && isfinite(im);
    return (struct plain_value){re, im};
}

static inline int64_t
plain_mod(int64_t a, int64_t b)
{
    return ((a % b) + b) % b;
}

static inline int64_t
plain_position(struct plain *p, const struct gen_sub *s)
{
    int64_t at = s->constant;
    for (int k = 0; k < s->n_terms; k++) {
        int64_t v = p->g->index[s->term[k].index].at;
        at += s->term[k].coef *
              (k == 0 && s->modulus ? plain_mod(v, s->modulus) : v);
    }
    return s->gather ? at + (int64_t)plain_eval(p, s->gather).re : at;
}

/* Position within 0:n; -1: in the padding. */
static inline int64_t
plain_settle(struct plain *p, const struct gen_sub *s, int64_t n)
{
    int64_t at = plain_position(p, s);
    if (s->mode == BOUND_CLAMP)
        return at < 0 ? 0 : at >= n ? n - 1 : at;
    if (s->mode == BOUND_WRAP)
        return plain_mod(at, n);
    while (s->mode == BOUND_REFLECT && (at < 0 || at >= n))
        at = n == 1 ? 0 : at < 0 ? -at : 2 * (n - 1) - at;
    if (at >= 0 && at < n)
        return at;
    p->strays |= s->mode != BOUND_PAD || at < -s->pad_lo ||
                 at >= n + s->pad_hi;
    return -1;
}

/* Offset from element lo; -1: in the padding. */
static inline int64_t
plain_offset(struct plain *p, int tensor, const struct gen_sub *s)
{
    const struct array *a = &p->array[tensor];
    int64_t offset = -a->lo, outside = 0;
    for (int d = 0; d < p->g->tensor[tensor].rank; d++) {
        int64_t at = plain_settle(p, &s[d], a->shape[d]);
        outside |= at < 0;
        offset += at * a->stride[d];
    }
    return outside ? -1 : offset;
}

static inline struct plain_value
plain_access(struct plain *p, const struct gen_node *n)
{
    int64_t at = plain_offset(p, n->tensor, n->sub);
    if (at < 0 && n->fill)
        return plain_eval(p, n->fill);
    if (at < 0)
        return plain_of(p, 0, 0);
    struct value v =
        value_load((enum einc_dtype)p->array[n->tensor].layout.dtype,
                   p->memory[n->tensor], at);
    return plain_of(p, v.re, v.im);
}

/* --- reductions --------------------------------------------------------- */

/* Terms of a reduction, in order. */
enum { PLAIN_TERMS = 2000 };

struct plain_terms {
    int n;
    struct plain_value v[PLAIN_TERMS];
    int64_t at[PLAIN_TERMS];
};

static inline void
plain_collect(struct plain *p, const struct gen_node *n, int k, int64_t at,
              struct plain_terms *to)
{
    if (k == n->n_bound) {
        if (n->guard && plain_eval(p, n->guard).re == 0)
            return;
        if (to->n == PLAIN_TERMS) {
            p->rough = 1;
            return;
        }
        to->at[to->n] = at;
        to->v[to->n++] = plain_eval(p, n->args[0]);
        return;
    }
    struct gen_index *x = &p->g->index[n->bound[k]];
    int64_t lo = x->lo, hi = x->hi;
    if (x->from) {
        lo = (int64_t)plain_eval(p, x->from).re;
        hi = (int64_t)plain_eval(p, x->to).re;
        if (lo < hi && (lo < x->lo || hi > x->hi)) {
            p->strays = 1;
            return;
        }
    }
    int64_t before = x->at;
    for (int64_t i = lo; i < hi; i++) {
        x->at = i;
        plain_collect(p, n, k + 1,
                      n->n_bound == 1 ? i : at * (x->hi - x->lo) + i - x->lo,
                      to);
    }
    x->at = before;
}

/* Whether term i comes before term j among the best. */
static inline int
plain_before(const struct plain_terms *t, int i, int j, int sign)
{
    double a = sign * t->v[i].re, b = sign * t->v[j].re;
    if (isnan(a) || isnan(b))
        return isnan(a) && (!isnan(b) || i < j);
    return a != b ? a > b : i < j;
}

/* Number of the term of rank k; -1: fewer terms. */
static inline int
plain_rank(const struct plain_terms *t, int k, int sign)
{
    for (int i = 0; i < t->n; i++) {
        int better = 0;
        for (int j = 0; j < t->n; j++)
            better += j != i && plain_before(t, j, i, sign);
        if (better == k)
            return i;
    }
    return -1;
}

static inline double
plain_largest(struct plain *p, const struct plain_terms *t)
{
    double largest = -HUGE_VAL;
    for (int k = 0; k < t->n; k++) {
        p->rough |= isnan(t->v[k].re) || t->v[k].re == HUGE_VAL;
        largest = t->v[k].re > largest ? t->v[k].re : largest;
    }
    return largest;
}

/* softmax: exp(f at this place) over the sum of all. */
static inline struct plain_value
plain_softmax(struct plain *p, const struct gen_node *n,
              const struct plain_terms *t)
{
    double largest = plain_largest(p, t), sum = 0;
    int zero = n->redop == REDOP_SOFTMAX0;
    for (int k = 0; k < t->n; k++)
        sum += exp(t->v[k].re - largest);
    if (largest == -HUGE_VAL)
        return plain_of(p, zero ? 0 : NAN, 0);
    if (n->guard && plain_eval(p, n->guard).re == 0)
        return plain_of(p, 0, 0);
    return plain_of(p, exp(plain_eval(p, n->args[0]).re - largest) / sum, 0);
}

static inline struct plain_value
plain_times(struct plain *p, struct plain_value a, struct plain_value b)
{
    if (a.im == 0 && b.im == 0)
        return plain_of(p, a.re * b.re, 0);
    return plain_of(p, a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re);
}

static inline struct plain_value
plain_fold(struct plain *p, const struct gen_node *n,
           const struct plain_terms *t)
{
    double re = 0, im = 0, any = 0, all = 1;
    struct plain_value product = {1, 0};
    for (int k = 0; k < t->n; k++) {
        re += t->v[k].re;
        im += t->v[k].im;
        any += t->v[k].re != 0;
        all *= t->v[k].re != 0;
        plain_of(p, re, im);
        product = plain_times(p, product, t->v[k]);
    }
    switch (n->redop) {
    case REDOP_SUM: return plain_of(p, re, im);
    case REDOP_PROD: return product;
    case REDOP_MEAN: return plain_of(p, re / t->n, im / t->n);
    case REDOP_ANY: return plain_of(p, any > 0, 0);
    case REDOP_ALL: return plain_of(p, all, 0);
    case REDOP_COUNT: return plain_of(p, any, 0);
    default: break;
    }
    double sum = 0, largest = plain_largest(p, t);
    for (int k = 0; k < t->n; k++)
        sum += exp(t->v[k].re - largest);
    return plain_of(p, largest == -HUGE_VAL ? largest : largest + log(sum),
                    0);
}

static inline struct plain_value
plain_best(struct plain *p, const struct gen_node *n,
           const struct plain_terms *t)
{
    int least = n->redop == REDOP_MIN || n->redop == REDOP_ARGMIN ||
                n->redop == REDOP_KMIN || n->redop == REDOP_ARGKMIN;
    int place = n->redop == REDOP_ARGMAX || n->redop == REDOP_ARGMIN ||
                n->redop == REDOP_ARGKMAX || n->redop == REDOP_ARGKMIN;
    int64_t rank = n->best < 0 ? 0 : p->g->index[n->best].at;
    int k = plain_rank(t, (int)rank, least ? -1 : 1);
    if (k < 0 && !place) { /* the identity depends on the type */
        p->rough = 1;
        return plain_of(p, 0, 0);
    }
    return plain_of(p, place ? (k < 0 ? -1 : (double)t->at[k]) : t->v[k].re,
                    0);
}

static inline struct plain_value
plain_reduce(struct plain *p, const struct gen_node *n)
{
    struct plain_terms *t = malloc(sizeof *t);
    if (!t)
        abort();
    t->n = 0;
    plain_collect(p, n, 0, 0, t);
    struct plain_value v;
    switch (n->redop) {
    case REDOP_SOFTMAX: case REDOP_SOFTMAX0: v = plain_softmax(p, n, t); break;
    case REDOP_MAX: case REDOP_MIN: case REDOP_ARGMAX: case REDOP_ARGMIN:
    case REDOP_KMIN: case REDOP_KMAX: case REDOP_ARGKMIN:
    case REDOP_ARGKMAX:
        v = plain_best(p, n, t);
        break;
    default: v = plain_fold(p, n, t); break;
    }
    free(t);
    return v;
}

/* --- calls -------------------------------------------------------------- */

static inline double
plain_rem(double a, double b, int whole)
{
    if (whole && b == 0)
        return 0;
    double r = fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static inline double
plain_pick(double a, double b, int sign)
{
    if (isnan(a) || isnan(b))
        return NAN;
    return sign * a > sign * b ? a : b;
}

static inline double
plain_one(enum fn f, double x)
{
    switch (f) {
    case FN_SIGN: return isnan(x) ? x : (x > 0) - (x < 0);
    case FN_SQRT: return sqrt(x);
    case FN_RSQRT: return 1 / sqrt(x);
    case FN_EXP: return exp(x);
    case FN_EXPM1: return expm1(x);
    case FN_LOG: return log(x);
    case FN_LOG1P: return log1p(x);
    case FN_SIN: return sin(x);
    case FN_COS: return cos(x);
    case FN_TAN: return tan(x);
    case FN_ASIN: return asin(x);
    case FN_ACOS: return acos(x);
    case FN_ATAN: return atan(x);
    case FN_SINH: return sinh(x);
    case FN_COSH: return cosh(x);
    case FN_TANH: return tanh(x);
    case FN_ERF: return erf(x);
    case FN_SIGMOID: return 1 / (1 + exp(-x));
    case FN_RELU: return isnan(x) ? x : x > 0 ? x : 0;
    case FN_GELU: return x / 2 * (1 + erf(x / sqrt(2)));
    case FN_FLOOR: return floor(x);
    case FN_CEIL: return ceil(x);
    case FN_ROUND: return rint(x);
    case FN_STEP: return x >= 0;
    default: abort();
    }
}

static inline int
plain_compare(enum fn f, struct plain_value a, struct plain_value b)
{
    switch (f) {
    case FN_LT: return a.re < b.re;
    case FN_LE: return a.re <= b.re;
    case FN_GT: return a.re > b.re;
    case FN_GE: return a.re >= b.re;
    case FN_EQ: return a.re == b.re && a.im == b.im;
    default: return a.re != b.re || a.im != b.im;
    }
}

static inline struct plain_value
plain_power(struct plain *p, struct plain_value x, double n)
{
    if (x.im == 0)
        return plain_of(p, pow(x.re, n), 0);
    struct plain_value v = {1, 0};
    for (int k = 0; k < (int)n; k++)
        v = plain_times(p, v, x);
    return v;
}

static inline struct plain_value
plain_over(struct plain *p, struct plain_value a, struct plain_value b)
{
    if (a.im == 0 && b.im == 0)
        return plain_of(p, a.re / b.re, 0);
    double d = b.re * b.re + b.im * b.im;
    return plain_of(p, (a.re * b.re + a.im * b.im) / d,
                    (a.im * b.re - a.re * b.im) / d);
}

static inline struct plain_value
plain_call(struct plain *p, const struct gen_node *n)
{
    struct plain_value a = plain_eval(p, n->args[0]), b = {0, 0}, c = {0, 0};
    if (n->n_args > 1)
        b = plain_eval(p, n->args[1]);
    if (n->n_args > 2)
        c = plain_eval(p, n->args[2]);
    int whole = n->class == CLASS_INT;
    switch (n->fn) {
    case FN_NEG: return plain_of(p, -a.re, -a.im);
    case FN_ADD: return plain_of(p, a.re + b.re, a.im + b.im);
    case FN_SUB: return plain_of(p, a.re - b.re, a.im - b.im);
    case FN_MUL: return plain_times(p, a, b);
    case FN_DIV: return plain_over(p, a, b);
    case FN_MOD: /* of integers in the guise of reals, too */
        p->rough |= b.re == 0;
        return plain_of(p, plain_rem(a.re, b.re, whole), 0);
    case FN_POW: return plain_of(p, pow(a.re, b.re), 0);
    case FN_POWI: return plain_power(p, a, n->args[1]->number);
    case FN_NOT: return plain_of(p, a.re == 0, 0);
    case FN_AND: return plain_of(p, a.re != 0 && b.re != 0, 0);
    case FN_OR: return plain_of(p, a.re != 0 || b.re != 0, 0);
    case FN_SELECT: return a.re != 0 ? b : c;
    case FN_LT: case FN_LE: case FN_GT: case FN_GE: case FN_EQ: case FN_NE:
        return plain_of(p, plain_compare(n->fn, a, b), 0);
    case FN_ISNAN: return plain_of(p, isnan(a.re), 0);
    case FN_ABS: return plain_of(p, hypot(a.re, a.im), 0);
    case FN_ATAN2: return plain_of(p, atan2(a.re, b.re), 0);
    case FN_MAXIMUM: return plain_of(p, plain_pick(a.re, b.re, 1), 0);
    case FN_MINIMUM: return plain_of(p, plain_pick(a.re, b.re, -1), 0);
    case FN_CLAMP:
        return plain_of(p, plain_pick(plain_pick(a.re, b.re, 1), c.re, -1),
                        0);
    case FN_CONJ: return plain_of(p, a.re, -a.im);
    case FN_REAL: return plain_of(p, a.re, 0);
    case FN_IMAG: return plain_of(p, a.im, 0);
    default: return plain_of(p, plain_one(n->fn, a.re), 0);
    }
}

/* As if stored and loaded again. */
static inline struct plain_value
plain_cast(struct plain *p, enum einc_dtype t, struct plain_value v)
{
    if (is_exact_type(t)) {
        p->rough |= !(fabs(v.re) < 0x1p30);
        v.re = p->rough ? 0 : trunc(v.re);
        if (einc_dtype_info(t)->kind == KIND_UINT)
            p->rough |= v.re < 0;
    }
    if (p->rough)
        return v;
    char one[16];
    struct value x = {(uint64_t)(is_exact_type(t) ? (int64_t)v.re : 0), v.re,
                      v.im};
    value_store(t, one, 0, x);
    x = value_load(t, one, 0);
    return plain_of(p, x.re, x.im);
}

static inline struct plain_value
plain_eval(struct plain *p, const struct gen_node *n)
{
    struct gen *g = p->g;
    switch (n->kind) {
    case GEN_NUMBER:
        p->rough |= n->number != (double)(float)n->number;
        return plain_of(p, n->number, 0);
    case GEN_PI: p->rough = 1; return plain_of(p, 3.14, 0);
    case GEN_INDEX: return plain_of(p, (double)g->index[n->index].at, 0);
    case GEN_ACCESS: return plain_access(p, n);
    case GEN_CALL: {
        struct plain_value v = plain_call(p, n);
        p->rough |= n->class == CLASS_INT && v.re < 0 && p->has_unsigned;
        p->rough |= n->class == CLASS_COMPLEX &&
                    !(isfinite(v.re) && isfinite(v.im));
        return v;
    }
    case GEN_CAST:
        return plain_cast(p, n->dtype, plain_eval(p, n->args[0]));
    case GEN_SIZE: return plain_of(p, (double)gen_size(g, n->index), 0);
    case GEN_DIM:
        return plain_of(p, (double)g->tensor[n->tensor].shape[n->index], 0);
    case GEN_REDUCE: return plain_reduce(p, n);
    }
    abort();
}

/* --- statements --------------------------------------------------------- */

/* Sums the right side over the indices that it alone has. */
static inline struct plain_value
plain_sums(struct plain *p, const struct gen_stmt *s, int k)
{
    if (k == s->n_sums)
        return plain_eval(p, s->right);
    struct gen_index *x = &p->g->index[s->sums[k]];
    struct plain_value v = {0, 0};
    for (x->at = x->lo; x->at < x->hi; x->at++) {
        struct plain_value t = plain_sums(p, s, k + 1);
        v = plain_of(p, v.re + t.re, v.im + t.im);
    }
    return v;
}

static inline struct plain_value
plain_combine(struct plain *p, enum assign op, enum gen_class class,
              struct plain_value old, struct plain_value v)
{
    if (class == CLASS_BOOL && op != ASSIGN_SET) {
        int any = old.re != 0 || v.re != 0, all = old.re != 0 && v.re != 0;
        return plain_of(p, op == ASSIGN_ADD || op == ASSIGN_MAX ? any : all,
                        0);
    }
    switch (op) {
    case ASSIGN_SET: return v;
    case ASSIGN_ADD: return plain_of(p, old.re + v.re, old.im + v.im);
    case ASSIGN_MUL: return plain_times(p, old, v);
    case ASSIGN_MAX: return plain_of(p, plain_pick(old.re, v.re, 1), 0);
    default: return plain_of(p, plain_pick(old.re, v.re, -1), 0);
    }
}

/* What the left tensor holds after statement s: `to[i]` for the element i
 * from its element lo, which is what was there before. */
static inline void
plain_points(struct plain *p, const struct gen_stmt *s, int k,
             struct plain_value *to)
{
    while (k < s->n_indices && !p->g->index[s->first_index + k].is_left)
        k++;
    if (k < s->n_indices) {
        struct gen_index *x = &p->g->index[s->first_index + k];
        for (x->at = x->lo; x->at < x->hi; x->at++)
            plain_points(p, s, k + 1, to);
        return;
    }
    int64_t at = plain_offset(p, s->tensor, s->sub);
    struct plain_value v = plain_sums(p, s, 0);
    if (at >= 0)
        to[at] = plain_combine(p, s->op, p->g->tensor[s->tensor].class,
                               to[at], v);
}

#endif

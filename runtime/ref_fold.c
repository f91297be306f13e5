/* SPDX-License-Identifier: MIT
 *
 * ref_fold.c - reductions of the oracle. What a kernel's order of terms may
 * make of them is in the error beside the value.
 */
#include "runtime/ref_fold.h"

#include <assert.h>
#include <string.h>

#include "runtime/ref_math.h"

/* --- sums --------------------------------------------------------------- */

/* Exponent of the last bit of a double that is not 0. */
static int
low_bit(double x)
{
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    int exponent = (int)(b >> 52 & 0x7ff);
    uint64_t m = b & (((uint64_t)1 << 52) - 1);
    m |= exponent ? (uint64_t)1 << 52 : 0;
    return (exponent ? exponent : 1) - 1075 + __builtin_ctzll(m);
}

/* Roundings of a compensated sum of lanes that are such sums; those that grow
 * with the terms are of second order. */
enum { KEPT = 5 };

struct sum
einc_ref_sum(int kept)
{
    return (struct sum){.low = INT32_MAX, .kept = kept};
}

static void
note_part(struct sum *s, long double part)
{
    if (part == 0 || !isfinite(part))
        return;
    int low = low_bit((double)part);
    s->abs += (double)fabsl(part);
    s->low = low < s->low ? low : s->low;
}

void
einc_ref_sum_add(enum einc_dtype t, struct sum *s, struct value v)
{
    s->n++;
    s->i = t == EINC_BOOL ? s->i | (uint64_t)v.i : s->i + (uint64_t)v.i;
    s->error += v.error;
    if (!is_float(t))
        return;
    s->re += v.re;
    s->im += v.im;
    s->rough |= v.error > 0 || !einc_ref_is_exact(t, v);
    note_part(s, v.re);
    if (is_complex(t))
        note_part(s, v.im);
}

struct value
einc_ref_sum_finish(enum einc_dtype t, const struct sum *s)
{
    if (!is_float(t))
        return of_int(wrap_compute(t, s->i), s->error > 0 ? INFINITY : 0);
    const struct limits *l = einc_ref_limits(t);
    struct value v = {s->re, s->im, 0, s->error};
    if (s->error == INFINITY || isnan(s->error) ||
        !(s->abs + s->error <= l->largest)) {
        v.error = INFINITY;
        return v;
    }
    if (!is_finite(v)) {
        v.error = error_if(is_complex(t) && s->error > 0);
        return einc_ref_rounded(t, v, 0);
    }
    if (!s->rough &&
        (s->abs == 0 || s->abs <= ldexp(1, s->low + l->digits)))
        return v;
    double nu = (double)s->n * l->u;
    if (s->kept && s->n > KEPT)
        nu = (KEPT + 8 * nu) * l->u;
    v.error += nu < 0.5 ? nu / (1 - nu) * (s->abs + s->error) : INFINITY;
    return v;
}

/* --- products ----------------------------------------------------------- */

struct product
einc_ref_product(void)
{
    return (struct product){{1, 0, 0, 0}, {1, 0, 0, 0}, 1, 0};
}

void
einc_ref_product_add(enum einc_dtype t, struct product *p, struct value v)
{
    p->i *= (uint64_t)v.i;
    p->error += v.error;
    if (!is_float(t))
        return;
    p->v = einc_ref_multiply(t, p->v, v);
    if (v.re != 0 || v.im != 0)
        p->shadow = einc_ref_multiply(t, p->shadow, v);
}

struct value
einc_ref_product_finish(enum einc_dtype t, const struct product *p)
{
    if (!is_float(t))
        return of_int(wrap_compute(t, p->i), p->error > 0 ? INFINITY : 0);
    struct value v = p->v;
    if (p->shadow.error == INFINITY || (is_complex(t) && !is_finite(v)))
        v.error = INFINITY; /* the order decides which parts are NaN */
    else if (p->shadow.error > 0 && v.error == 0 && is_finite(v) &&
             (v.re != 0 || v.im != 0))
        v.error = p->shadow.error;
    return v;
}

/* --- the largest, and the k largest ------------------------------------- */

static int
is_better(const struct candidate *a, const struct candidate *b)
{
    if (isnan(a->key) || isnan(b->key))
        return isnan(a->key) && !isnan(b->key);
    return a->key > b->key;
}

static void
rank(struct ranking *r, struct candidate t)
{
    long double e = (long double)t.error;
    r->hi = fmaxl(r->hi, t.key + e);
    r->lo = fmaxl(r->lo, t.key - e);
    r->error = fmax(r->error, t.error);
    int64_t k = r->n;
    while (k > 0 && is_better(&t, &r->best[k - 1]))
        k--;
    struct candidate out = t;
    if (r->n == r->most && k < r->n)
        out = r->best[r->n - 1];
    if (r->n == r->most)
        r->rival = fmaxl(r->rival, out.key + (long double)out.error);
    else
        r->n++;
    if (k == r->most)
        return;
    memmove(&r->best[k + 1], &r->best[k],
            (size_t)(r->n - 1 - k) * sizeof *r->best);
    r->best[k] = t;
}

/* Whether another term may be in the place of the k-th. */
static int
is_rank_unsure(const struct ranking *r, int64_t k)
{
    const struct candidate *t = &r->best[k];
    if (r->error == 0)
        return 0;
    if (r->error == INFINITY ||
        r->rival > t->key - (long double)t->error)
        return 1;
    for (int64_t j = 0; j < r->n; j++) {
        double e = t->error + r->best[j].error;
        if (j != k && e > 0 &&
            fabsl(r->best[j].key - t->key) <= (long double)e)
            return 1;
    }
    return 0;
}

/* How far the value of rank k may be off: no further than any term. */
static double
rank_error(const struct ranking *r, int64_t k)
{
    const struct candidate *t = &r->best[k];
    if (r->error == 0 || r->error == INFINITY || !isfinite(t->key))
        return r->error;
    if (k > 0)
        return r->error;
    return (double)fmaxl(r->hi - t->key, t->key - r->lo);
}

/* --- reductions --------------------------------------------------------- */

void
einc_ref_fold_begin(struct fold *f, const struct node *n, double ulps,
                    enum einc_sum how)
{
    *f = (struct fold){.n = n, .ulps = ulps,
                       .body = einc_fn_compute(n->args[0]->type),
                       .sum = einc_ref_sum(how == EINC_SUM_KAHAN),
                       .largest = -HUGE_VALL,
                       .least = HUGE_VALL};
    f->product = einc_ref_product();
    f->ranking = (struct ranking){&f->one, 0, 1, -HUGE_VALL, -HUGE_VALL,
                                  -HUGE_VALL, 0};
}

/* exp(x - largest) is summed; a new largest one scales what is there. Of
 * infinities +inf and NaN are kept in `largest`, -inf adds nothing. */
static void
lse_add(struct fold *f, struct value v)
{
    f->input = fmax(f->input, v.error);
    if (v.error == INFINITY || isnan(f->largest))
        return;
    if (isnan(v.re) || v.re == HUGE_VALL || f->largest == HUGE_VALL) {
        f->largest = isnan(v.re) ? v.re : HUGE_VALL;
        return;
    }
    if (v.re == -HUGE_VALL)
        return;
    f->least = fminl(f->least, v.re);
    if (v.re > f->largest) {
        long double by = expl(f->largest - v.re);
        f->sum.re *= by;
        f->sum.error *= (double)by;
        f->largest = v.re;
    }
    long double part = expl(v.re - f->largest);
    f->sum.re += part;
    /* error of x, and of x - largest, which is rounded */
    f->sum.error += (double)part *
                    (v.error + 2 * einc_ref_limits(f->body)->u *
                                   (double)(f->largest - v.re));
}

static struct value
lse_finish(const struct fold *f)
{
    const struct limits *l = einc_ref_limits(f->body);
    if (f->input == INFINITY)
        return of_real(f->largest, INFINITY);
    if (!isfinite(f->largest))
        return of_real(f->largest, 0);
    struct value v = of_real(f->largest + logl(f->sum.re), 0);
    /* Terms of exp, scaled at most kept times on their way; log. */
    double each = (double)(f->kept + 2) * (2 * f->ulps + 3) * l->u;
    double range = 2 * l->u * (double)(f->largest - f->least);
    double sum = f->sum.error / (double)f->sum.re;
    sum = fmin(sum < 0.1 ? sum * (1 + sum) : INFINITY, f->input + range);
    v.error = sum + each + range * (f->kept > 1) +
              2 * f->ulps * l->u * (double)logl(f->sum.re) +
              2 * l->u * (modulus(v) + (double)fabsl(f->largest));
    return einc_ref_rounded(f->body, v, 1);
}

static void
rank_term(struct fold *f, struct value v, int64_t position)
{
    struct candidate t = {v.re, v.error, v.i, position};
    if (!is_float(f->n->args[0]->type))
        t.key = (long double)v.i;
    if (redop_is_least(f->n->redop))
        t.key = -t.key;
    rank(&f->ranking, t);
}

void
einc_ref_fold_take(struct fold *f, struct value v, int64_t position)
{
    const struct node *n = f->n;
    f->kept++;
    switch (n->redop) {
    case REDOP_SUM: case REDOP_MEAN:
        einc_ref_sum_add(f->body, &f->sum, v);
        break;
    case REDOP_PROD: einc_ref_product_add(f->body, &f->product, v); break;
    case REDOP_ANY: case REDOP_ALL: case REDOP_COUNT:
        f->n_true += einc_ref_is_true(n->args[0]->type, v);
        f->n_unsure += einc_ref_is_unsure(n->args[0]->type, v);
        break;
    case REDOP_LOGSUMEXP: lse_add(f, v); break;
    default: rank_term(f, v, position); break;
    }
}

/* Of a rank that no term has: the identity, -1 for positions. */
static struct value
identity(const struct node *n)
{
    if (redop_is_position(n->redop))
        return of_int(-1, 0);
    if (is_float(n->type))
        return of_real(redop_is_least(n->redop) ? HUGE_VALL : -HUGE_VALL, 0);
    return of_int(redop_is_least(n->redop) ? einc_ref_largest(n->type)
                                       : einc_ref_least(n->type), 0);
}

static struct value
ranked(const struct fold *f, int64_t k)
{
    const struct node *n = f->n;
    const struct ranking *r = &f->ranking;
    if (k >= r->n)
        return identity(n);
    const struct candidate *t = &r->best[k];
    if (redop_is_position(n->redop))
        return of_int(t->position, error_if(is_rank_unsure(r, k)));
    if (!is_float(n->type))
        return of_int(t->i, r->error);
    return of_real(redop_is_least(n->redop) ? -t->key : t->key,
                   rank_error(r, k));
}

static struct value
mean(const struct fold *f)
{
    struct value v = einc_ref_sum_finish(f->body, &f->sum);
    long double n = (long double)f->kept;
    v.re /= n;
    v.im /= n;
    v.error /= (double)n;
    if (f->kept)
        return einc_ref_rounded(f->body, v, 2);
    return (struct value){NAN, is_complex(f->body) ? NAN : 0, 0, 0};
}

static struct value
finish(const struct fold *f, int64_t best)
{
    int sure_any = f->n_true > f->n_unsure;
    switch (f->n->redop) {
    case REDOP_SUM: return einc_ref_sum_finish(f->body, &f->sum);
    case REDOP_MEAN: return mean(f);
    case REDOP_PROD: return einc_ref_product_finish(f->body, &f->product);
    case REDOP_ANY:
        return of_int(f->n_true > 0, error_if(f->n_unsure && !sure_any));
    case REDOP_ALL:
        return of_int(f->n_true == f->kept,
                      error_if(f->n_unsure &&
                               f->kept - f->n_true <= f->n_unsure));
    case REDOP_COUNT: return of_int(f->n_true, error_if(f->n_unsure > 0));
    case REDOP_LOGSUMEXP: return lse_finish(f);
    default: return ranked(f, best);
    }
}

struct value
einc_ref_fold_finish(const struct fold *f, int64_t best)
{
    struct value v = finish(f, best);
    if (f->unsure)
        v.error = INFINITY;
    return v;
}

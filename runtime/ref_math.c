/* SPDX-License-Identifier: MIT
 *
 * ref_math.c - the functions of the oracle, each with what a kernel's value
 * may be off. Running error analysis to first order: Higham, Accuracy and
 * Stability, section 3.3.
 */
#include "runtime/ref_math.h"

#include <assert.h>

/* --- truth -------------------------------------------------------------- */

int
einc_ref_is_true(enum einc_dtype t, struct value v)
{
    return is_float(t) ? v.re != 0 || v.im != 0 : v.i != 0;
}

int
einc_ref_is_unsure(enum einc_dtype t, struct value v)
{
    return v.error > 0 &&
           (!is_float(t) || !is_finite(v) || modulus(v) <= v.error);
}

static struct value
logic(const struct node *n, const struct value v[])
{
    struct value a = v[0];
    enum einc_dtype ta = n->args[0]->type;
    int x = einc_ref_is_true(ta, a), x_unsure = einc_ref_is_unsure(ta, a);
    if (n->fn == FN_NOT)
        return of_int(!x, error_if(x_unsure));
    struct value b = v[1];
    enum einc_dtype tb = n->args[1]->type;
    int y = einc_ref_is_true(tb, b), y_unsure = einc_ref_is_unsure(tb, b);
    int decides = n->fn == FN_OR; /* alone */
    int sure = (x == decides && !x_unsure) || (y == decides && !y_unsure) ||
               (!x_unsure && !y_unsure);
    return of_int(n->fn == FN_OR ? x || y : x && y, error_if(!sure));
}

static int
compare_ints(enum fn f, int64_t a, int64_t b)
{
    switch (f) {
    case FN_LT: return a < b;
    case FN_LE: return a <= b;
    case FN_GT: return a > b;
    case FN_GE: return a >= b;
    case FN_EQ: return a == b;
    default: return a != b;
    }
}

static int
compare_reals(enum fn f, long double a, long double b)
{
    switch (f) {
    case FN_LT: return a < b;
    case FN_LE: return a <= b;
    case FN_GT: return a > b;
    case FN_GE: return a >= b;
    case FN_EQ: return a == b;
    default: return a != b;
    }
}

static int
compare_values(enum fn f, enum einc_dtype t, struct value a, struct value b)
{
    if (!is_float(t))
        return compare_ints(f, a.i, b.i);
    if (!is_complex(t))
        return compare_reals(f, a.re, b.re);
    return (a.re == b.re && a.im == b.im) == (f == FN_EQ);
}

/* Whether a and b may change their order within their errors. */
static int
is_close(enum einc_dtype t, struct value a, struct value b)
{
    double error = a.error + b.error;
    if (error == 0)
        return 0;
    if (!is_float(t) || error == INFINITY || isnan(error))
        return 1;
    if (!is_finite(a) || !is_finite(b))
        return 0; /* an infinity without an error, or NaN */
    struct value d = {a.re - b.re, a.im - b.im, 0, 0};
    return modulus(d) <= error;
}

static struct value
compare(const struct node *n, const struct value v[])
{
    enum einc_dtype t = n->args[0]->type;
    struct value a = v[0];
    if (n->fn == FN_ISNAN)
        return of_int(isnan(a.re) || isnan(a.im),
                      error_if(a.error == INFINITY));
    struct value b = v[1];
    return of_int(compare_values(n->fn, t, a, b),
                  error_if(is_close(t, a, b)));
}

static struct value
choose(const struct node *n, const struct value of[])
{
    struct value c = of[0], a = of[1], b = of[2];
    int first = einc_ref_is_true(n->args[0]->type, c);
    struct value v = first ? a : b;
    if (!einc_ref_is_unsure(n->args[0]->type, c))
        return v;
    struct value d = {a.re - b.re, a.im - b.im, 0, 0};
    if (!is_float(n->type))
        v.error = a.i == b.i ? fmax(a.error, b.error) : INFINITY;
    else
        v.error = modulus(d) + fmax(a.error, b.error);
    return einc_ref_rounded(n->type, v, 0);
}

/* --- arithmetic of integers --------------------------------------------- */

int64_t
einc_ref_floor_mod(int64_t a, int64_t b)
{
    if (b == 0 || b == -1)
        return 0;
    int64_t r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static uint64_t
power_int(uint64_t x, int64_t n)
{
    if (n < 0) /* 1/x^-n, cut */
        return x == 1 || x + 1 == 0 ? (n % 2 ? x : 1) : 0;
    uint64_t v = 1;
    for (; n; n >>= 1, x *= x)
        if (n & 1)
            v *= x;
    return v;
}

int64_t
einc_ref_clamp(int64_t x, int64_t lo, int64_t hi)
{
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

static uint64_t
int_of(const struct node *n, const int64_t a[3])
{
    uint64_t x = (uint64_t)a[0], y = (uint64_t)a[1];
    switch (n->fn) {
    case FN_NEG: return 0 - x;
    case FN_ADD: return x + y;
    case FN_SUB: return x - y;
    case FN_MUL: return x * y;
    case FN_MOD: return (uint64_t)einc_ref_floor_mod(a[0], a[1]);
    case FN_ABS: return a[0] < 0 ? 0 - x : x;
    case FN_SIGN: return (uint64_t)((a[0] > 0) - (a[0] < 0));
    case FN_RELU: return a[0] < 0 ? 0 : x;
    case FN_STEP: return a[0] >= 0;
    case FN_MAXIMUM: return a[0] < a[1] ? y : x;
    case FN_MINIMUM: return a[0] > a[1] ? y : x;
    case FN_CLAMP: return (uint64_t)einc_ref_clamp(a[0], a[1], a[2]);
    case FN_POWI: return power_int(x, n->integer);
    case FN_FLOOR: case FN_CEIL: case FN_ROUND: case FN_CONJ: case FN_REAL:
        return x;
    case FN_IMAG: return 0;
    default: break;
    }
    assert(0 && "no function of integers");
    return 0;
}

static struct value
call_ints(const struct node *n, const struct value *a)
{
    int64_t x[3] = {0, 0, 0};
    double error = 0;
    for (int k = 0; k < n->n_args; k++) {
        x[k] = a[k].i;
        error += a[k].error;
    }
    return of_int(wrap_compute(n->type, int_of(n, x)), error);
}

/* --- arithmetic of floats ----------------------------------------------- */

struct value
einc_ref_add(enum einc_dtype t, struct value a, struct value b)
{
    struct value v = {a.re + b.re, a.im + b.im, 0, a.error + b.error};
    return einc_ref_rounded(t, v, 1);
}

static struct value
negative(struct value a)
{
    return (struct value){-a.re, -a.im, 0, a.error};
}

/* Products of the parts are exact, or they are not. */
static int
is_product_exact(enum einc_dtype t, struct value a, struct value b)
{
    struct value p = {a.re * b.re, a.im * b.im, 0, 0};
    struct value q = {a.re * b.im, a.im * b.re, 0, 0};
    return einc_ref_is_exact(t, p) && einc_ref_is_exact(t, q);
}

struct value
einc_ref_multiply(enum einc_dtype t, struct value a, struct value b)
{
    struct value v = {a.re * b.re, 0, 0, 0};
    if (is_complex(t)) {
        v.re -= a.im * b.im;
        v.im = a.re * b.im + a.im * b.re;
    }
    double error = a.error + b.error;
    if (error > 0)
        v.error = is_finite(a) && is_finite(b)
                      ? modulus(a) * b.error + modulus(b) * a.error +
                            a.error * b.error
                      : INFINITY;
    if (!is_complex(t))
        return einc_ref_rounded(t, v, 1);
    if (!is_finite(a) || !is_finite(b))
        v.error = INFINITY; /* 0 times infinity in one part, or not */
    if (error == 0 && is_finite(a) && is_finite(b) &&
        !is_product_exact(t, a, b))
        v.error = 4 * einc_ref_limits(t)->u * modulus(a) * modulus(b) +
                  4 * einc_ref_limits(t)->tiny * einc_ref_limits(t)->u;
    return einc_ref_rounded(t, v, 4);
}

/* Smith's way, as kernels do: Algorithm 116, CACM 5(8), 1962. */
static struct value
smith(struct value a, struct value b)
{
    if (fabsl(b.re) >= fabsl(b.im)) {
        long double q = b.re == 0 ? b.im : b.im / b.re, d = b.re + b.im * q;
        return (struct value){(a.re + a.im * q) / d, (a.im - a.re * q) / d,
                              0, 0};
    }
    long double q = b.re / b.im, d = b.re * q + b.im;
    return (struct value){(a.re * q + a.im) / d, (a.im * q - a.re) / d, 0, 0};
}

static struct value
divide_complex(enum einc_dtype t, struct value a, struct value b)
{
    struct value v = smith(a, b);
    double size = modulus(b);
    if (!is_finite(a) || !is_finite(b) || !(size > b.error))
        v.error = INFINITY; /* which parts are NaN is the compiler's choice */
    else
        v.error = (a.error + modulus(v) * b.error) / (size - b.error) +
                  8 * einc_ref_limits(t)->u * modulus(v);
    return einc_ref_rounded(t, v, 8);
}

/* By 0 the sign of the zero decides, which no order of adding up keeps. */
static struct value
divide(enum einc_dtype t, struct value a, struct value b)
{
    if (is_complex(t))
        return divide_complex(t, a, b);
    struct value v = of_real(a.re / b.re, 0);
    double size = modulus(b);
    if (b.re == 0)
        v.error = a.error + b.error > 0 || !(isnan(v.re)) ? INFINITY : 0;
    else if (a.error + b.error > 0)
        v.error = is_finite(a) && is_finite(b) && size > b.error
                      ? (a.error + modulus(v) * b.error) / (size - b.error)
                      : INFINITY;
    return einc_ref_rounded(t, v, 1);
}

/* The rest has the sign of b. fmod() is exact, so that exact arguments leave
 * one rounding, of the sum that turns the sign; others may be on either side
 * of a multiple of b. */
static struct value
modulo(enum einc_dtype t, struct value a, struct value b)
{
    long double r = fmodl(a.re, b.re);
    if (r != 0 && (r < 0) != (b.re < 0))
        r += b.re;
    struct value v = of_real(r, 0);
    if (a.error + b.error == 0)
        return einc_ref_rounded(t, v, 1);
    long double q = a.re / b.re, part = r / b.re;
    long double margin = ((long double)a.error + fabsl(q) * b.error) /
                         fmaxl(fabsl(b.re) - (long double)b.error, 0);
    if (!is_finite(a) || !is_finite(b) ||
        !(part > margin && part < 1 - margin))
        return of_real(r, INFINITY);
    v.error = a.error + (double)fabsl(floorl(q)) * b.error;
    return einc_ref_rounded(t, v, 1);
}

static struct value
power(enum einc_dtype t, struct value x, int64_t n)
{
    uint64_t count = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    struct value v = {1, 0, 0, 0}, square = x;
    if (is_complex(t) && !is_finite(x)) /* NaN by way of 1*x, or not */
        return (struct value){x.re, x.im, 0, INFINITY};
    for (uint64_t left = count; left; left >>= 1) {
        if (left & 1)
            v = einc_ref_multiply(t, v, square);
        if (left > 1)
            square = einc_ref_multiply(t, square, square);
    }
    /* Any order of multiplying makes count - 1 roundings. */
    if (v.error > 0 && is_finite(v))
        v.error += (double)count * 4 * einc_ref_limits(t)->u * modulus(v);
    if (n >= 0)
        return v;
    if (v.error == INFINITY && is_finite(x) && x.error == 0)
        v.error = einc_ref_limits(t)->u * modulus(v); /* 1/inf is near enough */
    v = divide(t, (struct value){1, 0, 0, 0}, v);
    if (v.error > 0)
        v.error += einc_ref_limits(t)->tiny;
    return v;
}

/* --- functions ---------------------------------------------------------- */

typedef long double (*real_fn)(long double);

static long double
fn_rsqrt(long double x)
{
    return 1 / sqrtl(x);
}

static long double
fn_sigmoid(long double x)
{
    return 1 / (1 + expl(-x));
}

static long double
fn_gelu(long double x)
{
    return x / 2 * erfcl(-x / sqrtl(2));
}

static long double
fn_sign(long double x)
{
    return isnan(x) ? x : (long double)((x > 0) - (x < 0));
}

static long double
fn_step(long double x)
{
    return x >= 0;
}

static long double
fn_relu(long double x)
{
    return x < 0 ? 0 : x;
}

enum shape {
    STEPS,    /* rises, and is exact where its argument is */
    ROOT,     /* monotone, rounded correctly */
    MONOTONE, /* or convex and even */
    WAVE      /* slope of at most 1; of gelu 1.13 */
};

static const struct {
    real_fn fn;
    enum shape shape;
} functions[N_FNS] = {
    [FN_SIGN] = {fn_sign, STEPS},      [FN_SQRT] = {sqrtl, ROOT},
    [FN_RSQRT] = {fn_rsqrt, MONOTONE}, [FN_EXP] = {expl, MONOTONE},
    [FN_EXPM1] = {expm1l, MONOTONE},   [FN_LOG] = {logl, MONOTONE},
    [FN_LOG1P] = {log1pl, MONOTONE},   [FN_SIN] = {sinl, WAVE},
    [FN_COS] = {cosl, WAVE},           [FN_TAN] = {tanl, WAVE},
    [FN_ASIN] = {asinl, MONOTONE},     [FN_ACOS] = {acosl, MONOTONE},
    [FN_ATAN] = {atanl, MONOTONE},     [FN_SINH] = {sinhl, MONOTONE},
    [FN_COSH] = {coshl, MONOTONE},     [FN_TANH] = {tanhl, MONOTONE},
    [FN_ERF] = {erfl, MONOTONE},       [FN_SIGMOID] = {fn_sigmoid, MONOTONE},
    [FN_RELU] = {fn_relu, STEPS},      [FN_GELU] = {fn_gelu, WAVE},
    [FN_FLOOR] = {floorl, STEPS},      [FN_CEIL] = {ceill, STEPS},
    [FN_ROUND] = {rintl, STEPS},       [FN_STEP] = {fn_step, STEPS},
};

/* |a - b|; INFINITY if one is NaN or infinite and the other is something
 * else. */
static double
distance(long double a, long double b)
{
    if (a == b || (isnan(a) && isnan(b)))
        return 0;
    double d = (double)fabsl(a - b);
    return isnan(d) ? INFINITY : d;
}

/* How far f moves when x moves by its error. */
static double
spread(real_fn f, struct value x, long double v)
{
    if (x.error == 0)
        return 0;
    if (!isfinite(x.re) || x.error == INFINITY)
        return INFINITY;
    return fmax(distance(f(x.re + (long double)x.error), v),
                distance(f(x.re - (long double)x.error), v));
}

/* Of sin, cos, tan and gelu. tan is as good as a sine by a cosine are. */
static struct value
of_wave(enum fn f, enum einc_dtype t, struct value x, double ulps)
{
    struct value v = of_real(functions[f].fn(x.re), x.error);
    double ulp = 2 * einc_ref_limits(t)->u * ulps, size = modulus(x);
    if (!is_finite(x)) { /* gelu(inf) is inf, of -inf it may be NaN */
        if (f == FN_GELU && x.re < 0)
            v.error = INFINITY;
        return v;
    }
    if (x.re == 0 && x.error == 0 && f != FN_COS)
        return v;
    if (f == FN_GELU)
        v.error = 1.13 * x.error + ulp * size;
    else if (f == FN_TAN) {
        double steep = 1 + (double)(v.re * v.re);
        double turn = x.error + ulp * fmin(size, 1);
        v.error = turn * steep < 0.1 ? 2 * turn * steep : INFINITY;
    } else
        v.error = fmin(x.error, 2) + ulp * (f == FN_SIN ? fmin(size, 1) : 1);
    return einc_ref_rounded(t, v, 1);
}

static struct value
of_one(enum fn f, enum einc_dtype t, struct value x, double ulps)
{
    const struct limits *l = einc_ref_limits(t);
    enum shape shape = functions[f].shape;
    assert(functions[f].fn && "no function of one float");
    if (shape == WAVE)
        return of_wave(f, t, x, ulps);
    struct value v = of_real(functions[f].fn(x.re), 0);
    v.error = spread(functions[f].fn, x, v.re);
    if (shape == STEPS || !is_finite(v))
        return f == FN_RSQRT && x.re == 0 ? of_real(v.re, INFINITY)
                                          : einc_ref_rounded(t, v, 0);
    if (shape == ROOT)
        return einc_ref_rounded(t, v, 1);
    v.error += 2 * ulps * l->u * (modulus(v) + v.error);
    if (modulus(v) < 2 * l->tiny && v.re != 0)
        v.error += 2 * l->tiny; /* subnormal results may be 0 */
    if (isfinite(v.error) && !(modulus(v) + v.error <= l->largest))
        v.error = INFINITY;
    return v;
}

/* x^y, atan2(x, y): moved by one error, then by the other. */
static struct value
of_pair(enum fn f, enum einc_dtype t, struct value x, struct value y,
        double ulps)
{
    long double (*fn)(long double, long double) =
        f == FN_POW ? powl : atan2l;
    struct value v = of_real(fn(x.re, y.re), 0);
    if (x.error + y.error > 0) {
        if (!is_finite(x) || !is_finite(y) || x.error + y.error == INFINITY)
            return of_real(v.re, INFINITY);
        for (int corner = 0; corner < 4; corner++) {
            long double a = x.re + (corner & 1 ? 1 : -1) *
                                       (long double)x.error;
            long double b = y.re + (corner & 2 ? 1 : -1) *
                                       (long double)y.error;
            v.error = fmax(v.error, distance(fn(a, b), v.re));
        }
    }
    /* The sign of a zero, or a branch between the corners. */
    if (f == FN_POW ? x.re == 0 && y.re < 0
                    : fabsl(x.re) <= (long double)x.error &&
                          y.re <= (long double)y.error)
        return of_real(v.re, INFINITY);
    if (f == FN_POW && x.re > 0 && isfinite(v.re))
        ulps *= 1 + (double)fabsl(y.re * logl(x.re));
    if (is_finite(v) && v.re != 0)
        v.error += 2 * ulps * einc_ref_limits(t)->u * (modulus(v) + v.error);
    if (modulus(v) < 2 * einc_ref_limits(t)->tiny && v.re != 0)
        v.error += 2 * einc_ref_limits(t)->tiny;
    return einc_ref_rounded(t, v, 0);
}

/* maximum, minimum: NaN if one is. */
static struct value
extreme(enum fn f, struct value a, struct value b)
{
    int first = isnan(a.re) || (!isnan(b.re) && (f == FN_MAXIMUM
                                                     ? a.re >= b.re
                                                     : a.re <= b.re));
    struct value v = first ? a : b;
    v.error = a.error == 0 && b.error == 0 ? 0 : fmax(a.error, b.error);
    return v;
}

static struct value
absolute(enum einc_dtype t, struct value a)
{
    struct value v = of_real(hypotl(a.re, a.im), a.error);
    return is_complex(t) ? einc_ref_rounded(t, v, 4) : v;
}

static struct value
call_floats(const struct node *n, const struct value a[], double ulps)
{
    enum einc_dtype t = einc_fn_compute(n->type);
    switch (n->fn) {
    case FN_NEG: return negative(a[0]);
    case FN_ADD: return einc_ref_add(t, a[0], a[1]);
    case FN_SUB: return einc_ref_add(t, a[0], negative(a[1]));
    case FN_MUL: return einc_ref_multiply(t, a[0], a[1]);
    case FN_DIV: return divide(t, a[0], a[1]);
    case FN_MOD: return modulo(t, a[0], a[1]);
    case FN_POWI: return power(t, a[0], n->integer);
    case FN_POW: case FN_ATAN2:
        return of_pair(n->fn, t, a[0], a[1], ulps);
    case FN_ABS: return absolute(n->args[0]->type, a[0]);
    case FN_MAXIMUM: case FN_MINIMUM: return extreme(n->fn, a[0], a[1]);
    case FN_CLAMP:
        return extreme(FN_MINIMUM, extreme(FN_MAXIMUM, a[0], a[1]), a[2]);
    case FN_CONJ: return (struct value){a[0].re, -a[0].im, 0, a[0].error};
    case FN_REAL: return of_real(a[0].re, a[0].error);
    case FN_IMAG:
        return of_real(a[0].im,
                       is_complex(n->args[0]->type) ? a[0].error : 0);
    default: return of_one(n->fn, t, a[0], ulps);
    }
}

/* --- casts -------------------------------------------------------------- */

/* Toward zero, to the ends of the type that `to` is computed in; 0 for NaN. */
static int64_t
whole(enum einc_dtype to, long double x)
{
    enum einc_dtype c = einc_fn_compute(to);
    if (x >= (long double)einc_ref_largest(c))
        return einc_ref_largest(c);
    if (x <= (long double)einc_ref_least(c))
        return einc_ref_least(c);
    return isnan(x) ? 0 : (int64_t)x;
}

static struct value
real_to_int(enum einc_dtype to, struct value v)
{
    int64_t i = whole(to, v.re);
    int sure = v.error == 0 ||
               (is_finite(v) && isfinite(v.error) &&
                whole(to, v.re - (long double)v.error) == i &&
                whole(to, v.re + (long double)v.error) == i);
    return einc_ref_stored(to, of_int(i, error_if(!sure)));
}

struct value
einc_ref_cast(enum einc_dtype from, enum einc_dtype to, struct value v)
{
    if (to == EINC_BOOL)
        return of_int(einc_ref_is_true(from, v),
                      error_if(einc_ref_is_unsure(from, v)));
    if (!is_float(to))
        return is_float(from) ? real_to_int(to, v) : einc_ref_stored(to, v);
    if (!is_float(from))
        v = of_real((long double)v.i, v.error);
    if (!is_complex(to) && is_complex(from))
        v.im = 0;
    if (einc_dtype_info(to)->bytes != 2)
        return einc_ref_rounded(einc_fn_compute(to), v, 1);
    struct value r = einc_ref_stored(to, v); /* a kernel may round it later */
    r.error = fmax(r.error, v.error + distance(r.re, v.re));
    return r;
}

/* --- calls -------------------------------------------------------------- */

struct value
einc_ref_call(const struct node *n, const struct value a[], double ulps)
{
    switch (n->fn) {
    case FN_NOT: case FN_AND: case FN_OR: return logic(n, a);
    case FN_SELECT: return choose(n, a);
    case FN_CAST: return einc_ref_cast(n->args[0]->type, n->type, a[0]);
    case FN_LT: case FN_LE: case FN_GT: case FN_GE: case FN_EQ: case FN_NE:
    case FN_ISNAN:
        return compare(n, a);
    default: break;
    }
    return is_float(n->type) ? call_floats(n, a, ulps) : call_ints(n, a);
}

/* SPDX-License-Identifier: MIT
 *
 * ref_program.c - the oracle of index statements. Every node is evaluated
 * where it stands, as often as it is asked for; beside each value runs the
 * largest distance that a kernel's value may have from it. Slow and plain on
 * purpose: what it does can be checked beside the definitions in stmt.h.
 */
#include "runtime/ref_program.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/half.h"

/* A value while it is computed. Of integers and bool `error` is 0, or
 * INFINITY where a kernel may have another one. Of complex numbers it bounds
 * the modulus of the difference. NaN and infinities with error 0 are what
 * every kernel must have, too. */
struct value {
    long double re, im;
    int64_t i;          /* integers and bool; else 0 */
    double error;
};

/* A sum under way; what any order of adding up makes of it. */
struct sum {
    long double re, im;
    uint64_t i;
    double abs;         /* of all finite terms */
    double error;       /* of the terms */
    int64_t n;
    int low;            /* all terms are multiples of 2^low ... */
    int rough;          /* ... unless some are not known exactly */
};

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

/* --- types -------------------------------------------------------------- */

struct limits {
    double u, tiny, largest; /* roundoff, least normal, largest value */
    int digits;
};

static const struct limits limits_f16 = {0x1p-11, 0x1p-14, 65504, 11};
static const struct limits limits_bf16 = {0x1p-8, FLT_MIN, 0x1.fep+127, 8};
static const struct limits limits_f32 = {0x1p-24, FLT_MIN, FLT_MAX, 24};
static const struct limits limits_f64 = {0x1p-53, DBL_MIN, DBL_MAX, 53};

static const struct limits *
limits_of(enum einc_dtype t)
{
    switch (t) {
    case EINC_F16: return &limits_f16;
    case EINC_BF16: return &limits_bf16;
    case EINC_F32: case EINC_C64: return &limits_f32;
    default: return &limits_f64;
    }
}

static enum dtype_kind
kind_of(enum einc_dtype t)
{
    return einc_dtype_info(t)->kind;
}

static int
is_float(enum einc_dtype t)
{
    return kind_of(t) == KIND_FLOAT || kind_of(t) == KIND_COMPLEX;
}

static int
is_complex(enum einc_dtype t)
{
    return kind_of(t) == KIND_COMPLEX;
}

static struct value
of_int(int64_t i, double error)
{
    return (struct value){0, 0, i, error};
}

static struct value
of_real(long double re, double error)
{
    return (struct value){re, 0, 0, error};
}

/* Wraps to the width of t, whatever it is computed in. */
static int64_t
wrap_to(enum einc_dtype t, uint64_t bits)
{
    switch (t) {
    case EINC_BOOL: return bits != 0;
    case EINC_I8: return (int8_t)(uint8_t)bits;
    case EINC_U8: return (uint8_t)bits;
    case EINC_I16: return (int16_t)(uint16_t)bits;
    case EINC_U16: return (uint16_t)bits;
    case EINC_I32: return (int32_t)(uint32_t)bits;
    case EINC_U32: return (uint32_t)bits;
    default: return (int64_t)bits;
    }
}

static int64_t
wrap_compute(enum einc_dtype t, uint64_t bits)
{
    return wrap_to(einc_fn_compute(t), bits);
}

/* Least and largest value of t as far as its compute type has them. */
static int64_t
least_of(enum einc_dtype t)
{
    const struct dtype_info *d = einc_dtype_info(t);
    if (d->kind != KIND_INT)
        return 0;
    return d->bytes == 8 ? INT64_MIN : -((int64_t)1 << (8 * d->bytes - 1));
}

static int64_t
largest_of(enum einc_dtype t)
{
    const struct dtype_info *d = einc_dtype_info(t);
    if (d->kind == KIND_BOOL)
        return 1;
    if (d->bytes == 8)
        return INT64_MAX;
    return ((int64_t)1 << (8 * d->bytes - (d->kind == KIND_INT))) - 1;
}

/* --- floats of a type --------------------------------------------------- */

/* x as a float of type t, to nearest; halves by way of f32, as kernels. */
static long double
round_real(enum einc_dtype t, long double x)
{
    switch (t) {
    case EINC_F16: return half_f16_to_f32(half_f32_to_f16((float)x));
    case EINC_BF16: return half_bf16_to_f32(half_f32_to_bf16((float)x));
    case EINC_F32: case EINC_C64: return (float)x;
    default: return (double)x;
    }
}

static int
is_exact(enum einc_dtype t, struct value v)
{
    return round_real(t, v.re) == v.re && round_real(t, v.im) == v.im;
}

static int
is_finite(struct value v)
{
    return isfinite(v.re) && isfinite(v.im);
}

/* Of a complex number with one part that is NaN or infinite: whether the
 * other one has no rounding in it. */
static int
is_half_exact(enum einc_dtype t, struct value v)
{
    return (!isfinite(v.re) || round_real(t, v.re) == v.re) &&
           (!isfinite(v.im) || round_real(t, v.im) == v.im);
}

static double
modulus(struct value v)
{
    return v.im == 0 ? (double)fabsl(v.re) : (double)hypotl(v.re, v.im);
}

/* v as an operation of compute type t gives it: `error` holds what its
 * arguments' errors do, `by` roundings of size |v| are its own; a result that
 * t has makes none of them. */
static struct value
rounded(enum einc_dtype t, struct value v, double by)
{
    const struct limits *l = limits_of(t);
    if (isnan(v.error))
        v.error = INFINITY;
    if (!is_finite(v) && is_complex(t) && !is_half_exact(t, v))
        v.error = INFINITY;
    if (!is_finite(v) || v.error == INFINITY ||
        (v.error == 0 && is_exact(t, v)))
        return v;
    double size = modulus(v);
    v.error += by * l->u * (size + v.error) + l->tiny * l->u * (by + 1);
    if (!(size + v.error <= l->largest))
        v.error = INFINITY;
    return v;
}

/* The same for what a tensor or a cast of type t takes. */
static struct value
stored(enum einc_dtype t, struct value v)
{
    if (!is_float(t)) {
        v.i = wrap_to(t, (uint64_t)v.i);
        return v;
    }
    struct value r = v;
    r.re = round_real(t, v.re);
    r.im = round_real(t, v.im);
    if (v.error == 0 && (is_exact(t, v) || !is_finite(v)))
        return r;
    if (!is_finite(v) || v.error == INFINITY) {
        r.error = INFINITY;
        return r;
    }
    /* Rounding keeps order: what lies between is no further away. */
    long double lo = round_real(t, v.re - (long double)v.error);
    long double hi = round_real(t, v.re + (long double)v.error);
    r.error = (double)fmaxl(r.re - lo, hi - r.re);
    if (is_complex(t))
        r.error = v.error + 4 * limits_of(t)->u * (modulus(v) + v.error);
    else if (einc_dtype_info(t)->bytes > 2) /* rounded in the kernel already */
        r.error = fmax(r.error, v.error + (double)fabsl(r.re - v.re));
    if (!isfinite(r.error))
        r.error = is_finite(r) || lo != hi ? INFINITY : 0;
    return r;
}

/* --- elements ----------------------------------------------------------- */

#define READ(type, p, i) (((const type *)(p))[i])

static struct value
load(enum einc_dtype t, const void *p, int64_t i)
{
    switch (t) {
    case EINC_BOOL: return of_int(READ(uint8_t, p, i) != 0, 0);
    case EINC_I8: return of_int(READ(int8_t, p, i), 0);
    case EINC_U8: return of_int(READ(uint8_t, p, i), 0);
    case EINC_I16: return of_int(READ(int16_t, p, i), 0);
    case EINC_U16: return of_int(READ(uint16_t, p, i), 0);
    case EINC_I32: return of_int(READ(int32_t, p, i), 0);
    case EINC_U32: return of_int(READ(uint32_t, p, i), 0);
    case EINC_I64: return of_int(READ(int64_t, p, i), 0);
    case EINC_U64: return of_int((int64_t)READ(uint64_t, p, i), 0);
    case EINC_F16: return of_real(half_f16_to_f32(READ(uint16_t, p, i)), 0);
    case EINC_BF16: return of_real(half_bf16_to_f32(READ(uint16_t, p, i)), 0);
    case EINC_F32: return of_real(READ(float, p, i), 0);
    case EINC_F64: return of_real(READ(double, p, i), 0);
    case EINC_C64:
        return (struct value){READ(float, p, 2 * i),
                              READ(float, p, 2 * i + 1), 0, 0};
    case EINC_C128:
        return (struct value){READ(double, p, 2 * i),
                              READ(double, p, 2 * i + 1), 0, 0};
    case EINC_DTYPE_NONE: break;
    }
    assert(0 && "a tensor without a type");
    return of_int(0, 0);
}

#undef READ
#define WRITE(type, p, i, v) (((type *)(p))[i] = (type)(v))

/* v is of type t already. */
static void
store(enum einc_dtype t, void *p, int64_t i, struct value v)
{
    switch (t) {
    case EINC_BOOL: WRITE(uint8_t, p, i, v.i != 0); return;
    case EINC_I8: case EINC_U8: WRITE(uint8_t, p, i, v.i); return;
    case EINC_I16: case EINC_U16: WRITE(uint16_t, p, i, v.i); return;
    case EINC_I32: case EINC_U32: WRITE(uint32_t, p, i, v.i); return;
    case EINC_I64: case EINC_U64: WRITE(uint64_t, p, i, v.i); return;
    case EINC_F16:
        WRITE(uint16_t, p, i, half_f32_to_f16((float)v.re));
        return;
    case EINC_BF16:
        WRITE(uint16_t, p, i, half_f32_to_bf16((float)v.re));
        return;
    case EINC_F32: WRITE(float, p, i, v.re); return;
    case EINC_F64: WRITE(double, p, i, v.re); return;
    case EINC_C64:
        WRITE(float, p, 2 * i, v.re);
        WRITE(float, p, 2 * i + 1, v.im);
        return;
    case EINC_C128:
        WRITE(double, p, 2 * i, v.re);
        WRITE(double, p, 2 * i + 1, v.im);
        return;
    case EINC_DTYPE_NONE: break;
    }
    assert(0 && "a tensor without a type");
}

#undef WRITE

/* --- truth -------------------------------------------------------------- */

static int
is_true(enum einc_dtype t, struct value v)
{
    return is_float(t) ? v.re != 0 || v.im != 0 : v.i != 0;
}

static int
is_unsure(enum einc_dtype t, struct value v)
{
    return v.error > 0 &&
           (!is_float(t) || !is_finite(v) || modulus(v) <= v.error);
}

static double
error_if(int unsure)
{
    return unsure ? INFINITY : 0;
}

static struct value
eval_logic(struct walk *w, const struct node *n)
{
    struct value a = eval(w, n->args[0]);
    enum einc_dtype ta = n->args[0]->type;
    int x = is_true(ta, a), x_unsure = is_unsure(ta, a);
    if (n->fn == FN_NOT)
        return of_int(!x, error_if(x_unsure));
    struct value b = eval(w, n->args[1]);
    enum einc_dtype tb = n->args[1]->type;
    int y = is_true(tb, b), y_unsure = is_unsure(tb, b);
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
eval_compare(struct walk *w, const struct node *n)
{
    enum einc_dtype t = n->args[0]->type;
    struct value a = eval(w, n->args[0]);
    if (n->fn == FN_ISNAN)
        return of_int(isnan(a.re) || isnan(a.im),
                      error_if(a.error == INFINITY));
    struct value b = eval(w, n->args[1]);
    return of_int(compare_values(n->fn, t, a, b),
                  error_if(is_close(t, a, b)));
}

/* Both sides are values, and evaluated. */
static struct value
eval_select(struct walk *w, const struct node *n)
{
    struct value c = eval(w, n->args[0]);
    struct value a = eval(w, n->args[1]), b = eval(w, n->args[2]);
    int first = is_true(n->args[0]->type, c);
    struct value v = first ? a : b;
    if (!is_unsure(n->args[0]->type, c))
        return v;
    struct value d = {a.re - b.re, a.im - b.im, 0, 0};
    if (!is_float(n->type))
        v.error = a.i == b.i ? fmax(a.error, b.error) : INFINITY;
    else
        v.error = modulus(d) + fmax(a.error, b.error);
    return rounded(n->type, v, 0);
}

/* --- arithmetic of integers --------------------------------------------- */

static int64_t
floor_mod(int64_t a, int64_t b)
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

static int64_t
clamp_int(int64_t x, int64_t lo, int64_t hi)
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
    case FN_MOD: return (uint64_t)floor_mod(a[0], a[1]);
    case FN_ABS: return a[0] < 0 ? 0 - x : x;
    case FN_SIGN: return (uint64_t)((a[0] > 0) - (a[0] < 0));
    case FN_RELU: return a[0] < 0 ? 0 : x;
    case FN_STEP: return a[0] >= 0;
    case FN_MAXIMUM: return a[0] < a[1] ? y : x;
    case FN_MINIMUM: return a[0] > a[1] ? y : x;
    case FN_CLAMP: return (uint64_t)clamp_int(a[0], a[1], a[2]);
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
eval_ints(const struct node *n, const struct value *a)
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

static struct value
add(enum einc_dtype t, struct value a, struct value b)
{
    struct value v = {a.re + b.re, a.im + b.im, 0, a.error + b.error};
    return rounded(t, v, 1);
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
    return is_exact(t, p) && is_exact(t, q);
}

static struct value
multiply(enum einc_dtype t, struct value a, struct value b)
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
        return rounded(t, v, 1);
    if (!is_finite(a) || !is_finite(b))
        v.error = INFINITY; /* 0 times infinity in one part, or not */
    if (error == 0 && is_finite(a) && is_finite(b) &&
        !is_product_exact(t, a, b))
        v.error = 4 * limits_of(t)->u * modulus(a) * modulus(b) +
                  4 * limits_of(t)->tiny * limits_of(t)->u;
    return rounded(t, v, 4);
}

static struct value
divide_complex(enum einc_dtype t, struct value a, struct value b)
{
    long double d = b.re * b.re + b.im * b.im;
    struct value v = {(a.re * b.re + a.im * b.im) / d,
                      (a.im * b.re - a.re * b.im) / d, 0, 0};
    double size = modulus(b);
    if (!is_finite(a) || !is_finite(b) || !(size > b.error))
        v.error = INFINITY; /* which parts are NaN is the compiler's choice */
    else
        v.error = (a.error + modulus(v) * b.error) / (size - b.error) +
                  8 * limits_of(t)->u * modulus(v);
    return rounded(t, v, 8);
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
    return rounded(t, v, 1);
}

/* a - b*floor(a/b), where a quotient next to an integer may be on either side
 * of it. */
static struct value
modulo(enum einc_dtype t, struct value a, struct value b)
{
    long double r = fmodl(a.re, b.re), u = limits_of(t)->u;
    if (r != 0 && (r < 0) != (b.re < 0))
        r += b.re;
    struct value v = of_real(r, 0);
    if (!is_finite(a) || !is_finite(b) || b.re == 0) {
        int is_sure = a.error + b.error == 0 &&
                      (isnan(a.re) || isnan(b.re) || b.re == 0);
        v.re = NAN;
        v.error = error_if(!is_sure);
        return v;
    }
    long double q = a.re / b.re, part = r / b.re;
    long double margin = 4 * u * fabsl(q);
    if (a.error + b.error > 0)
        margin += (long double)(a.error + modulus(of_real(q, 0)) * b.error) /
                  fmaxl(fabsl(b.re) - (long double)b.error, 0);
    int exact = a.error + b.error == 0 && is_exact(t, of_real(a.re - r, 0));
    if (!(exact && (r == 0 || margin < part)) &&
        !(part > margin && part < 1 - margin))
        v.error = INFINITY;
    else if (!exact)
        v.error = a.error + (double)fabsl(floorl(q)) * b.error +
                  (double)(2 * u * (fabsl(a.re) + fabsl(b.re)));
    return rounded(t, v, 1);
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
            v = multiply(t, v, square);
        if (left > 1)
            square = multiply(t, square, square);
    }
    /* Any order of multiplying makes count - 1 roundings. */
    if (v.error > 0 && is_finite(v))
        v.error += (double)count * 4 * limits_of(t)->u * modulus(v);
    if (n >= 0)
        return v;
    if (v.error == INFINITY && is_finite(x) && x.error == 0)
        v.error = limits_of(t)->u * modulus(v); /* 1/inf is near enough */
    v = divide(t, (struct value){1, 0, 0, 0}, v);
    if (v.error > 0)
        v.error += limits_of(t)->tiny;
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
eval_wave(const struct walk *w, enum fn f, enum einc_dtype t, struct value x)
{
    struct value v = of_real(functions[f].fn(x.re), x.error);
    double ulp = 2 * limits_of(t)->u * w->ulps, size = modulus(x);
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
    return rounded(t, v, 1);
}

static struct value
eval_real(const struct walk *w, enum fn f, enum einc_dtype t, struct value x)
{
    const struct limits *l = limits_of(t);
    enum shape shape = functions[f].shape;
    assert(functions[f].fn && "no function of one float");
    if (shape == WAVE)
        return eval_wave(w, f, t, x);
    struct value v = of_real(functions[f].fn(x.re), 0);
    v.error = spread(functions[f].fn, x, v.re);
    if (shape == STEPS || !is_finite(v))
        return f == FN_RSQRT && x.re == 0 ? of_real(v.re, INFINITY)
                                          : rounded(t, v, 0);
    if (shape == ROOT)
        return rounded(t, v, 1);
    v.error += 2 * w->ulps * l->u * (modulus(v) + v.error);
    if (modulus(v) < 2 * l->tiny && v.re != 0)
        v.error += 2 * l->tiny; /* subnormal results may be 0 */
    if (isfinite(v.error) && !(modulus(v) + v.error <= l->largest))
        v.error = INFINITY;
    return v;
}

/* x^y, atan2(x, y): moved by one error, then by the other. */
static struct value
eval_pair(const struct walk *w, enum fn f, enum einc_dtype t, struct value x,
          struct value y)
{
    long double (*fn)(long double, long double) =
        f == FN_POW ? powl : atan2l;
    struct value v = of_real(fn(x.re, y.re), 0);
    double ulps = w->ulps;
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
        v.error += 2 * ulps * limits_of(t)->u * (modulus(v) + v.error);
    if (modulus(v) < 2 * limits_of(t)->tiny && v.re != 0)
        v.error += 2 * limits_of(t)->tiny;
    return rounded(t, v, 0);
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
    return is_complex(t) ? rounded(t, v, 4) : v;
}

static struct value
eval_floats(const struct walk *w, const struct node *n, const struct value *a)
{
    enum einc_dtype t = einc_fn_compute(n->type);
    switch (n->fn) {
    case FN_NEG: return negative(a[0]);
    case FN_ADD: return add(t, a[0], a[1]);
    case FN_SUB: return add(t, a[0], negative(a[1]));
    case FN_MUL: return multiply(t, a[0], a[1]);
    case FN_DIV: return divide(t, a[0], a[1]);
    case FN_MOD: return modulo(t, a[0], a[1]);
    case FN_POWI: return power(t, a[0], n->integer);
    case FN_POW: case FN_ATAN2: return eval_pair(w, n->fn, t, a[0], a[1]);
    case FN_ABS: return absolute(n->args[0]->type, a[0]);
    case FN_MAXIMUM: case FN_MINIMUM: return extreme(n->fn, a[0], a[1]);
    case FN_CLAMP:
        return extreme(FN_MINIMUM, extreme(FN_MAXIMUM, a[0], a[1]), a[2]);
    case FN_CONJ: return (struct value){a[0].re, -a[0].im, 0, a[0].error};
    case FN_REAL: return of_real(a[0].re, a[0].error);
    case FN_IMAG:
        return of_real(a[0].im,
                       is_complex(n->args[0]->type) ? a[0].error : 0);
    default: return eval_real(w, n->fn, t, a[0]);
    }
}

/* --- casts -------------------------------------------------------------- */

static struct value
real_to_int(enum einc_dtype to, struct value v)
{
    /* Nothing is promised of what `to` does not hold. */
    long double lo = (long double)least_of(to) - 1;
    long double hi = (long double)largest_of(to) + 1;
    if (to == EINC_U64)
        lo = -1;
    if (!(v.re > lo && v.re < hi))
        return of_int(0, INFINITY);
    int64_t i = (int64_t)truncl(v.re);
    int unsure = v.error > 0 &&
                 !(truncl(v.re - (long double)v.error) == (long double)i &&
                   truncl(v.re + (long double)v.error) == (long double)i);
    return of_int(i, error_if(unsure));
}

/* From type `from` to what a value of type `to` is. */
static struct value
cast(enum einc_dtype from, enum einc_dtype to, struct value v)
{
    if (to == EINC_BOOL)
        return of_int(is_true(from, v), error_if(is_unsure(from, v)));
    if (!is_float(to))
        return is_float(from) ? real_to_int(to, v) : stored(to, v);
    if (!is_float(from))
        v = of_real((long double)v.i, v.error);
    if (!is_complex(to) && is_complex(from))
        v.im = 0;
    if (einc_dtype_info(to)->bytes != 2)
        return rounded(einc_fn_compute(to), v, 1);
    struct value r = stored(to, v); /* a kernel may round it later */
    r.error = fmax(r.error, v.error + distance(r.re, v.re));
    return r;
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
    p = floor_mod(p, 2 * (n - 1));
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
    case BOUND_CLAMP: return clamp_int(p, 0, n - 1);
    case BOUND_WRAP: return floor_mod(p, n);
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
        v = load(t->dtype, w->tensor[a->tensor], at.offset);
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

static struct sum
empty_sum(void)
{
    return (struct sum){.low = INT32_MAX};
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

static void
sum_add(enum einc_dtype t, struct sum *s, struct value v)
{
    s->n++;
    s->i = t == EINC_BOOL ? s->i | (uint64_t)v.i : s->i + (uint64_t)v.i;
    s->error += v.error;
    if (!is_float(t))
        return;
    s->re += v.re;
    s->im += v.im;
    s->rough |= v.error > 0 || !is_exact(t, v);
    note_part(s, v.re);
    if (is_complex(t))
        note_part(s, v.im);
}

/* Higham, section 4.2: |error| <= (n-1)*u/(1 - (n-1)*u) * sum of |terms|, in
 * any order; none at all if every partial sum has few enough digits. `t` is
 * the type that partial sums are rounded to. */
static struct value
sum_finish(enum einc_dtype t, const struct sum *s)
{
    if (!is_float(t))
        return of_int(wrap_compute(t, s->i), s->error > 0 ? INFINITY : 0);
    const struct limits *l = limits_of(t);
    struct value v = {s->re, s->im, 0, s->error};
    if (s->error == INFINITY || isnan(s->error) ||
        !(s->abs + s->error <= l->largest)) {
        v.error = INFINITY;
        return v;
    }
    if (!is_finite(v)) {
        v.error = error_if(is_complex(t) && s->error > 0);
        return rounded(t, v, 0);
    }
    if (!s->rough &&
        (s->abs == 0 || s->abs <= ldexp(1, s->low + l->digits)))
        return v;
    double nu = (double)s->n * l->u;
    v.error += nu < 0.5 ? nu / (1 - nu) * (s->abs + s->error) : INFINITY;
    return v;
}

/* --- products ----------------------------------------------------------- */

/* `shadow` is the product of the factors that are not 0: some order of
 * multiplying meets it. */
struct product {
    struct value v, shadow;
    uint64_t i;
    double error; /* of integers */
};

static void
product_add(enum einc_dtype t, struct product *p, struct value v)
{
    p->i *= (uint64_t)v.i;
    p->error += v.error;
    if (!is_float(t))
        return;
    p->v = multiply(t, p->v, v);
    if (v.re != 0 || v.im != 0)
        p->shadow = multiply(t, p->shadow, v);
}

static struct value
product_finish(enum einc_dtype t, const struct product *p)
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

/* A term of max and its kin; of min with its sign turned. */
struct candidate {
    long double key;
    double error;
    int64_t i, position;
};

/* The best terms so far, best first: NaN, then larger ones, then earlier
 * ones. */
struct ranking {
    struct candidate *best;
    int64_t n, most;
    long double rival;  /* key + error, at most, of those left out */
    long double hi, lo; /* largest key + error, key - error */
    double error;       /* largest */
};

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

/* A reduction under way. */
struct fold {
    const struct node *n;
    enum einc_dtype body;    /* compute type of the terms */
    int unsure;              /* which terms there are */
    int64_t kept;
    struct sum sum;          /* of logsumexp: of exp(x - largest) */
    struct product product;
    struct ranking ranking;
    struct candidate one;         /* ranking.best, if one is enough */
    long double largest, least; /* of logsumexp, finite ones */
    double input;            /* its largest error of a term */
    int64_t n_true, n_unsure;
};

static int
is_minimum(enum redop op)
{
    return op == REDOP_MIN || op == REDOP_ARGMIN || op == REDOP_KMIN ||
           op == REDOP_ARGKMIN;
}

static int
is_position(enum redop op)
{
    return op == REDOP_ARGMIN || op == REDOP_ARGMAX ||
           op == REDOP_ARGKMIN || op == REDOP_ARGKMAX;
}

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
                    (v.error + 2 * limits_of(f->body)->u *
                                   (double)(f->largest - v.re));
}

static struct value
lse_finish(const struct walk *w, const struct fold *f)
{
    const struct limits *l = limits_of(f->body);
    if (f->input == INFINITY)
        return of_real(f->largest, INFINITY);
    if (!isfinite(f->largest))
        return of_real(f->largest, 0);
    struct value v = of_real(f->largest + logl(f->sum.re), 0);
    /* Terms of exp, scaled at most kept times on their way; log. */
    double each = (double)(f->kept + 2) * (2 * w->ulps + 3) * l->u;
    double range = 2 * l->u * (double)(f->largest - f->least);
    double sum = f->sum.error / (double)f->sum.re;
    sum = fmin(sum < 0.1 ? sum * (1 + sum) : INFINITY, f->input + range);
    v.error = sum + each + range * (f->kept > 1) +
              2 * w->ulps * l->u * (double)logl(f->sum.re) +
              2 * l->u * (modulus(v) + (double)fabsl(f->largest));
    return rounded(f->body, v, 1);
}

static void
rank_term(struct walk *w, struct fold *f, struct value v)
{
    struct candidate t = {v.re, v.error, v.i, 0};
    if (!is_float(f->n->args[0]->type))
        t.key = (long double)v.i;
    if (is_minimum(f->n->redop))
        t.key = -t.key;
    t.position = position_in(w, f->n);
    rank(&f->ranking, t);
}

static void
add_term(struct walk *w, struct fold *f)
{
    const struct node *n = f->n;
    if (n->guard) {
        struct value g = eval(w, n->guard);
        f->unsure |= is_unsure(n->guard->type, g);
        if (is_stopped(w) || !is_true(n->guard->type, g))
            return;
    }
    struct value v = eval(w, n->args[0]);
    if (is_stopped(w))
        return;
    f->kept++;
    switch (n->redop) {
    case REDOP_SUM: case REDOP_MEAN: sum_add(f->body, &f->sum, v); break;
    case REDOP_PROD: product_add(f->body, &f->product, v); break;
    case REDOP_ANY: case REDOP_ALL: case REDOP_COUNT:
        f->n_true += is_true(n->args[0]->type, v);
        f->n_unsure += is_unsure(n->args[0]->type, v);
        break;
    case REDOP_LOGSUMEXP: lse_add(f, v); break;
    default: rank_term(w, f, v); break;
    }
}

/* Of a rank that no term has: the identity, -1 for positions. */
static struct value
identity(const struct node *n)
{
    if (is_position(n->redop))
        return of_int(-1, 0);
    if (is_float(n->type))
        return of_real(is_minimum(n->redop) ? HUGE_VALL : -HUGE_VALL, 0);
    return of_int(is_minimum(n->redop) ? largest_of(n->type)
                                       : least_of(n->type), 0);
}

static struct value
ranked(const struct walk *w, const struct fold *f)
{
    const struct node *n = f->n;
    const struct ranking *r = &f->ranking;
    int64_t k = n->best < 0 ? 0 : w->at[n->best] -
                                      w->p->indices[n->best].lo;
    if (k >= r->n)
        return identity(n);
    const struct candidate *t = &r->best[k];
    if (is_position(n->redop))
        return of_int(t->position, error_if(is_rank_unsure(r, k)));
    if (!is_float(n->type))
        return of_int(t->i, r->error);
    return of_real(is_minimum(n->redop) ? -t->key : t->key,
                   rank_error(r, k));
}

static struct value
mean(const struct fold *f)
{
    struct value v = sum_finish(f->body, &f->sum);
    long double n = (long double)f->kept;
    v.re /= n;
    v.im /= n;
    v.error /= (double)n;
    if (f->kept)
        return rounded(f->body, v, 2);
    return (struct value){NAN, is_complex(f->body) ? NAN : 0, 0, 0};
}

static struct value
finish(struct walk *w, struct fold *f)
{
    int sure_any = f->n_true > f->n_unsure;
    switch (f->n->redop) {
    case REDOP_SUM:
        w->last = f->sum;
        return sum_finish(f->body, &f->sum);
    case REDOP_MEAN: return mean(f);
    case REDOP_PROD: return product_finish(f->body, &f->product);
    case REDOP_ANY:
        return of_int(f->n_true > 0, error_if(f->n_unsure && !sure_any));
    case REDOP_ALL:
        return of_int(f->n_true == f->kept,
                      error_if(f->n_unsure &&
                               f->kept - f->n_true <= f->n_unsure));
    case REDOP_COUNT: return of_int(f->n_true, error_if(f->n_unsure > 0));
    case REDOP_LOGSUMEXP: return lse_finish(w, f);
    default: return ranked(w, f);
    }
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
    struct value v = finish(w, f);
    if (f->unsure)
        v.error = INFINITY;
    return v;
}

static struct value
eval_reduce(struct walk *w, const struct node *n)
{
    struct fold f = {.n = n, .body = einc_fn_compute(n->args[0]->type),
                     .sum = empty_sum(), .largest = -HUGE_VALL,
                     .least = HUGE_VALL};
    f.product = (struct product){{1, 0, 0, 0}, {1, 0, 0, 0}, 1, 0};
    f.ranking = (struct ranking){&f.one, 0, 1, -HUGE_VALL, -HUGE_VALL,
                                 -HUGE_VALL, 0};
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
    switch (n->fn) {
    case FN_NOT: case FN_AND: case FN_OR: return eval_logic(w, n);
    case FN_SELECT: return eval_select(w, n);
    case FN_CAST:
        return cast(n->args[0]->type, n->type, eval(w, n->args[0]));
    case FN_LT: case FN_LE: case FN_GT: case FN_GE: case FN_EQ: case FN_NE:
    case FN_ISNAN:
        return eval_compare(w, n);
    default: break;
    }
    assert(n->n_args >= 1 && n->n_args <= 3);
    for (int k = 0; k < n->n_args; k++)
        a[k] = eval(w, n->args[k]);
    return is_float(n->type) ? eval_floats(w, n, a) : eval_ints(n, a);
}

static struct value
eval_product(struct walk *w, const struct node *n)
{
    enum einc_dtype t = einc_fn_compute(n->type);
    struct product p = {{1, 0, 0, 0}, {1, 0, 0, 0}, 1, 0};
    for (int k = 0; k < n->n_args; k++)
        product_add(t, &p, eval(w, n->args[k]));
    return product_finish(t, &p);
}

static struct value
eval_number(const struct node *n)
{
    if (!is_float(n->type))
        return of_int(wrap_compute(n->type, (uint64_t)n->integer), 0);
    return of_real(round_real(einc_fn_compute(n->type),
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
    struct value r = add(t, old, v);
    int is_sum = s->right->kind == NODE_REDUCE &&
                 s->right->redop == REDOP_SUM;
    if (!is_sum || einc_fn_compute(s->right->type) != t)
        return r;
    struct sum all = w->last;
    sum_add(t, &all, old);
    r.error = fmax(r.error, sum_finish(t, &all).error);
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
        return eval_ints(&op, a);
    return s->op == ASSIGN_ADD ? accumulate_sum(w, s, old, v, t)
                               : eval_floats(w, &op, a);
}

/* Adds v to an element that many points write. Kernels may round the sum to
 * the tensor's type after every term. */
static struct value
scatter(struct walk *w, enum einc_dtype dtype, struct place at,
        struct value old, struct value v)
{
    struct sum *s = &w->tally[at.number];
    if (s->n == 0) {
        *s = empty_sum();
        sum_add(dtype, s, old);
    }
    sum_add(dtype, s, v);
    return sum_finish(dtype, s);
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
        v = cast(s->right->type, t, v);
    if (s->op != ASSIGN_SET) {
        struct value old = load(to->dtype, w->tensor[tensor], at.offset);
        old.error = error_at(w, tensor, at.number);
        v = w->tally ? scatter(w, to->dtype, at, old, v)
                     : combine(w, s, old, v, t);
    }
    struct value exact = v;
    v = stored(to->dtype, v);
    if (s->scatters && s->op == ASSIGN_MUL && is_float(to->dtype) &&
        is_finite(exact) && !is_exact(to->dtype, exact))
        /* a kernel may round each time, or once */
        v.error = fmax(v.error, exact.error + 2 * limits_of(to->dtype)->u *
                                                  modulus(v));
    store(to->dtype, w->tensor[tensor], at.offset, v);
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
    for (int s = 0; s < p->n_stmts && !is_stopped(&w); s++)
        run_statement(&w, &p->stmts[s]);
    mem_free(mem, numbers, bytes);
    return w.no_memory ? EINC_ENOMEM : stray->site ? EINC_ESHAPE : EINC_OK;
}

/* SPDX-License-Identifier: MIT
 *
 * ref.c - the oracle. One odometer runs over the dims of the output, a second
 * one over the summed indices; each step moves the elements that hold the
 * index by its stride. Slow and plain on purpose: what it does can be checked
 * by reading it beside the definition in graph.h.
 */
#include "runtime/ref.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/half.h"

/* A value while it is computed: bool and integers in `bits` (modulo 2^64,
 * wrapped to the width of the type when stored), floats in `re` and `im`. */
struct number {
    uint64_t bits;
    long double re, im;
};

/* A sum on its way: the sum, and that of the absolute values. */
struct total {
    struct number sum;
    long double abs_re, abs_im;
};

/* "Counting up index x moves operand `who` by `stride`." */
struct move {
    int who; /* n_in: the output */
    int64_t stride;
};

/* An index as the odometers need it. */
struct wheel {
    int64_t extent, value;
    int first_move, n_moves;
};

struct walk {
    const struct graph *g;
    const void *const *in;
    void *out;
    enum dtype_kind kind;  /* of the compute type; UINT never occurs */
    struct wheel *wheels;  /* [n_indices] */
    struct move *moves;    /* sorted by index */
    int *free, n_free;     /* indices of the output's dims, in their order */
    int *summed, n_summed;
    uint64_t *at;          /* [n_in + 1] element each operand stands at;
                            * unsigned: the way there may wrap */
};

/* --- elements ----------------------------------------------------------- */

static struct number
number_of_int(int64_t v)
{
    return (struct number){(uint64_t)v, (long double)v, 0};
}

static struct number
number_of_float(long double re, long double im)
{
    return (struct number){0, re, im};
}

#define READ(type, p, i) (((const type *)(p))[i])

static struct number
load_stored(enum einc_dtype t, const void *p, int64_t i)
{
    switch (t) {
    case EINC_BOOL: return number_of_int(READ(uint8_t, p, i) != 0);
    case EINC_I8: return number_of_int(READ(int8_t, p, i));
    case EINC_U8: return number_of_int(READ(uint8_t, p, i));
    case EINC_I16: return number_of_int(READ(int16_t, p, i));
    case EINC_U16: return number_of_int(READ(uint16_t, p, i));
    case EINC_I32: return number_of_int(READ(int32_t, p, i));
    case EINC_U32: return number_of_int(READ(uint32_t, p, i));
    case EINC_I64: return number_of_int(READ(int64_t, p, i));
    case EINC_U64: return (struct number){READ(uint64_t, p, i),
                                          (long double)READ(uint64_t, p, i),
                                          0};
    case EINC_F16:
        return number_of_float(half_f16_to_f32(READ(uint16_t, p, i)), 0);
    case EINC_BF16:
        return number_of_float(half_bf16_to_f32(READ(uint16_t, p, i)), 0);
    case EINC_F32: return number_of_float(READ(float, p, i), 0);
    case EINC_F64: return number_of_float(READ(double, p, i), 0);
    case EINC_C64:
        return number_of_float(READ(float, p, 2 * i),
                               READ(float, p, 2 * i + 1));
    case EINC_C128:
        return number_of_float(READ(double, p, 2 * i),
                               READ(double, p, 2 * i + 1));
    case EINC_DTYPE_NONE: break;
    }
    assert(0 && "an operand without a type");
    return number_of_int(0);
}

/* Rounds or wraps to the type it is computed in. */
static struct number
round_to(enum einc_dtype compute, struct number x)
{
    switch (compute) {
    case EINC_BOOL: return number_of_int(x.bits != 0);
    case EINC_I32: return number_of_int((int32_t)(uint32_t)x.bits);
    case EINC_I64: return number_of_int((int64_t)x.bits);
    case EINC_F32: case EINC_C64:
        return number_of_float((float)x.re, (float)x.im);
    case EINC_F64: case EINC_C128:
        return number_of_float((double)x.re, (double)x.im);
    default: break;
    }
    assert(0 && "no compute type");
    return x;
}

static struct number
load(const struct walk *w, int o)
{
    const struct operand *x = &w->g->in[o];
    return round_to(w->g->compute,
                    load_stored(x->dtype, w->in[o], (int64_t)w->at[o]));
}

#undef READ
#define WRITE(type, p, i, v) (((type *)(p))[i] = (type)(v))

/* Integers wrap to the width of `t`. A float that does not fit `t` becomes
 * an infinity, as the conversion of C makes it. */
static void
store(enum einc_dtype t, void *p, int64_t i, struct number v)
{
    switch (t) {
    case EINC_BOOL: WRITE(uint8_t, p, i, v.bits != 0); return;
    case EINC_I8: case EINC_U8: WRITE(uint8_t, p, i, v.bits); return;
    case EINC_I16: case EINC_U16: WRITE(uint16_t, p, i, v.bits); return;
    case EINC_I32: case EINC_U32: WRITE(uint32_t, p, i, v.bits); return;
    case EINC_I64: case EINC_U64: WRITE(uint64_t, p, i, v.bits); return;
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
    assert(0 && "an output without a type");
}

#undef WRITE

/* --- sums --------------------------------------------------------------- */

static struct number
multiply(enum dtype_kind kind, struct number a, struct number b)
{
    if (kind == KIND_COMPLEX)
        return number_of_float(a.re * b.re - a.im * b.im,
                               a.re * b.im + a.im * b.re);
    return (struct number){a.bits * b.bits, a.re * b.re, 0};
}

/* One term of the sum: the product of all operands where they stand. The
 * absolute values multiply as |re| + |im| parts: a bound of each part of
 * the product that no cancellation makes small. */
static struct total
term(const struct walk *w)
{
    struct number v = load(w, 0);
    struct total t = {v, fabsl(v.re), fabsl(v.im)};
    for (int o = 1; o < w->g->n_in; o++) {
        v = load(w, o);
        long double re = fabsl(v.re), im = fabsl(v.im);
        long double abs_re = t.abs_re * re + t.abs_im * im;
        t.abs_im = w->kind == KIND_COMPLEX ? t.abs_re * im + t.abs_im * re
                                           : 0;
        t.abs_re = abs_re;
        t.sum = multiply(w->kind, t.sum, v);
    }
    return t;
}

static struct total
add(enum dtype_kind kind, struct total a, struct total b)
{
    a.sum.bits = kind == KIND_BOOL ? a.sum.bits | b.sum.bits
                                   : a.sum.bits + b.sum.bits;
    a.sum.re += b.sum.re;
    a.sum.im += b.sum.im;
    a.abs_re += b.abs_re;
    a.abs_im += b.abs_im;
    return a;
}

/* Counts up the odometer whose last wheel is the fastest. Returns 0, with
 * all wheels back at 0, after the last position. */
static int
advance(struct walk *w, const int *order, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        struct wheel *x = &w->wheels[order[i]];
        const struct move *m = &w->moves[x->first_move];
        int wraps = x->value + 1 == x->extent;
        uint64_t by = wraps ? (uint64_t)-x->value : 1;
        x->value = wraps ? 0 : x->value + 1;
        for (int k = 0; k < x->n_moves; k++)
            w->at[m[k].who] += by * (uint64_t)m[k].stride;
        if (!wraps)
            return 1;
    }
    return 0;
}

static int
has_empty(const struct walk *w, const int *order, int n)
{
    for (int i = 0; i < n; i++)
        if (w->wheels[order[i]].extent == 0)
            return 1;
    return 0;
}

/* The element of the output where the free wheels stand. Without summed
 * indices it is the one term, so that a copy keeps the sign of a zero. */
static struct total
sum_terms(struct walk *w)
{
    struct total t = {{0, 0, 0}, 0, 0};
    if (has_empty(w, w->summed, w->n_summed))
        return t;
    if (w->n_summed == 0)
        return term(w);
    do
        t = add(w->kind, t, term(w));
    while (advance(w, w->summed, w->n_summed));
    return t;
}

static struct number
multiply_factor(const struct walk *w, struct number v)
{
    int64_t f = w->g->factor;
    if (f == 1)
        return v;
    v.bits = w->kind == KIND_BOOL ? (v.bits && f) : v.bits * (uint64_t)f;
    v.re *= (long double)f;
    v.im *= (long double)f;
    return v;
}

/* --- the bound ---------------------------------------------------------- */

struct limits {
    double u, least, largest; /* roundoff, least subnormal, largest value */
};

static struct limits
limits_of(enum einc_dtype t)
{
    switch (t) {
    case EINC_F16: return (struct limits){0x1p-11, 0x1p-24, 65504};
    case EINC_BF16: return (struct limits){0x1p-8, 0x1p-133, 0x1.fep+127};
    case EINC_F32: case EINC_C64:
        return (struct limits){0x1p-24, 0x1p-149, FLT_MAX};
    default: return (struct limits){0x1p-53, 0x1p-1074, DBL_MAX};
    }
}

/* Largest |got - reference| when the absolute values sum to `sum` and the
 * reference is of size `value`. `roundings` is D of the plan and
 *  + n_in - 1   for complex: a product of two rounds twice per part, so n_in
 *               operands round n_in - 1 times more than real ones;
 *  + 1          since the reference itself is rounded once;
 * each rounding may also lose a least subnormal. A narrower output rounds
 * both values once more. NaN where no bound can be stated: not all terms
 * are finite, the sum may overflow, or roundings * u reaches 1. */
static double
bound_of(enum einc_dtype compute, enum einc_dtype out, double roundings,
         long double sum, long double value)
{
    struct limits c = limits_of(compute), o = limits_of(out);
    double k = roundings * c.u;
    long double error = k / (1 - k) * sum + roundings * c.least;
    if (!(k < 1) || !(sum + error <= c.largest))
        return NAN;
    if (o.u > c.u) {
        long double half_ulp = o.u * (value + error);
        if (half_ulp < o.least / 2)
            half_ulp = o.least / 2;
        error += 2 * half_ulp;
        if (!(value + error <= o.largest))
            return NAN;
    }
    return nextafter((double)error, INFINITY);
}

/* For element `v`. `to`: a double, or a pair of doubles for complex, which
 * both get the larger of the bounds of the two parts. */
static void
store_bound(const struct walk *w, double terms, const struct total *t,
            struct number v, double *to)
{
    const struct graph *g = w->g;
    if (w->kind == KIND_BOOL || w->kind == KIND_INT) {
        to[0] = 0;
        return;
    }
    long double scale = fabsl((long double)g->factor);
    double roundings = terms + 1;
    if (w->kind == KIND_COMPLEX)
        roundings += g->n_in - 1;
    long double sum = w->kind == KIND_COMPLEX && !(t->abs_re >= t->abs_im)
                          ? t->abs_im
                          : t->abs_re;
    to[0] = bound_of(g->compute, g->out.dtype, roundings, sum * scale,
                     fabsl(v.re));
    if (w->kind == KIND_COMPLEX)
        to[1] = to[0];
}

/* --- the walk ----------------------------------------------------------- */

/* Doubles of the bound per element. */
static int
parts_of(enum einc_dtype t)
{
    return einc_dtype_info(t)->kind == KIND_COMPLEX ? 2 : 1;
}

static void
walk_output(struct walk *w, double terms, double *bound)
{
    const struct graph *g = w->g;
    if (has_empty(w, w->free, w->n_free))
        return;
    do {
        struct total t = sum_terms(w);
        struct number v = round_to(g->compute, multiply_factor(w, t.sum));
        store(g->out.dtype, w->out, (int64_t)w->at[g->n_in], v);
        if (bound) {
            store_bound(w, terms, &t, v, bound);
            bound += parts_of(g->out.dtype);
        }
    } while (advance(w, w->free, w->n_free));
}

/* Collects the moves of each index, operands in order. */
static void
list_moves(struct walk *w)
{
    const struct graph *g = w->g;
    for (int o = 0; o <= g->n_in; o++) {
        const struct operand *x = o < g->n_in ? &g->in[o] : &g->out;
        for (int a = 0; a < x->n_axes; a++)
            w->wheels[x->axes[a].index].n_moves++;
    }
    int first = 0;
    for (int x = 0; x < g->n_indices; x++) {
        w->wheels[x].first_move = first;
        first += w->wheels[x].n_moves;
        w->wheels[x].n_moves = 0; /* counted again while they are filled in */
    }
    for (int o = 0; o <= g->n_in; o++) {
        const struct operand *x = o < g->n_in ? &g->in[o] : &g->out;
        for (int a = 0; a < x->n_axes; a++) {
            struct wheel *to = &w->wheels[x->axes[a].index];
            w->moves[to->first_move + to->n_moves++] =
                (struct move){o, x->axes[a].stride};
        }
    }
}

static void
list_indices(struct walk *w)
{
    const struct graph *g = w->g;
    for (int d = 0; d < g->out.n_dims; d++)
        w->free[w->n_free++] = g->out.dim_index[d];
    for (int x = 0; x < g->n_indices; x++) {
        w->wheels[x] = (struct wheel){g->indices[x].extent, 0, 0, 0};
        if (!g->indices[x].in_output)
            w->summed[w->n_summed++] = x;
    }
}

/* What the walk allocates, as one block. Widest elements first: the block is
 * aligned for any type, and each array then starts aligned. */
struct block {
    size_t at, wheels, moves, free, summed, bytes;
};

static struct block
block_of(const struct graph *g)
{
    size_t n_axes = (size_t)g->out.n_axes, n = (size_t)g->n_indices;
    for (int o = 0; o < g->n_in; o++)
        n_axes += (size_t)g->in[o].n_axes;
    struct block b = {0};
    b.wheels = ((size_t)g->n_in + 1) * sizeof(uint64_t);
    b.moves = b.wheels + n * sizeof(struct wheel);
    b.free = b.moves + n_axes * sizeof(struct move);
    b.summed = b.free + (size_t)g->out.n_dims * sizeof(int);
    b.bytes = b.summed + n * sizeof(int);
    return b;
}

enum einc_status
einc_ref_run(const struct graph *g, const struct mem *mem,
             const void *const in[], void *out, double terms, double *bound)
{
    struct block b = block_of(g);
    char *p = mem_alloc(mem, b.bytes);
    if (!p)
        return EINC_ENOMEM;
    struct walk w = {
        .g = g, .in = in, .out = out,
        .kind = einc_dtype_info(g->compute)->kind,
        .at = (uint64_t *)(void *)(p + b.at),
        .wheels = (struct wheel *)(void *)(p + b.wheels),
        .moves = (struct move *)(void *)(p + b.moves),
        .free = (int *)(void *)(p + b.free),
        .summed = (int *)(void *)(p + b.summed),
    };
    memset(w.at, 0, ((size_t)g->n_in + 1) * sizeof *w.at);
    list_indices(&w);
    list_moves(&w);
    walk_output(&w, terms, bound);
    mem_free(mem, p, b.bytes);
    return EINC_OK;
}

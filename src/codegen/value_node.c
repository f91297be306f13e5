/* SPDX-License-Identifier: MIT
 *
 * value_node.c - nodes of a formula as values: functions, of which those of
 * complex numbers are two each, and numbers.
 */
#include "codegen/value_make.h"

#include <assert.h>

#include "parse/open.h"

/* --- functions of complex numbers --------------------------------------- */

static int
power(struct values *s, int x, int64_t n)
{
    enum value_type t = s->v[x].type;
    int v = -1;
    for (int64_t left = n; left; left >>= 1) {
        if (left & 1)
            v = v < 0 ? x : fn2(s, t, FN_MUL, v, x);
        if (left > 1)
            x = fn2(s, t, FN_MUL, x, x);
    }
    return v;
}

struct value_pair
einc_values_multiply(struct values *s, struct value_pair a,
                     struct value_pair b)
{
    enum value_type t = s->v[a.re].type;
    int rr = fn2(s, t, FN_MUL, a.re, b.re);
    if (a.im < 0)
        return (struct value_pair){rr, -1};
    int ii = fn2(s, t, FN_MUL, a.im, b.im);
    int ri = fn2(s, t, FN_MUL, a.re, b.im);
    int ir = fn2(s, t, FN_MUL, a.im, b.re);
    return (struct value_pair){fn2(s, t, FN_SUB, rr, ii),
                               fn2(s, t, FN_ADD, ri, ir)};
}

/* Smith's way, so that the square of a part need not fit: by the larger part
 * of b (R. L. Smith, Algorithm 116: complex division, CACM 5(8), 1962). */
static struct value_pair
divide(struct values *s, struct value_pair a, struct value_pair b)
{
    enum value_type t = s->v[a.re].type;
    if (a.im < 0)
        return (struct value_pair){fn2(s, t, FN_DIV, a.re, b.re), -1};
    int by_re = fn2(s, VALUE_BOOL, FN_GE, fn1(s, t, FN_ABS, b.re),
                    fn1(s, t, FN_ABS, b.im));
    int large = choose(s, by_re, b.re, b.im);
    int small = choose(s, by_re, b.im, b.re);
    int along = choose(s, by_re, a.re, a.im);
    int across = choose(s, by_re, a.im, a.re);
    int q = choose(s, fn2(s, VALUE_BOOL, FN_EQ, large, number(s, t, 0)),
                   small, fn2(s, t, FN_DIV, small, large));
    int d = fn2(s, t, FN_ADD, large, fn2(s, t, FN_MUL, small, q));
    int re = fn2(s, t, FN_ADD, along, fn2(s, t, FN_MUL, across, q));
    int turned = fn2(s, t, FN_MUL, along, q);
    int im = choose(s, by_re, fn2(s, t, FN_SUB, across, turned),
                    fn2(s, t, FN_SUB, turned, across));
    return (struct value_pair){fn2(s, t, FN_DIV, re, d),
                               fn2(s, t, FN_DIV, im, d)};
}

/* x^n. Negative powers of integers are 1/x^n, cut: of 1 and -1 only. */
static struct value_pair
integer_power(struct values *s, struct value_pair x, int64_t n)
{
    enum value_type t = s->v[x.re].type;
    int64_t count = n < 0 ? n == INT64_MIN ? INT64_MAX : -n : n;
    struct value_pair one = {number(s, t, 1), x.im < 0 ? -1
                                                       : number(s, t, 0)};
    if (n == 0)
        return one;
    if (n < 0 && !is_float(t)) {
        int unit = number(s, t, 1), zero = number(s, t, 0);
        int minus = number(s, t, -1);
        return (struct value_pair){
            choose(s, fn2(s, VALUE_BOOL, FN_EQ, x.re, unit), unit,
                   choose(s, fn2(s, VALUE_BOOL, FN_EQ, x.re, minus),
                          n % 2 ? minus : unit, zero)), -1};
    }
    struct value_pair v = x;
    if (x.im < 0) {
        v.re = power(s, x.re, count);
    } else {
        int begun = 0;
        for (int64_t left = count; left; left >>= 1) {
            if (left & 1)
                v = begun++ ? einc_values_multiply(s, v, x) : x;
            if (left > 1)
                x = einc_values_multiply(s, x, x);
        }
    }
    return n < 0 ? divide(s, one, v) : v;
}

/* Of complex numbers, part by part. */
static struct value_pair
of_complex(struct values *s, const struct node *n,
           const struct value_pair a[3])
{
    enum value_type t = s->v[a[0].re].type;
    switch (n->fn) {
    case FN_MUL: return einc_values_multiply(s, a[0], a[1]);
    case FN_DIV: return divide(s, a[0], a[1]);
    case FN_NEG:
        return (struct value_pair){fn1(s, t, FN_NEG, a[0].re),
                                   fn1(s, t, FN_NEG, a[0].im)};
    case FN_CONJ:
        return (struct value_pair){a[0].re, fn1(s, t, FN_NEG, a[0].im)};
    case FN_REAL: return (struct value_pair){a[0].re, -1};
    case FN_IMAG: return (struct value_pair){a[0].im, -1};
    case FN_ABS: /* the one function of two reals that stands for it */
        return (struct value_pair){
            einc_values_fn(s, t, FN_ABS, 2, a[0].re, a[0].im, 0), -1};
    case FN_EQ:
        return (struct value_pair){
            fn2(s, VALUE_BOOL, FN_AND,
                fn2(s, VALUE_BOOL, FN_EQ, a[0].re, a[1].re),
                fn2(s, VALUE_BOOL, FN_EQ, a[0].im, a[1].im)), -1};
    case FN_NE:
        return (struct value_pair){
            fn2(s, VALUE_BOOL, FN_OR,
                fn2(s, VALUE_BOOL, FN_NE, a[0].re, a[1].re),
                fn2(s, VALUE_BOOL, FN_NE, a[0].im, a[1].im)), -1};
    default: /* + - */
        return (struct value_pair){fn2(s, t, n->fn, a[0].re, a[1].re),
                                   fn2(s, t, n->fn, a[0].im, a[1].im)};
    }
}

/* --- functions ---------------------------------------------------------- */

static int
of_reals(struct values *s, const struct node *n, const struct value_pair a[3])
{
    enum value_type t = einc_value_type(n->type), own = s->v[a[0].re].type;
    switch (n->fn) {
    case FN_CONJ: case FN_REAL: return a[0].re;
    case FN_IMAG: return number(s, t, 0);
    case FN_FLOOR: case FN_CEIL: case FN_ROUND:
        return is_float(own) ? fn1(s, t, n->fn, a[0].re) : a[0].re;
    case FN_CLAMP:
        return fn2(s, t, FN_MINIMUM,
                   fn2(s, t, FN_MAXIMUM, a[0].re, a[1].re), a[2].re);
    case FN_RELU:
        return choose(s, fn2(s, VALUE_BOOL, FN_LT, a[0].re,
                             number(s, t, 0)),
                      number(s, t, 0), a[0].re);
    case FN_STEP:
        return choose(s, fn2(s, VALUE_BOOL, FN_GE, a[0].re,
                             number(s, own, 0)),
                      number(s, t, 1), number(s, t, 0));
    case FN_ISNAN:
        return is_float(own) ? fn2(s, VALUE_BOOL, FN_NE, a[0].re, a[0].re)
                             : integer(s, VALUE_BOOL, 0);
    default:
        return einc_values_fn(s, t, n->fn, n->n_args, a[0].re,
                              n->n_args > 1 ? a[1].re : 0,
                              n->n_args > 2 ? a[2].re : 0);
    }
}

static struct value_pair
of_select(struct values *s, const struct value_pair a[3])
{
    int c = einc_values_truth(s, a[0]), complex = a[1].im >= 0;
    /* what reports is computed either way: a choice is between values */
    int lazy = (s->v[a[1].re].heavy | s->v[a[2].re].heavy) &&
               !(s->v[a[1].re].pinned | s->v[a[2].re].pinned) && !complex;
    if (lazy && s->v[c].op != VALUE_NUMBER)
        return (struct value_pair){
            einc_values_add(s, (struct value){.op = VALUE_CHOICE,
                                              .n_args = 3,
                                              .type = s->v[a[1].re].type,
                                              .args = {c, a[1].re, a[2].re},
                                              .var = -1,
                                              .site = -1}),
            -1};
    return (struct value_pair){choose(s, c, a[1].re, a[2].re),
                               complex ? choose(s, c, a[1].im, a[2].im)
                                       : -1};
}

/* --- casts -------------------------------------------------------------- */

/* Integers that a narrower type holds, wrapped to it. */
static int
wrap_to(struct values *s, int a, enum einc_dtype to)
{
    const struct dtype_info *d = einc_dtype_info(to);
    int64_t bits = 8 * d->bytes;
    if (bits == 64 || to == EINC_I32)
        return einc_values_convert(s, a, einc_value_type(to));
    int64_t least = d->kind == KIND_UINT ? 0 : -((int64_t)1 << (bits - 1));
    int64_t most = least + (((int64_t)1 << bits) - 1);
    if (s->v[a].least >= least && s->v[a].most <= most)
        return einc_values_convert(s, a, einc_value_type(to));
    return einc_values_add(s, (struct value){.op = VALUE_FN,
                                             .fn = FN_CAST,
                                             .n_args = 1,
                                             .args = {a},
                                             .type = einc_value_type(to),
                                             .lo = least,
                                             .hi = most,
                                             .var = -1,
                                             .site = -1});
}

struct value_pair
einc_values_cast(struct values *s, struct value_pair x, enum einc_dtype from,
                 enum einc_dtype to)
{
    enum value_type t = einc_value_type(to);
    (void)from;
    if (to == EINC_BOOL)
        return (struct value_pair){einc_values_truth(s, x), -1};
    if (is_float(t)) {
        struct value_pair y = {einc_values_convert(s, x.re, t), -1};
        if (einc_value_is_complex(to))
            y.im =
                x.im < 0 ? number(s, t, 0) : einc_values_convert(s, x.im, t);
        return y;
    }
    if (is_float(s->v[x.re].type)) /* to an end of the compute type first */
        return (struct value_pair){
            wrap_to(s, fn1(s, t, FN_CAST, x.re), to), -1};
    return (struct value_pair){wrap_to(s, x.re, to), -1};
}

/* As it stands in an expression: halves are computed in f32, and rounded to
 * what they hold here. */
static struct value_pair
cast(struct values *s, const struct node *n, struct value_pair x)
{
    enum einc_dtype from = n->args[0]->type;
    x = einc_values_cast(s, x, from, n->type);
    if (n->type != EINC_F16 && n->type != EINC_BF16)
        return x;
    x.re = einc_values_add(s, (struct value){.op = VALUE_FN,
                                             .fn = FN_CAST,
                                             .n_args = 1,
                                             .args = {x.re},
                                             .type = VALUE_F32,
                                             .integer = n->type,
                                             .var = -1,
                                             .site = -1});
    return x;
}

/* --- nodes -------------------------------------------------------------- */

static struct value_pair
of_call(struct values *s, const struct node *n)
{
    struct value_pair a[3] = {{-1, -1}, {-1, -1}, {-1, -1}};
    for (int k = 0; k < n->n_args; k++)
        a[k] = einc_values_of(s, n->args[k]);
    switch (n->fn) {
    case FN_CAST: return cast(s, n, a[0]);
    case FN_SELECT: return of_select(s, a);
    case FN_NOT:
        return (struct value_pair){
            fn1(s, VALUE_BOOL, FN_NOT, einc_values_truth(s, a[0])), -1};
    case FN_AND: case FN_OR:
        return (struct value_pair){fn2(s, VALUE_BOOL, n->fn,
                                       einc_values_truth(s, a[0]),
                                       einc_values_truth(s, a[1])),
                                   -1};
    case FN_POWI: return integer_power(s, a[0], n->integer);
    default: break;
    }
    if (a[0].im >= 0)
        return of_complex(s, n, a);
    struct value_pair x = {of_reals(s, n, a), -1};
    if (n->lse && s->v[x.re].op == VALUE_FN && s->v[x.re].fn == FN_EXP)
        s->v[x.re].is_softmax = 1;
    return x;
}

/* The index that a number is size() of, if that is an argument; -1: none. */
static int
sized_index(const struct values *s, const struct node *n)
{
    int x = n->size_of - 1;
    if (x < 0 || s->literals->all || s->p->open.n || s->literals->index[x] ||
        einc_value_is_complex(n->type))
        return -1;
    int64_t size = s->p->indices[x].hi - s->p->indices[x].lo;
    double number = (double)size;
    if (einc_value_type(n->type) == VALUE_F32)
        number = (double)(float)number;
    return is_float(einc_value_type(n->type)) ? n->number == number ? x : -1
           : n->integer == size               ? x
                                              : -1;
}

static struct value_pair
of_number(struct values *s, const struct node *n)
{
    enum value_type t = einc_value_type(n->type);
    int open = einc_open_of(&s->p->open, n);
    if (open >= 0) {
        int size = einc_values_add(
            s, (struct value){.op = VALUE_SIZE, .type = VALUE_I64,
                              .integer = s->p->open.list[open].value,
                              .tensor = open, .dim = -1, .var = -1,
                              .site = -1});
        return (struct value_pair){einc_values_convert(s, size, t), -1};
    }
    int index = sized_index(s, n);
    if (index >= 0) {
        const struct index *x = &s->p->indices[index];
        int size = einc_values_add(s, (struct value){.op = VALUE_SIZE,
                                                     .type = VALUE_I64,
                                                     .integer = x->hi - x->lo,
                                                     .tensor = index,
                                                     .var = -1,
                                                     .site = -1});
        return (struct value_pair){einc_values_convert(s, size, t), -1};
    }
    if (!is_float(t))
        return (struct value_pair){
            integer(s, t, t == VALUE_I32 ? (int32_t)(uint32_t)n->integer
                                         : n->integer), -1};
    return (struct value_pair){
        einc_values_number(s, t, t == VALUE_F32 ? (float)n->number
                                                : n->number),
        einc_value_is_complex(n->type) ? number(s, t, 0) : -1};
}

int
einc_values_index(struct values *s, int index)
{
    const struct value_place *e = &s->env[index];
    assert(is_bound(s, index));
    return e->var < 0 ? integer(s, VALUE_I64, e->offset)
                      : variable(s, e->var, e->offset);
}

static struct value_pair
of_product(struct values *s, const struct node *n)
{
    struct value_pair x = einc_values_of(s, n->args[0]);
    for (int k = 1; k < n->n_args; k++)
        x = einc_values_multiply(s, x, einc_values_of(s, n->args[k]));
    return x;
}

struct value_pair
einc_values_of(struct values *s, const struct node *n)
{
    switch (n->kind) {
    case NODE_NUMBER: return of_number(s, n);
    case NODE_ACCESS: return einc_values_access(s, n->access);
    case NODE_INDEX:
        return (struct value_pair){einc_values_index(s, n->index), -1};
    case NODE_CALL: return of_call(s, n);
    case NODE_REDUCE: return einc_values_reduce(s, n);
    case NODE_PRODUCT: return of_product(s, n);
    }
    assert(0 && "no such node");
    return (struct value_pair){-1, -1};
}

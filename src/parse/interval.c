/* SPDX-License-Identifier: MIT
 *
 * interval.c - what values an integer draft may take: see interval.h. Nothing
 * here fails: what overflows or depends on data has no bound.
 */
#include "parse/interval.h"

#include <assert.h>

static const struct interval any = {INT64_MIN, INT64_MAX};

static struct interval
make(int64_t lo, int64_t hi)
{
    return (struct interval){lo, hi};
}

static int64_t
least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t
most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t
opposite(int64_t a)
{
    return a == INT64_MIN ? INT64_MAX : a == INT64_MAX ? INT64_MIN : -a;
}

static struct interval
negate(struct interval a)
{
    return make(opposite(a.hi), opposite(a.lo));
}

/* A product, or the bound that it is beyond. */
static int64_t
times(int64_t a, int64_t b)
{
    int64_t p;
    if (a == 0 || b == 0)
        return 0;
    int infinite = a == INT64_MIN || a == INT64_MAX || b == INT64_MIN
                   || b == INT64_MAX;
    if (!infinite && !__builtin_mul_overflow(a, b, &p))
        return p;
    return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
}

struct interval
einc_interval_add(struct interval a, struct interval b)
{
    struct interval c;
    if (a.lo == INT64_MIN || b.lo == INT64_MIN
        || __builtin_add_overflow(a.lo, b.lo, &c.lo))
        c.lo = INT64_MIN;
    if (a.hi == INT64_MAX || b.hi == INT64_MAX
        || __builtin_add_overflow(a.hi, b.hi, &c.hi))
        c.hi = INT64_MAX;
    return c;
}

struct interval
einc_interval_mul(struct interval a, struct interval b)
{
    int64_t p = times(a.lo, b.lo), q = times(a.lo, b.hi);
    int64_t s = times(a.hi, b.lo), t = times(a.hi, b.hi);
    return make(least(least(p, q), least(s, t)), most(most(p, q), most(s, t)));
}

int
einc_interval_is_finite(struct interval a)
{
    return a.lo != INT64_MIN && a.hi != INT64_MAX;
}

int64_t
einc_interval_floor(int64_t a, int64_t b)
{
    assert(b != 0 && b != -1);
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static struct interval
larger(struct interval a, struct interval b)
{
    return make(most(a.lo, b.lo), most(a.hi, b.hi));
}

static struct interval
smaller(struct interval a, struct interval b)
{
    return make(least(a.lo, b.lo), least(a.hi, b.hi));
}

/* With the sign of the divisor; only by a positive constant. */
static struct interval
modulo(struct interval a, struct interval b)
{
    if (b.lo != b.hi || b.lo <= 0 || b.hi == INT64_MAX)
        return any;
    if (!einc_interval_is_finite(a)
        || einc_interval_floor(a.lo, b.lo) != einc_interval_floor(a.hi, b.lo))
        return make(0, b.lo - 1);
    int64_t below = einc_interval_floor(a.lo, b.lo) * b.lo;
    return make(a.lo - below, a.hi - below);
}

/* floor of a quotient by a positive constant. */
static struct interval
quotient(struct interval a, struct interval b)
{
    if (b.lo != b.hi || b.lo <= 0 || b.hi == INT64_MAX)
        return any;
    return make(a.lo == INT64_MIN ? a.lo : einc_interval_floor(a.lo, b.lo),
                a.hi == INT64_MAX ? a.hi : einc_interval_floor(a.hi, b.lo));
}

/* floor(a/b), ceil(a/b), or of a whole number. */
static struct interval
of_rounded(const struct resolver *r, const struct draft *d)
{
    const struct draft *of = d->args[0];
    if (of->kind != DRAFT_CALL || of->fn != FN_DIV)
        return einc_interval(r, of);
    if (d->fn == FN_ROUND)
        return any;
    struct interval a = einc_interval(r, of->args[0]);
    struct interval b = einc_interval(r, of->args[1]);
    return d->fn == FN_FLOOR ? quotient(a, b)
                             : negate(quotient(negate(a), b));
}

static struct interval
of_abs(struct interval a)
{
    if (a.lo >= 0)
        return a;
    return make(a.hi < 0 ? opposite(a.hi) : 0, most(a.hi, opposite(a.lo)));
}

/* 0:0 or 1:1 where the bounds decide, else 0:1. */
static struct interval
of_compare(enum fn fn, struct interval a, struct interval b)
{
    int less = a.hi < b.lo, more = a.lo > b.hi;
    int no_more = a.hi <= b.lo, no_less = a.lo >= b.hi;
    int same = a.lo == a.hi && b.lo == b.hi && a.lo == b.lo
               && einc_interval_is_finite(a);
    int yes = 0, no = 0;
    switch (fn) {
    case FN_LT: yes = less, no = no_less; break;
    case FN_LE: yes = no_more, no = more; break;
    case FN_GT: yes = more, no = no_more; break;
    case FN_GE: yes = no_less, no = less; break;
    case FN_EQ: yes = same, no = less || more; break;
    case FN_NE: yes = less || more, no = same; break;
    default: break;
    }
    if (!einc_interval_is_finite(a) || !einc_interval_is_finite(b))
        yes = no = 0;
    return make(yes, !no);
}

static struct interval
of_select(struct interval c, struct interval yes, struct interval no)
{
    if (c.lo > 0 || c.hi < 0)
        return yes;
    if (c.lo == 0 && c.hi == 0)
        return no;
    return make(least(yes.lo, no.lo), most(yes.hi, no.hi));
}

static int
is_rounding(enum fn fn)
{
    return fn == FN_FLOOR || fn == FN_CEIL || fn == FN_ROUND;
}

static struct interval
of_call(const struct resolver *r, const struct draft *d)
{
    struct interval v[3] = {any, any, any};
    if (is_rounding(d->fn))
        return of_rounded(r, d);
    for (int i = 0; i < d->n_args && i < 3; i++)
        v[i] = einc_interval(r, d->args[i]);
    switch (d->fn) {
    case FN_NEG: return negate(v[0]);
    case FN_ADD: return einc_interval_add(v[0], v[1]);
    case FN_SUB: return einc_interval_add(v[0], negate(v[1]));
    case FN_MUL: return einc_interval_mul(v[0], v[1]);
    case FN_MOD: return modulo(v[0], v[1]);
    case FN_SELECT: return of_select(v[0], v[1], v[2]);
    case FN_LT: case FN_LE: case FN_GT: case FN_GE: case FN_EQ: case FN_NE:
        return of_compare(d->fn, v[0], v[1]);
    case FN_MAXIMUM: return larger(v[0], v[1]);
    case FN_MINIMUM: return smaller(v[0], v[1]);
    case FN_CLAMP: return smaller(larger(v[0], v[1]), v[2]);
    case FN_RELU: return larger(v[0], make(0, 0));
    case FN_ABS: return of_abs(v[0]);
    case FN_SIGN: return make(-1, 1);
    case FN_STEP: return make(0, 1);
    default: break;
    }
    enum fn_rule rule = einc_fn_info(d->fn)->rule;
    return rule == RULE_COMPARE || rule == RULE_LOGIC ? make(0, 1) : any;
}

/* All values of a type of few. */
static struct interval
of_type(enum einc_dtype t)
{
    switch (t) {
    case EINC_BOOL: return make(0, 1);
    case EINC_I8: return make(INT8_MIN, INT8_MAX);
    case EINC_U8: return make(0, UINT8_MAX);
    case EINC_I16: return make(INT16_MIN, INT16_MAX);
    case EINC_U16: return make(0, UINT16_MAX);
    case EINC_I32: return make(INT32_MIN, INT32_MAX);
    case EINC_U32: return make(0, UINT32_MAX);
    default: return any;
    }
}

struct interval
einc_interval(const struct resolver *r, const struct draft *d)
{
    const struct draft_index *x;
    int64_t size;
    switch (d->kind) {
    case DRAFT_NUMBER:
        return d->is_integer && !d->is_bool ? make(d->integer, d->integer)
                                            : any;
    case DRAFT_INDEX:
        x = einc_range_root(r, d->index);
        if (!x->known)
            return any;
        return make(x->lo, x->hi > x->lo ? x->hi - 1 : x->lo);
    case DRAFT_SIZE: case DRAFT_DIM:
        return einc_range_size(r, d, &size) ? make(size, size) : any;
    case DRAFT_ACCESS: return of_type(r->tensors[d->access->tensor].dtype);
    case DRAFT_CAST:
        return d->cast == EINC_I64 ? einc_interval(r, d->args[0]) : any;
    case DRAFT_CALL: return of_call(r, d);
    case DRAFT_REDUCE: return any;
    }
    return any;
}

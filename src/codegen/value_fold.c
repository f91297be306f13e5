/* SPDX-License-Identifier: MIT
 *
 * value_fold.c - see value_fold.h.
 */
#include "codegen/value_fold.h"

static int
is_float(enum value_type t)
{
    return t == VALUE_F32 || t == VALUE_F64;
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

/* --- ranges ------------------------------------------------------------- */

static void
full_range(struct value *v)
{
    v->least = v->type == VALUE_BOOL ? 0
               : v->type == VALUE_I32 ? INT32_MIN
                                      : INT64_MIN;
    v->most = v->type == VALUE_BOOL ? 1
              : v->type == VALUE_I32 ? INT32_MAX
                                     : INT64_MAX;
}

static void
load_range(const struct values *s, struct value *v)
{
    const struct dtype_info *d =
        einc_dtype_info(s->p->tensors[v->tensor].dtype);
    if (d->bytes == 8 || v->type == VALUE_BOOL)
        return;
    int64_t width = (int64_t)1 << (8 * d->bytes);
    v->least = d->kind == KIND_UINT ? 0 : -width / 2;
    v->most = v->least + width - 1;
}

/* lo and hi, if none of them went over. */
static void
set_range(struct value *v, int over, int64_t lo, int64_t hi)
{
    if (over || lo < v->least || hi > v->most)
        return;
    v->least = lo;
    v->most = hi;
}

static void
product_range(struct value *v, const struct value *a, const struct value *b)
{
    int64_t x[4], lo, hi;
    int over = __builtin_mul_overflow(a->least, b->least, &x[0]);
    over |= __builtin_mul_overflow(a->least, b->most, &x[1]);
    over |= __builtin_mul_overflow(a->most, b->least, &x[2]);
    over |= __builtin_mul_overflow(a->most, b->most, &x[3]);
    if (over)
        return;
    lo = least(least(x[0], x[1]), least(x[2], x[3]));
    hi = most(most(x[0], x[1]), most(x[2], x[3]));
    set_range(v, 0, lo, hi);
}

static void
fn_range(const struct values *s, struct value *v)
{
    const struct value *a = &s->v[v->args[0]];
    const struct value *b = v->n_args > 1 ? &s->v[v->args[1]] : a;
    const struct value *c = v->n_args > 2 ? &s->v[v->args[2]] : a;
    int64_t lo = 0, hi = 0;
    int over;
    if (is_float(a->type) && v->fn != FN_SELECT) {
        if (v->fn == FN_CAST && v->lo < v->hi)
            set_range(v, 0, v->lo, v->hi);
        return;
    }
    switch (v->fn) {
    case FN_ADD:
        over = __builtin_add_overflow(a->least, b->least, &lo);
        over |= __builtin_add_overflow(a->most, b->most, &hi);
        set_range(v, over, lo, hi);
        return;
    case FN_SUB:
        over = __builtin_sub_overflow(a->least, b->most, &lo);
        over |= __builtin_sub_overflow(a->most, b->least, &hi);
        set_range(v, over, lo, hi);
        return;
    case FN_NEG:
        over = __builtin_sub_overflow((int64_t)0, a->most, &lo);
        over |= __builtin_sub_overflow((int64_t)0, a->least, &hi);
        set_range(v, over, lo, hi);
        return;
    case FN_MUL: product_range(v, a, b); return;
    case FN_MOD:
        if (b->least > 0)
            set_range(v, 0, 0, b->most - 1);
        return;
    case FN_MAXIMUM:
        set_range(v, 0, most(a->least, b->least), most(a->most, b->most));
        return;
    case FN_MINIMUM:
        set_range(v, 0, least(a->least, b->least), least(a->most, b->most));
        return;
    case FN_SELECT:
        set_range(v, 0, least(b->least, c->least), most(b->most, c->most));
        return;
    case FN_SIGN: set_range(v, 0, -1, 1); return;
    case FN_CAST:
        if (v->lo < v->hi) /* wraps to fewer bits */
            set_range(v, 0, v->lo, v->hi);
        else
            set_range(v, 0, a->least, a->most);
        return;
    default: return;
    }
}

static void
reduce_range(const struct values *s, struct value *v)
{
    const struct value_reduce *r = v->reduce;
    const struct value *x = &s->v[r->part[0].x];
    int64_t lo, hi;
    switch (r->redop) {
    case REDOP_ARGMAX: case REDOP_ARGMIN: case REDOP_ARGKMAX:
    case REDOP_ARGKMIN:
        set_range(v, 0, -1, r->points - 1);
        return;
    case REDOP_COUNT:
        if (!__builtin_mul_overflow(x->most, r->points, &hi) &&
            !__builtin_mul_overflow(x->least, r->points, &lo))
            set_range(v, 0, least(lo, 0), hi);
        return;
    case REDOP_KMAX: case REDOP_KMIN: case REDOP_MAX: case REDOP_MIN:
        set_range(v, 0, least(x->least, r->low), most(x->most, r->high));
        return;
    default: return;
    }
}

int64_t
einc_values_most(const struct values *s, int64_t extent)
{
    return open_find(&s->p->open, extent) < 0 ? extent : OPEN_MOST;
}

void
einc_value_range(const struct values *s, struct value *v)
{
    v->least = v->most = 0;
    if (is_float(v->type))
        return;
    full_range(v);
    switch (v->op) {
    case VALUE_SIZE:
        v->least = v->most = v->integer;
        if (s->p->open.n) {
            v->least = 0;
            v->most = OPEN_MOST;
        }
        return;
    case VALUE_NUMBER:
        v->least = v->most = v->integer;
        return;
    case VALUE_VAR:
        v->least = s->var[v->var].lo + v->integer;
        v->most = einc_values_most(s, s->var[v->var].hi) - 1 + v->integer;
        return;
    case VALUE_LOAD: load_range(s, v); return;
    case VALUE_CHECK:
        v->least = v->lo;
        v->most = most(v->hi - 1, v->lo);
        if (v->dim > 0) {
            int64_t n = s->p->tensors[v->tensor].shape[v->dim - 1];
            v->most += einc_values_most(s, n) - n;
        }
        return;
    case VALUE_WRAP: case VALUE_REFLECT:
        v->least = 0;
        v->most = einc_values_most(s, v->integer) - 1;
        return;
    case VALUE_BOUND:
        v->least = v->lo;
        v->most = einc_values_most(s, v->hi);
        return;
    case VALUE_PICK: {
        const struct value *r = &s->v[v->args[0]];
        set_range(v, 0, r->least, r->most);
        return;
    }
    case VALUE_PART: return; /* a float */
    case VALUE_CHOICE: {
        const struct value *a = &s->v[v->args[1]], *b = &s->v[v->args[2]];
        set_range(v, 0, least(a->least, b->least), most(a->most, b->most));
        return;
    }
    case VALUE_REDUCE: reduce_range(s, v); return;
    case VALUE_FN: fn_range(s, v); return;
    }
}

/* --- folding ------------------------------------------------------------ */

static int
is_number(const struct value *v)
{
    return v->op == VALUE_NUMBER;
}

static int
become(struct value *v, int64_t x)
{
    enum value_type t = v->type;
    *v = (struct value){.op = VALUE_NUMBER, .type = t, .integer = x,
                        .var = -1, .site = -1};
    return -1;
}

/* 1: always; 0: never; -1: who knows. Of integers. */
static int
compare_ranges(enum fn f, const struct value *a, const struct value *b)
{
    switch (f) {
    case FN_LT: return a->most < b->least ? 1 : a->least >= b->most ? 0 : -1;
    case FN_LE: return a->most <= b->least ? 1 : a->least > b->most ? 0 : -1;
    case FN_GT: return compare_ranges(FN_LT, b, a);
    case FN_GE: return compare_ranges(FN_LE, b, a);
    case FN_EQ:
        return a->least == a->most && b->least == b->most &&
                       a->least == b->least
                   ? 1
               : a->most < b->least || b->most < a->least ? 0
                                                          : -1;
    default: {
        int same = compare_ranges(FN_EQ, a, b);
        return same < 0 ? -1 : !same;
    }
    }
}

static int
fold_logic(const struct values *s, struct value *v)
{
    const struct value *a = &s->v[v->args[0]];
    if (v->fn == FN_NOT)
        return is_number(a) ? become(v, !a->integer) : -1;
    const struct value *b = &s->v[v->args[1]];
    int decides = v->fn == FN_OR;
    if (v->args[0] == v->args[1])
        return v->args[0];
    if (is_number(a))
        return (a->integer != 0) == decides ? v->args[0] : v->args[1];
    if (is_number(b))
        return (b->integer != 0) == decides ? v->args[1] : v->args[0];
    return -1;
}

static int
fold_integers(struct value *v, const struct value *a, const struct value *b)
{
    int64_t x;
    switch (v->fn) {
    case FN_ADD:
        return __builtin_add_overflow(a->integer, b->integer, &x)
                   ? -1 : become(v, x);
    case FN_SUB:
        return __builtin_sub_overflow(a->integer, b->integer, &x)
                   ? -1 : become(v, x);
    case FN_MUL:
        return __builtin_mul_overflow(a->integer, b->integer, &x)
                   ? -1 : become(v, x);
    default: return -1;
    }
}

static int
fold_cast(const struct values *s, struct value *v)
{
    const struct value *a = &s->v[v->args[0]];
    if (!is_number(a) || is_float(a->type))
        return -1;
    if (!is_float(v->type))
        return v->lo < v->hi || (v->type == VALUE_I32 &&
                                 !einc_value_narrow(a))
                   ? -1 : become(v, a->integer);
    double x = v->type == VALUE_F32 ? (double)(float)a->integer
                                    : (double)a->integer;
    *v = (struct value){.op = VALUE_NUMBER, .type = v->type, .number = x,
                        .var = -1, .site = -1};
    return -1;
}

int
einc_value_fold(const struct values *s, struct value *v)
{
    const struct value *a = &s->v[v->args[0]];
    const struct value *b = v->n_args > 1 ? &s->v[v->args[1]] : a;
    switch (v->fn) {
    case FN_NOT: case FN_AND: case FN_OR: return fold_logic(s, v);
    case FN_SELECT:
        if (v->args[1] == v->args[2] && !a->pinned)
            return v->args[1];
        return is_number(a) ? v->args[a->integer ? 1 : 2] : -1;
    case FN_CAST: return fold_cast(s, v);
    case FN_LT: case FN_LE: case FN_GT: case FN_GE: case FN_EQ: case FN_NE:
        if (!is_float(a->type) && !a->pinned && !b->pinned) {
            int known = compare_ranges(v->fn, a, b);
            return known < 0 ? -1 : become(v, known);
        }
        return -1;
    default: break;
    }
    if (v->type != VALUE_I64)
        return -1;
    if (is_number(a) && is_number(b) && v->n_args == 2)
        return fold_integers(v, a, b);
    if (is_number(a) && v->fn == FN_NEG && a->integer != INT64_MIN)
        return become(v, -a->integer);
    return -1;
}

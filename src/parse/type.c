/* SPDX-License-Identifier: MIT
 *
 * type.c - drafts -> nodes: see type.h. A value is weak while it is made of
 * numbers, parameters and indices only: it is computed in f64, or exactly in
 * i64, and takes the type of what it meets.
 */
#include "parse/type.h"

#include <assert.h>
#include <math.h>

#include "parse/interval.h"
#include "parse/open.h"

enum { MAX_POWER = 1024 }; /* x^n by multiplication */

struct typed {
    const struct node *node;
    int weak;
};

static struct typed type(struct resolver *r, const struct draft *d);

static enum dtype_kind
kind_of(enum einc_dtype t)
{
    return einc_dtype_info(t)->kind;
}

static int
is_integer(enum einc_dtype t)
{
    return kind_of(t) == KIND_INT || kind_of(t) == KIND_UINT;
}

static struct node *
new_node(struct resolver *r, enum node_kind kind, enum einc_dtype t,
         struct span at)
{
    struct node *n = NEW(r->perm, struct node, 1);
    n->kind = kind;
    n->type = t;
    n->at = at;
    n->index = -1;
    n->best = -1;
    return n;
}

static struct node *
new_call(struct resolver *r, enum fn fn, enum einc_dtype t, struct span at,
         int n_args)
{
    struct node *n = new_node(r, NODE_CALL, t, at);
    n->fn = fn;
    n->n_args = n_args;
    n->args = NEW(r->perm, const struct node *, n_args);
    return n;
}

/* --- numbers and casts ---------------------------------------------------- */

static int64_t
wrap(int64_t v, enum einc_dtype t)
{
    switch (t) {
    case EINC_I8: return (int8_t)v;
    case EINC_U8: return (uint8_t)v;
    case EINC_I16: return (int16_t)v;
    case EINC_U16: return (uint16_t)v;
    case EINC_I32: return (int32_t)v;
    case EINC_U32: return (uint32_t)v;
    case EINC_BOOL: return v != 0;
    default: return v;
    }
}

/* Toward zero; what does not fit the type that t is computed in is the
 * nearest that does, NaN is 0. */
static int64_t
truncate(double x, enum einc_dtype t)
{
    int is_short = einc_fn_compute(t) == EINC_I32;
    double end = is_short ? 0x1p31 : 0x1p63;
    if (x != x)
        return 0;
    if (x >= end)
        return is_short ? INT32_MAX : INT64_MAX;
    if (x <= -end)
        return is_short ? INT32_MIN : INT64_MIN;
    return (int64_t)x;
}

static double
value_of(const struct node *n)
{
    return kind_of(n->type) >= KIND_FLOAT ? n->number : (double)n->integer;
}

/* A number of type t: floats are rounded as the compute type rounds. */
static struct node *
new_number(struct resolver *r, const struct node *of, enum einc_dtype t)
{
    struct node *n = new_node(r, NODE_NUMBER, t, of->at);
    n->size_of = of->size_of;
    int was_float = kind_of(of->type) >= KIND_FLOAT;
    if (t == EINC_BOOL)
        n->integer = was_float ? of->number != 0 : of->integer != 0;
    else if (kind_of(t) < KIND_FLOAT)
        n->integer = wrap(was_float ? truncate(of->number, t) : of->integer,
                          t);
    else
        n->number = value_of(of);
    if (kind_of(t) >= KIND_FLOAT && einc_dtype_roundoff(
            einc_fn_compute(t)) > 0x1p-53)
        n->number = (double)(float)n->number;
    return n;
}

/* c ? 1 : 0 */
static int
is_choice(const struct node *n)
{
    return n->kind == NODE_CALL && n->fn == FN_SELECT
           && n->args[1]->kind == NODE_NUMBER
           && n->args[2]->kind == NODE_NUMBER;
}

static const struct node *
cast(struct resolver *r, const struct node *n, enum einc_dtype t)
{
    if (n->type == t)
        return n;
    if (n->kind == NODE_NUMBER)
        return new_number(r, n, t);
    if (is_choice(n)) {
        struct node *s = new_call(r, FN_SELECT, t, n->at, 3);
        s->args[0] = n->args[0];
        s->args[1] = new_number(r, n->args[1], t);
        s->args[2] = new_number(r, n->args[2], t);
        return s;
    }
    struct node *c = new_call(r, FN_CAST, t, n->at, 1);
    c->args[0] = n;
    return c;
}

static const struct node *
truth(struct resolver *r, const struct node *n)
{
    if (n->type == EINC_BOOL || n->kind == NODE_NUMBER)
        return cast(r, n, EINC_BOOL);
    struct node *zero = new_node(r, NODE_NUMBER, n->type, n->at);
    struct node *c = new_call(r, FN_NE, EINC_BOOL, n->at, 2);
    c->args[0] = n;
    c->args[1] = zero;
    return c;
}

/* --- promotion ------------------------------------------------------------ */

/* Whether all values of a weak integer are some of type t. */
static int
fits(const struct resolver *r, const struct draft *d, enum einc_dtype t)
{
    struct interval v = einc_interval(r, d);
    return einc_interval_is_finite(v) && wrap(v.lo, t) == v.lo
           && wrap(v.hi, t) == v.hi
           && (t != EINC_U64 || v.lo >= 0);
}

/* The type of a weak value beside a strong one. A number that an integer type
 * cannot hold makes it i64. */
static enum einc_dtype
beside(const struct resolver *r, const struct draft *d,
       const struct node *weak, enum einc_dtype strong)
{
    if (kind_of(strong) >= KIND_FLOAT)
        return strong;
    if (kind_of(weak->type) >= KIND_FLOAT)
        return EINC_F32;
    if (strong == EINC_BOOL)
        return weak->type == EINC_BOOL ? strong : EINC_I64;
    return fits(r, d, strong) ? strong : EINC_I64;
}

struct common {
    enum einc_dtype type;
    int weak;
};

/* What arguments from..n are promoted to. */
static struct common
promote(struct resolver *r, const struct draft *d, const struct typed *args,
        int from)
{
    struct common c = {EINC_DTYPE_NONE, 1};
    for (int i = from; i < d->n_args; i++) {
        enum einc_dtype t = args[i].node->type;
        if (args[i].weak)
            continue;
        c.type = c.weak ? t : einc_fn_promote(c.type, t);
        c.weak = 0;
    }
    enum einc_dtype strong = c.type;
    for (int i = from; i < d->n_args; i++) {
        const struct node *n = args[i].node;
        if (!args[i].weak)
            continue;
        enum einc_dtype t = c.weak ? n->type
                                   : beside(r, d->args[i], n, strong);
        c.type = c.type ? einc_fn_promote(c.type, t) : t;
    }
    return c;
}

/* --- faults --------------------------------------------------------------- */

static _Noreturn void
no_complex(struct resolver *r, struct span at, const char *what)
{
    einc_fail(r->cx, EINC_EDTYPE, "E504", at,
              "'%s' has no meaning for complex numbers", what);
}

static void
check_call(struct resolver *r, const struct draft *d, const struct typed *args)
{
    const struct fn_info *f = einc_fn_info(d->fn);
    int bools = 1;
    for (int i = 0; i < d->n_args; i++) {
        int first = d->fn == FN_SELECT && i == 0;
        if (kind_of(args[i].node->type) == KIND_COMPLEX
            && (!f->complex || first))
            no_complex(r, d->args[i]->at, f->name);
        bools &= args[i].node->type == EINC_BOOL;
    }
    if (bools && (d->fn == FN_NEG || d->fn == FN_SUB))
        einc_fail(r->cx, EINC_EDTYPE, "E505", d->at,
                  "'-' has no meaning for bool; cast: 'i32(...)'");
}

/* --- folding -------------------------------------------------------------- */

static int
fold_integers(struct resolver *r, const struct node *call, int64_t a,
              int64_t b, int64_t *v)
{
    int overflows = 0;
    switch (call->fn) {
    case FN_NEG: overflows = __builtin_sub_overflow(0, a, v); break;
    case FN_ADD: overflows = __builtin_add_overflow(a, b, v); break;
    case FN_SUB: overflows = __builtin_sub_overflow(a, b, v); break;
    case FN_MUL: overflows = __builtin_mul_overflow(a, b, v); break;
    case FN_MAXIMUM: *v = a > b ? a : b; return 1;
    case FN_MINIMUM: *v = a < b ? a : b; return 1;
    case FN_FLOOR: case FN_CEIL: case FN_ROUND: *v = a; return 1;
    case FN_MOD:
        if (b == 0 || b == -1) {
            *v = 0;
        } else {
            *v = a % b;
            if (*v != 0 && (*v < 0) != (b < 0))
                *v += b;
        }
        return 1;
    default: return 0;
    }
    if (overflows)
        einc_fail(r->cx, EINC_ELIMIT, "E805", call->at,
                  "'%s' does not fit 64 bits",
                  einc_resolve_show(r, call->at));
    return 1;
}

/* What is exact, or correctly rounded, and so the same everywhere. */
static int
fold_floats(enum fn fn, double a, double b, double *v)
{
    switch (fn) {
    case FN_NEG: *v = -a; return 1;
    case FN_ADD: *v = a + b; return 1;
    case FN_SUB: *v = a - b; return 1;
    case FN_MUL: *v = a * b; return 1;
    case FN_DIV: *v = a / b; return 1;
    case FN_SQRT: *v = sqrt(a); return 1;
    case FN_FLOOR: *v = floor(a); return 1;
    case FN_CEIL: *v = ceil(a); return 1;
    default: return 0;
    }
}

/* The number that a call of weak numbers is, or the call. */
static const struct node *
fold(struct resolver *r, struct node *call)
{
    const struct node *a = call->args[0], *b = call->args[call->n_args - 1];
    if (call->n_args > 2 || a->kind != NODE_NUMBER || b->kind != NODE_NUMBER
        || a->type != call->type || b->type != call->type
        || einc_open_of(&r->b->open, a) >= 0
        || einc_open_of(&r->b->open, b) >= 0)
        return call;
    struct node *n = new_node(r, NODE_NUMBER, call->type, call->at);
    int done = 0;
    if (call->type == EINC_I64)
        done = fold_integers(r, call, a->integer, b->integer, &n->integer);
    else if (call->type == EINC_F64)
        done = fold_floats(call->fn, a->number, b->number, &n->number);
    return done ? n : call;
}

/* --- calls ---------------------------------------------------------------- */

static enum einc_dtype
part_type(enum einc_dtype t)
{
    return t == EINC_C64 ? EINC_F32 : t == EINC_C128 ? EINC_F64 : t;
}

/* Floats for a function of floats: f32 for integers; f64 while it is weak,
 * and for positions, which are exact there. */
static enum einc_dtype
float_of(const struct resolver *r, enum einc_dtype t, int weak)
{
    if (kind_of(t) >= KIND_FLOAT)
        return t;
    return weak || r->in_subscript ? EINC_F64 : EINC_F32;
}

static struct typed
finish_call(struct resolver *r, const struct draft *d, struct typed *args,
            enum einc_dtype arg, enum einc_dtype result, int weak)
{
    struct node *n = new_call(r, d->fn, result, d->at, d->n_args);
    for (int i = 0; i < d->n_args; i++)
        n->args[i] = cast(r, args[i].node, arg);
    return (struct typed){weak ? fold(r, n) : n, weak};
}

/* x^n by multiplication, n being a small integer that is written so. */
static int
is_power(const struct typed *args)
{
    const struct node *n = args[1].node;
    return args[1].weak && n->kind == NODE_NUMBER && n->type == EINC_I64
           && n->integer >= -MAX_POWER && n->integer <= MAX_POWER;
}

/* x^n if that fits; n >= 0 */
static int
raise(int64_t x, int64_t n, int64_t *value)
{
    *value = 1;
    for (; n > 0; n--)
        if (__builtin_mul_overflow(*value, x, value))
            return 0;
    return 1;
}

static struct typed
type_power(struct resolver *r, const struct draft *d, struct typed *args)
{
    const struct node *x = args[0].node;
    int64_t power = args[1].node->integer;
    enum einc_dtype t = x->type;
    if (t == EINC_BOOL)
        t = EINC_I64;
    if (power < 0)
        t = float_of(r, t, args[0].weak);
    struct node *n = new_call(r, FN_POWI, t, d->at, 1);
    int64_t value;
    if (x->kind == NODE_NUMBER && t == EINC_I64 && args[0].weak
        && raise(x->integer, power, &value)) {
        n = new_node(r, NODE_NUMBER, t, d->at);
        n->integer = value;
        return (struct typed){n, 1};
    }
    n->args[0] = cast(r, x, t);
    n->integer = power;
    return (struct typed){n, args[0].weak};
}

static struct typed
type_logic(struct resolver *r, const struct draft *d,
           const struct typed *args)
{
    struct node *n = new_call(r, d->fn, EINC_BOOL, d->at, d->n_args);
    for (int i = 0; i < d->n_args; i++)
        n->args[i] = truth(r, args[i].node);
    return (struct typed){n, 0};
}

static struct typed
type_select(struct resolver *r, const struct draft *d,
            const struct typed *args)
{
    struct common c = promote(r, d, args, 1);
    struct node *n = new_call(r, FN_SELECT, c.type, d->at, 3);
    n->args[0] = truth(r, args[0].node);
    n->args[1] = cast(r, args[1].node, c.type);
    n->args[2] = cast(r, args[2].node, c.type);
    return (struct typed){n, c.weak};
}

static int
is_rounding(enum fn fn)
{
    return fn == FN_FLOOR || fn == FN_CEIL || fn == FN_ROUND;
}

static struct typed
type_call(struct resolver *r, const struct draft *d)
{
    struct typed *args = NEW(&r->scratch, struct typed, d->n_args);
    for (int i = 0; i < d->n_args; i++)
        args[i] = type(r, d->args[i]);
    if (d->fn == FN_POW && is_power(args))
        return type_power(r, d, args);
    check_call(r, d, args);
    const struct fn_info *f = einc_fn_info(d->fn);
    if (f->rule == RULE_LOGIC)
        return type_logic(r, d, args);
    if (f->rule == RULE_SELECT)
        return type_select(r, d, args);
    struct common c = promote(r, d, args, 0);
    enum einc_dtype result = c.type;
    switch (f->rule) {
    case RULE_FLOAT:
        c.type = result = float_of(r, c.type, c.weak);
        break;
    case RULE_COMPARE: return finish_call(r, d, args, c.type, EINC_BOOL, 0);
    case RULE_REAL: result = part_type(c.type); break;
    default: break;
    }
    struct typed v = finish_call(r, d, args, c.type, result, c.weak);
    if (r->in_subscript && is_rounding(d->fn)
        && kind_of(result) == KIND_FLOAT) /* floor(i/2)%3 is a position */
        v.node = cast(r, v.node, EINC_I64);
    return v;
}

/* --- accesses ------------------------------------------------------------- */

/* A position: whole numbers are i64, computed without wrapping. */
static const struct node *
type_position(struct resolver *r, const struct draft *d)
{
    int outer = r->in_subscript;
    r->in_subscript = 1;
    struct typed v = type(r, d);
    r->in_subscript = outer;
    enum einc_dtype t = v.node->type;
    if (!is_integer(t))
        einc_fail(r->cx, EINC_EDTYPE, "E506", d->at,
                  "'%s' is %s; a position must be an integer",
                  einc_resolve_show(r, d->at), einc_dtype_info(t)->name);
    return cast(r, v.node, EINC_I64);
}

static const struct node *
add_positions(struct resolver *r, const struct node *a, const struct node *b)
{
    struct node *n = new_call(r, FN_ADD, EINC_I64, b->at, 2);
    n->args[0] = a;
    n->args[1] = b;
    return n;
}

static const struct node *
scale_position(struct resolver *r, const struct node *n, int64_t coef)
{
    if (coef == 1)
        return n;
    struct node *c = new_node(r, NODE_NUMBER, EINC_I64, n->at);
    struct node *p = new_call(r, FN_MUL, EINC_I64, n->at, 2);
    c->integer = coef;
    p->args[0] = c;
    p->args[1] = n;
    return p;
}

static struct subscript
type_sub(struct resolver *r, const struct draft_sub *u)
{
    struct subscript s = {.constant = u->constant, .terms = u->terms,
                          .n_terms = u->n_terms, .mode = u->mode,
                          .pad_lo = u->pad_lo, .pad_hi = u->pad_hi,
                          .checked = u->checked, .site = u->site,
                          .at = u->at};
    for (int i = 0; i < u->n_parts; i++) {
        const struct node *n = scale_position(
            r, type_position(r, u->parts[i].value), u->parts[i].coef);
        s.rest = s.rest ? add_positions(r, s.rest, n) : n;
    }
    return s;
}

static const struct node *
type_fill(struct resolver *r, const struct draft *fill, enum einc_dtype t)
{
    struct typed v = type(r, fill);
    if (v.node->kind != NODE_NUMBER)
        einc_fail(r->cx, EINC_EPARSE, "E605", fill->at,
                  "what is read outside must be a number");
    if (kind_of(v.node->type) >= KIND_FLOAT && kind_of(t) < KIND_FLOAT)
        einc_fail(r->cx, EINC_EDTYPE, "E507", fill->at,
                  "%s holds no '%s'", einc_dtype_info(t)->name,
                  einc_resolve_show(r, fill->at));
    return cast(r, v.node, einc_fn_compute(t));
}

static struct access
type_access(struct resolver *r, const struct draft_access *a)
{
    const struct named *n = &r->tensors[a->tensor];
    struct access x = {.tensor = a->tensor, .n_subs = a->n_subs,
                       .at = a->at};
    x.subs = NEW(r->perm, struct subscript, a->n_subs);
    int outer = r->in_subscript;
    r->in_subscript = 0;
    for (int i = 0; i < a->n_subs; i++)
        x.subs[i] = type_sub(r, &a->subs[i]);
    if (a->fill)
        x.fill = type_fill(r, a->fill, n->dtype);
    r->in_subscript = outer;
    return x;
}

/* An output whose type is not known yet takes that of what it meets. */
static struct typed
type_read(struct resolver *r, const struct draft *d)
{
    const struct named *n = &r->tensors[d->access->tensor];
    if (!n->dtype) {
        assert(d->access->is_self);
        struct node *one = new_node(r, NODE_NUMBER, EINC_I64, d->at);
        return (struct typed){one, 1};
    }
    struct access *a = NEW(r->perm, struct access, 1);
    *a = type_access(r, d->access);
    struct node *x = new_node(r, NODE_ACCESS, n->dtype, d->at);
    x->access = a;
    if (r->in_subscript && is_integer(n->dtype))
        return (struct typed){cast(r, x, EINC_I64), 0};
    return (struct typed){x, 0};
}

/* --- reductions ----------------------------------------------------------- */

static void
check_reduce(struct resolver *r, const struct draft *d, enum einc_dtype t)
{
    static const unsigned complex = 1u << REDOP_SUM | 1u << REDOP_PROD
                                    | 1u << REDOP_MEAN | 1u << REDOP_ANY
                                    | 1u << REDOP_ALL | 1u << REDOP_COUNT;
    if (kind_of(t) == KIND_COMPLEX && !(complex >> d->redop & 1))
        no_complex(r, d->at, einc_tree_redop_name(d->redop));
}

/* Type of the body and of the value. */
static enum einc_dtype
reduce_types(const struct resolver *r, const struct draft *d,
             enum einc_dtype *body, int *weak)
{
    switch (d->redop) {
    case REDOP_ANY: case REDOP_ALL:
        *weak = 0;
        return *body = EINC_BOOL;
    case REDOP_COUNT:
        *weak = 0;
        *body = EINC_BOOL;
        return EINC_I64;
    case REDOP_ARGMAX: case REDOP_ARGMIN: case REDOP_ARGKMIN:
    case REDOP_ARGKMAX:
        *weak = 0;
        return EINC_I64;
    case REDOP_MEAN: case REDOP_LOGSUMEXP:
        return *body = float_of(r, *body, *weak);
    default: return *body;
    }
}

/* Floats have an identity for max and min, and positions of nothing are none:
 * over a range that is empty whatever the data, both are faults. */
static void
check_empty(struct resolver *r, const struct draft *d, enum einc_dtype body)
{
    int arg = d->redop == REDOP_ARGMAX || d->redop == REDOP_ARGMIN;
    int extreme = d->redop == REDOP_MAX || d->redop == REDOP_MIN;
    if (!arg && !(extreme && kind_of(body) < KIND_FLOAT))
        return;
    for (int i = 0; i < d->n_bound; i++) {
        const struct draft_index *x = &r->indices[d->bound[i]];
        if (x->hi <= x->lo)
            einc_fail(r->cx, EINC_ESHAPE, "E714", d->name_at,
                      "%s over no '%s' at all has no value",
                      einc_tree_redop_name(d->redop),
                      einc_diag_show(r->cx, x->name, 40));
    }
}

static struct typed
type_reduce(struct resolver *r, const struct draft *d)
{
    struct typed v = type(r, d->args[0]);
    check_reduce(r, d, v.node->type);
    enum einc_dtype body = v.node->type;
    enum einc_dtype t = reduce_types(r, d, &body, &v.weak);
    check_empty(r, d, body);
    struct node *n = new_node(r, NODE_REDUCE, t, d->at);
    n->redop = d->redop;
    n->n_args = 1;
    n->args = NEW(r->perm, const struct node *, 1);
    n->args[0] = body == EINC_BOOL ? truth(r, v.node) : cast(r, v.node, body);
    n->n_bound = d->n_bound;
    n->bound = NEW(r->perm, int, d->n_bound);
    for (int i = 0; i < d->n_bound; i++)
        n->bound[i] = d->bound[i];
    n->best = d->best;
    if (d->guard) {
        struct typed g = type(r, d->guard);
        if (kind_of(g.node->type) == KIND_COMPLEX)
            no_complex(r, d->guard->at, "if");
        n->guard = truth(r, g.node);
    }
    return (struct typed){n, v.weak};
}

/* --- everything ----------------------------------------------------------- */

static struct typed
type_number(struct resolver *r, const struct draft *d)
{
    enum einc_dtype t = d->is_bool ? EINC_BOOL
                        : d->is_integer ? EINC_I64 : EINC_F64;
    struct node *n = new_node(r, NODE_NUMBER, t, d->at);
    n->integer = d->is_bool ? d->number != 0 || d->integer != 0 : d->integer;
    n->number = t == EINC_F64 ? d->number : 0;
    return (struct typed){n, !d->is_bool};
}

/* Indices of one name have one size, and that does not change. Returns one
 * more than the number of the first of them, 0: it is no size(). */
static int
check_size(struct resolver *r, const struct draft *d)
{
    const struct draft_index *first = NULL;
    int found = 0;
    for (int i = 0; d->kind == DRAFT_SIZE && i < r->s->n_indices; i++) {
        int number = r->s->first_index + i;
        const struct draft_index *x = &r->indices[number];
        if (d->index >= 0 ? number != d->index
                          : !str_equal(x->name, d->name))
            continue;
        if (x->rule == RANGE_OUTER || x->rule == RANGE_DATA)
            einc_fail(r->cx, EINC_ESHAPE, "E609", d->at,
                      "'%s' has no constant size",
                      einc_diag_show(r->cx, d->name, 40));
        if (first && first->hi - first->lo != x->hi - x->lo)
            einc_fail(r->cx, EINC_ESHAPE, "E609", d->at,
                      "'%s' has several sizes: %lld and %lld",
                      einc_diag_show(r->cx, d->name, 40),
                      (long long)(first->hi - first->lo),
                      (long long)(x->hi - x->lo));
        found = first ? found : number + 1;
        first = x;
    }
    return found;
}

static struct typed
type_size(struct resolver *r, const struct draft *d)
{
    struct node *n = new_node(r, NODE_NUMBER, EINC_I64, d->at);
    n->size_of = check_size(r, d);
    int known = einc_range_size(r, d, &n->integer);
    assert(known);
    (void)known;
    return (struct typed){n, 1};
}

/* Whether a value is one of its type already, not only of the wider type that
 * it is computed in. */
static int
is_held(const struct node *n)
{
    return einc_fn_compute(n->type) == n->type || n->kind == NODE_ACCESS ||
           (n->kind == NODE_NUMBER && kind_of(n->type) < KIND_FLOAT) ||
           (n->kind == NODE_CALL && n->fn == FN_CAST);
}

/* What is written as a cast wraps and rounds, also to the type that the value
 * has on paper: i8(a+a) of an i8, f16(a*a) of an f16, f16(0.1). */
static const struct node *
written_cast(struct resolver *r, const struct node *n, enum einc_dtype t)
{
    n = cast(r, n, t);
    if (is_held(n))
        return n;
    struct node *c = new_call(r, FN_CAST, t, n->at, 1);
    c->args[0] = n;
    return c;
}

static struct typed
type_cast(struct resolver *r, const struct draft *d)
{
    struct typed v = type(r, d->args[0]);
    if (kind_of(v.node->type) == KIND_COMPLEX
        && kind_of(d->cast) != KIND_COMPLEX)
        einc_fail(r->cx, EINC_EDTYPE, "E504", d->at,
                  "a complex number is no %s; take its real() or imag()",
                  einc_dtype_info(d->cast)->name);
    const struct node *n = d->cast == EINC_BOOL ? truth(r, v.node)
                                                : written_cast(r, v.node,
                                                               d->cast);
    return (struct typed){n, 0};
}

static struct typed
type_made(struct resolver *r, const struct draft *d)
{
    switch (d->kind) {
    case DRAFT_NUMBER: return type_number(r, d);
    case DRAFT_INDEX: {
        struct node *n = new_node(r, NODE_INDEX, EINC_I64, d->at);
        n->index = d->index;
        return (struct typed){n, 1};
    }
    case DRAFT_ACCESS: return type_read(r, d);
    case DRAFT_CALL: return type_call(r, d);
    case DRAFT_CAST: return type_cast(r, d);
    case DRAFT_SIZE: case DRAFT_DIM: return type_size(r, d);
    case DRAFT_REDUCE: return type_reduce(r, d);
    }
    assert(0);
    return (struct typed){NULL, 0};
}

/* A logsumexp that softmax made is one node, wherever it is used. */
static struct typed
type(struct resolver *r, const struct draft *d)
{
    struct memo *m = d->memo;
    if (m && m->pass == r->pass)
        return (struct typed){m->node, m->weak};
    struct typed v = type_made(r, d);
    if (m)
        *m = (struct memo){v.node, v.weak, r->pass};
    if (d->lse && v.node->kind == NODE_CALL) {
        struct node *n = NEW(r->perm, struct node, 1);
        *n = *v.node;
        n->lse = type(r, d->lse).node;
        v.node = n;
    }
    return v;
}

/* --- statements ----------------------------------------------------------- */

static enum einc_dtype
alone(const struct typed *v)
{
    if (!v->weak)
        return v->node->type;
    return kind_of(v->node->type) >= KIND_FLOAT ? EINC_F32 : EINC_I64;
}

/* "cast it: 'f32(...)'", and of an implied sum 'f32(sum[k](...))'. */
static void
propose_cast(struct resolver *r, struct diag *d, const struct draft_stmt *s,
             enum einc_dtype to)
{
    const struct tree *right = s->tree->right;
    const char *name = einc_dtype_info(to)->name;
    int implied = s->right->kind == DRAFT_REDUCE && right->kind != TREE_REDUCE
                  && s->right->redop == REDOP_SUM;
    struct text head = {.perm = r->cx->perm}, says = {.perm = r->cx->perm};
    einc_put(&head, "%s(", name);
    for (int i = 0; implied && i < s->right->n_bound; i++)
        einc_put(&head, "%s%s", i ? "," : "sum[",
                 einc_diag_show(r->cx, r->indices[s->right->bound[i]].name,
                                40));
    einc_put(&head, implied ? "](" : "");
    einc_put(&says, "cast it: '%s...%s'", einc_text_z(&head),
             implied ? "))" : ")");
    struct edit edits[2] = {
        {{right->at.begin, right->at.begin}, str_of(einc_text_z(&head))},
        {{right->at.end, right->at.end}, str_of(implied ? "))" : ")")}};
    einc_resolve_propose(r, d, einc_text_z(&says), edits, 2);
}

/* The right side as the left tensor takes it. A wider type of the tensor is
 * fine, a narrower one is not; weak values take the type that there is. */
static const struct node *
store(struct resolver *r, const struct draft_stmt *s, struct typed v)
{
    struct named *n = &r->tensors[s->left->tensor];
    enum einc_dtype t = v.node->type;
    int loses = v.weak ? kind_of(t) >= KIND_FLOAT
                             && kind_of(n->dtype) < KIND_FLOAT
                       : einc_fn_promote(n->dtype, t) != n->dtype;
    if (loses) {
        struct diag *d = einc_diag_add(
            r->cx, EINC_EDTYPE, "E502", "'%s' is %s, which does not hold the"
            " %s of the right side", einc_resolve_name(r, s->left->tensor),
            einc_dtype_info(n->dtype)->name,
            einc_dtype_info(v.weak ? alone(&v) : t)->name);
        einc_diag_mark(r->cx, d, s->left->at, -1, -1, "%s", "");
        propose_cast(r, d, s, n->dtype);
        einc_diag_stop(r->cx);
    }
    return cast(r, v.node, n->dtype);
}

struct stmt
einc_type_stmt(struct resolver *r, struct draft_stmt *s)
{
    struct named *n = &r->tensors[s->left->tensor];
    r->pass++;
    struct typed v = type(r, s->right);
    if (!n->dtype) {
        n->dtype = alone(&v);
        r->pass++;
        v = type(r, s->right); /* which may read it */
    }
    struct stmt made = {.op = s->op, .loops = s->loops, .n_loops = s->n_loops,
                        .first_index = s->first_index,
                        .n_indices = s->n_indices,
                        .scatters = s->scatters, .at = s->tree->at};
    made.right = store(r, s, v);
    made.left = type_access(r, s->left);
    return made;
}

/* The end of a range that `where` keeps on one side of a constant. */
static const struct node *
cut_end(struct resolver *r, const struct node *end, enum fn fn, int64_t at)
{
    struct node *c = new_node(r, NODE_NUMBER, EINC_I64, end->at);
    struct node *n = new_call(r, fn, EINC_I64, end->at, 2);
    c->integer = at;
    n->args[0] = end;
    n->args[1] = c;
    return n;
}

struct index
einc_type_index(struct resolver *r, const struct draft_index *x)
{
    struct index i = {.name = x->name, .lo = x->lo, .hi = x->hi,
                      .site = x->site, .kind = x->kind, .at = x->at};
    r->s = &r->stmts[x->stmt];
    r->pass++;
    if (x->rule == RANGE_OUTER || x->rule == RANGE_DATA) {
        i.from = type_position(r, x->from);
        i.to = type_position(r, x->to);
    }
    if (i.from && x->within[0]) {
        i.from = cut_end(r, i.from, FN_MAXIMUM, x->lo);
        i.to = cut_end(r, i.to, FN_MINIMUM, x->hi);
    }
    return i;
}

/* SPDX-License-Identifier: MIT
 *
 * linear.c - subscripts as constant + sum(coef * index) + what is not affine;
 * see linear.h.
 */
#include "parse/linear.h"

#include <assert.h>

struct form {
    struct resolver *r;
    struct draft_sub *s;
    int waits; /* for a size() that is not known yet */
};

static _Noreturn void
too_large(const struct form *f)
{
    einc_fail(f->r->cx, EINC_ELIMIT, "E805", f->s->at,
              "positions of '%s' do not fit 64 bits",
              einc_resolve_show(f->r, f->s->at));
}

static int64_t
times(const struct form *f, int64_t a, int64_t b)
{
    int64_t p;
    if (__builtin_mul_overflow(a, b, &p))
        too_large(f);
    return p;
}

static int64_t
plus(const struct form *f, int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        too_large(f);
    return sum;
}

/* Whether it holds a size() that is not known yet. */
static int
waits(const struct resolver *r, const struct draft *d)
{
    int64_t size;
    if (d->kind == DRAFT_SIZE || d->kind == DRAFT_DIM)
        return !einc_range_size(r, d, &size);
    for (int i = 0; i < d->n_args; i++)
        if (waits(r, d->args[i]))
            return 1;
    return 0;
}

/* Whether its value is a whole number. What data are is seen by type.c. */
static int
is_whole(const struct draft *d)
{
    int from = 0;
    switch (d->kind) {
    case DRAFT_NUMBER: return d->is_integer && !d->is_bool;
    case DRAFT_CAST: return einc_dtype_info(d->cast)->kind <= KIND_UINT;
    case DRAFT_CALL: break;
    default: return 1;
    }
    if (d->fn == FN_FLOOR || d->fn == FN_CEIL || d->fn == FN_ROUND)
        return 1;
    if (d->fn == FN_SELECT)
        from = 1;
    else if (einc_fn_info(d->fn)->rule != RULE_SAME && d->fn != FN_ABS)
        return 0;
    for (int i = from; i < d->n_args; i++)
        if (!is_whole(d->args[i]))
            return 0;
    return 1;
}

static void
not_whole(struct resolver *r, const struct draft *d)
{
    struct diag *g =
        einc_diag_add(r->cx, EINC_EPARSE, "E603",
                      "a subscript must be an integer; '%s' is not",
                      einc_resolve_show(r, d->at));
    einc_diag_mark(r->cx, g, d->at, -1, -1, "%s", "");
    struct edit edits[2] = {
        {{d->at.begin, d->at.begin}, str_of("floor(")},
        {{d->at.end, d->at.end}, str_of(")")}};
    struct text hint = {.perm = r->cx->perm};
    einc_put(&hint, "write 'floor(%s)'", einc_resolve_show(r, d->at));
    einc_resolve_propose(r, g, einc_text_z(&hint), edits, 2);
    einc_diag_stop(r->cx);
}

enum einc_constant
einc_linear_constant(struct resolver *r, const struct draft *d,
                     int64_t *value)
{
    if (d->has)
        return CONSTANT_NOT;
    if (waits(r, d))
        return CONSTANT_WAITS;
    struct interval v = einc_interval(r, d);
    *value = v.lo;
    return is_whole(d) && v.lo == v.hi ? CONSTANT_KNOWN : CONSTANT_NOT;
}

static void
add_term(struct form *f, int index, int64_t coef)
{
    struct draft_sub *s = f->s;
    for (int i = 0; i < s->n_terms; i++)
        if (s->terms[i].index == index) {
            s->terms[i].coef = plus(f, s->terms[i].coef, coef);
            return;
        }
    s->terms = GROW(f->r->perm, struct affine_term, s->terms, s->n_terms);
    s->terms[s->n_terms++] = (struct affine_term){index, coef};
}

/* A remainder by 0 is no position. */
static void
check_divisors(struct resolver *r, const struct draft *d)
{
    int64_t by;
    for (int i = 0; i < d->n_args; i++)
        check_divisors(r, d->args[i]);
    if (d->kind == DRAFT_CALL && d->fn == FN_MOD &&
        einc_linear_constant(r, d->args[1], &by) == CONSTANT_KNOWN && by == 0)
        einc_fail(r->cx, EINC_EPARSE, "E603", d->at,
                  "a subscript must be an integer; '%s' divides by 0",
                  einc_resolve_show(r, d->at));
}

static void
add_part(struct form *f, const struct draft *d, int64_t coef)
{
    struct draft_sub *s = f->s;
    if (!is_whole(d))
        not_whole(f->r, d);
    check_divisors(f->r, d);
    s->parts = GROW(&f->r->scratch, struct part, s->parts, s->n_parts);
    s->parts[s->n_parts++] = (struct part){coef, d};
}

static void add(struct form *f, const struct draft *d, int64_t coef);

static void
not_affine(struct resolver *r, const struct draft *d)
{
    const struct draft *a = d->args[0], *b = d->args[1];
    int names = a->kind == DRAFT_INDEX && b->kind == DRAFT_INDEX
                && a->index != b->index;
    struct diag *g = einc_diag_add(
        r->cx, EINC_EPARSE, "E603",
        "a subscript must be affine; '%s' multiplies two indices",
        einc_resolve_show(r, d->at));
    einc_diag_mark(r->cx, g, d->at, -1, -1, "%s",
                   names ? "a parameter, once it has a value, is no index"
                         : "");
    einc_diag_stop(r->cx);
}

/* A product with a constant is affine; one of two indices is a fault; others
 * depend on data. */
static void
add_product(struct form *f, const struct draft *d, int64_t coef)
{
    for (int i = 0; i < 2; i++) {
        int64_t value;
        switch (einc_linear_constant(f->r, d->args[i], &value)) {
        case CONSTANT_WAITS:
            f->waits = 1;
            return;
        case CONSTANT_KNOWN:
            add(f, d->args[1 - i], times(f, coef, value));
            return;
        case CONSTANT_NOT: break;
        }
    }
    if (d->args[0]->has == HAS_INDEX && d->args[1]->has == HAS_INDEX)
        not_affine(f->r, d);
    add_part(f, d, coef);
}

static void
add_call(struct form *f, const struct draft *d, int64_t coef)
{
    int64_t value;
    switch (d->fn) {
    case FN_NEG: add(f, d->args[0], times(f, coef, -1)); return;
    case FN_ADD:
    case FN_SUB:
        add(f, d->args[0], coef);
        add(f, d->args[1], d->fn == FN_SUB ? times(f, coef, -1) : coef);
        return;
    case FN_MUL: add_product(f, d, coef); return;
    default: break;
    }
    switch (einc_linear_constant(f->r, d, &value)) {
    case CONSTANT_WAITS: f->waits = 1; return;
    case CONSTANT_KNOWN:
        check_divisors(f->r, d);
        f->s->constant = plus(f, f->s->constant, times(f, coef, value));
        return;
    case CONSTANT_NOT: add_part(f, d, coef);
    }
}

static void
add(struct form *f, const struct draft *d, int64_t coef)
{
    int64_t value;
    switch (d->kind) {
    case DRAFT_NUMBER:
    case DRAFT_SIZE:
    case DRAFT_DIM:
        switch (einc_linear_constant(f->r, d, &value)) {
        case CONSTANT_WAITS: f->waits = 1; return;
        case CONSTANT_KNOWN:
            f->s->constant = plus(f, f->s->constant, times(f, coef, value));
            return;
        case CONSTANT_NOT: not_whole(f->r, d);
        }
        return;
    case DRAFT_INDEX: add_term(f, d->index, coef); return;
    case DRAFT_CALL: add_call(f, d, coef); return;
    default: add_part(f, d, coef);
    }
}

static void
drop_zeros(struct draft_sub *s)
{
    int n = 0;
    for (int i = 0; i < s->n_terms; i++)
        if (s->terms[i].coef != 0)
            s->terms[n++] = s->terms[i];
    s->n_terms = n;
    n = 0;
    for (int i = 0; i < s->n_parts; i++)
        if (s->parts[i].coef != 0)
            s->parts[n++] = s->parts[i];
    s->n_parts = n;
}

/* Sums, differences and products with constants of indices only: nothing that
 * the walk above could fail on. */
static int
is_affine(struct resolver *r, const struct draft *d)
{
    int64_t value;
    if (d->has & HAS_DATA)
        return 0;
    if (!d->has)
        return einc_linear_constant(r, d, &value) == CONSTANT_KNOWN
               && value > -(1 << 30) && value < 1 << 30;
    if (d->kind == DRAFT_INDEX)
        return 1;
    if (d->kind != DRAFT_CALL)
        return 0;
    switch (d->fn) {
    case FN_NEG: return is_affine(r, d->args[0]);
    case FN_ADD: case FN_SUB:
        return is_affine(r, d->args[0]) && is_affine(r, d->args[1]);
    case FN_MUL: /* of an index, so that no product grows large */
        return is_affine(r, d->args[0]) && is_affine(r, d->args[1])
               && (d->args[0]->has ? d->args[0] : d->args[1])->kind
                      == DRAFT_INDEX
               && !(d->args[0]->has && d->args[1]->has);
    default: return 0;
    }
}

int
einc_linear_affine(struct resolver *r, const struct draft *d,
                   struct draft_sub *s)
{
    *s = (struct draft_sub){.value = d, .at = d->at, .site = -1};
    return is_affine(r, d) && einc_linear(r, s) && s->n_parts == 0;
}

/* How far a pad reaches; 0 if it is not known yet. */
static int
read_pad(struct resolver *r, const struct draft *d, int64_t *pad)
{
    *pad = 0;
    if (!d)
        return 1;
    switch (einc_linear_constant(r, d, pad)) {
    case CONSTANT_WAITS: return 0;
    case CONSTANT_NOT:
        einc_fail(r->cx, EINC_EPARSE, "E605", d->at,
                  "how far a pad reaches must be a constant integer");
    case CONSTANT_KNOWN: break;
    }
    if (*pad < 0 || *pad > INT64_MAX / 4)
        einc_fail(r->cx, EINC_EPARSE, "E608", d->at,
                  "a pad cannot reach %lld", (long long)*pad);
    return 1;
}

int
einc_linear(struct resolver *r, struct draft_sub *s)
{
    struct form f = {r, s, 0};
    s->constant = 0;
    s->n_terms = s->n_parts = 0;
    s->terms = NULL;
    s->parts = NULL;
    add(&f, s->value, 1);
    if (f.waits || !read_pad(r, s->pad[0], &s->pad_lo)
        || !read_pad(r, s->pad[1], &s->pad_hi))
        return 0;
    drop_zeros(s);
    s->is_linear = 1;
    return 1;
}

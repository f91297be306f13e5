/* SPDX-License-Identifier: MIT
 *
 * range.c - from sizes to ranges, and back to proofs: see range.h and
 * LANGUAGE, "Ranges".
 */
#include "parse/range.h"

#include <assert.h>

#include "parse/linear.h"

enum {
    SHOWN = 40,        /* columns of the user's text in a message */
    LISTED = 4,        /* names in a message */
    WORK = 4096        /* halvings of ranges for one subscript */
};

/* Values of an index that only data restrict. */
static const int64_t widest = (int64_t)1 << 31;

struct draft_index *
einc_range_root(const struct resolver *r, int index)
{
    struct draft_index *x = &r->indices[index];
    return x->twin >= 0 ? &r->indices[x->twin] : x;
}

static const char *
index_name(struct resolver *r, const struct draft_index *x)
{
    return einc_diag_show(r->cx, x->name, SHOWN);
}

static const struct named *
tensor_of(const struct resolver *r, const struct draft_sub *s)
{
    return &r->tensors[s->access->tensor];
}

static const char *
shape_of(struct resolver *r, const struct named *n)
{
    return einc_stmt_shape(r->cx, n->n_dims, n->shape);
}

static int
number_of(const struct named *n)
{
    return n->kind == TENSOR_OPERAND ? n->number : -1;
}

/* --- sizes ---------------------------------------------------------------- */

int
einc_range_size(const struct resolver *r, const struct draft *d,
                int64_t *size)
{
    if (d->kind == DRAFT_DIM) {
        const struct named *n = &r->tensors[d->tensor];
        if (n->known)
            *size = n->shape[d->dim];
        return n->known;
    }
    const struct draft_index *x = NULL;
    if (d->index >= 0) {
        x = einc_range_root(r, d->index);
    } else {
        for (int i = r->s->first_index; i < r->n_indices && !x; i++)
            if (r->indices[i].stmt == r->s->number
                && str_equal(r->indices[i].name, d->name))
                x = einc_range_root(r, i);
    }
    if (x && x->known)
        *size = x->hi - x->lo;
    return x && x->known;
}

/* --- ranges that are given ------------------------------------------------ */

static void
set_range(struct draft_index *x, int64_t lo, int64_t hi)
{
    x->known = 1;
    x->lo = lo;
    x->hi = hi > lo ? hi : lo;
}

static _Noreturn void
no_range(struct resolver *r, const struct draft_index *x, struct span at)
{
    einc_fail(r->cx, EINC_EPARSE, "E605", at,
              "the range of '%s' must be made of integers",
              index_name(r, x));
}

/* Part of int64 that positions may be in, so that sums of some do not
 * overflow. */
static int
is_moderate(struct interval v)
{
    return v.lo >= -(INT64_MAX / 4) && v.hi <= INT64_MAX / 4;
}

/* Takes from v, half open, what is outside of a constant range. Returns 0 if
 * that is not known yet. */
static int
cut(struct resolver *r, const struct draft_index *x,
    const struct draft *const ends[2], struct span at, struct interval *v)
{
    int64_t to[2];
    for (int i = 0; i < 2; i++) {
        enum einc_constant c = einc_linear_constant(r, ends[i], &to[i]);
        if (c == CONSTANT_WAITS)
            return 0;
        if (c == CONSTANT_NOT)
            no_range(r, x, at);
    }
    if (to[0] > to[1] || !is_moderate((struct interval){to[0], to[1]}))
        einc_fail(r->cx, EINC_EPARSE, "E608", at, "'%s' cannot be in %lld:%lld",
                  index_name(r, x), (long long)to[0], (long long)to[1]);
    v->lo = to[0] > v->lo ? to[0] : v->lo;
    v->hi = to[1] < v->hi ? to[1] : v->hi;
    return 1;
}

/* `where` and bounds of constants. Other bounds restrict a range of `where`
 * at run (type.c). */
static int
settle_where(struct resolver *r, struct draft_index *x)
{
    const struct draft *const ends[2] = {x->from, x->to};
    struct interval v = {INT64_MIN, INT64_MAX};
    if (x->within[0] && !cut(r, x, x->within, x->within_at, &v))
        return 0;
    if (x->rule == RANGE_WHERE && !cut(r, x, ends, x->range_at, &v))
        return 0;
    set_range(x, v.lo, v.hi);
    return 1;
}

/* Of other indices: all values that it may have. */
static int
settle_outer(struct resolver *r, struct draft_index *x)
{
    struct interval from = einc_interval(r, x->from);
    struct interval to = einc_interval(r, x->to);
    struct interval v = {from.lo, to.hi};
    if (!einc_interval_is_finite(v) || !is_moderate(v))
        return 0;
    set_range(x, v.lo, v.hi);
    return 1;
}

static int
settle_given(struct resolver *r, const struct draft_stmt *s)
{
    int n = 0;
    for (int i = 0; i < s->n_indices; i++) {
        struct draft_index *x = &r->indices[s->first_index + i];
        if (x->known || x->twin >= 0)
            continue;
        if (x->rule == RANGE_WHERE || x->within[0])
            n += settle_where(r, x);
        else if (x->rule == RANGE_OUTER)
            n += settle_outer(r, x);
    }
    return n;
}

/* --- bare subscripts ------------------------------------------------------ */

static int
is_inferred(const struct draft_index *x)
{
    return x->rule == RANGE_INFERRED
           || (x->rule == RANGE_DATA && !x->within[0]);
}

static int
is_bare(const struct draft_sub *s)
{
    return s->is_linear && s->mode == BOUND_CHECK && s->n_terms == 1
           && s->n_parts == 0 && s->constant == 0 && s->terms[0].coef == 1;
}

static void
mark_size(struct resolver *r, struct diag *d, const struct draft_sub *s,
          const struct draft_index *x)
{
    const struct named *n = tensor_of(r, s);
    einc_diag_mark(r->cx, d, s->at, number_of(n), s->dim,
                   "%s = %lld in %s (dim %d of %s)", index_name(r, x),
                   (long long)n->shape[s->dim],
                   einc_resolve_name(r, s->access->tensor), s->dim,
                   shape_of(r, n));
}

/* Two subscripts of an access exchanged, if that is legal. */
static int
propose_swap(struct resolver *r, struct diag *d, const struct draft_sub *s,
             const struct draft_sub *with)
{
    struct str source = r->t->source;
    const struct draft_sub *a = s->dim < with->dim ? s : with;
    const struct draft_sub *b = a == s ? with : s;
    struct edit edits[2] = {
        {a->at, {source.p + b->at.begin, b->at.end - b->at.begin}},
        {b->at, {source.p + a->at.begin, a->at.end - a->at.begin}}};
    struct span whole = s->access->at;
    int32_t shift = whole.begin;
    struct edit moved[2] = {edits[0], edits[1]};
    for (int i = 0; i < 2; i++) {
        moved[i].at.begin -= shift;
        moved[i].at.end -= shift;
    }
    struct str access = einc_diag_edited(
        r->cx->perm,
        (struct str){source.p + whole.begin, whole.end - whole.begin}, moved,
        2);
    struct text hint = {.perm = r->cx->perm};
    einc_put(&hint, "%s would fit if transposed: '%s'",
             einc_resolve_name(r, s->access->tensor),
             einc_diag_show(r->cx, access, SHOWN));
    einc_resolve_propose(r, d, einc_text_z(&hint), edits, 2);
    return d->hint != NULL;
}

static void
propose_swaps(struct resolver *r, struct diag *d, const struct draft_sub *s)
{
    for (int i = 0; i < s->access->n_subs; i++)
        if (i != s->dim && propose_swap(r, d, s, &s->access->subs[i]))
            return;
}

static void
two_sizes(struct resolver *r, const struct draft_sub *a,
          const struct draft_sub *b, struct draft_index *x)
{
    struct diag *d = einc_diag_add(r->cx, EINC_ESHAPE, "E401",
                                   "index '%s' has two sizes",
                                   index_name(r, x));
    x->is_told = 1;
    mark_size(r, d, a, x);
    mark_size(r, d, b, x);
    propose_swaps(r, d, b);
    if (!d->hint)
        propose_swaps(r, d, a);
}

/* All bare uses fix 0:n; a range that is given only has to be legal. */
static int
settle_bare(struct resolver *r, struct draft_stmt *s)
{
    int n = 0;
    for (int i = 0; i < s->n_subs; i++) {
        const struct draft_sub *u = s->subs[i];
        if (!is_bare(u) || u->access->in_bound || !tensor_of(r, u)->known)
            continue;
        struct draft_index *x = einc_range_root(r, u->terms[0].index);
        int64_t size = tensor_of(r, u)->shape[u->dim];
        if (!is_inferred(x) || (x->known && x->giver < 0))
            continue;
        if (!x->known) {
            set_range(x, 0, size);
            x->giver = i;
            n++;
        } else if (x->hi != size && !x->is_told) {
            two_sizes(r, s->subs[x->giver], u, x);
        }
    }
    return n;
}

/* --- rounds --------------------------------------------------------------- */

/* What a subscript is beside the term `but` (-1: all of it), and how far it
 * may go. */
static struct interval
reach(const struct resolver *r, const struct draft_sub *s, int but)
{
    struct interval v = {s->constant, s->constant};
    for (int i = 0; i < s->n_terms; i++) {
        const struct draft_index *x = einc_range_root(r, s->terms[i].index);
        struct interval c = {s->terms[i].coef, s->terms[i].coef};
        struct interval y = {x->lo, x->hi - 1};
        if (c.lo < 0) /* an empty range turns around else */
            y = (struct interval){-y.hi, -y.lo};
        c.lo = c.hi = c.lo < 0 ? -c.lo : c.lo;
        if (i != but) {
            struct interval low = {y.lo, y.lo}, high = {y.hi, y.hi};
            y.lo = einc_interval_mul(low, c).lo;
            y.hi = einc_interval_mul(high, c).hi;
            v = einc_interval_add(v, y);
        }
    }
    for (int i = 0; i < s->n_parts; i++) {
        struct interval c = {s->parts[i].coef, s->parts[i].coef};
        v = einc_interval_add(
            v, einc_interval_mul(einc_interval(r, s->parts[i].value), c));
    }
    return v;
}

static int
is_limited(const struct draft_sub *s)
{
    return s->mode == BOUND_CHECK || s->mode == BOUND_PAD;
}

static struct interval
legal(const struct resolver *r, const struct draft_sub *s)
{
    int64_t n = tensor_of(r, s)->shape[s->dim];
    return (struct interval){-s->pad_lo, n - 1 + s->pad_hi};
}

/* The one term whose index has no range yet; -1: none, -2: several. */
static int
open_term(const struct resolver *r, const struct draft_sub *s)
{
    int open = -1;
    for (int i = 0; i < s->n_terms; i++)
        if (!einc_range_root(r, s->terms[i].index)->known)
            open = open == -1 ? i : -2;
    return open;
}

/* All of it further away than positions may be. */
static int
is_beyond(struct interval v)
{
    return v.lo > INT64_MAX / 4 || v.hi < -(INT64_MAX / 4);
}

/* "'-a' is in A dim 0 (size 5) for no a" */
static void
nowhere(struct resolver *r, const struct draft_sub *u, struct draft_index *x)
{
    const struct named *n = tensor_of(r, u);
    struct diag *d = einc_diag_add(
        r->cx, EINC_ESHAPE, "E602", "'%s' is in %s dim %d (size %lld) for no"
        " %s", einc_resolve_show(r, u->at),
        einc_resolve_name(r, u->access->tensor), u->dim,
        (long long)n->shape[u->dim], index_name(r, x));
    einc_diag_mark(r->cx, d, u->at, number_of(n), u->dim, "%s", "");
    x->is_told = 1;
}

/* Takes from the candidates of a subscript's open index what is not legal
 * here. L <= c*x + [a,b] <= H for all of [a,b]. */
static void
restrict_index(struct resolver *r, struct draft_sub *s, int number, int term)
{
    struct draft_index *x = einc_range_root(r, s->terms[term].index);
    int64_t c = s->terms[term].coef;
    struct interval v = reach(r, s, term), l = legal(r, s), at;
    if (is_beyond(v) && !x->is_told)
        nowhere(r, s, x);
    if (!is_moderate(v) || c == INT64_MIN)
        return;
    at.lo = c > 0 ? l.lo - v.lo : v.hi - l.hi;
    at.hi = c > 0 ? l.hi - v.hi : v.lo - l.lo;
    c = c > 0 ? c : -c;
    if (c > 1) {
        at.lo = -einc_interval_floor(-at.lo, c);
        at.hi = einc_interval_floor(at.hi, c);
    }
    if (!x->seen || at.lo > x->least)
        x->least = at.lo;
    if (!x->seen || at.hi < x->most) {
        x->most = at.hi;
        x->limit = number;
    }
    x->seen = 1;
}

/* Row 20: no value is legal. */
static void
no_value(struct resolver *r, const struct draft_stmt *s,
         struct draft_index *x)
{
    const struct draft_sub *u = s->subs[x->limit];
    const struct named *n = tensor_of(r, u);
    const char *text = einc_resolve_show(r, u->at);
    if (!x->makes_dim) {
        nowhere(r, u, x);
        return;
    }
    struct diag *d = einc_diag_add(
        r->cx, EINC_ESHAPE, "E602",
        "'%s' exceeds %s dim %d (size %lld) for every %s >= 0", text,
        einc_resolve_name(r, u->access->tensor), u->dim,
        (long long)n->shape[u->dim], index_name(r, x));
    einc_diag_mark(r->cx, d, u->at, number_of(n), u->dim, "%s", "");
    x->is_told = 1;
    if (u->mode != BOUND_CHECK)
        return;
    struct text edit = {.perm = r->cx->perm}, hint = {.perm = r->cx->perm};
    einc_put(&edit, ", 0, %lld)", (long long)-x->most);
    struct edit edits[2] = {{{u->at.begin, u->at.begin}, str_of("pad(")},
                            {{u->at.end, u->at.end},
                             str_of(einc_text_z(&edit))}};
    einc_put(&hint, "pad it: 'pad(%s, 0, n)'", text);
    einc_resolve_propose(r, d, einc_text_z(&hint), edits, 2);
}

/* A new tensor starts at 0. */
static void
starts_late(struct resolver *r, const struct draft_index *x)
{
    struct diag *d =
        einc_diag_add(r->cx, EINC_ESHAPE, "E607",
                      "'%s' starts at %lld; a new tensor starts at 0",
                      index_name(r, x), (long long)x->least);
    einc_diag_mark(r->cx, d, x->at, -1, -1, "%s", "");
}

static void
take_candidates(struct resolver *r, const struct draft_stmt *s,
                struct draft_index *x)
{
    if (x->makes_dim) {
        if (x->least > 0)
            starts_late(r, x);
        x->least = 0;
    }
    const struct draft_sub *u = s->subs[x->limit];
    if (x->most < x->least && tensor_of(r, u)->shape[u->dim] > 0)
        no_value(r, s, x);
    set_range(x, x->least, x->most + 1);
}

/* One round: every subscript with exactly one open index. */
static int
settle_round(struct resolver *r, struct draft_stmt *s)
{
    int n = 0;
    for (int i = 0; i < s->n_subs; i++) {
        struct draft_sub *u = s->subs[i];
        int term = u->is_linear ? open_term(r, u) : -1;
        if (term >= 0 && is_limited(u) && tensor_of(r, u)->known
            && is_inferred(einc_range_root(r, u->terms[term].index)))
            restrict_index(r, u, i, term);
    }
    for (int i = 0; i < s->n_indices; i++) {
        struct draft_index *x = &r->indices[s->first_index + i];
        if (!x->seen || x->known)
            continue;
        take_candidates(r, s, x);
        n++;
    }
    return n;
}

/* --- what is left over ---------------------------------------------------- */

static void
put_names(struct text *t, struct resolver *r, const struct draft_sub *u)
{
    int n = 0, left = 0;
    for (int i = 0; i < u->n_terms; i++)
        left += !einc_range_root(r, u->terms[i].index)->known;
    for (int i = 0; i < u->n_terms && n < LISTED; i++) {
        const struct draft_index *x = einc_range_root(r, u->terms[i].index);
        if (x->known)
            continue;
        n++;
        einc_put(t, "%s'%s'", n == 1 ? "" : n == left ? " and " : ", ",
                 index_name(r, x));
    }
}

/* " where r in 0:3" behind the statement, of the last open index. */
static void
propose_where(struct resolver *r, struct diag *d, const struct draft_stmt *s,
              const struct draft_index *x)
{
    struct text edit = {.perm = r->cx->perm}, hint = {.perm = r->cx->perm};
    const char *name = index_name(r, x);
    einc_put(&edit, "%s %s in 0:3", s->tree->n_where ? "," : " where", name);
    int32_t end = s->tree->at.end;
    struct edit e = {{end, end}, str_of(einc_text_z(&edit))};
    einc_put(&hint, "add '%s %s in 0:3'", s->tree->n_where ? "," : "where",
             name);
    einc_resolve_propose(r, d, einc_text_z(&hint), &e, 1);
}

static void
open_sub(struct resolver *r, const struct draft_stmt *s,
         const struct draft_sub *u)
{
    const struct named *n = tensor_of(r, u);
    struct text t = {.perm = r->cx->perm};
    put_names(&t, r, u);
    struct diag *d = einc_diag_add(
        r->cx, EINC_ESHAPE, "E601",
        "the range of %s cannot be told from %s (size %s) alone",
        einc_text_z(&t), einc_resolve_name(r, u->access->tensor),
        shape_of(r, n));
    einc_diag_mark(r->cx, d, u->at, number_of(n), u->dim, "%s", "");
    const struct draft_index *last = NULL;
    for (int i = 0; i < u->n_terms; i++) {
        struct draft_index *x = einc_range_root(r, u->terms[i].index);
        if (x->known)
            continue;
        last = x;
        x->is_told = 1;
    }
    propose_where(r, d, s, last);
}

static void
report_open(struct resolver *r, const struct draft_stmt *s)
{
    for (int i = 0; i < s->n_subs; i++) {
        const struct draft_sub *u = s->subs[i];
        int told = 0;
        for (int j = 0; j < u->n_terms; j++)
            told |= einc_range_root(r, u->terms[j].index)->is_told;
        if (u->is_linear && !told && tensor_of(r, u)->known
            && is_limited(u) && open_term(r, u) != -1)
            open_sub(r, s, u);
    }
    for (int i = 0; i < s->n_indices; i++) {
        struct draft_index *x = &r->indices[s->first_index + i];
        if (x->known || x->is_told || x->twin >= 0)
            continue;
        struct diag *d = einc_diag_add(
            r->cx, EINC_ESHAPE, "E601",
            x->rule == RANGE_OUTER
                ? "the range of '%s' has no bounds"
                : "the range of '%s' cannot be told: it subscripts nothing"
                  " that bounds it", index_name(r, x));
        einc_diag_mark(r->cx, d, x->at, -1, -1, "%s", "");
        if (x->rule != RANGE_OUTER)
            propose_where(r, d, s, x);
    }
}

static void
infer(struct resolver *r, struct draft_stmt *s)
{
    for (int n = 1; n;) { /* each round resolves something */
        n = settle_given(r, s);
        for (int i = 0; i < s->n_subs; i++)
            if (!s->subs[i]->is_linear)
                n += einc_linear(r, s->subs[i]);
        n += settle_bare(r, s);
        einc_diag_stop(r->cx);
        if (!n)
            n = settle_round(r, s);
    }
    for (int i = 0; i < s->n_indices; i++) {
        struct draft_index *x = &r->indices[s->first_index + i];
        if (!x->known && x->rule == RANGE_DATA && !x->is_told)
            set_range(x, -widest, widest);
    }
    report_open(r, s);
    einc_diag_stop(r->cx);
    for (int i = 0; i < s->n_indices; i++) {
        struct draft_index *x = &r->indices[s->first_index + i];
        const struct draft_index *of = einc_range_root(r, s->first_index + i);
        x->known = 1;
        x->lo = of->lo;
        x->hi = of->hi;
    }
}

/* --- proofs --------------------------------------------------------------- */

static int
is_empty(const struct resolver *r, int index)
{
    return r->indices[index].hi <= r->indices[index].lo;
}

static int
holds_empty(const struct resolver *r, const struct draft *d)
{
    if (d->kind == DRAFT_INDEX)
        return is_empty(r, d->index);
    for (int i = 0; i < d->n_args; i++)
        if (holds_empty(r, d->args[i]))
            return 1;
    return 0;
}

static int
never_runs(const struct resolver *r, const struct draft_stmt *s,
           const struct draft_sub *u)
{
    for (int i = 0; i < s->n_loops; i++)
        if (is_empty(r, s->loops[i]))
            return 1;
    return holds_empty(r, u->value);
}

static void
check_at_run(struct resolver *r, struct draft_sub *u)
{
    struct interval l = legal(r, u);
    u->checked = 1;
    u->site = einc_resolve_site(
        r, (struct site){.at = u->at, .tensor = u->access->tensor,
                         .dim = u->dim, .lo = l.lo, .hi = l.hi + 1});
}

/* softmax has its body twice, which is faulty once. */
static int
is_reported(const struct resolver *r, const struct draft_sub *u)
{
    for (int i = 0; i < r->cx->n_diags; i++)
        if (r->cx->diags[i].n_marks
            && r->cx->diags[i].marks[0].begin == u->at.begin)
            return 1;
    return 0;
}

/* "pad(i+1, 0, 1)", which reads 0 there. */
static void
propose_pad(struct resolver *r, struct diag *d, const struct draft_sub *u,
            struct interval beyond)
{
    struct text pad = {.perm = r->cx->perm}, hint = {.perm = r->cx->perm};
    int64_t lo = beyond.lo > 0 ? beyond.lo : 0;
    int64_t hi = beyond.hi > 0 ? beyond.hi : 0;
    einc_put(&pad, ", %lld, %lld)", (long long)lo, (long long)hi);
    struct edit edits[2] = {
        {{u->at.begin, u->at.begin}, str_of("pad(")},
        {{u->at.end, u->at.end}, str_of(einc_text_z(&pad))}};
    einc_put(&hint, "pad it: 'pad(%s%s'", einc_resolve_show(r, u->at),
             einc_text_z(&pad));
    einc_resolve_propose(r, d, einc_text_z(&hint), edits, 2);
}

static void
out_of_bounds(struct resolver *r, const struct draft_sub *u,
              struct interval v)
{
    const struct named *n = tensor_of(r, u);
    struct interval l = legal(r, u);
    int64_t far = v.lo < l.lo ? v.lo : v.hi;
    struct text pad = {.perm = r->cx->perm};
    if (u->mode == BOUND_PAD)
        einc_put(&pad, ", padded to %lld:%lld", (long long)l.lo,
                 (long long)l.hi + 1);
    struct diag *d = einc_diag_add(
        r->cx, EINC_ESHAPE, "E602",
        "'%s' reaches %lld in %s dim %d (size %lld%s)",
        einc_resolve_show(r, u->at), (long long)far,
        einc_resolve_name(r, u->access->tensor), u->dim,
        (long long)n->shape[u->dim], einc_text_z(&pad));
    einc_diag_mark(r->cx, d, u->at, number_of(n), u->dim, "%s", "");
    if (u->mode == BOUND_CHECK && u->n_parts == 0 && !is_bare(u)
        && u->n_terms > 0 && !u->access->is_left && is_moderate(v))
        propose_pad(r, d, u, (struct interval){l.lo - v.lo, v.hi - l.hi});
}

/* clamp, wrap and reflect always find a position, but in an empty dim. */
static void
no_position(struct resolver *r, const struct draft_sub *u)
{
    struct diag *d = einc_diag_add(
        r->cx, EINC_ESHAPE, "E602", "'%s' is nowhere in %s dim %d (size 0)",
        einc_resolve_show(r, u->at), einc_resolve_name(r, u->access->tensor),
        u->dim);
    einc_diag_mark(r->cx, d, u->at, number_of(tensor_of(r, u)), u->dim, "%s",
                   "");
}

/* --- guards --------------------------------------------------------------- */

/* What a guard says while it holds: more - less - strict >= 0. */
struct fact {
    struct draft_sub more, less;
    int strict;
};

/* a < b and its kin, of affine sides; a == b says two things. */
static int
read_fact(struct resolver *r, const struct draft *g, int other,
          struct fact *f)
{
    int swap = g->fn == FN_LT || g->fn == FN_LE
               || (g->fn == FN_EQ && other);
    if (g->kind != DRAFT_CALL || g->fn < FN_LT || g->fn > FN_EQ)
        return 0;
    f->strict = g->fn == FN_LT || g->fn == FN_GT;
    return einc_linear_affine(r, g->args[swap], &f->more)
           && einc_linear_affine(r, g->args[!swap], &f->less);
}

static void
add_scaled(struct resolver *r, struct draft_sub *to,
           const struct draft_sub *from, int64_t by, int *fails)
{
    int64_t c;
    *fails |= __builtin_mul_overflow(from->constant, by, &c)
              || __builtin_add_overflow(to->constant, c, &to->constant);
    for (int i = 0; i < from->n_terms; i++) {
        int k = 0;
        while (k < to->n_terms && to->terms[k].index != from->terms[i].index)
            k++;
        if (k == to->n_terms) {
            to->terms = GROW(&r->scratch, struct affine_term, to->terms, k);
            to->terms[to->n_terms++] =
                (struct affine_term){from->terms[i].index, 0};
        }
        *fails |= __builtin_mul_overflow(from->terms[i].coef, by, &c)
                  || __builtin_add_overflow(to->terms[k].coef, c,
                                            &to->terms[k].coef);
    }
}

/* Whether `sign * position >= least` follows from the fact: position is as
 * large as the fact's side, but for something that is never negative. */
static int
follows(struct resolver *r, const struct draft_sub *u, int64_t sign,
        int64_t least, const struct fact *f)
{
    struct draft_sub left = {.constant = 0};
    int fails = 0;
    add_scaled(r, &left, u, sign, &fails);
    add_scaled(r, &left, &f->more, -1, &fails);
    add_scaled(r, &left, &f->less, 1, &fails);
    fails |= __builtin_add_overflow(left.constant, f->strict,
                                    &left.constant);
    return !fails && reach(r, &left, -1).lo >= least;
}

/* Whether a guard that holds here keeps the position on that side. */
static int
guarded_by(struct resolver *r, const struct draft *g,
           const struct draft_sub *u, int64_t sign, int64_t least)
{
    struct fact f;
    if (g->kind == DRAFT_CALL && g->fn == FN_AND)
        return guarded_by(r, g->args[0], u, sign, least)
               || guarded_by(r, g->args[1], u, sign, least);
    return (read_fact(r, g, 0, &f) && follows(r, u, sign, least, &f))
           || (read_fact(r, g, 1, &f) && follows(r, u, sign, least, &f));
}

/* from <= j and j < to, of other indices. */
static int
bounded_by(struct resolver *r, int index, const struct draft_sub *u,
           int64_t sign, int64_t least)
{
    const struct draft_index *x = &r->indices[index];
    const struct draft self = {.kind = DRAFT_INDEX, .index = index,
                               .has = HAS_INDEX};
    struct fact low = {.strict = 0}, high = {.strict = 1};
    if (x->rule != RANGE_OUTER)
        return 0;
    return (einc_linear_affine(r, &self, &low.more)
            && einc_linear_affine(r, x->from, &low.less)
            && follows(r, u, sign, least, &low))
           || (einc_linear_affine(r, x->to, &high.more)
               && einc_linear_affine(r, &self, &high.less)
               && follows(r, u, sign, least, &high));
}

static int
is_guarded(struct resolver *r, const struct draft_sub *u, int64_t sign,
           int64_t least)
{
    struct resolver inner = *r; /* what is tried takes no scratch */
    for (int i = 0; i < u->access->n_guards; i++)
        if (guarded_by(&inner, u->access->guards[i], u, sign, least))
            return 1;
    for (int i = 0; i < u->n_terms; i++)
        if (bounded_by(&inner, u->terms[i].index, u, sign, least))
            return 1;
    return 0;
}

/* --- what is not affine --------------------------------------------------- */

enum verdict { LEGAL, STRAYS, OPEN };

/* The index of a draft or subscript that has most values; -1: all have one. */
static void
find_widest(const struct resolver *r, const struct draft *d, int *widest_index)
{
    if (d->kind == DRAFT_INDEX) {
        const struct draft_index *x = einc_range_root(r, d->index);
        const struct draft_index *y =
            *widest_index < 0 ? NULL : &r->indices[*widest_index];
        if (x->hi - x->lo > (y ? y->hi - y->lo : 1))
            *widest_index = (int)(x - r->indices);
    }
    for (int i = 0; i < d->n_args; i++)
        find_widest(r, d->args[i], widest_index);
}

/* Whether a position made of indices only is legal for all their values:
 * ranges are halved until bounds decide, `work` times at most. Where it is not,
 * `stray` is set. */
static enum verdict
decide(struct resolver *r, const struct draft_sub *u, struct interval l,
       int *work, struct interval *stray)
{
    struct interval v = reach(r, u, -1);
    if (v.lo >= l.lo && v.hi <= l.hi)
        return LEGAL;
    if (v.hi < l.lo || v.lo > l.hi) {
        *stray = v;
        return STRAYS;
    }
    int index = -1;
    find_widest(r, u->value, &index);
    if (index < 0 || --*work < 0)
        return OPEN;
    struct draft_index *x = &r->indices[index];
    const int64_t lo = x->lo, hi = x->hi, middle = lo + (hi - lo) / 2;
    x->hi = middle;
    enum verdict low = decide(r, u, l, work, stray);
    x->hi = hi;
    x->lo = middle;
    enum verdict high = low == STRAYS ? low : decide(r, u, l, work, stray);
    x->lo = lo;
    return low == STRAYS || high == STRAYS ? STRAYS
           : low == OPEN ? low : high;
}

/* Ranges that depend on others, and guards, may rule out what strays. */
static enum verdict
judge(struct resolver *r, const struct draft_sub *u, struct interval l,
      struct interval *stray)
{
    int work = WORK, certain = u->access->n_guards == 0;
    if (u->value->has & HAS_DATA)
        return OPEN;
    for (int i = 0; i < r->s->n_indices; i++)
        certain &= r->indices[r->s->first_index + i].rule != RANGE_OUTER
                   && r->indices[r->s->first_index + i].rule != RANGE_DATA;
    enum verdict v = decide(r, u, l, &work, stray);
    return v == STRAYS && !certain ? OPEN : v;
}

/* Whether no sum on the way to a position leaves 64 bits. What has no bounds,
 * data, is thought to be a position itself. */
static int
fits(const struct resolver *r, const struct draft_sub *u)
{
    struct draft_sub affine = *u;
    affine.n_parts = 0;
    struct interval v = reach(r, &affine, -1);
    for (int i = 0; i < u->n_parts; i++) {
        struct interval c = {u->parts[i].coef, u->parts[i].coef};
        struct interval x = einc_interval(r, u->parts[i].value);
        x.lo = x.lo == INT64_MIN ? -widest : x.lo;
        x.hi = x.hi == INT64_MAX ? widest : x.hi;
        v = einc_interval_add(v, einc_interval_mul(x, c));
    }
    return is_moderate(v);
}

static void
prove(struct resolver *r, const struct draft_stmt *s, struct draft_sub *u)
{
    if (!tensor_of(r, u)->known)
        return;
    if ((!is_limited(u) || u->n_parts > 0) && !fits(r, u)
        && !never_runs(r, s, u))
        einc_fail(r->cx, EINC_ELIMIT, "E805", u->at,
                  "positions of '%s' do not fit 64 bits",
                  einc_resolve_show(r, u->at));
    if (!is_limited(u)) {
        if (tensor_of(r, u)->shape[u->dim] == 0 && !never_runs(r, s, u))
            no_position(r, u);
        return;
    }
    struct interval v = reach(r, u, -1), l = legal(r, u);
    if (v.lo >= l.lo && v.hi <= l.hi)
        return;
    if (never_runs(r, s, u))
        return;
    if (u->n_parts == 0 && (v.lo >= l.lo || is_guarded(r, u, 1, l.lo))
        && (v.hi <= l.hi || is_guarded(r, u, -1, -l.hi)))
        return;
    if (is_reported(r, u))
        return;
    enum verdict verdict = STRAYS;
    if (u->n_parts > 0 && v.lo <= l.hi && v.hi >= l.lo)
        verdict = judge(r, u, l, &v);
    if (verdict == OPEN)
        check_at_run(r, u);
    else if (verdict == STRAYS)
        out_of_bounds(r, u, v);
}

/* --- what comes of it ----------------------------------------------------- */

static void
make_shape(struct resolver *r, struct draft_stmt *s)
{
    struct draft_access *left = s->left;
    int64_t *shape = NEW(r->perm, int64_t, left->n_subs);
    for (int d = 0; d < left->n_subs; d++) {
        struct draft_sub *u = &left->subs[d];
        shape[d] = 1;
        if (u->n_terms == 0)
            continue;
        struct draft_index *x = &r->indices[u->terms[0].index];
        x->least = x->lo;
        if (x->lo != 0)
            starts_late(r, x);
        shape[d] = x->hi;
    }
    einc_diag_stop(r->cx);
    einc_resolve_shape(r, left->tensor, shape);
}

/* Bounds that data or other indices tell are watched where the loop begins. */
static void
watch_bounds(struct resolver *r, const struct draft_stmt *s)
{
    for (int i = 0; i < s->n_indices; i++) {
        struct draft_index *x = &r->indices[s->first_index + i];
        if (x->rule == RANGE_OUTER || x->rule == RANGE_DATA)
            x->site = einc_resolve_site(
                r, (struct site){.at = x->range_at, .tensor = -1, .dim = -1,
                                 .lo = x->lo, .hi = x->hi});
    }
}

void
einc_range_stmt(struct resolver *r, struct draft_stmt *s)
{
    infer(r, s);
    for (int i = 0; i < s->n_subs; i++)
        prove(r, s, s->subs[i]);
    einc_diag_stop(r->cx);
    if (s->is_new)
        make_shape(r, s);
    watch_bounds(r, s);
}

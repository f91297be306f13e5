/* SPDX-License-Identifier: MIT
 *
 * choose.c - the form of an index statement's nest: which index runs in the
 * lanes of vectors, which are unrolled, and what is done several at a time.
 * Choices are by a count of operations and loads as the nest will have them.
 */
#include <string.h>

#include "codegen/levels.h"

enum { MAX_PATH = 48, UNROLL_EACH = 4, UNROLL_ALL = 16, UNROLL_KEPT = 4,
       UNROLL_NESTED = 64 };

/* A statement under one choice of the lane. */
struct walk {
    struct arena *perm;
    const struct program *p;
    const struct stmt *s;
    const struct value_choice *how; /* unrolled and payload */
    int lane, lanes;                /* index; -1: none */
    int path[MAX_PATH], n_path;     /* loops around the node */
    int payload;                    /* index that runs inside, or -1 */
    int costly;                     /* holds exp or the like */
    int by_share;                   /* counted, not chosen: what a guard keeps
                                     * away costs nothing, ranges are as long
                                     * as they are thought to be */
};

static const struct index *
index_of(const struct walk *w, int x)
{
    return &w->p->indices[x];
}

/* --- who uses what ------------------------------------------------------ */

static int
uses(const struct program *p, const struct node *n, int x)
{
    if (!n)
        return 0;
    if (n->kind == NODE_INDEX)
        return n->index == x;
    for (int d = 0; n->access && d < n->access->n_subs; d++) {
        const struct subscript *sub = &n->access->subs[d];
        for (int k = 0; k < sub->n_terms; k++)
            if (sub->terms[k].index == x)
                return 1;
        if (uses(p, sub->rest, x))
            return 1;
    }
    if (n->kind == NODE_REDUCE) {
        if (n->best == x)
            return 1;
        for (int k = 0; k < n->n_bound; k++)
            if (uses(p, p->indices[n->bound[k]].from, x) ||
                uses(p, p->indices[n->bound[k]].to, x))
                return 1;
    }
    for (int k = 0; k < n->n_args; k++)
        if (uses(p, n->args[k], x))
            return 1;
    return uses(p, n->guard, x);
}

/* Whether the run must see that a subscript with x in it is legal. */
static int
is_checked(const struct program *p, const struct node *n, int x)
{
    if (!n)
        return 0;
    for (int d = 0; n->access && d < n->access->n_subs; d++) {
        const struct subscript *sub = &n->access->subs[d];
        int uses_it = uses(p, sub->rest, x);
        for (int k = 0; k < sub->n_terms; k++)
            uses_it |= sub->terms[k].index == x;
        if ((sub->checked && uses_it) || is_checked(p, sub->rest, x))
            return 1;
    }
    for (int k = 0; k < n->n_args; k++)
        if (is_checked(p, n->args[k], x))
            return 1;
    return is_checked(p, n->guard, x);
}

static int
is_costly(enum fn f)
{
    switch (f) {
    case FN_SQRT: case FN_RSQRT: case FN_EXP: case FN_EXPM1: case FN_LOG:
    case FN_LOG1P: case FN_SIN: case FN_COS: case FN_TAN: case FN_ASIN:
    case FN_ACOS: case FN_ATAN: case FN_ATAN2: case FN_SINH: case FN_COSH:
    case FN_TANH: case FN_ERF: case FN_SIGMOID: case FN_GELU: case FN_POW:
        return 1;
    default: return 0;
    }
}

/* Whether a node holds work that depends on `with` and not on `without`. */
static int
has_work(const struct program *p, const struct node *n, int with, int without)
{
    if (!n)
        return 0;
    if ((n->kind == NODE_REDUCE || (n->kind == NODE_CALL &&
                                    is_costly(n->fn))) &&
        uses(p, n, with) && !uses(p, n, without))
        return 1;
    for (int k = 0; k < n->n_args; k++)
        if (has_work(p, n->args[k], with, without))
            return 1;
    return 0;
}

static int
has_costly(const struct node *n)
{
    if (n->kind == NODE_CALL && is_costly(n->fn))
        return 1;
    for (int k = 0; k < n->n_args; k++)
        if (has_costly(n->args[k]))
            return 1;
    return 0;
}

static int
has_softmax(const struct node *n)
{
    if (n->kind == NODE_REDUCE && n->redop == REDOP_LOGSUMEXP)
        return 1;
    if (n->kind == NODE_CALL && n->lse)
        return 1;
    for (int k = 0; k < n->n_args; k++)
        if (has_softmax(n->args[k]))
            return 1;
    return 0;
}

static int
is_unrolled(const struct walk *w, int x)
{
    return w->how && w->how[x].unrolled;
}

/* A reduction within that keeps a loop, and depends on both. */
static int
has_loop(const struct walk *w, const struct node *n, int a, int b)
{
    if (n->kind == NODE_REDUCE && uses(w->p, n, a) && uses(w->p, n, b))
        for (int k = 0; k < n->n_bound; k++)
            if (!is_unrolled(w, n->bound[k]))
                return 1;
    for (int k = 0; k < n->n_args; k++)
        if (has_loop(w, n->args[k], a, b))
            return 1;
    return 0;
}

/* --- extents ------------------------------------------------------------ */

/* What costs are modelled with: of a size that is an argument its guide. */
static double
guide_of(const struct program *p, int64_t size)
{
    int open = open_find(&p->open, size);
    return (double)(open < 0 ? size : p->open.list[open].guide);
}

/* Elements of the largest tensor that a bound reads, and its number; 0: it
 * reads none. */
static double
elements_in(const struct program *p, const struct node *n, int *tensor)
{
    double most = 0;
    if (n->access) {
        const struct tensor *t = &p->tensors[n->access->tensor];
        *tensor = n->access->tensor;
        most = 1;
        for (int d = 0; d < t->n_dims; d++)
            most *= guide_of(p, t->shape[d]);
    }
    for (int k = 0; k < n->n_args; k++) {
        int other = -1;
        double own = elements_in(p, n->args[k], &other);
        if (own > most) {
            most = own;
            *tensor = other;
        }
    }
    return most;
}

/* A square root, within a half: no more than that is known of what it is for,
 * and all machines agree on it. */
static double
root_of(double x)
{
    double root = 1;
    while (4 * root * root <= x)
        root *= 2;
    return 3 * root * root <= x ? 1.5 * root : root;
}

/* Values of a range with bounds of its own, of which no plan knows more than
 * the sizes. Where both are of one tensor, as ptr[i]:ptr[i+1], the ranges are
 * taken to share the index out. Where they are of two, as lo[s]:hi[s], several
 * may have the same values: something between that and all of the index, the
 * geometric mean. Else, as in 0:i+1 or 0:length[i], they begin or end
 * anywhere. */
static double
range_of(const struct walk *w, const struct index *x)
{
    int of[2] = {-1, -1};
    double n = guide_of(w->p, x->hi) - (double)x->lo;
    double from = elements_in(w->p, x->from, &of[0]);
    double to = elements_in(w->p, x->to, &of[1]);
    if (from > 0 && to > 0)
        n /= !w->by_share || of[0] == of[1] ? from : root_of(from);
    else
        n /= 2;
    return n < 1 ? 1 : n;
}

/* Values of an index, on the average. */
static double
extent(const struct walk *w, int x)
{
    const struct index *i = index_of(w, x);
    double n = guide_of(w->p, i->hi) - (double)i->lo;
    if (i->from) {
        double least = w->costly ? 64 : 1; /* then masks pay, too */
        n = range_of(w, i);
        if (!w->by_share)
            return n < least ? least : n > 1000 ? 1000 : n;
    }
    return n < 1 ? 1 : n;
}

/* An index that counts the k best runs when all terms were seen, whatever
 * loop it stands in. */
static int
is_behind(const struct walk *w, const struct node *n, int x)
{
    return index_of(w, x)->kind == INDEX_NEW && !uses(w->p, n, x);
}

/* How often a node is computed: the loops up to the innermost it uses. */
static double
trips(const struct walk *w, const struct node *n)
{
    int last = -1, inner = w->payload >= 0 && uses(w->p, n, w->payload);
    for (int k = 0; k < w->n_path; k++)
        if (uses(w->p, n, w->path[k]))
            last = k;
    double t = inner ? extent(w, w->payload) : 1;
    if (inner)
        last = w->n_path - 1;
    for (int k = 0; k <= last; k++) {
        double e = extent(w, w->path[k]);
        if (w->by_share && is_behind(w, n, w->path[k]))
            continue;
        int by_block = w->path[k] == w->lane && !uses(w->p, n, w->lane);
        t *= by_block ? (e > 2 * w->lanes ? e / (2 * w->lanes) : 1) : e;
    }
    return t;
}

/* --- costs -------------------------------------------------------------- */

/* Elements between neighbours of an index; INT64_MAX: by data. */
static int64_t
pace_of(const struct program *p, const struct access *a, int x)
{
    int64_t pace = 0;
    for (int d = 0; d < a->n_subs; d++) {
        const struct subscript *sub = &a->subs[d];
        int here = uses(p, sub->rest, x);
        for (int k = 0; k < sub->n_terms; k++)
            if (sub->terms[k].index == x) {
                here |= sub->mode != BOUND_CHECK || sub->checked;
                pace += sub->terms[k].coef * p->tensors[a->tensor].stride[d];
            }
        if (here)
            return INT64_MAX;
    }
    return pace;
}

/* Product of the extents of what a load uses: a table of it costs no more. */
static double
own_points(const struct walk *w, const struct node *n)
{
    double t = w->payload >= 0 && uses(w->p, n, w->payload)
                   ? extent(w, w->payload)
                   : 1;
    for (int k = 0; k < w->n_path; k++)
        if (uses(w->p, n, w->path[k]))
            t *= extent(w, w->path[k]);
    return t;
}

static int
is_free_lane(const struct walk *w)
{
    for (int k = 0; k < w->s->n_loops; k++)
        if (w->s->loops[k] == w->lane)
            return 1;
    return 0;
}

static double
load_cost(const struct walk *w, const struct node *n)
{
    if (w->lane < 0 || !uses(w->p, n, w->lane))
        return trips(w, n);
    int64_t pace = pace_of(w->p, n->access, w->lane);
    if (pace == 1)
        return trips(w, n) / w->lanes;
    double each = trips(w, n), own = own_points(w, n);
    if (pace != INT64_MAX && is_free_lane(w) && own < each)
        return 1.5 * own + each / w->lanes; /* by way of a table */
    return 1.5 * each;
}

enum { COSTLY = 15 };

/* What keeping the k best takes for each term beside the comparison with the
 * worst of them. Of terms in no order, k are better each time that twice as
 * many have been seen, or fewer, and each moves k/2 others past it by a
 * comparison and a move. */
static double
keeping_cost(const struct walk *w, const struct node *n)
{
    double terms = 1, seen = extent(w, n->best), k = seen, found = k;
    for (int b = 0; b < n->n_bound; b++)
        terms *= extent(w, n->bound[b]);
    for (; seen < terms; seen *= 2)
        found += k;
    return found < terms ? found * k / terms : k;
}

/* Of a term of a reduction, or of a call. */
static double
fn_cost(const struct walk *w, const struct node *n)
{
    if (w->by_share && n->kind == NODE_REDUCE &&
        n->redop == REDOP_LOGSUMEXP)
        return 2 + COSTLY; /* the largest so far, exp, the sum */
    if (w->by_share && n->kind == NODE_REDUCE && n->best >= 0)
        return 1 + keeping_cost(w, n);
    return n->kind == NODE_CALL && is_costly(n->fn) ? COSTLY : 1;
}

/* --- guards -------------------------------------------------------------- */

/* The value of an expression of indices at a point; *fails: it has data. */
static double
value_at(const struct node *n, const double *point, int *fails)
{
    double a = n->n_args > 0 ? value_at(n->args[0], point, fails) : 0;
    double b = n->n_args > 1 ? value_at(n->args[1], point, fails) : 0;
    if (n->kind == NODE_INDEX)
        return point[n->index];
    if (n->kind == NODE_NUMBER)
        return einc_dtype_info(n->type)->kind == KIND_FLOAT
                   ? n->number
                   : (double)n->integer;
    *fails |= n->kind != NODE_CALL;
    switch (n->fn) {
    case FN_CAST: return a;
    case FN_NEG: return -a;
    case FN_ADD: return a + b;
    case FN_SUB: return a - b;
    case FN_MUL: return a * b;
    case FN_NOT: return a == 0;
    case FN_AND: return a != 0 && b != 0;
    case FN_OR: return a != 0 || b != 0;
    case FN_LT: return a < b;
    case FN_LE: return a <= b;
    case FN_GT: return a > b;
    case FN_GE: return a >= b;
    case FN_EQ: return a == b;
    case FN_NE: return a != b;
    default: *fails = 1; return 0;
    }
}

/* Share of all points at which a guard holds: counted at some that lie evenly
 * in the ranges of its indices (multiples of an irrational number each);
 * `unknown` if it depends on data. */
static double
share_of(const struct walk *w, const struct node *guard, double unknown)
{
    enum { POINTS = 1024 };
    struct arena room = *w->perm;
    double *point = NEW(&room, double, w->p->n_indices);
    int *used = NEW(&room, int, w->p->n_indices);
    int hits = 0, fails = 0, n_used = 0;
    for (int x = 0; x < w->p->n_indices; x++)
        if (uses(w->p, guard, x))
            used[n_used++] = x;
    for (int k = 1; k <= POINTS && !fails; k++) {
        double step = 1;
        for (int u = 0; u < n_used; u++) {
            const struct index *i = index_of(w, used[u]);
            step *= 0.7548776662466927; /* Roberts' sequence of two dims */
            double turn = step * k - (double)(int64_t)(step * k);
            point[used[u]] = (double)i->lo +
                             (double)(int64_t)(turn *
                                               (double)(i->hi - i->lo));
        }
        hits += value_at(guard, point, &fails) != 0;
    }
    return fails ? unknown : (double)(hits ? hits : 1) / POINTS;
}

static int
is_number(const struct node *n)
{
    return n->kind == NODE_NUMBER ||
           (n->kind == NODE_CALL && n->fn == FN_SELECT &&
            is_number(n->args[1]) && is_number(n->args[2]));
}

/* The exp() that is a softmax, also of one with a guard, which is a choice
 * between it and a number; NULL: it is none. */
static const struct node *
softmax_of(const struct node *n)
{
    if (n->kind != NODE_CALL || n->lse)
        return n->lse && n->args[0]->n_args == 2 ? n : NULL;
    for (int k = 1; n->fn == FN_SELECT && k < 3; k++)
        if (is_number(n->args[3 - k]))
            return softmax_of(n->args[k]);
    return NULL;
}

/* The guard of a softmax that is a factor: what it leaves out is not taken
 * into a sum of the products either. */
static const struct node *
guard_of_factors(const struct node *n)
{
    const struct node *e = softmax_of(n);
    if (e || n->kind != NODE_CALL)
        return e ? e->lse->guard : NULL;
    for (int k = 0; k < n->n_args && n->fn == FN_MUL; k++) {
        const struct node *guard = guard_of_factors(n->args[k]);
        if (guard)
            return guard;
    }
    return NULL;
}

/* Share of the arguments of a node that is computed. Guards of data are taken
 * to hold, choices by data to take either side as often; but for points that
 * are near, which are few, see einc_script_expand(). */
static double
share_in(const struct walk *w, const struct node *n, int arg)
{
    if (!w->by_share)
        return 1;
    if (n->kind == NODE_REDUCE) {
        const struct node *guard = n->guard;
        if (!guard && n->redop == REDOP_SUM)
            guard = guard_of_factors(n->args[0]);
        return guard ? share_of(w, guard, 1) : 1;
    }
    if (n->kind != NODE_CALL || n->fn != FN_SELECT || arg == 0)
        return 1;
    if (n->is_far)
        return 0;
    double share = share_of(w, n->args[0], 0.5);
    return arg == 1 ? share : 1 - share;
}

/* Whether a softmax is in a sum, whose guard is its own: else all loops that it
 * is made in are of the statement. */
static int
is_summed(const struct walk *w, const struct node *n)
{
    for (int k = 0; k < w->n_path; k++) {
        int is_free = 0;
        for (int f = 0; f < w->s->n_loops; f++)
            is_free |= w->path[k] == w->s->loops[f];
        if (!is_free && uses(w->p, n, w->path[k]))
            return 1;
    }
    return 0;
}

/* A reduction stands in the innermost loop that it uses. */
static void
enter(struct walk *w, const struct node *n)
{
    while (w->n_path > 0 && !uses(w->p, n, w->path[w->n_path - 1]))
        w->n_path--;
    for (int k = 0; k < n->n_bound && w->n_path < MAX_PATH; k++)
        w->path[w->n_path++] = n->bound[k];
}

static double cost_of(struct walk *w, const struct node *n);

/* A softmax in a sum is made with it; one for itself takes two passes. */
static double
softmax_cost(struct walk *w, const struct node *e)
{
    const struct node *guard = e->lse->guard;
    int summed = is_summed(w, e);
    double share = guard && !summed ? share_of(w, guard, 1) : 1;
    double term = cost_of(w, e->args[0]->args[0]);
    return (term + fn_cost(w, e) * trips(w, e)) * share +
           (summed ? 0 : cost_of(w, e->lse));
}

static double
cost_of(struct walk *w, const struct node *n)
{
    double cost = 0;
    int kept = w->n_path, path[MAX_PATH];
    if (!n)
        return 0;
    if (w->by_share && softmax_of(n))
        return softmax_cost(w, softmax_of(n));
    for (int d = 0; n->access && d < n->access->n_subs; d++)
        cost += cost_of(w, n->access->subs[d].rest);
    if (n->kind == NODE_ACCESS)
        return cost + load_cost(w, n);
    if (n->kind == NODE_REDUCE) {
        memcpy(path, w->path, sizeof path);
        enter(w, n);
        for (int k = 0; w->lane >= 0 && k < n->n_bound; k++)
            if (n->bound[k] == w->lane)
                cost += 2 * w->lanes * trips(w, n) / extent(w, w->lane);
    }
    if (n->kind == NODE_CALL && n->lse && n->args[0]->n_args == 2)
        cost += cost_of(w, n->args[0]->args[0]); /* its sum comes along */
    else
        for (int k = 0; k < n->n_args; k++)
            cost += cost_of(w, n->args[k]) * share_in(w, n, k);
    if (n->guard && !(w->by_share && share_of(w, n->guard, -1) >= 0))
        cost += cost_of(w, n->guard); /* of indices it becomes loop bounds */
    const struct node *of = n->kind == NODE_REDUCE ? n->args[0] : n;
    if (n->kind != NODE_NUMBER && n->kind != NODE_INDEX) {
        int wide = w->lane >= 0 && uses(w->p, of, w->lane);
        double share = n->kind == NODE_REDUCE ? share_in(w, n, 0) : 1;
        cost += share * fn_cost(w, n) * trips(w, of) / (wide ? w->lanes : 1);
    }
    if (n->kind == NODE_REDUCE)
        memcpy(w->path, path, sizeof path);
    w->n_path = kept;
    return cost;
}

/* Free loops as they will stand: the lane last, the payload inside all. */
static void
open_path(struct walk *w)
{
    w->n_path = 0;
    for (int k = 0; k < w->s->n_loops && w->n_path < MAX_PATH / 2; k++)
        if (w->s->loops[k] != w->lane && w->s->loops[k] != w->payload)
            w->path[w->n_path++] = w->s->loops[k];
    if (w->lane >= 0 && is_free_lane(w))
        w->path[w->n_path++] = w->lane;
}

static double
store_cost(const struct walk *w)
{
    double t = w->payload >= 0 ? extent(w, w->payload) : 1;
    for (int k = 0; k < w->n_path; k++)
        t *= extent(w, w->path[k]);
    if (w->lane >= 0 && is_free_lane(w))
        return pace_of(w->p, &w->s->left, w->lane) == 1 ? t / w->lanes : t;
    return t;
}

/* --- who may be the lane ------------------------------------------------ */

/* Reductions of the k best over x, and ranges that depend on x. */
static int
forbids(const struct program *p, const struct node *n, int x, int is_free)
{
    if (!n)
        return 0;
    for (int d = 0; n->access && d < n->access->n_subs; d++)
        if (forbids(p, n->access->subs[d].rest, x, is_free))
            return 1;
    for (int k = 0; k < n->n_bound; k++) {
        const struct index *i = &p->indices[n->bound[k]];
        if (uses(p, i->from, x) || uses(p, i->to, x))
            return 1;
        if (n->bound[k] == x &&
            (n->best >= 0 || (n->redop == REDOP_PROD &&
                              einc_value_is_complex(n->type))))
            return 1; /* these are not put together across lanes */
    }
    if (n->kind == NODE_REDUCE && n->best == x)
        return 1;
    for (int k = 0; k < n->n_args; k++)
        if (forbids(p, n->args[k], x, is_free))
            return 1;
    return forbids(p, n->guard, x, is_free);
}

/* --- points of a scatter ------------------------------------------------- */

static int64_t
coef_of(const struct subscript *sub, int x)
{
    for (int k = 0; k < sub->n_terms; k++)
        if (sub->terms[k].index == x)
            return sub->terms[k].coef;
    return 0;
}

/* Whether points of a scatter that differ in x alone write different elements:
 * some position goes up with x, whatever else it holds. */
static int
writes_distinct(const struct walk *w, int x)
{
    int found = 0;
    for (int d = 0; d < w->s->left.n_subs; d++) {
        const struct subscript *sub = &w->s->left.subs[d];
        if (uses(w->p, sub->rest, x) || (sub->checked && coef_of(sub, x)))
            return 0;
        found |= sub->mode == BOUND_CHECK && coef_of(sub, x);
    }
    return found;
}

int
einc_choose_apart(const struct program *p, const struct stmt *s, int x,
                  int open)
{
    for (int d = 0; d < s->left.n_subs; d++) {
        const struct subscript *sub = &s->left.subs[d];
        int64_t room = coef_of(sub, x);
        if (!room || sub->mode != BOUND_CHECK || sub->rest ||
            (open && sub->n_terms > 1))
            continue;
        room = room < 0 ? -(room + 1) : room - 1;
        for (int k = 0; k < sub->n_terms && room >= 0; k++) {
            const struct index *i = &p->indices[sub->terms[k].index];
            int64_t reach = i->hi - i->lo - 1;
            if (sub->terms[k].index != x && reach > 0 &&
                (__builtin_mul_overflow(reach, sub->terms[k].coef, &reach) ||
                 __builtin_sub_overflow(room, reach < 0 ? -reach : reach,
                                        &room)))
                room = -1;
        }
        if (room >= 0)
            return 1;
    }
    return 0;
}

static void
collect_bound(const struct node *n, int *list, int *n_list, int most)
{
    if (!n)
        return;
    for (int k = 0; n->kind == NODE_REDUCE && k < n->n_bound; k++) {
        int known = 0;
        for (int j = 0; j < *n_list; j++)
            known |= list[j] == n->bound[k];
        if (!known && *n_list < most)
            list[(*n_list)++] = n->bound[k];
    }
    for (int k = 0; k < n->n_args; k++)
        collect_bound(n->args[k], list, n_list, most);
}

/* Whether its accumulators are one number each, so that there may be an array
 * of them. */
static int
takes_payload(const struct node *n)
{
    return n->redop <= REDOP_COUNT &&
           !(n->redop == REDOP_PROD && einc_value_is_complex(n->type));
}

/* The free index that runs inside the reductions around the work which does
 * not depend on it; -1: none. Not if it would run around a reduction that it
 * shares with the outer one: that is a product of matrices, which a tile of
 * registers serves, and most of the work. */
static int
find_payload(const struct walk *w, const struct node *n, int lane)
{
    if (w->s->scatters) /* points come one behind the other */
        return -1;
    if (n->kind == NODE_REDUCE) {
        for (int k = w->s->n_loops - 1; k >= 0; k--) {
            int e = w->s->loops[k];
            if (e == lane || !uses(w->p, n, e) || w->s->places ||
                index_of(w, e)->from || !takes_payload(n) ||
                is_checked(w->p, n, e))
                continue;
            for (int b = 0; b < n->n_bound; b++)
                if (uses(w->p, n->args[0], e) &&
                    has_work(w->p, n->args[0], n->bound[b], e) &&
                    !has_loop(w, n->args[0], n->bound[b], e))
                    return e;
        }
        return -1;
    }
    for (int k = 0; k < n->n_args; k++) {
        int e = find_payload(w, n->args[k], lane);
        if (e >= 0)
            return e;
    }
    return -1;
}

double
einc_choose_flop(struct arena *perm, const struct program *p,
                 const struct stmt *s)
{
    struct arena room = *perm;
    struct walk w = {.p = p, .s = s, .lane = -1, .lanes = 1, .payload = -1,
                     .by_share = 1, .perm = &room};
    w.how = NEW(&room, struct value_choice, p->n_indices);
    w.payload = find_payload(&w, s->right, -1);
    open_path(&w);
    return cost_of(&w, s->right);
}

static int
choose_lane(struct walk *w, int lanes)
{
    int list[MAX_PATH], n = 0, best = -1;
    if (lanes < 2)
        return -1;
    for (int k = 0; k < w->s->n_loops && n < MAX_PATH / 2; k++)
        list[n++] = w->s->loops[k];
    int n_free = n;
    collect_bound(w->s->right, list, &n, MAX_PATH);
    w->lane = -1;
    w->lanes = 1;
    w->payload = find_payload(w, w->s->right, -1);
    open_path(w);
    double least = cost_of(w, w->s->right) + store_cost(w);
    for (int k = 0; k < n; k++) {
        const struct index *x = index_of(w, list[k]);
        if (is_unrolled(w, list[k]) || x->hi - x->lo < lanes ||
            (w->s->places && k < n_free) ||
            forbids(w->p, w->s->right, list[k], k < n_free) ||
            (w->s->scatters && k < n_free && !writes_distinct(w, list[k])) ||
            (x->from && extent(w, list[k]) < lanes))
            continue;
        w->lane = list[k];
        w->lanes = lanes;
        w->payload = find_payload(w, w->s->right, list[k]);
        open_path(w);
        double cost = cost_of(w, w->s->right) + store_cost(w);
        if (cost < least) {
            least = cost;
            best = list[k];
        }
    }
    w->lane = best;
    w->lanes = best < 0 ? 1 : lanes;
    w->payload = find_payload(w, w->s->right, best);
    return best;
}

/* --- what is done several at a time ------------------------------------- */

/* Small constant ranges of reductions that can do without a loop. */
static void
choose_unrolled(const struct program *p, const struct node *n,
                struct value_choice *how, int64_t outer)
{
    int64_t all = 1, most = UNROLL_ALL;
    if (!n)
        return;
    if (n->kind == NODE_REDUCE &&
        (n->redop == REDOP_SUM || n->redop == REDOP_MEAN) &&
        p->summing.how == EINC_SUM_KAHAN)
        most = UNROLL_KEPT;
    for (int k = n->n_bound - 1; n->kind == NODE_REDUCE && k >= 0; k--) {
        const struct index *x = &p->indices[n->bound[k]];
        int64_t size = x->hi - x->lo;
        int ranges = 0; /* of others that depend on it */
        for (int j = 0; j < n->n_bound; j++)
            ranges |= uses(p, p->indices[n->bound[j]].from, n->bound[k]) ||
                      uses(p, p->indices[n->bound[j]].to, n->bound[k]);
        if (x->from || ranges || size > UNROLL_EACH || size < 1 ||
            all * size > most ||
            outer * all * size > UNROLL_NESTED || n->best >= 0 ||
            n->redop > REDOP_COUNT)
            continue;
        all *= size;
        how[n->bound[k]].unrolled = 1;
    }
    for (int d = 0; n->access && d < n->access->n_subs; d++)
        choose_unrolled(p, n->access->subs[d].rest, how, outer * all);
    for (int k = 0; k < n->n_args; k++)
        choose_unrolled(p, n->args[k], how, outer * all);
    choose_unrolled(p, n->guard, how, outer * all);
}

/* A payload that is no copies: its sums are in memory. */
static int
is_wide_payload(const struct walk *w)
{
    return w->payload >= 0 && index_of(w, w->payload)->hi -
                                      index_of(w, w->payload)->lo >
                                  2 * UNROLL_EACH;
}

static int
registers(const struct mapreduce *m)
{
    return m->target->registers;
}

static int
last_loop(const struct walk *w, const struct node *n)
{
    int last = -1;
    for (int k = 0; k < n->n_bound; k++)
        if (!is_unrolled(w, n->bound[k]))
            last = n->bound[k];
    return last;
}

/* Sums of softmaxes within run in the same loop: by as many parts. */
static void
spread_parts(const struct walk *w, const struct node *n,
             struct value_choice *how, int parts)
{
    int last = n->lse ? last_loop(w, n->lse) : -1;
    if (last >= 0)
        how[last].parts = parts;
    for (int k = 0; n->kind == NODE_CALL && k < n->n_args; k++)
        spread_parts(w, n->args[k], how, parts);
}

/* Values of the last index of a reduction in one turn. */
static void
choose_parts(const struct walk *w, const struct mapreduce *m,
             const struct node *n, struct value_choice *how, int is_top)
{
    if (!n)
        return;
    if (n->kind == NODE_REDUCE) {
        int last = -1, own = 0;
        for (int k = 0; k < n->n_bound; k++)
            if (!is_unrolled(w, n->bound[k])) {
                last = n->bound[k];
                own |= last == w->lane;
            }
        int parts = 1;
        int pace = last == w->lane ? w->lanes : 1;
        if (last >= 0 && last == w->lane) {
            if (n->redop <= REDOP_COUNT && !n->guard &&
                !has_costly(n->args[0]) && n->args[0]->kind != NODE_REDUCE)
                parts = 4;
        } else if (last >= 0 && !own && w->lane >= 0 && is_top) {
            if (has_loop(w, n->args[0], last, w->lane))
                parts = registers(m) >= 32 ? 8 : 4;
            else if (has_softmax(n))
                parts = 4;
            else if (is_wide_payload(w) && uses(w->p, n, w->payload))
                parts = registers(m) >= 32 ? 8 : 4;
        }
        if (last >= 0 && parts * pace > (int64_t)extent(w, last))
            parts = 1;
        if (last >= 0 && parts > how[last].parts)
            how[last].parts = parts;
    }
    for (int k = 0; k < n->n_args; k++)
        choose_parts(w, m, n->args[k], how,
                     is_top && n->kind != NODE_REDUCE);
    if (n->kind == NODE_REDUCE && last_loop(w, n) >= 0)
        spread_parts(w, n->args[0], how, how[last_loop(w, n)].parts);
}

static int
has_reduction(const struct walk *w, const struct node *n)
{
    if (n->kind == NODE_REDUCE)
        for (int k = 0; k < n->n_bound; k++)
            if (!is_unrolled(w, n->bound[k]))
                return 1;
    for (int k = 0; k < n->n_args; k++)
        if (has_reduction(w, n->args[k]))
            return 1;
    return 0;
}

static int
has_tile(const struct walk *w, const struct node *n)
{
    if (n->kind == NODE_REDUCE)
        for (int k = 0; k < n->n_bound; k++)
            if (!is_unrolled(w, n->bound[k]) &&
                has_loop(w, n->args[0], n->bound[k], w->lane))
                return 1;
    for (int k = 0; k < n->n_args; k++)
        if (has_tile(w, n->args[k]))
            return 1;
    return 0;
}

/* Loads of a reduction that depend on the lane, and not on x. */
static int
shares_loads(const struct walk *w, const struct node *n, int x, int inside)
{
    if (n->kind == NODE_ACCESS)
        return inside && w->lane >= 0 && uses(w->p, n, w->lane) &&
               !uses(w->p, n, x);
    for (int k = 0; k < n->n_args; k++)
        if (shares_loads(w, n->args[k], x,
                         inside || n->kind == NODE_REDUCE))
            return 1;
    return 0;
}

/* Vectors of a free lane in one turn. */
static int
choose_vectors(const struct walk *w, const struct mapreduce *m)
{
    int64_t n = (int64_t)extent(w, w->lane);
    int rows = 0;
    for (int k = 0; k < w->s->n_loops; k++)
        rows |= w->s->loops[k] != w->lane && w->s->loops[k] != w->payload &&
                shares_loads(w, w->s->right, w->s->loops[k], 0);
    int most = !has_reduction(w, w->s->right)    ? 1
               : has_tile(w, w->s->right) || rows || is_wide_payload(w) ? 2
               : registers(m) >= 32              ? 4
                                                 : 2;
    while (most > 1 && n < 2 * (int64_t)most * w->lanes)
        most /= 2;
    return most;
}

/* Loads of a reduction that are the same for all values of x. */
static int
shares_terms(const struct walk *w, const struct node *n, int x, int inside)
{
    if (n->kind == NODE_ACCESS)
        return inside && !uses(w->p, n, x);
    for (int k = 0; k < n->n_args; k++)
        if (shares_terms(w, n->args[k], x, inside || n->kind == NODE_REDUCE))
            return 1;
    return 0;
}

/* Rows of a thread of a GPU, which share what does not depend on the row:
 * where threads enough are left to fill it. */
static int
thread_span(const struct walk *w, const struct mapreduce *m, int x)
{
    enum { ROWS = 4, FULL = 1 << 16 };
    const struct index *i = index_of(w, x);
    double points = 1;
    for (int k = 0; k < w->s->n_loops; k++)
        points *= guide_of(w->p, index_of(w, w->s->loops[k])->hi) -
                  (double)index_of(w, w->s->loops[k])->lo;
    return i->hi - i->lo >= ROWS && !m->modest && !w->s->scatters &&
                   !w->s->places && i->kind != INDEX_NEW &&
                   (points >= ROWS * (double)FULL || m->large) &&
                   has_reduction(w, w->s->right) &&
                   uses(w->p, w->s->right, x) &&
                   shares_terms(w, w->s->right, x, 0) &&
                   !forbids(w->p, w->s->right, x, 1)
               ? ROWS
               : 1;
}

/* Rows of a block that is multiplied out: many, if nothing else is. */
static int
row_span(const struct walk *w, const struct mapreduce *m, int x)
{
    const struct index *i = index_of(w, x);
    if (m->target->language == LANGUAGE_CUDA)
        return thread_span(w, m, x);
    if (w->s->places) /* rows apart: loads of several are under way at once */
        return w->lane >= 0 && !m->modest ? 4 : 1;
    int most = is_free_lane(w) && registers(m) >= 32 ? 8 : 4;
    if (m->modest || w->lane < 0 || w->s->scatters || i->hi - i->lo < most ||
        m->vectors > 2 || i->kind == INDEX_NEW ||
        !shares_loads(w, w->s->right, x, 0) || has_softmax(w->s->right) ||
        has_tile(w, w->s->right) || !uses(w->p, w->s->right, x) ||
        forbids(w->p, w->s->right, x, 1))
        return 1;
    return most;
}

static int64_t
turns_of(const struct index *x, int64_t span)
{
    return x->hi <= x->lo ? 0 : (x->hi - x->lo + span - 1) / span;
}

static void
add_free(struct mapreduce *m, const struct walk *w, int x, int64_t span)
{
    struct free_loop *f = &m->free[m->n_free++];
    *f = (struct free_loop){.var = -1, .number = m->n_free - 1,
                            .index = x, .span = span,
                            .turns = turns_of(index_of(w, x), span)};
}

/* Loops behind the reductions: what these make does not depend on them. */
static int
is_inside(const struct walk *w, int x)
{
    return x == w->payload || index_of(w, x)->kind == INDEX_NEW;
}

static void
add_inside(struct mapreduce *m, const struct walk *w, int x,
           struct value_choice *how)
{
    int64_t n = index_of(w, x)->hi - index_of(w, x)->lo;
    add_free(m, w, x, 1);
    struct free_loop *f = &m->free[m->n_free - 1];
    if (n > 0 && n <= 2 * UNROLL_EACH && !m->modest) {
        f->is_copied = 1;
        f->turns = 1;
        f->span = n;
    } else {
        f->is_payload = 1;
        how[x].payload = 1;
    }
}

/* The free loops in their order. */
static void
order_loops(struct mapreduce *m, const struct walk *w,
            struct value_choice *how)
{
    int row = -1;
    m->n_free = 0;
    for (int k = w->s->n_loops - 1; k >= 0 && row < 0; k--)
        if (w->s->loops[k] != w->lane && !is_inside(w, w->s->loops[k]) &&
            row_span(w, m, w->s->loops[k]) > 1)
            row = w->s->loops[k];
    int within = 0; /* rows: in the loop of the lane, whose panels stay */
    for (int k = 0; k < w->s->n_loops; k++) {
        int x = w->s->loops[k];
        if (x == w->lane || is_inside(w, x))
            continue;
        how[x].span = x == row ? row_span(w, m, x) : 1;
        if (x != row)
            add_free(m, w, x, 1);
    }
    /* else the last before it: loops behind rows would change panels */
    if (row >= 0 && is_free_lane(w) && w->lane >= 0 &&
        turns_of(index_of(w, w->lane), m->vectors * m->lanes) >= 8)
        within = (int)how[row].span;
    else if (row >= 0)
        add_free(m, w, row, how[row].span);
    if (w->lane >= 0 && is_free_lane(w)) {
        how[w->lane].span = m->vectors * m->lanes;
        add_free(m, w, w->lane, how[w->lane].span);
    }
    if (within) {
        add_free(m, w, row, within);
        m->free[m->n_free - 1].is_inner = 1;
    }
    for (int k = 0; k < w->s->n_loops; k++)
        if (w->s->loops[k] != w->lane && is_inside(w, w->s->loops[k]))
            add_inside(m, w, w->s->loops[k], how);
}

struct value_choice *
einc_choose(struct mapreduce *m, int lanes, int *lane)
{
    struct value_choice *how =
        NEW(m->perm, struct value_choice, m->p->n_indices);
    struct walk w = {.p = m->p, .s = m->s, .how = how, .lane = -1,
                     .lanes = 1, .payload = -1,
                     .costly = has_costly(m->s->right)};
    if (!m->modest)
        choose_unrolled(m->p, m->s->right, how, 1);
    *lane = choose_lane(&w, lanes);
    m->lanes = w.lanes;
    m->vectors = 1;
    if (*lane >= 0 && is_free_lane(&w) && !m->modest)
        m->vectors = choose_vectors(&w, m);
    if (!m->modest)
        choose_parts(&w, m, m->s->right, how, 1);
    order_loops(m, &w, how);
    return how;
}

/* SPDX-License-Identifier: MIT
 *
 * eval_reduce.c - reductions in the evaluator's code: as loops into a state, or
 * written out.
 */
#include <assert.h>

#include "runtime/eval_build.h"

enum { KEPT_TERMS = 4 }; /* whose plain sum is no worse than a compensated */

/* Whether a reduction keeps what rounding takes from its sum. */
static int
is_compensated(const struct build *b, const struct node *n)
{
    enum dtype_kind kind = einc_dtype_info(n->args[0]->type)->kind;
    return b->p->summing.how == EINC_SUM_KAHAN &&
           (n->redop == REDOP_SUM || n->redop == REDOP_MEAN) &&
           (kind == KIND_FLOAT || kind == KIND_COMPLEX);
}

/* --- terms of sums ------------------------------------------------------ */

/* The two that a term is made of. */
struct pair {
    enum eval_added made;
    int in[2];
};

/* Whether a term is better made where it is added, in `block`: it is y*z or
 * (y-z)^2 of the sum's type, changes there, and is not there already. */
static int
build_pair(struct build *b, const struct node *n, enum eval_type type,
           int block, struct pair *p)
{
    const struct node *of = n;
    const struct memo *m = einc_eval_memo(b, n);
    if (n->kind != NODE_CALL || einc_eval_type(n->type) != type ||
        (m->node && m->value >= 0 && einc_eval_is_valid(b, m->value, block)))
        return 0;
    p->made = ADDED_PRODUCT;
    if (n->fn == FN_POWI && n->integer == 2) {
        of = n->args[0];
        p->made = ADDED_SQUARE;
    }
    if (of->kind != NODE_CALL || einc_eval_type(of->type) != type ||
        of->fn != (p->made == ADDED_SQUARE ? FN_SUB : FN_MUL) ||
        !b->c->set->added[p->made][type])
        return 0;
    for (int i = 0; i < 2; i++)
        p->in[i] = einc_eval_cast(b, einc_eval_node(b, of->args[i], block),
                                  type);
    const struct eval_value *v = b->c->values;
    return v[p->in[0]].lanes || v[p->in[1]].lanes;
}

static int
pair_block(const struct build *b, const struct pair *p)
{
    const struct eval_value *v = b->c->values;
    return einc_eval_deeper(b, v[p->in[0]].block, v[p->in[1]].block);
}

/* --- reductions --------------------------------------------------------- */

/* What a reduction's terms depend on: the entry of a list that is wanted does
 * not count. */
static struct survey
survey_terms(const struct build *b, const struct node *n)
{
    struct survey v = {0, 0, 0, 0};
    struct node terms = *n;
    terms.best = -1;
    einc_eval_survey(b, &terms, &v);
    return v;
}

/* How well an index does as lanes: about the cost of loads. */
static void
judge_lane(const struct build *b, const struct node *n, int x, double times,
           double *cost)
{
    for (int i = 0; i < n->n_args; i++) {
        double more = times;
        for (int k = 0; n->kind == NODE_REDUCE && k < n->n_bound; k++) {
            const struct index *y = &b->p->indices[n->bound[k]];
            if (n->bound[k] != x && y->hi > y->lo)
                more *= (double)(y->hi - y->lo);
        }
        judge_lane(b, n->args[i], x, more, cost);
    }
    if (n->kind != NODE_ACCESS)
        return;
    int64_t stride = 0, special = 0;
    for (int d = 0; d < n->access->n_subs; d++) {
        const struct subscript *s = &n->access->subs[d];
        for (int i = 0; i < s->n_terms; i++)
            if (s->terms[i].index == x) {
                stride += s->terms[i].coef *
                          b->p->tensors[n->access->tensor].stride[d];
                special |= s->mode > BOUND_PAD;
            }
        if (s->rest)
            judge_lane(b, s->rest, x, times, cost);
        special |= s->rest != NULL;
    }
    *cost += times * (special        ? COST_GATHER
                      : stride == 0  ? 0
                      : stride == 1  ? COST_SIMPLE
                                     : COST_STRIDED);
}

static int
uses_index(const struct node *n, int x)
{
    if (n->kind == NODE_INDEX && n->index == x)
        return 1;
    for (int i = 0; i < n->n_args; i++)
        if (uses_index(n->args[i], x))
            return 1;
    for (int d = 0; n->kind == NODE_ACCESS && d < n->access->n_subs; d++) {
        const struct subscript *s = &n->access->subs[d];
        for (int i = 0; i < s->n_terms; i++)
            if (s->terms[i].index == x)
                return 1;
        if (s->rest && uses_index(s->rest, x))
            return 1;
    }
    return n->kind == NODE_REDUCE && n->guard && uses_index(n->guard, x);
}

/* Whether bounds in the tree, or of this reduction, depend on the index. */
static int
bounds_use(const struct build *b, const struct node *n, int x)
{
    for (int k = 0; n->kind == NODE_REDUCE && k < n->n_bound; k++) {
        const struct index *y = &b->p->indices[n->bound[k]];
        if (y->from && (uses_index(y->from, x) || uses_index(y->to, x)))
            return 1;
    }
    for (int i = 0; i < n->n_args; i++)
        if (bounds_use(b, n->args[i], x))
            return 1;
    return 0;
}

static double
largest_inside(const struct build *b, const struct node *n)
{
    double most = 0;
    for (int k = 0; n->kind == NODE_REDUCE && k < n->n_bound; k++) {
        const struct index *x = &b->p->indices[n->bound[k]];
        double extent = (double)(x->hi - x->lo);
        most = extent > most ? extent : most;
    }
    for (int i = 0; i < n->n_args; i++) {
        double inside = largest_inside(b, n->args[i]);
        most = inside > most ? inside : most;
    }
    return most;
}

/* The lanes of a reduction that stands outside of all others': one of its
 * indices, or -1: an inner reduction has better ones. */
static int
pick_lane(const struct build *b, const struct node *n)
{
    int best = -1;
    double best_cost = 0;
    for (int i = 0; i < n->n_bound; i++) {
        const struct index *x = &b->p->indices[n->bound[i]];
        double extent = (double)(x->hi - x->lo), cost = 0;
        if (extent < 2 || bounds_use(b, n, n->bound[i]))
            continue;
        judge_lane(b, n->args[0], n->bound[i], 1, &cost);
        extent = extent > EVAL_MAX_LANES ? EVAL_MAX_LANES : extent;
        cost += 30 * COST_OP / extent;
        if (best < 0 || cost <= best_cost) {
            best = n->bound[i];
            best_cost = cost;
        }
    }
    if (best < 0)
        return -1;
    const struct index *x = &b->p->indices[best];
    return 4 * (double)(x->hi - x->lo) < largest_inside(b, n->args[0])
               ? -1
               : best;
}

/* A reduction while its loops are built. */
struct reducing {
    const struct node *n;
    struct eval_reduce *r;
    int item, own; /* index of its own lanes, or -1 */
    int masked;    /* a mask was made inside */
    enum eval_type type;
    int serial;
};

static double
extent_of(const struct build *b, const struct index *x, int from)
{
    double extent = (double)(x->hi - x->lo);
    if (from >= 0) /* segments share what there is */
        extent /= b->c->blocks[b->c->values[from].block].trips;
    return extent < 1 ? 1 : extent;
}

static void
finish_loop(struct build *b, int x, int block, int inside, int from, int to)
{
    struct eval_code *c = b->c;
    const struct index *i = &b->p->indices[x];
    b->loop_block[x] = -1;
    struct eval_op *o = einc_eval_emit(b, block, EVAL_LOOP, 0, 0);
    o->item = c->n_loops;
    c->loops[c->n_loops++] =
        (struct eval_loop){.index = x, .lo = i->lo, .hi = i->hi,
                           .from = from, .to = to, .site = i->site,
                           .lanes = c->blocks[inside].lane == x,
                           .mask = c->blocks[block].mask, .block = inside};
}

static int
body_value(struct build *b, struct reducing *q, int block)
{
    const struct node *n = q->n;
    int v = einc_eval_node(b, n->args[0], block);
    if (n->redop == REDOP_ANY || n->redop == REDOP_ALL ||
        n->redop == REDOP_COUNT)
        v = einc_eval_cast(b, v, EVAL_BOOL);
    return einc_eval_cast(b, v, q->type);
}

static void
build_take(struct build *b, struct reducing *q, int block)
{
    int inside = block, mask = -1;
    if (q->n->guard) {
        int g = einc_eval_cast(b, einc_eval_node(b, q->n->guard, block),
                               EVAL_BOOL);
        q->serial = newer(q->serial, b->c->values[g].serial);
        q->masked |= b->c->values[g].lanes;
        inside = einc_eval_if(b, block, g, &mask);
    }
    struct pair pair;
    int is_pair = q->n->redop == REDOP_SUM && !q->masked &&
                  !is_compensated(b, q->n) &&
                  build_pair(b, q->n->args[0], q->type, inside, &pair) &&
                  pair_block(b, &pair) == inside;
    int v = is_pair ? pair.in[0] : body_value(b, q, inside);
    q->serial = newer(q->serial, b->c->values[v].serial);
    struct eval_op *o =
        einc_eval_emit(b, inside, EVAL_TAKE, q->r->lanes || q->own >= 0,
                       q->n->redop == REDOP_LOGSUMEXP ? 10 * COST_SIMPLE
                       : q->n->redop == REDOP_SUM     ? COST_SIMPLE
                                                      : 5 * COST_SIMPLE);
    o->in[0] = v;
    o->in[1] = q->masked ? b->c->blocks[inside].mask : -1;
    o->one = !b->c->values[v].lanes;
    o->item = q->item;
    if (is_pair) {
        o->take = b->c->set->take_added[pair.made][q->type];
        o->in[2] = pair.in[1];
        o->one += 2 * !b->c->values[pair.in[1]].lanes;
        q->serial = newer(q->serial, b->c->values[pair.in[1]].serial);
    }
    if (q->n->guard)
        einc_eval_end_if(b, block, inside, mask);
}

/* The loops of the reduction from number k on, in `block`. */
static void
build_loops(struct build *b, struct reducing *q, int k, int block)
{
    if (k == q->n->n_bound) {
        build_take(b, q, block);
        return;
    }
    struct eval_code *c = b->c;
    int x = q->n->bound[k], from = -1, to = -1, per_lane = 0;
    const struct index *i = &b->p->indices[x];
    if (i->from) {
        from = einc_eval_cast(b, einc_eval_node(b, i->from, block), EVAL_I64);
        to = einc_eval_cast(b, einc_eval_node(b, i->to, block), EVAL_I64);
        q->serial = newer(q->serial, c->values[from].serial);
        q->serial = newer(q->serial, c->values[to].serial);
        per_lane = c->values[from].lanes || c->values[to].lanes;
    }
    double extent = extent_of(b, i, from);
    if (per_lane)
        extent *= c->blocks[block].width;
    int is_first = k == 0 && !q->r->lanes; /* outside of all lanes so far */
    int lane = q->own == x ? x : is_first ? -1 : c->blocks[block].lane;
    int inside = einc_eval_block_loop(b, x, block, lane,
                                      is_first ? -1 : c->blocks[block].mask,
                                      extent);
    int last = inside, mask = -1;
    if (per_lane) {
        int in = einc_eval_value(b, EVAL_BOOL, inside, 1);
        struct eval_op *o =
            einc_eval_emit(b, inside, EVAL_RANGE, 1, COST_SIMPLE);
        o->to = in;
        o->in[0] = from;
        o->in[1] = to;
        o->one = !c->values[from].lanes + 2 * !c->values[to].lanes;
        o->item = x;
        q->masked = 1;
        last = einc_eval_if(b, inside, in, &mask);
    }
    build_loops(b, q, k + 1, last);
    if (per_lane)
        einc_eval_end_if(b, inside, last, mask);
    finish_loop(b, x, block, inside, from, to);
}

/* Position of a term: row-major in the indices, from the lo of each, so that
 * none is below 0; of one index its value is given out. */
static void
describe_position(struct build *b, struct reducing *q)
{
    struct eval_code *c = b->c;
    struct eval_reduce *r = q->r;
    uint64_t by = 1, constant = 0;
    r->first = c->n_terms;
    for (int k = q->n->n_bound - 1; k >= 0; k--) {
        const struct index *x = &b->p->indices[q->n->bound[k]];
        if (q->n->bound[k] == q->own)
            r->lane_coef = (int64_t)by;
        c->terms[c->n_terms++] =
            (struct eval_term){q->n->bound[k], (int64_t)by};
        r->n_terms++;
        constant -= by * (uint64_t)x->lo;
        by *= (uint64_t)(x->hi - x->lo);
    }
    r->constant = (int64_t)constant;
    r->base = q->n->n_bound == 1 ? b->p->indices[q->n->bound[0]].lo : 0;
}

static void
make_state(struct build *b, struct reducing *q, int block)
{
    struct eval_reduce *r = q->r;
    enum redop op = q->n->redop;
    int lanes = r->lanes || (q->own >= 0 && !redop_is_best(op));
    r->value = einc_eval_value(b, q->type, block, lanes);
    if (op == REDOP_SUM || op == REDOP_MEAN || op == REDOP_COUNT ||
        op == REDOP_LOGSUMEXP)
        r->more = einc_eval_value(b, q->type, block, lanes);
    if (op == REDOP_MEAN || redop_is_position(op) || redop_is_best(op))
        r->number = einc_eval_value(b, EVAL_I64, block, lanes);
    if (redop_is_best(op)) {
        const struct index *x = &b->p->indices[q->n->best];
        r->k = x->hi - x->lo;
        b->c->values[r->value].room = r->k;
        b->c->values[r->number].room = r->k;
    }
}

static enum eval_type
terms_type(const struct node *n)
{
    if (n->redop == REDOP_ANY || n->redop == REDOP_ALL)
        return EVAL_BOOL;
    return n->redop == REDOP_COUNT ? EVAL_I64
                                   : einc_eval_type(n->args[0]->type);
}

static enum eval_type
result_type(const struct node *n)
{
    return redop_is_position(n->redop) ? EVAL_I64 : terms_type(n);
}

/* Whether what stands for no term at all in the type that is stored is not
 * what it is in the one that is computed in. */
static int
has_other_identity(const struct node *n, int64_t *identity)
{
    const struct dtype_info *d = einc_dtype_info(n->type);
    const int is_max = n->redop == REDOP_MAX || n->redop == REDOP_KMAX;
    const int is_min = n->redop == REDOP_MIN || n->redop == REDOP_KMIN;
    const int bits = 8 * d->bytes;
    if (d->kind == KIND_UINT && is_max) {
        *identity = 0;
        return 1;
    }
    if (d->kind == KIND_UINT && is_min && bits < 64) {
        *identity = ((int64_t)1 << bits) - 1;
        return 1;
    }
    if (d->kind != KIND_INT || bits >= 32)
        return 0;
    *identity = is_max ? -((int64_t)1 << (bits - 1))
                       : ((int64_t)1 << (bits - 1)) - 1;
    return is_max || is_min;
}

static int
finish_reduce(struct build *b, struct reducing *q, int block)
{
    struct eval_code *c = b->c;
    int to = einc_eval_value(b, result_type(q->n), block, q->r->lanes);
    struct eval_op *o = einc_eval_emit(b, block, EVAL_END, q->r->lanes,
                                       2 * COST_SIMPLE);
    o->item = q->item;
    o->to = to;
    c->values[to].serial = q->serial;
    c->values[to].reduce = q->item;
    return to;
}

/* The entry of a list that the statement's index wants. */
static int
build_pick(struct build *b, struct reducing *q, int block)
{
    struct eval_code *c = b->c;
    int entry = einc_eval_index_value(b, q->n->best);
    int at = einc_eval_deeper(b, block, c->values[entry].block);
    int lanes = q->r->lanes || c->values[entry].lanes;
    int to = einc_eval_value(b, result_type(q->n), at, lanes);
    struct eval_op *o = einc_eval_emit(b, at, EVAL_PICK, lanes, COST_STRIDED);
    o->item = q->item;
    o->in[0] = entry;
    o->to = to;
    o->one = !c->values[entry].lanes;
    o->k = b->p->indices[q->n->best].lo;
    c->values[to].serial = newer(q->serial, c->values[entry].serial);
    return to;
}

/* Where none was found, the identity of the type that is stored. */
static int
mend_identity(struct build *b, const struct node *n, int v)
{
    enum eval_type type = b->c->values[v].type;
    int64_t identity;
    if (redop_is_position(n->redop) || !has_other_identity(n, &identity))
        return v;
    int least = n->redop == REDOP_MAX || n->redop == REDOP_KMAX;
    int64_t none = type == EVAL_I32 ? (least ? INT32_MIN : INT32_MAX)
                                    : (least ? INT64_MIN : INT64_MAX);
    int is = einc_eval_constant(b, type, 0, none);
    is = einc_eval_call(b, b->c->set->fn[FN_EQ][type], EVAL_BOOL,
                        (int[]){v, is}, 2, 0, COST_SIMPLE);
    int other = einc_eval_constant(b, type, 0, identity);
    return einc_eval_call(b, b->c->set->fn[FN_SELECT][type], type,
                          (int[]){is, other, v}, 3, 0, COST_SIMPLE);
}

/* --- reductions that are written out ------------------------------------ */

/* Number of terms, if they are to be written out; else 0. */
static int64_t
unrolled_terms(struct build *b, const struct node *n)
{
    int64_t terms = 1;
    struct room r = {0};
    int most = is_compensated(b, n) ? KEPT_TERMS : EVAL_UNROLL;
    if (n->guard || (n->redop != REDOP_SUM && n->redop != REDOP_PROD &&
                     n->redop != REDOP_MAX && n->redop != REDOP_MIN))
        return 0;
    for (int k = 0; k < n->n_bound; k++) {
        const struct index *x = &b->p->indices[n->bound[k]];
        if (x->from || x->hi <= x->lo || x->hi - x->lo > most / terms)
            return 0;
        terms *= x->hi - x->lo;
    }
    einc_eval_room_count(b->p, n->args[0], &r);
    r.ops += 4;
    r.nodes += 2;
    return einc_eval_room_take(&b->left, &r, terms) ? terms : 0;
}

static int
combine_terms(struct build *b, const struct node *n, int v, int term)
{
    enum eval_type type = b->c->values[v].type;
    enum fn fn = n->redop == REDOP_SUM    ? FN_ADD
                 : n->redop == REDOP_PROD ? FN_MUL
                 : n->redop == REDOP_MAX  ? FN_MAXIMUM
                                          : FN_MINIMUM;
    return einc_eval_call(b, b->c->set->fn[fn][type], type,
                          (int[]){v, term}, 2, 0, COST_SIMPLE);
}

/* One more term for the value v, if there is one: -1. */
static int
add_term(struct build *b, const struct node *n, int v, int block)
{
    enum eval_type type = terms_type(n);
    struct pair p;
    if (v >= 0 && n->redop == REDOP_SUM &&
        build_pair(b, n->args[0], type, block, &p) &&
        einc_eval_is_inside(b, pair_block(b, &p), b->c->values[v].block))
        return einc_eval_call(b, b->c->set->added[p.made][type], type,
                              (int[]){v, p.in[0], p.in[1]}, 3, 0,
                              1.5 * COST_SIMPLE);
    int term = einc_eval_cast(b, einc_eval_node(b, n->args[0], block), type);
    return v < 0 ? term : combine_terms(b, n, v, term);
}

/* The next values of the indices; 0 after the last. */
static int
step_fixed(struct build *b, const struct node *n)
{
    for (int k = n->n_bound - 1; k >= 0; k--) {
        int x = n->bound[k];
        if (++b->fixed[x] < b->p->indices[x].hi)
            return 1;
        b->fixed[x] = b->p->indices[x].lo;
    }
    return 0;
}

/* The newest iteration that a tree depends on. */
static int
serial_of(const struct build *b, const struct node *n)
{
    int serial = n->kind == NODE_INDEX ? b->fixed_serial[n->index] : 0;
    for (int i = 0; i < n->n_args; i++)
        serial = newer(serial, serial_of(b, n->args[i]));
    for (int d = 0; n->kind == NODE_ACCESS && d < n->access->n_subs; d++) {
        const struct subscript *s = &n->access->subs[d];
        for (int i = 0; i < s->n_terms; i++)
            serial = newer(serial, b->fixed_serial[s->terms[i].index]);
        if (s->rest)
            serial = newer(serial, serial_of(b, s->rest));
    }
    if (n->kind == NODE_REDUCE && n->guard)
        serial = newer(serial, serial_of(b, n->guard));
    for (int i = 0; n->kind == NODE_REDUCE && i < n->n_bound; i++) {
        const struct index *x = &b->p->indices[n->bound[i]];
        if (x->from) {
            serial = newer(serial, serial_of(b, x->from));
            serial = newer(serial, serial_of(b, x->to));
        }
    }
    return serial;
}

static int
build_unrolled(struct build *b, const struct node *n, int block)
{
    int v = -1;
    for (int k = 0; k < n->n_bound; k++)
        b->fixed[n->bound[k]] = b->p->indices[n->bound[k]].lo;
    do {
        b->serial++;
        for (int k = 0; k < n->n_bound; k++)
            b->fixed_serial[n->bound[k]] = b->serial;
        v = add_term(b, n, v, block);
    } while (step_fixed(b, n));
    for (int k = 0; k < n->n_bound; k++)
        b->fixed_serial[n->bound[k]] = 0;
    b->c->values[v].serial = serial_of(b, n);
    return v;
}

int
einc_eval_reduction(struct build *b, const struct node *n, int block)
{
    struct eval_code *c = b->c;
    if (unrolled_terms(b, n)) {
        int v = build_unrolled(b, n, block);
        return einc_eval_cast(b, v, einc_eval_type(n->type));
    }
    struct survey s = survey_terms(b, n);
    int at = einc_eval_place(b, block, s.need, s.strays);
    struct reducing q = {.n = n, .own = -1, .type = terms_type(n)};
    q.item = c->n_reduces++;
    q.r = &c->reduces[q.item];
    *q.r = (struct eval_reduce){.op = n->redop, .value = -1, .more = -1,
                                .number = -1, .k = 1, .lanes = s.lanes};
    int kept = is_compensated(b, n);
    q.r->how = kept ? &c->set->kept[n->redop][q.type]
                    : &c->set->reduce[n->redop][q.type];
    q.r->one_run = b->p->summing.how == EINC_SUM_DIRECT;
    assert(q.r->how->begin && "no such reduction in this type");
    if (!s.lanes)
        q.own = pick_lane(b, n);
    q.r->own_lanes = q.own >= 0 && !redop_is_best(n->redop)
                         ? b->p->indices[q.own].hi - b->p->indices[q.own].lo
                         : 0;
    make_state(b, &q, at);
    struct eval_op *o =
        einc_eval_emit(b, at, EVAL_BEGIN, s.lanes || q.own >= 0, COST_SIMPLE);
    o->item = q.item;
    describe_position(b, &q);
    build_loops(b, &q, 0, at);
    int v = redop_is_best(n->redop) ? build_pick(b, &q, at)
                              : finish_reduce(b, &q, at);
    v = mend_identity(b, n, v);
    return einc_eval_cast(b, v, einc_eval_type(n->type));
}

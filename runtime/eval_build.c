/* SPDX-License-Identifier: MIT
 *
 * eval_build.c - from a statement to the evaluator's code. It is built once
 * for every loop of the statement that might be the lanes, and the one that
 * costs least is taken. Reductions that stand outside of the lanes pick some
 * of their own.
 *
 * A value is put in the outermost block that has all it depends on. What data
 * may make illegal stays where it is asked for: it is not taken out of a
 * guard, nor out of a loop that may be empty.
 */
#include <assert.h>
#include <string.h>

#include "runtime/eval_build.h"

/* --- leaves and calls --------------------------------------------------- */

int
einc_eval_index_value(struct build *b, int x)
{
    struct eval_code *c = b->c;
    if (b->fixed_serial[x]) {
        int v = einc_eval_constant(b, EVAL_I64, 0, b->fixed[x]);
        c->values[v].serial = b->fixed_serial[x];
        return v;
    }
    int block = b->loop_block[x];
    assert(block >= 0 && "an index that nothing binds");
    int lanes = c->blocks[block].lane == x;
    int v = einc_eval_value(b, EVAL_I64, block, lanes);
    struct eval_op *o =
        einc_eval_emit(b, block, EVAL_INDEX, lanes, COST_SIMPLE);
    o->to = v;
    o->item = x;
    return v;
}

static double
cost_of(const struct node *n)
{
    switch (n->fn) {
    case FN_MOD: case FN_POW: return COST_FUNCTION;
    case FN_EXP: case FN_SIGMOID: return COST_SIMPLE * 5;
    case FN_ABS: case FN_SIGN: case FN_SQRT: case FN_RSQRT: case FN_RELU:
    case FN_FLOOR: case FN_CEIL: case FN_ROUND: case FN_STEP:
    case FN_MAXIMUM: case FN_MINIMUM: case FN_CLAMP: case FN_ISNAN:
    case FN_CONJ: case FN_REAL: case FN_IMAG: case FN_CAST: case FN_POWI:
        return COST_SIMPLE;
    default: return n->fn > FN_SELECT ? COST_FUNCTION : COST_SIMPLE;
    }
}

static int
build_cast(struct build *b, const struct node *n, int block)
{
    int v = einc_eval_node(b, n->args[0], block);
    v = einc_eval_cast(b, v, einc_eval_type(n->type));
    eval_fn *narrow = b->c->set->narrow[n->type];
    if (!narrow)
        return v;
    return einc_eval_call(b, narrow, einc_eval_type(n->type), &v, 1, 0,
                          COST_SIMPLE);
}

/* One that is no complex number has no imaginary part to take or to turn. */
static int
build_part(struct build *b, const struct node *n, int v)
{
    enum eval_type type = b->c->values[v].type;
    if (type == EVAL_C64 || type == EVAL_C128)
        return einc_eval_call(b, b->c->set->fn[n->fn][type],
                              einc_eval_type(n->type), &v, 1, 0, COST_SIMPLE);
    if (n->fn == FN_IMAG)
        return einc_eval_constant(b, type, 0, 0);
    return v;
}

/* One of the arrays that a reduction leaves, as a value where it stands. */
static int
take_part(struct build *b, int lse, int part)
{
    struct eval_code *c = b->c;
    const struct eval_value v = c->values[lse];
    int to = einc_eval_value(b, v.type, v.block, v.lanes);
    struct eval_op *o =
        einc_eval_emit(b, v.block, EVAL_CALL, v.lanes, COST_SIMPLE);
    o->fn = c->set->cast[v.type][v.type];
    o->in[0] = part;
    o->to = to;
    c->values[to].serial = v.serial;
    return to;
}

/* exp(f - logsumexp(f')): exp(f - the maximum) / the sum of such, which does
 * not lose the digits that a large logsumexp has no room for. */
static int
build_softmax(struct build *b, const struct node *n, int block)
{
    const struct eval_set *set = b->c->set;
    int lse = einc_eval_node(b, n->lse, block);
    const struct eval_reduce *r =
        &b->c->reduces[b->c->values[lse].reduce];
    enum eval_type type = b->c->values[lse].type;
    int x = einc_eval_node(b, n->args[0]->args[0], block);
    int most = take_part(b, lse, r->value);
    int sum = take_part(b, lse, r->more);
    /* an infinite maximum is one of NaN, whatever the term */
    int zero = einc_eval_call(b, set->fn[FN_SUB][type], type,
                              (int[]){most, most}, 2, 0, COST_SIMPLE);
    sum = einc_eval_call(b, set->fn[FN_ADD][type], type, (int[]){sum, zero},
                         2, 0, COST_SIMPLE);
    x = einc_eval_cast(b, x, type);
    x = einc_eval_call(b, set->fn[FN_SUB][type], type, (int[]){x, most}, 2,
                       0, COST_SIMPLE);
    x = einc_eval_call(b, set->fn[FN_EXP][type], type, &x, 1, 0, cost_of(n));
    return einc_eval_call(b, set->fn[FN_DIV][type], type, (int[]){x, sum}, 2, 0,
                          COST_SIMPLE);
}

static int
is_softmax(const struct node *n)
{
    return n->fn == FN_EXP && n->lse && n->args[0]->kind == NODE_CALL &&
           n->args[0]->fn == FN_SUB && n->args[0]->args[1] == n->lse &&
           n->lse->kind == NODE_REDUCE && n->lse->type == n->type;
}

/* A side of a choice that holds reductions is computed only where some lane
 * wants it; not if data may make it illegal, which is then to be told. */
static int
build_side(struct build *b, const struct node *n, int condition, int is_first,
           int block)
{
    struct eval_code *c = b->c;
    struct survey s = {0, 0, 0, 0};
    int mask;
    einc_eval_survey(b, n, &s);
    if (!s.reduces || s.strays)
        return einc_eval_node(b, n, block);
    if (!is_first)
        condition = einc_eval_call(b, c->set->fn[FN_NOT][EVAL_BOOL], EVAL_BOOL,
                                   &condition, 1, 0, COST_SIMPLE);
    int inside = einc_eval_if(b, block, condition, &mask);
    int v = einc_eval_node(b, n, inside);
    if (c->values[v].block == inside) { /* it can be used outside as a copy */
        const struct eval_value x = c->values[v];
        struct eval_op *o =
            einc_eval_emit(b, inside, EVAL_CALL, x.lanes, COST_SIMPLE);
        o->fn = c->set->cast[x.type][x.type];
        o->in[0] = v;
        v = o->to = einc_eval_value(b, x.type, block, x.lanes);
        c->values[v].serial = x.serial;
    }
    einc_eval_end_if(b, block, inside, mask);
    return v;
}

static int
build_call(struct build *b, const struct node *n, int block)
{
    const struct eval_set *set = b->c->set;
    int in[3] = {-1, -1, -1};
    if (is_softmax(n))
        return build_softmax(b, n, block);
    if (n->fn == FN_CAST)
        return build_cast(b, n, block);
    assert(n->n_args >= 1 && n->n_args <= 3);
    for (int i = 0; i < n->n_args; i++) {
        int is_truth = einc_fn_info(n->fn)->rule == RULE_LOGIC ||
                       (n->fn == FN_SELECT && i == 0);
        in[i] = n->fn == FN_SELECT && i > 0
                    ? build_side(b, n->args[i], in[0], i == 1, block)
                    : einc_eval_node(b, n->args[i], block);
        if (is_truth)
            in[i] = einc_eval_cast(b, in[i], EVAL_BOOL);
    }
    if (n->fn == FN_CONJ || n->fn == FN_REAL || n->fn == FN_IMAG)
        return build_part(b, n, in[0]);
    enum eval_type type = b->c->values[in[n->n_args - 1]].type;
    if (n->fn == FN_ISNAN && (type == EVAL_I32 || type == EVAL_I64 ||
                              type == EVAL_BOOL))
        return einc_eval_constant(b, EVAL_BOOL, 0, 0);
    if (b->c->values[in[0]].type != type && n->fn != FN_SELECT)
        in[0] = einc_eval_cast(b, in[0], type);
    return einc_eval_call(b, set->fn[n->fn][type], einc_eval_type(n->type), in,
                          n->n_args, n->integer, cost_of(n));
}

static int
build_product(struct build *b, const struct node *n, int block)
{
    enum eval_type type = einc_eval_type(n->type);
    int v = einc_eval_cast(b, einc_eval_node(b, n->args[0], block), type);
    for (int i = 1; i < n->n_args; i++) {
        int w = einc_eval_cast(b, einc_eval_node(b, n->args[i], block), type);
        v = einc_eval_call(b, b->c->set->fn[FN_MUL][type], type,
                           (int[]){v, w}, 2, 0, COST_SIMPLE);
    }
    return v;
}

static int
build_number(struct build *b, const struct node *n)
{
    enum eval_type type = einc_eval_type(n->type);
    return einc_eval_constant(b, type, n->number, n->integer);
}

int
einc_eval_node(struct build *b, const struct node *n, int block)
{
    struct memo *m = einc_eval_memo(b, n);
    int v = -1;
    if (m->node && m->value >= 0 && einc_eval_is_valid(b, m->value, block))
        return m->value;
    m->node = n;
    m->value = -1;
    switch (n->kind) {
    case NODE_NUMBER: v = build_number(b, n); break;
    case NODE_ACCESS: v = einc_eval_access_load(b, n, block); break;
    case NODE_PRODUCT: v = build_product(b, n, block); break;
    case NODE_INDEX: v = einc_eval_index_value(b, n->index); break;
    case NODE_CALL: v = build_call(b, n, block); break;
    case NODE_REDUCE: v = einc_eval_reduction(b, n, block); break;
    }
    einc_eval_memo(b, n)->value = v;
    return v;
}

/* --- the statement ------------------------------------------------------ */

static void
build_store(struct build *b, int right, int block)
{
    struct eval_code *c = b->c;
    const struct access *a = &b->s->left;
    int dim = einc_eval_access_reserve(b, a);
    einc_eval_access_gathers(b, a, block, dim);
    struct eval_access e =
        einc_eval_access_describe(b, a, c->blocks[block].lane, dim);
    enum eval_type type = einc_eval_type(e.dtype);
    int v = einc_eval_cast(b, right, type), lanes = c->blocks[block].lane >= 0;
    if (lanes)
        e.offsets = einc_eval_value(b, EVAL_I64, block, 1);
    int near = e.lane_bytes == einc_dtype_info(e.dtype)->bytes;
    struct eval_op *o = einc_eval_emit(b, block, EVAL_STORE, lanes,
                                       near ? COST_SIMPLE : COST_STRIDED);
    o->in[0] = v;
    o->in[1] = einc_eval_value(b, type, block, lanes);
    o->in[2] = einc_eval_value(b, type, block, lanes);
    o->one = lanes && !c->values[v].lanes;
    if (b->s->op != ASSIGN_SET)
        o->fn = c->set->fn[b->s->op == ASSIGN_ADD   ? FN_ADD
                           : b->s->op == ASSIGN_MUL ? FN_MUL
                           : b->s->op == ASSIGN_MAX ? FN_MAXIMUM
                                                    : FN_MINIMUM][type];
    if (e.is_native && b->s->op == ASSIGN_ADD)
        o->scatter = c->set->scatter[type];
    o->item = c->n_accesses;
    c->accesses[c->n_accesses++] = e;
}

static void
reset(struct build *b)
{
    struct eval_code *c = b->c;
    c->n_values = c->n_ops = c->n_blocks = c->n_accesses = 0;
    c->n_dims = c->n_terms = c->n_loops = c->n_reduces = c->n_panels = 0;
    c->cost = 0;
    memset(b->memos, 0, (size_t)b->n_memos * sizeof *b->memos);
    for (int x = 0; x < b->p->n_indices; x++) {
        b->loop_block[x] = -1;
        b->fixed_serial[x] = 0;
    }
    b->serial = 0;
    b->left = einc_eval_room_unroll();
    b->panels = EVAL_PANELS;
}

/* Of the loops of the statement, `lane` is the lanes; -1: none is. */
static void
build_with(struct build *b, int lane)
{
    struct eval_code *c = b->c;
    const struct stmt *s = b->s;
    reset(b);
    int block = einc_eval_block_new(b, -1, -1, -1, -1);
    c->n_loops = s->n_loops;
    for (int k = 0; k < s->n_loops; k++) {
        int x = s->loops[k];
        const struct index *i = &b->p->indices[x];
        assert(!i->from && "a loop of a statement that data bound");
        int inside = einc_eval_block_loop(
            b, x, block, x == lane ? x : c->blocks[block].lane, -1,
            (double)(i->hi - i->lo));
        c->loops[k] = (struct eval_loop){.index = x, .lo = i->lo,
                                         .hi = i->hi, .from = -1, .to = -1,
                                         .site = -1, .lanes = x == lane,
                                         .mask = -1, .block = inside};
        block = inside;
    }
    build_store(b, einc_eval_node(b, s->right, block), block);
}

/* Bytes of all values with so many lanes in a block; their places. *near:
 * of those that are no panels. */
static int64_t
place_values(struct eval_code *c, int lanes, int64_t *near)
{
    int64_t at = 0, far = 0;
    for (int v = 0; v < c->n_values; v++) {
        struct eval_value *x = &c->values[v];
        int64_t numbers = (x->room ? x->room : 1) * (x->lanes ? lanes : 1);
        x->offset = at;
        at += (numbers * eval_bytes(x->type) + 63) / 64 * 64;
        far += x->is_panel ? at - x->offset : 0;
    }
    *near = at - far;
    return at;
}

static void
pick_lanes(struct eval_code *c, int64_t room)
{
    int64_t near;
    c->lanes = EVAL_MAX_LANES;
    c->slot_bytes = place_values(c, c->lanes, &near);
    while (c->lanes > EVAL_MIN_LANES &&
           (c->slot_bytes > room ||
            (near > EVAL_SLOTS && c->lanes > 4 * EVAL_MIN_LANES))) {
        c->lanes /= 2;
        c->slot_bytes = place_values(c, c->lanes, &near);
    }
    assert(c->slot_bytes <= room);
}

/* Whether the order of the points shows: what wraps or is rounded on its way
 * into the tensor is compared or multiplied again. Lanes of the last loop keep
 * the order of the statement. */
static int
needs_order(const struct program *p, const struct stmt *s)
{
    enum einc_dtype t = p->tensors[s->left.tensor].dtype;
    return s->scatters && s->op != ASSIGN_ADD && t != einc_fn_compute(t);
}

const struct eval_code *
einc_eval_build(const struct program *p, const struct stmt *s, char *at)
{
    struct build b = {.p = p, .s = s};
    const struct room r = einc_eval_room_all(p, s);
    einc_eval_room_lay_out(&b, &r, at);
    b.c->program = p;
    b.c->stmt = s;
    b.c->set = einc_eval_set();
    build_with(&b, -1);
    int best = -1, last = -1;
    double least = b.c->cost;
    for (int k = 0; k < s->n_loops; k++) {
        const struct index *x = &p->indices[s->loops[k]];
        if (x->hi - x->lo < 2 ||
            (needs_order(p, s) && k < s->n_loops - 1))
            continue;
        last = s->loops[k];
        build_with(&b, last);
        if (b.c->cost <= least) {
            least = b.c->cost;
            best = last;
        }
    }
    if (last != best)
        build_with(&b, best);
    pick_lanes(b.c, einc_eval_room_slots(&r));
    return b.c;
}

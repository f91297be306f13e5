/* SPDX-License-Identifier: MIT
 *
 * eval_emit.c - blocks, values and operations of the evaluator's code, and
 * which block a value belongs in.
 */
#include <assert.h>
#include <string.h>

#include "runtime/eval_build.h"

enum eval_type
einc_eval_type(enum einc_dtype t)
{
    switch (einc_fn_compute(t)) {
    case EINC_BOOL: return EVAL_BOOL;
    case EINC_I32: return EVAL_I32;
    case EINC_I64: return EVAL_I64;
    case EINC_F32: return EVAL_F32;
    case EINC_F64: return EVAL_F64;
    case EINC_C64: return EVAL_C64;
    case EINC_C128: return EVAL_C128;
    default: break;
    }
    assert(0 && "no type to compute in");
    return EVAL_F64;
}

/* --- subscripts --------------------------------------------------------- */

/* Whether a subscript is affine and within lo .. hi - 1 whatever happens. */
static int
stays_within(const struct build *b, const struct subscript *s, int64_t from,
             int64_t to)
{
    int64_t lo = s->constant, hi = s->constant;
    if (s->rest)
        return 0;
    for (int i = 0; i < s->n_terms; i++) {
        const struct index *x = &b->p->indices[s->terms[i].index];
        int64_t first, last, coef = s->terms[i].coef;
        if (x->hi <= x->lo || __builtin_mul_overflow(coef, x->lo, &first) ||
            __builtin_mul_overflow(coef, x->hi - 1, &last))
            return 0;
        if (__builtin_add_overflow(lo, first < last ? first : last, &lo) ||
            __builtin_add_overflow(hi, first < last ? last : first, &hi))
            return 0;
    }
    return lo >= from && hi < to;
}

int
einc_eval_is_plain(const struct build *b, const struct subscript *s,
                   int64_t extent)
{
    return !s->checked && stays_within(b, s, 0, extent);
}

int
einc_eval_may_stray(const struct build *b, const struct subscript *s,
                    int64_t extent)
{
    if (s->checked || s->rest)
        return 1;
    if (s->mode == BOUND_PAD)
        return !stays_within(b, s, -s->pad_lo, extent + s->pad_hi);
    return s->mode == BOUND_CHECK && !stays_within(b, s, 0, extent);
}

/* --- blocks and places -------------------------------------------------- */

int
einc_eval_block_new(struct build *b, int parent, int loop, int lane, int mask)
{
    struct eval_code *c = b->c;
    struct eval_block *k = &c->blocks[c->n_blocks];
    *k = (struct eval_block){.parent = parent, .loop = loop, .lane = lane,
                             .mask = mask, .first = -1, .last = -1};
    if (parent >= 0) {
        k->depth = c->blocks[parent].depth + 1;
        k->trips = c->blocks[parent].trips;
        k->width = c->blocks[parent].width;
    } else {
        k->trips = 1;
        k->width = 1;
    }
    return c->n_blocks++;
}

int
einc_eval_block_loop(struct build *b, int x, int block, int lane, int mask,
                     double extent)
{
    int inside = einc_eval_block_new(b, block, x, lane, mask);
    struct eval_block *k = &b->c->blocks[inside];
    double times = extent;
    if (lane == x) {
        times = extent > EVAL_MAX_LANES ? extent / EVAL_MAX_LANES : 1;
        k->width = extent / times;
    }
    k->trips *= times;
    k->may_be_empty = b->p->indices[x].from != NULL ||
                      b->p->indices[x].hi <= b->p->indices[x].lo;
    b->loop_block[x] = inside;
    return inside;
}

int
einc_eval_deeper(const struct build *b, int x, int y)
{
    return b->c->blocks[x].depth > b->c->blocks[y].depth ? x : y;
}

int
einc_eval_is_inside(const struct build *b, int block, int of)
{
    for (; block >= 0; block = b->c->blocks[block].parent)
        if (block == of)
            return 1;
    return 0;
}

int
einc_eval_place(const struct build *b, int block, int need, int strays)
{
    int best = block;
    for (int x = block; x != need;) {
        const struct eval_block *k = &b->c->blocks[x];
        if (strays && (k->loop < 0 || k->may_be_empty))
            break;
        assert(k->parent >= 0);
        if (k->loop >= 0)
            best = k->parent;
        x = k->parent;
    }
    return best;
}

/* --- values and operations ---------------------------------------------- */

int
einc_eval_value(struct build *b, enum eval_type type, int block, int lanes)
{
    struct eval_value *v = &b->c->values[b->c->n_values];
    *v = (struct eval_value){.type = type, .block = block, .lanes = lanes};
    return b->c->n_values++;
}

struct eval_op *
einc_eval_emit(struct build *b, int block, enum eval_kind kind, int lanes,
               double each)
{
    struct eval_code *c = b->c;
    struct eval_block *k = &c->blocks[block];
    struct eval_op *o = &c->ops[c->n_ops];
    *o = (struct eval_op){.kind = kind, .next = -1, .to = -1,
                          .in = {-1, -1, -1}, .lanes = lanes};
    if (k->last < 0)
        k->first = c->n_ops;
    else
        c->ops[k->last].next = c->n_ops;
    k->last = c->n_ops++;
    c->cost += k->trips * (COST_OP + (lanes ? k->width : 1) * each);
    return o;
}

int
einc_eval_constant(struct build *b, enum eval_type type, double number,
                   int64_t integer)
{
    int v = einc_eval_value(b, type, 0, 0);
    b->c->values[v].is_constant = 1;
    b->c->values[v].number = number;
    b->c->values[v].integer = integer;
    return v;
}

int
einc_eval_call(struct build *b, eval_fn *fn, enum eval_type type,
               const int in[], int n_in, int64_t k, double each)
{
    const struct eval_value *v = b->c->values;
    int block = 0, lanes = 0, one = 0, serial = 0;
    assert(fn && n_in <= 3);
    for (int i = 0; i < n_in; i++) {
        block = einc_eval_deeper(b, v[in[i]].block, block);
        lanes |= v[in[i]].lanes;
        serial = newer(v[in[i]].serial, serial);
    }
    for (int i = 0; i < n_in; i++)
        if (lanes && !v[in[i]].lanes)
            one |= 1 << i;
    int to = einc_eval_value(b, type, block, lanes);
    b->c->values[to].serial = serial;
    struct eval_op *o = einc_eval_emit(b, block, EVAL_CALL, lanes, each);
    memcpy(o->in, in, (size_t)n_in * sizeof *in);
    o->to = to;
    o->one = one;
    o->fn = fn;
    o->k = k;
    return to;
}

int
einc_eval_cast(struct build *b, int v, enum eval_type type)
{
    enum eval_type from = b->c->values[v].type;
    if (from == type)
        return v;
    return einc_eval_call(b, b->c->set->cast[from][type], type, &v, 1, 0,
                          COST_SIMPLE);
}

static int
add_both(struct build *b, int x, int y)
{
    if (x < 0)
        return y;
    return einc_eval_call(b, b->c->set->fn[FN_AND][EVAL_BOOL], EVAL_BOOL,
                          (int[]){x, y}, 2, 0, COST_SIMPLE);
}

/* --- guards ------------------------------------------------------------- */

int
einc_eval_if(struct build *b, int block, int condition, int *mask)
{
    *mask = condition;
    if (!b->c->values[condition].lanes)
        return einc_eval_block_new(b, block, -1, b->c->blocks[block].lane,
                                   b->c->blocks[block].mask);
    *mask = add_both(b, b->c->blocks[block].mask, condition);
    return einc_eval_block_new(b, block, -1, b->c->blocks[block].lane, *mask);
}

void
einc_eval_end_if(struct build *b, int block, int inside, int mask)
{
    struct eval_op *o =
        einc_eval_emit(b, block, EVAL_IF, b->c->values[mask].lanes,
                       COST_SIMPLE / 4);
    o->in[0] = mask;
    o->item = inside;
}

/* --- what a tree depends on --------------------------------------------- */

static void
survey_index(const struct build *b, int x, struct survey *v)
{
    int block = b->loop_block[x];
    if (block < 0)
        return;
    v->need = einc_eval_deeper(b, v->need, block);
    v->lanes |= b->c->blocks[block].lane == x;
}

void
einc_eval_survey(const struct build *b, const struct node *n, struct survey *v)
{
    if (n->kind == NODE_INDEX)
        survey_index(b, n->index, v);
    for (int i = 0; i < n->n_args; i++)
        einc_eval_survey(b, n->args[i], v);
    for (int d = 0; n->kind == NODE_ACCESS && d < n->access->n_subs; d++) {
        const struct subscript *s = &n->access->subs[d];
        v->strays |= einc_eval_may_stray(
            b, s, b->p->tensors[n->access->tensor].shape[d]);
        for (int i = 0; i < s->n_terms; i++)
            survey_index(b, s->terms[i].index, v);
        if (s->rest)
            einc_eval_survey(b, s->rest, v);
    }
    if (n->kind != NODE_REDUCE)
        return;
    v->reduces++;
    if (n->guard)
        einc_eval_survey(b, n->guard, v);
    for (int i = 0; i < n->n_bound; i++) {
        const struct index *x = &b->p->indices[n->bound[i]];
        if (x->from) {
            einc_eval_survey(b, x->from, v);
            einc_eval_survey(b, x->to, v);
            v->strays = 1;
        }
    }
    if (n->best >= 0)
        survey_index(b, n->best, v);
}

/* --- what was built already --------------------------------------------- */

struct memo *
einc_eval_memo(struct build *b, const struct node *n)
{
    uint64_t h = (uint64_t)(uintptr_t)n * 0x9e3779b97f4a7c15u >> 20;
    for (;; h++) {
        struct memo *m = &b->memos[h & (uint64_t)(b->n_memos - 1)];
        if (!m->node || m->node == n)
            return m;
    }
}

int
einc_eval_is_valid(const struct build *b, int value, int block)
{
    const struct eval_value *v = &b->c->values[value];
    if (!einc_eval_is_inside(b, block, v->block))
        return 0;
    for (int x = 0; v->serial && x < b->p->n_indices; x++)
        if (b->fixed_serial[x] == v->serial)
            return 1;
    return v->serial == 0;
}

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

#include "runtime/eval_code.h"

enum {
    UNROLL = 16,      /* terms of a reduction that is written out */
    UNROLL_OPS = 600, /* operations of all those */
    SLOTS = 40 << 10, /* bytes of values that fit beside what they are made
                       * of in the first cache */
    PANELS = 2 << 10 /* bytes per lane of all panels: they stay in the second
                      * cache */
};

/* About, in ns. */
#define COST_OP 6.0
#define COST_SIMPLE 0.1
#define COST_FUNCTION 4.0
#define COST_STRIDED 0.7
#define COST_GATHER 2.0

/* How much of everything some tree takes at most. */
struct room {
    int64_t nodes, ops, blocks, accesses, dims, terms, loops, reduces;
    int64_t best; /* entries of all lists */
};

struct memo {
    const struct node *node; /* NULL: free */
    int value;
};

struct build {
    const struct program *p;
    const struct stmt *s;
    struct eval_code *c;
    struct memo *memos;
    int64_t n_memos;      /* a power of 2 */
    int *loop_block;      /* of an index: the block inside its loop, or -1 */
    int64_t *fixed;       /* of an index that is written out: its value */
    int *fixed_serial;    /* and the number of that iteration; 0: it is not */
    int serial;
    struct room left;     /* for writing out */
    int64_t panels;       /* bytes per lane that are left for them */
};

/* What a tree depends on. */
struct survey {
    int need;   /* the deepest block whose loop it uses */
    int lanes;  /* that loop, or one further out, is the lanes */
    int strays; /* data may make it illegal */
    int reduces;
};

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

/* --- room --------------------------------------------------------------- */

static void count_node(const struct program *p, const struct node *n,
                       struct room *r);

static void
count_access(const struct program *p, const struct access *a, struct room *r)
{
    r->accesses++;
    r->ops += 3;
    r->nodes += 3;
    r->terms += EVAL_PANEL_LOOPS;
    for (int d = 0; d < a->n_subs; d++) {
        r->dims++;
        r->terms += a->subs[d].n_terms;
        if (a->subs[d].rest)
            count_node(p, a->subs[d].rest, r);
    }
    if (a->fill)
        count_node(p, a->fill, r);
}

static void
count_loop(const struct program *p, int index, struct room *r)
{
    const struct index *x = &p->indices[index];
    r->loops++;
    r->blocks += 2;
    r->ops += 6;
    r->terms++;
    if (x->from) {
        count_node(p, x->from, r);
        count_node(p, x->to, r);
    }
}

static void
count_node(const struct program *p, const struct node *n, struct room *r)
{
    r->nodes++;
    r->ops += 4 + 2 * n->n_args;
    if (n->kind == NODE_CALL && n->fn == FN_SELECT) {
        r->blocks += 2;
        r->ops += 8;
    }
    for (int i = 0; i < n->n_args; i++)
        count_node(p, n->args[i], r);
    if (n->kind == NODE_ACCESS)
        count_access(p, n->access, r);
    if (n->kind != NODE_REDUCE)
        return;
    r->reduces++;
    r->blocks++;
    r->ops += 8;
    r->nodes += 4;
    for (int i = 0; i < n->n_bound; i++)
        count_loop(p, n->bound[i], r);
    if (n->guard)
        count_node(p, n->guard, r);
    if (n->best >= 0)
        r->best += p->indices[n->best].hi - p->indices[n->best].lo;
}

static struct room
count_stmt(const struct program *p, const struct stmt *s)
{
    struct room r = {.blocks = 1, .ops = 8, .nodes = 8};
    count_node(p, s->right, &r);
    count_access(p, &s->left, &r);
    for (int i = 0; i < s->n_loops; i++)
        count_loop(p, s->loops[i], &r);
    return r;
}

/* What may be written out beside that. */
static struct room
unroll_room(void)
{
    return (struct room){.nodes = UNROLL_OPS / 2, .ops = UNROLL_OPS,
                         .blocks = UNROLL_OPS / 4,
                         .accesses = UNROLL_OPS / 4,
                         .dims = UNROLL_OPS / 2, .terms = UNROLL_OPS,
                         .loops = UNROLL_OPS / 4,
                         .reduces = UNROLL_OPS / 8, .best = 0};
}

static int64_t
values_of(const struct room *r)
{
    return r->ops + 2 * r->nodes + r->accesses;
}

/* Takes n times what r is; 0, and nothing taken, if there is not so much. */
static int
take_room(struct room *left, const struct room *r, int64_t n)
{
    if (n * r->nodes > left->nodes || n * r->ops > left->ops ||
        n * r->blocks > left->blocks || n * r->accesses > left->accesses ||
        n * r->dims > left->dims || n * r->terms > left->terms ||
        n * r->loops > left->loops || n * r->reduces > left->reduces ||
        r->best > 0)
        return 0;
    left->nodes -= n * r->nodes;
    left->ops -= n * r->ops;
    left->blocks -= n * r->blocks;
    left->accesses -= n * r->accesses;
    left->dims -= n * r->dims;
    left->terms -= n * r->terms;
    left->loops -= n * r->loops;
    left->reduces -= n * r->reduces;
    return 1;
}

static struct room
all_room(const struct program *p, const struct stmt *s)
{
    struct room r = count_stmt(p, s), u = unroll_room();
    r.nodes += u.nodes;
    r.ops += u.ops;
    r.blocks += u.blocks;
    r.accesses += u.accesses;
    r.dims += u.dims;
    r.terms += u.terms;
    r.loops += u.loops;
    r.reduces += u.reduces;
    return r;
}

/* The next n of so many bytes behind `at`, aligned. With `base` NULL only the
 * bytes are counted. */
static void *
carve(char *base, int64_t *at, int64_t n, size_t bytes)
{
    void *p = base ? base + *at : NULL;
    *at += (n * (int64_t)bytes + 63) / 64 * 64;
    return p;
}

static int64_t
lay_out(struct build *b, const struct room *r, char *base)
{
    int64_t at = 0;
    struct eval_code *c = carve(base, &at, 1, sizeof *c);
    struct eval_code dry;
    if (!base)
        c = &dry;
    b->c = c;
    c->values = carve(base, &at, values_of(r), sizeof *c->values);
    c->ops = carve(base, &at, r->ops, sizeof *c->ops);
    c->blocks = carve(base, &at, r->blocks, sizeof *c->blocks);
    c->accesses = carve(base, &at, r->accesses, sizeof *c->accesses);
    c->dims = carve(base, &at, r->dims, sizeof *c->dims);
    c->terms = carve(base, &at, r->terms, sizeof *c->terms);
    c->loops = carve(base, &at, r->loops, sizeof *c->loops);
    c->reduces = carve(base, &at, r->reduces, sizeof *c->reduces);
    c->panels = carve(base, &at, r->accesses, sizeof *c->panels);
    for (b->n_memos = 16; b->n_memos < 2 * r->nodes;)
        b->n_memos *= 2;
    b->memos = carve(base, &at, b->n_memos, sizeof *b->memos);
    b->loop_block = carve(base, &at, b->p->n_indices, sizeof(int));
    b->fixed = carve(base, &at, b->p->n_indices, sizeof(int64_t));
    b->fixed_serial = carve(base, &at, b->p->n_indices, sizeof(int));
    if (!base)
        b->c = NULL;
    return at;
}

int64_t
einc_eval_code_bytes(const struct program *p, const struct stmt *s)
{
    struct build b = {.p = p, .s = s};
    const struct room r = all_room(p, s);
    return lay_out(&b, &r, NULL);
}

static int64_t
slot_room(const struct room *r)
{
    int64_t least = values_of(r) * 16 * EVAL_MIN_LANES;
    return (least < 4 * SLOTS ? 4 * SLOTS : least) +
           r->best * 16 * EVAL_MIN_LANES + PANELS * EVAL_MAX_LANES;
}

int64_t
einc_eval_thread_bytes(const struct program *p, const struct stmt *s)
{
    const struct room r = all_room(p, s);
    int64_t at = slot_room(&r);
    carve(NULL, &at, p->n_indices + 1, sizeof(int64_t));
    carve(NULL, &at, values_of(&r), sizeof(void *));
    carve(NULL, &at, r.reduces, sizeof(struct eval_state));
    return at;
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

/* Whether it needs no more than strides, whatever its mode. */
static int
is_plain(const struct build *b, const struct subscript *s, int64_t extent)
{
    return !s->checked && stays_within(b, s, 0, extent);
}

/* Whether a subscript may be illegal, if not for a guard. */
static int
may_stray(const struct build *b, const struct subscript *s, int64_t extent)
{
    if (s->checked || s->rest)
        return 1;
    if (s->mode == BOUND_PAD)
        return !stays_within(b, s, -s->pad_lo, extent + s->pad_hi);
    return s->mode == BOUND_CHECK && !stays_within(b, s, 0, extent);
}

/* --- blocks and places -------------------------------------------------- */

static int
new_block(struct build *b, int parent, int loop, int lane, int mask)
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

static int
deeper(const struct build *b, int x, int y)
{
    return b->c->blocks[x].depth > b->c->blocks[y].depth ? x : y;
}

static int
is_inside(const struct build *b, int block, int of)
{
    for (; block >= 0; block = b->c->blocks[block].parent)
        if (block == of)
            return 1;
    return 0;
}

/* Where something goes that is asked for in `block` and needs to be inside of
 * `need`: out of loops, and out of guards only on the way out of loops. */
static int
place(const struct build *b, int block, int need, int strays)
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

static int
new_value(struct build *b, enum eval_type type, int block, int lanes)
{
    struct eval_value *v = &b->c->values[b->c->n_values];
    *v = (struct eval_value){.type = type, .block = block, .lanes = lanes};
    return b->c->n_values++;
}

/* Appends an operation to a block. `each`: what it costs per lane. */
static struct eval_op *
emit(struct build *b, int block, enum eval_kind kind, int lanes, double each)
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

static int
add_constant(struct build *b, enum eval_type type, double number,
             int64_t integer)
{
    int v = new_value(b, type, 0, 0);
    b->c->values[v].is_constant = 1;
    b->c->values[v].number = number;
    b->c->values[v].integer = integer;
    return v;
}

static int
newer(int a, int b)
{
    return a > b ? a : b;
}

/* fn(in[0], ...) as a value of that type, where the deepest argument is. */
static int
add_call(struct build *b, eval_fn *fn, enum eval_type type, const int in[],
         int n_in, int64_t k, double each)
{
    const struct eval_value *v = b->c->values;
    int block = 0, lanes = 0, one = 0, serial = 0;
    assert(fn && n_in <= 3);
    for (int i = 0; i < n_in; i++) {
        block = deeper(b, v[in[i]].block, block);
        lanes |= v[in[i]].lanes;
        serial = newer(v[in[i]].serial, serial);
    }
    for (int i = 0; i < n_in; i++)
        if (lanes && !v[in[i]].lanes)
            one |= 1 << i;
    int to = new_value(b, type, block, lanes);
    b->c->values[to].serial = serial;
    struct eval_op *o = emit(b, block, EVAL_CALL, lanes, each);
    memcpy(o->in, in, (size_t)n_in * sizeof *in);
    o->to = to;
    o->one = one;
    o->fn = fn;
    o->k = k;
    return to;
}

static int
as_type(struct build *b, int v, enum eval_type type)
{
    enum eval_type from = b->c->values[v].type;
    if (from == type)
        return v;
    return add_call(b, b->c->set->cast[from][type], type, &v, 1, 0,
                    COST_SIMPLE);
}

static int
add_both(struct build *b, int x, int y)
{
    if (x < 0)
        return y;
    return add_call(b, b->c->set->fn[FN_AND][EVAL_BOOL], EVAL_BOOL,
                    (int[]){x, y}, 2, 0, COST_SIMPLE);
}

/* --- guards ------------------------------------------------------------- */

/* What runs where a condition holds. */
static int
open_if(struct build *b, int block, int condition, int *mask)
{
    *mask = condition;
    if (!b->c->values[condition].lanes)
        return new_block(b, block, -1, b->c->blocks[block].lane,
                         b->c->blocks[block].mask);
    *mask = add_both(b, b->c->blocks[block].mask, condition);
    return new_block(b, block, -1, b->c->blocks[block].lane, *mask);
}

static void
close_if(struct build *b, int block, int inside, int mask)
{
    struct eval_op *o =
        emit(b, block, EVAL_IF, b->c->values[mask].lanes, COST_SIMPLE / 4);
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
    v->need = deeper(b, v->need, block);
    v->lanes |= b->c->blocks[block].lane == x;
}

static void
survey_node(const struct build *b, const struct node *n, struct survey *v)
{
    if (n->kind == NODE_INDEX)
        survey_index(b, n->index, v);
    for (int i = 0; i < n->n_args; i++)
        survey_node(b, n->args[i], v);
    for (int d = 0; n->kind == NODE_ACCESS && d < n->access->n_subs; d++) {
        const struct subscript *s = &n->access->subs[d];
        v->strays |= may_stray(
            b, s, b->p->tensors[n->access->tensor].shape[d]);
        for (int i = 0; i < s->n_terms; i++)
            survey_index(b, s->terms[i].index, v);
        if (s->rest)
            survey_node(b, s->rest, v);
    }
    if (n->kind != NODE_REDUCE)
        return;
    v->reduces++;
    if (n->guard)
        survey_node(b, n->guard, v);
    for (int i = 0; i < n->n_bound; i++) {
        const struct index *x = &b->p->indices[n->bound[i]];
        if (x->from) {
            survey_node(b, x->from, v);
            survey_node(b, x->to, v);
            v->strays = 1;
        }
    }
    if (n->best >= 0)
        survey_index(b, n->best, v);
}

/* --- what was built already --------------------------------------------- */

static struct memo *
find_memo(struct build *b, const struct node *n)
{
    uint64_t h = (uint64_t)(uintptr_t)n * 0x9e3779b97f4a7c15u >> 20;
    for (;; h++) {
        struct memo *m = &b->memos[h & (uint64_t)(b->n_memos - 1)];
        if (!m->node || m->node == n)
            return m;
    }
}

/* A value can be used again inside of its block, and in the iteration of what
 * is written out that it was made in. */
static int
is_valid(const struct build *b, int value, int block)
{
    const struct eval_value *v = &b->c->values[value];
    if (!is_inside(b, block, v->block))
        return 0;
    for (int x = 0; v->serial && x < b->p->n_indices; x++)
        if (b->fixed_serial[x] == v->serial)
            return 1;
    return v->serial == 0;
}

/* --- accesses ----------------------------------------------------------- */

static int build_node(struct build *b, const struct node *n, int block);

/* Adds the terms of a subscript behind each other to code.terms, all times
 * `by`; the lanes' and what is fixed go where they are told. */
static int
add_terms(struct build *b, const struct subscript *s, int64_t by, int lane,
          int64_t *constant, int64_t *lane_coef)
{
    int n = 0;
    *constant = (int64_t)((uint64_t)*constant +
                          (uint64_t)s->constant * (uint64_t)by);
    for (int i = 0; i < s->n_terms; i++) {
        int x = s->terms[i].index;
        uint64_t coef = (uint64_t)s->terms[i].coef * (uint64_t)by;
        if (b->fixed_serial[x]) {
            *constant = (int64_t)((uint64_t)*constant +
                                  coef * (uint64_t)b->fixed[x]);
            continue;
        }
        if (x == lane)
            *lane_coef = (int64_t)((uint64_t)*lane_coef + coef);
        b->c->terms[b->c->n_terms + n++] =
            (struct eval_term){x, (int64_t)coef};
    }
    return n;
}

struct found {
    int need, strays, lanes, serial;
};

/* What the access depends on; its gathers are built. rest[d]: their values,
 * kept in the dims to be. */
static struct found
build_gathers(struct build *b, const struct access *a, int block, int dim)
{
    const struct tensor *t = &b->p->tensors[a->tensor];
    struct found f = {0, 0, 0, 0};
    for (int d = 0; d < a->n_subs; d++) {
        const struct subscript *s = &a->subs[d];
        b->c->dims[dim + d].rest = -1;
        if (s->rest) {
            int v = as_type(b, build_node(b, s->rest, block), EVAL_I64);
            b->c->dims[dim + d].rest = v;
            f.need = deeper(b, f.need, b->c->values[v].block);
            f.serial = newer(f.serial, b->c->values[v].serial);
            f.lanes |= b->c->values[v].lanes;
        }
        f.strays |= may_stray(b, s, t->shape[d]);
        for (int i = 0; i < s->n_terms; i++) {
            int x = s->terms[i].index;
            f.serial = newer(f.serial, b->fixed_serial[x]);
            if (b->loop_block[x] >= 0)
                f.need = deeper(b, f.need, b->loop_block[x]);
        }
    }
    return f;
}

/* Fills in everything but `fill`, `mask` and `offsets`, for use in a block
 * whose lanes are `lane`. The dims that remain lie from `dim` on. */
static struct eval_access
describe_access(struct build *b, const struct access *a, int lane, int dim)
{
    const struct tensor *t = &b->p->tensors[a->tensor];
    struct eval_code *c = b->c;
    const int bytes = einc_dtype_info(t->dtype)->bytes;
    struct eval_access e = {.tensor = a->tensor, .dtype = t->dtype,
                            .first_dim = dim, .fill = -1, .mask = -1,
                            .offsets = -1};
    e.is_native = t->dtype == EINC_U64 ||
                  (t->dtype == einc_fn_compute(t->dtype) &&
                   t->dtype != EINC_BOOL); /* any byte may be a bool */
    e.first = c->n_terms;
    for (int d = 0; d < a->n_subs; d++) {
        const struct subscript *s = &a->subs[d];
        if (!is_plain(b, s, t->shape[d]))
            continue;
        int n = add_terms(b, s, t->stride[d] * bytes, lane, &e.constant,
                          &e.lane_bytes);
        e.n_terms += n;
        c->n_terms += n;
    }
    for (int d = 0; d < a->n_subs; d++) {
        const struct subscript *s = &a->subs[d];
        if (is_plain(b, s, t->shape[d]))
            continue;
        struct eval_dim x = {.rest = c->dims[dim + d].rest, .mode = s->mode,
                             .pad_lo = s->pad_lo, .pad_hi = s->pad_hi,
                             .checked = s->checked, .site = s->site,
                             .extent = t->shape[d],
                             .stride = t->stride[d] * bytes};
        x.first = c->n_terms;
        x.n_terms = add_terms(b, s, 1, lane, &x.constant, &x.lane_coef);
        c->n_terms += x.n_terms;
        c->dims[dim + e.n_dims++] = x;
    }
    return e;
}

/* Dims are laid down beyond those that nested gathers take. */
static int
reserve_dims(struct build *b, const struct access *a)
{
    int dim = b->c->n_dims;
    b->c->n_dims += a->n_subs;
    return dim;
}

/* --- panels ------------------------------------------------------------- */

/* The loops around `at` that an access uses, innermost first, up to one it
 * does not, which runs them again and again; that one, or -1. */
static int
find_panel(const struct build *b, const struct eval_access *e, int at,
           int loops[], int *n_loops, int64_t *entries)
{
    const struct eval_code *c = b->c;
    *n_loops = 0;
    *entries = 1;
    for (;; at = c->blocks[at].parent) {
        const struct eval_block *k = &c->blocks[at];
        int used = 0;
        if (k->loop < 0 || k->lane == k->loop)
            return -1;
        for (int i = 0; i < e->n_terms; i++)
            used |= c->terms[e->first + i].index == k->loop;
        if (!used)
            return *n_loops ? at : -1;
        const struct index *x = &b->p->indices[k->loop];
        if (x->from || *n_loops == EVAL_PANEL_LOOPS ||
            __builtin_mul_overflow(*entries, x->hi - x->lo, entries))
            return -1;
        loops[(*n_loops)++] = at;
    }
}

/* Lanes that are far apart, or are converted, and that are wanted again and
 * again: they are all loaded beforehand. Returns the value, or -1: it is not
 * worth it. */
static int
build_panel(struct build *b, const struct eval_access *e, int at,
            enum eval_type type, int serial)
{
    struct eval_code *c = b->c;
    int loops[EVAL_PANEL_LOOPS], n = 0, need = 0;
    int64_t entries = 1, room;
    if (e->n_dims || (e->is_native && e->lane_bytes == eval_bytes(type)))
        return -1;
    int again = find_panel(b, e, at, loops, &n, &entries);
    if (again < 0 || entries < 1 ||
        __builtin_mul_overflow(entries, eval_bytes(type), &room) ||
        room > b->panels)
        return -1;
    for (int i = 0; i < e->n_terms; i++) {
        int k = 0, block = b->loop_block[c->terms[e->first + i].index];
        while (k < n && loops[k] != block)
            k++;
        if (k == n)
            need = deeper(b, need, block);
    }
    int out = place(b, again, need, 0);
    if (c->blocks[again].trips < 4 * c->blocks[out].trips ||
        c->blocks[out].lane != c->blocks[at].lane)
        return -1;
    b->panels -= room;
    int panel = new_value(b, type, out, 1), to = new_value(b, type, at, 1);
    c->values[panel].room = entries;
    c->values[panel].is_panel = 1;
    c->values[to].serial = serial;
    struct eval_op *o = emit(b, out, EVAL_PANEL, 1,
                             COST_STRIDED * (double)entries);
    o->to = panel;
    o->item = c->n_panels;
    o = emit(b, at, EVAL_ENTRY, 1, 0);
    o->to = to;
    o->in[0] = panel;
    o->item = c->n_panels;
    struct eval_panel *p = &c->panels[c->n_panels++];
    *p = (struct eval_panel){c->n_accesses, c->n_terms, n};
    c->accesses[c->n_accesses++] = *e;
    for (int k = n - 1; k >= 0; k--) {
        int x = c->blocks[loops[k]].loop;
        c->terms[c->n_terms++] = (struct eval_term){
            x, b->p->indices[x].hi - b->p->indices[x].lo};
    }
    return to;
}

static int
build_load(struct build *b, const struct node *n, int block)
{
    struct eval_code *c = b->c;
    const struct access *a = n->access;
    int dim = reserve_dims(b, a);
    struct found f = build_gathers(b, a, block, dim);
    int at = place(b, block, f.need, f.strays);
    int lane = c->blocks[at].lane;
    struct eval_access e = describe_access(b, a, lane, dim);
    int lanes = e.lane_bytes != 0 || f.lanes;
    int64_t stride = e.lane_bytes;
    for (int d = 0; d < e.n_dims; d++)
        lanes |= c->dims[dim + d].lane_coef != 0;
    enum eval_type type =
        einc_eval_type(b->p->tensors[a->tensor].dtype);
    int panel = lanes && !f.strays ? build_panel(b, &e, at, type, f.serial)
                                   : -1;
    if (panel >= 0)
        return as_type(b, panel, einc_eval_type(n->type));
    if (a->fill)
        e.fill = as_type(b, build_node(b, a->fill, block), type);
    if (lanes && f.strays)
        e.mask = c->blocks[at].mask;
    if (lanes && e.n_dims)
        e.offsets = new_value(b, EVAL_I64, at, 1);
    int to = new_value(b, type, at, lanes);
    c->values[to].serial = f.serial;
    int bytes = einc_dtype_info(e.dtype)->bytes, hard = 0;
    for (int d = 0; d < e.n_dims; d++) {
        const struct eval_dim *x = &c->dims[dim + d];
        hard |= x->lane_coef != 0 &&
                (x->checked || x->mode > BOUND_PAD || x->rest >= 0);
        stride += x->lane_coef * x->stride;
    }
    double each = hard || f.lanes                  ? COST_GATHER
                  : !lanes || stride == bytes      ? COST_SIMPLE
                                                   : COST_STRIDED;
    struct eval_op *o = emit(b, at, EVAL_LOAD, lanes, each);
    o->to = to;
    o->item = c->n_accesses;
    c->accesses[c->n_accesses++] = e;
    return as_type(b, to, einc_eval_type(n->type));
}

/* --- leaves and calls --------------------------------------------------- */

static int
build_index(struct build *b, int x)
{
    struct eval_code *c = b->c;
    if (b->fixed_serial[x]) {
        int v = add_constant(b, EVAL_I64, 0, b->fixed[x]);
        c->values[v].serial = b->fixed_serial[x];
        return v;
    }
    int block = b->loop_block[x];
    assert(block >= 0 && "an index that nothing binds");
    int lanes = c->blocks[block].lane == x;
    int v = new_value(b, EVAL_I64, block, lanes);
    struct eval_op *o = emit(b, block, EVAL_INDEX, lanes, COST_SIMPLE);
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
    int v = build_node(b, n->args[0], block);
    v = as_type(b, v, einc_eval_type(n->type));
    eval_fn *narrow = b->c->set->narrow[n->type];
    if (!narrow || n->args[0]->type == n->type)
        return v;
    return add_call(b, narrow, einc_eval_type(n->type), &v, 1, 0,
                    COST_SIMPLE);
}

/* One that is no complex number has no imaginary part to take or to turn. */
static int
build_part(struct build *b, const struct node *n, int v)
{
    enum eval_type type = b->c->values[v].type;
    if (type == EVAL_C64 || type == EVAL_C128)
        return add_call(b, b->c->set->fn[n->fn][type],
                        einc_eval_type(n->type), &v, 1, 0, COST_SIMPLE);
    if (n->fn == FN_IMAG)
        return add_constant(b, type, 0, 0);
    return v;
}

/* One of the arrays that a reduction leaves, as a value where it stands. */
static int
take_part(struct build *b, int lse, int part)
{
    struct eval_code *c = b->c;
    const struct eval_value v = c->values[lse];
    int to = new_value(b, v.type, v.block, v.lanes);
    struct eval_op *o = emit(b, v.block, EVAL_CALL, v.lanes, COST_SIMPLE);
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
    int lse = build_node(b, n->lse, block);
    const struct eval_reduce *r =
        &b->c->reduces[b->c->values[lse].reduce];
    enum eval_type type = b->c->values[lse].type;
    int x = build_node(b, n->args[0]->args[0], block);
    int most = take_part(b, lse, r->value);
    int sum = take_part(b, lse, r->more);
    x = add_call(b, set->fn[FN_SUB][type], type,
                 (int[]){as_type(b, x, type), most}, 2, 0, COST_SIMPLE);
    x = add_call(b, set->fn[FN_EXP][type], type, &x, 1, 0, cost_of(n));
    return add_call(b, set->fn[FN_DIV][type], type, (int[]){x, sum}, 2, 0,
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
    survey_node(b, n, &s);
    if (!s.reduces || s.strays)
        return build_node(b, n, block);
    if (!is_first)
        condition = add_call(b, c->set->fn[FN_NOT][EVAL_BOOL], EVAL_BOOL,
                             &condition, 1, 0, COST_SIMPLE);
    int inside = open_if(b, block, condition, &mask);
    int v = build_node(b, n, inside);
    if (c->values[v].block == inside) { /* it can be used outside as a copy */
        const struct eval_value x = c->values[v];
        struct eval_op *o =
            emit(b, inside, EVAL_CALL, x.lanes, COST_SIMPLE);
        o->fn = c->set->cast[x.type][x.type];
        o->in[0] = v;
        v = o->to = new_value(b, x.type, block, x.lanes);
        c->values[v].serial = x.serial;
    }
    close_if(b, block, inside, mask);
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
                    : build_node(b, n->args[i], block);
        if (is_truth)
            in[i] = as_type(b, in[i], EVAL_BOOL);
    }
    if (n->fn == FN_CONJ || n->fn == FN_REAL || n->fn == FN_IMAG)
        return build_part(b, n, in[0]);
    enum eval_type type = b->c->values[in[n->n_args - 1]].type;
    if (n->fn == FN_ISNAN && (type == EVAL_I32 || type == EVAL_I64 ||
                              type == EVAL_BOOL))
        return add_constant(b, EVAL_BOOL, 0, 0);
    if (b->c->values[in[0]].type != type && n->fn != FN_SELECT)
        in[0] = as_type(b, in[0], type);
    return add_call(b, set->fn[n->fn][type], einc_eval_type(n->type), in,
                    n->n_args, n->integer, cost_of(n));
}

static int
build_product(struct build *b, const struct node *n, int block)
{
    enum eval_type type = einc_eval_type(n->type);
    int v = as_type(b, build_node(b, n->args[0], block), type);
    for (int i = 1; i < n->n_args; i++) {
        int w = as_type(b, build_node(b, n->args[i], block), type);
        v = add_call(b, b->c->set->fn[FN_MUL][type], type, (int[]){v, w}, 2,
                     0, COST_SIMPLE);
    }
    return v;
}

static int
build_number(struct build *b, const struct node *n)
{
    enum eval_type type = einc_eval_type(n->type);
    return add_constant(b, type, n->number, n->integer);
}

static int build_reduce(struct build *b, const struct node *n, int block);

static int
build_node(struct build *b, const struct node *n, int block)
{
    struct memo *m = find_memo(b, n);
    int v = -1;
    if (m->node && m->value >= 0 && is_valid(b, m->value, block))
        return m->value;
    m->node = n;
    m->value = -1;
    switch (n->kind) {
    case NODE_NUMBER: v = build_number(b, n); break;
    case NODE_ACCESS: v = build_load(b, n, block); break;
    case NODE_PRODUCT: v = build_product(b, n, block); break;
    case NODE_INDEX: v = build_index(b, n->index); break;
    case NODE_CALL: v = build_call(b, n, block); break;
    case NODE_REDUCE: v = build_reduce(b, n, block); break;
    }
    find_memo(b, n)->value = v;
    return v;
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
    const struct memo *m = find_memo(b, n);
    if (n->kind != NODE_CALL || einc_eval_type(n->type) != type ||
        (m->node && m->value >= 0 && is_valid(b, m->value, block)))
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
        p->in[i] = as_type(b, build_node(b, of->args[i], block), type);
    const struct eval_value *v = b->c->values;
    return v[p->in[0]].lanes || v[p->in[1]].lanes;
}

static int
pair_block(const struct build *b, const struct pair *p)
{
    const struct eval_value *v = b->c->values;
    return deeper(b, v[p->in[0]].block, v[p->in[1]].block);
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
    survey_node(b, &terms, &v);
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

/* The block inside a loop over x, in `block`. */
static int
add_loop_block(struct build *b, int x, int block, int lane, int mask,
               double extent)
{
    int inside = new_block(b, block, x, lane, mask);
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

static void
finish_loop(struct build *b, int x, int block, int inside, int from, int to)
{
    struct eval_code *c = b->c;
    const struct index *i = &b->p->indices[x];
    b->loop_block[x] = -1;
    struct eval_op *o = emit(b, block, EVAL_LOOP, 0, 0);
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
    int v = build_node(b, n->args[0], block);
    if (n->redop == REDOP_ANY || n->redop == REDOP_ALL ||
        n->redop == REDOP_COUNT)
        v = as_type(b, v, EVAL_BOOL);
    return as_type(b, v, q->type);
}

static void
build_take(struct build *b, struct reducing *q, int block)
{
    int inside = block, mask = -1;
    if (q->n->guard) {
        int g = as_type(b, build_node(b, q->n->guard, block), EVAL_BOOL);
        q->serial = newer(q->serial, b->c->values[g].serial);
        q->masked |= b->c->values[g].lanes;
        inside = open_if(b, block, g, &mask);
    }
    struct pair pair;
    int is_pair = q->n->redop == REDOP_SUM && !q->masked &&
                  build_pair(b, q->n->args[0], q->type, inside, &pair) &&
                  pair_block(b, &pair) == inside;
    int v = is_pair ? pair.in[0] : body_value(b, q, inside);
    q->serial = newer(q->serial, b->c->values[v].serial);
    struct eval_op *o =
        emit(b, inside, EVAL_TAKE, q->r->lanes || q->own >= 0,
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
        close_if(b, block, inside, mask);
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
        from = as_type(b, build_node(b, i->from, block), EVAL_I64);
        to = as_type(b, build_node(b, i->to, block), EVAL_I64);
        q->serial = newer(q->serial, c->values[from].serial);
        q->serial = newer(q->serial, c->values[to].serial);
        per_lane = c->values[from].lanes || c->values[to].lanes;
    }
    double extent = extent_of(b, i, from);
    if (per_lane)
        extent *= c->blocks[block].width;
    int is_first = k == 0 && !q->r->lanes; /* outside of all lanes so far */
    int lane = q->own == x ? x : is_first ? -1 : c->blocks[block].lane;
    int inside = add_loop_block(b, x, block, lane,
                                is_first ? -1 : c->blocks[block].mask,
                                extent);
    int last = inside, mask = -1;
    if (per_lane) {
        int in = new_value(b, EVAL_BOOL, inside, 1);
        struct eval_op *o = emit(b, inside, EVAL_RANGE, 1, COST_SIMPLE);
        o->to = in;
        o->in[0] = from;
        o->in[1] = to;
        o->one = !c->values[from].lanes + 2 * !c->values[to].lanes;
        o->item = x;
        q->masked = 1;
        last = open_if(b, inside, in, &mask);
    }
    build_loops(b, q, k + 1, last);
    if (per_lane)
        close_if(b, inside, last, mask);
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

static int
is_best(enum redop op)
{
    return op == REDOP_KMIN || op == REDOP_KMAX || op == REDOP_ARGKMIN ||
           op == REDOP_ARGKMAX;
}

static int
is_position(enum redop op)
{
    return op == REDOP_ARGMIN || op == REDOP_ARGMAX || op == REDOP_ARGKMIN ||
           op == REDOP_ARGKMAX;
}

static void
make_state(struct build *b, struct reducing *q, int block)
{
    struct eval_reduce *r = q->r;
    enum redop op = q->n->redop;
    int lanes = r->lanes || (q->own >= 0 && !is_best(op));
    r->value = new_value(b, q->type, block, lanes);
    if (op == REDOP_SUM || op == REDOP_MEAN || op == REDOP_COUNT ||
        op == REDOP_LOGSUMEXP)
        r->more = new_value(b, q->type, block, lanes);
    if (op == REDOP_MEAN || is_position(op) || is_best(op))
        r->number = new_value(b, EVAL_I64, block, lanes);
    if (is_best(op)) {
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
    return is_position(n->redop) ? EVAL_I64 : terms_type(n);
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
    int to = new_value(b, result_type(q->n), block, q->r->lanes);
    struct eval_op *o = emit(b, block, EVAL_END, q->r->lanes,
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
    int entry = build_index(b, q->n->best);
    int at = deeper(b, block, c->values[entry].block);
    int lanes = q->r->lanes || c->values[entry].lanes;
    int to = new_value(b, result_type(q->n), at, lanes);
    struct eval_op *o = emit(b, at, EVAL_PICK, lanes, COST_STRIDED);
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
    if (is_position(n->redop) || !has_other_identity(n, &identity))
        return v;
    int least = n->redop == REDOP_MAX || n->redop == REDOP_KMAX;
    int64_t none = type == EVAL_I32 ? (least ? INT32_MIN : INT32_MAX)
                                    : (least ? INT64_MIN : INT64_MAX);
    int is = add_call(b, b->c->set->fn[FN_EQ][type], EVAL_BOOL,
                      (int[]){v, add_constant(b, type, 0, none)}, 2, 0,
                      COST_SIMPLE);
    return add_call(b, b->c->set->fn[FN_SELECT][type], type,
                    (int[]){is, add_constant(b, type, 0, identity), v}, 3, 0,
                    COST_SIMPLE);
}

/* --- reductions that are written out ------------------------------------ */

/* Number of terms, if they are to be written out; else 0. */
static int64_t
unrolled_terms(struct build *b, const struct node *n)
{
    int64_t terms = 1;
    struct room r = {0};
    if (n->guard || (n->redop != REDOP_SUM && n->redop != REDOP_PROD &&
                     n->redop != REDOP_MAX && n->redop != REDOP_MIN))
        return 0;
    for (int k = 0; k < n->n_bound; k++) {
        const struct index *x = &b->p->indices[n->bound[k]];
        if (x->from || x->hi <= x->lo || x->hi - x->lo > UNROLL / terms)
            return 0;
        terms *= x->hi - x->lo;
    }
    count_node(b->p, n->args[0], &r);
    r.ops += 4;
    r.nodes += 2;
    return take_room(&b->left, &r, terms) ? terms : 0;
}

static int
combine_terms(struct build *b, const struct node *n, int v, int term)
{
    enum eval_type type = b->c->values[v].type;
    enum fn fn = n->redop == REDOP_SUM    ? FN_ADD
                 : n->redop == REDOP_PROD ? FN_MUL
                 : n->redop == REDOP_MAX  ? FN_MAXIMUM
                                          : FN_MINIMUM;
    return add_call(b, b->c->set->fn[fn][type], type, (int[]){v, term}, 2, 0,
                    COST_SIMPLE);
}

/* One more term for the value v, if there is one: -1. */
static int
add_term(struct build *b, const struct node *n, int v, int block)
{
    enum eval_type type = terms_type(n);
    struct pair p;
    if (v >= 0 && n->redop == REDOP_SUM &&
        build_pair(b, n->args[0], type, block, &p) &&
        is_inside(b, pair_block(b, &p), b->c->values[v].block))
        return add_call(b, b->c->set->added[p.made][type], type,
                        (int[]){v, p.in[0], p.in[1]}, 3, 0,
                        1.5 * COST_SIMPLE);
    int term = as_type(b, build_node(b, n->args[0], block), type);
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

static int
build_reduce(struct build *b, const struct node *n, int block)
{
    struct eval_code *c = b->c;
    if (unrolled_terms(b, n)) {
        int v = build_unrolled(b, n, block);
        return as_type(b, v, einc_eval_type(n->type));
    }
    struct survey s = survey_terms(b, n);
    int at = place(b, block, s.need, s.strays);
    struct reducing q = {.n = n, .own = -1, .type = terms_type(n)};
    q.item = c->n_reduces++;
    q.r = &c->reduces[q.item];
    *q.r = (struct eval_reduce){.op = n->redop, .value = -1, .more = -1,
                                .number = -1, .k = 1, .lanes = s.lanes};
    q.r->how = &c->set->reduce[n->redop][q.type];
    assert(q.r->how->begin && "no such reduction in this type");
    if (!s.lanes)
        q.own = pick_lane(b, n);
    q.r->own_lanes = q.own >= 0 && !is_best(n->redop)
                         ? b->p->indices[q.own].hi - b->p->indices[q.own].lo
                         : 0;
    make_state(b, &q, at);
    struct eval_op *o =
        emit(b, at, EVAL_BEGIN, s.lanes || q.own >= 0, COST_SIMPLE);
    o->item = q.item;
    describe_position(b, &q);
    build_loops(b, &q, 0, at);
    int v = is_best(n->redop) ? build_pick(b, &q, at)
                              : finish_reduce(b, &q, at);
    v = mend_identity(b, n, v);
    return as_type(b, v, einc_eval_type(n->type));
}

/* --- the statement ------------------------------------------------------ */

static void
build_store(struct build *b, int right, int block)
{
    struct eval_code *c = b->c;
    const struct access *a = &b->s->left;
    int dim = reserve_dims(b, a);
    build_gathers(b, a, block, dim);
    struct eval_access e =
        describe_access(b, a, c->blocks[block].lane, dim);
    enum eval_type type = einc_eval_type(e.dtype);
    int v = as_type(b, right, type), lanes = c->blocks[block].lane >= 0;
    if (lanes)
        e.offsets = new_value(b, EVAL_I64, block, 1);
    struct eval_op *o = emit(b, block, EVAL_STORE, lanes,
                             e.lane_bytes == einc_dtype_info(e.dtype)->bytes
                                 ? COST_SIMPLE
                                 : COST_STRIDED);
    o->in[0] = v;
    o->in[1] = new_value(b, type, block, lanes);
    o->in[2] = new_value(b, type, block, lanes);
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
    b->left = unroll_room();
    b->panels = PANELS;
}

/* Of the loops of the statement, `lane` is the lanes; -1: none is. */
static void
build_with(struct build *b, int lane)
{
    struct eval_code *c = b->c;
    const struct stmt *s = b->s;
    reset(b);
    int block = new_block(b, -1, -1, -1, -1);
    c->n_loops = s->n_loops;
    for (int k = 0; k < s->n_loops; k++) {
        int x = s->loops[k];
        const struct index *i = &b->p->indices[x];
        assert(!i->from && "a loop of a statement that data bound");
        int inside = add_loop_block(
            b, x, block, x == lane ? x : c->blocks[block].lane, -1,
            (double)(i->hi - i->lo));
        c->loops[k] = (struct eval_loop){.index = x, .lo = i->lo,
                                         .hi = i->hi, .from = -1, .to = -1,
                                         .site = -1, .lanes = x == lane,
                                         .mask = -1, .block = inside};
        block = inside;
    }
    build_store(b, build_node(b, s->right, block), block);
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
            (near > SLOTS && c->lanes > 4 * EVAL_MIN_LANES))) {
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
    const struct room r = all_room(p, s);
    lay_out(&b, &r, at);
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
    pick_lanes(b.c, slot_room(&r));
    return b.c;
}

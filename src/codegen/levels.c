/* SPDX-License-Identifier: MIT
 *
 * levels.c - see levels.h: each value to its block.
 */
#include "codegen/levels.h"

#include <assert.h>
#include <string.h>

/* Makes room for one more element. */
#define PUSH(m, list, n, cap)                                               \
    ((n) < (cap) ? (void)0 : grow((m)->perm, (void **)&(list), &(cap),      \
                                  (int)sizeof *(list)))

static void
grow(struct arena *perm, void **list, int *cap, int bytes)
{
    int n = *cap ? 2 * *cap : 16;
    char *copy = einc_arena_take(perm, 1, 16, (int64_t)n * bytes);
    if (*cap)
        memcpy(copy, *list, (size_t)*cap * (size_t)bytes);
    *list = copy;
    *cap = n;
}

static const struct value *
value_of(const struct mapreduce *m, int v)
{
    return &m->values.v[v];
}

int
einc_levels_is_lane(const struct mapreduce *m, int v)
{
    return m->lane >= 0 && (value_of(m, v)->deps >> m->lane & 1);
}

int
einc_levels_reduces_lane(const struct mapreduce *m, int v)
{
    const struct value_reduce *r = value_of(m, v)->reduce;
    for (int k = 0; k < r->n_vars; k++)
        if (r->vars[k] == m->lane)
            return 1;
    return 0;
}

int
einc_levels_is_wide(const struct mapreduce *m, int v)
{
    return einc_levels_is_lane(m, v) || einc_levels_reduces_lane(m, v);
}

static int
new_block(struct mapreduce *m, enum block_kind kind, int parent)
{
    PUSH(m, m->blocks, m->n_blocks, m->cap_blocks);
    m->blocks[m->n_blocks] =
        (struct block){.kind = kind, .parent = parent, .loop = -1,
                       .cond = -1};
    return m->n_blocks++;
}

static struct item *
new_item(struct mapreduce *m, int block, enum item_kind kind, int stage)
{
    struct block *b = &m->blocks[block];
    PUSH(m, b->items, b->n_items, b->cap);
    struct item *x = &b->items[b->n_items];
    *x = (struct item){.kind = kind, .stage = stage, .order = b->n_items,
                       .value = -1, .part = -1, .carry = -1, .loop = -1};
    b->n_items++;
    return x;
}

static struct placed *
new_placed(struct mapreduce *m, int value, int block, int ready)
{
    PUSH(m, m->placed, m->n_placed, m->cap_placed);
    struct placed *p = &m->placed[m->n_placed];
    *p = (struct placed){value, block, ready, -1, -1, -1,
                         m->first_placed[value]};
    m->first_placed[value] = m->n_placed++;
    return p;
}

static int
is_plain(const struct mapreduce *m, int v)
{
    enum value_op op = value_of(m, v)->op;
    return op == VALUE_NUMBER || op == VALUE_SIZE || op == VALUE_VAR;
}

static uint64_t
deps_of(const struct mapreduce *m, int v)
{
    const struct value *x = value_of(m, v);
    return x->reduce ? x->deps & ~x->reduce->payload : x->deps;
}

/* The vars that a table holds all values of. */
static uint64_t
dims_of(const struct mapreduce *m, const struct placed *p)
{
    uint64_t set = 0;
    for (int k = 0; p->table >= 0 && k < m->tables[p->table].n_dims; k++)
        set |= (uint64_t)1 << m->tables[p->table].dims[k];
    return set;
}

static uint64_t
hidden_by(const struct mapreduce *m, const struct loop *l)
{
    return (uint64_t)1 << l->var | (l->var == m->lane ? VALUE_BASE : 0);
}

/* `hidden` are the vars of the loops on the way up: what is placed above them
 * is made of other values of theirs, but for that in tables. */
const struct placed *
einc_levels_find(const struct mapreduce *m, int block, int value)
{
    uint64_t hidden = 0, deps = deps_of(m, value);
    for (int b = block; b >= 0; b = m->blocks[b].parent) {
        for (int p = m->first_placed[value]; p >= 0; p = m->placed[p].next)
            if (m->placed[p].block == b &&
                !(hidden & deps & ~dims_of(m, &m->placed[p])))
                return &m->placed[p];
        if (m->blocks[b].kind == BLOCK_LOOP)
            hidden |= hidden_by(m, &m->loops[m->blocks[b].loop]);
    }
    return NULL;
}

/* Stage of a block from which a value is known there. */
static int
ready_at(const struct mapreduce *m, int block, int value)
{
    const struct placed *p = einc_levels_find(m, block, value);
    return p && p->block == block ? p->ready : 0;
}

static int
max(int a, int b)
{
    return a > b ? a : b;
}

/* --- where a value belongs ---------------------------------------------- */

static int
is_constant_loop(const struct mapreduce *m, const struct loop *l)
{
    return l->n_from == 0 && l->n_to == 0 && m->values.var[l->var].from < 0;
}

/* Whether a value is the same in all turns of a loop, and may be computed
 * though there is none: what it might report of the range of that loop is
 * reported before the loop begins. */
static int
can_leave(const struct mapreduce *m, const struct loop *l, int v)
{
    uint64_t deps = deps_of(m, v);
    int pinned = value_of(m, v)->pinned;
    return !(deps >> l->var & 1) &&
           !(l->var == m->lane && (deps & VALUE_BASE)) &&
           (!pinned || pinned == l->var + 1 || is_constant_loop(m, l));
}

static int
home_of(const struct mapreduce *m, int block, int v)
{
    int best = block;
    for (int b = block; m->blocks[b].parent >= 0; b = m->blocks[b].parent) {
        const struct block *x = &m->blocks[b];
        if (x->kind == BLOCK_LOOP) {
            if (!can_leave(m, &m->loops[x->loop], v))
                break;
            best = x->parent;
        } else if (value_of(m, v)->pinned) {
            break;
        }
    }
    return best;
}

static void need(struct mapreduce *m, int block, int v);

/* All values that one is made of directly. */
static int
args_of(const struct mapreduce *m, int v, int *args)
{
    const struct value *x = value_of(m, v);
    int n = 0;
    for (int k = 0; k < x->n_args; k++)
        args[n++] = x->args[k];
    for (int k = 0; k < x->n_extra; k++)
        args[n++] = x->extra[k].var;
    const struct value_reduce *r = x->reduce;
    for (int k = 0; r && k < r->n_parts; k++) {
        args[n++] = r->part[k].x;
        if (r->part[k].guard >= 0 && r->redop != REDOP_LOGSUMEXP)
            args[n++] = r->part[k].guard;
        if (r->part[k].position >= 0)
            args[n++] = r->part[k].position;
    }
    if (r && r->together >= 0)
        args[n++] = r->together;
    if (r && r->with >= 0)
        args[n++] = r->with;
    for (int k = 0; r && k < r->n_vars; k++) {
        const struct value_var *q = &m->values.var[r->vars[k]];
        if (q->from >= 0) {
            args[n++] = q->from;
            args[n++] = q->to;
        }
        for (int j = 0; j < r->n_from[k]; j++)
            args[n++] = r->from[k][j];
        for (int j = 0; j < r->n_to[k]; j++)
            args[n++] = r->to[k][j];
    }
    return n;
}

enum { MAX_ARGS = 4 * VALUE_MAX_PARTS + 100 };

/* --- loops -------------------------------------------------------------- */

static int
same_bounds(const struct loop *a, const struct loop *b)
{
    if (a->n_from != b->n_from || a->n_to != b->n_to)
        return 0;
    for (int k = 0; k < a->n_from; k++)
        if (a->from[k] != b->from[k])
            return 0;
    for (int k = 0; k < a->n_to; k++)
        if (a->to[k] != b->to[k])
            return 0;
    return 1;
}

static int64_t
step_of(const struct mapreduce *m, const struct loop *l)
{
    return l->var == m->lane ? (int64_t)l->parts * m->lanes : l->parts;
}

static int
has_rest(const struct mapreduce *m, const struct loop *l)
{
    const struct value_var *v = &m->values.var[l->var];
    return !l->is_free && step_of(m, l) > 1 &&
           !(is_constant_loop(m, l) && m->literals.index[v->index] &&
             (v->hi - v->lo) % step_of(m, l) == 0);
}

/* The loop like l in a block, of that stage or made. */
static int
loop_in(struct mapreduce *m, int block, int stage, struct loop l)
{
    for (int k = 0; k < l.n_from; k++) {
        need(m, block, l.from[k]);
        stage = max(stage, ready_at(m, block, l.from[k]));
    }
    for (int k = 0; k < l.n_to; k++) {
        need(m, block, l.to[k]);
        stage = max(stage, ready_at(m, block, l.to[k]));
    }
    const struct value_var *q = &m->values.var[l.var];
    if (q->from >= 0) {
        need(m, block, q->from);
        need(m, block, q->to);
        stage = max(stage, max(ready_at(m, block, q->from),
                               ready_at(m, block, q->to)));
    }
    const struct block *b = &m->blocks[block];
    for (int k = 0; k < b->n_items; k++) {
        if (b->items[k].kind != ITEM_LOOP || b->items[k].stage != stage)
            continue;
        const struct loop *o = &m->loops[b->items[k].loop];
        if (o->var == l.var && o->parts == l.parts && same_bounds(o, &l) &&
            o->is_free == l.is_free)
            return b->items[k].loop;
    }
    PUSH(m, m->loops, m->n_loops, m->cap_loops);
    int id = m->n_loops++;
    l.stage = stage;
    l.number = id;
    l.rest = -1;
    l.carries = NULL;
    l.n_carries = l.cap = 0;
    l.main = new_block(m, BLOCK_LOOP, block);
    m->blocks[l.main].loop = id;
    if (has_rest(m, &l)) {
        l.rest = new_block(m, BLOCK_LOOP, block);
        m->blocks[l.rest].loop = id;
        m->blocks[l.rest].is_rest = 1;
    }
    m->loops[id] = l;
    new_item(m, block, ITEM_LOOP, stage)->loop = id;
    return id;
}

static int
body_of(const struct mapreduce *m, int loop)
{
    return m->loops[loop].main;
}

static struct loop
loop_of(const struct value_reduce *r, int k)
{
    struct loop l = {.var = r->vars[k], .n_from = r->n_from[k],
                     .n_to = r->n_to[k],
                     .parts = k + 1 == r->n_vars ? r->n_parts : 1};
    memcpy(l.from, r->from[k], sizeof l.from);
    memcpy(l.to, r->to[k], sizeof l.to);
    return l;
}

/* A loop over all values of a var, one by one. */
static struct loop
plain_loop(int var)
{
    return (struct loop){.var = var, .parts = 1};
}

/* The block where `cond` holds, within another one. */
static int
if_in(struct mapreduce *m, int block, int stage, int cond)
{
    const struct block *b = &m->blocks[block];
    for (int k = 0; k < b->n_items; k++)
        if (b->items[k].kind == ITEM_IF && b->items[k].stage == stage &&
            m->blocks[b->items[k].block[0]].cond == cond)
            return b->items[k].block[0];
    int child = new_block(m, BLOCK_IF, block);
    m->blocks[child].cond = cond;
    new_item(m, block, ITEM_IF, stage)->block[0] = child;
    return child;
}

static int
element_bytes(const struct mapreduce *m, int v)
{
    enum value_type t = value_of(m, v)->type;
    return t == VALUE_F64 || t == VALUE_I64 ? 8 : 4;
}

static void
take_room(struct mapreduce *m, int64_t bytes, uint64_t vars)
{
    PUSH(m, m->rooms, m->n_rooms, m->cap_rooms);
    m->rooms[m->n_rooms++] = (struct room){m->scratch_bytes, bytes, vars};
    bytes *= einc_levels_points(m, vars);
    m->scratch_bytes += (bytes + 63) / 64 * 64;
}

/* Bytes of scratch, 64-aligned, for all values of some vars. *is_fixed:
 * whether where they begin is a literal. */
static int64_t
take_scratch(struct mapreduce *m, uint64_t vars, int v, int wide,
             int *is_fixed)
{
    int64_t at = m->scratch_bytes;
    take_room(m, element_bytes(m, v) * (wide ? (int64_t)m->lanes : 1), vars);
    *is_fixed = !m->scratch_varies;
    for (int q = 0; q < m->values.n_vars; q++)
        if (vars >> q & 1 && !m->literals.index[m->values.var[q].index])
            m->scratch_varies = 1;
    return at;
}

/* Values and positions are of 8 bytes at most. */
static void
take_lists(struct mapreduce *m, struct carry *c)
{
    int wide = einc_levels_is_wide(m, c->value);
    int64_t bytes = value_of(m, c->value)->reduce->best *
                    (int64_t)sizeof(double) * (wide ? m->lanes : 1);
    bytes = (bytes + 63) / 64 * 64;
    c->offset = m->scratch_bytes;
    c->lost = c->offset + bytes;
    c->result = c->lost + bytes;
    take_room(m, 3 * bytes, 0);
    c->is_fixed = c->lost_is_fixed = !m->scratch_varies;
}

/* --- tables ------------------------------------------------------------- */

/* Vars of the loops within the one at hand. */
struct within {
    int n, vars[16];
};

static uint64_t
set_of(const struct within *in)
{
    uint64_t set = 0;
    for (int k = 0; k < in->n; k++)
        set |= (uint64_t)1 << in->vars[k];
    return set;
}

static void
enter_loop(struct within *in, int var)
{
    if (!(set_of(in) >> var & 1) && in->n < 16)
        in->vars[in->n++] = var;
}

/* Lanes that lie apart, or take converting. */
static int
is_scattered(const struct mapreduce *m, const struct value *v)
{
    enum einc_dtype t = m->p->tensors[v->tensor].dtype;
    int64_t pace = 0;
    for (int k = 0; k < v->n_terms; k++)
        if (v->terms[k].var == m->lane)
            pace += einc_value_pace(&m->values, v, &v->terms[k]);
    for (int k = 0; k < v->n_extra; k++)
        if (einc_levels_is_lane(m, v->extra[k].var))
            return 0;
    return pace != 0 && (pace != 1 || t == EINC_F16 || t == EINC_BF16) &&
           !v->pinned;
}

/* The outermost block where a load is known but for loops within. */
static int
table_home(const struct mapreduce *m, int block, int v)
{
    for (; m->blocks[block].kind == BLOCK_LOOP;
         block = m->blocks[block].parent) {
        const struct loop *l = &m->loops[m->blocks[block].loop];
        if (!can_leave(m, l, v))
            break;
    }
    return block;
}

static int
table_of(const struct mapreduce *m, const struct within *in, int v,
         struct table *t)
{
    enum { MOST_BYTES = 1 << 20 };
    const struct value *x = value_of(m, v);
    *t = (struct table){.value = v, .elements = 1};
    if (x->op != VALUE_LOAD || !einc_levels_is_lane(m, v) ||
        !is_scattered(m, x))
        return 0;
    for (int k = 0; k < in->n; k++) {
        const struct value_var *q = &m->values.var[in->vars[k]];
        if (!(x->deps >> in->vars[k] & 1))
            continue;
        if (t->n_dims == 8 || q->from >= 0 || in->vars[k] == m->lane ||
            __builtin_mul_overflow(t->elements, q->hi - q->lo, &t->elements))
            return 0;
        t->dims[t->n_dims++] = in->vars[k];
    }
    return t->elements <= MOST_BYTES / (m->lanes * element_bytes(m, v));
}

/* A load of lanes that lie apart is made once, before the loops that do not
 * change it, for all values of the loops within that do. */
static int
place_table(struct mapreduce *m, int block, int v, const struct within *in)
{
    struct table t;
    if (!table_of(m, in, v, &t))
        return 0;
    int home = table_home(m, block, v), at = home, stage = 0;
    for (int k = 0; k < t.n_dims; k++) {
        struct loop l = {.var = t.dims[k], .parts = 1};
        int loop = loop_in(m, at, 0, l);
        stage = at == home ? m->loops[loop].stage : stage;
        at = m->loops[loop].main;
    }
    need(m, at, v);
    PUSH(m, m->tables, m->n_tables, m->cap_tables);
    uint64_t dims = 0;
    for (int k = 0; k < t.n_dims; k++)
        dims |= (uint64_t)1 << t.dims[k];
    t.offset = take_scratch(m, dims, v, 1, &t.is_fixed);
    m->tables[m->n_tables] = t;
    struct item *i = new_item(m, at, ITEM_FILL, ready_at(m, at, v));
    i->value = v;
    i->table = m->n_tables;
    new_placed(m, v, home, stage + 1)->table = m->n_tables++;
    return 1;
}

static void enter_loops(const struct mapreduce *m,
                        const struct value_reduce *r, int k,
                        struct within *in);

/* Places what a value holds and a loop within `block` does not change (NULL:
 * no loop); `in`: loops within that one. Returns the stage from which the
 * rest can be done. */
static int
prepare_in(struct mapreduce *m, int block, const struct loop *l, int v,
           const struct within *in, int epoch)
{
    int args[MAX_ARGS], stage = 0;
    if (is_plain(m, v) || m->seen[v] == epoch)
        return 0;
    m->seen[v] = epoch;
    if (einc_levels_find(m, block, v))
        return ready_at(m, block, v);
    if (l && can_leave(m, l, v)) {
        if (!(deps_of(m, v) & set_of(in))) {
            need(m, block, v);
            return ready_at(m, block, v);
        }
        if (place_table(m, block, v, in))
            return ready_at(m, block, v);
    } else if (l && table_home(m, block, v) != block) {
        struct within all = {.n = 1, .vars = {l->var}};
        for (int k = 0; k < in->n; k++)
            enter_loop(&all, in->vars[k]);
        if (place_table(m, block, v, &all))
            return ready_at(m, block, v);
    }
    struct within inner = *in;
    if (value_of(m, v)->reduce)
        enter_loops(m, value_of(m, v)->reduce, 0, &inner);
    int n = args_of(m, v, args);
    for (int k = 0; k < n; k++)
        stage = max(stage, prepare_in(m, block, l, args[k], &inner, epoch));
    return stage;
}

static int
prepare(struct mapreduce *m, int block, const struct loop *l, int v)
{
    struct within none = {.n = 0};
    return prepare_in(m, block, l, v, &none, ++m->epoch);
}

/* The vars of a reduction from loop number k on, and of its payload. */
static void
enter_loops(const struct mapreduce *m, const struct value_reduce *r, int k,
            struct within *in)
{
    for (; k < r->n_vars; k++)
        enter_loop(in, r->vars[k]);
    for (int q = 0; q < m->values.n_vars; q++)
        if (r->payload >> q & 1)
            enter_loop(in, q);
}

/* --- steps of reductions ------------------------------------------------ */

static int
carry_in(struct mapreduce *m, int loop, int value, int *is_new)
{
    struct loop *l = &m->loops[loop];
    *is_new = 0;
    for (int k = 0; k < l->n_carries; k++)
        if (m->carries[l->carries[k]].value == value)
            return l->carries[k];
    *is_new = 1;
    PUSH(m, m->carries, m->n_carries, m->cap_carries);
    PUSH(m, l->carries, l->n_carries, l->cap);
    m->carries[m->n_carries] =
        (struct carry){value, loop, -1, -1, -1, -1, 1, 1};
    l->carries[l->n_carries++] = m->n_carries;
    return m->n_carries++;
}

int64_t
einc_levels_points(const struct mapreduce *m, uint64_t vars)
{
    int64_t n = 1;
    for (int v = 0; v < m->values.n_vars; v++)
        if (vars >> v & 1)
            n *= m->values.var[v].hi - m->values.var[v].lo;
    return n;
}

/* One item that takes in a part, with what it needs. */
static void
add_step(struct mapreduce *m, int block, int v, int carry, int part,
         int least_stage)
{
    const struct value_reduce *r = value_of(m, v)->reduce;
    int x = part < 0 ? r->together : r->part[part].x;
    int stage = least_stage;
    for (int q = 0; q < m->values.n_vars; q++) {
        if (!(r->payload >> q & 1))
            continue;
        struct loop l = plain_loop(q);
        int at = max(stage, prepare(m, block, &l, x));
        block = body_of(m, loop_in(m, block, at, l));
        stage = 0;
    }
    need(m, block, x);
    stage = max(stage, ready_at(m, block, x));
    if (part >= 0 && r->part[part].position >= 0) {
        need(m, block, r->part[part].position);
        stage = max(stage, ready_at(m, block, r->part[part].position));
    }
    struct item *i = new_item(m, block, ITEM_STEP, stage);
    i->value = v;
    i->carry = carry;
    i->part = part;
    i->in_memory = r->payload != 0;
}

/* The logsumexp takes all parts at once. Returns the stage of that. */
static int
add_lse_step(struct mapreduce *m, int block, int v, int carry, int n_parts)
{
    const struct value_reduce *r = value_of(m, v)->reduce;
    int stage = 0;
    for (int k = 0; k < n_parts; k++) {
        need(m, block, r->part[k].x);
        stage = max(stage, ready_at(m, block, r->part[k].x));
    }
    struct item *i = new_item(m, block, ITEM_STEP, stage);
    i->value = v;
    i->carry = carry;
    i->part = n_parts;
    return stage;
}

static int
lse_stage(const struct mapreduce *m, int block, int carry)
{
    const struct block *b = &m->blocks[block];
    for (int k = 0; k < b->n_items; k++)
        if (b->items[k].kind == ITEM_STEP && b->items[k].carry == carry)
            return b->items[k].stage;
    return 0;
}

static void
add_steps(struct mapreduce *m, int block, int v, int carry)
{
    const struct value_reduce *r = value_of(m, v)->reduce;
    int n_parts = m->blocks[block].is_rest ? 1 : r->n_parts, stage = 0;
    if (r->redop == REDOP_LOGSUMEXP) {
        add_lse_step(m, block, v, carry, n_parts);
        return;
    }
    if (r->redop == REDOP_WEIGHTED)
        stage = lse_stage(m, block, m->carries[carry].with);
    if (n_parts > 1 && r->together >= 0) {
        add_step(m, block, v, carry, -1, stage);
        return;
    }
    for (int k = 0; k < n_parts; k++) {
        int guard = r->part[k].guard, at = block;
        if (guard >= 0) {
            need(m, block, guard);
            int when = max(ready_at(m, block, guard),
                           prepare(m, block, NULL, r->part[k].x));
            at = if_in(m, block, when, guard);
        }
        add_step(m, at, v, carry, k, at == block ? stage : 0);
    }
}

/* Prepares all that loop k of a reduction holds. */
static int
prepare_loop(struct mapreduce *m, int block, const struct loop *l,
             const struct value_reduce *r, int k)
{
    struct within in = {.n = 0};
    int stage = 0;
    enter_loops(m, r, k + 1, &in);
    for (int j = 0; j < r->n_parts; j++) {
        const int use[] = {r->part[j].x, r->part[j].position,
                           r->redop != REDOP_LOGSUMEXP ? r->part[j].guard
                                                       : -1};
        for (int n = 0; n < 3; n++)
            if (use[n] >= 0)
                stage = max(stage, prepare_in(m, block, l, use[n], &in,
                                              ++m->epoch));
    }
    if (r->together >= 0)
        stage = max(stage, prepare_in(m, block, l, r->together, &in,
                                      ++m->epoch));
    return stage;
}

/* The loops of a reduction from number k on, within a block. */
static int
descend(struct mapreduce *m, int block, int v, int k, int carry)
{
    const struct value_reduce *r = value_of(m, v)->reduce;
    if (k == r->n_vars) {
        add_steps(m, block, v, carry);
        return -1;
    }
    struct loop l = loop_of(r, k);
    int stage = prepare_loop(m, block, &l, r, k);
    if (r->with >= 0)
        stage = max(stage, prepare_loop(m, block, &l,
                                        value_of(m, r->with)->reduce, k));
    int loop = loop_in(m, block, stage, l), is_new = 0;
    if (k == 0) {
        if (r->with >= 0) {
            int with = carry_in(m, loop, r->with, &is_new);
            if (is_new) {
                descend(m, m->loops[loop].main, r->with, 1, with);
                if (m->loops[loop].rest >= 0)
                    descend(m, m->loops[loop].rest, r->with, 1, with);
            }
            carry = carry_in(m, loop, v, &is_new);
            m->carries[carry].with = with;
        } else {
            carry = carry_in(m, loop, v, &is_new);
        }
        if (!is_new)
            return loop;
        if (r->best > LONG_LIST && r->redop != REDOP_COMPLEX)
            take_lists(m, &m->carries[carry]);
        if (r->payload)
            m->carries[carry].offset =
                take_scratch(m, r->payload, v,
                             einc_levels_is_wide(m, v),
                             &m->carries[carry].is_fixed);
        if (r->payload && r->kept)
            m->carries[carry].lost =
                take_scratch(m, r->payload, v,
                             einc_levels_is_wide(m, v),
                             &m->carries[carry].lost_is_fixed);
    }
    descend(m, m->loops[loop].main, v, k + 1, carry);
    if (m->loops[loop].rest >= 0)
        descend(m, m->loops[loop].rest, v, k + 1, carry);
    return loop;
}

static void
place_reduce(struct mapreduce *m, int block, int v)
{
    int loop = descend(m, block, v, 0, -1);
    const struct loop *l = &m->loops[loop];
    struct placed *p = new_placed(m, v, block, l->stage + 1);
    for (int k = 0; k < l->n_carries; k++)
        if (m->carries[l->carries[k]].value == v)
            p->carry = l->carries[k];
}

/* --- values ------------------------------------------------------------- */

/* The choice by a condition within a block, of that stage or a later one; made
 * if there is none. */
static struct item *
choice_in(struct mapreduce *m, int block, int stage, int cond)
{
    const struct block *b = &m->blocks[block];
    for (int k = 0; k < b->n_items; k++)
        if (b->items[k].kind == ITEM_CHOICE && b->items[k].stage >= stage &&
            m->blocks[b->items[k].block[0]].cond == cond)
            return &b->items[k];
    int child[2];
    for (int k = 0; k < 2; k++) {
        child[k] = new_block(m, BLOCK_IF, block);
        m->blocks[child[k]].cond = cond;
        m->blocks[child[k]].is_rest = k; /* where it does not hold */
    }
    struct item *i = new_item(m, block, ITEM_CHOICE, stage);
    memcpy(i->block, child, sizeof child);
    return i;
}

/* Values chosen by one condition are computed together: they share loops. */
static void
place_choice(struct mapreduce *m, int block, int v)
{
    const struct value *x = value_of(m, v);
    int c = x->args[0], stage;
    need(m, block, c);
    stage = ready_at(m, block, c);
    for (int k = 1; k < 3; k++)
        stage = max(stage, prepare(m, block, NULL, value_of(m, v)->args[k]));
    struct item *i = choice_in(m, block, stage, c);
    PUSH(m, i->chosen, i->n_chosen, i->cap_chosen);
    i->chosen[i->n_chosen++] = (struct chosen){v, m->n_names};
    new_placed(m, v, block, i->stage + 1)->name = m->n_names++;
    int child[2] = {i->block[0], i->block[1]};
    for (int k = 0; k < 2; k++)
        need(m, child[k], value_of(m, v)->args[k + 1]);
}

static void
need(struct mapreduce *m, int block, int v)
{
    int args[MAX_ARGS], stage = 0;
    if (is_plain(m, v) || einc_levels_find(m, block, v))
        return;
    int home = home_of(m, block, v);
    if (home != block && einc_levels_find(m, home, v))
        return;
    if (value_of(m, v)->op == VALUE_REDUCE) {
        place_reduce(m, home, v);
        return;
    }
    if (value_of(m, v)->op == VALUE_CHOICE) {
        place_choice(m, home, v);
        return;
    }
    int n = args_of(m, v, args);
    for (int k = 0; k < n; k++) {
        need(m, home, args[k]);
        stage = max(stage, ready_at(m, home, args[k]));
    }
    struct item *i = new_item(m, home, ITEM_VALUE, stage);
    i->value = v;
    i->name = m->n_names++;
    new_placed(m, v, home, stage)->name = i->name;
}

/* --- all ---------------------------------------------------------------- */

/* What more may be added to after it was placed. */
static int
is_late(const struct item *i)
{
    return i->kind == ITEM_LOOP || i->kind == ITEM_CHOICE;
}

/* By stage, loops and choices behind the others, else as they came. */
static int
is_before(const struct item *a, const struct item *b)
{
    if (a->stage != b->stage)
        return a->stage < b->stage;
    if (is_late(a) != is_late(b))
        return is_late(b);
    if (a->in_memory != b->in_memory)
        return b->in_memory;
    return a->order < b->order;
}

static void
sort_items(struct block *b)
{
    for (int k = 1; k < b->n_items; k++) {
        struct item x = b->items[k];
        int j = k;
        for (; j > 0 && is_before(&x, &b->items[j - 1]); j--)
            b->items[j] = b->items[j - 1];
        b->items[j] = x;
    }
}

/* --- later, where that is soon enough ----------------------------------- */

/* Who uses what in a block, items of blocks within it included. */
struct uses {
    const struct mapreduce *m;
    int *first; /* of each value: the first stage that uses it */
};

static void
note_use(const struct uses *u, int v, int stage)
{
    if (v >= 0 && stage < u->first[v])
        u->first[v] = stage;
}

static void
note_args(const struct uses *u, int v, int stage)
{
    int args[MAX_ARGS], n = v < 0 ? 0 : args_of(u->m, v, args);
    for (int k = 0; k < n; k++)
        note_use(u, args[k], stage);
}

static void note_block(const struct uses *u, int block, int stage);

static void
note_item(const struct uses *u, const struct item *i, int stage)
{
    const struct mapreduce *m = u->m;
    switch (i->kind) {
    case ITEM_VALUE: case ITEM_STEP: note_args(u, i->value, stage); return;
    case ITEM_FILL: note_use(u, i->value, stage); return;
    case ITEM_CHOICE:
        for (int n = 0; n < i->n_chosen; n++)
            note_args(u, i->chosen[n].value, stage);
        note_block(u, i->block[0], stage);
        note_block(u, i->block[1], stage);
        return;
    case ITEM_IF:
        note_use(u, m->blocks[i->block[0]].cond, stage);
        note_block(u, i->block[0], stage);
        return;
    case ITEM_STORE:
        for (int k = 0; k < 2; k++) {
            note_use(u, m->stores[i->store].value[k], stage);
            note_args(u, m->stores[i->store].at[k], stage);
        }
        return;
    case ITEM_LOOP: break;
    }
    const struct loop *l = &m->loops[i->loop];
    for (int k = 0; k < l->n_carries; k++) /* bounds, too */
        note_args(u, m->carries[l->carries[k]].value, stage);
    note_use(u, m->values.var[l->var].from, stage);
    note_use(u, m->values.var[l->var].to, stage);
    note_block(u, l->main, stage);
    if (l->rest >= 0)
        note_block(u, l->rest, stage);
}

static void
note_block(const struct uses *u, int block, int stage)
{
    const struct block *b = &u->m->blocks[block];
    for (int k = 0; k < b->n_items; k++)
        note_item(u, &b->items[k], stage);
}

/* What is written may be read in between; what reports has its place. */
static int
can_wait(const struct mapreduce *m, const struct item *i)
{
    if (i->kind != ITEM_VALUE)
        return 0;
    const struct value *x = value_of(m, i->value);
    return !x->pinned &&
           !(x->op == VALUE_LOAD && x->tensor == m->values.left);
}

/* A value that is used behind a loop only would hold a register all the way
 * through it: it is made when the loop has ended. Users come before what they
 * use, so that all moves together. */
static void
delay_values(const struct uses *u, struct block *b)
{
    for (int v = 0; v < u->m->values.n; v++)
        u->first[v] = INT32_MAX;
    for (int k = b->n_items - 1; k >= 0; k--) {
        struct item *i = &b->items[k];
        if (can_wait(u->m, i) && u->first[i->value] != INT32_MAX &&
            u->first[i->value] > i->stage)
            i->stage = u->first[i->value];
        note_item(u, i, i->stage);
    }
    sort_items(b);
}

static void
place_store(struct mapreduce *m, int number)
{
    int block = m->body, stage = 0;
    const struct store *s = &m->stores[number];
    for (int f = 0; f < m->n_free; f++) {
        if (!m->free[f].is_payload)
            continue;
        struct loop l = plain_loop(m->free[f].var);
        int at = 0;
        for (int k = 0; k < 2; k++)
            if (s->value[k] >= 0)
                at = max(at, max(prepare(m, block, &l, s->value[k]),
                                 prepare(m, block, &l, s->at[k])));
        block = body_of(m, loop_in(m, block, at, l));
    }
    for (int k = 0; k < 2; k++) {
        if (s->value[k] < 0)
            continue;
        int args[MAX_ARGS], n = args_of(m, s->at[k], args);
        need(m, block, s->value[k]);
        stage = max(stage, ready_at(m, block, s->value[k]));
        for (int j = 0; j < n; j++) {
            need(m, block, args[j]);
            stage = max(stage, ready_at(m, block, args[j]));
        }
    }
    new_item(m, block, ITEM_STORE, stage)->store = number;
}

void
einc_levels_build(struct mapreduce *m)
{
    enum { LAST_STAGE = 1 << 30 }; /* free loops: behind what they share */
    m->first_placed = NEW(m->perm, int, m->values.n);
    m->seen = NEW(m->perm, int, m->values.n);
    for (int v = 0; v < m->values.n; v++)
        m->first_placed[v] = -1;
    m->body = new_block(m, BLOCK_TOP, -1);
    for (int f = 0; f < m->n_free; f++) {
        const struct free_loop *x = &m->free[f];
        if (x->is_task || x->is_payload || x->is_copied)
            continue;
        struct loop l = plain_loop(x->var);
        l.is_free = 1;
        m->body = body_of(m, loop_in(m, m->body, LAST_STAGE, l));
    }
    for (int s = 0; s < m->n_stores; s++)
        place_store(m, s);
    for (int b = 0; b < m->n_blocks; b++)
        sort_items(&m->blocks[b]);
    struct uses u = {m, NEW(m->perm, int, m->values.n)};
    for (int b = 0; b < m->n_blocks; b++)
        delay_values(&u, &m->blocks[b]);
}

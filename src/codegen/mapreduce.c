/* SPDX-License-Identifier: MIT
 *
 * mapreduce.c - see mapreduce.h: from a statement to its nest. choose.c says
 * in which form, value.c makes values of the right side for every point of
 * one turn of the free loops, levels.c puts them into blocks.
 */
#include "codegen/mapreduce.h"

#include "codegen/levels.h"
#include "plan/strips.h"

/* --- one turn ----------------------------------------------------------- */

static int
wide_bytes(const struct mapreduce *m)
{
    const struct values *s = &m->values;
    int bytes = 4;
    for (int v = 0; m->lane >= 0 && v < s->n; v++) {
        const struct value *x = &s->v[v];
        if (x->op == VALUE_LOAD && x->tensor == m->s->left.tensor &&
            !m->p->tensors[x->tensor].read)
            continue; /* where to store, not what is loaded */
        int wide = (x->deps >> m->lane & 1) ||
                   (x->reduce && einc_levels_reduces_lane(m, v));
        if (wide && (x->type == VALUE_F64 ||
                     (x->type == VALUE_I64 && !einc_value_narrow(x))))
            bytes = 8;
    }
    return bytes;
}

/* out op value. */
static struct value_pair
accumulated(struct mapreduce *m, struct value_pair old, struct value_pair x)
{
    struct values *s = &m->values;
    enum value_type t = s->v[x.re].type;
    static const enum fn fns[] = {[ASSIGN_ADD] = FN_ADD,
                                  [ASSIGN_MUL] = FN_MUL,
                                  [ASSIGN_MAX] = FN_MAXIMUM,
                                  [ASSIGN_MIN] = FN_MINIMUM};
    enum fn fn = fns[m->s->op];
    if (t == VALUE_BOOL)
        fn = m->s->op == ASSIGN_ADD || m->s->op == ASSIGN_MAX ? FN_OR
                                                              : FN_AND;
    if (fn == FN_MUL && x.im >= 0)
        return einc_values_multiply(s, old, x);
    x.re = einc_values_fn(s, t, fn, 2, old.re, x.re, 0);
    if (x.im >= 0)
        x.im = einc_values_fn(s, t, fn, 2, old.im, x.im, 0);
    return x;
}

static void
add_store(struct mapreduce *m, const int64_t *offset)
{
    struct values *s = &m->values;
    enum einc_dtype to = m->p->tensors[m->s->left.tensor].dtype;
    struct store *at = &m->stores[m->n_stores++];
    struct value_pair x = einc_values_of(s, m->s->right);
    int complex = einc_value_is_complex(to);
    /* of one type it is wrapped or rounded once, behind the operator */
    if (m->s->op == ASSIGN_SET || m->s->right->type != to)
        x = einc_values_cast(s, x, m->s->right->type, to);
    /* What a scatter adds to changes in every turn, even where the place
     * does not. */
    at->at[0] = einc_values_element(s, &m->s->left, 0);
    at->at[1] = complex ? einc_values_element(s, &m->s->left, 1) : -1;
    for (int f = 0; f < m->n_free && m->s->scatters; f++)
        if (!m->free[f].is_copied)
            for (int part = 0; part <= complex; part++)
                s->v[at->at[part]].deps |= (uint64_t)1 << m->free[f].var;
    if (m->s->op != ASSIGN_SET) {
        struct value_pair old = {at->at[0], at->at[1]};
        x = accumulated(m, old, x);
    }
    at->value[0] = x.re;
    at->value[1] = complex ? x.im : -1;
    for (int f = 0; f < m->n_free && f < MAX_FREE; f++)
        at->offset[m->free[f].number] = offset[f];
}

/* All points of one turn: rows, vectors and copies. */
static void
add_stores(struct mapreduce *m)
{
    int64_t offset[VALUE_MAX_VARS] = {0}, points = 1;
    for (int f = 0; f < m->n_free; f++) {
        int is_lane = m->free[f].var == m->lane && m->lane >= 0;
        points *= is_lane ? m->vectors : m->free[f].span;
    }
    m->stores = NEW(m->perm, struct store, points);
    for (int64_t left = points; left > 0; left--) {
        for (int f = 0; f < m->n_free; f++) {
            const struct free_loop *x = &m->free[f];
            int64_t lo = m->p->indices[x->index].lo;
            m->values.env[x->index] =
                x->is_copied ? (struct value_place){-1, lo + offset[f]}
                             : (struct value_place){x->var, offset[f]};
        }
        add_store(m, offset);
        for (int f = m->n_free - 1; f >= 0; f--) {
            const struct free_loop *x = &m->free[f];
            int64_t step = x->var == m->lane && m->lane >= 0 ? m->lanes : 1;
            offset[f] += step;
            if (offset[f] < x->span)
                break;
            offset[f] = 0;
        }
    }
}

/* Makes the values with lanes of as many; 0: they do not fit. */
static int
make_values(struct mapreduce *m, int lanes)
{
    int lane;
    struct value_choice *how = einc_choose(m, lanes, &lane);
    m->values =
        einc_values(m->perm, m->p, &m->literals, how, lane, m->lanes);
    m->values.left = m->s->left.tensor;
    m->n_stores = 0;
    m->lane = -1;
    for (int f = 0; f < m->n_free; f++) {
        struct free_loop *x = &m->free[f];
        if (x->is_copied)
            continue;
        x->var = einc_values_free_var(&m->values, x->index);
        if (x->index == lane)
            m->lane = x->var;
    }
    add_stores(m);
    einc_values_part_softmaxes(&m->values);
    if (m->lane < 0 && lane >= 0)
        m->lane = m->values.lane_var;
    if (m->lane < 0)
        m->lanes = m->vectors = 1;
    return m->lane < 0 || wide_bytes(m) * m->lanes <= m->target->vector_bytes;
}

/* With as many lanes as the widest values allow. */
static void
make_all_values(struct mapreduce *m, int most)
{
    if (!make_values(m, most) && !make_values(m, most / 2))
        make_values(m, 1);
}

/* --- tasks -------------------------------------------------------------- */

/* Whether a reduction is the same for all values of a free loop, and does not
 * change with the loops that are within a task. */
static int
is_shared(const struct mapreduce *m, const struct free_loop *f,
          uint64_t within)
{
    for (int v = 0; v < m->values.n; v++) {
        const struct value *x = &m->values.v[v];
        if (x->reduce && !(x->deps >> f->var & 1) && !(x->deps & within))
            return 1;
    }
    return 0;
}

static int
is_outer(const struct free_loop *f)
{
    return !f->is_payload && !f->is_copied && !f->is_inner;
}

/* Loops of a scatter whose turns may write the same element. That of the lane
 * stays within them: a task would go through all they read for a few lanes. */
static int
sink_writers(struct mapreduce *m, int open)
{
    int sunk = 0;
    for (int f = 0; f < m->n_free; f++) {
        struct free_loop *x = &m->free[f];
        int is_lane = m->lane >= 0 && x->var == m->lane;
        if (is_outer(x) && ((is_lane && sunk) ||
                            !einc_choose_apart(m->p, m->s, x->index, open)))
            x->is_sunk = sunk = 1;
    }
    return sunk;
}

/* Loops within which reductions would be done again. */
static int
sink_repeats(struct mapreduce *m)
{
    uint64_t within = 0;
    int sunk = 0;
    for (int f = 0; f < m->n_free; f++)
        if (m->free[f].is_inner)
            within |= (uint64_t)1 << m->free[f].var;
    for (int f = m->n_free - 1; f >= 0; f--) {
        struct free_loop *x = &m->free[f];
        if (!is_outer(x) || !is_shared(m, x, within))
            continue;
        x->is_sunk = sunk = 1;
        within |= (uint64_t)1 << x->var;
    }
    return sunk;
}

/* What has to stay in one task goes behind what need not. */
static void
sink_loops(struct mapreduce *m, int open)
{
    int sunk = m->s->scatters ? sink_writers(m, open) : sink_repeats(m);
    for (int f = 1; sunk && f < m->n_free; f++) /* stable */
        for (int k = f; k > 0 && is_outer(&m->free[k]) &&
                        !m->free[k].is_sunk && m->free[k - 1].is_sunk; k--) {
            struct free_loop x = m->free[k];
            m->free[k] = m->free[k - 1];
            m->free[k - 1] = x;
        }
}

/* Outer loops are shared out until there are enough tasks. */
static void
choose_tasks(struct mapreduce *m, int open)
{
    enum { ENOUGH = 64 };
    m->tasks = 1;
    if (!m->s->places)
        sink_loops(m, open);
    for (int f = 0; f < m->n_free; f++) {
        struct free_loop *x = &m->free[f];
        int is_lane = m->lane >= 0 && x->var == m->lane;
        if (x->turns == 0)
            m->tasks = 0;
        if (!is_outer(x) || x->is_sunk ||
            (m->tasks >= ENOUGH && is_lane))
            continue;
        x->is_task = 1;
        m->tasks *= x->turns;
    }
}

static int
reads(const struct node *n, int tensor)
{
    if (!n)
        return 0;
    if (n->access && n->access->tensor == tensor)
        return 1;
    for (int d = 0; n->access && d < n->access->n_subs; d++)
        if (reads(n->access->subs[d].rest, tensor))
            return 1;
    for (int k = 0; k < n->n_args; k++)
        if (reads(n->args[k], tensor))
            return 1;
    return reads(n->guard, tensor);
}

static int
has_index(const struct access *a, int x)
{
    int found = 0;
    for (int d = 0; d < a->n_subs; d++)
        for (int k = 0; k < a->subs[d].n_terms; k++)
            found |= a->subs[d].terms[k].index == x;
    return found;
}

static int
reads_at(const struct node *n, int tensor, int x)
{
    int found = n->access && n->access->tensor == tensor &&
                has_index(n->access, x);
    for (int a = 0; a < n->n_args && !found; a++)
        found = reads_at(n->args[a], tensor, x);
    return found;
}

/* Of a tensor that moves with the strips, as much as one of them has;
 * temporaries of a strip have no more. */
static double
part_of(const struct program *p, const struct stmt *s, int tensor)
{
    const struct strips *of = s->strip.of;
    for (int i = 0; of && i < p->n_stmts; i++)
        if (p->stmts[i].strip.is_inner && p->stmts[i].left.tensor == tensor)
            return 1;
    if (!of || !(tensor == s->left.tensor ||
                 reads_at(s->right, tensor, s->strip.index)))
        return 1;
    return (double)of->slices.extent / (double)of->slices.of;
}

static double
bytes_of(const struct program *p, const struct stmt *s)
{
    double bytes = 0;
    for (int t = 0; t < p->n_tensors; t++) {
        const struct tensor *x = &p->tensors[t];
        double n = einc_dtype_info(x->dtype)->bytes;
        for (int d = 0; d < x->n_dims; d++)
            n *= (double)x->shape[d];
        if (t == s->left.tensor || reads(s->right, t))
            bytes += n * part_of(p, s, t);
    }
    return bytes;
}

const struct mapreduce *
einc_mapreduce_build(struct arena *perm, struct arena scratch,
                     const struct program *p, const struct stmt *s,
                     const struct target *target, enum size_mode mode)
{
    struct mapreduce *m = NEW(perm, struct mapreduce, 1);
    (void)scratch;
    *m = (struct mapreduce){.perm = perm, .p = p, .s = s, .target = target,
                            .lane = -1, .lanes = 1, .vectors = 1};
    m->literals = einc_size_literals(perm, p, s, mode);
    m->large = mode == SIZES_FEW;
    enum { MUCH = 3000 };
    int most = target->vector_bytes / 4;
    if (s->n_loops > MAX_FREE)
        return NULL;
    for (int d = 0; d < s->left.n_subs; d++)
        if (s->left.subs[d].mode == BOUND_PAD) /* not all is stored */
            return NULL;
    if (mode == SIZES_SINGLE)
        m->modest = most = 1;
    make_all_values(m, most);
    if (m->values.n > MUCH && !m->modest) { /* a compiler would take seconds */
        m->modest = 1;
        make_all_values(m, most);
    }
    if (m->values.fails)
        return NULL;
    m->repeats = s->op == ASSIGN_SET && !s->scatters &&
                 !reads(s->right, s->left.tensor);
    choose_tasks(m, mode == SIZES_OPEN);
    einc_levels_build(m);
    einc_size_list(m);
    m->flop = einc_choose_flop(perm, p, s);
    m->bytes = bytes_of(p, s);
    return m;
}

int64_t
einc_mapreduce_arguments(const struct mapreduce *m, int threads, int64_t *n,
                         int64_t *s)
{
    (void)threads;
    for (int k = 0; k < m->n_sizes; k++) {
        const struct size *x = &m->sizes[k];
        int64_t *to = x->kind == SIZE_STRIDE ? s : n;
        if (to)
            to[x->slot] = x->value;
    }
    return m->tasks;
}

int64_t
einc_mapreduce_least(const struct mapreduce *m, int open)
{
    int64_t value = m->p->open.list[open].value, least = 0;
    for (int f = 0; f < m->n_free; f++) {
        const struct free_loop *x = &m->free[f];
        const struct index *i = &m->p->indices[x->index];
        if (!x->is_copied && i->hi == value && x->span > 1 &&
            x->span + i->lo > least)
            least = x->span + i->lo;
    }
    for (int v = 0; v < m->values.n_vars; v++) {
        const struct value_var *x = &m->values.var[v];
        if (v == m->lane && x->hi == value && m->lanes + x->lo > least)
            least = m->lanes + x->lo;
    }
    return least;
}

int64_t
einc_mapreduce_span(const struct mapreduce *m)
{
    return m->free[0].span;
}

double
einc_mapreduce_flop(const struct mapreduce *m)
{
    return m->flop;
}

double
einc_mapreduce_bytes(const struct mapreduce *m)
{
    return m->bytes;
}

/* --- print -------------------------------------------------------------- */

static void print_block(struct text *t, const struct mapreduce *m, int block);

static void
print_loop(struct text *t, const struct mapreduce *m, const struct loop *l)
{
    const struct value_var *v = &m->values.var[l->var];
    struct str name = m->p->indices[v->index].name;
    einc_line(t, "loop %.*s%s in %s%lld:%s%lld%s%s%d", (int)name.n, name.p,
              l->var == m->lane ? " lanes" : "", l->n_from ? ">=" : "",
              (long long)v->lo, l->n_to ? "<=" : "", (long long)v->hi,
              v->from >= 0 ? " by data" : "", l->parts > 1 ? " by " : " by ",
              l->parts);
    t->indent += 4;
    for (int k = 0; k < l->n_carries; k++)
        einc_line(t, "keep r%d of v%d", l->carries[k],
                  m->carries[l->carries[k]].value);
    print_block(t, m, l->main);
    t->indent -= 4;
}

static void
print_item(struct text *t, const struct mapreduce *m, const struct item *i)
{
    switch (i->kind) {
    case ITEM_VALUE:
        einc_line(t, "v%d %s", i->value,
                  m->values.v[i->value].op == VALUE_LOAD ? "load" :
                  m->values.v[i->value].op == VALUE_FN
                      ? einc_fn_info(m->values.v[i->value].fn)->name
                      : "value");
        return;
    case ITEM_CHOICE: case ITEM_IF:
        einc_line(t, i->kind == ITEM_IF ? "if" : "choose");
        t->indent += 4;
        print_block(t, m, i->block[0]);
        if (i->kind == ITEM_CHOICE)
            print_block(t, m, i->block[1]);
        t->indent -= 4;
        return;
    case ITEM_STEP: einc_line(t, "reduce into r%d", i->carry); return;
    case ITEM_FILL: einc_line(t, "table %d takes v%d", i->table, i->value);
        return;
    case ITEM_STORE: einc_line(t, "store"); return;
    case ITEM_LOOP: print_loop(t, m, &m->loops[i->loop]); return;
    }
}

static void
print_block(struct text *t, const struct mapreduce *m, int block)
{
    const struct block *b = &m->blocks[block];
    for (int k = 0; k < b->n_items; k++)
        print_item(t, m, &b->items[k]);
}

void
einc_mapreduce_print(struct text *t, const struct mapreduce *m)
{
    einc_line(t, "mapreduce tasks %lld lanes %d vectors %d scratch_bytes %lld",
              (long long)m->tasks, m->lanes, m->vectors,
              (long long)m->scratch_bytes);
    for (int f = 0; f < m->n_free; f++) {
        const struct free_loop *x = &m->free[f];
        struct str name = m->p->indices[x->index].name;
        einc_line(t, "    free %.*s turns %lld span %lld%s", (int)name.n,
                  name.p, (long long)x->turns, (long long)x->span,
                  x->is_task ? " tasks" : x->is_payload ? " inside"
                             : x->is_copied ? " unrolled" : "");
    }
    t->indent += 4;
    print_block(t, m, 0);
    t->indent -= 4;
}

/* SPDX-License-Identifier: MIT
 *
 * eval_access.c - accesses in the evaluator's code: strides where that is all
 * there is to a subscript, gathers, and panels of lanes that lie apart.
 */
#include "runtime/eval_build.h"

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

struct found
einc_eval_access_gathers(struct build *b, const struct access *a, int block,
                         int dim)
{
    const struct tensor *t = &b->p->tensors[a->tensor];
    struct found f = {0, 0, 0, 0};
    for (int d = 0; d < a->n_subs; d++) {
        const struct subscript *s = &a->subs[d];
        b->c->dims[dim + d].rest = -1;
        if (s->rest) {
            int v = einc_eval_cast(b, einc_eval_node(b, s->rest, block),
                                   EVAL_I64);
            b->c->dims[dim + d].rest = v;
            f.need = einc_eval_deeper(b, f.need, b->c->values[v].block);
            f.serial = newer(f.serial, b->c->values[v].serial);
            f.lanes |= b->c->values[v].lanes;
        }
        f.strays |= einc_eval_may_stray(b, s, t->shape[d]);
        for (int i = 0; i < s->n_terms; i++) {
            int x = s->terms[i].index;
            f.serial = newer(f.serial, b->fixed_serial[x]);
            if (b->loop_block[x] >= 0)
                f.need = einc_eval_deeper(b, f.need, b->loop_block[x]);
        }
    }
    return f;
}

struct eval_access
einc_eval_access_describe(struct build *b, const struct access *a, int lane,
                          int dim)
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
        if (!einc_eval_is_plain(b, s, t->shape[d]))
            continue;
        int n = add_terms(b, s, t->stride[d] * bytes, lane, &e.constant,
                          &e.lane_bytes);
        e.n_terms += n;
        c->n_terms += n;
    }
    for (int d = 0; d < a->n_subs; d++) {
        const struct subscript *s = &a->subs[d];
        if (einc_eval_is_plain(b, s, t->shape[d]))
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

int
einc_eval_access_reserve(struct build *b, const struct access *a)
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
            need = einc_eval_deeper(b, need, block);
    }
    int out = einc_eval_place(b, again, need, 0);
    if (c->blocks[again].trips < 4 * c->blocks[out].trips ||
        c->blocks[out].lane != c->blocks[at].lane)
        return -1;
    b->panels -= room;
    int panel = einc_eval_value(b, type, out, 1);
    int to = einc_eval_value(b, type, at, 1);
    c->values[panel].room = entries;
    c->values[panel].is_panel = 1;
    c->values[to].serial = serial;
    struct eval_op *o = einc_eval_emit(b, out, EVAL_PANEL, 1,
                                       COST_STRIDED * (double)entries);
    o->to = panel;
    o->item = c->n_panels;
    o = einc_eval_emit(b, at, EVAL_ENTRY, 1, 0);
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

int
einc_eval_access_load(struct build *b, const struct node *n, int block)
{
    struct eval_code *c = b->c;
    const struct access *a = n->access;
    int dim = einc_eval_access_reserve(b, a);
    struct found f = einc_eval_access_gathers(b, a, block, dim);
    int at = einc_eval_place(b, block, f.need, f.strays);
    int lane = c->blocks[at].lane;
    struct eval_access e = einc_eval_access_describe(b, a, lane, dim);
    int lanes = e.lane_bytes != 0 || f.lanes;
    int64_t stride = e.lane_bytes;
    for (int d = 0; d < e.n_dims; d++)
        lanes |= c->dims[dim + d].lane_coef != 0;
    enum eval_type type =
        einc_eval_type(b->p->tensors[a->tensor].dtype);
    int panel = lanes && !f.strays ? build_panel(b, &e, at, type, f.serial)
                                   : -1;
    if (panel >= 0)
        return einc_eval_cast(b, panel, einc_eval_type(n->type));
    if (a->fill)
        e.fill = einc_eval_cast(b, einc_eval_node(b, a->fill, block), type);
    if (lanes && f.strays)
        e.mask = c->blocks[at].mask;
    if (lanes && e.n_dims)
        e.offsets = einc_eval_value(b, EVAL_I64, at, 1);
    int to = einc_eval_value(b, type, at, lanes);
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
    struct eval_op *o = einc_eval_emit(b, at, EVAL_LOAD, lanes, each);
    o->to = to;
    o->item = c->n_accesses;
    c->accesses[c->n_accesses++] = e;
    return einc_eval_cast(b, to, einc_eval_type(n->type));
}

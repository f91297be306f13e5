/* SPDX-License-Identifier: MIT
 *
 * plan.c - graph to plan: canon, path, drafts, lowering, buffers, totals,
 * hash. Between the path, which knows pairs, and the drafts stands one idea:
 * a product without a sum is not made until somebody needs it as a tensor.
 */
#include "plan/plan.h"

#include <assert.h>

#include "base/diag.h"
#include "plan/buffers.h"
#include "plan/cost.h"
#include "plan/fuse.h"
#include "plan/lower.h"
#include "plan/order.h"
#include "plan/path.h"
#include "plan/plan_text.h"

/* --- from a path to drafts ---------------------------------------------- */

/* A value of the path: the product of some tensors. More than one: the
 * product has not been made. */
struct value {
    int in[MAX_STEP_IN];
    int n;
    struct legs legs; /* of the product */
};

struct maker {
    struct drafts *d;
    struct arena *arena;
    const struct graph *g;
    int *count;       /* [n_indices] factors of a pair that hold it; 0 */
    int broadcasts;   /* the output has indices that no input holds */
    int done;         /* the output is written */
};

static struct value
value_of(const struct maker *m, int tensor)
{
    return (struct value){{tensor}, 1, m->d->legs[tensor]};
}

static int
is_product(const struct value *v)
{
    return v->n > 1;
}

/* Adds a step over the factors of both. */
static struct value
add_step(struct maker *m, const struct value *a, const struct value *b,
         int last)
{
    int in[2 * MAX_STEP_IN], n = 0;
    for (int i = 0; i < a->n; i++)
        in[n++] = a->in[i];
    for (int i = 0; b && i < b->n; i++)
        in[n++] = b->in[i];
    assert(n <= MAX_STEP_IN);
    m->done |= last;
    return value_of(m, einc_drafts_add(m->d, KIND_ANY, in, n, last));
}

static void
settle(struct maker *m, struct value *v)
{
    if (is_product(v))
        *v = add_step(m, v, NULL, 0);
}

static void
make_room(struct maker *m, struct value *a, struct value *b)
{
    while (a->n + b->n > MAX_STEP_IN)
        settle(m, a->n >= b->n ? a : b);
}

static void
count_factors(struct maker *m, const struct value *v, int by)
{
    for (int i = 0; i < v->n; i++) {
        struct legs l = m->d->legs[v->in[i]];
        for (int k = 0; k < l.n; k++)
            m->count[l.index[k]] += by;
    }
}

/* An index is needed if somebody beside the factors of the pair holds it. */
static struct roles
find_roles(struct maker *m, const struct value *a, const struct value *b)
{
    const struct value *of[] = {a, b};
    count_factors(m, a, 1);
    count_factors(m, b, 1);
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < of[i]->legs.n; k++) {
            int x = of[i]->legs.index[k];
            m->d->needed[x] = m->d->holders[x] > m->count[x];
        }
    count_factors(m, a, -1);
    count_factors(m, b, -1);
    return einc_classify_pair(m->arena, a->legs, b->legs, m->d->needed,
                              m->d->mark);
}

/* The lone indices of one side: summed in a step before, or, where that costs
 * more, by the step of the pair itself as it reads them. `rest`: points of
 * the pair without lone indices. */
static int
sums_first(const struct maker *m, struct legs lone, const struct value *v,
           double rest)
{
    int bytes = einc_dtype_info(m->g->compute)->bytes;
    double alone = einc_lower_size(m->g, lone);
    double all = einc_lower_size(m->g, v->legs);
    double kept = alone > 0 ? all / alone : 0;
    return einc_cost_pair(all + rest, kept, bytes) <
           einc_cost_pair(einc_cost_size(rest, alone), 0, bytes);
}

static double
rest_of(const struct maker *m, const struct roles *r)
{
    double rest = 1;
    for (int i = ROLE_BATCH; i <= ROLE_K; i++)
        rest = einc_cost_size(rest, einc_lower_size(m->g, r->of[i]));
    return rest;
}

static int
is_contraction(const struct roles *r)
{
    return r->of[ROLE_M].n && r->of[ROLE_N].n && r->of[ROLE_K].n;
}

/* Sums lone indices that are better summed first; forgets them in `r`. Of two
 * sides that have some, one at most keeps them. */
static void
sum_lone(struct maker *m, struct value *a, struct value *b, struct roles *r)
{
    struct legs *la = &r->of[ROLE_LONE_LHS], *lb = &r->of[ROLE_LONE_RHS];
    double rest = rest_of(m, r);
    int must = is_contraction(r), both = la->n && lb->n;
    if (la->n && (must || both || sums_first(m, *la, a, rest))) {
        *a = add_step(m, a, NULL, 0);
        la->n = 0;
    }
    if (lb->n && (must || sums_first(m, *lb, b, rest))) {
        *b = add_step(m, b, NULL, 0);
        lb->n = 0;
    }
}

static struct value
multiply(struct maker *m, struct value a, struct value b,
         const struct roles *r)
{
    make_room(m, &a, &b);
    struct value v = a;
    v.legs.n = 0;
    v.legs.index = NEW(m->arena, int, a.legs.n + b.legs.n);
    for (int i = 0; i < b.n; i++)
        v.in[v.n++] = b.in[i];
    for (int i = ROLE_BATCH; i <= ROLE_N; i++)
        for (int k = 0; k < r->of[i].n; k++)
            v.legs.index[v.legs.n++] = r->of[i].index[k];
    return v;
}

/* One step of the path. A product takes part unmade in a sum that visits the
 * same points anyway, so that `i,i,i->` is one pass over memory. */
static struct value
meet(struct maker *m, struct value a, struct value b, int last)
{
    struct roles r = find_roles(m, &a, &b);
    int points = 0;
    sum_lone(m, &a, &b, &r);
    for (int i = 0; i < N_ROLES; i++)
        points += r.of[i].n;
    if (r.of[ROLE_K].n + r.of[ROLE_LONE_LHS].n + r.of[ROLE_LONE_RHS].n == 0)
        return multiply(m, a, b, &r);
    if (is_contraction(&r) || a.legs.n < points)
        settle(m, &a);
    if (is_contraction(&r) || b.legs.n < points)
        settle(m, &b);
    make_room(m, &a, &b);
    return add_step(m, &a, &b, last && !m->broadcasts);
}

/* What is left of the path becomes the output: a product, or a sum that is
 * to be broadcast; summing once for all copies costs less. */
static void
finish(struct maker *m, struct value v)
{
    int sums = 0;
    if (m->done)
        return;
    for (int i = 0; i < v.legs.n; i++)
        sums |= !m->g->indices[v.legs.index[i]].in_output;
    if (sums && m->broadcasts)
        v = add_step(m, &v, NULL, 0);
    add_step(m, &v, NULL, 1);
}

static int
find_broadcasts(const struct drafts *d)
{
    const struct graph *g = d->canon->graph;
    for (int x = 0; x < g->n_indices; x++)
        if (g->indices[x].in_output && d->holders[x] == 1)
            return 1;
    return 0;
}

static void
draft_path(struct arena *a, struct drafts *d, const struct path *p)
{
    const struct graph *g = d->canon->graph;
    struct maker m = {.d = d, .arena = a, .g = g};
    struct value *v = NEW(a, struct value, 2 * (int64_t)g->n_in);
    m.count = NEW(a, int, g->n_indices);
    m.broadcasts = find_broadcasts(d);
    for (int r = 0; r < g->n_in; r++)
        v[r] = value_of(&m, d->canon->order[r]);
    for (int s = 0; s < p->n_steps; s++)
        v[g->n_in + s] = meet(&m, v[p->steps[s].lhs], v[p->steps[s].rhs],
                              s + 1 == p->n_steps);
    finish(&m, v[g->n_in + p->n_steps - 1]);
}

/* All operands in one step, which is to be an index space with a product at
 * every point: for expressions that are small or that one kernel does well. */
static void
draft_whole(struct drafts *d)
{
    const struct canon *c = d->canon;
    int in[MAX_STEP_IN], n = c->graph->n_in;
    if (n > MAX_STEP_IN)
        einc_fail(d->arena->cx, EINC_ELIMIT, "E812", (struct span){-1, -1},
                  "the path 'whole' takes at most %d operands, not %d",
                  MAX_STEP_IN, n);
    for (int r = 0; r < n; r++)
        in[r] = c->order[r];
    einc_drafts_add(d, KIND_ANY, in, n, 1);
}

/* No elements, or sums of nothing: one step over all indices, so that the
 * 0 among their extents shows. */
static void
draft_empty(struct arena *a, struct drafts *d)
{
    const struct graph *g = d->canon->graph;
    struct draft *r = &d->list[d->n++];
    *r = (struct draft){.kind = STEP_REDUCE, .n_in = 1};
    int *in = NEW(a, int, 1);
    in[0] = d->canon->order[0];
    r->in = in;
    r->kept.index = NEW(a, int, g->n_indices);
    r->summed.index = NEW(a, int, g->n_indices);
    for (int x = 0; x < g->n_indices; x++) {
        struct legs *to = g->indices[x].in_output ? &r->kept : &r->summed;
        to->index[to->n++] = x;
    }
    d->legs[g->n_in] = r->kept;
}

/* --- totals and hash ---------------------------------------------------- */

static void
add_up(struct plan *p)
{
    for (int i = 0; i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        p->flop = einc_cost_add(p->flop, s->flop);
        p->read_bytes = einc_cost_add(p->read_bytes, s->read_bytes);
        p->write_bytes = einc_cost_add(p->write_bytes, s->write_bytes);
    }
    p->error_terms = einc_cost_error_terms(p);
}

/* FNV-1a (Fowler, Noll and Vo), 64 bits, over the bytes of a number. */
static uint64_t
feed(uint64_t h, int64_t number)
{
    uint64_t v = (uint64_t)number;
    for (int i = 0; i < 8; i++, v >>= 8)
        h = (h ^ (v & 255)) * UINT64_C(0x100000001b3);
    return h;
}

static ORDER_BEFORE(index_before)
{
    const struct axis *axes = key;
    return axes[a].index < axes[b].index;
}

/* In order of the index numbers: the spelling orders the axes. */
static uint64_t
feed_operand(struct arena scratch, uint64_t h, const struct operand *o)
{
    int *place = NEW(&scratch, int, o->n_axes);
    for (int i = 0; i < o->n_axes; i++)
        place[i] = i;
    order_ints(scratch, place, o->n_axes, index_before, o->axes);
    h = feed(feed(h, o->dtype), o->n_axes);
    for (int i = 0; i < o->n_axes; i++) {
        h = feed(h, o->axes[place[i]].index);
        h = feed(h, o->axes[place[i]].stride);
    }
    return h;
}

static uint64_t
feed_group(uint64_t h, const struct group *g)
{
    h = feed(h, g->n);
    for (int i = 0; i < g->n; i++)
        h = feed(h, g->index[i]);
    return h;
}

static uint64_t
feed_step(uint64_t h, const struct plan *p, const struct canon *c,
          const struct step *s)
{
    const struct plan_tensor *out = &p->tensors[s->out];
    h = feed(feed(h, s->kind), s->n_in);
    for (int i = 0; i < s->n_in; i++) {
        int t = s->in[i];
        h = feed(h, t < p->graph->n_in ? c->rank[t] : t);
    }
    for (int i = 0; out->home == HOME_TEMP && i < out->n_axes; i++)
        h = feed(h, out->axes[i].index);
    h = feed_group(feed_group(h, &s->b), &s->m);
    return feed_group(feed_group(h, &s->n), &s->k);
}

/* All that the plan does, in the numbering of the canonical form: no names,
 * no order of operands. */
static uint64_t
hash(struct arena scratch, const struct plan *p, const struct canon *c)
{
    const struct graph *g = c->graph;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    h = feed(feed(feed(h, g->compute), g->factor), g->n_indices);
    h = g->summing.how ? feed(h, g->summing.how) : h;
    for (int x = 0; x < g->n_indices; x++)
        h = feed(feed(h, g->indices[x].extent), g->indices[x].fixed != 0);
    for (int r = 0; r < g->n_in; r++)
        h = feed_operand(scratch, h, &g->in[c->order[r]]);
    h = feed_operand(scratch, h, &g->out);
    for (int i = 0; i < p->n_steps; i++)
        h = feed_step(h, p, c, &p->steps[i]);
    return h;
}

/* --- the stages --------------------------------------------------------- */

static int64_t
count_lines(struct str text)
{
    int64_t n = 1;
    for (int64_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

static int
is_auto(struct str path)
{
    int n = 0;
    while (n < path.n && path.p[n] != ',' && path.p[n] != ':')
        n++;
    return n == 0 || str_equal((struct str){path.p, n}, str_of("auto"));
}

/* Drafts from the text, if there is one, else from a path. */
static void
draft(struct arena *perm, struct arena *a, const struct canon *c,
      const struct plan_options *o, struct plan *p, struct drafts *d)
{
    int64_t most = 2 * (int64_t)p->graph->n_in + 2;
    if (o->plan_text.p)
        most += count_lines(o->plan_text);
    *d = einc_drafts_open(a, c, most);
    p->finder = o->plan_text.p ? "text" : "none";
    if (o->plan_text.p) {
        einc_plan_read(a, o->plan_text, p, c, d);
    } else if (str_equal(o->path, str_of("whole"))) {
        p->finder = "whole";
        if (!c->empty)
            draft_whole(d);
    } else if (!c->empty) {
        struct net net = einc_path_net(a, c);
        const struct path *path = einc_path_find(perm, *a, &net, o->path, o->clock);
        p->finder = path->finder;
        draft_path(a, d, path);
        if (is_auto(o->path) && c->graph->summing.how != EINC_SUM_KAHAN)
            einc_fuse(*perm, a, p, o->fuse, d);
    }
    if (c->empty)
        draft_empty(a, d);
}

const struct plan *
einc_plan_build(struct arena *perm, struct arena scratch,
                const struct program *program, const struct graph *g,
                const struct plan_options *options)
{
    const struct canon *c = einc_canon(perm, scratch, g);
    struct plan *p = NEW(perm, struct plan, 1);
    struct drafts d;
    p->program = program;
    p->graph = g;
    p->canon = c->graph;
    draft(perm, &scratch, c, options, p, &d);
    einc_lower(perm, scratch, &d, p);
    einc_buffers_place(scratch, p, options->memory_limit_bytes);
    add_up(p);
    p->hash = hash(scratch, p, c);
    if (options->plan_text.p)
        einc_plan_check(scratch, options->plan_text, p);
    return p;
}

/* SPDX-License-Identifier: MIT
 *
 * lower.c - see lower.h: drafts, the layout of intermediates, and the table.
 */
#include "plan/lower.h"

#include <assert.h>

#include "base/diag.h"
#include "plan/cost.h"
#include "plan/order.h"

/* The first of several that cost the same is taken. */
const struct lowering *const einc_lowerings[] = {
    &einc_lower_contract,
    &einc_lower_copy,
    &einc_lower_reduce,
    NULL,
};

const struct lowering *
einc_lowering_of(enum step_kind kind)
{
    const struct lowering *const *l = einc_lowerings;
    while ((*l)->kind != kind)
        l++;
    return *l;
}

/* --- drafts ------------------------------------------------------------- */

static struct legs
legs_of_axes(struct arena *a, const struct axis *axes, int n)
{
    struct legs l = {NEW(a, int, n), n};
    for (int i = 0; i < n; i++)
        l.index[i] = axes[i].index;
    return l;
}

struct drafts
einc_drafts_open(struct arena *a, const struct canon *c, int64_t max)
{
    const struct graph *g = c->graph;
    struct drafts d = {.canon = c, .arena = a};
    d.list = NEW(a, struct draft, max);
    d.legs = NEW(a, struct legs, g->n_in + max);
    d.holders = NEW(a, int, g->n_indices);
    d.needed = NEW(a, char, g->n_indices);
    d.mark = NEW(a, char, g->n_indices);
    for (int o = 0; o < g->n_in; o++) {
        d.legs[o] = legs_of_axes(a, g->in[o].axes, g->in[o].n_axes);
        for (int i = 0; i < d.legs[o].n; i++)
            d.holders[d.legs[o].index[i]]++;
    }
    for (int x = 0; x < g->n_indices; x++)
        d.holders[x] += g->indices[x].in_output;
    return d;
}

/* All indices of the inputs, each once, in order of first appearance; their
 * marks stay set. */
static struct legs
unite(struct drafts *d, const int *in, int n_in)
{
    int64_t total = 0;
    for (int i = 0; i < n_in; i++)
        total += d->legs[in[i]].n;
    struct legs all = {NEW(d->arena, int, total), 0};
    for (int i = 0; i < n_in; i++) {
        struct legs l = d->legs[in[i]];
        for (int k = 0; k < l.n; k++) {
            d->holders[l.index[k]]--;
            if (!d->mark[l.index[k]])
                all.index[all.n++] = l.index[k];
            d->mark[l.index[k]] = 1;
        }
    }
    return all;
}

int
einc_drafts_add(struct drafts *d, int kind, const int *in, int n_in, int last)
{
    const struct graph *g = d->canon->graph;
    struct draft *r = &d->list[d->n];
    int *copy = NEW(d->arena, int, n_in), t = g->n_in + d->n++;
    for (int i = 0; i < n_in; i++)
        copy[i] = in[i];
    *r = (struct draft){.kind = kind, .in = copy, .n_in = n_in};
    struct legs all = unite(d, in, n_in);
    r->kept.index = NEW(d->arena, int, all.n);
    r->summed.index = NEW(d->arena, int, all.n);
    for (int i = 0; i < all.n; i++) {
        int x = all.index[i], keep = d->holders[x] > 0;
        struct legs *to = keep ? &r->kept : &r->summed;
        to->index[to->n++] = x;
        d->holders[x] += keep;
        d->mark[x] = 0;
    }
    if (last)
        r->kept = legs_of_axes(d->arena, g->out.axes, g->out.n_axes);
    einc_cost_extent(d->arena->cx, g, r->kept.index, r->kept.n, "result");
    d->legs[t] = r->kept;
    return t;
}

/* --- helpers of the lowerings ------------------------------------------- */

int64_t
einc_lower_stride(const struct plan_tensor *t, int x)
{
    for (int i = 0; i < t->n_axes; i++)
        if (t->axes[i].index == x)
            return t->axes[i].stride;
    return 0;
}

static uint64_t
distance(const struct plan_tensor *t, int x)
{
    int64_t s = einc_lower_stride(t, x);
    return s < 0 ? -(uint64_t)s : (uint64_t)s;
}

static int
place_of(const struct plan_tensor *t, int x)
{
    int i = 0;
    while (i < t->n_axes && t->axes[i].index != x)
        i++;
    return i;
}

int
einc_lower_holds(struct legs l, int x)
{
    int i = 0;
    while (i < l.n && l.index[i] != x)
        i++;
    return i < l.n;
}

int
einc_lower_lane(const struct plan_tensor *t, struct legs but)
{
    int best = -1;
    for (int i = 0; i < t->n_axes; i++) {
        int x = t->axes[i].index;
        if (einc_lower_holds(but, x))
            continue;
        if (best < 0 || distance(t, x) <= distance(t, best))
            best = x;
    }
    return best;
}

double
einc_lower_size(const struct graph *g, struct legs l)
{
    double r = 1;
    for (int i = 0; i < l.n; i++)
        r = einc_cost_size(r, (double)g->indices[l.index[i]].extent);
    return r;
}

struct group_key {
    const struct plan_tensor *by, *then;
};

static ORDER_BEFORE(slower)
{
    const struct group_key *k = key;
    uint64_t x = distance(k->by, a), y = distance(k->by, b);
    if (x == y && k->then) {
        x = distance(k->then, a);
        y = distance(k->then, b);
    }
    if (x != y)
        return x > y;
    int i = place_of(k->by, a), j = place_of(k->by, b);
    return i != j ? i < j : a < b;
}

struct group
einc_lower_group(struct arena *perm, struct arena scratch,
                 const struct job *j, struct legs l,
                 const struct plan_tensor *by, const struct plan_tensor *then)
{
    struct group_key key = {by, then};
    int *index = NEW(perm, int, l.n);
    for (int i = 0; i < l.n; i++)
        index[i] = l.index[i];
    order_ints(scratch, index, l.n, slower, &key);
    return (struct group){index, l.n,
                          einc_cost_extent(perm->cx, j->g, index, l.n,
                                           "iteration space")};
}

void
einc_group_print(struct text *t, const struct plan *p, const char *name,
                 const struct group *x)
{
    einc_put(t, "%s{", name);
    for (int i = 0; i < x->n; i++) {
        einc_put_str(t, str_of(i ? "," : ""));
        einc_put_str(t, p->canon->indices[x->index[i]].name);
    }
    einc_put(t, "}=%lld", (long long)x->extent);
}

/* --- layout of intermediates -------------------------------------------- */

/* Lowering as it goes, from the last draft to the first. */
struct work {
    struct arena *perm;
    struct arena scratch;
    const struct drafts *d;
    struct plan *plan;
    char *class_of; /* [n_indices] */
};

/* How the axes of one intermediate are compared. */
struct layout {
    const char *class_of;     /* slower ones first */
    struct group_key within;
};

static ORDER_BEFORE(laid_slower)
{
    const struct layout *l = key;
    if (l->class_of[a] != l->class_of[b])
        return l->class_of[a] < l->class_of[b];
    return slower(&l->within, a, b);
}

static void
set_class(struct work *w, struct legs l, char class)
{
    for (int i = 0; i < l.n; i++)
        w->class_of[l.index[i]] = class;
}

/* Kept, then summed, so that a sum runs over memory in order. In an operand
 * of a contraction the batch comes first, and the one that holds the lanes
 * (the fastest index of the result) has its sum before them: rows of K, each
 * along the lanes. */
static void
classify_axes(struct work *w, const struct job *j, enum step_kind kind, int v)
{
    const struct legs *of = j->roles.of;
    set_class(w, j->draft->kept, 1);
    set_class(w, j->draft->summed, 2);
    if (kind != STEP_CONTRACT)
        return;
    int lane = einc_lower_lane(j->out, (struct legs){NULL, 0});
    int in_batch = einc_lower_holds(of[ROLE_BATCH], lane);
    set_class(w, of[ROLE_BATCH], 0);
    if (einc_lower_holds(j->legs[v], lane) && !in_batch) {
        set_class(w, of[ROLE_M], 3);
        set_class(w, of[ROLE_N], 3);
    }
}

/* Walks where the operand beside it leads, if that one's layout is given. */
static const struct plan_tensor *
find_other(const struct job *j, int v)
{
    for (int i = 0; i < j->draft->n_in; i++) {
        int t = j->draft->in[i];
        if (t != v && j->plan->tensors[t].home == HOME_INPUT)
            return &j->plan->tensors[t];
    }
    return NULL;
}

/* A contraction stores along lanes of N. If it would have to along its batch,
 * its last other index moves to the end. */
static void
free_lane(const struct work *w, const struct draft *producer, int *index, int n)
{
    if (producer->n_in != 2 || producer->summed.n == 0)
        return;
    struct legs lhs = w->d->legs[producer->in[0]];
    struct legs rhs = w->d->legs[producer->in[1]];
    for (int last = n - 1; last >= 0; last--) {
        int x = index[last];
        if (einc_lower_holds(lhs, x) && einc_lower_holds(rhs, x))
            continue;
        for (int i = last; i + 1 < n; i++)
            index[i] = index[i + 1];
        index[n - 1] = x;
        return;
    }
}

static void
make_axes(struct work *w, struct plan_tensor *t, const int *index, int n)
{
    int64_t stride = 1;
    t->axes = NEW(w->perm, struct axis, n);
    t->n_axes = n;
    for (int i = n - 1; i >= 0; i--) {
        t->axes[i] = (struct axis){index[i], stride};
        stride *= w->plan->canon->indices[index[i]].extent;
    }
}

static void
lay_out(struct work *w, struct arena scratch, const struct job *j,
        enum step_kind kind, int v)
{
    const struct draft *producer = &w->d->list[v - w->plan->graph->n_in];
    struct legs l = w->d->legs[v];
    int *index = NEW(&scratch, int, l.n);
    for (int i = 0; i < l.n; i++)
        index[i] = l.index[i];
    if (!producer->ordered) {
        struct layout key = {w->class_of, {j->out, find_other(j, v)}};
        classify_axes(w, j, kind, v);
        order_ints(scratch, index, l.n, laid_slower, &key);
        free_lane(w, producer, index, l.n);
    }
    make_axes(w, &w->plan->tensors[v], index, l.n);
}

/* --- drafts to steps ---------------------------------------------------- */

static void
make_tensors(struct arena *perm, const struct drafts *d, struct plan *p)
{
    const struct graph *g = d->canon->graph;
    p->n_tensors = g->n_in + d->n;
    p->tensors = NEW(perm, struct plan_tensor, p->n_tensors);
    for (int t = 0; t < p->n_tensors; t++) {
        struct plan_tensor *x = &p->tensors[t];
        const struct operand *o = t < g->n_in ? &g->in[t] : &g->out;
        x->home = t < g->n_in                ? HOME_INPUT
                  : t + 1 < p->n_tensors ? HOME_TEMP
                                         : HOME_OUTPUT;
        x->number = x->home == HOME_INPUT  ? t
                    : x->home == HOME_TEMP ? t - g->n_in + 1
                                           : -1;
        x->dtype = x->home == HOME_TEMP ? g->compute : o->dtype;
        x->axes = x->home == HOME_TEMP ? NULL : o->axes;
        x->n_axes = x->home == HOME_TEMP ? 0 : o->n_axes;
    }
}

/* Needs the layout of the result. The first two operands have roles, and a
 * weight of theirs has no index of its own; other steps of three do not ask. */
static struct job
make_job(struct work *w, struct arena *a, int i)
{
    const struct draft *r = &w->d->list[i];
    struct job j = {.plan = w->plan, .g = w->plan->canon,
                    .canon = w->d->canon, .draft = r, .legs = w->d->legs,
                    .out = &w->plan->tensors[w->plan->graph->n_in + i],
                    .last = i + 1 == w->d->n};
    if (r->n_in != 2 && (r->n_in != 3 || r->kind != STEP_CONTRACT))
        return j;
    for (int k = 0; k < r->kept.n; k++)
        w->d->needed[r->kept.index[k]] = 1;
    for (int k = 0; k < r->summed.n; k++)
        w->d->needed[r->summed.index[k]] = 0;
    j.roles = einc_classify_pair(a, w->d->legs[r->in[0]],
                                 w->d->legs[r->in[1]], w->d->needed,
                                 w->d->mark);
    return j;
}

/* NULL if the draft demands what cannot be. */
static const struct lowering *
choose(const struct job *j)
{
    const struct lowering *best = NULL;
    double least = 0;
    for (const struct lowering *const *l = einc_lowerings; *l; l++) {
        int asked = j->draft->kind == KIND_ANY ||
                    j->draft->kind == (int)(*l)->kind;
        if (!asked || !(*l)->applicable(j))
            continue;
        double cost = (*l)->cost(j);
        if (!best || cost < least) {
            best = *l;
            least = cost;
        }
    }
    return best;
}

static void
lower_draft(struct work *w, int i)
{
    struct arena scratch = w->scratch;
    struct job j = make_job(w, &scratch, i);
    const struct lowering *l = choose(&j);
    struct step *s = &w->plan->steps[i];
    if (!l)
        einc_fail(w->perm->cx, EINC_EINVAL, "E811", (struct span){-1, -1},
                  "step %d of the plan text cannot be a %s: its indices do "
                  "not allow it",
                  i + 1,
                  einc_lowering_of((enum step_kind)j.draft->kind)->name);
    for (int k = 0; k < j.draft->n_in; k++) {
        int v = j.draft->in[k];
        if (v >= w->plan->graph->n_in)
            lay_out(w, scratch, &j, l->kind, v);
    }
    s->kind = l->kind;
    s->n_in = j.draft->n_in;
    s->out = w->plan->graph->n_in + i;
    s->b = s->m = s->n = s->k = (struct group){NULL, 0, 1};
    s->factor = j.last ? j.g->factor : 1;
    l->lower(w->perm, scratch, &j, s);
}

void
einc_lower(struct arena *perm, struct arena scratch, const struct drafts *d,
           struct plan *p)
{
    struct work w = {.perm = perm, .d = d, .plan = p};
    w.class_of = NEW(&scratch, char, p->canon->n_indices);
    w.scratch = scratch;
    make_tensors(perm, d, p);
    p->steps = NEW(perm, struct step, d->n);
    p->n_steps = d->n;
    for (int i = d->n - 1; i >= 0; i--)
        lower_draft(&w, i);
    for (int i = 0; i < d->n; i++)
        einc_cost_step(p, &p->steps[i]);
}

/* SPDX-License-Identifier: MIT
 *
 * fuse.c - see fuse.h.
 */
#include "plan/fuse.h"

#include "plan/cost.h"
#include "plan/model.h"

/* Plans do not depend on the machine they are made on: both sides are modelled
 * on this one. */
#define MACHINE "avx512"

enum { MAX_TRIALS = 16 };

/* As nested sums; a product into the contraction that reads it; a contraction
 * into the product that reads it. */
enum way { NESTED, WEIGHTED, SCALED, N_WAYS };

/* Two drafts that may become one: i into its reader j. */
struct pair {
    enum way way;
    int i, j;
};

/* --- drafts ------------------------------------------------------------- */

/* The draft that reads the result of draft i. */
static int
reader_of(const struct drafts *d, int i)
{
    int t = d->canon->graph->n_in + i;
    for (int j = i + 1; j < d->n; j++)
        for (int o = 0; o < d->list[j].n_in; o++)
            if (d->list[j].in[o] == t)
                return j;
    return -1;
}

static double
points_of(const struct drafts *d, const struct draft *r)
{
    return einc_cost_size(einc_lower_size(d->canon->graph, r->kept),
                          einc_lower_size(d->canon->graph, r->summed));
}

/* Which operand of a draft has all indices of its result and so is only
 * scaled by the others; -1: none, or it is no product. */
static int
scaled_by_others(const struct drafts *d, const struct draft *r)
{
    if (r->n_in < 2 || r->summed.n)
        return -1;
    for (int o = 0; o < r->n_in; o++)
        if (d->legs[r->in[o]].n == r->kept.n)
            return o;
    return -1;
}

/* Of several weights the product is still made: draft i stays, without what
 * it scales. */
static int
keeps_first(const struct drafts *d, struct pair x)
{
    return x.way == WEIGHTED && d->list[x.i].n_in > 2;
}

/* All inputs of a draft but one, -1: all. */
static int
inputs_but(const struct draft *r, int but, int *in)
{
    int n = 0;
    for (int o = 0; o < r->n_in; o++)
        if (o != but)
            in[n++] = r->in[o];
    return n;
}

/* What a draft of two reads beside tensor t. */
static int
beside(const struct draft *r, int t)
{
    return r->in[r->in[0] == t];
}

/* Inputs of draft j, those of draft i in place of its result; a weight comes
 * last. */
static int
merge_inputs(const struct drafts *d, struct pair x, int *in)
{
    const struct draft *p = &d->list[x.i], *c = &d->list[x.j];
    int t = d->canon->graph->n_in + x.i, n = 0;
    int scaled = x.way == WEIGHTED ? scaled_by_others(d, p) : -1;
    if (x.way == SCALED) {
        n = inputs_but(p, -1, in);
        in[n++] = beside(c, t);
        return n;
    }
    for (int o = 0; o < c->n_in; o++)
        if (c->in[o] != t)
            in[n++] = c->in[o];
        else if (scaled >= 0)
            in[n++] = p->in[scaled];
        else
            n += inputs_but(p, -1, in + n);
    if (scaled >= 0)
        in[n++] = keeps_first(d, x) ? t : p->in[!scaled];
    return n;
}

/* The same drafts with a pair merged. */
static struct drafts
merge(struct arena *a, const struct drafts *d, struct pair x)
{
    int n_in = d->canon->graph->n_in, keeps = keeps_first(d, x);
    int kind = x.way == NESTED ? KIND_ANY : STEP_CONTRACT;
    struct drafts to = einc_drafts_open(a, d->canon, d->n);
    for (int s = 0; s < d->n; s++) {
        const struct draft *r = &d->list[s];
        int in[2 * MAX_STEP_IN], n;
        if (s == x.i && !keeps)
            continue;
        n = s == x.j   ? merge_inputs(d, x, in)
            : s == x.i ? inputs_but(r, scaled_by_others(d, r), in)
                       : inputs_but(r, -1, in);
        for (int o = 0; o < n; o++)
            in[o] -= !keeps && in[o] > n_in + x.i;
        einc_drafts_add(&to, s == x.j ? kind : r->kind, in, n, s + 1 == d->n);
    }
    return to;
}

/* Whether the points of the merged step are those of one of the two; it has
 * all indices of both. */
static int
may_nest(const struct drafts *d, int i, int j)
{
    const struct draft *p = &d->list[i], *c = &d->list[j];
    double a = points_of(d, p), b = points_of(d, c);
    double lone = einc_lower_size(d->canon->graph, p->summed);
    double all = einc_cost_size(b, lone);
    int n = p->n_in + c->n_in - 1;
    return n >= 3 && n <= MAX_STEP_IN && all <= (a > b ? a : b);
}

static enum einc_dtype
stored_as(const struct drafts *d, int tensor)
{
    const struct graph *g = d->canon->graph;
    return tensor < g->n_in               ? g->in[tensor].dtype
           : tensor + 1 == g->n_in + d->n ? g->out.dtype
                                          : g->compute;
}

/* Whether draft j, merged with i, has a kernel that is built into the
 * library. Without one three operands would cost the interpreter more than
 * the two steps do. */
static int
is_built_in(const struct drafts *d, int i, int j)
{
    enum einc_dtype t = d->canon->graph->compute;
    int same = stored_as(d, d->canon->graph->n_in + j) == t;
    for (int o = 0; o < d->list[i].n_in; o++)
        same &= stored_as(d, d->list[i].in[o]) == t;
    for (int o = 0; o < d->list[j].n_in; o++)
        same &= stored_as(d, d->list[j].in[o]) == t;
    return same && (t == EINC_F32 || t == EINC_F64 || t == EINC_C64 ||
                    t == EINC_C128);
}

static int
is_within(struct legs part, struct legs whole)
{
    for (int i = 0; i < part.n; i++)
        if (!einc_lower_holds(whole, part.index[i]))
            return 0;
    return 1;
}

static int
is_compiled(struct fuse_rule rule, double flop)
{
    return rule.from_flop && flop >= (double)rule.from_flop;
}

/* An operand of draft i takes the factor of its reader j. */
static int
may_scale(const struct drafts *d, int i, int j, struct fuse_rule rule)
{
    const struct draft *p = &d->list[i], *c = &d->list[j];
    int compiled = is_compiled(rule, 2 * points_of(d, p));
    if (p->n_in != 2 || p->summed.n == 0 || c->n_in != 2 || c->summed.n ||
        !(compiled || is_built_in(d, i, j)))
        return 0;
    int w = beside(c, d->canon->graph->n_in + i), may = 0;
    for (int o = 0; o < 2; o++)
        may |= is_within(d->legs[w], d->legs[p->in[o]]) &&
               stored_as(d, w) == stored_as(d, p->in[o]);
    return may;
}

/* An operand that is converted is packed in another way than a weight that is
 * not. */
static int
may_weigh(const struct drafts *d, int i, int j, struct fuse_rule rule)
{
    const struct draft *p = &d->list[i], *c = &d->list[j];
    int compiled = is_compiled(rule, 2 * points_of(d, c));
    int scaled = scaled_by_others(d, p);
    if (c->n_in != 2 || c->summed.n == 0 || scaled < 0)
        return 0;
    /* a product of weights has the compute type */
    enum einc_dtype weight =
        p->n_in > 2 ? d->canon->graph->compute : stored_as(d, p->in[!scaled]);
    return stored_as(d, p->in[scaled]) == weight &&
           (compiled || is_built_in(d, i, j));
}

static int
is_real(enum einc_dtype t)
{
    return t == EINC_F32 || t == EINC_F64 || t == EINC_I32 || t == EINC_I64;
}

static int
may_merge(const struct drafts *d, struct pair x, struct fuse_rule rule)
{
    const struct draft *p = &d->list[x.i], *c = &d->list[x.j];
    if (x.way == WEIGHTED)
        return may_weigh(d, x.i, x.j, rule);
    if (x.way == SCALED)
        return may_scale(d, x.i, x.j, rule);
    double all = einc_cost_size(
        points_of(d, c), einc_lower_size(d->canon->graph, p->summed));
    double flop = all * (p->n_in + c->n_in - 1);
    /* the slowest built-in kernel does a flop in a nanosecond */
    return (rule.saves_ns ? flop >= (double)rule.saves_ns
                          : is_compiled(rule, flop)) &&
           is_real(d->canon->graph->compute) && may_nest(d, x.i, x.j);
}

/* --- trials ------------------------------------------------------------- */

static struct plan
lower(struct arena *perm, struct arena scratch, const struct plan *p,
      const struct drafts *d)
{
    struct plan t = {.program = p->program, .graph = p->graph,
                     .canon = p->canon};
    einc_lower(perm, scratch, d, &t);
    return t;
}

/* Modelled seconds of one step of a pair; its bytes take theirs whatever
 * happens to overlap, as they do for the merged one. Only a step that is
 * compiled may read its operands in place. Where a merged step has to save
 * time, the pair's are built in. */
static double
pair_seconds(const struct plan *p, int i, struct fuse_rule rule)
{
    const struct machine *m = einc_machine_default(str_of(MACHINE));
    const struct step *s = &p->steps[i];
    double bytes = (double)s->read_bytes + (double)s->write_bytes;
    double slowest = bytes / (double)m->read[einc_machine_level(m, bytes)] *
                     100 / (double)m->stream_percent;
    int packs = s->kind == STEP_CONTRACT &&
                (rule.saves_ns || !is_compiled(rule, (double)s->flop));
    double modelled = packs ? einc_model_packed(m, p, i, 1)
                            : einc_model_step(m, p, i, 1);
    return modelled > 1e-6 * slowest ? modelled : 1e-6 * slowest;
}

/* Of what has become of a pair; below 0 if there is no kernel for it. */
static double
merged_seconds(const struct plan *p, struct pair x, int keeps,
               struct fuse_rule rule)
{
    const struct machine *m = einc_machine_default(str_of(MACHINE));
    if (x.way == NESTED)
        return einc_model_nested(m, p, x.j - 1);
    return keeps ? pair_seconds(p, x.i, rule) +
                       einc_model_packed(m, p, x.j, 1)
                 : einc_model_packed(m, p, x.j - 1, 1);
}

/* Seconds that merging a pair saves, at most 0 if none. The kernels of
 * pairs are modelled as good as they may become, the nested ones as they were
 * measured, and what a pair writes has to be there: hence the favour. */
static double
gain(struct arena perm, struct arena scratch, const struct plan *pairs,
     const struct drafts *d, struct pair x, struct fuse_rule rule)
{
    const double favour = 1.05;
    int t = d->canon->graph->n_in + x.i, keeps = keeps_first(d, x);
    if ((x.way == WEIGHTED && pairs->steps[x.j].kind != STEP_CONTRACT) ||
        (x.way == SCALED && pairs->steps[x.i].kind != STEP_CONTRACT))
        return 0;
    struct drafts merged = merge(&scratch, d, x);
    if (keeps && merged.legs[t].n == d->legs[t].n)
        return 0; /* the weights are as large as what they multiply */
    struct plan now = lower(&perm, scratch, pairs, &merged);
    double whole = merged_seconds(&now, x, keeps, rule);
    double apart = pair_seconds(pairs, x.i, rule) +
                   pair_seconds(pairs, x.j, rule);
    if (whole < 0)
        return 0;
    return x.way == NESTED && rule.saves_ns
               ? apart - whole - 1e-9 * (double)rule.saves_ns
               : favour * apart - whole;
}

/* The next pair that may be merged, from x on; 0 if there is none. */
static int
next_pair(const struct drafts *d, struct fuse_rule rule, struct pair *x)
{
    for (; x->i + 1 < d->n; x->i++, x->way = NESTED) {
        x->j = reader_of(d, x->i);
        for (; x->j >= 0 && x->way < N_WAYS; x->way++)
            if (may_merge(d, *x, rule))
                return 1;
    }
    return 0;
}

/* The pair that saves most; 0 if none does. */
static int
find(struct arena perm, struct arena scratch, const struct plan *p,
     struct fuse_rule rule, const struct drafts *d, int *trials,
     struct pair *best)
{
    struct pair x = {NESTED, 0, -1};
    double most = 0;
    if (!next_pair(d, rule, &x))
        return 0;
    struct plan pairs = lower(&perm, scratch, p, d);
    for (; next_pair(d, rule, &x) && *trials < MAX_TRIALS; x.way++) {
        ++*trials;
        double saved = gain(perm, scratch, &pairs, d, x, rule);
        if (saved > most) {
            most = saved;
            *best = x;
        }
    }
    return most > 0;
}

void
einc_fuse(struct arena perm, struct arena *a, const struct plan *p,
          struct fuse_rule rule, struct drafts *d)
{
    enum { MAX_DRAFTS = 64 };
    struct pair x;
    int trials = 0;
    while (d->n <= MAX_DRAFTS && find(perm, *a, p, rule, d, &trials, &x))
        *d = merge(a, d, x);
}

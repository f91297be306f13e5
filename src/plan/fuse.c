/* SPDX-License-Identifier: MIT
 *
 * fuse.c - see fuse.h.
 */
#include "plan/fuse.h"

#include "plan/cost.h"
#include "plan/model.h"
#include "plan/nested.h"

/* Plans do not depend on the machine they are made on: both sides are modelled
 * on this one. */
#define MACHINE "avx512"

enum { MAX_TRIALS = 16 };

/* --- the new step ------------------------------------------------------- */

static void
ask_tensor(const struct plan *p, int tensor, const int *index, int n,
           struct nested_tensor *t)
{
    const struct plan_tensor *x = &p->tensors[tensor];
    t->bytes = einc_dtype_info(x->dtype)->bytes;
    for (int j = 0; j < n; j++) {
        t->stride[j] = einc_lower_stride(x, index[j]);
        if (t->stride[j])
            t->holds |= 1u << j;
    }
}

static int
is_real(enum einc_dtype t)
{
    return t == EINC_F32 || t == EINC_F64 || t == EINC_I32 || t == EINC_I64;
}

/* 0 if a kernel of this kind cannot do it. */
static int
ask(const struct plan *p, const struct step *s, struct nested_sum *q)
{
    int index[NESTED_MAX_IDX], n = 0;
    unsigned held = 0;
    *q = (struct nested_sum){.compute = p->graph->compute, .n_in = s->n_in};
    if (s->kind != STEP_REDUCE || !is_real(q->compute) || s->k.n == 0 ||
        s->b.n + s->k.n > NESTED_MAX_IDX || s->n_in > NESTED_MAX_IN)
        return 0;
    for (int i = 0; i < s->b.n + s->k.n; i++) {
        index[n] = i < s->b.n ? s->b.index[i] : s->k.index[i - s->b.n];
        q->extent[n] = (double)p->canon->indices[index[n]].extent;
        if (q->extent[n] < 2 || !p->canon->indices[index[n]].fixed)
            return 0;
        if (i >= s->b.n)
            q->summed |= 1u << n;
        n++;
    }
    q->n_idx = n;
    for (int o = 0; o < s->n_in; o++) {
        ask_tensor(p, s->in[o], index, n, &q->in[o]);
        held |= q->in[o].holds;
        if (p->tensors[s->in[o]].dtype != q->compute)
            return 0;
    }
    ask_tensor(p, s->out, index, n, &q->out);
    return !(q->summed & ~held);
}

double
einc_fuse_seconds(const struct plan *p, const struct step *s)
{
    struct nested_sum q;
    struct nested x;
    if (!ask(p, s, &q) ||
        !einc_nested_choose(einc_machine_default(str_of(MACHINE)), &q, &x))
        return -1;
    return x.seconds;
}

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

/* Inputs of draft j, those of draft i in place of its result. */
static int
merge_inputs(const struct drafts *d, int i, int j, int *in)
{
    int t = d->canon->graph->n_in + i, n = 0;
    for (int o = 0; o < d->list[j].n_in; o++) {
        if (d->list[j].in[o] != t) {
            in[n++] = d->list[j].in[o];
            continue;
        }
        for (int k = 0; k < d->list[i].n_in; k++)
            in[n++] = d->list[i].in[k];
    }
    return n;
}

/* The same drafts with i merged into j. */
static struct drafts
merge(struct arena *a, const struct drafts *d, int i, int j)
{
    int n_in = d->canon->graph->n_in;
    struct drafts to = einc_drafts_open(a, d->canon, d->n);
    for (int s = 0; s < d->n; s++) {
        int in[2 * MAX_STEP_IN];
        if (s == i)
            continue;
        int n = s == j ? merge_inputs(d, i, j, in) : d->list[s].n_in;
        for (int o = 0; o < n; o++) {
            int t = s == j ? in[o] : d->list[s].in[o];
            in[o] = t - (t > n_in + i);
        }
        einc_drafts_add(&to, s == j ? KIND_ANY : d->list[s].kind, in, n,
                        s + 1 == d->n);
    }
    return to;
}

/* Whether the points of the merged step are those of one of the two; it has
 * all indices of both. */
static int
may_merge(const struct drafts *d, int i, int j, uint64_t least)
{
    const struct draft *p = &d->list[i], *c = &d->list[j];
    double a = points_of(d, p), b = points_of(d, c);
    double lone = einc_lower_size(d->canon->graph, p->summed);
    double all = einc_cost_size(b, lone);
    int n = p->n_in + c->n_in - 1;
    return n >= 3 && n <= MAX_STEP_IN && all <= (a > b ? a : b) &&
           all * n >= (double)least;
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
 * happens to overlap, as they do for the merged one. */
static double
pair_seconds(const struct plan *p, int i)
{
    const struct machine *m = einc_machine_default(str_of(MACHINE));
    const struct step *s = &p->steps[i];
    double bytes = (double)s->read_bytes + (double)s->write_bytes;
    double least = bytes / (double)m->read[einc_machine_level(m, bytes)] *
                   100 / (double)m->stream_percent;
    double modelled = einc_model_step(m, p, i, 1);
    return modelled > 1e-6 * least ? modelled : 1e-6 * least;
}

/* Seconds that merging i into j saves, at most 0 if none. The kernels of
 * pairs are modelled as good as they may become, the nested ones as they were
 * measured, and what a pair writes has to be there: hence the favour. */
static double
gain(struct arena perm, struct arena scratch, const struct plan *pairs,
     const struct drafts *d, int i, int j)
{
    const double favour = 1.05;
    struct drafts merged = merge(&scratch, d, i, j);
    struct plan t = lower(&perm, scratch, pairs, &merged);
    double whole = einc_fuse_seconds(&t, &t.steps[j - 1]);
    double apart = pair_seconds(pairs, i) + pair_seconds(pairs, j);
    return whole < 0 ? 0 : favour * apart - whole;
}

/* The best merge, if there is one. */
static int
find(struct arena perm, struct arena scratch, const struct plan *p,
     uint64_t least, const struct drafts *d, int *trials, int *i)
{
    struct plan pairs = lower(&perm, scratch, p, d);
    double most = 0;
    int j = -1;
    for (int s = 0; s + 1 < d->n && *trials < MAX_TRIALS; s++) {
        int reader = reader_of(d, s);
        if (reader < 0 || !may_merge(d, s, reader, least))
            continue;
        ++*trials;
        double saved = gain(perm, scratch, &pairs, d, s, reader);
        if (saved > most) {
            most = saved;
            *i = s;
            j = reader;
        }
    }
    return j;
}

static int
any_may_merge(const struct drafts *d, uint64_t least)
{
    for (int s = 0; s + 1 < d->n; s++) {
        int j = reader_of(d, s);
        if (j >= 0 && may_merge(d, s, j, least))
            return 1;
    }
    return 0;
}

void
einc_fuse(struct arena perm, struct arena *a, const struct plan *p,
          uint64_t least, struct drafts *d)
{
    enum { MAX_DRAFTS = 64 };
    int i = 0, j, trials = 0;
    if (!is_real(p->graph->compute) || d->n > MAX_DRAFTS)
        return;
    while (any_may_merge(d, least) &&
           (j = find(perm, *a, p, least, d, &trials, &i)) >= 0)
        *d = merge(a, d, i, j);
}

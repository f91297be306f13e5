/* SPDX-License-Identifier: MIT
 *
 * cost.c - see cost.h.
 */
#include "plan/cost.h"

#include "base/diag.h"

uint64_t
einc_cost_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint64_t
einc_cost_mul(uint64_t a, uint64_t b)
{
    uint64_t r;
    return __builtin_mul_overflow(a, b, &r) ? UINT64_MAX : r;
}

double
einc_cost_size(double a, double b)
{
    double r = a * b;
    return r < COST_MAX ? r : COST_MAX;
}

double
einc_cost_pair(double space, double written, int bytes)
{
    return 2 * space + COST_FLOP_PER_BYTE * bytes * written;
}

static int
has_zero(const struct graph *g, const int *index, int n)
{
    for (int i = 0; i < n; i++)
        if (g->indices[index[i]].extent == 0)
            return 1;
    return 0;
}

int64_t
einc_cost_extent(struct cx *cx, const struct graph *g, const int *index,
                 int n, const char *what)
{
    int64_t r = 1;
    if (has_zero(g, index, n))
        return 0;
    for (int i = 0; i < n; i++) {
        const struct graph_index *x = &g->indices[index[i]];
        if (__builtin_mul_overflow(r, x->extent, &r))
            einc_fail(cx, EINC_ELIMIT, "E813", (struct span){-1, -1},
                      "the %s of a step exceeds 2^63 - 1 elements", what);
    }
    return r;
}

uint64_t
einc_cost_elements(const struct graph *g, const struct plan_tensor *t)
{
    uint64_t r = 1, zero = 0;
    for (int i = 0; i < t->n_axes; i++) {
        uint64_t n = (uint64_t)g->indices[t->axes[i].index].extent;
        zero |= n == 0;
        r = einc_cost_mul(r, n);
    }
    return zero ? 0 : r;
}

static uint64_t
tensor_bytes(const struct plan *p, int t)
{
    const struct plan_tensor *x = &p->tensors[t];
    return einc_cost_mul(einc_cost_elements(p->canon, x),
                         (uint64_t)einc_dtype_info(x->dtype)->bytes);
}

static uint64_t
points(const struct step *s)
{
    const struct group *of[] = {&s->b, &s->m, &s->n, &s->k};
    uint64_t r = 1, zero = 0;
    for (int i = 0; i < 4; i++) {
        zero |= of[i]->extent == 0;
        r = einc_cost_mul(r, (uint64_t)of[i]->extent);
    }
    return zero ? 0 : r;
}

/* Products with a weight: each element of its operand once. */
static uint64_t
weighings(const struct plan *p, const struct step *s)
{
    if (s->kind != STEP_CONTRACT || s->n_in < 3)
        return 0;
    return einc_cost_elements(p->canon, &p->tensors[s->in[s->weighed]]);
}

void
einc_cost_step(const struct plan *p, struct step *s)
{
    uint64_t each = s->kind == STEP_CONTRACT ? 2
                    : s->kind == STEP_REDUCE ? (uint64_t)s->n_in
                                             : 0;
    s->flop = each ? einc_cost_mul(each, points(s)) : 0;
    s->flop = einc_cost_add(s->flop, weighings(p, s));
    s->read_bytes = 0;
    for (int i = 0; i < s->n_in; i++)
        s->read_bytes =
            einc_cost_add(s->read_bytes, tensor_bytes(p, s->in[i]));
    s->write_bytes = tensor_bytes(p, s->out);
}

/* At most. A compensated sum of n terms has 2 and O(n*u) for all its additions
 * (Higham, Accuracy and Stability, section 4.3), here one sum of sums: 5, and
 * 8*n*u for the rest. */
static double
additions(const struct plan *p, double terms)
{
    enum einc_dtype t = p->graph->compute;
    double u = t == EINC_F32 || t == EINC_C64 ? 0x1p-24 : 0x1p-53;
    double kept = 5 + 8 * terms * u;
    return p->graph->summing.how == EINC_SUM_KAHAN && kept < terms ? kept
                                                                   : terms;
}

/* Each factor of a term goes into a product once on its way to the result,
 * and each product into a sum; so count, along the way, factors (1 + d) with
 * |d| <= u (Higham, Accuracy and Stability, lemma 3.1):
 * - a step adds up `terms` products, in any order: at most `terms` additions,
 *   the one to the initial 0 included;
 *   Sums within sums add up the extents of the loops and some lanes, each 2
 *   or more: no more than their product, which is `terms`;
 * - it makes n_in - 1 products, or as good as n_in - 1: the counts of two
 *   factors add up, hence the sum over all steps and not its maximum. A
 *   complex product is off by at most 2*sqrt(2)*u, less than 3 such factors
 *   (ibid., lemma 3.5);
 * - an input of another type is converted once, the factor of the plan is
 *   rounded and multiplied: 1 and 2;
 * - 1 for alpha. */
double
einc_cost_error_terms(const struct plan *p)
{
    int complex = einc_dtype_info(p->graph->compute)->kind == KIND_COMPLEX;
    double product = complex ? 3 : 1, d = 1 + (p->canon->factor != 1 ? 2 : 0);
    for (int s = 0; s < p->n_steps; s++) {
        const struct step *x = &p->steps[s];
        double terms = x->kind == STEP_COPY ? 0 : (double)x->k.extent;
        d += additions(p, terms) + product * (x->n_in - 1);
    }
    for (int o = 0; o < p->graph->n_in; o++)
        d += p->graph->in[o].dtype != p->graph->compute;
    return d;
}

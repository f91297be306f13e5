/* SPDX-License-Identifier: MIT
 *
 * lower_reduce.c - one streaming pass over one to MAX_STEP_IN tensors: the
 * product at every point, summed over K. Dots, traces, row sums, matrix times
 * vector, element-wise maps, outer products: all that is bound by memory, and
 * products of matrices too small for a register tile.
 */
#include "base/text.h"
#include "plan/cost.h"
#include "plan/lower.h"
#include "plan/order.h"

/* A load or two per multiply and add, no reuse in registers. */
enum { FLOP_PER_POINT = 8 };

static int
applicable(const struct job *j)
{
    return j->draft->n_in <= MAX_STEP_IN;
}

static double
cost(const struct job *j)
{
    return FLOP_PER_POINT * j->space;
}

/* If there is a sum, largest first: its strides order the sum. Else, and
 * then, in canonical order. */
static ORDER_BEFORE(larger)
{
    const struct job *j = key;
    uint64_t x = einc_cost_elements(j->g, &j->plan->tensors[a]);
    uint64_t y = einc_cost_elements(j->g, &j->plan->tensors[b]);
    int n = j->plan->graph->n_in;
    if (x != y && j->draft->summed.n)
        return x > y;
    return (a < n ? j->canon->rank[a] : a) < (b < n ? j->canon->rank[b] : b);
}

static void
lower(struct arena *perm, struct arena scratch, const struct job *j,
      struct step *s)
{
    int *in = NEW(perm, int, j->draft->n_in);
    for (int i = 0; i < j->draft->n_in; i++)
        in[i] = j->draft->in[i];
    order_ints(scratch, in, j->draft->n_in, larger, j);
    s->in = in;
    s->b = einc_lower_group(perm, scratch, j, j->draft->kept, j->out, NULL);
    s->k = einc_lower_group(perm, scratch, j, j->draft->summed,
                            &j->plan->tensors[in[0]],
                            s->n_in > 1 ? &j->plan->tensors[in[1]] : NULL);
}

static void
print(struct text *t, const struct plan *p, const struct step *s)
{
    einc_group_print(t, p, "free", &s->b);
    einc_group_print(t, p, " sum", &s->k);
}

const struct lowering einc_lower_reduce = {
    STEP_REDUCE, "reduce", applicable, cost, lower, print,
};

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

/* The model of the kernel, in the unit of lower_contract.c: an output vector
 * (of 32 bytes) or a single output where its fastest index leaves some over,
 * then one multiply and add per point: bound by loads, from near memory or
 * far, or, for single ones, by the latency of the sum. */
enum {
    VECTOR_BYTES = 32,
    FLOP_PER_VECTOR = 1400,
    FLOP_PER_VECTOR_POINT = 24,
    FLOP_PER_FAR_POINT = 64,
    FLOP_PER_SINGLE = 500,
    FLOP_PER_SINGLE_POINT = 100,
    NEAR_BYTES = 32768
};

static int
applicable(const struct job *j)
{
    return j->draft->n_in <= MAX_STEP_IN;
}

/* Whether a matrix of the batch, or all of it where the lanes are in the
 * batch, is read again and again from far away. */
static int
is_far(const struct job *j, int lane, int bytes)
{
    if (j->draft->n_in != 2)
        return 0;
    struct legs batch = j->roles.of[ROLE_BATCH];
    double apart = einc_lower_holds(batch, lane)
                       ? 1
                       : einc_lower_size(j->g, batch);
    for (int i = 0; i < 2; i++) {
        double size = einc_lower_size(j->g, j->legs[j->draft->in[i]]);
        if (size * bytes > NEAR_BYTES * apart)
            return 1;
    }
    return 0;
}

static double
cost(const struct job *j)
{
    int bytes = einc_dtype_info(j->g->compute)->bytes;
    int lane = einc_lower_lane(j->out, (struct legs){NULL, 0});
    int64_t lanes = VECTOR_BYTES / bytes;
    int64_t length = lane < 0 ? 1 : j->g->indices[lane].extent;
    double points = einc_lower_size(j->g, j->draft->summed);
    double rows = einc_lower_size(j->g, j->draft->kept);
    double vectors = (double)(length / lanes);
    double singles = (double)(length % lanes);
    int per = is_far(j, lane, bytes) ? FLOP_PER_FAR_POINT
                                     : FLOP_PER_VECTOR_POINT;
    double row = vectors * (FLOP_PER_VECTOR + per * points) +
                 singles * (FLOP_PER_SINGLE + FLOP_PER_SINGLE_POINT * points);
    return length > 0 ? einc_cost_size(rows / (double)length, row) : 0;
}

/* Largest first if the sum is over several indices: its strides order them.
 * Else, and then, in canonical order. */
static ORDER_BEFORE(larger)
{
    const struct job *j = key;
    uint64_t x = einc_cost_elements(j->g, &j->plan->tensors[a]);
    uint64_t y = einc_cost_elements(j->g, &j->plan->tensors[b]);
    int n = j->plan->graph->n_in;
    if (x != y && j->draft->summed.n > 1)
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

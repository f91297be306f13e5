/* SPDX-License-Identifier: MIT
 *
 * lower_contract.c - a pair with M, N and K as one GETT: batch, M, N and K
 * groups of any strides, packed while they are read. GEMM, batched GEMM and
 * tensor contractions are this one lowering; what has no M or no N is a
 * stream over memory and stays with reduce. A third operand, with no index
 * that one of the two has not, multiplies that one while it is packed: `k` in
 * `ki,kj,k->ij`.
 */
#include "base/text.h"
#include "plan/cost.h"
#include "plan/lower.h"

/* The model of the kernel, in flop of f32 at 90 Gflop/s (measured, one core):
 * a register tile that small M and N do not fill, elements that are packed
 * and stored one by one, and 400 ns to begin with each matrix of the batch.
 * Where the lanes of the result lie in the batch, each of these elements is a
 * cache line away from the last. With that of lower_reduce.c it is within 2x
 * of products of 4x4 to 512x512 matrices, the batch outside or inside. */
enum {
    TILE_M = 8,
    TILE_N = 16,
    FLOP_PER_MATRIX = 36000,
    FLOP_PER_PACKED = 20,
    FLOP_PER_GATHERED = 80
};

/* Whether the third operand may multiply operand o: packing takes both the
 * same way. */
static int
may_weigh(const struct job *j, int o)
{
    const int *in = j->draft->in;
    struct legs weight = j->legs[in[2]];
    if (j->plan->tensors[in[2]].dtype != j->plan->tensors[in[o]].dtype)
        return 0;
    for (int i = 0; i < weight.n; i++)
        if (!einc_lower_holds(j->legs[in[o]], weight.index[i]))
            return 0;
    return 1;
}

/* Three operands are a contraction only where that is asked for: the last of
 * them is the weight. */
static int
has_operands(const struct job *j)
{
    return j->draft->n_in == 2 ||
           (j->draft->n_in == 3 && j->draft->kind == STEP_CONTRACT &&
            (may_weigh(j, 0) || may_weigh(j, 1)));
}

static int
applicable(const struct job *j)
{
    const struct legs *of = j->roles.of;
    return j->g->summing.how != EINC_SUM_KAHAN && has_operands(j) &&
           of[ROLE_M].n && of[ROLE_N].n && of[ROLE_K].n && !of[ROLE_LONE_LHS].n && !of[ROLE_LONE_RHS].n &&
           j->draft->kept.n == of[ROLE_BATCH].n + of[ROLE_M].n + of[ROLE_N].n;
}

static double
round_up(double x, double to)
{
    double tiles = x / to;
    if (tiles >= 1e15)
        return x;
    double whole = (double)(int64_t)tiles;
    return (whole < tiles ? whole + 1 : whole) * to;
}

/* Whether the lanes of the result are in M as the draft has it. */
static int
swaps(const struct job *j)
{
    const struct legs *of = j->roles.of;
    return einc_lower_holds(of[ROLE_M],
                            einc_lower_lane(j->out, of[ROLE_BATCH]));
}

static double
cost(const struct job *j)
{
    const struct legs *of = j->roles.of, none = {NULL, 0};
    double b = einc_lower_size(j->g, of[ROLE_BATCH]);
    double m = einc_lower_size(j->g, of[ROLE_M]);
    double n = einc_lower_size(j->g, of[ROLE_N]);
    double k = einc_lower_size(j->g, of[ROLE_K]);
    int lane = einc_lower_lane(j->out, none);
    int bytes = einc_dtype_info(j->g->compute)->bytes;
    int far = einc_lower_holds(of[ROLE_BATCH], lane);
    int per = far ? FLOP_PER_GATHERED : FLOP_PER_PACKED;
    if (swaps(j)) {
        double swap = m;
        m = n;
        n = swap;
    }
    double moved = einc_cost_size(m, k) + einc_cost_size(k, n) +
                   einc_cost_size(m, n);
    double tile = einc_cost_size(round_up(m, TILE_M), round_up(n, TILE_N));
    double flop = einc_cost_size(tile, k) * 2 * bytes / (double)sizeof(float);
    return einc_cost_size(b, FLOP_PER_MATRIX + flop + per * moved);
}

/* Swaps the operands so that the lanes of the result are in N. */
static void
lower(struct arena *perm, struct arena scratch, const struct job *j,
      struct step *s)
{
    const struct legs *of = j->roles.of;
    int swap = swaps(j);
    int *in = NEW(perm, int, j->draft->n_in);
    in[0] = j->draft->in[swap];
    in[1] = j->draft->in[!swap];
    for (int o = 2; o < j->draft->n_in; o++)
        in[o] = j->draft->in[o];
    s->in = in;
    s->b = einc_lower_group(perm, scratch, j, of[ROLE_BATCH], j->out, NULL);
    s->m = einc_lower_group(perm, scratch, j, of[swap ? ROLE_N : ROLE_M],
                            j->out, NULL);
    s->n = einc_lower_group(perm, scratch, j, of[swap ? ROLE_M : ROLE_N],
                            j->out, NULL);
    s->k = einc_lower_group(perm, scratch, j, of[ROLE_K],
                            &j->plan->tensors[in[0]],
                            &j->plan->tensors[in[1]]);
    /* of two that it may multiply, the smaller one */
    if (s->n_in == 3)
        s->weighed = !may_weigh(j, swap) ||
                     (may_weigh(j, !swap) && s->n.extent < s->m.extent);
}

static void
print(struct text *t, const struct plan *p, const struct step *s)
{
    einc_group_print(t, p, "batch", &s->b);
    einc_group_print(t, p, " M", &s->m);
    einc_group_print(t, p, " N", &s->n);
    einc_group_print(t, p, " K", &s->k);
}

const struct lowering einc_lower_contract = {
    STEP_CONTRACT, "contract", applicable, cost, lower, print,
};

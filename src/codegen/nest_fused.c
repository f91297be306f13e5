/* SPDX-License-Identifier: MIT
 *
 * nest_fused.c - three and more operands at once, as sums within sums: see
 * plan/nested.h. Each task has a block of values of the free indices; the
 * intermediates that pairwise steps would write stay in its registers.
 */
#include "codegen/family.h"

/* --- the question ------------------------------------------------------- */

static int
is_literal(struct quantity q)
{
    return q.arg < 0;
}

/* Operands are read as vectors of the compute type. */
static int
is_native(const struct nest *w, enum einc_dtype storage)
{
    const struct dtype_info *s = einc_dtype_info(storage);
    const struct dtype_info *c = einc_dtype_info(w->compute);
    int whole = w->compute == EINC_I32 || w->compute == EINC_I64;
    int same = storage == w->compute ||
               (whole && (s->kind == KIND_INT || s->kind == KIND_UINT));
    return same && s->bytes == c->bytes;
}

static int
ask_tensor(const struct nest *w, const struct nest_tensor *t,
           struct nested_tensor *x)
{
    x->holds = 0;
    x->bytes = einc_dtype_info(t->storage)->bytes;
    for (int j = 0; j < w->n_idx; j++) {
        if (!is_literal(t->stride[j]))
            return 0;
        x->stride[j] = t->stride[j].value;
        if (x->stride[j])
            x->holds |= 1u << j;
    }
    return 1;
}

int
einc_fused_sum(const struct nest *w, struct nested_sum *q)
{
    *q = (struct nested_sum){.compute = w->compute,
                             .n_idx = w->n_idx,
                             .n_in = w->n_in};
    if (w->compute == EINC_BOOL || einc_nest_planes(w->compute) == 2 ||
        w->n_idx > NESTED_MAX_IDX || w->n_in < 2 || w->n_in > NESTED_MAX_IN)
        return 0;
    for (int j = 0; j < w->n_idx; j++) {
        if (!is_literal(w->idx[j].extent) || w->idx[j].extent.value < 2)
            return 0;
        q->extent[j] = (double)w->idx[j].extent.value;
        if (w->idx[j].role == LOOP_K)
            q->summed |= 1u << j;
    }
    unsigned held = 0;
    for (int o = 0; o < w->n_in; o++) {
        if (!is_native(w, w->in[o].storage) ||
            !ask_tensor(w, &w->in[o], &q->in[o]))
            return 0;
        held |= q->in[o].holds;
    }
    return ask_tensor(w, &w->out, &q->out) && q->summed &&
           !(q->summed & ~held);
}

static const struct machine *
machine_of(const struct target *t)
{
    const struct machine *m = einc_machine_default(str_of(t->name));
    return m ? m : einc_machine_default(str_of("generic"));
}

/* --- build -------------------------------------------------------------- */

static int
fits(const struct nest *w)
{
    struct nested_sum q;
    return w->step->kind == STEP_REDUCE && w->target->language == LANGUAGE_C &&
           einc_fused_sum(w, &q);
}

/* Two operands are a stream's business: no product is made that another loop
 * could keep. */
static double
cost(const struct nest *w)
{
    const double never = 1e300;
    struct nested_sum q;
    struct nested x;
    if (w->n_in < 3 || !einc_fused_sum(w, &q) ||
        !einc_nested_choose(machine_of(w->target), &q, &x))
        return never;
    return x.seconds;
}

static void
build(struct arena *perm, struct nest *w, enum nest_mode mode)
{
    (void)mode;
    struct nested_sum q;
    struct nested *x = NEW(perm, struct nested, 1);
    einc_fused_sum(w, &q);
    einc_nested_choose(machine_of(w->target), &q, x);
    w->nested = x;
    w->lane = x->lane;
    w->lanes = x->lanes;
    struct nest_node *body = einc_nest_node(perm, NEST_FMA, NULL);
    for (int d = x->n_loops - 1; d >= 0; d--) {
        int ends = d + 1 < x->n_loops &&
                   x->level[x->loop[d]] != x->level[x->loop[d + 1]];
        if (ends) /* of a level: what was summed within is multiplied */
            body = einc_nest_then(einc_nest_node(perm, NEST_ZERO, NULL), body);
        for (struct nest_node *n = body; ends && n; n = n->next)
            if (!n->next) {
                n->next = einc_nest_node(perm, NEST_FMA, NULL);
                break;
            }
        body = einc_nest_node(perm, NEST_LOOP, body);
        body->index = x->loop[d];
    }
    struct nest_node *zero = einc_nest_node(perm, NEST_ZERO, NULL);
    zero->next = einc_nest_then(body, einc_nest_node(perm, NEST_STORE, NULL));
    w->root = einc_nest_node(perm, NEST_TASKS, zero);
}

static int64_t
arguments(const struct nest *w, int threads, int64_t *n, int64_t *s)
{
    const struct nested *x = w->nested;
    (void)threads;
    einc_nest_fill_slots(w, n, s);
    int64_t tasks = 1;
    for (int f = 0; f < x->n_free; f++) {
        int j = x->free[f];
        int step = j == x->lane ? x->vectors * x->lanes : x->copies[j];
        tasks *= einc_nest_blocks(w->idx[j].extent.value, step);
    }
    return tasks;
}

/* --- dump --------------------------------------------------------------- */

static void
print(struct text *t, const struct nest *w)
{
    const struct nested *x = w->nested;
    einc_put(t, "  block");
    if (x->lane >= 0)
        einc_put(t, " %dx%d lanes of %s", x->vectors, x->lanes,
                 w->idx[x->lane].name);
    for (int j = 0; j < w->n_idx; j++)
        if (j != x->lane && x->copies[j] > 1)
            einc_put(t, " %d of %s", x->copies[j], w->idx[j].name);
    einc_put(t, "\n");
}

const struct family einc_family_fused = {
    FAMILY_FUSED, "fused", 1, fits, cost, build, arguments, print,
};

/* SPDX-License-Identifier: MIT
 *
 * nest_stream.c - one pass over any number of operands: maps and sums.
 */
#include "codegen/family.h"

enum { STREAM_LANES_BYTES = 256, MIN_LANE = 4 };

/* --- lanes of a stream -------------------------------------------------- */

/* How well index j runs in lanes: every operand that holds it contiguous (2),
 * some of them (1), none (0). */
static int
lane_grade(const struct nest *w, int j)
{
    int held = 0, unit = 0;
    for (int o = 0; o < w->n_in; o++) {
        held += w->in[o].stride[j].value != 0;
        unit += w->in[o].stride[j].value == 1;
    }
    return held == unit ? 2 : unit > 0;
}

/* A free index that out stores contiguously and all operands load so; else a
 * summed index that all load contiguously; else the best of the rest. */
static int
choose_lane(const struct nest *w)
{
    int best = -1, best_score = -1;
    for (int j = 0; j < w->n_idx; j++) {
        int sum = w->idx[j].role == LOOP_K;
        int score = 4 * lane_grade(w, j) + 2 * !sum;
        if (!sum && w->out.stride[j].value == 1)
            score += 3;
        if (w->idx[j].extent.value < MIN_LANE)
            score -= 16;
        if (score >= best_score) {
            best = j;
            best_score = score;
        }
    }
    return best;
}

/* See nest.inner. */
static int
choose_inner(const struct nest *w)
{
    if (w->lane < 0 || w->idx[w->lane].role == LOOP_K)
        return -1;
    for (int o = 0; o <= w->n_in; o++) {
        const struct nest_tensor *x = o < w->n_in ? &w->in[o] : &w->out;
        for (int j = 0; j < w->first[LOOP_K]; j++)
            if (j != w->lane && x->stride[j].value == 1 &&
                x->stride[w->lane].value != 0)
                return j;
    }
    return -1;
}

/* --- build -------------------------------------------------------------- */

static struct nest_node *
stream_tree(struct arena *perm, const struct nest *w)
{
    struct nest_node *body = einc_nest_node(perm, NEST_FMA, NULL);
    for (int j = w->first[LOOP_K + 1] - 1; j >= w->first[LOOP_K]; j--)
        if (j != w->lane) {
            body = einc_nest_node(perm, NEST_LOOP, body);
            body->index = j;
        }
    struct nest_node *zero = einc_nest_node(perm, NEST_ZERO, NULL);
    zero->next = einc_nest_then(body, einc_nest_node(perm, NEST_STORE, NULL));
    return einc_nest_node(perm, NEST_TASKS, zero);
}

static int
fits(const struct nest *w)
{
    (void)w;
    return 1;
}

/* More than any family made for the step at hand. */
static double
cost(const struct nest *w)
{
    (void)w;
    return 2;
}

static void
build(struct arena *perm, struct nest *w, enum nest_mode mode)
{
    (void)mode;
    if (w->target->language == LANGUAGE_C && w->n_idx) {
        w->lane = choose_lane(w);
        w->lanes = STREAM_LANES_BYTES / einc_nest_bytes(w->compute);
        w->inner = choose_inner(w);
    }
    w->root = stream_tree(perm, w);
}

static int64_t
arguments(const struct nest *w, int threads, int64_t *n, int64_t *s)
{
    (void)threads;
    einc_nest_fill_slots(w, n, s);
    int64_t tasks = 1;
    for (int j = 0; j < w->first[LOOP_K]; j++)
        tasks *= j == w->lane
                     ? einc_nest_blocks(w->idx[j].extent.value, w->lanes)
                     : w->idx[j].extent.value;
    return tasks;
}

static void
print(struct text *t, const struct nest *w)
{
    if (w->lane >= 0)
        einc_put(t, "  lanes %d over %s%s%s\n", w->lanes,
                 w->idx[w->lane].name, w->inner >= 0 ? ", then " : "",
                 w->inner >= 0 ? w->idx[w->inner].name : "");
}

const struct family einc_family_stream = {
    FAMILY_STREAM, "stream", 0, fits, cost, build, arguments, print,
};

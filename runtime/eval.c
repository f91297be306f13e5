/* SPDX-License-Identifier: MIT
 *
 * eval.c - see eval.h. The loops of the statement are cut in positions, of
 * which threads take ranges: no lane block and no reduction is ever cut, so
 * every split gives the same bits. A statement that scatters is run by one
 * thread, in order.
 */
#include "runtime/eval.h"

#include <stdatomic.h>

#include "runtime/eval_code.h"

#define GRAIN 20000.0 /* ns per task, about */

/* At the start of each thread's scratch. */
struct outcome {
    int64_t position; /* where it met the stray; INT64_MAX: nowhere */
    struct stray stray;
};

enum { OUTCOME_BYTES = 64 };

struct run {
    const struct eval_code *code;
    void *const *tensor;
    char *scratch;
    int64_t thread_bytes; /* of scratch per thread */
    int64_t code_bytes;   /* of it before a thread's slots */
    int64_t positions, grain;
    _Atomic int64_t stop; /* positions beyond it do not matter any more */
};

int64_t
einc_eval_scratch(const struct program *p, const struct stmt *s)
{
    return OUTCOME_BYTES + einc_eval_code_bytes(p, s) +
           einc_eval_thread_bytes(p, s);
}

/* How many values of a statement's loop, or blocks of them, there are. */
static int64_t
steps_of(const struct eval_code *c, const struct eval_loop *x)
{
    int64_t extent = x->hi - x->lo;
    return x->lanes ? (extent + c->lanes - 1) / c->lanes : extent;
}

/* Sets loop k to its step i. */
static void
set_loop(struct eval_thread *t, int k, int64_t i)
{
    const struct eval_code *c = t->code;
    const struct eval_loop *x = &c->loops[k];
    t->at[x->index] = x->lo + i * (x->lanes ? c->lanes : 1);
    if (x->lanes) {
        int64_t left = x->hi - t->at[x->index];
        t->n = left < c->lanes ? (int)left : c->lanes;
    }
}

/* Runs what stands in loop k and further in. */
static int
run_from(struct eval_thread *t, int k)
{
    const struct eval_code *c = t->code;
    int stopped = 0;
    for (; k < c->stmt->n_loops && !stopped; k++)
        stopped = einc_eval_block(t, c->loops[k].block);
    return stopped;
}

/* The next position; returns the outermost loop that changed. */
static int
advance(struct eval_thread *t)
{
    const struct eval_code *c = t->code;
    int k = c->stmt->n_loops - 1;
    for (; k > 0; k--) {
        const struct eval_loop *x = &c->loops[k];
        int64_t by = x->lanes ? c->lanes : 1;
        if (x->hi - t->at[x->index] > by) {
            set_loop(t, k, (t->at[x->index] - x->lo) / by + 1);
            return k;
        }
        set_loop(t, k, 0);
    }
    const struct eval_loop *x = &c->loops[0];
    set_loop(t, 0, (t->at[x->index] - x->lo) / (x->lanes ? c->lanes : 1) + 1);
    return 0;
}

/* Positions [begin, end): the blocks outside of them all first. */
static int64_t
run_positions(struct run *r, struct eval_thread *t, int64_t begin,
              int64_t end)
{
    const struct eval_code *c = r->code;
    int64_t rest = begin;
    for (int k = c->stmt->n_loops - 1; k >= 0; k--) {
        int64_t steps = steps_of(c, &c->loops[k]);
        set_loop(t, k, rest % steps);
        rest /= steps;
    }
    if (einc_eval_block(t, 0) || run_from(t, 0))
        return begin;
    for (int64_t at = begin + 1; at < end; at++) {
        if (at > atomic_load_explicit(&r->stop, memory_order_relaxed))
            return INT64_MAX;
        if (run_from(t, advance(t)))
            return at;
    }
    return INT64_MAX;
}

/* Pool function: tasks [begin, end). */
static void
run_tasks(void *user, int worker, int64_t begin, int64_t end)
{
    struct run *r = user;
    char *own = r->scratch + worker * r->thread_bytes;
    struct outcome *out = (void *)own;
    struct eval_thread t;
    int64_t from = begin * r->grain, to = r->positions;
    if (end <= (r->positions - 1) / r->grain)
        to = end * r->grain;
    if (from > atomic_load_explicit(&r->stop, memory_order_relaxed))
        return;
    einc_eval_thread(&t, r->code, r->tensor,
                     own + OUTCOME_BYTES + r->code_bytes);
    int64_t at = run_positions(r, &t, from, to);
    if (at >= out->position)
        return;
    *out = (struct outcome){at, t.stray};
    int64_t stop = atomic_load_explicit(&r->stop, memory_order_relaxed);
    while (at < stop &&
           !atomic_compare_exchange_weak_explicit(&r->stop, &stop, at,
                                                  memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

int
einc_eval_run(const struct program *p, const struct stmt *s,
              int64_t places, void *const tensor[], char *scratch,
              struct pool *pool, int threads, struct stray *stray)
{
    struct run r = {.tensor = tensor, .scratch = scratch, .positions = 1};
    *stray = (struct stray){0, 0};
    for (int k = 0; k < s->n_loops; k++)
        if (p->indices[s->loops[k]].hi <= p->indices[s->loops[k]].lo)
            return 0;
    r.code_bytes = einc_eval_code_bytes(p, s);
    r.thread_bytes = einc_eval_scratch(p, s);
    r.code = einc_eval_build(p, s, scratch + OUTCOME_BYTES);
    if (s->places)
        r.code->loops[0].hi = places;
    for (int k = 0; k < s->n_loops; k++)
        r.positions *= steps_of(r.code, &r.code->loops[k]);
    double each = r.code->cost / (double)r.positions;
    r.grain = each < GRAIN ? (int64_t)(GRAIN / (each + 1)) + 1 : 1;
    int64_t tasks = (r.positions - 1) / r.grain + 1;
    atomic_init(&r.stop, INT64_MAX);
    for (int i = 0; i < threads; i++)
        ((struct outcome *)(void *)(scratch + i * r.thread_bytes))->position =
            INT64_MAX;
    if (pool && threads > 1 && tasks > 1 && !s->scatters)
        einc_pool_run(pool, threads, tasks, run_tasks, &r);
    else
        run_tasks(&r, 0, 0, tasks);
    int64_t first = INT64_MAX;
    for (int i = 0; i < threads; i++) {
        const struct outcome *o =
            (const void *)(scratch + i * r.thread_bytes);
        if (o->position < first) {
            first = o->position;
            *stray = o->stray;
        }
    }
    return first < INT64_MAX;
}

/* SPDX-License-Identifier: MIT
 *
 * bench.c - einc.h implemented: a plan run many times, step by step beside
 * what the model says.
 */
#include <time.h>

#include "ctx.h"
#include "plan/lower.h"
#include "plan/model.h"

/* --- one round ---------------------------------------------------------- */

enum { LEAST_ROUNDS = 5, MOST_ROUNDS = 1000, MOST_REPEATS = 10000 };
#define ROUND_SECONDS 100e-6 /* shorter ones are repeated */
#define ALL_SECONDS 0.5      /* of rounds, where nobody says how many */

struct bench {
    const struct einc_plan *plan;
    const void *const *in;
    void *const *out;
    struct einc_run_options opts;
    int n_steps, repeats, rounds; /* a program's steps are its stages */
    double *seconds; /* [n_steps + 1][MOST_ROUNDS], the whole plan last */
    double *sums;    /* [n_steps] of one round */
};

static double
now(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static enum einc_status
run_timed(const struct bench *b, double *seconds, struct einc_err **err)
{
    return b->plan->script
               ? einc_program_run(b->plan, b->in, b->out, &b->opts, seconds,
                                  err)
               : einc_run_timed(b->plan, b->in, b->out[0], &b->opts, seconds,
                                err);
}

/* Once as everybody runs it, once with a clock between the steps, taking
 * turns so that both see the same moments of the machine. */
static enum einc_status
run_round(struct bench *b, int round, struct einc_err **err)
{
    double begin = now();
    for (int i = 0; i < b->repeats; i++) {
        enum einc_status status =
            einc_run_outs(b->plan, b->in, b->out, &b->opts, err);
        if (status != EINC_OK)
            return status;
    }
    b->seconds[b->n_steps * MOST_ROUNDS + round] =
        (now() - begin) / b->repeats;
    memset(b->sums, 0, (size_t)b->n_steps * sizeof *b->sums);
    for (int i = 0; i < b->repeats; i++) {
        enum einc_status status = run_timed(b, b->sums, err);
        if (status != EINC_OK)
            return status;
    }
    for (int s = 0; s < b->n_steps; s++)
        b->seconds[s * MOST_ROUNDS + round] = b->sums[s] / b->repeats;
    return EINC_OK;
}

/* Warms up, and finds how many repeats make a round. */
static enum einc_status
warm_up(struct bench *b, struct einc_err **err)
{
    enum einc_status status =
        einc_run_outs(b->plan, b->in, b->out, &b->opts, err);
    double begin = now();
    if (status == EINC_OK)
        status = einc_run_outs(b->plan, b->in, b->out, &b->opts, err);
    double repeats = ROUND_SECONDS / (now() - begin + 1e-9);
    b->repeats = repeats > MOST_REPEATS ? MOST_REPEATS
                 : repeats < 1          ? 1
                                        : (int)repeats;
    return status;
}

static enum einc_status
run_rounds(struct bench *b, int asked, struct einc_err **err)
{
    int most = asked ? asked : MOST_ROUNDS;
    double begin = now();
    enum einc_status status = warm_up(b, err);
    while (status == EINC_OK && b->rounds < most &&
           (asked || b->rounds < LEAST_ROUNDS ||
            now() - begin < ALL_SECONDS))
        status = run_round(b, b->rounds++, err);
    return status;
}

/* --- what came out ------------------------------------------------------ */

struct report {
    const struct bench *b;
    int threads;
    struct einc_bench_row *rows; /* [n_steps + 1], in perm */
};

/* Shell sort by Ciura's gaps (2001): a thousand numbers, no recursion. */
static void
sort(double *v, int n)
{
    static const int gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++)
        for (int i = gaps[g]; i < n; i++) {
            double x = v[i];
            int j = i;
            for (; j >= gaps[g] && v[j - gaps[g]] > x; j -= gaps[g])
                v[j] = v[j - gaps[g]];
            v[j] = x;
        }
}

static void
fill_times(const struct bench *b, struct einc_bench_row *row, int at)
{
    double *v = b->seconds + (size_t)at * MOST_ROUNDS;
    sort(v, b->rounds);
    row->size = sizeof *row;
    row->rounds = b->rounds;
    row->seconds = v[b->rounds / 2];
    row->low = v[b->rounds / 4];
    row->high = v[b->rounds - 1 - b->rounds / 4];
}

static double
bytes_of(uint64_t read, uint64_t written)
{
    return (double)read + (double)written;
}

/* The family of kernels that runs a step of an einsum: "gett", "direct
 * literal". A built-in kernel is one for all shapes. */
static const char *
kernel_of(struct arena *perm, const struct einc_plan *x, int step)
{
    enum einc_tier tier = einc_plan_tier(x);
    struct text t = {.perm = perm};
    if (tier == EINC_TIER_INTERP)
        return "";
    const struct nest *w =
        einc_nest_build(perm, *perm, x->plan, step, x->ctx->target,
                        tier == EINC_TIER_CC ? NEST_BEST : NEST_GENERIC,
                        x->family);
    einc_put(&t, "%s%s", einc_nest_family_name(w->family),
             w->mode == NEST_LITERAL ? " literal" : "");
    return einc_text_z(&t);
}

static void
fill_step(struct arena *perm, const struct report *r, int step)
{
    const struct einc_plan *x = r->b->plan;
    const struct step *s = &x->plan->steps[step];
    struct text t = {.perm = perm};
    einc_plan_print_equation(&t, x->plan, step);
    r->rows[step] = (struct einc_bench_row){
        .step = step + 1,
        .tier = (int32_t)einc_plan_tier(x),
        .threads = r->threads,
        .kind = einc_lowering_of(s->kind)->name,
        .kernel = kernel_of(perm, x, step),
        .equation = einc_text_z(&t),
        .machine = x->ctx->machine.name,
        .flop = (double)s->flop,
        .bytes = bytes_of(s->read_bytes, s->write_bytes),
        .model_seconds =
            einc_model_step(&x->ctx->machine, x->plan, step, r->threads)};
    fill_times(r->b, &r->rows[step], step);
}

/* Of an einsum the kernel of its one step, or how many steps it has. */
static const char *
stage_kernel(struct arena *perm, const struct einc_plan *x, int s)
{
    const struct einc_plan *own = x->stages[s].plan;
    struct text t = {.perm = perm};
    if (!own)
        return einc_plan_call(x, s) ? "mapreduce" : "";
    if (own->plan->n_steps == 1)
        return kernel_of(perm, own, 0);
    einc_put(&t, "%d steps", own->plan->n_steps);
    return einc_text_z(&t);
}

static enum einc_tier
stage_tier(const struct einc_plan *x, int s)
{
    const struct einc_plan *own = x->stages[s].plan;
    return own                    ? einc_plan_tier(own)
           : einc_plan_call(x, s) ? EINC_TIER_CC
                                  : EINC_TIER_INTERP;
}

static void
fill_stage(struct arena *perm, const struct report *r, int s)
{
    const struct einc_plan *x = r->b->plan;
    const struct program *p = x->script->program;
    const struct stage *g = &x->script->stages[s];
    struct text t = {.perm = perm};
    einc_resolve_print_stmt(&t, p, &p->stmts[g->stmt]);
    r->rows[s] = (struct einc_bench_row){
        .step = s + 1,
        .tier = (int32_t)stage_tier(x, s),
        .threads = r->threads,
        .kind = g->kind == STAGE_CONTRACT ? "contract" : "loops",
        .kernel = stage_kernel(perm, x, s),
        .equation = einc_text_z(&t),
        .machine = x->ctx->machine.name,
        .flop = einc_program_flop(x, s),
        .bytes = einc_program_bytes(x, s),
        .model_seconds = einc_program_model(x, s, r->threads)};
    fill_times(r->b, &r->rows[s], s);
}

/* The row behind those of the steps. */
static void
fill_whole(struct arena *perm, const struct report *r, struct str source,
           double flop, double bytes, double model_seconds)
{
    const struct einc_plan *x = r->b->plan;
    int n = r->b->n_steps;
    struct text t = {.perm = perm};
    einc_put_str(&t, source);
    r->rows[n] = (struct einc_bench_row){
        .tier = (int32_t)einc_plan_tier(x),
        .threads = r->threads,
        .kind = "plan",
        .kernel = "",
        .equation = einc_text_z(&t),
        .machine = x->ctx->machine.name,
        .flop = flop,
        .bytes = bytes,
        .model_seconds = model_seconds};
    fill_times(r->b, &r->rows[n], n);
}

static void
fill_rows(struct guarded *g, void *arg)
{
    struct report *r = arg;
    const struct einc_plan *x = r->b->plan;
    const struct plan *p = x->plan;
    struct arena *perm = &g->perm;
    r->rows = NEW(perm, struct einc_bench_row, r->b->n_steps + 1);
    for (int s = 0; s < r->b->n_steps; s++)
        (x->script ? fill_stage : fill_step)(perm, r, s);
    if (x->script)
        fill_whole(perm, r, g->source, einc_program_flop(x, -1),
                   einc_program_bytes(x, -1),
                   einc_program_model(x, -1, r->threads));
    else
        fill_whole(perm, r, g->source, (double)p->flop,
                   bytes_of(p->read_bytes, p->write_bytes),
                   einc_model_plan(&x->ctx->machine, p, r->threads));
}

/* --- the call ----------------------------------------------------------- */

static int
threads_of(const struct bench *b)
{
    int most = b->plan->ctx->threads, asked = b->opts.threads;
    return asked > 0 && asked < most ? asked : most;
}

static enum einc_status
measure(struct bench *b, int rounds, einc_bench_fn each, void *user,
        struct einc_err **err)
{
    const struct einc_plan *x = b->plan;
    struct report r = {.b = b, .threads = threads_of(b)};
    enum einc_status status = run_rounds(b, rounds, err);
    if (status != EINC_OK)
        return status;
    struct guarded g = {.ctx = x->ctx,
                        .source = x->script ? x->script->program->source
                                            : x->plan->graph->source,
                        .hint_bytes = 8 * x->block_bytes};
    status = einc_guard(&g, fill_rows, &r, err);
    if (status != EINC_OK)
        return status;
    for (int s = 0; s <= b->n_steps && status == EINC_OK; s++)
        if (each(user, &r.rows[s]))
            status = einc_err_set(&x->ctx->mem, err, EINC_EINVAL,
                                  "the receiver of rows stopped");
    einc_guard_free(&g, 0);
    einc_guard_free(&g, 1);
    return status;
}

enum einc_status
einc_bench_outs(const struct einc_plan *plan, const void *const in[],
                void *const out[], const struct einc_run_options *opts,
                int32_t rounds, einc_bench_fn each, void *user,
                struct einc_err **err)
{
    if (err)
        *err = NULL;
    if (!plan || !out || !each || rounds < 0 || rounds > MOST_ROUNDS)
        return einc_err_set(&einc_mem_default, err, EINC_EINVAL,
                            !plan   ? "plan is NULL"
                            : !out  ? "out is NULL"
                            : !each ? "each is NULL"
                                    : "rounds is not 0 to 1000");
    struct bench b = {.plan = plan, .in = in, .out = out,
                      .n_steps = plan->script ? plan->script->n_stages
                                              : plan->plan->n_steps};
    if (!einc_take_struct(&b.opts, sizeof b.opts, opts))
        return einc_err_set(&plan->ctx->mem, err, EINC_EINVAL,
                            "size of the einc_run_options is not set");
    if (b.opts.place != EINC_PLACE_HOST)
        return einc_err_set(&plan->ctx->mem, err, EINC_EUNSUP,
                            "steps are timed on the CPU only as yet");
    b.opts.size = sizeof b.opts;
    const struct mem *m = &plan->ctx->mem;
    size_t numbers = (size_t)(b.n_steps + 1) * (MOST_ROUNDS + 1);
    b.seconds = mem_alloc(m, numbers * sizeof *b.seconds);
    if (!b.seconds)
        return einc_err_set(m, err, EINC_ENOMEM, "out of memory");
    b.sums = b.seconds + (size_t)(b.n_steps + 1) * MOST_ROUNDS;
    enum einc_status status = measure(&b, rounds, each, user, err);
    mem_free(m, b.seconds, numbers * sizeof *b.seconds);
    return status;
}

enum einc_status
einc_bench(const struct einc_plan *plan, const void *const in[], void *out,
           const struct einc_run_options *opts, int32_t rounds,
           einc_bench_fn each, void *user, struct einc_err **err)
{
    if (einc_plan_outs(plan) > 1) {
        if (err)
            *err = NULL;
        return einc_err_set(&plan->ctx->mem, err, EINC_EINVAL,
                            "the program has %zu outputs: einc_bench_outs()",
                            einc_plan_outs(plan));
    }
    return einc_bench_outs(plan, in, &out, opts, rounds, each, user, err);
}

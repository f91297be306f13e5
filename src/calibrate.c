/* SPDX-License-Identifier: MIT
 *
 * calibrate.c - einc.h implemented: the table of this machine, read at the
 * birth of a context, measured on demand: the machine with loops of our own,
 * what kernels make of it with kernels that this context has.
 */
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "ctx.h"
#include "plan/model.h"
#include "runtime/machine_file.h"
#include "runtime/measure.h"

/* --- which table -------------------------------------------------------- */

static const struct machine *
shipped_for(const struct einc_ctx *ctx)
{
    const struct machine *m = einc_machine_default(str_of(ctx->target->name));
    return m ? m : einc_machine_default(str_of("generic"));
}

static void
take_shipped(struct einc_ctx *ctx, const char *name)
{
    const struct machine *m = einc_machine_default(str_of(name));
    if (m)
        ctx->machine = *m;
    else if (*name)
        einc_ctx_log(ctx, "EINC_MACHINE: no table of that name is shipped: "
                          "default: avx512 avx2 neon sse2 generic");
}

static void
take_file(struct einc_ctx *ctx, const struct machine_place *place)
{
    struct machine m;
    struct trouble why = {0};
    int missing;
    if (einc_machine_load(place->path, &m, &missing, &why) != EINC_OK) {
        if (place->named || !missing)
            einc_ctx_log(ctx, "%s; costs are modelled with the shipped '%s'",
                         why.text, ctx->machine.name);
        return;
    }
    /* EINC_ISA may ask for code that is narrower than what was measured. */
    if (!place->named && m.vector_bytes != ctx->machine.vector_bytes)
        return;
    ctx->machine = m;
    snprintf(ctx->machine_file, sizeof ctx->machine_file, "%.*s",
             (int)sizeof ctx->machine_file - 1, place->path);
}

void
einc_ctx_read_machine(struct einc_ctx *ctx)
{
    struct machine_place place;
    ctx->machine = *shipped_for(ctx);
    einc_machine_find(NULL, &place);
    if (place.shipped)
        take_shipped(ctx, place.shipped);
    else if (place.path[0])
        take_file(ctx, &place);
}

/* --- what kernels reach ------------------------------------------------- */

/* A class of shapes and the percentage of it; a plan that stands for it. */
struct class {
    const char *expr;
    size_t n_in;
    int64_t shape[2][2];
    int n_dims;
    size_t percent; /* offset in struct machine */
};

static const struct class classes[] = {
    {"ij,jk->ik", 2, {{512, 512}, {512, 512}}, 2,
     offsetof(struct machine, packed_percent)},
    {"ij,jk->ik", 2, {{64, 64}, {64, 64}}, 2,
     offsetof(struct machine, direct_percent)},
    {"ij->i", 1, {{4096, 4096}}, 2, offsetof(struct machine, stream_percent)},
    {"i,j->ij", 2, {{4096}, {4096}}, 1,
     offsetof(struct machine, fill_percent)},
    {"ij->ji", 1, {{4096, 4096}}, 2,
     offsetof(struct machine, turned_percent)},
};

enum { MOST_ELEMENTS = 4096 * 4096 };

/* Seconds of a run by one thread, the least of some. */
static double
time_plan(const struct einc_plan *plan, const float *in, float *out)
{
    enum { RUNS = 9 };
    const void *const data[] = {in, in};
    const struct einc_run_options o = {.size = sizeof o, .threads = 1};
    double least = 0;
    for (int r = 0; r < RUNS; r++) {
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        if (einc_run(plan, data, out, &o, NULL) != EINC_OK)
            return 0;
        clock_gettime(CLOCK_MONOTONIC, &b);
        double t = (double)(b.tv_sec - a.tv_sec) +
                   1e-9 * (double)(b.tv_nsec - a.tv_nsec);
        if (r == 0 || t < least)
            least = t;
    }
    return least;
}

/* The smallest percentage with which the model is not slower than that; no
 * less than a third of the shipped one: below, something else was going on. */
static void
fit(struct machine *m, const struct class *c, const struct einc_plan *plan,
    double seconds)
{
    int64_t *percent = (int64_t *)(void *)((char *)m + c->percent);
    int64_t low = *percent / 3, high = 150;
    while (low < high) {
        *percent = low + (high - low) / 2;
        if (einc_model_plan(m, plan->plan, 1) <= seconds)
            high = *percent;
        else
            low = *percent + 1;
    }
    *percent = high;
}

/* Classes that this context has a kernel for, or compiles one for; the others
 * keep what is shipped. */
static void
fit_classes(struct einc_ctx *ctx, struct machine *m, const float *in,
            float *out)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        const struct class *c = &classes[i];
        struct einc_layout l[2];
        struct einc_plan *plan;
        for (size_t o = 0; o < c->n_in; o++)
            l[o] = (struct einc_layout)EINC_LAYOUT(EINC_F32, c->n_dims,
                                                   c->shape[o]);
        if (einc_compile(ctx, c->expr, c->n_in, l, NULL, NULL, &plan, NULL))
            continue;
        double t = einc_plan_tier(plan) == EINC_TIER_INTERP
                       ? 0
                       : time_plan(plan, in, out);
        if (t > 0)
            fit(m, c, plan, t);
        einc_plan_free(plan);
    }
}

static void
measure_classes(struct einc_ctx *ctx, struct machine *m)
{
    const size_t bytes = 2 * (size_t)MOST_ELEMENTS * sizeof(float) + 64;
    char *p = mem_alloc(&ctx->mem, bytes);
    if (!p)
        return;
    memset(p, 0, bytes);
    float *in = (float *)(void *)(p + ((uintptr_t)0 - (uintptr_t)p) % 64);
    fit_classes(ctx, m, in, in + MOST_ELEMENTS);
    mem_free(&ctx->mem, p, bytes);
}

/* --- calibration -------------------------------------------------------- */

struct calibration {
    const struct machine *machine;
    struct text text; /* in perm */
};

static void
print_guarded(struct guarded *g, void *arg)
{
    struct calibration *c = arg;
    c->text = (struct text){.perm = &g->perm};
    einc_machine_print(&c->text, c->machine);
}

/* Stores the text, and hands it on with a line that says where. */
static enum einc_status
deliver(struct einc_ctx *ctx, const struct calibration *c,
        const struct machine_place *place, einc_write_fn write, void *user,
        struct einc_err **err)
{
    struct trouble why = {0};
    char line[MACHINE_PATH_MAX + 32];
    int stop = write && write(user, c->text.p, (size_t)c->text.n);
    if (place && einc_machine_store(place, c->text.p, (size_t)c->text.n,
                                    &why) != EINC_OK)
        return einc_err_set(&ctx->mem, err, why.status, "%s", why.text);
    snprintf(line, sizeof line, "# written to %s\n",
             place ? place->path : "");
    if (place && write && !stop)
        stop = write(user, line, strlen(line));
    return stop ? einc_err_set(&ctx->mem, err, EINC_EINVAL,
                               "the writer stopped")
                : EINC_OK;
}

/* Measures, prints, delivers. */
static enum einc_status
calibrate(struct einc_ctx *ctx, const struct machine_place *place,
          einc_write_fn write, void *user, struct einc_err **err)
{
    struct machine m = *shipped_for(ctx);
    struct calibration c = {.machine = &m};
    struct guarded g = {.ctx = ctx, .source = {"", 0}};
    enum einc_status status = einc_measure(&m, &ctx->mem, ctx->pool);
    if (status != EINC_OK)
        return einc_err_set(&ctx->mem, err, status, "out of memory: 64 MiB "
                                                    "are needed to measure");
    measure_classes(ctx, &m);
    snprintf(m.name, sizeof m.name, "measured-%.20s",
             shipped_for(ctx)->name);
    status = einc_guard(&g, print_guarded, &c, err);
    if (status != EINC_OK)
        return status;
    status = deliver(ctx, &c, place, write, user, err);
    einc_guard_free(&g, 0);
    einc_guard_free(&g, 1);
    return status;
}

enum einc_status
einc_calibrate(struct einc_ctx *ctx, const char *file, einc_write_fn write,
               void *user, struct einc_err **err)
{
    if (err)
        *err = NULL;
    ctx = ctx ? ctx : einc_ctx_default();
    if (!ctx)
        return einc_err_set(&einc_mem_default, err, EINC_ENOMEM,
                            "out of memory");
    struct machine_place place;
    struct trouble why = {0};
    int keep = !file || *file;
    einc_machine_find(file, &place);
    if (keep && einc_machine_may_store(&place, &why) != EINC_OK)
        return einc_err_set(&ctx->mem, err, why.status, "%s", why.text);
    return calibrate(ctx, keep ? &place : NULL, write, user, err);
}

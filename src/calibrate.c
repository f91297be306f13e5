/* SPDX-License-Identifier: MIT
 *
 * calibrate.c - einc.h implemented: the table of this machine, read at the
 * birth of a context, measured on demand.
 */
#include <stdio.h>

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

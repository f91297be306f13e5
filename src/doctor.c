/* SPDX-License-Identifier: MIT
 *
 * doctor.c - einc.h implemented: what was found on this machine.
 */
#include <stdio.h>

#include "device.h"

struct report {
    einc_write_fn write;
    void *user;
    int stopped;
};

static void say(struct report *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
say(struct report *r, const char *fmt, ...)
{
    char line[9000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (!r->stopped)
        r->stopped = r->write(r->user, line, strlen(line)) != 0;
}

static void
say_device(struct report *r, const struct device *d)
{
    if (d->no_nvrtc.status)
        say(r, "%-12s none: %s\n%-12s CUDA text is written, not compiled\n",
            "nvrtc", d->no_nvrtc.text, "");
    else
        say(r, "%-12s %d.%d, %s\n", "nvrtc", d->nvrtc.major, d->nvrtc.minor,
            d->nvrtc.library.name);
    if (d->no_gpu.status)
        say(r, "%-12s none: %s\n", "gpu", d->no_gpu.text);
    else
        say(r, "%-12s %s, %s, %d processors, %.1f GiB, driver %d.%d\n", "gpu",
            d->gpu.name, d->gpu.arch, d->gpu.n_processors,
            (double)d->gpu.memory_bytes / (1 << 30), d->gpu.version / 1000,
            d->gpu.version % 1000 / 10);
}

/* The sets that this library has kernels for, the one in use first. */
static void
say_builtin(struct report *r, const struct einc_ctx *ctx)
{
    if (!einc_builtin_sets[0].target)
        say(r, "%-12s none\n", "built-in");
    else if (!ctx->builtin->n)
        say(r, "%-12s none for %s\n", "built-in", ctx->target->name);
    else
        say(r, "%-12s %d kernels for %s\n", "built-in", ctx->builtin->n,
            ctx->target->name);
    for (const struct builtin_set *s = einc_builtin_sets; s->target; s++)
        if (s != ctx->builtin)
            say(r, "%-12s %d for %s, not used\n", "", s->n, s->target);
}

static void
say_compiler(struct report *r, const struct einc_ctx *ctx)
{
    if (ctx->cc)
        say(r, "%-12s %s (%s)\n", "compiler", ctx->cc->path,
            ctx->cc->is_clang ? "clang" : "gcc or alike");
    else
        say(r, "%-12s none: %s\n%-12s what is not built in is interpreted; "
               "install gcc or set EINC_CC\n", "compiler", ctx->cc_why.text, "");
}

static void
say_cache(struct report *r, struct einc_ctx *ctx)
{
    if (!ctx->cache) {
        say(r, "%-12s off: %s\n%-12s every process compiles anew; set "
               "EINC_CACHE_DIR to a directory of your own\n", "cache",
            ctx->cache_why.text, "");
        return;
    }
    int64_t entries, bytes;
    einc_cache_count(ctx->cache, &entries, &bytes);
    say(r, "%-12s %s, %lld kernels, %lld bytes\n", "cache",
        einc_cache_path(ctx->cache), (long long)entries, (long long)bytes);
}

static void
say_machine(struct report *r, const struct einc_ctx *ctx)
{
    say(r, "%-12s %s, %s\n", "machine", ctx->machine.name,
        ctx->machine_file[0] ? ctx->machine_file
                             : "shipped; `einc doctor --calibrate` measures "
                               "this one");
}

enum einc_status
einc_doctor(struct einc_ctx *ctx, einc_write_fn write, void *user)
{
    struct report r = {write, user, 0};
    struct device *device;
    if (!write)
        return EINC_EINVAL;
    ctx = ctx ? ctx : einc_ctx_default();
    if (!ctx || einc_ctx_look(ctx) != EINC_OK)
        return EINC_ENOMEM;
    say(&r, "%-12s %s, ABI %d, kernel ABI %d\n", "einc", EINC_VERSION,
        EINC_ABI, UNIT_ABI);
    say(&r, "%-12s %s\n", "isa", ctx->target->name);
    say(&r, "%-12s %d\n", "threads", ctx->threads);
    say_machine(&r, ctx);
    say_builtin(&r, ctx);
    say_compiler(&r, ctx);
    say_cache(&r, ctx);
    einc_device_get(ctx, &device, NULL);
    if (!device)
        return EINC_ENOMEM;
    say_device(&r, device);
    pthread_mutex_lock(&ctx->lock);
    struct trouble last = ctx->last_failure;
    pthread_mutex_unlock(&ctx->lock);
    if (last.status)
        say(&r, "%-12s %s\n", "last failure", last.text);
    return r.stopped ? EINC_EINVAL : EINC_OK;
}

/* SPDX-License-Identifier: MIT
 *
 * device.c - the GPU of a context, and kernels from CUDA text.
 */
#include "device.h"

#include <stdio.h>

#include "base/hash.h"

/* --- the device ---------------------------------------------------------- */

static struct device *
published(struct einc_ctx *ctx)
{
    pthread_mutex_lock(&ctx->lock);
    struct device *d = ctx->device;
    pthread_mutex_unlock(&ctx->lock);
    return d;
}

/* Starting a driver takes a second: under ctx->compile_lock, so that nobody
 * who needs ctx->lock, a fork among them, waits for it. */
static struct device *
look(struct einc_ctx *ctx)
{
    struct device *d = published(ctx);
    if (d)
        return d;
    d = mem_alloc(&ctx->mem, sizeof *d);
    if (!d)
        return NULL;
    memset(d, 0, sizeof *d);
    einc_nvrtc_open(&d->nvrtc, &d->no_nvrtc);
    einc_gpu_open(&d->gpu, &d->no_gpu);
    pthread_mutex_lock(&ctx->lock);
    ctx->device = d;
    pthread_mutex_unlock(&ctx->lock);
    return d;
}

enum einc_status
einc_device_get(struct einc_ctx *ctx, struct device **d, struct trouble *why)
{
    if (!(*d = published(ctx))) {
        pthread_mutex_lock(&ctx->compile_lock);
        *d = look(ctx);
        pthread_mutex_unlock(&ctx->compile_lock);
    }
    if (!*d)
        return einc_trouble(why, EINC_ENOMEM, "out of memory");
    const struct trouble *missing = (*d)->no_gpu.status ? &(*d)->no_gpu
                                                        : &(*d)->no_nvrtc;
    if (missing->status && why)
        *why = *missing;
    return missing->status;
}

void
einc_device_close(struct einc_ctx *ctx)
{
    struct device *d = ctx->device;
    struct gpu_visit visit;
    if (!d)
        return;
    int inside = !d->no_gpu.status &&
                 einc_gpu_enter(&d->gpu, &visit, NULL) == EINC_OK;
    for (struct device_kernel *k = d->kernels, *next; k; k = next) {
        next = k->next;
        if (inside)
            einc_gpu_unload(&d->gpu, k->module);
        mem_free(&ctx->mem, k->source, (size_t)k->source_bytes);
        mem_free(&ctx->mem, k, sizeof *k);
    }
    if (inside)
        einc_gpu_leave(&d->gpu, &visit);
    einc_gpu_close(&d->gpu);
    mem_free(&ctx->mem, d, sizeof *d);
    ctx->device = NULL;
}

/* --- kernels ------------------------------------------------------------- */

static struct device_kernel *
find(const struct device *d, const struct unit *u, uint64_t hash)
{
    struct device_kernel *k = d->kernels;
    while (k && (k->hash != hash || k->source_bytes != u->source_bytes ||
                 memcmp(k->source, u->source, (size_t)u->source_bytes) != 0))
        k = k->next;
    return k;
}

static struct cache_key
key_of(const struct device *d, const struct unit *u)
{
    char compiler[64];
    snprintf(compiler, sizeof compiler, "NVRTC %d.%d", d->nvrtc.major,
             d->nvrtc.minor);
    const char *const parts[] = {EINC_VERSION, compiler, d->gpu.arch,
                                 u->source};
    return einc_cache_key(parts, sizeof parts / sizeof parts[0]);
}

/* Keeps a loaded kernel with its text. */
static enum einc_status
keep(struct einc_ctx *ctx, struct device *d, const struct unit *u,
     struct device_kernel *loaded, struct trouble *why)
{
    struct device_kernel *k = mem_alloc(&ctx->mem, sizeof *k);
    char *copy = mem_alloc(&ctx->mem, (size_t)u->source_bytes);
    if (!k || !copy) {
        mem_free(&ctx->mem, k, sizeof *k);
        mem_free(&ctx->mem, copy, (size_t)u->source_bytes);
        return einc_trouble(why, EINC_ENOMEM, "out of memory");
    }
    memcpy(copy, u->source, (size_t)u->source_bytes);
    *k = *loaded;
    k->source = copy;
    k->source_bytes = u->source_bytes;
    k->next = d->kernels;
    d->kernels = k;
    return EINC_OK;
}

static enum einc_status
load(struct einc_ctx *ctx, struct device *d, const struct unit *u,
     uint64_t hash, const void *cubin, void **kernel, struct trouble *why)
{
    struct device_kernel k = {.hash = hash};
    enum einc_status status = einc_gpu_load(&d->gpu, cubin, u->entry,
                                            u->shared_bytes, &k.module,
                                            &k.kernel, why);
    if (status != EINC_OK)
        return status;
    status = keep(ctx, d, u, &k, why);
    if (status != EINC_OK)
        einc_gpu_unload(&d->gpu, k.module);
    else
        *kernel = k.kernel;
    return status;
}

/* An entry that the driver refuses, one of another driver's time perhaps, is
 * a miss. */
static enum einc_status
from_disk(struct einc_ctx *ctx, struct device *d, const struct unit *u,
          uint64_t hash, const struct cache_key *key, void **kernel)
{
    void *cubin;
    size_t n_bytes;
    if (einc_cache_load(ctx->cache, key, &cubin, &n_bytes) != EINC_OK)
        return EINC_ECACHE;
    enum einc_status status = load(ctx, d, u, hash, cubin, kernel, NULL);
    mem_free(&ctx->mem, cubin, n_bytes);
    return status == EINC_OK || status == EINC_ENOMEM ? status : EINC_ECACHE;
}

static enum einc_status
from_compiler(struct einc_ctx *ctx, struct device *d, const struct unit *u,
              uint64_t hash, const struct cache_key *key, int store,
              void **kernel, struct trouble *why)
{
    void *cubin;
    size_t n_bytes;
    struct trouble note = {0};
    enum einc_status status =
        einc_nvrtc_compile(&d->nvrtc, &ctx->mem, u->source, d->gpu.arch,
                           &cubin, &n_bytes, why);
    if (status != EINC_OK)
        return status;
    status = load(ctx, d, u, hash, cubin, kernel, why);
    if (status == EINC_OK && store &&
        einc_cache_store(ctx->cache, key, u->source, cubin, n_bytes, &note))
        einc_ctx_log(ctx, "kernel not cached: %s", note.text);
    mem_free(&ctx->mem, cubin, n_bytes);
    return status;
}

/* Under ctx->compile_lock. */
static enum einc_status
get(struct einc_ctx *ctx, struct device *d, const struct unit *u,
    int use_disk, void **kernel, struct trouble *why)
{
    uint64_t hash = hash_bytes(u->source, u->source_bytes);
    const struct device_kernel *known = find(d, u, hash);
    if (known) {
        *kernel = known->kernel;
        return EINC_OK;
    }
    struct cache_key key = key_of(d, u);
    use_disk = use_disk && ctx->cache;
    enum einc_status status =
        use_disk ? from_disk(ctx, d, u, hash, &key, kernel) : EINC_ECACHE;
    return status == EINC_ECACHE ? from_compiler(ctx, d, u, hash, &key,
                                                 use_disk, kernel, why)
                                 : status;
}

enum einc_status
einc_device_kernel(struct einc_ctx *ctx, struct device *d,
                   const struct unit *u, int use_disk, void **kernel,
                   struct trouble *why)
{
    if (einc_ctx_look(ctx) != EINC_OK)
        return einc_trouble(why, EINC_ENOMEM, "out of memory");
    pthread_mutex_lock(&ctx->compile_lock);
    enum einc_status status = get(ctx, d, u, use_disk, kernel, why);
    pthread_mutex_unlock(&ctx->compile_lock);
    return status;
}

/* SPDX-License-Identifier: MIT
 *
 * kernels.c - from a unit to a callable kernel: memory, then disk, then the
 * compiler.
 */
#include <stdio.h>

#include "base/hash.h"
#include "ctx.h"

/* --- memory ------------------------------------------------------------- */

static einc_kernel_fn
find(struct einc_ctx *ctx, const struct unit *u, uint64_t hash)
{
    einc_kernel_fn entry = NULL;
    pthread_mutex_lock(&ctx->lock);
    struct kernel *k = ctx->kernels[hash % KERNEL_BUCKETS];
    for (; k && !entry; k = k->next)
        if (k->hash == hash && k->source_bytes == (size_t)u->source_bytes &&
            memcmp(k->source, u->source, k->source_bytes) == 0)
            entry = k->entry;
    pthread_mutex_unlock(&ctx->lock);
    return entry;
}

static enum einc_status
remember(struct einc_ctx *ctx, const struct unit *u, uint64_t hash,
         void *handle, einc_kernel_fn entry)
{
    struct kernel *k = mem_alloc(&ctx->mem, sizeof *k);
    char *copy = mem_alloc(&ctx->mem, (size_t)u->source_bytes);
    if (!k || !copy) {
        mem_free(&ctx->mem, k, sizeof *k);
        mem_free(&ctx->mem, copy, (size_t)u->source_bytes);
        return EINC_ENOMEM;
    }
    memcpy(copy, u->source, (size_t)u->source_bytes);
    *k = (struct kernel){.hash = hash,
                         .source = copy,
                         .source_bytes = (size_t)u->source_bytes,
                         .handle = handle,
                         .entry = entry};
    pthread_mutex_lock(&ctx->lock);
    k->next = ctx->kernels[hash % KERNEL_BUCKETS];
    ctx->kernels[hash % KERNEL_BUCKETS] = k;
    pthread_mutex_unlock(&ctx->lock);
    return EINC_OK;
}

void
einc_kernels_free(struct einc_ctx *ctx)
{
    for (int b = 0; b < KERNEL_BUCKETS; b++)
        for (struct kernel *k = ctx->kernels[b], *next; k; k = next) {
            next = k->next;
            einc_cc_unload(k->handle);
            mem_free(&ctx->mem, k->source, k->source_bytes);
            mem_free(&ctx->mem, k, sizeof *k);
        }
}

/* --- disk and compiler -------------------------------------------------- */

enum { MOST_FLAGS = 32 };

/* The target's flags, then the unit's; NULL at the end. */
static void
list_flags(const struct einc_ctx *ctx, const struct unit *u,
           const char *flags[MOST_FLAGS])
{
    int n = 0;
    for (int f = 0; ctx->target->flags[f] && n < MOST_FLAGS - 2; f++)
        flags[n++] = ctx->target->flags[f];
    for (int f = 0; u->flags[f] && n < MOST_FLAGS - 1; f++)
        flags[n++] = u->flags[f];
    flags[n] = NULL;
}

static struct cache_key
key_of(const struct einc_ctx *ctx, const struct unit *u)
{
    const char *parts[8 + MOST_FLAGS], *flags[MOST_FLAGS];
    int n = 0;
    char abi[32];
    snprintf(abi, sizeof abi, "kernel ABI %d", UNIT_ABI);
    parts[n++] = EINC_VERSION;
    parts[n++] = abi;
    parts[n++] = ctx->target->name;
    parts[n++] = ctx->cc->identity;
    parts[n++] = u->source;
    list_flags(ctx, u, flags);
    for (int f = 0; flags[f]; f++)
        parts[n++] = flags[f];
    return einc_cache_key(parts, n);
}

static enum einc_status
load(struct einc_ctx *ctx, const struct unit *u, uint64_t hash,
     const void *binary, size_t n_bytes, einc_kernel_fn *entry,
     struct trouble *why)
{
    void *handle;
    enum einc_status status = einc_cc_load(binary, n_bytes, &handle, why);
    if (status != EINC_OK)
        return status;
    void *symbol = einc_cc_symbol(handle, u->entry);
    if (symbol)
        memcpy(entry, &symbol, sizeof *entry);
    if (!symbol)
        status = einc_trouble(why, EINC_ECOMPILER,
                              "the compiled kernel has no symbol %s",
                              u->entry);
    else if (remember(ctx, u, hash, handle, *entry) != EINC_OK)
        status = einc_trouble(why, EINC_ENOMEM, "out of memory");
    if (status != EINC_OK)
        einc_cc_unload(handle);
    return status;
}

static enum einc_status
from_disk(struct einc_ctx *ctx, const struct unit *u, uint64_t hash,
          const struct cache_key *key, einc_kernel_fn *entry,
          struct trouble *why)
{
    void *binary;
    size_t n_bytes;
    if (einc_cache_load(ctx->cache, key, &binary, &n_bytes) != EINC_OK)
        return einc_trouble(why, EINC_ECACHE, "no cached kernel");
    enum einc_status status =
        load(ctx, u, hash, binary, n_bytes, entry, why);
    mem_free(&ctx->mem, binary, n_bytes);
    return status == EINC_ENOMEM ? status
           : status              ? EINC_ECACHE
                                 : EINC_OK;
}

static enum einc_status
from_compiler(struct einc_ctx *ctx, const struct unit *u, uint64_t hash,
              const struct cache_key *key, int store, einc_kernel_fn *entry,
              struct trouble *why)
{
    void *binary;
    size_t n_bytes;
    const char *flags[MOST_FLAGS];
    list_flags(ctx, u, flags);
    enum einc_status status = einc_cc_compile(
        ctx->cc, &ctx->mem, u->source, flags, &binary, &n_bytes, why);
    if (status != EINC_OK) {
        pthread_mutex_lock(&ctx->lock);
        if (why)
            ctx->last_failure = *why;
        pthread_mutex_unlock(&ctx->lock);
        return status;
    }
    status = load(ctx, u, hash, binary, n_bytes, entry, why);
    struct trouble note = {0};
    if (status == EINC_OK && store &&
        einc_cache_store(ctx->cache, key, u->source, binary, n_bytes,
                         &note) != EINC_OK)
        einc_ctx_log(ctx, "kernel not cached: %s", note.text);
    mem_free(&ctx->mem, binary, n_bytes);
    return status;
}

/* Under compile_lock: another thread may have been faster, or, where a cache
 * is shared, another process. */
static enum einc_status
make(struct einc_ctx *ctx, const struct unit *u, uint64_t hash,
     const struct cache_key *key, int use_cache, einc_kernel_fn *entry,
     struct trouble *why)
{
    enum { WAIT_MS = 20000 };
    if ((*entry = find(ctx, u, hash)))
        return EINC_OK;
    if (!use_cache || !ctx->cache)
        return from_compiler(ctx, u, hash, key, 0, entry, why);
    int claim = einc_cache_claim(ctx->cache, key, WAIT_MS);
    enum einc_status status = from_disk(ctx, u, hash, key, entry, why);
    if (status == EINC_ECACHE)
        status = from_compiler(ctx, u, hash, key, 1, entry, why);
    if (claim >= 0)
        einc_cache_release(claim);
    return status;
}

enum einc_status
einc_kernels_get(struct einc_ctx *ctx, const struct unit *u, int compile,
                 int use_cache, einc_kernel_fn *entry, struct trouble *why)
{
    uint64_t hash = hash_bytes(u->source, u->source_bytes);
    if ((*entry = find(ctx, u, hash)))
        return EINC_OK;
    if (einc_ctx_look(ctx) != EINC_OK)
        return einc_trouble(why, EINC_ENOMEM, "out of memory");
    if (!ctx->cc) {
        if (why)
            *why = ctx->cc_why;
        return ctx->cc_why.status ? ctx->cc_why.status : EINC_ECOMPILER;
    }
    struct cache_key key = key_of(ctx, u);
    if (use_cache && ctx->cache) {
        enum einc_status status = from_disk(ctx, u, hash, &key, entry, why);
        if (status != EINC_ECACHE)
            return status;
    }
    if (!compile)
        return EINC_ECACHE;
    pthread_mutex_lock(&ctx->compile_lock);
    enum einc_status status =
        make(ctx, u, hash, &key, use_cache, entry, why);
    pthread_mutex_unlock(&ctx->compile_lock);
    return status;
}

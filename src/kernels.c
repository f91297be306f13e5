/* SPDX-License-Identifier: MIT
 *
 * kernels.c - from a nest to a callable kernel: built in, from memory, from
 * disk, or from the compiler.
 */
#include <stdio.h>

#include "base/hash.h"
#include "builtin/builtin.h"
#include "ctx.h"

/* A kernel under way. */
struct making {
    struct einc_ctx *ctx;
    const struct wanted *wanted;
    struct unit unit;      /* source NULL: not printed yet */
    struct guarded text;   /* what the unit lives in, once it is printed */
    size_t key_bytes;
    uint64_t hash;         /* of the key */
    unsigned from;         /* enum kernel_from, or-ed */
    const struct cc *cc;   /* that is run; the context's, or a copy */
    struct trouble *why;   /* may be NULL */
};

static void
set_key(struct making *m)
{
    m->key_bytes = strlen(m->wanted->key);
    m->hash = hash_bytes(m->wanted->key, (int64_t)m->key_bytes);
}

/* --- text --------------------------------------------------------------- */

static void
print_guarded(struct guarded *g, void *arg)
{
    struct making *m = arg;
    m->unit = m->wanted->unit ? *m->wanted->unit
                              : einc_emit_unit(&g->perm, m->wanted->nest);
}

static enum einc_status
print(struct making *m)
{
    enum { USUAL_BYTES = 192 << 10 };
    if (m->unit.source)
        return EINC_OK;
    m->text = (struct guarded){.ctx = m->ctx, .hint_bytes = USUAL_BYTES};
    enum einc_status status =
        einc_guard(&m->text, print_guarded, m, NULL);
    if (status != EINC_OK)
        return einc_trouble(m->why, status, "out of memory");
    einc_guard_free(&m->text, 1);
    return EINC_OK;
}

/* --- memory ------------------------------------------------------------- */

static einc_kernel_fn
find(const struct making *m)
{
    einc_kernel_fn entry = NULL;
    struct einc_ctx *ctx = m->ctx;
    pthread_mutex_lock(&ctx->lock);
    struct kernel *k = ctx->kernels[m->hash % KERNEL_BUCKETS];
    for (; k && !entry; k = k->next)
        if (k->hash == m->hash && k->key_bytes == m->key_bytes &&
            memcmp(k->key, m->wanted->key, k->key_bytes) == 0)
            entry = k->entry;
    pthread_mutex_unlock(&ctx->lock);
    return entry;
}

static enum einc_status
remember(const struct making *m, void *handle, einc_kernel_fn entry)
{
    struct einc_ctx *ctx = m->ctx;
    struct kernel *k = mem_alloc(&ctx->mem, sizeof *k);
    char *copy = mem_alloc(&ctx->mem, m->key_bytes);
    if (!k || !copy) {
        mem_free(&ctx->mem, k, sizeof *k);
        mem_free(&ctx->mem, copy, m->key_bytes);
        return EINC_ENOMEM;
    }
    memcpy(copy, m->wanted->key, m->key_bytes);
    *k = (struct kernel){.hash = m->hash,
                         .key = copy,
                         .key_bytes = m->key_bytes,
                         .handle = handle,
                         .entry = entry};
    pthread_mutex_lock(&ctx->lock);
    k->next = ctx->kernels[m->hash % KERNEL_BUCKETS];
    ctx->kernels[m->hash % KERNEL_BUCKETS] = k;
    uint64_t *absent = &ctx->absent[m->hash % ABSENT_SLOTS];
    if (*absent == m->hash)
        *absent = 0;
    pthread_mutex_unlock(&ctx->lock);
    return EINC_OK;
}

/* A kernel that the disk does not have is asked for each time that its shape
 * is planned, and what asking costs is the text that it goes by there. Of two
 * kernels that meet in a slot the later one is known; one that another process
 * makes later is not seen. */
static int
is_absent(const struct making *m)
{
    struct einc_ctx *ctx = m->ctx;
    pthread_mutex_lock(&ctx->lock);
    int absent = ctx->absent[m->hash % ABSENT_SLOTS] == m->hash;
    pthread_mutex_unlock(&ctx->lock);
    return absent && !(m->from & FROM_CC);
}

static void
note_absent(const struct making *m)
{
    struct einc_ctx *ctx = m->ctx;
    pthread_mutex_lock(&ctx->lock);
    ctx->absent[m->hash % ABSENT_SLOTS] = m->hash;
    pthread_mutex_unlock(&ctx->lock);
}

void
einc_kernels_free(struct einc_ctx *ctx)
{
    for (int b = 0; b < KERNEL_BUCKETS; b++)
        for (struct kernel *k = ctx->kernels[b], *next; k; k = next) {
            next = k->next;
            einc_cc_unload(k->handle);
            mem_free(&ctx->mem, k->key, k->key_bytes);
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
key_of(const struct making *m)
{
    const struct einc_ctx *ctx = m->ctx;
    const char *parts[8 + MOST_FLAGS], *flags[MOST_FLAGS];
    int n = 0;
    char abi[32];
    snprintf(abi, sizeof abi, "kernel ABI %d", UNIT_ABI);
    parts[n++] = EINC_VERSION;
    parts[n++] = abi;
    parts[n++] = ctx->target->name;
    parts[n++] = ctx->cc->identity;
    parts[n++] = m->unit.source;
    list_flags(ctx, &m->unit, flags);
    for (int f = 0; flags[f]; f++)
        parts[n++] = flags[f];
    return einc_cache_key(parts, n);
}

static enum einc_status
load(const struct making *m, const void *binary, size_t n_bytes,
     einc_kernel_fn *entry)
{
    void *handle;
    enum einc_status status =
        einc_cc_load(binary, n_bytes, &handle, m->why);
    if (status != EINC_OK)
        return status;
    void *symbol = einc_cc_symbol(handle, m->unit.entry);
    if (symbol)
        memcpy(entry, &symbol, sizeof *entry);
    if (!symbol)
        status = einc_trouble(m->why, EINC_ECOMPILER,
                              "the compiled kernel has no symbol %s",
                              m->unit.entry);
    else if (remember(m, handle, *entry) != EINC_OK)
        status = einc_trouble(m->why, EINC_ENOMEM, "out of memory");
    if (status != EINC_OK) {
        einc_cc_unload(handle);
        *entry = NULL;
    }
    return status;
}

static enum einc_status
from_disk(const struct making *m, const struct cache_key *key,
          einc_kernel_fn *entry)
{
    void *binary;
    size_t n_bytes;
    struct einc_ctx *ctx = m->ctx;
    if (einc_cache_load(ctx->cache, key, &binary, &n_bytes) != EINC_OK)
        return einc_trouble(m->why, EINC_ECACHE, "no cached kernel");
    enum einc_status status = load(m, binary, n_bytes, entry);
    mem_free(&ctx->mem, binary, n_bytes);
    return status == EINC_ENOMEM ? status
           : status              ? EINC_ECACHE
                                 : EINC_OK;
}

static enum einc_status
from_compiler(const struct making *m, const struct cache_key *key, int store,
              einc_kernel_fn *entry)
{
    void *binary;
    size_t n_bytes;
    const char *flags[MOST_FLAGS];
    struct einc_ctx *ctx = m->ctx;
    list_flags(ctx, &m->unit, flags);
    enum einc_status status =
        einc_cc_compile(m->cc, &ctx->mem, m->unit.source, flags, &binary,
                        &n_bytes, m->why);
    if (status != EINC_OK) {
        pthread_mutex_lock(&ctx->lock);
        if (m->why)
            ctx->last_failure = *m->why;
        pthread_mutex_unlock(&ctx->lock);
        return status;
    }
    status = load(m, binary, n_bytes, entry);
    struct trouble note = {0};
    if (status == EINC_OK && store &&
        einc_cache_store(ctx->cache, key, m->unit.source, binary, n_bytes,
                         &note) != EINC_OK)
        einc_ctx_log(ctx, "kernel not cached: %s", note.text);
    mem_free(&ctx->mem, binary, n_bytes);
    return status;
}

static int
is_stopped(const struct cc *cc)
{
    return cc->stop && __atomic_load_n(cc->stop, __ATOMIC_ACQUIRE);
}

/* What can be stopped waits in pieces. */
static int
claim_entry(const struct making *m, const struct cache_key *key)
{
    enum { WAIT_MS = 20000, PIECE_MS = 50 };
    int claim = -1, piece = m->cc->stop ? PIECE_MS : WAIT_MS;
    for (int ms = 0; claim < 0 && ms < WAIT_MS && !is_stopped(m->cc);
         ms += piece)
        claim = einc_cache_claim(m->ctx->cache, key, piece);
    return claim;
}

/* Another thread may have been faster, or, where a cache is shared, another
 * process. */
static enum einc_status
make(const struct making *m, const struct cache_key *key,
     einc_kernel_fn *entry)
{
    struct einc_ctx *ctx = m->ctx;
    if ((*entry = find(m)))
        return EINC_OK;
    if (!(m->from & FROM_DISK) || !ctx->cache)
        return from_compiler(m, key, 0, entry);
    int claim = claim_entry(m, key);
    enum einc_status status = from_disk(m, key, entry);
    if (status == EINC_ECACHE)
        status = from_compiler(m, key, 1, entry);
    if (claim >= 0)
        einc_cache_release(claim);
    return status;
}

/* The text is printed. */
static enum einc_status
from_outside(const struct making *m, einc_kernel_fn *entry)
{
    struct einc_ctx *ctx = m->ctx;
    struct cache_key key = key_of(m);
    if (m->from & FROM_DISK && ctx->cache) {
        enum einc_status status = from_disk(m, &key, entry);
        if (status != EINC_ECACHE)
            return status;
    }
    if (!(m->from & FROM_CC)) {
        note_absent(m);
        return EINC_ECACHE;
    }
    pthread_mutex_lock(&ctx->compile_lock);
    enum einc_status status = make(m, &key, entry);
    pthread_mutex_unlock(&ctx->compile_lock);
    return status;
}

/* Memory, and what needs a compiler's name: even the disk cache does, since
 * kernels are kept per compiler. */
static enum einc_status
get(struct making *m, einc_kernel_fn *entry)
{
    struct einc_ctx *ctx = m->ctx;
    set_key(m);
    if ((*entry = find(m)))
        return EINC_OK;
    if (is_absent(m))
        return EINC_ECACHE;
    if (einc_ctx_look(ctx) != EINC_OK)
        return einc_trouble(m->why, EINC_ENOMEM, "out of memory");
    if (!ctx->cc) {
        if (m->why)
            *m->why = ctx->cc_why;
        return ctx->cc_why.status ? ctx->cc_why.status : EINC_ECOMPILER;
    }
    if (!(m->from & FROM_CC) && !(m->from & FROM_DISK && ctx->cache))
        return EINC_ECACHE;
    m->cc = ctx->cc;
    enum einc_status status = print(m);
    return status == EINC_OK ? from_outside(m, entry) : status;
}

enum einc_status
einc_kernels_get(struct einc_ctx *ctx, const struct wanted *w, unsigned from,
                 einc_kernel_fn *entry, struct trouble *why)
{
    *entry = NULL;
    if (from & FROM_BUILTIN)
        *entry = einc_builtin_find(ctx->builtin, w->key);
    if (*entry)
        return EINC_OK;
    if (from == FROM_BUILTIN)
        return EINC_ECACHE;
    struct making m = {.ctx = ctx, .wanted = w, .from = from, .why = why};
    enum einc_status status = get(&m, entry);
    if (m.unit.source)
        einc_guard_free(&m.text, 0);
    return status;
}

/* --- for the background ------------------------------------------------- */

enum einc_status
einc_kernels_print(struct einc_ctx *ctx, const struct wanted *w,
                   struct unit *unit, struct guarded *text)
{
    struct making m = {.ctx = ctx, .wanted = w};
    enum einc_status status = print(&m);
    *unit = m.unit;
    *text = m.text;
    return status;
}

/* Without compile_lock: nobody is to wait for what nobody waits for. */
enum einc_status
einc_kernels_make(struct einc_ctx *ctx, const struct unit *unit,
                  unsigned from, const struct cc *cc, einc_kernel_fn *entry,
                  struct trouble *why)
{
    struct wanted w = {.key = unit->key};
    struct making m = {.ctx = ctx, .wanted = &w, .unit = *unit, .from = from,
                       .cc = cc, .why = why};
    set_key(&m);
    struct cache_key key = key_of(&m);
    return make(&m, &key, entry);
}

/* SPDX-License-Identifier: MIT
 *
 * ctx.c - contexts: allocator, threads, what was found on this machine.
 */
#include "device.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* --- configuration ------------------------------------------------------ */

static char *
copy_string(const struct mem *mem, const char *z)
{
    size_t n = strlen(z) + 1;
    char *p = mem_alloc(mem, n);
    return p ? memcpy(p, z, n) : NULL;
}

static void
free_string(const struct mem *mem, char *z)
{
    if (z)
        mem_free(mem, z, strlen(z) + 1);
}

static int
number_of(const char *z, int most)
{
    if (!z || !*z)
        return 0;
    char *end;
    long n = strtol(z, &end, 10);
    return *end || n < 1 ? 0 : n > most ? most : (int)n;
}

static void
log_stderr(void *user, const char *line)
{
    (void)user;
    fprintf(stderr, "einc: %s\n", line);
}

static enum einc_tier
tier_of_environment(struct einc_ctx *ctx)
{
    static const char *const names[] = {"auto", "interp", "cc", "builtin"};
    const char *z = getenv("EINC_TIER");
    for (int t = 0; z && *z && t < 4; t++)
        if (strcmp(z, names[t]) == 0)
            return (enum einc_tier)(EINC_TIER_AUTO + t);
    if (z && *z)
        einc_ctx_log(ctx, "EINC_TIER=%s names no tier: auto, interp, builtin, "
                          "cc; taking auto", z);
    return EINC_TIER_AUTO;
}

static int
background_of_environment(struct einc_ctx *ctx)
{
    const char *z = getenv("EINC_BACKGROUND");
    if (!z || !*z || strcmp(z, "0") == 0)
        return 0;
    if (strcmp(z, "1") != 0)
        einc_ctx_log(ctx, "EINC_BACKGROUND=%s means nothing: 1 or 0", z);
    return strcmp(z, "1") == 0;
}

static const struct target *
find_target(struct einc_ctx *ctx)
{
    char isa[32];
    const char *wish = getenv("EINC_ISA");
    einc_cc_isa(isa, sizeof isa);
    if (wish && *wish && strcmp(wish, isa) != 0)
        einc_ctx_log(ctx, "EINC_ISA=%s: this machine does not have it, or it "
                          "is not known; taking %s", wish, isa);
    const struct target *t = einc_target_find(str_of(isa));
    return t ? t : einc_target_find(str_of("generic"));
}

int
einc_take_struct(void *to, size_t own_bytes, const void *from)
{
    uint32_t bytes;
    memset(to, 0, own_bytes);
    if (!from)
        return 1;
    memcpy(&bytes, from, sizeof bytes);
    if (bytes < 2 * sizeof bytes)
        return 0; /* forgotten */
    for (size_t b = own_bytes; b < bytes; b++)
        if (((const char *)from)[b])
            return 0;
    memcpy(to, from, bytes < own_bytes ? bytes : own_bytes);
    return 1;
}

static int
copy_names(struct einc_ctx *ctx, const struct einc_config *c)
{
    const char *dump = getenv("EINC_DUMP");
    const struct mem *m = &ctx->mem;
    if (c->cache_dir && !(ctx->cache_dir = copy_string(m, c->cache_dir)))
        return 0;
    if (c->cc && !(ctx->cc_name = copy_string(m, c->cc)))
        return 0;
    return !dump || !*dump || (ctx->dump = copy_string(m, dump));
}

static int
fill(struct einc_ctx *ctx, const struct einc_config *c)
{
    ctx->log = c->log;
    ctx->log_user = c->log_user;
    if (!ctx->log && getenv("EINC_VERBOSE"))
        ctx->log = log_stderr;
    ctx->tier = (enum einc_tier)c->tier;
    if (!c->tier)
        ctx->tier = tier_of_environment(ctx);
    ctx->wants_background = c->background || background_of_environment(ctx);
    ctx->threads = c->threads;
    if (ctx->threads == 0)
        ctx->threads = number_of(getenv("EINC_THREADS"), MOST_THREADS);
    if (ctx->threads == 0)
        ctx->threads = einc_pool_processors();
    if (ctx->threads > MOST_THREADS)
        ctx->threads = MOST_THREADS;
    ctx->target = find_target(ctx);
    ctx->builtin = einc_builtin_set(ctx->target);
    einc_ctx_read_machine(ctx);
    if (!copy_names(ctx, c))
        return 0;
    if (ctx->threads > 1)
        ctx->pool = einc_pool_open(&ctx->mem, ctx->threads);
    return ctx->threads == 1 || ctx->pool;
}

/* --- fork --------------------------------------------------------------- */

/* A child has only the thread that forked: a lock that another one held would
 * stay shut. So all locks that are held for moments are taken across a fork;
 * compile_lock may be held for a compiler's run and guards no data, so the
 * child just makes it anew. (The pool knows of forks by itself.) */
static pthread_mutex_t contexts_lock = PTHREAD_MUTEX_INITIALIZER;
static struct einc_ctx *contexts;

static void
before_fork(void)
{
    pthread_mutex_lock(&contexts_lock);
    for (struct einc_ctx *x = contexts; x; x = x->next)
        pthread_mutex_lock(&x->lock);
}

static void
after_fork(void)
{
    for (struct einc_ctx *x = contexts; x; x = x->next)
        pthread_mutex_unlock(&x->lock);
    pthread_mutex_unlock(&contexts_lock);
}

static void
after_fork_in_child(void)
{
    for (struct einc_ctx *x = contexts; x; x = x->next) {
        pthread_mutex_init(&x->compile_lock, NULL);
        einc_background_forked(x);
    }
    after_fork();
}

/* When the process ends, or the library is unloaded: no compiler stays
 * behind, nor what it has written. */
__attribute__((destructor)) static void
stop_backgrounds(void)
{
    pthread_mutex_lock(&contexts_lock);
    for (struct einc_ctx *x = contexts; x; x = x->next)
        einc_background_stop(x);
    pthread_mutex_unlock(&contexts_lock);
}

static void
watch_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

static void
enlist(struct einc_ctx *ctx)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    pthread_mutex_lock(&contexts_lock);
    ctx->next = contexts;
    if (contexts)
        contexts->before = ctx;
    contexts = ctx;
    pthread_mutex_unlock(&contexts_lock);
}

static void
strike_off(struct einc_ctx *ctx)
{
    pthread_mutex_lock(&contexts_lock);
    if (ctx->next)
        ctx->next->before = ctx->before;
    if (ctx->before)
        ctx->before->next = ctx->next;
    else
        contexts = ctx->next;
    pthread_mutex_unlock(&contexts_lock);
}

/* --- life --------------------------------------------------------------- */

static void
destroy(struct einc_ctx *ctx)
{
    struct mem mem = ctx->mem;
    strike_off(ctx);
    einc_background_close(ctx);
    einc_kernels_free(ctx);
    einc_device_close(ctx);
    einc_cache_close(ctx->cache);
    if (ctx->pool)
        einc_pool_close(ctx->pool);
    if (ctx->cc)
        mem_free(&mem, ctx->cc, sizeof *ctx->cc);
    free_string(&mem, ctx->cache_dir);
    free_string(&mem, ctx->cc_name);
    free_string(&mem, ctx->dump);
    pthread_mutex_destroy(&ctx->lock);
    pthread_mutex_destroy(&ctx->compile_lock);
    mem_free(&mem, ctx, sizeof *ctx);
}

enum einc_status
einc_ctx_create(const struct einc_config *config, struct einc_ctx **ctx,
                struct einc_err **err)
{
    struct einc_config c;
    if (err)
        *err = NULL;
    if (!ctx)
        return einc_err_set(&einc_mem_default, err, EINC_EINVAL, "ctx is NULL");
    *ctx = NULL;
    if (!einc_take_struct(&c, sizeof c, config))
        return einc_err_set(&einc_mem_default, err, EINC_EINVAL,
                            "size of the einc_config is not set");
    struct mem mem = {c.alloc ? c.alloc : einc_mem_libc,
                      c.alloc ? c.alloc_user : NULL};
    if (c.tier < EINC_TIER_AUTO || c.tier > EINC_TIER_BUILTIN)
        return einc_err_set(&mem, err, EINC_EINVAL, "no tier has number %d",
                            c.tier);
    if (c.threads < 0)
        return einc_err_set(&mem, err, EINC_EINVAL, "threads of the "
                            "einc_config may not be %d", c.threads);
    if (c.background != 0 && c.background != 1)
        return einc_err_set(&mem, err, EINC_EINVAL, "background of the "
                            "einc_config may not be %d", c.background);
    struct einc_ctx *x = mem_alloc(&mem, sizeof *x);
    if (!x)
        return einc_err_set(&mem, err, EINC_ENOMEM, "out of memory");
    *x = (struct einc_ctx){.holds = 1, .mem = mem};
    pthread_mutex_init(&x->lock, NULL);
    pthread_mutex_init(&x->compile_lock, NULL);
    einc_background_open(x);
    enlist(x);
    if (!fill(x, &c)) {
        destroy(x);
        return einc_err_set(&mem, err, EINC_ENOMEM, "out of memory");
    }
    *ctx = x;
    return EINC_OK;
}

void
einc_ctx_hold(struct einc_ctx *ctx)
{
    __atomic_add_fetch(&ctx->holds, 1, __ATOMIC_RELAXED);
}

static void
let_go(struct einc_ctx *ctx)
{
    if (__atomic_sub_fetch(&ctx->holds, 1, __ATOMIC_ACQ_REL) == 0)
        destroy(ctx);
}

/* Plans that are remembered hold the context, so the caller's hold takes them
 * along. */
static void
forget_plans(struct einc_ctx *ctx)
{
    for (int s = 0; s < MEMO_SLOTS; s++) {
        pthread_mutex_lock(&ctx->lock);
        struct memo m = ctx->memos[s];
        ctx->memos[s] = (struct memo){0};
        pthread_mutex_unlock(&ctx->lock);
        if (!m.plan)
            continue;
        mem_free(&ctx->mem, m.key, m.key_bytes);
        einc_plan_free(m.plan);
    }
}

void
einc_ctx_free(struct einc_ctx *ctx)
{
    if (!ctx)
        return;
    forget_plans(ctx);
    let_go(ctx);
}

void
einc_plan_free(struct einc_plan *plan)
{
    if (!plan || __atomic_sub_fetch(&plan->holds, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    struct einc_ctx *ctx = plan->ctx;
    if (plan->background)
        einc_background_forget(plan);
    einc_program_free(plan);
    einc_device_forget(plan);
    einc_device_program_forget(plan);
    mem_free(&ctx->mem, plan->block, plan->block_bytes);
    let_go(ctx);
}

/* Made on first use and never freed: a library cannot know when the last
 * thread is done. */
struct einc_ctx *
einc_ctx_default(void)
{
    static struct einc_ctx *made;
    struct einc_ctx *ctx = __atomic_load_n(&made, __ATOMIC_ACQUIRE);
    struct einc_ctx *none = NULL;
    if (ctx || einc_ctx_create(NULL, &ctx, NULL) != EINC_OK)
        return ctx;
    if (__atomic_compare_exchange_n(&made, &none, ctx, 0, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return ctx;
    einc_ctx_free(ctx); /* another thread was faster */
    return none;
}

/* --- what is there ------------------------------------------------------ */

void
einc_ctx_log(struct einc_ctx *ctx, const char *fmt, ...)
{
    char line[1200];
    if (!ctx->log)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    for (char *p = line; *p; p++)
        if (*p == '\n')
            *p = ' ';
    ctx->log(ctx->log_user, line);
}

/* All or nothing: what is found is read without the lock afterwards. */
static enum einc_status
look(struct einc_ctx *ctx)
{
    struct cc *cc = mem_alloc(&ctx->mem, sizeof *cc);
    struct cache *cache =
        cc ? einc_cache_open(&ctx->mem, ctx->cache_dir, &ctx->cache_why)
           : NULL;
    if (!cc || (!cache && ctx->cache_why.status == EINC_ENOMEM)) {
        mem_free(&ctx->mem, cc, sizeof *cc);
        return EINC_ENOMEM;
    }
    ctx->cache = cache;
    ctx->looked = 1;
    if (einc_cc_find(ctx->cc_name, cc, &ctx->cc_why) == EINC_OK)
        ctx->cc = cc;
    else
        mem_free(&ctx->mem, cc, sizeof *cc);
    return EINC_OK;
}

enum einc_status
einc_ctx_look(struct einc_ctx *ctx)
{
    pthread_mutex_lock(&ctx->lock);
    int first = !ctx->looked;
    enum einc_status status = first ? look(ctx) : EINC_OK;
    pthread_mutex_unlock(&ctx->lock);
    if (status == EINC_OK && first && !ctx->cache &&
        (!ctx->cache_dir || *ctx->cache_dir))
        einc_ctx_log(ctx, "%s", ctx->cache_why.text);
    return status;
}

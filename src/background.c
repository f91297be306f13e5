/* SPDX-License-Identifier: MIT
 *
 * background.c - kernels that a thread of the context makes while plans run
 * with what was there: EINC_BACKGROUND.
 *
 * An order is a kernel to be made, with the steps that wait for it (takers).
 * All lists are under ctx->lock, which is held for moments; only the order
 * that is first, while `busy`, is read by the thread without it. The thread
 * holds neither plan nor context: a plan that goes takes its takers along, a
 * context ends the thread first.
 */
#include "base/hash.h"
#include "ctx.h"
#include "runtime/sys.h"

struct order {
    struct order *next;
    struct taker *takers;
    struct unit unit;      /* key and source lie behind the order */
    uint64_t hash;         /* of the key */
    unsigned from;         /* enum kernel_from, or-ed */
    size_t bytes;          /* of the allocation */
};

static int
is_stopped(const struct background *b)
{
    return __atomic_load_n(&b->stop, __ATOMIC_ACQUIRE);
}

/* --- orders ------------------------------------------------------------- */

static void
free_order(struct einc_ctx *ctx, struct order *o)
{
    mem_free(&ctx->mem, o, o->bytes);
}

/* Prints the kernel; NULL: no memory. */
static struct order *
make_order(struct einc_ctx *ctx, const struct wanted *w, uint64_t hash,
           unsigned from)
{
    struct unit unit;
    struct guarded text;
    if (einc_kernels_print(ctx, w, &unit, &text) != EINC_OK)
        return NULL;
    size_t key = strlen(w->key) + 1, source = (size_t)unit.source_bytes + 1;
    size_t bytes = sizeof(struct order) + key + source;
    struct order *o = mem_alloc(&ctx->mem, bytes);
    if (o) {
        char *p = (char *)(o + 1);
        *o = (struct order){.unit = unit, .hash = hash, .from = from,
                            .bytes = bytes};
        o->unit.key = memcpy(p, w->key, key);
        o->unit.source = memcpy(p + key, unit.source, source);
    }
    einc_guard_free(&text, 0);
    return o;
}

static void
add_taker(struct order *o, struct taker *t)
{
    t->next = o->takers;
    o->takers = t;
    t->plan->n_awaited++;
}

static void
release_takers(struct order *o)
{
    for (struct taker *t = o->takers; t; t = t->next)
        t->plan->n_awaited--;
    o->takers = NULL;
}

/* Each plan sees its kernel or does not; nothing else of it changes. */
static void
hand_over(const struct order *o, einc_kernel_fn entry)
{
    for (struct taker *t = o->takers; t; t = t->next) {
        t->call->entry = entry;
        t->call->tier = EINC_TIER_CC;
        __atomic_store_n(&t->plan->calls[t->step], t->call, __ATOMIC_RELEASE);
    }
}

/* Nobody waits any more. Freed later: a forked child may not call the
 * allocator while it is born. */
static void
drop_all(struct background *b)
{
    while (b->first) {
        struct order *o = b->first;
        b->first = o->next;
        release_takers(o);
        o->next = b->dropped;
        b->dropped = o;
    }
    b->n_orders = 0;
    b->busy = 0;
}

/* Whether the kernel needs no new order: it is under way, and waited for now,
 * or it will not be made. */
static int
is_settled(struct background *b, struct taker *t, const char *key,
           uint64_t hash)
{
    for (struct order *o = b->first; o; o = o->next)
        if (o->hash == hash && strcmp(o->unit.key, key) == 0) {
            add_taker(o, t);
            return 1;
        }
    return is_stopped(b) || b->n_orders == BACKGROUND_ORDERS ||
           b->failed[hash % BACKGROUND_FAILED] == hash;
}

/* --- the thread --------------------------------------------------------- */

/* Without ctx->lock. */
static enum einc_status
make(struct einc_ctx *ctx, const struct cc *cc, const struct order *o,
     einc_kernel_fn *entry)
{
    struct trouble why = {0};
    enum einc_status status =
        einc_kernels_make(ctx, &o->unit, o->from, cc, entry, &why);
    if (status != EINC_OK && !is_stopped(&ctx->background))
        einc_ctx_log(ctx, "no kernel from the background: %s", why.text);
    return status;
}

/* With ctx->lock, as on return. */
static void
serve_first(struct einc_ctx *ctx, const struct cc *cc)
{
    struct background *b = &ctx->background;
    struct order *o = b->first;
    b->busy = 1;
    pthread_mutex_unlock(&ctx->lock);
    einc_kernel_fn entry;
    enum einc_status status = make(ctx, cc, o, &entry);
    pthread_mutex_lock(&ctx->lock);
    b->busy = 0;
    b->first = o->next;
    b->n_orders--;
    if (status == EINC_OK)
        hand_over(o, entry);
    else if (status != EINC_ENOMEM) /* that may pass */
        b->failed[o->hash % BACKGROUND_FAILED] = o->hash;
    release_takers(o);
    pthread_cond_broadcast(&b->done);
    pthread_mutex_unlock(&ctx->lock);
    free_order(ctx, o);
    pthread_mutex_lock(&ctx->lock);
}

static void *
work(void *arg)
{
    struct einc_ctx *ctx = arg;
    struct background *b = &ctx->background;
    struct cc cc = *ctx->cc;
    cc.stop = &b->stop;
    cc.environment = b->environment;
    pthread_mutex_lock(&ctx->lock);
    while (!is_stopped(b))
        if (b->first)
            serve_first(ctx, &cc);
        else
            pthread_cond_wait(&b->wake, &ctx->lock);
    pthread_mutex_unlock(&ctx->lock);
    return NULL;
}

/* --- ordering ----------------------------------------------------------- */

static int
start(struct einc_ctx *ctx)
{
    struct background *b = &ctx->background;
    if (!b->environment)
        b->environment =
            einc_cc_environment(&ctx->mem, &b->environment_bytes);
    if (!b->started && b->environment)
        b->started = einc_sys_thread(&b->thread, work, ctx) == 0;
    return b->started;
}

/* Takes the order unless another one has been faster; 0: no thread. */
static int
append(struct einc_ctx *ctx, struct order **o, struct taker *t)
{
    struct background *b = &ctx->background;
    if (is_settled(b, t, (*o)->unit.key, (*o)->hash))
        return 1;
    if (!start(ctx))
        return 0;
    struct order **end = &b->first;
    while (*end)
        end = &(*end)->next;
    *end = *o;
    b->n_orders++;
    add_taker(*o, t);
    *o = NULL;
    pthread_cond_signal(&b->wake);
    return 1;
}

void
einc_background_order(struct taker *t, const struct wanted *w, unsigned from)
{
    struct einc_ctx *ctx = t->plan->ctx;
    struct background *b = &ctx->background;
    uint64_t hash = hash_bytes(w->key, (int64_t)strlen(w->key));
    if (einc_ctx_look(ctx) != EINC_OK || !ctx->cc)
        return;
    pthread_mutex_lock(&ctx->lock);
    int settled = is_settled(b, t, w->key, hash);
    pthread_mutex_unlock(&ctx->lock);
    struct order *o = settled ? NULL : make_order(ctx, w, hash, from);
    if (!o)
        return;
    pthread_mutex_lock(&ctx->lock);
    int good = append(ctx, &o, t);
    pthread_mutex_unlock(&ctx->lock);
    if (o)
        free_order(ctx, o);
    if (!good)
        einc_ctx_log(ctx, "no thread for the background");
}

/* --- leaving ------------------------------------------------------------ */

/* Takes the plan's takers out of an order. */
static void
forget_in(struct order *o, const struct einc_plan *plan)
{
    for (struct taker **t = &o->takers; *t;)
        if ((*t)->plan == plan)
            *t = (*t)->next;
        else
            t = &(*t)->next;
}

/* What is being compiled goes on, for memory and disk; what nobody waits for
 * is not begun. */
void
einc_background_forget(struct einc_plan *plan)
{
    struct einc_ctx *ctx = plan->ctx;
    struct background *b = &ctx->background;
    pthread_mutex_lock(&ctx->lock);
    for (struct order **at = &b->first; *at && plan->n_awaited;) {
        struct order *o = *at;
        forget_in(o, plan);
        if (o->takers || (b->busy && o == b->first)) {
            at = &o->next;
            continue;
        }
        *at = o->next;
        b->n_orders--;
        o->next = b->dropped;
        b->dropped = o;
    }
    struct order *dropped = b->dropped;
    b->dropped = NULL;
    if (!b->first)
        pthread_cond_broadcast(&b->done);
    pthread_mutex_unlock(&ctx->lock);
    for (struct order *next; dropped; dropped = next) {
        next = dropped->next;
        free_order(ctx, dropped);
    }
}

void
einc_background_stop(struct einc_ctx *ctx)
{
    struct background *b = &ctx->background;
    pthread_mutex_lock(&ctx->lock);
    int started = b->started;
    b->started = 0;
    __atomic_store_n(&b->stop, 1, __ATOMIC_RELEASE);
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&ctx->lock);
    if (started)
        pthread_join(b->thread, NULL);
    pthread_mutex_lock(&ctx->lock);
    drop_all(b);
    pthread_cond_broadcast(&b->done);
    pthread_mutex_unlock(&ctx->lock);
}

void
einc_background_open(struct einc_ctx *ctx)
{
    pthread_cond_init(&ctx->background.wake, NULL);
    pthread_cond_init(&ctx->background.done, NULL);
}

void
einc_background_close(struct einc_ctx *ctx)
{
    struct background *b = &ctx->background;
    einc_background_stop(ctx);
    for (struct order *o = b->dropped, *next; o; o = next) {
        next = o->next;
        free_order(ctx, o);
    }
    mem_free(&ctx->mem, b->environment, b->environment_bytes);
    pthread_cond_destroy(&b->wake);
    pthread_cond_destroy(&b->done);
}

/* The thread is the parent's, and what it was making. */
void
einc_background_forked(struct einc_ctx *ctx)
{
    drop_all(&ctx->background);
    ctx->background.started = 0;
    einc_background_open(ctx);
}

/* --- waiting ------------------------------------------------------------ */

void
einc_ctx_wait(struct einc_ctx *ctx)
{
    ctx = ctx ? ctx : einc_ctx_default();
    if (!ctx)
        return;
    pthread_mutex_lock(&ctx->lock);
    while (ctx->background.first)
        pthread_cond_wait(&ctx->background.done, &ctx->lock);
    pthread_mutex_unlock(&ctx->lock);
}

void
einc_plan_wait(const struct einc_plan *plan)
{
    if (!plan)
        return;
    struct einc_ctx *ctx = plan->ctx;
    for (int s = 0; plan->script && s < plan->script->n_stages; s++)
        einc_plan_wait(plan->stages[s].plan); /* einsums have no stages */
    pthread_mutex_lock(&ctx->lock);
    while (plan->n_awaited)
        pthread_cond_wait(&ctx->background.done, &ctx->lock);
    pthread_mutex_unlock(&ctx->lock);
}

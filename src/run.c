/* SPDX-License-Identifier: MIT
 *
 * run.c - einc.h implemented: running plans.
 */
#include <time.h>

#include "base/hash.h"
#include "ctx.h"
#include "runtime/interp.h"
#include "runtime/ref.h"

/* --- one call ----------------------------------------------------------- */

/* Everything one einc_run() needs beside the plan. */
struct running {
    const struct einc_plan *plan;
    const void *const *in;
    void *out;
    const void *alpha, *beta;
    int threads;
    char *work;            /* aligned; intermediates, then scratch */
    void **tensor;         /* [n_tensors] addresses */
    const void **operand;  /* [most inputs of a step] */
};

/* What the pool's workers get. */
struct share {
    const struct call *call;
    struct einc_args args;
    int64_t scratch_bytes;
};

static void
run_share(void *user, int worker, int64_t begin, int64_t end)
{
    const struct share *s = user;
    struct einc_args own = s->args;
    own.scratch += worker * s->scratch_bytes;
    s->call->entry(&own, begin, end);
}

static void
run_kernel(const struct running *r, int step, const struct call *c,
           int threads)
{
    const struct einc_plan *x = r->plan;
    const struct step *s = &x->plan->steps[step];
    int last = step == x->plan->n_steps - 1;
    for (int o = 0; o < s->n_in; o++)
        r->operand[o] = r->tensor[s->in[o]];
    struct share share = {.call = c,
                          .args = {.out = r->tensor[s->out],
                                   .in = r->operand,
                                   .n = c->n[threads > 1],
                                   .s = c->s,
                                   .alpha = last ? r->alpha : NULL,
                                   .beta = last ? r->beta : NULL,
                                   .scratch = r->work + x->work_at},
                          .scratch_bytes = x->scratch_bytes};
    int64_t n_tasks = c->n_tasks[threads > 1];
    if (threads > 1 && n_tasks > 1)
        einc_pool_run(x->ctx->pool, threads, n_tasks, run_share, &share);
    else
        c->entry(&share.args, 0, n_tasks);
}

/* Below this, one thread does the step alone. Which thread does what changes
 * no bit. */
static int
is_small(const struct step *s)
{
    uint64_t bytes = s->read_bytes + s->write_bytes;
    return s->flop < WORTH_A_THREAD && bytes < WORTH_A_THREAD;
}

static int
threads_for(const struct running *r, const struct step *s)
{
    return is_small(s) ? 1 : r->threads;
}

static void
run_step(const struct running *r, int s)
{
    const struct einc_plan *x = r->plan;
    const struct plan *p = x->plan;
    int last = s == p->n_steps - 1;
    int threads = threads_for(r, &p->steps[s]);
    const struct call *c = einc_plan_call(x, s);
    if (c)
        run_kernel(r, s, c, threads);
    else
        einc_interp_step(p, &p->steps[s], r->tensor,
                         last ? r->alpha : NULL, last ? r->beta : NULL,
                         x->ctx->pool, threads);
}

static void
run_steps_timed(const struct running *r, double *seconds)
{
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int s = 0; s < r->plan->plan->n_steps; s++) {
        run_step(r, s);
        clock_gettime(CLOCK_MONOTONIC, &b);
        seconds[s] += (double)(b.tv_sec - a.tv_sec) +
                      1e-9 * (double)(b.tv_nsec - a.tv_nsec);
        a = b;
    }
}

static void
run_steps(const struct running *r, double *seconds)
{
    const struct plan *p = r->plan->plan;
    for (int t = 0; t < p->n_tensors; t++) {
        const struct plan_tensor *y = &p->tensors[t];
        /* inputs are only ever read through this */
        r->tensor[t] = y->home == HOME_INPUT ? (void *)(uintptr_t)r->in[y->number]
                       : y->home == HOME_TEMP ? r->work + y->at_byte
                                              : r->out;
    }
    if (seconds)
        run_steps_timed(r, seconds);
    else
        for (int s = 0; s < p->n_steps; s++)
            run_step(r, s);
}

/* --- inputs that overlap the output ------------------------------------- */

int
einc_run_overlaps(const struct einc_plan *x, int o, const void *in,
                  const void *out)
{
    const struct extent_bytes *a = &x->touched[o];
    const struct extent_bytes *b = &x->touched[x->plan->graph->n_in];
    uintptr_t p = (uintptr_t)in, q = (uintptr_t)out;
    return p + (uintptr_t)a->lo < q + (uintptr_t)b->hi &&
           q + (uintptr_t)b->lo < p + (uintptr_t)a->hi && a->lo < a->hi &&
           b->lo < b->hi;
}

static int64_t
copy_bytes(const struct einc_plan *x, const void *const in[], const void *out)
{
    int64_t bytes = 0;
    for (int o = 0; o < x->plan->graph->n_in; o++)
        if (einc_run_overlaps(x, o, in[o], out))
            bytes += (x->touched[o].hi - x->touched[o].lo + 127) / 64 * 64;
    return bytes;
}

/* Copies the elements of an operand to the same places behind `to`, and no
 * byte between them: that may be somebody else's, or no memory at all. Rows
 * are runs along the axis of stride 1, if there is one. */
static void
copy_elements(const struct graph *g, const struct operand *o, const char *from,
              char *to)
{
    int64_t size = einc_dtype_info(o->dtype)->bytes;
    enum { MOST_DIMS = 64 }; /* E802 */
    int64_t row = 1, value[MOST_DIMS] = {0}, at = 0;
    int unit = -1;
    for (int a = 0; a < o->n_axes && unit < 0; a++)
        if (o->axes[a].stride == 1)
            unit = a;
    if (unit >= 0)
        row = g->indices[o->axes[unit].index].extent;
    for (;;) {
        memcpy(to + at * size, from + at * size, (size_t)(row * size));
        int a = 0;
        for (; a < o->n_axes; a++) {
            int64_t n = g->indices[o->axes[a].index].extent;
            if (a == unit || o->axes[a].stride == 0)
                continue;
            at += o->axes[a].stride;
            if (++value[a] < n)
                break;
            at -= o->axes[a].stride * n;
            value[a] = 0;
        }
        if (a == o->n_axes)
            return;
    }
}

/* Copies what an overlapping input may touch, strides and all. */
static void
copy_overlapping(const struct einc_plan *x, const void *const in[],
                 const void *out, const void **copied, char *room)
{
    for (int o = 0; o < x->plan->graph->n_in; o++) {
        const struct extent_bytes *e = &x->touched[o];
        copied[o] = in[o];
        if (!einc_run_overlaps(x, o, in[o], out))
            continue;
        copy_elements(x->plan->graph, &x->plan->graph->in[o], in[o],
                      room - e->lo);
        copied[o] = room - e->lo;
        room += (e->hi - e->lo + 127) / 64 * 64;
    }
}

/* --- memory of a call --------------------------------------------------- */

enum { SMALL_POINTERS = 64, SMALL_WORK = 4096 };

static int
most_inputs(const struct plan *p)
{
    int most = 0;
    for (int s = 0; s < p->n_steps; s++)
        if (p->steps[s].n_in > most)
            most = p->steps[s].n_in;
    return most;
}

static char *
align64(char *p)
{
    return p + ((uintptr_t)0 - (uintptr_t)p) % 64;
}

static enum einc_status
check_work(const struct einc_plan *plan, const struct einc_run_options *o,
           struct einc_err **err)
{
    const struct mem *m = &plan->ctx->mem;
    size_t bytes, align;
    einc_plan_workspace_at(plan, o->place, &bytes, &align);
    if (o->place == EINC_PLACE_HOST && o->threads > 0 &&
        o->threads < plan->ctx->threads) /* scratch is each thread's own */
        bytes = (size_t)(plan->work_at + plan->scratch_bytes * o->threads);
    if (o->work_bytes < bytes)
        return einc_err_set(m, err, EINC_EINVAL,
                            "work has %zu bytes, the plan needs %zu",
                            o->work_bytes, bytes);
    if ((uintptr_t)o->work % align)
        return einc_err_set(m, err, EINC_EINVAL,
                            "work is not aligned to %zu bytes", align);
    return EINC_OK;
}

/* The part of the check that is the same for einsums and programs. */
static enum einc_status
take_options(struct einc_run_options *o, const struct einc_run_options *opts,
             struct einc_err **err)
{
    const struct mem *m = &einc_mem_default;
    if (!einc_take_struct(o, sizeof *o, opts) || o->threads < 0)
        return einc_err_set(m, err, EINC_EINVAL,
                            "size of the einc_run_options is not set, or "
                            "threads is below 0");
    if (o->place < EINC_PLACE_HOST || o->place > EINC_PLACE_CUDA_COPIES)
        return einc_err_set(m, err, EINC_EINVAL, "no such place");
    if (o->reserved)
        return einc_err_set(m, err, EINC_EINVAL, "reserved is not 0");
    return EINC_OK;
}

static enum einc_status
check_run(const struct einc_plan *plan, const void *const in[],
          const void *out, const struct einc_run_options *o,
          struct einc_err **err)
{
    const struct mem *m = plan ? &plan->ctx->mem : &einc_mem_default;
    if (!plan)
        return einc_err_set(m, err, EINC_EINVAL, "plan is NULL");
    if (!out || (!in && plan->plan->graph->n_in))
        return einc_err_set(m, err, EINC_EINVAL, "%s is NULL",
                            out ? "in" : "out");
    for (int i = 0; i < plan->plan->graph->n_in; i++)
        if (!in[i] && plan->touched[i].lo < plan->touched[i].hi)
            return einc_err_set(m, err, EINC_EINVAL, "in[%d] is NULL", i);
    if (o->work && o->place != EINC_PLACE_CUDA_COPIES)
        return check_work(plan, o, err);
    return EINC_OK;
}

static enum einc_status
run_program(const struct einc_plan *plan, const void *const in[],
            void *const out[], const struct einc_run_options *o,
            double *seconds, struct einc_err **err)
{
    return o->place == EINC_PLACE_HOST
               ? einc_program_run(plan, in, out, o, seconds, err)
               : einc_device_run_program(plan, in, out, o, err);
}

enum einc_status
einc_run_timed(const struct einc_plan *plan, const void *const in[],
               void *out, const struct einc_run_options *opts,
               double *seconds, struct einc_err **err)
{
    if (err)
        *err = NULL;
    struct einc_run_options o;
    enum einc_status status = take_options(&o, opts, err);
    if (status != EINC_OK)
        return status;
    if (plan && plan->script && plan->script->program->n_outputs != 1)
        return einc_err_set(&plan->ctx->mem, err, EINC_EINVAL,
                            "the program has %d outputs: einc_run_outs()",
                            plan->script->program->n_outputs);
    if (plan && plan->script)
        return run_program(plan, in, &out, &o, seconds, err);
    status = check_run(plan, in, out, &o, err);
    if (status != EINC_OK)
        return status;
    if (o.place != EINC_PLACE_HOST)
        return einc_device_run(plan, in, out, &o, err);

    const struct mem *m = &plan->ctx->mem;
    const struct plan *p = plan->plan;
    int n_in = p->graph->n_in;
    size_t pointers = (size_t)p->n_tensors + (size_t)n_in +
                      (size_t)most_inputs(p);
    size_t copies = (size_t)copy_bytes(plan, in, out);
    size_t work = o.work ? 0 : plan->workspace_bytes;

    void *small_pointers[SMALL_POINTERS];
    char small_work[SMALL_WORK + 64];
    void **table = small_pointers;
    char *room = small_work, *block = NULL, *table_block = NULL;
    if (pointers > SMALL_POINTERS)
        table = (void **)(table_block =
                              mem_alloc(m, pointers * sizeof *table));
    if (copies + work > SMALL_WORK)
        room = block = mem_alloc(m, copies + work + 64);
    if (!table || !room) {
        mem_free(m, table_block, pointers * sizeof *table);
        mem_free(m, block, copies + work + 64);
        return einc_err_set(m, err, EINC_ENOMEM,
                            "out of memory: %zu bytes of workspace",
                            copies + work);
    }
    room = align64(room);
    const void **copied = (const void **)(table + p->n_tensors);
    copy_overlapping(plan, in, out, copied, room + work);

    int threads = plan->ctx->pool ? plan->ctx->threads : 1;
    if (o.threads > 0 && o.threads < threads)
        threads = o.threads;
    struct running r = {.plan = plan,
                        .in = copied,
                        .out = out,
                        .alpha = o.alpha,
                        .beta = o.beta,
                        .threads = threads,
                        .work = o.work ? o.work : room,
                        .tensor = table,
                        .operand = copied + n_in};
    run_steps(&r, seconds);
    mem_free(m, table_block, pointers * sizeof *table);
    mem_free(m, block, copies + work + 64);
    return EINC_OK;
}

/* --- the short way ------------------------------------------------------ */

/* One step that a kernel does on one thread, without scratch, intermediates,
 * options or anything to complain of: its call and little more. Plans of small
 * tensors take it, for which the long way costs as much as the kernel.
 * Returns 0, with nothing done, if this is not such a call. */
static int
run_quickly(const struct einc_plan *x, const void *const in[], void *out)
{
    const void *operand[QUICK_OPERANDS];
    const struct call *c = einc_plan_call(x, 0);
    const struct step *s = x->plan->steps;
    int n_in = x->plan->graph->n_in;
    if (!c)
        return 0;
    for (int o = 0; o < n_in; o++)
        if (!in[o] || einc_run_overlaps(x, o, in[o], out))
            return 0;
    for (int o = 0; o < s->n_in; o++)
        operand[o] = in[x->plan->tensors[s->in[o]].number];
    struct einc_args args = {
        .out = out, .in = operand, .n = c->n[0], .s = c->s};
    c->entry(&args, 0, c->n_tasks[0]);
    return 1;
}

int
einc_run_is_quick(const struct einc_plan *x)
{
    const struct plan *p = x->plan;
    int quick = p->n_steps == 1 && x->workspace_bytes == 0 &&
                p->graph->n_in <= QUICK_OPERANDS &&
                p->steps[0].n_in <= QUICK_OPERANDS;
    for (int o = 0; quick && o < p->steps[0].n_in; o++)
        quick = p->tensors[p->steps[0].in[o]].home == HOME_INPUT;
    return quick && is_small(&p->steps[0]);
}

enum einc_status
einc_run(const struct einc_plan *plan, const void *const in[], void *out,
         const struct einc_run_options *opts, struct einc_err **err)
{
    if (plan && plan->quick && !opts && in && out &&
        run_quickly(plan, in, out)) {
        if (err)
            *err = NULL;
        return EINC_OK;
    }
    return einc_run_timed(plan, in, out, opts, NULL, err);
}

enum einc_status
einc_run_outs(const struct einc_plan *plan, const void *const in[],
              void *const out[], const struct einc_run_options *opts,
              struct einc_err **err)
{
    struct einc_run_options o;
    if (err)
        *err = NULL;
    if (!plan || !out)
        return einc_err_set(&einc_mem_default, err, EINC_EINVAL, "%s is NULL",
                            plan ? "out" : "plan");
    if (!plan->script)
        return einc_run(plan, in, out[0], opts, err);
    enum einc_status status = take_options(&o, opts, err);
    if (status != EINC_OK)
        return status;
    return run_program(plan, in, out, &o, NULL, err);
}

/* --- the oracle --------------------------------------------------------- */

/* More points than its loops could go through in some days are refused. */
static const double most_points = 0x1p44;

static double
count_points(const struct graph *g)
{
    double points = 1;
    for (int x = 0; x < g->n_indices; x++)
        points *= (double)g->indices[x].extent;
    return points;
}

enum einc_status
einc_reference(const struct einc_plan *plan, const void *const in[],
               void *out, double *bound, struct einc_err **err)
{
    struct einc_run_options o = {0};
    if (err)
        *err = NULL;
    if (plan && plan->script)
        return einc_reference_outs(plan, in, &out, bound ? &bound : NULL, err);
    enum einc_status status = check_run(plan, in, out, &o, err);
    if (status != EINC_OK)
        return status;
    const double points = count_points(plan->plan->graph);
    if (points > most_points)
        return einc_err_set(&plan->ctx->mem, err, EINC_ELIMIT,
                            "the reference goes through all %.2g points of %d "
                            "indices, and takes at most 2^44", points,
                            plan->plan->graph->n_indices);
    status = einc_ref_run(plan->plan->graph, &plan->ctx->mem, in, out,
                          plan->plan->error_terms, bound);
    if (status != EINC_OK)
        return einc_err_set(&plan->ctx->mem, err, status, "out of memory");
    return EINC_OK;
}

enum einc_status
einc_reference_outs(const struct einc_plan *plan, const void *const in[],
                    void *const out[], double *const bound[],
                    struct einc_err **err)
{
    if (err)
        *err = NULL;
    if (!plan || !out || (!in && plan->script &&
                          plan->script->program->n_operands))
        return einc_err_set(&einc_mem_default, err, EINC_EINVAL,
                            "plan, in or out is NULL");
    if (!plan->script)
        return einc_reference(plan, in, out[0], bound ? bound[0] : NULL, err);
    return einc_program_reference(plan, in, out, bound, err);
}

/* --- one call for all --------------------------------------------------- */

/* Expression and layouts as bytes; counts only if `to` is NULL. */
static size_t
write_key(char *to, const char *expr, size_t n_in,
          const struct einc_layout in[], const struct einc_layout *out)
{
    size_t n = 0, text = strlen(expr) + 1;
    if (to)
        memcpy(to, expr, text);
    n += text;
    for (size_t o = 0; o <= n_in; o++) {
        const struct einc_layout *x = o < n_in ? &in[o] : out;
        size_t dims = x->ndim > 0 ? (size_t)x->ndim * sizeof(int64_t) : 0;
        int32_t head[3] = {x->dtype, x->ndim, x->stride != NULL};
        if (to)
            memcpy(to + n, head, sizeof head);
        n += sizeof head;
        if (to && dims)
            memcpy(to + n, x->shape, dims);
        n += dims;
        if (to && dims && x->stride)
            memcpy(to + n, x->stride, dims);
        n += x->stride ? dims : 0;
    }
    return n;
}

static int
is_entry(const struct memo *m, uint64_t hash, const char *key, size_t n)
{
    return m->plan && m->hash == hash && m->key_bytes == n &&
           memcmp(m->key, key, n) == 0;
}

/* A hold on the remembered plan, or NULL. */
static struct einc_plan *
recall(struct einc_ctx *ctx, uint64_t hash, const char *key, size_t n)
{
    struct memo *m = &ctx->memos[hash % MEMO_SLOTS];
    struct einc_plan *plan = NULL;
    pthread_mutex_lock(&ctx->lock);
    if (is_entry(m, hash, key, n)) {
        plan = m->plan;
        __atomic_add_fetch(&plan->holds, 1, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&ctx->lock);
    return plan;
}

/* Takes over `key`; a slot holds the plan that came last. */
static void
remember(struct einc_ctx *ctx, uint64_t hash, char *key, size_t n,
         struct einc_plan *plan)
{
    struct memo *m = &ctx->memos[hash % MEMO_SLOTS];
    __atomic_add_fetch(&plan->holds, 1, __ATOMIC_RELAXED);
    pthread_mutex_lock(&ctx->lock);
    struct memo old = *m;
    *m = (struct memo){hash, key, n, plan};
    pthread_mutex_unlock(&ctx->lock);
    if (old.plan) {
        mem_free(&ctx->mem, old.key, old.key_bytes);
        einc_plan_free(old.plan);
    }
}

static int
layouts_are_readable(size_t n_in, const struct einc_layout in[],
                     const struct einc_layout *out)
{
    for (size_t o = 0; o <= n_in; o++) {
        const struct einc_layout *x = o < n_in ? &in[o] : out;
        if (x->size != sizeof *x || (x->ndim > 0 && !x->shape))
            return 0;
    }
    return 1;
}

enum einc_status
einc_einsum(struct einc_ctx *ctx, const char *expr, size_t n_in,
            const struct einc_layout in[], const void *const in_data[],
            const struct einc_layout *out, void *out_data,
            struct einc_err **err)
{
    enum { SMALL_KEY = 1024 };
    if (err)
        *err = NULL;
    ctx = ctx ? ctx : einc_ctx_default();
    if (!ctx)
        return einc_err_set(&einc_mem_default, err, EINC_ENOMEM, "out of memory");
    if (!expr || !out || (!in && n_in) || !layouts_are_readable(n_in, in, out))
        return einc_err_set(&ctx->mem, err, EINC_EINVAL,
                            "expr, out or a layout is NULL or not filled in");
    char small[SMALL_KEY];
    size_t n = write_key(NULL, expr, n_in, in, out);
    char *key = n <= SMALL_KEY ? small : mem_alloc(&ctx->mem, n);
    if (!key)
        return einc_err_set(&ctx->mem, err, EINC_ENOMEM, "out of memory");
    write_key(key, expr, n_in, in, out);
    uint64_t hash = hash_bytes(key, (int64_t)n);
    struct einc_plan *plan = recall(ctx, hash, key, n);
    enum einc_status status = EINC_OK;
    if (!plan) {
        status = einc_compile(ctx, expr, n_in, in, out, NULL, &plan, err);
        char *own = status == EINC_OK ? mem_alloc(&ctx->mem, n) : NULL;
        if (own) {
            memcpy(own, key, n);
            remember(ctx, hash, own, n, plan);
        }
    }
    if (key != small)
        mem_free(&ctx->mem, key, n);
    if (status == EINC_OK)
        status = einc_run(plan, in_data, out_data, NULL, err);
    einc_plan_free(plan);
    return status;
}

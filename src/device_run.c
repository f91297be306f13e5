/* SPDX-License-Identifier: MIT
 *
 * device_run.c - plans on a GPU: their steps as kernels, one launch each, in
 * the order of a stream.
 */
#include "device.h"
#include "plan/lower.h"

/* A step ready to be launched; in the block of its device_plan. */
struct device_step {
    void *kernel;
    int64_t blocks;
    int shared_bytes;
    struct device_parts parts;
    int scale_at, parts_at; /* words; of the latter there may be none */
    int n_in;
    int n_words;           /* as DEVICE_ABI says */
    const int64_t *words;  /* addresses and scale are the run's */
};

struct device_plan {
    size_t bytes;          /* of this block */
    struct device_step steps[];
};

/* --- preparing ----------------------------------------------------------- */

/* The units of a plan while it is prepared. */
struct preparing {
    const struct einc_plan *plan;
    int sm;                /* of the device, as struct gpu has it */
    struct unit *units;
    struct device_step *steps;
};

static int
at_least_one(int n)
{
    return n ? n : 1;
}

static const struct nest *
nest_of(struct guarded *g, const struct preparing *y, int s)
{
    const struct target *cuda = einc_target_find(str_of("cuda"));
    const struct nest *w = einc_nest_build(&g->perm, g->scratch, y->plan->plan,
                                           s, cuda, NEST_GENERIC, FAMILY_ANY);
    return einc_nest_suits(w, y->sm)
               ? w
               : einc_nest_build(&g->perm, g->scratch, y->plan->plan, s, cuda,
                                 NEST_GENERIC, FAMILY_BLOCK);
}

static void
prepare_step(struct guarded *g, struct preparing *y, int s)
{
    const struct nest *w = nest_of(g, y, s);
    int at_n = 1 + at_least_one(w->n_in);
    int at_s = at_n + at_least_one(w->n_extents);
    int n_words = at_s + at_least_one(w->n_strides) + DEVICE_TAIL;
    int more = w->family == FAMILY_STREAM ? 0 : DEVICE_PARTS;
    int64_t *words = NEW(&g->perm, int64_t, n_words + more);
    y->units[s] = einc_emit_cuda_unit(&g->perm, w);
    y->steps[s] = (struct device_step){
        .blocks = einc_emit_cuda_blocks(w, words + at_n, words + at_s),
        .shared_bytes = y->units[s].shared_bytes,
        .n_in = w->n_in,
        .parts = einc_emit_cuda_parts(w),
        .scale_at = n_words - DEVICE_TAIL,
        .parts_at = n_words,
        .n_words = n_words + more,
        .words = words};
}

static void
prepare_steps(struct guarded *g, void *arg)
{
    struct preparing *y = arg;
    int n = y->plan->plan->n_steps;
    y->units = NEW(&g->perm, struct unit, n);
    y->steps = NEW(&g->perm, struct device_step, n);
    for (int s = 0; s < n; s++)
        prepare_step(g, y, s);
}

static enum einc_status
load_steps(struct device *d, const struct preparing *y, struct trouble *why)
{
    const struct einc_plan *x = y->plan;
    struct gpu_visit visit;
    enum einc_status status = einc_gpu_enter(&d->gpu, &visit, why);
    if (status != EINC_OK)
        return status;
    for (int s = 0; s < x->plan->n_steps && status == EINC_OK; s++) {
        if (y->steps[s].n_words > DEVICE_MOST_WORDS)
            status = einc_trouble(why, EINC_ELIMIT,
                                  "step %d has %d extents, strides and "
                                  "addresses: CUDA takes %d",
                                  s + 1, y->steps[s].n_words, DEVICE_MOST_WORDS);
        else if (y->steps[s].blocks)
            status = einc_device_kernel(x->ctx, d, &y->units[s],
                                        !(x->flags & EINC_NO_CACHE),
                                        &y->steps[s].kernel, why);
    }
    einc_gpu_leave(&d->gpu, &visit);
    return status;
}

/* The steps and their words as one block. */
static struct device_plan *
copy_steps(const struct preparing *y)
{
    int n = y->plan->plan->n_steps;
    size_t bytes = sizeof(struct device_plan) +
                   (size_t)n * sizeof(struct device_step);
    size_t words_at = bytes;
    for (int s = 0; s < n; s++)
        bytes += (size_t)y->steps[s].n_words * sizeof(int64_t);
    struct device_plan *p = mem_alloc(&y->plan->ctx->mem, bytes);
    if (!p)
        return NULL;
    p->bytes = bytes;
    int64_t *words = (int64_t *)(void *)((char *)p + words_at);
    for (int s = 0; s < n; s++) {
        p->steps[s] = y->steps[s];
        p->steps[s].words = words;
        memcpy(words, y->steps[s].words,
               (size_t)y->steps[s].n_words * sizeof *words);
        words += y->steps[s].n_words;
    }
    return p;
}

/* Of two threads that prepare a plan at once the first one's work is kept. */
static void
publish(struct einc_plan *x, struct device_plan *p)
{
    struct device_plan *none = NULL;
    if (!__atomic_compare_exchange_n(&x->on_device, &none, p, 0,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        mem_free(&x->ctx->mem, p, p->bytes);
}

static enum einc_status
prepare(struct einc_plan *x, struct device *d, struct trouble *why)
{
    struct preparing y = {.plan = x, .sm = d->gpu.sm};
    struct guarded g = {.ctx = x->ctx};
    enum einc_status status = einc_guard(&g, prepare_steps, &y, NULL);
    if (status != EINC_OK)
        return einc_trouble(why, status, "out of memory");
    status = load_steps(d, &y, why);
    struct device_plan *p = status == EINC_OK ? copy_steps(&y) : NULL;
    einc_guard_free(&g, 1);
    einc_guard_free(&g, 0);
    if (status != EINC_OK)
        return status;
    if (!p)
        return einc_trouble(why, EINC_ENOMEM, "out of memory");
    publish(x, p);
    return EINC_OK;
}

void
einc_device_forget(struct einc_plan *x)
{
    if (x->on_device)
        mem_free(&x->ctx->mem, x->on_device, x->on_device->bytes);
    x->on_device = NULL;
}

enum einc_status
einc_device_ready(const struct einc_plan *x, struct device *d,
                  struct trouble *why)
{
    if (__atomic_load_n(&x->on_device, __ATOMIC_ACQUIRE))
        return EINC_OK;
    /* Plans are const to their users; this is ours and only ever set once. */
    return prepare((struct einc_plan *)(uintptr_t)x, d, why);
}

/* The device with the plan's kernels on it. */
static enum einc_status
get_ready(const struct einc_plan *x, struct device **d, struct trouble *why)
{
    enum einc_status status = einc_device_get(x->ctx, d, why);
    if (status != EINC_OK)
        return status;
    return x->script ? einc_device_program_ready(x, *d, why)
                     : einc_device_ready(x, *d, why);
}

/* --- launching ----------------------------------------------------------- */

/* What one run works on: addresses of elements (0, ...) on the device. */
struct device_run {
    const struct einc_plan *plan;
    const struct gpu *gpu;
    const gpu_address *in;
    gpu_address out, work;
    const struct einc_run_options *o;
    void *stream;
};

static gpu_address
address(const struct device_run *r, int tensor)
{
    const struct plan_tensor *x = &r->plan->plan->tensors[tensor];
    return x->home == HOME_INPUT  ? r->in[x->number]
           : x->home == HOME_TEMP ? r->work + (gpu_address)x->at_byte
                                  : r->out;
}

static void
put_scale(const struct device_run *r, int64_t tail[DEVICE_TAIL])
{
    enum { ALPHA = 0, BETA = 2, WITH_ALPHA = 4, WITH_BETA = 5 };
    size_t bytes = (size_t)einc_dtype_info(r->plan->plan->graph->compute)->bytes;
    tail[WITH_ALPHA] = r->o->alpha != NULL;
    tail[WITH_BETA] = r->o->beta != NULL;
    if (r->o->alpha)
        memcpy(&tail[ALPHA], r->o->alpha, bytes);
    if (r->o->beta)
        memcpy(&tail[BETA], r->o->beta, bytes);
}

/* Parts of K, then their sums in order; between the two they are in memory
 * that comes and goes in the order of the stream. */
static enum einc_status
launch_parts(const struct device_run *r, const struct device_step *x,
             int64_t *words, struct trouble *why)
{
    gpu_address parts;
    enum einc_status status = einc_gpu_alloc(
        r->gpu, (size_t)x->parts.bytes, r->stream, &parts, why);
    words[x->parts_at] = (int64_t)parts;
    words[x->parts_at + 1] = x->parts.n;
    words[x->parts_at + 2] = x->parts.depth;
    for (int adds = 0; adds < 2 && status == EINC_OK; adds++) {
        words[x->parts_at + 3] = adds;
        status = einc_gpu_launch(r->gpu, x->kernel, x->blocks * x->parts.n,
                                 DEVICE_THREADS, x->shared_bytes, r->stream,
                                 words, why);
    }
    einc_gpu_free(r->gpu, parts, r->stream);
    return status;
}

static enum einc_status
launch(const struct device_run *r, int s, struct trouble *why)
{
    const struct plan *p = r->plan->plan;
    const struct device_step *x = &r->plan->on_device->steps[s];
    int64_t words[DEVICE_MOST_WORDS];
    if (!x->blocks)
        return EINC_OK;
    memcpy(words, x->words, (size_t)x->n_words * sizeof *words);
    words[0] = (int64_t)address(r, p->steps[s].out);
    for (int o = 0; o < x->n_in; o++)
        words[1 + o] = (int64_t)address(r, p->steps[s].in[o]);
    if (s == p->n_steps - 1)
        put_scale(r, words + x->scale_at);
    return x->parts.n > 1
               ? launch_parts(r, x, words, why)
               : einc_gpu_launch(r->gpu, x->kernel, x->blocks, DEVICE_THREADS,
                                 x->shared_bytes, r->stream, words, why);
}

/* Intermediates are the caller's, or come and go in the order of the stream. */
static enum einc_status
launch_all(struct device_run *r, struct trouble *why)
{
    const struct plan *p = r->plan->plan;
    enum einc_status status = EINC_OK;
    if (!r->o->work)
        status = einc_gpu_alloc(r->gpu, (size_t)p->temporary_bytes, r->stream,
                                &r->work, why);
    for (int s = 0; s < p->n_steps && status == EINC_OK; s++)
        status = launch(r, s, why);
    if (!r->o->work)
        einc_gpu_free(r->gpu, r->work, r->stream);
    return status;
}

enum einc_status
einc_device_launch(const struct einc_plan *x, const struct gpu *gpu,
                   const struct device_call *c, struct trouble *why)
{
    const struct einc_run_options o = {.size = sizeof o, .alpha = c->alpha,
                                       .beta = c->beta};
    const struct device_run r = {.plan = x, .gpu = gpu, .in = c->in,
                                 .out = c->out, .work = c->work, .o = &o,
                                 .stream = c->stream};
    enum einc_status status = EINC_OK;
    for (int s = 0; s < x->plan->n_steps && status == EINC_OK; s++)
        status = launch(&r, s, why);
    return status;
}

/* --- tensors on the device ----------------------------------------------- */

/* Tables for inputs; more than these are allocated. */
enum { FEW = 16 };

static gpu_address *
open_table(const struct einc_plan *x, gpu_address few[FEW])
{
    size_t n = (size_t)x->plan->graph->n_in;
    return n <= FEW ? few : mem_alloc(&x->ctx->mem, n * sizeof *few);
}

static void
close_table(const struct einc_plan *x, gpu_address *table,
            gpu_address few[FEW])
{
    if (table != few)
        mem_free(&x->ctx->mem, table,
                 (size_t)x->plan->graph->n_in * sizeof *table);
}

static enum einc_status
run_there(struct device_run *r, gpu_address *in, const void *const from[],
          void *out, struct trouble *why)
{
    for (int o = 0; o < r->plan->plan->graph->n_in; o++) {
        in[o] = (gpu_address)(uintptr_t)from[o];
        if (einc_run_overlaps(r->plan, o, from[o], out))
            return einc_trouble(why, EINC_EALIAS,
                                "in[%d] overlaps out: on the device they "
                                "must be apart", o);
    }
    r->out = (gpu_address)(uintptr_t)out;
    r->work = (gpu_address)(uintptr_t)r->o->work;
    r->stream = r->o->stream;
    return launch_all(r, why);
}

/* --- copies of the host's tensors ---------------------------------------- */

static size_t
bytes_of(const struct einc_plan *x, int number)
{
    const struct extent_bytes *e = &x->touched[number];
    return e->hi > e->lo ? (size_t)(e->hi - e->lo) : 0;
}

/* All that tensor `number` touches, to the device; *at: element (0, ...). */
static enum einc_status
copy_in(const struct device_run *r, int number, const void *from,
        int with_data, gpu_address *block, gpu_address *at,
        struct trouble *why)
{
    const struct extent_bytes *e = &r->plan->touched[number];
    size_t bytes = bytes_of(r->plan, number);
    enum einc_status status =
        einc_gpu_alloc(r->gpu, bytes, r->stream, block, why);
    *at = *block - (gpu_address)e->lo;
    if (status != EINC_OK || !with_data)
        return status;
    return einc_gpu_copy_in(r->gpu, *block, (const char *)from + e->lo, bytes,
                            r->stream, why);
}

static enum einc_status
run_copies(struct device_run *r, gpu_address *in, gpu_address *blocks,
           const void *const from[], void *out, struct trouble *why)
{
    int n_in = r->plan->plan->graph->n_in;
    const struct extent_bytes *e = &r->plan->touched[n_in];
    struct einc_run_options o = *r->o;
    enum einc_status status = EINC_OK;
    o.work = NULL; /* the host's, if anybody's */
    r->o = &o;
    for (int t = 0; t < n_in && status == EINC_OK; t++)
        status = copy_in(r, t, from[t], 1, &blocks[t], &in[t], why);
    /* what lies between the elements of out comes back as it was */
    if (status == EINC_OK)
        status = copy_in(r, n_in, out, 1, &blocks[n_in], &r->out, why);
    if (status == EINC_OK)
        status = launch_all(r, why);
    if (status == EINC_OK)
        status = einc_gpu_copy_out(r->gpu, (char *)out + e->lo, blocks[n_in],
                                   bytes_of(r->plan, n_in), r->stream, why);
    for (int t = 0; t <= n_in; t++)
        einc_gpu_free(r->gpu, blocks[t], r->stream);
    enum einc_status end = einc_gpu_wait(r->gpu, r->stream,
                                         status ? NULL : why);
    return status ? status : end;
}

static enum einc_status
run_through(struct device_run *r, gpu_address *in, const void *const from[],
            void *out, struct trouble *why)
{
    const struct mem *m = &r->plan->ctx->mem;
    size_t bytes = ((size_t)r->plan->plan->graph->n_in + 1) * sizeof *in;
    gpu_address *blocks = mem_alloc(m, bytes);
    if (!blocks)
        return einc_trouble(why, EINC_ENOMEM, "out of memory");
    memset(blocks, 0, bytes);
    enum einc_status status = einc_gpu_stream(r->gpu, &r->stream, why);
    if (status == EINC_OK) {
        status = run_copies(r, in, blocks, from, out, why);
        einc_gpu_stream_close(r->gpu, r->stream);
    }
    mem_free(m, blocks, bytes);
    return status;
}

/* --- einc.h -------------------------------------------------------------- */

static enum einc_status
run(const struct einc_plan *x, struct device *d, const void *const in[],
    void *out, const struct einc_run_options *o, struct trouble *why)
{
    gpu_address few[FEW], *table = open_table(x, few);
    struct gpu_visit visit;
    struct device_run r = {.plan = x, .gpu = &d->gpu, .in = table, .o = o};
    if (!table)
        return einc_trouble(why, EINC_ENOMEM, "out of memory");
    enum einc_status status = einc_gpu_enter(&d->gpu, &visit, why);
    if (status == EINC_OK) {
        status = o->place == EINC_PLACE_CUDA
                     ? run_there(&r, table, in, out, why)
                     : run_through(&r, table, in, out, why);
        einc_gpu_leave(&d->gpu, &visit);
    }
    close_table(x, table, few);
    return status;
}

enum einc_status
einc_device_run(const struct einc_plan *x, const void *const in[], void *out,
                const struct einc_run_options *o, struct einc_err **err)
{
    struct device *d;
    struct trouble why = {0};
    enum einc_status status = get_ready(x, &d, &why);
    if (status == EINC_OK)
        status = run(x, d, in, out, o, &why);
    return status == EINC_OK ? status
                             : einc_err_set(&x->ctx->mem, err, status, "%s",
                                            why.text);
}

enum einc_status
einc_plan_prepare(const struct einc_plan *plan, int32_t place,
                  struct einc_err **err)
{
    struct device *d;
    struct trouble why = {0};
    if (err)
        *err = NULL;
    if (!plan || place < EINC_PLACE_HOST || place > EINC_PLACE_CUDA_COPIES)
        return einc_err_set(&einc_mem_default, err, EINC_EINVAL,
                            plan ? "no such place" : "plan is NULL");
    if (place == EINC_PLACE_HOST)
        return EINC_OK;
    enum einc_status status = get_ready(plan, &d, &why);
    return status == EINC_OK ? status
                             : einc_err_set(&plan->ctx->mem, err, status,
                                            "%s", why.text);
}

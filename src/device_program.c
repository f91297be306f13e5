/* SPDX-License-Identifier: MIT
 *
 * device_program.c - programs of index statements on a GPU: the stages of the
 * script in the order of a stream. Einsums run as they do alone, all else by
 * kernels that are made here.
 */
#include "codegen/emit_border.h"
#include "codegen/mapreduce.h"
#include "device.h"
#include "plan/strips.h"

enum { WORK_ALIGN = 256 };

/* A copy with a border, before each slice of an einsum. */
struct device_copy {
    void *kernel;      /* NULL: the operand is read as it is */
    int64_t blocks;
};

/* A stage ready to be run. */
struct device_stage {
    void *kernel;          /* of a statement; NULL: nothing to do */
    int64_t blocks;
    int64_t *words;        /* see MAP_TAIL; addresses are the run's. NULL: an
                            * einsum */
    int n_words;
    int64_t scratch_bytes; /* of all threads */
    struct device_copy *copies; /* of an einsum: [n_in] */
};

/* All of it lies in one block. */
struct device_program {
    void *block;
    size_t block_bytes;
    struct device_stage *stages;
    int64_t scratch_bytes; /* of the hungriest stage */
};

/* --- preparing ----------------------------------------------------------- */

/* What is prepared, with texts that are not kept. */
struct preparing {
    const struct einc_plan *plan;
    struct device_program *made;
    struct unit *maps;     /* [n_stages]; source NULL: none */
    struct unit **copies;  /* [n_stages][n_in] */
};

static int64_t
at_least_one(int64_t n)
{
    return n ? n : 1;
}

static int64_t
aligned(int64_t bytes)
{
    return (bytes + WORK_ALIGN - 1) / WORK_ALIGN * WORK_ALIGN;
}

/* A statement for a list of places asks the host how many there are: the one
 * for all of them is run in its stead, which stands beside it. */
static int
is_left_out(const struct einc_plan *x, int s)
{
    const struct stmt *stmt =
        &x->script->program->stmts[x->script->stages[s].stmt];
    return stmt->gate && stmt->few;
}

/* An einsum that is no block of a matrix product is loops, which a team of
 * threads may share. 0: it has no such kernel. */
static int
prepare_map(struct guarded *g, struct preparing *y, int s)
{
    const struct program *p = y->plan->script->program;
    const struct stage *stage = &y->plan->script->stages[s];
    const struct stmt *stmt = &p->stmts[stage->stmt];
    const struct einc_plan *einsum = y->plan->stages[s].plan;
    struct device_stage *x = &y->made->stages[s];
    if (einsum && einc_emit_cuda_has_block(&g->scratch, einsum->plan))
        return 0;
    const enum team_choice team = (enum team_choice)y->plan->device_team;
    const struct mapreduce *m = einc_mapreduce_build(
        &g->scratch, g->scratch, p, stmt, einc_target_find(str_of("cuda")),
        team == TEAM_NEVER ? SIZES_FEW : SIZES_GENERIC); /* in tests */
    if (!m && einsum)
        return 0;
    if (!m)
        einc_fail(&g->cx, EINC_EUNSUP, "E901", stmt->at,
                  "this statement has no kernel for a GPU: it writes beside "
                  "its output, or has too many loops");
    struct unit *u = &y->maps[s];
    *u = einc_emit_cuda_mapreduce(&g->scratch, m, team);
    int64_t n = 1 + at_least_one(p->n_tensors);
    int64_t strides = n + at_least_one(u->n_extents);
    int64_t tail = strides + at_least_one(u->n_strides);
    x->n_words = (int)(tail + MAP_TAIL);
    x->words = NEW(&g->perm, int64_t, x->n_words);
    const struct cuda_grid grid = einc_emit_cuda_grid(m, team);
    einc_mapreduce_arguments(m, 1, x->words + n, x->words + strides);
    x->blocks = grid.blocks;
    x->words[tail + 2] = u->scratch_bytes;
    x->words[tail + 3] = grid.tasks;
    x->words[tail + 4] = grid.step;
    x->scratch_bytes = grid.scratch_bytes;
    if (x->scratch_bytes > y->made->scratch_bytes)
        y->made->scratch_bytes = x->scratch_bytes;
    return 1;
}

static void
prepare_contract(struct guarded *g, struct preparing *y, int s)
{
    const struct stage *stage = &y->plan->script->stages[s];
    struct device_stage *x = &y->made->stages[s];
    x->copies = NEW(&g->perm, struct device_copy, stage->n_in);
    y->copies[s] = NEW(&g->scratch, struct unit, stage->n_in);
    for (int o = 0; o < stage->n_in; o++) {
        const struct border *b = stage->in[o].border;
        if (!b)
            continue;
        int64_t elements = border_rows(b) * b->dim[b->n_dims - 1].count;
        y->copies[s][o] = einc_emit_cuda_border(&g->scratch, b);
        x->copies[o].blocks =
            (elements + DEVICE_THREADS - 1) / DEVICE_THREADS;
    }
}

static void
prepare_stages(struct guarded *g, void *arg)
{
    struct preparing *y = arg;
    const struct script *s = y->plan->script;
    y->made = NEW(&g->perm, struct device_program, 1);
    y->made->stages = NEW(&g->perm, struct device_stage, s->n_stages);
    y->maps = NEW(&g->scratch, struct unit, s->n_stages);
    y->copies = NEW(&g->scratch, struct unit *, s->n_stages);
    for (int i = 0; i < s->n_stages; i++)
        if (!is_left_out(y->plan, i) && !prepare_map(g, y, i))
            prepare_contract(g, y, i);
}

static enum einc_status
load_copies(struct device *d, const struct preparing *y, int s,
            struct trouble *why)
{
    const struct einc_plan *x = y->plan;
    struct device_copy *copies = y->made->stages[s].copies;
    enum einc_status status = EINC_OK;
    for (int o = 0; o < x->script->stages[s].n_in && status == EINC_OK; o++)
        if (copies[o].blocks)
            status = einc_device_kernel(x->ctx, d, &y->copies[s][o],
                                        !(x->flags & EINC_NO_CACHE),
                                        &copies[o].kernel, why);
    return status;
}

static enum einc_status
load_stage(struct device *d, const struct preparing *y, int s,
           struct trouble *why)
{
    const struct einc_plan *x = y->plan;
    struct device_stage *stage = &y->made->stages[s];
    if (is_left_out(x, s))
        return EINC_OK;
    if (!stage->words) {
        enum einc_status status =
            einc_device_ready(x->stages[s].plan, d, why);
        return status == EINC_OK ? load_copies(d, y, s, why) : status;
    }
    if (stage->n_words > DEVICE_MOST_WORDS)
        return einc_trouble(why, EINC_ELIMIT,
                            "statement %d has %d tensors, extents and "
                            "strides: CUDA takes %d", s + 1, stage->n_words,
                            DEVICE_MOST_WORDS);
    if (!stage->blocks)
        return EINC_OK;
    return einc_device_kernel(x->ctx, d, &y->maps[s],
                              !(x->flags & EINC_NO_CACHE), &stage->kernel,
                              why);
}

static enum einc_status
load_stages(struct device *d, const struct preparing *y, struct trouble *why)
{
    struct gpu_visit visit;
    enum einc_status status = einc_gpu_enter(&d->gpu, &visit, why);
    if (status != EINC_OK)
        return status;
    for (int s = 0; s < y->plan->script->n_stages && status == EINC_OK; s++)
        status = load_stage(d, y, s, why);
    einc_gpu_leave(&d->gpu, &visit);
    return status;
}

/* Of two threads that prepare a plan at once the first one's work is kept. */
static void
publish(struct einc_plan *x, struct device_program *p)
{
    struct device_program *none = NULL;
    if (!__atomic_compare_exchange_n(&x->program_on_device, &none, p, 0,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        mem_free(&x->ctx->mem, p->block, p->block_bytes);
}

enum einc_status
einc_device_program_ready(const struct einc_plan *x, struct device *d,
                          struct trouble *why)
{
    struct preparing y = {.plan = x};
    struct guarded g = {.ctx = x->ctx, .source = x->script->program->source};
    struct einc_err *err = NULL;
    if (__atomic_load_n(&x->program_on_device, __ATOMIC_ACQUIRE))
        return EINC_OK;
    enum einc_status status = einc_guard(&g, prepare_stages, &y, &err);
    if (status != EINC_OK) {
        einc_trouble(why, status, "%s", einc_err_text(err));
        einc_err_free(err);
        return status;
    }
    status = load_stages(d, &y, why);
    einc_guard_free(&g, 1);
    if (status != EINC_OK) {
        einc_guard_free(&g, 0);
        return status;
    }
    y.made->block = g.blocks[0];
    y.made->block_bytes = g.bytes[0];
    /* Plans are const to their users; this is ours and only ever set once. */
    publish((struct einc_plan *)(uintptr_t)x, y.made);
    return EINC_OK;
}

void
einc_device_program_forget(struct einc_plan *x)
{
    struct device_program *p = x->program_on_device;
    if (p)
        mem_free(&x->ctx->mem, p->block, p->block_bytes);
    x->program_on_device = NULL;
}

/* --- memory -------------------------------------------------------------- */

/* Behind the temporaries, and behind those that a strip has. */
static int64_t
behind_temporaries(const struct einc_plan *x)
{
    int64_t most = 0;
    for (int s = 0; s < x->script->n_stages; s++)
        most = x->script->stages[s].inner_bytes > most
                   ? x->script->stages[s].inner_bytes
                   : most;
    return aligned(x->script->temp_bytes) + aligned(most);
}

/* There: copies with borders, and what an einsum keeps. */
int64_t
einc_device_program_bytes(const struct einc_plan *x)
{
    int64_t most = 0;
    for (int s = 0; s < x->script->n_stages; s++) {
        const struct einc_plan *own = x->stages[s].plan;
        int64_t bytes = own ? aligned(x->script->stages[s].border_bytes) +
                                  own->plan->temporary_bytes
                            : 0;
        most = bytes > most ? bytes : most;
    }
    return behind_temporaries(x) + most;
}

/* --- launching ----------------------------------------------------------- */

/* What one run works on. */
struct running {
    const struct einc_plan *x;
    const struct device_program *made;
    const struct gpu *gpu;
    gpu_address *tensor;   /* [n_tensors]: element (0, ...) */
    gpu_address work, scratch, stray;
    void *stream;
};

static enum einc_status
run_map(const struct running *r, int s, struct trouble *why)
{
    const struct device_stage *x = &r->made->stages[s];
    const struct program *p = r->x->script->program;
    const struct stmt *stmt = &p->stmts[r->x->script->stages[s].stmt];
    int64_t words[DEVICE_MOST_WORDS];
    if (!x->kernel)
        return EINC_OK;
    memcpy(words, x->words, (size_t)x->n_words * sizeof *words);
    words[0] = (int64_t)r->tensor[stmt->left.tensor];
    for (int t = 0; t < p->n_tensors; t++)
        words[1 + t] = (int64_t)r->tensor[t];
    words[x->n_words - MAP_TAIL] = (int64_t)r->scratch;
    words[x->n_words - MAP_TAIL + 1] = (int64_t)r->stray;
    return einc_gpu_launch(r->gpu, x->kernel, x->blocks, DEVICE_THREADS, 0,
                           r->stream, words, why);
}

static gpu_address
place_of(const struct running *r, const struct stage_tensor *t, int64_t start)
{
    return r->tensor[t->tensor] +
           (gpu_address)((t->offset + start * t->slice) *
                         einc_dtype_info(t->dtype)->bytes);
}

/* The copy of operand o with its border; it is that of the first slice, unless
 * it moves. */
static enum einc_status
copy_border(const struct running *r, int s, int o, int64_t start,
            gpu_address *at, struct trouble *why)
{
    const struct stage_tensor *t = &r->x->script->stages[s].in[o];
    const struct device_copy *x = &r->made->stages[s].copies[o];
    gpu_address to = r->work +
                     (gpu_address)(behind_temporaries(r->x) + t->border_at);
    int64_t words[] = {(int64_t)r->tensor[t->tensor], (int64_t)to, start};
    *at = to + (gpu_address)(t->offset * einc_dtype_info(t->dtype)->bytes);
    if (!x->kernel || (start > 0 && !t->border->moves))
        return EINC_OK;
    return einc_gpu_launch(r->gpu, x->kernel, x->blocks, DEVICE_THREADS, 0,
                           r->stream, words, why);
}

static enum einc_status
run_slice(const struct running *r, int s, int64_t start,
          struct device_call *c, struct trouble *why)
{
    enum { MOST_IN = 32 }; /* factors of a stage */
    const struct stage *g = &r->x->script->stages[s];
    gpu_address in[MOST_IN];
    enum einc_status status = EINC_OK;
    for (int o = 0; o < g->n_in && status == EINC_OK; o++)
        if (g->in[o].border)
            status = copy_border(r, s, o, start, &in[o], why);
        else
            in[o] = place_of(r, &g->in[o], start);
    c->in = in;
    c->out = place_of(r, &g->out, start);
    return status == EINC_OK
               ? einc_device_launch(r->x->stages[s].plan, r->gpu, c, why)
               : status;
}

static enum einc_status
run_contract(const struct running *r, int s, struct trouble *why)
{
    const struct stage *g = &r->x->script->stages[s];
    enum einc_dtype compute = einc_plan_compute(r->x->stages[s].plan);
    union scalar alpha, beta;
    struct device_call c = {
        .work = r->work + (gpu_address)(behind_temporaries(r->x) +
                                        aligned(g->border_bytes)),
        .alpha = g->scale != 1
                     ? einc_program_scalar(&alpha, compute, g->scale)
                     : NULL,
        .beta = g->adds ? einc_program_scalar(&beta, compute, 1) : NULL,
        .stream = r->stream};
    enum einc_status status = EINC_OK;
    for (int64_t x = 0; x < g->slices.count && status == EINC_OK; x++)
        status = run_slice(r, s, slices_start(&g->slices, x), &c, why);
    return status;
}

/* All tensors of a stage begin so many values of its index later. */
static void
move(const struct running *r, int s, int64_t by)
{
    const struct program *p = r->x->script->program;
    const int64_t *step = r->x->script->stages[s].step;
    for (int t = 0; t < p->n_tensors; t++)
        r->tensor[t] += (gpu_address)(by * step[t] *
                                      einc_dtype_info(p->tensors[t].dtype)
                                          ->bytes);
}

static enum einc_status
run_stage(const struct running *r, int s, struct trouble *why)
{
    if (is_left_out(r->x, s))
        return EINC_OK;
    return r->made->stages[s].words ? run_map(r, s, why)
                                    : run_contract(r, s, why);
}

static enum einc_status
run_strips(const struct running *r, int first, int end, struct trouble *why)
{
    const struct script *all = r->x->script;
    const struct slices *slices =
        &all->program->stmts[first].strip.of->slices;
    enum einc_status status = EINC_OK;
    for (int64_t strip = 0; strip < slices->count; strip++)
        for (int s = first; s < end && status == EINC_OK; s++) {
            int64_t start = slices_start(slices, strip);
            move(r, s, start);
            status = run_stage(r, s, why);
            move(r, s, -start);
        }
    return status;
}

static enum einc_status
run_stages(const struct running *r, struct trouble *why)
{
    const struct script *all = r->x->script;
    enum einc_status status = EINC_OK;
    for (int s = 0, end; s < all->n_stages && status == EINC_OK; s = end) {
        end = einc_script_together(all, s);
        status = all->stages[s].step ? run_strips(r, s, end, why)
                                     : run_stage(r, s, why);
    }
    return status;
}

/* Addresses of temporaries; of a strip they are behind the others. */
static void
place_temporaries(struct running *r)
{
    const struct script *s = r->x->script;
    for (int t = 0; t < s->program->n_tensors; t++)
        if (s->program->tensors[t].kind == TENSOR_TEMP)
            r->tensor[t] =
                r->work +
                (gpu_address)(s->at_byte[t] < 0 ? 0 : s->at_byte[t]);
    for (int i = 0; i < s->n_stages; i++)
        if (s->program->stmts[i].strip.is_inner)
            r->tensor[s->program->stmts[i].left.tensor] +=
                (gpu_address)aligned(s->temp_bytes);
}

/* Temporaries are the caller's or come and go in the order of the stream;
 * scratch of kernels always does. */
static enum einc_status
run_with_memory(struct running *r, void *work, struct trouble *why)
{
    gpu_address own = 0;
    enum einc_status status = EINC_OK;
    r->work = (gpu_address)(uintptr_t)work;
    if (!work) {
        status = einc_gpu_alloc(r->gpu,
                                (size_t)einc_device_program_bytes(r->x),
                                r->stream, &own, why);
        r->work = own;
    }
    if (status == EINC_OK)
        status = einc_gpu_alloc(r->gpu, (size_t)r->made->scratch_bytes,
                                r->stream, &r->scratch, why);
    place_temporaries(r);
    if (status == EINC_OK)
        status = run_stages(r, why);
    einc_gpu_free(r->gpu, r->scratch, r->stream);
    einc_gpu_free(r->gpu, own, r->stream);
    return status;
}

/* --- tensors on the device ----------------------------------------------- */

static enum einc_status
run_there(struct running *r, const void *const in[], void *const out[],
          const struct einc_run_options *o, struct trouble *why)
{
    const struct program *p = r->x->script->program;
    for (int t = 0; t < p->n_tensors; t++) {
        const struct tensor *y = &p->tensors[t];
        if (y->kind == TENSOR_TEMP)
            continue;
        if (y->kind == TENSOR_OPERAND &&
            einc_program_overlaps(r->x, t, in[y->number], out))
            return einc_trouble(why, EINC_EALIAS,
                                "in[%d] overlaps an output: on the device "
                                "they must be apart", y->number);
        r->tensor[t] =
            (gpu_address)(uintptr_t)(y->kind == TENSOR_OPERAND
                                         ? in[y->number]
                                         : out[y->number]);
    }
    r->stream = o->stream;
    return run_with_memory(r, o->work, why);
}

/* --- copies of the host's tensors ---------------------------------------- */

static const void *
host_of(const struct tensor *y, const void *const in[], void *const out[])
{
    return y->kind == TENSOR_OPERAND ? in[y->number] : out[y->number];
}

static size_t
bytes_of(const struct einc_plan *x, int t)
{
    const struct extent_bytes *e = &x->touched[t];
    return e->hi > e->lo ? (size_t)(e->hi - e->lo) : 0;
}

/* All that a tensor touches; what lies between the elements of outputs comes
 * back as it was. */
static enum einc_status
copy_in(struct running *r, int t, const void *from, gpu_address *block,
        struct trouble *why)
{
    const struct extent_bytes *e = &r->x->touched[t];
    size_t bytes = bytes_of(r->x, t);
    enum einc_status status =
        einc_gpu_alloc(r->gpu, bytes, r->stream, block, why);
    r->tensor[t] = *block - (gpu_address)e->lo;
    if (status != EINC_OK || !bytes)
        return status;
    return einc_gpu_copy_in(r->gpu, *block, (const char *)from + e->lo, bytes,
                            r->stream, why);
}

static enum einc_status
copy_out(const struct running *r, const gpu_address *blocks,
         void *const out[], struct trouble *why)
{
    const struct program *p = r->x->script->program;
    enum einc_status status = EINC_OK;
    for (int t = 0; t < p->n_tensors && status == EINC_OK; t++)
        if (p->tensors[t].kind == TENSOR_OUTPUT && bytes_of(r->x, t))
            status = einc_gpu_copy_out(
                r->gpu,
                (char *)out[p->tensors[t].number] + r->x->touched[t].lo,
                blocks[t], bytes_of(r->x, t), r->stream, why);
    return status;
}

/* `found`: where data led out of a tensor. */
static enum einc_status
run_copies(struct running *r, gpu_address *blocks, const void *const in[],
           void *const out[], int64_t found[2], struct trouble *why)
{
    const struct program *p = r->x->script->program;
    enum einc_status status = EINC_OK;
    for (int t = 0; t < p->n_tensors && status == EINC_OK; t++)
        if (p->tensors[t].kind != TENSOR_TEMP)
            status = copy_in(r, t, host_of(&p->tensors[t], in, out),
                             &blocks[t], why);
    if (status == EINC_OK && p->n_sites)
        status = einc_gpu_alloc(r->gpu, 2 * sizeof *found, r->stream,
                                &r->stray, why);
    if (status == EINC_OK && p->n_sites)
        status = einc_gpu_copy_in(r->gpu, r->stray, found,
                                  2 * sizeof *found, r->stream, why);
    if (status == EINC_OK)
        status = run_with_memory(r, NULL, why);
    if (status == EINC_OK)
        status = copy_out(r, blocks, out, why);
    if (status == EINC_OK && p->n_sites)
        status = einc_gpu_copy_out(r->gpu, found, r->stray,
                                   2 * sizeof *found, r->stream, why);
    for (int t = 0; t < p->n_tensors; t++)
        einc_gpu_free(r->gpu, blocks[t], r->stream);
    einc_gpu_free(r->gpu, r->stray, r->stream);
    enum einc_status end =
        einc_gpu_wait(r->gpu, r->stream, status ? NULL : why);
    return status ? status : end;
}

static enum einc_status
run_through(struct running *r, gpu_address *blocks, const void *const in[],
            void *const out[], int64_t found[2], struct trouble *why)
{
    enum einc_status status = einc_gpu_stream(r->gpu, &r->stream, why);
    if (status != EINC_OK)
        return status;
    status = run_copies(r, blocks, in, out, found, why);
    einc_gpu_stream_close(r->gpu, r->stream);
    return status;
}

/* --- a run ---------------------------------------------------------------- */

static enum einc_status
run(struct running *r, struct device *d, const void *const in[],
    void *const out[], const struct einc_run_options *o, int64_t found[2],
    struct trouble *why)
{
    const struct mem *m = &r->x->ctx->mem;
    size_t n = (size_t)r->x->script->program->n_tensors;
    size_t bytes = 2 * (n + 1) * sizeof *r->tensor;
    struct gpu_visit visit;
    r->tensor = mem_alloc(m, bytes); /* and the blocks of copies */
    if (!r->tensor)
        return einc_trouble(why, EINC_ENOMEM, "out of memory");
    memset(r->tensor, 0, bytes);
    enum einc_status status = einc_gpu_enter(&d->gpu, &visit, why);
    if (status == EINC_OK) {
        status = o->place == EINC_PLACE_CUDA
                     ? run_there(r, in, out, o, why)
                     : run_through(r, r->tensor + n + 1, in, out, found, why);
        einc_gpu_leave(&d->gpu, &visit);
    }
    mem_free(m, r->tensor, bytes);
    return status;
}

enum einc_status
einc_device_run_program(const struct einc_plan *x, const void *const in[],
                        void *const out[], const struct einc_run_options *o,
                        struct einc_err **err)
{
    struct device *d;
    struct trouble why = {0};
    int64_t found[2] = {0, 0};
    enum einc_status status = einc_program_check(x, in, out, o, err);
    if (status != EINC_OK)
        return status;
    status = einc_device_get(x->ctx, &d, &why);
    if (status == EINC_OK)
        status = einc_device_program_ready(x, d, &why);
    if (status == EINC_OK) {
        struct running r = {.x = x, .gpu = &d->gpu,
                            .made = x->program_on_device};
        status = run(&r, d, in, out, o, found, &why);
    }
    if (status != EINC_OK)
        return einc_err_set(&x->ctx->mem, err, status, "%s", why.text);
    return found[0] ? einc_program_report(x, found, err) : EINC_OK;
}

/* SPDX-License-Identifier: MIT
 *
 * api.c - einc.h implemented: compiling. run_stages() lists the stages in
 * order; reading it is reading the design. The only setjmp is einc_guard()'s.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ctx.h"
#include "runtime/sys.h"

/* --- the boundary ------------------------------------------------------- */

/* A stage takes all its memory from two blocks. If they are too small the
 * stages run again with larger ones: they are pure, so nothing is lost. */
enum { FIRST_BLOCK = 48 << 10, GROWTH = 4 };
#define LARGEST_BLOCK ((size_t)1 << 34)

void
einc_guard_free(struct guarded *g, int which)
{
    mem_free(&g->ctx->mem, g->blocks[which], g->bytes[which]);
    g->blocks[which] = NULL;
}

static int
open_blocks(struct guarded *g, size_t bytes)
{
    struct arena *arenas[2] = {&g->perm, &g->scratch};
    for (int b = 0; b < 2; b++) {
        g->blocks[b] = mem_alloc(&g->ctx->mem, bytes);
        g->bytes[b] = bytes;
        char *p = g->blocks[b];
        *arenas[b] = (struct arena){p, p ? p + bytes : p, &g->cx};
    }
    g->cx.perm = &g->perm;
    g->cx.source = g->source;
    g->cx.status = EINC_OK;
    g->cx.n_diags = 0;
    if (g->blocks[0] && g->blocks[1])
        return 1;
    einc_guard_free(g, 0);
    einc_guard_free(g, 1);
    return 0;
}

static int
was_full(const struct cx *cx)
{
    return cx->status == EINC_ENOMEM &&
           (!cx->n_diags || cx->diags[0].status != EINC_ENOMEM);
}

/* Its own frame, so that no local of the loop is live across the jump. */
static enum einc_status
attempt(struct guarded *g, guarded_fn f, void *arg)
{
    if (setjmp(g->cx.boundary))
        return g->cx.status;
    f(g, arg);
    return EINC_OK;
}

enum einc_status
einc_guard(struct guarded *g, guarded_fn f, void *arg, struct einc_err **err)
{
    const struct mem *mem = &g->ctx->mem;
    for (size_t bytes = FIRST_BLOCK + g->hint_bytes; bytes <= LARGEST_BLOCK;
         bytes *= GROWTH) {
        if (!open_blocks(g, bytes))
            break;
        enum einc_status status = attempt(g, f, arg);
        if (status == EINC_OK)
            return status;
        einc_guard_free(g, 1);
        if (!was_full(&g->cx))
            return einc_err_from_diags(mem, err, &g->cx, g->blocks[0],
                                       g->bytes[0]);
        einc_guard_free(g, 0);
    }
    return einc_err_set(mem, err, EINC_ENOMEM, "out of memory");
}

/* --- what is to be compiled --------------------------------------------- */

struct request {
    struct str text;             /* or integer labels: */
    const int32_t *const *ids;   /* NULL: text */
    const size_t *n_ids;
    const int32_t *out_ids;
    size_t n_out_ids;
    size_t n_in;
    const struct einc_layout *in, *out;
    const struct einc_layout *const *outs; /* of einc_compile_outs() */
    int n_outs;                  /* -1: not by that */
    struct einc_options opts;
    enum nest_family family;     /* opts.kernel */
};

/* What the stages make, one after another. */
struct job {
    const struct request *request;
    const struct expr *expr;
    const struct program *program;
    const struct graph *graph;
    const struct plan *plan;
    enum einc_tier tier;
    struct ways *ways;           /* in scratch */
    struct einc_plan *made;      /* in perm, but for what runtime fills */
};

static struct summing
summing_of(const struct request *r)
{
    return (struct summing){(enum einc_sum)r->opts.sum,
                            r->opts.acc == EINC_F64};
}

static enum einc_tier
resolve_tier(const struct einc_ctx *ctx, const struct request *r)
{
    enum einc_tier tier = (enum einc_tier)r->opts.tier;
    return tier == EINC_TIER_AUTO ? ctx->tier : tier;
}

static int
is_background(const struct einc_ctx *ctx, const struct request *r)
{
    return resolve_tier(ctx, r) == EINC_TIER_AUTO &&
           (ctx->wants_background || r->opts.flags & EINC_BACKGROUND);
}

/* --- plan object -------------------------------------------------------- */

static struct extent_bytes
touched_by(const struct graph *g, const struct operand *o)
{
    int64_t bytes = einc_dtype_info(o->dtype)->bytes;
    struct extent_bytes e = {0, bytes};
    for (int a = 0; a < o->n_axes; a++) {
        int64_t n = g->indices[o->axes[a].index].extent;
        if (n == 0)
            return (struct extent_bytes){0, 0};
        int64_t reach = (n - 1) * o->axes[a].stride * bytes;
        if (reach < 0)
            e.lo += reach;
        else
            e.hi += reach;
    }
    return e;
}

static void
make_plan(struct guarded *g, struct job *j)
{
    const struct graph *graph = j->graph;
    struct einc_plan *x = NEW(&g->perm, struct einc_plan, 1);
    x->holds = 1;
    x->ctx = g->ctx;
    x->expr = j->expr;
    x->plan = j->plan;
    x->family = j->request->family;
    x->background = is_background(g->ctx, j->request);
    x->flags = j->request->opts.flags;
    x->touched = NEW(&g->perm, struct extent_bytes, graph->n_in + 1);
    for (int o = 0; o < graph->n_in; o++)
        x->touched[o] = touched_by(graph, &graph->in[o]);
    x->touched[graph->n_in] = touched_by(graph, &graph->out);
    j->made = x;
}

static void
size_workspace(struct einc_plan *x)
{
    size_t scratch = (size_t)x->scratch_bytes * (size_t)x->ctx->threads;
    x->work_at = (x->plan->temporary_bytes + 63) / 64 * 64;
    x->workspace_bytes = (size_t)x->work_at + scratch;
    x->quick = einc_run_is_quick(x);
}

/* --- the stages --------------------------------------------------------- */

/* Steps are fused where the new one will be compiled: the interpreter makes
 * ten times as much of it as of pairs. Where the tier is open that has to pay,
 * and none is whose kernel comes when it comes. */
static struct fuse_rule
fuse_rule(struct einc_ctx *ctx, const struct request *r)
{
    enum einc_tier tier = resolve_tier(ctx, r);
    if (r->n_in < 3)
        return (struct fuse_rule){0, 0};
    if (r->opts.flags & EINC_FUSE || tier == EINC_TIER_CC)
        return (struct fuse_rule){WORTH_A_LOOK, 0};
    if (tier != EINC_TIER_AUTO || is_background(ctx, r) ||
        einc_ctx_look(ctx) != EINC_OK || !ctx->cc)
        return (struct fuse_rule){0, 0};
    return (struct fuse_rule){WORTH_A_COMPILER, WORTH_COMPILING_NS};
}

static struct plan_options
plan_options(struct einc_ctx *ctx, const struct request *r)
{
    return (struct plan_options){
        .path = str_of(r->opts.path ? r->opts.path : "auto"),
        .clock = einc_sys_now,
        .plan_text = r->opts.plan_text ? str_of(r->opts.plan_text)
                                       : (struct str){NULL, 0},
        .memory_limit_bytes = r->opts.memory_limit_bytes,
        .fuse = fuse_rule(ctx, r)};
}

/* The sizes of labels that are to be arguments only guide the plan, but a
 * size below 2 has a structure of its own. */
static void
check_symbolic(struct guarded *g, const struct graph *graph)
{
    for (int x = 0; x < graph->n_indices; x++)
        if (!graph->indices[x].fixed && graph->indices[x].extent < 2)
            einc_fail(&g->cx, EINC_ESHAPE, "E408", graph->indices[x].at,
                      "index '%.*s' is to be an argument: its size here must "
                      "be 2 or more, not %lld",
                      (int)graph->indices[x].name.n, graph->indices[x].name.p,
                      (long long)graph->indices[x].extent);
}

/* The plan's own: its dumps and files name the labels long after the caller's
 * text is gone. */
static struct str
own_text(struct arena *perm, struct str text)
{
    char *p = NEW(perm, char, text.n + 1);
    memcpy(p, text.p, (size_t)text.n);
    return (struct str){p, text.n};
}

static void
run_stages(struct guarded *g, void *arg)
{
    struct job *j = arg;
    const struct request *r = j->request;
    struct arena *perm = &g->perm, scratch = g->scratch;
    int n_in = (int)r->n_in;

    if (r->ids)
        j->expr = einc_parse_ids(perm, n_in, r->ids, r->n_ids, r->out_ids,
                                 (int64_t)r->n_out_ids);
    else
        j->expr = einc_parse(perm, scratch, own_text(perm, r->text),
                             r->opts.flags);
    g->cx.source = j->expr->source;
    j->program = einc_stmt_from_expr(perm, scratch, j->expr, n_in, r->in,
                                     r->opts.flags);
    j->graph = einc_graph_build(perm, scratch, j->program, n_in, r->in,
                                r->out, r->opts.flags, r->opts.symbolic,
                                summing_of(r));
    check_symbolic(g, j->graph);
    struct plan_options options = plan_options(g->ctx, r);
    j->plan = einc_plan_build(perm, scratch, j->program, j->graph, &options);
    make_plan(g, j);
    j->tier = resolve_tier(g->ctx, r);
    j->ways = einc_tier_list(g, j->made, j->tier);
}

/* The stages of index statements: program.c lists them. */
static void
run_program_stages(struct guarded *g, void *arg)
{
    struct job *j = arg;
    const struct request *r = j->request;
    const struct einc_layout *one[1] = {r->out};
    struct program_request q = {
        .text = own_text(&g->perm, r->text),
        .n_in = (int)r->n_in,
        .in = r->in,
        .out = r->outs ? r->outs : one,
        .n_out = r->n_outs >= 0 ? r->n_outs : 1,
        .params = r->opts.params,
        .symbolic = r->opts.symbolic,
        .summing = summing_of(r),
        .flags = r->opts.flags,
        .memory_limit_bytes = r->opts.memory_limit_bytes};
    struct einc_plan *x = NEW(&g->perm, struct einc_plan, 1);
    g->cx.source = q.text;
    x->holds = 1;
    x->ctx = g->ctx;
    x->family = r->family;
    x->background = is_background(g->ctx, r);
    j->tier = resolve_tier(g->ctx, r);
    j->made = x;
    einc_program_stages(g, &q, j->tier, x);
}

/* --- behind the stages -------------------------------------------------- */

static enum einc_status
misuse(struct einc_err **err, const char *what)
{
    return einc_err_set(&einc_mem_default, err, EINC_EINVAL, "%s", what);
}

static int
print_dump(void *user, const char *bytes, size_t n)
{
    (void)user;
    return fwrite(bytes, 1, n, stderr) != n;
}

/* EINC_DUMP=path,plan: the stages of every plan, on stderr. */
static void
dump(const struct einc_plan *plan)
{
    char stage[16];
    const char *at = plan->ctx->dump;
    while (at && *at) {
        size_t n = strcspn(at, ",");
        snprintf(stage, sizeof stage, "%.*s", (int)n, at);
        einc_explain(plan, stage, EINC_TEXT, print_dump, NULL, NULL);
        at += n + (at[n] == ',');
    }
}

static enum einc_status
choose_kernels(const struct job *j, struct einc_err **err)
{
    struct trouble why = {0};
    enum einc_status status = einc_tier_choose(
        j->made, j->ways, j->tier, j->request->opts.flags, &why);
    if (status != EINC_OK)
        return einc_err_set(&j->made->ctx->mem, err, status, "%s", why.text);
    size_workspace(j->made);
    return status;
}

static enum einc_status
compile(struct einc_ctx *ctx, const struct request *r,
        struct einc_plan **plan, struct einc_err **err)
{
    struct job j = {.request = r};
    struct guarded g = {.ctx = ctx,
                        .source = r->text,
                        .hint_bytes = 48 * (size_t)r->text.n +
                                      1024 * r->n_in};
    int is_program = !r->ids && einc_program_is(r->text);
    if (is_program && r->opts.plan_text)
        return misuse(err, "plan_text is for einsums");
    enum einc_status status =
        einc_guard(&g, is_program ? run_program_stages : run_stages, &j, err);
    if (status != EINC_OK)
        return status;
    status = is_program ? einc_program_choose(j.made, &r->opts, j.tier, err)
                        : choose_kernels(&j, err);
    einc_guard_free(&g, 1);
    if (status != EINC_OK) {
        einc_guard_free(&g, 0);
        return status;
    }
    j.made->block = g.blocks[0];
    j.made->block_bytes = g.bytes[0];
    einc_ctx_hold(ctx);
    *plan = j.made;
    dump(*plan);
    return EINC_OK;
}

/* --- entry points ------------------------------------------------------- */

/* NULL, or what is wrong. */
static const char *
check_layout(const struct einc_layout *x, int is_operand)
{
    return x->size != sizeof *x         ? "size is not set"
           : x->reserved                ? "reserved is not 0"
           : x->ndim > 0 && !x->shape   ? "shape is NULL"
           : einc_dtype_valid(x->dtype) ? NULL
           : x->dtype || is_operand     ? "dtype is none of ours"
                                        : NULL;
}

/* Of many layouts, which one: `o` counts operands, then outputs. */
static enum einc_status
misuse_at(struct einc_err **err, const struct request *r, size_t o,
          const char *what)
{
    const int is_operand = o < r->n_in;
    return einc_err_set(&einc_mem_default, err, EINC_EINVAL,
                        "in the einc_layout of %s %lld %s",
                        is_operand ? "operand" : "output",
                        (long long)(is_operand ? o : o - r->n_in), what);
}

static enum einc_status
check_request(const struct request *r, struct einc_plan **plan,
              struct einc_err **err)
{
    enum { MOST_OPERANDS = 1 << 30,
           ALL_FLAGS = EINC_STRICT_NUMPY | EINC_STRICT_SIZES |
                       EINC_NAMED_LABELS | EINC_COMPACT_LABELS |
                       EINC_NO_CACHE | EINC_FUSE | EINC_BACKGROUND };
    if (!plan)
        return misuse(err, "plan is NULL");
    if (!r->in && r->n_in)
        return misuse(err, "in is NULL");
    if (r->n_in > MOST_OPERANDS)
        return misuse(err, "more than 2^30 operands");
    size_t n_out = r->outs ? (size_t)r->n_outs : 1;
    for (size_t o = 0; o < r->n_in + n_out; o++) {
        const struct einc_layout *x = o < r->n_in ? &r->in[o]
                                      : r->outs   ? r->outs[o - r->n_in]
                                                  : r->out;
        if (!x)
            continue;
        const char *wrong = check_layout(x, o < r->n_in);
        if (wrong)
            return misuse_at(err, r, o, wrong);
    }
    if (r->opts.tier < EINC_TIER_AUTO || r->opts.tier > EINC_TIER_BUILTIN)
        return misuse(err, "no tier has that number");
    if (r->opts.sum < EINC_SUM_BLOCK || r->opts.sum > EINC_SUM_KAHAN)
        return misuse(err, "no way to sum has that number");
    if (r->opts.acc && r->opts.acc != EINC_F32 && r->opts.acc != EINC_F64)
        return misuse(err, "acc is neither EINC_F32 nor EINC_F64");
    if ((r->opts.flags & ~(uint32_t)ALL_FLAGS) || r->opts.reserved)
        return misuse(err, "an unknown flag is set, or reserved is not 0");
    return EINC_OK;
}

static enum einc_status
compile_request(struct einc_ctx *ctx, struct request *r,
                const struct einc_options *opts, struct einc_plan **plan,
                struct einc_err **err)
{
    if (plan)
        *plan = NULL;
    if (!einc_take_struct(&r->opts, sizeof r->opts, opts))
        return misuse(err, "size of the einc_options is not set");
    enum einc_status status = check_request(r, plan, err);
    if (status != EINC_OK)
        return status;
    r->family = einc_nest_family(str_of(r->opts.kernel ? r->opts.kernel
                                                       : "auto"));
    if (r->family == N_FAMILIES)
        return misuse(err, "no family of kernels has that name");
    ctx = ctx ? ctx : einc_ctx_default();
    if (!ctx)
        return einc_err_set(&einc_mem_default, err, EINC_ENOMEM, "out of memory");
    return compile(ctx, r, plan, err);
}

enum einc_status
einc_compile(struct einc_ctx *ctx, const char *expr, size_t n_in,
             const struct einc_layout in[], const struct einc_layout *out,
             const struct einc_options *opts, struct einc_plan **plan,
             struct einc_err **err)
{
    if (err)
        *err = NULL;
    if (!expr)
        return misuse(err, "expr is NULL");
    struct request r = {.text = str_of(expr),
                        .n_in = n_in,
                        .in = in,
                        .out = out,
                        .n_outs = -1};
    return compile_request(ctx, &r, opts, plan, err);
}

enum einc_status
einc_compile_outs(struct einc_ctx *ctx, const char *expr, size_t n_in,
                  const struct einc_layout in[], size_t n_out,
                  const struct einc_layout *const out[],
                  const struct einc_options *opts, struct einc_plan **plan,
                  struct einc_err **err)
{
    enum { MOST_OUTPUTS = 1 << 20 };
    if (err)
        *err = NULL;
    if (!expr || (!out && n_out) || n_out > MOST_OUTPUTS)
        return misuse(err, "expr or out is NULL, or there are more than 2^20 "
                           "outputs");
    struct request r = {.text = str_of(expr),
                        .n_in = n_in,
                        .in = in,
                        .outs = out,
                        .n_outs = (int)n_out};
    if (!einc_program_is(r.text)) {
        if (n_out != 1)
            return misuse(err, "an einsum has one output");
        r = (struct request){.text = r.text, .n_in = n_in, .in = in,
                             .out = out[0], .n_outs = -1};
    }
    return compile_request(ctx, &r, opts, plan, err);
}

enum einc_status
einc_compile_ids(struct einc_ctx *ctx, size_t n_in,
                 const int32_t *const ids[], const size_t n_ids[],
                 const int32_t *out_ids, size_t n_out_ids,
                 const struct einc_layout in[], const struct einc_layout *out,
                 const struct einc_options *opts, struct einc_plan **plan,
                 struct einc_err **err)
{
    if (err)
        *err = NULL;
    if (!ids || !n_ids)
        return misuse(err, "ids or n_ids is NULL");
    for (size_t o = 0; o < n_in; o++)
        if (!ids[o] && n_ids[o])
            return einc_err_set(&einc_mem_default, err, EINC_EINVAL,
                                "the ids of operand %lld are NULL",
                                (long long)o);
    struct request r = {.text = {"", 0},
                        .ids = ids,
                        .n_ids = n_ids,
                        .out_ids = out_ids,
                        .n_out_ids = n_out_ids,
                        .n_in = n_in,
                        .in = in,
                        .out = out,
                        .n_outs = -1};
    return compile_request(ctx, &r, opts, plan, err);
}

/* --- asking a plan ------------------------------------------------------ */

enum einc_status
einc_plan_layout(const struct einc_plan *plan, struct einc_layout *out)
{
    return einc_plan_layout_of(plan, 0, out);
}

size_t
einc_plan_outs(const struct einc_plan *plan)
{
    return !plan          ? 0
           : plan->script ? (size_t)plan->script->program->n_outputs
                          : 1;
}

enum einc_status
einc_plan_layout_of(const struct einc_plan *plan, size_t number,
                    struct einc_layout *out)
{
    if (!plan || !out || number >= einc_plan_outs(plan))
        return EINC_EINVAL;
    if (plan->script) {
        const struct tensor *t = einc_program_out(plan, number);
        *out = (struct einc_layout){.size = sizeof *out,
                                    .dtype = (int32_t)t->dtype,
                                    .ndim = t->n_dims,
                                    .shape = t->shape,
                                    .stride = t->stride};
        return EINC_OK;
    }
    const struct operand *o = &plan->plan->graph->out;
    *out = (struct einc_layout){.size = sizeof *out,
                                .dtype = (int32_t)o->dtype,
                                .ndim = o->n_dims,
                                .shape = o->shape,
                                .stride = o->stride};
    return EINC_OK;
}

enum einc_dtype
einc_plan_compute(const struct einc_plan *plan)
{
    return !plan          ? EINC_DTYPE_NONE
           : plan->script ? einc_fn_compute(einc_program_out(plan, 0)->dtype)
                          : plan->plan->graph->compute;
}

enum einc_status
einc_plan_workspace(const struct einc_plan *plan, size_t *bytes,
                    size_t *align)
{
    return einc_plan_workspace_at(plan, EINC_PLACE_HOST, bytes, align);
}

/* The driver aligns what it allocates to 256 bytes. */
enum einc_status
einc_plan_workspace_at(const struct einc_plan *plan, int32_t place,
                       size_t *bytes, size_t *align)
{
    int host = place == EINC_PLACE_HOST;
    if (!plan || !bytes || place < EINC_PLACE_HOST ||
        place > EINC_PLACE_CUDA_COPIES)
        return EINC_EINVAL;
    *bytes = host           ? plan->workspace_bytes
             : plan->script ? (size_t)einc_device_program_bytes(plan)
                            : (size_t)plan->plan->temporary_bytes;
    if (align)
        *align = host ? 64 : 256;
    return EINC_OK;
}

double
einc_plan_error_terms(const struct einc_plan *plan)
{
    return plan && plan->plan ? plan->plan->error_terms : 0;
}

uint64_t
einc_plan_hash(const struct einc_plan *plan)
{
    return !plan ? 0 : plan->script ? plan->hash : plan->plan->hash;
}

/* --- the rest ----------------------------------------------------------- */

const char *
einc_version(void)
{
    return EINC_VERSION;
}

int
einc_abi(void)
{
    return EINC_ABI;
}

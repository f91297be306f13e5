/* SPDX-License-Identifier: MIT
 *
 * program.c - einc.h implemented: programs of index statements. A plan of one
 * is a list of stages: einsums, which are plans of their own, and loops, which
 * a compiled kernel runs or the evaluator.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/hash.h"
#include "codegen/mapreduce.h"
#include "ctx.h"
#include "parse/open.h"
#include "parse/resolve.h"
#include "plan/strips.h"
#include "plan/widen.h"
#include "runtime/border.h"
#include "runtime/eval.h"
#include "runtime/places.h"

/* --- what is asked ------------------------------------------------------ */

int
einc_program_is(struct str text)
{
    return text.n && memchr(text.p, '[', (size_t)text.n) != NULL;
}

static int
is_name(struct str s)
{
    for (int64_t c = 0; c < s.n; c++) {
        unsigned char x = (unsigned char)s.p[c];
        if (!(x == '_' || x >= 0x80 || (x >= 'A' && x <= 'Z') ||
              (x >= 'a' && x <= 'z') || (c && x >= '0' && x <= '9')))
            return 0;
    }
    return s.n > 0;
}

/* One "name=value" of a list; where the next begins. */
static const char *
read_param(struct cx *cx, const char *at, struct param *x)
{
    size_t n = strcspn(at, "=,");
    const char *digits = at + n + (at[n] == '=');
    char *end = NULL;
    *x = (struct param){.name = {at, (int64_t)n}};
    errno = 0;
    if (is_name(x->name) && at[n] == '=' &&
        digits[*digits == '-'] >= '0' && digits[*digits == '-'] <= '9')
        x->value = strtoll(digits, &end, 10);
    if (!end || errno || (*end && *end != ',') || (*end && !end[1]))
        einc_fail(cx, EINC_EINVAL, "E715", (struct span){-1, -1},
                  "'%s' is no list of parameters: name=integer, apart by "
                  "commas", einc_diag_show(cx, str_of(at), 40));
    return *end ? end + 1 : end;
}

const struct param *
einc_program_params(struct arena *perm, const char *text, int *n)
{
    int room = 1;
    for (const char *p = text; p && *p; p++)
        room += *p == ',';
    struct param *list = NEW(perm, struct param, room);
    *n = 0;
    while (text && *text) {
        struct param *x = &list[*n];
        text = read_param(perm->cx, text, x);
        for (int i = 0; i < *n; i++)
            if (str_equal(list[i].name, x->name))
                einc_fail(perm->cx, EINC_EINVAL, "E715",
                          (struct span){-1, -1},
                          "parameter '%s' has two values",
                          einc_diag_show(perm->cx, x->name, 40));
        (*n)++;
    }
    return list;
}

static void
check_counts(struct cx *cx, const struct names *names,
             const struct program_request *r)
{
    struct text t = {.perm = cx->perm};
    for (int o = 0; o < names->n_in; o++)
        einc_put(&t, "%s%.*s", o ? ", " : "", (int)names->in[o].n,
                 names->in[o].p);
    struct span at = names->n_out ? names->out_at[0] : (struct span){-1, -1};
    if (names->n_in > 0) /* the first name that has no operand */
        at = names->in_at[r->n_in < names->n_in ? r->n_in
                                                : names->n_in - 1];
    if (names->n_in != r->n_in)
        einc_fail(cx, EINC_ESHAPE, "E303", at,
                  "the program reads %d operand%s (%s) but %d %s given",
                  names->n_in, names->n_in == 1 ? "" : "s", einc_text_z(&t),
                  r->n_in, r->n_in == 1 ? "was" : "were");
    if (r->n_out >= 0 && names->n_out != r->n_out)
        einc_fail(cx, EINC_ESHAPE, "E307", names->out_at[0],
                  "the program writes %d output%s, and is asked for %d",
                  names->n_out, names->n_out == 1 ? "" : "s", r->n_out);
}

/* --- the stages --------------------------------------------------------- */

static struct extent_bytes
touched_by(const struct tensor *t)
{
    int64_t bytes = einc_dtype_info(t->dtype)->bytes;
    struct extent_bytes e = {0, bytes};
    for (int d = 0; d < t->n_dims; d++) {
        if (t->shape[d] == 0)
            return (struct extent_bytes){0, 0};
        int64_t reach = (t->shape[d] - 1) * t->stride[d] * bytes;
        if (reach < 0)
            e.lo += reach;
        else
            e.hi += reach;
    }
    return e;
}

static void
list_tensors(struct arena *perm, struct einc_plan *x)
{
    const struct program *p = x->script->program;
    x->touched = NEW(perm, struct extent_bytes, p->n_tensors);
    for (int t = 0; t < p->n_tensors; t++)
        x->touched[t] = touched_by(&p->tensors[t]);
}

static void
make_map(struct guarded *g, struct einc_plan *x, int s, int compiled)
{
    const struct program *p = x->script->program;
    const struct stmt *stmt = &p->stmts[x->script->stages[s].stmt];
    struct stage_run *run = &x->stages[s];
    run->eval_bytes = einc_eval_scratch(p, stmt);
    run->nest = einc_mapreduce_build(&g->perm, g->scratch, p, stmt,
                                     g->ctx->target, SIZES_GENERIC);
    if (!run->nest)
        return;
    run->flop = einc_mapreduce_flop(run->nest);
    run->bytes = einc_mapreduce_bytes(run->nest);
    if (stmt->places && stmt->gate->most > PLACES_ROOM) /* lists, not one */
        run->flop *= (double)stmt->gate->most / PLACES_ROOM;
    if (!compiled)
        return;
    struct unit *u = NEW(&g->perm, struct unit, 1);
    *u = einc_emit_mapreduce(&g->perm, run->nest);
    struct call *c = NEW(&g->perm, struct call, 1);
    int64_t *strides = NEW(&g->perm, int64_t, u->n_strides);
    for (int many = 0; many < 2; many++) {
        int64_t *n = NEW(&g->perm, int64_t, u->n_extents);
        c->n_tasks[many] = einc_mapreduce_arguments(
            run->nest, many ? g->ctx->threads : 1, n, strides);
        c->n[many] = n;
    }
    c->s = strides;
    c->scratch_bytes = u->scratch_bytes;
    run->unit = u;
    run->made = c;
    if (x->background)
        run->taker = NEW(&g->perm, struct taker, 1);
}

/* Temporaries, and the copies of the stage that needs most; what its einsum
 * keeps is checked where that is compiled. */
static void
check_limit(struct cx *cx, const struct script *s, uint64_t limit_bytes)
{
    int64_t most = 0;
    for (int i = 0; i < s->n_stages; i++)
        most = s->stages[i].border_bytes > most ? s->stages[i].border_bytes
                                                : most;
    if (limit_bytes && (uint64_t)(s->temp_bytes + most) > limit_bytes)
        einc_fail(cx, EINC_ENOMEM, "E803", (struct span){-1, -1},
                  "the intermediates need %lld bytes, the memory limit is "
                  "%llu bytes", (long long)(s->temp_bytes + most),
                  (unsigned long long)limit_bytes);
}

static struct str
number_name(struct arena *a, char kind, int number)
{
    struct text t = {.perm = a};
    einc_put(&t, "%c%d", kind, number);
    return (struct str){einc_text_z(&t), t.n};
}

/* The statements that are run, as if the text had had no names. */
static uint64_t
hash_of(struct arena scratch, const struct script *s)
{
    struct text t = {.perm = &scratch};
    struct program p = *s->program;
    p.indices = NEW(&scratch, struct index, p.n_indices);
    p.tensors = NEW(&scratch, struct tensor, p.n_tensors);
    for (int i = 0; i < p.n_indices; i++) {
        p.indices[i] = s->program->indices[i];
        p.indices[i].name = number_name(&scratch, 'i', i);
    }
    for (int i = 0; i < p.n_tensors; i++) {
        p.tensors[i] = s->program->tensors[i];
        p.tensors[i].name = number_name(&scratch, 'T', i);
    }
    einc_resolve_print(&t, &p);
    for (int i = 0; i < s->n_stages; i++)
        einc_put(&t, "%d%d%d\n", s->stages[i].kind, s->stages[i].wide,
                 p.stmts[i].gate ? 1 + p.stmts[i].few : 0);
    for (int i = 0; i < s->n_stages; i++)
        if (s->stages[i].step)
            einc_put(&t, "%d %lld\n", i, (long long)einc_script_strips(s, i));
    einc_put(&t, "%d", p.summing.how);
    return hash_bytes(t.p, t.n);
}

/* Whether the program is one einsum of its operands and nothing else. */
static int
is_einsum(const struct script *s)
{
    const struct stage *g = &s->stages[0];
    if (s->n_stages != 1 || g->kind != STAGE_CONTRACT || g->scale != 1 ||
        g->adds || g->border_bytes || g->out.offset ||
        g->n_in != s->program->n_operands)
        return 0;
    for (int o = 0; o < g->n_in; o++) {
        if (g->in[o].offset)
            return 0;
        for (int before = 0; before < o; before++)
            if (g->in[before].tensor == g->in[o].tensor)
                return 0;
    }
    return 1;
}

/* Of sizes that are arguments, number `other` has its second number. */
static const struct script *
script_of(struct guarded *g, const struct program_request *r,
          const struct einc_plan *x, struct bindings b, int other)
{
    struct arena *perm = &g->perm;
    if (r->symbolic && *r->symbolic)
        b.open = einc_open_sizes(perm, x->tree, x->names, r->symbolic, other,
                                 &b);
    const struct program *p = einc_resolve(perm, g->scratch, x->tree, &b);
    if (p->summing.wide)
        p = einc_widen(perm, g->scratch, p);
    return einc_script_build(perm, g->scratch, p, (r->flags & EINC_FUSE) != 0,
                             r->memory_limit_bytes);
}

void
einc_program_stages(struct guarded *g, const struct program_request *r,
                    enum einc_tier tier, struct einc_plan *x)
{
    struct arena *perm = &g->perm;
    int n_params;
    const struct param *params = einc_program_params(perm, r->params,
                                                     &n_params);
    x->tree = einc_parse_program(perm, g->scratch, r->text);
    x->names = einc_resolve_names(perm, g->scratch, x->tree, params, n_params);
    check_counts(&g->cx, x->names, r);
    const struct bindings b = {.in = r->in, .n_in = r->n_in, .out = r->out,
                               .n_out = r->n_out < 0 ? 0 : r->n_out,
                               .params = params, .n_params = n_params,
                               .summing = r->summing};
    x->script = script_of(g, r, x, b, -1);
    check_limit(&g->cx, x->script, r->memory_limit_bytes);
    int n_open = x->script->program->open.n;
    x->others = NEW(perm, const struct script *, n_open);
    for (int k = 0; k < n_open; k++)
        x->others[k] = script_of(g, r, x, b, k);
    x->hash = hash_of(g->scratch, x->script);
    x->stages = NEW(perm, struct stage_run, x->script->n_stages);
    x->calls = NEW(perm, struct call *, x->script->n_stages);
    list_tensors(perm, x);
    for (int s = 0; s < x->script->n_stages; s++)
        if (x->script->stages[s].kind == STAGE_MAP)
            make_map(g, x, s, tier == EINC_TIER_CC || tier == EINC_TIER_AUTO);
}

/* --- behind the stages -------------------------------------------------- */

static struct einc_layout
layout_of(const struct stage_tensor *t)
{
    return (struct einc_layout){.size = sizeof(struct einc_layout),
                                .dtype = (int32_t)t->dtype,
                                .ndim = t->n_dims,
                                .shape = t->shape,
                                .stride = t->stride};
}

static enum einc_status
compile_contract(struct einc_plan *x, int s, const struct einc_options *opts,
                 enum einc_tier tier, struct einc_err **err)
{
    enum { MOST_IN = 32 }; /* factors of a stage */
    const struct stage *g = &x->script->stages[s];
    struct einc_layout in[MOST_IN], out = layout_of(&g->out);
    for (int o = 0; o < g->n_in; o++)
        in[o] = layout_of(&g->in[o]);
    struct einc_options own = {.size = sizeof own,
                               .flags = opts->flags &
                                        (EINC_NO_CACHE | EINC_FUSE |
                                         EINC_BACKGROUND),
                               .tier = (int32_t)tier,
                               .path = opts->path,
                               .kernel = opts->kernel,
                               .memory_limit_bytes = opts->memory_limit_bytes,
                               .sum = opts->sum,
                               .acc = g->wide ? EINC_F64 : 0};
    return einc_compile(x->ctx, g->expr.p, (size_t)g->n_in, in, &out, &own,
                        &x->stages[s].plan, err);
}

/* Operations of a second of evaluation are some 2e8; the compiler takes a
 * quarter of one. */
enum { WORTH_COMPILING = 1 << 25 };

static struct wanted
wanted_by(const struct stage_run *run)
{
    return (struct wanted){.key = run->unit->source, .unit = run->unit};
}

static double
work_of_all(const struct einc_plan *x, int s)
{
    return (x->stages[s].flop + x->stages[s].bytes) *
           (double)einc_script_strips(x->script, s);
}

static enum einc_status
choose_map(struct einc_plan *x, int s, uint32_t flags, enum einc_tier tier,
           struct trouble *why)
{
    struct stage_run *run = &x->stages[s];
    unsigned from = flags & EINC_NO_CACHE ? 0 : FROM_DISK;
    struct call *c = run->made;
    if (!c)
        return EINC_OK;
    if (tier == EINC_TIER_CC ||
        (work_of_all(x, s) > WORTH_COMPILING && !x->background))
        from |= FROM_CC;
    struct wanted w = wanted_by(run);
    enum einc_status status =
        einc_kernels_get(x->ctx, &w, from, &c->entry, why);
    if (status == EINC_OK) {
        c->tier = EINC_TIER_CC;
        x->calls[s] = c;
    }
    if (status == EINC_ENOMEM || tier == EINC_TIER_CC)
        return status;
    if (status != EINC_OK && status != EINC_ECACHE)
        einc_ctx_log(x->ctx, "a statement is interpreted: %s", why->text);
    return EINC_OK;
}

/* Orders the kernel of a stage that is evaluated so far. */
static void
order_map(struct einc_plan *x, int s, uint32_t flags)
{
    struct stage_run *run = &x->stages[s];
    if (!run->taker || x->calls[s] || work_of_all(x, s) < WORTH_A_LOOK)
        return;
    *run->taker = (struct taker){.plan = x, .step = s, .call = run->made};
    struct wanted w = wanted_by(run);
    einc_background_order(run->taker, &w,
                          FROM_CC | (flags & EINC_NO_CACHE ? 0 : FROM_DISK));
}

static int64_t
up_to_64(int64_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* Per thread: of the kernel, of the evaluator, or, where the one may take over
 * from the other, of both. */
static int64_t
map_scratch(const struct einc_plan *x, int s)
{
    const struct stage_run *run = &x->stages[s];
    int64_t kernel = run->made ? up_to_64(run->made->scratch_bytes) : 0;
    int64_t eval = up_to_64(run->eval_bytes);
    if (x->calls[s])
        return kernel;
    return run->taker && kernel > eval ? kernel : eval;
}

/* Of a worker that makes strips: addresses of tensors, twice; temporaries of a
 * strip; what the stage that takes most takes with one thread. */
static int64_t
strip_bytes(const struct einc_plan *x, int first, int end)
{
    const struct script *s = x->script;
    int64_t most = 0;
    for (int i = first; i < end; i++) {
        const struct einc_plan *own = x->stages[i].plan;
        int64_t bytes = own ? s->stages[i].border_bytes + own->work_at +
                                  own->scratch_bytes
                            : map_scratch(x, i);
        most = bytes > most ? bytes : most;
    }
    return up_to_64(2 * s->program->n_tensors * (int64_t)sizeof(void *)) +
           up_to_64(s->stages[first].inner_bytes) + up_to_64(most);
}

static void
size_workspace(struct einc_plan *x)
{
    int64_t most = 0, threads = x->ctx->threads;
    for (int s = 0, end; s < x->script->n_stages; s++) {
        struct stage_run *run = &x->stages[s];
        end = einc_script_together(x->script, s);
        run->scratch_bytes = run->plan
                                 ? x->script->stages[s].border_bytes +
                                       (int64_t)run->plan->workspace_bytes
                                 : map_scratch(x, s) * threads;
        if (x->script->stages[s].step)
            run->scratch_bytes = x->script->stages[s].inner_bytes
                                     ? strip_bytes(x, s, end) * threads
                                     : x->stages[s - 1].scratch_bytes;
        if (run->scratch_bytes > most)
            most = run->scratch_bytes;
    }
    x->work_at = up_to_64(x->script->temp_bytes);
    x->workspace_bytes = (size_t)(x->work_at + most);
}

enum einc_status
einc_program_choose(struct einc_plan *x, const struct einc_options *opts,
                    enum einc_tier tier, struct einc_err **err)
{
    struct trouble why = {0};
    for (int s = 0; s < x->script->n_stages; s++) {
        enum einc_status status =
            x->script->stages[s].kind == STAGE_CONTRACT
                ? compile_contract(x, s, opts, tier, err)
                : choose_map(x, s, opts->flags, tier, &why);
        if (status == EINC_OK)
            continue;
        if (x->script->stages[s].kind == STAGE_MAP)
            einc_err_set(&x->ctx->mem, err, status, "%s", why.text);
        einc_program_free(x);
        return status;
    }
    if (is_einsum(x->script))
        x->hash = einc_plan_hash(x->stages[0].plan);
    size_workspace(x);
    for (int s = 0; s < x->script->n_stages && x->background; s++)
        order_map(x, s, opts->flags);
    return EINC_OK;
}

void
einc_program_free(struct einc_plan *x)
{
    for (int s = 0; x->script && s < x->script->n_stages; s++) {
        einc_plan_free(x->stages[s].plan);
        x->stages[s].plan = NULL;
    }
}

enum einc_tier
einc_program_tier(const struct einc_plan *x)
{
    enum einc_tier most = EINC_TIER_INTERP;
    for (int s = 0; s < x->script->n_stages; s++) {
        const struct stage_run *run = &x->stages[s];
        enum einc_tier own = run->plan ? einc_plan_tier(run->plan)
                             : einc_plan_call(x, s) ? EINC_TIER_CC
                                                    : EINC_TIER_INTERP;
        if (most == EINC_TIER_INTERP || own == EINC_TIER_CC)
            most = own;
    }
    return most;
}

const struct tensor *
einc_program_out(const struct einc_plan *x, size_t number)
{
    const struct program *p = x->script->program;
    for (int t = 0; t < p->n_tensors; t++)
        if (p->tensors[t].kind == TENSOR_OUTPUT &&
            (size_t)p->tensors[t].number == number)
            return &p->tensors[t];
    return NULL;
}

/* --- running ------------------------------------------------------------ */

struct running {
    const struct einc_plan *x;
    void **tensor;          /* [n_tensors] */
    char *work, *scratch;   /* behind the temporaries in it */
    size_t scratch_bytes;
    int threads;
    const struct gate *gate; /* the last one, and what it counted */
    int few;
    struct stray stray;
    struct einc_err **err;
};

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
run_kernel(struct running *r, const struct stmt *stmt, const struct call *c,
           int64_t tasks, int threads)
{
    int many = threads > 1;
    int64_t stray[2] = {0, 0};
    struct share share = {
        .call = c,
        .args = {.out = r->tensor[stmt->left.tensor],
                 .in = (const void *const *)r->tensor,
                 .n = c->n[many],
                 .s = c->s,
                 .scratch = r->scratch,
                 .stray = stray},
        .scratch_bytes = up_to_64(c->scratch_bytes)};
    if (many && tasks > 1)
        einc_pool_run(r->x->ctx->pool, threads, tasks, run_share, &share);
    else
        c->entry(&share.args, 0, tasks);
    r->stray = (struct stray){stray[0], stray[1]};
}

/* Of a statement for places in a list, the first n. */
static int
run_map(struct running *r, int s, int64_t n)
{
    const struct einc_plan *x = r->x;
    const struct program *p = x->script->program;
    const struct stmt *stmt = &p->stmts[x->script->stages[s].stmt];
    const struct stage_run *run = &x->stages[s];
    int threads = run->flop + run->bytes < WORTH_A_THREAD ? 1 : r->threads;
    const struct call *c = einc_plan_call(x, s);
    if (c && stmt->places) {
        int64_t span = einc_mapreduce_span(run->nest);
        run_kernel(r, stmt, c, (n + span - 1) / span, threads);
    } else if (c) {
        run_kernel(r, stmt, c, c->n_tasks[threads > 1], threads);
    } else {
        einc_eval_run(p, stmt, n, r->tensor, r->scratch, x->ctx->pool,
                      threads, &r->stray);
    }
    return r->stray.site == 0;
}

/* Once for each list of places. */
static int
run_places(struct running *r, int s)
{
    const struct program *p = r->x->script->program;
    const struct places *q = p->stmts[r->x->script->stages[s].stmt].places;
    struct places_at at = {0, 0, 0};
    int32_t *list[PLACES_DIMS];
    int64_t n, legal = 1;
    for (int d = 0; d < q->n_dims; d++)
        list[d] = r->tensor[q->list[d]];
    while (legal && (n = einc_places_next(q, r->tensor[q->mask], list, &at)))
        legal = run_map(r, s, n);
    return (int)legal;
}

/* Whether it is run at all: statements of one gate are counted for once. */
static int
is_open(struct running *r, const struct stmt *s)
{
    if (!s->gate)
        return 1;
    if (r->gate != s->gate)
        r->few = einc_places_count(r->tensor[s->gate->mask], s->gate->n,
                                   s->gate->most) <= s->gate->most;
    r->gate = s->gate;
    return r->few == s->few;
}

const void *
einc_program_scalar(union scalar *v, enum einc_dtype compute, double value)
{
    *v = (union scalar){0};
    switch (compute) {
    case EINC_I32: v->i32 = (int32_t)value; break;
    case EINC_I64: v->i64 = (int64_t)value; break;
    case EINC_F32: case EINC_C64: v->f32[0] = (float)value; break;
    default: v->f64[0] = value; break;
    }
    return v;
}

static const char *
place_of(const struct running *r, const struct stage_tensor *t,
         int64_t start)
{
    return (const char *)r->tensor[t->tensor] +
           (t->offset + start * t->slice) * einc_dtype_info(t->dtype)->bytes;
}

/* The copy of an operand with its border. */
struct bordering {
    const struct border *b;
    int64_t start;
    const void *from;
    void *to;
};

static void
copy_rows(void *user, int worker, int64_t begin, int64_t end)
{
    const struct bordering *x = user;
    (void)worker;
    einc_border_copy(x->b, x->start, x->from, x->to, begin, end);
}

static const void *
copy_border(struct running *r, const struct stage_tensor *t, int64_t start)
{
    struct bordering x = {t->border, start, r->tensor[t->tensor],
                          r->scratch + t->border_at};
    int64_t rows = border_rows(t->border);
    if (start > 0 && !t->border->moves)
        return x.to; /* it is that of the first slice */
    if (r->threads > 1 && t->border->bytes >= WORTH_A_THREAD)
        einc_pool_run(r->x->ctx->pool, r->threads, rows, copy_rows, &x);
    else
        copy_rows(&x, 0, 0, rows);
    return x.to;
}

static enum einc_status
run_slice(struct running *r, int s, int64_t start,
          const struct einc_run_options *o)
{
    enum { MOST_IN = 32 };
    const struct stage *g = &r->x->script->stages[s];
    const void *in[MOST_IN];
    for (int i = 0; i < g->n_in; i++) {
        const struct stage_tensor *t = &g->in[i];
        in[i] = t->border ? (const char *)copy_border(r, t, start) +
                                t->offset * einc_dtype_info(t->dtype)->bytes
                          : place_of(r, t, start);
    }
    return einc_run(r->x->stages[s].plan, in,
                    (void *)(uintptr_t)place_of(r, &g->out, start), o, r->err);
}

static enum einc_status
run_contract(struct running *r, int s)
{
    const struct stage *g = &r->x->script->stages[s];
    const struct einc_plan *plan = r->x->stages[s].plan;
    enum einc_status status = EINC_OK;
    union scalar alpha, beta;
    struct einc_run_options o = {
        .size = sizeof o,
        .threads = r->threads,
        .work = r->scratch + g->border_bytes,
        .work_bytes = r->scratch_bytes - (size_t)g->border_bytes};
    if (g->scale != 1)
        o.alpha = einc_program_scalar(&alpha, einc_plan_compute(plan),
                                      g->scale);
    if (g->adds)
        o.beta = einc_program_scalar(&beta, einc_plan_compute(plan), 1);
    for (int64_t x = 0; status == EINC_OK && x < g->slices.count; x++)
        status = run_slice(r, s, slices_start(&g->slices, x), &o);
    return status;
}

enum einc_status
einc_program_report(const struct einc_plan *plan, const int64_t stray[2],
                    struct einc_err **err)
{
    const struct program *p = plan->script->program;
    const struct mem *m = &plan->ctx->mem;
    const struct site *x = &p->sites[stray[0] - 1];
    int n = x->at.end - x->at.begin;
    const char *at = p->source.p + x->at.begin;
    if (x->tensor < 0)
        return einc_err_set(m, err, EINC_ESHAPE,
                            "the bound '%.*s' reaches %lld, outside of "
                            "%lld:%lld", n, at, (long long)stray[1],
                            (long long)x->lo, (long long)x->hi);
    const struct tensor *t = &p->tensors[x->tensor];
    return einc_err_set(m, err, EINC_ESHAPE,
                        "the subscript '%.*s' is %lld, outside of %lld:%lld "
                        "in dim %d of %.*s", n, at, (long long)stray[1],
                        (long long)x->lo, (long long)x->hi, x->dim,
                        (int)t->name.n, t->name.p);
}

static enum einc_status
report(const struct running *r)
{
    const int64_t stray[2] = {r->stray.site, r->stray.position};
    return einc_program_report(r->x, stray, r->err);
}

static double
now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static enum einc_status
run_stage(struct running *r, int s)
{
    const struct script *all = r->x->script;
    const struct stmt *stmt = &all->program->stmts[all->stages[s].stmt];
    if (!is_open(r, stmt))
        return EINC_OK;
    if (all->stages[s].kind == STAGE_CONTRACT)
        return run_contract(r, s);
    return (stmt->places ? run_places(r, s) : run_map(r, s, 0)) ? EINC_OK
                                                                : report(r);
}

/* --- strips ------------------------------------------------------------- */

/* Stages from `first` up to `end`, run in strips by as many workers. */
struct stripping {
    const struct running *r;
    int first, end;
    int64_t bytes;             /* of a worker */
    double *seconds;           /* of each stage, by worker 0; NULL: unasked */
    int failed;                /* atomic: one has taken the next two */
    enum einc_status status;
    struct stray stray;
};

/* The stage, of tensors that begin at a value of its index. */
static enum einc_status
run_strip(struct running *r, void **moved, int s, int64_t start)
{
    const struct program *p = r->x->script->program;
    const int64_t *step = r->x->script->stages[s].step;
    void **whole = r->tensor;
    for (int t = 0; t < p->n_tensors; t++) {
        int64_t bytes = einc_dtype_info(p->tensors[t].dtype)->bytes;
        uintptr_t at = (uintptr_t)whole[t];
        moved[t] = (void *)(at + (uintptr_t)(start * step[t] * bytes));
    }
    r->tensor = moved;
    enum einc_status status = EINC_OK;
    if (r->x->script->stages[s].kind == STAGE_CONTRACT)
        status = run_contract(r, s);
    else if (!run_map(r, s, 0))
        status = EINC_ESHAPE;
    r->tensor = whole;
    return status;
}

/* A worker with memory of its own. */
static struct running
worker_of(const struct stripping *x, int worker)
{
    const struct script *s = x->r->x->script;
    int n = s->program->n_tensors;
    struct running own = *x->r;
    char *room = own.scratch + worker * x->bytes;
    int64_t table = up_to_64(2 * n * (int64_t)sizeof(void *));
    int64_t inner = up_to_64(s->stages[x->first].inner_bytes);
    own.tensor = (void **)(void *)room;
    memcpy(own.tensor, x->r->tensor, (size_t)n * sizeof *own.tensor);
    for (int i = x->first; i < x->end; i++) {
        const struct stmt *stmt = &s->program->stmts[i];
        if (stmt->strip.is_inner)
            own.tensor[stmt->left.tensor] =
                room + table + s->at_byte[stmt->left.tensor];
    }
    own.scratch = room + table + inner;
    own.scratch_bytes = (size_t)(x->bytes - table - inner);
    own.threads = 1;
    own.err = NULL;
    return own;
}

static void
run_strips(void *user, int worker, int64_t begin, int64_t end)
{
    struct stripping *x = user;
    const struct slices *slices =
        &x->r->x->script->program->stmts[x->first].strip.of->slices;
    struct running own = worker_of(x, worker);
    void **moved = own.tensor + own.x->script->program->n_tensors;
    double *seconds = worker ? NULL : x->seconds;
    double before = seconds ? now() : 0;
    for (int64_t strip = begin; strip < end; strip++)
        for (int s = x->first; s < x->end; s++) {
            enum einc_status status =
                run_strip(&own, moved, s, slices_start(slices, strip));
            if (status != EINC_OK) {
                if (!__atomic_exchange_n(&x->failed, 1, __ATOMIC_RELAXED)) {
                    x->status = status;
                    x->stray = own.stray;
                }
                return;
            }
            if (seconds) {
                double after = now();
                seconds[s] += after - before;
                before = after;
            }
        }
}

/* Shares what the stages took together out as worker 0 has measured. */
static void
share_seconds(double *seconds, const double *own, int first, int end,
              double all)
{
    double sum = 0;
    for (int s = first; s < end; s++)
        sum += own[s];
    for (int s = first; s < end; s++)
        seconds[s] += sum > 0 ? own[s] / sum * all : all / (end - first);
}

static enum einc_status
run_together(struct running *r, int first, int end, double *seconds)
{
    enum { MOST = 64 }; /* stages that are measured */
    const struct einc_plan *x = r->x;
    double own[MOST] = {0}, before = seconds ? now() : 0;
    struct stripping all = {.r = r, .first = first, .end = end,
                            .bytes = strip_bytes(x, first, end),
                            .seconds = seconds && end <= MOST ? own : NULL};
    einc_pool_run(x->ctx->pool, r->threads,
                  einc_script_strips(x->script, first), run_strips, &all);
    if (all.seconds)
        share_seconds(seconds, own, first, end, now() - before);
    if (!all.failed)
        return EINC_OK;
    r->stray = all.stray;
    return all.stray.site ? report(r)
                          : einc_err_set(&x->ctx->mem, r->err, all.status,
                                         "a stage could not be run");
}

static enum einc_status
run_stages(struct running *r, double *seconds)
{
    const struct script *s = r->x->script;
    enum einc_status status = EINC_OK;
    double before = seconds ? now() : 0;
    for (int i = 0, end; status == EINC_OK && i < s->n_stages; i = end) {
        end = einc_script_together(s, i);
        int strips = s->stages[i].step != NULL;
        status = strips ? run_together(r, i, end, seconds) : run_stage(r, i);
        if (seconds) {
            double after = now();
            seconds[i] += strips ? 0 : after - before;
            before = after;
        }
    }
    return status;
}

/* --- memory of a call --------------------------------------------------- */

static int
overlap(const struct extent_bytes *a, const void *in,
        const struct extent_bytes *b, const void *out)
{
    uintptr_t p = (uintptr_t)in, q = (uintptr_t)out;
    return a->lo < a->hi && b->lo < b->hi &&
           p + (uintptr_t)a->lo < q + (uintptr_t)b->hi &&
           q + (uintptr_t)b->lo < p + (uintptr_t)a->hi;
}

int
einc_program_overlaps(const struct einc_plan *x, int t, const void *in,
                      void *const out[])
{
    const struct program *p = x->script->program;
    for (int u = 0; u < p->n_tensors; u++)
        if (p->tensors[u].kind == TENSOR_OUTPUT &&
            overlap(&x->touched[t], in, &x->touched[u],
                    out[p->tensors[u].number]))
            return 1;
    return 0;
}

/* The elements alone: what lies between them may be no memory of ours. */
static void
copy_elements(const struct tensor *t, const char *from, char *to)
{
    enum { MOST_DIMS = 64 };
    int64_t size = einc_dtype_info(t->dtype)->bytes, at = 0;
    int64_t value[MOST_DIMS] = {0};
    for (;;) {
        memcpy(to + at * size, from + at * size, (size_t)size);
        int d = t->n_dims - 1;
        for (; d >= 0; d--) {
            at += t->stride[d];
            if (++value[d] < t->shape[d])
                break;
            at -= t->stride[d] * t->shape[d];
            value[d] = 0;
        }
        if (d < 0)
            return;
    }
}

static int64_t
span_of(const struct extent_bytes *e)
{
    return up_to_64(e->hi - e->lo + 64);
}

/* Addresses of all tensors; operands that an output overlaps as copies in
 * `room`, whose bytes are returned (and nothing is copied if it is NULL). */
static int64_t
take_tensors(struct running *r, const void *const in[], void *const out[],
             char *room)
{
    const struct einc_plan *x = r->x;
    const struct program *p = x->script->program;
    int64_t bytes = 0;
    for (int t = 0; t < p->n_tensors; t++) {
        const struct tensor *y = &p->tensors[t];
        if (y->kind != TENSOR_OPERAND) {
            if (room)
                r->tensor[t] = y->kind == TENSOR_OUTPUT
                                   ? out[y->number]
                                   : r->work + (x->script->at_byte[t] < 0
                                                    ? 0
                                                    : x->script->at_byte[t]);
            continue;
        }
        const void *at = in[y->number];
        if (einc_program_overlaps(x, t, at, out)) {
            char *own = room ? room + bytes - x->touched[t].lo : NULL;
            if (own)
                copy_elements(y, at, own);
            at = own;
            bytes += span_of(&x->touched[t]);
        }
        if (room)
            r->tensor[t] = (void *)(uintptr_t)at;
    }
    return bytes;
}

/* The workspace of copies on the device is not the caller's. */
static enum einc_status
check_work(const struct einc_plan *x, const struct einc_run_options *o,
           struct einc_err **err)
{
    size_t bytes, align;
    einc_plan_workspace_at(x, o->place, &bytes, &align);
    if (o->work && o->place != EINC_PLACE_CUDA_COPIES &&
        (o->work_bytes < bytes || (uintptr_t)o->work % align))
        return einc_err_set(&x->ctx->mem, err, EINC_EINVAL,
                            "work has %zu bytes, the plan needs %zu, aligned "
                            "to %zu", o->work_bytes, bytes, align);
    return EINC_OK;
}

enum einc_status
einc_program_check(const struct einc_plan *x, const void *const in[],
                   void *const out[], const struct einc_run_options *o,
                   struct einc_err **err)
{
    const struct mem *m = &x->ctx->mem;
    const struct program *p = x->script->program;
    if (!out || (!in && p->n_operands))
        return einc_err_set(m, err, EINC_EINVAL, "%s is NULL",
                            out ? "in" : "out");
    for (int t = 0; t < p->n_tensors; t++) {
        const struct tensor *y = &p->tensors[t];
        int full = x->touched[t].lo < x->touched[t].hi;
        if (y->kind == TENSOR_OPERAND && full && !in[y->number])
            return einc_err_set(m, err, EINC_EINVAL, "in[%d] is NULL",
                                y->number);
        if (y->kind == TENSOR_OUTPUT && full && !out[y->number])
            return einc_err_set(m, err, EINC_EINVAL, "out[%d] is NULL",
                                y->number);
    }
    if (o->alpha || o->beta)
        return einc_err_set(m, err, EINC_EINVAL,
                            "alpha and beta are for einsums: a statement "
                            "says what it adds to");
    if (p->open.n)
        return einc_err_set(m, err, EINC_EINVAL,
                            "a plan of statements whose sizes are arguments "
                            "is written, not run");
    return check_work(x, o, err);
}

enum einc_status
einc_program_run(const struct einc_plan *x, const void *const in[],
                 void *const out[], const struct einc_run_options *o,
                 double *seconds, struct einc_err **err)
{
    enum einc_status status = einc_program_check(x, in, out, o, err);
    if (status != EINC_OK)
        return status;
    const struct mem *m = &x->ctx->mem;
    struct running r = {.x = x, .err = err, .work = o->work};
    r.threads = x->ctx->pool ? x->ctx->threads : 1;
    if (o->threads > 0 && o->threads < r.threads)
        r.threads = o->threads;
    enum { FEW = 64 };
    _Alignas(64) void *few[FEW]; /* as a workspace is */
    size_t n = (size_t)x->script->program->n_tensors;
    size_t table = n > FEW ? (size_t)up_to_64((int64_t)(n * sizeof *few)) : 0;
    size_t copies = (size_t)take_tensors(&r, in, out, NULL);
    size_t bytes = table + copies + (o->work ? 0 : x->workspace_bytes);
    bytes += bytes ? 64 : 0; /* to align it */
    char *block = bytes ? mem_alloc(m, bytes) : NULL;
    if (bytes && !block)
        return einc_err_set(m, err, EINC_ENOMEM,
                            "out of memory: %zu bytes of workspace", bytes);
    char *room = block ? block + ((uintptr_t)0 - (uintptr_t)block) % 64
                       : (char *)few; /* where nothing is put */
    r.tensor = table ? (void **)(void *)room : few;
    if (!r.work)
        r.work = room + table + copies;
    r.scratch = r.work + x->work_at;
    r.scratch_bytes = x->workspace_bytes - (size_t)x->work_at;
    take_tensors(&r, in, out, room + table);
    status = run_stages(&r, seconds);
    mem_free(m, block, bytes);
    return status;
}

/* --- the oracle --------------------------------------------------------- */

/* Memory of the oracle: temporaries, and how far off their elements are; -1:
 * more than int64 counts. */
static int64_t
place_temps(const struct program *p, void **tensor, double **error,
            char *room)
{
    int64_t at = 0;
    for (int t = 0; t < p->n_tensors; t++) {
        const struct tensor *y = &p->tensors[t];
        int64_t elements = 2;
        int full = 0;
        if (y->kind != TENSOR_TEMP)
            continue;
        for (int d = 0; d < y->n_dims; d++)
            full |= __builtin_mul_overflow(elements, y->shape[d], &elements);
        if (full || elements > INT64_MAX / 64 || at > INT64_MAX / 2)
            return -1;
        if (room) {
            tensor[t] = room + at;
            error[t] = (double *)(void *)(room + at + up_to_64(8 * elements));
        }
        at += 2 * up_to_64(8 * elements); /* 16 bytes at most for each */
    }
    return at;
}

/* As it was resolved: no stage, no temporary fused. */
enum einc_status
einc_program_reference(const struct einc_plan *x, const void *const in[],
                       void *const out[], double *const bound[],
                       struct einc_err **err)
{
    enum { ULPS = 4 }; /* of the kernels' functions */
    const struct program *p = x->script->given;
    const struct mem *m = &x->ctx->mem;
    if (p->open.n)
        return einc_err_set(m, err, EINC_EINVAL,
                            "a plan of statements whose sizes are arguments "
                            "has no reference");
    size_t n = (size_t)p->n_tensors;
    int64_t own = place_temps(p, NULL, NULL, NULL);
    size_t bytes = (size_t)own + 64;
    void **tensor = mem_alloc(m, n * sizeof *tensor);
    double **error = mem_alloc(m, n * sizeof *error);
    char *room = own < 0 ? NULL : mem_alloc(m, bytes);
    enum einc_status status = EINC_ENOMEM;
    struct stray stray = {0};
    for (int t = 0; tensor && error && room && t < p->n_tensors; t++) {
        const struct tensor *y = &p->tensors[t];
        error[t] = y->kind == TENSOR_OUTPUT && bound ? bound[y->number] : NULL;
        tensor[t] = y->kind == TENSOR_OPERAND
                        ? (void *)(uintptr_t)in[y->number]
                    : y->kind == TENSOR_OUTPUT ? out[y->number]
                                               : NULL;
    }
    if (tensor && error && room) {
        place_temps(p, tensor, error,
                    room + ((uintptr_t)0 - (uintptr_t)room) % 64);
        status = einc_ref_program(p, m, tensor, ULPS, error, &stray);
    }
    mem_free(m, tensor, n * sizeof *tensor);
    mem_free(m, error, n * sizeof *error);
    mem_free(m, room, bytes);
    struct running r = {.x = x, .stray = stray, .err = err};
    if (status == EINC_ENOMEM)
        return einc_err_set(m, err, status, "out of memory");
    return status == EINC_OK ? status : report(&r);
}

/* --- names -------------------------------------------------------------- */

struct naming {
    struct str text;
    const char *params;
    struct einc_name *list; /* made */
    int n;
};

static void
add_name(struct naming *x, struct arena *perm, struct str name,
         struct einc_name own)
{
    struct text t = {.perm = perm};
    einc_put_str(&t, name);
    own.size = sizeof own;
    own.name = einc_text_z(&t);
    x->list[x->n++] = own;
}

static void
name_guarded(struct guarded *g, void *arg)
{
    struct naming *n = arg;
    int n_params;
    const struct param *params =
        einc_program_params(&g->perm, n->params, &n_params);
    const struct names *x = einc_resolve_names(
        &g->perm, g->scratch,
        einc_parse_program(&g->perm, g->scratch, n->text), params, n_params);
    n->n = 0;
    n->list = NEW(&g->perm, struct einc_name, (int64_t)x->n_in + x->n_out);
    for (int o = 0; o < x->n_in; o++)
        add_name(n, &g->perm, x->in[o],
                 (struct einc_name){.number = o, .ndim = x->in_dims[o],
                                    .dtype = (int32_t)x->in_dtype[o]});
    for (int o = 0; o < x->n_out; o++)
        add_name(n, &g->perm, x->out[o],
                 (struct einc_name){.output = 1, .number = o,
                                    .ndim = x->out_dims[o],
                                    .read = x->out_read[o],
                                    .given = x->out_given[o],
                                    .dtype = (int32_t)x->out_dtype[o]});
}

enum einc_status
einc_names(const char *expr, const char *params, einc_name_fn each, void *user,
           struct einc_err **err)
{
    struct einc_ctx only_memory = {.mem = einc_mem_default};
    if (err)
        *err = NULL;
    if (!expr || !each || !einc_program_is(str_of(expr)))
        return einc_err_set(&einc_mem_default, err, EINC_EINVAL,
                            "expr or each is NULL, or expr is no program of "
                            "index statements: it has no '['");
    struct naming n = {.text = str_of(expr), .params = params};
    struct guarded g = {.ctx = &only_memory, .source = n.text,
                        .hint_bytes = 64 * (size_t)n.text.n};
    enum einc_status status = einc_guard(&g, name_guarded, &n, err);
    if (status != EINC_OK)
        return status;
    int stopped = 0;
    for (int i = 0; i < n.n && !stopped; i++)
        stopped = each(user, &n.list[i]);
    einc_guard_free(&g, 0);
    einc_guard_free(&g, 1);
    return stopped ? einc_err_set(&einc_mem_default, err, EINC_EINVAL,
                                  "the receiver stopped")
                   : EINC_OK;
}

/* SPDX-License-Identifier: MIT
 *
 * tier.c - which kernel answers which step of a plan: the policy behind enum
 * einc_tier.
 */
#include "ctx.h"
#include "plan/lower.h"
#include "plan/model.h"

/* --- the kernels of a plan ---------------------------------------------- */

/* A kernel that may run a step. */
struct way {
    struct wanted wanted;
    struct call *call;     /* its entry is still NULL */
};

/* The ways of one step, best first. A kernel for this shape alone may be
 * modelled to be faster than the one for all shapes; only the latter can be
 * built in. */
struct ways {
    struct way literal;    /* call NULL: there is none */
    struct way generic;    /* call NULL: not asked for */
    struct call *small;    /* NULL: it is not that small */
    struct taker *taker;   /* NULL: not in the background */
};

/* flop, or as many as a move of memory takes the time of. */
static uint64_t
work_of(const struct step *s)
{
    uint64_t bytes = s->read_bytes / 4 + s->write_bytes;
    return s->flop > bytes ? s->flop : bytes;
}

static struct way
way_of(struct guarded *g, const struct nest *w)
{
    struct call *c = NEW(&g->perm, struct call, 1);
    int64_t *strides = NEW(&g->perm, int64_t, w->n_strides);
    for (int many = 0; many < 2; many++) {
        int64_t *n = NEW(&g->perm, int64_t, w->n_extents);
        c->n_tasks[many] =
            einc_nest_arguments(w, many ? g->ctx->threads : 1, n, strides);
        c->n[many] = n;
    }
    c->s = strides;
    c->scratch_bytes = w->scratch_bytes;
    return (struct way){
        {.nest = w, .key = einc_nest_key(&g->scratch, w)}, c};
}

/* Products of all extents up to which the plain loops of small.c are ahead of
 * the kernels for all shapes: 3 x 3 x 3 takes 30 ns instead of 80, 6 x 6 x 6 as
 * long as they do. */
enum { SMALL_POINTS = 200 };

static int
is_small(const struct einc_plan *x, const struct nest *w)
{
    int n_summed = w->n_idx - w->first[LOOP_K];
    int64_t points = 1;
    if (x->family != FAMILY_ANY || w->sum == EINC_SUM_KAHAN || w->n_in != 2 ||
        n_summed > SMALL_SUMMED || w->first[LOOP_K] > SMALL_FREE ||
        w->out.storage != w->compute ||
        w->in[0].storage != w->compute || w->in[1].storage != w->compute)
        return 0;
    for (int j = 0; j < w->n_idx && points <= SMALL_POINTS; j++) {
        int64_t n = w->idx[j].extent.value;
        points *= n <= SMALL_POINTS ? n : SMALL_POINTS + 1;
    }
    return points > 0 && points <= SMALL_POINTS; /* 0: no addresses */
}

/* Free indices fill the places from the fastest loop outwards, so that the
 * outer ones are those that run once. Strides are those of the plan: a nest
 * may have its operands in another order. */
static struct call *
small_of(struct guarded *g, const struct einc_plan *x, const struct nest *w)
{
    einc_kernel_fn entry = einc_builtin_small(w->compute);
    if (!entry || !is_small(x, w))
        return NULL;
    int64_t *n = NEW(&g->perm, int64_t, SMALL_INDICES + 1);
    int64_t *strides = NEW(&g->perm, int64_t, 3 * SMALL_INDICES);
    for (int place = 0; place < SMALL_INDICES; place++)
        n[place] = 1;
    for (int j = 0; j < w->n_idx; j++) {
        int place = j < w->first[LOOP_K]
                        ? SMALL_FREE - w->first[LOOP_K] + j
                        : SMALL_INDICES - w->n_idx + j;
        n[place] = w->idx[j].extent.value;
        for (int o = 0; o < 3; o++)
            strides[o * SMALL_INDICES + place] = einc_lower_stride(
                &x->plan->tensors[o < 2 ? w->step->in[o] : w->step->out],
                w->idx[j].index);
    }
    n[SMALL_INDICES] = w->factor.value;
    struct call *c = NEW(&g->perm, struct call, 1);
    *c = (struct call){.entry = entry, .tier = EINC_TIER_BUILTIN,
                       .n = {n, n}, .s = strides, .n_tasks = {1, 1}};
    return c;
}

static const struct nest *
nest_of(struct guarded *g, const struct einc_plan *x, int step,
        enum nest_mode mode)
{
    return einc_nest_build(&g->scratch, g->scratch, x->plan, step,
                           g->ctx->target, mode, x->family);
}

struct ways *
einc_tier_list(struct guarded *g, struct einc_plan *x, enum einc_tier tier)
{
    const struct plan *p = x->plan;
    struct ways *all = NEW(&g->scratch, struct ways, p->n_steps);
    x->calls = NEW(&g->perm, struct call *, p->n_steps);
    for (int s = 0; s < p->n_steps && tier != EINC_TIER_INTERP; s++) {
        int generic = tier == EINC_TIER_BUILTIN ||
                      (tier == EINC_TIER_AUTO &&
                       work_of(&p->steps[s]) < WORTH_A_LOOK);
        const struct nest *w =
            nest_of(g, x, s, generic ? NEST_GENERIC : NEST_BEST);
        if (generic && (all[s].small = small_of(g, x, w)))
            continue;
        if (w->mode == NEST_GENERIC) {
            all[s].generic = way_of(g, w);
            continue;
        }
        all[s].literal = way_of(g, w);
        if (tier == EINC_TIER_AUTO)
            all[s].generic = way_of(g, nest_of(g, x, s, NEST_GENERIC));
    }
    for (int s = 0; s < p->n_steps && x->background; s++)
        all[s].taker = NEW(&g->perm, struct taker, 1);
    return all;
}

/* --- taking one --------------------------------------------------------- */

static enum einc_status
take(struct einc_plan *x, int step, const struct way *w, unsigned from,
     struct trouble *why)
{
    struct call *c = w->call;
    if (!c)
        return EINC_ECACHE;
    enum einc_status status =
        einc_kernels_get(x->ctx, &w->wanted, from, &c->entry, why);
    if (status != EINC_OK)
        return status;
    c->tier = from == FROM_BUILTIN ? EINC_TIER_BUILTIN : EINC_TIER_CC;
    if (c->scratch_bytes > x->scratch_bytes)
        x->scratch_bytes = c->scratch_bytes;
    x->calls[step] = c;
    return EINC_OK;
}

static void
note_no_compiler(struct einc_ctx *ctx, const struct trouble *why)
{
    pthread_mutex_lock(&ctx->lock);
    int first = !ctx->told_no_cc;
    ctx->told_no_cc = 1;
    pthread_mutex_unlock(&ctx->lock);
    if (first)
        einc_ctx_log(ctx, "kernels are interpreted: %s", why->text);
}

/* Modelled seconds of a step's built-in kernel. A stream is what is left where
 * no other family fits, and says nothing of its own time; a gett says what its
 * arithmetic takes, not that each of many narrow rows is packed and stored:
 * a million products of a 3x3 matrix and a vector 2.3 ms, the model of all that
 * packs 5.4, measured 6.5 and more. */
static double
built_in_seconds(const struct einc_plan *x, int step, const struct nest *w)
{
    const struct machine *m = einc_machine_default(str_of(w->target->name));
    double seconds = w->seconds, packed = 0;
    if (m && w->family == FAMILY_STREAM)
        return einc_model_pass(m, x->plan, step, 1);
    if (m && w->family == FAMILY_GETT && w->step->kind == STEP_CONTRACT)
        packed = einc_model_packed(m, x->plan, step, 1);
    return packed > seconds ? packed : seconds;
}

/* Whether a kernel for this shape alone saves so much of each call that a run
 * of the compiler is soon back. */
static int
is_worth_it(const struct einc_plan *x, int step, const struct ways *w)
{
    if (!w->generic.call || work_of(&x->plan->steps[step]) < WORTH_A_LOOK)
        return 0;
    double now = built_in_seconds(x, step, w->generic.wanted.nest);
    double then = w->literal.wanted.nest->seconds;
    return now >= 2 * then && now - then >= 1e-9 * WORTH_COMPILING_NS;
}

/* What is there at once: a kernel for this shape if it is on disk, else a
 * built-in one. Only a step that has neither may be worth a compiler. */
static enum einc_status
take_at_once(struct einc_plan *x, int step, const struct ways *w,
             unsigned disk, struct trouble *why)
{
    const struct step *s = &x->plan->steps[step];
    enum einc_status status = EINC_ECACHE;
    uint64_t work = work_of(s);
    x->calls[step] = w->small;
    if (w->small)
        return EINC_OK;
    if (w->literal.call)
        status = take(x, step, &w->literal,
                      is_worth_it(x, step, w) ? disk | FROM_CC : disk, why);
    if (status != EINC_OK && status != EINC_ENOMEM)
        status = take(x, step, &w->generic, FROM_BUILTIN, why);
    if (status != EINC_ECACHE || work < WORTH_A_LOOK)
        return status == EINC_ENOMEM ? status : EINC_OK;
    if (work >= WORTH_A_COMPILER && !x->background)
        return take(x, step, w->literal.call ? &w->literal : &w->generic,
                    disk | FROM_CC, why);
    return take(x, step, &w->generic, disk, why);
}

/* Orders the best kernel of a step from the background, if the step is large
 * enough to look for one and has another. */
static void
order_better(struct einc_plan *x, int step, const struct ways *w,
             unsigned disk)
{
    const struct way *best = w->literal.call ? &w->literal : &w->generic;
    if (!best->call || best->call->entry ||
        work_of(&x->plan->steps[step]) < WORTH_A_LOOK)
        return;
    if (best->call->scratch_bytes > x->scratch_bytes)
        x->scratch_bytes = best->call->scratch_bytes;
    *w->taker = (struct taker){
        .plan = x, .step = step, .call = best->call};
    einc_background_order(w->taker, &best->wanted, disk | FROM_CC);
}

static enum einc_status
choose_auto(struct einc_plan *x, const struct ways *w, unsigned disk,
            struct trouble *why)
{
    uint64_t unpaid = 0;
    for (int s = 0; s < x->plan->n_steps; s++) {
        enum einc_status status = take_at_once(x, s, &w[s], disk, why);
        if (status == EINC_ENOMEM)
            return status;
        if (status == EINC_ECACHE && !x->background)
            unpaid += x->plan->steps[s].flop;
        else if (status != EINC_OK && status != EINC_ECACHE)
            note_no_compiler(x->ctx, why);
    }
    for (int s = 0; s < x->plan->n_steps && x->background; s++)
        order_better(x, s, &w[s], disk);
    if (unpaid)
        einc_ctx_log(x->ctx,
                     "interpreted: %llu flop do not pay for a run of the "
                     "compiler; EINC_TIER=cc compiles all the same",
                     (unsigned long long)unpaid);
    return EINC_OK;
}

enum einc_status
einc_tier_choose(struct einc_plan *x, const struct ways *w,
                 enum einc_tier tier, uint32_t flags, struct trouble *why)
{
    unsigned disk = flags & EINC_NO_CACHE ? 0 : FROM_DISK;
    int n_steps = tier == EINC_TIER_INTERP ? 0 : x->plan->n_steps;
    enum einc_status status = EINC_OK;
    if (tier == EINC_TIER_AUTO)
        return choose_auto(x, w, disk, why);
    for (int s = 0; s < n_steps && status == EINC_OK; s++)
        if (w[s].small)
            x->calls[s] = w[s].small;
        else if (tier == EINC_TIER_BUILTIN)
            take(x, s, &w[s].generic, FROM_BUILTIN, why);
        else
            status = take(x, s,
                          w[s].literal.call ? &w[s].literal : &w[s].generic,
                          disk | FROM_CC, why);
    return status;
}

enum einc_tier
einc_plan_tier(const struct einc_plan *plan)
{
    if (!plan)
        return EINC_TIER_AUTO;
    if (plan->script)
        return einc_program_tier(plan);
    enum einc_tier most = EINC_TIER_INTERP;
    for (int s = 0; s < plan->plan->n_steps; s++) {
        const struct call *c = einc_plan_call(plan, s);
        if (c && (most == EINC_TIER_INTERP || c->tier == EINC_TIER_CC))
            most = c->tier;
    }
    return most;
}

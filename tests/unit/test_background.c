/* SPDX-License-Identifier: MIT
 *
 * test_background.c - kernels that are made while plans run without them. The
 * compiler is a script that says when it begins and waits at a gate, so the
 * order of things is the test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdatomic.h>

#include "ctx.h"
#include "faults.h"

#if defined(__has_feature)
#define UNDER_TSAN __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#else
#define UNDER_TSAN 0
#endif

/* --- a compiler with a gate --------------------------------------------- */

/* A directory of its own for every test: the script, "begun" once it runs,
 * with its pid, "gate" when it may go on, and its temporary files. */
struct bench {
    char place[64];
    char cc[96];
};

static const char *
path_in(const struct bench *b, const char *name)
{
    static char path[2][160];
    static int turn;
    turn ^= 1;
    snprintf(path[turn], sizeof path[turn], "%s/%s", b->place, name);
    return path[turn];
}

static void
write_script(const struct bench *b, const char *end)
{
    char text[600];
    int n = snprintf(text, sizeof text,
                     "#!/bin/sh\n"
                     "echo $$ > '%s/new' && mv '%s/new' '%s/begun'\n"
                     "while [ ! -e '%s/gate' ]; do sleep 0.01; done\n"
                     "echo >> '%s/runs'\n"
                     "%s\n",
                     b->place, b->place, b->place, b->place, b->place, end);
    put_bytes(b->cc, text, (size_t)n, 0700);
}

static void
open_bench(struct bench *b)
{
    make_place(b->place);
    snprintf(b->cc, sizeof b->cc, "%s/compiler", b->place);
    write_script(b, "exec cc \"$@\"");
    setenv("TMPDIR", b->place, 1);
}

static void
close_bench(struct bench *b)
{
    assert_int_equal(count_names(b->place, "einc-"), 0);
    unsetenv("TMPDIR");
    remove_place(b->place);
}

static void
open_gate(const struct bench *b)
{
    put_bytes(path_in(b, "gate"), "", 0, 0600);
}

/* The compiler's pid, once there is one. */
static pid_t
await_compiler(const struct bench *b)
{
    char text[32] = "";
    while (access(path_in(b, "begun"), F_OK) != 0)
        einc_sys_sleep(2);
    get_bytes(path_in(b, "begun"), text, sizeof text - 1);
    return (pid_t)strtol(text, NULL, 10);
}

static int
compiler_runs(const struct bench *b)
{
    char lines[200];
    if (access(path_in(b, "runs"), F_OK) != 0)
        return 0;
    return (int)get_bytes(path_in(b, "runs"), lines, sizeof lines);
}

/* --- contexts and plans ------------------------------------------------- */

struct lines {
    atomic_int n;
    char last[512];
};

static void
keep_line(void *user, const char *line)
{
    struct lines *l = user;
    snprintf(l->last, sizeof l->last, "%s", line);
    l->n++;
}

static struct einc_ctx *
open_ctx(const struct bench *b, struct lines *lines)
{
    struct einc_config c = {.size = sizeof c, .threads = 2, .cache_dir = "",
                            .cc = b->cc, .background = 1,
                            .log = lines ? keep_line : NULL,
                            .log_user = lines};
    struct einc_ctx *ctx;
    assert_int_equal(einc_ctx_create(&c, &ctx, NULL), EINC_OK);
    return ctx;
}

enum { MOST = 96 };

static enum einc_status
compile_text(struct einc_ctx *ctx, const char *text, enum einc_dtype type,
             int64_t n, struct einc_plan **plan)
{
    const int64_t shape[2] = {n, n};
    const struct einc_layout x = {sizeof x, (int32_t)type, 2, 0, shape, NULL};
    const struct einc_layout in[2] = {x, x};
    *plan = NULL;
    return einc_compile(ctx, text, 2, in, NULL, NULL, plan, NULL);
}

static enum einc_status
compile(struct einc_ctx *ctx, enum einc_dtype type, int64_t n,
        struct einc_plan **plan)
{
    return compile_text(ctx, "ij,jk->ik", type, n, plan);
}

/* ij,jk->ik of n by n. Nothing is built in for i32; for f32 a kernel for this
 * shape alone is modelled to be faster than what is. */
static struct einc_plan *
product(struct einc_ctx *ctx, enum einc_dtype type, int64_t n)
{
    struct einc_plan *plan;
    assert_int_equal(compile(ctx, type, n, &plan), EINC_OK);
    return plan;
}

/* Under the lock, since the thread may be about to change it. */
static int
awaited_by(const struct einc_plan *plan)
{
    pthread_mutex_lock(&plan->ctx->lock);
    int n = plan->n_awaited;
    pthread_mutex_unlock(&plan->ctx->lock);
    return n;
}

static int
orders_of(struct einc_ctx *ctx)
{
    pthread_mutex_lock(&ctx->lock);
    int n = ctx->background.n_orders;
    pthread_mutex_unlock(&ctx->lock);
    return n;
}

struct numbers {
    _Alignas(64) char in[MOST * MOST * 4], got[MOST * MOST * 4],
        want[MOST * MOST * 4];
};

/* Whether the plan's result is the oracle's, bit for bit: whole numbers. */
static int
is_right(const struct einc_plan *plan)
{
    struct einc_layout out;
    static _Thread_local struct numbers x;
    const void *const data[2] = {x.in, x.in};
    einc_plan_layout(plan, &out);
    for (int j = 0; j < MOST * MOST; j++)
        if (out.dtype == EINC_F32)
            ((float *)(void *)x.in)[j] = (float)(7 * j % 5 - 2);
        else
            ((int32_t *)(void *)x.in)[j] = 7 * j % 5 - 2;
    return einc_run(plan, data, x.got, NULL, NULL) == EINC_OK &&
           einc_reference(plan, data, x.want, NULL, NULL) == EINC_OK &&
           memcmp(x.got, x.want,
                  (size_t)(out.shape[0] * out.shape[1]) * 4) == 0;
}

/* Of a plan that has no compiled kernel yet. */
static enum einc_tier
tier_before(const struct einc_ctx *ctx, enum einc_dtype type)
{
    return type == EINC_F32 && ctx->builtin->n ? EINC_TIER_BUILTIN
                                               : EINC_TIER_INTERP;
}

/* --- taking over -------------------------------------------------------- */

struct runner {
    const struct einc_plan *plan;
    atomic_int stop;
    int runs, good;
};

static void *
run_on(void *arg)
{
    struct runner *r = arg;
    do {
        r->good += is_right(r->plan);
        r->runs++;
    } while (!r->stop);
    return NULL;
}

/* The plan answers before its compiler has begun to work, and with its kernel
 * afterwards; others may be in the middle of a run meanwhile. */
static void
takes_over(enum einc_dtype type)
{
    struct bench b;
    open_bench(&b);
    struct einc_ctx *ctx = open_ctx(&b, NULL);
    struct einc_plan *plan = product(ctx, type, 64);
    size_t before, after;
    assert_int_equal(einc_plan_tier(plan), tier_before(ctx, type));
    assert_int_equal(awaited_by(plan), 1);
    assert_true(is_right(plan));
    assert_int_equal(compiler_runs(&b), 0);
    einc_plan_workspace(plan, &before, NULL);
    struct runner r = {.plan = plan};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_on, &r), 0);
    open_gate(&b);
    einc_plan_wait(plan);
    r.stop = 1;
    pthread_join(thread, NULL);
    assert_int_equal(r.good, r.runs);
    assert_int_equal(einc_plan_tier(plan), EINC_TIER_CC);
    assert_true(is_right(plan));
    einc_plan_workspace(plan, &after, NULL);
    assert_int_equal(before, after);
    einc_ctx_wait(ctx);
    assert_int_equal(compiler_runs(&b), 1);
    einc_plan_free(plan);
    einc_ctx_free(ctx);
    close_bench(&b);
}

static void
test_takes_over(void **state)
{
    (void)state;
    takes_over(EINC_I32);
    takes_over(EINC_F32);
}

/* Loops of a statement, and an einsum beside them. */
static const char loops[] = "O[i,k] = max[j](A[i,j] + B[j,k])";
static const char both[] = "T[i,k] = sum[j](A[i,j]*B[j,k]);"
                           "O[i,k] = min[j](T[i,j] - T[j,k])";

/* Statements answer through the evaluator until their kernels are there: of
 * `both` one for the einsum and one for the loops. */
static void
statements_take_over(const char *text, int kernels)
{
    struct bench b;
    open_bench(&b);
    struct einc_ctx *ctx = open_ctx(&b, NULL);
    struct einc_plan *plan;
    size_t before, after;
    assert_int_equal(compile_text(ctx, text, EINC_I32, 64, &plan), EINC_OK);
    assert_int_equal(einc_plan_tier(plan), EINC_TIER_INTERP);
    assert_int_equal(awaited_by(plan), 1);
    assert_int_equal(orders_of(ctx), kernels);
    assert_true(is_right(plan));
    assert_int_equal(compiler_runs(&b), 0);
    einc_plan_workspace(plan, &before, NULL);
    struct runner r = {.plan = plan};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_on, &r), 0);
    open_gate(&b);
    einc_plan_wait(plan);
    assert_int_equal(orders_of(ctx), 0);
    r.stop = 1;
    pthread_join(thread, NULL);
    assert_int_equal(r.good, r.runs);
    assert_int_equal(einc_plan_tier(plan), EINC_TIER_CC);
    for (int s = 0; s < plan->script->n_stages; s++)
        assert_true(plan->stages[s].plan ? einc_plan_tier(plan->stages[s].plan)
                                               == EINC_TIER_CC
                                         : einc_plan_call(plan, s) != NULL);
    assert_true(is_right(plan));
    einc_plan_workspace(plan, &after, NULL);
    assert_int_equal(before, after);
    assert_int_equal(compiler_runs(&b), kernels);
    einc_plan_free(plan);
    einc_ctx_free(ctx);
    close_bench(&b);
}

static void
test_statements(void **state)
{
    (void)state;
    statements_take_over(loops, 1);
    statements_take_over(both, 2);
}

/* What a program waited for is not begun when it goes, and a compiler that
 * fails leaves it to the evaluator. */
static void
test_statements_without(void **state)
{
    (void)state;
    struct bench b;
    struct lines lines = {0};
    struct einc_plan *plan, *small;
    open_bench(&b);
    write_script(&b, "echo broken; exit 3");
    struct einc_ctx *ctx = open_ctx(&b, &lines);
    assert_int_equal(compile_text(ctx, loops, EINC_I32, 16, &small), EINC_OK);
    assert_int_equal(orders_of(ctx), 0); /* that small it stays as it is */
    assert_int_equal(compile_text(ctx, both, EINC_I32, 64, &plan), EINC_OK);
    await_compiler(&b);
    einc_plan_free(plan);
    assert_int_equal(orders_of(ctx), 1);
    open_gate(&b);
    einc_ctx_wait(ctx);
    assert_int_equal(lines.n, 1);
    assert_int_equal(compile_text(ctx, both, EINC_I32, 64, &plan), EINC_OK);
    einc_plan_wait(plan);
    assert_int_equal(einc_plan_tier(plan), EINC_TIER_INTERP);
    assert_true(is_right(plan));
    assert_true(is_right(small));
    einc_plan_free(plan);
    einc_plan_free(small);
    einc_ctx_free(ctx);
    close_bench(&b);
}

/* Small steps, and those with the best kernel, order nothing. */
static void
test_orders_nothing(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    open_gate(&b);
    struct einc_ctx *ctx = open_ctx(&b, NULL);
    struct einc_plan *small = product(ctx, EINC_I32, 16);
    assert_int_equal(awaited_by(small), 0);
    struct einc_plan *first = product(ctx, EINC_I32, 64);
    einc_ctx_wait(ctx);
    struct einc_plan *second = product(ctx, EINC_I32, 64);
    assert_int_equal(einc_plan_tier(second), EINC_TIER_CC);
    assert_int_equal(awaited_by(second), 0);
    assert_int_equal(compiler_runs(&b), 1);
    einc_plan_free(small);
    einc_plan_free(first);
    einc_plan_free(second);
    einc_ctx_free(ctx);
    close_bench(&b);
}

/* Who demands the compiler waits for it, and who did not ask for the
 * background does not get it. */
static void
test_who_asks(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    static const struct {
        const char *environment;
        uint32_t flags;
        int tier, lines, background;
    } rows[] = {{NULL, 0, EINC_TIER_AUTO, 0, 0},
                {"", 0, EINC_TIER_AUTO, 0, 0},
                {"0", 0, EINC_TIER_AUTO, 0, 0},
                {"1", 0, EINC_TIER_AUTO, 0, 1},
                {"yes", 0, EINC_TIER_AUTO, 1, 0},
                {NULL, EINC_BACKGROUND, EINC_TIER_AUTO, 0, 1},
                {"1", EINC_BACKGROUND, EINC_TIER_INTERP, 0, 0},
                {"1", EINC_BACKGROUND, EINC_TIER_BUILTIN, 0, 0}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct lines lines = {0};
        struct einc_config c = {.size = sizeof c, .threads = 1,
                                .cache_dir = "", .cc = b.cc,
                                .log = keep_line, .log_user = &lines};
        struct einc_ctx *ctx;
        if (rows[r].environment)
            setenv("EINC_BACKGROUND", rows[r].environment, 1);
        assert_int_equal(einc_ctx_create(&c, &ctx, NULL), EINC_OK);
        unsetenv("EINC_BACKGROUND");
        assert_int_equal(lines.n, rows[r].lines);
        static const int64_t shape[2] = {64, 64};
        const struct einc_layout x = {sizeof x, EINC_I32, 2, 0, shape, NULL};
        const struct einc_layout in[2] = {x, x};
        const struct einc_options o = {.size = sizeof o,
                                       .flags = rows[r].flags,
                                       .tier = rows[r].tier};
        struct einc_plan *plan;
        assert_int_equal(einc_compile(ctx, "ij,jk->ik", 2, in, NULL, &o,
                                      &plan, NULL), EINC_OK);
        assert_int_equal(plan->background, rows[r].background);
        assert_int_equal(awaited_by(plan), rows[r].background);
        assert_int_equal(einc_plan_tier(plan), EINC_TIER_INTERP);
        einc_plan_free(plan);
        einc_ctx_free(ctx);
    }
    struct einc_config c = {.size = sizeof c, .background = 2};
    struct einc_ctx *ctx;
    assert_int_equal(einc_ctx_create(&c, &ctx, NULL), EINC_EINVAL);
    einc_plan_wait(NULL);
    close_bench(&b);
}

/* --- no kernel ---------------------------------------------------------- */

/* A kernel that cannot be made is one line, however often it is wanted. */
static void
test_failure(void **state)
{
    (void)state;
    struct bench b;
    struct lines lines = {0};
    open_bench(&b);
    write_script(&b, "echo broken; exit 3");
    open_gate(&b);
    struct einc_ctx *ctx = open_ctx(&b, &lines);
    for (int round = 0; round < 3; round++) {
        struct einc_plan *plan = product(ctx, EINC_I32, 64);
        einc_plan_wait(plan);
        assert_int_equal(einc_plan_tier(plan), EINC_TIER_INTERP);
        assert_true(is_right(plan));
        einc_plan_free(plan);
        assert_int_equal(lines.n, 1);
    }
    assert_non_null(strstr(lines.last, "status 3"));
    assert_non_null(strstr(lines.last, "broken"));
    assert_int_equal(compiler_runs(&b), 1);
    einc_ctx_free(ctx);
    close_bench(&b);
}

static void
test_no_compiler(void **state)
{
    (void)state;
    struct bench b;
    struct lines lines = {0};
    open_bench(&b);
    unlink(b.cc);
    struct einc_ctx *ctx = open_ctx(&b, &lines);
    struct einc_plan *plan = product(ctx, EINC_I32, 64);
    assert_int_equal(awaited_by(plan), 0);
    assert_int_equal(ctx->background.started, 0);
    assert_int_equal(lines.n, 1);
    assert_true(is_right(plan));
    einc_plan_free(plan);
    einc_ctx_free(ctx);
    close_bench(&b);
}

static int
no_thread(enum sys_call call)
{
    return call == CALL_THREAD ? EAGAIN : 0;
}

static void
test_no_thread(void **state)
{
    (void)state;
    struct bench b;
    struct lines lines = {0};
    open_bench(&b);
    struct einc_ctx *ctx = open_ctx(&b, &lines);
    einc_sys_fault = no_thread;
    struct einc_plan *plan = product(ctx, EINC_I32, 64);
    einc_sys_fault = NULL;
    assert_int_equal(awaited_by(plan), 0);
    assert_int_equal(lines.n, 1);
    einc_plan_wait(plan);
    einc_ctx_wait(ctx);
    einc_plan_free(plan);
    plan = product(ctx, EINC_I32, 64); /* the next one asks again */
    assert_int_equal(awaited_by(plan), 1);
    einc_plan_free(plan);
    einc_ctx_free(ctx);
    close_bench(&b);
}

/* --- ends --------------------------------------------------------------- */

static int
is_gone(pid_t pid)
{
    return kill(pid, 0) != 0 && errno == ESRCH;
}

/* The context does not wait for its compiler, and leaves nothing of it. */
static void
test_destroy(void **state)
{
    (void)state;
    struct bench b;
    struct lines lines = {0};
    open_bench(&b);
    int fds = count_fds();
    struct einc_ctx *ctx = open_ctx(&b, &lines);
    struct einc_plan *plan = product(ctx, EINC_I32, 64);
    struct einc_plan *other = product(ctx, EINC_I32, 65);
    pid_t compiler = await_compiler(&b);
    einc_ctx_free(ctx);
    assert_false(is_gone(compiler)); /* the plans hold it */
    assert_true(is_right(other));
    einc_plan_free(other);
    assert_false(is_gone(compiler));
    einc_plan_free(plan);
    assert_true(is_gone(compiler));
    assert_int_equal(lines.n, 0);
    assert_int_equal(count_fds(), fds);
    close_bench(&b);
}

/* What a plan waited for is not begun when it goes; what was begun is there
 * for the next one. */
static void
test_plan_goes(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct einc_ctx *ctx = open_ctx(&b, NULL);
    struct einc_plan *plan = product(ctx, EINC_I32, 64);
    await_compiler(&b);
    struct einc_plan *same = product(ctx, EINC_I32, 64);
    struct einc_plan *queued = product(ctx, EINC_F32, 64);
    struct einc_plan *longer = product(ctx, EINC_F32, 72);
    assert_int_equal(orders_of(ctx), 3);
    einc_plan_free(queued);
    assert_int_equal(orders_of(ctx), 2);
    einc_plan_free(same);
    einc_plan_free(plan);
    assert_int_equal(orders_of(ctx), 2);
    open_gate(&b);
    einc_ctx_wait(ctx);
    assert_int_equal(compiler_runs(&b), 2);
    assert_int_equal(einc_plan_tier(longer), EINC_TIER_CC);
    plan = product(ctx, EINC_I32, 64);
    assert_int_equal(einc_plan_tier(plan), EINC_TIER_CC);
    assert_true(is_right(plan));
    einc_plan_free(plan);
    einc_plan_free(longer);
    einc_ctx_free(ctx);
    close_bench(&b);
}

/* More plans than orders: the rest do without. */
static void
test_bound(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct einc_ctx *ctx = open_ctx(&b, NULL);
    enum { PLANS = BACKGROUND_ORDERS + 5 };
    struct einc_plan *plans[PLANS];
    int awaited = 0;
    for (int k = 0; k < PLANS; k++) { /* fused ones: a kernel per shape */
        const int64_t shape[2] = {200 + k, 300};
        const struct einc_layout x = {sizeof x, EINC_I32, 2, 0, shape, NULL};
        const struct einc_layout in[3] = {x, x, x};
        struct einc_options o = {.size = sizeof o, .path = "whole",
                                 .kernel = "fused"};
        assert_int_equal(einc_compile(ctx, "ij,ij,ij->i", 3, in, NULL, &o,
                                      &plans[k], NULL), EINC_OK);
        awaited += awaited_by(plans[k]);
    }
    assert_int_equal(awaited, BACKGROUND_ORDERS);
    assert_int_equal(orders_of(ctx), BACKGROUND_ORDERS);
    for (int k = 0; k < PLANS; k++)
        einc_plan_free(plans[k]);
    assert_true(orders_of(ctx) <= 1);
    einc_ctx_free(ctx);
    close_bench(&b);
}

/* --- the process -------------------------------------------------------- */

static int
ends_well(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* In a child that was born while the compiler ran. */
static int
go_on_in_child(const struct bench *b, struct einc_ctx *ctx,
               struct einc_plan *plan)
{
    einc_plan_wait(plan); /* for nobody */
    int good = einc_plan_tier(plan) == EINC_TIER_INTERP;
    if (UNDER_TSAN) /* it has no threads in a forked child */
        return good;
    good &= is_right(plan);
    einc_plan_free(plan);
    good &= compile(ctx, EINC_I32, 64, &plan) == EINC_OK;
    good &= awaited_by(plan) == 1;
    open_gate(b);
    einc_plan_wait(plan);
    good &= einc_plan_tier(plan) == EINC_TIER_CC && is_right(plan);
    einc_plan_free(plan);
    einc_ctx_free(ctx);
    return good;
}

static void
test_fork(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct einc_ctx *ctx = open_ctx(&b, NULL);
    struct einc_plan *plan = product(ctx, EINC_I32, 64);
    await_compiler(&b);
    pid_t child = fork();
    if (child == 0)
        _exit(!go_on_in_child(&b, ctx, plan));
    assert_true(ends_well(child));
    open_gate(&b);
    einc_plan_wait(plan);
    assert_int_equal(einc_plan_tier(plan), EINC_TIER_CC);
    assert_true(is_right(plan));
    einc_plan_free(plan);
    einc_ctx_free(ctx);
    close_bench(&b);
}

/* A process that ends takes its compiler along. */
static void
test_exit(void **state)
{
    (void)state;
    static struct einc_plan *plan; /* found by who looks for leaks */
    struct bench b;
    if (UNDER_TSAN)
        skip();
    open_bench(&b);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        plan = product(open_ctx(&b, NULL), EINC_I32, 64);
        await_compiler(&b);
        exit(!plan);
    }
    assert_true(ends_well(child));
    assert_true(is_gone(await_compiler(&b)));
    close_bench(&b);
}

/* --- memory ------------------------------------------------------------- */

struct budget {
    atomic_int left;       /* allocations that succeed */
    atomic_int live;
};

static void *
count_memory(void *user, void *old, size_t old_bytes, size_t bytes)
{
    struct budget *m = user;
    (void)old_bytes;
    if (bytes == 0) {
        m->live -= old != NULL;
        free(old);
        return NULL;
    }
    if (old || m->left-- <= 0)
        return NULL;
    m->live++;
    return malloc(bytes);
}

/* Memory ends at every allocation: the plan answers or is not there, the
 * thread goes on, and all is given back. */
static void
test_no_memory(void **state)
{
    (void)state;
    enum { ENOUGH = 1000 };
    struct bench b;
    open_bench(&b);
    open_gate(&b);
    int plans = 0, kernels = 0;
    for (int left = 0; !kernels && left < ENOUGH; left++) {
        struct budget m = {0};
        m.left = left;
        struct einc_config c = {.size = sizeof c, .threads = 1,
                                .alloc = count_memory, .alloc_user = &m,
                                .cache_dir = "", .cc = b.cc,
                                .background = 1};
        struct einc_ctx *ctx;
        struct einc_plan *plan;
        if (einc_ctx_create(&c, &ctx, NULL) != EINC_OK)
            continue;
        int made = compile(ctx, EINC_I32, 64, &plan) == EINC_OK;
        einc_plan_wait(plan);
        m.left = ENOUGH;
        plans += made;
        kernels += einc_plan_tier(plan) == EINC_TIER_CC;
        if (made)
            assert_true(is_right(plan));
        einc_plan_free(plan);
        einc_ctx_free(ctx);
        assert_int_equal(m.live, 0);
    }
    assert_int_equal(kernels, 1);
    assert_true(plans > kernels);
    close_bench(&b);
}

/* --- many at once ------------------------------------------------------- */

struct user {
    struct einc_ctx *ctx;
    int seed, good;
};

/* Plans that come, run and go, some before and some after their kernels. */
static void *
use(void *arg)
{
    enum { ROUNDS = 24 };
    struct user *u = arg;
    u->good = 1;
    for (int k = 0; k < ROUNDS; k++) {
        struct einc_plan *plan;
        int which = (u->seed + k) % 4;
        if (compile(u->ctx, which % 2 ? EINC_F32 : EINC_I32,
                    which < 2 ? 64 : 80, &plan) != EINC_OK) {
            u->good = 0;
            continue;
        }
        if (k % 8 == 7)
            einc_plan_wait(plan);
        u->good &= is_right(plan);
        einc_plan_free(plan);
    }
    return NULL;
}

static void
test_many(void **state)
{
    (void)state;
    enum { USERS = 4 };
    struct bench b;
    open_bench(&b);
    open_gate(&b);
    struct einc_ctx *ctx = open_ctx(&b, NULL);
    struct user users[USERS];
    pthread_t threads[USERS];
    for (int u = 0; u < USERS; u++) {
        users[u] = (struct user){.ctx = ctx, .seed = u};
        assert_int_equal(pthread_create(&threads[u], NULL, use, &users[u]), 0);
    }
    for (int u = 0; u < USERS; u++) {
        pthread_join(threads[u], NULL);
        assert_true(users[u].good);
    }
    einc_ctx_wait(ctx);
    assert_int_equal(compiler_runs(&b), 4); /* each kernel once */
    einc_ctx_free(ctx);
    close_bench(&b);
}

int
main(void)
{
    static const char *const unwanted[] = {"EINC_TIER", "EINC_ISA", "EINC_CC",
                                           "CC", "EINC_BACKGROUND"};
    for (size_t k = 0; k < sizeof unwanted / sizeof *unwanted; k++)
        unsetenv(unwanted[k]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_over),
        cmocka_unit_test(test_statements),
        cmocka_unit_test(test_statements_without),
        cmocka_unit_test(test_orders_nothing),
        cmocka_unit_test(test_who_asks),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_no_compiler),
        cmocka_unit_test(test_no_thread),
        cmocka_unit_test(test_destroy),
        cmocka_unit_test(test_plan_goes),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_exit),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

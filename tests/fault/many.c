/* SPDX-License-Identifier: MIT
 *
 * many.c - many at once, through einc.h only: processes and threads on one
 * cold cache, with the compiler's runs counted; forks before and after the
 * first use; plans that outlive their contexts on other threads. Meant to be
 * run with -fsanitize=thread as well. Every result is held against
 * einc_reference(): numbers are small integers, so it is equal bit for bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "einc.h"
#include "tests/unit/faults.h"

#if defined(__has_feature)
#define UNDER_TSAN __has_feature(thread_sanitizer)
#define UNDER_ASAN __has_feature(address_sanitizer)
#else
#ifdef __SANITIZE_THREAD__
#define UNDER_TSAN 1
#else
#define UNDER_TSAN 0
#endif
#ifdef __SANITIZE_ADDRESS__
#define UNDER_ASAN 1
#else
#define UNDER_ASAN 0
#endif
#endif

#if UNDER_TSAN /* it cannot follow a child with threads behind it */
const char *__tsan_default_options(void);
const char *
__tsan_default_options(void)
{
    return "die_after_fork=0";
}
#endif

enum { PROCESSES = 8, THREADS = 4, MAX_IN = 3, MAX_DIMS = 4, DEADLINE = 400 };

/* Distinct expressions; some share kernels, which the cache has to notice. */
static const struct job {
    const char *expr;
    enum einc_dtype dtype;
    int n_in;
    int ndim[MAX_IN];
    int64_t shape[MAX_IN][MAX_DIMS];
} jobs[] = {
    {"ij,jk->ik", EINC_F32, 2, {2, 2}, {{5, 6}, {6, 7}}},
    {"ij,jk->ik", EINC_F64, 2, {2, 2}, {{5, 6}, {6, 7}}},
    {"ij,jk->ik", EINC_I32, 2, {2, 2}, {{5, 6}, {6, 7}}},
    {"ij,jk->ik", EINC_C64, 2, {2, 2}, {{5, 6}, {6, 7}}},
    {"ij,jk->ik", EINC_F32, 2, {2, 2}, {{9, 3}, {3, 8}}},
    {"ij,kj->ik", EINC_F32, 2, {2, 2}, {{5, 6}, {7, 6}}},
    {"ji,jk->ik", EINC_F32, 2, {2, 2}, {{6, 5}, {6, 7}}},
    {"bij,bjk->bik", EINC_F32, 2, {3, 3}, {{2, 3, 4}, {2, 4, 5}}},
    {"bij,bjk->bik", EINC_F64, 2, {3, 3}, {{2, 3, 4}, {2, 4, 5}}},
    {"ij->", EINC_F32, 1, {2}, {{5, 6}}},
    {"ij->", EINC_I64, 1, {2}, {{5, 6}}},
    {"ij->i", EINC_F32, 1, {2}, {{5, 6}}},
    {"ij->j", EINC_F32, 1, {2}, {{5, 6}}},
    {"ij->ji", EINC_F32, 1, {2}, {{5, 6}}},
    {"ij->ji", EINC_I8, 1, {2}, {{5, 6}}},
    {"ijk->kji", EINC_F32, 1, {3}, {{3, 4, 5}}},
    {"ii->i", EINC_F64, 1, {2}, {{6, 6}}},
    {"ii->", EINC_F64, 1, {2}, {{6, 6}}},
    {"i,i->", EINC_F32, 2, {1, 1}, {{9}, {9}}},
    {"i,j->ij", EINC_F32, 2, {1, 1}, {{4}, {5}}},
    {"i,j->ji", EINC_F32, 2, {1, 1}, {{4}, {5}}},
    {"ij,ij->ij", EINC_F32, 2, {2, 2}, {{4, 5}, {4, 5}}},
    {"ij,j->ij", EINC_F32, 2, {2, 1}, {{4, 5}, {5}}},
    {"ij,j->i", EINC_F32, 2, {2, 1}, {{4, 5}, {5}}},
    {"ij,i->j", EINC_F32, 2, {2, 1}, {{4, 5}, {4}}},
    {"i,i,i->i", EINC_F32, 3, {1, 1, 1}, {{5}, {5}, {5}}},
    {"i,i,i->", EINC_F64, 3, {1, 1, 1}, {{5}, {5}, {5}}},
    {"ij,jk,kl->il", EINC_F32, 3, {2, 2, 2}, {{3, 4}, {4, 5}, {5, 6}}},
    {"ij,jk,kl->il", EINC_F64, 3, {2, 2, 2}, {{3, 4}, {4, 5}, {5, 6}}},
    {"ij,ij->", EINC_I32, 2, {2, 2}, {{5, 6}, {5, 6}}},
};
enum { N_JOBS = sizeof jobs / sizeof jobs[0], MAX_BYTES = 4096 };

/* --- one job ------------------------------------------------------------- */

static void
put_number(enum einc_dtype d, void *at, int64_t n, int value)
{
    switch (d) {
    case EINC_F64: ((double *)at)[n] = value; break;
    case EINC_I8: ((int8_t *)at)[n] = (int8_t)value; break;
    case EINC_I32: ((int32_t *)at)[n] = value; break;
    case EINC_I64: ((int64_t *)at)[n] = value; break;
    case EINC_C64:
        ((float *)at)[2 * n] = (float)value;
        ((float *)at)[2 * n + 1] = (float)(2 - value);
        break;
    default: ((float *)at)[n] = (float)value; break;
    }
}

/* Inputs of a job; all tests use the same: odd, so no zero has a sign. */
struct input {
    struct einc_layout layout[MAX_IN];
    const void *data[MAX_IN];
    _Alignas(16) char bytes[MAX_IN][MAX_BYTES];
};

static void
fill_input(const struct job *j, struct input *x)
{
    for (int o = 0; o < j->n_in; o++) {
        int64_t n = 1;
        for (int d = 0; d < j->ndim[o]; d++)
            n *= j->shape[o][d];
        for (int64_t e = 0; e < n; e++)
            put_number(j->dtype, x->bytes[o], e,
                       (int)((e * 7 + o) % 5 * 2 - 5));
        x->layout[o] = (struct einc_layout)EINC_LAYOUT(
            (int32_t)j->dtype, j->ndim[o], j->shape[o]);
        x->data[o] = x->bytes[o];
    }
}

static struct einc_plan *
compile_job(struct einc_ctx *ctx, const struct job *j)
{
    struct input x;
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    fill_input(j, &x);
    if (einc_compile(ctx, j->expr, (size_t)j->n_in, x.layout, NULL, NULL,
                     &plan, &err) != EINC_OK)
        fprintf(stderr, "%s: %s", j->expr, einc_err_text(err));
    einc_err_free(err);
    return plan;
}

/* 1 if a run gives what plain loops give. */
static int
run_job(const struct einc_plan *plan, const struct job *j)
{
    struct input x;
    _Alignas(16) char got[MAX_BYTES] = {0}, want[MAX_BYTES] = {0};
    fill_input(j, &x);
    return einc_run(plan, x.data, got, NULL, NULL) == EINC_OK &&
           einc_reference(plan, x.data, want, NULL, NULL) == EINC_OK &&
           memcmp(got, want, sizeof got) == 0;
}

static int
do_job(struct einc_ctx *ctx, const struct job *j)
{
    struct einc_plan *plan = compile_job(ctx, j);
    int fine = plan && einc_plan_tier(plan) == EINC_TIER_CC && run_job(plan, j);
    if (!fine)
        fprintf(stderr, "%s: failed\n", j->expr);
    einc_plan_free(plan);
    return fine;
}

/* --- a place with a compiler that counts ---------------------------------- */

static char place[64], cache[128], compiler[128], runs[128];

/* Appends a line per run, which is atomic, and becomes gcc. */
static int
set_up(void **state)
{
    (void)state;
    char script[400];
    make_place(place);
    snprintf(cache, sizeof cache, "%s/cache", place);
    snprintf(compiler, sizeof compiler, "%s/cc", place);
    snprintf(runs, sizeof runs, "%s/runs", place);
    int n = snprintf(script, sizeof script,
                     "#!/bin/sh\necho run >>'%s'\nexec gcc \"$@\"\n", runs);
    put_bytes(compiler, script, (size_t)n, 0700);
    put_bytes(runs, "", 0, 0600);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    remove_place(place);
    return 0;
}

static struct einc_ctx *
open_ctx(const char *cache_dir, int tier)
{
    const struct einc_config config = {.size = sizeof config,
                                       .threads = THREADS,
                                       .cache_dir = cache_dir,
                                       .cc = compiler,
                                       .tier = tier};
    struct einc_ctx *ctx = NULL;
    einc_ctx_create(&config, &ctx, NULL);
    return ctx;
}

static int
count_runs(void)
{
    static char all[1 << 16];
    size_t n = get_bytes(runs, all, sizeof all);
    int lines = 0;
    for (size_t b = 0; b < n; b++)
        lines += all[b] == '\n';
    return lines;
}

/* Kernels in the cache: files named by 62 digits in directories of two. */
static int
count_kernels(void)
{
    int n = 0;
    for (int set = 0; set < 256; set++) {
        char path[200];
        snprintf(path, sizeof path, "%s/%02x", cache, set);
        n += count_names(path, "") - count_names(path, ".");
    }
    return n;
}

/* --- processes and threads on one cold cache ------------------------------ */

struct worker {
    struct einc_ctx *ctx;
    int first;       /* job to start with */
    int wrong;
};

static void *
work(void *arg)
{
    struct worker *w = arg;
    for (int j = 0; j < N_JOBS; j++)
        w->wrong += !do_job(w->ctx, &jobs[(w->first + j) % N_JOBS]);
    return NULL;
}

static int
work_in_threads(struct einc_ctx *ctx, int seed)
{
    pthread_t thread[THREADS];
    struct worker w[THREADS];
    int wrong = 0;
    for (int t = 0; t < THREADS; t++) {
        w[t] = (struct worker){.ctx = ctx, .first = 7 * seed + 11 * t};
        if (pthread_create(&thread[t], NULL, work, &w[t]))
            return 1;
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(thread[t], NULL);
        wrong += w[t].wrong;
    }
    return wrong;
}

/* Runs f(arg) in a child; its exit status is what f returns. */
static pid_t
start_child(int (*f)(int), int arg)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(DEADLINE);
        _exit(f(arg) != 0);
    }
    return pid;
}

static int
child_failed(pid_t pid)
{
    int status = -1;
    return waitpid(pid, &status, 0) != pid || status != 0;
}

static int
child_fails(int (*f)(int), int arg)
{
    return child_failed(start_child(f, arg));
}

static int
be_a_process(int seed)
{
    struct einc_ctx *ctx = open_ctx(cache, EINC_TIER_CC);
    int wrong = !ctx || work_in_threads(ctx, seed);
    einc_ctx_free(ctx);
    return wrong;
}

static void
test_cold_cache(void **state)
{
    (void)state;
    pid_t pid[PROCESSES];
    int wrong = 0;
    for (int p = 0; p < PROCESSES; p++)
        pid[p] = start_child(be_a_process, p);
    for (int p = 0; p < PROCESSES; p++)
        wrong += child_failed(pid[p]);
    int kernels = count_kernels(), compiled = count_runs();
    print_message("%d processes of %d threads, %d expressions: %d kernels, "
                  "%d runs of the compiler\n", PROCESSES, THREADS, N_JOBS,
                  kernels, compiled);
    assert_int_equal(wrong, 0);
    assert_true(kernels >= N_JOBS / 2);
    assert_true(compiled >= kernels);
    assert_true(compiled <= (kernels * 105 + 99) / 100);
}

/* What the processes left serves the next one without a compiler. */
static void
test_warm_cache(void **state)
{
    (void)state;
    int before = count_runs();
    assert_int_equal(child_fails(be_a_process, 0), 0);
    assert_int_equal(count_runs(), before);
}

/* --- forks ---------------------------------------------------------------- */

/* Large enough for the pool to have work for all threads. */
static int
run_wide(struct einc_ctx *ctx)
{
    enum { N = 120 };
    static const int64_t shape[2] = {N, N};
    const struct einc_layout x = EINC_LAYOUT(EINC_I32, 2, shape);
    const struct einc_layout in[2] = {x, x};
    int32_t *a = malloc(sizeof(int32_t[2 * N * N]));
    int32_t *c = a + N * N;
    for (int e = 0; e < N * N; e++)
        a[e] = e % 7 - 3;
    int fine = einc_einsum(ctx, "ij,jk->ik", 2, in, (const void *[]){a, a},
                           &x, c, NULL) == EINC_OK;
    for (int i = 0; i < N && fine; i += 17)
        for (int k = 0; k < N; k++) {
            int32_t sum = 0;
            for (int j = 0; j < N; j++)
                sum += a[i * N + j] * a[j * N + k];
            fine &= sum == c[i * N + k];
        }
    free(a);
    return fine;
}

static struct einc_ctx *shared_ctx;
static struct einc_plan *shared_plan;

static int
use_shared(int rounds)
{
    int wrong = 0;
    for (int r = 0; r < rounds; r++)
        wrong += !run_wide(shared_ctx);
    return wrong;
}

/* A child that also frees what it got. */
static int
use_shared_and_free(int rounds)
{
    int wrong = use_shared(rounds) || !run_job(shared_plan, &jobs[0]);
    einc_plan_free(shared_plan);
    einc_ctx_free(shared_ctx);
    return wrong;
}

static void
test_fork(void **state)
{
    (void)state;
    for (int tier = EINC_TIER_INTERP; tier <= EINC_TIER_CC; tier++) {
        shared_ctx = open_ctx(cache, tier);
        assert_non_null(shared_ctx);
        shared_plan = compile_job(shared_ctx, &jobs[0]);
        assert_non_null(shared_plan);
        /* before the first run, then after it */
        assert_int_equal(child_fails(use_shared_and_free, 3), 0);
        assert_int_equal(use_shared(3), 0);
        if (!UNDER_TSAN)
            assert_int_equal(child_fails(use_shared_and_free, 3), 0);
        assert_int_equal(use_shared(1), 0);
        einc_plan_free(shared_plan);
        einc_ctx_free(shared_ctx);
    }
}

static int
use_default(int rounds)
{
    int wrong = 0;
    for (int r = 0; r < rounds; r++)
        wrong += !run_wide(NULL);
    return wrong;
}

/* The same with the default context, which the parent made or did not. */
static void
test_fork_default(void **state)
{
    (void)state;
    setenv("EINC_CACHE_DIR", cache, 1);
    setenv("EINC_THREADS", "4", 1);
    assert_int_equal(child_fails(use_default, 2), 0);
    assert_int_equal(use_default(2), 0);
    if (!UNDER_TSAN)
        assert_int_equal(child_fails(use_default, 2), 0);
}

static atomic_int stop;

static void *
keep_running(void *arg)
{
    int *wrong = arg;
    while (!atomic_load(&stop))
        *wrong += use_shared(1);
    return NULL;
}

/* Other threads are in the middle of a run when the process forks. */
static void
test_fork_while_running(void **state)
{
    (void)state;
    enum { RUNNERS = 2, FORKS = 6 };
    pthread_t thread[RUNNERS];
    int wrong[RUNNERS] = {0}, children_wrong = 0;
    if (UNDER_TSAN || UNDER_ASAN) /* whose malloc may be locked in a child */
        skip();
    shared_ctx = open_ctx("", EINC_TIER_INTERP);
    atomic_store(&stop, 0);
    for (int t = 0; t < RUNNERS; t++)
        assert_int_equal(
            pthread_create(&thread[t], NULL, keep_running, &wrong[t]), 0);
    for (int f = 0; f < FORKS; f++)
        children_wrong += child_fails(use_shared, 1);
    atomic_store(&stop, 1);
    for (int t = 0; t < RUNNERS; t++) {
        pthread_join(thread[t], NULL);
        assert_int_equal(wrong[t], 0);
    }
    assert_int_equal(children_wrong, 0);
    einc_ctx_free(shared_ctx);
}

/* --- who frees last ------------------------------------------------------- */

/* One plan, many runners, each with its own barrier-free start; the last one
 * to end frees it. */
struct shared_run {
    struct einc_plan *plan;
    const struct job *job;
    atomic_int left, wrong;
};

static void *
run_shared(void *arg)
{
    struct shared_run *s = arg;
    for (int r = 0; r < 10; r++)
        atomic_fetch_add(&s->wrong, !run_job(s->plan, s->job));
    if (atomic_fetch_sub(&s->left, 1) == 1)
        einc_plan_free(s->plan);
    return NULL;
}

/* Contexts go before their plans, plans go on another thread than theirs. */
static void
test_plan_outlives_context(void **state)
{
    (void)state;
    for (int j = 0; j < N_JOBS; j++) {
        pthread_t thread[THREADS];
        struct einc_ctx *ctx =
            open_ctx(cache, j % 2 ? EINC_TIER_INTERP : EINC_TIER_CC);
        struct shared_run s = {.plan = compile_job(ctx, &jobs[j]),
                               .job = &jobs[j]};
        atomic_init(&s.left, THREADS);
        assert_non_null(s.plan);
        for (int t = 0; t < THREADS; t++)
            assert_int_equal(
                pthread_create(&thread[t], NULL, run_shared, &s), 0);
        einc_ctx_free(ctx);
        for (int t = 0; t < THREADS; t++)
            pthread_join(thread[t], NULL);
        assert_int_equal(atomic_load(&s.wrong), 0);
    }
}

/* Threads with more expressions than a context remembers: plans are dropped
 * by one thread while another runs them. Every other call is refused, so that
 * reports are made at once, too. */
static void *
churn(void *arg)
{
    struct worker *w = arg;
    enum { SIZES = 120 };
    for (int r = 0; r < 5 * SIZES; r++) {
        int64_t n = 1 + (w->first + r) % SIZES;
        int64_t shape[1] = {n};
        const struct einc_layout x = EINC_LAYOUT(EINC_I32, 1, shape);
        const struct einc_layout out = EINC_LAYOUT(EINC_I32, 0, shape);
        int32_t a[SIZES], got = -1;
        for (int e = 0; e < n; e++)
            a[e] = e;
        static const char *const exprs[3] = {"i->", "k->", "{sum me}->"};
        w->wrong += einc_einsum(w->ctx, exprs[r % 2], 1, &x,
                                (const void *[]){a}, &out, &got,
                                NULL) != EINC_OK ||
                    got != n * (n - 1) / 2;
        w->wrong += einc_einsum(w->ctx, exprs[2], 1, &x, (const void *[]){a},
                                &out, &got, NULL) != EINC_EPARSE;
    }
    return NULL;
}

static void
test_remembered_plans(void **state)
{
    (void)state;
    pthread_t thread[THREADS];
    struct worker w[THREADS];
    struct einc_ctx *ctx = open_ctx("", EINC_TIER_INTERP);
    for (int t = 0; t < THREADS; t++) {
        w[t] = (struct worker){.ctx = ctx, .first = 31 * t};
        assert_int_equal(pthread_create(&thread[t], NULL, churn, &w[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(thread[t], NULL);
        assert_int_equal(w[t].wrong, 0);
    }
    einc_ctx_free(ctx);
}

/* Threads race for the default context and the first look around. */
static void *
use_default_once(void *arg)
{
    *(int *)arg = use_default(1);
    return NULL;
}

static void
test_default_is_made_once(void **state)
{
    (void)state;
    pthread_t thread[2 * THREADS];
    int wrong[2 * THREADS];
    for (int t = 0; t < 2 * THREADS; t++)
        assert_int_equal(pthread_create(&thread[t], NULL, use_default_once,
                                        &wrong[t]), 0);
    for (int t = 0; t < 2 * THREADS; t++) {
        pthread_join(thread[t], NULL);
        assert_int_equal(wrong[t], 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cold_cache),
        cmocka_unit_test(test_warm_cache),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_fork_default),
        cmocka_unit_test(test_fork_while_running),
        cmocka_unit_test(test_plan_outlives_context),
        cmocka_unit_test(test_remembered_plans),
        cmocka_unit_test(test_default_is_made_once),
    };
    static const char *const unwanted[] = {"EINC_TIER", "EINC_DUMP",
                                           "EINC_VERBOSE"};
    for (size_t v = 0; v < sizeof unwanted / sizeof unwanted[0]; v++)
        unsetenv(unwanted[v]);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

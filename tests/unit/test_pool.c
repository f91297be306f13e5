/* SPDX-License-Identifier: MIT
 *
 * test_pool.c - every task once, under nesting, many callers, fork, threads
 * that cannot be started; meant to be run with -fsanitize=thread as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "faults.h"
#include "runtime/pool.h"

#if defined(__has_feature)
#define UNDER_TSAN __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#else
#define UNDER_TSAN 0
#endif

/* Counts how often each task ran, and who ran. */
struct tally {
    int64_t n_tasks;
    int threads;
    atomic_int *ran;
    _Atomic uint64_t workers; /* bit per worker */
    atomic_int bad;           /* calls outside of the contract */
    int spin;                 /* work per task */
};

static void
count(void *user, int worker, int64_t begin, int64_t end)
{
    struct tally *t = user;
    if (worker < 0 || worker >= t->threads || begin < 0 || begin >= end ||
        end > t->n_tasks) {
        atomic_fetch_add(&t->bad, 1);
        return;
    }
    atomic_fetch_or(&t->workers, (uint64_t)1 << (worker & 63));
    for (int64_t i = begin; i < end; i++) {
        for (volatile int s = 0; s < t->spin; s = s + 1)
            ;
        atomic_fetch_add_explicit(&t->ran[i], 1, memory_order_relaxed);
    }
}

/* Runs and checks; returns the workers' bits. 0 if anything was wrong: this
 * runs in children and threads, too, where cmocka's asserts do not work. */
static uint64_t
run_checked(struct pool *p, int threads, int64_t n_tasks, int spin)
{
    struct tally t = {.n_tasks = n_tasks, .threads = threads > 1 ? threads : 1,
                      .spin = spin};
    t.ran = calloc((size_t)n_tasks + 1, sizeof t.ran[0]);
    einc_pool_run(p, threads, n_tasks, count, &t);
    int bad = atomic_load(&t.bad);
    for (int64_t i = 0; i < n_tasks; i++) /* plain reads: all is over */
        bad += atomic_load_explicit(&t.ran[i], memory_order_relaxed) != 1;
    free(t.ran);
    return bad ? 0 : atomic_load(&t.workers);
}

static int
count_threads(void)
{
    return count_names("/proc/self/task", "");
}

/* A joined thread is listed for a moment longer. */
static int
settled_threads(int want)
{
    for (int i = 0; i < 200 && count_threads() != want; i++)
        einc_sys_sleep(5);
    return count_threads();
}

static void
test_every_task_once(void **state)
{
    (void)state;
    static const int64_t sizes[] = {1, 2, 3, 7, 31, 64, 1000, 4097};
    for (int threads = 1; threads <= 9; threads++) {
        struct pool *p = einc_pool_open(&heap, threads);
        assert_int_equal(einc_pool_threads(p), threads);
        for (int use = 1; use <= threads + 1; use++)
            for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
                assert_true(run_checked(p, use, sizes[i], 0));
        einc_pool_close(p);
    }
    assert_int_equal(heap_live, 0);
}

static void
note_call(void *user, int worker, int64_t begin, int64_t end)
{
    int64_t *at = user;
    at[0]++;
    at[1] = worker;
    at[2] = begin;
    at[3] = end;
}

/* Neither a thread nor more than one call where there is nothing to share. */
static void
test_alone(void **state)
{
    (void)state;
    int before = count_threads();
    struct pool *p = einc_pool_open(&heap, 4);
    static const struct { int pool, threads; int64_t n_tasks; } list[] = {
        {1, 1, 100}, {1, 0, 100}, {1, -3, 100}, {1, 4, 1}, {0, 4, 100},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        int64_t at[4] = {0};
        einc_pool_run(list[i].pool ? p : NULL, list[i].threads,
                      list[i].n_tasks, note_call, at);
        assert_int_equal(at[0], 1);
        assert_int_equal(at[1], 0);
        assert_int_equal(at[2], 0);
        assert_int_equal(at[3], list[i].n_tasks);
    }
    int64_t at[4] = {0};
    einc_pool_run(p, 4, 0, note_call, at);
    einc_pool_run(p, 4, -5, note_call, at);
    assert_int_equal(at[0], 0);
    assert_int_equal(count_threads(), before);
    einc_pool_close(p);
    einc_pool_close(NULL);
    assert_int_equal(einc_pool_threads(NULL), 1);
    p = einc_pool_open(&heap, 0);
    assert_int_equal(einc_pool_threads(p), 1);
    einc_pool_close(p);
    p = einc_pool_open(&heap, 1 << 30);
    assert_in_range(einc_pool_threads(p), 1, 4096);
    einc_pool_close(p);
    assert_true(einc_pool_processors() >= 1);
    plan_mem = (struct fault_plan){.at = 1};
    assert_null(einc_pool_open(&heap, 4));
    plan_mem = (struct fault_plan){0};
    assert_int_equal(heap_live, 0);
}

static void
sum_ends(void *user, int worker, int64_t begin, int64_t end)
{
    (void)worker;
    _Atomic uint64_t *sum = user;
    atomic_fetch_add(sum, (uint64_t)(end - begin));
}

static void
test_huge_number_of_tasks(void **state)
{
    (void)state;
    struct pool *p = einc_pool_open(&heap, 7);
    for (int64_t n = INT64_MAX; n > INT64_MAX - 3; n--) {
        _Atomic uint64_t sum = 0;
        einc_pool_run(p, 7, n, sum_ends, &sum);
        assert_true(atomic_load(&sum) == (uint64_t)n);
    }
    einc_pool_close(p);
}

/* Everybody waits until all have come: passes only if they run at once. */
struct meeting {
    atomic_int here;
    int want;
    _Atomic uint64_t workers;
};

static void
meet(void *user, int worker, int64_t begin, int64_t end)
{
    struct meeting *m = user;
    atomic_fetch_or(&m->workers, (uint64_t)1 << worker);
    atomic_fetch_add(&m->here, (int)(end - begin));
    for (int i = 0; i < 20000 && atomic_load(&m->here) < m->want; i++)
        usleep(500);
}

static void
test_workers_run_at_once(void **state)
{
    (void)state;
    struct pool *p = einc_pool_open(&heap, 4);
    int before = count_threads();
    for (int round = 0; round < 5; round++) {
        struct meeting m = {.want = 4};
        einc_pool_run(p, 4, 4, meet, &m);
        assert_int_equal(atomic_load(&m.here), 4);
        assert_int_equal(atomic_load(&m.workers), 15); /* all different */
        assert_int_equal(count_threads(), before + 3);
    }
    einc_pool_close(p);
    assert_int_equal(settled_threads(before), before);
    assert_int_equal(heap_live, 0);
}

static void
test_many_short_runs(void **state)
{
    (void)state;
    struct pool *p = einc_pool_open(&heap, 3);
    for (int round = 0; round < 3000; round++) {
        assert_true(run_checked(p, 3, 1 + round % 17, 0));
        if (round % 1000 == 0)
            einc_sys_sleep(2); /* so that they sleep, too */
    }
    einc_pool_close(p);
    for (int round = 0; round < 50; round++) { /* closed at any moment */
        p = einc_pool_open(&heap, 4);
        if (round % 3)
            assert_true(run_checked(p, 4, 5, round * 10));
        einc_pool_close(p);
    }
}

struct nested {
    struct pool *pool;
    atomic_int bad, n;
};

static void
nest(void *user, int worker, int64_t begin, int64_t end)
{
    struct nested *n = user;
    (void)worker;
    atomic_fetch_add(&n->n, (int)(end - begin));
    for (; begin < end; begin++) /* worker 0 only: it runs alone in there */
        if (run_checked(n->pool, 4, 50, 0) != 1)
            atomic_fetch_add(&n->bad, 1);
}

static void
test_nested_runs(void **state)
{
    (void)state;
    struct nested n = {.pool = einc_pool_open(&heap, 4)};
    einc_pool_run(n.pool, 4, 64, nest, &n);
    assert_int_equal(atomic_load(&n.n), 64);
    assert_int_equal(atomic_load(&n.bad), 0);
    assert_true(run_checked(n.pool, 4, 64, 0));
    einc_pool_close(n.pool);
}

static void *
call_often(void *arg)
{
    struct nested *n = arg;
    for (int i = 0; i < 400; i++)
        if (!run_checked(n->pool, 3, 40, 200))
            atomic_fetch_add(&n->bad, 1);
    return NULL;
}

static void
test_many_callers(void **state)
{
    (void)state;
    struct nested n = {.pool = einc_pool_open(&heap, 3)};
    pthread_t thread[6];
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, call_often, &n), 0);
    for (int i = 0; i < 6; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(atomic_load(&n.bad), 0);
    einc_pool_close(n.pool);
    assert_int_equal(heap_live, 0);
}

static void
test_threads_that_do_not_start(void **state)
{
    (void)state;
    for (int at = 1; at <= 4; at++)
        for (int persistent = 0; persistent < 2; persistent++) {
            int before = count_threads();
            struct pool *p = einc_pool_open(&heap, 4);
            fault_arm(at, persistent);
            uint64_t who = run_checked(p, 4, 1000, 0);
            int started = count_threads() - before;
            fault_disarm();
            assert_true(who);
            assert_int_equal(started, at - 1);
            assert_true(run_checked(p, 4, 1000, 0)); /* now they do */
            assert_int_equal(count_threads() - before, 3);
            einc_pool_close(p);
            assert_int_equal(settled_threads(before), before);
        }
    assert_int_equal(heap_live, 0);
}

static void
test_signals_stay_with_the_host(void **state)
{
    (void)state;
    struct pool *p = einc_pool_open(&heap, 2);
    sigset_t before = {0}, after = {0};
    sigprocmask(SIG_BLOCK, NULL, &before);
    struct meeting m = {.want = 2};
    einc_pool_run(p, 2, 2, meet, &m);
    sigprocmask(SIG_BLOCK, NULL, &after);
    assert_memory_equal(&before, &after, sizeof before);
    int found = 0;
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *e; (e = readdir(d));) {
        char path[300], text[3000] = "";
        if (e->d_name[0] == '.' || atoi(e->d_name) == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", e->d_name);
        get_bytes(path, text, sizeof text - 1);
        char *mask = strstr(text, "SigBlk:\t");
        assert_non_null(mask);
        unsigned long long bits = strtoull(mask + 8, NULL, 16);
        found += (bits >> (SIGTERM - 1) & 1) && (bits >> (SIGCHLD - 1) & 1) &&
                 !(bits >> (SIGSEGV - 1) & 1);
    }
    closedir(d);
    assert_true(found >= 1);
    einc_pool_close(p);
}

struct rounding {
    struct meeting meeting;
    atomic_int upward;
};

static void
ask_rounding(void *user, int worker, int64_t begin, int64_t end)
{
    struct rounding *r = user;
    if (fegetround() == FE_UPWARD)
        atomic_fetch_add(&r->upward, (int)(end - begin));
    meet(&r->meeting, worker, begin, end);
}

/* Same bits at every thread count: also in a host that rounds otherwise. */
static void
test_workers_round_as_the_caller(void **state)
{
    (void)state;
    struct pool *p = einc_pool_open(&heap, 3);
    struct meeting m = {.want = 3};
    einc_pool_run(p, 3, 3, meet, &m); /* they start while all is usual */
    for (int up = 1; up >= 0; up--) {
        struct rounding r = {.meeting = {.want = 3}};
        fesetround(up ? FE_UPWARD : FE_TONEAREST);
        einc_pool_run(p, 3, 3, ask_rounding, &r);
        fesetround(FE_TONEAREST);
        assert_int_equal(atomic_load(&r.upward), up ? 3 : 0);
    }
    einc_pool_close(p);
}

/* --- fork ------------------------------------------------------------------- */

/* Runs `p` in a child that is given 10 s; its exit status. */
static int
in_child(struct pool *p, int grandchild)
{
    pid_t pid = fork();
    if (pid == 0) {
        alarm(10);
        int ok = 1;
        if (grandchild)
            ok = in_child(p, 0) == 0;
        for (int i = 0; i < 20; i++)
            ok = ok && run_checked(p, 3, 100, 100);
        struct meeting m = {.want = 3}; /* with threads of its own */
        einc_pool_run(p, 3, 3, meet, &m);
        ok = ok && atomic_load(&m.here) == 3;
        einc_pool_close(p);
        _exit(!ok);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

static void
test_fork(void **state)
{
    (void)state;
    /* TSan knows only children that are forked while there is one thread */
    for (int used = 0; used < (UNDER_TSAN ? 1 : 2); used++)
        for (int grandchild = 0; grandchild < 2; grandchild++) {
            struct pool *p = einc_pool_open(&heap, 3);
            if (used)
                assert_true(run_checked(p, 3, 100, 100));
            assert_int_equal(in_child(p, grandchild), 0);
            assert_true(run_checked(p, 3, 100, 100)); /* ours still works */
            if (!UNDER_TSAN)
                assert_int_equal(in_child(p, grandchild), 0);
            einc_pool_close(p);
        }
}

static void
test_close_in_child_without_use(void **state)
{
    (void)state;
    struct pool *p = einc_pool_open(&heap, 3);
    assert_true(run_checked(p, 3, 100, 100));
    pid_t pid = fork();
    if (pid == 0) {
        alarm(10);
        einc_pool_close(p);
        _exit(0);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    einc_pool_close(p);
}

static atomic_int stop;

static void *
keep_busy(void *arg)
{
    /* no malloc: a sanitizer's locks do not survive a fork as ours must */
    while (!atomic_load(&stop)) {
        _Atomic uint64_t sum = 0;
        einc_pool_run(arg, 3, 5000, sum_ends, &sum);
    }
    return NULL;
}

/* The child finds locks taken and slots full, by threads it does not have. */
static void
test_fork_while_others_run(void **state)
{
    (void)state;
#if UNDER_TSAN
    skip(); /* its own locks do not survive this */
#endif
    struct pool *p = einc_pool_open(&heap, 3);
    pthread_t thread;
    atomic_store(&stop, 0);
    assert_int_equal(pthread_create(&thread, NULL, keep_busy, p), 0);
    int bad = 0;
    for (int i = 0; i < 60; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            _Atomic uint64_t sum = 0;
            alarm(10);
            einc_pool_run(p, 3, 1000, sum_ends, &sum);
            struct meeting m = {.want = 3};
            einc_pool_run(p, 3, 3, meet, &m);
            _exit(atomic_load(&sum) != 1000 || atomic_load(&m.here) != 3);
        }
        int status = -1;
        waitpid(pid, &status, 0);
        bad += status != 0;
        usleep(300);
    }
    atomic_store(&stop, 1);
    pthread_join(thread, NULL);
    assert_int_equal(bad, 0);
    assert_true(run_checked(p, 3, 100, 0));
    einc_pool_close(p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_task_once),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_huge_number_of_tasks),
        cmocka_unit_test(test_workers_run_at_once),
        cmocka_unit_test(test_many_short_runs),
        cmocka_unit_test(test_nested_runs),
        cmocka_unit_test(test_many_callers),
        cmocka_unit_test(test_threads_that_do_not_start),
        cmocka_unit_test(test_signals_stay_with_the_host),
        cmocka_unit_test(test_workers_round_as_the_caller),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_close_in_child_without_use),
        cmocka_unit_test(test_fork_while_others_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

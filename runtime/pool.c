/* SPDX-License-Identifier: MIT
 *
 * pool.c - see pool.h. Every worker has one slot, `state`, through which the
 * caller hands it the job:
 *
 *     IDLE -> READY    caller, the job's fields are written before
 *     READY -> BUSY    worker, takes it
 *     BUSY -> IDLE     worker, has finished
 *     READY -> IDLE    caller, takes it back from one that has not woken up
 *
 * The last line is why a run never waits for a thread that the machine has no
 * time for: when all tasks are gone only those that took some are waited for.
 */
#include "runtime/pool.h"

#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "runtime/sys.h"

/* Looks at a slot before a thread sleeps: some 10 us, what a wake-up costs. */
#define SPINS 400
/* Pieces per worker: enough for balance, few enough to cost nothing. */
#define PIECES 8
#define MAX_THREADS 1024

enum slot_state { SLOT_IDLE, SLOT_READY, SLOT_BUSY, SLOT_QUIT };

struct job {
    pool_fn fn;
    void *user;
    uint64_t n_tasks, piece;
    _Atomic uint64_t next; /* first task that nobody has taken */
    fenv_t fenv;           /* workers round as the caller does */
};

struct worker {
    struct pool *pool;
    int number;            /* 1.. */
    pthread_t thread;
    atomic_int state;      /* enum slot_state; changes to READY, QUIT and to
                            * IDLE from BUSY only under `lock` */
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    int asleep, awaited;   /* under `lock` */
};

struct pool {
    struct mem mem;
    int threads;           /* bound, the caller included */
    int spins;
    /* 2 * pid + busy: who owns the threads, and whether a run is going on. A
     * forked child finds the pid of its parent and starts anew, whatever
     * state locks and slots were in at that moment. */
    _Atomic int64_t owner;
    int n_started;         /* workers[0 .. n_started) have threads */
    struct job job;
    struct worker workers[]; /* [threads - 1] */
};

static void
relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

/* --- workers ------------------------------------------------------------- */

static void
take_tasks(struct job *j, int worker)
{
    for (;;) {
        /* Unsigned, and each worker overshoots once at most: no overflow. */
        uint64_t begin = atomic_fetch_add_explicit(&j->next, j->piece,
                                                   memory_order_relaxed);
        if (begin >= j->n_tasks)
            return;
        uint64_t left = j->n_tasks - begin;
        j->fn(j->user, worker, (int64_t)begin,
              (int64_t)(begin + (left < j->piece ? left : j->piece)));
    }
}

static int
is_called(struct worker *w)
{
    int s = atomic_load_explicit(&w->state, memory_order_acquire);
    return s == SLOT_READY || s == SLOT_QUIT;
}

static void
await_call(struct worker *w)
{
    for (int i = 0; i < w->pool->spins; i++) {
        if (is_called(w))
            return;
        relax();
    }
    pthread_mutex_lock(&w->lock);
    w->asleep = 1;
    while (!is_called(w))
        pthread_cond_wait(&w->wake, &w->lock);
    w->asleep = 0;
    pthread_mutex_unlock(&w->lock);
}

static void
report_done(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    atomic_store_explicit(&w->state, SLOT_IDLE, memory_order_release);
    if (w->awaited)
        pthread_cond_signal(&w->done);
    pthread_mutex_unlock(&w->lock);
}

static void *
work(void *arg)
{
    struct worker *w = arg;
    for (;;) {
        await_call(w);
        int expected = SLOT_READY;
        if (atomic_compare_exchange_strong(&w->state, &expected, SLOT_BUSY)) {
            fesetenv(&w->pool->job.fenv);
            take_tasks(&w->pool->job, w->number);
            report_done(w);
        } else if (expected == SLOT_QUIT) {
            return NULL;
        }
    }
}

/* --- the caller ---------------------------------------------------------- */

static void
call(struct worker *w, enum slot_state state)
{
    pthread_mutex_lock(&w->lock);
    atomic_store_explicit(&w->state, (int)state, memory_order_release);
    if (w->asleep)
        pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

/* Returns when the worker has finished, or has not begun and never will. */
static void
await_done(struct worker *w)
{
    int expected = SLOT_READY;
    if (atomic_compare_exchange_strong(&w->state, &expected, SLOT_IDLE))
        return;
    for (int i = 0; i < w->pool->spins; i++) {
        if (atomic_load_explicit(&w->state, memory_order_acquire) == SLOT_IDLE)
            return;
        relax();
    }
    pthread_mutex_lock(&w->lock);
    w->awaited = 1;
    while (atomic_load_explicit(&w->state, memory_order_acquire) != SLOT_IDLE)
        pthread_cond_wait(&w->done, &w->lock);
    w->awaited = 0;
    pthread_mutex_unlock(&w->lock);
}

/* Makes the pool this caller's; 0 if it is another's at the moment. */
static int
enter(struct pool *p)
{
    const int64_t mine = (int64_t)getpid() * 2;
    int64_t owner = atomic_load(&p->owner);
    if (owner == (mine | 1) ||
        !atomic_compare_exchange_strong(&p->owner, &owner, mine | 1))
        return 0;
    if (owner >> 1 != mine >> 1)
        p->n_started = 0; /* forked: those threads are the parent's */
    return 1;
}

static void
leave(struct pool *p)
{
    atomic_store(&p->owner, (int64_t)getpid() * 2);
}

static void
start(struct pool *p, int n_workers)
{
    while (p->n_started < n_workers) {
        struct worker *w = &p->workers[p->n_started];
        memset(w, 0, sizeof *w);
        w->pool = p;
        w->number = p->n_started + 1;
        pthread_mutex_init(&w->lock, NULL);
        pthread_cond_init(&w->wake, NULL);
        pthread_cond_init(&w->done, NULL);
        if (einc_sys_thread(&w->thread, work, w) != 0)
            return; /* with fewer, then */
        p->n_started++;
    }
}

static void
run_together(struct pool *p, int n_workers)
{
    start(p, n_workers);
    if (n_workers > p->n_started)
        n_workers = p->n_started;
    for (int i = 0; i < n_workers; i++)
        call(&p->workers[i], SLOT_READY);
    take_tasks(&p->job, 0);
    for (int i = 0; i < n_workers; i++)
        await_done(&p->workers[i]);
}

void
einc_pool_run(struct pool *p, int threads, int64_t n_tasks, pool_fn fn,
              void *user)
{
    if (n_tasks <= 0)
        return;
    if (p && threads > p->threads)
        threads = p->threads;
    if (threads > n_tasks)
        threads = (int)n_tasks;
    if (!p || threads <= 1 || !enter(p)) {
        fn(user, 0, 0, n_tasks);
        return;
    }
    int64_t piece = n_tasks / ((int64_t)threads * PIECES);
    p->job.fn = fn;
    p->job.user = user;
    p->job.n_tasks = (uint64_t)n_tasks;
    p->job.piece = piece > 0 ? (uint64_t)piece : 1;
    atomic_store_explicit(&p->job.next, 0, memory_order_relaxed);
    fegetenv(&p->job.fenv);
    run_together(p, threads - 1);
    leave(p);
}

/* --- opening and closing ------------------------------------------------- */

static size_t
pool_bytes(int threads)
{
    return sizeof(struct pool) + (size_t)(threads - 1) * sizeof(struct worker);
}

struct pool *
einc_pool_open(const struct mem *mem, int threads)
{
    if (threads < 1)
        threads = 1;
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;
    struct pool *p = mem_alloc(mem, pool_bytes(threads));
    if (!p)
        return NULL;
    memset(p, 0, pool_bytes(threads));
    p->mem = *mem;
    p->threads = threads;
    /* Who shares a processor with the one it waits for must not spin. */
    p->spins = threads <= einc_pool_processors() ? SPINS : 0;
    atomic_init(&p->owner, (int64_t)getpid() * 2);
    return p;
}

void
einc_pool_close(struct pool *p)
{
    if (!p)
        return;
    const struct mem mem = p->mem;
    int ours = atomic_load(&p->owner) >> 1 == getpid();
    for (int i = 0; ours && i < p->n_started; i++)
        call(&p->workers[i], SLOT_QUIT);
    for (int i = 0; ours && i < p->n_started; i++) {
        struct worker *w = &p->workers[i];
        pthread_join(w->thread, NULL);
        pthread_cond_destroy(&w->done);
        pthread_cond_destroy(&w->wake);
        pthread_mutex_destroy(&w->lock);
    }
    mem_free(&mem, p, pool_bytes(p->threads));
}

int
einc_pool_threads(const struct pool *p)
{
    return p ? p->threads : 1;
}

int
einc_pool_processors(void)
{
    cpu_set_t set[8]; /* 8192 processors, the most that Linux is built for */
    int n = sched_getaffinity(0, sizeof set, set) == 0
                ? CPU_COUNT_S(sizeof set, set) : 0;
    return n > 0 ? n : 1;
}

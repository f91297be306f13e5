/* SPDX-License-Identifier: MIT
 *
 * measure.c - see measure.h.
 */
#include "runtime/measure.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/sys.h"

/* --- loops, per instruction set ----------------------------------------- */

typedef double (*fma_fn)(int64_t n, const void *from);
/* Works through `bytes` of one of its buffers. */
typedef double (*pass_fn)(void *at, const void *from, int64_t bytes);

struct loops {
    fma_fn fma[N_MACHINE_TYPES];
    pass_fn read, write, pack;
    int vector_bytes;
};

#if defined(__x86_64__)
#define NAME(x) avx512_##x
#define TARGET __attribute__((target("avx512f,avx512dq,fma")))
#define BYTES 64
#include "runtime/measure_loops.h"
#undef NAME
#undef TARGET
#undef BYTES
#define NAME(x) avx2_##x
#define TARGET __attribute__((target("avx2,fma")))
#define BYTES 32
#include "runtime/measure_loops.h"
#undef NAME
#undef TARGET
#undef BYTES
#endif
#define NAME(x) plain_##x
#define TARGET
#define BYTES 16
#include "runtime/measure_loops.h"
#undef NAME
#undef TARGET
#undef BYTES

static const struct loops *
loops_of(const struct machine *m)
{
#if defined(__x86_64__)
    if (m->vector_bytes == 64)
        return &avx512_loops;
    if (m->vector_bytes == 32)
        return &avx2_loops;
#else
    (void)m;
#endif
    return &plain_loops;
}

/* Stores that go past the caches, where the compiler can be told to. */
static double
stream(void *at, const void *from, int64_t bytes)
{
    typedef float quad __attribute__((vector_size(16), may_alias));
    quad *p = at, *end = p + bytes / 16;
    const quad x = *(const quad *)from;
    for (; p < end; p++) {
#if defined(__clang__)
        __builtin_nontemporal_store(x, p);
#elif defined(__SSE__)
        __builtin_ia32_movntps((float *)p, x);
#else
        *p = x;
#endif
    }
#if defined(__SSE__) || defined(__clang__)
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
    return 0;
}

enum { LINE = 64, PAGE = 4096 };

/* A float of each line, the next one a page and a line further. */
static double
gather(void *at, const void *from, int64_t bytes)
{
    const char *p = from;
    float a = 0, b = 0, c = 0, d = 0;
    int64_t columns = PAGE / LINE, rows = bytes / PAGE;
    (void)at;
    for (int64_t k = 0; k < columns; k++)
        for (int64_t r = 0; r + 4 <= rows; r += 4) {
            const char *x = p + r * PAGE + k * LINE;
            float v[4];
            for (int i = 0; i < 4; i++)
                memcpy(&v[i], x + i * PAGE, sizeof v[i]);
            a += v[0];
            b += v[1];
            c += v[2];
            d += v[3];
        }
    return (double)(a + b + c + d);
}

/* --- rounds ------------------------------------------------------------- */

enum { ROUNDS = 5, PASSES = 3 };
#define LEAST_ROUND 1e-3 /* seconds: shorter ones are repeated */

static double
seconds(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double
median(double *v, int n)
{
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && v[j - 1] > v[j]; j--) {
            double x = v[j];
            v[j] = v[j - 1];
            v[j - 1] = x;
        }
    return v[n / 2];
}

struct work {
    const struct loops *loops;
    struct pool *pool;
    char *a, *b;        /* of `room` bytes each, 64-aligned */
    int64_t room;
    /* vectors of any width, for sums that do not grow */
    _Alignas(64) double constants[14 * 8];
    volatile double sink; /* where results go, so that they are needed */
};

/* Seconds of one pass. */
static double
time_pass(struct work *w, pass_fn f, int64_t bytes, int rounds)
{
    double v[ROUNDS];
    double begin = seconds();
    w->sink = f(w->a, w->b, bytes); /* warms up, and tells how long */
    double once = seconds() - begin;
    int64_t times = once < LEAST_ROUND ? (int64_t)(LEAST_ROUND /
                                                   (once + 1e-8)) + 1
                                       : 1;
    for (int r = 0; r < rounds; r++) {
        begin = seconds();
        for (int64_t i = 0; i < times; i++)
            w->sink = f(w->a, w->b, bytes);
        v[r] = (seconds() - begin) / (double)times;
    }
    return median(v, rounds);
}

static double
time_fma(struct work *w, fma_fn f)
{
    enum { N = 100000 };
    double v[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        double begin = seconds();
        w->sink = f(N, w->constants);
        v[r] = (seconds() - begin) / N;
    }
    return median(v, ROUNDS);
}

/* --- figures ------------------------------------------------------------ */

static int64_t
bounded(double x, double least, double most)
{
    return (int64_t)(x < least ? least : x > most ? most : x);
}

/* MB/s, or 1 where the clock saw nothing. */
static int64_t
rate(double bytes, double time)
{
    return bounded(bytes / (time * 1e6 + 1e-9), 1, 1e9);
}

static void
keep_larger(int64_t *best, int64_t x)
{
    *best = x > *best ? x : *best;
}

/* 0.5 in the type that the loop reads: a sum goes to 1. Whatever these bits
 * are as integers, the time is the same. */
static void
fill_constants(struct work *w, int type)
{
    const float two_halves[2] = {0.5f, 0.5f};
    for (size_t i = 0; i < sizeof w->constants / sizeof *w->constants; i++)
        if (type == MACHINE_F32)
            memcpy(&w->constants[i], two_halves, sizeof two_halves);
        else
            w->constants[i] = 0.5;
}

static void
measure_peak(struct work *w, struct machine *m)
{
    enum { SUMS = 12 };
    for (int t = 0; t < N_MACHINE_TYPES; t++) {
        double bytes = t == MACHINE_F32 || t == MACHINE_I32 ? 4 : 8;
        fill_constants(w, t);
        double time = time_fma(w, w->loops->fma[t]);
        double flop = 2 * SUMS * w->loops->vector_bytes / bytes;
        keep_larger(&m->peak[t], rate(flop, time));
    }
}

/* A size that surely stays in a level, and is more than the one before. */
static int64_t
size_of_level(const struct machine *m, int l, int64_t room)
{
    int64_t bytes = m->bytes[l] / 2;
    if (l == MACHINE_MEMORY)
        bytes = room;
    return (bytes < room ? bytes : room) / PAGE * PAGE;
}

static void
measure_level(struct work *w, struct machine *m, int l)
{
    int64_t bytes = size_of_level(m, l, w->room);
    int rounds = l == MACHINE_MEMORY ? 1 : ROUNDS;
    double b = (double)bytes;
    keep_larger(&m->read[l],
                rate(b, time_pass(w, w->loops->read, bytes, rounds)));
    keep_larger(&m->write[l],
                rate(b, time_pass(w, w->loops->write, bytes, rounds)));
    if (l == MACHINE_MEMORY)
        keep_larger(&m->stream,
                    rate(b, time_pass(w, stream, bytes, rounds)));
}

/* Picoseconds per item, the least so far kept; 0: none yet. */
static void
keep_ps(int64_t *best, double time, double items)
{
    int64_t ps = bounded(time * 1e12 / items, 1, 1e9);
    *best = *best == 0 || ps < *best ? ps : *best;
}

static void
measure_accesses(struct work *w, struct machine *m)
{
    int64_t near = size_of_level(m, MACHINE_L2, w->room);
    double lines = (double)near / LINE;
    keep_ps(&m->gather_near_ps, time_pass(w, gather, near, ROUNDS), lines);
    /* a block as large as a packed one is, and from there into L2 */
    keep_ps(&m->pack_near_ps, time_pass(w, w->loops->pack, near / 2, ROUNDS),
            (double)(near / 2) / 4);
    keep_ps(&m->gather_far_ps, time_pass(w, gather, w->room, 1),
            (double)w->room / LINE);
}

/* --- caches ------------------------------------------------------------- */

static int64_t
level_bytes(int name, int64_t otherwise)
{
    long n = sysconf(name);
    return n > 0 ? n : otherwise;
}

static void
ask_caches(struct machine *m)
{
#if defined(_SC_LEVEL1_DCACHE_SIZE)
    m->bytes[MACHINE_L1] =
        level_bytes(_SC_LEVEL1_DCACHE_SIZE, m->bytes[MACHINE_L1]);
    m->bytes[MACHINE_L2] =
        level_bytes(_SC_LEVEL2_CACHE_SIZE, m->bytes[MACHINE_L2]);
#endif
    if (m->bytes[MACHINE_L2] < m->bytes[MACHINE_L1])
        m->bytes[MACHINE_L2] = m->bytes[MACHINE_L1];
}

/* What one thread gets of the last level, which it shares with others and may
 * share with other guests of the host: the largest of some sizes that is read
 * clearly faster than memory. Needs memory's rate. */
static void
find_last_level(struct work *w, struct machine *m)
{
    int64_t found = 2 * m->bytes[MACHINE_L2];
    for (int64_t bytes = found; bytes <= w->room / 2; bytes *= 2) {
        double time = time_pass(w, w->loops->read, bytes, ROUNDS);
        if (rate((double)bytes, time) < m->read[MACHINE_MEMORY] * 5 / 4)
            break;
        found = bytes;
    }
    m->bytes[MACHINE_L3] = found;
}

/* --- threads ------------------------------------------------------------ */

struct shared_pass {
    struct work *w;
    int64_t part; /* bytes of a task */
};

static void
read_parts(void *user, int worker, int64_t begin, int64_t end)
{
    const struct shared_pass *s = user;
    const struct work *w = s->w;
    volatile double sink;
    (void)worker;
    for (int64_t t = begin; t < end; t++)
        sink = w->loops->read(NULL, w->b + t * s->part, s->part);
    (void)sink;
}

static void
do_nothing(void *user, int worker, int64_t begin, int64_t end)
{
    (void)user, (void)worker, (void)begin, (void)end;
}

/* The threads sleep before each: that is how a call finds them. */
static void
measure_wake(struct work *w, struct machine *m)
{
    double v[ROUNDS];
    int threads = einc_pool_threads(w->pool);
    for (int r = 0; r < ROUNDS; r++) {
        einc_sys_sleep(2);
        double begin = seconds();
        einc_pool_run(w->pool, threads, threads, do_nothing, NULL);
        v[r] = seconds() - begin;
    }
    m->wake_ns = bounded(median(v, ROUNDS) * 1e9, 1, 1e9);
}

static void
measure_bus(struct work *w, struct machine *m, int64_t *best)
{
    int threads = einc_pool_threads(w->pool);
    struct shared_pass s = {w, w->room / 64 / PAGE * PAGE};
    double begin = seconds();
    einc_pool_run(w->pool, threads, 64, read_parts, &s);
    keep_larger(best, rate((double)s.part * 64, seconds() - begin));
    m->cores_percent =
        bounded((double)*best * 100 / (double)m->read[MACHINE_MEMORY], 100,
                100000);
}

/* --- all of it ---------------------------------------------------------- */

/* Forgets what is measured anew. */
static void
clear(struct machine *m)
{
    memset(m->peak, 0, sizeof m->peak);
    memset(m->read, 0, sizeof m->read);
    memset(m->write, 0, sizeof m->write);
    m->stream = m->pack_near_ps = m->gather_near_ps = m->gather_far_ps = 0;
}

/* Costs that no loop here has, in proportion to those that one has. */
static void
scale_rest(struct machine *m, const struct machine *shipped)
{
    const double pack = (double)m->pack_near_ps /
                        (double)shipped->pack_near_ps;
    const double far = (double)m->gather_far_ps /
                       (double)shipped->gather_far_ps;
    m->pack_turned_ps = bounded((double)shipped->pack_turned_ps * pack, 1,
                                1e9);
    m->store_near_ps = bounded((double)shipped->store_near_ps * pack, 1, 1e9);
    m->pack_far_ps = bounded((double)shipped->pack_far_ps * far, 1, 1e9);
    m->store_far_ps = bounded((double)shipped->store_far_ps * far, 1, 1e9);
}

static void
measure(struct work *w, struct machine *m)
{
    const struct machine shipped = *m;
    int64_t bus = 0;
    ask_caches(m);
    clear(m);
    for (int pass = 0; pass < PASSES; pass++) {
        measure_peak(w, m);
        measure_level(w, m, MACHINE_L1);
        measure_level(w, m, MACHINE_L2);
        measure_level(w, m, MACHINE_MEMORY);
        if (pass == 0)
            find_last_level(w, m);
        measure_level(w, m, MACHINE_L3);
        measure_accesses(w, m);
        if (einc_pool_threads(w->pool) > 1)
            measure_bus(w, m, &bus);
    }
    if (einc_pool_threads(w->pool) > 1)
        measure_wake(w, m);
    scale_rest(m, &shipped);
}

enum einc_status
einc_measure(struct machine *m, const struct mem *mem, struct pool *pool)
{
    const size_t most = (size_t)256 << 20, least = (size_t)32 << 20;
    struct work w = {.loops = loops_of(m), .pool = pool};
    for (size_t room = most; room >= least; room /= 2) {
        size_t all = 2 * room + LINE;
        char *p = mem_alloc(mem, all);
        if (!p)
            continue;
        w.a = p + ((uintptr_t)0 - (uintptr_t)p) % LINE;
        w.b = w.a + room;
        w.room = (int64_t)room;
        memset(w.a, 0, 2 * room); /* pages that are there, and no NaN */
        measure(&w, m);
        mem_free(mem, p, all);
        return EINC_OK;
    }
    return EINC_ENOMEM;
}

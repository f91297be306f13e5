/* SPDX-License-Identifier: MIT
 *
 * cache_many.c - many processes with many threads compile, store, load and
 * call the same few kernels through one cold cache at once.
 * `cache_many [PROCESSES [THREADS [KERNELS [clear]]]]`; with `clear` another
 * process empties the cache again and again meanwhile.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cache.h"
#include "runtime/cc.h"
#include "tests/unit/faults.h"

static const struct mem mem = {einc_mem_libc, NULL};
static const char *const flags[] = {"-O1", NULL};

/* Shared between the processes. */
struct score {
    atomic_int loads, compiles, wrong, errors;
};

struct job {
    struct score *score;
    struct cache *cache;
    struct cc cc;
    int kernels, first;
};

static void
complain(struct job *j, const struct trouble *why)
{
    atomic_fetch_add(&j->score->errors, 1);
    fprintf(stderr, "%s\n", why->text);
}

static int
make(struct job *j, const struct cache_key *key, const char *source,
     void **binary, size_t *n)
{
    struct trouble why = {0};
    int claim = einc_cache_claim(j->cache, key, 60000);
    enum einc_status s = einc_cache_load(j->cache, key, binary, n);
    if (s != EINC_OK) {
        atomic_fetch_add(&j->score->compiles, 1);
        s = einc_cc_compile(&j->cc, &mem, source, flags, binary, n, &why);
        if (s == EINC_OK && einc_cache_store(j->cache, key, source, *binary,
                                             *n, &why) != EINC_OK)
            complain(j, &why);
    }
    einc_cache_release(claim);
    if (s != EINC_OK)
        complain(j, &why);
    return s == EINC_OK;
}

static void
use(struct job *j, int k)
{
    char source[100];
    struct trouble why = {0};
    void *binary, *handle;
    size_t n;
    snprintf(source, sizeof source, "int f(int); int f(int x) { return x * %d"
             " + %d; }\n", k + 2, k);
    struct cache_key key = einc_cache_key((const char *[]){
        source, j->cc.identity, flags[0]}, 3);
    if (einc_cache_load(j->cache, &key, &binary, &n) != EINC_OK &&
        !make(j, &key, source, &binary, &n))
        return;
    if (einc_cc_load(binary, n, &handle, &why) != EINC_OK) {
        complain(j, &why);
    } else {
        int (*f)(int);
        *(void **)&f = einc_cc_symbol(handle, "f");
        if (!f || f(1000) != 1000 * (k + 2) + k)
            atomic_fetch_add(&j->score->wrong, 1);
        atomic_fetch_add(&j->score->loads, 1);
        einc_cc_unload(handle);
    }
    mem_free(&mem, binary, n);
}

static void *
use_all(void *arg)
{
    struct job *j = arg;
    for (int round = 0; round < 4; round++)
        for (int k = 0; k < j->kernels; k++)
            use(j, (k + j->first) % j->kernels);
    return NULL;
}

/* One process. */
static int
run_threads(const char *dir, struct score *score, int threads, int kernels)
{
    struct job job = {.score = score, .kernels = kernels};
    struct trouble why = {0};
    pthread_t thread[64];
    job.cache = einc_cache_open(&mem, dir, &why);
    if (!job.cache || einc_cc_find(NULL, &job.cc, &why) != EINC_OK) {
        complain(&job, &why);
        return 1;
    }
    struct job *jobs = calloc((size_t)threads, sizeof *jobs);
    int fds = count_fds();
    for (int t = 0; t < threads; t++) {
        jobs[t] = job;
        jobs[t].first = t * 3;
        if (pthread_create(&thread[t], NULL, use_all, &jobs[t]) != 0)
            abort();
    }
    for (int t = 0; t < threads; t++)
        pthread_join(thread[t], NULL);
    if (count_fds() != fds)
        atomic_fetch_add(&score->errors, 1);
    free(jobs);
    einc_cache_close(job.cache);
    return 0;
}

static pid_t
start_clearing(const char *dir)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct cache *c = einc_cache_open(&mem, dir, NULL);
    for (;;) {
        einc_cache_clear(c);
        usleep(2000);
    }
}

static int
argument(int argc, char **argv, int i, int usual, int most)
{
    int n = argc > i ? atoi(argv[i]) : usual;
    return n < 1 ? 1 : n > most ? most : n;
}

int
main(int argc, char **argv)
{
    int processes = argument(argc, argv, 1, 8, 64);
    int threads = argument(argc, argv, 2, 4, 64);
    int kernels = argument(argc, argv, 3, 10, 10000);
    int clearing = argc > 4 && strcmp(argv[4], "clear") == 0;
    struct score *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char dir[64];
    pid_t pids[64];
    if (s == MAP_FAILED)
        return 2;
    make_place(dir);
    pid_t clearer = clearing ? start_clearing(dir) : -1;
    for (int p = 0; p < processes; p++)
        if ((pids[p] = fork()) == 0)
            _exit(run_threads(dir, s, threads, kernels));
    int failed = 0, status;
    for (int p = 0; p < processes; p++)
        failed += waitpid(pids[p], &status, 0) < 0 || status != 0;
    if (clearing) {
        kill(clearer, SIGKILL);
        waitpid(clearer, NULL, 0);
    }
    remove_place(dir);
    int uses = processes * threads * kernels * 4;
    printf("cache_many: %d processes x %d threads, %d kernels%s: %d calls, %d "
           "compilations, %d wrong, %d errors, %d processes failed\n",
           processes, threads, kernels, clearing ? ", cleared meanwhile" : "",
           atomic_load(&s->loads), atomic_load(&s->compiles),
           atomic_load(&s->wrong), atomic_load(&s->errors), failed);
    /* each kernel is compiled once, whoever asks first */
    return failed || atomic_load(&s->wrong) || atomic_load(&s->errors) ||
           atomic_load(&s->loads) != uses ||
           (!clearing && atomic_load(&s->compiles) != kernels);
}

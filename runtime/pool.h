/* SPDX-License-Identifier: MIT
 *
 * pool.h - threads that run ranges of tasks. The calling thread is worker 0.
 * Threads start on first use and sleep between runs; a forked child starts
 * its own; several callers may run at once (who finds the pool busy works
 * alone). Written for TSan and for fork, which libgomp is not.
 */
#ifndef EINC_RUNTIME_POOL_H
#define EINC_RUNTIME_POOL_H

#include "runtime/mem.h"

struct pool;

/* `worker` < threads; tasks [begin, end) are this call's. Called several
 * times per worker. */
typedef void (*pool_fn)(void *user, int worker, int64_t begin, int64_t end);

/* At most `threads` workers, the caller included. NULL: no memory. */
struct pool *einc_pool_open(const struct mem *mem, int threads);
void einc_pool_close(struct pool *p);
int einc_pool_threads(const struct pool *p);
/* Runs tasks [0, n_tasks) on at most `threads` workers and returns when all
 * are done. Threads that cannot be started are done without. */
void einc_pool_run(struct pool *p, int threads, int64_t n_tasks, pool_fn fn,
                   void *user);
/* Processors this process may use (affinity), at least 1. */
int einc_pool_processors(void);

#endif

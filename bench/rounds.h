/* SPDX-License-Identifier: MIT
 *
 * rounds.h - contenders that do the same work take turns, so that whatever
 * slows the machine for a while slows all of them; what counts is the ratio
 * within a round, its median and its quartiles.
 */
#ifndef EINC_BENCH_ROUNDS_H
#define EINC_BENCH_ROUNDS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum { MOST_CONTENDERS = 14, MOST_ROUNDS = 99 };

struct contender {
    char name[24];
    /* Does the work `calls` times and returns the seconds that took, or a
     * negative number if it cannot. */
    double (*work)(void *user, int64_t calls);
    void *user;
    double known;                 /* seconds of a call, if seen before; or 0 */
    int64_t calls;                /* of one sample */
    int every;                    /* takes part in rounds 0, every, ... */
    double seconds[MOST_ROUNDS];  /* of one call; 0: did not take part */
};

struct contest {
    struct contender all[MOST_CONTENDERS];
    int n, n_rounds;
};

struct spread {
    double low, mid, high; /* quartiles; 0 where nothing was measured */
};

/* In the caller's thread, or with threads of its own. */
struct local {
    void (*call)(void *user);
    void *user;
    clockid_t clock; /* the thread's CPU time, or wall time for several */
};

double
rounds_seconds(clockid_t clock);

/* `work` of a contender whose user is a struct local. */
double
rounds_local(void *local, int64_t calls);

struct contender *
rounds_add(struct contest *c, const char *name,
           double (*work)(void *user, int64_t calls), void *user);

/* At most `rounds` rounds, and at least 3, in about `budget` seconds: the
 * contenders share it evenly, slow ones sit out rounds. The first contender
 * takes part in every round. `rest`: a pause before each sample, in which
 * threads that spin go to sleep. */
void
rounds_run(struct contest *c, int rounds, double budget, bool rest);

struct spread
rounds_spread(double *x, int n);

/* Of one call. */
struct spread
rounds_time(const struct contest *c, int who);

/* How many times longer `who` takes than `base`, round by round. */
struct spread
rounds_ratio(const struct contest *c, int who, int base);

/* The same of whoever of `set` (bits) was fastest in its median. */
struct spread
rounds_best(const struct contest *c, unsigned set, int base, int *who);

#endif

/* SPDX-License-Identifier: MIT
 *
 * rounds.c - see rounds.h.
 */
#include "rounds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A sample is long enough for the clock and short enough for many rounds. */
#define SAMPLE_SECONDS 3e-3

double
rounds_seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double
rounds_local(void *local, int64_t calls)
{
    const struct local *l = local;
    double start = rounds_seconds(l->clock);
    for (int64_t c = 0; c < calls; c++)
        l->call(l->user);
    return rounds_seconds(l->clock) - start;
}

struct contender *
rounds_add(struct contest *c, const char *name,
           double (*work)(void *user, int64_t calls), void *user)
{
    if (c->n == MOST_CONTENDERS)
        abort();
    struct contender *x = &c->all[c->n++];
    *x = (struct contender){.work = work, .user = user};
    snprintf(x->name, sizeof x->name, "%s", name);
    return x;
}

/* Seconds of a sample; the number of calls in it is settled here, by trials
 * that double until one is long enough to tell. */
static double
settle(struct contender *x)
{
    int64_t calls = 1;
    if (x->known > 0.03) { /* warm enough, and too long to do for nothing */
        x->calls = 1;
        return x->known;
    }
    double spent = x->work(x->user, calls);
    while (spent >= 0 && spent < SAMPLE_SECONDS / 4) {
        calls *= 2;
        spent = x->work(x->user, calls);
    }
    if (spent < 0)
        return spent;
    if (spent < 0.1) /* warm now */
        spent = x->work(x->user, calls);
    double one = spent / (double)calls;
    x->calls = (int64_t)ceil(SAMPLE_SECONDS / one);
    return one * (double)x->calls;
}

static void
sleep_briefly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 60000000}, NULL);
}

static int
between(double x, int least, int most)
{
    return x < least ? least : x > most ? most : (int)x;
}

/* A drop-out leaves: its `calls` stay 0. */
static void
plan_rounds(struct contest *c, int rounds, double budget)
{
    double share = budget / c->n;
    if (rounds > MOST_ROUNDS)
        rounds = MOST_ROUNDS;
    for (int x = 0; x < c->n; x++) {
        double sample = settle(&c->all[x]);
        int own = sample > 0 ? between(share / sample, 3, rounds) : rounds;
        if (x == 0)
            c->n_rounds = own;
        c->all[x].every = own < c->n_rounds ? c->n_rounds / own : 1;
    }
}

void
rounds_run(struct contest *c, int rounds, double budget, bool rest)
{
    plan_rounds(c, rounds, budget);
    for (int r = 0; r < c->n_rounds; r++)
        for (int turn = 0; turn < c->n; turn++) {
            /* somebody else goes first each time */
            struct contender *x = &c->all[(turn + r) % c->n];
            if (!x->calls || r % x->every)
                continue;
            if (rest)
                sleep_briefly();
            double spent = x->work(x->user, x->calls);
            x->seconds[r] = spent > 0 ? spent / (double)x->calls : 0;
        }
}

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct spread
rounds_spread(double *x, int n)
{
    if (n == 0)
        return (struct spread){0, 0, 0};
    qsort(x, (size_t)n, sizeof *x, compare_doubles);
    return (struct spread){x[n / 4], n % 2 ? x[n / 2]
                                           : (x[n / 2 - 1] + x[n / 2]) / 2,
                           x[n - 1 - n / 4]};
}

struct spread
rounds_time(const struct contest *c, int who)
{
    double x[MOST_ROUNDS];
    int n = 0;
    for (int r = 0; r < c->n_rounds; r++)
        if (c->all[who].seconds[r] > 0)
            x[n++] = c->all[who].seconds[r];
    return rounds_spread(x, n);
}

struct spread
rounds_ratio(const struct contest *c, int who, int base)
{
    double x[MOST_ROUNDS];
    int n = 0;
    for (int r = 0; r < c->n_rounds; r++)
        if (c->all[who].seconds[r] > 0 && c->all[base].seconds[r] > 0)
            x[n++] = c->all[who].seconds[r] / c->all[base].seconds[r];
    return rounds_spread(x, n);
}

struct spread
rounds_best(const struct contest *c, unsigned set, int base, int *who)
{
    struct spread best = {0, 0, 0};
    *who = -1;
    for (int x = 0; x < c->n; x++) {
        struct spread s = {0, 0, 0};
        if (set >> x & 1)
            s = rounds_ratio(c, x, base);
        if (s.mid > 0 && (*who < 0 || s.mid < best.mid)) {
            best = s;
            *who = x;
        }
    }
    return best;
}

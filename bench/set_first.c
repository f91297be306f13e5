/* SPDX-License-Identifier: MIT
 *
 * set_first.c - the first result of a fresh process: with neither a compiler
 * nor a cache, with a compiler, and with what an earlier process left on disk.
 * Both ends are here: first_call() runs in the process that is spawned.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "first.h"
#include "spawn.h"
#include "trial.h"

/* --- the process that is spawned ---------------------------------------- */

enum { LATER_RUNS = 15 };

static double
later(const struct einc_plan *plan, const void *const *in, void *out,
      clockid_t clock)
{
    double x[LATER_RUNS];
    for (int r = 0; r < LATER_RUNS; r++) {
        double start = rounds_seconds(clock);
        einc_run(plan, in, out, NULL, NULL);
        x[r] = rounds_seconds(clock) - start;
        if (r > 2 && x[r] > 0.2)
            return x[r];
    }
    return rounds_spread(x, LATER_RUNS).mid;
}

int
first_call(int argc, char **argv)
{
    static struct subject s;
    struct einc_config config = {.size = sizeof config, .threads = 1};
    struct einc_layout in[MOST_OPERANDS];
    const void *data[MOST_OPERANDS];
    struct einc_ctx *ctx;
    struct einc_plan *plan;
    if (argc != 6 || !subject_open(&s, argv[0], argv[1],
                                   einc_dtype_parse(argv[2]), 0))
        return 2;
    setenv("EINC_TIER", argv[3], 1);
    config.cache_dir = argv[4];
    config.cc = *argv[5] ? argv[5] : NULL;
    for (int x = 0; x < s.n_in; x++) {
        in[x] = s.in[x].layout;
        data[x] = s.in[x].data;
    }
    subject_spoil(&s); /* its pages are there, too */
    /* a compiler is another process; else what others do is not counted */
    clockid_t clock = strcmp(argv[3], "cc") ? CLOCK_PROCESS_CPUTIME_ID
                                            : CLOCK_MONOTONIC;
    double start = rounds_seconds(clock);
    if (einc_ctx_create(&config, &ctx, NULL) ||
        einc_compile(ctx, s.expr, (size_t)s.n_in, in, NULL, NULL, &plan,
                     NULL) ||
        einc_run(plan, data, s.out.data, NULL, NULL))
        return 1;
    double spent = rounds_seconds(clock) - start;
    if (!subject_right(&s))
        return 3;
    printf("%.9g %.9g\n", spent, later(plan, data, s.out.data, clock));
    einc_plan_free(plan);
    einc_ctx_free(ctx);
    return 0;
}

/* --- the one that spawns ------------------------------------------------ */

struct first_case {
    const char *expr, *sizes, *type;
};

/* The way a process is started; the least of the columns is a bar's. */
struct way {
    const char *title, *tier, *compiler;
    bool cache, cold; /* cold: the cache is emptied before each process */
};

enum { WAYS = 3, BARE = 0 };
static const struct way ways[WAYS] = {
    {"nothing there", "auto", "/nonexistent/cc", false, false},
    {"compiler, cold", "cc", "", true, true},
    {"compiler, cache", "cc", "", true, false},
};

struct times {
    struct spread first, later, above;
};

/* One process; false if it failed. */
static bool
once(const struct bench *b, const struct first_case *c, const struct way *w,
     const char *cache, double *first, double *later_run)
{
    const char *const argv[] = {b->self, FIRST_CALL, c->expr, c->sizes,
                                c->type, w->tier, w->cache ? cache : "",
                                w->compiler, NULL};
    char text[128];
    double seconds;
    return spawn_run(argv, text, sizeof text, &seconds) &&
           sscanf(text, "%lf %lf", first, later_run) == 2;
}

static bool
measure(const struct bench *b, const struct first_case *c,
        const struct way *w, struct times *t)
{
    double first[MOST_ROUNDS], run[MOST_ROUNDS], above[MOST_ROUNDS];
    char cache[512] = "";
    int n = 0;
    double start = rounds_seconds(CLOCK_MONOTONIC);
    while (n < b->rounds) {
        if ((n == 0 || w->cold) && w->cache) {
            if (*cache)
                spawn_remove(cache);
            if (!spawn_folder(cache, sizeof cache) ||
                (!w->cold && !once(b, c, w, cache, &first[0], &run[0])))
                break;
        }
        if (!once(b, c, w, cache, &first[n], &run[n]))
            break;
        above[n] = first[n] - run[n];
        n++;
        if (n > 2 && rounds_seconds(CLOCK_MONOTONIC) - start > b->budget)
            break;
    }
    if (*cache)
        spawn_remove(cache);
    *t = (struct times){rounds_spread(first, n), rounds_spread(run, n),
                        rounds_spread(above, n)};
    return n > 0;
}

static void
run_case(struct bench *b, const struct first_case *c)
{
    struct times t[WAYS];
    char name[96];
    snprintf(name, sizeof name, "%s %s %s", c->expr, c->sizes, c->type);
    if (!bench_wants(b, name))
        return;
    table_begin(b->table, name);
    for (int w = 0; w < WAYS; w++) {
        if (measure(b, c, &ways[w], &t[w]))
            table_cell(b->table, 32, "%.3f (%.3f..%.3f) +%.3f",
                       1e3 * t[w].above.mid, 1e3 * t[w].above.low,
                       1e3 * t[w].above.high, 1e3 * t[w].later.mid);
        else
            table_cell(b->table, 32, "failed");
    }
    if (t[BARE].first.mid > 0)
        table_bar(b->table, b->set, "ms", 1e3 * t[BARE].above.mid, 1, true);
    table_end(b->table);
}

void
set_first(struct bench *b)
{
    static const struct first_case cases[] = {
        {"ij,jk->ik", "i=64,j=64,k=64", "f32"},
        {"ij,jk->ik", "i=512,j=512,k=512", "f32"},
        {"ij,jk->ik", "i=512,j=512,k=512", "f64"},
        {"bij,bjk->bik", "b=256,i=32,j=32,k=32", "f32"},
        {"ea,dcbe->dcba", "e=48,a=48,b=24,c=24,d=24", "f32"},
        {"ij->ji", "i=1000,j=1000", "f32"},
        {"ij->j", "i=1000,j=1000", "f64"},
        {"ijk,jr,kr->ir", "i=64,j=64,k=64,r=8", "f32"},
    };
    if (!b->list) {
        table_say(b->table, "\n%s: ms until the first result of a fresh "
                  "process, above (+) a later run of the same plan; CPU time "
                  "where nothing is there, else wall time; one thread",
                  b->set);
        table_begin(b->table, "case");
        for (int w = 0; w < WAYS; w++)
            table_cell(b->table, 32, "%s", ways[w].title);
        table_cell(b->table, 1, " bars");
        table_end(b->table);
    }
    for (size_t z = 0; z < sizeof cases / sizeof *cases; z++)
        run_case(b, &cases[z]);
}

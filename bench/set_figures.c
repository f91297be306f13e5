/* SPDX-License-Identifier: MIT
 *
 * set_figures.c - what einc states of itself beside its kernels' speed: time
 * to plan, workspace, a cold compile, the command as a whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spawn.h"
#include "trial.h"

static void
row(struct bench *b, const char *name, struct spread s, double scale,
    const char *unit, double bar)
{
    table_begin(b->table, name);
    table_cell(b->table, 26, "%.4g (%.4g..%.4g) %s", scale * s.mid,
               scale * s.low, scale * s.high, unit);
    table_bar(b->table, b->set, unit, scale * s.mid, bar, true);
    table_end(b->table);
}

static void
figure_plan(struct bench *b)
{
    enum { CALLS = 2000 };
    const char *name = "parse + plan bij,bjk->bik, interpreter";
    int64_t x[3] = {8, 64, 128}, y[3] = {8, 128, 64};
    struct einc_layout in[2] = {EINC_LAYOUT(EINC_F32, 3, x),
                                EINC_LAYOUT(EINC_F32, 3, y)};
    struct einc_options o = {.size = sizeof o, .tier = EINC_TIER_INTERP};
    double spent[MOST_ROUNDS];
    if (!bench_wants(b, name))
        return;
    for (int r = 0; r < b->rounds; r++) {
        double start = rounds_seconds(CLOCK_THREAD_CPUTIME_ID);
        for (int c = 0; c < CALLS; c++) {
            struct einc_plan *plan;
            if (einc_compile(b->tiers[0].ctx, "bij,bjk->bik", 2, in, NULL,
                             &o, &plan, NULL))
                bench_die("einc_compile", "failed");
            einc_plan_free(plan);
        }
        spent[r] = (rounds_seconds(CLOCK_THREAD_CPUTIME_ID) - start) / CALLS;
    }
    row(b, name, rounds_spread(spent, b->rounds), 1e6, "us", 10);
}

/* From text to a callable kernel, nothing cached, wall time. */
static void
figure_cold(struct bench *b)
{
    const char *name = "cold compiled kernel, ij,jk->ik 256, wall";
    static struct subject s;
    double spent[MOST_ROUNDS];
    int n = 0;
    if (!bench_wants(b, name) ||
        !subject_open(&s, "ij,jk->ik", "i=256,j=256,k=256", EINC_F32, 0))
        return;
    for (; n < b->rounds; n++) {
        struct tier t = {.name = "cc"};
        if (!bench_tier(b, &t))
            break;
        double start = rounds_seconds(CLOCK_MONOTONIC);
        struct einc_plan *plan = trial_compile(b, t.ctx, &s, EINC_TIER_CC);
        spent[n] = rounds_seconds(CLOCK_MONOTONIC) - start;
        bench_tier_close(&t);
        if (!plan)
            break;
        einc_plan_free(plan);
    }
    if (n > 0)
        row(b, name, rounds_spread(spent, n), 1e3, "ms", 200);
    subject_close(&s);
}

/* Inputs of 1 GiB that nothing may copy. */
static void
figure_workspace(struct bench *b)
{
    const char *name = "workspace of bld,lrd->blr 8,2048,2048,64";
    int64_t x[3] = {8, 2048, 64}, y[3] = {2048, 2048, 64};
    struct einc_layout in[2] = {EINC_LAYOUT(EINC_F32, 3, x),
                                EINC_LAYOUT(EINC_F32, 3, y)};
    struct einc_plan *plan;
    size_t bytes;
    if (!bench_wants(b, name))
        return;
    if (einc_compile(b->tiers[0].ctx, "bld,lrd->blr", 2, in, NULL, NULL,
                     &plan, NULL))
        bench_die("einc_compile", "failed");
    einc_plan_workspace(plan, &bytes, NULL);
    double x1 = (double)bytes;
    row(b, name, (struct spread){x1, x1, x1}, 1.0 / 1048576, "MiB", 16);
    einc_plan_free(plan);
}

/* --- the command, whole process ----------------------------------------- */

static bool
write_npy(const char *folder, const char *file, int rows, int columns)
{
    char head[128], path[600];
    memset(head, ' ', sizeof head);
    int n = snprintf(head + 10, sizeof head - 10,
                     "{'descr': '<f4', 'fortran_order': False, "
                     "'shape': (%d, %d), }", rows, columns);
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    head[10 + n] = ' ';
    head[127] = '\n';
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(head, 1, sizeof head, f) == sizeof head;
    for (int j = 0; ok && j < rows * columns; j++) {
        float x = (float)(j % 5 - 2);
        ok = fwrite(&x, sizeof x, 1, f) == 1;
    }
    return (!f || fclose(f) == 0) && ok;
}

static void
figure_command(struct bench *b)
{
    const char *name = "einc run ij,jk,kl->il, warm cache, process";
    char folder[512], path[3][600];
    double spent[MOST_ROUNDS];
    if (!b->command || !bench_wants(b, name) ||
        !spawn_folder(folder, sizeof folder))
        return;
    bool ok = write_npy(folder, "a.npy", 128, 96) &&
              write_npy(folder, "b.npy", 96, 64) &&
              write_npy(folder, "c.npy", 64, 32);
    for (int x = 0; x < 3; x++)
        snprintf(path[x], sizeof path[x], "%s/%c.npy", folder, 'a' + x);
    const char *const argv[] = {b->command, "run", "ij,jk,kl->il", path[0],
                                path[1], path[2], "--tier", "cc", NULL};
    setenv("EINC_CACHE_DIR", folder, 1);
    ok = ok && spawn_run(argv, NULL, 0, &spent[0]);
    for (int r = 0; ok && r < b->rounds; r++)
        ok = spawn_run(argv, NULL, 0, &spent[r]);
    unsetenv("EINC_CACHE_DIR");
    spawn_remove(folder);
    if (ok)
        row(b, name, rounds_spread(spent, b->rounds), 1e3, "ms", 10);
    else
        table_say(b->table, "  %s: failed", name);
}

void
set_figures(struct bench *b)
{
    if (!b->list)
        table_say(b->table, "\n%s: of planning, memory and whole processes",
                  b->set);
    figure_plan(b);
    figure_workspace(b);
    figure_cold(b);
    figure_command(b);
}

/* SPDX-License-Identifier: MIT
 *
 * set_calls.c - what a call costs when there is next to nothing to compute.
 */
#include <stdio.h>
#include <string.h>

#include "python.h"
#include "trial.h"

enum { PEERS = 5, MOST_NS = 60 };

static const char *const peers[PEERS] = {"matmul", "numpy.call",
                                         "opt_einsum.call", "torch.call",
                                         "torch.mm"};

struct call {
    struct subject s;
    struct einc_ctx *ctx;
    struct einc_plan *plan;
    struct einc_layout in[MOST_OPERANDS];
    const void *data[MOST_OPERANDS];
};

struct asked {
    struct python *python;
    const char *method;
};

static void
run_plan(void *call)
{
    struct call *c = call;
    if (einc_run(c->plan, c->data, c->s.out.data, NULL, NULL))
        bench_die("einc_run", c->s.expr);
}

static void
run_einsum(void *call)
{
    struct call *c = call;
    if (einc_einsum(c->ctx, c->s.expr, (size_t)c->s.n_in, c->in, c->data,
                    &c->s.out.layout, c->s.out.data, NULL))
        bench_die("einc_einsum", c->s.expr);
}

static double
run_python(void *asked, int64_t calls)
{
    const struct asked *a = asked;
    return python_time(a->python, a->method, calls);
}

static void
add_python(struct bench *b, struct call *c, struct contest *contest)
{
    static struct asked asked[PEERS];
    char result[256], why[256];
    if (!b->python || !python_load(b->python, &c->s))
        return;
    for (int p = 0; p < PEERS; p++) {
        asked[p] = (struct asked){b->python, peers[p]};
        if (python_check(b->python, peers[p], result, c->s.out.bytes, why,
                         sizeof why) >= 0 && subject_equal(&c->s, result))
            rounds_add(contest, peers[p], run_python, &asked[p]);
    }
}

static void
report(struct bench *b, const struct contest *c, const char *name,
       const char *tier, bool judged)
{
    struct spread s = rounds_time(c, 0);
    table_begin(b->table, name);
    table_cell(b->table, 7, "%s", tier);
    table_cell(b->table, 22, "%.1f (%.1f..%.1f)", 1e9 * s.mid, 1e9 * s.low,
               1e9 * s.high);
    table_ratio(b->table, rounds_ratio(c, 1, 0));
    for (int p = 0; p < PEERS; p++) {
        struct spread ratio = {0, 0, 0};
        for (int x = 2; x < c->n; x++)
            if (strcmp(c->all[x].name, peers[p]) == 0)
                ratio = rounds_ratio(c, x, 0);
        table_ratio(b->table, ratio);
    }
    if (judged)
        table_bar(b->table, b->set, "ns", 1e9 * s.mid, MOST_NS, true);
    table_end(b->table);
}

/* Both ways of one tier, and the peers. */
static void
contend(struct bench *b, struct call *c, const struct tier *tier,
        const char *name, bool judged)
{
    static struct contest contest;
    struct local planned = {run_plan, c, CLOCK_THREAD_CPUTIME_ID};
    struct local einsum = {run_einsum, c, CLOCK_THREAD_CPUTIME_ID};
    contest = (struct contest){.n = 0};
    c->ctx = tier->ctx;
    c->plan = trial_compile(b, tier->ctx, &c->s, EINC_TIER_AUTO);
    if (!c->plan)
        return;
    subject_spoil(&c->s);
    run_plan(c);
    if (!subject_right(&c->s)) {
        table_wrong(b->table, b->set, name, "einc_run");
    } else {
        rounds_add(&contest, "planned", rounds_local, &planned);
        rounds_add(&contest, "einc_einsum", rounds_local, &einsum);
        add_python(b, c, &contest);
        rounds_run(&contest, b->rounds, b->budget, false);
        report(b, &contest, name, tier->name, judged);
    }
    einc_plan_free(c->plan);
}

static void
heading(struct bench *b)
{
    if (b->list)
        return;
    table_say(b->table, "\n%s: ns of a planned call from C; the others' time "
              "over it", b->set);
    table_begin(b->table, "case");
    table_cell(b->table, 7, "tier");
    table_cell(b->table, 22, "einc_run, ns");
    table_cell(b->table, 22, "einc_einsum");
    for (int p = 0; p < PEERS; p++)
        table_cell(b->table, 22, "%s", peers[p]);
    table_cell(b->table, 1, " bars");
    table_end(b->table);
}

void
set_calls(struct bench *b)
{
    static const struct {
        const char *expr, *sizes;
        enum einc_dtype type;
        bool judged;
    } cases[] = {
        {"ij,jk->ik", "i=3,j=3,k=3", EINC_F64, true},
        {"ij,jk->ik", "i=3,j=3,k=3", EINC_F32, true},
        {"ij,jk->ik", "i=4,j=1,k=4", EINC_F32, false},
        {"i,i->", "i=3", EINC_F64, false},
        {"ij,jk,kl->il", "i=3,j=3,k=3,l=3", EINC_F64, false},
    };
    heading(b);
    for (size_t z = 0; z < sizeof cases / sizeof *cases; z++) {
        static struct call c;
        char name[96];
        snprintf(name, sizeof name, "%s %s %s", cases[z].expr,
                 cases[z].sizes, einc_dtype_name(cases[z].type));
        if (!bench_wants(b, name) ||
            !subject_open(&c.s, cases[z].expr, cases[z].sizes, cases[z].type,
                          0))
            continue;
        for (int x = 0; x < c.s.n_in; x++) {
            c.in[x] = c.s.in[x].layout;
            c.data[x] = c.s.in[x].data;
        }
        for (int t = 0; t < b->n_tiers; t++)
            contend(b, &c, &b->tiers[t], name, cases[z].judged && t == 0);
        if (b->python)
            python_unload(b->python);
        subject_close(&c.s);
    }
}

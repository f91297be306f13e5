/* SPDX-License-Identifier: MIT
 *
 * trial.c - see trial.h.
 */
#include "trial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emitted.h"
#include "python.h"

enum { PEERS = 12, NAME_BYTES = 24 };

/* One of ours. */
struct own {
    struct einc_plan *plan;
    const struct subject *s;
    struct einc_run_options options;
    float alpha;            /* of a trial that is scaled */
    void *work;
    size_t work_bytes;
    struct emitted *file; /* or NULL */
    struct local local;
};

struct blas_peer {
    struct blas *blas;
    const struct product *product;
    const struct subject *s;
    void *out;
    struct local local;
};

struct python_peer {
    struct python *python;
    char method[NAME_BYTES];
};

/* A trial under way. */
struct state {
    struct bench *b;
    const struct trial *t;
    char name[128];
    int threads;
    struct subject s;
    void *result;            /* of the peers */
    char peers[PEERS][NAME_BYTES];
    int n_peers;
    struct own own[MOST_TIERS + 1];
    int n_own;
    struct blas_peer blas[MOST_BLAS];
    struct python_peer python[PEERS];
    struct floor floor;
    struct contest contest;
};

/* --- names -------------------------------------------------------------- */

static int
split(const char *text, const char *blank, char (*to)[NAME_BYTES])
{
    int n = 0;
    for (const char *z = text; z && *z && n < PEERS;) {
        size_t length = strcspn(z, blank);
        snprintf(to[n++], NAME_BYTES, "%.*s", (int)length, z);
        z += length;
        z += strspn(z, blank);
    }
    return n;
}

static int
find(const struct contest *c, const char *name)
{
    for (int x = 0; x < c->n; x++)
        if (strcmp(c->all[x].name, name) == 0)
            return x;
    return -1;
}

static void
note(struct state *x, const char *who, const char *why)
{
    table_say(x->b->table, "  %s, %s: %s", x->name, who, why);
}

/* --- ours --------------------------------------------------------------- */

struct einc_plan *
trial_compile(struct bench *b, struct einc_ctx *ctx, const struct subject *s,
              enum einc_tier tier)
{
    struct einc_layout in[MOST_OPERANDS];
    struct einc_options o = {.size = sizeof o, .tier = (int32_t)tier};
    struct einc_plan *plan;
    struct einc_err *err = NULL;
    for (int x = 0; x < s->n_in; x++)
        in[x] = s->in[x].layout;
    if (!einc_compile(ctx, s->expr, (size_t)s->n_in, in, &s->out.layout, &o,
                      &plan, &err))
        return plan;
    table_say(b->table, "  %s: %.*s", s->expr,
              (int)strcspn(einc_err_text(err), "\n"), einc_err_text(err));
    einc_err_free(err);
    return NULL;
}

/* Strides of a dense tensor, by label. */
static int64_t
stride_of(const struct tensor *t, char label)
{
    int64_t stride = 1;
    for (int d = t->layout.ndim - 1; d >= 0; d--) {
        if (t->labels[d] == label)
            return stride;
        stride *= t->shape[d];
    }
    return 0;
}

/* Whether it is the same plan as that of `o`. */
static bool
is_same_plan(const struct state *x, const struct own *o,
             const struct spelling *z)
{
    struct einc_layout in[MOST_OPERANDS];
    int64_t shape[MOST_OPERANDS][MOST_DIMS], stride[MOST_OPERANDS][MOST_DIMS];
    struct einc_options options = {.size = sizeof options};
    struct einc_plan *plan;
    const char *at = z->expr;
    for (int k = 0; k < x->s.n_in; k++) {
        const struct tensor *t = &x->s.in[z->operand[k] - '0'];
        int n = 0;
        for (; *at != ',' && *at != '-' && n < MOST_DIMS; at++, n++) {
            shape[k][n] = x->s.extent[(int)*at];
            stride[k][n] = stride_of(t, *at);
        }
        at += *at == ',';
        in[k] = t->layout;
        in[k].ndim = n;
        in[k].shape = shape[k];
        in[k].stride = stride[k];
    }
    if (einc_compile(x->b->tiers[0].ctx, z->expr, (size_t)x->s.n_in, in,
                     &x->s.out.layout, &options, &plan, NULL))
        return false;
    bool same = einc_plan_hash(plan) == einc_plan_hash(o->plan);
    einc_plan_free(plan);
    return same;
}

static void
run_own(void *own)
{
    const struct own *o = own;
    const void *in[MOST_OPERANDS];
    for (int x = 0; x < o->s->n_in; x++)
        in[x] = o->s->in[x].data;
    if (einc_run(o->plan, in, o->s->out.data, &o->options, NULL))
        bench_die("einc_run", o->s->expr);
}

static void
run_file(void *own)
{
    const struct own *o = own;
    emitted_run(o->file, o->s->out.data, o->s->in[0].data, o->s->in[1].data);
}

/* Of a trial that is scaled, half of it. */
static bool
is_right(struct state *x)
{
    float *out = x->s.out.data;
    for (int64_t at = 0; x->t->scaled && at < x->s.out.n; at++)
        out[at] /= 2;
    bool right = subject_right(&x->s);
    for (int64_t at = 0; x->t->scaled && at < x->s.out.n; at++)
        out[at] *= 2;
    return right;
}

/* A contender, if its result is right. */
static void
enter_own(struct state *x, struct own *o, const char *name)
{
    subject_spoil(&x->s);
    o->local.call(o);
    if (is_right(x))
        rounds_add(&x->contest, name, rounds_local, &o->local);
    else
        table_wrong(x->b->table, x->b->set, x->name, name);
}

/* With a workspace of its own, as one has who runs a plan often. */
static void
add_own(struct state *x, const struct tier *tier)
{
    struct own *o = &x->own[x->n_own];
    size_t bytes, align;
    char name[NAME_BYTES];
    o->plan = trial_compile(x->b, x->threads > 1 ? tier->pair : tier->ctx,
                            &x->s, EINC_TIER_AUTO);
    if (!o->plan)
        return;
    einc_plan_workspace(o->plan, &bytes, &align);
    o->s = &x->s;
    o->work = aligned_alloc(64, (bytes + 64) / 64 * 64);
    o->work_bytes = bytes;
    o->options = (struct einc_run_options){
        .size = sizeof o->options, .threads = x->threads,
        .work = o->work, .work_bytes = o->work ? bytes : 0};
    o->alpha = 2;
    if (x->t->scaled)
        o->options.alpha = &o->alpha;
    o->local = (struct local){run_own, o, x->threads > 1
                                              ? CLOCK_MONOTONIC
                                              : CLOCK_THREAD_CPUTIME_ID};
    x->n_own++;
    snprintf(name, sizeof name, "einc/%s", tier->name);
    enter_own(x, o, name);
}

static void
add_file(struct state *x, struct einc_ctx *ctx)
{
    struct own *o = &x->own[x->n_own];
    o->plan = trial_compile(x->b, ctx, &x->s, EINC_TIER_INTERP);
    if (!o->plan)
        return;
    x->n_own++;
    o->s = &x->s;
    o->file = emitted_open(o->plan);
    o->local = (struct local){run_file, o, CLOCK_THREAD_CPUTIME_ID};
    if (o->file)
        enter_own(x, o, "einc/file");
    else
        note(x, "emitted file", "cannot be compiled");
}

static void
add_all_own(struct state *x)
{
    struct bench *b = x->b;
    struct tier own = {.name = x->t->tier};
    if (x->t->emitted)
        add_file(x, b->tiers[0].ctx);
    for (int t = 0; t < b->n_tiers && !own.name; t++)
        add_own(x, &b->tiers[t]);
    if (!own.name || !bench_tier(b, &own))
        return;
    add_own(x, &own);
    bench_tier_close(&own);
}

/* --- peers -------------------------------------------------------------- */

static void
run_blas(void *peer)
{
    const struct blas_peer *p = peer;
    blas_multiply(p->blas, p->product, p->s->out.layout.dtype == EINC_F64,
                  p->s->in[0].data, p->s->in[1].data, p->out);
}

static void
add_blas(struct state *x, struct blas *blas, struct blas_peer *p)
{
    *p = (struct blas_peer){blas, &x->t->product, &x->s, x->result, {0}};
    p->local = (struct local){run_blas, p, x->own[0].local.clock};
    blas_threads(blas, x->threads);
    memset(x->result, 0xff, x->s.out.bytes);
    run_blas(p);
    if (subject_equal(&x->s, x->result))
        rounds_add(&x->contest, blas_name(blas), rounds_local, &p->local);
    else
        note(x, blas_name(blas), "has another result, not timed");
}

static double
run_python(void *peer, int64_t calls)
{
    const struct python_peer *p = peer;
    return python_time(p->python, p->method, calls);
}

static void
add_python(struct state *x, struct python_peer *p, const char *method)
{
    char why[256];
    *p = (struct python_peer){.python = x->b->python};
    snprintf(p->method, sizeof p->method, "%s", method);
    double spent = python_check(p->python, method, x->result, x->s.out.bytes,
                                why, sizeof why);
    if (spent < 0) {
        if (strcmp(why, "absent") != 0)
            note(x, method, why);
    } else if (!subject_equal(&x->s, x->result)) {
        note(x, method, "has another result, not timed");
    } else {
        rounds_add(&x->contest, method, run_python, p)->known = spent;
    }
}

/* After ours, whose result they are compared with. */
static void
add_peers(struct state *x)
{
    struct bench *b = x->b;
    bool loaded = false;
    for (int p = 0; p < x->n_peers; p++) {
        const char *name = x->peers[p];
        int in_process = 0;
        for (int z = 0; z < MOST_BLAS; z++)
            if (b->blas[z] && strcmp(blas_name(b->blas[z]), name) == 0) {
                in_process = 1;
                if (x->t->product.batch)
                    add_blas(x, b->blas[z], &x->blas[z]);
            }
        if (in_process || !b->python || x->threads > 1)
            continue;
        if (!loaded && !python_load(b->python, &x->s)) {
            note(x, "python", "operands were not taken");
            return;
        }
        loaded = true;
        add_python(x, &x->python[p], name);
    }
}

/* --- the row ------------------------------------------------------------ */

static struct spread
bar_ratio(const struct state *x, const char *against)
{
    const struct contest *c = &x->contest;
    char names[PEERS][NAME_BYTES];
    unsigned set = 0;
    int n = split(against, "|", names), who;
    for (int p = 0; p < n; p++)
        if ((who = find(c, names[p])) >= 0)
            set |= 1u << who;
    return rounds_best(c, set, 0, &who);
}

/* What the list asks for beside time. */
static void
add_plan_bars(const struct state *x)
{
    int n = 0, same = 0;
    if (x->t->work_mib > 0)
        table_bar(x->b->table, x->b->set, "MiB",
                  (double)x->own[0].work_bytes / 1048576, x->t->work_mib,
                  true);
    for (; n < MOST_SPELLINGS && x->t->also[n].expr; n++)
        same += is_same_plan(x, &x->own[0], &x->t->also[n]);
    if (n)
        table_bar(x->b->table, x->b->set, "same plans", same, n, false);
}

static void
add_bars(const struct state *x, struct outcome *o)
{
    add_plan_bars(x);
    for (const struct bar *bar = x->t->bars; bar->against; bar++) {
        bool floor = strcmp(bar->against, "floor") == 0;
        double got = floor ? o->floor : bar_ratio(x, bar->against).mid;
        if (got > 0)
            table_bar(x->b->table, x->b->set,
                      floor ? peaks_name(x->floor.limit) : bar->against, got,
                      bar->least, false);
    }
}

static void
add_point(const struct state *x, double flop, double seconds)
{
    struct point p = {.flop_per_byte = flop / (x->s.read_bytes +
                                               x->s.written_bytes),
                      .rate = flop / seconds,
                      .threads = x->threads,
                      .is_double = x->s.out.layout.dtype == EINC_F64};
    if (flop <= 0)
        return;
    snprintf(p.set, sizeof p.set, "%s", x->b->set);
    snprintf(p.name, sizeof p.name, "%.60s", x->name);
    table_point(x->b->table, &p);
}

static struct outcome
report(struct state *x, double flop)
{
    struct table *t = x->b->table;
    struct contest *c = &x->contest;
    struct outcome o = {.done = true};
    double seconds = rounds_time(c, 0).mid;
    double bytes = x->s.read_bytes + x->s.written_bytes;
    o.floor = rounds_ratio(c, find(c, "floor"), 0).mid;
    table_begin(t, x->name);
    table_cell(t, 7, "%s", c->all[0].name + strlen("einc/"));
    table_cell(t, 3, "%d", x->threads);
    table_cell(t, 9, "%.4g", 1e3 * seconds);
    table_cell(t, 7, flop > 0 ? "%.1f" : "-", 1e-9 * flop / seconds);
    table_cell(t, 7, "%.1f", 1e-9 * bytes / seconds);
    table_cell(t, 10, "%.2f %s", o.floor, peaks_name(x->floor.limit));
    table_cell(t, 6, "%.2f", bench_modelled(x->own[0].plan) / seconds);
    for (int z = 1; z < x->b->n_tiers; z++) {
        char name[NAME_BYTES];
        snprintf(name, sizeof name, "einc/%s", x->b->tiers[z].name);
        int who = x->t->tier ? -1 : find(c, name);
        table_ratio(t, who < 0 ? (struct spread){0, 0, 0}
                               : rounds_ratio(c, who, 0));
    }
    char columns[PEERS][NAME_BYTES];
    int n = split(x->t->columns ? x->t->columns : x->t->peers, " ", columns);
    for (int p = 0; p < n; p++) {
        int who = find(c, columns[p]);
        struct spread s = {0, 0, 0};
        if (who >= 0)
            s = rounds_ratio(c, who, 0);
        table_ratio(t, s);
        o.peer[p] = s.mid;
    }
    add_bars(x, &o);
    table_end(t);
    add_point(x, flop, seconds);
    return o;
}

void
trial_heading(struct bench *b, const char *title, const char *peers)
{
    char names[PEERS][NAME_BYTES];
    int n = split(peers, " ", names);
    if (b->list)
        return;
    table_say(b->table, "\n%s: %s", b->set, title);
    table_begin(b->table, "case");
    table_cell(b->table, 7, "tier");
    table_cell(b->table, 3, "thr");
    table_cell(b->table, 9, "ms");
    table_cell(b->table, 7, "GFLOP/s");
    table_cell(b->table, 7, "GB/s");
    table_cell(b->table, 10, "of floor");
    table_cell(b->table, 6, "model");
    for (int z = 1; z < b->n_tiers; z++)
        table_cell(b->table, 22, "einc/%s", b->tiers[z].name);
    for (int p = 0; p < n; p++)
        table_cell(b->table, 22, "%s", names[p]);
    table_cell(b->table, 1, " bars");
    table_end(b->table);
}

/* --- all of it ---------------------------------------------------------- */

static void
compete(struct state *x, struct outcome *o)
{
    struct bench *b = x->b;
    double flop = x->t->flop > 0 ? x->t->flop : x->s.flop;
    x->floor = peaks_floor(b->peaks, flop,
                           x->s.out.layout.dtype == EINC_F64,
                           x->s.read_bytes, x->s.written_bytes, x->threads);
    rounds_add(&x->contest, "floor", peaks_work, &x->floor);
    if (x->result)
        add_peers(x);
    if (x->t->extra)
        x->t->extra(b, &x->s, &x->contest);
    rounds_run(&x->contest, b->rounds, b->budget, x->threads > 1);
    *o = report(x, flop);
    if (b->python)
        python_unload(b->python);
    if (x->t->extra_end)
        x->t->extra_end();
}

struct outcome
trial_run(struct bench *b, const struct trial *t)
{
    static struct state x; /* too large for a stack of any size */
    struct outcome o = {.done = false};
    x = (struct state){.b = b, .t = t, .threads = t->threads ? t->threads : 1};
    if (t->name)
        snprintf(x.name, sizeof x.name, "%s", t->name);
    else
        snprintf(x.name, sizeof x.name, "%s %s %s", t->expr, t->sizes,
                 einc_dtype_name(t->type));
    if (!bench_wants(b, x.name) || x.threads > b->peaks->processors)
        return o;
    if (!subject_open(&x.s, t->expr, t->sizes, t->type, t->out_type)) {
        note(&x, "skipped", "not enough memory");
        return o;
    }
    x.n_peers = split(t->peers, " ", x.peers);
    x.result = aligned_alloc(64, (x.s.out.bytes + 64) / 64 * 64);
    add_all_own(&x);
    if (x.contest.n)
        compete(&x, &o);
    for (int z = 0; z < x.n_own; z++) {
        einc_plan_free(x.own[z].plan);
        free(x.own[z].work);
        emitted_close(x.own[z].file);
    }
    free(x.result);
    subject_close(&x.s);
    return o;
}

/* SPDX-License-Identifier: MIT
 *
 * statement.c - see statement.h.
 */
#include "statement.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "python.h"

enum { PEERS = 6, NAME_BYTES = 24, HUGE_PAGE = 2 << 20 };

struct array {
    struct tensor tensor;
    int sliced;       /* dim, or -1 */
    unsigned cut;     /* dims, as bits */
};

/* One of ours: a plan with an output of its own. */
struct own {
    struct einc_plan *plan;
    const char *program;
    const void *in[MOST_STATEMENT_OPERANDS];
    struct array out;
    struct einc_run_options options;
    void *work;
    size_t work_bytes;
    struct local local;
};

struct gather {
    const char *rows[2];
    const int64_t *by[2];
    int64_t n, row_bytes;
    int n_rows;
    struct local local;
    float keep;
};

struct peer {
    struct python *python;
    char method[2 * NAME_BYTES];
};

struct state {
    struct bench *b;
    const struct statement *t;
    int threads, n_in;
    struct array in[MOST_STATEMENT_OPERANDS];
    struct own own[1 + MOST_RIVALS];
    struct gather gather;
    struct peer peers[PEERS];
    void *result;             /* of the peers */
    struct floor floor, floor_of_1;
    struct contest contest;
};

static void
note(const struct state *x, const char *who, const char *why)
{
    table_say(x->b->table, "  %s, %s: %.*s", x->t->name, who,
              (int)strcspn(why, "\n"), why);
}

/* --- arrays ------------------------------------------------------------- */

/* Shape and type of "f32:8+x10000*x3". */
static void
read_shape(struct array *a, const char *text)
{
    struct tensor *t = &a->tensor;
    char type[8];
    size_t n = strcspn(text, ":");
    int dims = 0;
    snprintf(type, sizeof type, "%.*s", (int)n, text);
    a->sliced = -1;
    a->cut = 0;
    t->n = 1;
    for (const char *z = text + n + 1; *z;) {
        char *end;
        t->n *= t->shape[dims] = strtoll(z, &end, 10);
        a->sliced = *end == '*' ? dims : a->sliced;
        a->cut |= *end == '+' ? 1u << dims : 0;
        end += *end == '*' || *end == '+';
        z = end + (*end == 'x');
        dims++;
    }
    t->layout = (struct einc_layout)EINC_LAYOUT(
        (int32_t)einc_dtype_parse(type), dims, t->shape);
    t->bytes = (size_t)t->n * einc_dtype_bytes(einc_dtype_parse(type));
}

/* Of large pages, and touched. */
static void *
take(size_t bytes)
{
    size_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : 64;
    bytes = (bytes + align) / align * align;
    void *m = aligned_alloc(align, bytes);
    if (m && align == HUGE_PAGE)
        madvise(m, bytes, MADV_HUGEPAGE);
    if (m)
        memset(m, 0xff, bytes);
    return m;
}

static bool
allocate(struct array *a)
{
    a->tensor.data = take(a->tensor.bytes);
    return a->tensor.data != NULL;
}

static double
draw(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return (double)(*random >> 11) * 0x1p-53;
}

static int
compare_ints(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double
value_of(const struct operand *o, int64_t at, int64_t n, uint64_t *random)
{
    double x = draw(random);
    switch (o->fill) {
    case FILL_REAL:   return (2 * x - 1) * o->most;
    case FILL_INDEX:  return floor(x * o->most);
    case FILL_ROWS:   return at == 0       ? 0
                             : at == n - 1 ? o->most
                                           : floor(x * o->most);
    case FILL_BEGINS: return (double)at * o->most;
    case FILL_ENDS:   return (double)(at + 1) * o->most;
    case FILL_PARTS:  return floor((double)at / o->most);
    default:          return x < o->most;
    }
}

static void
fill(struct array *a, const struct operand *o, int seed)
{
    struct tensor *t = &a->tensor;
    uint64_t random = 88172645463325252u + 7919u * (uint64_t)seed;
    for (int64_t at = 0; at < t->n; at++) {
        double x = value_of(o, at, t->n, &random);
        if (t->layout.dtype == EINC_I64)
            ((int64_t *)t->data)[at] = (int64_t)x;
        else if (t->layout.dtype == EINC_F32)
            ((float *)t->data)[at] = (float)x;
        else
            ((uint8_t *)t->data)[at] = (uint8_t)x;
    }
    if (o->fill == FILL_ROWS)
        qsort(t->data, (size_t)t->n, sizeof(int64_t), compare_ints);
}

static double
get(const struct tensor *t, const void *data, int64_t at)
{
    if (t->layout.dtype == EINC_I64)
        return (double)((const int64_t *)data)[at];
    return (double)((const float *)data)[at];
}

static int
operand_of(const struct state *x, const char *name)
{
    for (int o = 0; o < x->n_in; o++)
        if (strcmp(x->t->in[o].name, name) == 0)
            return o;
    bench_die(name, "is no operand of the case");
}

/* --- ours --------------------------------------------------------------- */

struct binding {
    const struct state *x;
    int to[MOST_STATEMENT_OPERANDS], n;
};

static int
bind(void *user, const struct einc_name *name)
{
    struct binding *b = user;
    if (!name->output)
        b->to[b->n++] = operand_of(b->x, name->name);
    return 0;
}

/* Strides of the whole array: a slice has them, too. */
static void
take_strides(const struct array *a, int64_t *stride)
{
    int64_t n = 1;
    for (int d = a->tensor.layout.ndim - 1; d >= 0; d--) {
        stride[d] = n;
        n *= a->tensor.shape[d];
    }
}

/* Of `rows` rows those from `first` on, `n` of them; of the dims that are cut
 * the first or, in the end, the last. */
struct window {
    int64_t rows, first, n;
    bool is_last;
};

/* What the oracle sees of an array. */
static const char *
slice(const struct array *a, const struct window *w, struct array *part)
{
    int64_t stride[MOST_DIMS], at = 0;
    struct tensor *t = &part->tensor;
    take_strides(a, stride);
    *part = *a;
    t->layout.shape = t->shape;
    t->n = 1;
    for (int d = 0; d < t->layout.ndim; d++) {
        if (a->cut >> d & 1) {
            at += w->is_last ? (t->shape[d] - 1) * stride[d] : 0;
            t->shape[d] = 1;
        } else if (d == a->sliced && w->rows) {
            at += w->first * stride[d];
            t->shape[d] -= w->rows - w->n;
        }
        t->n *= t->shape[d];
    }
    return (const char *)a->tensor.data +
           (size_t)at * einc_dtype_bytes((enum einc_dtype)t->layout.dtype);
}

static struct einc_plan *
compile(const struct state *x, const char *program, const struct array *in,
        const struct binding *names, const struct array *out,
        enum einc_tier tier)
{
    struct einc_layout layout[MOST_STATEMENT_OPERANDS];
    int64_t stride[MOST_STATEMENT_OPERANDS][MOST_DIMS];
    struct einc_options o = {.size = sizeof o, .tier = (int32_t)tier};
    struct einc_plan *plan;
    struct einc_err *err = NULL;
    for (int k = 0; k < names->n; k++) {
        layout[k] = in[names->to[k]].tensor.layout;
        layout[k].shape = in[names->to[k]].tensor.shape;
        take_strides(&x->in[names->to[k]], stride[k]);
        layout[k].stride = stride[k];
    }
    struct einc_layout to = out->tensor.layout;
    to.shape = out->tensor.shape;
    const struct tier *first = &x->b->tiers[0];
    struct einc_ctx *ctx = x->threads > 1 ? first->pair : first->ctx;
    if (!einc_compile(ctx, program, (size_t)names->n, layout, &to, &o, &plan,
                      &err))
        return plan;
    note(x, program, einc_err_text(err));
    einc_err_free(err);
    return NULL;
}

static void
run_own(void *own)
{
    const struct own *o = own;
    struct einc_err *err = NULL;
    if (einc_run(o->plan, o->in, o->out.tensor.data, &o->options, &err))
        bench_die(o->program, einc_err_text(err));
}

static bool
open_own(struct state *x, struct own *o, const struct rival *r)
{
    struct binding names = {.x = x};
    size_t align;
    int threads = r->threads ? r->threads : x->threads;
    o->program = r->program ? r->program : x->t->program;
    read_shape(&o->out, r->out ? r->out : x->t->out);
    o->out.tensor.layout.shape = o->out.tensor.shape;
    if (!allocate(&o->out) || einc_names(o->program, NULL, bind, &names, NULL))
        return false;
    o->plan = compile(x, o->program, x->in, &names, &o->out, EINC_TIER_AUTO);
    if (!o->plan)
        return false;
    for (int k = 0; k < names.n; k++)
        o->in[k] = x->in[names.to[k]].tensor.data;
    einc_plan_workspace(o->plan, &o->work_bytes, &align);
    o->work = take(o->work_bytes);
    o->options = (struct einc_run_options){
        .size = sizeof o->options, .threads = threads, .work = o->work,
        .work_bytes = o->work ? o->work_bytes : 0};
    o->local = (struct local){run_own, o, x->threads > 1
                                              ? CLOCK_MONOTONIC
                                              : CLOCK_THREAD_CPUTIME_ID};
    run_own(o);
    return true;
}

static void
close_own(struct own *o)
{
    einc_plan_free(o->plan);
    free(o->out.tensor.data);
    free(o->work);
}

/* --- whether it is right ------------------------------------------------ */

/* Elements of a slice of the output are within the oracle's bound. */
static bool
agrees(const struct array *part, const struct array *whole, const char *place,
       const void *want, const double *bound)
{
    int64_t stride[MOST_DIMS];
    take_strides(whole, stride);
    for (int64_t at = 0; at < part->tensor.n; at++) {
        int64_t rest = at, from = 0;
        for (int d = part->tensor.layout.ndim - 1; d >= 0; d--) {
            from += rest % part->tensor.shape[d] * stride[d];
            rest /= part->tensor.shape[d];
        }
        double off = fabs(get(&part->tensor, place, from) -
                          get(&part->tensor, want, at));
        if (!(off <= bound[at]))
            return false;
    }
    return true;
}

static bool
slice_is_right(const struct state *x, struct window w)
{
    struct array in[MOST_STATEMENT_OPERANDS], out;
    const void *place[MOST_STATEMENT_OPERANDS];
    struct binding names = {.x = x};
    einc_names(x->t->program, NULL, bind, &names, NULL);
    for (int k = 0; k < names.n; k++) {
        int o = names.to[k];
        place[k] = slice(&x->in[o], &w, &in[o]);
    }
    const char *got = slice(&x->own[0].out, &w, &out);
    struct einc_plan *plan = compile(x, x->t->program, in, &names, &out,
                                     EINC_TIER_INTERP);
    void *want = calloc((size_t)out.tensor.n, sizeof(int64_t));
    double *bound = calloc((size_t)out.tensor.n, sizeof *bound);
    bool right = plan && want && bound &&
                 !einc_reference_outs(plan, place, &want, &bound, NULL) &&
                 agrees(&out, &x->own[0].out, got, want, bound);
    free(want);
    free(bound);
    einc_plan_free(plan);
    return right;
}

/* The first rows and the last ones, as many as the oracle does in a moment. */
static bool
is_right(const struct state *x)
{
    const struct statement *t = x->t;
    double most = 3e5 * (double)t->rows / (t->flop + 1);
    int64_t n = most < 1 ? 1 : most > 40 ? 40 : (int64_t)most;
    n = n < t->rows ? n : t->rows;
    return slice_is_right(x, (struct window){t->rows, 0, n, false}) &&
           (!t->rows || t->head_only ||
            slice_is_right(x, (struct window){t->rows, t->rows - n, n, true}));
}

/* All of a peer's result is ours but for its rounding; of positions, which
 * rounding may decide, one in a thousand may differ. */
static bool
is_alike(const struct state *x)
{
    const struct tensor *t = &x->own[0].out.tensor;
    double most = 0, off = 0;
    int64_t other = 0;
    for (int64_t at = 0; at < t->n; at++) {
        double a = get(t, t->data, at), b = get(t, x->result, at);
        most = fmax(most, fabs(a));
        off = fmax(off, isnan(b) ? INFINITY : fabs(a - b));
        other += a != b;
    }
    if (t->layout.dtype == EINC_I64)
        return other <= t->n / 1000;
    return off <= 1e-3 * most;
}

/* --- peers -------------------------------------------------------------- */

static double
run_peer(void *peer, int64_t calls)
{
    const struct peer *p = peer;
    return python_time(p->python, p->method, calls);
}

static void
add_peer(struct state *x, struct peer *p, const char *name)
{
    char why[256];
    p->python = x->b->python;
    snprintf(p->method, sizeof p->method, "%s.%s", x->t->task, name);
    double spent = python_check(p->python, p->method, x->result,
                                x->own[0].out.tensor.bytes, why, sizeof why);
    if (spent < 0) {
        if (strcmp(why, "absent") != 0)
            note(x, name, why);
    } else if (!is_alike(x)) {
        note(x, name, "has another result, not timed");
    } else {
        rounds_add(&x->contest, name, run_peer, p)->known = spent;
    }
}

static void
add_peers(struct state *x)
{
    const struct tensor *in[MOST_STATEMENT_OPERANDS];
    if (!x->b->python || !x->t->peers)
        return;
    for (int o = 0; o < x->n_in; o++)
        in[o] = &x->in[o].tensor;
    x->result = malloc(x->own[0].out.tensor.bytes);
    if (!x->result || !python_open_case(x->b->python, x->t->task,
                                        &x->own[0].out.tensor, in, x->n_in)) {
        note(x, "python", "operands were not taken");
        return;
    }
    int n = 0;
    for (const char *z = x->t->peers; *z && n < PEERS; n++) {
        char name[NAME_BYTES];
        size_t length = strcspn(z, " ");
        snprintf(name, sizeof name, "%.*s", (int)length, z);
        add_peer(x, &x->peers[n], name);
        z += length + (z[length] == ' ');
    }
}

/* --- moving rows -------------------------------------------------------- */

typedef float vector __attribute__((vector_size(64), aligned(4)));

/* Every whole vector of the rows, added up; the rows that come soon are
 * fetched meanwhile. */
static void
run_gather(void *gather)
{
    enum { AHEAD = 4, LINE = 64 };
    struct gather *g = gather;
    vector sum[4] = {{0}};
    for (int64_t e = 0; e < g->n; e++)
        for (int r = 0; r < g->n_rows; r++) {
            const char *row = g->rows[r] + g->by[r][e] * g->row_bytes;
            const char *soon = g->rows[r] +
                               g->by[r][e + AHEAD < g->n ? e + AHEAD : e] *
                                   g->row_bytes;
            for (int64_t at = 0; at + LINE <= g->row_bytes; at += LINE) {
                __builtin_prefetch(soon + at);
                sum[at / LINE % 4] += *(const vector *)(const void *)(row + at);
            }
        }
    sum[0] += sum[1] + sum[2] + sum[3];
    g->keep = sum[0][0];
}

static void
add_gather(struct state *x)
{
    struct gather *g = &x->gather;
    for (int r = 0; r < 2 && x->t->gathered[r].rows; r++) {
        const struct tensor *rows =
            &x->in[operand_of(x, x->t->gathered[r].rows)].tensor;
        const struct tensor *by =
            &x->in[operand_of(x, x->t->gathered[r].by)].tensor;
        g->rows[r] = rows->data;
        g->by[r] = by->data;
        g->n = by->n;
        g->row_bytes = (int64_t)rows->bytes / rows->shape[0];
        g->n_rows = r + 1;
    }
    g->local = (struct local){run_gather, g, CLOCK_THREAD_CPUTIME_ID};
    if (g->n_rows && x->threads == 1)
        rounds_add(&x->contest, "gather", rounds_local, &g->local);
}

/* --- the row ------------------------------------------------------------ */

static int
find(const struct contest *c, const char *name)
{
    for (int k = 0; k < c->n; k++)
        if (strcmp(c->all[k].name, name) == 0)
            return k;
    return -1;
}

/* How much faster we are than with one thread, over the floor's own gain. */
static double
scaling_of(const struct state *x)
{
    const struct contest *c = &x->contest;
    int alone = find(c, "1 thread"), floor = find(c, "floor");
    int floor_alone = find(c, "floor of 1");
    if (alone < 0 || floor_alone < 0)
        return 0;
    return 2 * rounds_ratio(c, alone, 0).mid /
           rounds_ratio(c, floor_alone, floor).mid;
}

static double
bar_of(const struct state *x, const char *against, double seconds)
{
    if (strcmp(against, "scaling") == 0)
        return scaling_of(x);
    if (strcmp(against, "points") == 0)
        return 1e-9 * x->t->points / seconds;
    int who = find(&x->contest, against);
    return who < 0 ? 0 : rounds_ratio(&x->contest, who, 0).mid;
}

static double
largest_of(const struct tensor *t)
{
    double most = -INFINITY;
    for (int64_t at = 0; at < t->n; at++)
        most = fmax(most, get(t, t->data, at));
    return most;
}

static double
report(struct state *x, double bytes)
{
    const struct statement *t = x->t;
    struct contest *c = &x->contest;
    struct table *to = x->b->table;
    double seconds = rounds_time(c, 0).mid;
    double mib = (double)x->own[0].work_bytes / 1048576;
    table_begin(to, t->name);
    table_cell(to, 3, "%d", x->threads);
    table_cell(to, 9, "%.4g", 1e3 * seconds);
    table_cell(to, 7, t->points > 0 ? "%.3f" : "-",
               1e-9 * t->points / seconds);
    table_cell(to, 7, "%.1f", 1e-9 * t->flop / seconds);
    table_cell(to, 7, "%.1f", 1e-9 * bytes / seconds);
    table_cell(to, 8, "%.2f", mib);
    table_cell(to, 10, "%.2f %s", rounds_ratio(c, find(c, "floor"), 0).mid,
               peaks_name(x->floor.limit));
    table_cell(to, 6, "%.2f", bench_modelled(x->own[0].plan) / seconds);
    for (int k = 1; k < c->n; k++) {
        struct spread s = rounds_ratio(c, k, 0);
        if (strcmp(c->all[k].name, "floor") != 0 && s.mid > 0)
            table_cell(to, 1, " %s %.2f (%.2f..%.2f)", c->all[k].name, s.mid,
                       s.low, s.high);
    }
    if (t->work_mib > 0)
        table_bar(to, x->b->set, "MiB", mib, t->work_mib, true);
    if (t->most > 0)
        table_bar(to, x->b->set, "largest", largest_of(&x->own[0].out.tensor),
                  t->most, true);
    for (const struct statement_bar *bar = t->bars; bar->against; bar++) {
        double got = bar_of(x, bar->against, seconds);
        if (got > 0)
            table_bar(to, x->b->set, bar->against, got, bar->least, false);
    }
    table_end(to);
    return seconds;
}

static double
compete(struct state *x)
{
    struct bench *b = x->b;
    const struct statement *t = x->t;
    double read = t->bytes, written = (double)x->own[0].out.tensor.bytes;
    for (int o = 0; t->bytes == 0 && o < x->n_in; o++)
        read += (double)x->in[o].tensor.bytes;
    rounds_add(&x->contest, "einc", rounds_local, &x->own[0].local);
    for (int r = 0; r < MOST_RIVALS && t->rivals[r].name; r++)
        if (open_own(x, &x->own[r + 1], &t->rivals[r]))
            rounds_add(&x->contest, t->rivals[r].name, rounds_local,
                       &x->own[r + 1].local);
    x->floor = peaks_floor(b->peaks, t->flop, 0, read, written, x->threads);
    rounds_add(&x->contest, "floor", peaks_work, &x->floor);
    x->floor_of_1 = x->floor;
    x->floor_of_1.threads = 1;
    x->floor_of_1.wall = true;
    if (x->threads > 1)
        rounds_add(&x->contest, "floor of 1", peaks_work, &x->floor_of_1);
    add_gather(x);
    add_peers(x);
    rounds_run(&x->contest, b->rounds, b->budget, x->threads > 1);
    if (b->python)
        python_unload(b->python);
    return report(x, read + written);
}

static bool
open_operands(struct state *x)
{
    for (; x->n_in < MOST_STATEMENT_OPERANDS && x->t->in[x->n_in].name;
         x->n_in++) {
        struct array *a = &x->in[x->n_in];
        read_shape(a, x->t->in[x->n_in].shape);
        a->tensor.layout.shape = a->tensor.shape;
        if (!allocate(a))
            return false;
        fill(a, &x->t->in[x->n_in], x->n_in + 1);
    }
    return true;
}

double
statement_run(struct bench *b, const struct statement *t)
{
    static struct state x; /* too large for a stack of any size */
    double seconds = 0;
    x = (struct state){.b = b, .t = t, .threads = t->threads ? t->threads : 1};
    if (!bench_wants(b, t->name) || x.threads > b->peaks->processors)
        return 0;
    if (!open_operands(&x))
        note(&x, "skipped", "not enough memory");
    else if (open_own(&x, &x.own[0], &(struct rival){.name = "einc"})) {
        if (is_right(&x))
            seconds = compete(&x);
        else
            table_wrong(b->table, b->set, t->name, "einc");
    }
    for (int r = 0; r <= MOST_RIVALS; r++)
        close_own(&x.own[r]);
    for (int o = 0; o < x.n_in; o++)
        free(x.in[o].tensor.data);
    free(x.result);
    return seconds;
}

void
statement_heading(struct bench *b, const char *title)
{
    if (b->list)
        return;
    table_say(b->table, "\n%s: %s", b->set, title);
    table_begin(b->table, "case");
    table_cell(b->table, 3, "thr");
    table_cell(b->table, 9, "ms");
    table_cell(b->table, 7, "Gpt/s");
    table_cell(b->table, 7, "GFLOP/s");
    table_cell(b->table, 7, "GB/s");
    table_cell(b->table, 8, "work MiB");
    table_cell(b->table, 10, "of floor");
    table_cell(b->table, 6, "model");
    table_cell(b->table, 1, " others' time over ours (quartiles)  bars");
    table_end(b->table);
}

/* SPDX-License-Identifier: MIT
 *
 * nest_lanes.c - see lanes.h: whether, how, and how fast.
 */
#include "codegen/lanes.h"

#include "codegen/family.h"
#include "plan/machine.h"

/* --- roles -------------------------------------------------------------- */

static int
is_literal(struct quantity q)
{
    return q.arg < 0;
}

static int
stride_is(struct quantity q, int64_t value)
{
    return is_literal(q) && q.value == value;
}

/* The side of the one operand that holds free index j; -1: both do. */
static int
side_of(const struct nest *w, int j)
{
    for (int o = 0; o < 2; o++)
        if (stride_is(w->in[1 - o].stride[j], 0))
            return o;
    return -1;
}

/* Whether index j of x is one of the elements of a product. */
static int
is_inside(const struct nest *w, const struct nest_tensor *x, int lane, int j)
{
    return j != lane && !stride_is(x->stride[j], 0) &&
           (w->idx[j].role == LOOP_K || side_of(w, j) >= 0);
}

/* The index of a product whose neighbours are so many elements apart. */
static int
with_stride(const struct nest *w, const struct nest_tensor *x, int lane,
            int64_t stride)
{
    for (int j = 0; j < w->n_idx; j++)
        if (is_inside(w, x, lane, j) && stride_is(x->stride[j], stride) &&
            is_literal(w->idx[j].extent))
            return j;
    return -1;
}

/* Elements from one position of the lane to the next if those of one product
 * fill them; else 0. */
static int
record_of(const struct nest *w, const struct nest_tensor *x, int lane)
{
    struct quantity s = x->stride[lane];
    int64_t reach = 1;
    int inside = 0;
    if (!is_literal(s) || s.value < 2 || s.value > LANES_RECORD)
        return 0;
    for (int j = 0; j < w->n_idx; j++)
        inside += is_inside(w, x, lane, j);
    for (; inside > 0; inside--) {
        int j = with_stride(w, x, lane, reach);
        if (j < 0 || w->idx[j].extent.value < 2 ||
            w->idx[j].extent.value > s.value)
            return 0;
        reach *= w->idx[j].extent.value;
    }
    return reach == s.value ? (int)reach : 0;
}

/* Runs in the lanes of out and of an operand, and lies across neither but by
 * a record. */
static int
is_lane(const struct nest *w, int j)
{
    int held = 0;
    for (int o = 0; o <= 2; o++) {
        const struct nest_tensor *x = einc_nest_tensor(w, o);
        int runs = stride_is(x->stride[j], 1) || record_of(w, x, j);
        if (!runs && (o == 2 || !stride_is(x->stride[j], 0)))
            return 0;
        held |= runs && o < 2;
    }
    return held;
}

/* Whether j becomes one more index of a side. */
static int
add_index(const struct nest *w, struct lanes_side *x, int j)
{
    if (x->n == LANES_MOST || !is_literal(w->idx[j].extent) ||
        __builtin_mul_overflow(x->size, w->idx[j].extent.value, &x->size))
        return 0;
    x->idx[x->n++] = j;
    return 1;
}

static int
fill_sides(const struct nest *w, struct lanes_roles *r)
{
    r->depth = 1;
    for (int o = 0; o < 2; o++)
        r->side[o] = (struct lanes_side){
            .size = 1, .broadcast = stride_is(w->in[o].stride[r->lane], 0)};
    for (int j = 0; j < w->n_idx; j++) {
        int side = side_of(w, j);
        if (w->idx[j].role == LOOP_K) {
            if (!is_literal(w->idx[j].extent) ||
                __builtin_mul_overflow(r->depth, w->idx[j].extent.value,
                                       &r->depth))
                return 0;
        } else if (j != r->lane && side >= 0 &&
                   !add_index(w, &r->side[side], j)) {
            return 0;
        }
    }
    r->paired = r->side[1].broadcast;
    for (int o = 0; o <= 2; o++) {
        r->record[o] = record_of(w, einc_nest_tensor(w, o), r->lane);
        r->turns |= r->record[o] > 0;
    }
    return 1;
}

/* The longest of the indices that may be. */
struct lanes_roles
einc_lanes_roles(const struct nest *w)
{
    struct lanes_roles r = {.lane = -1};
    for (int j = 0; j < w->first[LOOP_K]; j++)
        if (is_lane(w, j) && (r.lane < 0 || w->idx[j].extent.value >=
                                                w->idx[r.lane].extent.value))
            r.lane = j;
    if (r.lane >= 0 && !fill_sides(w, &r))
        r.lane = -1;
    return r;
}

int64_t
einc_lanes_value(const struct nest *w, const struct lanes_side *x, int k,
                 int64_t at)
{
    for (int i = x->n - 1; i > k; i--)
        at /= w->idx[x->idx[i]].extent.value;
    return at % w->idx[x->idx[k]].extent.value;
}

int
einc_lanes_is_outer(const struct nest *w, const struct lanes_roles *r, int j)
{
    return w->idx[j].role != LOOP_K && j != r->lane && side_of(w, j) < 0;
}

/* --- cuts --------------------------------------------------------------- */

static int
planes_of(const struct nest *w)
{
    return einc_nest_planes(w->compute);
}

/* The widest vector that the lane fills; where its extent is an argument it
 * is filled, or scalars do it. */
static void
choose_lanes(const struct nest *w, const struct lanes_roles *r,
             const struct target *t, struct lanes_cut *c)
{
    enum { LEAST_VECTOR = 16 };
    int bytes = einc_nest_bytes(w->compute) * planes_of(w);
    struct quantity n = w->idx[r->lane].extent;
    c->vector_bytes = t->vector_bytes;
    while (is_literal(n) && c->vector_bytes >= LEAST_VECTOR &&
           n.value < c->vector_bytes / bytes)
        c->vector_bytes /= 2;
    if (c->vector_bytes < LEAST_VECTOR)
        c->vector_bytes = 0;
    c->lanes = c->vector_bytes ? c->vector_bytes / bytes : 1;
}

/* Vector operations or loads, whichever are more, per vector of the lane, of
 * rows and columns in so many parts; large where a tile does not fit the
 * registers. A register or two are left for what is on its way. Of equals the
 * one that loads less. */
static double
tiles_cost(const struct nest *w, const struct lanes_roles *r,
           const struct target *t, const int64_t parts[2], int vectors)
{
    enum { SPARE = 2 };
    static const double too_large = 1e6, few = 0.1;
    double planes = planes_of(w), depth = (double)r->depth;
    double size[2], loads = 0, sums = vectors * planes, held = 1e9, all = sums;
    for (int side = 0; side < 2; side++) {
        const struct lanes_side *x = &r->side[side];
        double each = planes * (x->broadcast ? 1 : vectors);
        size[side] = (double)einc_nest_blocks(x->size, parts[side]);
        sums *= size[side];
        all *= (double)x->size;
        loads += each * (double)x->size * (double)parts[1 - side];
        held = held < each * size[side] ? held : each * size[side];
    }
    double busy = depth * (all > loads ? all : loads) + 2 * all +
                  few * depth * loads;
    double spills = sums + held + SPARE > t->registers ? too_large : 1;
    return spills * busy / vectors;
}

/* Parts of rows and columns, vectors at a time: one where records are turned,
 * which makes a vector of each of their places. */
static void
choose_tile(const struct nest *w, const struct lanes_roles *r,
            const struct target *t, struct lanes_cut *c)
{
    enum { MOST_VECTORS = 4 };
    double best = 0;
    c->parts[0] = 0;
    for (int v = 1; v <= (r->turns ? 1 : MOST_VECTORS); v *= 2)
        for (int64_t p = 1; p <= r->side[0].size; p++)
            for (int64_t q = 1; q <= r->side[1].size; q++) {
                double worth = tiles_cost(w, r, t, (int64_t[]){p, q}, v);
                if (c->parts[0] && worth >= 0.98 * best)
                    continue;
                best = worth;
                c->parts[0] = (int)p;
                c->parts[1] = (int)q;
                c->vectors = v;
            }
}

/* Bytes per element of the lane that a product moves. */
static double
lane_bytes(const struct nest *w, const struct lanes_roles *r)
{
    double k = (double)r->depth, m = (double)r->side[0].size;
    double n = (double)r->side[1].size;
    return einc_nest_bytes(w->compute) * planes_of(w) *
           (m * n + (r->side[0].broadcast ? 0 : m * k) +
            (r->side[1].broadcast ? 0 : n * k));
}

static double
elements_of(const struct nest *w, const struct nest_tensor *x)
{
    double n = 1;
    for (int j = 0; j < w->n_idx; j++)
        if (!stride_is(x->stride[j], 0))
            n *= (double)w->idx[j].extent.value;
    return n;
}

static double
bytes_of(const struct nest *w, const struct nest_tensor *x)
{
    return elements_of(w, x) * einc_nest_bytes(w->compute) * planes_of(w);
}

/* Whether more rows of memory pass at a time than page tables and prefetching
 * keep up with: 108 rows of 6x6 matrices 8.0 ms instead of 11, 192 of 8x8 10.3
 * instead of 13.3; 75 of 5x5 are as fast, and out of L2 all tiles at once are
 * ahead. */
static int
takes_apart(const struct nest *w, const struct lanes_roles *r)
{
    enum { MOST_ROWS = 100, LEAST_TOTAL = 1 << 22 };
    if (r->turns)
        return 0;
    double element = einc_nest_bytes(w->compute) * planes_of(w);
    double total = bytes_of(w, &w->out);
    for (int o = 0; o < 2; o++)
        total += bytes_of(w, &w->in[o]);
    return lane_bytes(w, r) > MOST_ROWS * element && total > LEAST_TOTAL;
}

/* A result that no cache holds goes past it, in whole lines of every row,
 * wherever rows begin: with stores to 36 rows in turn 6x6 matrices take 5.5
 * ms if lines are whole, 40 ms if not. The rows gathered so far stay in L1. */
static void
choose_run(const struct nest *w, const struct lanes_roles *r,
           const struct target *t, struct lanes_cut *c)
{
    enum { GATHERED = 3 << 13, LEAST = 64, MOST = 1024 };
    int bytes = einc_nest_bytes(w->compute) * planes_of(w);
    int64_t rows = r->side[0].size * r->side[1].size;
    if (t->vector_bytes < 32 || c->vector_bytes != t->vector_bytes ||
        bytes_of(w, &w->out) < NEST_FAR_BYTES)
        return;
    if (c->apart)
        rows = einc_nest_blocks(r->side[0].size, c->parts[0]) *
               einc_nest_blocks(r->side[1].size, c->parts[1]);
    c->run = GATHERED / (rows * bytes) / LEAST * LEAST;
    c->run = c->run < LEAST ? LEAST : c->run > MOST ? MOST : c->run;
    c->run = einc_nest_up_to(c->run, c->step);
}

struct lanes_cut
einc_lanes_cut(const struct nest *w, const struct lanes_roles *r,
               const struct target *t)
{
    enum { LINE = 64, TASK_BYTES = 1 << 18 };
    struct lanes_cut c = {.vectors = 1};
    struct quantity n = w->idx[r->lane].extent;
    choose_lanes(w, r, t, &c);
    choose_tile(w, r, t, &c);
    while (is_literal(n) && c.vectors > 1 && n.value < c.lanes * c.vectors)
        c.vectors /= 2;
    c.step = c.lanes * c.vectors;
    c.apart = takes_apart(w, r);
    double chunk = TASK_BYTES / lane_bytes(w, r);
    c.chunk = einc_nest_up_to((int64_t)chunk + 1, c.step > LINE ? c.step
                                                                : LINE);
    choose_run(w, r, t, &c);
    c.ragged = !is_literal(n) || n.value % c.step != 0;
    return c;
}

int64_t
einc_lanes_tasks(const struct lanes_cut *c, int64_t n)
{
    return n < 2 * c->chunk ? 1 : n / c->chunk;
}

/* --- fits --------------------------------------------------------------- */

/* Elements that are vectors of the compute type as they lie in memory. */
static int
is_native(const struct nest *w, const struct nest_tensor *x)
{
    const struct dtype_info *a = einc_dtype_info(x->storage);
    const struct dtype_info *b = einc_dtype_info(w->compute);
    if (x->storage == w->compute)
        return 1;
    return a->bytes == b->bytes && b->kind == KIND_INT &&
           (a->kind == KIND_INT || a->kind == KIND_UINT);
}

/* Complex numbers are pairs of lanes: at least two, whatever the extent. */
static int
fits_lane(const struct nest *w, const struct lanes_roles *r)
{
    enum { LEAST_BYTES = 16 };
    int bytes = einc_nest_bytes(w->compute);
    struct quantity n = w->idx[r->lane].extent;
    if (planes_of(w) == 2)
        return w->target->vector_bytes && is_literal(n) &&
               n.value * 2 * bytes >= LEAST_BYTES;
    return !is_literal(n) || n.value * bytes >= LEAST_BYTES;
}

/* Neither a map nor a plain sum, which are bound by memory as streams, unless
 * they would be so with an element at a time. */
static int
fits(const struct nest *w)
{
    enum { MOST_SIDE = 16, MOST_DEPTH = 16, MOST_POINTS = 512 };
    if (w->n_in != 2 || w->target->language != LANGUAGE_C ||
        w->compute == EINC_BOOL || !is_native(w, &w->out) ||
        !is_native(w, &w->in[0]) || !is_native(w, &w->in[1]))
        return 0;
    for (int j = 0; j < w->n_idx; j++)
        if (w->idx[j].extent.value < 1)
            return 0;
    struct lanes_roles r = einc_lanes_roles(w);
    if (r.lane < 0 || !fits_lane(w, &r))
        return 0;
    int64_t m = r.side[0].size, n = r.side[1].size;
    int is_product = r.turns || (r.depth >= 2 && m * n >= 2);
    return m <= MOST_SIDE && n <= MOST_SIDE && r.depth <= MOST_DEPTH &&
           is_product && m * n * r.depth <= MOST_POINTS;
}

/* --- cost --------------------------------------------------------------- */

/* Microseconds in which all operands and results pass. */
static double
memory_time(const struct nest *w, const struct lanes_cut *c,
            const struct machine *m)
{
    double in = bytes_of(w, &w->in[0]) + bytes_of(w, &w->in[1]);
    double out = bytes_of(w, &w->out);
    enum machine_level l = einc_machine_level(m, in + out);
    double write = (double)m->write[l], past = (double)m->stream;
    return in / (double)m->read[l] +
           out / (c->run && past > write ? past : write);
}

struct records
einc_lanes_records(const struct nest *w, const struct lanes_roles *r,
                   const struct lanes_cut *c, int tensor)
{
    return (struct records){.lanes = c->lanes, .planes = planes_of(w),
                            .size = c->lanes > 1 ? r->record[tensor] : 0};
}

/* Vector operations in which records are turned, of a step of the lane. A
 * shuffle takes as long as two multiply-adds, or, where registers are few and
 * none takes lanes of two vectors, three: 2000 products of 3x3 matrices 6.3 us
 * where the count says 7.0, with AVX2 12.7 and 14. */
static double
turn_operations(const struct nest *w, const struct lanes_roles *r,
                const struct lanes_cut *c)
{
    double shuffle = w->target->registers >= 32 ? 2 : 3, all = 0;
    for (int o = 0; o <= 2; o++) {
        struct records x = einc_lanes_records(w, r, c, o);
        if (x.size)
            all += einc_records_moves(&x) + shuffle * einc_records_shuffles(&x);
    }
    return all;
}

/* Microseconds of the arithmetic: what does not fill a vector takes as long
 * as one that is full. */
static double
work_time(const struct nest *w, const struct lanes_roles *r,
          const struct lanes_cut *c, const struct machine *m)
{
    const struct target *t = w->target;
    int bytes = einc_nest_bytes(w->compute);
    double lanes = t->vector_bytes ? (double)t->vector_bytes / bytes : 1;
    double operation =
        2 * lanes / (double)m->peak[einc_machine_type(w->compute)];
    double steps = (double)einc_nest_blocks(w->idx[r->lane].extent.value,
                                            c->step);
    double tasks = (double)einc_lanes_tasks(c, w->idx[r->lane].extent.value);
    for (int j = 0; j < w->first[LOOP_K]; j++)
        if (einc_lanes_is_outer(w, r, j)) {
            steps *= (double)w->idx[j].extent.value;
            tasks *= (double)w->idx[j].extent.value;
        }
    double one = tiles_cost(
        w, r, t, (int64_t[]){c->parts[0], c->parts[1]}, c->vectors);
    one = one * c->vectors + turn_operations(w, r, c);
    return steps * one * operation * 100 /
               (double)m->direct_percent +
           0.5e-3 * (double)m->task_ns * tasks;
}

static double
cost(const struct nest *w)
{
    const struct target *t = w->target;
    const struct machine *m = einc_machine_default(str_of(t->name));
    m = m ? m : einc_machine_default(str_of("generic"));
    struct lanes_roles r = einc_lanes_roles(w);
    struct lanes_cut c = einc_lanes_cut(w, &r, t);
    double work = work_time(w, &r, &c, m), memory = memory_time(w, &c, m);
    return 1e-6 * (work > memory ? work : memory);
}

/* --- build -------------------------------------------------------------- */

static void
build(struct arena *perm, struct nest *w, enum nest_mode mode)
{
    (void)mode;
    struct lanes_roles r = einc_lanes_roles(w);
    struct lanes_cut c = einc_lanes_cut(w, &r, w->target);
    w->lane = r.lane;
    w->lanes = c.lanes;
    w->visit = c.vectors;
    struct nest_node *tile =
        einc_nest_then(einc_nest_node(perm, NEST_TILE, NULL),
                       einc_nest_node(perm, NEST_STORE, NULL));
    w->tile.mr = (int)einc_nest_blocks(r.side[0].size, c.parts[0]);
    w->tile.nv = c.vectors;
    w->tile.nr = (int)einc_nest_blocks(r.side[1].size, c.parts[1]);
    struct nest_node *lanes = einc_nest_node(perm, NEST_LOOP, tile);
    lanes->index = r.lane;
    w->root = einc_nest_node(perm, NEST_TASKS, lanes);
}

static int64_t
arguments(const struct nest *w, int threads, int64_t *n, int64_t *s)
{
    (void)threads;
    struct lanes_roles r = einc_lanes_roles(w);
    struct lanes_cut c = einc_lanes_cut(w, &r, w->target);
    einc_nest_fill_slots(w, n, s);
    int64_t tasks = einc_lanes_tasks(&c, w->idx[r.lane].extent.value);
    for (int j = 0; j < w->first[LOOP_K]; j++)
        if (einc_lanes_is_outer(w, &r, j))
            tasks *= w->idx[j].extent.value;
    return tasks;
}

/* --- dump --------------------------------------------------------------- */

static void
print(struct text *t, const struct nest *w)
{
    struct lanes_roles r = einc_lanes_roles(w);
    struct lanes_cut c = einc_lanes_cut(w, &r, w->target);
    einc_put(t, "  lanes %dx%d over %s, %lldx%lldx%lld in %dx%d tiles%s%s",
             c.vectors, c.lanes, w->idx[r.lane].name,
             (long long)r.side[0].size, (long long)r.side[1].size,
             (long long)r.depth, c.parts[0], c.parts[1],
             c.ragged ? " ragged" : "", c.apart ? " apart" : "");
    for (int o = 0; o <= 2; o++)
        if (r.record[o])
            einc_put(t, ", %s turned by %d", einc_nest_tensor(w, o)->name,
                     r.record[o]);
    if (c.run)
        einc_put(t, " past the cache in runs of %lld", (long long)c.run);
    einc_put(t, "\n");
}

const struct family einc_family_lanes = {
    FAMILY_LANES, "lanes", 1, fits, cost, build, arguments, print,
};

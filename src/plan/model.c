/* SPDX-License-Identifier: MIT
 *
 * model.c - see model.h. Rates in the table are Mflop/s and MB/s, which are
 * flop and bytes per microsecond: everything here is in microseconds until it
 * is returned.
 */
#include "plan/model.h"

#include "plan/cost.h"
#include "plan/lower.h"
#include "plan/nested.h"

/* --- small pieces ------------------------------------------------------- */

static double
larger(double a, double b)
{
    return a > b ? a : b;
}

static double
smaller(double a, double b)
{
    return a < b ? a : b;
}

/* x / unit, rounded up; exact while that is below 2^53. */
static double
blocks(double x, double unit)
{
    double q = x / unit;
    if (q >= 1e15)
        return q;
    double whole = (double)(int64_t)q;
    return whole < q ? whole + 1 : whole;
}

static int
is_complex(enum einc_dtype t)
{
    return einc_dtype_info(t)->kind == KIND_COMPLEX;
}

/* Bytes of a number in a lane: a complex one lies in two lanes of two
 * vectors. */
static double
lane_bytes(enum einc_dtype compute)
{
    enum machine_type t = einc_machine_type(compute);
    return t == MACHINE_F32 || t == MACHINE_I32 ? 4 : 8;
}

static double
lanes_of(const struct machine *m, enum einc_dtype compute)
{
    return larger(1, (double)m->vector_bytes / lane_bytes(compute));
}

/* Microseconds of one vector operation that multiplies and adds. */
static double
vector_time(const struct machine *m, enum einc_dtype compute)
{
    return 2 * lanes_of(m, compute) / (double)m->peak[einc_machine_type(compute)];
}

/* Threads that find a part each. */
static double
shares(double parts, int threads)
{
    return larger(1, smaller(parts, threads));
}

/* How much faster memory is for all threads than for one; caches are of a
 * core each. */
static double
bus(const struct machine *m, enum machine_level l, double threads)
{
    double most = (double)m->cores_percent / 100;
    return l == MACHINE_MEMORY ? smaller(threads, most) : threads;
}

static double
read_time(const struct machine *m, double bytes, enum machine_level l,
          double threads)
{
    return bytes / ((double)m->read[l] * bus(m, l, threads));
}

/* Results that do not stay in a cache of their own go past all of them where
 * that is faster. */
static double
write_time(const struct machine *m, double bytes, enum machine_level l,
           double threads)
{
    double rate = (double)m->write[l];
    if (l >= MACHINE_L3 && rate < (double)m->stream) {
        rate = (double)m->stream;
        l = MACHINE_MEMORY;
    }
    return bytes / (rate * bus(m, l, threads));
}

/* --- contractions ------------------------------------------------------- */

/* A register tile: rows and vectors, as codegen/tile.c has them. */
struct registers {
    double rows, vectors;
};

static struct registers
registers_of(const struct machine *m, enum einc_dtype compute)
{
    int many = m->registers >= 32;
    if (!m->vector_bytes)
        return (struct registers){4, 4};
    if (is_complex(compute))
        return (struct registers){many ? 12 : 5, 1};
    return (struct registers){many ? 14 : 6, 2};
}

/* Two multiply-adds and two loads per cycle, and a latency that 8 of them
 * hide: vector operations that a step of k of such a tile is worth. */
static double
tile_operations(double rows, double vectors, double planes)
{
    enum { IN_FLIGHT = 8 };
    if (rows == 0 || vectors == 0)
        return 0;
    double work = rows * vectors * planes * planes;
    double loads = (rows + vectors) * planes;
    return larger(larger(work, loads), IN_FLIGHT);
}

/* Of one product: tiles that are full and those at the edges. */
static double
tiles_time(const struct machine *m, const struct model_gett *g)
{
    enum { DEPTH = 384 };
    struct registers r = registers_of(m, g->compute);
    double planes = is_complex(g->compute) ? 2 : 1;
    double vectors = blocks(g->n, lanes_of(m, g->compute));
    double down = blocks(g->m + 1, r.rows) - 1;
    double across = blocks(vectors + 1, r.vectors) - 1;
    double below = g->m - down * r.rows;
    double beside = vectors - across * r.vectors;
    double operations =
        down * across * tile_operations(r.rows, r.vectors, planes) +
        down * tile_operations(r.rows, beside, planes) +
        across * tile_operations(below, r.vectors, planes) +
        tile_operations(below, beside, planes);
    double tiles = blocks(g->m, r.rows) * blocks(vectors, r.vectors) *
                   blocks(g->k, DEPTH);
    return operations * g->k * vector_time(m, g->compute) +
           tiles * (double)m->tile_ns * 1e-3;
}

/* Microseconds for an element: `near` and `turned` are of 4 bytes. */
static double
access_time(const struct machine *m, enum model_access a, double bytes)
{
    const double us = 1e-6;
    switch (a) {
    case MODEL_IN_PLACE:
        return 0;
    case MODEL_NEAR:
        return us * (double)m->pack_near_ps * bytes / 4;
    case MODEL_TURNED:
        return us * (double)m->pack_turned_ps * bytes / 4;
    case MODEL_CROSSED:
        return us * larger((double)m->gather_near_ps,
                           (double)m->pack_near_ps * bytes / 4);
    case MODEL_FAR:
        break;
    }
    return us * larger((double)m->pack_far_ps,
                       (double)m->pack_near_ps * bytes / 4);
}

static double
store_time(const struct machine *m, enum model_access a, double bytes)
{
    const double us = 1e-6;
    return a == MODEL_FAR ? us * (double)m->store_far_ps
                          : us * (double)m->store_near_ps * bytes / 4;
}

/* A task packs for itself: each operand as often as there are blocks of the
 * other one's side. What was just packed is multiplied in cache. */
static double
pack_time(const struct machine *m, const struct model_gett *g)
{
    enum { BLOCK = 1024 };
    double bytes = einc_dtype_info(g->compute)->bytes;
    return g->m * g->k * blocks(g->n, BLOCK) *
               access_time(m, g->lhs, bytes) +
           g->k * g->n * blocks(g->m, BLOCK) *
               access_time(m, g->rhs, bytes) +
           g->weighed * (access_time(m, MODEL_NEAR, bytes) +
                         access_time(m, g->weight, bytes));
}

static double
bytes_or(double bytes, double elements, enum einc_dtype compute)
{
    return bytes > 0 ? bytes : elements * einc_dtype_info(compute)->bytes;
}

static double
gett_memory(const struct machine *m, const struct model_gett *g,
            double threads)
{
    double in = bytes_or(g->lhs_bytes, g->batch * g->m * g->k, g->compute) +
                bytes_or(g->rhs_bytes, g->batch * g->k * g->n, g->compute);
    double out = bytes_or(g->out_bytes, g->batch * g->m * g->n, g->compute);
    enum machine_level l = einc_machine_level(m, in + out);
    return read_time(m, in, l, threads) + write_time(m, out, l, threads);
}

static double
gett_time(const struct machine *m, const struct model_gett *g, double threads)
{
    int packs = g->lhs != MODEL_IN_PLACE || g->rhs != MODEL_IN_PLACE;
    double bytes = einc_dtype_info(g->compute)->bytes;
    double percent = (double)(packs ? m->packed_percent : m->direct_percent);
    double tiles = g->batch * tiles_time(m, g) * 100 / percent / threads;
    double pack = g->batch * pack_time(m, g) / threads;
    double store = g->batch * g->m * g->n * store_time(m, g->out, bytes) /
                   threads;
    double tasks = g->batch * (double)m->task_ns * 1e-3 / threads;
    double memory = gett_memory(m, g, threads);
    /* What is packed is waited for; a kernel that reads in place computes
     * meanwhile. */
    if (packs)
        return tiles + larger(pack + store, memory) + tasks;
    return larger(tiles + store, memory) + tasks;
}

double
einc_model_gett(const struct machine *m, const struct model_gett *g,
                int threads)
{
    if (g->batch < 1 || g->m < 1 || g->n < 1 || g->k < 1)
        return 1e-9 * (double)m->task_ns;
    double alone = gett_time(m, g, 1);
    struct registers r = registers_of(m, g->compute);
    double parts = g->batch * blocks(g->m, 2 * r.rows) *
                   blocks(g->n, 2 * r.vectors * lanes_of(m, g->compute));
    double together = gett_time(m, g, shares(parts, threads)) +
                      (double)m->wake_ns * 1e-3;
    return 1e-6 * smaller(alone, together);
}

int
einc_model_fits_direct(const struct machine *m, const struct model_gett *g)
{
    double bytes = einc_dtype_info(g->compute)->bytes;
    double set = (g->m * g->k + g->k * g->n) * bytes;
    return set <= (double)m->bytes[MACHINE_L2] / 4;
}

/* --- tiny products in lanes --------------------------------------------- */

/* A vector of each element of a record is loaded or stored, and shuffled for
 * every time that the record, or else a vector, can be halved: see
 * codegen/records.h. A shuffle takes as long as two multiply-adds, or three
 * where registers are few. */
static double
turn_operations(const struct machine *m, enum einc_dtype compute,
                double record)
{
    double shuffle = m->registers >= 32 ? 2 : 3, steps = 0;
    for (double n = 1; n < record && n < lanes_of(m, compute); n *= 2)
        steps++;
    return record * (1 + shuffle * steps);
}

/* A vector of each element of a product: multiply-adds, or loads where there
 * are more; sums begin and are stored. A held element is a broadcast. */
static double
lane_operations(const struct machine *m, const struct model_lanes *x)
{
    double planes = is_complex(x->compute) ? 2 : 1;
    double work = x->m * x->n * x->k * planes * planes;
    double loads = (x->m + x->n) * x->k * planes;
    double turn = 0;
    for (int o = 0; o < 3; o++)
        turn += planes * turn_operations(m, x->compute, x->record[o]);
    return larger(work, loads) + 2 * x->m * x->n * planes + turn;
}

static double
lanes_seconds(const struct machine *m, const struct model_lanes *x,
              double threads)
{
    enum { TASK_BYTES = 1 << 18 };
    double own = x->batch * x->length;
    double lhs = x->m * x->k * (x->lhs_held ? x->batch : own);
    double rhs = x->k * x->n * (x->rhs_held ? x->batch : own);
    double in = bytes_or(x->in_bytes, lhs + rhs, x->compute);
    double out = bytes_or(x->out_bytes, x->m * x->n * own, x->compute);
    enum machine_level l = einc_machine_level(m, in + out);
    double memory = read_time(m, in, l, threads) +
                    write_time(m, out, l, threads);
    double vectors = x->batch * blocks(x->length, lanes_of(m, x->compute));
    double work = vectors * lane_operations(m, x) * vector_time(m, x->compute) *
                  100 / (double)m->direct_percent;
    double tasks = larger(x->batch, blocks(in + out, TASK_BYTES));
    return 1e-6 * larger(memory, (work + tasks * (double)m->task_ns * 1e-3) /
                                     threads);
}

double
einc_model_lanes(const struct machine *m, const struct model_lanes *x,
                 int threads)
{
    if (x->batch < 1 || x->length < 1)
        return 1e-9 * (double)m->task_ns;
    double parts = x->batch * blocks(x->length, lanes_of(m, x->compute));
    double together = lanes_seconds(m, x, shares(parts, threads)) +
                      1e-9 * (double)m->wake_ns;
    return smaller(lanes_seconds(m, x, 1), together);
}

/* --- few columns -------------------------------------------------------- */

/* So many vectors of sums as codegen/nest_narrow.c has; to add up the lanes of
 * one takes three operations of its share in those of as many as there are
 * lanes, half as fast as products, and a register tile's time to store. */
static double
narrow_seconds(const struct machine *m, const struct model_narrow *x,
               double threads)
{
    enum { THIN_BYTES = 24 << 10, FOLD = 6 };
    double sums = m->registers >= 32 ? 16 : 8;
    double bytes = einc_dtype_info(x->compute)->bytes;
    double height = blocks(sums + 1, x->columns) - 1;
    double strips = x->batch * blocks(x->rows, height);
    double parts = blocks(x->depth * x->columns * bytes, THIN_BYTES);
    double step = tile_operations(height, x->columns, 1);
    double work = strips * blocks(x->depth, lanes_of(m, x->compute)) * step *
                  100 / (double)m->direct_percent;
    double folds = strips * parts * FOLD * height * x->columns;
    double us = (work + folds) * vector_time(m, x->compute) +
                strips * parts * (double)m->tile_ns * 1e-3;
    double in = x->batch * (x->rows + x->columns) * x->depth * bytes;
    double out = x->batch * x->rows * x->columns * bytes;
    enum machine_level l = einc_machine_level(m, in + out);
    double memory = read_time(m, in, l, threads) +
                    write_time(m, out, l, threads);
    double turn = x->batch * x->columns * x->depth *
                  access_time(m, MODEL_CROSSED, bytes);
    double tasks = x->batch * (double)m->task_ns * 1e-3;
    return 1e-6 * (larger(us / threads, memory) + (turn + tasks) / threads);
}

double
einc_model_narrow(const struct machine *m, const struct model_narrow *x,
                  int threads)
{
    if (x->batch < 1 || x->rows < 1 || x->columns < 1 || x->depth < 1)
        return 1e-9 * (double)m->task_ns;
    double parts = x->batch * blocks(x->rows, 64);
    double together = narrow_seconds(m, x, shares(parts, threads)) +
                      1e-9 * (double)m->wake_ns;
    return smaller(narrow_seconds(m, x, 1), together);
}

/* --- streams ------------------------------------------------------------ */

/* Reading one tensor: what comes from where all of it is, and what is read
 * again from where it stays meanwhile. */
struct reading {
    double memory, cache;
};

static struct reading
read_tensor(const struct machine *m, const struct model_stream_tensor *x,
            enum machine_level all, double threads)
{
    const double us = 1e-6;
    struct reading r = {.memory = read_time(m, x->bytes, all, threads)};
    if (x->lane == MODEL_STRIDED) {
        enum machine_level l = einc_machine_level(
            m, x->set_bytes > 0 ? x->set_bytes : x->spread_bytes);
        double ps = (double)(l <= MACHINE_L2 ? m->gather_near_ps
                                             : m->gather_far_ps);
        r.cache = us * ps * x->loads / threads;
    } else if (x->set_bytes > 0) {
        enum machine_level l = einc_machine_level(m, x->set_bytes);
        r.cache = read_time(m, x->loads * x->element_bytes, l, threads);
    }
    return r;
}

static double
stream_percent(const struct machine *m, const struct model_stream *s)
{
    double in = 0;
    for (int o = 0; o < s->n_in; o++)
        in += s->in[o].bytes;
    if (s->turned)
        return (double)m->turned_percent;
    return (double)(s->out.bytes > 8 * in ? m->fill_percent
                                          : m->stream_percent);
}

/* A vector at a time: loads, n - 1 products and a sum. */
static double
lanes_time(const struct machine *m, const struct model_stream *s)
{
    double lanes = lanes_of(m, s->compute);
    double planes = is_complex(s->compute) ? 2 : 1;
    double rows = s->points / s->length;
    double vectors = rows * blocks(s->length, lanes);
    double load = lanes * lane_bytes(s->compute) * planes /
                  (double)m->read[MACHINE_L1];
    double work = planes * planes * vector_time(m, s->compute);
    return vectors * s->n_in * larger(load, work);
}

static double
stream_time(const struct machine *m, const struct model_stream *s,
            double threads)
{
    double all = s->out.bytes, memory = 0;
    double cache = lanes_time(m, s) / threads;
    for (int o = 0; o < s->n_in; o++)
        all += s->in[o].bytes;
    enum machine_level l = einc_machine_level(m, all);
    for (int o = 0; o < s->n_in; o++) {
        struct reading r = read_tensor(m, &s->in[o], l, threads);
        memory += r.memory;
        cache += r.cache;
    }
    memory += write_time(m, s->out.bytes, l, threads);
    if (s->out.lane == MODEL_STRIDED)
        cache += 1e-6 * (double)m->store_far_ps * s->out.loads / threads;
    cache += s->runs * (double)m->task_ns * 1e-3 / threads;
    return larger(memory * 100 / stream_percent(m, s), cache);
}

double
einc_model_stream(const struct machine *m, const struct model_stream *s,
                  int threads)
{
    if (s->points < 1 || s->length < 1)
        return 1e-9 * (double)m->task_ns;
    double alone = stream_time(m, s, 1);
    double together = stream_time(m, s, shares(s->tasks, threads)) +
                      (double)m->wake_ns * 1e-3;
    return 1e-6 * smaller(alone, together);
}

/* --- steps: what both families ask -------------------------------------- */

static double
extent_of(const struct plan *p, int x)
{
    return (double)p->canon->indices[x].extent;
}

static int64_t
stride_of(const struct plan *p, int tensor, int x)
{
    return einc_lower_stride(&p->tensors[tensor], x);
}

static double
element_bytes(const struct plan *p, int tensor)
{
    return einc_dtype_info(p->tensors[tensor].dtype)->bytes;
}

static double
tensor_elements(const struct plan *p, int tensor)
{
    return (double)einc_cost_elements(p->canon, &p->tensors[tensor]);
}

static double
tensor_bytes(const struct plan *p, int tensor)
{
    return tensor_elements(p, tensor) * element_bytes(p, tensor);
}

static int
is_unit(int64_t stride)
{
    return stride == 1 || stride == -1;
}

/* An index of the group that the tensor is contiguous along, with a run that
 * is worth one. */
static int
has_run(const struct plan *p, const struct group *g, int tensor)
{
    enum { RUN_BYTES = 16 };
    for (int i = 0; i < g->n; i++)
        if (is_unit(stride_of(p, tensor, g->index[i])) &&
            extent_of(p, g->index[i]) * element_bytes(p, tensor) >= RUN_BYTES)
            return 1;
    return 0;
}

/* --- steps: contractions ------------------------------------------------ */

static enum model_access
packing_of(const struct plan *p, const struct step *s, int tensor,
           const struct group *side)
{
    struct group fastest = {side->index + side->n - 1, 1, 0};
    return side->n && has_run(p, &fastest, tensor) ? MODEL_NEAR
           : has_run(p, &s->k, tensor)             ? MODEL_TURNED
           : has_run(p, side, tensor)              ? MODEL_CROSSED
                                                   : MODEL_FAR;
}

static int
holds_any(const struct plan *p, int tensor, const struct group *g)
{
    for (int i = 0; i < g->n; i++)
        if (stride_of(p, tensor, g->index[i]) != 0)
            return 1;
    return 0;
}

/* As a kernel that packs both operands. */
static struct model_gett
packed_of(const struct plan *p, const struct step *s)
{
    struct model_gett g = {
        .compute = p->graph->compute,
        .batch = (double)s->b.extent, .m = (double)s->m.extent,
        .n = (double)s->n.extent, .k = (double)s->k.extent,
        .lhs = packing_of(p, s, s->in[0], &s->m),
        .rhs = packing_of(p, s, s->in[1], &s->n),
        .out = has_run(p, &s->n, s->out) ? MODEL_NEAR : MODEL_FAR,
        .lhs_bytes = tensor_bytes(p, s->in[0]),
        .rhs_bytes = tensor_bytes(p, s->in[1]),
        .out_bytes = tensor_bytes(p, s->out)};
    if (s->n_in == 3 && g.batch >= 1) {
        const struct group *side = s->weighed ? &s->n : &s->m;
        g.weighed = tensor_elements(p, s->in[s->weighed]) / g.batch;
        g.weight = holds_any(p, s->in[2], side)
                       ? packing_of(p, s, s->in[2], side)
                       : MODEL_IN_PLACE;
        g.lhs_bytes += tensor_bytes(p, s->in[2]);
    }
    return g;
}

/* Packed, with the lane side in place, with both in place. */
static double
contract_time(const struct machine *m, const struct plan *p,
              const struct step *s, int threads)
{
    struct model_gett g = packed_of(p, s);
    double best = einc_model_gett(m, &g, threads);
    if (g.rhs != MODEL_NEAR || s->n_in == 3 || !einc_model_fits_direct(m, &g))
        return best;
    g.rhs = MODEL_IN_PLACE;
    best = smaller(best, einc_model_gett(m, &g, threads));
    g.lhs = MODEL_IN_PLACE;
    return smaller(best, einc_model_gett(m, &g, threads));
}

/* --- steps: few columns ------------------------------------------------- */

/* Whether operand o can be the tall one, with its rows along `side`: what the
 * family of that name takes, codegen/nest_narrow.c. */
static int
narrow_of_side(const struct plan *p, const struct step *s, int o,
               const struct group *side, const struct group *across,
               struct model_narrow *x)
{
    enum { COLUMNS = 8 };
    double rows = 1;
    if (s->k.n != 1 || stride_of(p, s->in[o], s->k.index[0]) != 1 ||
        across->extent > COLUMNS)
        return 0;
    for (int i = 0; i < side->n; i++)
        rows = larger(rows, extent_of(p, side->index[i]));
    *x = (struct model_narrow){
        p->graph->compute, (double)s->b.extent * (double)side->extent / rows,
        rows, (double)across->extent, (double)s->k.extent};
    return 1;
}

/* COST_MAX if no such kernel can do the step. */
static double
narrow_time(const struct machine *m, const struct plan *p,
            const struct step *s, int threads)
{
    enum einc_dtype t = p->graph->compute;
    const struct group *const side[] = {&s->m, &s->n};
    struct model_narrow x;
    double best = COST_MAX;
    int native = (t == EINC_F32 || t == EINC_F64) && s->n_in == 2 &&
                 p->tensors[s->in[0]].dtype == t &&
                 p->tensors[s->in[1]].dtype == t &&
                 p->tensors[s->out].dtype == t;
    for (int o = 0; o < 2; o++)
        if (native && m->vector_bytes &&
            narrow_of_side(p, s, o, side[o], side[!o], &x))
            best = smaller(best, einc_model_narrow(m, &x, threads));
    return best;
}

/* --- steps: tiny products in lanes -------------------------------------- */

/* What the family of that name takes: codegen/nest_lanes.c. */
enum { LANES_SIDE = 16, LANES_DEPTH = 16, LANES_POINTS = 512,
       LANES_BYTES = 16, LANES_RECORD = 16 };

/* Axis a of a tensor is along elements of one product: not along the lane, nor
 * along what both operands and out hold. */
static int
is_inside(const struct plan *p, const struct step *s, int tensor, int a,
          int lane)
{
    int x = p->tensors[tensor].axes[a].index;
    int all = stride_of(p, s->in[0], x) && stride_of(p, s->in[1], x) &&
              stride_of(p, s->out, x);
    return x != lane && stride_of(p, tensor, x) && !all;
}

/* Elements from one position of the lane to the next if those of one product
 * fill them; else 0. */
static double
record_of(const struct plan *p, const struct step *s, int tensor, int lane)
{
    const struct plan_tensor *t = &p->tensors[tensor];
    int64_t size = stride_of(p, tensor, lane), reach = 1;
    int left = 0, a = 0;
    for (int i = 0; i < t->n_axes; i++)
        left += is_inside(p, s, tensor, i, lane);
    while (a < t->n_axes && left > 0 && reach < size)
        if (t->axes[a].stride == reach && is_inside(p, s, tensor, a, lane)) {
            reach *= p->canon->indices[t->axes[a].index].extent;
            left--;
            a = 0;
        } else {
            a++;
        }
    return size >= 2 && size <= LANES_RECORD && left == 0 && reach == size
               ? (double)size
               : 0;
}

/* Free index x runs in the lanes of out and of an operand, and lies across
 * neither but by a record. */
static int
may_be_lane(const struct plan *p, const struct step *s, int x)
{
    const int all[] = {s->in[0], s->in[1], s->out};
    int held = 0;
    for (int o = 0; o < 3; o++) {
        int64_t stride = stride_of(p, all[o], x);
        int runs = stride == 1 || record_of(p, s, all[o], x) > 0;
        if (!runs && (o == 2 || stride != 0))
            return 0;
        held |= runs && o < 2;
    }
    return held;
}

/* A reduction has all free indices in one group. */
static int
longest_lane(const struct plan *p, const struct step *s)
{
    const struct group *const free[] = {&s->b, &s->m, &s->n};
    int best = -1;
    for (int r = 0; r < (s->kind == STEP_CONTRACT ? 3 : 1); r++)
        for (int i = 0; i < free[r]->n; i++) {
            int x = free[r]->index[i];
            if (may_be_lane(p, s, x) &&
                (best < 0 || extent_of(p, x) > extent_of(p, best)))
                best = x;
        }
    return best;
}

/* Rows are what the first operand alone holds, columns what the second one
 * does. */
static void
add_free(const struct plan *p, const struct step *s, const struct group *g,
         int lane, struct model_lanes *x)
{
    for (int i = 0; i < g->n; i++) {
        int j = g->index[i];
        double *to = !stride_of(p, s->in[1], j)   ? &x->m
                     : !stride_of(p, s->in[0], j) ? &x->n
                                                  : &x->batch;
        if (j != lane)
            *to *= extent_of(p, j);
    }
}

/* 0 if no such kernel can do the step. */
static int
lanes_of_step(const struct plan *p, const struct step *s,
              struct model_lanes *x)
{
    enum einc_dtype compute = p->graph->compute;
    double bytes = einc_dtype_info(compute)->bytes;
    int native = s->n_in == 2 && compute != EINC_BOOL &&
                 element_bytes(p, s->in[0]) == bytes &&
                 element_bytes(p, s->in[1]) == bytes &&
                 element_bytes(p, s->out) == bytes;
    int lane = native ? longest_lane(p, s) : -1;
    if (lane < 0)
        return 0;
    *x = (struct model_lanes){
        compute, 1, 1, 1, (double)s->k.extent, extent_of(p, lane),
        !stride_of(p, s->in[0], lane), !stride_of(p, s->in[1], lane),
        {record_of(p, s, s->in[0], lane), record_of(p, s, s->in[1], lane),
         record_of(p, s, s->out, lane)},
        tensor_bytes(p, s->in[0]) + tensor_bytes(p, s->in[1]),
        tensor_bytes(p, s->out)};
    add_free(p, s, &s->b, lane, x);
    if (s->kind == STEP_CONTRACT) {
        add_free(p, s, &s->m, lane, x);
        add_free(p, s, &s->n, lane, x);
    }
    int turns = x->record[0] + x->record[1] + x->record[2] > 0;
    return x->length * bytes >= LANES_BYTES && x->m <= LANES_SIDE &&
           x->n <= LANES_SIDE && x->k <= LANES_DEPTH &&
           (turns || (x->k >= 2 && x->m * x->n >= 2)) &&
           x->m * x->n * x->k <= LANES_POINTS;
}

/* --- steps: streams ----------------------------------------------------- */

/* The loops of a stream around its lanes, outermost first: the free indices,
 * then the summed ones, without the lane's. */
static int
loop_at(const struct step *s, int i)
{
    return i < s->b.n ? s->b.index[i] : s->k.index[i - s->b.n];
}

static int
holds(const struct plan *p, int tensor, int x)
{
    return stride_of(p, tensor, x) != 0;
}

/* Bytes of a tensor that the loops inside of the outermost one it does not
 * hold go through: read again each time that one goes on. 0: it holds all. */
static double
set_bytes(const struct plan *p, const struct step *s, int tensor, int lane)
{
    double set = element_bytes(p, tensor);
    int n = s->b.n + s->k.n, first = 0;
    while (first < n && (loop_at(s, first) == lane ||
                         holds(p, tensor, loop_at(s, first))))
        first++;
    if (first == n)
        return 0;
    for (int i = first; i < n; i++)
        if (loop_at(s, i) != lane && holds(p, tensor, loop_at(s, i)))
            set *= extent_of(p, loop_at(s, i));
    return lane >= 0 && holds(p, tensor, lane) ? set * extent_of(p, lane)
                                               : set;
}

/* Least distance between elements along any index, in elements. */
static double
least_stride(const struct plan_tensor *t)
{
    double least = 0;
    for (int i = 0; i < t->n_axes; i++) {
        double d = t->axes[i].stride < 0 ? -(double)t->axes[i].stride
                                         : (double)t->axes[i].stride;
        if (d > 0 && (least == 0 || d < least))
            least = d;
    }
    return larger(least, 1);
}

enum { LINE = 64, PAGE = 4096 };

/* Elements that lie apart bring what lies between them, up to `most` bytes. */
static double
touched_bytes(const struct plan *p, int tensor, double most)
{
    double size = element_bytes(p, tensor);
    double apart = least_stride(&p->tensors[tensor]) * size;
    return tensor_bytes(p, tensor) * smaller(apart, larger(most, size)) / size;
}

static struct model_stream_tensor
stream_tensor(const struct plan *p, const struct step *s, int tensor,
              int lane, const struct model_stream *w)
{
    int64_t stride = lane < 0 ? 0 : stride_of(p, tensor, lane);
    struct model_stream_tensor x = {
        .lane = stride == 0       ? MODEL_HELD
                : is_unit(stride) ? MODEL_RUN
                                  : MODEL_STRIDED,
        .bytes = touched_bytes(p, tensor, LINE),
        .spread_bytes = touched_bytes(p, tensor, PAGE),
        .loads = stride == 0 ? w->points / w->length : w->points,
        .element_bytes = element_bytes(p, tensor)};
    x.set_bytes = set_bytes(p, s, tensor, lane);
    return x;
}

static int
is_summed(const struct step *s, int x)
{
    for (int i = 0; i < s->k.n; i++)
        if (s->k.index[i] == x)
            return 1;
    return 0;
}

/* Index `x` of a tensor is where another of the same step has its run. */
static int
turns(const struct plan *p, const struct step *s, int lane)
{
    const struct plan_tensor *in = &p->tensors[s->in[0]];
    if (s->k.n || s->n_in != 1 || lane < 0 ||
        !is_unit(stride_of(p, s->out, lane)))
        return 0;
    for (int i = 0; i < in->n_axes; i++)
        if (is_unit(in->axes[i].stride) && in->axes[i].index != lane)
            return holds(p, s->out, in->axes[i].index);
    return 0;
}

_Static_assert((int)MODEL_MAX_IN >= (int)MAX_STEP_IN, "inputs of a step");

/* A stream with its lanes along index `lane`, -1 for none. */
static struct model_stream
stream_of(const struct plan *p, const struct step *s, int lane)
{
    enum { TASK_BYTES = 256 };
    double free = (double)s->b.extent, sums = (double)s->k.extent;
    struct model_stream w = {.compute = p->graph->compute,
                             .points = free * sums,
                             .length = lane < 0 ? 1 : extent_of(p, lane),
                             .n_in = s->n_in};
    double part = TASK_BYTES / lane_bytes(w.compute);
    w.tasks = free;
    w.runs = w.points / w.length;
    if (lane >= 0 && !is_summed(s, lane))
        w.runs = w.tasks = free / w.length * blocks(w.length, part);
    for (int o = 0; o < s->n_in; o++)
        w.in[o] = stream_tensor(p, s, s->in[o], lane, &w);
    w.out = stream_tensor(p, s, s->out, lane, &w);
    w.out.loads = free;
    if (w.out.lane == MODEL_HELD) /* a store per sum */
        w.out.lane = MODEL_RUN;
    w.turned = turns(p, s, lane);
    if (w.turned) {
        w.in[0].lane = MODEL_RUN;
        w.runs = w.tasks /= part; /* blocks of both runs */
    }
    return w;
}

/* The lanes run along whatever index is best: one that some tensor is
 * contiguous along, or the last of all. */
static double
pass_time(const struct machine *m, const struct plan *p,
          const struct step *s, int threads)
{
    int n = s->b.n + s->k.n;
    if (s->b.extent < 1 || s->k.extent < 1) /* then n has no bound */
        return 1e-9 * (double)m->task_ns;
    int last = n ? loop_at(s, n - 1) : -1; /* -1: scalars */
    struct model_stream w = stream_of(p, s, last);
    double best = einc_model_stream(m, &w, threads);
    for (int i = 0; i + 1 < n; i++) {
        int x = loop_at(s, i), unit = is_unit(stride_of(p, s->out, x));
        for (int o = 0; o < s->n_in && !unit; o++)
            unit = is_unit(stride_of(p, s->in[o], x));
        if (!unit)
            continue;
        w = stream_of(p, s, x);
        best = smaller(best, einc_model_stream(m, &w, threads));
    }
    return best;
}

/* --- steps: sums within sums -------------------------------------------- */

static void
ask_tensor(const struct plan *p, int tensor, const int *index, int n,
           struct nested_tensor *t)
{
    t->bytes = einc_dtype_info(p->tensors[tensor].dtype)->bytes;
    for (int j = 0; j < n; j++) {
        t->stride[j] = stride_of(p, tensor, index[j]);
        if (t->stride[j])
            t->holds |= 1u << j;
    }
}

static int
is_real(enum einc_dtype t)
{
    return t == EINC_F32 || t == EINC_F64 || t == EINC_I32 || t == EINC_I64;
}

/* 0 if a kernel of this kind cannot do it. */
static int
ask(const struct plan *p, const struct step *s, struct nested_sum *q)
{
    int index[NESTED_MAX_IDX], n = 0;
    unsigned held = 0;
    *q = (struct nested_sum){.compute = p->graph->compute, .n_in = s->n_in};
    if (s->kind != STEP_REDUCE || !is_real(q->compute) || s->k.n == 0 ||
        s->b.n + s->k.n > NESTED_MAX_IDX || s->n_in > NESTED_MAX_IN)
        return 0;
    for (int i = 0; i < s->b.n + s->k.n; i++) {
        index[n] = loop_at(s, i);
        q->extent[n] = extent_of(p, index[n]);
        if (q->extent[n] < 2 || !p->canon->indices[index[n]].fixed)
            return 0;
        if (i >= s->b.n)
            q->summed |= 1u << n;
        n++;
    }
    q->n_idx = n;
    for (int o = 0; o < s->n_in; o++) {
        ask_tensor(p, s->in[o], index, n, &q->in[o]);
        held |= q->in[o].holds;
        if (p->tensors[s->in[o]].dtype != q->compute)
            return 0;
    }
    ask_tensor(p, s->out, index, n, &q->out);
    return !(q->summed & ~held);
}

double
einc_model_nested(const struct machine *m, const struct plan *p, int step)
{
    struct nested_sum q;
    struct nested x;
    if (!ask(p, &p->steps[step], &q) || !einc_nested_choose(m, &q, &x))
        return -1;
    return x.seconds;
}

/* Of three operands and more; two are a stream's business. */
static double
nested_time(const struct machine *m, const struct plan *p, int step,
            int threads)
{
    const struct step *s = &p->steps[step];
    double alone = s->n_in < 3 ? -1 : einc_model_nested(m, p, step);
    if (alone < 0)
        return COST_MAX;
    double together = alone / shares((double)s->b.extent, threads) +
                      1e-9 * (double)m->wake_ns;
    return smaller(alone, together);
}

/* --- plans -------------------------------------------------------------- */

double
einc_model_step(const struct machine *m, const struct plan *p, int step,
                int threads)
{
    const struct step *s = &p->steps[step];
    struct model_lanes x;
    threads = threads < 1 ? 1 : threads;
    double t = s->kind == STEP_CONTRACT
                   ? smaller(contract_time(m, p, s, threads),
                             narrow_time(m, p, s, threads))
                   : pass_time(m, p, s, threads);
    if (lanes_of_step(p, s, &x))
        t = smaller(t, einc_model_lanes(m, &x, threads));
    return smaller(t, nested_time(m, p, step, threads));
}

double
einc_model_packed(const struct machine *m, const struct plan *p, int step,
                  int threads)
{
    struct model_gett g = packed_of(p, &p->steps[step]);
    return einc_model_gett(m, &g, threads < 1 ? 1 : threads);
}

double
einc_model_pass(const struct machine *m, const struct plan *p, int step,
                int threads)
{
    return pass_time(m, p, &p->steps[step], threads < 1 ? 1 : threads);
}

double
einc_model_plan(const struct machine *m, const struct plan *p, int threads)
{
    double sum = 1e-9 * (double)m->call_ns;
    for (int s = 0; s < p->n_steps; s++)
        sum += einc_model_step(m, p, s, threads);
    return sum;
}

double
einc_model_loops(const struct machine *m, enum einc_dtype compute,
                 double flop, double bytes, int threads)
{
    double n = threads < 1 ? 1 : threads;
    double arithmetic =
        flop / ((double)m->peak[einc_machine_type(compute)] * n);
    double memory = read_time(m, bytes, einc_machine_level(m, bytes), n);
    return 1e-6 * larger(arithmetic, memory);
}

int64_t
einc_model_ns(double seconds)
{
    double ns = seconds * 1e9;
    int64_t scale = 1;
    if (!(ns < 9e18)) /* 285 years and more */
        return INT64_C(9000000000000000000);
    while (ns >= 1000 * (double)scale)
        scale *= 10;
    return (int64_t)(ns / (double)scale + 0.5) * scale;
}

/* SPDX-License-Identifier: MIT
 *
 * interp.c - a step as loops over strided tensors. The indices of the step
 * become loops, free ones and summed ones; extents of 1 are dropped, loops
 * whose strides chain are fused. One loop becomes the lanes: up to LANES
 * values of it at a time have an accumulator each, so that the work is in
 * tight loops over short arrays. Lanes of a free loop are elements of the
 * output; lanes of a summed loop are partial sums of one element, added
 * pairwise at the end. interp_loop.inc holds what depends on the compute
 * type.
 *
 * A task is some positions of the free loops. No sum is ever cut, so any
 * split among threads gives the same bits.
 *
 * A lane sums runs of RUN terms, then the sums of the runs: the error grows
 * with RUN + terms / RUN and not with the terms. Compensated sums keep beside
 * each lane what the last addition rounded away.
 */
#include "runtime/interp.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "base/half.h"

enum {
    LANES = 64,
    RUN = 256,
    MAX_IN = 8,     /* a step of more operands takes the slow block_many() */
    OUT = MAX_IN,   /* where the output's stride is */
    MAX_LOOPS = 64, /* of extent 2 and more: beyond them lie 2^64 terms */
    GRAIN = 32768   /* products per task, about: 10 us */
};

struct loop {
    int64_t extent;
    int64_t stride[MAX_IN + 1]; /* bytes, by operand of the step, then OUT */
    int index;                  /* in the canonical graph; of the last, if
                                 * fused */
};

/* How the operands lie along the lanes, where they are stored in the compute
 * type; LIE_ANY is every other case. */
enum lie {
    LIE_ANY,
    LIE_UNIT,       /* one operand, neighbours */
    LIE_STRIDE,     /* one operand */
    LIE_FIRST_ONE,  /* two: the first does not move, the second is unit */
    LIE_SECOND_ONE, /* two: the other way round */
    LIE_UNITS,      /* two, both unit */
    LIE_STRIDES     /* two */
};

/* `n` times `lanes` products, from where `offset` bytes lead. */
struct strip {
    int64_t n;
    int lanes; /* 0: as many as the block has */
    int64_t offset[MAX_IN];
    int64_t stride[MAX_IN]; /* bytes from one time to the next */
};

struct job;

/* Computes up to LANES elements of the output, or one where the lanes are
 * summed: those at the free position `at`, to which `in` and `out` point. */
typedef void block_fn(const struct job *j, const int64_t at[],
                      const char *const in[], char *out, int lanes);

/* One step, ready to run. Not all of it is ever set: it lies on the stack,
 * and to clear it would take longer than a small product. */
struct job {
    const struct plan *plan;
    const struct step *step;
    void *const *tensor;
    block_fn *block;
    enum lie lie;
    enum einc_dtype in_type[MAX_IN], out_type;
    int in_size[MAX_IN], out_size; /* bytes of an element */
    int is_native;        /* all operands are stored in the compute type */
    int is_many;          /* more than MAX_IN operands */
    int n_in;             /* operands with pointers: 0 for block_many() and
                           * where nothing is read, for an empty sum */
    int n_free, n_sum, n_strips;
    int lane_is_sum;
    int block_loop;       /* the free loop over blocks of lanes, or -1 */
    int is_sum;           /* some index is summed, of whatever extent */
    int is_empty_sum;     /* one of them has extent 0 */
    int is_short;         /* all terms are one run of the first strip */
    int is_compensated;   /* sums keep what rounding takes from them */
    int run;              /* terms in a run */
    int64_t positions;    /* of the free loops */
    int64_t grain;        /* positions per task */
    int64_t n_tasks;
    const void *alpha, *beta;
    struct loop lane;     /* extent 1 where no loop is left */
    struct strip strips[2];
    struct loop free[MAX_LOOPS + 1], sum[MAX_LOOPS + 1]; /* slowest first */
};

static inline int64_t
smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int
bytes_of(enum einc_dtype t)
{
    return einc_dtype_info(t)->bytes;
}

/* Counts up an odometer of `n` loops, the last the fastest, and moves the
 * pointers along; 0 after the last position, when all stand at the start. */
static inline int
advance(const struct loop loops[], int n, int n_in, int64_t at[],
        const char *in[], char **out)
{
    for (int i = n - 1; i >= 0; i--) {
        const struct loop *x = &loops[i];
        int64_t by = ++at[i] < x->extent ? 1 : 1 - x->extent;
        for (int o = 0; o < n_in; o++)
            in[o] += by * x->stride[o];
        if (out)
            *out += by * x->stride[OUT];
        if (by == 1)
            return 1;
        at[i] = 0;
    }
    return 0;
}

/* How far one of many operands is from its first element where the free loops
 * stand at `at` and the summed ones at `k`. An index of extent 1 has no loop
 * and its value is 0. */
static int64_t
many_offset(const struct job *j, const struct plan_tensor *t,
            const int64_t at[], const int64_t k[])
{
    int64_t offset = 0;
    for (int a = 0; a < t->n_axes; a++) {
        for (int i = 0; i < j->n_free; i++)
            if (j->free[i].index == t->axes[a].index)
                offset += at[i] * t->axes[a].stride;
        for (int i = 0; i < j->n_sum; i++)
            if (j->sum[i].index == t->axes[a].index)
                offset += k[i] * t->axes[a].stride;
    }
    return offset * bytes_of(t->dtype);
}

/* --- what depends on the compute type ----------------------------------- */

struct pair32 {
    float re, im;
};

struct pair64 {
    double re, im;
};

/* Any byte but 0 is taken as 1, and 1 is written. */
#define T uint8_t
#define NAME(f) f##_bool
#define ZERO 0
#define COPY_ZERO 0
#define ADD(a, b) ((uint8_t)((a) | ((b) != 0)))
#define MUL(a, b) ((uint8_t)(((a) != 0) & ((b) != 0)))
#define SCALE(a, factor) ((uint8_t)((a) && (factor)))
#define OF_INT(v) ((uint8_t)((v) != 0))
#define WHOLE(v) (v)
#define REAL_OF(v) ((float)(v))
#include "runtime/interp_loop.inc"

#define T uint32_t
#define NAME(f) f##_i32
#define ZERO 0
#define COPY_ZERO 0
#define ADD(a, b) ((a) + (b))
#define MUL(a, b) ((a) * (b))
#define SCALE(a, factor) ((a) * (uint32_t)(factor))
#define OF_INT(v) ((uint32_t)(v))
#define WHOLE(v) ((int32_t)(v))
#define REAL_OF(v) ((double)(int32_t)(v))
#include "runtime/interp_loop.inc"

#define T uint64_t
#define NAME(f) f##_i64
#define ZERO 0
#define COPY_ZERO 0
#define ADD(a, b) ((a) + (b))
#define MUL(a, b) ((a) * (b))
#define SCALE(a, factor) ((a) * (uint64_t)(factor))
#define OF_INT(v) ((uint64_t)(v))
#define WHOLE(v) (v)
#define REAL_OF(v) ((double)(int64_t)(v))
#include "runtime/interp_loop.inc"

/* A product that is not summed is added to -0, to which even -0 can be added
 * without a change. */
#define T float
#define REAL float
#define NAME(f) f##_f32
#define ZERO 0
#define COPY_ZERO -0.0f
#define ADD(a, b) ((a) + (b))
#define MUL(a, b) ((a) * (b))
#define SCALE(a, factor) ((a) * (float)(factor))
#define OF_INT(v) ((float)(v))
#define OF_REAL(v) ((float)(v))
#define REAL_OF(v) (v)
#include "runtime/interp_loop.inc"

#define T double
#define REAL double
#define NAME(f) f##_f64
#define ZERO 0
#define COPY_ZERO -0.0
#define ADD(a, b) ((a) + (b))
#define MUL(a, b) ((a) * (b))
#define SCALE(a, factor) ((a) * (double)(factor))
#define OF_INT(v) ((double)(v))
#define OF_REAL(v) ((double)(v))
#define REAL_OF(v) (v)
#include "runtime/interp_loop.inc"

#define T struct pair32
#define PART float
#define NAME(f) f##_c64
#include "runtime/interp_loop.inc"

#define T struct pair64
#define PART double
#define NAME(f) f##_c128
#include "runtime/interp_loop.inc"

static void
pick_block(struct job *j, enum einc_dtype compute)
{
    static const struct {
        block_fn *block, *many;
    } rows[] = {
        [EINC_BOOL] = {block_bool, block_many_bool},
        [EINC_I32] = {block_i32, block_many_i32},
        [EINC_I64] = {block_i64, block_many_i64},
        [EINC_F32] = {block_f32, block_many_f32},
        [EINC_F64] = {block_f64, block_many_f64},
        [EINC_C64] = {block_c64, block_many_c64},
        [EINC_C128] = {block_c128, block_many_c128},
    };
    assert((size_t)compute < sizeof rows / sizeof *rows &&
           rows[compute].block);
    j->block = j->is_many ? rows[compute].many : rows[compute].block;
}

/* --- from indices to loops ---------------------------------------------- */

static int64_t
stride_of(const struct plan_tensor *t, int index, int size)
{
    for (int a = 0; a < t->n_axes; a++)
        if (t->axes[a].index == index)
            return t->axes[a].stride * size;
    return 0;
}

/* Whether the last two loops are one: a step of the outer is all steps of the
 * inner one, for every operand. */
static int
chains(const struct job *j, const struct loop *outer, const struct loop *inner)
{
    if (outer->stride[OUT] != inner->stride[OUT] * inner->extent)
        return 0;
    for (int o = 0; o < j->n_in; o++)
        if (outer->stride[o] != inner->stride[o] * inner->extent)
            return 0;
    return 1;
}

/* Appends the loops of one group to the `n` that are there, each fused with
 * the one before it where that can be; returns how many there are now.
 * block_many() finds its operands by index and gets all loops apart. */
static int
push_group(const struct job *j, struct loop loops[], int n,
           const struct group *g)
{
    const struct plan_tensor *t = j->plan->tensors;
    const struct step *s = j->step;
    for (int i = 0; i < g->n; i++) {
        struct loop *x = &loops[n];
        int64_t fused;
        x->index = g->index[i];
        x->extent = j->plan->canon->indices[x->index].extent;
        if (x->extent <= 1)
            continue;
        assert(n < MAX_LOOPS);
        for (int o = 0; o < j->n_in; o++)
            x->stride[o] = stride_of(&t[s->in[o]], x->index, j->in_size[o]);
        x->stride[OUT] = stride_of(&t[s->out], x->index, j->out_size);
        if (n > 0 && !j->is_many && chains(j, x - 1, x) &&
            !__builtin_mul_overflow(x[-1].extent, x->extent, &fused)) {
            x[-1] = *x;
            x[-1].extent = fused;
        } else {
            n++;
        }
    }
    return n;
}

static void
list_loops(struct job *j)
{
    const struct step *s = j->step;
    j->n_free = push_group(j, j->free, 0, &s->b);
    j->n_free = push_group(j, j->free, j->n_free, &s->m);
    j->n_free = push_group(j, j->free, j->n_free, &s->n);
    j->is_sum = s->k.n > 0;
    j->is_empty_sum = s->k.extent == 0;
    j->n_sum = j->is_empty_sum ? 0 : push_group(j, j->sum, 0, &s->k);
}

/* --- the lanes ---------------------------------------------------------- */

/* floor(log2(x)) for x >= 1. */
static int
log2_of(int64_t x)
{
    return 63 - __builtin_clzll((unsigned long long)x);
}

/* What a product costs, about, with lanes along this loop: 64 for an operand
 * that is read in order, three times that for one that is not, and the start
 * of the lanes, the write of the output or the sum of the lanes, each shared
 * by as many products as it serves. `log_terms`: of the summed loops. */
static int
lane_cost(const struct job *j, const struct loop *x, int is_sum,
          int log_terms)
{
    int cost = 0, log_lanes = log2_of(smaller(x->extent, LANES));
    for (int o = 0; o < j->n_in; o++)
        if (x->stride[o])
            cost += x->stride[o] == j->in_size[o] ? 64 : 192;
    int once = x->stride[OUT] == j->out_size ? 64 : 192;
    if (is_sum) /* one write, but the lanes are summed */
        once = 64 << log_lanes;
    return cost + (256 >> log_lanes) + (once >> smaller(log_terms, 8));
}

static void
remove_loop(struct loop loops[], int *n, int i)
{
    --*n;
    memmove(&loops[i], &loops[i + 1], (size_t)(*n - i) * sizeof *loops);
}

static void
pick_lane(struct job *j)
{
    int best = -1, best_cost = 0, log_terms = 0;
    for (int i = 0; i < j->n_sum; i++)
        log_terms += log2_of(j->sum[i].extent);
    for (int i = 0; i < j->n_free + j->n_sum; i++) {
        int is_sum = i >= j->n_free;
        const struct loop *x = is_sum ? &j->sum[i - j->n_free] : &j->free[i];
        int cost = lane_cost(j, x, is_sum, log_terms);
        if (best < 0 || cost <= best_cost) {
            best = i;
            best_cost = cost;
        }
    }
    j->lane_is_sum = best >= j->n_free;
    if (best < 0) {
        j->lane.extent = 1;
        memset(j->lane.stride, 0, sizeof j->lane.stride);
        j->lane_is_sum = 0;
    } else if (j->lane_is_sum) {
        j->lane = j->sum[best - j->n_free];
        remove_loop(j->sum, &j->n_sum, best - j->n_free);
    } else {
        j->lane = j->free[best];
        remove_loop(j->free, &j->n_free, best);
    }
}

static enum lie
lie_of(const struct job *j)
{
    const int64_t *s = j->lane.stride;
    const int64_t unit = bytes_of(j->plan->graph->compute);
    if (!j->is_native || j->n_in < 1 || j->n_in > 2)
        return LIE_ANY;
    if (j->n_in == 1)
        return s[0] == unit ? LIE_UNIT : LIE_STRIDE;
    if (s[0] == unit && s[1] == unit)
        return LIE_UNITS;
    if (s[0] == 0 && s[1] == unit)
        return LIE_FIRST_ONE;
    return s[1] == 0 && s[0] == unit ? LIE_SECOND_ONE : LIE_STRIDES;
}

/* Lanes of a free loop: a loop over its blocks takes its place. Where a sum
 * follows it is the slowest, so that the operand that runs along the lanes is
 * read again from the cache for every position of the others; else it is the
 * fastest, so that the output is written in order. */
static void
block_lanes(struct job *j)
{
    j->block_loop = -1;
    if (j->lane.extent <= LANES || j->lane_is_sum)
        return;
    int to = j->n_sum ? 0 : j->n_free;
    memmove(&j->free[to + 1], &j->free[to],
            (size_t)(j->n_free - to) * sizeof *j->free);
    struct loop *x = &j->free[to];
    x->extent = (j->lane.extent - 1) / LANES + 1;
    for (int o = 0; o < j->n_in; o++)
        x->stride[o] = j->lane.stride[o] * LANES;
    x->stride[OUT] = j->lane.stride[OUT] * LANES;
    j->block_loop = to;
    j->n_free++;
}

static void
add_strip(struct job *j, int64_t n, int lanes, int64_t from)
{
    struct strip *s = &j->strips[j->n_strips++];
    s->n = n;
    s->lanes = lanes;
    for (int o = 0; o < j->n_in; o++) {
        s->offset[o] = j->lane.stride[o] * from;
        s->stride[o] = j->lane.stride[o] * LANES;
    }
}

/* The innermost loop of the sum, as strips. With summed lanes these are the
 * whole blocks of them, then the rest; else the fastest summed loop, if any,
 * is the one strip. */
static void
cut_strips(struct job *j)
{
    int64_t whole = j->lane.extent / LANES;
    int left = (int)(j->lane.extent % LANES);
    j->n_strips = 0;
    if (j->lane_is_sum) {
        if (whole)
            add_strip(j, whole, LANES, 0);
        if (left)
            add_strip(j, 1, left, whole * LANES);
        return;
    }
    add_strip(j, 1, 0, 0);
    if (j->n_sum == 0)
        return;
    const struct loop *x = &j->sum[--j->n_sum];
    j->strips[0].n = x->extent;
    for (int o = 0; o < j->n_in; o++)
        j->strips[0].stride[o] = x->stride[o];
}

/* --- the step ----------------------------------------------------------- */

static int64_t
times(int64_t a, int64_t b)
{
    int64_t c;
    return __builtin_mul_overflow(a, b, &c) ? INT64_MAX : c;
}

/* Counts the tasks: about GRAIN products in each, or one position. Divides
 * only where there is work that pays for it. */
static void
count_tasks(struct job *j)
{
    int64_t work = smaller(j->lane.extent, LANES);
    j->positions = 1;
    for (int i = 0; i < j->n_free; i++)
        j->positions *= j->free[i].extent;
    for (int i = 0; i < j->n_sum; i++)
        work = times(work, j->sum[i].extent);
    for (int i = 0; i < j->n_strips; i++)
        work = times(work, j->strips[i].n);
    j->n_tasks = 1;
    j->grain = j->positions;
    if (times(work, j->positions) <= GRAIN)
        return;
    j->grain = work < GRAIN ? GRAIN / work : 1;
    j->n_tasks = (j->positions - 1) / j->grain + 1;
}

/* Pool function: tasks [begin, end) of the job. */
static void
run_tasks(void *user, int worker, int64_t begin, int64_t end)
{
    const struct job *j = user;
    const struct step *s = j->step;
    int64_t at[MAX_LOOPS + 1];
    const char *in[MAX_IN];
    char *out = j->tensor[s->out];
    int64_t left = smaller(j->positions, times(end, j->grain));
    int64_t rest = begin * j->grain;
    (void)worker;
    left -= rest;
    for (int o = 0; o < j->n_in; o++)
        in[o] = j->tensor[s->in[o]];
    for (int i = j->n_free - 1; i >= 0; i--) {
        const struct loop *x = &j->free[i];
        at[i] = rest ? rest % x->extent : 0;
        rest = rest ? rest / x->extent : 0;
        for (int o = 0; o < j->n_in; o++)
            in[o] += at[i] * x->stride[o];
        out += at[i] * x->stride[OUT];
    }
    for (; left > 0; left--) {
        int64_t lanes = j->lane.extent;
        if (j->block_loop >= 0)
            lanes -= at[j->block_loop] * LANES;
        j->block(j, at, in, out, (int)smaller(lanes, LANES));
        advance(j->free, j->n_free, j->n_in, at, in, &out);
    }
}

static void
describe_operands(struct job *j)
{
    const struct plan_tensor *t = j->plan->tensors;
    const struct step *s = j->step;
    int bytes = bytes_of(j->plan->graph->compute);
    j->is_native = 1;
    for (int o = 0; o < j->n_in; o++) {
        j->in_type[o] = t[s->in[o]].dtype;
        const struct dtype_info *d = einc_dtype_info(j->in_type[o]);
        j->in_size[o] = d->bytes;
        j->is_native &= d->compute == j->plan->graph->compute &&
                        d->bytes == bytes;
    }
    j->out_type = t[s->out].dtype;
    j->out_size = bytes_of(j->out_type);
}

static void
prepare(struct job *j, const struct plan *p, const struct step *s,
        void *const tensor[])
{
    j->plan = p;
    j->step = s;
    j->tensor = tensor;
    j->is_many = s->n_in > MAX_IN;
    j->n_in = j->is_many || s->k.extent == 0 ? 0 : s->n_in;
    describe_operands(j);
    j->is_compensated = p->graph->summing.how == EINC_SUM_KAHAN &&
                        s->k.n > 0;
    j->run = p->graph->summing.how == EINC_SUM_DIRECT ? INT_MAX : RUN;
    pick_block(j, p->graph->compute);
    list_loops(j);
    j->n_strips = 0;
    j->block_loop = -1;
    j->lane.extent = 1;
    j->lane.stride[OUT] = 0;
    j->lane_is_sum = 0;
    if (!j->is_many) {
        pick_lane(j);
        j->lie = lie_of(j);
        block_lanes(j);
        cut_strips(j);
    }
    j->is_short = !j->is_many && !j->is_empty_sum && !j->lane_is_sum &&
                  j->n_sum == 0 && j->strips->n <= RUN &&
                  !j->is_compensated;
    count_tasks(j);
}

void
einc_interp_step(const struct plan *p, const struct step *s,
                 void *const tensor[], const void *alpha, const void *beta,
                 struct pool *pool, int threads)
{
    struct job j;
    if (s->b.extent == 0 || s->m.extent == 0 || s->n.extent == 0)
        return;
    prepare(&j, p, s, tensor);
    j.alpha = alpha;
    j.beta = beta;
    if (pool && threads > 1 && j.n_tasks > 1)
        einc_pool_run(pool, threads, j.n_tasks, run_tasks, &j);
    else
        run_tasks(&j, 0, 0, j.n_tasks);
}

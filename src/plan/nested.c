/* SPDX-License-Identifier: MIT
 *
 * nested.c - see nested.h. The search: every lane with every order of the
 * summed indices, without a block; the best of those grow one, a value of one
 * index after another, as long as the model finds that better.
 */
#include "plan/nested.h"

#include "plan/cost.h"

enum {
    MAX_ORDERED = 4,  /* summed indices whose orders are all tried */
    MAX_STARTS = 4,   /* of which so many are kept to grow */
    MAX_COPIES = 16,
    MAX_VECTORS = 4,
    MAX_SPLIT = 4,    /* runs that are parted by shuffles */
    LINE_BYTES = 64,
    IN_FLIGHT = 4     /* cycles from one sum to the next in a register */
};

/* --- sets --------------------------------------------------------------- */

int
einc_nested_copies(const struct nested *x, int j)
{
    return j == x->lane ? x->vectors : x->copies[j];
}

/* Values of all indices of a set at a time, lanes not counted. */
static int
count(const struct nested *x, unsigned set)
{
    int n = 1;
    for (unsigned s = set & x->block; s; s &= s - 1)
        n *= einc_nested_copies(x, __builtin_ctz(s));
    return n;
}

unsigned
einc_nested_live(const struct nested_sum *q, const struct nested *x,
                 int level)
{
    unsigned held = 0, live = 0;
    for (int o = 0; o < q->n_in; o++)
        if (x->home[o] >= level)
            held |= q->in[o].holds;
    for (unsigned s = held & x->block; s; s &= s - 1) {
        int j = __builtin_ctz(s), last = x->n_levels - 1;
        int sum = q->summed >> j & 1;
        if (!sum || j == x->lane || x->level[j] < level ||
            (level == last && x->level[j] == last))
            live |= 1u << j;
    }
    return live;
}

int
einc_nested_split(const struct nested_sum *q, const struct nested *x, int o)
{
    const struct nested_tensor *t = &q->in[o];
    if (x->lane < 0 || t->stride[x->lane] < 2 ||
        t->stride[x->lane] > MAX_SPLIT)
        return -1;
    for (int j = 0; j < q->n_idx; j++)
        if (j != x->lane && t->stride[j] == 1 &&
            x->copies[j] == (int)t->stride[x->lane] &&
            q->extent[j] <= x->copies[j])
            return j;
    return -1;
}

/* --- levels ------------------------------------------------------------- */

/* Loops end a level where a tensor has its last summed index. */
static void
find_levels(const struct nested_sum *q, struct nested *x)
{
    int place[NESTED_MAX_IDX] = {0}, ends[NESTED_MAX_IDX] = {0};
    for (int d = 0; d < x->n_loops; d++)
        place[x->loop[d]] = d;
    for (int o = 0; o < q->n_in; o++) {
        int last = -1;
        for (unsigned s = q->in[o].holds & q->summed; s; s &= s - 1)
            if (place[__builtin_ctz(s)] > last)
                last = place[__builtin_ctz(s)];
        x->home[o] = last;
        if (last >= 0)
            ends[last] = 1;
    }
    int level = 0, of[NESTED_MAX_IDX] = {0};
    for (int d = 0; d < x->n_loops; d++) {
        of[d] = x->level[x->loop[d]] = level;
        level += ends[d];
    }
    x->n_levels = level;
    for (int o = 0; o < q->n_in; o++)
        if (x->home[o] >= 0)
            x->home[o] = of[x->home[o]];
}

static double
round_up(double v)
{
    double whole = (double)(int64_t)v;
    return whole < v ? whole + 1 : whole;
}

/* Times that the loop over index j runs. */
static double
trips(const struct nested_sum *q, const struct nested *x, int j)
{
    int step = j == x->lane ? x->vectors * x->lanes : x->copies[j];
    return round_up(q->extent[j] / step);
}

/* --- arithmetic --------------------------------------------------------- */

/* Loads, in half cycles, of what tensor o brings to one turn of its level. */
static double
load_cost(const struct nested_sum *q, const struct nested *x, int o)
{
    const struct nested_tensor *t = &q->in[o];
    double n = count(x, t->holds);
    if (x->lane < 0 || !(t->holds >> x->lane & 1) ||
        t->stride[x->lane] == 1)
        return n;
    return einc_nested_split(q, x, o) >= 0
               ? n * (t->stride[x->lane] == 2 ? 3 : 5)
               : n * x->lanes * 2;
}

/* Products and sums, in half cycles, of one turn of a level: factors meet in
 * pairs, the pair with the fewest products first; the last product is added
 * as it is made. */
static double
level_work(const struct nested_sum *q, const struct nested *x, int level)
{
    unsigned factor[NESTED_MAX_IN + 1] = {0};
    int n = 0;
    double work = 0;
    for (int o = 0; o < q->n_in; o++)
        if (x->home[o] == level)
            factor[n++] = q->in[o].holds & x->block;
    if (level + 1 < x->n_levels)
        factor[n++] = einc_nested_live(q, x, level + 1);
    while (n > 2) {
        int best_a = 0, best_b = 1;
        for (int a = 0; a < n; a++)
            for (int b = a + 1; b < n; b++)
                if (count(x, factor[a] | factor[b]) <
                    count(x, factor[best_a] | factor[best_b])) {
                    best_a = a;
                    best_b = b;
                }
        factor[best_a] |= factor[best_b];
        factor[best_b] = factor[--n];
        work += count(x, factor[best_a]);
    }
    return work + count(x, factor[0] | (n > 1 ? factor[1] : 0));
}

/* Half cycles of one turn of a level, without the levels in it. */
static double
turn(const struct nested_sum *q, const struct nested *x, int level)
{
    double work = level_work(q, x, level), loads = 0;
    int last = level + 1 == x->n_levels;
    for (int o = 0; o < q->n_in; o++)
        if (x->home[o] == level)
            loads += load_cost(q, x, o);
    double most = work > loads ? work : loads;
    if (last)
        return most > 2 * IN_FLIGHT ? most : 2 * IN_FLIGHT;
    /* accumulators are cleared, and the loop within begins and ends */
    enum { BEGIN = 40 };
    return most + count(x, einc_nested_live(q, x, level + 1)) + BEGIN;
}

/* Registers that the innermost level wants. */
static double
registers(const struct nested_sum *q, const struct nested *x)
{
    int last = x->n_levels - 1;
    double all = 0, most = 0;
    for (int o = 0; o < q->n_in; o++) {
        if (x->home[o] != last)
            continue;
        double n = count(x, q->in[o].holds);
        all += n;
        most = n > most ? n : most;
    }
    return count(x, einc_nested_live(q, x, last)) + all - most + 1;
}

/* Microseconds of all arithmetic. */
static double
work_time(const struct machine *m, const struct nested_sum *q,
          const struct nested *x, double vector_us)
{
    double times = 1, halves = 0;
    for (int f = 0; f < x->n_free; f++)
        times = einc_cost_size(times, trips(q, x, x->free[f]));
    double stored = x->lane >= 0 ? x->lanes : 1;
    for (unsigned s = x->block & ~q->summed; s; s &= s - 1)
        stored *= einc_nested_copies(x, __builtin_ctz(s));
    halves += times * (60 + 6 * stored);
    for (int d = 0; d < x->n_loops; d++) {
        times = einc_cost_size(times, trips(q, x, x->loop[d]));
        if (d + 1 == x->n_loops || x->level[x->loop[d + 1]] !=
                                       x->level[x->loop[d]])
            halves += times * turn(q, x, x->level[x->loop[d]]);
    }
    double spill = registers(q, x) - (double)m->registers;
    if (spill > 0)
        halves += times * 2 * spill;
    return halves * vector_us * 100 / (double)m->direct_percent;
}

/* --- memory ------------------------------------------------------------- */

/* The loops, outermost first. */
static int
list_loops(const struct nested *x, int *list)
{
    int n = 0;
    for (int f = 0; f < x->n_free; f++)
        list[n++] = x->free[f];
    for (int d = 0; d < x->n_loops; d++)
        list[n++] = x->loop[d];
    return n;
}

/* Bytes that come from beyond a cache of `cache` bytes for tensor t, about:
 * what a loop comes back to is there if all that happens meanwhile to this
 * tensor fits; lines are whole if their other elements come while they are
 * there. */
static double
traffic(const struct nested_sum *q, const struct nested *x,
        const struct nested_tensor *t, const int *list, int n, double cache)
{
    int run = -1;
    double set = t->bytes, times = 1;
    for (int j = 0; j < q->n_idx; j++)
        if (t->holds >> j & 1) {
            set *= q->extent[j] / trips(q, x, j);
            if (t->stride[j] == 1)
                run = j;
        }
    double whole = t->bytes;
    if (run >= 0)
        whole *= q->extent[run] / trips(q, x, run);
    double waste = whole < LINE_BYTES ? LINE_BYTES / whole : 1;
    for (int i = n - 1; i >= 0; i--) {
        int j = list[i];
        double turns = trips(q, x, j);
        if (t->holds >> j & 1) {
            if (j == run && set * waste <= cache / 2)
                waste = 1;
            set *= turns;
        } else if (set * waste > cache / 2) {
            times *= turns;
        }
    }
    return set * waste * times;
}

static int
innermost_held(const struct nested_sum *q, const struct nested *x,
               const struct nested_tensor *t, const int *list, int n,
               unsigned done)
{
    for (int i = n - 1; i >= 0; i--)
        if (t->holds >> list[i] & 1 && !(done >> list[i] & 1) &&
            trips(q, x, list[i]) > 1)
            return list[i];
    return -1;
}

/* Elements of tensor t that are read in the order of memory before the next
 * jump. */
static double
run_of(const struct nested_sum *q, const struct nested *x,
       const struct nested_tensor *t, const int *list, int n)
{
    double run = 1;
    for (unsigned done = 0;;) {
        int j = 0;
        while (j < q->n_idx && ((double)t->stride[j] != run || done >> j & 1))
            j++;
        if (j == q->n_idx)
            return run;
        if (trips(q, x, j) > 1 && innermost_held(q, x, t, list, n, done) != j)
            return run * q->extent[j] / trips(q, x, j);
        run *= q->extent[j];
        done |= 1u << j;
    }
}

/* Rows of a block: how many streams the tensor comes in, and whether several
 * of them lie in one page, where prefetching knows but one. */
static double
row_cost(const struct nested *x, const struct nested_tensor *t)
{
    enum { PAGE_BYTES = 4096, MOST_STREAMS = 8 };
    double streams = 1, cost = 1;
    for (unsigned s = t->holds & x->block; s; s &= s - 1) {
        int j = __builtin_ctz(s);
        int64_t apart = t->stride[j] < 0 ? -t->stride[j] : t->stride[j];
        if (j == x->lane || apart * t->bytes < LINE_BYTES)
            continue;
        streams *= x->copies[j];
        if (apart * t->bytes < PAGE_BYTES)
            cost = 1.6;
    }
    return streams > MOST_STREAMS ? cost * (1 + (streams - MOST_STREAMS) / 16)
                                  : cost;
}

/* What short runs cost where prefetching must find the next line. With
 * row_cost(), 64 MB in 256 rows of 256 KB, 64 bytes at a time: 13 ms; 16 runs
 * of a KB, 4 to a page: 9; 16 rows: 6.8, 8 rows: 5.6. */
static double
jump_cost(const struct nested_sum *q, const struct nested *x,
          const struct nested_tensor *t, const int *list, int n)
{
    enum { JUMP_BYTES = 128 };
    double run = run_of(q, x, t, list, n) * t->bytes;
    double jumps = JUMP_BYTES / (run > LINE_BYTES ? run : LINE_BYTES);
    return 1 + jumps;
}

/* Microseconds of what comes from beyond level l. */
static double
level_time(const struct machine *m, const struct nested_sum *q,
           const struct nested *x, int l)
{
    int list[NESTED_MAX_IDX], n = list_loops(x, list);
    double bytes = 0, all = 0;
    for (int o = 0; o < q->n_in; o++) {
        const struct nested_tensor *t = &q->in[o];
        all += traffic(q, x, t, list, n, COST_MAX);
        bytes += traffic(q, x, t, list, n, (double)m->bytes[l]) *
                 jump_cost(q, x, t, list, n) *
                 (l == MACHINE_L1 ? 1 : row_cost(x, t));
    }
    if ((int)einc_machine_level(m, all) <= l)
        return 0;
    return bytes / (double)m->read[l + 1] * 100 / (double)m->stream_percent;
}

/* --- the search --------------------------------------------------------- */

static double
vector_us(const struct machine *m, const struct nested_sum *q)
{
    int type = q->compute == EINC_F32   ? MACHINE_F32
               : q->compute == EINC_F64 ? MACHINE_F64
               : q->compute == EINC_I64 ? MACHINE_I64
                                        : MACHINE_I32;
    int bytes = einc_dtype_info(q->compute)->bytes;
    double lanes = m->vector_bytes ? (double)m->vector_bytes / bytes : 1;
    return 2 * lanes / (double)m->peak[type];
}

static void
set_block(const struct nested_sum *q, struct nested *x)
{
    x->block = x->lane >= 0 ? 1u << x->lane : 0;
    for (int j = 0; j < q->n_idx; j++)
        if (x->copies[j] > 1)
            x->block |= 1u << j;
}

static void
evaluate(const struct machine *m, const struct nested_sum *q,
         struct nested *x)
{
    set_block(q, x);
    double work = work_time(m, q, x, vector_us(m, q));
    /* the second level is waited for, the others are read ahead */
    work += level_time(m, q, x, MACHINE_L1) / 2;
    double near = level_time(m, q, x, MACHINE_L2);
    double far = level_time(m, q, x, MACHINE_L3);
    double memory = near > far ? near : far;
    double more = work > memory ? work : memory;
    double less = work > memory ? memory : work;
    x->seconds = 1e-6 * (more + less / 8);
}

/* The tensor with most elements. */
static int
largest(const struct nested_sum *q)
{
    int best = 0;
    double most = -1;
    for (int o = 0; o < q->n_in; o++) {
        double n = 1;
        for (unsigned s = q->in[o].holds; s; s &= s - 1)
            n = einc_cost_size(n, q->extent[__builtin_ctz(s)]);
        if (n > most) {
            most = n;
            best = o;
        }
    }
    return best;
}

/* Sorts indices by their stride in a tensor, largest first; what it does not
 * hold runs within. */
static void
sort_by(const struct nested_tensor *t, int *list, int n)
{
    for (int i = 1; i < n; i++) {
        int j = list[i], k = i;
        int64_t s = t->stride[j] < 0 ? -t->stride[j] : t->stride[j];
        for (; k > 0; k--) {
            int64_t u = t->stride[list[k - 1]];
            if ((u < 0 ? -u : u) >= s)
                break;
            list[k] = list[k - 1];
        }
        list[k] = j;
    }
}

static void
start(const struct nested_sum *q, struct nested *x)
{
    const struct nested_tensor *big = &q->in[largest(q)];
    *x = (struct nested){.lane = -1, .lanes = 1, .vectors = 1};
    for (int j = 0; j < q->n_idx; j++) {
        x->copies[j] = 1;
        if (q->summed >> j & 1)
            x->loop[x->n_loops++] = j;
        else
            x->free[x->n_free++] = j;
    }
    sort_by(big, x->free, x->n_free);
    sort_by(big, x->loop, x->n_loops);
}

/* Permutation number p of the summed indices. */
static void
permute(struct nested *x, int p)
{
    for (int left = x->n_loops; left > 1; p /= left, left--) {
        int from = x->n_loops - left, at = from + p % left, j = x->loop[at];
        for (; at > from; at--)
            x->loop[at] = x->loop[at - 1];
        x->loop[from] = j;
    }
}

/* The index in the lanes; 0 if it is shorter than two. */
static int
set_lane(const struct machine *m, const struct nested_sum *q,
         struct nested *x, int j)
{
    int64_t lanes = m->vector_bytes / einc_dtype_info(q->compute)->bytes;
    x->lane = j;
    while ((double)lanes > q->extent[j])
        lanes /= 2;
    x->lanes = (int)lanes;
    return lanes > 1;
}

struct starts {
    struct nested list[MAX_STARTS];
    int n;
};

/* Keeps the best, in order; the first of equals. */
static void
keep(struct starts *s, const struct nested *x)
{
    int at = s->n < MAX_STARTS ? s->n++ : MAX_STARTS;
    for (; at > 0 && x->seconds < s->list[at - 1].seconds; at--)
        if (at < MAX_STARTS)
            s->list[at] = s->list[at - 1];
    if (at < MAX_STARTS)
        s->list[at] = *x;
}

static void
find_starts(const struct machine *m, const struct nested_sum *q,
            struct starts *s)
{
    struct nested base;
    int orders = 1;
    start(q, &base);
    for (int n = base.n_loops; n > 1 && base.n_loops <= MAX_ORDERED; n--)
        orders *= n;
    for (int p = 0; p < orders; p++) {
        struct nested x = base;
        permute(&x, p);
        find_levels(q, &x);
        evaluate(m, q, &x);
        keep(s, &x);
        for (int j = 0; j < q->n_idx && m->vector_bytes; j++) {
            x.lane = -1;
            if (!set_lane(m, q, &x, j))
                continue;
            evaluate(m, q, &x);
            keep(s, &x);
        }
    }
}

/* Whether index j may have n values at a time: more than now, and, so that
 * no loop needs a part for the rest, a divisor of what is summed, if it is
 * not a long one. */
static int
may_have(const struct nested_sum *q, const struct nested *x, int j, int n)
{
    enum { LONG = 64 };
    double of = q->extent[j];
    if (n <= x->copies[j] || n > of)
        return 0;
    return !(q->summed >> j & 1) || of >= LONG ||
           round_up(of / n) * n == of;
}

/* The best single change, if it is better than none. */
static int
grow(const struct machine *m, const struct nested_sum *q, struct nested *x)
{
    enum { MAX_BLOCK = 64 };
    static const int sizes[] = {2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16};
    struct nested best = *x;
    for (int j = 0; j < q->n_idx; j++) {
        struct nested y = *x;
        int most = j == x->lane ? MAX_VECTORS : MAX_COPIES;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            int n = sizes[i];
            if (n > most)
                break;
            if (j == x->lane) {
                if (n <= x->vectors || (n - 1) * x->lanes >= q->extent[j])
                    continue;
                y.vectors = n;
            } else {
                if (!may_have(q, x, j, n))
                    continue;
                y.copies[j] = n;
            }
            evaluate(m, q, &y);
            if (count(&y, y.block) <= MAX_BLOCK && y.seconds < best.seconds)
                best = y;
        }
    }
    int better = best.seconds < x->seconds;
    *x = best;
    return better;
}

int
einc_nested_choose(const struct machine *m, const struct nested_sum *q,
                   struct nested *x)
{
    enum { MAX_GROWTH = 8 };
    struct starts s = {.n = 0};
    find_starts(m, q, &s);
    *x = s.list[0];
    for (int i = 0; i < s.n; i++) {
        for (int g = 0; g < MAX_GROWTH && grow(m, q, &s.list[i]); g++)
            ;
        if (s.list[i].seconds < x->seconds)
            *x = s.list[i];
    }
    return s.n > 0;
}

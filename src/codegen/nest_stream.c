/* SPDX-License-Identifier: MIT
 *
 * nest_stream.c - one pass over any number of operands: maps and sums.
 *
 * One index runs in the lanes; a free one next to it (inner) and a summed one
 * (deep) have loops of their own, and all others are counted. The text of a
 * table depends on the types, the form, and how many operands run in the
 * lanes:
 *   map      1     any      11  10  any     111  110  100  any
 *   columns  1     any      11  10  any     111  110  100  any
 *   dots     1     any      11  10  any     111  110  100  any
 * 1: stride 1 along the lanes, 0: held, for all lanes the same. Operands are
 * sorted to be so; what does not fit is "any", with strides as arguments.
 * 27 for all of up to three operands; src/builtin/streams.txt has an expression
 * for each.
 */
#include "codegen/family.h"

enum {
    SUM_BYTES = 16384, /* of columns: the sums of a task, in L1 */
    DOT_VECTORS = 4,   /* registers of partial sums of a dot */
    TASK_BYTES = 65536, /* touched by a task, or more */
    TURNED_LANES = 64, /* of a task where an operand's run lies across: its
                        * lines are used up before they leave L1 */
    PART = 64          /* lanes of a task are a multiple of it */
};

/* --- which index runs where --------------------------------------------- */

static int64_t
extent(const struct nest *w, int j)
{
    return j < 0 ? 1 : w->idx[j].extent.value;
}

static int64_t
stride(const struct nest *w, int o, int j)
{
    return j < 0 ? 0 : einc_nest_tensor(w, o)->stride[j].value;
}

static int
is_summed(const struct nest *w, int j)
{
    return j >= 0 && w->idx[j].role == LOOP_K;
}

static int
has_sum(const struct nest *w)
{
    return w->first[LOOP_K] < w->first[LOOP_K + 1];
}

/* Cycles or so per point with j in the lanes: a vector's share of a load, or a
 * load; what begins and ends a run of lanes goes to all of them. */
static double
lane_cost(const struct nest *w, int j)
{
    const double vector = 1.0 / 16, alone = 1, run = 8, fold = 40;
    double length = (double)extent(w, j), points = 1;
    double each = 0, once = run;
    for (int k = w->first[LOOP_K]; k < w->first[LOOP_K + 1]; k++)
        points *= (double)extent(w, k);
    for (int o = 0; o < w->n_in; o++)
        if (stride(w, o, j))
            each += stride(w, o, j) == 1 ? vector : alone;
    if (!is_summed(w, j))
        each += (stride(w, w->n_in, j) == 1 ? vector : alone) / points;
    else
        once += fold * length / points;
    return each + (length > 0 ? once / length : 0);
}

static int
choose_lane(const struct nest *w)
{
    int best = -1;
    for (int j = 0; j < w->n_idx; j++)
        if (best < 0 || lane_cost(w, j) <= lane_cost(w, best))
            best = j;
    return best;
}

/* Whether a tensor that runs across the lanes is contiguous along j. */
static int
is_turned_along(const struct nest *w, int j)
{
    for (int o = 0; o <= w->n_in; o++) {
        int64_t across = stride(w, o, w->lane);
        if (stride(w, o, j) == 1 && across != 0 && across != 1)
            return 1;
    }
    return 0;
}

/* Whether an operand that runs in the lanes is the same all along j. */
static int
is_read_again(const struct nest *w, int j)
{
    for (int o = 0; o < w->n_in; o++)
        if (stride(w, o, j) == 0 && stride(w, o, w->lane) != 0)
            return 1;
    return 0;
}

/* Of first <= j < last but the lane: one that uses up lines, one along which
 * something is read again, one that is long, the fastest. */
static int
choose_loop(const struct nest *w, int first, int last)
{
    enum { LONG = 8 };
    int best = -1, best_score = -1;
    for (int j = first; j < last; j++) {
        int score = 4 * is_turned_along(w, j) + 2 * (extent(w, j) >= LONG) +
                    is_read_again(w, j);
        if (j == w->lane || score < best_score)
            continue;
        best = j;
        best_score = score;
    }
    return best;
}

/* --- build -------------------------------------------------------------- */

/* The first `units` operands run in the lanes, the others are held; -1 if it
 * is not so in any order. */
static int
count_units(const struct nest *w)
{
    int units = 0;
    for (int o = 0; o < w->n_in; o++) {
        int64_t x = stride(w, o, w->lane);
        if (extent(w, w->lane) != 1 && x != 0 && x != 1)
            return -1;
        units += x == 1;
    }
    if (w->form == STREAM_MAP && extent(w, w->lane) != 1 &&
        stride(w, w->n_in, w->lane) != 1)
        return -1;
    if (w->lane < 0)
        return w->n_in;
    return units ? units : -1;
}

/* Sorts the operands into slots, those that run in the lanes first. */
static void
fill_slots(struct arena *perm, struct nest *w)
{
    w->slot = NEW(perm, int, w->n_in);
    struct nest_tensor *sorted = NEW(perm, struct nest_tensor, w->n_in);
    int n = 0;
    for (int held = 0; held < 2; held++)
        for (int o = 0; o < w->n_in; o++) {
            int last = w->units >= 0 && w->lane >= 0 &&
                       stride(w, o, w->lane) != 1;
            if (last == held)
                w->slot[n++] = o;
        }
    for (int o = 0; o < w->n_in; o++) {
        struct text t = {.perm = perm};
        einc_put(&t, "in%d", o);
        sorted[o] = w->in[w->slot[o]];
        sorted[o].name = einc_text_z(&t);
    }
    w->in = sorted;
}

/* Indices that are counted: all others, but those of extent 1 */
static int
is_other(const struct nest *w, int j)
{
    return j != w->lane && j != w->inner && j != w->deep && extent(w, j) != 1;
}

static int
count_others(const struct nest *w, int first, int last)
{
    int n = 0;
    for (int j = first; j < last; j++)
        n += is_other(w, j);
    return n;
}

/* Product of their extents; saturates. */
static int64_t
all_others(const struct nest *w, int first, int last)
{
    int64_t n = 1;
    for (int j = first; j < last; j++)
        if (is_other(w, j) && __builtin_mul_overflow(n, extent(w, j), &n))
            n = INT64_MAX;
    return n;
}

static void
make_table(struct arena *perm, struct nest *w)
{
    w->table = 1;
    w->units = count_units(w);
    fill_slots(perm, w);
    int others = count_others(w, 0, w->n_idx);
    w->factor.arg = STREAM_FACTOR;
    w->n_extents = STREAM_SLOTS + w->n_in + others;
    w->n_strides = (w->n_in + 1) * (3 + others);
}

static int
power_below(int n)
{
    int p = 1;
    while (2 * p <= n)
        p *= 2;
    return p;
}

/* Plain loops in blocks of equal size, if there is one that is not small. */
static void
even_blocks(struct nest *w)
{
    int64_t n = extent(w, w->lane);
    if (w->lane < 0 || w->idx[w->lane].extent.arg >= 0 || n <= w->lanes)
        return;
    for (int size = w->lanes; size >= w->lanes / 4; size -= PART)
        if (n % size == 0) {
            w->lanes = size;
            return;
        }
}

/* How many registers the text is made for: see print_stream_lanes.c. */
static void
choose_sizes(struct nest *w)
{
    enum { POINTERS = 8 };
    int planes = einc_nest_planes(w->compute);
    int bytes = einc_nest_bytes(w->compute), running = 0;
    int vector = !w->table                 ? 32 /* one text for all sets */
                 : w->target->vector_bytes ? w->target->vector_bytes
                                           : 16;
    for (int o = 0; o < w->n_in; o++)
        running += stride(w, o, w->lane) != 0;
    if (w->table && w->units >= 0)
        running = w->units;
    if (w->table && w->units < 0)
        running = w->n_in;
    w->visit = 1;
    if (w->form == STREAM_COLUMNS) {
        w->visit = power_below(POINTERS / ((running ? running : 1) * planes));
        w->lanes = SUM_BYTES / (bytes * planes);
    }
    if (w->form == STREAM_DOTS) {
        w->visit = w->table || w->inner >= 0 ? 2 : 1;
        w->lanes = (w->visit == 1 ? 2 : 1) * DOT_VECTORS * vector /
                   (bytes * planes);
    }
    if (w->form == STREAM_MAP && !w->table && w->inner >= 0 &&
        is_turned_along(w, w->inner))
        w->lanes = TURNED_LANES;
    if (!w->table && w->form != STREAM_DOTS && w->lanes > PART)
        even_blocks(w);
}

static struct nest_node *
loop(struct arena *perm, int j, struct nest_node *body)
{
    if (j < 0)
        return body;
    struct nest_node *x = einc_nest_node(perm, NEST_LOOP, body);
    x->index = j;
    return x;
}

/* Loops over the summed indices, the lane innermost; then what a task loops
 * over. */
static struct nest_node *
stream_tree(struct arena *perm, const struct nest *w)
{
    struct nest_node *body = einc_nest_node(perm, NEST_FMA, NULL);
    body = loop(perm, is_summed(w, w->deep) ? w->deep : -1, body);
    for (int j = w->first[LOOP_K + 1] - 1; j >= w->first[LOOP_K]; j--)
        if (j != w->lane && j != w->deep)
            body = loop(perm, j, body);
    struct nest_node *zero = einc_nest_node(perm, NEST_ZERO, NULL);
    zero->next = einc_nest_then(body, einc_nest_node(perm, NEST_STORE, NULL));
    return einc_nest_node(perm, NEST_TASKS, loop(perm, w->inner, zero));
}

static int
fits(const struct nest *w)
{
    (void)w;
    return 1;
}

/* More than any family made for the step at hand. */
static double
cost(const struct nest *w)
{
    (void)w;
    return 1e300;
}

static void
build(struct arena *perm, struct nest *w, enum nest_mode mode)
{
    w->inner = w->deep = w->lane = -1;
    w->lanes = w->visit = 1;
    if (w->target->language == LANGUAGE_C) {
        w->lane = choose_lane(w);
        w->form = !has_sum(w)              ? STREAM_MAP
                  : is_summed(w, w->lane) ? STREAM_DOTS
                                           : STREAM_COLUMNS;
        w->inner = choose_loop(w, 0, w->first[LOOP_K]);
        w->deep = choose_loop(w, w->first[LOOP_K], w->first[LOOP_K + 1]);
        if (mode != NEST_LITERAL)
            make_table(perm, w);
        choose_sizes(w);
    }
    w->root = stream_tree(perm, w);
}

/* --- arguments ---------------------------------------------------------- */

/* Bytes that a product touches; each element counts, also where it is in a
 * cache. */
static double
bytes_of_point(const struct nest *w)
{
    double bytes = 0;
    for (int o = 0; o < w->n_in; o++)
        bytes += einc_dtype_info(w->in[o].storage)->bytes;
    return bytes;
}

static int64_t
at_most(int64_t n, int64_t limit)
{
    return n < 1 ? 1 : n < limit ? n : limit;
}

/* How much of each index is one task, or, of a dot's lane, done at a time. */
struct share {
    int64_t lanes, rows, positions, tasks;
};

static int64_t
count_tasks(const struct nest *w, const struct share *x)
{
    int64_t lanes = is_summed(w, w->lane)
                        ? 1
                        : einc_nest_blocks(extent(w, w->lane), x->lanes);
    return lanes * einc_nest_blocks(extent(w, w->inner), x->rows) *
           einc_nest_blocks(all_others(w, 0, w->first[LOOP_K]), x->positions);
}

/* Lanes: all, but no more than there are sums, and few where lines of another
 * tensor are used up along inner or deep. */
static int64_t
most_lanes(const struct nest *w)
{
    int64_t most = extent(w, w->lane);
    if (w->form == STREAM_COLUMNS)
        most = at_most(most, w->lanes);
    if (w->form == STREAM_MAP)
        most = at_most(most, SUM_BYTES);
    if (w->form == STREAM_DOTS)
        most = at_most(most, (int64_t)STREAM_RUN * w->lanes);
    if ((w->inner >= 0 && is_turned_along(w, w->inner)) ||
        (w->deep >= 0 && is_turned_along(w, w->deep)))
        most = at_most(most, TURNED_LANES);
    return at_most(most, INT64_MAX);
}

/* Tasks of TASK_BYTES or more; smaller ones, but of no less than a few pages,
 * while threads would be idle. */
static struct share
share_out(const struct nest *w, int threads)
{
    enum { LEAST_LANES = 256, TASKS_PER_THREAD = 3 };
    struct share x = {.lanes = most_lanes(w)};
    double sums = (double)all_others(w, w->first[LOOP_K], w->n_idx) *
                  (double)extent(w, w->deep);
    double row = bytes_of_point(w) * sums * (double)x.lanes;
    int64_t inner = extent(w, w->inner);
    int64_t others = all_others(w, 0, w->first[LOOP_K]);
    if (is_summed(w, w->lane))
        row = bytes_of_point(w) * sums * (double)extent(w, w->lane);
    row = row >= 1 ? row : 1;
    double rows = TASK_BYTES / row + 1;
    x.rows = rows < (double)inner ? at_most((int64_t)rows, inner)
                                  : at_most(inner, INT64_MAX);
    if (w->form == STREAM_DOTS)
        x.rows = einc_nest_up_to(x.rows, w->visit);
    if (x.lanes == TURNED_LANES && w->form == STREAM_MAP)
        x.rows = at_most(inner, TURNED_LANES);
    double positions = x.rows < inner ? 1 : TASK_BYTES / (row * (double)x.rows) + 1;
    x.positions = positions < (double)others
                      ? at_most((int64_t)positions, others)
                      : at_most(others, INT64_MAX);
    while (threads > 1 && !is_summed(w, w->lane) &&
           x.lanes > 2 * LEAST_LANES &&
           count_tasks(w, &x) < TASKS_PER_THREAD * threads)
        x.lanes = einc_nest_up_to(x.lanes / 2, PART);
    x.tasks = count_tasks(w, &x);
    return x;
}

static void
fill_others(const struct nest *w, int64_t *n, int64_t *s)
{
    int free = count_others(w, 0, w->first[LOOP_K]);
    int others = count_others(w, 0, w->n_idx), at = 0;
    const int loops[3] = {w->lane, w->inner, w->deep};
    for (int o = 0; o <= w->n_in; o++)
        for (int l = 0; l < 3; l++)
            s[3*o + l] = stride(w, o, loops[l]);
    s += 3 * (w->n_in + 1);
    for (int j = 0; j < w->n_idx; j++) {
        if (!is_other(w, j))
            continue;
        n[STREAM_SLOTS + w->n_in + at] = extent(w, j);
        for (int o = 0; o <= w->n_in; o++)
            s[o * others + at] = stride(w, o, j);
        at++;
    }
    n[STREAM_N_FREE] = free;
    n[STREAM_N_SUMMED] = others - free;
}

static int64_t
arguments(const struct nest *w, int threads, int64_t *n, int64_t *s)
{
    if (!w->table) {
        einc_nest_fill_slots(w, n, s);
        return 1;
    }
    struct share x = share_out(w, threads);
    int64_t written = einc_dtype_info(w->out.storage)->bytes;
    for (int j = 0; j < w->first[LOOP_K]; j++)
        written *= extent(w, j);
    n[STREAM_FACTOR] = w->factor.value;
    n[STREAM_LANE] = extent(w, w->lane);
    n[STREAM_INNER] = extent(w, w->inner);
    n[STREAM_DEEP] = extent(w, w->deep);
    n[STREAM_LANES] = x.lanes;
    n[STREAM_ROWS] = x.rows;
    n[STREAM_POSITIONS] = x.positions;
    n[STREAM_ALL_FREE] = all_others(w, 0, w->first[LOOP_K]);
    n[STREAM_ALL_SUMMED] = all_others(w, w->first[LOOP_K], w->n_idx);
    n[STREAM_PAST_CACHE] = written > NEST_FAR_BYTES;
    for (int o = 0; o < w->n_in; o++)
        n[STREAM_SLOTS + o] = w->slot[o];
    fill_others(w, n, s);
    return x.tasks;
}

/* --- dump --------------------------------------------------------------- */

static void
print(struct text *t, const struct nest *w)
{
    static const char *const forms[] = {"points", "map", "columns", "dots"};
    einc_put(t, "  %s", forms[w->form]);
    if (w->lane >= 0)
        einc_put(t, " lane %s", w->idx[w->lane].name);
    if (w->inner >= 0)
        einc_put(t, " inner %s", w->idx[w->inner].name);
    if (w->deep >= 0)
        einc_put(t, " deep %s", w->idx[w->deep].name);
    if (w->form == STREAM_COLUMNS || w->form == STREAM_DOTS)
        einc_put(t, " lanes %d visit %d", w->lanes, w->visit);
    if (w->table && w->units < 0)
        einc_put(t, " any strides");
    else if (w->table)
        einc_put(t, " units %d of %d", w->units, w->n_in);
    einc_put(t, "\n");
}

const struct family einc_family_stream = {
    FAMILY_STREAM, "stream", 0, fits, cost, build, arguments, print,
};

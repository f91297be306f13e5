/* SPDX-License-Identifier: MIT
 *
 * nest_transpose.c - one tensor into another with its indices in another
 * order. What is contiguous on one side is not on the other, so blocks of the
 * plane of both runs go through registers; every cache line is used whole.
 */
#include "codegen/family.h"
#include "plan/machine.h"

enum {
    LINE_BYTES = 64,
    ACROSS_BYTES = 512,  /* of a run of the operand in a block */
    ROWS = 32,           /* runs of it in a block: rows that are 2^15 bytes
                          * apart meet in few sets of a cache */
    ALONG_BYTES = 4096,  /* of a run of out in a block, where runs do not begin
                          * with a line */
    TASK_BYTES = 65536
};

/* --- which index is which ----------------------------------------------- */

static int64_t
size_of(int64_t n)
{
    return n < 0 ? -n : n;
}

/* The index of tensor x with the least step, of those but `but`; the last of
 * equals; -1 if there is none. */
static int
nearest(const struct nest *w, const struct nest_tensor *x, int but)
{
    int best = -1;
    for (int j = 0; j < w->n_idx; j++)
        if (j != but && (best < 0 || size_of(x->stride[j].value) <=
                                         size_of(x->stride[best].value)))
            best = j;
    return best;
}

/* A run of both goes in the same direction through both. Without one, across
 * and along differ. */
static struct transpose
choose(const struct nest *w)
{
    struct transpose x = {-1, -1, -1};
    int from = nearest(w, &w->in[0], -1), to = nearest(w, &w->out, -1);
    if (from == to && from >= 0)
        x.run = from;
    x.across = nearest(w, &w->in[0], x.run);
    x.along = nearest(w, &w->out, x.run);
    if (x.across == x.along)
        x.across = -1;
    return x;
}

static int
is_unit(const struct nest_tensor *x, int j)
{
    return size_of(x->stride[j].value) == 1;
}

static int
fits(const struct nest *w)
{
    if (w->step->kind != STEP_COPY || w->target->language != LANGUAGE_C ||
        w->n_idx == 0 || w->n_idx > TRANSPOSE_MOST)
        return 0;
    for (int j = 0; j < w->n_idx; j++)
        if (!w->in[0].stride[j].value || !w->out.stride[j].value)
            return 0;
    struct transpose x = choose(w);
    if (x.run >= 0)
        return is_unit(&w->in[0], x.run) &&
               w->in[0].stride[x.run].value == w->out.stride[x.run].value;
    return is_unit(&w->in[0], x.across) && is_unit(&w->out, x.along);
}

int
einc_nest_backwards(const struct nest *w, int j)
{
    const struct transpose *x = &w->transpose;
    if (j == x->run)
        return w->out.stride[j].value < 0;
    return (j == x->along && x->run < 0 && w->out.stride[j].value < 0) ||
           (j == x->across && x->run < 0 && w->in[0].stride[j].value < 0);
}

int
einc_nest_moves_bits(const struct nest *w)
{
    return w->in[0].storage == w->out.storage && w->out.storage != EINC_BOOL;
}

/* --- blocks ------------------------------------------------------------- */

static int64_t
extent_of(const struct nest *w, int j)
{
    return j < 0 ? 1 : w->idx[j].extent.value;
}

/* As far as blocks depend on it: an argument of a file may be anything. */
static int64_t
room_of(const struct nest *w, int j)
{
    return j >= 0 && !w->table && w->idx[j].extent.arg >= 0 ? 1 << 30
                                                            : extent_of(w, j);
}

static int64_t
element_bytes(const struct nest *w)
{
    return einc_dtype_info(w->in[0].storage)->bytes;
}

/* n in equal blocks of about `size`, each a multiple of `unit` but one. */
static int64_t
balance(int64_t n, int64_t size, int64_t unit)
{
    if (n <= size + unit)
        return n > 1 ? n : 1;
    return einc_nest_up_to(einc_nest_blocks(n, einc_nest_blocks(n, size)),
                           unit);
}

/* What one side lacks the other gets, so that a block is worth its start. */
static void
turn_blocks(const struct nest *w, struct transpose_blocks *b)
{
    const struct transpose *x = &w->transpose;
    int64_t bytes = element_bytes(w), line = LINE_BYTES / bytes;
    int64_t n_across = room_of(w, x->across);
    int64_t n_along = room_of(w, x->along);
    int64_t across = ACROSS_BYTES / bytes;
    int64_t apart = size_of(w->out.stride[x->across].value) * bytes;
    int any = !w->table && w->out.stride[x->across].arg >= 0;
    int64_t along = any || (apart % LINE_BYTES && einc_nest_is_far(w))
                        ? ALONG_BYTES / bytes
                        : einc_nest_up_to(ROWS, line);
    int64_t both = across * along;
    if (n_across < across)
        along = einc_nest_up_to(both / n_across, line);
    if (n_along < along)
        across = einc_nest_up_to(both / n_along, line);
    b->across = balance(n_across, across, line);
    b->along = balance(n_along, along, line);
    b->run = 1;
}

/* Rows of a square: both sides find the neighbours of a row nearby. */
static void
run_blocks(const struct nest *w, struct transpose_blocks *b)
{
    const struct transpose *x = &w->transpose;
    int64_t bytes = element_bytes(w), n = room_of(w, x->run);
    b->run = balance(n, TASK_BYTES / bytes, LINE_BYTES / bytes);
    int64_t rows = TASK_BYTES / (b->run * bytes), side = 1;
    while (side * side < rows)
        side *= 2;
    b->across = balance(room_of(w, x->across), side, 1);
    b->along = balance(room_of(w, x->along), rows / b->across + 1, 1);
}

struct transpose_blocks
einc_nest_transpose_blocks(const struct nest *w)
{
    struct transpose_blocks b = {1, 1, 1, 1};
    if (w->transpose.run < 0)
        turn_blocks(w, &b);
    else
        run_blocks(w, &b);
    int64_t bytes = b.across * b.along * b.run * element_bytes(w);
    b.per_task = bytes < TASK_BYTES ? TASK_BYTES / bytes : 1;
    return b;
}

/* --- build -------------------------------------------------------------- */

/* Whether blocks or runs are so small that finding the next one is most of the
 * work; a stream's lanes go on over other indices. */
static int
is_petty(const struct nest *w, const struct transpose *x)
{
    enum { LEAST_RUN_BYTES = 20, LEAST_BLOCK = 32 };
    if (x->run >= 0)
        return room_of(w, x->run) * element_bytes(w) < LEAST_RUN_BYTES;
    return room_of(w, x->across) < LEAST_BLOCK &&
           room_of(w, x->along) < LEAST_BLOCK &&
           room_of(w, x->across) * room_of(w, x->along) < LEAST_BLOCK;
}

/* The bytes at the rate of their level of memory, the beginning of blocks,
 * and elements one by one where a side is shorter than any vector. */
static double
cost(const struct nest *w)
{
    const double never = 1e300;
    const struct machine *m = einc_machine_default(str_of(w->target->name));
    struct nest y = *w;
    y.transpose = choose(w);
    if (is_petty(w, &y.transpose))
        return never;
    m = m ? m : einc_machine_default(str_of("generic"));
    double n = (double)einc_nest_extent(w, LOOP_BATCH);
    double bytes = n * (double)element_bytes(w);
    enum machine_level l = einc_machine_level(m, 2 * bytes);
    double write = einc_nest_is_far(w) ? (double)m->stream
                                       : (double)m->write[l];
    double seconds = 1e-6 * bytes * (1 / (double)m->read[l] + 1 / write);
    struct transpose_blocks b = einc_nest_transpose_blocks(&y);
    double blocks = n / (double)(b.across * b.along * b.run);
    int thin = y.transpose.run < 0 && (b.across < 4 || b.along < 4);
    return 100 * seconds / (double)m->turned_percent +
           1e-9 * blocks * (double)m->task_ns +
           (thin ? 1e-12 * n * (double)m->gather_near_ps : 0);
}

/* Indices that are counted by the table: all but those of the block. */
static int
is_outer(const struct nest *w, int j)
{
    const struct transpose *x = &w->transpose;
    return j != x->run && j != x->across && j != x->along;
}

int
einc_nest_outer(const struct nest *w, int list[TRANSPOSE_MOST])
{
    int n = 0;
    for (int j = 0; j < w->n_idx; j++) {
        if (!is_outer(w, j))
            continue;
        int at = n++;
        int64_t step = size_of(w->in[0].stride[j].value);
        for (; w->transpose.run < 0 && at > 0 &&
               size_of(w->in[0].stride[list[at - 1]].value) < step;
             at--)
            list[at] = list[at - 1];
        list[at] = j;
    }
    return n;
}

static void
build(struct arena *perm, struct nest *w, enum nest_mode mode)
{
    w->transpose = choose(w);
    w->table = mode != NEST_LITERAL;
    if (w->table) {
        int list[TRANSPOSE_MOST], n_outer = einc_nest_outer(w, list);
        w->factor.arg = TRANSPOSE_FACTOR;
        w->n_extents = TRANSPOSE_EXTENTS + n_outer;
        w->n_strides = TRANSPOSE_STRIDES + 2 * n_outer;
    }
    w->root = einc_nest_node(perm, NEST_TASKS,
                             einc_nest_node(perm, NEST_TURN, NULL));
}

/* --- arguments ---------------------------------------------------------- */

static int64_t
stride_of(const struct nest *w, const struct nest_tensor *x, int j)
{
    if (j < 0)
        return 0;
    return einc_nest_backwards(w, j) ? -x->stride[j].value
                                     : x->stride[j].value;
}

int64_t
einc_nest_start(const struct nest *w, const struct nest_tensor *x)
{
    int64_t at = 0;
    for (int j = 0; j < w->n_idx; j++)
        if (einc_nest_backwards(w, j))
            at += (w->idx[j].extent.value - 1) * x->stride[j].value;
    return at;
}

static void
fill_table(const struct nest *w, int64_t *n, int64_t *s)
{
    const struct transpose *x = &w->transpose;
    int list[TRANSPOSE_MOST], total = einc_nest_outer(w, list);
    n[TRANSPOSE_FACTOR] = w->factor.value;
    n[TRANSPOSE_OUTER] = total;
    n[TRANSPOSE_TURNS] = x->run < 0;
    n[TRANSPOSE_N_ACROSS] = extent_of(w, x->across);
    n[TRANSPOSE_N_ALONG] = extent_of(w, x->along);
    n[TRANSPOSE_N_RUN] = extent_of(w, x->run);
    for (int o = 0; o < 2; o++) {
        const struct nest_tensor *y = einc_nest_tensor(w, o);
        s[2 * TRANSPOSE_AT + o] = einc_nest_start(w, y);
        s[2 * TRANSPOSE_ACROSS + o] = stride_of(w, y, x->across);
        s[2 * TRANSPOSE_ALONG + o] = stride_of(w, y, x->along);
    }
    for (int k = 0; k < total; k++) {
        int j = list[k];
        n[TRANSPOSE_EXTENTS + k] = w->idx[j].extent.value;
        s[TRANSPOSE_STRIDES + k] = w->in[0].stride[j].value;
        s[TRANSPOSE_STRIDES + total + k] = w->out.stride[j].value;
    }
}

int
einc_nest_is_far(const struct nest *w)
{
    int64_t bytes = einc_dtype_info(w->out.storage)->bytes;
    return einc_nest_extent(w, LOOP_BATCH) > NEST_FAR_BYTES / bytes;
}

static int64_t
arguments(const struct nest *w, int threads, int64_t *n, int64_t *s)
{
    (void)threads;
    const struct transpose *x = &w->transpose;
    if (!w->table) {
        einc_nest_fill_slots(w, n, s);
        return 1;
    }
    fill_table(w, n, s);
    struct transpose_blocks b = einc_nest_transpose_blocks(w);
    n[TRANSPOSE_BLOCK_ACROSS] = b.across;
    n[TRANSPOSE_BLOCK_ALONG] = b.along;
    n[TRANSPOSE_BLOCK_RUN] = b.run;
    n[TRANSPOSE_PER_TASK] = b.per_task;
    n[TRANSPOSE_FAR] = einc_nest_is_far(w);
    int64_t blocks = einc_nest_blocks(extent_of(w, x->across), b.across) *
                     einc_nest_blocks(extent_of(w, x->along), b.along) *
                     einc_nest_blocks(extent_of(w, x->run), b.run);
    for (int j = 0; j < w->n_idx; j++)
        if (is_outer(w, j))
            blocks *= w->idx[j].extent.value;
    n[TRANSPOSE_BLOCKS] = blocks;
    return einc_nest_blocks(blocks, b.per_task);
}

/* --- dump --------------------------------------------------------------- */

static void
print(struct text *t, const struct nest *w)
{
    static const char *const names[] = {"run", "across", "along"};
    const struct transpose *x = &w->transpose;
    const int index[] = {x->run, x->across, x->along};
    struct transpose_blocks b = einc_nest_transpose_blocks(w);
    const int64_t size[] = {b.run, b.across, b.along};
    einc_put(t, "  blocks");
    for (int k = 0; k < 3; k++)
        if (index[k] >= 0)
            einc_put(t, " %s %s:%lld", names[k], w->idx[index[k]].name,
                     (long long)size[k]);
    einc_put(t, "%s\n", einc_nest_is_far(w) ? " far" : "");
}

const struct family einc_family_transpose = {
    FAMILY_TRANSPOSE, "transpose", 0, fits, cost, build, arguments, print,
};

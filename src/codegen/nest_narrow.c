/* SPDX-License-Identifier: MIT
 *
 * nest_narrow.c - see narrow.h: whether, and how it is cut.
 */
#include "codegen/narrow.h"

#include "codegen/family.h"
#include "plan/model.h"

enum { THIN_BYTES = 24 << 10, /* of a block of columns: most of an L1 */
       TASK_ROWS = 4096,
       LEAST_TASK_ROWS = 64 };

/* Who is what. */
struct roles {
    enum loop_role side; /* of the rows; the columns are of the other one */
    int tall;            /* operand */
    int row, deep;       /* numbers in nest.idx; row -1: it does not fit */
    int64_t rows, columns;
};

/* --- roles -------------------------------------------------------------- */

static enum loop_role
other(enum loop_role side)
{
    return side == LOOP_M ? LOOP_N : LOOP_M;
}

/* The longest index of a role. */
static int
longest(const struct nest *w, enum loop_role role)
{
    int best = w->first[role];
    for (int j = best + 1; j < w->first[role + 1]; j++)
        if (w->idx[j].extent.value > w->idx[best].extent.value)
            best = j;
    return best;
}

static struct roles
roles_of(const struct nest *w)
{
    struct roles best = {.row = -1, .deep = w->first[LOOP_K]};
    if (w->first[LOOP_K + 1] != best.deep + 1)
        return best;
    for (int o = 0; o < 2; o++) {
        enum loop_role side = o ? LOOP_N : LOOP_M;
        struct roles r = best;
        r.side = side;
        r.tall = o;
        r.columns = einc_nest_extent(w, other(side));
        r.row = longest(w, side);
        r.rows = w->idx[r.row].extent.value;
        if (r.columns >= 2 && r.columns <= NARROW_COLUMNS &&
            w->in[o].stride[r.deep].value == 1 &&
            (best.row < 0 || r.rows > best.rows))
            best = r;
    }
    return best;
}

static int
is_plain(const struct nest *w)
{
    enum einc_dtype t = w->compute;
    return (t == EINC_F32 || t == EINC_F64) && w->in[0].storage == t &&
           w->in[1].storage == t && w->out.storage == t;
}

static int
fits(const struct nest *w)
{
    return w->step->kind == STEP_CONTRACT && w->n_in == 2 &&
           w->target->language == LANGUAGE_C && w->target->vector_bytes &&
           is_plain(w) && roles_of(w).row >= 0;
}

/* --- cuts --------------------------------------------------------------- */

int
einc_narrow_sums(const struct target *t)
{
    return t->registers >= 32 ? 16 : 8;
}

static int64_t
lanes_of(const struct nest *w)
{
    return w->target->vector_bytes / einc_nest_bytes(w->compute);
}

/* Of K in a block: blocks of equal size, whole vectors but for the last. */
static int64_t
depth_of(const struct nest *w, const struct roles *r)
{
    int64_t lanes = lanes_of(w);
    int64_t most = THIN_BYTES / (r->columns * einc_nest_bytes(w->compute));
    return einc_nest_balance(w->idx[r->deep].extent.value,
                             most / lanes * lanes, lanes);
}

/* Indices of the batch, and those of the rows' side that are not the row. */
static int
is_outer(const struct nest *w, const struct roles *r, int j)
{
    return w->idx[j].role == LOOP_BATCH ||
           (w->idx[j].role == r->side && j != r->row);
}

static int
count_outer(const struct nest *w, const struct roles *r)
{
    int n = 0;
    for (int j = 0; j < w->n_idx; j++)
        n += is_outer(w, r, j);
    return n;
}

static int64_t
outer_positions(const struct nest *w, const struct roles *r)
{
    return einc_nest_extent(w, LOOP_BATCH) *
           (einc_nest_extent(w, r->side) / r->rows);
}

/* Each task turns the columns for itself, so there are no more tasks than
 * threads ask for. */
static int64_t
task_rows(const struct nest *w, const struct roles *r, int threads)
{
    int64_t height = einc_narrow_sums(w->target) / r->columns;
    int64_t rows = TASK_ROWS;
    while (threads > 1 && rows > LEAST_TASK_ROWS &&
           outer_positions(w, r) * einc_nest_blocks(r->rows, rows) <
               2 * threads)
        rows /= 2;
    return einc_nest_balance(r->rows, rows, height);
}

/* --- build -------------------------------------------------------------- */

static double
cost(const struct nest *w)
{
    struct roles r = roles_of(w);
    const struct model_narrow x = {
        .compute = w->compute,
        .batch = (double)outer_positions(w, &r), .rows = (double)r.rows,
        .columns = (double)r.columns,
        .depth = (double)einc_nest_extent(w, LOOP_K)};
    return einc_model_narrow(einc_machine_default(str_of(w->target->name)),
                             &x, 1);
}

static void
build(struct arena *perm, struct nest *w, enum nest_mode mode)
{
    (void)mode;
    struct roles r = roles_of(w);
    int n_outer = count_outer(w, &r);
    w->table = 1;
    w->lanes = (int)lanes_of(w);
    w->factor.arg = NARROW_FACTOR;
    w->n_extents = NARROW_EXTENTS + n_outer;
    w->n_strides = NARROW_STRIDES + 3 * n_outer;
    w->scratch_bytes = einc_nest_up_to(
        depth_of(w, &r) * r.columns * einc_nest_bytes(w->compute), 64);
    struct nest_node *deep =
        einc_nest_node(perm, NEST_LOOP, einc_nest_node(perm, NEST_FMA, NULL));
    deep->block = BLOCK_K;
    w->root = einc_nest_node(
        perm, NEST_TASKS,
        einc_nest_then(deep, einc_nest_node(perm, NEST_STORE, NULL)));
}

/* --- arguments ---------------------------------------------------------- */

/* Column c of a side: its place in `x`. */
static int64_t
place_of(const struct nest *w, enum loop_role side,
         const struct nest_tensor *x, int64_t c)
{
    int64_t at = 0;
    for (int j = w->first[side + 1] - 1; j >= w->first[side]; j--) {
        at += c % w->idx[j].extent.value * x->stride[j].value;
        c /= w->idx[j].extent.value;
    }
    return at;
}

static void
fill_outer(const struct nest *w, const struct roles *r, int64_t *n,
           int64_t *s)
{
    int total = count_outer(w, r), x = 0;
    for (int j = 0; j < w->n_idx; j++) {
        if (!is_outer(w, r, j))
            continue;
        n[NARROW_EXTENTS + x] = w->idx[j].extent.value;
        s[NARROW_STRIDES + x] = w->in[r->tall].stride[j].value;
        s[NARROW_STRIDES + total + x] = w->in[!r->tall].stride[j].value;
        s[NARROW_STRIDES + 2 * total + x] = w->out.stride[j].value;
        x++;
    }
    n[NARROW_OUTER] = total;
}

static int64_t
arguments(const struct nest *w, int threads, int64_t *n, int64_t *s)
{
    struct roles r = roles_of(w);
    const struct nest_tensor *thin = &w->in[!r.tall];
    n[NARROW_FACTOR] = w->factor.value;
    n[NARROW_ROWS] = r.rows;
    n[NARROW_TASK_ROWS] = task_rows(w, &r, threads);
    n[NARROW_N_COLUMNS] = r.columns;
    n[NARROW_DEPTH] = w->idx[r.deep].extent.value;
    n[NARROW_BLOCK_DEPTH] = depth_of(w, &r);
    n[NARROW_TALL] = r.tall;
    s[NARROW_TALL_ROW] = w->in[r.tall].stride[r.row].value;
    s[NARROW_OUT_ROW] = w->out.stride[r.row].value;
    s[NARROW_THIN_DEEP] = thin->stride[r.deep].value;
    for (int c = 0; c < NARROW_COLUMNS; c++) {
        int here = c < r.columns;
        s[NARROW_THIN_COLUMN + c] =
            here ? place_of(w, other(r.side), thin, c) : 0;
        s[NARROW_OUT_COLUMN + c] =
            here ? place_of(w, other(r.side), &w->out, c) : 0;
    }
    fill_outer(w, &r, n, s);
    return outer_positions(w, &r) *
           einc_nest_blocks(r.rows, n[NARROW_TASK_ROWS]);
}

/* --- dump --------------------------------------------------------------- */

static void
print(struct text *t, const struct nest *w)
{
    struct roles r = roles_of(w);
    einc_put(t, "  %lld columns of %s, rows over %s, %lld at once, depth "
                "%lld, scratch_bytes %lld\n",
             (long long)r.columns, w->in[!r.tall].name, w->idx[r.row].name,
             (long long)(einc_narrow_sums(w->target) / r.columns),
             (long long)depth_of(w, &r), (long long)w->scratch_bytes);
}

const struct family einc_family_narrow = {
    FAMILY_NARROW, "narrow", -1, fits, cost, build, arguments, print,
};

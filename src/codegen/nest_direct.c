/* SPDX-License-Identifier: MIT
 *
 * nest_direct.c - see direct.h: whether, how, and how fast.
 */
#include "codegen/direct.h"

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

/* Extent and all strides of idx[j]. */
static int
all_literal(const struct nest *w, int j)
{
    int all = is_literal(w->idx[j].extent);
    for (int o = 0; o <= w->n_in; o++)
        all &= is_literal(einc_nest_tensor(w, o)->stride[j]);
    return all;
}

/* The operand that is not loaded along j if the other one and out are
 * contiguous along it; -1 if that is not so. */
static int
broadcast_side(const struct nest *w, int j)
{
    if (!all_literal(w, j) || !stride_is(w->out.stride[j], 1))
        return -1;
    for (int side = 0; side < 2; side++)
        if (stride_is(w->in[side].stride[j], 0) &&
            stride_is(w->in[1 - side].stride[j], 1))
            return side;
    return -1;
}

static int
is_row(const struct nest *w, int lhs, int j)
{
    return all_literal(w, j) && w->in[lhs].stride[j].value != 0 &&
           stride_is(w->in[1 - lhs].stride[j], 0);
}

/* All indices of rows if they fill no more than a tile, else the longest. */
static void
choose_rows(const struct nest *w, struct direct_roles *r)
{
    enum { ONE_TILE = 12 };
    int64_t product = 1;
    int longest = -1, all[DIRECT_MOST_ROWS], n = 0;
    for (int j = 0; j < w->first[LOOP_K]; j++) {
        if (!is_row(w, r->lhs, j))
            continue;
        if (longest < 0 ||
            w->idx[j].extent.value >= w->idx[longest].extent.value)
            longest = j;
        if (n == DIRECT_MOST_ROWS || w->idx[j].extent.value > ONE_TILE)
            product = ONE_TILE + 1;
        else
            all[n++] = j;
        if (product <= ONE_TILE)
            product *= w->idx[j].extent.value;
    }
    r->n_rows = longest >= 0;
    r->row[0] = longest;
    for (int k = 0; k < n && product <= ONE_TILE; k++)
        r->row[k] = all[k];
    if (product <= ONE_TILE)
        r->n_rows = n;
}

struct direct_roles
einc_direct_roles(const struct nest *w)
{
    struct direct_roles r = {.lane = -1};
    for (int j = w->first[LOOP_K] - 1; j >= 0; j--) {
        int side = broadcast_side(w, j);
        if (side < 0)
            continue;
        r.lane = j;
        r.lhs = side;
        choose_rows(w, &r);
        return r;
    }
    return r;
}

int64_t
einc_direct_row(const struct nest *w, const struct direct_roles *r,
                const struct nest_tensor *x, int64_t at)
{
    int64_t offset = 0;
    for (int k = r->n_rows - 1; k > 0; k--) {
        int64_t n = w->idx[r->row[k]].extent.value;
        offset += at % n * x->stride[r->row[k]].value;
        at /= n;
    }
    return r->n_rows ? offset + at * x->stride[r->row[0]].value : 0;
}

int
einc_direct_is_outer(const struct nest *w, const struct direct_roles *r,
                     int j)
{
    int outer = w->idx[j].role != LOOP_K && j != r->lane;
    for (int k = 0; k < r->n_rows; k++)
        outer &= j != r->row[k];
    return outer;
}

/* --- cuts --------------------------------------------------------------- */

/* total in equal parts of at most `most`. */
static struct cut
cut(int64_t total, int64_t most)
{
    int64_t parts = einc_nest_blocks(total, most);
    struct cut c = {.size = (int)einc_nest_blocks(total, parts)};
    c.n[1] = parts * c.size - total;
    c.n[0] = parts - c.n[1];
    return c;
}

int64_t
einc_direct_parts(const struct cut *c)
{
    return c->n[0] + c->n[1];
}

/* Rows of a tile: accumulators, the vectors of rhs and a broadcast one. */
static int64_t
most_rows(const struct target *t, int64_t vectors)
{
    int64_t registers = t->vector_bytes ? t->registers : 24;
    int64_t rows = (registers - 1 - vectors) / vectors;
    return rows < 1 ? 1 : rows;
}

/* Vector operations that a step of k of one tile is worth: two
 * multiply-adds and two loads per cycle, and a latency that 8 of them hide. */
static double
tile_operations(int64_t rows, int64_t vectors)
{
    enum { IN_FLIGHT = 8 };
    int64_t most = rows * vectors;
    if (rows + vectors > most)
        most = rows + vectors;
    return most < IN_FLIGHT ? IN_FLIGHT : (double)most;
}

static double
all_operations(const struct cut *panels, const struct cut *tiles)
{
    double sum = 0;
    for (int p = 0; p < 2; p++)
        for (int t = 0; t < 2; t++)
            sum += (double)panels->n[p] * (double)tiles->n[t] *
                   tile_operations(tiles->size - t, panels->size - p);
    return sum;
}

/* The tile shape that needs the fewest operations; of equals the one that
 * loads less, which is the squarer one. */
static void
choose_shape(const struct target *t, int64_t vectors, int one_tile,
             struct direct *d)
{
    enum { MOST_VECTORS = 8 };
    double best = 0;
    for (int64_t v = 1; v <= MOST_VECTORS && v <= vectors; v++) {
        struct cut panels = cut(vectors, v);
        struct cut tiles = cut(d->rows, one_tile ? d->rows
                                                 : most_rows(t, panels.size));
        if (one_tile && v > 1 && d->rows > most_rows(t, panels.size))
            break;
        double loads = 0.02 * (double)(einc_direct_parts(&panels) * d->rows +
                               einc_direct_parts(&tiles) * vectors);
        double worth = all_operations(&panels, &tiles) + loads;
        if (v > 1 && worth >= best)
            continue;
        best = worth;
        d->panels = panels;
        d->tiles = tiles;
    }
}

/* The widest vector that a row of out fills. */
static void
choose_lanes(const struct nest *w, const struct target *t, struct direct *d)
{
    enum { LEAST_VECTOR = 16 };
    int bytes = einc_nest_bytes(w->compute);
    d->vector_bytes = t->vector_bytes;
    while (d->vector_bytes >= LEAST_VECTOR &&
           d->vector_bytes > d->columns * bytes)
        d->vector_bytes /= 2;
    if (d->vector_bytes < LEAST_VECTOR)
        d->vector_bytes = 0;
    d->lanes = d->vector_bytes ? d->vector_bytes / bytes : 1;
    d->ragged = d->columns % d->lanes != 0;
    d->last = d->columns - d->lanes;
}

/* A task is some millions of flop, if a product is more; the rows of lhs that
 * it reads for every panel stay in L2. */
static void
choose_blocks(const struct nest *w, struct direct *d)
{
    static const double most = 6e6, most_bytes = 1 << 18;
    int64_t panels = einc_direct_parts(&d->panels);
    int64_t tiles = einc_direct_parts(&d->tiles);
    double row = (double)d->depth * einc_nest_bytes(w->compute);
    double tile = row * d->tiles.size;
    d->tile_block = tiles;
    while (d->tile_block > 1 && (double)d->tile_block * tile > most_bytes)
        d->tile_block = (d->tile_block + 1) / 2;
    double panel = 2 * (double)d->depth * d->lanes * d->panels.size *
                   (double)d->tile_block * d->tiles.size;
    d->panel_block = panels;
    while (d->panel_block > 1 && (double)d->panel_block * panel > most)
        d->panel_block = (d->panel_block + 1) / 2;
    while (d->tile_block > 8 && panel > most) {
        d->tile_block = (d->tile_block + 1) / 2;
        panel /= 2;
    }
}

/* --- what comes next, and what is written ------------------------------- */

/* Index of the outer loop that runs fastest; -1 for none. */
static int
fastest_outer(const struct nest *w, const struct direct_roles *r)
{
    int j = w->first[LOOP_K] - 1;
    while (j >= 0 && !einc_direct_is_outer(w, r, j))
        j--;
    return j;
}

/* Elements of a product's part of x if they lie without gaps, in any order;
 * else 0. */
static int64_t
dense_elements(const struct nest *w, const struct direct_roles *r,
               const struct nest_tensor *x)
{
    int64_t dense = 1, reach = 0;
    for (int j = 0; j < w->n_idx; j++) {
        int64_t n = w->idx[j].extent.value, s = x->stride[j].value, far;
        if (einc_direct_is_outer(w, r, j) || s == 0)
            continue;
        if (s < 0 || __builtin_mul_overflow(dense, n, &dense) ||
            __builtin_mul_overflow(n - 1, s, &far) ||
            __builtin_add_overflow(reach, far, &reach))
            return 0;
    }
    return reach + 1 == dense ? dense : 0;
}

static double
product_of(const struct nest *w, const struct nest_tensor *x)
{
    double n = 1;
    for (int j = 0; j < w->n_idx; j++)
        if (x->stride[j].value)
            n *= (double)w->idx[j].extent.value;
    return n;
}

/* Fetching ahead pays for operands between those that the machine itself
 * fetches in time and those that fill the cache. */
static void
choose_ahead(const struct nest *w, const struct direct_roles *r,
             struct direct *d)
{
    enum { LINE = 64, LEAST_BYTES = 512, MOST_BYTES = 1 << 16,
           LEAST_TOTAL = 1 << 20 };
    int outer = fastest_outer(w, r);
    int64_t steps = d->depth * einc_direct_parts(&d->panels) *
                    einc_direct_parts(&d->tiles);
    if (outer < 0 || !d->vector_bytes || d->unrolled ||
        d->panel_block < einc_direct_parts(&d->panels) ||
        d->tile_block < einc_direct_parts(&d->tiles))
        return;
    for (int o = 0; o < 2; o++) {
        const struct nest_tensor *x = &w->in[o];
        int64_t bytes = einc_dtype_info(x->storage)->bytes;
        int64_t one = dense_elements(w, r, x) * bytes;
        if (stride_is(x->stride[outer], 0) || one <= LEAST_BYTES ||
            one > MOST_BYTES ||
            product_of(w, x) * (double)bytes < LEAST_TOTAL)
            continue;
        d->ahead[o] = einc_nest_blocks(one, LINE);
        if (d->ahead[o] > 2 * steps)
            d->ahead[o] = 0;
    }
}

/* Past the cache: whole lines only, of a result that no cache holds. The
 * builtins are those of x86, where the sets with wide vectors are. */
static void
choose_stream(const struct nest *w, const struct direct_roles *r,
              const struct target *t, struct direct *d)
{
    enum { LINE = 64, LEAST_TOTAL = 1 << 24 };
    int bytes = einc_nest_bytes(w->compute);
    int64_t unit = LINE / bytes;
    double total = product_of(w, &w->out) * bytes;
    int fits = einc_dtype_info(w->compute)->kind == KIND_FLOAT &&
               t->vector_bytes >= 32 && d->vector_bytes && !d->ragged &&
               total >= LEAST_TOTAL;
    int dense = dense_elements(w, r, &w->out) % unit == 0 &&
                dense_elements(w, r, &w->out) != 0;
    for (int j = 0; j < w->first[LOOP_K]; j++) {
        struct quantity s = w->out.stride[j];
        if (j == r->lane)
            fits &= dense || w->idx[j].extent.value % unit == 0;
        else if (einc_direct_is_outer(w, r, j) || !dense)
            fits &= is_literal(s) && s.value % unit == 0;
    }
    d->stream = fits;
}

struct direct
einc_direct_cut(const struct nest *w, struct direct_roles r,
                const struct target *t)
{
    enum { MOST_UNROLLED = 64, MOST_UNROLLED_DEPTH = 8 };
    struct direct d = {.columns = w->idx[r.lane].extent.value, .rows = 1,
                       .depth = einc_nest_extent(w, LOOP_K)};
    for (int k = 0; k < r.n_rows; k++)
        d.rows *= w->idx[r.row[k]].extent.value;
    choose_lanes(w, t, &d);
    choose_shape(t, einc_nest_blocks(d.columns, d.lanes), r.n_rows > 1, &d);
    choose_blocks(w, &d);
    d.unrolled = d.depth <= MOST_UNROLLED_DEPTH &&
                 d.depth * d.tiles.size * d.panels.size <= MOST_UNROLLED;
    choose_ahead(w, &r, &d);
    choose_stream(w, &r, t, &d);
    return d;
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

static int
fits(const struct nest *w)
{
    enum { MOST_DEPTH = 1 << 12, MOST_COLUMNS = 1 << 20 };
    enum dtype_kind kind = einc_dtype_info(w->compute)->kind;
    if (w->n_in != 2 || w->target->language != LANGUAGE_C ||
        w->first[LOOP_K] == w->n_idx ||
        (kind != KIND_FLOAT && kind != KIND_INT))
        return 0;
    struct direct_roles r = einc_direct_roles(w);
    if (r.lane < 0 || !r.n_rows || !is_native(w, &w->out) ||
        !is_native(w, &w->in[0]) || !is_native(w, &w->in[1]))
        return 0;
    for (int j = 0; j < w->n_idx; j++)
        if (w->idx[j].extent.value < 1 ||
            (w->idx[j].role == LOOP_K && !all_literal(w, j)))
            return 0;
    return einc_nest_extent(w, LOOP_K) <= MOST_DEPTH &&
           w->idx[r.lane].extent.value <= MOST_COLUMNS;
}

/* --- cost --------------------------------------------------------------- */

/* Microseconds of reading n bytes that are read again and again, of which
 * `set` bytes lie between two readings. */
static double
read_time(const struct machine *m, double n, double set)
{
    return n / (double)m->read[einc_machine_level(m, set)];
}

/* Distance in memory from one step of k to the next. */
static int64_t
depth_stride(const struct nest *w, const struct nest_tensor *x)
{
    int64_t s = x->stride[w->n_idx - 1].value;
    return (s < 0 ? -s : s) * einc_nest_bytes(w->compute);
}

/* Microseconds in which one product's operands come to the registers. A
 * panel of rhs is read for each tile of rows, lhs for each panel. Rows of a
 * panel that are a multiple of a page apart meet in few sets of L1, and what
 * of lhs lies neither along rows nor along k takes a line per element. */
static double
operand_time(const struct nest *w, const struct direct_roles *r,
             const struct direct *d, const struct machine *m)
{
    enum { PAGE = 4096, LINE = 64, WAYS = 8 };
    int bytes = einc_nest_bytes(w->compute);
    const struct nest_tensor *lhs = &w->in[r->lhs], *rhs = &w->in[1 - r->lhs];
    double panels = (double)einc_direct_parts(&d->panels);
    double tiles = (double)einc_direct_parts(&d->tiles);
    double panel = (double)d->depth * d->panels.size * d->lanes * bytes;
    double set = panel;
    if (depth_stride(w, rhs) % PAGE == 0 && d->depth > WAYS)
        set = 2.0 * (double)m->bytes[MACHINE_L1];
    double a = (double)d->rows * (double)d->depth * bytes;
    int64_t row = einc_direct_row(w, r, lhs, 1) * bytes;
    row = row < 0 ? -row : row;
    if (row > bytes && depth_stride(w, lhs) > bytes)
        a *= (double)LINE / bytes;
    return read_time(m, panel * panels * tiles, set) +
           read_time(m, a * panels, a / tiles * (double)d->tile_block);
}

/* Pages that the steps of k touch in x, about: an index whose steps are
 * shorter shares them. */
static double
depth_pages(const struct nest *w, const struct nest_tensor *x)
{
    enum { PAGE = 4096 };
    double apart = 1, span = 0;
    for (int j = w->first[LOOP_K]; j < w->n_idx; j++) {
        double s = (double)x->stride[j].value * einc_nest_bytes(w->compute);
        double n = (double)w->idx[j].extent.value;
        s = s < 0 ? -s : s;
        if (s < PAGE)
            span += s * n;
        else
            apart *= n;
    }
    return apart * (span > PAGE ? span / PAGE : 1);
}

/* Microseconds that a product waits for page tables: a panel of rhs has its
 * rows in more pages than they keep at hand (f32, n^3 direct instead of
 * packed: 640 3.3 and 3.2 ms, 768 6.7 and 5.5, 1600 99 and 52). */
static double
page_time(const struct nest *w, const struct direct_roles *r,
          const struct direct *d)
{
    enum { MANY = 512, TOO_MANY = 1200 };
    static const double each[2] = {1.2e-3, 5e-3};
    double pages = depth_pages(w, &w->in[1 - r->lhs]);
    double rows = (double)(d->depth * einc_direct_parts(&d->tiles) *
                           einc_direct_parts(&d->panels));
    return pages > MANY ? rows * each[pages > TOO_MANY] : 0;
}

static double
cost(const struct nest *w)
{
    const struct target *t = w->target;
    const struct machine *m = einc_machine_default(str_of(t->name));
    struct direct_roles r = einc_direct_roles(w);
    struct direct d = einc_direct_cut(w, r, t);
    int bytes = einc_nest_bytes(w->compute);
    double lanes = t->vector_bytes ? t->vector_bytes / bytes : 1, products = 1;
    double operation =
        2 * lanes / (double)m->peak[einc_machine_type(w->compute)];
    for (int j = 0; j < w->first[LOOP_K]; j++)
        if (einc_direct_is_outer(w, &r, j))
            products *= (double)w->idx[j].extent.value;
    double work = (double)d.depth * operation *
                  all_operations(&d.panels, &d.tiles) * 100 /
                  (double)m->direct_percent;
    double tiles = (double)(einc_direct_parts(&d.tiles) *
                            einc_direct_parts(&d.panels));
    double begin = (d.unrolled ? 0.25 : 1) * (double)m->tile_ns * tiles / 1000;
    double operands = operand_time(w, &r, &d, m);
    double panel = (double)d.depth * d.panels.size * d.lanes * bytes;
    /* vectors that cross lines on their way from L2 are waited for */
    int waits = depth_stride(w, &w->in[1 - r.lhs]) % 64 != 0 &&
                1.2 * panel > (double)m->bytes[MACHINE_L1];
    double one = waits              ? work + operands
                 : work > operands ? work
                                    : operands;
    one += begin + page_time(w, &r, &d);
    double all = 0, bytes_read = 0;
    for (int o = 0; o < 2; o++)
        bytes_read += product_of(w, &w->in[o]) * bytes;
    double bytes_written = product_of(w, &w->out) * bytes;
    enum machine_level l = einc_machine_level(m, bytes_read + bytes_written);
    if (l > MACHINE_L2)
        all = bytes_read / (double)m->read[l] +
              bytes_written / (double)m->write[l];
    double busy = products * one;
    return (busy > all ? busy : all) * 1e-6;
}

/* --- build -------------------------------------------------------------- */

static struct nest_node *
block_loop(struct arena *perm, enum nest_block block, struct nest_node *child)
{
    struct nest_node *x = einc_nest_node(perm, NEST_LOOP, child);
    x->block = block;
    return x;
}

static void
build(struct arena *perm, struct nest *w, enum nest_mode mode)
{
    (void)mode;
    struct nest_node *tile =
        einc_nest_then(einc_nest_node(perm, NEST_TILE, NULL),
                       einc_nest_node(perm, NEST_STORE, NULL));
    struct direct_roles r = einc_direct_roles(w);
    struct direct d = einc_direct_cut(w, r, w->target);
    w->lane = r.lane;
    w->lanes = d.lanes;
    w->tile.lanes = d.lanes;
    w->tile.mr = d.tiles.size;
    w->tile.nv = d.panels.size;
    w->tile.nr = d.panels.size * d.lanes;
    w->root = einc_nest_node(
        perm, NEST_TASKS, block_loop(perm, BLOCK_TILE, tile));
}

static int64_t
arguments(const struct nest *w, int threads, int64_t *n, int64_t *s)
{
    (void)threads;
    struct direct_roles r = einc_direct_roles(w);
    struct direct d = einc_direct_cut(w, r, w->target);
    einc_nest_fill_slots(w, n, s);
    int64_t tasks =
        einc_nest_blocks(einc_direct_parts(&d.panels), d.panel_block) *
        einc_nest_blocks(einc_direct_parts(&d.tiles), d.tile_block);
    for (int j = 0; j < w->first[LOOP_K]; j++)
        if (einc_direct_is_outer(w, &r, j))
            tasks *= w->idx[j].extent.value;
    return tasks;
}

/* --- dump --------------------------------------------------------------- */

static void
put_cut(struct text *t, const char *name, const struct cut *c)
{
    einc_put(t, " %s", name);
    for (int s = 0; s < 2; s++)
        if (c->n[s])
            einc_put(t, " %lldx%d", (long long)c->n[s], c->size - s);
}

static void
print(struct text *t, const struct nest *w)
{
    struct direct_roles r = einc_direct_roles(w);
    struct direct d = einc_direct_cut(w, r, w->target);
    einc_put(t, "  lanes %d over %s, rows", d.lanes, w->idx[r.lane].name);
    for (int k = 0; k < r.n_rows; k++)
        einc_put(t, "%s%s", k ? "," : " ", w->idx[r.row[k]].name);
    put_cut(t, "tiles", &d.tiles);
    put_cut(t, "panels", &d.panels);
    einc_put(t, "%s%s%s%s\n", d.ragged ? " ragged" : "",
             d.unrolled ? " unrolled" : "",
             d.ahead[0] || d.ahead[1] ? " ahead" : "",
             d.stream ? " stream" : "");
}

const struct family einc_family_direct = {
    FAMILY_DIRECT, "direct", 1, fits, cost, build, arguments, print,
};

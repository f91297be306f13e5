/* SPDX-License-Identifier: MIT
 *
 * nest_gett.c - contractions with packed operands: any strides, any size.
 */
#include "codegen/family.h"
#include "plan/model.h"

/* --- the tree ----------------------------------------------------------- */

static struct nest_node *
block_loop(struct arena *perm, enum nest_block block, struct nest_node *child)
{
    struct nest_node *x = einc_nest_node(perm, NEST_LOOP, child);
    x->block = block;
    return x;
}

static struct nest_node *
pack(struct arena *perm, int tensor)
{
    struct nest_node *x = einc_nest_node(perm, NEST_PACK, NULL);
    x->tensor = tensor;
    return x;
}

static struct nest_node *
make_tree(struct arena *perm)
{
    struct nest_node *tile =
        einc_nest_then(einc_nest_node(perm, NEST_TILE, NULL),
                       einc_nest_node(perm, NEST_STORE, NULL));
    struct nest_node *tiles = block_loop(perm, BLOCK_TILE, tile);
    struct nest_node *rows =
        block_loop(perm, BLOCK_M, einc_nest_then(pack(perm, 0), tiles));
    struct nest_node *columns =
        block_loop(perm, BLOCK_N, einc_nest_then(pack(perm, 1), rows));
    return einc_nest_node(perm, NEST_TASKS,
                          block_loop(perm, BLOCK_K, columns));
}

/* --- small pieces ------------------------------------------------------- */

static int64_t
at_most(int64_t n, int64_t most)
{
    return n < most ? n : most;
}

/* --- scratch ------------------------------------------------------------ */

static int64_t
more(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Behind all else: weights of two tiles of lhs or of a panel of rhs, and of
 * what a last one of them writes too far; their offsets and runs. */
static int64_t
weight_scratch(const struct tile *s, int64_t bytes)
{
    int64_t elements = s->kc * more(2 * s->mr, more(s->nr, s->wide)) +
                       (int64_t)s->lanes * s->lanes;
    int64_t tables = 2 * more(s->mb, s->nb) + 2 * (int64_t)s->kc;
    return elements * bytes + tables * 8;
}

/* Elements of both packed blocks; the sums of a task where out cannot hold
 * them between K blocks; offsets and lengths of runs; a tile on its way. */
static int64_t
gett_scratch(const struct tile *s, const struct nest *w)
{
    int64_t bytes = einc_nest_bytes(w->compute) * einc_nest_planes(w->compute);
    int64_t elements = (w->table ? w->gett->lhs_room + w->gett->rhs_room
                                 : (int64_t)s->kc * (s->mc + s->nc)) +
                       einc_nest_up_to((int64_t)s->lanes * s->lanes, 16);
    if (!einc_gett_adds_up(w))
        elements += (int64_t)s->mc * s->nc;
    int64_t tables = 3 * (int64_t)s->mb + 4 * (int64_t)s->nb +
                     4 * (int64_t)s->kc;
    int64_t weights = w->n_in == 3 ? weight_scratch(s, bytes) : 0;
    return (elements * bytes + tables * 8 + weights + 4 * 64 + 63) / 64 * 64;
}

/* The scratch of a portable file is that of its hungriest row. */
static int64_t
portable_scratch(const struct nest *w)
{
    int64_t most = 0;
    for (int r = 0; einc_target_portable[r]; r++) {
        struct tile s = einc_tile_choose(einc_target_portable[r], w->compute);
        int64_t bytes = gett_scratch(&s, w);
        most = bytes > most ? bytes : most;
    }
    return most;
}

int
einc_gett_adds_up(const struct nest *w)
{
    return w->out.storage == w->compute && w->compute != EINC_BOOL;
}

int
einc_gett_is_moved(const struct nest *w, enum einc_dtype storage)
{
    return einc_nest_planes(w->compute) == 1 && w->compute != EINC_BOOL &&
           storage == w->compute;
}

/* What a weight multiplies is packed; a table has to ask whether it does. */
static int
may_stay(const struct nest *w, const struct step *s)
{
    return w->table || s->n_in < 3 || s->weighed != 1;
}

int
einc_gett_in_place(const struct nest *w)
{
    return einc_gett_is_moved(w, w->in[1].storage) && may_stay(w, w->step);
}

int
einc_gett_weighs(const struct nest *w)
{
    return w->table || w->n_in == 3;
}

int
einc_gett_has_near(const struct nest *w)
{
    return w->table && einc_gett_in_place(w);
}

int
einc_gett_has_past(const struct nest *w)
{
    return w->table && w->target->vector_bytes &&
           einc_gett_is_moved(w, w->out.storage);
}

int
einc_gett_has_wide(const struct nest *w)
{
    return w->tile.wide && einc_gett_has_past(w);
}

/* Columns and rows of the tile, at most. */
static int
width_of(const struct nest *w)
{
    return w->gett->panel > w->tile.nr ? w->tile.wide : w->tile.nr;
}

static int
tall_of(const struct nest *w)
{
    return w->gett->panel > w->tile.nr ? w->tile.low : w->tile.mr;
}

static int
has_few_rows(int64_t m, const struct tile *s)
{
    return m <= 8 * s->mr;
}

/* Bytes of a tensor, at most `most`; from LOOP_M on: of one product of a
 * batch. */
static int64_t
bytes_of(const struct nest *w, const struct nest_tensor *x,
         enum loop_role from, int64_t most)
{
    int64_t n = einc_dtype_info(x->storage)->bytes;
    for (int j = w->first[from]; j < w->n_idx; j++)
        if (x->stride[j].value && w->idx[j].extent.value > 0)
            n = w->idx[j].extent.value < most / n + 1
                    ? n * w->idx[j].extent.value
                    : most;
    return n < most ? n : most;
}

/* Few rows: all of lhs is packed once and stays in L2, and panels of rhs pass
 * through L1. Else a block of rhs stays: then a tile writes on along the same
 * rows of out, panel after panel, and that counts for more where out lies in
 * memory and little is computed for each element. 28 to 100 rows, K 64, out of
 * 8 to 60 MB: 50 to 75 GF/s against 69 to 105; K 300: even. */
static int
rows_stay(const struct nest *w)
{
    enum { FAR_BYTES = 16 << 20, SHALLOW = 128 };
    int far = bytes_of(w, &w->in[1], LOOP_M, FAR_BYTES) +
                  bytes_of(w, &w->out, LOOP_M, FAR_BYTES) >= FAR_BYTES;
    return has_few_rows(einc_nest_extent(w, LOOP_M), &w->tile) &&
           !(far && einc_nest_extent(w, LOOP_K) <= SHALLOW);
}

static int64_t
most_rows(int stays, const struct tile *s, int adds_up)
{
    return stays || !adds_up ? s->mc : s->mb;
}

/* Rows of a task of a step: all, or balanced blocks and what is left. */
static uint32_t
heights_of(const struct plan *p, const struct step *x, const struct tile *s)
{
    for (int j = 0; j < x->m.n; j++)
        if (!p->canon->indices[x->m.index[j]].fixed)
            return einc_tile_heights(s, 0);
    int adds_up = p->tensors[x->out].dtype == p->graph->compute;
    /* few rows are one block in any case */
    int64_t m = x->m.extent, most = most_rows(has_few_rows(m, s), s, adds_up);
    int64_t rows = einc_nest_balance(m, most, s->mr);
    int64_t left = m - (einc_nest_blocks(m, rows) - 1) * rows;
    return einc_tile_heights_of(s, rows < m ? rows : m) |
           einc_tile_heights_of(s, left);
}

uint32_t
einc_gett_heights(const struct nest *w)
{
    uint32_t heights = 0;
    if (w->table)
        return einc_tile_heights(&w->tile, w->rich);
    for (int s = 0; s < w->plan->n_steps; s++)
        if (w->plan->steps[s].kind == STEP_CONTRACT)
            heights |= heights_of(w->plan, &w->plan->steps[s], &w->tile);
    return heights;
}

/* The steps whose kernels share what is printed once: all of a file, or the
 * one of a unit. */
static int
any_step(const struct nest *w,
         int (*is)(const struct nest *, const struct step *))
{
    for (int s = 0; !w->table && s < w->plan->n_steps; s++)
        if (w->plan->steps[s].kind == STEP_CONTRACT &&
            is(w, &w->plan->steps[s]))
            return 1;
    return w->table && is(w, w->step);
}

static int
is_moved(const struct nest *w, int tensor)
{
    return einc_gett_is_moved(w, w->plan->tensors[tensor].dtype);
}

static int
moves_rhs(const struct nest *w, const struct step *s)
{
    return is_moved(w, s->in[1]) && may_stay(w, s);
}

static int
moves_in(const struct nest *w, const struct step *s)
{
    return is_moved(w, s->in[0]) || is_moved(w, s->in[1]);
}

static int
moves_out(const struct nest *w, const struct step *s)
{
    return is_moved(w, s->out);
}

static int
has_weight(const struct nest *w, const struct step *s)
{
    return w->table || s->n_in == 3;
}

static int
fetches(const struct nest *w, const struct step *s)
{
    return w->target->vector_bytes && is_moved(w, s->in[0]);
}

int
einc_gett_fetches(const struct nest *w)
{
    return fetches(w, w->step);
}

int
einc_gett_moves(const struct nest *w, enum gett_move what)
{
    int (*const is[])(const struct nest *, const struct step *) = {
        [MOVES_RHS] = moves_rhs,   [MOVES_IN] = moves_in,
        [MOVES_OUT] = moves_out,   [HAS_WEIGHT] = has_weight,
        [FETCHES] = fetches};
    return any_step(w, is[what]);
}

/* --- lhs in place ------------------------------------------------------- */

/* An index alone in its role, of an extent above 0; else -1. */
static int
only_index(const struct nest *w, enum loop_role role)
{
    int j = w->first[role];
    return w->first[role + 1] == j + 1 && w->idx[j].extent.value > 0 ? j : -1;
}

/* A set of a first cache has 8 ways or more; 14 rows that are pages apart
 * would all be in the same one, and each element of them would miss. */
static int
is_spread(const struct nest *w, int64_t stride, int64_t rows)
{
    enum { PAGE = 4096, LINE = 64, WAYS = 8 };
    int64_t n = einc_nest_bytes(w->compute);
    int64_t far = stride < 0 ? -stride : stride;
    return rows <= WAYS || far <= LINE / n ||
           (far % PAGE * n + LINE) % PAGE >= 2 * LINE;
}

/* As far as today's numbers tell: what a table finds out when it runs. */
static int
may_be_in_place(const struct nest *w)
{
    int m = only_index(w, LOOP_M), k = only_index(w, LOOP_K);
    const struct quantity *stride = w->in[0].stride;
    return einc_gett_fetches(w) && m >= 0 && k >= 0 && stride[k].value == 1 &&
           !(w->n_in == 3 && w->step->weighed == 0) &&
           is_spread(w, stride[m].value, w->idx[m].extent.value);
}

int
einc_gett_has_rows(const struct nest *w)
{
    return w->table ? einc_gett_fetches(w) : may_be_in_place(w);
}

/* --- the order of positions --------------------------------------------- */

/* The largest divisor of n from lo to hi, or 0. */
static int64_t
divisor(int64_t n, int64_t lo, int64_t hi)
{
    for (int64_t d = hi < n ? hi : n; d >= lo; d--)
        if (n % d == 0)
            return d;
    return 0;
}

/* How many neighbours to take at once: a vector of them can be transposed in
 * registers; of other counts a cache line is at least used up. */
static int64_t
neighbours(int64_t n, int lanes)
{
    return n % lanes == 0 ? lanes : divisor(n, 4, 2 * lanes);
}

/* Index j of the nest, or one in `step` of its values, `count` of them. */
static void
add_part(const struct nest *w, struct gett *g, int j, int64_t count,
         int64_t step)
{
    g->extent[g->total] = count;
    g->stride[0][g->total] = w->in[0].stride[j].value * step;
    g->stride[1][g->total] = w->in[1].stride[j].value * step;
    g->stride[2][g->total] = w->out.stride[j].value * step;
    if (w->n_in == 3)
        g->stride[3][g->total] = w->in[2].stride[j].value * step;
    g->total++;
}

static void
add_whole(const struct nest *w, struct gett *g, int j)
{
    add_part(w, g, j, w->idx[j].extent.value, 1);
}

static void
add_all_but(const struct nest *w, struct gett *g, enum loop_role role, int x,
            int y)
{
    for (int j = w->first[role]; j < w->first[role + 1]; j++)
        if (j != x && j != y)
            add_whole(w, g, j);
}

static int64_t
distance(const struct nest_tensor *t, int j)
{
    int64_t s = t->stride[j].value;
    return s < 0 ? -s : s;
}

/* Indices of a role of which some values are taken together: x is contiguous
 * in rhs, y in another tensor, and z follows y there; -1: there is no z. */
struct block {
    int x, y, z;
    int64_t x0, y0, z0; /* how many */
};

/* All but x and y, slowest first in the memory of rhs. */
static void
add_sorted(const struct nest *w, struct gett *g, enum loop_role role,
           const struct block *b)
{
    const struct nest_tensor *t = &w->in[1];
    int64_t below = INT64_MAX;
    for (;;) {
        int64_t most = -1;
        for (int j = w->first[role]; j < w->first[role + 1]; j++)
            if (j != b->x && j != b->y && distance(t, j) < below &&
                distance(t, j) > most)
                most = distance(t, j);
        if (most < 0)
            return;
        for (int j = w->first[role]; j < w->first[role + 1]; j++) {
            int64_t step = j == b->z ? b->z0 : 1;
            if (j != b->x && j != b->y && distance(t, j) == most)
                add_part(w, g, j, w->idx[j].extent.value / step, step);
        }
        below = most;
    }
}

/* An index of a role with stride 1 in operand o and an extent worth it; -1. */
static int
unit_index(const struct nest *w, enum loop_role role, int o)
{
    for (int j = w->first[role]; j < w->first[role + 1]; j++)
        if (w->in[o].stride[j].value == 1 && w->idx[j].extent.value >= 4)
            return j;
    return -1;
}

/* Blocks are visited whole: ..., z1, y1, x1, x0, z0, y0, the last fastest. The
 * next block has the next cache lines of rhs, on the same pages. */
static void
add_blocked(const struct nest *w, struct gett *g, enum loop_role role,
            const struct block *b)
{
    add_sorted(w, g, role, b);
    add_part(w, g, b->y, w->idx[b->y].extent.value / b->y0, b->y0);
    add_part(w, g, b->x, w->idx[b->x].extent.value / b->x0, b->x0);
    add_part(w, g, b->x, b->x0, 1);
    if (b->z >= 0)
        add_part(w, g, b->z, b->z0, 1);
    add_part(w, g, b->y, b->y0, 1);
}

/* How far out is contiguous along its lanes. */
static int64_t
run_of_out(const struct nest *w)
{
    int64_t run = 1;
    for (int j = w->first[LOOP_N + 1] - 1; j >= w->first[LOOP_N]; j--) {
        if (w->out.stride[j].value != run)
            break;
        run *= w->idx[j].extent.value;
    }
    return run;
}

/* Rows in the order of lhs: what is contiguous there comes last. But where
 * rows of out are short pieces of a large tensor, in its order: the pieces of
 * a cache line are written one soon after the other. */
static void
order_rows(const struct nest *w, struct gett *g)
{
    enum { SHORT = 4 }; /* panels */
    int unit = unit_index(w, LOOP_M, 0);
    if (run_of_out(w) < SHORT * w->tile.nr &&
        einc_nest_extent(w, LOOP_N) > 2 * einc_nest_extent(w, LOOP_K))
        unit = -1;
    add_all_but(w, g, LOOP_M, unit, -1);
    if (unit >= 0)
        add_whole(w, g, unit);
}

/* Whether lines of rhs that have been read for a value of index x of N are
 * still near when the next value comes, if columns follow each other as in
 * out. */
static int
comes_back_soon(const struct nest *w, int x)
{
    enum { NEAR_LINES = 4096 };
    int64_t lines = at_most(einc_nest_extent(w, LOOP_K), w->tile.kc);
    for (int j = x + 1; j < w->first[LOOP_N + 1]; j++)
        lines = at_most(lines * at_most(w->idx[j].extent.value, NEAR_LINES + 1),
                        NEAR_LINES + 1);
    return lines <= NEAR_LINES;
}

/* Columns of a panel: of a wide one where runs of out, or two of them, are
 * just as long, and few of the last one are missing. */
static int
panel_of(const struct nest *w)
{
    const struct tile *s = &w->tile;
    int64_t run = run_of_out(w), n = einc_nest_extent(w, LOOP_N);
    if (!einc_gett_has_wide(w) || run % s->nr == 0 ||
        (run % s->wide && 2 * run != s->wide) ||
        16 * s->wide * einc_nest_blocks(n, s->wide) > 17 * n)
        return s->nr;
    return s->wide;
}

/* The index of N that follows y in out, where a panel holds all values of y
 * some times, and it can be cut into so many; -1. */
static int
follower(const struct nest *w, const struct block *b, int panel)
{
    int64_t n = w->idx[b->y].extent.value;
    if (w->out.stride[b->y].value != 1 || panel % n)
        return -1;
    for (int z = w->first[LOOP_N]; z < b->y; z++)
        if (z != b->x && w->out.stride[z].value == n &&
            w->idx[z].extent.value % (panel / n) == 0)
            return z;
    return -1;
}

/* What of out's lanes is taken together in a block, and the panel that it
 * fills: a whole one if it can be, else two halves of it, of neighbours along
 * x, else most of it. y0 is 0 if there is none. */
static int
choose_lanes(const struct nest *w, struct block *b)
{
    const struct tile *s = &w->tile;
    int wide = einc_gett_has_wide(w) ? s->wide : s->nr;
    int64_t n = w->idx[b->y].extent.value;
    b->z = -1;
    b->z0 = 1;
    for (int panel = s->nr; panel <= wide; panel += s->lanes)
        if (n % panel == 0) {
            b->y0 = panel;
            return panel;
        }
    b->y0 = n;
    for (int panel = s->nr; panel <= wide; panel += s->lanes)
        if ((b->z = follower(w, b, panel)) >= 0) {
            b->z0 = panel / n;
            return panel;
        }
    if (2 * n == wide && wide > s->nr && b->x0 % 2 == 0)
        return wide;
    b->y0 = divisor(n, s->nr / 2 + 1, s->nr);
    return (int)b->y0;
}

/* A block is packed at once, and has to fit what there is for that. */
static int64_t
most_neighbours(const struct nest *w, const struct block *b)
{
    const struct tile *s = &w->tile;
    int64_t depth = at_most(einc_nest_extent(w, LOOP_K), s->kc);
    return (int64_t)s->nc * s->kc / more(b->y0 * b->z0 * depth, 1);
}

/* Columns in the order of out; but where rhs is contiguous along another
 * index than out, blocks of both: as vectors that are turned, or, if they do
 * not fit into those, where lines would not be used up otherwise. */
static void
order_columns(const struct nest *w, struct gett *g)
{
    const struct tile *s = &w->tile;
    struct block b = {.x = unit_index(w, LOOP_N, 1),
                      .y = w->first[LOOP_N + 1] - 1};
    b.x0 = b.x >= 0 && b.x != b.y
               ? neighbours(w->idx[b.x].extent.value, s->lanes)
               : 0;
    int panel = choose_lanes(w, &b);
    int64_t most = most_neighbours(w, &b);
    if (b.x0 > most)
        b.x0 = divisor(w->idx[b.x].extent.value, 4, most);
    int halves = b.y0 * b.z0 < panel;
    if (!b.x0 || !b.y0 || s->lanes < 2 || (halves && b.x0 % 2) ||
        (b.x0 != s->lanes && comes_back_soon(w, b.x))) {
        g->panel = panel_of(w);
        add_all_but(w, g, LOOP_N, -1, -1);
        return;
    }
    add_blocked(w, g, LOOP_N, &b);
    g->apart = (int)(b.y0 * b.z0);
    g->near = (int)b.x0;
    g->panel = panel;
}

/* Whether rows of out follow each other at the distance of a run along N. */
static int
rows_follow(const struct nest *w, int64_t run)
{
    int last = w->first[LOOP_M + 1] - 1;
    return last >= w->first[LOOP_M] && w->out.stride[last].value == run;
}

/* Whether a tile of rows that follow each other is better one run wide, and
 * lies in memory as a whole. What is computed for the rest of the panel is
 * wasted, which a shallow product can afford. f32, 24 columns, K 24: 28 ms, so
 * 25; K 3: 18 ms, so 15. */
static int
joins_rows(const struct nest *w, const struct gett *g)
{
    enum { SHALLOW = 64, LINE = 64 };
    int64_t run = run_of_out(w);
    int nr = w->tile.nr;
    return g->panel == nr && !g->apart && run < nr && run > nr / 2 &&
           rows_follow(w, run) &&
           w->tile.mr * run * einc_nest_bytes(w->compute) % LINE == 0 &&
           einc_nest_extent(w, LOOP_K) <= SHALLOW;
}

/* Whether and how the result is written past the caches: what no cache holds,
 * once, and in whole lines. Where a panel is two runs along N of a vector and a
 * half each, rows that follow each other make whole lines two by two. */
static enum gett_past
choose_past(const struct nest *w, const struct gett *g)
{
    enum { FAR_BYTES = 24 << 20, LINE = 64 };
    int64_t run = run_of_out(w);
    int last = w->first[LOOP_M + 1] - 1;
    int pairs = 2 * run == g->panel && rows_follow(w, run) &&
                w->idx[last].extent.value % 2 == 0;
    int lines = run % g->panel == 0 &&
                g->panel * einc_nest_bytes(w->compute) % LINE == 0;
    if (!einc_gett_has_past(w) || einc_nest_extent(w, LOOP_K) > g->depth ||
        bytes_of(w, &w->out, LOOP_BATCH, FAR_BYTES) < FAR_BYTES)
        return PAST_NOT;
    return pairs || lines ? PAST_LINES : joins_rows(w, g) ? PAST_JOINED
                                                          : PAST_NOT;
}

/* K in the order of lhs; but where rhs is contiguous along another index
 * than lhs, blocks of both, or only rhs if lhs is contiguous in M. */
static void
order_depth(const struct nest *w, struct gett *g)
{
    int kc = w->tile.kc;
    int x = unit_index(w, LOOP_K, 1), y = w->first[LOOP_K + 1] - 1;
    int64_t x0 = x >= 0 && x != y
                     ? neighbours(w->idx[x].extent.value, w->tile.lanes)
                     : 0;
    if (!x0) {
        add_all_but(w, g, LOOP_K, -1, -1);
    } else if (unit_index(w, LOOP_K, 0) != y) {
        add_all_but(w, g, LOOP_K, x, -1);
        add_whole(w, g, x);
    } else {
        int64_t y0 = divisor(w->idx[y].extent.value, 1, kc / x0);
        const struct block b = {x, y, -1, x0, y0, 1};
        add_blocked(w, g, LOOP_K, &b);
        g->deep_apart = (int)y0;
        g->deep_near = (int)x0;
    }
}

static void
set_weight(const struct nest *w, struct gett *g)
{
    g->weighs = w->n_in == 3 ? w->step->weighed : -1;
    if (g->weighs < 0)
        return;
    enum loop_role side = g->weighs ? LOOP_N : LOOP_M;
    for (int j = w->first[side]; j < w->first[side + 1]; j++)
        g->weight_moves |= w->in[2].stride[j].value != 0;
}

static struct gett *
make_order(struct arena *perm, const struct nest *w)
{
    struct gett *g = NEW(perm, struct gett, 1);
    void (*const order[])(const struct nest *, struct gett *) = {
        [LOOP_M] = order_rows, [LOOP_N] = order_columns,
        [LOOP_K] = order_depth};
    enum { MOST_SPLITS = 5 };
    g->extent = NEW(perm, int64_t, w->n_idx + MOST_SPLITS);
    for (int o = 0; o < 4; o++)
        g->stride[o] = NEW(perm, int64_t, w->n_idx + MOST_SPLITS);
    g->panel = w->tile.nr;
    set_weight(w, g);
    for (int r = 0; r < N_LOOP_ROLES; r++) {
        int before = g->total;
        if (r == LOOP_BATCH || !w->table)
            add_all_but(w, g, (enum loop_role)r, -1, -1);
        else
            order[r](w, g);
        g->n[r] = g->total - before;
    }
    return g;
}

/* --- build -------------------------------------------------------------- */

static int
fits(const struct nest *w)
{
    return w->step->kind == STEP_CONTRACT && w->target->language == LANGUAGE_C;
}

/* Beside what the model counts: to pack a panel of rhs takes 250 ns, however
 * shallow (f32, 2x2 to 14x16 times a million columns: 7.8 to 17 ms). */
static double
cost(const struct nest *w)
{
    static const double panel = 250e-9;
    const struct model_gett g = {
        .compute = w->compute,
        .batch = (double)einc_nest_extent(w, LOOP_BATCH),
        .m = (double)einc_nest_extent(w, LOOP_M),
        .n = (double)einc_nest_extent(w, LOOP_N),
        .k = (double)einc_nest_extent(w, LOOP_K),
        .lhs = may_be_in_place(w) ? MODEL_IN_PLACE : MODEL_NEAR,
        .rhs = MODEL_NEAR, .out = MODEL_NEAR};
    const struct machine *m = einc_machine_default(str_of(w->target->name));
    if (!m) /* a header, for any machine */
        m = einc_machine_default(str_of("generic"));
    struct tile tile = einc_tile_choose(w->target, w->compute);
    double panels = g.batch * (double)einc_nest_blocks((int64_t)g.n, tile.nr);
    return einc_model_gett(m, &g, 1) + panels * panel;
}

/* Columns of a task come in these units: whole panels, or whole blocks of
 * neighbours. */
static int64_t
column_unit(const struct gett *g)
{
    return g->apart ? (int64_t)g->apart * g->near : g->panel;
}

/* Whether tasks of r rows and c columns are better halved across columns than
 * across rows. Each task packs for itself: lhs, which takes twice as long
 * where it is turned, once more for each block of columns, or never; rhs once
 * more for each block of rows. */
static int
splits_columns(const struct nest *w, int64_t r, int64_t c)
{
    int lhs = may_be_in_place(w) ? 0 : unit_index(w, LOOP_M, 0) >= 0 ? 1 : 2;
    return lhs * r <= c;
}

/* Rows and columns of out per task: as large as the scratch allows, smaller
 * while threads would be idle. */
static void
choose_task(const struct nest *w, int threads, int64_t *rows, int64_t *columns)
{
    const struct gett *g = w->gett;
    const struct tile *s = &w->tile;
    int64_t m = einc_nest_extent(w, LOOP_M), n = einc_nest_extent(w, LOOP_N);
    int64_t batch = einc_nest_extent(w, LOOP_BATCH), unit = column_unit(g);
    int64_t most = (int64_t)s->nc / width_of(w) * g->panel, tall = tall_of(w);
    int adds_up = einc_gett_adds_up(w);
    *rows = most_rows(g->rows_stay, s, adds_up) / tall * tall;
    *columns = (g->rows_stay && adds_up ? s->nb : most) / unit * unit;
    *columns = more(*columns, unit);
    while (threads > 1 && batch * einc_nest_blocks(m, *rows) *
                                  einc_nest_blocks(n, *columns) <
                              2 * threads) {
        int64_t c = at_most(*columns, n), r = at_most(*rows, m);
        if (c > 2 * unit && (splits_columns(w, r, c) || r <= 2 * tall))
            *columns = einc_nest_up_to(c / 2, unit);
        else if (r > 2 * tall)
            *rows = einc_nest_up_to(r / 2, tall);
        else
            break;
    }
    *rows = einc_nest_balance(m, *rows, tall);
    *columns = einc_nest_balance(n, *columns, unit);
}

/* What a task packs at once: of the side that stays all, of the other one 8
 * tiles, or a panel, or some neighbours. Sums beside out are laid out for whole
 * blocks. With more threads tasks are no larger. */
static void
set_rooms(const struct nest *w, struct gett *g)
{
    const struct tile *s = &w->tile;
    int64_t most_lhs = (int64_t)s->mc * s->kc;
    int64_t most_rhs = (int64_t)s->nc * s->kc;
    int64_t rows, columns;
    g->lhs_room = most_lhs;
    g->rhs_room = most_rhs;
    if (!einc_gett_adds_up(w))
        return;
    choose_task(w, 1, &rows, &columns);
    int64_t tiles = einc_nest_blocks(rows, tall_of(w));
    int64_t panels = einc_nest_blocks(columns, g->panel);
    if (g->rows_stay)
        panels = at_most(panels, column_unit(g) / g->panel);
    else
        tiles = at_most(tiles, 8);
    g->lhs_room = at_most(einc_nest_up_to(tiles * tall_of(w) * g->depth, 16),
                          most_lhs);
    g->rhs_room = at_most(einc_nest_up_to(panels * width_of(w) * g->depth, 16),
                          most_rhs);
}

/* K of a block, at most. Where few rows meet a wide rhs whose rows lie on pages
 * of their own, a panel goes down through as many pages as the block is deep,
 * which neither tables of pages nor what fetches ahead can follow: so only as
 * deep as pays for the sums, which are read and written in L2 once a block.
 * f32, K 4096, 4096 columns: 8 rows 20 ms, so 10; 37 rows, K 2000, 1000
 * columns: 1.5 ms, so 1.3. */
static int64_t
most_depth(const struct nest *w, const struct gett *g)
{
    enum { LEAST = 16, PAGE = 4096 };
    int k = only_index(w, LOOP_K), n = w->first[LOOP_N + 1] - 1;
    int64_t sums = 2 * einc_nest_extent(w, LOOP_M);
    if (!w->table || !g->rows_stay || k < 0 || !einc_gett_in_place(w) ||
        w->in[1].stride[n].value != 1 ||
        distance(&w->in[1], k) < PAGE / 2 / einc_nest_bytes(w->compute) ||
        run_of_out(w) < w->tile.nr)
        return w->tile.kc;
    return at_most(more(sums, LEAST), w->tile.kc);
}

static void
build(struct arena *perm, struct nest *w, enum nest_mode mode)
{
    int portable = str_equal(str_of(w->target->name), str_of("portable"));
    w->table = mode != NEST_LITERAL;
    w->tile = einc_tile_choose(w->target, w->compute);
    struct gett *g = make_order(perm, w);
    g->rows_stay = rows_stay(w);
    int64_t unit = g->deep_apart ? g->deep_apart * g->deep_near : 1;
    int64_t most = unit > 1 ? w->tile.kc : most_depth(w, g);
    g->depth = einc_nest_balance(einc_nest_extent(w, LOOP_K),
                                 most / unit * unit, unit);
    g->past = choose_past(w, g);
    if (g->past == PAST_JOINED)
        g->panel = (int)run_of_out(w);
    w->gett = g;
    set_rooms(w, g);
    w->n_extents += 2;
    if (w->table) {
        w->factor.arg = NEST_TABLE_FACTOR;
        w->n_extents = NEST_TABLE_EXTENTS + g->total;
        w->n_strides = 4 * g->total;
    }
    w->scratch_bytes = portable ? portable_scratch(w)
                                : gett_scratch(&w->tile, w);
    w->root = make_tree(perm);
}

/* --- arguments ---------------------------------------------------------- */

static void
fill_table(const struct nest *w, int64_t *n, int64_t *s)
{
    const struct gett *g = w->gett;
    for (int r = 0; r < N_LOOP_ROLES; r++)
        n[NEST_TABLE_ROLES + r] = g->n[r];
    n[NEST_TABLE_FACTOR] = w->factor.value;
    n[NEST_TABLE_STAY] = g->rows_stay;
    n[NEST_TABLE_PANEL] = g->panel;
    n[NEST_TABLE_APART] = g->apart;
    n[NEST_TABLE_NEAR] = g->near;
    n[NEST_TABLE_DEEP_APART] = g->deep_apart;
    n[NEST_TABLE_DEEP_NEAR] = g->deep_near;
    n[NEST_TABLE_DEPTH] = g->depth;
    n[NEST_TABLE_PAST] = g->past;
    n[NEST_TABLE_WEIGHS] = g->weighs + 1;
    n[NEST_TABLE_WEIGHT_MOVES] = g->weight_moves;
    n[NEST_TABLE_LHS_ROOM] = g->lhs_room;
    n[NEST_TABLE_RHS_ROOM] = g->rhs_room;
    for (int x = 0; x < g->total; x++)
        n[NEST_TABLE_EXTENTS + x] = g->extent[x];
    for (int o = 0; o < 4; o++)
        for (int x = 0; x < g->total; x++)
            s[o * g->total + x] = g->stride[o][x];
}

static int64_t
arguments(const struct nest *w, int threads, int64_t *n, int64_t *s)
{
    int64_t rows, columns;
    if (w->table)
        fill_table(w, n, s);
    else
        einc_nest_fill_slots(w, n, s);
    choose_task(w, threads, &rows, &columns);
    n[w->table ? NEST_TABLE_ROWS : w->n_extents - 2] = rows;
    n[w->table ? NEST_TABLE_COLUMNS : w->n_extents - 1] = columns;
    return einc_nest_extent(w, LOOP_BATCH) *
           einc_nest_blocks(einc_nest_extent(w, LOOP_M), rows) *
           einc_nest_blocks(einc_nest_extent(w, LOOP_N), columns);
}

/* --- dump --------------------------------------------------------------- */

static void
print(struct text *t, const struct nest *w)
{
    const struct tile *s = &w->tile;
    const struct gett *g = w->gett;
    einc_put(t, "  tile %dx%dx%d depth %lld, %s stays, panels of %d, task at "
                "most %dx%d, scratch_bytes %lld\n",
             tall_of(w), width_of(w) / s->lanes, s->lanes, (long long)g->depth,
             g->rows_stay ? "lhs" : "rhs", g->panel,
             g->rows_stay ? s->mc : s->mb, g->rows_stay ? s->nb : s->nc,
             (long long)w->scratch_bytes);
    if (g->past)
        einc_put(t, "  past the caches\n");
    if (g->apart)
        einc_put(t, "  N in blocks of %dx%d, contiguous in rhs and out\n",
                 g->near, g->apart);
    if (g->deep_apart)
        einc_put(t, "  K in blocks of %dx%d, contiguous in rhs and lhs\n",
                 g->deep_near, g->deep_apart);
}

const struct family einc_family_gett = {
    FAMILY_GETT, "gett", 0, fits, cost, build, arguments, print,
};

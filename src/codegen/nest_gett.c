/* SPDX-License-Identifier: MIT
 *
 * nest_gett.c - contractions with packed operands: any strides, any size.
 */
#include "codegen/family.h"

/* --- the tree ----------------------------------------------------------- */

static struct nest_node *
block_loop(struct arena *perm, enum block block, struct nest_node *child)
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
gett_tree(struct arena *perm)
{
    struct nest_node *tile = einc_nest_then(einc_nest_node(perm, NEST_TILE, NULL),
                                  einc_nest_node(perm, NEST_STORE, NULL));
    struct nest_node *panels = block_loop(
        perm, BLOCK_PANEL, block_loop(perm, BLOCK_TILE, tile));
    struct nest_node *rows =
        block_loop(perm, BLOCK_M, einc_nest_then(pack(perm, 0), panels));
    struct nest_node *depth =
        block_loop(perm, BLOCK_K, einc_nest_then(pack(perm, 1), rows));
    return einc_nest_node(perm, NEST_TASKS, depth);
}

/* --- scratch ------------------------------------------------------------ */

static int64_t
gett_scratch(const struct tile *s, enum einc_dtype compute)
{
    const struct dtype_info *d = einc_dtype_info(compute);
    int64_t bytes = einc_nest_bytes(compute);
    if (d->kind == KIND_COMPLEX)
        bytes *= 2;
    int64_t elements = (int64_t)s->mc * s->kc + (int64_t)s->nb * s->kc +
                       (int64_t)s->mb * s->nb;
    int64_t offsets = 2 * ((int64_t)s->mb + s->nb + s->kc);
    return (elements * bytes + offsets * 8 + 4 * 64 + 63) / 64 * 64;
}

/* The scratch of a portable file is that of its hungriest row. */
static int64_t
portable_scratch(enum einc_dtype compute)
{
    int64_t most = 0;
    for (int r = 0; einc_target_portable[r]; r++) {
        struct tile s = einc_tile_choose(einc_target_portable[r], compute);
        int64_t bytes = gett_scratch(&s, compute);
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* --- build -------------------------------------------------------------- */

static int
fits(const struct nest *w)
{
    return w->step->kind == STEP_CONTRACT && w->target->language == LANGUAGE_C;
}

static double
cost(const struct nest *w)
{
    (void)w;
    return 1;
}

static void
build(struct arena *perm, struct nest *w, enum nest_mode mode)
{
    w->table = mode != NEST_LITERAL;
    w->tile = einc_tile_choose(w->target, w->compute);
    w->n_extents += 2;
    if (w->table) {
        w->factor.arg = NEST_TABLE_FACTOR;
        w->n_extents = NEST_TABLE_EXTENTS + w->n_idx;
        w->n_strides = 3 * w->n_idx;
    }
    w->scratch_bytes = str_equal(str_of(w->target->name), str_of("portable"))
                           ? portable_scratch(w->compute)
                           : gett_scratch(&w->tile, w->compute);
    w->root = gett_tree(perm);
}

/* --- arguments ---------------------------------------------------------- */

/* n split into equal blocks of at most `size`, each a multiple of unit. */
static int64_t
balance(int64_t n, int64_t size, int64_t unit)
{
    int64_t count = einc_nest_blocks(n, size);
    return count ? einc_nest_up_to(einc_nest_blocks(n, count), unit) : size;
}

/* Rows and columns of out per task: as large as the scratch allows, smaller
 * while threads would be idle. */
static void
choose_task(const struct nest *w, int threads, int64_t *rows, int64_t *columns)
{
    int64_t m = einc_nest_extent(w, LOOP_M), n = einc_nest_extent(w, LOOP_N);
    int64_t batch = einc_nest_extent(w, LOOP_BATCH);
    const struct tile *s = &w->tile;
    *rows = s->mb;
    *columns = s->nb;
    while (threads > 1 &&
           batch * einc_nest_blocks(m, *rows) * einc_nest_blocks(n, *columns) < 3 * threads) {
        if (*columns > 2 * s->nr && (*columns >= *rows || *rows <= 2 * s->mr))
            *columns = einc_nest_up_to(*columns / 2, s->nr);
        else if (*rows > 2 * s->mr)
            *rows = einc_nest_up_to(*rows / 2, s->mr);
        else
            break;
    }
    *rows = balance(m, *rows, s->mr);
    *columns = balance(n, *columns, s->nr);
}

static void
fill_table(const struct nest *w, int64_t *n, int64_t *s)
{
    for (int r = 0; r < N_LOOP_ROLES; r++)
        n[NEST_TABLE_ROLES + r] = w->first[r + 1] - w->first[r];
    n[NEST_TABLE_FACTOR] = w->factor.value;
    for (int j = 0; j < w->n_idx; j++)
        n[NEST_TABLE_EXTENTS + j] = w->idx[j].extent.value;
    for (int o = 0; o <= w->n_in; o++)
        for (int j = 0; j < w->n_idx; j++)
            s[o * w->n_idx + j] = einc_nest_tensor(w, o)->stride[j].value;
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
    einc_put(t, "  tile %dx%dx%d kc %d mc %d task %dx%d scratch_bytes %lld\n",
             w->tile.mr, w->tile.nv, w->tile.lanes, w->tile.kc, w->tile.mc,
             w->tile.mb, w->tile.nb, (long long)w->scratch_bytes);
}

const struct family einc_family_gett = {
    FAMILY_GETT, "gett", 0, fits, cost, build, arguments, print,
};

/* SPDX-License-Identifier: MIT
 *
 * nest_block.c - contractions on a GPU: a block of threads makes a tile of
 * out, both operands pass through shared memory in slices of K. Any strides:
 * rows, columns and depths go by tables of offsets, made once per block, so
 * nothing is divided in the loop over K.
 */
#include "codegen/emit.h"
#include "codegen/family.h"
#include "codegen/unit.h"

enum { DEPTH = 8 /* half of the 16 rows of threads: a row of each thread's
                   * sums fits in both slices */, LEAST = 16,
       PROCESSORS = 132 /* of an H100 or H200; only which tile is worth it
                         * depends on it */ };

/* 128 products a clock; from the instructions of the loops (cubins.c): 1.27
 * and 1.4 for each. */
static const struct cuda_tile sizes[] = {{64, 45}, {128, 163}};

static int64_t
blocks_of(const struct nest *w, int side)
{
    return einc_nest_extent(w, LOOP_BATCH) *
           einc_nest_blocks(einc_nest_extent(w, LOOP_M), side) *
           einc_nest_blocks(einc_nest_extent(w, LOOP_N), side);
}

static struct device_parts
split(const struct nest *w, int side, int64_t n)
{
    int64_t k = einc_nest_extent(w, LOOP_K);
    int64_t depth = einc_nest_up_to(einc_nest_blocks(k, n), 64);
    int bytes = einc_nest_bytes(w->compute) * einc_nest_planes(w->compute);
    struct device_parts x = {.n = einc_nest_blocks(k, depth), .depth = depth,
                             .n_blocks = blocks_of(w, side)};
    if (x.n <= 1)
        return (struct device_parts){.n = 1, .depth = k,
                                     .n_blocks = x.n_blocks};
    x.bytes = x.n * x.n_blocks * side * side * bytes;
    return x;
}

/* Waves of blocks; parts are written and read, and another launch adds them. */
static double
seconds_of(const struct cuda_tile *t, const struct device_parts *x)
{
    static const double hertz = 1.7e9, bytes = 3e12, launch = 4e-6;
    return (double)einc_nest_blocks(x->n_blocks * x->n, PROCESSORS) *
               t->clocks * (double)x->depth / hertz +
           (x->n > 1 ? launch + 2 * (double)x->bytes / bytes : 0);
}

/* The fastest, of parts of LEAST_DEPTH positions and more; none where all
 * processors have a block without. */
static struct device_parts
parts_of(const struct nest *w, const struct cuda_tile *t, double *seconds)
{
    enum { LEAST_DEPTH = 256, MOST = 32 };
    struct device_parts best = split(w, t->side, 1);
    int64_t k = einc_nest_extent(w, LOOP_K);
    *seconds = seconds_of(t, &best);
    for (int n = 2; n <= MOST && n * LEAST_DEPTH <= k &&
                    best.n_blocks < PROCESSORS; n++) {
        struct device_parts x = split(w, t->side, n);
        double s = seconds_of(t, &x);
        if (s >= *seconds)
            continue;
        best = x;
        *seconds = s;
    }
    return best;
}

int
einc_cuda_side(const struct nest *w, const struct cuda_tile *tiles, int n,
               double *seconds)
{
    int side = 0;
    for (int t = 0; t < n; t++) {
        double s;
        parts_of(w, &tiles[t], &s);
        if (side && s >= *seconds)
            continue;
        side = tiles[t].side;
        *seconds = s;
    }
    return side;
}

struct device_parts
einc_emit_cuda_parts(const struct nest *w)
{
    double seconds;
    struct cuda_tile t = w->family == FAMILY_TENSOR ? einc_cuda_tensor_tile(w)
                                                    : sizes[w->tile.mc == 128];
    return w->family == FAMILY_TENSOR || w->family == FAMILY_BLOCK
               ? parts_of(w, &t, &seconds)
               : (struct device_parts){.n = 1};
}

/* A thread can hold 8 x 8 sums of 4 bytes in registers. */
static int
side_of(const struct nest *w, double *seconds)
{
    int bytes = einc_nest_bytes(w->compute) * einc_nest_planes(w->compute);
    return einc_cuda_side(w, sizes, bytes == 4 ? 2 : 1, seconds);
}

static int
fits(const struct nest *w)
{
    return w->target->language == LANGUAGE_CUDA && w->n_in == 2 &&
           einc_nest_extent(w, LOOP_M) >= LEAST &&
           einc_nest_extent(w, LOOP_N) >= LEAST &&
           einc_nest_extent(w, LOOP_K) >= LEAST;
}

static double
cost(const struct nest *w)
{
    double seconds;
    side_of(w, &seconds);
    return seconds;
}

static void
build(struct arena *perm, struct nest *w, enum nest_mode mode)
{
    double seconds;
    int side = side_of(w, &seconds);
    (void)mode;
    w->tile = (struct tile){.mr = side / 16, .nr = side / 16, .kc = DEPTH,
                            .mc = side, .nc = side};
    struct nest_node *slice = einc_nest_node(
        perm, NEST_LOOP,
        einc_nest_then(einc_nest_node(perm, NEST_PACK, NULL),
                       einc_nest_node(perm, NEST_TILE, NULL)));
    slice->block = BLOCK_K;
    w->root = einc_nest_node(
        perm, NEST_TASKS,
        einc_nest_then(slice, einc_nest_node(perm, NEST_STORE, NULL)));
}

/* A task is a block of threads. */
int64_t
einc_cuda_blocks(const struct nest *w, int threads, int64_t *n, int64_t *s)
{
    (void)threads;
    einc_nest_fill_slots(w, n, s);
    return blocks_of(w, w->tile.mc);
}

static void
print(struct text *t, const struct nest *w)
{
    einc_put(t, "  block of %d threads: %d x %d of out, %d x %d per thread, "
                "K by %d\n", DEVICE_THREADS, w->tile.mc, w->tile.nc, w->tile.mr,
             w->tile.nr, w->tile.kc);
}

const struct family einc_family_block = {
    FAMILY_BLOCK, "block", 0, fits, cost, build, einc_cuda_blocks, print,
};

/* SPDX-License-Identifier: MIT
 *
 * nest_tensor.c - contractions on the tensor cores of a GPU, sm_80 or later:
 * a block of threads makes a tile of out, a warp a part of it; slices of both
 * operands come to shared memory while earlier ones are multiplied. f16 and
 * bf16 as they are, with sums in f32. f32 in two halves of 11 bits, of whose
 * four products the smallest is dropped (3xTF32): what is lost is 2^-21 of a
 * product at worst, so that sums are as good as f32's. Any strides.
 */
#include "codegen/family.h"
#include "codegen/unit.h"

enum { LEAST = 16, SLICE_BYTES = 64 /* of a row along K, in a slice */ };

/* 16-bit products, 2048 a clock of which mma.sync reaches six tenths; small
 * tiles read shared memory more often, which takes as long as the products.
 * f32: 512 a clock of tf32, three for one. */
static const struct cuda_tile narrow[] = {{64, 6}, {128, 14}};
static const struct cuda_tile wide[] = {{64, 26}, {128, 84}};

static int
side_of(const struct nest *w, double *seconds)
{
    return einc_cuda_side(w, w->in[0].storage == EINC_F32 ? wide : narrow, 2,
                          seconds);
}

struct cuda_tile
einc_cuda_tensor_tile(const struct nest *w)
{
    return (w->in[0].storage == EINC_F32 ? wide : narrow)[w->tile.mc == 128];
}

static int
fits(const struct nest *w)
{
    enum einc_dtype d = w->in[0].storage;
    return w->target->language == LANGUAGE_CUDA && w->n_in == 2 &&
           w->compute == EINC_F32 && w->in[1].storage == d &&
           (d == EINC_F16 || d == EINC_BF16 || d == EINC_F32) &&
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

/* A warp makes mr x nr: 2 by 4 warps make the tile. */
static void
build(struct arena *perm, struct nest *w, enum nest_mode mode)
{
    double seconds;
    int side = side_of(w, &seconds);
    (void)mode;
    w->tile = (struct tile){
        .mr = side / 2, .nr = side / 4, .mc = side, .nc = side,
        .kc = SLICE_BYTES / einc_dtype_info(w->in[0].storage)->bytes};
    struct nest_node *slice = einc_nest_node(
        perm, NEST_LOOP,
        einc_nest_then(einc_nest_node(perm, NEST_PACK, NULL),
                       einc_nest_node(perm, NEST_TILE, NULL)));
    slice->block = BLOCK_K;
    w->root = einc_nest_node(
        perm, NEST_TASKS,
        einc_nest_then(slice, einc_nest_node(perm, NEST_STORE, NULL)));
}

static void
print(struct text *t, const struct nest *w)
{
    einc_put(t, "  block of %d threads: %d x %d of out, %d x %d per warp on "
                "tensor cores, K by %d\n", DEVICE_THREADS, w->tile.mc,
             w->tile.nc, w->tile.mr, w->tile.nr, w->tile.kc);
}

/* cp.async, bf16 and tf32 came with 8.0. Three products of tf32 take less time
 * than one of f32 where tf32 is seven times as fast, or more: GPUs of data
 * centres, 8.0, 9.0 and 10.x; elsewhere it is once or twice as fast. */
int
einc_nest_suits(const struct nest *w, int sm)
{
    int of_centres = sm == 80 || sm == 90 || (sm >= 100 && sm < 110);
    return w->family != FAMILY_TENSOR ||
           (w->in[0].storage == EINC_F32 ? of_centres : sm >= 80);
}

const struct family einc_family_tensor = {
    FAMILY_TENSOR, "tensor", 0, fits, cost, build, einc_cuda_blocks, print,
};

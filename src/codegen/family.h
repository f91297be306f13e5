/* SPDX-License-Identifier: MIT
 *
 * family.h - ways to run one step, and what they share. A family is one file
 * that builds its nest (nest_*.c) and one that prints it (print_*.c); the
 * table below is all that the rest knows of it.
 */
#ifndef EINC_CODEGEN_FAMILY_H
#define EINC_CODEGEN_FAMILY_H

#include "codegen/nest.h"

struct family {
    enum nest_family id;
    const char *name;
    int literal;  /* 1: lives on literal extents and strides: a kernel for one
                   * shape, never taken in mode GENERIC; -1: lives on
                   * arguments, never taken in files, which are LITERAL */
    /* Whether it can do the step; indices and tensors of w are filled in. */
    int (*fits)(const struct nest *w);
    /* Modelled seconds of the step on one thread. */
    double (*cost)(const struct nest *w);
    /* Fills in the rest of w. */
    void (*build)(struct arena *perm, struct nest *w, enum nest_mode mode);
    /* See einc_nest_arguments(). */
    int64_t (*arguments)(const struct nest *w, int threads, int64_t *n,
                         int64_t *s);
    /* Its line of the dump, after the tensors. */
    void (*print)(struct text *t, const struct nest *w);
};

extern const struct family einc_family_fused, einc_family_direct,
    einc_family_lanes;
extern const struct family einc_family_narrow;
extern const struct family einc_family_block, einc_family_tensor; /* CUDA */
extern const struct family einc_family_stream, einc_family_gett,
    einc_family_transpose;

/* Whether out can hold the sums of a gett between its K blocks: it has the
 * compute type. */
int einc_gett_adds_up(const struct nest *w);
/* Whether elements are moved as they are: not converted, not taken apart. */
int einc_gett_is_moved(const struct nest *w, enum einc_dtype storage);
/* Whether panels of rhs may be read where they are, and whether its packing
 * looks for neighbours. */
int einc_gett_in_place(const struct nest *w);
int einc_gett_has_near(const struct nest *w);
/* Whether tiles may be written past the caches, and be `wide`. */
int einc_gett_has_past(const struct nest *w);
int einc_gett_has_wide(const struct nest *w);
/* Whether packing may have to multiply by a weight: of a table always. */
int einc_gett_weighs(const struct nest *w);
/* Heights of tiles that are needed, as bits; for a table those that are worth
 * it, else those of all steps, which share them. */
uint32_t einc_gett_heights(const struct nest *w);
/* Whether some of these steps move elements as they are: of rhs in place, of
 * either operand, of out; whether some have a weight; whether some call for
 * lines of lhs. */
enum gett_move { MOVES_RHS, MOVES_IN, MOVES_OUT, HAS_WEIGHT, FETCHES };
int einc_gett_moves(const struct nest *w, enum gett_move what);
/* Whether the tile may find lhs in place, as rows along K; else, and where
 * that proves impossible when it runs, it is packed as [depth][height]. */
int einc_gett_has_rows(const struct nest *w);
/* Whether lines of lhs are called for before they are packed or read. */
int einc_gett_fetches(const struct nest *w);

/* Of a fused step: what is to be computed, for plan/nested.h; 0 if it is
 * another family's. nest_fused.c. */
int einc_fused_sum(const struct nest *w, struct nested_sum *q);

/* Of a GPU: a square tile of out that a block of threads makes, and the clocks
 * that a processor takes for it per position of K. Sides of tiles of which one
 * is the fastest for w: what counts is how often the processors must be filled
 * with blocks, be it of parts of K; *seconds: how long that takes.
 * nest_block.c. */
struct cuda_tile {
    int side;
    double clocks;
};
int einc_cuda_side(const struct nest *w, const struct cuda_tile *tiles, int n,
                   double *seconds);
/* That of the nest, once it is chosen: of a tensor kernel. */
struct cuda_tile einc_cuda_tensor_tile(const struct nest *w);
/* For each of them; see einc_nest_arguments(). */
int64_t einc_cuda_blocks(const struct nest *w, int threads, int64_t *n,
                         int64_t *s);

/* --- for the families: nest.c ------------------------------------------- */

struct nest_node *einc_nest_node(struct arena *perm, enum nest_op op,
                                 struct nest_node *child);
/* a, with b after it */
struct nest_node *einc_nest_then(struct nest_node *a, struct nest_node *b);
/* Tensor o of a nest, the output last. */
const struct nest_tensor *einc_nest_tensor(const struct nest *w, int o);
/* Product of the extents of a role. */
int64_t einc_nest_extent(const struct nest *w, enum loop_role role);
/* Bytes of one plane of the compute type, as kernels hold it. */
int einc_nest_bytes(enum einc_dtype compute);
int einc_nest_planes(enum einc_dtype compute); /* 2 for complex */
/* Fills the argument slots of extents, strides and factor. */
void einc_nest_fill_slots(const struct nest *w, int64_t *n, int64_t *s);
/* n / size, rounded up. */
int64_t einc_nest_blocks(int64_t n, int64_t size);
/* n rounded up to a multiple of unit. */
int64_t einc_nest_up_to(int64_t n, int64_t unit);
/* n split into equal blocks of at most `size`, each a multiple of unit. */
int64_t einc_nest_balance(int64_t n, int64_t size, int64_t unit);

#endif

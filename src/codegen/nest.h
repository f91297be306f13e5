/* SPDX-License-Identifier: MIT
 *
 * nest.h - one step of a plan as loops, tiles, packed panels and stores: a
 * tree that knows neither C nor CUDA. The emitters only print it.
 *
 * The families (family.h) share the node kinds:
 *   stream  TASKS( ZERO LOOP(LOOP(FMA)) STORE ): any number of operands, an
 *           accumulator per output element, or a block of them in lanes
 *   gett    TASKS( LOOP K block( LOOP N block( PACK rhs, LOOP M block(
 *           PACK lhs, LOOP tile( TILE, STORE ))))); of three operands one of
 *           the PACKs multiplies by the third, the weight
 *   narrow  TASKS( LOOP K block( FMA ) STORE ): few columns, see narrow.h
 *   transpose  TASKS( TURN ): one tensor to another, no sum, in blocks
 *   block   TASKS( LOOP K block( PACK TILE ) STORE ): of CUDA, a task is a
 *           block of threads
 *   tensor  the same, products by tensor cores
 */
#ifndef EINC_CODEGEN_NEST_H
#define EINC_CODEGEN_NEST_H

#include "codegen/target.h"
#include "codegen/tile.h"
#include "plan/nested.h"
#include "plan/plan.h"

enum nest_family { FAMILY_STREAM, FAMILY_GETT, FAMILY_TRANSPOSE, FAMILY_FUSED,
                   FAMILY_DIRECT, FAMILY_LANES, FAMILY_NARROW, FAMILY_BLOCK,
                   FAMILY_TENSOR, N_FAMILIES, FAMILY_ANY = -1 };

enum loop_role { LOOP_BATCH, LOOP_M, LOOP_N, LOOP_K, N_LOOP_ROLES };

/* A number of the generated code: a literal, or an argument of the kernel. */
struct quantity {
    int64_t value; /* today's value; the literal if arg < 0 */
    int arg;       /* slot in einc_args.n (extents) or .s (strides), or -1 */
};

struct nest_index {
    int index;         /* number in plan.canon */
    enum loop_role role;
    char name[16];     /* loop variable, see einc_nest_name() */
    struct quantity extent;
};

struct nest_tensor {
    const char *name;         /* "lhs" "rhs" "weight" "in0" ... "out" */
    int tensor;               /* number in plan.tensors */
    enum einc_dtype storage;
    struct quantity *stride;  /* [n_idx]; literal 0 if it does not hold it */
};

/* How a stream goes through its points. */
enum stream_form {
    STREAM_POINT,   /* an element of out at a time: CUDA */
    STREAM_MAP,     /* lanes along a free index; nothing is summed */
    STREAM_COLUMNS, /* lanes along a free index: a block of sums in L1, to
                     * which several positions of `deep` are added at once */
    STREAM_DOTS     /* lanes along a summed index: partial sums of several
                     * positions of `inner` at once */
};

/* Floats that are added up before the sum is put away: see nest.sum. */
enum { STREAM_RUN = 512 };

enum nest_op {
    NEST_TASKS, /* the space that threads share; decoded from a task number */
    NEST_LOOP,  /* serial: one index of a stream, blocks of a role of a gett */
    NEST_PACK,  /* block of a tensor to panels in scratch */
    NEST_ZERO,  /* accumulators of this task = 0 */
    NEST_FMA,   /* accumulators += product of one element of each operand */
    NEST_TILE,  /* accumulators of an mr x nr tile += lhs tile * rhs panel */
    NEST_STORE, /* out = alpha * accumulators + beta * out */
    NEST_TURN   /* a block of a transpose */
};

enum nest_block { BLOCK_NONE, BLOCK_K, BLOCK_N, BLOCK_M, BLOCK_PANEL,
             BLOCK_TILE };

/* What goes past the caches of a gett's out: nothing; whole lines, of a row or
 * of two; tiles as wide as out, whose rows follow each other. */
enum gett_past { PAST_NOT, PAST_LINES, PAST_JOINED };

/* How a gett walks: which operand is packed in a block that stays while the
 * other passes by it tile by tile, and in which order positions of M, N and K
 * are taken, so that packing reads whole cache lines. */
struct gett {
    int rows_stay;    /* lhs stays; else rhs */
    int panel;        /* columns of a panel: tile.nr, or fewer that fit the
                       * runs of out; or tile.wide, for wide tiles */
    int apart, near;  /* in rhs, column c + i*apart follows c by i elements
                       * for i < near; 0: not so */
    int deep_apart, deep_near; /* positions of K likewise */
    int64_t depth;    /* of a K block, at most */
    enum gett_past past; /* how out goes past the caches */
    int n[N_LOOP_ROLES], total; /* a table's indices, by role, and all */
    int64_t *extent;  /* [total] */
    int64_t *stride[4]; /* [total] of lhs, rhs, out, weight; 0 if it has
                         * none */
    int weighs;         /* operand that the weight multiplies, -1: no weight */
    int weight_moves;   /* it is not the same for all rows, or columns */
    int64_t lhs_room, rhs_room; /* elements, or pairs, that are packed at
                         * once, at most */
};

struct nest_node {
    enum nest_op op;
    int index;           /* LOOP of a stream: number in nest.idx, else -1 */
    enum nest_block block;    /* LOOP of a gett: what it steps over */
    int tensor;          /* PACK: 0 lhs, 1 rhs */
    struct nest_node *child, *next; /* body; what follows */
};

/* Whether extents and strides become literals. GENERIC: arguments, so that
 * one kernel serves many shapes: a gett is a table, one for all contractions
 * of these types; a stream keeps its loops and the strides 0 and 1.
 * LITERAL: literals wherever the extent is fixed. BEST: GENERIC, but for a
 * family that lives on literals where it is modelled to be faster. BUILTIN:
 * GENERIC with the same key and arguments, in a text that may take a compiler
 * a second: it runs while the library is built. */
enum nest_mode { NEST_GENERIC, NEST_LITERAL, NEST_BEST, NEST_BUILTIN };

/* Indices of a block of a transpose, or -1. Where both tensors have a run of
 * the same index the block is an array of runs, across and along are what
 * comes next in `in` and in `out`; else across is the run of `in`, along that
 * of `out`. */
struct transpose {
    int run, across, along;
};

struct transpose_blocks {
    int64_t run, across, along; /* of the indices, at most */
    int64_t per_task;           /* blocks in a task */
};

struct nest {
    const struct plan *plan;
    const struct step *step;
    const struct target *target;
    enum nest_family family;
    enum nest_mode mode;      /* GENERIC or LITERAL */
    double seconds;           /* modelled, one thread; compares families only */
    struct nest_index *idx;   /* batch, then M, N, K; slowest first */
    int n_idx;
    int first[N_LOOP_ROLES + 1]; /* role r: idx[first[r]] .. idx[first[r+1]) */
    struct nest_tensor *in;   /* gett: lhs, rhs, perhaps a weight */
    int n_in;
    struct nest_tensor out;
    enum einc_dtype compute;
    enum einc_sum sum;        /* BLOCK where no float is summed */
    struct tile tile;         /* gett */
    int rich;                 /* mode BUILTIN was asked for */
    const struct gett *gett;  /* gett */
    enum stream_form form;
    int lane;                 /* stream: idx whose values run in the lanes, or
                               * -1 */
    int lanes;                /* how many at a time: sums of a task or of a
                               * dot; 1 if the text has no such number */
    int inner;                /* stream: the free index that a task loops over
                               * next, or -1 */
    int deep;                 /* stream: the summed one, or -1 */
    int visit;                /* positions of deep or inner at once */
    int units;                /* stream that is a table: operands that run in
                               * the lanes, the first ones; the others are
                               * held. -1: any lane strides, out's too */
    int *slot;                /* of the same: operand of each entry of `in` */
    struct transpose transpose; /* transpose */
    const struct nested *nested; /* fused: order, lanes, block */
    struct nest_node *root;
    int table;                /* gett whose groups are arguments too, so that
                               * one kernel serves all: see NEST_TABLE */
    struct quantity factor;   /* the sum is multiplied by it; literal 1: not */
    int n_extents, n_strides; /* slots used; the factor is an extent slot, and
                               * a gett has two more, the last, unless it is
                               * a table: rows and columns of out per task */
    int64_t scratch_bytes;    /* per thread */
};

/* Extents of a table: how many indices each role has, the factor, rows and
 * columns of out per task, struct gett from rows_stay to past, weighs + 1,
 * weight_moves and the two rooms, then the extents of all indices. Its
 * strides: of all indices in lhs, rhs, out, weight. */
enum { NEST_TABLE_ROLES = 0, NEST_TABLE_FACTOR = N_LOOP_ROLES,
       NEST_TABLE_ROWS, NEST_TABLE_COLUMNS, NEST_TABLE_STAY, NEST_TABLE_PANEL,
       NEST_TABLE_APART, NEST_TABLE_NEAR, NEST_TABLE_DEEP_APART,
       NEST_TABLE_DEEP_NEAR, NEST_TABLE_DEPTH, NEST_TABLE_PAST,
       NEST_TABLE_WEIGHS, NEST_TABLE_WEIGHT_MOVES, NEST_TABLE_LHS_ROOM,
       NEST_TABLE_RHS_ROOM, NEST_TABLE_EXTENTS };

/* Extents of a table that is a transpose, then those of its other indices. */
enum {
    TRANSPOSE_OUTER,   /* how many other indices */
    TRANSPOSE_TURNS,   /* 1: through registers, 0: runs */
    TRANSPOSE_N_ACROSS, TRANSPOSE_N_ALONG, TRANSPOSE_N_RUN,
    TRANSPOSE_BLOCK_ACROSS, TRANSPOSE_BLOCK_ALONG, TRANSPOSE_BLOCK_RUN,
    TRANSPOSE_BLOCKS, TRANSPOSE_PER_TASK,
    TRANSPOSE_FAR,     /* 1: out is larger than the caches */
    TRANSPOSE_FACTOR,
    TRANSPOSE_EXTENTS,
    TRANSPOSE_MOST = 64 /* indices */
};
/* Its strides, of in and of out in turn: the start, across, along; then those
 * of the other indices in `in`, then in `out`. */
enum { TRANSPOSE_AT, TRANSPOSE_ACROSS, TRANSPOSE_ALONG,
       TRANSPOSE_STRIDES = 6 };

/* Of a transpose: its blocks; whether index j runs backwards, so that runs
 * have stride 1; whether elements are copied as they are, unless they are
 * scaled; whether out is larger than caches are. */
struct transpose_blocks einc_nest_transpose_blocks(const struct nest *nest);
int einc_nest_backwards(const struct nest *nest, int j);
int einc_nest_moves_bits(const struct nest *nest);
int einc_nest_is_far(const struct nest *nest);
/* Its indices that are in no block, in the order of their loops; their
 * number. Where those that run backwards begin, in elements of x. */
int einc_nest_outer(const struct nest *nest, int list[TRANSPOSE_MOST]);
int64_t einc_nest_start(const struct nest *nest, const struct nest_tensor *x);

/* Bytes of a result that no cache is likely to hold until it is read: stores
 * go past all of them, in whole lines. L3 is shared, and a line that is
 * written there is read from memory first (f32, plain stores and past the
 * cache: transposes of 11 MiB 3.6 and 1.3 ms, of 25 22 and 8.4; outer products
 * of 23 8 and 1.3). */
enum { NEST_FAR_BYTES = 8 << 20 };

/* Extents of a table that is a stream, then the operand of each slot, then the
 * extents of its other indices, the free ones first. A task is at most `lanes`
 * by `rows` by `positions` of the other free indices; where the lane is summed
 * it is not shared out, and `lanes` is how far it runs before `deep` goes on.
 * Strides: of each tensor along lane, inner, deep; then, tensor by tensor, of
 * the other indices. An index that is missing has extent 1 and stride 0. */
enum { STREAM_N_FREE, STREAM_N_SUMMED, STREAM_FACTOR, STREAM_LANE,
       STREAM_INNER, STREAM_DEEP, STREAM_LANES, STREAM_ROWS, STREAM_POSITIONS,
       STREAM_ALL_FREE, STREAM_ALL_SUMMED, STREAM_PAST_CACHE, STREAM_SLOTS };

/* `family`: FAMILY_ANY for the one with the least modelled time; another is
 * taken if it fits the step, and like FAMILY_ANY if not. */
const struct nest *einc_nest_build(struct arena *perm, struct arena scratch,
                                   const struct plan *p, int step,
                                   const struct target *t,
                                   enum nest_mode mode,
                                   enum nest_family family);

/* Of CUDA: whether a GPU of architecture sm (90) can run it, and no other
 * family is better there; if not, FAMILY_BLOCK is one that can. */
int einc_nest_suits(const struct nest *nest, int sm);

/* A family by name, FAMILY_ANY for "auto"; N_FAMILIES if there is none. */
enum nest_family einc_nest_family(struct str name);
const char *einc_nest_family_name(enum nest_family family);

/* Loop variable of an index of plan.canon in a file for a reader: the label
 * if it is one ASCII letter, else i0, i1 ... by number. */
void einc_nest_name(char *to, size_t size, const struct graph *canon,
                    int index);

/* Values of the arguments for this plan: n[n_extents], s[n_strides]. For a
 * gett the task size is chosen for `threads`; it changes no bit of the
 * result. Returns the number of tasks. */
int64_t einc_nest_arguments(const struct nest *nest, int threads, int64_t *n,
                            int64_t *s);

/* Name of a kernel: equal only for nests of equal text. NULL for a family
 * that has literals in files only. A field of the nest that a family's
 * text depends on goes into key.c; no quotes, no backslashes. */
const char *einc_nest_key(struct arena *perm, const struct nest *nest);

/* Dump "nest". */
void einc_nest_print(struct text *t, const struct nest *nest);

#endif

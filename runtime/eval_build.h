/* SPDX-License-Identifier: MIT
 *
 * eval_build.h - what the files that make the evaluator's code share. Inside
 * of eval_*.c only.
 */
#ifndef EINC_RUNTIME_EVAL_BUILD_H
#define EINC_RUNTIME_EVAL_BUILD_H

#include "runtime/eval_code.h"

enum {
    EVAL_UNROLL = 16, /* terms of a reduction that is written out */
    EVAL_SLOTS = 40 << 10, /* bytes of values that fit beside what they are
                            * made of in the first cache */
    EVAL_PANELS = 2 << 10  /* bytes per lane of all panels: they stay in the
                            * second cache */
};

/* About, in ns. */
#define COST_OP 6.0
#define COST_SIMPLE 0.1
#define COST_FUNCTION 4.0
#define COST_STRIDED 0.7
#define COST_GATHER 2.0

/* How much of everything some tree takes at most. */
struct room {
    int64_t nodes, ops, blocks, accesses, dims, terms, loops, reduces;
    int64_t best; /* entries of all lists */
};

struct memo {
    const struct node *node; /* NULL: free */
    int value;
};

struct build {
    const struct program *p;
    const struct stmt *s;
    struct eval_code *c;
    struct memo *memos;
    int64_t n_memos;      /* a power of 2 */
    int *loop_block;      /* of an index: the block inside its loop, or -1 */
    int64_t *fixed;       /* of an index that is written out: its value */
    int *fixed_serial;    /* and the number of that iteration; 0: it is not */
    int serial;
    struct room left;     /* for writing out */
    int64_t panels;       /* bytes per lane that are left for them */
};

/* What a tree depends on. */
struct survey {
    int need;   /* the deepest block whose loop it uses */
    int lanes;  /* that loop, or one further out, is the lanes */
    int strays; /* data may make it illegal */
    int reduces;
};

/* Of numbers of iterations. */
static inline int
newer(int a, int b)
{
    return a > b ? a : b;
}

/* --- eval_room.c -------------------------------------------------------- */

/* Adds what a tree takes. */
void einc_eval_room_count(const struct program *p, const struct node *n,
                          struct room *r);
/* Of the statement, and of what is written out beside it. */
struct room einc_eval_room_all(const struct program *p, const struct stmt *s);
struct room einc_eval_room_unroll(void);
/* Takes n times what r is; 0, and nothing taken, if there is not so much. */
int einc_eval_room_take(struct room *left, const struct room *r, int64_t n);
/* Gives everything in `b` its place from `base` on. With `base` NULL only the
 * bytes are counted, which it returns. */
int64_t einc_eval_room_lay_out(struct build *b, const struct room *r,
                               char *base);
/* Bytes of a thread's values. */
int64_t einc_eval_room_slots(const struct room *r);

/* --- eval_emit.c -------------------------------------------------------- */

/* Whether it needs no more than strides, whatever its mode. */
int einc_eval_is_plain(const struct build *b, const struct subscript *s,
                       int64_t extent);
/* Whether a subscript may be illegal, if not for a guard. */
int einc_eval_may_stray(const struct build *b, const struct subscript *s,
                        int64_t extent);

int einc_eval_block_new(struct build *b, int parent, int loop, int lane,
                        int mask);
/* The block inside a loop over x, in `block`. */
int einc_eval_block_loop(struct build *b, int x, int block, int lane,
                         int mask, double extent);
int einc_eval_deeper(const struct build *b, int x, int y);
int einc_eval_is_inside(const struct build *b, int block, int of);
/* Where something goes that is asked for in `block` and needs to be inside of
 * `need`: out of loops, and out of guards only on the way out of loops. */
int einc_eval_place(const struct build *b, int block, int need, int strays);

int einc_eval_value(struct build *b, enum eval_type type, int block,
                    int lanes);
int einc_eval_constant(struct build *b, enum eval_type type, double number,
                       int64_t integer);
/* Appends an operation to a block. `each`: what it costs per lane. */
struct eval_op *einc_eval_emit(struct build *b, int block,
                               enum eval_kind kind, int lanes, double each);
/* fn(in[0], ...) as a value of that type, where the deepest argument is. */
int einc_eval_call(struct build *b, eval_fn *fn, enum eval_type type,
                   const int in[], int n_in, int64_t k, double each);
int einc_eval_cast(struct build *b, int v, enum eval_type type);
/* What runs where a condition holds; *mask: of its lanes. */
int einc_eval_if(struct build *b, int block, int condition, int *mask);
void einc_eval_end_if(struct build *b, int block, int inside, int mask);

/* Adds what a tree depends on. */
void einc_eval_survey(const struct build *b, const struct node *n,
                      struct survey *v);
/* What was built of a node already. */
struct memo *einc_eval_memo(struct build *b, const struct node *n);
/* A value can be used again inside of its block, and in the iteration of what
 * is written out that it was made in. */
int einc_eval_is_valid(const struct build *b, int value, int block);

/* --- eval_access.c ------------------------------------------------------ */

/* What an access depends on. */
struct found {
    int need, strays, lanes, serial;
};

/* Dims are laid down beyond those that nested gathers take. */
int einc_eval_access_reserve(struct build *b, const struct access *a);
/* What the access depends on; its gathers are built. rest[d]: their values,
 * kept in the dims to be. */
struct found einc_eval_access_gathers(struct build *b, const struct access *a,
                                      int block, int dim);
/* Fills in everything but `fill`, `mask` and `offsets`, for use in a block
 * whose lanes are `lane`. The dims that remain lie from `dim` on. */
struct eval_access einc_eval_access_describe(struct build *b,
                                             const struct access *a, int lane,
                                             int dim);
int einc_eval_access_load(struct build *b, const struct node *n, int block);

/* --- eval_reduce.c and eval_build.c ------------------------------------- */

int einc_eval_reduction(struct build *b, const struct node *n, int block);
/* The value of a tree that is asked for in `block`. */
int einc_eval_node(struct build *b, const struct node *n, int block);
int einc_eval_index_value(struct build *b, int x);

#endif

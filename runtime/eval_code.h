/* SPDX-License-Identifier: MIT
 *
 * eval_code.h - a statement as the evaluator runs it: lists of operations on
 * arrays, in a tree of loops. Inside of eval*.c only.
 *
 * One index at a time is the lanes: its loop goes in blocks, and a value that
 * depends on it is an array with a number for each of its positions in the
 * block. Any other value is one number. Every value stands in the outermost
 * loop that does not change it, so nothing is computed again that stayed.
 */
#ifndef EINC_RUNTIME_EVAL_CODE_H
#define EINC_RUNTIME_EVAL_CODE_H

#include "parse/stmt.h"
#include "runtime/ref_program.h"

enum {
    EVAL_MIN_LANES = 16,
    EVAL_MAX_LANES = 256,
    EVAL_RUN = 256, /* terms of a sum that are added up by themselves */
    EVAL_PANEL_LOOPS = 4
};

/* Types that are computed in, as einc_fn_compute() has them. */
enum eval_type { EVAL_BOOL, EVAL_I32, EVAL_I64, EVAL_F32, EVAL_F64, EVAL_C64,
                 EVAL_C128, N_EVAL_TYPES };

struct eval_c64 {
    float re, im;
};

struct eval_c128 {
    double re, im;
};

/* to[l] = f(in[0][l], ...), l < n. Bit i of `one`: in[i] has one value for all
 * lanes. `k`: the power of FN_POWI. */
typedef void eval_fn(void *to, const void *const in[], int n, int one,
                     int64_t k);
/* to[l] = the element `stride` * l bytes from `from`, converted. */
typedef void eval_load_fn(void *to, const char *from, int64_t stride, int n);
/* The same with an offset for each; none is read where it is INT64_MIN. */
typedef void eval_gather_fn(void *to, const char *from, const int64_t *offset,
                            int n);
/* The way back: integers wrap, floats round. */
typedef void eval_store_fn(char *to, int64_t stride, const void *from, int n);

/* Adds from[l], or from[0] if `one`, to the element offset[l] bytes from `to`,
 * one after the other; none where that is INT64_MIN. */
typedef void eval_scatter_fn(char *to, const int64_t *offset,
                             const void *from, int one, int n);

/* A reduction on its way; arrays with a number per lane. */
struct eval_state {
    void *value;     /* the sum of the run, the largest, the maximum of a
                      * logsumexp; k best: `k` per lane, sorted */
    void *more;      /* sums: the runs before, or what is too much in
                      * `value`; logsumexp: the sum */
    int64_t *number; /* of terms (mean) or positions (arg, k best) */
    int in_run;      /* terms per lane; far below 0 if there is one run */
    int64_t k;       /* k best, else 1 */
    int lanes;       /* that take part */
};

/* One sort of reduction in one type. */
struct eval_reducer {
    void (*begin)(struct eval_state *s);
    /* Takes in n terms, one per lane; `one`: one term for all. Where mask[l]
     * is 0 there is none. Position of term l: at + l * step. */
    void (*take)(struct eval_state *s, const void *terms, int one,
                 const uint8_t *mask, int n, int64_t at, int64_t step);
    /* Makes one of all lanes: lane 0 has the result. NULL: there is but one
     * state from the start (k best). */
    void (*join)(struct eval_state *s);
    /* to[l] = the result, l < lanes; k best: not used. */
    void (*finish)(struct eval_state *s, void *to);
};

/* Into a sum without a mask: terms of two factors, or what else is made of
 * two. Bit i of `one`: that of them has one value for all lanes; not both. */
typedef void eval_take_fn(struct eval_state *s, const void *first,
                          const void *second, int one, int n);

/* Terms that are not made before they are added. */
enum eval_added { ADDED_PRODUCT, ADDED_SQUARE, N_ADDED }; /* y*z, (y-z)^2 */

/* Everything that is done per type, compiled for one instruction set. */
struct eval_set {
    eval_fn *fn[N_FNS][N_EVAL_TYPES]; /* by type of the (last) argument */
    eval_fn *cast[N_EVAL_TYPES][N_EVAL_TYPES]; /* from, to */
    eval_fn *added[N_ADDED][N_EVAL_TYPES]; /* in[0] + what in[1], in[2] make */
    eval_take_fn *take_added[N_ADDED][N_EVAL_TYPES];
    eval_fn *narrow[EINC_C128 + 1]; /* as if stored as that; NULL: no change */
    eval_load_fn *load[EINC_C128 + 1];
    eval_gather_fn *gather[EINC_C128 + 1];
    eval_store_fn *store[EINC_C128 + 1]; /* from its compute type */
    eval_scatter_fn *scatter[N_EVAL_TYPES]; /* to elements of that type */
    struct eval_reducer reduce[N_REDOPS][N_EVAL_TYPES];
    struct eval_reducer kept[REDOP_MEAN + 1][N_EVAL_TYPES]; /* compensated:
                                          * sums and means of floats */
};

/* For the processor we are on. */
const struct eval_set *einc_eval_set(void);

static inline int
eval_bytes(enum eval_type t)
{
    static const int bytes[N_EVAL_TYPES] = {1, 4, 8, 4, 8, 8, 16};
    return bytes[t];
}

enum eval_type einc_eval_type(enum einc_dtype t);

/* --- the code ----------------------------------------------------------- */

struct eval_value {
    enum eval_type type;
    int lanes;       /* whether it has a number per lane */
    int block;       /* where it is computed */
    int serial;      /* newest unrolled iteration it belongs to; 0: none */
    int reduce;      /* result of a reduction: its number */
    int is_constant;
    int64_t room;    /* numbers, or such per lane; 0: one */
    int is_panel;    /* too large to stay in the first cache */
    int64_t offset;  /* of its bytes, in a thread's slots */
    double number;
    int64_t integer; /* of a constant of integer type */
};

struct eval_term {
    int index;
    int64_t coef;
};

/* A subscript that is more than a stride. */
struct eval_dim {
    int64_t constant;
    int first, n_terms; /* in code.terms; with that of the lanes, for the
                         * first of them */
    int64_t lane_coef;
    int rest;           /* value of i64, or -1 */
    enum bound_mode mode;
    int64_t pad_lo, pad_hi;
    int checked, site;
    int64_t extent;
    int64_t stride;     /* bytes */
};

struct eval_access {
    int tensor;
    enum einc_dtype dtype;
    int64_t constant;   /* bytes */
    int first, n_terms; /* as in a dim */
    int64_t lane_bytes;
    int first_dim, n_dims;
    int is_native;      /* stored as it is computed */
    int fill;           /* value, or -1: 0 */
    int mask;           /* value, or -1 */
    int offsets;        /* value of i64 to work with, or -1 */
};

/* An access for all values of some indices: lanes of each, row-major. */
struct eval_panel {
    int access;
    int first, n_terms; /* in code.terms: indices and their extents, slowest
                         * first; EVAL_PANEL_LOOPS at most */
};

struct eval_loop {
    int index;
    int64_t lo, hi;
    int from, to; /* values, or -1 */
    int site;
    int lanes;    /* goes in blocks */
    int mask;     /* of the place it stands in, or -1: bounds per lane count
                   * where it is not 0 */
    int block;
};

struct eval_reduce {
    const struct eval_reducer *how;
    enum redop op;
    int value, more, number; /* the state's arrays, as values; or -1 */
    int64_t k;
    int lanes;               /* one state per lane */
    int64_t own_lanes;       /* what is reduced has lanes, of this extent at
                              * most; else 0 */
    int first, n_terms;      /* of a term's position */
    int64_t constant, lane_coef;
    int64_t base;            /* what a position of 0 is given out as */
    int one_run;             /* a sum is not put away after EVAL_RUN terms */
};

enum eval_kind {
    EVAL_CALL,  /* to = fn(in) */
    EVAL_INDEX, /* to = the index `item` */
    EVAL_LOAD,  /* to = accesses[item] */
    EVAL_PANEL, /* to = the panel panels[item], all of it */
    EVAL_ENTRY, /* to = what in[0], that panel, has for the indices now */
    EVAL_IF,    /* runs block `item` unless in[0] is 0 in all lanes */
    EVAL_LOOP,  /* runs loops[item] */
    EVAL_RANGE, /* to = in[0] <= the index `item` < in[1] */
    EVAL_BEGIN, /* of reduces[item] */
    EVAL_TAKE,  /* in[0] into it, or take(in[0], in[2]); in[1]: mask, or -1 */
    EVAL_END,   /* to = its result */
    EVAL_PICK,  /* to = entry number in[0] of the list of reduces[item] */
    EVAL_STORE  /* accesses[item] = in[0], or op= with to, in[1] to work in */
};

struct eval_op {
    enum eval_kind kind;
    int next; /* in its block, or -1 */
    int to, in[3];
    int lanes, one;
    int item;
    int64_t k;
    eval_fn *fn;
    eval_scatter_fn *scatter; /* STORE: does it all; or NULL */
    eval_take_fn *take; /* TAKE: of in[0] and in[2]; or NULL */
};

struct eval_block {
    int parent; /* -1: the statement */
    int depth;
    int loop;   /* index whose loop this is the inside of; -1: of an if */
    int lane;   /* index that the lanes are, or -1 */
    int mask;   /* value: lanes that count, or -1: all */
    int may_be_empty;
    double trips; /* about how often it is run in all */
    double width; /* and with how many lanes */
    int first, last;
};

struct eval_code {
    const struct program *program;
    const struct stmt *stmt;
    const struct eval_set *set;
    struct eval_value *values;
    struct eval_op *ops;
    struct eval_block *blocks;
    struct eval_access *accesses;
    struct eval_dim *dims;
    struct eval_term *terms;
    struct eval_loop *loops; /* the first stmt.n_loops: those of the
                              * statement */
    struct eval_reduce *reduces;
    struct eval_panel *panels;
    int n_values, n_ops, n_blocks, n_accesses, n_dims, n_terms, n_loops,
        n_reduces, n_panels;
    int lanes;               /* per block */
    int64_t slot_bytes;
    double cost;             /* about, in ns */
};

/* What a thread has. */
struct eval_thread {
    const struct eval_code *code;
    void *const *tensor;
    int64_t *at;               /* value of each index; of the lanes: of the
                                * first */
    const void **value;        /* where each is now */
    char *slots;
    struct eval_state *states; /* of each reduction */
    int n;                     /* lanes that are in use */
    struct stray stray;
};

/* Bytes of the code and of a thread for a statement. */
int64_t einc_eval_code_bytes(const struct program *p, const struct stmt *s);
int64_t einc_eval_thread_bytes(const struct program *p, const struct stmt *s);
/* Statement -> code, in so many bytes; see above. */
const struct eval_code *einc_eval_build(const struct program *p,
                                        const struct stmt *s, char *at);

/* In `slots`, of einc_eval_thread_bytes(). */
void einc_eval_thread(struct eval_thread *t, const struct eval_code *c,
                      void *const tensor[], char *slots);
/* Runs the operations of a block. 1: it met what t->stray says. */
int einc_eval_block(struct eval_thread *t, int block);

/* Of accesses[item], for the lanes in use. */
int einc_eval_load(struct eval_thread *t, const struct eval_op *o);
void einc_eval_panel(struct eval_thread *t, const struct eval_op *o);
void einc_eval_entry(struct eval_thread *t, const struct eval_op *o);
int einc_eval_store(struct eval_thread *t, const struct eval_op *o);

#endif

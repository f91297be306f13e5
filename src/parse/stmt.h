/* SPDX-License-Identifier: MIT
 *
 * stmt.h - index statements `out[access] op= expression` over named indices:
 * what both surface forms become, and all that later stages see of them.
 * Form A makes one statement whose right side is sum(product of accesses);
 * the fields that only form B fills are here from the start.
 */
#ifndef EINC_PARSE_STMT_H
#define EINC_PARSE_STMT_H

#include "parse/expr.h"
#include "parse/fn.h"

enum index_kind { INDEX_FREE, INDEX_REDUCED, INDEX_NEW };

/* Every binding has its own index: two statements, or two reductions side by
 * side, that say `d` have two. */
struct index {
    struct str name;      /* as written; an ellipsis dim is "...0", "...1"
                           * from the left of the broadcast dims */
    int64_t lo, hi;       /* half open. Form A: hi < 0, fixed by operands
                           * later. Form B: all values lie in it */
    const struct node *from, *to; /* NULL both, or the range when its loop is
                           * entered (i64; of outer indices and operands); a
                           * part that is not empty and not within lo:hi is an
                           * error of the run; from >= to: nothing */
    int site;             /* with from and to: in program.sites; else -1 */
    enum index_kind kind; /* NEW: counts the k best of a reduction; as free */
    struct span at;       /* first occurrence */
};

enum bound_mode { BOUND_CHECK, BOUND_PAD, BOUND_CLAMP, BOUND_WRAP,
                  BOUND_REFLECT };

struct affine_term {
    int index;
    int64_t coef;
};

/* One dimension of an access: constant + sum(coef * index) + rest. */
struct subscript {
    int64_t constant;
    struct affine_term *terms; /* each index once, no coef 0 */
    int n_terms;
    const struct node *rest;   /* NULL, or what is not affine, i64: a gather
                                * (it holds an access), or `q%3` */
    enum bound_mode mode;      /* what is done with a position p outside of
                                * 0:n. PAD: reads the fill. CLAMP: 0 or n-1.
                                * WRAP: p mod n. REFLECT: mirrored without
                                * repeating the edge, -1 is 1, n is n-2 */
    int64_t pad_lo, pad_hi;    /* BOUND_PAD: how far outside is legal */
    int checked;               /* the run must see that it is legal, as that
                                * depends on data; else it is proved. PAD:
                                * within the pads, others never */
    int site;                  /* checked: in program.sites; else -1 */
    struct span at;
};

struct access {
    int tensor; /* form A: number of the operand; -1: the output. Form B: in
                 * program.tensors */
    struct subscript *subs; /* [n_subs], one per dim of the tensor */
    int n_subs;
    const struct node *fill; /* what BOUND_PAD reads outside, a number of the
                              * tensor's compute type; NULL: 0 */
    struct span at;
};

enum node_kind { NODE_NUMBER, NODE_ACCESS, NODE_PRODUCT, NODE_REDUCE,
                 NODE_INDEX, NODE_CALL };
enum redop { REDOP_SUM, REDOP_PROD, REDOP_MAX, REDOP_MIN, REDOP_MEAN,
             REDOP_ANY, REDOP_ALL, REDOP_COUNT, REDOP_ARGMAX, REDOP_ARGMIN,
             REDOP_LOGSUMEXP, REDOP_SOFTMAX, REDOP_KMIN, REDOP_KMAX,
             REDOP_ARGKMIN, REDOP_ARGKMAX,
             REDOP_SOFTMAX0, /* softmax, but 0 where all terms are masked or
                              * -inf, and not NaN */
             N_REDOPS };

/* Gives a position; one of the k best; of these and of max and min: prefers
 * the least. */
static inline int
redop_is_position(enum redop op)
{
    return op == REDOP_ARGMAX || op == REDOP_ARGMIN || op == REDOP_ARGKMIN ||
           op == REDOP_ARGKMAX;
}

static inline int
redop_is_best(enum redop op)
{
    return op == REDOP_KMIN || op == REDOP_KMAX || op == REDOP_ARGKMIN ||
           op == REDOP_ARGKMAX;
}

static inline int
redop_is_least(enum redop op)
{
    return op == REDOP_MIN || op == REDOP_ARGMIN || op == REDOP_KMIN ||
           op == REDOP_ARGKMIN;
}

/* An expression; nodes may be shared. In form B types are settled: arguments
 * of a call have the type that fn.h says (FN_CAST stands where one had
 * another), numbers too. Form A has PRODUCT, ACCESS and REDUCE only, and no
 * types. */
struct node {
    enum node_kind kind;
    enum einc_dtype type;        /* of the value; it is computed in
                                  * einc_fn_compute(type), and stored as type
                                  * where a tensor takes it. INDEX: i64 */
    enum fn fn;                  /* CALL */
    const struct node **args;    /* PRODUCT: factors; REDUCE: the one body */
    int n_args;
    const struct access *access; /* ACCESS; of a scalar operand: no subs */
    double number;               /* NUMBER of a float type (complex: real) */
    int64_t integer;             /* NUMBER of integer type or bool; POWI */
    int size_of;                 /* NUMBER: 0; or it was written as size() of
                                  * index size_of - 1, as one of many sizes */
    int index;                   /* INDEX, in program.indices */
    enum redop redop;            /* REDUCE; never SOFTMAX(0): see `lse` */
    int *bound;                  /* REDUCE: its indices, in order; an arg
                                  * reduction is the value of its index, of
                                  * several a position, row-major in them,
                                  * from the `lo` of each */
    int n_bound;
    const struct node *guard;    /* REDUCE: NULL, or bool; terms where it is
                                  * false are neither loaded nor computed:
                                  * accesses of the body may be in bounds
                                  * only where it holds */
    int best;                    /* REDUCE of the k best: its INDEX_NEW, and
                                  * the value is the best-th; else -1 */
    const struct node *lse;      /* CALL of FN_EXP that softmax(f) became,
                                  * exp(f - logsumexp(f')): that logsumexp,
                                  * whose body is f with its own index; else
                                  * NULL */
    int is_far;                  /* CALL of FN_SELECT that a distance became:
                                  * args[1] stands in args[0], too, and
                                  * args[2] is for the few that are near */
    struct span at;
};

enum assign { ASSIGN_SET, ASSIGN_ADD, ASSIGN_MUL, ASSIGN_MAX, ASSIGN_MIN };

struct gate;
struct places;
struct strips;

/* What a statement is in a strip, see plan/strips.h. */
struct in_strips {
    const struct strips *of; /* NULL: it is run as a whole */
    int index;               /* its own, some values of which are one strip */
    int is_inner;            /* it sets a temporary of one strip */
};

/* At every point of `loops`: left op= right. */
struct stmt {
    struct access left;
    enum assign op;
    const struct node *right; /* form B: of the type of the left tensor or one
                               * that is stored there; implied sums are
                               * REDUCE nodes, made */
    int *loops;               /* form B: indices of the left side, in order of
                               * first appearance there */
    int n_loops;
    int first_index, n_indices; /* form B: its indices in program.indices,
                               * all of them, in order */
    int scatters;             /* several points may write one element, or not
                               * all are written */
    const struct gate *gate;  /* NULL, or it is run only where that counts */
    int few;                  /* few, or only where it counts more */
    const struct places *places; /* NULL, or what its loop goes over. Of these
                               * see plan/places.h */
    struct in_strips strip;
    struct span at;
};

enum tensor_kind { TENSOR_OPERAND, TENSOR_TEMP, TENSOR_OUTPUT };

struct tensor {
    struct str name;
    enum tensor_kind kind;
    int number;            /* of the operand or output, each from 0; of the
                            * temporary likewise */
    enum einc_dtype dtype;
    int n_dims;
    const int64_t *shape;
    const int64_t *stride; /* elements; temporaries: dense row-major */
    int read;              /* an output whose former elements are read: by
                            * op= or on a right side */
    int positive;          /* a temporary of which no element is negative:
                            * sums of squares */
    struct span at;        /* first occurrence */
};

/* A place where data decide whether a run is legal. A run that meets one that
 * is not stops with a diagnostic; what it has written by then is undefined. */
struct site {
    struct span at; /* of the subscript or the bound */
    int tensor;     /* that would be left; -1: a bound leaves lo:hi */
    int dim;
    int64_t lo, hi; /* legal positions, half open */
};

/* How sums of floats are made. */
struct summing {
    enum einc_sum how;
    int wide; /* in f64, of complex numbers in c128 */
};

/* A size that is an argument of the function that is emitted, see open.h:
 * where its number stands, it is meant. */
enum { OPEN_SIZES = 16,           /* how many */
       OPEN_MOST = INT32_MAX - 0xffff }; /* the longest: positions that are
                                   * some more have 32 bits */

struct open_size {
    struct str name;  /* of a header's size, or of the index */
    int64_t value;    /* that stands for it */
    int64_t guide;    /* what costs are modelled with */
    int is_row;       /* some operand or output has rows of that many */
};

struct open_sizes {
    const struct open_size *list;
    int n;
};

/* Which of the sizes is meant by a number; -1: none. */
static inline int
open_find(const struct open_sizes *o, int64_t value)
{
    for (int k = 0; k < o->n; k++)
        if (o->list[k].value == value)
            return k;
    return -1;
}

struct program {
    struct str source;
    struct index *indices; /* in order of first appearance */
    int n_indices;
    int n_operands;
    struct stmt *stmts;
    int n_stmts;
    struct tensor *tensors; /* form B: operands by number, then the others in
                             * order of first appearance */
    int n_tensors, n_outputs;
    struct site *sites;
    int n_sites;
    struct summing summing; /* form B; `wide` stands in the nodes already. For
                             * form A see graph.h */
    struct open_sizes open; /* form B */
};

/* Lowers form A: resolves "..." against the operands' ranks (broadcast dims
 * align from the right), finds the implicit output, checks counts and ranks
 * (E3xx). Needs ranks, not sizes. `flags`: EINC_STRICT_NUMPY. */
const struct program *einc_stmt_from_expr(struct arena *perm,
                                          struct arena scratch,
                                          const struct expr *e, int n_in,
                                          const struct einc_layout in[],
                                          uint32_t flags);

/* "2x3x4", or "scalar"; for messages. Lives in cx->perm. */
const char *einc_stmt_shape(struct cx *cx, int n_dims, const int64_t *shape);

/* Dump "stmt": form B text, `O[b,i] = sum[j](in0[b,i,j]*in1[b,j])`. */
void einc_stmt_print(struct text *t, const struct program *p);

#endif

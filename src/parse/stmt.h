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

enum index_kind { INDEX_FREE, INDEX_REDUCED, INDEX_NEW };

struct index {
    struct str name;      /* as written; an ellipsis dim is "...0", "...1"
                           * from the left of the broadcast dims */
    int64_t lo, hi;       /* half open; hi < 0: fixed by operands later */
    enum index_kind kind;
    struct span at;       /* first occurrence */
};

enum bound_mode { BOUND_CHECK, BOUND_PAD, BOUND_CLAMP, BOUND_WRAP,
                  BOUND_REFLECT };

struct affine_term {
    int index;
    int64_t coef;
};

/* One dimension of an access: constant + sum(coef * index), or a gather. */
struct subscript {
    int64_t constant;
    struct affine_term *terms;
    int n_terms;
    enum bound_mode mode;
    int64_t pad_lo, pad_hi;      /* BOUND_PAD: how far outside is legal */
    double fill;                 /* what BOUND_PAD reads there */
    const struct access *gather; /* NULL, or where the position is loaded */
    struct span at;
};

struct access {
    int tensor; /* number of the operand; -1: the output */
    struct subscript *subs;
    int n_subs;
    struct span at;
};

enum node_kind { NODE_NUMBER, NODE_ACCESS, NODE_PRODUCT, NODE_REDUCE };
enum redop { REDOP_SUM, REDOP_PROD, REDOP_MAX, REDOP_MIN };

struct node {
    enum node_kind kind;
    const struct node **args;    /* PRODUCT: factors; REDUCE: the one body */
    int n_args;
    const struct access *access; /* ACCESS */
    double number;               /* NUMBER */
    enum redop redop;            /* REDUCE */
    int *bound;                  /* REDUCE: its indices, in order */
    int n_bound;
    const struct node *guard;    /* REDUCE: NULL, or terms it leaves out */
    struct span at;
};

enum assign { ASSIGN_SET, ASSIGN_ADD, ASSIGN_MUL, ASSIGN_MAX, ASSIGN_MIN };

struct stmt {
    struct access left;
    enum assign op;
    const struct node *right;
    struct span at;
};

struct program {
    struct str source;
    struct index *indices; /* in order of first appearance */
    int n_indices;
    int n_operands;
    struct stmt *stmts;
    int n_stmts;
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

/* SPDX-License-Identifier: MIT
 *
 * draft.h - index statements on their way from trees to nodes: names are
 * settled (draft.c), ranges are found (range.c), left sides are judged
 * (left.c), and types are not known yet (type.c makes nodes of drafts). Only
 * the files of resolve.h read this.
 */
#ifndef EINC_PARSE_DRAFT_H
#define EINC_PARSE_DRAFT_H

#include "parse/resolve.h"

/* A name, wherever the program says it. What it is to the statement at hand:
 * an index if `is_index` is its number + 1. */
struct word {
    struct str name;
    struct span at;    /* where it was first seen */
    int tensor;        /* in resolver.tensors; -1: none */
    int is_parameter;  /* of the caller's or declared by a header */
    int is_size;       /* an extent in a header */
    int has_value;     /* a parameter of a header has none until bound */
    int64_t value;
    int is_index;      /* 1 + number of the last statement it is one in */
    int bound;         /* index that it means here; -1: none; -2: it is bound
                        * within what is being looked at */
    int listed;        /* stamp of the last list of free names it is in */
};

struct named {         /* a tensor */
    struct str name;
    struct span at;    /* where it was first seen */
    enum tensor_kind kind;
    int number;        /* as in struct tensor */
    int n_dims;
    int known;         /* shape is */
    const int64_t *shape, *stride;
    enum einc_dtype dtype;      /* NONE: not known yet */
    int is_assigned;   /* by some statement */
    int n_assigned;    /* by how many statements (so far) */
    int first, last;   /* numbers of the statements that assign it */
    int first_read, last_read; /* and of those that read it; -1: none */
    int is_read;       /* before it is assigned, or accumulated into first */
    struct span reads_at;      /* where, if so */
    int needs_shape;   /* its first left side does not tell its shape */
    const struct tree_decl *decl; /* by a header; NULL: none */
    int is_output;     /* as a header says */
};

enum { HAS_INDEX = 1, HAS_DATA = 2 };

enum draft_kind { DRAFT_NUMBER, DRAFT_INDEX, DRAFT_ACCESS, DRAFT_CALL,
                  DRAFT_CAST, DRAFT_SIZE, DRAFT_DIM, DRAFT_REDUCE };

struct draft {
    enum draft_kind kind;
    int has;                     /* HAS_INDEX, HAS_DATA: somewhere below */
    struct span at, name_at;
    struct str name;             /* SIZE: of the index */
    enum fn fn;                  /* CALL */
    const struct draft **args;   /* CALL CAST; REDUCE: the body */
    int n_args;
    double number;               /* NUMBER */
    int64_t integer;
    int is_integer, is_bool;
    int index;                   /* INDEX; SIZE: that of its scope, or -1 */
    int tensor, dim;             /* DIM */
    enum einc_dtype cast;        /* CAST */
    struct draft_access *access; /* ACCESS */
    enum redop redop;            /* REDUCE, never softmax */
    int *bound;
    int n_bound;
    const struct draft *guard;
    int best;
    const struct draft *lse;     /* CALL of FN_EXP: see struct node */
    struct memo *memo;           /* an lse: what it was made into */
};

struct memo {
    const struct node *node;
    int weak, pass;              /* resolver.pass */
};

/* coef * value: what is not affine in a subscript. */
struct part {
    int64_t coef;
    const struct draft *value;
};

struct draft_sub {
    const struct draft *value;
    enum bound_mode mode;
    const struct draft *pad[2];  /* NULL: 0 */
    struct span at;
    struct draft_access *access;
    int dim;
    int is_linear;               /* range.c: the rest is known */
    int64_t constant;
    struct affine_term *terms;
    int n_terms;
    struct part *parts;
    int n_parts;
    int64_t pad_lo, pad_hi;
    int checked, site;
};

struct draft_access {
    int tensor;
    struct draft_sub *subs;
    int n_subs;
    const struct draft *fill;
    int in_bound;                /* of an index: only restricts ranges */
    int is_left;
    int is_self;                 /* reads what its statement writes */
    const struct draft **guards; /* that hold where it is read */
    int n_guards;
    struct span at;
};

enum range_rule {
    RANGE_INFERRED, /* by what the index subscripts */
    RANGE_WHERE,    /* constant: where, [j in 0:3], [j->q:3] */
    RANGE_OUTER,    /* by other indices */
    RANGE_DATA      /* by data; lo:hi as if inferred */
};

struct draft_index {
    struct str name;
    struct span at;
    enum index_kind kind;
    int stmt;
    int twin;                    /* shares the range of that index; or -1 */
    enum range_rule rule;
    const struct draft *from, *to; /* of all rules but INFERRED */
    struct span range_at;
    const struct draft *within[2]; /* ends of `where` if a bound restricts
                                    * that range further; else NULL */
    struct span within_at;
    int is_left;                 /* on the left side of its statement */
    int makes_dim;               /* and a dim of a new tensor */
    int known;                   /* range.c: lo:hi is */
    int64_t lo, hi;
    int giver;                   /* number of the bare use that fixed it; -1 */
    int seen;                    /* least, most and limit are set */
    int64_t least, most;         /* candidates of this round */
    int limit;                   /* number of the use that gave `most` */
    int is_told;                 /* a diagnostic names it */
    int site;
};

struct draft_stmt {
    const struct tree_stmt *tree;
    int number;
    struct draft_access *left;
    enum assign op;
    const struct draft *right;
    int is_new;                  /* makes the shape of its tensor */
    int *loops;
    int n_loops;
    int scatters;
    struct draft_sub **subs;     /* of all accesses, in order of the text */
    int n_subs;
    int first_index, n_indices;  /* its indices */
};

struct resolver {
    struct cx *cx;
    struct arena *perm;
    struct arena scratch;
    const struct tree_program *t;
    const struct bindings *b;    /* NULL: names only */
    const struct param *params;
    int n_params;
    struct word **slots;
    uint64_t mask;
    struct named *tensors;       /* operands first */
    int n_tensors, n_operands, n_outputs;
    struct draft_index *indices;
    int n_indices;
    struct draft_stmt *stmts;    /* [t->n_stmts] */
    struct site *sites;
    int n_sites;
    int64_t n_drafts;
    int stamp;                   /* of lists of free names */
    /* of the statement at hand */
    struct draft_stmt *s;
    int in_bound;
    int in_constant;             /* only numbers and parameters are legal */
    const struct draft **guards; /* that hold here, innermost last */
    int n_guards;
    int pass;                    /* type.c */
    int in_subscript;
};

/* --- words and texts (resolve.c) ------------------------------------------ */

struct word *einc_resolve_word(struct resolver *r, struct str name);
/* The user's text at a place, fit for a message. */
const char *einc_resolve_show(struct resolver *r, struct span at);
/* "A", or "A (2x3)" ... */
const char *einc_resolve_name(struct resolver *r, int tensor);
/* Hints if the text with edits made is legal. */
void einc_resolve_propose(struct resolver *r, struct diag *d, const char *hint,
                          const struct edit *edits, int n);
/* A tensor has this shape, dense. */
void einc_resolve_shape(struct resolver *r, int tensor, const int64_t *shape);
int einc_resolve_site(struct resolver *r, struct site s);

/* Room for one more at the end of an array of n: it doubles whenever n is a
 * power of 2. */
#define GROW(a, t, p, n)                                                    \
    ((t *)einc_resolve_grow((a), (p), (n), sizeof(t), _Alignof(t)))
void *einc_resolve_grow(struct arena *a, void *p, int n, size_t size,
                        size_t align);

/* --- stages --------------------------------------------------------------- */

/* Tree of statement s -> draft: names (E31x E70x). `right` is NULL where
 * diagnostics say why. */
void einc_draft_stmt(struct resolver *r, int s);
/* Marks the words that are indices of r->s. */
void einc_draft_mark(struct resolver *r, const struct tree_stmt *s);

#endif

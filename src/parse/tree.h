/* SPDX-License-Identifier: MIT
 *
 * tree.h - a form B text as parsed: statements of names and operators, as
 * written. What a name stands for is not known yet.
 */
#ifndef EINC_PARSE_TREE_H
#define EINC_PARSE_TREE_H

#include "base/diag.h"
#include "base/text.h"
#include "parse/fn.h"
#include "parse/stmt.h"

enum { MAX_HEIGHT = 500 };

enum tree_kind {
    TREE_NUMBER, /* also inf nan pi true false */
    TREE_NAME,   /* an index, a scalar operand or a parameter */
    TREE_ACCESS, /* name[args...] */
    TREE_CALL,   /* name(args...): function, cast, fill, size, dim */
    TREE_OP,     /* fn of args; FN_NEG ... FN_SELECT */
    TREE_MODE,   /* the whole of a subscript only: pad(e,lo) pad(e,lo,hi)
                  * clamp(e) wrap(e) reflect(e). clamp of 3 is a call */
    TREE_REDUCE  /* redop[bounds -> best:most](args[0] if guard) */
};

struct tree_bound {
    struct str name;
    struct span at;             /* of the name */
    const struct tree *lo, *hi; /* NULL both: inferred */
};

struct tree {
    enum tree_kind kind;
    int height;                 /* 1, or 1 + the largest one below; at most
                                 * MAX_HEIGHT: stages may recurse */
    struct span at;             /* all of it, parentheses around it left out */
    struct span name_at;        /* of the name, or of the operator ("?") */
    struct str name;            /* NAME ACCESS CALL */
    enum fn fn;                 /* OP */
    double number;              /* NUMBER */
    int is_integer;             /* NUMBER: written without "." and exponent */
    int64_t integer;            /* NUMBER: then its value */
    int is_bool;                /* NUMBER: true, false */
    const struct tree **args;
    int n_args;
    enum bound_mode mode;       /* MODE */
    enum redop redop;           /* REDUCE; args[0] is its body */
    struct tree_bound *bounds;
    int n_bounds;
    int has_list;               /* REDUCE: "[...]" was written */
    const struct tree *guard;   /* NULL: none */
    struct str best;            /* REDUCE: the "q" of "->q:5"; p NULL: none */
    struct span best_at;
    const struct tree *most;    /* the 5 */
};

struct tree_stmt {
    struct span at;
    const struct tree *left;    /* TREE_ACCESS */
    enum assign op;
    struct span op_at;
    const struct tree *right;
    struct tree_bound *where;   /* lo and hi given */
    int n_where;
};

/* Declared by a header: "inout name[n, 3]:f32". */
struct tree_decl {
    struct str name;
    struct span at;
    const struct tree **extents; /* TREE_NAME or TREE_NUMBER */
    int n_extents;
    enum einc_dtype dtype;       /* NONE: not said */
    int inout;
};

struct tree_program {
    struct str source;
    struct str kernel;           /* name in the header; p NULL: no header */
    struct tree_decl *in, *out;
    int n_in, n_out;
    struct tree_stmt *stmts;
    int n_stmts;
};

/* Whether a text is form B: it contains a "[". */
int einc_tree_is_program(struct str source);

/* Parses form B. Leaves with EINC_EPARSE (E1xx, E2xx; reserved names E707).
 * Nesting deeper than MAX_HEIGHT is E806. Reports a fault per statement. That
 * functions exist and have the right number of arguments is not seen here. */
const struct tree_program *einc_parse_program(struct arena *perm,
                                              struct arena scratch,
                                              struct str source);

/* "sum", "softmax0". */
const char *einc_tree_redop_name(enum redop r);
/* The reduction of that name; N_REDOPS: none. */
enum redop einc_tree_redop_named(struct str name);

/* Dump "expr" of a program: the same program, a line per statement, in which
 * every operator below another one has its own parentheses. */
void einc_tree_print(struct text *t, const struct tree_program *p);

#endif

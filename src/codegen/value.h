/* SPDX-License-Identifier: MIT
 *
 * value.h - the right side of an index statement as a graph of real values,
 * each of which stands there once: equal subexpressions are one value, and so
 * are reductions that differ in the names of their indices only. Complex
 * numbers are two values. Unrolling is made here: `i + 1` in the place of `i`
 * gives other values, which share what does not depend on i.
 */
#ifndef EINC_CODEGEN_VALUE_H
#define EINC_CODEGEN_VALUE_H

#include "codegen/size.h"

enum { VALUE_MAX_VARS = 63, VALUE_MAX_PARTS = 16,
       VALUE_MOST_BEST = 1 << 20 };
enum { PINNED = -1 }; /* value.pinned */
/* In value.deps: the first value of a lane's turn, see VALUE_VAR. */
#define VALUE_BASE ((uint64_t)1 << 63)

/* Loop variables. Reductions over the same range share one unless the body of
 * the inner one uses that of the outer one. */
struct value_var {
    int64_t lo, hi;   /* all that it can be, half open; an argument of
                       * emitted functions: see einc_values_most() */
    int from, to;     /* values when its loop is entered; -1 both: lo, hi */
    int is_free;      /* a loop of the statement */
    int index;        /* of the program: the first that it stands for */
};

enum value_type { VALUE_BOOL, VALUE_I32, VALUE_I64, VALUE_F32, VALUE_F64,
                  N_VALUE_TYPES };

enum value_op {
    VALUE_NUMBER,
    VALUE_SIZE,    /* integer, an argument of the kernel: the hi of var; if
                    * that is -1, with dim the extent of dim - 1 of tensor,
                    * without how many values an index has, number `tensor`;
                    * with dim -1 that one of program.open */
    VALUE_VAR,     /* var + integer; of the lane, if lo is 1, its first
                    * value, which is no vector */
    VALUE_LOAD,    /* element of a tensor */
    VALUE_FN,      /* fn of args */
    VALUE_CHECK,   /* args[0], reported unless in lo:hi, and clamped to it */
    VALUE_WRAP,    /* args[0] mod integer, never negative */
    VALUE_REFLECT, /* args[0] mirrored into 0:integer */
    VALUE_BOUND,   /* of args[0]:args[1] within lo:hi, the begin (integer 0)
                    * or the end (1) */
    VALUE_CHOICE,  /* args[0] ? args[1] : args[2], of which only the chosen
                    * one is computed */
    VALUE_REDUCE,
    VALUE_PICK,    /* args[0] is a reduction of the k best; number args[1] */
    VALUE_PART     /* args[0] is a logsumexp; integer 0: the largest term, 1:
                    * the sum of exp(terms - that) */
};

struct value_term {
    int var;      /* -1: coef alone */
    int64_t coef;
    int dim;      /* 0; or times the stride of dim - 1, which is an argument */
};

/* One turn of a reduction: of a var that runs in steps there are several. */
struct value_part {
    int x;        /* what is reduced */
    int guard;    /* -1: none */
    int position; /* arg reductions; else -1 */
};

/* What reductions there are beside those of the language: the sum of weights
 * exp(f - m) times x, m and the sum of weights being those of `with`; and the
 * product of complex numbers x + i*position, of which `best` is the plane. */
enum { REDOP_WEIGHTED = N_REDOPS, REDOP_COMPLEX };

struct value_reduce {
    int redop;
    int n_vars, vars[8];  /* loops, outermost first */
    int indices[8];       /* of the program: what they are called here */
    int n_from[8], n_to[8];
    int from[8][4];       /* bounds of each beside those of the var, from */
    int to[8][4];         /* guards: the greatest, and the least of `to` */
    int n_parts;          /* the last var runs in steps of as many */
    struct value_part part[VALUE_MAX_PARTS];
    int together;         /* all parts as one value, or -1 */
    int best;             /* of the k best: k, VALUE_MOST_BEST at most */
    int with;             /* REDOP_WEIGHTED: the logsumexp */
    int zero;             /* REDOP_WEIGHTED: of an empty row 0, not NaN */
    int guarded;          /* the logsumexp: parts may be masked out (-inf) */
    int kept;             /* REDOP_SUM of floats: what rounding takes from it
                           * is kept, and given back */
    uint64_t payload;     /* vars that its accumulators are indexed by */
    int64_t points;       /* at most so many terms */
    int64_t low, high;    /* integers: what their type holds */
};

struct value {
    enum value_op op;
    enum value_type type;
    enum fn fn;
    int args[3], n_args;
    double number;
    int64_t integer;
    int var;
    int tensor;           /* LOAD: element constant + sum(coef * var) + */
    int64_t constant;     /*       sum(stride * extra), of the parts of a */
    int n_terms, n_extra; /*       complex tensor; else see dim */
    int dim;              /* CHECK WRAP REFLECT: 0, or hi, or integer, is the
                           * extent of dim - 1 of the tensor, or that and
                           * what may be outside */
    const struct value_term *terms;
    const struct value_term *extra; /* var: the value; coef: the stride */
    int site;
    int64_t lo, hi;
    const struct value_reduce *reduce;
    /* of all */
    uint64_t deps;        /* vars that it depends on */
    int pinned;           /* may report a stray: is not computed where the
                           * formula does not ask for it. v + 1: only if
                           * the bounds of var v are strays; else PINNED */
    int heavy;            /* holds a reduction */
    int64_t least, most;  /* integers: what it can be */
    int is_softmax;       /* an exp(f - logsumexp) that the formula says */
    int next;             /* of the same hash */
};

struct values {
    struct arena *perm;
    const struct program *p;
    struct value *v;
    int n, cap;
    int *table, n_table;
    struct value_var var[VALUE_MAX_VARS];
    int n_vars;
    int depth;            /* reductions around the present node */
    int open[VALUE_MAX_VARS], n_open; /* their vars */
    struct value_place *env;          /* per index of the program */
    const struct value_choice *how;   /* likewise */
    const struct literals *literals;
    int fails;            /* more vars than there may be */
    int left;             /* tensor that is written */
    int lane_index;       /* of the program; -1: none */
    int lane_var;         /* its var, once there is one */
    int lanes;
};

/* Where an index stands, while nodes are turned into values. */
struct value_place {
    int var;        /* -1: it is the number */
    int64_t offset; /* is added */
};

/* What is done with an index of the program. */
struct value_choice {
    int unrolled;   /* reduced: a term per value */
    int parts;      /* reduced: terms per turn of its loop; 0: 1 */
    int span;       /* so many values in a row stand in one block; 0: 1 */
    int payload;    /* free: runs inside the reductions around it */
};

struct value_pair {
    int re, im; /* im -1: real */
};

struct values einc_values(struct arena *perm, const struct program *p,
                          const struct literals *literals,
                          const struct value_choice *how, int lane, int lanes);
/* A loop of the statement gets a var. */
int einc_values_free_var(struct values *s, int index);
struct value_pair einc_values_of(struct values *s, const struct node *n);
/* Softmaxes that no sum has taken up become exp(f - largest)/sum, which keeps
 * the digits that a large logsumexp has no room for, and is NaN where a term
 * is infinite. To be called once all values are made. */
void einc_values_part_softmaxes(struct values *s);
/* `value` as one that a tensor of type `to` is given. */
struct value_pair einc_values_cast(struct values *s, struct value_pair x,
                                   enum einc_dtype from, enum einc_dtype to);
/* The element of an access: as a load, of which the address counts. For the
 * left side; no padding there. Planes: part 0 or 1 of complex. */
int einc_values_element(struct values *s, const struct access *a, int plane);
int einc_values_fn(struct values *s, enum value_type t, enum fn fn, int n,
                   int a, int b, int c);
struct value_pair einc_values_multiply(struct values *s, struct value_pair a,
                                       struct value_pair b);
int einc_values_number(struct values *s, enum value_type t, double x);
/* The type that values of that type are computed in, one plane of it. */
enum value_type einc_value_type(enum einc_dtype t);
int einc_value_is_complex(enum einc_dtype t);
/* The most that an extent can be: itself, or, of program.open, that of any. */
int64_t einc_values_most(const struct values *s, int64_t extent);
/* What a term counts for: coef, and the stride. */
int64_t einc_value_pace(const struct values *s, const struct value *load,
                        const struct value_term *t);
/* Whether an integer fits in 32 bits, whatever its type. */
int einc_value_narrow(const struct value *v);

#endif

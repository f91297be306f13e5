/* SPDX-License-Identifier: MIT
 *
 * plan.h - what to do, in steps: the product of src/plan, const once handed
 * on. Every step reads tensors (inputs, intermediates) and writes one; roles
 * of its indices are groups. Prints as text and reads back (plan_text.c).
 */
#ifndef EINC_PLAN_PLAN_H
#define EINC_PLAN_PLAN_H

#include "parse/graph.h"

enum tensor_home { HOME_INPUT, HOME_TEMP, HOME_OUTPUT };

/* A tensor of the plan. Indices are those of plan.canon. */
struct plan_tensor {
    enum tensor_home home;
    int number;            /* INPUT: operand; TEMP: 1 for t1 ...; OUTPUT: -1 */
    enum einc_dtype dtype; /* storage; a TEMP has the compute type */
    struct axis *axes;     /* TEMP: slowest first, dense */
    int n_axes;
    int64_t at_byte;       /* TEMP: place in the workspace, 64-aligned */
    int64_t size_bytes;    /* TEMP: without padding */
};

/* Indices that play one role in a step. */
struct group {
    const int *index; /* numbers in plan.canon, slowest first */
    int n;
    int64_t extent;   /* product; 1 for none */
};

enum step_kind {
    STEP_CONTRACT, /* out[b,m,n] = sum(k) in0[b,m,k] * in1[b,n,k], a GETT,
                    * with a third input: times in2, which multiplies one of
                    * the two where that is packed;
                    * the index of out with stride 1, if any, is b's or n's:
                    * the lowering swaps operands to make it so */
    STEP_REDUCE,   /* out[b] = sum(k) product of all in: one streaming pass */
    STEP_COPY      /* out[b] = in0[b], permuted, converted; no sum */
};

struct step {
    enum step_kind kind;
    const int *in;        /* [n_in] numbers of plan.tensors */
    int n_in;
    int out;
    struct group b, m, n, k; /* REDUCE and COPY use b (free, in memory order
                              * of out) and k (summed) only */
    int weighed;          /* CONTRACT of three inputs: the one, 0 or 1, that
                           * in2 multiplies; it holds all indices of in2 and
                           * has its type */
    int64_t factor;       /* multiplies the sum; 1 but for a last step */
    uint64_t flop;        /* mult + add; saturates at UINT64_MAX, as all do */
    uint64_t read_bytes, write_bytes; /* each element counted once */
};

struct plan {
    const struct program *program; /* dump "stmt" */
    const struct graph *graph;  /* as written */
    const struct graph *canon;  /* one spelling per contraction */
    const char *finder;         /* which path finder won: "greedy", "dp" ... */
    struct plan_tensor *tensors; /* inputs in operand order, temps, output */
    int n_tensors;
    struct step *steps;         /* in execution order; 1 at least. Only the
                                 * last writes the output: alpha, beta and
                                 * factor apply there. A plan whose result is
                                 * an empty sum or has no elements is one
                                 * REDUCE step over extents with a 0 */
    int n_steps;
    int64_t temporary_bytes;    /* of all intermediates, by live range */
    uint64_t flop, read_bytes, write_bytes; /* totals of the steps */
    double error_terms;         /* D of einc_plan_error_terms() */
    uint64_t hash;              /* of the canonical text; see einc_plan_hash */
};

/* Which steps have a kernel of their own compiled, and so may nest sums. */
struct fuse_rule {
    uint64_t from_flop;    /* those of so many flop; 0: none */
    int64_t saves_ns;      /* 0: all of them. Else only nested sums, of any
                            * flop, that save so many nanoseconds of what the
                            * built-in kernels of the pair take; and whatever
                            * has no built-in kernel */
};

/* Options of planning, from einc_options. */
struct plan_options {
    struct str path;       /* "auto", a finder, "random:SEED"; "whole": no
                            * path, one step over all operands */
    int64_t (*clock)(void); /* of milliseconds, for deadlines of `path`; NULL:
                             * none is kept */
    struct str plan_text;  /* p NULL: none; else a printed plan to follow,
                            * E811 if no step writes the output */
    uint64_t memory_limit_bytes; /* 0: none; else EINC_ENOMEM (E803) above */
    struct fuse_rule fuse; /* with path "auto": see fuse.h */
};

/* Graph -> plan: canon, path, lower, buffers, totals, hash, in this order. */
const struct plan *einc_plan_build(struct arena *perm, struct arena scratch,
                                   const struct program *p,
                                   const struct graph *g,
                                   const struct plan_options *options);

/* Name of a tensor in dumps: "in0", "t1", "out". */
void einc_plan_tensor_put(struct text *t, const struct plan_tensor *x);

/* What is printed with a plan and is no part of it: the time on a machine, see
 * model.h, and the memory of a run with those kernels and threads. */
struct plan_model {
    const struct machine *machine;
    int threads;
    int64_t scratch_bytes; /* of the kernels, for all threads */
    int64_t peak_bytes;    /* that, and the temporaries: the workspace */
};

/* plan_text.c: dump "plan", as text that reads back, JSON, DOT. `model` NULL:
 * without. Reading passes over what it says, and no hash knows it. */
void einc_plan_print(struct text *t, const struct plan *p,
                     const struct plan_model *model);
void einc_plan_print_json(struct text *t, const struct plan *p,
                          const struct plan_model *model);
void einc_plan_print_dot(struct text *t, const struct plan *p,
                         const struct plan_model *model);
/* What a step does: "t1[b,j] = in1[b,k] * in2[k,j]". */
void einc_plan_print_equation(struct text *t, const struct plan *p, int step);
/* Dump "path": a line per step: operands, result, flop, size. */
void einc_plan_print_path(struct text *t, const struct plan *p);

#endif

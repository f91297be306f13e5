/* SPDX-License-Identifier: MIT
 *
 * script.h - a program of index statements as stages, each of which one kernel
 * or one plan of contractions runs: temporaries that may are fused away, sums
 * of products are handed to the contraction planner, what does not depend on a
 * loop is taken out of it.
 */
#ifndef EINC_PLAN_SCRIPT_H
#define EINC_PLAN_SCRIPT_H

#include "plan/border.h"

enum stage_kind {
    STAGE_CONTRACT, /* left = scale * einsum of accesses: a plan of its own */
    STAGE_MAP       /* any other statement: loops */
};

/* A tensor as a contraction sees it: one dim per index. An affine access is
 * nothing but strides: I[2*h+r] has those of h and of r, which overlap. */
struct stage_tensor {
    int tensor;            /* in program.tensors */
    int64_t offset;        /* elements from element (0, ...) to the first */
    enum einc_dtype dtype;
    int n_dims;
    int64_t *shape, *stride; /* elements; of a slice */
    const struct border *border; /* NULL, or: all of this is of a copy, which
                            * is made before each slice, at border_at */
    int64_t border_at;     /* bytes, in the stage's border_bytes */
    int64_t slice;         /* elements from one start of a slice to the next
                            * value; 0 in a copy */
};

struct stage {
    enum stage_kind kind;
    int stmt;                /* in program.stmts */
    int *reads, n_reads;     /* tensors, ascending; what it adds to, too */
    int64_t live_bytes;      /* of temporaries that are there meanwhile */
    const int64_t *step;     /* [n_tensors] of one that is run in strips:
                              * elements by which each tensor moves for a
                              * value of the index; else NULL */
    int64_t inner_bytes;     /* of the first stage of strips: of temporaries
                              * of one strip; these are at at_byte in it */
    /* CONTRACT */
    struct str expr;         /* form A, 0-terminated: "{ni},ij->nj" */
    struct stage_tensor *in; /* [n_in] */
    int n_in;
    struct stage_tensor out;
    double scale;            /* the sum is multiplied by it */
    int wide;                /* it is made in f64 or c128 */
    int adds;                /* to what is there */
    struct slices slices;    /* the einsum is run for each */
    int64_t border_bytes;    /* of the copies of a slice */
};

struct script {
    const struct program *given;   /* the program as it was resolved */
    const struct program *program; /* as it is run: its operands and outputs
                                    * have the numbers of the other */
    struct stage *stages;          /* one for each of program.stmts */
    int n_stages;
    int64_t *at_byte;              /* [n_tensors] of temporaries in the
                                    * workspace; -1: operands, outputs */
    int64_t temp_bytes;            /* of the workspace */
    const struct str *notes;       /* [n_notes] what the passes did */
    int n_notes;
};

/* Results do not depend on what is fused but for rounding. The program may be
 * split further where that saves work; every temporary it gets for that is no
 * larger than the output of its statement or than an operand. `plain`: einsums
 * neither scale nor add, as functions of a file cannot. Below the limit (0:
 * none) slices are smaller, but it may be exceeded. E814: the temporaries
 * do not fit int64 bytes. */
const struct script *einc_script_build(struct arena *perm,
                                       struct arena scratch,
                                       const struct program *p, int plain,
                                       uint64_t memory_limit_bytes);

/* How many strips a stage is run in, and the first stage behind those that are
 * run with it, see strips.h; 1 and the next one of a stage alone. */
int64_t einc_script_strips(const struct script *s, int stage);
int einc_script_together(const struct script *s, int stage);

/* Dump "path" of a program: the statements that are run, one a line, with
 * what runs them. */
void einc_script_print(struct text *t, const struct script *s);

#endif

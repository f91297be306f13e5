/* SPDX-License-Identifier: MIT
 *
 * lower.h - from "multiply these and sum" to steps of a plan. A draft says
 * which tensors meet; lowering chooses the kind of step by cost, the layout
 * of every intermediate, and which index plays which part.
 */
#ifndef EINC_PLAN_LOWER_H
#define EINC_PLAN_LOWER_H

#include "plan/canon.h"
#include "plan/classify.h"
#include "plan/plan.h"

enum { MAX_STEP_IN = 8, KIND_ANY = -1 };

/* A step before it is lowered. Tensors are numbered as in the plan: operands,
 * then n_in + i for the result of draft i; the last is the output. */
struct draft {
    int kind;           /* enum step_kind, or KIND_ANY: the cheapest */
    const int *in;      /* [n_in], at most MAX_STEP_IN */
    int n_in;
    struct legs kept;   /* of the result */
    struct legs summed;
    int ordered;        /* kept is the layout, slowest first; else chosen */
};

/* The drafts of a plan as they are added, with who still holds an index. */
struct drafts {
    const struct canon *canon;
    struct arena *arena;
    struct draft *list;
    int n;
    struct legs *legs; /* of every tensor so far */
    int *holders;      /* [n_indices] live tensors, + 1 if in the output */
    char *needed;      /* [n_indices] for einc_classify_pair() */
    char *mark;
};

/* `max`: drafts that will be added at most. */
struct drafts einc_drafts_open(struct arena *a, const struct canon *c,
                               int64_t max);
/* Adds a step that reads live tensors and writes a new one, whose number it
 * returns. What nobody else holds is summed; the last draft writes the
 * output. Copies `in`. Fails with E813 if the result is too large. */
int einc_drafts_add(struct drafts *d, int kind, const int *in, int n_in,
                    int last);

/* One draft with all that a lowering looks at. */
struct job {
    const struct plan *plan;
    const struct graph *g;    /* canonical */
    const struct canon *canon;
    const struct draft *draft;
    const struct legs *legs;  /* of all tensors */
    struct roles roles;       /* of the first two operands; n_in 2, or 3 of a
                               * draft that is to be a CONTRACT */
    const struct plan_tensor *out;
    int last;
};

/* A way to do a step: one row of the table, one file. */
struct lowering {
    enum step_kind kind;
    const char *name;
    int (*applicable)(const struct job *j);
    /* Estimated flop-equivalents of its kernel; memory traffic, the same for
     * all, left out. */
    double (*cost)(const struct job *j);
    /* Fills groups and inputs, in `perm`. The layouts are settled. */
    void (*lower)(struct arena *perm, struct arena scratch,
                  const struct job *j, struct step *s);
    /* The groups, for the line below the step's. */
    void (*print)(struct text *t, const struct plan *p, const struct step *s);
};

extern const struct lowering einc_lower_contract, einc_lower_reduce,
    einc_lower_copy;
/* All rows, ended by NULL. */
extern const struct lowering *const einc_lowerings[];
const struct lowering *einc_lowering_of(enum step_kind kind);

/* Drafts -> tensors and steps of the plan; places and totals come later.
 * Fails with E811 if a draft demands a kind that cannot do it. */
void einc_lower(struct arena *perm, struct arena scratch,
                const struct drafts *d, struct plan *p);

/* --- for the lowerings -------------------------------------------------- */

/* Stride of index x in a tensor of the plan; 0 if it holds none. */
int64_t einc_lower_stride(const struct plan_tensor *t, int x);
int einc_lower_holds(struct legs l, int x);
/* The index of a tensor with the least stride, of those not in `but`; the
 * last of equals; -1 for none. */
int einc_lower_lane(const struct plan_tensor *t, struct legs but);
/* Estimated product of extents. */
double einc_lower_size(const struct graph *g, struct legs l);
/* Group of the indices in memory order of `by`: descending |stride|; ties by
 * `then` (may be NULL), then by place in `by`, then by number. */
struct group einc_lower_group(struct arena *perm, struct arena scratch,
                              const struct job *j, struct legs l,
                              const struct plan_tensor *by,
                              const struct plan_tensor *then);
/* " NAME{i,j}=24", without the blank if it is the first of the line. */
void einc_group_print(struct text *t, const struct plan *p, const char *name,
                      const struct group *x);

#endif

/* SPDX-License-Identifier: MIT
 *
 * script_parts.h - the passes that script.c runs, in this order.
 */
#ifndef EINC_PLAN_SCRIPT_PARTS_H
#define EINC_PLAN_SCRIPT_PARTS_H

#include "plan/rewrite.h"
#include "plan/script.h"

/* What is asked of an einsum. */
struct contract_ask {
    int adds;            /* to what is there */
    int64_t slice_bytes; /* a copy with its border that is larger is made in
                          * slices */
};

/* script_fuse.c: puts the right side of temporaries where they are read,
 * where that computes nothing twice. */
void einc_script_fuse(struct rewrite *r, struct arena scratch);

/* script_split.c: makes temporaries of reductions that do not need all loops
 * around them, and of sums of products that a GEMM does better; unless it is
 * to be frugal, of factors of such sums, too. */
void einc_script_split(struct rewrite *r, struct arena scratch,
                       int64_t slice_bytes, int frugal);

/* The same: an einsum that adds to what is there becomes one that does not,
 * and loops. */
void einc_script_part_sums(struct rewrite *r, struct arena scratch,
                           int64_t slice_bytes);

/* script_border.c: whether an access may be of a copy with borders, and whether
 * it must: it leaves the tensor. */
int einc_border_can(const struct access *a);
int einc_border_needed(const struct program *p, const struct access *a);
/* The slices that copies of these accesses are made in, for a sum of `points`
 * products with the indices `kept`. Of what adds they do not overlap. 0: the
 * copies would not pay. */
int einc_border_slices(const struct program *p,
                       const struct access *const *factor, int n,
                       const int *kept, int n_kept, double points,
                       const struct contract_ask *ask, struct slices *s);
/* The copy that a slice needs. */
const struct border *einc_border_of(struct arena *perm,
                                    const struct program *p,
                                    const struct slices *s,
                                    const struct access *a);

/* script_expand.c: whether the node is a sum of squares of differences of two
 * sides, each with many values that the other does not have. */
int einc_script_is_distance(const struct program *p, struct arena scratch,
                            const struct node *n, const struct node *side[2]);
/* The sum of squares of a side. */
const struct node *einc_script_norm(struct rewrite *r,
                                    const struct node *distance,
                                    const struct node *side);
/* The distance by norms and a sum of products, unless that cancels. */
const struct node *einc_script_expand(struct rewrite *r,
                                      const struct node *distance,
                                      const struct node *const side[2],
                                      const struct node *const norm[2]);

/* script_repeat.c: splits an index of which a factor has the remainder: of
 * statements that are such sums, or of one sum (NULL: it has none). */
const struct node *einc_script_repeated(struct rewrite *r,
                                        const struct node *sum);
void einc_script_tell_repeat(struct rewrite *r, const struct node *sum);
void einc_script_repeat(struct rewrite *r, struct arena scratch,
                        int64_t slice_bytes);

/* script_mask.c: sums under a mask of data are made everywhere or for a list of
 * the places that it keeps, as a count of it says in the run. */
void einc_script_mask(struct rewrite *r);

/* script_turn.c: gives bands, two loops along one dim, and blocks under a mask
 * a copy of the operand in which what they read lies together. */
void einc_script_turn(struct rewrite *r, struct arena scratch,
                      int64_t slice_bytes);

/* script_strip.c: statements before and behind products, element by element,
 * are run with them in strips, see strips.h. */
void einc_script_strip(struct rewrite *r, struct arena scratch,
                       int64_t slice_bytes);
/* Elements that tensors of a statement in strips move by for each value of its
 * index: [n_tensors]. */
const int64_t *einc_script_strip_steps(struct arena *perm,
                                       const struct program *p,
                                       const struct stmt *s);

/* script_inplace.c: makes temporaries in the output that is made of them,
 * element by element. */
void einc_script_settle(struct rewrite *r);

/* script_notes.c: notes of what statements say twice. */
void einc_script_notes(struct rewrite *r);

/* script_contract.c: whether the node, a sum or a product, with a value of type
 * `result` for every value of the indices `kept`, is an einsum; fills in all of
 * the stage but the output. */
int einc_script_contracts(struct arena *perm, const struct program *p,
                          const struct node *sum, enum einc_dtype result,
                          const int *kept, int n_kept,
                          const struct contract_ask *ask, struct stage *s);
/* Whether the whole statement is one; fills in all of *s. */
int einc_script_is_contract(struct arena *perm, const struct program *p,
                            const struct stmt *stmt, int64_t slice_bytes,
                            struct stage *s);
#endif

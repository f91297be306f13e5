/* SPDX-License-Identifier: MIT
 *
 * script_parts.h - the passes that script.c runs, in this order.
 */
#ifndef EINC_PLAN_SCRIPT_PARTS_H
#define EINC_PLAN_SCRIPT_PARTS_H

#include "plan/rewrite.h"
#include "plan/script.h"

/* script_fuse.c: puts the right side of temporaries where they are read,
 * where that computes nothing twice. */
void einc_script_fuse(struct rewrite *r, struct arena scratch);

/* script_pad.c: gives sums of products that read beyond an edge a padded copy
 * of the operand. */
void einc_script_pad(struct rewrite *r);

/* script_split.c: makes temporaries of reductions that do not need all loops
 * around them, and of sums of products that a GEMM does better. */
void einc_script_split(struct rewrite *r, struct arena scratch);

/* script_contract.c: whether the node, a sum or a product, with a value of type
 * `result` for every value of the indices `kept`, is an einsum; fills in all of
 * the stage but the output. */
int einc_script_contracts(struct arena *perm, const struct program *p,
                          const struct node *sum, enum einc_dtype result,
                          const int *kept, int n_kept, struct stage *s);
/* Whether the whole statement is one; fills in all of *s. */
int einc_script_is_contract(struct arena *perm, const struct program *p,
                            const struct stmt *stmt, struct stage *s);
#endif

/* SPDX-License-Identifier: MIT
 *
 * fuse.h - neighbouring steps of a plan as one: a producer and the only step
 * that reads its result become a step over the operands of both, where that is
 * modelled to take less time. The intermediate is never written. Two ways:
 *
 * As nested sums (nested.h), of any tree of operands. A step that has no such
 * kernel is a product at every point of its space, so that no step may grow by
 * it: two are merged only if all points of the new one are points of one of
 * the two. A chain of matrices never is.
 *
 * As a contraction with a weight, where the producer scales an operand of a
 * contraction, `t[k,i] = in0[k,i] * in1[k]`, or the reader scales its result
 * by what could have scaled an operand: the product is made when packing reads
 * that one anyway. Every kernel that packs can do that.
 */
#ifndef EINC_PLAN_FUSE_H
#define EINC_PLAN_FUSE_H

#include "plan/lower.h"

/* Merges drafts of `d`, in `a`, as long as that is modelled to be faster.
 * `rule` says which steps are compiled; sums are nested in no others. `graph`
 * and `canon` of the plan are set; nothing has extent 0. `perm` is where plans
 * are lowered on trial; it is given back as it was. */
void einc_fuse(struct arena perm, struct arena *a, const struct plan *p,
               struct fuse_rule rule, struct drafts *d);

#endif

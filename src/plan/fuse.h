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
 * Steps from `least` flop on, unless that is 0, have a kernel of their own
 * compiled; sums are nested in no others. `graph` and `canon` of
 * the plan are set; nothing has extent 0. `perm` is where plans are lowered
 * on trial; it is given back as it was. */
void einc_fuse(struct arena perm, struct arena *a, const struct plan *p,
               uint64_t least, struct drafts *d);

/* Modelled seconds of step s as nested sums on one thread; below 0 if there
 * is no such kernel for it. */
double einc_fuse_seconds(const struct plan *p, const struct step *s);

#endif

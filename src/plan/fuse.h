/* SPDX-License-Identifier: MIT
 *
 * fuse.h - neighbouring steps of a plan as one: a producer and the only step
 * that reads its result become a step over the operands of both, where a
 * kernel that nests the sums (nested.h) is modelled to take less time. The
 * intermediate is never written.
 *
 * A step that has no such kernel is a product at every point of its space, so
 * that no step may grow by it: two are merged only if all points of the new
 * one are points of one of the two. A chain of matrices never is.
 */
#ifndef EINC_PLAN_FUSE_H
#define EINC_PLAN_FUSE_H

#include "plan/lower.h"

/* Merges drafts of `d`, in `a`, as long as that is modelled to be faster;
 * steps of fewer than `least` flop stay as they are. `graph` and `canon` of
 * the plan are set; nothing has extent 0. `perm` is where plans are lowered
 * on trial; it is given back as it was. */
void einc_fuse(struct arena perm, struct arena *a, const struct plan *p,
               uint64_t least, struct drafts *d);

/* Modelled seconds of step s as nested sums on one thread; below 0 if there
 * is no such kernel for it. */
double einc_fuse_seconds(const struct plan *p, const struct step *s);

#endif

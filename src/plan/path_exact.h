/* SPDX-License-Identifier: MIT
 *
 * path_exact.h - the proof: whether any path without outer products is cheaper
 * than one that is known.
 */
#ifndef EINC_PLAN_PATH_EXACT_H
#define EINC_PLAN_PATH_EXACT_H

#include "plan/path_tree.h"

enum { PATH_MAX_EXACT = 64 };

enum path_proof {
    PROOF_NONE,   /* the work, or the memory, did not do */
    PROOF_BETTER, /* `steps` are cheaper, and the cheapest */
    PROOF_BEST    /* nothing is cheaper */
};

/* Of a connected network of up to PATH_MAX_EXACT operands and a path that
 * costs `cost`. Takes scratch for every subset that may be part of a cheaper
 * one, and ends where there is no more. */
enum path_proof einc_path_exact(struct arena scratch,
                                const struct path_bits *bits, double cost,
                                struct path_work *work,
                                struct path_step *steps);

/* Leaves with EINC_ENOMEM, for a larger arena, unless there is as much scratch
 * as a proof may want of `work`, which is 512 MiB at most. */
void einc_path_exact_reserve(struct arena scratch, int words, int64_t work);

#endif

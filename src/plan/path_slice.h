/* SPDX-License-Identifier: MIT
 *
 * path_slice.h - a limit of memory that no order keeps: some indices are taken
 * one value at a time, the steps done once for each.
 */
#ifndef EINC_PLAN_PATH_SLICE_H
#define EINC_PLAN_PATH_SLICE_H

#include "plan/path.h"

struct path_sliced {
    const struct path *path;
    const int *index;     /* [n] of net, ascending */
    int n;
    double log2_slices;   /* how often the steps are done */
    int fits;             /* 0: without any index left it is too large */
};

/* A path whose intermediates, the result aside, have at most 2^log2_limit
 * elements each, and the indices to be sliced for it; from a path without.
 * Searches for `ask->work`, 3e8 units if that is WORK_AUTO. */
struct path_sliced einc_path_slice(struct arena *perm, struct arena scratch,
                                   const struct net *net,
                                   const struct path *path,
                                   double log2_limit,
                                   const struct path_ask *ask);

#endif

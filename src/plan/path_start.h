/* SPDX-License-Identifier: MIT
 *
 * path_start.h - first trees: randomised greedy and randomised elimination of
 * indices.
 */
#ifndef EINC_PLAN_PATH_START_H
#define EINC_PLAN_PATH_START_H

#include "plan/path_tree.h"

struct path_start; /* room for one start after another */

struct path_start *einc_path_start_open(struct arena *a,
                                        const struct path_bits *bits);

/* How a start goes. */
struct path_taste {
    int eliminate;      /* indices, by the size of what that makes; else pairs
                         * by size/costs - (size of both)*costs */
    int max_holders;    /* of an index that joins pairs */
    double costs;       /* 0.1 to 4 */
    double temperature; /* of the noise on log2 of that; 0: none */
};

/* n - 1 steps, if the work allows: else it goes on in the dullest way. */
void einc_path_start(struct path_start *s, const struct path_taste *taste,
                     uint64_t *seed, struct path_work *work,
                     struct path_step *steps);

#endif

/* SPDX-License-Identifier: MIT
 *
 * strips.h - statements that follow each other and are run in turn, some
 * values of an index that all have at a time: what one leaves for the next is
 * small, and still in cache. Only for these are the ranges of their indices
 * and the shapes of the temporaries between them.
 */
#ifndef EINC_PLAN_STRIPS_H
#define EINC_PLAN_STRIPS_H

#include "plan/border.h"

struct strips {
    struct slices slices; /* .index: of the last statement. The last strip
                           * ends with the index, and is partly done again */
};

#endif

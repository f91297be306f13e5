/* SPDX-License-Identifier: MIT
 *
 * classify.h - the role of every index of a pair of tensors.
 */
#ifndef EINC_PLAN_CLASSIFY_H
#define EINC_PLAN_CLASSIFY_H

#include "parse/graph.h"

enum role {
    ROLE_BATCH,    /* in lhs, rhs and the result */
    ROLE_M,        /* in lhs and the result */
    ROLE_N,        /* in rhs and the result */
    ROLE_K,        /* in lhs and rhs, summed */
    ROLE_LONE_LHS, /* in lhs only, summed */
    ROLE_LONE_RHS, /* in rhs only, summed */
    N_ROLES
};

/* Distinct indices of a tensor, or those of one role. */
struct legs {
    int *index;
    int n;
};

struct roles {
    struct legs of[N_ROLES];
};

/* `needed`: the index is in the result, because the output or another
 * operand holds it too. An index in neither has no role: asserted. */
enum role einc_classify(int in_lhs, int in_rhs, int needed);

/* Roles of all indices of a pair, each list in order of lhs, then of rhs.
 * `needed[x]` and `mark[x]` are per index of the graph; marks are 0 on entry
 * and on return. */
struct roles einc_classify_pair(struct arena *perm, struct legs lhs,
                                struct legs rhs, const char *needed,
                                char *mark);

#endif

/* SPDX-License-Identifier: MIT
 *
 * classify.c - see classify.h. Linear in the indices of the pair.
 */
#include "plan/classify.h"

#include <assert.h>

enum role
einc_classify(int in_lhs, int in_rhs, int needed)
{
    assert(in_lhs || in_rhs);
    if (in_lhs && in_rhs)
        return needed ? ROLE_BATCH : ROLE_K;
    if (in_lhs)
        return needed ? ROLE_M : ROLE_LONE_LHS;
    return needed ? ROLE_N : ROLE_LONE_RHS;
}

static void
append(struct roles *r, enum role role, int x)
{
    r->of[role].index[r->of[role].n++] = x;
}

struct roles
einc_classify_pair(struct arena *perm, struct legs lhs, struct legs rhs,
                   const char *needed, char *mark)
{
    struct roles r = {0};
    int n = lhs.n + rhs.n;
    int *all = NEW(perm, int, N_ROLES * (int64_t)n);
    for (int i = 0; i < N_ROLES; i++)
        r.of[i].index = all + (int64_t)i * n;
    for (int i = 0; i < rhs.n; i++)
        mark[rhs.index[i]] = 1;
    for (int i = 0; i < lhs.n; i++) {
        int x = lhs.index[i];
        append(&r, einc_classify(1, mark[x], needed[x]), x);
        mark[x] = 0;
    }
    for (int i = 0; i < rhs.n; i++) {
        int x = rhs.index[i];
        if (mark[x])
            append(&r, einc_classify(0, 1, needed[x]), x);
        mark[x] = 0;
    }
    return r;
}

/* SPDX-License-Identifier: MIT
 *
 * order.h - sorting of numbers by a key that lives elsewhere. Stable, so the
 * result depends on nothing but the input; libc's qsort takes no context and
 * may allocate.
 */
#ifndef EINC_PLAN_ORDER_H
#define EINC_PLAN_ORDER_H

#include "base/arena.h"

/* Whether `a` stands strictly before `b`. */
#define ORDER_BEFORE(name) int name(const void *key, int a, int b)

static inline void
order_insert(int *v, int n, ORDER_BEFORE((*before)), const void *key)
{
    for (int i = 1; i < n; i++) {
        int x = v[i], j = i;
        for (; j > 0 && before(key, x, v[j - 1]); j--)
            v[j] = v[j - 1];
        v[j] = x;
    }
}

/* One pass of a merge sort: pairs of runs of `run` from `v` to `w`. */
static inline void
order_merge(const int *v, int *w, int n, int run, ORDER_BEFORE((*before)),
            const void *key)
{
    for (int lo = 0; lo < n; lo += 2 * run) {
        int mid = n - lo < run ? n : lo + run;
        int hi = n - lo < 2 * run ? n : lo + 2 * run;
        for (int i = lo, j = mid, k = lo; k < hi; k++) {
            int right = i == mid || (j < hi && before(key, v[j], v[i]));
            w[k] = right ? v[j++] : v[i++];
        }
    }
}

static inline void
order_ints(struct arena scratch, int *v, int n, ORDER_BEFORE((*before)),
           const void *key)
{
    enum { RUN = 16, RUN_LIMIT = 1 << 29 };
    for (int lo = 0; lo < n; lo += RUN)
        order_insert(v + lo, n - lo < RUN ? n - lo : RUN, before, key);
    if (n <= RUN)
        return;
    int *w = NEW(&scratch, int, n);
    for (int run = RUN; run < n && run < RUN_LIMIT; run *= 2) {
        order_merge(v, w, n, run, before, key);
        for (int i = 0; i < n; i++)
            v[i] = w[i];
    }
}

#endif

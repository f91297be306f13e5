/* SPDX-License-Identifier: MIT
 *
 * find.c - see builtin.h.
 */
#include "builtin/builtin.h"

#include <string.h>

const struct builtin_set *
einc_builtin_set(const struct target *t)
{
    const struct builtin_set *s = einc_builtin_sets;
    while (s->target && strcmp(s->target, t->name) != 0)
        s++;
    return s;
}

einc_kernel_fn
einc_builtin_find(const struct builtin_set *set, const char *key)
{
    int lo = 0, hi = set->n;
    while (lo < hi) {
        int middle = lo + (hi - lo) / 2;
        int order = strcmp(key, set->rows[middle].key);
        if (order == 0)
            return set->rows[middle].entry;
        if (order < 0)
            hi = middle;
        else
            lo = middle + 1;
    }
    return NULL;
}

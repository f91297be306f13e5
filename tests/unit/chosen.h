/* SPDX-License-Identifier: MIT
 *
 * chosen.h - the nest of an einsum in one step, for tests of which family is
 * chosen and how it cuts.
 */
#ifndef EINC_TESTS_CHOSEN_H
#define EINC_TESTS_CHOSEN_H

#include "codegen/nest.h"
#include "planned.h"

/* An einsum, its tensors as planned_open() reads them, and what is asked. */
struct question {
    const char *expression, *tensors, *target;
    enum nest_mode mode;
    enum nest_family wanted;
};

static inline const struct nest *
chosen_nest(struct planned *x, const struct question *q)
{
    planned_open(x, q->expression, q->tensors);
    if (planned_build(x))
        fail_msg("%s: %s", q->expression, front_report(&x->f));
    assert_int_equal(x->plan->n_steps, 1);
    return einc_nest_build(&x->f.perm, x->f.scratch, x->plan, 0,
                           einc_target_find(str_of(q->target)), q->mode,
                           FAMILY_ANY);
}

/* Fails for each question with another answer. */
static inline void
chosen_check(const struct question *q, int n)
{
    for (int k = 0; k < n; k++) {
        struct planned x;
        const struct nest *w = chosen_nest(&x, &q[k]);
        if (w->family != q[k].wanted)
            fail_msg("%s of %s for %s is of family %s", q[k].expression,
                     q[k].tensors, q[k].target,
                     einc_nest_family_name(w->family));
        planned_close(&x);
    }
}

#endif

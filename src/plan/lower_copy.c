/* SPDX-License-Identifier: MIT
 *
 * lower_copy.c - one tensor into another: permuted, converted, broadcast;
 * nothing summed. Only where no other step can absorb it.
 */
#include "base/text.h"
#include "plan/lower.h"

static int
applicable(const struct job *j)
{
    return j->draft->n_in == 1 && j->draft->summed.n == 0;
}

/* Nothing else does it as well. */
static double
cost(const struct job *j)
{
    (void)j;
    return 0;
}

static void
lower(struct arena *perm, struct arena scratch, const struct job *j,
      struct step *s)
{
    int *in = NEW(perm, int, 1);
    in[0] = j->draft->in[0];
    s->in = in;
    s->b = einc_lower_group(perm, scratch, j, j->draft->kept, j->out, NULL);
}

static void
print(struct text *t, const struct plan *p, const struct step *s)
{
    einc_group_print(t, p, "free", &s->b);
}

const struct lowering einc_lower_copy = {
    STEP_COPY, "copy", applicable, cost, lower, print,
};

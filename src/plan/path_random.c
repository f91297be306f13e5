/* SPDX-License-Identifier: MIT
 *
 * path_random.c - any pair of live values, again and again: reaches steps
 * that no other finder picks. For tests, as "random:SEED".
 */
#include "plan/path.h"
#include "plan/path_math.h"

/* Takes one of the n values out. */
static int
draw(int *live, int n, uint64_t *state)
{
    int i = (int)(path_random(state) % (uint64_t)n), v = live[i];
    live[i] = live[n - 1];
    return v;
}

const struct path *
einc_path_random(struct arena *perm, struct arena scratch,
                 const struct net *net, const struct path_ask *ask)
{
    uint64_t seed = ask->seed;
    int n = net->n_in, n_steps = n - 1;
    struct path_step *steps = NEW(perm, struct path_step, n_steps);
    struct path *p = NEW(perm, struct path, 1);
    int *live = NEW(&scratch, int, n);
    for (int o = 0; o < n; o++)
        live[o] = o;
    for (int s = 0; s < n_steps; s++) {
        int lhs = draw(live, n - s, &seed);
        int rhs = draw(live, n - s - 1, &seed);
        steps[s] = (struct path_step){lhs, rhs};
        live[n - s - 2] = n + s;
    }
    *p = (struct path){"random", steps, n_steps};
    return p;
}

/* SPDX-License-Identifier: MIT
 *
 * path_random.c - any pair of live values, again and again: reaches steps
 * that no other finder picks. For tests, as "random:SEED".
 */
#include "plan/path.h"

/* SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
static uint64_t
next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Takes one of the n values out. */
static int
draw(int *live, int n, uint64_t *state)
{
    int i = (int)(next(state) % (uint64_t)n), v = live[i];
    live[i] = live[n - 1];
    return v;
}

const struct path *
einc_path_random(struct arena *perm, struct arena scratch,
                 const struct net *net, uint64_t seed)
{
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

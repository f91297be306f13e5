/* SPDX-License-Identifier: MIT
 *
 * test_path_search.c - the searching finder: exact on small networks, known
 * optima on larger ones, and the same path always. Costs come from an
 * evaluator of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/cost.h"
#include "plan/path.h"
#include "plan/path_exact.h"
#include "plan/path_simplify.h"
#include "planned.h"

/* --- networks made by hand ---------------------------------------------- */

enum { BYTES = 400 << 20 };

static struct cx cx;
static struct arena perm, scratch;
static char *memory;

static int
setup(void **state)
{
    (void)state;
    memory = malloc(BYTES);
    return memory == NULL;
}

static int
teardown(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static void
open_arenas(void)
{
    memset(&cx, 0, sizeof cx);
    perm = (struct arena){memory, memory + BYTES / 2, &cx};
    scratch = (struct arena){memory + BYTES / 2, memory + BYTES, &cx};
    cx.perm = &perm;
}

/* A network while it is written down. */
struct sketch {
    struct net net;
    int *first, *leg, *holders;
    char *in_output;
    double *extent;
};

static struct sketch
sketch(int n_in, int n_indices, int max_legs)
{
    struct sketch k = {.net = {.n_indices = n_indices, .elem_bytes = 4,
                               .per_point = 2, .per_element = 16}};
    k.net.first = k.first = NEW(&perm, int, n_in + 2);
    k.net.leg = k.leg = NEW(&perm, int, max_legs);
    k.net.holders = k.holders = NEW(&perm, int, n_indices);
    k.net.in_output = k.in_output = NEW(&perm, char, n_indices);
    k.net.extent = k.extent = NEW(&perm, double, n_indices);
    for (int x = 0; x < n_indices; x++)
        k.extent[x] = 2;
    return k;
}

static void
add_leg(struct sketch *k, int x)
{
    k->leg[k->first[k->net.n_in + 1]++] = x;
    k->holders[x]++;
}

static void
end_operand(struct sketch *k)
{
    k->net.n_in++;
    k->first[k->net.n_in + 1] = k->first[k->net.n_in];
}

/* Random operands with hyperedges; lone summed indices left out, as
 * einc_path_net() does. */
static struct net
random_net(uint64_t *s, int n, int n_indices, int max_legs)
{
    unsigned has[40] = {0};
    struct sketch k = sketch(n, n_indices, max_legs * n);
    for (int o = 0; o < n; o++)
        for (unsigned i = planned_random(s, (unsigned)max_legs + 1); i > 0; i--)
            has[o] |= 1u << planned_random(s, (unsigned)n_indices);
    for (int x = 0; x < n_indices; x++) {
        int holders = 0;
        k.extent[x] = 1 + planned_random(s, 9);
        for (int o = 0; o < n; o++)
            holders += (int)(has[o] >> x & 1);
        k.in_output[x] = holders && planned_random(s, 5) == 0;
        for (int o = 0; holders + k.in_output[x] < 2 && o < n; o++)
            has[o] &= ~(1u << x);
    }
    for (int o = 0; o < n; o++) {
        for (int x = 0; x < n_indices; x++)
            if (has[o] >> x & 1)
                add_leg(&k, x);
        end_operand(&k);
    }
    for (int x = 0; x < n_indices; x++)
        k.holders[x] += k.in_output[x];
    return k.net;
}

static struct net
lattice(int n)
{
    struct sketch k = sketch(n * n, 2 * n * n, 4 * n * n);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            int right = i * n + j, down = n * n + i * n + j;
            if (i > 0)
                add_leg(&k, down - n);
            if (i + 1 < n)
                add_leg(&k, down);
            if (j > 0)
                add_leg(&k, right - 1);
            if (j + 1 < n)
                add_leg(&k, right);
            end_operand(&k);
        }
    return k.net;
}

/* Each value used once, and only after it was made. */
static void
check_path(const struct net *net, const struct path *p)
{
    char *used = NEW(&scratch, char, 2 * (int64_t)net->n_in);
    assert_int_equal(p->n_steps, net->n_in - 1);
    for (int s = 0; s < p->n_steps; s++) {
        int v[] = {p->steps[s].lhs, p->steps[s].rhs};
        for (int i = 0; i < 2; i++) {
            assert_true(v[i] >= 0 && v[i] < net->n_in + s);
            assert_int_equal(used[v[i]]++, 0);
        }
    }
}

static const struct path *
find(const struct net *net, const char *name)
{
    if (setjmp(cx.boundary))
        fail_msg("%s", cx.n_diags ? cx.diags[0].message : "no memory");
    const struct path *p =
        einc_path_find(&perm, scratch, net, str_of(name), NULL);
    check_path(net, p);
    return p;
}

/* --- an evaluator of its own -------------------------------------------- */

/* The cost of a path, by counting who still holds what; shares no code with
 * the finders. `*points`, unless NULL: multiplications alone. */
static double
evaluate(const struct net *net, const struct path_step *steps, double *points)
{
    int n = net->n_in, m = net->n_indices;
    char *has = NEW(&scratch, char, 2 * (int64_t)n * m);
    char *live = NEW(&scratch, char, 2 * (int64_t)n);
    double cost = 0, all = 0;
    for (int o = 0; o < n; o++) {
        live[o] = 1;
        for (int i = net->first[o]; i < net->first[o + 1]; i++)
            has[o * m + net->leg[i]] = 1;
    }
    for (int s = 0; s < n - 1; s++) {
        int a = steps[s].lhs, b = steps[s].rhs, v = n + s;
        double space = 1, size = 1;
        assert_true(a >= 0 && b >= 0 && a < v && b < v && a != b);
        assert_true(live[a] && live[b]);
        live[a] = live[b] = 0;
        for (int x = 0; x < m; x++) {
            int needed = net->in_output[x];
            if (!has[a * m + x] && !has[b * m + x])
                continue;
            for (int u = 0; u < v; u++)
                needed |= live[u] && has[u * m + x];
            space *= net->extent[x];
            size *= needed ? net->extent[x] : 1;
            has[v * m + x] = (char)needed;
        }
        live[v] = 1;
        cost += net->per_point * space + net->per_element * size;
        all += space;
    }
    if (points)
        *points = all;
    return cost;
}

/* --- every order of pairs ----------------------------------------------- */

static void
try_all(const struct net *net, int n, struct path_step *steps, int *live,
        int made, double *best)
{
    if (made == net->n_in - 1) {
        struct arena before = scratch;
        double cost = evaluate(net, steps, NULL);
        scratch = before;
        *best = *best < 0 || cost < *best ? cost : *best;
        return;
    }
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++) {
            int rest[8], m = 0;
            for (int k = 0; k < n; k++)
                if (k != i && k != j)
                    rest[m++] = live[k];
            rest[m++] = net->n_in + made;
            steps[made] = (struct path_step){live[i], live[j]};
            try_all(net, m, steps, rest, made + 1, best);
        }
}

/* Up to 5 operands by trial; more by the exact finder, which test_path.c holds
 * against trial. */
static double
least_cost(const struct net *net)
{
    int live[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct path_step steps[8];
    double best = -1;
    if (net->n_in > 5)
        return evaluate(net, find(net, "dp")->steps, NULL);
    try_all(net, net->n_in, steps, live, 0, &best);
    return best;
}

static void
test_small_is_exact(void **state)
{
    (void)state;
    uint64_t s = 5;
    for (int round = 0; round < 1000; round++) {
        open_arenas();
        int n = 2 + (int)planned_random(&s, 6);
        struct net net = random_net(&s, n, 1 + round % 8, 4);
        double best = least_cost(&net);
        double cost = evaluate(&net, find(&net, "search")->steps, NULL);
        if (cost > best * 1.0001)
            fail_msg("round %d: %g, best %g", round, cost, best);
    }
}

/* --- the proof ---------------------------------------------------------- */

/* A connected part with nothing to simplify, of some random network; n_in 0:
 * it has none. */
static struct net
random_part(uint64_t *s)
{
    struct net *net = NEW(&scratch, struct net, 1);
    *net = random_net(s, 16, 20, 4);
    struct path_rest *rest = NEW(&scratch, struct path_rest, 1);
    *rest = einc_path_simplify(&scratch, net);
    struct path_parts parts = einc_path_parts(&scratch, rest);
    int *number = NEW(&scratch, int, net->n_indices);
    for (int k = 0; k < parts.n; k++) {
        int n = parts.first[k + 1] - parts.first[k];
        if (n >= 6 && n <= 11)
            return einc_path_part(&perm, rest, parts.place + parts.first[k],
                                  n, number);
    }
    return (struct net){0};
}

/* Against all subsets; these make outer products too, which rarely pays. */
static void
test_proof(void **state)
{
    (void)state;
    uint64_t s = 9;
    int proved = 0, same = 0;
    for (int round = 0; proved < 60; round++) {
        open_arenas();
        struct net net = random_part(&s);
        struct path_math *math = NEW(&perm, struct path_math, 1);
        struct path_step steps[16];
        struct path_work work = {.left = 100000000};
        assert_true(round < 5000);
        if (net.n_in == 0)
            continue;
        einc_path_math_open(math);
        struct path_bits *bits = einc_path_bits(&perm, &net, math);
        double dp = evaluate(&net, find(&net, "dp")->steps, NULL);
        enum path_proof p =
            einc_path_exact(scratch, bits, dp * 4, &work, steps);
        assert_int_equal(p, PROOF_BETTER);
        double cost = evaluate(&net, steps, NULL);
        assert_true(cost >= dp * 0.9999);
        same += cost <= dp * 1.0001;
        proved++;
        p = einc_path_exact(scratch, bits, dp * 0.999, &work, steps);
        assert_int_equal(p, PROOF_BEST);
        struct arena little = scratch;
        little.end = little.beg + 4096;
        p = einc_path_exact(little, bits, dp * 4, &work, steps);
        assert_int_equal(p, PROOF_NONE);
        work.left = 0;
        p = einc_path_exact(scratch, bits, dp * 4, &work, steps);
        assert_int_equal(p, PROOF_NONE);
    }
    assert_true(same >= 55);
}

/* --- larger ones -------------------------------------------------------- */

/* Multiplications of the best orders that are known. */
static void
test_lattices(void **state)
{
    (void)state;
    static const struct {
        int n;
        double log10;
    } known[] = {{6, 3.66}, {8, 4.4565}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        double points, most = 1.005;
        open_arenas();
        struct net net = lattice(known[i].n);
        const struct path *p = find(&net, "measure,objective=flops");
        evaluate(&net, p->steps, &points);
        for (double d = known[i].log10; d >= 1; d -= 1)
            most *= 10;
        most *= known[i].n == 6 ? 4.5709 : 2.8609; /* 10^0.66, 10^0.4565 */
        if (points > most)
            fail_msg("%d: %g multiplications", known[i].n, points);
    }
}

/* Of several parts, with scalars and much to simplify: valid, no worse than
 * greedy but for a little, and often better. */
static void
test_against_greedy(void **state)
{
    (void)state;
    uint64_t s = 21;
    int better = 0;
    for (int round = 0; round < 150; round++) {
        open_arenas();
        struct net net = random_net(&s, 10 + round % 30, 10 + round % 20, 4);
        double greedy = evaluate(&net, find(&net, "greedy")->steps, NULL);
        double cost = evaluate(&net, find(&net, "search:3")->steps, NULL);
        if (cost > greedy * 1.2 + 1000)
            fail_msg("round %d: %g, greedy %g", round, cost, greedy);
        better += cost < greedy * 0.9;
    }
    assert_true(better > 40);
}

static void
test_objectives(void **state)
{
    (void)state;
    double points[3], cost[3], size[3];
    static const char *const names[] = {"search:1,work=3000000",
                                        "search:1,work=3000000,objective=flops",
                                        "search:1,work=3000000,objective=size"};
    open_arenas();
    uint64_t s = 33;
    struct net net = random_net(&s, 36, 30, 4);
    for (int i = 0; i < 3; i++) {
        struct net weighed = net;
        weighed.per_point = 0;
        weighed.per_element = 1;
        const struct path *p = find(&net, names[i]);
        cost[i] = evaluate(&net, p->steps, &points[i]);
        size[i] = evaluate(&weighed, p->steps, NULL);
    }
    assert_true(cost[0] <= cost[1] && cost[0] <= cost[2]);
    assert_true(points[1] <= points[0] && points[1] <= points[2]);
    assert_true(size[2] <= size[0] && size[2] <= size[1]);
}

/* --- the same always ---------------------------------------------------- */

static uint64_t
hash_steps(const struct path *p)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (int s = 0; s < p->n_steps; s++) {
        h = (h ^ (unsigned)p->steps[s].lhs) * UINT64_C(0x100000001b3);
        h = (h ^ (unsigned)p->steps[s].rhs) * UINT64_C(0x100000001b3);
    }
    return h;
}

/* Of one seed and one amount of work, whatever lies in memory; the figure was
 * made by gcc -O2 on x86-64, and every other compiler and processor must come
 * to it. */
static void
test_same_bytes(void **state)
{
    (void)state;
    uint64_t hash[3], s = 40;
    open_arenas();
    struct net net = random_net(&s, 38, 31, 4);
    hash[0] = hash_steps(find(&net, "search:7,work=1000000"));
    hash[1] = hash_steps(find(&net, "search:8,work=1000000"));
    NEW(&perm, char, 12345);
    NEW(&scratch, char, 4321);
    hash[2] = hash_steps(find(&net, "search:7,work=1000000"));
    assert_true(hash[0] == hash[2]);
    assert_true(hash[0] != hash[1]);
    if (hash[0] != UINT64_C(0xd75506fe8c147bec))
        fail_msg("hash 0x%llx", (unsigned long long)hash[0]);
}

static int
stop_at_once(void *user)
{
    ++*(int *)user;
    return 1;
}

/* Stopped, it hands over what there is. */
static void
test_stop(void **state)
{
    (void)state;
    int asked = 0;
    open_arenas();
    struct net net = lattice(12);
    struct path_ask ask = {.work = INT64_MAX / 4, .stop = stop_at_once,
                           .user = &asked};
    const struct path *p = einc_path_search(&perm, scratch, &net, &ask);
    check_path(&net, p);
    assert_true(asked > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_is_exact),
        cmocka_unit_test(test_proof),
        cmocka_unit_test(test_lattices),
        cmocka_unit_test(test_against_greedy),
        cmocka_unit_test(test_objectives),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: MIT
 *
 * test_path.c - the finders: the exact one against every order of pairs, the
 * others for valid paths, quality, and 100,000 operands in little time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "plan/cost.h"
#include "plan/path.h"
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

/* Random operands with hyperedges; lone summed indices left out. */
static struct net
random_net(uint64_t *s, int max_in)
{
    int n = 2 + (int)planned_random(s, (unsigned)max_in - 1);
    int n_indices = 1 + (int)planned_random(s, 8);
    unsigned has[8] = {0};
    struct sketch k = sketch(n, n_indices, 8 * n);
    for (int o = 0; o < n; o++)
        for (unsigned i = planned_random(s, 5); i > 0; i--)
            has[o] |= 1u << planned_random(s, (unsigned)n_indices);
    for (int x = 0; x < n_indices; x++) {
        int holders = 0;
        k.extent[x] = 1 + planned_random(s, 9);
        for (int o = 0; o < n; o++)
            holders += (int)(has[o] >> x & 1);
        k.in_output[x] = holders && planned_random(s, 3) == 0;
        k.holders[x] = k.in_output[x];
        for (int o = 0; holders + k.in_output[x] < 2 && o < n; o++)
            has[o] &= ~(1u << x);
    }
    for (int o = 0; o < n; o++) {
        for (int x = 0; x < n_indices; x++)
            if (has[o] >> x & 1)
                add_leg(&k, x);
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

/* --- every order of pairs ----------------------------------------------- */

struct brute {
    const struct net *net;
    unsigned output;
    double best;
};

static double
volume(const struct net *net, unsigned set)
{
    double r = 1;
    for (int x = 0; x < net->n_indices; x++)
        if (set >> x & 1)
            r *= net->extent[x];
    return r;
}

static void
try_all(struct brute *b, const unsigned *live, int n, double cost)
{
    if (n == 1) {
        b->best = cost < b->best ? cost : b->best;
        return;
    }
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++) {
            unsigned rest[8], others = b->output;
            int m = 0;
            for (int k = 0; k < n; k++)
                if (k != i && k != j) {
                    rest[m++] = live[k];
                    others |= live[k];
                }
            rest[m] = (live[i] | live[j]) & others;
            double c = 2 * volume(b->net, live[i] | live[j]) +
                       COST_FLOP_PER_BYTE * 4.0 * volume(b->net, rest[m]);
            try_all(b, rest, n - 1, cost + c);
        }
}

static double
brute_force(const struct net *net)
{
    struct brute b = {net, 0, 1e300};
    unsigned live[8] = {0};
    for (int x = 0; x < net->n_indices; x++)
        b.output |= (unsigned)net->in_output[x] << x;
    for (int o = 0; o < net->n_in; o++)
        for (int i = net->first[o]; i < net->first[o + 1]; i++)
            live[o] |= 1u << net->leg[i];
    try_all(&b, live, net->n_in, 0);
    return b.best;
}

/* Costs are sums of small integers: exact. */
static void
test_dp_is_exact(void **state)
{
    (void)state;
    uint64_t s = 1;
    int better = 0;
    for (int round = 0; round < 2000; round++) {
        open_arenas();
        struct net net = random_net(&s, round % 10 ? 5 : 6);
        double best = brute_force(&net);
        double dp = einc_path_cost(scratch, &net, find(&net, "dp"));
        double greedy = einc_path_cost(scratch, &net, find(&net, "greedy"));
        double random = einc_path_cost(scratch, &net, find(&net, "random:3"));
        if (!(dp <= best && dp >= best))
            fail_msg("round %d: dp %lld, best %lld", round, (long long)dp,
                     (long long)best);
        assert_true(greedy >= best && random >= best);
        better += greedy > best;
    }
    assert_true(better > 20); /* else the check above says nothing */
}

/* --- large networks ----------------------------------------------------- */

static double
seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static struct net
chain(int n)
{
    struct sketch k = sketch(n, n + 1, 2 * n);
    for (int o = 0; o < n; o++) {
        add_leg(&k, o);
        add_leg(&k, o + 1);
        end_operand(&k);
    }
    k.in_output[0] = k.in_output[n] = 1;
    k.holders[0]++;
    k.holders[n]++;
    return k.net;
}

/* A binary tree whose root is the output. */
static struct net
tree(int n)
{
    struct sketch k = sketch(n, n, 3 * n);
    for (int o = 0; o < n; o++) {
        if (o || n == 1)
            add_leg(&k, o);
        for (int c = 2 * o + 1; c <= 2 * o + 2 && c < n; c++)
            add_leg(&k, c);
        end_operand(&k);
    }
    return k.net;
}

/* One index on all operands, and a neighbour each: the widest hyperedge. */
static struct net
hub(int n)
{
    struct sketch k = sketch(n, 1 + n / 2, 2 * n);
    for (int o = 0; o < n; o++) {
        add_leg(&k, 0);
        if (o / 2 + 1 < 1 + n / 2)
            add_leg(&k, 1 + o / 2);
        end_operand(&k);
    }
    return k.net;
}

static struct net
ladder(int n)
{
    struct sketch k = sketch(n, 2 * n, 4 * n);
    int m = n / 2;
    for (int o = 0; o < 2 * m; o++) {
        int row = o / 2, side = o % 2;
        add_leg(&k, row); /* the rung */
        if (row > 0)
            add_leg(&k, m + 2 * (row - 1) + side);
        if (row + 1 < m)
            add_leg(&k, m + 2 * row + side);
        end_operand(&k);
    }
    return k.net;
}

static struct net
scalars(int n)
{
    struct sketch k = sketch(n, 1, 1);
    for (int o = 0; o < n; o++)
        end_operand(&k);
    return k.net;
}

static void
test_large(void **state)
{
    (void)state;
    enum { N = 100000 };
    static const struct {
        const char *name;
        struct net (*make)(int n);
        double most_per_operand; /* cost of a good path */
    } cases[] = {
        {"chain", chain, 100}, {"tree", tree, 200}, {"hub", hub, 100},
        {"ladder", ladder, 300}, {"scalars", scalars, 100},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_arenas();
        struct net net = cases[i].make(N);
        double start = seconds();
        const struct path *p = find(&net, "auto");
        double took = seconds() - start;
        double cost = einc_path_cost(scratch, &net, p);
        assert_string_equal(p->finder, "search");
        if (cost > cases[i].most_per_operand * N || took > 15)
            fail_msg("%s: cost %lld, %d ms", cases[i].name, (long long)cost,
                     (int)(1000 * took));
    }
}

/* A random cubic graph cannot be contracted, but planned quickly. */
static void
test_hopeless(void **state)
{
    (void)state;
    enum { N = 20000 };
    open_arenas();
    uint64_t s = 11;
    struct sketch k = sketch(N, 3 * N / 2, 3 * N);
    int *stub = NEW(&scratch, int, 3 * N);
    for (int i = 0; i < 3 * N; i++)
        stub[i] = i;
    for (int i = 3 * N - 1; i > 0; i--) {
        int j = (int)planned_random(&s, (unsigned)i + 1), x = stub[i];
        stub[i] = stub[j];
        stub[j] = x;
    }
    int *edge = NEW(&scratch, int, 3 * N);
    for (int i = 0; i < 3 * N; i++)
        edge[stub[i]] = i / 2;
    for (int o = 0; o < N; o++) {
        int v[3], n = 0;
        for (int i = 0; i < 3; i++) {
            int x = edge[3 * o + i], at = n;
            for (int q = 0; q < n; q++)
                if (v[q] == x)
                    at = -1;
            if (at < 0)
                continue;
            for (; at > 0 && v[at - 1] > x; at--)
                v[at] = v[at - 1];
            v[at] = x;
            n++;
        }
        for (int i = 0; i < n; i++)
            add_leg(&k, v[i]);
        end_operand(&k);
    }
    double start = seconds();
    find(&k.net, "greedy");
    assert_true(seconds() - start < 20);
}

/* --- choosing ----------------------------------------------------------- */

static void
expect_failure(const struct net *net, const char *name, const char *message)
{
    memset(&cx, 0, sizeof cx);
    cx.perm = &perm;
    if (setjmp(cx.boundary)) {
        assert_string_equal(cx.diags[0].code, "E812");
        assert_string_equal(cx.diags[0].message, message);
        return;
    }
    einc_path_find(&perm, scratch, net, str_of(name), NULL);
    fail_msg("'%s' found a path", name);
}

static void
test_names(void **state)
{
    (void)state;
    open_arenas();
    struct net net = chain(8), wide = chain(13);
    assert_string_equal(find(&net, "auto")->finder, "dp");
    assert_string_equal(find(&net, "")->finder, "dp");
    assert_string_equal(find(&net, "greedy")->finder, "greedy");
    assert_string_equal(find(&net, "random:18446744073709551615")->finder,
                        "random");
    assert_string_equal(find(&wide, "auto")->finder, "search");
    static const char *const unknown[] = {
        "best", "Greedy", ":",
    };
    static const char *const wrong_seed[][2] = {
        {"dp", "1"}, {"random", ""}, {"random", "x"}, {"random", "-1"},
    };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        char message[200];
        snprintf(message, sizeof message,
                 "no path finder is called '%s'; there are auto, dp, greedy, "
                 "search, estimate, measure, patient, exhaustive, whole, "
                 "random:SEED", unknown[i]);
        expect_failure(&net, unknown[i], message);
    }
    for (size_t i = 0; i < sizeof wrong_seed / sizeof *wrong_seed; i++) {
        char message[200], name[40];
        const char *finder = wrong_seed[i][0], *seed = wrong_seed[i][1];
        snprintf(name, sizeof name, "%s:%s", finder, seed);
        snprintf(message, sizeof message,
                 "the path finder '%s' does not take the seed '%s': only "
                 "search and random do, of digits", finder, seed);
        expect_failure(&net, name, message);
    }
    expect_failure(&wide, "dp",
                   "the path finder 'dp' takes at most 12 operands, not 13");
}

/* The same seed gives the same path, another one another. */
static void
test_random_paths(void **state)
{
    (void)state;
    open_arenas();
    struct net net = chain(30);
    const struct path *a = find(&net, "random:1"), *b = find(&net, "random:1");
    const struct path *c = find(&net, "random:2");
    size_t bytes = (size_t)a->n_steps * sizeof *a->steps;
    assert_int_equal(memcmp(a->steps, b->steps, bytes), 0);
    assert_true(memcmp(a->steps, c->steps, bytes) != 0);
}

/* Least memory over both orders of the children, everywhere. */
static double
least_peak(const struct net *net, const struct path *p, const double *size,
           int v)
{
    if (v < net->n_in)
        return 0;
    int l = p->steps[v - net->n_in].lhs, r = p->steps[v - net->n_in].rhs;
    double a = least_peak(net, p, size, l), b = least_peak(net, p, size, r);
    double left = a > size[l] + b ? a : size[l] + b;
    double right = b > size[r] + a ? b : size[r] + a;
    double children = left < right ? left : right;
    double here = size[l] + size[r] + size[v];
    return children > here ? children : here;
}

/* Sizes of the values of a path, operands 0: they are not in the workspace. */
static void
sizes_of(const struct net *net, const struct path *p, double *size)
{
    unsigned legs[16] = {0}, output = 0;
    int used[16] = {0};
    for (int x = 0; x < net->n_indices; x++)
        output |= (unsigned)net->in_output[x] << x;
    for (int o = 0; o < net->n_in; o++)
        for (int i = net->first[o]; i < net->first[o + 1]; i++)
            legs[o] |= 1u << net->leg[i];
    for (int s = 0; s < p->n_steps; s++) {
        int v = net->n_in + s;
        unsigned others = output;
        used[p->steps[s].lhs] = used[p->steps[s].rhs] = 1;
        for (int u = 0; u < v; u++)
            others |= used[u] ? 0 : legs[u];
        legs[v] = (legs[p->steps[s].lhs] | legs[p->steps[s].rhs]) & others;
        size[v] = volume(net, legs[v]);
    }
}

/* Steps come depth first, the side that needs more memory before the other:
 * no walk of the tree takes less. */
static void
test_order_of_steps(void **state)
{
    (void)state;
    uint64_t r = 77;
    char name[32];
    for (int round = 0; round < 500; round++) {
        open_arenas();
        struct net net = random_net(&r, 7);
        double size[16] = {0}, live = 0, peak = 0;
        snprintf(name, sizeof name, "random:%d", round);
        const struct path *p = find(&net, name);
        sizes_of(&net, p, size);
        for (int s = 0; s < p->n_steps; s++) {
            live += size[net.n_in + s];
            peak = live > peak ? live : peak;
            live -= size[p->steps[s].lhs] + size[p->steps[s].rhs];
        }
        double least = least_peak(&net, p, size, net.n_in + p->n_steps - 1);
        assert_true(peak <= least && least <= peak);
    }
}

/* A scalar goes into the smallest operand, not over the whole result. */
static void
test_greedy_scalars(void **state)
{
    (void)state;
    open_arenas();
    struct net ends = chain(9);
    struct sketch k = sketch(11, 10, 18);
    double cost[2];
    for (int o = 0; o < 9; o++) {
        add_leg(&k, o);
        add_leg(&k, o + 1);
        end_operand(&k);
    }
    end_operand(&k);
    end_operand(&k);
    k.in_output[0] = k.in_output[9] = 1;
    k.holders[0]++;
    k.holders[9]++;
    for (int x = 0; x < 10; x += 9)
        ((double *)(uintptr_t)ends.extent)[x] = k.extent[x] = 100;
    cost[0] = einc_path_cost(scratch, &ends, find(&ends, "greedy"));
    cost[1] = einc_path_cost(scratch, &k.net, find(&k.net, "greedy"));
    assert_true(cost[1] <= cost[0] + 18 * (1 + 4));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dp_is_exact),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_hopeless),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_random_paths),
        cmocka_unit_test(test_order_of_steps),
        cmocka_unit_test(test_greedy_scalars),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

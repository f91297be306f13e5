/* SPDX-License-Identifier: MIT
 *
 * test_paths.c - orders alone, through einc.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "einc.h"

enum { MAX_IN = 400 };

/* A ring of n matrices, label i of extent 2 + i % 3; `open`: two of its labels
 * are in the output. */
struct ring {
    struct einc_network k;
    int32_t ids[MAX_IN][2], out[2];
    const int32_t *at[MAX_IN];
    size_t n_ids[MAX_IN];
    int64_t extent[MAX_IN];
};

static void
make_ring(struct ring *r, int n, int open)
{
    for (int o = 0; o < n; o++) {
        r->ids[o][0] = o;
        r->ids[o][1] = (o + 1) % n;
        r->at[o] = r->ids[o];
        r->n_ids[o] = 2;
        r->extent[o] = 2 + o % 3;
    }
    r->out[0] = 0;
    r->out[1] = n / 2;
    r->k = (struct einc_network){.size = sizeof r->k, .n_in = (size_t)n,
                                 .ids = r->at, .n_ids = r->n_ids,
                                 .out_ids = r->out,
                                 .n_out_ids = open ? 2 : 0,
                                 .extent = r->extent, .n_extents = (size_t)n};
}

static struct einc_path *
find(const struct einc_network *k, const char *how)
{
    struct einc_path *path;
    struct einc_err *err;
    if (einc_path_create(NULL, k, how, &path, &err))
        fail_msg("%s", einc_err_text(err));
    return path;
}

/* Taken from a list that gets shorter, places lead to the same values. */
static void
test_linear(void **state)
{
    (void)state;
    struct ring r;
    make_ring(&r, 40, 1);
    static const char *const names[] = {"auto", "greedy", "random:5"};
    for (int i = 0; i < 3; i++) {
        struct einc_path *p = find(&r.k, names[i]);
        const int32_t *steps = einc_path_steps(p);
        int32_t places[2 * 39], list[40], n = 40;
        for (int o = 0; o < 40; o++)
            list[o] = o;
        assert_int_equal(einc_path_linear(p, places), EINC_OK);
        for (int s = 0; s < 39; s++) {
            int a = places[2 * s], b = places[2 * s + 1], kept = 0;
            assert_true(a >= 0 && a < n && b >= 0 && b < n && a != b);
            assert_int_equal(list[a], steps[2 * s]);
            assert_int_equal(list[b], steps[2 * s + 1]);
            for (int k = 0; k < n; k++)
                if (k != a && k != b)
                    list[kept++] = list[k];
            list[kept++] = 40 + s;
            n = kept;
        }
        einc_path_free(p);
    }
}

/* ab,bc,ca-> of 2, 3, 4: (a b c) and then one pass over two labels. */
static void
test_info(void **state)
{
    (void)state;
    struct ring r;
    make_ring(&r, 3, 0);
    struct einc_path *p = find(&r.k, NULL);
    struct einc_path_info info = {.size = sizeof info};
    assert_int_equal(einc_path_info(p, &info), EINC_OK);
    assert_int_equal(info.n_steps, 2);
    assert_string_equal(info.finder, "dp");
    /* the label of extent 4 first: 24 + 6 multiplications, 6 elements, 1 */
    assert_true(fabs(info.log10_multiplications - log10(30)) < 1e-5);
    assert_true(fabs(info.log2_largest - log2(6)) < 1e-5);
    assert_true(fabs(info.log2_written - log2(7)) < 1e-5);
    assert_true(fabs(info.log2_peak - log2(7)) < 1e-5);
    info.size = 1;
    assert_int_equal(einc_path_info(p, &info), EINC_EINVAL);
    einc_path_free(p);
    einc_path_free(NULL);
}

static void
test_one_operand(void **state)
{
    (void)state;
    struct ring r;
    make_ring(&r, 1, 0); /* aa-> */
    struct einc_path *p = find(&r.k, "patient");
    struct einc_path_info info = {.size = sizeof info};
    assert_int_equal(einc_path_info(p, &info), EINC_OK);
    assert_int_equal(info.n_steps, 0);
    einc_path_free(p);
}

static void
expect(const struct einc_network *k, const char *how,
       enum einc_status status, const char *what)
{
    struct einc_path *path;
    struct einc_err *err;
    assert_int_equal(einc_path_create(NULL, k, how, &path, &err), status);
    assert_null(path);
    if (!strstr(einc_err_text(err), what))
        fail_msg("%s", einc_err_text(err));
    einc_err_free(err);
}

static void
test_errors(void **state)
{
    (void)state;
    struct ring r;
    make_ring(&r, 14, 1);
    expect(&r.k, "best", EINC_EINVAL, "E812");
    expect(&r.k, "auto,work=x", EINC_EINVAL, "E812");
    expect(&r.k, "auto,objective=heat", EINC_EINVAL, "E812");
    expect(&r.k, "search:3,heat=2", EINC_EINVAL, "'heat=2' is no option");
    expect(&r.k, "search,work=3,", EINC_EINVAL, "'' is no option");
    expect(&r.k, "greedy:3", EINC_EINVAL, "the seed '3'");
    expect(&r.k, "search:x", EINC_EINVAL, "the seed 'x'");
    expect(&r.k, "dp", EINC_ELIMIT, "at most 12 operands, not 14");
    expect(NULL, NULL, EINC_EINVAL, "size");
    r.out[1] = 14;
    expect(&r.k, NULL, EINC_EINVAL, "has no extent");
    r.out[1] = 1;
    r.extent[3] = 0;
    expect(&r.k, NULL, EINC_EINVAL, "below 1");
    r.extent[3] = 1;
    r.k.n_in = 0;
    expect(&r.k, NULL, EINC_EINVAL, "1 to 2^30 - 1 operands");
}

/* "auto" takes a seed, however few operands: which finder it is, is not to be
 * known. Numbers that no integer holds are the largest. */
static void
test_options(void **state)
{
    (void)state;
    struct ring r;
    make_ring(&r, 5, 0);
    einc_path_free(find(&r.k, "auto:7,objective=size"));
    make_ring(&r, 14, 0);
    einc_path_free(find(&r.k, "auto:7,objective=size"));
    einc_path_free(find(&r.k, "search,work=18446744073709551616"));
    einc_path_free(find(&r.k, "search,deadline=18446744073709551616"));
}

static double
cpu_seconds(const struct einc_network *k)
{
    clock_t before = clock();
    einc_path_free(find(k, "estimate"));
    return (double)(clock() - before) / CLOCKS_PER_SEC;
}

/* An index that all operands hold, and operands with very many: near linear,
 * where quadratic takes minutes. */
static void
test_many(void **state)
{
    (void)state;
    enum { N = 300000 };
    static int32_t ids[N], same;
    static const int32_t *at[N];
    static size_t n_ids[N];
    static int64_t extent[N];
    for (int i = 0; i < N; i++) {
        at[i] = &same;
        n_ids[i] = 1;
        ids[i] = N - 1 - i;
        extent[i] = 2;
    }
    struct einc_network k = {.size = sizeof k, .n_in = N, .ids = at,
                             .n_ids = n_ids, .extent = extent,
                             .n_extents = 1};
    assert_true(cpu_seconds(&k) < 10);
    at[0] = at[1] = ids;
    n_ids[0] = n_ids[1] = N;
    k.n_in = 2;
    k.n_extents = N;
    assert_true(cpu_seconds(&k) < 10);
}

/* Of a network where all operands share an index with all others, which has
 * more subsets than memory holds: the proof is given up, and what it found no
 * room for is not looked for again and again. */
struct blocks {
    int n_large;
};

static void *
take(void *user, void *old, size_t old_bytes, size_t bytes)
{
    struct blocks *b = user;
    (void)old_bytes;
    if (!bytes) {
        free(old);
        return NULL;
    }
    b->n_large += bytes > 32 << 20;
    return realloc(old, bytes);
}

static void
test_room(void **state)
{
    (void)state;
    enum { N = 24 };
    static int32_t ids[N][N];
    const int32_t *at[N];
    size_t n_ids[N] = {0};
    int64_t extent[N * N];
    int n = 0;
    for (int a = 0; a < N; a++)
        for (int b = 0; b < a; b++, n++) {
            ids[a][n_ids[a]++] = ids[b][n_ids[b]++] = n;
            extent[n] = 2;
        }
    for (int o = 0; o < N; o++)
        at[o] = ids[o];
    struct einc_network k = {.size = sizeof k, .n_in = N, .ids = at,
                             .n_ids = n_ids, .extent = extent,
                             .n_extents = (size_t)n};
    struct blocks blocks = {0};
    struct einc_config config = {.size = sizeof config, .alloc = take,
                                 .alloc_user = &blocks};
    struct einc_ctx *ctx;
    struct einc_path *p;
    assert_int_equal(einc_ctx_create(&config, &ctx, NULL), EINC_OK);
    assert_int_equal(einc_path_create(ctx, &k, "search,work=100000000", &p,
                                      NULL), EINC_OK);
    einc_path_free(p);
    einc_ctx_free(ctx);
    assert_int_equal(blocks.n_large, 0);
}

/* Counts what the steps of a slice leave and multiply. */
static void
check_sliced(const struct einc_network *k, const struct einc_path *p,
             const struct einc_path_info *info)
{
    static char has[2 * MAX_IN][MAX_IN];
    const int32_t *steps = einc_path_steps(p), *cut = einc_path_sliced(p);
    double all = 0, slices = 1;
    int n = (int)k->n_in, m = (int)k->n_extents;
    memset(has, 0, sizeof has);
    for (int o = 0; o < n; o++)
        for (size_t i = 0; i < k->n_ids[o]; i++)
            has[o][k->ids[o][i]] = 1;
    for (int i = 0; i < info->n_sliced; i++) {
        slices *= (double)k->extent[cut[i]];
        for (int o = 0; o < n; o++)
            has[o][cut[i]] = 0;
    }
    for (int s = 0; s < n - 1; s++) {
        char *a = has[steps[2 * s]], *b = has[steps[2 * s + 1]];
        double points = 1, size = 1;
        for (int x = 0; x < m; x++) {
            int held = a[x] || b[x], needed = 0;
            a[x] = b[x] = 0;
            for (int v = 0; v < n + s; v++)
                needed |= has[v][x];
            points *= held ? (double)k->extent[x] : 1;
            size *= held && needed ? (double)k->extent[x] : 1;
            has[n + s][x] = (char)(held && needed);
        }
        all += points;
        if (size > (double)k->max_elements)
            fail_msg("step %d leaves %g elements", s, size);
    }
    assert_true(fabs(info->log2_slices - log2(slices)) < 1e-5);
    assert_true(fabs(info->log10_multiplications - log10(all * slices)) <
                1e-4);
}

/* A lattice of 6 x 6 with labels of extent 4 takes 4^6 elements; fewer cost
 * slices and some multiplications. */
static void
test_slices(void **state)
{
    (void)state;
    static int32_t ids[36][4];
    static const int32_t *at[36];
    static size_t n_ids[36];
    static int64_t extent[72];
    struct einc_path_info info = {.size = sizeof info};
    for (int i = 0; i < 36; i++) {
        at[i] = ids[i];
        extent[i] = extent[36 + i] = 4;
        if (i % 6 < 5) {
            ids[i][n_ids[i]++] = i;
            ids[i + 1][n_ids[i + 1]++] = i;
        }
        if (i < 30) {
            ids[i][n_ids[i]++] = 36 + i;
            ids[i + 6][n_ids[i + 6]++] = 36 + i;
        }
    }
    struct einc_network k = {.size = sizeof k, .n_in = 36, .ids = at,
                             .n_ids = n_ids, .extent = extent,
                             .n_extents = 72, .max_elements = 1 << 20};
    struct einc_path *p = find(&k, "search,work=3000000,objective=flops");
    assert_int_equal(einc_path_info(p, &info), EINC_OK);
    assert_int_equal(info.n_sliced, 0);
    check_sliced(&k, p, &info);
    einc_path_free(p);
    k.max_elements = 256;
    p = find(&k, "search,work=20000000,objective=flops");
    assert_int_equal(einc_path_info(p, &info), EINC_OK);
    assert_true(info.n_sliced > 0 && info.log2_largest <= 8.001);
    assert_true(info.log10_multiplications < info.log10_whole + 1.5);
    check_sliced(&k, p, &info);
    einc_path_free(p);
}

/* What fits in another order needs no slices, but that order. */
static void
test_other_order(void **state)
{
    (void)state;
    static const int32_t ids[] = {0, 1};
    const int32_t *const at[] = {ids, ids + 1, ids, ids};
    const size_t n_ids[] = {2, 1, 1, 0};
    const int64_t extent[] = {2, 3};
    struct einc_network k = {.size = sizeof k, .n_in = 4, .ids = at,
                             .n_ids = n_ids, .out_ids = ids + 1,
                             .n_out_ids = 1, .extent = extent,
                             .n_extents = 2, .max_elements = 5};
    for (int seed = 0; seed < 20; seed++) {
        char how[40];
        struct einc_path_info info = {.size = sizeof info};
        snprintf(how, sizeof how, "random:%d,work=10000", seed);
        struct einc_path *p = find(&k, how);
        assert_int_equal(einc_path_info(p, &info), EINC_OK);
        assert_true(info.log2_largest < log2(5.01));
        einc_path_free(p);
    }
}

/* Slicing keeps a set of labels for each operand: 15 GB of these. */
static void
test_too_large(void **state)
{
    (void)state;
    enum { N = 100000 };
    static int32_t ids[N + 1];
    static const int32_t *at[N];
    static size_t n_ids[N];
    static int64_t extent[N + 1];
    for (int i = 0; i < N; i++) {
        ids[i] = i;
        at[i] = ids + i;
        n_ids[i] = 2;
        extent[i] = 2;
    }
    ids[N] = N;
    extent[N] = 2;
    struct einc_network k = {.size = sizeof k, .n_in = N, .ids = at,
                             .n_ids = n_ids, .extent = extent,
                             .n_extents = N + 1, .max_elements = 1};
    expect(&k, "greedy", EINC_ELIMIT, "are not sliced");
}

/* A deadline ends the search; 20 % and 2 ms, and what a busy machine adds. */
static void
test_deadline(void **state)
{
    (void)state;
    static int32_t ids[300][4];
    static const int32_t *at[300];
    static size_t n_ids[300];
    static int64_t extent[600];
    enum { N = 15 };
    for (int i = 0; i < N * N; i++) { /* a torus: hard enough */
        int right = i / N * N + (i + 1) % N, down = (i + N) % (N * N);
        ids[i][n_ids[i]++] = i;
        ids[right][n_ids[right]++] = i;
        ids[i][n_ids[i]++] = N * N + i;
        ids[down][n_ids[down]++] = N * N + i;
        at[i] = ids[i];
        extent[i] = extent[N * N + i] = 2;
    }
    struct einc_network k = {.size = sizeof k, .n_in = N * N, .ids = at,
                             .n_ids = n_ids, .extent = extent,
                             .n_extents = 2 * N * N};
    struct timespec a, b;
    double least = 1e9;
    for (int i = 0; i < 3; i++) {
        clock_gettime(CLOCK_MONOTONIC, &a);
        einc_path_free(find(&k, "exhaustive,deadline=50"));
        clock_gettime(CLOCK_MONOTONIC, &b);
        double ms = 1e3 * (double)(b.tv_sec - a.tv_sec) +
                    1e-6 * (double)(b.tv_nsec - a.tv_nsec);
        least = ms < least ? ms : least;
    }
    if (least > 62 || least < 10)
        fail_msg("%.1f ms", least);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_one_operand),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_other_order),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * test_narrow.c - when a contraction has so few columns that its lanes run
 * along K, and that such kernels compute each element: several blocks of K,
 * remainders of vectors, of rows, of tasks, columns anywhere. Small integers:
 * the reference must be met, with the same bits on two threads, and nothing
 * else be written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "chosen.h"

/* --- the choice --------------------------------------------------------- */

#define PRODUCT "ij,jk->ik"
enum { NARROW = FAMILY_NARROW, GETT = FAMILY_GETT };

static const struct question questions[] = {
    {PRODUCT, "f32 4096x4096, f32 4096x8", "avx512", NEST_GENERIC, NARROW},
    {PRODUCT, "f64 3000x3000, f64 3000x3", "avx2", NEST_GENERIC, NARROW},
    {"ij,jk->ki", "f32 3000x3000, f32 3000x6", "sse2", NEST_GENERIC, NARROW},
    {"kj,ij->ik", "f32 5x1000, f32 1000x1000", "avx512", NEST_GENERIC,
     NARROW},
    {"bij,bjk->bik", "f32 9x400x999, f32 9x999x4", "avx512", NEST_BEST,
     NARROW},
    /* more columns; K across the rows; not as they lie in memory; too short;
     * no vectors */
    {PRODUCT, "f32 1000x1000, f32 1000x9", "avx512", NEST_GENERIC, GETT},
    {"ji,jk->ik", "f32 1000x1000, f32 1000x3", "avx512", NEST_GENERIC, GETT},
    {PRODUCT, "f16 1000x1000, f32 1000x3", "avx512", NEST_GENERIC, GETT},
    {PRODUCT, "c64 1000x1000, c64 1000x3", "avx512", NEST_GENERIC, GETT},
    {PRODUCT, "f64 200x64, f64 64x8", "avx512", NEST_GENERIC, GETT},
    {PRODUCT, "f32 1000x1000, f32 1000x3", "generic", NEST_GENERIC, GETT},
};

static void
test_choice(void **state)
{
    (void)state;
    chosen_check(questions, sizeof questions / sizeof *questions);
}

/* --- the results -------------------------------------------------------- */

enum { MOST_DIMS = 3, GUARD = 64 };

struct shape {
    const char *expr;
    int64_t a[MOST_DIMS], b[MOST_DIMS];
    int n_a, n_b;
};

static const struct shape shapes[] = {
    {PRODUCT, {7, 5}, {5, 3}, 2, 2},
    {PRODUCT, {33, 16}, {16, 8}, 2, 2},
    {PRODUCT, {301, 2000}, {2000, 8}, 2, 2},
    {PRODUCT, {1, 3333}, {3333, 5}, 2, 2},
    {PRODUCT, {67, 1501}, {1501, 7}, 2, 2},
    {PRODUCT, {9001, 35}, {35, 2}, 2, 2}, /* several tasks */
    {"ij,jk->ki", {130, 1999}, {1999, 6}, 2, 2},
    {"kj,ij->ik", {4, 77}, {50, 77}, 2, 2},
    {"bij,bjk->bik", {3, 40, 100}, {3, 100, 3}, 3, 3},
    {"bij,jk->kbi", {3, 41, 99}, {99, 5}, 3, 2},
};

static int64_t
count(const int64_t *extent, int n)
{
    int64_t all = 1;
    for (int d = 0; d < n; d++)
        all *= extent[d];
    return all;
}

/* Integers from -3 to 3. */
static void *
numbers(enum einc_dtype type, int64_t n, unsigned seed)
{
    void *to = malloc((size_t)n * einc_dtype_bytes(type));
    assert_non_null(to);
    for (int64_t x = 0; x < n; x++) {
        seed = seed * 1664525u + 1013904223u;
        int v = (int)(seed >> 20) % 7 - 3;
        if (type == EINC_F32)
            ((float *)to)[x] = (float)v;
        else
            ((double *)to)[x] = v;
    }
    return to;
}

/* What a kernel makes of a shape, with as much around it as a guard; scaled,
 * the number of the result before matters. */
static void *
result(struct einc_ctx *ctx, const struct shape *s, enum einc_dtype type,
       enum einc_tier tier, int threads, int scaled, size_t *bytes)
{
    struct einc_options o = {.size = sizeof o, .tier = (int)tier,
                             .kernel = "narrow"};
    struct einc_run_options r = {.size = sizeof r, .threads = threads};
    struct einc_layout out, in[2] = {
        {sizeof in[0], (int)type, s->n_a, 0, s->a, NULL},
        {sizeof in[1], (int)type, s->n_b, 0, s->b, NULL}};
    struct einc_plan *plan;
    void *a = numbers(type, count(s->a, s->n_a), 1);
    void *b = numbers(type, count(s->b, s->n_b), 2);
    void *two = numbers(type, 2, 9);
    assert_int_equal(einc_compile(ctx, s->expr, 2, in, NULL, &o, &plan, NULL),
                     EINC_OK);
    assert_int_equal(einc_plan_tier(plan), tier);
    assert_int_equal(einc_plan_layout(plan, &out), EINC_OK);
    int64_t n = count(out.shape, out.ndim) + 2 * GUARD;
    char *to = numbers(type, n, 3);
    if (scaled) {
        r.alpha = two;
        r.beta = (char *)two + einc_dtype_bytes(type);
    }
    assert_int_equal(einc_run(plan, (const void *[]){a, b},
                              to + GUARD * einc_dtype_bytes(type), &r, NULL),
                     EINC_OK);
    *bytes = (size_t)n * einc_dtype_bytes(type);
    einc_plan_free(plan);
    free(a);
    free(b);
    free(two);
    return to;
}

/* But for the sign of a zero. */
static int
is_same(enum einc_dtype type, const void *a, const void *b, size_t bytes)
{
    int same = 1;
    for (size_t x = 0; x < bytes / einc_dtype_bytes(type); x++)
        same &= type == EINC_F32
                    ? ((const float *)a)[x] == ((const float *)b)[x]
                    : ((const double *)a)[x] == ((const double *)b)[x];
    return same;
}

static void
test_shapes(void **state)
{
    for (size_t s = 0; s < 2 * sizeof shapes / sizeof *shapes; s++) {
        const struct shape *x = &shapes[s / 2];
        enum einc_dtype type = s % 2 ? EINC_F64 : EINC_F32;
        int scaled = s / 2 % 3 == 2;
        size_t bytes;
        void *want = result(*state, x, type, EINC_TIER_INTERP, 1, scaled,
                            &bytes);
        void *one = result(*state, x, type, EINC_TIER_CC, 1, scaled, &bytes);
        void *two = result(*state, x, type, EINC_TIER_CC, 2, scaled, &bytes);
        if (!is_same(type, one, want, bytes) || memcmp(one, two, bytes))
            fail_msg("%s of %s, shape %d: differs", x->expr,
                     einc_dtype_name(type), (int)(s / 2));
        free(want);
        free(one);
        free(two);
    }
}

static int
open_ctx(void **state)
{
    struct einc_config config = {.size = sizeof config, .threads = 2,
                                 .cache_dir = ""};
    return (int)einc_ctx_create(&config, (struct einc_ctx **)state, NULL);
}

static int
close_ctx(void **state)
{
    einc_ctx_free(*state);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),
        cmocka_unit_test_setup_teardown(test_shapes, open_ctx, close_ctx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * test_cost.c - counts that saturate, estimates that stay finite.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/cost.h"
#include "planned.h"

static void
test_saturation(void **state)
{
    (void)state;
    assert_true(einc_cost_add(1, 2) == 3);
    assert_true(einc_cost_add(UINT64_MAX, 1) == UINT64_MAX);
    assert_true(einc_cost_add(UINT64_MAX - 1, 1) == UINT64_MAX);
    assert_true(einc_cost_mul(1u << 31, 1u << 31) == UINT64_C(1) << 62);
    assert_true(einc_cost_mul(UINT64_C(1) << 32, UINT64_C(1) << 32) ==
                UINT64_MAX);
    assert_true(einc_cost_mul(UINT64_MAX, 0) == 0);
}

static void
test_estimates(void **state)
{
    (void)state;
    double size = 1;
    for (int i = 0; i < 100000; i++)
        size = einc_cost_size(size, 1e18);
    assert_true(size <= COST_MAX);
    assert_true(einc_cost_pair(size, size, 16) < 1e300);
    assert_true(einc_cost_pair(10, 3, 4) == 2 * 10 + COST_FLOP_PER_BYTE * 12);
}

/* Products of extents: 0 wins over any overflow before or after it. */
static void
test_extent(void **state)
{
    (void)state;
    struct graph_index indices[] = {
        {.extent = INT64_C(1) << 32}, {.extent = INT64_C(1) << 32},
        {.extent = 0}, {.extent = INT64_C(1) << 30},
    };
    struct graph g = {.indices = indices, .n_indices = 4};
    const int all[] = {0, 1, 2, 3}, fits[] = {0, 3}, large[] = {3, 0, 1};
    char memory[4096];
    struct cx cx;
    memset(&cx, 0, sizeof cx);
    struct arena a = {memory, memory + sizeof memory, &cx};
    cx.perm = &a;
    if (setjmp(cx.boundary)) {
        assert_int_equal(cx.status, EINC_ELIMIT);
        assert_string_equal(cx.diags[0].code, "E813");
        assert_string_equal(cx.diags[0].message,
                            "the result of a step exceeds 2^63 - 1 elements");
        return;
    }
    assert_true(einc_cost_extent(&cx, &g, all, 4, "result") == 0);
    assert_true(einc_cost_extent(&cx, &g, all, 0, "result") == 1);
    assert_true(einc_cost_extent(&cx, &g, fits, 2, "result") ==
                INT64_C(1) << 62);
    einc_cost_extent(&cx, &g, large, 3, "result");
    fail();
}

/* flop and bytes of each kind; elements of a broadcast count once. */
static void
test_steps(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *tensors;
        uint64_t flop, read_bytes, write_bytes;
    } cases[] = {
        {"ij,jk->ik", "f32 100x200, f32 200x300", 2 * 100 * 200 * 300,
         4 * (100 * 200 + 200 * 300), 4 * 100 * 300},
        {"ij,jk->ik", "bf16 100x200, f64 200x300", 2 * 100 * 200 * 300,
         2 * 100 * 200 + 8 * 200 * 300, 8 * 100 * 300},
        {"ij->ji", "c128 3x5", 0, 16 * 15, 16 * 15},
        {"ij->", "i8 3x5", 15, 15, 1},
        {"i,i,i->i", "f32 9, f32 9, f32 9 @0", 27, 4 * 19, 4 * 9},
        {"ij,j->i", "f32 3x4 @0:1, f32 4", 8, 4 * 8, 4 * 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct planned x;
        planned_open(&x, cases[i].expression, cases[i].tensors);
        assert_int_equal(planned_build(&x), EINC_OK);
        const struct step *s = &x.plan->steps[0];
        assert_int_equal(s->flop, cases[i].flop);
        assert_int_equal(s->read_bytes, cases[i].read_bytes);
        if (x.plan->n_steps == 1)
            assert_int_equal(s->write_bytes, cases[i].write_bytes);
        planned_close(&x);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saturation),
        cmocka_unit_test(test_estimates),
        cmocka_unit_test(test_extent),
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

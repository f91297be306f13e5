/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../numeric/rng.h"
#include "runtime/places.h"

/* One element in `each` holds: every place comes once, no list has more than
 * its room, and what fills the last eight lines up is its last place. */
static void
check(const int64_t *extent, int n_dims, int64_t rows, int64_t columns,
      int each)
{
    struct places p = {.n_dims = n_dims, .rows = rows, .columns = columns};
    struct places_at at = {0, 0, 0};
    struct rng r = {(uint64_t)each + (uint64_t)rows};
    int64_t all = 1, holds = 0, listed = 0, n;
    int32_t *list[PLACES_DIMS];
    for (int d = 0; d < n_dims; d++) {
        p.extent[d] = extent[d];
        all *= extent[d];
        list[d] = malloc(sizeof *list[d] * PLACES_ROOM);
        assert_non_null(list[d]);
    }
    uint8_t *mask = malloc((size_t)all);
    assert_non_null(mask);
    for (int64_t k = 0; k < all; k++)
        holds += mask[k] = each && rng_next(&r) % (uint64_t)each == 0;
    assert_int_equal(einc_places_count(mask, all, all), holds);
    assert_true(einc_places_count(mask, all, holds - 1) > holds - 1);
    while ((n = einc_places_next(&p, mask, list, &at)) > 0) {
        assert_in_range(n, 1, PLACES_ROOM);
        for (int64_t k = 0; k < n; k++) {
            int64_t place = 0;
            for (int d = 0; d < n_dims; d++) {
                assert_in_range(list[d][k], 0, extent[d] - 1);
                place = place * extent[d] + list[d][k];
            }
            assert_int_equal(mask[place], 1);
            mask[place] = 2;
        }
        for (int64_t k = n; k % 64 != 0; k++)
            for (int d = 0; d < n_dims; d++)
                assert_int_equal(list[d][k], list[d][n - 1]);
        listed += n;
    }
    assert_int_equal(listed, holds);
    for (int d = 0; d < n_dims; d++)
        free(list[d]);
    free(mask);
}

static void
test_lists(void **state)
{
    (void)state;
    static const int each[] = {0, 1, 2, 10, 1000};
    for (size_t k = 0; k < sizeof each / sizeof *each; k++) {
        check((const int64_t[]){1, 1}, 2, 16, 16, each[k]);
        check((const int64_t[]){37, 61}, 2, 8, 16, each[k]);
        check((const int64_t[]){3, 5, 7, 11}, 4, 4, 5, each[k]);
        check((const int64_t[]){300, 1000}, 2, 64, 300, each[k]);
    }
}

/* The places of a tile stand together. */
static void
test_tiles(void **state)
{
    (void)state;
    uint8_t mask[6] = {1, 1, 1, 1, 1, 1};
    int32_t row[64], column[64];
    int32_t *list[] = {row, column};
    struct places p = {.n_dims = 2, .extent = {2, 3}, .rows = 2, .columns = 2};
    struct places_at at = {0, 0, 0};
    assert_int_equal(einc_places_next(&p, mask, list, &at), 6);
    assert_memory_equal(row, ((int32_t[]){0, 0, 1, 1, 0, 1}), 24);
    assert_memory_equal(column, ((int32_t[]){0, 1, 0, 1, 2, 2}), 24);
    assert_int_equal(einc_places_next(&p, mask, list, &at), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_tiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

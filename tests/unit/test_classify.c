/* SPDX-License-Identifier: MIT
 *
 * test_classify.c - the role of an index, one by one and in pairs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "plan/classify.h"

static void
test_each_role(void **state)
{
    (void)state;
    assert_int_equal(einc_classify(1, 1, 1), ROLE_BATCH);
    assert_int_equal(einc_classify(1, 0, 1), ROLE_M);
    assert_int_equal(einc_classify(0, 1, 1), ROLE_N);
    assert_int_equal(einc_classify(1, 1, 0), ROLE_K);
    assert_int_equal(einc_classify(1, 0, 0), ROLE_LONE_LHS);
    assert_int_equal(einc_classify(0, 1, 0), ROLE_LONE_RHS);
}

/* Every pair of subsets of six indices, every set of needed ones: each index
 * has one role, the right one; marks are clean afterwards. */
static void
test_pairs(void **state)
{
    (void)state;
    enum { N = 6, BYTES = 4096 };
    struct cx cx = {0};
    char *memory = malloc(BYTES), mark[N] = {0}, clean[N] = {0};
    unsigned step = 0;
    for (unsigned bits = 0; bits < 1u << 3 * N; bits += 1 + step++ % 97) {
        struct arena a = {memory, memory + BYTES, &cx};
        unsigned in_lhs = bits & 63, in_rhs = bits >> 6 & 63;
        int lhs[N], rhs[N], seen[N] = {0};
        struct legs l = {lhs, 0}, r = {rhs, 0};
        char needed[N];
        for (int x = N - 1; x >= 0; x--) {
            if (in_lhs >> x & 1)
                lhs[l.n++] = x;
            if (in_rhs >> x & 1)
                rhs[r.n++] = x;
            needed[x] = (char)(bits >> 12 >> x & 1);
        }
        struct roles roles = einc_classify_pair(&a, l, r, needed, mark);
        for (int role = 0; role < N_ROLES; role++)
            for (int i = 0; i < roles.of[role].n; i++) {
                int x = roles.of[role].index[i];
                seen[x]++;
                assert_int_equal(role, einc_classify(in_lhs >> x & 1,
                                                     in_rhs >> x & 1,
                                                     needed[x]));
                if (i) /* in the order of the operands */
                    assert_true(roles.of[role].index[i - 1] > x);
            }
        for (int x = 0; x < N; x++)
            assert_int_equal(seen[x], (in_lhs | in_rhs) >> x & 1);
        assert_memory_equal(mark, clean, N);
    }
    free(memory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_role),
        cmocka_unit_test(test_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

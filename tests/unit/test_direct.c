/* SPDX-License-Identifier: MIT
 *
 * test_direct.c - when products are read where they are, and that their cuts
 * cover them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chosen.h"
#include "codegen/direct.h"

#define MATMUL "ij,jk->ik"
#define BATCH "bij,bjk->bik"
enum { DIRECT = FAMILY_DIRECT, GETT = FAMILY_GETT };

static const struct question questions[] = {
    {MATMUL, "f32 64x64, f32 64x64", "avx512", NEST_BEST, DIRECT},
    {MATMUL, "f32 64x64, f32 64x64", "avx512", NEST_LITERAL, DIRECT},
    {MATMUL, "f32 64x64, f32 64x64", "avx2", NEST_BEST, DIRECT},
    {MATMUL, "f32 32x32, f32 32x32", "neon", NEST_BEST, DIRECT},
    {MATMUL, "f32 16x16, f32 16x16", "sse2", NEST_BEST, DIRECT},
    {MATMUL, "f64 33x65, f64 65x47", "avx512", NEST_BEST, DIRECT},
    {MATMUL, "i32 24x24, i32 24x24", "avx512", NEST_BEST, DIRECT},
    {MATMUL, "u32 24x24, i32 24x24", "avx512", NEST_BEST, GETT}, /* i64 */
    {BATCH, "f32 1000x8x8, f32 1000x8x8", "avx512", NEST_BEST, DIRECT},
    {BATCH, "f32 99x3x5, f32 99x5x7", "avx512", NEST_BEST, DIRECT},
    /* the lanes of out may be in M */
    {"ij,jk->ki", "f32 64x64, f32 64x64", "avx512", NEST_BEST, GETT},
    {"ji,jk->ki", "f32 64x64, f32 64x64", "avx512", NEST_BEST, DIRECT},
    /* panels pay */
    {MATMUL, "f32 1024x1024, f32 1024x1024", "avx512", NEST_BEST, GETT},
    {MATMUL, "f32 2000x2000, f32 2000x2000", "avx512", NEST_LITERAL, GETT},
    {MATMUL, "f64 1500x1500, f64 1500x1500", "avx2", NEST_BEST, GETT},
    /* a kernel for all shapes */
    {MATMUL, "f32 64x64, f32 64x64", "avx512", NEST_GENERIC, GETT},
    {MATMUL, "f32 64x64, f32 64x64", "avx512", NEST_BUILTIN, GETT},
    /* rhs lies across, must be converted, has two planes */
    {"ij,kj->ik", "f32 64x64, f32 64x64", "avx512", NEST_BEST, GETT},
    {MATMUL, "f32 64x64, f32 64x64 @1:64", "avx512", NEST_BEST, GETT},
    {MATMUL, "f16 64x64, f16 64x64", "avx512", NEST_BEST, GETT},
    {MATMUL, "c64 64x64, c64 64x64", "avx512", NEST_BEST, GETT},
    {MATMUL, "f32 64x64, f32 64x64", "cuda", NEST_LITERAL, FAMILY_STREAM},
};

static void
test_choice(void **state)
{
    (void)state;
    chosen_check(questions, sizeof questions / sizeof *questions);
}

/* An extent that is an argument has no direct kernel. */
static void
test_symbolic(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        struct planned x;
        planned_open(&x, MATMUL, "f32 64x64, f32 64x64");
        x.f.symbolic = which ? "j" : "";
        assert_int_equal(planned_build(&x), EINC_OK);
        const struct nest *w = einc_nest_build(
            &x.f.perm, x.f.scratch, x.plan, 0,
            einc_target_find(str_of("avx512")), NEST_LITERAL, FAMILY_ANY);
        assert_int_equal(w->family, which ? GETT : DIRECT);
        planned_close(&x);
    }
}

static int64_t
total(const struct cut *c)
{
    return c->n[0] * c->size + c->n[1] * (c->size - 1);
}

/* Tiles and panels are all rows and all vectors of columns, and their sums fit
 * the registers. */
static void
test_cuts(void **state)
{
    static const char *const sets[] = {"avx512", "avx2", "neon", "sse2"};
    (void)state;
    int seen = 0;
    for (int64_t m = 2; m < 90; m += m < 20 ? 1 : 7)
        for (int64_t n = 2; n < 90; n += n < 20 ? 1 : 7) {
            char tensors[80];
            struct planned x;
            sprintf(tensors, "f32 %dx9, f32 9x%d", (int)m, (int)n);
            struct question q = {MATMUL, tensors, sets[(m + n) % 4],
                                 NEST_LITERAL, DIRECT};
            const struct nest *w = chosen_nest(&x, &q);
            if (w->family == FAMILY_DIRECT) {
                struct direct_roles r = einc_direct_roles(w);
                struct direct d = einc_direct_cut(w, r, w->target);
                int64_t vectors = (n + d.lanes - 1) / d.lanes;
                seen++;
                assert_int_equal(total(&d.tiles), m);
                assert_int_equal(total(&d.panels), vectors);
                assert_int_equal(d.ragged, n % d.lanes != 0);
                assert_true(d.lanes <= n);
                assert_true(d.tiles.size * d.panels.size < 32);
            }
            planned_close(&x);
        }
    assert_true(seen > 300);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choice),
                                       cmocka_unit_test(test_symbolic),
                                       cmocka_unit_test(test_cuts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * test_tier.c - which kernels answer: each tier, each instruction set, and
 * what happens where there is neither compiler nor cache.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctx.h"
#include "faults.h"

/* --- helpers ------------------------------------------------------------ */

struct lines {
    int n;
    char last[256];
};

static void
keep_line(void *user, const char *line)
{
    struct lines *l = user;
    l->n++;
    snprintf(l->last, sizeof l->last, "%s", line);
}

/* A context without disk cache, nor compiler if `cc` is no program. */
static struct einc_ctx *
open_ctx(enum einc_tier tier, const char *cc, struct lines *lines)
{
    struct einc_config c = {.size = sizeof c, .threads = 2, .cache_dir = "",
                            .cc = cc, .tier = (int32_t)tier,
                            .log = lines ? keep_line : NULL,
                            .log_user = lines};
    struct einc_ctx *ctx;
    assert_int_equal(einc_ctx_create(&c, &ctx, NULL), EINC_OK);
    return ctx;
}

enum { N = 40, MOST_BYTES = N * N * 16 };

/* ij,jk->ik of N by N. */
static struct einc_plan *
product(struct einc_ctx *ctx, enum einc_dtype type)
{
    static const int64_t shape[2] = {N, N};
    const struct einc_layout x = {sizeof x, (int32_t)type, 2, 0, shape, NULL};
    const struct einc_layout in[2] = {x, x};
    struct einc_plan *plan = NULL;
    assert_int_equal(einc_compile(ctx, "ij,jk->ik", 2, in, NULL, NULL, &plan,
                                  NULL), EINC_OK);
    return plan;
}

/* Small integers, in the real parts too. */
static void
fill(void *to, enum einc_dtype type)
{
    for (int j = 0; j < 2 * N * N; j++) {
        int v = 7 * j % 5 - 2;
        if (type == EINC_F32 || type == EINC_C64)
            ((float *)to)[j] = (float)v;
        else if (type == EINC_F64 || type == EINC_C128)
            ((double *)to)[j] = v;
        else
            ((int32_t *)to)[j] = v;
    }
}

/* The plan's result is the oracle's, bit for bit. */
static void
check(const struct einc_plan *plan, enum einc_dtype type)
{
    char *in = test_calloc(1, MOST_BYTES);
    char *got = test_calloc(1, MOST_BYTES), *want = test_calloc(1, MOST_BYTES);
    fill(in, type);
    const void *const data[2] = {in, in};
    assert_int_equal(einc_run(plan, data, got, NULL, NULL), EINC_OK);
    assert_int_equal(einc_reference(plan, data, want, NULL, NULL), EINC_OK);
    assert_memory_equal(got, want, N * N * einc_dtype_bytes(type));
    test_free(in);
    test_free(got);
    test_free(want);
}

static const char *const isas[] = {"avx512", "avx2", "sse2", "neon",
                                   "generic"};
enum { N_ISAS = sizeof isas / sizeof *isas };

static const enum einc_dtype types[] = {EINC_F32, EINC_F64, EINC_C64,
                                        EINC_C128};

/* --- the table ---------------------------------------------------------- */

static void
test_table(void **state)
{
    (void)state;
    int sets = 0;
    for (const struct builtin_set *s = einc_builtin_sets; s->target; s++) {
        sets++;
        const struct target *t = einc_target_find(str_of(s->target));
        assert_non_null(t);
        assert_ptr_equal(einc_builtin_set(t), s);
        assert_true(s->n > 0);
        for (int r = 0; r < s->n; r++) {
            if (r)
                assert_true(strcmp(s->rows[r - 1].key, s->rows[r].key) < 0);
            assert_ptr_equal(einc_builtin_find(s, s->rows[r].key),
                             s->rows[r].entry);
        }
        assert_null(einc_builtin_find(s, ""));
        assert_null(einc_builtin_find(s, "zzz"));
    }
    assert_true(sets > 0);
    assert_int_equal(
        einc_builtin_set(einc_target_find(str_of("cuda")))->n, 0);
}

/* --- instruction sets --------------------------------------------------- */

/* A kernel of every set that this machine runs, and of no other. */
static void
test_sets(void **state)
{
    (void)state;
    int ran = 0;
    for (int k = 0; k < N_ISAS; k++) {
        setenv("EINC_ISA", isas[k], 1);
        struct lines lines = {0};
        struct einc_ctx *ctx = open_ctx(EINC_TIER_BUILTIN, NULL, &lines);
        int here = strcmp(ctx->target->name, isas[k]) == 0;
        assert_int_equal(lines.n, !here);
        if (!here)
            assert_non_null(strstr(lines.last, isas[k]));
        int built = here && ctx->builtin->n > 0;
        ran += built;
        for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
            struct einc_plan *plan = product(ctx, types[t]);
            if (built)
                assert_int_equal(einc_plan_tier(plan), EINC_TIER_BUILTIN);
            check(plan, types[t]);
            einc_plan_free(plan);
        }
        einc_ctx_free(ctx);
    }
    unsetenv("EINC_ISA");
    assert_true(ran > 0);
}

/* --- the environment ---------------------------------------------------- */

/* A value that means nothing gets one line, and counts for nothing. */
static void
test_wrong_words(void **state)
{
    (void)state;
    static const char *const names[] = {"EINC_TIER", "EINC_ISA"};
    for (int k = 0; k < 2; k++) {
        struct lines lines = {0};
        setenv(names[k], "fastest", 1);
        struct einc_ctx *ctx = open_ctx(EINC_TIER_AUTO, NULL, &lines);
        unsetenv(names[k]);
        assert_int_equal(lines.n, 1);
        assert_non_null(strstr(lines.last, names[k]));
        assert_non_null(strstr(lines.last, "fastest"));
        assert_int_equal(ctx->tier, EINC_TIER_AUTO);
        einc_ctx_free(ctx);
    }
}

static void
test_right_words(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        enum einc_tier tier;
    } rows[] = {{"", EINC_TIER_AUTO}, {"auto", EINC_TIER_AUTO},
                {"interp", EINC_TIER_INTERP}, {"cc", EINC_TIER_CC},
                {"builtin", EINC_TIER_BUILTIN}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct lines lines = {0};
        setenv("EINC_TIER", rows[r].word, 1);
        struct einc_ctx *ctx = open_ctx(EINC_TIER_AUTO, NULL, &lines);
        assert_int_equal(ctx->tier, rows[r].tier);
        assert_int_equal(lines.n, 0);
        einc_ctx_free(ctx);
    }
    unsetenv("EINC_TIER");
}

/* --- neither compiler nor cache ----------------------------------------- */

/* What is built in answers as if nothing were missing; a demand for more is
 * refused. */
static void
test_nothing_there(void **state)
{
    (void)state;
    struct lines lines = {0};
    struct einc_ctx *ctx = open_ctx(EINC_TIER_AUTO, "/nowhere/cc", &lines);
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        struct einc_plan *plan = product(ctx, types[t]);
        if (ctx->builtin->n)
            assert_int_equal(einc_plan_tier(plan), EINC_TIER_BUILTIN);
        check(plan, types[t]);
        einc_plan_free(plan);
    }
    assert_int_equal(lines.n, 0);
    einc_ctx_free(ctx);
}

/* A step that no built-in kernel can do is interpreted. */
static void
test_none_for_it(void **state)
{
    (void)state;
    struct einc_ctx *ctx = open_ctx(EINC_TIER_BUILTIN, NULL, NULL);
    struct einc_plan *plan = product(ctx, EINC_I32);
    assert_int_equal(einc_plan_tier(plan), EINC_TIER_INTERP);
    check(plan, EINC_I32);
    einc_plan_free(plan);
    einc_ctx_free(ctx);
}

/* Each step its own: one interpreted, one built in. */
static void
test_mixed_steps(void **state)
{
    (void)state;
    static const int64_t shape[2] = {N, N};
    const struct einc_layout x = {sizeof x, EINC_F32, 2, 0, shape, NULL};
    const struct einc_layout in[3] = {x, x, x};
    struct einc_options o = {.size = sizeof o, .path = "dp"};
    struct einc_ctx *ctx = open_ctx(EINC_TIER_BUILTIN, NULL, NULL);
    struct einc_plan *plan = NULL;
    assert_int_equal(einc_compile(ctx, "ij,jk,kl->il", 3, in, NULL, &o, &plan,
                                  NULL), EINC_OK);
    assert_int_equal(plan->plan->n_steps, 2);
    plan->calls[0] = NULL; /* as if there were none */
    float *a = test_calloc(N * N, sizeof *a);
    float *got = test_calloc(N * N, sizeof *a);
    float *want = test_calloc(N * N, sizeof *a);
    for (int j = 0; j < N * N; j++)
        a[j] = (float)(7 * j % 5 - 2);
    const void *const data[3] = {a, a, a};
    assert_int_equal(einc_run(plan, data, got, NULL, NULL), EINC_OK);
    assert_int_equal(einc_reference(plan, data, want, NULL, NULL), EINC_OK);
    assert_memory_equal(got, want, N * N * sizeof *a);
    if (ctx->builtin->n)
        assert_int_equal(einc_plan_tier(plan), EINC_TIER_BUILTIN);
    test_free(a);
    test_free(got);
    test_free(want);
    einc_plan_free(plan);
    einc_ctx_free(ctx);
}

/* --- small products ----------------------------------------------------- */

/* The short way of einc_run(): every type and size, out of place and with the
 * output over an input, bit for bit as the oracle. */
static void
check_small(struct einc_ctx *ctx, const char *expr, enum einc_dtype type,
            int64_t n)
{
    enum { MOST = 8 * 8 * 16 };
    const int64_t shape[2] = {n, n}, turned[2] = {1, n};
    const struct einc_layout a = {sizeof a, (int32_t)type, 2, 0, shape, NULL};
    const struct einc_layout b = {sizeof b, (int32_t)type, 2, 0, shape,
                                  turned};
    const struct einc_layout in[2] = {a, b};
    struct einc_plan *plan;
    assert_int_equal(einc_compile(ctx, expr, 2, in, NULL, NULL, &plan, NULL),
                     EINC_OK);
    assert_int_equal(einc_plan_tier(plan), EINC_TIER_BUILTIN);
    assert_true(plan->quick);
    char x[2 * MOST], got[2 * MOST], want[MOST] = {0};
    size_t bytes = (size_t)(n * n) * einc_dtype_bytes(type);
    for (int j = 0; j < 2 * 8 * 8; j++)
        if (type == EINC_F32 || type == EINC_C64)
            ((float *)(void *)x)[j] = (float)(7 * j % 5 - 2);
        else
            ((double *)(void *)x)[j] = 7 * j % 5 - 2;
    const void *const data[2] = {x, x};
    assert_int_equal(einc_reference(plan, data, want, NULL, NULL), EINC_OK);
    assert_int_equal(einc_run(plan, data, got, NULL, NULL), EINC_OK);
    assert_memory_equal(got, want, bytes);
    assert_int_equal(einc_run(plan, data, x, NULL, NULL), EINC_OK);
    assert_memory_equal(x, want, bytes);
    const void *const none[2] = {x, NULL};
    assert_int_equal(einc_run(plan, none, got, NULL, NULL), EINC_EINVAL);
    assert_int_equal(einc_run(plan, NULL, got, NULL, NULL), EINC_EINVAL);
    assert_int_equal(einc_run(plan, data, NULL, NULL, NULL), EINC_EINVAL);
    einc_plan_free(plan);
}

static void
test_small(void **state)
{
    (void)state;
    static const char *const exprs[] = {"ij,jk->ik", "jk,ij->ik", "ij,jk->ki",
                                        "ij,kj->ik"};
    struct einc_ctx *ctx = open_ctx(EINC_TIER_AUTO, "/nowhere/cc", NULL);
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int64_t n = 1; n <= 5; n++)
            for (int e = 0; e < 4; e++)
                check_small(ctx, exprs[e], types[t], n);
    einc_ctx_free(ctx);
}

/* --- what the disk does not have ----------------------------------------- */

static struct einc_ctx *
open_at(const char *place, enum einc_tier tier)
{
    struct einc_config c = {.size = sizeof c, .threads = 1,
                            .cache_dir = place, .tier = (int32_t)tier};
    struct einc_ctx *ctx;
    assert_int_equal(einc_ctx_create(&c, &ctx, NULL), EINC_OK);
    return ctx;
}

/* Many small products, for which a kernel of their own is modelled to be
 * faster than the built-in one. */
static struct einc_plan *
batch(struct einc_ctx *ctx, enum einc_tier tier)
{
    static const int64_t shape[3] = {4096, 8, 8};
    const struct einc_layout x = {sizeof x, EINC_F32, 3, 0, shape, NULL};
    const struct einc_layout in[2] = {x, x};
    const struct einc_options o = {.size = sizeof o, .tier = (int32_t)tier};
    struct einc_plan *plan = NULL;
    assert_int_equal(einc_compile(ctx, "bij,bjk->bik", 2, in, NULL, &o, &plan,
                                  NULL), EINC_OK);
    return plan;
}

static int
n_absent(const struct einc_ctx *ctx)
{
    int n = 0;
    for (int s = 0; s < ABSENT_SLOTS; s++)
        n += ctx->absent[s] != 0;
    return n;
}

/* A miss is remembered until the kernel is there; then it is taken, by this
 * context and by the next one. */
static void
test_absent(void **state)
{
    (void)state;
    char place[64];
    make_place(place);
    struct einc_ctx *ctx = open_at(place, EINC_TIER_AUTO);
    int built = ctx->builtin->n > 0;
    for (int round = 0; round < 2; round++) {
        struct einc_plan *plan = batch(ctx, EINC_TIER_AUTO);
        assert_int_equal(einc_plan_tier(plan),
                         built ? EINC_TIER_BUILTIN : EINC_TIER_INTERP);
        assert_int_equal(n_absent(ctx), built ? 1 : 2);
        einc_plan_free(plan);
    }
    einc_plan_free(batch(ctx, EINC_TIER_CC));
    assert_int_equal(n_absent(ctx), built ? 0 : 1);
    for (int round = 0; round < 2; round++) {
        struct einc_plan *plan = batch(ctx, EINC_TIER_AUTO);
        assert_int_equal(einc_plan_tier(plan), EINC_TIER_CC);
        einc_plan_free(plan);
        einc_ctx_free(ctx);
        ctx = open_at(place, EINC_TIER_AUTO);
    }
    einc_ctx_free(ctx);
    remove_place(place);
}

/* --- what is worth a compiler -------------------------------------------- */

/* A kernel for a shape alone is compiled in the call where that saves
 * milliseconds of each; three operands become one step only then. */
static void
test_worth(void **state)
{
    (void)state;
    enum { MOST_IN = 3, MOST_DIMS = 4 };
    static const struct {
        const char *expr;
        int64_t shape[MOST_IN][MOST_DIMS];
        int n_dims, n_in, is_compiled, n_steps;
    } rows[] = {
        {"ijkl,jmik,jmil->jm",
         {{400, 600, 3, 3}, {600, 6, 400, 3}, {600, 6, 400, 3}}, 4, 3, 1, 1},
        {"ijkl,jmik,jmil->jm",
         {{40, 600, 3, 3}, {600, 6, 40, 3}, {600, 6, 40, 3}}, 4, 3, 0, 2},
        {"ijb,jkb->ikb", {{6, 6, 1 << 20}, {6, 6, 1 << 20}}, 3, 2, 1, 1},
        {"ijb,jkb->ikb", {{6, 6, 1 << 14}, {6, 6, 1 << 14}}, 3, 2, 0, 1},
        /* as fast as it may be */
        {"ij,jk->ik", {{1 << 11, 1 << 11}, {1 << 11, 1 << 11}}, 2, 2, 0, 1},
    };
    struct einc_ctx *ctx = open_ctx(EINC_TIER_AUTO, NULL, NULL);
    for (size_t r = 0; ctx->builtin->n && r < sizeof rows / sizeof *rows;
         r++) {
        struct einc_layout in[MOST_IN];
        struct einc_plan *plan = NULL;
        for (int o = 0; o < rows[r].n_in; o++)
            in[o] = (struct einc_layout){sizeof *in, EINC_F32, rows[r].n_dims,
                                         0, rows[r].shape[o], NULL};
        assert_int_equal(einc_compile(ctx, rows[r].expr,
                                      (size_t)rows[r].n_in, in, NULL, NULL,
                                      &plan, NULL), EINC_OK);
        if (plan->plan->n_steps != rows[r].n_steps ||
            (einc_plan_tier(plan) == EINC_TIER_CC) != rows[r].is_compiled)
            fail_msg("row %d: %d steps, tier %d", (int)r,
                     plan->plan->n_steps, (int)einc_plan_tier(plan));
        einc_plan_free(plan);
    }
    einc_ctx_free(ctx);
}

int
main(void)
{
    static const char *const unwanted[] = {"EINC_TIER", "EINC_ISA",
                                           "EINC_CC", "CC"};
    for (size_t k = 0; k < sizeof unwanted / sizeof *unwanted; k++)
        unsetenv(unwanted[k]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_wrong_words),
        cmocka_unit_test(test_right_words),
        cmocka_unit_test(test_nothing_there),
        cmocka_unit_test(test_none_for_it),
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_mixed_steps),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_worth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

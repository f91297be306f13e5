/* SPDX-License-Identifier: MIT
 *
 * test_plan.c - whole plans: thousands of random einsums run against the
 * formula as written, one plan for every spelling, and the named cases.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planned.h"

static const struct plan *
build(struct planned *x, const char *expression, const char *tensors)
{
    planned_open(x, expression, tensors);
    if (planned_build(x) != EINC_OK)
        fail_msg("%s: %s", expression, front_report(&x->f));
    planned_check(x->plan);
    return x->plan;
}

static uint64_t
hash_of(const char *expression, const char *tensors)
{
    struct planned x;
    uint64_t hash = build(&x, expression, tensors)->hash;
    planned_close(&x);
    return hash;
}

/* --- random einsums ----------------------------------------------------- */

static int n_of_kind[3];

static void
run_random(uint64_t seed, const char *path)
{
    struct planned x;
    planned_random_open(&x, seed, 7);
    x.options.path = str_of(path);
    enum einc_status status = planned_build(&x);
    if (status == EINC_OK) {
        planned_check(x.plan);
        for (int i = 0; i < x.plan->n_steps; i++)
            n_of_kind[x.plan->steps[i].kind]++;
        if (!planned_is_right(x.plan, seed))
            fail_msg("seed %llu, %s: %s\n%s", (unsigned long long)seed, path,
                     x.source, planned_print(&x, einc_plan_print));
    } else {
        fail_msg("seed %llu: %s\n%s", (unsigned long long)seed, x.source,
                 front_report(&x.f));
    }
    planned_close(&x);
}

static void
test_random(void **state)
{
    (void)state;
    char path[32];
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        run_random(seed, "auto");
        snprintf(path, sizeof path, "random:%d", (int)seed);
        run_random(seed, path);
        if (seed % 3 == 0)
            run_random(seed, "greedy");
    }
    assert_true(n_of_kind[STEP_CONTRACT] > 100);
    assert_true(n_of_kind[STEP_REDUCE] > 200);
    assert_true(n_of_kind[STEP_COPY] > 100);
}

/* --- one contraction, many spellings ------------------------------------ */

static void
test_broadcast_batch(void **state)
{
    (void)state;
    struct planned x;
    const struct plan *p =
        build(&x, "bld,lrd->blr", "f32 8x2048x64, f32 2048x2048x64");
    assert_int_equal(p->n_steps, 1);
    assert_int_equal(p->steps[0].kind, STEP_CONTRACT);
    assert_int_equal(p->steps[0].b.extent, 2048);
    assert_int_equal(p->steps[0].m.extent, 8);
    assert_int_equal(p->steps[0].n.extent, 2048);
    assert_int_equal(p->steps[0].k.extent, 64);
    assert_int_equal(p->temporary_bytes, 0);
    uint64_t hash = p->hash;
    planned_close(&x);
    assert_int_equal(hash, hash_of("lrd,bld->blr",
                                   "f32 2048x2048x64, f32 8x2048x64"));
    assert_int_equal(hash, hash_of("bld,blrd->blr",
                                   "f32 8x2048x64, "
                                   "f32 8x2048x2048x64 @0:131072:64:1"));
    assert_int_equal(hash, hash_of("bld,blrd->blr",
                                   "f32 8x2048x64, f32 1x2048x2048x64"));
    assert_int_equal(hash, hash_of("xyz,yvz->xyv",
                                   "f32 8x2048x64, f32 2048x2048x64"));
    /* other mathematics: another type, size, layout, output */
    assert_true(hash != hash_of("bld,lrd->blr",
                                "f64 8x2048x64, f64 2048x2048x64"));
    assert_true(hash != hash_of("bld,lrd->blr",
                                "f32 8x2048x63, f32 2048x2048x63"));
    assert_true(hash != hash_of("bld,lrd->blr",
                                "f32 8x2048x64, "
                                "f32 2048x2048x64 @64:131072:1"));
    assert_true(hash != hash_of("bld,lrd->lbr",
                                "f32 8x2048x64, f32 2048x2048x64"));
}

/* x 4096x4096 times y 192x4096 as a product of matrices, as matmul of an
 * expanded x, as bmm: one GEMM. */
static void
test_expanded_matmul(void **state)
{
    (void)state;
    struct planned x;
    const struct plan *p =
        build(&x, "ik,bk->bi", "f32 4096x4096, f32 192x4096");
    assert_int_equal(p->n_steps, 1);
    assert_int_equal(p->steps[0].kind, STEP_CONTRACT);
    assert_int_equal(p->steps[0].b.n, 0);
    assert_int_equal(p->steps[0].m.extent, 192);
    assert_int_equal(p->steps[0].n.extent, 4096);
    assert_int_equal(p->temporary_bytes, 0);
    uint64_t hash = p->hash;
    planned_close(&x);
    assert_int_equal(hash, hash_of("bik,bkz->biz",
                                   "f32 192x4096x4096 @0:4096:1, "
                                   "f32 192x4096x1"));
    assert_int_equal(hash, hash_of("bkz,bik->biz",
                                   "f32 192x4096x1 @4096:1:1, "
                                   "f32 192x4096x4096 @0:4096:1"));
    assert_int_equal(hash, hash_of("...ik,...kz->...iz",
                                   "f32 4096x4096, f32 192x4096x1"));
}

static void
test_no_copy_of_broadcast(void **state)
{
    (void)state;
    struct planned x;
    const struct plan *p =
        build(&x, "abc,bce->abe", "f32 4096x256x100, f32 256x100x100");
    assert_int_equal(p->n_steps, 1);
    assert_int_equal(p->steps[0].kind, STEP_CONTRACT);
    assert_int_equal(p->steps[0].b.extent, 256);
    assert_int_equal(p->temporary_bytes, 0);
    assert_int_equal(p->read_bytes, 4u * (4096 * 256 * 100 + 256 * 100 * 100));
    planned_close(&x);
}

/* Alike parts: which operand goes with which has to be found out. */
static void
test_alike_parts(void **state)
{
    (void)state;
    const char *a = "f32 3x4", *b = "f32 4x5";
    char t[4][100];
    const char *const order[4] = {"abab", "aabb", "baab", "bbaa"};
    for (int i = 0; i < 4; i++) {
        t[i][0] = 0;
        for (const char *p = order[i]; *p; p++) {
            strcat(t[i], t[i][0] ? ", " : "");
            strcat(t[i], *p == 'a' ? a : b);
        }
    }
    uint64_t hash = hash_of("ab,bc,de,ef->", t[0]);
    assert_int_equal(hash, hash_of("ab,de,bc,ef->", t[1]));
    assert_int_equal(hash, hash_of("ab,de,ef,bc->", t[1]));
    assert_int_equal(hash, hash_of("bc,de,ab,ef->", t[2]));
    assert_int_equal(hash, hash_of("ef,bc,ab,de->", t[3]));
}

/* tr(AB) * tr(CDE): every operand and every index looks like every other to
 * its neighbours; only how many there are tells the two parts apart. */
static void
test_alike_rings(void **state)
{
    (void)state;
    const char *m = "f32 3x3, f32 3x3, f32 3x3, f32 3x3, f32 3x3";
    uint64_t hash = hash_of("ab,ba,cd,de,ec->", m);
    assert_int_equal(hash, hash_of("cd,de,ec,ab,ba->", m));
    assert_int_equal(hash, hash_of("cd,ab,ec,ba,de->", m));
    assert_int_equal(hash, hash_of("ab,dc,ba,ed,ce->", m));
    assert_int_not_equal(hash, hash_of("ab,bc,cd,de,ea->", m));
}

/* Operands in any order, under any names: the same plan. */
static void
test_hash_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct planned x, y;
        uint64_t s = seed;
        int order[PLANNED_IN], n = 0;
        planned_random_open(&x, seed, 7);
        assert_int_equal(planned_build(&x), EINC_OK);
        planned_open(&y, "", "");
        y.n_in = x.n_in;
        for (int i = 0; i < x.n_in; i++)
            order[i] = i;
        for (int i = x.n_in - 1; i > 0; i--) {
            int k = (int)planned_random(&s, (unsigned)i + 1), o = order[i];
            order[i] = order[k];
            order[k] = o;
        }
        for (int i = 0; i < x.n_in; i++) {
            const char *term = x.source;
            for (int k = 0; k < order[i]; k++)
                term = strchr(term, ',') + 1;
            for (; *term >= 'a'; term++)
                y.source[n++] = (char)('A' + 'g' - *term);
            y.source[n++] = i + 1 < x.n_in ? ',' : '-';
            y.in[i] = x.in[order[i]];
            y.in[i].layout.shape = y.in[i].shape;
            if (y.in[i].layout.stride)
                y.in[i].layout.stride = y.in[i].stride;
        }
        y.source[n++] = '>';
        for (const char *p = strchr(x.source, '>') + 1; *p; p++)
            y.source[n++] = (char)('A' + 'g' - *p);
        assert_int_equal(planned_build(&y), EINC_OK);
        if (x.plan->hash != y.plan->hash)
            fail_msg("seed %llu\n%s%s", (unsigned long long)seed,
                     planned_print(&x, einc_plan_print),
                     planned_print(&y, einc_plan_print));
        planned_close(&x);
        planned_close(&y);
    }
}

/* --- named plans -------------------------------------------------------- */

static void
test_one_pass(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *tensors;
        enum step_kind kind;
        int n_in;
    } one_step[] = {
        {"i,i,i->", "f32 8, f32 8, f32 8", STEP_REDUCE, 3},
        {"ij,ij,ij->i", "f32 4x5, f32 4x5, f32 4x5", STEP_REDUCE, 3},
        {"i,j,k->ijk", "f32 4, f32 5, f32 6", STEP_REDUCE, 3},
        {"nc,nc->n", "f32 1048576x2, f32 1048576x2", STEP_REDUCE, 2},
        {"ij,j->i", "f32 4096x4096, f32 4096", STEP_REDUCE, 2},
        {"ijk,k->i", "f32 100x100x100, f32 100", STEP_REDUCE, 2},
        {"bij,bjk->bik", "f32 9999x2x2, f32 9999x2x2", STEP_REDUCE, 2},
        {"ijz,jkz->ikz", "f32 3x4x1000, f32 4x5x1000", STEP_REDUCE, 2},
        {"ij,jk->ik", "f32 512x512, f32 512x512", STEP_CONTRACT, 2},
        {"ijz,jkz->ikz", "f32 256x256x8, f32 256x256x8", STEP_CONTRACT, 2},
        {"ij->ji", "f32 30x40", STEP_COPY, 1},
        {"ii->i", "f32 30x30", STEP_COPY, 1},
        {"ii->", "f32 30x30", STEP_REDUCE, 1},
        {"->", "f32", STEP_COPY, 1},
        {",->", "f32, f32", STEP_REDUCE, 2},
    };
    for (size_t i = 0; i < sizeof one_step / sizeof *one_step; i++) {
        struct planned x;
        const struct plan *p =
            build(&x, one_step[i].expression, one_step[i].tensors);
        if (p->n_steps != 1 || p->steps[0].kind != one_step[i].kind ||
            p->steps[0].n_in != one_step[i].n_in || p->temporary_bytes)
            fail_msg("%s", planned_print(&x, einc_plan_print));
        planned_close(&x);
    }
}

/* Long products are made in parts of MAX_STEP_IN. */
static void
test_long_products(void **state)
{
    (void)state;
    char path[32];
    for (int seed = 0; seed < 60; seed++) {
        struct planned x;
        planned_open(&x, "", "");
        x.n_in = 16;
        snprintf(path, sizeof path, seed ? "random:%d" : "greedy", seed);
        x.options.path = str_of(path);
        strcpy(x.source, "ij,ij,ij,ij,ij,ij,ij,ij,ij,ij,ij,ij,ij,ij,ij,ij->");
        strcat(x.source, seed % 3 == 0 ? "" : seed % 3 == 1 ? "j" : "ij");
        for (int i = 0; i < 16; i++)
            planned_tensor(&x.in[i], "i64 3x2");
        assert_int_equal(planned_build(&x), EINC_OK);
        planned_check(x.plan);
        assert_true(planned_is_right(x.plan, 1));
        assert_true(x.plan->n_steps >= 3 && x.plan->n_steps <= 15);
        planned_close(&x);
    }
}

/* Lone indices are summed before a contraction, but not in a pass of their
 * own where the step streams over the operand anyway. */
static void
test_lone(void **state)
{
    (void)state;
    struct planned x;
    const struct plan *p = build(&x, "abz,bc->ac", "f32 99x99x7, f32 99x99");
    assert_int_equal(p->n_steps, 2);
    assert_int_equal(p->steps[0].kind, STEP_REDUCE);
    assert_int_equal(p->steps[0].k.extent, 7);
    assert_int_equal(p->steps[1].kind, STEP_CONTRACT);
    planned_close(&x);
    p = build(&x, "i,j->", "f32 1000, f32 1000");
    assert_true(p->flop < 5000);
    planned_close(&x);
    p = build(&x, "ij,k->ik", "f32 100x100, f32 100");
    assert_true(p->flop < 100 * 100 * 4);
    planned_close(&x);
}

/* An output index that nobody holds: the sum is made once and copied. */
static void
test_broadcast_output(void **state)
{
    (void)state;
    struct planned x;
    const struct plan *p = build(&x, "abi,bj->abij",
                                 "f32 7x5x1 @0:1:1, f32 5x6");
    assert_int_equal(p->n_steps, 1);
    planned_close(&x);
    p = build(&x, "zij,jk->zik", "f32 50x40x40 @0:40:1, f32 40x40");
    assert_int_equal(p->n_steps, 2);
    assert_int_equal(p->steps[0].kind, STEP_CONTRACT);
    assert_int_equal(p->steps[1].kind, STEP_COPY);
    assert_int_equal(p->flop, 2 * 40 * 40 * 40);
    planned_close(&x);
    p = build(&x, "zi->z", "f32 50x40 @0:1");
    assert_int_equal(p->n_steps, 2);
    assert_int_equal(p->flop, 40);
    planned_close(&x);
}

static void
test_empty(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"ij,jk->ik", "f32 2x0, f32 0x3"}, {"ij->i", "f32 0x3"},
        {"i,i,i->", "f32 0, f32 0, f32 0"}, {"i,j->ij", "f32 0, f32 3"},
        {"ij,jk,kl->il", "f32 2x3, f32 3x0, f32 0x4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct planned x;
        const struct plan *p = build(&x, cases[i][0], cases[i][1]);
        assert_int_equal(p->n_steps, 1);
        assert_int_equal(p->steps[0].kind, STEP_REDUCE);
        assert_true(p->steps[0].b.extent == 0 || p->steps[0].k.extent == 0);
        assert_int_equal(p->flop, 0);
        assert_int_equal(p->temporary_bytes, 0);
        planned_close(&x);
    }
}

static void
test_factor(void **state)
{
    (void)state;
    struct planned x;
    const struct plan *p = build(&x, "ij->", "f32 2x3 @0:0");
    assert_int_equal(p->steps[0].factor, 6);
    assert_true(p->error_terms >= 3);
    planned_close(&x);
    p = build(&x, "ij->", "bool 2x3 @0:0"); /* or of equal terms */
    assert_int_equal(p->steps[0].factor, 1);
    planned_close(&x);
    p = build(&x, "ij,k->i", "f32 4x5, f32 7 @0");
    assert_int_equal(p->steps[p->n_steps - 1].factor, 7);
    planned_close(&x);
}

/* D: terms of each sum, products, conversions, alpha. */
static void
test_error_terms(void **state)
{
    (void)state;
    struct planned x;
    const struct plan *p = build(&x, "ij,jk->ik", "f32 4x100, f32 100x4");
    assert_true(p->error_terms == 100 + 1 + 1);
    planned_close(&x);
    p = build(&x, "ij,jk->ik", "f32 4x100, i8 100x4");
    assert_true(p->error_terms == 100 + 1 + 1 + 1);
    planned_close(&x);
    p = build(&x, "ij,jk->ik", "c64 4x100, c64 100x4");
    assert_true(p->error_terms == 100 + 3 + 1);
    planned_close(&x);
    p = build(&x, "ij,jk,kl->il", "f32 64x64, f32 64x64, f32 64x64");
    assert_true(p->error_terms == 64 + 64 + 2 + 1);
    planned_close(&x);
}

/* --- what fails --------------------------------------------------------- */

static void
expect_failure(struct planned *x, enum einc_status status, const char *code,
               const char *message)
{
    assert_int_equal(planned_build(x), status);
    assert_int_equal(x->f.cx.n_diags, 1);
    assert_string_equal(x->f.cx.diags[0].code, code);
    assert_string_equal(x->f.cx.diags[0].message, message);
}

static void
test_memory_limit(void **state)
{
    (void)state;
    struct planned x;
    planned_open(&x, "bij,bjk,kl->bil",
                 "f32 8x64x128, f32 8x128x64, f32 64x32");
    x.options.memory_limit_bytes = 131072;
    assert_int_equal(planned_build(&x), EINC_OK);
    x.options.memory_limit_bytes = 131071;
    expect_failure(&x, EINC_ENOMEM, "E803",
                   "the intermediates need 131072 bytes, the memory limit is "
                   "131071 bytes");
    planned_close(&x);
}

static void
test_limits(void **state)
{
    (void)state;
    struct planned x;
    planned_open(&x, "a,b,ab->", "f32 4000000000 @0, f32 4000000000 @0, "
                                 "f32 4000000000x4000000000 @0:0");
    expect_failure(&x, EINC_ELIMIT, "E804",
                   "operand 2 (4000000000x4000000000 of f32) has more bytes "
                   "than fit in 63 bits");
    planned_close(&x);
    planned_open(&x, "a,b->", "f32 1000000000000000000 @0, "
                              "f32 1000000000000000000 @0");
    expect_failure(&x, EINC_ELIMIT, "E814",
                   "the sum repeats one term more than 2^63 times");
    planned_close(&x);
    planned_open(&x, "ab,cd,bd->ac",
                 "f32 3000000000x2, f32 4000000000x2, f32 2x2");
    x.options.path = str_of("greedy");
    assert_int_equal(planned_build(&x), EINC_ELIMIT);
    planned_close(&x);
}

/* Any size of memory ends in success or EINC_ENOMEM. */
static void
test_memory_sizes(void **state)
{
    (void)state;
    struct planned x;
    int ok = 0, out = 0;
    planned_open(&x, "bij,bjk,kl,lz->bil",
                 "f32 8x64x128, f32 8x128x64, f32 64x32, f32 32x4");
    front_close(&x.f);
    for (size_t bytes = 0; bytes < 40000; bytes += 63) {
        front_open(&x.f, bytes);
        enum einc_status status = planned_build(&x);
        assert_true(status == EINC_OK || status == EINC_ENOMEM);
        ok += status == EINC_OK;
        out += status == EINC_ENOMEM;
        front_close(&x.f);
    }
    assert_true(ok > 10 && out > 10);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_broadcast_batch),
        cmocka_unit_test(test_expanded_matmul),
        cmocka_unit_test(test_no_copy_of_broadcast),
        cmocka_unit_test(test_alike_parts),
        cmocka_unit_test(test_alike_rings),
        cmocka_unit_test(test_hash_random),
        cmocka_unit_test(test_one_pass),
        cmocka_unit_test(test_long_products),
        cmocka_unit_test(test_lone),
        cmocka_unit_test(test_broadcast_output),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_factor),
        cmocka_unit_test(test_error_terms),
        cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_memory_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

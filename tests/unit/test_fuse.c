/* SPDX-License-Identifier: MIT
 *
 * test_fuse.c - which steps become one, and that nothing explodes by it; the
 * choice of loops and blocks for nested sums.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "plan/fuse.h"
#include "plan/nested.h"
#include "planned.h"

enum { LOOK = 1 << 17 };

static int
count_steps(struct planned *x, const char *expression, const char *tensors,
            uint64_t fuse_flop, const char *path)
{
    planned_open(x, expression, tensors);
    x->options.fuse.from_flop = fuse_flop;
    x->options.path = str_of(path);
    if (planned_build(x))
        fail_msg("%s: %s", expression, front_report(&x->f));
    planned_check(x->plan);
    return x->plan->n_steps;
}

/* --- which -------------------------------------------------------------- */

#define WEIGHTED_F32 "ki,k,kj->ij", "f32 512x512, f32 512, f32 512x512"
#define MTTKRP "ijk,jr,kr->ir", "f32 256x256x256, f32 256x8, f32 256x8"

static void
test_fused(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *tensors;
        int steps;
    } cases[] = {
        {MTTKRP, 1},
        {"ijk,ir,kr->jr", "f32 256x256x256, f32 256x8, f32 256x8", 1},
        {"ijk,jr,kr->ir", "f64 256x256x256, f64 256x8, f64 256x8", 1},
        {"ijkl,jmik,jmil->jm",
         "f32 400x6x600x3, f32 6x3x400x600, f32 6x3x400x3", 1},
        {"i,ij,j->", "f32 4000, f32 4000x4000, f32 4000", 1},
        /* four operands, two merges */
        {"ijkl,jr,kr,lr->ir",
         "f32 64x64x64x64, f32 64x8, f32 64x8, f32 64x8", 1},
        /* a chain would have more points than either of its steps */
        {"ij,jk,kl->il", "f32 256x256, f32 256x256, f32 256x256", 2},
        {"i,ij,jk,k->", "f32 512, f32 512x512, f32 512x512, f32 512", 2},
        /* no kernel nests sums of these */
        {"ijk,jr,kr->ir", "c64 256x256x256, c64 256x8, c64 256x8", 2},
        {"ijk,jr,kr->ir", "bool 256x256x256, bool 256x8, bool 256x8", 2},
        {"ijk,jr,kr->ir", "f16 256x256x256, f16 256x8, f16 256x8", 2},
        /* too small */
        {"ijk,jr,kr->ir", "f32 8x8x8, f32 8x8, f32 8x8", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct planned x;
        int n = count_steps(&x, cases[i].expression, cases[i].tensors, LOOK,
                            "auto");
        if (n != cases[i].steps)
            fail_msg("%s of %s: %d steps, not %d", cases[i].expression,
                     cases[i].tensors, n, cases[i].steps);
        planned_close(&x);
    }
}

/* Where a merged step is compiled only if that pays: what it saves of what
 * built-in kernels take, not its size. */
static void
test_saves(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *tensors;
        int64_t saves_ns;
        int steps;
    } cases[] = {
        {MTTKRP, 4000000, 1},
        {MTTKRP, 40000000, 2},
        {"ijk,jr,kr->ir", "f32 128x128x128, f32 128x8, f32 128x8", 4000000,
         2},
        {"ijk,jr,kr->ir", "f32 128x128x128, f32 128x8, f32 128x8", 400000,
         1},
        /* many short runs */
        {"ijkl,jmik,jmil->jm",
         "f32 400x600x3x3, f32 600x6x400x3, f32 600x6x400x3", 4000000, 1},
        /* the pair is as fast, however long it takes */
        {"bi,ij,bj->b", "f32 65536x256, f32 256x256, f32 65536x256", 4000000,
         2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct planned x;
        planned_open(&x, cases[i].expression, cases[i].tensors);
        x.options.fuse = (struct fuse_rule){1 << 27, cases[i].saves_ns};
        x.options.path = str_of("auto");
        assert_int_equal(planned_build(&x), EINC_OK);
        if (x.plan->n_steps != cases[i].steps)
            fail_msg("case %d: %d steps, not %d", (int)i, x.plan->n_steps,
                     cases[i].steps);
        planned_close(&x);
    }
}

/* Which products are made while an operand is packed: the steps that are left,
 * and the size of what multiplies. */
static void
test_weighted(void **state)
{
    (void)state;
    enum { NEVER = 0 };
#define L "1024x1024"
    static const struct {
        const char *expression, *tensors;
        uint64_t least;
        int steps;
    } cases[] = {
        {"ki,k,kj->ij", "f32 " L ", f32 1024, f32 " L, NEVER, 1},
        {"ki,k,kj->ij", "f32 " L ", f32 1024, f32 " L, LOOK, 1},
        {"ki,k,kj->ij", "c128 " L ", c128 1024, c128 " L, NEVER, 1},
        {"ki,k,kj->ij", "f64 64x64, f64 64, f64 64x64", NEVER, 1},
        {"i,ij,jk->ik", "f32 1024, f32 " L ", f32 " L, NEVER, 1},
        {"bgk,bkd,bk->bgd", "f32 8x64x64, f32 8x64x64, f32 8x64", NEVER, 1},
        {"ki,ki,kj->ij", "f32 " L ", f32 " L ", f32 " L, NEVER, 1},
        /* a factor of the result is one of an operand, or it is not */
        {"ki,kj,j->ij", "f32 256x512, f32 256x512, f32 512", NEVER, 1},
        {"ki,kj,ij->ij", "f32 256x512, f32 256x512, f32 512x512", NEVER, 2},
        /* a small result is scaled in less time than a large operand */
        {"ki,kj,j->ij", "f32 4096x128, f32 4096x128, f32 128", NEVER, 2},
        /* what is built in knows four types, stored as they are */
        {"ki,k,kj->ij", "i32 " L ", i32 1024, i32 " L, NEVER, 2},
        {"ki,k,kj->ij", "i32 " L ", i32 1024, i32 " L, LOOK, 1},
        {"ki,k,kj->ij", "f16 " L ", f16 1024, f16 " L, NEVER, 2},
        {"ki,k,kj->ij", "f16 " L ", f16 1024, f16 " L, LOOK, 1},
        /* and a weight is stored as what it multiplies */
        {"ki,k,kj->ij", "f32 " L ", f16 1024, f32 " L, LOOK, 2},
        /* of two weights the product is made, if it is small */
        {"ki,k,kj,k->ij", "f32 " L ", f32 1024, f32 " L ", f32 1024", NEVER,
         2},
        {"ki,k,kj,j->ij", "f32 " L ", f32 1024, f32 " L ", f32 1024", NEVER,
         2},
        /* no product of matrices, or one too small for packing */
        {"ki,ki,k->i", "f32 " L ", f32 " L ", f32 1024", NEVER, 1},
        {"ki,k,kj->ij", "f32 4x4, f32 4, f32 4x4", NEVER, 2},
    };
#undef L
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct planned x;
        int n = count_steps(&x, cases[i].expression, cases[i].tensors,
                            cases[i].least, "auto");
        if (n != cases[i].steps)
            fail_msg("%s of %s: %d steps, not %d", cases[i].expression,
                     cases[i].tensors, n, cases[i].steps);
        planned_close(&x);
    }
}

/* What a weight multiplies has its indices and is the smaller of two. */
static void
test_side(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *tensors;
        int weighed;
    } cases[] = {
        {"ki,k,kj->ij", "f32 512x256, f32 512, f32 512x300", 0},
        {"ki,k,kj->ij", "f32 512x300, f32 512, f32 512x256", 1},
        {"ki,kj,i->ij", "f32 512x300, f32 512x256, f32 300", 0},
        {"ki,kj,j->ij", "f32 512x256, f32 512x300, f32 300", 1},
        {"ki,kj,i->ji", "f32 512x256, f32 512x300, f32 256", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct planned x;
        count_steps(&x, cases[i].expression, cases[i].tensors, 0, "auto");
        const struct step *s = &x.plan->steps[0];
        assert_int_equal(s->n_in, 3);
        assert_int_equal(s->weighed, cases[i].weighed);
        assert_int_equal(x.plan->temporary_bytes, 0);
        /* each element of the operand once more */
        const struct group *side = s->weighed ? &s->n : &s->m;
        assert_int_equal(s->flop, 2 * s->m.extent * s->n.extent * s->k.extent +
                                      side->extent * s->k.extent);
        /* a product more than the K additions and products of a pair */
        assert_true(x.plan->error_terms == 1.0 + (double)s->k.extent + 2);
        planned_close(&x);
    }
}

/* Only where the caller lets it, and never against a path by name. */
static void
test_asked(void **state)
{
    (void)state;
    static const char *const paths[] = {"dp", "greedy", "random:1"};
    struct planned x;
    assert_int_equal(count_steps(&x, MTTKRP, 0, "auto"), 2);
    planned_close(&x);
    assert_int_equal(count_steps(&x, WEIGHTED_F32, 0, "dp"), 2);
    planned_close(&x);
    assert_int_equal(count_steps(&x, MTTKRP, UINT64_MAX, "auto"), 2);
    planned_close(&x);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(count_steps(&x, MTTKRP, LOOK, paths[i]), 2);
        planned_close(&x);
    }
    assert_int_equal(count_steps(&x, MTTKRP, 0, "whole"), 1);
    assert_string_equal(x.plan->finder, "whole");
    planned_close(&x);
}

/* The plan prints as a step of three operands, and reads back as the same. */
static void
check_text(const char *expression, const char *tensors, const char *line)
{
    struct planned x, y;
    count_steps(&x, expression, tensors, LOOK, "auto");
    const char *text = planned_print(&x, einc_plan_print);
    assert_non_null(strstr(text, line));
    planned_open(&y, expression, tensors);
    y.options.plan_text = str_of(text);
    if (planned_build(&y))
        fail_msg("%s", front_report(&y.f));
    assert_string_equal(text, planned_print(&y, einc_plan_print));
    assert_int_equal(x.plan->hash, y.plan->hash);
    planned_close(&x);
    planned_close(&y);
}

static void
test_text(void **state)
{
    (void)state;
    check_text(MTTKRP, "step 1 reduce out[i,r] = in0[i,j,k] * ");
    check_text(WEIGHTED_F32,
               "step 1 contract out[i,j] = in0[k,i] * in2[k,j] * in1[k]\n");
}

static double
points(const struct step *s)
{
    return (double)s->b.extent * (double)s->m.extent * (double)s->n.extent *
           (double)s->k.extent;
}

static double
most_points(const struct plan *p)
{
    double most = 0;
    for (int s = 0; s < p->n_steps; s++)
        if (points(&p->steps[s]) > most)
            most = points(&p->steps[s]);
    return most;
}

/* Whatever is merged computes the same, and no step has more points than the
 * largest of the pairs. */
static void
test_random(void **state)
{
    (void)state;
    int merged = 0;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct planned x;
        planned_random_open(&x, seed, 6);
        x.options.path = str_of("auto");
        if (planned_build(&x))
            fail_msg("%s: %s", x.source, front_report(&x.f));
        int n = x.plan->n_steps;
        double most = most_points(x.plan);
        x.options.fuse.from_flop = 1;
        if (planned_build(&x))
            fail_msg("%s: %s", x.source, front_report(&x.f));
        planned_check(x.plan);
        assert_true(x.plan->n_steps <= n);
        merged += x.plan->n_steps < n;
        if (most_points(x.plan) > most)
            fail_msg("%s: %g points, were %g", x.source,
                     most_points(x.plan), most);
        if (!planned_is_right(x.plan, seed))
            fail_msg("%s: wrong", x.source);
        planned_close(&x);
    }
    assert_true(merged > 100);
}

/* --- how ---------------------------------------------------------------- */

/* out[i,r] = in0[i,j,k] * in1[j,r] * in2[k,r], r of extent 8 */
static struct nested_sum
mttkrp(int64_t n)
{
    struct nested_sum q = {
        .compute = EINC_F32, .n_idx = 4, .n_in = 3,
        .extent = {(double)n, 8, (double)n, (double)n}, .summed = 12,
        .in = {{{n * n, 0, n, 1}, 13, 4},
               {{0, 1, 8, 0}, 6, 4},
               {{0, 1, 0, 8}, 10, 4}},
        .out = {{8, 1}, 3, 4}};
    return q;
}

static void
test_nested(void **state)
{
    (void)state;
    static const char *const machines[] = {"avx512", "avx2", "neon", "sse2",
                                           "generic"};
    for (int i = 0; i < 5; i++) {
        const struct machine *m = einc_machine_default(str_of(machines[i]));
        struct nested_sum q = mttkrp(256);
        struct nested x;
        assert_true(einc_nested_choose(m, &q, &x));
        /* the large one in the order of memory, its product with the one
         * that shares the inner index inside */
        assert_int_equal(x.n_loops, 2);
        assert_int_equal(x.loop[0], 2);
        assert_int_equal(x.loop[1], 3);
        assert_int_equal(x.n_levels, 2);
        assert_int_equal(x.home[0], 1);
        assert_int_equal(x.home[1], 0);
        assert_int_equal(x.home[2], 1);
        assert_int_equal(x.lane >= 0, m->vector_bytes > 0);
        assert_true(x.seconds > 0);
        unsigned inner = einc_nested_live(&q, &x, 1);
        int sums = 1;
        for (int j = 0; j < q.n_idx; j++)
            if (inner >> j & 1)
                sums *= einc_nested_copies(&x, j);
        assert_true(sums < m->registers);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fused), cmocka_unit_test(test_saves),
        cmocka_unit_test(test_weighted),
        cmocka_unit_test(test_side),  cmocka_unit_test(test_asked),
        cmocka_unit_test(test_text),  cmocka_unit_test(test_random),
        cmocka_unit_test(test_nested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

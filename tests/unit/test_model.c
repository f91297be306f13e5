/* SPDX-License-Identifier: MIT
 *
 * test_model.c - what the model of costs must never do: call more work less,
 * depend on how a plan was spelled, forget a part of it, change a plan.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "plan/model.h"
#include "planned.h"

static const char *const shipped[] = {"avx512", "avx2", "neon", "sse2",
                                      "generic"};
enum { N_SHIPPED = sizeof shipped / sizeof *shipped };

static const struct machine *
row(int r)
{
    return einc_machine_default(str_of(shipped[r]));
}

static int64_t
draw(uint64_t *state, int64_t below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (int64_t)((*state >> 16) % (uint64_t)below);
}

/* --- contractions ------------------------------------------------------- */

static struct model_gett
draw_gett(uint64_t *state)
{
    static const enum einc_dtype types[] = {EINC_F32, EINC_F64, EINC_C64,
                                            EINC_C128, EINC_I32, EINC_I64,
                                            EINC_BOOL};
    struct model_gett g = {.compute = types[draw(state, 7)]};
    g.batch = (double)(1 + draw(state, 9));
    g.m = (double)(1 + draw(state, 700));
    g.n = (double)(1 + draw(state, 700));
    g.k = (double)(1 + draw(state, 700));
    g.lhs = (enum model_access)draw(state, 5);
    g.rhs = (enum model_access)draw(state, 5);
    g.out = draw(state, 2) ? MODEL_NEAR : MODEL_FAR;
    return g;
}

static void
test_gett_grows(void **state)
{
    (void)state;
    uint64_t seed = 1234567;
    for (int trial = 0; trial < 20000; trial++) {
        const struct machine *m = row(trial % N_SHIPPED);
        int threads = 1 + (int)draw(&seed, 3);
        struct model_gett g = draw_gett(&seed), more = g;
        double *side[] = {&more.batch, &more.m, &more.n, &more.k};
        double t = einc_model_gett(m, &g, threads);
        int s = (int)draw(&seed, 4);
        *side[s] += (double)(1 + draw(&seed, 40));
        double u = einc_model_gett(m, &more, threads);
        if (!(t > 0 && u >= t && isfinite(u)))
            fail_msg("%s: side %d of %g %g %g %g: %g s, then %g s",
                     m->name, s, g.batch, g.m, g.n, g.k, t, u);
        assert_true(einc_model_gett(m, &g, threads + 1) <= t);
    }
}

/* No kernel is faster than the peak, and a large one is near it. */
static void
test_gett_peak(void **state)
{
    (void)state;
    uint64_t seed = 99;
    for (int trial = 0; trial < 5000; trial++) {
        const struct machine *m = row(trial % N_SHIPPED);
        struct model_gett g = draw_gett(&seed);
        g.compute = EINC_F32;
        double flop = 2 * g.batch * g.m * g.n * g.k;
        assert_true(einc_model_gett(m, &g, 1) >=
                    flop / ((double)m->peak[MACHINE_F32] * 1e6));
    }
    for (int r = 0; r < N_SHIPPED; r++) {
        struct model_gett g = {EINC_F32, 1, 2048, 2048, 2048, MODEL_TURNED,
                               MODEL_NEAR, MODEL_NEAR, 0, 0, 0, 0,
                               MODEL_IN_PLACE};
        double rate = 2 * 2048.0 * 2048 * 2048 /
                      einc_model_gett(row(r), &g, 1);
        assert_true(rate > 0.7e6 * (double)row(r)->peak[MACHINE_F32]);
    }
}

static void
test_gett_access(void **state)
{
    (void)state;
    uint64_t seed = 4711;
    for (int trial = 0; trial < 5000; trial++) {
        const struct machine *m = row(trial % N_SHIPPED);
        struct model_gett g = draw_gett(&seed), near = g, wide = g;
        double t = einc_model_gett(m, &g, 1);
        near.lhs = near.rhs = near.out = MODEL_NEAR;
        if (g.lhs != MODEL_IN_PLACE && g.rhs != MODEL_IN_PLACE)
            assert_true(einc_model_gett(m, &near, 1) <= t);
        wide.compute = EINC_F64;
        g.compute = EINC_F32;
        assert_true(einc_model_gett(m, &wide, 1) >=
                    einc_model_gett(m, &g, 1));
    }
}

/* --- tiny products in lanes --------------------------------------------- */

static struct model_lanes
draw_lanes(uint64_t *state)
{
    static const enum einc_dtype types[] = {EINC_F32, EINC_F64, EINC_C64,
                                            EINC_C128, EINC_I32, EINC_I64};
    struct model_lanes x = {.compute = types[draw(state, 6)]};
    x.batch = (double)(1 + draw(state, 9));
    x.m = (double)(1 + draw(state, 16));
    x.n = (double)(1 + draw(state, 16));
    x.k = (double)(1 + draw(state, 16));
    x.length = (double)(1 + draw(state, 90000));
    x.lhs_held = (int)draw(state, 2);
    x.rhs_held = !x.lhs_held && draw(state, 2);
    for (int o = 0; o < 3; o++)
        x.record[o] = (double)draw(state, 17);
    return x;
}

/* More of anything is never faster, nor is anything faster than the peak or
 * than its bytes in the first level. */
static void
test_lanes(void **state)
{
    (void)state;
    uint64_t seed = 31;
    for (int trial = 0; trial < 20000; trial++) {
        const struct machine *m = row(trial % N_SHIPPED);
        int threads = 1 + (int)draw(&seed, 3);
        struct model_lanes x = draw_lanes(&seed), more = x;
        double *side[] = {&more.batch, &more.m, &more.n, &more.k,
                          &more.length};
        *side[draw(&seed, 5)] += (double)(1 + draw(&seed, 40));
        double t = einc_model_lanes(m, &x, threads);
        double u = einc_model_lanes(m, &more, threads);
        if (!(t > 0 && u >= t && isfinite(u)))
            fail_msg("%s: %gx%gx%g of %g, %g times: %g s, then %g s", m->name,
                     x.m, x.n, x.k, x.length, x.batch, t, u);
        assert_true(einc_model_lanes(m, &x, threads + 1) <= t);
        double flop = 2 * x.batch * x.m * x.n * x.k * x.length;
        assert_true(einc_model_lanes(m, &x, 1) >=
                    flop / ((double)m->peak[einc_machine_type(x.compute)] *
                            1e6));
        double bytes = x.batch * x.m * x.n * x.length *
                       einc_dtype_info(x.compute)->bytes;
        double rate = (double)(m->write[MACHINE_L1] > m->stream
                                   ? m->write[MACHINE_L1]
                                   : m->stream);
        assert_true(einc_model_lanes(m, &x, 1) >= bytes / (rate * 1e6));
    }
}

/* --- steps -------------------------------------------------------------- */

/* A plan of the expression with all sizes at `n`. */
static const struct plan *
plan_of(struct planned *x, const char *expr, const char *dtype, int64_t n)
{
    char tensors[600] = "";
    size_t at = 0;
    planned_open(x, expr, "");
    for (const char *p = expr; *p && *p != '-'; p++) {
        int dims = 0;
        at += (size_t)snprintf(tensors + at, sizeof tensors - at, "%s%s",
                               at ? "," : "", dtype);
        for (; *p >= 'a' && *p <= 'z'; p++)
            at += (size_t)snprintf(tensors + at, sizeof tensors - at,
                                   "%s%lld", dims++ ? "x" : " ",
                                   (long long)n);
        p -= *p != ',';
    }
    planned_close(x);
    planned_open(x, expr, tensors);
    assert_int_equal(planned_build(x), EINC_OK);
    return x->plan;
}

static const char *const exprs[] = {
    "ij,jk->ik", "bij,bjk->bik", "ijb,jkb->ikb", "ij->ji", "ij->i", "ij->j",
    "ij->", "ii->", "ii->i", "i,i->", "i,j->ij", "ij,j->i", "ij,i->j",
    "ij,jk,kl->il", "ki,k,kj->ij", "abcd->dcba", "abcd->acbd", "ij,ij->i",
    "abc,bd,cd->ad", "i->i", "ijk,jl,kl->il",
};
enum { N_EXPRS = sizeof exprs / sizeof *exprs };

/* The kinds of the steps as digits: what the lowerings chose. */
static uint64_t
kinds_of(const struct plan *p)
{
    uint64_t kinds = 1;
    for (int s = 0; s < p->n_steps; s++)
        kinds = 4 * kinds + (uint64_t)p->steps[s].kind;
    return kinds;
}

/* As long as larger sizes do not bring steps of other kinds, or the first
 * vectors. */
static void
test_steps_grow(void **state)
{
    (void)state;
    static const char *const types[] = {"f32", "f64", "c64", "i32"};
    static const int64_t sizes[] = {2, 3, 8, 17, 48, 61};
    enum { FILLS_LANES = 8 };
    for (int e = 0; e < N_EXPRS; e++)
        for (int d = 0; d < 4; d++)
            for (int r = 0; r < N_SHIPPED; r++) {
                double last = 0;
                uint64_t kinds = 0;
                for (int s = 0; s < 6; s++) {
                    struct planned x;
                    const struct plan *p =
                        plan_of(&x, exprs[e], types[d], sizes[s]);
                    double t = einc_model_plan(row(r), p, 1);
                    double two = einc_model_plan(row(r), p, 2);
                    if (kinds_of(p) != kinds || sizes[s] == FILLS_LANES)
                        last = 0;
                    kinds = kinds_of(p);
                    if (!(t >= last && t > 0 && two <= t && isfinite(t)))
                        fail_msg("%s %s of %lld on %s: %g s after %g s",
                                 exprs[e], types[d], (long long)sizes[s],
                                 shipped[r], t, last);
                    last = t;
                    planned_close(&x);
                }
            }
}

static void
test_sum_of_steps(void **state)
{
    (void)state;
    for (int e = 0; e < N_EXPRS; e++) {
        struct planned x;
        const struct machine *m = row(e % N_SHIPPED);
        const struct plan *p = plan_of(&x, exprs[e], "f32", 20);
        double sum = (double)m->call_ns * 1e-9;
        for (int s = 0; s < p->n_steps; s++) {
            double t = einc_model_step(m, p, s, 1);
            assert_true(t > 0);
            assert_true(t == einc_model_step(m, p, s, 0)); /* one, then */
            sum += t;
        }
        assert_true(fabs(sum - einc_model_plan(m, p, 1)) <= 1e-12 * sum);
        planned_close(&x);
    }
}

/* The same bits, whatever the labels are called. */
static void
test_spelling(void **state)
{
    (void)state;
    struct planned x, y;
    const struct plan *p = plan_of(&x, "bij,bjk->bik", "f32", 33);
    const struct plan *q = plan_of(&y, "zpq,zqa->zpa", "f32", 33);
    assert_true(einc_model_plan(row(0), p, 2) ==
                einc_model_plan(row(0), q, 2));
    planned_close(&x);
    planned_close(&y);
}

/* Seconds of an einsum with layouts of its own. */
static double
time_of(const char *expr, const char *tensors)
{
    struct planned x;
    planned_open(&x, expr, tensors);
    assert_int_equal(planned_build(&x), EINC_OK);
    double t = einc_model_plan(row(0), x.plan, 1);
    planned_close(&x);
    return t;
}

/* What is known of memory: a stride costs, a transpose costs more than a
 * copy, a broadcast less than what it stands for. */
static void
test_strides(void **state)
{
    (void)state;
    assert_true(time_of("ij->ji", "f32 2000x2000") >
                1.1 * time_of("ij->ij", "f32 2000x2000"));
    assert_true(time_of("i->", "f32 1000000 @16") >
                4 * time_of("i->", "f32 1000000"));
    assert_true(time_of("i,i->", "f32 9000000,f32 9000000 @0") <
                0.7 * time_of("i,i->", "f32 9000000,f32 9000000"));
    assert_true(time_of("ij,jk->ik", "f32 300x300 @1:300,f32 300x300") <=
                time_of("ij,jk->ik", "f32 300x300 @9000:30,f32 300x300"));
    assert_true(time_of("ii->", "f32 4000x4000") >
                4 * time_of("i->", "f32 4000"));
    assert_true(time_of("i->i", "f32 1000 @-1") ==
                time_of("i->i", "f32 1000"));
}

/* Tiny products run in the lanes of an index that all are contiguous along:
 * then a pass over their bytes is all that it takes. Not where an operand lies
 * across it, or where M, N and K are too large to be spelled out. */
static void
test_tiny(void **state)
{
    (void)state;
    const struct machine *m = row(0);
    double bytes = 3 * 36 * 4e5, past = 36 * 4e5 / (double)m->stream;
    double pass = 1e-6 * (bytes / (double)m->read[MACHINE_MEMORY] + past);
    double lanes = time_of("ijb,jkb->ikb", "f32 6x6x100000,f32 6x6x100000");
    assert_true(lanes < 1.2 * pass);
    assert_true(time_of("ijb,bjk->ikb", "f32 6x6x100000,f32 100000x6x6") >
                2 * lanes);
    assert_true(time_of("ijb,jkb->ikb", "f32 6x34x100000,f32 34x6x100000") >
                34. / 6 * lanes);
    /* records are turned, what lies between them is not */
    assert_true(time_of("ij,bj->bi", "f32 3x3,f32 1000000x3") <
                1.5 * time_of("i->i", "f32 3000000"));
    assert_true(time_of("ij,bj->bi", "f32 3x3,f32 1000000x3 @4:1") >
                2 * time_of("ij,bj->bi", "f32 3x3,f32 1000000x3"));
    /* one of the two for all lanes */
    assert_true(time_of("ij,jb->ib", "f32 6x6,f32 6x1000000") < pass);
}

/* No elements, or sums of nothing: a moment, whatever the other extents. */
static void
test_empty(void **state)
{
    (void)state;
    assert_true(time_of("ij,jk->ik", "f32 1000000x0,f32 0x1000000") < 1e-6);
    assert_true(time_of("ij->ji", "f32 0x5") < 1e-6);
    assert_true(time_of("->", "f32") < 1e-6);
}

/* The largest that there is: finite, and printed. */
static void
test_huge(void **state)
{
    (void)state;
    double t = time_of("ij,jk->ik", "f32 2000000x2000000,"
                                    "f32 2000000x2000000");
    assert_true(isfinite(t) && t > 1e7);
}

/* --- printing ----------------------------------------------------------- */

static void
test_ns(void **state)
{
    (void)state;
    assert_int_equal(einc_model_ns(0), 0);
    assert_int_equal(einc_model_ns(0.4e-9), 0);
    assert_int_equal(einc_model_ns(1e-9), 1);
    assert_int_equal(einc_model_ns(999e-9), 999);
    assert_int_equal(einc_model_ns(1234567e-9), 1230000);
    assert_int_equal(einc_model_ns(1235.1e-9), 1240);
    assert_int_equal(einc_model_ns(1e300), INT64_C(9000000000000000000));
    assert_true(einc_model_ns(8.99e9) > 0);
}

/* Times beside a plan change nothing of it: it reads back, also where the
 * reader's machine is another one, or the times are made up. */
static void
test_reads_back(void **state)
{
    (void)state;
    struct planned x;
    plan_of(&x, "ij,jk,kl->il", "f32", 30);
    const struct plan_model model = {row(1), 2, 64, 192};
    uint64_t hash = x.plan->hash;
    struct text t = {.perm = &x.f.perm};
    einc_plan_print(&t, x.plan, &model);
    assert_non_null(strstr(t.p, "    model_ns "));
    assert_non_null(strstr(t.p, " machine avx2 threads 2\n"));
    char printed[4000], edited[4200];
    snprintf(printed, sizeof printed, "%s", t.p);
    snprintf(edited, sizeof edited, "%s", printed);
    assert_non_null(strstr(t.p, "\npeak_bytes 192 scratch_bytes 64\n"));
    *strstr(edited, "model_ns ") = 'M'; /* no such line: found */
    x.options.plan_text = str_of(edited);
    assert_int_equal(planned_build(&x), EINC_EINVAL);
    snprintf(edited, sizeof edited, "%smodel_ns what you like\n", printed);
    x.options.plan_text = str_of(edited);
    assert_int_equal(planned_build(&x), EINC_OK);
    assert_true(x.plan->hash == hash);
    struct text plain = {.perm = &x.f.perm};
    einc_plan_print(&plain, x.plan, NULL);
    assert_null(strstr(plain.p, "model_ns"));
    planned_close(&x);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gett_grows),
        cmocka_unit_test(test_gett_peak),
        cmocka_unit_test(test_gett_access),
        cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_steps_grow),
        cmocka_unit_test(test_sum_of_steps),
        cmocka_unit_test(test_spelling),
        cmocka_unit_test(test_strides),
        cmocka_unit_test(test_tiny),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_ns),
        cmocka_unit_test(test_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

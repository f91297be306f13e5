/* SPDX-License-Identifier: MIT
 *
 * test_lanes.c - when the lanes of tiny products are those of a batch, and
 * that such kernels compute each element: remainders of vectors, of steps and
 * of tasks, tiles apart, results past the cache wherever rows begin. Small
 * integers: the reference must be met bit for bit, and nothing else be
 * written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "chosen.h"
#include "codegen/lanes.h"

/* --- the choice --------------------------------------------------------- */

#define BATCH "ijb,jkb->ikb"
enum { LANES = FAMILY_LANES, DIRECT = FAMILY_DIRECT, GETT = FAMILY_GETT,
       STREAM = FAMILY_STREAM };

static const struct question questions[] = {
    {BATCH, "f32 3x3x1000000, f32 3x3x1000000", "avx512", NEST_BEST, LANES},
    {BATCH, "f32 3x3x1000000, f32 3x3x1000000", "avx2", NEST_LITERAL, LANES},
    {BATCH, "f64 2x2x1000, f64 2x2x1000", "sse2", NEST_BEST, LANES},
    {BATCH, "f32 6x6x1000, f32 6x6x1000", "neon", NEST_BEST, LANES},
    {BATCH, "f32 2x3x77, f32 3x4x77", "generic", NEST_LITERAL, LANES},
    {BATCH, "c64 3x3x500, c64 3x3x500", "avx512", NEST_BEST, LANES},
    {BATCH, "i32 3x3x500, u32 3x3x500", "avx512", NEST_BEST, STREAM}, /* i64 */
    {BATCH, "u64 3x3x500, u64 3x3x500", "avx2", NEST_BEST, LANES},
    {BATCH, "f32 8x8x5000, f32 8x8x5000", "avx512", NEST_BEST, LANES},
    {"ijb,jb->ib", "f32 4x4x5000, f32 4x5000", "avx512", NEST_BEST, LANES},
    {"aijb,ajkb->aikb", "f32 9x2x3x64, f32 9x3x2x64", "avx512", NEST_BEST,
     LANES},
    {"ij,jb->ib", "f32 4x4, f32 4x4000000", "avx512", NEST_BEST, LANES},
    {"ijb,jk->ikb", "f32 3x3x1000000, f32 3x3", "avx512", NEST_BEST, LANES},
    /* records */
    {"bij,bjk->bik", "f32 4000x4x4, f32 4000x4x4", "avx512", NEST_BEST,
     LANES},
    {"ij,bj->bi", "f32 3x3, f32 1000000x3", "avx2", NEST_LITERAL, LANES},
    {BATCH, "f32 3x3x1000, f32 3x3x1000 @1:3:9", "avx512", NEST_BEST, LANES},
    {"bi,bi->b", "c64 1000x3, c64 1000x3", "sse2", NEST_BEST, LANES},
    {"bi,bi->b", "f32 1000x17, f32 1000x17", "avx512", NEST_BEST, STREAM},
    {"bi,bi->b", "f32 1000x3 @4:1, f32 1000x3", "avx512", NEST_BEST, STREAM},
    /* products of more than a tile, a kernel for all */
    {BATCH, "f32 16x16x400, f32 16x16x400", "avx512", NEST_BEST, STREAM},
    {"ij,jb->ib", "f32 64x64, f32 64x4000", "avx512", NEST_BEST, DIRECT},
    {BATCH, "f32 3x3x1000, f32 3x3x1000", "avx512", NEST_GENERIC, STREAM},
    /* maps and plain sums */
    {"ib,ib->b", "f32 6x1000, f32 6x1000", "avx512", NEST_BEST, STREAM},
    {"ib,jb->ijb", "f32 6x1000, f32 6x1000", "avx512", NEST_BEST, STREAM},
    /* not as they lie in memory */
    {BATCH, "f16 3x3x1000, f16 3x3x1000", "avx512", NEST_BEST, STREAM},
    {BATCH, "bool 3x3x1000, bool 3x3x1000", "avx512", NEST_BEST, STREAM},
    {BATCH, "f32 3x3x1000, f32 3x3x1000 @2:6:18", "avx512", NEST_BEST, STREAM},
    {BATCH, "f32 3x3x3, f32 3x3x3", "avx512", NEST_BEST, STREAM},
    {BATCH, "f32 3x3x1000, f32 3x3x1000", "cuda", NEST_LITERAL, STREAM},
};

static void
test_choice(void **state)
{
    (void)state;
    chosen_check(questions, sizeof questions / sizeof *questions);
}

/* Rows and columns may not be arguments, all else may. */
static void
test_symbolic(void **state)
{
    static const struct {
        const char *labels;
        int fits;
    } cases[] = {{"b", 1}, {"a", 1}, {"a,b", 1}, {"i", 0}, {"j,b", 0}};
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct planned x;
        planned_open(&x, "aijb,ajkb->aikb", "f32 5x3x3x99, f32 5x3x3x99");
        x.f.symbolic = cases[c].labels;
        assert_int_equal(planned_build(&x), EINC_OK);
        const struct nest *w = einc_nest_build(
            &x.f.perm, x.f.scratch, x.plan, 0,
            einc_target_find(str_of("avx2")), NEST_LITERAL, FAMILY_ANY);
        assert_int_equal(w->family == FAMILY_LANES, cases[c].fits);
        planned_close(&x);
    }
}

/* A vector is no longer than the lane; tasks are steps, the last one too, so
 * that it may begin again further left; tiles leave registers. */
static void
test_cuts(void **state)
{
    static const char *const sets[] = {"avx512", "avx2", "neon", "sse2"};
    (void)state;
    for (int64_t n = 4; n < 40000; n += n / 8 + 1)
        for (int m = 2; m <= 8; m++) {
            char tensors[80];
            struct planned x;
            sprintf(tensors, "f32 %dx%dx%d, f32 %dx%dx%d", m, m, (int)n, m, m,
                    (int)n);
            const struct question q = {BATCH, tensors, sets[n % 4],
                                       NEST_LITERAL, LANES};
            const struct nest *w = chosen_nest(&x, &q);
            assert_int_equal(w->family, FAMILY_LANES);
            struct lanes_roles r = einc_lanes_roles(w);
            struct lanes_cut c = einc_lanes_cut(w, &r, w->target);
            int64_t tasks = einc_lanes_tasks(&c, n);
            int rows = (m + c.parts[0] - 1) / c.parts[0];
            int columns = (m + c.parts[1] - 1) / c.parts[1];
            assert_true(c.step <= n && c.chunk % c.step == 0);
            assert_true(n - (tasks - 1) * c.chunk >= c.step);
            assert_int_equal(c.ragged, n % c.step != 0);
            assert_true(rows * columns * c.vectors < w->target->registers);
            planned_close(&x);
        }
}

/* --- the results -------------------------------------------------------- */

struct shape {
    const char *expr;
    int64_t a[5], b[5];
};

static const struct shape shapes[] = {
    {BATCH, {2, 2, 16}, {2, 2, 16}},
    {BATCH, {3, 3, 17}, {3, 3, 17}},
    {BATCH, {3, 2, 31}, {2, 5, 31}},
    {BATCH, {2, 3, 4}, {3, 2, 4}},
    {BATCH, {3, 3, 5003}, {3, 3, 5003}},     /* two tasks and more */
    {BATCH, {8, 8, 6007}, {8, 8, 6007}},     /* tiles apart */
    {BATCH, {4, 3, 180001}, {3, 4, 180001}}, /* past the cache, ragged rows */
    {BATCH, {4, 3, 180224}, {3, 4, 180224}}, /* whole lines */
    {BATCH, {8, 8, 40003}, {8, 8, 40003}},   /* both */
    {"ij,jb->ib", {3, 4}, {4, 1000}},
    {"ij,jb->ib", {5, 2}, {2, 500009}},
    {"ijb,jk->ikb", {3, 4, 133}, {4, 2}},
    {"ijb,jb->ib", {4, 3, 200}, {3, 200}},
    {"jb,ijb->ib", {3, 77}, {4, 3, 77}},
    {"aijb,ajkb->aikb", {5, 2, 3, 37}, {5, 3, 2, 37}},
    {"aijb,jkb->aikb", {3, 2, 3, 50}, {3, 2, 50}}, /* a is a row, too */
    {"ijlb,jlkb->ikb", {2, 3, 2, 90}, {3, 2, 3, 90}},
    /* records, turned in registers: of all three, of some */
    {"ij,bj->bi", {3, 3}, {1000, 3}},
    {"ij,bj->bi", {3, 3}, {750011, 3}}, /* past the cache */
    {"bij,bj->bi", {777, 3, 3}, {777, 3}},
    {"bij,bjk->bik", {501, 2, 2}, {501, 2, 2}},
    {"bij,bjk->bik", {333, 4, 4}, {333, 4, 4}},
    {"bij,bjk->bik", {99, 3, 4}, {99, 4, 2}},
    {"bi,bi->b", {1003, 3}, {1003, 3}},
    {"bi,bj->bij", {203, 3}, {203, 5}},
    {"jb,bij->bi", {5, 77}, {77, 2, 5}},
    {"bji,jb->ib", {300, 3, 5}, {3, 300}},
    {"aij,abj->abi", {5, 7, 2}, {5, 90, 2}},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes, N_STRAIGHT = 17 };

static const enum einc_dtype types[] = {EINC_F32, EINC_F64, EINC_C64,
                                        EINC_C128, EINC_I32, EINC_U64};
enum { N_TYPES = sizeof types / sizeof *types, GUARD = 192 };

static int64_t
rank_of(const char *at, char end)
{
    return strchr(at, end) - at;
}

static int64_t
count(const struct einc_layout *x)
{
    int64_t n = 1;
    for (int d = 0; d < x->ndim; d++)
        n *= x->shape[d];
    return n;
}

/* Integers from -3 to 3, complex ones of them. */
static void
fill(void *to, enum einc_dtype type, int64_t n, unsigned seed)
{
    int complex = type == EINC_C64 || type == EINC_C128;
    for (int64_t x = 0; x < n * (1 + complex); x++) {
        seed = seed * 1664525u + 1013904223u;
        int v = (int)(seed >> 20) % 7 - 3;
        if (type == EINC_F32 || type == EINC_C64)
            ((float *)to)[x] = (float)v;
        else if (type == EINC_F64 || type == EINC_C128)
            ((double *)to)[x] = v;
        else if (type == EINC_I32)
            ((int32_t *)to)[x] = v;
        else
            ((int64_t *)to)[x] = v;
    }
}

/* Memory of n elements that begins `shift` elements behind a line, with bytes
 * around it that nobody may write. */
struct room {
    unsigned char *all, *at;
    int64_t bytes;
};

static struct room
open_room(int64_t n, int size, int shift)
{
    struct room r = {.bytes = n * size};
    r.all = aligned_alloc(64, (size_t)(r.bytes + 2 * GUARD + 127) / 64 * 64);
    assert_non_null(r.all);
    memset(r.all, 0xa5, (size_t)(r.bytes + 2 * GUARD));
    r.at = r.all + GUARD + shift * size % 64;
    return r;
}

static void
check_room(const struct room *r, const char *what)
{
    int64_t before = r->at - r->all;
    for (int64_t k = 0; k < r->bytes + 2 * GUARD; k++)
        if ((k < before || k >= before + r->bytes) && r->all[k] != 0xa5)
            fail_msg("%s: byte %d around the result is written", what,
                     (int)(k - before));
}

struct trial {
    const struct shape *shape;
    enum einc_dtype type;
    struct einc_layout in[2];
    struct room a, b, got, want;
    int scaled;
};

static struct einc_plan *
compile(struct einc_ctx *ctx, const struct trial *x, enum einc_tier tier)
{
    struct einc_options o = {.size = sizeof o, .tier = (int)tier,
                             .kernel = "lanes"};
    struct einc_plan *plan;
    struct einc_err *err = NULL;
    if (einc_compile(ctx, x->shape->expr, 2, x->in, NULL, &o, &plan, &err)) {
        print_error("%s: %s\n", x->shape->expr, einc_err_text(err));
        fail();
    }
    return plan;
}

static void
run(const struct trial *x, const struct einc_plan *plan,
    const struct room *to, int threads)
{
    enum { LARGEST = 16 };
    char alpha[LARGEST], beta[LARGEST];
    enum einc_dtype compute = einc_plan_compute(plan);
    struct einc_run_options r = {.size = sizeof r, .threads = threads};
    fill(alpha, compute, 1, 7);
    fill(beta, compute, 1, 11);
    if (x->scaled) {
        r.alpha = alpha;
        r.beta = beta;
    }
    fill(to->at, x->type, to->bytes / (int64_t)einc_dtype_bytes(x->type), 3);
    const void *in[2] = {x->a.at, x->b.at};
    assert_int_equal(einc_run(plan, in, to->at, &r, NULL), EINC_OK);
}

static void
compare(struct einc_ctx *ctx, const struct trial *x)
{
    struct einc_plan *plain = compile(ctx, x, EINC_TIER_INTERP);
    struct einc_plan *plan = compile(ctx, x, EINC_TIER_CC);
    run(x, plain, &x->want, 1);
    for (int threads = 1; threads <= 2; threads++) {
        run(x, plan, &x->got, threads);
        if (memcmp(x->got.at, x->want.at, (size_t)x->got.bytes))
            fail_msg("%s %s, b[0] %d: differs with %d threads",
                     x->shape->expr, einc_dtype_name(x->type),
                     (int)x->in[1].shape[x->in[1].ndim - 1], threads);
        check_room(&x->got, x->shape->expr);
    }
    einc_plan_free(plan);
    einc_plan_free(plain);
}

static void
run_case(struct einc_ctx *ctx, const struct shape *s, enum einc_dtype type,
         int shift, int scaled)
{
    struct trial x = {.shape = s, .type = type, .scaled = scaled};
    int size = (int)einc_dtype_bytes(type);
    x.in[0] = (struct einc_layout){sizeof x.in[0], (int)type,
                                   (int)rank_of(s->expr, ','), 0, s->a, NULL};
    x.in[1] = (struct einc_layout){
        sizeof x.in[1], (int)type,
        (int)(rank_of(s->expr, '-') - x.in[0].ndim - 1), 0, s->b, NULL};
    struct einc_plan *plan = compile(ctx, &x, EINC_TIER_INTERP);
    struct einc_layout out;
    einc_plan_layout(plan, &out);
    x.a = open_room(count(&x.in[0]), size, shift);
    x.b = open_room(count(&x.in[1]), size, 2 * shift);
    x.got = open_room(count(&out), size, 3 * shift);
    x.want = open_room(count(&out), size, 0);
    fill(x.a.at, type, count(&x.in[0]), 1);
    fill(x.b.at, type, count(&x.in[1]), 2);
    compare(ctx, &x);
    einc_plan_free(plan);
    free(x.a.all);
    free(x.b.all);
    free(x.got.all);
    free(x.want.all);
}

static void
test_shapes(void **state)
{
    for (int s = 0; s < N_SHAPES; s++)
        for (int t = s % (s < N_STRAIGHT ? 2 : N_TYPES);
             t < (s < 6 || s > 8 ? N_TYPES : 3);
             t += s < N_STRAIGHT ? 2 : N_TYPES)
            run_case(*state, &shapes[s], types[t], (s + t) % 3,
                     (s + t) % 4 == 1);
}

/* Every length around one, two and three vectors, steps and lines. */
static void
test_remainders(void **state)
{
    for (int64_t n = 4; n <= 100; n += n < 36 ? 1 : 7) {
        const struct shape s = {BATCH, {2, 3, n}, {3, 2, n}};
        const struct shape t = {"ij,jb->ib", {2, 3}, {3, n}};
        run_case(*state, &s, types[n % N_TYPES], (int)n % 2, n % 3 == 0);
        run_case(*state, &t, types[(n + 1) % N_TYPES], 1, n % 3 == 1);
    }
}

/* Records of every size, there and back: a block of lanes and a rest. */
static void
test_records(void **state)
{
    for (int64_t size = 2; size <= LANES_RECORD; size += 1 + size / 6) {
        const struct shape s = {"bi,b->bi", {16 + size, size}, {16 + size}};
        run_case(*state, &s, types[size % N_TYPES], (int)size % 3,
                 size % 4 == 0);
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
        cmocka_unit_test(test_choice), cmocka_unit_test(test_symbolic),
        cmocka_unit_test(test_cuts), cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_remainders), cmocka_unit_test(test_records)};
    return cmocka_run_group_tests(tests, open_ctx, close_ctx);
}

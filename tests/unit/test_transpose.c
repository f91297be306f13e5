/* SPDX-License-Identifier: MIT
 *
 * test_transpose.c - which copies are transposes, and that each of their ways
 * moves every element: tiles, edges, runs, either direction, past the caches,
 * scaled, converted, on any number of threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "einc.h"

enum { MOST_DIMS = 8 };

/* --- plans -------------------------------------------------------------- */

static struct einc_plan *
plan_of(struct einc_ctx *ctx, const char *expr, const struct einc_layout *in,
        const struct einc_layout *out, const char *kernel, int tier)
{
    struct einc_options o = {.size = sizeof o, .tier = tier, .kernel = kernel};
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    einc_compile(ctx, expr, 1, in, out, &o, &plan, &err);
    if (!plan)
        fail_msg("%s: %s", expr, einc_err_text(err));
    return plan;
}

struct dump {
    char text[4000];
    size_t n;
};

static int
keep(void *user, const char *bytes, size_t n)
{
    struct dump *d = user;
    if (d->n + n < sizeof d->text)
        memcpy(d->text + d->n, bytes, n);
    d->n += n;
    return 0;
}

static int
is_transpose(const char *expr, int n_dims, const int64_t *shape,
             const int64_t *stride)
{
    struct einc_layout in = {sizeof in, EINC_F32, n_dims, 0, shape, stride};
    struct einc_plan *plan =
        plan_of(NULL, expr, &in, NULL, NULL, EINC_TIER_INTERP);
    struct dump d = {{0}, 0};
    assert_int_equal(einc_explain(plan, "nest", EINC_TEXT, keep, &d, NULL), 0);
    einc_plan_free(plan);
    return strstr(d.text, "nest transpose") != NULL;
}

/* --- which copies ------------------------------------------------------- */

static void
test_what_fits(void **state)
{
    (void)state;
    static const int64_t shape[] = {70, 80, 90}, back[] = {-80, -1};
    static const int64_t apart[] = {160, 2}, same[] = {0, 1};
    static const int64_t square[] = {50, 50};
    assert_true(is_transpose("ij->ji", 2, shape, NULL));
    assert_true(is_transpose("ijk->kij", 3, shape, NULL));
    assert_true(is_transpose("ijk->jik", 3, shape, NULL));
    assert_true(is_transpose("ij->ij", 2, shape, NULL));
    assert_true(is_transpose("ij->ji", 2, shape, back));
    assert_false(is_transpose("ij->ij", 2, shape, back)); /* runs turn round */
    assert_false(is_transpose("ij->ji", 2, shape, apart)); /* no run in in0 */
    assert_false(is_transpose("ij->ji", 2, shape, same)); /* broadcast */
    assert_false(is_transpose("ii->i", 2, square, NULL)); /* diagonal */
    assert_false(is_transpose("ij->j", 2, shape, NULL));  /* a sum */
}

/* Where finding blocks would take longer than filling them. */
static void
test_petty_blocks(void **state)
{
    (void)state;
    static const int64_t runs[] = {90, 90, 3}, tiny[] = {100, 3, 4};
    static const int64_t thin[] = {3, 5000};
    assert_false(is_transpose("abc->bac", 3, runs, NULL));
    assert_false(is_transpose("abc->acb", 3, tiny, NULL));
    assert_true(is_transpose("ab->ba", 2, thin, NULL));
}

/* --- elements ----------------------------------------------------------- */

struct shape {
    const char *expr;
    int64_t n[MOST_DIMS];
    unsigned back; /* bit d: dim d of the operand runs backwards */
};

static const struct shape shapes[] = {
    {"ij->ji", {64, 64}, 0},
    {"ij->ji", {67, 133}, 0},
    {"ij->ji", {3, 700}, 0},          /* no tile */
    {"ij->ji", {700, 3}, 0},
    {"ij->ji", {5, 300}, 0},          /* narrow tiles */
    {"ij->ji", {300, 1100}, 0},       /* many blocks */
    {"ij->ji", {40, 50}, 1},
    {"ij->ji", {40, 50}, 2},
    {"ij->ji", {40, 50}, 3},
    {"ijk->kji", {20, 31, 45}, 5},
    {"ijk->jik", {31, 20, 45}, 4},    /* a run that is backwards in one: no */
    {"ijk->jik", {31, 20, 45}, 0},    /* runs */
    {"ijk->jik", {9, 2, 30000}, 0},   /* runs in blocks */
    {"abcd->dcba", {17, 5, 6, 33}, 0},
    {"abcd->acbd", {5, 17, 6, 33}, 3},
    {"abcde->ebdac", {9, 4, 5, 3, 21}, 0},
    {"abcdef->fcadeb", {3, 16, 2, 5, 3, 17}, 0},
    {"i->i", {100000}, 0},
};

enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

struct data {
    struct einc_layout layout;
    int64_t n, stride[MOST_DIMS], at; /* elements, strides, the first one */
    char *bytes;
};

/* Small integers, so that every way of scaling them gives the same bits. */
static void
fill(char *bytes, enum einc_dtype dtype, int64_t n)
{
    const struct dtype_info *x = einc_dtype_info(dtype);
    int floats = strcmp(x->c_type, "float") == 0;
    int doubles = strcmp(x->c_type, "double") == 0;
    int part = floats ? 4 : doubles ? 8 : x->bytes;
    for (int64_t k = 0; k < n * x->bytes / part; k++) {
        float f = (float)(k * 7 % 61);
        double d = (double)(k * 7 % 61);
        int64_t i = dtype == EINC_BOOL ? k % 3 == 0 : k * 7 % 61;
        memcpy(bytes + k * part, floats    ? (void *)&f
                                 : doubles ? (void *)&d
                                           : (void *)&i,
               (size_t)part);
    }
}

static struct data
data_of(const struct shape *s, enum einc_dtype dtype)
{
    int n_dims = 0;
    struct data d = {.n = 1};
    while (s->expr[n_dims] != '-')
        n_dims++;
    d.layout = (struct einc_layout){sizeof d.layout, (int32_t)dtype, n_dims, 0,
                                    s->n, NULL};
    for (int k = n_dims - 1; k >= 0; k--) {
        d.stride[k] = s->back >> k & 1 ? -d.n : d.n;
        d.at += s->back >> k & 1 ? (s->n[k] - 1) * d.n : 0;
        d.n *= s->n[k];
    }
    int64_t bytes = d.n * einc_dtype_info(dtype)->bytes;
    d.bytes = malloc((size_t)bytes);
    assert_non_null(d.bytes);
    fill(d.bytes, dtype, d.n);
    return d;
}

/* alpha and beta, of any compute type: 2 and 3 */
static const void *
scalar_of(enum einc_dtype compute, int value, void *room)
{
    float f = (float)value;
    double d = value;
    int64_t n = value;
    uint8_t b = 1;
    memset(room, 0, 16);
    if (compute == EINC_F32 || compute == EINC_C64)
        memcpy(room, &f, sizeof f);
    else if (compute == EINC_F64 || compute == EINC_C128)
        memcpy(room, &d, sizeof d);
    else if (compute == EINC_BOOL)
        memcpy(room, &b, sizeof b);
    else
        memcpy(room, &n, sizeof n);
    return room;
}

static void
run(struct einc_ctx *ctx, const struct shape *s, struct data *d, int out_type,
    int scaled, int tier, int threads, char *out)
{
    struct einc_layout to = {sizeof to, 0, 0, 0, NULL, NULL};
    d->layout.stride = d->stride;
    struct einc_plan *guess =
        plan_of(ctx, s->expr, &d->layout, NULL, NULL, EINC_TIER_INTERP);
    assert_int_equal(einc_plan_layout(guess, &to), 0);
    to.dtype = out_type;
    struct einc_plan *plan =
        plan_of(ctx, s->expr, &d->layout, &to, "transpose", tier);
    double alpha[2], beta[2];
    struct einc_run_options o = {.size = sizeof o, .threads = threads};
    if (scaled & 1)
        o.alpha = scalar_of(einc_plan_compute(plan), 2, alpha);
    if (scaled & 2)
        o.beta = scalar_of(einc_plan_compute(plan), 3, beta);
    const void *in[1] = {
        d->bytes + d->at * einc_dtype_info((enum einc_dtype)d->layout.dtype)
                               ->bytes};
    assert_int_equal(einc_run(plan, in, out, &o, NULL), 0);
    einc_plan_free(plan);
    einc_plan_free(guess);
}

/* As the interpreter does it, bit for bit, and no byte beside. `offset`:
 * bytes that out begins behind a line. Two threads take what is built in. */
static void
compare(struct einc_ctx *ctx, const struct shape *s, enum einc_dtype type,
        enum einc_dtype out_type, int scaled, int offset)
{
    enum { GUARD = 64 };
    struct data d = data_of(s, type);
    size_t bytes = (size_t)(d.n * einc_dtype_info(out_type)->bytes);
    char *room = aligned_alloc(64, (bytes + 3 * GUARD) / 64 * 64);
    char *want = malloc(bytes + 2 * GUARD);
    assert_non_null(room);
    assert_non_null(want);
    for (int threads = 1; threads <= 3; threads++) {
        int tier = threads == 2 ? EINC_TIER_BUILTIN : EINC_TIER_CC;
        char *got = room + offset;
        memset(room, 1, bytes + GUARD);
        fill(got, out_type, d.n);
        fill(want, out_type, d.n);
        run(ctx, s, &d, (int)out_type, scaled, EINC_TIER_INTERP, 1, want);
        run(ctx, s, &d, (int)out_type, scaled, tier, threads, got);
        if (memcmp(got, want, bytes) != 0)
            fail_msg("%s %s > %s, scaled %d, offset %d, %d threads", s->expr,
                     einc_dtype_name(type), einc_dtype_name(out_type), scaled,
                     offset, threads);
        for (int k = 0; k < offset; k++)
            assert_int_equal(room[k], 1);
        for (int k = offset; k < GUARD; k++)
            assert_int_equal(got[bytes + (size_t)(k - offset)], 1);
    }
    free(d.bytes);
    free(room);
    free(want);
}

static struct einc_ctx *
context(void)
{
    struct einc_config c = {.size = sizeof c, .threads = 3};
    struct einc_ctx *ctx = NULL;
    assert_int_equal(einc_ctx_create(&c, &ctx, NULL), 0);
    return ctx;
}

static void
test_shapes(void **state)
{
    (void)state;
    static const enum einc_dtype types[] = {
        EINC_I8, EINC_I16, EINC_F32, EINC_F64, EINC_C64, EINC_C128, EINC_BOOL};
    struct einc_ctx *ctx = context();
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int s = 0; s < N_SHAPES; s++)
            compare(ctx, &shapes[s], types[t], types[t], 0, 0);
    einc_ctx_free(ctx);
}

static void
test_values(void **state)
{
    (void)state;
    static const enum einc_dtype types[][2] = {
        {EINC_F32, EINC_F32}, {EINC_C128, EINC_C128}, {EINC_I8, EINC_I64},
        {EINC_F32, EINC_F64}, {EINC_F32, EINC_C64}};
    struct einc_ctx *ctx = context();
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int scaled = 0; scaled < 4; scaled++)
            for (int s = 0; s < N_SHAPES; s += 1 + (scaled < 3))
                compare(ctx, &shapes[s], types[t][0], types[t][1], scaled, 0);
    einc_ctx_free(ctx);
}

/* Larger than the caches are taken to be; rows that are lines and not. */
static void
test_past_the_caches(void **state)
{
    (void)state;
    static const struct shape far[] = {
        {"ij->ji", {3072, 2816}, 0},     {"ij->ji", {2917, 2901}, 0},
        {"ijk->jik", {60, 600, 235}, 0}, {"ijk->kji", {50, 700, 241}, 4},
        {"ij->ji", {3000000, 3}, 0},     {"ij->ji", {3, 3000000}, 0}};
    struct einc_ctx *ctx = context();
    for (size_t s = 0; s < sizeof far / sizeof *far; s++)
        for (int offset = 0; offset <= 4; offset += 4)
            compare(ctx, &far[s], EINC_F32, EINC_F32, 0, offset);
    for (int s = 0; s < 2; s++) {
        compare(ctx, &far[s], EINC_F64, EINC_F64, 0, 8);
        compare(ctx, &far[s], EINC_C128, EINC_C128, 0, 8);
    }
    einc_ctx_free(ctx);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fits),
        cmocka_unit_test(test_petty_blocks),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_past_the_caches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * test_gett.c - contractions large enough for every way through the gett
 * kernel: K blocks, either operand staying, panels in place, transposed and
 * from neighbours, runs that end inside a panel, every height of a tile.
 * Small integers: the reference must be met bit for bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "einc.h"

struct shape {
    const char *expr;
    int64_t a[6], b[6];
};

static const struct shape shapes[] = {
    {"ij,jk->ik", {150, 900}, {900, 70}},      /* rhs stays, K in blocks */
    {"ij,jk->ik", {14, 900}, {900, 96}},       /* one tile: in place */
    {"ij,jk->ik", {30, 900}, {900, 97}},
    {"ij,jk->ik", {150, 1024}, {1024, 70}},    /* rows of lhs a page apart */
    {"ij,jk->ik", {40, 1024}, {1024, 33}},
    {"ij,jk->ik", {150, 9}, {9, 70}},          /* less than a vector of K */
    {"ij,kj->ik", {200, 70}, {130, 70}},       /* depth turned on both sides */
    {"ji,jk->ik", {70, 33}, {70, 65}},
    {"ji,kj->ik", {500, 115}, {33, 500}},
    {"adb,cd->cba", {48, 40, 96}, {24, 40}},   /* neighbours in N */
    {"adb,cd->cba", {84, 40, 36}, {24, 40}},
    {"aebd,ce->dcba", {24, 12, 20, 28}, {24, 12}},
    {"cad,dcb->ab", {24, 20, 48}, {48, 24, 35}}, /* blocks of K */
    {"adc,dcb->ab", {20, 48, 24}, {48, 24, 35}},
    {"cad,bcd->ab", {24, 20, 48}, {35, 24, 48}},
    {"acd,dbc->ab", {20, 48, 32}, {32, 35, 48}},
    {"abd,dc->acb", {40, 24, 30}, {30, 17}},   /* runs of 24 in out */
    {"ik,kr->ir", {8200, 3}, {3, 5}},          /* two tasks of rows */
    {"ik,rk->ir", {5, 3}, {8300, 3}},
    {"bij,bjk->ibk", {3, 40, 50}, {3, 50, 60}},
    {"bij,bjk->ikb", {3, 40, 50}, {3, 50, 60}}, /* lanes of out in the batch */
};

enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

static const enum einc_dtype types[][2] = {
    {EINC_F32, EINC_F32},   {EINC_F64, EINC_F64},
    {EINC_C64, EINC_C64},   {EINC_C128, EINC_C128},
    {EINC_F16, EINC_F32},   {EINC_F32, EINC_F64},
    {EINC_F16, EINC_F16},   {EINC_I32, EINC_I32},
};

static int64_t
rank_of(const char *at, char end)
{
    return strchr(at, end) - at;
}

/* Integers from -3 to 3 in `type`, as the conversions of plain C. */
static void
fill(void *to, enum einc_dtype type, int64_t n, unsigned seed)
{
    static const uint16_t half[] = {0xc200, 0xc000, 0xbc00, 0, 0x3c00,
                                    0x4000, 0x4200};
    int complex = type == EINC_C64 || type == EINC_C128;
    for (int64_t x = 0; x < n * (1 + complex); x++) {
        seed = seed * 1664525u + 1013904223u;
        int v = (int)(seed >> 20) % 7;
        if (type == EINC_F32 || type == EINC_C64)
            ((float *)to)[x] = (float)(v - 3);
        else if (type == EINC_F64 || type == EINC_C128)
            ((double *)to)[x] = v - 3;
        else if (type == EINC_I32)
            ((int32_t *)to)[x] = v - 3;
        else
            ((uint16_t *)to)[x] = half[v];
    }
}

static int64_t
count(const struct einc_layout *x)
{
    int64_t n = 1;
    for (int d = 0; d < x->ndim; d++)
        n *= x->shape[d];
    return n;
}

/* What every way must compute. */
struct trial {
    const char *expr;
    struct einc_layout in[2];
    const void *operands[2];
    void *want, *got;
    int64_t bytes;
    const void *alpha, *beta;
};

static struct einc_plan *
compile(struct einc_ctx *ctx, const struct trial *x, enum einc_tier tier)
{
    struct einc_options o = {.size = sizeof o, .tier = (int)tier,
                             .kernel = "gett"};
    struct einc_plan *plan;
    struct einc_err *err = NULL;
    if (einc_compile(ctx, x->expr, 2, x->in, NULL, &o, &plan, &err)) {
        print_error("%s: %s\n", x->expr, einc_err_text(err));
        fail();
    }
    return plan;
}

static void
run(const struct trial *x, const struct einc_plan *plan, void *to, int threads)
{
    struct einc_run_options r = {.size = sizeof r, .threads = threads,
                                 .alpha = x->alpha, .beta = x->beta};
    memset(to, 0, (size_t)x->bytes);
    assert_int_equal(einc_run(plan, x->operands, to, &r, NULL), EINC_OK);
}

static void
compare(struct einc_ctx *ctx, const struct trial *x, enum einc_tier tier)
{
    struct einc_plan *plan = compile(ctx, x, tier);
    for (int threads = 1; threads <= 2; threads++) {
        run(x, plan, x->got, threads);
        if (memcmp(x->got, x->want, (size_t)x->bytes)) {
            print_error("%s %s,%s tier %d, %d threads: differs\n", x->expr,
                        einc_dtype_name((enum einc_dtype)x->in[0].dtype),
                        einc_dtype_name((enum einc_dtype)x->in[1].dtype),
                        (int)tier, threads);
            fail();
        }
    }
    einc_plan_free(plan);
}

static void
run_case(struct einc_ctx *ctx, const struct shape *s,
         const enum einc_dtype type[], int scaled)
{
    enum { LARGEST = 16, LINE = 64 };
    struct trial x = {.expr = s->expr,
                      .in = {{.size = sizeof x.in[0], .dtype = (int)type[0],
                              .ndim = (int)rank_of(s->expr, ','),
                              .shape = s->a},
                             {.size = sizeof x.in[1], .dtype = (int)type[1],
                              .shape = s->b}}};
    x.in[1].ndim = (int)(rank_of(s->expr, '-') - x.in[0].ndim - 1);
    struct einc_plan *plain = compile(ctx, &x, EINC_TIER_INTERP);
    struct einc_layout out;
    einc_plan_layout(plain, &out);
    void *a = malloc((size_t)(count(&x.in[0]) * LARGEST));
    void *b = malloc((size_t)(count(&x.in[1]) * LARGEST));
    char alpha[LARGEST], beta[LARGEST];
    x.bytes = count(&out) *
              (int64_t)einc_dtype_bytes((enum einc_dtype)out.dtype);
    x.want = malloc((size_t)x.bytes);
    x.got = aligned_alloc(LINE, (size_t)(x.bytes + LINE) / LINE * LINE);
    assert_true(a && b && x.want && x.got);
    fill(a, type[0], count(&x.in[0]), 1);
    fill(b, type[1], count(&x.in[1]), 2);
    fill(alpha, einc_plan_compute(plain), 1, 7);
    fill(beta, einc_plan_compute(plain), 1, 11);
    x.operands[0] = a;
    x.operands[1] = b;
    if (scaled) {
        x.alpha = alpha;
        x.beta = beta;
        run(&x, plain, x.want, 1);
    } else {
        assert_int_equal(
            einc_reference(plain, x.operands, x.want, NULL, NULL), EINC_OK);
    }
    compare(ctx, &x, EINC_TIER_BUILTIN);
    compare(ctx, &x, EINC_TIER_CC);
    free(a);
    free(b);
    free(x.want);
    free(x.got);
    einc_plan_free(plain);
}

static void
test_shapes(void **state)
{
    for (int s = 0; s < N_SHAPES; s++)
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++)
            run_case(*state, &shapes[s], types[t], (s + (int)t) % 3 == 0);
}

/* Every number of rows and columns around the tile's. */
static void
test_remainders(void **state)
{
    for (int64_t m = 1; m <= 30; m++)
        for (int64_t n = 1; n <= 66; n += m % 3 + 1) {
            struct shape s = {"ij,jk->ik", {m, 3}, {3, n}};
            run_case(*state, &s, types[m % 2], 0);
        }
}

static int
write_text(void *user, const char *bytes, size_t n)
{
    char *to = user;
    size_t at = strlen(to), room = 4095 - at;
    memcpy(to + at, bytes, n < room ? n : room);
    return 0;
}

/* Which operand stays: lhs if it has few rows, but not where a shallow result
 * lies in memory. And how columns follow each other where rhs is contiguous
 * along another index than out: in blocks, but not where the lines of a block
 * are at hand anyway. */
static void
test_order(void **state)
{
    static const struct {
        struct shape shape;
        const char *with, *without;
    } cases[] = {
        {{"ij,jk->ik", {30, 64}, {64, 4096}}, "lhs stays", "N in blocks"},
        {{"ij,jk->ik", {300, 64}, {64, 4096}}, "rhs stays", "N in blocks"},
        {{"ij,jk->ik", {30, 64}, {64, 60000}}, "rhs stays", "N in blocks"},
        {{"ij,jk->ik", {30, 300}, {300, 60000}}, "lhs stays", "N in blocks"},
        {{"adb,cd->cba", {24, 40, 38}, {24, 40}}, "stays", "N in blocks"},
        {{"adb,cd->cba", {96, 90, 36}, {24, 90}}, "N in blocks", "turned"},
        {{"adb,cd->cba", {24, 40, 64}, {24, 40}}, "N in blocks", "turned"},
        /* tiles without gaps in memory, of a large and shallow result */
        {{"ka,kb->ba", {3, 24}, {3, 262200}}, "panels of 24", "N in blocks"},
        {{"ka,kb->ba", {3, 24}, {3, 262200}}, "past the caches", "turned"},
        {{"ka,kb->ba", {3, 24}, {3, 2622}}, "panels of 32", "past"},
        {{"ka,kb->ba", {90, 24}, {90, 262200}}, "panels of 32", "past"},
        {{"ka,kb->ba", {3, 20}, {3, 362200}}, "panels of 32", "past"},
        /* tiles as wide as runs of out, or two of them */
        {{"kca,kb->cba", {3, 17, 24}, {3, 50}}, "panels of 48", "past"},
        {{"kca,kb->cba", {3, 16, 24}, {3, 17000}}, "panels of 48", "N in b"},
        {{"kac,kb->cba", {3, 24, 32}, {3, 50}}, "panels of 48", "turned"},
        {{"kca,kb->cba", {3, 7, 24}, {3, 50}}, "panels of 32", "past"},
        {{"afbe,df->edba", {24, 3, 4, 16}, {5, 3}}, "blocks of 16x48", "past"},
        {{"adb,cd->cba", {48, 390, 24}, {30, 390}}, "blocks of 12x48", "past"},
    };
    struct einc_options o = {.size = sizeof o, .kernel = "gett",
                             .tier = EINC_TIER_INTERP};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const struct shape *s = &cases[c].shape;
        char text[4096] = "";
        int ndim = (int)rank_of(s->expr, ',');
        struct einc_layout in[2] = {EINC_LAYOUT(EINC_F32, ndim, s->a),
                                    EINC_LAYOUT(EINC_F32, 2, s->b)};
        struct einc_plan *plan;
        assert_int_equal(einc_compile(*state, s->expr, 2, in, NULL, &o, &plan,
                                      NULL), EINC_OK);
        assert_int_equal(einc_explain(plan, "nest", EINC_TEXT, write_text,
                                      text, NULL), EINC_OK);
        int other = strstr(cases[c].with, "pa") && !strstr(text, "x16 depth");
        if (!other && (!strstr(text, cases[c].with) ||
                       strstr(text, cases[c].without))) {
            print_error("case %d: %s", (int)c, text);
            fail();
        }
        einc_plan_free(plan);
    }
}

/* Few rows of which rhs stays; tiles that go past the caches, and not where
 * they are scaled, or rows do not follow each other; wide ones. */
static void
test_far(void **state)
{
    static const struct shape s = {"ij,jk->ik", {15, 16}, {16, 140000}};
    static const struct shape past[] = {
        {"ka,kb->ba", {3, 24}, {3, 262205}},
        {"ka,kb->ba", {3, 16}, {3, 393300}},
        {"kca,kb->cba", {2, 8, 24}, {2, 32778}},
        {"kca,bk->bca", {2, 6, 24}, {43702, 2}},
    };
    static const struct shape wide[] = {
        {"kca,kb->cba", {2, 17, 24}, {2, 37}},
        {"kac,kb->cba", {7, 24, 32}, {7, 37}},
        {"kab,ck->bca", {5, 48, 21}, {30, 5}},
        {"afbe,df->edba", {24, 3, 4, 16}, {5, 3}},
        {"adb,cd->cba", {48, 390, 24}, {30, 390}},
    };
    run_case(*state, &s, types[0], 0);
    for (size_t x = 0; x < sizeof past / sizeof *past; x++)
        run_case(*state, &past[x], types[x == 1], x == 2);
    run_case(*state, &past[2], types[0], 0);
    for (size_t x = 0; x < 2 * sizeof wide / sizeof *wide; x++)
        run_case(*state, &wide[x / 2], types[x % 2], x == 3);
    run_case(*state, &s, types[2], 1);
}

static int
open_ctx(void **state)
{
    struct einc_config config = {.size = sizeof config, .threads = 2,
                                 .cache_dir = ""};
    return einc_ctx_create(&config, (struct einc_ctx **)state, NULL);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes),
                                       cmocka_unit_test(test_remainders),
                                       cmocka_unit_test(test_order),
                                       cmocka_unit_test(test_far)};
    return cmocka_run_group_tests(tests, open_ctx, close_ctx);
}

/* SPDX-License-Identifier: MIT
 *
 * test_weight.c - contractions of which one operand is multiplied by a third
 * while it is packed: either side, along K, along the side, along both, in a
 * batch; every way of packing, every type. Small integers: the reference must
 * be met bit for bit.
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

/* Operands a, b and the weight, in this order, by letters. */
struct shape {
    const char *in[3], *out;
    int64_t b, i, j, k, l;
};

static const struct shape shapes[] = {
    /* the same for all rows of lhs: two heights of tiles, K in blocks */
    {{"ki", "kj", "k"}, "ij", 1, 115, 140, 400, 1},
    {{"ik", "kj", "k"}, "ij", 1, 50, 133, 900, 1},
    {{"ki", "kj", "k"}, "ij", 1, 14, 96, 900, 1}, /* rhs in place */
    {{"ki", "kj", "k"}, "ij", 1, 30, 97, 70, 1},
    {{"ki", "kj", "k"}, "ij", 1, 5, 3, 7, 1},
    /* or of rhs, the smaller one */
    {{"ki", "kj", "k"}, "ij", 1, 140, 115, 400, 1},
    {{"ik", "jk", "k"}, "ij", 1, 67, 37, 400, 1},
    /* along the rows, the columns */
    {{"ki", "kj", "i"}, "ij", 1, 130, 45, 90, 1},
    {{"ki", "kj", "j"}, "ij", 1, 14, 96, 500, 1}, /* not in place */
    {{"ki", "kj", "j"}, "ij", 1, 120, 70, 400, 1},
    /* along both, in another order */
    {{"ki", "kj", "ik"}, "ij", 1, 130, 45, 400, 1},
    {{"ik", "kj", "jk"}, "ij", 1, 60, 77, 400, 1},
    {{"ki", "kj", "kj"}, "ji", 1, 40, 77, 40, 1},
    {{"ki", "kj", ""}, "ij", 1, 130, 45, 90, 1},
    /* groups of several indices, and a weight of some */
    {{"kil", "kjl", "l"}, "ij", 1, 33, 40, 20, 48},
    {{"kil", "lkj", "lk"}, "ij", 1, 120, 40, 24, 48},
    {{"ikl", "lkj", "k"}, "ij", 1, 20, 200, 48, 24},
    {{"lik", "kj", "l"}, "lij", 1, 20, 30, 40, 9},
    /* neighbours of rhs: in N, in K */
    {{"kb", "ilkj", "l"}, "bjli", 24, 48, 96, 40, 3},
    {{"ljk", "ikl", "k"}, "ji", 1, 35, 24, 48, 24},
    /* batches */
    {{"bki", "bkj", "bk"}, "bij", 3, 40, 50, 50, 1},
    {{"bki", "bkj", "b"}, "bij", 3, 20, 50, 30, 1},
    {{"bki", "bkj", "bi"}, "ibj", 3, 40, 50, 50, 1},
    {{"bki", "bkj", "k"}, "ijb", 3, 40, 50, 50, 1},
};

enum { N_SHAPES = sizeof shapes / sizeof shapes[0], LARGEST = 16 };

/* Of the operands, weight and what it multiplies alike. */
static const enum einc_dtype types[] = {
    EINC_F32, EINC_F64, EINC_C64, EINC_C128, EINC_F16, EINC_I32,
    EINC_U8,  EINC_I64, EINC_BOOL,
};

enum { N_TYPES = sizeof types / sizeof types[0] };

static int64_t
extent(const struct shape *s, char label)
{
    return label == 'b'   ? s->b
           : label == 'i' ? s->i
           : label == 'j' ? s->j
           : label == 'k' ? s->k
                          : s->l;
}

static int
is_complex(enum einc_dtype t)
{
    return t == EINC_C64 || t == EINC_C128;
}

/* Integers from -3 to 3, from 0 to 3 or from 0 to 1. */
static void
fill(void *to, enum einc_dtype type, int64_t n, unsigned seed)
{
    static const uint16_t half[] = {0xc200, 0xc000, 0xbc00, 0, 0x3c00,
                                    0x4000, 0x4200};
    for (int64_t x = 0; x < n * (1 + is_complex(type)); x++) {
        seed = seed * 1664525u + 1013904223u;
        int v = (int)(seed >> 20) % 7 - 3;
        switch (type) {
        case EINC_F32:
        case EINC_C64:
            ((float *)to)[x] = (float)v;
            break;
        case EINC_F64:
        case EINC_C128:
            ((double *)to)[x] = v;
            break;
        case EINC_I32:
            ((int32_t *)to)[x] = v;
            break;
        case EINC_I64:
            ((int64_t *)to)[x] = v;
            break;
        case EINC_F16:
            ((uint16_t *)to)[x] = half[v + 3];
            break;
        case EINC_BOOL:
            ((uint8_t *)to)[x] = v > 0;
            break;
        default:
            ((uint8_t *)to)[x] = (uint8_t)(v & 3);
        }
    }
}

struct trial {
    char expr[40], text[120];
    struct einc_layout in[3];
    int64_t dims[3][8];
    void *data[3], *want, *got;
    int64_t bytes;
};

static void
put_list(char *to, const char *labels)
{
    for (; *labels; labels++) {
        *to++ = *labels;
        *to++ = labels[1] ? ',' : 0;
    }
    *to = 0;
}

static void
put_text(struct trial *x, const struct shape *s)
{
    char list[4][16];
    for (int o = 0; o < 4; o++)
        put_list(list[o], o < 3 ? s->in[o] : s->out);
    snprintf(x->expr, sizeof x->expr, "%s,%s,%s->%s", s->in[0], s->in[1],
             s->in[2], s->out);
    snprintf(x->text, sizeof x->text,
             "step 1 contract out[%s] = in0[%s] * in1[%s] * in2[%s]\n",
             list[3], list[0], list[1], list[2]);
}

static void
open_trial(struct trial *x, const struct shape *s, enum einc_dtype type,
           enum einc_dtype last)
{
    int64_t out = 1;
    put_text(x, s);
    for (int o = 0; o < 3; o++) {
        int64_t n = 1;
        enum einc_dtype t = o == 1 ? last : type;
        int ndim = (int)strlen(s->in[o]);
        for (int d = 0; d < ndim; d++)
            n *= x->dims[o][d] = extent(s, s->in[o][d]);
        x->in[o] = (struct einc_layout){.size = sizeof x->in[o],
                                        .dtype = (int)t, .ndim = ndim,
                                        .shape = x->dims[o]};
        x->data[o] = malloc((size_t)(n * LARGEST));
        assert_non_null(x->data[o]);
        fill(x->data[o], t, n, (unsigned)o + 1);
    }
    for (const char *l = s->out; *l; l++)
        out *= extent(s, *l);
    x->bytes = out * LARGEST;
    x->want = calloc(1, (size_t)x->bytes);
    x->got = calloc(1, (size_t)x->bytes);
    assert_true(x->want && x->got);
}

static void
close_trial(struct trial *x)
{
    for (int o = 0; o < 3; o++)
        free(x->data[o]);
    free(x->want);
    free(x->got);
}

static struct einc_plan *
compile(struct einc_ctx *ctx, const struct trial *x, enum einc_tier tier)
{
    struct einc_options o = {.size = sizeof o, .tier = (int)tier,
                             .kernel = "gett", .plan_text = x->text};
    struct einc_plan *plan;
    struct einc_err *err = NULL;
    if (einc_compile(ctx, x->expr, 3, x->in, NULL, &o, &plan, &err)) {
        print_error("%s: %s\n", x->expr, einc_err_text(err));
        fail();
    }
    return plan;
}

static void
compare(struct einc_ctx *ctx, const struct trial *x, enum einc_tier tier)
{
    const void *in[] = {x->data[0], x->data[1], x->data[2]};
    struct einc_plan *plan = compile(ctx, x, tier);
    for (int threads = 1; threads <= 2; threads++) {
        struct einc_run_options r = {.size = sizeof r, .threads = threads};
        memset(x->got, 0, (size_t)x->bytes);
        assert_int_equal(einc_run(plan, in, x->got, &r, NULL), EINC_OK);
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
run_case(struct einc_ctx *ctx, const struct shape *s, enum einc_dtype type,
         enum einc_dtype last, int compiled)
{
    struct trial x = {.bytes = 0};
    open_trial(&x, s, type, last);
    const void *in[] = {x.data[0], x.data[1], x.data[2]};
    struct einc_plan *plain = compile(ctx, &x, EINC_TIER_INTERP);
    assert_int_equal(einc_reference(plain, in, x.want, NULL, NULL), EINC_OK);
    einc_plan_free(plain);
    if (compiled)
        compare(ctx, &x, EINC_TIER_INTERP);
    compare(ctx, &x, EINC_TIER_BUILTIN);
    if (compiled)
        compare(ctx, &x, EINC_TIER_CC);
    close_trial(&x);
}

static void
test_shapes(void **state)
{
    for (int s = 0; s < N_SHAPES; s++)
        for (int t = 0; t < N_TYPES; t++)
            if (t == 0 || (s + t) % 4 == 0)
                run_case(*state, &shapes[s], types[t], types[t],
                         t == 0 || (s + t) % 8 == 0);
}

/* Every number of rows and columns around the tile's: of both heights that a
 * task has there is a weight of its own. */
static void
test_remainders(void **state)
{
    for (int64_t m = 2; m <= 30; m++)
        for (int64_t n = 2; n <= 66; n += m % 3 + 1) {
            struct shape s = {{"ki", "kj", m % 2 ? "k" : "ki"}, "ij", 1, m, n,
                              3, 1};
            run_case(*state, &s, types[n % 4], types[n % 4], 0);
        }
}

/* The other operand may be stored as it likes; a weight is stored as what it
 * multiplies. */
static void
test_mixed(void **state)
{
    struct shape s = shapes[0];
    run_case(*state, &s, EINC_F16, EINC_F32, 1);
    run_case(*state, &s, EINC_F32, EINC_F64, 1);
    run_case(*state, &s, EINC_I32, EINC_U8, 1);
    struct trial x = {.bytes = 0};
    struct einc_options o = {.size = sizeof o, .plan_text = x.text};
    struct einc_plan *plan;
    struct einc_err *err = NULL;
    open_trial(&x, &s, EINC_F32, EINC_F32);
    x.in[2].dtype = EINC_F16;
    assert_int_equal(
        einc_compile(*state, x.expr, 3, x.in, NULL, &o, &plan, &err),
        EINC_EINVAL);
    assert_non_null(strstr(einc_err_text(err), "E811"));
    einc_err_free(err);
    close_trial(&x);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes),
                                       cmocka_unit_test(test_remainders),
                                       cmocka_unit_test(test_mixed)};
    return cmocka_run_group_tests(tests, open_ctx, close_ctx);
}

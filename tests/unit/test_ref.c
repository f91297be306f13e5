/* SPDX-License-Identifier: MIT
 *
 * test_ref.c - the oracle against sums done by hand or written as loops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/half.h"
#include "runtime/ref.h"
#include "toy_graph.h"

static const struct mem libc_mem = {einc_mem_libc, NULL};

/* Extents of 'i', 'j' and 'k'; the other letters are not used here. */
static const int64_t *
sizes(int64_t i, int64_t j, int64_t k)
{
    static int64_t e[26];
    e['i' - 'a'] = i;
    e['j' - 'a'] = j;
    e['k' - 'a'] = k;
    return e;
}

/* All operands and the output of one type. */
static void
make(struct toy *t, const char *expr, const int64_t *extent,
     enum einc_dtype type)
{
    enum einc_dtype types[TOY_OPERANDS + 1];
    for (int o = 0; o <= TOY_OPERANDS; o++)
        types[o] = type;
    toy_make(t, expr, extent, types, einc_dtype_info(type)->compute);
}

static void
run(const struct toy *t, const void *a, const void *b, void *out,
    double terms, double *bound)
{
    const void *in[] = {a, b, b};
    assert_int_equal(einc_ref_run(&t->g, &libc_mem, in, out, terms, bound),
                     EINC_OK);
}

static void
test_matmul(void **state)
{
    (void)state;
    struct toy t;
    float a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {7, 8, 9, 10, 11, 12}, c[4];
    double bound[4];
    make(&t, "ij,jk->ik", sizes(2, 3, 2), EINC_F32);
    run(&t, a, b, c, 4, bound);
    static const float want[] = {58, 64, 139, 154};
    for (int i = 0; i < 4; i++) {
        assert_true(c[i] == want[i]);
        /* All terms are positive: the bound is (4 + 1)u of the value. */
        assert_true(bound[i] >= 5 * 0x1p-24 * want[i]);
        assert_true(bound[i] < 5.01 * 0x1p-24 * want[i]);
    }
}

static void
test_axes_in_any_order(void **state)
{
    (void)state;
    struct toy t;
    int32_t a[24], c[24];
    for (int i = 0; i < 24; i++)
        a[i] = i;
    make(&t, "ijk->kij", sizes(2, 3, 4), EINC_I32);
    run(&t, a, NULL, c, 1, NULL);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++)
                assert_int_equal(c[k * 6 + i * 3 + j], i * 12 + j * 4 + k);
}

static void
test_diagonal_broadcast_and_reverse(void **state)
{
    (void)state;
    struct toy t;
    int64_t a[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, out[3], sum[1];
    make(&t, "ii->i", sizes(3, 0, 0), EINC_I64);
    run(&t, a, NULL, out, 1, NULL);
    assert_true(out[0] == 1 && out[1] == 5 && out[2] == 9);
    make(&t, "ii->", sizes(3, 0, 0), EINC_I64);
    run(&t, a, NULL, sum, 1, NULL);
    assert_true(sum[0] == 15);
    make(&t, "i->i", sizes(3, 0, 0), EINC_I64);
    t.rows[0].axes[0].stride = -2;
    run(&t, a + 4, NULL, out, 1, NULL);
    assert_true(out[0] == 5 && out[1] == 3 && out[2] == 1);
    /* An operand that does not hold an index is repeated by it. */
    make(&t, "i,i->", sizes(3, 0, 0), EINC_I64);
    t.in[1].n_axes = 0;
    run(&t, a, a + 8, sum, 1, NULL);
    assert_true(sum[0] == 54);
    make(&t, "ij->", sizes(2, 3, 0), EINC_I64);
    t.rows[0].axes[0].stride = t.rows[0].axes[1].stride = 0;
    run(&t, a, NULL, sum, 1, NULL);
    assert_true(sum[0] == 6);
}

/* Strides of the output are free; its bound is dense all the same. */
static void
test_strided_output(void **state)
{
    (void)state;
    struct toy t;
    double a[6] = {1, 2, 3, 4, 5, 6}, out[12], bound[6];
    for (int i = 0; i < 12; i++)
        out[i] = -1;
    make(&t, "ij->ji", sizes(2, 3, 0), EINC_F64);
    t.rows[TOY_OPERANDS].axes[0].stride = -4; /* j */
    t.rows[TOY_OPERANDS].axes[1].stride = 2;  /* i */
    run(&t, a, NULL, out + 8, 1, bound);
    static const double want[] = {3, -1, 6, -1, 2, -1, 5, -1, 1, -1, 4, -1};
    for (int i = 0; i < 12; i++)
        assert_true(out[i] == want[i]);
    for (int j = 0; j < 3; j++)
        for (int i = 0; i < 2; i++)
            assert_true(bound[2 * j + i] >= 0x1p-52 * a[3 * i + j] &&
                        bound[2 * j + i] < 0x1.1p-52 * a[3 * i + j]);
}

static void
test_empty(void **state)
{
    (void)state;
    struct toy t;
    float a[1] = {7}, out[6] = {9, 9, 9, 9, 9, 9};
    double bound[6];
    make(&t, "ij,jk->ik", sizes(2, 0, 3), EINC_F32);
    run(&t, a, a, out, 1, bound);
    for (int i = 0; i < 6; i++)
        assert_true(out[i] == 0 && bound[i] < 1e-40);
    out[0] = 9;
    make(&t, "ij,jk->ik", sizes(0, 2, 3), EINC_F32);
    run(&t, a, a, out, 1, bound);
    assert_true(out[0] == 9);
    make(&t, "->", sizes(0, 0, 0), EINC_F32);
    run(&t, a, NULL, out, 1, bound);
    assert_true(out[0] == 7);
}

static void
test_integers_wrap(void **state)
{
    (void)state;
    struct toy t;
    int8_t a[3] = {100, 100, 100}, b[3] = {2, 2, 2}, c[1];
    double bound[1] = {1};
    make(&t, "i,i->", sizes(3, 0, 0), EINC_I8);
    run(&t, a, b, c, 1, bound);
    assert_int_equal(c[0], 88);
    assert_true(bound[0] == 0);
    int32_t x[1] = {INT32_MAX}, y[1] = {2}, z[1];
    make(&t, "i,i->", sizes(1, 0, 0), EINC_I32);
    run(&t, x, y, z, 1, NULL);
    assert_int_equal(z[0], -2);
    uint64_t p[2] = {UINT64_MAX, 5}, q[2] = {3, 7}, r[1];
    make(&t, "i,i->", sizes(2, 0, 0), EINC_U64);
    run(&t, p, q, r, 1, NULL);
    assert_true(r[0] == 32);
    /* Wraps at 32 bits even where a wider output could hold it. */
    enum einc_dtype types[] = {EINC_I32, EINC_I32, EINC_I64};
    int64_t wide[1];
    toy_make(&t, "i,i->", sizes(1, 0, 0), types, EINC_I32);
    run(&t, x, y, wide, 1, NULL);
    assert_true(wide[0] == -2);
}

static void
test_bool_is_and_or(void **state)
{
    (void)state;
    struct toy t;
    uint8_t a[4] = {1, 0, 2, 0}, b[2] = {1, 1}, out[2];
    make(&t, "ij,j->i", sizes(2, 2, 0), EINC_BOOL);
    run(&t, a, b, out, 1, NULL);
    assert_true(out[0] == 1 && out[1] == 1);
    b[0] = 0;
    run(&t, a, b, out, 1, NULL);
    assert_true(out[0] == 0 && out[1] == 0);
}

/* (1 + 2i)(3 - 4i) + (-5i)(i) = 11 + 2i + 5; no conjugation. */
static void
test_complex(void **state)
{
    (void)state;
    struct toy t;
    double a[4] = {1, 2, 0, -5}, b[4] = {3, -4, 0, 1}, c[2], bound[2];
    make(&t, "i,i->", sizes(2, 0, 0), EINC_C128);
    run(&t, a, b, c, 3, bound);
    assert_true(c[0] == 16 && c[1] == 2);
    /* |re| parts: 3 + 8 + 5, |im| parts: 4 + 6; 3 + 1 + 1 roundings. */
    assert_true(bound[0] >= 5 * 0x1p-53 * 16);
    assert_true(bound[0] < 5.01 * 0x1p-53 * 16);
    assert_true(bound[1] == bound[0]);
}

/* Sums of halves are not made in halves: 4096 ones are 4096. */
static void
test_halves_sum_wide(void **state)
{
    (void)state;
    struct toy t;
    static uint16_t a[4096];
    uint16_t out[1];
    double bound[1];
    for (int i = 0; i < 4096; i++)
        a[i] = half_f32_to_f16(1);
    make(&t, "i->", sizes(4096, 0, 0), EINC_F16);
    run(&t, a, NULL, out, 64, bound);
    assert_true(half_f16_to_f32(out[0]) == 4096);
    /* Dominated by twice half an ulp of f16. */
    assert_true(bound[0] >= 4 && bound[0] < 4.1);
    for (int i = 0; i < 4096; i++)
        a[i] = half_f32_to_bf16(0.5f);
    make(&t, "i->", sizes(4096, 0, 0), EINC_BF16);
    run(&t, a, NULL, out, 64, bound);
    assert_true(half_bf16_to_f32(out[0]) == 2048);
    assert_true(bound[0] >= 16 && bound[0] < 16.1);
}

/* Each operand becomes the compute type first: 2^24 + 1 is no f32, and
 * 2^53 + 1 no f64. */
static void
test_mixed_types(void **state)
{
    (void)state;
    struct toy t;
    int64_t a[1] = {(INT64_C(1) << 53) + 1};
    float b[1] = {1};
    double c[1];
    enum einc_dtype types[] = {EINC_I64, EINC_F32, EINC_F64};
    toy_make(&t, "i,i->", sizes(1, 0, 0), types, EINC_F64);
    run(&t, a, b, c, 1, NULL);
    assert_true(c[0] == 0x1p53);
    uint64_t u[1] = {UINT64_MAX};
    types[0] = EINC_U64;
    toy_make(&t, "i,i->", sizes(1, 0, 0), types, EINC_F64);
    run(&t, u, b, c, 1, NULL);
    assert_true(c[0] == 0x1p64);
    int8_t s[1] = {-3};
    float z[2];
    float w[2] = {1, 2};
    enum einc_dtype mixed[] = {EINC_I8, EINC_C64, EINC_C64};
    toy_make(&t, "i,i->", sizes(1, 0, 0), mixed, EINC_C64);
    run(&t, s, w, z, 1, NULL);
    assert_true(z[0] == -3 && z[1] == -6);
}

/* Cancellation that a double accumulator would not survive. */
static void
test_accumulates_wider_than_double(void **state)
{
    (void)state;
    if (sizeof(long double) == sizeof(double))
        skip();
    struct toy t;
    double a[3] = {1e16, 1, -1e16}, out[1], bound[1];
    make(&t, "i->", sizes(3, 0, 0), EINC_F64);
    run(&t, a, NULL, out, 2, bound);
    assert_true(out[0] == 1);
    assert_true(bound[0] > 3 * 0x1p-53 * 2e16 && bound[0] < 10);
}

static void
test_no_bound_is_nan(void **state)
{
    (void)state;
    struct toy t;
    float a[2] = {INFINITY, 1}, out[1];
    double bound[1];
    make(&t, "i->", sizes(2, 0, 0), EINC_F32);
    run(&t, a, NULL, out, 1, bound);
    assert_true(isinf(out[0]) && isnan(bound[0]));
    a[0] = NAN;
    run(&t, a, NULL, out, 1, bound);
    assert_true(isnan(out[0]) && isnan(bound[0]));
    a[0] = 0x1.fffffep+127f;
    a[1] = -a[0]; /* the sum is 0, but any order overflows on the way */
    run(&t, a, NULL, out, 1, bound);
    assert_true(out[0] == 0 && isnan(bound[0]));
    a[0] = a[1] = 1;
    run(&t, a, NULL, out, 0x1p24, bound);
    assert_true(out[0] == 2 && isnan(bound[0]));
    uint16_t h[2], sum[1];
    h[0] = h[1] = half_f32_to_f16(32752);
    make(&t, "i->", sizes(2, 0, 0), EINC_F16);
    run(&t, h, NULL, sum, 1, bound);
    assert_true(half_f16_to_f32(sum[0]) == 65504 && isnan(bound[0]));
}

/* A copy is no sum that starts at +0. */
static void
test_copy_keeps_negative_zero(void **state)
{
    (void)state;
    struct toy t;
    float a[1] = {-0.0f}, out[1];
    make(&t, "i->i", sizes(1, 0, 0), EINC_F32);
    run(&t, a, NULL, out, 1, NULL);
    assert_true(signbit(out[0]));
}

static void
test_factor(void **state)
{
    (void)state;
    struct toy t;
    int8_t a[2] = {50, 3}, out[1];
    make(&t, "i->", sizes(2, 0, 0), EINC_I8);
    t.g.factor = 4;
    run(&t, a, NULL, out, 1, NULL);
    assert_int_equal(out[0], 212 - 256);
    float f[2] = {1.5f, -4}, sum[1];
    double bound[1];
    make(&t, "i->", sizes(2, 0, 0), EINC_F32);
    t.g.factor = 4;
    run(&t, f, NULL, sum, 1, bound);
    assert_true(sum[0] == -10);
    assert_true(bound[0] >= 0x1p-23 * 22 && bound[0] < 0x1.01p-23 * 22);
}

static void *
no_memory(void *user, void *old, size_t old_bytes, size_t bytes)
{
    (void)user;
    (void)old;
    (void)old_bytes;
    (void)bytes;
    return NULL;
}

static void
test_no_memory(void **state)
{
    (void)state;
    struct toy t;
    struct mem none = {no_memory, NULL};
    float a[1] = {1}, out[1] = {5};
    make(&t, "i->i", sizes(1, 0, 0), EINC_F32);
    assert_int_equal(einc_ref_run(&t.g, &none, (const void *[]){a}, out, 1,
                                  NULL), EINC_ENOMEM);
    assert_true(out[0] == 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_axes_in_any_order),
        cmocka_unit_test(test_diagonal_broadcast_and_reverse),
        cmocka_unit_test(test_strided_output),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_integers_wrap),
        cmocka_unit_test(test_bool_is_and_or),
        cmocka_unit_test(test_complex),
        cmocka_unit_test(test_halves_sum_wide),
        cmocka_unit_test(test_mixed_types),
        cmocka_unit_test(test_accumulates_wider_than_double),
        cmocka_unit_test(test_no_bound_is_nan),
        cmocka_unit_test(test_copy_keeps_negative_zero),
        cmocka_unit_test(test_factor),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 * test_value.c - numbers of the command line and of arrays, both ways. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli/value.h"

static void
parses(void **state)
{
    static const struct {
        const char *text;
        double re, im;
    } rows[] = {
        {"2", 2, 0},         {"-1.5e3", -1500, 0}, {"+0.25", 0.25, 0},
        {"1+2j", 1, 2},      {"1-2j", 1, -2},      {"3j", 0, 3},
        {"j", 0, 1},         {"-j", 0, -1},        {"1-j", 1, -1},
        {"-1e2-1e1j", -100, -10}, {"0x10", 16, 0}, {"inf", INFINITY, 0},
    };
    struct value v;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(einc_value_parse(rows[i].text, &v));
        assert_true(v.re == rows[i].re);
        assert_true(v.im == rows[i].im);
    }
    assert_true(einc_value_parse("nan", &v) && isnan(v.re));
}

static void
refuses(void **state)
{
    static const char *const rows[] = {
        "", " ", "x", "1x", "1 ", " 1", "1+2", "1+ 2j", "1+-2j", "2jj", "+",
        "1,5", "j1", "--1",
    };
    struct value v;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (einc_value_parse(rows[i], &v))
            fail_msg("'%s' was taken for a number", rows[i]);
}

static void
stores(void **state)
{
    unsigned char p[16];
    const struct value minus = {-3, 0}, large = {4294967295.0L, 0};
    const struct value too_large = {4294967296.0L, 0}, part = {0.5L, 0};
    const struct value complex = {1, -2}, all = {18446744073709551615.0L, 0};
    uint32_t u32;
    uint64_t u64;
    int32_t i32;
    float c64[2];

    (void)state;
    assert_true(einc_value_store(EINC_I32, minus, p));
    memcpy(&i32, p, sizeof(i32));
    assert_int_equal(i32, -3);
    assert_true(einc_value_store(EINC_I32, large, p));
    memcpy(&u32, p, sizeof(u32));
    assert_true(u32 == UINT32_MAX);
    assert_true(einc_value_store(EINC_I64, all, p));
    memcpy(&u64, p, sizeof(u64));
    assert_true(u64 == UINT64_MAX);
    assert_true(einc_value_store(EINC_C64, complex, p));
    memcpy(c64, p, sizeof(c64));
    assert_true(c64[0] == 1 && c64[1] == -2);
    assert_false(einc_value_store(EINC_I32, too_large, p));
    assert_false(einc_value_store(EINC_I64, part, p));
    assert_false(einc_value_store(EINC_F64, complex, p));
    assert_false(einc_value_store(EINC_BOOL, minus, p));
}

/* Bits of binary16 and bf16 and what they stand for. */
static void
loads_halves(void **state)
{
    static const struct {
        enum einc_dtype dtype;
        uint16_t bits;
        long double x;
    } rows[] = {
        {EINC_F16, 0x3c00, 1},           {EINC_F16, 0xc000, -2},
        {EINC_F16, 0x7bff, 65504},       {EINC_F16, 0x0001, 0x1p-24L},
        {EINC_F16, 0x03ff, 0x3ffp-24L},  {EINC_F16, 0x0400, 0x1p-14L},
        {EINC_F16, 0xfc00, -INFINITY},   {EINC_BF16, 0x3f80, 1},
        {EINC_BF16, 0xc040, -3},         {EINC_BF16, 0x7f80, INFINITY},
    };
    const uint16_t nan_bits = 0x7e00, minus_zero = 0x8000;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_true(einc_value_load(rows[i].dtype, &rows[i].bits).re
                    == rows[i].x);
    assert_true(isnan(einc_value_load(EINC_F16, &nan_bits).re));
    assert_true(signbit(einc_value_load(EINC_F16, &minus_zero).re));
}

/* Both ends of the integers survive, on machines with a wide long double. */
static void
loads_integers(void **state)
{
    const int64_t low = INT64_MIN;
    const uint64_t high = UINT64_MAX;
    const int8_t small = -128;
    const uint8_t truth = 2;

    (void)state;
    assert_true(einc_value_load(EINC_I64, &low).re == (long double)low);
    assert_true(einc_value_load(EINC_U64, &high).re == (long double)high);
    assert_true(einc_value_load(EINC_I8, &small).re == -128);
    assert_true(einc_value_load(EINC_BOOL, &truth).re == 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses),       cmocka_unit_test(refuses),
        cmocka_unit_test(stores),       cmocka_unit_test(loads_halves),
        cmocka_unit_test(loads_integers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * test_half.c - every 16-bit pattern, and every midpoint between neighbours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/half.h"

/* One of the two formats, by its numbers. */
struct format {
    int fraction_bits, bias, top_exponent;
    float (*widen)(uint16_t);
    uint16_t (*narrow)(float);
};

static const struct format formats[] = {
    {10, 15, 31, half_f16_to_f32, half_f32_to_f16},
    {7, 127, 255, half_bf16_to_f32, half_f32_to_bf16},
};

/* The value that the definition of the format gives to a finite pattern. */
static double
value_of(const struct format *f, unsigned bits)
{
    int m = (int)(bits & ((1u << f->fraction_bits) - 1));
    int e = (int)(bits & 0x7fff) >> f->fraction_bits;
    if (e == 0)
        e = 1;
    else
        m += 1 << f->fraction_bits;
    return ldexp(bits & 0x8000 ? -m : m, e - f->bias - f->fraction_bits);
}

static unsigned
infinity_of(const struct format *f)
{
    return (unsigned)f->top_exponent << f->fraction_bits;
}

static void
test_widen_every_pattern(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        for (unsigned h = 0; h < 65536; h++) {
            const struct format *f = &formats[i];
            float got = f->widen((uint16_t)h);
            unsigned a = h & 0x7fff;
            assert_int_equal(!!signbit(got), h >> 15);
            if (a > infinity_of(f))
                assert_true(isnan(got));
            else if (a == infinity_of(f))
                assert_true(isinf(got));
            else
                assert_true((double)got == value_of(f, h));
        }
}

static void
test_narrow_is_the_inverse(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        for (unsigned h = 0; h < 65536; h++) {
            const struct format *f = &formats[i];
            unsigned back = f->narrow(f->widen((uint16_t)h));
            unsigned quiet = 1u << (f->fraction_bits - 1);
            if ((h & 0x7fff) > infinity_of(f))
                assert_int_equal(back, h | quiet);
            else
                assert_int_equal(back, h);
        }
}

/* Between each two neighbours, the largest finite and infinity included:
 * below the midpoint goes down, above goes up, the midpoint to the even. */
static void
test_narrow_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        for (unsigned h = 0; h < infinity_of(&formats[i]); h++) {
            const struct format *f = &formats[i];
            double next = value_of(f, h + 1); /* 2^k where infinity stands */
            float mid = (float)((value_of(f, h) + next) / 2);
            unsigned even = h + (h & 1);
            assert_int_equal(f->narrow(mid), even);
            assert_int_equal(f->narrow(-mid), even | 0x8000);
            assert_int_equal(f->narrow(nextafterf(mid, 0)), h);
            assert_int_equal(f->narrow(nextafterf(mid, INFINITY)), h + 1);
            assert_int_equal(f->narrow(-nextafterf(mid, INFINITY)),
                             (h + 1) | 0x8000);
        }
}

static void
test_narrow_extremes(void **state)
{
    (void)state;
    assert_int_equal(half_f32_to_f16(INFINITY), 0x7c00);
    assert_int_equal(half_f32_to_f16(-INFINITY), 0xfc00);
    assert_int_equal(half_f32_to_f16(0x1.fffffep+127f), 0x7c00);
    assert_int_equal(half_f32_to_f16(0x1p-149f), 0);
    assert_int_equal(half_f32_to_f16(-0x1p-149f), 0x8000);
    assert_int_equal(half_f32_to_f16(65504), 0x7bff);
    assert_int_equal(half_f32_to_f16(65519), 0x7bff);
    assert_int_equal(half_f32_to_f16(65520), 0x7c00);
    assert_int_equal(half_f32_to_bf16(0x1.fffffep+127f), 0x7f80);
    assert_int_equal(half_f32_to_bf16(0x1p-149f), 0);
    assert_int_equal(half_f32_to_bf16(1.0f), 0x3f80);
    /* A NaN whose payload lies in the lost bits only stays a NaN. */
    assert_int_equal(half_f32_to_f16(half_float_of(0x7f800001u)), 0x7e00);
    assert_int_equal(half_f32_to_bf16(half_float_of(0x7f800001u)), 0x7fc0);
    assert_int_equal(half_f32_to_bf16(half_float_of(0xffffffffu)), 0xffff);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_widen_every_pattern),
        cmocka_unit_test(test_narrow_is_the_inverse),
        cmocka_unit_test(test_narrow_rounds_to_nearest_even),
        cmocka_unit_test(test_narrow_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * test_dtype.c - the table of element types against numpy's answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/dtype.h"

/* numpy 2's result_type() of every pair, in the order of enum einc_dtype.
 * The bf16 row and column are ours: bf16 stands where f16 would. */
static const char *const promoted[] = {
    "bool:"
    " bool i8 u8 i16 u16 i32 u32 i64 u64 f16 bf16 f32 f64 c64 c128",
    "i8:"
    " i8 i8 i16 i16 i32 i32 i64 i64 f64 f16 bf16 f32 f64 c64 c128",
    "u8:"
    " u8 i16 u8 i16 u16 i32 u32 i64 u64 f16 bf16 f32 f64 c64 c128",
    "i16:"
    " i16 i16 i16 i16 i32 i32 i64 i64 f64 f32 f32 f32 f64 c64 c128",
    "u16:"
    " u16 i32 u16 i32 u16 i32 u32 i64 u64 f32 f32 f32 f64 c64 c128",
    "i32:"
    " i32 i32 i32 i32 i32 i32 i64 i64 f64 f64 f64 f64 f64 c128 c128",
    "u32:"
    " u32 i64 u32 i64 u32 i64 u32 i64 u64 f64 f64 f64 f64 c128 c128",
    "i64:"
    " i64 i64 i64 i64 i64 i64 i64 i64 f64 f64 f64 f64 f64 c128 c128",
    "u64:"
    " u64 f64 u64 f64 u64 f64 u64 f64 u64 f64 f64 f64 f64 c128 c128",
    "f16:"
    " f16 f16 f16 f32 f32 f64 f64 f64 f64 f16 f32 f32 f64 c64 c128",
    "bf16:"
    " bf16 bf16 bf16 f32 f32 f64 f64 f64 f64 f32 bf16 f32 f64 c64"
    " c128",
    "f32:"
    " f32 f32 f32 f32 f32 f64 f64 f64 f64 f32 f32 f32 f64 c64 c128",
    "f64:"
    " f64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64 c128 c128",
    "c64:"
    " c64 c64 c64 c64 c64 c128 c128 c128 c128 c64 c64 c64 c128 c64"
    " c128",
    "c128:"
    " c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128"
    " c128 c128 c128",
};

/* numpy's can_cast(column, row, "safe"), same order; bf16 is ours. */
static const char *const holds[] = {
    "100000000000000", /* bool */
    "110000000000000", /* i8 */
    "101000000000000", /* u8 */
    "111100000000000", /* i16 */
    "101010000000000", /* u16 */
    "111111000000000", /* i32 */
    "101010100000000", /* u32 */
    "111111110000000", /* i64 */
    "101010101000000", /* u64 */
    "111000000100000", /* f16 */
    "111000000010000", /* bf16 */
    "111110000111000", /* f32 */
    "111111111111100", /* f64 */
    "111110000111010", /* c64 */
    "111111111111111", /* c128 */
};

enum { N_TYPES = sizeof holds / sizeof *holds };

/* The word of `row` at column `column`, as a type. */
static enum einc_dtype
word_at(const char *row, int column)
{
    char word[8] = "";
    const char *p = strchr(row, ':') + 1;
    for (int i = 0; i < column; i++)
        p = strchr(p + 1, ' ');
    p++;
    memcpy(word, p, strcspn(p, " "));
    return einc_dtype_parse(word);
}

static void
test_promote_as_numpy(void **state)
{
    (void)state;
    for (int a = EINC_BOOL; a <= EINC_C128; a++)
        for (int b = EINC_BOOL; b <= EINC_C128; b++) {
            enum einc_dtype want = word_at(promoted[a - 1], b - 1);
            enum einc_dtype got = einc_dtype_promote(
                (enum einc_dtype)a, (enum einc_dtype)b);
            assert_true(einc_dtype_valid((int)want));
            assert_string_equal(einc_dtype_name(got), einc_dtype_name(want));
        }
}

static void
test_holds_as_numpy(void **state)
{
    (void)state;
    for (int to = 1; to <= N_TYPES; to++)
        for (int from = 1; from <= N_TYPES; from++)
            assert_int_equal(einc_dtype_holds((enum einc_dtype)to,
                                              (enum einc_dtype)from),
                             holds[to - 1][from - 1] == '1');
}

/* The order of operands never changes a type. */
static void
test_promote_commutes(void **state)
{
    (void)state;
    for (int a = 1; a <= N_TYPES; a++)
        for (int b = 1; b <= N_TYPES; b++)
            assert_int_equal(
                einc_dtype_promote((enum einc_dtype)a, (enum einc_dtype)b),
                einc_dtype_promote((enum einc_dtype)b, (enum einc_dtype)a));
}

static void
test_names(void **state)
{
    (void)state;
    for (int t = 1; t <= N_TYPES; t++) {
        const char *name = einc_dtype_name((enum einc_dtype)t);
        assert_non_null(name);
        assert_int_equal(einc_dtype_parse(name), t);
    }
    assert_null(einc_dtype_name(EINC_DTYPE_NONE));
    assert_null(einc_dtype_name((enum einc_dtype)(N_TYPES + 1)));
    assert_null(einc_dtype_name((enum einc_dtype)-1));
    assert_int_equal(einc_dtype_parse("float32"), EINC_DTYPE_NONE);
    assert_int_equal(einc_dtype_parse(""), EINC_DTYPE_NONE);
    assert_int_equal(einc_dtype_parse(NULL), EINC_DTYPE_NONE);
    assert_int_equal(einc_dtype_parse("f3"), EINC_DTYPE_NONE);
}

static void
test_bytes(void **state)
{
    (void)state;
    static const size_t bytes[] = {0, 1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 2, 4, 8,
                                   8, 16, 0};
    for (int t = 0; t <= N_TYPES + 1; t++)
        assert_int_equal(einc_dtype_bytes((enum einc_dtype)t), bytes[t]);
}

static void
test_compute(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"bool", "bool"}, {"i8", "i32"},   {"u8", "i32"},  {"i16", "i32"},
        {"u16", "i32"},   {"i32", "i32"},  {"u32", "i32"}, {"i64", "i64"},
        {"u64", "i64"},   {"f16", "f32"},  {"bf16", "f32"}, {"f32", "f32"},
        {"f64", "f64"},   {"c64", "c64"},  {"c128", "c128"},
    };
    for (int i = 0; i < N_TYPES; i++) {
        enum einc_dtype t = einc_dtype_parse(pairs[i][0]);
        assert_string_equal(einc_dtype_name(einc_dtype_info(t)->compute),
                            pairs[i][1]);
    }
}

static void
test_roundoff(void **state)
{
    (void)state;
    assert_true(einc_dtype_roundoff(EINC_F32) == 0x1p-24);
    assert_true(einc_dtype_roundoff(EINC_C128) == 0x1p-53);
    assert_true(einc_dtype_roundoff(EINC_F16) == 0x1p-11);
    assert_true(einc_dtype_roundoff(EINC_BF16) == 0x1p-8);
    assert_true(einc_dtype_roundoff(EINC_I32) == 0);
    assert_true(einc_dtype_roundoff(EINC_BOOL) == 0);
}

/* What LANGUAGE E28 gives as examples. */
static void
test_language_examples(void **state)
{
    (void)state;
    assert_int_equal(einc_dtype_promote(EINC_I32, EINC_F32), EINC_F64);
    assert_int_equal(einc_dtype_promote(EINC_U8, EINC_I8), EINC_I16);
    assert_int_equal(einc_dtype_promote(EINC_U64, EINC_I8), EINC_F64);
    assert_int_equal(einc_dtype_promote(EINC_F16, EINC_F32), EINC_F32);
    assert_int_equal(einc_dtype_promote(EINC_F32, EINC_C64), EINC_C64);
    assert_int_equal(einc_dtype_promote(EINC_I8, EINC_BF16), EINC_BF16);
    assert_int_equal(einc_dtype_promote(EINC_F16, EINC_BF16), EINC_F32);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_promote_as_numpy),
        cmocka_unit_test(test_holds_as_numpy),
        cmocka_unit_test(test_promote_commutes),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_compute),
        cmocka_unit_test(test_roundoff),
        cmocka_unit_test(test_language_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

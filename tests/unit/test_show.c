/* SPDX-License-Identifier: MIT
 * test_show.c - arrays as text. The expected texts follow numpy's layout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/show.h"

static void
shows(enum einc_dtype dtype, int ndim, const int64_t *shape, const void *data,
      const char *expected)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    assert_non_null(f);
    einc_show(f, dtype, ndim, shape, data);
    assert_int_equal(fclose(f), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void
scalars(void **state)
{
    const double d = 2.5;
    const float two = 2, small = 1e-9f;
    const int64_t low = INT64_MIN;
    const float c[2] = {1, -0.5f};
    const unsigned char truth = 1;

    (void)state;
    shows(EINC_F64, 0, NULL, &d, "2.5\n");
    shows(EINC_F32, 0, NULL, &two, "2.\n");
    shows(EINC_F32, 0, NULL, &small, "1e-09\n");
    shows(EINC_I64, 0, NULL, &low, "-9223372036854775808\n");
    shows(EINC_C64, 0, NULL, c, "1.-0.5j\n");
    shows(EINC_BOOL, 0, NULL, &truth, "True\n");
}

static void
small_arrays(void **state)
{
    const float f[6] = {0, 1, 2, 10, 11.5f, -3};
    const int32_t i[8] = {1, 2, 3, 4, 5, 6, 7, 8};

    (void)state;
    shows(EINC_F32, 1, (const int64_t[]){3}, f, "[0. 1. 2.]\n");
    shows(EINC_F32, 2, (const int64_t[]){2, 3}, f,
          "[[  0.   1.   2.]\n [ 10. 11.5  -3.]]\n");
    shows(EINC_I32, 3, (const int64_t[]){2, 2, 2}, i,
          "[[[1 2]\n  [3 4]]\n\n [[5 6]\n  [7 8]]]\n");
    shows(EINC_I32, 2, (const int64_t[]){2, 0}, i, "[]\ni32 2x0\n");
}

static void
long_rows_wrap(void **state)
{
    int32_t i[30];
    const char *expected =
        "[100 101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116"
        " 117\n 118 119 120 121 122 123 124 125 126 127 128 129]\n";

    (void)state;
    for (int k = 0; k < 30; k++)
        i[k] = 100 + k;
    shows(EINC_I32, 1, (const int64_t[]){30}, i, expected);
}

static void
large_arrays_have_corners(void **state)
{
    int16_t *x = calloc(40 * 50, sizeof(*x));

    (void)state;
    assert_non_null(x);
    for (int k = 0; k < 40 * 50; k++)
        x[k] = (int16_t)k;
    shows(EINC_I16, 2, (const int64_t[]){40, 50}, x,
          "[[   0    1    2 ...   47   48   49]\n"
          " [  50   51   52 ...   97   98   99]\n"
          " [ 100  101  102 ...  147  148  149]\n"
          " ...\n"
          " [1850 1851 1852 ... 1897 1898 1899]\n"
          " [1900 1901 1902 ... 1947 1948 1949]\n"
          " [1950 1951 1952 ... 1997 1998 1999]]\n"
          "i16 40x50\n");
    free(x);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars),
        cmocka_unit_test(small_arrays),
        cmocka_unit_test(long_rows_wrap),
        cmocka_unit_test(large_arrays_have_corners),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

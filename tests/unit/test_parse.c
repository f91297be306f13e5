/* SPDX-License-Identifier: MIT
 *
 * test_parse.c - struct expr from texts and from integer labels: places,
 * limits and sizes that records cannot show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "front.h"

static void
open_expr(struct front *f, const char *text)
{
    front_open(f, 1 << 20);
    f->source = str_of(text);
    f->stop_after_expr = 1;
}

static void
assert_label(const struct label *b, const char *name, int begin, int end)
{
    assert_true(str_equal(b->name, str_of(name)));
    assert_int_equal(b->at.begin, begin);
    assert_int_equal(b->at.end, end);
}

static void
test_places(void **state)
{
    (void)state;
    struct front f;
    open_expr(&f, " i{ab}... j,, \xce\xb1->j");
    assert_int_equal(front_run(&f), EINC_OK);
    const struct expr *e = f.expr;
    assert_int_equal(e->n_inputs, 3);
    assert_false(e->named);
    assert_false(e->integers);
    assert_true(str_equal(e->source, f.source));
    const struct term *t = &e->inputs[0];
    assert_int_equal(t->n_labels, 3);
    assert_label(&t->labels[0], "i", 1, 2);
    assert_label(&t->labels[1], "ab", 2, 6);
    assert_label(&t->labels[2], "j", 10, 11);
    assert_int_equal(t->ellipsis, 2);
    assert_int_equal(t->ellipsis_at.begin, 6);
    assert_int_equal(t->ellipsis_at.end, 9);
    assert_int_equal(t->at.begin, 1);
    assert_int_equal(t->at.end, 11);
    assert_int_equal(e->inputs[1].n_labels, 0);
    assert_int_equal(e->inputs[1].ellipsis, -1);
    assert_int_equal(e->inputs[1].at.begin, 12);
    assert_int_equal(e->inputs[1].at.end, 12);
    assert_label(&e->inputs[2].labels[0], "\xce\xb1", 14, 16);
    assert_true(e->has_output);
    assert_int_equal(e->arrow.begin, 16);
    assert_int_equal(e->arrow.end, 18);
    assert_label(&e->output.labels[0], "j", 18, 19);
    front_close(&f);
}

static void
test_no_output(void **state)
{
    (void)state;
    struct front f;
    open_expr(&f, "ij");
    assert_int_equal(front_run(&f), EINC_OK);
    assert_false(f.expr->has_output);
    assert_int_equal(f.expr->output.ellipsis, -1);
    f.source = str_of("ij->");
    assert_int_equal(front_run(&f), EINC_OK);
    assert_true(f.expr->has_output);
    assert_int_equal(f.expr->output.n_labels, 0);
    front_close(&f);
}

/* The five that fit are kept; the phase is left at the sixth. */
static void
test_many_faults(void **state)
{
    (void)state;
    struct front f;
    open_expr(&f, "a!b\"c#d$e%f&g'h(i)");
    assert_int_equal(front_run(&f), EINC_EPARSE);
    assert_int_equal(f.cx.n_diags, MAX_DIAGS);
    for (int i = 0; i < MAX_DIAGS; i++) {
        assert_string_equal(f.cx.diags[i].code, "E101");
        assert_int_equal(f.cx.diags[i].marks[0].begin, 2 * i + 1);
    }
    front_close(&f);
}

static void
test_text_too_long(void **state)
{
    (void)state;
    struct front f;
    open_expr(&f, "");
    f.source.n = (int64_t)1 << 30;
    f.source.n++;
    assert_int_equal(front_run(&f), EINC_ELIMIT);
    assert_string_equal(f.cx.diags[0].code, "E807");
    front_close(&f);
}

/* A megabyte of one wrong kind is one line of report. */
static void
test_long_faults(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    static const char bad[] = {'.', '\x80', '1', '_', '%', '-', '{'};
    char *text = malloc(N);
    for (size_t i = 0; i < sizeof bad; i++) {
        struct front f;
        front_open(&f, (size_t)64 << 20);
        f.stop_after_expr = 1;
        memset(text, bad[i], N);
        text[0] = 'a';
        f.source = (struct str){text, N};
        assert_int_equal(front_run(&f), EINC_EPARSE);
        assert_int_equal(f.cx.n_diags, 1);
        assert_true(strlen(front_report(&f)) < 500);
        front_close(&f);
    }
    free(text);
}

static void
test_hundred_thousand_operands(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct front f;
    char *text = malloc((size_t)24 * N), *s = text;
    front_open(&f, (size_t)64 << 20);
    for (int k = 0; k < N; k++)
        s += sprintf(s, "%s{x%d}{x%d}", k ? "," : "", k, k + 1);
    f.source = (struct str){text, s - text};
    f.stop_after_expr = 1;
    assert_int_equal(front_run(&f), EINC_OK);
    assert_int_equal(f.expr->n_inputs, N);
    const struct label *last = &f.expr->inputs[N - 1].labels[1];
    assert_true(str_equal(last->name, str_of("x100000")));
    front_close(&f);
    free(text);
}

static void
test_integer_labels(void **state)
{
    (void)state;
    const int32_t a[] = {0, EINC_ELLIPSIS, 10}, out[] = {2147483647};
    const int32_t *const ids[] = {a, NULL, out};
    const size_t n_ids[] = {3, 0, 1};
    struct front f;
    open_expr(&f, "");
    f.ids = ids;
    f.n_ids = n_ids;
    f.n_in = 3;
    f.out_ids = out;
    f.n_out_ids = 1;
    assert_int_equal(front_run(&f), EINC_OK);
    const struct expr *e = f.expr;
    assert_true(str_equal(e->source,
                          str_of("0 ... 10, , 2147483647 -> 2147483647")));
    assert_true(str_equal(f.cx.source, e->source));
    assert_true(e->integers);
    assert_int_equal(e->inputs[0].n_labels, 2);
    assert_label(&e->inputs[0].labels[1], "10", 6, 8);
    assert_int_equal(e->inputs[0].ellipsis, 1);
    assert_int_equal(e->inputs[1].at.begin, 10);
    assert_label(&e->output.labels[0], "2147483647", 26, 36);
    f.n_out_ids = 0;
    assert_int_equal(front_run(&f), EINC_OK);
    assert_true(f.expr->has_output);
    f.out_ids = NULL;
    assert_int_equal(front_run(&f), EINC_OK);
    assert_false(f.expr->has_output);
    assert_true(str_equal(f.expr->source, str_of("0 ... 10, , 2147483647")));
    front_close(&f);
}

static void
test_integer_labels_refused(void **state)
{
    (void)state;
    const int32_t bad[] = {-1, -2, -3, -4, -5, -6, -2147483647};
    const int32_t *const ids[] = {bad};
    size_t n_ids[] = {7};
    struct front f;
    open_expr(&f, "");
    f.ids = ids;
    f.n_ids = n_ids;
    f.n_in = 1;
    assert_int_equal(front_run(&f), EINC_EPARSE);
    assert_int_equal(f.cx.n_diags, MAX_DIAGS);
    assert_string_equal(f.cx.diags[4].code, "E103");
    assert_non_null(strstr(front_report(&f), "  -1 -2 -3 -4 -5 -6\n"));
    n_ids[0] = SIZE_MAX; /* is not read */
    assert_int_equal(front_run(&f), EINC_ELIMIT);
    assert_string_equal(f.cx.diags[0].code, "E807");
    f.n_in = 0;
    assert_int_equal(front_run(&f), EINC_EINVAL);
    assert_string_equal(f.cx.diags[0].code, "E303");
    front_close(&f);
}

/* Whatever memory there is: success, or EINC_ENOMEM and no report. */
static void
test_every_size_of_memory(void **state)
{
    (void)state;
    const char *const texts[] = {"batch row, row {col} -> batch col",
                                 "i2,i2-%>i2"};
    for (int i = 0; i < 2; i++) {
        enum einc_status status = EINC_ENOMEM;
        size_t bytes = 0;
        for (; status == EINC_ENOMEM && bytes < 100000; bytes += 8) {
            struct front f;
            front_open(&f, bytes);
            f.source = str_of(texts[i]);
            f.stop_after_expr = 1;
            status = front_run(&f);
            if (status == EINC_ENOMEM)
                assert_int_equal(f.cx.n_diags, 0);
            front_close(&f);
        }
        assert_int_equal(status, i ? EINC_EPARSE : EINC_OK);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_no_output),
        cmocka_unit_test(test_many_faults),
        cmocka_unit_test(test_text_too_long),
        cmocka_unit_test(test_long_faults),
        cmocka_unit_test(test_hundred_thousand_operands),
        cmocka_unit_test(test_integer_labels),
        cmocka_unit_test(test_integer_labels_refused),
        cmocka_unit_test(test_every_size_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

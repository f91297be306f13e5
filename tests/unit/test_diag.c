/* SPDX-License-Identifier: MIT
 *
 * test_diag.c - reports as they are shown, and the ways out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/diag.h"

enum { BYTES = 1 << 20 };

static struct cx cx;
static struct arena perm, scratch;
static char *memory;

static int
setup(void **state)
{
    (void)state;
    memory = malloc(2 * BYTES);
    memset(&cx, 0, sizeof cx);
    perm = (struct arena){memory, memory + BYTES, &cx};
    scratch = (struct arena){memory + BYTES, memory + 2 * BYTES, &cx};
    cx.perm = &perm;
    return memory == NULL;
}

static int
teardown(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static struct span
at(int32_t begin, int32_t end)
{
    return (struct span){begin, end};
}

static struct diag *
add(const char *message)
{
    return einc_diag_add(&cx, EINC_ESHAPE, "E999", "%s", message);
}

static const char *
report(struct diag *d, struct str source)
{
    struct text t = {.perm = &perm};
    einc_diag_print(&t, d, source);
    return einc_text_z(&t);
}

static void
mark(struct diag *d, int32_t begin, int32_t end, const char *note)
{
    einc_diag_mark(&cx, d, at(begin, end), -1, -1, "%s", note);
}

static void
test_the_format(void **state)
{
    (void)state;
    if (setjmp(cx.boundary))
        fail();
    struct diag *d = einc_diag_add(&cx, EINC_ESHAPE, "E401",
                                   "index '%s' has two sizes", "k");
    einc_diag_mark(&cx, d, at(2, 3), 0, 2, "k = %d in operand %d", 4, 0);
    einc_diag_mark(&cx, d, at(4, 5), 1, 0, "k = %d in operand %d", 5, 1);
    einc_diag_hint(&cx, d, "did you mean '%s'?", "bik,jk->bij");
    assert_string_equal(report(d, str_of("bik,kj->bij")),
                        "error[E401]: index 'k' has two sizes\n"
                        "  bik,kj->bij\n"
                        "    ^ ^         k = 4 in operand 0, k = 5 in operand"
                        " 1\n"
                        "  hint: did you mean 'bik,jk->bij'?\n");
    assert_int_equal(d->n_marks, 2);
    assert_int_equal(d->marks[1].operand, 1);
    assert_int_equal(d->marks[1].dim, 0);
    assert_string_equal(d->marks[1].note, "k = 5 in operand 1");
}

static void
test_marks(void **state)
{
    (void)state;
    if (setjmp(cx.boundary))
        fail();
    struct diag *d = add("none");
    assert_string_equal(report(d, str_of("ij")), "error[E999]: none\n");
    d = add("bare, at the end");
    mark(d, 2, 2, "");
    assert_string_equal(report(d, str_of("ij")),
                        "error[E999]: bare, at the end\n  ij\n    ^\n");
    d = add("in an empty text");
    mark(d, 0, 0, "nothing");
    assert_string_equal(report(d, str_of("")),
                        "error[E999]: in an empty text\n\n  ^   nothing\n");
    d = add("one over the other");
    mark(d, 1, 4, "wide");
    mark(d, 2, 3, "");
    mark(d, 3, 6, "late");
    assert_string_equal(report(d, str_of("abcdefgh")),
                        "error[E999]: one over the other\n"
                        "  abcdefgh\n"
                        "   ^^^^^     wide, late\n");
}

static void
test_columns_are_code_points(void **state)
{
    (void)state;
    if (setjmp(cx.boundary))
        fail();
    struct diag *d = add("m");
    mark(d, 4, 6, "");
    mark(d, 9, 10, "");
    assert_string_equal(report(d, str_of("αβγ日x")),
                        "error[E999]: m\n  αβγ日x\n    ^ ^\n");
    /* what is no code point is one column a byte */
    d = add("m");
    mark(d, 4, 5, "");
    assert_string_equal(report(d, str_of("a\xff\xe2\x82x")),
                        "error[E999]: m\n  a???x\n      ^\n");
}

static void
test_controls_are_not_shown(void **state)
{
    (void)state;
    if (setjmp(cx.boundary))
        fail();
    struct diag *d = add("m");
    mark(d, 2, 3, "");
    assert_string_equal(report(d, str_of("\x1b\tx\x7f\xc2\x9b")),
                        "error[E999]: m\n  ? x??\n    ^\n");
    d = add("a turn of direction");
    mark(d, 4, 5, "");
    assert_string_equal(report(d, str_of("a\xe2\x80\xae" "bc")),
                        "error[E999]: a turn of direction\n"
                        "  a?bc\n    ^\n");
}

static void
test_lines(void **state)
{
    (void)state;
    if (setjmp(cx.boundary))
        fail();
    struct diag *d = add("m");
    mark(d, 10, 11, "third");
    mark(d, 0, 2, "first");
    mark(d, 8, 9, "");
    assert_string_equal(report(d, str_of("ij,\r\nx,\nabc\n")),
                        "error[E999]: m\n"
                        "  ij,\n"
                        "  ^^    first\n"
                        "  abc\n"
                        "  ^ ^   third\n");
    d = add("over two lines");
    mark(d, 1, 6, "");
    assert_string_equal(report(d, str_of("abc\ndef")),
                        "error[E999]: over two lines\n  abc\n   ^^\n");
}

static struct str
long_text(int64_t n)
{
    char *s = malloc((size_t)n);
    for (int64_t i = 0; i < n; i++)
        s[i] = (char)('a' + i % 26);
    return (struct str){s, n};
}

/* Bytes of the longest line of a report. */
static int
longest_line(const char *s)
{
    int longest = 0;
    for (int n; *s; s += n + (s[n] != 0)) {
        n = (int)strcspn(s, "\n");
        longest = n > longest ? n : longest;
    }
    return longest;
}

static void
test_long_lines_are_cut(void **state)
{
    (void)state;
    if (setjmp(cx.boundary))
        fail();
    struct str s = long_text(1000000);
    struct diag *d = add("m");
    mark(d, 500000, 500001, "");
    const char *shown = report(d, s);
    assert_in_range(longest_line(shown), 90, 110);
    const char *line = strchr(shown, '\n') + 1;
    const char *carets = strchr(line, '\n') + 1;
    assert_memory_equal(line, "  ...", 5);
    assert_memory_equal(carets - 4, "...\n", 4);
    assert_int_equal(line[strcspn(carets, "^")], 'a' + 500000 % 26);

    /* Two places far apart, and both ends of the text. */
    d = add("m");
    mark(d, 0, 1, "");
    mark(d, 700, 701, "");
    mark(d, 1000000, 1000000, "");
    shown = report(d, s);
    assert_in_range(longest_line(shown), 60, 115);
    line = strchr(shown, '\n') + 1;
    carets = strchr(line, '\n') + 1;
    assert_memory_equal(line, "  abc", 5);
    const char *second = strchr(strchr(carets, '^') + 1, '^');
    assert_int_equal(line[second - carets], 'a' + 700 % 26);
    assert_int_equal(carets[strlen(carets) - 2], '^');

    /* A mark longer than a line */
    d = add("m");
    mark(d, 10, 900000, "far");
    shown = report(d, s);
    assert_in_range(longest_line(shown), 90, 120);
    assert_non_null(strstr(shown, "^      far\n"));

    /* More marks than windows */
    d = add("m");
    for (int32_t i = 0; i < 100; i++)
        mark(d, i * 9000, i * 9000 + 1, "");
    assert_in_range(longest_line(report(d, s)), 90, 600);
    free((void *)(uintptr_t)s.p);
}

static void
test_hundred_columns_are_not_cut(void **state)
{
    (void)state;
    if (setjmp(cx.boundary))
        fail();
    struct str s = long_text(101);
    struct diag *d = add("m");
    mark(d, 0, 1, "");
    s.n = 100;
    assert_null(strstr(report(d, s), "..."));
    s.n = 101;
    assert_non_null(strstr(report(d, s), "..."));
    free((void *)(uintptr_t)s.p);
}

static void
test_five_and_out(void **state)
{
    (void)state;
    volatile int added = 0;
    if (setjmp(cx.boundary) == 0) {
        for (;;) {
            einc_diag_add(&cx, added ? EINC_ESHAPE : EINC_EPARSE, "E999",
                          "number %d", added);
            added++;
        }
    }
    assert_int_equal(added, MAX_DIAGS);
    assert_int_equal(cx.n_diags, MAX_DIAGS);
    assert_int_equal(cx.status, EINC_EPARSE);
    assert_string_equal(cx.diags[4].message, "number 4");
}

static void
test_stop(void **state)
{
    (void)state;
    if (setjmp(cx.boundary) == 0) {
        einc_diag_stop(&cx); /* nothing was added: goes on */
        cx.status = EINC_OK;
        einc_diag_add(&cx, EINC_EDTYPE, "E999", "%s", "m");
        einc_diag_stop(&cx);
        fail();
    }
    assert_int_equal(cx.status, EINC_EDTYPE);
}

static void
test_fail(void **state)
{
    (void)state;
    if (setjmp(cx.boundary) == 0)
        einc_fail(&cx, EINC_ELIMIT, "E800", at(1, 2), "%d is too much", 7);
    assert_int_equal(cx.status, EINC_ELIMIT);
    assert_int_equal(cx.n_diags, 1);
    assert_string_equal(report(&cx.diags[0], str_of("abc")),
                        "error[E800]: 7 is too much\n  abc\n   ^\n");
    cx.n_diags = 0;
    if (setjmp(cx.boundary) == 0)
        einc_fail(&cx, EINC_ELIMIT, "E800", at(-1, -1), "%s", "nowhere");
    assert_int_equal(cx.diags[0].n_marks, 0);
}

static void
test_no_memory(void **state)
{
    (void)state;
    if (setjmp(cx.boundary) == 0) {
        add("m");
        NEW(&perm, char, BYTES);
        fail();
    }
    assert_int_equal(cx.status, EINC_ENOMEM);
    assert_int_equal(cx.n_diags, 0);
}

static void
test_show(void **state)
{
    (void)state;
    if (setjmp(cx.boundary))
        fail();
    assert_string_equal(einc_diag_show(&cx, str_of("abc"), 3), "abc");
    assert_string_equal(einc_diag_show(&cx, str_of("αβγδ"), 3), "αβγ...");
    assert_string_equal(einc_diag_show(&cx, str_of("a\nb\x01"), 9), "a b?");
    assert_string_equal(einc_diag_show(&cx, str_of(""), 3), "");
}

static void
test_edited(void **state)
{
    (void)state;
    if (setjmp(cx.boundary))
        fail();
    struct edit edits[] = {{at(0, 0), str_of("<")},
                           {at(1, 3), str_of("")},
                           {at(5, 5), str_of(">")}};
    struct str s = einc_diag_edited(&perm, str_of("abcde"), edits, 3);
    assert_int_equal(s.n, 5);
    assert_memory_equal(s.p, "<ade>", 5);
    s = einc_diag_edited(&perm, str_of("abc"), NULL, 0);
    assert_true(str_equal(s, str_of("abc")));
}

struct attempt {
    int ran, what;
};

static void
attempt(struct arena *p, struct arena s, void *arg)
{
    struct attempt *a = arg;
    a->ran++;
    NEW(p, char, 10);
    NEW(&s, char, 10);
    if (a->what == 1)
        einc_diag_add(p->cx, EINC_ESHAPE, "E999", "%s", "one is enough");
    if (a->what == 2)
        einc_fail(p->cx, EINC_ESHAPE, "E999", at(0, 1), "%s", "no");
    if (a->what == 3)
        NEW(&s, char, BYTES);
    if (a->what == 4)
        assert_false(einc_diag_try(s, attempt, a));
}

static void
test_trials(void **state)
{
    (void)state;
    static const int returns[] = {1, 0, 0, -1, 1};
    struct attempt a = {0, 0};
    struct arena before = scratch;
    for (a.what = 0; a.what < 5; a.what++) {
        volatile int got = -1;
        if (setjmp(cx.boundary) == 0)
            got = einc_diag_try(scratch, attempt, &a);
        assert_int_equal(got, returns[a.what]);
        assert_int_equal(cx.n_diags, 0);
    }
    assert_int_equal(a.ran, 5);
    assert_int_equal(cx.status, EINC_ENOMEM);
    assert_ptr_equal(before.beg, scratch.beg);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_format, setup, teardown),
        cmocka_unit_test_setup_teardown(test_marks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_columns_are_code_points, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_controls_are_not_shown, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_lines_are_cut, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_hundred_columns_are_not_cut,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_five_and_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_show, setup, teardown),
        cmocka_unit_test_setup_teardown(test_edited, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trials, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

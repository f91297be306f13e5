/* SPDX-License-Identifier: MIT
 *
 * test_parse_program.c - struct tree_program from index statements: places,
 * values and limits that records cannot show, and the table of functions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdio.h>

#include "front.h"

static const struct tree_program *
parse(struct front *f, const char *text)
{
    front_open(f, 1 << 22);
    f->source = str_of(text);
    f->stop_after_tree = 1;
    if (front_run(f))
        fail_msg("%s", front_report(f));
    return f->tree;
}

static void
assert_span(struct span at, int begin, int end)
{
    assert_int_equal(at.begin, begin);
    assert_int_equal(at.end, end);
}

static void
assert_name(struct str name, const char *want)
{
    assert_true(str_equal(name, str_of(want)));
}

/* --- places --------------------------------------------------------------- */

static void
test_places(void **state)
{
    (void)state;
    struct front f;
    const struct tree_program *p =
        parse(&f, " C[i] += (a+b[i]) * -2 ;\nD[] = ((c)) where r in 0:n");
    assert_null(p->kernel.p);
    assert_int_equal(p->n_stmts, 2);
    assert_span(p->stmts[0].at, 1, 22);
    assert_span(p->stmts[0].op_at, 6, 8);
    assert_int_equal(p->stmts[0].op, ASSIGN_ADD);
    assert_span(p->stmts[0].left->at, 1, 5);
    assert_span(p->stmts[0].left->name_at, 1, 2);
    const struct tree *x = p->stmts[0].right;
    assert_int_equal(x->fn, FN_MUL);
    assert_span(x->at, 9, 22); /* with the parentheses below it */
    assert_span(x->name_at, 18, 19);
    assert_span(x->args[0]->at, 10, 16); /* without its own */
    assert_span(x->args[0]->args[1]->at, 12, 16);
    assert_span(x->args[1]->at, 20, 22);
    assert_int_equal(x->height, 4);
    assert_int_equal(x->args[1]->height, 2);
    assert_span(p->stmts[1].right->at, 33, 34);
    assert_span(p->stmts[1].at, 25, 51);
    assert_int_equal(p->stmts[1].n_where, 1);
    assert_span(p->stmts[1].where[0].at, 43, 44);
    assert_name(p->stmts[1].where[0].hi->name, "n");
    front_close(&f);
}

static void
test_reduction(void **state)
{
    (void)state;
    struct front f;
    const struct tree *x =
        parse(&f, "y[q] = argkmin[j, p in 0:n -> q:5](a[j,p] if b)")
            ->stmts[0].right;
    assert_int_equal(x->kind, TREE_REDUCE);
    assert_int_equal(x->redop, REDOP_ARGKMIN);
    assert_true(x->has_list);
    assert_int_equal(x->n_bounds, 2);
    assert_name(x->bounds[0].name, "j");
    assert_null(x->bounds[0].lo);
    assert_null(x->bounds[0].hi);
    assert_int_equal(x->bounds[1].lo->integer, 0);
    assert_span(x->bounds[1].at, 18, 19);
    assert_name(x->best, "q");
    assert_span(x->best_at, 30, 31);
    assert_int_equal(x->most->integer, 5);
    assert_int_equal(x->n_args, 1);
    assert_name(x->guard->name, "b");
    assert_span(x->at, 7, 47);
    front_close(&f);
    x = parse(&f, "y[] = sum(a[j])")->stmts[0].right;
    assert_false(x->has_list);
    assert_null(x->guard);
    assert_null(x->best.p);
    assert_null(x->most);
    front_close(&f);
}

static void
test_modes(void **state)
{
    (void)state;
    struct front f;
    const struct tree *x =
        parse(&f, "y[] = a[pad(i,1,2), clamp(i), wrap(i), reflect(i),"
                  " clamp(i,0,3), (clamp(i)), pad]")->stmts[0].right;
    static const int want[] = {BOUND_PAD, BOUND_CLAMP, BOUND_WRAP,
                               BOUND_REFLECT};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(x->args[i]->kind, TREE_MODE);
        assert_int_equal(x->args[i]->mode, want[i]);
    }
    assert_int_equal(x->args[0]->n_args, 3);
    assert_int_equal(x->args[4]->kind, TREE_CALL);
    assert_int_equal(x->args[5]->kind, TREE_CALL);
    assert_int_equal(x->args[6]->kind, TREE_NAME);
    front_close(&f);
}

static void
test_header(void **state)
{
    (void)state;
    struct front f;
    const struct tree_program *p =
        parse(&f, "kernel f(A[n,3]:f16, s[]) -> (inout c[n]): c[i] = s");
    assert_name(p->kernel, "f");
    assert_int_equal(p->n_in, 2);
    assert_int_equal(p->n_out, 1);
    assert_name(p->in[0].name, "A");
    assert_int_equal(p->in[0].n_extents, 2);
    assert_int_equal(p->in[0].extents[0]->kind, TREE_NAME);
    assert_int_equal(p->in[0].extents[1]->integer, 3);
    assert_int_equal(p->in[0].dtype, EINC_F16);
    assert_int_equal(p->in[1].dtype, EINC_DTYPE_NONE);
    assert_int_equal(p->in[1].n_extents, 0);
    assert_false(p->in[0].inout);
    assert_true(p->out[0].inout);
    assert_span(p->in[0].at, 9, 19);
    assert_span(p->out[0].at, 30, 40);
    front_close(&f);
}

/* --- numbers -------------------------------------------------------------- */

static double
value_of(const char *number)
{
    struct front f;
    char text[2000];
    snprintf(text, sizeof text, "y[] = %s", number);
    const struct tree *x = parse(&f, text)->stmts[0].right;
    assert_int_equal(x->kind, TREE_NUMBER);
    double value = x->number;
    front_close(&f);
    return value;
}

static void
check_numbers(void)
{
    static const struct { const char *text; double value; } rows[] = {
        {"0", 0}, {"1", 1}, {"9223372036854775807", 0x1p63}, {"1.5", 1.5},
        {".5", .5}, {"2.", 2}, {"1e-5", 1e-5}, {"1.25E+2", 125},
        {"0.1", 0.1}, {"00.10e0", 0.1}, {"123456789.123456789e-3",
        123456789.123456789e-3}, {"1.7976931348623157e308",
        1.7976931348623157e308}, {"4.9e-324", 4.9e-324}, {"1e-400", 0},
        {"0.00000000000000000000000000000000000001e38", 1},
        {"0e99999999999999999999", 0}, {"1e-99999999999999999999", 0},
        {"pi", 3.141592653589793}, {"true", 1}, {"false", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(value_of(rows[i].text) == rows[i].value);
    assert_true(isinf(value_of("inf")));
    assert_true(isnan(value_of("nan")));
}

/* A comma is the point of strtod() in some locales, where they exist. */
static void
test_numbers(void **state)
{
    (void)state;
    check_numbers();
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8"))
        check_numbers();
    setlocale(LC_NUMERIC, "C");
}

static void
test_number_kinds(void **state)
{
    (void)state;
    struct front f;
    const struct tree *x =
        parse(&f, "y[] = f(9223372036854775807, 7., true, pi)")
            ->stmts[0].right;
    assert_true(x->args[0]->is_integer);
    assert_true(x->args[0]->integer == INT64_MAX);
    assert_false(x->args[1]->is_integer);
    assert_true(x->args[2]->is_bool);
    assert_int_equal(x->args[2]->integer, 1);
    assert_false(x->args[3]->is_bool);
    assert_false(x->args[3]->is_integer);
    front_close(&f);
}

/* 10^400 and a shift by 400 digits is 1, of which strtod() must see all. */
static void
test_long_number(void **state)
{
    (void)state;
    char text[900] = "1";
    memset(text + 1, '0', 400);
    strcpy(text + 401, ".0e-400");
    assert_true(value_of(text) == 1);
}

/* --- limits --------------------------------------------------------------- */

/* `text` n times, between `before` and as often `after`. */
static enum einc_status
run_nested(const char *before, const char *text, const char *middle,
           const char *after, int n)
{
    struct front f;
    front_open(&f, 1 << 26);
    struct text t = {.perm = &f.perm};
    f.perm = (struct arena){malloc(1 << 24), NULL, &f.cx};
    char *block = f.perm.beg;
    f.perm.end = block + (1 << 24);
    einc_put(&t, "%s", before);
    for (int i = 0; i < n; i++)
        einc_put(&t, "%s", text);
    einc_put(&t, "%s", middle);
    for (int i = 0; i < n; i++)
        einc_put(&t, "%s", after);
    f.source = (struct str){t.p, t.n};
    f.stop_after_tree = 1;
    enum einc_status status = front_run(&f);
    if (status == EINC_ELIMIT)
        assert_string_equal(f.cx.diags[0].code, "E806");
    front_close(&f);
    free(block);
    return status;
}

static void
test_depth(void **state)
{
    (void)state;
    static const struct { const char *text, *after; int height; } rows[] = {
        {"-", "", 1}, {"!", "", 1}, {"(", ")", 1}, {"2^", "", 1},
        {"1+", "", 1}, {"1<(", ")", 1}, {"a[", "]", 1}, {"f(", ")", 1},
        {"sum(", ")", 1}, {"sum[i in 0:", "](1)", 1}, {"a?1:", "", 1},
        {"a?", ":1", 1}, {"a[pad(", ",1)]", 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *text = rows[i].text, *after = rows[i].after;
        int most = (MAX_HEIGHT - 1) / rows[i].height;
        assert_int_equal(run_nested("y[]=", text, "1", after, most), EINC_OK);
        assert_int_equal(run_nested("y[]=", text, "1", after, 2 * most + 9),
                         EINC_ELIMIT);
        assert_int_equal(run_nested("y[]=", text, "", "", 1000000 / 8),
                         EINC_ELIMIT);
    }
}

static void
test_million(void **state)
{
    (void)state;
    assert_int_equal(run_nested("y[]=", "(", "", "", 1000000), EINC_ELIMIT);
    assert_int_equal(run_nested("y[]=", "-", "", "", 1000000), EINC_ELIMIT);
    /* A fault per statement, of which five are told. */
    assert_int_equal(run_nested("y[]=", ";", "", "", 1000000), EINC_EPARSE);
    /* Wide is not deep. */
    assert_int_equal(run_nested("y[]=f(1", ",1", ")", "", 5000), EINC_OK);
}

static void
test_memory(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "O[i] = sum[j in 0:n](softmax[j](Q[i,j] if j <= i)*1.5) where i in 0:9",
        "C[i,j] = A[i,j] B[j]", "C[i] = (A[i]", "C[i] = a < b < c",
    };
    int n_ok = 0, n_told = 0;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        for (size_t bytes = 0; bytes < 40000; bytes += 24) {
            struct front f;
            front_open(&f, bytes);
            f.source = str_of(texts[k]);
            f.stop_after_tree = 1;
            enum einc_status status = front_run(&f);
            n_ok += status == EINC_OK;
            n_told += status == EINC_EPARSE;
            if (status != EINC_OK && status != EINC_EPARSE)
                assert_int_equal(status, EINC_ENOMEM);
            front_close(&f);
        }
    assert_true(n_ok > 0 && n_told > 0);
}

/* --- functions ------------------------------------------------------------ */

static void
test_functions(void **state)
{
    (void)state;
    int n_named = 0;
    for (int k = 0; k < N_FNS; k++) {
        const struct fn_info *info = einc_fn_info((enum fn)k);
        assert_non_null(info->name);
        assert_in_range(info->n_args, 1, 3);
        if (k < FN_ABS || k > FN_IMAG)
            continue;
        assert_int_equal(einc_fn_named(str_of(info->name)), k);
        n_named++;
    }
    assert_int_equal(n_named, FN_IMAG - FN_ABS + 1);
    assert_int_equal(einc_fn_named(str_of("pow")), FN_POW);
    assert_int_equal(einc_fn_named(str_of("cast")), N_FNS);
    assert_int_equal(einc_fn_named(str_of("ex")), N_FNS);
    assert_int_equal(einc_fn_named((struct str){NULL, 0}), N_FNS);
}

static void
test_reductions(void **state)
{
    (void)state;
    for (int r = 0; r < N_REDOPS; r++) {
        const char *name = einc_tree_redop_name((enum redop)r);
        assert_int_equal(einc_tree_redop_named(str_of(name)), r);
    }
    assert_int_equal(einc_tree_redop_named(str_of("softmax1")), N_REDOPS);
}

static void
test_promotion(void **state)
{
    (void)state;
    static const struct { enum einc_dtype a, b, to; } rows[] = {
        {EINC_I32, EINC_F32, EINC_F32}, {EINC_I64, EINC_F16, EINC_F16},
        {EINC_U8, EINC_BF16, EINC_BF16}, {EINC_BOOL, EINC_F64, EINC_F64},
        {EINC_F16, EINC_BF16, EINC_F32}, {EINC_F16, EINC_F32, EINC_F32},
        {EINC_F32, EINC_F64, EINC_F64}, {EINC_C64, EINC_F32, EINC_C64},
        {EINC_C64, EINC_F64, EINC_C128}, {EINC_C64, EINC_I64, EINC_C64},
        {EINC_C64, EINC_C128, EINC_C128}, {EINC_I8, EINC_U8, EINC_I16},
        {EINC_I32, EINC_I64, EINC_I64}, {EINC_BOOL, EINC_I8, EINC_I8},
        {EINC_BOOL, EINC_BOOL, EINC_BOOL}, {EINC_U64, EINC_I8, EINC_F64},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(einc_fn_promote(rows[i].a, rows[i].b), rows[i].to);
        assert_int_equal(einc_fn_promote(rows[i].b, rows[i].a), rows[i].to);
    }
}

static void
test_compute(void **state)
{
    (void)state;
    static const enum einc_dtype rows[][2] = {
        {EINC_BOOL, EINC_BOOL}, {EINC_I8, EINC_I32}, {EINC_U8, EINC_I32},
        {EINC_I16, EINC_I32}, {EINC_U16, EINC_I32}, {EINC_I32, EINC_I32},
        {EINC_U32, EINC_I64}, {EINC_I64, EINC_I64}, {EINC_U64, EINC_I64},
        {EINC_F16, EINC_F32}, {EINC_BF16, EINC_F32}, {EINC_F32, EINC_F32},
        {EINC_F64, EINC_F64}, {EINC_C64, EINC_C64}, {EINC_C128, EINC_C128},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(einc_fn_compute(rows[i][0]), rows[i][1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_reduction),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_number_kinds),
        cmocka_unit_test(test_long_number),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_million),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_promotion),
        cmocka_unit_test(test_compute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * test_stmt.c - form A as statements: the structure behind the dump, and what
 * records cannot ask for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "front.h"

static const int64_t ones[64] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

static struct einc_layout
of_rank(int ndim)
{
    struct einc_layout l = EINC_LAYOUT(EINC_F32, 0, ones);
    l.ndim = ndim;
    return l;
}

static int
index_of(const struct subscript *s)
{
    assert_int_equal(s->n_terms, 1);
    assert_int_equal(s->terms[0].coef, 1);
    assert_int_equal(s->constant, 0);
    return s->terms[0].index;
}

static void
test_structure(void **state)
{
    (void)state;
    const struct einc_layout in[] = {of_rank(3), of_rank(4)};
    struct front f;
    front_open(&f, 1 << 20);
    f.source = str_of("...ij,j...k->k...i");
    f.in = in;
    f.n_in = 2;
    assert_int_equal(front_run(&f), EINC_OK);
    const struct program *p = f.program;
    assert_int_equal(p->n_operands, 2);
    assert_int_equal(p->n_stmts, 1);
    /* first appearance: ...0 ...1 i j k */
    static const char *const names[] = {"...0", "...1", "i", "j", "k"};
    assert_int_equal(p->n_indices, 5);
    for (int x = 0; x < 5; x++) {
        assert_true(str_equal(p->indices[x].name, str_of(names[x])));
        assert_int_equal(p->indices[x].kind,
                         x == 3 ? INDEX_REDUCED : INDEX_FREE);
        assert_int_equal(p->indices[x].lo, 0);
        assert_int_equal(p->indices[x].hi, -1);
    }
    assert_int_equal(p->indices[1].at.begin, 0);
    assert_int_equal(p->indices[1].at.end, 3);
    assert_int_equal(p->indices[4].at.begin, 10);

    const struct node *sum = p->stmts[0].right;
    assert_int_equal(sum->kind, NODE_REDUCE);
    assert_int_equal(sum->redop, REDOP_SUM);
    assert_int_equal(sum->n_bound, 1);
    assert_int_equal(sum->bound[0], 3);
    const struct node *product = sum->args[0];
    assert_int_equal(product->kind, NODE_PRODUCT);
    assert_int_equal(product->n_args, 2);
    static const int subs[2][4] = {{1, 2, 3}, {3, 0, 1, 4}};
    for (int k = 0; k < 2; k++) {
        const struct access *a = product->args[k]->access;
        assert_int_equal(a->tensor, k);
        assert_int_equal(a->n_subs, in[k].ndim);
        for (int d = 0; d < a->n_subs; d++)
            assert_int_equal(index_of(&a->subs[d]), subs[k][d]);
    }
    assert_int_equal(product->args[1]->access->subs[1].at.begin, 7);
    static const int left[] = {4, 0, 1, 2};
    const struct access *a = &p->stmts[0].left;
    assert_int_equal(a->tensor, -1);
    assert_int_equal(a->n_subs, 4);
    for (int d = 0; d < 4; d++)
        assert_int_equal(index_of(&a->subs[d]), left[d]);
    assert_int_equal(a->subs[3].at.begin, 17);
    front_close(&f);
}

/* No sum where nothing is summed, no product of one. */
static void
test_nothing_needless(void **state)
{
    (void)state;
    const struct einc_layout in[] = {of_rank(1), of_rank(1)};
    struct front f;
    front_open(&f, 1 << 20);
    f.in = in;
    f.n_in = 1;
    f.source = str_of("i->i");
    assert_int_equal(front_run(&f), EINC_OK);
    assert_int_equal(f.program->stmts[0].right->kind, NODE_ACCESS);
    f.source = str_of("i->");
    assert_int_equal(front_run(&f), EINC_OK);
    assert_int_equal(f.program->stmts[0].right->kind, NODE_REDUCE);
    assert_int_equal(f.program->stmts[0].right->args[0]->kind, NODE_ACCESS);
    f.n_in = 2;
    f.source = str_of("i,j->ij");
    assert_int_equal(front_run(&f), EINC_OK);
    assert_int_equal(f.program->stmts[0].right->kind, NODE_PRODUCT);
    front_close(&f);
}

static void
expect(struct front *f, enum einc_status status, const char *code)
{
    assert_int_equal(front_run(f), status);
    assert_int_equal(f->cx.n_diags, 1);
    assert_string_equal(f->cx.diags[0].code, code);
    assert_int_equal(f->cx.diags[0].status, status);
}

static void
test_layouts_that_are_none(void **state)
{
    (void)state;
    struct einc_layout in[] = {of_rank(1), of_rank(1)};
    struct front f;
    front_open(&f, 1 << 20);
    f.in = in;
    f.n_in = 2;
    f.source = str_of("i,i");
    in[1].ndim = -1;
    expect(&f, EINC_EINVAL, "E307");
    in[1].ndim = 1;
    in[1].shape = NULL;
    expect(&f, EINC_EINVAL, "E307");
    /* also where there are more layouts than terms */
    f.source = str_of("i");
    expect(&f, EINC_EINVAL, "E307");
    in[1].ndim = 0; /* a scalar needs no shape */
    expect(&f, EINC_ESHAPE, "E303");
    front_close(&f);
}

static void
test_many_dims_of_the_output(void **state)
{
    (void)state;
    enum { N = 1000 };
    static struct einc_layout in[N];
    char text[7 * N + 8], *s = text;
    struct front f;
    front_open(&f, 1 << 21);
    for (int k = 0; k < N; k++) {
        in[k] = of_rank(1);
        s += sprintf(s, "%s{x%d}", k ? "," : "", k);
    }
    f.in = in;
    f.n_in = N;
    f.source = (struct str){text, s - text};
    expect(&f, EINC_ELIMIT, "E802");
    sprintf(s, "->");
    f.source.n += 2;
    assert_int_equal(front_run(&f), EINC_OK);
    assert_int_equal(f.program->n_indices, N);
    front_close(&f);
}

/* Labels in an order of no meaning come out sorted. */
static void
test_implicit_output_is_sorted(void **state)
{
    (void)state;
    for (int n = 1; n <= 64; n++) {
        struct einc_layout in[64];
        char text[512], *s = text;
        struct front f;
        front_open(&f, 1 << 20);
        for (int k = 0; k < n; k++) {
            in[k] = of_rank(1);
            int label = (k * 29 + n * 7) % 67; /* all of them differ */
            s += sprintf(s, "%s{a%02d}", k ? "," : "", label);
        }
        f.in = in;
        f.n_in = n;
        f.source = (struct str){text, s - text};
        assert_int_equal(front_run(&f), EINC_OK);
        const struct access *a = &f.program->stmts[0].left;
        assert_int_equal(a->n_subs, n);
        for (int d = 1; d < n; d++) {
            int x = index_of(&a->subs[d - 1]), y = index_of(&a->subs[d]);
            assert_true(str_compare(f.program->indices[x].name,
                                    f.program->indices[y].name) < 0);
        }
        front_close(&f);
    }
}

/* Marks and lists of a report stay few. */
static void
test_long_reports(void **state)
{
    (void)state;
    enum { N = 20000 };
    char *text = malloc(3 * N);
    struct einc_layout *in = calloc(N, sizeof *in);
    struct front f;
    front_open(&f, (size_t)32 << 20);
    for (int k = 0; k < N; k++) {
        memcpy(text + 2 * (size_t)k, "i,", 2);
        in[k] = of_rank(2);
    }
    f.in = in;
    f.source = (struct str){text, 2 * N - 1};
    f.n_in = 10;
    expect(&f, EINC_ESHAPE, "E303");
    assert_true(strlen(front_report(&f)) < 1000);
    f.n_in = N;
    f.source.n = 19;
    expect(&f, EINC_ESHAPE, "E303");
    assert_true(strlen(front_report(&f)) < 1000);
    f.source.n = 2 * N - 1;
    assert_int_equal(front_run(&f), EINC_ESHAPE); /* E304 of each */
    assert_int_equal(f.cx.n_diags, MAX_DIAGS);
    assert_true(strlen(front_report(&f)) < 3000);
    free(text);
    free(in);
    front_close(&f);
}

/* What a hint says to write is legal: written, it compiles. */
static void
test_hints_work(void **state)
{
    (void)state;
    static const struct { const char *text; int rank[2]; } cases[] = {
        {"ij->i", {3, -1}},      {"ij", {5, -1}},
        {"i,j", {2, 1}},         {"batch,batch", {1, 1}},
        {"...i,jk", {3, 4}},     {"->", {1, -1}},
        {"{ab}i, j -> ji", {4, 1}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const struct einc_layout in[] = {
            of_rank(cases[c].rank[0]),
            of_rank(cases[c].rank[1] < 0 ? 0 : cases[c].rank[1])};
        struct front f;
        front_open(&f, 1 << 20);
        f.in = in;
        f.n_in = cases[c].rank[1] < 0 ? 1 : 2;
        f.source = str_of(cases[c].text);
        assert_int_equal(front_run(&f), EINC_ESHAPE);
        const char *hint = f.cx.diags[0].hint;
        assert_non_null(hint);
        assert_memory_equal(hint, "write '", 7);
        char text[200];
        snprintf(text, sizeof text, "%s", hint + 7);
        text[strlen(text) - 1] = 0;
        f.source = str_of(text);
        assert_int_equal(front_run(&f), EINC_OK);
        front_close(&f);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_nothing_needless),
        cmocka_unit_test(test_layouts_that_are_none),
        cmocka_unit_test(test_many_dims_of_the_output),
        cmocka_unit_test(test_implicit_output_is_sorted),
        cmocka_unit_test(test_long_reports),
        cmocka_unit_test(test_hints_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * test_graph.c - the index graph: axes, copies, the overlap test against one
 * that marks every element, hints, and every size of memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "front.h"

static void
test_axes(void **state)
{
    (void)state;
    int64_t shape[] = {4, 1, 4, 3}, stride[] = {-12, 5, 1, 0}, other[] = {7};
    const struct einc_layout in[] = {
        {sizeof in[0], EINC_F32, 4, 0, shape, stride},
        EINC_LAYOUT(EINC_F64, 1, other)};
    struct front f;
    front_open(&f, 1 << 20);
    f.in = in;
    f.n_in = 2;
    f.source = str_of("ibij,b->bj");
    assert_int_equal(front_run(&f), EINC_OK);
    shape[0] = 99; /* the graph keeps copies */
    stride[0] = 99;
    const struct graph *g = f.graph;
    assert_int_equal(g->n_indices, 3); /* i b j */
    assert_int_equal(g->indices[0].extent, 4);
    assert_int_equal(g->indices[1].extent, 7);
    assert_int_equal(g->indices[2].extent, 3);
    assert_false(g->indices[0].in_output);
    assert_true(g->indices[1].in_output);
    assert_true(g->indices[1].fixed);
    assert_int_equal(g->indices[1].n_members, 0);
    assert_int_equal(g->factor, 1);
    assert_int_equal(g->compute, EINC_F64);
    const struct operand *o = &g->in[0];
    assert_int_equal(o->number, 0);
    assert_int_equal(o->dtype, EINC_F32);
    assert_int_equal(o->n_dims, 4);
    assert_int_equal(o->shape[0], 4);
    assert_int_equal(o->stride[0], -12);
    assert_int_equal(o->dim_index[1], 1);
    assert_int_equal(o->dim_index[2], 0);
    assert_int_equal(o->n_axes, 2); /* b is repeated: it has none */
    assert_int_equal(o->axes[0].index, 0);
    assert_int_equal(o->axes[0].stride, -11);
    assert_int_equal(o->axes[1].index, 2);
    assert_int_equal(o->axes[1].stride, 0);
    int has = -1;
    assert_int_equal(einc_operand_stride(o, 0, &has), -11);
    assert_int_equal(has, 1);
    assert_int_equal(einc_operand_stride(o, 2, &has), 0);
    assert_int_equal(has, 1);
    assert_int_equal(einc_operand_stride(o, 1, &has), 0);
    assert_int_equal(has, 0);
    assert_int_equal(einc_operand_stride(o, 1, NULL), 0);
    assert_int_equal(g->out.number, -1);
    assert_int_equal(g->out.dtype, EINC_F64);
    assert_int_equal(g->out.shape[0], 7);
    assert_int_equal(g->out.stride[0], 3);
    front_close(&f);
}

static void
expect(struct front *f, enum einc_status status, const char *code)
{
    assert_int_equal(front_run(f), status);
    assert_int_equal(f->cx.n_diags, 1);
    assert_string_equal(f->cx.diags[0].code, code);
}

static void
test_outputs_that_are_none(void **state)
{
    (void)state;
    int64_t shape[65] = {3};
    const struct einc_layout in = EINC_LAYOUT(EINC_F32, 1, shape);
    struct einc_layout out = in;
    struct front f;
    front_open(&f, 1 << 20);
    f.in = &in;
    f.out = &out;
    f.n_in = 1;
    f.source = str_of("i->i");
    out.ndim = -1;
    expect(&f, EINC_EINVAL, "E307");
    out.ndim = 1;
    out.shape = NULL;
    expect(&f, EINC_EINVAL, "E307");
    out.shape = shape;
    out.ndim = 65;
    expect(&f, EINC_ELIMIT, "E802");
    out.ndim = 1;
    out.dtype = -1;
    expect(&f, EINC_EINVAL, "E501");
    out.dtype = EINC_F32;
    assert_int_equal(front_run(&f), EINC_OK);
    front_close(&f);
}

/* The type of "->" of scalars. */
static enum einc_dtype
type_of(struct front *f, int n, const int *dtypes)
{
    struct einc_layout in[3];
    char text[] = ",,->";
    for (int k = 0; k < n; k++)
        in[k] = (struct einc_layout)EINC_LAYOUT(dtypes[k], 0, NULL);
    f->in = in;
    f->n_in = n;
    f->source = str_of(text + 3 - n);
    assert_int_equal(front_run(f), EINC_OK);
    return f->graph->out.dtype;
}

static const int permuted[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                   {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

/* The type of three operands, which must be the same in every order. */
static enum einc_dtype
type_of_three(struct front *f, int a, int b, int c)
{
    const int of[3] = {a, b, c};
    enum einc_dtype first = EINC_DTYPE_NONE;
    for (int i = 0; i < 6; i++) {
        const int *p = permuted[i], d[3] = {of[p[0]], of[p[1]], of[p[2]]};
        enum einc_dtype got = type_of(f, 3, d);
        if (i > 0 && got != first)
            fail_msg("%s,%s,%s gives %s, not %s",
                     einc_dtype_name((enum einc_dtype)d[0]),
                     einc_dtype_name((enum einc_dtype)d[1]),
                     einc_dtype_name((enum einc_dtype)d[2]),
                     einc_dtype_name(got), einc_dtype_name(first));
        first = got;
    }
    return first;
}

static void
test_types_in_any_order(void **state)
{
    (void)state;
    struct front f;
    front_open(&f, 1 << 16);
    for (int a = EINC_BOOL; a <= EINC_C128; a++)
        for (int b = a; b <= EINC_C128; b++)
            for (int c = b; c <= EINC_C128; c++)
                type_of_three(&f, a, b, c);
    front_close(&f);
}

/* What numpy.result_type says, but for bf16. */
static void
test_types_of_three(void **state)
{
    (void)state;
    static const int cases[][4] = {
        {EINC_U8, EINC_I8, EINC_F16, EINC_F16},
        {EINC_U16, EINC_I16, EINC_F32, EINC_F32},
        {EINC_I8, EINC_U16, EINC_F32, EINC_F32},
        {EINC_U16, EINC_I8, EINC_F16, EINC_F32},
        {EINC_U64, EINC_I8, EINC_F16, EINC_F64},
        {EINC_BOOL, EINC_BOOL, EINC_F16, EINC_F16},
        {EINC_U8, EINC_I8, EINC_C64, EINC_C64},
        {EINC_I16, EINC_U16, EINC_C64, EINC_C64},
        {EINC_I8, EINC_F16, EINC_C64, EINC_C64},
        {EINC_U32, EINC_I32, EINC_C64, EINC_C128},
        {EINC_I16, EINC_F64, EINC_C64, EINC_C128},
        {EINC_BOOL, EINC_U8, EINC_I8, EINC_I16},
        {EINC_U8, EINC_I8, EINC_U16, EINC_I32},
        {EINC_U32, EINC_I16, EINC_I8, EINC_I64},
        {EINC_U32, EINC_I8, EINC_U64, EINC_F64},
        {EINC_U8, EINC_I8, EINC_BF16, EINC_BF16},
        {EINC_I8, EINC_F16, EINC_BF16, EINC_F32},
    };
    struct front f;
    front_open(&f, 1 << 16);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int *c = cases[i];
        assert_int_equal(type_of_three(&f, c[0], c[1], c[2]), c[3]);
    }
    front_close(&f);
}

/* Strides of dims that have one element, or none, are never multiplied by
 * anything; those of a diagonal are not added, either. */
static void
test_diagonals_of_one(void **state)
{
    (void)state;
    int64_t shape[] = {1, 1, 2}, stride[] = {INT64_MIN, INT64_MIN, 1};
    const struct einc_layout in = {sizeof in, EINC_F32, 3, 0, shape, stride};
    struct front f;
    front_open(&f, 1 << 20);
    f.in = &in;
    f.n_in = 1;
    f.source = str_of("aab->b");
    for (int64_t size = 0; size < 2; size++) {
        shape[0] = shape[1] = size;
        assert_int_equal(front_run(&f), EINC_OK);
        assert_int_equal(f.graph->in[0].n_axes, 2);
        assert_int_equal(f.graph->in[0].axes[0].stride, 0);
        assert_int_equal(f.graph->in[0].axes[1].stride, 1);
    }
    shape[0] = shape[1] = 2;
    expect(&f, EINC_ELIMIT, "E805");
    shape[0] = 1;
    expect(&f, EINC_ESHAPE, "E402");
    front_close(&f);
}

static void
test_symbolic(void **state)
{
    (void)state;
    static const struct {
        const char *list, *free; /* of indices "...0", "...1", i, row */
        int n_unknown;
    } cases[] = {
        {"row", "0001", 0},      {" i , {row}", "0011", 0},
        {"...", "1100", 0},      {"...1,...", "1100", 0},
        {"...1", "0100", 0},     {"i,*,*", "1111", 0},
        {"i,i,i", "0010", 0},    {"i,ro", NULL, 1},
        {"rows,,*", NULL, 2},    {"a,b,c,i", NULL, 3},
    };
    const int64_t shape[] = {2, 3, 4, 5};
    const struct einc_layout in = EINC_LAYOUT(EINC_F32, 4, shape);
    struct front f;
    front_open(&f, 1 << 20);
    f.in = &in;
    f.n_in = 1;
    f.source = str_of("... i row -> ... i");
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        f.symbolic = cases[c].list;
        enum einc_status want = cases[c].free ? EINC_OK : EINC_ESHAPE;
        assert_int_equal(front_run(&f), want);
        assert_int_equal(f.cx.n_diags, cases[c].n_unknown);
        for (int d = 0; d < f.cx.n_diags; d++)
            assert_string_equal(f.cx.diags[d].code, "E301");
        for (int d = 0; cases[c].free && d < 4; d++) {
            int x = f.graph->in[0].dim_index[d];
            assert_int_equal(!f.graph->indices[x].fixed,
                             cases[c].free[d] - '0');
        }
    }
    f.source = str_of("a b i row -> i");
    f.symbolic = "...";
    expect(&f, EINC_ESHAPE, "E301");
    front_close(&f);
}

/* As many labels as indices, all free: found without looking at all pairs,
 * which would take minutes. */
static void
test_many_symbolic(void **state)
{
    (void)state;
    enum { N = 200000, BYTES = 9 };
    char *text = malloc((size_t)N * BYTES + 10);
    char *list = malloc((size_t)N * BYTES + 10);
    struct einc_layout *in = calloc(N, sizeof *in);
    const int64_t shape[] = {2};
    struct front f;
    front_open(&f, (size_t)512 << 20);
    size_t n = 0;
    for (int k = 0; k < N; k++) {
        n += (size_t)sprintf(text + n, "%sx%07d", k ? "," : "", k);
        in[k] = (struct einc_layout)EINC_LAYOUT(EINC_F32, 1, shape);
    }
    memcpy(list, text, n + 1);
    strcpy(text + n, "->");
    f.in = in;
    f.n_in = N;
    f.source = str_of(text);
    f.flags = EINC_NAMED_LABELS;
    f.symbolic = list;
    assert_int_equal(front_run(&f), EINC_OK);
    assert_int_equal(f.graph->n_indices, N);
    for (int x = 0; x < N; x++)
        assert_false(f.graph->indices[x].fixed);
    free(in);
    free(list);
    free(text);
    front_close(&f);
}

static uint32_t
next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

/* Whether two elements share a place, by marking. */
static int
overlaps(int n, const int64_t *shape, const int64_t *stride)
{
    char marked[1024] = {0};
    int64_t index[4] = {0};
    for (;;) {
        int64_t place = 512;
        for (int d = 0; d < n; d++)
            place += index[d] * stride[d];
        assert_in_range(place, 0, 1023);
        if (marked[place]++)
            return 1;
        int d = 0;
        while (d < n && ++index[d] == shape[d])
            index[d++] = 0;
        if (d == n)
            return 0;
    }
}

static void
test_overlap_as_marking_finds_it(void **state)
{
    (void)state;
    static const char *const texts[] = {"->", "i->i", "ij->ij", "ijk->ijk",
                                        "ijkl->ijkl"};
    uint32_t seed = 1;
    int found[2] = {0, 0};
    struct front f;
    front_open(&f, 1 << 20);
    for (int round = 0; round < 3000; round++) {
        int64_t shape[4], stride[4];
        int n = 1 + (int)(next_random(&seed) % 4);
        for (int d = 0; d < n; d++) {
            shape[d] = 1 + next_random(&seed) % 4;
            stride[d] = (int64_t)(next_random(&seed) % 61) - 30;
        }
        const struct einc_layout in = {sizeof in, EINC_F32, n, 0, shape,
                                       NULL};
        const struct einc_layout out = {sizeof in, EINC_F32, n, 0, shape,
                                        stride};
        f.source = str_of(texts[n]);
        f.in = &in;
        f.out = &out;
        f.n_in = 1;
        int want = overlaps(n, shape, stride);
        assert_int_equal(front_run(&f), want ? EINC_EALIAS : EINC_OK);
        found[want]++;
    }
    assert_true(found[0] > 500 && found[1] > 500);
    front_close(&f);
}

static void
test_legal(void **state)
{
    (void)state;
    const int64_t a[] = {2, 3}, b[] = {3, 4}, c[] = {4, 2};
    const struct einc_layout in[] = {EINC_LAYOUT(EINC_F32, 2, a),
                                     EINC_LAYOUT(EINC_F32, 2, b)};
    const struct einc_layout out = EINC_LAYOUT(EINC_F32, 2, c);
    struct front f;
    front_open(&f, 1 << 20);
    f.in = in;
    f.n_in = 2;
    f.source = str_of("ij,jk");
    assert_int_equal(front_run(&f), EINC_OK);
    assert_true(einc_graph_legal(f.scratch, str_of("ij,jk->ik"), 2, in, NULL,
                                 0));
    assert_false(einc_graph_legal(f.scratch, str_of("ij,jk->ik"), 2, in, &out,
                                  0));
    assert_true(einc_graph_legal(f.scratch, str_of("ij,jk->ki"), 2, in, &out,
                                 0));
    assert_false(einc_graph_legal(f.scratch, str_of("ij,ij"), 2, in, NULL,
                                  0));
    assert_false(einc_graph_legal(f.scratch, str_of("ij,jk->"), 1, in, NULL,
                                  0));
    assert_false(einc_graph_legal(f.scratch, str_of("ij,j%"), 2, in, NULL,
                                  0));
    assert_int_equal(f.cx.n_diags, 0);
    front_close(&f);
}

/* A swap that is proposed makes sizes fit; there are as many reports as
 * indices with two sizes, up to five. */
static void
test_two_sizes(void **state)
{
    (void)state;
    const int64_t a[] = {2, 3, 4, 5, 6, 7, 8}, b[] = {3, 4, 5, 6, 7, 8, 2};
    const struct einc_layout in[] = {EINC_LAYOUT(EINC_F32, 7, a),
                                     EINC_LAYOUT(EINC_F32, 7, b)};
    struct front f;
    front_open(&f, 1 << 20);
    f.in = in;
    f.n_in = 2;
    f.source = str_of("abcdefg,abcdefg");
    assert_int_equal(front_run(&f), EINC_ESHAPE);
    assert_int_equal(f.cx.n_diags, MAX_DIAGS);
    f.source = str_of("abcdefg,gbcdefa");
    assert_int_equal(front_run(&f), EINC_ESHAPE);
    f.source = str_of("abcdefg,bcdegfa");
    assert_int_equal(front_run(&f), EINC_ESHAPE);
    const char *hint = f.cx.diags[0].hint;
    assert_non_null(hint);
    assert_string_equal(hint, "operand 1 would fit if transposed: did you"
                              " mean 'abcdefg,bcdefga'?");
    front_close(&f);
}

/* One label with a size of its own in each operand: said once, and found
 * without looking at all pairs. */
static void
test_many_operands(void **state)
{
    (void)state;
    enum { N = 100000 };
    char *text = malloc((size_t)2 * N);
    struct einc_layout *in = calloc(N, sizeof *in);
    int64_t *shape = calloc(N, sizeof *shape);
    struct front f;
    front_open(&f, (size_t)128 << 20);
    for (int k = 0; k < N; k++) {
        memcpy(text + 2 * (size_t)k, "i,", 2);
        shape[k] = 2 + k;
        in[k] = (struct einc_layout)EINC_LAYOUT(EINC_I8, 1, &shape[k]);
    }
    f.in = in;
    f.n_in = N;
    f.source = (struct str){text, 2 * N - 1};
    expect(&f, EINC_ESHAPE, "E401");
    assert_int_equal(f.cx.diags[0].n_marks, 2);
    for (int k = 0; k < N; k++)
        shape[k] = k == 77777 ? 5 : 1;
    assert_int_equal(front_run(&f), EINC_OK);
    assert_int_equal(f.graph->indices[0].extent, 5);
    assert_int_equal(f.graph->in[0].n_axes, 0);
    assert_int_equal(f.graph->in[77777].n_axes, 1);
    free(shape);
    free(in);
    free(text);
    front_close(&f);
}

static void
test_same_bytes(void **state)
{
    (void)state;
    const int64_t a[] = {2, 3, 4}, b[] = {2, 4, 5};
    const struct einc_layout in[] = {EINC_LAYOUT(EINC_F32, 3, a),
                                     EINC_LAYOUT(EINC_F32, 3, b)};
    char first[1000];
    for (size_t bytes = 16384; bytes <= 1 << 20; bytes *= 4) {
        struct front f;
        front_open(&f, bytes);
        memset(f.memory, 0xa5, bytes);
        f.in = in;
        f.n_in = 2;
        f.source = str_of("...ij,...jk");
        assert_int_equal(front_run(&f), EINC_OK);
        struct text t = {.perm = &f.perm};
        einc_expr_print(&t, f.expr);
        einc_stmt_print(&t, f.program);
        einc_graph_print(&t, f.graph);
        if (bytes == 16384)
            snprintf(first, sizeof first, "%s", einc_text_z(&t));
        assert_string_equal(einc_text_z(&t), first);
        front_close(&f);
    }
}

/* Whatever memory there is: success or the report, or EINC_ENOMEM. */
static void
test_every_size_of_memory(void **state)
{
    (void)state;
    const int64_t a[] = {2, 3, 4}, b[] = {5, 4};
    const int64_t stride[] = {20, 3, 4};
    const struct einc_layout in[] = {EINC_LAYOUT(EINC_F32, 3, a),
                                     EINC_LAYOUT(EINC_F32, 2, b)};
    const struct einc_layout out = {sizeof out, EINC_F32, 3, 0, a, stride};
    static const struct {
        const char *text;
        int n_in;
        enum einc_status status;
    } cases[] = {{"bik,jk", 2, EINC_OK},    {"bik,kj", 2, EINC_ESHAPE},
                 {"ij->i", 1, EINC_ESHAPE}, {"ijk->ij,", 1, EINC_EPARSE},
                 {"ijk->ijk", 1, EINC_OK},  {"ijk->ijq", 1, EINC_ESHAPE}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        enum einc_status status = EINC_ENOMEM;
        for (size_t bytes = 0; status == EINC_ENOMEM && bytes < 200000;
             bytes += 24) {
            struct front f;
            front_open(&f, bytes);
            f.source = str_of(cases[c].text);
            f.in = in;
            f.n_in = cases[c].n_in;
            f.out = c == 4 ? &out : NULL;
            status = front_run(&f);
            if (status == EINC_ENOMEM)
                assert_int_equal(f.cx.n_diags, 0);
            front_close(&f);
        }
        assert_int_equal(status, cases[c].status);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axes),
        cmocka_unit_test(test_outputs_that_are_none),
        cmocka_unit_test(test_types_in_any_order),
        cmocka_unit_test(test_types_of_three),
        cmocka_unit_test(test_diagonals_of_one),
        cmocka_unit_test(test_symbolic),
        cmocka_unit_test(test_many_symbolic),
        cmocka_unit_test(test_overlap_as_marking_finds_it),
        cmocka_unit_test(test_legal),
        cmocka_unit_test(test_two_sizes),
        cmocka_unit_test(test_many_operands),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_every_size_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

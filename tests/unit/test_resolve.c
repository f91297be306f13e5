/* SPDX-License-Identifier: MIT
 *
 * test_resolve.c - index statements as programs: the structure behind the
 * dump, and what records cannot ask for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "front.h"

static const int64_t sizes[] = {3, 4, 3, 4, 5, 9};

static struct einc_layout
of(int dtype, int ndim, const int64_t *shape)
{
    struct einc_layout l = {sizeof l, dtype, ndim, 0, shape, NULL};
    return l;
}

static void
open_program(struct front *f, const char *text, const struct einc_layout *in,
             int n_in)
{
    front_open(f, 1 << 22);
    f->source = str_of(text);
    f->is_program = 1;
    f->in = in;
    f->n_in = n_in;
}

static const struct program *
resolve(struct front *f)
{
    if (front_run(f))
        fail_msg("%s", front_report(f));
    return f->program;
}

/* exp(f - lse): one logsumexp, over an index of its own. */
static void
test_softmax_shares_its_sum(void **state)
{
    (void)state;
    const struct einc_layout in[] = {of(EINC_F32, 2, sizes)};
    struct front f;
    open_program(&f, "y[i,j] = softmax[j](A[i,j] if j <= i)", in, 1);
    const struct program *p = resolve(&f);
    const struct node *choice = p->stmts[0].right;
    assert_int_equal(choice->fn, FN_SELECT);
    const struct node *e = choice->args[1];
    assert_int_equal(e->fn, FN_EXP);
    assert_non_null(e->lse);
    assert_ptr_equal(e->lse, e->args[0]->args[1]);
    assert_ptr_equal(e->lse, choice->args[2]->args[0]->args[0]);
    assert_int_equal(e->lse->redop, REDOP_LOGSUMEXP);
    assert_int_equal(e->lse->n_bound, 1);
    int own = e->lse->bound[0];
    assert_int_not_equal(own, p->stmts[0].loops[1]);
    assert_int_equal(p->indices[own].kind, INDEX_REDUCED);
    assert_int_equal(p->indices[own].hi, 4);
    front_close(&f);
}

static void
test_sites(void **state)
{
    (void)state;
    const struct einc_layout in[] = {
        of(EINC_I32, 1, sizes + 1), of(EINC_F32, 1, sizes + 5),
        of(EINC_F32, 2, sizes + 2), of(EINC_I64, 1, sizes + 5)};
    struct front f;
    open_program(&f,
                 "Y[i,d] = sum[p in ptr[i]:ptr[i+1]]"
                 "(v[p]*X[pad(col[p]+1,2,1),d])", in, 4);
    const struct program *p = resolve(&f);
    assert_int_equal(p->n_sites, 2);
    const struct site *gather = &p->sites[0], *bound = &p->sites[1];
    assert_int_equal(gather->tensor, 2);
    assert_int_equal(gather->dim, 0);
    assert_int_equal(gather->lo, -2);
    assert_int_equal(gather->hi, 4);
    assert_int_equal(bound->tensor, -1);
    assert_int_equal(bound->lo, 0);
    assert_int_equal(bound->hi, 9);
    const struct stmt *s = &p->stmts[0];
    assert_int_equal(s->n_indices, 3);
    const struct index *x = &p->indices[s->right->bound[0]];
    assert_int_equal(x->site, 1);
    assert_int_equal(x->from->type, EINC_I64);
    const struct access *a = s->right->args[0]->args[1]->access;
    assert_int_equal(a->subs[0].mode, BOUND_PAD);
    assert_int_equal(a->subs[0].constant, 1);
    assert_int_equal(a->subs[0].checked, 1);
    assert_int_equal(a->subs[0].site, 0);
    assert_int_equal(a->subs[1].checked, 0);
    assert_int_equal(a->subs[1].site, -1);
    front_close(&f);
}

static void
test_strides(void **state)
{
    (void)state;
    static const int64_t turned[] = {1, 3}, across[] = {4, 4};
    struct einc_layout in[] = {of(EINC_F32, 2, sizes)};
    in[0].stride = turned;
    struct einc_layout out = of(EINC_F32, 2, sizes);
    const struct einc_layout *outs[] = {&out};
    struct front f;
    open_program(&f, "T[i,j] = A[i,j]; y[i,j] = T[i,j]", in, 1);
    f.outs = outs;
    f.n_outs = 1;
    out.stride = turned;
    const struct program *p = resolve(&f);
    assert_int_equal(p->tensors[0].stride[1], 3);
    assert_int_equal(p->tensors[1].kind, TENSOR_TEMP);
    assert_int_equal(p->tensors[1].stride[0], 4); /* dense */
    assert_int_equal(p->tensors[2].stride[1], 3);
    out.stride = across;
    assert_int_equal(front_run(&f), EINC_EALIAS);
    front_close(&f);
}

static void
expect(const char *text, const struct einc_layout *in, int n_in,
       enum einc_status status, const char *code)
{
    struct front f;
    open_program(&f, text, in, n_in);
    assert_int_equal(front_run(&f), status);
    assert_string_equal(f.cx.diags[0].code, code);
    front_close(&f);
}

static void
test_layouts_that_are_none(void **state)
{
    (void)state;
    static const int64_t negative[] = {-1}, huge[] = {INT64_MAX / 2};
    struct einc_layout in = of(EINC_F32, 1, NULL);
    expect("y[i] = x[i]", &in, 1, EINC_EINVAL, "E307");
    in.ndim = -1;
    expect("y[i] = x[i]", &in, 1, EINC_EINVAL, "E307");
    in = of(EINC_F32, 1, negative);
    expect("y[i] = x[i]", &in, 1, EINC_EINVAL, "E405");
    in = of(EINC_F32, 1, huge);
    expect("y[i] = x[i]", &in, 1, EINC_ELIMIT, "E804");
    in = of(99, 1, sizes);
    expect("y[i] = x[i]", &in, 1, EINC_EINVAL, "E501");
    in = of(EINC_F32, 65, sizes);
    expect("y[i] = x[i]", &in, 1, EINC_ELIMIT, "E802");
}

/* Softmax in softmax doubles its body: a limit, not all of the memory. */
static void
test_nested_softmax(void **state)
{
    (void)state;
    char text[1024] = "y[i] = ";
    const struct einc_layout in[] = {of(EINC_F32, 1, sizes)};
    for (int i = 0; i < 40; i++)
        strcat(text, "softmax[i](");
    strcat(text, "x[i]");
    for (int i = 0; i < 40; i++)
        strcat(text, ")");
    struct front f;
    front_open(&f, (size_t)1 << 27);
    f.source = str_of(text);
    f.is_program = 1;
    f.in = in;
    f.n_in = 1;
    assert_int_equal(front_run(&f), EINC_ELIMIT);
    assert_string_equal(f.cx.diags[0].code, "E810");
    front_close(&f);
}

/* As deep as the parser lets it be, in values, subscripts and guards. */
static void
test_deep(void **state)
{
    (void)state;
    enum { DEEP = MAX_HEIGHT - 20 };
    static char text[64 * MAX_HEIGHT];
    static const char *const forms[][3] = {
        {"y[i] = ", "1+(", "x[i]"},
        {"y[i] = x[wrap(", "1+(", "i"},
        {"y[i] = x[clamp(", "2%(", "i"},
        {"y[i] = ", "floor(", "x[i]"},
        {"y[i] = sum[j](x[j] if ", "1<(", "x[i]"}};
    const struct einc_layout in[] = {of(EINC_F32, 1, sizes)};
    for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
        char *t = text + sprintf(text, "%s", forms[k][0]);
        for (int i = 0; i < DEEP; i++)
            t += sprintf(t, "%s", forms[k][1]);
        t += sprintf(t, "%s", forms[k][2]);
        for (int i = 0; i < DEEP; i++)
            *t++ = ')';
        int opens = strchr(forms[k][0], '(') != NULL;
        sprintf(t, "%s where i in 0:3", k == 4 ? ")" : opens ? ")]" : "");
        struct front f;
        open_program(&f, text, in, 1);
        resolve(&f);
        front_close(&f);
    }
}

/* Each size of memory ends in a program or in EINC_ENOMEM. */
static void
test_memory(void **state)
{
    (void)state;
    const struct einc_layout in[] = {of(EINC_F32, 2, sizes),
                                     of(EINC_F32, 2, sizes + 1)};
    int failed = 0, done = 0;
    for (size_t bytes = 64; bytes < 1 << 17; bytes += bytes / 16 + 8) {
        struct front f;
        front_open(&f, bytes);
        f.source = str_of("T[i,k] = sum[j](softmax[j](A[i,j])*B[j,k]);"
                          " y[i] = T[i,k]+2*pi");
        f.is_program = 1;
        f.in = in;
        f.n_in = 2;
        enum einc_status status = front_run(&f);
        failed += status == EINC_ENOMEM;
        done += status == EINC_EPARSE; /* k is on the right only */
        assert_true(status == EINC_ENOMEM || status == EINC_EPARSE);
        f.source = str_of("T[i,k] = sum[j](softmax[j](A[i,j])*B[j,k]);"
                          " y[i] = sum[k](T[i,k]+2*pi)");
        status = front_run(&f);
        failed += status == EINC_ENOMEM;
        done += status == EINC_OK;
        assert_true(status == EINC_ENOMEM || status == EINC_OK);
        front_close(&f);
    }
    assert_true(failed > 10 && done > 10);
}

/* The same text gives the same dump. */
static void
test_again(void **state)
{
    (void)state;
    const struct einc_layout in[] = {of(EINC_F32, 2, sizes),
                                     of(EINC_F32, 2, sizes + 1)};
    struct front f;
    char *dumps[2];
    open_program(&f, "C[i,k] = A[i,j]*B[j,k]; D[k] = max[i](C[i,k])", in, 2);
    for (int i = 0; i < 2; i++) {
        const struct program *p = resolve(&f);
        struct text t = {.perm = &f.perm};
        einc_resolve_print(&t, p);
        dumps[i] = strdup(einc_text_z(&t));
    }
    assert_string_equal(dumps[0], dumps[1]);
    free(dumps[0]);
    free(dumps[1]);
    front_close(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax_shares_its_sum),
        cmocka_unit_test(test_sites),
        cmocka_unit_test(test_strides),
        cmocka_unit_test(test_layouts_that_are_none),
        cmocka_unit_test(test_nested_softmax),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

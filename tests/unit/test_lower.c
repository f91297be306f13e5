/* SPDX-License-Identifier: MIT
 *
 * test_lower.c - kinds of steps by cost, layouts of intermediates, order of
 * groups and operands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/lower.h"
#include "planned.h"

/* The step and group lines of a plan, without figures of memory. */
static const char *
steps_of(struct planned *x, const char *expression, const char *tensors)
{
    static char lines[4096];
    size_t n = 0;
    planned_open(x, expression, tensors);
    if (planned_build(x))
        fail_msg("%s: %s", expression, front_report(&x->f));
    planned_check(x->plan);
    const char *p = planned_print(x, einc_plan_print);
    for (; *p; p += strcspn(p, "\n") + 1)
        if (strncmp(p, "step ", 5) == 0) {
            size_t len = strcspn(p, "\n") + 1;
            len += strcspn(p + len, "\n") + 1;
            memcpy(lines + n, p, len);
            n += len;
        }
    lines[n] = 0;
    return lines;
}

static void
test_steps(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *tensors, *want;
    } cases[] = {
        /* the lanes of the output are in the first operand: swapped */
        {"kn,mk->mn", "f32 64x64, f32 64x64",
         "step 1 contract out[m,n] = in1[m,k] * in0[k,n]\n"
         "    batch{}=1 M{m}=64 N{n}=64 K{k}=64 flop 524288\n"},
        /* groups in memory order of the output, K in that of lhs */
        {"akcl,ldkb->cabd", "f32 4x8x5x7, f32 7x9x8x6",
         "step 1 contract out[c,a,b,d] = in0[a,k,c,l] * in1[l,d,k,b]\n"
         "    batch{}=1 M{c,a}=20 N{b,d}=54 K{k,l}=56 flop 120960\n"},
        /* an output whose lanes are in the batch: large is still a GETT */
        {"ijb,jkb->ikb", "f32 256x256x4, f32 256x256x4",
         "step 1 contract out[i,k,b] = in0[i,j,b] * in1[j,k,b]\n"
         "    batch{b}=4 M{i}=256 N{k}=256 K{j}=256 flop 134217728\n"},
        /* ... small is not */
        {"ijb,jkb->ikb", "f32 16x16x999, f32 16x16x999",
         "step 1 reduce out[i,k,b] = in0[i,j,b] * in1[j,k,b]\n"
         "    free{i,k,b}=255744 sum{j}=16 flop 8183808\n"},
        /* of rhs the sum comes before the lanes; of lhs it comes last */
        {"ij,jk,kl->il", "f32 90x90, f32 90x80, f32 80x40",
         "step 1 contract t1[j,l] = in1[j,k] * in2[k,l]\n"
         "    batch{}=1 M{j}=90 N{l}=40 K{k}=80 flop 576000\n"
         "step 2 contract out[i,l] = in0[i,j] * t1[j,l]\n"
         "    batch{}=1 M{i}=90 N{l}=40 K{j}=90 flop 648000\n"},
        {"ij,jk,kl->il", "f32 80x90, f32 90x90, f32 90x99",
         "step 1 contract t1[i,k] = in0[i,j] * in1[j,k]\n"
         "    batch{}=1 M{i}=80 N{k}=90 K{j}=90 flop 1296000\n"
         "step 2 contract out[i,l] = t1[i,k] * in2[k,l]\n"
         "    batch{}=1 M{i}=80 N{l}=99 K{k}=90 flop 1425600\n"},
        /* a bilinear form: the reduction reads rows of what it sums */
        {"bi,ij,bj->b", "f32 60x50, f32 50x40, f32 60x40",
         "step 1 contract t1[b,j] = in0[b,i] * in1[i,j]\n"
         "    batch{}=1 M{b}=60 N{j}=40 K{i}=50 flop 240000\n"
         "step 2 reduce out[b] = in2[b,j] * t1[b,j]\n"
         "    free{b}=60 sum{j}=40 flop 4800\n"},
        /* the consumer would have b, its sum, innermost in t1; but then the
         * producer would have its batch in the lanes */
        {"bij,bjk,bl->ikl", "f32 10x40x40, f32 10x40x40, f32 10x50",
         "step 1 contract t1[i,b,k] = in0[b,i,j] * in1[b,j,k]\n"
         "    batch{b}=10 M{i}=40 N{k}=40 K{j}=40 flop 1280000\n"
         "step 2 contract out[i,k,l] = t1[i,b,k] * in2[b,l]\n"
         "    batch{}=1 M{i,k}=1600 N{l}=50 K{b}=10 flop 1600000\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct planned x;
        assert_string_equal(steps_of(&x, cases[i].expression,
                                     cases[i].tensors), cases[i].want);
        planned_close(&x);
    }
}

/* Never a GETT without M, N and K; whatever the sizes. */
static void
test_kinds(void **state)
{
    (void)state;
    static const char *const streams[] = {
        "ij,j->i", "j,ij->i", "i,i->", "bi,bi->b", "i,j->ij", "bi,bj->bij",
        "ij,ij->ij", "bij,bj->bi",
    };
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        struct planned x;
        char tensors[200] = "";
        const char *p = streams[i];
        for (; *p != '-'; p++)
            strcat(tensors, *p == ','            ? ", "
                            : tensors[0] == 0 || p[-1] == ','
                                ? "f32 500"
                                : "x500");
        planned_open(&x, streams[i], tensors);
        assert_int_equal(planned_build(&x), EINC_OK);
        assert_int_equal(x.plan->n_steps, 1);
        assert_int_equal(x.plan->steps[0].kind, STEP_REDUCE);
        planned_close(&x);
    }
}

static void
test_table(void **state)
{
    (void)state;
    static const enum step_kind kinds[] = {STEP_CONTRACT, STEP_REDUCE,
                                           STEP_COPY};
    static const char *const names[] = {"contract", "reduce", "copy"};
    for (int i = 0; i < 3; i++) {
        const struct lowering *l = einc_lowering_of(kinds[i]);
        assert_int_equal(l->kind, kinds[i]);
        assert_string_equal(l->name, names[i]);
        assert_true(l->applicable && l->cost && l->lower && l->print);
    }
}

/* An intermediate that no memory holds is refused by name, not overflowed. */
static void
test_too_large(void **state)
{
    (void)state;
    struct planned x;
    planned_open(&x, "ab,cd,bd->ac",
                 "f32 300000000x30, f32 400000000x30, f32 30x30");
    x.has_out = 1;
    planned_tensor(&x.out, "f32 300000000x400000000 @400000000:1");
    x.options.plan_text = str_of("step 1 reduce t1[a,b,c,d] = in0 * in1\n"
                                 "step 2 reduce out[a,c] = t1 * in2\n");
    assert_int_equal(planned_build(&x), EINC_ELIMIT);
    assert_string_equal(x.f.cx.diags[0].code, "E813");
    planned_close(&x);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

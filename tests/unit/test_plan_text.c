/* SPDX-License-Identifier: MIT
 *
 * test_plan_text.c - plans as text: printed, read back, edited, broken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planned.h"

enum { MAX_TEXT = 1 << 14 };

static const char chain[] =
    "einsum bij,bjk,kl->bil f32\n"
    "size b=8 i=64 j=128 k=64 l=32\n"
    "operand 0 f32 8x64x128\n"
    "operand 1 f32 8x128x64\n"
    "operand 2 f32 64x32\n"
    "output f32 8x64x32\n"
    "step 1 contract t1[b,j,l] = in1[b,j,k] * in2[k,l]\n"
    "    batch{}=1 M{b,j}=1024 N{l}=32 K{k}=64 flop 4194304\n"
    "    read_bytes 270336 write_bytes 131072\n"
    "step 2 contract out[b,i,l] = in0[b,i,j] * t1[b,j,l]\n"
    "    batch{b}=8 M{i}=64 N{l}=32 K{j}=128 flop 4194304\n"
    "    read_bytes 393216 write_bytes 65536\n"
    "buffer t1 at_byte 0 size_bytes 131072\n"
    "total flop 8388608 read_bytes 663552 write_bytes 196608 "
    "temporary_bytes 131072\n";

static void
open_chain(struct planned *x)
{
    planned_open(x, "bij,bjk,kl->bil",
                 "f32 8x64x128, f32 8x128x64, f32 64x32");
}

static void
follow(struct planned *x, const char *text)
{
    x->options.plan_text = str_of(text);
    if (planned_build(x) != EINC_OK)
        fail_msg("%s", front_report(&x->f));
    planned_check(x->plan);
}

static void
test_sample(void **state)
{
    (void)state;
    struct planned x;
    open_chain(&x);
    assert_int_equal(planned_build(&x), EINC_OK);
    const char *text = planned_print(&x, einc_plan_print);
    assert_int_equal(strncmp(text, chain, strlen(chain)), 0);
    assert_int_equal(strncmp(text + strlen(chain), "hash ", 5), 0);
    planned_close(&x);
}

/* print, read, print: the same bytes. */
static void
test_round_trip(void **state)
{
    (void)state;
    static char first[MAX_TEXT];
    char path[32];
    for (uint64_t seed = 1; seed <= 1500; seed++) {
        struct planned x;
        planned_random_open(&x, seed, 7);
        snprintf(path, sizeof path, "random:%d", (int)seed);
        x.options.path = str_of(seed % 2 ? path : "auto");
        assert_int_equal(planned_build(&x), EINC_OK);
        const char *text = planned_print(&x, einc_plan_print);
        assert_true(strlen(text) < MAX_TEXT);
        strcpy(first, text);
        follow(&x, first);
        assert_string_equal(x.plan->finder, "text");
        assert_string_equal(planned_print(&x, einc_plan_print), first);
        planned_close(&x);
    }
}

/* The step lines alone decide. */
static void
test_edited_order(void **state)
{
    (void)state;
    struct planned x;
    open_chain(&x);
    follow(&x, "step 1 contract t1[b,k,i] = in0 * in1\n"
               "# a comment, an empty line\n\n"
               "step 2 contract out[b,i,l] = t1 * in2\n");
    const struct plan *p = x.plan;
    assert_int_equal(p->n_steps, 2);
    assert_int_equal(p->flop, 2 * (8 * 64 * 128 * 64 + 8 * 64 * 64 * 32));
    const struct plan_tensor *t1 = &p->tensors[3];
    assert_int_equal(t1->home, HOME_TEMP);
    assert_int_equal(t1->n_axes, 3);
    assert_true(str_equal(p->canon->indices[t1->axes[1].index].name,
                          str_of("k")));
    assert_int_equal(t1->axes[0].stride, 64 * 64);
    assert_int_equal(t1->axes[1].stride, 64);
    assert_int_equal(t1->axes[2].stride, 1);
    /* i is the lane of t1: in0 is the one with N */
    assert_int_equal(p->steps[0].in[0], 1);
    assert_int_equal(p->steps[0].in[1], 0);
    planned_close(&x);
}

static void
test_edited_kind(void **state)
{
    (void)state;
    struct planned x;
    open_chain(&x);
    follow(&x, "step 1 copy t1[k,b,j] = in1[b,j,k]\n"
               "step 2 reduce out[b,i,l] = in0 * t1 * in2\n");
    assert_int_equal(x.plan->n_steps, 2);
    assert_int_equal(x.plan->steps[1].kind, STEP_REDUCE);
    assert_int_equal(x.plan->steps[1].n_in, 3);
    assert_int_equal(x.plan->temporary_bytes, 4 * 8 * 128 * 64);
    planned_close(&x);
    planned_open(&x, "ij,jk->ik", "i64 12x13, i64 13x14");
    follow(&x, "step 1 reduce out[i,k] = in0 * in1\n");
    assert_int_equal(x.plan->steps[0].kind, STEP_REDUCE);
    assert_true(planned_is_right(x.plan, 7));
    planned_close(&x);
}

/* Edits of random plans that change nothing but the order still compute the
 * same: another path's step lines, head and totals left out. */
static void
test_steps_of_another_path(void **state)
{
    (void)state;
    static char steps[MAX_TEXT];
    char path[32];
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct planned x;
        size_t n = 0;
        planned_random_open(&x, seed, 6);
        snprintf(path, sizeof path, "random:%d", (int)seed * 7);
        x.options.path = str_of(path);
        assert_int_equal(planned_build(&x), EINC_OK);
        const char *line = planned_print(&x, einc_plan_print);
        for (; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1
                                               : NULL)
            if (strncmp(line, "step", 4) == 0) {
                size_t len = strcspn(line, "\n") + 1;
                memcpy(steps + n, line, len);
                n += len;
            }
        steps[n] = 0;
        uint64_t hash = x.plan->hash;
        follow(&x, steps);
        assert_int_equal(x.plan->hash, hash);
        assert_true(planned_is_right(x.plan, seed));
        planned_close(&x);
    }
}

/* --- what is wrong with a text ------------------------------------------ */

/* `chain` with one line replaced. */
static const char *
edit(int line, const char *with)
{
    static char text[MAX_TEXT];
    const char *p = chain;
    for (int i = 1; i < line; i++)
        p = strchr(p, '\n') + 1;
    snprintf(text, sizeof text, "%.*s%s%s", (int)(p - chain), chain, with,
             strchr(p, '\n'));
    return text;
}

static void
test_wrong_lines(void **state)
{
    (void)state;
    static const struct {
        int line;
        const char *with, *message;
    } cases[] = {
        {1, "einsum bij,bjk,kl->bli f32",
         "plan text line 1: it says 'einsum bij,bjk,kl->bli', but 'einsum "
         "bij,bjk,kl->bil' follows from the graph"},
        {2, "size b=8 i=64 j=127 k=64 l=32",
         "plan text line 2: it says 'j=127', but 'j=128' follows from the "
         "graph"},
        {3, "operand 0 f64 8x64x128",
         "plan text line 3: it says '0 f64', but '0 f32' follows from the "
         "graph"},
        {4, "operand 7 f32 8x128x64",
         "plan text line 4: 'operand 7 f32 8x128x64' is not a line of this "
         "plan"},
        {7, "step 2 contract t1[b,j,l] = in1[b,j,k] * in2[k,l]",
         "plan text line 7: step 2 stands where step 1 should"},
        {7, "step 1 product t1[b,j,l] = in1[b,j,k] * in2[k,l]",
         "plan text line 7: there is no kind of step 'product'"},
        {7, "step 1 contract t2[b,j,l] = in1[b,j,k] * in2[k,l]",
         "plan text line 7: 't2[b,j,l]' should be t1"},
        {7, "step 1 contract t1 = in1[b,j,k] * in2[k,l]",
         "plan text line 7: 't1' needs its indices in brackets"},
        {7, "step 1 contract t1[b,j] = in1[b,j,k] * in2[k,l]",
         "plan text line 7: 't1[b,j]' has other indices: [b,j,l]"},
        {7, "step 1 contract t1[b,j,j] = in1[b,j,k] * in2[k,l]",
         "plan text line 7: 't1[b,j,j]' has other indices: [b,j,l]"},
        {7, "step 1 contract t1[b,j,l] = in1[b,k,j] * in2[k,l]",
         "plan text line 7: 'in1[b,k,j]' has other indices: [b,j,k]"},
        {7, "step 1 contract t1[b,j,l] = in1[b,j,k,l] * in2[k,l]",
         "plan text line 7: 'in1[b,j,k,l]' has other indices: [b,j,k]"},
        {7, "step 1 contract t1[b,j,l] = in1[b,j,k] * in3[k,l]",
         "plan text line 7: 'in3[k,l]' is not there"},
        {7, "step 1 contract t1[b,j,l] = in1[b,j,k] * t0[k,l]",
         "plan text line 7: 't0[k,l]' is not there"},
        {7, "step 1 contract t1[b,j,l] = in1[b,j,k] * t1[b,j,l]",
         "plan text line 7: 't1[b,j,l]' is not there"},
        {7, "step 1 contract t1[b,j,l] = in1[b,j,k] * in1[b,j,k]",
         "plan text line 7: 'in1[b,j,k]' is read by an earlier step"},
        {7, "step 1 contract t1[b,j,l] = in1[b,j,k] + in2[k,l]",
         "plan text line 7: ' * ' is missing before ' + in2[k,l]'"},
        {7, "step 1 contract in0[b,j,l] = in1[b,j,k] * in2[k,l]",
         "plan text line 7: a step cannot write 'in0[b,j,l]'"},
        {7, "step 1 contract out[b,i,l] = in1[b,j,k] * in2[k,l]",
         "plan text line 7: 'out' is written while 1 tensors wait for a "
         "step"},
        {7, "step 1 copy t1[b,j,l] = in1[b,j,k] * in2[k,l]",
         "step 1 of the plan text cannot be a copy: its indices do not allow "
         "it"},
        {7, "step 99999999999999999999 copy t1[b,j,l] = in1",
         "plan text line 7: no number, or too large a one: "
         "'99999999999999999999'"},
        {8, "    batch{}=1 M{b,j}=1024 N{l}=31 K{k}=64 flop 4194304",
         "plan text line 8: it says 'N{l}=31', but 'N{l}=32' follows from "
         "the graph"},
        {8, "    batch{}=1 M{b,j}=1024 N{l}=32 K{k}=64 flop 1",
         "plan text line 8: it says 'flop 1', but 'flop 4194304' follows "
         "from the graph"},
        {12, "    read_bytes 393216 write_bytes 65535",
         "plan text line 12: it says 'write_bytes 65535', but 'write_bytes "
         "65536' follows from the graph"},
        {13, "buffer t1 at_byte 64 size_bytes 131072",
         "plan text line 13: it says 'at_byte 64', but 'at_byte 0' follows "
         "from the graph"},
        {14, "hash 0123456789abcdef\nhash",
         "plan text line 14: it says 'hash 0123456789abcdef', but 'hash "},
        {14, "buffer t2 at_byte 64 size_bytes 131072",
         "plan text line 14: 'buffer t2 at_byte 64 size_bytes 131072' is not "
         "a line of this plan"},
        {14, "step 3 copy out[b,i,l] = t2",
         "plan text line 14: a step after the one that writes 'out'"},
        {10, "nothing", "plan text line 14: no step writes 'out'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct planned x;
        open_chain(&x);
        x.options.plan_text = str_of(edit(cases[i].line, cases[i].with));
        assert_int_equal(planned_build(&x), EINC_EINVAL);
        assert_string_equal(x.f.cx.diags[0].code, "E811");
        const char *message = x.f.cx.diags[0].message;
        if (strncmp(message, cases[i].message, strlen(cases[i].message)))
            fail_msg("got:    %s\nwanted: %s", message, cases[i].message);
        planned_close(&x);
    }
}

static void
expect_no_output(struct planned *x)
{
    assert_int_equal(planned_build(x), EINC_EINVAL);
    assert_string_equal(x->f.cx.diags[0].code, "E811");
    assert_non_null(strstr(x->f.cx.diags[0].message, "no step writes 'out'"));
}

/* A text without the last step, down to no text at all: not a plan, and not
 * "no text", either, which is p NULL. Of an empty sum, too. */
static void
test_missing_steps(void **state)
{
    (void)state;
    struct planned x;
    const char *last = strstr(chain, "step 2 ");
    assert_non_null(last);
    open_chain(&x);
    const char *const ends[] = {chain, strstr(chain, "step 1 "), last};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        x.options.plan_text = (struct str){chain, ends[i] - chain};
        expect_no_output(&x);
    }
    x.options.plan_text = (struct str){NULL, 0};
    assert_int_equal(planned_build(&x), EINC_OK);
    planned_close(&x);
    planned_open(&x, "ij,jk->ik", "f32 2x0, f32 0x3");
    assert_int_equal(planned_build(&x), EINC_OK);
    static char text[MAX_TEXT];
    snprintf(text, sizeof text, "%s", planned_print(&x, einc_plan_print));
    x.options.plan_text = str_of(text);
    assert_int_equal(planned_build(&x), EINC_OK);
    x.options.plan_text.n = strstr(text, "step 1 ") - text;
    expect_no_output(&x);
    x.options.plan_text.n = 0;
    expect_no_output(&x);
    planned_close(&x);
}

/* Any bytes end in a plan or a diagnostic. */
static void
test_broken_bytes(void **state)
{
    (void)state;
    static char text[MAX_TEXT];
    int ok = 0, bad = 0;
    uint64_t s = 5;
    for (int round = 0; round < 4000; round++) {
        struct planned x;
        size_t n = strlen(chain);
        memcpy(text, chain, n);
        for (unsigned k = planned_random(&s, 4); k < 4 && n; k++) {
            size_t at = planned_random(&s, (unsigned)n);
            size_t len = planned_random(&s, 12);
            switch (planned_random(&s, 4)) {
            case 0: /* another byte */
                text[at] = (char)planned_random(&s, 256);
                break;
            case 1: /* some left out */
                len = len < n - at ? len : n - at;
                memmove(text + at, text + at + len, n - at - len);
                n -= len;
                break;
            case 2: /* some twice */
                len = len < n - at ? len : n - at;
                memmove(text + at + len, text + at, n - at);
                n += len;
                break;
            default: /* the rest missing */
                n = at + 1;
            }
        }
        open_chain(&x);
        char *copy = malloc(n); /* its end is where a sanitizer looks */
        memcpy(copy, text, n);
        x.options.plan_text = (struct str){copy, (int64_t)n};
        enum einc_status status = planned_build(&x);
        if (status == EINC_OK)
            planned_check(x.plan);
        else
            assert_true(status == EINC_EINVAL && x.f.cx.n_diags == 1);
        ok += status == EINC_OK;
        bad += status != EINC_OK;
        free(copy);
        planned_close(&x);
    }
    assert_true(ok > 20 && bad > 1000);
}

/* --- what is printed ---------------------------------------------------- */

/* A newline of the user's text does not break the lines of ours. */
static void
test_escapes(void **state)
{
    (void)state;
    struct planned x;
    static char text[MAX_TEXT];
    planned_open(&x, "ij,\n\tjk ->\xc3\xa9k", "f32 2x3, f32 3x4");
    snprintf(x.source, sizeof x.source, "\xc3\xa9j,\n\tjk ->\xc3\xa9k");
    assert_int_equal(planned_build(&x), EINC_OK);
    strcpy(text, planned_print(&x, einc_plan_print));
    const char head[] = "einsum \xc3\xa9j,\\n\\tjk ->\xc3\xa9k f32\n"
                        "size \xc3\xa9=2 j=3 k=4\n";
    assert_int_equal(strncmp(text, head, strlen(head)), 0);
    follow(&x, text);
    const char *json = planned_print(&x, einc_plan_print_json);
    assert_non_null(strstr(json, "\"expression\": \"\xc3\xa9j,\\u000a\\u0009jk "
                                 "->\xc3\xa9k\""));
    planned_close(&x);
}

static void
test_layouts(void **state)
{
    (void)state;
    struct planned x;
    planned_open(&x, "ii,->i", "f16 3x3 @-3:-1, i8");
    x.has_out = 1;
    planned_tensor(&x.out, "f64 3 @2");
    assert_int_equal(planned_build(&x), EINC_OK);
    const char want[] = "einsum ii,->i f64\n"
                        "size i=3\n"
                        "operand 0 f16 3x3 stride -3,-1\n"
                        "operand 1 i8 scalar\n"
                        "output f64 3 stride 2\n"
                        "step 1 reduce out[i] = in0[i] * in1[]\n"
                        "    free{i}=3 sum{}=1 flop 6\n"
                        "    read_bytes 7 write_bytes 24\n"
                        "total flop 6 read_bytes 7 write_bytes 24 "
                        "temporary_bytes 0\n"
                        "hash ";
    const char *text = planned_print(&x, einc_plan_print);
    if (strncmp(text, want, strlen(want)))
        fail_msg("%s", text);
    planned_close(&x);
}

static void
test_symbolic(void **state)
{
    (void)state;
    struct planned x;
    open_chain(&x);
    x.f.symbolic = "b,k";
    assert_int_equal(planned_build(&x), EINC_OK);
    assert_non_null(strstr(planned_print(&x, einc_plan_print),
                           "\nsymbolic b k\noperand 0 "));
    planned_close(&x);
}

static void
test_json(void **state)
{
    (void)state;
    struct planned x;
    planned_open(&x, "ij,jk,kl->il", "f32 2x2, f32 2x2, f32 2x2");
    x.options.plan_text = str_of("step 1 reduce t1[j,l] = in1 * in2\n"
                                 "step 2 reduce out[i,l] = in0 * t1\n");
    assert_int_equal(planned_build(&x), EINC_OK);
    const char *json = planned_print(&x, einc_plan_print_json);
    assert_non_null(strstr(json, "\"ssa_path\": [[2, 1], [0, 3]]"));
    assert_non_null(strstr(json, "\"linear_path\": [[2, 1], [0, 1]]"));
    assert_non_null(strstr(json, "\"buffers\": [\n    {\"name\": \"t1\", "
                                 "\"at_byte\": 0, \"size_bytes\": 16}\n  ]"));
    assert_non_null(strstr(json, "\"finder\": \"text\""));
    const char *dot = planned_print(&x, einc_plan_print_dot);
    assert_non_null(strstr(dot, "  in2 -> s1;\n  in1 -> s1;\n  s1 -> t1;\n"));
    struct text path = {.perm = &x.f.perm};
    einc_plan_print_path(&path, x.plan);
    assert_string_equal(einc_text_z(&path),
                        "path text flop 32 temporary_bytes 64\n"
                        "1 t1 = in2 * in1 flop 16 elements 4\n"
                        "2 out = in0 * t1 flop 16 elements 4\n");
    planned_close(&x);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_edited_order),
        cmocka_unit_test(test_edited_kind),
        cmocka_unit_test(test_steps_of_another_path),
        cmocka_unit_test(test_wrong_lines),
        cmocka_unit_test(test_missing_steps),
        cmocka_unit_test(test_broken_bytes),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_symbolic),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

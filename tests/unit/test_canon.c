/* SPDX-License-Identifier: MIT
 *
 * test_canon.c - what the canonical form drops, fuses and leaves alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/canon.h"
#include "planned.h"

/* The dump "canon" of an einsum. */
static const char *
canon(struct planned *x, const char *expression, const char *tensors)
{
    planned_open(x, expression, tensors);
    if (planned_build(x))
        fail_msg("%s: %s", expression, front_report(&x->f));
    struct text t = {.perm = &x->f.perm};
    einc_graph_print(&t, x->plan->canon);
    return einc_text_z(&t);
}

static void
test_dumps(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *tensors, *want;
    } cases[] = {
        /* extents of 1 are gone; names stay as written */
        {"xay,ya->x", "f32 1x3x1, f32 1x3",
         "index 0 a extent 3 summed fuses 1\n"
         "in0 f32 1x3x1 [a * 1]\n"
         "in1 f32 1x3 [a * 1]\n"
         "out f32 1 []\n"
         "compute f32\n"},
        /* a and b chain in both inputs and the output, c does not */
        {"abc,cd->abd", "f32 2x3x4, f32 4x5",
         "index 0 a.b extent 6 output fuses 0,1\n"
         "index 1 d extent 5 output fuses 3\n"
         "index 2 c extent 4 summed fuses 2\n"
         "in0 f32 2x3x4 [a.b * 4, c * 1]\n"
         "in1 f32 4x5 [c * 5, d * 1]\n"
         "out f32 2x3x5 [a.b * 5, d * 1]\n"
         "compute f32\n"},
        /* three at once, slowest first, whatever the order of the labels */
        {"cba->", "f32 2x3x4",
         "index 0 c.b.a extent 24 summed fuses 0,1,2\n"
         "in0 f32 2x3x4 [c.b.a * 1]\n"
         "out f32 []\n"
         "compute f32\n"},
        /* one in the output, one not */
        {"ab->a", "f32 2x3",
         "index 0 a extent 2 output fuses 0\n"
         "index 1 b extent 3 summed fuses 1\n"
         "in0 f32 2x3 [a * 3, b * 1]\n"
         "out f32 2 [a * 1]\n"
         "compute f32\n"},
        /* the strides chain in the input, not in the output */
        {"ab->ba", "f32 2x3",
         "index 0 b extent 3 output fuses 1\n"
         "index 1 a extent 2 output fuses 0\n"
         "in0 f32 2x3 [a * 3, b * 1]\n"
         "out f32 3x2 [b * 2, a * 1]\n"
         "compute f32\n"},
        /* reversed views chain too; padded rows do not */
        {"ab,ab->", "f32 2x3 @-3:-1, f32 2x3 @-6:-2",
         "index 0 a.b extent 6 summed fuses 0,1\n"
         "in0 f32 2x3 [a.b * -1]\n"
         "in1 f32 2x3 [a.b * -2]\n"
         "out f32 []\n"
         "compute f32\n"},
        {"ab->", "f32 2x3 @4:1",
         "index 0 a extent 2 summed fuses 0\n"
         "index 1 b extent 3 summed fuses 1\n"
         "in0 f32 2x3 [a * 4, b * 1]\n"
         "out f32 []\n"
         "compute f32\n"},
        /* a broadcast is an absent index; nobody holds z: a factor; nobody
         * holds y but the output: broadcast there */
        {"yzi,i->yi", "f32 2x3x4 @0:0:1, f32 4",
         "index 0 y extent 2 output fuses 0\n"
         "index 1 i extent 4 output fuses 2\n"
         "in0 f32 2x3x4 [i * 1]\n"
         "in1 f32 4 [i * 1]\n"
         "out f32 2x4 [y * 4, i * 1]\n"
         "compute f32\n"
         "factor 3\n"},
        /* diagonals are strides */
        {"iij->ij", "f32 3x3x4",
         "index 0 i extent 3 output fuses 0\n"
         "index 1 j extent 4 output fuses 1\n"
         "in0 f32 3x3x4 [i * 16, j * 1]\n"
         "out f32 3x4 [i * 4, j * 1]\n"
         "compute f32\n"},
        /* nothing is decided about an empty contraction */
        {"ab,bc->ac", "f32 2x0, f32 0x3",
         "index 0 a extent 2 output fuses 0\n"
         "index 1 c extent 3 output fuses 2\n"
         "index 2 b extent 0 summed fuses 1\n"
         "in0 f32 2x0 [a * 1, b * 1]\n"
         "in1 f32 0x3 [b * 3, c * 1]\n"
         "out f32 2x3 [a * 3, c * 1]\n"
         "compute f32\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct planned x;
        assert_string_equal(canon(&x, cases[i].expression, cases[i].tensors),
                            cases[i].want);
        planned_close(&x);
    }
}

/* Extents that are arguments later: not dropped, not fused. */
static void
test_symbolic(void **state)
{
    (void)state;
    struct planned x;
    planned_open(&x, "abc->abc", "f32 2x3x4");
    x.f.symbolic = "b";
    assert_int_equal(planned_build(&x), EINC_OK);
    assert_int_equal(x.plan->canon->n_indices, 3);
    planned_close(&x);
    planned_open(&x, "abc->abc", "f32 2x3x4");
    x.f.symbolic = "a";
    assert_int_equal(planned_build(&x), EINC_OK);
    assert_int_equal(x.plan->canon->n_indices, 2);
    assert_true(str_equal(x.plan->canon->indices[1].name, str_of("b.c")));
    planned_close(&x);
}

/* Dims of a dropped index have none; those of a fused one share it. */
static void
test_dims(void **state)
{
    (void)state;
    struct planned x;
    planned_open(&x, "axb->ab", "f32 2x1x3");
    assert_int_equal(planned_build(&x), EINC_OK);
    const struct operand *o = &x.plan->canon->in[0];
    assert_int_equal(o->n_dims, 3);
    assert_int_equal(o->dim_index[0], 0);
    assert_int_equal(o->dim_index[1], -1);
    assert_int_equal(o->dim_index[2], 0);
    planned_close(&x);
}

/* Alike operands keep the caller's order; ranks are the order inverted. */
static void
test_order(void **state)
{
    (void)state;
    struct planned x;
    for (uint64_t seed = 1; seed < 200; seed++) {
        planned_random_open(&x, seed, 7);
        assert_int_equal(planned_build(&x), EINC_OK);
        const struct canon *c =
            einc_canon(&x.f.perm, x.f.scratch, x.f.graph);
        for (int i = 0; i < x.n_in; i++)
            assert_int_equal(c->rank[c->order[i]], i);
        planned_close(&x);
    }
    planned_open(&x, "i,i,i,i->i", "f32 3, f32 3, f32 3, f32 3");
    assert_int_equal(planned_build(&x), EINC_OK);
    const struct canon *c = einc_canon(&x.f.perm, x.f.scratch, x.f.graph);
    for (int i = 0; i < 4; i++)
        assert_int_equal(c->order[i], i);
    planned_close(&x);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dumps),
        cmocka_unit_test(test_symbolic),
        cmocka_unit_test(test_dims),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

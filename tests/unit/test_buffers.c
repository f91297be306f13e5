/* SPDX-License-Identifier: MIT
 *
 * test_buffers.c - places in the workspace: no overlap of what lives at the
 * same time, reuse of what does not. Random plans are in test_plan.c; here
 * are lives of any kind, which no path would make.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/buffers.h"
#include "planned.h"

enum { MAX_STEPS = 40 };

/* A plan of only what buffers.c looks at: step i makes tensor i of size[i]
 * elements and reads those whose last[] is i. */
struct toy_plan {
    struct plan plan;
    struct graph canon;
    struct graph_index indices[MAX_STEPS];
    struct axis axes[MAX_STEPS];
    struct plan_tensor tensors[MAX_STEPS];
    struct step steps[MAX_STEPS];
    int in[MAX_STEPS][MAX_STEPS];
};

static void
fill(struct toy_plan *t, int n, const int64_t *size, const int *last)
{
    memset(t, 0, sizeof *t);
    t->plan.canon = &t->canon;
    t->plan.tensors = t->tensors;
    t->plan.steps = t->steps;
    t->plan.n_steps = t->plan.n_tensors = n;
    t->canon.indices = t->indices;
    for (int i = 0; i < n; i++) {
        t->indices[i].extent = size[i];
        t->axes[i] = (struct axis){i, 1};
        t->tensors[i] = (struct plan_tensor){
            .home = i + 1 < n ? HOME_TEMP : HOME_OUTPUT, .number = i + 1,
            .dtype = EINC_F32, .axes = &t->axes[i], .n_axes = 1};
        t->steps[i].out = i;
        t->steps[i].in = t->in[i];
        if (i + 1 < n)
            t->in[last[i]][t->steps[last[i]].n_in++] = i;
    }
}

/* Most bytes, padded, that live during one step. */
static int64_t
most_live(const struct toy_plan *t, int n, const int *last)
{
    int64_t most = 0;
    for (int s = 0; s < n; s++) {
        int64_t live = 0;
        for (int i = 0; i + 1 < n; i++)
            if (i <= s && s <= last[i])
                live += (t->tensors[i].size_bytes + 63) / 64 * 64;
        most = live > most ? live : most;
    }
    return most;
}

static void
place(struct toy_plan *t)
{
    static char memory[1 << 16];
    struct cx cx;
    memset(&cx, 0, sizeof cx);
    struct arena a = {memory, memory + sizeof memory, &cx};
    cx.perm = &a;
    if (setjmp(cx.boundary))
        fail();
    einc_buffers_place(a, &t->plan, 0);
}

static void
test_random_lives(void **state)
{
    (void)state;
    static struct toy_plan t;
    uint64_t s = 3;
    int64_t total = 0, least = 0;
    for (int round = 0; round < 3000; round++) {
        int n = 2 + (int)planned_random(&s, MAX_STEPS - 1), last[MAX_STEPS];
        int64_t size[MAX_STEPS], end = 0;
        for (int i = 0; i < n; i++) {
            size[i] = 1 + planned_random(&s, 1u << planned_random(&s, 12));
            last[i] = i + 1 + (int)planned_random(&s, (unsigned)(n - i));
            last[i] = last[i] < n ? last[i] : n - 1;
        }
        fill(&t, n, size, last);
        place(&t);
        planned_check_life(&t.plan);
        for (int i = 0; i + 1 < n; i++) {
            const struct plan_tensor *x = &t.tensors[i];
            int64_t stop = x->at_byte + (x->size_bytes + 63) / 64 * 64;
            assert_int_equal(x->at_byte % BUFFER_ALIGN_BYTES, 0);
            assert_int_equal(x->size_bytes, 4 * size[i]);
            end = stop > end ? stop : end;
        }
        assert_int_equal(t.plan.temporary_bytes, end); /* the peak */
        assert_true(end >= most_live(&t, n, last));
        total += end;
        least += most_live(&t, n, last);
    }
    assert_true(total < least + least / 4); /* little is lost to gaps */
}

/* Two that never meet share their place. */
static void
test_chain(void **state)
{
    (void)state;
    static struct toy_plan t;
    const int64_t size[] = {100, 100, 100, 100, 1};
    const int last[] = {1, 2, 3, 4, 0};
    fill(&t, 5, size, last);
    place(&t);
    assert_int_equal(t.tensors[0].at_byte, 0);
    assert_int_equal(t.tensors[1].at_byte, 448);
    assert_int_equal(t.tensors[2].at_byte, 0);
    assert_int_equal(t.tensors[3].at_byte, 448);
    assert_int_equal(t.plan.temporary_bytes, 896);
}

/* Best fit: of two holes the one that fits better. The last block grows
 * instead of leaving a hole behind. */
static void
test_fit(void **state)
{
    (void)state;
    static struct toy_plan t;
    const int64_t size[] = {160, 16, 32, 16, 32, 16, 1};
    const int last[] = {4, 6, 4, 6, 6, 6, 0};
    fill(&t, 7, size, last);
    place(&t);
    assert_int_equal(t.tensors[2].at_byte, 704);
    assert_int_equal(t.tensors[5].at_byte, 704);
    const int64_t grows[] = {16, 32, 64, 1};
    const int gone[] = {3, 2, 3, 0};
    fill(&t, 4, grows, gone);
    t.steps[2].n_in = 0; /* t2 is given back before t3 is made */
    t.in[1][t.steps[1].n_in++] = 1;
    place(&t);
    assert_int_equal(t.tensors[2].at_byte, 64);
    assert_int_equal(t.plan.temporary_bytes, 64 + 256);
}

/* Neighbours that are given back become one hole, in either order. */
static void
test_merge(void **state)
{
    (void)state;
    static struct toy_plan t;
    const int64_t size[] = {16, 16, 16, 16, 64, 32, 1};
    for (int order = 0; order < 2; order++) {
        const int last[] = {4 - order, 3 + order, 6, 4, 6, 6, 0};
        fill(&t, 7, size, last);
        place(&t);
        assert_int_equal(t.tensors[2].at_byte, 128);
        assert_int_equal(t.tensors[5].at_byte, 0);
        planned_check_life(&t.plan);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_lives),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

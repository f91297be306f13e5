/* SPDX-License-Identifier: MIT
 *
 * test_edges.c - what a hostile reader of the API found, and what keeps it
 * mended: holes between elements, forks, sizes of structs, names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctx.h"

static const int64_t two[1] = {2};

static struct einc_layout
vector(int64_t *stride)
{
    return (struct einc_layout){
        sizeof(struct einc_layout), EINC_F32, 1, 0, two, stride};
}

/* --- overlap ------------------------------------------------------------ */

/* An element on the first page, one on the third, no memory between them, and
 * `out` among them: only elements may be touched. */
static void
test_holes_are_not_read(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *p = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(p, MAP_FAILED);
    assert_int_equal(mprotect(p + page, page, PROT_NONE), 0);
    int64_t stride[1] = {(int64_t)(2 * page / sizeof(float))};
    struct einc_layout in[1] = {vector(stride)};
    struct einc_plan *plan;
    ((float *)p)[0] = 1;
    ((float *)p)[stride[0]] = 2;
    float *out = (float *)(p + 64);
    for (int tier = EINC_TIER_AUTO; tier <= EINC_TIER_INTERP; tier++) {
        struct einc_options o = {.size = sizeof o, .tier = tier};
        assert_int_equal(
            einc_compile(NULL, "i->i", 1, in, NULL, &o, &plan, NULL), 0);
        const void *data[1] = {p};
        assert_int_equal(einc_run(plan, data, out, NULL, NULL), 0);
        assert_true(out[0] == 1 && out[1] == 2);
        einc_plan_free(plan);
    }
    munmap(p, 3 * page);
}

/* Transposition and reversal of a matrix onto itself. */
static void
test_onto_itself(void **state)
{
    (void)state;
    enum { N = 7 };
    int64_t shape[2] = {N, N}, back[2] = {-N, -1};
    float a[N * N];
    for (int j = 0; j < N * N; j++)
        a[j] = (float)j;
    struct einc_layout in[1] = {EINC_LAYOUT(EINC_F32, 2, shape)};
    in[0].stride = back;
    struct einc_plan *plan;
    assert_int_equal(
        einc_compile(NULL, "ij->ji", 1, in, NULL, NULL, &plan, NULL), 0);
    const void *data[1] = {a + N * N - 1};
    assert_int_equal(einc_run(plan, data, a, NULL, NULL), 0);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            assert_true(a[j * N + i] == (float)(N * N - 1 - (i * N + j)));
    einc_plan_free(plan);
}

/* --- empty tensors ------------------------------------------------------ */

static void
test_empty_with_any_stride(void **state)
{
    (void)state;
    int64_t shape[2] = {0, 2}, stride[2] = {INT64_MIN, 1};
    float out[2] = {5, 5};
    struct einc_layout in[1] = {EINC_LAYOUT(EINC_F32, 2, shape)};
    in[0].stride = stride;
    struct einc_plan *plan;
    assert_int_equal(
        einc_compile(NULL, "ab->b", 1, in, NULL, NULL, &plan, NULL), 0);
    const void *data[1] = {NULL};
    assert_int_equal(einc_run(plan, data, out, NULL, NULL), 0);
    assert_true(out[0] == 0 && out[1] == 0);
    einc_plan_free(plan);
    int64_t large[3] = {0, 0, INT64_MAX - 1};
    in[0] = (struct einc_layout)EINC_LAYOUT(EINC_BOOL, 3, large);
    if (einc_compile(NULL, "aab->", 1, in, NULL, NULL, &plan, NULL) == 0)
        einc_plan_free(plan);
}

/* --- sizes, flags, threads ---------------------------------------------- */

static void
test_sizes_are_demanded(void **state)
{
    (void)state;
    struct einc_layout in[1] = {vector(NULL)};
    struct einc_plan *plan;
    struct einc_options o = {.tier = EINC_TIER_INTERP};
    assert_int_equal(einc_compile(NULL, "i", 1, in, NULL, &o, &plan, NULL),
                     EINC_EINVAL);
    o.size = sizeof o;
    o.flags = 1u << 30;
    assert_int_equal(einc_compile(NULL, "i", 1, in, NULL, &o, &plan, NULL),
                     EINC_EINVAL);
    o.flags = 0;
    assert_int_equal(einc_compile(NULL, "i", 1, in, NULL, &o, &plan, NULL),
                     EINC_OK);
    float x[2] = {1, 2}, y[2], alpha = 2;
    const void *data[1] = {x};
    struct einc_run_options r = {.alpha = &alpha};
    assert_int_equal(einc_run(plan, data, y, &r, NULL), EINC_EINVAL);
    r.size = sizeof r;
    r.threads = -3;
    assert_int_equal(einc_run(plan, data, y, &r, NULL), EINC_EINVAL);
    r.threads = 0;
    assert_int_equal(einc_run(plan, data, y, &r, NULL), EINC_OK);
    assert_true(y[0] == 2 && y[1] == 4);
    einc_plan_free(plan);
    struct einc_config c = {0};
    struct einc_ctx *ctx;
    assert_int_equal(einc_ctx_create(&c, &ctx, NULL), EINC_EINVAL);
    c.size = sizeof c;
    c.threads = 2000000000;
    assert_int_equal(einc_ctx_create(&c, &ctx, NULL), EINC_OK);
    assert_int_equal(ctx->threads, MOST_THREADS);
    einc_ctx_free(ctx);
}

/* A later version's struct is longer: fine while what we do not know is 0. */
static void
test_longer_structs(void **state)
{
    (void)state;
    struct {
        struct einc_options o;
        char more[16];
    } later = {.o = {.size = sizeof later}};
    struct einc_layout in[1] = {vector(NULL)};
    struct einc_plan *plan;
    assert_int_equal(
        einc_compile(NULL, "i", 1, in, NULL, &later.o, &plan, NULL), EINC_OK);
    einc_plan_free(plan);
    later.more[15] = 1;
    assert_int_equal(
        einc_compile(NULL, "i", 1, in, NULL, &later.o, &plan, NULL),
        EINC_EINVAL);
}

/* --- names of emitted functions ----------------------------------------- */

static int
swallow(void *user, const char *bytes, size_t n)
{
    (void)user;
    (void)bytes;
    (void)n;
    return 0;
}

static void
test_names(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "size_t", "int64_t", "NULL", "typeof", "_Bool", "linux", "abs", "in0",
        "out", "work", "static_assert", "t1", "INT64_MAX", "thread_local",
        "wchar_t", "2x", "a-b", "", "constexpr", "memcpy"};
    static const char *const good[] = {"mm", "matmul2", "f", "input", "Gemm",
                                       "t1_more", "in", "tt"};
    struct einc_layout in[1] = {vector(NULL)};
    struct einc_plan *plan;
    assert_int_equal(
        einc_compile(NULL, "i->i", 1, in, NULL, NULL, &plan, NULL), 0);
    struct einc_emit_options o = {.size = sizeof o};
    for (size_t n = 0; n < sizeof bad / sizeof bad[0]; n++) {
        o.name = bad[n];
        assert_int_equal(einc_emit(plan, &o, swallow, NULL, NULL),
                         EINC_EINVAL);
    }
    for (size_t n = 0; n < sizeof good / sizeof good[0]; n++) {
        o.name = good[n];
        assert_int_equal(einc_emit(plan, &o, swallow, NULL, NULL), EINC_OK);
    }
    einc_plan_free(plan);
}

/* --- fork --------------------------------------------------------------- */

static int stop;

static void *
busy(void *user)
{
    struct einc_ctx *ctx = user;
    struct einc_layout in[1] = {vector(NULL)}, out = vector(NULL);
    float x[2] = {1, 2}, y[2];
    const void *data[1] = {x};
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
        einc_einsum(ctx, "i->i", 1, in, data, &out, y, NULL);
    return NULL;
}

/* A child may be born while another thread holds a lock of the context. */
static void
test_fork_beside_threads(void **state)
{
    (void)state;
    enum { FORKS = 200 };
    struct einc_config c = {
        .size = sizeof c, .threads = 1, .tier = EINC_TIER_INTERP};
    struct einc_ctx *ctx;
    pthread_t thread[2];
    assert_int_equal(einc_ctx_create(&c, &ctx, NULL), EINC_OK);
    stop = 0;
    for (int t = 0; t < 2; t++)
        assert_int_equal(pthread_create(&thread[t], NULL, busy, ctx), 0);
    for (int f = 0; f < FORKS; f++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct einc_layout in[1] = {vector(NULL)}, out = vector(NULL);
            float x[2] = {3, 4}, y[2] = {0, 0};
            const void *data[1] = {x};
            alarm(20);
            int bad = einc_einsum(ctx, "i->i", 1, in, data, &out, y, NULL) ||
                      y[1] != 4;
            _exit(bad);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (int t = 0; t < 2; t++)
        pthread_join(thread[t], NULL);
    einc_ctx_free(ctx);
}

/* --- many labels -------------------------------------------------------- */

static int
count_shape(void *user, size_t operand, int32_t ndim, const int64_t *shape)
{
    int64_t *total = user;
    (void)operand;
    for (int d = 0; d < ndim; d++)
        *total += shape[d];
    return 0;
}

/* 40,000 labels, a size for the first: done in a moment, not in minutes. */
static void
test_shapes_of_many(void **state)
{
    (void)state;
    enum { LABELS = 40000, ROOM = 24 };
    static char text[LABELS * ROOM], symbolic[LABELS * ROOM];
    int64_t total = 0;
    size_t n = 0;
    for (int l = 0; l < LABELS; l++)
        n += (size_t)sprintf(text + n, "%s{a%d}{a%d}", l ? "," : "", l, l + 1);
    sprintf(text + n, "->");
    alarm(60);
    assert_int_equal(einc_shapes(text, "a0=7", 0, count_shape, &total,
                                 symbolic, sizeof symbolic, NULL), 0);
    alarm(0);
    assert_int_equal(total, 7 + (2 * LABELS - 1) * 64);
    assert_int_equal(strncmp(symbolic, "a1,a2,a3,", 9), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holes_are_not_read),
        cmocka_unit_test(test_onto_itself),
        cmocka_unit_test(test_empty_with_any_stride),
        cmocka_unit_test(test_sizes_are_demanded),
        cmocka_unit_test(test_longer_structs),
        cmocka_unit_test(test_names),
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
        cmocka_unit_test(test_fork_beside_threads), /* their own locks hang */
#endif
        cmocka_unit_test(test_shapes_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

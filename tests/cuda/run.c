/* SPDX-License-Identifier: MIT
 *
 * run.c - plans on a GPU, without one: the mock driver runs their kernels on
 * the CPU. Results equal einc_reference() bit for bit: numbers are small
 * integers. Every call of the driver and of NVRTC is made to fail once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "einc.h"
#include "mock/mock.h"

/* --- the mock ------------------------------------------------------------- */

static char mock_path[4200];
static struct mock *mock;

/* It stands beside this program. */
static int
open_mock(void **state)
{
    (void)state;
    ssize_t n = readlink("/proc/self/exe", mock_path, 4000);
    assert_true(n > 0);
    mock_path[n] = '\0';
    strcpy(strrchr(mock_path, '/'), "/mock.so");
    void *library = dlopen(mock_path, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(library);
    assert_non_null(mock = dlsym(library, "einc_mock"));
    return setenv("EINC_NVRTC", mock_path, 1) +
           setenv("EINC_CUDA", mock_path, 1);
}

/* --- tensors -------------------------------------------------------------- */

enum { MOST_IN = 3, MOST_DIMS = 4, ROOM = 20000 };

struct row {
    const char *expr;
    enum einc_dtype dtype;
    int n_in;
    int ndim[MOST_IN];
    int64_t shape[MOST_IN][MOST_DIMS];
};

static const struct row rows[] = {
    {"ij,jk->ik", EINC_F32, 2, {2, 2}, {{5, 6}, {6, 7}}},
    {"ij,jk->ik", EINC_F64, 2, {2, 2}, {{5, 6}, {6, 7}}},
    {"ij,jk->ik", EINC_C64, 2, {2, 2}, {{3, 4}, {4, 2}}},
    {"ij,jk->ik", EINC_I8, 2, {2, 2}, {{5, 6}, {6, 7}}},
    {"ij,jk->ik", EINC_BOOL, 2, {2, 2}, {{5, 6}, {6, 7}}},
    {"bij,bjk->bki", EINC_F32, 2, {3, 3}, {{3, 4, 5}, {3, 5, 6}}},
    {"ij->ji", EINC_F64, 1, {2}, {{9, 11}}},
    {"ij->", EINC_F32, 1, {2}, {{30, 40}}},
    {"i,j->ij", EINC_F32, 2, {1, 1}, {{5}, {6}}},
    {"iij,ij->j", EINC_F64, 2, {3, 2}, {{4, 4, 5}, {4, 5}}},
    {"ij,jk,kl->il", EINC_F32, 3, {2, 2, 2}, {{5, 6}, {6, 7}, {7, 8}}},
    /* blocks of threads: edges, slices of K, groups of indices, batches */
    {"ij,jk->ik", EINC_F32, 2, {2, 2}, {{64, 16}, {16, 64}}},
    {"ij,jk->ik", EINC_F32, 2, {2, 2}, {{33, 17}, {17, 70}}},
    {"ij,kj->ki", EINC_F64, 2, {2, 2}, {{65, 31}, {16, 31}}},
    {"ij,jk->ki", EINC_F32, 2, {2, 2}, {{33, 17}, {17, 70}}},
    {"ij,jk->ki", EINC_C64, 2, {2, 2}, {{33, 17}, {17, 20}}},
    {"ji,jk->ik", EINC_F32, 2, {2, 2}, {{1030, 16}, {1030, 16}}},
    {"ij,jk->ik", EINC_C64, 2, {2, 2}, {{20, 33}, {33, 18}}},
    /* few of them: K in parts */
    {"ij,jk->ik", EINC_F64, 2, {2, 2}, {{17, 700}, {700, 20}}},
    {"ij,jk->ki", EINC_C64, 2, {2, 2}, {{17, 530}, {530, 18}}},
    {"ij,kj->ik", EINC_I8, 2, {2, 2}, {{20, 900}, {17, 900}}},
    {"ij,kj->ik", EINC_BOOL, 2, {2, 2}, {{20, 600}, {17, 600}}},
    {"ij,jk->ik", EINC_I8, 2, {2, 2}, {{40, 100}, {100, 24}}},
    {"ij,jk->ik", EINC_BOOL, 2, {2, 2}, {{40, 100}, {100, 24}}},
    {"baij,bjc->biac", EINC_F32, 2, {4, 3}, {{3, 4, 9, 18}, {3, 18, 17}}},
    {"iaj,jak->ik", EINC_F32, 2, {3, 3}, {{20, 5, 7}, {7, 5, 30}}},
    {"ij->i", EINC_F32, 1, {2}, {{3, 0}}},
    {"ij->j", EINC_F32, 1, {2}, {{3, 0}}},
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

/* A plan and its tensors. */
struct job {
    struct einc_ctx *ctx;
    struct einc_plan *plan;
    const void *in[MOST_IN];
    char data[MOST_IN][8 * ROOM];
    char got[8 * ROOM], want[8 * ROOM];
    size_t out_bytes;
};

static void
fill(char *data, enum einc_dtype dtype)
{
    for (int i = 0; i < ROOM / 2; i++) {
        int v = i * 7 % 5 - (dtype == EINC_BOOL ? 0 : 2);
        if (dtype == EINC_F32 || dtype == EINC_C64)
            ((float *)(void *)data)[i] = (float)v;
        else if (dtype == EINC_F64)
            ((double *)(void *)data)[i] = v;
        else
            data[i] = (char)(dtype == EINC_BOOL ? v % 2 : v);
    }
}

static void
compile(struct job *j, const struct row *r)
{
    struct einc_layout in[MOST_IN], out = {.size = sizeof out};
    struct einc_options o = {.size = sizeof o, .tier = EINC_TIER_INTERP};
    for (int t = 0; t < r->n_in; t++) {
        in[t] = (struct einc_layout){.size = sizeof in[t],
                                     .dtype = (int32_t)r->dtype,
                                     .ndim = r->ndim[t],
                                     .shape = r->shape[t]};
        fill(j->data[t], r->dtype);
        j->in[t] = j->data[t];
    }
    assert_int_equal(einc_compile(j->ctx, r->expr, (size_t)r->n_in, in, NULL,
                                  &o, &j->plan, NULL), EINC_OK);
    assert_int_equal(einc_plan_layout(j->plan, &out), EINC_OK);
    j->out_bytes = einc_dtype_bytes((enum einc_dtype)out.dtype);
    for (int d = 0; d < out.ndim; d++)
        j->out_bytes *= (size_t)out.shape[d];
    assert_int_equal(einc_reference(j->plan, j->in, j->want, NULL, NULL),
                     EINC_OK);
}

/* A context without a disk cache, or with one at `cache`. */
static struct job *
open_job(const struct row *r, const char *cache)
{
    struct job *j = calloc(1, sizeof *j);
    struct einc_config c = {.size = sizeof c, .cache_dir = cache};
    assert_int_equal(einc_ctx_create(&c, &j->ctx, NULL), EINC_OK);
    compile(j, r);
    memset(j->got, 0x5a, sizeof j->got);
    return j;
}

/* Nothing is left of it on the device, either. */
static void
close_job(struct job *j)
{
    einc_plan_free(j->plan);
    einc_ctx_free(j->ctx);
    free(j);
    assert_int_equal(mock->loaded, 0);
    assert_int_equal(mock->blocks, 0);
    assert_int_equal(mock->streams, 0);
    assert_int_equal(mock->contexts, 0);
    assert_int_equal(mock->depth, 0);
    if (mock->wrong)
        fail_msg("%d wrong: %s", mock->wrong, mock->report);
}

static enum einc_status
run(struct job *j, struct einc_err **err)
{
    struct einc_run_options o = {.size = sizeof o,
                                 .place = EINC_PLACE_CUDA_COPIES};
    return einc_run(j->plan, j->in, j->got, &o, err);
}

/* --- results -------------------------------------------------------------- */

static void
test_results(void **state)
{
    (void)state;
    for (int r = 0; r < N_ROWS; r++) {
        struct job *j = open_job(&rows[r], "");
        assert_int_equal(run(j, NULL), EINC_OK);
        if (memcmp(j->got, j->want, j->out_bytes) != 0)
            fail_msg("%s in %s, row %d", rows[r].expr,
                     einc_dtype_name(rows[r].dtype), r);
        close_job(j);
    }
}

/* Tensors that are on the device, alpha, beta and a workspace: nothing but
 * launches, so a stream may be capturing. */
static void
test_there(void **state)
{
    (void)state;
    static _Alignas(256) char work[8 * ROOM];
    struct job *j = open_job(&rows[10], "");
    const float alpha = 3, beta = -2;
    struct einc_run_options o = {.size = sizeof o, .alpha = &alpha,
                                 .beta = &beta, .work = work,
                                 .work_bytes = sizeof work,
                                 .place = EINC_PLACE_CUDA};
    float *got = (float *)(void *)j->got, *want = (float *)(void *)j->want;
    assert_int_equal(einc_plan_prepare(j->plan, EINC_PLACE_CUDA, NULL),
                     EINC_OK);
    for (int i = 0; i < 40; i++)
        got[i] = (float)(i % 7);
    mock->capturing = 1;
    int calls = mock->calls;
    assert_int_equal(einc_run(j->plan, j->in, got, &o, NULL), EINC_OK);
    mock->capturing = 0;
    assert_int_equal(mock->calls - calls, 4); /* which context, enter, two
                                               * steps */
    for (int i = 0; i < 40; i++)
        assert_true(got[i] == 3 * want[i] - 2 * (float)(i % 7));
    close_job(j);
}

/* The same texts through NVIDIA's compiler, where there is one. */
static void
test_nvrtc(void **state)
{
    (void)state;
    int before = mock->cubins;
    unsetenv("EINC_NVRTC");
    for (int r = 0; r < N_ROWS; r++) {
        struct job *j = open_job(&rows[r], "");
        struct einc_err *err = NULL;
        enum einc_status status = run(j, &err);
        close_job(j);
        if (status == EINC_EDEVICE && r == 0) {
            printf("skipped: %s", einc_err_text(err));
            einc_err_free(err);
            break;
        }
        if (err)
            fail_msg("%s: %s", rows[r].expr, einc_err_text(err));
        assert_true(mock->cubins > before || !strchr(rows[r].expr, ','));
    }
    setenv("EINC_NVRTC", mock_path, 1);
}

/* --- kernels are kept ----------------------------------------------------- */

static void
test_shapes_share_a_kernel(void **state)
{
    (void)state;
    static const struct row small = {
        "ij,jk->ik", EINC_F32, 2, {2, 2}, {{5, 6}, {6, 7}}};
    static const struct row large = {
        "ij,jk->ik", EINC_F32, 2, {2, 2}, {{12, 33}, {33, 9}}};
    struct job *j = open_job(&small, "");
    int compiled = mock->compiled;
    assert_int_equal(run(j, NULL), EINC_OK);
    assert_int_equal(run(j, NULL), EINC_OK);
    assert_int_equal(mock->compiled, compiled + 1);
    einc_plan_free(j->plan);
    compile(j, &large);
    assert_int_equal(run(j, NULL), EINC_OK);
    assert_memory_equal(j->got, j->want, j->out_bytes);
    assert_int_equal(mock->compiled, compiled + 1);
    close_job(j);
}

static void
test_cache(void **state)
{
    (void)state;
    char cache[] = "/tmp/einc-cuda-cache-XXXXXX", line[100];
    assert_non_null(mkdtemp(cache));
    int compiled = mock->compiled;
    for (int again = 0; again < 2; again++) {
        struct job *j = open_job(&rows[0], cache);
        assert_int_equal(run(j, NULL), EINC_OK);
        assert_memory_equal(j->got, j->want, j->out_bytes);
        close_job(j);
        assert_int_equal(mock->compiled, compiled + 1);
    }
    snprintf(line, sizeof line, "rm -r %s", cache);
    assert_int_equal(system(line), 0);
}

/* --- failures ------------------------------------------------------------- */

/* The calls of a run, one after another, fail. The texts are compiled by a
 * real compiler: an expression of one step. */
static void
test_each_call_fails(void **state)
{
    (void)state;
    static const int errors[] = {2, 700};
    int failures = 0;
    for (int e = 0; e < 2; e++)
        for (int at = 1, done = 0; !done; at++) {
            struct einc_err *err = NULL;
            struct job *j = open_job(&rows[0], "");
            mock->calls = 0;
            mock->error = errors[e];
            mock->fail_at = at;
            enum einc_status status = run(j, &err);
            done = mock->calls < at;
            mock->fail_at = 0;
            assert_true(done ? status == EINC_OK
                             : status == EINC_EDEVICE ||
                                   status == EINC_ECOMPILER ||
                                   (status == EINC_ENOMEM && e == 0));
            assert_true(done == (err == NULL));
            if (!done)
                assert_true(strlen(einc_err_text(err)) > 10);
            failures += !done;
            einc_err_free(err);
            close_job(j);
        }
    assert_true(failures > 2 * 20);
}

static void
expect(struct job *j, const struct einc_run_options *o, void *out,
       enum einc_status wanted, const char *word)
{
    struct einc_err *err = NULL;
    assert_int_equal(einc_run(j->plan, j->in, out, o, &err), wanted);
    assert_non_null(strstr(einc_err_text(err), word));
    einc_err_free(err);
}

static void
test_refused(void **state)
{
    (void)state;
    struct job *j = open_job(&rows[10], "");
    struct einc_run_options o = {.size = sizeof o, .place = 3};
    expect(j, &o, j->got, EINC_EINVAL, "place");
    o.place = EINC_PLACE_CUDA;
    expect(j, &o, j->data[1] + 4, EINC_EALIAS, "in[1] overlaps");
    o.work = (void *)256;
    o.work_bytes = 8;
    expect(j, &o, j->got, EINC_EINVAL, "work has 8 bytes");
    assert_int_equal(einc_plan_prepare(j->plan, -1, NULL), EINC_EINVAL);
    close_job(j);
}

static void
test_nothing_there(void **state)
{
    (void)state;
    setenv("EINC_CUDA", "/nowhere/libcuda.so", 1);
    struct job *j = open_job(&rows[0], "");
    struct einc_run_options o = {.size = sizeof o,
                                 .place = EINC_PLACE_CUDA_COPIES};
    expect(j, &o, j->got, EINC_EDEVICE, "EINC_CUDA=/nowhere/libcuda.so");
    assert_int_equal(einc_run(j->plan, j->in, j->got, NULL, NULL), EINC_OK);
    assert_memory_equal(j->got, j->want, j->out_bytes);
    close_job(j);
    setenv("EINC_CUDA", mock_path, 1);
}

/* --- index statements ----------------------------------------------------- */

/* A gather that may stray, a temporary, an einsum of a copy with a border, and
 * lists that are kept in memory. */
static const char statements[] =
    "T[i,j] = x[k[i]] + x[j]; "
    "y[i,q] = kmax[j->q:20](T[i,j]*x[j]) + sum[r in 0:3](T[clamp(i+r-1),q]*"
    "x[r])";

enum { ROWS = 30, BEST = 20 };

/* The plan of the statements, with numbers of an order of their own. */
static struct job *
open_program(void)
{
    static const int64_t shape[] = {ROWS};
    struct job *j = calloc(1, sizeof *j);
    struct einc_config c = {.size = sizeof c, .cache_dir = ""};
    struct einc_layout in[] = {
        {.size = sizeof *in, .dtype = EINC_F32, .ndim = 1, .shape = shape},
        {.size = sizeof *in, .dtype = EINC_I32, .ndim = 1, .shape = shape}};
    struct einc_options o = {.size = sizeof o, .tier = EINC_TIER_INTERP};
    assert_int_equal(einc_ctx_create(&c, &j->ctx, NULL), EINC_OK);
    assert_int_equal(einc_compile(j->ctx, statements, 2, in, NULL, &o,
                                  &j->plan, NULL), EINC_OK);
    fill(j->data[0], EINC_F32);
    for (int i = 0; i < ROWS; i++)
        ((int32_t *)(void *)j->data[1])[i] = i * 11 % ROWS;
    j->in[0] = j->data[0];
    j->in[1] = j->data[1];
    j->out_bytes = sizeof(float) * ROWS * BEST;
    memset(j->got, 0x5a, sizeof j->got);
    assert_int_equal(einc_run(j->plan, j->in, j->want, NULL, NULL), EINC_OK);
    return j;
}

static void
test_program(void **state)
{
    (void)state;
    struct job *j = open_program();
    struct einc_err *err = NULL;
    assert_int_equal(run(j, NULL), EINC_OK);
    assert_memory_equal(j->got, j->want, j->out_bytes);
    ((int32_t *)(void *)j->data[1])[7] = ROWS;
    assert_int_equal(run(j, &err), EINC_ESHAPE);
    assert_non_null(strstr(einc_err_text(err), "the subscript 'k[i]' is 30"));
    einc_err_free(err);
    close_job(j);
}

/* In memory of the device: launches, and the lists that a kernel keeps. */
static void
test_program_there(void **state)
{
    (void)state;
    static _Alignas(256) char work[8 * ROOM];
    struct job *j = open_program();
    struct einc_run_options o = {.size = sizeof o, .work = work,
                                 .work_bytes = sizeof work,
                                 .place = EINC_PLACE_CUDA};
    size_t bytes = 0;
    assert_int_equal(einc_plan_prepare(j->plan, EINC_PLACE_CUDA, NULL),
                     EINC_OK);
    assert_int_equal(einc_plan_workspace_at(j->plan, EINC_PLACE_CUDA, &bytes,
                                            NULL), EINC_OK);
    assert_true(bytes >= sizeof(float) * ROWS * ROWS && bytes < sizeof work);
    mock->capturing = 1;
    assert_int_equal(einc_run(j->plan, j->in, j->got, &o, NULL), EINC_OK);
    mock->capturing = 0;
    assert_memory_equal(j->got, j->want, j->out_bytes);
    o.work_bytes = 16;
    expect(j, &o, j->got, EINC_EINVAL, "work has 16 bytes");
    o.work = NULL;
    expect(j, &o, j->data[0] + 4, EINC_EALIAS, "in[0] overlaps");
    close_job(j);
}

static void
test_program_fails(void **state)
{
    (void)state;
    int failures = 0;
    for (int at = 1, done = 0; !done; at++) {
        struct einc_err *err = NULL;
        struct job *j = open_program();
        mock->calls = 0;
        mock->error = at % 2 ? 2 : 700;
        mock->fail_at = at;
        enum einc_status status = run(j, &err);
        done = mock->calls < at;
        mock->fail_at = 0;
        assert_true(done ? status == EINC_OK
                         : status == EINC_EDEVICE ||
                               status == EINC_ECOMPILER ||
                               status == EINC_ENOMEM);
        assert_true(done == (err == NULL));
        failures += !done;
        einc_err_free(err);
        close_job(j);
    }
    assert_true(failures > 40);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_there),
        cmocka_unit_test(test_nvrtc),
        cmocka_unit_test(test_shapes_share_a_kernel),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_each_call_fails),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_nothing_there),
        cmocka_unit_test(test_program),
        cmocka_unit_test(test_program_there),
        cmocka_unit_test(test_program_fails),
    };
    return cmocka_run_group_tests(tests, open_mock, NULL);
}

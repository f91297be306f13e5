/* SPDX-License-Identifier: MIT
 *
 * tensor.c - contractions on tensor cores, and what else einsums are on a GPU,
 * without one: mock.c runs their texts, lane by lane. Results equal
 * einc_reference() bit for bit: numbers are small integers. Threads run in
 * ascending and in descending order, copies to shared memory are done at once
 * and as late as may be. Faults are planted in the texts, and all are found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "einc.h"
#include "mock/mock.h"

static struct mock *mock;
static struct einc_ctx *ctx; /* its kernels serve all sizes */

static struct einc_ctx *
open_ctx(void)
{
    struct einc_config c = {.size = sizeof c, .cache_dir = ""};
    struct einc_ctx *x = NULL;
    assert_int_equal(einc_ctx_create(&c, &x, NULL), EINC_OK);
    return x;
}

/* It stands beside this program. */
static int
open_mock(void **state)
{
    static char path[4200];
    (void)state;
    ssize_t n = readlink("/proc/self/exe", path, 4000);
    assert_true(n > 0);
    path[n] = '\0';
    strcpy(strrchr(path, '/'), "/mock.so");
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(library);
    assert_non_null(mock = dlsym(library, "einc_mock"));
    int failed = setenv("EINC_NVRTC", path, 1) + setenv("EINC_CUDA", path, 1);
    ctx = open_ctx();
    return failed;
}

static int
close_mock(void **state)
{
    (void)state;
    einc_ctx_free(ctx);
    return mock->loaded + mock->blocks + mock->streams + mock->contexts;
}

/* --- tensors -------------------------------------------------------------- */

enum { MOST_DIMS = 4 };

/* One that is `pad` elements longer from one position of its first dimension
 * to the next, and begins `skew` elements behind a multiple of 16 bytes. */
struct tensor {
    struct einc_layout layout;
    int64_t shape[MOST_DIMS], stride[MOST_DIMS];
    int64_t bytes, skew;
    char *block, *data;
};

static unsigned
hash(unsigned x)
{
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

/* Small integers; reals from -1 to 1 if `real`. */
static void
fill(struct tensor *t, unsigned seed, int real)
{
    static const uint16_t half[] = {0xc000, 0xbc00, 0, 0x3c00, 0x4000};
    static const uint16_t brain[] = {0xc000, 0xbf80, 0, 0x3f80, 0x4000};
    int64_t each = (int64_t)einc_dtype_bytes((enum einc_dtype)t->layout.dtype);
    for (int64_t i = 0; i < t->bytes / each; i++) {
        unsigned r = hash(seed + (unsigned)i);
        int v = (int)(r % 5);
        float f = real ? (float)r / 2147483648.f - 1 : (float)(v - 2);
        double d = f;
        int32_t whole = v - 2;
        const void *from = t->layout.dtype == EINC_F32    ? (void *)&f
                           : t->layout.dtype == EINC_F64  ? (void *)&d
                           : t->layout.dtype == EINC_I32  ? (void *)&whole
                           : t->layout.dtype == EINC_F16  ? (void *)&half[v]
                                                          : (void *)&brain[v];
        memcpy(t->data + i * each, from, (size_t)each);
    }
}

static void
open_tensor(struct tensor *t, enum einc_dtype dtype, int ndim,
            const int64_t *shape, int64_t pad, int64_t skew)
{
    int64_t run = 1, each = (int64_t)einc_dtype_bytes(dtype);
    for (int d = ndim - 1; d >= 0; d--) {
        t->shape[d] = shape[d];
        t->stride[d] = run + (d == 0 && ndim > 1 ? pad : 0);
        run *= shape[d];
    }
    int64_t last = 0;
    for (int d = 0; d < ndim; d++)
        last += (shape[d] - 1) * t->stride[d];
    t->layout = (struct einc_layout){.size = sizeof t->layout,
                                     .dtype = (int32_t)dtype,
                                     .ndim = ndim,
                                     .shape = t->shape,
                                     .stride = t->stride};
    t->bytes = (last + 1) * each;
    t->skew = skew * each;
    assert_non_null(t->block = malloc((size_t)(t->bytes + t->skew)));
    t->data = t->block;
}

/* --- jobs ----------------------------------------------------------------- */

enum { MOST_IN = 3 };

/* Letters of an expression and their extents. */
struct job {
    const char *expr;
    enum einc_dtype dtype;
    int64_t extent[26];
    int64_t pad, skew;
    struct tensor in[MOST_IN];
    size_t n_in;
    struct einc_plan *plan;
    char *got, *want;
    size_t out_bytes;
};

static void
open_job(struct job *j, struct einc_ctx *in, int real)
{
    const char *at = j->expr;
    struct einc_layout layout[MOST_IN], out = {.size = sizeof out};
    struct einc_options o = {.size = sizeof o, .tier = EINC_TIER_INTERP};
    const void *data[MOST_IN];
    for (int more = 1; more; more = *at++ == ',') {
        int64_t shape[MOST_DIMS];
        size_t t = j->n_in++;
        int ndim = 0;
        for (; *at >= 'a' && *at <= 'z'; at++)
            shape[ndim++] = j->extent[*at - 'a'];
        open_tensor(&j->in[t], j->dtype, ndim, shape, j->pad, j->skew);
        fill(&j->in[t], 1000u * (unsigned)t, real);
        layout[t] = j->in[t].layout;
        data[t] = j->in[t].data;
    }
    assert_int_equal(einc_compile(in, j->expr, j->n_in, layout, NULL, &o,
                                  &j->plan, NULL), EINC_OK);
    assert_int_equal(einc_plan_layout(j->plan, &out), EINC_OK);
    j->out_bytes = einc_dtype_bytes((enum einc_dtype)out.dtype);
    for (int d = 0; d < out.ndim; d++)
        j->out_bytes *= (size_t)out.shape[d];
    j->got = malloc(j->out_bytes);
    j->want = malloc(j->out_bytes);
    assert_int_equal(einc_reference(j->plan, data, j->want, NULL, NULL),
                     EINC_OK);
}

static void
close_job(struct job *j)
{
    einc_plan_free(j->plan);
    for (size_t t = 0; t < j->n_in; t++)
        free(j->in[t].block);
    free(j->got);
    free(j->want);
}

static void
run(struct job *j, int descending, int late)
{
    const void *const in[MOST_IN] = {j->in[0].data, j->in[1].data,
                                     j->in[2].data};
    struct einc_run_options o = {.size = sizeof o,
                                 .place = EINC_PLACE_CUDA_COPIES};
    memset(j->got, 0x5a, j->out_bytes);
    mock->descending = descending;
    mock->late = late;
    assert_int_equal(einc_run(j->plan, in, j->got, &o, NULL), EINC_OK);
}

/* 0 has one sign: a sum of one term is that term here, and 0 + it there. */
static void
drop_signs(char *p, size_t bytes, enum einc_dtype dtype)
{
    size_t each = einc_dtype_bytes(dtype);
    for (size_t at = 0; dtype != EINC_I32 && at < bytes; at += each) {
        size_t rest = 0;
        while (rest < each - 1 && p[at + rest] == 0)
            rest++;
        if (rest == each - 1 && (unsigned char)p[at + rest] == 0x80)
            p[at + rest] = 0;
    }
}

static int
is_right(const struct job *j)
{
    drop_signs(j->got, j->out_bytes, j->dtype);
    drop_signs(j->want, j->out_bytes, j->dtype);
    return memcmp(j->got, j->want, j->out_bytes) == 0;
}

static void
check(struct job *j, int descending, int late)
{
    run(j, descending, late);
    if (mock->wrong)
        fail_msg("%s %s: %s", j->expr, einc_dtype_name(j->dtype),
                 mock->report);
    if (!is_right(j))
        fail_msg("%s %s, i = %d j = %d k = %d pad %d", j->expr,
                 einc_dtype_name(j->dtype), (int)j->extent[8],
                 (int)j->extent[9], (int)j->extent[10], (int)j->pad);
}

static void
set(struct job *j, int64_t i, int64_t k, int64_t n)
{
    j->extent['i' - 'a'] = i;
    j->extent['j' - 'a'] = k;
    j->extent['k' - 'a'] = n;
}

/* --- results -------------------------------------------------------------- */

/* Operands along K, along their rows and along neither; groups of indices;
 * rows of out; a batch. */
static const struct {
    const char *expr;
    enum einc_dtype dtype;
} kinds[] = {
    {"ij,jk->ik", EINC_BF16}, {"ij,kj->ik", EINC_F16},
    {"ji,jk->ki", EINC_BF16}, {"aij,jka->ik", EINC_BF16},
    {"iaj,kaj->ik", EINC_F16}, {"aibj,jk->biak", EINC_BF16},
    {"ij,kj->ki", EINC_F32}, {"bij,bjk->bik", EINC_F32},
    {"ji,jk->ik", EINC_F32}, {"iaj,jak->ik", EINC_F32},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

/* Slices of K: stages are 3, slices are 32 of 16 bits and 16 of f32. */
static void
test_depths(void **state)
{
    (void)state;
    static const int slices[] = {1, 2, 3, 7};
    for (int n = 0; n < 2; n++)
        for (int s = 0; s < 4; s++)
            for (int cut = 0; cut < 3; cut++) {
                struct job j = {.expr = "ij,jk->ik",
                                .dtype = n ? EINC_F32 : EINC_BF16};
                int each = n ? 16 : 32;
                int k = slices[s] * each - (cut == 1 ? 5 : cut == 2 ? 8 : 0);
                set(&j, 64, k < 16 ? 16 : k, 72);
                open_job(&j, ctx, 0);
                check(&j, 0, 1);
                check(&j, 1, 0);
                close_job(&j);
            }
}

/* A thread per element, FFMA tiles, and several steps. */
static const struct {
    const char *expr;
    enum einc_dtype dtype;
} others[] = {
    {"ij->ji", EINC_F16}, {"ijk->kij", EINC_F32}, {"ij->i", EINC_BF16},
    {"ij->j", EINC_F64}, {"ijk->", EINC_I32}, {"ij,j->i", EINC_F32},
    {"i,j->ij", EINC_BF16}, {"aij,jk->aik", EINC_F64},
    {"ij,jk->ki", EINC_I32}, {"aij,aij->ai", EINC_F32},
    {"iji->j", EINC_F32}, {"ij,jk,ka->ia", EINC_F32},
    {"abij,abjk->abik", EINC_F16}, {"i,i,i->i", EINC_F64},
};
enum { N_OTHERS = sizeof others / sizeof others[0] };

static void
test_others(void **state)
{
    (void)state;
    const char *wanted = getenv("EINC_CASES");
    int n = wanted ? atoi(wanted) : 1900;
    for (int c = 0; c < n; c++) {
        unsigned r = hash((unsigned)c + 7007);
        struct job j = {.expr = others[c % N_OTHERS].expr,
                        .dtype = others[c % N_OTHERS].dtype};
        for (int x = 0; x < 26; x++)
            j.extent[x] = 1 + hash(r + (unsigned)x) % 5;
        set(&j, 1 + hash(r + 30) % 24, 1 + hash(r + 31) % 24,
            1 + hash(r + 32) % 24);
        j.pad = r % 5;
        open_job(&j, ctx, 0);
        check(&j, (int)(r % 2), 0);
        close_job(&j);
    }
}

/* Any sizes, rows that begin at multiples of 16 bytes or not. */
static void
test_random(void **state)
{
    (void)state;
    const char *wanted = getenv("EINC_CASES");
    int n = wanted ? atoi(wanted) : 100;
    for (int c = 0; c < n; c++) {
        unsigned r = hash((unsigned)c + 77);
        struct job j = {.expr = kinds[c % N_KINDS].expr,
                        .dtype = kinds[c % N_KINDS].dtype};
        for (int x = 0; x < 26; x++)
            j.extent[x] = 1 + hash(r + (unsigned)x) % 4;
        set(&j, 16 + hash(r + 30) % 60, 16 + hash(r + 31) % 40,
            16 + hash(r + 32) % 60);
        if (c / N_KINDS % 2) /* multiples of 16 bytes */
            for (int x = 'i' - 'a'; x <= 'k' - 'a'; x++)
                j.extent[x] = (j.extent[x] + 7) / 8 * 8;
        j.pad = c / N_KINDS % 3 * 8;
        open_job(&j, ctx, 0);
        check(&j, (int)(r % 2), (int)(r / 2 % 2));
        close_job(&j);
    }
}

/* Enough of them that tiles are 128 x 128. Chunks come and go without a bank
 * that meets twice, and from memory in whole sectors, fewer where rows beyond
 * the edge are the first one. */
static void
test_large_tiles(void **state)
{
    (void)state;
    static const enum einc_dtype types[] = {EINC_BF16, EINC_F32};
    static const char *const exprs[] = {"bij,bjk->bik", "bji,bkj->bki"};
    for (int t = 0; t < 2; t++)
        for (int e = 0; e < 2; e++) {
            struct job j = {.expr = exprs[e], .dtype = types[t]};
            j.extent['b' - 'a'] = 132;
            set(&j, 112, t ? 24 : 48, 128);
            open_job(&j, ctx, 0);
            mock->wavefronts = mock->least_wavefronts = 0;
            mock->sectors = mock->least_sectors = 0;
            check(&j, e, !e);
            assert_true(mock->least_wavefronts > 10000);
            assert_int_equal(mock->wavefronts, mock->least_wavefronts);
            assert_true(mock->least_sectors > 10000);
            assert_true(mock->sectors <= mock->least_sectors);
            close_job(&j);
        }
}

/* Few tiles and a long sum: in parts, the last one shorter, by blocks of their
 * own; added in order, so all runs have the same bits. */
static void
test_parts(void **state)
{
    (void)state;
    for (int c = 0; c < N_KINDS; c += 3) {
        struct job j = {.expr = kinds[c].expr, .dtype = kinds[c].dtype};
        for (int x = 0; x < 26; x++)
            j.extent[x] = 2;
        set(&j, 40, 1290, 24);
        open_job(&j, ctx, 0);
        check(&j, c % 2, !(c % 2));
        close_job(&j);
    }
    struct job j = {.expr = "ij,jk->ik", .dtype = EINC_F32};
    set(&j, 33, 1500, 20);
    open_job(&j, ctx, 1);
    run(&j, 0, 1);
    memcpy(j.want, j.got, j.out_bytes);
    check(&j, 1, 0);
    close_job(&j);
}

/* Two halves of f32 lose no more than f32 does; sums of 4096 are in parts. */
static void
test_accuracy(void **state)
{
    (void)state;
    struct job j = {.expr = "ij,kj->ik", .dtype = EINC_F32};
    double error = 0, norm = 0;
    set(&j, 16, 4096, 16);
    open_job(&j, ctx, 1);
    run(&j, 0, 1);
    for (int i = 0; i < 16; i++)
        for (int k = 0; k < 16; k++) {
            double sum = 0;
            for (int x = 0; x < 4096; x++)
                sum += (double)((float *)(void *)j.in[0].data)[4096*i + x] *
                       ((float *)(void *)j.in[1].data)[4096*k + x];
            double d = ((float *)(void *)j.got)[16*i + k] - sum;
            error += d*d;
            norm += sum*sum;
        }
    printf("relative error of f32, K = 4096: %.2g\n", sqrt(error / norm));
    assert_true(sqrt(error / norm) < 1e-6);
    close_job(&j);
}

/* inf and NaN are what they are in f32. */
static void
test_special(void **state)
{
    (void)state;
    struct job j = {.expr = "ij,kj->ik", .dtype = EINC_F32};
    set(&j, 16, 16, 16);
    open_job(&j, ctx, 0);
    float *a = (float *)(void *)j.in[0].data, *b = (float *)(void *)j.in[1].data;
    for (int x = 0; x < 256; x++)
        a[x] = b[x] = 1;
    a[3] = INFINITY;
    a[16 + 5] = NAN;
    uint32_t all_ones = 0x7fffffff; /* a NaN that must not round to 0 */
    memcpy(&a[32 + 1], &all_ones, sizeof all_ones);
    a[48] = 1e-40f;
    run(&j, 0, 0);
    const float *got = (const float *)(const void *)j.got;
    assert_true(isinf(got[0]) && got[0] > 0);
    assert_true(isnan(got[16]) && isnan(got[32]));
    assert_true(got[48] == 15 && got[64] == 16);
    close_job(&j);
}

/* --- faults ----------------------------------------------------------------- */

static const struct {
    const char *find, *replace;
} faults[] = {
    {"        einc_copy_wait();\n", ""},
    {"        einc_copy_wait();", "        einc_copy_wait_group(2);"},
    {"__syncthreads(); /* slice s is there, s - 1 is done with */", ""},
    {"__syncthreads(); /* slice", "if (thread != 5) __syncthreads(); /*"},
    {"__syncthreads(); /* nobody reads it any more */", ""},
    {"__syncthreads(); /* tables", "/* tables"},
    {"        }\n        einc_copy_commit();\n    }", "        }\n    }"},
    {"next = next == 2 ? 0", "next = next == 2 ? 1"},
    {"if (s + 2 < n_slices)", "if (s + 3 < n_slices)"},
    {"(k_end - k_begin + 31)/32", "(k_end - k_begin)/32"},
    {"einc_copy(chunk, in0_from[e]",
     "if (thread != 77) einc_copy(chunk, in0_from[e]"},
    {"in1_left < 8 ? in1_left : 8", "8"},
    {"within = in1_k < k_end", "within = 1"},
    {"left < 8 ? (int)left : 8", "8"},
    {"in0_k += 32", "in0_k += 24"},
    {"lane % 16, 2*k + lane/16", "lane % 16, 2*k + 1 - lane/16"},
    {"16*(c ^ (x/2 % 4))", "16*(c + (x/2 % 4))"},
    {"16*k + lane % 16", "16*k + lane % 8"},
    {"lane/4 + g/2 % 2*8", "lane/4 + g % 2*8"},
    {"if (x >= rows ||", "if (x >= rows - 1 ||"},
    {"float sum[2][2][4] = {}", "float sum[2][2][4]"},
    {"m0 + x : 0", "m0 + x : m0 + x"},
};
enum { N_FAULTS = sizeof faults / sizeof faults[0] };

/* Of FFMA tiles. */
static const struct {
    const char *find, *replace;
} block_faults[] = {
    {"        __syncthreads();\n            k1 +=", "        k1 +="},
    {"__syncthreads(); /* offsets", "/* offsets"},
    {"__syncthreads(); /* tables", "/* tables"},
    {"while (k1 < depth)", "while (k1 + 8 < depth)"},
    {"if (words.parts && !words.adds)", "if (words.parts && thread)"},
    {"q < (words.adds ? words.n_parts", "q < (words.adds ? words.n_parts - 1"},
};
enum { N_BLOCK_FAULTS = sizeof block_faults / sizeof block_faults[0] };

/* The text with the fault, in either order, early and late; 1: it is found. */
static int
is_found(enum einc_dtype dtype, const char *find, const char *replace)
{
    struct einc_ctx *own = open_ctx();
    struct job j = {.expr = "ij,jk->ik", .dtype = dtype};
    int found = 0;
    /* rows of whole chunks that end before they do */
    set(&j, 67, dtype == EINC_I32 ? 530 : 7 * 32 - 10, 70);
    j.pad = 2;
    mock->find = find;
    mock->replace = replace;
    mock->planted = 0;
    open_job(&j, own, 0);
    for (int mode = 0; mode < 4 && !found; mode++) {
        run(&j, mode % 2, mode / 2);
        found = mock->wrong > 0 || !is_right(&j);
    }
    assert_int_equal(mock->planted, find != NULL);
    close_job(&j);
    einc_ctx_free(own);
    mock->find = NULL;
    mock->wrong = mock->races = mock->stuck = mock->wild = 0;
    mock->report[0] = '\0';
    return found;
}

static void
test_planted(void **state)
{
    (void)state;
    int missed = 0;
    assert_false(is_found(EINC_BF16, NULL, NULL));
    assert_false(is_found(EINC_I32, NULL, NULL));
    for (int f = 0; f < N_FAULTS; f++)
        if (!is_found(EINC_BF16, faults[f].find, faults[f].replace)) {
            printf("not found: %s -> %s\n", faults[f].find,
                   faults[f].replace);
            missed++;
        }
    for (int f = 0; f < N_BLOCK_FAULTS; f++)
        if (!is_found(EINC_I32, block_faults[f].find,
                      block_faults[f].replace)) {
            printf("not found: %s -> %s\n", block_faults[f].find,
                   block_faults[f].replace);
            missed++;
        }
    assert_int_equal(missed, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depths),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_large_tiles),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_special),
        cmocka_unit_test(test_planted),
    };
    return cmocka_run_group_tests(tests, open_mock, close_mock);
}

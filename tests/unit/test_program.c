/* SPDX-License-Identifier: MIT
 *
 * test_program.c - programs of index statements from the caller's side: names,
 * several outputs, what data may do wrong, who owns what.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctx.h"

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

static struct einc_layout
layout(enum einc_dtype dtype, int ndim, const int64_t *shape)
{
    return (struct einc_layout){sizeof(struct einc_layout), (int32_t)dtype,
                                ndim, 0, shape, NULL};
}

static struct einc_ctx *
open_ctx(int threads, enum einc_tier tier)
{
    struct einc_config c = {.size = sizeof c, .threads = threads,
                            .tier = (int32_t)tier, .cache_dir = ""};
    struct einc_ctx *ctx;
    assert_int_equal(einc_ctx_create(&c, &ctx, NULL), EINC_OK);
    return ctx;
}

/* Compiles; the error's text is printed if it fails. */
static struct einc_plan *
compile(struct einc_ctx *ctx, const char *text, size_t n_in,
        const struct einc_layout *in, size_t n_out,
        const struct einc_layout *const *out)
{
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    if (einc_compile_outs(ctx, text, n_in, in, n_out, out, NULL, &plan, &err))
        print_error("%s", einc_err_text(err));
    assert_non_null(plan);
    return plan;
}

/* The text of the error that compiling ends with. */
static void
fails(enum einc_status want, const char *part, const char *text, size_t n_in,
      const struct einc_layout *in, size_t n_out,
      const struct einc_layout *const *out, const char *params)
{
    struct einc_options o = {.size = sizeof o, .params = params};
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    enum einc_status status =
        einc_compile_outs(NULL, text, n_in, in, n_out, out, &o, &plan, &err);
    if (status != want || !strstr(einc_err_text(err), part))
        print_error("%s", einc_err_text(err));
    assert_int_equal(status, want);
    assert_non_null(strstr(einc_err_text(err), part));
    assert_null(plan);
    einc_err_free(err);
}

/* --- names -------------------------------------------------------------- */

static int
put_name(void *user, const struct einc_name *x)
{
    char *to = user;
    sprintf(to + strlen(to), "%s%s%d:%d%s%s ", x->name, x->output ? ">" : "<",
            x->number, x->ndim, x->read ? "r" : "", x->given ? "g" : "");
    return 0;
}

static int
stop(void *user, const struct einc_name *x)
{
    (void)user;
    (void)x;
    return 1;
}

static void
test_names(void **state)
{
    (void)state;
    char got[400] = "";
    struct einc_err *err = NULL;
    assert_int_equal(
        einc_names("S[i,j] = s*Q[i,d]*K[j,d]; m[i] = max[j](S[i,j]);"
                   "H[k[i]] += m[i]; O[i] = 2*O[i] + b[st*i]", "st=2",
                   put_name, got, &err),
        EINC_OK);
    assert_string_equal(got, "s<0:0 Q<1:2 K<2:2 k<3:1 b<4:1 H>0:1rg O>1:1r ");
    assert_int_equal(einc_names("A[i] = B[i]", NULL, stop, NULL, &err),
                     EINC_EINVAL);
    einc_err_free(err);
    assert_int_equal(einc_names("ij->ji", NULL, put_name, got, NULL),
                     EINC_EINVAL);
    assert_int_equal(einc_names("A[i] = ", NULL, put_name, got, &err),
                     EINC_EPARSE);
    einc_err_free(err);
    assert_int_equal(einc_names("A[i] = B[i]", "st=x", put_name, got, &err),
                     EINC_EINVAL);
    assert_non_null(strstr(einc_err_text(err), "st=x"));
    einc_err_free(err);
}

/* --- outputs ------------------------------------------------------------ */

static void
test_outputs(void **state)
{
    (void)state;
    static const enum einc_tier tiers[] = {EINC_TIER_INTERP, EINC_TIER_AUTO,
                                           EINC_TIER_CC};
    for (int t = 0; t < 3; t++) {
        struct einc_ctx *ctx = open_ctx(2, tiers[t]);
        struct einc_layout in[] = {layout(EINC_F32, 2, SHAPE(2, 3))};
        struct einc_plan *plan = compile(
            ctx, "a[i] = sum[j](A[i,j]); b[j] = max[i](A[i,j])", 1, in, 2,
            (const struct einc_layout *const[]){NULL, NULL});
        assert_int_equal(einc_plan_outs(plan), 2);
        struct einc_layout l = {.size = sizeof l};
        assert_int_equal(einc_plan_layout_of(plan, 1, &l), EINC_OK);
        assert_int_equal(l.ndim, 1);
        assert_int_equal(l.shape[0], 3);
        assert_int_equal(einc_plan_layout_of(plan, 2, &l), EINC_EINVAL);
        float A[] = {1, 5, 3, 4, 2, 6}, a[2], b[3];
        assert_int_equal(einc_run_outs(plan, (const void *[]){A},
                                       (void *[]){a, b}, NULL, NULL),
                         EINC_OK);
        assert_true(a[0] == 9 && a[1] == 12);
        assert_true(b[0] == 4 && b[1] == 5 && b[2] == 6);
        /* one output is not enough for it */
        struct einc_err *err = NULL;
        assert_int_equal(einc_run(plan, (const void *[]){A}, a, NULL, &err),
                         EINC_EINVAL);
        einc_err_free(err);
        assert_int_equal(einc_run_outs(plan, (const void *[]){NULL},
                                       (void *[]){a, b}, NULL, NULL),
                         EINC_EINVAL);
        assert_int_equal(einc_run_outs(plan, (const void *[]){A},
                                       (void *[]){a, NULL}, NULL, NULL),
                         EINC_EINVAL);
        einc_plan_free(plan);
        einc_ctx_free(ctx);
    }
}

/* Given strides, and elements between them that stay as they are. */
static void
test_strided_output(void **state)
{
    (void)state;
    struct einc_layout in[] = {layout(EINC_F32, 1, SHAPE(3))};
    struct einc_layout out = {sizeof out, EINC_F32, 1, 0, SHAPE(3),
                              (const int64_t[]){-2}};
    struct einc_ctx *ctx = open_ctx(1, EINC_TIER_INTERP);
    struct einc_plan *plan =
        compile(ctx, "y[i] = exp(x[i]*0) + x[i]", 1, in, 1,
                (const struct einc_layout *const[]){&out});
    float x[] = {1, 2, 3}, y[] = {9, 9, 9, 9, 9};
    assert_int_equal(einc_run(plan, (const void *[]){x}, y + 4, NULL, NULL),
                     EINC_OK);
    const float want[] = {4, 9, 3, 9, 2};
    assert_memory_equal(y, want, sizeof y);
    einc_plan_free(plan);
    einc_ctx_free(ctx);
}

static void
test_accumulate(void **state)
{
    (void)state;
    struct einc_layout in[] = {layout(EINC_I64, 1, SHAPE(4))};
    struct einc_layout out = layout(EINC_F32, 1, SHAPE(3));
    const struct einc_layout *const outs[] = {&out};
    struct einc_plan *plan =
        compile(NULL, "H[K[i]] += 1", 1, in, 1, outs);
    int64_t k[] = {0, 2, 2, 2};
    float h[] = {10, 20, 30};
    assert_int_equal(einc_run(plan, (const void *[]){k}, h, NULL, NULL),
                     EINC_OK);
    assert_true(h[0] == 11 && h[1] == 20 && h[2] == 33);
    /* data that lead out of a tensor are an error with its place */
    struct einc_err *err = NULL;
    k[1] = 3;
    assert_int_equal(einc_run(plan, (const void *[]){k}, h, NULL, &err),
                     EINC_ESHAPE);
    assert_non_null(strstr(einc_err_text(err), "'K[i]' is 3, outside of 0:3"));
    einc_err_free(err);
    k[1] = INT64_MIN;
    assert_int_equal(einc_run(plan, (const void *[]){k}, h, NULL, &err),
                     EINC_ESHAPE);
    einc_err_free(err);
    /* an einsum's factors do not exist here */
    float one = 1;
    struct einc_run_options o = {.size = sizeof o, .alpha = &one};
    k[1] = 0;
    assert_int_equal(einc_run(plan, (const void *[]){k}, h, &o, NULL),
                     EINC_EINVAL);
    o = (struct einc_run_options){.size = sizeof o, .reserved = 1};
    assert_int_equal(einc_run(plan, (const void *[]){k}, h, &o, NULL),
                     EINC_EINVAL);
    assert_int_equal(einc_run_outs(plan, (const void *[]){k}, (void *[]){h},
                                   &o, NULL), EINC_EINVAL);
    /* before what programs cannot do */
    o = (struct einc_run_options){.size = sizeof o, .place = -1};
    assert_int_equal(einc_run(plan, (const void *[]){k}, h, &o, NULL),
                     EINC_EINVAL);
    o.place = EINC_PLACE_CUDA;
    setenv("EINC_CUDA", "/nowhere/libcuda.so", 1);
    assert_int_equal(einc_run_outs(plan, (const void *[]){k}, (void *[]){h},
                                   &o, NULL), EINC_EDEVICE);
    unsetenv("EINC_CUDA");
    einc_plan_free(plan);
}

/* As if all inputs had been read before. */
static void
test_overlap(void **state)
{
    (void)state;
    struct einc_layout in[] = {layout(EINC_F32, 2, SHAPE(4, 4))};
    float x[16], want[16];
    for (int i = 0; i < 16; i++)
        x[i] = (float)i;
    struct einc_plan *plan = compile(
        NULL, "y[i,j] = x[j,i]*x[j,i] + 1", 1, in, 1,
        (const struct einc_layout *const[]){NULL});
    assert_int_equal(einc_run(plan, (const void *[]){x}, want, NULL, NULL),
                     EINC_OK);
    assert_int_equal(einc_run(plan, (const void *[]){x}, x, NULL, NULL),
                     EINC_OK);
    assert_memory_equal(x, want, sizeof x);
    einc_plan_free(plan);
}

/* Bits do not depend on threads; given workspace is enough. */
static void
test_threads(void **state)
{
    (void)state;
    enum { N = 300, D = 20 };
    static float q[N * D], one[N * D], two[N * D];
    for (int i = 0; i < N * D; i++)
        q[i] = (float)((i * 7919) % 1000) / 500 - 1;
    struct einc_layout in[] = {layout(EINC_F32, 2, SHAPE(N, D))};
    struct einc_ctx *ctx = open_ctx(2, EINC_TIER_INTERP);
    struct einc_plan *plan = compile(
        ctx, "S[i,j] = sum[d](Q[i,d]*Q[j,d]); P[i,j] = softmax[j](S[i,j]);"
             "O[i,e] = P[i,j]*Q[j,e]", 1, in, 1,
        (const struct einc_layout *const[]){NULL});
    struct einc_run_options o = {.size = sizeof o, .threads = 1};
    assert_int_equal(einc_run(plan, (const void *[]){q}, one, &o, NULL),
                     EINC_OK);
    size_t bytes, align;
    assert_int_equal(einc_plan_workspace(plan, &bytes, &align), EINC_OK);
    void *work = aligned_alloc(align, (bytes + align) / align * align);
    o = (struct einc_run_options){.size = sizeof o, .work = work,
                                  .work_bytes = bytes};
    assert_int_equal(einc_run(plan, (const void *[]){q}, two, &o, NULL),
                     EINC_OK);
    assert_memory_equal(one, two, sizeof one);
    o.work_bytes--;
    assert_int_equal(einc_run(plan, (const void *[]){q}, two, &o, NULL),
                     EINC_EINVAL);
    static double bound[N * D];
    assert_int_equal(einc_reference(plan, (const void *[]){q}, two, bound,
                                    NULL),
                     EINC_OK);
    for (int i = 0; i < N * D; i++)
        assert_true(one[i] - two[i] <= bound[i] &&
                    two[i] - one[i] <= bound[i] && bound[i] < 1e-3);
    free(work);
    einc_plan_free(plan);
    einc_ctx_free(ctx);
}

/* --- sizes -------------------------------------------------------------- */

static int
count_kernels(const struct einc_ctx *ctx)
{
    int n = 0;
    for (int b = 0; b < KERNEL_BUCKETS; b++)
        for (const struct kernel *k = ctx->kernels[b]; k; k = k->next)
            n++;
    return n;
}

/* Runs a program of one f32 output of `n` elements, and compares. */
static void
run_sized(struct einc_ctx *ctx, const char *text, size_t n_in,
          const struct einc_layout *in, const void *const *data, size_t n)
{
    struct einc_err *err = NULL;
    struct einc_plan *plan =
        compile(ctx, text, n_in, in, 1,
                (const struct einc_layout *const[]){NULL});
    float *got = calloc(n + 1, 4), *want = calloc(n + 1, 4);
    double *bound = calloc(n + 1, 8);
    if (einc_run(plan, data, got, NULL, &err) != EINC_OK)
        fail_msg("%s: %s", text, einc_err_text(err));
    assert_int_equal(einc_reference(plan, data, want, bound, NULL), EINC_OK);
    for (size_t i = 0; i < n; i++)
        if (!(got[i] - want[i] <= bound[i] && want[i] - got[i] <= bound[i]))
            fail_msg("%s: element %d is %g, not %g", text, (int)i,
                     (double)got[i], (double)want[i]);
    free(got);
    free(want);
    free(bound);
    einc_plan_free(plan);
}

/* One kernel serves all sizes: they are compiled for once. An operand is
 * N x M, N x 3 or N, by its name. */
static void
test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *operands;
    } rows[] = {
        {"o[i] = sum[j](exp(-sum[d]((x[i,d]-y[j,d])^2))*b[j])", "xyb"},
        {"o[i,j] = softmax[j](A[i,j]/3)*size(j)", "A"},
        {"o[i] = f32(argmax[j](A[i,j])) + mean[j](A[i,j])", "A"},
        {"o[i,j] = A[i,j] + A[clamp(i-1),j] + A[i,wrap(j+1)]"
         " + A[reflect(i+2),j]", "A"},
        {"o[i,j] = maximum(A[pad(i-1,1),j], fill(A[i,pad(j+1,1)], 1))", "A"},
        {"o[q,i] = kmin[j->q:2](abs(c[i]-b[j]))", "cb"},
        {"o[i] = c[i]*f32(argmax[k,l](A[k,l]))", "cA"},
    };
    static const int sizes[][2] = {{131, 150}, {140, 257}, {200, 133},
                                   {130, 300}};
    static float data[1 << 19];
    for (int i = 0; i < 1 << 19; i++)
        data[i] = (float)((i * 7919LL) % 1009) / 504 - 1;
    struct einc_ctx *ctx = open_ctx(1, EINC_TIER_CC);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        int first = 0;
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            int64_t n = sizes[s][0], m = sizes[s][1], shape[3][2];
            struct einc_layout in[3];
            const void *at[3];
            size_t n_in = strlen(rows[r].operands);
            for (size_t o = 0; o < n_in; o++) {
                char name = rows[r].operands[o];
                shape[o][0] = name == 'y' || name == 'b' ? m : n;
                shape[o][1] = name == 'A' ? m : 3;
                in[o] = layout(EINC_F32, name == 'b' || name == 'c' ? 1 : 2,
                               shape[o]);
                at[o] = data + 100 * o;
            }
            int is_list = rows[r].text[2] == 'q';
            int64_t count = strstr(rows[r].text, "o[i,j]") ? n * m
                            : is_list                      ? 2 * n
                                                           : n;
            run_sized(ctx, rows[r].text, n_in, in, at, (size_t)count);
            if (s == 0)
                first = count_kernels(ctx);
            if (count_kernels(ctx) != first)
                fail_msg("%s: compiled again for %dx%d", rows[r].text,
                         sizes[s][0], sizes[s][1]);
        }
        assert_true(first > (int)r);
    }
    einc_ctx_free(ctx);
}

/* --- wrong calls -------------------------------------------------------- */

static int
write_none(void *user, const char *bytes, size_t n)
{
    (void)user;
    (void)bytes;
    (void)n;
    return 0;
}

static void
test_wrong(void **state)
{
    (void)state;
    struct einc_layout in[] = {layout(EINC_F32, 1, SHAPE(4)),
                               layout(EINC_F32, 1, SHAPE(4))};
    const struct einc_layout *const none[] = {NULL, NULL};
    fails(EINC_ESHAPE, "E303", "y[i] = a[i] + b[i]", 1, in, 1, none, NULL);
    fails(EINC_ESHAPE, "E303", "y[i] = a[i]", 2, in, 1, none, NULL);
    fails(EINC_ESHAPE, "E307", "y[i] = a[i]; z[i] = a[i]", 1, in, 1, none,
          NULL);
    static const char *const lists[] = {
        "sh", "sh=", "sh=1,,", "sh=1,", "=1", "2=3", "sh= 1", "sh=1x", "s h=1",
        "sh=99999999999999999999", "sh=1,sh=2", "sh=--1"};
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++)
        fails(EINC_EINVAL, "E715", "y[i] = a[i]", 1, in, 1, none, lists[l]);
    fails(EINC_EINVAL, "one output", "i->i", 1, in, 2, none, NULL);
    assert_int_equal(einc_compile_outs(NULL, NULL, 0, NULL, 0, NULL, NULL,
                                       NULL, NULL),
                     EINC_EINVAL);
    /* forms that programs do not print as */
    struct einc_plan *plan = compile(NULL, "y[i] = exp(a[i])", 1, in, 1, none);
    assert_int_equal(einc_explain(plan, "graph", EINC_TEXT,
                                  write_none, NULL, NULL),
                     EINC_EUNSUP);
    einc_plan_free(plan);
}

/* --- rewritten ---------------------------------------------------------- */

/* One operand, or none, and one output: as bytes. */
static void
computes(const char *text, struct einc_layout in, const void *operand,
         struct einc_layout out, const void *before, const void *want,
         size_t bytes)
{
    static const enum einc_tier tiers[] = {EINC_TIER_INTERP, EINC_TIER_CC};
    for (int t = 0; t < 2; t++) {
        char got[64];
        struct einc_ctx *ctx = open_ctx(1, tiers[t]);
        struct einc_plan *plan =
            compile(ctx, text, operand != NULL, &in, 1,
                    (const struct einc_layout *const[]){&out});
        memcpy(got, before, bytes);
        assert_int_equal(einc_run_outs(plan, (const void *[]){operand},
                                       (void *[]){got}, NULL, NULL),
                         EINC_OK);
        if (memcmp(got, want, bytes))
            print_error("%s, tier %d\n", text, (int)tiers[t]);
        assert_memory_equal(got, want, bytes);
        einc_plan_free(plan);
        einc_ctx_free(ctx);
    }
}

/* What is stored between two statements, and which values are in it. */
static void
test_rewritten(void **state)
{
    (void)state;
    struct einc_layout f4 = layout(EINC_F32, 1, SHAPE(4)),
                       f14 = layout(EINC_F32, 2, SHAPE(1, 4)),
                       f1 = layout(EINC_F32, 1, SHAPE(1)),
                       i12 = layout(EINC_I32, 2, SHAPE(1, 2)),
                       i1 = layout(EINC_I32, 1, SHAPE(1));
    /* the output is read while it is written */
    float x[] = {1, 2, 3, 4}, back[] = {4, 3, 2, 1};
    computes("t[i] = X[3-i] where i in 0:4; X[i] = t[i]", f4, NULL, f4, x,
             back, sizeof x);
    /* the k best from another than the first on */
    float d[] = {16, 1, 9, 4}, five = 5, zero = 0;
    computes("P[i,q] = kmin[j->q:3](sqrt(D[i,j]));"
             "s[i] = sum[q in 1:3](P[i,q])", f14, d, f1, &zero, &five,
             sizeof five);
    /* casts that wrap: 44 + 56, and 100 of 612 */
    int32_t a[] = {300, -200}, sum = 100, b[] = {300, 312}, nought = 0;
    computes("y[i] = sum[j](i32(i8(A[i,j])))", i12, a, i1, &nought, &sum,
             sizeof sum);
    computes("y[i] = i32(i8(sum[j](A[i,j])))", i12, b, i1, &nought, &sum,
             sizeof sum);
}

/* Points far from 0, some of them near each other: the norms' sum is up to
 * 2^40 times the distance, which loses none of its bits. */
static void
distances(enum einc_tier tier, float scale)
{
    enum { N = 100, M = 90, D = 40 };
    static float x[N * D], y[M * D], out[N * M];
    struct einc_layout in[] = {layout(EINC_F32, 2, SHAPE(N, D)),
                               layout(EINC_F32, 2, SHAPE(M, D))};
    struct einc_ctx *ctx = open_ctx(1, tier);
    struct einc_plan *plan =
        compile(ctx, "O[i,j] = sum[d]((X[i,d]-Y[j,d])^2)", 2, in, 1,
                (const struct einc_layout *const[]){NULL});
    for (int k = 0; k < N * D; k++)
        x[k] = (float)(k * 37 % 101 - 50) + 100 * (float)(k / D % 3);
    for (int k = 0; k < M * D; k++) /* every other one near a point of x */
        y[k] = k / D % 2 ? x[k] + (float)(k % 5) / 1024
                         : (float)(k * 53 % 97 - 48);
    for (int k = 0; k < N * D; k++)
        x[k] *= scale;
    for (int k = 0; k < M * D; k++)
        y[k] *= scale;
    assert_int_equal(einc_run(plan, (const void *[]){x, y}, out, NULL, NULL),
                     EINC_OK);
    for (int k = 0; k < N * M; k++) {
        double want = 0, got = (double)out[k];
        for (int d = 0; d < D; d++) {
            double off = (double)x[k / M * D + d] - (double)y[k % M * D + d];
            want += off * off;
        }
        assert_true(got >= want * (1 - 4e-6) && got <= want * (1 + 4e-6));
    }
    einc_plan_free(plan);
    einc_ctx_free(ctx);
}

/* The bound of an output that is read does not depend on what the caller's
 * array of bounds held. */
static void
test_bound_begins(void **state)
{
    struct einc_layout f3 = layout(EINC_F32, 1, SHAPE(3));
    struct einc_ctx *ctx = open_ctx(1, EINC_TIER_INTERP);
    float x[] = {1, 2, 3}, y[2][3] = {{4, 5, 6}, {4, 5, 6}};
    double bound[2][3] = {{0}, {1e9, 1e300, -1e9}};
    (void)state;
    struct einc_plan *plan = compile(ctx, "y[i] += x[i]/3", 1, &f3, 1,
                                     (const struct einc_layout *[]){&f3});
    for (int k = 0; k < 2; k++)
        assert_int_equal(einc_reference(plan, (const void *[]){x}, y[k],
                                        bound[k], NULL), EINC_OK);
    assert_memory_equal(bound[0], bound[1], sizeof bound[0]);
    assert_memory_equal(y[0], y[1], sizeof y[0]);
    einc_plan_free(plan);
    einc_ctx_free(ctx);
}

static void
test_near_points(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) { /* 1.25e16: the norms' sum is beyond f32 */
        distances(EINC_TIER_INTERP, k ? 1.25e16f : 1);
        distances(EINC_TIER_CC, k ? 1.25e16f : 1);
    }
}

/* --- texts -------------------------------------------------------------- */

struct shown {
    char text[8000];
    size_t n;
};

static int
take_text(void *user, const char *bytes, size_t n)
{
    struct shown *t = user;
    if (t->n + n >= sizeof t->text)
        return 1;
    memcpy(t->text + t->n, bytes, n);
    t->n += n;
    t->text[t->n] = 0;
    return 0;
}

/* --- strips ------------------------------------------------------------- */

enum { ROWS = 523, DEPTH = 16, COLUMNS = 2048, BIASES = 7 };

/* Whole numbers, so that all sums are exact. */
struct stripped {
    float A[ROWS][DEPTH], B[DEPTH][COLUMNS], b[BIASES];
    int32_t at[COLUMNS];
    float O[ROWS][COLUMNS];
};

static void
fill_stripped(struct stripped *x)
{
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < DEPTH; k++)
            x->A[i][k] = (float)((i * 5 + k * 3) % 7 - 3);
    for (int k = 0; k < DEPTH; k++)
        for (int j = 0; j < COLUMNS; j++)
            x->B[k][j] = (float)((k * 5 + j) % 9 - 4);
    for (int j = 0; j < COLUMNS; j++)
        x->at[j] = j * 3 % BIASES;
    for (int k = 0; k < BIASES; k++)
        x->b[k] = (float)(10 * k);
}

static float
stripped_at(const struct stripped *x, int i, int j)
{
    float sum = x->b[x->at[j]];
    for (int k = 0; k < DEPTH; k++)
        sum += (x->A[i][k] < 0 ? -x->A[i][k] : x->A[i][k]) * x->B[k][j];
    return sum > 0 ? sum : 0;
}

/* What is before and behind a product, some rows at a time; the last strip
 * begins within the one before. */
static void
run_stripped(enum einc_tier tier, int threads, struct stripped *x)
{
    struct einc_ctx *ctx = open_ctx(threads, tier);
    const struct einc_layout in[] = {
        layout(EINC_F32, 2, SHAPE(ROWS, DEPTH)),
        layout(EINC_F32, 2, SHAPE(DEPTH, COLUMNS)),
        layout(EINC_F32, 1, SHAPE(BIASES)),
        layout(EINC_I32, 1, SHAPE(COLUMNS))};
    const struct einc_layout *out[] = {NULL};
    struct einc_plan *plan =
        compile(ctx, "O[i,j] = relu(sum[k](abs(A[i,k])*B[k,j]) + b[at[j]])",
                4, in, 1, out);
    const void *data[] = {x->A, x->B, x->b, x->at};
    struct einc_err *err = NULL;
    void *to[] = {x->O};
    assert_int_equal(einc_script_strips(plan->script, 0), 9);
    assert_int_equal(plan->script->n_stages, 3);
    struct shown file = {.n = 0};
    assert_int_equal(einc_emit(plan, NULL, take_text, &file, NULL),
                     EINC_EUNSUP);
    memset(x->O, 0xff, sizeof x->O);
    assert_int_equal(einc_run_outs(plan, data, to, NULL, &err), EINC_OK);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
            if (x->O[i][j] != stripped_at(x, i, j))
                fail_msg("tier %d threads %d: O[%d,%d]", tier, threads, i, j);
    x->at[99] = BIASES;
    assert_int_equal(einc_run_outs(plan, data, to, NULL, &err), EINC_ESHAPE);
    assert_non_null(strstr(einc_err_text(err), "'at[j]' is 7"));
    x->at[99] = 0;
    einc_err_free(err);
    einc_plan_free(plan);
    einc_ctx_free(ctx);
}

static void
test_strips(void **state)
{
    (void)state;
    struct stripped *x = malloc(sizeof *x);
    assert_non_null(x);
    fill_stripped(x);
    run_stripped(EINC_TIER_INTERP, 2, x);
    run_stripped(EINC_TIER_CC, 1, x);
    run_stripped(EINC_TIER_CC, 2, x);
    free(x);
}

/* --- faces -------------------------------------------------------------- */

/* Two stages, of which the temporary t1 is read by both that follow. */
static const char faces[] =
    "t[i,k] = sum[j](A[i,j]*B[j,k]); m[i] = max[k](t[i,k]*t[i,k]);"
    "O[i] = m[i] + sum[k](abs(t[i,k]))";

static struct einc_plan *
compile_faces(struct einc_ctx *ctx)
{
    const struct einc_layout in[] = {layout(EINC_F32, 2, SHAPE(16, 32)),
                                     layout(EINC_F32, 2, SHAPE(32, 8))};
    const struct einc_layout *out[] = {NULL};
    return compile(ctx, faces, 2, in, 1, out);
}

static void
test_explain(void **state)
{
    (void)state;
    struct einc_ctx *ctx = open_ctx(1, EINC_TIER_INTERP);
    struct einc_plan *plan = compile_faces(ctx);
    struct shown json = {.n = 0}, dot = {.n = 0}, text = {.n = 0};
    assert_int_equal(einc_explain(plan, "plan", EINC_JSON, take_text, &json,
                                  NULL), EINC_OK);
    assert_non_null(strstr(json.text, "\"kind\": \"contract\""));
    assert_non_null(strstr(json.text, "\"inputs\": [\"A\", \"B\"], "
                                      "\"output\": \"t\",\n"
                                      "     \"flop\": 8192, \"bytes\": 3584,"
                                      " \"live_bytes\": 512"));
    assert_non_null(strstr(json.text, "{\"name\": \"t\", \"dtype\": \"f32\","
                                      " \"shape\": [16, 8], \"at_byte\": 0,"
                                      " \"size_bytes\": 512}"));
    assert_non_null(strstr(json.text, "       \"expression\": "));
    assert_int_equal(einc_explain(plan, "plan", EINC_DOT, take_text, &dot,
                                  NULL), EINC_OK);
    assert_non_null(strstr(dot.text, "t1 [shape=box, label=\"t f32 16x8\"];"));
    assert_non_null(strstr(dot.text, "  in0 -> s1;\n  in1 -> s1;\n"
                                     "  s1 -> t1;\n"));
    assert_int_equal(einc_explain(plan, "plan", EINC_TEXT, take_text, &text,
                                  NULL), EINC_OK);
    assert_non_null(strstr(text.text, " evaluated\n"));
    assert_non_null(strstr(json.text, "  \"temporary_bytes\": 576,\n"));
    assert_int_equal(einc_explain(plan, "canon", EINC_TEXT, take_text, &text,
                                  NULL), EINC_EUNSUP);
    assert_int_equal(einc_explain(plan, "stmt", EINC_JSON, take_text, &text,
                                  NULL), EINC_EINVAL);
    einc_plan_free(plan);
    einc_ctx_free(ctx);
}

struct rows {
    int n, last_step;
    double flop, seconds;
};

static int
take_row(void *user, const struct einc_bench_row *row)
{
    struct rows *r = user;
    r->n++;
    r->last_step = row->step;
    if (row->step) {
        r->flop += row->flop;
    } else {
        assert_true(row->flop == r->flop);
        assert_string_equal(row->equation, faces);
        assert_string_equal(row->kind, "plan");
    }
    assert_int_equal(row->rounds, 3);
    assert_true(row->model_seconds > 0);
    r->seconds += row->seconds;
    return 0;
}

static void
test_bench(void **state)
{
    (void)state;
    struct einc_ctx *ctx = open_ctx(1, EINC_TIER_INTERP);
    struct einc_plan *plan = compile_faces(ctx);
    static float a[16 * 32], b[32 * 8], o[16], want[16];
    struct rows rows = {0};
    for (int i = 0; i < 16 * 32; i++)
        a[i] = (float)(i % 5);
    for (int i = 0; i < 32 * 8; i++)
        b[i] = (float)(i % 3) - 1;
    const void *const in[] = {a, b};
    assert_int_equal(einc_bench_outs(plan, in, (void *[]){o}, NULL, 3,
                                     take_row, &rows, NULL), EINC_OK);
    assert_true(rows.n >= 3); /* two stages at least, and all of them */
    assert_int_equal(rows.last_step, 0);
    assert_true(rows.seconds > 0);
    assert_int_equal(einc_run(plan, in, want, NULL, NULL), EINC_OK);
    assert_memory_equal(o, want, sizeof want);
    rows = (struct rows){0};
    assert_int_equal(einc_bench(plan, in, o, NULL, 3, take_row, &rows, NULL),
                     EINC_OK);
    assert_int_equal(einc_bench_outs(plan, in, NULL, NULL, 3, take_row, &rows,
                                     NULL), EINC_EINVAL);
    einc_plan_free(plan);
    const struct einc_layout x = layout(EINC_F32, 1, SHAPE(3));
    const struct einc_layout *out[] = {NULL, NULL};
    plan = compile(ctx, "y[i] = A[i]; z[i] = 2*A[i]", 1, &x, 2, out);
    assert_int_equal(einc_bench(plan, in, o, NULL, 3, take_row, &rows, NULL),
                     EINC_EINVAL); /* it has two outputs */
    einc_plan_free(plan);
    einc_ctx_free(ctx);
}

static int
put_shape(void *user, size_t tensor, int32_t ndim, const int64_t *shape)
{
    char *to = user;
    sprintf(to + strlen(to), "%zu:", tensor);
    for (int d = 0; d < ndim; d++)
        sprintf(to + strlen(to), d ? "x%d" : "%d", (int)shape[d]);
    strcat(to, " ");
    return 0;
}

/* Sizes of indices and of a header; outputs that must be given; what has no
 * size. */
static void
test_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sizes, *shapes, *unsized;
    } rows[] = {
        {"C[i,k] = A[i,j]*B[j,k]", "i=2,j=3,k=4", "0:2x3 1:3x4 ", ""},
        {"C[i,k] += A[i,j]*B[j,k]", "i=2,k=4", "0:2x64 1:64x4 2:2x4 ", "j"},
        {"kernel f(A[n,3], B[m]:f64) -> (C[n]): C[i] = A[i,j]*B[j]", "n=5",
         "0:5x3 1:64 ", "m"},
        {"H[K[i]] += X[i]", NULL, "0:64 1:64 ", "i"},
        {"kernel f(A[n]) -> (inout C[n]): C[i] += A[i]", "n=9", "0:9 1:9 ",
         ""}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        char shapes[200] = "", unsized[20] = "?";
        struct einc_err *err = NULL;
        if (einc_program_shapes(rows[r].text, NULL, rows[r].sizes, put_shape,
                                shapes, unsized, sizeof unsized, &err))
            fail_msg("%s", einc_err_text(err));
        assert_string_equal(shapes, rows[r].shapes);
        assert_string_equal(unsized, rows[r].unsized);
    }
    char shapes[200] = "", small[1];
    assert_int_equal(einc_program_shapes(rows[1].text, NULL, NULL, put_shape,
                                         shapes, small, 1, NULL),
                     EINC_EINVAL);
    assert_int_equal(einc_shapes("C[i] = A[i]", NULL, 0, put_shape, shapes,
                                 NULL, 0, NULL), EINC_EINVAL);
}

/* Sizes that are arguments: such a plan is written, not run; what cannot be
 * an argument is named. */
static void
test_open_sizes(void **state)
{
    (void)state;
    static const struct { const char *names; int64_t n; const char *says; }
    rows[] = {{"j", 16, "E301"}, {"i", 1, "E408"}};
    float a[16] = {0}, out[16];
    const void *in[] = {a};
    void *outs[] = {out};
    struct einc_plan *plan;
    struct einc_err *err = NULL;
    for (int r = 0; r < 2; r++) {
        const struct einc_layout x[] = {layout(EINC_F32, 1, SHAPE(rows[r].n))};
        struct einc_options o = {.size = sizeof o, .symbolic = rows[r].names};
        assert_int_equal(einc_compile(NULL, "O[i] = A[i]", 1, x, NULL, &o,
                                      &plan, &err), EINC_ESHAPE);
        assert_non_null(strstr(einc_err_text(err), rows[r].says));
        einc_err_free(err);
    }
    const struct einc_layout x[] = {layout(EINC_F32, 1, SHAPE(16))};
    struct einc_options o = {.size = sizeof o, .symbolic = "i"};
    assert_int_equal(einc_compile(NULL, "O[i] = A[i]", 1, x, NULL, &o, &plan,
                                  NULL), EINC_OK);
    assert_int_equal(einc_run_outs(plan, in, outs, NULL, NULL), EINC_EINVAL);
    einc_plan_free(plan);
}

/* Options that have no meaning here are refused, not passed over. */
static void
test_einsums_only(void **state)
{
    (void)state;
    const struct einc_layout in[] = {layout(EINC_F32, 1, SHAPE(16))};
    struct einc_plan *plan;
    struct einc_err *err = NULL;
    struct einc_options o = {.size = sizeof o, .plan_text = "x"};
    assert_int_equal(einc_compile(NULL, "O[i] = A[i]", 1, in, NULL, &o, &plan,
                                  &err), EINC_EINVAL);
    assert_non_null(strstr(einc_err_text(err), "plan_text"));
    einc_err_free(err);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_open_sizes),
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_strided_output),
        cmocka_unit_test(test_accumulate),
        cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_rewritten),
        cmocka_unit_test(test_explain),
        cmocka_unit_test(test_bench),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_einsums_only),
        cmocka_unit_test(test_bound_begins),
        cmocka_unit_test(test_near_points),
        cmocka_unit_test(test_strips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

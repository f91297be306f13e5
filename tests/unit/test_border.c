/* SPDX-License-Identifier: MIT
 *
 * test_border.c - sums of products that read beyond edges: every mode and
 * type, whole and in slices, gives what the oracle gives; and what their plans
 * say of memory is so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "einc.h"
#include "runtime/border.h"

enum { MOST_DIMS = 6 };

struct array {
    struct einc_layout layout;
    int64_t shape[MOST_DIMS];
    size_t bytes;
    char *data;
};

static void
allocate(struct array *a, enum einc_dtype type)
{
    a->bytes = einc_dtype_bytes(type);
    for (int d = 0; d < a->layout.ndim; d++)
        a->bytes *= (size_t)a->shape[d];
    a->layout.size = sizeof a->layout;
    a->layout.dtype = (int32_t)type;
    a->layout.shape = a->shape;
    a->data = malloc(a->bytes + 1);
}

/* "2x3x4", filled with -2 to 2. */
static const char *
read_array(struct array *a, enum einc_dtype type, const char *s, unsigned seed)
{
    *a = (struct array){.data = NULL};
    for (; *s && *s != ' '; s += *s == 'x')
        a->shape[a->layout.ndim++] = strtol(s, (char **)(uintptr_t)&s, 10);
    allocate(a, type);
    int parts = type == EINC_C64 ? 2 : 1;
    size_t n = a->bytes / einc_dtype_bytes(type) * (size_t)parts;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1103515245u + 12345u;
        int v = (int)(seed >> 16) % 5 - 2;
        switch (type) {
        case EINC_I8: ((int8_t *)(void *)a->data)[i] = (int8_t)v; break;
        case EINC_I32: ((int32_t *)(void *)a->data)[i] = v; break;
        case EINC_F16:
            ((uint16_t *)(void *)a->data)[i] = half_f32_to_f16((float)v);
            break;
        case EINC_F64: ((double *)(void *)a->data)[i] = v; break;
        default: ((float *)(void *)a->data)[i] = (float)v; break;
        }
    }
    return s + (*s == ' ');
}

static int
append(void *user, const char *bytes, size_t n)
{
    strncat(user, bytes, n);
    return 0;
}

/* It is an einsum of a copy, in slices if memory is limited. */
static void
check_path(const struct einc_plan *plan, int limited)
{
    char told[8192] = "";
    assert_int_equal(einc_explain(plan, "path", EINC_TEXT, append, told, NULL),
                     EINC_OK);
    assert_non_null(strstr(told, "with its border"));
    if (limited)
        assert_non_null(strstr(told, " slices of "));
}

/* The result must be the oracle's. */
static void
check(struct einc_ctx *ctx, const char *text, const char *shapes,
      enum einc_dtype type, uint64_t limit)
{
    struct array in[2], out, want;
    struct einc_layout layouts[2];
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    struct einc_options o = {.size = sizeof o, .memory_limit_bytes = limit};
    for (int i = 0; i < 2; i++) {
        shapes = read_array(&in[i], type, shapes, 7u + (unsigned)i);
        in[i].layout.shape = in[i].shape;
        layouts[i] = in[i].layout;
    }
    if (einc_compile(ctx, text, 2, layouts, NULL, &o, &plan, &err))
        fail_msg("%s", einc_err_text(err));
    check_path(plan, limit != 0);
    out = (struct array){.layout = {.size = sizeof out.layout}};
    assert_int_equal(einc_plan_layout(plan, &out.layout), EINC_OK);
    memcpy(out.shape, out.layout.shape,
           sizeof *out.shape * (size_t)out.layout.ndim);
    want = out;
    allocate(&out, type);
    allocate(&want, type);
    memset(out.data, 0x5a, out.bytes);
    const void *data[2] = {in[0].data, in[1].data};
    assert_int_equal(einc_run(plan, data, out.data, NULL, NULL), EINC_OK);
    assert_int_equal(einc_reference(plan, data, want.data, NULL, NULL),
                     EINC_OK);
    if (memcmp(out.data, want.data, out.bytes))
        print_error("%s\n", text);
    assert_memory_equal(out.data, want.data, out.bytes);
    einc_plan_free(plan);
    free(out.data);
    free(want.data);
    free(in[0].data);
    free(in[1].data);
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

/* Each is an einsum with a copy of X; 5 images, or 13 rows. */
static const struct {
    const char *text, *shapes;
    uint64_t slice; /* bytes that hold a slice, of f32 */
} cases[] = {
    {"O[n,k,h,w] = X[n,c,pad(h+r-1,1),pad(w+s-1,1)]*W[k,c,r,s]",
     "5x6x9x8 7x6x3x3", 2640},
    {"O[n,k,h,w] = sum[c,r,s](fill(X[n,c,pad(2*h+r-1,2,1),pad(w+s-1,1)], 3)*"
     "W[k,c,r,s])", "5x6x9x8 17x6x3x3", 2880},
    {"O[n,k,h,w] = X[n,c,clamp(h+r-1),clamp(w+2*s-2)]*W[k,c,r,s] "
     "where h in 0:9, w in 0:8", "5x6x9x8 7x6x3x3", 3168},
    {"O[n,k,h,w] = X[n,c,wrap(h-r),reflect(w+s-1)]*W[k,c,r,s] "
     "where h in 0:9, w in 0:8", "5x6x9x8 7x6x3x3", 2640},
    {"O[h,w,k] = X[reflect(3*h-r+8),clamp(w-4*s),c]*W[r,s,k,c] "
     "where h in 0:12, w in 0:7", "5x3x6 3x2x9x6", 2000},
    {"O[k,t] = X[c,wrap(t-r)]*W[k,c,r] where t in 0:13", "6x4 9x6x3", 120},
    {"O[k,t] = X[pad(t+r-1,1)]*W[k,r]", "130 64x3", 300},
    /* every second element is packed in vectors */
    {"O[n,k,h,w] = X[n,c,2*h+r,pad(2*w+s-3,3)]*W[k,c,r,s]",
     "2x5x9x90 17x5x3x7", 17100},
};

static void
test_modes(void **state)
{
    (void)state;
    static const enum einc_dtype types[] = {EINC_F32, EINC_F64, EINC_I32,
                                            EINC_C64, EINC_I8, EINC_F16};
    static const enum einc_tier tiers[] = {EINC_TIER_INTERP,
                                           EINC_TIER_BUILTIN};
    for (int t = 0; t < 2; t++) {
        struct einc_ctx *ctx = open_ctx(1 + t, tiers[t]);
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
            for (size_t d = 0; d < sizeof types / sizeof *types; d++) {
                uint64_t limit = /* a copy begins at a multiple of 64 */
                    cases[c].slice * einc_dtype_bytes(types[d]) / 4 + 64;
                check(ctx, cases[c].text, cases[c].shapes, types[d], 0);
                check(ctx, cases[c].text, cases[c].shapes, types[d], limit);
            }
        einc_ctx_free(ctx);
    }
}

/* Slices that end with the index overlap; of what adds they must not. */
static void
test_added(void **state)
{
    (void)state;
    struct einc_ctx *ctx = open_ctx(1, EINC_TIER_INTERP);
    static const char text[] =
        "O[n,k,h] = X[n,c,pad(h+r-1,1)]*W[k,c,r];"
        "O[n,k,h] += 2*X[n,c,pad(h+r-1,1)]*W[k,c,r]";
    check(ctx, text, "9x6x9 7x6x3", EINC_F32, 600);
    einc_ctx_free(ctx);
}

/* 32 images of 64x56x56 are 25.7 MB, and with their border 27.6. */
static void
test_memory(void **state)
{
    (void)state;
    static const int64_t image[] = {32, 64, 56, 56}, kernel[] = {64, 64, 3, 3};
    static const char text[] =
        "O[n,k,h,w] = X[n,c,pad(h+r-1,1),pad(w+s-1,1)]*W[k,c,r,s]";
    struct einc_layout in[2] = {EINC_LAYOUT(EINC_F32, 4, image),
                                EINC_LAYOUT(EINC_F32, 4, kernel)};
    struct einc_ctx *ctx = open_ctx(1, EINC_TIER_BUILTIN);
    struct einc_options o = {.size = sizeof o};
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    size_t bytes = 0;
    char told[8192] = "", line[80];
    assert_int_equal(einc_compile(ctx, text, 2, in, NULL, &o, &plan, NULL),
                     EINC_OK);
    assert_int_equal(einc_plan_workspace(plan, &bytes, NULL), EINC_OK);
    assert_true(bytes <= 4 << 20);
    assert_int_equal(einc_explain(plan, "plan", EINC_TEXT, append, told, NULL),
                     EINC_OK);
    snprintf(line, sizeof line, "\npeak_bytes %zu scratch_bytes ", bytes);
    assert_non_null(strstr(told, line));
    assert_non_null(strstr(told, "in 32 slices of 1 of n"));
    assert_non_null(strstr(told, "1x64x58x58 861184 bytes"));
    einc_plan_free(plan);
    o.memory_limit_bytes = 861184;
    assert_int_equal(einc_compile(ctx, text, 2, in, NULL, &o, &plan, NULL),
                     EINC_OK);
    einc_plan_free(plan);
    o.memory_limit_bytes = 861183;
    assert_int_equal(einc_compile(ctx, text, 2, in, NULL, &o, &plan, &err),
                     EINC_ENOMEM);
    assert_non_null(strstr(einc_err_text(err), "E803"));
    einc_err_free(err);
    einc_ctx_free(ctx);
}

/* Rows in any parts; a tensor that runs backwards. */
static void
test_rows(void **state)
{
    (void)state;
    static const int32_t image[] = {1, 2, 3, 4, 5, 6};
    struct border_dim dim[] = {
        {.extent = 2, .stride = 3, .first = -1, .count = 4, .mode = BOUND_PAD},
        {.extent = 3, .stride = -1, .first = -2, .count = 7,
         .mode = BOUND_REFLECT, .step = 1}};
    const struct border b = {.dtype = EINC_I32, .dim = dim, .n_dims = 2,
                             .fill = 9, .moves = 1};
    static const int32_t want[4][7] = {{9, 9, 9, 9, 9, 9, 9},
                                       {2, 3, 2, 1, 2, 3, 2},
                                       {5, 6, 5, 4, 5, 6, 5},
                                       {9, 9, 9, 9, 9, 9, 9}};
    for (int parts = 1; parts <= 4; parts++) {
        int32_t got[4][7] = {{0}};
        for (int x = 0; x < parts; x++)
            einc_border_copy(&b, 1, image + 2, got, 4 * x / parts,
                             4 * (x + 1) / parts);
        assert_memory_equal(got, want, sizeof want);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_added),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

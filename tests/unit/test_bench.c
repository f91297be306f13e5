/* SPDX-License-Identifier: MIT
 *
 * test_bench.c - modelled and measured times from the caller's side: the rows
 * of einc_bench(), which table a context uses, and what it says of bad ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "einc.h"
#include "faults.h"

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

struct lines {
    int n;
    char last[1300];
};

static void
keep_line(void *user, const char *line)
{
    struct lines *l = user;
    l->n++;
    snprintf(l->last, sizeof l->last, "%s", line);
}

static struct einc_ctx *
open_ctx(struct lines *l)
{
    struct einc_config config = {.size = sizeof config, .threads = 1,
                                 .log = keep_line, .log_user = l,
                                 .tier = EINC_TIER_INTERP, .cache_dir = ""};
    struct einc_ctx *ctx;
    memset(l, 0, sizeof *l);
    assert_int_equal(einc_ctx_create(&config, &ctx, NULL), EINC_OK);
    return ctx;
}

/* ij,jk,kl->il of 20x30x40x20: two steps. */
static struct einc_plan *
chain(struct einc_ctx *ctx)
{
    const struct einc_layout in[] = {
        EINC_LAYOUT(EINC_F32, 2, SHAPE(20, 30)),
        EINC_LAYOUT(EINC_F32, 2, SHAPE(30, 40)),
        EINC_LAYOUT(EINC_F32, 2, SHAPE(40, 20))};
    struct einc_plan *plan;
    assert_int_equal(einc_compile(ctx, "ij,jk,kl->il", 3, in, NULL, NULL,
                                  &plan, NULL), EINC_OK);
    return plan;
}

static float one[1200], out[400];
static const void *const data[] = {one, one, one};

/* --- rows --------------------------------------------------------------- */

struct rows {
    int n, left; /* calls until it stops; 0: never */
    struct einc_bench_row row[8];
    char equation[8][80];
};

static int
keep_row(void *user, const struct einc_bench_row *row)
{
    struct rows *r = user;
    assert_true(r->n < 8);
    r->row[r->n] = *row;
    snprintf(r->equation[r->n], 80, "%s", row->equation);
    r->n++;
    return r->left && --r->left == 0;
}

static void
check_row(const struct einc_bench_row *r)
{
    assert_int_equal(r->size, sizeof *r);
    assert_int_equal(r->rounds, 7);
    assert_int_equal(r->threads, 1);
    assert_int_equal(r->tier, EINC_TIER_INTERP);
    assert_true(r->flop > 0 && r->bytes > 0 && r->model_seconds > 0);
    assert_true(r->seconds > 0 && r->low > 0);
    assert_true(r->low <= r->seconds && r->seconds <= r->high);
}

static void
test_rows(void **state)
{
    (void)state;
    struct lines l;
    struct rows r = {.n = 0};
    struct einc_ctx *ctx = open_ctx(&l);
    struct einc_plan *plan = chain(ctx);
    for (int i = 0; i < 1200; i++)
        one[i] = 1;
    assert_int_equal(einc_bench(plan, data, out, NULL, 7, keep_row, &r, NULL),
                     EINC_OK);
    assert_int_equal(r.n, 3);
    for (int i = 0; i < 3; i++)
        check_row(&r.row[i]);
    assert_int_equal(r.row[0].step, 1);
    assert_int_equal(r.row[1].step, 2);
    assert_int_equal(r.row[2].step, 0);
    assert_non_null(strstr(r.equation[0], "t1["));
    assert_non_null(strstr(r.equation[1], "out[i,l] = "));
    assert_string_equal(r.equation[2], "ij,jk,kl->il");
    assert_true(r.row[2].flop == r.row[0].flop + r.row[1].flop);
    assert_true(r.row[2].model_seconds >
                r.row[0].model_seconds + r.row[1].model_seconds);
    assert_true(out[0] == 1200); /* it did compute */
    einc_plan_free(plan);
    einc_ctx_free(ctx);
}

static void
test_misuse(void **state)
{
    (void)state;
    struct lines l;
    struct rows r = {.n = 0};
    struct einc_err *err;
    struct einc_ctx *ctx = open_ctx(&l);
    struct einc_plan *plan = chain(ctx);
    struct einc_run_options no_size = {.threads = 1};
    struct einc_run_options far = {.size = sizeof far,
                                   .place = EINC_PLACE_CUDA};
    assert_int_equal(einc_bench(NULL, data, out, NULL, 1, keep_row, &r, &err),
                     EINC_EINVAL);
    einc_err_free(err);
    assert_int_equal(einc_bench(plan, data, out, NULL, 1, NULL, &r, &err),
                     EINC_EINVAL);
    einc_err_free(err);
    for (int rounds = -1; rounds < 2000; rounds += 1002) {
        assert_int_equal(einc_bench(plan, data, out, NULL, rounds, keep_row,
                                    &r, &err), EINC_EINVAL);
        einc_err_free(err);
    }
    assert_int_equal(einc_bench(plan, data, NULL, NULL, 1, keep_row, &r,
                                &err), EINC_EINVAL);
    assert_non_null(strstr(einc_err_text(err), "out is NULL"));
    einc_err_free(err);
    assert_int_equal(einc_bench(plan, data, out, &no_size, 1, keep_row, &r,
                                NULL), EINC_EINVAL);
    assert_int_equal(einc_bench(plan, data, out, &far, 1, keep_row, &r,
                                NULL), EINC_EUNSUP);
    assert_int_equal(r.n, 0);
    r.left = 2;
    assert_int_equal(einc_bench(plan, data, out, NULL, 1, keep_row, &r,
                                &err), EINC_EINVAL);
    assert_non_null(strstr(einc_err_text(err), "stopped"));
    einc_err_free(err);
    assert_int_equal(r.n, 2);
    einc_plan_free(plan);
    einc_ctx_free(ctx);
}

/* Without memory: a reason, rows only of what was measured, nothing kept. */
static void
test_no_memory(void **state)
{
    (void)state;
    struct einc_config config = {.size = sizeof config, .threads = 1,
                                 .alloc = heap_fn, .cache_dir = "",
                                 .tier = EINC_TIER_INTERP};
    struct einc_ctx *ctx;
    int failures = 0;
    assert_int_equal(einc_ctx_create(&config, &ctx, NULL), EINC_OK);
    struct einc_plan *plan = chain(ctx);
    int64_t live = heap_live;
    for (int mode = 0; mode < 2; mode++)
        for (int n = 1; n < 12; n++) {
            struct rows r = {.n = 0};
            plan_mem = (struct fault_plan){.at = n, .persistent = mode};
            enum einc_status status =
                einc_bench(plan, data, out, NULL, 2, keep_row, &r, NULL);
            plan_mem = (struct fault_plan){0};
            assert_true(status == EINC_OK || status == EINC_ENOMEM);
            assert_int_equal(r.n, status == EINC_OK ? 3 : 0);
            assert_int_equal(heap_live, live);
            failures += status != EINC_OK;
        }
    assert_true(failures > 2);
    plan_mem = (struct fault_plan){.at = 1, .persistent = 1};
    assert_int_equal(einc_calibrate(ctx, "", NULL, NULL, NULL), EINC_ENOMEM);
    plan_mem = (struct fault_plan){0};
    assert_int_equal(heap_live, live);
    einc_plan_free(plan);
    einc_ctx_free(ctx);
    assert_int_equal(heap_live, 0);
}

/* --- tables ------------------------------------------------------------- */

static char place[64], file[128];

static int
set_up(void **state)
{
    (void)state;
    make_place(place);
    snprintf(file, sizeof file, "%s/machine", place);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    remove_place(place);
    unsetenv("EINC_MACHINE");
    return 0;
}

/* The name of the table that a context made now uses. */
static const char *
table_of(struct lines *l)
{
    static char name[40];
    struct rows r = {.n = 0};
    struct einc_ctx *ctx = open_ctx(l);
    struct einc_plan *plan = chain(ctx);
    assert_int_equal(einc_bench(plan, data, out, NULL, 1, keep_row, &r, NULL),
                     EINC_OK);
    snprintf(name, sizeof name, "%s", r.row[0].machine);
    einc_plan_free(plan);
    einc_ctx_free(ctx);
    return name;
}

static void
test_tables(void **state)
{
    (void)state;
    struct lines l;
    char own[40];
    setenv("EINC_MACHINE", "default", 1);
    snprintf(own, sizeof own, "%s", table_of(&l)); /* of this processor */
    assert_int_equal(l.n, 0);
    setenv("EINC_MACHINE", "default:sse2", 1);
    assert_string_equal(table_of(&l), "sse2");
    assert_int_equal(l.n, 0);
    setenv("EINC_MACHINE", "default:z80", 1);
    assert_string_equal(table_of(&l), own);
    assert_int_equal(l.n, 1);
    setenv("EINC_MACHINE", file, 1); /* is not there: that was asked for */
    assert_string_equal(table_of(&l), own);
    assert_int_equal(l.n, 1);
    assert_non_null(strstr(l.last, file));
    unsetenv("EINC_MACHINE");
    setenv("XDG_CONFIG_HOME", place, 1); /* nobody asked */
    assert_string_equal(table_of(&l), own);
    assert_int_equal(l.n, 0);
    unsetenv("XDG_CONFIG_HOME");
}

static int
count_bytes(void *user, const char *bytes, size_t n)
{
    (void)bytes;
    *(size_t *)user += n;
    return 0;
}

/* What is measured is read by the next context, and by no earlier one. */
static void
test_calibrate(void **state)
{
    (void)state;
    struct lines l, before_lines;
    size_t n = 0;
    setenv("EINC_MACHINE", "default:sse2", 1);
    struct einc_ctx *before = open_ctx(&before_lines);
    assert_int_equal(einc_calibrate(before, NULL, count_bytes, &n, NULL),
                     EINC_ECACHE); /* a shipped table is not to be written */
    assert_int_equal(n, 0);
    assert_int_equal(einc_calibrate(before, file, count_bytes, &n, NULL),
                     EINC_OK);
    assert_true(n > 500);
    setenv("EINC_MACHINE", file, 1);
    assert_int_equal(strncmp(table_of(&l), "measured-", 9), 0);
    assert_int_equal(l.n, 0);
    put_bytes(file, "einc machine 1\n?\n", 17, 0600);
    assert_int_not_equal(strncmp(table_of(&l), "measured-", 9), 0);
    assert_int_equal(l.n, 1);
    assert_non_null(strstr(l.last, "line 2"));
    einc_ctx_free(before);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test_setup_teardown(test_tables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_calibrate, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

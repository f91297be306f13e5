/* SPDX-License-Identifier: MIT
 *
 * positions.c - positions are integers: of 2*10^7 terms those beyond 2^24,
 * which f32 cannot tell apart, and lists of the k best that no stack holds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "einc.h"

enum { TERMS = 20000000, MANY = 200000 };

static int n_passed, n_failed;

static void
expect(int is, const char *text, const char *tier)
{
    n_passed += is != 0;
    n_failed += !is;
    if (!is)
        printf("%s, %s: wrong\n", text, tier);
}

static int
run(const char *text, int32_t tier, const float *x, int64_t n, int64_t *y)
{
    struct einc_layout in = EINC_LAYOUT(EINC_F32, 1, &n);
    struct einc_options o = {.size = sizeof o, .tier = tier};
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    const void *data[1] = {x};
    int bad = einc_compile(NULL, text, 1, &in, NULL, &o, &plan, &err) ||
              einc_run(plan, data, y, NULL, &err);
    if (bad)
        printf("%s: %s\n", text, einc_err_text(err));
    einc_err_free(err);
    einc_plan_free(plan);
    return !bad;
}

/* Least first, these; then all are equal, and the first ones come first. */
static const int64_t planted[] = {(1 << 24) + 1, TERMS - 1, (1 << 24) + 3,
                                  (1 << 24) + 2, 3};

static int
is_in_order(const int64_t *y, int n)
{
    for (int k = 0; k < n && k < 5; k++)
        if (y[k] != planted[k])
            return 0;
    for (int k = 5; k < n; k++) /* 3 is among the first */
        if (y[k] != k - 5 + (k - 5 >= 3))
            return 0;
    return 1;
}

int
main(void)
{
    float *x = malloc(sizeof *x * TERMS);
    int64_t *y = malloc(sizeof *y * MANY);
    if (!x || !y)
        return 1;
    for (int64_t k = 0; k < TERMS; k++)
        x[k] = 7;
    for (int k = 0; k < 5; k++)
        x[planted[k]] = (float)k;
    for (int32_t tier = EINC_TIER_INTERP; tier <= EINC_TIER_CC; tier++) {
        const char *name = tier == EINC_TIER_CC ? "cc" : "interp";
        const char *text = "p[] = argmin[j](x[j])";
        expect(run(text, tier, x, TERMS, y) && is_in_order(y, 1), text, name);
        text = "p[q] = argkmin[j->q:4](x[j])";
        expect(run(text, tier, x, TERMS, y) && is_in_order(y, 4), text, name);
        text = "p[q] = argkmin[j->q:40](x[j])";
        expect(run(text, tier, x, TERMS, y) && is_in_order(y, 40), text, name);
    }
    /* of rising terms, so that each goes to the end */
    for (int64_t k = 0; k < MANY; k++)
        x[k] = (float)k;
    const char *text = "p[q] = argkmin[j->q:200000](x[j])";
    int is = run(text, EINC_TIER_CC, x, MANY, y);
    for (int64_t k = 0; k < MANY; k++)
        is &= y[k] == k;
    expect(is, text, "cc");
    free(x);
    free(y);
    printf("%d passed, %d failed\n", n_passed, n_failed);
    return n_failed != 0;
}

/* SPDX-License-Identifier: MIT
 *
 * accuracy.c - how far sums of f32 are off, for every way of summing, from
 * 10^2 to 10^6 terms: against sums in long double. Compensated ones within 2
 * ulp of the sum of magnitudes, f64 within half an ulp of the result, blocks
 * no worse than one long run, and all within the bound that the plan says.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "einc.h"

enum { COLUMNS = 16, MOST = 1000000, N_MODES = 5 };

static int n_passed, n_failed;

static const struct mode {
    const char *name;
    int32_t sum, acc;
} modes[N_MODES] = {
    {"direct", EINC_SUM_DIRECT, 0},
    {"block", EINC_SUM_BLOCK, EINC_F32},
    {"kahan", EINC_SUM_KAHAN, 0},
    {"f64", EINC_SUM_BLOCK, EINC_F64},
    {"kahan f64", EINC_SUM_KAHAN, EINC_F64},
};

/* A sum over n of x[n,c], or of x[n,c]*w[n,c]; y[c]. */
struct expression {
    const char *text;
    int products, mean;
};

static void
expect(int is, const char *fmt, const char *what, const char *mode,
       long long n, double value, double limit)
{
    n_passed += is != 0;
    n_failed += !is;
    if (!is)
        printf(fmt, what, mode, n, value, limit);
}

/* --- one sum ------------------------------------------------------------ */

static float *x, *w;
static long double exact[COLUMNS], magnitude[COLUMNS];

static void
find_exact(const struct expression *e, int64_t n)
{
    for (int c = 0; c < COLUMNS; c++) {
        exact[c] = magnitude[c] = 0;
        for (int64_t k = 0; k < n; k++) {
            long double term = x[k * COLUMNS + c];
            term *= e->products ? (long double)w[k * COLUMNS + c] : 1;
            exact[c] += term;
            magnitude[c] += fabsl(term);
        }
        exact[c] /= e->mean ? (long double)n : 1;
        magnitude[c] /= e->mean ? (long double)n : 1;
    }
}

struct result {
    float y[COLUMNS];
    double terms;           /* einc_plan_error_terms() */
    uint64_t hash;
};

static int
run(const struct expression *e, const struct mode *m, int32_t tier, int64_t n,
    struct result *r)
{
    int64_t shape[2] = {n, COLUMNS};
    struct einc_layout in[2] = {EINC_LAYOUT(EINC_F32, 2, shape),
                                EINC_LAYOUT(EINC_F32, 2, shape)};
    struct einc_options o = {.size = sizeof o, .tier = tier, .sum = m->sum,
                             .acc = m->acc};
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    const void *data[2] = {x, w};
    size_t n_in = e->products ? 2 : 1;
    int bad = einc_compile(NULL, e->text, n_in, in, NULL, &o, &plan, &err) ||
              einc_run(plan, data, r->y, NULL, &err);
    if (bad) {
        printf("%s, %s: %s\n", e->text, m->name, einc_err_text(err));
        n_failed++;
    } else {
        r->terms = einc_plan_error_terms(plan);
        r->hash = einc_plan_hash(plan);
    }
    einc_err_free(err);
    einc_plan_free(plan);
    return !bad;
}

/* --- what must hold ----------------------------------------------------- */

/* Errors of all columns, in units of u * the sum of magnitudes. */
static double
worst_of(const struct result *r)
{
    double worst = 0;
    for (int c = 0; c < COLUMNS; c++)
        worst = fmax(worst, (double)(fabsl((long double)r->y[c] - exact[c]) /
                                     magnitude[c]) * 0x1p24);
    return worst;
}

static double
mean_of(const struct result *r)
{
    double all = 0;
    for (int c = 0; c < COLUMNS; c++)
        all += (double)(fabsl((long double)r->y[c] - exact[c]) /
                        magnitude[c]) * 0x1p24;
    return all / COLUMNS;
}

static void
check_bounds(const struct expression *e, const struct mode *m, int64_t n,
             const struct result *r)
{
    double worst = worst_of(r);
    int wide = m->acc == EINC_F64;
    double limit = wide ? 1.01 : 3 + e->products + e->mean;
    if (m->sum == EINC_SUM_KAHAN || wide)
        expect(worst <= limit, "%s, %s, %lld terms: off by %.2f u, more than "
               "%.2f\n", e->text, m->name, n, worst, limit);
    if (r->terms == 0) /* of statements there is none */
        return;
    double d = r->terms * (wide ? 0x1p-53 : 0x1p-24);
    limit = d / (1 - d) * 0x1p24 + (wide ? 1 : 0);
    expect(worst <= limit, "%s, %s, %lld terms: off by %.2f u, beyond the "
           "bound %.2f\n", e->text, m->name, n, worst, limit);
    if (m->sum == EINC_SUM_KAHAN && !wide)
        expect(r->terms < 16, "%s, %s, %lld terms: a bound of %.2f, more "
               "than %.2f\n", e->text, m->name, n, r->terms, 16);
}

/* Of a mean of 16 columns: chance turns none of these round. */
static void
check_order(const struct expression *e, int64_t n,
            const struct result r[N_MODES])
{
    double direct = mean_of(&r[0]), block = mean_of(&r[1]);
    double kahan = mean_of(&r[2]);
    expect(kahan <= block + 0.5, "%s, %s, %lld terms: off by %.2f u, blocks "
           "by %.2f\n", e->text, "kahan", n, kahan, block);
    expect(block <= 1.5 * direct + 0.5, "%s, %s, %lld terms: off by %.2f u, "
           "direct sums by %.2f\n", e->text, "block", n, block, direct);
    for (int m = 0; m < N_MODES; m++)
        for (int k = 0; k < m; k++)
            expect(r[m].hash != r[k].hash, "%s, %s, %lld terms: a hash as %g "
                   "%g has\n", e->text, modes[m].name, n, k, 0);
}

static void
check(const struct expression *e, int64_t n, int32_t tier)
{
    struct result r[N_MODES];
    find_exact(e, n);
    for (int m = 0; m < N_MODES; m++) {
        if (!run(e, &modes[m], tier, n, &r[m]))
            return;
        check_bounds(e, &modes[m], n, &r[m]);
    }
    check_order(e, n, r);
    printf("%-34s %-6s %8lld", e->text,
           tier == EINC_TIER_CC ? "cc" : "interp", (long long)n);
    for (int m = 0; m < N_MODES; m++)
        printf("  %s %.2f", modes[m].name, mean_of(&r[m]));
    printf("\n");
}

/* --- infinities --------------------------------------------------------- */

/* What is compensated must not make NaN of an infinite sum. */
static void
check_infinite(const struct expression *e, int32_t tier)
{
    static const struct mode kahan = {"kahan", EINC_SUM_KAHAN, 0};
    const int64_t n = 1000;
    float kept[3] = {x[7 * COLUMNS], x[9 * COLUMNS + 1], x[11 * COLUMNS + 2]};
    struct result r;
    x[7 * COLUMNS] = INFINITY;
    x[9 * COLUMNS + 1] = -INFINITY;
    x[11 * COLUMNS + 2] = NAN;
    if (run(e, &kahan, tier, n, &r)) {
        expect(isinf(r.y[0]) && r.y[0] > 0, "%s, %s, %lld terms: %g, not "
               "%g\n", e->text, kahan.name, n, r.y[0], (double)INFINITY);
        expect(isinf(r.y[1]) && r.y[1] < 0, "%s, %s, %lld terms: %g, not "
               "%g\n", e->text, kahan.name, n, r.y[1], -(double)INFINITY);
        expect(isnan(r.y[2]) && isfinite(r.y[3]), "%s, %s, %lld terms: %g, "
               "%g beside NaN\n", e->text, kahan.name, n, r.y[2], r.y[3]);
    }
    x[7 * COLUMNS] = kept[0];
    x[9 * COLUMNS + 1] = kept[1];
    x[11 * COLUMNS + 2] = kept[2];
}

int
main(void)
{
    static const struct expression expressions[] = {
        {"nc->c", 0, 0},
        {"nc,nc->c", 1, 0},
        {"y[c] = sum[n](x[n,c]) + 0", 0, 0},
        {"y[c] = sum[n](x[n,c]*w[n,c])", 1, 0},
        {"y[c] = mean[n](x[n,c])", 0, 1},
    };
    size_t bytes = sizeof(float) * MOST * COLUMNS;
    uint64_t state = 88172645463325252u;
    x = malloc(bytes);
    w = malloc(bytes);
    if (!x || !w)
        return 1;
    for (int64_t k = 0; k < (int64_t)MOST * COLUMNS; k++) {
        state ^= state << 13; /* xorshift64, Marsaglia 2003 */
        state ^= state >> 7;
        state ^= state << 17;
        x[k] = (float)(state >> 40) * 0x1p-24f;
        w[k] = (float)(state >> 16 & 0xffffff) * 0x1p-23f - 0.5f;
    }
    for (size_t e = 0; e < sizeof expressions / sizeof *expressions; e++)
        for (int32_t tier = EINC_TIER_INTERP; tier <= EINC_TIER_CC; tier++) {
            for (int64_t n = 100; n <= MOST; n *= 10)
                check(&expressions[e], n, tier);
            check_infinite(&expressions[e], tier);
        }
    free(x);
    free(w);
    printf("%d passed, %d failed\n", n_passed, n_failed);
    return n_failed != 0;
}

/* SPDX-License-Identifier: MIT
 *
 * Kernel regression: a smooth curve through noisy measurements, by conjugate
 * gradients over a product that is never a matrix.
 *
 *   K[i,j] = exp(-|X[i] - X[j]|^2),  (alpha I + K) a = y,  f(x) = K(x, X) a
 *
 * The operator alpha I + K is one statement, compiled once; each step of the
 * solver runs it. On four years of daily maxima of temperature, n = 1461: x is
 * the day's place on the circle of the year, in two dims, so that December
 * lies beside January. Memory is n, not n^2. The solution is put into plain
 * loops in double; the curve is printed.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <einc.h>

static const char operator[] =
    "O[i] = alpha*B[i] + sum[j](exp(-sum[d]((X[i,d]-X[j,d])^2))*B[j])";
static const char curve[] =
    "F[i] = sum[j](exp(-sum[d]((Z[i,d]-X[j,d])^2))*B[j])";

enum { MOST = 1500, STEPS = 60, POINTS = 24 };

static double x[MOST][2], y[MOST], a[MOST];
static const double alpha = 1;
static int n;

static _Noreturn void
fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

/* --- days --------------------------------------------------------------- */

/* The radius of the circle is 3 widths of the kernel, a month 1.6 of them. */
static void
place(double day, double z[2])
{
    const double angle = 2 * 3.14159265358979323846 * day / 365.25;
    const double radius = 3;

    z[0] = radius * cos(angle);
    z[1] = radius * sin(angle);
}

static double
read_days(const char *path)
{
    FILE *f = fopen(path, "r");
    double mean = 0;

    if (!f)
        fail(path);
    while (n < MOST && fscanf(f, "%*d-%*d-%*d,%lf", &y[n]) == 1)
        n++;
    fclose(f);
    for (int i = 0; i < n; i++) {
        place(i, x[i]);
        mean += y[i] / n;
    }
    for (int i = 0; i < n; i++)
        y[i] -= mean;
    return mean;
}

/* --- conjugate gradients ------------------------------------------------ */

static double
dot(const double *p, const double *q)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += p[i] * q[i];
    return sum;
}

static void
solve(void)
{
    const struct einc_layout one = EINC_LAYOUT(EINC_F64, 0, NULL);
    const struct einc_layout days =
        EINC_LAYOUT(EINC_F64, 1, ((int64_t[]){n}));
    const struct einc_layout places =
        EINC_LAYOUT(EINC_F64, 2, ((int64_t[]){n, 2}));
    static double r[MOST], p[MOST], kp[MOST];
    struct einc_plan *plan;
    struct einc_err *err;

    if (einc_compile(NULL, operator, 3,
                     (struct einc_layout[]){one, days, places}, NULL, NULL,
                     &plan, &err))
        fail(einc_err_text(err));
    for (int i = 0; i < n; i++)
        r[i] = p[i] = y[i];
    double rr = dot(r, r);
    const double enough = 1e-24 * rr;
    for (int step = 0; step < STEPS && rr > enough; step++) {
        if (einc_run(plan, (const void *[]){&alpha, p, x}, kp, NULL, &err))
            fail(einc_err_text(err));
        const double length = rr / dot(p, kp), before = rr;
        for (int i = 0; i < n; i++) {
            a[i] += length * p[i];
            r[i] -= length * kp[i];
        }
        rr = dot(r, r);
        for (int i = 0; i < n; i++)
            p[i] = r[i] + rr / before * p[i];
    }
    einc_plan_free(plan);
}

/* --- by loops ----------------------------------------------------------- */

static double
sum_kernel(const double z[2])
{
    double sum = 0;

    for (int j = 0; j < n; j++) {
        const double dx = z[0] - x[j][0], dy = z[1] - x[j][1];
        sum += exp(-dx * dx - dy * dy) * a[j];
    }
    return sum;
}

static double
residual(void)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += pow(y[i] - alpha * a[i] - sum_kernel(x[i]), 2);
    return sqrt(sum / dot(y, y));
}

/* --- all together ------------------------------------------------------- */

int
main(int argc, char **argv)
{
    const double mean = argc > 1 ? read_days(argv[1]) : 0;
    double z[POINTS][2], f[POINTS];
    struct einc_err *err;
    int wrong = 0;

    if (n == 0)
        fail("usage: main FILE.csv");
    solve();
    const double left = residual();
    wrong += !(left < 1e-9);
    printf("%d days; residual by plain loops %s\n\n", n,
           left < 1e-9 ? "below 1e-9" : "TOO LARGE");

    for (int i = 0; i < POINTS; i++)
        place(i * 365.25 / POINTS, z[i]);
    const struct einc_layout in[3] = {
        EINC_LAYOUT(EINC_F64, 2, ((int64_t[]){POINTS, 2})),
        EINC_LAYOUT(EINC_F64, 2, ((int64_t[]){n, 2})),
        EINC_LAYOUT(EINC_F64, 1, ((int64_t[]){n}))};
    const struct einc_layout out =
        EINC_LAYOUT(EINC_F64, 1, ((int64_t[]){POINTS}));
    if (einc_einsum(NULL, curve, 3, in, (const void *[]){z, x, a}, &out, f,
                    &err))
        fail(einc_err_text(err));
    for (int i = 0; i < POINTS; i++) {
        wrong += !(fabs(f[i] - sum_kernel(z[i])) < 1e-9);
        printf("day %3d  %4.1f C %*c\n", (int)(i * 365.25 / POINTS) + 1,
               mean + f[i], (int)lrint(2 * (mean + f[i])) - 10, '*');
    }
    puts(wrong ? "WRONG" : "curve as by plain loops");
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

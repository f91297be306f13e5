/* SPDX-License-Identifier: MIT
 *
 * Sinkhorn distances: what it costs to carry one cloud of points over to
 * another, a little blurred, between the three species of Fisher's irises.
 *
 *   f[i] = -eps * logsumexp over j of (g[j] - |X[i] - Y[j]|^2)/eps + logb[j]
 *
 * and the same for g, in turns, until both fit (Cuturi, NIPS 2013; in logs, so
 * that nothing under- or overflows). The plan that they stand for,
 *   P[i,j] = exp((f[i] + g[j] - |X[i] - Y[j]|^2)/eps) * a[i]*b[j],
 * and the costs are never matrices: each sum makes what it needs. Checked: the
 * plan's rows and columns by plain loops, and its cost.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <einc.h>

static const char step[] =
    "f[i] = -eps*logsumexp[j]((g[j] - sum[d]((X[i,d]-Y[j,d])^2))/eps"
    " - log(size(j)))";
static const char cost[] =
    "c[] = mean[i,j](exp((f[i] + g[j] - sum[d]((X[i,d]-Y[j,d])^2))/eps)"
    "*sum[d]((X[i,d]-Y[j,d])^2))";

enum { N = 50, D = 4, SPECIES = 3, ROUNDS = 200 };

static const char *const names[SPECIES] = {"setosa", "versicolor",
                                           "virginica"};
static const double eps = 0.1; /* cm^2 */
static double points[SPECIES][N][D];
static struct einc_plan *to_other, *total;
static int wrong;

static _Noreturn void
fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

static void
compile(void)
{
    const struct einc_layout one = EINC_LAYOUT(EINC_F64, 0, NULL);
    const struct einc_layout v = EINC_LAYOUT(EINC_F64, 1, ((int64_t[]){N}));
    const struct einc_layout p =
        EINC_LAYOUT(EINC_F64, 2, ((int64_t[]){N, D}));
    struct einc_err *err;

    /* eps, g, X, Y and f, g, X, Y, eps: as they first appear */
    if (einc_compile(NULL, step, 4, (struct einc_layout[]){one, v, p, p},
                     NULL, NULL, &to_other, &err)
        || einc_compile(NULL, cost, 5,
                        (struct einc_layout[]){v, v, p, p, one}, NULL, NULL,
                        &total, &err))
        fail(einc_err_text(err));
}

static void
run(const struct einc_plan *plan, const void *const in[], double *out)
{
    struct einc_err *err;

    if (einc_run(plan, in, out, NULL, &err))
        fail(einc_err_text(err));
}

/* --- by loops ----------------------------------------------------------- */

static double
between(const double *p, const double *q)
{
    double sum = 0;

    for (int d = 0; d < D; d++)
        sum += (p[d] - q[d]) * (p[d] - q[d]);
    return sum;
}

/* How much a row or column of the plan lacks, and what the plan costs. */
static double
check_plan(const double f[N], const double g[N], const double x[N][D],
           const double y[N][D], double *costs)
{
    double rows[N] = {0}, columns[N] = {0}, worst = 0;

    *costs = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            const double c = between(x[i], y[j]);
            const double p = exp((f[i] + g[j] - c) / eps) / N / N;
            rows[i] += p;
            columns[j] += p;
            *costs += p * c;
        }
    for (int i = 0; i < N; i++)
        worst = fmax(worst, fmax(fabs(N * rows[i] - 1),
                                 fabs(N * columns[i] - 1)));
    return worst;
}

/* --- distances ---------------------------------------------------------- */

static double
sinkhorn(const double x[N][D], const double y[N][D])
{
    double f[N] = {0}, g[N] = {0}, costs, by_loops;

    for (int r = 0; r < ROUNDS; r++) {
        run(to_other, (const void *[]){&eps, g, x, y}, f);
        run(to_other, (const void *[]){&eps, f, y, x}, g);
    }
    run(total, (const void *[]){f, g, x, y, &eps}, &costs);
    wrong += !(check_plan(f, g, x, y, &by_loops) < 1e-3);
    wrong += !(fabs(costs - by_loops) < 1e-9 * by_loops);
    return costs;
}

static void
read_points(const char *path)
{
    FILE *f = fopen(path, "r");
    char name[20];

    if (!f)
        fail(path);
    for (int i = 0; i < SPECIES * N; i++) {
        double *p = points[i / N][i % N];
        if (fscanf(f, "%lf,%lf,%lf,%lf,%19s", &p[0], &p[1], &p[2], &p[3],
                   name) != 5 || strcmp(name, names[i / N]))
            fail(path);
    }
    fclose(f);
}

int
main(int argc, char **argv)
{
    double d[SPECIES][SPECIES];

    if (argc < 2)
        fail("usage: main FILE.csv");
    read_points(argv[1]);
    compile();
    for (int p = 0; p < SPECIES; p++)
        for (int q = 0; q < SPECIES; q++)
            d[p][q] = sinkhorn(points[p], points[q]);
    puts("cm^2 a flower       setosa versicolor  virginica");
    for (int p = 0; p < SPECIES; p++)
        printf("%-14s %11.3f %10.3f %10.3f\n", names[p], d[p][0], d[p][1],
               d[p][2]);
    /* what the blur costs within a species is no distance */
    puts("without the blur");
    for (int p = 0; p < SPECIES; p++) {
        printf("%-14s ", names[p]);
        for (int q = 0; q < SPECIES; q++)
            printf("%11.3f", fabs(d[p][q] - (d[p][p] + d[q][q]) / 2));
        putchar('\n');
    }
    puts(wrong ? "WRONG" : "plans and costs as by plain loops");
    einc_plan_free(to_other);
    einc_plan_free(total);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

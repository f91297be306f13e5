/* SPDX-License-Identifier: MIT
 *
 * Nearest neighbours and k-means, on Fisher's irises: 150 flowers of three
 * species, four lengths of each.
 *
 *   near    the K flowers closest to each, itself left out by a guard
 *   votes   how many of them are of which species, and the species with most
 *   assign  k-means: the closest centre of each flower
 *   move    ... and the mean of the flowers of each centre: left sides that
 *           are scattered to, by the index that was loaded
 *
 * Distances are never a matrix: the K best are kept while they are made.
 * Lengths are in millimetres, integers, so that distances are exact and what
 * is equally far is taken in the order of the flowers, here and in the loops
 * that check it.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <einc.h>

enum { N = 150, D = 4, K = 5, SPECIES = 3 };

static const char near[] =
    "P[i,q] = argkmin[j->q:5](sum[d]((X[i,d]-X[j,d])^2) if j != i)";
static const char votes[] =
    "v[i,c] = count[q](species[P[i,q]] == c) where c in 0:3;"
    "guess[i] = argmax[c](v[i,c])";
static const char assign[] =
    "a[i] = argmin[j](sum[d]((X[i,d]-C[j,d])^2))";
static const char move[] = "S[a[i],d] += X[i,d]";
static const char number[] = "n[a[i]] += one[i]";

static const char *const names[SPECIES] = {"setosa", "versicolor",
                                           "virginica"};
static double x[N][D];
static int64_t species[N];
static int wrong;

static const int64_t by_flower[] = {N, D}, by_centre[] = {SPECIES, D},
                     by_rank[] = {N, K};
static const struct einc_layout
    flowers = EINC_LAYOUT(EINC_F64, 2, by_flower),
    centres = EINC_LAYOUT(EINC_F64, 2, by_centre),
    numbers = EINC_LAYOUT(EINC_F64, 1, by_centre),
    ones = EINC_LAYOUT(EINC_F64, 1, by_flower),
    indices = EINC_LAYOUT(EINC_I64, 1, by_flower),
    ranked = EINC_LAYOUT(EINC_I64, 2, by_rank);

static _Noreturn void
fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

static void
run(const char *text, struct einc_layout in0, const void *data0,
    struct einc_layout in1, const void *data1, struct einc_layout out,
    void *data)
{
    struct einc_err *err;

    if (einc_einsum(NULL, text, data1 ? 2 : 1,
                    (struct einc_layout[]){in0, in1},
                    (const void *[]){data0, data1}, &out, data, &err))
        fail(einc_err_text(err));
}

static void
read_flowers(const char *path)
{
    FILE *f = fopen(path, "r");
    char name[20];

    if (!f)
        fail(path);
    for (int i = 0; i < N; i++) {
        if (fscanf(f, "%lf,%lf,%lf,%lf,%19s", &x[i][0], &x[i][1], &x[i][2],
                   &x[i][3], name) != 5)
            fail(path);
        for (int d = 0; d < D; d++)
            x[i][d] = rint(10 * x[i][d]);
        for (int c = 0; c < SPECIES; c++)
            species[i] = strcmp(name, names[c]) ? species[i] : c;
    }
    fclose(f);
}

static double
distance(const double *p, const double *q)
{
    double sum = 0;

    for (int d = 0; d < D; d++)
        sum += (p[d] - q[d]) * (p[d] - q[d]);
    return sum;
}

/* Rows: what is; columns: what was found. */
static void
show(const int64_t found[N], const char *columns)
{
    int table[SPECIES][SPECIES] = {{0}};

    for (int i = 0; i < N; i++)
        table[species[i]][found[i]]++;
    printf("%s\n", columns);
    for (int c = 0; c < SPECIES; c++)
        printf("%-12s %10d %10d %10d\n", names[c], table[c][0], table[c][1],
               table[c][2]);
}

/* --- nearest neighbours ------------------------------------------------- */

/* The flower that is closest to i of those that are not in `taken`. */
static int64_t
closest(int i, const int64_t *taken, int n_taken)
{
    int64_t best = -1;

    for (int j = 0; j < N; j++) {
        int skip = j == i;
        for (int t = 0; t < n_taken; t++)
            skip |= taken[t] == j;
        if (!skip && (best < 0 || distance(x[i], x[j]) < distance(x[i],
                                                                   x[best])))
            best = j;
    }
    return best;
}

static void
classify(void)
{
    int64_t p[N][K], guess[N];
    int equal = 1, right = 0;

    run(near, flowers, x, flowers, NULL, ranked, p);
    run(votes, indices, species, ranked, p, indices, guess);
    for (int i = 0; i < N; i++) {
        for (int q = 0; q < K; q++)
            equal &= p[i][q] == closest(i, p[i], q);
        right += guess[i] == species[i];
    }
    wrong += !equal;
    printf("%d nearest of each: %s\n", K, equal ? "as by loops" : "WRONG");
    printf("%d of %d flowers are what most of them are\n", right, N);
    show(guess, "                 setosa versicolor  virginica  by vote");
}

/* --- k-means ------------------------------------------------------------ */

static void
cluster(void)
{
    double c[SPECIES][D], sum[SPECIES][D], n[SPECIES], one[N];
    int64_t a[N], before[N] = {0};
    int rounds = 0, equal = 1;

    for (int j = 0; j < SPECIES; j++)
        memcpy(c[j], x[j * 50], sizeof(c[j])); /* one of each to begin with */
    for (int i = 0; i < N; i++)
        one[i] = 1;
    do {
        memcpy(before, a, rounds++ ? sizeof(a) : 0);
        run(assign, flowers, x, centres, c, indices, a);
        for (int i = 0; i < N; i++)
            for (int j = 0; j < SPECIES; j++)
                equal &= distance(x[i], c[a[i]]) <= distance(x[i], c[j]);
        memset(sum, 0, sizeof(sum));
        memset(n, 0, sizeof(n));
        run(move, indices, a, flowers, x, centres, sum);
        run(number, indices, a, ones, one, numbers, n);
        for (int j = 0; j < SPECIES; j++)
            for (int d = 0; d < D; d++)
                c[j][d] = sum[j][d] / n[j];
    } while (memcmp(a, before, sizeof(a)) && rounds < 50);

    wrong += !equal;
    printf("\nk-means, still after %d rounds: %s\n", rounds,
           equal ? "all at their closest centres" : "WRONG");
    for (int j = 0; j < SPECIES; j++)
        printf("centre %d, mm  %5.1f %5.1f %5.1f %5.1f\n", j, c[j][0],
               c[j][1], c[j][2], c[j][3]);
    show(a, "               centre 0   centre 1   centre 2");
}

int
main(int argc, char **argv)
{
    if (argc < 2)
        fail("usage: main FILE.csv");
    read_flowers(argv[1]);
    classify();
    cluster();
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

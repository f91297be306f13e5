/* SPDX-License-Identifier: MIT
 *
 * Sparse matrices are statements with bounds that are data. The friendships of
 * a karate club, as a CSR matrix: of member i the friends are
 * col[ptr[i]] .. col[ptr[i+1]-1].
 *
 *   spread  Y[i,d] = 0.15*B[i,d]
 *             + 0.85*sum[p in ptr[i]:ptr[i+1]](val[p]*X[col[p],d])
 *           CSR times dense: PageRank from two members at once, instructor and
 *           president of the club. Whoever hears more of one goes with him.
 *   shared  S[p] = sum[d](A[row[p],d]*A[col[p],d])
 *           SDDMM, a product of dense matrices at the entries of a sparse one:
 *           the friends that two friends share.
 *   ragged  softmax of S over the friends of each member: segments of
 *           different lengths.
 *
 * Nothing is made of size members x members but the dense A that goes in. All
 * three are compared with plain loops.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <einc.h>

enum { N = 34, PAIRS = 2 * 78, SIDES = 2, ROUNDS = 60 };

static const char spread[] =
    "Y[i,d] = 0.15*B[i,d]"
    " + 0.85*sum[p in ptr[i]:ptr[i+1]](val[p]*X[col[p],d])";
static const char shared[] = "S[p] = sum[d](A[row[p],d]*A[col[p],d])";
static const char ragged[] =
    "m[c] = max[p in ptr[c]:ptr[c+1]](S[p]);"
    "z[c] = sum[p in ptr[c]:ptr[c+1]](exp(S[p]-m[c]));"
    "P[p] = exp(S[p]-m[row[p]])/z[row[p]]";

static int64_t ptr[N + 1], row[PAIRS], col[PAIRS];
static double val[PAIRS], a[N][N]; /* 1 / friends of col[p]; dense */
static int with_instructor[N], wrong;

static const int64_t n_ptr[] = {N + 1}, n_pairs[] = {PAIRS},
                     by_side[] = {N, SIDES}, square[] = {N, N};
static const struct einc_layout
    pointers = EINC_LAYOUT(EINC_I64, 1, n_ptr),
    members = EINC_LAYOUT(EINC_I64, 1, n_pairs),
    entries = EINC_LAYOUT(EINC_F64, 1, n_pairs),
    sides = EINC_LAYOUT(EINC_F64, 2, by_side),
    dense = EINC_LAYOUT(EINC_F64, 2, square);

static _Noreturn void
fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

static void
report(const char *name, double worst)
{
    wrong += !(worst < 1e-12);
    printf("%-7s %s\n", name, worst < 1e-12 ? "as by plain loops" : "WRONG");
}

/* A line per member: whom the member followed, and friends, from 1. */
static void
read_club(const char *path)
{
    FILE *f = fopen(path, "r");
    char line[200], *s;
    int64_t p = 0;

    if (!f)
        fail(path);
    for (int i = 0; i < N && fgets(line, sizeof(line), f); i++) {
        with_instructor[i] = line[0] == 'i';
        for (s = strchr(line, ' '); s && *s != '\n' && p < PAIRS; p++) {
            row[p] = i;
            col[p] = strtol(s, &s, 10) - 1;
            if (col[p] < 0 || col[p] >= N)
                fail(path);
            a[i][col[p]] = 1;
        }
        ptr[i + 1] = p;
    }
    fclose(f);
    for (p = 0; p < PAIRS; p++)
        val[p] = 1. / (double)(ptr[col[p] + 1] - ptr[col[p]]);
}

/* --- CSR times dense ---------------------------------------------------- */

/* Y once more, by loops over the dense matrix. */
static double
worst_of_step(double from[N][SIDES], double b[N][SIDES], double y[N][SIDES])
{
    double worst = 0;

    for (int i = 0; i < N; i++)
        for (int d = 0; d < SIDES; d++) {
            double sum = 0.15 * b[i][d];
            for (int j = 0; j < N; j++)
                if (a[i][j] > 0)
                    sum += 0.85 * from[j][d] / (double)(ptr[j + 1] - ptr[j]);
            worst = fmax(worst, fabs(sum - y[i][d]));
        }
    return worst;
}

static void
take_sides(void)
{
    double x[N][SIDES] = {{0}}, b[N][SIDES] = {{0}}, y[N][SIDES];
    double worst = 0;
    int right = 0;
    struct einc_plan *plan;
    struct einc_err *err;

    b[0][0] = b[N - 1][1] = 1;
    if (einc_compile(NULL, spread, 5,
                     (struct einc_layout[]){sides, pointers, entries, sides,
                                            members}, &sides, NULL, &plan,
                     &err))
        fail(einc_err_text(err));
    for (int round = 0; round < ROUNDS; round++) {
        if (einc_run(plan, (const void *[]){b, ptr, val, x, col}, y, NULL,
                     &err))
            fail(einc_err_text(err));
        worst = fmax(worst, worst_of_step(x, b, y));
        memcpy(x, y, sizeof(x));
    }
    einc_plan_free(plan);
    report("spread", worst);
    printf("        of the president:  ");
    for (int i = 0; i < N; i++) {
        const int instructor = x[i][0] > x[i][1];
        right += instructor == with_instructor[i];
        if (!instructor)
            printf(" %d%s", i + 1, with_instructor[i] ? "(!)" : "");
    }
    printf("\n        %d of %d went where this says\n", right, N);
}

/* --- SDDMM, and softmax in segments ------------------------------------- */

static void
rank_friends(void)
{
    double s[PAIRS], weight[PAIRS], worst_s = 0, worst_w = 0;
    struct einc_err *err;

    if (einc_einsum(NULL, shared, 3,
                    (struct einc_layout[]){dense, members, members},
                    (const void *[]){a, row, col}, &entries, s, &err)
        || einc_einsum(NULL, ragged, 3,
                       (struct einc_layout[]){pointers, entries, members},
                       (const void *[]){ptr, s, row}, &entries, weight, &err))
        fail(einc_err_text(err));
    for (int p = 0; p < PAIRS; p++) {
        double common = 0, all = 0;
        for (int j = 0; j < N; j++)
            common += a[row[p]][j] * a[col[p]][j];
        worst_s = fmax(worst_s, fabs(s[p] - common));
        for (int64_t o = ptr[row[p]]; o < ptr[row[p] + 1]; o++)
            all += exp(s[o] - s[p]);
        worst_w = fmax(worst_w, fabs(weight[p] - 1 / all));
    }
    report("shared", worst_s);
    report("ragged", worst_w);
    for (int i = 0; i < N; i++) {
        int64_t best = ptr[i];
        for (int64_t p = ptr[i]; p < ptr[i + 1]; p++)
            best = s[p] > s[best] ? p : best;
        if (weight[best] > 0.5 && ptr[i + 1] - ptr[i] > 2)
            printf("        member %2d leans on %2d: %d shared, %2.0f %%\n",
                   i + 1, (int)col[best] + 1, (int)s[best],
                   100 * weight[best]);
    }
}

int
main(int argc, char **argv)
{
    if (argc < 2)
        fail("usage: main FILE");
    read_club(argv[1]);
    take_sides();
    rank_friends();
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: MIT
 *
 * CP decomposition by alternating least squares: a tensor as a sum of R
 * products of vectors, X[i,j,k] = sum over r of A[i,r] * B[j,r] * C[k,r].
 *
 * Each step fixes two factors and solves for the third. Its work is two
 * einsums, compiled once and run in every sweep:
 *   MTTKRP  M[i,r] = sum over j,k of X[i,j,k]*B[j,r]*C[k,r]  ijk,jr,kr->ir
 *   Gram    G[r,s] = (B'B)[r,s] * (C'C)[r,s]             jr,js,kr,ks->rs
 * and A = M G^-1, in plain C. Two tensors:
 *   dyes     60 x 24 x 5, f64, R = 3. Synthetic, made as a fluorescence
 *            experiment would be: spectra of emission and excitation of three
 *            dyes, in five mixtures, with noise of 1 % of a peak. The spectra
 *            and the mixtures must come out again.
 *   letters  27 x 27 x 27, f64, R = 8. Counts of three letters in a row (or
 *            blanks) in the text of the MIT licence, which is licence.txt.
 * Every MTTKRP of the last sweep is compared with plain loops, to the bound
 * that einc_reference() gives for rounding; the fit must never fall.
 */
#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <einc.h>

enum { MOST = 60, RANK = 8, CELLS = 27 * 27 * 27 };

struct cp {
    const double *x;
    int64_t n[3];                  /* extents of x */
    int64_t rank;
    double factor[3][MOST * RANK]; /* n[mode] x rank, dense */
    struct einc_plan *mttkrp[3], *gram[3];
};

static int wrong;

static _Noreturn void
fail(struct einc_err *err)
{
    fputs(einc_err_text(err), stderr);
    einc_err_free(err);
    exit(EXIT_FAILURE);
}

static double
random_number(void)
{
    static uint64_t state = 1;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) / 9007199254740992;
}

/* --- the einsums -------------------------------------------------------- */

/* The modes that are not `mode`. */
static const int others[3][2] = {{1, 2}, {0, 2}, {0, 1}};

static void
compile(struct cp *c)
{
    static const char *const mttkrp[3] = {"ijk,jr,kr->ir", "ijk,ir,kr->jr",
                                          "ijk,ir,jr->kr"};
    struct einc_layout f[3];
    int64_t shape[3][2];
    struct einc_err *err;

    for (int m = 0; m < 3; m++) {
        shape[m][0] = c->n[m];
        shape[m][1] = c->rank;
        f[m] = (struct einc_layout)EINC_LAYOUT(EINC_F64, 2, shape[m]);
        for (int i = 0; i < c->n[m] * c->rank; i++)
            c->factor[m][i] = random_number();
    }
    for (int m = 0; m < 3; m++) {
        const struct einc_layout p = f[others[m][0]], q = f[others[m][1]];
        const struct einc_layout x = EINC_LAYOUT(EINC_F64, 3, c->n);
        if (einc_compile(NULL, mttkrp[m], 3,
                         (struct einc_layout[]){x, p, q}, NULL, NULL,
                         &c->mttkrp[m], &err)
            || einc_compile(NULL, "jr,js,kr,ks->rs", 4,
                            (struct einc_layout[]){p, p, q, q}, NULL, NULL,
                            &c->gram[m], &err))
            fail(err);
    }
}

static void
run(const struct cp *c, int mode, double *m, double *g)
{
    const double *p = c->factor[others[mode][0]];
    const double *q = c->factor[others[mode][1]];
    struct einc_err *err;

    if (einc_run(c->mttkrp[mode], (const void *[]){c->x, p, q}, m, NULL, &err)
        || einc_run(c->gram[mode], (const void *[]){p, p, q, q}, g, NULL,
                    &err))
        fail(err);
}

/* M by plain loops, over x as it lies in memory. */
static void
check_mttkrp(const struct cp *c, int mode, const double *m)
{
    const double *p = c->factor[others[mode][0]];
    const double *q = c->factor[others[mode][1]];
    double loops[MOST * RANK] = {0}, out[MOST * RANK], bound[MOST * RANK];
    int64_t at[3];
    struct einc_err *err;

    if (einc_reference(c->mttkrp[mode], (const void *[]){c->x, p, q}, out,
                       bound, &err))
        fail(err);
    for (at[0] = 0; at[0] < c->n[0]; at[0]++)
        for (at[1] = 0; at[1] < c->n[1]; at[1]++)
            for (at[2] = 0; at[2] < c->n[2]; at[2]++)
                for (int64_t r = 0; r < c->rank; r++)
                    loops[at[mode] * c->rank + r] +=
                        c->x[(at[0] * c->n[1] + at[1]) * c->n[2] + at[2]]
                        * p[at[others[mode][0]] * c->rank + r]
                        * q[at[others[mode][1]] * c->rank + r];
    /* both sides round: twice the bound */
    for (int64_t i = 0; i < c->n[mode] * c->rank; i++)
        wrong += !(fabs(m[i] - loops[i]) <= 2 * bound[i]);
}

/* --- least squares ------------------------------------------------------ */

/* Rows of x G = rows of m, G symmetric positive definite: Cholesky. */
static void
solve(const double *g, int64_t rank, const double *m, int64_t rows, double *x)
{
    double l[RANK][RANK] = {{0}};

    for (int64_t r = 0; r < rank; r++)
        for (int64_t s = 0; s <= r; s++) {
            double sum = g[r * rank + s];
            for (int64_t t = 0; t < s; t++)
                sum -= l[r][t] * l[s][t];
            l[r][s] = r == s ? sqrt(sum) : sum / l[s][s];
        }
    memcpy(x, m, (size_t)(rows * rank) * sizeof(*x));
    for (int64_t i = 0; i < rows; i++) {
        double *row = x + i * rank;
        for (int64_t r = 0; r < rank; r++) {
            for (int64_t t = 0; t < r; t++)
                row[r] -= l[r][t] * row[t];
            row[r] /= l[r][r];
        }
        for (int64_t r = rank - 1; r >= 0; r--) {
            for (int64_t t = r + 1; t < rank; t++)
                row[r] -= l[t][r] * row[t];
            row[r] /= l[r][r];
        }
    }
}

static double
dot(const double *x, const double *y, int64_t n, int64_t step)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += x[i * step] * y[i * step];
    return sum;
}

/* 1 - |X - model| / |X|, from the M and G that made the last factor. */
static double
fit(const struct cp *c, const double *m, const double *g)
{
    const double *f = c->factor[2];
    const int64_t cells = c->n[0] * c->n[1] * c->n[2];
    const double norm = dot(c->x, c->x, cells, 1);
    double rest = norm - 2 * dot(m, f, c->n[2] * c->rank, 1);

    for (int64_t r = 0; r < c->rank; r++)
        for (int64_t s = 0; s < c->rank; s++)
            rest += g[r * c->rank + s] * dot(f + r, f + s, c->n[2], c->rank);
    return 1 - sqrt(rest > 0 ? rest / norm : 0);
}

static double
decompose(struct cp *c, int sweeps)
{
    double m[MOST * RANK], g[RANK * RANK], best = 0;

    compile(c);
    for (int sweep = 0; sweep < sweeps; sweep++) {
        for (int mode = 0; mode < 3; mode++) {
            run(c, mode, m, g);
            if (sweep == sweeps - 1)
                check_mttkrp(c, mode, m);
            solve(g, c->rank, m, c->n[mode], c->factor[mode]);
        }
        const double now = fit(c, m, g);
        wrong += now < best - 1e-9;
        best = now;
    }
    for (int mode = 0; mode < 3; mode++) {
        einc_plan_free(c->mttkrp[mode]);
        einc_plan_free(c->gram[mode]);
    }
    return best;
}

/* --- dyes --------------------------------------------------------------- */

/* Peaks and widths in steps of the spectrometer; amounts in the mixtures. */
static const struct dye {
    double emission, emission_width, excitation, excitation_width, amount[5];
} dyes[3] = {
    {16, 5, 6, 2.5, {1.0, 0.0, 0.2, 0.7, 0.4}},
    {27, 7, 10, 3.0, {0.0, 1.0, 0.5, 0.3, 0.9}},
    {38, 6, 16, 3.5, {0.3, 0.4, 1.0, 0.8, 0.1}},
};

static double
peak(double at, double centre, double width)
{
    const double x = (at - centre) / width;

    return exp(-x * x / 2);
}

/* What factor `mode` should hold for a dye, but for its scale. */
static double
truth(const struct dye *d, int mode, int i)
{
    if (mode == 0)
        return peak(i, d->emission, d->emission_width);
    if (mode == 1)
        return peak(i, d->excitation, d->excitation_width);
    return d->amount[i];
}

/* |cosine| of a dye's vector and a column of the factor. */
static double
cosine(const struct cp *c, int mode, const struct dye *d, int64_t r)
{
    const double *column = c->factor[mode] + r;
    double xy = 0, xx = 0;

    for (int i = 0; i < c->n[mode]; i++) {
        xy += truth(d, mode, i) * column[i * c->rank];
        xx += truth(d, mode, i) * truth(d, mode, i);
    }
    return fabs(xy)
           / sqrt(xx * dot(column, column, c->n[mode], c->rank));
}

static void
decompose_dyes(void)
{
    static double x[60 * 24 * 5];
    static struct cp c = {.x = x, .n = {60, 24, 5}, .rank = 3};

    for (int i = 0, at = 0; i < 60; i++)
        for (int j = 0; j < 24; j++)
            for (int k = 0; k < 5; k++, at++) {
                x[at] = 0.02 * (random_number() - 0.5);
                for (int d = 0; d < 3; d++)
                    x[at] += truth(&dyes[d], 0, i) * truth(&dyes[d], 1, j)
                             * truth(&dyes[d], 2, k);
            }
    printf("dyes     fit %.3f\n", decompose(&c, 100));
    for (int d = 0; d < 3; d++) {
        double most = 0;
        for (int64_t r = 0; r < c.rank; r++)
            most = fmax(most, cosine(&c, 0, &dyes[d], r)
                                  * cosine(&c, 1, &dyes[d], r)
                                  * cosine(&c, 2, &dyes[d], r));
        wrong += !(most > 0.99);
        printf("         dye %d %s\n", d,
               most > 0.99 ? "found, cosine of all three vectors above 0.99"
                           : "NOT FOUND");
    }
}

/* --- letters ------------------------------------------------------------ */

/* 0 for anything but a letter. */
static int
symbol(int c)
{
    return isalpha(c) ? tolower(c) - 'a' + 1 : 0;
}

/* Number of trigrams counted; -1 if there is no file. */
static int
count_trigrams(const char *path, double *x)
{
    FILE *f = fopen(path, "r");
    int last[2] = {0, 0}, n = 0, c;

    if (!f)
        return -1;
    while ((c = getc(f)) != EOF) {
        const int s = symbol(c);
        if (s == 0 && last[1] == 0) /* blanks in a row are one */
            continue;
        x[(last[0] * 27 + last[1]) * 27 + s]++;
        last[0] = last[1];
        last[1] = s;
        n++;
    }
    fclose(f);
    return n;
}

/* The letter that weighs most in a column. */
static char
strongest(const struct cp *c, int mode, int64_t r)
{
    const double *column = c->factor[mode] + r;
    int64_t best = 0;

    for (int64_t i = 1; i < 27; i++)
        if (fabs(column[i * c->rank]) > fabs(column[best * c->rank]))
            best = i;
    return best ? (char)('a' + best - 1) : '_';
}

static void
decompose_letters(const char *path)
{
    static double x[CELLS];
    static struct cp c = {.x = x, .n = {27, 27, 27}, .rank = RANK};
    const int n = count_trigrams(path, x);

    if (n < 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    printf("letters  fit %.3f, %d trigrams; strongest of each component:",
           decompose(&c, 200), n);
    for (int64_t r = 0; r < c.rank; r++)
        printf(" %c%c%c", strongest(&c, 0, r), strongest(&c, 1, r),
               strongest(&c, 2, r));
    printf("\n");
}

int
main(int argc, char **argv)
{
    decompose_dyes();
    decompose_letters(argc > 1 ? argv[1] : "licence.txt");
    printf("%s\n", wrong ? "WRONG" : "all MTTKRPs within their bounds");
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: MIT
 *
 * Inner products of matrix product states: one einsum of 24 operands.
 *
 * A state of 12 spins has 2^12 amplitudes. A matrix product state holds them
 * as a chain of 12 tensors, site[left bond, spin, right bond]:
 *
 *   bra    o-a1-o-a2-o-a3- ... -o        <bra|ket> sums over every line:
 *          |    |    |          |
 *          p1   p2   p3         p12      {a0}{p1}{a1},{a1}{p2}{a2}, ...
 *          |    |    |          |        {b0}{p1}{b1},{b1}{p2}{b2}, ... ->
 *   ket    o-b1-o-b2-o-b3- ... -o
 *
 *   spins p = 2; bonds a, b up to 8; f64
 *
 * The expression is written at run time, with labels in braces, for there are
 * more of them than letters. Two states whose inner products are known:
 *   ghz   (|00..0> + |11..1>)/sqrt(2), of norm 1
 *   psi   random, but every site an isometry, which makes the norm 1 too
 *   <ghz|psi> is (psi(00..0) + psi(11..1))/sqrt(2), two products of matrices
 * Results are also compared with plain loops along the chain, to the bound
 * that einc.h gives for rounding.
 *
 * The order of contraction decides: for each inner product the program prints
 * the flop of the plan, and of taking the operands as they are written, which
 * builds all 2^12 amplitudes of the bra before the first site of the ket.
 * (The sums are real; for complex states, give the conjugate of the bra.)
 */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <einc.h>

enum { SITES = 12, SPIN = 2, BOND = 8, OPERANDS = 2 * SITES };

struct mps {
    int64_t bond[SITES + 1];
    double site[SITES][BOND * SPIN * BOND]; /* dense, of the bonds' sizes */
};

static int wrong; /* values beyond their bound */

static _Noreturn void
fail(struct einc_err *err)
{
    fputs(einc_err_text(err), stderr);
    einc_err_free(err);
    exit(EXIT_FAILURE);
}

static double
at(const struct mps *m, int k, int64_t left, int64_t spin, int64_t right)
{
    return m->site[k][(left * SPIN + spin) * m->bond[k + 1] + right];
}

/* --- states ------------------------------------------------------------- */

static void
make_ghz(struct mps *m)
{
    memset(m, 0, sizeof(*m));
    for (int k = 0; k <= SITES; k++)
        m->bond[k] = k == 0 || k == SITES ? 1 : 2;
    for (int k = 0; k < SITES; k++)
        for (int s = 0; s < SPIN; s++) {
            const int left = k ? s : 0, right = k < SITES - 1 ? s : 0;
            m->site[k][(left * SPIN + s) * m->bond[k + 1] + right] =
                k ? 1 : sqrt(0.5);
        }
}

static double
random_number(void)
{
    static uint64_t state = 1;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) / 4503599627370496 - 1;
}

/* Makes the columns of x orthonormal: Gram-Schmidt, twice against rounding. */
static void
orthonormalize(double *x, int64_t rows, int64_t columns)
{
    for (int64_t c = 0; c < columns; c++)
        for (int twice = 0; twice < 2; twice++) {
            double length = 0;
            for (int64_t b = 0; b < c; b++) {
                double dot = 0;
                for (int64_t r = 0; r < rows; r++)
                    dot += x[r * columns + b] * x[r * columns + c];
                for (int64_t r = 0; r < rows; r++)
                    x[r * columns + c] -= dot * x[r * columns + b];
            }
            for (int64_t r = 0; r < rows; r++)
                length += x[r * columns + c] * x[r * columns + c];
            for (int64_t r = 0; r < rows; r++)
                x[r * columns + c] /= sqrt(length);
        }
}

/* A bond needs no more than the spins on its shorter side can tell apart. */
static void
make_random(struct mps *m)
{
    memset(m, 0, sizeof(*m));
    for (int k = 0; k <= SITES; k++) {
        const int shorter = k < SITES - k ? k : SITES - k;
        m->bond[k] = shorter < 3 ? 1 << shorter : BOND;
    }
    for (int k = 0; k < SITES; k++) {
        const int64_t rows = m->bond[k] * SPIN, columns = m->bond[k + 1];
        for (int64_t i = 0; i < rows * columns; i++)
            m->site[k][i] = random_number();
        orthonormalize(m->site[k], rows, columns);
    }
}

/* --- the einsum --------------------------------------------------------- */

static void
write_expression(char *text, size_t room)
{
    size_t n = 0;

    for (int o = 0; o < OPERANDS; o++) {
        const int k = o % SITES, bond = o < SITES ? 'a' : 'b';
        n += (size_t)snprintf(text + n, room - n, "%s{%c%d}{p%d}{%c%d}",
                              o ? "," : "", bond, k, k + 1, bond, k + 1);
    }
    snprintf(text + n, room - n, "->");
}

/* The text of a plan is short: a few lines for each of 23 steps. */
struct plan_text {
    char text[1 << 14];
    size_t n;
};

static int
append(void *user, const char *bytes, size_t n)
{
    struct plan_text *t = user;

    if (n >= sizeof(t->text) - t->n)
        return 1;
    memcpy(t->text + t->n, bytes, n);
    t->n += n;
    t->text[t->n] = '\0';
    return 0;
}

static double
flop_of_plan(const struct einc_plan *plan)
{
    struct plan_text t = {.n = 0};
    struct einc_err *err;

    if (einc_explain(plan, "plan", EINC_TEXT, append, &t, &err))
        fail(err);
    const char *total = strstr(t.text, "\ntotal flop ");
    return total ? strtod(total + strlen("\ntotal flop "), NULL) : NAN;
}

/* The value; *error is the most that rounding may have changed it: with D
 * terms and unit roundoff u, D*u/(1 - D*u) of the sum of all |products|. */
static double
inner(const struct mps *bra, const struct mps *ket, double *error,
      double *flop)
{
    static double magnitudes[OPERANDS][BOND * SPIN * BOND];
    int64_t shapes[OPERANDS][3];
    struct einc_layout in[OPERANDS];
    const void *data[OPERANDS], *absolute[OPERANDS];
    char text[1024];
    double value, sum;
    struct einc_plan *plan;
    struct einc_err *err;

    for (int o = 0; o < OPERANDS; o++) {
        const struct mps *m = o < SITES ? bra : ket;
        const int k = o % SITES;
        memcpy(shapes[o], (int64_t[]){m->bond[k], SPIN, m->bond[k + 1]},
               sizeof(shapes[o]));
        in[o] = (struct einc_layout)EINC_LAYOUT(EINC_F64, 3, shapes[o]);
        for (int i = 0; i < BOND * SPIN * BOND; i++)
            magnitudes[o][i] = fabs(m->site[k][i]);
        data[o] = m->site[k];
        absolute[o] = magnitudes[o];
    }
    write_expression(text, sizeof(text));
    if (einc_compile(NULL, text, OPERANDS, in, NULL, NULL, &plan, &err)
        || einc_run(plan, data, &value, NULL, &err)
        || einc_run(plan, absolute, &sum, NULL, &err))
        fail(err);
    const double du = einc_plan_error_terms(plan) * DBL_EPSILON / 2;
    *error = du / (1 - du) * sum;
    *flop = flop_of_plan(plan);
    einc_plan_free(plan);
    return value;
}

/* --- other ways to the same number -------------------------------------- */

/* Plain loops along the chain; ends[a][b] is the product of all sites so far
 * with open bonds a of the bra and b of the ket. */
static long double
inner_by_loops(const struct mps *bra, const struct mps *ket)
{
    long double ends[BOND][BOND] = {{1}}, next[BOND][BOND];

    for (int k = 0; k < SITES; k++) {
        for (int64_t a = 0; a < bra->bond[k + 1]; a++)
            for (int64_t b = 0; b < ket->bond[k + 1]; b++) {
                next[a][b] = 0;
                for (int64_t x = 0; x < bra->bond[k]; x++)
                    for (int64_t y = 0; y < ket->bond[k]; y++)
                        for (int64_t p = 0; p < SPIN; p++)
                            next[a][b] += ends[x][y]
                                          * (long double)at(bra, k, x, p, a)
                                          * (long double)at(ket, k, y, p, b);
            }
        memcpy(ends, next, sizeof(ends));
    }
    return ends[0][0];
}

/* The amplitude of all spins up, or all down. */
static double
amplitude(const struct mps *m, int spin)
{
    double row[BOND] = {1}, next[BOND];

    for (int k = 0; k < SITES; k++) {
        for (int64_t r = 0; r < m->bond[k + 1]; r++) {
            next[r] = 0;
            for (int64_t l = 0; l < m->bond[k]; l++)
                next[r] += row[l] * at(m, k, l, spin, r);
        }
        memcpy(row, next, sizeof(row));
    }
    return row[0];
}

/* Flop of contracting the operands one after another as written: a product
 * and a sum for each combination of the open indices and the new ones. An
 * index closes with the last operand that holds it. */
static double
flop_left_to_right(const struct mps *bra, const struct mps *ket)
{
    double open = 1, flop = 0;

    for (int o = 0; o < OPERANDS; o++) {
        const struct mps *m = o < SITES ? bra : ket;
        const int k = o % SITES, is_ket = o >= SITES;
        const double fresh = is_ket ? 1 : SPIN; /* the ket's spins are open */
        open *= fresh * (double)m->bond[k + 1];
        flop += o ? 2 * open : 0;
        open /= (double)m->bond[k] * (is_ket ? SPIN : 1);
    }
    return flop;
}

static void
report(const char *name, const struct mps *bra, const struct mps *ket,
       double known)
{
    double error, flop;
    const double value = inner(bra, ket, &error, &flop);
    const double naive = flop_left_to_right(bra, ket);
    const int within =
        fabs((double)(value - inner_by_loops(bra, ket))) <= error;
    const int right = fabs(value - known) < 1e-12;

    wrong += !within + !right + !(flop < naive);
    printf("%s = %9.6f  %s, %s\n", name, value,
           right ? "as known" : "NOT AS KNOWN",
           within ? "within the bound" : "BEYOND THE BOUND");
    printf("    flop: plan %.0f, left to right %.0f, %.0f times as many\n",
           flop, naive, naive / flop);
}

int
main(void)
{
    static struct mps ghz, psi;

    make_ghz(&ghz);
    make_random(&psi);
    const double overlap =
        sqrt(0.5) * (amplitude(&psi, 0) + amplitude(&psi, 1));
    report("<ghz|ghz>", &ghz, &ghz, 1);
    report("<psi|psi>", &psi, &psi, 1);
    report("<ghz|psi>", &ghz, &psi, overlap);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

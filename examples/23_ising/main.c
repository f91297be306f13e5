/* SPDX-License-Identifier: MIT
 *
 * The Ising model in two dimensions, exactly: 256 matrices, one label a spin.
 *
 *   Z(T) = sum over all spins of the product over neighbours i, j of
 *          w[s_i, s_j],   w = exp(1/T) where they are equal, else exp(-1/T)
 *
 *     -o---o---o-      A label for each of 8x16 spins, on a torus; a matrix
 *      |   |   |       for each of 256 pairs. A spin is in four matrices: a
 *     -o---o---o-      hyperedge, which einsum writes as it is, and no tensor
 *      |   |   |       of deltas is made for it.
 *
 * As written, the sum has 2^128 terms; the order of contraction makes it some
 * millions. Two spins far apart stay open, so that a run gives their joint
 * weights: the sum of these is Z, and their difference how much the one says
 * about the other. One plan serves all temperatures.
 *
 * Compared with
 *   Kaufman 1949, 10.1103/PhysRev.76.1232: Z of a finite torus, in closed form
 *   plain loops, spin by spin, for 16x16 spins with open ends
 * and beside them what holds for infinitely many spins
 *   Onsager 1944, 10.1103/PhysRev.65.117: log Z a spin
 *   Yang 1952, 10.1103/PhysRev.85.808: the magnetization, 0 above T = 2.269
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <einc.h>

enum { MAX_BONDS = 1024 };

static const double pi = 3.14159265358979323846;
static int wrong; /* values that differ from the known ones */

struct lattice {
    int rows, columns, bonds;
    int32_t spins[MAX_BONDS][2]; /* of each bond; spin = row*columns + column */
};

static _Noreturn void
fail(struct einc_err *err)
{
    fputs(einc_err_text(err), stderr);
    einc_err_free(err);
    exit(EXIT_FAILURE);
}

static void
add_bond(struct lattice *l, int a, int b)
{
    l->spins[l->bonds][0] = a;
    l->spins[l->bonds++][1] = b;
}

static void
make_lattice(struct lattice *l, int rows, int columns, int periodic)
{
    *l = (struct lattice){.rows = rows, .columns = columns};
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            if (c + 1 < columns || periodic)
                add_bond(l, r * columns + c, r * columns + (c + 1) % columns);
            if (r + 1 < rows || periodic)
                add_bond(l, r * columns + c, (r + 1) % rows * columns + c);
        }
}

/* A plan whose result is weights[s_a, s_b] of two spins. */
static struct einc_plan *
compile(const struct lattice *l, int32_t a, int32_t b)
{
    static const int64_t shape[] = {2, 2};
    static struct einc_layout in[MAX_BONDS];
    const int32_t *ids[MAX_BONDS];
    size_t n_ids[MAX_BONDS];
    struct einc_plan *plan;
    struct einc_err *err;

    for (int k = 0; k < l->bonds; k++) {
        in[k] = (struct einc_layout)EINC_LAYOUT(EINC_F64, 2, shape);
        ids[k] = l->spins[k];
        n_ids[k] = 2;
    }
    if (einc_compile_ids(NULL, (size_t)l->bonds, ids, n_ids,
                         (const int32_t[]){a, b}, 2, in, NULL, NULL, &plan,
                         &err))
        fail(err);
    return plan;
}

/* log Z; *together is the mean of the product of the two spins. */
static double
run(const struct einc_plan *plan, const struct lattice *l, double t,
    double *together)
{
    const double same = exp(1 / t), other = exp(-1 / t);
    const double w[2][2] = {{same, other}, {other, same}};
    const void *in[MAX_BONDS];
    double p[2][2];
    struct einc_err *err;

    for (int k = 0; k < l->bonds; k++)
        in[k] = w;
    if (einc_run(plan, in, p, NULL, &err))
        fail(err);
    const double equal = p[0][0] + p[1][1], unequal = p[0][1] + p[1][0];
    *together = (equal - unequal) / (equal + unequal);
    return log(equal + unequal);
}

/* --- what is known ------------------------------------------------------ */

static double
gamma_of(double k, double angle)
{
    return acosh(cosh(2 * k) / tanh(2 * k) - cos(angle));
}

/* Kaufman's sum of four products. The gamma of angle 0 changes its sign where
 * T passes 2.269. */
static double
log_z_torus(int rows, int columns, double t)
{
    const double k = 1 / t;
    double term[4] = {1, 1, 1, 1};

    for (int r = 0; r < columns; r++) {
        const double odd = gamma_of(k, pi * (2 * r + 1) / columns);
        const double even =
            r ? gamma_of(k, pi * 2 * r / columns) : 2 * k + log(tanh(k));
        term[0] *= 2 * cosh(rows * odd / 2);
        term[1] *= 2 * sinh(rows * odd / 2);
        term[2] *= 2 * cosh(rows * even / 2);
        term[3] *= 2 * sinh(rows * even / 2);
    }
    return log((term[0] + term[1] + term[2] + term[3]) / 2)
           + rows * columns * log(2 * sinh(2 * k)) / 2;
}

/* Onsager's integral, by the midpoint rule. */
static double
log_z_infinite(double t)
{
    enum { POINTS = 4000 };
    double sum = 0;

    for (int i = 0; i < POINTS; i++)
        sum += gamma_of(1 / t, pi * (i + 0.5) / POINTS);
    return (sum / POINTS + log(2 * sinh(2 / t))) / 2;
}

/* Squared: what is left of the mean product of two spins infinitely far from
 * each other. */
static double
magnetization(double t)
{
    const double s = sinh(2 / t);

    return s > 1 ? pow(1 - pow(s, -4), 0.125) : 0;
}

/* Open ends: front[spins of the last `columns` places] grows spin by spin. */
static double
log_z_by_loops(int rows, int columns, double t)
{
    const size_t states = (size_t)1 << columns;
    const double w[2] = {exp(1 / t), exp(-1 / t)};
    double *front = malloc(states * sizeof(*front));
    double *next = malloc(states * sizeof(*next)), z = 0;

    if (!front || !next)
        exit(EXIT_FAILURE);
    for (size_t s = 0; s < states; s++) {
        front[s] = 1;
        for (int c = 0; c + 1 < columns; c++)
            front[s] *= w[(s >> c ^ s >> (c + 1)) & 1];
    }
    for (int place = columns; place < rows * columns; place++) {
        const int c = place % columns;
        for (size_t s = 0; s < states; s++) {
            const size_t up = s ^ (size_t)1 << c;
            const double left = c ? w[(s >> c ^ s >> (c - 1)) & 1] : 1;
            next[s] = left * (w[0] * front[s] + w[1] * front[up]);
        }
        double *swap = front;
        front = next;
        next = swap;
    }
    for (size_t s = 0; s < states; s++)
        z += front[s];
    free(front);
    free(next);
    return log(z);
}

/* --- reports ------------------------------------------------------------ */

static const char *
verdict(double got, double known)
{
    const int right = fabs(got - known) <= 1e-12 * fabs(known);

    wrong += !right;
    return right ? "agrees" : "DIFFERS";
}

static void
show_torus(void)
{
    enum { ROWS = 8, COLUMNS = 16, SPINS = ROWS * COLUMNS, WIDE = 24 };
    static struct lattice l;
    double together;

    make_lattice(&l, ROWS, COLUMNS, 1);
    const int32_t far = ROWS / 2 * COLUMNS + COLUMNS / 2;
    struct einc_plan *plan = compile(&l, 0, far);
    printf("torus of %dx%d spins, %d matrices\n", ROWS, COLUMNS, l.bonds);
    printf("          log Z a spin              mean product of\n");
    printf("    T    einsum    Kaufman   infinite  spins far apart"
           "  infinite\n");
    for (int i = 0; i <= 12; i++) {
        const double t = 1.6 + 0.1 * i, m = magnetization(t);
        const double z = run(plan, &l, t, &together);
        const double known = log_z_torus(ROWS, COLUMNS, t);
        printf("  %.1f  %.6f  %-7s   %.6f  %8.4f         %8.4f   |", t,
               z / SPINS, verdict(z, known), log_z_infinite(t), together,
               m * m);
        for (int c = 0; c <= WIDE; c++)
            putchar(c == lround(WIDE * together) ? '*'
                    : c == lround(WIDE * m * m)  ? '.'
                                                 : c < WIDE ? ' ' : '|');
        putchar('\n');
    }
    einc_plan_free(plan);
}

static void
show_open(void)
{
    enum { SIDE = 16 };
    static struct lattice l;
    double together;

    make_lattice(&l, SIDE, SIDE, 0);
    struct einc_plan *plan = compile(&l, 0, SIDE * SIDE - 1);
    printf("\nopen square of %dx%d spins, %d matrices\n", SIDE, SIDE, l.bonds);
    for (int i = 0; i < 3; i++) {
        const double t = 1.6 + 0.6 * i, z = run(plan, &l, t, &together);
        printf("  %.1f  %.6f  %s   corner to corner %.4f\n", t,
               z / (SIDE * SIDE),
               verdict(z, log_z_by_loops(SIDE, SIDE, t)), together);
    }
    einc_plan_free(plan);
}

int
main(void)
{
    show_torus();
    show_open();
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

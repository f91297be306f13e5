/* SPDX-License-Identifier: MIT
 *
 * The particle-particle ladder of coupled cluster theory (CCSD), its most
 * expensive term:
 *
 *   R[i,j,a,b] = 1/2 sum over e,f of V[a,b,e,f] * T[i,j,e,f]
 *                                                  abef,ijef->ijab
 *   occupied i, j = 8; virtual a, b, e, f = 20; f64; 20 480 000 flop
 *
 * Two indices are summed and none of the tensors has the shape of a matrix;
 * the plan, which is printed, shows the matrix product that it is all the
 * same. The factor 1/2 is the `alpha` of the run.
 *
 * The amplitudes are random but keep the symmetries of fermions:
 *   V[abef] = -V[baef] = -V[abfe] = V[efab],  T[ijef] = -T[jief] = -T[ijfe]
 * so R must change its sign with i,j exchanged, and with a,b exchanged. All
 * numbers are multiples of 1/1024 below 1: products and sums are exact in
 * f64, and the comparison with plain loops is for equality.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <einc.h>

enum { NO = 8, NV = 20 };

static double v[NV][NV][NV][NV], t[NO][NO][NV][NV], r[NO][NO][NV][NV];

static _Noreturn void
fail(struct einc_err *err)
{
    fputs(einc_err_text(err), stderr);
    einc_err_free(err);
    exit(EXIT_FAILURE);
}

/* Multiples of 1/1024 between -1 and 1. */
static double
random_number(void)
{
    static uint64_t state = 1;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return ((int)(state >> 33) % 1024) / 1024.0;
}

static void
fill(void)
{
    for (int a = 0; a < NV; a++)
        for (int b = 0; b < a; b++)
            for (int e = 0; e <= a; e++)
                for (int f = 0; f < e; f++) {
                    const double x = random_number();
                    v[a][b][e][f] = v[b][a][f][e] = x;
                    v[b][a][e][f] = v[a][b][f][e] = -x;
                    v[e][f][a][b] = v[f][e][b][a] = x;
                    v[f][e][a][b] = v[e][f][b][a] = -x;
                }
    for (int i = 0; i < NO; i++)
        for (int j = 0; j < i; j++)
            for (int e = 0; e < NV; e++)
                for (int f = 0; f < e; f++) {
                    const double x = random_number();
                    t[i][j][e][f] = t[j][i][f][e] = x;
                    t[j][i][e][f] = t[i][j][f][e] = -x;
                }
}

/* --- einsum ------------------------------------------------------------- */

static int
print(void *user, const char *bytes, size_t n)
{
    return fwrite(bytes, 1, n, user) != n;
}

static void
contract(void)
{
    const int64_t v_shape[4] = {NV, NV, NV, NV};
    const int64_t t_shape[4] = {NO, NO, NV, NV};
    const struct einc_layout in[2] = {
        EINC_LAYOUT(EINC_F64, 4, v_shape),
        EINC_LAYOUT(EINC_F64, 4, t_shape),
    };
    const double half = 0.5;
    const struct einc_run_options scaled = {.size = sizeof(scaled),
                                            .alpha = &half};
    struct einc_plan *plan;
    struct einc_err *err;

    if (einc_compile(NULL, "abef,ijef->ijab", 2, in, NULL, NULL, &plan, &err)
        || einc_explain(plan, "plan", EINC_TEXT, print, stdout, &err)
        || einc_run(plan, (const void *[]){v, t}, r, &scaled, &err))
        fail(err);
    einc_plan_free(plan);
}

/* --- what must hold ----------------------------------------------------- */

static int
count_loop_differences(void)
{
    int n = 0;

    for (int i = 0; i < NO; i++)
        for (int j = 0; j < NO; j++)
            for (int a = 0; a < NV; a++)
                for (int b = 0; b < NV; b++) {
                    double sum = 0;
                    for (int e = 0; e < NV; e++)
                        for (int f = 0; f < NV; f++)
                            sum += v[a][b][e][f] * t[i][j][e][f];
                    n += r[i][j][a][b] != 0.5 * sum;
                }
    return n;
}

static int
count_broken_pairs(void)
{
    int n = 0;

    for (int i = 0; i < NO; i++)
        for (int j = 0; j < NO; j++)
            for (int a = 0; a < NV; a++)
                for (int b = 0; b < NV; b++) {
                    n += r[i][j][a][b] != -r[j][i][a][b];
                    n += r[i][j][a][b] != -r[i][j][b][a];
                }
    return n;
}

/* R = 0 would pass the other two: all must be not 0 but those with i = j or
 * a = b. */
static int
count_nonzero(void)
{
    int n = 0;

    for (int i = 0; i < NO; i++)
        for (int j = 0; j < NO; j++)
            for (int a = 0; a < NV; a++)
                for (int b = 0; b < NV; b++)
                    n += r[i][j][a][b] != 0;
    return n;
}

int
main(void)
{
    fill();
    contract();
    const int differences = count_loop_differences();
    const int broken = count_broken_pairs();
    const int nonzero = count_nonzero();
    printf("%d of %d amplitudes differ from the loops\n", differences,
           NO * NO * NV * NV);
    printf("%d break the antisymmetry, %d are not 0\n", broken, nonzero);
    const int expected = NO * (NO - 1) * NV * (NV - 1);
    return differences || broken || nonzero != expected ? EXIT_FAILURE
                                                        : EXIT_SUCCESS;
}

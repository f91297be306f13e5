/* SPDX-License-Identifier: MIT
 *
 * An emitted kernel in a program that knows nothing of einc.
 *
 *   score[n] = sum over i,j of X[n,i] * A[i,j] * X[n,j]     ni,ij,nj->n
 *   i = j = 24, f32; n is an argument of the function
 *
 * The quadratic forms of many points at once, as in a Mahalanobis distance.
 * The Makefile has einc write kernel.c and kernel.h,
 *
 *   einc emit 'ni,ij,nj->n' --size i=24,j=24 --name forms
 *        --header kernel.h -o kernel.c
 *
 * and compiles them with this file: nothing of einc is included or linked.
 * Built once as it is and once with -fopenmp; given a file name, the program
 * writes its scores there, and the Makefile compares the bits of the two.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel.h"

enum { DIM = 24, MOST = 20000 };

static float x[MOST * DIM], a[DIM * DIM], score[MOST];

/* Small integers, so that every order of summation gives the same. */
static void
fill_integers(void)
{
    for (int i = 0; i < MOST * DIM; i++)
        x[i] = (float)(i * 7 % 9 - 4);
    for (int i = 0; i < DIM * DIM; i++)
        a[i] = (float)(i * 5 % 7 - 3);
}

static void
fill_reals(void)
{
    for (int i = 0; i < MOST * DIM; i++)
        x[i] = (float)sin(i);
    for (int i = 0; i < DIM * DIM; i++)
        a[i] = (float)cos(i);
}

/* Scores that differ from those of plain loops. */
static int
count_differences(int n)
{
    int differences = 0;

    for (int p = 0; p < n; p++) {
        float sum = 0;
        for (int i = 0; i < DIM; i++)
            for (int j = 0; j < DIM; j++)
                sum += x[p * DIM + i] * a[i * DIM + j] * x[p * DIM + j];
        differences += score[p] != sum;
    }
    return differences;
}

/* One kernel for every n. The workspace is ours and serves all calls. */
static int
check_integers(void *work)
{
    static const int sizes[] = {1, 7, 500, MOST};
    int wrong = 0;

    fill_integers();
    for (int s = 0; s < 4; s++) {
        if (forms(score, x, a, x, sizes[s], work))
            return 1;
        const int n = count_differences(sizes[s]);
        printf("%5d points: %s\n", sizes[s], n ? "WRONG" : "exact");
        wrong += n;
    }
    return wrong;
}

/* Returns 0 if all is written. */
static int
write_reals(const char *path, void *work)
{
    FILE *f = fopen(path, "wb");

    fill_reals();
    if (!f)
        return -1;
    const int failed =
        forms(score, x, a, x, MOST, work) != 0
        || fwrite(score, sizeof(*score), MOST, f) != MOST;
    return fclose(f) | failed;
}

int
main(int argc, char **argv)
{
    void *work = malloc((size_t)forms_workspace(MOST));
    int failed = !work || check_integers(work);

    if (!failed && argc > 1)
        failed = write_reals(argv[1], work);
    free(work);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

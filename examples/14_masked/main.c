/* SPDX-License-Identifier: MIT
 *
 * Masked matrix products, three ways, on the friendships of a karate club.
 *
 *   output    C[i,k] = A[i,k] ? sum[j](A[i,j]*A[j,k]) : 0
 *   operand   C[i,k] = sum[j](A[i,j]*A[j,k] if M[i,j])
 *   triangle  C[i,k] = sum[j](A[i,j]*A[j,k] if k < j && j < i)
 *
 * A[i,k] is 1 where members i and k are friends; their product counts the
 * friends that two members share. Masked by A itself it counts triangles, each
 * six times; with the triangle as well, once. M[i,j] says that i and j went to
 * the same club when theirs split. A guard that is false neither loads nor
 * computes: a triangle halves the loops. All are compared with plain loops.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <einc.h>

enum { N = 34 };

static const char output[] = "C[i,k] = A[i,k] ? sum[j](A[i,j]*A[j,k]) : 0";
static const char operand[] = "C[i,k] = sum[j](A[i,j]*A[j,k] if M[i,j])";
static const char triangle[] =
    "C[i,k] = A[i,k] ? sum[j](A[i,j]*A[j,k] if k < j && j < i) : 0";

static float a[N][N], c[N][N];
static uint8_t m[N][N], club[N]; /* bool */
static int wrong;

static _Noreturn void
fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

/* A line per member: the club after the split, and friends, from 1. */
static void
read_club(const char *path)
{
    FILE *f = fopen(path, "r");
    char line[200], *s;

    if (!f)
        fail(path);
    for (int i = 0; i < N && fgets(line, sizeof(line), f); i++) {
        club[i] = line[0] == 'i';
        for (s = strchr(line, ' '); s && *s != '\n';) {
            const long j = strtol(s, &s, 10);
            if (j < 1 || j > N)
                fail(path);
            a[i][j - 1] = 1;
        }
    }
    fclose(f);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            m[i][j] = club[i] == club[j];
}

/* Returns the sum over all of C. */
static int
multiply(const char *text, int n_in, int (*keep)(int i, int j, int k))
{
    const int64_t shape[] = {N, N};
    const struct einc_layout in[2] = {EINC_LAYOUT(EINC_F32, 2, shape),
                                      EINC_LAYOUT(EINC_BOOL, 2, shape)};
    struct einc_err *err;
    int total = 0, exact = 1;

    if (einc_einsum(NULL, text, (size_t)n_in, in, (const void *[]){a, m},
                    &in[0], c, &err))
        fail(einc_err_text(err));
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++) {
            float sum = 0;
            for (int j = 0; j < N; j++)
                sum += keep(i, j, k) ? a[i][j] * a[j][k] : 0;
            exact &= c[i][k] == sum;
            total += (int)sum;
        }
    wrong += !exact;
    printf("%s\n    %s\n", text, exact ? "exact" : "WRONG");
    return total;
}

static int
keep_friends(int i, int j, int k)
{
    (void)j;
    return a[i][k] > 0;
}

static int
keep_club(int i, int j, int k)
{
    (void)k;
    return m[i][j];
}

static int
keep_triangle(int i, int j, int k)
{
    return a[i][k] > 0 && k < j && j < i;
}

/* Of the friends that two members of one club share, by the way through the
 * club and by all ways: C holds the former. */
static void
show_loyal(void)
{
    for (int side = 1; side >= 0; side--) {
        int inside = 0, all = 0;
        for (int i = 0; i < N; i++)
            for (int k = 0; k < i; k++) {
                if (club[i] != side || club[k] != side)
                    continue;
                inside += (int)c[i][k];
                for (int j = 0; j < N; j++)
                    all += (int)(a[i][j] * a[j][k]);
            }
        printf("    of %d friends shared within the %s's club, %d are of it\n",
               all, side ? "instructor" : "president", inside);
    }
}

int
main(int argc, char **argv)
{
    if (argc < 2)
        fail("usage: main FILE");
    read_club(argv[1]);
    printf("    %d triangles, each seen from its corners, both ways\n",
           multiply(output, 1, keep_friends));
    printf("    %d triangles\n", multiply(triangle, 1, keep_triangle));
    multiply(operand, 2, keep_club);
    show_loyal();
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

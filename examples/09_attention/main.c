/* SPDX-License-Identifier: MIT
 *
 * Layer norm and attention, each a statement, on the letters of a text.
 *
 *   Y[t,d] = norm of X[t,d] over d
 *   O[h,i,e] = sum over j of softmax[j](Q[h,i,d].K[h,j,d]*scale) * V[h,j,e]
 *
 * and the same with `if j <= i`: causal. Scores are made, weighed and summed
 * while they are in registers: there is no matrix of them. What is printed
 * against its size is the workspace that the plan asks for.
 *
 * A query is the letter (head 1: the last three letters) at a place, a key the
 * same of the place before it: a head finds where this stood earlier, and looks
 * at the letter that came next. Its guess is printed below the letter that did.
 * All of it is compared with two passes in double: the scores of a row and
 * their sum first, then the weights.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <einc.h>

static const char norm[] =
    "mu[t] = mean[d](X[t,d]);"
    "var[t] = mean[d]((X[t,d] - mu[t])^2);"
    "Y[t,d] = (X[t,d] - mu[t])*rsqrt(var[t] + 1e-5)*g[d] + b[d]";
static const char full[] =
    "O[h,i,e] = sum[j](softmax[j](sum[d](Q[h,i,d]*K[h,j,d])*scale)*V[h,j,e])";
static const char causal[] =
    "O[h,i,e] = sum[j](softmax[j](sum[d](Q[h,i,d]*K[h,j,d])*scale if j <= i)"
    "*V[h,j,e])";
static const char look[] =
    "B[h,i] = argmax[j](sum[d](Q[h,i,d]*K[h,j,d]) if j <= i)";

enum { T = 1024, H = 2, D = 64, LETTERS = 27 };

static float x[T * D], y[T * D];                       /* [t,d] */
static float q[H * T * D], k[H * T * D], v[H * T * D]; /* [h,t,d] */
static float o[H * T * D];
static unsigned char text[T];
static int wrong;

static _Noreturn void
fail(struct einc_err *err)
{
    fputs(einc_err_text(err), stderr);
    einc_err_free(err);
    exit(EXIT_FAILURE);
}

static void
report(const char *name, double worst, double most)
{
    wrong += !(worst <= most);
    printf("%-11s %s\n", name,
           worst <= most ? "as by plain loops in double" : "WRONG");
}

/* --- letters to vectors ------------------------------------------------- */

/* a to z, 26 for all between words; from the beginning again at its end. */
static int
read_text(const char *path)
{
    FILE *f = fopen(path, "r");
    int n = 0, c;

    while (f && n < T && ((c = getc(f)) != EOF || n > 0)) {
        if (c == EOF)
            rewind(f);
        c |= 32;
        const unsigned char letter =
            c >= 'a' && c <= 'z' ? (unsigned char)(c - 'a') : 26;
        if (letter < 26 || (n > 0 && text[n - 1] < 26))
            text[n++] = letter;
    }
    if (f)
        fclose(f);
    return n == T;
}

/* Pseudo-random signs, a vector for each letter and how far back it stands. */
static float
sign(int t, int back, int d)
{
    const uint64_t letter = t - back < 0 ? LETTERS : text[t - back];
    uint64_t z = (letter * 3 + (uint64_t)back % 3 + 1) * 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) >> d & 1 ? 1 : -1;
}

/* Integers all, so that scores are exact and equal ones are equal. */
static void
embed(void)
{
    for (int i = 0; i < T * D; i++) {
        const int t = i / D, d = i % D;
        x[i] = 3 * sign(t, 0, d) + 2;
        q[i] = sign(t, 0, d);
        k[i] = sign(t - 1, 0, d);
        q[T * D + i] = q[i] + sign(t, 1, d) + sign(t, 2, d);
        k[T * D + i] = k[i] + sign(t - 1, 1, d) + sign(t - 1, 2, d);
    }
}

/* --- layer norm --------------------------------------------------------- */

static void
normalize(void)
{
    const struct einc_layout rows =
        EINC_LAYOUT(EINC_F32, 2, ((int64_t[]){T, D}));
    const struct einc_layout row = EINC_LAYOUT(EINC_F32, 1, ((int64_t[]){D}));
    float gain[D], bias[D];
    double worst = 0;
    struct einc_err *err;

    for (int d = 0; d < D; d++) {
        gain[d] = 1 + (float)(d % 3) / 8;
        bias[d] = (float)(d % 5 - 2) / 16;
    }
    if (einc_einsum(NULL, norm, 3, (struct einc_layout[]){rows, row, row},
                    (const void *[]){x, gain, bias}, &rows, y, &err))
        fail(err);
    for (int t = 0; t < T; t++) {
        double mean = 0, var = 0;
        for (int d = 0; d < D; d++)
            mean += x[t * D + d] / (double)D;
        for (int d = 0; d < D; d++)
            var += pow(x[t * D + d] - mean, 2) / D;
        for (int d = 0; d < D; d++)
            worst = fmax(worst, fabs((x[t * D + d] - mean) / sqrt(var + 1e-5)
                                     * gain[d] + bias[d] - y[t * D + d]));
    }
    report("layer norm", worst, 1e-5);
}

/* --- attention ---------------------------------------------------------- */

/* Row i of head h, of which the first n keys are seen, in double. */
static double
worst_of_row(int h, int i, int n, double scale)
{
    double w[T], most = -INFINITY, sum = 0, worst = 0;

    for (int j = 0; j < n; j++) {
        w[j] = 0;
        for (int d = 0; d < D; d++)
            w[j] += (double)q[(h * T + i) * D + d] * k[(h * T + j) * D + d];
        w[j] *= scale;
        most = fmax(most, w[j]);
    }
    for (int j = 0; j < n; j++)
        sum += w[j] = exp(w[j] - most);
    for (int e = 0; e < D; e++) {
        double want = 0;
        for (int j = 0; j < n; j++)
            want += w[j] / sum * v[(h * T + j) * D + e];
        worst = fmax(worst, fabs(want - o[(h * T + i) * D + e]));
    }
    return worst;
}

static void
attend(const char *name, const char *statement, int is_causal)
{
    const struct einc_layout heads =
        EINC_LAYOUT(EINC_F32, 3, ((int64_t[]){H, T, D}));
    const struct einc_layout one = EINC_LAYOUT(EINC_F32, 0, NULL);
    const float scale = 1 / sqrtf(D);
    const size_t scores = sizeof(float) * H * T * T;
    const struct einc_config alone = {.size = sizeof(alone), .threads = 1};
    struct einc_ctx *ctx; /* of one thread: each has a workspace */
    double worst = 0;
    size_t work_bytes;
    struct einc_plan *plan;
    struct einc_err *err;

    /* operands in the order of their first names: Q, K, scale, V */
    if (einc_ctx_create(&alone, &ctx, &err)
        || einc_compile(ctx, statement, 4,
                        (struct einc_layout[]){heads, heads, one, heads},
                        NULL, NULL, &plan, &err)
        || einc_run(plan, (const void *[]){q, k, &scale, v}, o, NULL, &err))
        fail(err);
    if (einc_plan_workspace(plan, &work_bytes, NULL))
        exit(EXIT_FAILURE);
    for (int h = 0; h < H; h++)
        for (int i = 0; i < T; i++)
            worst = fmax(worst, worst_of_row(h, i, is_causal ? i + 1 : T,
                                             scale));
    report(name, worst, 1e-4);
    const int small = work_bytes < scores / 4;
    wrong += !small;
    printf("            scores would be %zu bytes, the workspace is %s\n",
           scores, small ? "less than a quarter of that" : "LARGER");
    einc_plan_free(plan);
    einc_ctx_free(ctx);
}

/* --- what the heads look at --------------------------------------------- */

/* Part of the text; below it what the heads would have thought. */
static void
guess(void)
{
    const struct einc_layout heads =
        EINC_LAYOUT(EINC_F32, 3, ((int64_t[]){H, T, D}));
    const struct einc_layout out =
        EINC_LAYOUT(EINC_I64, 2, ((int64_t[]){H, T}));
    const int from = 420, to = 484;
    int64_t seen[H][T]; /* the key that weighs most */
    int right[H] = {0};
    struct einc_err *err;

    if (einc_einsum(NULL, look, 2, (struct einc_layout[]){heads, heads},
                    (const void *[]){q, k}, &out, seen, &err))
        fail(err);
    for (int h = -1; h < H; h++) {
        fputs(h < 0 ? "text    " : h ? "head 1  " : "head 0  ", stdout);
        for (int i = from; i < to; i++) {
            const int c = text[h < 0 ? i : seen[h][i - 1]];
            putchar(c < 26 ? 'a' + c : '_');
        }
        putchar('\n');
    }
    for (int h = 0; h < H; h++)
        for (int i = 1; i < T; i++)
            right[h] += text[seen[h][i - 1]] == text[i];
    printf("right: %d and %d of %d\n", right[0], right[1], T - 1);
}

int
main(int argc, char **argv)
{
    if (argc < 2 || !read_text(argv[1])) {
        fputs("usage: main TEXT\n", stderr);
        return EXIT_FAILURE;
    }
    embed();
    normalize();
    for (int h = 0; h < H; h++)
        memcpy(&v[h * T * D], y, sizeof(y));
    attend("attention", full, 0);
    attend("causal", causal, 1);
    guess();
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: MIT
 *
 * Attention as two einsums, on the words of a short text.
 *
 *   S[b,h,q,k] = sum over d of Q[b,h,q,d] * K[b,h,k,d]    bhqd,bhkd->bhqk
 *   P = softmax of S over k, in plain C
 *   O[b,h,q,e] = sum over k of P[b,h,q,k] * V[b,h,k,e]    bhqk,bhke->bhqe
 *   b = 2 passages, h = 2 heads, q = k = 31 words, d = e = 64, f32
 *
 * Nothing is trained; the vectors are built so that one can see what each
 * head does. A word's vector is the sum of pseudo-random signs, one vector for
 * each three letters in a row, scaled to length 1: words that are spelled
 * alike lie close, and equal words are equal. A position's vector holds sines
 * and cosines. A query may look at earlier words only.
 *   head 0 asks for the word itself: it finds where it stood before,
 *          or, if it is new, a word spelled much like it;
 *   head 1 asks for the position before: it finds the previous word.
 * Both results are checked against plain loops, to the bound that
 * einc_reference() gives for rounding.
 */
#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <einc.h>

enum { NB = 2, NH = 2, NQ = 31, ND = 64, ROOM = 16 };

static const char text[] =
    "The plan says what to sum and the kernel sums it. A kernel that knows "
    "its plan is fast; a planner that knows its kernels is faster. Plan "
    "first, then sum. "
    "Here one index runs and one index waits. The index that runs is summed, "
    "the index that waits is kept. Kept indices make the shape, and summed "
    "indices make the work.";

static int wrong; /* elements beyond their bound, heads that missed */

static _Noreturn void
fail(struct einc_err *err)
{
    fputs(einc_err_text(err), stderr);
    einc_err_free(err);
    exit(EXIT_FAILURE);
}

/* --- words to vectors --------------------------------------------------- */

/* Runs of letters, in lower case; 0 if there are too few. */
static int
split(char words[NB * NQ][ROOM])
{
    const char *s = text;

    for (int w = 0; w < NB * NQ; w++) {
        int n = 0;
        while (*s && !isalpha((unsigned char)*s))
            s++;
        for (; isalpha((unsigned char)*s) && n < ROOM - 1; s++)
            words[w][n++] = (char)tolower((unsigned char)*s);
        words[w][n] = '\0';
        if (n == 0)
            return 0;
    }
    return 1;
}

/* Three letters to ND pseudo-random bits: the splitmix64 finalizer. */
static uint64_t
mix(const char *letters)
{
    uint64_t z = (uint64_t)(unsigned char)letters[0] << 16
                 | (uint64_t)(unsigned char)letters[1] << 8
                 | (uint64_t)(unsigned char)letters[2];

    z = (z + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void
embed_word(const char *word, float x[ND])
{
    char marked[ROOM + 2];
    double sum[ND] = {0}, length = 0;

    snprintf(marked, sizeof(marked), "^%s$", word);
    for (const char *s = marked; s[2]; s++)
        for (int d = 0; d < ND; d++)
            sum[d] += (mix(s) >> d) & 1 ? 1 : -1;
    for (int d = 0; d < ND; d++)
        length += sum[d] * sum[d];
    for (int d = 0; d < ND; d++)
        x[d] = (float)(sum[d] / sqrt(length));
}

static void
embed_position(int q, float x[ND])
{
    for (int d = 0; d < ND; d += 2) {
        const double angle = q * pow(0.75, d / 2);
        x[d] = (float)(sin(angle) / sqrt(ND / 2));
        x[d + 1] = (float)(cos(angle) / sqrt(ND / 2));
    }
}

/* --- einsum, checked ---------------------------------------------------- */

/* Tensors lie as [b][word][h][d], as a model's projections leave them; the
 * expressions want h before the word, which is a matter of strides. */
static const int64_t vector_shape[4] = {NB, NH, NQ, ND};
static const int64_t vector_stride[4] = {NQ * NH * ND, ND, NH * ND, 1};
static const int64_t score_shape[4] = {NB, NH, NQ, NQ};

static const struct einc_layout vectors = {
    .size = sizeof(vectors), .dtype = EINC_F32, .ndim = 4,
    .shape = vector_shape, .stride = vector_stride};
static const struct einc_layout scores =
    EINC_LAYOUT(EINC_F32, 4, score_shape);

static int
vector_at(int b, int h, int q, int d)
{
    return ((b * NQ + q) * NH + h) * ND + d;
}

static int
score_at(int b, int h, int q, int k)
{
    return ((b * NH + h) * NQ + q) * NQ + k;
}

/* out = alpha * expr(lhs, rhs). `bound`: the most that an element may be off,
 * dense row-major in the order of the output's labels, for alpha = 1. */
static void
einsum(const char *expr, const struct einc_layout in[2], const float *lhs,
       const float *rhs, const struct einc_layout *out_layout, float *out,
       float alpha, double *bound)
{
    const struct einc_run_options scaled = {.size = sizeof(scaled),
                                            .alpha = &alpha};
    const void *const data[2] = {lhs, rhs};
    struct einc_plan *plan;
    struct einc_err *err;

    if (einc_compile(NULL, expr, 2, in, out_layout, NULL, &plan, &err)
        || einc_reference(plan, data, out, bound, &err)
        || einc_run(plan, data, out, &scaled, &err))
        fail(err);
    einc_plan_free(plan);
}

/* f32 rounds the scaled value once more. */
static void
compare(float got, double loop, double bound)
{
    wrong += !(fabs(got - loop) <= bound + fabs(loop) / (1 << 23));
}

static void
check_scores(const float *q, const float *k, const float *s, float alpha,
             const double *bound)
{
    for (int b = 0; b < NB; b++)
        for (int h = 0; h < NH; h++)
            for (int i = 0; i < NQ; i++)
                for (int j = 0; j < NQ; j++) {
                    const int at = score_at(b, h, i, j);
                    double sum = 0;
                    for (int d = 0; d < ND; d++)
                        sum += (double)q[vector_at(b, h, i, d)]
                               * (double)k[vector_at(b, h, j, d)];
                    compare(s[at], alpha * sum, alpha * bound[at]);
                }
}

static void
check_sums(const float *p, const float *v, const float *o,
           const double *bound)
{
    for (int b = 0; b < NB; b++)
        for (int h = 0; h < NH; h++)
            for (int i = 0; i < NQ; i++)
                for (int e = 0; e < ND; e++) {
                    double sum = 0;
                    for (int j = 0; j < NQ; j++)
                        sum += (double)p[score_at(b, h, i, j)]
                               * (double)v[vector_at(b, h, j, e)];
                    compare(o[vector_at(b, h, i, e)], sum,
                            bound[((b * NH + h) * NQ + i) * ND + e]);
                }
}

/* --- between the einsums ------------------------------------------------ */

/* Query i sees the words before it (the first one: itself). Distance costs a
 * little, so that of two equal words the later one is taken, as in ALiBi
 * (Press, Smith and Lewis, 2022). */
static void
softmax(float *row, int i)
{
    const int n = i ? i : 1;
    double most = -INFINITY, sum = 0;

    for (int j = 0; j < n; j++) {
        row[j] -= 0.015625f * (float)(i - j);
        most = row[j] > most ? row[j] : most;
    }
    for (int j = 0; j < n; j++)
        sum += exp(row[j] - most);
    for (int j = 0; j < NQ; j++)
        row[j] = j < n ? (float)(exp(row[j] - most) / sum) : 0;
}

static int
largest(const float *row)
{
    int best = 0;

    for (int j = 1; j < NQ; j++)
        best = row[j] > row[best] ? j : best;
    return best;
}

/* What the heads are built to find, where that is certain. */
static void
check_heads(char words[][ROOM], int i, int same, int previous)
{
    int last = -1;

    for (int j = 0; j < i; j++)
        if (!strcmp(words[j], words[i]))
            last = j;
    wrong += last >= 0 && same != last;
    wrong += previous != (i ? i - 1 : 0);
}

static void
report(char words[][ROOM], const float *p, int b)
{
    printf("passage %d\n", b);
    for (int i = 0; i < NQ; i++) {
        const int same = largest(&p[score_at(b, 0, i, 0)]);
        const int previous = largest(&p[score_at(b, 1, i, 0)]);
        check_heads(words, i, same, previous);
        printf("%4d %-8s  head 0: %2d %-8s  head 1: %2d %s\n", i, words[i],
               same, words[same], previous, words[previous]);
    }
}

/* --- all together ------------------------------------------------------- */

static void
fill(char words[][ROOM], float *q, float *k, float *v)
{
    for (int b = 0; b < NB; b++)
        for (int i = 0; i < NQ; i++) {
            embed_word(words[b * NQ + i], &q[vector_at(b, 0, i, 0)]);
            embed_word(words[b * NQ + i], &k[vector_at(b, 0, i, 0)]);
            embed_position(i ? i - 1 : 0, &q[vector_at(b, 1, i, 0)]);
            embed_position(i, &k[vector_at(b, 1, i, 0)]);
            for (int h = 0; h < NH; h++)
                embed_word(words[b * NQ + i], &v[vector_at(b, h, i, 0)]);
        }
}

int
main(void)
{
    static char words[NB * NQ][ROOM];
    static float q[NB * NQ * NH * ND], k[NB * NQ * NH * ND],
                 v[NB * NQ * NH * ND], o[NB * NQ * NH * ND],
                 p[NB * NH * NQ * NQ];
    static double bound[NB * NH * NQ * ND]; /* large enough for both */
    const float sharp = 64; /* unit vectors: scores of -64 to 64 */

    if (!split(words))
        return EXIT_FAILURE;
    fill(words, q, k, v);
    einsum("bhqd,bhkd->bhqk", (struct einc_layout[]){vectors, vectors}, q, k,
           &scores, p, sharp, bound);
    check_scores(q, k, p, sharp, bound);

    for (int b = 0; b < NB; b++)
        for (int h = 0; h < NH; h++)
            for (int i = 0; i < NQ; i++)
                softmax(&p[score_at(b, h, i, 0)], i);

    einsum("bhqk,bhke->bhqe", (struct einc_layout[]){scores, vectors}, p, v,
           &vectors, o, 1, bound);
    check_sums(p, v, o, bound);

    for (int b = 0; b < NB; b++)
        report(&words[b * NQ], p, b);
    printf("%s\n", wrong ? "WRONG" : "both einsums within their bounds");
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

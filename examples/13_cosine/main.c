/* SPDX-License-Identifier: MIT
 *
 * Cosine similarity of all pairs: which words of a text are spelled alike.
 *
 *   C[i,j] = X[i].X[j] / (|X[i]| |X[j]|)
 *
 * X[i,d] counts how often word i holds each pair of letters, with the blanks
 * around it. The norms are written where they are needed, inside the pair, and
 * computed once for each word. Compared with plain loops in double.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <einc.h>

static const char cosine[] =
    "C[i,j] = sum[d](X[i,d]*X[j,d])"
    " / (sqrt(sum[d](X[i,d]^2))*sqrt(sum[d](X[j,d]^2)))";

enum { MOST = 200, ROOM = 20, D = 27 * 27, LEAST = 5, SHOWN = 15 };

static char words[MOST][ROOM];
static float x[MOST * D], c[MOST * MOST];
static int n;

static _Noreturn void
fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

/* --- words to counts ---------------------------------------------------- */

static void
add_word(const char *word)
{
    for (int w = 0; w < n; w++)
        if (!strcmp(words[w], word))
            return;
    if (n < MOST && strlen(word) >= LEAST)
        strcpy(words[n++], word);
}

/* Words of LEAST letters or more, each once. */
static void
read_words(const char *path)
{
    FILE *f = fopen(path, "r");
    char word[ROOM];
    int length = 0, letter;

    if (!f)
        fail(path);
    do {
        letter = getc(f);
        if (isalpha(letter) && length < ROOM - 1) {
            word[length++] = (char)tolower(letter);
            continue;
        }
        word[length] = '\0';
        add_word(word);
        length = 0;
    } while (letter != EOF);
    fclose(f);
}

static void
count_pairs(void)
{
    for (int w = 0; w < n; w++) {
        int before = 26; /* a blank */
        for (const char *s = words[w];; s++) {
            const int now = *s ? *s - 'a' : 26;
            x[w * D + 27 * before + now]++;
            before = now;
            if (!*s)
                break;
        }
    }
}

/* --- pairs -------------------------------------------------------------- */

static double
by_loops(int i, int j)
{
    double ij = 0, ii = 0, jj = 0;

    for (int d = 0; d < D; d++) {
        ij += x[i * D + d] * x[j * D + d];
        ii += x[i * D + d] * x[i * D + d];
        jj += x[j * D + d] * x[j * D + d];
    }
    return ij / (sqrt(ii) * sqrt(jj));
}

/* The most similar pairs. Equal ones may differ by rounding, so to 1e-5 the
 * one that comes first counts. */
static void
show(void)
{
    for (int shown = 0; shown < SHOWN; shown++) {
        int best = 1;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < i; j++)
                if (c[i * n + j] > c[best] + 1e-5f)
                    best = i * n + j;
        printf("%.3f  %s %s\n", c[best], words[best % n], words[best / n]);
        c[best] = 0;
    }
}

int
main(int argc, char **argv)
{
    struct einc_err *err;
    double worst = 0;

    if (argc < 2)
        fail("usage: main TEXT");
    read_words(argv[1]);
    count_pairs();
    const struct einc_layout in =
        EINC_LAYOUT(EINC_F32, 2, ((int64_t[]){n, D}));
    const struct einc_layout out =
        EINC_LAYOUT(EINC_F32, 2, ((int64_t[]){n, n}));
    if (einc_einsum(NULL, cosine, 1, &in, (const void *[]){x}, &out, c, &err))
        fail(einc_err_text(err));
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            worst = fmax(worst, fabs(c[i * n + j] - by_loops(i, j)));
    printf("%d words, %d pairs: %s\n", n, n * (n - 1) / 2,
           worst < 1e-6 ? "as by plain loops" : "WRONG");
    show();
    return worst < 1e-6 ? EXIT_SUCCESS : EXIT_FAILURE;
}

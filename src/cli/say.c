/* SPDX-License-Identifier: MIT
 * say.c - messages, exit codes of statuses, and the nearest known word. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/say.h"

int
einc_say(int code, const char *fmt, ...)
{
    va_list ap;

    fputs("einc: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return code;
}

int
einc_say_usage(const struct verb *verb, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "einc%s%s: ", verb ? " " : "", verb ? verb->name : "");
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\ntry: einc help%s%s\n", verb ? " " : "",
            verb ? verb->name : "");
    return EXIT_USAGE;
}

static int
code_of(enum einc_status status)
{
    switch (status) {
    case EINC_OK:
        return EXIT_DONE;
    case EINC_EPARSE:
    case EINC_ESHAPE:
    case EINC_EDTYPE:
    case EINC_EALIAS:
    case EINC_ELIMIT:
        return EXIT_EXPR;
    case EINC_ECOMPILER:
    case EINC_ECACHE:
    case EINC_EDEVICE:
        return EXIT_ENV;
    case EINC_EINVAL:
        return EXIT_USAGE;
    case EINC_ENOMEM:
    case EINC_EUNSUP:
    case EINC_EINTERNAL:
        break;
    }
    return EXIT_FAILED;
}

int
einc_say_error(enum einc_status status, struct einc_err *err)
{
    if (err)
        fputs(einc_err_text(err), stderr);
    else
        fprintf(stderr, "einc: %s\n", einc_status_name(status));
    einc_err_free(err);
    return code_of(status);
}

static int
smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Insertions, deletions and replacements that make a from b; words longer
 * than the row are told apart by their beginnings. */
static int
distance(const char *a, const char *b)
{
    enum { LONGEST = 40 };
    int row[LONGEST + 1];
    const int n_a = (int)strnlen(a, LONGEST), n_b = (int)strnlen(b, LONGEST);

    for (int j = 0; j <= n_b; j++)
        row[j] = j;
    for (int i = 1; i <= n_a; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n_b; j++) {
            const int replace = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = smaller(replace, smaller(row[j], row[j - 1]) + 1);
        }
    }
    return row[n_b];
}

const char *
einc_say_nearest(const char *word, const char *const known[], int n)
{
    const char *best = NULL;
    int best_distance = 1 + (int)strnlen(word, 40) / 3;

    for (int i = 0; i < n; i++) {
        const int d = distance(word, known[i]);
        if (d < best_distance || (d == best_distance && !best)) {
            best = known[i];
            best_distance = d;
        }
    }
    return best;
}

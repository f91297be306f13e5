/* SPDX-License-Identifier: MIT
 * show.c - arrays in brackets, numbers in columns. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/show.h"
#include "cli/value.h"

enum {
    SHOW_ALL = 1000, /* elements; numpy's threshold */
    EDGE = 3,        /* of a large array: so many at either end of a dim */
    NUMBER_ROOM = 80,
    LINE = 75        /* columns; numpy's */
};

struct show {
    FILE *stream;      /* NULL: measure only */
    enum einc_dtype dtype;
    int ndim;
    const int64_t *shape;
    const char *data;
    int corners;       /* leave out the middle of long dims */
    int width;         /* of the widest number that is shown */
    int column;
};

/* The fewest digits that give an f32 back, 8 at most, though no fewer than
 * stand before its point (10, not 1e+01); of the halves as many as tell
 * neighbours apart, and 8 of an f64, as numpy shows. */
static int
digits(enum einc_dtype dtype, long double x)
{
    char text[NUMBER_ROOM];
    int n = 1;

    for (long double limit = 10; n < 8 && fabsl(x) >= limit; limit *= 10)
        n++;
    if (dtype == EINC_F16)
        return 5;
    if (dtype == EINC_BF16)
        return 4;
    if (dtype != EINC_F32 && dtype != EINC_C64)
        return 8;
    for (; n < 8; n++) {
        snprintf(text, sizeof(text), "%.*Lg", n, x);
        if (strtof(text, NULL) == (float)x)
            break;
    }
    return n;
}

static int
put_real(char *text, size_t room, enum einc_dtype dtype, long double x)
{
    if (dtype == EINC_BOOL)
        return snprintf(text, room, "%s", x != 0 ? "True" : "False");
    if (einc_value_is_integer(dtype))
        return snprintf(text, room, "%.0Lf", x);
    if (isnan(x))
        return snprintf(text, room, "nan");
    const int n_digits = digits(dtype, x);
    const int n = snprintf(text, room, "%.*Lg", n_digits, x);
    /* a point tells 2. from an integer, as in numpy */
    return strpbrk(text, ".ein") ? n
                                 : snprintf(text, room, "%.0Lf.", x);
}

void
einc_show_value(char *text, size_t room, enum einc_dtype dtype, const void *p)
{
    const struct value v = einc_value_load(dtype, p);
    const int n = put_real(text, room, dtype, v.re);

    if (!einc_value_has_parts(dtype) || n >= (int)room - 2)
        return;
    text[n] = signbit(v.im) && !isnan(v.im) ? '-' : '+';
    put_real(text + n + 1, room - (size_t)n - 2, dtype, fabsl(v.im));
    strcat(text, "j");
}

static void
put_number(struct show *s, int64_t at, int first, int indent)
{
    char text[NUMBER_ROOM];

    einc_show_value(text, sizeof(text) - 1, s->dtype,
                    s->data + (size_t)at * einc_dtype_bytes(s->dtype));
    const int n = (int)strlen(text);
    if (!s->stream) {
        s->width = n > s->width ? n : s->width;
        return;
    }
    if (!first && s->column + 1 + s->width > LINE) {
        fprintf(s->stream, "\n%*s", indent, "");
        s->column = indent;
    } else if (!first) {
        fputc(' ', s->stream);
        s->column++;
    }
    fprintf(s->stream, "%*s", s->width, text);
    s->column += s->width;
}

/* What stands between two rows: a line more for each dim above the last two. */
static void
next_row(struct show *s, int dim)
{
    for (int d = dim; d < s->ndim - 1; d++)
        fputc('\n', s->stream);
    fprintf(s->stream, "%*s", dim + 1, "");
    s->column = dim + 1;
}

static void
put_dots(struct show *s, int dim)
{
    if (!s->stream)
        return;
    if (dim < s->ndim - 1) {
        next_row(s, dim);
        fputs("...", s->stream);
    } else {
        fputs(" ...", s->stream);
        s->column += 4;
    }
}

/* Prints dims `dim` and on of the part that starts at element `at`; its depth
 * is ndim, which einc_show() bounds. */
static void
walk(struct show *s, int dim, int64_t at)
{
    int64_t stride = 1;

    if (dim == s->ndim) {
        put_number(s, at, 1, 0);
        return;
    }
    for (int d = dim + 1; d < s->ndim; d++)
        stride *= s->shape[d];
    if (s->stream)
        fputc('[', s->stream);
    s->column++;
    for (int64_t i = 0; i < s->shape[dim]; i++) {
        if (s->corners && s->shape[dim] > 2 * EDGE && i == EDGE) {
            put_dots(s, dim);
            i = s->shape[dim] - EDGE;
        }
        if (dim == s->ndim - 1) {
            put_number(s, at + i, i == 0, dim + 1);
            continue;
        }
        if (i > 0 && s->stream)
            next_row(s, dim);
        walk(s, dim + 1, at + i * stride);
    }
    if (s->stream)
        fputc(']', s->stream);
}

void
einc_show(FILE *f, enum einc_dtype dtype, int ndim, const int64_t *shape,
          const void *data)
{
    enum { DEEPEST = 64 };
    struct show s = {.dtype = dtype, .ndim = ndim, .shape = shape,
                     .data = data};
    int64_t count = 1;

    for (int d = 0; d < ndim; d++)
        count *= shape[d];
    s.corners = count > SHOW_ALL;
    if (ndim > DEEPEST || count == 0) {
        fputs(ndim > DEEPEST ? "(too many dims to show)" : "[]", f);
    } else {
        walk(&s, 0, 0); /* measures */
        s.stream = f;
        s.column = 0;
        walk(&s, 0, 0);
    }
    if (s.corners || ndim > DEEPEST || count == 0) {
        fprintf(f, "\n%s ", einc_dtype_name(dtype));
        for (int d = 0; d < ndim; d++)
            fprintf(f, "%s%lld", d ? "x" : "", (long long)shape[d]);
    }
    fputc('\n', f);
}

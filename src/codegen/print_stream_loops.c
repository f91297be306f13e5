/* SPDX-License-Identifier: MIT
 *
 * print_stream_loops.c - a stream as loops with names, for a reader. The
 * outermost may be shared out.
 */
#include "codegen/print_stream.h"

/* What the loops around a body count, outermost first: at `place` 0, 1 ... an
 * index, or BLOCKS of lanes; -1 at the end. */
enum { BLOCKS = -2 };

static int
counted(const struct nest *w, int place)
{
    for (int j = 0; j < w->first[LOOP_K]; j++)
        if (j != w->lane && j != w->inner && place-- == 0)
            return j;
    if (einc_stream_block(w) && place-- == 0)
        return BLOCKS;
    return w->inner >= 0 && place == 0 ? w->inner : -1;
}

int
einc_print_stream_parts(const struct printer *p, struct text *worth)
{
    enum { WORTH_THREADS = 100000 };
    const struct nest *w = p->nest;
    struct text size = {.perm = p->t->perm};
    int64_t literal = 1;
    int symbolic = 0;
    for (int j = 0; j < w->n_idx; j++) {
        const struct quantity *q = &w->idx[j].extent;
        symbolic |= q->arg >= 0;
        if (q->arg >= 0)
            einc_put(&size, "*(double)n_%s", w->idx[j].name);
        else if (__builtin_mul_overflow(literal, q->value, &literal))
            literal = INT64_MAX;
    }
    if (counted(w, 0) == -1 || (!symbolic && literal < WORTH_THREADS))
        return 0;
    if (symbolic)
        einc_put(worth, "%lld.0%s >= %d", (long long)literal,
                 einc_text_z(&size), WORTH_THREADS);
    return 1;
}

void
einc_print_stream_count(const struct printer *p)
{
    const struct nest *w = p->nest;
    int j = counted(w, 0);
    if (j == BLOCKS)
        einc_put(p->t, "((%s + %d)/%d)", einc_print_n(p, w->lane),
                 w->lanes - 1, w->lanes);
    else
        einc_put(p->t, "%s", einc_print_n(p, j));
}

/* A loop over what `place` counts; of the outermost, a part. */
static void
open_counted(const struct printer *p, int place)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    int j = counted(w, place), part = p->in_parts && place == 0;
    if (j != BLOCKS) {
        const char *x = w->idx[j].name;
        einc_stream_open(p, "for (int64_t %s = %s; %s < %s; %s++) { /* free "
                            "*/", x, part ? "begin" : "0", x,
                         part ? "end" : einc_print_n(p, j), x);
        return;
    }
    const char *n = einc_print_n(p, w->lane), *x = w->idx[w->lane].name;
    if (part) {
        einc_stream_open(p, "for (int64_t block = begin; block < end; "
                            "block++) { /* lanes of %s */", x);
        einc_line(t, "const int64_t first = %d*block;", w->lanes);
    } else {
        einc_stream_open(p, "for (int64_t first = 0; first < %s; first += %d) "
                            "{ /* lanes of %s */", n, w->lanes, x);
    }
    if (str_equal(str_of(einc_stream_count(p)), str_of("count")))
        einc_line(t, "const int64_t count = %s - first < %d ? %s - first : "
                     "%d;", n, w->lanes, n, w->lanes);
}

static void
print_body(const struct printer *p, int inner_is_part)
{
    const struct nest *w = p->nest;
    if (w->form == STREAM_MAP)
        einc_print_stream_map(p);
    else if (w->form == STREAM_COLUMNS)
        einc_print_stream_columns(p);
    else if (w->inner < 0)
        einc_print_stream_dots(p, "", "");
    else
        einc_print_stream_dots(p, inner_is_part ? "begin" : "0",
                               inner_is_part ? "end"
                                             : einc_print_n(p, w->inner));
}

void
einc_print_stream_loops(const struct printer *p)
{
    const struct nest *w = p->nest;
    int depth = 0;
    einc_line(p->t, "%svoid", p->linkage);
    einc_put(p->t, "%s(", p->prefix);
    einc_print_parameters(p, 4);
    einc_put(p->t, ")\n{\n");
    p->t->indent += 4;
    einc_print_scale(p);
    int outer = counted(w, 0);
    if (p->in_parts && outer >= 0 && w->idx[outer].extent.arg >= 0)
        einc_line(p->t, "(void)n_%s;", w->idx[outer].name);
    while (counted(w, depth) != -1 &&
           !(w->form == STREAM_DOTS && counted(w, depth) == w->inner))
        open_counted(p, depth++);
    print_body(p, p->in_parts && depth == 0);
    while (depth-- > 0)
        einc_stream_close(p);
    einc_stream_close(p);
}

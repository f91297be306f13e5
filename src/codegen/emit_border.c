/* SPDX-License-Identifier: MIT
 *
 * emit_border.c - see emit_border.h: a loop for each dim, of which the last is
 * taken apart at the edges.
 */
#include "codegen/emit_border.h"

#include "base/half.h"

struct border_text {
    struct text *t;
    const struct border *b;
    const char *name, *type;
    int planes; /* 2: pairs of re and im */
};

/* --- positions outside -------------------------------------------------- */

static int
is_led(const struct border_dim *d)
{
    return d->mode == BOUND_CLAMP || d->mode == BOUND_WRAP ||
           d->mode == BOUND_REFLECT;
}

/* NAME_at1(p): where dim 1 reads for position p. */
static void
put_led(const struct border_text *x, int d)
{
    struct text *t = x->t;
    long long n = (long long)x->b->dim[d].extent, all = 2 * (n - 1);
    einc_put(t, "static inline int64_t\n%s_at%d(int64_t p)\n{\n", x->name, d);
    if (x->b->dim[d].mode == BOUND_CLAMP) {
        einc_put(t, "    return p < 0 ? 0 : p < %lld ? p : %lld;\n", n, n - 1);
    } else if (x->b->dim[d].mode == BOUND_WRAP) {
        einc_put(t, "    return (p%%%lld + %lld)%%%lld;\n", n, n, n);
    } else if (n == 1) {
        einc_put(t, "    return 0*p;\n");
    } else {
        einc_put(t, "    const int64_t at = (p%%%lld + %lld)%%%lld;\n", all,
                 all, all);
        einc_put(t, "    return at < %lld ? at : %lld - at;\n", n, all);
    }
    einc_put(t, "}\n\n");
}

/* What PAD reads, as it is stored. */
static int
fill_bits(const struct border *b)
{
    return b->dtype == EINC_F16    ? half_f32_to_f16((float)b->fill)
           : b->dtype == EINC_BF16 ? half_f32_to_bf16((float)b->fill)
                                   : b->fill;
}

/* --- a row -------------------------------------------------------------- */

/* own[u] = what `from` says, up to `until`; NULL: the fill. */
static void
put_run(const struct border_text *x, const char *until, const char *from)
{
    struct text *t = x->t;
    const struct border_dim *d = &x->b->dim[x->b->n_dims - 1];
    einc_line(t, "for (; u < %s; u++)%s", until, x->planes == 2 ? " {" : "");
    for (int plane = 0; plane < x->planes; plane++) {
        const char *part = plane ? " + 1" : "";
        const char *two = x->planes == 2 ? "2*" : "";
        einc_put(t, "%*s    own[%su%s] = ", t->indent, "", two, part);
        if (from)
            einc_put(t, "row[%s%lld*%s%s];\n", two, (long long)d->stride, from,
                     part);
        else
            einc_put(t, "%d;\n", plane ? 0 : fill_bits(x->b));
    }
    if (x->planes == 2)
        einc_line(t, "}");
}

/* The three parts: before the tensor, in it, behind it. */
static void
put_row(const struct border_text *x)
{
    int last = x->b->n_dims - 1;
    const struct border_dim *d = &x->b->dim[last];
    struct text led = {.perm = x->t->perm}, all = {.perm = x->t->perm};
    einc_put(&led, "%s_at%d(u + first)", x->name, last);
    einc_put(&all, "%lld", (long long)d->count);
    const char *edge = is_led(d) ? einc_text_z(&led) : NULL;
    if (d->mode != BOUND_CHECK)
        put_run(x, "x0", edge);
    put_run(x, d->mode == BOUND_CHECK ? einc_text_z(&all) : "x1",
            "(u + first)");
    if (d->mode != BOUND_CHECK)
        put_run(x, einc_text_z(&all), edge);
}

/* "u1 - 1 + 2*start" */
static void
put_position(const struct border_text *x, const char *u, int d)
{
    const struct border_dim *y = &x->b->dim[d];
    long long first = (long long)y->first;
    einc_put(x->t, "%s", u);
    if (!*u)
        einc_put(x->t, "%lld", first);
    else if (first)
        einc_put(x->t, " %c %lld", first < 0 ? '-' : '+',
                 first < 0 ? -first : first);
    if (y->step)
        einc_put(x->t, " + %lld*start", (long long)y->step);
}

/* Where the tensor begins and ends in a row of the copy. */
static void
put_ends(const struct border_text *x)
{
    struct text *t = x->t;
    int last = x->b->n_dims - 1;
    const struct border_dim *d = &x->b->dim[last];
    long long n = (long long)d->count;
    einc_put(t, "    const int64_t first = ");
    put_position(x, "", last);
    einc_put(t, ";\n");
    if (d->mode == BOUND_CHECK)
        return;
    einc_put(t, "    const int64_t x0 = first >= 0 ? 0 : -first < %lld ? "
                "-first : %lld;\n", n, n);
    einc_put(t, "    const int64_t x1 = first + %lld <= %lld ? %lld : first < "
                "%lld ? %lld - first : 0;\n", n, (long long)d->extent, n,
             (long long)d->extent, (long long)d->extent);
}

/* --- all rows ----------------------------------------------------------- */

static void
open_loops(const struct border_text *x)
{
    struct text *t = x->t;
    int opened = 0;
    for (int d = 0; d + 1 < x->b->n_dims; d++) {
        const struct border_dim *y = &x->b->dim[d];
        if (!opened && y->count > 1) {
            einc_put(t, "#if defined(_OPENMP)\n#pragma omp parallel for\n"
                        "#endif\n");
            opened = 1;
        }
        einc_line(t, "for (int64_t u%d = 0; u%d < %lld; u%d++) {", d, d,
                  (long long)y->count, d);
        t->indent += 4;
        struct text u = {.perm = t->perm};
        einc_put(&u, "u%d", d);
        einc_put(t, "%*sconst int64_t p%d = ", t->indent, "", d);
        put_position(x, einc_text_z(&u), d);
        einc_put(t, ";\n");
    }
}

static void
close_loops(const struct border_text *x)
{
    for (int d = 0; d + 1 < x->b->n_dims; d++) {
        x->t->indent -= 4;
        einc_line(x->t, "}");
    }
}

/* own: the row in the copy. */
static void
put_own(const struct border_text *x)
{
    const struct border *b = x->b;
    int last = b->n_dims - 1;
    int64_t dense = b->dim[last].count;
    einc_put(x->t, "%*s%s *const own = to", x->t->indent, "", x->type);
    for (int d = last - 1; d >= 0; dense *= b->dim[d--].count)
        einc_put(x->t, " + %lld*u%d", (long long)(dense * x->planes), d);
    einc_put(x->t, ";\n%*sint64_t u = 0;\n", x->t->indent, "");
}

/* row: in the tensor. */
static void
put_from(const struct border_text *x)
{
    struct text *t = x->t;
    const struct border *b = x->b;
    einc_put(t, "%*sconst %s *const row = from", t->indent, "", x->type);
    for (int d = 0; d + 1 < b->n_dims; d++) {
        einc_put(t, " + %lld*", (long long)(b->dim[d].stride * x->planes));
        if (is_led(&b->dim[d]))
            einc_put(t, "%s_at%d(p%d)", x->name, d, d);
        else
            einc_put(t, "p%d", d);
    }
    einc_put(t, ";\n");
}

/* A row that is outside in some dim of PAD is done. */
static void
put_outside(const struct border_text *x)
{
    struct text *t = x->t;
    struct text all = {.perm = t->perm};
    int last = x->b->n_dims - 1, any = 0;
    for (int d = 0; d < last; d++) {
        if (x->b->dim[d].mode != BOUND_PAD)
            continue;
        if (any)
            einc_put(t, " ||\n%*s", t->indent + 4, "");
        else
            einc_put(t, "%*sif (", t->indent, "");
        einc_put(t, "p%d < 0 || p%d >= %lld", d, d,
                 (long long)x->b->dim[d].extent);
        any = 1;
    }
    if (!any)
        return;
    einc_put(t, ") {\n");
    t->indent += 4;
    einc_put(&all, "%lld", (long long)x->b->dim[last].count);
    put_run(x, einc_text_z(&all), NULL);
    einc_line(t, "continue;");
    t->indent -= 4;
    einc_line(t, "}");
}

void
einc_emit_border(struct text *t, const struct border *b, const char *name)
{
    struct border_text x = {t, b, name, einc_dtype_info(b->dtype)->c_type, 1};
    int moves = 0;
    if (einc_dtype_info(b->dtype)->kind == KIND_COMPLEX)
        x.planes = 2;
    for (int d = 0; d < b->n_dims; d++) {
        moves |= b->dim[d].step != 0;
        if (is_led(&b->dim[d]))
            put_led(&x, d);
    }
    einc_put(t, "/* A tensor with its border, what one slice reads of it. */\n"
                "static void\n%s(const %s *from, %s *to, int64_t start)\n{\n",
             name, x.type, x.type);
    put_ends(&x);
    t->indent += 4;
    open_loops(&x);
    put_own(&x);
    put_outside(&x);
    put_from(&x);
    put_row(&x);
    close_loops(&x);
    t->indent -= 4;
    einc_put(t, "%s}\n\n", moves ? "" : "    (void)start;\n");
}

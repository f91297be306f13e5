/* SPDX-License-Identifier: MIT
 *
 * plain_reduce.c - see plain.h: reductions.
 */
#include "codegen/plain.h"

#include <stdio.h>

/* --- reductions --------------------------------------------------------- */

static int
is_ranked(enum redop op)
{
    return op == REDOP_MAX || op == REDOP_MIN || redop_is_position(op) ||
           op == REDOP_KMIN || op == REDOP_KMAX;
}

static int64_t
best_of(const struct plain *x, const struct node *n)
{
    const struct index *q = n->best < 0 ? NULL : &x->p->indices[n->best];
    return q && q->hi > q->lo ? q->hi - q->lo : 1;
}

/* What there is before the first term. */
static void
open_reduce(struct plain *x, const struct node *n, int v)
{
    struct text *t = x->t;
    enum einc_dtype body = n->args[0]->type;
    switch (n->redop) {
    case REDOP_SUM: case REDOP_MEAN:
        einc_line(t, "%s u%d = 0;", einc_plain_word(body), v);
        if (einc_plain_is_complex(body))
            einc_line(t, "double v%d = 0;", v);
        if (n->redop == REDOP_MEAN)
            einc_line(t, "int64_t n%d = 0;", v);
        break;
    case REDOP_PROD:
        einc_line(t, "%s u%d = 1;", einc_plain_word(body), v);
        if (einc_plain_is_complex(body))
            einc_line(t, "double v%d = 0;", v);
        break;
    case REDOP_ANY: case REDOP_COUNT:
        einc_line(t, "int64_t u%d = 0;", v);
        break;
    case REDOP_ALL: einc_line(t, "int64_t u%d = 1;", v); break;
    case REDOP_LOGSUMEXP:
        einc_line(t, "double m%d = -(double)INFINITY, s%d = 0;", v, v);
        break;
    default: /* ranked */
        einc_line(t, "static %s best%d[%lld];", einc_plain_word(body), v,
                  (long long)best_of(x, n));
        if (redop_is_position(n->redop))
            einc_line(t, "static int64_t where%d[%lld];", v,
                      (long long)best_of(x, n));
        einc_line(t, "int64_t n%d = 0;", v);
    }
}

static void
put_term_position(struct plain *x, const struct node *n, int v)
{
    struct text *t = x->t;
    einc_put(t, "%*sint64_t p%d = 0;\n", t->indent, "", v);
    for (int k = 0; k < n->n_bound; k++) {
        const struct index *i = &x->p->indices[n->bound[k]];
        char name[PLAIN_NAME];
        einc_plain_name(x, n->bound[k], name);
        if (n->n_bound == 1)
            einc_line(t, "p%d = %s;", v, name);
        else
            einc_line(t, "p%d = p%d*%s + %s - %lld;", v, v,
                      einc_plain_extent(x, n->bound[k]), name,
                      (long long)i->lo);
    }
}

/* Inserted before the first that is worse; NaN is best. */
static void
put_rank(struct plain *x, const struct node *n, int v, int term)
{
    struct text *t = x->t;
    const char *worse = redop_is_least(n->redop) ? "<" : ">";
    long long most = (long long)best_of(x, n);
    int placed = redop_is_position(n->redop);
    if (placed)
        put_term_position(x, n, v);
    einc_line(t, "int64_t k%d = n%d;", v, v);
    if (einc_plain_is_real(n->args[0]->type))
        einc_line(t, "while (k%d > 0 && (u%d %s best%d[k%d - 1] || (u%d != "
                     "u%d && best%d[k%d - 1] == best%d[k%d - 1])))",
                  v, term, worse, v, v, term, term, v, v, v, v);
    else
        einc_line(t, "while (k%d > 0 && u%d %s best%d[k%d - 1])", v, term,
                  worse, v, v);
    einc_line(t, "    k%d--;", v);
    einc_line(t, "n%d += n%d < %lld;", v, v, most);
    if (most > 1) {
        einc_line(t, "for (int64_t j = n%d - 1; j > k%d; j--) {", v, v);
        einc_line(t, "    best%d[j] = best%d[j - 1];", v, v);
        if (placed)
            einc_line(t, "    where%d[j] = where%d[j - 1];", v, v);
        einc_line(t, "}");
    }
    einc_line(t, "if (k%d < n%d) {", v, v);
    einc_line(t, "    best%d[k%d] = u%d;", v, v, term);
    if (placed)
        einc_line(t, "    where%d[k%d] = p%d;", v, v, v);
    einc_line(t, "}");
}

static void
put_truth(struct plain *x, int v, const char *how, int term, int complex)
{
    if (complex)
        einc_line(x->t, "u%d %s u%d != 0 || v%d != 0;", v, how, term, term);
    else
        einc_line(x->t, "u%d %s u%d != 0;", v, how, term);
}

static void
put_term(struct plain *x, const struct node *n, int v, int term)
{
    struct text *t = x->t;
    enum einc_dtype body = n->args[0]->type;
    const char *cut = einc_fn_compute(body) == EINC_I32 ? "(int32_t)" : "";
    int real = einc_plain_is_real(body), complex = einc_plain_is_complex(body);
    switch (n->redop) {
    case REDOP_SUM: case REDOP_MEAN:
        if (einc_fn_compute(body) == EINC_BOOL)
            einc_line(t, "u%d |= u%d;", v, term);
        else if (real)
            einc_line(t, "u%d += u%d;", v, term);
        else
            einc_line(t, "u%d = %s(int64_t)((uint64_t)u%d + (uint64_t)u%d);",
                      v, cut, v, term);
        if (complex)
            einc_line(t, "v%d += v%d;", v, term);
        if (n->redop == REDOP_MEAN)
            einc_line(t, "n%d++;", v);
        break;
    case REDOP_PROD:
        if (complex) {
            einc_line(t, "const double re%d = u%d*u%d - v%d*v%d;", v, v, term,
                      v, term);
            einc_line(t, "v%d = u%d*v%d + v%d*u%d;", v, v, term, v, term);
            einc_line(t, "u%d = re%d;", v, v);
        } else if (real) {
            einc_line(t, "u%d *= u%d;", v, term);
        } else {
            einc_line(t, "u%d = %s(int64_t)((uint64_t)u%d * (uint64_t)u%d);",
                      v, cut, v, term);
        }
        break;
    case REDOP_ANY:
        put_truth(x, v, "|=", term, complex);
        break;
    case REDOP_ALL:
        put_truth(x, v, "&=", term, complex);
        break;
    case REDOP_COUNT:
        put_truth(x, v, "+=", term, complex);
        break;
    case REDOP_LOGSUMEXP:
        einc_line(t, "if (u%d > m%d || u%d != u%d) {", term, v, term, term);
        einc_line(t, "    s%d = s%d*exp(m%d - u%d) + 1;", v, v, v, term);
        einc_line(t, "    m%d = u%d;", v, term);
        einc_line(t, "} else if (u%d > -(double)INFINITY) {", term);
        einc_line(t, "    s%d += exp(u%d - m%d);", v, term, v);
        einc_line(t, "}");
        break;
    default: put_rank(x, n, v, term);
    }
}

/* Of a rank that no term has. */
static void
name_none(const struct node *n, char *to, size_t room)
{
    const struct dtype_info *d = einc_dtype_info(n->type);
    int least = !redop_is_least(n->redop);
    int is_signed = d->kind == KIND_INT;
    int bits = 8 * d->bytes - is_signed;
    if (redop_is_position(n->redop))
        snprintf(to, room, "-1");
    else if (einc_plain_is_real(n->type))
        snprintf(to, room, "%s(double)INFINITY", least ? "-" : "");
    else if (d->kind == KIND_BOOL)
        snprintf(to, room, "%d", !least);
    else if (bits >= 63)
        snprintf(to, room, "%s", !least    ? is_signed ? "INT64_MAX" : "-1"
                                 : is_signed ? "INT64_MIN"
                                             : "0");
    else
        snprintf(to, room, "%lld",
                 !least      ? ((long long)1 << bits) - 1
                 : is_signed ? -((long long)1 << bits)
                             : 0);
}

static int
close_reduce(struct plain *x, const struct node *n, int v)
{
    char s[PLAIN_FORMULA], none[60];
    switch (n->redop) {
    case REDOP_MEAN:
        einc_line(x->t, "u%d /= (double)n%d;", v, v);
        if (einc_plain_is_complex(n->type))
            einc_line(x->t, "v%d /= (double)n%d;", v, v);
        return v;
    case REDOP_LOGSUMEXP:
        snprintf(s, sizeof s, "m%d - m%d != 0 ? m%d : m%d + log(s%d)", v, v,
                 v, v, v);
        return einc_plain_declare(x, n->type, s, "0");
    default: break;
    }
    if (!is_ranked(n->redop))
        return v;
    char at[60] = "0";
    if (n->best >= 0) {
        char name[PLAIN_NAME];
        einc_plain_name(x, n->best, name);
        snprintf(at, sizeof at, "%s", name);
    }
    name_none(n, none, sizeof none);
    snprintf(s, sizeof s, "%s < n%d ? %s%d[%s] : %s", at, v,
             redop_is_position(n->redop) ? "where" : "best", v, at, none);
    return einc_plain_declare(x, n->type, s, "0");
}

int
einc_plain_reduce(struct plain *x, const struct node *n)
{
    int v = einc_plain_new(x);
    open_reduce(x, n, v);
    for (int k = 0; k < n->n_bound; k++)
        einc_plain_open(x, n->bound[k]);
    if (n->guard) {
        int g = einc_plain_node(x, n->guard);
        einc_line(x->t, "if (u%d != 0) {", g);
        x->t->indent += 4;
    }
    put_term(x, n, v, einc_plain_node(x, n->args[0]));
    einc_plain_close(x, n->n_bound + (n->guard != NULL));
    return close_reduce(x, n, v);
}

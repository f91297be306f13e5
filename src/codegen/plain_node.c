/* SPDX-License-Identifier: MIT
 *
 * plain_node.c - see plain.h: types, values, numbers.
 */
#include "codegen/plain.h"

#include "codegen/emit_open.h"
#include "parse/open.h"

#include <stdio.h>
#include <string.h>

/* --- types -------------------------------------------------------------- */

static enum dtype_kind
kind_of(enum einc_dtype t)
{
    return einc_dtype_info(t)->kind;
}

int
einc_plain_is_complex(enum einc_dtype t)
{
    return kind_of(t) == KIND_COMPLEX;
}

int
einc_plain_is_real(enum einc_dtype t)
{
    return kind_of(t) == KIND_FLOAT || einc_plain_is_complex(t);
}

const char *
einc_plain_word(enum einc_dtype t)
{
    return einc_plain_is_real(t) ? "double" : "int64_t";
}

/* --- values ------------------------------------------------------------- */

int
einc_plain_new(struct plain *x)
{
    return ++x->n;
}

/* Declares u and, for complex numbers, v, with `re` and `im` as formulas. */
int
einc_plain_declare(struct plain *x, enum einc_dtype t, const char *re,
                   const char *im)
{
    int v = einc_plain_new(x);
    einc_line(x->t, "const %s u%d = %s;", einc_plain_word(t), v, re);
    if (einc_plain_is_complex(t))
        einc_line(x->t, "const double v%d = %s;", v, im);
    return v;
}

void
einc_plain_name(const struct plain *x, int index, char to[PLAIN_NAME])
{
    struct str name = x->p->indices[index].name;
    int plain = name.n <= 12;
    for (int64_t c = 0; c < name.n && plain; c++)
        plain = (unsigned char)name.p[c] < 0x80;
    if (plain && name.n)
        snprintf(to, PLAIN_NAME, "%.*s_%d", (int)name.n, name.p, index);
    else
        snprintf(to, PLAIN_NAME, "i_%d", index);
}

static int
put_number(struct plain *x, const struct node *n)
{
    char s[PLAIN_FORMULA];
    int open = einc_open_of(&x->p->open, n);
    if (open >= 0) {
        snprintf(s, sizeof s, "(%s)%s", einc_plain_word(n->type),
                 einc_open_number(x->f, x->p->open.list[open].value));
        return einc_plain_declare(x, n->type, s, "0");
    }
    if (!einc_plain_is_real(n->type)) {
        int64_t i = n->integer;
        if (i == INT64_MIN)
            snprintf(s, sizeof s, "INT64_MIN");
        else
            snprintf(s, sizeof s, "%lld", (long long)i);
        return einc_plain_declare(x, n->type, s, "");
    }
    double d = n->number;
    if (d != d)
        snprintf(s, sizeof s, "(double)NAN");
    else if (d - d != 0)
        snprintf(s, sizeof s, "%s(double)INFINITY", d < 0 ? "-" : "");
    else
        snprintf(s, sizeof s, "%.17g", d);
    for (char *c = s; *c; c++) /* a locale's point */
        if (d - d == 0 && !strchr("0123456789e+-", *c))
            *c = '.';
    return einc_plain_declare(x, n->type, s, "0");
}

int
einc_plain_node(struct plain *x, const struct node *n)
{
    char name[PLAIN_NAME];
    switch (n->kind) {
    case NODE_NUMBER: return put_number(x, n);
    case NODE_ACCESS: return einc_plain_access(x, n);
    case NODE_CALL: return einc_plain_call(x, n);
    case NODE_REDUCE: return einc_plain_reduce(x, n);
    case NODE_INDEX:
        einc_plain_name(x, n->index, name);
        return einc_plain_declare(x, EINC_I64, name, "");
    case NODE_PRODUCT: break; /* of form A */
    }
    return 0;
}

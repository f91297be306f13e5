/* SPDX-License-Identifier: MIT
 *
 * text.c - see text.h.
 */
#include "base/text.h"

#include <stdio.h>

static void
grow(struct text *t, int64_t more)
{
    if (t->n + more < t->cap)
        return;
    int64_t cap = t->cap ? 2 * t->cap : 512;
    while (cap <= t->n + more)
        cap *= 2;
    char *p = NEW(t->perm, char, cap);
    if (t->n)
        memcpy(p, t->p, (size_t)t->n);
    t->p = p;
    t->cap = cap;
}

void
einc_put_str(struct text *t, struct str s)
{
    grow(t, s.n + 1);
    if (s.n)
        memcpy(t->p + t->n, s.p, (size_t)s.n);
    t->n += s.n;
    t->p[t->n] = 0;
}

void
einc_putv(struct text *t, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    grow(t, 128);
    int64_t room = t->cap - t->n;
    int64_t need = vsnprintf(t->p + t->n, (size_t)room, fmt, ap);
    if (need >= room) {
        grow(t, need + 1);
        vsnprintf(t->p + t->n, (size_t)(t->cap - t->n), fmt, again);
    }
    va_end(again);
    t->n += need;
}

void
einc_put(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    einc_putv(t, fmt, ap);
    va_end(ap);
}

void
einc_line(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (*fmt) {
        einc_put(t, "%*s", t->indent, "");
        einc_putv(t, fmt, ap);
    }
    va_end(ap);
    einc_put_str(t, str_of("\n"));
}

const char *
einc_text_z(const struct text *t)
{
    return t->n ? t->p : "";
}

const char *
einc_printed(struct arena *a, const char *fmt, ...)
{
    struct text t = {.perm = a};
    va_list ap;
    va_start(ap, fmt);
    einc_putv(&t, fmt, ap);
    va_end(ap);
    return einc_text_z(&t);
}

/* SPDX-License-Identifier: MIT
 *
 * print_list.c - the k best of a reduction in C: sorted lists, short ones in
 * registers, long ones in memory.
 */
#include "codegen/print_writer.h"

const char *
einc_is_better(const struct writer *w, int v, const char *x, const char *kept,
               const char *position)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct form f = einc_kept_form(w, v), p = einc_position_form(w, v);
    enum fn order = redop_is_least(r->redop) ? FN_LT : FN_GT;
    const char *better = einc_comparison(w, order, f, x, kept);
    if (is_float(f.type))
        better = PRINTED(w, "(%s | (%s & %s))", better,
                         einc_comparison(w, FN_NE, f, x, x),
                         einc_comparison(w, FN_EQ, f, kept, kept));
    if (position) {
        const char *zero = einc_converted(w, "0", (struct form){p.type, 0}, p);
        better = PRINTED(w, "(%s | %s)", better,
                         einc_comparison(w, FN_LT, p, position, zero));
    }
    return better;
}

/* --- short lists -------------------------------------------------------- */

/* Into a short list that is sorted, from its end. */
static void
step_short(const struct writer *w, int v, int c, const char *x, const char *at,
           const char *mask)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct form f = einc_kept_form(w, v), p = einc_position_form(w, v);
    struct form truth = {VALUE_BOOL, f.wide};
    struct text *t = w->t;
    int last = r->best - 1, with = redop_is_position(r->redop);
    const char *masked = mask && f.wide ? PRINTED(w, " & %s", mask) : "";
    einc_line(t, "{");
    t->indent += 4;
    einc_line(t, "%s here = %s%s;", einc_form_name(truth),
              einc_is_better(w, v, x, PRINTED(w, "acc%d[%d]", c, last),
                             with ? PRINTED(w, "pos%d[%d]", c, last) : NULL),
              masked);
    if (f.wide)
        einc_line(t, "if (%s(here)) {", einc_helper(w->h, "any"));
    else
        einc_line(t, "if (here) {");
    t->indent += 4;
    einc_line(t, "for (int slot = %d; slot > 0; slot--) {", last);
    t->indent += 4;
    const char *before = PRINTED(w, "acc%d[slot - 1]", c);
    const char *pos = PRINTED(w, "pos%d[slot - 1]", c);
    einc_line(t, "const %s above = %s%s;", einc_form_name(truth),
              einc_is_better(w, v, x, before, with ? pos : NULL), masked);
    einc_line(t, "acc%d[slot] = %s;", c,
              einc_select_text(w, f, "above", before,
                               einc_select_text(w, f, "here", x,
                                                PRINTED(w, "acc%d[slot]",
                                                        c))));
    if (with)
        einc_line(t, "pos%d[slot] = %s;", c,
                  einc_select_text(w, p, "above", pos,
                                   einc_select_text(w, p, "here", at,
                                                    PRINTED(w, "pos%d[slot]",
                                                            c))));
    einc_line(t, "here = above;");
    t->indent -= 4;
    einc_line(t, "}");
    einc_line(t, "acc%d[0] = %s;", c,
              einc_select_text(w, f, "here", x, PRINTED(w, "acc%d[0]", c)));
    if (with)
        einc_line(t, "pos%d[0] = %s;", c,
                  einc_select_text(w, p, "here", at,
                                   PRINTED(w, "pos%d[0]", c)));
    t->indent -= 4;
    einc_line(t, "}");
    t->indent -= 4;
    einc_line(t, "}");
}

/* --- lists in memory ---------------------------------------------------- */

enum { MOST_COUNTED = 1024 }; /* entries of which those before are counted */

/* `name`, an array in scratch of elements of the form without lanes. */
static void
declare_list(const struct writer *w, const char *name, int c, struct form f,
             enum size_kind kind, int64_t offset)
{
    const char *type = einc_form_name((struct form){f.type, 0});
    einc_line(w->t, "%s *const %s%d = (%s *)(void *)(args->scratch + %s);",
              type, name, c, type, einc_scratch_text(w, kind, c, offset));
}

/* A list of its own for each lane, sorted; acc and pos are the last entries,
 * which most terms are no better than. */
void
einc_list_declare(const struct writer *w, int c)
{
    const struct carry *x = &w->m->carries[c];
    const struct value_reduce *r = value_of(w, x->value)->reduce;
    struct form f = einc_kept_form(w, x->value);
    struct form p = einc_position_form(w, x->value);
    int64_t all = (int64_t)r->best * (f.wide ? w->m->lanes : 1);
    const char *first = f.wide ? "[0]" : "";
    int with = redop_is_position(r->redop);
    einc_line(w->t, "%s acc%d = %s;", einc_form_name(f), c,
              einc_identity(w, x->value));
    declare_list(w, "list", c, f, SIZE_PAYLOAD, x->offset);
    if (with) {
        einc_line(w->t, "%s pos%d = %s;", einc_form_name(p), c,
                  einc_converted(w, "-1", (struct form){p.type, 0}, p));
        declare_list(w, "place", c, p, SIZE_LOST, x->lost);
    }
    einc_line(w->t, "for (int64_t slot = 0; slot < %lld; slot++) {",
              (long long)all);
    einc_line(w->t, "    list%d[slot] = acc%d%s;", c, c, first);
    if (with)
        einc_line(w->t, "    place%d[slot] = -1;", c);
    einc_line(w->t, "}");
}

/* `term` into the list from `own` on, before the first entry that it is better
 * than; `at`: its position. */
static void
print_insertion(const struct writer *w, int v, const char *own,
                const char *term, const char *at)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct form f = einc_kept_form(w, v);
    struct text *t = w->t;
    const char *op = redop_is_least(r->redop) ? "<" : ">";
    int counts = r->best <= MOST_COUNTED;
    const char *slot = counts ? "slot" : "half";
    const char *entry = PRINTED(w, "list%s[%s]", own, slot);
    const char *before = PRINTED(w, "(%s %s %s)", term, op, entry);
    if (is_float(f.type))
        before = PRINTED(w, "%s | ((%s != %s) & (%s == %s))", before, term,
                         term, entry, entry);
    if (at)
        before = PRINTED(w, "%s | (place%s[%s] < 0)", before, own, slot);
    einc_line(t, "int32_t to = 0;");
    if (counts) { /* vectors are ahead of a search that guesses each time */
        einc_line(t, "for (int slot = 0; slot < %d; slot++)", r->best - 1);
        einc_line(t, "    to += !(%s);", before);
    } else {
        einc_line(t, "for (int32_t last = %d; to < last;) {", r->best - 1);
        einc_line(t, "    const int32_t half = (to + last)/2;");
        einc_line(t, "    if (%s)", before);
        einc_line(t, "        last = half;");
        einc_line(t, "    else");
        einc_line(t, "        to = half + 1;");
        einc_line(t, "}");
    }
    for (int k = 0; k < (at ? 2 : 1); k++) {
        const char *name = PRINTED(w, "%s%s", k ? "place" : "list", own);
        if (w->h->cuda) { /* which has no memmove() */
            einc_line(t, "for (int32_t slot = %d; slot > to; slot--)",
                      r->best - 1);
            einc_line(t, "    %s[slot] = %s[slot - 1];", name, name);
        } else {
            einc_line(t, "memmove(%s + to + 1, %s + to, (size_t)(%d - to)*"
                         "sizeof *%s);", name, name, r->best - 1, name);
        }
        einc_line(t, "%s[to] = %s;", name, k ? at : term);
    }
}

/* Lanes one by one: after the first terms few are better than the last. */
static void
step_long(const struct writer *w, int v, int c, const char *x, const char *at,
          const char *mask)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    struct form f = einc_kept_form(w, v), p = einc_position_form(w, v);
    struct form truth = {VALUE_BOOL, f.wide};
    struct text *t = w->t;
    const char *lane = f.wide ? "[lane]" : "", *own = PRINTED(w, "%d", c);
    int n = r->best, with = redop_is_position(r->redop);
    einc_line(t, "{");
    t->indent += 4;
    einc_line(t, "const %s here = %s%s%s;", einc_form_name(truth),
              einc_is_better(w, v, x, PRINTED(w, "acc%d", c),
                             with ? PRINTED(w, "pos%d", c) : NULL),
              mask && f.wide ? " & " : "", mask && f.wide ? mask : "");
    einc_line(t, f.wide ? "if (%s(here)) {" : "if (here) {",
              f.wide ? einc_helper(w->h, "any") : "");
    t->indent += 4;
    einc_line(t, "const %s term = %s;", einc_form_name(f), x);
    if (with)
        einc_line(t, "const %s at = %s;", einc_form_name(p), at);
    if (f.wide) {
        einc_line(t, "for (int lane = 0; lane < %d; lane++) {", w->m->lanes);
        t->indent += 4;
        einc_line(t, "if (!here[lane])");
        einc_line(t, "    continue;");
        einc_line(t, "%s *const list = list%d + %d*lane;",
                  einc_form_name((struct form){f.type, 0}), c, n);
        if (with)
            einc_line(t, "%s *const place = place%d + %d*lane;",
                      einc_form_name((struct form){p.type, 0}), c, n);
        own = "";
    }
    print_insertion(w, v, own, PRINTED(w, "term%s", lane),
                    with ? PRINTED(w, "at%s", lane) : NULL);
    einc_line(t, "acc%d%s = list%s[%d];", c, lane, own, n - 1);
    if (with)
        einc_line(t, "pos%d%s = place%s[%d];", c, lane, own, n - 1);
    for (int k = 0; k < (f.wide ? 3 : 2); k++) {
        t->indent -= 4;
        einc_line(t, "}");
    }
}

/* The lists side by side, as the entries of short ones lie. */
void
einc_list_finish(const struct writer *w, int c, int v)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    int with = redop_is_position(r->redop);
    struct form f = with ? einc_position_form(w, v) : einc_kept_form(w, v);
    const char *type = einc_form_name(f), *from = with ? "place" : "list";
    if (!f.wide) {
        einc_line(w->t, "const %s *const sum%d = %s%d;", type, c, from, c);
        return;
    }
    einc_line(w->t, "%s *const sum%d = (%s *)(void *)(args->scratch + %s);",
              type, c, type,
              einc_scratch_text(w, SIZE_RESULT, c, w->m->carries[c].result));
    einc_line(w->t, "for (int64_t slot = 0; slot < %d; slot++)", r->best);
    einc_line(w->t, "    for (int lane = 0; lane < %d; lane++)", w->m->lanes);
    einc_line(w->t, "        sum%d[slot][lane] = %s%d[%d*lane + slot];", c,
              from, c, r->best);
}

/* --- both --------------------------------------------------------------- */

void
einc_list_step(const struct writer *w, int v, int c, const char *x,
               const char *at, const char *mask)
{
    if (is_long(value_of(w, v)->reduce))
        step_long(w, v, c, x, at, mask);
    else
        step_short(w, v, c, x, at, mask);
}

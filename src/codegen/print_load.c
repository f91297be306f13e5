/* SPDX-License-Identifier: MIT
 *
 * print_load.c - elements of tensors that an index statement loads and
 * stores, in C.
 */
#include "codegen/print_writer.h"

#include <string.h>

const char *
einc_tensor_name(const struct writer *w, int tensor)
{
    return tensor == w->m->s->left.tensor ? "out"
                                          : PRINTED(w, "in%d", tensor);
}

/* A term of an offset: +- size*by*name. */
static void
put_term(const struct writer *w, struct text *t, int64_t coef, const char *by,
         const char *name)
{
    uint64_t size = coef < 0 ? 0 - (uint64_t)coef : (uint64_t)coef;
    const char *x = einc_times(w, by, name);
    einc_put(t, "%s", coef < 0 ? t->n ? " - " : "-" : t->n ? " + " : "");
    einc_put(t, "%s", einc_times(w, PRINTED(w, "%llu",
                                            (unsigned long long)size), x));
}

static const char *
stride_of(const struct writer *w, const struct value *x,
          const struct value_term *t)
{
    return t->dim ? einc_stride_text(w, x->tensor, t->dim - 1) : "1";
}

/* From one lane to the next: the text, and "1" or "0" if it is that. */
static const char *
pace_text(const struct writer *w, const struct value *x)
{
    struct text t = {.perm = w->t->perm};
    for (int k = 0; k < x->n_terms; k++)
        if (x->terms[k].var == w->m->lane)
            put_term(w, &t, x->terms[k].coef,
                     stride_of(w, x, &x->terms[k]), "1");
    return t.n ? einc_text_z(&t) : "0";
}

/* Offset of a load without what lanes add. */
static const char *
offset_text(const struct writer *w, const struct value *x)
{
    struct text t = {.perm = w->t->perm};
    for (int k = 0; k < x->n_terms; k++) {
        int var = x->terms[k].var;
        put_term(w, &t, x->terms[k].coef, stride_of(w, x, &x->terms[k]),
                 var < 0 ? "1" : einc_var_name(w, var));
    }
    for (int k = 0; k < x->n_extra; k++) {
        struct form f = {VALUE_I64, 0};
        if (!is_lane(w, x->extra[k].var))
            put_term(w, &t, x->extra[k].coef, stride_of(w, x, &x->extra[k]),
                     PRINTED(w, "(%s)", einc_as(w, x->extra[k].var, f)));
    }
    if (x->constant || !t.n)
        put_term(w, &t, x->constant, "1", "1");
    return einc_text_z(&t);
}

static int
is_gather(const struct writer *w, const struct value *x)
{
    for (int k = 0; k < x->n_extra; k++)
        if (is_lane(w, x->extra[k].var))
            return 1;
    return 0;
}

/* Declares offsets of all lanes; returns their name. */
static const char *
lane_offsets(const struct writer *w, const struct value *x, const char *pace,
             int name)
{
    struct text *t = w->t;
    const char *left = einc_lanes_left(w), *lane = "lane";
    einc_line(t, "int64_t at%d[%d];", name, w->m->lanes);
    einc_line(t, "for (int lane = 0; lane < %d; lane++)", w->m->lanes);
    if (left)
        lane = PRINTED(w, "(lane < %s ? lane : %s - 1)", left, left);
    einc_put(t, "%*sat%d[lane] = (%s)*%s", t->indent + 4, "", name, pace,
             lane);
    for (int k = 0; k < x->n_extra; k++)
        if (is_lane(w, x->extra[k].var))
            put_term(w, t, x->extra[k].coef, stride_of(w, x, &x->extra[k]),
                     PRINTED(w, "(int64_t)%s[lane]",
                             einc_plain(w, x->extra[k].var)));
    einc_put(t, ";\n");
    return PRINTED(w, "at%d", name);
}

static const char *
storage_name(const struct writer *w, int tensor)
{
    enum einc_dtype d = w->m->p->tensors[tensor].dtype;
    return d == EINC_C64    ? "f32"
           : d == EINC_C128 ? "f64"
                            : einc_dtype_info(d)->name;
}

/* The text of a load; lanes may need statements before it. */
const char *
einc_load_text(const struct writer *w, int v, int name)
{
    const struct value *x = value_of(w, v);
    const char *pace = pace_text(w, x), *at = offset_text(w, x);
    const char *from = einc_tensor_name(w, x->tensor);
    const char *storage = storage_name(w, x->tensor),
               *left = einc_lanes_left(w);
    if (!is_lane(w, v))
        return PRINTED(w, "%s(%s[%s])",
                       einc_helper(w->h, "get_%s", storage), from, at);
    if (is_gather(w, x))
        return PRINTED(w, "%s(%s + (%s), %s)",
                       einc_helper(w->h, "v_gather_%s", storage), from, at,
                       lane_offsets(w, x, pace, name));
    if (left)
        return PRINTED(w, "%s(%s + (%s), %s, %s)",
                       einc_helper(w->h, "v_rest_%s", storage), from, at,
                       pace, left);
    if (strcmp(pace, "1") == 0)
        return PRINTED(w, "%s(%s + (%s))",
                       einc_helper(w->h, "v_row_%s", storage), from, at);
    return PRINTED(w, "%s(%s + (%s), %s)",
                   einc_helper(w->h, "v_apart_%s", storage), from, at, pace);
}

/* Values of the turn that the one before has stored, where they may not be
 * stored again: of rows a condition is printed, of lanes the first one to
 * store is returned. */
static const char *
open_skips(struct writer *w, const struct store *s, int *braces)
{
    const char *first = NULL;
    *braces = 0;
    for (int f = 0; f < w->m->n_free; f++) {
        const struct free_loop *x = &w->m->free[f];
        if (x->is_copied || !einc_turns_overlap(w, x) ||
            (w->m->repeats && !x->is_task))
            continue;
        const char *name = einc_var_name(w, x->var);
        if (x->var == w->m->lane) {
            first = PRINTED(w, s->offset[x->number] ? "skip_%s - %lld"
                                                    : "skip_%s",
                            name, (long long)s->offset[x->number]);
            continue;
        }
        einc_line(w->t, "if (skip_%s <= %lld) {", name,
                  (long long)s->offset[x->number]);
        w->t->indent += 4;
        (*braces)++;
    }
    return first;
}

void
einc_print_store_item(struct writer *w, const struct item *i)
{
    const struct store *s = &w->m->stores[i->store];
    const char *storage = storage_name(w, w->m->s->left.tensor);
    int braces;
    const char *first = open_skips(w, s, &braces);
    if (w->team && !w->is_spread) { /* all threads have it */
        einc_line(w->t, "if (threadIdx.x == 0) {");
        w->t->indent += 4;
        braces++;
    }
    for (int k = 0; k < 2; k++) {
        if (s->value[k] < 0)
            continue;
        const struct value *at = value_of(w, s->at[k]);
        struct form f = einc_form_of(w, s->value[k]);
        const char *offset = offset_text(w, at);
        f.wide = is_lane(w, s->at[k]);
        if (!f.wide)
            einc_line(w->t, "%s(out + (%s), %s);",
                      einc_helper(w->h, "put_%s", storage), offset,
                      einc_as(w, s->value[k], f));
        else
            einc_line(w->t, "%s(out + (%s), %s, %s, %s);",
                      einc_helper(w->h, "v_put_%s_%s", storage,
                                  einc_form_suffix(f.type)),
                      offset, pace_text(w, at), einc_as(w, s->value[k], f),
                      first ? first : "0");
    }
    while (braces--)
        close_brace(w);
}

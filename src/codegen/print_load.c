/* SPDX-License-Identifier: MIT
 *
 * print_load.c - elements of tensors that an index statement loads and
 * stores, in C.
 */
#include "codegen/print_writer.h"

const char *
einc_tensor_name(const struct writer *w, int tensor)
{
    return tensor == w->m->s->left.tensor ? "out"
                                          : PRINTED(w, "in%d", tensor);
}

/* Offset of a load without what lanes add; *pace: of one lane to the next. */
static const char *
offset_text(const struct writer *w, const struct value *x, int64_t *pace)
{
    struct text t = {.perm = w->t->perm};
    *pace = 0;
    for (int k = 0; k < x->n_terms; k++) {
        int64_t coef = x->terms[k].coef;
        const char *name = einc_var_name(w, x->terms[k].var);
        if (x->terms[k].var == w->m->lane)
            *pace = coef;
        const char *sign = coef < 0 ? t.n ? " - " : "-" : t.n ? " + " : "";
        uint64_t size = coef < 0 ? 0 - (uint64_t)coef : (uint64_t)coef;
        if (size == 1)
            einc_put(&t, "%s%s", sign, name);
        else
            einc_put(&t, "%s%llu*%s", sign, (unsigned long long)size, name);
    }
    for (int k = 0; k < x->n_extra; k++) {
        struct form f = {VALUE_I64, 0};
        if (is_lane(w, x->extra[k].var))
            continue;
        einc_put(&t, t.n ? " + " : "");
        if (x->extra[k].coef != 1)
            einc_put(&t, "%lld*", (long long)x->extra[k].coef);
        einc_put(&t, "(%s)", einc_as(w, x->extra[k].var, f));
    }
    if (x->constant || !t.n)
        einc_put(&t, x->constant < 0 ? t.n ? " - %lld" : "-%lld"
                     : t.n           ? " + %lld"
                                     : "%lld",
                 (long long)(x->constant < 0 ? -x->constant : x->constant));
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
lane_offsets(const struct writer *w, const struct value *x, int64_t pace,
             int name)
{
    struct text *t = w->t;
    const char *left = einc_lanes_left(w), *lane = "lane";
    einc_line(t, "int64_t at%d[%d];", name, w->m->lanes);
    einc_line(t, "for (int lane = 0; lane < %d; lane++)", w->m->lanes);
    if (left)
        lane = PRINTED(w, "(lane < %s ? lane : %s - 1)", left, left);
    einc_put(t, "%*sat%d[lane] = %lld*%s", t->indent + 4, "", name,
             (long long)pace, lane);
    for (int k = 0; k < x->n_extra; k++)
        if (is_lane(w, x->extra[k].var))
            einc_put(t, " + %lld*(int64_t)%s[lane]",
                     (long long)x->extra[k].coef,
                     einc_plain(w, x->extra[k].var));
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
    int64_t pace;
    const char *at = offset_text(w, x, &pace),
               *from = einc_tensor_name(w, x->tensor);
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
        return PRINTED(w, "%s(%s + (%s), %lld, %s)",
                       einc_helper(w->h, "v_rest_%s", storage), from, at,
                       (long long)pace, left);
    if (pace == 1)
        return PRINTED(w, "%s(%s + (%s))",
                       einc_helper(w->h, "v_row_%s", storage), from, at);
    return PRINTED(w, "%s(%s + (%s), %lld)",
                   einc_helper(w->h, "v_apart_%s", storage), from, at,
                   (long long)pace);
}

/* Values of the turn that the one before has stored: of rows a condition is
 * printed, of lanes the first one to store is returned. */
static const char *
open_skips(struct writer *w, const struct store *s, int *braces)
{
    const char *first = NULL;
    *braces = 0;
    for (int f = 0; f < w->m->n_free; f++) {
        const struct free_loop *x = &w->m->free[f];
        if (x->is_copied || x->span == 1)
            continue;
        const struct value_var *q = &w->m->values.var[x->var];
        if (x->turns * x->span == q->hi - q->lo)
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
    for (int k = 0; k < 2; k++) {
        if (s->value[k] < 0)
            continue;
        const struct value *at = value_of(w, s->at[k]);
        struct form f = einc_form_of(w, s->value[k]);
        int64_t pace;
        const char *offset = offset_text(w, at, &pace);
        f.wide = is_lane(w, s->at[k]);
        if (!f.wide)
            einc_line(w->t, "%s(out + (%s), %s);",
                      einc_helper(w->h, "put_%s", storage), offset,
                      einc_as(w, s->value[k], f));
        else
            einc_line(w->t, "%s(out + (%s), %lld, %s, %s);",
                      einc_helper(w->h, "v_put_%s_%s", storage,
                                  einc_form_suffix(f.type)),
                      offset, (long long)pace, einc_as(w, s->value[k], f),
                      first ? first : "0");
    }
    while (braces--)
        close_brace(w);
}

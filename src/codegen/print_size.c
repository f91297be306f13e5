/* SPDX-License-Identifier: MIT
 *
 * print_size.c - extents and strides of an index statement in C: numbers, or
 * variables that a kernel sets from its arguments.
 */
#include "codegen/print_writer.h"

#include <string.h>

int
einc_is_literal(const struct writer *w, int var)
{
    return w->m->literals.index[w->m->values.var[var].index];
}

static const char *
name_of(const struct writer *w, const struct size *x)
{
    switch (x->kind) {
    case SIZE_TO: return PRINTED(w, "to_%s", einc_var_letter(w, x->of));
    case SIZE_TURNS:
        return PRINTED(w, "turns_%s",
                       einc_var_letter(w, w->m->free[x->of].var));
    case SIZE_SHAPE:
        return PRINTED(w, "%s_n%d", einc_tensor_name(w, x->of), x->dim);
    case SIZE_COUNT:
        return PRINTED(w, "size_%d", x->of - w->m->s->first_index);
    case SIZE_STRIDE:
        return PRINTED(w, "%s_s%d", einc_tensor_name(w, x->of), x->dim);
    case SIZE_TABLE: return PRINTED(w, "table%d_at", x->of);
    case SIZE_LOST: return PRINTED(w, "lost%d_at", x->of);
    case SIZE_RESULT: return PRINTED(w, "sum%d_at", x->of);
    case SIZE_OPEN: return PRINTED(w, "open_%d", x->of);
    case SIZE_PAYLOAD: break;
    }
    return PRINTED(w, "acc%d_at", x->of);
}

/* An argument's name, or the number. */
static const char *
size_text(const struct writer *w, enum size_kind kind, int of, int dim,
          int64_t value)
{
    int k = einc_size_find(w->m, kind, of, dim);
    if (k < 0)
        return einc_integer_text(w, value);
    w->used[k] = 1;
    return name_of(w, &w->m->sizes[k]);
}

const char *
einc_to_text(const struct writer *w, int var)
{
    return size_text(w, SIZE_TO, var, 0, w->m->values.var[var].hi);
}

const char *
einc_count_text(const struct writer *w, int var)
{
    const struct value_var *q = &w->m->values.var[var];
    if (einc_is_literal(w, var))
        return einc_integer_text(w, q->hi - q->lo);
    return q->lo ? PRINTED(w, "(%s - %s)", einc_to_text(w, var),
                           einc_integer_text(w, q->lo))
                 : einc_to_text(w, var);
}

const char *
einc_turns_text(const struct writer *w, const struct free_loop *f)
{
    return size_text(w, SIZE_TURNS, (int)(f - w->m->free), 0, f->turns);
}

int
einc_turns_overlap(const struct writer *w, const struct free_loop *f)
{
    const struct value_var *q = &w->m->values.var[f->var];
    return f->span > 1 && !(einc_is_literal(w, f->var) &&
                            f->turns * f->span == q->hi - q->lo);
}

const char *
einc_shape_text(const struct writer *w, int tensor, int dim)
{
    return size_text(w, SIZE_SHAPE, tensor, dim,
                     w->m->p->tensors[tensor].shape[dim]);
}

const char *
einc_stride_text(const struct writer *w, int tensor, int dim)
{
    return size_text(w, SIZE_STRIDE, tensor, dim,
                     w->m->p->tensors[tensor].stride[dim]);
}

const char *
einc_size_text(const struct writer *w, int index)
{
    const struct index *x = &w->m->p->indices[index];
    return size_text(w, SIZE_COUNT, index, 0, x->hi - x->lo);
}

const char *
einc_open_text(const struct writer *w, int open)
{
    return size_text(w, SIZE_OPEN, open, 0, w->m->p->open.list[open].value);
}

const char *
einc_scratch_text(const struct writer *w, enum size_kind kind, int of,
                  int64_t offset)
{
    return size_text(w, kind, of, 0, offset);
}

const char *
einc_times(const struct writer *w, const char *a, const char *b)
{
    if (strcmp(a, "0") == 0 || strcmp(b, "0") == 0)
        return "0";
    return strcmp(a, "1") == 0   ? b
           : strcmp(b, "1") == 0 ? a
                                 : PRINTED(w, "%s*%s", a, b);
}

void
einc_print_sizes(const struct writer *w, struct text *t)
{
    for (int k = 0; k < w->m->n_sizes; k++) {
        const struct size *x = &w->m->sizes[k];
        if (w->used[k])
            einc_line(t, "const int64_t %s = args->%s[%d];", name_of(w, x),
                      x->kind == SIZE_STRIDE ? "s" : "n", x->slot);
    }
}

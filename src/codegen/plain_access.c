/* SPDX-License-Identifier: MIT
 *
 * plain_access.c - see plain.h: elements of tensors, and loops.
 */
#include "codegen/plain.h"
#include "plan/places.h"

#include "codegen/emit_open.h"

/* --- accesses ----------------------------------------------------------- */

/* Notes the first position of all that is beyond lo..most + more. */
static void
put_stray(struct plain *x, int site, int v, long long lo, const char *most,
          long long more)
{
    struct text end = {.perm = x->f->scratch};
    einc_put(&end, "%s", most);
    if (more)
        einc_put(&end, " + %lld", more);
    einc_line(x->t, "if ((u%d < %lld || u%d > %s) && !args->stray[0]) {", v,
              lo, v, einc_text_z(&end));
    einc_line(x->t, "    args->stray[0] = %d;", site + 1);
    einc_line(x->t, "    args->stray[1] = u%d;", v);
    einc_line(x->t, "}");
}

/* The last position of a dim, as C. */
static const char *
last_of(const struct plain *x, int64_t n)
{
    struct text t = {.perm = x->f->scratch};
    if (open_find(&x->p->open, n) >= 0)
        einc_put(&t, "(%s - 1)", einc_open_number(x->f, n));
    else
        einc_put(&t, "%lld", (long long)n - 1);
    return einc_text_z(&t);
}

/* Mirrored into 0..most; of one position there is nothing to mirror. */
static void
put_reflect(struct plain *x, int v, int64_t n)
{
    struct text *t = x->t;
    const char *most = last_of(x, n);
    if (n == 1) {
        einc_line(t, "u%d = 0;", v);
        return;
    }
    struct text twice = {.perm = x->f->scratch};
    if (open_find(&x->p->open, n) >= 0)
        einc_put(&twice, "(%s > 0 ? 2*%s : 1)", most, most);
    else
        einc_put(&twice, "%lld", 2 * (long long)n - 2);
    const char *period = einc_text_z(&twice);
    einc_line(t, "u%d = (u%d %% %s + %s) %% %s;", v, v, period, period,
              period);
    einc_line(t, "u%d = u%d > %s ? %s - u%d : u%d;", v, v, most, period, v,
              v);
}

/* The position in dim d, settled; where it may be outside, its flag is set. */
static int
put_position(struct plain *x, const struct access *a, int d, int outside)
{
    const struct subscript *s = &a->subs[d];
    int64_t n = x->p->tensors[a->tensor].shape[d];
    const char *size = einc_open_number(x->f, n), *most = last_of(x, n);
    int rest = s->rest ? einc_plain_node(x, s->rest) : 0;
    int v = einc_plain_new(x);
    struct text *t = x->t;
    einc_put(t, "%*sint64_t u%d = %lld", t->indent, "", v,
             (long long)s->constant);
    for (int k = 0; k < s->n_terms; k++) {
        char name[PLAIN_NAME];
        einc_plain_name(x, s->terms[k].index, name);
        einc_put(t, " + %lld*%s", (long long)s->terms[k].coef, name);
    }
    if (rest)
        einc_put(t, " + u%d", rest);
    einc_put(t, ";\n");
    switch (s->mode) {
    case BOUND_CLAMP:
        einc_line(t, "u%d = u%d < 0 ? 0 : u%d > %s ? %s : u%d;", v, v, v,
                  most, most, v);
        break;
    case BOUND_WRAP:
        einc_line(t, "u%d = (u%d %% %s + %s) %% %s;", v, v, size, size, size);
        break;
    case BOUND_REFLECT: put_reflect(x, v, n); break;
    case BOUND_CHECK:
    case BOUND_PAD:
        if (!s->checked && s->mode == BOUND_CHECK)
            break;
        if (s->checked && x->is_stage)
            put_stray(x, s->site, v,
                      s->mode == BOUND_PAD ? -(long long)s->pad_lo : 0, most,
                      s->mode == BOUND_PAD ? (long long)s->pad_hi : 0);
        einc_line(t, "if (u%d < 0 || u%d > %s) {", v, v, most);
        einc_line(t, "    u%d = 0;", v);
        einc_line(t, "    outside%d = 1;", outside);
        einc_line(t, "}");
    }
    return v;
}

int
einc_plain_leaves(const struct access *a)
{
    for (int d = 0; d < a->n_subs; d++)
        if (a->subs[d].mode == BOUND_PAD ||
            (a->subs[d].mode == BOUND_CHECK && a->subs[d].checked))
            return 1;
    return 0;
}

/* What a statement made and is kept apart from the tensors. */
static int
is_kept(const struct plain *x, const struct tensor *y)
{
    return y->kind != TENSOR_OPERAND && !x->is_stage;
}

static void
put_stride(struct plain *x, const struct tensor *y, int dim)
{
    int64_t n = 1;
    if (!is_kept(x, y) && einc_open_is_fixed(x->f, y)) {
        einc_put(x->t, "%lld", (long long)y->stride[dim]);
        return;
    }
    for (int d = dim + 1; d < y->n_dims; d++)
        if (open_find(&x->p->open, y->shape[d]) >= 0)
            einc_put(x->t, "%s*", einc_open_number(x->f, y->shape[d]));
        else
            n *= y->shape[d]; /* checked when the plan was made */
    einc_put(x->t, "%lld", (long long)n);
}

int
einc_plain_place(struct plain *x, const struct access *a, int outside)
{
    enum { MOST_DIMS = 64 };
    const struct tensor *y = &x->p->tensors[a->tensor];
    int at[MOST_DIMS];
    for (int d = 0; d < a->n_subs; d++)
        at[d] = put_position(x, a, d, outside);
    int v = einc_plain_new(x);
    einc_put(x->t, "%*sconst int64_t u%d = 0", x->t->indent, "", v);
    for (int d = 0; d < a->n_subs; d++) {
        einc_put(x->t, " + ");
        put_stride(x, y, d);
        einc_put(x->t, "*u%d", at[d]);
    }
    einc_put(x->t, ";\n");
    return v;
}

/* "[u3]", or of a part of complex numbers "[2*u3 + 1]". */
void
einc_plain_subscript(struct plain *x, enum einc_dtype t, int at, int part)
{
    if (einc_plain_is_complex(t))
        einc_put(x->t, "[2*u%d + %d]", at, part);
    else
        einc_put(x->t, "[u%d]", at);
}

void
einc_plain_load(struct plain *x, const struct tensor *y, int at, int part)
{
    int kept = is_kept(x, y);
    const char *half = y->dtype == EINC_F16    ? "half_value("
                       : y->dtype == EINC_BF16 ? "brain_value("
                                               : NULL;
    if (half && !kept)
        einc_put(x->t, "%s_%s", x->f->style->name, half);
    else
        einc_put(x->t, "(%s)", einc_plain_word(y->dtype));
    einc_put(x->t, kept ? "w_" : "");
    einc_program_put(x->t, y);
    einc_plain_subscript(x, y->dtype, at, part);
    einc_put(x->t, half && !kept ? ")" : "");
}

int
einc_plain_access(struct plain *x, const struct node *n)
{
    const struct access *a = n->access;
    const struct tensor *y = &x->p->tensors[a->tensor];
    int leaves = einc_plain_leaves(a), outside = leaves ? einc_plain_new(x) : 0;
    int fill = a->fill ? einc_plain_node(x, a->fill) : 0;
    if (leaves)
        einc_line(x->t, "int outside%d = 0;", outside);
    int at = einc_plain_place(x, a, outside);
    int v = einc_plain_new(x);
    for (int part = 0; part <= einc_plain_is_complex(n->type); part++) {
        einc_put(x->t, "%*sconst %s %s%d = ", x->t->indent, "",
                 einc_plain_word(n->type), part ? "v" : "u", v);
        if (leaves)
            einc_put(x->t, "outside%d ? ", outside);
        if (leaves && fill)
            einc_put(x->t, "%s%d : ", part ? "v" : "u", fill);
        else if (leaves)
            einc_put(x->t, "0 : ");
        if (part > einc_plain_is_complex(y->dtype))
            einc_put(x->t, "0");
        else
            einc_plain_load(x, y, at, part);
        einc_put(x->t, ";\n");
    }
    return v;
}

/* --- loops -------------------------------------------------------------- */

/* A range that is not empty and leaves lo:hi is as if it were empty. */
static void
put_stray_range(struct plain *x, const struct index *i, int from, int to)
{
    long long lo = (long long)i->lo;
    const char *hi = einc_open_number(x->f, i->hi);
    struct text *t = x->t;
    einc_line(t, "const int leaves%d = u%d < u%d && (u%d < %lld || u%d > "
                 "%s);", from, from, to, from, lo, to, hi);
    einc_line(t, "if (leaves%d && !args->stray[0]) {", from);
    einc_line(t, "    args->stray[0] = %d;", i->site + 1);
    einc_line(t, "    args->stray[1] = u%d < %lld || u%d >= %s ? u%d : "
                 "%s;", from, lo, from, hi, from, hi);
    einc_line(t, "}");
}

void
einc_plain_open(struct plain *x, int index)
{
    const struct index *i = &x->p->indices[index];
    char name[PLAIN_NAME];
    einc_plain_name(x, index, name);
    if (!i->from) {
        int listed = x->places && x->places->index == index;
        einc_line(x->t, "for (int64_t %s = %lld; %s < %s; %s++) {", name,
                  (long long)i->lo, name,
                  listed ? "places" : einc_open_number(x->f, i->hi), name);
    } else {
        int from = einc_plain_node(x, i->from), to = einc_plain_node(x, i->to);
        if (x->is_stage)
            put_stray_range(x, i, from, to);
        if (x->is_stage)
            einc_line(x->t, "for (int64_t %s = u%d; %s < u%d && !leaves%d; "
                            "%s++) {", name, from, name, to, from, name);
        else
            einc_line(x->t, "for (int64_t %s = u%d; %s < u%d; %s++) {", name,
                      from, name, to, name);
    }
    x->t->indent += 4;
}

void
einc_plain_close(struct plain *x, int n)
{
    while (n-- > 0) {
        x->t->indent -= 4;
        einc_line(x->t, "}");
    }
}

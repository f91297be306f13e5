/* SPDX-License-Identifier: MIT
 *
 * print_value.c - how values of an index statement stand in C: their types,
 * names and masks.
 */
#include "codegen/print_writer.h"

#include <assert.h>
#include <string.h>

/* --- variables of loops ------------------------------------------------- */

const char *
einc_var_letter(const struct writer *w, int var)
{
    static const char letters[] = "a\0b\0c\0d\0e\0f\0g\0h\0i\0j\0k\0l\0m\0"
                                  "n\0o\0p\0q\0r\0s\0t\0u\0v\0w\0x\0y\0z\0";
    const struct values *s = &w->m->values;
    struct str name = w->m->p->indices[s->var[var].index].name;
    if (name.n != 1 || name.p[0] < 'a' || name.p[0] > 'z')
        return PRINTED(w, "x%d", var);
    for (int v = 0; v < var; v++)
        if (str_equal(w->m->p->indices[s->var[v].index].name, name))
            return PRINTED(w, "x%d", var);
    return &letters[2 * (name.p[0] - 'a')];
}

const char *
einc_loop_name(const struct writer *w, const struct loop *l)
{
    for (int k = 0; k < l->number; k++)
        if (w->m->loops[k].var == l->var)
            return PRINTED(w, "%s_%d", einc_var_letter(w, l->var), l->number);
    for (int f = 0; f < w->m->n_free; f++)
        if (w->m->free[f].var == l->var && w->m->free[f].is_task)
            return PRINTED(w, "%s_%d", einc_var_letter(w, l->var), l->number);
    return einc_var_letter(w, l->var);
}

/* The block of the loop that a var has its value from; -1: the task. */
static int
block_of(const struct writer *w, int var)
{
    for (int b = w->block; b >= 0; b = w->m->blocks[b].parent) {
        const struct block *x = &w->m->blocks[b];
        if (x->kind == BLOCK_LOOP && w->m->loops[x->loop].var == var)
            return b;
    }
    return -1;
}

const char *
einc_var_name(const struct writer *w, int var)
{
    int b = block_of(w, var);
    return b < 0 ? einc_var_letter(w, var)
                 : einc_loop_name(w, &w->m->loops[w->m->blocks[b].loop]);
}

/* Whether the rest of a loop over the lane is a whole vector that lies over
 * the one before, with a mask; else only so many lanes are there. */
int
einc_loop_overlaps(const struct writer *w, const struct loop *l)
{
    const struct value_var *q = &w->m->values.var[l->var];
    return l->n_from == 0 && l->n_to == 0 && q->from < 0 &&
           q->hi - q->lo >= w->m->lanes;
}

/* The block of the lane's loop if it is its rest, else -1. */
int
einc_rest_block(const struct writer *w)
{
    int b = w->m->lane < 0 ? -1 : block_of(w, w->m->lane);
    return b >= 0 && w->m->blocks[b].is_rest ? b : -1;
}

const char *
einc_lanes_left(const struct writer *w)
{
    int b = einc_rest_block(w);
    if (b < 0 || einc_loop_overlaps(w, &w->m->loops[w->m->blocks[b].loop]))
        return NULL;
    return PRINTED(w, "left_%s", einc_var_name(w, w->m->lane));
}

/* --- numbers ------------------------------------------------------------ */

const char *
einc_float_text(const struct writer *w, double x, enum value_type t)
{
    const char *f = t == VALUE_F32 ? "f" : "";
    int infinite = x == __builtin_inf() || x == -__builtin_inf();
    if (w->h->cuda && (x != x || infinite))
        return PRINTED(w, x < 0 ? "(-%s())" : "%s()",
                       einc_helper(w->h, x != x ? "nan_%s" : "inf_%s",
                                   einc_form_suffix(t)));
    if (x != x)
        return PRINTED(w, "__builtin_nan%s(\"\")", f);
    if (infinite)
        return PRINTED(w, x < 0 ? "(-__builtin_inf%s())"
                                : "__builtin_inf%s()", f);
    int64_t whole = x >= -1e9 && x <= 1e9 ? (int64_t)x : 0;
    const char *minus = __builtin_signbit(x) ? "-" : "";
    double size = x < 0 ? -x : x;
    if ((double)whole == x)
        return PRINTED(w, *minus ? "(%s%lld.0%s)" : "%s%lld.0%s", minus,
                       (long long)(whole < 0 ? -whole : whole), f);
    uint64_t bits;
    memcpy(&bits, &size, sizeof bits);
    int exponent = (int)(bits >> 52);
    return PRINTED(w, "(%s0x%d.%013llxp%d%s)", minus, exponent != 0,
                   (unsigned long long)(bits & ((UINT64_C(1) << 52) - 1)),
                   exponent ? exponent - 1023 : -1022, f);
}

const char *
einc_integer_text(const struct writer *w, int64_t x)
{
    if (x == INT64_MIN)
        return "(-INT64_C(9223372036854775807) - 1)";
    if (x == INT32_MIN)
        return "(-INT32_C(2147483647) - 1)";
    if (x > INT32_MAX || x < INT32_MIN)
        return PRINTED(w, x < 0 ? "(INT64_C(%lld))" : "INT64_C(%lld)",
                       (long long)x);
    return PRINTED(w, x < 0 ? "(%lld)" : "%lld", (long long)x);
}

static const char *
number_text(const struct writer *w, const struct value *x)
{
    return is_float(x->type) ? einc_float_text(w, x->number, x->type)
                             : einc_integer_text(w, x->integer);
}

/* --- forms -------------------------------------------------------------- */

struct form
einc_form_of(const struct writer *w, int v)
{
    const struct value *x = value_of(w, v);
    struct form f = {x->type, is_lane(w, v)};
    if (f.wide && f.type == VALUE_I64 && einc_value_narrow(x))
        f.type = VALUE_I32;
    return f;
}

const char *
einc_element_index(const struct writer *w, const struct table *t)
{
    struct text x = {.perm = w->t->perm};
    int64_t pace = 1; /* of the literals, times `rest` */
    const char *rest = "1";
    for (int k = t->n_dims - 1; k >= 0; k--) {
        const struct value_var *q = &w->m->values.var[t->dims[k]];
        const char *name = einc_var_name(w, t->dims[k]);
        const char *plus = x.n ? " + " : "";
        const char *by = einc_times(w, PRINTED(w, "%lld", (long long)pace),
                                    rest);
        if (strcmp(by, "1") != 0)
            einc_put(&x, "%s%s*", plus, by);
        else
            einc_put(&x, "%s", plus);
        if (q->lo)
            einc_put(&x, "(%s - %s)", name, einc_integer_text(w, q->lo));
        else
            einc_put(&x, "%s", name);
        if (einc_is_literal(w, t->dims[k]))
            pace *= q->hi - q->lo;
        else
            rest = einc_times(w, einc_count_text(w, t->dims[k]), rest);
    }
    return einc_text_z(&x);
}

/* A value as it stands in the present block. */
const char *
einc_plain(const struct writer *w, int v)
{
    const struct value *x = value_of(w, v);
    if (x->op == VALUE_NUMBER)
        return number_text(w, x);
    if (x->op == VALUE_SIZE)
        return x->var >= 0 ? einc_to_text(w, x->var)
               : x->dim < 0 ? einc_open_text(w, x->tensor)
               : x->dim    ? einc_shape_text(w, x->tensor, x->dim - 1)
                           : einc_size_text(w, x->tensor);
    if (x->op == VALUE_VAR) {
        const char *name = einc_var_name(w, x->var);
        if (x->var == w->m->lane && !x->lo)
            name = PRINTED(w, "at_%s", name);
        return x->integer ? PRINTED(w, "(%s + %s)", name,
                                    einc_integer_text(w, x->integer))
                          : name;
    }
    const struct placed *p = einc_levels_find(w->m, w->block, v);
    assert(p && "a value that is used has a place");
    if (p->table >= 0)
        return PRINTED(w, "table%d[%s]", p->table,
                       einc_element_index(w, &w->m->tables[p->table]));
    if (p->carry >= 0 && x->reduce->payload) {
        struct table t = {.n_dims = 0};
        for (int q = 0; q < w->m->values.n_vars; q++)
            if (x->reduce->payload >> q & 1)
                t.dims[t.n_dims++] = q;
        return PRINTED(w, "sum%d[%s]", p->carry, einc_element_index(w, &t));
    }
    if (p->carry >= 0)
        return PRINTED(w, "sum%d", p->carry);
    return PRINTED(w, "v%d", p->name);
}

/* Text of form `from` as one of form `to`. */
const char *
einc_converted(const struct writer *w, const char *text, struct form from,
               struct form to)
{
    if (is_same(from, to))
        return text;
    int truth = from.type == VALUE_BOOL && to.type != VALUE_BOOL;
    if (!from.wide) {
        struct form scalar = {to.type, 0};
        int same_c = strcmp(einc_form_name(from), einc_form_name(scalar)) == 0;
        if (!same_c)
            text = PRINTED(w, "(%s)(%s)", einc_form_name(scalar), text);
        if (!to.wide)
            return text;
        if (to.type == VALUE_BOOL)
            text = PRINTED(w, "-(%s)", text);
        return PRINTED(w, "%s(%s)",
                       einc_helper(w->h, "set_%s", einc_form_suffix(to.type)),
                       text);
    }
    assert(to.wide);
    if (truth)
        text = PRINTED(w, "-(%s)", text);
    if (strcmp(einc_form_name(from), einc_form_name(to)) == 0)
        return text;
    return PRINTED(w, "__builtin_convertvector(%s, %s)", text,
                   einc_form_name(to));
}

const char *
einc_as(const struct writer *w, int v, struct form f)
{
    struct form own = einc_form_of(w, v);
    if (value_of(w, v)->op == VALUE_NUMBER) {
        own.wide = 0;
        if (f.type == VALUE_F32 || f.type == VALUE_F64 ||
            f.type == VALUE_I64 || f.type == VALUE_I32)
            if (own.type != VALUE_BOOL &&
                is_float(own.type) == is_float(f.type))
                own.type = f.type; /* literals of C adapt */
    }
    if (value_of(w, v)->op == VALUE_NUMBER && own.type == VALUE_I64 &&
        !f.wide && f.type == VALUE_I64)
        return PRINTED(w, "(int64_t)%s", einc_plain(w, v));
    return einc_converted(w, einc_plain(w, v), own, f);
}

/* --- masks -------------------------------------------------------------- */

/* Lanes of the conditions around, within the loop that binds the lane and
 * within block `outer`. */
static const char *
mask_within(const struct writer *w, int outer)
{
    for (int b = w->block; b >= 0 && b != outer; b = w->m->blocks[b].parent) {
        const struct block *x = &w->m->blocks[b];
        if (x->kind == BLOCK_IF && is_lane(w, x->cond))
            return PRINTED(w, "mask%d", b);
        if (x->kind == BLOCK_LOOP && w->m->loops[x->loop].var == w->m->lane)
            return NULL;
    }
    return NULL;
}

const char *
einc_active_mask(const struct writer *w)
{
    return mask_within(w, -1);
}

const char *
einc_and_masks(const struct writer *w, const char *a, const char *b)
{
    return !a ? b : !b ? a : PRINTED(w, "(%s & %s)", a, b);
}

/* What a step of a reduction must leave out. Not what a condition around all
 * of the reduction does: no one reads the sums of those lanes. */
const char *
einc_step_mask(const struct writer *w, int v, int c)
{
    const struct loop *l = &w->m->loops[w->m->carries[c].loop];
    const char *mask = mask_within(w, w->m->blocks[l->main].parent);
    if (einc_rest_block(w) < 0 || !einc_levels_reduces_lane(w->m, v))
        return mask;
    return einc_and_masks(w, mask,
                          PRINTED(w, "in_%s", einc_var_name(w, w->m->lane)));
}

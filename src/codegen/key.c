/* SPDX-License-Identifier: MIT
 *
 * key.c - the name of a kernel: all of its nest that the text depends on, and
 * nothing else. It costs a microsecond where the text costs hundreds,
 * so kernels are looked for by key and printed only for a compiler.
 */
#include "codegen/family.h"

/* --- writing ------------------------------------------------------------ */

/* Made for planning: no format is parsed. */
static void
put(struct text *t, const char *z)
{
    einc_put_str(t, str_of(z));
}

static void
put_number(struct text *t, char before, int64_t n)
{
    char digits[24], *p = digits + sizeof digits;
    uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do
        *--p = (char)('0' + left % 10);
    while (left /= 10);
    if (n < 0)
        *--p = '-';
    *--p = before;
    einc_put_str(t, (struct str){p, digits + sizeof digits - p});
}

/* --- what texts depend on ----------------------------------------------- */

/* Every field of struct tile is an int. */
static void
put_tile(struct text *t, const struct tile *tile)
{
    int field[sizeof *tile / sizeof(int)];
    _Static_assert(sizeof field == sizeof *tile, "a tile is ints only");
    memcpy(field, tile, sizeof field);
    for (size_t f = 0; f < sizeof field / sizeof *field; f++)
        put_number(t, f ? '.' : ' ', field[f]);
}

/* An argument, whatever its value, or a literal. */
static void
put_quantity(struct text *t, struct quantity q)
{
    if (q.arg >= 0)
        put_number(t, 'a', q.arg);
    else
        put_number(t, '=', q.value);
}

/* The loops of a kernel that is not a table. */
static void
put_indices(struct text *t, const struct nest *w)
{
    for (int j = 0; j < w->n_idx; j++) {
        put_number(t, ' ', w->idx[j].role);
        put_quantity(t, w->idx[j].extent);
        for (int o = 0; o <= w->n_in; o++)
            put_quantity(t, einc_nest_tensor(w, o)->stride[j]);
    }
}

/* A kernel for one shape: numbers that its text does not show may have
 * decided how it is cut, so those of arguments count, too. */
static void
put_value(struct text *t, struct quantity q)
{
    put_quantity(t, q);
    if (q.arg >= 0)
        put_number(t, '=', q.value);
}

static void
put_literals(struct text *t, const struct nest *w)
{
    put_value(t, w->factor);
    for (int j = 0; j < w->n_idx; j++) {
        put_number(t, ' ', w->idx[j].role);
        put(t, w->idx[j].name);
        put_value(t, w->idx[j].extent);
        for (int o = 0; o <= w->n_in; o++)
            put_value(t, einc_nest_tensor(w, o)->stride[j]);
    }
}

static void
put_tree(struct text *t, const struct nest_node *x)
{
    for (; x; x = x->next) {
        put_number(t, ' ', x->op);
        put_number(t, '.', x->index);
        put_number(t, '.', x->block);
        put_number(t, '.', x->tensor);
        if (x->child) {
            put(t, "(");
            put_tree(t, x->child);
            put(t, ")");
        }
    }
}

/* A stream that is a table: its class. */
static void
put_stream(struct text *t, const struct nest *w)
{
    put_number(t, ' ', w->form);
    put_number(t, '.', w->units);
    put_number(t, '.', w->visit);
    put_number(t, '.', w->lanes);
}

const char *
einc_nest_key(struct arena *perm, const struct nest *w)
{
    int literal = w->family == FAMILY_DIRECT || w->family == FAMILY_FUSED ||
                  w->family == FAMILY_LANES;
    if (w->mode != NEST_GENERIC && !literal)
        return NULL;
    struct text t = {.perm = perm};
    put(&t, w->target->name);
    put(&t, " ");
    put(&t, einc_nest_family_name(w->family));
    put(&t, " ");
    put(&t, einc_dtype_name(w->compute));
    put(&t, einc_graph_sum_name(w->sum));
    for (int o = 0; o <= w->n_in; o++) {
        if (w->family == FAMILY_GETT && w->table && o == 2 && o < w->n_in)
            continue; /* a weight: all tables can have one */
        put(&t, o == w->n_in ? " > " : " ");
        put(&t, einc_dtype_name(einc_nest_tensor(w, o)->storage));
    }
    if (w->family == FAMILY_STREAM && w->table) {
        put_stream(&t, w);
        return einc_text_z(&t);
    }
    put_number(&t, ' ', w->step->kind == STEP_CONTRACT); /* operands' names */
    if (literal) {
        put_literals(&t, w);
        return einc_text_z(&t);
    }
    put_tile(&t, &w->tile);
    put_number(&t, ' ', w->table);
    put_number(&t, '.', w->lane);
    put_number(&t, '.', w->lanes);
    put_number(&t, '.', w->inner);
    put_quantity(&t, w->factor);
    if (!w->table)
        put_indices(&t, w);
    put_tree(&t, w->root);
    return einc_text_z(&t);
}

/* SPDX-License-Identifier: MIT
 *
 * print_loops.c - the loops of an index statement in C: those of the
 * statement, whose last turn lies over the one before, and those of
 * reductions, whose sums are put away in blocks.
 */
#include "codegen/print_writer.h"

/* --- loops of the statement --------------------------------------------- */

/* The extreme of x and the values of a list. */
static const char *
extreme_of(struct writer *w, const char *fn, const char *x, const int *list,
           int n)
{
    struct form f = {VALUE_I64, 0};
    for (int k = 0; k < n; k++)
        x = PRINTED(w, "%s(%s, %s)", einc_helper(w->h, "%s_i64", fn), x,
                    einc_as(w, list[k], f));
    return x;
}

/* The values of the lane var as a vector. */
static void
declare_lane(const struct writer *w, const char *name, const char *left)
{
    const struct value_var *q = &w->m->values.var[w->m->lane];
    int narrow = q->lo >= INT32_MIN && q->hi <= INT32_MAX;
    struct form f = {narrow ? VALUE_I32 : VALUE_I64, 1};
    const char *type = einc_form_name(f), *suffix = einc_form_suffix(f.type);
    struct text *t = w->t;
    if (left) {
        einc_line(t, "const vi32 in_%s = %s < %s((int32_t)%s);", name,
                  einc_helper(w->h, "v_iota_i32"),
                  einc_helper(w->h, "set_i32"), left);
        einc_line(t, "const %s at_%s = %s((%s)%s) + %s(%s, %s((%s)%s - 1));",
                  type, name, einc_helper(w->h, "set_%s", suffix),
                  narrow ? "int32_t" : "int64_t", name,
                  einc_helper(w->h, "v_min_%s", suffix),
                  einc_helper(w->h, "v_iota_%s", suffix),
                  einc_helper(w->h, "set_%s", suffix),
                  narrow ? "int32_t" : "int64_t", left);
        einc_line(t, "(void)in_%s;", name);
    } else {
        einc_line(t, "const %s at_%s = %s((%s)%s) + %s;", type, name,
                  einc_helper(w->h, "set_%s", suffix),
                  narrow ? "int32_t" : "int64_t", name,
                  einc_helper(w->h, "v_iota_%s", suffix));
    }
    einc_line(t, "(void)at_%s;", name);
}

/* A loop of the statement: turns of span values, the last one moved back over
 * those that the one before has had; skip: so many are not stored again. */
void
einc_print_turn(const struct writer *w, const struct free_loop *f,
                const char *name, const char *turn)
{
    struct text *t = w->t;
    const struct value_var *q = &w->m->values.var[f->var];
    if (f->span == 1) {
        einc_line(t, "const int64_t %s = %s%s%s;", name,
                  q->lo ? einc_integer_text(w, q->lo) : "", q->lo ? " + " : "",
                  turn);
    } else if (!einc_turns_overlap(w, f)) {
        einc_line(t, "const int64_t %s = %s%s%lld*%s;", name,
                  q->lo ? einc_integer_text(w, q->lo) : "", q->lo ? " + " : "",
                  (long long)f->span, turn);
    } else {
        einc_line(t, "const int64_t %s = %s(%s%s%lld*%s, %s);", name,
                  einc_helper(w->h, "min_i64"),
                  q->lo ? einc_integer_text(w, q->lo) : "", q->lo ? " + " : "",
                  (long long)f->span, turn,
                  einc_is_literal(w, f->var)
                      ? einc_integer_text(w, q->hi - f->span)
                      : PRINTED(w, "%s - %lld", einc_to_text(w, f->var),
                                (long long)f->span));
        einc_line(t, "const int64_t skip_%s = %s%lld*%s - %s;", name,
                  q->lo ? PRINTED(w, "%s + ", einc_integer_text(w, q->lo))
                        : "",
                  (long long)f->span, turn, name);
        einc_line(t, "(void)skip_%s;", name);
    }
    einc_line(t, "(void)%s;", name);
    if (f->var == w->m->lane)
        declare_lane(w, name, NULL);
}

static const struct free_loop *
free_of(const struct writer *w, int var)
{
    for (int f = 0; f < w->m->n_free; f++)
        if (w->m->free[f].var == var && !w->m->free[f].is_copied)
            return &w->m->free[f];
    return NULL;
}

static void
print_free_loop(struct writer *w, const struct loop *l)
{
    const struct free_loop *f = free_of(w, l->var);
    const struct value_var *q = &w->m->values.var[l->var];
    const char *name = einc_loop_name(w, l);
    struct text *t = w->t;
    int outer = w->is_spread, spread = einc_team_spreads(w, l);
    if (f->span == 1 && spread) {
        einc_line(t, "for (int64_t %s = %s + (int64_t)threadIdx.x; %s < %s; "
                     "%s += %d) {", name, einc_integer_text(w, q->lo), name,
                  einc_to_text(w, l->var), name, w->team);
        t->indent += 4;
        w->is_spread = 1;
    } else if (f->span == 1) {
        einc_line(t, "for (int64_t %s = %s; %s < %s; %s++) {", name,
                  einc_integer_text(w, q->lo), name,
                  einc_to_text(w, l->var), name);
        t->indent += 4;
    } else {
        const char *turn = PRINTED(w, "turn_%s", name);
        einc_line(t, "for (int64_t %s = 0; %s < %s; %s++) {", turn, turn,
                  einc_turns_text(w, f), turn);
        t->indent += 4;
        einc_print_turn(w, f, name, turn);
    }
    einc_print_block(w, l->main);
    close_brace(w);
    w->is_spread = outer;
}

/* --- sums in blocks ----------------------------------------------------- */

/* Values of the var in one turn. */
static int64_t
turn_values(const struct writer *w, const struct loop *l)
{
    return (l->var == w->m->lane ? w->m->lanes : 1) * (int64_t)l->parts;
}

/* Whether a loop stands in one of another reduction. */
static int
is_within(const struct writer *w, const struct loop *l)
{
    for (int b = w->m->blocks[l->main].parent; b >= 0;
         b = w->m->blocks[b].parent)
        if (w->m->blocks[b].kind == BLOCK_LOOP &&
            !w->m->loops[w->m->blocks[b].loop].is_free)
            return 1;
    return 0;
}

/* Of a loop within another reduction, which is begun again and again, it
 * depends on the extent, though that is an argument. */
static int
runs_long(const struct writer *w, const struct loop *l)
{
    const struct value_var *q = &w->m->values.var[l->var];
    int open = open_find(&w->m->p->open, q->hi);
    int64_t hi = open < 0 ? q->hi : w->m->p->open.list[open].guide;
    return (hi - q->lo) / turn_values(w, l) >= 1024 ||
           !(einc_is_literal(w, l->var) || is_within(w, l));
}

/* Whether a sum of floats is put away now and then, so that its error grows
 * with the number of blocks and not of terms. */
static int
is_blocked(const struct writer *w, const struct loop *l, int carry)
{
    int v = w->m->carries[carry].value;
    const struct value_reduce *r = value_of(w, v)->reduce;
    return w->m->p->summing.how == EINC_SUM_BLOCK &&
           r->redop == REDOP_SUM && !r->payload &&
           is_float(einc_kept_form(w, v).type) &&
           (r->n_vars > 1 || runs_long(w, l));
}

static void
declare_all(const struct writer *w, int c)
{
    int v = w->m->carries[c].value;
    einc_line(w->t, "%s all%d = %s;", einc_form_name(einc_kept_form(w, v)), c,
              einc_identity(w, v));
}

static int
has_blocks(const struct writer *w, const struct loop *l)
{
    for (int k = 0; k < l->n_carries; k++)
        if (is_blocked(w, l, l->carries[k]))
            return 1;
    return 0;
}

/* Turns of one block: loops within are one block each. */
static int64_t
block_turns(const struct writer *w, const struct loop *l)
{
    return runs_long(w, l) ? 512 : 1;
}

/* From one turn to the next. */
static int64_t
pace_of(const struct writer *w, const struct loop *l)
{
    return turn_values(w, l) * (einc_team_spreads(w, l) ? w->team : 1);
}

static void
open_blocks(const struct writer *w, const struct loop *l, const char *name)
{
    int64_t values = turn_values(w, l);
    struct text *t = w->t;
    einc_line(t, "while (%s + %lld <= end_%s) {", name, (long long)values,
              name);
    t->indent += 4;
    einc_line(t, "const int64_t block_%s = %s(end_%s, %s + %lld);", name,
              einc_helper(w->h, "min_i64"), name, name,
              (long long)(pace_of(w, l) * block_turns(w, l)));
}

static void
close_blocks(const struct writer *w, const struct loop *l)
{
    for (int k = 0; k < l->n_carries; k++) {
        int c = l->carries[k];
        if (!is_blocked(w, l, c))
            continue;
        einc_line(w->t, "all%d += acc%d;", c, c);
        einc_line(w->t, "acc%d = %s;", c,
                  einc_identity(w, w->m->carries[c].value));
    }
    close_brace(w);
}

/* --- loops of reductions ------------------------------------------------ */

/* The main turns of a loop: `%s` of a block or of all. */
static void
open_turns(const struct writer *w, const struct loop *l, const char *name)
{
    int64_t values = turn_values(w, l);
    const char *end = "end";
    if (has_blocks(w, l)) {
        open_blocks(w, l, name);
        end = "block";
    }
    einc_line(w->t, "for (; %s + %lld <= %s_%s; %s += %lld) {", name,
              (long long)values, end, name, name,
              (long long)pace_of(w, l));
    w->t->indent += 4;
}

static void
close_turns(const struct writer *w, const struct loop *l)
{
    close_brace(w);
    if (has_blocks(w, l))
        close_blocks(w, l);
}

static void
print_lane_loop(struct writer *w, const struct loop *l, const char *name)
{
    struct text *t = w->t;
    int outer = w->block;
    open_turns(w, l, name);
    declare_lane(w, name, NULL);
    einc_print_block(w, l->main);
    w->block = outer;
    close_turns(w, l);
    if (l->rest < 0)
        return;
    einc_line(t, "for (; %s < end_%s; %s += %d) {", name, name, name,
              w->m->lanes);
    t->indent += 4;
    if (einc_loop_overlaps(w, l)) {
        einc_line(t, "const int64_t had_%s = %s(0, %s + %d - end_%s);", name,
                  einc_helper(w->h, "max_i64"), name, w->m->lanes, name);
        einc_line(t, "%s -= had_%s;", name, name);
        einc_line(t, "const vi32 in_%s = %s >= %s((int32_t)had_%s);", name,
                  einc_helper(w->h, "v_iota_i32"),
                  einc_helper(w->h, "set_i32"), name);
        einc_line(t, "(void)in_%s;", name);
        declare_lane(w, name, NULL);
        einc_print_block(w, l->rest);
        close_brace(w);
        return;
    }
    const char *left = PRINTED(w, "left_%s", name);
    einc_line(t, "const int64_t %s = %s(%d, end_%s - %s);", left,
              einc_helper(w->h, "min_i64"), w->m->lanes, name, name);
    declare_lane(w, name, left);
    einc_print_block(w, l->rest);
    close_brace(w);
}

/* One turn, which a single thread does if the loop is spread. */
static void
print_turn(struct writer *w, const struct loop *l, int block)
{
    int outer = w->is_spread;
    w->is_spread |= einc_team_spreads(w, l);
    einc_print_block(w, block);
    w->is_spread = outer;
}

static void
print_bound_loop(struct writer *w, const struct loop *l)
{
    const struct value_var *q = &w->m->values.var[l->var];
    const char *name = einc_loop_name(w, l);
    struct form f = {VALUE_I64, 0};
    const char *from = q->from >= 0 ? einc_as(w, q->from, f)
                                    : einc_integer_text(w, q->lo);
    const char *to =
        q->to >= 0 ? einc_as(w, q->to, f) : einc_to_text(w, l->var);
    from = extreme_of(w, "max", from, l->from, l->n_from);
    to = extreme_of(w, "min", to, l->to, l->n_to);
    struct text *t = w->t;
    int is_lanes = l->var == w->m->lane;
    if (einc_team_spreads(w, l))
        from = PRINTED(w, "%s + (int64_t)threadIdx.x", from);
    if (l->parts == 1 && !is_lanes && !has_blocks(w, l)) {
        int64_t pace = pace_of(w, l);
        einc_line(t, pace == 1 ? "for (int64_t %s = %s, end_%s = %s; "
                                 "%s < end_%s; %s++) {"
                               : "for (int64_t %s = %s, end_%s = %s; "
                                 "%s < end_%s; %s += %lld) {",
                  name, from, name, to, name, name, name, (long long)pace);
        t->indent += 4;
        print_turn(w, l, l->main);
        close_brace(w);
        return;
    }
    einc_line(t, "int64_t %s = %s;", name, from);
    einc_line(t, "const int64_t end_%s = %s;", name, to);
    if (is_lanes) {
        print_lane_loop(w, l, name);
        return;
    }
    open_turns(w, l, name);
    print_turn(w, l, l->main);
    close_turns(w, l);
    if (l->rest < 0)
        return;
    einc_line(t, "for (; %s < end_%s; %s++) {", name, name, name);
    t->indent += 4;
    einc_print_block(w, l->rest);
    close_brace(w);
}

void
einc_print_loop(struct writer *w, const struct loop *l)
{
    if (l->is_free) {
        print_free_loop(w, l);
        return;
    }
    for (int k = 0; k < l->n_carries; k++) {
        einc_declare_carry(w, l->carries[k]);
        if (is_blocked(w, l, l->carries[k]))
            declare_all(w, l->carries[k]);
    }
    int braces = l->parts > 1 || l->var == w->m->lane || has_blocks(w, l);
    if (braces) {
        einc_line(w->t, "{");
        w->t->indent += 4;
    }
    print_bound_loop(w, l);
    if (braces)
        close_brace(w);
    for (int k = 0; k < l->n_carries; k++)
        if (is_blocked(w, l, l->carries[k]))
            einc_line(w->t, "acc%d += all%d;", l->carries[k],
                      l->carries[k]);
    for (int k = 0; k < l->n_carries && einc_team_merges(w, l); k++)
        einc_team_merge(w, l->carries[k]);
    for (int k = 0; k < l->n_carries; k++)
        einc_finish_carry(w, l->carries[k]);
}

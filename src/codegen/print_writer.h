/* SPDX-License-Identifier: MIT
 *
 * print_writer.h - what the printers of an index statement share. Functions
 * that return text print it into the arena; those that take a block or an item
 * print lines.
 *
 * print_value.c   types, names and masks of values
 * print_size.c    extents and strides
 * print_load.c    elements that are loaded and stored
 * print_fn.c      values that are computed from others
 * print_reduce.c  accumulators
 * print_loops.c   loops
 * print_team.c    what threads of a block do together
 */
#ifndef EINC_CODEGEN_PRINT_WRITER_H
#define EINC_CODEGEN_PRINT_WRITER_H

#include "codegen/print_mapreduce.h"

/* A kernel under way. */
struct writer {
    const struct mapreduce *m;
    struct text *t;
    struct helpers *h;
    int block; /* the present one */
    char *used; /* [m->n_sizes]: arguments that the text has named */
    int team;   /* CUDA: so many threads of a block do a task together, all of
                 * them the same but for loops that are spread; 0: each its
                 * own */
    const char *team_plan; /* [m->n_loops]: see einc_team_plan() */
    int is_spread; /* in a loop that is */
};

#define PRINTED(w, ...) einc_printed((w)->t->perm, __VA_ARGS__)

/* --- print_value.c ------------------------------------------------------ */

/* "i" from a fixed table if the user's name is one ASCII letter, else "x3". */
const char *einc_var_letter(const struct writer *w, int var);
/* A name of its own for a var that several loops have. */
const char *einc_loop_name(const struct writer *w, const struct loop *l);
const char *einc_var_name(const struct writer *w, int var);
/* Whether the rest of a loop over the lane is a whole vector that lies over
 * the one before, with a mask; else only so many lanes are there. */
int einc_loop_overlaps(const struct writer *w, const struct loop *l);
/* The block of the lane's loop if it is its rest, else -1. */
int einc_rest_block(const struct writer *w);
/* How many lanes are there, as C; NULL: all. */
const char *einc_lanes_left(const struct writer *w);

struct form einc_form_of(const struct writer *w, int v);
const char *einc_float_text(const struct writer *w, double x,
                            enum value_type t);
const char *einc_integer_text(const struct writer *w, int64_t x);
/* Where the element of the present turn is in a table. */
const char *einc_element_index(const struct writer *w, const struct table *t);
/* A value as it stands in the present block; in form f; text of form `from` as
 * one of form `to`. */
const char *einc_plain(const struct writer *w, int v);
const char *einc_as(const struct writer *w, int v, struct form f);
const char *einc_converted(const struct writer *w, const char *text,
                           struct form from, struct form to);

/* Where lanes are at work, as vectors of 0 and -1; NULL: everywhere. Of the
 * conditions around; both; of a step of reduction v. */
const char *einc_active_mask(const struct writer *w);
const char *einc_and_masks(const struct writer *w, const char *a,
                           const char *b);
const char *einc_step_mask(const struct writer *w, int v, int c);

/* --- print_size.c ------------------------------------------------------- */

/* Sizes, as numbers or the names of arguments: the end of a var's range; how
 * many values it has; turns of a loop of the statement; the extent and the
 * stride of a dim; size() of an index. */
const char *einc_to_text(const struct writer *w, int var);
const char *einc_count_text(const struct writer *w, int var);
const char *einc_turns_text(const struct writer *w, const struct free_loop *f);
const char *einc_shape_text(const struct writer *w, int tensor, int dim);
const char *einc_stride_text(const struct writer *w, int tensor, int dim);
const char *einc_size_text(const struct writer *w, int index);
const char *einc_open_text(const struct writer *w, int open);
/* SIZE_TABLE and what stands behind it. */
const char *einc_scratch_text(const struct writer *w, enum size_kind kind,
                              int of, int64_t offset);
/* Declares those that are used. */
void einc_print_sizes(const struct writer *w, struct text *t);
/* Whether the range of a var is a literal. */
int einc_is_literal(const struct writer *w, int var);
/* Whether turns of a loop of the statement may lie over one another. */
int einc_turns_overlap(const struct writer *w, const struct free_loop *f);
/* a*b; 1 and 0 are left out. */
const char *einc_times(const struct writer *w, const char *a, const char *b);

/* --- print_load.c ------------------------------------------------------- */

const char *einc_tensor_name(const struct writer *w, int tensor);
/* The text of a load; lanes may need statements before it, whose variables
 * have the number `name`. */
const char *einc_load_text(const struct writer *w, int v, int name);
void einc_print_store_item(struct writer *w, const struct item *i);

/* --- print_fn.c --------------------------------------------------------- */

/* a op b on values of one form; `exact`: an integer that does not overflow. */
const char *einc_arithmetic(const struct writer *w, enum fn fn, struct form f,
                            const char *a, const char *b, int exact);
const char *einc_select_text(const struct writer *w, struct form f,
                             const char *c, const char *a, const char *b);
/* a op b as truth, of values of form f. */
const char *einc_comparison(const struct writer *w, enum fn fn, struct form f,
                            const char *a, const char *b);
/* The text of a value that has a variable, of that number. */
const char *einc_value_text(const struct writer *w, int v, int name);

/* --- print_reduce.c ----------------------------------------------------- */

/* The form of what is kept: of arg reductions the terms, not positions. */
struct form einc_kept_form(const struct writer *w, int v);
struct form einc_position_form(const struct writer *w, int v);
/* What no term at all gives, in the kept form. */
const char *einc_identity(const struct writer *w, int v);
void einc_declare_carry(const struct writer *w, int c);
void einc_print_step(const struct writer *w, const struct item *i);
/* What a reduction gives, as sum<carry>. */
void einc_finish_carry(const struct writer *w, int c);

/* --- print_list.c ------------------------------------------------------- */

/* Whether x goes before what is kept: NaN first, then the larger. */
const char *einc_is_better(const struct writer *w, int v, const char *x,
                           const char *kept, const char *position);
/* Of a long list, which declares all that there is of it. */
void einc_list_declare(const struct writer *w, int c);
void einc_list_step(const struct writer *w, int v, int c, const char *x,
                    const char *at, const char *mask);
/* sum<carry> of a long list: the k best of all lanes side by side. */
void einc_list_finish(const struct writer *w, int c, int v);

/* --- print_loops.c ------------------------------------------------------ */

/* Declares the var of a loop of the statement, which does spans of values: in
 * the last turn moved back over those that the one before has had, of which
 * skip_<name> are not stored again. */
void einc_print_turn(const struct writer *w, const struct free_loop *f,
                     const char *name, const char *turn);
void einc_print_loop(struct writer *w, const struct loop *l);

/* --- print_team.c ------------------------------------------------------- */

/* What a team does with each loop of a nest; NULL: a thread per task is faster,
 * or what is there is not for teams. */
enum { TEAM_SPREADS = 1, /* each thread has turns of its own */
       TEAM_MERGES = 2   /* behind it accumulators become one */ };
char *einc_team_plan(struct arena *perm, const struct mapreduce *m,
                     enum team_choice choice);
int einc_team_spreads(const struct writer *w, const struct loop *l);
int einc_team_merges(const struct writer *w, const struct loop *l);
/* What all threads have accumulated, to all of them, always in one order: the
 * accumulators are as if one thread had made them. In the order of
 * loop.carries. */
void einc_team_merge(const struct writer *w, int c);

/* --- print_mapreduce.c -------------------------------------------------- */

void einc_print_block(struct writer *w, int block);
/* Declares tensors and tables; what one task does, of number `task`. */
void einc_print_pointers(const struct writer *w);
void einc_print_task(struct writer *w);

/* --- of all ------------------------------------------------------------- */

static inline const struct value *
value_of(const struct writer *w, int v)
{
    return &w->m->values.v[v];
}

static inline int
is_lane(const struct writer *w, int v)
{
    return einc_levels_is_lane(w->m, v);
}

static inline int
is_float(enum value_type t)
{
    return t == VALUE_F32 || t == VALUE_F64;
}

static inline int
is_same(struct form a, struct form b)
{
    return a.wide == b.wide && a.type == b.type;
}

static inline int
is_long(const struct value_reduce *r)
{
    return redop_is_best(r->redop) && r->best > LONG_LIST;
}

static inline void
close_brace(const struct writer *w)
{
    w->t->indent -= 4;
    einc_line(w->t, "}");
}

#endif

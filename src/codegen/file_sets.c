/* SPDX-License-Identifier: MIT
 *
 * file_sets.c - see file.h: the kernels of a file, one body per set.
 */
#include "codegen/file.h"

#include <string.h>

#include "codegen/family.h"

/* --- which set ---------------------------------------------------------- */

/* A part for a set as text, with all that printing it takes in `room`. */
static const char *
text_of(const struct file *f, struct arena *room, einc_file_part *print,
        int set, int step)
{
    struct file inner = *f;
    struct text t = {.perm = room};
    inner.scratch = room;
    print(&inner, &t, set, step);
    return einc_text_z(&t);
}

static void
open_choice(const struct file *f, int set)
{
    const struct target *x = f->sets[set].target;
    if (set == f->n_sets - 1)
        einc_put(f->t, "#else\n");
    else
        einc_put(f->t, "#%s defined(%s_VECTORS)%s%s\n",
                 set == f->n_picked ? "if" : "elif", f->style->name,
                 x->condition ? " && " : "", x->condition ? x->condition : "");
}

void
einc_file_base(const struct file *f, einc_file_part *print, int step)
{
    int same = 1;
    for (int x = f->n_picked + 1; x < f->n_sets; x++) {
        struct arena room = *f->scratch;
        const char *first = text_of(f, &room, print, f->n_picked, step);
        same &= strcmp(first, text_of(f, &room, print, x, step)) == 0;
    }
    for (int x = f->n_picked; x < (same ? f->n_picked + 1 : f->n_sets); x++) {
        struct arena room = *f->scratch;
        if (!same)
            open_choice(f, x);
        einc_put(f->t, "%s", text_of(f, &room, print, x, step));
    }
    if (!same)
        einc_put(f->t, "#endif\n");
}

/* --- the parts ---------------------------------------------------------- */

struct printer
einc_file_printer(const struct file *f, struct text *t, int set, int step)
{
    const struct file_set *x = &f->sets[set];
    struct printer k =
        einc_printer(t, x->nests[step], einc_file_prefix(f, set, step));
    struct text args = {.perm = f->scratch}, worth = {.perm = f->scratch};
    einc_put(&args, "%s_args", f->style->name);
    k.shared = x->prefix;
    k.args = einc_text_z(&args);
    k.with_scale = 0;
    k.by_parameter = k.nest->family != FAMILY_GETT;
    k.in_parts = k.nest->family == FAMILY_FUSED ? einc_print_fused_parts(&k)
                 : k.nest->family == FAMILY_DIRECT
                     ? einc_print_direct_parts(&k, &worth)
                 : k.nest->family == FAMILY_LANES
                     ? einc_print_lanes_parts(&k, &worth)
                 : k.nest->family == FAMILY_TRANSPOSE
                     ? einc_print_transpose_parts(&k, &worth)
                     : k.nest->family == FAMILY_STREAM &&
                           einc_print_stream_parts(&k, &worth);
    return k;
}

static int
is_gett(const struct file *f, int set, int step)
{
    return f->sets[set].nests[step]->family == FAMILY_GETT;
}

/* The tile is the same for all steps: it is printed with the first, in place
 * if some step wants it so. */
static void
put_tiles(const struct file *f, struct text *t, int set, int step)
{
    while (step < f->plan->n_steps && !is_gett(f, set, step))
        step++;
    if (step == f->plan->n_steps)
        return;
    struct printer k = einc_file_printer(f, t, set, step);
    for (int s = step + 1; s < f->plan->n_steps; s++)
        k.in_place |= is_gett(f, set, s) &&
                      einc_gett_has_rows(f->sets[set].nests[s]);
    einc_print_tiles(&k);
}

/* Packing is the same for all steps of a type: with the first of them. */
static void
put_pack(const struct file *f, struct text *t, int set, int step, int side)
{
    const struct nest *w = f->sets[set].nests[step];
    if (!is_gett(f, set, step))
        return;
    for (int s = 0; s < step; s++)
        if (is_gett(f, set, s) &&
            f->sets[set].nests[s]->in[side].storage == w->in[side].storage)
            return;
    struct printer k = einc_file_printer(f, t, set, step);
    einc_put(t, "\n");
    einc_print_pack(&k, side);
}

static void
put_pack_lhs(const struct file *f, struct text *t, int set, int step)
{
    put_pack(f, t, set, step, 0);
}

static void
put_pack_rhs(const struct file *f, struct text *t, int set, int step)
{
    put_pack(f, t, set, step, 1);
}

/* What all transposes of the set call. */
static void
put_turns(const struct file *f, struct text *t, int set, int step)
{
    struct printer k = einc_file_printer(f, t, set, step);
    einc_print_transpose_shared(&k, f->sets[set].nests, f->plan->n_steps);
}

/* A family prints here all that its step needs but what steps share. */
static void
print_kernel(const struct printer *k)
{
    switch (k->nest->family) {
    case FAMILY_GETT:
        einc_print_gett(k);
        break;
    case FAMILY_FUSED:
        einc_print_fused(k);
        break;
    case FAMILY_DIRECT:
        einc_print_direct(k);
        break;
    case FAMILY_LANES:
        einc_print_lanes(k);
        break;
    case FAMILY_TRANSPOSE:
        einc_print_transpose_loops(k);
        break;
    default:
        einc_print_stream_loops(k);
    }
    einc_put(k->t, "\n");
}

static void
put_kernel(const struct file *f, struct text *t, int set, int step)
{
    struct printer k = einc_file_printer(f, t, set, step);
    print_kernel(&k);
}

/* --- one text for all sets ---------------------------------------------- */

/* The kernel as an inline function, without the set in its own name. */
static void
put_inline(const struct file *f, struct text *t, int set, int step)
{
    struct printer k = einc_file_printer(f, t, set, step);
    struct text name = {.perm = f->scratch}, linkage = {.perm = f->scratch};
    einc_put(&name, "%s_step%d", f->style->name, step + 1);
    einc_put(&linkage, "%s_INLINE ", f->style->name);
    k.prefix = einc_text_z(&name);
    k.linkage = einc_text_z(&linkage);
    print_kernel(&k);
}

/* Whether all sets have the same text, so that one serves. */
static int
is_same(const struct file *f, int step)
{
    if (!f->n_picked)
        return 0;
    for (int x = 1; x < f->n_sets; x++) {
        struct arena room = *f->scratch;
        const char *first = text_of(f, &room, put_inline, 0, step);
        if (strcmp(first, text_of(f, &room, put_inline, x, step)) != 0)
            return 0;
    }
    return 1;
}

/* The copy of a set: a call that the compiler replaces by the body. */
static void
put_copy(const struct file *f, struct text *t, int set, int step)
{
    struct printer k = einc_file_printer(f, t, set, step);
    einc_put(t, "static void\n%s(", k.prefix);
    if (k.by_parameter)
        einc_print_parameters(&k, 4);
    else
        einc_put(t, "const struct %s *args,\n    int64_t task_begin, "
                    "int64_t task_end", k.args);
    einc_put(t, ")\n{\n    %s_step%d(", f->style->name, step + 1);
    if (k.by_parameter)
        einc_print_parameter_names(&k, 8);
    else
        einc_put(t, "args, task_begin, task_end");
    einc_put(t, ");\n}\n\n");
}

/* --- the bodies --------------------------------------------------------- */

/* Between the two all functions are compiled for the set. */
void
einc_file_open_set(struct text *t, const struct target *x)
{
    einc_put(t, "/* --- %s: up to the next such line functions are compiled "
                   "for it --- */\n\n", x->name);
    einc_put(t, "#if defined(__clang__)\n#pragma clang attribute push("
                   "__attribute__((target( \\\n    \"%s\"))), "
                   "apply_to = function)\n"
                   "#pragma clang attribute push(__attribute__(( \\\n"
                   "    min_vector_width(%d))), apply_to = function)\n",
             x->features, 8 * x->vector_bytes);
    einc_put(t, "#else\n#pragma GCC push_options\n#pragma GCC target( \\\n"
                   "    \"%s,prefer-vector-width=%d\")\n"
                   "#endif\n\n", x->features, 8 * x->vector_bytes);
}

void
einc_file_close_set(struct text *t)
{
    einc_put(t, "#if defined(__clang__)\n#pragma clang attribute pop\n"
                   "#pragma clang attribute pop\n#else\n"
                   "#pragma GCC pop_options\n#endif\n\n");
}

static void
put_set(const struct file *f, int set, const char *same)
{
    int n = f->plan->n_steps;
    einc_file_open_set(f->t, f->sets[set].target);
    put_tiles(f, f->t, set, 0);
    put_turns(f, f->t, set, 0);
    for (int s = 0; s < n; s++) {
        put_pack_lhs(f, f->t, set, s);
        put_pack_rhs(f, f->t, set, s);
    }
    if (f->has_gett)
        einc_put(f->t, "\n");
    for (int s = 0; s < n; s++)
        (same[s] ? put_copy : put_kernel)(f, f->t, set, s);
    einc_file_close_set(f->t);
}

static void
put_base(const struct file *f, const char *same)
{
    int n = f->plan->n_steps;
    if (f->n_picked)
        einc_put(f->t, "/* --- base: what the compiler's flags allow --- "
                       "*/\n\n");
    einc_file_base(f, put_tiles, 0);
    einc_file_base(f, put_turns, 0);
    for (int s = 0; s < n; s++) {
        einc_file_base(f, put_pack_lhs, s);
        einc_file_base(f, put_pack_rhs, s);
    }
    if (f->has_gett)
        einc_put(f->t, "\n");
    for (int s = 0; s < n; s++)
        einc_file_base(f, same[s] ? put_copy : put_kernel, s);
}

void
einc_file_kernels(const struct file *f)
{
    char *same = NEW(f->scratch, char, f->plan->n_steps);
    for (int s = 0; s < f->plan->n_steps; s++) {
        same[s] = (char)is_same(f, s);
        if (same[s])
            put_inline(f, f->t, 0, s);
    }
    if (f->n_picked)
        einc_put(f->t, "#if defined(%s_SETS)\n", f->style->name);
    for (int x = 0; x < f->n_picked; x++)
        put_set(f, x, same);
    if (f->n_picked)
        einc_put(f->t, "#endif\n");
    put_base(f, same);
}

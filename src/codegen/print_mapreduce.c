/* SPDX-License-Identifier: MIT
 *
 * print_mapreduce.c - the nest of an index statement as C: blocks,
 * conditions and the kernel around them.
 */
#include <string.h>

#include "codegen/mapreduce.h"
#include "codegen/print_writer.h"

/* --- conditions --------------------------------------------------------- */

/* if (cond) { or, of lanes, if any; `no`: where it does not hold. */
static void
open_if(const struct writer *w, int child, int cond, int no)
{
    struct form truth = {VALUE_BOOL, is_lane(w, cond)};
    const char *c = einc_as(w, cond, truth);
    if (!truth.wide) {
        einc_line(w->t, no ? "if (!%s) {" : "if (%s) {", c);
        w->t->indent += 4;
        return;
    }
    const char *mask = einc_active_mask(w);
    c = no ? PRINTED(w, "~%s", c) : c;
    einc_line(w->t, "const vi32 mask%d = %s;", child,
              einc_and_masks(w, c, mask));
    einc_line(w->t, "if (%s(mask%d)) {", einc_helper(w->h, "any"), child);
    w->t->indent += 4;
}

/* One of the two values, to the variable that is declared before both. */
static void
print_chosen(struct writer *w, const struct chosen *c, int block, int which,
             int outer)
{
    const struct value *x = value_of(w, c->value);
    struct form f = einc_form_of(w, c->value);
    struct form truth = {VALUE_BOOL, is_lane(w, x->args[0])};
    w->block = block;
    const char *value = einc_as(w, x->args[which + 1], f);
    w->block = outer;
    const char *cond = einc_as(w, x->args[0], truth);
    if (truth.wide)
        value = einc_select_text(w, f, which ? PRINTED(w, "~%s", cond) : cond,
                                 value, PRINTED(w, "v%d", c->name));
    einc_line(w->t, "v%d = %s;", c->name, value);
}

/* The block of a choice in which nothing is computed: what it gives is known
 * around it. -1: there is none. */
static int
idle_block(const struct writer *w, const struct item *i)
{
    for (int k = 1; k >= 0 && i->kind == ITEM_CHOICE; k--)
        if (w->m->blocks[i->block[k]].n_items == 0)
            return k;
    return -1;
}

/* What is chosen begins as what the idle block gives. */
static void
declare_chosen(struct writer *w, const struct item *i)
{
    int outer = w->block, idle = idle_block(w, i);
    for (int n = 0; n < i->n_chosen; n++) {
        const struct value *x = value_of(w, i->chosen[n].value);
        struct form f = einc_form_of(w, i->chosen[n].value);
        w->block = idle < 0 ? outer : i->block[idle];
        const char *first =
            idle < 0 ? einc_converted(w, "0", (struct form){f.type, 0}, f)
                     : einc_as(w, x->args[idle + 1], f);
        w->block = outer;
        einc_line(w->t, "%s v%d = %s;", einc_form_name(f), i->chosen[n].name,
                  first);
    }
}

static int
condition_of(const struct writer *w, const struct item *i)
{
    return value_of(w, i->chosen->value)->args[0];
}

static void
print_choice(struct writer *w, const struct item *i)
{
    int outer = w->block, idle = idle_block(w, i);
    for (int k = 0; k < 2; k++) {
        if (k == idle)
            continue;
        w->block = outer;
        open_if(w, i->block[k], condition_of(w, i), k);
        einc_print_block(w, i->block[k]);
        for (int n = 0; n < i->n_chosen; n++)
            print_chosen(w, &i->chosen[n], i->block[k], k, outer);
        close_brace(w);
    }
    w->block = outer;
}

/* Choices one behind the other, of lanes, with a block each that is idle. */
static int
count_choices(const struct writer *w, const struct item *list, int n)
{
    int k = 0;
    while (k < n && idle_block(w, &list[k]) >= 0 &&
           is_lane(w, condition_of(w, &list[k])))
        k++;
    return k > 1 ? k : 1;
}

/* Whether there is anything to do is asked once for all of them: the question
 * costs as much as half an exp, and the answer mostly is no, as where points
 * are seldom near. */
static void
print_choices(struct writer *w, const struct item *list, int n)
{
    struct form truth = {VALUE_BOOL, 1};
    int some = list->block[0];
    for (int k = 0; k < n; k++)
        declare_chosen(w, &list[k]);
    for (int k = 0; k < n && n > 1; k++)
        einc_line(w->t, k ? "some%d |= %s%s;" : "vi32 some%d = %s%s;", some,
                  idle_block(w, &list[k]) ? "" : "~",
                  einc_as(w, condition_of(w, &list[k]), truth));
    if (n > 1) {
        einc_line(w->t, "if (%s(some%d)) {", einc_helper(w->h, "any"), some);
        w->t->indent += 4;
    }
    for (int k = 0; k < n; k++)
        print_choice(w, &list[k]);
    if (n > 1)
        close_brace(w);
}

/* --- blocks ------------------------------------------------------------- */

static void
print_value(const struct writer *w, const struct item *i)
{
    const char *text = einc_value_text(w, i->value, i->name);
    einc_line(w->t, "const %s v%d = %s;",
              einc_form_name(einc_form_of(w, i->value)), i->name, text);
}

static void
print_item(struct writer *w, const struct item *i)
{
    int outer = w->block;
    switch (i->kind) {
    case ITEM_VALUE: print_value(w, i); return;
    case ITEM_CHOICE: return; /* einc_print_block(): several at once */
    case ITEM_IF:
        open_if(w, i->block[0], w->m->blocks[i->block[0]].cond, 0);
        einc_print_block(w, i->block[0]);
        close_brace(w);
        break;
    case ITEM_STEP: einc_print_step(w, i); return;
    case ITEM_FILL:
        einc_line(w->t, "table%d[%s] = v%d;", i->table,
                  einc_element_index(w, &w->m->tables[i->table]),
                  einc_levels_find(w->m, w->block, i->value)->name);
        return;
    case ITEM_STORE: einc_print_store_item(w, i); return;
    case ITEM_LOOP: einc_print_loop(w, &w->m->loops[i->loop]); break;
    }
    w->block = outer;
}

void
einc_print_block(struct writer *w, int block)
{
    int outer = w->block;
    const struct block *b = &w->m->blocks[block];
    w->block = block;
    for (int k = 0, n; k < b->n_items; k += n) {
        n = 1;
        if (b->items[k].kind == ITEM_CHOICE) {
            n = count_choices(w, &b->items[k], b->n_items - k);
            print_choices(w, &b->items[k], n);
        } else {
            print_item(w, &b->items[k]);
        }
    }
    w->block = outer;
}

/* --- the kernel --------------------------------------------------------- */

void
einc_print_pointers(const struct writer *w)
{
    const struct mapreduce *m = w->m;
    int left = m->s->left.tensor;
    for (int n = 0; n < m->p->n_tensors; n++) {
        int used = n == left;
        for (int v = 0; v < m->values.n; v++)
            used |= m->values.v[v].op == VALUE_LOAD &&
                    m->values.v[v].tensor == n;
        if (!used)
            continue;
        const char *type = einc_dtype_info(m->p->tensors[n].dtype)->c_type;
        if (n == left)
            einc_line(w->t, "%s *const __restrict__ out = (%s *)args->out;",
                      type, type);
        else
            einc_line(w->t, "const %s *const __restrict__ in%d = (const %s *)"
                            "args->in[%d];", type, n, type, n);
        einc_line(w->t, "(void)%s;", einc_tensor_name(w, n));
    }
    for (int k = 0; k < m->n_tables; k++) {
        struct form f = einc_form_of(w, m->tables[k].value);
        einc_line(w->t, "%s *const table%d = (%s *)(void *)(args->scratch + "
                        "%s);", einc_form_name(f), k, einc_form_name(f),
                  einc_scratch_text(w, SIZE_TABLE, k, m->tables[k].offset));
    }
}

/* Whether a task says which turn of a loop it is with nothing left over. */
static int
is_outermost(const struct writer *w, int f, int64_t below)
{
    const struct free_loop *x = w->m->free;
    if (w->m->literals.all)
        return below * x[f].turns == w->m->tasks;
    while (--f >= 0 && !x[f].is_task)
        ;
    return f < 0;
}

/* Which turn of each shared loop a task is, the last loop fastest. */
static void
print_decode(const struct writer *w)
{
    int64_t below = 1, literals = 1;
    const char *rest = "1";
    for (int f = w->m->n_free - 1; f >= 0; f--) {
        const struct free_loop *x = &w->m->free[f];
        if (!x->is_task)
            continue;
        const char *name = einc_var_letter(w, x->var), *turn = "task";
        const char *by =
            einc_times(w, rest, einc_integer_text(w, literals));
        if (strcmp(by, "1") != 0)
            turn = PRINTED(w, strchr(by, '*') ? "(task/(%s))" : "(task/%s)",
                           by);
        if (!is_outermost(w, f, below)) {
            const char *turns = einc_turns_text(w, x);
            turn = PRINTED(w, "(%s%%%s)", turn, turns);
            if (!einc_is_literal(w, x->var))
                rest = einc_times(w, turns, rest);
        }
        /* even of the outermost: loops of one turn may lie around it */
        if (einc_is_literal(w, x->var))
            literals *= x->turns;
        below *= x->turns;
        einc_print_turn(w, x, name, turn);
    }
}

void
einc_print_task(struct writer *w)
{
    print_decode(w);
    einc_print_block(w, 0);
}

static void
print_kernel(struct writer *w, const char *name, const char *linkage,
             const char *args)
{
    struct text *t = w->t, body = {.perm = t->perm, .indent = 4};
    w->t = &body;
    w->used = NEW(t->perm, char, w->m->n_sizes);
    einc_print_pointers(w);
    einc_line(&body,
              "for (int64_t task = task_begin; task < task_end; task++) {");
    body.indent += 4;
    einc_print_task(w);
    close_brace(w);
    w->t = t;
    einc_line(t, "%svoid", linkage);
    einc_line(t, "%s(const struct %s *args, int64_t task_begin, "
                 "int64_t task_end)", name, args);
    einc_line(t, "{");
    t->indent += 4;
    einc_print_sizes(w, t);
    einc_put(t, "%s", einc_text_z(&body));
    close_brace(w);
}

struct unit
einc_emit_mapreduce(struct arena *perm, const struct mapreduce *m)
{
    struct text body = {.perm = perm}, t = {.perm = perm};
    struct helpers h = {.perm = perm, .lanes = m->lanes, .prefix = ""};
    struct writer w = {.m = m, .t = &body, .h = &h};
    print_kernel(&w, "einc_kernel", "", "einc_args");
    einc_line(&t, "/* made by einc %s; kernel ABI %d, %s */", EINC_VERSION,
              UNIT_ABI, m->target->name);
    einc_put(&t, "#include <stdint.h>\n#include <string.h>\n\n"
                 "struct einc_args {\n"
                 "    void *out;\n"
                 "    const void *const *in;\n"
                 "    const int64_t *n, *s;\n"
                 "    const void *alpha, *beta;\n"
                 "    char *scratch;\n"
                 "    int64_t *stray;\n"
                 "};\n\n");
    einc_print_helpers(&t, &h, "einc_args");
    einc_put(&t, "%s", einc_text_z(&body));
    return (struct unit){.source = einc_text_z(&t),
                         .source_bytes = t.n,
                         .entry = "einc_kernel",
                         /* without gcse constants of the loop over what
                          * is left do not stay in registers in the other */
                         .flags = {"-ftree-vectorize", "-fno-gcse", "-lm"},
                         .scratch_bytes = m->scratch_bytes,
                         .n_extents = m->n_extents,
                         .n_strides = m->n_strides};
}

static int
is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_';
}

/* The text with types of vectors, vf32 and the like, named after the function:
 * another set's in the same file have another width. */
static void
put_named(struct text *t, const char *from, const char *name)
{
    static const char *const types[] = {"vi32", "vu32", "vi64",
                                        "vu64", "vf32", "vf64"};
    while (*from) {
        int64_t n = 0;
        int is_type = 0;
        while (is_word(from[n]))
            n++;
        for (size_t x = 0; x < sizeof types / sizeof *types; x++)
            is_type |= n == 4 && memcmp(from, types[x], 4) == 0;
        if (is_type)
            einc_put(t, "%s_", name);
        einc_put_str(t, (struct str){from, n ? n : 1});
        from += n ? n : 1;
    }
}

void
einc_emit_mapreduce_function(struct text *t, struct arena scratch,
                             const struct mapreduce *m, const char *name,
                             const char *args)
{
    struct text body = {.perm = &scratch}, own = {.perm = &scratch};
    struct helpers h = {.perm = &scratch, .lanes = m->lanes};
    struct writer w = {.m = m, .t = &body, .h = &h};
    h.prefix = einc_printed(&scratch, "%s_", name);
    print_kernel(&w, name, "static ", args);
    einc_print_helpers(&own, &h, args);
    einc_put(&own, "%s\n", einc_text_z(&body));
    put_named(t, einc_text_z(&own), name);
}

int64_t
einc_mapreduce_scratch(const struct mapreduce *m)
{
    return m->scratch_bytes;
}

/* SPDX-License-Identifier: MIT
 *
 * print_team.c - a task of an index statement that the threads of a block do
 * together: all of them all of it, but for reductions, whose terms they share
 * out, and loops behind these. Where terms of a row lie side by side that
 * loads whole lines; where rows are few it gives all threads work.
 */
#include "codegen/print_writer.h"

/* --- what a team can do ------------------------------------------------- */

/* Accumulators that two threads' can be made one of. */
static int
is_merged(const struct mapreduce *m, int carry)
{
    const struct value_reduce *r =
        m->values.v[m->carries[carry].value].reduce;
    return !redop_is_best(r->redop) && r->redop != REDOP_COMPLEX;
}

/* Whether a block holds nothing but values and stores. */
static int
is_plain_block(const struct mapreduce *m, int block)
{
    const struct block *b = &m->blocks[block];
    for (int k = 0; k < b->n_items; k++) {
        const struct item *i = &b->items[k];
        if (i->kind == ITEM_LOOP || i->kind == ITEM_FILL)
            return 0;
        for (int x = 0; x < 2; x++)
            if ((i->kind == ITEM_CHOICE || (i->kind == ITEM_IF && x == 0)) &&
                !is_plain_block(m, i->block[x]))
                return 0;
    }
    return 1;
}

static int
fills_table(const struct mapreduce *m, int block)
{
    const struct block *b = &m->blocks[block];
    for (int k = 0; k < b->n_items; k++) {
        const struct item *i = &b->items[k];
        if (i->kind == ITEM_FILL ||
            (i->kind == ITEM_LOOP &&
             fills_table(m, m->loops[i->loop].main)))
            return 1;
        for (int x = 0; x < 2; x++)
            if ((i->kind == ITEM_CHOICE || (i->kind == ITEM_IF && x == 0)) &&
                fills_table(m, i->block[x]))
                return 1;
    }
    return 0;
}

/* --- whether it is worth it --------------------------------------------- */

/* What a load costs where neighbouring threads have neighbouring values of a
 * var: one element for all, a line of them, or lines apart. */
static double
load_cost(const struct mapreduce *m, const struct value *x, int var)
{
    int64_t pace = 0;
    for (int k = 0; k < x->n_terms; k++)
        if (x->terms[k].var == var)
            pace += einc_value_pace(&m->values, x, &x->terms[k]);
    for (int k = 0; k < x->n_extra; k++)
        if (m->values.v[x->extra[k].var].deps >> var & 1)
            return 8;
    pace = pace < 0 ? -pace : pace;
    return pace == 0 ? 0.25 : pace > 8 ? 8 : (double)pace;
}

/* The last loop that tasks are counted by; -1: there is one task. */
static int
task_var(const struct mapreduce *m)
{
    for (int f = m->n_free - 1; f >= 0; f--)
        if (m->free[f].is_task)
            return m->free[f].var;
    return -1;
}

/* Whether a loop of a reduction stands in none of another. */
static int
is_outer(const struct mapreduce *m, const struct loop *l)
{
    for (int b = m->blocks[l->main].parent; b >= 0; b = m->blocks[b].parent)
        if (m->blocks[b].kind == BLOCK_LOOP &&
            !m->loops[m->blocks[b].loop].is_free)
            return 0;
    return !l->is_free;
}

/* What a turn takes, an element and its loads, where neighbouring threads have
 * neighbouring values of a var. */
static double
turn_cost(const struct mapreduce *m, const struct loop *l, int var)
{
    double each = 1;
    for (int v = 0; v < m->values.n; v++)
        if (m->values.v[v].op == VALUE_LOAD &&
            m->values.v[v].deps >> l->var & 1)
            each += load_cost(m, &m->values.v[v], var);
    return each;
}

static double
count_of(const struct mapreduce *m, const struct loop *l)
{
    const struct value_var *q = &m->values.var[l->var];
    return (double)(q->hi - q->lo);
}

/* What a turn takes if threads of a team share the turns out: some have none
 * in the last round. */
static double
shared_cost(const struct mapreduce *m, const struct loop *l)
{
    double n = count_of(m, l);
    int64_t rounds = ((int64_t)n + DEVICE_THREADS - 1) / DEVICE_THREADS;
    return turn_cost(m, l, l->var) * (double)rounds * DEVICE_THREADS /
           (n < 1 ? 1 : n);
}

/* The loop within that goes on with the same reductions, if that is all that
 * is reduced here. */
static const struct loop *
next_of(const struct mapreduce *m, const struct loop *l)
{
    const struct block *b = &m->blocks[l->main];
    const struct loop *next = NULL;
    for (int k = 0; k < b->n_items; k++) {
        if (b->items[k].kind != ITEM_LOOP && b->items[k].kind != ITEM_VALUE)
            return NULL;
        if (b->items[k].kind != ITEM_LOOP)
            continue;
        if (next || m->loops[b->items[k].loop].n_carries)
            return NULL;
        next = &m->loops[b->items[k].loop];
    }
    return next && !next->is_free ? next : NULL;
}

static int
is_legal(const struct mapreduce *m)
{
    if (m->s->scatters || m->s->places || !m->repeats || m->tasks == 0)
        return 0;
    for (int k = 0; k < m->n_loops; k++) {
        const struct loop *l = &m->loops[k];
        for (int c = 0; c < l->n_carries && is_outer(m, l); c++)
            if (!is_merged(m, l->carries[c]))
                return 0;
        if (is_outer(m, l) && fills_table(m, l->main))
            return 0;
    }
    return 1;
}

/* A machine is full with FULL threads; MERGE is what the barriers of a team
 * take, in elements. */
char *
einc_team_plan(struct arena *perm, const struct mapreduce *m,
               enum team_choice choice)
{
    enum { FULL = 1 << 16, MERGE = 20000, LEAST = DEVICE_THREADS };
    double alone = 0, team = 0, tasks = (double)m->tasks;
    char *plan = NEW(perm, char, m->n_loops + 1);
    int long_ones = 0;
    if (choice == TEAM_NEVER || !is_legal(m))
        return NULL;
    for (int k = 0; k < m->n_loops; k++) {
        const struct loop *l = &m->loops[k], *best = l;
        double turns = 1;
        plan[k] |= l->is_free && is_plain_block(m, l->main) ? TEAM_SPREADS : 0;
        if (!is_outer(m, l))
            continue;
        for (const struct loop *x = l; x; x = next_of(m, x)) {
            turns *= count_of(m, x);
            if (shared_cost(m, x) < shared_cost(m, best))
                best = x;
        }
        plan[k] |= TEAM_MERGES;
        plan[best - m->loops] |= TEAM_SPREADS;
        long_ones += choice == TEAM_ALWAYS || count_of(m, best) >= LEAST;
        alone += turns * turn_cost(m, best, task_var(m));
        team += turns * shared_cost(m, best) + MERGE * (double)l->n_carries;
    }
    alone *= tasks < FULL ? FULL / tasks : 1;
    tasks *= DEVICE_THREADS;
    team *= tasks < FULL ? FULL / tasks : 1;
    return long_ones && (choice == TEAM_ALWAYS || team < alone) ? plan : NULL;
}

int
einc_team_spreads(const struct writer *w, const struct loop *l)
{
    return w->team && w->team_plan[l - w->m->loops] & TEAM_SPREADS;
}

int
einc_team_merges(const struct writer *w, const struct loop *l)
{
    return w->team && w->team_plan[l - w->m->loops] & TEAM_MERGES;
}

/* --- accumulators ------------------------------------------------------- */

static const char *
across(const struct writer *w, const char *op, struct form f, const char *x)
{
    return PRINTED(w, "%s(%s)",
                   einc_helper(w->h, "across_%s_%s", op,
                               einc_form_suffix(f.type)), x);
}

static const char *
op_of(int redop, enum value_type t)
{
    int truth = t == VALUE_BOOL;
    switch (redop) {
    case REDOP_PROD: return truth ? "and" : "prod";
    case REDOP_MAX: return truth ? "or" : "max";
    case REDOP_MIN: return truth ? "and" : "min";
    case REDOP_ANY: return "or";
    case REDOP_ALL: return "and";
    default: return truth ? "or" : "sum";
    }
}

/* The largest term of all, and what was summed as if it had been known. */
static void
merge_lse(const struct writer *w, int c, struct form f)
{
    const char *type = einc_form_name(f);
    const char *expn = einc_helper(w->h, "expn_%s", einc_form_suffix(f.type));
    const char *low = einc_float_text(w, -__builtin_inf(), f.type);
    einc_line(w->t, "const %s all_most%d = %s;", type, c,
              across(w, "max", f, PRINTED(w, "acc%d", c)));
    einc_line(w->t, "const %s by%d = %s(acc%d - (all_most%d == %s ? 0 : "
                    "all_most%d));", type, c, expn, c, c, low, c);
    einc_line(w->t, "acc%d = all_most%d;", c, c);
    einc_line(w->t, "rest%d = %s;", c,
              across(w, "sum", f, PRINTED(w, "rest%d*by%d", c, c)));
}

/* The best of all threads: of equals that of the least position. */
static void
merge_position(const struct writer *w, int c, int v, struct form f)
{
    struct text *t = w->t;
    const char *type = einc_form_name(f);
    const char *op = redop_is_least(value_of(w, v)->reduce->redop) ? "<" : ">";
    einc_line(t, "{");
    t->indent += 4;
    einc_line(t, "__shared__ %s best[%d];", type, w->team);
    einc_line(t, "__shared__ int64_t places[%d];", w->team);
    einc_line(t, "const int l = (int)threadIdx.x;");
    einc_line(t, "best[l] = acc%d;", c);
    einc_line(t, "places[l] = pos%d;", c);
    einc_line(t, "__syncthreads();");
    einc_line(t, "for (int w = %d; w > 0; w /= 2) {", w->team / 2);
    t->indent += 4;
    einc_line(t, "if (l < w && places[l + w] >= 0) {");
    t->indent += 4;
    einc_line(t, "const %s next = best[l + w], own = best[l];", type);
    einc_line(t, "const int64_t at = places[l + w], had = places[l];");
    einc_line(t, is_float(f.type) ? "const bool more = next %s own || (next "
                                    "!= next && own == own);"
                                  : "const bool more = next %s own;", op);
    einc_line(t, is_float(f.type) ? "const bool same = next == own || (next "
                                    "!= next && own != own);"
                                  : "const bool same = next == own;");
    einc_line(t, "if (had < 0 || more || (same && at < had)) {");
    einc_line(t, "    best[l] = next;");
    einc_line(t, "    places[l] = at;");
    einc_line(t, "}");
    t->indent -= 4;
    einc_line(t, "}");
    einc_line(t, "__syncthreads();");
    t->indent -= 4;
    einc_line(t, "}");
    einc_line(t, "acc%d = best[0];", c);
    einc_line(t, "pos%d = places[0];", c);
    einc_line(t, "__syncthreads();");
    t->indent -= 4;
    einc_line(t, "}");
}

/* Elements of a payload. */
static const char *
slots_of(const struct writer *w, const struct value_reduce *r)
{
    const char *n = "1";
    for (int q = 0; q < w->m->values.n_vars; q++)
        if (r->payload >> q & 1)
            n = einc_times(w, n, einc_count_text(w, q));
    return n;
}

/* A number, or each of a payload. */
static void
merge_numbers(const struct writer *w, int c, int v, struct form f)
{
    const struct value_reduce *r = value_of(w, v)->reduce;
    const char *at = r->payload ? "[slot]" : "";
    const char *acc = PRINTED(w, "acc%d%s", c, at);
    const char *lost = PRINTED(w, "lost%d%s", c, at);
    const char *x =
        r->kept ? PRINTED(w, "%s(%s, %s)",
                          einc_helper(w->h, "across_kept_%s",
                                      einc_form_suffix(f.type)), acc, lost)
        : r->redop == REDOP_WEIGHTED
            ? across(w, "sum", f,
                     PRINTED(w, "%s*by%d", acc, w->m->carries[c].with))
            : across(w, op_of(r->redop, f.type), f, acc);
    if (r->payload) {
        einc_line(w->t, "for (int64_t slot = 0; slot < %s; slot++) {",
                  slots_of(w, r));
        w->t->indent += 4;
    }
    einc_line(w->t, "%s = %s;", acc, x);
    if (r->kept)
        einc_line(w->t, "%s = 0;", lost);
    if (r->payload)
        close_brace(w);
}

void
einc_team_merge(const struct writer *w, int c)
{
    int v = w->m->carries[c].value;
    int redop = value_of(w, v)->reduce->redop;
    struct form f = einc_kept_form(w, v);
    if (redop == REDOP_LOGSUMEXP)
        merge_lse(w, c, f);
    else if (redop_is_position(redop))
        merge_position(w, c, v, f);
    else
        merge_numbers(w, c, v, f);
}

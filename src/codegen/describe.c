/* SPDX-License-Identifier: MIT
 *
 * describe.c - a nest in words, for who asks what becomes of a statement:
 * which loops are tasks, lanes and tiles, which are cut short, what stays in
 * registers.
 */
#include <string.h>

#include "codegen/levels.h"
#include "parse/tree.h"

static struct str
name_of(const struct mapreduce *m, int var)
{
    return m->p->indices[m->values.var[var].index].name;
}

/* --- free loops ---------------------------------------------------------- */

static void
describe_tasks(struct text *t, const struct mapreduce *m)
{
    int n = 0;
    for (int f = 0; f < m->n_free; f++) {
        struct str name = m->p->indices[m->free[f].index].name;
        if (m->free[f].is_task)
            einc_put(t, "%s%.*s", n++ ? "," : "    ", (int)name.n, name.p);
    }
    if (n)
        einc_put(t, " in %lld tasks for threads\n", (long long)m->tasks);
}

/* Rows and vectors that stand in one block, and share what they load. */
static void
describe_tile(struct text *t, const struct mapreduce *m)
{
    for (int f = 0; f < m->n_free; f++) {
        const struct free_loop *x = &m->free[f];
        struct str name = m->p->indices[x->index].name;
        if (x->span > 1 && !(m->lane >= 0 && x->var == m->lane))
            einc_put(t, "    %lld values of %.*s at once, which share what "
                     "they load\n", (long long)x->span, (int)name.n, name.p);
        if (x->is_payload)
            einc_put(t, "    %.*s innermost: what does not depend on it is "
                     "computed once for all %lld\n", (int)name.n, name.p,
                     (long long)x->turns);
    }
    if (m->lane < 0)
        return;
    struct str name = name_of(m, m->lane);
    einc_put(t, "    %.*s in the lanes of vectors, %d at a time\n",
             (int)name.n, name.p, m->lanes * (m->vectors > 1 ? m->vectors
                                                             : 1));
}

/* --- reductions ---------------------------------------------------------- */

static int
is_online(const struct mapreduce *m, const struct carry *c)
{
    const struct value_reduce *r = m->values.v[c->value].reduce;
    return r->redop == REDOP_WEIGHTED || r->redop == REDOP_LOGSUMEXP;
}

static void
put_reduction(struct text *t, const struct mapreduce *m,
              const struct value_reduce *r)
{
    const char *op = r->redop == REDOP_WEIGHTED ? "softmax and sum"
                     : r->redop < N_REDOPS
                         ? einc_tree_redop_name((enum redop)r->redop)
                         : "prod";
    einc_put(t, "%s[", op);
    for (int k = 0; k < r->n_vars; k++) {
        struct str name = m->p->indices[r->indices[k]].name;
        einc_put(t, "%s%.*s", k ? "," : "", (int)name.n, name.p);
    }
    einc_put(t, "]");
}

/* The logsumexp of a softmax whose weighted sum is made in its pass. */
static int
is_half(const struct mapreduce *m, int carry)
{
    for (int c = 0; c < m->n_carries; c++)
        if (m->values.v[m->carries[c].value].reduce->redop ==
                REDOP_WEIGHTED && m->carries[c].with == carry)
            return 1;
    return 0;
}

/* Whether a reduction of the same words was told. */
static int
is_told(const struct mapreduce *m, int carry)
{
    const struct value_reduce *a =
        m->values.v[m->carries[carry].value].reduce;
    for (int c = 0; c < carry; c++) {
        const struct value_reduce *b =
            m->values.v[m->carries[c].value].reduce;
        if (a->redop == b->redop && a->n_vars == b->n_vars &&
            a->payload == b->payload &&
            memcmp(a->vars, b->vars, sizeof *a->vars * (size_t)a->n_vars) ==
                0)
            return 1;
    }
    return 0;
}

/* Where loops are cut short. */
static void
describe_bounds(struct text *t, const struct mapreduce *m,
                const struct value_reduce *r)
{
    for (int k = 0; k < r->n_vars; k++) {
        struct str name = m->p->indices[r->indices[k]].name;
        if (r->n_from[k] || r->n_to[k])
            einc_put(t, "        %.*s %s where the guard does: the rest is "
                     "skipped\n", (int)name.n, name.p,
                     r->n_from[k] && r->n_to[k] ? "begins and ends"
                     : r->n_from[k]             ? "begins"
                                                : "ends");
        else if (m->values.var[r->vars[k]].from >= 0)
            einc_put(t, "        %.*s runs over a range that is known when "
                     "its loop begins\n", (int)name.n, name.p);
    }
}

static void
describe_reduction(struct text *t, const struct mapreduce *m, int carry)
{
    const struct carry *c = &m->carries[carry];
    const struct value_reduce *r = m->values.v[c->value].reduce;
    if (is_told(m, carry) || is_half(m, carry))
        return;
    einc_put(t, "    ");
    put_reduction(t, m, r);
    if (r->payload)
        einc_put(t, " of %lld values side by side, %s\n",
                 (long long)einc_levels_points(m, r->payload),
                 is_online(m, c) ? "in one pass with a running maximum"
                                 : "in scratch memory");
    else
        einc_put(t, "%s\n", is_online(m, c)
                                ? " in one pass, with a running maximum"
                                : " in registers");
    describe_bounds(t, m, r);
}

static void
describe_tables(struct text *t, const struct mapreduce *m)
{
    for (int k = 0; k < m->n_tables; k++) {
        int tensor = m->values.v[m->tables[k].value].tensor, known = 0;
        struct str name = m->p->tensors[tensor].name;
        for (int j = 0; j < k; j++)
            known |= m->values.v[m->tables[j].value].tensor == tensor;
        if (known)
            continue;
        einc_put(t, "    %.*s is gathered into vectors once, ahead of the "
                 "loops that read it\n", (int)name.n, name.p);
    }
}

void
einc_mapreduce_describe(struct text *t, const struct mapreduce *m)
{
    describe_tasks(t, m);
    describe_tile(t, m);
    for (int c = 0; c < m->n_carries; c++)
        describe_reduction(t, m, c);
    describe_tables(t, m);
}

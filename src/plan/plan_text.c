/* SPDX-License-Identifier: MIT
 *
 * plan_text.c - a plan as text that reads back (plan_read.c), and the dump of
 * its path. Every printer is linear in the plan.
 */
#include "plan/plan_text.h"

#include "plan/cost.h"
#include "plan/model.h"

/* --- pieces ------------------------------------------------------------- */

void
einc_plan_tensor_put(struct text *t, const struct plan_tensor *x)
{
    if (x->home == HOME_OUTPUT)
        einc_put_str(t, str_of("out"));
    else
        einc_put(t, "%s%d", x->home == HOME_INPUT ? "in" : "t", x->number);
}

static void
put_names(struct text *t, const struct plan *p, const struct plan_tensor *x)
{
    for (int i = 0; i < x->n_axes; i++) {
        einc_put_str(t, str_of(i ? "," : ""));
        einc_put_str(t, p->canon->indices[x->axes[i].index].name);
    }
}

/* "t1[b,j,l]" */
void
einc_plan_tensor_put_named(struct text *t, const struct plan *p, int number)
{
    const struct plan_tensor *x = &p->tensors[number];
    einc_plan_tensor_put(t, x);
    einc_put_str(t, str_of("["));
    put_names(t, p, x);
    einc_put_str(t, str_of("]"));
}

/* "t1 = in1 * in2", with or without the indices. */
static void
put_equation(struct text *t, const struct plan *p, const struct step *s,
             int with_indices)
{
    for (int i = -1; i < s->n_in; i++) {
        int x = i < 0 ? s->out : s->in[i];
        einc_put_str(t, str_of(i < 0 ? "" : i == 0 ? " = " : " * "));
        if (with_indices)
            einc_plan_tensor_put_named(t, p, x);
        else
            einc_plan_tensor_put(t, &p->tensors[x]);
    }
}

/* The user's text on one line: control characters and backslashes escaped. */
static void
put_source(struct text *t, struct str s)
{
    int64_t from = 0;
    for (int64_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= ' ' && c != 127 && c != '\\')
            continue;
        einc_put_str(t, (struct str){s.p + from, i - from});
        from = i + 1;
        if (c == '\n' || c == '\t' || c == '\\')
            einc_put(t, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : '\\');
        else
            einc_put(t, "\\x%02x", c);
    }
    einc_put_str(t, (struct str){s.p + from, s.n - from});
}

static const char *
type_name(enum einc_dtype t)
{
    return einc_dtype_info(t)->name;
}

/* --- text --------------------------------------------------------------- */

static int
is_dense(const struct operand *o)
{
    int64_t stride = 1;
    for (int d = o->n_dims - 1; d >= 0; d--) {
        if (o->shape[d] == 0)
            return 1;
        if (o->shape[d] != 1 && o->stride[d] != stride)
            return 0;
        if (__builtin_mul_overflow(stride, o->shape[d], &stride))
            return 0;
    }
    return 1;
}

/* "f32 8x64x128", and the strides unless dense row-major. */
static void
print_layout(struct text *t, const struct operand *o)
{
    einc_put(t, " %s ", type_name(o->dtype));
    for (int d = 0; d < o->n_dims; d++)
        einc_put(t, "%s%lld", d ? "x" : "", (long long)o->shape[d]);
    einc_put_str(t, str_of(o->n_dims ? "" : "scalar"));
    for (int d = 0; !is_dense(o) && d < o->n_dims; d++)
        einc_put(t, "%s%lld", d ? "," : " stride ", (long long)o->stride[d]);
    einc_put_str(t, str_of("\n"));
}

static void
print_sizes(struct text *t, const struct graph *g)
{
    int symbolic = 0;
    einc_put_str(t, str_of(g->n_indices ? "size" : ""));
    for (int x = 0; x < g->n_indices; x++) {
        einc_put_str(t, str_of(" "));
        einc_put_str(t, g->indices[x].name);
        einc_put(t, "=%lld", (long long)g->indices[x].extent);
        symbolic |= !g->indices[x].fixed;
    }
    einc_put_str(t, str_of(g->n_indices ? "\n" : ""));
    einc_put_str(t, str_of(symbolic ? "symbolic" : ""));
    for (int x = 0; symbolic && x < g->n_indices; x++) {
        if (g->indices[x].fixed)
            continue;
        einc_put_str(t, str_of(" "));
        einc_put_str(t, g->indices[x].name);
    }
    einc_put_str(t, str_of(symbolic ? "\n" : ""));
}

/* What the caller gave: known before there are steps. */
void
einc_plan_print_head(struct text *t, const struct plan *p)
{
    const struct graph *g = p->graph;
    einc_put_str(t, str_of("einsum "));
    put_source(t, g->source);
    einc_put(t, " %s%s\n", type_name(g->compute),
             einc_graph_sum_name(g->summing.how));
    print_sizes(t, g);
    for (int o = 0; o < g->n_in; o++) {
        einc_put(t, "operand %d", o);
        print_layout(t, &g->in[o]);
    }
    einc_put_str(t, str_of("output"));
    print_layout(t, &g->out);
}

void
einc_plan_print_equation(struct text *t, const struct plan *p, int step)
{
    put_equation(t, p, &p->steps[step], 1);
}

static void
print_step(struct text *t, const struct plan *p, int i,
           const struct plan_model *m)
{
    const struct step *s = &p->steps[i];
    const struct lowering *l = einc_lowering_of(s->kind);
    einc_put(t, "step %d %s ", i + 1, l->name);
    put_equation(t, p, s, 1);
    einc_put_str(t, str_of("\n    "));
    l->print(t, p, s);
    if (s->factor != 1)
        einc_put(t, " factor %lld", (long long)s->factor);
    einc_put(t, " flop %llu\n", (unsigned long long)s->flop);
    einc_put(t, "    read_bytes %llu write_bytes %llu\n",
             (unsigned long long)s->read_bytes,
             (unsigned long long)s->write_bytes);
    if (m)
        einc_put(t, "    model_ns %lld\n",
                 (long long)einc_model_ns(
                     einc_model_step(m->machine, p, i, m->threads)));
}

void
einc_plan_print(struct text *t, const struct plan *p,
                const struct plan_model *m)
{
    einc_plan_print_head(t, p);
    for (int i = 0; i < p->n_steps; i++)
        print_step(t, p, i, m);
    for (int i = 0; i < p->n_tensors; i++) {
        const struct plan_tensor *x = &p->tensors[i];
        if (x->home == HOME_TEMP)
            einc_put(t, "buffer t%d at_byte %lld size_bytes %lld\n",
                     x->number, (long long)x->at_byte,
                     (long long)x->size_bytes);
    }
    einc_put(t,
             "total flop %llu read_bytes %llu write_bytes %llu "
             "temporary_bytes %lld\n",
             (unsigned long long)p->flop, (unsigned long long)p->read_bytes,
             (unsigned long long)p->write_bytes,
             (long long)p->temporary_bytes);
    if (m)
        einc_put(t, "peak_bytes %lld scratch_bytes %lld\n"
                    "model_ns %lld machine %s threads %d\n",
                 (long long)m->peak_bytes, (long long)m->scratch_bytes,
                 (long long)einc_model_ns(
                     einc_model_plan(m->machine, p, m->threads)),
                 m->machine->name, m->threads);
    einc_put(t, "hash %016llx\n", (unsigned long long)p->hash);
}

/* --- path --------------------------------------------------------------- */

void
einc_plan_print_path(struct text *t, const struct plan *p)
{
    einc_put(t, "path %s flop %llu temporary_bytes %lld\n", p->finder,
             (unsigned long long)p->flop, (long long)p->temporary_bytes);
    for (int i = 0; i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        einc_put(t, "%d ", i + 1);
        put_equation(t, p, s, 0);
        einc_put(t, " flop %llu elements %llu\n", (unsigned long long)s->flop,
                 (unsigned long long)einc_cost_elements(
                     p->canon, &p->tensors[s->out]));
    }
}

/* SPDX-License-Identifier: MIT
 *
 * plan_json.c - a plan as JSON, and as DOT for graphviz. Linear in the plan.
 */
#include "base/json.h"
#include "plan/model.h"
#include "plan/plan_text.h"

static void
json_names(struct text *t, const struct plan *p, const char *key,
           const struct plan_tensor *x)
{
    einc_put(t, "\"%s\": [", key);
    for (int i = 0; i < x->n_axes; i++) {
        einc_put_str(t, str_of(i ? ", " : ""));
        einc_json_string(t, p->canon->indices[x->axes[i].index].name);
    }
    einc_put_str(t, str_of("]"));
}

static void
json_group(struct text *t, const struct plan *p, const char *key,
           const struct group *g)
{
    einc_put(t, "\"%s\": {\"indices\": [", key);
    for (int i = 0; i < g->n; i++) {
        einc_put_str(t, str_of(i ? ", " : ""));
        einc_json_string(t, p->canon->indices[g->index[i]].name);
    }
    einc_put(t, "], \"extent\": %lld}", (long long)g->extent);
}

static void
json_layout(struct text *t, const struct operand *o)
{
    einc_put(t, "{\"dtype\": \"%s\", ", einc_dtype_name(o->dtype));
    einc_json_ints(t, "shape", o->shape, o->n_dims);
    einc_put_str(t, str_of(", "));
    einc_json_ints(t, "strides", o->stride, o->n_dims);
    einc_put_str(t, str_of("}"));
}

static void
json_head(struct text *t, const struct plan *p)
{
    const struct graph *g = p->graph;
    einc_put_str(t, str_of("{\n  \"expression\": "));
    einc_json_string(t, g->source);
    einc_put(t, ",\n  \"compute\": \"%s\",\n  \"sizes\": {",
             einc_dtype_name(g->compute));
    for (int x = 0; x < g->n_indices; x++) {
        einc_put_str(t, str_of(x ? ", " : ""));
        einc_json_string(t, g->indices[x].name);
        einc_put(t, ": %lld", (long long)g->indices[x].extent);
    }
    einc_put_str(t, str_of("},\n  \"operands\": ["));
    for (int o = 0; o < g->n_in; o++) {
        einc_put_str(t, str_of(o ? ",\n    " : "\n    "));
        json_layout(t, &g->in[o]);
    }
    einc_put_str(t, str_of("\n  ],\n  \"output\": "));
    json_layout(t, &g->out);
}

static void
json_tensor_name(struct text *t, const struct plan *p, int x)
{
    einc_put_str(t, str_of("\""));
    einc_plan_tensor_put(t, &p->tensors[x]);
    einc_put_str(t, str_of("\""));
}

static void
json_step(struct text *t, const struct plan *p, int step,
          const struct plan_model *m)
{
    const struct step *s = &p->steps[step];
    einc_put(t, "    {\"kind\": \"%s\", \"inputs\": [",
             einc_lowering_of(s->kind)->name);
    for (int i = 0; i < s->n_in; i++) {
        einc_put_str(t, str_of(i ? ", " : ""));
        json_tensor_name(t, p, s->in[i]);
    }
    einc_put_str(t, str_of("], \"output\": "));
    json_tensor_name(t, p, s->out);
    einc_put_str(t, str_of(", "));
    json_names(t, p, "indices", &p->tensors[s->out]);
    einc_put_str(t, str_of(",\n     \"groups\": {"));
    json_group(t, p, s->kind == STEP_CONTRACT ? "batch" : "free", &s->b);
    if (s->kind == STEP_CONTRACT) {
        einc_put_str(t, str_of(", "));
        json_group(t, p, "m", &s->m);
        einc_put_str(t, str_of(", "));
        json_group(t, p, "n", &s->n);
    }
    if (s->kind != STEP_COPY) {
        einc_put_str(t, str_of(", "));
        json_group(t, p, s->kind == STEP_CONTRACT ? "k" : "sum", &s->k);
    }
    einc_put(t, "},\n     \"factor\": %lld, \"flop\": %llu, "
             "\"read_bytes\": %llu, \"write_bytes\": %llu",
             (long long)s->factor, (unsigned long long)s->flop,
             (unsigned long long)s->read_bytes,
             (unsigned long long)s->write_bytes);
    if (m)
        einc_put(t, ", \"model_ns\": %lld",
                 (long long)einc_model_ns(
                     einc_model_step(m->machine, p, step, m->threads)));
    einc_put_str(t, str_of("}"));
}

/* Step s makes value n_in + s, which is how tensors are numbered. */
static void
json_ssa_path(struct text *t, const struct plan *p)
{
    einc_put_str(t, str_of(",\n  \"ssa_path\": ["));
    for (int s = 0; s < p->n_steps; s++) {
        einc_put_str(t, str_of(s ? ", [" : "["));
        for (int i = 0; i < p->steps[s].n_in; i++)
            einc_put(t, "%s%d", i ? ", " : "", p->steps[s].in[i]);
        einc_put_str(t, str_of("]"));
    }
    einc_put_str(t, str_of("]"));
}

/* Live values before each, as prefix sums (Fenwick, 1994). */
struct ranks {
    int *sum, n;
};

static void
rank_add(struct ranks *r, int v, int by)
{
    for (int i = v + 1; i <= r->n; i += i & -i)
        r->sum[i] += by;
}

static int
rank_of(const struct ranks *r, int v)
{
    int rank = 0;
    for (int i = v; i > 0; i -= i & -i)
        rank += r->sum[i];
    return rank;
}

/* As numpy and opt_einsum have it: positions in the list of what is left, to
 * which results are appended. */
static void
json_linear_path(struct text *t, const struct plan *p)
{
    struct ranks r = {NEW(t->perm, int, p->n_tensors + 1), p->n_tensors};
    for (int v = 0; v < p->graph->n_in; v++)
        rank_add(&r, v, 1);
    einc_put_str(t, str_of(",\n  \"linear_path\": ["));
    for (int k = 0; k < p->n_steps; k++) {
        const struct step *s = &p->steps[k];
        einc_put_str(t, str_of(k ? ", [" : "["));
        for (int i = 0; i < s->n_in; i++)
            einc_put(t, "%s%d", i ? ", " : "", rank_of(&r, s->in[i]));
        for (int i = 0; i < s->n_in; i++)
            rank_add(&r, s->in[i], -1);
        rank_add(&r, s->out, 1);
        einc_put_str(t, str_of("]"));
    }
    einc_put_str(t, str_of("]"));
}

static void
json_buffers(struct text *t, const struct plan *p)
{
    int n = 0;
    einc_put_str(t, str_of(",\n  \"buffers\": ["));
    for (int i = 0; i < p->n_tensors; i++) {
        const struct plan_tensor *x = &p->tensors[i];
        if (x->home == HOME_TEMP)
            einc_put(t, "%s    {\"name\": \"t%d\", \"at_byte\": %lld, "
                     "\"size_bytes\": %lld}",
                     n++ ? ",\n" : "\n", x->number, (long long)x->at_byte,
                     (long long)x->size_bytes);
    }
    einc_put_str(t, str_of(n ? "\n  ]" : "]"));
}

static void
json_model(struct text *t, const struct plan *p, const struct plan_model *m)
{
    einc_put(t, ",\n  \"scratch_bytes\": %lld,\n  \"peak_bytes\": %lld,\n"
             "  \"model\": {\"machine\": \"%s\", \"threads\": %d, "
             "\"model_ns\": %lld}",
             (long long)m->scratch_bytes, (long long)m->peak_bytes,
             m->machine->name, m->threads,
             (long long)einc_model_ns(
                 einc_model_plan(m->machine, p, m->threads)));
}

void
einc_plan_print_json(struct text *t, const struct plan *p,
                     const struct plan_model *m)
{
    uint64_t terms = p->error_terms < 1e18 ? (uint64_t)p->error_terms
                                           : UINT64_C(1000000000000000000);
    json_head(t, p);
    einc_put_str(t, str_of(",\n  \"steps\": [\n"));
    for (int i = 0; i < p->n_steps; i++) {
        json_step(t, p, i, m);
        einc_put_str(t, str_of(i + 1 < p->n_steps ? ",\n" : "\n"));
    }
    einc_put_str(t, str_of("  ]"));
    json_buffers(t, p);
    einc_put(t, ",\n  \"flop\": %llu,\n  \"read_bytes\": %llu,\n"
             "  \"write_bytes\": %llu,\n  \"temporary_bytes\": %lld,\n"
             "  \"error_terms\": %llu,\n  \"finder\": \"%s\",\n"
             "  \"hash\": \"%016llx\"",
             (unsigned long long)p->flop, (unsigned long long)p->read_bytes,
             (unsigned long long)p->write_bytes,
             (long long)p->temporary_bytes, (unsigned long long)terms,
             p->finder, (unsigned long long)p->hash);
    if (m)
        json_model(t, p, m);
    json_ssa_path(t, p);
    json_linear_path(t, p);
    einc_put_str(t, str_of("\n}\n"));
}

/* --- DOT ---------------------------------------------------------------- */

/* A box per tensor, an ellipse per step. DOT strings escape like JSON ones,
 * but for control characters, which names do not have. */
static void
dot_tensor(struct text *t, const struct plan *p, int i)
{
    const struct plan_tensor *x = &p->tensors[i];
    einc_put_str(t, str_of("  "));
    einc_plan_tensor_put(t, x);
    einc_put_str(t, str_of(" [shape=box, label=\""));
    einc_plan_tensor_put_named(t, p, i);
    einc_put(t, "\\n%s", einc_dtype_name(x->dtype));
    for (int k = 0; k < x->n_axes; k++)
        einc_put(t, "%s%lld", k ? "x" : " ",
                 (long long)p->canon->indices[x->axes[k].index].extent);
    einc_put_str(t, str_of("\"];\n"));
}

void
einc_plan_print_dot(struct text *t, const struct plan *p,
                    const struct plan_model *m)
{
    einc_put_str(t, str_of("digraph plan {\n"));
    for (int i = 0; i < p->n_tensors; i++)
        dot_tensor(t, p, i);
    for (int i = 0; i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        einc_put(t, "  s%d [label=\"%d %s\\nflop %llu", i + 1, i + 1,
                 einc_lowering_of(s->kind)->name,
                 (unsigned long long)s->flop);
        if (m)
            einc_put(t, "\\nmodel_ns %lld",
                     (long long)einc_model_ns(
                         einc_model_step(m->machine, p, i, m->threads)));
        einc_put_str(t, str_of("\"];\n"));
        for (int k = 0; k < s->n_in; k++) {
            einc_put_str(t, str_of("  "));
            einc_plan_tensor_put(t, &p->tensors[s->in[k]]);
            einc_put(t, " -> s%d;\n", i + 1);
        }
        einc_put(t, "  s%d -> ", i + 1);
        einc_plan_tensor_put(t, &p->tensors[s->out]);
        einc_put_str(t, str_of(";\n"));
    }
    einc_put_str(t, str_of("}\n"));
}

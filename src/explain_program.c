/* SPDX-License-Identifier: MIT
 *
 * explain_program.c - a plan of index statements as text, JSON and DOT: its
 * statements as they are run, what runs them, and what they take.
 */
#include "base/json.h"
#include "ctx.h"
#include "plan/model.h"

/* --- figures ------------------------------------------------------------ */

/* How often a stage is run: in strips, and an einsum in slices. */
static double
times_of(const struct einc_plan *x, int stage)
{
    double strips = (double)einc_script_strips(x->script, stage);
    return x->stages[stage].plan
               ? strips * (double)x->script->stages[stage].slices.count
               : strips;
}

/* Whether a sum over the stages counts it: of a mask that keeps much is what
 * is said of the whole, not of both. */
static int
is_counted(const struct einc_plan *x, int stage)
{
    const struct script *s = x->script;
    return !s->program->stmts[s->stages[stage].stmt].few;
}

double
einc_program_flop(const struct einc_plan *x, int stage)
{
    double sum = 0;
    if (stage >= 0 && !x->stages[stage].plan)
        return times_of(x, stage) * x->stages[stage].flop;
    if (stage >= 0)
        return times_of(x, stage) *
               (double)x->stages[stage].plan->plan->flop;
    for (int s = 0; s < x->script->n_stages; s++)
        if (is_counted(x, s))
            sum += einc_program_flop(x, s);
    return sum;
}

double
einc_program_bytes(const struct einc_plan *x, int stage)
{
    double sum = 0;
    if (stage < 0) {
        for (int s = 0; s < x->script->n_stages; s++)
            if (is_counted(x, s))
                sum += einc_program_bytes(x, s);
        return sum;
    }
    const struct einc_plan *own = x->stages[stage].plan;
    return own ? times_of(x, stage) * ((double)own->plan->read_bytes +
                                        (double)own->plan->write_bytes)
               : times_of(x, stage) * x->stages[stage].bytes;
}

double
einc_program_model(const struct einc_plan *x, int stage, int threads)
{
    const struct machine *m = &x->ctx->machine;
    double sum = 0;
    if (stage < 0) {
        for (int s = 0; s < x->script->n_stages; s++)
            if (is_counted(x, s))
                sum += einc_program_model(x, s, threads);
        return sum;
    }
    const struct stage_run *run = &x->stages[stage];
    if (run->plan)
        return times_of(x, stage) *
               einc_model_plan(m, run->plan->plan, threads);
    const struct program *p = x->script->program;
    const struct stmt *s = &p->stmts[x->script->stages[stage].stmt];
    int alone = run->flop + run->bytes < WORTH_A_THREAD;
    return times_of(x, stage) *
           einc_model_loops(m, einc_fn_compute(s->right->type), run->flop,
                            run->bytes, alone ? 1 : threads);
}

/* Whole, for printing. */
static long long
whole(double x)
{
    return x < 9e18 ? (long long)x : 9000000000000000000;
}

static int64_t
model_ns(const struct einc_plan *x, int stage)
{
    return einc_model_ns(einc_program_model(x, stage, x->ctx->threads));
}

/* How many tasks the loops of a stage are cut into; 0: it has no kernel. */
static int64_t
tasks_of(const struct einc_plan *x, int stage)
{
    const struct mapreduce *nest = x->stages[stage].nest;
    return nest ? einc_mapreduce_arguments(nest, x->ctx->threads, NULL, NULL)
                : 0;
}

/* --- text --------------------------------------------------------------- */

/* One that has a kernel may be evaluated, too: that of a small statement is
 * compiled only where it was before, or is asked for. */
static void
print_loops(struct text *t, const struct einc_plan *x, int s)
{
    const struct stage_run *run = &x->stages[s];
    einc_put(t, "loops flop %lld bytes %lld tasks %lld scratch_bytes %lld "
                "model_ns %lld%s\n",
             whole(einc_program_flop(x, s)), whole(einc_program_bytes(x, s)),
             (long long)tasks_of(x, s), (long long)run->scratch_bytes,
             (long long)model_ns(x, s),
             einc_plan_call(x, s) ? "" : " evaluated");
    if (run->nest)
        einc_mapreduce_describe(t, run->nest);
}

/* The plan of an einsum as it is printed alone, but for the copies with their
 * borders, which are scratch of the stage. */
static struct plan_model
einsum_model(const struct einc_plan *x, int s)
{
    struct plan_model m = einc_explain_model(x->stages[s].plan);
    m.scratch_bytes += x->script->stages[s].border_bytes;
    m.peak_bytes += x->script->stages[s].border_bytes;
    return m;
}

static void
print_einsum(struct text *t, const struct einc_plan *x, int s)
{
    const struct plan_model m = einsum_model(x, s);
    einc_plan_print(t, x->stages[s].plan->plan, &m);
}

void
einc_program_print_plan(struct text *t, struct arena *scratch,
                        const struct einc_plan *x)
{
    const struct plan_model m = einc_explain_model(x);
    (void)scratch;
    einc_script_print(t, x->script);
    for (int s = 0; s < x->script->n_stages; s++) {
        einc_put(t, "stage %d ", s + 1);
        if (x->stages[s].plan)
            print_einsum(t, x, s);
        else
            print_loops(t, x, s);
    }
    einc_put(t, "total flop %lld bytes %lld\n"
                "peak_bytes %lld scratch_bytes %lld\n",
             whole(einc_program_flop(x, -1)),
             whole(einc_program_bytes(x, -1)), (long long)m.peak_bytes,
             (long long)m.scratch_bytes);
    einc_put(t, "model machine %s threads %d model_ns %lld\nhash %016llx\n",
             m.machine->name, m.threads, (long long)model_ns(x, -1),
             (unsigned long long)x->hash);
}

void
einc_program_print_nest(struct text *t, struct arena *scratch,
                        const struct einc_plan *x)
{
    for (int s = 0; s < x->script->n_stages; s++) {
        const struct stage_run *run = &x->stages[s];
        einc_put(t, "stage %d ", s + 1);
        if (run->plan)
            einc_explain_nest(t, scratch, run->plan);
        else if (run->nest)
            einc_mapreduce_print(t, run->nest);
        else
            einc_put(t, "evaluated: there is no kernel of this statement\n");
    }
}

void
einc_program_print_source(struct text *t, struct arena *scratch,
                          const struct einc_plan *x)
{
    for (int s = 0; s < x->script->n_stages; s++) {
        const struct stage_run *run = &x->stages[s];
        if (run->plan)
            einc_explain_source(t, scratch, run->plan);
        else if (run->nest)
            einc_put_str(
                t, str_of(einc_emit_mapreduce(scratch, run->nest).source));
    }
}

/* --- JSON --------------------------------------------------------------- */

static void
json_tensor(struct text *t, const struct tensor *x)
{
    einc_put(t, "{\"name\": ");
    einc_json_string(t, x->name);
    einc_put(t, ", \"dtype\": \"%s\", ", einc_dtype_name(x->dtype));
    einc_json_ints(t, "shape", x->shape, x->n_dims);
    if (x->kind != TENSOR_TEMP) {
        einc_put(t, ", ");
        einc_json_ints(t, "strides", x->stride, x->n_dims);
    }
    if (x->kind == TENSOR_OUTPUT)
        einc_put(t, ", \"read\": %s", x->read ? "true" : "false");
}

static int64_t
bytes_of(const struct tensor *x)
{
    int64_t n = einc_dtype_info(x->dtype)->bytes;
    for (int d = 0; d < x->n_dims; d++)
        n *= x->shape[d]; /* checked when the script was made */
    return n;
}

static void
json_tensors(struct text *t, const struct einc_plan *x, const char *key,
             enum tensor_kind kind)
{
    const struct program *p = x->script->program;
    int n = 0;
    einc_put(t, ",\n  \"%s\": [", key);
    for (int i = 0; i < p->n_tensors; i++) {
        if (p->tensors[i].kind != kind ||
            (kind == TENSOR_TEMP && x->script->at_byte[i] < 0))
            continue;
        einc_put(t, n++ ? ",\n    " : "\n    ");
        json_tensor(t, &p->tensors[i]);
        if (kind == TENSOR_TEMP)
            einc_put(t, ", \"at_byte\": %lld, \"size_bytes\": %lld",
                     (long long)x->script->at_byte[i],
                     (long long)bytes_of(&p->tensors[i]));
        einc_put(t, "}");
    }
    einc_put(t, n ? "\n  ]" : "]");
}

static void
json_reads(struct text *t, const struct program *p, const struct stage *g)
{
    einc_put(t, "\"inputs\": [");
    for (int i = 0; i < g->n_reads; i++) {
        einc_put(t, i ? ", " : "");
        einc_json_string(t, p->tensors[g->reads[i]].name);
    }
    einc_put(t, "], \"output\": ");
    einc_json_string(t, p->tensors[p->stmts[g->stmt].left.tensor].name);
}

/* The plan of an einsum as it is printed alone, in its place. */
static void
json_einsum(struct text *t, struct arena scratch, const struct einc_plan *x,
            int s)
{
    const struct plan_model m = einsum_model(x, s);
    const struct stage *g = &x->script->stages[s];
    struct text own = {.perm = &scratch};
    einc_plan_print_json(&own, x->stages[s].plan->plan, &m);
    einc_put(t, ",\n     \"adds\": %s,\n     \"plan\": ",
             g->adds ? "true" : "false");
    einc_json_inner(t, (struct str){own.p, own.n}, 5);
}

static void
json_stage(struct text *t, struct arena scratch, const struct einc_plan *x,
           int s)
{
    const struct program *p = x->script->program;
    const struct stage *g = &x->script->stages[s];
    struct text stmt = {.perm = &scratch};
    einc_resolve_print_stmt(&stmt, p, &p->stmts[g->stmt]);
    einc_put(t, "    {\"kind\": \"%s\", \"statement\": ",
             g->kind == STAGE_CONTRACT ? "contract" : "loops");
    einc_json_string(t, (struct str){stmt.p, stmt.n});
    einc_put(t, ",\n     ");
    json_reads(t, p, g);
    einc_put(t, ",\n     \"flop\": %lld, \"bytes\": %lld, \"live_bytes\": "
                "%lld, \"scratch_bytes\": %lld, \"model_ns\": %lld",
             whole(einc_program_flop(x, s)),
             whole(einc_program_bytes(x, s)), (long long)g->live_bytes,
             (long long)x->stages[s].scratch_bytes, (long long)model_ns(x, s));
    if (g->kind == STAGE_CONTRACT)
        json_einsum(t, scratch, x, s);
    else
        einc_put(t, ", \"tasks\": %lld, \"kernel\": \"%s\"",
                 (long long)tasks_of(x, s),
                 einc_plan_call(x, s) ? "mapreduce" : "");
    einc_put(t, "}");
}

void
einc_program_print_json(struct text *t, struct arena *scratch,
                        const struct einc_plan *x)
{
    const struct plan_model m = einc_explain_model(x);
    einc_put(t, "{\n  \"program\": ");
    einc_json_string(t, x->script->program->source);
    json_tensors(t, x, "operands", TENSOR_OPERAND);
    json_tensors(t, x, "outputs", TENSOR_OUTPUT);
    json_tensors(t, x, "temporaries", TENSOR_TEMP);
    einc_put(t, ",\n  \"stages\": [\n");
    for (int s = 0; s < x->script->n_stages; s++) {
        json_stage(t, *scratch, x, s);
        einc_put(t, s + 1 < x->script->n_stages ? ",\n" : "\n");
    }
    einc_put(t, "  ],\n  \"flop\": %lld,\n  \"bytes\": %lld,\n"
                "  \"temporary_bytes\": %lld,\n  \"scratch_bytes\": %lld,\n"
                "  \"peak_bytes\": %lld,\n"
                "  \"hash\": \"%016llx\",\n"
                "  \"model\": {\"machine\": \"%s\", \"threads\": %d, "
                "\"model_ns\": %lld}\n}\n",
             whole(einc_program_flop(x, -1)),
             whole(einc_program_bytes(x, -1)),
             (long long)x->script->temp_bytes, (long long)m.scratch_bytes,
             (long long)m.peak_bytes, (unsigned long long)x->hash,
             m.machine->name, m.threads, (long long)model_ns(x, -1));
}

/* --- DOT ---------------------------------------------------------------- */

static void
dot_name(struct text *t, const struct tensor *x)
{
    static const char *const kinds[] = {"in", "t", "out"};
    einc_put(t, "%s%d", kinds[x->kind], x->number + (x->kind == TENSOR_TEMP));
}

/* A box per tensor, its name within, an ellipse per stage. */
static void
dot_tensor(struct text *t, struct arena scratch, const struct tensor *x)
{
    struct text label = {.perm = &scratch};
    einc_put_str(&label, x->name);
    einc_put(&label, " %s", einc_dtype_name(x->dtype));
    for (int d = 0; d < x->n_dims; d++)
        einc_put(&label, "%s%lld", d ? "x" : " ", (long long)x->shape[d]);
    einc_put(t, "  ");
    dot_name(t, x);
    einc_put(t, " [shape=box, label=");
    einc_json_string(t, (struct str){label.p, label.n});
    einc_put(t, "];\n");
}

static void
dot_stage(struct text *t, const struct einc_plan *x, int s)
{
    const struct program *p = x->script->program;
    const struct stage *g = &x->script->stages[s];
    einc_put(t, "  s%d [label=\"%d %s\\nflop %lld\\nmodel_ns %lld\"];\n", s + 1,
             s + 1, g->kind == STAGE_CONTRACT ? "contract" : "loops",
             whole(einc_program_flop(x, s)), (long long)model_ns(x, s));
    for (int i = 0; i < g->n_reads; i++) {
        einc_put(t, "  ");
        dot_name(t, &p->tensors[g->reads[i]]);
        einc_put(t, " -> s%d;\n", s + 1);
    }
    einc_put(t, "  s%d -> ", s + 1);
    dot_name(t, &p->tensors[p->stmts[g->stmt].left.tensor]);
    einc_put(t, ";\n");
}

void
einc_program_print_dot(struct text *t, struct arena *scratch,
                       const struct einc_plan *x)
{
    const struct program *p = x->script->program;
    einc_put(t, "digraph plan {\n");
    for (int i = 0; i < p->n_tensors; i++)
        if (p->tensors[i].kind != TENSOR_TEMP || x->script->at_byte[i] >= 0)
            dot_tensor(t, *scratch, &p->tensors[i]);
    for (int s = 0; s < x->script->n_stages; s++)
        dot_stage(t, x, s);
    einc_put(t, "}\n");
}

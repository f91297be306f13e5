/* SPDX-License-Identifier: MIT
 *
 * file_main.c - see file.h: a main() that fills, times and checks.
 */
#include "codegen/file.h"

static const char *
main_type(const struct file *f)
{
    enum einc_dtype d = f->plan->graph->compute;
    return einc_dtype_info(d)->kind == KIND_FLOAT ||
                   einc_dtype_info(d)->kind == KIND_COMPLEX
               ? "double"
               : "int64_t";
}

static void
put_count(const struct file *f, const struct operand *o)
{
    einc_put(f->t, "%s",
             einc_dtype_info(o->dtype)->kind == KIND_COMPLEX ? "2" : "1");
    for (int d = 0; d < o->n_dims; d++) {
        einc_put(f->t, "*");
        einc_file_dim(f, o, d);
    }
}

static void
put_main_arrays(const struct file *f)
{
    const struct graph *g = f->plan->graph;
    for (int o = -1; o < g->n_in; o++) {
        const struct operand *x = o < 0 ? &g->out : &g->in[o];
        const char *type = einc_dtype_info(x->dtype)->c_type;
        struct text name = {.perm = f->scratch};
        if (o < 0)
            einc_put(&name, "out");
        else
            einc_put(&name, "in%d", o);
        const char *z = einc_text_z(&name);
        einc_put(f->t, "    const int64_t size_%s = ", z);
        put_count(f, x);
        einc_put(f->t, ";\n    %s *const %s = (%s *)malloc((size_t)size_%s * "
                       "sizeof *%s + 1);\n", type, z, type, z, z);
        einc_put(f->t, "    if (!%s)\n        return fputs(\"no memory for "
                       "%s\\n\", stderr), 1;\n", z, z);
        if (o < 0)
            continue;
        einc_put(f->t, "    for (int64_t at = 0; at < size_%s; at++)\n"
                       "        %s[at] = ", z, z);
        if (x->dtype == EINC_F16)
            einc_put(f->t, "float_to_half((float)(7*at %% 5) - 2);\n");
        else if (x->dtype == EINC_BF16)
            einc_put(f->t, "float_to_bf16((float)(7*at %% 5) - 2);\n");
        else if (x->dtype == EINC_BOOL)
            einc_put(f->t, "(uint8_t)(7*at %% 5 == 0);\n");
        else
            einc_put(f->t, "(%s)(7*at %% 5 - %d);\n", type,
                     einc_dtype_info(x->dtype)->kind == KIND_UINT ? 0 : 2);
    }
}

/* Stride of canonical index x in an operand, 0 if it holds none. */
static void
put_main_stride(const struct file *f, const struct operand *o,
                const struct operand *canon, int x)
{
    int has;
    int64_t value = einc_operand_stride(canon, x, &has);
    if (!has)
        einc_put(f->t, "0");
    else if (f->symbolic)
        einc_file_operand_stride(f, o, x);
    else
        einc_put(f->t, "%lld", (long long)value);
}

static void
put_main_offset(const struct file *f, const struct operand *o,
                const struct operand *canon)
{
    const struct graph *g = f->plan->canon;
    einc_put(f->t, "0");
    for (int x = 0; x < g->n_indices; x++) {
        int has;
        char name[NAME_ROOM];
        einc_operand_stride(canon, x, &has);
        if (!has)
            continue;
        einc_nest_name(name, sizeof name, g, x);
        einc_put(f->t, " + %s*(", name);
        put_main_stride(f, o, canon, x);
        einc_put(f->t, ")");
    }
}

static void
put_main_load(const struct file *f, const struct operand *o,
              const struct operand *canon, const char *name, int plane)
{
    const char *type = main_type(f);
    int complex = einc_dtype_info(o->dtype)->kind == KIND_COMPLEX;
    if (plane && !complex) {
        einc_put(f->t, "0");
        return;
    }
    einc_put(f->t, "(%s)%s%s[%s(", type,
             o->dtype == EINC_F16    ? "half_to_float("
             : o->dtype == EINC_BF16 ? "bf16_to_float("
                                     : "",
             name, complex ? "2*" : "");
    put_main_offset(f, o, canon);
    einc_put(f->t, ")%s]%s", plane ? " + 1" : "",
             o->dtype == EINC_F16 || o->dtype == EINC_BF16 ? ")" : "");
}

static int
is_empty(const struct graph *g)
{
    for (int x = 0; x < g->n_indices; x++)
        if (g->indices[x].in_output && g->indices[x].fixed &&
            g->indices[x].extent == 0)
            return 1;
    return 0;
}

/* The expression as plain loops, for some elements of out. */
static void
put_main_check(const struct file *f)
{
    const struct graph *g = f->plan->canon;
    const struct graph *first = f->plan->graph;
    struct text *t = f->t;
    const char *type = main_type(f);
    if (is_empty(g)) {
        einc_put(t, "    const int64_t wrong = 0, checked = 0;\n");
        return;
    }
    einc_put(t, "    int64_t all = 1, wrong = 0, checked = 0;\n");
    for (int x = 0; x < g->n_indices; x++)
        if (g->indices[x].in_output) {
            einc_put(t, "    all *= ");
            einc_file_extent(f, x);
            einc_put(t, ";\n");
        }
    einc_put(t, "    for (int64_t at = 0; at < all; at += all/500 + 1, "
                "checked++) {\n        int64_t rest = at;\n");
    for (int x = g->n_indices - 1; x >= 0; x--) {
        char name[NAME_ROOM];
        if (!g->indices[x].in_output)
            continue;
        einc_nest_name(name, sizeof name, g, x);
        einc_put(t, "        const int64_t %s = rest %% (", name);
        einc_file_extent(f, x);
        einc_put(t, ");\n        rest /= ");
        einc_file_extent(f, x);
        einc_put(t, ";\n");
    }
    einc_put(t, "        (void)rest;\n        %s re = 0, im = 0;\n", type);
    t->indent = 8;
    int depth = 0;
    for (int x = 0; x < g->n_indices; x++) {
        char name[NAME_ROOM];
        if (g->indices[x].in_output)
            continue;
        einc_nest_name(name, sizeof name, g, x);
        einc_put(t, "%*sfor (int64_t %s = 0; %s < ", t->indent, "", name, name);
        einc_file_extent(f, x);
        einc_put(t, "; %s++) {\n", name);
        t->indent += 4;
        depth++;
    }
    einc_line(t, "%s part_re = 1, part_im = 0;", type);
    for (int o = 0; o < g->n_in; o++) {
        struct text name = {.perm = f->scratch};
        einc_put(&name, "in%d", o);
        for (int plane = 0; plane < 2; plane++) {
            einc_put(t, "%*sconst %s %s%d = ", t->indent, "", type,
                     plane ? "v" : "u", o);
            put_main_load(f, &first->in[o], &g->in[o], einc_text_z(&name),
                          plane);
            einc_put(t, ";\n");
        }
        einc_line(t, "const %s old%d = part_re;", type, o);
        einc_line(t, "part_re = part_re*u%d - part_im*v%d;", o, o);
        einc_line(t, "part_im = old%d*v%d + part_im*u%d;", o, o, o);
    }
    einc_line(t, "re += part_re;");
    einc_line(t, "im += part_im;");
    while (depth-- > 0) {
        t->indent -= 4;
        einc_line(t, "}");
    }
    if (g->factor != 1) {
        einc_line(t, "re *= %lld;", (long long)g->factor);
        einc_line(t, "im *= %lld;", (long long)g->factor);
    }
    t->indent = 0;
    enum einc_dtype d = first->out.dtype;
    int narrow = einc_dtype_info(d)->kind == KIND_INT ||
                 einc_dtype_info(d)->kind == KIND_UINT;
    einc_put(t, "        const %s got_re = ", type);
    put_main_load(f, &first->out, &g->out, "out", 0);
    einc_put(t, ";\n        const %s got_im = ", type);
    put_main_load(f, &first->out, &g->out, "out", 1);
    einc_put(t, ";\n");
    if (d == EINC_BOOL)
        einc_put(t, "        wrong += got_re != (re != 0);\n");
    else if (narrow)
        einc_put(t, "        wrong += got_re != (%s)(%s)re;\n", type,
                 einc_dtype_info(d)->c_type);
    else
        einc_put(t, "        wrong += (got_re - re)*(got_re - re) > "
                    "1e-6*(1 + re*re);\n");
    einc_put(t, "        wrong += (got_im - im)*(got_im - im) > "
                "%s*(1 + im*im);\n    }\n",
             narrow || d == EINC_BOOL ? "0" : "1e-6");
}

static void
put_main_sizes(const struct file *f)
{
    const struct graph *g = f->plan->canon;
    int argument = 1;
    for (int x = 0; x < g->n_indices; x++) {
        char name[NAME_ROOM];
        if (g->indices[x].fixed)
            continue;
        einc_nest_name(name, sizeof name, g, x);
        einc_put(f->t, "    const int64_t n_%s = argc > %d ? "
                       "%s_number(argv[%d]) : %lld;\n", name, argument,
                 f->style->name, argument,
                 (long long)g->indices[x].extent);
        einc_put(f->t, "    if (n_%s < 0)\n"
                       "        return fprintf(stderr, \"%%s: n_%s is a number "
                       "from 0 to 1048576\\n\",\n"
                       "                       argv[%d]), 2;\n", name, name,
                 argument);
        argument++;
    }
    if (argument == 1)
        einc_put(f->t, "    (void)argc;\n    (void)argv;\n");
}

static const char *
call_of(const struct file *f)
{
    struct text call = {.perm = f->scratch};
    struct file own = *f;
    own.t = &call;
    einc_put(&call, "%s%s(out", f->style->name, f->cuda ? "_copy" : "");
    for (int o = 0; o < f->plan->graph->n_in; o++)
        einc_put(&call, ", in%d", o);
    if (f->cuda) {
        einc_put(&call, ")");
        return einc_text_z(&call);
    }
    einc_file_arguments(&own, ", ", "");
    einc_put(&call, ", work)");
    return einc_text_z(&call);
}

static void
put_main_flop(const struct file *f)
{
    const struct plan *p = f->plan;
    einc_put(f->t, "    double flop = 0;\n");
    for (int s = 0; s < p->n_steps; s++) {
        const struct nest *w = f->nests[s];
        einc_put(f->t, "    flop += %d.0",
                 p->steps[s].kind == STEP_COPY ? 0 : 2);
        for (int j = 0; j < w->n_idx; j++) {
            einc_put(f->t, "*(double)(");
            einc_file_extent(f, w->idx[j].index);
            einc_put(f->t, ")");
        }
        einc_put(f->t, ";\n");
    }
}

void
einc_file_main_seconds(struct text *t, const char *name)
{
    einc_put(t, "/* wall time if there is such a clock, else processor time "
                   "*/\nstatic double\n%s_seconds(void)\n{\n"
                   "#if defined(TIME_UTC)\n    struct timespec now;\n"
                   "    if (timespec_get(&now, TIME_UTC) == TIME_UTC)\n"
                   "        return (double)now.tv_sec + "
                   "1e-9*(double)now.tv_nsec;\n#endif\n"
                   "    return (double)clock()/CLOCKS_PER_SEC;\n}\n\n", name);
}

/* Functions of main(): the wall clock, and the extents of the command line. */
static void
put_main_helpers(const struct file *f)
{
    einc_file_main_seconds(f->t, f->style->name);
    if (f->symbolic)
        einc_put(f->t, "/* -1 if it is none, or a large one */\n"
                       "static int64_t\n%s_number(const char *word)\n{\n"
                       "    char *end;\n"
                       "    const long long n = strtoll(word, &end, 10);\n"
                       "    return *word && !*end && n >= 0 && n <= 1048576 ? "
                       "n : -1;\n}\n\n", f->style->name);
}

/* Rounds of so many calls that each takes 10 ms; the best of five counts. */
void
einc_file_main_rounds(struct text *t, const char *name, const char *call)
{
    einc_put(t, "    double best = 1e30;\n    int64_t calls = 1;\n"
                "    for (int round = 0; round < 5; round++) {\n"
                "        const double start = %s_seconds();\n"
                "        for (int64_t call = 0; call < calls; call++)\n"
                "            if (%s)\n"
                "                return fputs(\"no memory for the "
                "call\\n\", stderr), 1;\n"
                "        const double s = %s_seconds() - start;\n"
                "        best = s/(double)calls < best ? s/(double)calls : "
                "best;\n"
                "        if (s < 0.01 && calls < 1 << 24) { /* too short to "
                "tell */\n"
                "            calls *= 2;\n            round = -1;\n"
                "            best = 1e30;\n        }\n    }\n",
             name, call, name);
}

void
einc_file_main_result(struct text *t, const char *name, int has_flop)
{
    einc_put(t, "    const char *const unit = best < 1e-6 ? \"ns\" : best < "
                "1e-3 ? \"us\" : \"ms\";\n"
                "    const double time = best*(best < 1e-6 ? 1e9 : best < "
                "1e-3 ? 1e6 : 1e3);\n"
                "    printf(\"%s: %%.3f %%s%s; "
                "%%lld elements checked, %%lld wrong\\n\",\n"
                "           time, unit,%s\n"
                "           (long long)checked, (long long)wrong);\n", name,
             has_flop ? ", %.2f GFLOP/s" : "",
             has_flop ? " best > 0 ? 1e-9*flop/best : 0.0," : "");
}

void
einc_file_main(const struct file *f)
{
    const struct graph *g = f->plan->graph;
    struct text *t = f->t;
    einc_put(t, "\n/* Fills the inputs, times the function, checks it against "
                "plain loops.\n * Arguments: the extents, in the order of the "
                "parameters. */\n#include <stdio.h>\n#include <time.h>\n\n");
    put_main_helpers(f);
    einc_put(t, "int\nmain(int argc, char **argv)\n{\n");
    put_main_sizes(f);
    put_main_arrays(f);
    if (f->cuda) {
        einc_put(t, "    if (%s)\n        return 1;\n", call_of(f));
        einc_file_main_rounds(t, f->style->name,
                              einc_printed(f->scratch, "%s_again()",
                                           f->style->name));
    } else {
        einc_put(t, "    void *const work = malloc(1 + (size_t)%s_workspace(",
                 f->style->name);
        einc_file_arguments(f, "", "");
        einc_put(t, "));\n");
        einc_file_main_rounds(t, f->style->name, call_of(f));
    }
    put_main_check(f);
    put_main_flop(f);
    einc_file_main_result(t, f->style->name, 1);
    for (int o = 0; o < g->n_in; o++)
        einc_put(t, "    free(in%d);\n", o);
    einc_put(t, "    free(out);\n");
    if (f->cuda)
        einc_put(t, "    %s_close();\n", f->style->name);
    else
        einc_put(t, "    free(work);\n");
    einc_put(t, "    return wrong != 0;\n}\n");
}

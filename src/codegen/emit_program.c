/* SPDX-License-Identifier: MIT
 *
 * emit_program.c - see emit_program.h. Einsums are printed as the files they
 * are on their own, loops once for each instruction set, and one function
 * runs them all.
 */
#include "codegen/emit_program.h"

#include "codegen/emit_border.h"
#include "codegen/emit_open.h"
#include "codegen/emit_places.h"
#include "codegen/file.h"
#include "codegen/program_file.h"

enum { THREADS = 8, N_SETS = PROGRAM_SETS }; /* parts that OpenMP may run at
                                              * once */

/* Rows of a file, best first; the last is for any machine. */
static const char *const set_names[N_SETS] = {"avx512", "avx2", "sse2"};

const char *
einc_program_type(const struct tensor *x)
{
    return einc_dtype_info(x->dtype)->c_type;
}

void
einc_program_put(struct text *t, const struct tensor *x)
{
    static const char *const kinds[] = {"in", "t", "out"};
    einc_put(t, "%s%d", kinds[x->kind], x->number + (x->kind == TENSOR_TEMP));
}

/* Whether some sizes are arguments. */
static int
is_open(const struct program_file *f)
{
    return f->p->open.n > 0;
}

void
einc_program_open_set(struct text *t, const char *set)
{
    einc_file_open_set(t, einc_target_find(str_of(set)));
}

void
einc_program_close_set(struct text *t)
{
    einc_file_close_set(t);
}

/* --- the opening -------------------------------------------------------- */

static void
put_opening(const struct program_file *f)
{
    struct text *t = f->t;
    einc_line(t, "/* made by einc %s; change the statements, not this file",
              EINC_VERSION);
    einc_put(t, " * statements  ");
    einc_emit_comment(t, f->p->source);
    einc_put(t, "\n");
    for (int x = 0; x < f->p->n_tensors; x++) {
        const struct tensor *y = &f->p->tensors[x];
        if (y->kind == TENSOR_TEMP)
            continue;
        einc_put(t, " * ");
        einc_program_put(t, y);
        einc_put(t, " is ");
        einc_emit_comment(t, y->name);
        einc_put(t, "  %s", einc_dtype_name(y->dtype));
        if (is_open(f))
            einc_open_shape(f, y);
        else
            for (int d = 0; d < y->n_dims; d++)
                einc_put(t, "%s%lld", d ? "x" : " ", (long long)y->shape[d]);
        einc_put(t, "\n");
    }
    einc_open_comment(f);
    if (f->style->again) {
        einc_put(t, " * again       ");
        einc_emit_comment(t, str_of(f->style->again));
        einc_put(t, "\n");
    }
    einc_line(t, " * compilers   gcc and clang: vectors are theirs. Each call "
                 "runs the best of\n *              avx512, avx2 and sse2 "
                 "that the machine has, or a lesser one that\n *              "
                 "EINC_ISA names; elsewhere what the compiler makes of sse2's");
    einc_line(t, " */");
}

static void
put_signature(const struct program_file *f)
{
    struct text *t = f->t;
    const char *comma = "";
    einc_put(t, "int\n%s(", f->style->name);
    for (int kind = TENSOR_OUTPUT; kind >= 0; kind -= TENSOR_OUTPUT)
        for (int x = 0; x < f->p->n_tensors; x++) {
            const struct tensor *y = &f->p->tensors[x];
            if ((int)y->kind != kind)
                continue;
            einc_put(t, "%s%s%s *", comma,
                     y->kind == TENSOR_OPERAND ? "const " : "",
                     einc_program_type(y));
            einc_program_put(t, y);
            comma = ", ";
        }
    einc_put(t, "%s", comma);
    einc_open_arguments(f, t, "int64_t ", ", ");
    einc_put(t, "void *work)");
}

static void
put_workspace_signature(const struct program_file *f)
{
    struct text own = {.perm = f->scratch};
    einc_open_arguments(f, &own, "int64_t ", ", ");
    einc_put(f->t, "%s_workspace(%.*s)", f->style->name,
             (int)(own.n ? own.n - 2 : 4), own.n ? own.p : "void");
}

static void
put_declarations(const struct program_file *f)
{
    struct text *t = f->t;
    einc_put(t, "/* 0; 1: no memory; 2: data lead out of a tensor%s. work is "
                "NULL or %s_workspace()\n * bytes%s. */\n",
             is_open(f) ? "; 3: it is not made for\n * such sizes" : "",
             f->style->name,
             is_open(f) ? ", -1 for such sizes. Tensors are dense row-major"
                        : "");
    put_signature(f);
    einc_put(t, ";\nint64_t ");
    put_workspace_signature(f);
    einc_put(t, ";\n");
}

/* --- stages ------------------------------------------------------------- */

/* 0: it has no kernel, or none with anything to do, and is plain loops. */
static int
build(struct program_file *f, int stage)
{
    const struct stmt *s = &f->p->stmts[f->s->stages[stage].stmt];
    for (int x = 0; x < N_SETS; x++) {
        f->nests[x] = einc_mapreduce_build(
            f->scratch, *f->scratch, f->p, s,
            einc_target_find(str_of(set_names[x])), SIZES_LITERAL);
        if (!f->nests[x] ||
            !einc_mapreduce_arguments(f->nests[x], THREADS, NULL, NULL))
            return 0; /* the latter: loops that do not run */
    }
    return 1;
}

static int64_t
scratch_of(const struct program_file *f)
{
    int64_t most = 0;
    for (int x = 0; x < N_SETS; x++)
        if (einc_mapreduce_scratch(f->nests[x]) > most)
            most = einc_mapreduce_scratch(f->nests[x]);
    return (most + 63) / 64 * 64;
}

static void
put_args(const struct program_file *f)
{
    einc_put(f->t, "struct %s_args {\n    void *out;\n"
                   "    const void *const *in;\n    const int64_t *n, *s;\n"
                   "    char *scratch;\n    int64_t *stray;\n};\n\n",
             f->style->name);
}

static const struct places *
places_of(const struct program_file *f, int stage)
{
    return f->p->stmts[f->s->stages[stage].stmt].places;
}

/* One call of a set's kernel: in parts, each with its own scratch. */
static void
put_parts(const struct program_file *f, int set, int stage, const char *blank)
{
    struct text *t = f->t;
    const char *x = f->style->name;
    struct text tasks = {.perm = f->scratch};
    if (places_of(f, stage))
        einc_put(&tasks, "((places + %lld)/%lld)",
                 (long long)einc_mapreduce_span(f->nests[set]) - 1,
                 (long long)einc_mapreduce_span(f->nests[set]));
    else
        einc_put(&tasks, "%lld", (long long)einc_mapreduce_arguments(
                                     f->nests[set], THREADS, NULL, NULL));
    einc_put(t, "%s{\n#if defined(_OPENMP)\n#pragma omp parallel for "
                "schedule(static, 1)\n#endif\n", blank);
    einc_put(t, "%s    for (int64_t part = 0; part < %s_THREADS; part++) {\n"
                "%s        struct %s_args own = *args;\n"
                "%s        own.scratch += part*%lld;\n"
                "%s        %s_%s_stage%d(&own, %s*part/%s_THREADS,\n"
                "%s            %s*(part + 1)/%s_THREADS);\n%s    }\n",
             blank, x, blank, x, blank, (long long)scratch_of(f), blank, x,
             set_names[set], stage + 1, einc_text_z(&tasks), x, blank,
             einc_text_z(&tasks), x, blank);
    einc_put(t, "%s}\n", blank);
}

static void
put_kernel(const struct program_file *f, int set, int stage)
{
    struct text name = {.perm = f->scratch}, args = {.perm = f->scratch};
    einc_put(&name, "%s_%s_stage%d", f->style->name, set_names[set],
             stage + 1);
    einc_put(&args, "%s_args", f->style->name);
    einc_emit_mapreduce_function(f->t, *f->scratch, f->nests[set],
                                 einc_text_z(&name), einc_text_z(&args));
}

static void
put_loops(struct program_file *f, int stage)
{
    struct text *t = f->t;
    const char *x = f->style->name;
    einc_put(t, "/* --- stage %d: loops --- */\n\n", stage + 1);
    einc_put(t, "#if defined(%s_SETS)\n", x);
    for (int set = 0; set < N_SETS - 1; set++) {
        einc_file_open_set(t, einc_target_find(str_of(set_names[set])));
        put_kernel(f, set, stage);
        einc_file_close_set(t);
    }
    einc_put(t, "#endif\n\n");
    put_kernel(f, N_SETS - 1, stage);
    einc_put(t, "static void\n%s_stage%d(const struct %s_args *args%s)\n{\n",
             x, stage + 1, x, places_of(f, stage) ? ", int64_t places" : "");
    einc_put(t, "#if defined(%s_SETS)\n    const int set = %s_pick();\n", x, x);
    for (int set = 0; set < N_SETS - 1; set++) {
        einc_put(t, "    if (set == %d) {\n", N_SETS - 1 - set);
        put_parts(f, set, stage, "        ");
        einc_put(t, "        return;\n    }\n");
    }
    einc_put(t, "#endif\n");
    put_parts(f, N_SETS - 1, stage, "    ");
    einc_put(t, "}\n\n");
}

static void
put_threads(const struct program_file *f)
{
    struct text *t = f->t;
    const char *x = f->style->name;
    einc_put(t, "#ifndef %s_THREADS\n#if defined(_OPENMP)\n#define %s_THREADS "
                "%d /* parts that OpenMP may run at once */\n#else\n"
                "#define %s_THREADS 1\n#endif\n#endif\n\n", x, x, THREADS, x);
}

static void
put_pick(const struct program_file *f)
{
    struct text *t = f->t;
    const char *x = f->style->name;
    einc_put(t, "#if defined(__x86_64__) && (defined(__clang__) || "
                "__GNUC__ >= 8)\n#define %s_SETS\n"
                "static int\n%s_pick(void)\n{\n"
                "    static int picked; /* 1 + set; any thread finds the same "
                "*/\n"
                "    int set = __atomic_load_n(&picked, __ATOMIC_RELAXED) - 1;"
                "\n    if (set < 0) {\n"
                "        const char *const asked = getenv(\"EINC_ISA\");\n"
                "        set = __builtin_cpu_supports(\"avx2\") &&\n"
                "              __builtin_cpu_supports(\"fma\");\n"
                "        if (set && __builtin_cpu_supports(\"avx512f\") &&\n"
                "            __builtin_cpu_supports(\"avx512bw\") &&\n"
                "            __builtin_cpu_supports(\"avx512dq\") &&\n"
                "            __builtin_cpu_supports(\"avx512vl\"))\n"
                "            set = 2;\n"
                "        if (asked && strcmp(asked, \"sse2\") == 0)\n"
                "            set = 0;\n"
                "        if (asked && set && strcmp(asked, \"avx2\") == 0)\n"
                "            set = 1;\n"
                "        __atomic_store_n(&picked, set + 1, __ATOMIC_RELAXED);"
                "\n    }\n    return set;\n}\n#endif\n\n", x, x);
}

/* What stages of loops have in common. */
static void
put_shared(struct program_file *f)
{
    int loops = 0, kernels = 0, places = 0;
    char *is_plain = NEW(f->scratch, char, f->s->n_stages);
    for (int s = 0; s < f->s->n_stages; s++)
        if (!f->plans[s]) {
            is_plain[s] = is_open(f) ? !einc_open_has_kernel(f, s)
                                     : !build(f, s);
            loops = 1;
            kernels |= !is_plain[s];
            places |= places_of(f, s) != NULL;
        }
    einc_put(f->t, "\n");
    put_threads(f);
    if (kernels)
        einc_put(f->t, "#if defined(__GNUC__)\n"
                       "#pragma GCC diagnostic ignored \"-Wpsabi\" /* "
                       "functions of vectors are inlined */\n#endif\n\n");
    if (is_open(f))
        einc_open_struct(f);
    if (loops)
        put_args(f);
    if (kernels)
        put_pick(f);
    if (places)
        einc_emit_places(f->t, f->style->name);
    einc_program_plain_helpers(f, is_plain);
}

/* --- the function ------------------------------------------------------- */

/* "(float *)tensor[2] + 12", or of the copy with its border, for the slice at
 * `start`. */
static void
put_place(const struct program_file *f, int stage, int operand)
{
    struct text *t = f->t;
    const struct stage *g = &f->s->stages[stage];
    const struct stage_tensor *x = operand < 0 ? &g->out : &g->in[operand];
    const struct tensor *y = &f->p->tensors[x->tensor];
    int planes = einc_dtype_info(y->dtype)->kind == KIND_COMPLEX ? 2 : 1;
    const char *constant = operand < 0 ? "" : "const ";
    if (x->border)
        einc_put(t, "(%s%s *)(void *)(scratch + %lld) + %lld", constant,
                 einc_program_type(y), (long long)x->border_at,
                 (long long)(x->offset * planes));
    else
        einc_put(t, "(%s%s *)tensor[%d] + %lld", constant, einc_program_type(y),
                 x->tensor, (long long)(x->offset * planes));
    if (x->slice)
        einc_put(t, " + %lld*start", (long long)(x->slice * planes));
}

static void
put_call_borders(const struct program_file *f, int stage)
{
    struct text *t = f->t;
    const struct stage *g = &f->s->stages[stage];
    for (int o = 0; o < g->n_in; o++) {
        const struct stage_tensor *x = &g->in[o];
        if (!x->border)
            continue;
        const char *type = einc_program_type(&f->p->tensors[x->tensor]);
        einc_put(t, "        %s%s_stage%d_border%d((const %s *)tensor[%d],\n"
                    "            (%s *)(void *)(scratch + %lld), start);\n",
                 x->border->moves || g->slices.count == 1
                     ? ""
                     : "if (start == 0)\n            ",
                 f->style->name, stage + 1, o, type, x->tensor, type,
                 (long long)x->border_at);
    }
}

static void
put_call_contract(const struct program_file *f, int stage)
{
    struct text *t = f->t;
    const struct stage *g = &f->s->stages[stage];
    const struct slices *s = &g->slices;
    if (s->index >= 0)
        einc_put(t, "    for (int64_t slice = 0; slice < %lld; slice++) {\n"
                    "        const int64_t start = slice*%lld < %lld ? "
                    "slice*%lld : %lld;\n",
                 (long long)s->count, (long long)s->extent,
                 (long long)(s->of - s->extent), (long long)s->extent,
                 (long long)(s->of - s->extent));
    else
        einc_put(t, "    {\n%s", g->border_bytes
                                     ? "        const int64_t start = 0;\n"
                                     : "");
    put_call_borders(f, stage);
    einc_put(t, "        if (!status && %s_stage%d(", f->style->name,
             stage + 1);
    for (int o = -1; o < g->n_in; o++) {
        einc_put(t, "\n            ");
        put_place(f, stage, o);
        einc_put(t, ",");
    }
    einc_put(t, "\n            scratch + %lld))\n"
                "            status = 1;\n    }\n",
             (long long)g->border_bytes);
}

/* Once for each list of places. */
static void
put_call_places(const struct program_file *f, int stage)
{
    struct text *t = f->t;
    const char *x = f->style->name;
    const struct places *p = places_of(f, stage);
    int left = f->p->stmts[f->s->stages[stage].stmt].left.tensor;
    einc_put(t, "    if (!status) {\n"
                "        const struct %s_args args = {tensor[%d],\n"
                "            (const void *const *)tensor, 0, 0, scratch, "
                "stray};\n        int32_t *const list[] = {", x, left);
    for (int d = 0; d < p->n_dims; d++)
        einc_put(t, "%s(int32_t *)tensor[%d]", d ? ", " : "", p->list[d]);
    einc_put(t, "};\n        int64_t at[3] = {0, 0, 0}, places;\n"
                "        while ((places = ");
    einc_emit_places_call(t, x, p);
    einc_put(t, ") > 0)\n            %s_stage%d(&args, places);\n"
                "        status = stray[0] ? 2 : 0;\n    }\n", x, stage + 1);
}

static void
put_call_loops(const struct program_file *f, int stage)
{
    struct text *t = f->t;
    const char *x = f->style->name;
    int left = f->p->stmts[f->s->stages[stage].stmt].left.tensor;
    einc_put(t, "    if (!status) {\n"
                "        const struct %s_args args = {tensor[%d],\n"
                "            (const void *const *)tensor, 0, 0, scratch, "
                "stray};\n"
                "        %s_stage%d(&args%s);\n"
                "        status = stray[0] ? 2 : 0;\n    }\n", x, left, x,
             stage + 1, is_open(f) ? ", z" : "");
}

static void
put_open_workspace(const struct program_file *f)
{
    einc_open_room(f);
    einc_put(f->t, "int64_t\n");
    put_workspace_signature(f);
    einc_put(f->t, "\n{\n");
    einc_open_locals(f);
    einc_put(f->t, "    int64_t at[%d];\n    return %s_room(z, at);\n}\n\n",
             f->p->n_tensors + 1, f->style->name);
}

static void
put_workspace(struct program_file *f)
{
    struct text *t = f->t;
    const char *x = f->style->name;
    int64_t most = 0;
    if (is_open(f)) {
        put_open_workspace(f);
        return;
    }
    for (int s = 0; s < f->s->n_stages; s++)
        if (!f->plans[s] && build(f, s))
            most = scratch_of(f) > most ? scratch_of(f) : most;
    einc_put(t, "int64_t\n%s_workspace(void)\n{\n"
                "    int64_t most = %lld*(int64_t)%s_THREADS;\n", x,
             (long long)most, x);
    for (int s = 0; s < f->s->n_stages; s++)
        if (f->plans[s])
            einc_put(t, "    if (%s_stage%d_workspace() + %lld > most)\n"
                        "        most = %s_stage%d_workspace() + %lld;\n", x,
                     s + 1, (long long)f->s->stages[s].border_bytes, x, s + 1,
                     (long long)f->s->stages[s].border_bytes);
    einc_put(t, "    return %lld + most + 128; /* to align it */\n}\n\n",
             (long long)((f->s->temp_bytes + 63) / 64 * 64));
}

/* Sizes, memory and where scratch begins in it. */
static void
put_memory(const struct program_file *f)
{
    struct text *t = f->t;
    const char *x = f->style->name;
    int64_t temps = (f->s->temp_bytes + 63) / 64 * 64;
    if (is_open(f)) {
        einc_open_locals(f);
        einc_put(t, "    int64_t at[%d];\n    const int64_t room = "
                    "%s_room(z, at);\n    if (room < 0)\n"
                    "        return 3;\n"
                    "    void *const own = work ? 0 : malloc((size_t)room);\n",
                 f->p->n_tensors + 1, x);
    } else {
        einc_put(t, "    void *const own = work ? 0 : malloc((size_t)"
                    "%s_workspace());\n", x);
    }
    einc_put(t, "    char *base = work ? (char *)work : (char *)own;\n"
                "    int64_t stray[2] = {0, 0};\n    int status = 0;\n"
                "    if (!base)\n        return 1;\n"
                "    base += (0 - (uintptr_t)base)%%64;\n");
    if (is_open(f))
        einc_put(t, "    char *const scratch = base + at[%d];\n",
                 f->p->n_tensors);
    else
        einc_put(t, "    char *const scratch = base + %lld;\n",
                 (long long)temps);
}

/* Before the first statement of a gate: what it counts. */
static void
put_count(const struct program_file *f, int stage)
{
    const struct gate *g = f->p->stmts[f->s->stages[stage].stmt].gate;
    for (int s = 0; s < stage; s++)
        if (f->p->stmts[f->s->stages[s].stmt].gate == g)
            return;
    einc_put(f->t, "    const int64_t kept%d = status ? 0 : %s_count(\n"
                   "        (const uint8_t *)tensor[%d], %lld);\n", g->mask,
             f->style->name, g->mask, (long long)g->n);
}

static void
put_call(const struct program_file *f, int stage)
{
    const struct stmt *s = &f->p->stmts[f->s->stages[stage].stmt];
    if (s->gate) {
        put_count(f, stage);
        einc_put(f->t, "    if (kept%d %s %lld) {\n", s->gate->mask,
                 s->few ? "<=" : ">", (long long)s->gate->most);
    }
    if (f->plans[stage])
        put_call_contract(f, stage);
    else if (s->places)
        put_call_places(f, stage);
    else
        put_call_loops(f, stage);
    if (s->gate)
        einc_put(f->t, "    }\n");
}

static void
put_function(struct program_file *f)
{
    struct text *t = f->t;
    put_signature(f);
    einc_put(t, "\n{\n");
    put_memory(f);
    einc_put(t, "    void *const tensor[] = {\n");
    for (int x = 0; x < f->p->n_tensors; x++) {
        const struct tensor *y = &f->p->tensors[x];
        int64_t at = f->s->at_byte[x] < 0 ? 0 : f->s->at_byte[x];
        if (y->kind != TENSOR_TEMP) {
            einc_put(t, "        (void *)(uintptr_t)");
            einc_program_put(t, y);
            einc_put(t, ",\n");
        } else if (is_open(f) && f->s->at_byte[x] >= 0) {
            einc_put(t, "        base + at[%d],\n", x);
        } else {
            einc_put(t, "        base + %lld,\n", (long long)at);
        }
    }
    einc_put(t, "    };\n    (void)stray;\n    (void)scratch;\n");
    for (int s = 0; s < f->s->n_stages; s++)
        put_call(f, s);
    einc_put(t, "    free(own);\n    return status;\n}\n");
}

/* --- the file ----------------------------------------------------------- */

static struct program_file
open_file(struct text *t, struct arena *scratch, const struct script *s,
          const struct plan *const plans[], const struct emit_style *style)
{
    return (struct program_file){.t = t, .scratch = scratch, .s = s,
                                 .p = s->program, .plans = plans,
                                 .style = style};
}

static void
put_einsum(struct program_file *f, int stage)
{
    struct text name = {.perm = f->scratch};
    einc_put(&name, "%s_stage%d", f->style->name, stage + 1);
    struct emit_style own = {.name = einc_text_z(&name)};
    const struct stage *g = &f->s->stages[stage];
    einc_put(f->t, "/* --- stage %d: an einsum --- */\n\n", stage + 1);
    for (int o = 0; o < g->n_in; o++)
        if (g->in[o].border) {
            struct text border = {.perm = f->scratch};
            einc_put(&border, "%s_border%d", einc_text_z(&name), o);
            einc_emit_border(f->t, g->in[o].border, einc_text_z(&border));
        }
    einc_emit_c(f->t, *f->scratch, f->plans[stage],
                einc_target_find(str_of("portable")), &own);
    einc_put(f->t, "\n");
}

static double
flop_of(struct program_file *f)
{
    double flop = 0;
    for (int s = 0; s < f->s->n_stages; s++) {
        if (f->plans[s])
            flop += (double)f->s->stages[s].slices.count *
                    (double)f->plans[s]->flop;
        else if (build(f, s))
            flop += einc_mapreduce_flop(f->nests[0]);
    }
    return flop;
}

void
einc_emit_program(struct text *t, struct arena scratch, const struct script *s,
                  const struct plan *const plans[],
                  const struct emit_style *style)
{
    struct program_file f = open_file(t, &scratch, s, plans, style);
    put_opening(&f);
    einc_put(t, "#include <math.h>\n#include <stdint.h>\n"
                "#include <stdlib.h>\n#include <string.h>\n\n");
    if (style->header)
        einc_put(t, "#include \"%s\"\n\n", style->header);
    else
        put_declarations(&f);
    put_shared(&f);
    for (int i = 0; i < s->n_stages; i++)
        if (plans[i])
            put_einsum(&f, i);
        else if (is_open(&f) && einc_open_has_kernel(&f, i))
            einc_open_stage(&f, i);
        else if (!is_open(&f) && build(&f, i))
            put_loops(&f, i);
        else
            einc_program_plain_stage(&f, i);
    put_workspace(&f);
    put_function(&f);
    if (style->with_main)
        einc_program_main(&f, flop_of(&f));
}

void
einc_emit_program_header(struct text *t, struct arena scratch,
                         const struct script *s,
                         const struct emit_style *style)
{
    struct program_file f = open_file(t, &scratch, s, NULL, style);
    put_opening(&f);
    einc_put(t, "#ifndef %s_H\n#define %s_H\n\n#include <stdint.h>\n\n"
                "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n",
             style->name, style->name);
    put_declarations(&f);
    einc_put(t, "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}

/* SPDX-License-Identifier: MIT
 *
 * file_driver.c - see file.h: the function that runs the steps.
 */
#include "codegen/family.h"
#include "codegen/file.h"

#include <string.h>

static int64_t
most_scratch(const struct file *f)
{
    int64_t most = 0;
    for (int x = 0; x < f->n_sets; x++)
        for (int s = 0; s < f->plan->n_steps; s++)
            if (f->sets[x].nests[s]->scratch_bytes > most)
                most = f->sets[x].nests[s]->scratch_bytes;
    return most;
}

/* What stands in the function of each set reads the step's nest there. */
static const struct nest *
nest_of(const struct file *f, int set, int step)
{
    return f->sets[set].nests[step];
}

/* Bytes that an intermediate takes, as C. */
static void
put_room(const struct file *f, const struct plan_tensor *y)
{
    einc_put(f->t, "(");
    einc_file_elements(f, y);
    einc_put(f->t, "*%d + 63)/64*64", einc_dtype_info(y->dtype)->bytes);
}

/* End of the intermediates: the plan's places, or, where sizes are arguments,
 * one after another. */
static void
put_end(const struct file *f)
{
    const struct plan *p = f->plan;
    int any = 0;
    if (!f->symbolic) {
        einc_put(f->t, "%lld", (long long)(p->temporary_bytes + 63) / 64 * 64);
        return;
    }
    for (int x = 0; x < p->n_tensors; x++)
        if (p->tensors[x].home == HOME_TEMP) {
            einc_put(f->t, any ? " + " : "");
            put_room(f, &p->tensors[x]);
            any = 1;
        }
    if (!any)
        einc_put(f->t, "0");
}

/* Pointers to the intermediates; then `scratch` behind them. */
static void
put_places(const struct file *f)
{
    const struct plan *p = f->plan;
    const struct plan_tensor *before = NULL;
    for (int x = 0; x < p->n_tensors; x++) {
        const struct plan_tensor *y = &p->tensors[x];
        if (y->home != HOME_TEMP)
            continue;
        const char *type = einc_dtype_info(y->dtype)->c_type;
        einc_put(f->t, "    %s *const t%d = (%s *)(void *)(", type, y->number,
                 type);
        if (!f->symbolic) {
            einc_put(f->t, "base + %lld", (long long)y->at_byte);
        } else if (before) {
            einc_put(f->t, "(char *)(void *)t%d + ", before->number);
            put_room(f, before);
        } else {
            einc_put(f->t, "base");
        }
        einc_put(f->t, ");\n");
        before = y;
    }
    if (f->has_gett) {
        einc_put(f->t, "    char *const scratch = base + ");
        put_end(f);
        einc_put(f->t, ";\n");
    }
}

/* An extent that no intermediate has is no argument of its size. */
static void
put_unused(const struct file *f)
{
    const struct plan *p = f->plan;
    for (int x = 0; x < p->canon->n_indices; x++) {
        int used = p->canon->indices[x].fixed;
        for (int y = 0; y < p->n_tensors; y++)
            for (int a = 0; a < p->tensors[y].n_axes; a++)
                used |= p->tensors[y].home == HOME_TEMP &&
                        p->tensors[y].axes[a].index == x;
        if (used)
            continue;
        einc_put(f->t, "    (void)");
        einc_file_extent(f, x);
        einc_put(f->t, ";\n");
    }
}

static void
put_workspace(const struct file *f)
{
    einc_file_workspace_signature(f);
    einc_put(f->t, "\n{\n");
    put_unused(f);
    einc_put(f->t, "    return ");
    if (f->has_work) {
        put_end(f);
        if (f->has_gett)
            einc_put(f->t, "\n        + %s_THREADS*(int64_t)%s_SCRATCH",
                     f->style->name, f->style->name);
        einc_put(f->t, " + 64; /* to align it */\n}\n\n");
    } else {
        einc_put(f->t, "0;\n}\n\n");
    }
}

static void
put_run(const struct file *f)
{
    const char *x = f->style->name;
    struct text *t = f->t;
    einc_line(t, "/* Tasks write apart, so any split gives the same bits. */");
    einc_line(t, "static void");
    einc_line(t, "%s_run(void (*kernel)(const struct %s_args *, int64_t, "
                 "int64_t),", x, x);
    einc_line(t, "    const struct %s_args *args, int64_t tasks, "
                 "int64_t threads)", x);
    einc_line(t, "{");
    einc_put(t, "#if defined(_OPENMP)\n#pragma omp parallel for "
                "schedule(static, 1) if (threads > 1)\n#endif\n");
    einc_line(t, "    for (int64_t part = 0; part < threads; part++) {");
    einc_line(t, "        struct %s_args own = *args;", x);
    einc_line(t, "        own.scratch += part*%s_SCRATCH;", x);
    einc_line(t, "        kernel(&own, tasks*part/threads,");
    einc_line(t, "            tasks*(part + 1)/threads);");
    einc_line(t, "    }");
    einc_line(t, "}");
    einc_put(t, "\n");
}

/* How many threads a step is split for, and the blocks it is split into. */
static void
put_block_function(const struct file *f)
{
    const char *x = f->style->name;
    struct text *t = f->t;
    einc_line(t, "/* How many parts so much work is worth; without OpenMP they "
                 "are run one after\n * another. */");
    einc_line(t, "static int64_t");
    einc_line(t, "%s_threads(double flop)", x);
    einc_line(t, "{");
    einc_put(t, "#if defined(_OPENMP)\n");
    einc_line(t, "    const int64_t most = omp_get_max_threads();");
    einc_line(t, "    if (flop < 4e6) /* less than waking them takes */");
    einc_line(t, "        return 1;");
    einc_line(t, "    return most < %s_THREADS ? most : %s_THREADS;", x, x);
    einc_put(t, "#else\n");
    einc_line(t, "    (void)flop;");
    einc_line(t, "    return %s_THREADS;", x);
    einc_put(t, "#endif\n");
    einc_line(t, "}");
    einc_put(t, "\n");
    einc_line(t, "/* Size of equal blocks of n, a multiple of `unit`: at most "
                 "`most`, and so small that\n * there are `wanted` with those "
                 "of other indices, `others` for each of ours. */");
    einc_line(t, "static int64_t");
    einc_line(t, "%s_block(int64_t n, int64_t most, int64_t unit, int64_t "
                 "wanted, int64_t others)", x);
    einc_line(t, "{");
    einc_line(t, "    int64_t count = (n + most - 1)/most;");
    einc_line(t, "    const int64_t least = others ? (wanted - 1)/others + 1 : "
                 "1;");
    einc_line(t, "    if (count < least)");
    einc_line(t, "        count = least;");
    einc_line(t, "    const int64_t size = (n + count - 1)/count;");
    einc_line(t, "    return size > 0 ? (size + unit - 1)/unit*unit : unit;");
    einc_line(t, "}");
    einc_put(t, "\n");
}

/* Product of the extents of idx[lo] .. idx[hi), literals folded. */
static void
put_product(const struct file *f, const struct nest *w, int lo, int hi)
{
    int64_t literal = 1;
    int any = 0;
    for (int j = lo; j < hi; j++)
        if (f->plan->canon->indices[w->idx[j].index].fixed)
            literal *= w->idx[j].extent.value;
    for (int j = lo; j < hi; j++)
        if (!f->plan->canon->indices[w->idx[j].index].fixed) {
            einc_put(f->t, any ? "*" : "");
            einc_file_extent(f, w->idx[j].index);
            any = 1;
        }
    if (!any || literal != 1)
        einc_put(f->t, "%s%lld", any ? "*" : "", (long long)literal);
}

static void
put_role_extent(const struct file *f, const struct nest *w,
                enum loop_role role)
{
    put_product(f, w, w->first[role], w->first[role + 1]);
}

/* Rows and columns of a task, and how many tasks there are: columns are split
 * first, since rows of out are contiguous; three tasks for each thread. */
static void
put_tasks(const struct file *f, int set, const struct nest *w)
{
    const char *x = f->style->name, *own = f->sets[set].prefix;
    int stays = w->gett->rows_stay, packed = !einc_gett_adds_up(w);
    struct text *t = f->t;
    einc_put(t, "        const int64_t batch = ");
    put_role_extent(f, w, LOOP_BATCH);
    einc_put(t, ", m = ");
    put_role_extent(f, w, LOOP_M);
    einc_put(t, ", n = ");
    put_role_extent(f, w, LOOP_N);
    einc_put(t, ", k = ");
    put_role_extent(f, w, LOOP_K);
    einc_put(t, ";\n        const int64_t threads =\n            "
                "%s_threads(2.0*(double)batch*(double)m*(double)n*(double)k);"
                "\n", x);
    einc_put(t, "        const int64_t columns = %s_block(n, %s_%s, %s_NR, "
                "threads, batch);\n", x, own, stays && !packed ? "NB" : "NC",
             own);
    einc_put(t, "        const int64_t all = batch*((n + columns - 1)/columns);"
                "\n");
    einc_put(t, "        const int64_t rows = %s_block(m, %s_%s, %s_MR,\n"
                "            threads > 1 ? 3*threads : 1, all);\n", x, own,
             stays || packed ? "MC" : "MB", own);
    einc_put(t, "        const int64_t tasks = all*((m + rows - 1)/rows);\n");
}

static void
put_strides(const struct file *f, const struct nest *w, const char *comma)
{
    for (int o = 0; o <= w->n_in; o++) {
        const struct nest_tensor *x = o < w->n_in ? &w->in[o] : &w->out;
        for (int j = 0; j < w->n_idx; j++)
            if (x->stride[j].arg >= 0) {
                einc_put(f->t, "%s", comma);
                einc_file_stride(f, x->tensor, w->idx[j].index,
                                 x->stride[j].value);
                comma = ", ";
            }
    }
}

/* The arrays of extents and strides, in the order of the slots. */
static void
put_slots(const struct file *f, const struct nest *w)
{
    struct text *t = f->t;
    const char *comma = "";
    einc_put(t, "        const int64_t extents[] = {");
    for (int j = 0; j < w->n_idx; j++)
        if (w->idx[j].extent.arg >= 0) {
            einc_put(t, "%s", comma);
            einc_file_extent(f, w->idx[j].index);
            comma = ", ";
        }
    einc_put(t, "%srows, columns};\n", comma);
    if (w->n_strides) {
        einc_put(t, "        const int64_t strides[] = {");
        put_strides(f, w, "");
        einc_put(t, "};\n");
    }
}

static void
put_gett_step(const struct file *f, int set, int step)
{
    const struct nest *w = nest_of(f, set, step);
    struct text *t = f->t;
    einc_put(t, "    {\n        const void *const in[] = {");
    for (int o = 0; o < w->n_in; o++) {
        einc_put(t, o ? ", " : "");
        einc_plan_tensor_put(t, &f->plan->tensors[w->in[o].tensor]);
    }
    einc_put(t, "};\n");
    put_tasks(f, set, w);
    put_slots(f, w);
    einc_put(t, "        const struct %s_args args = {", f->style->name);
    einc_plan_tensor_put(t, &f->plan->tensors[w->out.tensor]);
    einc_put(t, ", in, extents, %s, 0, 0, scratch};\n",
             w->n_strides ? "strides" : "0");
    einc_put(t, "        %s_run(%s, &args, tasks, threads);\n    }\n", f->style->name,
             einc_file_prefix(f, set, step));
}

/* The other families are plain functions of their tensors, extents and
 * strides, and of the part of the outermost loop that is to be run. */
static void
put_plain_call(const struct file *f, int set, int step)
{
    const struct nest *w = nest_of(f, set, step);
    struct text *t = f->t;
    einc_put(t, "%s(", einc_file_prefix(f, set, step));
    einc_plan_tensor_put(t, &f->plan->tensors[w->out.tensor]);
    for (int o = 0; o < w->n_in; o++) {
        einc_put(t, ", ");
        einc_plan_tensor_put(t, &f->plan->tensors[w->in[o].tensor]);
    }
    for (int j = 0; j < w->n_idx; j++)
        if (w->idx[j].extent.arg >= 0) {
            einc_put(t, ", ");
            einc_file_extent(f, w->idx[j].index);
        }
    put_strides(f, w, ", ");
}

static void
put_plain_count(const struct printer *k)
{
    if (k->nest->family == FAMILY_FUSED)
        einc_print_fused_count(k);
    else if (k->nest->family == FAMILY_DIRECT)
        einc_print_direct_count(k);
    else if (k->nest->family == FAMILY_LANES)
        einc_print_lanes_count(k);
    else if (k->nest->family == FAMILY_TRANSPOSE)
        einc_print_transpose_count(k);
    else
        einc_print_stream_count(k);
}

static void
put_plain_step(const struct file *f, int set, int step)
{
    struct text *t = f->t;
    struct text worth = {.perm = f->scratch};
    struct printer k = einc_file_printer(f, t, set, step);
    if (k.nest->family == FAMILY_TRANSPOSE)
        einc_print_transpose_parts(&k, &worth);
    else if (k.nest->family == FAMILY_DIRECT)
        einc_print_direct_parts(&k, &worth);
    else if (k.nest->family == FAMILY_LANES)
        einc_print_lanes_parts(&k, &worth);
    else if (k.nest->family == FAMILY_STREAM)
        einc_print_stream_parts(&k, &worth);
    if (!k.in_parts) {
        einc_put(t, "    ");
        put_plain_call(f, set, step);
        einc_put(t, ");\n");
        return;
    }
    einc_put(t, "#if defined(_OPENMP)\n#pragma omp parallel for "
                "schedule(static, 1)");
    if (worth.n)
        einc_put(t, " if (%s)", einc_text_z(&worth));
    einc_put(t, "\n#endif\n    for (int64_t part = 0; part < %s_THREADS; "
                "part++)\n        ", f->style->name);
    put_plain_call(f, set, step);
    einc_put(t, ",\n            ");
    put_plain_count(&k);
    einc_put(t, "*part/%s_THREADS, ", f->style->name);
    put_plain_count(&k);
    einc_put(t, "*(part + 1)/%s_THREADS);\n", f->style->name);
}

static void
put_memory(const struct file *f)
{
    struct text *t = f->t;
    einc_put(t, "    const size_t bytes = (size_t)%s_workspace(",
             f->style->name);
    einc_file_arguments(f, "", "");
    einc_put(t, ");\n");
    einc_line(t, "    char *const own = work ? NULL : (char *)malloc(bytes);");
    einc_line(t, "    if (!work && !own)");
    einc_line(t, "        return -1;");
    einc_line(t, "    char *base = work ? (char *)work : own;");
    einc_line(t, "    base += (0 - (uintptr_t)base) %% 64;");
}

static int
is_read(const struct plan *p, int tensor)
{
    for (int s = 0; s < p->n_steps; s++)
        for (int o = 0; o < p->steps[s].n_in; o++)
            if (p->steps[s].in[o] == tensor)
                return 1;
    return 0;
}

/* A plan without elements reads not all of its inputs. */
static void
put_unread(const struct file *f)
{
    for (int o = 0; o < f->plan->graph->n_in; o++)
        if (!is_read(f->plan, o))
            einc_line(f->t, "    (void)in%d;", o);
}

static int
packs(const struct file *f, int set)
{
    int any = 0;
    for (int s = 0; s < f->plan->n_steps; s++)
        any |= nest_of(f, set, s)->family == FAMILY_GETT;
    return any;
}

/* "#if" of the sets that pack, where others do not; whether there is one. */
static int
put_where_packed(const struct file *f)
{
    const char *before = "#if", *last = "";
    int n = 0;
    for (int set = 0; set < f->n_sets; set++)
        n += packs(f, set);
    if (n == f->n_sets)
        return 0;
    for (int set = 0; set < f->n_sets; set++)
        if (packs(f, set) && strcmp(f->sets[set].prefix, last)) {
            last = f->sets[set].prefix;
            einc_put(f->t, "%s defined(%s_NC)", before, last);
            before = " ||";
        }
    einc_put(f->t, "\n");
    return 1;
}

/* All steps, with the kernels of a set. */
static void
put_steps(const struct file *f, int set)
{
    put_unread(f);
    if (f->has_work)
        put_places(f);
    if (f->has_gett && !packs(f, set))
        einc_put(f->t, "    (void)scratch; /* other sets pack */\n");
    for (int s = 0; s < f->plan->n_steps; s++)
        if (nest_of(f, set, s)->family == FAMILY_GETT)
            put_gett_step(f, set, s);
        else
            put_plain_step(f, set, s);
}

/* The same as a function of its own. */
static void
put_set(const struct file *f, struct text *t, int set, int step)
{
    struct file g = *f;
    (void)step;
    g.t = t;
    einc_put(t, "static void\n%s(", f->sets[set].prefix);
    einc_file_parameters(&g, 1);
    einc_put(t, "%s)\n{\n", f->has_work ? ", char *base" : "");
    put_steps(&g, set);
    einc_put(t, "}\n\n");
}

/* "__builtin_cpu_supports("avx2") && ..." of a row's features. */
static void
put_supports(const struct file *f, const struct target *x)
{
    const char *p = x->features, *comma;
    for (; (comma = strchr(p, ',')); p = comma + 1)
        einc_put(f->t, "__builtin_cpu_supports(\"%.*s\") &&\n            ",
                 (int)(comma - p), p);
    einc_put(f->t, "__builtin_cpu_supports(\"%s\")", p);
}

/* Which set runs: sets in the order of their worth, the base first. */
static void
put_pick(const struct file *f)
{
    const char *x = f->style->name;
    struct text *t = f->t;
    int n = f->n_picked;
    einc_put(t, "typedef void %s_steps(", x);
    einc_file_parameters(f, 1);
    einc_put(t, "%s);\n\n", f->has_work ? ", char *base" : "");
    einc_put(t, "static %s_steps *\n%s_pick(void)\n{\n", x, x);
    einc_put(t, "#if defined(%s_SETS)\n", x);
    einc_put(t, "    static %s_steps *const sets[] = {%s", x,
             f->sets[n].prefix);
    for (int s = n - 1; s >= 0; s--)
        einc_put(t, ", %s", f->sets[s].prefix);
    einc_put(t, "};\n    static const char *const names[] = {\"sse2\"");
    for (int s = n - 1; s >= 0; s--)
        einc_put(t, ", \"%s\"", f->sets[s].target->name);
    einc_put(t, "};\n    static int picked; /* 1 + set; any thread finds the "
                "same */\n"
                "    int set = __atomic_load_n(&picked, __ATOMIC_RELAXED) - "
                "1;\n"
                "    if (set < 0) {\n"
                "        const char *const asked = getenv(\"EINC_ISA\");\n"
                "        const int has[] = {1");
    for (int s = n - 1; s >= 0; s--) {
        einc_put(t, ",\n            ");
        put_supports(f, f->sets[s].target);
    }
    einc_put(t, "};\n        set = 0;\n"
                "        while (set < %d && has[set + 1])\n"
                "            set++;\n"
                "        for (int s = 0; asked && s < set; s++)\n"
                "            if (strcmp(asked, names[s]) == 0)\n"
                "                set = s;\n"
                "        __atomic_store_n(&picked, set + 1, "
                "__ATOMIC_RELAXED);\n"
                "    }\n    return sets[set];\n#else\n    return %s;\n"
                "#endif\n}\n\n", n, f->sets[n].prefix);
}

static void
put_call(const struct file *f)
{
    einc_put(f->t, "    %s_pick()(", f->style->name);
    einc_file_parameters(f, 0);
    einc_put(f->t, "%s);\n", f->has_work ? ", base" : "");
}

static void
put_function(const struct file *f)
{
    struct text *t = f->t;
    einc_file_signature(f);
    einc_put(t, "\n{\n");
    if (f->has_work)
        put_memory(f);
    else
        einc_line(t, "    (void)work;");
    if (f->n_picked)
        put_call(f);
    else /* the set without vectors: nothing defines NAME_VECTORS */
        put_steps(f, f->n_sets - 1);
    if (f->has_work)
        einc_line(t, "    free(own);");
    einc_line(t, "    return 0;");
    einc_line(t, "}");
}

void
einc_file_driver(const struct file *f)
{
    if (f->has_gett) {
        const int some = put_where_packed(f);
        put_block_function(f);
        put_run(f);
        if (some)
            einc_put(f->t, "#endif\n\n");
    }
    if (f->n_picked) {
        einc_put(f->t, "#if defined(%s_SETS)\n", f->style->name);
        for (int x = 0; x < f->n_picked; x++)
            put_set(f, f->t, x, 0);
        einc_put(f->t, "#endif\n");
        einc_file_base(f, put_set, 0);
        put_pick(f);
    }
    put_workspace(f);
    put_function(f);
}

/* Whether OpenMP may be of use to the file. */
static int
has_parts(const struct file *f)
{
    int any = f->has_gett;
    for (int s = 0; s < f->plan->n_steps; s++)
        any |= einc_file_printer(f, f->t, f->n_sets - 1, s).in_parts;
    return any;
}

static void
put_sets(const struct file *f)
{
    const char *x = f->style->name;
    einc_put(f->t, "/* Vector types need gcc or clang; -D%s_SCALAR goes "
                   "without them. */\n", x);
    einc_put(f->t, "#if defined(__GNUC__) && !defined(EINC_SCALAR) && "
                   "!defined(%s_SCALAR)\n#define %s_VECTORS\n", x, x);
    einc_put(f->t, "#if defined(__x86_64__) && (defined(__clang__) || "
                   "__GNUC__ >= 8)\n#define %s_SETS /* picked at run time */"
                   "\n#endif\n#endif\n\n", x);
    einc_put(f->t, "/* Loops as vectors also at -O2, a*b + c in one "
                   "instruction also with -std=c99. */\n"
                   "#if defined(__GNUC__) && !defined(__clang__)\n"
                   "#pragma GCC optimize(\"tree-vectorize\", "
                   "\"fp-contract=fast\", \"no-trapping-math\")\n"
                   "#endif\n\n");
    einc_put(f->t, "#if defined(__GNUC__)\n#define %s_INLINE static inline "
                   "__attribute__((always_inline))\n#else\n"
                   "#define %s_INLINE static inline\n#endif\n\n", x, x);
}

void
einc_file_before_kernels(const struct file *f)
{
    const char *x = f->style->name;
    if (has_parts(f))
        einc_put(f->t, "#ifndef %s_THREADS\n#if defined(_OPENMP)\n"
                       "#define %s_THREADS 8 /* parts that OpenMP may run at "
                       "once */\n#else\n#define %s_THREADS 1\n#endif\n"
                       "#endif\n\n", x, x, x);
    if (f->has_gett)
        einc_put(f->t, "#if defined(_OPENMP)\n#include <omp.h>\n#endif\n"
                       "#define %s_SCRATCH %lld /* bytes for a thread */\n\n",
                 x, (long long)most_scratch(f));
    if (f->n_picked)
        put_sets(f);
}

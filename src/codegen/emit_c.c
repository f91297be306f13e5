/* SPDX-License-Identifier: MIT
 *
 * emit_c.c - C text: a kernel for the runtime, or a file that stands alone.
 */
#include "codegen/emit.h"
#include "codegen/print.h"

enum { NAME_ROOM = 16 };

/* --- pieces of both ----------------------------------------------------- */

static void
print_args_struct(struct text *t, const char *name)
{
    einc_line(t, "struct %s {", name);
    einc_line(t, "    void *out;            /* element (0, 0, ...) */");
    einc_line(t, "    const void *const *in;");
    einc_line(t, "    const int64_t *n;     /* extents */");
    einc_line(t, "    const int64_t *s;     /* strides, in elements */");
    einc_line(t, "    const void *alpha;    /* 0: 1 */");
    einc_line(t, "    const void *beta;     /* 0: out is not read */");
    einc_line(t, "    char *scratch;        /* of this thread, 64-aligned */");
    einc_line(t, "};");
    einc_put(t, "\n");
}

static void
print_kernel(const struct printer *p)
{
    if (p->nest->gett)
        einc_print_gett(p);
    else
        einc_print_stream(p);
}

struct unit
einc_emit_unit(struct arena *perm, const struct nest *nest)
{
    struct text t = {.perm = perm};
    einc_line(&t, "/* made by einc %s; kernel ABI %d, %s */", EINC_VERSION,
              UNIT_ABI, nest->target->name);
    einc_put(&t, "#include <stdint.h>\n#include <string.h>\n\n");
    print_args_struct(&t, "einc_args");
    einc_print_halves(&t, nest->plan, "static ");
    struct printer p = einc_printer(&t, nest, "einc_kernel");
    p.linkage = "";
    print_kernel(&p);
    return (struct unit){.source = einc_text_z(&t),
                         .source_bytes = t.n,
                         .entry = "einc_kernel",
                         .scratch_bytes = nest->scratch_bytes,
                         .n_extents = nest->n_extents,
                         .n_strides = nest->n_strides};
}

/* --- the user's text in a comment --------------------------------------- */

static int
is_direction_control(const unsigned char *s, int64_t n)
{
    /* U+200E U+200F U+202A..U+202E U+2066..U+2069: they reorder what a
     * reader sees */
    if (n < 3 || s[0] != 0xe2)
        return 0;
    if (s[1] == 0x80)
        return s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xaa && s[2] <= 0xae);
    return s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9;
}

void
einc_emit_comment(struct text *t, struct str user)
{
    const unsigned char *s = (const unsigned char *)user.p;
    for (int64_t j = 0; j < user.n; j++) {
        if (is_direction_control(s + j, user.n - j)) {
            einc_put(t, "?");
            j += 2;
        } else if (s[j] < 0x20 || s[j] == 0x7f || s[j] == '\\') {
            einc_put(t, s[j] == '\n' || s[j] == '\t' ? " " : "?");
        } else if (j && s[j - 1] == '*' && s[j] == '/') {
            einc_put(t, " /");
        } else if (j && ((s[j - 1] == '/' && s[j] == '*') ||
                         (s[j - 1] == '?' && s[j] == '?'))) {
            einc_put(t, " %c", s[j]);
        } else {
            einc_put(t, "%c", s[j]);
        }
    }
}

/* --- a file: what it is about ------------------------------------------- */

struct file {
    struct text *t;
    struct arena *scratch;
    const struct plan *plan;
    const struct emit_style *style;
    const struct nest **nests; /* [plan.n_steps] */
    int symbolic;              /* some extent is an argument */
};

static void
print_sizes(const struct file *f)
{
    const struct graph *g = f->plan->graph;
    einc_put(f->t, " * sizes      ");
    for (int x = 0; x < g->n_indices; x++) {
        einc_put(f->t, " ");
        einc_emit_comment(f->t, g->indices[x].name);
        if (g->indices[x].fixed)
            einc_put(f->t, "=%lld", (long long)g->indices[x].extent);
        else
            einc_put(f->t, "=argument");
    }
    einc_put(f->t, "\n");
}

static void
print_group(const struct file *f, const char *role, const struct group *g)
{
    if (!g->n)
        return;
    einc_put(f->t, "  %s{", role);
    for (int j = 0; j < g->n; j++) {
        einc_put(f->t, j ? "," : "");
        einc_emit_comment(f->t, f->plan->canon->indices[g->index[j]].name);
    }
    einc_put(f->t, "}");
    if (!f->symbolic)
        einc_put(f->t, "=%lld", (long long)g->extent);
}

static void
print_tensor_comment(const struct file *f, const struct plan_tensor *x)
{
    einc_plan_tensor_put(f->t, x);
    einc_put(f->t, "[");
    for (int a = 0; a < x->n_axes; a++) {
        einc_put(f->t, a ? "," : "");
        einc_emit_comment(f->t,
                          f->plan->canon->indices[x->axes[a].index].name);
    }
    einc_put(f->t, "]");
}

static void
print_mapping(const struct file *f)
{
    static const char *const kinds[] = {"contract", "reduce", "copy"};
    for (int s = 0; s < f->plan->n_steps; s++) {
        const struct step *x = &f->plan->steps[s];
        einc_put(f->t, " * step %-5d  %s ", s + 1, kinds[x->kind]);
        print_tensor_comment(f, &f->plan->tensors[x->out]);
        einc_put(f->t, " =");
        for (int o = 0; o < x->n_in; o++) {
            einc_put(f->t, o ? " * " : " ");
            print_tensor_comment(f, &f->plan->tensors[x->in[o]]);
        }
        einc_put(f->t, "\n *            ");
        print_group(f, x->kind == STEP_CONTRACT ? "batch" : "free", &x->b);
        print_group(f, "M", &x->m);
        print_group(f, "N", &x->n);
        print_group(f, x->kind == STEP_CONTRACT ? "K" : "sum", &x->k);
        einc_put(f->t, "\n");
    }
}

/* Which loop variable is which label, where they differ. */
static void
print_names(const struct file *f)
{
    const struct graph *g = f->plan->canon;
    int any = 0;
    for (int x = 0; x < g->n_indices; x++) {
        char name[NAME_ROOM];
        einc_nest_name(name, sizeof name, g, x);
        if (str_equal(str_of(name), g->indices[x].name))
            continue;
        einc_put(f->t, any ? ", " : " * names       ");
        any = 1;
        einc_put(f->t, "%s = ", name);
        einc_emit_comment(f->t, g->indices[x].name);
    }
    if (any)
        einc_put(f->t, "\n");
}

static void
print_opening(const struct file *f)
{
    const struct plan *p = f->plan;
    einc_line(f->t, "/* made by einc %s; change the expression, not this file",
              EINC_VERSION);
    einc_put(f->t, " * expression  ");
    einc_emit_comment(f->t, p->graph->source);
    einc_put(f->t, "  %s, %s\n", einc_dtype_name(p->graph->out.dtype),
             f->symbolic ? "dense row-major" : "strides as given");
    print_sizes(f);
    print_mapping(f);
    print_names(f);
    if (!f->symbolic)
        einc_line(f->t, " * cost        %llu flop; reads %llu B, writes %llu "
                        "B; intermediates %lld B",
                  (unsigned long long)p->flop,
                  (unsigned long long)p->read_bytes,
                  (unsigned long long)p->write_bytes,
                  (long long)p->workspace_bytes);
    if (f->style->again) {
        einc_put(f->t, " * again       ");
        einc_emit_comment(f->t, str_of(f->style->again));
        einc_put(f->t, "\n");
    }
    einc_line(f->t, " */");
}

/* --- numbers of the driver ---------------------------------------------- */

/* Extent of an index of plan.canon, as C. */
static void
put_extent(const struct file *f, int x)
{
    const struct graph_index *g = &f->plan->canon->indices[x];
    char name[NAME_ROOM];
    einc_nest_name(name, sizeof name, f->plan->canon, x);
    if (g->fixed)
        einc_put(f->t, "%lld", (long long)g->extent);
    else
        einc_put(f->t, "n_%s", name);
}

/* Number in plan.canon of an index of the first graph; -1 if it was dropped. */
static int
canon_of(const struct plan *p, int first)
{
    for (int x = 0; x < p->canon->n_indices; x++)
        for (int m = 0; m < p->canon->indices[x].n_members; m++)
            if (p->canon->indices[x].members[m] == first)
                return x;
    return -1;
}

static void
put_first_extent(const struct file *f, const struct operand *o, int dim)
{
    int x = o->dim_index[dim];
    if (f->plan->graph->indices[x].fixed)
        einc_put(f->t, "%lld", (long long)o->shape[dim]);
    else
        put_extent(f, canon_of(f->plan, x));
}

/* Dense stride of a canonical index in an operand whose extents are partly
 * arguments: each dim it runs over adds the product of the later dims. The
 * index of a fused group with stride is its last member. */
static void
put_operand_stride(const struct file *f, const struct operand *o, int x)
{
    const struct graph_index *g = &f->plan->canon->indices[x];
    int last = g->members[g->n_members - 1], any = 0;
    for (int d = 0; d < o->n_dims; d++) {
        if (o->dim_index[d] != last)
            continue;
        einc_put(f->t, any ? " + 1" : "1");
        any = 1;
        for (int e = d + 1; e < o->n_dims; e++) {
            einc_put(f->t, "*");
            put_first_extent(f, o, e);
        }
    }
    if (!any)
        einc_put(f->t, "0");
}

static void
put_stride(const struct file *f, int tensor, int x, int64_t value)
{
    const struct plan_tensor *y = &f->plan->tensors[tensor];
    if (!f->symbolic) {
        einc_put(f->t, "%lld", (long long)value);
    } else if (y->home == HOME_TEMP) {
        einc_put(f->t, "1");
        int after = 0;
        for (int a = 0; a < y->n_axes; a++) {
            if (after) {
                einc_put(f->t, "*");
                put_extent(f, y->axes[a].index);
            }
            after |= y->axes[a].index == x;
        }
    } else {
        put_operand_stride(f,
                           y->home == HOME_OUTPUT
                               ? &f->plan->graph->out
                               : &f->plan->graph->in[y->number],
                           x);
    }
}

/* Elements of a temporary, as C. */
static void
put_elements(const struct file *f, const struct plan_tensor *x)
{
    for (int a = 0; a < x->n_axes; a++) {
        einc_put(f->t, a ? "*" : "");
        put_extent(f, x->axes[a].index);
    }
    if (!x->n_axes)
        einc_put(f->t, "1");
}

/* --- declarations ------------------------------------------------------- */

static void
put_extent_parameters(const struct file *f, const char *before)
{
    const struct graph *g = f->plan->canon;
    for (int x = 0; x < g->n_indices; x++) {
        char name[NAME_ROOM];
        if (g->indices[x].fixed)
            continue;
        einc_nest_name(name, sizeof name, g, x);
        einc_put(f->t, "%sint64_t n_%s", before, name);
        before = ", ";
    }
}

static void
put_signature(const struct file *f)
{
    const struct graph *g = f->plan->graph;
    einc_put(f->t, "int\n%s(%s *out", f->style->name,
             einc_dtype_info(g->out.dtype)->c_type);
    for (int o = 0; o < g->n_in; o++)
        einc_put(f->t, ", const %s *in%d",
                 einc_dtype_info(g->in[o].dtype)->c_type, o);
    put_extent_parameters(f, ", ");
    einc_put(f->t, ", void *work)");
}

static void
put_workspace_signature(const struct file *f)
{
    einc_put(f->t, "int64_t\n%s_workspace(", f->style->name);
    if (f->symbolic)
        put_extent_parameters(f, "");
    else
        einc_put(f->t, "void");
    einc_put(f->t, ")");
}

static void
put_shape(const struct file *f, const struct operand *o)
{
    for (int d = 0; d < o->n_dims; d++) {
        einc_put(f->t, "%s", d ? "," : "");
        if (f->symbolic && !f->plan->graph->indices[o->dim_index[d]].fixed)
            put_first_extent(f, o, d);
        else
            einc_put(f->t, "%lld", (long long)o->shape[d]);
    }
}

static void
put_declarations(const struct file *f)
{
    const struct graph *g = f->plan->graph;
    einc_put(f->t, "/* out(");
    put_shape(f, &g->out);
    einc_put(f->t, ") = ");
    einc_emit_comment(f->t, g->source);
    for (int o = 0; o < g->n_in; o++) {
        einc_put(f->t, "%sin%d(", o ? ", " : " of ", o);
        put_shape(f, &g->in[o]);
        einc_put(f->t, ")");
    }
    einc_put(f->t, ".\n");
    for (int o = 0; o <= g->n_in; o++) {
        enum einc_dtype d = o < g->n_in ? g->in[o].dtype : g->out.dtype;
        const struct dtype_info *info = einc_dtype_info(d);
        if (info->kind == KIND_COMPLEX || d == EINC_F16 || d == EINC_BF16) {
            einc_put(f->t, " * ");
            if (o < g->n_in)
                einc_put(f->t, "in%d", o);
            else
                einc_put(f->t, "out");
            einc_put(f->t, info->kind == KIND_COMPLEX
                               ? " holds pairs (re, im).\n"
                               : " holds %s, as bits.\n", info->name);
        }
    }
    einc_put(f->t, " * `out` may not overlap an input. `work`: %s_workspace()\n"
                   " * bytes, or NULL: allocated. Returns 0, or -1 when that "
                   "failed: then nothing was\n * written. */\n",
             f->style->name);
    put_signature(f);
    einc_put(f->t, ";\n\n");
    put_workspace_signature(f);
    einc_put(f->t, ";\n");
}

/* --- the driver --------------------------------------------------------- */

static const char *
prefix_of(const struct file *f, int step)
{
    struct text t = {.perm = f->scratch};
    einc_put(&t, "%s_step%d", f->style->name, step + 1);
    return einc_text_z(&t);
}

static int64_t
most_scratch(const struct file *f)
{
    int64_t most = 0;
    for (int s = 0; s < f->plan->n_steps; s++)
        if (f->nests[s]->scratch_bytes > most)
            most = f->nests[s]->scratch_bytes;
    return most;
}

/* Where intermediates lie: the plan's places, or, where sizes are arguments,
 * one after another. */
static void
put_places(const struct file *f, int with_end)
{
    const struct plan *p = f->plan;
    const char *before = "0";
    struct text last = {.perm = f->scratch};
    for (int x = 0; x < p->n_tensors; x++) {
        const struct plan_tensor *y = &p->tensors[x];
        if (y->home != HOME_TEMP)
            continue;
        if (f->symbolic) {
            einc_put(f->t, "    const int64_t at_t%d = %s;\n", y->number,
                     before);
            einc_put(f->t, "    const int64_t end_t%d = at_t%d + ((", y->number,
                     y->number);
            put_elements(f, y);
            einc_put(f->t, ")*%d + 63)/64*64;\n",
                     einc_dtype_info(y->dtype)->bytes);
            last = (struct text){.perm = f->scratch};
            einc_put(&last, "end_t%d", y->number);
            before = einc_text_z(&last);
        } else if (!with_end) {
            einc_put(f->t, "    const int64_t at_t%d = %lld;\n", y->number,
                     (long long)y->at_byte);
        }
    }
    if (!with_end)
        return;
    if (f->symbolic)
        einc_put(f->t, "    const int64_t end = %s;\n", before);
    else
        einc_put(f->t, "    const int64_t end = %lld;\n",
                 (long long)(p->workspace_bytes + 63) / 64 * 64);
}

static void
put_workspace(const struct file *f)
{
    put_workspace_signature(f);
    einc_put(f->t, "\n{\n");
    put_places(f, 1);
    einc_put(f->t, "    return end + %s_THREADS*(int64_t)%lld + 64;\n}\n\n",
             f->style->name, (long long)most_scratch(f));
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
    einc_line(t, "    const struct %s_args *args, int64_t tasks)", x);
    einc_line(t, "{");
    einc_put(t, "#if defined(_OPENMP)\n#pragma omp parallel for "
                "schedule(static, 1)\n#endif\n");
    einc_line(t, "    for (int64_t part = 0; part < %s_THREADS; part++) {", x);
    einc_line(t, "        struct %s_args own = *args;", x);
    einc_line(t, "        own.scratch += part*%lld;",
              (long long)most_scratch(f));
    einc_line(t, "        kernel(&own, tasks*part/%s_THREADS, "
                 "tasks*(part + 1)/%s_THREADS);", x, x);
    einc_line(t, "    }");
    einc_line(t, "}");
    einc_put(t, "\n");
}

static int
any_gett(const struct file *f)
{
    for (int s = 0; s < f->plan->n_steps; s++)
        if (f->nests[s]->gett)
            return 1;
    return 0;
}

static void
put_block_function(const struct file *f)
{
    const char *x = f->style->name;
    struct text *t = f->t;
    einc_line(t, "/* Size of equal blocks of n: at most `most`, a multiple of "
                 "`unit`, one for\n * each thread if there are several. */");
    einc_line(t, "static int64_t");
    einc_line(t, "%s_block(int64_t n, int64_t most, int64_t unit)", x);
    einc_line(t, "{");
    einc_line(t, "    int64_t count = (n + most - 1)/most;");
    einc_line(t, "    if (count < %s_THREADS)", x);
    einc_line(t, "        count = %s_THREADS;", x);
    einc_line(t, "    const int64_t size = (n + count - 1)/count;");
    einc_line(t, "    return size > 0 ? (size + unit - 1)/unit*unit : unit;");
    einc_line(t, "}");
    einc_put(t, "\n");
}

static void
put_pointer(const struct file *f, int tensor)
{
    const struct plan_tensor *x = &f->plan->tensors[tensor];
    if (x->home == HOME_TEMP)
        einc_put(f->t, "base + at_t%d", x->number);
    else
        einc_plan_tensor_put(f->t, x);
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
            put_extent(f, w->idx[j].index);
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

static void
put_tasks(const struct file *f, const struct nest *w)
{
    struct text *t = f->t;
    einc_put(t, "        const int64_t tasks = ");
    if (w->gett) {
        put_role_extent(f, w, LOOP_BATCH);
        einc_put(t, "*((");
        put_role_extent(f, w, LOOP_M);
        einc_put(t, " + n[%d] - 1)/n[%d])*((", w->n_extents - 2,
                 w->n_extents - 2);
        put_role_extent(f, w, LOOP_N);
        einc_put(t, " + n[%d] - 1)/n[%d])", w->n_extents - 1,
                 w->n_extents - 1);
    } else if (w->lane >= 0 && w->lane < w->first[LOOP_K]) {
        put_product(f, w, 0, w->lane);
        einc_put(t, "*");
        put_product(f, w, w->lane + 1, w->first[LOOP_K]);
        einc_put(t, "*((");
        put_extent(f, w->idx[w->lane].index);
        einc_put(t, " + %d)/%d)", w->lanes - 1, w->lanes);
    } else {
        put_product(f, w, 0, w->first[LOOP_K]);
    }
    einc_put(t, ";\n");
}

/* Rows and columns of a task. */
static void
put_blocks(const struct file *f, const struct nest *w, const char *comma,
           const char *prefix)
{
    einc_put(f->t, "%s\n            %s_block(", comma, f->style->name);
    put_role_extent(f, w, LOOP_M);
    einc_put(f->t, ", %s_MB, %s_MR),\n            %s_block(", prefix, prefix,
             f->style->name);
    put_role_extent(f, w, LOOP_N);
    einc_put(f->t, ", %s_NB, %s_NR)", prefix, prefix);
}

/* The arrays n and s, in the order of the slots. */
static void
put_slots(const struct file *f, const struct nest *w, const char *prefix)
{
    struct text *t = f->t;
    if (w->n_extents) {
        const char *comma = "";
        einc_put(t, "        const int64_t n[] = {");
        for (int j = 0; j < w->n_idx; j++)
            if (w->idx[j].extent.arg >= 0) {
                einc_put(t, "%s", comma);
                put_extent(f, w->idx[j].index);
                comma = ", ";
            }
        if (w->gett)
            put_blocks(f, w, comma, prefix);
        einc_put(t, "};\n");
    }
    if (w->n_strides) {
        const char *comma = "";
        einc_put(t, "        const int64_t s[] = {");
        for (int o = 0; o <= w->n_in; o++) {
            const struct nest_tensor *x = o < w->n_in ? &w->in[o] : &w->out;
            for (int j = 0; j < w->n_idx; j++)
                if (x->stride[j].arg >= 0) {
                    einc_put(t, "%s", comma);
                    put_stride(f, x->tensor, w->idx[j].index,
                               x->stride[j].value);
                    comma = ", ";
                }
        }
        einc_put(t, "};\n");
    }
}

static void
put_step(const struct file *f, int step)
{
    const struct nest *w = f->nests[step];
    const char *prefix = prefix_of(f, step);
    struct text *t = f->t;
    einc_put(t, "    {\n        const void *const in[] = {");
    for (int o = 0; o < w->n_in; o++) {
        einc_put(t, o ? ", " : "");
        put_pointer(f, w->in[o].tensor);
    }
    einc_put(t, "};\n");
    put_slots(f, w, prefix);
    einc_put(t, "        const struct %s_args args = {", f->style->name);
    put_pointer(f, w->out.tensor);
    einc_put(t, ", in, %s, %s, 0, 0, base + end};\n",
             w->n_extents ? "n" : "0", w->n_strides ? "s" : "0");
    put_tasks(f, w);
    einc_put(t, "        %s_run(%s, &args, tasks);\n    }\n", f->style->name,
             prefix);
}

static void
put_driver(const struct file *f)
{
    const struct graph *g = f->plan->canon;
    struct text *t = f->t;
    put_signature(f);
    einc_put(t, "\n{\n");
    put_places(f, 0);
    einc_put(t, "    const int64_t bytes = %s_workspace(", f->style->name);
    const char *comma = "";
    for (int x = 0; x < g->n_indices; x++)
        if (!g->indices[x].fixed) {
            einc_put(t, "%s", comma);
            put_extent(f, x);
            comma = ", ";
        }
    einc_put(t, ");\n");
    einc_line(t, "    const int64_t end = bytes - 64 - "
                 "%s_THREADS*(int64_t)%lld;",
              f->style->name, (long long)most_scratch(f));
    einc_line(t, "    void *const own = work ? NULL : malloc((size_t)bytes);");
    einc_line(t, "    if (!work && !own)");
    einc_line(t, "        return -1;");
    einc_line(t, "    const uintptr_t first = (uintptr_t)(work ? work : own);");
    einc_line(t, "    char *const base = (char *)(work ? work : own) + "
                 "(0 - first) %% 64;");
    for (int s = 0; s < f->plan->n_steps; s++)
        put_step(f, s);
    einc_line(t, "    free(own);");
    einc_line(t, "    return 0;");
    einc_line(t, "}");
}

/* --- main() ------------------------------------------------------------- */

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
        put_first_extent(f, o, d);
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
        einc_put(f->t, "    if (!%s)\n        return 1;\n", z);
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
        put_operand_stride(f, o, x);
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

/* The expression as plain loops, for some elements of out. */
static void
put_main_check(const struct file *f)
{
    const struct graph *g = f->plan->canon;
    const struct graph *first = f->plan->graph;
    struct text *t = f->t;
    const char *type = main_type(f);
    einc_put(t, "    int64_t all = 1, wrong = 0, checked = 0;\n");
    for (int x = 0; x < g->n_indices; x++)
        if (g->indices[x].in_output) {
            einc_put(t, "    all *= ");
            put_extent(f, x);
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
        put_extent(f, x);
        einc_put(t, ");\n        rest /= ");
        put_extent(f, x);
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
        put_extent(f, x);
        einc_put(t, "; %s++) {\n", name);
        t->indent += 4;
        depth++;
    }
    einc_line(t, "%s x = 1, y = 0;", type);
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
        einc_line(t, "const %s old%d = x;", type, o);
        einc_line(t, "x = x*u%d - y*v%d;", o, o);
        einc_line(t, "y = old%d*v%d + y*u%d;", o, o, o);
    }
    einc_line(t, "re += x;");
    einc_line(t, "im += y;");
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
        einc_put(f->t, "    const int64_t n_%s = argc > %d ? atoll(argv[%d]) : "
                       "%lld;\n", name, argument, argument,
                 (long long)g->indices[x].extent);
        argument++;
    }
    if (argument == 1)
        einc_put(f->t, "    (void)argc;\n    (void)argv;\n");
}

static void
put_main_call(const struct file *f)
{
    const struct graph *g = f->plan->canon;
    einc_put(f->t, "%s(out", f->style->name);
    for (int o = 0; o < g->n_in; o++)
        einc_put(f->t, ", in%d", o);
    for (int x = 0; x < g->n_indices; x++)
        if (!g->indices[x].fixed) {
            einc_put(f->t, ", ");
            put_extent(f, x);
        }
    einc_put(f->t, ", work)");
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
            put_extent(f, w->idx[j].index);
            einc_put(f->t, ")");
        }
        einc_put(f->t, ";\n");
    }
}

static void
put_main(const struct file *f)
{
    const struct graph *g = f->plan->graph;
    struct text *t = f->t;
    einc_put(t, "\n/* Fills the inputs, times the function, checks it against "
                "plain loops.\n * Arguments: the extents, in the order of the "
                "parameters. */\n#include <stdio.h>\n#include <time.h>\n\n"
                "int\nmain(int argc, char **argv)\n{\n");
    put_main_sizes(f);
    put_main_arrays(f);
    einc_put(t, "    void *const work = malloc((size_t)%s_workspace(",
             f->style->name);
    const char *comma = "";
    for (int x = 0; x < f->plan->canon->n_indices; x++)
        if (!f->plan->canon->indices[x].fixed) {
            einc_put(t, "%s", comma);
            put_extent(f, x);
            comma = ", ";
        }
    einc_put(t, "));\n    double best = 1e30;\n");
    einc_put(t, "    for (int run = 0; run < 5; run++) {\n"
                "        const clock_t start = clock();\n        if (");
    put_main_call(f);
    einc_put(t, ")\n            return 1;\n"
                "        const double s = (double)(clock() - start) / "
                "CLOCKS_PER_SEC;\n"
                "        best = s < best ? s : best;\n    }\n");
    put_main_check(f);
    put_main_flop(f);
    einc_put(t, "    printf(\"%s: %%.3f ms, %%.2f GFLOP/s of processor time; "
                "%%lld elements checked, %%lld wrong\\n\",\n"
                "           1e3*best, best > 0 ? 1e-9*flop/best : 0.0, "
                "(long long)checked,\n           (long long)wrong);\n",
             f->style->name);
    for (int o = 0; o < g->n_in; o++)
        einc_put(t, "    free(in%d);\n", o);
    einc_put(t, "    free(out);\n    free(work);\n    return wrong != 0;\n}\n");
}

/* --- the files ---------------------------------------------------------- */

static int
any_symbolic(const struct graph *g)
{
    for (int x = 0; x < g->n_indices; x++)
        if (!g->indices[x].fixed)
            return 1;
    return 0;
}

void
einc_emit_c(struct text *t, struct arena scratch, const struct plan *p,
            const struct target *target, const struct emit_style *style)
{
    struct file f = {.t = t,
                     .scratch = &scratch,
                     .plan = p,
                     .style = style,
                     .symbolic = any_symbolic(p->graph)};
    f.nests = NEW(&scratch, const struct nest *, p->n_steps);
    for (int s = 0; s < p->n_steps; s++)
        f.nests[s] = einc_nest_build(&scratch, scratch, p, s, target,
                                     NEST_LITERAL);
    print_opening(&f);
    einc_put(t, "#include <stdint.h>\n#include <stdlib.h>\n#include <string.h>\n\n");
    if (style->header)
        einc_put(t, "#include \"%s\"\n", style->header);
    else
        put_declarations(&f);
    einc_put(t, "\n#ifndef %s_THREADS\n#if defined(_OPENMP)\n#define %s_THREADS "
                "8 /* parts that OpenMP may run at once */\n#else\n"
                "#define %s_THREADS 1\n#endif\n#endif\n\n",
             style->name, style->name, style->name);
    struct text args = {.perm = &scratch};
    einc_put(&args, "%s_args", style->name);
    print_args_struct(t, einc_text_z(&args));
    einc_print_halves(t, p, "static inline ");
    for (int s = 0; s < p->n_steps; s++) {
        struct printer k = einc_printer(t, f.nests[s], prefix_of(&f, s));
        k.args = einc_text_z(&args);
        k.with_scale = 0;
        print_kernel(&k);
        einc_put(t, "\n");
    }
    if (any_gett(&f))
        put_block_function(&f);
    put_run(&f);
    put_workspace(&f);
    put_driver(&f);
    if (style->with_main)
        put_main(&f);
}

void
einc_emit_c_header(struct text *t, struct arena scratch, const struct plan *p,
                   const struct emit_style *style)
{
    struct file f = {.t = t,
                     .scratch = &scratch,
                     .plan = p,
                     .style = style,
                     .symbolic = any_symbolic(p->graph)};
    print_opening(&f);
    einc_put(t, "#ifndef %s_H\n#define %s_H\n\n#include <stdint.h>\n\n"
                "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n",
             style->name, style->name);
    put_declarations(&f);
    einc_put(t, "\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
}

/* SPDX-License-Identifier: MIT
 *
 * file.c - see file.h: what the file is about, its declarations, its numbers.
 */
#include "codegen/file.h"

static int
any_symbolic(const struct graph *g)
{
    for (int x = 0; x < g->n_indices; x++)
        if (!g->indices[x].fixed)
            return 1;
    return 0;
}

/* A stream or sums within sums profit from wide vectors if there are many
 * elements. */
static int
is_worth_sets(const struct file_set *x, int n_steps)
{
    enum { WORTH_SETS = 10000 };
    for (int s = 0; s < n_steps; s++) {
        const struct nest *w = x->nests[s];
        double n = 1;
        int symbolic = 0;
        for (int j = 0; j < w->n_idx; j++) {
            n *= (double)w->idx[j].extent.value;
            symbolic |= w->idx[j].extent.arg >= 0;
        }
        int turns = w->family == FAMILY_TRANSPOSE;
        int loops = turns || w->family == FAMILY_STREAM ||
                    w->family == FAMILY_FUSED;
        if (!loops ||
            ((w->lane >= 0 || turns) && (symbolic || n >= WORTH_SETS)))
            return 1;
    }
    return 0;
}

static struct file_set
build_set(struct arena *scratch, const struct plan *p,
          const struct target *target)
{
    struct file_set x = {.target = target};
    x.nests = NEW(scratch, const struct nest *, p->n_steps);
    for (int s = 0; s < p->n_steps; s++)
        x.nests[s] = einc_nest_build(scratch, *scratch, p, s, target,
                                     NEST_LITERAL, FAMILY_ANY);
    return x;
}

static void
name_sets(struct file *f)
{
    for (int x = 0; x < f->n_sets; x++) {
        struct text t = {.perm = f->scratch};
        einc_put(&t, "%s", f->style->name);
        if (f->n_picked)
            einc_put(&t, "_%s", x < f->n_picked ? f->sets[x].target->name
                                                : "base");
        f->sets[x].prefix = einc_text_z(&t);
    }
}

/* All rows of a portable file, else the one. */
static void
build_sets(struct file *f, const struct target *target)
{
    const struct target *const one[] = {target, NULL};
    int portable = str_equal(str_of(target->name), str_of("portable"));
    const struct target *const *row = portable ? einc_target_portable : one;
    int n = 0;
    while (row[n])
        n++;
    f->sets = NEW(f->scratch, struct file_set, n);
    for (int r = 0; r < n; r++) {
        struct file_set x = build_set(f->scratch, f->plan, row[r]);
        int picked = portable && row[r]->features;
        if (picked && !is_worth_sets(&x, f->plan->n_steps))
            continue;
        f->n_picked += picked;
        f->sets[f->n_sets++] = x;
    }
    name_sets(f);
}

struct file
einc_file(struct text *t, struct arena *scratch, const struct plan *p,
          const struct target *target, const struct emit_style *style)
{
    struct file f = {.t = t,
                     .scratch = scratch,
                     .plan = p,
                     .style = style,
                     .symbolic = any_symbolic(p->graph)};
    build_sets(&f, target);
    f.nests = f.sets[f.n_sets - 1].nests;
    f.has_work = p->n_steps > 1;
    for (int x = 0; x < f.n_sets; x++)
        for (int s = 0; s < p->n_steps; s++) {
            enum nest_family family = f.sets[x].nests[s]->family;
            f.has_gett |= family == FAMILY_GETT;
            f.has_turns |= family == FAMILY_TRANSPOSE;
        }
    f.has_work |= f.has_gett;
    return f;
}

const char *
einc_file_prefix(const struct file *f, int set, int step)
{
    struct text t = {.perm = f->scratch};
    einc_put(&t, "%s_step%d", f->sets[set].prefix, step + 1);
    return einc_text_z(&t);
}

/* --- what it is about --------------------------------------------------- */

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

void
einc_file_opening(const struct file *f)
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
                  (long long)p->temporary_bytes);
    if (f->style->again) {
        einc_put(f->t, " * again       ");
        einc_emit_comment(f->t, str_of(f->style->again));
        einc_put(f->t, "\n");
    }
    if (f->n_picked)
        einc_line(f->t, " * sets        each call runs the best of avx512, "
                        "avx2 and sse2 that the machine\n"
                        " *              has, or a lesser one that EINC_ISA "
                        "names in the environment when\n"
                        " *              %s() is first called; elsewhere "
                        "NEON or plain C", f->style->name);
    einc_line(f->t, " */");
}

/* --- numbers ------------------------------------------------------------- */

/* Extent of an index of plan.canon, as C. */
void
einc_file_extent(const struct file *f, int x)
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

void
einc_file_dim(const struct file *f, const struct operand *o, int dim)
{
    int x = o->dim_index[dim];
    if (f->plan->graph->indices[x].fixed || o->shape[dim] == 1)
        einc_put(f->t, "%lld", (long long)o->shape[dim]);
    else
        einc_file_extent(f, canon_of(f->plan, x));
}

/* Dense stride of a canonical index in an operand whose extents are partly
 * arguments: each dim it runs over adds the product of the later dims. The
 * index of a fused group with stride is its last member. Arguments are 2 or
 * more where the plan is made, so a dim of size 1 is broadcast. */
void
einc_file_operand_stride(const struct file *f, const struct operand *o, int x)
{
    const struct graph_index *g = &f->plan->canon->indices[x];
    int last = g->members[g->n_members - 1], any = 0;
    for (int d = 0; d < o->n_dims; d++) {
        if (o->dim_index[d] != last || o->shape[d] == 1)
            continue;
        einc_put(f->t, any ? " + " : "");
        any = 1;
        for (int e = d + 1; e < o->n_dims; e++) {
            einc_put(f->t, e > d + 1 ? "*" : "");
            einc_file_dim(f, o, e);
        }
        if (d + 1 == o->n_dims)
            einc_put(f->t, "1");
    }
    if (!any)
        einc_put(f->t, "0");
}

/* Intermediates are dense in the order of their axes. */
static void
put_temp_stride(const struct file *f, const struct plan_tensor *y, int x)
{
    int after = 0, any = 0;
    for (int a = 0; a < y->n_axes; a++) {
        if (after) {
            einc_put(f->t, any ? "*" : "");
            einc_file_extent(f, y->axes[a].index);
            any = 1;
        }
        after |= y->axes[a].index == x;
    }
    if (!any)
        einc_put(f->t, "1");
}

void
einc_file_stride(const struct file *f, int tensor, int x, int64_t value)
{
    const struct plan_tensor *y = &f->plan->tensors[tensor];
    if (!f->symbolic) {
        einc_put(f->t, "%lld", (long long)value);
    } else if (y->home == HOME_TEMP) {
        put_temp_stride(f, y, x);
    } else {
        einc_file_operand_stride(f,
                           y->home == HOME_OUTPUT
                               ? &f->plan->graph->out
                               : &f->plan->graph->in[y->number],
                           x);
    }
}

/* Elements of a temporary, as C. */
void
einc_file_elements(const struct file *f, const struct plan_tensor *x)
{
    for (int a = 0; a < x->n_axes; a++) {
        einc_put(f->t, a ? "*" : "");
        einc_file_extent(f, x->axes[a].index);
    }
    if (!x->n_axes)
        einc_put(f->t, "1");
}

/* --- declarations ------------------------------------------------------- */

void
einc_file_arguments(const struct file *f, const char *first,
                    const char *before)
{
    const struct graph *g = f->plan->canon;
    for (int x = 0; x < g->n_indices; x++) {
        char name[NAME_ROOM];
        if (g->indices[x].fixed)
            continue;
        einc_nest_name(name, sizeof name, g, x);
        einc_put(f->t, "%s%sn_%s", first, before, name);
        first = ", ";
    }
}

void
einc_file_parameters(const struct file *f, int typed)
{
    const struct graph *g = f->plan->graph;
    if (typed)
        einc_put(f->t, "%s *", einc_dtype_info(g->out.dtype)->c_type);
    einc_put(f->t, "out");
    for (int o = 0; o < g->n_in; o++) {
        einc_put(f->t, "%s", typed && o % 3 == 2 ? ",\n    " : ", ");
        if (typed)
            einc_put(f->t, "const %s *", einc_dtype_info(g->in[o].dtype)->c_type);
        einc_put(f->t, "in%d", o);
    }
    einc_file_arguments(f, typed ? ",\n    " : ", ", typed ? "int64_t " : "");
}

void
einc_file_signature(const struct file *f)
{
    einc_put(f->t, "int\n%s(", f->style->name);
    einc_file_parameters(f, 1);
    einc_put(f->t, ", void *work)");
}

void
einc_file_workspace_signature(const struct file *f)
{
    einc_put(f->t, "int64_t\n%s_workspace(", f->style->name);
    if (f->symbolic)
        einc_file_arguments(f, "", "int64_t ");
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
            einc_file_dim(f, o, d);
        else
            einc_put(f->t, "%lld", (long long)o->shape[d]);
    }
}

void
einc_file_declarations(const struct file *f)
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
    einc_put(f->t, " * `out` may not overlap an input. `work` has "
                   "%s_workspace() bytes,\n"
                   " * or is NULL: then memory is allocated for the call. "
                   "Returns 0, or -1 if there\n * was none; then `out` is as "
                   "before. */\n", f->style->name);
    einc_file_signature(f);
    einc_put(f->t, ";\n\n");
    einc_file_workspace_signature(f);
    einc_put(f->t, ";\n");
}

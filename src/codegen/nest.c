/* SPDX-License-Identifier: MIT
 *
 * nest.c - see nest.h.
 */
#include "codegen/family.h"

#include <math.h>
#include <stdio.h>

static const struct family *const families[N_FAMILIES] = {
    [FAMILY_STREAM] = &einc_family_stream,
    [FAMILY_GETT] = &einc_family_gett,
    [FAMILY_FUSED] = &einc_family_fused,
    [FAMILY_DIRECT] = &einc_family_direct,
    [FAMILY_LANES] = &einc_family_lanes,
    [FAMILY_TRANSPOSE] = &einc_family_transpose,
    [FAMILY_NARROW] = &einc_family_narrow,
    [FAMILY_BLOCK] = &einc_family_block,
    [FAMILY_TENSOR] = &einc_family_tensor,
};

/* --- indices and tensors ------------------------------------------------ */

/* A kernel that serves every shape of its class names its indices by their
 * place, so that equal kernels have equal texts; a file for a reader keeps the
 * letters of the expression. */
static void
name_index(struct nest_index *x, const struct graph *g, enum nest_mode mode,
           int place)
{
    if (mode == NEST_GENERIC) {
        snprintf(x->name, sizeof x->name, "x%d", place);
        return;
    }
    einc_nest_name(x->name, sizeof x->name, g, x->index);
}

void
einc_nest_name(char *to, size_t size, const struct graph *g, int index)
{
    struct str name = g->indices[index].name;
    char c = name.n == 1 ? name.p[0] : 0;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        snprintf(to, size, "%c", c);
    else
        snprintf(to, size, "i%d", index);
}

static void
add_group(struct nest *w, const struct group *g, enum loop_role role,
          enum nest_mode mode)
{
    w->first[role] = w->n_idx;
    for (int j = 0; j < g->n; j++) {
        struct nest_index *x = &w->idx[w->n_idx++];
        const struct graph_index *c = &w->plan->canon->indices[g->index[j]];
        x->index = g->index[j];
        x->role = role;
        x->extent.value = c->extent;
        x->extent.arg =
            mode == NEST_LITERAL && c->fixed ? -1 : w->n_extents++;
        name_index(x, w->plan->canon, mode, w->n_idx - 1);
    }
}

/* Whether the extents of dims [first, n_dims) of an operand are all fixed. */
static int
dims_are_fixed(const struct graph *g, const struct operand *o, int first)
{
    for (int d = first; d < o->n_dims; d++)
        if (!g->indices[o->dim_index[d]].fixed)
            return 0;
    return 1;
}

/* Whether no symbolic extent goes into the stride of index x: with symbolic
 * extents all tensors are dense, so it is made of the later extents. */
static int
stride_is_fixed(const struct plan *p, const struct plan_tensor *t, int x)
{
    if (t->home == HOME_TEMP) {
        int fixed = 1;
        for (int a = t->n_axes - 1; t->axes[a].index != x; a--)
            fixed &= p->canon->indices[t->axes[a].index].fixed;
        return fixed;
    }
    const struct operand *o =
        t->home == HOME_OUTPUT ? &p->graph->out : &p->graph->in[t->number];
    const struct graph_index *c = &p->canon->indices[x];
    int last = c->members[c->n_members - 1];
    for (int d = 0; d < o->n_dims; d++)
        if (o->dim_index[d] == last && !dims_are_fixed(p->graph, o, d + 1))
            return 0;
    return 1;
}

static const struct axis *
find_axis(const struct plan_tensor *t, int index)
{
    for (int a = 0; a < t->n_axes; a++)
        if (t->axes[a].index == index)
            return &t->axes[a];
    return NULL;
}

static void
add_tensor(struct arena *perm, struct nest *w, struct nest_tensor *x,
           int tensor, const char *name, enum nest_mode mode)
{
    const struct plan_tensor *t = &w->plan->tensors[tensor];
    x->name = name;
    x->tensor = tensor;
    x->storage = t->dtype;
    x->stride = NEW(perm, struct quantity, w->n_idx);
    for (int j = 0; j < w->n_idx; j++) {
        const struct axis *a = find_axis(t, w->idx[j].index);
        struct quantity *q = &x->stride[j];
        q->value = a ? a->stride : 0;
        int literal = mode == NEST_GENERIC
                          ? q->value == 0 || q->value == 1
                          : a && stride_is_fixed(w->plan, t, a->index);
        q->arg = !a || literal ? -1 : w->n_strides++;
    }
}

static const char *
operand_name(struct arena *perm, const struct nest *w, int o)
{
    static const char *const names[] = {"lhs", "rhs", "weight"};
    if (w->step->kind == STEP_CONTRACT && w->target->language == LANGUAGE_C)
        return names[o];
    struct text t = {.perm = perm};
    einc_put(&t, "in%d", o);
    return einc_text_z(&t);
}

/* --- for the families --------------------------------------------------- */

struct nest_node *
einc_nest_node(struct arena *perm, enum nest_op op, struct nest_node *child)
{
    struct nest_node *x = NEW(perm, struct nest_node, 1);
    x->op = op;
    x->index = -1;
    x->child = child;
    return x;
}

struct nest_node *
einc_nest_then(struct nest_node *a, struct nest_node *b)
{
    a->next = b;
    return a;
}

const struct nest_tensor *
einc_nest_tensor(const struct nest *w, int o)
{
    return o < w->n_in ? &w->in[o] : &w->out;
}

int64_t
einc_nest_extent(const struct nest *w, enum loop_role role)
{
    int64_t n = 1;
    for (int j = w->first[role]; j < w->first[role + 1]; j++)
        n *= w->idx[j].extent.value;
    return n;
}

int
einc_nest_planes(enum einc_dtype compute)
{
    return einc_dtype_info(compute)->kind == KIND_COMPLEX ? 2 : 1;
}

int
einc_nest_bytes(enum einc_dtype compute)
{
    return compute == EINC_BOOL ? 4
                                : einc_dtype_info(compute)->bytes /
                                      einc_nest_planes(compute);
}

int64_t
einc_nest_blocks(int64_t n, int64_t size)
{
    return n / size + (n % size != 0);
}

int64_t
einc_nest_up_to(int64_t n, int64_t unit)
{
    return einc_nest_blocks(n, unit) * unit;
}

void
einc_nest_fill_slots(const struct nest *w, int64_t *n, int64_t *s)
{
    for (int j = 0; j < w->n_idx; j++)
        if (w->idx[j].extent.arg >= 0)
            n[w->idx[j].extent.arg] = w->idx[j].extent.value;
    if (w->factor.arg >= 0)
        n[w->factor.arg] = w->factor.value;
    for (int o = 0; o <= w->n_in; o++)
        for (int j = 0; j < w->n_idx; j++)
            if (einc_nest_tensor(w, o)->stride[j].arg >= 0)
                s[einc_nest_tensor(w, o)->stride[j].arg] =
                    einc_nest_tensor(w, o)->stride[j].value;
}

int64_t
einc_nest_balance(int64_t n, int64_t size, int64_t unit)
{
    int64_t count = einc_nest_blocks(n, size);
    return count ? einc_nest_up_to(einc_nest_blocks(n, count), unit) : size;
}

/* --- build -------------------------------------------------------------- */

/* The one asked for, if it fits; else the one with the least modelled time,
 * the first of equals. A family that lives on literals must win by a margin
 * where its kernel serves no other shape. CUDA is printed of streams, and of
 * blocks for the runtime. */
static const struct family *
choose_family(struct nest *w, enum nest_mode mode, enum nest_family asked)
{
    static const double margin = 0.9;
    const struct family *best = NULL;
    int cuda = w->target->language == LANGUAGE_CUDA;
    for (int f = 0; f < N_FAMILIES; f++) {
        const struct family *x = families[f];
        if ((x->literal > 0 && mode == NEST_GENERIC) ||
            (w->sum == EINC_SUM_KAHAN && x->id != FAMILY_STREAM) ||
            (x->literal < 0 && mode == NEST_LITERAL) ||
            (cuda && x->id != FAMILY_STREAM &&
             ((x->id != FAMILY_BLOCK && x->id != FAMILY_TENSOR) ||
              mode != NEST_GENERIC)) ||
            !x->fits(w))
            continue;
        double seconds = x->cost(w);
        int only = mode == NEST_BEST && x->literal > 0 && best &&
                   best->literal <= 0;
        double bar = only ? margin * w->seconds : w->seconds;
        if (cuda && best && best->id == FAMILY_STREAM)
            bar = INFINITY; /* a CPU's; blocks of threads always win */
        if (x->id != asked && best && (best->id == asked || seconds >= bar))
            continue;
        best = x;
        w->seconds = seconds;
    }
    return best;
}

/* Indices and tensors in the given mode. */
static void
fill(struct arena *perm, struct nest *w, enum nest_mode mode)
{
    const struct step *s = w->step;
    w->n_idx = w->n_extents = w->n_strides = 0;
    add_group(w, &s->b, LOOP_BATCH, mode);
    add_group(w, &s->m, LOOP_M, mode);
    add_group(w, &s->n, LOOP_N, mode);
    add_group(w, &s->k, LOOP_K, mode);
    w->first[N_LOOP_ROLES] = w->n_idx;
    for (int o = 0; o < s->n_in; o++)
        add_tensor(perm, w, &w->in[o], s->in[o], operand_name(perm, w, o),
                   mode);
    add_tensor(perm, w, &w->out, s->out, "out", mode);
    w->factor.value = s->factor;
    w->factor.arg = s->factor == 1 || mode == NEST_LITERAL ? -1
                                                           : w->n_extents++;
}

enum nest_family
einc_nest_family(struct str name)
{
    if (str_equal(name, str_of("auto")))
        return FAMILY_ANY;
    int f = 0;
    while (f < N_FAMILIES && !str_equal(name, str_of(families[f]->name)))
        f++;
    return (enum nest_family)f;
}

const char *
einc_nest_family_name(enum nest_family family)
{
    return families[family]->name;
}

const struct nest *
einc_nest_build(struct arena *perm, struct arena scratch,
                const struct plan *p, int step, const struct target *t,
                enum nest_mode mode, enum nest_family asked)
{
    (void)scratch;
    const struct step *s = &p->steps[step];
    struct nest *w = NEW(perm, struct nest, 1);
    w->plan = p;
    w->step = s;
    w->target = t;
    w->compute = p->graph->compute;
    w->sum = s->k.n ? p->graph->summing.how : EINC_SUM_BLOCK;
    w->idx = NEW(perm, struct nest_index, s->b.n + s->m.n + s->n.n + s->k.n);
    w->in = NEW(perm, struct nest_tensor, s->n_in);
    w->n_in = s->n_in;
    w->lane = w->inner = -1;
    w->lanes = 1;
    w->rich = mode == NEST_BUILTIN;
    mode = w->rich ? NEST_GENERIC : mode;
    fill(perm, w, mode == NEST_BEST ? NEST_LITERAL : mode);
    const struct family *f = choose_family(w, mode, asked);
    if (mode == NEST_BEST) {
        mode = f->literal > 0 ? NEST_LITERAL : NEST_GENERIC;
        fill(perm, w, mode);
    }
    w->family = f->id;
    w->mode = mode;
    f->build(perm, w, mode);
    return w;
}

int64_t
einc_nest_arguments(const struct nest *w, int threads, int64_t *n, int64_t *s)
{
    return families[w->family]->arguments(w, threads, n, s);
}

/* --- dump --------------------------------------------------------------- */

static const char *const role_names[] = {"batch", "M", "N", "K"};

static void
print_role(struct text *t, const struct nest *w, enum loop_role role)
{
    einc_put(t, " %s{", role_names[role]);
    for (int j = w->first[role]; j < w->first[role + 1]; j++)
        einc_put(t, "%s%s=%lld", j > w->first[role] ? "," : "",
                 w->idx[j].name, (long long)w->idx[j].extent.value);
    einc_put(t, "}");
}

static void
print_tensor(struct text *t, const struct nest *w, const struct nest_tensor *x)
{
    einc_put(t, "  %s %s", x->name, einc_dtype_name(x->storage));
    for (int j = 0; j < w->n_idx; j++)
        if (x->stride[j].value)
            einc_put(t, " %s:%lld", w->idx[j].name,
                     (long long)x->stride[j].value);
    einc_put(t, "\n");
}

static void
print_node(struct text *t, const struct nest *w, const struct nest_node *x)
{
    static const char *const blocks_of[] = {"", "K block", "N block",
                                            "M block", "panel of N",
                                            "tile of M"};
    for (; x; x = x->next) {
        switch (x->op) {
        case NEST_TASKS:
            einc_line(t, "tasks");
            break;
        case NEST_LOOP:
            if (x->index >= 0)
                einc_line(t, "loop %s", w->idx[x->index].name);
            else
                einc_line(t, "loop %s", blocks_of[x->block]);
            break;
        case NEST_PACK:
            einc_line(t, "pack %s%s", w->in[x->tensor].name,
                      w->gett->weighs == x->tensor ? " * weight" : "");
            break;
        case NEST_ZERO:
            einc_line(t, "zero");
            break;
        case NEST_FMA:
            einc_line(t, "fma %d", w->lanes);
            break;
        case NEST_TILE:
            einc_line(t, "tile %dx%d", w->tile.mr, w->tile.nr);
            break;
        case NEST_STORE:
            einc_line(t, "store");
            break;
        case NEST_TURN:
            einc_line(t, "turn");
            break;
        }
        t->indent += 2;
        print_node(t, w, x->child);
        t->indent -= 2;
    }
}

void
einc_nest_print(struct text *t, const struct nest *w)
{
    einc_put(t, "nest %s %s %s%s", families[w->family]->name,
             w->target->name, einc_dtype_name(w->compute),
             einc_graph_sum_name(w->sum));
    for (int r = 0; r < N_LOOP_ROLES; r++)
        print_role(t, w, (enum loop_role)r);
    einc_put(t, "\n");
    for (int o = 0; o < w->n_in; o++)
        print_tensor(t, w, &w->in[o]);
    print_tensor(t, w, &w->out);
    families[w->family]->print(t, w);
    t->indent += 2;
    print_node(t, w, w->root);
    t->indent -= 2;
}

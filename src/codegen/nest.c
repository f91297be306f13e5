/* SPDX-License-Identifier: MIT
 *
 * nest.c - see nest.h.
 */
#include "codegen/nest.h"

#include <stdio.h>

enum { STREAM_LANES_BYTES = 256, MIN_LANE = 4 };

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
    if (w->gett)
        return o == 0 ? "lhs" : "rhs";
    struct text t = {.perm = perm};
    einc_put(&t, "in%d", o);
    return einc_text_z(&t);
}

/* --- the tree ----------------------------------------------------------- */

static struct nest_node *
node(struct arena *perm, enum nest_op op, struct nest_node *child)
{
    struct nest_node *x = NEW(perm, struct nest_node, 1);
    x->op = op;
    x->index = -1;
    x->child = child;
    return x;
}

static struct nest_node *
then(struct nest_node *a, struct nest_node *b)
{
    a->next = b;
    return a;
}

static struct nest_node *
block_loop(struct arena *perm, enum block block, struct nest_node *child)
{
    struct nest_node *x = node(perm, NEST_LOOP, child);
    x->block = block;
    return x;
}

static struct nest_node *
pack(struct arena *perm, int tensor)
{
    struct nest_node *x = node(perm, NEST_PACK, NULL);
    x->tensor = tensor;
    return x;
}

static struct nest_node *
gett_tree(struct arena *perm)
{
    struct nest_node *tile = then(node(perm, NEST_TILE, NULL),
                                  node(perm, NEST_STORE, NULL));
    struct nest_node *panels = block_loop(
        perm, BLOCK_PANEL, block_loop(perm, BLOCK_TILE, tile));
    struct nest_node *rows =
        block_loop(perm, BLOCK_M, then(pack(perm, 0), panels));
    struct nest_node *depth =
        block_loop(perm, BLOCK_K, then(pack(perm, 1), rows));
    return node(perm, NEST_TASKS, depth);
}

static struct nest_node *
stream_tree(struct arena *perm, const struct nest *w)
{
    struct nest_node *body = node(perm, NEST_FMA, NULL);
    for (int j = w->first[LOOP_K + 1] - 1; j >= w->first[LOOP_K]; j--)
        if (j != w->lane) {
            body = node(perm, NEST_LOOP, body);
            body->index = j;
        }
    struct nest_node *zero = node(perm, NEST_ZERO, NULL);
    zero->next = then(body, node(perm, NEST_STORE, NULL));
    return node(perm, NEST_TASKS, zero);
}

/* --- lanes of a stream -------------------------------------------------- */

/* How well index j runs in lanes: every operand that holds it contiguous (2),
 * some of them (1), none (0). */
static int
lane_grade(const struct nest *w, int j)
{
    int held = 0, unit = 0;
    for (int o = 0; o < w->n_in; o++) {
        held += w->in[o].stride[j].value != 0;
        unit += w->in[o].stride[j].value == 1;
    }
    return held == unit ? 2 : unit > 0;
}

/* A free index that out stores contiguously and all operands load so; else a
 * summed index that all load contiguously; else the best of the rest. */
static int
choose_lane(const struct nest *w)
{
    int best = -1, best_score = -1;
    for (int j = 0; j < w->n_idx; j++) {
        int sum = w->idx[j].role == LOOP_K;
        int score = 4 * lane_grade(w, j) + 2 * !sum;
        if (!sum && w->out.stride[j].value == 1)
            score += 3;
        if (w->idx[j].extent.value < MIN_LANE)
            score -= 16;
        if (score >= best_score) {
            best = j;
            best_score = score;
        }
    }
    return best;
}

/* See nest.inner. */
static int
choose_inner(const struct nest *w)
{
    if (w->lane < 0 || w->idx[w->lane].role == LOOP_K)
        return -1;
    for (int o = 0; o <= w->n_in; o++) {
        const struct nest_tensor *x = o < w->n_in ? &w->in[o] : &w->out;
        for (int j = 0; j < w->first[LOOP_K]; j++)
            if (j != w->lane && x->stride[j].value == 1 &&
                x->stride[w->lane].value != 0)
                return j;
    }
    return -1;
}

static int
compute_bytes(enum einc_dtype compute)
{
    const struct dtype_info *d = einc_dtype_info(compute);
    return compute == EINC_BOOL       ? 4
           : d->kind == KIND_COMPLEX  ? d->bytes / 2
                                      : d->bytes;
}

/* --- scratch ------------------------------------------------------------ */

static int64_t
gett_scratch(const struct tile *s, enum einc_dtype compute)
{
    const struct dtype_info *d = einc_dtype_info(compute);
    int64_t bytes = compute_bytes(compute);
    if (d->kind == KIND_COMPLEX)
        bytes *= 2;
    int64_t elements = (int64_t)s->mc * s->kc + (int64_t)s->nb * s->kc +
                       (int64_t)s->mb * s->nb;
    int64_t offsets = 2 * ((int64_t)s->mb + s->nb + s->kc);
    return (elements * bytes + offsets * 8 + 4 * 64 + 63) / 64 * 64;
}

/* The scratch of a portable file is that of its hungriest row. */
static int64_t
portable_scratch(enum einc_dtype compute)
{
    int64_t most = 0;
    for (int r = 0; einc_target_portable[r]; r++) {
        struct tile s = einc_tile_choose(einc_target_portable[r], compute);
        int64_t bytes = gett_scratch(&s, compute);
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* --- build -------------------------------------------------------------- */

const struct nest *
einc_nest_build(struct arena *perm, struct arena scratch,
                const struct plan *p, int step, const struct target *t,
                enum nest_mode mode)
{
    (void)scratch;
    const struct step *s = &p->steps[step];
    struct nest *w = NEW(perm, struct nest, 1);
    w->plan = p;
    w->step = s;
    w->target = t;
    w->compute = p->graph->compute;
    w->gett = s->kind == STEP_CONTRACT && t->language == LANGUAGE_C;
    w->idx = NEW(perm, struct nest_index, s->b.n + s->m.n + s->n.n + s->k.n);
    add_group(w, &s->b, LOOP_BATCH, mode);
    add_group(w, &s->m, LOOP_M, mode);
    add_group(w, &s->n, LOOP_N, mode);
    add_group(w, &s->k, LOOP_K, mode);
    w->first[N_LOOP_ROLES] = w->n_idx;
    w->n_in = s->n_in;
    w->in = NEW(perm, struct nest_tensor, s->n_in);
    for (int o = 0; o < s->n_in; o++)
        add_tensor(perm, w, &w->in[o], s->in[o], operand_name(perm, w, o),
                   mode);
    add_tensor(perm, w, &w->out, s->out, "out", mode);
    w->factor.value = s->factor;
    w->factor.arg = s->factor == 1 || mode == NEST_LITERAL ? -1
                                                           : w->n_extents++;
    w->table = w->gett && mode == NEST_GENERIC;
    w->lane = w->inner = -1;
    w->lanes = 1;
    if (w->gett) {
        w->tile = einc_tile_choose(t, w->compute);
        w->n_extents += 2;
        if (w->table) {
            w->factor.arg = NEST_TABLE_FACTOR;
            w->n_extents = NEST_TABLE_EXTENTS + w->n_idx;
            w->n_strides = 3 * w->n_idx;
        }
        w->scratch_bytes = str_equal(str_of(t->name), str_of("portable"))
                               ? portable_scratch(w->compute)
                               : gett_scratch(&w->tile, w->compute);
        w->root = gett_tree(perm);
    } else {
        if (t->language == LANGUAGE_C && w->n_idx) {
            w->lane = choose_lane(w);
            w->lanes = STREAM_LANES_BYTES / compute_bytes(w->compute);
            w->inner = choose_inner(w);
        }
        w->root = stream_tree(perm, w);
    }
    return w;
}

/* --- arguments ---------------------------------------------------------- */

static int64_t
role_extent(const struct nest *w, enum loop_role role)
{
    int64_t n = 1;
    for (int j = w->first[role]; j < w->first[role + 1]; j++)
        n *= w->idx[j].extent.value;
    return n;
}

static int64_t
blocks(int64_t n, int64_t size)
{
    return n / size + (n % size != 0);
}

static int64_t
up_to(int64_t n, int64_t unit)
{
    return blocks(n, unit) * unit;
}

/* n split into equal blocks of at most `size`, each a multiple of unit. */
static int64_t
balance(int64_t n, int64_t size, int64_t unit)
{
    int64_t count = blocks(n, size);
    return count ? up_to(blocks(n, count), unit) : size;
}

/* Rows and columns of out per task: as large as the scratch allows, smaller
 * while threads would be idle. */
static void
choose_task(const struct nest *w, int threads, int64_t *rows, int64_t *columns)
{
    int64_t m = role_extent(w, LOOP_M), n = role_extent(w, LOOP_N);
    int64_t batch = role_extent(w, LOOP_BATCH);
    const struct tile *s = &w->tile;
    *rows = s->mb;
    *columns = s->nb;
    while (threads > 1 &&
           batch * blocks(m, *rows) * blocks(n, *columns) < 3 * threads) {
        if (*columns > 2 * s->nr && (*columns >= *rows || *rows <= 2 * s->mr))
            *columns = up_to(*columns / 2, s->nr);
        else if (*rows > 2 * s->mr)
            *rows = up_to(*rows / 2, s->mr);
        else
            break;
    }
    *rows = balance(m, *rows, s->mr);
    *columns = balance(n, *columns, s->nr);
}

/* Tensor o of a nest, the output last. */
static const struct nest_tensor *
tensor_of(const struct nest *w, int o)
{
    return o < w->n_in ? &w->in[o] : &w->out;
}

static void
fill_table(const struct nest *w, int64_t *n, int64_t *s)
{
    for (int r = 0; r < N_LOOP_ROLES; r++)
        n[NEST_TABLE_ROLES + r] = w->first[r + 1] - w->first[r];
    n[NEST_TABLE_FACTOR] = w->factor.value;
    for (int j = 0; j < w->n_idx; j++)
        n[NEST_TABLE_EXTENTS + j] = w->idx[j].extent.value;
    for (int o = 0; o <= w->n_in; o++)
        for (int j = 0; j < w->n_idx; j++)
            s[o * w->n_idx + j] = tensor_of(w, o)->stride[j].value;
}

static void
fill_slots(const struct nest *w, int64_t *n, int64_t *s)
{
    for (int j = 0; j < w->n_idx; j++)
        if (w->idx[j].extent.arg >= 0)
            n[w->idx[j].extent.arg] = w->idx[j].extent.value;
    if (w->factor.arg >= 0)
        n[w->factor.arg] = w->factor.value;
    for (int o = 0; o <= w->n_in; o++)
        for (int j = 0; j < w->n_idx; j++)
            if (tensor_of(w, o)->stride[j].arg >= 0)
                s[tensor_of(w, o)->stride[j].arg] =
                    tensor_of(w, o)->stride[j].value;
}

int64_t
einc_nest_arguments(const struct nest *w, int threads, int64_t *n, int64_t *s)
{
    if (w->table)
        fill_table(w, n, s);
    else
        fill_slots(w, n, s);
    int64_t batch = role_extent(w, LOOP_BATCH);
    if (w->gett) {
        int64_t rows, columns;
        choose_task(w, threads, &rows, &columns);
        n[w->table ? NEST_TABLE_ROWS : w->n_extents - 2] = rows;
        n[w->table ? NEST_TABLE_COLUMNS : w->n_extents - 1] = columns;
        return batch * blocks(role_extent(w, LOOP_M), rows) *
               blocks(role_extent(w, LOOP_N), columns);
    }
    int64_t tasks = 1;
    for (int j = 0; j < w->first[LOOP_K]; j++)
        tasks *= j == w->lane ? blocks(w->idx[j].extent.value, w->lanes)
                              : w->idx[j].extent.value;
    return tasks;
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
    static const char *const blocks_of[] = {"", "K block", "M block",
                                            "panel of N", "tile of M"};
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
            einc_line(t, "pack %s", w->in[x->tensor].name);
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
        }
        t->indent += 2;
        print_node(t, w, x->child);
        t->indent -= 2;
    }
}

void
einc_nest_print(struct text *t, const struct nest *w)
{
    einc_put(t, "nest %s %s %s", w->gett ? "gett" : "stream", w->target->name,
             einc_dtype_name(w->compute));
    for (int r = 0; r < N_LOOP_ROLES; r++)
        print_role(t, w, (enum loop_role)r);
    einc_put(t, "\n");
    for (int o = 0; o < w->n_in; o++)
        print_tensor(t, w, &w->in[o]);
    print_tensor(t, w, &w->out);
    if (w->gett)
        einc_put(t, "  tile %dx%dx%d kc %d mc %d task %dx%d scratch_bytes %lld\n",
                 w->tile.mr, w->tile.nv, w->tile.lanes, w->tile.kc,
                 w->tile.mc, w->tile.mb, w->tile.nb,
                 (long long)w->scratch_bytes);
    else if (w->lane >= 0)
        einc_put(t, "  lanes %d over %s%s%s\n", w->lanes,
                 w->idx[w->lane].name, w->inner >= 0 ? ", then " : "",
                 w->inner >= 0 ? w->idx[w->inner].name : "");
    t->indent += 2;
    print_node(t, w, w->root);
    t->indent -= 2;
}

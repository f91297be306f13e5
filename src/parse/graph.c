/* SPDX-License-Identifier: MIT
 *
 * graph.c - statements + layouts -> index graph; see graph.h.
 */
#include "parse/graph.h"

#include <assert.h>

#include "base/hash.h"

enum {
    MAX_DIMS = 64,      /* of the output given */
    MAX_MARKED = 65536, /* elements that overlap is looked for one by one */
    HINT_TEXT = 120,    /* bytes of the longest text that a hint repeats */
    SHOWN = 40          /* columns of user's text in a message */
};

struct builder {
    struct cx *cx;
    struct arena *perm;
    struct arena scratch;
    const struct program *p;
    const struct einc_layout *in;
    const struct einc_layout *out;
    uint32_t flags;
    struct graph *g;
    const struct access **access; /* [n_in] of each operand */
    int *seen;     /* [n_indices] 1 + the last operand that holds the index;
                    * n_in more in the second pass over the operands */
    int *seen_at;  /* its first dim there; in the second pass, its axis */
    int *giver;    /* [n_indices] operand that gave the extent */
    int *giver_dim;
    char *told;    /* [n_indices] sizes are known to differ: said once */
    int told_ellipsis;
};

static const char *
show_index(const struct builder *b, int x)
{
    return einc_diag_show(b->cx, b->g->indices[x].name, SHOWN);
}

static const char *
shape_of(const struct builder *b, int k)
{
    return einc_stmt_shape(b->cx, b->in[k].ndim, b->in[k].shape);
}

static int
index_at(const struct access *a, int d)
{
    assert(a->subs[d].n_terms == 1 && a->subs[d].terms[0].coef == 1);
    return a->subs[d].terms[0].index;
}

static int
is_ellipsis(const struct builder *b, int x)
{
    return b->p->indices[x].name.p[0] == '.';
}

/* --- hints: an edited text that was compiled up to here ------------------- */

struct trial {
    struct str text;
    int n_in;
    const struct einc_layout *in;
    const struct einc_layout *out;
    uint32_t flags;
};

static void
try_text(struct arena *perm, struct arena scratch, void *arg)
{
    const struct trial *t = arg;
    const struct expr *e = einc_parse(perm, scratch, t->text, t->flags);
    const struct program *p =
        einc_stmt_from_expr(perm, scratch, e, t->n_in, t->in, t->flags);
    einc_graph_build(perm, scratch, p, t->n_in, t->in, t->out, t->flags,
                     NULL, (struct summing){EINC_SUM_BLOCK, 0});
}

int
einc_graph_legal(struct arena scratch, struct str text, int n_in,
                 const struct einc_layout in[], const struct einc_layout *out,
                 uint32_t flags)
{
    struct trial t = {text, n_in, in, out, flags};
    return einc_diag_try(scratch, try_text, &t);
}

/* Edits tried for one hint: the first text that was legal, and how many were;
 * two are as good as none. */
struct finding {
    struct str text;
    int n;
};

static void
try_edits(struct builder *b, struct finding *f, const struct edit *edits,
          int n, const struct einc_layout *out)
{
    struct arena scratch = b->scratch;
    if (f->n > 1)
        return;
    struct str text =
        einc_diag_edited(&scratch, b->p->source, edits, n);
    if (!einc_graph_legal(scratch, text, b->g->n_in, b->in, out, b->flags))
        return;
    if (f->n++ == 0)
        f->text = einc_diag_edited(b->perm, text, NULL, 0);
}

static struct str
text_at(const struct builder *b, struct span at)
{
    return (struct str){b->p->source.p + at.begin, at.end - at.begin};
}

/* Every swap of two labels in the term of an access. */
static void
try_swaps(struct builder *b, struct finding *f, const struct access *a,
          const struct einc_layout *out)
{
    for (int i = 0; i < a->n_subs; i++) {
        struct span left = a->subs[i].at;
        for (int j = i + 1; j < a->n_subs; j++) {
            struct span right = a->subs[j].at;
            if (left.end > right.begin || index_at(a, i) == index_at(a, j))
                continue;
            struct edit edits[2] = {{left, text_at(b, right)},
                                    {right, text_at(b, left)}};
            try_edits(b, f, edits, 2, out);
        }
    }
}

/* Every summed label put into the output, at every place. */
static void
try_insertions(struct builder *b, struct finding *f)
{
    const struct access *left = &b->p->stmts[0].left;
    for (int x = 0; x < b->g->n_indices; x++) {
        if (b->g->indices[x].in_output || is_ellipsis(b, x))
            continue;
        for (int i = 0; i <= left->n_subs; i++) {
            int32_t at =
                i < left->n_subs ? left->subs[i].at.begin : left->at.end;
            if (i > 0 && at == left->subs[i - 1].at.begin)
                continue; /* one more dim of "..." */
            struct edit edit = {{at, at}, text_at(b, b->p->indices[x].at)};
            try_edits(b, f, &edit, 1, b->out);
        }
    }
}

/* Hints at the only swap in operand k that will do; if there is none, at the
 * only one in the other operand. */
static void
propose_swap(struct builder *b, struct diag *d, int k, int other)
{
    if (b->p->source.n > HINT_TEXT || b->cx->n_diags > 1)
        return;
    struct finding f = {{NULL, 0}, 0};
    try_swaps(b, &f, b->access[k], NULL);
    int which = f.n ? k : other;
    if (f.n == 0)
        try_swaps(b, &f, b->access[other], NULL);
    if (f.n == 1)
        einc_diag_hint(b->cx, d,
                       "operand %d would fit if transposed: did you mean"
                       " '%s'?", which,
                       einc_diag_show(b->cx, f.text, 2 * HINT_TEXT));
}

/* --- sizes ---------------------------------------------------------------- */

static void
bad_diagonal(struct builder *b, int k, int x, int d)
{
    int first = b->seen_at[x];
    const int64_t *shape = b->in[k].shape;
    const char *of = shape_of(b, k), *name = show_index(b, x);
    struct diag *g =
        einc_diag_add(b->cx, EINC_ESHAPE, "E402",
                      "the diagonal of operand %d needs equal sizes", k);
    einc_diag_mark(b->cx, g, b->access[k]->subs[first].at, k, first,
                   "%s = %lld (dim %d of %s)", name, (long long)shape[first],
                   first, of);
    einc_diag_mark(b->cx, g, b->access[k]->subs[d].at, k, d,
                   "%s = %lld (dim %d of %s)", name, (long long)shape[d], d,
                   of);
}

/* Points at the "..." of operand k; the note is what it stands for. */
static void
mark_ellipsis(struct builder *b, struct diag *g, int k, int d)
{
    const struct access *a = b->access[k];
    int from = d, to = d;
    while (from > 0 && is_ellipsis(b, index_at(a, from - 1)))
        from--;
    while (to < a->n_subs && is_ellipsis(b, index_at(a, to)))
        to++;
    einc_diag_mark(b->cx, g, a->subs[d].at, k, d, "%s in operand %d",
                   einc_stmt_shape(b->cx, to - from, b->in[k].shape + from),
                   k);
}

static void
bad_broadcast(struct builder *b, int k, int x, int d)
{
    if (b->told_ellipsis++)
        return;
    struct diag *g = einc_diag_add(
        b->cx, EINC_ESHAPE, "E403",
        "ellipsis dims do not broadcast; they align from the right");
    mark_ellipsis(b, g, b->giver[x], b->giver_dim[x]);
    mark_ellipsis(b, g, k, d);
}

static void
mark_size(struct builder *b, struct diag *g, int x, int k, int d)
{
    einc_diag_mark(b->cx, g, b->access[k]->subs[d].at, k, d,
                   "%s = %lld in operand %d (dim %d of %s)", show_index(b, x),
                   (long long)b->in[k].shape[d], k, d, shape_of(b, k));
}

static void
bad_size(struct builder *b, int k, int x, int d)
{
    int strict = b->in[k].shape[d] == 1 || b->g->indices[x].extent == 1;
    if (b->told[x])
        return;
    b->told[x] = 1;
    struct diag *g =
        einc_diag_add(b->cx, EINC_ESHAPE, "E401", "index '%s' has two sizes%s",
                      show_index(b, x),
                      strict ? "; EINC_STRICT_SIZES broadcasts no label" : "");
    mark_size(b, g, x, b->giver[x], b->giver_dim[x]);
    mark_size(b, g, x, k, d);
    propose_swap(b, g, k, b->giver[x]);
}

/* Extent of an index: the size that is not 1, so that 0 against 1 is 0. */
static void
take_size(struct builder *b, int k, int x, int d)
{
    int64_t size = b->in[k].shape[d], *extent = &b->g->indices[x].extent;
    int may_repeat = is_ellipsis(b, x) || !(b->flags & EINC_STRICT_SIZES);
    if (*extent < 0 || (may_repeat && *extent == 1)) {
        *extent = size;
        b->giver[x] = k;
        b->giver_dim[x] = d;
    } else if (*extent != size && !(may_repeat && size == 1)) {
        if (is_ellipsis(b, x))
            bad_broadcast(b, k, x, d);
        else
            bad_size(b, k, x, d);
    }
}

static void
check_sizes(struct builder *b)
{
    for (int k = 0; k < b->g->n_in; k++) {
        for (int d = 0; d < b->in[k].ndim; d++) {
            int x = index_at(b->access[k], d);
            if (b->seen[x] != k + 1) {
                b->seen[x] = k + 1;
                b->seen_at[x] = d;
                take_size(b, k, x, d);
            } else if (b->in[k].shape[d] != b->in[k].shape[b->seen_at[x]]) {
                bad_diagonal(b, k, x, d);
            }
        }
    }
    einc_diag_stop(b->cx);
}

/* --- limits --------------------------------------------------------------- */

static const char *
tensor_name(const struct builder *b, int number)
{
    struct text t = {.perm = b->cx->perm};
    if (number < 0)
        return "the output";
    einc_put(&t, "operand %d", number);
    return einc_text_z(&t);
}

/* Whether the bytes of the elements overflow; extents of 0 count as 1, so
 * that dense strides fit, too. */
static int
overflows(int n_dims, const int64_t *shape, enum einc_dtype dtype)
{
    int64_t bytes = einc_dtype_info(dtype)->bytes;
    for (int d = 0; d < n_dims; d++)
        if (shape[d] > 1 && __builtin_mul_overflow(bytes, shape[d], &bytes))
            return 1;
    return 0;
}

/* The same for the distance in bytes between any two elements. */
static int
spreads(int n_dims, const int64_t *shape, const int64_t *stride,
        enum einc_dtype dtype)
{
    int64_t low = 0, high = 0, way;
    for (int d = 0; d < n_dims; d++) {
        if (shape[d] < 2)
            continue;
        if (__builtin_mul_overflow(shape[d] - 1, stride[d], &way)
            || __builtin_add_overflow(way < 0 ? low : high, way,
                                      way < 0 ? &low : &high))
            return 1;
    }
    int64_t bytes = einc_dtype_info(dtype)->bytes;
    return __builtin_sub_overflow(high, low, &way)
           || __builtin_mul_overflow(way, bytes, &way);
}

static void
check_limits(struct builder *b, const struct operand *o)
{
    if (overflows(o->n_dims, o->shape, o->dtype))
        einc_fail(b->cx, EINC_ELIMIT, "E804", o->at,
                  "%s (%s of %s) has more bytes than fit in 63 bits",
                  tensor_name(b, o->number),
                  einc_stmt_shape(b->cx, o->n_dims, o->shape),
                  einc_dtype_info(o->dtype)->name);
    if (spreads(o->n_dims, o->shape, o->stride, o->dtype))
        einc_fail(b->cx, EINC_ELIMIT, "E805", o->at,
                  "the strides of %s span more bytes than fit in 63 bits",
                  tensor_name(b, o->number));
}

/* --- operands ------------------------------------------------------------- */

/* Places for the dims of all tensors; each takes what it needs. */
struct room {
    int64_t *shape;
    int64_t *stride;
    int *dim_index;
    struct axis *axes;
};

/* `stride` gets dense row-major ones; overflow was or will be checked on the
 * shape, so the last products may wrap. */
static void
make_dense(int n_dims, const int64_t *shape, int64_t *stride)
{
    uint64_t n = 1;
    for (int d = n_dims - 1; d >= 0; d--) {
        stride[d] = (int64_t)n;
        n *= shape[d] > 1 ? (uint64_t)shape[d] : 1;
    }
}

static void
take_room(struct operand *o, struct room *r, const int64_t *shape,
          const int64_t *stride)
{
    int n = o->n_dims;
    o->shape = r->shape;
    o->stride = r->stride;
    o->dim_index = r->dim_index;
    o->axes = r->axes;
    if (n && r->shape != shape)
        memcpy(r->shape, shape, (size_t)n * sizeof *shape);
    if (n && stride)
        memcpy(r->stride, stride, (size_t)n * sizeof *stride);
    else
        make_dense(n, shape, r->stride);
}

/* Axes of the tensor: one per index, in order of the dims; none where the dim
 * is repeated. Then moves `r` on. */
static void
make_axes(struct builder *b, struct operand *o, struct room *r,
          const struct access *a, int pass)
{
    for (int d = 0; d < o->n_dims; d++) {
        int x = index_at(a, d);
        r->dim_index[d] = x;
        if (o->shape[d] == 1 && b->g->indices[x].extent != 1)
            continue;
        if (b->seen[x] != pass) {
            b->seen[x] = pass;
            b->seen_at[x] = o->n_axes;
            o->axes[o->n_axes++] = (struct axis){x, o->stride[d]};
            continue;
        }
        int64_t *stride = &o->axes[b->seen_at[x]].stride;
        if (o->shape[d] < 2)
            *stride = 0; /* it never moves, whatever the strides are */
        else
            *stride += o->stride[d]; /* in range: spreads() is */
    }
    r->shape += o->n_dims;
    r->stride += o->n_dims;
    r->dim_index += o->n_dims;
    r->axes += o->n_axes;
}

static void
build_operands(struct builder *b, struct room *r)
{
    int n_in = b->g->n_in;
    for (int k = 0; k < n_in; k++) {
        const struct einc_layout *in = &b->in[k];
        struct operand *o = &b->g->in[k];
        *o = (struct operand){.number = k,
                              .dtype = (enum einc_dtype)in->dtype,
                              .n_dims = in->ndim,
                              .at = b->access[k]->at};
        take_room(o, r, in->shape, in->stride);
        check_limits(b, o);
        make_axes(b, o, r, b->access[k], n_in + k + 1);
    }
}

/* --- types ---------------------------------------------------------------- */

static void
check_dtype(struct builder *b, int dtype, int number, struct span at)
{
    if (!einc_dtype_valid(dtype))
        einc_fail(b->cx, EINC_EINVAL, "E501", at,
                  "%s: %d is no element type", tensor_name(b, number),
                  dtype);
}

static int
is_integer(int dtype)
{
    return einc_dtype_info((enum einc_dtype)dtype)->kind < KIND_FLOAT;
}

/* The type of all operands, as numpy's result_type. Promotion of two is not
 * associative: f16 takes an i8 and a u8, but not the i16 that the two make.
 * So the floats go first, and then the integers one by one: no order of the
 * operands shows. */
static enum einc_dtype
promote_all(const struct builder *b)
{
    enum einc_dtype made = EINC_BOOL;
    for (int integers = 0; integers < 2; integers++)
        for (int k = 0; k < b->g->n_in; k++)
            if (is_integer(b->in[k].dtype) == integers)
                made = einc_dtype_promote(made,
                                          (enum einc_dtype)b->in[k].dtype);
    return made;
}

/* The type of the output; sets that of sums. */
static enum einc_dtype
resolve_types(struct builder *b)
{
    const struct span at = b->p->stmts[0].left.at;
    for (int k = 0; k < b->g->n_in; k++)
        check_dtype(b, b->in[k].dtype, k, b->access[k]->at);
    enum einc_dtype made = promote_all(b), out = made;
    if (b->out && b->out->dtype) {
        check_dtype(b, b->out->dtype, -1, at);
        out = (enum einc_dtype)b->out->dtype;
        if (!einc_dtype_holds(out, made))
            einc_fail(b->cx, EINC_EDTYPE, "E502", at,
                      "the output given is %s, which does not hold the %s"
                      " that the operands make", einc_dtype_info(out)->name,
                      einc_dtype_info(made)->name);
    }
    b->g->compute =
        einc_dtype_info(einc_dtype_promote(made, out))->compute;
    return out;
}

/* Sums of integers are exact, however they are made. */
static void
settle_sums(struct graph *g, struct summing s)
{
    enum dtype_kind kind = einc_dtype_info(g->compute)->kind;
    if (kind != KIND_FLOAT && kind != KIND_COMPLEX)
        return;
    g->summing = s;
    if (s.wide)
        g->compute = kind == KIND_FLOAT ? EINC_F64 : EINC_C128;
}

/* --- the output ----------------------------------------------------------- */

static void
check_out_layout(struct builder *b, struct span at)
{
    const struct einc_layout *out = b->out;
    if (out->ndim < 0)
        einc_fail(b->cx, EINC_EINVAL, "E307", at, "the output has %d dims",
                  out->ndim);
    if (out->ndim > MAX_DIMS)
        einc_fail(b->cx, EINC_ELIMIT, "E802", at,
                  "the output has %d dims; einc takes at most %d", out->ndim,
                  MAX_DIMS);
    if (out->ndim > 0 && !out->shape)
        einc_fail(b->cx, EINC_EINVAL, "E307", at,
                  "the output has rank %d and no shape", out->ndim);
    for (int d = 0; d < out->ndim; d++)
        if (out->shape[d] < 0)
            einc_fail(b->cx, EINC_EINVAL, "E405", at,
                      "the output has the negative size %lld in dim %d",
                      (long long)out->shape[d], d);
}

/* Whether numpy would repeat a result of this shape to fill `out`. */
static int
is_larger(const struct einc_layout *out, int n, const int64_t *shape)
{
    if (out->ndim < n)
        return 0;
    for (int i = 1; i <= n; i++)
        if (shape[n - i] != out->shape[out->ndim - i] && shape[n - i] != 1)
            return 0;
    return 1;
}

/* The output given must have exactly the shape that was found. */
static void
check_out_shape(struct builder *b, int n, const int64_t *shape)
{
    const struct einc_layout *out = b->out;
    const struct access *left = &b->p->stmts[0].left;
    check_out_layout(b, left->at);
    if (out->ndim == n
        && (n == 0 || !memcmp(out->shape, shape, (size_t)n * sizeof *shape)))
        return;
    struct diag *d = einc_diag_add(
        b->cx, EINC_ESHAPE, "E404",
        "the output given has shape %s but the expression makes %s%s",
        einc_stmt_shape(b->cx, out->ndim, out->shape),
        einc_stmt_shape(b->cx, n, shape),
        is_larger(out, n, shape)
            ? "; a result is not repeated to fill a larger output"
            : "");
    einc_diag_mark(b->cx, d, left->at, -1, -1, "%s", "");
    struct finding f = {{NULL, 0}, 0};
    int is_written = left->at.begin > 0; /* after "->"; else it is implicit */
    if (b->p->source.n <= HINT_TEXT && is_written) {
        try_swaps(b, &f, left, out);
        try_insertions(b, &f);
    }
    if (f.n == 1)
        einc_diag_hint(b->cx, d, "did you mean '%s'?",
                       einc_diag_show(b->cx, f.text, 2 * HINT_TEXT));
    einc_diag_stop(b->cx);
}

/* Dims of the output with more than one element, by size of stride. */
struct spread {
    int n;
    int64_t extent[MAX_DIMS];
    int64_t stride[MAX_DIMS]; /* no sign: it moves no elements together */
};

static void
sort_dims(struct spread *s, const struct operand *o)
{
    for (int d = 0; d < o->n_dims; d++) {
        if (o->shape[d] == 1)
            continue;
        int64_t stride = o->stride[d] < 0 ? -o->stride[d] : o->stride[d];
        int i = s->n++;
        for (; i > 0 && s->stride[i - 1] > stride; i--) {
            s->stride[i] = s->stride[i - 1];
            s->extent[i] = s->extent[i - 1];
        }
        s->stride[i] = stride;
        s->extent[i] = o->shape[d];
    }
}

/* How many dims, of the smallest strides, must be looked at element by
 * element: up to the last that does not step over all before it. The span of
 * all was checked, so no sum here overflows. */
static int
count_unsure(const struct spread *s)
{
    int unsure = 0;
    int64_t reach = 0;
    for (int i = 0; i < s->n; i++) {
        if (s->stride[i] <= reach)
            unsure = i + 1;
        reach += (s->extent[i] - 1) * s->stride[i];
    }
    return unsure;
}

/* Marks the places of all elements of the first n dims in a hashed set.
 * Whether two are the same. */
static int
meets(struct arena scratch, const struct spread *s, int n, int64_t elements)
{
    uint64_t mask = 1;
    while (mask < (uint64_t)elements * 2)
        mask *= 2;
    int64_t *set = NEW(&scratch, int64_t, (int64_t)mask--);
    for (int64_t e = 0; e < elements; e++) {
        int64_t place = 1, left = e; /* 0 is an empty slot */
        for (int i = 0; i < n; i++) {
            place += left % s->extent[i] * s->stride[i];
            left /= s->extent[i];
        }
        uint64_t h = (uint64_t)place * 0x9e3779b97f4a7c15u;
        uint64_t at = (h ^ h >> 32) & mask;
        while (set[at] && set[at] != place)
            at = (at + 1) & mask;
        if (set[at])
            return 1;
        set[at] = place;
    }
    return 0;
}

static void
check_overlap(struct builder *b, const struct operand *o)
{
    struct spread s = {.n = 0};
    int64_t elements = 1;
    for (int d = 0; d < o->n_dims; d++)
        if (o->shape[d] == 0)
            return;
    sort_dims(&s, o);
    int n = count_unsure(&s);
    for (int i = 0; i < n && elements <= MAX_MARKED; i++)
        elements = s.extent[i] > MAX_MARKED ? MAX_MARKED + 1
                                            : elements * s.extent[i];
    if (n > 0 && s.stride[0] == 0)
        einc_fail(b->cx, EINC_EALIAS, "E406", o->at,
                  "elements of the output overlap: a stride is 0");
    if (elements > MAX_MARKED)
        einc_fail(b->cx, EINC_EALIAS, "E407", o->at,
                  "elements of the output may overlap: its strides cross each"
                  " other, and that is decided for %d elements at most",
                  MAX_MARKED);
    if (n > 0 && meets(b->scratch, &s, n, elements))
        einc_fail(b->cx, EINC_EALIAS, "E406", o->at,
                  "elements of the output overlap");
}

void
einc_graph_check_tensor(struct arena scratch, const struct operand *o)
{
    struct builder b = {.cx = scratch.cx, .scratch = scratch};
    check_limits(&b, o);
    if (o->number < 0)
        check_overlap(&b, o);
}

static void
build_output(struct builder *b, struct room *r, enum einc_dtype dtype)
{
    const struct access *left = &b->p->stmts[0].left;
    struct operand *o = &b->g->out;
    *o = (struct operand){.number = -1, .dtype = dtype,
                          .n_dims = left->n_subs, .at = left->at};
    for (int d = 0; d < o->n_dims; d++)
        r->shape[d] = b->g->indices[index_at(left, d)].extent;
    if (b->out)
        check_out_shape(b, o->n_dims, r->shape);
    take_room(o, r, r->shape, b->out ? b->out->stride : NULL);
    check_limits(b, o);
    if (b->out && b->out->stride)
        check_overlap(b, o);
    make_axes(b, o, r, left, 2 * b->g->n_in + 1);
}

/* --- symbolic extents ----------------------------------------------------- */

static struct str
trim(struct str s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t' || *s.p == '\n')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'
                   || s.p[s.n - 1] == '\n'))
        s.n--;
    if (s.n > 2 && s.p[0] == '{' && s.p[s.n - 1] == '}')
        s = (struct str){s.p + 1, s.n - 2};
    return s;
}

/* The indices by name, and what the list asks for beside names. */
struct freeing {
    int *slots;    /* 1 + index, hashed by name; 0: empty */
    uint64_t mask;
    int has_dots;  /* an index is a dim of "..." */
    int all, dots; /* "*", "..." */
};

/* Where the name is kept, or would be. */
static int *
find_slot(const struct builder *b, const struct freeing *f, struct str name)
{
    uint64_t i = hash_bytes(name.p, name.n) & f->mask;
    while (f->slots[i]
           && !str_equal(b->g->indices[f->slots[i] - 1].name, name))
        i = (i + 1) & f->mask;
    return &f->slots[i];
}

static struct freeing
open_freeing(const struct builder *b, struct arena *a)
{
    struct freeing f = {.mask = 2};
    while (f.mask < 2 * (uint64_t)b->g->n_indices)
        f.mask *= 2;
    f.slots = NEW(a, int, (int64_t)f.mask--);
    for (int x = 0; x < b->g->n_indices; x++) {
        *find_slot(b, &f, b->g->indices[x].name) = x + 1;
        f.has_dots |= is_ellipsis(b, x);
    }
    return f;
}

/* Frees one label's index; "..." and "*" are noted. */
static void
free_extent(struct builder *b, struct freeing *f, struct str label)
{
    int all = str_equal(label, str_of("*"));
    int dots = f->has_dots && str_equal(label, str_of("..."));
    int x = *find_slot(b, f, label) - 1;
    f->all |= all;
    f->dots |= dots;
    if (x >= 0)
        b->g->indices[x].fixed = 0;
    else if (!all && !dots)
        einc_diag_add(b->cx, EINC_ESHAPE, "E301",
                      "symbolic: the expression has no index '%s'",
                      einc_diag_show(b->cx, label, SHOWN));
}

static void
check_no_strides(struct builder *b)
{
    for (int k = 0; k < b->g->n_in; k++)
        if (b->in[k].stride)
            einc_fail(b->cx, EINC_EUNSUP, "E808", b->access[k]->at,
                      "operand %d has strides given: symbolic extents are"
                      " built for dense tensors only", k);
    if (b->out && b->out->stride)
        einc_fail(b->cx, EINC_EUNSUP, "E808", b->p->stmts[0].left.at,
                  "the output has strides given: symbolic extents are built"
                  " for dense tensors only");
}

static void
read_symbolic(struct builder *b, const char *symbolic)
{
    if (!symbolic || !*symbolic)
        return;
    struct arena scratch = b->scratch;
    struct freeing f = open_freeing(b, &scratch);
    check_no_strides(b);
    for (const char *s = symbolic, *end;; s = end + 1) {
        end = s + strcspn(s, ",");
        free_extent(b, &f, trim((struct str){s, end - s}));
        if (!*end)
            break;
    }
    for (int x = 0; x < b->g->n_indices; x++)
        if (f.all || (f.dots && is_ellipsis(b, x)))
            b->g->indices[x].fixed = 0;
    einc_diag_stop(b->cx);
}

/* --- the whole ------------------------------------------------------------ */

static void
build_indices(struct builder *b)
{
    const struct program *p = b->p;
    int n = p->n_indices;
    b->g->n_indices = n;
    b->g->indices = NEW(b->perm, struct graph_index, n);
    for (int x = 0; x < n; x++)
        b->g->indices[x] = (struct graph_index){
            .name = p->indices[x].name,
            .at = p->indices[x].at,
            .extent = -1,
            .fixed = 1,
            .in_output = p->indices[x].kind == INDEX_FREE};
    b->seen = NEW(&b->scratch, int, n);
    b->seen_at = NEW(&b->scratch, int, n);
    b->giver = NEW(&b->scratch, int, n);
    b->giver_dim = NEW(&b->scratch, int, n);
    b->told = NEW(&b->scratch, char, n);
}

/* The accesses of the right side: [sum of] [product of] accesses. */
static void
find_accesses(struct builder *b)
{
    const struct node *n = b->p->stmts[0].right;
    if (n->kind == NODE_REDUCE) {
        assert(n->redop == REDOP_SUM && !n->guard);
        n = n->args[0];
    }
    b->access = NEW(&b->scratch, const struct access *, b->g->n_in);
    if (n->kind == NODE_ACCESS)
        b->access[n->access->tensor] = n->access;
    for (int i = 0; i < n->n_args; i++)
        b->access[n->args[i]->access->tensor] = n->args[i]->access;
}

static struct room
make_room(struct builder *b)
{
    int64_t n = b->p->stmts[0].left.n_subs;
    for (int k = 0; k < b->g->n_in; k++)
        n += b->in[k].ndim;
    return (struct room){NEW(b->perm, int64_t, n), NEW(b->perm, int64_t, n),
                         NEW(b->perm, int, n), NEW(b->perm, struct axis, n)};
}

const struct graph *
einc_graph_build(struct arena *perm, struct arena scratch,
                 const struct program *p, int n_in,
                 const struct einc_layout in[], const struct einc_layout *out,
                 uint32_t flags, const char *symbolic,
                 struct summing summing)
{
    assert(n_in == p->n_operands && p->n_stmts == 1);
    struct builder b = {.cx = perm->cx, .perm = perm, .scratch = scratch,
                        .p = p, .in = in, .out = out, .flags = flags};
    b.g = NEW(perm, struct graph, 1);
    b.g->source = p->source;
    b.g->factor = 1;
    b.g->n_in = n_in;
    b.g->in = NEW(perm, struct operand, n_in);
    build_indices(&b);
    find_accesses(&b);
    check_sizes(&b);
    enum einc_dtype out_dtype = resolve_types(&b);
    settle_sums(b.g, summing);
    struct room room = make_room(&b);
    build_operands(&b, &room);
    build_output(&b, &room, out_dtype);
    read_symbolic(&b, symbolic);
    return b.g;
}

int64_t
einc_operand_stride(const struct operand *o, int x, int *has)
{
    for (int i = 0; i < o->n_axes; i++) {
        if (o->axes[i].index != x)
            continue;
        if (has)
            *has = 1;
        return o->axes[i].stride;
    }
    if (has)
        *has = 0;
    return 0;
}

/* --- dump ----------------------------------------------------------------- */

const char *
einc_graph_sum_name(enum einc_sum how)
{
    static const char *const names[] = {
        [EINC_SUM_BLOCK] = "", [EINC_SUM_DIRECT] = " direct",
        [EINC_SUM_KAHAN] = " kahan"};
    return names[how];
}

static void
print_index(struct text *t, const struct graph *g, int x)
{
    const struct graph_index *i = &g->indices[x];
    einc_put(t, "index %d ", x);
    einc_put_str(t, i->name);
    einc_put(t, " extent %lld %s%s", (long long)i->extent,
             i->in_output ? "output" : "summed",
             i->fixed ? "" : " symbolic");
    for (int m = 0; m < i->n_members; m++)
        einc_put(t, "%s%d", m ? "," : " fuses ", i->members[m]);
    einc_put(t, "\n");
}

static void
print_operand(struct text *t, const struct graph *g, const struct operand *o)
{
    if (o->number < 0)
        einc_put(t, "out");
    else
        einc_put(t, "in%d", o->number);
    einc_put(t, " %s", einc_dtype_info(o->dtype)->name);
    for (int d = 0; d < o->n_dims; d++)
        einc_put(t, "%s%lld", d ? "x" : " ", (long long)o->shape[d]);
    einc_put(t, " [");
    for (int i = 0; i < o->n_axes; i++) {
        einc_put(t, "%s", i ? ", " : "");
        einc_put_str(t, g->indices[o->axes[i].index].name);
        einc_put(t, " * %lld", (long long)o->axes[i].stride);
    }
    einc_put(t, "]\n");
}

void
einc_graph_print(struct text *t, const struct graph *g)
{
    for (int x = 0; x < g->n_indices; x++)
        print_index(t, g, x);
    for (int k = 0; k < g->n_in; k++)
        print_operand(t, g, &g->in[k]);
    print_operand(t, g, &g->out);
    einc_line(t, "compute %s%s", einc_dtype_info(g->compute)->name,
              einc_graph_sum_name(g->summing.how));
    if (g->factor != 1)
        einc_line(t, "factor %lld", (long long)g->factor);
}

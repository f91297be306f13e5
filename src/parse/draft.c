/* SPDX-License-Identifier: MIT
 *
 * draft.c - trees -> drafts: which index, tensor or number a name stands for,
 * statement by statement; see draft.h. Implied sums are written out.
 */
#include "parse/draft_build.h"

#include <assert.h>

enum {
    MAX_DRAFTS = 1 << 17, /* softmax doubles what is inside of it */
    MARKED = 8            /* places that one diagnostic shows */
};

static const char must_be_constant[] =
    "what stands here must be constant, known before any data";

struct draft *
einc_draft_new(struct resolver *r, enum draft_kind kind, const struct tree *t)
{
    if (++r->n_drafts > MAX_DRAFTS)
        einc_fail(r->cx, EINC_ELIMIT, "E810", t->at,
                  "the program has more than %d nodes, those of nested"
                  " softmax counted twice", MAX_DRAFTS);
    struct draft *d = NEW(&r->scratch, struct draft, 1);
    *d = (struct draft){.kind = kind, .at = t->at, .name_at = t->name_at,
                        .index = -1, .tensor = -1, .best = -1};
    return d;
}

struct draft *
einc_draft_integer(struct resolver *r, const struct tree *t, int64_t value)
{
    struct draft *d = einc_draft_new(r, DRAFT_NUMBER, t);
    d->integer = value;
    d->number = (double)value;
    d->is_integer = 1;
    return d;
}

struct draft *
einc_draft_call(struct resolver *r, enum fn fn, const struct tree *t, int n)
{
    struct draft *d = einc_draft_new(r, DRAFT_CALL, t);
    d->fn = fn;
    d->n_args = n;
    d->args = NEW(&r->scratch, const struct draft *, n);
    return d;
}

/* --- indices -------------------------------------------------------------- */

/* The range that `where` gives to a name, or NULL. */
static const struct tree_bound *
where_of(const struct resolver *r, struct str name)
{
    const struct tree_stmt *t = r->s->tree;
    for (int i = 0; i < t->n_where; i++)
        if (str_equal(t->where[i].name, name))
            return &t->where[i];
    return NULL;
}

const struct draft *
einc_draft_constant(struct resolver *r, const struct tree *t)
{
    int outer = r->in_constant;
    r->in_constant = 1;
    const struct draft *d = einc_draft_build(r, t);
    r->in_constant = outer;
    return d;
}

int
einc_draft_new_index(struct resolver *r, struct word *w, struct span at,
                     enum index_kind kind)
{
    int x = r->n_indices;
    r->indices = GROW(&r->scratch, struct draft_index, r->indices, x);
    r->n_indices++;
    r->indices[x] = (struct draft_index){
        .name = w->name, .at = at, .kind = kind, .stmt = r->s->number,
        .twin = -1, .giver = -1, .site = -1, .range_at = at};
    const struct tree_bound *where = where_of(r, w->name);
    if (where) {
        const struct draft *from = einc_draft_constant(r, where->lo);
        const struct draft *to = einc_draft_constant(r, where->hi);
        struct draft_index *i = &r->indices[x];
        i->rule = RANGE_WHERE;
        i->from = from;
        i->to = to;
        i->range_at = (struct span){where->at.begin, where->hi->at.end};
    }
    w->bound = x;
    return x;
}

/* --- names and accesses --------------------------------------------------- */

static void
check_rank(struct resolver *r, const struct tree *t, int tensor)
{
    const struct named *n = &r->tensors[tensor];
    int subs = t->kind == TREE_ACCESS ? t->n_args : 0;
    if (n->n_dims == subs)
        return;
    struct diag *d = einc_diag_add(
        r->cx, EINC_ESHAPE, "E310", "'%s' has %d subscript%s here and %d"
        " where it comes first", einc_resolve_name(r, tensor), subs,
        subs == 1 ? "" : "s", n->n_dims);
    einc_diag_mark(r->cx, d, t->at, -1, -1, "%s", "");
}

static struct draft *
build_scalar(struct resolver *r, const struct tree *t, int tensor)
{
    check_rank(r, t, tensor);
    struct draft *d = einc_draft_new(r, DRAFT_ACCESS, t);
    struct draft_access *a = NEW(&r->scratch, struct draft_access, 1);
    *a = (struct draft_access){.tensor = tensor, .at = t->at,
                               .in_bound = r->in_bound > 0};
    a->is_self = tensor == r->s->left->tensor;
    d->access = a;
    d->has = HAS_DATA;
    return d;
}

static struct draft *
not_constant(struct resolver *r, const struct tree *t, const struct word *w)
{
    if (einc_draft_is_index(r, w))
        einc_fail(r->cx, EINC_EPARSE, "E605", t->at,
                  "'%s' is an index; what stands here must be constant",
                  einc_resolve_show(r, t->at));
    einc_fail(r->cx, EINC_EPARSE, "E604", t->at,
              "'%s' has no value; give it one as a parameter",
              einc_resolve_show(r, t->at));
}

static struct draft *
build_name(struct resolver *r, const struct tree *t)
{
    struct word *w = einc_resolve_word(r, t->name);
    if (einc_draft_is_parameter(r, w))
        return einc_draft_integer(r, t, w->value);
    if (r->in_constant)
        return not_constant(r, t, w);
    if (!einc_draft_is_index(r, w)) {
        assert(w->tensor >= 0);
        return build_scalar(r, t, w->tensor);
    }
    if (w->bound < 0)
        einc_fail(r->cx, EINC_EPARSE, "E701", t->at,
                  "nothing binds '%s' here", einc_resolve_show(r, t->at));
    struct draft *d = einc_draft_new(r, DRAFT_INDEX, t);
    d->index = w->bound;
    d->has = HAS_INDEX;
    return d;
}

static void
add_sub(struct resolver *r, struct draft_sub *s)
{
    struct draft_stmt *st = r->s;
    st->subs = GROW(&r->scratch, struct draft_sub *, st->subs, st->n_subs);
    st->subs[st->n_subs++] = s;
}

/* "e", or "pad(e, lo, hi)" and its kin; pad(e, p) is pad(e, p, p). */
static void
build_sub(struct resolver *r, struct draft_access *a, int dim,
          const struct tree *t)
{
    struct draft_sub *s = &a->subs[dim];
    *s = (struct draft_sub){.mode = BOUND_CHECK, .at = t->at, .access = a,
                            .dim = dim, .site = -1};
    if (t->kind == TREE_MODE) {
        s->mode = t->mode;
        for (int i = 1; i < t->n_args; i++)
            s->pad[i - 1] = einc_draft_constant(r, t->args[i]);
        if (t->n_args == 2)
            s->pad[1] = s->pad[0];
    }
    s->value = einc_draft_build(r, t->kind == TREE_MODE ? t->args[0] : t);
    add_sub(r, s);
}

static struct draft_access *
build_access(struct resolver *r, const struct tree *t, int is_left)
{
    int tensor = einc_resolve_word(r, t->name)->tensor;
    struct draft_access *a = NEW(&r->scratch, struct draft_access, 1);
    *a = (struct draft_access){.tensor = tensor, .at = t->at,
                               .n_subs = t->n_args, .is_left = is_left,
                               .in_bound = r->in_bound > 0};
    a->subs = NEW(&r->scratch, struct draft_sub, t->n_args);
    a->is_self = !is_left && tensor == r->s->left->tensor;
    a->n_guards = r->n_guards;
    a->guards = NEW(&r->scratch, const struct draft *, r->n_guards);
    for (int i = 0; i < r->n_guards; i++)
        a->guards[i] = r->guards[i];
    check_rank(r, t, tensor);
    for (int i = 0; i < t->n_args; i++)
        build_sub(r, a, i, t->args[i]);
    return a;
}

static struct draft *
build_read(struct resolver *r, const struct tree *t)
{
    if (r->in_constant)
        einc_fail(r->cx, EINC_EPARSE, "E605", t->at, "%s", must_be_constant);
    struct draft *d = einc_draft_new(r, DRAFT_ACCESS, t);
    d->access = build_access(r, t, 0);
    d->has = HAS_DATA;
    for (int i = 0; i < d->access->n_subs; i++)
        d->has |= d->access->subs[i].value->has;
    return d;
}

/* --- calls ---------------------------------------------------------------- */

static void
check_args(struct resolver *r, const struct tree *t, int n)
{
    if (t->n_args != n)
        einc_fail(r->cx, EINC_EPARSE, "E313", t->at,
                  "'%s' takes %d argument%s, not %d",
                  einc_resolve_show(r, t->name_at), n, n == 1 ? "" : "s",
                  t->n_args);
}

static struct draft *
build_size(struct resolver *r, const struct tree *t)
{
    check_args(r, t, 1);
    const struct tree *name = t->args[0];
    struct word *w = name->kind == TREE_NAME
                         ? einc_resolve_word(r, name->name) : NULL;
    if (!w || !einc_draft_is_index(r, w))
        einc_fail(r->cx, EINC_EPARSE, "E314", name->at,
                  "'%s' is no index of this statement; size() is the number"
                  " of values of an index, dim(A,0) the size of a dim",
                  einc_resolve_show(r, name->at));
    struct draft *d = einc_draft_new(r, DRAFT_SIZE, t);
    d->name = w->name;
    d->index = w->bound;
    return d;
}

static struct draft *
build_dim(struct resolver *r, const struct tree *t)
{
    check_args(r, t, 2);
    const struct tree *name = t->args[0];
    struct word *w = name->kind == TREE_NAME
                         ? einc_resolve_word(r, name->name) : NULL;
    if (!w || w->tensor < 0)
        einc_fail(r->cx, EINC_EPARSE, "E314", name->at,
                  "dim() takes the name of a tensor, and the number of a dim");
    const struct draft *n = einc_draft_constant(r, t->args[1]);
    if (n->kind != DRAFT_NUMBER || !n->is_integer)
        einc_fail(r->cx, EINC_EPARSE, "E605", t->args[1]->at,
                  "the number of a dim must be a number or a parameter");
    int dims = r->tensors[w->tensor].n_dims;
    if (r->b && (n->integer < 0 || n->integer >= dims))
        einc_fail(r->cx, EINC_ESHAPE, "E315", t->args[1]->at,
                  "%s has dims 0 to %d", einc_resolve_name(r, w->tensor),
                  dims - 1);
    struct draft *d = einc_draft_new(r, DRAFT_DIM, t);
    d->tensor = w->tensor;
    d->dim = (int)n->integer;
    return d;
}

static struct draft *
build_fill(struct resolver *r, const struct tree *t)
{
    check_args(r, t, 2);
    if (t->args[0]->kind != TREE_ACCESS)
        einc_fail(r->cx, EINC_EPARSE, "E314", t->args[0]->at,
                  "fill() takes an access, and the number that is read"
                  " outside of it");
    struct draft *d = build_read(r, t->args[0]);
    d->access->fill = einc_draft_constant(r, t->args[1]);
    return d;
}

static enum einc_dtype
dtype_named(struct str s)
{
    for (int t = EINC_BOOL; einc_dtype_valid(t); t++)
        if (str_equal(s, str_of(einc_dtype_info((enum einc_dtype)t)->name)))
            return (enum einc_dtype)t;
    return EINC_DTYPE_NONE;
}

static struct draft *
build_cast(struct resolver *r, const struct tree *t, enum einc_dtype to)
{
    check_args(r, t, 1);
    struct draft *d = einc_draft_call(r, FN_CAST, t, 1);
    d->kind = DRAFT_CAST;
    d->cast = to;
    einc_draft_set_arg(d, 0, einc_draft_build(r, t->args[0]));
    return d;
}

static struct draft *
build_function(struct resolver *r, const struct tree *t, enum fn fn)
{
    check_args(r, t, einc_fn_info(fn)->n_args);
    struct draft *d = einc_draft_call(r, fn, t, t->n_args);
    for (int i = 0; i < t->n_args; i++)
        einc_draft_set_arg(d, i, einc_draft_build(r, t->args[i]));
    return d;
}

/* Edits of one byte that turn a into b (Levenshtein), for short names. */
static int
distance(struct str a, struct str b)
{
    enum { LONGEST = 16 };
    int row[LONGEST + 1];
    if (a.n > LONGEST || b.n > LONGEST)
        return LONGEST;
    for (int j = 0; j <= b.n; j++)
        row[j] = j;
    for (int i = 0; i < a.n; i++) {
        int corner = row[0]++;
        for (int j = 0; j < b.n; j++) {
            int change = corner + (a.p[i] != b.p[j]);
            corner = row[j + 1];
            int less = corner < row[j] ? corner + 1 : row[j] + 1;
            row[j + 1] = change < less ? change : less;
        }
    }
    return row[b.n];
}

/* The function, reduction or type of the most similar name, if that is one
 * or two edits away; p NULL: none. */
static struct str
nearest(struct str name)
{
    struct str best = {NULL, 0};
    int least = name.n > 3 ? 3 : 2;
    for (int i = 0; i < N_FNS + N_REDOPS + EINC_C128 + 1; i++) {
        int type = i - N_FNS - N_REDOPS;
        if (i < FN_ABS || (i > FN_IMAG && i < N_FNS) || type == 0)
            continue;
        const char *z =
            i < N_FNS ? einc_fn_info((enum fn)i)->name
            : type < 0 ? einc_tree_redop_name((enum redop)(i - N_FNS))
                       : einc_dtype_info((enum einc_dtype)type)->name;
        int edits = distance(name, str_of(z));
        if (edits >= least)
            continue;
        least = edits;
        best = str_of(z);
    }
    return best;
}

static _Noreturn void
unknown_function(struct resolver *r, const struct tree *t)
{
    if (einc_draft_is_call(t, "pad") || einc_draft_is_call(t, "wrap")
        || einc_draft_is_call(t, "reflect"))
        einc_fail(r->cx, EINC_EPARSE, "E713", t->at,
                  "'%s' stands around a whole subscript only",
                  einc_resolve_show(r, t->name_at));
    struct diag *d = einc_diag_add(r->cx, EINC_EPARSE, "E312",
                                   "there is no function '%s'",
                                   einc_resolve_show(r, t->name_at));
    einc_diag_mark(r->cx, d, t->name_at, -1, -1, "%s", "");
    struct str good = nearest(t->name);
    struct edit e = {t->name_at, good};
    struct text hint = {.perm = r->cx->perm};
    einc_put(&hint, "did you mean '%.*s'?", (int)good.n, good.p);
    if (good.p)
        einc_resolve_propose(r, d, einc_text_z(&hint), &e, 1);
    einc_diag_stop(r->cx);
    assert(0);
    __builtin_unreachable();
}

static struct draft *
build_call(struct resolver *r, const struct tree *t)
{
    if (einc_draft_is_call(t, "size"))
        return build_size(r, t);
    if (einc_draft_is_call(t, "dim"))
        return build_dim(r, t);
    if (einc_draft_is_call(t, "fill"))
        return build_fill(r, t);
    enum einc_dtype cast = dtype_named(t->name);
    if (cast)
        return build_cast(r, t, cast);
    enum fn fn = einc_fn_named(t->name);
    if (fn == N_FNS)
        unknown_function(r, t);
    return build_function(r, t, fn);
}

static struct draft *
build_op(struct resolver *r, const struct tree *t)
{
    struct draft *d = einc_draft_call(r, t->fn, t, t->n_args);
    for (int i = 0; i < t->n_args; i++)
        einc_draft_set_arg(d, i, einc_draft_build(r, t->args[i]));
    return d;
}

/* --- statements ----------------------------------------------------------- */

struct draft *
einc_draft_build(struct resolver *r, const struct tree *t)
{
    if (r->in_constant && t->kind == TREE_REDUCE)
        einc_fail(r->cx, EINC_EPARSE, "E605", t->at, "%s", must_be_constant);
    switch (t->kind) {
    case TREE_NUMBER: {
        struct draft *d = einc_draft_new(r, DRAFT_NUMBER, t);
        d->number = t->number;
        d->integer = t->integer;
        d->is_integer = t->is_integer;
        d->is_bool = t->is_bool;
        return d;
    }
    case TREE_NAME: return build_name(r, t);
    case TREE_ACCESS: return build_read(r, t);
    case TREE_CALL: return build_call(r, t);
    case TREE_OP: return build_op(r, t);
    case TREE_REDUCE: return einc_draft_reduce(r, t);
    case TREE_MODE: break; /* the whole of a subscript: build_sub() */
    }
    assert(0);
    return NULL;
}

/* A product of accesses, numbers and names sums silently. */
static int
is_product(const struct tree *t)
{
    switch (t->kind) {
    case TREE_NUMBER: case TREE_NAME: case TREE_ACCESS: return 1;
    case TREE_CALL: return einc_draft_is_call(t, "fill");
    case TREE_OP:
        if (t->fn != FN_MUL && t->fn != FN_NEG)
            return 0;
        for (int i = 0; i < t->n_args; i++)
            if (!is_product(t->args[i]))
                return 0;
        return 1;
    default: return 0;
    }
}

static enum redop
own_redop(enum assign op)
{
    switch (op) {
    case ASSIGN_MUL: return REDOP_PROD;
    case ASSIGN_MAX: return REDOP_MAX;
    case ASSIGN_MIN: return REDOP_MIN;
    default: return REDOP_SUM;
    }
}

static void
only_on_the_right(struct resolver *r, const struct tree_stmt *s,
                  const struct word *w)
{
    const char *name = einc_diag_show(r->cx, w->name, 40);
    struct diag *d = einc_diag_add(
        r->cx, EINC_EPARSE, "E701",
        "'%s' occurs only on the right and the right side is not a product",
        name);
    einc_draft_mark_uses(r, d, s->right, w->name, MARKED);
    struct text sum = {.perm = r->cx->perm};
    einc_put(&sum, "sum[%.*s](", (int)w->name.n, w->name.p);
    struct edit edits[2] = {
        {{s->right->at.begin, s->right->at.begin}, str_of(einc_text_z(&sum))},
        {{s->right->at.end, s->right->at.end}, str_of(")")}};
    struct text hint = {.perm = r->cx->perm};
    einc_put(&hint, "write 'sum[%s](...)'", name);
    einc_resolve_propose(r, d, einc_text_z(&hint), edits, 2);
}

/* What is free on the right is reduced; or it is an error of each. */
static const struct draft *
build_right(struct resolver *r, const struct tree_stmt *s)
{
    struct free_list l = einc_draft_free(r, s->right, NULL, 0);
    if (l.n == 0)
        return einc_draft_build(r, s->right);
    if (!is_product(s->right)
        && (s->op == ASSIGN_SET || s->op == ASSIGN_ADD)) {
        for (int i = 0; i < l.n; i++)
            only_on_the_right(r, s, l.words[i]);
        return NULL;
    }
    struct draft *d = einc_draft_new(r, DRAFT_REDUCE, s->right);
    d->redop = own_redop(s->op);
    d->n_bound = l.n;
    d->bound = NEW(&r->scratch, int, l.n);
    for (int i = 0; i < l.n; i++)
        d->bound[i] = einc_draft_new_index(
            r, l.words[i], einc_draft_first_use(s->right, l.words[i]->name),
            INDEX_REDUCED);
    d->n_args = 1;
    d->args = NEW(&r->scratch, const struct draft *, 1);
    einc_draft_set_arg(d, 0, einc_draft_build(r, s->right));
    d->has |= HAS_INDEX;
    einc_draft_unbind(r, d);
    return d;
}

/* Every range of `where` is one of an index that there is. */
static void
check_where(struct resolver *r, const struct draft_stmt *s)
{
    for (int i = 0; i < s->tree->n_where; i++) {
        const struct tree_bound *b = &s->tree->where[i];
        int used = 0, again = 0;
        for (int x = s->first_index; x < r->n_indices; x++)
            used |= str_equal(r->indices[x].name, b->name);
        for (int j = 0; j < i; j++)
            again |= str_equal(s->tree->where[j].name, b->name);
        if (used && !again)
            continue;
        struct diag *d = einc_diag_add(
            r->cx, EINC_EPARSE, "E606",
            again ? "'%s' is given two ranges"
                  : "'%s' is given a range, but nothing uses it",
            einc_resolve_show(r, b->at));
        einc_diag_mark(r->cx, d, b->at, -1, -1, "%s", "");
    }
}

static void
bind_loops(struct resolver *r, struct draft_stmt *s)
{
    struct free_list l = einc_draft_free(r, s->tree->left, NULL, 0);
    s->n_loops = l.n;
    s->loops = NEW(r->perm, int, l.n);
    for (int i = 0; i < l.n; i++) {
        struct span at = einc_draft_first_use(s->tree->left, l.words[i]->name);
        s->loops[i] = einc_draft_new_index(r, l.words[i], at, INDEX_FREE);
        r->indices[s->loops[i]].is_left = 1;
    }
}

void
einc_draft_stmt(struct resolver *r, int number)
{
    struct draft_stmt *s = &r->stmts[number];
    const struct tree_stmt *t = &r->t->stmts[number];
    *s = (struct draft_stmt){.tree = t, .number = number, .op = t->op,
                             .first_index = r->n_indices};
    r->s = s;
    r->n_guards = 0;
    einc_draft_mark(r, t);
    struct draft_access left = { /* while its subscripts are built */
        .tensor = einc_resolve_word(r, t->left->name)->tensor};
    s->left = &left;
    bind_loops(r, s);
    s->left = build_access(r, t->left, 1);
    s->right = build_right(r, t);
    s->n_indices = r->n_indices - s->first_index;
    check_where(r, s);
}

/* SPDX-License-Identifier: MIT
 *
 * draft.c - trees -> drafts: which index, tensor or number a name stands for,
 * statement by statement; see draft.h. Implied sums and lists left out are
 * written out, softmax becomes exp(f - logsumexp(f')).
 */
#include "parse/draft.h"

#include <assert.h>

enum {
    MAX_DRAFTS = 1 << 17, /* softmax doubles what is inside of it */
    MARKED = 8,           /* places that one diagnostic shows */
    LISTED = 8            /* names in a list */
};

static const char must_be_constant[] =
    "what stands here must be constant, known before any data";

/* Free index names of something, in order of first appearance. A reduction
 * without a list leaves nothing free, but one around it takes all before. */
struct list {
    struct word **words;
    int n;
    int into_unlisted;
};

static struct draft *build(struct resolver *r, const struct tree *t);

static int
is_call(const struct tree *t, const char *name)
{
    return t->kind == TREE_CALL && str_equal(t->name, str_of(name));
}

static int
is_softmax(const struct tree *t)
{
    return t->kind == TREE_REDUCE
           && (t->redop == REDOP_SOFTMAX || t->redop == REDOP_SOFTMAX0);
}

static int
is_index_now(const struct resolver *r, const struct word *w)
{
    return w->is_index == r->s->number + 1;
}

static struct draft *
new_draft(struct resolver *r, enum draft_kind kind, const struct tree *t)
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

static struct draft *
new_integer(struct resolver *r, const struct tree *t, int64_t value)
{
    struct draft *d = new_draft(r, DRAFT_NUMBER, t);
    d->integer = value;
    d->number = (double)value;
    d->is_integer = 1;
    return d;
}

/* A call of n arguments to be filled in with set_arg(). */
static struct draft *
new_call(struct resolver *r, enum fn fn, const struct tree *t, int n)
{
    struct draft *d = new_draft(r, DRAFT_CALL, t);
    d->fn = fn;
    d->n_args = n;
    d->args = NEW(&r->scratch, const struct draft *, n);
    return d;
}

static void
set_arg(struct draft *d, int i, const struct draft *arg)
{
    d->args[i] = arg;
    d->has |= arg->has;
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

static const struct draft *
build_constant(struct resolver *r, const struct tree *t)
{
    int outer = r->in_constant;
    r->in_constant = 1;
    const struct draft *d = build(r, t);
    r->in_constant = outer;
    return d;
}

/* A new index of that name, which from now on is what the name means. */
static int
new_index(struct resolver *r, struct word *w, struct span at,
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
        const struct draft *from = build_constant(r, where->lo);
        const struct draft *to = build_constant(r, where->hi);
        struct draft_index *i = &r->indices[x];
        i->rule = RANGE_WHERE;
        i->from = from;
        i->to = to;
        i->range_at = (struct span){where->at.begin, where->hi->at.end};
    }
    w->bound = x;
    return x;
}

/* Marks what is an index in this statement: names in subscripts, and those
 * that are given a range. */
static void
mark_word(struct resolver *r, struct str name, struct span at)
{
    struct word *w = einc_resolve_word(r, name);
    if (w->is_parameter || is_index_now(r, w))
        return;
    if (w->tensor >= 0)
        einc_fail(r->cx, EINC_EPARSE, "E311", at,
                  "'%s' is an index here and a tensor elsewhere",
                  einc_resolve_show(r, at));
    w->is_index = r->s->number + 1;
    w->bound = -1;
    w->at = at;
}

static void
mark_names(struct resolver *r, const struct tree *t, int in_subscript)
{
    if (t->kind == TREE_NAME && in_subscript)
        mark_word(r, t->name, t->at);
    if (is_call(t, "size") || is_call(t, "dim"))
        return;
    int n = t->kind == TREE_MODE ? 1 : t->n_args;
    int inner = t->kind == TREE_ACCESS
                || (in_subscript && t->kind != TREE_REDUCE);
    for (int i = 0; i < n; i++)
        mark_names(r, t->args[i], inner);
    for (int i = 0; i < t->n_bounds; i++) {
        mark_word(r, t->bounds[i].name, t->bounds[i].at);
        if (t->bounds[i].lo) {
            mark_names(r, t->bounds[i].lo, 0);
            mark_names(r, t->bounds[i].hi, 0);
        }
    }
    if (t->guard)
        mark_names(r, t->guard, 0);
    if (t->best.p)
        mark_word(r, t->best, t->best_at);
}

void
einc_draft_mark(struct resolver *r, const struct tree_stmt *s)
{
    mark_names(r, s->left, 0);
    mark_names(r, s->right, 0);
    for (int i = 0; i < s->n_where; i++)
        mark_word(r, s->where[i].name, s->where[i].at);
}

/* --- free names ----------------------------------------------------------- */

static void
add_free(struct resolver *r, struct list *l, struct str name)
{
    struct word *w = einc_resolve_word(r, name);
    if (!is_index_now(r, w) || w->bound != -1 || w->listed == r->stamp)
        return;
    w->listed = r->stamp;
    l->words = GROW(&r->scratch, struct word *, l->words, l->n);
    l->words[l->n++] = w;
}

static void list_free(struct resolver *r, struct list *l,
                      const struct tree *t);

/* What a reduction hides within itself is free again behind it. Softmax
 * leaves its indices free. */
static void
list_reduce(struct resolver *r, struct list *l, const struct tree *t)
{
    int softmax = is_softmax(t);
    int *was = NEW(&r->scratch, int, t->n_bounds);
    for (int i = 0; i < t->n_bounds; i++) {
        struct word *w = einc_resolve_word(r, t->bounds[i].name);
        if (t->bounds[i].lo) {
            list_free(r, l, t->bounds[i].lo);
            list_free(r, l, t->bounds[i].hi);
        }
        if (softmax)
            add_free(r, l, t->bounds[i].name);
        was[i] = w->bound;
        if (!softmax && w->bound == -1)
            w->bound = -2;
    }
    list_free(r, l, t->args[0]);
    if (t->guard)
        list_free(r, l, t->guard);
    for (int i = t->n_bounds - 1; i >= 0; i--)
        einc_resolve_word(r, t->bounds[i].name)->bound = was[i];
}

static void
list_free(struct resolver *r, struct list *l, const struct tree *t)
{
    if (t->kind == TREE_NAME)
        add_free(r, l, t->name);
    if (t->kind == TREE_REDUCE) {
        if (t->has_list || is_softmax(t) || l->into_unlisted)
            list_reduce(r, l, t);
    } else if (!is_call(t, "size") && !is_call(t, "dim")) {
        for (int i = 0; i < t->n_args; i++)
            list_free(r, l, t->args[i]);
    }
}

static struct list
free_names(struct resolver *r, const struct tree *a, const struct tree *b,
           int into_unlisted)
{
    struct list l = {NULL, 0, into_unlisted};
    r->stamp++;
    list_free(r, &l, a);
    if (b)
        list_free(r, &l, b);
    return l;
}

/* Marks at most `left` free places of a name; returns how many more may be. A
 * reduction that lists it has others of that name. */
static int
mark_uses(struct resolver *r, struct diag *d, const struct tree *t,
          struct str name, int left)
{
    if (left == 0 || is_call(t, "size") || is_call(t, "dim"))
        return left;
    for (int i = 0; i < t->n_bounds; i++)
        if (!is_softmax(t) && str_equal(t->bounds[i].name, name))
            return left;
    if (t->kind == TREE_NAME && str_equal(t->name, name)) {
        einc_diag_mark(r->cx, d, t->at, -1, -1, "%s", "");
        return left - 1;
    }
    for (int i = 0; i < t->n_args; i++)
        left = mark_uses(r, d, t->args[i], name, left);
    return t->guard ? mark_uses(r, d, t->guard, name, left) : left;
}

/* The first place of a name in a tree; begin < 0: none. */
static struct span
first_use(const struct tree *t, struct str name)
{
    struct span none = {-1, -1};
    if (t->kind == TREE_NAME && str_equal(t->name, name))
        return t->at;
    if (is_call(t, "size") || is_call(t, "dim"))
        return none;
    for (int i = 0; i < t->n_bounds; i++)
        if (str_equal(t->bounds[i].name, name))
            return t->bounds[i].at;
    for (int i = 0; i < t->n_args; i++) {
        struct span at = first_use(t->args[i], name);
        if (at.begin >= 0)
            return at;
    }
    return t->guard ? first_use(t->guard, name) : none;
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
    struct draft *d = new_draft(r, DRAFT_ACCESS, t);
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
    if (is_index_now(r, w))
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
    if (w->is_parameter)
        return new_integer(r, t, w->value);
    if (r->in_constant)
        return not_constant(r, t, w);
    if (!is_index_now(r, w)) {
        assert(w->tensor >= 0);
        return build_scalar(r, t, w->tensor);
    }
    if (w->bound < 0)
        einc_fail(r->cx, EINC_EPARSE, "E701", t->at,
                  "nothing binds '%s' here", einc_resolve_show(r, t->at));
    struct draft *d = new_draft(r, DRAFT_INDEX, t);
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
            s->pad[i - 1] = build_constant(r, t->args[i]);
        if (t->n_args == 2)
            s->pad[1] = s->pad[0];
    }
    s->value = build(r, t->kind == TREE_MODE ? t->args[0] : t);
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
    struct draft *d = new_draft(r, DRAFT_ACCESS, t);
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
    if (!w || !is_index_now(r, w))
        einc_fail(r->cx, EINC_EPARSE, "E314", name->at,
                  "'%s' is no index of this statement; size() is the number"
                  " of values of an index, dim(A,0) the size of a dim",
                  einc_resolve_show(r, name->at));
    struct draft *d = new_draft(r, DRAFT_SIZE, t);
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
    const struct draft *n = build_constant(r, t->args[1]);
    if (n->kind != DRAFT_NUMBER || !n->is_integer)
        einc_fail(r->cx, EINC_EPARSE, "E605", t->args[1]->at,
                  "the number of a dim must be a number or a parameter");
    int dims = r->tensors[w->tensor].n_dims;
    if (r->b && (n->integer < 0 || n->integer >= dims))
        einc_fail(r->cx, EINC_ESHAPE, "E315", t->args[1]->at,
                  "%s has dims 0 to %d", einc_resolve_name(r, w->tensor),
                  dims - 1);
    struct draft *d = new_draft(r, DRAFT_DIM, t);
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
    d->access->fill = build_constant(r, t->args[1]);
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
    struct draft *d = new_call(r, FN_CAST, t, 1);
    d->kind = DRAFT_CAST;
    d->cast = to;
    set_arg(d, 0, build(r, t->args[0]));
    return d;
}

static struct draft *
build_function(struct resolver *r, const struct tree *t, enum fn fn)
{
    check_args(r, t, einc_fn_info(fn)->n_args);
    struct draft *d = new_call(r, fn, t, t->n_args);
    for (int i = 0; i < t->n_args; i++)
        set_arg(d, i, build(r, t->args[i]));
    return d;
}

static _Noreturn void
unknown_function(struct resolver *r, const struct tree *t)
{
    if (is_call(t, "pad") || is_call(t, "wrap") || is_call(t, "reflect"))
        einc_fail(r->cx, EINC_EPARSE, "E713", t->at,
                  "'%s' stands around a whole subscript only",
                  einc_resolve_show(r, t->name_at));
    einc_fail(r->cx, EINC_EPARSE, "E312", t->name_at,
              "there is no function '%s'", einc_resolve_show(r, t->name_at));
}

static struct draft *
build_call(struct resolver *r, const struct tree *t)
{
    if (is_call(t, "size"))
        return build_size(r, t);
    if (is_call(t, "dim"))
        return build_dim(r, t);
    if (is_call(t, "fill"))
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
    struct draft *d = new_call(r, t->fn, t, t->n_args);
    for (int i = 0; i < t->n_args; i++)
        set_arg(d, i, build(r, t->args[i]));
    return d;
}

/* --- reductions ----------------------------------------------------------- */

static int
takes_best(enum redop op)
{
    return op >= REDOP_KMIN && op <= REDOP_ARGKMAX;
}

static int
gives_position(enum redop op)
{
    return op == REDOP_ARGMAX || op == REDOP_ARGMIN || op == REDOP_ARGKMIN
           || op == REDOP_ARGKMAX;
}

static void
push_guard(struct resolver *r, const struct draft *g)
{
    r->guards = GROW(&r->scratch, const struct draft *, r->guards,
                     r->n_guards);
    r->guards[r->n_guards++] = g;
}

static int
bind_listed(struct resolver *r, const struct tree_bound *b)
{
    struct word *w = einc_resolve_word(r, b->name);
    if (w->bound >= 0 || w->is_parameter)
        einc_fail(r->cx, EINC_EPARSE, "E704", b->at,
                  "'%s' is %s already; a reduction needs a name of its own",
                  einc_resolve_show(r, b->at),
                  w->is_parameter ? "a parameter" : "an index");
    if (!b->lo)
        return new_index(r, w, b->at, INDEX_REDUCED);
    r->in_bound++;
    const struct draft *from = build(r, b->lo), *to = build(r, b->hi);
    r->in_bound--;
    int x = new_index(r, w, b->at, INDEX_REDUCED);
    int has = from->has | to->has;
    r->indices[x].rule = has & HAS_DATA ? RANGE_DATA
                         : has & HAS_INDEX ? RANGE_OUTER : RANGE_WHERE;
    r->indices[x].from = from;
    r->indices[x].to = to;
    r->indices[x].range_at = (struct span){b->at.begin, b->hi->at.end};
    return x;
}

/* "argmax over two indices (j,k) needs them listed ..." */
static _Noreturn void
needs_list(struct resolver *r, const struct tree *t, const struct list *l)
{
    struct text names = {.perm = r->cx->perm};
    static const char *const words[] = {"no", "one", "two", "three", "four"};
    for (int i = 0; i < l->n && i < LISTED; i++)
        einc_put(&names, "%s%s", i ? "," : "",
                 einc_diag_show(r->cx, l->words[i]->name, 40));
    const char *op = einc_tree_redop_name(t->redop);
    const char *list = einc_text_z(&names);
    einc_fail(r->cx, EINC_EPARSE, "E703", t->name_at,
              "%s over %s indices (%s%s) needs them listed to fix the order:"
              " '%s[%s](...)'", op, l->n < 5 ? words[l->n] : "many", list,
              l->n > LISTED ? ",..." : "", op, list);
}

static void
bind_unlisted(struct resolver *r, const struct tree *t, struct draft *d)
{
    struct list l = free_names(r, t->args[0], t->guard, 1);
    if (l.n == 0)
        einc_fail(r->cx, EINC_EPARSE, "E702", t->name_at,
                  "%s has nothing to reduce: every index in it is on the left"
                  " or reduced around it", einc_tree_redop_name(t->redop));
    if (l.n > 1 && gives_position(t->redop))
        needs_list(r, t, &l);
    d->n_bound = l.n;
    d->bound = NEW(&r->scratch, int, l.n);
    for (int i = 0; i < l.n; i++) {
        struct span at = first_use(t->args[0], l.words[i]->name);
        if (at.begin < 0)
            at = first_use(t->guard, l.words[i]->name);
        d->bound[i] = new_index(r, l.words[i], at, INDEX_REDUCED);
    }
}

static void
unbind(struct resolver *r, const struct draft *d)
{
    for (int i = 0; i < d->n_bound; i++)
        einc_resolve_word(r, r->indices[d->bound[i]].name)->bound = -1;
}

/* "->q:5": q is on the left and counts. */
static void
bind_best(struct resolver *r, const struct tree *t, struct draft *d)
{
    const char *op = einc_tree_redop_name(t->redop);
    if (takes_best(t->redop) != (t->best.p != NULL))
        einc_fail(r->cx, EINC_EPARSE, "E708", t->name_at,
                  t->best.p ? "%s has no k best: '->' belongs to kmin kmax"
                              " argkmin argkmax"
                            : "%s says how many: '[j->q:3]' with q on the"
                              " left", op);
    if (!t->best.p)
        return;
    struct word *w = einc_resolve_word(r, t->best);
    if (w->bound < 0 || r->indices[w->bound].stmt != r->s->number
        || !r->indices[w->bound].is_left)
        einc_fail(r->cx, EINC_EPARSE, "E709", t->best_at,
                  "'%s' counts the best of %s and must be on the left",
                  einc_resolve_show(r, t->best_at), op);
    const struct draft *most = build_constant(r, t->most);
    struct draft_index *q = &r->indices[w->bound];
    if (q->kind == INDEX_NEW
        && (most->kind != DRAFT_NUMBER || q->to->kind != DRAFT_NUMBER
            || most->integer != q->to->integer))
        einc_fail(r->cx, EINC_EPARSE, "E709", t->best_at,
                  "'%s' has two extents", einc_resolve_show(r, t->best_at));
    q->kind = INDEX_NEW;
    q->rule = RANGE_WHERE;
    q->from = new_integer(r, t->most, 0);
    q->to = most;
    d->best = w->bound;
}

static struct draft *build_softmax(struct resolver *r, const struct tree *t);

static struct draft *
build_reduce(struct resolver *r, const struct tree *t)
{
    if (is_softmax(t))
        return build_softmax(r, t);
    struct draft *d = new_draft(r, DRAFT_REDUCE, t);
    d->redop = t->redop;
    bind_best(r, t, d);
    if (t->has_list) {
        d->n_bound = t->n_bounds;
        d->bound = NEW(&r->scratch, int, t->n_bounds);
        for (int i = 0; i < t->n_bounds; i++)
            d->bound[i] = bind_listed(r, &t->bounds[i]);
    } else {
        bind_unlisted(r, t, d);
    }
    int guards = r->n_guards;
    if (t->guard) {
        d->guard = build(r, t->guard);
        push_guard(r, d->guard);
        d->has |= d->guard->has;
    }
    d->n_args = 1;
    d->args = NEW(&r->scratch, const struct draft *, 1);
    set_arg(d, 0, build(r, t->args[0]));
    d->has |= HAS_INDEX; /* its range is one of indices */
    r->n_guards = guards;
    unbind(r, d);
    return d;
}

/* --- softmax -------------------------------------------------------------- */

/* A second index of the name, of the same range. */
static int
new_twin(struct resolver *r, struct word *w, struct span at)
{
    int of = w->bound, x = new_index(r, w, at, INDEX_REDUCED);
    struct draft_index *twin = &r->indices[x], *i = &r->indices[of];
    twin->rule = i->rule;
    twin->from = i->from;
    twin->to = i->to;
    twin->range_at = i->range_at;
    twin->twin = i->twin >= 0 ? i->twin : of;
    return x;
}

static void
check_softmax(struct resolver *r, const struct tree *t)
{
    if (!t->has_list)
        einc_fail(r->cx, EINC_EPARSE, "E703", t->name_at,
                  "softmax needs its index listed: 'softmax[j](...)'");
    for (int i = 0; i < t->n_bounds; i++) {
        const struct tree_bound *b = &t->bounds[i];
        struct word *w = einc_resolve_word(r, b->name);
        if (b->lo)
            einc_fail(r->cx, EINC_EPARSE, "E710", b->at,
                      "softmax takes the range that '%s' has; a guard may"
                      " restrict it: 'softmax[%s](... if ...)'",
                      einc_resolve_show(r, b->at),
                      einc_resolve_show(r, b->at));
        if (w->bound < 0)
            einc_fail(r->cx, EINC_EPARSE, "E710", b->at,
                      "softmax keeps '%s': it must be on the left, or reduced"
                      " around the softmax", einc_resolve_show(r, b->at));
        for (int j = 0; j < i; j++)
            if (str_equal(t->bounds[j].name, b->name))
                einc_fail(r->cx, EINC_EPARSE, "E704", b->at,
                          "'%s' is listed twice",
                          einc_resolve_show(r, b->at));
    }
}

/* logsumexp[j'](f' if g') */
static struct draft *
build_lse(struct resolver *r, const struct tree *t)
{
    struct draft *d = new_draft(r, DRAFT_REDUCE, t);
    int *was = NEW(&r->scratch, int, t->n_bounds), guards = r->n_guards;
    d->redop = REDOP_LOGSUMEXP;
    d->memo = NEW(&r->scratch, struct memo, 1);
    d->n_bound = t->n_bounds;
    d->bound = NEW(&r->scratch, int, t->n_bounds);
    for (int i = 0; i < t->n_bounds; i++) {
        struct word *w = einc_resolve_word(r, t->bounds[i].name);
        was[i] = w->bound;
        d->bound[i] = new_twin(r, w, t->bounds[i].at);
    }
    if (t->guard) {
        d->guard = build(r, t->guard);
        push_guard(r, d->guard);
        d->has |= d->guard->has;
    }
    d->n_args = 1;
    d->args = NEW(&r->scratch, const struct draft *, 1);
    set_arg(d, 0, build(r, t->args[0]));
    d->has |= HAS_INDEX;
    r->n_guards = guards;
    for (int i = 0; i < t->n_bounds; i++)
        einc_resolve_word(r, t->bounds[i].name)->bound = was[i];
    return d;
}

static struct draft *
new_float(struct resolver *r, const struct tree *t, double value)
{
    struct draft *d = new_draft(r, DRAFT_NUMBER, t);
    d->number = value;
    return d;
}

static struct draft *
choose(struct resolver *r, const struct tree *t, const struct draft *c,
       const struct draft *yes, const struct draft *no)
{
    struct draft *d = new_call(r, FN_SELECT, t, 3);
    set_arg(d, 0, c);
    set_arg(d, 1, yes);
    set_arg(d, 2, no);
    return d;
}

/* Without a guard exp() is NaN by itself where the row is all -inf. With one,
 * g ? e : lse == -inf ? nan : 0. softmax0: lse == -inf ? 0 : e, and 0 where
 * the guard is false. */
static struct draft *
mask_softmax(struct resolver *r, const struct tree *t, const struct draft *g,
             struct draft *e, const struct draft *lse)
{
    struct draft *zero = new_float(r, t, 0);
    struct draft *empty = new_call(r, FN_EQ, t, 2);
    set_arg(empty, 0, lse);
    set_arg(empty, 1, new_float(r, t, -__builtin_inf()));
    if (t->redop == REDOP_SOFTMAX0) {
        e = choose(r, t, empty, zero, e);
        return g ? choose(r, t, g, e, zero) : e;
    }
    return choose(r, t, g, e, choose(r, t, empty,
                                     new_float(r, t, __builtin_nan("")),
                                     zero));
}

static struct draft *
build_softmax(struct resolver *r, const struct tree *t)
{
    check_softmax(r, t);
    struct draft *lse = build_lse(r, t);
    const struct draft *g = t->guard ? build(r, t->guard) : NULL;
    int guards = r->n_guards;
    struct draft *less = new_call(r, FN_SUB, t, 2);
    set_arg(less, 0, build(r, t->args[0]));
    set_arg(less, 1, lse);
    r->n_guards = guards;
    struct draft *e = new_call(r, FN_EXP, t, 1);
    set_arg(e, 0, less);
    e->lse = lse;
    return g || t->redop == REDOP_SOFTMAX0 ? mask_softmax(r, t, g, e, lse)
                                           : e;
}

/* --- statements ----------------------------------------------------------- */

static struct draft *
build(struct resolver *r, const struct tree *t)
{
    if (r->in_constant && t->kind == TREE_REDUCE)
        einc_fail(r->cx, EINC_EPARSE, "E605", t->at, "%s", must_be_constant);
    switch (t->kind) {
    case TREE_NUMBER: {
        struct draft *d = new_draft(r, DRAFT_NUMBER, t);
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
    case TREE_REDUCE: return build_reduce(r, t);
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
    case TREE_CALL: return is_call(t, "fill");
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
    mark_uses(r, d, s->right, w->name, MARKED);
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
    struct list l = free_names(r, s->right, NULL, 0);
    if (l.n == 0)
        return build(r, s->right);
    if (!is_product(s->right)
        && (s->op == ASSIGN_SET || s->op == ASSIGN_ADD)) {
        for (int i = 0; i < l.n; i++)
            only_on_the_right(r, s, l.words[i]);
        return NULL;
    }
    struct draft *d = new_draft(r, DRAFT_REDUCE, s->right);
    d->redop = own_redop(s->op);
    d->n_bound = l.n;
    d->bound = NEW(&r->scratch, int, l.n);
    for (int i = 0; i < l.n; i++)
        d->bound[i] = new_index(r, l.words[i],
                                first_use(s->right, l.words[i]->name),
                                INDEX_REDUCED);
    d->n_args = 1;
    d->args = NEW(&r->scratch, const struct draft *, 1);
    set_arg(d, 0, build(r, s->right));
    d->has |= HAS_INDEX;
    unbind(r, d);
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
    struct list l = free_names(r, s->tree->left, NULL, 0);
    s->n_loops = l.n;
    s->loops = NEW(r->perm, int, l.n);
    for (int i = 0; i < l.n; i++) {
        struct span at = first_use(s->tree->left, l.words[i]->name);
        s->loops[i] = new_index(r, l.words[i], at, INDEX_FREE);
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

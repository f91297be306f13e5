/* SPDX-License-Identifier: MIT
 *
 * emit_open.c - see program_file.h: files of statements whose sizes are
 * arguments. What the numbers of parse/open.h stand for is printed in their
 * place; what has to hold of the sizes is asked when the function is called.
 * Stages have kernels for long rows and for short ones in each set, which need
 * so many values along their lanes and blocks, and one that does with any.
 */
#include "codegen/emit_open.h"

#include "codegen/levels.h"
#include "plan/rewrite.h"

/* --- names and numbers -------------------------------------------------- */

static int
is_plain_name(struct str s)
{
    enum { MOST = 40 };
    int plain = s.n > 0 && s.n <= MOST;
    for (int64_t k = 0; k < s.n; k++)
        plain &= (s.p[k] >= 'a' && s.p[k] <= 'z') ||
                 (s.p[k] >= 'A' && s.p[k] <= 'Z') || s.p[k] == '_' ||
                 (s.p[k] >= '0' && s.p[k] <= '9');
    return plain;
}

/* "n_d"; "n_2" of the third size if its name is none of C. */
void
einc_open_name(const struct program_file *f, struct text *t, int size)
{
    struct str name = f->p->open.list[size].name;
    if (is_plain_name(name))
        einc_put(t, "n_%.*s", (int)name.n, name.p);
    else
        einc_put(t, "n_%d", size);
}

void
einc_open_put(const struct program_file *f, struct text *t, int64_t value)
{
    int size = open_find(&f->p->open, value);
    if (size < 0) {
        einc_put(t, "%lld", (long long)value);
        return;
    }
    einc_put(t, "z->");
    einc_open_name(f, t, size);
}

void
einc_open_locals(const struct program_file *f)
{
    struct text own = {.perm = f->scratch};
    einc_open_arguments(f, &own, "", ", ");
    einc_put(f->t, "    const struct %s_sizes sizes = {%.*s}, *const z = "
                   "&sizes;\n", f->style->name, (int)own.n - 2, own.p);
}

const char *
einc_open_number(const struct program_file *f, int64_t value)
{
    struct text t = {.perm = f->scratch};
    einc_open_put(f, &t, value);
    return einc_text_z(&t);
}

void
einc_open_arguments(const struct program_file *f, struct text *t,
                    const char *before, const char *after)
{
    for (int k = 0; k < f->p->open.n; k++) {
        einc_put(t, "%s", before);
        einc_open_name(f, t, k);
        einc_put(t, "%s", after);
    }
}

void
einc_open_comment(const struct program_file *f)
{
    for (int k = 0; k < f->p->open.n; k++) {
        einc_put(f->t, " * ");
        einc_open_name(f, f->t, k);
        einc_put(f->t, " is the size ");
        einc_emit_comment(f->t, f->p->open.list[k].name);
        einc_put(f->t, "\n");
    }
}

void
einc_open_shape(const struct program_file *f, const struct tensor *y)
{
    for (int d = 0; d < y->n_dims; d++) {
        int size = open_find(&f->p->open, y->shape[d]);
        einc_put(f->t, d ? " x " : " ");
        if (size < 0)
            einc_put(f->t, "%lld", (long long)y->shape[d]);
        else
            einc_open_name(f, f->t, size);
    }
}

void
einc_open_struct(const struct program_file *f)
{
    const char *x = f->style->name;
    einc_put(f->t, "struct %s_sizes {\n    int64_t ", x);
    for (int k = 0; k < f->p->open.n; k++) {
        einc_put(f->t, k ? ", " : "");
        einc_open_name(f, f->t, k);
    }
    einc_put(f->t, ";\n};\n\n"
                   "/* Of numbers of 0 or more; what no memory holds is "
                   "%s_MUCH. */\n#define %s_MUCH ((int64_t)1 << 56)\n"
                   "static inline int64_t\n%s_times(int64_t a, int64_t b)\n{\n"
                   "    return a && b > %s_MUCH/a ? %s_MUCH : a*b;\n}\n\n",
             x, x, x, x, x);
}

/* --- what a nest is given ----------------------------------------------- */

const char *
einc_open_count(const struct program_file *f, int64_t lo, int64_t hi)
{
    struct text t = {.perm = f->scratch};
    if (open_find(&f->p->open, hi) < 0) {
        einc_put(&t, "%lld", (long long)(hi > lo ? hi - lo : 0));
        return einc_text_z(&t);
    }
    const char *to = einc_open_number(f, hi);
    if (lo > 0)
        einc_put(&t, "(%s > %lld ? %s - %lld : 0)", to, (long long)lo, to,
                 (long long)lo);
    else if (lo < 0)
        einc_put(&t, "(%s + %lld)", to, -(long long)lo);
    else
        einc_put(&t, "%s", to);
    return einc_text_z(&t);
}

static void
put_turns(const struct program_file *f, struct text *t,
          const struct mapreduce *m, const struct free_loop *x)
{
    const struct index *i = &m->p->indices[x->index];
    if (open_find(&m->p->open, i->hi) < 0)
        einc_put(t, "%lld", (long long)x->turns);
    else if (x->span == 1)
        einc_put(t, "%s", einc_open_count(f, i->lo, i->hi));
    else
        einc_put(t, "(%s + %lld)/%lld", einc_open_count(f, i->lo, i->hi),
                 (long long)x->span - 1, (long long)x->span);
}

/* Bytes of the scratch before `to`, or all of it. */
static void
put_scratch(const struct program_file *f, struct text *t,
            const struct mapreduce *m, int64_t to)
{
    const char *name = f->style->name;
    int64_t literal = 0;
    for (int k = 0; k < m->n_rooms; k++) {
        const struct room *r = &m->rooms[k];
        int64_t end = k + 1 < m->n_rooms ? m->rooms[k + 1].at
                                         : m->scratch_bytes;
        int open = 0;
        for (int v = 0; v < m->values.n_vars; v++)
            open |= (r->vars >> v & 1) &&
                    open_find(&m->p->open, m->values.var[v].hi) >= 0;
        if (r->at >= to)
            break;
        if (!open || end > to) {
            literal += (end < to ? end : to) - r->at;
            continue;
        }
        struct text own = {.perm = f->scratch};
        einc_put(&own, "%lld", (long long)r->bytes);
        for (int v = 0; v < m->values.n_vars; v++)
            if (r->vars >> v & 1) {
                const struct value_var *q = &m->values.var[v];
                struct text product = {.perm = f->scratch};
                einc_put(&product, "%s_times(%s, %s)", name,
                         einc_text_z(&own), einc_open_count(f, q->lo, q->hi));
                own = product;
            }
        einc_put(t, "(%s + 63)/64*64 + ", einc_text_z(&own));
    }
    einc_put(t, "%lld", (long long)literal);
}

/* Dense, of elements, or of numbers of which complex ones are two. */
static void
put_stride(const struct program_file *f, struct text *t,
           const struct tensor *y, int dim)
{
    einc_put(t, "%d", einc_dtype_info(y->dtype)->kind == KIND_COMPLEX ? 2 : 1);
    for (int d = dim + 1; d < y->n_dims; d++)
        einc_put(t, "*%s", einc_open_number(f, y->shape[d]));
}

static void
put_size(const struct program_file *f, struct text *t,
         const struct mapreduce *m, const struct size *x)
{
    const struct index *i;
    switch (x->kind) {
    case SIZE_TO: einc_open_put(f, t, m->values.var[x->of].hi); return;
    case SIZE_TURNS: put_turns(f, t, m, &m->free[x->of]); return;
    case SIZE_SHAPE:
        einc_open_put(f, t, m->p->tensors[x->of].shape[x->dim]);
        return;
    case SIZE_STRIDE:
        put_stride(f, t, &m->p->tensors[x->of], x->dim);
        return;
    case SIZE_COUNT:
        i = &m->p->indices[x->of];
        einc_put(t, "%s", einc_open_count(f, i->lo, i->hi));
        return;
    case SIZE_OPEN: einc_open_put(f, t, x->value); return;
    default: put_scratch(f, t, m, x->value); return;
    }
}

/* "const int64_t n[] = {z->n_i, (z->n_i + 15)/16};" */
static void
put_numbers(const struct program_file *f, const struct mapreduce *m,
            const char *array, int strides)
{
    int n = 0;
    einc_put(f->t, "        const int64_t %s[] = {", array);
    for (int k = 0; k < m->n_sizes; k++) {
        if ((m->sizes[k].kind == SIZE_STRIDE) != strides)
            continue;
        einc_put(f->t, n++ ? ",\n            " : "\n            ");
        put_size(f, f->t, m, &m->sizes[k]);
    }
    einc_put(f->t, n ? "};\n" : "0};\n");
}

int
einc_open_is_fixed(const struct program_file *f, const struct tensor *y)
{
    for (int d = 0; d < y->n_dims; d++)
        if (open_find(&f->p->open, y->shape[d]) >= 0)
            return 0;
    return 1;
}

/* --- one way to run a stage ---------------------------------------------- */

struct way {
    const char *set;  /* of instructions */
    const char *form; /* in names: "avx512_short" */
    int number;       /* of the set: 2 is the best; -1: any machine */
    int is_single;
    const struct mapreduce *nest;
};

enum { WAYS = 2 * PROGRAM_SETS + 1 };

static const char *
function_of(const struct program_file *f, const struct way *w, int stage)
{
    struct text t = {.perm = f->scratch};
    einc_put(&t, "%s_%s_stage%d", f->style->name, w->form, stage + 1);
    return einc_text_z(&t);
}

/* The program with rows that are modelled short. */
static const struct program *
short_rows(const struct program_file *f)
{
    enum { SHORT_ROW = 4 };
    struct program *p = NEW(f->scratch, struct program, 1);
    struct open_size *list = NEW(f->scratch, struct open_size, f->p->open.n);
    *p = *f->p;
    for (int k = 0; k < p->open.n; k++) {
        list[k] = f->p->open.list[k];
        if (list[k].is_row && list[k].guide > SHORT_ROW)
            list[k].guide = SHORT_ROW;
    }
    p->open.list = list;
    return p;
}

static const char *
kernel_of(const struct program_file *f, const struct mapreduce *m,
          const char *name)
{
    struct text t = {.perm = f->scratch}, args = {.perm = f->scratch};
    einc_put(&args, "%s_args", f->style->name);
    einc_emit_mapreduce_function(&t, *f->scratch, m, name,
                                 einc_text_z(&args));
    return einc_text_z(&t);
}

static int
same_kernel(const struct program_file *f, const struct mapreduce *a,
            const struct mapreduce *b)
{
    return str_equal(str_of(kernel_of(f, a, "k")),
                     str_of(kernel_of(f, b, "k")));
}

/* The ways of a stage, best first; 0: it has no kernel. */
static int
find_ways(const struct program_file *f, int stage, struct way *ways)
{
    static const char *const names[PROGRAM_SETS][2] = {
        {"avx512", "avx512_short"}, {"avx2", "avx2_short"},
        {"sse2", "sse2_short"}};
    const struct stmt *s = &f->p->stmts[f->s->stages[stage].stmt];
    const struct program *rows[2] = {f->p, short_rows(f)};
    int n = 0;
    for (int set = 0; set < PROGRAM_SETS; set++)
        for (int r = 0; r < 2; r++) {
            const struct mapreduce *m = einc_mapreduce_build(
                f->scratch, *f->scratch, rows[r], s,
                einc_target_find(str_of(names[set][0])), SIZES_OPEN);
            if (!m)
                return 0;
            if (r && same_kernel(f, ways[n - 1].nest, m))
                continue;
            int is_last = set == PROGRAM_SETS - 1;
            ways[n++] = (struct way){names[set][0], names[set][r],
                                     is_last ? -1 : PROGRAM_SETS - 1 - set, 0,
                                     m};
        }
    const struct mapreduce *m = einc_mapreduce_build(
        f->scratch, *f->scratch, f->p, s, einc_target_find(str_of("sse2")),
        SIZES_SINGLE);
    if (!m)
        return 0;
    ways[n++] = (struct way){"sse2", "single", -1, 1, m};
    return n;
}

int
einc_open_has_kernel(const struct program_file *f, int stage)
{
    struct way ways[WAYS];
    return find_ways(f, stage, ways) > 0;
}

/* "if (set >= 2 && z->n_i >= 32)" */
static void
put_condition(const struct program_file *f, const struct way *w)
{
    const char *and = "";
    einc_put(f->t, "    ");
    for (int k = -1; k < f->p->open.n; k++) {
        long long least =
            k < 0 ? w->number
                  : (long long)einc_mapreduce_least(w->nest, k);
        if (least <= 0)
            continue;
        einc_put(f->t, "%s%s >= %lld", *and ? and : "if (",
                 k < 0 ? "set"
                       : einc_open_number(f, f->p->open.list[k].value),
                 least);
        and = " && ";
    }
    einc_put(f->t, *and ? ") {\n" : "{\n");
}

static void
put_way(const struct program_file *f, const struct way *w, int stage)
{
    struct text *t = f->t;
    const char *x = f->style->name;
    put_condition(f, w);
    put_numbers(f, w->nest, "n", 0);
    put_numbers(f, w->nest, "s", 1);
    einc_put(t, "        const int64_t tasks = (int64_t)1");
    for (int k = 0; k < w->nest->n_free; k++)
        if (w->nest->free[k].is_task) {
            einc_put(t, "*(");
            put_turns(f, t, w->nest, &w->nest->free[k]);
            einc_put(t, ")");
        }
    einc_put(t, ";\n        const int64_t bytes = ");
    put_scratch(f, t, w->nest, INT64_MAX);
    einc_put(t, ";\n#if defined(_OPENMP)\n#pragma omp parallel for "
                "schedule(static, 1)\n#endif\n"
                "        for (int64_t part = 0; part < %s_THREADS; part++) {\n"
                "            struct %s_args own = *args;\n"
                "            own.n = n;\n            own.s = s;\n"
                "            own.scratch += part*bytes;\n"
                "            %s(&own, tasks*part/%s_THREADS,\n"
                "                tasks*(part + 1)/%s_THREADS);\n        }\n"
                "        return;\n    }\n",
             x, x, function_of(f, w, stage), x, x);
}

void
einc_open_stage(const struct program_file *f, int stage)
{
    struct text *t = f->t;
    const char *x = f->style->name;
    struct way ways[WAYS];
    int n = find_ways(f, stage, ways), picked = 0;
    einc_put(t, "/* --- stage %d: loops --- */\n\n#if defined(%s_SETS)\n",
             stage + 1, x);
    for (int k = 0; k < n; k++) {
        if (ways[k].number < 0)
            continue;
        einc_program_open_set(t, ways[k].set);
        einc_put(t, "%s", kernel_of(f, ways[k].nest,
                                    function_of(f, &ways[k], stage)));
        einc_program_close_set(t);
    }
    einc_put(t, "#endif\n\n");
    for (int k = 0; k < n; k++)
        if (ways[k].number < 0)
            einc_put(t, "%s", kernel_of(f, ways[k].nest,
                                        function_of(f, &ways[k], stage)));
    einc_put(t, "static void\n%s_stage%d(const struct %s_args *args,\n"
                "    const struct %s_sizes *z)\n{\n", x, stage + 1, x, x);
    einc_put(t, "#if defined(%s_SETS)\n    const int set = %s_pick();\n", x, x);
    for (int k = 0; k < n; k++) {
        if (ways[k].number < 0 && !picked++)
            einc_put(t, "#endif\n");
        put_way(f, &ways[k], stage);
    }
    einc_put(t, "}\n\n");
}

/* --- what must hold of the sizes ------------------------------------------ */

struct asking {
    const struct program_file *f;
    const char **list; /* conditions so far */
    int n;
};

static void
ask(struct asking *a, const char *condition)
{
    for (int k = 0; k < a->n; k++)
        if (str_equal(str_of(a->list[k]), str_of(condition)))
            return;
    if (!(a->n & (a->n - 1))) {
        const char **more =
            NEW(a->f->scratch, const char *, 2 * (int64_t)a->n + 1);
        for (int k = 0; k < a->n; k++)
            more[k] = a->list[k];
        a->list = more;
    }
    a->list[a->n++] = condition;
    einc_put(a->f->t, "    if (%s)\n        return -1;\n", condition);
}

static _Noreturn void
cannot_ask(const struct asking *a, const struct subscript *s)
{
    struct cx *cx = a->f->scratch->cx;
    struct str text = {a->f->p->source.p + s->at.begin,
                       s->at.end - s->at.begin};
    einc_fail(cx, EINC_ESHAPE, "E411", s->at,
              "'%s' is inside for some sizes only: the function cannot ask "
              "whether it is; give them with --size",
              einc_diag_show(cx, text, 40));
}

/* Sums of sizes could overflow. */
static int
is_large(const struct subscript *s)
{
    enum { MODERATE = 1 << 28 };
    int large = s->constant < -MODERATE || s->constant > MODERATE;
    for (int k = 0; k < s->n_terms; k++)
        large |= s->terms[k].coef < -MODERATE || s->terms[k].coef > MODERATE;
    return large;
}

/* The least or the most of a subscript, without the rest. */
static void
put_reach(const struct asking *a, struct text *t, const struct subscript *s,
          int most)
{
    const struct program *p = a->f->p;
    einc_put(t, "%lld", (long long)s->constant);
    for (int k = 0; k < s->n_terms; k++) {
        const struct index *i = &p->indices[s->terms[k].index];
        int64_t coef = s->terms[k].coef;
        einc_put(t, " + (%lld)*", (long long)coef);
        if ((coef > 0) == most)
            einc_put(t, "(%s - 1)", einc_open_number(a->f, i->hi));
        else
            einc_put(t, "(%lld)", (long long)i->lo);
    }
}

/* Whether the numbers alone keep a subscript inside, and no guard. */
static int
is_inside(const struct program *p, const struct subscript *s, int64_t n)
{
    int64_t least = s->constant, most = s->constant;
    for (int k = 0; k < s->n_terms; k++) {
        const struct index *i = &p->indices[s->terms[k].index];
        int64_t coef = s->terms[k].coef;
        least += coef * (coef > 0 ? i->lo : i->hi - 1);
        most += coef * (coef > 0 ? i->hi - 1 : i->lo);
    }
    return least >= -s->pad_lo && most < n + s->pad_hi;
}

static int
is_open_sub(const struct program *p, const struct subscript *s, int64_t n)
{
    int open = open_find(&p->open, n) >= 0;
    for (int k = 0; k < s->n_terms; k++)
        open |= open_find(&p->open, p->indices[s->terms[k].index].hi) >= 0;
    return open;
}

/* Indices that a subscript takes. */
static int
note_index(void *user, const struct node *n)
{
    char *used = user;
    for (int d = 0; n->access && d < n->access->n_subs; d++)
        for (int k = 0; k < n->access->subs[d].n_terms; k++)
            used[n->access->subs[d].terms[k].index] = 1;
    if (n->kind == NODE_INDEX)
        used[n->index] = 1;
    return 0;
}

/* "z->n_i > 0 && ": where an index of the access has no value nothing is
 * read. Returns whether one has as many as `n`. */
static int
put_runs(const struct asking *a, struct text *t, const struct access *x,
         int64_t n)
{
    int any = 0;
    const struct program *p = a->f->p;
    char *used = NEW(a->f->scratch, char, p->n_indices);
    const struct node read = {.kind = NODE_ACCESS, .access = x, .best = -1};
    einc_rewrite_any(p, &read, note_index, used);
    for (int i = 0; i < p->n_indices; i++) {
        const struct index *own = &p->indices[i];
        if (!used[i] || open_find(&p->open, own->hi) < 0)
            continue;
        any |= own->hi == n && own->lo >= 0;
        einc_put(t, "%s > %lld && ", einc_open_number(a->f, own->hi),
                 (long long)own->lo);
    }
    return any;
}

/* What is not sure to be inside is put there: it must have an inside. */
static void
ask_any(struct asking *a, const struct access *x, int64_t n)
{
    struct text t = {.perm = a->f->scratch};
    if (open_find(&a->f->p->open, n) < 0 || put_runs(a, &t, x, n))
        return;
    einc_put(&t, "%s < 1", einc_open_number(a->f, n));
    ask(a, einc_text_z(&t));
}

static void
ask_sub(struct asking *a, const struct access *x, int dim)
{
    const struct program *p = a->f->p;
    const struct subscript *s = &x->subs[dim];
    int64_t n = p->tensors[x->tensor].shape[dim];
    struct text t = {.perm = a->f->scratch};
    const char *size = einc_open_number(a->f, n);
    int is_limited = s->mode == BOUND_CHECK || s->mode == BOUND_PAD;
    if (s->mode != BOUND_CHECK || s->checked)
        ask_any(a, x, n);
    if (!is_limited || s->checked || !is_open_sub(p, s, n) ||
        (s->n_terms == 1 && s->terms[0].coef == 1 && !s->constant &&
         !s->rest && p->indices[s->terms[0].index].lo >= 0 &&
         p->indices[s->terms[0].index].hi == n))
        return;
    if (s->rest || is_large(s) || !is_inside(p, s, n))
        cannot_ask(a, s);
    put_runs(a, &t, x, n);
    einc_put(&t, "(");
    put_reach(a, &t, s, 0);
    einc_put(&t, " < %lld || ", -(long long)s->pad_lo);
    put_reach(a, &t, s, 1);
    einc_put(&t, " >= %s + %lld)", size, (long long)s->pad_hi);
    ask(a, einc_text_z(&t));
}

static void ask_node(struct asking *a, const struct node *n);

static void
ask_access(struct asking *a, const struct access *x)
{
    for (int d = 0; d < x->n_subs; d++) {
        ask_sub(a, x, d);
        ask_node(a, x->subs[d].rest);
    }
    ask_node(a, x->fill);
}

/* Extremes of integers and positions have no value for a range without any:
 * E714 where it is known. */
static void
ask_term(struct asking *a, const struct node *n)
{
    enum dtype_kind kind = einc_dtype_info(n->args[0]->type)->kind;
    int arg = n->redop == REDOP_ARGMAX || n->redop == REDOP_ARGMIN;
    int extreme = n->redop == REDOP_MAX || n->redop == REDOP_MIN;
    if (!arg && !(extreme && kind < KIND_FLOAT))
        return;
    for (int k = 0; k < n->n_bound; k++) {
        const struct index *i = &a->f->p->indices[n->bound[k]];
        struct text t = {.perm = a->f->scratch};
        if (i->from || open_find(&a->f->p->open, i->hi) < 0)
            continue;
        einc_put(&t, "%s <= %lld", einc_open_number(a->f, i->hi),
                 (long long)i->lo);
        ask(a, einc_text_z(&t));
    }
}

static void
ask_node(struct asking *a, const struct node *n)
{
    if (!n)
        return;
    if (n->kind == NODE_REDUCE)
        ask_term(a, n);
    if (n->access)
        ask_access(a, n->access);
    for (int k = 0; k < n->n_args; k++)
        ask_node(a, n->args[k]);
    for (int k = 0; n->kind == NODE_REDUCE && k < n->n_bound; k++) {
        ask_node(a, a->f->p->indices[n->bound[k]].from);
        ask_node(a, a->f->p->indices[n->bound[k]].to);
    }
    ask_node(a, n->guard);
}

/* --- memory ---------------------------------------------------------------- */

/* Elements of a tensor times `bytes`; a dim of none counts as `least`. */
static void
put_bytes(const struct program_file *f, const struct tensor *y, int64_t bytes,
          int least)
{
    for (int d = 0; d < y->n_dims; d++)
        einc_put(f->t, "%s_times(", f->style->name);
    einc_put(f->t, "%lld", (long long)bytes);
    for (int d = 0; d < y->n_dims; d++) {
        const char *n = einc_open_number(f, y->shape[d]);
        einc_put(f->t, ", %s%s%s)", n, least ? " + !" : "", least ? n : "");
    }
}

static void
ask_sizes(const struct program_file *f)
{
    struct text *t = f->t;
    struct asking a = {.f = f};
    for (int k = 0; k < f->p->open.n; k++) {
        const char *n = einc_open_number(f, f->p->open.list[k].value);
        einc_put(t, "    if (%s < 0 || %s > %d)\n        return -1;\n", n, n,
                 OPEN_MOST);
    }
    for (int x = 0; x < f->p->n_tensors; x++) {
        const struct tensor *y = &f->p->tensors[x];
        einc_put(t, "    if (");
        put_bytes(f, y, einc_dtype_info(y->dtype)->bytes, 1);
        einc_put(t, " >= %s_MUCH)\n        return -1;\n", f->style->name);
    }
    for (int s = 0; s < f->p->n_stmts; s++) {
        ask_access(&a, &f->p->stmts[s].left);
        ask_node(&a, f->p->stmts[s].right);
    }
}

void
einc_open_room(const struct program_file *f)
{
    struct text *t = f->t;
    const char *x = f->style->name;
    einc_put(t, "/* Bytes of work, and where in it temporaries begin; -1: the "
                "function cannot be\n * called with such sizes. */\n"
                "static int64_t\n%s_room(const struct %s_sizes *z, int64_t "
                "*at)\n{\n    int64_t bytes = 0, most = 0, own = 0;\n", x, x);
    ask_sizes(f);
    for (int y = 0; y < f->p->n_tensors; y++) {
        const struct tensor *own = &f->p->tensors[y];
        if (own->kind != TENSOR_TEMP || f->s->at_byte[y] < 0)
            continue;
        einc_put(t, "    at[%d] = bytes;\n    bytes += (", y);
        put_bytes(f, own, einc_dtype_info(own->dtype)->bytes, 0);
        einc_put(t, " + 63)/64*64;\n");
    }
    for (int s = 0; s < f->s->n_stages; s++) {
        struct way ways[WAYS];
        int n = f->plans[s] ? 0 : find_ways(f, s, ways);
        for (int k = 0; k < n; k++) {
            if (!ways[k].nest->scratch_bytes)
                continue;
            einc_put(t, "    own = ");
            put_scratch(f, t, ways[k].nest, INT64_MAX);
            einc_put(t, ";\n    most = own > most ? own : most;\n");
        }
    }
    einc_put(t, "    at[%d] = bytes;\n    (void)own;\n"
                "    most = %s_times(most, %s_THREADS);\n"
                "    return bytes < %s_MUCH && most < %s_MUCH ? bytes + most + "
                "128 : -1;\n}\n\n", f->p->n_tensors, x, x, x, x);
}

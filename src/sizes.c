/* SPDX-License-Identifier: MIT
 *
 * sizes.c - einc.h implemented: sizes of labels to shapes of operands.
 */
#include "base/hash.h"
#include "ctx.h"
#include "parse/open.h"

enum { NOMINAL = 64 }; /* extent of a label nobody gave a size, for planning */

struct size_entry {
    struct str label;
    int64_t extent;
    struct span at; /* in the sizes' text */
    int used;
};

struct sizes_job {
    struct str text, sizes;
    uint32_t flags;
    const struct expr *expr;   /* results, in perm */
    struct size_entry *entries;
    int n_entries;
    int64_t **shapes;          /* [n_inputs] */
    const char *symbolic;
};

/* --- "i=64,j=128" ------------------------------------------------------- */

static int
skip_blanks(struct str s, int at)
{
    while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\t'))
        at++;
    return at;
}

static _Noreturn void
fail_sizes(struct guarded *g, struct str sizes, int at, const char *what)
{
    g->cx.source = sizes;
    einc_fail(&g->cx, EINC_EPARSE, "E208", (struct span){at, at + 1},
              "sizes are written label=number, with commas between: %s", what);
}

static int
read_extent(struct guarded *g, struct sizes_job *j, int at, int64_t *extent)
{
    int64_t n = 0;
    int first = at;
    for (; at < j->sizes.n && j->sizes.p[at] >= '0' && j->sizes.p[at] <= '9';
         at++)
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, j->sizes.p[at] - '0', &n))
            fail_sizes(g, j->sizes, first, "the number is too large");
    if (at == first)
        fail_sizes(g, j->sizes, at, "a number of 0 or more belongs here");
    *extent = n;
    return at;
}

static int
count_entries(struct str s)
{
    int n = 1;
    for (int64_t c = 0; c < s.n; c++)
        n += s.p[c] == ',';
    return n;
}

/* The label before '=', without blanks and braces. */
static struct str
trim_label(struct str s, int begin, int end)
{
    while (end > begin && (s.p[end - 1] == ' ' || s.p[end - 1] == '\t'))
        end--;
    if (end - begin > 2 && s.p[begin] == '{' && s.p[end - 1] == '}') {
        begin++;
        end--;
    }
    return (struct str){s.p + begin, end - begin};
}

static void
read_sizes(struct guarded *g, struct sizes_job *j)
{
    struct str s = j->sizes;
    j->entries = NEW(&g->perm, struct size_entry, count_entries(s));
    for (int at = skip_blanks(s, 0); at < s.n; at = skip_blanks(s, at)) {
        struct size_entry *e = &j->entries[j->n_entries++];
        int begin = at;
        while (at < s.n && s.p[at] != '=' && s.p[at] != ',')
            at++;
        e->label = trim_label(s, begin, at);
        e->at = (struct span){begin, at};
        if (!e->label.n)
            fail_sizes(g, s, begin, "a label belongs here");
        if (at == s.n || s.p[at] != '=')
            fail_sizes(g, s, at, "'=' belongs here");
        at = read_extent(g, j, skip_blanks(s, at + 1), &e->extent);
        at = skip_blanks(s, at);
        if (at < s.n && s.p[at] != ',')
            fail_sizes(g, s, at, "',' belongs here");
        at += at < s.n;
    }
}

/* --- shapes ------------------------------------------------------------- */

/* Labels that were met, in an open table: each with its size, or NULL. */
struct seen {
    struct str label;
    struct size_entry *size;
};

struct seen_table {
    struct seen *slots;
    int64_t mask; /* a power of 2, less 1 */
};

/* The slot of a label, empty (label.p NULL) if it is new. */
static struct seen *
find_seen(const struct seen_table *t, struct str label)
{
    int64_t at = (int64_t)hash_bytes(label.p, label.n) & t->mask;
    while (t->slots[at].label.p && !str_equal(t->slots[at].label, label))
        at = (at + 1) & t->mask;
    return &t->slots[at];
}

static struct seen_table
open_seen(struct arena *a, int64_t n_labels)
{
    struct seen_table t = {.mask = 15};
    while (t.mask < 2 * n_labels)
        t.mask = 2 * t.mask + 1;
    t.slots = NEW(a, struct seen, t.mask + 1);
    return t;
}

/* Of several sizes of one label the first counts. */
static void
enter_sizes(struct seen_table *t, struct sizes_job *j)
{
    for (int e = 0; e < j->n_entries; e++) {
        struct seen *s = find_seen(t, j->entries[e].label);
        if (!s->label.p)
            *s = (struct seen){j->entries[e].label, &j->entries[e]};
    }
}

/* Size of a label, NULL for none; a new one without goes into `symbolic`. */
static struct size_entry *
size_of(struct seen_table *t, struct str label, struct text *symbolic)
{
    struct seen *s = find_seen(t, label);
    if (s->label.p)
        return s->size;
    s->label = label;
    if (symbolic->n)
        einc_put(symbolic, ",");
    einc_put_str(symbolic, label);
    return NULL;
}

static void
make_shapes(struct guarded *g, void *arg)
{
    struct sizes_job *j = arg;
    struct text symbolic = {.perm = &g->perm};
    j->n_entries = 0;
    j->expr = einc_parse(&g->perm, g->scratch, j->text, j->flags);
    read_sizes(g, j);
    j->shapes = NEW(&g->perm, int64_t *, j->expr->n_inputs);
    int64_t n_labels = j->n_entries;
    for (int o = 0; o < j->expr->n_inputs; o++)
        n_labels += j->expr->inputs[o].n_labels;
    struct seen_table seen = open_seen(&g->perm, n_labels);
    enter_sizes(&seen, j);
    for (int o = 0; o < j->expr->n_inputs; o++) {
        const struct term *t = &j->expr->inputs[o];
        j->shapes[o] = NEW(&g->perm, int64_t, t->n_labels);
        for (int d = 0; d < t->n_labels; d++) {
            struct size_entry *e =
                size_of(&seen, t->labels[d].name, &symbolic);
            if (e)
                e->used = 1;
            j->shapes[o][d] = e ? e->extent : NOMINAL;
        }
    }
    for (int e = 0; e < j->n_entries; e++)
        if (!j->entries[e].used) {
            g->cx.source = j->sizes;
            einc_fail(&g->cx, EINC_ESHAPE, "E301", j->entries[e].at,
                      "'%s' has a size but occurs in no input of '%s'",
                      einc_diag_show(&g->cx, j->entries[e].label, 40),
                      einc_diag_show(&g->cx, j->text, 60));
        }
    j->symbolic = einc_text_z(&symbolic);
}

enum einc_status
einc_shapes(const char *expr, const char *sizes, uint32_t flags,
            einc_shape_fn each, void *user, char *symbolic,
            size_t symbolic_bytes, struct einc_err **err)
{
    if (err)
        *err = NULL;
    if (!expr || !each)
        return einc_err_set(&einc_mem_default, err, EINC_EINVAL, "%s is NULL",
                            expr ? "each" : "expr");
    if (einc_program_is(str_of(expr)))
        return einc_err_set(&einc_mem_default, err, EINC_EINVAL,
                            "index statements: einc_program_shapes()");
    struct einc_ctx only_memory = {.mem = einc_mem_default};
    struct sizes_job j = {.text = str_of(expr),
                          .sizes = str_of(sizes ? sizes : ""),
                          .flags = flags};
    struct guarded g = {.ctx = &only_memory,
                        .source = j.text,
                        .hint_bytes = 64 * (size_t)j.text.n};
    enum einc_status status = einc_guard(&g, make_shapes, &j, err);
    if (status != EINC_OK)
        return status;
    size_t need = strlen(j.symbolic) + 1;
    if (symbolic && need > symbolic_bytes)
        status = einc_err_set(&einc_mem_default, err, EINC_EINVAL,
                              "the labels without a size need %zu bytes",
                              need);
    else if (symbolic)
        memcpy(symbolic, j.symbolic, need);
    for (int o = 0; o < j.expr->n_inputs && status == EINC_OK; o++)
        if (each(user, (size_t)o, j.expr->inputs[o].n_labels, j.shapes[o]))
            status = einc_err_set(&einc_mem_default, err, EINC_EINVAL,
                                  "the caller stopped");
    einc_guard_free(&g, 0);
    einc_guard_free(&g, 1);
    return status;
}

/* --- of programs -------------------------------------------------------- */

struct dims_job {
    struct str text;
    struct sizes_job sizes;
    const char *params;
    const struct names *names; /* results, in perm */
    int64_t **shapes;          /* [names.n_in + n_out]; -1: not known */
    struct text unsized;       /* names without a size, with commas */
};

static int
dims_of(const struct dims_job *j, int tensor)
{
    return tensor < j->names->n_in
               ? j->names->in_dims[tensor]
               : j->names->out_dims[tensor - j->names->n_in];
}

/* Adds a name to those without a size, once. */
static void
note_unsized(struct dims_job *j, struct str name)
{
    struct text *t = &j->unsized;
    for (int64_t at = 0, end; at < t->n; at = end + 1) {
        for (end = at; end < t->n && t->p[end] != ',';)
            end++;
        if (str_equal((struct str){t->p + at, end - at}, name))
            return;
    }
    einc_put(t, t->n ? "," : "");
    einc_put_str(t, name);
}

/* The size that was given to a name, else the nominal one. */
static int64_t
size_by_name(struct dims_job *j, struct str name, int is_asked)
{
    for (int e = 0; e < j->sizes.n_entries; e++)
        if (str_equal(j->sizes.entries[e].label, name)) {
            j->sizes.entries[e].used = 1;
            return j->sizes.entries[e].extent;
        }
    if (is_asked)
        note_unsized(j, name);
    return NOMINAL;
}

static void
check_dims(struct guarded *g, const struct dims_job *j)
{
    for (int o = 0; o < j->names->n_in; o++)
        for (int d = 0; d < j->names->in_dims[o]; d++)
            if (j->shapes[o][d] < 0)
                einc_fail(&g->cx, EINC_ESHAPE, "E607", j->names->in_at[o],
                          "no bare index tells the size of dim %d of '%s': "
                          "give its shape", d,
                          einc_diag_show(&g->cx, j->names->in[o], 40));
    for (int e = 0; e < j->sizes.n_entries; e++)
        if (!j->sizes.entries[e].used) {
            g->cx.source = j->sizes.sizes;
            einc_fail(&g->cx, EINC_ESHAPE, "E301", j->sizes.entries[e].at,
                      "'%s' has a size but is no index of an operand",
                      einc_diag_show(&g->cx, j->sizes.entries[e].label, 40));
        }
}

static int
is_known(const struct dims_job *j, int tensor)
{
    for (int d = 0; d < dims_of(j, tensor); d++)
        if (j->shapes[tensor][d] < 0)
            return 0;
    return 1;
}

/* Outputs whose shape a caller must give. */
static int
is_asked_for(const struct dims_job *j, int output)
{
    return j->names->out_read[output] || j->names->out_given[output];
}

static void
take_said(struct dims_job *j, const struct said *s)
{
    int is_asked = s->tensor < j->names->n_in ||
                   is_asked_for(j, s->tensor - j->names->n_in);
    j->shapes[s->tensor][s->dim] =
        s->name.n ? size_by_name(j, s->name, is_asked) : s->extent;
}

static void
make_dims(struct guarded *g, void *arg)
{
    struct dims_job *j = arg;
    int n_params;
    const struct param *params =
        einc_program_params(&g->perm, j->params, &n_params);
    const struct tree_program *t =
        einc_parse_program(&g->perm, g->scratch, j->text);
    j->names = einc_resolve_names(&g->perm, g->scratch, t, params, n_params);
    j->sizes.n_entries = 0;
    j->unsized = (struct text){.perm = &g->perm};
    read_sizes(g, &j->sizes);
    g->cx.source = j->text;
    int n = j->names->n_in + j->names->n_out;
    j->shapes = NEW(&g->perm, int64_t *, n);
    for (int o = 0; o < n; o++) {
        if (dims_of(j, o) < 0) /* nothing but dim() names it */
            einc_fail(&g->cx, EINC_ESHAPE, "E607", j->names->in_at[o],
                      "no subscript tells the rank of '%s': give its shape",
                      einc_diag_show(&g->cx, j->names->in[o], 40));
        j->shapes[o] = NEW(&g->perm, int64_t, dims_of(j, o));
        for (int d = 0; d < dims_of(j, o); d++)
            j->shapes[o][d] = -1;
    }
    int n_said;
    const struct said *said = einc_open_said(&g->perm, t, j->names, &n_said);
    for (int k = 0; k < n_said; k++)
        take_said(j, &said[k]);
    check_dims(g, j);
}

enum einc_status
einc_program_shapes(const char *expr, const char *params, const char *sizes,
                    einc_shape_fn each, void *user, char *unsized,
                    size_t unsized_bytes, struct einc_err **err)
{
    struct einc_ctx only_memory = {.mem = einc_mem_default};
    if (err)
        *err = NULL;
    if (!expr || !each)
        return einc_err_set(&einc_mem_default, err, EINC_EINVAL, "%s is NULL",
                            expr ? "each" : "expr");
    struct dims_job j = {.text = str_of(expr), .params = params,
                         .sizes.sizes = str_of(sizes ? sizes : "")};
    struct guarded g = {.ctx = &only_memory, .source = j.text,
                        .hint_bytes = 64 * (size_t)j.text.n};
    enum einc_status status = einc_guard(&g, make_dims, &j, err);
    if (status != EINC_OK)
        return status;
    size_t need = (size_t)j.unsized.n + 1;
    if (unsized && need > unsized_bytes)
        status = einc_err_set(&einc_mem_default, err, EINC_EINVAL,
                              "the names without a size need %zu bytes", need);
    else if (unsized)
        memcpy(unsized, einc_text_z(&j.unsized), need);
    int n_in = j.names->n_in, n = n_in + j.names->n_out;
    for (int o = 0; o < n && status == EINC_OK; o++)
        if ((o < n_in || (is_asked_for(&j, o - n_in) && is_known(&j, o))) &&
            each(user, (size_t)o, dims_of(&j, o), j.shapes[o]))
            status = einc_err_set(&einc_mem_default, err, EINC_EINVAL,
                                  "the caller stopped");
    einc_guard_free(&g, 0);
    einc_guard_free(&g, 1);
    return status;
}

/* SPDX-License-Identifier: MIT
 *
 * stmt.c - form A -> one statement; see stmt.h. Labels become indices, "..."
 * becomes one index per broadcast dim, and a missing output is made up.
 */
#include "parse/stmt.h"

#include <assert.h>

#include "parse/graph.h"
#include "parse/lex.h"

enum {
    MAX_DIMS = 64,   /* of one tensor */
    HINT_TEXT = 120, /* bytes of the longest text that a hint repeats */
    SHOWN = 40,      /* columns of user's text in a message */
    LISTED = 8       /* names or shapes in a list */
};

struct lowering {
    struct cx *cx;
    struct arena *perm;
    struct arena scratch;
    const struct expr *e;
    int n_in;
    const struct einc_layout *in;
    uint32_t flags;
    int by_byte[128];           /* 1 + index of the label with this one byte */
    int *slots;                 /* the same of other labels, hashed by name */
    uint64_t mask;              /* slots - 1; a power of 2 less 1 */
    const struct label **first; /* [n_indices] where the index stands first;
                                 * NULL: a dim of the ellipsis */
    int *count;                 /* [n_indices] uses of the label in inputs */
    int *ids;                   /* indices of all input labels, as they come */
    int n_indices;
    int n_ellipsis;             /* dims that "..." stands for */
    int ellipsis_index;         /* number of the first of them, or -1 */
    struct span ellipsis_at;    /* the first "..." */
    int *out_ids;               /* [n_out]; -1 where the label is unknown */
    int n_out;
};

/* --- words for messages --------------------------------------------------- */

static void
put_shape(struct text *t, int n_dims, const int64_t *shape)
{
    if (n_dims == 0)
        einc_put(t, "scalar");
    for (int d = 0; d < n_dims; d++)
        einc_put(t, "%s%lld", d ? "x" : "", (long long)shape[d]);
}

const char *
einc_stmt_shape(struct cx *cx, int n_dims, const int64_t *shape)
{
    struct text t = {.perm = cx->perm};
    put_shape(&t, n_dims, shape);
    return einc_text_z(&t);
}

static const char *
shape_of(const struct lowering *l, int k)
{
    return einc_stmt_shape(l->cx, l->in[k].ndim, l->in[k].shape);
}

static struct str
text_at(const struct lowering *l, struct span at)
{
    return (struct str){l->e->source.p + at.begin, at.end - at.begin};
}

static const char *
show(const struct lowering *l, struct span at)
{
    return einc_diag_show(l->cx, text_at(l, at), SHOWN);
}

static const char *
plural(int n)
{
    return n == 1 ? "" : "s";
}

/* --- hints ---------------------------------------------------------------- */

/* The text with edits made if that is legal for `in`, else p is NULL. */
static struct str
tried(struct lowering *l, const struct edit *edits, int n,
      const struct einc_layout *in, uint32_t flags)
{
    if (l->e->source.n > HINT_TEXT || l->n_in != l->e->n_inputs)
        return (struct str){NULL, 0};
    struct str text = einc_diag_edited(&l->scratch, l->e->source, edits, n);
    int legal = einc_graph_legal(l->scratch, text, l->n_in, in, NULL, flags);
    return legal ? text : (struct str){NULL, 0};
}

/* Hints at the edited text. Whether it was legal. */
static int
propose(struct lowering *l, struct diag *d, const struct edit *edits, int n)
{
    struct str text = tried(l, edits, n, l->in, l->flags);
    if (text.p)
        einc_diag_hint(l->cx, d, "write '%s'",
                       einc_diag_show(l->cx, text, 2 * HINT_TEXT));
    return text.p != NULL;
}

/* "..." before the term of operand k, and before the output if there is one
 * without. */
static int
propose_ellipsis(struct lowering *l, struct diag *d, int k)
{
    const struct expr *e = l->e;
    struct str dots = str_of("...");
    int32_t term = e->inputs[k].at.begin, out = e->output.at.begin;
    struct edit edits[2] = {{{term, term}, dots}, {{out, out}, dots}};
    return propose(l, d, edits,
                   e->has_output && e->output.ellipsis < 0 ? 2 : 1);
}

/* A dim of size 1 put back, so that ranks are equal and sizes are, too,
 * without broadcasting. */
static int
propose_axis(struct lowering *l, struct diag *d, int k)
{
    int n = l->in[k].ndim + 1;
    if (l->n_in > HINT_TEXT || n > MAX_DIMS)
        return 0;
    struct einc_layout *in = NEW(&l->scratch, struct einc_layout, l->n_in);
    int64_t shape[MAX_DIMS];
    memcpy(in, l->in, (size_t)l->n_in * sizeof *in);
    in[k].ndim = n;
    in[k].shape = shape;
    in[k].stride = NULL;
    for (int at = 0; at < n; at++) {
        for (int i = 0; i < n; i++)
            shape[i] = i == at ? 1 : l->in[k].shape[i - (i > at)];
        if (!tried(l, NULL, 0, in, l->flags | EINC_STRICT_SIZES).p)
            continue;
        einc_diag_hint(l->cx, d,
                       "operand %d would fit as %s: a squeezed size-1 axis?",
                       k, einc_stmt_shape(l->cx, n, shape));
        return 1;
    }
    return 0;
}

/* Code points of a word that is nothing but letters; 0 of other words. */
static int
count_letters(struct str word)
{
    int n = 0;
    for (int64_t i = 0; i < word.n; i++) {
        unsigned char c = (unsigned char)word.p[i];
        if (c == '_' || (c >= '0' && c <= '9'))
            return 0;
        n += (c & 0xc0) != 0x80;
    }
    return n;
}

static struct lexer
lexer_at(const struct lowering *l, struct span at)
{
    return (struct lexer){(const unsigned char *)l->e->source.p, at.begin,
                          at.end};
}

/* All words of two letters or more in braces. */
static int
propose_braces(struct lowering *l, struct diag *d)
{
    struct edit edits[HINT_TEXT];
    int n = 0;
    if (l->e->source.n > HINT_TEXT)
        return 0;
    struct lexer all =
        lexer_at(l, (struct span){0, (int32_t)l->e->source.n});
    for (struct token t = einc_lex_next(&all); t.kind != TOK_END;
         t = einc_lex_next(&all)) {
        struct str word = text_at(l, t.at);
        if (t.kind != TOK_WORD || count_letters(word) < 2)
            continue;
        struct text braced = {.perm = &l->scratch};
        einc_put(&braced, "{%.*s}", (int)word.n, word.p);
        edits[n++] = (struct edit){t.at, str_of(einc_text_z(&braced))};
    }
    return propose(l, d, edits, n);
}

/* --- ranks ---------------------------------------------------------------- */

/* If the term has as many words as the operand has dims, then its labels were
 * perhaps meant to be words: the longest of them, else an empty span. */
static struct span
misread_word(const struct lowering *l, int k)
{
    const struct term *t = &l->e->inputs[k];
    struct span longest = {0, 0};
    int n = 0;
    if (l->e->named || t->ellipsis >= 0 || l->in[k].ndim > t->n_labels)
        return longest;
    struct lexer words = lexer_at(l, t->at);
    for (struct token w = einc_lex_next(&words); w.kind != TOK_END;
         w = einc_lex_next(&words)) {
        n += w.kind == TOK_WORD || w.kind == TOK_BRACED;
        if (w.kind == TOK_WORD && count_letters(text_at(l, w.at)) > 1
            && w.at.end - w.at.begin > longest.end - longest.begin)
            longest = w.at;
    }
    return n == l->in[k].ndim ? longest : (struct span){0, 0};
}

/* "operand 0 has rank 2 (2x3) but 'ijk' names 3 indices", and its kin. */
static void
put_ranks(struct text *t, const struct lowering *l, int k)
{
    const struct term *term = &l->e->inputs[k];
    int ndim = l->in[k].ndim, n = term->n_labels;
    const char *shown = show(l, term->at);
    einc_put(t, "operand %d has rank %d", k, ndim);
    if (term->ellipsis >= 0) {
        einc_put(t, " but '%s' needs at least %d", shown, n);
        return;
    }
    einc_put(t, " (%s) but ", shape_of(l, k));
    if (n == 0)
        einc_put(t, "its term is empty");
    else if (n > ndim)
        einc_put(t, "'%s' names %d ind%s", shown, n,
                 n == 1 ? "ex" : "ices");
    else
        einc_put(t, "'%s' names %d and has no '...'", shown, n);
}

static void
rank_differs(struct lowering *l, int k)
{
    const struct term *term = &l->e->inputs[k];
    struct span word = misread_word(l, k), at = term->at;
    struct text t = {.perm = l->cx->perm};
    put_ranks(&t, l, k);
    if (word.end > word.begin) {
        einc_put(&t, "; '%s' was read as %d one-letter labels", show(l, word),
                 count_letters(text_at(l, word)));
        at = word;
    }
    struct diag *d =
        einc_diag_add(l->cx, EINC_ESHAPE, term->ellipsis < 0 ? "E304" : "E305",
                      "%s", einc_text_z(&t));
    einc_diag_mark(l->cx, d, at, k, -1, "%s", "");
    if (word.end > word.begin && propose_braces(l, d))
        return;
    if (l->in[k].ndim > term->n_labels)
        propose_ellipsis(l, d, k);
    else if (l->in[k].ndim + 1 == term->n_labels && term->ellipsis < 0)
        propose_axis(l, d, k);
}

/* Every rank against its term; how many dims "..." stands for. */
static void
check_ranks(struct lowering *l)
{
    for (int k = 0; k < l->n_in; k++) {
        const struct term *t = &l->e->inputs[k];
        int more = l->in[k].ndim - t->n_labels;
        if (more < 0 || (more > 0 && t->ellipsis < 0))
            rank_differs(l, k);
        else if (more > l->n_ellipsis)
            l->n_ellipsis = more;
    }
}

/* --- the call ------------------------------------------------------------- */

static void
check_layout(struct lowering *l, int k)
{
    const struct einc_layout *in = &l->in[k];
    struct span at = k < l->e->n_inputs ? l->e->inputs[k].at
                                        : (struct span){-1, -1};
    if (in->ndim < 0)
        einc_fail(l->cx, EINC_EINVAL, "E307", at,
                  "operand %d has %d dims", k, in->ndim);
    if (in->ndim > MAX_DIMS)
        einc_fail(l->cx, EINC_ELIMIT, "E802", at,
                  "operand %d has %d dims; einc takes at most %d", k, in->ndim,
                  MAX_DIMS);
    if (in->ndim > 0 && !in->shape)
        einc_fail(l->cx, EINC_EINVAL, "E307", at,
                  "operand %d has rank %d and no shape", k, in->ndim);
    for (int d = 0; d < in->ndim; d++)
        if (in->shape[d] < 0)
            einc_fail(l->cx, EINC_EINVAL, "E405", at,
                      "operand %d has the negative size %lld in dim %d", k,
                      (long long)in->shape[d], d);
}

/* As many terms as operands? */
static void
check_count(struct lowering *l)
{
    int terms = l->e->n_inputs, n = l->n_in;
    if (terms == n)
        return;
    struct text t = {.perm = l->cx->perm};
    einc_put(&t, "the string names %d operand%s but ", terms, plural(terms));
    if (n == 0)
        einc_put(&t, "none was given");
    else
        einc_put(&t, "%d %s given (shape%s ", n, n == 1 ? "was" : "were",
                 plural(n));
    for (int k = 0; k < n && k < LISTED; k++) {
        einc_put(&t, k ? ", " : "");
        put_shape(&t, l->in[k].ndim, l->in[k].shape);
    }
    einc_put(&t, n > LISTED ? ", ...)" : n ? ")" : "");
    struct diag *d = einc_diag_add(l->cx, EINC_ESHAPE, "E303", "%s",
                                   einc_text_z(&t));
    int from = n < terms ? n : terms - 1;
    for (int k = from; k < terms && k < from + LISTED; k++)
        einc_diag_mark(l->cx, d, l->e->inputs[k].at, -1, -1, "%s", "");
    einc_diag_stop(l->cx);
}

/* --- labels -> indices ---------------------------------------------------- */

/* FNV-1a, with its high bits brought down. */
static uint64_t
hash(struct str s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (int64_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
    return h ^ h >> 29;
}

/* Where 1 + the index of the label is kept; 0 there if it is unknown. */
static int *
find_slot(struct lowering *l, struct str name)
{
    if (name.n == 1)
        return &l->by_byte[name.p[0] & 127];
    uint64_t i = hash(name) & l->mask;
    while (l->slots[i] && !str_equal(l->first[l->slots[i] - 1]->name, name))
        i = (i + 1) & l->mask;
    return &l->slots[i];
}

static int
intern(struct lowering *l, const struct label *b)
{
    int *slot = find_slot(l, b->name);
    if (!*slot) {
        l->first[l->n_indices] = b;
        *slot = ++l->n_indices;
    }
    l->count[*slot - 1]++;
    return *slot - 1;
}

static void
intern_ellipsis(struct lowering *l, const struct term *t)
{
    if (l->ellipsis_index >= 0)
        return;
    l->ellipsis_index = l->n_indices;
    l->ellipsis_at = t->ellipsis_at;
    l->n_indices += l->n_ellipsis;
}

static int64_t
count_wide(const struct term *t)
{
    int64_t n = 0;
    for (int i = 0; i < t->n_labels; i++)
        n += t->labels[i].name.n > 1;
    return n;
}

/* Indices in order of first appearance; ids of all labels. */
static void
intern_inputs(struct lowering *l)
{
    const struct expr *e = l->e;
    int64_t labels = 0, wide = count_wide(&e->output), slots = 2;
    for (int k = 0; k < l->n_in; k++) {
        labels += e->inputs[k].n_labels;
        wide += count_wide(&e->inputs[k]);
    }
    while (wide > 0 && slots < 2 * wide)
        slots *= 2;
    l->mask = (uint64_t)slots - 1;
    l->slots = NEW(&l->scratch, int, slots);
    l->first = NEW(&l->scratch, const struct label *, labels + l->n_ellipsis);
    l->count = NEW(&l->scratch, int, labels + l->n_ellipsis);
    l->ids = NEW(&l->scratch, int, labels);
    int *id = l->ids;
    for (int k = 0; k < l->n_in; k++) {
        const struct term *t = &e->inputs[k];
        for (int i = 0; i <= t->n_labels; i++) {
            if (i == t->ellipsis)
                intern_ellipsis(l, t);
            if (i < t->n_labels)
                *id++ = intern(l, &t->labels[i]);
        }
    }
}

/* --- the output ----------------------------------------------------------- */

/* Edits of one byte that turn a into b (Levenshtein), for short names. */
static int
distance(struct str a, struct str b)
{
    int row[SHOWN + 1];
    if (a.n > SHOWN || b.n > SHOWN)
        return SHOWN;
    for (int j = 0; j <= b.n; j++)
        row[j] = j;
    for (int i = 1; i <= a.n; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= b.n; j++) {
            int keep = diagonal + (a.p[i - 1] != b.p[j - 1]);
            diagonal = row[j];
            int drop = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = keep < drop ? keep : drop;
        }
    }
    return row[b.n];
}

static int
is_in_output(const struct lowering *l, int x)
{
    for (int i = 0; i < l->n_out; i++)
        if (l->out_ids[i] == x)
            return 1;
    return 0;
}

/* The one label that the user may have meant: of close spelling, else the
 * only one that stands once in the inputs and not in the output. -1: none. */
static int
nearest(const struct lowering *l, struct str name)
{
    int best = -1, best_distance = SHOWN, lone = -1, n_lone = 0;
    int n_points = 0;
    for (int64_t i = 0; i < name.n; i++)
        n_points += ((unsigned char)name.p[i] & 0xc0) != 0x80;
    for (int x = 0; x < l->n_indices; x++) {
        if (!l->first[x] || is_in_output(l, x))
            continue;
        struct str other = l->first[x]->name;
        int d = distance(name, other);
        if (d < best_distance && 2 * d <= n_points) {
            best_distance = d;
            best = x;
        }
        if (l->count[x] == 1) {
            lone = x;
            n_lone++;
        }
    }
    return best >= 0 ? best : n_lone == 1 ? lone : -1;
}

static void
put_known(struct text *t, const struct lowering *l)
{
    int n = 0;
    for (int x = 0; x < l->n_indices && n <= LISTED; x++) {
        if (!l->first[x])
            continue;
        einc_put(t, "%s", n ? ", " : "");
        einc_put(t, "%s", n == LISTED
                              ? "..."
                              : einc_diag_show(l->cx, l->first[x]->name,
                                               SHOWN));
        n++;
    }
    einc_put(t, "%s", n ? "" : "none");
}

static void
unknown_output(struct lowering *l, const struct label *b)
{
    struct text known = {.perm = l->cx->perm};
    put_known(&known, l);
    struct diag *d = einc_diag_add(
        l->cx, EINC_ESHAPE, "E301",
        "output index '%s' occurs in no input (known: %s)",
        einc_diag_show(l->cx, b->name, SHOWN), einc_text_z(&known));
    einc_diag_mark(l->cx, d, b->at, -1, -1, "%s", "");
    if (l->e->source.n > HINT_TEXT)
        return;
    int x = nearest(l, b->name);
    if (x < 0)
        return;
    struct span good = l->first[x]->at;
    struct edit edit = {b->at, text_at(l, good)};
    if (tried(l, &edit, 1, l->in, l->flags).p)
        einc_diag_hint(l->cx, d, "did you mean '%s'?", show(l, good));
}

static void
repeated_output(struct lowering *l, const struct label *b)
{
    /* No hint: form B, which can write a diagonal, is not built yet. */
    struct diag *d = einc_diag_add(l->cx, EINC_ESHAPE, "E302",
                                   "output index '%s' is repeated",
                                   einc_diag_show(l->cx, b->name, SHOWN));
    einc_diag_mark(l->cx, d, b->at, -1, -1, "%s", "");
}

/* out_ids as written, the dims of "..." included. */
static void
read_output(struct lowering *l)
{
    const struct term *t = &l->e->output;
    for (int i = 0; i <= t->n_labels; i++) {
        if (i == t->ellipsis && l->ellipsis_index >= 0)
            for (int d = 0; d < l->n_ellipsis; d++)
                l->out_ids[l->n_out++] = l->ellipsis_index + d;
        if (i < t->n_labels)
            l->out_ids[l->n_out++] = *find_slot(l, t->labels[i].name) - 1;
    }
}

static void
check_output(struct lowering *l)
{
    const struct term *t = &l->e->output;
    char *seen = NEW(&l->scratch, char, l->n_indices);
    for (int i = 0; i < t->n_labels; i++) {
        int x = *find_slot(l, t->labels[i].name) - 1;
        if (x < 0)
            unknown_output(l, &t->labels[i]);
        else if (seen[x])
            repeated_output(l, &t->labels[i]);
        else
            seen[x] = 1;
    }
    if (!(l->flags & EINC_STRICT_NUMPY) || t->ellipsis >= 0
        || l->n_ellipsis == 0)
        return;
    struct diag *d = einc_diag_add(
        l->cx, EINC_ESHAPE, "E306",
        "'...' stands for %d dim%s of the inputs and is missing in the output"
        " (EINC_STRICT_NUMPY)", l->n_ellipsis, plural(l->n_ellipsis));
    einc_diag_mark(l->cx, d, t->at, -1, -1, "%s", "");
    propose(l, d, &(struct edit){{t->at.begin, t->at.begin}, str_of("...")},
            1);
}

/* Order of the implicit output: code points; numbers as numbers. */
static int
compare(const struct lowering *l, int x, int y)
{
    struct str a = l->first[x]->name, b = l->first[y]->name;
    if (l->e->integers && a.n != b.n)
        return a.n < b.n ? -1 : 1;
    return str_compare(a, b);
}

/* Bottom-up merge sort: no recursion, no worst case. */
static void
sort(struct lowering *l, int *a, int n)
{
    int *from = a, *to = NEW(&l->scratch, int, n);
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * width) {
            int64_t mid = lo + width < n ? lo + width : n;
            int64_t hi = mid + width < n ? mid + width : n;
            int64_t i = lo, j = mid;
            for (int64_t k = lo; k < hi; k++)
                to[k] = i < mid
                                && (j >= hi
                                    || compare(l, from[i], from[j]) <= 0)
                            ? from[i++]
                            : from[j++];
        }
        int *swap = from;
        from = to;
        to = swap;
    }
    if (from != a)
        memcpy(a, from, (size_t)n * sizeof *a);
}

/* Dims of "...", then the labels that stand once, sorted. */
static void
make_output(struct lowering *l)
{
    for (int d = 0; d < l->n_ellipsis; d++)
        l->out_ids[l->n_out++] = l->ellipsis_index + d;
    int *labels = l->out_ids + l->n_out, n = 0;
    for (int x = 0; x < l->n_indices; x++)
        if (l->first[x] && l->count[x] == 1)
            labels[n++] = x;
    sort(l, labels, n);
    l->n_out += n;
}

static void
resolve_output(struct lowering *l)
{
    const struct expr *e = l->e;
    int64_t n = (e->has_output ? (int64_t)e->output.n_labels : l->n_indices)
                + l->n_ellipsis;
    l->out_ids = NEW(&l->scratch, int, n);
    if (!e->has_output) {
        make_output(l);
    } else {
        read_output(l);
        check_output(l);
    }
    einc_diag_stop(l->cx);
    if (l->n_out > MAX_DIMS)
        einc_fail(l->cx, EINC_ELIMIT, "E802",
                  e->has_output ? e->output.at : (struct span){-1, -1},
                  "the output has %d dims; einc takes at most %d", l->n_out,
                  MAX_DIMS);
}

/* --- the program ---------------------------------------------------------- */

static struct str
ellipsis_name(struct lowering *l, int d)
{
    struct text t = {.perm = l->perm};
    einc_put(&t, "...%d", d);
    return (struct str){t.p, t.n};
}

static void
build_indices(struct lowering *l, struct program *p)
{
    p->n_indices = l->n_indices;
    p->indices = NEW(l->perm, struct index, l->n_indices);
    for (int x = 0; x < l->n_indices; x++) {
        const struct label *b = l->first[x];
        p->indices[x] = (struct index){
            .name = b ? b->name : ellipsis_name(l, x - l->ellipsis_index),
            .hi = -1,
            .kind = INDEX_REDUCED,
            .at = b ? b->at : l->ellipsis_at};
    }
    for (int i = 0; i < l->n_out; i++)
        p->indices[l->out_ids[i]].kind = INDEX_FREE;
}

/* Subscripts and their one term each, taken from two arrays of the program. */
struct builder {
    struct subscript *sub;
    struct affine_term *term;
};

static void
add_sub(struct builder *b, struct access *a, int x, struct span at)
{
    *b->term = (struct affine_term){x, 1};
    *b->sub = (struct subscript){.terms = b->term, .n_terms = 1, .at = at};
    b->term++;
    b->sub++;
    a->n_subs++;
}

/* `ids` are those of the labels of t; "..." takes `own` dims, the last ones of
 * n_ellipsis: they align from the right. */
static void
build_access(const struct lowering *l, struct builder *b, struct access *a,
             const struct term *t, const int *ids, int own)
{
    a->subs = b->sub;
    a->at = t->at;
    for (int i = 0; i <= t->n_labels; i++) {
        if (i == t->ellipsis)
            for (int d = l->n_ellipsis - own; d < l->n_ellipsis; d++)
                add_sub(b, a, l->ellipsis_index + d, t->ellipsis_at);
        if (i < t->n_labels)
            add_sub(b, a, ids[i], t->labels[i].at);
    }
}

static void
build_left(const struct lowering *l, struct builder *b, struct access *a)
{
    const struct expr *e = l->e;
    const struct term *t = &e->output;
    a->tensor = -1;
    a->subs = b->sub;
    a->at = e->has_output ? t->at : (struct span){0, (int32_t)e->source.n};
    for (int i = 0, label = 0; i < l->n_out; i++) {
        int x = l->out_ids[i], is_label = l->first[x] != NULL;
        struct span at = !e->has_output ? a->at
                         : is_label     ? t->labels[label].at
                                        : t->ellipsis_at;
        label += is_label;
        add_sub(b, a, x, at);
    }
}

/* sum over `bound` of the product of all accesses; what is not needed of
 * that is left out. */
static const struct node *
build_right(const struct lowering *l, const struct program *p,
            const struct access *accesses)
{
    struct span all = {0, (int32_t)l->e->source.n};
    int n_bound = l->n_indices - l->n_out;
    struct node *factors = NEW(l->perm, struct node, l->n_in);
    const struct node **args = NEW(l->perm, const struct node *, l->n_in);
    for (int k = 0; k < l->n_in; k++) {
        factors[k] = (struct node){.kind = NODE_ACCESS,
                                   .access = &accesses[k],
                                   .at = accesses[k].at};
        args[k] = &factors[k];
    }
    const struct node *body = factors;
    if (l->n_in > 1) {
        struct node *product = NEW(l->perm, struct node, 1);
        *product = (struct node){.kind = NODE_PRODUCT, .args = args,
                                 .n_args = l->n_in, .at = all};
        body = product;
    }
    if (n_bound == 0)
        return body;
    struct node *sum = NEW(l->perm, struct node, 1);
    *sum = (struct node){.kind = NODE_REDUCE, .n_args = 1,
                         .redop = REDOP_SUM, .at = all};
    sum->args = NEW(l->perm, const struct node *, 1);
    sum->args[0] = body;
    sum->bound = NEW(l->perm, int, n_bound);
    for (int x = 0; x < l->n_indices; x++)
        if (p->indices[x].kind == INDEX_REDUCED)
            sum->bound[sum->n_bound++] = x;
    assert(sum->n_bound == n_bound);
    return sum;
}

static const struct program *
build_program(struct lowering *l)
{
    struct program *p = NEW(l->perm, struct program, 1);
    p->source = l->e->source;
    p->n_operands = l->n_in;
    build_indices(l, p);
    int64_t n_subs = l->n_out;
    for (int k = 0; k < l->n_in; k++)
        n_subs += l->in[k].ndim;
    struct builder b = {NEW(l->perm, struct subscript, n_subs),
                        NEW(l->perm, struct affine_term, n_subs)};
    struct access *accesses = NEW(l->perm, struct access, l->n_in);
    const int *ids = l->ids;
    for (int k = 0; k < l->n_in; k++) {
        const struct term *t = &l->e->inputs[k];
        accesses[k].tensor = k;
        build_access(l, &b, &accesses[k], t, ids,
                     l->in[k].ndim - t->n_labels);
        ids += t->n_labels;
    }
    p->stmts = NEW(l->perm, struct stmt, 1);
    p->n_stmts = 1;
    p->stmts->op = ASSIGN_SET;
    p->stmts->at = (struct span){0, (int32_t)p->source.n};
    build_left(l, &b, &p->stmts->left);
    p->stmts->right = build_right(l, p, accesses);
    return p;
}

const struct program *
einc_stmt_from_expr(struct arena *perm, struct arena scratch,
                    const struct expr *e, int n_in,
                    const struct einc_layout in[], uint32_t flags)
{
    struct lowering l = {.cx = perm->cx, .perm = perm, .scratch = scratch,
                         .e = e, .n_in = n_in, .in = in, .flags = flags,
                         .ellipsis_index = -1};
    for (int k = 0; k < n_in; k++)
        check_layout(&l, k);
    check_count(&l);
    check_ranks(&l);
    intern_inputs(&l);
    resolve_output(&l);
    return build_program(&l);
}

/* --- dump ----------------------------------------------------------------- */

static void
print_sub(struct text *t, const struct program *p, const struct subscript *s)
{
    const char *plus = "";
    for (int i = 0; i < s->n_terms; i++) {
        einc_put(t, "%s", plus);
        if (s->terms[i].coef != 1)
            einc_put(t, "%lld*", (long long)s->terms[i].coef);
        einc_put_str(t, p->indices[s->terms[i].index].name);
        plus = "+";
    }
    if (s->constant || !s->n_terms)
        einc_put(t, "%s%lld", plus, (long long)s->constant);
}

static void
print_access(struct text *t, const struct program *p, const struct access *a)
{
    if (a->tensor < 0)
        einc_put(t, "O[");
    else
        einc_put(t, "in%d[", a->tensor);
    for (int i = 0; i < a->n_subs; i++) {
        einc_put(t, "%s", i ? "," : "");
        print_sub(t, p, &a->subs[i]);
    }
    einc_put(t, "]");
}

static void
print_factors(struct text *t, const struct program *p, const struct node *n)
{
    if (n->kind == NODE_ACCESS)
        print_access(t, p, n->access);
    for (int i = 0; i < n->n_args; i++) {
        assert(n->args[i]->kind == NODE_ACCESS);
        einc_put(t, "%s", i ? "*" : "");
        print_access(t, p, n->args[i]->access);
    }
}

/* Knows what form A makes: [sum of] accesses. */
static void
print_right(struct text *t, const struct program *p, const struct node *n)
{
    if (n->kind != NODE_REDUCE) {
        print_factors(t, p, n);
        return;
    }
    einc_put(t, "sum[");
    for (int i = 0; i < n->n_bound; i++) {
        einc_put(t, "%s", i ? "," : "");
        einc_put_str(t, p->indices[n->bound[i]].name);
    }
    einc_put(t, "](");
    print_factors(t, p, n->args[0]);
    einc_put(t, ")");
}

void
einc_stmt_print(struct text *t, const struct program *p)
{
    for (int s = 0; s < p->n_stmts; s++) {
        print_access(t, p, &p->stmts[s].left);
        einc_put(t, " = ");
        print_right(t, p, p->stmts[s].right);
        einc_put(t, "\n");
    }
}

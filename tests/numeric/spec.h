/* SPDX-License-Identifier: MIT
 *
 * spec.h - a random expression as data: who holds what, sizes, types, strides,
 * how it is planned and run. Valid by construction: nothing is thrown away.
 * What decides the text of a kernel comes from the number of the structure,
 * the rest (sizes, data, threads) from the number of the case, so that many
 * cases share one kernel.
 */
#ifndef EINC_TESTS_SPEC_H
#define EINC_TESTS_SPEC_H

#include <stdio.h>
#include <string.h>

#include "base/dtype.h"
#include "rng.h"

enum {
    MAX_OPERANDS = 8,
    MAX_NAMES = 10,  /* labels, and dims of "..." */
    MAX_TOKENS = 10,
    MAX_RANK = 10,
    ELLIPSIS = -1,   /* a token; the others are labels */
    N_DTYPES = EINC_C128
};

/* How a tensor lies in memory. */
enum style {
    DENSE, PERMUTED, GAPS, NEGATIVE, WILD, /* all of the three before it */
    BROADCAST, OVERLAPPING,                /* inputs only */
    N_STYLES
};

/* What is compiled. */
enum form {
    FORM_KERNEL,  /* units for the runtime */
    FORM_LITERAL, /* a file that stands alone, with sizes as literals */
    FORM_SYMBOLIC /* the same, with sizes as arguments */
};

struct spec_term {
    int n_tokens, token[MAX_TOKENS];
    int rank;           /* dims that "..." stands for here */
    unsigned ones;      /* bit d: dim d has size 1, its label another */
    enum style style;
    enum einc_dtype dtype; /* 0 in the output: inferred */
    uint64_t seed;      /* of the strides */
};

enum spelling { SPELL_LETTERS, SPELL_NAMES, SPELL_UTF8, SPELL_IDS };

struct spec {
    int n_in, n_labels, n_ellipsis; /* dims of "..." are the labels after the
                                     * first n_labels */
    struct spec_term in[MAX_OPERANDS], out;
    int implicit;       /* no "->" */
    int out_given;      /* else the output's layout is the library's choice */
    enum spelling spelling;
    int blanks;
    char name[MAX_NAMES][16];
    int32_t id[MAX_NAMES];
    int64_t size[MAX_NAMES];      /* that it runs with */
    int64_t plan_size[MAX_NAMES]; /* that it is planned with; differ only in
                                   * FORM_SYMBOLIC */
    char path[32];
    enum form form;
    unsigned some_symbolic; /* labels that are arguments; 0: all */
    int real;           /* random floats, else small integers */
    int alpha, beta;    /* 0: NULL, else one of the values of data.h */
    uint64_t data_seed;
    int fat;            /* M and N large enough for a GETT */
    int tiny;           /* M, N and K small beside label 0, which is the last
                         * of all dims: many products side by side */
    int ticket, nth;    /* how it is compiled: configs_pick() */
};

/* --- reading a spec ----------------------------------------------------- */

static inline int
spec_labels(const struct spec *s)
{
    return s->n_labels + s->n_ellipsis;
}

/* Labels of the dims of a term, "..." resolved: aligned from the right. */
static inline int
spec_dims(const struct spec *s, const struct spec_term *t, int *label)
{
    int n = 0;
    for (int k = 0; k < t->n_tokens; k++) {
        if (t->token[k] != ELLIPSIS) {
            label[n++] = t->token[k];
            continue;
        }
        for (int e = s->n_ellipsis - t->rank; e < s->n_ellipsis; e++)
            label[n++] = s->n_labels + e;
    }
    return n;
}

static inline int
spec_counts(const struct spec *s, int label)
{
    int n = 0, dims[MAX_RANK];
    for (int o = 0; o < s->n_in; o++) {
        int rank = spec_dims(s, &s->in[o], dims);
        for (int d = 0; d < rank; d++)
            n += dims[d] == label;
    }
    return n;
}

static inline int
spec_out_holds(const struct spec *s, int label)
{
    int dims[MAX_RANK], n = spec_dims(s, &s->out, dims);
    for (int d = 0; d < n; d++)
        if (dims[d] == label)
            return 1;
    return 0;
}

/* Extent of a label: its size, or 1 if every dim of it has size 1. */
static inline int64_t
spec_extent(const struct spec *s, const int64_t *size, int label)
{
    int dims[MAX_RANK];
    for (int o = 0; o < s->n_in; o++) {
        int rank = spec_dims(s, &s->in[o], dims);
        for (int d = 0; d < rank; d++)
            if (dims[d] == label && !(s->in[o].ones >> d & 1))
                return size[label];
    }
    return 1;
}

/* numpy's result_type: floats first, then integers, since promotion of two is
 * not associative. */
static inline enum einc_dtype
spec_made(const struct spec *s)
{
    enum einc_dtype made = EINC_BOOL;
    for (int integers = 0; integers < 2; integers++)
        for (int o = 0; o < s->n_in; o++) {
            enum dtype_kind kind = einc_dtype_info(s->in[o].dtype)->kind;
            if ((kind != KIND_FLOAT && kind != KIND_COMPLEX) == integers)
                made = einc_dtype_promote(made, s->in[o].dtype);
        }
    return made;
}

static inline enum einc_dtype
spec_out_dtype(const struct spec *s)
{
    return s->out.dtype ? s->out.dtype : spec_made(s);
}

static inline enum einc_dtype
spec_compute(const struct spec *s)
{
    return einc_dtype_info(spec_out_dtype(s))->compute;
}

/* --- text --------------------------------------------------------------- */

static inline int
spec_put_term(const struct spec *s, const struct spec_term *t, char *to,
              size_t room)
{
    int n = 0;
    for (int k = 0; k < t->n_tokens; k++)
        n += snprintf(to + n, room - (size_t)n, "%s%s",
                      s->blanks && k ? " " : "",
                      t->token[k] == ELLIPSIS ? "..."
                                              : s->name[t->token[k]]);
    return n;
}

static inline void
spec_text(const struct spec *s, char *to, size_t room)
{
    int n = 0;
    to[0] = 0;
    for (int o = 0; o < s->n_in; o++) {
        n += snprintf(to + n, room - (size_t)n, "%s", o ? "," : "");
        n += spec_put_term(s, &s->in[o], to + n, room - (size_t)n);
    }
    if (s->implicit)
        return;
    n += snprintf(to + n, room - (size_t)n, s->blanks ? " -> " : "->");
    spec_put_term(s, &s->out, to + n, room - (size_t)n);
}

/* --- generating: who holds what ----------------------------------------- */

static inline void
add_token(struct spec_term *t, int token)
{
    t->token[t->n_tokens++] = token;
}

static inline void
add_labels(struct spec_term *t, int first, int n)
{
    for (int j = 0; j < n; j++)
        add_token(t, first + j);
}

/* Batch, M, N and K groups in any order of dims: what becomes a GETT. */
static inline void
make_pair(struct rng *r, struct spec *s)
{
    static const int n_of[] = {0, 1, 1, 1, 2};
    int b = n_of[rng_below(r, 3)], m = n_of[rng_range(r, 1, 4)];
    int n = n_of[rng_range(r, 1, 4)], k = n_of[rng_range(r, 1, 4)];
    if (b + m + n + k > 6)
        m = n = 1;
    s->n_in = 2;
    s->n_labels = b + m + n + k;
    add_labels(&s->in[0], 0, b + m);
    add_labels(&s->in[0], b + m + n, k);
    add_labels(&s->in[1], 0, b);
    add_labels(&s->in[1], b + m, n + k);
    add_labels(&s->out, 0, b + m + n);
    rng_shuffle(r, s->in[0].token, s->in[0].n_tokens);
    rng_shuffle(r, s->in[1].token, s->in[1].n_tokens);
    if (rng_percent(r, 60))
        rng_shuffle(r, s->out.token, s->out.n_tokens);
}

/* A batch or a free index last in all that hold it, with small M, N and K. */
static inline void
make_tiny(struct rng *r, struct spec *s)
{
    int outer = rng_percent(r, 35), m = rng_range(r, 1, 2);
    int n = rng_below(r, 3), k = rng_range(r, 1, 2), both = rng_percent(r, 65);
    int side = rng_below(r, 2), first = 1 + outer;
    s->n_in = 2;
    s->n_labels = first + m + n + k;
    for (int o = 0; o < 2; o++) {
        struct spec_term *t = &s->in[o];
        if (both || rng_percent(r, 50))
            add_labels(t, 1, outer);
        add_labels(t, o ? first + m : first, o ? n : m);
        add_labels(t, first + m + n, k);
        rng_shuffle(r, t->token, t->n_tokens);
        if (both || o == side)
            add_token(t, 0);
    }
    add_labels(&s->out, 1, outer && (spec_counts(s, 1) > 0));
    add_labels(&s->out, first, m + n);
    rng_shuffle(r, s->out.token, s->out.n_tokens);
    add_token(&s->out, 0);
}

/* A third operand with some labels of one of a pair: its weight, which may be
 * multiplied in while that one is packed. */
static inline void
add_weight(struct rng *r, struct spec *s)
{
    const struct spec_term *of = &s->in[rng_below(r, 2)];
    for (int k = 0; k < of->n_tokens; k++)
        if (rng_percent(r, 50))
            add_token(&s->in[2], of->token[k]);
    rng_shuffle(r, s->in[2].token, s->in[2].n_tokens);
    s->n_in = 3;
}

static inline void
make_chain(struct rng *r, struct spec *s)
{
    s->n_in = rng_range(r, 3, 5);
    s->n_labels = s->n_in + 1;
    for (int o = 0; o < s->n_in; o++) {
        add_labels(&s->in[o], o, 2);
        rng_shuffle(r, s->in[o].token, 2);
    }
    add_token(&s->out, 0);
    add_token(&s->out, s->n_in);
    if (rng_percent(r, 20))
        s->out.n_tokens = rng_below(r, 2);
}

static inline void
make_outer(struct rng *r, struct spec *s)
{
    s->n_in = rng_range(r, 2, 3);
    for (int o = 0; o < s->n_in; o++) {
        int n = rng_below(r, 3);
        add_labels(&s->in[o], s->n_labels, n);
        add_labels(&s->out, s->n_labels, n);
        s->n_labels += n;
    }
    rng_shuffle(r, s->out.token, s->out.n_tokens);
}

/* Any labels in any operand: diagonals, hyperedges, lone labels. */
static inline void
make_any(struct rng *r, struct spec *s)
{
    static const int counts[] = {1, 1, 2, 2, 2, 2, 3, 3, 4, 5};
    s->n_in = rng_percent(r, 3) ? 8 : counts[rng_below(r, 10)];
    s->n_labels = rng_below(r, 8);
    int used[MAX_NAMES] = {0}, repeats = rng_percent(r, 25);
    for (int o = 0; o < s->n_in && s->n_labels; o++) {
        int rank = rng_below(r, 6), mine[MAX_NAMES] = {0};
        for (int k = 0; k < rank; k++) {
            int x = rng_below(r, s->n_labels);
            if (mine[x] && !repeats)
                continue;
            mine[x] = used[x] = 1;
            add_token(&s->in[o], x);
        }
    }
    for (int x = 0; x < s->n_labels; x++)
        if (used[x] && rng_percent(r, 45))
            add_token(&s->out, x);
    rng_shuffle(r, s->out.token, s->out.n_tokens);
}

static inline void
make_single(struct rng *r, struct spec *s, int copies)
{
    s->n_in = 1;
    s->n_labels = rng_range(r, 1, 5);
    add_labels(&s->in[0], 0, s->n_labels);
    rng_shuffle(r, s->in[0].token, s->n_labels);
    if (!copies && rng_percent(r, 20)) /* a diagonal */
        add_token(&s->in[0], rng_below(r, s->n_labels));
    for (int x = 0; x < s->n_labels; x++)
        if (copies || rng_percent(r, 80))
            add_token(&s->out, x);
    rng_shuffle(r, s->out.token, s->out.n_tokens);
}

/* Labels that no operand took would be unknown in the output: drop them. */
static inline void
drop_unused(struct spec *s)
{
    int to[MAX_NAMES], n = 0;
    for (int x = 0; x < s->n_labels; x++)
        to[x] = spec_counts(s, x) ? n++ : -1;
    for (int o = 0; o <= s->n_in; o++) {
        struct spec_term *t = o < s->n_in ? &s->in[o] : &s->out;
        for (int k = 0; k < t->n_tokens; k++)
            t->token[k] = to[t->token[k]];
    }
    s->n_labels = n;
}

/* --- generating: "...", implicit outputs, size 1 ------------------------ */

static inline void
insert_token(struct spec_term *t, int at, int token)
{
    memmove(t->token + at + 1, t->token + at,
            (size_t)(t->n_tokens - at) * sizeof *t->token);
    t->token[at] = token;
    t->n_tokens++;
}

static inline void
add_ellipsis(struct rng *r, struct spec *s)
{
    int most = rng_below(r, 3);
    for (int o = 0; o < s->n_in; o++) {
        struct spec_term *t = &s->in[o];
        if (t->n_tokens > 5 || (o && rng_percent(r, 30)))
            continue;
        t->rank = o && rng_percent(r, 50) ? rng_below(r, most + 1) : most;
        if (t->rank > s->n_ellipsis)
            s->n_ellipsis = t->rank;
        insert_token(t, rng_below(r, t->n_tokens + 1), ELLIPSIS);
    }
    s->out.rank = s->n_ellipsis;
    if (s->n_ellipsis ? rng_percent(r, 85) : rng_percent(r, 30))
        insert_token(&s->out, rng_below(r, s->out.n_tokens + 1), ELLIPSIS);
}

static inline int
comes_before(const struct spec *s, int a, int b)
{
    if (s->spelling == SPELL_IDS)
        return s->id[a] < s->id[b];
    const char *x = s->name[a], *y = s->name[b];
    return strcmp(x + (*x == '{'), y + (*y == '{')) < 0;
}

/* The labels that are there once, in order, after "...". */
static inline void
make_implicit(struct spec *s)
{
    int any = 0;
    for (int o = 0; o < s->n_in; o++)
        for (int k = 0; k < s->in[o].n_tokens; k++)
            any |= s->in[o].token[k] == ELLIPSIS;
    s->implicit = 1;
    s->out.n_tokens = 0;
    if (any)
        add_token(&s->out, ELLIPSIS);
    for (int x = 0; x < s->n_labels; x++) {
        if (spec_counts(s, x) != 1)
            continue;
        int at = any;
        while (at < s->out.n_tokens && comes_before(s, s->out.token[at], x))
            at++;
        insert_token(&s->out, at, x);
    }
}

/* Some dims get size 1 while their label has another; a diagonal all its
 * dims, since its sizes must be equal. */
static inline void
add_ones(struct rng *r, struct spec *s)
{
    for (int o = 0; o < s->n_in; o++) {
        int dims[MAX_RANK], n = spec_dims(s, &s->in[o], dims);
        for (int d = 0; d < n; d++) {
            if (!rng_percent(r, 25))
                continue;
            for (int e = 0; e < n; e++)
                if (dims[e] == dims[d])
                    s->in[o].ones |= 1u << e;
        }
    }
}

static inline void
spell(struct rng *r, struct spec *s)
{
    static const char *const words[] = {"row", "col", "x_1", "batch",
                                        "h2",  "k9",  "a",   "Zed"};
    static const char *const wide[] = {"é", "λ", "Ω", "中", "ß", "я", "ü", "א"};
    int order[52];
    for (int j = 0; j < 52; j++)
        order[j] = j;
    rng_shuffle(r, order, s->spelling == SPELL_LETTERS ? 52 : 8);
    for (int x = 0; x < s->n_labels; x++) {
        int c = order[x];
        s->id[x] = 3 * c + 1;
        if (s->spelling == SPELL_NAMES)
            snprintf(s->name[x], sizeof s->name[x], "{%s}", words[c]);
        else if (s->spelling == SPELL_UTF8)
            snprintf(s->name[x], sizeof s->name[x], "%s", wide[c]);
        else
            snprintf(s->name[x], sizeof s->name[x], "%c",
                     c < 26 ? 'a' + c : 'A' + c - 26);
    }
}

/* --- generating: types and layouts -------------------------------------- */

static inline void
choose_types(struct rng *r, struct spec *s)
{
    static const enum einc_dtype often[] = {EINC_F32, EINC_F32, EINC_F64,
                                            EINC_C64, EINC_C128, EINC_I64};
    enum einc_dtype one = rng_percent(r, 40)
                              ? often[rng_below(r, 6)]
                              : (enum einc_dtype)rng_range(r, 1, N_DTYPES);
    int mixed = rng_percent(r, 18);
    for (int o = 0; o < s->n_in; o++)
        s->in[o].dtype = mixed ? (enum einc_dtype)rng_range(r, 1, N_DTYPES)
                               : one;
    if (s->real)
        s->in[0].dtype = (enum einc_dtype)rng_range(r, EINC_F16, EINC_C128);
    if (s->real && !mixed)
        for (int o = 1; o < s->n_in; o++)
            s->in[o].dtype = s->in[0].dtype;
    enum einc_dtype wide = (enum einc_dtype)rng_range(r, 1, N_DTYPES);
    if (s->out_given && rng_percent(r, 30) &&
        einc_dtype_holds(wide, spec_made(s)))
        s->out.dtype = wide;
}

static inline void
choose_layouts(struct rng *r, struct spec *s)
{
    int dense = s->tiny && rng_percent(r, 60);
    for (int o = 0; o < s->n_in; o++) {
        s->in[o].style = dense || rng_percent(r, 45)
                             ? DENSE
                             : (enum style)rng_below(r, N_STYLES);
        s->in[o].seed = rng_next(r);
    }
    s->out.style = dense || rng_percent(r, 50) ? DENSE : (enum style)rng_below(r, 5);
    s->out.seed = rng_next(r);
    if (s->out.style != DENSE)
        s->out_given = 1;
}

/* --- generating: sizes -------------------------------------------------- */

enum policy { TINY, MIXED, LARGE, DEEP, WIDE, N_POLICIES };

static inline int64_t
edge_size(struct rng *r)
{
    static const int at[] = {13, 31, 63};
    int g = rng_below(r, 3);
    return at[g] + rng_below(r, g ? 4 : 5);
}

static inline int64_t
tiny_size(struct rng *r)
{
    return rng_percent(r, 6) ? 0 : rng_percent(r, 20) ? 1 : rng_range(r, 2, 3);
}

/* Around one, two and three K blocks of every element size. */
static inline int64_t
deep_size(struct rng *r)
{
    static const int blocks[] = {128, 256, 384, 512, 768};
    return blocks[rng_below(r, 5)] + rng_range(r, -1, 2);
}

/* Around the rows and columns of one task. */
static inline int64_t
wide_size(struct rng *r)
{
    static const int blocks[] = {252, 506, 512, 1024};
    return blocks[rng_below(r, 4)] + rng_range(r, -2, 3);
}

static inline int64_t
size_of(struct rng *r, enum policy policy, int featured)
{
    switch (policy) {
    case TINY: return tiny_size(r);
    case LARGE: return featured ? rng_range(r, 200, 500) : rng_range(r, 2, 5);
    case DEEP: return featured ? deep_size(r) : rng_range(r, 2, 20);
    case WIDE: return featured ? wide_size(r) : rng_range(r, 2, 6);
    default: return rng_percent(r, 40) ? edge_size(r) : rng_range(r, 2, 9);
    }
}

/* A label that the policy wants: summed and shared, or free. */
static inline int
feature(struct rng *r, const struct spec *s, enum policy policy)
{
    int n = spec_labels(s);
    if (!n)
        return -1;
    int first = rng_below(r, n);
    for (int j = 0; j < n; j++) {
        int x = (first + j) % n, out = spec_out_holds(s, x);
        if (policy == DEEP ? !out && spec_counts(s, x) > 1
                           : policy != WIDE || out)
            return x;
    }
    return first;
}

static inline double
product_of(const int64_t *size, const int *label, int n)
{
    double p = 1;
    for (int j = 0; j < n; j++)
        p *= size[label[j]] > 1 ? (double)size[label[j]] : 1;
    return p;
}

/* The largest one, at once or by half; `keep` only when the others are as
 * small as they get. */
static inline void
shrink_one(struct rng *r, int64_t *size, const int *label, int n, int keep,
           int by_half)
{
    int big = -1, has_keep = 0;
    for (int j = 0; j < n; j++)
        if (label[j] == keep)
            has_keep = 1;
        else if (big < 0 || size[label[j]] > size[big])
            big = label[j];
    if (has_keep && (big < 0 || size[big] <= 3) && size[keep] > 3)
        size[keep] /= 2;
    else
        size[big] = size[big] <= 3 ? 1 + (size[big] > 2)
                    : by_half      ? size[big] / 2
                                   : rng_range(r, 2, 3);
}

/* At most `points` points, and as many elements in any operand. */
static inline void
limit_sizes(struct rng *r, const struct spec *s, int64_t *size, int keep,
            double points)
{
    int all[MAX_NAMES], dims[MAX_RANK], n = spec_labels(s);
    for (int x = 0; x < n; x++)
        all[x] = x;
    while (n && product_of(size, all, n) > points)
        shrink_one(r, size, all, n, keep, s->fat);
    for (int o = 0; o < s->n_in; o++) {
        int rank = spec_dims(s, &s->in[o], dims);
        while (rank && product_of(size, dims, rank) > points)
            shrink_one(r, size, dims, rank, keep, s->fat);
    }
}

/* Of a pair, perhaps with a weight. */
static inline int
in_both(const struct spec *s, int label)
{
    int held = 0;
    for (int o = 0; o < 2; o++) {
        int dims[MAX_RANK], n = spec_dims(s, &s->in[o], dims), here = 0;
        for (int d = 0; d < n; d++)
            here |= dims[d] == label;
        held += here;
    }
    return held == 2;
}

static inline void
choose_sizes(struct rng *r, const struct spec *s, enum policy policy,
             int64_t *size)
{
    int keep = policy == TINY || policy == MIXED ? -1 : feature(r, s, policy);
    for (int x = 0; x < spec_labels(s); x++) {
        size[x] = size_of(r, policy, x == keep);
        if (s->tiny && policy != TINY)
            size[x] = x ? rng_range(r, 2, rng_percent(r, 12) ? 7 : 4)
                        : rng_percent(r, 30) ? rng_range(r, 1, 20)
                                             : rng_range(r, 21, 700);
        if (s->fat && x != keep && policy != TINY && spec_out_holds(s, x))
            size[x] = in_both(s, x) ? rng_range(r, 1, 3)
                                    : rng_range(r, 9, 40);
    }
    limit_sizes(r, s, size, keep,
                s->fat ? 1e5 : rng_percent(r, 6) ? 2e5 : 2e4);
}

/* --- generating: all ---------------------------------------------------- */

/* Every third structure takes its turn in all families, types and ways of
 * compiling, mixed; the others are left to chance. */
enum {
    N_COMPUTES = 7,
    UNIT_WAYS = 14,
    FILE_WAYS = 12,
    TURNS = 3 * N_COMPUTES * (UNIT_WAYS + FILE_WAYS),
    TURN_STEP = 197 /* has no divisor in common with TURNS */
};

static inline void
choose_structure(struct rng *r, struct spec *s, int turn)
{
    static const int kinds[] = {0, 99, 60};
    int kind = turn < 0 ? rng_below(r, 100) : kinds[turn % 3];
    s->fat = kind < 40;
    s->tiny = kind >= 40 && kind < 43;
    if (s->fat)
        make_pair(r, s);
    else if (kind < 43)
        make_tiny(r, s);
    else if (kind < 48)
        make_chain(r, s);
    else if (kind < 53)
        make_outer(r, s);
    else if (kind < 63)
        make_single(r, s, turn >= 0);
    else
        make_any(r, s);
    if (s->fat && rng_percent(r, 25))
        add_weight(r, s);
    drop_unused(s);
    if (turn < 0 && rng_percent(r, 18))
        add_ellipsis(r, s);
    int way = rng_below(r, 100);
    s->spelling = way < 88   ? SPELL_LETTERS
                  : way < 92 ? SPELL_NAMES
                  : way < 96 ? SPELL_UTF8
                             : SPELL_IDS;
    s->blanks = s->spelling == SPELL_LETTERS && rng_percent(r, 10);
    spell(r, s);
    if (turn < 0 && rng_percent(r, 12))
        make_implicit(s);
    if (turn < 0 && rng_percent(r, 12))
        add_ones(r, s);
}

static inline void
choose_path(struct rng *r, struct spec *s)
{
    int way = rng_below(r, 100);
    if (way < 40)
        snprintf(s->path, sizeof s->path, "auto");
    else if (way < 60)
        snprintf(s->path, sizeof s->path, s->n_in > 8 ? "auto" : "whole");
    else if (way < 72)
        snprintf(s->path, sizeof s->path, "greedy");
    else
        snprintf(s->path, sizeof s->path, "random:%d", rng_below(r, 1000));
}

static inline void
choose_turn(struct spec *s, int turn)
{
    static const enum einc_dtype types[N_COMPUTES] = {
        EINC_BOOL, EINC_I16, EINC_U64, EINC_F32, EINC_F64, EINC_C64,
        EINC_C128};
    int way = turn / (3 * N_COMPUTES) % (UNIT_WAYS + FILE_WAYS);
    for (int o = 0; o < s->n_in; o++)
        s->in[o].dtype = types[turn / 3 % N_COMPUTES];
    s->out.dtype = EINC_DTYPE_NONE;
    s->real = 0;
    s->nth = way < UNIT_WAYS ? way : way - UNIT_WAYS;
    s->form = way < UNIT_WAYS ? FORM_KERNEL
              : way % 2       ? FORM_LITERAL
                              : FORM_SYMBOLIC;
}

static inline void
choose_form(struct rng *r, struct spec *s, int turn)
{
    int way = rng_below(r, 100);
    s->nth = -1;
    s->form = way < 86 ? FORM_KERNEL : way < 90 ? FORM_LITERAL
                                               : FORM_SYMBOLIC;
    if (turn >= 0)
        choose_turn(s, turn);
    if (s->form != FORM_SYMBOLIC)
        return;
    for (int o = 0; o < s->n_in; o++)
        s->in[o].style = DENSE;
    s->out.style = DENSE;
    if (turn < 0 && rng_percent(r, 45))
        add_ones(r, s);
    /* dims whose label has no other size would have extent 1 */
    for (int x = 0; x < spec_labels(s); x++)
        s->plan_size[x] = 2;
    for (int o = 0; o < s->n_in; o++) {
        int dims[MAX_RANK], n = spec_dims(s, &s->in[o], dims);
        for (int d = 0; d < n; d++)
            if (spec_extent(s, s->plan_size, dims[d]) == 1)
                for (int e = 0; e < n; e++)
                    if (dims[e] == dims[d])
                        s->in[o].ones &= ~(1u << e);
    }
}

/* Labels that are no arguments run with the size that was planned; the others
 * with no larger one, if that is needed to stay within memory. */
static inline void
keep_fixed(struct spec *s)
{
    int all[MAX_NAMES], n = spec_labels(s);
    for (int x = 0; x < n; x++) {
        all[x] = x;
        if (!(s->some_symbolic >> x & 1))
            s->size[x] = s->plan_size[x];
    }
    int large = product_of(s->size, all, n) > 2e5;
    for (int o = 0; o < s->n_in; o++) { /* "ii" has more elements than points */
        int dims[MAX_RANK], rank = spec_dims(s, &s->in[o], dims);
        large |= product_of(s->size, dims, rank) > 2e5;
    }
    for (int x = 0; x < n; x++)
        if (large && s->size[x] > s->plan_size[x])
            s->size[x] = s->plan_size[x];
}

/* Case `number` of a seed; structures have `variants` cases each. */
static inline struct spec
spec_make(uint64_t seed, int number, int variants)
{
    struct spec s = {0};
    struct rng r = rng_of(seed, (uint64_t)(number / variants), 1);
    int structure = number / variants;
    int turn = structure % 3 ? -1 : structure / 3 * TURN_STEP % TURNS;
    s.real = structure % 7 == 6;
    choose_structure(&r, &s, turn);
    s.out_given = rng_percent(&r, 30);
    choose_types(&r, &s);
    choose_layouts(&r, &s);
    choose_path(&r, &s);
    choose_form(&r, &s, turn);
    enum policy policy = turn < 0 && rng_percent(&r, 30) ? TINY
                                             : (enum policy)rng_range(
                                                   &r, MIXED, N_POLICIES - 1);
    s.ticket = rng_below(&r, 1 << 20);
    if (s.form == FORM_SYMBOLIC) {
        choose_sizes(&r, &s, policy == TINY ? MIXED : policy, s.plan_size);
        for (int x = 0; x < spec_labels(&s); x++)
            s.plan_size[x] += s.plan_size[x] < 2 ? 2 - s.plan_size[x] : 0;
    }
    if (s.spelling == SPELL_LETTERS && !s.n_ellipsis && s.n_labels)
        s.some_symbolic = (unsigned)rng_below(&r, 1 << s.n_labels);
    r = rng_of(seed, (uint64_t)number, 2);
    choose_sizes(&r, &s, policy, s.size);
    if (s.form != FORM_SYMBOLIC)
        memcpy(s.plan_size, s.size, sizeof s.size);
    else if (s.some_symbolic)
        keep_fixed(&s);
    if (s.form == FORM_KERNEL && !s.real && rng_percent(&r, 25)) {
        s.alpha = rng_below(&r, 5);
        s.beta = rng_below(&r, 5);
    }
    s.data_seed = rng_next(&r);
    return s;
}

#endif

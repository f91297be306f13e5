/* SPDX-License-Identifier: MIT
 *
 * program_gen.h - a random program of index statements: as a tree, so that it
 * can be evaluated without the library, and as text. Legal by construction:
 * tensors are made to fit the accesses, every index has a range.
 */
#ifndef EINC_TESTS_PROGRAM_GEN_H
#define EINC_TESTS_PROGRAM_GEN_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "parse/fn.h"
#include "parse/stmt.h"
#include "rng.h"
#include "spec.h"

enum {
    GEN_NODES = 700,
    GEN_INDICES = 96,
    GEN_TENSORS = 48,
    GEN_RANK = 4,
    GEN_STMTS = 4,
    GEN_SCOPE = 12,
    GEN_TEXT = 8192
};

enum gen_class { CLASS_BOOL, CLASS_INT, CLASS_REAL, CLASS_COMPLEX };

enum gen_kind { GEN_NUMBER, GEN_PI, GEN_INDEX, GEN_ACCESS, GEN_CALL,
                GEN_CAST, GEN_SIZE, GEN_DIM, GEN_REDUCE };

struct gen_node;

struct gen_index {
    char name[16];
    int64_t lo, hi;    /* all values lie in it */
    int is_bare;       /* a subscript fixes it */
    int is_explicit;   /* its range is written */
    int in_where;      /* behind the statement, else where it is bound */
    int is_used;       /* in a subscript */
    int is_left;
    int stmt;
    const struct gen_node *from, *to; /* data decide */
    int64_t at;        /* while it is evaluated */
};

struct gen_sub {
    int64_t constant;
    int n_terms;
    struct {
        int index;
        int64_t coef;
    } term[3];
    const struct gen_node *gather; /* NULL, or added */
    int modulus;       /* 0, or: term 0 is taken % it */
    int param;         /* coefficient of term 0 is a parameter: 1 + number */
    enum bound_mode mode;
    int64_t pad_lo, pad_hi;
};

struct gen_node {
    enum gen_kind kind;
    enum gen_class class;
    enum fn fn;
    const struct gen_node *args[3];
    int n_args;
    double number;
    int with_point;    /* NUMBER: "2.0" */
    enum einc_dtype dtype;
    int tensor;
    struct gen_sub sub[GEN_RANK];
    int n_subs;
    const struct gen_node *fill;
    int index;         /* INDEX SIZE; DIM: the dim */
    enum redop redop;
    int bound[3], n_bound, is_listed;
    const struct gen_node *guard;
    int best;          /* index, or -1 */
};

/* What numbers are in a tensor. */
enum gen_role { ROLE_DATA, ROLE_PLACE, ROLE_RISING };

struct gen_tensor {
    char name[16];
    enum einc_dtype dtype; /* 0: whatever is inferred */
    enum gen_class class;
    int rank;
    int64_t shape[GEN_RANK];
    enum gen_role role;
    int64_t lo, hi;    /* ROLE_PLACE, ROLE_RISING: values, both included */
    int is_scalar;     /* read without brackets */
    int assigned;      /* 0: an operand; else 1 + the statement */
    int given;         /* an output whose layout the caller gives */
    int is_settled;    /* an output that may be read later: nothing that was
                        * there before is in it */
    enum style style;
    uint64_t seed;
};

struct gen_stmt {
    int tensor;
    struct gen_sub sub[GEN_RANK];
    int n_subs;
    enum assign op;
    const struct gen_node *right;
    int first_index, n_indices; /* all that it binds */
    int sums[3], n_sums; /* indices of the right side alone */
};

struct gen_param {
    char name[16];
    int64_t value;
};

struct gen {
    struct rng r;
    struct gen_node node[GEN_NODES];
    struct gen_index index[GEN_INDICES];
    struct gen_tensor tensor[GEN_TENSORS];
    struct gen_stmt stmt[GEN_STMTS];
    struct gen_param param[4];
    int n_nodes, n_indices, n_tensors, n_stmts, n_params;
    int scope[GEN_SCOPE], n_scope;
    int level;         /* of reductions around */
    int no_bare_lists; /* inside of a reduction without a list */
    int left;          /* tensor that is being assigned */
    int counter;       /* index that counts k best, or -1: not in scope, but
                        * its name is taken */
    int has_u64;       /* which beside signed types make floats */
    int is_large;      /* extents beyond lanes and tiles */
    double points;     /* of all loops around */
    double work;       /* of the program so far */
    char text[GEN_TEXT];
    int n_text;
};

/* --- small choices ------------------------------------------------------ */

static inline int
gen_percent(struct gen *g, int percent)
{
    return rng_percent(&g->r, percent);
}

static inline int
gen_below(struct gen *g, int n)
{
    return rng_below(&g->r, n);
}

static inline struct gen_node *
gen_new(struct gen *g, enum gen_kind kind, enum gen_class class)
{
    if (g->n_nodes == GEN_NODES)
        abort();
    struct gen_node *n = &g->node[g->n_nodes++];
    *n = (struct gen_node){.kind = kind, .class = class, .best = -1,
                           .index = -1, .tensor = -1};
    return n;
}

/* Nodes run out: leaves only. */
static inline int
gen_is_late(const struct gen *g)
{
    return g->n_nodes > GEN_NODES - 250 || g->n_indices > GEN_INDICES - 30 ||
           g->n_tensors > GEN_TENSORS - 14 || g->work > 60000;
}

static inline enum einc_dtype
gen_dtype(struct gen *g, enum gen_class class)
{
    static const enum einc_dtype ints[] = {
        EINC_I32, EINC_I64, EINC_I32, EINC_I64, EINC_I32, EINC_I64,
        EINC_I8, EINC_U8, EINC_I16, EINC_U16, EINC_U32, EINC_U64};
    static const enum einc_dtype reals[] = {
        EINC_F32, EINC_F64, EINC_F32, EINC_F64, EINC_F32, EINC_F64,
        EINC_F32, EINC_F16, EINC_BF16};
    switch (class) {
    case CLASS_BOOL: return EINC_BOOL;
    case CLASS_INT: {
        enum einc_dtype t = ints[gen_below(g, 12)];
        g->has_u64 |= t == EINC_U64;
        return t;
    }
    case CLASS_REAL: return reals[gen_below(g, 9)];
    default: return gen_percent(g, 65) ? EINC_C64 : EINC_C128;
    }
}

static inline int64_t
gen_extent(struct gen *g, int least)
{
    int most = g->points > 500 ? 2 : g->points > 100 ? 4 : 40;
    int c = gen_below(g, 100), n;
    if (g->is_large && g->points < 200 && gen_percent(g, 60))
        return 17 + gen_below(g, 120);
    if (c < 3)
        n = 0;
    else if (c < 15)
        n = 1;
    else if (c < 72)
        n = 2 + gen_below(g, 3);
    else if (c < 94)
        n = 5 + gen_below(g, 5);
    else
        n = 10 + gen_below(g, 31);
    n = n > most ? most : n;
    return n < least ? least : n;
}

/* --- indices ------------------------------------------------------------ */

static inline int
gen_is_taken(const struct gen *g, const char *name)
{
    if (g->counter >= 0 && strcmp(g->index[g->counter].name, name) == 0)
        return 1;
    for (int k = 0; k < g->n_scope; k++)
        if (strcmp(g->index[g->scope[k]].name, name) == 0)
            return 1;
    return 0;
}

/* A new index in scope. */
static inline int
gen_bind(struct gen *g, int64_t lo, int64_t hi)
{
    static const char *const names[] = {"i", "j", "k", "l", "m", "n", "p",
                                        "q", "r", "s", "t", "u", "v", "w",
                                        "row", "x_1"};
    if (g->n_indices == GEN_INDICES || g->n_scope == GEN_SCOPE)
        abort();
    int x = g->n_indices++;
    g->index[x] = (struct gen_index){.lo = lo, .hi = hi, .stmt = g->n_stmts};
    do
        snprintf(g->index[x].name, sizeof g->index[x].name, "%s",
                 names[gen_below(g, gen_percent(g, 60) ? 6 : 16)]);
    while (gen_is_taken(g, g->index[x].name));
    g->scope[g->n_scope++] = x;
    return x;
}

static inline int64_t
gen_size(const struct gen *g, int x)
{
    return g->index[x].hi - g->index[x].lo;
}

/* --- subscripts --------------------------------------------------------- */

static inline const struct gen_node *gen_expr(struct gen *g,
                                              enum gen_class class,
                                              int depth);
static inline const struct gen_node *gen_places(struct gen *g, int64_t lo,
                                                int64_t hi);

static inline int
gen_tensor_add(struct gen *g, enum gen_class class, enum einc_dtype dtype)
{
    static const enum style styles[] = {
        DENSE, DENSE, DENSE, DENSE, DENSE, PERMUTED, GAPS, NEGATIVE, WILD,
        BROADCAST, OVERLAPPING};
    if (g->n_tensors == GEN_TENSORS)
        abort();
    int t = g->n_tensors++;
    g->tensor[t] = (struct gen_tensor){.class = class, .dtype = dtype,
                                       .style = styles[gen_below(g, 11)],
                                       .seed = rng_next(&g->r)};
    snprintf(g->tensor[t].name, sizeof g->tensor[t].name, "%c%s%d",
             "XABVMQ"[gen_below(g, 6)], t % 3 ? "" : "_", t);
    return t;
}

/* Least and largest value; an empty range counts as its lo. */
static inline void
gen_reach(const struct gen *g, const struct gen_sub *s, int64_t *lo,
          int64_t *hi)
{
    *lo = *hi = s->constant;
    for (int k = 0; k < s->n_terms; k++) {
        const struct gen_index *x = &g->index[s->term[k].index];
        int64_t a = x->lo, b = x->hi > x->lo ? x->hi - 1 : x->lo;
        int64_t c = s->term[k].coef;
        if (k == 0 && s->modulus) {
            a = 0;
            b = s->modulus - 1;
        }
        *lo += c > 0 ? c * a : c * b;
        *hi += c > 0 ? c * b : c * a;
    }
    if (s->gather) {
        *lo += g->tensor[s->gather->tensor].lo;
        *hi += g->tensor[s->gather->tensor].hi;
    }
}

static inline int64_t
gen_coef(struct gen *g)
{
    static const int coefs[] = {1, 1, 1, 2, 2, 3, -1, -2};
    return coefs[gen_below(g, 8)];
}

static inline void
gen_affine(struct gen *g, struct gen_sub *s, int most)
{
    int n = g->n_scope ? 1 + gen_below(g, most) : 0;
    n = n > g->n_scope ? g->n_scope : n;
    int first = g->n_scope ? gen_below(g, g->n_scope) : 0;
    for (int k = 0; k < n; k++) {
        s->term[k].index = g->scope[(first + k) % g->n_scope];
        s->term[k].coef = gen_coef(g);
        g->index[s->term[k].index].is_used = 1;
    }
    s->n_terms = n;
    if (gen_percent(g, 40))
        s->constant = rng_range(&g->r, -3, 4);
    if (n && g->n_params < 4 && gen_percent(g, 4)) {
        struct gen_param *p = &g->param[g->n_params];
        s->param = ++g->n_params;
        snprintf(p->name, sizeof p->name, "st%d", g->n_params);
        p->value = s->term[0].coef = 1 + gen_below(g, 3);
    } else if (n && gen_percent(g, 4)) {
        s->modulus = 1 + gen_below(g, 4);
        s->term[0].coef = 1;
    }
}

/* Makes its position 0 the least one. */
static inline void
gen_shift(const struct gen *g, struct gen_sub *s)
{
    int64_t lo, hi;
    gen_reach(g, s, &lo, &hi);
    if (lo < 0)
        s->constant -= lo;
}

static inline int
gen_bare(struct gen *g, struct gen_sub *s, int x)
{
    *s = (struct gen_sub){.n_terms = 1};
    s->term[0].index = x;
    s->term[0].coef = 1;
    g->index[x].is_used = 1;
    g->index[x].is_bare |= !g->index[x].is_explicit;
    return 1;
}

/* Whether it came out as a bare index, whose dim fits exactly. */
static inline int
gen_is_bare(const struct gen_sub *s)
{
    return s->n_terms == 1 && s->term[0].coef == 1 && !s->constant &&
           !s->gather && !s->modulus && s->mode == BOUND_CHECK;
}

/* A mode for a subscript, and the extent of its dim. */
static inline int64_t
gen_mode(struct gen *g, struct gen_sub *s)
{
    int64_t n = 1 + gen_below(g, 6), lo, hi;
    s->mode = (enum bound_mode)(BOUND_PAD + gen_below(g, 4));
    if (s->mode != BOUND_PAD)
        return n;
    if (gen_percent(g, 5))
        n = 0;
    gen_reach(g, s, &lo, &hi);
    s->pad_lo = lo < 0 ? -lo : 0;
    s->pad_hi = hi > n - 1 ? hi - n + 1 : 0;
    if (gen_percent(g, 40))
        s->pad_lo = s->pad_hi = s->pad_lo > s->pad_hi ? s->pad_lo : s->pad_hi;
    else if (gen_percent(g, 40)) {
        s->pad_lo += gen_below(g, 2);
        s->pad_hi += gen_below(g, 2);
    }
    return n;
}

/* A subscript of a dim that is still to be made; returns its extent. */
static inline int64_t
gen_sub(struct gen *g, struct gen_sub *s, int plain)
{
    int64_t lo, hi;
    int c = gen_below(g, 100);
    *s = (struct gen_sub){0};
    if (!g->n_scope)
        c = 75;
    if (c < 62) {
        int x = g->scope[gen_below(g, g->n_scope)];
        for (int k = 0; k < 2 && g->index[x].is_used; k++)
            x = g->scope[gen_below(g, g->n_scope)];
        if (g->index[x].lo == 0 || g->index[x].is_explicit) {
            gen_bare(g, s, x);
            if (g->index[x].lo >= 0)
                return g->index[x].hi + (g->index[x].is_explicit
                                             ? gen_below(g, 3)
                                             : 0);
        } else
            gen_affine(g, s, 2);
        gen_shift(g, s);
    } else if (c < 76 || plain) {
        gen_affine(g, s, 3);
        gen_shift(g, s);
    } else if (c < 80) {
        s->constant = gen_below(g, 3);
    } else {
        if (gen_percent(g, 85))
            gen_affine(g, s, 2);
        if (gen_percent(g, 45) && !gen_is_late(g))
            s->gather = gen_places(g, gen_percent(g, 30) ? -2 : 0,
                                   gen_below(g, 5));
        if (gen_percent(g, s->gather ? 35 : 100))
            return gen_mode(g, s);
        gen_shift(g, s);
    }
    if (gen_is_bare(s)) {
        int x = s->term[0].index;
        gen_bare(g, s, x);
        return g->index[x].hi + (g->index[x].is_explicit);
    }
    gen_reach(g, s, &lo, &hi);
    return hi + 1 + (gen_percent(g, 20) ? gen_below(g, 3) : 0);
}

/* A subscript of a dim of extent n; 0 if none comes to mind. */
static inline int
gen_fit(struct gen *g, struct gen_sub *s, int64_t n)
{
    int64_t lo, hi;
    for (int try = 0; try < 6 && g->n_scope; try++) {
        int x = g->scope[gen_below(g, g->n_scope)];
        if (g->index[x].lo == 0 && g->index[x].hi == n)
            return gen_bare(g, s, x);
    }
    *s = (struct gen_sub){0};
    if (n < 1 || gen_percent(g, 50))
        return 0;
    if (gen_percent(g, 30)) {
        s->constant = gen_below(g, (int)n);
        return 1;
    }
    gen_affine(g, s, 2);
    gen_shift(g, s);
    gen_reach(g, s, &lo, &hi);
    if (hi >= n || gen_is_bare(s))
        s->mode = (enum bound_mode)(BOUND_CLAMP + gen_below(g, 3));
    return 1;
}

/* --- accesses ----------------------------------------------------------- */

/* K[...] with numbers from lo to hi. */
static inline const struct gen_node *
gen_places(struct gen *g, int64_t lo, int64_t hi)
{
    struct gen_node *n = gen_new(g, GEN_ACCESS, CLASS_INT);
    int t = gen_tensor_add(g, CLASS_INT,
                           gen_percent(g, 50) ? EINC_I64 : EINC_I32);
    g->tensor[t].role = ROLE_PLACE;
    g->tensor[t].lo = lo;
    g->tensor[t].hi = hi;
    n->tensor = t;
    n->n_subs = g->tensor[t].rank = 1 + gen_percent(g, 20);
    for (int d = 0; d < n->n_subs; d++)
        g->tensor[t].shape[d] = gen_sub(g, &n->sub[d], gen_percent(g, 85));
    return n;
}

static inline int
gen_has_pad(const struct gen_node *n)
{
    for (int d = 0; d < n->n_subs; d++)
        if (n->sub[d].mode == BOUND_PAD)
            return 1;
    return 0;
}

static inline struct gen_node *
gen_literal(struct gen *g, enum gen_class class)
{
    static const double reals[] = {0.5, 2, 1, 3, 0.25, 1.5, 4, 0.1, 1e-2};
    struct gen_node *n = gen_new(g, GEN_NUMBER, class);
    n->number = gen_below(g, 5);
    if (class != CLASS_INT) {
        n->number = reals[gen_below(g, gen_percent(g, 85) ? 7 : 9)];
        n->with_point = gen_percent(g, 40);
    }
    if (gen_percent(g, 15))
        n->number = -n->number;
    return n;
}

static inline void
gen_fill_value(struct gen *g, struct gen_node *n)
{
    if (!gen_has_pad(n) || gen_percent(g, 50) || n->class == CLASS_BOOL)
        return;
    struct gen_node *f = gen_literal(g, n->class);
    if (n->class == CLASS_REAL && gen_percent(g, 40))
        f->number = gen_percent(g, 70) ? -HUGE_VAL : HUGE_VAL;
    if (n->class == CLASS_INT && f->number < 0)
        f->number = 1; /* of unsigned types */
    n->fill = f;
}

/* An access of a tensor that is there. */
static inline const struct gen_node *
gen_reuse(struct gen *g, enum gen_class class)
{
    for (int try = 0; try < 4 && g->n_tensors; try++) {
        int t = gen_below(g, g->n_tensors), good = 1;
        if (gen_percent(g, 50)) /* a temporary, if there is one */
            for (int k = 0; k < g->n_tensors; k++)
                if (g->tensor[k].assigned && gen_percent(g, 60))
                    t = k;
        struct gen_tensor *x = &g->tensor[t];
        if (x->class != class || t == g->left || x->is_scalar ||
            (x->assigned && !x->is_settled))
            continue;
        struct gen_index before[GEN_SCOPE];
        for (int k = 0; k < g->n_scope; k++)
            before[k] = g->index[g->scope[k]];
        struct gen_node *n = gen_new(g, GEN_ACCESS, class);
        n->tensor = t;
        n->n_subs = x->rank;
        for (int d = 0; good && d < x->rank; d++)
            good = gen_fit(g, &n->sub[d], x->shape[d]);
        if (good)
            return n;
        g->n_nodes--;
        for (int k = 0; k < g->n_scope; k++)
            g->index[g->scope[k]] = before[k];
    }
    return NULL;
}

static inline const struct gen_node *
gen_scalar(struct gen *g, enum gen_class class)
{
    struct gen_node *n = gen_new(g, GEN_ACCESS, class);
    n->tensor = gen_tensor_add(g, class, gen_dtype(g, class));
    g->tensor[n->tensor].is_scalar = 1;
    snprintf(g->tensor[n->tensor].name, sizeof g->tensor->name, "al%d",
             n->tensor);
    return n;
}

static inline const struct gen_node *
gen_access(struct gen *g, enum gen_class class)
{
    const struct gen_node *old = gen_percent(g, 35) ? gen_reuse(g, class)
                                                    : NULL;
    if (old)
        return old;
    if (gen_percent(g, 6))
        return gen_scalar(g, class);
    struct gen_node *n = gen_new(g, GEN_ACCESS, class);
    int t = n->tensor = gen_tensor_add(g, class, gen_dtype(g, class));
    int rank = gen_percent(g, 20) ? 1 : 1 + gen_below(g, 3);
    n->n_subs = rank > g->n_scope ? (g->n_scope ? g->n_scope : 1) : rank;
    for (int d = 0; d < n->n_subs; d++)
        g->tensor[t].shape[d] = gen_sub(g, &n->sub[d], 0);
    g->tensor[t].rank = n->n_subs;
    gen_fill_value(g, n);
    return n;
}

/* X[x]. */
static inline const struct gen_node *
gen_forced(struct gen *g, enum gen_class class, int x)
{
    struct gen_node *n = gen_new(g, GEN_ACCESS, class);
    int t = n->tensor = gen_tensor_add(g, class, gen_dtype(g, class));
    n->n_subs = g->tensor[t].rank = 1;
    gen_bare(g, &n->sub[0], x);
    gen_shift(g, &n->sub[0]);
    g->tensor[t].shape[0] = g->index[x].hi + n->sub[0].constant;
    return n;
}

/* --- calls -------------------------------------------------------------- */

static inline struct gen_node *
gen_call(struct gen *g, enum gen_class class, enum fn fn,
         const struct gen_node *a, const struct gen_node *b,
         const struct gen_node *c)
{
    struct gen_node *n = gen_new(g, GEN_CALL, class);
    n->fn = fn;
    n->args[0] = a;
    n->args[1] = b;
    n->args[2] = c;
    n->n_args = 1 + (b != NULL) + (c != NULL);
    return n;
}

static inline const struct gen_node *
gen_number(struct gen *g, enum gen_class class, double value)
{
    struct gen_node *n = gen_new(g, GEN_NUMBER, class);
    n->number = value;
    return n;
}

/* An expression whose type is settled by a tensor or an index in it. */
static inline const struct gen_node *
gen_leaf(struct gen *g, enum gen_class class)
{
    int c = gen_below(g, 100);
    if (c < 12 && g->n_scope && (class == CLASS_INT || class == CLASS_REAL)) {
        struct gen_node *n = gen_new(g, GEN_INDEX, class);
        n->index = g->scope[gen_below(g, g->n_scope)];
        if (g->index[n->index].is_used)
            return n;
        g->n_nodes--;
    }
    return gen_access(g, class);
}

static inline const struct gen_node *
gen_constant(struct gen *g, enum gen_class class)
{
    if (class == CLASS_REAL && gen_percent(g, 10))
        return gen_new(g, GEN_PI, class);
    if (g->n_scope && gen_percent(g, 12) && class != CLASS_COMPLEX) {
        int x = g->scope[gen_below(g, g->n_scope)];
        if (g->index[x].is_bare && !g->index[x].from) {
            struct gen_node *n = gen_new(g, GEN_SIZE, class);
            n->index = x;
            return n;
        }
    }
    if (g->n_tensors && gen_percent(g, 8) && class != CLASS_COMPLEX) {
        int t = gen_below(g, g->n_tensors);
        if (g->tensor[t].rank && !g->tensor[t].assigned) {
            struct gen_node *n = gen_new(g, GEN_DIM, class);
            n->tensor = t;
            n->index = gen_below(g, g->tensor[t].rank);
            return n;
        }
    }
    return gen_literal(g, class);
}

/* The second operand of something. */
static inline const struct gen_node *
gen_other(struct gen *g, enum gen_class class, int depth)
{
    if (class == CLASS_BOOL)
        return gen_expr(g, class, depth);
    if (gen_percent(g, 25))
        return gen_constant(g, class);
    if (class == CLASS_REAL && gen_percent(g, 8))
        class = CLASS_INT;
    else if (class == CLASS_COMPLEX && gen_percent(g, 30))
        class = CLASS_REAL;
    return gen_expr(g, class, depth);
}

static inline const struct gen_node *
gen_compare(struct gen *g, int depth)
{
    enum gen_class class = gen_percent(g, 50) ? CLASS_INT : CLASS_REAL;
    enum fn fn = (enum fn)(FN_LT + gen_below(g, FN_NE - FN_LT + 1));
    if (class == CLASS_REAL && gen_percent(g, 10))
        return gen_call(g, CLASS_BOOL, FN_ISNAN, gen_expr(g, class, depth),
                        NULL, NULL);
    const struct gen_node *a = gen_expr(g, class, depth);
    return gen_call(g, CLASS_BOOL, fn, a, gen_other(g, class, depth), NULL);
}

static inline const struct gen_node *
gen_bool(struct gen *g, int depth)
{
    int c = gen_below(g, 100);
    if (c < 20 || depth <= 0)
        return gen_percent(g, 50) && g->n_scope ? gen_compare(g, 0)
                                                : gen_access(g, CLASS_BOOL);
    if (c < 65)
        return gen_compare(g, depth - 1);
    const struct gen_node *a = gen_bool(g, depth - 1);
    if (c < 75)
        return gen_call(g, CLASS_BOOL, FN_NOT, a, NULL, NULL);
    if (c < 80)
        return gen_call(g, CLASS_BOOL, FN_SELECT, gen_bool(g, depth - 1), a,
                        gen_bool(g, depth - 1));
    return gen_call(g, CLASS_BOOL, gen_percent(g, 50) ? FN_AND : FN_OR, a,
                    gen_bool(g, depth - 1), NULL);
}

static inline const struct gen_node *
gen_int(struct gen *g, int depth)
{
    static const enum fn one[] = {FN_NEG, FN_ABS, FN_SIGN, FN_RELU, FN_STEP,
                                  FN_FLOOR, FN_ROUND, FN_CEIL};
    static const enum fn two[] = {FN_ADD, FN_SUB, FN_MUL, FN_ADD, FN_SUB,
                                  FN_MUL, FN_MOD, FN_MAXIMUM, FN_MINIMUM};
    int c = gen_below(g, 100);
    if (c < 55) {
        const struct gen_node *a = gen_expr(g, CLASS_INT, depth);
        return gen_call(g, CLASS_INT, two[gen_below(g, 9)], a,
                        gen_other(g, CLASS_INT, depth), NULL);
    }
    if (c < 75)
        return gen_call(g, CLASS_INT, one[gen_below(g, 8)],
                        gen_expr(g, CLASS_INT, depth), NULL, NULL);
    if (c < 80)
        return gen_call(g, CLASS_INT, FN_POWI, gen_expr(g, CLASS_INT, depth),
                        gen_number(g, CLASS_INT, gen_below(g, 4)), NULL);
    if (c < 84)
        return gen_call(g, CLASS_INT, FN_CLAMP, gen_expr(g, CLASS_INT, depth),
                        gen_other(g, CLASS_INT, 0),
                        gen_other(g, CLASS_INT, 0));
    if (c < 92)
        return gen_call(g, CLASS_INT, FN_SELECT, gen_bool(g, depth),
                        gen_expr(g, CLASS_INT, depth),
                        gen_other(g, CLASS_INT, depth));
    struct gen_node *n = gen_new(g, GEN_CAST, CLASS_INT);
    n->dtype = gen_dtype(g, CLASS_INT);
    if (n->dtype == EINC_U64) /* which is computed in i64 */
        n->dtype = EINC_I64;
    n->n_args = 1;
    n->args[0] = gen_expr(g, gen_percent(g, 40)   ? CLASS_REAL
                             : gen_percent(g, 70) ? CLASS_INT
                                                  : CLASS_BOOL, depth);
    return n;
}

/* An argument that the function mostly has a value of. */
static inline const struct gen_node *
gen_argument(struct gen *g, enum fn fn, int depth)
{
    const struct gen_node *a = gen_expr(g, CLASS_REAL, depth);
    if (gen_percent(g, 10))
        return a;
    switch (fn) {
    case FN_SQRT: case FN_RSQRT: case FN_LOG: case FN_LOG1P:
        return gen_call(g, CLASS_REAL, FN_ABS, a, NULL, NULL);
    case FN_ASIN: case FN_ACOS: case FN_EXP: case FN_EXPM1: case FN_SINH:
    case FN_COSH:
        return gen_call(g, CLASS_REAL, FN_CLAMP, a,
                        gen_number(g, CLASS_REAL,
                                   fn <= FN_EXPM1 ? -3 : -1),
                        gen_number(g, CLASS_REAL, fn <= FN_EXPM1 ? 2 : 1));
    default: return a;
    }
}

static inline const struct gen_node *
gen_power(struct gen *g, int depth)
{
    static const double powers[] = {2, 2, 2, 3, 4, 0, 1, -1, -2, 0.5, 1.5};
    const struct gen_node *a = gen_expr(g, CLASS_REAL, depth);
    double p = powers[gen_below(g, 11)];
    int whole = p == (double)(int)p;
    if (!whole || gen_percent(g, 10))
        a = gen_call(g, CLASS_REAL, FN_ABS, a, NULL, NULL);
    if (gen_percent(g, 15))
        return gen_call(g, CLASS_REAL, FN_POW, a,
                        gen_expr(g, CLASS_REAL, 0), NULL);
    return gen_call(g, CLASS_REAL, whole ? FN_POWI : FN_POW, a,
                    gen_number(g, CLASS_REAL, p), NULL);
}

static inline const struct gen_node *
gen_real(struct gen *g, int depth)
{
    static const enum fn two[] = {FN_ADD, FN_SUB, FN_MUL, FN_ADD, FN_SUB,
                                  FN_MUL, FN_ADD, FN_MUL, FN_DIV, FN_MOD,
                                  FN_MAXIMUM, FN_MINIMUM, FN_ATAN2};
    int c = gen_below(g, 100);
    if (c < 50) {
        const struct gen_node *a = gen_expr(g, CLASS_REAL, depth);
        return gen_call(g, CLASS_REAL, two[gen_below(g, 13)], a,
                        gen_other(g, CLASS_REAL, depth), NULL);
    }
    if (c < 72) {
        enum fn fn = (enum fn)(FN_SIGN + gen_below(g, FN_STEP - FN_SIGN + 1));
        if (fn == FN_ATAN2)
            fn = FN_ABS;
        return gen_call(g, CLASS_REAL, fn, gen_argument(g, fn, depth), NULL,
                        NULL);
    }
    if (c < 76)
        return gen_call(g, CLASS_REAL, FN_NEG, gen_expr(g, CLASS_REAL, depth),
                        NULL, NULL);
    if (c < 82)
        return gen_power(g, depth);
    if (c < 85)
        return gen_call(g, CLASS_REAL, FN_CLAMP,
                        gen_expr(g, CLASS_REAL, depth),
                        gen_other(g, CLASS_REAL, 0),
                        gen_other(g, CLASS_REAL, 0));
    if (c < 91)
        return gen_call(g, CLASS_REAL, FN_SELECT, gen_bool(g, depth),
                        gen_expr(g, CLASS_REAL, depth),
                        gen_other(g, CLASS_REAL, depth));
    if (c < 94) {
        static const enum fn parts[] = {FN_REAL, FN_IMAG, FN_ABS};
        return gen_call(g, CLASS_REAL, parts[gen_below(g, 3)],
                        gen_expr(g, CLASS_COMPLEX, depth), NULL, NULL);
    }
    struct gen_node *n = gen_new(g, GEN_CAST, CLASS_REAL);
    n->dtype = gen_dtype(g, CLASS_REAL);
    n->n_args = 1;
    n->args[0] = gen_expr(g, gen_percent(g, 50)   ? CLASS_REAL
                             : gen_percent(g, 75) ? CLASS_INT
                                                  : CLASS_BOOL, depth);
    return n;
}

static inline const struct gen_node *
gen_complex(struct gen *g, int depth)
{
    static const enum fn two[] = {FN_ADD, FN_SUB, FN_MUL, FN_ADD, FN_MUL,
                                  FN_DIV};
    int c = gen_below(g, 100);
    const struct gen_node *a = gen_expr(g, CLASS_COMPLEX, depth);
    if (c < 65)
        return gen_call(g, CLASS_COMPLEX, two[gen_below(g, 6)], a,
                        gen_other(g, CLASS_COMPLEX, depth), NULL);
    if (c < 80)
        return gen_call(g, CLASS_COMPLEX,
                        gen_percent(g, 60) ? FN_CONJ : FN_NEG, a, NULL,
                        NULL);
    if (c < 88)
        return gen_call(g, CLASS_COMPLEX, FN_POWI, a,
                        gen_number(g, CLASS_COMPLEX, 2 + gen_below(g, 2)),
                        NULL);
    return gen_call(g, CLASS_COMPLEX, FN_SELECT, gen_bool(g, depth), a,
                    gen_other(g, CLASS_COMPLEX, depth));
}

/* --- reductions --------------------------------------------------------- */

static inline int
gen_needs_terms(enum gen_class class, enum redop op)
{
    switch (op) {
    case REDOP_ARGMAX: case REDOP_ARGMIN: case REDOP_ARGKMIN:
    case REDOP_ARGKMAX:
        return 1;
    case REDOP_MAX: case REDOP_MIN: case REDOP_KMIN: case REDOP_KMAX:
        return class == CLASS_INT;
    default: return 0;
    }
}

static inline enum redop
gen_redop(struct gen *g, enum gen_class class)
{
    static const enum redop bools[] = {REDOP_ANY, REDOP_ALL},
        ints[] = {REDOP_SUM, REDOP_SUM, REDOP_SUM, REDOP_PROD, REDOP_MAX,
                  REDOP_MIN, REDOP_COUNT, REDOP_ARGMAX, REDOP_ARGMIN},
        reals[] = {REDOP_SUM, REDOP_SUM, REDOP_SUM, REDOP_SUM, REDOP_SUM,
                   REDOP_SUM, REDOP_PROD, REDOP_MAX, REDOP_MAX, REDOP_MIN,
                   REDOP_MEAN, REDOP_LOGSUMEXP, REDOP_LOGSUMEXP},
        complexes[] = {REDOP_SUM, REDOP_SUM, REDOP_SUM, REDOP_PROD,
                       REDOP_MEAN};
    switch (class) {
    case CLASS_BOOL: return bools[gen_below(g, 2)];
    case CLASS_INT: return ints[gen_below(g, 9)];
    case CLASS_REAL: return reals[gen_below(g, 13)];
    default: return complexes[gen_below(g, 5)];
    }
}

/* What is reduced, for a result of class `class`. */
static inline enum gen_class
gen_body_class(struct gen *g, enum gen_class class, enum redop op)
{
    if (op == REDOP_COUNT)
        return CLASS_BOOL;
    if (op == REDOP_ARGMAX || op == REDOP_ARGMIN || op == REDOP_ARGKMIN ||
        op == REDOP_ARGKMAX)
        return gen_percent(g, 70) ? CLASS_REAL : CLASS_INT;
    return class;
}

/* Data decide the range of x: ptr[i]:ptr[i+1], or lo[..]:hi[..]. */
static inline void
gen_range_of_data(struct gen *g, int x)
{
    enum einc_dtype dtype = gen_percent(g, 50) ? EINC_I64 : EINC_I32;
    struct gen_index *p = &g->index[x];
    struct gen_node *n[2];
    int i = g->n_scope > 1 ? g->scope[gen_below(g, g->n_scope - 1)] : -1;
    if (i >= 0 && g->index[i].lo)
        i = -1;
    int rising = gen_percent(g, 70);
    for (int k = 0; k < 2; k++) {
        n[k] = gen_new(g, GEN_ACCESS, CLASS_INT);
        n[k]->tensor = k && rising ? n[0]->tensor
                                   : gen_tensor_add(g, CLASS_INT, dtype);
        struct gen_tensor *t = &g->tensor[n[k]->tensor];
        t->role = rising ? ROLE_RISING : ROLE_PLACE;
        t->hi = p->hi;
        t->rank = n[k]->n_subs = 1;
        t->shape[0] = (i < 0 ? 1 : g->index[i].hi) + rising;
        n[k]->sub[0].constant = k && rising;
        if (i < 0)
            continue;
        n[k]->sub[0].n_terms = 1;
        n[k]->sub[0].term[0].index = i;
        n[k]->sub[0].term[0].coef = 1;
        g->index[i].is_used = 1;
    }
    p->from = n[0];
    p->to = n[1];
}

static inline int
gen_bind_reduced(struct gen *g, int least, int may_be_data)
{
    int64_t n = gen_extent(g, least), lo = 0;
    int of_data = may_be_data && gen_percent(g, 12);
    int is_explicit = !of_data && gen_percent(g, 22);
    if (is_explicit && gen_percent(g, 40))
        lo = rng_range(&g->r, -2, 3);
    int x = gen_bind(g, lo, lo + n);
    g->index[x].is_explicit = is_explicit;
    if (of_data)
        gen_range_of_data(g, x);
    g->points *= n > 1 ? (double)n : 1;
    return x;
}

/* Body that has a bare access of every index that must have one. */
static inline const struct gen_node *
gen_anchor(struct gen *g, const struct gen_node *body, int x)
{
    enum gen_class class = body->class == CLASS_BOOL ? CLASS_BOOL
                                                     : body->class;
    enum fn fn = class == CLASS_BOOL ? FN_OR : FN_ADD;
    return gen_call(g, class, fn, body, gen_forced(g, class, x), NULL);
}

static inline const struct gen_node *
gen_guard(struct gen *g, int depth)
{
    return gen_percent(g, 24) ? gen_bool(g, depth > 1 ? 1 : depth) : NULL;
}

/* Without a list the indices of the body are reduced: all are in subscripts,
 * and their ranges stand behind the statement. */
static inline int
gen_may_go_unlisted(struct gen *g, const struct gen_node *n)
{
    if (g->no_bare_lists || n->best >= 0)
        return 0;
    if ((n->redop == REDOP_ARGMAX || n->redop == REDOP_ARGMIN) &&
        n->n_bound > 1)
        return 0;
    for (int k = 0; k < n->n_bound; k++) {
        const struct gen_index *x = &g->index[n->bound[k]];
        if (x->from || x->is_explicit)
            return 0;
    }
    return gen_percent(g, 25);
}

static inline const struct gen_node *
gen_reduce_with(struct gen *g, enum gen_class class, enum redop op,
                int depth, int best)
{
    struct gen_node *n = gen_new(g, GEN_REDUCE, class);
    int scope = g->n_scope;
    double points = g->points;
    n->redop = op;
    n->best = best;
    n->n_bound = 1 + gen_percent(g, 25);
    int unlisted = 1;
    for (int k = 0; k < n->n_bound; k++)
        n->bound[k] = gen_bind_reduced(g, gen_needs_terms(class, op), 1);
    unlisted = gen_may_go_unlisted(g, n);
    g->level++;
    g->no_bare_lists += unlisted;
    const struct gen_node *body =
        gen_expr(g, gen_body_class(g, class, op), depth);
    n->guard = gen_guard(g, depth);
    for (int k = 0; k < n->n_bound; k++) {
        struct gen_index *x = &g->index[n->bound[k]];
        if ((x->from || unlisted) && !x->is_bare)
            body = gen_anchor(g, body, n->bound[k]);
        x->is_explicit |= !x->is_bare && !x->from;
    }
    int empty = 0;
    for (int k = 0; k < n->n_bound; k++)
        empty |= gen_size(g, n->bound[k]) == 0;
    if (empty && class == CLASS_REAL) { /* no largest one of integers */
        struct gen_node *c = gen_new(g, GEN_CAST, class);
        c->dtype = EINC_F32;
        c->args[0] = body;
        c->n_args = 1;
        body = c;
    }
    n->args[0] = body;
    n->n_args = 1;
    n->is_listed = !unlisted;
    g->no_bare_lists -= unlisted;
    g->level--;
    g->work += g->points;
    g->points = points;
    g->n_scope = scope;
    return n;
}

/* softmax[j](f): j is an index of a loop around. */
static inline const struct gen_node *
gen_softmax(struct gen *g, int depth)
{
    struct gen_node *n = gen_new(g, GEN_REDUCE, CLASS_REAL);
    n->redop = gen_percent(g, 75) ? REDOP_SOFTMAX : REDOP_SOFTMAX0;
    n->bound[0] = g->scope[gen_below(g, g->n_scope)];
    n->n_bound = 1;
    n->is_listed = 1;
    g->level++;
    n->args[0] = gen_expr(g, CLASS_REAL, depth);
    n->guard = gen_guard(g, depth);
    n->n_args = 1;
    g->level--;
    g->work += g->points * (double)(1 + gen_size(g, n->bound[0]));
    return n;
}

static inline const struct gen_node *
gen_reduce(struct gen *g, enum gen_class class, int depth)
{
    if (class == CLASS_REAL && g->n_scope && gen_percent(g, 14))
        return gen_softmax(g, depth);
    return gen_reduce_with(g, class, gen_redop(g, class), depth, -1);
}

static inline const struct gen_node *
gen_expr(struct gen *g, enum gen_class class, int depth)
{
    if (depth <= 0 || gen_is_late(g) || gen_percent(g, 12))
        return class == CLASS_BOOL ? gen_bool(g, 0) : gen_leaf(g, class);
    if (g->level < 2 && g->n_scope < GEN_SCOPE - 3 && g->points < 2000 &&
        gen_percent(g, g->level ? 18 : 30))
        return gen_reduce(g, class, depth - 1);
    switch (class) {
    case CLASS_BOOL: return gen_bool(g, depth - 1);
    case CLASS_INT: return gen_int(g, depth - 1);
    case CLASS_REAL: return gen_real(g, depth - 1);
    default: return gen_complex(g, depth - 1);
    }
}

/* --- statements --------------------------------------------------------- */

static inline const struct gen_node *
gen_times(struct gen *g, const struct gen_node *a, const struct gen_node *b)
{
    enum gen_class class = a->class > b->class ? a->class : b->class;
    return gen_call(g, class, FN_MUL, a, b, NULL);
}

/* A product of accesses, numbers and names; it sums what the left side does
 * not have. */
static inline const struct gen_node *
gen_product(struct gen *g, enum gen_class class, struct gen_stmt *s)
{
    s->n_sums = gen_below(g, 3);
    for (int k = 0; k < s->n_sums; k++)
        s->sums[k] = gen_bind_reduced(g, 0, 0);
    const struct gen_node *p = gen_access(g, class);
    for (int n = gen_below(g, 4); n > 0; n--) {
        const struct gen_node *f = gen_percent(g, 15) ? gen_literal(g, class)
                                                      : gen_leaf(g, class);
        p = gen_percent(g, 85) ? gen_times(g, p, f) : gen_times(g, f, p);
    }
    for (int k = 0; k < s->n_sums; k++) {
        struct gen_index *x = &g->index[s->sums[k]];
        if (!x->is_used || (!x->is_bare && gen_percent(g, 50)))
            p = gen_times(g, p, gen_forced(g, class, s->sums[k]));
        x->is_explicit |= !x->is_bare;
    }
    g->work += g->points;
    return p;
}

static inline int
gen_new_output(struct gen *g, struct gen_stmt *s, enum gen_class class)
{
    int t = gen_tensor_add(g, class, EINC_DTYPE_NONE);
    struct gen_tensor *x = &g->tensor[t];
    x->assigned = 1 + g->n_stmts;
    x->style = (enum style)gen_below(g, BROADCAST);
    x->given = gen_percent(g, 40);
    snprintf(x->name, sizeof x->name, "%c%d", "OYCT"[gen_below(g, 4)], t);
    s->tensor = t;
    return t;
}

static inline void
gen_left_bare(struct gen *g, struct gen_stmt *s, int n)
{
    struct gen_tensor *t = &g->tensor[s->tensor];
    s->n_subs = t->rank = n;
    for (int d = 0; d < n; d++) {
        int x = gen_bind(g, 0, gen_extent(g, 0));
        int64_t size = gen_size(g, x);
        s->sub[d].n_terms = 1;
        s->sub[d].term[0].index = x;
        s->sub[d].term[0].coef = 1;
        t->shape[d] = size;
        g->index[x].is_left = g->index[x].is_used = 1;
        g->index[x].is_explicit = gen_percent(g, 8);
        g->points *= size > 1 ? (double)size : 1;
    }
}

/* Y[2*t+r], H[K[i]]: a given tensor. */
static inline void
gen_left_scatter(struct gen *g, struct gen_stmt *s)
{
    struct gen_tensor *t = &g->tensor[s->tensor];
    int n = 1 + gen_below(g, 3), n_dims = 1 + gen_below(g, 2), free = n;
    for (int k = 0; k < n; k++) {
        int64_t size = gen_extent(g, 0);
        int x = gen_bind(g, 0, size);
        g->index[x].is_left = 1;
        g->points *= size > 1 ? (double)size : 1;
    }
    t->given = 1;
    s->n_subs = t->rank = n_dims;
    for (int d = 0; d < n_dims; d++) {
        struct gen_sub *u = &s->sub[d];
        int64_t lo, hi;
        int take = d == n_dims - 1 ? free : free > 0 ? 1 : 0;
        take = take > 2 ? 2 : take;
        int gathers = gen_percent(g, 45);
        if (gathers)
            u->gather = gen_places(g, 0, gen_below(g, 5));
        for (int k = 0; k < take && (!gathers || gen_percent(g, 30)); k++) {
            int x = g->scope[--free];
            u->term[u->n_terms].index = x;
            u->term[u->n_terms++].coef = gen_percent(g, 50) ? 1
                                                            : gen_coef(g);
            g->index[x].is_used = 1;
        }
        gen_shift(g, u);
        if (gen_is_bare(u)) {
            gen_bare(g, u, u->term[0].index);
            t->shape[d] = gen_size(g, u->term[0].index);
            continue;
        }
        gen_reach(g, u, &lo, &hi);
        t->shape[d] = hi + 1 + gen_below(g, 2);
    }
}

static inline int
gen_is_on_left(const struct gen_sub *s, int n, int x);

static inline int
gen_is_in_sub(const struct gen_sub *s, int x)
{
    for (int k = 0; k < s->n_terms; k++)
        if (s->term[k].index == x)
            return 1;
    return s->gather && gen_is_on_left(s->gather->sub, s->gather->n_subs, x);
}

static inline int
gen_is_on_left(const struct gen_sub *s, int n, int x)
{
    for (int d = 0; d < n; d++)
        if (gen_is_in_sub(&s[d], x))
            return 1;
    return 0;
}

/* Indices of a scatter that its subscripts did not take have no place. */
static inline void
gen_drop_loose(struct gen *g, const struct gen_stmt *s)
{
    int n = 0;
    for (int k = 0; k < g->n_scope; k++)
        if (gen_is_on_left(s->sub, s->n_subs, g->scope[k]))
            g->scope[n++] = g->scope[k];
        else
            g->index[g->scope[k]].is_left = 0;
    g->n_scope = n;
}

/* alpha*... + beta*C[i,k]: what is there, where it is written. */
static inline const struct gen_node *
gen_in_place(struct gen *g, struct gen_stmt *s, const struct gen_node *e)
{
    struct gen_node *n = gen_new(g, GEN_ACCESS, e->class);
    struct gen_tensor *t = &g->tensor[s->tensor];
    static const enum einc_dtype types[] = {EINC_BOOL, EINC_I64, EINC_F64,
                                            EINC_C128};
    t->dtype = types[e->class];
    t->given = 1;
    n->tensor = s->tensor;
    n->n_subs = s->n_subs;
    memcpy(n->sub, s->sub, sizeof n->sub);
    enum fn fn = e->class == CLASS_BOOL ? FN_AND : FN_ADD;
    const struct gen_node *old = n;
    if (e->class != CLASS_BOOL && gen_percent(g, 50))
        old = gen_call(g, e->class, FN_MUL, gen_constant(g, e->class), n,
                       NULL);
    return gen_call(g, e->class, fn, e, old, NULL);
}

static inline enum assign
gen_assign_op(struct gen *g, enum gen_class class)
{
    int n = class == CLASS_COMPLEX ? 2 : 4;
    return gen_percent(g, 50) ? ASSIGN_ADD
                              : (enum assign)(ASSIGN_ADD + gen_below(g, n));
}

/* k best: the last index of the left side counts them. */
static inline const struct gen_node *
gen_k_best(struct gen *g, enum gen_class class, struct gen_stmt *s)
{
    static const enum redop ops[] = {REDOP_KMIN, REDOP_KMAX, REDOP_ARGKMIN,
                                     REDOP_ARGKMAX};
    int q = g->scope[g->n_scope - 1];
    enum redop op = ops[class == CLASS_INT ? gen_below(g, 4)
                                           : gen_below(g, 2)];
    g->n_scope--; /* it is an index of the result only */
    g->counter = q;
    g->index[q].is_explicit = 0;
    g->index[q].is_bare = 1;
    int64_t size = gen_size(g, q);
    if (size == 0) {
        g->index[q].hi = 1;
        g->tensor[s->tensor].shape[s->n_subs - 1] = 1;
    }
    return gen_reduce_with(g, class, op, 2, q);
}

static inline enum gen_class
gen_class(struct gen *g)
{
    int c = gen_below(g, 100);
    return c < 52 ? CLASS_REAL
           : c < 75 ? CLASS_INT
           : c < 87 ? CLASS_COMPLEX
                    : CLASS_BOOL;
}

static inline const struct gen_node *
gen_right(struct gen *g, struct gen_stmt *s, enum gen_class class, int form)
{
    g->tensor[s->tensor].is_settled = s->op == ASSIGN_SET;
    if (form == 1)
        return gen_product(g, class, s);
    if (form == 2 && s->n_subs && (class == CLASS_INT || class == CLASS_REAL))
        return gen_k_best(g, class, s);
    const struct gen_node *e = gen_expr(g, class, 2 + gen_below(g, 3));
    g->work += g->points;
    if (form == 3 && s->op == ASSIGN_SET &&
        !(class == CLASS_INT && g->has_u64)) {
        g->tensor[s->tensor].is_settled = 0;
        e = gen_in_place(g, s, e);
    }
    return e;
}

/* A matrix of its own with these indices. */
static inline const struct gen_node *
gen_matrix(struct gen *g, enum gen_class class, enum einc_dtype dtype, int x,
           int y)
{
    struct gen_node *n = gen_new(g, GEN_ACCESS, class);
    struct gen_tensor *t;
    n->tensor = gen_tensor_add(g, class, dtype);
    t = &g->tensor[n->tensor];
    n->n_subs = t->rank = 2;
    gen_bare(g, &n->sub[0], x);
    gen_bare(g, &n->sub[1], y);
    t->shape[0] = g->index[x].hi;
    t->shape[1] = g->index[y].hi;
    return n;
}

/* Data, mostly with a pattern that few places are left of. */
static inline const struct gen_node *
gen_mask(struct gen *g, int x, int y)
{
    enum gen_class class = gen_percent(g, 50) ? CLASS_INT : CLASS_REAL;
    const struct gen_node *mask =
        gen_percent(g, 25)
            ? gen_matrix(g, CLASS_BOOL, EINC_BOOL, x, y)
            : gen_call(g, CLASS_BOOL, FN_GT,
                       gen_matrix(g, class, gen_dtype(g, class), x, y),
                       gen_number(g, class, 0), NULL);
    if (gen_percent(g, 40))
        return mask;
    struct gen_node *a = gen_new(g, GEN_INDEX, CLASS_INT);
    struct gen_node *b = gen_new(g, GEN_INDEX, CLASS_INT);
    a->index = x;
    b->index = y;
    const struct gen_node *place =
        gen_call(g, CLASS_INT, FN_MOD,
                 gen_call(g, CLASS_INT, FN_ADD, a, b, NULL),
                 gen_number(g, CLASS_INT, 5 + gen_below(g, 200)), NULL);
    return gen_call(g, CLASS_BOOL, FN_AND, mask,
                    gen_call(g, CLASS_BOOL, FN_EQ, place,
                             gen_number(g, CLASS_INT, gen_below(g, 5)), NULL),
                    NULL);
}

/* O[i,k] = M[i,k] ? sum[j](A[i,j]*B[j,k]) : .., large enough for lists. */
static inline void
gen_masked(struct gen *g, struct gen_stmt *s, enum gen_class class)
{
    struct gen_tensor *t = &g->tensor[s->tensor];
    int at[3];
    for (int k = 0; k < 3; k++)
        at[k] = gen_bind(g, 0, 26 + gen_below(g, 9));
    s->n_subs = t->rank = 2;
    t->is_settled = 1;
    for (int d = 0; d < 2; d++) {
        gen_bare(g, &s->sub[d], at[d]);
        t->shape[d] = g->index[at[d]].hi;
        g->index[at[d]].is_left = 1;
    }
    enum einc_dtype type = class == CLASS_INT
                               ? gen_percent(g, 50) ? EINC_I32 : EINC_I64
                               : gen_percent(g, 50) ? EINC_F32 : EINC_F64;
    int turned = gen_percent(g, 50);
    struct gen_node *sum = gen_new(g, GEN_REDUCE, class);
    const struct gen_node *a = gen_matrix(g, class, type, at[0], at[2]);
    const struct gen_node *b =
        gen_matrix(g, class, type, at[turned ? 1 : 2], at[turned ? 2 : 1]);
    sum->redop = REDOP_SUM;
    sum->best = -1;
    sum->bound[0] = at[2];
    sum->n_bound = sum->n_args = sum->is_listed = 1;
    sum->args[0] = gen_times(g, a, b);
    g->n_scope--;
    const struct gen_node *kept = sum, *other = gen_number(g, class, 2);
    if (gen_percent(g, 50))
        kept = gen_call(g, class, FN_ADD, kept, gen_leaf(g, class), NULL);
    int swapped = gen_percent(g, 30);
    const struct gen_node *mask = gen_mask(g, at[0], at[1]);
    if (swapped)
        mask = gen_call(g, CLASS_BOOL, FN_NOT, mask, NULL, NULL);
    s->right = gen_call(g, class, FN_SELECT, mask, swapped ? other : kept,
                        swapped ? kept : other);
    if (gen_percent(g, 40))
        s->right = gen_times(g, s->right, gen_number(g, class, 3));
    g->work += (double)g->index[at[0]].hi * (double)g->index[at[1]].hi *
               (double)g->index[at[2]].hi;
}

static inline void
gen_stmt(struct gen *g)
{
    struct gen_stmt *s = &g->stmt[g->n_stmts];
    *s = (struct gen_stmt){.first_index = g->n_indices};
    enum gen_class class = gen_class(g);
    g->n_scope = g->level = 0;
    g->counter = -1;
    g->points = 1;
    gen_new_output(g, s, class);
    g->left = s->tensor;
    int c = gen_below(g, 100), form = 0;
    int masked = c == 99 && (class == CLASS_REAL || class == CLASS_INT);
    if (c < 15)
        s->op = gen_assign_op(g, class);
    if (c < 9) {
        gen_left_scatter(g, s);
        gen_drop_loose(g, s);
    } else if (masked) {
        gen_masked(g, s, class);
    } else {
        gen_left_bare(g, s, gen_below(g, 4));
    }
    c = gen_below(g, 100);
    if (c < 22 && class != CLASS_BOOL &&
        (s->op == ASSIGN_SET || s->op == ASSIGN_ADD))
        form = 1;
    else if (c < 32 && s->op == ASSIGN_SET)
        form = 2;
    else if (c < 40)
        form = 3;
    if (!masked)
        s->right = gen_right(g, s, class, form);
    g->tensor[s->tensor].class = s->right->class;
    s->n_indices = g->n_indices - s->first_index;
    for (int k = 0; k < s->n_indices; k++) {
        struct gen_index *x = &g->index[s->first_index + k];
        if (x->is_left)
            x->is_explicit |= !x->is_bare;
    }
    g->left = -1;
    g->n_stmts++;
}

/* --- text --------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static inline void
gen_put(struct gen *g, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    g->n_text += vsnprintf(g->text + g->n_text,
                           GEN_TEXT - (size_t)g->n_text, fmt, ap);
    va_end(ap);
    if (g->n_text >= GEN_TEXT - 1)
        abort();
}

static inline void gen_put_expr(struct gen *g, const struct gen_node *n,
                                int least);

static inline void
gen_put_sub(struct gen *g, const struct gen_sub *s)
{
    static const char *const modes[] = {"", "pad(", "clamp(", "wrap(",
                                        "reflect("};
    int any = 0;
    gen_put(g, "%s", modes[s->mode]);
    if (s->constant && s->n_terms && gen_percent(g, 15)) {
        gen_put(g, "%lld", (long long)s->constant);
        any = 2;
    }
    for (int k = 0; k < s->n_terms; k++) {
        int64_t c = s->term[k].coef;
        const char *name = g->index[s->term[k].index].name;
        gen_put(g, "%s", c < 0 ? "-" : any ? "+" : "");
        c = c < 0 ? -c : c;
        if (k == 0 && s->modulus)
            gen_put(g, "%s%%%d", name, s->modulus);
        else if (k == 0 && s->param)
            gen_put(g, "%s*%s", g->param[s->param - 1].name, name);
        else if (c != 1)
            gen_put(g, gen_percent(g, 80) ? "%lld*%s" : "%lld * %s",
                    (long long)c, name);
        else
            gen_put(g, "%s", name);
        any |= 1;
    }
    if (s->gather) {
        gen_put(g, "%s", any ? "+" : "");
        gen_put_expr(g, s->gather, 5);
        any |= 1;
    }
    if (!any || (s->constant && any < 2))
        gen_put(g, "%s%lld", any && s->constant > 0 ? "+" : "",
                (long long)s->constant);
    if (s->mode == BOUND_PAD) {
        gen_put(g, ", %lld", (long long)s->pad_lo);
        if (s->pad_lo != s->pad_hi || gen_percent(g, 30))
            gen_put(g, ", %lld", (long long)s->pad_hi);
    }
    gen_put(g, "%s", s->mode == BOUND_CHECK ? "" : ")");
}

static inline void
gen_put_access(struct gen *g, int tensor, const struct gen_sub *s, int n)
{
    gen_put(g, "%s", g->tensor[tensor].name);
    if (g->tensor[tensor].is_scalar)
        return;
    gen_put(g, "[");
    for (int d = 0; d < n; d++) {
        gen_put(g, "%s", d ? "," : "");
        gen_put_sub(g, &s[d]);
    }
    gen_put(g, "]");
}

static inline void
gen_put_number(struct gen *g, const struct gen_node *n)
{
    double x = n->number;
    if (x == HUGE_VAL || x == -HUGE_VAL)
        gen_put(g, "%sinf", x < 0 ? "-" : "");
    else if (x == (double)(int)x)
        gen_put(g, "%d%s", (int)x, n->with_point ? ".0" : "");
    else
        gen_put(g, "%.17g", x);
}

static inline void
gen_put_range(struct gen *g, const struct gen_index *x)
{
    gen_put(g, " in ");
    if (x->from) {
        gen_put_expr(g, x->from, 4);
        gen_put(g, ":");
        gen_put_expr(g, x->to, 4);
    } else
        gen_put(g, "%lld:%lld", (long long)x->lo, (long long)x->hi);
}

static inline int
gen_names_like(const struct gen *g, int x)
{
    int n = 0;
    for (int k = 0; k < g->n_indices; k++)
        n += g->index[k].stmt == g->index[x].stmt &&
             strcmp(g->index[k].name, g->index[x].name) == 0;
    return n;
}

static inline void
gen_put_reduce(struct gen *g, const struct gen_node *n)
{
    static const char *const names[] = {
        [REDOP_SUM] = "sum", [REDOP_PROD] = "prod", [REDOP_MAX] = "max",
        [REDOP_MIN] = "min", [REDOP_MEAN] = "mean", [REDOP_ANY] = "any",
        [REDOP_ALL] = "all", [REDOP_COUNT] = "count",
        [REDOP_ARGMAX] = "argmax", [REDOP_ARGMIN] = "argmin",
        [REDOP_LOGSUMEXP] = "logsumexp", [REDOP_SOFTMAX] = "softmax",
        [REDOP_SOFTMAX0] = "softmax0", [REDOP_KMIN] = "kmin",
        [REDOP_KMAX] = "kmax", [REDOP_ARGKMIN] = "argkmin",
        [REDOP_ARGKMAX] = "argkmax"};
    int softmax = n->redop == REDOP_SOFTMAX || n->redop == REDOP_SOFTMAX0;
    gen_put(g, "%s", names[n->redop]);
    for (int k = 0; n->is_listed && k < n->n_bound; k++) {
        struct gen_index *x = &g->index[n->bound[k]];
        gen_put(g, "%s%s", k ? "," : "[", x->name);
        if (softmax)
            continue;
        if (x->is_explicit && !x->from && gen_percent(g, 30) &&
            gen_names_like(g, n->bound[k]) == 1)
            x->in_where = 1;
        if ((x->is_explicit && !x->in_where) || x->from)
            gen_put_range(g, x);
    }
    if (n->best >= 0)
        gen_put(g, "->%s:%lld", g->index[n->best].name,
                (long long)g->index[n->best].hi);
    gen_put(g, "%s(", n->is_listed ? "]" : "");
    gen_put_expr(g, n->args[0], 0);
    if (n->guard) {
        gen_put(g, " if ");
        gen_put_expr(g, n->guard, 0);
    }
    gen_put(g, ")");
}

/* Binding strength of an operator: LANGUAGE, grammar. */
static inline int
gen_strength(const struct gen_node *n)
{
    if ((n->kind == GEN_NUMBER && n->number < 0))
        return 6;
    if (n->kind != GEN_CALL)
        return 8;
    switch (n->fn) {
    case FN_SELECT: return 0;
    case FN_OR: return 1;
    case FN_AND: return 2;
    case FN_LT: case FN_LE: case FN_GT: case FN_GE: case FN_EQ: case FN_NE:
        return 3;
    case FN_ADD: case FN_SUB: return 4;
    case FN_MUL: case FN_DIV: case FN_MOD: return 5;
    case FN_NEG: case FN_NOT: return 6;
    case FN_POW: case FN_POWI: return 7;
    default: return 8;
    }
}

static inline void
gen_put_call(struct gen *g, const struct gen_node *n)
{
    const struct fn_info *info = einc_fn_info(n->fn);
    int own = gen_strength(n);
    if (n->fn == FN_SELECT) {
        gen_put_expr(g, n->args[0], 1);
        gen_put(g, " ? ");
        gen_put_expr(g, n->args[1], 0);
        gen_put(g, " : ");
        gen_put_expr(g, n->args[2], 0);
    } else if (own == 6) {
        gen_put(g, "%s", info->name);
        gen_put_expr(g, n->args[0], 6);
    } else if (own == 7) { /* its base is a primary */
        gen_put_expr(g, n->args[0], 8);
        gen_put(g, "^");
        gen_put_expr(g, n->args[1], 6);
    } else if (own < 6) {
        gen_put_expr(g, n->args[0], own + (own == 3));
        gen_put(g, gen_percent(g, 70) ? "%s" : " %s ", info->name);
        gen_put_expr(g, n->args[1], own + 1);
    } else {
        gen_put(g, "%s(", n->fn == FN_POW ? "pow" : info->name);
        for (int k = 0; k < n->n_args; k++) {
            gen_put(g, "%s", k ? ", " : "");
            gen_put_expr(g, n->args[k], 0);
        }
        gen_put(g, ")");
    }
}

/* In parentheses where it binds less than `least`, and now and then. */
static inline void
gen_put_expr(struct gen *g, const struct gen_node *n, int least)
{
    int wrap = gen_strength(n) < least || gen_percent(g, 4);
    gen_put(g, "%s", wrap ? "(" : "");
    switch (n->kind) {
    case GEN_NUMBER: gen_put_number(g, n); break;
    case GEN_PI: gen_put(g, "pi"); break;
    case GEN_INDEX: gen_put(g, "%s", g->index[n->index].name); break;
    case GEN_ACCESS:
        gen_put(g, "%s", n->fill ? "fill(" : "");
        gen_put_access(g, n->tensor, n->sub, n->n_subs);
        if (n->fill) {
            gen_put(g, ", ");
            gen_put_number(g, n->fill);
            gen_put(g, ")");
        }
        break;
    case GEN_CALL: gen_put_call(g, n); break;
    case GEN_CAST:
        gen_put(g, "%s(", einc_dtype_name(n->dtype));
        gen_put_expr(g, n->args[0], 0);
        gen_put(g, ")");
        break;
    case GEN_SIZE: gen_put(g, "size(%s)", g->index[n->index].name); break;
    case GEN_DIM:
        gen_put(g, "dim(%s,%d)", g->tensor[n->tensor].name, n->index);
        break;
    case GEN_REDUCE: gen_put_reduce(g, n); break;
    }
    gen_put(g, "%s", wrap ? ")" : "");
}

static inline void
gen_put_where(struct gen *g, const struct gen_stmt *s)
{
    int any = 0;
    for (int k = 0; k < s->n_indices; k++) {
        struct gen_index *x = &g->index[s->first_index + k];
        int is_sum = 0;
        for (int j = 0; j < s->n_sums; j++)
            is_sum |= s->sums[j] == s->first_index + k;
        if (!x->in_where && !((x->is_left || is_sum) && x->is_explicit))
            continue;
        gen_put(g, "%s%s", any ? ", " : " where ", x->name);
        gen_put_range(g, x);
        any = 1;
    }
}

static inline void
gen_put_stmt(struct gen *g, const struct gen_stmt *s)
{
    static const char *const ops[] = {"=", "+=", "*=", "max=", "min="};
    gen_put_access(g, s->tensor, s->sub, s->n_subs);
    gen_put(g, " %s ", ops[s->op]);
    gen_put_expr(g, s->right, 0);
    gen_put_where(g, s);
}

/* --- all of it ---------------------------------------------------------- */

static inline void
gen_program(struct gen *g, struct rng r)
{
    memset(g, 0, sizeof *g);
    g->r = r;
    g->left = -1;
    int n = gen_percent(g, 60) ? 1 : 2 + gen_below(g, GEN_STMTS - 1);
    g->is_large = gen_percent(g, 6);
    while (g->n_stmts < n && !gen_is_late(g))
        gen_stmt(g);
    for (int s = 0; s < g->n_stmts; s++) {
        gen_put(g, "%s", s ? (gen_percent(g, 50) ? ";\n" : "; ") : "");
        gen_put_stmt(g, &g->stmt[s]);
    }
}

static inline int
gen_find(const struct gen *g, const char *name, int64_t n)
{
    for (int t = 0; t < g->n_tensors; t++)
        if ((int64_t)strlen(g->tensor[t].name) == n &&
            memcmp(g->tensor[t].name, name, (size_t)n) == 0)
            return t;
    return -1;
}

#endif

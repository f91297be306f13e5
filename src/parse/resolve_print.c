/* SPDX-License-Identifier: MIT
 *
 * resolve_print.c - dump "stmt" of form B: the tensors, then each statement
 * as it is understood, with the ranges of its indices below it. Casts that
 * were made stand there; a second index of one name has its number behind it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse/open.h"
#include "parse/resolve.h"

struct printer {
    struct text *t;
    const struct program *p;
    const char *used; /* [n_indices] whether the statement has an index */
    int first;        /* the least of them */
};

/* How tightly operators bind; arguments that bind less get parentheses. */
enum { LEVEL_SELECT, LEVEL_OR, LEVEL_AND, LEVEL_COMPARE, LEVEL_ADD, LEVEL_MUL,
       LEVEL_UNARY, LEVEL_POWER, LEVEL_ATOM };

static void print_node(struct printer *p, const struct node *n, int level);

static void
print_index(struct printer *p, int index)
{
    struct str name = p->p->indices[index].name;
    einc_put_str(p->t, name);
    for (int x = p->first; x < index; x++)
        if (p->used[x] && str_equal(p->p->indices[x].name, name)) {
            einc_put(p->t, "#%d", index - p->first);
            return;
        }
}

/* The shortest decimal number that reads back the same, as a float or a
 * double, with a '.' in every locale. */
static void
print_double(struct text *t, double x, int is_float)
{
    char s[40];
    if (isnan(x) || isinf(x)) {
        einc_put(t, "%s", isnan(x) ? "nan" : x < 0 ? "-inf" : "inf");
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, x);
        double back = strtod(s, NULL);
        int same = back == x || (is_float && (float)back == (float)x);
        if (same && (!strchr(s, 'e') || fabs(x) >= 1e15 || fabs(x) < 1e-4))
            break;
    }
    int has_point = 0, was_point = 0;
    for (const char *c = s; *c; c++) {
        int point = !strchr("0123456789+-e", *c);
        has_point |= point || *c == 'e';
        if (!point || !was_point)
            einc_put(t, "%c", point ? '.' : *c);
        was_point = point;
    }
    einc_put(t, has_point ? "" : ".0");
}

static void
print_number(struct printer *p, const struct node *n)
{
    if (einc_dtype_info(n->type)->kind >= KIND_FLOAT)
        print_double(p->t, n->number,
                     einc_dtype_roundoff(n->type) > 0x1p-53);
    else if (n->type == EINC_BOOL)
        einc_put(p->t, n->integer ? "true" : "false");
    else
        einc_put(p->t, "%lld", (long long)n->integer);
}

/* --- accesses ------------------------------------------------------------- */

static void
print_term(struct printer *p, const struct affine_term *t, int first)
{
    long long c = (long long)t->coef;
    if (c == -1)
        einc_put(p->t, "-");
    else if (c == 1)
        einc_put(p->t, first ? "" : "+");
    else
        einc_put(p->t, "%s%lld*", c < 0 || first ? "" : "+", c);
    print_index(p, t->index);
}

static void
print_sub(struct printer *p, const struct subscript *s)
{
    static const char *const modes[] = {"", "pad(", "clamp(", "wrap(",
                                        "reflect("};
    einc_put(p->t, "%s", modes[s->mode]);
    for (int i = 0; i < s->n_terms; i++)
        print_term(p, &s->terms[i], i == 0);
    if (s->rest) {
        einc_put(p->t, s->n_terms ? "+" : "");
        print_node(p, s->rest, LEVEL_MUL);
    }
    int alone = !s->n_terms && !s->rest;
    if (s->constant != 0 || alone)
        einc_put(p->t, alone || s->constant < 0 ? "%lld" : "+%lld",
                 (long long)s->constant);
    if (s->mode == BOUND_PAD)
        einc_put(p->t, ",%lld,%lld", (long long)s->pad_lo,
                 (long long)s->pad_hi);
    einc_put(p->t, s->mode ? ")" : "");
    einc_put(p->t, s->checked ? "?" : "");
}

static void
print_access(struct printer *p, const struct access *a)
{
    einc_put(p->t, a->fill ? "fill(" : "");
    einc_put_str(p->t, p->p->tensors[a->tensor].name);
    einc_put(p->t, "[");
    for (int i = 0; i < a->n_subs; i++) {
        einc_put(p->t, i ? "," : "");
        print_sub(p, &a->subs[i]);
    }
    einc_put(p->t, "]");
    if (!a->fill)
        return;
    einc_put(p->t, ",");
    print_node(p, a->fill, LEVEL_SELECT);
    einc_put(p->t, ")");
}

/* --- calls and reductions ------------------------------------------------- */

static int
level_of(enum fn fn)
{
    switch (fn) {
    case FN_SELECT: return LEVEL_SELECT;
    case FN_OR: return LEVEL_OR;
    case FN_AND: return LEVEL_AND;
    case FN_LT: case FN_LE: case FN_GT: case FN_GE: case FN_EQ: case FN_NE:
        return LEVEL_COMPARE;
    case FN_ADD: case FN_SUB: return LEVEL_ADD;
    case FN_MUL: case FN_DIV: case FN_MOD: return LEVEL_MUL;
    case FN_NEG: case FN_NOT: return LEVEL_UNARY;
    case FN_POW: case FN_POWI: return LEVEL_POWER;
    default: return LEVEL_ATOM;
    }
}

static void
print_operator(struct printer *p, const struct node *n, int level)
{
    const char *name = einc_fn_info(n->fn)->name;
    if (level == LEVEL_UNARY) {
        einc_put(p->t, "%s", name);
        print_node(p, n->args[0], level);
    } else if (n->fn == FN_POWI) {
        print_node(p, n->args[0], LEVEL_ATOM);
        einc_put(p->t, "^%lld", (long long)n->integer);
    } else if (n->fn == FN_SELECT) {
        print_node(p, n->args[0], LEVEL_OR);
        einc_put(p->t, " ? ");
        print_node(p, n->args[1], LEVEL_SELECT);
        einc_put(p->t, " : ");
        print_node(p, n->args[2], LEVEL_SELECT);
    } else {
        int apart = level <= LEVEL_ADD;
        print_node(p, n->args[0], level + (level == LEVEL_POWER));
        einc_put(p->t, apart ? " %s " : "%s", name);
        print_node(p, n->args[1], level + 1);
    }
}

static void
print_call(struct printer *p, const struct node *n, int level)
{
    int own = level_of(n->fn);
    if (own < LEVEL_ATOM) {
        einc_put(p->t, own < level ? "(" : "");
        print_operator(p, n, own);
        einc_put(p->t, own < level ? ")" : "");
        return;
    }
    einc_put(p->t, "%s(", n->fn == FN_CAST ? einc_dtype_info(n->type)->name
                                           : einc_fn_info(n->fn)->name);
    for (int i = 0; i < n->n_args; i++) {
        einc_put(p->t, i ? ", " : "");
        print_node(p, n->args[i], LEVEL_SELECT);
    }
    einc_put(p->t, ")");
}

static void
print_reduce(struct printer *p, const struct node *n)
{
    einc_put(p->t, "%s[", einc_tree_redop_name(n->redop));
    for (int i = 0; i < n->n_bound; i++) {
        const struct index *x = &p->p->indices[n->bound[i]];
        einc_put(p->t, i ? "," : "");
        print_index(p, n->bound[i]);
        if (!x->from)
            continue;
        einc_put(p->t, " in ");
        print_node(p, x->from, LEVEL_ADD);
        einc_put(p->t, ":");
        print_node(p, x->to, LEVEL_ADD);
    }
    if (n->best >= 0) {
        einc_put(p->t, "->");
        print_index(p, n->best);
        einc_put(p->t, ":%lld", (long long)p->p->indices[n->best].hi);
    }
    einc_put(p->t, "](");
    print_node(p, n->args[0], LEVEL_SELECT);
    if (n->guard) {
        einc_put(p->t, " if ");
        print_node(p, n->guard, LEVEL_SELECT);
    }
    einc_put(p->t, ")");
}

static void
print_node(struct printer *p, const struct node *n, int level)
{
    switch (n->kind) {
    case NODE_NUMBER:
        if (einc_open_of(&p->p->open, n) >= 0)
            einc_put_str(p->t, p->p->open.list[einc_open_of(&p->p->open, n)].name);
        else
            print_number(p, n);
        break;
    case NODE_ACCESS: print_access(p, n->access); break;
    case NODE_REDUCE: print_reduce(p, n); break;
    case NODE_INDEX: print_index(p, n->index); break;
    case NODE_CALL: print_call(p, n, level); break;
    case NODE_PRODUCT: break; /* of form A */
    }
}

/* --- the program ---------------------------------------------------------- */

static void
print_tensor(struct text *t, const struct tensor *x)
{
    static const char *const kinds[] = {"operand", "temporary", "output"};
    einc_put(t, "%s %d ", kinds[x->kind], x->number);
    einc_put_str(t, x->name);
    einc_put(t, " %s", einc_dtype_info(x->dtype)->name);
    for (int d = 0; d < x->n_dims; d++)
        einc_put(t, "%s%lld", d ? "x" : " ", (long long)x->shape[d]);
    einc_put(t, x->read ? " read\n" : "\n");
}

static void
print_ranges(struct printer *p)
{
    int n = 0;
    for (int x = p->first; x < p->p->n_indices; x++) {
        const struct index *i = &p->p->indices[x];
        if (!p->used[x])
            continue;
        einc_put(p->t, n++ ? ", " : "    ");
        print_index(p, x);
        einc_put(p->t, " in %lld:%lld", (long long)i->lo, (long long)i->hi);
    }
    einc_put(p->t, n ? "\n" : "");
}

/* --- the indices of a statement ------------------------------------------- */

static void
use_node(const struct program *p, const struct node *n, char *used);

static void
use_access(const struct program *p, const struct access *a, char *used)
{
    for (int d = 0; d < a->n_subs; d++) {
        for (int k = 0; k < a->subs[d].n_terms; k++)
            used[a->subs[d].terms[k].index] = 1;
        use_node(p, a->subs[d].rest, used);
    }
}

static void
use_node(const struct program *p, const struct node *n, char *used)
{
    if (!n)
        return;
    if (n->kind == NODE_INDEX)
        used[n->index] = 1;
    if (n->access)
        use_access(p, n->access, used);
    if (n->kind == NODE_REDUCE && n->best >= 0)
        used[n->best] = 1;
    for (int b = 0; n->kind == NODE_REDUCE && b < n->n_bound; b++) {
        used[n->bound[b]] = 1;
        use_node(p, p->indices[n->bound[b]].from, used);
        use_node(p, p->indices[n->bound[b]].to, used);
    }
    for (int a = 0; a < n->n_args; a++)
        use_node(p, n->args[a], used);
    use_node(p, n->guard, used);
}

/* Those that the passes of a plan made are behind all others. */
static void
use_stmt(struct printer *p, const struct stmt *s, char *used)
{
    memset(used, 0, (size_t)p->p->n_indices);
    for (int l = 0; l < s->n_loops; l++)
        used[s->loops[l]] = 1;
    use_access(p->p, &s->left, used);
    use_node(p->p, s->right, used);
    p->used = used;
    for (p->first = 0; p->first < p->p->n_indices && !used[p->first];)
        p->first++;
}

static void
print_stmt(struct printer *p, const struct stmt *s)
{
    static const char *const ops[] = {"=", "+=", "*=", "max=", "min="};
    print_access(p, &s->left);
    einc_put(p->t, " %s ", ops[s->op]);
    print_node(p, s->right, LEVEL_SELECT);
}

void
einc_resolve_print_stmt(struct text *t, const struct program *g,
                        const struct stmt *s)
{
    struct printer p = {.t = t, .p = g};
    use_stmt(&p, s, NEW(t->perm, char, g->n_indices));
    print_stmt(&p, s);
}

void
einc_resolve_print(struct text *t, const struct program *g)
{
    struct printer p = {.t = t, .p = g};
    char *used = NEW(t->perm, char, g->n_indices);
    for (int i = 0; i < g->n_tensors; i++)
        print_tensor(t, &g->tensors[i]);
    for (int i = 0; i < g->n_stmts; i++) {
        use_stmt(&p, &g->stmts[i], used);
        print_stmt(&p, &g->stmts[i]);
        einc_put(t, g->stmts[i].scatters ? "  # scatters\n" : "\n");
        print_ranges(&p);
    }
}

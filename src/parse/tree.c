/* SPDX-License-Identifier: MIT
 *
 * tree.c - dump "expr" of form B; see tree.h. It is form B again, in which
 * every operator below another one has its own parentheses.
 */
#include "parse/tree.h"

struct printer {
    struct text *t;
    struct str source;
};

static void
print_at(struct printer *p, struct span at)
{
    einc_put_str(p->t, (struct str){p->source.p + at.begin,
                                    at.end - at.begin});
}

static void print_node(struct printer *p, const struct tree *x);

/* As part of something: in parentheses if it is made by an operator. */
static void
print_part(struct printer *p, const struct tree *x)
{
    int is_op = x->kind == TREE_OP;
    einc_put(p->t, is_op ? "(" : "");
    print_node(p, x);
    einc_put(p->t, is_op ? ")" : "");
}

static void
print_op(struct printer *p, const struct tree *x)
{
    if (x->n_args == 1) {
        print_at(p, x->name_at);
        print_part(p, x->args[0]);
        return;
    }
    print_part(p, x->args[0]);
    einc_put(p->t, " ");
    print_at(p, x->name_at);
    einc_put(p->t, " ");
    print_part(p, x->args[1]);
    if (x->fn == FN_SELECT) {
        einc_put(p->t, " : ");
        print_part(p, x->args[2]);
    }
}

/* The call of the function clamp that no bound mode was: "(clamp(i))". */
static int
is_odd_clamp(const struct tree *x)
{
    return x->kind == TREE_CALL && str_equal(x->name, str_of("clamp"))
           && x->n_args != 3;
}

static void
print_args(struct printer *p, const struct tree *x, const char *ends)
{
    print_at(p, x->name_at);
    einc_put(p->t, "%c", ends[0]);
    for (int i = 0; i < x->n_args; i++) {
        int odd = x->kind == TREE_ACCESS && is_odd_clamp(x->args[i]);
        einc_put(p->t, "%s%s", i ? ", " : "", odd ? "(" : "");
        print_node(p, x->args[i]);
        einc_put(p->t, "%s", odd ? ")" : "");
    }
    einc_put(p->t, "%c", ends[1]);
}

static void
print_bound(struct printer *p, const struct tree_bound *b)
{
    einc_put_str(p->t, b->name);
    if (!b->lo)
        return;
    einc_put(p->t, " in ");
    print_part(p, b->lo);
    einc_put(p->t, ":");
    print_part(p, b->hi);
}

static void
print_bounds(struct printer *p, const struct tree_bound *b, int n)
{
    for (int i = 0; i < n; i++) {
        einc_put(p->t, i ? ", " : "");
        print_bound(p, &b[i]);
    }
}

static void
print_reduce(struct printer *p, const struct tree *x)
{
    print_at(p, x->name_at);
    if (x->has_list) {
        einc_put(p->t, "[");
        print_bounds(p, x->bounds, x->n_bounds);
        if (x->most) {
            einc_put(p->t, " -> ");
            einc_put_str(p->t, x->best);
            einc_put(p->t, ":");
            print_part(p, x->most);
        }
        einc_put(p->t, "]");
    }
    einc_put(p->t, "(");
    print_node(p, x->args[0]);
    if (x->guard) {
        einc_put(p->t, " if ");
        print_node(p, x->guard);
    }
    einc_put(p->t, ")");
}

static void
print_node(struct printer *p, const struct tree *x)
{
    switch (x->kind) {
    case TREE_NUMBER: case TREE_NAME: print_at(p, x->name_at); break;
    case TREE_ACCESS: print_args(p, x, "[]"); break;
    case TREE_CALL: case TREE_MODE: print_args(p, x, "()"); break;
    case TREE_OP: print_op(p, x); break;
    case TREE_REDUCE: print_reduce(p, x); break;
    }
}

static void
print_decls(struct printer *p, const struct tree_decl *d, int n)
{
    einc_put(p->t, "(");
    for (int i = 0; i < n; i++) {
        einc_put(p->t, "%s%s", i ? ", " : "", d[i].inout ? "inout " : "");
        einc_put_str(p->t, d[i].name);
        einc_put(p->t, "[");
        for (int k = 0; k < d[i].n_extents; k++) {
            einc_put(p->t, k ? ", " : "");
            print_at(p, d[i].extents[k]->at);
        }
        einc_put(p->t, "]");
        if (d[i].dtype)
            einc_put(p->t, ":%s", einc_dtype_info(d[i].dtype)->name);
    }
    einc_put(p->t, ")");
}

static void
print_stmt(struct printer *p, const struct tree_stmt *s)
{
    print_node(p, s->left);
    einc_put(p->t, " ");
    print_at(p, s->op_at);
    einc_put(p->t, " ");
    print_node(p, s->right);
    if (s->n_where) {
        einc_put(p->t, " where ");
        print_bounds(p, s->where, s->n_where);
    }
}

void
einc_tree_print(struct text *t, const struct tree_program *g)
{
    struct printer p = {t, g->source};
    if (g->kernel.p) {
        einc_put(t, "kernel ");
        einc_put_str(t, g->kernel);
        print_decls(&p, g->in, g->n_in);
        einc_put(t, " -> ");
        print_decls(&p, g->out, g->n_out);
        einc_put(t, ":\n");
    }
    for (int i = 0; i < g->n_stmts; i++) {
        print_stmt(&p, &g->stmts[i]);
        einc_put(t, i + 1 < g->n_stmts ? ";\n" : "\n");
    }
}

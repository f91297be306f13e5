/* SPDX-License-Identifier: MIT
 *
 * tree.c - dump "expr" of form B; see tree.h. A node a line: what it is, its
 * name or number as written, its place; what it is made of stands below it,
 * two columns further in.
 */
#include "parse/tree.h"

struct printer {
    struct text *t;
    struct str source;
};

static void
print_end(struct printer *p, struct span at)
{
    einc_put(p->t, " %d:%d\n", at.begin, at.end);
}

/* Without the rest of the line. */
static void
print_word(struct printer *p, const char *kind, struct str word)
{
    einc_put(p->t, "%*s%s ", p->t->indent, "", kind);
    einc_put_str(p->t, word);
}

static struct str
text_at(const struct printer *p, struct span at)
{
    return (struct str){p->source.p + at.begin, at.end - at.begin};
}

static void print_node(struct printer *p, const struct tree *x);

static void
print_nodes(struct printer *p, const struct tree *const *x, int n)
{
    p->t->indent += 2;
    for (int i = 0; i < n; i++)
        print_node(p, x[i]);
    p->t->indent -= 2;
}

/* "over p in" and the ends of its range below. */
static void
print_bound(struct printer *p, const char *kind, const struct tree_bound *b)
{
    print_word(p, kind, b->name);
    if (b->lo)
        einc_put(p->t, " in");
    print_end(p, b->at);
    if (b->lo)
        print_nodes(p, (const struct tree *const[]){b->lo, b->hi}, 2);
}

static void
print_reduce(struct printer *p, const struct tree *x)
{
    p->t->indent += 2;
    for (int i = 0; i < x->n_bounds; i++)
        print_bound(p, "over", &x->bounds[i]);
    if (x->most) {
        print_word(p, "best", x->best);
        print_end(p, x->best_at);
        print_nodes(p, &x->most, 1);
    }
    if (x->guard) {
        einc_line(p->t, "if");
        print_nodes(p, &x->guard, 1);
    }
    p->t->indent -= 2;
    print_nodes(p, x->args, x->n_args);
}

static void
print_node(struct printer *p, const struct tree *x)
{
    static const char *const kinds[] = {
        [TREE_NUMBER] = "number", [TREE_NAME] = "name",
        [TREE_ACCESS] = "access", [TREE_CALL] = "call", [TREE_OP] = "op",
        [TREE_MODE] = "mode", [TREE_REDUCE] = "reduce"};
    struct str word = x->kind == TREE_OP ? str_of(einc_fn_info(x->fn)->name)
                                         : text_at(p, x->name_at);
    print_word(p, kinds[x->kind], word);
    print_end(p, x->at);
    if (x->kind == TREE_REDUCE)
        print_reduce(p, x);
    else
        print_nodes(p, x->args, x->n_args);
}

static void
print_decl(struct printer *p, const char *kind, const struct tree_decl *d)
{
    print_word(p, kind, d->name);
    einc_put(p->t, "[");
    for (int i = 0; i < d->n_extents; i++) {
        einc_put(p->t, i ? "," : "");
        einc_put_str(p->t, text_at(p, d->extents[i]->at));
    }
    einc_put(p->t, "]");
    if (d->dtype)
        einc_put(p->t, ":%s", einc_dtype_info(d->dtype)->name);
    print_end(p, d->at);
}

static void
print_header(struct printer *p, const struct tree_program *g)
{
    einc_put(p->t, "kernel ");
    einc_put_str(p->t, g->kernel);
    einc_put(p->t, "\n");
    for (int i = 0; i < g->n_in; i++)
        print_decl(p, g->in[i].inout ? "in inout" : "in", &g->in[i]);
    for (int i = 0; i < g->n_out; i++)
        print_decl(p, g->out[i].inout ? "out inout" : "out", &g->out[i]);
}

void
einc_tree_print(struct text *t, const struct tree_program *g)
{
    struct printer p = {t, g->source};
    einc_line(t, "expr program");
    if (g->kernel.p)
        print_header(&p, g);
    for (int i = 0; i < g->n_stmts; i++) {
        const struct tree_stmt *s = &g->stmts[i];
        print_word(&p, "stmt", text_at(&p, s->op_at));
        print_end(&p, s->at);
        print_nodes(&p, (const struct tree *const[]){s->left, s->right}, 2);
        t->indent += 2;
        for (int k = 0; k < s->n_where; k++)
            print_bound(&p, "where", &s->where[k]);
        t->indent -= 2;
    }
}

/* SPDX-License-Identifier: MIT
 *
 * script_notes.c - what a statement says twice: kernels compute equal values
 * once (src/codegen/value.c), and who asks for the plan is told which.
 */
#include "plan/script_parts.h"

enum {
    MOST_NODES = 256, /* that are compared, each with each */
    LEAST_NODES = 3   /* of what is worth a line */
};

struct list {
    const struct node *node[MOST_NODES];
    int n;
};

/* Whether they are equal where both stand: free indices are the same ones. */
static int
is_equal(struct rewrite *r, const struct node *a, const struct node *b)
{
    struct arena room = *r->perm; /* what is tried takes none of it */
    char *set = NEW(&room, char, r->p.n_indices);
    int *to = NEW(&room, int, r->p.n_indices);
    einc_rewrite_free(&r->p, a, set);
    for (int x = 0; x < r->p.n_indices; x++)
        to[x] = set[x] ? x : -1;
    return a->kind == b->kind && a->type == b->type &&
           einc_rewrite_same(&r->p, a, b, to);
}

/* The sum of a softmax holds its terms once more, in the same pass. */
static void
look(struct rewrite *r, struct list *l, const struct node *n)
{
    int worthy = n->kind == NODE_REDUCE ||
                 (n->kind == NODE_CALL && n->fn != FN_CAST &&
                  einc_rewrite_count(n) >= LEAST_NODES);
    if (n->lse || l->n == MOST_NODES)
        return;
    for (int i = 0; worthy && i < l->n; i++)
        if (is_equal(r, l->node[i], n)) {
            struct str words = einc_rewrite_words(r, n->at);
            einc_rewrite_note(r, "repeated: %.*s is computed once",
                              (int)words.n, words.p);
            return;
        }
    if (worthy)
        l->node[l->n++] = n;
    for (int a = 0; a < n->n_args; a++)
        look(r, l, n->args[a]);
}

void
einc_script_notes(struct rewrite *r)
{
    for (int s = 0; s < r->p.n_stmts; s++) {
        struct list l = {.n = 0};
        look(r, &l, r->p.stmts[s].right);
    }
}

/* SPDX-License-Identifier: MIT
 *
 * path_greedy.c - contracts again and again the pair that removes most
 * elements, as opt_einsum's greedy does (Smith and Gray, JOSS 2018,
 * 10.21105/joss.00753): every value has its best partner in a heap. What
 * shares no index is joined at the end, smallest first. Near n log n, also
 * with indices that thousands of operands hold: such an index is tried with
 * its first holders only.
 */
#include "plan/cost.h"
#include "plan/path.h"

enum {
    MAX_HOLDERS = 32,   /* partners tried per index */
    MAX_PARTNERS = 256, /* partners tried per value */
    MAX_AGAIN = 8       /* times a value looks for a new partner; it may still
                         * be taken as another's. Else a star is quadratic */
};

struct value {
    int *legs, n_legs;
    double size;
    int live;
    int seen;  /* the last search that tried it as a partner */
    int again; /* searches of its own after the first */
};

/* Who holds an index: a list per index. Entries of dead values are unlinked
 * when they are met. */
struct link {
    int value, next;
};

struct entry {
    double score; /* elements gained; less is better */
    int a, b;     /* b -1: the size of a, in the last phase */
};

struct greedy {
    const struct net *net;
    struct arena *arena;
    struct value *values; /* [2*n_in - 1] */
    int n_values;
    struct path_step *steps;
    int *holders;         /* as in net, of live values */
    int search;           /* number of the present search for a partner */
    int *mark;            /* [n_indices] last search by a value with this leg */
    int *head;            /* [n_indices] into links, -1: end */
    struct link *links;
    int n_links, max_links;
    struct entry *heap;   /* the least first */
    int n_heap, max_heap;
};

/* --- the heap ----------------------------------------------------------- */

static int
before(struct entry x, struct entry y)
{
    if (x.score < y.score || y.score < x.score)
        return x.score < y.score;
    return x.a != y.a ? x.a < y.a : x.b < y.b;
}

/* Arrays grow by doubling; the old copy is lost to the arena. */
static void
push(struct greedy *g, struct entry e)
{
    int i = g->n_heap++;
    if (g->n_heap > g->max_heap) {
        int max = 2 * g->max_heap + 64;
        struct entry *p = NEW(g->arena, struct entry, max);
        for (int k = 0; k < i; k++)
            p[k] = g->heap[k];
        g->heap = p;
        g->max_heap = max;
    }
    for (; i > 0 && before(e, g->heap[(i - 1) / 2]); i = (i - 1) / 2)
        g->heap[i] = g->heap[(i - 1) / 2];
    g->heap[i] = e;
}

static struct entry
pop(struct greedy *g)
{
    struct entry top = g->heap[0], e = g->heap[--g->n_heap];
    int i = 0;
    for (;;) {
        int c = 2 * i + 1;
        if (c + 1 < g->n_heap && before(g->heap[c + 1], g->heap[c]))
            c++;
        if (c >= g->n_heap || !before(g->heap[c], e))
            break;
        g->heap[i] = g->heap[c];
        i = c;
    }
    g->heap[i] = e;
    return top;
}

/* --- values ------------------------------------------------------------- */

static void
add_link(struct greedy *g, int x, int v)
{
    if (g->n_links == g->max_links) {
        int max = 2 * g->max_links + 64;
        struct link *p = NEW(g->arena, struct link, max);
        for (int k = 0; k < g->n_links; k++)
            p[k] = g->links[k];
        g->links = p;
        g->max_links = max;
    }
    g->links[g->n_links] = (struct link){v, g->head[x]};
    g->head[x] = g->n_links++;
}

static int
add_value(struct greedy *g, int *legs, int n_legs, double size)
{
    int v = g->n_values++;
    g->values[v] = (struct value){legs, n_legs, size, 1, 0, 0};
    for (int i = 0; i < n_legs; i++)
        add_link(g, legs[i], v);
    return v;
}

static void
drop_value(struct greedy *g, int v)
{
    g->values[v].live = 0;
    for (int i = 0; i < g->values[v].n_legs; i++)
        g->holders[g->values[v].legs[i]]--;
}

static int
join(struct greedy *g, int a, int b)
{
    struct value *x = &g->values[a], *y = &g->values[b];
    int *legs = NEW(g->arena, int, x->n_legs + y->n_legs);
    double size;
    int n = einc_path_join(g->net, g->holders, x->legs, x->n_legs, y->legs,
                           y->n_legs, legs, NULL, &size);
    g->steps[g->n_values - g->net->n_in] = (struct path_step){a, b};
    drop_value(g, a);
    drop_value(g, b);
    for (int i = 0; i < n; i++)
        g->holders[legs[i]]++;
    return add_value(g, legs, n, size);
}

/* --- partners ----------------------------------------------------------- */

/* What joining v and w adds to the elements in memory. Legs of v are marked,
 * so this is linear in those of w. */
static double
score(const struct greedy *g, int v, int w)
{
    const struct value *y = &g->values[w];
    double size = g->values[v].size;
    for (int i = 0; i < y->n_legs; i++) {
        int x = y->legs[i];
        if (g->mark[x] != g->search)
            size = einc_cost_size(size, g->net->extent[x]);
        else if (g->holders[x] == 2 && g->net->extent[x] > 0)
            size /= g->net->extent[x];
    }
    return size - g->values[v].size - y->size;
}

/* Looks at the live holders of index x; returns how many were new. */
static int
try_holders(struct greedy *g, int v, int x, struct entry *best)
{
    int *from = &g->head[x], tried = 0;
    for (int n = 0; *from >= 0 && n < MAX_HOLDERS;) {
        int w = g->links[*from].value;
        if (!g->values[w].live) {
            *from = g->links[*from].next;
            continue;
        }
        from = &g->links[*from].next;
        n++;
        if (w == v || g->values[w].seen == g->search)
            continue;
        g->values[w].seen = g->search;
        struct entry e = {score(g, v, w), v, w};
        if (best->b < 0 || before(e, *best))
            *best = e;
        tried++;
    }
    return tried;
}

/* Queues v with its best partner, if it shares an index with anything. */
static void
queue(struct greedy *g, int v)
{
    const struct value *y = &g->values[v];
    struct entry best = {0, v, -1};
    g->search++;
    for (int i = 0; i < y->n_legs; i++)
        g->mark[y->legs[i]] = g->search;
    for (int i = 0, n = 0; i < y->n_legs && n < MAX_PARTNERS; i++)
        n += try_holders(g, v, y->legs[i], &best);
    if (best.b >= 0)
        push(g, best);
}

/* --- the phases --------------------------------------------------------- */

/* Into one, and that into the smallest operand: else the whole result would
 * be scaled in a pass of its own. */
static void
join_scalars(struct greedy *g)
{
    int scalar = -1, smallest = -1;
    for (int v = 0; v < g->net->n_in; v++) {
        if (g->values[v].n_legs == 0)
            scalar = scalar < 0 ? v : join(g, scalar, v);
        else if (smallest < 0 || g->values[v].size < g->values[smallest].size)
            smallest = v;
    }
    if (scalar >= 0 && smallest >= 0)
        join(g, smallest, scalar);
}

static void
join_neighbours(struct greedy *g)
{
    for (int v = 0, n = g->n_values; v < n; v++)
        if (g->values[v].live)
            queue(g, v);
    while (g->n_heap) {
        struct entry e = pop(g);
        if (!g->values[e.a].live)
            continue;
        if (g->values[e.b].live)
            queue(g, join(g, e.a, e.b));
        else if (g->values[e.a].again++ < MAX_AGAIN)
            queue(g, e.a);
    }
}

static void
join_rest(struct greedy *g)
{
    for (int v = 0; v < g->n_values; v++)
        if (g->values[v].live)
            push(g, (struct entry){g->values[v].size, v, -1});
    while (g->n_heap > 1) {
        int a = pop(g).a, b = pop(g).a, v = join(g, a, b);
        push(g, (struct entry){g->values[v].size, v, -1});
    }
}

static void
open_greedy(struct greedy *g, const struct net *net)
{
    struct arena *a = g->arena;
    g->net = net;
    g->values = NEW(a, struct value, 2 * (int64_t)net->n_in);
    g->holders = NEW(a, int, net->n_indices);
    g->mark = NEW(a, int, net->n_indices);
    g->head = NEW(a, int, net->n_indices);
    for (int x = 0; x < net->n_indices; x++) {
        g->holders[x] = net->holders[x];
        g->head[x] = -1;
    }
    for (int o = 0; o < net->n_in; o++) {
        int n = net->first[o + 1] - net->first[o];
        int *legs = NEW(a, int, n);
        double size = 1;
        for (int i = 0; i < n; i++) {
            legs[i] = net->leg[net->first[o] + i];
            size = einc_cost_size(size, net->extent[legs[i]]);
        }
        add_value(g, legs, n, size);
    }
}

const struct path *
einc_path_greedy(struct arena *perm, struct arena scratch,
                 const struct net *net, const struct path_ask *ask)
{
    struct greedy g = {.arena = &scratch};
    struct path *p = NEW(perm, struct path, 1);
    (void)ask;
    g.steps = NEW(perm, struct path_step, net->n_in);
    open_greedy(&g, net);
    join_scalars(&g);
    join_neighbours(&g);
    join_rest(&g);
    *p = (struct path){"greedy", g.steps, net->n_in - 1};
    return p;
}

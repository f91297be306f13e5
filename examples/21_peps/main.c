/* SPDX-License-Identifier: MIT
 *
 * Spins on a football: energies and correlations of a projected entangled pair
 * state, as einsums of up to 360 operands.
 *
 * The state of Affleck, Kennedy, Lieb and Tasaki (1988, 10.1007/BF01218021)
 * on a graph of three edges a vertex has a spin 3/2 at each vertex, made of
 * three spins 1/2; each of these forms a singlet with one of a neighbour:
 *
 *      site[s,a,b,c]  s = 0..3 is the spin, a, b, c = 0, 1 lead to the edges:
 *                     1/sqrt(binomial(3,s)) where a + b + c = s, else 0
 *      edge[a,b]      a singlet: (0 1; -1 0)
 *
 *      bra    site---edge---site---    <psi|psi>: two layers that share s;
 *              |s            |s        <psi|Z Z|psi>: besides, a vector Z[s] at
 *      ket    site---edge---site---    two of them. A vector at each, of ones
 *                                      at the others: one plan for all pairs
 *
 * Known are
 *   energy   two neighbours have five sixths of a total spin 3 in common with
 *            none of the others: the projector on spin 3, the term of the
 *            Hamiltonian, gives 0
 *   spin     the state turns into itself, so that a spin and all others add
 *            up to nothing: sum over j of <S_i S_j> is 0, and -15/4 without i
 *   vectors  an integral over unit vectors W, 10.1103/PhysRevLett.60.531:
 *              <psi|psi> = 4^V / 2^E * mean of product over edges 1 - W_i*W_j
 *              <S_i S_j> = 25/4 <W_i W_j>
 *            which is a network of one layer: a label for each edge, 0 for
 *            the 1 and x, y, z for -W*W; a tensor for each vertex, the mean
 *            of what its three edges have of W
 *   loops    in that product only edges that form loops have a mean, which is
 *            3*(-1/3)^length: a sum that plain loops take for 20 vertices
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <einc.h>

enum { MAX_SITES = 60, MAX_EDGES = 90, MAX_TENSORS = 512 };

static int wrong;

static _Noreturn void
fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

/* --- graphs ------------------------------------------------------------- */

struct graph {
    int sites, edges;
    int end[MAX_EDGES][2];
    int32_t edge[MAX_SITES][3];
    int n_edges[MAX_SITES]; /* of a site */
};

static void
add_edge(struct graph *g, int a, int b)
{
    g->edge[a][g->n_edges[a]++] = g->edges;
    g->edge[b][g->n_edges[b]++] = g->edges;
    g->end[g->edges][0] = a;
    g->end[g->edges++][1] = b;
}

/* Two rings of ten, the inner one a star that joins every second site. */
static void
make_dodecahedron(struct graph *g)
{
    *g = (struct graph){.sites = 20};
    for (int i = 0; i < 10; i++) {
        add_edge(g, i, (i + 1) % 10);
        add_edge(g, i, 10 + i);
        add_edge(g, 10 + i, 10 + (i + 2) % 10);
    }
}

/* A pole, two rings of five, a pole. */
static int
icosahedron_joins(int a, int b)
{
    if (a > b)
        return icosahedron_joins(b, a);
    if (a == b || a == 0)
        return a != b && b <= 5;
    if (b == 11)
        return a >= 6;
    if (a <= 5 && b > 5)
        return b - 5 == a || b - 5 == a % 5 + 1;
    return b - a == 1 || b - a == 4;
}

/* An icosahedron without its corners: a site for each edge at each corner. */
static void
make_football(struct graph *g)
{
    int site[12][12], n = 0;

    for (int a = 0; a < 12; a++)
        for (int b = 0; b < 12; b++)
            site[a][b] = icosahedron_joins(a, b) ? n++ : -1;
    *g = (struct graph){.sites = n};
    for (int a = 0; a < 12; a++)
        for (int b = 0; b < 12; b++) {
            if (site[a][b] < 0)
                continue;
            if (a < b)
                add_edge(g, site[a][b], site[b][a]);
            for (int c = b + 1; c < 12; c++)
                if (site[a][c] >= 0 && icosahedron_joins(b, c))
                    add_edge(g, site[a][b], site[a][c]);
        }
}

static void
measure(const struct graph *g, int from, int distance[])
{
    for (int i = 0; i < g->sites; i++)
        distance[i] = i == from ? 0 : g->sites;
    for (int round = 0; round < g->sites; round++)
        for (int e = 0; e < g->edges; e++)
            for (int k = 0; k < 2; k++) {
                const int a = g->end[e][k], b = g->end[e][!k];
                if (distance[a] > distance[b] + 1)
                    distance[a] = distance[b] + 1;
            }
}

/* --- tensors ------------------------------------------------------------ */

static const double binomial3[4] = {1, 3, 3, 1};
static const double binomial6[7] = {1, 6, 15, 20, 15, 6, 1};
static const double singlet[2][2] = {{0, 1}, {-1, 0}};
static const double spin_z[4] = {1.5, 0.5, -0.5, -1.5};
static const double ones[4] = {1, 1, 1, 1};
static const double edge_sign[4] = {1, -1, -1, -1}; /* of 1 - W*W */
static double site[4][2][2][2];
static double spin_3[4][4][4][4];    /* the projector on total spin 3 */
static double vertex[2][4][4][4];    /* [1]: with one more W_z */

/* The mean over unit vectors W of the product of W[a] over all a in the list;
 * 0 in the list stands for 1, and x, y, z are 1, 2, 3: no more than four. */
static double
mean_of(const int list[4])
{
    int n[4] = {0};

    for (int i = 0; i < 4; i++)
        n[list[i]]++;
    if (n[1] % 2 || n[2] % 2 || n[3] % 2)
        return 0;
    return n[0] == 4 ? 1
           : n[0] == 2 ? 1.0 / 3
           : n[1] == 4 || n[2] == 4 || n[3] == 4 ? 3.0 / 15
                                                 : 1.0 / 15;
}

static void
make_tensors(void)
{
    for (int i = 0; i < 8; i++) {
        const int a = i >> 2, b = i >> 1 & 1, c = i & 1, s = a + b + c;
        site[s][a][b][c] = 1 / sqrt(binomial3[s]);
    }
    /* |3,M> has weight sqrt(b(3,s)*b(3,t)/b(6,s+t)) of the spins s and t. */
    for (int i = 0; i < 256; i++) {
        const int s = i >> 6, t = i >> 4 & 3, u = i >> 2 & 3, v = i & 3;
        if (s + t == u + v)
            spin_3[s][t][u][v] = sqrt(binomial3[s] * binomial3[t]
                                      * binomial3[u] * binomial3[v])
                                 / binomial6[s + t];
    }
    for (int i = 0; i < 64; i++) {
        const int a = i >> 4, b = i >> 2 & 3, c = i & 3;
        vertex[0][a][b][c] = mean_of((int[]){a, b, c, 0});
        vertex[1][a][b][c] = mean_of((int[]){a, b, c, 3});
    }
}

/* --- networks ----------------------------------------------------------- */

struct net {
    size_t n;
    struct einc_layout in[MAX_TENSORS];
    const void *data[MAX_TENSORS];
    const int32_t *ids[MAX_TENSORS];
    size_t n_ids[MAX_TENSORS];
    int32_t labels[MAX_TENSORS][4];
};

static void
add(struct net *n, const void *data, const int64_t *shape, int n_ids,
    const int32_t ids[])
{
    const size_t t = n->n++;

    if (t == MAX_TENSORS)
        fail("too many tensors");
    memcpy(n->labels[t], ids, (size_t)n_ids * sizeof(*ids));
    n->in[t] = (struct einc_layout)EINC_LAYOUT(EINC_F64, n_ids, shape);
    n->data[t] = data;
    n->ids[t] = n->labels[t];
    n->n_ids[t] = (size_t)n_ids;
}

static struct einc_plan *
compile(const struct net *n)
{
    static const int32_t none[1]; /* no label: the result is a number */
    struct einc_plan *plan;
    struct einc_err *err;

    if (einc_compile_ids(NULL, n->n, n->ids, n->n_ids, none, 0, n->in, NULL,
                         NULL, &plan, &err))
        fail(einc_err_text(err));
    return plan;
}

static double
run(const struct einc_plan *plan, const struct net *n)
{
    struct einc_err *err;
    double value;

    if (einc_run(plan, n->data, &value, NULL, &err))
        fail(einc_err_text(err));
    return value;
}

static const int64_t fours[4] = {4, 4, 4, 4};

/* One layer. Spins have the labels spin[i], ends of edges those from `first`
 * on, two for each. */
static void
add_layer(struct net *n, const struct graph *g, const int32_t spin[],
          int32_t first)
{
    static const int64_t site_shape[4] = {4, 2, 2, 2};

    for (int i = 0; i < g->sites; i++) {
        int32_t ids[4] = {spin[i]};
        for (int k = 0; k < 3; k++) {
            const int e = g->edge[i][k];
            ids[k + 1] = first + 2 * e + (g->end[e][1] == i);
        }
        add(n, site, site_shape, 4, ids);
    }
    for (int e = 0; e < g->edges; e++)
        add(n, singlet, site_shape + 1, 2,
            (int32_t[]){first + 2 * e, first + 2 * e + 1});
}

/* Two layers, between them a vector at each site, operand i at site i: ones,
 * or spin_z where a run is to measure it. */
static void
make_layers(struct net *n, const struct graph *g)
{
    int32_t spin[MAX_SITES] = {0};

    n->n = 0;
    for (int i = 0; i < g->sites; i++) {
        spin[i] = i;
        add(n, ones, fours, 1, &spin[i]);
    }
    add_layer(n, g, spin, MAX_SITES);
    add_layer(n, g, spin, MAX_SITES + 2 * MAX_EDGES);
}

/* The same with the projector on spin 3 between the layers at an edge. */
static double
project(const struct graph *g, const int end[2])
{
    static struct net n;
    int32_t ket[MAX_SITES], bra[MAX_SITES];
    const int32_t layer = MAX_SITES, size = 2 * MAX_EDGES;

    for (int i = 0; i < g->sites; i++)
        ket[i] = bra[i] = i;
    bra[end[0]] = layer + 2 * size;
    bra[end[1]] = layer + 2 * size + 1;
    n.n = 0;
    add_layer(&n, g, bra, layer);
    add_layer(&n, g, ket, layer + size);
    add(&n, spin_3, fours, 4,
        (int32_t[]){bra[end[0]], bra[end[1]], ket[end[0]], ket[end[1]]});
    struct einc_plan *plan = compile(&n);
    const double value = run(plan, &n);
    einc_plan_free(plan);
    return value;
}

/* One layer of unit vectors; operand i at site i is vertex[0], or vertex[1]
 * where a run is to measure W_z. */
static void
make_vectors(struct net *n, const struct graph *g)
{
    n->n = 0;
    for (int i = 0; i < g->sites; i++)
        add(n, vertex[0], fours, 3, g->edge[i]);
    for (int e = 0; e < g->edges; e++)
        add(n, edge_sign, fours, 1, (int32_t[]){e});
}

/* <Z_i Z_j> of a network, `z` being what its operands i and j are for Z:
 * the plan is the same for all i and j. */
static double
run_pair(const struct einc_plan *plan, struct net *n, const void *z, int i,
         int j)
{
    const void *plain = n->data[i];

    n->data[i] = n->data[j] = z;
    const double value = run(plan, n);
    n->data[i] = n->data[j] = plain;
    return value;
}

/* --- plain loops -------------------------------------------------------- */

/* The product of 3*(-1/3)^length over the loops that `on` marks edges of; 0 if
 * some site has not none or two of them. */
static double
weight_of(const struct graph *g, const int on[])
{
    int next[MAX_SITES][2], n[MAX_SITES] = {0}, seen[MAX_SITES] = {0};
    double weight = 1;

    for (int e = 0; e < g->edges; e++)
        for (int k = 0; on[e] && k < 2; k++) {
            const int s = g->end[e][k];
            if (n[s] == 2)
                return 0;
            next[s][n[s]++] = g->end[e][!k];
        }
    for (int s = 0; s < g->sites; s++) {
        if (n[s] == 1)
            return 0;
        if (!n[s] || seen[s])
            continue;
        weight *= 3;
        for (int at = s; !seen[at];) {
            seen[at] = 1;
            weight /= -3;
            at = seen[next[at][0]] ? next[at][1] : next[at][0];
        }
    }
    return weight;
}

/* All sets of loops: sums, modulo 2, of one loop for each edge that a tree of
 * edges leaves out. */
static double
sum_of_loops(const struct graph *g)
{
    int cycle[MAX_EDGES][MAX_EDGES], n = 0, tree[MAX_EDGES] = {0};
    int parent[MAX_SITES], above[MAX_SITES], order[MAX_SITES], reached = 1;
    double sum = 0;

    for (int s = 0; s < g->sites; s++)
        parent[s] = -1;
    parent[0] = order[0] = 0;
    for (int k = 0; k < reached; k++)
        for (int d = 0; d < 3; d++) {
            const int s = order[k], e = g->edge[s][d];
            const int t = g->end[e][g->end[e][0] == s];
            if (parent[t] >= 0)
                continue;
            parent[t] = s;
            above[t] = e;
            tree[e] = 1;
            order[reached++] = t;
        }
    for (int e = 0; e < g->edges; e++) {
        if (tree[e])
            continue;
        memset(cycle[n], 0, sizeof(cycle[n]));
        cycle[n][e] = 1;
        for (int k = 0; k < 2; k++)
            for (int s = g->end[e][k]; s; s = parent[s])
                cycle[n][above[s]] ^= 1;
        n++;
    }
    for (uint32_t set = 0; set < (uint32_t)1 << n; set++) {
        int on[MAX_EDGES] = {0};
        for (int c = 0; c < n; c++)
            for (int e = 0; set >> c & 1 && e < g->edges; e++)
                on[e] ^= cycle[c][e];
        sum += weight_of(g, on);
    }
    return sum;
}

/* --- reports ------------------------------------------------------------ */

static const char *
verdict(int right)
{
    wrong += !right;
    return right ? "yes" : "NO";
}

/* By distance, and alike ones in one line. */
static void
show_correlations(const struct graph *g, const double value[])
{
    int distance[MAX_SITES], shown[MAX_SITES] = {0};

    measure(g, 0, distance);
    printf("  distance  sites  <S_i S_j>\n");
    for (int d = 1; d < g->sites; d++)
        for (int j = 1; j < g->sites; j++) {
            int alike = 0;
            if (shown[j] || distance[j] != d)
                continue;
            for (int k = j; k < g->sites; k++)
                if (distance[k] == d && fabs(value[k] - value[j]) < 1e-9) {
                    shown[k] = 1;
                    alike++;
                }
            printf("  %5d %8d   %+9.6f", d, alike, value[j]);
            for (int i = 0; i <= lround(15 * fabs(value[j])); i++)
                putchar(i == 0 ? ' ' : value[j] < 0 ? '-' : '+');
            putchar('\n');
        }
}

/* Norm, energies, and the correlations of site 0 with all others. */
static void
show(const char *name, const struct graph *g)
{
    static struct net layers, vectors;
    double value[MAX_SITES], energy = 0, furthest = 0, sum = 0;

    make_layers(&layers, g);
    make_vectors(&vectors, g);
    struct einc_plan *plan = compile(&layers), *vector = compile(&vectors);
    const double norm = run(plan, &layers), mean = run(vector, &vectors);
    for (int k = 0; k < 3; k++) {
        const int *end = g->end[g->edge[0][k]];
        energy = fmax(energy, fabs(project(g, end) / norm));
    }
    for (int j = 1; j < g->sites; j++) {
        const double w = run_pair(vector, &vectors, vertex[1], 0, j) / mean;
        value[j] = 3 * run_pair(plan, &layers, spin_z, 0, j) / norm;
        furthest = fmax(furthest, fabs(value[j] - 3 * 6.25 * w));
        sum += value[j];
    }
    einc_plan_free(plan);
    einc_plan_free(vector);

    const double known = ldexp(mean, 2 * g->sites - g->edges);
    printf("%s: %d sites, %d edges, %zu operands\n", name, g->sites, g->edges,
           layers.n);
    printf("  norm %.6f, as of vectors: %s", norm,
           verdict(fabs(norm / known - 1) < 1e-12));
    if (g->edges - g->sites < 16)
        printf(", as of loops: %s",
               verdict(fabs(sum_of_loops(g) / mean - 1) < 1e-12));
    printf("\n  energy of the edges of a site is 0: %s\n",
           verdict(energy < 1e-12));
    show_correlations(g, value);
    printf("  as of vectors: %s; their sum is -15/4: %s\n",
           verdict(furthest < 1e-11), verdict(fabs(sum + 3.75) < 1e-11));
}

int
main(void)
{
    static struct graph g;

    make_tensors();
    make_dodecahedron(&g);
    show("dodecahedron", &g);
    make_football(&g);
    show("football", &g);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

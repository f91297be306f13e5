/* SPDX-License-Identifier: MIT
 *
 * Counting with einsum: colourings and independent sets of a map.
 *
 * A label is a variable, a tensor of 0 and 1 a rule about some of them, and
 * the sum over all labels of the product of all tensors the number of ways to
 * obey all rules. The map is that of 48 states of the USA and the District of
 * Columbia, with 107 borders; every variable is in as many tensors as its
 * state has borders: a hyperedge.
 *
 *   colourings   a label of extent k for each state; for each border the
 *                matrix that is 0 where both colours are the same
 *   independent  x = 1: the state is chosen. For each border the matrix that
 *   sets         is 0 where both are
 *   kernels      independent sets to which no state can be added: besides,
 *                for each state a tensor over it and its neighbours that is 0
 *                where none of them is chosen (up to 9 dims)
 *   by size      for each state the weight {1, z} of leaving and choosing it:
 *                the sum is a polynomial in z, whose coefficients count sets
 *                by size. z runs over the roots of unity, as a label p that
 *                all 49 weights and the result share, so that one einsum
 *                takes all values and a Fourier transform the coefficients
 *   marginals    a state's label stays open: how many sets leave it, have it
 *
 * i64 counts exactly. Known are the numbers in Knuth, The Art of Computer
 * Programming 4A, section 7.1.4: 266137 kernels, 211954906 independent sets,
 * 25623183458304 colourings with four colours. Sets and kernels are also
 * counted by plain recursion.
 */
#include <complex.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <einc.h>

enum {
    MAX_STATES = 64,
    MAX_TENSORS = 512,
    MAX_RULE = 12,  /* dims of a tensor */
    POINTS = 32,    /* roots of unity: more than the largest set has states */
    P = MAX_STATES, /* the label p; labels below are states */
};

static int n_states, n_borders;
static char name[MAX_STATES][3];
static int border[MAX_TENSORS][2];
static uint64_t around[MAX_STATES]; /* neighbours, as bits */
static int wrong;

static _Noreturn void
fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

/* --- the map ------------------------------------------------------------ */

static int
state_called(const char *s)
{
    int v = 0;

    while (v < n_states && strcmp(name[v], s) != 0)
        v++;
    if (v == MAX_STATES || strlen(s) > 2)
        fail("more than 64 states, or a name of more than two letters");
    if (v == n_states)
        strcpy(name[n_states++], s);
    return v;
}

/* A line per state: its name and neighbours, each border once. */
static void
read_map(const char *path)
{
    FILE *f = fopen(path, "r");
    char line[200];

    if (!f)
        fail(path);
    while (fgets(line, sizeof(line), f)) {
        char *word = strtok(line, " \n");
        if (!word)
            continue;
        const int v = state_called(word);
        while ((word = strtok(NULL, " \n"))) {
            const int u = state_called(word);
            if (u == v || n_borders == MAX_TENSORS)
                fail(path);
            around[v] |= (uint64_t)1 << u;
            around[u] |= (uint64_t)1 << v;
            border[n_borders][0] = v;
            border[n_borders++][1] = u;
        }
    }
    fclose(f);
}

/* --- networks ----------------------------------------------------------- */

struct net {
    size_t n;
    int32_t dtype; /* enum einc_dtype */
    struct einc_layout in[MAX_TENSORS];
    const void *data[MAX_TENSORS];
    const int32_t *ids[MAX_TENSORS];
    size_t n_ids[MAX_TENSORS];
    int32_t labels[MAX_TENSORS][MAX_RULE];
    int64_t shape[MAX_TENSORS][MAX_RULE];
};

/* A tensor without elements' labels yet: add_label() gives them. */
static void
add_tensor(struct net *n, const void *data)
{
    if (n->n == MAX_TENSORS)
        fail("too many tensors");
    n->data[n->n] = data;
    n->ids[n->n] = n->labels[n->n];
    n->n_ids[n->n++] = 0;
}

static void
add_label(struct net *n, int32_t label, int64_t extent)
{
    const size_t t = n->n - 1, dim = n->n_ids[t];

    if (dim == MAX_RULE)
        fail("a state has too many neighbours");
    n->labels[t][dim] = label;
    n->shape[t][dim] = extent;
    n->n_ids[t]++;
    n->in[t] = (struct einc_layout)EINC_LAYOUT(n->dtype, (int32_t)dim + 1,
                                               n->shape[t]);
}

/* A matrix over the labels of each border. */
static void
add_borders(struct net *n, const void *matrix, int64_t extent)
{
    for (int b = 0; b < n_borders; b++) {
        add_tensor(n, matrix);
        add_label(n, border[b][0], extent);
        add_label(n, border[b][1], extent);
    }
}

/* `open`: labels of the result, not NULL, which would mean those that only
 * one tensor has. */
static void
contract(const struct net *n, const int32_t *open, size_t n_open, void *result)
{
    struct einc_plan *plan;
    struct einc_err *err;

    if (einc_compile_ids(NULL, n->n, n->ids, n->n_ids, open, n_open, n->in,
                         NULL, NULL, &plan, &err)
        || einc_run(plan, n->data, result, NULL, &err))
        fail(einc_err_text(err));
    einc_plan_free(plan);
}

/* --- what is counted ---------------------------------------------------- */

static const int32_t none[1]; /* no label: the result is a number */
static const int64_t not_both[2][2] = {{1, 1}, {1, 0}};

static int64_t
colourings(int k)
{
    static struct net n;
    int64_t differ[8][8], *d = &differ[0][0], count;

    n = (struct net){.dtype = EINC_I64};
    for (int i = 0; i < k * k; i++)
        d[i] = i / k != i % k;
    add_borders(&n, differ, k);
    contract(&n, none, 0, &count);
    return count;
}

static int64_t
kernels(void)
{
    static struct net n;
    static int64_t any[1 << MAX_RULE];
    int64_t count;

    for (int i = 1; i < 1 << MAX_RULE; i++)
        any[i] = 1;
    n = (struct net){.dtype = EINC_I64};
    add_borders(&n, not_both, 2);
    for (int v = 0; v < n_states; v++) {
        add_tensor(&n, any);
        for (int u = 0; u < n_states; u++)
            if (u == v || around[v] >> u & 1)
                add_label(&n, u, 2);
    }
    contract(&n, none, 0, &count);
    return count;
}

/* sets[0] leave the state, sets[1] have it. */
static void
marginal(int state, int64_t sets[2])
{
    static struct net n;

    n = (struct net){.dtype = EINC_I64};
    add_borders(&n, not_both, 2);
    contract(&n, &(int32_t){state}, 1, sets);
}

static void
by_size(int64_t count[POINTS])
{
    static const double complex rule[2][2] = {{1, 1}, {1, 0}};
    static struct net n;
    double complex weight[POINTS][2], value[POINTS];
    const double turn = 2 * acos(-1) / POINTS;

    for (int p = 0; p < POINTS; p++) {
        weight[p][0] = 1;
        weight[p][1] = cexp(I * turn * p);
    }
    n = (struct net){.dtype = EINC_C128};
    add_borders(&n, rule, 2);
    for (int v = 0; v < n_states; v++) {
        add_tensor(&n, weight);
        add_label(&n, P, POINTS);
        add_label(&n, v, 2);
    }
    contract(&n, &(int32_t){P}, 1, value);
    for (int size = 0; size < POINTS; size++) {
        double complex sum = 0;
        for (int p = 0; p < POINTS; p++)
            sum += value[p] * cexp(-I * turn * p * size);
        count[size] = llround(creal(sum) / POINTS);
    }
}

/* --- the same by recursion ---------------------------------------------- */

static int
lowest(uint64_t set)
{
    int v = 0;

    while (!(set >> v & 1))
        v++;
    return v;
}

static int
size_of(uint64_t set)
{
    int n = 0;

    for (; set; set &= set - 1)
        n++;
    return n;
}

/* Adds z^size times the independent subsets of `rest`, by size: those without
 * its best connected state and those with it. */
static void
count_sets(uint64_t rest, int size, int64_t count[POINTS])
{
    int best = 0, most = -1;

    for (uint64_t s = rest; s; s &= s - 1) {
        const int v = lowest(s), degree = size_of(around[v] & rest);
        if (degree > most) {
            most = degree;
            best = v;
        }
    }
    if (most > 0) {
        const uint64_t without = rest & ~((uint64_t)1 << best);
        count_sets(without, size, count);
        count_sets(without & ~around[best], size + 1, count);
        return;
    }
    /* No borders are left: any subset. */
    int64_t ways = 1;
    const int n = size_of(rest);
    for (int k = 0; k <= n; k++) {
        if (size + k < POINTS)
            count[size + k] += ways;
        ways = ways * (n - k) / (k + 1);
    }
}

/* Maximal independent sets (Bron and Kerbosch 1973): `may` can be added, `no`
 * could be as well, but sets with it are counted already. */
static int64_t
count_kernels(uint64_t may, uint64_t no)
{
    int64_t count = 0;
    int pivot = -1, least = MAX_STATES;

    if (!(may | no))
        return 1;
    /* Each kernel has the pivot or a neighbour of it. */
    for (uint64_t s = may | no; s; s &= s - 1) {
        const int v = lowest(s);
        const int ways = size_of(may & (around[v] | (uint64_t)1 << v));
        if (ways < least) {
            least = ways;
            pivot = v;
        }
    }
    for (uint64_t s = may & (around[pivot] | (uint64_t)1 << pivot); s;
         s &= s - 1) {
        const int v = lowest(s);
        const uint64_t self = (uint64_t)1 << v;
        count += count_kernels(may & ~around[v] & ~self, no & ~around[v]);
        may &= ~self;
        no |= self;
    }
    return count;
}

/* --- reports ------------------------------------------------------------ */

static const char *
verdict(int right)
{
    wrong += !right;
    return right ? "right" : "WRONG";
}

static void
show_colourings(void)
{
    static const int64_t known[5] = {0, 0, 0, 0, 25623183458304};

    for (int k = 2; k <= 4; k++) {
        const int64_t count = colourings(k);
        printf("%18lld colourings with %d colours  %s\n", (long long)count, k,
               verdict(count == known[k]));
    }
}

static void
show_sets(int64_t count[POINTS])
{
    int64_t looped[POINTS] = {0}, total = 0, most = 0;
    const uint64_t all = ~(uint64_t)0 >> (64 - n_states);
    const int64_t found = kernels();

    by_size(count);
    count_sets(all, 0, looped);
    for (int k = 0; k < POINTS; k++) {
        total += count[k];
        most = count[k] > most ? count[k] : most;
    }
    printf("%18lld kernels                    %s\n", (long long)found,
           verdict(found == 266137 && found == count_kernels(all, 0)));
    printf("%18lld independent sets           %s\n", (long long)total,
           verdict(total == 211954906));
    printf("\nby size: %s\n",
           verdict(!memcmp(count, looped, sizeof(looped))));
    for (int k = 0; k < POINTS && (k == 0 || count[k]); k++) {
        printf("%3d %10lld ", k, (long long)count[k]);
        for (int64_t i = 0; i < 50 * count[k] / most; i++)
            putchar('#');
        putchar('\n');
    }
}

static void
show_marginals(const int64_t count[POINTS])
{
    static const char tiles[8][12][3] = {
        {"", "", "", "", "", "", "", "", "", "", "ME"},
        {"", "", "", "", "", "", "", "", "", "VT", "NH"},
        {"WA", "ID", "MT", "ND", "MN", "WI", "", "MI", "NY", "MA", "RI"},
        {"OR", "NV", "WY", "SD", "IA", "IL", "IN", "OH", "PA", "NJ", "CT"},
        {"CA", "UT", "CO", "NE", "MO", "KY", "WV", "VA", "MD", "DE"},
        {"", "AZ", "NM", "KS", "AR", "TN", "NC", "SC", "DC"},
        {"", "", "", "OK", "LA", "MS", "AL", "GA"},
        {"", "", "", "TX", "", "", "", "FL"}};
    int64_t chosen = 0, total = 0, sizes = 0;

    for (int k = 0; k < POINTS; k++) {
        total += count[k];
        sizes += k * count[k];
    }
    printf("\nhow many in a hundred independent sets have a state\n\n");
    for (int r = 0; r < 8; r++) {
        for (int c = 0; c < 12 && r + c < 18; c++) {
            int64_t sets[2];
            if (!tiles[r][c][0]) {
                printf("      ");
                continue;
            }
            marginal(state_called(tiles[r][c]), sets);
            chosen += sets[1];
            wrong += sets[0] + sets[1] != total;
            printf(" %s %2.0f", tiles[r][c],
                   100 * (double)sets[1] / (double)total);
        }
        putchar('\n');
    }
    printf("\ntheir sum is the sum of all sizes: %s\n",
           verdict(chosen == sizes));
}

int
main(int argc, char **argv)
{
    int64_t count[POINTS];

    read_map(argc > 1 ? argv[1] : "../data/states.txt");
    printf("%d states, %d borders\n\n", n_states, n_borders);
    show_colourings();
    show_sets(count);
    show_marginals(count);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: MIT
 *
 * planner.c - orders of contraction: what einc_path_create() finds for the
 * networks of a file, beside the best orders known and those of others.
 *     planner CASES.json [--seeds N] [--units UNITS,UNITS...] [NAME...]
 * CASES.json: {"cases": {NAME: {"inputs": [[label...]...], "output": [...],
 * "sizes": [...], "best": {"C": ...}, "oe": ..., "ctg20": ...}...}}, where C,
 * oe (opt_einsum, 128 random greedy orders) and ctg20 (cotengra, 20 seconds)
 * are log10 of multiplications. Ours are counted here, by code that shares
 * nothing with the library: the product of all extents that a step touches.
 * Seconds are of the processor, medians over the seeds.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "einc.h"

enum { MAX_SEEDS = 9, MAX_BUDGETS = 4 };

/* --- memory and JSON ---------------------------------------------------- */

static void
fail(const char *what)
{
    fprintf(stderr, "planner: %s\n", what);
    exit(1);
}

static void *
room(size_t n, size_t bytes)
{
    void *p = calloc(n ? n : 1, bytes);
    if (!p)
        fail("out of memory");
    return p;
}

static char *
read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t n = 0, max = 1 << 20, got;
    char *p = room(max, 1);
    if (!f)
        fail("the file cannot be read");
    while ((got = fread(p + n, 1, max - n - 1, f)) > 0) {
        n += got;
        if (n + 1 == max && !(p = realloc(p, max *= 2)))
            fail("out of memory");
    }
    fclose(f);
    p[n] = 0;
    return p;
}

static const char *
skip_blank(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

/* Behind one value. */
static const char *
skip_value(const char *p)
{
    int depth = 0;
    p = skip_blank(p);
    do {
        if (*p == '"')
            for (p++; *p && *p != '"'; p++)
                p += *p == '\\' && p[1];
        depth += *p == '[' || *p == '{';
        depth -= *p == ']' || *p == '}';
        if (!*p)
            fail("the file is no JSON");
        p++;
    } while (depth > 0 || (depth == 0 && *p && !strchr(",]} \r\n", *p)));
    return p;
}

/* Steps through an object: key and value; NULL at its end. */
static const char *
next_member(const char *p, char key[64], const char **value)
{
    p = skip_blank(p);
    p = *p == '{' || *p == ',' ? skip_blank(p + 1) : p;
    if (*p != '"')
        return NULL;
    size_t n = strcspn(++p, "\"");
    snprintf(key, 64, "%.*s", (int)n, p);
    *value = skip_blank(strchr(p + n, ':') + 1);
    return skip_value(*value);
}

static const char *
find_member(const char *object, const char *name)
{
    char key[64];
    const char *value;
    while ((object = next_member(object, key, &value)))
        if (!strcmp(key, name))
            return value;
    return NULL;
}

static size_t
count_values(const char *p)
{
    size_t n = 0;
    p = skip_blank(p + 1);
    for (; *p && *p != ']'; n++) {
        p = skip_blank(skip_value(p));
        p = *p == ',' ? skip_blank(p + 1) : p;
    }
    return n;
}

static size_t
read_ids(const char *p, int32_t **ids)
{
    size_t n = count_values(p);
    *ids = room(n, sizeof **ids);
    for (size_t i = 0; i < n; i++) {
        char *end;
        (*ids)[i] = (int32_t)strtol(p + 1, &end, 10);
        p = skip_blank(end);
    }
    return n;
}

static double
read_real(const char *object, const char *name)
{
    const char *p = object ? find_member(object, name) : NULL;
    return p && *p != 'n' ? strtod(p, NULL) : NAN;
}

/* --- networks ----------------------------------------------------------- */

struct network {
    struct einc_network k;
    int32_t **ids;
    size_t *n_ids;
    int32_t *out;
    int64_t *extent;
    double best, oe, ctg;
};

static struct network
read_network(const char *object)
{
    struct network x = {.k = {.size = sizeof x.k}};
    const char *inputs = find_member(object, "inputs");
    const char *output = find_member(object, "output");
    const char *sizes = find_member(object, "sizes");
    int32_t *extents;
    if (!inputs || !output || !sizes)
        fail("a case has no inputs, output or sizes");
    x.k.n_in = count_values(inputs);
    x.ids = room(x.k.n_in, sizeof *x.ids);
    x.n_ids = room(x.k.n_in, sizeof *x.n_ids);
    for (size_t o = 0; o < x.k.n_in; o++) {
        inputs = skip_blank(inputs + 1);
        x.n_ids[o] = read_ids(inputs, &x.ids[o]);
        inputs = skip_blank(skip_value(inputs));
    }
    x.k.n_out_ids = read_ids(output, &x.out);
    x.k.n_extents = read_ids(sizes, &extents);
    x.extent = room(x.k.n_extents, sizeof *x.extent);
    for (size_t i = 0; i < x.k.n_extents; i++)
        x.extent[i] = extents[i];
    free(extents);
    x.k.ids = (const int32_t *const *)x.ids;
    x.k.n_ids = x.n_ids;
    x.k.out_ids = x.out;
    x.k.extent = x.extent;
    x.best = read_real(find_member(object, "best"), "C");
    x.oe = read_real(object, "oe");
    x.ctg = read_real(object, "ctg20");
    return x;
}

static void
free_network(struct network *x)
{
    for (size_t o = 0; o < x->k.n_in; o++)
        free(x->ids[o]);
    free(x->ids);
    free(x->n_ids);
    free(x->out);
    free(x->extent);
}

/* --- counting ----------------------------------------------------------- */

struct value {
    int32_t *ids;
    size_t n;
};

/* Labels of both, each once, that `mark` has not got; marks them. */
static size_t
unite(const struct value *a, const struct value *b, int32_t *mark,
      int32_t stamp, int32_t *out)
{
    const struct value *of[] = {a, b};
    size_t n = 0;
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < of[k]->n; i++) {
            int32_t x = of[k]->ids[i];
            if (mark[x] != stamp)
                out[n++] = x;
            mark[x] = stamp;
        }
    return n;
}

/* Each value's labels once, without those that only it holds. */
static void
open_values(const struct network *x, struct value *v, int32_t *holders,
            int32_t *mark)
{
    const struct value none = {0};
    for (size_t i = 0; i < x->k.n_out_ids; i++)
        holders[x->out[i]]++;
    for (size_t o = 0; o < x->k.n_in; o++) {
        const struct value own = {x->ids[o], x->n_ids[o]};
        v[o].ids = room(own.n, sizeof *v[o].ids);
        v[o].n = unite(&own, &none, mark, (int32_t)o + 1, v[o].ids);
        for (size_t i = 0; i < v[o].n; i++)
            holders[v[o].ids[i]]++;
    }
    for (size_t o = 0; o < x->k.n_in; o++) {
        size_t n = 0;
        for (size_t i = 0; i < v[o].n; i++)
            if (holders[v[o].ids[i]] > 1)
                v[o].ids[n++] = v[o].ids[i];
        v[o].n = n;
    }
}

/* log10 of the multiplications of an order. */
static double
count(const struct network *x, const int32_t *steps)
{
    size_t n = x->k.n_in, n_values = 2 * n - 1;
    struct value *v = room(n_values, sizeof *v);
    int32_t *holders = room(x->k.n_extents, sizeof *holders);
    int32_t *mark = room(x->k.n_extents, sizeof *mark);
    double *log = room(n, sizeof *log), most = 0, sum = 0;
    open_values(x, v, holders, mark);
    for (size_t s = 0; s + 1 < n; s++) {
        struct value *a = &v[steps[2 * s]], *b = &v[steps[2 * s + 1]];
        struct value *c = &v[n + s];
        if (!a->ids || !b->ids || a == b || a >= c || b >= c)
            fail("a step takes a value that is not there");
        c->ids = room(a->n + b->n, sizeof *c->ids);
        size_t all = unite(a, b, mark, (int32_t)(n + s) + 1, c->ids);
        for (size_t i = 0; i < a->n; i++)
            holders[a->ids[i]]--;
        for (size_t i = 0; i < b->n; i++)
            holders[b->ids[i]]--;
        for (size_t i = 0; i < all; i++) {
            int32_t l = c->ids[i];
            log[s] += log10((double)x->extent[l]);
            if (holders[l] > 0)
                c->ids[c->n++] = l;
        }
        for (size_t i = 0; i < c->n; i++)
            holders[c->ids[i]]++;
        most = log[s] > most ? log[s] : most;
        free(a->ids);
        free(b->ids);
        a->ids = b->ids = NULL;
    }
    for (size_t s = 0; s + 1 < n; s++)
        sum += pow(10, log[s] - most);
    for (size_t i = 0; i < n_values; i++)
        free(v[i].ids);
    free(v);
    free(holders);
    free(mark);
    free(log);
    return most + log10(sum);
}

/* --- the table ---------------------------------------------------------- */

struct figure {
    double log10, seconds;
};

static double
processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static struct figure
search(const struct network *x, const char *units, int seed)
{
    struct einc_path *path;
    struct einc_err *err = NULL;
    char how[128];
    snprintf(how, sizeof how, "search:%d,work=%s,objective=flops", seed,
             units);
    double start = processor_seconds();
    if (einc_path_create(NULL, &x->k, how, &path, &err))
        fail(einc_err_text(err));
    struct figure f = {0, processor_seconds() - start};
    f.log10 = count(x, einc_path_steps(path));
    einc_path_free(path);
    return f;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static struct figure
median(const struct figure *f, int n)
{
    double log[MAX_SEEDS], seconds[MAX_SEEDS];
    for (int i = 0; i < n; i++) {
        log[i] = f[i].log10;
        seconds[i] = f[i].seconds;
    }
    qsort(log, (size_t)n, sizeof *log, compare);
    qsort(seconds, (size_t)n, sizeof *seconds, compare);
    return (struct figure){log[n / 2], seconds[n / 2]};
}

static void
put_known(double x)
{
    if (isnan(x))
        printf(" %7s", "-");
    else
        printf(" %7.2f", x);
}

static void
put_case(const char *name, struct network *x, char *const *units,
         int n_units, int n_seeds)
{
    printf("%-30.30s %6zu", name, x->k.n_in);
    put_known(x->oe);
    put_known(x->ctg);
    put_known(x->best);
    for (int u = 0; u < n_units; u++) {
        struct figure f[MAX_SEEDS];
        for (int s = 0; s < n_seeds; s++)
            f[s] = search(x, units[u], s);
        struct figure m = median(f, n_seeds);
        printf(" %7.2f %+6.2f %6.2f", m.log10, m.log10 - x->best, m.seconds);
        fflush(stdout);
    }
    printf("\n");
}

static int
is_wanted(const char *name, char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(names[i], name))
            return 1;
    return n == 0;
}

int
main(int argc, char **argv)
{
    char each[] = "300000000,1500000000", *list = each, *units[MAX_BUDGETS];
    int seeds = 3, n_units = 0, at = 2;
    if (argc < 2)
        fail("usage: planner CASES.json [--seeds N] [--units U,U] [NAME...]");
    for (; at + 1 < argc && !strncmp(argv[at], "--", 2); at += 2) {
        if (!strcmp(argv[at], "--seeds"))
            seeds = atoi(argv[at + 1]);
        else
            list = argv[at + 1];
    }
    seeds = seeds < 1 ? 1 : seeds > MAX_SEEDS ? MAX_SEEDS : seeds;
    for (char *u = strtok(list, ","); u && n_units < MAX_BUDGETS;
         u = strtok(NULL, ","))
        units[n_units++] = u;
    printf("log10 of multiplications; ours: medians of %d seeds, beside the "
           "best known, CPU s\n%-30s %6s %7s %7s %7s", seeds, "network",
           "n", "oe128", "ctg20", "best");
    for (int u = 0; u < n_units; u++)
        printf(" %7.0e %6s %6s", atof(units[u]), "+", "s");
    printf("\n");
    char *text = read_file(argv[1]), key[64];
    const char *p = find_member(text, "cases"), *value;
    if (!p)
        fail("the file has no cases");
    while ((p = next_member(p, key, &value))) {
        if (!is_wanted(key, argv + at, argc - at))
            continue;
        struct network x = read_network(value);
        put_case(key, &x, units, n_units, seeds);
        free_network(&x);
    }
    free(text);
    return 0;
}

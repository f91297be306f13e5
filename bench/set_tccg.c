/* SPDX-License-Identifier: MIT
 *
 * set_tccg.c - see tccg.h; and against numpy and torch.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tccg.h"
#include "trial.h"

#define PEERS "numpy torch"
#define MOST_FLOP 2e9
enum { NUMPY, TORCH, N_JUDGED, SMALL = 24, MOST_LABELS = 12 };

struct sizes {
    char label[MOST_LABELS];
    int64_t extent[MOST_LABELS];
    int n;
};

static struct sizes
read_sizes(const char *text)
{
    struct sizes s = {.n = 0};
    for (const char *z = text; z && s.n < MOST_LABELS; z = strchr(z, ',')) {
        z += *z == ',';
        s.label[s.n] = *z;
        s.extent[s.n++] = strtoll(z + 2, NULL, 10);
    }
    return s;
}

/* Multiples of 24, of which every stride-1 extent of the suite is one, and of
 * 4, which all others are, stay such; what is large stays above SMALL. */
static int64_t
scaled(int64_t extent, double factor)
{
    int64_t unit = extent % 24 ? 4 : 24;
    int64_t x = (int64_t)(factor * (double)extent) / unit * unit;
    return extent <= SMALL ? extent : x < SMALL ? SMALL : x;
}

static double
flop(const struct sizes *s, double factor)
{
    double x = 2;
    for (int z = 0; z < s->n; z++)
        x *= (double)scaled(s->extent[z], factor);
    return x;
}

/* The text of the sizes that are run; whether that is the published size. */
static bool
write_sizes(const char *text, char *to, size_t bytes)
{
    struct sizes s = read_sizes(text);
    double factor = 1;
    while (flop(&s, factor) > MOST_FLOP && factor > 0.05)
        factor *= 0.99;
    for (int z = 0; z < s.n; z++) {
        int n = snprintf(to, bytes, "%s%c=%lld", z ? "," : "", s.label[z],
                         (long long)scaled(s.extent[z], factor));
        to += n;
        bytes -= (size_t)n;
    }
    return factor == 1;
}

/* Logarithms of the ratios of a type, for the geometric mean. */
struct tally {
    double sum[N_JUDGED], least[N_JUDGED];
    int n[N_JUDGED];
};

static void
count(struct tally *y, const struct outcome *o)
{
    for (int p = 0; p < N_JUDGED; p++) {
        double x = o->peer[p];
        if (!o->done || x <= 0)
            continue;
        y->sum[p] += log(x);
        if (!y->n[p]++ || x < y->least[p])
            y->least[p] = x;
    }
}

static void
summarize(struct bench *b, const struct tally *y, const char *type)
{
    static const char *const names[N_JUDGED] = {"numpy", "torch"};
    static const double bars[N_JUDGED] = {2.5, 4.0};
    for (int p = 0; p < N_JUDGED; p++) {
        char what[64];
        if (!y->n[p])
            continue;
        double mean = exp(y->sum[p] / y->n[p]);
        snprintf(what, sizeof what, "%s, geometric mean of %d, %s", type,
                 y->n[p], names[p]);
        table_begin(b->table, what);
        table_cell(b->table, 8, "%.2f", mean);
        table_cell(b->table, 14, "least %.2f", y->least[p]);
        table_bar(b->table, b->set, "mean", mean, bars[p], false);
        table_bar(b->table, b->set, "least", y->least[p], 1, false);
        table_end(b->table);
    }
}

void
tccg_each(const struct bench *b, enum einc_dtype type,
          void (*run)(void *user, const struct tccg_case *x), void *user)
{
    char *cases = bench_text(b, "tccg.txt");
    const char *word = einc_dtype_name(type);
    for (const char *z = cases; z && *z; z = strchr(z, '\n')) {
        char expr[64], published[64], f32[128], f64[128], sizes[128];
        z += *z == '\n';
        if (sscanf(z, "%63[^ #\n] %63s %127s %127s", expr, published, f32,
                   f64) != 4)
            continue;
        bool whole = write_sizes(type == EINC_F32 ? f32 : f64, sizes,
                                 sizeof sizes);
        char name[96];
        snprintf(name, sizeof name, "%s %s%s", word, expr,
                 whole ? "" : ", reduced");
        struct tccg_case x = {name, expr, sizes, type};
        run(user, &x);
    }
    free(cases);
}

struct running {
    struct bench *b;
    struct tally tally;
};

static void
run_case(void *user, const struct tccg_case *x)
{
    struct running *r = user;
    struct trial t = {.name = x->name, .expr = x->expr, .sizes = x->sizes,
                      .type = x->type, .peers = PEERS};
    struct outcome o = trial_run(r->b, &t);
    count(&r->tally, &o);
}

static void
run_type(struct bench *b, enum einc_dtype type)
{
    struct running r = {.b = b, .tally = {.n = {0}}};
    tccg_each(b, type, run_case, &r);
    summarize(b, &r.tally, einc_dtype_name(type));
}

void
set_tccg(struct bench *b)
{
    trial_heading(b, "tensor contractions of TCCG; 'reduced': extents above "
                     "24 scaled down together until 2 GFLOP are left; numpy "
                     "with optimize=True,\nnumpy and torch with a dense "
                     "result", PEERS);
    run_type(b, EINC_F32);
    run_type(b, EINC_F64);
}

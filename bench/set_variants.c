/* SPDX-License-Identifier: MIT
 *
 * set_variants.c - does the model choose well? Every family of kernels that
 * can do a contraction of TCCG is timed; what einc would take by itself is
 * held against the fastest.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rounds.h"
#include "subject.h"
#include "tccg.h"

static const char *const families[] = {"gett", "direct", "lanes", "stream"};
enum { N_FAMILIES = sizeof families / sizeof *families, NAME_BYTES = 48 };

/* A kernel of one family. */
struct variant {
    const char *name;
    struct einc_plan *plan;
    void *work;
    size_t work_bytes;
    const struct subject *s;
    struct local local;
    int place; /* among the contenders, -1: it is none */
};

struct state {
    struct bench *b;
    double sum; /* of logarithms */
    double least;
    int n;
};

/* --- which family ------------------------------------------------------- */

struct word {
    char text[NAME_BYTES];
    size_t n;
};

static int
write_word(void *user, const char *bytes, size_t n)
{
    struct word *w = user;
    for (size_t x = 0; x < n && w->n + 1 < sizeof w->text; x++)
        w->text[w->n++] = bytes[x];
    w->text[w->n] = '\0';
    return 0;
}

/* "step 1 nest direct avx512 ..." */
static bool
is_family(const struct einc_plan *plan, const char *name)
{
    static const char before[] = "step 1 nest ";
    struct word w = {.n = 0};
    const char *at = w.text + sizeof before - 1;
    size_t n = strlen(name);
    return !einc_explain(plan, "nest", EINC_TEXT, write_word, &w, NULL) &&
           strncmp(w.text, before, sizeof before - 1) == 0 &&
           strncmp(at, name, n) == 0 && at[n] == ' ';
}

static struct einc_plan *
compile(struct bench *b, const struct subject *s, const char *kernel,
        enum einc_tier tier)
{
    struct einc_layout in[MOST_OPERANDS];
    struct einc_options o = {.size = sizeof o, .tier = (int32_t)tier,
                             .kernel = kernel};
    struct einc_plan *plan;
    for (int x = 0; x < s->n_in; x++)
        in[x] = s->in[x].layout;
    return einc_compile(b->tiers[0].ctx, s->expr, (size_t)s->n_in, in,
                        &s->out.layout, &o, &plan, NULL)
               ? NULL : plan;
}

/* A family that serves all shapes is built in; that is what would run. NULL
 * if it cannot do this one. */
static struct einc_plan *
compile_family(struct bench *b, const struct subject *s, const char *name)
{
    static const enum einc_tier tiers[] = {EINC_TIER_BUILTIN, EINC_TIER_CC};
    for (int t = 0; t < 2; t++) {
        struct einc_plan *plan = compile(b, s, name, tiers[t]);
        if (plan && einc_plan_tier(plan) == tiers[t] && is_family(plan, name))
            return plan;
        einc_plan_free(plan);
    }
    return NULL;
}

/* --- timing ------------------------------------------------------------- */

static void
run_variant(void *variant)
{
    const struct variant *v = variant;
    const void *in[MOST_OPERANDS];
    struct einc_run_options o = {.size = sizeof o, .threads = 1,
                                 .work = v->work,
                                 .work_bytes = v->work_bytes};
    for (int x = 0; x < v->s->n_in; x++)
        in[x] = v->s->in[x].data;
    if (einc_run(v->plan, in, v->s->out.data, &o, NULL))
        bench_die("einc_run", v->s->expr);
}

/* If its result is right and it may win: some of the others are ten times
 * slower, and would take most of the time. */
static void
enter(struct bench *b, struct contest *c, struct subject *s,
      struct variant *v, const char *name, double *least)
{
    enum { HOPELESS = 3 };
    size_t align;
    v->name = name;
    v->s = s;
    v->place = -1;
    v->plan = compile_family(b, s, name);
    if (!v->plan)
        return;
    einc_plan_workspace(v->plan, &v->work_bytes, &align);
    v->work = aligned_alloc(64, (v->work_bytes + 64) / 64 * 64);
    v->work_bytes = v->work ? v->work_bytes : 0;
    v->local = (struct local){run_variant, v, CLOCK_THREAD_CPUTIME_ID};
    subject_spoil(s);
    double seconds = rounds_local(&v->local, 1);
    if (!subject_right(s)) {
        table_wrong(b->table, b->set, s->expr, name);
        return;
    }
    if (seconds > HOPELESS * *least)
        return;
    *least = seconds < *least ? seconds : *least;
    v->place = c->n;
    rounds_add(c, name, rounds_local, &v->local);
}

/* What the model takes, or NULL; a contender. */
static const struct variant *
find_chosen(struct bench *b, const struct subject *s,
            const struct variant *all)
{
    const struct variant *chosen = NULL;
    struct einc_plan *plan = compile(b, s, NULL, EINC_TIER_INTERP);
    for (int f = 0; plan && f < N_FAMILIES; f++)
        if (all[f].place >= 0 && is_family(plan, all[f].name))
            chosen = &all[f];
    einc_plan_free(plan);
    return chosen;
}

static void
report(struct state *x, const struct tccg_case *k, const struct subject *s,
       const struct contest *c, const struct variant *all,
       const struct variant *chosen)
{
    struct table *t = x->b->table;
    double seconds = rounds_time(c, chosen->place).mid, best = 1;
    table_begin(t, k->name);
    table_cell(t, 7, "%s", chosen->name);
    table_cell(t, 9, "%.4g", 1e3 * seconds);
    table_cell(t, 7, "%.1f", 1e-9 * s->flop / seconds);
    for (int f = 0; f < N_FAMILIES; f++) {
        struct spread ratio = {0, 0, 0};
        if (all[f].place >= 0)
            ratio = rounds_ratio(c, all[f].place, chosen->place);
        best = ratio.mid > 0 && ratio.mid < best ? ratio.mid : best;
        table_ratio(t, ratio);
    }
    table_cell(t, 8, "%.2f", best);
    table_end(t);
    x->sum += log(best);
    x->least = best < x->least ? best : x->least;
    x->n++;
}

static void
run_case(void *user, const struct tccg_case *k)
{
    struct state *x = user;
    struct bench *b = x->b;
    struct variant all[N_FAMILIES] = {{.name = NULL}};
    static struct contest c; /* too large for a stack of any size */
    struct subject s;
    c = (struct contest){.n = 0};
    if (!bench_wants(b, k->name) ||
        !subject_open(&s, k->expr, k->sizes, k->type, EINC_DTYPE_NONE))
        return;
    double least = HUGE_VAL;
    for (int f = 0; f < N_FAMILIES; f++)
        enter(b, &c, &s, &all[f], families[f], &least);
    const struct variant *chosen = find_chosen(b, &s, all);
    if (chosen) {
        rounds_run(&c, b->rounds, b->budget, false);
        report(x, k, &s, &c, all, chosen);
    } else {
        table_say(b->table, "  %s: its family has no kernel", k->name);
    }
    for (int f = 0; f < N_FAMILIES; f++) {
        einc_plan_free(all[f].plan);
        free(all[f].work);
    }
    subject_close(&s);
}

static void
heading(struct bench *b)
{
    table_say(b->table, "\n%s: each family on the contractions of TCCG, one "
              "thread, but for those that are 3 times slower;\ntimes over that "
              "of the family that the model chooses, and the least of these",
              b->set);
    table_begin(b->table, "case");
    table_cell(b->table, 7, "chosen");
    table_cell(b->table, 9, "ms");
    table_cell(b->table, 7, "GFLOP/s");
    for (int f = 0; f < N_FAMILIES; f++)
        table_cell(b->table, 22, "%s", families[f]);
    table_cell(b->table, 8, "of best");
    table_end(b->table);
}

void
set_variants(struct bench *b)
{
    struct state x = {.b = b, .least = 1};
    if (!b->list)
        heading(b);
    tccg_each(b, EINC_F32, run_case, &x);
    if (!x.n)
        return;
    double mean = exp(x.sum / x.n);
    char what[64];
    snprintf(what, sizeof what, "geometric mean of %d, of the fastest", x.n);
    table_begin(b->table, what);
    table_cell(b->table, 8, "%.3f", mean);
    table_cell(b->table, 14, "least %.2f", x.least);
    table_bar(b->table, b->set, "mean", mean, 0.9, false);
    table_end(b->table);
}

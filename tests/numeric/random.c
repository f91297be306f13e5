/* SPDX-License-Identifier: MIT
 *
 * random.c - random expressions through the interpreter, built-in and compiled
 * kernels, against the oracle: bit for bit on small integers, within the
 * oracle's bound on real data.
 *     random [--seed S] [--cases N] [--case N] [--stop]
 * EINC_SEED and EINC_CASES are the same. --case checks one case; --stop ends
 * at the first failure.
 *
 * Two processes share the cases; each takes them in chunks: plan all and note
 * the kernels they need, compile those, run all. A case is a function of the
 * seed and its number, so nothing is kept between the two passes.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "build.h"
#include "ctx.h"
#include "data.h"

enum {
    CASES = 22400,    /* 2 in 21 have real data */
    VARIANTS = 12,    /* cases of one structure */
    CHUNK = 2000,     /* cases between two runs of the compilers, */
    SMALL_CHUNK = 120, /* if the first failure ends it all */
    WORKERS = 2,
    MAX_STEPS = 24,
    MOST_FAILURES = 20,
    CASE_SECONDS = 60,
    PLAIN_POINTS = 3000, /* work that the plain oracle is asked for */
    TEXT = 512
};

/* --- counts, shared by all processes ------------------------------------ */

enum { N_COMPUTE = 7, N_KINDS = 3 };

static const char *const columns[] = {
    "interp",      "avx512",    "avx2",      "neon",      "sse2",
    "generic",     "file avx512", "file avx2", "file neon", "file sse2",
    "file scalar"};
enum { MOST_SETS = 4 }; /* of instructions, of one machine */
enum { N_COLUMNS = sizeof columns / sizeof *columns };
static const char *const families[N_KINDS] = {"contract", "reduce", "copy"};
static const enum einc_dtype computes[N_COMPUTE] = {
    EINC_BOOL, EINC_I32, EINC_I64, EINC_F32, EINC_F64, EINC_C64, EINC_C128};

struct tally {
    int now;                /* case under way, -1: none */
    int restart;            /* first case of the chunk under way */
    int done;               /* 1: nothing left to do */
    long passed, failed, real;
    long compiled, distinct; /* kernels that cases asked for, and sources */
    long signs[2];          /* results right but for the sign of a zero */
    long no_bound;          /* elements for which no bound can be stated */
    long plain;             /* cases that the plain oracle saw too */
    double worst[2];        /* error / bound: interpreter, kernels */
    double seconds[2];      /* of processor time: here, in compilers */
    long builtin[MOST_SETS][N_KINDS]; /* steps that a built-in kernel ran */
    long weighted[N_COLUMNS]; /* contractions of three operands */
    long steps[N_COLUMNS][N_KINDS][N_COMPUTE];
    long nests[N_FAMILIES]; /* kernels that ran, by the family of their nest */
    long storage[N_DTYPES + 1][2]; /* cases with that type in, out */
};

struct options {
    uint64_t seed;
    int cases, only, stop;
    const char *program;
};

/* A kernel that goes by its key; open addressing by the key's hash. */
struct keyed {
    char *key;              /* NULL: free */
    int id;                 /* a source that has it */
};
enum { MOST_KEYS = 1 << 16 };

/* One process. */
struct tester {
    struct options o;
    struct tally *tally;
    struct einc_ctx *ctx; /* three threads, no compiler */
    struct einc_ctx *sets[MOST_SETS]; /* the same for built-in kernels */
    int n_sets;
    struct builder build;
    struct slot in[MAX_OPERANDS], out, work, scratch;
    struct keyed *keys;   /* [MOST_KEYS] */
    int n_keys;
    int quiet;            /* while a failure is made smaller */
    char why[1024];       /* what went wrong with the case */
};

/* A case while it runs. */
struct trial {
    const struct spec *s;
    struct einc_plan *plan;
    struct array in[MAX_OPERANDS], out;
    const void *first[MAX_OPERANDS];
    char *old, *want, *seen; /* spans of the output: before, right, after
                              * one thread */
    double *bound;           /* NULL: exact */
    struct value alpha, beta;
    uint64_t alpha_bytes[2], beta_bytes[2];
    int scaled;              /* alpha and beta are given */
};

__attribute__((format(printf, 2, 3))) static int
fail(struct tester *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(t->why, sizeof t->why, fmt, ap);
    va_end(ap);
    return 0;
}

/* --- planning ----------------------------------------------------------- */

static void
arrays_of(const struct spec *s, const int64_t *size, struct array *in,
          struct array *out)
{
    for (int o = 0; o < s->n_in; o++)
        array_shape(s, &s->in[o], size, s->in[o].dtype, &in[o]);
    array_shape(s, &s->out, size, spec_out_dtype(s), out);
}

/* The terms of the spec as integer labels. */
struct ids {
    int32_t id[MAX_OPERANDS + 1][MAX_TOKENS];
    const int32_t *list[MAX_OPERANDS];
    size_t n[MAX_OPERANDS + 1];
};

static void
ids_of(const struct spec *s, struct ids *x)
{
    for (int o = 0; o <= s->n_in; o++) {
        const struct spec_term *t = o < s->n_in ? &s->in[o] : &s->out;
        for (int k = 0; k < t->n_tokens; k++)
            x->id[o][k] = t->token[k] == ELLIPSIS ? EINC_ELLIPSIS
                                                  : s->id[t->token[k]];
        x->n[o] = (size_t)t->n_tokens;
        if (o < s->n_in)
            x->list[o] = x->id[o];
    }
}

/* Half of the cases as if nothing was said. */
static void
choose_sums(const struct spec *s, struct einc_options *o)
{
    static const int32_t some[8][2] = {{EINC_SUM_KAHAN, 0},
                                       {EINC_SUM_BLOCK, EINC_F64},
                                       {EINC_SUM_KAHAN, EINC_F64},
                                       {EINC_SUM_DIRECT, EINC_F32}};
    unsigned h = 0;
    for (int k = 0; k <= s->n_in; k++) {
        const struct spec_term *t = k < s->n_in ? &s->in[k] : &s->out;
        for (int i = 0; i < t->n_tokens; i++)
            h = 31 * h + (unsigned)t->token[i];
        h = 31 * h + 30;
    }
    o->sum = some[h >> 4 & 7][0];
    o->acc = some[h >> 4 & 7][1];
}

/* The type that sums are made in. */
static enum einc_dtype
wide_compute(const struct spec *s)
{
    enum einc_dtype t = spec_compute(s);
    struct einc_options o = {0};
    choose_sums(s, &o);
    return o.acc != EINC_F64 ? t
           : t == EINC_F32   ? EINC_F64
           : t == EINC_C64   ? EINC_C128
                             : t;
}

static struct einc_plan *
plan_in(struct tester *t, struct einc_ctx *ctx, const struct spec *s,
        const int64_t *size, const char *symbolic, const char *kernel)
{
    struct array in[MAX_OPERANDS], out;
    struct einc_layout layouts[MAX_OPERANDS];
    struct einc_options opts = {.size = sizeof opts,
                                .path = s->path,
                                .kernel = kernel,
                                .symbolic = symbolic};
    choose_sums(s, &opts);
    arrays_of(s, size, in, &out);
    for (int o = 0; o < s->n_in; o++)
        layouts[o] = in[o].layout;
    const struct einc_layout *to = s->out_given ? &out.layout : NULL;
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    char text[TEXT];
    if (s->spelling == SPELL_IDS) {
        struct ids x;
        ids_of(s, &x);
        einc_compile_ids(ctx, (size_t)s->n_in, x.list, x.n,
                         s->implicit ? NULL : x.id[s->n_in], x.n[s->n_in],
                         layouts, to, &opts, &plan, &err);
    } else {
        spec_text(s, text, sizeof text);
        einc_compile(ctx, text, (size_t)s->n_in, layouts, to, &opts, &plan,
                     &err);
    }
    if (!plan)
        fail(t, "not planned: %s", einc_err_text(err));
    einc_err_free(err);
    return plan;
}

static struct einc_plan *
plan_case(struct tester *t, const struct spec *s, const int64_t *size,
          const char *symbolic)
{
    return plan_in(t, t->ctx, s, size, symbolic, NULL);
}

/* --- the kernels of a case ---------------------------------------------- */

/* What the stages of codegen make of a plan. */
struct making {
    const struct plan *plan;
    const struct target *target;
    int with_text;
    enum nest_family family;
    const struct nest *nests[MAX_STEPS];
    struct unit units[MAX_STEPS];
};

/* One step over all operands is fused, where it can be. A direct kernel, or
 * one that has its lanes in a batch, is for one case alone, and a compiler
 * must be run for it: some cases ask. */
static enum nest_family
spec_family(const struct spec *s)
{
    enum { DIRECT_PERCENT = 40, NARROW_PERCENT = 75, LANES_PERCENT = 80 };
    if (s->tiny && s->data_seed % 100 < LANES_PERCENT)
        return FAMILY_LANES;
    if (strcmp(s->path, "whole") == 0)
        return FAMILY_FUSED;
    return s->data_seed % 100 < DIRECT_PERCENT   ? FAMILY_DIRECT
           : s->data_seed % 100 < NARROW_PERCENT ? FAMILY_NARROW
                                                 : FAMILY_ANY;
}

/* What is asked for, else a kernel that serves other shapes too. */
static enum nest_mode
mode_of(enum nest_family family)
{
    return family == FAMILY_ANY || family == FAMILY_NARROW ? NEST_GENERIC
                                                           : NEST_BEST;
}

static void
make_nests(struct guarded *g, void *arg)
{
    struct making *m = arg;
    for (int s = 0; s < m->plan->n_steps; s++) {
        m->nests[s] = einc_nest_build(&g->perm, g->scratch, m->plan, s,
                                      m->target, mode_of(m->family),
                                      m->family);
        if (m->with_text)
            m->units[s] = einc_emit_unit(&g->perm, m->nests[s]);
    }
}

/* Whether the source is that of all earlier kernels of the same key: what
 * lets a kernel be found by its key, without the text. */
static int
key_holds(struct tester *t, const char *key, int id)
{
    uint64_t at = hash_bytes(key, (int64_t)strlen(key));
    if (!t->keys)
        t->keys = grow(NULL, MOST_KEYS * sizeof *t->keys),
        memset(t->keys, 0, MOST_KEYS * sizeof *t->keys);
    for (;; at++) {
        struct keyed *k = &t->keys[at % MOST_KEYS];
        if (k->key && strcmp(k->key, key) != 0)
            continue;
        if (k->key)
            return strcmp(t->build.list[k->id].text,
                          t->build.list[id].text) == 0;
        if (++t->n_keys == MOST_KEYS)
            abort();
        *k = (struct keyed){strdup(key), id};
        return 1;
    }
}

static int
note_units(struct tester *t, const struct spec *s,
           const struct einc_plan *plan, int *id)
{
    int config = configs_pick(&t->build.configs, 0, s->ticket, s->nth);
    struct making m = {.plan = plan->plan, .with_text = 1,
                       .family = spec_family(s),
                       .target = t->build.configs.list[config].target};
    struct guarded g = {.ctx = t->ctx};
    if (plan->plan->n_steps > MAX_STEPS ||
        einc_guard(&g, make_nests, &m, NULL) != EINC_OK)
        return -1;
    int good = 1;
    for (int k = 0; k < plan->plan->n_steps; k++) {
        const struct unit *u = &m.units[k];
        id[k] = build_add(&t->build, config, u->source, 0, 0);
        if (u->key && !key_holds(t, u->key, id[k]))
            good = fail(t, "two sources have the key '%s'", u->key);
    }
    einc_guard_free(&g, 0);
    einc_guard_free(&g, 1);
    return good ? plan->plan->n_steps : -1;
}

static int
write_stream(void *user, const char *bytes, size_t n)
{
    return fwrite(bytes, 1, n, user) != n;
}

static int
n_arguments(const struct plan *p)
{
    int n = 0;
    for (int x = 0; x < p->canon->n_indices; x++)
        n += !p->canon->indices[x].fixed;
    return n;
}

static int
note_file(struct tester *t, const struct spec *s,
          const struct einc_plan *plan, int *id)
{
    char *text;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    if (!to)
        abort();
    struct einc_err *err = NULL;
    enum einc_status status = einc_emit(plan, NULL, write_stream, to, &err);
    fclose(to);
    if (status != EINC_OK)
        fail(t, "not written: %s", einc_err_text(err));
    else
        *id = build_add(&t->build,
                        configs_pick(&t->build.configs, 1, s->ticket, s->nth),
                        text,
                        s->n_in, n_arguments(plan->plan));
    einc_err_free(err);
    free(text);
    return status == EINC_OK ? 1 : -1;
}

/* The labels that emitted code takes as arguments. */
static const char *
symbolic_of(const struct spec *s, char *to, size_t room)
{
    size_t n = 0;
    if (!s->some_symbolic)
        return "*";
    for (int x = 0; x < s->n_labels; x++)
        if (s->some_symbolic >> x & 1)
            n += (size_t)snprintf(to + n, room - n, "%s%s", n ? "," : "",
                                  s->name[x]);
    return to;
}

/* Sources of the case, for build_all(); their count, or -1. */
static int
note_sources(struct tester *t, const struct spec *s, int *id)
{
    char labels[TEXT];
    const char *symbolic = s->form == FORM_SYMBOLIC
                               ? symbolic_of(s, labels, sizeof labels)
                               : NULL;
    struct einc_plan *plan = plan_case(t, s, s->plan_size, symbolic);
    if (!plan)
        return -1;
    int n = s->form == FORM_KERNEL ? note_units(t, s, plan, id)
                                   : note_file(t, s, plan, id);
    einc_plan_free(plan);
    return n;
}

/* --- running ------------------------------------------------------------ */

static int
column_of(const char *name)
{
    for (int c = 0; c < N_COLUMNS; c++)
        if (strcmp(columns[c], name) == 0)
            return c;
    abort();
}

static void
cover(struct tester *t, const struct plan *p, const char *column)
{
    int c = column_of(column), type = 0;
    while (computes[type] != p->graph->compute)
        type++;
    if (t->quiet)
        return;
    for (int s = 0; s < p->n_steps; s++) {
        const struct step *x = &p->steps[s];
        t->tally->steps[c][x->kind][type]++;
        t->tally->weighted[c] += x->kind == STEP_CONTRACT && x->n_in == 3;
    }
}

static int
run_interp(struct tester *t, struct trial *x, int threads)
{
    size_t bytes = 0;
    einc_plan_workspace(x->plan, &bytes, NULL);
    struct einc_run_options o = {.size = sizeof o, .threads = threads};
    if (threads == 1) {
        o.work_bytes = bytes;
        o.work = slot_take(&t->work, (bytes + 63) / 64 * 64, 1);
        memset(o.work, 0xff, bytes < PAGE ? bytes : PAGE);
    }
    if (x->scaled && x->s->alpha)
        o.alpha = x->alpha_bytes;
    if (x->scaled && x->s->beta)
        o.beta = x->beta_bytes;
    struct einc_err *err = NULL;
    int plain = threads > 1 && !x->scaled; /* the context has as many */
    if (einc_run(x->plan, x->first, x->out.first, plain ? NULL : &o, &err) ==
        EINC_OK)
        return 1;
    fail(t, "einc_run: %s", einc_err_text(err));
    einc_err_free(err);
    return 0;
}

/* All tasks in parts of random size and order. */
static void
run_parts(einc_kernel_fn kernel, const struct einc_args *args, int64_t tasks,
          struct rng *r)
{
    enum { MOST = 5 };
    int n = tasks < MOST ? (int)tasks : rng_range(r, 1, MOST), order[MOST];
    int64_t cut[MOST + 1] = {0};
    for (int k = 1; k < n; k++)
        cut[k] = cut[k - 1] + (tasks - cut[k - 1]) * rng_below(r, 4) / 4;
    cut[n] = tasks;
    for (int k = 0; k < n; k++)
        order[k] = k;
    rng_shuffle(r, order, n);
    for (int k = 0; k < n; k++)
        kernel(args, cut[order[k]], cut[order[k] + 1]);
}

static void
run_unit(struct tester *t, struct trial *x, const struct nest *w, int step,
         einc_kernel_fn kernel, int threads, struct rng *r)
{
    enum { MOST_NUMBERS = 256 };
    const struct plan *p = x->plan->plan;
    const struct step *s = &p->steps[step];
    char *work = slot_take(&t->work, ((size_t)p->temporary_bytes + 63) /
                                         64 * 64, 1);
    int64_t n[MOST_NUMBERS], strides[MOST_NUMBERS];
    const void *in[MAX_OPERANDS];
    void *out = NULL;
    for (int o = 0; o <= s->n_in; o++) {
        const struct plan_tensor *y =
            &p->tensors[o < s->n_in ? s->in[o] : s->out];
        const void *at = y->home == HOME_INPUT  ? x->first[y->number]
                         : y->home == HOME_TEMP ? work + y->at_byte
                                                : x->out.first;
        if (o < s->n_in)
            in[o] = at;
        else
            out = y->home == HOME_TEMP ? work + y->at_byte : x->out.first;
    }
    if (w->n_extents > MOST_NUMBERS || w->n_strides > MOST_NUMBERS)
        abort();
    int64_t tasks = einc_nest_arguments(w, threads, n, strides);
    int last = step == p->n_steps - 1 && x->scaled;
    struct einc_args args = {
        .out = out, .in = in, .n = n, .s = strides,
        .alpha = last && x->s->alpha ? x->alpha_bytes : NULL,
        .beta = last && x->s->beta ? x->beta_bytes : NULL,
        .scratch = slot_take(&t->scratch, (size_t)w->scratch_bytes, 1)};
    run_parts(kernel, &args, tasks, r);
}

static int
run_units(struct tester *t, struct trial *x, const int *id, int threads)
{
    const struct config *c =
        &t->build.configs.list[t->build.list[id[0]].config];
    struct making m = {.plan = x->plan->plan, .target = c->target,
                       .family = spec_family(x->s)};
    struct guarded g = {.ctx = t->ctx};
    struct rng r = rng_of(x->s->data_seed, 3, (uint64_t)threads);
    if (einc_guard(&g, make_nests, &m, NULL) != EINC_OK)
        return fail(t, "no memory for nests");
    for (int k = 0; k < m.plan->n_steps; k++) {
        run_unit(t, x, m.nests[k], k, t->build.list[id[k]].kernel, threads,
                 &r);
        t->tally->nests[m.nests[k]->family] += !t->quiet;
    }
    einc_guard_free(&g, 0);
    einc_guard_free(&g, 1);
    return 1;
}

/* Extents that the file's function takes, in its order. */
static void
arguments_of(const struct plan *made, const struct plan *run, int64_t *n)
{
    int k = 0;
    for (int x = 0; x < made->canon->n_indices; x++) {
        const struct graph_index *g = &made->canon->indices[x];
        if (!g->fixed)
            n[k++] = run->graph->indices[g->members[g->n_members - 1]].extent;
    }
}

static int
run_file(struct tester *t, struct trial *x, int id, int own_work)
{
    const struct source *f = &t->build.list[id];
    int64_t n[MAX_NAMES] = {0};
    if (x->s->form == FORM_SYMBOLIC) {
        char labels[TEXT];
        struct einc_plan *made =
            plan_case(t, x->s, x->s->plan_size,
                      symbolic_of(x->s, labels, sizeof labels));
        if (!made)
            return 0;
        arguments_of(made->plan, x->plan->plan, n);
        einc_plan_free(made);
    }
    void *work = NULL;
    if (own_work) /* any alignment that malloc might give */
        work = slot_take(&t->scratch, (size_t)f->bytes(n) / 16 * 16, 1);
    /* the file has bodies for several sets: this one's is asked for */
    setenv("EINC_ISA", t->build.configs.list[f->config].target->name, 1);
    int rc = f->call(x->out.first, x->first, n, work);
    unsetenv("EINC_ISA");
    return rc == 0 || fail(t, "the emitted function returns %d", rc);
}

/* --- comparing ---------------------------------------------------------- */

static int
same_value(enum einc_dtype t, const void *a, const void *b, int64_t i)
{
    struct value x = value_load(t, a, i), y = value_load(t, b, i);
    return x.bits == y.bits && x.re == y.re && x.im == y.im;
}

/* A copy keeps every bit; a sum may begin with +0. */
static int
is_copy(const struct spec *s)
{
    int copy = s->n_in == 1;
    for (int x = 0; x < spec_labels(s); x++)
        copy &= spec_out_holds(s, x);
    return copy;
}

static int
compare_exact(struct tester *t, const struct trial *x, const char *tier,
              int compiled)
{
    const struct array *a = &x->out;
    enum einc_dtype d = (enum einc_dtype)a->layout.dtype;
    if (memcmp(a->memory, x->want, array_bytes(a)) == 0)
        return 1;
    for (int64_t i = 0; i < a->hi - a->lo; i++) {
        size_t at = (size_t)i * a->element;
        if (memcmp(a->memory + at, x->want + at, a->element) == 0)
            continue;
        if (same_value(d, a->memory, x->want, i) &&
            (x->scaled || !is_copy(x->s)))
            continue;
        struct value got = value_load(d, a->memory, i);
        struct value want = value_load(d, x->want, i);
        struct value old = value_load(d, x->old, i);
        return fail(t, "%s: element %" PRId64 " of the output's memory is "
                       "%g%+gi (%" PRIx64 "), should be %g%+gi (%" PRIx64
                       "), was %g", tier, i + a->lo, got.re, got.im, got.bits,
                    want.re, want.im, want.bits, old.re);
    }
    t->tally->signs[compiled]++;
    return 1;
}

static double
ratio_of(double got, double want, double bound)
{
    double error = fabs(got - want);
    if (error == 0)
        return 0;
    return bound > 0 ? error / bound : HUGE_VAL;
}

/* Elements within their bounds; what is between them is as it was. */
static int
compare_real(struct tester *t, struct trial *x, const char *tier,
             double *worst)
{
    const struct array *a = &x->out;
    enum einc_dtype d = (enum einc_dtype)a->layout.dtype;
    int64_t at[MAX_RANK] = {0}, e = 0;
    int planes = is_complex_type(d) ? 2 : 1;
    char *rest = grow(NULL, array_bytes(a) + 1);
    memcpy(rest, a->memory, array_bytes(a));
    int good = 1;
    for (int more = a->count > 0; more && good; e++) {
        int64_t i = offset_of(a, at) - a->lo;
        struct value got = value_load(d, a->memory, i);
        struct value want = value_load(d, x->want, i);
        double bound = x->bound[planes * e];
        double ratio = fmax(ratio_of(got.re, want.re, bound),
                            ratio_of(got.im, want.im, bound));
        if (isnan(bound))
            t->tally->no_bound++;
        else if (!(ratio <= 1))
            good = fail(t, "%s: element %" PRId64 " is %.17g%+.17gi, should "
                           "be %.17g%+.17gi within %g: off by %g of it", tier,
                        i + a->lo, got.re, got.im, want.re, want.im, bound,
                        ratio);
        else if (ratio > *worst)
            *worst = ratio;
        memcpy(rest + (size_t)i * a->element,
               x->old + (size_t)i * a->element, a->element);
        more = next_position(a->shape, a->layout.ndim, at);
    }
    if (good && memcmp(rest, x->old, array_bytes(a)) != 0)
        good = fail(t, "%s: wrote between the elements of the output", tier);
    free(rest);
    return good;
}

/* After a run; `first` of the runs that must give the same bits. */
static int
compare(struct tester *t, struct trial *x, const char *tier, int compiled,
        int first)
{
    const struct array *a = &x->out;
    if (!x->bound)
        return compare_exact(t, x, tier, compiled);
    if (first)
        memcpy(x->seen, a->memory, array_bytes(a));
    else if (memcmp(x->seen, a->memory, array_bytes(a)) != 0)
        return fail(t, "%s: other bits with other threads", tier);
    return compare_real(t, x, tier, &t->tally->worst[compiled]);
}

/* --- what is right ------------------------------------------------------ */

/* The oracle against a sum over the spec: the oracle reads the graph of the
 * library, which may be wrong itself. */
static int
check_oracle(struct tester *t, struct trial *x)
{
    const struct spec *s = x->s;
    const struct array *a = &x->out;
    enum einc_dtype d = (enum einc_dtype)a->layout.dtype;
    int64_t extent[MAX_NAMES], value[MAX_NAMES] = {0}, at[MAX_RANK] = {0};
    double points = 1;
    for (int l = 0; l < spec_labels(s); l++) {
        extent[l] = spec_extent(s, s->size, l);
        points *= (double)extent[l];
    }
    if (points > PLAIN_POINTS || s->real)
        return 1;
    t->tally->plain++;
    char one[16];
    for (int more = a->count > 0; more;) {
        for (int dim = 0; dim < a->layout.ndim; dim++)
            value[a->label[dim]] = at[dim];
        struct value v = plain_sum(s, x->in, extent, value);
        v.bits = spec_compute(s) == EINC_BOOL ? v.bits != 0 : v.bits;
        value_store(d, one, 0, v);
        int64_t i = offset_of(a, at) - a->lo;
        if (!same_value(d, one, x->want + (size_t)i * a->element, 0))
            return fail(t, "the oracle says %g, a plain sum %g at %" PRId64,
                        value_load(d, x->want, i).re,
                        value_load(d, one, 0).re, i + a->lo);
        more = next_position(a->shape, a->layout.ndim, at);
    }
    return 1;
}

/* want = alpha * want + beta * old. */
static void
apply_scale(struct trial *x)
{
    const struct array *a = &x->out;
    enum einc_dtype d = (enum einc_dtype)a->layout.dtype;
    enum einc_dtype compute = spec_compute(x->s);
    int64_t at[MAX_RANK] = {0};
    for (int more = a->count > 0; more;) {
        int64_t i = offset_of(a, at) - a->lo;
        struct value v = value_load(d, x->want, i);
        if (x->s->alpha)
            v = value_multiply(compute, x->alpha, v);
        if (x->s->beta)
            v = value_add(compute, v,
                          value_multiply(compute, x->beta,
                                         value_load(d, x->old, i)));
        value_store(d, x->want, i, v);
        more = next_position(a->shape, a->layout.ndim, at);
    }
}

static int
make_want(struct tester *t, struct trial *x)
{
    const struct array *a = &x->out;
    struct einc_err *err = NULL;
    memcpy(x->want, x->old, array_bytes(a));
    if (einc_reference(x->plan, x->first,
                       x->want - a->lo * (int64_t)a->element, x->bound,
                       &err) != EINC_OK) {
        fail(t, "einc_reference: %s", einc_err_text(err));
        einc_err_free(err);
        return 0;
    }
    if (!check_oracle(t, x))
        return 0;
    if (x->scaled)
        apply_scale(x);
    return 1;
}

/* --- one case ----------------------------------------------------------- */

/* Values of the inputs and of the output's memory before. */
static void
fill(struct tester *t, struct trial *x)
{
    const struct spec *s = x->s;
    struct rng r = {s->data_seed};
    enum einc_dtype out = spec_out_dtype(s), compute = spec_compute(s);
    double room = exact_room(compute);
    int limit = exact_limit(s, room);
    x->scaled = s->alpha || s->beta;
    if (x->scaled && !is_exact_type(compute)) {
        int scaled_limit = exact_limit(s, exact_room(out) / 32);
        x->scaled = scaled_limit > 0 && exact_room(out) <= room;
        limit = x->scaled ? scaled_limit : limit;
    }
    int large = s->real && rng_percent(&r, 40) ? rng_below(&r, s->n_in) : -1;
    for (int o = 0; o < s->n_in; o++) {
        array_place(&x->in[o], &t->in[o], rng_percent(&r, 70));
        array_fill(&x->in[o], &r, s, limit, o == large);
        x->first[o] = x->in[o].first;
    }
    array_place(&x->out, &t->out, rng_percent(&r, 70));
    array_fill(&x->out, &r, s, limit < 4 ? limit : 4, 0);
    x->alpha = scale_value(s->alpha);
    x->beta = scale_value(s->beta);
    if (compute == EINC_BOOL)
        x->alpha.bits = x->alpha.bits != 0, x->beta.bits = x->beta.bits != 0;
    compute = wide_compute(s);
    value_store(compute, x->alpha_bytes, 0, x->alpha);
    value_store(compute, x->beta_bytes, 0, x->beta);
}

static int
open_trial(struct tester *t, const struct spec *s, struct trial *x)
{
    *x = (struct trial){.s = s};
    arrays_of(s, s->size, x->in, &x->out);
    struct einc_layout made;
    if (!(x->plan = plan_case(t, s, s->size, NULL)))
        return 0;
    einc_plan_layout(x->plan, &made);
    int good = made.ndim == x->out.layout.ndim &&
               made.dtype == x->out.layout.dtype;
    for (int d = 0; good && d < made.ndim; d++)
        good = made.shape[d] == x->out.shape[d] &&
               made.stride[d] == x->out.stride[d];
    if (!good)
        return fail(t, "the output has another layout than it should");
    fill(t, x);
    size_t bytes = array_bytes(&x->out) + 1;
    x->old = grow(NULL, 3 * bytes);
    x->want = x->old + bytes;
    x->seen = x->want + bytes;
    memcpy(x->old, x->out.memory, array_bytes(&x->out));
    if (s->real)
        x->bound = grow(NULL, ((size_t)x->out.count * 2 + 1) *
                                  sizeof *x->bound);
    return 1;
}

static void
close_trial(struct trial *x)
{
    einc_plan_free(x->plan);
    free(x->old);
    free(x->bound);
}

static void
reset_out(struct trial *x)
{
    memcpy(x->out.memory, x->old, array_bytes(&x->out));
}

static int
run_compiled(struct tester *t, struct trial *x, const int *id, int n)
{
    const struct config *c =
        &t->build.configs.list[t->build.list[id[0]].config];
    char tier[96];
    snprintf(tier, sizeof tier, "%s, %s %s", c->column, c->compiler,
             c->level ? c->level : "-O2");
    for (int k = 0; k < n; k++)
        if (t->build.list[id[k]].state != READY)
            return fail(t, "%s: source %d is broken", tier, id[k]);
    if (x->s->form == FORM_KERNEL && n != x->plan->plan->n_steps)
        return fail(t, "%s: planned otherwise the second time", tier);
    for (int round = 0; round < 2; round++) {
        reset_out(x);
        int good = x->s->form == FORM_KERNEL
                       ? run_units(t, x, id, round ? 3 : 1)
                       : run_file(t, x, id[0], round);
        if (!good || !compare(t, x, tier, 1, !round))
            return 0;
    }
    cover(t, x->plan->plan, c->column);
    return 1;
}

/* Built-in kernels of one instruction set; steps without one are interpreted.
 * Families take turns, since small cases like these would be left to few. */
static int
run_builtin(struct tester *t, struct trial *x, int set)
{
    static const char *const kernels[] = {"auto", "gett", "transpose", "direct"};
    char tier[64];
    struct einc_plan *interpreted = x->plan;
    int good = 1;
    snprintf(tier, sizeof tier, "built-in %s", t->sets[set]->target->name);
    x->plan = plan_in(t, t->sets[set], x->s, x->s->size, NULL,
                      kernels[(x->s->ticket + set) % 3]);
    for (int round = 0; good && x->plan && round < 2; round++) {
        reset_out(x);
        good = run_interp(t, x, round ? 3 : 1) &&
               compare(t, x, tier, 1, !round);
    }
    for (int k = 0; x->plan && k < x->plan->plan->n_steps; k++)
        if (x->plan->calls[k] && !t->quiet)
            t->tally->builtin[set][x->plan->plan->steps[k].kind]++;
    good = good && x->plan;
    einc_plan_free(x->plan);
    x->plan = interpreted;
    return good;
}

static void
protect_inputs(struct trial *x, int writable)
{
    for (int o = 0; o < x->s->n_in; o++)
        protect(x->in[o].memory, array_bytes(&x->in[o]), writable);
}

static int
run_all(struct tester *t, struct trial *x, const int *id, int n)
{
    for (int round = 0; round < 2; round++) {
        reset_out(x);
        if (!run_interp(t, x, round ? 3 : 1) ||
            !compare(t, x, round ? "interpreter, 3 threads" : "interpreter",
                     0, !round))
            return 0;
    }
    cover(t, x->plan->plan, "interp");
    for (int set = 0; set < t->n_sets; set++)
        if (!run_builtin(t, x, set))
            return 0;
    return run_compiled(t, x, id, n);
}

/* Whether all is right; else t->why tells. Sources are compiled. */
static int
check_case(struct tester *t, const struct spec *s, const int *id, int n)
{
    struct trial x;
    if (n < 0)
        return 0;
    int good = open_trial(t, s, &x) && make_want(t, &x);
    if (good) {
        protect_inputs(&x, 0);
        good = run_all(t, &x, id, n);
        protect_inputs(&x, 1);
    }
    close_trial(&x);
    return good;
}

/* The same for a case that is looked at alone. */
static int
check_alone(struct tester *t, const struct spec *s)
{
    int id[MAX_STEPS], n = note_sources(t, s, id);
    build_all(&t->build);
    return check_case(t, s, id, n);
}

/* --- making a failure smaller ------------------------------------------- */

static int
still_fails(struct tester *t, const struct spec *s)
{
    char why[sizeof t->why];
    memcpy(why, t->why, sizeof why);
    t->why[0] = 0;
    int fails = !check_alone(t, s);
    if (!fails || strncmp(t->why, "not planned", 11) == 0) {
        memcpy(t->why, why, sizeof why);
        return 0;
    }
    return 1;
}

static int
try_spec(struct tester *t, struct spec *s, const struct spec *smaller)
{
    if (memcmp(s, smaller, sizeof *s) == 0 || !still_fails(t, smaller))
        return 0;
    *s = *smaller;
    return 1;
}

static int
shrink_sizes(struct tester *t, struct spec *s)
{
    int any = 0;
    for (int l = 0; l < spec_labels(s); l++)
        for (int way = 0; way < 3; way++) {
            struct spec x = *s;
            x.size[l] = way == 0   ? (x.size[l] > 2 ? 2 : x.size[l])
                        : way == 1 ? x.size[l] / 2
                                   : x.size[l] - (x.size[l] > 2);
            if (x.size[l] < 2)
                continue;
            if (x.form != FORM_SYMBOLIC ||
                (x.some_symbolic && !(x.some_symbolic >> l & 1)))
                x.plan_size[l] = x.size[l];
            any |= try_spec(t, s, &x);
        }
    return any;
}

static int
shrink_rest(struct tester *t, struct spec *s)
{
    int any = 0;
    struct spec x = *s;
    x.alpha = x.beta = 0;
    any |= try_spec(t, s, &x);
    x = *s;
    x.beta = 0;
    any |= try_spec(t, s, &x);
    x = *s;
    x.out.style = DENSE;
    any |= try_spec(t, s, &x);
    for (int o = 0; o < s->n_in; o++) {
        x = *s;
        x.in[o].style = DENSE;
        any |= try_spec(t, s, &x);
    }
    x = *s;
    snprintf(x.path, sizeof x.path, "auto");
    return any | try_spec(t, s, &x);
}

static void
shrink(struct tester *t, struct spec *s)
{
    int rounds = 6;
    t->quiet = 1;
    while (rounds-- > 0 && shrink_sizes(t, s) | shrink_rest(t, s))
        ;
    t->quiet = 0;
}

/* --- saying what failed ------------------------------------------------- */

static void
put_array(FILE *to, const char *name, const struct array *a)
{
    fprintf(to, "  %-4s %-4s shape (", name,
            einc_dtype_name((enum einc_dtype)a->layout.dtype));
    for (int d = 0; d < a->layout.ndim; d++)
        fprintf(to, "%s%" PRId64, d ? "," : "", a->shape[d]);
    fprintf(to, ") stride (");
    for (int d = 0; d < a->layout.ndim; d++)
        fprintf(to, "%s%" PRId64, d ? "," : "", a->stride[d]);
    fprintf(to, ")\n");
}

static void
put_spec(FILE *to, const struct spec *s)
{
    static const char *const forms[] = {"kernels", "literal file",
                                        "symbolic file"};
    struct array in[MAX_OPERANDS], out;
    char text[TEXT], name[16];
    arrays_of(s, s->size, in, &out);
    spec_text(s, text, sizeof text);
    fprintf(to, "  %s%s\n", text,
            s->spelling == SPELL_IDS ? " as integer labels" : "");
    for (int o = 0; o < s->n_in; o++) {
        snprintf(name, sizeof name, "in%d", o);
        put_array(to, name, &in[o]);
    }
    put_array(to, "out", &out);
    fprintf(to, "  path %s, %s, alpha %d, beta %d, %s data", s->path,
            forms[s->form], s->alpha, s->beta, s->real ? "real" : "integer");
    if (s->form == FORM_SYMBOLIC) {
        fprintf(to, ", planned with");
        for (int l = 0; l < spec_labels(s); l++)
            fprintf(to, " %s=%" PRId64, s->name[l], s->plan_size[l]);
    }
    fprintf(to, "\n");
}

static void
report(struct tester *t, int number, const struct spec *s)
{
    char *text;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    if (!to)
        abort();
    fprintf(to, "FAIL case %d: %s\n", number, t->why);
    put_spec(to, s);
    struct spec small = *s;
    if (t->tally->failed < 3 && !strstr(t->why, "is broken"))
        shrink(t, &small);
    if (memcmp(&small, s, sizeof small) != 0) {
        fprintf(to, "  smaller: %s\n", t->why);
        put_spec(to, &small);
    }
    fprintf(to, "  again: %s --seed %" PRIu64 " --case %d\n", t->o.program,
            t->o.seed, number);
    fclose(to);
    fwrite(text, 1, n, stdout);
    fflush(stdout);
    free(text);
}

/* --- a worker ----------------------------------------------------------- */

/* A context per set that this machine has and the library has kernels for. */
static void
open_sets(struct tester *t)
{
    struct einc_config c = {.size = sizeof c, .threads = 3, .cache_dir = "",
                            .tier = EINC_TIER_BUILTIN};
    const struct builtin_set *s = einc_builtin_sets;
    for (; s->target && t->n_sets < MOST_SETS; s++) {
        struct einc_ctx *ctx;
        setenv("EINC_ISA", s->target, 1);
        if (einc_ctx_create(&c, &ctx, NULL) != EINC_OK)
            abort();
        if (ctx->builtin == s)
            t->sets[t->n_sets++] = ctx;
        else
            einc_ctx_free(ctx);
    }
    unsetenv("EINC_ISA");
}

static void
open_tester(struct tester *t, const struct options *o, struct tally *tally)
{
    struct einc_config c = {.size = sizeof c, .threads = 3, .cache_dir = "",
                            .tier = EINC_TIER_INTERP};
    *t = (struct tester){.o = *o, .tally = tally};
    if (einc_ctx_create(&c, &t->ctx, NULL) != EINC_OK)
        abort();
    open_sets(t);
    configs_fill(&t->build.configs);
    if (!t->build.configs.n) {
        printf("no compiler: kernels cannot be tested\n");
        exit(1);
    }
    for (int k = 0; k < MAX_OPERANDS; k++)
        t->in[k] = slot_open();
    t->out = slot_open();
    t->work = slot_open();
    t->scratch = slot_open();
}

static struct spec
spec_of(const struct tester *t, int number)
{
    return spec_make(t->o.seed, number, VARIANTS);
}

static void
count_types(struct tester *t, const struct spec *s)
{
    int seen[N_DTYPES + 1] = {0};
    for (int o = 0; o < s->n_in; o++)
        seen[s->in[o].dtype] = 1;
    for (int d = 1; d <= N_DTYPES; d++)
        t->tally->storage[d][0] += seen[d];
    t->tally->storage[spec_out_dtype(s)][1]++;
}

static int
enough(const struct tester *t)
{
    return t->tally->failed >= (t->o.stop ? 1 : MOST_FAILURES);
}

static void
run_case(struct tester *t, int number, const int *id, int n)
{
    struct spec s = spec_of(t, number);
    t->tally->now = number;
    alarm(CASE_SECONDS);
    if (check_case(t, &s, id, n)) {
        t->tally->passed++;
        t->tally->real += s.real;
        count_types(t, &s);
    } else {
        alarm(10 * CASE_SECONDS);
        report(t, number, &s);
        t->tally->failed++;
    }
    alarm(0);
    t->tally->now = -1;
}

static int
chunk_of(const struct options *o)
{
    return WORKERS * (o->stop ? SMALL_CHUNK : CHUNK);
}

/* A chunk of cases, of those that are this worker's. */
static void
run_chunk(struct tester *t, int worker, int first)
{
    static int id[CHUNK * WORKERS][MAX_STEPS], n[CHUNK * WORKERS];
    int end = first + chunk_of(&t->o);
    end = end < t->o.cases ? end : t->o.cases;
    for (int c = first; c < end; c++) {
        if (c / VARIANTS % WORKERS != worker)
            continue;
        struct spec s = spec_of(t, c);
        t->tally->now = c;
        n[c - first] = note_sources(t, &s, id[c - first]);
        t->tally->compiled += n[c - first] > 0 ? n[c - first] : 0;
    }
    t->tally->now = -1;
    build_all(&t->build);
    for (int c = first; c < end && !enough(t); c++)
        if (c / VARIANTS % WORKERS == worker && c >= t->tally->restart)
            run_case(t, c, id[c - first], n[c - first]);
}

static double
processor_seconds(int who)
{
    struct rusage u;
    getrusage(who, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void
work(const struct options *o, struct tally *tally, int worker)
{
    struct tester t;
    open_tester(&t, o, tally);
    int chunk = chunk_of(o);
    for (int c = tally->restart / chunk * chunk; c < o->cases && !enough(&t);
         c += chunk)
        run_chunk(&t, worker, c);
    tally->distinct += t.build.compiled;
    tally->seconds[0] = processor_seconds(RUSAGE_SELF);
    tally->seconds[1] = processor_seconds(RUSAGE_CHILDREN);
    tally->done = 1;
    fflush(stdout);
    _exit(0);
}

/* --- all of them -------------------------------------------------------- */

static pid_t
start(const struct options *o, struct tally *tally, int worker)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        work(o, tally, worker);
    return pid;
}

/* A worker that died did so in a case: that one has failed, and another
 * worker goes on behind it. */
static int
note_death(const struct options *o, struct tally *tally, int status)
{
    struct tester t = {.o = *o};
    if (tally->now < 0) {
        printf("FAIL: a worker ended with status %x outside of a case\n",
               (unsigned)status);
        tally->failed++;
        return 0;
    }
    struct spec s = spec_of(&t, tally->now);
    printf("FAIL case %d: signal %d (%s)\n", tally->now, WTERMSIG(status),
           strsignal(WTERMSIG(status)));
    put_spec(stdout, &s);
    printf("  again: %s --seed %" PRIu64 " --case %d\n", o->program, o->seed,
           tally->now);
    tally->failed++;
    tally->restart = tally->now + 1;
    tally->now = -1;
    return tally->failed < (o->stop ? 1 : 5) && tally->restart < o->cases;
}

static void
run_workers(const struct options *o, struct tally *tally)
{
    pid_t pid[WORKERS];
    for (int w = 0; w < WORKERS; w++) {
        tally[w].now = -1;
        pid[w] = start(o, &tally[w], w);
    }
    for (int left = WORKERS; left > 0;) {
        int status, w = 0;
        pid_t ended = wait(&status);
        while (w < WORKERS && pid[w] != ended)
            w++;
        if (w == WORKERS)
            continue;
        if (!tally[w].done && note_death(o, &tally[w], status))
            pid[w] = start(o, &tally[w], w);
        else
            left--;
    }
}

/* --- what was covered --------------------------------------------------- */

static void
add_tally(struct tally *to, const struct tally *from)
{
    to->passed += from->passed;
    to->failed += from->failed;
    to->real += from->real;
    to->compiled += from->compiled;
    to->distinct += from->distinct;
    to->no_bound += from->no_bound;
    to->plain += from->plain;
    for (int k = 0; k < 2; k++) {
        to->worst[k] = fmax(to->worst[k], from->worst[k]);
        to->signs[k] += from->signs[k];
        to->seconds[k] += from->seconds[k];
    }
    for (int k = 0; k < MOST_SETS; k++)
        for (int f = 0; f < N_KINDS; f++)
            to->builtin[k][f] += from->builtin[k][f];
    for (int f = 0; f < N_FAMILIES; f++)
        to->nests[f] += from->nests[f];
    for (int d = 0; d <= N_DTYPES; d++)
        for (int k = 0; k < 2; k++)
            to->storage[d][k] += from->storage[d][k];
    for (int c = 0; c < N_COLUMNS; c++)
        to->weighted[c] += from->weighted[c];
    for (int c = 0; c < N_COLUMNS; c++)
        for (int f = 0; f < N_KINDS; f++)
            for (int k = 0; k < N_COMPUTE; k++)
                to->steps[c][f][k] += from->steps[c][f][k];
}

static int
is_here(const struct configs *all, const char *column)
{
    int here = strcmp(column, "interp") == 0;
    for (int c = 0; c < all->n; c++)
        here |= strcmp(all->list[c].column, column) == 0;
    return here;
}

/* Steps run, and right; returns how many combinations nothing has reached. */
/* How many of a family's kernels were of type k in any column (c < 0), or in
 * column c of any type (k < 0). */
static long
marginal(const struct tally *t, const int here[N_COLUMNS], int c, int f,
         int k)
{
    long n = 0;
    for (int x = 0; x < N_COLUMNS; x++)
        for (int y = 0; y < N_COMPUTE; y++)
            if (here[x] && (c < 0 || x == c) && (k < 0 || y == k))
                n += t->steps[x][f][y];
    return n;
}

/* The table; returns the families that some type or some target never met.
 * (That all three meet is a matter of luck with the rarest of them.) */
static int
print_steps(const struct tally *t)
{
    static struct configs all;
    int empty = 0, here[N_COLUMNS];
    configs_fill(&all);
    printf("steps      type");
    for (int c = 0; c < N_COLUMNS; c++)
        if ((here[c] = is_here(&all, columns[c])))
            printf(" %11s", columns[c]);
    printf("\n");
    for (int f = 0; f < N_KINDS; f++) {
        for (int k = 0; k < N_COMPUTE; k++) {
            printf("%-10s %-4s", families[f], einc_dtype_name(computes[k]));
            for (int c = 0; c < N_COLUMNS; c++)
                if (here[c])
                    printf(" %11ld", t->steps[c][f][k]);
            printf("\n");
            empty += marginal(t, here, -1, f, k) == 0;
        }
        for (int c = 0; c < N_COLUMNS; c++)
            empty += here[c] && marginal(t, here, c, f, -1) == 0;
    }
    printf("with a weight  ");
    long compiled = 0; /* rare enough to miss a target */
    for (int c = 0; c < N_COLUMNS; c++) {
        if (here[c])
            printf(" %11ld", t->weighted[c]);
        compiled += c ? t->weighted[c] : 0;
    }
    printf("\n");
    return empty + (t->weighted[0] == 0) + (compiled == 0);
}

/* Steps that built-in kernels ran; returns how many sets never met a
 * contraction. */
static int
print_builtin(const struct tally *t, const struct tester *sets)
{
    int empty = 0;
    for (int k = 0; k < sets->n_sets; k++) {
        printf("built-in %-8s", sets->sets[k]->target->name);
        for (int f = 0; f < N_KINDS; f++)
            printf(" %8ld %s", t->builtin[k][f], families[f]);
        printf("\n");
        empty += t->builtin[k][STEP_CONTRACT] == 0;
    }
    return empty;
}

/* Runs of kernels; returns how many families had none. Blocks and tensor
 * cores are CUDA's, see tests/cuda. */
static int
print_nests(const struct tally *t)
{
    int empty = 0;
    printf("runs");
    for (int f = 0; f < N_FAMILIES; f++) {
        if (f == FAMILY_BLOCK || f == FAMILY_TENSOR)
            continue;
        printf(" %ld %s", t->nests[f],
               einc_nest_family_name((enum nest_family)f));
        empty += t->nests[f] == 0;
    }
    printf("\n");
    return empty;
}

static void
print_storage(const struct tally *t)
{
    printf("cases with ");
    for (int d = 1; d <= N_DTYPES; d++)
        printf(" %5s", einc_dtype_name((enum einc_dtype)d));
    for (int k = 0; k < 2; k++) {
        printf("\n  %-9s", k ? "out" : "in");
        for (int d = 1; d <= N_DTYPES; d++)
            printf(" %5ld", t->storage[d][k]);
    }
    printf("\n");
}

static int
summary(const struct options *o, const struct tally *tally, double seconds)
{
    struct tally all = {0};
    for (int w = 0; w < WORKERS; w++)
        add_tally(&all, &tally[w]);
    struct tester sets = {0};
    open_sets(&sets);
    int empty = print_steps(&all) + print_builtin(&all, &sets) +
                print_nests(&all);
    print_storage(&all);
    printf("seed %" PRIu64 ": %ld cases, %ld of real data; %ld also by a "
           "plain sum\n", o->seed, all.passed, all.real, all.plain);
    printf("%ld kernels asked for, %ld distinct ones compiled\n",
           all.compiled, all.distinct);
    printf("largest error / bound: interpreter %.4f, kernels %.4f; %ld "
           "elements without a bound\n", all.worst[0], all.worst[1],
           all.no_bound);
    printf("results right but for the sign of a zero: interpreter %ld, "
           "kernels %ld\n", all.signs[0], all.signs[1]);
    printf("%.0f s; processor time: %.0f s here, %.0f s in compilers\n",
           seconds, all.seconds[0], all.seconds[1]);
    int complete = o->cases >= CASES;
    if (complete && empty)
        printf("FAIL: %d pairs of family and type or target unreached\n",
               empty);
    all.failed += complete && empty;
    printf("%ld passed, %ld failed\n", all.passed, all.failed);
    return all.failed != 0;
}

static int
run_one(const struct options *o)
{
    static struct tally tally;
    struct tester t;
    open_tester(&t, o, &tally);
    struct spec s = spec_of(&t, o->only);
    put_spec(stdout, &s);
    fflush(stdout);
    int good = check_alone(&t, &s);
    if (!good)
        report(&t, o->only, &s);
    printf("%d passed, %d failed\n", good, !good);
    return !good;
}

static uint64_t
number_or(const char *z, uint64_t otherwise)
{
    return z && *z ? strtoull(z, NULL, 10) : otherwise;
}

int
main(int argc, char **argv)
{
    struct options o = {.only = -1, .program = argv[0]};
    o.seed = number_or(getenv("EINC_SEED"), 1);
    o.cases = (int)number_or(getenv("EINC_CASES"), CASES);
    for (int a = 1; a < argc; a++) {
        const char *next = a + 1 < argc ? argv[a + 1] : NULL;
        if (strcmp(argv[a], "--stop") == 0) {
            o.stop = 1;
            continue;
        }
        a++;
        if (next && strcmp(argv[a - 1], "--seed") == 0)
            o.seed = number_or(next, 1);
        else if (next && strcmp(argv[a - 1], "--cases") == 0)
            o.cases = (int)number_or(next, CASES);
        else if (next && strcmp(argv[a - 1], "--case") == 0)
            o.only = (int)number_or(next, 0);
        else
            return fprintf(stderr, "usage: random [--seed S] [--cases N] "
                                   "[--case N] [--stop]\n"), 2;
    }
    if (o.only >= 0)
        return run_one(&o);
    struct tally *tally =
        mmap(NULL, WORKERS * sizeof *tally, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tally == MAP_FAILED)
        return 1;
    time_t began = time(NULL);
    run_workers(&o, tally);
    return summary(&o, tally, difftime(time(NULL), began));
}

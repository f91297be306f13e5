/* SPDX-License-Identifier: MIT
 *
 * program.c - random programs of index statements through everything that can
 * run one, against the oracle of runtime/ref_program.h: bit for bit where that
 * says that all is exact, within its bound elsewhere.
 *     program [--seed S] [--cases N] [--case N] [--stop] [--device N]
 * EINC_SEED and EINC_CASES are the same. --case runs one case; --stop ends at
 * the first failure; each N-th case runs on the mock of a GPU, too.
 *
 * As in random.c, two processes share the cases and take them in chunks:
 * resolve all and note their kernels, compile those, run all.
 */
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "build.h"
#include "codegen/mapreduce.h"
#include "ctx.h"
#include "data.h"
#include "parse/resolve.h"
#include "plan/widen.h"
#include "program_gen.h"
#include "program_plain.h"
#include "runtime/eval.h"

enum {
    CASES = 5250,
    COMPILED = 4,     /* each so many-th has its kernels compiled */
    DEVICE = 100,     /* likewise, runs on the mock of a GPU */
    CHUNK = 500,      /* cases between two runs of the compilers */
    WORKERS = 2,
    MOST_FAILURES = 20,
    CASE_SECONDS = 60
};
#define ULPS 4 /* of exp and its like */

/* --- counts, shared by all processes ------------------------------------ */

/* What a program may hold; every row must be met. */
enum feature {
    F_NEGATED = 0, /* and the other functions, by number */
    F_REDOP = N_FNS,
    F_MODE = F_REDOP + N_REDOPS,
    F_TYPE = F_MODE + BOUND_REFLECT + 1,
    F_ASSIGN = F_TYPE + EINC_C128 + 1,
    F_FILL = F_ASSIGN + ASSIGN_MIN + 1,
    F_REST, F_STRIDED, F_CHECKED, F_GUARD, F_DATA_RANGE, F_BEST, F_LSE,
    F_NESTED, F_SCATTER, F_TEMP, F_READ, F_EMPTY, F_SCALAR, F_INDEX,
    F_NEGATIVE_LO, F_TWO_BOUND, F_STRAY, F_EXACT, F_REAL, F_WRAPPED,
    F_SPECIAL, F_CONTRACTED, F_FUSED, F_SPLIT, F_LISTED, F_COMPILED, F_DEVICE,
    N_FEATURES
};

struct tally {
    int now;                /* case under way, -1: none */
    int noting;             /* its kernels are being printed */
    int restart;            /* first case to run again */
    int broken[MOST_FAILURES], n_broken; /* cases that die while they are
                             * noted */
    int done;
    long passed, failed;
    long statements, kernels, distinct;
    long exact, bounded, no_bound; /* elements compared */
    long plain;             /* elements that the plain oracle confirmed */
    double worst[2];        /* error / bound: interpreter, kernels */
    double seconds[2];      /* of processor time: here, in compilers */
    long met[N_FEATURES];
};

struct options {
    uint64_t seed;
    int cases, only, stop, device;
    const char *program;
};

/* One process. */
struct tester {
    struct options o;
    struct tally *tally;
    struct einc_ctx *ctx;
    struct pool *pool;
    struct builder build;
    struct slot slot[GEN_TENSORS], scratch[2];
    struct gen gen;
    char why[2048];
};

/* What numbers the operands hold. */
enum filling { FILL_SMALL, FILL_REAL, FILL_WRAP, FILL_SPECIAL };

/* A program while it runs. */
struct trial {
    struct gen *gen;
    struct guarded guard;       /* what all below lives in */
    const struct names *names;
    const struct program *p;
    int of[GEN_TENSORS];        /* tensor of the text -> its number in gen */
    struct array array[GEN_TENSORS];
    void *first[GEN_TENSORS];   /* element (0, ...) */
    char *old[GEN_TENSORS];     /* spans of what is written: before, */
    char *want[GEN_TENSORS];    /* right, */
    char *seen[GEN_TENSORS];    /* of a first run */
    double *error[GEN_TENSORS];
    struct stray stray;         /* of the oracle */
    enum filling filling;
    int corrupt;                /* one position was put out of range */
    int is_planned;             /* sums of products may be taken apart: of
                                 * infinities may come NaN, or none */
    uint64_t seed;
    int on_device;              /* it ran there */
    int made[4];                /* by the plan: contractions; temporaries less
                                 * than there were, or more; lists of places
                                 * of a mask */
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

/* --- resolving ---------------------------------------------------------- */

static void
shape_array(const struct gen_tensor *x, enum einc_dtype dtype,
            struct array *a)
{
    struct rng r = {x->seed};
    memset(a, 0, sizeof *a);
    for (int d = 0; d < x->rank; d++)
        a->shape[d] = x->shape[d];
    set_strides(a, x->rank, x->style, &r);
    if (x->style == BROADCAST || x->style == OVERLAPPING)
        set_overlap(a, x->rank, x->style, &r);
    measure(a, x->rank);
    a->element = einc_dtype_bytes(dtype);
    a->layout = (struct einc_layout){
        .size = sizeof a->layout, .dtype = (int32_t)dtype,
        .ndim = x->rank, .shape = a->shape,
        .stride = x->style == DENSE ? NULL : a->stride};
}

/* Names that the generator and the parser know; -1: none. */
static int
tensor_named(const struct gen *g, struct str name)
{
    return gen_find(g, name.p, name.n);
}

/* Half of the programs as if nothing was said. */
static struct summing
summing_of(const struct trial *x)
{
    static const struct summing some[8] = {
        {EINC_SUM_KAHAN, 0}, {EINC_SUM_BLOCK, 1}, {EINC_SUM_KAHAN, 1},
        {EINC_SUM_DIRECT, 0}};
    return some[hash_bytes(x->gen->text, (int64_t)strlen(x->gen->text)) >>
                    40 & 7];
}

static void
resolve(struct guarded *guard, void *arg)
{
    struct trial *x = arg;
    struct gen *g = x->gen;
    struct arena *perm = &guard->perm;
    const struct tree_program *t =
        einc_parse_program(perm, guard->scratch, guard->source);
    struct param *params = NEW(perm, struct param, g->n_params);
    for (int k = 0; k < g->n_params; k++)
        params[k] = (struct param){str_of(g->param[k].name),
                                   g->param[k].value};
    x->names = einc_resolve_names(perm, guard->scratch, t, params,
                                  g->n_params);
    int n_in = x->names->n_in, n_out = x->names->n_out;
    struct einc_layout *in = NEW(perm, struct einc_layout, n_in);
    const struct einc_layout **out =
        NEW(perm, const struct einc_layout *, n_out);
    for (int o = 0; o < n_in; o++) {
        int k = tensor_named(g, x->names->in[o]);
        if (k < 0)
            abort();
        shape_array(&g->tensor[k], g->tensor[k].dtype, &x->array[k]);
        in[o] = x->array[k].layout;
    }
    for (int o = 0; o < n_out; o++) {
        int k = tensor_named(g, x->names->out[o]);
        if (k < 0)
            abort();
        shape_array(&g->tensor[k], g->tensor[k].dtype, &x->array[k]);
        if (g->tensor[k].given)
            out[o] = &x->array[k].layout;
    }
    struct bindings b = {in, n_in, out, n_out, params, g->n_params,
                         .summing = summing_of(x)};
    x->p = einc_resolve(perm, guard->scratch, t, &b);
    if (b.summing.wide)
        x->p = einc_widen(perm, guard->scratch, x->p);
}

/* What the library says of a tensor is what the generator had in mind. */
static int
check_tensor(struct tester *t, struct trial *x, int k)
{
    const struct tensor *y = &x->p->tensors[k];
    int of = tensor_named(x->gen, y->name);
    if (of < 0)
        return fail(t, "an unknown tensor '%.*s'", (int)y->name.n, y->name.p);
    struct gen_tensor *z = &x->gen->tensor[of];
    x->of[k] = of;
    if (y->n_dims != z->rank)
        return fail(t, "%s has %d dims, should have %d", z->name, y->n_dims,
                    z->rank);
    for (int d = 0; d < z->rank; d++)
        if (y->shape[d] != z->shape[d])
            return fail(t, "dim %d of %s is %" PRId64 ", should be %" PRId64,
                        d, z->name, y->shape[d], z->shape[d]);
    if (z->dtype && y->dtype != z->dtype)
        return fail(t, "%s is %s", z->name, einc_dtype_name(y->dtype));
    if ((y->kind == TENSOR_OPERAND) != (z->assigned == 0))
        return fail(t, "%s is of another kind", z->name);
    /* strides that nobody gave are dense */
    struct gen_tensor dense = *z;
    if (y->kind == TENSOR_TEMP ||
        (y->kind == TENSOR_OUTPUT && !z->given))
        dense.style = DENSE;
    shape_array(&dense, y->dtype, &x->array[of]);
    for (int d = 0; d < z->rank; d++)
        if (y->shape[d] > 1 && y->stride[d] != x->array[of].stride[d])
            return fail(t, "stride %d of %s is %" PRId64, d, z->name,
                        y->stride[d]);
    return 1;
}

static int
open_trial(struct tester *t, struct trial *x)
{
    *x = (struct trial){.gen = &t->gen,
                        .guard = {.ctx = t->ctx,
                                  .source = str_of(t->gen.text)}};
    struct einc_err *err = NULL;
    if (einc_guard(&x->guard, resolve, x, &err) != EINC_OK) {
        fail(t, "not resolved: %s", einc_err_text(err));
        einc_err_free(err);
        return 0;
    }
    for (int k = 0; k < x->p->n_tensors; k++)
        if (!check_tensor(t, x, k))
            return 0;
    return 1;
}

static void
close_trial(struct trial *x)
{
    for (int k = 0; k < GEN_TENSORS; k++) {
        free(x->old[k]);
        free(x->error[k]);
    }
    if (x->p) {
        einc_guard_free(&x->guard, 0);
        einc_guard_free(&x->guard, 1);
    }
}

/* --- kernels ------------------------------------------------------------ */

struct making {
    const struct program *p;
    const struct target *target;
    enum size_mode mode;
    const struct mapreduce *made[GEN_STMTS];
    struct unit units[GEN_STMTS];
};

static void
make_units(struct guarded *g, void *arg)
{
    struct making *m = arg;
    for (int s = 0; s < m->p->n_stmts; s++) {
        m->made[s] = einc_mapreduce_build(&g->perm, g->scratch, m->p,
                                          &m->p->stmts[s], m->target,
                                          m->mode);
        if (m->made[s])
            m->units[s] = einc_emit_mapreduce(&g->perm, m->made[s]);
    }
}

static void
make_case(struct tester *t, int number)
{
    gen_program(&t->gen, rng_of(t->o.seed, (uint64_t)number, 1));
}

/* Compilers take a hundred times as long as all else. */
static int
is_compiled(const struct tester *t, int number)
{
    return number % COMPILED == 0 || t->o.only >= 0;
}

/* Extents are small here, and would all be numbers of the text: every other
 * kernel has none that can be an argument. */
static enum size_mode
mode_of(int number)
{
    return number / COMPILED % 2 ? SIZES_FEW : SIZES_GENERIC;
}

/* Sources of the case, for build_all(); their count, or -1. */
static int
note_sources(struct tester *t, int number, int *id)
{
    struct trial x;
    make_case(t, number);
    int n = -1;
    if (!is_compiled(t, number))
        return -1;
    if (open_trial(t, &x)) {
        int config = configs_pick(&t->build.configs, 0, number % 97, -1);
        struct making m = {.p = x.p,
                           .target = t->build.configs.list[config].target,
                           .mode = mode_of(number)};
        struct guarded g = {.ctx = t->ctx};
        if (einc_guard(&g, make_units, &m, NULL) == EINC_OK) {
            for (n = 0; n < x.p->n_stmts; n++)
                id[n] = m.made[n] ? build_add(&t->build, config,
                                              m.units[n].source, 0, 0)
                                  : -1;
            einc_guard_free(&g, 0);
            einc_guard_free(&g, 1);
        }
    }
    close_trial(&x);
    return n;
}

/* --- data --------------------------------------------------------------- */

static struct value
place_value(struct rng *r, const struct gen_tensor *x)
{
    int64_t v = rng_range(r, (int)x->lo, (int)x->hi);
    return (struct value){(uint64_t)v, (double)v, 0};
}

static struct value
special_value(struct rng *r, enum einc_dtype t)
{
    static const double odd[] = {HUGE_VAL, -HUGE_VAL, NAN, -0.0, 0.0};
    struct value v = integer_value(r, t, 3, 0);
    if (rng_percent(r, 20))
        v.re = odd[rng_below(r, 5)];
    if (is_complex_type(t) && rng_percent(r, 10))
        v.im = odd[rng_below(r, 5)];
    return v;
}

static struct value
data_value(struct rng *r, enum einc_dtype t, enum filling filling)
{
    if (is_exact_type(t)) { /* u64 is computed in i64. Terms of a max that
                             * its narrow type does not hold, while the type
                             * that they are computed in does, are no test */
        int wraps = filling == FILL_WRAP && einc_dtype_bytes(t) >= 4;
        struct value v = integer_value(r, t, 3, wraps);
        v.bits = t == EINC_U64 ? v.bits >> 1 : v.bits;
        return v;
    }
    if (filling == FILL_SPECIAL)
        return special_value(r, t);
    if (filling != FILL_REAL)
        return integer_value(r, t, 3, 0);
    struct value v = real_value(r, t, 0);
    v.re *= 2;
    v.im *= 2;
    return v;
}

/* Numbers that do not fall, in the order of the first dim. */
static void
fill_rising(struct array *a, const struct gen_tensor *x, struct rng *r)
{
    int64_t v = 0, n = a->shape[0];
    for (int64_t i = 0; i < n; i++) {
        int64_t left = x->hi - v;
        v += left > 0 ? rng_range(r, 0, (int)(2 * left / (n - i) + 1)) : 0;
        v = v > x->hi ? x->hi : v;
        struct value y = {(uint64_t)v, (double)v, 0};
        value_store((enum einc_dtype)a->layout.dtype, a->first,
                    i * a->stride[0], y);
    }
}

/* One position that leads out of the tensor it is a position of, mostly. */
static void
corrupt(struct trial *x, struct array *a, const struct gen_tensor *z,
        struct rng *r)
{
    if (a->hi == a->lo)
        return;
    int64_t v = rng_percent(r, 50) ? z->hi + 1 + rng_below(r, 9)
                                   : -1 - rng_below(r, 9);
    struct value y = {(uint64_t)v, (double)v, 0};
    value_store((enum einc_dtype)a->layout.dtype, a->memory,
                rng_below(r, (int)(a->hi - a->lo)), y);
    x->corrupt = 1;
}

static void
fill_tensor(struct trial *x, int k, struct rng *r)
{
    const struct gen_tensor *z = &x->gen->tensor[x->of[k]];
    struct array *a = &x->array[x->of[k]];
    enum einc_dtype dtype = x->p->tensors[k].dtype;
    for (int64_t i = 0; i < a->hi - a->lo; i++)
        value_store(dtype, a->memory, i,
                    z->role == ROLE_DATA ? data_value(r, dtype, x->filling)
                                         : place_value(r, z));
    if (z->role == ROLE_RISING && a->count)
        fill_rising(a, z, r);
    if (z->role != ROLE_DATA && !x->corrupt && rng_percent(r, 4))
        corrupt(x, a, z, r);
}

static void
fill(struct tester *t, struct trial *x, int number)
{
    static const enum filling fillings[] = {
        FILL_SMALL, FILL_SMALL, FILL_SMALL, FILL_SMALL, FILL_SMALL,
        FILL_REAL, FILL_REAL, FILL_REAL, FILL_WRAP, FILL_SPECIAL};
    struct rng r = rng_of(t->o.seed, (uint64_t)number, 2);
    x->seed = rng_next(&r);
    x->filling = fillings[rng_below(&r, 10)];
    for (int k = 0; k < x->p->n_tensors; k++) {
        struct array *a = &x->array[x->of[k]];
        array_place(a, &t->slot[k], rng_percent(&r, 70));
        x->first[k] = a->first;
        fill_tensor(x, k, &r);
        if (x->p->tensors[k].kind == TENSOR_OPERAND)
            continue;
        size_t bytes = array_bytes(a) + 1;
        x->old[k] = grow(NULL, 3 * bytes);
        x->want[k] = x->old[k] + bytes;
        x->seen[k] = x->want[k] + bytes;
        memcpy(x->old[k], a->memory, array_bytes(a));
        size_t errors = (size_t)(2 * a->count + 1) * sizeof(double);
        x->error[k] = grow(NULL, errors);
        memset(x->error[k], 0, errors);
    }
}

static int
is_written(const struct trial *x, int k)
{
    return x->p->tensors[k].kind != TENSOR_OPERAND;
}

static void
reset(struct trial *x)
{
    for (int k = 0; k < x->p->n_tensors; k++)
        if (is_written(x, k))
            memcpy(x->array[x->of[k]].memory, x->old[k],
                   array_bytes(&x->array[x->of[k]]));
}

/* --- comparing ---------------------------------------------------------- */

static double
ratio_of(double got, double want, double bound)
{
    if (got == want || (isnan(got) && isnan(want)))
        return 0;
    double error = fabs(got - want);
    return bound > 0 && isfinite(error) ? error / bound : HUGE_VAL;
}

/* One element: 1, or 0 with the reason. */
static int
compare_element(struct tester *t, struct trial *x, int k, int64_t i,
                int64_t number, const char *tier, int compiled)
{
    const struct array *a = &x->array[x->of[k]];
    enum einc_dtype d = x->p->tensors[k].dtype;
    double bound = x->error[k][number * (is_complex_type(d) ? 2 : 1)];
    struct value got = value_load(d, a->memory, i);
    struct value want = value_load(d, x->want[k], i);
    if (bound == HUGE_VAL || (x->is_planned && x->filling == FILL_SPECIAL)) {
        t->tally->no_bound++;
        return 1;
    }
    double ratio = fmax(ratio_of(got.re, want.re, bound),
                        ratio_of(got.im, want.im, bound));
    if (is_exact_type(d) && got.bits != want.bits)
        ratio = HUGE_VAL;
    if (bound == 0)
        t->tally->exact++;
    else
        t->tally->bounded++;
    if (ratio <= 1) {
        t->tally->worst[compiled] = fmax(t->tally->worst[compiled], ratio);
        return 1;
    }
    return fail(t, "%s: element %" PRId64 " of %s is %.17g%+.17gi (%" PRIx64
                   "), should be %.17g%+.17gi (%" PRIx64 ") within %g: off "
                   "by %g of it", tier, number, x->gen->tensor[x->of[k]].name,
                got.re, got.im, got.bits, want.re, want.im, want.bits, bound,
                ratio);
}

/* All elements; what is between them is as it was. */
static int
compare_tensor(struct tester *t, struct trial *x, int k, const char *tier,
               int compiled)
{
    const struct array *a = &x->array[x->of[k]];
    int64_t at[MAX_RANK] = {0}, number = 0;
    char *rest = grow(NULL, array_bytes(a) + 1);
    memcpy(rest, a->memory, array_bytes(a));
    int good = 1;
    for (int more = a->count > 0; more && good; number++) {
        int64_t i = offset_of(a, at) - a->lo;
        good = compare_element(t, x, k, i, number, tier, compiled);
        memcpy(rest + (size_t)i * a->element,
               x->old[k] + (size_t)i * a->element, a->element);
        more = next_position(a->shape, a->layout.ndim, at);
    }
    if (good && memcmp(rest, x->old[k], array_bytes(a)) != 0)
        good = fail(t, "%s: wrote between the elements of %s", tier,
                    x->gen->tensor[x->of[k]].name);
    free(rest);
    return good;
}

/* After a run of everything, or of what leaves no temporaries; `first` of the
 * runs that must give the same bits. */
static int
compare_all(struct tester *t, struct trial *x, const char *tier, int compiled,
            int first, int temps)
{
    for (int k = 0; k < x->p->n_tensors; k++) {
        const struct array *a = &x->array[x->of[k]];
        if (!is_written(x, k) ||
            (x->p->tensors[k].kind == TENSOR_TEMP && !temps))
            continue;
        if (first)
            memcpy(x->seen[k], a->memory, array_bytes(a));
        else if (memcmp(x->seen[k], a->memory, array_bytes(a)) != 0)
            return fail(t, "%s: other bits of %s with other threads", tier,
                        x->gen->tensor[x->of[k]].name);
        if (first && !compare_tensor(t, x, k, tier, compiled))
            return 0;
    }
    return 1;
}

static int
compare(struct tester *t, struct trial *x, const char *tier, int compiled,
        int first, struct stray stray)
{
    if (!stray.site != !x->stray.site)
        return fail(t, "%s: site %" PRId64 " was left at %" PRId64
                       ", should be %" PRId64 " at %" PRId64, tier,
                    stray.site, stray.position, x->stray.site,
                    x->stray.position);
    if (stray.site)
        return stray.site >= 1 && stray.site <= x->p->n_sites
                   ? 1
                   : fail(t, "%s: no site %" PRId64, tier, stray.site);
    return compare_all(t, x, tier, compiled, first, 1);
}

/* --- the oracle itself -------------------------------------------------- */

static int
number_of(const struct trial *x, int of)
{
    for (int k = 0; k < x->p->n_tensors; k++)
        if (x->of[k] == of)
            return k;
    abort();
}

/* Element (at) of what statement s wrote, by the oracle and by a plain one;
 * only where the former says that it is exact. */
static int
check_plain(struct tester *t, struct trial *x, int of, int64_t i,
            int64_t number, struct plain_value v)
{
    int k = number_of(x, of);
    enum einc_dtype d = x->p->tensors[k].dtype;
    if (x->error[k][number * (is_complex_type(d) ? 2 : 1)] != 0)
        return 1;
    struct value want = value_load(d, x->want[k], i), got = want;
    char one[16];
    if (is_exact_type(d) && !(fabs(v.re) < 0x1p30))
        return 1;
    if (is_complex_type(d) && !(isfinite(v.re) && isfinite(v.im)))
        return 1;
    got.bits = is_exact_type(d) ? (uint64_t)(int64_t)v.re : 0;
    got.re = v.re;
    got.im = v.im;
    value_store(d, one, 0, got);
    got = value_load(d, one, 0);
    if (ratio_of(got.re, want.re, 0) == 0 &&
        ratio_of(got.im, want.im, 0) == 0) {
        t->tally->plain++;
        return 1;
    }
    return fail(t, "the oracle says that element %" PRId64 " of %s is "
                   "%g%+gi, a plain one %g%+gi", number,
                x->gen->tensor[of].name, want.re, want.im, got.re, got.im);
}

static int
check_statement(struct tester *t, struct trial *x, struct plain *p,
                const struct gen_stmt *s)
{
    const struct array *a = &x->array[s->tensor];
    enum einc_dtype d = (enum einc_dtype)a->layout.dtype;
    size_t n = (size_t)(a->hi - a->lo);
    struct plain_value *to = grow(NULL, (n + 1) * sizeof *to);
    for (size_t i = 0; i < n; i++) {
        struct value v = value_load(d, x->old[number_of(x, s->tensor)],
                                    (int64_t)i);
        to[i] = (struct plain_value){v.re, v.im};
    }
    p->rough = 0;
    plain_points(p, s, 0, to);
    int good = 1;
    int64_t at[MAX_RANK] = {0}, number = 0;
    for (int more = a->count > 0 && !p->rough && !p->strays; more && good;
         number++) {
        int64_t i = offset_of(a, at) - a->lo;
        good = check_plain(t, x, s->tensor, i, number, to[i]);
        more = next_position(a->shape, a->layout.ndim, at);
    }
    free(to);
    return good;
}

/* The oracle reads what the library resolved, which may be wrong itself. */
static int
check_oracle(struct tester *t, struct trial *x)
{
    char *memory[GEN_TENSORS] = {NULL};
    struct plain p = {.g = x->gen, .array = x->array, .memory = memory};
    if (x->filling == FILL_REAL || x->filling == FILL_WRAP || x->stray.site)
        return 1;
    for (int k = 0; k < x->p->n_tensors; k++) {
        memory[x->of[k]] = is_written(x, k) ? x->want[k]
                                            : x->array[x->of[k]].memory;
        p.has_unsigned |=
            einc_dtype_info(x->p->tensors[k].dtype)->kind == KIND_UINT;
    }
    for (int s = 0; s < x->gen->n_stmts; s++) {
        const struct gen_stmt *y = &x->gen->stmt[s];
        int k = number_of(x, y->tensor);
        memory[y->tensor] = x->old[k]; /* what it reads in place */
        if (!check_statement(t, x, &p, y))
            return 0;
        memory[y->tensor] = x->want[k];
    }
    return !p.strays || x->corrupt ||
           fail(t, "a plain oracle strays");
}

/* --- ways to run -------------------------------------------------------- */

static int
run_oracle(struct tester *t, struct trial *x)
{
    enum einc_status status =
        einc_ref_program(x->p, &einc_mem_default, x->first, ULPS,
                         (double *const *)x->error, &x->stray);
    if (status != (x->stray.site ? EINC_ESHAPE : EINC_OK))
        return fail(t, "the oracle says %s", einc_status_name(status));
    if (x->stray.site && !x->corrupt)
        return fail(t, "the oracle leaves site %" PRId64 " at %" PRId64,
                    x->stray.site, x->stray.position);
    for (int k = 0; k < x->p->n_tensors; k++)
        if (is_written(x, k))
            memcpy(x->want[k], x->array[x->of[k]].memory,
                   array_bytes(&x->array[x->of[k]]));
    return 1;
}

static int
eval_stmt(struct tester *t, struct trial *x, const struct stmt *s,
          int threads, struct stray *stray)
{
    size_t bytes = (size_t)einc_eval_scratch(x->p, s);
    char *scratch = slot_take(&t->scratch[0], bytes * (size_t)threads, 1);
    scratch -= (uintptr_t)scratch % 64;
    int rc = einc_eval_run(x->p, s, 0, x->first, scratch, t->pool, threads,
                           stray);
    return rc == (stray->site != 0) || fail(t, "eval returns %d", rc);
}

static int
run_eval(struct tester *t, struct trial *x)
{
    for (int threads = 1; threads <= 2; threads++) {
        struct stray stray = {0, 0};
        reset(x);
        for (int s = 0; s < x->p->n_stmts && !stray.site; s++)
            if (!eval_stmt(t, x, &x->p->stmts[s], threads, &stray))
                return 0;
        if (!compare(t, x, threads == 1 ? "eval" : "eval, 2 threads", 0,
                     threads == 1, stray))
            return 0;
    }
    return 1;
}

/* --- through the library: what a plan makes of the program -------------- */

static int
drop(void *user, const char *bytes, size_t n)
{
    (void)user;
    (void)bytes;
    (void)n;
    return 0;
}

static struct einc_plan *
make_plan(struct tester *t, struct trial *x)
{
    static const char *const stages[] = {"expr", "stmt", "path", "plan",
                                         "nest"};
    struct einc_layout in[GEN_TENSORS];
    const struct einc_layout *out[GEN_TENSORS];
    char params[128] = "";
    const struct gen *g = x->gen;
    for (int k = 0, n = 0; k < g->n_params; k++)
        n += snprintf(params + n, sizeof params - (size_t)n, "%s%s=%" PRId64,
                      k ? "," : "", g->param[k].name, g->param[k].value);
    for (int o = 0; o < x->names->n_in; o++)
        in[o] = x->array[tensor_named(g, x->names->in[o])].layout;
    for (int o = 0; o < x->names->n_out; o++) {
        int of = tensor_named(g, x->names->out[o]);
        out[o] = g->tensor[of].given ? &x->array[of].layout : NULL;
    }
    struct summing sums = summing_of(x);
    struct einc_options opts = {.size = sizeof opts, .params = params,
                                .sum = (int32_t)sums.how,
                                .acc = sums.wide ? EINC_F64 : 0};
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    if (einc_compile_outs(t->ctx, g->text, (size_t)x->names->n_in, in,
                          (size_t)x->names->n_out, out, &opts, &plan,
                          &err) != EINC_OK)
        fail(t, "not planned: %s", einc_err_text(err));
    for (size_t k = 0; plan && k < sizeof stages / sizeof *stages; k++)
        if (x->seed >> k & 1 &&
            einc_explain(plan, stages[k], EINC_TEXT, drop, NULL, &err) !=
                EINC_OK) {
            fail(t, "dump %s: %s", stages[k], einc_err_text(err));
            einc_plan_free(plan);
            plan = NULL;
        }
    einc_err_free(err);
    return plan;
}

static void
look_plan(struct trial *x, const struct script *s)
{
    for (int k = 0; k < s->n_stages; k++) {
        x->made[0] |= s->stages[k].kind == STAGE_CONTRACT;
        x->made[3] |= s->program->stmts[k].places != NULL;
    }
    x->made[1] = s->program->n_stmts < x->p->n_stmts;
    x->made[2] = s->program->n_stmts > x->p->n_stmts;
}

static int
run_plan(struct tester *t, struct trial *x, const struct einc_plan *plan,
         int threads, enum einc_place place)
{
    const void *in[GEN_TENSORS];
    void *out[GEN_TENSORS];
    struct einc_err *err = NULL;
    struct einc_run_options o = {.size = sizeof o, .threads = threads,
                                 .place = (int32_t)place};
    size_t bytes = 0;
    for (int k = 0; k < x->p->n_tensors; k++) {
        const struct tensor *y = &x->p->tensors[k];
        if (y->kind == TENSOR_OPERAND)
            in[y->number] = x->first[k];
        else if (y->kind == TENSOR_OUTPUT)
            out[y->number] = x->first[k];
    }
    if (threads == 1 && place == EINC_PLACE_HOST) {
        einc_plan_workspace(plan, &bytes, NULL);
        o.work_bytes = bytes;
        o.work = slot_take(&t->scratch[0], (bytes + 63) / 64 * 64, 1);
        memset(o.work, 0xff, bytes < PAGE ? bytes : PAGE);
    }
    enum einc_status status = einc_run_outs(plan, in, out, &o, &err);
    int right = x->stray.site ? EINC_ESHAPE : EINC_OK;
    if ((int)status != right)
        fail(t, "einc_run_outs: %s, should be %s; %s",
             einc_status_name(status),
             einc_status_name((enum einc_status)right),
             err ? einc_err_text(err) : "");
    einc_err_free(err);
    return (int)status == right;
}

/* By the same plan, through the mock of a driver: by a thread per task, or a
 * block of them (TEAM_NEVER, TEAM_ALWAYS). */
static int
run_device(struct tester *t, struct trial *x, struct einc_plan *plan, int team)
{
    struct einc_err *err = NULL;
    einc_device_program_forget(plan);
    plan->device_team = team;
    enum einc_status status =
        einc_plan_prepare(plan, EINC_PLACE_CUDA_COPIES, &err);
    if (status != EINC_OK) {
        x->on_device = 0;
        if (status != EINC_EUNSUP)
            fail(t, "device: %s", einc_err_text(err));
        einc_err_free(err);
        return status == EINC_EUNSUP;
    }
    for (int again = 0; again < 2; again++) {
        reset(x);
        if (!run_plan(t, x, plan, 1, EINC_PLACE_CUDA_COPIES) ||
            !(x->stray.site || compare_all(t, x, "device", 0, !again, 0)))
            return 0;
    }
    return 1;
}

static int
run_library(struct tester *t, struct trial *x)
{
    struct einc_plan *plan = make_plan(t, x);
    int good = plan != NULL;
    x->is_planned = 1;
    if (plan)
        look_plan(x, plan->script);
    for (int threads = 1; threads <= 2 && good; threads++) {
        reset(x);
        good = run_plan(t, x, plan, threads, EINC_PLACE_HOST);
        if (good && !x->stray.site)
            good = compare_all(t, x, threads == 1 ? "plan"
                                                  : "plan, 2 threads", 0,
                               threads == 1, 0);
    }
    for (int team = 1; team <= 2 && good && x->on_device; team++)
        good = run_device(t, x, plan, team);
    x->is_planned = 0;
    einc_plan_free(plan);
    return good;
}

/* --- kernels, run ------------------------------------------------------- */

/* All tasks in parts of random size and order. */
static void
run_parts(einc_kernel_fn kernel, const struct einc_args *args, int64_t tasks,
          struct rng *r)
{
    enum { MOST = 4 };
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
run_kernel(struct tester *t, struct trial *x, const struct making *m, int s,
           einc_kernel_fn kernel, int threads, struct rng *r,
           struct stray *stray)
{
    enum { MOST_NUMBERS = 1024 };
    static int64_t n[MOST_NUMBERS], strides[MOST_NUMBERS];
    const struct unit *u = &m->units[s];
    if (u->n_extents > MOST_NUMBERS || u->n_strides > MOST_NUMBERS)
        abort();
    int64_t left[2] = {0, 0};
    int64_t tasks = einc_mapreduce_arguments(m->made[s], threads, n, strides);
    char *scratch = slot_take(&t->scratch[0], (size_t)u->scratch_bytes, 1);
    struct einc_args args = {
        .out = x->first[x->p->stmts[s].left.tensor],
        .in = (const void *const *)x->first, .n = n, .s = strides,
        .scratch = scratch - (uintptr_t)scratch % 64, .stray = left};
    run_parts(kernel, &args, tasks, r);
    *stray = (struct stray){left[0], left[1]};
}

static int
run_compiled(struct tester *t, struct trial *x, const int *id, int n)
{
    int any = 0;
    while (any < n && id[any] < 0)
        any++;
    if (any == n)
        return 1;
    const struct config *c =
        &t->build.configs.list[t->build.list[id[any]].config];
    char tier[96];
    snprintf(tier, sizeof tier, "%s, %s %s", c->column, c->compiler,
             c->level ? c->level : "-O2");
    for (int k = 0; k < n; k++)
        if (id[k] >= 0 && t->build.list[id[k]].state != READY)
            return fail(t, "%s: source %d is broken", tier, id[k]);
    struct making m = {.p = x->p, .target = c->target,
                       .mode = mode_of(t->tally->now)};
    struct guarded g = {.ctx = t->ctx};
    if (einc_guard(&g, make_units, &m, NULL) != EINC_OK)
        return fail(t, "no memory for kernels");
    struct rng r = {x->seed};
    int good = 1;
    for (int threads = 1; threads <= 3 && good; threads += 2) {
        struct stray stray = {0, 0};
        reset(x);
        for (int s = 0; s < n && !stray.site; s++)
            if (id[s] >= 0)
                run_kernel(t, x, &m, s, t->build.list[id[s]].kernel, threads,
                           &r, &stray);
            else
                eval_stmt(t, x, &x->p->stmts[s], 1, &stray);
        good = compare(t, x, tier, 1, threads == 1, stray);
    }
    einc_guard_free(&g, 0);
    einc_guard_free(&g, 1);
    return good;
}

/* --- what was met ------------------------------------------------------- */

struct search {
    int met[N_FEATURES];
};

static void look_node(const struct program *p, struct search *s,
                      const struct node *n, int level);

static void
look_access(const struct program *p, struct search *s, const struct access *a,
            int level)
{
    s->met[F_FILL] |= a->fill != NULL;
    s->met[F_SCALAR] |= a->n_subs == 0;
    for (int d = 0; d < a->n_subs; d++) {
        const struct subscript *u = &a->subs[d];
        s->met[F_MODE + u->mode] = 1;
        s->met[F_CHECKED] |= u->checked;
        s->met[F_STRIDED] |= u->n_terms > 1;
        if (u->rest) {
            s->met[F_REST] = 1;
            look_node(p, s, u->rest, level);
        }
    }
}

static void
look_reduce(const struct program *p, struct search *s, const struct node *n,
            int level)
{
    s->met[F_REDOP + (int)n->redop] = 1;
    s->met[F_NESTED] |= level > 0;
    s->met[F_BEST] |= n->best >= 0;
    s->met[F_TWO_BOUND] |= n->n_bound > 1;
    if (n->guard) {
        s->met[F_GUARD] = 1;
        look_node(p, s, n->guard, level + 1);
    }
    for (int k = 0; k < n->n_bound; k++) {
        const struct index *x = &p->indices[n->bound[k]];
        s->met[F_NEGATIVE_LO] |= x->lo < 0;
        s->met[F_EMPTY] |= x->lo >= x->hi;
        if (x->from) {
            s->met[F_DATA_RANGE] = 1;
            look_node(p, s, x->from, level);
            look_node(p, s, x->to, level);
        }
    }
}

static void
look_node(const struct program *p, struct search *s, const struct node *n,
          int level)
{
    switch (n->kind) {
    case NODE_ACCESS: look_access(p, s, n->access, level); break;
    case NODE_CALL:
        s->met[n->fn] = 1;
        s->met[F_LSE] |= n->lse != NULL;
        break;
    case NODE_REDUCE: look_reduce(p, s, n, level); break;
    case NODE_INDEX: s->met[F_INDEX] = 1; break;
    case NODE_NUMBER: case NODE_PRODUCT: break;
    }
    for (int k = 0; k < n->n_args; k++)
        look_node(p, s, n->args[k], level + (n->kind == NODE_REDUCE));
}

static void
look_trial(const struct trial *x, struct search *s)
{
    const struct program *p = x->p;
    for (int k = 0; k < p->n_tensors; k++) {
        const struct tensor *y = &p->tensors[k];
        s->met[F_TYPE + (int)y->dtype] = 1;
        s->met[F_TEMP] |= y->kind == TENSOR_TEMP;
        s->met[F_READ] |= y->kind == TENSOR_OUTPUT && y->read;
    }
    for (int k = 0; k < p->n_stmts; k++) {
        s->met[F_ASSIGN + (int)p->stmts[k].op] = 1;
        s->met[F_SCATTER] |= p->stmts[k].scatters;
        look_node(p, s, p->stmts[k].right, 0);
        look_access(p, s, &p->stmts[k].left, 0);
    }
    s->met[F_CONTRACTED] = x->made[0];
    s->met[F_FUSED] = x->made[1];
    s->met[F_SPLIT] = x->made[2];
    s->met[F_LISTED] = x->made[3];
    s->met[F_STRAY] = x->stray.site != 0;
    s->met[F_EXACT] = x->filling == FILL_SMALL;
    s->met[F_REAL] = x->filling == FILL_REAL;
    s->met[F_WRAPPED] = x->filling == FILL_WRAP;
    s->met[F_SPECIAL] = x->filling == FILL_SPECIAL;
}

static void
count(struct tester *t, const struct trial *x, int n_kernels)
{
    struct search s = {{0}};
    look_trial(x, &s);
    s.met[F_COMPILED] = n_kernels > 0;
    s.met[F_DEVICE] = x->on_device;
    for (int f = 0; f < N_FEATURES; f++)
        t->tally->met[f] += s.met[f];
    t->tally->statements += x->p->n_stmts;
    t->tally->kernels += n_kernels;
}

static const char *
feature_name(int f)
{
    static const char *const redops[] = {
        "sum", "prod", "max", "min", "mean", "any", "all", "count", "argmax",
        "argmin", "logsumexp", NULL, "kmin", "kmax", "argkmin", "argkmax",
        NULL};
    static const char *const modes[] = {"bare", "pad", "clamp", "wrap",
                                        "reflect"};
    static const char *const ops[] = {"=", "+=", "*=", "max=", "min="};
    static const char *const rest[] = {
        "fill", "not affine", "two terms", "checked", "guard", "data range",
        "k best", "softmax", "nested", "scatter", "temporary", "read output",
        "empty", "scalar", "index", "lo < 0", "two bound", "stray",
        "integers", "reals", "wrapping", "inf and NaN", "contracted",
        "fused", "split", "listed", "compiled", "on a device"};
    if (f < F_REDOP)
        return f == FN_POWI ? "powi" : einc_fn_info((enum fn)f)->name;
    if (f < F_MODE)
        return redops[f - F_REDOP];
    if (f < F_TYPE)
        return modes[f - F_MODE];
    if (f < F_ASSIGN)
        return f == F_TYPE ? NULL
                           : einc_dtype_name((enum einc_dtype)(f - F_TYPE));
    return f < F_FILL ? ops[f - F_ASSIGN] : rest[f - F_FILL];
}

/* The table; returns how many rows nothing has met. */
static int
print_features(const struct tally *t)
{
    int empty = 0, column = 0;
    for (int f = 0; f < N_FEATURES; f++) {
        const char *name = feature_name(f);
        if (!name)
            continue;
        printf("%-11s %5ld%s", name, t->met[f],
               ++column % 6 ? "   " : "\n");
        empty += t->met[f] == 0;
    }
    printf("%s", column % 6 ? "\n" : "");
    return empty;
}

/* --- one case ----------------------------------------------------------- */

static int
run_all(struct tester *t, struct trial *x, const int *id, int n)
{
    if (!run_oracle(t, x) || !check_oracle(t, x) || !run_eval(t, x) ||
        !run_library(t, x))
        return 0;
    if (n >= 0 && n != x->p->n_stmts)
        return fail(t, "resolved otherwise the second time");
    return n <= 0 || run_compiled(t, x, id, n);
}

/* The numbers of small operands. */
static void
put_values(const struct trial *x)
{
    enum { MOST = 24 };
    for (int k = 0; k < x->p->n_tensors; k++) {
        const struct array *a = &x->array[x->of[k]];
        int64_t at[MAX_RANK] = {0};
        if (a->count > MOST || x->p->tensors[k].kind == TENSOR_TEMP)
            continue;
        printf("  %-5s =", x->gen->tensor[x->of[k]].name);
        for (int more = a->count > 0; more;) {
            enum einc_dtype d = x->p->tensors[k].dtype;
            struct value v = value_load(d, a->first, offset_of(a, at));
            printf(" %g", v.re);
            if (is_complex_type(d))
                printf("%+gi", v.im);
            more = next_position(a->shape, a->layout.ndim, at);
        }
        printf("\n");
    }
}

/* `n` < 0: without kernels. */
static int
check_case(struct tester *t, int number, const int *id, int n)
{
    struct trial x;
    make_case(t, number);
    int good = open_trial(t, &x);
    if (good) {
        x.on_device = t->o.device && number % t->o.device == 0;
        fill(t, &x, number);
        if (t->o.only >= 0)
            put_values(&x);
        for (int k = 0; k < x.p->n_tensors; k++)
            if (!is_written(&x, k))
                protect(x.array[x.of[k]].memory,
                        array_bytes(&x.array[x.of[k]]), 0);
        good = run_all(t, &x, id, n);
        for (int k = 0; k < x.p->n_tensors; k++)
            if (!is_written(&x, k))
                protect(x.array[x.of[k]].memory,
                        array_bytes(&x.array[x.of[k]]), 1);
        if (good)
            count(t, &x, n > 0 ? n : 0);
    }
    close_trial(&x);
    return good;
}

static void
put_dims(const char *what, const int64_t *v, int n)
{
    printf(" %s (", what);
    for (int d = 0; d < n; d++)
        printf("%s%" PRId64, d ? "," : "", v[d]);
    printf(")");
}

static void
put_case(struct tester *t, int number)
{
    make_case(t, number);
    printf("%s\n", t->gen.text);
    for (int k = 0; k < t->gen.n_params; k++)
        printf("  %s = %" PRId64 "\n", t->gen.param[k].name,
               t->gen.param[k].value);
    for (int k = 0; k < t->gen.n_tensors; k++) {
        const struct gen_tensor *x = &t->gen.tensor[k];
        struct array a;
        if (x->assigned && !x->given)
            continue;
        enum einc_dtype d = x->dtype ? x->dtype : EINC_F32;
        shape_array(x, d, &a);
        printf("  %-5s %-4s", x->name,
               x->dtype ? einc_dtype_name(x->dtype) : "?");
        put_dims("shape", a.shape, x->rank);
        put_dims("stride", a.stride, x->rank);
        printf("\n");
    }
    printf("  again: %s --seed %" PRIu64 " --case %d\n", t->o.program,
           t->o.seed, number);
    fflush(stdout);
}

static void
run_case(struct tester *t, int number, const int *id, int n)
{
    t->tally->now = number;
    alarm(CASE_SECONDS);
    if (check_case(t, number, id, n))
        t->tally->passed++;
    else {
        printf("FAIL case %d: %s\n", number, t->why);
        put_case(t, number);
        t->tally->failed++;
    }
    alarm(0);
    t->tally->now = -1;
}

/* --- a worker ----------------------------------------------------------- */

static void
open_tester(struct tester *t, const struct options *o, struct tally *tally)
{
    struct einc_config c = {.size = sizeof c, .threads = 2, .cache_dir = "",
                            .tier = EINC_TIER_INTERP};
    memset(t, 0, sizeof *t);
    t->o = *o;
    t->tally = tally;
    t->pool = einc_pool_open(&einc_mem_default, 2);
    if (!t->pool || einc_ctx_create(&c, &t->ctx, NULL) != EINC_OK)
        abort();
    configs_fill(&t->build.configs);
    if (!t->build.configs.n) {
        printf("no compiler: kernels cannot be tested\n");
        exit(1);
    }
    for (int k = 0; k < GEN_TENSORS; k++)
        t->slot[k] = slot_open();
    t->scratch[0] = slot_open();
}

static int
enough(const struct tester *t)
{
    return t->tally->failed >= (t->o.stop ? 1 : MOST_FAILURES);
}

static int
is_broken(const struct tester *t, int number)
{
    for (int k = 0; k < t->tally->n_broken; k++)
        if (t->tally->broken[k] == number)
            return 1;
    return 0;
}

/* A chunk of cases, of those that are this worker's. */
static void
run_chunk(struct tester *t, int worker, int first)
{
    static int id[WORKERS * CHUNK][GEN_STMTS], n[WORKERS * CHUNK];
    int end = first + WORKERS * CHUNK;
    end = end < t->o.cases ? end : t->o.cases;
    if (t->tally->restart < first)
        t->tally->restart = first;
    for (int c = first + worker; c < end; c += WORKERS) {
        if (c < t->tally->restart || is_broken(t, c))
            continue;
        t->tally->now = c;
        t->tally->noting = 1;
        n[c - first] = note_sources(t, c, id[c - first]);
    }
    t->tally->now = -1;
    t->tally->noting = 0;
    build_all(&t->build);
    for (int c = first + worker; c < end && !enough(t); c += WORKERS)
        if (c >= t->tally->restart && !is_broken(t, c))
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
    static struct tester t;
    open_tester(&t, o, tally);
    int chunk = WORKERS * CHUNK;
    for (int c = tally->restart / chunk * chunk; c < o->cases && !enough(&t);
         c += chunk)
        run_chunk(&t, worker, c);
    tally->distinct += t.build.compiled;
    tally->seconds[0] += processor_seconds(RUSAGE_SELF);
    tally->seconds[1] += processor_seconds(RUSAGE_CHILDREN);
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
    static struct tester t;
    t.o = *o;
    tally->failed++;
    if (tally->now < 0) {
        printf("FAIL: a worker ended with status %x outside of a case\n",
               (unsigned)status);
        return 0;
    }
    printf("FAIL case %d: signal %d (%s)\n", tally->now, WTERMSIG(status),
           strsignal(WTERMSIG(status)));
    put_case(&t, tally->now);
    if (tally->noting && tally->n_broken < MOST_FAILURES)
        tally->broken[tally->n_broken++] = tally->now;
    else
        tally->restart = tally->now + 1;
    tally->now = -1;
    return tally->failed < (o->stop ? 1 : MOST_FAILURES) &&
           tally->restart < o->cases;
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

static void
add_tally(struct tally *to, const struct tally *from)
{
    to->passed += from->passed;
    to->failed += from->failed;
    to->statements += from->statements;
    to->kernels += from->kernels;
    to->distinct += from->distinct;
    to->exact += from->exact;
    to->bounded += from->bounded;
    to->no_bound += from->no_bound;
    to->plain += from->plain;
    for (int k = 0; k < 2; k++) {
        to->worst[k] = fmax(to->worst[k], from->worst[k]);
        to->seconds[k] += from->seconds[k];
    }
    for (int f = 0; f < N_FEATURES; f++)
        to->met[f] += from->met[f];
}

static int
summary(const struct options *o, const struct tally *tally, double seconds)
{
    struct tally all = {0};
    for (int w = 0; w < WORKERS; w++)
        add_tally(&all, &tally[w]);
    int empty = print_features(&all);
    printf("seed %" PRIu64 ": %ld programs of %ld statements; %ld kernels, "
           "%ld distinct ones compiled\n", o->seed, all.passed,
           all.statements, all.kernels, all.distinct);
    printf("elements: %ld exact, %ld within a bound, %ld without one; %ld "
           "also by a plain oracle\n", all.exact, all.bounded, all.no_bound,
           all.plain);
    printf("largest error / bound: interpreter %.4f, kernels %.4f\n",
           all.worst[0], all.worst[1]);
    printf("%.0f s; processor time: %.0f s here, %.0f s in compilers\n",
           seconds, all.seconds[0], all.seconds[1]);
    int complete = o->cases >= CASES;
    if (complete && empty)
        printf("FAIL: %d rows of the table are met by nothing\n", empty);
    all.failed += complete && empty;
    printf("%ld passed, %ld failed\n", all.passed, all.failed);
    return all.failed != 0;
}

static int
run_one(const struct options *o)
{
    static struct tally tally;
    static struct tester t;
    int id[GEN_STMTS];
    open_tester(&t, o, &tally);
    tally.now = o->only;
    put_case(&t, o->only);
    int n = note_sources(&t, o->only, id);
    build_all(&t.build);
    int good = check_case(&t, o->only, id, n);
    if (!good)
        printf("FAIL case %d: %s\n", o->only, t.why);
    printf("%d passed, %d failed\n", good, !good);
    return !good;
}

static uint64_t
number_or(const char *z, uint64_t otherwise)
{
    return z && *z ? strtoull(z, NULL, 10) : otherwise;
}

/* The driver and the compiler of a GPU, which stand in a folder beside, unless
 * others are named: then those are real. */
static int
find_mock(const char *program)
{
    if (getenv("EINC_CUDA"))
        return 1;
    char path[4200];
    const char *slash = strrchr(program, '/');
    snprintf(path, sizeof path, "%.*s/../cuda/mock.so",
             slash ? (int)(slash - program) : 1, slash ? program : ".");
    return setenv("EINC_CUDA", path, 1) == 0 &&
           setenv("EINC_NVRTC", path, 1) == 0 && access(path, R_OK) == 0;
}

int
main(int argc, char **argv)
{
    struct options o = {.only = -1, .device = DEVICE, .program = argv[0]};
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
        else if (next && strcmp(argv[a - 1], "--device") == 0)
            o.device = (int)number_or(next, 0);
        else
            return fprintf(stderr, "usage: program [--seed S] [--cases N] "
                                   "[--case N] [--stop] [--device N]\n"), 2;
    }
    if (!find_mock(argv[0]))
        return fprintf(stderr, "there is no cuda/mock.so\n"), 1;
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

/* SPDX-License-Identifier: MIT
 *
 * fuzz_emit.c - bytes as choices of a legal expression, its layouts and its
 * options: strides of all signs, diagonals, broadcasts, results of other types
 * and strides, sizes as arguments. It must compile, equal the reference bit
 * for bit, and every stage and every kind of source must print.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "einc.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { MAX_IN = 4, MAX_DIMS = 5, LABELS = 6, MAX_POINTS = 1 << 14 };

/* --- choices ----------------------------------------------------------- */

struct choices {
    const uint8_t *at, *end;
};

/* 0 .. n-1; 0 when the bytes are used up. */
static int
pick(struct choices *c, int n)
{
    return c->at < c->end ? *c->at++ % n : 0;
}

struct array {
    struct einc_layout layout;
    int64_t shape[MAX_DIMS], stride[MAX_DIMS];
    int label[MAX_DIMS];
    int64_t before, count;  /* elements: of element (0, ...), of everything */
    char *data;
};

struct job {
    struct array in[MAX_IN], out;
    int n_in;
    int64_t extent[LABELS];
    int uses[LABELS];
    int names;              /* how labels are spelled */
    char expr[400];
    struct einc_options opts;
    char path[32];
};

/* --- making a job ------------------------------------------------------- */

static void
spell(struct job *j, int label)
{
    static const char *const names[3][LABELS] = {
        {"i", "j", "k", "B", "a", "z"},
        {"{row}", "{n}", "{int}", "{i0}", "{a_b}", "{Z9}"},
        {"\xce\xb1", "\xc3\xa9", "x", "\xe2\x80\xae", "{lhs}",
         "\xf0\x9f\x98\x80"}};
    strcat(j->expr, names[j->names][label]);
}

/* Strides that keep dims in some order, with gaps, some of them backwards;
 * an input's may be 0, too. */
static void
choose_strides(struct choices *c, struct array *t, int is_out)
{
    int64_t run = 1 + pick(c, 2);
    int n = t->layout.ndim, first = n ? pick(c, n) : 0;
    for (int k = 0; k < n; k++) {
        int d = (first + n - 1 - k) % n;
        t->stride[d] = run;
        run *= (t->shape[d] ? t->shape[d] : 1) + pick(c, 2);
        if (pick(c, 4) == 3)
            t->stride[d] = -t->stride[d];
        if (!is_out && pick(c, 5) == 4)
            t->stride[d] = 0;
    }
    t->layout.stride = t->stride;
}

static void
measure(struct array *t)
{
    int64_t lo = 0, hi = 1, run = 1;
    for (int d = t->layout.ndim - 1; d >= 0; d--) {
        int64_t stride = t->layout.stride ? t->stride[d] : run;
        int64_t reach = t->shape[d] ? t->shape[d] - 1 : 0;
        run *= t->shape[d];
        lo += stride < 0 ? reach * stride : 0;
        hi += stride > 0 ? reach * stride : 0;
    }
    t->before = -lo;
    t->count = hi - lo;
}

/* A diagonal must not be broadcast: one label, one size in an operand. */
static void
choose_operand(struct choices *c, struct job *j)
{
    struct array *t = &j->in[j->n_in++];
    int shrunk = pick(c, 6) == 5 ? pick(c, LABELS) : -1;
    if (j->opts.symbolic)
        shrunk = -1; /* it may be the only one of that label */
    t->layout = (struct einc_layout){.size = sizeof t->layout,
                                     .dtype = EINC_BOOL + pick(c, EINC_C128),
                                     .ndim = pick(c, MAX_DIMS),
                                     .shape = t->shape};
    for (int d = 0; d < t->layout.ndim; d++) {
        int x = t->label[d] = pick(c, LABELS);
        t->shape[d] = x == shrunk ? 1 : j->extent[x];
        j->uses[x]++;
        spell(j, x);
    }
    if (!j->opts.symbolic && pick(c, 3) == 2)
        choose_strides(c, t, 0);
}

static void
choose_output(struct choices *c, struct job *j)
{
    struct array *t = &j->out;
    t->layout = (struct einc_layout){.size = sizeof t->layout,
                                     .shape = t->shape};
    strcat(j->expr, "->");
    int first = pick(c, LABELS);
    for (int k = 0; k < LABELS && t->layout.ndim < MAX_DIMS; k++) {
        int x = (first + k) % LABELS;
        if (!j->uses[x] || pick(c, 2))
            continue;
        spell(j, x);
        t->shape[t->layout.ndim++] = 0; /* what the plan says, later */
    }
}

static void
choose(struct choices *c, struct job *j)
{
    j->names = pick(c, 3);
    j->opts = (struct einc_options){.size = sizeof j->opts,
                                    .flags = EINC_COMPACT_LABELS,
                                    .tier = EINC_TIER_INTERP,
                                    .symbolic = pick(c, 4) == 3 ? "*" : NULL};
    for (int x = 0; x < LABELS; x++)
        j->extent[x] = j->opts.symbolic ? 2 + pick(c, 3) : pick(c, 6);
    int n_in = 1 + pick(c, MAX_IN);
    for (int o = 0; o < n_in; o++) {
        strcat(j->expr, o ? "," : "");
        choose_operand(c, j);
    }
    choose_output(c, j);
    snprintf(j->path, sizeof j->path, "random:%d", pick(c, 200));
    if (pick(c, 2))
        j->opts.path = j->path;
}

/* --- data ---------------------------------------------------------------- */

/* 0, 1 or 2 in every type; all sums of them are exact. */
static void
fill(struct array *t)
{
    enum einc_dtype d = (enum einc_dtype)t->layout.dtype;
    size_t each = einc_dtype_bytes(d);
    static const uint16_t half[] = {0, 0x3c00, 0x4000};
    static const uint16_t brain[] = {0, 0x3f80, 0x4000};
    t->data = calloc((size_t)t->count, each);
    for (int64_t i = 0; i < t->count; i++) {
        int v = (int)(i * 7 % 5 % 3);
        const float f[2] = {(float)v, 0};
        const double g[2] = {v, 0};
        const int64_t wide = d == EINC_BOOL ? v & 1 : v;
        const void *from = d == EINC_F16                      ? &half[v]
                           : d == EINC_BF16                   ? &brain[v]
                           : d == EINC_F32 || d == EINC_C64   ? (const void *)f
                           : d == EINC_F64 || d == EINC_C128  ? (const void *)g
                                                              : &wide;
        memcpy(t->data + (size_t)i * each, from, each);
    }
}

static int64_t
points(const struct job *j)
{
    int64_t n = 1;
    for (int x = 0; x < LABELS; x++)
        n *= j->uses[x] && j->extent[x] ? j->extent[x] : 1;
    return n;
}

static _Noreturn void
stop(const struct job *j, const char *what, const struct einc_err *err)
{
    fprintf(stderr, "%s: %s\n%s", j->expr, what, err ? einc_err_text(err) : "");
    abort();
}

static void
run(const struct job *j, const struct einc_plan *plan)
{
    size_t each = einc_dtype_bytes((enum einc_dtype)j->out.layout.dtype);
    size_t bytes = (size_t)j->out.count * each;
    char *got = malloc(bytes), *want = malloc(bytes);
    const void *data[MAX_IN];
    memset(got, 0x5a, bytes);
    memset(want, 0x5a, bytes);
    for (int o = 0; o < j->n_in; o++)
        data[o] = j->in[o].data +
                  j->in[o].before *
                      (int64_t)einc_dtype_bytes(
                          (enum einc_dtype)j->in[o].layout.dtype);
    int64_t at = j->out.before * (int64_t)each;
    if (einc_run(plan, data, got + at, NULL, NULL))
        stop(j, "does not run", NULL);
    if (einc_reference(plan, data, want + at, NULL, NULL))
        stop(j, "has no reference", NULL);
    if (memcmp(got, want, bytes) != 0)
        stop(j, "differs from the reference", NULL);
    free(got);
    free(want);
}

/* --- text ---------------------------------------------------------------- */

static int
count_bytes(void *user, const char *bytes, size_t n)
{
    *(size_t *)user += n;
    return n && bytes[n - 1] != '\n';
}

/* One stage and one kind of source, or all of them. */
static void
print_some(struct choices *c, const struct job *j,
           const struct einc_plan *plan)
{
    static const char *const stages[] = {"expr", "stmt", "graph", "canon",
                                         "path", "plan", "nest", "source",
                                         "cuda"};
    int which = 8 - pick(c, 9), some = which < 8;
    for (int s = 0; s < 9; s++) {
        size_t n = 0;
        if (some && s != which)
            continue;
        if (einc_explain(plan, stages[s], EINC_TEXT, count_bytes, &n, NULL) ||
            !n)
            stop(j, stages[s], NULL);
    }
    for (int part = EINC_SOURCE; part <= EINC_MAIN + 1; part++) {
        size_t n = 0;
        int cuda = part > EINC_MAIN;
        if (some && part != which % 4)
            continue;
        const struct einc_emit_options o = {.size = sizeof o,
                                            .part = cuda ? 0 : part,
                                            .target = cuda ? "cuda" : "c"};
        if (einc_emit(plan, &o, count_bytes, &n, NULL) || !n)
            stop(j, "is not emitted", NULL);
    }
}

/* --- one input ----------------------------------------------------------- */

static enum einc_status
compile(struct job *j, const struct einc_layout *out, struct einc_plan **plan,
        struct einc_err **err)
{
    struct einc_layout in[MAX_IN];
    for (int o = 0; o < j->n_in; o++)
        in[o] = j->in[o].layout;
    return einc_compile(NULL, j->expr, (size_t)j->n_in, in, out, &j->opts,
                        plan, err);
}

/* An output of the inferred shape, a wider type perhaps, other strides. */
static struct einc_plan *
compile_again(struct choices *c, struct job *j, struct einc_plan *plan)
{
    struct einc_layout inferred;
    struct array *t = &j->out;
    struct einc_err *err = NULL;
    einc_plan_layout(plan, &inferred);
    memcpy(t->shape, inferred.shape,
           sizeof(int64_t) * (size_t)inferred.ndim);
    t->layout.ndim = inferred.ndim;
    t->layout.dtype = inferred.dtype;
    einc_plan_free(plan);
    if (inferred.dtype == EINC_F32 && pick(c, 2))
        t->layout.dtype = EINC_F64;
    if (!j->opts.symbolic && pick(c, 2))
        choose_strides(c, t, 1);
    plan = NULL;
    if (compile(j, &t->layout, &plan, &err))
        stop(j, "does not compile with an output", err);
    return plan;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct choices c = {bytes, bytes + n};
    struct job j;
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    memset(&j, 0, sizeof j);
    choose(&c, &j);
    if (points(&j) > MAX_POINTS)
        return 0;
    if (compile(&j, NULL, &plan, &err))
        stop(&j, "does not compile", err);
    plan = compile_again(&c, &j, plan);
    for (int o = 0; o < j.n_in; o++) {
        measure(&j.in[o]);
        fill(&j.in[o]);
    }
    measure(&j.out);
    run(&j, plan);
    print_some(&c, &j, plan);
    for (int o = 0; o < j.n_in; o++)
        free(j.in[o].data);
    einc_plan_free(plan);
    return 0;
}

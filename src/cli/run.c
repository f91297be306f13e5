/* SPDX-License-Identifier: MIT
 * run.c - einc run: an expression on arrays from files. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/array.h"
#include "cli/file.h"
#include "cli/npy.h"
#include "cli/operands.h"
#include "cli/program.h"
#include "cli/say.h"
#include "cli/show.h"
#include "cli/value.h"

enum { ERR_ROOM = 512 };

/* Everything that one run holds; released by release(). */
struct run {
    const struct args *a;
    struct npy *arrays;         /* [n] the operands */
    struct einc_layout *in;     /* [n] */
    const void **data;          /* [n] */
    size_t n;
    struct einc_plan *plan;
    int32_t place;              /* enum einc_place: who computes */
    double plan_seconds;
    struct einc_layout layout;  /* of out: dense row-major, plan's memory */
    int64_t count;              /* elements of out */
    size_t out_bytes;
    void *out;                  /* the result */
    struct output output;       /* where it goes, if is_open */
    int is_open;
    unsigned char alpha[16], beta[16]; /* values of the compute type */
};

static int
no_memory(void)
{
    return einc_say(EXIT_FAILED, "out of memory");
}

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- operands and plan */

static int
read_operands(struct run *r)
{
    char why[ERR_ROOM];

    r->n = (size_t)r->a->n_words;
    r->arrays = array_new(r->n, sizeof(*r->arrays));
    r->in = array_new(r->n, sizeof(*r->in));
    r->data = array_new(r->n, sizeof(*r->data));
    if (!r->arrays || !r->in || !r->data)
        return no_memory();
    for (size_t i = 0; i < r->n; i++) {
        struct npy *x = &r->arrays[i];
        if (einc_npy_read(r->a->words[i], x, why, sizeof(why)))
            return einc_say(EXIT_ENV, "%s", why);
        r->in[i] = (struct einc_layout){sizeof(r->in[i]), (int32_t)x->dtype,
                                        x->ndim, 0, x->shape, x->strides};
        r->data[i] = x->data;
    }
    return EXIT_DONE;
}

static int
choose_place(struct run *r)
{
    const char *target = r->a->target;

    if (target && strcmp(target, "c") != 0 && strcmp(target, "cuda") != 0)
        return einc_say_usage(r->a->verb, "--target: '%s' is neither c nor "
                              "cuda", target);
    r->place = target && strcmp(target, "cuda") == 0 ? EINC_PLACE_CUDA_COPIES
                                                     : EINC_PLACE_HOST;
    return EXIT_DONE;
}

/* Before anything is written: is there a GPU? */
static int
prepare(const struct run *r)
{
    struct einc_err *err = NULL;
    const enum einc_status status =
        einc_plan_prepare(r->plan, r->place, &err);

    return status ? einc_say_error(status, err) : EXIT_DONE;
}

static int
make_plan(struct run *r)
{
    struct request request = {.in = r->in, .n = r->n,
                              .tier = (enum einc_tier)r->a->tier};
    const double start = now();

    if (r->a->dtype && !(request.out = einc_dtype_parse(r->a->dtype)))
        return einc_say_usage(r->a->verb, "--dtype: '%s' is no type",
                              r->a->dtype);
    const int code = einc_operands_compile(r->a, &request, &r->plan);
    if (code != EXIT_DONE)
        return code;
    r->plan_seconds = now() - start;
    r->layout.size = sizeof(r->layout);
    const enum einc_status status = einc_plan_layout(r->plan, &r->layout);
    if (status)
        return einc_say_error(status, NULL);
    r->count = 1;
    for (int32_t d = 0; d < r->layout.ndim; d++)
        r->count *= r->layout.shape[d]; /* checked by einc_compile() */
    r->out_bytes = (size_t)r->count
                   * einc_dtype_bytes((enum einc_dtype)r->layout.dtype);
    r->out = array_new(r->out_bytes, 1);
    return r->out ? EXIT_DONE : no_memory();
}

static int
dump_stages(const struct run *r)
{
    const char *stages = r->a->dump; /* EINC_DUMP is the library's */

    if (!stages || !*stages)
        return EXIT_DONE;
    return einc_operands_dump(r->plan, stages, EINC_TEXT, stderr);
}

/* --- alpha and beta */

static int
read_factor(const struct run *r, const char *flag, const char *text, void *p)
{
    const enum einc_dtype compute = einc_plan_compute(r->plan);
    struct value v;

    if (!text)
        return EXIT_DONE;
    if (!einc_value_parse(text, &v))
        return einc_say_usage(r->a->verb, "--%s: '%s' is no number", flag,
                              text);
    if (!einc_value_store(compute, v, p))
        return einc_say_usage(r->a->verb, "--%s: %s is no value of %s, in "
                              "which this is computed", flag, text,
                              einc_dtype_name(compute));
    return EXIT_DONE;
}

static int
same_shape(const struct npy *x, const struct einc_layout *l)
{
    if (x->ndim != l->ndim)
        return 0;
    for (int d = 0; d < x->ndim; d++)
        if (x->shape[d] != l->shape[d])
            return 0;
    return 1;
}

/* Copies x, of any strides, to dense row-major order. */
static void
copy_dense(char *out, const struct npy *x, int64_t count)
{
    const size_t bytes = einc_dtype_bytes(x->dtype);
    int64_t at[NPY_MAX_DIMS] = {0}, from = 0;

    for (int64_t i = 0; i < count; i++) {
        memcpy(out + (size_t)i * bytes,
               (const char *)x->data + (size_t)from * bytes, bytes);
        for (int d = x->ndim - 1; d >= 0; d--) {
            from += x->strides[d];
            if (++at[d] < x->shape[d])
                break;
            from -= at[d] * x->strides[d];
            at[d] = 0;
        }
    }
}

/* What beta multiplies: the array that stands in the file of -o. */
static int
read_old(struct run *r)
{
    struct npy x;
    char why[ERR_ROOM];

    if (!r->a->output || !strcmp(r->a->output, "-"))
        return einc_say_usage(r->a->verb, "--beta needs -o FILE, an array to "
                              "add to");
    if (einc_npy_read(r->a->output, &x, why, sizeof(why)))
        return einc_say(EXIT_ENV, "%s", why);
    int code = EXIT_DONE;
    if (!same_shape(&x, &r->layout))
        code = einc_say(EXIT_EXPR, "--beta: %s has another shape than the "
                        "result", r->a->output);
    else if ((int32_t)x.dtype != r->layout.dtype)
        code = einc_say(EXIT_EXPR, "--beta: %s holds %s, the result is %s",
                        r->a->output, einc_dtype_name(x.dtype),
                        einc_dtype_name((enum einc_dtype)r->layout.dtype));
    else
        copy_dense(r->out, &x, r->count);
    einc_npy_free(&x);
    return code;
}

static int
read_factors(struct run *r)
{
    int code = read_factor(r, "alpha", r->a->alpha, r->alpha);

    if (code == EXIT_DONE)
        code = read_factor(r, "beta", r->a->beta, r->beta);
    if (code == EXIT_DONE && r->a->beta)
        code = read_old(r);
    return code;
}

/* --- computing */

static int
compute(const struct run *r, void *out, int with_factors)
{
    struct einc_run_options opts = {.size = sizeof(opts)};
    struct einc_err *err = NULL;

    opts.place = r->place;
    opts.alpha = with_factors && r->a->alpha ? r->alpha : NULL;
    opts.beta = with_factors && r->a->beta ? r->beta : NULL;
    const enum einc_status status =
        einc_run(r->plan, r->data, out, &opts, &err);
    return status ? einc_say_error(status, err) : EXIT_DONE;
}

/* --- --check */

/* The element that comes nearest to its bound, or is furthest beyond. */
struct worst {
    long double error, bound, ratio; /* ratio 0 where all is equal */
    int64_t at;
    int64_t beyond;                  /* elements whose error is too large */
};

static void
compare(struct worst *w, int64_t at, long double got, long double want,
        long double bound)
{
    long double error = fabsl(got - want);

    if (got == want || (isnan(got) && isnan(want)))
        error = 0;
    else if (isnan(error))
        error = (long double)INFINITY;
    const int inside = error <= bound;
    const long double ratio =
        error == 0 ? 0 : bound > 0 ? error / bound : (long double)INFINITY;
    w->beyond += !inside;
    if (ratio > w->ratio)
        *w = (struct worst){error, bound, ratio, at, w->beyond};
}

static void
put_position(const struct run *r, int64_t at)
{
    int64_t stride = r->count;

    if (!r->layout.ndim)
        return;
    fputs(" at [", stderr);
    for (int32_t d = 0; d < r->layout.ndim; d++) {
        stride /= r->layout.shape[d];
        fprintf(stderr, "%s%lld", d ? "," : "", (long long)(at / stride));
        at %= stride;
    }
    fputc(']', stderr);
}

static int
report(const struct run *r, const struct worst *w)
{
    if (w->ratio == 0) {
        fprintf(stderr, "check   equal to the reference in all %lld elements\n",
                (long long)r->count);
        return EXIT_DONE;
    }
    fprintf(stderr, "check   error %.3Lg of %.3Lg allowed", w->error, w->bound);
    put_position(r, w->at);
    if (!w->beyond) {
        fputs(": ok\n", stderr);
        return EXIT_DONE;
    }
    fprintf(stderr, ": FAILED in %lld of %lld elements\n",
            (long long)w->beyond, (long long)r->count);
    return EXIT_FAILED;
}

static int
compare_all(const struct run *r, const char *got, const char *want,
            const double *bound)
{
    const enum einc_dtype dtype = (enum einc_dtype)r->layout.dtype;
    const size_t bytes = einc_dtype_bytes(dtype);
    const int parts = einc_value_has_parts(dtype) ? 2 : 1;
    struct worst w = {0, 0, 0, 0, 0};

    for (int64_t i = 0; i < r->count; i++) {
        const struct value g = einc_value_load(dtype, got + (size_t)i * bytes);
        const struct value x =
            einc_value_load(dtype, want + (size_t)i * bytes);
        compare(&w, i, g.re, x.re, bound[parts * i]);
        if (parts == 2)
            compare(&w, i, g.im, x.im, bound[2 * i + 1]);
    }
    return report(r, &w);
}

/* Runs the plan again with alpha 1 and beta 0, which is what the reference
 * computes, and compares. */
static int
check(const struct run *r)
{
    struct einc_err *err = NULL;
    char *got = array_new(r->out_bytes, 1), *want = array_new(r->out_bytes, 1);
    double *bound = array_new((size_t)r->count, 2 * sizeof(*bound));
    int code = got && want && bound ? compute(r, got, 0) : no_memory();

    if (code == EXIT_DONE) {
        const enum einc_status status =
            einc_reference(r->plan, r->data, want, bound, &err);
        code = status ? einc_say_error(status, err)
                      : compare_all(r, got, want, bound);
    }
    free(got);
    free(want);
    free(bound);
    return code;
}

/* --- --time */

/* An einc_write_fn that keeps the number after "total flop"; the text comes
 * in pieces of any size. */
struct flop_reader {
    char line[256];
    size_t n;
    double flop;
};

static int
read_flop(void *user, const char *bytes, size_t n)
{
    struct flop_reader *f = user;
    unsigned long long flop;

    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != '\n') {
            if (f->n < sizeof(f->line) - 1)
                f->line[f->n++] = bytes[i];
            continue;
        }
        f->line[f->n] = '\0';
        f->n = 0;
        if (sscanf(f->line, "total flop %llu", &flop) == 1)
            f->flop = (double)flop;
    }
    return 0;
}

static int
by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Repeats the run into memory of its own, for half a second or so. */
static int
measure(const struct run *r)
{
    enum { MOST = 1000, LEAST = 3 };
    struct flop_reader flop = {.n = 0};
    double seconds[MOST];
    int n = 0, code = EXIT_DONE;
    char *out = array_new(r->out_bytes, 1);
    const double start = now();

    if (!out)
        return no_memory();
    while (n < MOST && (n < LEAST || now() - start < 0.5)) {
        const double begin = now();
        code = compute(r, out, 0);
        if (code != EXIT_DONE)
            break;
        seconds[n++] = now() - begin;
    }
    free(out);
    if (code != EXIT_DONE)
        return code;
    static const char *const tiers[] = {"auto", "interp", "cc", "builtin"};
    qsort(seconds, (size_t)n, sizeof(seconds[0]), by_size);
    einc_explain(r->plan, "plan", EINC_TEXT, read_flop, &flop, NULL);
    const double median = seconds[n / 2];
    fprintf(stderr, "time    %.4g s (median of %d), %.2f GFLOP/s, tier %s, "
            "ready in %.4g s\n", median, n, flop.flop / median * 1e-9,
            r->place ? "cuda" : tiers[einc_plan_tier(r->plan)],
            r->plan_seconds);
    return EXIT_DONE;
}

/* --- the verb */

static int
open_output(struct run *r)
{
    const int code = einc_output_open(&r->output, r->a->output,
                                      r->a->force || r->a->beta);
    r->is_open = code == EXIT_DONE;
    return code;
}

static int
deliver(struct run *r)
{
    char why[ERR_ROOM];

    if (!r->a->output) {
        einc_show(stdout, (enum einc_dtype)r->layout.dtype, r->layout.ndim,
                  r->layout.shape, r->out);
        return EXIT_DONE;
    }
    if (einc_npy_write(r->output.stream, &r->layout, r->out, why,
                       sizeof(why)))
        return einc_say(EXIT_ENV, "cannot write %s: %s", r->a->output, why);
    r->is_open = 0;
    return einc_output_commit(&r->output);
}

static void
release(struct run *r)
{
    for (size_t i = 0; r->arrays && i < r->n; i++)
        einc_npy_free(&r->arrays[i]);
    free(r->arrays);
    free(r->in);
    free(r->data);
    free(r->out);
    einc_plan_free(r->plan);
    if (r->is_open)
        einc_output_abandon(&r->output);
}

int
einc_verb_run(const struct args *a)
{
    struct run r;

    if (!a->expr)
        return einc_say_usage(a->verb, "which expression?");
    memset(&r, 0, sizeof(r));
    r.a = a;
    int code = choose_place(&r);
    if (code == EXIT_DONE && einc_cli_is_program(a->expr))
        return einc_cli_run_program(a, r.place);
    if (code == EXIT_DONE)
        code = read_operands(&r);
    if (code == EXIT_DONE)
        code = make_plan(&r);
    if (code == EXIT_DONE)
        code = prepare(&r);
    if (code == EXIT_DONE)
        code = dump_stages(&r);
    if (code == EXIT_DONE)
        code = read_factors(&r);
    if (code == EXIT_DONE && a->output) /* refused before the work is done */
        code = open_output(&r);
    if (code == EXIT_DONE)
        code = compute(&r, r.out, 1);
    if (code == EXIT_DONE && a->check)
        code = check(&r);
    if (code == EXIT_DONE && a->time)
        code = measure(&r);
    if (code == EXIT_DONE)
        code = deliver(&r);
    if (code == EXIT_DONE) /* kernels for the next time, not for this one */
        fflush(stdout), einc_plan_wait(r.plan); /* EINC_BACKGROUND */
    release(&r);
    return code;
}

/* SPDX-License-Identifier: MIT
 * bench.c - einc bench: what a plan takes beside what it should. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "cli/npy.h"
#include "cli/operands.h"
#include "cli/program.h"
#include "cli/say.h"

enum { ERR_ROOM = 512 };

/* Everything that one bench holds; released by release(). */
struct bench {
    const struct args *a;
    int as_json, is_program;
    struct operands shapes;    /* without files */
    struct npy *arrays;        /* [n_arrays] files */
    size_t n_arrays;
    struct einc_layout *in;    /* [n], of either */
    void **data;               /* [n], malloc'ed or of the arrays */
    size_t n;
    struct einc_plan *plan;
    void **out;                /* [n_out] */
    size_t n_out;
    int n_rows;                /* that were printed */
};

static int
no_memory(void)
{
    return einc_say(EXIT_FAILED, "out of memory");
}

/* --- operands */

static int
read_files(struct bench *b)
{
    char why[ERR_ROOM];

    if (b->a->size || b->a->shape)
        return einc_say_usage(b->a->verb, "files have their shapes: no --size "
                              "and no --shape");
    b->n = (size_t)b->a->n_words;
    b->arrays = calloc(b->n, sizeof(*b->arrays));
    b->in = calloc(b->n, sizeof(*b->in));
    b->data = calloc(b->n, sizeof(*b->data));
    if (!b->arrays || !b->in || !b->data)
        return no_memory();
    b->n_arrays = b->n;
    for (size_t i = 0; i < b->n; i++) {
        const char *word = b->a->words[i];
        size_t at = i;
        einc_operands_name(b->a, &word, &at);
        if (at >= b->n || b->in[at].size)
            return einc_say_usage(b->a->verb, "'%s' is no operand of its own",
                                  b->a->words[i]);
        struct npy *x = &b->arrays[at];
        if (einc_npy_read(word, x, why, sizeof(why)))
            return einc_say(EXIT_ENV, "%s", why);
        b->in[at] = (struct einc_layout){
            sizeof(*b->in), (int32_t)x->dtype, x->ndim, 0, x->shape,
            x->strides};
        b->data[at] = x->data;
    }
    return EXIT_DONE;
}

/* Xorshift (Marsaglia 2003); the same numbers each time. */
static uint64_t
draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 11;
}

/* Elements of magnitude 1 or so: no time goes into denormal numbers. */
static void
fill(void *to, size_t n, enum einc_dtype dtype, uint64_t *state)
{
    static const uint16_t half[] = {0x3800, 0x3c00, 0xb800, 0xbc00};
    static const uint16_t brain[] = {0x3f00, 0x3f80, 0xbf00, 0xbf80};
    const size_t bytes = einc_dtype_bytes(dtype);
    const int is_wide = dtype == EINC_F64 || dtype == EINC_C128;

    if (is_wide || dtype == EINC_F32 || dtype == EINC_C64) {
        n = n * bytes / (is_wide ? 8 : 4);
        for (size_t i = 0; i < n; i++) {
            const double x = (double)(draw(state) % 2000001) * 1e-6 - 1;
            if (is_wide)
                ((double *)to)[i] = x;
            else
                ((float *)to)[i] = (float)x;
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const uint64_t x = draw(state);
        if (dtype == EINC_F16)
            ((uint16_t *)to)[i] = half[x % 4];
        else if (dtype == EINC_BF16)
            ((uint16_t *)to)[i] = brain[x % 4];
        else /* an integer: its lowest byte */
            memset((char *)to + i * bytes, 0, bytes),
                ((unsigned char *)to)[i * bytes] = x % 2;
    }
}

/* Elements of a dense layout, 0 if its bytes are beyond any memory. */
static size_t
count(const struct einc_layout *x)
{
    size_t n = 1;

    for (int32_t d = 0; d < x->ndim; d++)
        if (__builtin_mul_overflow(n, (size_t)x->shape[d], &n))
            return 0;
    return n < SIZE_MAX / 32 ? n : 0;
}

static int
has_no_elements(const struct einc_layout *x)
{
    for (int32_t d = 0; d < x->ndim; d++)
        if (x->shape[d] == 0)
            return 1;
    return 0;
}

static void *
allocate(const struct einc_layout *x, size_t *n)
{
    enum { LINE = 64 };
    const size_t bytes = einc_dtype_bytes((enum einc_dtype)x->dtype);

    *n = count(x);
    if (*n == 0 && !has_no_elements(x))
        return NULL;
    const size_t room = (*n * bytes + LINE) / LINE * LINE;
    void *p = aligned_alloc(LINE, room);
    pages_advise(p, room);
    return p;
}

static int
make_operands(struct bench *b)
{
    uint64_t state = 88172645463325252u;
    size_t n;
    const int code = einc_operands_read(&b->shapes, b->a);

    if (code != EXIT_DONE)
        return code;
    b->n = b->shapes.n;
    b->in = calloc(b->n ? b->n : 1, sizeof(*b->in));
    b->data = calloc(b->n ? b->n : 1, sizeof(*b->data));
    if (!b->in || !b->data)
        return no_memory();
    for (size_t i = 0; i < b->n; i++) {
        b->in[i] = b->shapes.in[i];
        b->data[i] = allocate(&b->in[i], &n);
        if (!b->data[i])
            return no_memory();
        fill(b->data[i], n, (enum einc_dtype)b->in[i].dtype, &state);
    }
    return EXIT_DONE;
}

/* --- the plan */

/* What outputs hold before the first run: zeros. */
static int
make_outputs(struct bench *b)
{
    const size_t n_out = einc_plan_outs(b->plan);
    size_t n;

    b->out = calloc(n_out + 1, sizeof(*b->out));
    if (!b->out)
        return no_memory();
    for (; b->n_out < n_out; b->n_out++) {
        struct einc_layout out = {.size = sizeof(out)};
        const enum einc_status status =
            einc_plan_layout_of(b->plan, b->n_out, &out);
        if (status)
            return einc_say_error(status, NULL);
        b->out[b->n_out] = allocate(&out, &n);
        if (!b->out[b->n_out])
            return no_memory();
        memset(b->out[b->n_out], 0,
               n * einc_dtype_bytes((enum einc_dtype)out.dtype));
    }
    return EXIT_DONE;
}

static int
make_plan(struct bench *b)
{
    struct request r = {.in = b->in, .n = b->n, .out = b->shapes.out,
                        .outs = b->shapes.outs, .n_outs = b->shapes.n_outs,
                        .tier = (enum einc_tier)b->a->tier};

    if (b->n_arrays && b->a->dtype
        && !(r.out = einc_dtype_parse(b->a->dtype)))
        return einc_say_usage(b->a->verb, "--dtype: '%s' is no type",
                              b->a->dtype);
    const int code = einc_operands_compile(b->a, &r, &b->plan);
    if (code != EXIT_DONE)
        return code;
    return make_outputs(b);
}

/* --- rows */

static const char *
tier_name(int32_t tier)
{
    static const char *const names[] = {"auto", "interp", "cc", "builtin"};

    return tier >= 0 && tier < 4 ? names[tier] : "?";
}

/* "1.23 ms" */
static const char *
put_time(char text[16], double seconds)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    double x = seconds * 1e9;
    int u = 0;

    while (x >= 999.5 && u < 3) {
        x /= 1000;
        u++;
    }
    snprintf(text, 16, "%.3g %s", x, units[u]);
    return text;
}

/* Modelled by measured; 0 where the clock saw nothing. */
static double
ratio(const struct einc_bench_row *r)
{
    return r->seconds > 0 ? r->model_seconds / r->seconds : 0;
}

/* 10^9 a second. */
static double
giga(double what, double seconds)
{
    return seconds > 0 ? what / seconds * 1e-9 : 0;
}

static void
put_text(const struct bench *b, const struct einc_bench_row *r)
{
    char model[16], median[16], low[16], high[16];

    if (r->step)
        printf("%s %d %s %s\n", b->is_program ? "stage" : "step", r->step,
               r->kind, r->equation);
    else
        printf("total %s\n", r->equation);
    printf("    modelled %s measured %s (%s to %s) ratio %.2f\n",
           put_time(model, r->model_seconds), put_time(median, r->seconds),
           put_time(low, r->low), put_time(high, r->high), ratio(r));
    printf("    %.2f GFLOP/s %.2f GB/s tier %s%s%s\n",
           giga(r->flop, r->seconds), giga(r->bytes, r->seconds),
           tier_name(r->tier), *r->kernel ? " kernel " : "", r->kernel);
    if (!r->step)
        printf("    machine %s threads %d rounds %d\n", r->machine,
               r->threads, r->rounds);
}

static void
put_string(const char *s)
{
    putchar('"');
    for (; *s; s++)
        if ((unsigned char)*s < ' ')
            printf("\\u%04x", (unsigned)*s);
        else if (*s == '"' || *s == '\\')
            printf("\\%c", *s);
        else
            putchar(*s);
    putchar('"');
}

static void
put_json(const struct bench *b, const struct einc_bench_row *r)
{
    const int first = b->n_rows == 0, is_program = b->is_program;

    if (first)
        printf("{\n  \"%s\": [", is_program ? "stages" : "steps");
    if (r->step)
        printf("%s\n    {\"%s\": %d, \"%s\": ", first ? "" : ",",
               is_program ? "stage" : "step", r->step,
               is_program ? "statement" : "equation");
    else
        printf("\n  ],\n  \"total\": {\"%s\": ",
               is_program ? "program" : "expression");
    put_string(r->equation);
    printf(", \"kind\": \"%s\", \"tier\": \"%s\", \"kernel\": \"%s\",\n"
           "     \"flop\": %.0f, \"bytes\": %.0f, \"model_seconds\": %.4g,\n"
           "     \"seconds\": %.4g, \"low\": %.4g, \"high\": %.4g, "
           "\"ratio\": %.4g,\n"
           "     \"gflops\": %.4g, \"gbs\": %.4g}",
           r->kind, tier_name(r->tier), r->kernel, r->flop, r->bytes,
           r->model_seconds, r->seconds, r->low, r->high, ratio(r),
           giga(r->flop, r->seconds), giga(r->bytes, r->seconds));
    if (!r->step)
        printf(",\n  \"machine\": \"%s\", \"threads\": %d, "
               "\"rounds\": %d\n}\n",
               r->machine, r->threads, r->rounds);
}

/* An einc_bench_fn. */
static int
put_row(void *user, const struct einc_bench_row *row)
{
    struct bench *b = user;

    if (b->as_json)
        put_json(b, row);
    else
        put_text(b, row);
    b->n_rows++;
    return ferror(stdout);
}

/* --- the verb */

static int
run(struct bench *b)
{
    struct einc_run_options opts = {.size = sizeof(opts)};
    struct einc_err *err = NULL;
    const enum einc_status status =
        einc_bench_outs(b->plan, (const void *const *)b->data, b->out, &opts,
                        b->a->rounds, put_row, b, &err);

    return status ? einc_say_error(status, err) : EXIT_DONE;
}

static void
release(struct bench *b)
{
    for (size_t i = 0; b->data && !b->arrays && i < b->n; i++)
        free(b->data[i]);
    for (size_t i = 0; i < b->n_arrays; i++)
        einc_npy_free(&b->arrays[i]);
    free(b->arrays);
    free(b->in);
    free(b->data);
    for (size_t i = 0; i < b->n_out; i++)
        free(b->out[i]);
    free(b->out);
    einc_operands_free(&b->shapes);
    einc_plan_free(b->plan);
}

int
einc_verb_bench(const struct args *a)
{
    struct bench b;

    memset(&b, 0, sizeof(b));
    b.a = a;
    b.as_json = a->format && !strcmp(a->format, "json");
    if (a->format && !b.as_json && strcmp(a->format, "text"))
        return einc_say_usage(a->verb, "--format takes text or json, not '%s'",
                              a->format);
    if (!a->expr)
        return einc_say_usage(a->verb, "which expression?");
    b.is_program = einc_cli_is_program(a->expr);
    if (b.is_program && einc_cli_refuse(a) != EXIT_DONE)
        return EXIT_USAGE;
    int code = a->n_words ? read_files(&b) : make_operands(&b);
    if (code == EXIT_DONE)
        code = make_plan(&b);
    if (code == EXIT_DONE)
        code = run(&b);
    release(&b);
    return code;
}

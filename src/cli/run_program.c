/* SPDX-License-Identifier: MIT
 * run_program.c - einc run of index statements: operands by name or in order,
 * one output or several. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/array.h"
#include "cli/file.h"
#include "cli/npy.h"
#include "cli/operands.h"
#include "cli/program.h"
#include "cli/say.h"
#include "cli/show.h"
#include "cli/value.h"

enum { ERR_ROOM = 512 };

/* A name of the program, with what is bound to it. */
struct bound {
    struct einc_name name; /* name.name is ours */
    const char *file;      /* NULL: none */
    struct npy array;      /* read from it; data NULL: not */
    struct einc_layout layout;
    int64_t count;         /* outputs: elements */
    size_t bytes;
    void *data;            /* outputs: dense row-major, ours */
    struct output output;  /* where it goes, if is_open */
    const char *to;        /* file of -o, or NULL */
    int is_open;
};

struct run {
    const struct args *a;
    struct bound *names; /* operands, then outputs */
    size_t n, n_in, n_out;
    struct einc_plan *plan;
    double plan_seconds;
    int32_t place;
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

int
einc_cli_is_program(const char *expr)
{
    return expr && strchr(expr, '[') != NULL;
}

/* --- names */

/* An einc_name_fn. */
static int
take_name(void *user, const struct einc_name *name)
{
    struct run *r = user;
    struct bound *more = realloc(r->names, (r->n + 1) * sizeof(*more));
    char *copy = strdup(name->name);

    if (more)
        r->names = more;
    if (!more || !copy) {
        free(copy);
        return 1;
    }
    memset(&r->names[r->n], 0, sizeof(*more));
    r->names[r->n].name = *name;
    r->names[r->n].name.name = copy;
    r->n++;
    r->n_in += !name->output;
    r->n_out += name->output != 0;
    return 0;
}

static struct bound *
find(const struct run *r, const char *name, size_t n)
{
    for (size_t i = 0; i < r->n; i++)
        if (strlen(r->names[i].name.name) == n
            && memcmp(r->names[i].name.name, name, n) == 0)
            return &r->names[i];
    return NULL;
}

/* "w=x.npy", where there is neither a name w nor such a file. */
static int
unknown_name(const struct run *r, const char *word)
{
    enum { LISTED = 8 };
    char names[ERR_ROOM] = "";
    size_t n = 0;

    for (size_t i = 0; i < r->n && i <= LISTED && n < sizeof(names); i++)
        n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s",
                              i ? ", " : "",
                              i < LISTED ? r->names[i].name.name : "...");
    return einc_say_usage(r->a->verb, "the program has no operand %.*s; its "
                          "names are %s", (int)strcspn(word, "="), word,
                          names);
}

/* "X=file" if X is a name of the program; else the next operand's file. */
static int
bind_word(struct run *r, const char *word, size_t *next)
{
    const char *equals = strchr(word, '=');
    struct bound *x =
        equals ? find(r, word, (size_t)(equals - word)) : NULL;

    if (x) {
        word = equals + 1;
    } else if (equals && !memchr(word, '/', (size_t)(equals - word))
               && access(word, F_OK)) {
        return unknown_name(r, word);
    } else {
        while (*next < r->n_in && r->names[*next].file)
            ++*next;
        if (*next == r->n_in)
            return einc_say_usage(r->a->verb, "what is '%s'? The program "
                                  "reads %zu operand%s", word, r->n_in,
                                  r->n_in == 1 ? "" : "s");
        x = &r->names[(*next)++];
    }
    if (x->file)
        return einc_say_usage(r->a->verb, "%s is bound twice", x->name.name);
    x->file = word;
    return EXIT_DONE;
}

static int
bind_words(struct run *r)
{
    size_t next = 0;
    int code = EXIT_DONE;

    for (int w = 0; w < r->a->n_words && code == EXIT_DONE; w++)
        code = bind_word(r, r->a->words[w], &next);
    for (size_t i = 0; i < r->n && code == EXIT_DONE; i++) {
        const struct bound *x = &r->names[i];
        if (!x->file && !x->name.output)
            code = einc_say_usage(r->a->verb, "operand %d, %s, has no file: "
                                  "%s=FILE.npy", x->name.number, x->name.name,
                                  x->name.name);
        else if (!x->file && x->name.given)
            code = einc_say_usage(r->a->verb, "the shape of %s is not told by "
                                  "its statement: %s=FILE.npy, an array to "
                                  "begin with", x->name.name, x->name.name);
    }
    return code;
}

static int
read_files(struct run *r)
{
    char why[ERR_ROOM];

    for (size_t i = 0; i < r->n; i++) {
        struct bound *x = &r->names[i];
        if (!x->file)
            continue;
        if (einc_npy_read(x->file, &x->array, why, sizeof(why)))
            return einc_say(EXIT_ENV, "%s", why);
        x->layout = (struct einc_layout){
            sizeof(x->layout), (int32_t)x->array.dtype, x->array.ndim, 0,
            x->array.shape, x->name.output ? NULL : x->array.strides};
    }
    return EXIT_DONE;
}

/* The second of two outputs would replace the first. */
static int
check_outputs(const struct run *r)
{
    for (size_t i = r->n_in; i < r->n; i++)
        for (size_t j = r->n_in; j < i; j++) {
            const struct bound *x = &r->names[j], *y = &r->names[i];
            if (x->to && y->to && einc_output_same(x->to, y->to))
                return einc_say_usage(r->a->verb, "-o: %s and %s go to one "
                                      "file, %s", x->name.name, y->name.name,
                                      y->to);
        }
    return EXIT_DONE;
}

/* "-o FILE" for the one output, "-o O=FILE,S=FILE" for some of several. */
static int
read_outputs(struct run *r)
{
    const char *s = r->a->output;

    if (!s)
        return EXIT_DONE;
    if (r->n_out == 1 && !strchr(s, '=')) {
        r->names[r->n_in].to = s;
        return EXIT_DONE;
    }
    while (*s) {
        const size_t n = strcspn(s, "=,");
        struct bound *x = s[n] == '=' ? find(r, s, n) : NULL;
        const size_t end = strcspn(s, ",");
        if (!x || !x->name.output)
            return einc_say_usage(r->a->verb, "-o: '%.*s' is no output of "
                                  "the program: -o NAME=FILE,NAME=FILE",
                                  (int)end, s);
        if (x->to)
            return einc_say_usage(r->a->verb, "-o: %s goes to two files",
                                  x->name.name);
        char *file = calloc(end - n, 1);
        if (!file)
            return no_memory();
        memcpy(file, s + n + 1, end - n - 1);
        x->to = file; /* lives as long as the process */
        s += end + (s[end] == ',');
    }
    return check_outputs(r);
}

/* --- plan */

static int
make_plan(struct run *r)
{
    struct einc_layout *in = calloc(r->n_in + 1, sizeof(*in));
    const struct einc_layout **out = calloc(r->n_out + 1, sizeof(*out));
    int code = in && out ? EXIT_DONE : no_memory();

    for (size_t i = 0; code == EXIT_DONE && i < r->n; i++)
        if (i < r->n_in)
            in[i] = r->names[i].layout;
        else if (r->names[i].file)
            out[i - r->n_in] = &r->names[i].layout;
    if (code == EXIT_DONE) {
        const double start = now();
        struct request request = {
            .in = in, .n = r->n_in, .tier = (enum einc_tier)r->a->tier,
            .outs = out, .n_outs = r->n_out};
        if (r->a->dtype) /* of outputs that begin as no file says */
            request.out = einc_dtype_parse(r->a->dtype);
        code = einc_operands_compile(r->a, &request, &r->plan);
        r->plan_seconds = now() - start;
    }
    free(in);
    free((void *)out);
    return code;
}

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

/* What an output is before the program: its file's content, else zeros. */
static void
begin_with(const struct bound *x, void *data)
{
    memset(data, 0, x->bytes);
    if (x->file)
        copy_dense(data, &x->array, x->count);
}

static int
make_outputs(struct run *r)
{
    for (size_t i = r->n_in; i < r->n; i++) {
        struct bound *x = &r->names[i];
        x->layout.size = sizeof(x->layout);
        const enum einc_status status =
            einc_plan_layout_of(r->plan, i - r->n_in, &x->layout);
        if (status)
            return einc_say_error(status, NULL);
        x->count = 1;
        for (int32_t d = 0; d < x->layout.ndim; d++)
            x->count *= x->layout.shape[d]; /* checked by the library */
        x->bytes = (size_t)x->count
                   * einc_dtype_bytes((enum einc_dtype)x->layout.dtype);
        x->data = array_new(x->bytes, 1);
        if (!x->data)
            return no_memory();
        if (x->name.read && !x->file)
            einc_say(EXIT_DONE, "%s is read before it is written: it starts "
                     "as zeros; %s=FILE.npy gives it", x->name.name,
                     x->name.name);
        begin_with(x, x->data);
    }
    return EXIT_DONE;
}

/* --- computing */

/* Into fresh memory if `outs` is not NULL. */
static int
compute(const struct run *r, void *const *outs, double *const *bounds)
{
    const struct einc_run_options o = {.size = sizeof(o), .place = r->place};
    const void **in = calloc(r->n_in + 1, sizeof(*in));
    struct einc_err *err = NULL;

    if (!in)
        return no_memory();
    for (size_t i = 0; i < r->n_in; i++)
        in[i] = r->names[i].array.data;
    const enum einc_status status =
        bounds ? einc_reference_outs(r->plan, in, outs, bounds, &err)
               : einc_run_outs(r->plan, in, outs, &o, &err);
    free(in);
    return status ? einc_say_error(status, err) : EXIT_DONE;
}

/* --- --check */

static void
compare(const struct bound *x, const char *got, const char *want,
        const double *bound, int64_t *beyond, double *most)
{
    const enum einc_dtype dtype = (enum einc_dtype)x->layout.dtype;
    const size_t bytes = einc_dtype_bytes(dtype);
    const int parts = einc_value_has_parts(dtype) ? 2 : 1;

    for (int64_t i = 0; i < x->count; i++) {
        const struct value g = einc_value_load(dtype, got + (size_t)i * bytes);
        const struct value w = einc_value_load(dtype, want + (size_t)i * bytes);
        for (int p = 0; p < parts; p++) {
            const long double a = p ? g.im : g.re, b = p ? w.im : w.re;
            const double room = bound[parts * i + p];
            if (a == b || (isnan(a) && isnan(b)) || isinf(room))
                continue;
            const double ratio = (double)(fabsl(a - b) / room);
            *most = ratio > *most ? ratio : *most;
            *beyond += !(fabsl(a - b) <= room);
        }
    }
}

static int
report(const struct bound *x, int64_t beyond, double most)
{
    if (beyond) {
        fprintf(stderr, "check   %s: FAILED in %lld of %lld elements\n",
                x->name.name, (long long)beyond, (long long)x->count);
        return EXIT_FAILED;
    }
    if (most == 0)
        fprintf(stderr, "check   %s: equal to the reference in all %lld "
                "elements\n", x->name.name, (long long)x->count);
    else
        fprintf(stderr, "check   %s: error %.3g of what is allowed: ok\n",
                x->name.name, most);
    return EXIT_DONE;
}

static int
check(const struct run *r)
{
    void **want = calloc(r->n_out + 1, sizeof(*want));
    double **bound = calloc(r->n_out + 1, sizeof(*bound));
    int code = want && bound ? EXIT_DONE : no_memory();

    for (size_t i = 0; code == EXIT_DONE && i < r->n_out; i++) {
        const struct bound *x = &r->names[r->n_in + i];
        want[i] = array_new(x->bytes, 1);
        bound[i] = array_new((size_t)x->count, 2 * sizeof(**bound));
        if (!want[i] || !bound[i])
            code = no_memory();
        else
            begin_with(x, want[i]);
    }
    if (code == EXIT_DONE)
        code = compute(r, want, bound);
    for (size_t i = 0; code == EXIT_DONE && i < r->n_out; i++) {
        const struct bound *x = &r->names[r->n_in + i];
        int64_t beyond = 0;
        double most = 0;
        compare(x, x->data, want[i], bound[i], &beyond, &most);
        code = report(x, beyond, most);
    }
    for (size_t i = 0; want && bound && i < r->n_out; i++) {
        free(want[i]);
        free(bound[i]);
    }
    free(want);
    free(bound);
    return code;
}

/* --- --time */

/* An einc_bench_fn. */
static int
take_total(void *user, const struct einc_bench_row *row)
{
    if (row->step == 0)
        *(struct einc_bench_row *)user = *row;
    return 0;
}

/* Into memory of its own: outputs that are read change with each run. */
static int
measure(const struct run *r)
{
    static const char *const tiers[] = {"auto", "interp", "cc", "builtin"};
    struct einc_bench_row row = {.size = 0};
    struct einc_err *err = NULL;
    void **outs = calloc(r->n_out + 1, sizeof(*outs));
    const void **in = calloc(r->n_in + 1, sizeof(*in));
    int code = outs && in ? EXIT_DONE : no_memory();

    for (size_t i = 0; code == EXIT_DONE && i < r->n_in; i++)
        in[i] = r->names[i].array.data;
    for (size_t i = 0; code == EXIT_DONE && i < r->n_out; i++) {
        outs[i] = array_new(r->names[r->n_in + i].bytes, 1);
        if (!outs[i])
            code = no_memory();
        else
            begin_with(&r->names[r->n_in + i], outs[i]);
    }
    if (code == EXIT_DONE) {
        const enum einc_status status = einc_bench_outs(
            r->plan, in, outs, NULL, 0, take_total, &row, &err);
        code = status ? einc_say_error(status, err) : EXIT_DONE;
    }
    for (size_t i = 0; outs && i < r->n_out; i++)
        free(outs[i]);
    free(outs);
    free(in);
    if (code != EXIT_DONE)
        return code;
    fprintf(stderr, "time    %.4g s (median of %d), %.2f GFLOP/s, tier %s, "
            "ready in %.4g s\n", row.seconds, row.rounds,
            row.seconds > 0 ? row.flop / row.seconds * 1e-9 : 0,
            tiers[einc_plan_tier(r->plan)], r->plan_seconds);
    return EXIT_DONE;
}

/* --- the verb */

/* Refused before the work is done. */
static int
open_outputs(struct run *r)
{
    for (size_t i = r->n_in; i < r->n; i++) {
        struct bound *x = &r->names[i];
        if (!x->to)
            continue;
        const int code = einc_output_open(&x->output, x->to, r->a->force);
        if (code != EXIT_DONE)
            return code;
        x->is_open = 1;
    }
    return EXIT_DONE;
}

static int
compute_outputs(struct run *r)
{
    void **outs = calloc(r->n_out + 1, sizeof(*outs));

    if (!outs)
        return no_memory();
    for (size_t i = 0; i < r->n_out; i++)
        outs[i] = r->names[r->n_in + i].data;
    const int code = compute(r, outs, NULL);
    free(outs);
    return code;
}

static int
deliver(struct run *r)
{
    char why[ERR_ROOM];

    for (size_t i = r->n_in; i < r->n; i++) {
        struct bound *x = &r->names[i];
        if (!x->to) {
            if (r->a->output)
                continue; /* not asked for */
            if (r->n_out > 1)
                printf("%s =\n", x->name.name);
            einc_show(stdout, (enum einc_dtype)x->layout.dtype,
                      x->layout.ndim, x->layout.shape, x->data);
            continue;
        }
        if (einc_npy_write(x->output.stream, &x->layout, x->data, why,
                           sizeof(why)))
            return einc_say(EXIT_ENV, "cannot write %s: %s", x->to, why);
        x->is_open = 0;
        const int code = einc_output_commit(&x->output);
        if (code != EXIT_DONE)
            return code;
    }
    return EXIT_DONE;
}

static void
release(struct run *r)
{
    for (size_t i = 0; i < r->n; i++) {
        struct bound *x = &r->names[i];
        einc_npy_free(&x->array);
        free(x->data);
        free((char *)(uintptr_t)x->name.name);
        if (x->is_open)
            einc_output_abandon(&x->output);
    }
    free(r->names);
    einc_plan_free(r->plan);
}

int
einc_cli_refuse(const struct args *a)
{
    if (a->alpha || a->beta)
        return einc_say_usage(a->verb, "--alpha and --beta are for einsums: "
                              "write them into the statement");
    if (a->plan_file)
        return einc_say_usage(a->verb, "--plan is for einsums: what runs a "
                              "program follows from its text and shapes");
    if (a->flags & (EINC_STRICT_NUMPY | EINC_NAMED_LABELS
                    | EINC_COMPACT_LABELS))
        return einc_say_usage(a->verb, "--strict-numpy, --named and --compact "
                              "are for einsums");
    return EXIT_DONE;
}

static int
check_dtype(const struct args *a)
{
    if (!a->dtype || einc_dtype_parse(a->dtype))
        return EXIT_DONE;
    return einc_say_usage(a->verb, "--dtype: '%s' is no type", a->dtype);
}

int
einc_cli_run_program(const struct args *a, int32_t place)
{
    struct run r = {.a = a, .place = place};
    struct einc_err *err = NULL;
    int code = einc_cli_refuse(a);

    if (code == EXIT_DONE)
        code = check_dtype(a);
    if (code == EXIT_DONE) {
        const enum einc_status status =
            einc_names(a->expr, a->param, take_name, &r, &err);
        code = status ? einc_say_error(status, err) : EXIT_DONE;
    }
    if (code == EXIT_DONE)
        code = bind_words(&r);
    if (code == EXIT_DONE)
        code = read_files(&r);
    if (code == EXIT_DONE)
        code = read_outputs(&r);
    if (code == EXIT_DONE)
        code = make_plan(&r);
    if (code == EXIT_DONE) {
        const enum einc_status status = einc_plan_prepare(r.plan, place, &err);
        code = status ? einc_say_error(status, err) : EXIT_DONE;
    }
    if (code == EXIT_DONE && a->dump && *a->dump)
        code = einc_operands_dump(r.plan, a->dump, EINC_TEXT, stderr);
    if (code == EXIT_DONE)
        code = make_outputs(&r);
    if (code == EXIT_DONE)
        code = open_outputs(&r);
    if (code == EXIT_DONE)
        code = compute_outputs(&r);
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

/* SPDX-License-Identifier: MIT
 * operands.c - flags to layouts and to a plan. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/file.h"
#include "cli/operands.h"
#include "cli/program.h"
#include "cli/say.h"

enum {
    MAX_OPERANDS = 1 << 20, /* of a command line */
    MAX_DIMS = 64           /* of --shape */
};

static int
no_memory(void)
{
    return einc_say(EXIT_FAILED, "out of memory");
}

int
einc_cli_write(void *user, const char *bytes, size_t n)
{
    return fwrite(bytes, 1, n, user) != n;
}

/* --- names of a program */

/* A tensor as its program names it. */
struct named {
    const char *name;
    size_t n;
    long number;           /* behind the operands: outputs; -1: none */
    size_t n_in, n_out;
    enum einc_dtype dtype; /* that a header declares */
    int is_read;           /* an output whose former elements are */
};

/* An einc_name_fn: all of them are counted, one is found. */
static int
look_up(void *user, const struct einc_name *x)
{
    struct named *l = user;
    const long number = x->number + (x->output ? (long)l->n_in : 0);

    l->n_in += !x->output;
    l->n_out += x->output != 0;
    if (l->name ? strlen(x->name) == l->n && !memcmp(x->name, l->name, l->n)
                : number == l->number) {
        l->number = number;
        l->dtype = (enum einc_dtype)x->dtype;
        l->is_read = x->output && x->read;
    }
    return 0;
}

/* The tensor of that name, or, for a name that is NULL, of that number. */
static struct named
find_named(const struct args *a, const char *name, size_t n, long number)
{
    struct named l = {.name = name, .n = n, .number = name ? -1 : number};

    if (einc_cli_is_program(a->expr))
        einc_names(a->expr, a->param, look_up, &l, NULL);
    return l;
}

/* --- layouts */

/* Makes room for operand `at`, zeroed: new ones have size 0. */
static int
grow(struct operands *o, size_t at)
{
    if (at < o->n)
        return EXIT_DONE;
    if (at >= MAX_OPERANDS)
        return einc_say(EXIT_USAGE, "at most %d operands", MAX_OPERANDS);
    if (at >= o->room) {
        const size_t room = 2 * at + 4;
        struct einc_layout *more = realloc(o->in, room * sizeof(*more));
        if (!more)
            return no_memory();
        o->in = more;
        o->room = room;
    }
    memset(o->in + o->n, 0, (at + 1 - o->n) * sizeof(*o->in));
    o->n = at + 1;
    return EXIT_DONE;
}

static int
set_shape(struct operands *o, size_t at, int32_t ndim, const int64_t *shape)
{
    const int code = grow(o, at);
    if (code != EXIT_DONE)
        return code;
    int64_t *copy = malloc(((size_t)ndim + 1) * sizeof(*copy));
    if (!copy)
        return no_memory();
    for (int32_t d = 0; d < ndim; d++)
        copy[d] = shape[d];
    o->in[at] = (struct einc_layout){sizeof(struct einc_layout), EINC_F32,
                                     ndim, 0, copy, NULL};
    return EXIT_DONE;
}

/* An einc_shape_fn; user is the struct operands. */
static int
take_shape(void *user, size_t operand, int32_t ndim, const int64_t *shape)
{
    return set_shape(user, operand, ndim, shape);
}

static int
from_sizes(struct operands *o, const struct args *a)
{
    /* every label is in the expression, with a comma more at most */
    const size_t room = 2 * strlen(a->expr) + 64;
    struct einc_err *err = NULL;

    o->symbolic = calloc(1, room);
    if (!o->symbolic)
        return no_memory();
    const enum einc_status status =
        einc_cli_is_program(a->expr)
            ? einc_program_shapes(a->expr, a->param, a->size, take_shape, o,
                                  o->symbolic, room, &err)
            : einc_shapes(a->expr, a->size, a->flags, take_shape, o,
                          o->symbolic, room, &err);
    return status ? einc_say_error(status, err) : EXIT_DONE;
}

/* shape = [ dim { "x" dim } ], up to a comma or the end */
static int
read_shape(const struct args *a, const char **at, int32_t *ndim,
           int64_t shape[MAX_DIMS])
{
    const char *s = *at;
    char *end;

    *ndim = 0;
    while (*s && *s != ',') {
        errno = 0;
        const long long extent = strtoll(s, &end, 10);
        if (*s < '0' || *s > '9' || errno || *ndim == MAX_DIMS
            || (*end == 'x' ? end[1] < '0' || end[1] > '9'
                            : *end && *end != ','))
            return einc_say_usage(a->verb, "--shape: '%.*s' is no shape, "
                                  "such as 2x3", (int)strcspn(*at, ","), *at);
        shape[(*ndim)++] = extent;
        s = *end == 'x' ? end + 1 : end;
    }
    *at = s;
    return EXIT_DONE;
}

int
einc_operands_name(const struct args *a, const char **at, size_t *tensor)
{
    const size_t n = strcspn(*at, "=,");
    const struct named l = (*at)[n] == '=' ? find_named(a, *at, n, 0)
                                           : (struct named){.number = -1};

    if (l.number < 0)
        return 0;
    *at += n + 1;
    *tensor = (size_t)l.number;
    return 1;
}

/* "0=" before a shape: the operand it is of. */
static int
read_number(const char **at, size_t *operand)
{
    char *end;
    const unsigned long n = strtoul(*at, &end, 10);

    if (**at < '0' || **at > '9' || *end != '=' || n > MAX_OPERANDS)
        return 0;
    *at = end + 1;
    *operand = n;
    return 1;
}

/* shapes = item { "," item }; item = [ operand "=" ] shape */
static int
from_shapes(struct operands *o, const struct args *a)
{
    int64_t shape[MAX_DIMS];
    int32_t ndim;
    size_t operand = 0;
    const char *s = a->shape;

    for (;; s++, operand++) {
        const char *item = s;
        if (!einc_operands_name(a, &s, &operand))
            read_number(&s, &operand);
        int code = read_shape(a, &s, &ndim, shape);
        if (code == EXIT_DONE && operand < o->n && o->in[operand].size)
            code = einc_say_usage(a->verb, "--shape: '%.*s' is a second "
                                  "shape of operand %zu",
                                  (int)strcspn(item, ","), item, operand);
        if (code == EXIT_DONE)
            code = set_shape(o, operand, ndim, shape);
        if (code != EXIT_DONE)
            return code;
        if (!*s)
            break;
    }
    const size_t n = einc_cli_is_program(a->expr)
                         ? find_named(a, "", 0, -1).n_in : o->n;
    for (operand = 0; operand < o->n && operand < n; operand++)
        if (!o->in[operand].size)
            return einc_say_usage(a->verb, "--shape: operand %zu has none",
                                  operand);
    return EXIT_DONE;
}

/* --- types */

static int
read_dtype(const struct args *a, const char *at, size_t n,
           enum einc_dtype *dtype)
{
    char name[16];

    snprintf(name, sizeof(name), "%.*s", (int)n, at);
    *dtype = n < sizeof(name) ? einc_dtype_parse(name) : EINC_DTYPE_NONE;
    if (*dtype)
        return EXIT_DONE;
    return einc_say_usage(a->verb, "--dtype: '%.*s' is no type; there are "
                          "bool i8 u8 i16 u16 i32 u32 i64 u64 f16 bf16 f32 "
                          "f64 c64 c128", (int)n, at);
}

/* dtypes = type { "," type } [ "->" type ]; one type stands for all;
 * type = [ name "=" ] type */
static int
read_dtypes(struct operands *o, const struct args *a)
{
    const char *s = a->dtype, *arrow = strstr(a->dtype, "->");
    enum einc_dtype dtype = EINC_DTYPE_NONE;
    size_t n_types = 0;
    int names = 0;

    if (arrow && read_dtype(a, arrow + 2, strlen(arrow + 2), &o->out))
        return EXIT_USAGE;
    for (;; s++) {
        size_t at = n_types;
        const int is_named = einc_operands_name(a, &s, &at);
        const size_t n = strcspn(s, ",-");
        if (read_dtype(a, s, n, &dtype))
            return EXIT_USAGE;
        if (at < o->n + o->n_outs)
            o->in[at].dtype = (int32_t)dtype;
        names |= is_named;
        n_types++;
        s += n;
        if (*s != ',')
            break;
    }
    if (names && !*s)
        return EXIT_DONE;
    for (size_t i = 0; n_types == 1 && i < o->n; i++)
        o->in[i].dtype = (int32_t)dtype;
    if ((*s && s != arrow) || (n_types != 1 && n_types != o->n))
        return einc_say_usage(a->verb, "--dtype: %zu types for %zu operands",
                              n_types, o->n);
    return EXIT_DONE;
}

/* "->f64", or the one type of all tensors; f32. */
static enum einc_dtype
result_type(const struct args *a)
{
    const char *arrow = a->dtype ? strstr(a->dtype, "->") : NULL;
    const enum einc_dtype dtype =
        a->dtype ? einc_dtype_parse(arrow ? arrow + 2 : a->dtype)
                 : EINC_DTYPE_NONE;

    return dtype ? dtype : EINC_F32;
}

/* The layouts behind the operands are of outputs; an output that is read has
 * a type from the start. */
static int
part_outputs(struct operands *o, const struct args *a)
{
    const struct named all = find_named(a, "", 0, -1);

    if (o->n < all.n_in)
        return einc_say_usage(a->verb, "--shape: operand %zu has none", o->n);
    const int code = grow(o, all.n_in + all.n_out);
    if (code != EXIT_DONE)
        return code;
    o->outs = calloc(all.n_out + 1, sizeof(*o->outs));
    if (!o->outs)
        return no_memory();
    o->n = all.n_in;
    o->n_outs = all.n_out;
    for (size_t i = 0; i < all.n_in + all.n_out; i++) {
        const struct named x = find_named(a, NULL, 0, (long)i);
        struct einc_layout *l = &o->in[i];
        if (x.dtype)
            l->dtype = (int32_t)x.dtype;
        else if (i >= all.n_in)
            l->dtype = x.is_read ? (int32_t)result_type(a) : 0;
        if (i >= all.n_in && l->size)
            o->outs[i - all.n_in] = l;
    }
    return EXIT_DONE;
}

int
einc_operands_read(struct operands *o, const struct args *a)
{
    memset(o, 0, sizeof(*o));
    if (!a->expr)
        return einc_say_usage(a->verb, "which expression?");
    if (a->n_words)
        return einc_say_usage(a->verb, "takes one expression; what is '%s'?",
                              a->words[0]);
    if (a->size && a->shape)
        return einc_say_usage(a->verb, "--size or --shape, not both");
    int code = einc_cli_is_program(a->expr) ? einc_cli_refuse(a) : EXIT_DONE;
    if (code == EXIT_DONE)
        code = a->shape ? from_shapes(o, a) : from_sizes(o, a);
    if (code == EXIT_DONE && einc_cli_is_program(a->expr))
        code = part_outputs(o, a);
    if (code == EXIT_DONE && a->dtype)
        code = read_dtypes(o, a);
    return code;
}

void
einc_operands_free(struct operands *o)
{
    for (size_t i = 0; i < o->n + o->n_outs; i++)
        free((void *)(uintptr_t)o->in[i].shape);
    free(o->in);
    free((void *)o->outs);
    free(o->symbolic);
}

/* --- the plan */

static void
notice(void *user, const char *line)
{
    fprintf(user, "einc: %s\n", line);
}

static enum einc_status
compile_once(struct einc_ctx *ctx, const char *expr, const struct request *r,
             const struct einc_layout *const *outs,
             const struct einc_options *opts, struct einc_plan **plan,
             struct einc_err **err)
{
    if (r->outs)
        return einc_compile_outs(ctx, expr, r->n, r->in, r->n_outs, outs,
                                 opts, plan, err);
    return einc_compile(ctx, expr, r->n, r->in, outs[0], opts, plan, err);
}

/* Compiles for the type of result that was asked for: the shape it needs is
 * that of the plan with the inferred type. */
static enum einc_status
compile(struct einc_ctx *ctx, const char *expr, const struct request *r,
        const struct einc_options *opts, struct einc_plan **plan,
        struct einc_err **err)
{
    const size_t n = r->outs ? r->n_outs : 1;
    const struct einc_layout **outs = calloc(n + 1, sizeof(*outs));
    struct einc_layout *typed = calloc(n + 1, sizeof(*typed));
    enum einc_status status = outs && typed ? EINC_OK : EINC_ENOMEM;

    for (size_t i = 0; !status && r->outs && i < n; i++)
        outs[i] = r->outs[i];
    if (!status)
        status = compile_once(ctx, expr, r, outs, opts, plan, err);
    if (!status && r->out) {
        struct einc_plan *inferred = *plan;
        for (size_t i = 0; i < n; i++) {
            typed[i].size = sizeof(typed[i]);
            if (outs[i] && outs[i]->dtype)
                continue; /* it has its own */
            einc_plan_layout_of(inferred, i, &typed[i]);
            typed[i].dtype = (int32_t)r->out;
            outs[i] = &typed[i];
        }
        status = compile_once(ctx, expr, r, outs, opts, plan, err);
        einc_plan_free(inferred);
    }
    free((void *)outs);
    free(typed);
    return status;
}

int
einc_operands_compile(const struct args *a, const struct request *r,
                      struct einc_plan **plan)
{
    struct einc_config config = {.size = sizeof(config)};
    struct einc_options opts = {.size = sizeof(opts)};
    struct request own = *r;
    const struct einc_layout **none = NULL;
    struct einc_ctx *ctx = NULL;
    struct einc_err *err = NULL;
    char *plan_text = NULL;

    if (einc_cli_is_program(a->expr) && !r->outs) {
        own.n_outs = find_named(a, "", 0, -1).n_out;
        own.outs = none = calloc(own.n_outs + 1, sizeof(*none));
        if (!none)
            return no_memory();
    }
    if (a->plan_file && !(plan_text = einc_file_read(a->plan_file)))
        return EXIT_ENV;
    config.threads = a->threads;
    config.log = notice;
    config.log_user = stderr;
    opts.flags = a->flags | (a->verb->bit == VERB_EMIT ? EINC_FUSE : 0);
    opts.tier = (int32_t)r->tier;
    opts.path = a->path;
    opts.kernel = a->kernel;
    opts.params = a->param;
    opts.sum = a->sum;
    opts.acc = a->acc;
    opts.plan_text = plan_text;
    opts.memory_limit_bytes = a->memory_limit_bytes;
    opts.symbolic = r->symbolic && r->symbolic[0]
                            && (a->verb->bit == VERB_EMIT
                                || !einc_cli_is_program(a->expr))
                        ? r->symbolic : NULL;
    enum einc_status status = einc_ctx_create(&config, &ctx, &err);
    if (!status)
        status = compile(ctx, a->expr, &own, &opts, plan, &err);
    free((void *)none);
    einc_ctx_free(ctx); /* the plan holds it from here on */
    free(plan_text);
    return status ? einc_say_error(status, err) : EXIT_DONE;
}

int
einc_operands_dump(const struct einc_plan *plan, const char *stages,
                   enum einc_format format, void *stream)
{
    struct einc_err *err = NULL;
    char stage[32];

    for (;; stages++) {
        const size_t n = strcspn(stages, ",");
        snprintf(stage, sizeof(stage), "%.*s", (int)n, stages);
        const enum einc_status status =
            einc_explain(plan, stage, format, einc_cli_write, stream, &err);
        if (status)
            return einc_say_error(status, err);
        stages += n;
        if (!*stages)
            return EXIT_DONE;
    }
}

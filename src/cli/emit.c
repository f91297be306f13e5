/* SPDX-License-Identifier: MIT
 * emit.c - einc emit: source files. All parts are written in memory first, so
 * that a failure leaves no file behind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/file.h"
#include "cli/operands.h"
#include "cli/program.h"
#include "cli/say.h"

/* --- the command line for the opening comment */

/* A word as a shell takes it. */
static void
put_word(FILE *f, const char *word)
{
    const char *plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                        "0123456789-_=,./:";

    if (*word && strspn(word, plain) == strlen(word)) {
        fputs(word, f);
        return;
    }
    fputc('\'', f);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", f);
        else
            fputc(*word, f);
    fputc('\'', f);
}

static void
put_flag(FILE *f, const char *flag, const char *value)
{
    if (!value)
        return;
    fprintf(f, " --%s ", flag);
    put_word(f, value);
}

/* What makes these bytes again: no -o and no -f, and a header by the name
 * that is included. malloc'ed; NULL: no memory. */
static char *
again(const struct args *a, const char *header)
{
    static const struct {
        uint32_t bit;
        const char *flag;
    } bits[] = {
        {EINC_STRICT_NUMPY, "--strict-numpy"},
        {EINC_STRICT_SIZES, "--strict-sizes"},
        {EINC_NAMED_LABELS, "--named"},
        {EINC_COMPACT_LABELS, "--compact"},
    };
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    if (!f)
        return NULL;
    fputs("einc emit ", f);
    put_word(f, a->expr);
    put_flag(f, "size", a->size);
    put_flag(f, "shape", a->shape);
    put_flag(f, "dtype", a->dtype);
    put_flag(f, "param", a->param);
    put_flag(f, "sum", a->sum == EINC_SUM_KAHAN    ? "kahan"
                       : a->sum == EINC_SUM_DIRECT ? "direct"
                                                   : NULL);
    put_flag(f, "acc", a->acc == EINC_F64 ? "f64" : NULL);
    put_flag(f, "target", a->target);
    put_flag(f, "name", a->name);
    put_flag(f, "header", header);
    put_flag(f, "plan", a->plan_file);
    put_flag(f, "path", a->path);
    if (a->memory_limit_bytes)
        fprintf(f, " --memory-limit %llu",
                (unsigned long long)a->memory_limit_bytes);
    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
        if (a->flags & bits[i].bit)
            fprintf(f, " %s", bits[i].flag);
    if (a->main)
        fputs(" --main", f);
    if (fclose(f)) {
        free(text);
        return NULL;
    }
    return text;
}

/* --- texts and files */

/* One part as malloc'ed text, or NULL with *code set. */
static char *
compose(const struct einc_plan *plan, const struct einc_emit_options *opts,
        int *code)
{
    struct einc_err *err = NULL;
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    if (!f) {
        *code = einc_say(EXIT_FAILED, "out of memory");
        return NULL;
    }
    const enum einc_status status =
        einc_emit(plan, opts, einc_cli_write, f, &err);
    const int closed = fclose(f);
    *code = EXIT_DONE;
    if (status)
        *code = einc_say_error(status, err);
    else if (closed)
        *code = einc_say(EXIT_FAILED, "out of memory");
    if (*code != EXIT_DONE) {
        free(text);
        return NULL;
    }
    return text;
}

/* Source and header (NULL: none) appear together or not at all, but for what
 * goes wrong between two renames. */
static int
publish(const struct args *a, const char *source, const char *header)
{
    struct output s, h;
    const char *path = a->output ? a->output : "-";

    int code = einc_output_open(&s, path, a->force);
    if (code != EXIT_DONE)
        return code;
    if (header) {
        code = einc_output_open(&h, a->header, a->force);
        if (code != EXIT_DONE) {
            einc_output_abandon(&s);
            return code;
        }
        fputs(header, h.stream);
        code = einc_output_commit(&h);
    }
    fputs(source, s.stream);
    if (code == EXIT_DONE)
        return einc_output_commit(&s);
    einc_output_abandon(&s);
    return code;
}

static int
write_parts(const struct args *a, const struct einc_plan *plan)
{
    const char *slash = a->header ? strrchr(a->header, '/') : NULL;
    const char *include = slash ? slash + 1 : a->header;
    struct einc_emit_options opts = {.size = sizeof(opts)};
    char *source = NULL, *header = NULL, *line = again(a, include);
    int code = EXIT_DONE;

    opts.part = a->main ? EINC_MAIN : EINC_SOURCE;
    opts.target = a->target;
    opts.name = a->name;
    opts.header = include;
    opts.again = line;
    source = compose(plan, &opts, &code);
    if (code == EXIT_DONE && a->header) {
        opts.part = EINC_HEADER;
        header = compose(plan, &opts, &code);
    }
    if (code == EXIT_DONE)
        code = publish(a, source, header);
    free(line);
    free(source);
    free(header);
    return code;
}

/* Where a file is to be, links in its folder resolved; NULL if that folder
 * cannot be found. The caller frees it. */
static char *
place_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1)
                         : strdup(".");
    char *real = folder ? realpath(folder, NULL) : NULL;
    char *place = NULL;

    if (real && asprintf(&place, "%s/%s", real, slash ? slash + 1 : path) < 0)
        place = NULL;
    free(folder);
    free(real);
    return place;
}

static int
same_place(const char *a, const char *b)
{
    char *x = place_of(a), *y = place_of(b);
    int same = !strcmp(a, b) || (x && y && !strcmp(x, y));

    free(x);
    free(y);
    return same;
}

int
einc_verb_emit(const struct args *a)
{
    struct operands o;
    struct einc_plan *plan = NULL;

    if (a->header && (!strcmp(a->header, "-")
                      || (a->output && same_place(a->header, a->output))))
        return einc_say_usage(a->verb, "--header needs a file of its own");
    int code = einc_operands_read(&o, a);
    if (code == EXIT_DONE) {
        const struct request r = {.in = o.in, .n = o.n, .out = o.out,
                                  .outs = o.outs, .n_outs = o.n_outs,
                                  .symbolic = o.symbolic,
                                  .tier = EINC_TIER_INTERP};
        code = einc_operands_compile(a, &r, &plan);
    }
    if (code == EXIT_DONE)
        code = write_parts(a, plan);
    einc_plan_free(plan);
    einc_operands_free(&o);
    return code;
}

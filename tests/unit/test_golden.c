/* SPDX-License-Identifier: MIT
 *
 * test_golden.c - one einsum through every dump: a file NAME.ein of
 * tests/golden and, beside it, what each stage is expected to print.
 *     bij,bjk->bik          the expression, with the escapes \n \t \\
 *     in f32 8x64x128       an operand; "@1:8" after the shape: strides
 *     out f64 8x64x64       the output, if given
 *     path greedy           options of planning, if any: path, symbolic,
 *     memory_limit 4096     memory_limit in bytes
 *     text step 1 ...       lines of a plan to follow
 *     # a comment
 * Whatever siblings exist are compared: see the table. To add one, touch it
 * and run `make golden`, which writes all of them again (EINC_GOLDEN=write).
 * usage: test_golden [folder]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>

#include "codegen/emit.h"
#include "planned.h"

enum { MAX_FILES = 1000, MAX_NAME = 300, MAX_BYTES = 1 << 22 };

/* What a sibling holds. A row prints from the plan, or, for what should not
 * compile, from the report. Stages after the plan add their row. */
struct sibling {
    const char *suffix;
    void (*print)(struct text *t, const struct planned *x);
    int of_failure;
};

static void
print_graph(struct text *t, const struct planned *x)
{
    einc_graph_print(t, x->plan->graph);
}

static void
print_canon(struct text *t, const struct planned *x)
{
    einc_graph_print(t, x->plan->canon);
}

static void
print_path(struct text *t, const struct planned *x)
{
    einc_plan_print_path(t, x->plan);
}

static void
print_plan(struct text *t, const struct planned *x)
{
    einc_plan_print(t, x->plan, NULL);
}

static void
print_json(struct text *t, const struct planned *x)
{
    einc_plan_print_json(t, x->plan, NULL);
}

static void
print_dot(struct text *t, const struct planned *x)
{
    einc_plan_print_dot(t, x->plan, NULL);
}

/* Source in a language, as `einc emit` writes it. */
static void
print_c(struct text *t, const struct planned *x)
{
    const struct emit_style style = {.name = "einsum"};
    einc_emit_c(t, x->f.scratch, x->plan,
                einc_target_find(str_of("portable")), &style);
}

static void
print_header(struct text *t, const struct planned *x)
{
    const struct emit_style style = {.name = "einsum"};
    einc_emit_c_header(t, x->f.scratch, x->plan, &style);
}

static void
print_cuda(struct text *t, const struct planned *x)
{
    const struct emit_style style = {.name = "einsum"};
    einc_emit_cuda(t, x->f.scratch, x->plan, &style);
}

static void
print_err(struct text *t, const struct planned *x)
{
    for (int i = 0; i < x->f.cx.n_diags; i++)
        einc_diag_print(t, &x->f.cx.diags[i], x->f.cx.source);
}

static const struct sibling siblings[] = {
    {".graph", print_graph, 0}, {".canon", print_canon, 0},
    {".path", print_path, 0},   {".plan", print_plan, 0},
    {".json", print_json, 0},   {".dot", print_dot, 0},
    {".c", print_c, 0},         {".h", print_header, 0},
    {".cu", print_cuda, 0},
    {".err", print_err, 1},
};

/* --- reading NAME.ein --------------------------------------------------- */

struct golden {
    char base[MAX_NAME]; /* path without ".ein" */
    struct planned planned;
    char symbolic[100], path[100], text[4000];
};

static int
take(const char *line, const char *key, const char **rest)
{
    size_t n = strlen(key);
    *rest = line + n;
    return strncmp(line, key, n) == 0;
}

static void
read_expression(struct golden *g, const char *p)
{
    size_t n = 0;
    for (; *p; p++) {
        if (*p == '\\' && p[1]) {
            p++;
            g->planned.source[n++] =
                *p == 'n' ? '\n' : *p == 't' ? '\t' : *p;
        } else {
            g->planned.source[n++] = *p;
        }
    }
    assert_true(n < sizeof g->planned.source);
}

static void
read_line(struct golden *g, const char *line)
{
    struct planned *x = &g->planned;
    const char *p;
    if (take(line, "in ", &p)) {
        assert_true(x->n_in < PLANNED_IN);
        p = planned_tensor(&x->in[x->n_in++], p);
        assert_string_equal(p, "");
    } else if (take(line, "out ", &p)) {
        p = planned_tensor(&x->out, p);
        assert_string_equal(p, "");
        x->has_out = 1;
    } else if (take(line, "path ", &p)) {
        snprintf(g->path, sizeof g->path, "%s", p);
        x->options.path = str_of(g->path);
    } else if (take(line, "symbolic ", &p)) {
        snprintf(g->symbolic, sizeof g->symbolic, "%s", p);
        x->f.symbolic = g->symbolic;
    } else if (take(line, "memory_limit ", &p)) {
        x->options.memory_limit_bytes = strtoull(p, NULL, 10);
    } else if (take(line, "text ", &p)) {
        size_t n = strlen(g->text);
        snprintf(g->text + n, sizeof g->text - n, "%s\n", p);
        x->options.plan_text = str_of(g->text);
    } else if (line[0] && line[0] != '#') {
        fail_msg("%s.ein: what is '%s'?", g->base, line);
    }
}

static char *
read_all(const char *base, const char *suffix)
{
    char path[MAX_NAME + 20];
    snprintf(path, sizeof path, "%s%s", base, suffix);
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    char *text = malloc(MAX_BYTES);
    size_t n = fread(text, 1, MAX_BYTES - 1, f);
    text[n] = 0;
    fclose(f);
    return text;
}

static void
read_golden(struct golden *g)
{
    char *text = read_all(g->base, ".ein");
    int has_expression = 0;
    assert_non_null(text);
    planned_open(&g->planned, "", "");
    for (char *p = text, *end; *p; p = end) {
        end = p + strcspn(p, "\n");
        if (*end)
            *end++ = 0;
        if (has_expression)
            read_line(g, p);
        else if (*p != '#')
            has_expression = 1, read_expression(g, p);
    }
    free(text);
}

/* --- comparing ---------------------------------------------------------- */

static int
is_writing(void)
{
    const char *s = getenv("EINC_GOLDEN");
    return s && strcmp(s, "write") == 0;
}

static void
write_all(const char *base, const char *suffix, const char *text)
{
    char path[MAX_NAME + 20];
    snprintf(path, sizeof path, "%s%s", base, suffix);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int
line_of(const char *a, const char *b)
{
    int line = 1;
    for (; *a && *a == *b; a++, b++)
        line += *a == '\n';
    return line;
}

static int
compare(struct golden *g, const struct sibling *s, enum einc_status status)
{
    char *want = read_all(g->base, s->suffix);
    if (!want)
        return 0;
    if ((status != EINC_OK) != s->of_failure)
        fail_msg("%s.ein: status %d\n%s", g->base, status,
                 front_report(&g->planned.f));
    struct text t = {.perm = &g->planned.f.perm};
    s->print(&t, &g->planned);
    const char *got = einc_text_z(&t);
    if (is_writing() && strcmp(got, want))
        write_all(g->base, s->suffix, got);
    else if (strcmp(got, want))
        fail_msg("%s%s differs at line %d; now:\n%s", g->base, s->suffix,
                 line_of(got, want), got);
    free(want);
    return 1;
}

/* The test of one file; `state` is its golden. */
static void
test_file(void **state)
{
    struct golden *g = *state;
    int n = 0;
    read_golden(g);
    enum einc_status status = planned_build(&g->planned);
    for (size_t i = 0; i < sizeof siblings / sizeof *siblings; i++)
        n += compare(g, &siblings[i], status);
    if (n == 0)
        fail_msg("%s.ein has no siblings", g->base);
    planned_close(&g->planned);
}

static int
by_name(const void *a, const void *b)
{
    const struct CMUnitTest *x = a, *y = b;
    return strcmp(x->name, y->name);
}

int
main(int argc, char **argv)
{
    static struct CMUnitTest tests[MAX_FILES];
    const char *folder = argc > 1 ? argv[1] : "tests/golden";
    DIR *dir = opendir(folder);
    size_t n = 0;
    if (!dir) {
        fprintf(stderr, "no folder %s\n", folder);
        return 1;
    }
    for (struct dirent *e; (e = readdir(dir)) && n < MAX_FILES;) {
        const char *dot = strrchr(e->d_name, '.');
        if (!dot || strcmp(dot, ".ein"))
            continue;
        struct golden *g = calloc(1, sizeof *g);
        snprintf(g->base, sizeof g->base, "%s/%.*s", folder,
                 (int)(dot - e->d_name), e->d_name);
        tests[n++] = (struct CMUnitTest){
            .name = g->base, .test_func = test_file, .initial_state = g};
    }
    closedir(dir);
    qsort(tests, n, sizeof *tests, by_name);
    if (n == 0)
        fprintf(stderr, "no .ein in %s\n", folder);
    /* rows without a function are passed over */
    int failed = n ? cmocka_run_group_tests_name("golden", tests, NULL, NULL)
                   : 1;
    for (size_t i = 0; i < n; i++)
        free(tests[i].initial_state);
    return failed;
}

/* SPDX-License-Identifier: MIT
 *
 * gen.c - writes the sources of the built-in kernels, while the library is
 * built:
 *     einc-gen DIR TARGET,TARGET... LIST.txt...
 * makes DIR/TARGET-LIST.c, the kernels of a list for a row of target.h;
 * DIR/TARGET-LIST.flags, what the compiler needs for it; and DIR/table.c.
 * A file that would not change is not touched, so nothing of it is compiled
 * again.
 *
 * A line of a list is an example of what is to be built in:
 *     EXPRESSION  TYPES  SIZES  WORD...
 * TYPES are alternatives with commas; one is a type for all operands ("f32"),
 * or one each and that of the result: "f16*f32>f32". SIZES: "i=64,j=64", or -.
 * Words: kernel=FAMILY, for that family and no other; 0=128:1, out=1:64: the
 * strides of operand 0, of the result. What kernels have in common is built
 * once; a kernel serves whatever has its key, not just the example.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctx.h"

enum { MOST_TARGETS = 8, MOST_OPERANDS = 16, MOST_DIMS = 16, MOST_WORDS = 16,
       MOST_LINE = 1000, NAME = 96 };

/* --- what was made ------------------------------------------------------ */

struct kernel_row {
    char *key;
    char name[NAME];
};

struct target_rows {
    const struct target *target;
    struct kernel_row *rows;
    int n, cap;
};

struct gen {
    const char *dir;
    struct einc_ctx *ctx;
    struct target_rows targets[MOST_TARGETS];
    int n_targets;
    const char *list;      /* path of the list under way */
    char list_name[32];    /* "gett" */
    int line;
    FILE *to;              /* text of the file under way */
    const char *flag;      /* of its units */
    int n_units;
};

static _Noreturn void die(const struct gen *g, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static _Noreturn void
die(const struct gen *g, const char *fmt, ...)
{
    va_list ap;
    if (g->list)
        fprintf(stderr, "%s:%d: ", g->list, g->line);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

static void *
need(const struct gen *g, void *p)
{
    if (!p)
        die(g, "out of memory");
    return p;
}

/* --- files -------------------------------------------------------------- */

static int
is_same(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "rb");
    size_t at = 0;
    int c, same = f != NULL;
    while (same && (c = getc(f)) != EOF)
        same = at < n && (unsigned char)text[at++] == c;
    if (f)
        fclose(f);
    return same && at == n;
}

static void
write_file(const struct gen *g, const char *name, const char *text, size_t n)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", g->dir, name);
    if (is_same(path, text, n))
        return;
    FILE *f = fopen(path, "wb");
    int bad = !f || fwrite(text, 1, n, f) != n;
    if ((f && fclose(f) != 0) || bad)
        die(g, "%s: cannot be written", path);
}

/* --- one example -------------------------------------------------------- */

struct example {
    char *expr, *types, *sizes, *words[MOST_WORDS];
    int n_words;
    enum nest_family family;
    const char *path;
    struct einc_layout in[MOST_OPERANDS], out;
    int64_t shape[MOST_OPERANDS][MOST_DIMS];
    int64_t stride[MOST_OPERANDS + 1][MOST_DIMS];
    int n_in, has_out;
};

static int
take_shape(void *user, size_t operand, int32_t ndim, const int64_t *shape)
{
    struct example *x = user;
    if (operand >= MOST_OPERANDS || ndim > MOST_DIMS)
        return 1;
    memcpy(x->shape[operand], shape, (size_t)ndim * sizeof *shape);
    x->in[operand] = (struct einc_layout){.size = sizeof x->in[operand],
                                          .ndim = ndim,
                                          .shape = x->shape[operand]};
    x->n_in = (int)operand + 1;
    return 0;
}

static enum einc_dtype
type_of(const struct gen *g, const char *name)
{
    enum einc_dtype d = einc_dtype_parse(name);
    if (!d)
        die(g, "'%s' is no type", name);
    return d;
}

/* "f32", "f16*f32>f32"; changed while it is read. */
static void
take_types(const struct gen *g, struct example *x, char *text)
{
    char *out = strchr(text, '>');
    if (out) {
        *out++ = 0;
        x->out.dtype = (int32_t)type_of(g, out);
        x->has_out = 1;
    }
    char *rest = NULL, *name = strtok_r(text, "*", &rest);
    for (int o = 0; o < x->n_in; o++) {
        x->in[o].dtype = (int32_t)type_of(g, name);
        char *next = strtok_r(NULL, "*", &rest);
        name = next ? next : name;
    }
}

/* "0=128:1" */
static void
take_strides(const struct gen *g, struct example *x, const char *word)
{
    int out = strncmp(word, "out=", 4) == 0;
    char *end;
    long o = out ? MOST_OPERANDS : strtol(word, &end, 10);
    if (!out && (end == word || *end != '=' || o < 0 || o >= x->n_in))
        die(g, "'%s' is no word of a list", word);
    const char *p = out ? word + 3 : end;
    for (int d = 0; *p && d < MOST_DIMS; d++, p = end)
        x->stride[o][d] = strtoll(p + 1, &end, 10);
    if (out)
        x->out.stride = x->stride[o];
    else
        x->in[o].stride = x->stride[o];
    x->has_out |= out;
}

static void
take_words(const struct gen *g, struct example *x)
{
    x->family = FAMILY_ANY;
    for (int w = 0; w < x->n_words; w++)
        if (strncmp(x->words[w], "kernel=", 7) == 0) {
            x->family = einc_nest_family(str_of(x->words[w] + 7));
            if (x->family == N_FAMILIES)
                die(g, "%s: no such family", x->words[w]);
        } else if (strncmp(x->words[w], "path=", 5) == 0) {
            x->path = x->words[w] + 5;
        } else {
            take_strides(g, x, x->words[w]);
        }
}

static struct einc_plan *
plan_of(const struct gen *g, struct example *x)
{
    struct einc_options o = {.size = sizeof o, .tier = EINC_TIER_INTERP,
                             .path = x->path};
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    if (einc_compile(g->ctx, x->expr, (size_t)x->n_in, x->in, NULL, &o, &plan,
                     &err))
        die(g, "%s", einc_err_text(err));
    if (!x->has_out)
        return plan;
    struct einc_layout inferred, out = x->out;
    int64_t shape[MOST_DIMS];
    einc_plan_layout(plan, &inferred);
    if (inferred.ndim > MOST_DIMS)
        die(g, "too many dims");
    memcpy(shape, inferred.shape, (size_t)inferred.ndim * sizeof *shape);
    einc_plan_free(plan);
    out.size = sizeof out;
    out.ndim = inferred.ndim;
    out.shape = shape;
    out.dtype = out.dtype ? out.dtype : inferred.dtype;
    if (einc_compile(g->ctx, x->expr, (size_t)x->n_in, x->in, &out, &o, &plan,
                     &err))
        die(g, "%s", einc_err_text(err));
    return plan;
}

/* --- its kernels -------------------------------------------------------- */

/* One step for one target. */
struct making {
    const struct plan *plan;
    const struct target *target;
    enum nest_family family;
    int step;
    const char *name;
    struct unit unit;
    enum nest_family made; /* its family */
};

static void
make_unit(struct guarded *g, void *arg)
{
    struct making *m = arg;
    const struct nest *w =
        einc_nest_build(&g->perm, g->scratch, m->plan, m->step, m->target,
                        NEST_BUILTIN, m->family);
    m->made = w->family;
    m->unit = einc_emit_named_unit(&g->perm, w, m->name);
}

static int
is_known(const struct target_rows *t, const char *key)
{
    for (int r = 0; r < t->n; r++)
        if (strcmp(t->rows[r].key, key) == 0)
            return 1;
    return 0;
}

static void
add_unit(struct gen *g, struct target_rows *t, const struct unit *u,
         const char *name)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 64;
        t->rows = need(g, realloc(t->rows, (size_t)t->cap * sizeof *t->rows));
    }
    struct kernel_row *r = &t->rows[t->n++];
    r->key = need(g, strdup(u->key));
    snprintf(r->name, sizeof r->name, "%s", name);
    if (g->flag && strcmp(g->flag, u->flags[0]) != 0)
        die(g, "a kernel that wants %s in a list of %s; move it to another",
            u->flags[0], g->flag);
    g->flag = u->flags[0];
    fprintf(g->to, "\n/* %s */\n%s", u->key, u->source);
    g->n_units++;
}

static void
make_step(struct gen *g, struct target_rows *t, const struct example *x,
          const struct plan *p, int step)
{
    char name[NAME];
    snprintf(name, sizeof name, "einc_builtin_%s_%s_%d", t->target->name,
             g->list_name, g->n_units);
    struct making m = {p, t->target, x->family, step, name, {0}, FAMILY_ANY};
    struct guarded guard = {.ctx = g->ctx, .hint_bytes = 1 << 20};
    struct einc_err *err = NULL;
    if (einc_guard(&guard, make_unit, &m, &err) != EINC_OK)
        die(g, "%s", einc_err_text(err));
    if (x->family != FAMILY_ANY && m.made != x->family)
        die(g, "step %d is no work for this family", step + 1);
    if (!is_known(t, m.unit.key))
        add_unit(g, t, &m.unit, name);
    einc_guard_free(&guard, 0);
    einc_guard_free(&guard, 1);
}

static void
make_line(struct gen *g, struct target_rows *t, char *line)
{
    char *rest = NULL;
    struct example x = {.expr = strtok_r(line, " \t\n", &rest)};
    if (!x.expr || *x.expr == '#')
        return;
    x.types = strtok_r(NULL, " \t\n", &rest);
    x.sizes = strtok_r(NULL, " \t\n", &rest);
    if (!x.sizes)
        die(g, "a line has an expression, types and sizes");
    while (x.n_words < MOST_WORDS &&
           (x.words[x.n_words] = strtok_r(NULL, " \t\n", &rest)))
        x.n_words++;
    const char *sizes = strcmp(x.sizes, "-") == 0 ? NULL : x.sizes;
    struct einc_err *err = NULL;
    if (einc_shapes(x.expr, sizes, 0, take_shape, &x, NULL, 0, &err))
        die(g, "%s", einc_err_text(err));
    take_words(g, &x);
    char *more = NULL;
    for (char *one = strtok_r(x.types, ",", &more); one;
         one = strtok_r(NULL, ",", &more)) {
        take_types(g, &x, one);
        struct einc_plan *plan = plan_of(g, &x);
        for (int s = 0; s < plan->plan->n_steps; s++)
            make_step(g, t, &x, plan->plan, s);
        einc_plan_free(plan);
    }
}

/* --- files of a list ---------------------------------------------------- */

static void
put_opening(struct guarded *guard, void *arg)
{
    struct making *m = arg;
    struct text t = {.perm = &guard->perm};
    einc_emit_units_opening(&t, m->target);
    m->unit.source = einc_text_z(&t);
}

static void
write_opening(struct gen *g, const struct target *t)
{
    struct making m = {.target = t};
    struct guarded guard = {.ctx = g->ctx, .hint_bytes = 1 << 20};
    if (einc_guard(&guard, put_opening, &m, NULL) != EINC_OK)
        die(g, "out of memory");
    fputs(m.unit.source, g->to);
    einc_guard_free(&guard, 0);
    einc_guard_free(&guard, 1);
}

static void
write_flags(struct gen *g, const struct target *t)
{
    char name[NAME], text[1000];
    size_t n = 0;
    for (int f = 0; t->flags[f]; f++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s\n", t->flags[f]);
    n += (size_t)snprintf(text + n, sizeof text - n, "%s\n",
                          g->flag ? g->flag : "");
    snprintf(name, sizeof name, "%s-%s.flags", t->name, g->list_name);
    write_file(g, name, text, n);
}

static void
make_list(struct gen *g, struct target_rows *t)
{
    char line[MOST_LINE], name[NAME], *text = NULL;
    size_t n = 0;
    FILE *from = fopen(g->list, "r");
    if (!from)
        die(g, "cannot be read");
    g->to = need(g, open_memstream(&text, &n));
    g->flag = NULL;
    g->line = g->n_units = 0;
    write_opening(g, t->target);
    while (fgets(line, sizeof line, from)) {
        g->line++;
        if (!strchr(line, '\n'))
            die(g, "a line is too long, or does not end");
        make_line(g, t, line);
    }
    fclose(from);
    fclose(g->to);
    snprintf(name, sizeof name, "%s-%s.c", t->target->name, g->list_name);
    write_file(g, name, text, n);
    free(text);
    write_flags(g, t->target);
}

/* --- the table ---------------------------------------------------------- */

static int
by_key(const void *a, const void *b)
{
    const struct kernel_row *x = a, *y = b;
    return strcmp(x->key, y->key);
}

static void
put_rows(FILE *to, struct target_rows *t)
{
    if (!t->n)
        return;
    qsort(t->rows, (size_t)t->n, sizeof *t->rows, by_key);
    for (int r = 0; r < t->n; r++)
        fprintf(to, "void %s(const struct einc_args *, int64_t, int64_t);\n",
                t->rows[r].name);
    fprintf(to, "static const struct builtin rows_%s[] = {\n",
            t->target->name);
    for (int r = 0; r < t->n; r++)
        fprintf(to, "    {\"%s\",\n     %s},\n", t->rows[r].key,
                t->rows[r].name);
    fprintf(to, "};\n");
}

static void
write_table(struct gen *g)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = need(g, open_memstream(&text, &n));
    fprintf(to, "/* made by einc-gen; change src/builtin */\n"
                "#include \"builtin/builtin.h\"\n\n#include <stddef.h>\n\n");
    for (int t = 0; t < g->n_targets; t++)
        put_rows(to, &g->targets[t]);
    fprintf(to, "const struct builtin_set einc_builtin_sets[] = {\n");
    for (int t = 0; t < g->n_targets; t++)
        if (g->targets[t].n)
            fprintf(to, "    {\"%s\", rows_%s, %d},\n",
                    g->targets[t].target->name, g->targets[t].target->name,
                    g->targets[t].n);
    fprintf(to, "    {NULL, NULL, 0}};\n");
    fclose(to);
    write_file(g, "table.c", text, n);
    free(text);
}

/* --- the command -------------------------------------------------------- */

static void
take_targets(struct gen *g, char *names)
{
    char *rest = NULL;
    for (char *z = strtok_r(names, ",", &rest); z;
         z = strtok_r(NULL, ",", &rest)) {
        const struct target *t = einc_target_find(str_of(z));
        if (!t || t->language != LANGUAGE_C || g->n_targets == MOST_TARGETS)
            die(g, "'%s' is no row of a processor", z);
        g->targets[g->n_targets++].target = t;
    }
}

/* "src/builtin/gett.txt" is "gett". */
static void
name_list(struct gen *g, const char *path)
{
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    g->list = path;
    g->line = 0;
    snprintf(g->list_name, sizeof g->list_name, "%.*s",
             (int)strcspn(name, "."), name);
}

int
main(int argc, char **argv)
{
    struct gen g = {.dir = argc > 1 ? argv[1] : NULL};
    struct einc_config c = {.size = sizeof c, .threads = 1, .cache_dir = "",
                            .tier = EINC_TIER_INTERP};
    if (argc < 3)
        die(&g, "usage: einc-gen DIR TARGET,TARGET... LIST.txt...");
    /* the same text on every machine */
    setenv("EINC_MACHINE", "default", 1);
    if (einc_ctx_create(&c, &g.ctx, NULL) != EINC_OK)
        die(&g, "out of memory");
    take_targets(&g, argv[2]);
    for (int a = 3; a < argc; a++) {
        name_list(&g, argv[a]);
        for (int t = 0; t < g.n_targets; t++)
            make_list(&g, &g.targets[t]);
    }
    g.list = NULL;
    write_table(&g);
    for (int t = 0; t < g.n_targets; t++) {
        for (int r = 0; r < g.targets[t].n; r++)
            free(g.targets[t].rows[r].key);
        free(g.targets[t].rows);
    }
    einc_ctx_free(g.ctx);
    return 0;
}

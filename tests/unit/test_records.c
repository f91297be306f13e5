/* SPDX-License-Identifier: MIT
 *
 * test_records.c - runs the .test files of tests/parse: the front end as data.
 * A record is
 *     %EXPR text       with the escapes \n \t \\ \xHH; or %IDS for integer
 *                      labels: "0 1, 1 ... 2 -> 0 2"; or %PROGRAM for
 *                      index statements, which are parsed only; or %RESOLVE
 *                      for those that are resolved, too
 *     %IN f32 2x3, i8  operands: a type, a shape (none: a scalar), and "@3:-1"
 *                      where strides are given
 *     %OUT f32 2x4     the output given; "-" for a type not given. %RESOLVE:
 *                      outputs, "?" for one not given
 *     %PARAMS sh=2 ph=1
 *     %FLAGS strict_numpy strict_sizes named compact
 *     %SYMBOLIC i,j
 * and what is expected, one of these at least:
 *     %MAKES f32 2x4   type and shape of the output
 *     %COMPUTE f32     type of the sums
 *     %STMT text       dump "stmt", one line
 *     %TREE text       dump "expr" of a program, its lines made one
 *     %NAMES in A/2 out C/2 read  names of a program with ranks
 *     %STMTS           resolved: the dump, up to %END
 *     %DUMP expr       or graph: the lines that follow, up to %END
 *     %FAIL EINC_ESHAPE  the report: the lines that follow, up to %END
 * A line that begins with '#' is a comment. usage: test_records [folder]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>

#include "front.h"

enum { MAX_IN = 600, MAX_DIMS = 80, MAX_FILES = 64, MAX_TEXT = 1 << 16,
       MAX_OUT = 8, MAX_PARAMS = 8 };

struct array {
    struct einc_layout layout;
    int64_t shape[MAX_DIMS];
    int64_t stride[MAX_DIMS];
};

struct record {
    const char *path;
    int line;               /* of its first line; 0: none yet */
    char text[MAX_TEXT];
    int64_t n_text;
    uint32_t flags;
    struct array in[MAX_IN];
    int n_in;
    struct array out;
    int has_out;
    struct array outs[MAX_OUT];
    const struct einc_layout *out_layouts[MAX_OUT];
    int n_outs;
    struct param params[MAX_PARAMS];
    char *param_line;
    int n_params;
    char symbolic[200];
    int has_symbolic;
    int32_t id[MAX_IN], *ids[MAX_IN]; /* of inputs, then of the output */
    size_t n_ids[MAX_IN];
    int n_terms, is_ids, has_out_ids;
    struct front front;
    enum einc_status status;
    int did_run, n_expected;
    int is_program, is_resolved;
};

struct file {
    const char *path;
    int n_records, n_wrong;
};

/* --- reading a record ----------------------------------------------------- */

static int
hex(char c)
{
    return c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

static void
read_expr(struct record *r, const char *s)
{
    for (; *s; s++) {
        char c = *s;
        if (c == '\\') {
            c = *++s;
            if (c == 'x') {
                c = (char)(hex(s[1]) * 16 + hex(s[2]));
                s += 2;
            } else {
                c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
            }
        }
        r->text[r->n_text++] = c;
    }
}

/* "2x3" or "3:-1"; returns how many. */
static int
read_numbers(const char *s, char between, int64_t *to)
{
    int n = 0;
    for (char *end;; s = end + 1) {
        to[n++] = strtoll(s, &end, 10);
        assert_true(end > s);
        if (*end != between)
            return n;
    }
}

/* "f32 2x3 @3:1" */
static void
read_tensor(struct array *t, char *s)
{
    char *word = strtok(s, " ");
    memset(t, 0, sizeof *t);
    t->layout.size = sizeof t->layout;
    t->layout.shape = t->shape;
    for (int d = EINC_BOOL; d <= EINC_C128; d++)
        if (!strcmp(einc_dtype_info((enum einc_dtype)d)->name, word))
            t->layout.dtype = d;
    if (*word >= '0' && *word <= '9') /* a wrong one, for E501 */
        t->layout.dtype = atoi(word);
    assert_true(t->layout.dtype || *word == '-');
    while ((word = strtok(NULL, " ")) != NULL) {
        if (*word == '@') {
            t->layout.stride = t->stride;
            assert_int_equal(read_numbers(word + 1, ':', t->stride),
                             t->layout.ndim);
        } else {
            t->layout.ndim = read_numbers(word, 'x', t->shape);
        }
    }
}

static void
read_operands(struct record *r, char *s)
{
    for (char *comma; s; s = comma) {
        comma = strchr(s, ',');
        if (comma)
            *comma++ = 0;
        read_tensor(&r->in[r->n_in++], s);
    }
}

static void
read_outputs(struct record *r, char *s)
{
    for (char *comma; s; s = comma) {
        comma = strchr(s, ',');
        if (comma)
            *comma++ = 0;
        while (*s == ' ')
            s++;
        struct array *a = &r->outs[r->n_outs];
        if (*s != '?')
            read_tensor(a, s);
        r->out_layouts[r->n_outs++] = *s == '?' ? NULL : &a->layout;
    }
}

/* Names stay in the line, which is kept. */
static void
read_params(struct record *r, const char *s)
{
    char *line = strdup(s);
    r->param_line = line;
    for (char *w = strtok(line, " "); w; w = strtok(NULL, " ")) {
        char *equals = strchr(w, '=');
        r->params[r->n_params++] =
            (struct param){{w, equals - w}, strtoll(equals + 1, NULL, 10)};
    }
}

static void
read_flags(struct record *r, char *s)
{
    static const struct { const char *name; uint32_t flag; } flags[] = {
        {"strict_numpy", EINC_STRICT_NUMPY},
        {"strict_sizes", EINC_STRICT_SIZES},
        {"named", EINC_NAMED_LABELS},
        {"compact", EINC_COMPACT_LABELS},
    };
    for (char *w = strtok(s, " "); w; w = strtok(NULL, " ")) {
        uint32_t flag = 0;
        for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
            if (!strcmp(flags[i].name, w))
                flag = flags[i].flag;
        assert_true(flag);
        r->flags |= flag;
    }
}

static void
read_ids(struct record *r, char *s)
{
    int n = 0;
    r->is_ids = 1;
    r->n_terms = 1;
    r->ids[0] = r->id;
    for (char *w = strtok(s, " "); w; w = strtok(NULL, " ")) {
        if (!strcmp(w, ",") || !strcmp(w, "->")) {
            r->has_out_ids |= *w == '-';
            r->ids[r->n_terms++] = r->id + n;
            continue;
        }
        r->id[n++] = !strcmp(w, "...") ? EINC_ELLIPSIS : atoi(w);
        r->n_ids[r->n_terms - 1]++;
    }
}

/* --- running it ----------------------------------------------------------- */

static void
run(struct record *r)
{
    static struct einc_layout in[MAX_IN];
    if (r->did_run++)
        return;
    front_open(&r->front, 1 << 22);
    /* The text has nothing after it: reading on is seen by sanitizers. */
    char *text = malloc(r->n_text ? (size_t)r->n_text : 1);
    memcpy(text, r->text, (size_t)r->n_text);
    for (int k = 0; k < r->n_in; k++)
        in[k] = r->in[k].layout;
    r->front.source = (struct str){text, r->n_text};
    r->front.flags = r->flags;
    r->front.stop_after_tree = r->is_program;
    r->front.is_program = r->is_resolved;
    r->front.params = r->params;
    r->front.n_params = r->n_params;
    r->front.outs = r->n_outs ? r->out_layouts : NULL;
    r->front.n_outs = r->n_outs;
    r->front.in = in;
    r->front.n_in = r->n_in;
    r->front.out = r->has_out ? &r->out.layout : NULL;
    r->front.symbolic = r->has_symbolic ? r->symbolic : NULL;
    if (r->is_ids) {
        r->front.ids = (const int32_t *const *)r->ids;
        r->front.n_ids = r->n_ids;
        if (r->has_out_ids) {
            r->front.out_ids = r->ids[r->n_terms - 1];
            r->front.n_out_ids = (int64_t)r->n_ids[r->n_terms - 1];
        }
    }
    r->status = front_run(&r->front);
}

static void
finish(struct record *r, struct file *f)
{
    if (r->line) {
        f->n_records++;
        if (!r->n_expected) {
            print_error("%s:%d: expects nothing\n", r->path, r->line);
            f->n_wrong++;
        }
    }
    if (r->did_run) {
        free((void *)(uintptr_t)r->front.source.p);
        front_close(&r->front);
    }
    free(r->param_line);
    memset(r, 0, sizeof *r);
    r->path = f->path;
}

static void
put_names(struct text *t, const struct names *n)
{
    einc_put(t, " in");
    for (int i = 0; i < n->n_in; i++)
        einc_put(t, " %.*s/%d", (int)n->in[i].n, n->in[i].p, n->in_dims[i]);
    einc_put(t, " out");
    for (int i = 0; i < n->n_out; i++)
        einc_put(t, " %.*s/%d%s%s", (int)n->out[i].n, n->out[i].p,
                 n->out_dims[i], n->out_read[i] ? " read" : "",
                 n->out_given[i] ? " given" : "");
    einc_put(t, "\n");
}

static void
put_tree(struct text *t, const struct tree_program *p)
{
    einc_put(t, "%%TREE ");
    einc_tree_print(t, p);
    for (int64_t i = 0; i + 1 < t->n; i++)
        if (t->p[i] == '\n')
            t->p[i] = ' ';
}

static void
compare(struct record *r, struct file *f, const char *what, const char *want)
{
    static const char *const names[] = {
        "EINC_OK", "EINC_EPARSE", "EINC_ESHAPE", "EINC_EDTYPE", "EINC_EALIAS",
        "EINC_ENOMEM", "EINC_ELIMIT", "EINC_ECOMPILER", "EINC_ECACHE",
        "EINC_EDEVICE", "EINC_EUNSUP", "EINC_EINVAL", "EINC_EINTERNAL"};
    run(r);
    r->n_expected++;
    struct text got = {.perm = &r->front.perm};
    einc_put(&got, "%%%s", what);
    if (r->status) {
        got.n = 0;
        einc_put(&got, "%%FAIL %s\n%s", names[r->status],
                 front_report(&r->front));
    } else if (!strcmp(what, "NAMES")) {
        put_names(&got, r->front.names);
    } else if (r->is_resolved) {
        got.n = 0;
        einc_put(&got, "%%STMTS\n");
        einc_resolve_print(&got, r->front.program);
    } else if (r->front.tree) {
        got.n = 0;
        put_tree(&got, r->front.tree);
    } else if (!strcmp(what, "FAIL")) {
        got.n = 0;
        einc_put(&got, "%%STMT ");
        einc_stmt_print(&got, r->front.program);
    } else if (!strcmp(what, "MAKES")) {
        const struct operand *o = &r->front.graph->out;
        einc_put(&got, " %s", einc_dtype_info(o->dtype)->name);
        for (int d = 0; d < o->n_dims; d++)
            einc_put(&got, "%s%lld", d ? "x" : " ", (long long)o->shape[d]);
        einc_put(&got, "\n");
    } else if (!strcmp(what, "COMPUTE")) {
        einc_put(&got, " %s\n",
                 einc_dtype_info(r->front.graph->compute)->name);
    } else if (!strcmp(what, "STMT")) {
        einc_put(&got, " ");
        einc_stmt_print(&got, r->front.program);
    } else if (!strcmp(what, "DUMP expr")) {
        einc_put(&got, "\n");
        einc_expr_print(&got, r->front.expr);
    } else if (!strcmp(what, "DUMP graph")) {
        einc_put(&got, "\n");
        einc_graph_print(&got, r->front.graph);
    } else {
        fail_msg("%s:%d: unknown %%%s", r->path, r->line, what);
    }
    if (!strcmp(einc_text_z(&got), want))
        return;
    f->n_wrong++;
    print_error("%s:%d: expected\n%s%s:%d: got\n%s", r->path, r->line, want,
                r->path, r->line, einc_text_z(&got));
}

/* --- files ---------------------------------------------------------------- */

static void
cut_newline(char *s)
{
    s[strcspn(s, "\n")] = 0;
}

/* A directive with lines up to %END; compares all of it. */
static void
read_block(struct record *r, struct file *f, FILE *in, int *line,
           const char *first)
{
    static char want[MAX_TEXT], next[MAX_TEXT];
    size_t n = (size_t)snprintf(want, sizeof want, "%s\n", first);
    while (fgets(next, sizeof next, in)) {
        ++*line;
        if (!strcmp(next, "%END\n"))
            break;
        n += (size_t)snprintf(want + n, sizeof want - n, "%s", next);
        assert_true(n < sizeof want);
    }
    compare(r, f, strncmp(first, "%FAIL", 5) ? first + 1 : "FAIL", want);
}

static void
obey(struct record *r, struct file *f, FILE *in, int *line, char *s)
{
    static char want[MAX_TEXT];
    char *space = strchr(s, ' ');
    char *rest = space ? space + 1 : s + strlen(s);
    size_t n = (size_t)(space ? space - s : rest - s);
#define IS(name) (n == sizeof(name) - 1 && !memcmp(s, name, n))
    if (IS("%EXPR") || IS("%IDS") || IS("%PROGRAM") || IS("%RESOLVE")) {
        finish(r, f);
        r->line = *line;
        if (IS("%IDS"))
            read_ids(r, rest);
        else
            read_expr(r, rest);
        r->is_program = IS("%PROGRAM");
        r->is_resolved = IS("%RESOLVE");
    } else if (IS("%IN")) {
        read_operands(r, rest);
    } else if (IS("%PARAMS")) {
        read_params(r, rest);
    } else if (IS("%OUT") && r->is_resolved) {
        read_outputs(r, rest);
    } else if (IS("%OUT")) {
        read_tensor(&r->out, rest);
        r->has_out = 1;
    } else if (IS("%FLAGS")) {
        read_flags(r, rest);
    } else if (IS("%SYMBOLIC")) {
        snprintf(r->symbolic, sizeof r->symbolic, "%s", rest);
        r->has_symbolic = 1;
    } else if (IS("%FAIL") || IS("%DUMP") || IS("%STMTS")) {
        snprintf(want, sizeof want, "%s", s);
        read_block(r, f, in, line, want);
    } else if (IS("%MAKES") || IS("%STMT") || IS("%COMPUTE")
               || IS("%TREE") || IS("%NAMES")) {
        snprintf(want, sizeof want, "%.*s\n", MAX_TEXT - 2, s);
        s[n] = 0;
        compare(r, f, s + 1, want);
    } else {
        fail_msg("%s:%d: cannot read '%s'", f->path, *line, s);
    }
#undef IS
}

static void
test_file(void **state)
{
    static struct record record;
    static char line[MAX_TEXT];
    struct file *f = *state;
    int n = 0;
    FILE *in = fopen(f->path, "r");
    assert_non_null(in);
    memset(&record, 0, sizeof record);
    finish(&record, f);
    while (fgets(line, sizeof line, in)) {
        n++;
        cut_newline(line);
        if (line[0] && line[0] != '#')
            obey(&record, f, in, &n, line);
    }
    finish(&record, f);
    fclose(in);
    assert_true(f->n_records > 0);
    assert_int_equal(f->n_wrong, 0);
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
    static struct file files[MAX_FILES];
    const char *folder = argc > 1 ? argv[1] : "tests/parse";
    size_t n = 0;
    DIR *dir = opendir(folder);
    if (!dir) {
        fprintf(stderr, "test_records: no folder %s\n", folder);
        return 1;
    }
    for (struct dirent *e; n < MAX_FILES && (e = readdir(dir)) != NULL;) {
        size_t len = strlen(e->d_name);
        if (len < 6 || strcmp(e->d_name + len - 5, ".test"))
            continue;
        char *path = malloc(strlen(folder) + len + 2);
        sprintf(path, "%s/%s", folder, e->d_name);
        files[n].path = path;
        tests[n].name = path;
        tests[n].test_func = test_file;
        tests[n].initial_state = &files[n];
        n++;
    }
    closedir(dir);
    if (n == 0) {
        fprintf(stderr, "test_records: no record files in %s\n", folder);
        return 1;
    }
    qsort(tests, n, sizeof *tests, by_name);
    int failed = _cmocka_run_group_tests("records", tests, n, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        free((void *)(uintptr_t)files[i].path);
    return failed;
}

/* SPDX-License-Identifier: MIT
 *
 * explain.c - einc.h implemented: plans and kernels as text.
 */
#include <stdio.h>

#include "codegen/emit_cuda_file.h"
#include "codegen/emit_program.h"
#include "ctx.h"

/* --- stages ------------------------------------------------------------- */

struct printing {
    const struct einc_plan *plan;
    struct text text; /* in perm */
    const struct emit_style *style;
    int part;
    int cuda;              /* kernels alone, by parameter */
    const char *arch;      /* a file of CUDA for nvcc -arch; NULL: none */
    void (*print)(struct text *t, struct arena *scratch,
                  const struct einc_plan *plan);
};

static void
print_expr(struct text *t, struct arena *scratch, const struct einc_plan *x)
{
    (void)scratch;
    if (x->tree)
        einc_tree_print(t, x->tree);
    else
        einc_expr_print(t, x->expr);
}

static void
print_stmt(struct text *t, struct arena *scratch, const struct einc_plan *x)
{
    (void)scratch;
    if (x->script)
        einc_resolve_print(t, x->script->given);
    else
        einc_stmt_print(t, x->plan->program);
}

static void
print_graph(struct text *t, struct arena *scratch, const struct einc_plan *x)
{
    (void)scratch;
    einc_graph_print(t, x->plan->graph);
}

static void
print_canon(struct text *t, struct arena *scratch, const struct einc_plan *x)
{
    (void)scratch;
    einc_graph_print(t, x->plan->canon);
}

static void
print_path(struct text *t, struct arena *scratch, const struct einc_plan *x)
{
    (void)scratch;
    if (x->script)
        einc_script_print(t, x->script);
    else
        einc_plan_print_path(t, x->plan);
}

/* --- plans and kernels -------------------------------------------------- */

struct plan_model
einc_explain_model(const struct einc_plan *x)
{
    return (struct plan_model){&x->ctx->machine, x->ctx->threads,
                               (int64_t)x->workspace_bytes - x->work_at,
                               (int64_t)x->workspace_bytes};
}

static void
print_plan(struct text *t, struct arena *scratch, const struct einc_plan *x)
{
    (void)scratch;
    const struct plan_model m = einc_explain_model(x);
    einc_plan_print(t, x->plan, &m);
}

static void
print_json(struct text *t, struct arena *scratch, const struct einc_plan *x)
{
    (void)scratch;
    const struct plan_model m = einc_explain_model(x);
    einc_plan_print_json(t, x->plan, &m);
}

static void
print_dot(struct text *t, struct arena *scratch, const struct einc_plan *x)
{
    (void)scratch;
    const struct plan_model m = einc_explain_model(x);
    einc_plan_print_dot(t, x->plan, &m);
}

static const struct nest *
nest_of(const struct einc_plan *x, int step, struct arena *scratch)
{
    return einc_nest_build(scratch, *scratch, x->plan, step, x->ctx->target,
                           NEST_BEST, x->family);
}

void
einc_explain_nest(struct text *t, struct arena *scratch,
                  const struct einc_plan *x)
{
    for (int s = 0; s < x->plan->n_steps; s++) {
        einc_put(t, "step %d ", s + 1);
        einc_nest_print(t, nest_of(x, s, scratch));
    }
}

void
einc_explain_source(struct text *t, struct arena *scratch,
                    const struct einc_plan *x)
{
    for (int s = 0; s < x->plan->n_steps; s++)
        einc_put_str(
            t, str_of(einc_emit_unit(scratch, nest_of(x, s, scratch)).source));
}

static void
print_cuda(struct text *t, struct arena *scratch, const struct einc_plan *x)
{
    struct emit_style style = {.name = "einsum"};
    einc_emit_cuda(t, *scratch, x->plan, &style);
}

typedef void print_fn(struct text *t, struct arena *scratch,
                      const struct einc_plan *x);

static const struct dump {
    const char *name;
    enum einc_format format;
    print_fn *einsum, *program; /* NULL: it has no such stage */
} stages[] = {
    {"plan", EINC_TEXT, print_plan, einc_program_print_plan},
    {"plan", EINC_JSON, print_json, einc_program_print_json},
    {"plan", EINC_DOT, print_dot, einc_program_print_dot},
    {"expr", EINC_TEXT, print_expr, print_expr},
    {"stmt", EINC_TEXT, print_stmt, print_stmt},
    {"graph", EINC_TEXT, print_graph, NULL},
    {"canon", EINC_TEXT, print_canon, NULL},
    {"path", EINC_TEXT, print_path, print_path},
    {"nest", EINC_TEXT, einc_explain_nest, einc_program_print_nest},
    {"source", EINC_TEXT, einc_explain_source,
     einc_program_print_source},
    {"cuda", EINC_TEXT, print_cuda, NULL},
};

static void
print_guarded(struct guarded *g, void *arg)
{
    struct printing *p = arg;
    p->text = (struct text){.perm = &g->perm};
    p->print(&p->text, &g->scratch, p->plan);
}

/* Runs `f` on a printing and hands the text to `write`. */
static enum einc_status
write_guarded(struct printing *p, guarded_fn f, einc_write_fn write,
              void *user, struct einc_err **err)
{
    struct guarded g = {.ctx = p->plan->ctx,
                        .source = p->plan->script
                                      ? p->plan->tree->source
                                      : p->plan->plan->graph->source,
                        .hint_bytes = 8 * p->plan->block_bytes};
    enum einc_status status = einc_guard(&g, f, p, err);
    if (status != EINC_OK)
        return status;
    if (p->text.n && write(user, p->text.p, (size_t)p->text.n))
        status = einc_err_set(&p->plan->ctx->mem, err, EINC_EINVAL,
                              "the writer stopped");
    einc_guard_free(&g, 0);
    einc_guard_free(&g, 1);
    return status;
}

enum einc_status
einc_explain(const struct einc_plan *plan, const char *stage,
             enum einc_format format, einc_write_fn write, void *user,
             struct einc_err **err)
{
    if (err)
        *err = NULL;
    if (!plan || !write)
        return einc_err_set(&einc_mem_default, err, EINC_EINVAL, "%s is NULL",
                            plan ? "write" : "plan");
    stage = stage ? stage : "plan";
    for (size_t s = 0; s < sizeof stages / sizeof stages[0]; s++)
        if (strcmp(stage, stages[s].name) == 0 && format == stages[s].format) {
            struct printing p = {.plan = plan,
                                 .print = plan->script ? stages[s].program
                                                       : stages[s].einsum};
            if (!p.print)
                return einc_err_set(&plan->ctx->mem, err, EINC_EUNSUP,
                                    "index statements have no stage '%s': "
                                    "expr stmt path plan nest source", stage);
            return write_guarded(&p, print_guarded, write, user, err);
        }
    if (format < EINC_TEXT || format > EINC_DOT)
        return einc_err_set(&plan->ctx->mem, err, EINC_EINVAL,
                            "no format has number %d", (int)format);
    for (size_t s = 0; s < sizeof stages / sizeof stages[0]; s++)
        if (strcmp(stage, stages[s].name) == 0)
            return einc_err_set(&plan->ctx->mem, err, EINC_EINVAL,
                                "stage '%s' prints as text only", stage);
    return einc_err_set(&plan->ctx->mem, err, EINC_EINVAL,
                        "no stage is called '%s': expr stmt graph canon path "
                        "plan nest source cuda", stage);
}

/* --- emitted files ------------------------------------------------------ */

static void
emit_program(struct printing *p, struct arena scratch)
{
    const struct einc_plan *x = p->plan;
    const struct plan **plans =
        NEW(&scratch, const struct plan *, x->script->n_stages);
    for (int s = 0; s < x->script->n_stages; s++)
        plans[s] = x->stages[s].plan ? x->stages[s].plan->plan : NULL;
    if (p->part == EINC_HEADER)
        einc_emit_program_header(&p->text, scratch, x->script, p->style);
    else
        einc_emit_program(&p->text, scratch, x->script, plans, p->style);
}

/* The file of the script with another number for size `size` must be the same:
 * else the number has decided something, and is no argument. */
static void
check_open(struct guarded *g, const struct printing *p, int size)
{
    const struct script *s = p->plan->others[size];
    struct text own = {.perm = &g->perm};
    const struct plan **plans = NEW(&g->perm, const struct plan *,
                                    s->n_stages);
    struct str name = s->program->open.list[size].name;
    einc_emit_program(&own, g->scratch, s, plans, p->style);
    if (str_equal((struct str){own.p, own.n},
                  (struct str){p->text.p, p->text.n}))
        return;
    const char *word = einc_diag_show(&g->cx, name, 40);
    einc_fail(&g->cx, EINC_ESHAPE, "E412", (struct span){-1, -1},
              "size '%s' cannot be an argument of the function: its number "
              "decides how the statements are written; give it, --size %s=64",
              word, word);
}

/* A file that launches its kernels. */
static void
emit_cuda_file(struct printing *p, struct arena scratch)
{
    const struct einc_plan *x = p->plan;
    struct cuda_request r = {.arch = p->arch, .plan = x->plan,
                             .script = x->script};
    const struct plan **plans = NEW(&scratch, const struct plan *,
                                    x->script ? x->script->n_stages : 0);
    for (int s = 0; x->script && s < x->script->n_stages; s++)
        plans[s] = x->stages[s].plan ? x->stages[s].plan->plan : NULL;
    r.plans = plans;
    if (p->part == EINC_HEADER)
        einc_emit_cuda_file_header(&p->text, scratch, &r, p->style);
    else
        einc_emit_cuda_file(&p->text, scratch, &r, p->style);
}

static void
emit_guarded(struct guarded *g, void *arg)
{
    struct printing *p = arg;
    struct arena scratch = g->scratch;
    p->text = (struct text){.perm = &g->perm};
    const struct plan *plan = p->plan->plan;
    if (p->arch) {
        emit_cuda_file(p, scratch);
        return;
    }
    if (p->plan->script) {
        emit_program(p, scratch);
        int n_open = p->plan->script->program->open.n;
        for (int k = 0; k < n_open && p->part != EINC_HEADER; k++)
            check_open(g, p, k);
        return;
    }
    if (p->cuda)
        einc_emit_cuda(&p->text, scratch, plan, p->style);
    else if (p->part == EINC_HEADER)
        einc_emit_c_header(&p->text, scratch, plan, p->style);
    else
        einc_emit_c(&p->text, scratch, plan,
                    einc_target_find(str_of("portable")), p->style);
}

static int
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Words of C11, C23 and C++20, what libc declares in the headers that the
 * files include, macros of compilers, and the files' own words. */
static const char *const taken[] = {
    "abort", "abs", "alignas", "alignof", "and", "and_eq", "asctime", "asm",
    "atexit", "atof", "atoi", "atol", "atoll", "auto", "bitand", "bitor",
    "bool", "break", "bsearch", "calloc", "case", "catch", "char", "class",
    "clearerr", "clock", "compl", "concept", "const", "consteval",
    "constexpr", "constinit", "const_cast", "continue", "ctime", "decltype",
    "default", "delete", "difftime", "div", "do", "double", "dynamic_cast",
    "else", "enum", "exit", "explicit", "export", "extern", "false",
    "fclose", "fflush", "float", "fopen", "for", "fprintf", "fputs", "free",
    "friend", "getenv", "gmtime", "goto", "if", "import", "index", "inline",
    "int", "labs", "ldiv", "linux", "localtime", "long", "main", "malloc",
    "memchr", "memcmp", "memcpy", "memmove", "memset", "mktime", "module",
    "mutable", "namespace", "new", "noexcept", "not", "not_eq", "nullptr",
    "operator", "or", "or_eq", "out", "perror", "printf", "private",
    "protected", "public", "putchar", "puts", "qsort", "rand", "realloc",
    "register", "reinterpret_cast", "remove", "rename", "requires",
    "restrict", "return", "rewind", "scanf", "short", "signed", "sizeof",
    "snprintf", "sprintf", "srand", "sscanf", "static", "static_assert",
    "static_cast", "stderr", "stdin", "stdout", "strcat", "strchr", "strcmp",
    "strcpy", "strlen", "strtod", "strtol", "strtoll", "struct", "switch",
    "system", "template", "this", "thread_local", "throw", "time", "true",
    "try", "typedef", "typeid", "typename", "typeof", "union", "unix",
    "unsigned", "using", "virtual", "void", "volatile", "while", "work",
    "xor", "xor_eq"};

static int
ends_with(const char *z, const char *end)
{
    size_t n = strlen(z), m = strlen(end);
    return n >= m && strcmp(z + n - m, end) == 0;
}

/* in0, t1 ... are the files' own. */
static int
is_numbered(const char *z)
{
    z += z[0] == 't' ? 1 : z[0] == 'i' && z[1] == 'n' ? 2 : 0;
    return *z && strspn(z, "0123456789") == strlen(z);
}

/* A name is pasted into the file, so it is checked here: an identifier of C
 * and C++ that nobody else has. Leading _ and trailing _t belong to the
 * implementation, names in capitals to macros. */
static int
is_identifier(const char *z)
{
    int small = 0;
    if (!is_letter(*z) || *z == '_' || strlen(z) > 63 || ends_with(z, "_t"))
        return 0;
    for (const char *p = z; *p; p++) {
        if (!is_letter(*p) && !(*p >= '0' && *p <= '9'))
            return 0;
        small |= *p >= 'a' && *p <= 'z';
    }
    for (size_t w = 0; w < sizeof taken / sizeof taken[0]; w++)
        if (strcmp(z, taken[w]) == 0)
            return 0;
    return small && !is_numbered(z);
}

/* What may stand between the quotes of an #include. */
static int
is_file_name(const char *z)
{
    for (const char *p = z; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == '"' || *p == '\\' || *p == 0x7f)
            return 0;
    return *z != 0;
}

enum { NAME_ROOM = 80 }; /* more than a name may have */

/* That of a header. */
static const char *
name_of(const struct einc_plan *plan, char room[NAME_ROOM])
{
    if (!plan->script || !plan->tree->kernel.p)
        return "einsum";
    snprintf(room, NAME_ROOM, "%.*s", (int)plan->tree->kernel.n,
             plan->tree->kernel.p);
    return room;
}

/* A tensor without elements has no gaps, whatever its strides. */
static int
is_row_major(const struct tensor *t)
{
    int64_t stride = 1;
    for (int d = 0; d < t->n_dims; d++)
        if (t->shape[d] == 0)
            return 1;
    for (int d = t->n_dims - 1; d >= 0; d--) {
        if (t->shape[d] > 1 && t->stride[d] != stride)
            return 0;
        stride *= t->shape[d];
    }
    return 1;
}

/* Whether all tensors that a caller gives are row-major without gaps. */
static int
is_dense(const struct einc_plan *plan)
{
    const struct program *p = plan->script->program;
    for (int t = 0; t < p->n_tensors; t++)
        if (!is_row_major(&p->tensors[t]))
            return 0;
    return 1;
}

/* "cuda", or "cuda:" and what nvcc takes as -arch. */
static int
is_cuda(const char *target, const char **arch)
{
    if (strncmp(target, "cuda", 4) != 0 || (target[4] && target[4] != ':'))
        return 0;
    *arch = target[4] ? target + 5 : NULL;
    if (!*arch)
        return 1;
    size_t digits = strspn(*arch + 3 * (strncmp(*arch, "sm_", 3) == 0),
                           "0123456789");
    const char *end = *arch + 3 + digits;
    return strncmp(*arch, "sm_", 3) == 0 && digits >= 2 && digits <= 3 &&
           (!*end || ((*end == 'a' || *end == 'f') && !end[1]));
}

/* Whether some size is an argument. */
static int
is_open(const struct einc_plan *x)
{
    if (x->script)
        return x->script->program->open.n > 0;
    for (int i = 0; i < x->plan->graph->n_indices; i++)
        if (!x->plan->graph->indices[i].fixed)
            return 1;
    return 0;
}

/* Whether the stages can be functions of a file: none is run in strips, and
 * of those in C no einsum scales or adds. */
static int
is_for_files(const struct einc_plan *plan, int cuda)
{
    const struct script *x = plan->script;
    for (int s = 0; x && s < x->n_stages; s++)
        if (x->stages[s].step ||
            (!cuda && x->stages[s].kind == STAGE_CONTRACT &&
             (x->stages[s].scale != 1 || x->stages[s].adds)))
            return 0;
    return 1;
}

enum einc_status
einc_emit(const struct einc_plan *plan, const struct einc_emit_options *opts,
          einc_write_fn write, void *user, struct einc_err **err)
{
    struct einc_emit_options o;
    if (err)
        *err = NULL;
    if (!plan || !write)
        return einc_err_set(&einc_mem_default, err, EINC_EINVAL, "%s is NULL",
                            plan ? "write" : "plan");
    const struct mem *m = &plan->ctx->mem;
    if (!einc_take_struct(&o, sizeof o, opts))
        return einc_err_set(m, err, EINC_EINVAL,
                            "size of the einc_emit_options is not set");
    char own_name[NAME_ROOM];
    struct emit_style style = {.name = o.name ? o.name
                                              : name_of(plan, own_name),
                               .header = o.header,
                               .again = o.again,
                               .with_main = o.part == EINC_MAIN};
    const char *arch = NULL;
    int cuda = o.target && is_cuda(o.target, &arch);
    if (!is_identifier(style.name))
        return einc_err_set(m, err, EINC_EINVAL,
                            "the name '%s' is no free C identifier",
                            style.name);
    if (style.header && !is_file_name(style.header))
        return einc_err_set(m, err, EINC_EINVAL,
                            "the header's name cannot be included");
    if (o.target && !cuda && strcmp(o.target, "c") != 0)
        return einc_err_set(m, err, EINC_EINVAL,
                            "no target is called '%s': c, cuda, "
                            "cuda:sm_90a", o.target);
    if (o.part < EINC_SOURCE || o.part > EINC_MAIN)
        return einc_err_set(m, err, EINC_EINVAL, "no part has number %d",
                            o.part);
    int alone = cuda && !plan->script && o.part == EINC_SOURCE && !arch &&
                !style.header;
    if (cuda && !alone && is_open(plan))
        return einc_err_set(m, err, EINC_EUNSUP,
                            "a file of CUDA that launches its kernels is "
                            "written for sizes that are known: --size");
    if (!is_for_files(plan, cuda))
        return einc_err_set(m, err, EINC_EUNSUP,
                            "the plan is one to be run: compile it with "
                            "EINC_FUSE to write it");
    if (plan->script && o.part == EINC_MAIN && !is_dense(plan))
        return einc_err_set(m, err, EINC_EUNSUP,
                            "a main() of index statements is written for "
                            "dense tensors only");
    struct printing p = {
        .plan = plan, .style = &style, .part = o.part, .cuda = alone,
        .arch = cuda && !alone ? arch ? arch : "native" : NULL};
    return write_guarded(&p, emit_guarded, write, user, err);
}

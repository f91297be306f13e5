/* SPDX-License-Identifier: MIT
 *
 * plan_text.c - a plan as text that reads back, as JSON, as DOT, and the
 * dump of its path. Every printer is linear in the plan.
 */
#include "plan/plan_text.h"

#include <assert.h>

#include "base/diag.h"
#include "plan/cost.h"

/* --- pieces ------------------------------------------------------------- */

void
einc_plan_tensor_put(struct text *t, const struct plan_tensor *x)
{
    if (x->home == HOME_OUTPUT)
        einc_put_str(t, str_of("out"));
    else
        einc_put(t, "%s%d", x->home == HOME_INPUT ? "in" : "t", x->number);
}

static void
put_names(struct text *t, const struct plan *p, const struct plan_tensor *x)
{
    for (int i = 0; i < x->n_axes; i++) {
        einc_put_str(t, str_of(i ? "," : ""));
        einc_put_str(t, p->canon->indices[x->axes[i].index].name);
    }
}

/* "t1[b,j,l]" */
static void
put_tensor(struct text *t, const struct plan *p, int number)
{
    const struct plan_tensor *x = &p->tensors[number];
    einc_plan_tensor_put(t, x);
    einc_put_str(t, str_of("["));
    put_names(t, p, x);
    einc_put_str(t, str_of("]"));
}

/* "t1 = in1 * in2", with or without the indices. */
static void
put_equation(struct text *t, const struct plan *p, const struct step *s,
             int with_indices)
{
    for (int i = -1; i < s->n_in; i++) {
        int x = i < 0 ? s->out : s->in[i];
        einc_put_str(t, str_of(i < 0 ? "" : i == 0 ? " = " : " * "));
        if (with_indices)
            put_tensor(t, p, x);
        else
            einc_plan_tensor_put(t, &p->tensors[x]);
    }
}

/* The user's text on one line: control characters and backslashes escaped. */
static void
put_source(struct text *t, struct str s)
{
    int64_t from = 0;
    for (int64_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= ' ' && c != 127 && c != '\\')
            continue;
        einc_put_str(t, (struct str){s.p + from, i - from});
        from = i + 1;
        if (c == '\n' || c == '\t' || c == '\\')
            einc_put(t, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : '\\');
        else
            einc_put(t, "\\x%02x", c);
    }
    einc_put_str(t, (struct str){s.p + from, s.n - from});
}

static const char *
type_name(enum einc_dtype t)
{
    return einc_dtype_info(t)->name;
}

/* --- text --------------------------------------------------------------- */

static int
is_dense(const struct operand *o)
{
    int64_t stride = 1;
    for (int d = o->n_dims - 1; d >= 0; d--) {
        if (o->shape[d] == 0)
            return 1;
        if (o->shape[d] != 1 && o->stride[d] != stride)
            return 0;
        if (__builtin_mul_overflow(stride, o->shape[d], &stride))
            return 0;
    }
    return 1;
}

/* "f32 8x64x128", and the strides unless dense row-major. */
static void
print_layout(struct text *t, const struct operand *o)
{
    einc_put(t, " %s ", type_name(o->dtype));
    for (int d = 0; d < o->n_dims; d++)
        einc_put(t, "%s%lld", d ? "x" : "", (long long)o->shape[d]);
    einc_put_str(t, str_of(o->n_dims ? "" : "scalar"));
    for (int d = 0; !is_dense(o) && d < o->n_dims; d++)
        einc_put(t, "%s%lld", d ? "," : " stride ", (long long)o->stride[d]);
    einc_put_str(t, str_of("\n"));
}

static void
print_sizes(struct text *t, const struct graph *g)
{
    int symbolic = 0;
    einc_put_str(t, str_of(g->n_indices ? "size" : ""));
    for (int x = 0; x < g->n_indices; x++) {
        einc_put_str(t, str_of(" "));
        einc_put_str(t, g->indices[x].name);
        einc_put(t, "=%lld", (long long)g->indices[x].extent);
        symbolic |= !g->indices[x].fixed;
    }
    einc_put_str(t, str_of(g->n_indices ? "\n" : ""));
    einc_put_str(t, str_of(symbolic ? "symbolic" : ""));
    for (int x = 0; symbolic && x < g->n_indices; x++) {
        if (g->indices[x].fixed)
            continue;
        einc_put_str(t, str_of(" "));
        einc_put_str(t, g->indices[x].name);
    }
    einc_put_str(t, str_of(symbolic ? "\n" : ""));
}

/* What the caller gave: known before there are steps. */
static void
print_head(struct text *t, const struct plan *p)
{
    const struct graph *g = p->graph;
    einc_put_str(t, str_of("einsum "));
    put_source(t, g->source);
    einc_put(t, " %s\n", type_name(g->compute));
    print_sizes(t, g);
    for (int o = 0; o < g->n_in; o++) {
        einc_put(t, "operand %d", o);
        print_layout(t, &g->in[o]);
    }
    einc_put_str(t, str_of("output"));
    print_layout(t, &g->out);
}

static void
print_step(struct text *t, const struct plan *p, int i)
{
    const struct step *s = &p->steps[i];
    const struct lowering *l = einc_lowering_of(s->kind);
    einc_put(t, "step %d %s ", i + 1, l->name);
    put_equation(t, p, s, 1);
    einc_put_str(t, str_of("\n    "));
    l->print(t, p, s);
    if (s->factor != 1)
        einc_put(t, " factor %lld", (long long)s->factor);
    einc_put(t, " flop %llu\n", (unsigned long long)s->flop);
    einc_put(t, "    read_bytes %llu write_bytes %llu\n",
             (unsigned long long)s->read_bytes,
             (unsigned long long)s->write_bytes);
}

void
einc_plan_print(struct text *t, const struct plan *p)
{
    print_head(t, p);
    for (int i = 0; i < p->n_steps; i++)
        print_step(t, p, i);
    for (int i = 0; i < p->n_tensors; i++) {
        const struct plan_tensor *x = &p->tensors[i];
        if (x->home == HOME_TEMP)
            einc_put(t, "buffer t%d at_byte %lld size_bytes %lld\n",
                     x->number, (long long)x->at_byte,
                     (long long)x->size_bytes);
    }
    einc_put(t,
             "total flop %llu read_bytes %llu write_bytes %llu "
             "workspace_bytes %lld\n",
             (unsigned long long)p->flop, (unsigned long long)p->read_bytes,
             (unsigned long long)p->write_bytes,
             (long long)p->workspace_bytes);
    einc_put(t, "hash %016llx\n", (unsigned long long)p->hash);
}

/* --- path --------------------------------------------------------------- */

void
einc_plan_print_path(struct text *t, const struct plan *p)
{
    einc_put(t, "path %s flop %llu workspace_bytes %lld\n", p->finder,
             (unsigned long long)p->flop, (long long)p->workspace_bytes);
    for (int i = 0; i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        einc_put(t, "%d ", i + 1);
        put_equation(t, p, s, 0);
        einc_put(t, " flop %llu elements %llu\n", (unsigned long long)s->flop,
                 (unsigned long long)einc_cost_elements(
                     p->canon, &p->tensors[s->out]));
    }
}

/* --- JSON --------------------------------------------------------------- */

static void
json_string(struct text *t, struct str s)
{
    int64_t from = 0;
    einc_put_str(t, str_of("\""));
    for (int64_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= ' ' && c != '"' && c != '\\')
            continue;
        einc_put_str(t, (struct str){s.p + from, i - from});
        from = i + 1;
        if (c < ' ')
            einc_put(t, "\\u%04x", c);
        else
            einc_put(t, "\\%c", c);
    }
    einc_put_str(t, (struct str){s.p + from, s.n - from});
    einc_put_str(t, str_of("\""));
}

static void
json_ints(struct text *t, const char *key, const int64_t *v, int n)
{
    einc_put(t, "\"%s\": [", key);
    for (int i = 0; i < n; i++)
        einc_put(t, "%s%lld", i ? ", " : "", (long long)v[i]);
    einc_put_str(t, str_of("]"));
}

static void
json_names(struct text *t, const struct plan *p, const char *key,
           const struct plan_tensor *x)
{
    einc_put(t, "\"%s\": [", key);
    for (int i = 0; i < x->n_axes; i++) {
        einc_put_str(t, str_of(i ? ", " : ""));
        json_string(t, p->canon->indices[x->axes[i].index].name);
    }
    einc_put_str(t, str_of("]"));
}

static void
json_group(struct text *t, const struct plan *p, const char *key,
           const struct group *g)
{
    einc_put(t, "\"%s\": {\"indices\": [", key);
    for (int i = 0; i < g->n; i++) {
        einc_put_str(t, str_of(i ? ", " : ""));
        json_string(t, p->canon->indices[g->index[i]].name);
    }
    einc_put(t, "], \"extent\": %lld}", (long long)g->extent);
}

static void
json_layout(struct text *t, const struct operand *o)
{
    einc_put(t, "{\"dtype\": \"%s\", ", type_name(o->dtype));
    json_ints(t, "shape", o->shape, o->n_dims);
    einc_put_str(t, str_of(", "));
    json_ints(t, "strides", o->stride, o->n_dims);
    einc_put_str(t, str_of("}"));
}

static void
json_head(struct text *t, const struct plan *p)
{
    const struct graph *g = p->graph;
    einc_put_str(t, str_of("{\n  \"expression\": "));
    json_string(t, g->source);
    einc_put(t, ",\n  \"compute\": \"%s\",\n  \"sizes\": {",
             type_name(g->compute));
    for (int x = 0; x < g->n_indices; x++) {
        einc_put_str(t, str_of(x ? ", " : ""));
        json_string(t, g->indices[x].name);
        einc_put(t, ": %lld", (long long)g->indices[x].extent);
    }
    einc_put_str(t, str_of("},\n  \"operands\": ["));
    for (int o = 0; o < g->n_in; o++) {
        einc_put_str(t, str_of(o ? ",\n    " : "\n    "));
        json_layout(t, &g->in[o]);
    }
    einc_put_str(t, str_of("\n  ],\n  \"output\": "));
    json_layout(t, &g->out);
}

static void
json_tensor_name(struct text *t, const struct plan *p, int x)
{
    einc_put_str(t, str_of("\""));
    einc_plan_tensor_put(t, &p->tensors[x]);
    einc_put_str(t, str_of("\""));
}

static void
json_step(struct text *t, const struct plan *p, const struct step *s)
{
    einc_put(t, "    {\"kind\": \"%s\", \"inputs\": [",
             einc_lowering_of(s->kind)->name);
    for (int i = 0; i < s->n_in; i++) {
        einc_put_str(t, str_of(i ? ", " : ""));
        json_tensor_name(t, p, s->in[i]);
    }
    einc_put_str(t, str_of("], \"output\": "));
    json_tensor_name(t, p, s->out);
    einc_put_str(t, str_of(", "));
    json_names(t, p, "indices", &p->tensors[s->out]);
    einc_put_str(t, str_of(",\n     \"groups\": {"));
    json_group(t, p, s->kind == STEP_CONTRACT ? "batch" : "free", &s->b);
    if (s->kind == STEP_CONTRACT) {
        einc_put_str(t, str_of(", "));
        json_group(t, p, "m", &s->m);
        einc_put_str(t, str_of(", "));
        json_group(t, p, "n", &s->n);
    }
    if (s->kind != STEP_COPY) {
        einc_put_str(t, str_of(", "));
        json_group(t, p, s->kind == STEP_CONTRACT ? "k" : "sum", &s->k);
    }
    einc_put(t, "},\n     \"factor\": %lld, \"flop\": %llu, "
             "\"read_bytes\": %llu, \"write_bytes\": %llu}",
             (long long)s->factor, (unsigned long long)s->flop,
             (unsigned long long)s->read_bytes,
             (unsigned long long)s->write_bytes);
}

/* Step s makes value n_in + s, which is how tensors are numbered. */
static void
json_ssa_path(struct text *t, const struct plan *p)
{
    einc_put_str(t, str_of(",\n  \"ssa_path\": ["));
    for (int s = 0; s < p->n_steps; s++) {
        einc_put_str(t, str_of(s ? ", [" : "["));
        for (int i = 0; i < p->steps[s].n_in; i++)
            einc_put(t, "%s%d", i ? ", " : "", p->steps[s].in[i]);
        einc_put_str(t, str_of("]"));
    }
    einc_put_str(t, str_of("]"));
}

/* Live values before each, as prefix sums (Fenwick, 1994). */
struct ranks {
    int *sum, n;
};

static void
rank_add(struct ranks *r, int v, int by)
{
    for (int i = v + 1; i <= r->n; i += i & -i)
        r->sum[i] += by;
}

static int
rank_of(const struct ranks *r, int v)
{
    int rank = 0;
    for (int i = v; i > 0; i -= i & -i)
        rank += r->sum[i];
    return rank;
}

/* As numpy and opt_einsum have it: positions in the list of what is left, to
 * which results are appended. */
static void
json_linear_path(struct text *t, const struct plan *p)
{
    struct ranks r = {NEW(t->perm, int, p->n_tensors + 1), p->n_tensors};
    for (int v = 0; v < p->graph->n_in; v++)
        rank_add(&r, v, 1);
    einc_put_str(t, str_of(",\n  \"linear_path\": ["));
    for (int k = 0; k < p->n_steps; k++) {
        const struct step *s = &p->steps[k];
        einc_put_str(t, str_of(k ? ", [" : "["));
        for (int i = 0; i < s->n_in; i++)
            einc_put(t, "%s%d", i ? ", " : "", rank_of(&r, s->in[i]));
        for (int i = 0; i < s->n_in; i++)
            rank_add(&r, s->in[i], -1);
        rank_add(&r, s->out, 1);
        einc_put_str(t, str_of("]"));
    }
    einc_put_str(t, str_of("]"));
}

static void
json_buffers(struct text *t, const struct plan *p)
{
    int n = 0;
    einc_put_str(t, str_of(",\n  \"buffers\": ["));
    for (int i = 0; i < p->n_tensors; i++) {
        const struct plan_tensor *x = &p->tensors[i];
        if (x->home == HOME_TEMP)
            einc_put(t, "%s    {\"name\": \"t%d\", \"at_byte\": %lld, "
                     "\"size_bytes\": %lld}",
                     n++ ? ",\n" : "\n", x->number, (long long)x->at_byte,
                     (long long)x->size_bytes);
    }
    einc_put_str(t, str_of(n ? "\n  ]" : "]"));
}

void
einc_plan_print_json(struct text *t, const struct plan *p)
{
    uint64_t terms = p->error_terms < 1e18 ? (uint64_t)p->error_terms
                                           : UINT64_C(1000000000000000000);
    json_head(t, p);
    einc_put_str(t, str_of(",\n  \"steps\": [\n"));
    for (int i = 0; i < p->n_steps; i++) {
        json_step(t, p, &p->steps[i]);
        einc_put_str(t, str_of(i + 1 < p->n_steps ? ",\n" : "\n"));
    }
    einc_put_str(t, str_of("  ]"));
    json_buffers(t, p);
    einc_put(t, ",\n  \"flop\": %llu,\n  \"read_bytes\": %llu,\n"
             "  \"write_bytes\": %llu,\n  \"workspace_bytes\": %lld,\n"
             "  \"error_terms\": %llu,\n  \"finder\": \"%s\",\n"
             "  \"hash\": \"%016llx\"",
             (unsigned long long)p->flop, (unsigned long long)p->read_bytes,
             (unsigned long long)p->write_bytes,
             (long long)p->workspace_bytes, (unsigned long long)terms,
             p->finder, (unsigned long long)p->hash);
    json_ssa_path(t, p);
    json_linear_path(t, p);
    einc_put_str(t, str_of("\n}\n"));
}

/* --- DOT ---------------------------------------------------------------- */

/* A box per tensor, an ellipse per step. DOT strings escape like JSON ones,
 * but for control characters, which names do not have. */
static void
dot_tensor(struct text *t, const struct plan *p, int i)
{
    const struct plan_tensor *x = &p->tensors[i];
    einc_put_str(t, str_of("  "));
    einc_plan_tensor_put(t, x);
    einc_put_str(t, str_of(" [shape=box, label=\""));
    put_tensor(t, p, i);
    einc_put(t, "\\n%s", type_name(x->dtype));
    for (int k = 0; k < x->n_axes; k++)
        einc_put(t, "%s%lld", k ? "x" : " ",
                 (long long)p->canon->indices[x->axes[k].index].extent);
    einc_put_str(t, str_of("\"];\n"));
}

void
einc_plan_print_dot(struct text *t, const struct plan *p)
{
    einc_put_str(t, str_of("digraph plan {\n"));
    for (int i = 0; i < p->n_tensors; i++)
        dot_tensor(t, p, i);
    for (int i = 0; i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        einc_put(t, "  s%d [label=\"%d %s\\nflop %llu\"];\n", i + 1, i + 1,
                 einc_lowering_of(s->kind)->name,
                 (unsigned long long)s->flop);
        for (int k = 0; k < s->n_in; k++) {
            einc_put_str(t, str_of("  "));
            einc_plan_tensor_put(t, &p->tensors[s->in[k]]);
            einc_put(t, " -> s%d;\n", i + 1);
        }
        einc_put(t, "  s%d -> ", i + 1);
        einc_plan_tensor_put(t, &p->tensors[s->out]);
        einc_put_str(t, str_of(";\n"));
    }
    einc_put_str(t, str_of("}\n"));
}

/* --- reading: bytes ----------------------------------------------------- */

/* Lines of a text, one by one; `number` counts from 1. */
struct lines {
    const char *p, *end;
    int number;
};

static struct lines
lines_of(struct str text)
{
    return (struct lines){text.p, text.p + text.n, 0};
}

/* The next line that is not empty and not a comment. */
static int
next_line(struct lines *l, struct str *line)
{
    while (l->p < l->end) {
        const char *nl = memchr(l->p, '\n', (size_t)(l->end - l->p));
        const char *stop = nl ? nl : l->end;
        *line = (struct str){l->p, stop - l->p};
        l->p = nl ? nl + 1 : l->end;
        l->number += l->number < INT32_MAX;
        if (line->n && line->p[0] != '#')
            return 1;
    }
    return 0;
}

/* A word: up to a blank, or to the end. */
static struct str
word_at(struct str line, int64_t at)
{
    struct str w = {line.p + at, 0};
    while (at + w.n < line.n && w.p[w.n] != ' ')
        w.n++;
    return w;
}

static int
starts(struct str line, const char *word)
{
    struct str w = str_of(word);
    return line.n >= w.n && memcmp(line.p, w.p, (size_t)w.n) == 0;
}

/* --- reading: complaints ------------------------------------------------ */

enum { MAX_SHOWN = 60 };

/* At most MAX_SHOWN bytes of a text that may hold anything, for a message. */
static const char *
shown(struct arena *a, struct str s)
{
    int64_t n = s.n < MAX_SHOWN ? s.n : MAX_SHOWN;
    char *p = NEW(a, char, n + 4);
    for (int64_t i = 0; i < n; i++)
        p[i] = (unsigned char)s.p[i] < ' ' || s.p[i] == 127 ? '?' : s.p[i];
    while (s.n > n && n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    memcpy(p + n, s.n > n ? "..." : "", s.n > n ? 4 : 1);
    return p;
}

static _Noreturn void complain(struct cx *cx, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static _Noreturn void
complain(struct cx *cx, int line, const char *fmt, ...)
{
    struct text t = {.perm = cx->perm};
    va_list ap;
    va_start(ap, fmt);
    einc_putv(&t, fmt, ap);
    va_end(ap);
    einc_fail(cx, EINC_EINVAL, "E811", (struct span){-1, -1},
              "plan text line %d: %s", line, einc_text_z(&t));
}

/* --- reading: step lines ------------------------------------------------ */

/* step = "step ", number, " ", kind, " ", tensor, " = ", tensor,
 *        { " * ", tensor } ;
 * tensor = ( "in" | "t" ), number, [ list ] | "out", list ;
 * list = "[", [ name, { ",", name } ], "]" ;  the result's may not be missing
 */
struct cursor {
    struct arena *arena;
    struct str line;
    int64_t at;
    int number; /* of the line */
};

/* A tensor as written. */
struct mention {
    enum tensor_home home;
    int number;
    int has_list;
    struct str list; /* between the brackets */
    struct str all;
};

struct step_text {
    const struct lowering *lowering;
    struct mention out, in[MAX_STEP_IN];
    int n_in;
};

static int
accept(struct cursor *c, const char *literal)
{
    struct str rest = {c->line.p + c->at, c->line.n - c->at};
    if (!starts(rest, literal))
        return 0;
    c->at += str_of(literal).n;
    return 1;
}

static void
expect(struct cursor *c, const char *literal)
{
    if (!accept(c, literal))
        complain(c->arena->cx, c->number, "'%s' is missing before '%s'",
                 literal,
                 shown(c->arena, (struct str){c->line.p + c->at,
                                              c->line.n - c->at}));
}

static int
read_number(struct cursor *c)
{
    enum { MAX_NUMBER = 1000000000 };
    int64_t from = c->at, v = 0;
    for (; c->at < c->line.n; c->at++) {
        char d = c->line.p[c->at];
        if (d < '0' || d > '9' || v > MAX_NUMBER)
            break;
        v = 10 * v + (d - '0');
    }
    if (c->at == from || v > MAX_NUMBER)
        complain(c->arena->cx, c->number, "no number, or too large a one: '%s'",
                 shown(c->arena, word_at(c->line, from)));
    return (int)v;
}

static struct mention
read_mention(struct cursor *c)
{
    struct mention m = {.home = HOME_OUTPUT, .number = -1};
    int64_t from = c->at;
    if (!accept(c, "out")) {
        m.home = accept(c, "in") ? HOME_INPUT : HOME_TEMP;
        if (m.home == HOME_TEMP)
            expect(c, "t");
        m.number = read_number(c);
    }
    if (accept(c, "[")) {
        m.has_list = 1;
        m.list.p = c->line.p + c->at;
        while (c->at < c->line.n && c->line.p[c->at] != ']')
            c->at++;
        m.list.n = c->line.p + c->at - m.list.p;
        expect(c, "]");
    }
    m.all = (struct str){c->line.p + from, c->at - from};
    return m;
}

static const struct lowering *
read_kind(struct cursor *c)
{
    struct str word = word_at(c->line, c->at);
    for (const struct lowering *const *l = einc_lowerings; *l; l++)
        if (str_equal(word, str_of((*l)->name))) {
            c->at += word.n;
            return *l;
        }
    complain(c->arena->cx, c->number, "there is no kind of step '%s'",
             shown(c->arena, word));
}

static struct step_text
read_step(struct cursor *c, int expected)
{
    struct step_text r = {0};
    expect(c, "step ");
    int number = read_number(c);
    if (number != expected)
        complain(c->arena->cx, c->number, "step %d stands where step %d should",
                 number, expected);
    expect(c, " ");
    r.lowering = read_kind(c);
    expect(c, " ");
    r.out = read_mention(c);
    expect(c, " = ");
    do {
        if (r.n_in == MAX_STEP_IN)
            complain(c->arena->cx, c->number,
                     "a step reads at most %d tensors", MAX_STEP_IN);
        r.in[r.n_in++] = read_mention(c);
    } while (accept(c, " * "));
    if (c->at != c->line.n)
        expect(c, " * ");
    return r;
}

/* --- reading: what the lines mean --------------------------------------- */

struct reader {
    struct cursor c; /* at the present line */
    const struct plan *plan;
    const struct canon *canon;
    struct drafts *d;
    char *used;      /* [n_in + steps] tensors that a step has read */
    int n_live;      /* tensors that none has */
    int done;        /* the output is written */
};

/* The next name of a list; `at` moves behind its comma. */
static struct str
next_name(struct str list, int64_t *at)
{
    struct str name = {list.p + *at, 0};
    while (*at + name.n < list.n && name.p[name.n] != ',')
        name.n++;
    *at += name.n + 1;
    return name;
}

static int
count_names(struct str list)
{
    int n = list.n > 0;
    for (int64_t i = 0; i < list.n && n < INT32_MAX; i++)
        n += list.p[i] == ',';
    return n;
}

static _Noreturn void
complain_list(struct reader *r, const struct mention *m, struct legs l)
{
    struct arena *a = r->c.arena;
    struct text t = {.perm = a};
    for (int i = 0; i < l.n && t.n < MAX_SHOWN; i++) {
        einc_put_str(&t, str_of(i ? "," : ""));
        einc_put_str(&t, r->plan->canon->indices[l.index[i]].name);
    }
    complain(a->cx, r->c.number, "'%s' has other indices: [%s]",
             shown(a, m->all),
             shown(a, (struct str){einc_text_z(&t), t.n}));
}

/* Exactly these indices, in this order. */
static void
match_list(struct reader *r, const struct mention *m, struct legs l)
{
    int64_t at = 0;
    if (count_names(m->list) != l.n)
        complain_list(r, m, l);
    for (int i = 0; i < l.n; i++)
        if (!str_equal(next_name(m->list, &at),
                       r->plan->canon->indices[l.index[i]].name))
            complain_list(r, m, l);
}

/* Exactly these indices, in any order: `l` takes the order of the list. */
static void
order_list(struct reader *r, const struct mention *m, struct legs l)
{
    int64_t at = 0;
    if (count_names(m->list) != l.n)
        complain_list(r, m, l);
    for (int i = 0; i < l.n; i++) {
        struct str name = next_name(m->list, &at);
        int k = i;
        while (k < l.n &&
               !str_equal(name, r->plan->canon->indices[l.index[k]].name))
            k++;
        if (k == l.n)
            complain_list(r, m, l);
        int x = l.index[k];
        l.index[k] = l.index[i];
        l.index[i] = x;
    }
}

/* The tensor that a step reads; it must be there and not used up. */
static int
find_input(struct reader *r, const struct mention *m)
{
    int n = r->plan->graph->n_in, t = m->number;
    int limit = m->home == HOME_INPUT ? n : n + r->d->n;
    if (m->home == HOME_TEMP)
        t = m->number + n - 1;
    int known = m->home != HOME_OUTPUT && t < limit &&
                (m->home == HOME_INPUT || t >= n);
    if (!known || r->used[t])
        complain(r->c.arena->cx, r->c.number, "'%s' is %s",
                 shown(r->c.arena, m->all),
                 known ? "read by an earlier step" : "not there");
    r->used[t] = 1;
    r->n_live--;
    if (m->has_list)
        match_list(r, m, r->d->legs[t]);
    return t;
}

static void
check_result(struct reader *r, const struct mention *m)
{
    struct cx *cx = r->c.arena->cx;
    int last = m->home == HOME_OUTPUT;
    const char *name = shown(r->c.arena, m->all);
    if (m->home == HOME_INPUT)
        complain(cx, r->c.number, "a step cannot write '%s'", name);
    if (!last && m->number != r->d->n + 1)
        complain(cx, r->c.number, "'%s' should be t%d", name, r->d->n + 1);
    if (!m->has_list)
        complain(cx, r->c.number, "'%s' needs its indices in brackets", name);
    if (last && r->n_live)
        complain(cx, r->c.number,
                 "'out' is written while %d tensors wait for a step",
                 r->n_live);
}

static void
add_step(struct reader *r, const struct step_text *s)
{
    int in[MAX_STEP_IN], last = s->out.home == HOME_OUTPUT;
    if (r->done)
        complain(r->c.arena->cx, r->c.number,
                 "a step after the one that writes 'out'");
    for (int i = 0; i < s->n_in; i++)
        in[i] = find_input(r, &s->in[i]);
    check_result(r, &s->out);
    einc_drafts_add(r->d, (int)s->lowering->kind, in, s->n_in, last);
    struct draft *d = &r->d->list[r->d->n - 1];
    if (last)
        match_list(r, &s->out, d->kept);
    else
        order_list(r, &s->out, d->kept);
    d->ordered = 1;
    r->n_live++;
    r->done = last;
}

static void check_head(struct arena scratch, struct str text,
                       const struct plan *p);

void
einc_plan_read(struct arena *a, struct str text, const struct plan *p,
               const struct canon *c, struct drafts *d)
{
    struct lines l = lines_of(text);
    struct str line;
    struct reader r = {.c = {.arena = a}, .plan = p, .canon = c, .d = d};
    int64_t n = p->graph->n_in;
    check_head(*a, text, p);
    if (c->empty)
        return;
    for (int64_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    r.used = NEW(a, char, n + 1);
    r.n_live = p->graph->n_in;
    while (next_line(&l, &line)) {
        if (!starts(line, "step "))
            continue;
        r.c.line = line;
        r.c.at = 0;
        r.c.number = l.number;
        struct step_text s = read_step(&r.c, d->n + 1);
        add_step(&r, &s);
    }
    if (!r.done)
        complain(a->cx, l.number, "no step writes 'out'");
}

/* --- reading: the lines that follow ------------------------------------- */

/* What tells a line from others: its first word, with the number that follows
 * it where there are several; of an indented line the part before "{" or a
 * blank. */
static struct str
key_of(struct str line)
{
    int64_t from = 0;
    while (from < line.n && line.p[from] == ' ')
        from++;
    struct str k = word_at(line, from);
    if (from) {
        const char *brace = memchr(k.p, '{', (size_t)k.n);
        return (struct str){k.p, brace ? brace - k.p : k.n};
    }
    if (starts(line, "step ") || starts(line, "operand ") ||
        starts(line, "buffer "))
        k.n += 1 + word_at(line, k.n + 1).n;
    return k;
}

static int
is_indented(struct str line)
{
    return line.n && line.p[0] == ' ';
}

static int64_t
word_start(struct str line, int64_t at)
{
    while (at > 0 && line.p[at - 1] != ' ')
        at--;
    return at;
}

/* Names the first words that differ, with the word before if that is their
 * name: "flop 5". */
static _Noreturn void
complain_line(struct arena *a, int number, struct str got, struct str want)
{
    int64_t i = 0;
    while (i < got.n && i < want.n && got.p[i] == want.p[i])
        i++;
    i = word_start(got, i);
    int64_t from = i > 0 ? word_start(got, i - 1) : 0;
    if (memchr(got.p + from, '=', (size_t)(i - from)))
        from = i;
    struct str g = {got.p + from, i + word_at(got, i).n - from};
    struct str w = {want.p + from, i + word_at(want, i).n - from};
    complain(a->cx, number, "it says '%s', but '%s' follows from the graph",
             shown(a, g), shown(a, w));
}

/* Finds in `want`, from where it stands on, the line of the same key. */
static int
find_same(struct lines *want, struct str line, struct str *found)
{
    struct str key = key_of(line);
    while (next_line(want, found)) {
        if (is_indented(line) && !is_indented(*found))
            return 0;
        if (is_indented(line) == is_indented(*found) &&
            str_equal(key, key_of(*found)))
            return 1;
    }
    return 0;
}

/* Every line of `text` that is not a step's must stand in `true_text`, in the
 * same order. `head`: stop at the first step. */
static void
compare(struct arena scratch, struct str text, struct str true_text, int head)
{
    struct lines got = lines_of(text), want = lines_of(true_text);
    struct str g, w;
    while (next_line(&got, &g)) {
        if (head && starts(g, "step "))
            return;
        if (!find_same(&want, g, &w))
            complain(scratch.cx, got.number, "'%s' is not a line of this plan",
                     shown(&scratch, g));
        if (!starts(g, "step ") && !str_equal(g, w))
            complain_line(&scratch, got.number, g, w);
    }
}

static void
check_head(struct arena scratch, struct str text, const struct plan *p)
{
    struct text t = {.perm = &scratch};
    print_head(&t, p);
    compare(scratch, text, (struct str){einc_text_z(&t), t.n}, 1);
}

void
einc_plan_check(struct arena scratch, struct str text, const struct plan *p)
{
    struct text t = {.perm = &scratch};
    einc_plan_print(&t, p);
    compare(scratch, text, (struct str){einc_text_z(&t), t.n}, 0);
}

/* SPDX-License-Identifier: MIT
 *
 * plan_read.c - see plan_text.h: reading what plan_text.c printed.
 */
#include "plan/plan_text.h"

#include "base/diag.h"

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
        r.done |= c->empty;
        if (c->empty)
            continue; /* einc_plan_check() compares it with the only one */
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

/* Modelled times and scratch are of a machine, not of the plan. */
static int
is_of_machine(struct str line)
{
    return str_equal(key_of(line), str_of("model_ns")) ||
           str_equal(key_of(line), str_of("peak_bytes"));
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
        if (is_of_machine(g))
            continue;
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
    einc_plan_print_head(&t, p);
    compare(scratch, text, (struct str){einc_text_z(&t), t.n}, 1);
}

void
einc_plan_check(struct arena scratch, struct str text, const struct plan *p)
{
    struct text t = {.perm = &scratch};
    einc_plan_print(&t, p, NULL);
    compare(scratch, text, (struct str){einc_text_z(&t), t.n}, 0);
}

/* SPDX-License-Identifier: MIT
 *
 * parse_program.c - a form B text -> struct tree_program; see tree.h. The
 * grammar rule stands above each function. A fault is reported once, what is
 * left of its statement is skipped, and the next one is read.
 */
#include "parse/tree.h"

#include <math.h>
#include <stdlib.h>

#include "parse/lex_program.h"

enum {
    MAX_TEXT = 1 << 30, /* bytes; places in it are int32_t */
    HINT_TEXT = 2000,   /* bytes of the longest text that hints are tried on */
    SHOWN = 40          /* columns of user's text in a message */
};

struct parser {
    struct cx *cx;
    struct arena *perm;
    struct arena scratch;
    struct lexer lexer;
    struct symbol sym;
    int32_t last_end;           /* where the symbol before `sym` ends */
    int failed;                 /* in this statement: `sym` is SYM_END then,
                                 * so that every rule returns at once */
    int depth;                  /* of the rules that are being read */
    const struct tree *nothing; /* stands for what could not be read */
    struct tree_program *program;
};

static void
advance(struct parser *p)
{
    if (p->failed)
        return;
    p->last_end = p->sym.at.end;
    p->sym = einc_lex_program(&p->lexer);
}

static struct str
text_at(const struct parser *p, struct span at)
{
    return (struct str){p->program->source.p + at.begin, at.end - at.begin};
}

static const char *
show(const struct parser *p, struct span at)
{
    return einc_diag_show(p->cx, text_at(p, at), SHOWN);
}

static int
is_word(const struct parser *p, const char *word)
{
    return p->sym.kind == SYM_NAME
           && str_equal(text_at(p, p->sym.at), str_of(word));
}

/* The symbol after `sym`. */
static enum symbol_kind
peek(const struct parser *p)
{
    struct lexer ahead = p->lexer;
    return p->failed ? SYM_END : einc_lex_program(&ahead).kind;
}

/* --- diagnostics ---------------------------------------------------------- */

static void
try_text(struct arena *perm, struct arena scratch, void *arg)
{
    einc_parse_program(perm, scratch, *(const struct str *)arg);
}

/* Hints with `words` at the text in which `with` stands at `at`, if that
 * parses; returns whether it does. */
__attribute__((format(printf, 5, 6)))
static int
propose(struct parser *p, struct diag *d, struct span at, const char *with,
        const char *words, ...)
{
    if (p->program->source.n > HINT_TEXT)
        return 0;
    struct edit edit = {at, str_of(with)};
    struct arena scratch = p->scratch;
    struct str text = einc_diag_edited(&scratch, p->program->source, &edit, 1);
    if (!einc_diag_try(scratch, try_text, &text))
        return 0;
    struct text t = {.perm = p->cx->perm};
    va_list ap;
    va_start(ap, words);
    einc_putv(&t, words, ap);
    va_end(ap);
    einc_diag_hint(p->cx, d, "%s", einc_text_z(&t));
    return 1;
}

/* Reports the fault of this statement, with one bare caret, and lets go of
 * the rest of it. Only while there is none. */
__attribute__((format(printf, 4, 5)))
static struct diag *
complain(struct parser *p, const char *code, struct span at, const char *fmt,
         ...)
{
    struct text t = {.perm = p->cx->perm};
    va_list ap;
    va_start(ap, fmt);
    einc_putv(&t, fmt, ap);
    va_end(ap);
    struct diag *d =
        einc_diag_add(p->cx, EINC_EPARSE, code, "%s", einc_text_z(&t));
    einc_diag_mark(p->cx, d, at, -1, -1, "%s", "");
    p->failed = 1;
    p->sym.kind = SYM_END;
    return d;
}

static const char *
found(const struct parser *p)
{
    struct text t = {.perm = p->cx->perm};
    if (p->sym.kind == SYM_END)
        return "the end";
    einc_put(&t, "'%s'", show(p, p->sym.at));
    return einc_text_z(&t);
}

/* The symbol is not what the grammar wants, which `expected` says. */
static void
unexpected(struct parser *p, const char *expected)
{
    if (!p->failed)
        complain(p, "E210", p->sym.at, "expected %s, found %s", expected,
                 found(p));
}

/* --- words ---------------------------------------------------------------- */

static const char *const redops[N_REDOPS] = {
    [REDOP_SUM] = "sum", [REDOP_PROD] = "prod", [REDOP_MAX] = "max",
    [REDOP_MIN] = "min", [REDOP_MEAN] = "mean", [REDOP_ANY] = "any",
    [REDOP_ALL] = "all", [REDOP_COUNT] = "count", [REDOP_ARGMAX] = "argmax",
    [REDOP_ARGMIN] = "argmin", [REDOP_LOGSUMEXP] = "logsumexp",
    [REDOP_SOFTMAX] = "softmax", [REDOP_KMIN] = "kmin", [REDOP_KMAX] = "kmax",
    [REDOP_ARGKMIN] = "argkmin", [REDOP_ARGKMAX] = "argkmax",
    [REDOP_SOFTMAX0] = "softmax0",
};

const char *
einc_tree_redop_name(enum redop r)
{
    return redops[r];
}

enum redop
einc_tree_redop_named(struct str name)
{
    int r = 0;
    while (r < N_REDOPS && !str_equal(name, str_of(redops[r])))
        r++;
    return (enum redop)r;
}

static const char *const constants[] = {"inf", "nan", "pi", "true", "false"};
static const char *const words[] = {"if", "where", "in", "kernel", "inout"};

static int
is_among(struct str name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_equal(name, str_of(list[i])))
            return 1;
    return 0;
}

static int
is_constant(struct str name)
{
    return is_among(name, constants, sizeof constants / sizeof *constants);
}

static int
is_reserved(struct str name)
{
    return is_constant(name)
           || is_among(name, words, sizeof words / sizeof *words);
}

/* --- symbols -------------------------------------------------------------- */

/* Goes past a symbol of that kind, or complains that it is not there. */
static void
expect(struct parser *p, enum symbol_kind kind, const char *expected)
{
    if (p->sym.kind == kind && !p->failed)
        advance(p);
    else
        unexpected(p, expected);
}

static int
accept(struct parser *p, enum symbol_kind kind)
{
    if (p->sym.kind != kind || p->failed)
        return 0;
    advance(p);
    return 1;
}

static void
expect_word(struct parser *p, const char *word, const char *expected)
{
    if (is_word(p, word))
        advance(p);
    else
        unexpected(p, expected);
}

/* A name that the text makes up for `what`: no reserved word. */
static struct str
expect_name(struct parser *p, const char *what, struct span *at)
{
    *at = p->sym.at;
    struct str name = text_at(p, p->sym.at);
    if (p->sym.kind != SYM_NAME) {
        unexpected(p, what);
    } else if (is_reserved(name)) {
        complain(p, "E707", p->sym.at, "'%s' is reserved; it cannot be %s",
                 show(p, p->sym.at), what);
    } else {
        advance(p);
        return name;
    }
    return (struct str){"", 0};
}

/* --- lists and nodes ------------------------------------------------------ */

/* Room for one element more after `n`: arrays double at powers of 2. */
#define GROW(p, list, t, n)                                                   \
    do {                                                                      \
        if (((n) & ((n) - 1)) == 0) {                                         \
            t *more_ = NEW((p)->perm, t, (n) ? 2 * (int64_t)(n) : 1);         \
            if (n)                                                            \
                memcpy(more_, (list), (size_t)(n) * sizeof *more_);           \
            (list) = more_;                                                   \
        }                                                                     \
    } while (0)

struct list {
    const struct tree **p;
    int n;
};

static void
add(struct parser *p, struct list *l, const struct tree *x)
{
    GROW(p, l->p, const struct tree *, l->n);
    l->p[l->n++] = x;
}

static struct tree *
new_tree(struct parser *p, enum tree_kind kind, struct span name_at)
{
    struct tree *x = NEW(p->perm, struct tree, 1);
    x->kind = kind;
    x->at = x->name_at = name_at;
    return x;
}

static _Noreturn void
too_deep(struct parser *p, struct span at)
{
    einc_fail(p->cx, EINC_ELIMIT, "E806", at,
              "the expression nests deeper than %d levels", MAX_HEIGHT);
}

/* x ends where the last symbol did, and is higher than `below`. */
static void
put_on(struct parser *p, struct tree *x, const struct tree *below)
{
    if (below && x->height <= below->height)
        x->height = below->height + 1;
    if (x->height > MAX_HEIGHT)
        too_deep(p, x->name_at);
}

static const struct tree *
finish(struct parser *p, struct tree *x, int32_t begin)
{
    x->at = (struct span){begin, p->last_end};
    x->height = 1;
    for (int i = 0; i < x->n_args; i++)
        put_on(p, x, x->args[i]);
    for (int i = 0; i < x->n_bounds; i++) {
        put_on(p, x, x->bounds[i].lo);
        put_on(p, x, x->bounds[i].hi);
    }
    put_on(p, x, x->guard);
    put_on(p, x, x->most);
    return x;
}

static const struct tree *
new_op(struct parser *p, enum fn fn, struct span at, int32_t begin,
       struct list args)
{
    struct tree *x = new_tree(p, TREE_OP, at);
    x->fn = fn;
    x->args = args.p;
    x->n_args = args.n;
    return finish(p, x, begin);
}

/* --- numbers -------------------------------------------------------------- */

/* The value of a SYM_FLOAT. The point is left out of what strtod() reads, and
 * counted in the exponent: which sign it is depends on the locale. */
static double
read_float(struct parser *p, struct str s)
{
    struct arena scratch = p->scratch;
    char *digits = NEW(&scratch, char, s.n + 24);
    int64_t n = 0, at = 0, shift = 0, exponent = 0;
    for (int point = 0; at < s.n && (s.p[at] | 32) != 'e'; at++) {
        if (s.p[at] == '.') {
            point = 1;
        } else {
            digits[n++] = s.p[at];
            shift += point;
        }
    }
    int negative = at + 1 < s.n && s.p[at + 1] == '-';
    for (at++; at < s.n; at++)
        if (s.p[at] >= '0' && s.p[at] <= '9' && exponent < INT32_MAX)
            exponent = 10 * exponent + (s.p[at] - '0');
    exponent = (negative ? -exponent : exponent) - shift;
    struct text t = {.perm = &scratch};
    einc_put(&t, "%se%lld", digits, (long long)exponent);
    return strtod(einc_text_z(&t), NULL);
}

static const struct tree *
parse_float(struct parser *p)
{
    struct tree *x = new_tree(p, TREE_NUMBER, p->sym.at);
    x->number = read_float(p, text_at(p, p->sym.at));
    x->height = 1;
    if (isinf(x->number)) {
        struct span at = p->sym.at;
        struct diag *d = complain(p, "E107", at, "'%s' is beyond the largest"
                                  " number of type f64", show(p, at));
        propose(p, d, at, "inf", "write 'inf'");
    }
    advance(p);
    return x;
}

static const struct tree *
parse_integer(struct parser *p)
{
    struct tree *x = new_tree(p, TREE_NUMBER, p->sym.at);
    struct str s = text_at(p, p->sym.at);
    int fits = 1;
    for (int64_t i = 0; i < s.n && fits; i++)
        fits = !__builtin_mul_overflow(x->integer, 10, &x->integer)
               && !__builtin_add_overflow(x->integer, s.p[i] - '0',
                                          &x->integer);
    x->number = (double)x->integer;
    x->is_integer = 1;
    x->height = 1;
    if (!fits) {
        struct span at = p->sym.at, end = {at.end, at.end};
        struct diag *d = complain(p, "E107", at, "the integer '%s' does not"
                                  " fit into 64 bits", show(p, at));
        propose(p, d, end, ".0", "write '%s.0', a number of a float type",
                show(p, at));
    }
    advance(p);
    return x;
}

static const struct tree *
parse_constant(struct parser *p, struct str name)
{
    struct tree *x = new_tree(p, TREE_NUMBER, p->sym.at);
    x->is_bool = name.p[0] == 't' || name.p[0] == 'f';
    x->integer = name.p[0] == 't';
    x->number = name.p[0] == 'i'   ? (double)INFINITY
                : name.p[0] == 'n' ? (double)NAN
                : name.p[0] == 'p' ? 3.14159265358979323846
                                   : (double)x->integer;
    x->height = 1;
    advance(p);
    return x;
}

/* --- expressions ---------------------------------------------------------- */

static const struct tree *parse_expr(struct parser *p);
static const struct tree *parse_sum(struct parser *p);
static const struct tree *parse_unary(struct parser *p);

/* expr, { ",", expr } ; up to `close` */
static struct list
parse_list(struct parser *p, const struct tree *(*item)(struct parser *),
           enum symbol_kind close, const char *expected)
{
    struct list l = {0};
    if (accept(p, close))
        return l;
    do
        add(p, &l, item(p));
    while (accept(p, SYM_COMMA));
    expect(p, close, expected);
    return l;
}

/* Whether a call has the form of a bound mode. */
static int
is_mode(const struct tree *x, enum bound_mode *mode)
{
    static const struct {
        const char *name;
        enum bound_mode mode;
    } modes[] = {{"pad", BOUND_PAD}, {"clamp", BOUND_CLAMP},
                 {"wrap", BOUND_WRAP}, {"reflect", BOUND_REFLECT}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (x->kind == TREE_CALL && str_equal(x->name, str_of(modes[i].name))
            && (modes[i].mode != BOUND_CLAMP || x->n_args == 1)) {
            *mode = modes[i].mode;
            return 1;
        }
    return 0;
}

/* sub = expr | ( "pad" | "clamp" | "wrap" | "reflect" ), "(", expr,
 *       { ",", expr }, ")" ; */
static const struct tree *
parse_sub(struct parser *p)
{
    int32_t begin = p->sym.at.begin;
    const struct tree *x = parse_expr(p);
    enum bound_mode mode;
    /* One in parentheses begins later. */
    if (p->failed || x->at.begin != begin || !is_mode(x, &mode))
        return x;
    if (mode == BOUND_PAD ? x->n_args < 2 || x->n_args > 3 : x->n_args != 1)
        complain(p, "E212", x->at, "'%s' takes %s", show(p, x->name_at),
                 mode == BOUND_PAD
                     ? "a position and how far it may be outside:"
                       " pad(e, lo) or pad(e, lo, hi)"
                     : "one position");
    struct tree *y = NEW(p->perm, struct tree, 1);
    *y = *x;
    y->kind = TREE_MODE;
    y->mode = mode;
    return y;
}

/* access = name, "[", [ sub, { ",", sub } ], "]" ; */
static const struct tree *
parse_access(struct parser *p)
{
    struct tree *x = new_tree(p, TREE_ACCESS, p->sym.at);
    x->name = text_at(p, p->sym.at);
    advance(p);
    advance(p);
    struct list l = parse_list(p, parse_sub, SYM_CLOSE_BRACKET, "',' or ']'");
    x->args = l.p;
    x->n_args = l.n;
    return finish(p, x, x->name_at.begin);
}

/* call = name, "(", [ expr, { ",", expr } ], ")" ; */
static const struct tree *
parse_call(struct parser *p)
{
    struct tree *x = new_tree(p, TREE_CALL, p->sym.at);
    x->name = text_at(p, p->sym.at);
    advance(p);
    advance(p);
    struct list l = parse_list(p, parse_expr, SYM_CLOSE_PAREN, "',' or ')'");
    x->args = l.p;
    x->n_args = l.n;
    return finish(p, x, x->name_at.begin);
}

/* bound = name, [ "in", add, ":", add ] ; */
static struct tree_bound
parse_bound(struct parser *p, int has_range)
{
    struct tree_bound b = {0};
    b.name = expect_name(p, "the name of an index", &b.at);
    if (!has_range && !is_word(p, "in"))
        return b;
    expect_word(p, "in", "'in' and a range");
    b.lo = parse_sum(p);
    expect(p, SYM_COLON, "':' and the end of the range");
    b.hi = parse_sum(p);
    return b;
}

/* "[", bound, { ",", bound }, [ "->", name, ":", add ], "]" */
static void
parse_bounds(struct parser *p, struct tree *x)
{
    x->has_list = 1;
    do {
        GROW(p, x->bounds, struct tree_bound, x->n_bounds);
        x->bounds[x->n_bounds++] = parse_bound(p, 0);
    } while (accept(p, SYM_COMMA));
    if (accept(p, SYM_ARROW)) {
        x->best = expect_name(p, "the name of an index", &x->best_at);
        expect(p, SYM_COLON, "':' and how many");
        x->most = parse_sum(p);
        expect(p, SYM_CLOSE_BRACKET, "']'");
    } else {
        expect(p, SYM_CLOSE_BRACKET,
               x->bounds[x->n_bounds - 1].lo ? "',', '->' or ']'"
                                             : "'in', ',', '->' or ']'");
    }
}

/* reduce = redop, [ "[", ..., "]" ], "(", expr, [ "if", expr ], ")" ; */
static const struct tree *
parse_reduce(struct parser *p, enum redop redop)
{
    struct tree *x = new_tree(p, TREE_REDUCE, p->sym.at);
    x->name = text_at(p, p->sym.at);
    x->redop = redop;
    advance(p);
    if (accept(p, SYM_OPEN_BRACKET))
        parse_bounds(p, x);
    expect(p, SYM_OPEN_PAREN, "'(' and what is reduced");
    struct list body = {0};
    add(p, &body, parse_expr(p));
    x->args = body.p;
    x->n_args = body.n;
    if (is_word(p, "if")) {
        advance(p);
        x->guard = parse_expr(p);
    }
    expect(p, SYM_CLOSE_PAREN, x->guard ? "')'" : "'if' or ')'");
    return finish(p, x, x->name_at.begin);
}

static const struct tree *
parse_named(struct parser *p)
{
    struct str name = text_at(p, p->sym.at);
    enum symbol_kind next = peek(p);
    enum redop redop = einc_tree_redop_named(name);
    if (redop != N_REDOPS
        && (next == SYM_OPEN_BRACKET || next == SYM_OPEN_PAREN))
        return parse_reduce(p, redop);
    if (is_constant(name) && next != SYM_OPEN_BRACKET
        && next != SYM_OPEN_PAREN)
        return parse_constant(p, name);
    if (!is_reserved(name) && next == SYM_OPEN_BRACKET)
        return parse_access(p);
    if (!is_reserved(name) && next == SYM_OPEN_PAREN)
        return parse_call(p);
    struct tree *x = new_tree(p, TREE_NAME, p->sym.at);
    x->name = expect_name(p, "a value", &x->at);
    x->height = 1;
    return x;
}

/* primary = number | name | access | call | reduce | "(", expr, ")" ; */
static const struct tree *
parse_primary(struct parser *p)
{
    const struct tree *x = p->nothing;
    switch (p->sym.kind) {
    case SYM_INTEGER:
        return parse_integer(p);
    case SYM_FLOAT:
        return parse_float(p);
    case SYM_NAME:
        return parse_named(p);
    case SYM_OPEN_PAREN:
        advance(p);
        x = parse_expr(p);
        expect(p, SYM_CLOSE_PAREN, "')'");
        return x;
    default:
        unexpected(p, "a value");
        return x;
    }
}

/* unary = ( "-" | "!" ), unary | primary, [ "^", unary ] ; every cycle of
 * rules comes through here, or through parse_expr(). */
static const struct tree *
parse_unary(struct parser *p)
{
    struct symbol op = p->sym;
    struct list args = {0};
    if (++p->depth > MAX_HEIGHT)
        too_deep(p, op.at);
    const struct tree *x;
    if (op.kind == SYM_SUB || op.kind == SYM_NOT) {
        advance(p);
        add(p, &args, parse_unary(p));
        x = new_op(p, op.kind == SYM_SUB ? FN_NEG : FN_NOT, op.at,
                   op.at.begin, args);
    } else {
        x = parse_primary(p);
        struct span at = p->sym.at;
        if (accept(p, SYM_POW)) {
            add(p, &args, x);
            add(p, &args, parse_unary(p));
            x = new_op(p, FN_POW, at, op.at.begin, args);
        }
    }
    p->depth--;
    return x;
}

enum level { LEVEL_OR, LEVEL_AND, LEVEL_CMP, LEVEL_ADD, LEVEL_MUL };

static const struct binary {
    enum symbol_kind kind;
    enum fn fn;
    enum level level;
} binaries[] = {
    {SYM_OR, FN_OR, LEVEL_OR}, {SYM_AND, FN_AND, LEVEL_AND},
    {SYM_LT, FN_LT, LEVEL_CMP}, {SYM_LE, FN_LE, LEVEL_CMP},
    {SYM_GT, FN_GT, LEVEL_CMP}, {SYM_GE, FN_GE, LEVEL_CMP},
    {SYM_EQ, FN_EQ, LEVEL_CMP}, {SYM_NE, FN_NE, LEVEL_CMP},
    {SYM_ADD, FN_ADD, LEVEL_ADD}, {SYM_SUB, FN_SUB, LEVEL_ADD},
    {SYM_MUL, FN_MUL, LEVEL_MUL}, {SYM_DIV, FN_DIV, LEVEL_MUL},
    {SYM_MOD, FN_MOD, LEVEL_MUL},
};

static const struct binary *
find_binary(enum symbol_kind kind)
{
    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++)
        if (binaries[i].kind == kind)
            return &binaries[i];
    return NULL;
}

/* or = and, { "||", and } ; and so on, down to mul: `level` and those that
 * bind closer, each to the left. */
static const struct tree *
parse_binary(struct parser *p, enum level level)
{
    int32_t begin = p->sym.at.begin;
    const struct tree *x = parse_unary(p);
    const struct binary *b;
    while ((b = find_binary(p->sym.kind)) != NULL && b->level >= level) {
        struct span at = p->sym.at;
        struct list args = {0};
        advance(p);
        add(p, &args, x);
        add(p, &args, parse_binary(p, (enum level)(b->level + 1)));
        x = new_op(p, b->fn, at, begin, args);
        const struct binary *next = find_binary(p->sym.kind);
        if (b->level == LEVEL_CMP && next && next->level == LEVEL_CMP) {
            complain(p, "E213", p->sym.at, "comparisons do not chain");
            break;
        }
    }
    return x;
}

/* add, the level of the ends of ranges: ":" is not that of "?:" */
static const struct tree *
parse_sum(struct parser *p)
{
    return parse_binary(p, LEVEL_ADD);
}

/* expr = or, [ "?", expr, ":", expr ] ; */
static const struct tree *
parse_expr(struct parser *p)
{
    struct list args = {0};
    int32_t begin = p->sym.at.begin;
    const struct tree *x = parse_binary(p, LEVEL_OR);
    struct span at = p->sym.at;
    if (!accept(p, SYM_QUESTION))
        return x;
    if (++p->depth > MAX_HEIGHT)
        too_deep(p, at);
    add(p, &args, x);
    add(p, &args, parse_expr(p));
    expect(p, SYM_COLON, "':' and the other value");
    add(p, &args, parse_expr(p));
    p->depth--;
    return new_op(p, FN_SELECT, at, begin, args);
}

/* --- statements ----------------------------------------------------------- */

/* lhs = name, "[", [ sub, { ",", sub } ], "]" ; */
static const struct tree *
parse_left(struct parser *p)
{
    struct span at;
    enum symbol_kind next = peek(p);
    if (p->sym.kind == SYM_NAME && next == SYM_OPEN_BRACKET
        && einc_tree_redop_named(text_at(p, p->sym.at)) == N_REDOPS
        && !is_reserved(text_at(p, p->sym.at)))
        return parse_access(p);
    expect_name(p, "the name of a tensor", &at);
    expect(p, SYM_OPEN_BRACKET, "'[' and the indices of the result");
    return p->nothing;
}

/* assign = "=" | "+=" | "*=" | "max=" | "min=" ; */
static enum assign
parse_assign(struct parser *p)
{
    static const struct {
        enum symbol_kind kind;
        enum assign op;
    } ops[] = {{SYM_SET, ASSIGN_SET}, {SYM_SET_ADD, ASSIGN_ADD},
               {SYM_SET_MUL, ASSIGN_MUL}, {SYM_SET_MAX, ASSIGN_MAX},
               {SYM_SET_MIN, ASSIGN_MIN}};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (accept(p, ops[i].kind))
            return ops[i].op;
    unexpected(p, "'=', '+=', '*=', 'max=' or 'min='");
    return ASSIGN_SET;
}

/* stmt = lhs, assign, expr, [ "where", range, { ",", range } ] ; */
static struct tree_stmt
parse_stmt(struct parser *p)
{
    struct tree_stmt s = {.at = p->sym.at};
    s.left = parse_left(p);
    s.op_at = p->sym.at;
    s.op = parse_assign(p);
    s.right = parse_expr(p);
    if (is_word(p, "where")) {
        advance(p);
        do {
            GROW(p, s.where, struct tree_bound, s.n_where);
            s.where[s.n_where++] = parse_bound(p, 1);
        } while (accept(p, SYM_COMMA));
    }
    s.at.end = p->last_end;
    if (p->sym.kind != SYM_SEMICOLON && p->sym.kind != SYM_END)
        unexpected(p, s.n_where ? "',' or ';'" : "an operator or ';'");
    return s;
}

/* --- the header ----------------------------------------------------------- */

/* extent = name | integer */
static const struct tree *
parse_extent(struct parser *p)
{
    if (p->sym.kind == SYM_INTEGER)
        return parse_integer(p);
    struct tree *x = new_tree(p, TREE_NAME, p->sym.at);
    x->name = expect_name(p, "an extent: a name or an integer", &x->at);
    x->height = 1;
    return x;
}

static enum einc_dtype
dtype_named(struct str name)
{
    for (int t = EINC_BOOL; einc_dtype_valid(t); t++)
        if (str_equal(name, str_of(einc_dtype_info((enum einc_dtype)t)->name)))
            return (enum einc_dtype)t;
    return EINC_DTYPE_NONE;
}

/* decl = [ "inout" ], name, "[", [ extent, { ",", extent } ], "]",
 *        [ ":", dtype ] ; */
static struct tree_decl
parse_decl(struct parser *p)
{
    struct tree_decl d = {0};
    int32_t begin = p->sym.at.begin;
    if (is_word(p, "inout")) {
        d.inout = 1;
        advance(p);
    }
    d.name = expect_name(p, "the name of a tensor", &d.at);
    expect(p, SYM_OPEN_BRACKET, "'[' and the extents");
    struct list l =
        parse_list(p, parse_extent, SYM_CLOSE_BRACKET, "',' or ']'");
    d.extents = l.p;
    d.n_extents = l.n;
    if (accept(p, SYM_COLON)) {
        d.dtype = p->sym.kind == SYM_NAME ? dtype_named(text_at(p, p->sym.at))
                                          : EINC_DTYPE_NONE;
        if (d.dtype)
            advance(p);
        else
            unexpected(p, "a type, such as f32,");
    }
    d.at = (struct span){begin, p->last_end};
    return d;
}

/* "(", decl, { ",", decl }, ")" */
static int
parse_decls(struct parser *p, struct tree_decl **decls, int may_be_empty)
{
    int n = 0;
    expect(p, SYM_OPEN_PAREN, "'(' and declarations");
    if (may_be_empty && accept(p, SYM_CLOSE_PAREN))
        return 0;
    do {
        GROW(p, *decls, struct tree_decl, n);
        (*decls)[n++] = parse_decl(p);
    } while (accept(p, SYM_COMMA));
    expect(p, SYM_CLOSE_PAREN, "',' or ')'");
    return n;
}

/* header = "kernel", name, "(", [ decl, { ",", decl } ], ")", "->",
 *          "(", decl, { ",", decl }, ")", ":" ; */
static void
parse_header(struct parser *p)
{
    struct tree_program *g = p->program;
    struct span at;
    advance(p);
    g->kernel = expect_name(p, "the name of a kernel", &at);
    g->n_in = parse_decls(p, &g->in, 1);
    expect(p, SYM_ARROW, "'->' and the outputs");
    g->n_out = parse_decls(p, &g->out, 0);
    expect(p, SYM_COLON, "':' and statements");
}

/* --- the whole ------------------------------------------------------------ */

/* After a fault: on to the next ";". */
static void
recover(struct parser *p)
{
    if (!p->failed)
        return;
    p->failed = 0;
    p->depth = 0;
    do
        p->sym = einc_lex_program(&p->lexer);
    while (p->sym.kind != SYM_SEMICOLON && p->sym.kind != SYM_END);
}

/* program = [ header ], stmt, { ";", stmt }, [ ";" ] ; */
static void
parse_program(struct parser *p)
{
    struct tree_program *g = p->program;
    advance(p);
    if (is_word(p, "kernel"))
        parse_header(p);
    do {
        GROW(p, g->stmts, struct tree_stmt, g->n_stmts);
        g->stmts[g->n_stmts] = p->failed ? (struct tree_stmt){0}
                                         : parse_stmt(p);
        g->n_stmts++;
        recover(p);
    } while (accept(p, SYM_SEMICOLON) && p->sym.kind != SYM_END);
}

int
einc_tree_is_program(struct str source)
{
    return source.n > 0 && memchr(source.p, '[', (size_t)source.n) != NULL;
}

const struct tree_program *
einc_parse_program(struct arena *perm, struct arena scratch, struct str source)
{
    struct cx *cx = perm->cx;
    cx->source = source;
    if (source.n > MAX_TEXT)
        einc_fail(cx, EINC_ELIMIT, "E807", (struct span){-1, -1},
                  "the text has %lld bytes; at most %d are read",
                  (long long)source.n, MAX_TEXT);
    struct parser p = {.cx = cx, .perm = perm, .scratch = scratch};
    p.lexer = (struct lexer){(const unsigned char *)source.p, 0,
                             (int32_t)source.n};
    p.nothing = NEW(perm, struct tree, 1);
    p.program = NEW(perm, struct tree_program, 1);
    p.program->source = source;
    parse_program(&p);
    einc_diag_stop(cx);
    return p.program;
}

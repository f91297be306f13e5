/* SPDX-License-Identifier: MIT
 *
 * parse.c - text or integer labels -> struct expr; see expr.h. The grammar
 * rule stands above each function. What is wrong is reported and skipped, so
 * that one pass finds up to MAX_DIAGS faults.
 */
#include "parse/expr.h"

#include "parse/lex.h"

enum {
    MAX_TEXT = 1 << 30, /* bytes; places in it are int32_t */
    HINT_TEXT = 120,    /* bytes of the longest text that a hint repeats */
    SHOWN = 40          /* columns of user's text in a message */
};

struct parser {
    struct cx *cx;
    struct arena *perm;
    struct arena scratch;
    struct lexer lexer;
    struct token tok;
    int32_t last_end;   /* where the token before `tok` ends */
    struct expr *e;
    struct label *next; /* first free one of the array of all labels */
    uint32_t flags;
};

static void
advance(struct parser *p)
{
    p->last_end = p->tok.at.end;
    p->tok = einc_lex_next(&p->lexer);
}

static void
start(struct parser *p)
{
    struct str s = p->e->source;
    p->lexer = (struct lexer){(const unsigned char *)s.p, 0, (int32_t)s.n};
    p->tok = (struct token){TOK_END, {0, 0}};
    advance(p);
}

static struct str
text_at(const struct parser *p, struct span at)
{
    return (struct str){p->e->source.p + at.begin, at.end - at.begin};
}

static const char *
show(const struct parser *p, struct span at)
{
    return einc_diag_show(p->cx, text_at(p, at), SHOWN);
}

/* --- hints: an edited text that was parsed -------------------------------- */

struct trial {
    struct str text;
    uint32_t flags;
};

/* Whether output labels are labels of inputs and none is there twice: no
 * affair of the parser, but an edit is not to be proposed if not. */
static int
has_good_output(const struct expr *e)
{
    const struct term *out = &e->output;
    for (int i = 0; i < out->n_labels; i++) {
        int known = 0;
        for (int k = 0; k < e->n_inputs; k++)
            for (int j = 0; j < e->inputs[k].n_labels; j++)
                known |= str_equal(e->inputs[k].labels[j].name,
                                   out->labels[i].name);
        for (int j = 0; j < i; j++)
            if (str_equal(out->labels[j].name, out->labels[i].name))
                return 0;
        if (!known)
            return 0;
    }
    return 1;
}

static void
try_text(struct arena *perm, struct arena scratch, void *arg)
{
    const struct trial *t = arg;
    const struct expr *e = einc_parse(perm, scratch, t->text, t->flags);
    if (!has_good_output(e))
        einc_fail(perm->cx, EINC_ESHAPE, "E301", e->output.at, "%s", "");
}

/* Hints at the text with `edits` made, if that parses. */
static void
propose(struct parser *p, struct diag *d, const struct edit *edits, int n)
{
    if (p->e->source.n > HINT_TEXT)
        return;
    struct trial t = {einc_diag_edited(&p->scratch, p->e->source, edits, n),
                      p->flags};
    if (einc_diag_try(p->scratch, try_text, &t))
        einc_diag_hint(p->cx, d, "write '%s'",
                       einc_diag_show(p->cx, t.text, 2 * HINT_TEXT));
}

/* --- diagnostics ---------------------------------------------------------- */

/* Whether the same was said of an equal stretch of text: once is enough. */
static int
is_said(const struct parser *p, const char *code, struct span at)
{
    for (int i = 0; i < p->cx->n_diags; i++) {
        const struct diag *d = &p->cx->diags[i];
        struct span old = {d->marks[0].begin, d->marks[0].end};
        if (!strcmp(d->code, code)
            && str_equal(text_at(p, old), text_at(p, at)))
            return 1;
    }
    return 0;
}

/* A syntax error with one bare caret. The caller has seen that it is new. */
static struct diag *
complain(struct parser *p, const char *code, struct span at,
         const char *message)
{
    struct diag *d =
        einc_diag_add(p->cx, EINC_EPARSE, code, "%s", message);
    einc_diag_mark(p->cx, d, at, -1, -1, "%s", "");
    return d;
}

/* printf into cx->perm, for complain(). */
__attribute__((format(printf, 2, 3)))
static const char *
say(struct parser *p, const char *fmt, ...)
{
    struct text t = {.perm = p->cx->perm};
    va_list ap;
    va_start(ap, fmt);
    einc_putv(&t, fmt, ap);
    va_end(ap);
    return einc_text_z(&t);
}

/* "column 3", or "line 2, column 3" if the text has lines. Counts code points
 * from 1. */
static const char *
place(struct parser *p, struct span at)
{
    int line = 1, column = 1;
    struct str s = p->e->source;
    for (int32_t i = 0; i < at.begin; i++) {
        column += ((unsigned char)s.p[i] & 0xc0) != 0x80;
        if (s.p[i] == '\n') {
            line++;
            column = 1;
        }
    }
    if (memchr(s.p, '\n', (size_t)s.n))
        return say(p, "line %d, column %d", line, column);
    return say(p, "column %d", column);
}

static void
bad_character(struct parser *p, struct span at)
{
    if (is_said(p, "E101", at))
        return;
    unsigned char byte = (unsigned char)p->e->source.p[at.begin];
    if (byte < 0x20 || byte == 0x7f)
        complain(p, "E101", at,
                 say(p, "the control character 0x%02x at byte %d cannot be a"
                     " label", byte, at.begin));
    else
        complain(p, "E101", at,
                 say(p, "'%c' cannot be a label; labels are letters or"
                     " '{name}'", byte));
}

/* A run of bytes that are no UTF-8 is one fault. */
static void
bad_bytes(struct parser *p)
{
    struct span at = p->tok.at;
    struct lexer ahead = p->lexer;
    struct token t = einc_lex_next(&ahead);
    for (; t.kind == TOK_BAD_BYTE && t.at.begin == at.end;
         t = einc_lex_next(&ahead)) {
        at.end = t.at.end;
        advance(p);
    }
    unsigned char byte = (unsigned char)p->e->source.p[at.begin];
    if (!is_said(p, "E105", at))
        complain(p, "E105", at,
                 say(p, "byte 0x%02x at offset %d is not UTF-8", byte,
                     at.begin));
}

static void
bad_token(struct parser *p)
{
    struct span at = p->tok.at;
    if (p->tok.kind == TOK_BAD_BYTE)
        bad_bytes(p);
    else if (p->tok.kind == TOK_OTHER)
        bad_character(p, at);
    else if (is_said(p, "E104", at))
        return;
    else if (p->tok.kind == TOK_OPEN_BRACE)
        complain(p, "E104", at, "'{' has no '}'");
    else
        complain(p, "E104", at,
                 say(p, "'%s' holds no name; a name has letters, digits and"
                     " '_' and begins with no digit", show(p, at)));
}

/* What stands where "->" belongs, or looks as if it did. Goes past it, and
 * past the ">" of "- >". */
static void
bad_arrow(struct parser *p)
{
    struct span at = p->tok.at;
    struct lexer ahead = p->lexer;
    struct token t = einc_lex_next(&ahead);
    int split = p->e->source.p[at.end - 1] == '-'
                && t.kind == TOK_NEAR_ARROW
                && p->e->source.p[t.at.begin] == '>';
    if (split) {
        at.end = t.at.end;
        advance(p);
    }
    int missing = at.begin == p->e->arrow.begin
                  && str_equal(text_at(p, at), str_of("-"));
    const char *message =
        split     ? "no blank may stand inside '->'"
        : missing ? "expected '->' between inputs and output"
                  : say(p, "'%s' is not an operator here", show(p, at));
    if (!is_said(p, "E201", at))
        propose(p, complain(p, "E201", at, message),
                &(struct edit){at, str_of("->")}, 1);
}

/* Runs of dots that are not three; ". . ." is one fault. */
static void
bad_dots(struct parser *p)
{
    struct span at = p->tok.at;
    struct lexer ahead = p->lexer;
    for (struct token t = einc_lex_next(&ahead);
         t.kind == TOK_DOTS && t.at.end - t.at.begin < 3;
         t = einc_lex_next(&ahead)) {
        at.end = t.at.end;
        advance(p);
    }
    if (!is_said(p, "E203", at))
        propose(p,
                complain(p, "E203", at,
                         say(p, "'%s' is not an ellipsis; an ellipsis is"
                             " exactly three dots", show(p, at))),
                &(struct edit){at, str_of("...")}, 1);
}

/* --- labels --------------------------------------------------------------- */

static int
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int
is_one_letter(struct str word)
{
    unsigned char c = (unsigned char)word.p[0];
    int64_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return n == word.n && c != '_' && !is_digit(word.p[0]);
}

static void
add_label(struct parser *p, struct term *t, struct span at, struct str name)
{
    *p->next++ = (struct label){name, at};
    t->n_labels++;
}

/* Hints at the text with every word that is no run of letters in braces. */
static void
propose_braces(struct parser *p, struct diag *d)
{
    struct edit edits[HINT_TEXT];
    int n = 0;
    if (p->e->source.n > HINT_TEXT)
        return;
    struct lexer all = {(const unsigned char *)p->e->source.p, 0,
                        (int32_t)p->e->source.n};
    for (struct token t = einc_lex_next(&all); t.kind != TOK_END;
         t = einc_lex_next(&all)) {
        struct str word = text_at(p, t.at);
        int odd = 0;
        for (int64_t i = 0; i < word.n; i++)
            odd |= is_digit(word.p[i]) || word.p[i] == '_';
        if (t.kind == TOK_WORD && odd)
            edits[n++] = (struct edit){
                t.at, str_of(say(p, "{%.*s}", (int)word.n, word.p))};
    }
    propose(p, d, edits, n);
}

/* Digits or '_' at `at`, in a word that compact form takes apart. */
static void
bad_letter(struct parser *p, struct span at)
{
    int digit = is_digit(p->e->source.p[at.begin]);
    const char *code = digit ? "E102" : "E101";
    if (is_said(p, code, at))
        return;
    struct diag *d = complain(p, code, at,
                              digit ? "a digit cannot be a label in compact"
                                      " form"
                                    : "'_' cannot be a label in compact form");
    propose_braces(p, d);
}

/* compact: label = letter; every code point of the word is one. */
static void
split_word(struct parser *p, struct term *t)
{
    const char *s = p->e->source.p;
    int32_t at = p->tok.at.begin, end;
    for (; at < p->tok.at.end; at = end) {
        unsigned char c = (unsigned char)s[at];
        end = at + (c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4);
        if (c == '_' || is_digit(s[at])) {
            while (c != '_' && end < p->tok.at.end && is_digit(s[end]))
                end++;
            bad_letter(p, (struct span){at, end});
            return; /* one fault of a word is enough */
        }
        add_label(p, t, (struct span){at, end},
                  (struct str){s + at, end - at});
    }
}

/* named: label = name. */
static void
whole_word(struct parser *p, struct term *t)
{
    struct span at = p->tok.at;
    if (!is_digit(p->e->source.p[at.begin]))
        add_label(p, t, at, text_at(p, at));
    else if (!is_said(p, "E102", at))
        complain(p, "E102", at,
                 say(p, "'%s': a name cannot begin with a digit",
                     show(p, at)));
}

static void
add_ellipsis(struct parser *p, struct term *t)
{
    struct span at = p->tok.at;
    if (at.end - at.begin != 3) {
        bad_dots(p);
    } else if (t->ellipsis >= 0) {
        complain(p, "E204", at,
                 say(p, "a term may hold one ellipsis (first at %s)",
                     place(p, t->ellipsis_at)));
    } else {
        t->ellipsis = t->n_labels;
        t->ellipsis_at = at;
    }
}

/* --- terms ---------------------------------------------------------------- */

/* term = { label | "..." } ; label = letter | "{", name, "}" | name ; */
static void
parse_term(struct parser *p, struct term *t)
{
    *t = (struct term){.labels = p->next, .ellipsis = -1};
    t->at = (struct span){p->last_end, p->last_end};
    int first = 1;
    for (;; advance(p)) {
        struct span at = p->tok.at;
        if (p->tok.kind == TOK_END || p->tok.kind == TOK_COMMA
            || p->tok.kind == TOK_ARROW || p->tok.kind == TOK_NEAR_ARROW)
            return;
        if (p->tok.kind == TOK_WORD && p->e->named)
            whole_word(p, t);
        else if (p->tok.kind == TOK_WORD)
            split_word(p, t);
        else if (p->tok.kind == TOK_BRACED)
            add_label(p, t, at,
                      text_at(p, (struct span){at.begin + 1, at.end - 1}));
        else if (p->tok.kind == TOK_DOTS)
            add_ellipsis(p, t);
        else
            bad_token(p);
        t->at.begin = first ? at.begin : t->at.begin;
        t->at.end = p->tok.at.end;
        first = 0;
    }
}

/* [ "->", term ]; goes past what stands in place of "->", too. */
static void
parse_output(struct parser *p)
{
    struct expr *e = p->e;
    e->output = (struct term){.labels = p->next, .ellipsis = -1};
    if (p->tok.kind == TOK_END)
        return;
    e->has_output = 1;
    e->arrow = p->tok.at;
    if (p->tok.kind == TOK_NEAR_ARROW)
        bad_arrow(p);
    advance(p);
    parse_term(p, &e->output);
}

/* What cannot follow an output: more terms. */
static void
refuse_rest(struct parser *p)
{
    struct span arrow = p->e->arrow;
    while (p->tok.kind != TOK_END) {
        struct span at = p->tok.at;
        struct term rest;
        if (p->tok.kind == TOK_NEAR_ARROW)
            bad_arrow(p);
        else if (p->tok.kind == TOK_ARROW && !is_said(p, "E202", at))
            complain(p, "E202", at,
                     say(p, "only one '->' is allowed (first at %s)",
                         place(p, arrow)));
        else if (p->tok.kind == TOK_COMMA && !is_said(p, "E205", at))
            complain(p, "E205", at,
                     "the output is one term: ',' cannot follow '->'");
        advance(p);
        parse_term(p, &rest);
    }
}

/* einsum = term, { ",", term }, [ "->", term ] ; */
static void
parse_einsum(struct parser *p)
{
    struct expr *e = p->e;
    parse_term(p, &e->inputs[e->n_inputs++]);
    while (p->tok.kind == TOK_COMMA) {
        advance(p);
        parse_term(p, &e->inputs[e->n_inputs++]);
    }
    parse_output(p);
    refuse_rest(p);
    if (e->named && !e->has_output)
        complain(p, "E206", (struct span){(int32_t)e->source.n,
                                          (int32_t)e->source.n},
                 "spaced names need '->' and an output");
    einc_diag_stop(p->cx);
}

/* --- the whole ------------------------------------------------------------ */

/* Reads all tokens once, for the sizes of arrays and for the mode: named if
 * two words of a term have a blank between them (two words in a row do) and
 * some word is more than a letter. */
static void
survey(struct parser *p)
{
    int64_t terms = 1, labels = 0;
    int spaced = 0, wide = 0;
    enum token_kind last = TOK_END;
    for (start(p); p->tok.kind != TOK_END; advance(p)) {
        if (p->tok.kind == TOK_WORD) {
            spaced |= last == TOK_WORD;
            wide |= !is_one_letter(text_at(p, p->tok.at));
            labels += p->tok.at.end - p->tok.at.begin;
        }
        labels += p->tok.kind == TOK_BRACED;
        terms += p->tok.kind == TOK_COMMA;
        last = p->tok.kind;
    }
    p->e->named = p->flags & EINC_NAMED_LABELS     ? 1
                  : p->flags & EINC_COMPACT_LABELS ? 0
                                                   : spaced && wide;
    p->e->inputs = NEW(p->perm, struct term, terms);
    p->next = NEW(p->perm, struct label, labels);
}

static void
check_call(struct cx *cx, struct str source, uint32_t flags)
{
    struct span nowhere = {-1, -1};
    if (source.n > MAX_TEXT)
        einc_fail(cx, EINC_ELIMIT, "E807", nowhere,
                  "the text has %lld bytes; at most %d are read",
                  (long long)source.n, MAX_TEXT);
    if ((flags & EINC_NAMED_LABELS) && (flags & EINC_COMPACT_LABELS))
        einc_fail(cx, EINC_EINVAL, "E207", nowhere,
                  "EINC_NAMED_LABELS and EINC_COMPACT_LABELS exclude each"
                  " other");
}

/* A text with a "[" is a program, which einc_parse_program() reads. */
const struct expr *
einc_parse(struct arena *perm, struct arena scratch, struct str source,
           uint32_t flags)
{
    struct cx *cx = perm->cx;
    cx->source = source;
    check_call(cx, source, flags);
    struct parser p = {.cx = cx, .perm = perm, .scratch = scratch,
                       .flags = flags};
    p.e = NEW(perm, struct expr, 1);
    p.e->source = source;
    survey(&p);
    start(&p);
    parse_einsum(&p);
    return p.e;
}

/* --- integer labels ------------------------------------------------------- */

/* The text that integer labels are written as, and the terms in it. */
struct writer {
    struct cx *cx;
    struct expr *e;
    char *text;
    int32_t at;
    struct label *next;
};

static int32_t
digits_of(int32_t id)
{
    int32_t n = id < 0 ? 2 : 1;
    for (; id > 9 || id < -9; id /= 10)
        n++;
    return n;
}

/* Bytes that the term takes: labels with a blank after each. */
static int64_t
count_bytes(const int32_t *ids, size_t n)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += 1 + (ids[i] == EINC_ELLIPSIS ? 3 : digits_of(ids[i]));
    return bytes;
}

static struct span
put(struct writer *w, const char *s, int32_t n)
{
    struct span at = {w->at, w->at + n};
    memcpy(w->text + w->at, s, (size_t)n);
    w->at += n;
    return at;
}

static void
put_id(struct writer *w, struct term *t, int32_t id, int operand)
{
    char digits[12];
    int32_t n = digits_of(id);
    int64_t left = id < 0 ? -(int64_t)id : id;
    for (int32_t i = n; i > 0; left /= 10)
        digits[--i] = (char)('0' + left % 10);
    if (id < 0)
        digits[0] = '-';
    struct span at = put(w, digits, n);
    *w->next++ = (struct label){{w->text + at.begin, n}, at};
    t->n_labels++;
    if (id >= 0)
        return;
    struct diag *d = einc_diag_add(
        w->cx, EINC_EPARSE, "E103",
        "label %d is negative; labels are integers >= 0 or EINC_ELLIPSIS", id);
    einc_diag_mark(w->cx, d, at, operand, -1, "%s", "");
}

static void
put_ellipsis(struct writer *w, struct term *t, int operand)
{
    struct span at = put(w, "...", 3);
    if (t->ellipsis >= 0) {
        struct diag *d =
            einc_diag_add(w->cx, EINC_EPARSE, "E204",
                          "a term may hold one ellipsis (first at column %d)",
                          t->ellipsis_at.begin + 1);
        einc_diag_mark(w->cx, d, at, operand, -1, "%s", "");
        return;
    }
    t->ellipsis = t->n_labels;
    t->ellipsis_at = at;
}

static void
put_term(struct writer *w, struct term *t, const int32_t *ids, size_t n,
         int operand)
{
    *t = (struct term){.labels = w->next, .ellipsis = -1};
    t->at.begin = w->at;
    for (size_t i = 0; i < n; i++) {
        if (i)
            put(w, " ", 1);
        if (ids[i] == EINC_ELLIPSIS)
            put_ellipsis(w, t, operand);
        else
            put_id(w, t, ids[i], operand);
    }
    t->at.end = w->at;
}

const struct expr *
einc_parse_ids(struct arena *perm, int64_t n_in, const int32_t *const ids[],
               const size_t n_ids[], const int32_t *out_ids,
               int64_t n_out_ids)
{
    struct span nowhere = {-1, -1};
    struct expr *e = NEW(perm, struct expr, 1);
    int64_t bytes = 5, labels = out_ids ? n_out_ids : 0;
    if (n_in < 1 || n_in > MAX_TEXT || labels < 0 || labels > MAX_TEXT)
        einc_fail(perm->cx, EINC_EINVAL, "E303", nowhere,
                  "%lld operands and %lld output labels", (long long)n_in,
                  (long long)labels);
    bytes += out_ids ? count_bytes(out_ids, (size_t)n_out_ids) : 0;
    for (int64_t k = 0; k < n_in && bytes <= MAX_TEXT; k++) {
        bytes += n_ids[k] > MAX_TEXT ? MAX_TEXT
                                     : 2 + count_bytes(ids[k], n_ids[k]);
        labels += (int64_t)n_ids[k];
    }
    if (bytes > MAX_TEXT)
        einc_fail(perm->cx, EINC_ELIMIT, "E807", nowhere,
                  "the labels fill more than %d bytes of text", MAX_TEXT);
    struct writer w = {.cx = perm->cx, .e = e};
    w.text = NEW(perm, char, bytes);
    w.next = NEW(perm, struct label, labels);
    /* Marks point into the text, also while it is written. */
    memset(w.text, ' ', (size_t)bytes);
    perm->cx->source = e->source = (struct str){w.text, bytes};
    e->named = e->integers = 1;
    e->n_inputs = (int)n_in;
    e->inputs = NEW(perm, struct term, n_in);
    for (int k = 0; k < e->n_inputs; k++) {
        if (k)
            put(&w, ", ", 2);
        put_term(&w, &e->inputs[k], ids[k], n_ids[k], k);
    }
    e->output.ellipsis = -1;
    if (out_ids) {
        e->has_output = 1;
        put(&w, " ", 1);
        e->arrow = put(&w, "->", 2);
        if (n_out_ids)
            put(&w, " ", 1);
        put_term(&w, &e->output, out_ids, (size_t)n_out_ids, -1);
    }
    perm->cx->source.n = e->source.n = w.at;
    einc_diag_stop(perm->cx);
    return e;
}

/* --- dump ----------------------------------------------------------------- */

static void
print_term(struct text *t, const struct term *term)
{
    einc_put(t, " at %d:%d", term->at.begin, term->at.end);
    for (int i = 0; i <= term->n_labels; i++) {
        if (i == term->ellipsis)
            einc_put(t, " ...");
        if (i == term->n_labels)
            break;
        einc_put(t, " ");
        einc_put_str(t, term->labels[i].name);
    }
    einc_put(t, "\n");
}

void
einc_expr_print(struct text *t, const struct expr *e)
{
    einc_line(t, "expr %s", e->integers ? "integers"
                            : e->named  ? "named"
                                        : "compact");
    for (int k = 0; k < e->n_inputs; k++) {
        einc_put(t, "in%d", k);
        print_term(t, &e->inputs[k]);
    }
    if (!e->has_output) {
        einc_line(t, "out implicit");
        return;
    }
    einc_put(t, "out");
    print_term(t, &e->output);
}

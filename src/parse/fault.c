/* SPDX-License-Identifier: MIT
 *
 * fault.c - see fault.h.
 */
#include "parse/fault.h"

enum { HINT_TEXT = 2000 }; /* bytes of the longest text that hints are tried
                            * on */

/* --- faults --------------------------------------------------------------- */

/* Whether the same was said of an equal stretch of text: once is enough. */
static int
is_said(const struct parser *p, const char *code, struct span at)
{
    for (int i = 0; i < p->cx->n_diags; i++) {
        const struct diag *d = &p->cx->diags[i];
        struct span old = {d->marks[0].begin, d->marks[0].end};
        if (!strcmp(d->code, code) && at.begin < at.end
            && str_equal(text_at(p, old), text_at(p, at)))
            return 1;
    }
    return 0;
}

/* Lets go of the rest of the statement. */
static void
give_up(struct parser *p)
{
    p->failed = 1;
    p->sym.kind = SYM_END;
}

struct diag *
einc_fault(struct parser *p, const char *code, struct span at, const char *fmt,
           ...)
{
    struct text t = {.perm = p->cx->perm};
    va_list ap;
    give_up(p);
    if ((code[1] == '1' || !strcmp(code, "E211")) && is_said(p, code, at))
        return NULL;
    va_start(ap, fmt);
    einc_putv(&t, fmt, ap);
    va_end(ap);
    struct diag *d =
        einc_diag_add(p->cx, EINC_EPARSE, code, "%s", einc_text_z(&t));
    einc_diag_mark(p->cx, d, at, -1, -1, "%s", "");
    return d;
}

/* "'x'", or "the end" */
static const char *
quote(const struct parser *p, struct symbol s)
{
    struct text t = {.perm = p->cx->perm};
    if (s.kind == SYM_END)
        return "the end";
    einc_put(&t, "'%s'", show(p, s.at));
    return einc_text_z(&t);
}

/* The end of the text is where its last symbol ends. */
static struct span
place_of(const struct parser *p, struct symbol s)
{
    return s.kind == SYM_END ? (struct span){p->last.end, p->last.end} : s.at;
}

/* --- hints: an edited text that was parsed -------------------------------- */

static void
try_text(struct arena *perm, struct arena scratch, void *arg)
{
    einc_parse_program(perm, scratch, *(const struct str *)arg);
}

void
einc_fault_propose(struct parser *p, struct diag *d, const struct edit *edits,
                   int n, const char *fmt, ...)
{
    if (!d || d->hint || p->cx->n_diags > 1 || p->cx->trial
        || p->program->source.n > HINT_TEXT)
        return;
    struct arena scratch = p->scratch;
    struct str text =
        einc_diag_edited(&scratch, p->program->source, edits, n);
    if (!einc_diag_try(scratch, try_text, &text))
        return;
    struct text t = {.perm = p->cx->perm};
    va_list ap;
    va_start(ap, fmt);
    einc_putv(&t, fmt, ap);
    va_end(ap);
    einc_diag_hint(p->cx, d, "%s", einc_text_z(&t));
}

void
einc_fault_instead(struct parser *p, struct diag *d, struct span at,
                   const char *with)
{
    struct edit e = {at, str_of(*with ? with : " ")};
    if (*with)
        einc_fault_propose(p, d, &e, 1, "write '%s'", with);
    else
        einc_fault_propose(p, d, &e, 1, "leave '%s' out", show(p, at));
}

void
einc_fault_between(struct parser *p, struct diag *d, struct symbol s,
                   const char *with)
{
    struct edit e = {{p->last.end, p->last.end}, str_of(with)};
    if (s.kind == SYM_END)
        einc_fault_propose(p, d, &e, 1, "write '%s' at the end", with);
    else
        einc_fault_propose(p, d, &e, 1, "write '%s' before %s", with,
                           quote(p, s));
}

static int
begins_value(struct symbol s)
{
    return s.kind == SYM_NAME || s.kind == SYM_INTEGER || s.kind == SYM_FLOAT
           || s.kind == SYM_OPEN_PAREN;
}

int32_t
einc_fault_value_end(const struct parser *p, struct symbol s)
{
    struct lexer ahead = p->lexer;
    int open = 0;
    int32_t end = s.at.end;
    for (;; s = einc_lex_program(&ahead)) {
        int is_end = s.kind == SYM_END || s.kind == SYM_SEMICOLON
                     || str_equal(text_at(p, s.at), str_of("where"))
                     || str_equal(text_at(p, s.at), str_of("if"));
        open += s.kind == SYM_OPEN_PAREN || s.kind == SYM_OPEN_BRACKET;
        open -= s.kind == SYM_CLOSE_PAREN || s.kind == SYM_CLOSE_BRACKET;
        if (is_end || open < 0 || (open == 0 && s.kind == SYM_COMMA))
            return end;
        end = s.at.end;
    }
}

void
einc_fault_parentheses(struct parser *p, struct diag *d, struct symbol s,
                       struct span head)
{
    if (!d || !begins_value(s))
        return;
    int32_t end = einc_fault_value_end(p, s);
    struct edit edits[] = {{{s.at.begin, s.at.begin}, str_of("(")},
                           {{end, end}, str_of(")")}};
    einc_fault_propose(p, d, edits, 2, "write '%s(...)'", show(p, head));
}

/* What other languages write, or a document that a formula was copied from;
 * the letters among them are letters of names here. */
static const struct near {
    const char *text, *with, *also;
} nears[] = {
    {"**", "^", NULL}, {"//", "/", NULL}, {"&", "&&", NULL},
    {"|", "||", NULL}, {"<>", "!=", NULL}, {"=<", "<=", NULL},
    {"=>", ">=", "="}, {"===", "==", NULL}, {"!==", "!=", NULL},
    {":=", "=", NULL}, {"=", "==", NULL}, {"==", "=", NULL},
    {"@", "*", NULL}, {"and", "&&", NULL}, {"or", "||", NULL},
    {")", "", NULL}, {"]", "", NULL},
    {";", "", NULL}, {",", "", NULL}, {"..", ":", NULL}, {"->", ":", NULL},
    {"\xc3\x97", "*", NULL}, {"\xc2\xb7", "*", NULL},
    {"\xe2\x8b\x85", "*", NULL}, {"\xe2\x88\x97", "*", NULL},
    {"\xe2\x88\x92", "-", NULL}, {"\xc3\xb7", "/", NULL},
    {"\xe2\x89\xa4", "<=", NULL}, {"\xe2\x89\xa5", ">=", NULL},
    {"\xe2\x89\xa0", "!=", NULL},
};

/* A letter of a name may be an operator. */
void
einc_fault_near(struct parser *p, struct diag *d, struct symbol s)
{
    struct str text = text_at(p, s.at);
    for (size_t i = 0; i < sizeof nears / sizeof *nears; i++) {
        struct str near = str_of(nears[i].text);
        struct span at = {s.at.begin, s.at.begin + (int32_t)near.n};
        int is_part = s.kind == SYM_NAME && (unsigned char)near.p[0] >= 0x80
                      && text.n > near.n;
        if (!str_equal(is_part ? text_at(p, at) : text, near))
            continue;
        einc_fault_instead(p, d, at, nears[i].with);
        if (nears[i].also)
            einc_fault_instead(p, d, at, nears[i].also);
    }
}

/* What may have been left out before s. `list`: items are divided by ",". */
static void
propose_missing(struct parser *p, struct diag *d, struct symbol s, int list)
{
    struct str gap = text_at(p, (struct span){p->last.end, s.at.begin});
    if (!begins_value(s))
        return;
    if (str_equal(text_at(p, p->last), str_of("not")))
        einc_fault_propose(p, d, &(struct edit){p->last, str_of("!")}, 1,
                           "write '!' for '%s'", show(p, p->last));
    if (einc_fn_named(text_at(p, p->last)) != N_FNS)
        einc_fault_parentheses(p, d, s, p->last);
    if (list)
        einc_fault_between(p, d, s, ",");
    else if (gap.n && memchr(gap.p, '\n', (size_t)gap.n))
        einc_fault_between(p, d, s, ";");
    einc_fault_between(p, d, s, "*");
    einc_fault_between(p, d, s, ";");
}

/* --- symbols that belong nowhere ------------------------------------------ */

static void
bad_character(struct parser *p, struct symbol s)
{
    unsigned char byte = (unsigned char)p->program->source.p[s.at.begin];
    if (byte < 0x20 || byte == 0x7f)
        einc_fault(p, "E101", s.at, "the control character 0x%02x at byte %d"
                   " has no meaning here", byte, s.at.begin);
    else
        einc_fault_near(p, einc_fault(p, "E101", s.at,
                                      "'%c' has no meaning here", byte), s);
}

/* A run of bytes that are no UTF-8 is one fault. */
static void
bad_bytes(struct parser *p, struct symbol s)
{
    struct lexer ahead = p->lexer;
    unsigned char byte = (unsigned char)p->program->source.p[s.at.begin];
    for (struct symbol t = einc_lex_program(&ahead);
         t.kind == SYM_BAD_BYTE && t.at.begin == s.at.end;
         t = einc_lex_program(&ahead))
        s.at.end = t.at.end;
    einc_fault(p, "E105", s.at, "byte 0x%02x at offset %d is not UTF-8", byte,
               s.at.begin);
}

/* "2x" may be 2*x, and "1.5f" is C. */
static void
bad_number(struct parser *p, struct symbol s)
{
    struct lexer part = {(const unsigned char *)p->program->source.p,
                         s.at.begin, s.at.begin};
    struct symbol number = {SYM_END, s.at}, t;
    while (part.n < s.at.end) {
        part.at = s.at.begin;
        part.n++;
        t = einc_lex_program(&part);
        if (t.kind != SYM_INTEGER && t.kind != SYM_FLOAT)
            break;
        number = t;
    }
    struct span rest = {number.at.end, s.at.end};
    const char *value = show(p, number.at), *letters = show(p, rest);
    struct diag *d =
        einc_fault(p, "E106", s.at, "'%s' is not a number", show(p, s.at));
    for (int32_t i = s.at.begin; i + 1 < s.at.end; i++) {
        struct edit colon = {{i, i + 2}, str_of(":")};
        if (str_equal(text_at(p, colon.at), str_of("..")))
            einc_fault_propose(p, d, &colon, 1, "write ':' for '..'");
    }
    if (number.kind == SYM_END || !strcmp(value, "0")
        || strchr("eE_.", *letters))
        return;
    struct edit times = {{rest.begin, rest.begin}, str_of("*")};
    struct edit cut = {rest, str_of("")};
    if (number.kind == SYM_FLOAT && rest.end - rest.begin == 1
        && strchr("fFlL", *letters))
        einc_fault_propose(p, d, &cut, 1, "write '%s'", value);
    else
        einc_fault_propose(p, d, &times, 1, "write '%s*%s'", value, letters);
}

static void
bad_operator(struct parser *p, struct symbol s)
{
    int dots = p->program->source.p[s.at.begin] == '.';
    const char *what = dots ? "has no meaning in an index statement"
                            : "is not an operator here";
    einc_fault_near(p, einc_fault(p, "E211", s.at, "'%s' %s", show(p, s.at),
                                  what), s);
}

struct diag *
einc_fault_refuse(struct parser *p, const char *expected)
{
    struct symbol s = p->sym;
    struct diag *d = NULL;
    if (p->failed)
        return NULL;
    switch (s.kind) {
    case SYM_OTHER: bad_character(p, s); break;
    case SYM_BAD_BYTE: bad_bytes(p, s); break;
    case SYM_BAD_NUMBER: bad_number(p, s); break;
    case SYM_NEAR: bad_operator(p, s); break;
    default:
        d = einc_fault(p, "E210", place_of(p, s), "expected %s, found %s",
                       expected, quote(p, s));
    }
    return d;
}

void
einc_fault_unexpected(struct parser *p, const char *expected)
{
    struct symbol s = p->sym;
    einc_fault_near(p, einc_fault_refuse(p, expected), s);
}

struct diag *
einc_fault_after(struct parser *p, const char *expected, int list)
{
    struct symbol s = p->sym;
    struct diag *d = NULL;
    if (str_equal(text_at(p, s.at), str_of("if")) && !p->failed)
        einc_fault(p, "E217", s.at, "'if' can only be in the parentheses of a"
                   " reduction; a choice of values is 'condition ? a : b'");
    else if (str_equal(text_at(p, s.at), str_of("where")) && !p->failed)
        einc_fault(p, "E217", s.at, "'where' can only be at the end of a"
                   " statement");
    else
        d = einc_fault_refuse(p, expected);
    einc_fault_near(p, d, s);
    propose_missing(p, d, s, list);
    return d;
}

void
einc_fault_unclosed(struct parser *p, struct span open, const char *close,
                    const char *expected, int list)
{
    struct symbol s = p->sym;
    if (s.kind != SYM_END && s.kind != SYM_SEMICOLON
        && s.kind != SYM_CLOSE_PAREN && s.kind != SYM_CLOSE_BRACKET) {
        struct diag *d = einc_fault_after(p, expected, list);
        einc_fault_between(p, d, s, close);
        return;
    }
    if (p->failed)
        return;
    struct diag *d = einc_fault(p, "E209", open, "'%s' is not closed: expected"
                                " %s, found %s", show(p, open), expected,
                                quote(p, s));
    if (!d)
        return;
    einc_diag_mark(p->cx, d, place_of(p, s), -1, -1, "%s", "");
    einc_fault_between(p, d, s, close);
    if (s.kind == SYM_CLOSE_PAREN || s.kind == SYM_CLOSE_BRACKET)
        einc_fault_instead(p, d, s.at, close);
}

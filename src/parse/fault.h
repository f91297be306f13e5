/* SPDX-License-Identifier: MIT
 *
 * fault.h - the form B parser's place in its text, and what it says of a text
 * that is none. A statement has one fault: when it is told, `failed` is set
 * and the symbol is SYM_END, so that every rule returns at once. Hints are
 * edits of the text that were tried: of those proposed for a fault, the first
 * one with which the whole text parses is given.
 */
#ifndef EINC_PARSE_FAULT_H
#define EINC_PARSE_FAULT_H

#include "parse/lex_program.h"
#include "parse/tree.h"

struct parser {
    struct cx *cx;
    struct arena *perm;
    struct arena scratch;
    struct lexer lexer;
    struct symbol sym;
    struct span last;           /* the symbol before `sym` */
    int32_t sub_begin;          /* where the last subscript begins */
    int failed;                 /* in this statement */
    int depth;                  /* of the rules that are being read */
    const struct tree *nothing; /* stands for what could not be read */
    struct tree_program *program;
};

static inline struct str
text_at(const struct parser *p, struct span at)
{
    return (struct str){p->program->source.p + at.begin, at.end - at.begin};
}

/* The same as it may stand in a message. */
static inline const char *
show(const struct parser *p, struct span at)
{
    enum { COLUMNS = 40 };
    return einc_diag_show(p->cx, text_at(p, at), COLUMNS);
}

/* --- faults --------------------------------------------------------------- */

/* Tells the fault of this statement, with one bare caret; NULL if another
 * one had the same odd character, number or operator. */
struct diag *einc_fault(struct parser *p, const char *code, struct span at,
                        const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The symbol is not what the grammar wants, which `expected` says. Told once:
 * nothing if the statement has failed. NULL if no more is to be said. */
struct diag *einc_fault_refuse(struct parser *p, const char *expected);
/* The same, with a hint if the symbol looks like another one. */
void einc_fault_unexpected(struct parser *p, const char *expected);
/* The same where an item has come to an end; with a hint if something was left
 * out: a ",", if `list`, an operator or ";". */
struct diag *einc_fault_after(struct parser *p, const char *expected,
                              int list);
/* What `open` opened is not closed here, with `close`. */
void einc_fault_unclosed(struct parser *p, struct span open, const char *close,
                         const char *expected, int list);

/* --- hints: d may be NULL ------------------------------------------------- */

void einc_fault_propose(struct parser *p, struct diag *d,
                        const struct edit *edits, int n, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* `with` at a place, or nothing there if it is "". */
void einc_fault_instead(struct parser *p, struct diag *d, struct span at,
                        const char *with);
/* `with` between the last symbol and s. */
void einc_fault_between(struct parser *p, struct diag *d, struct symbol s,
                        const char *with);
/* What s looks like. */
void einc_fault_near(struct parser *p, struct diag *d, struct symbol s);
/* Parentheses around the value that begins with s, for what `head` calls. */
void einc_fault_parentheses(struct parser *p, struct diag *d, struct symbol s,
                            struct span head);
/* Where the value that begins with s ends: before what cannot be part of it.
 * The lexer is past s. */
int32_t einc_fault_value_end(const struct parser *p, struct symbol s);

#endif

/* SPDX-License-Identifier: MIT
 *
 * lex.h - bytes of a form A text -> tokens. Blanks stand between tokens and
 * are seen only as a gap between two spans. A word is a run of letters,
 * digits and '_': whether it is one label or several is the parser's to say.
 */
#ifndef EINC_PARSE_LEX_H
#define EINC_PARSE_LEX_H

#include "base/str.h"

enum token_kind {
    TOK_END,        /* of the text; empty span */
    TOK_WORD,       /* letters (any valid code point >= U+0080), digits, '_' */
    TOK_BRACED,     /* "{name}" */
    TOK_DOTS,       /* one dot or more */
    TOK_COMMA,
    TOK_ARROW,      /* "->" */
    TOK_NEAR_ARROW, /* "-", "=>", ">" and others that were meant as one */
    TOK_BAD_BRACES, /* "{...}" around what is no name */
    TOK_OPEN_BRACE, /* "{" with no "}" before the term ends */
    TOK_BAD_BYTE,   /* not UTF-8 */
    TOK_OTHER       /* any other character, NUL included */
};

struct token {
    enum token_kind kind;
    struct span at;
};

struct lexer {
    const unsigned char *p; /* the text; need not be 0-terminated */
    int32_t at, n;          /* next byte to read; bytes, < INT32_MAX */
};

struct token einc_lex_next(struct lexer *l);

#endif

/* SPDX-License-Identifier: MIT
 *
 * lex_program.h - bytes of a form B text -> symbols. Blanks and comments
 * ("# ..." up to the end of the line) stand between them.
 */
#ifndef EINC_PARSE_LEX_PROGRAM_H
#define EINC_PARSE_LEX_PROGRAM_H

#include "parse/lex.h"

enum symbol_kind {
    SYM_END,        /* of the text; empty span */
    SYM_NAME,       /* words that are reserved as well */
    SYM_INTEGER,    /* digits */
    SYM_FLOAT,      /* 1.5 .5 2. 1e-5 */
    SYM_BAD_NUMBER, /* a number with letters, digits or dots behind it */
    SYM_COMMA, SYM_SEMICOLON, SYM_COLON, SYM_QUESTION, SYM_ARROW,
    SYM_OPEN_PAREN, SYM_CLOSE_PAREN, SYM_OPEN_BRACKET, SYM_CLOSE_BRACKET,
    SYM_SET, SYM_SET_ADD, SYM_SET_MUL, SYM_SET_MAX, SYM_SET_MIN,
    SYM_ADD, SYM_SUB, SYM_MUL, SYM_DIV, SYM_MOD, SYM_POW,
    SYM_LT, SYM_LE, SYM_GT, SYM_GE, SYM_EQ, SYM_NE,
    SYM_AND, SYM_OR, SYM_NOT,
    SYM_NEAR,       /* an operator of other languages, or of form A: never
                     * legal here */
    SYM_BAD_BYTE,   /* not UTF-8 */
    SYM_OTHER       /* any other character, NUL included */
};

struct symbol {
    enum symbol_kind kind;
    struct span at;
};

struct symbol einc_lex_program(struct lexer *l);

#endif

/* SPDX-License-Identifier: MIT
 *
 * lex_program.re - see lex_program.h. Made into C by re2c, with the same way
 * of reading as lex.re: 0 past the end, which a real NUL byte is told from by
 * its place.
 */
#include "parse/lex_program.h"

struct symbol
einc_lex_program(struct lexer *l)
{
    int32_t begin, mark = 0;
    enum symbol_kind kind;
again:
    begin = l->at;
    /*!re2c
    re2c:api = custom;
    re2c:api:style = free-form;
    re2c:define:YYCTYPE = "unsigned char";
    re2c:define:YYPEEK = "(l->at < l->n ? l->p[l->at] : (unsigned char)0)";
    re2c:define:YYSKIP = "l->at++;";
    re2c:define:YYBACKUP = "mark = l->at;";
    re2c:define:YYRESTORE = "l->at = mark;";
    re2c:yyfill:enable = 0;

    tail = [\x80-\xbf];
    utf8 = [\xc2-\xdf] tail
         | "\xe0" [\xa0-\xbf] tail
         | [\xe1-\xec\xee\xef] tail tail
         | "\xed" [\x80-\x9f] tail
         | "\xf0" [\x90-\xbf] tail tail
         | [\xf1-\xf3] tail tail tail
         | "\xf4" [\x80-\x8f] tail tail;
    letter = [A-Za-z_] | utf8;
    digits = [0-9]+;
    exponent = [eE] [+-]? digits;
    float = digits "." digits? exponent? | "." digits exponent?
          | digits exponent;

    ([ \t\n] | "\r\n")+            { goto again; }
    "#" ([\x01-\x09\x0b-\x7f] | utf8)*
                                   { goto again; }
    letter (letter | [0-9])*       { kind = SYM_NAME; goto done; }
    digits                         { kind = SYM_INTEGER; goto done; }
    float                          { kind = SYM_FLOAT; goto done; }
    "."? digits (letter | [0-9] | ".")*
                                   { kind = SYM_BAD_NUMBER; goto done; }
    float (letter | ".") (letter | [0-9] | ".")*
                                   { kind = SYM_BAD_NUMBER; goto done; }

    ","                            { kind = SYM_COMMA; goto done; }
    ";"                            { kind = SYM_SEMICOLON; goto done; }
    ":"                            { kind = SYM_COLON; goto done; }
    "?"                            { kind = SYM_QUESTION; goto done; }
    "->"                           { kind = SYM_ARROW; goto done; }
    "("                            { kind = SYM_OPEN_PAREN; goto done; }
    ")"                            { kind = SYM_CLOSE_PAREN; goto done; }
    "["                            { kind = SYM_OPEN_BRACKET; goto done; }
    "]"                            { kind = SYM_CLOSE_BRACKET; goto done; }
    "="                            { kind = SYM_SET; goto done; }
    "+="                           { kind = SYM_SET_ADD; goto done; }
    "*="                           { kind = SYM_SET_MUL; goto done; }
    "max="                         { kind = SYM_SET_MAX; goto done; }
    "min="                         { kind = SYM_SET_MIN; goto done; }
    ("max" | "min") "=="           { l->at = begin + 3;
                                     kind = SYM_NAME; goto done; }
    "+"                            { kind = SYM_ADD; goto done; }
    "-"                            { kind = SYM_SUB; goto done; }
    "*"                            { kind = SYM_MUL; goto done; }
    "/"                            { kind = SYM_DIV; goto done; }
    "%"                            { kind = SYM_MOD; goto done; }
    "^"                            { kind = SYM_POW; goto done; }
    "<"                            { kind = SYM_LT; goto done; }
    "<="                           { kind = SYM_LE; goto done; }
    ">"                            { kind = SYM_GT; goto done; }
    ">="                           { kind = SYM_GE; goto done; }
    "=="                           { kind = SYM_EQ; goto done; }
    "!="                           { kind = SYM_NE; goto done; }
    "&&"                           { kind = SYM_AND; goto done; }
    "||"                           { kind = SYM_OR; goto done; }
    "!"                            { kind = SYM_NOT; goto done; }
    "**" | "//" | "&" | "|" | "<>" | "=<" | "=>" | "===" | "!=="
       | [-/%^:] "=" | "."+        { kind = SYM_NEAR; goto done; }
    "\x00"                         { goto zero; }
    [\x80-\xff]                    { kind = SYM_BAD_BYTE; goto done; }
    *                              { kind = SYM_OTHER; goto done; }
    */
zero:
    kind = begin < l->n ? SYM_OTHER : SYM_END;
    l->at = begin < l->n ? l->at : l->n;
done:
    return (struct symbol){kind, {begin, l->at}};
}

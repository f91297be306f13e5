/* SPDX-License-Identifier: MIT
 *
 * lex.re - see lex.h. Made into C by re2c. The text has a length and no
 * terminator: reading past it gives 0, which a real NUL byte is told from by
 * its place.
 */
#include "parse/lex.h"

struct token
einc_lex_next(struct lexer *l)
{
    int32_t begin, mark = 0;
    enum token_kind kind;
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
    letter = [A-Za-z] | utf8;
    name = (letter | "_") (letter | [0-9] | "_")*;

    ([ \t\n] | "\r\n")+            { goto again; }
    (letter | [0-9] | "_")+        { kind = TOK_WORD; goto done; }
    "{" name "}"                   { kind = TOK_BRACED; goto done; }
    "."+                           { kind = TOK_DOTS; goto done; }
    ","                            { kind = TOK_COMMA; goto done; }
    "->"                           { kind = TOK_ARROW; goto done; }
    "-"+ | "-" "-"+ ">" | "="+ ">"? | ">"+
                                   { kind = TOK_NEAR_ARROW; goto done; }
    "{" [^{},\n\x00]* "}"          { kind = TOK_BAD_BRACES; goto done; }
    "{"                            { kind = TOK_OPEN_BRACE; goto done; }
    "\x00"                         { goto zero; }
    [\x80-\xff]                    { kind = TOK_BAD_BYTE; goto done; }
    *                              { kind = TOK_OTHER; goto done; }
    */
zero:
    kind = begin < l->n ? TOK_OTHER : TOK_END;
    l->at = begin < l->n ? l->at : l->n;
done:
    return (struct token){kind, {begin, l->at}};
}

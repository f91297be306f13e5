/* SPDX-License-Identifier: MIT
 *
 * test_lex.c - tokens of texts that have a length and no terminator.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "parse/lex.h"

/* All tokens as "kind@begin:end ", from memory that ends with the text. */
static const char *
tokens(const char *s, int32_t n)
{
    static const char *const kinds[] = {"end",  "word", "braced", "dots",
                                        ",",    "->",   "near",   "badbraces",
                                        "open", "byte", "other"};
    static char out[1000];
    unsigned char *text = malloc(n ? (size_t)n : 1);
    memcpy(text, s, (size_t)n);
    struct lexer l = {text, 0, n};
    int at = 0;
    for (;;) {
        struct token t = einc_lex_next(&l);
        if (t.kind == TOK_END) {
            assert_int_equal(t.at.begin, n);
            assert_int_equal(t.at.end, n);
            break;
        }
        at += snprintf(out + at, sizeof out - (size_t)at, "%s%s@%d:%d",
                       at ? " " : "", kinds[t.kind], t.at.begin, t.at.end);
    }
    out[at] = 0;
    /* The end is there as often as it is asked for. */
    assert_int_equal(einc_lex_next(&l).kind, TOK_END);
    free(text);
    return out;
}

static const char *
of(const char *s)
{
    return tokens(s, (int32_t)strlen(s));
}

static void
test_kinds(void **state)
{
    (void)state;
    assert_string_equal(of(""), "");
    assert_string_equal(of(" \t\n\r\n"), "");
    assert_string_equal(of("ij,jk->ik"),
                        "word@0:2 ,@2:3 word@3:5 ->@5:7 word@7:9");
    assert_string_equal(of(" a_1 ... 2b "),
                        "word@1:4 dots@5:8 word@9:11");
    assert_string_equal(of("{ab}{_}"), "braced@0:4 braced@4:7");
    assert_string_equal(of("{1}{}{a b}"),
                        "badbraces@0:3 badbraces@3:5 badbraces@5:10");
    assert_string_equal(of("{a,b}"),
                        "open@0:1 word@1:2 ,@2:3 word@3:4 other@4:5");
    assert_string_equal(of("{"), "open@0:1");
    assert_string_equal(of("{ab"), "open@0:1 word@1:3");
    assert_string_equal(of(". .. ... ...."),
                        "dots@0:1 dots@2:4 dots@5:8 dots@9:13");
    assert_string_equal(of("->-> - >"), "->@0:2 ->@2:4 near@5:6 near@7:8");
    assert_string_equal(of("=> = > --> --"),
                        "near@0:2 near@3:4 near@5:6 near@7:10 near@11:13");
    assert_string_equal(of("%\r;"), "other@0:1 other@1:2 other@2:3");
}

static void
test_nul_is_a_character(void **state)
{
    (void)state;
    assert_string_equal(tokens("a\0b", 3), "word@0:1 other@1:2 word@2:3");
    assert_string_equal(tokens("\0", 1), "other@0:1");
    assert_string_equal(tokens("{a\0}", 4),
                        "open@0:1 word@1:2 other@2:3 other@3:4");
    assert_string_equal(tokens("-\0>", 3), "near@0:1 other@1:2 near@2:3");
}

static int32_t
encode(char *s, uint32_t point)
{
    if (point < 0x800) {
        s[0] = (char)(0xc0 | point >> 6);
        s[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    int n = point < 0x10000 ? 3 : 4;
    for (int i = n - 1; i > 0; i--) {
        s[i] = (char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    s[0] = (char)((n == 3 ? 0xe0 : 0xf0) | point);
    return n;
}

static void
test_every_code_point_is_a_letter(void **state)
{
    (void)state;
    char s[4];
    for (uint32_t point = 0x80; point < 0x110000; point++) {
        int32_t n = encode(s, point);
        struct lexer l = {(unsigned char *)s, 0, n};
        struct token t = einc_lex_next(&l);
        int surrogate = point >= 0xd800 && point < 0xe000;
        assert_int_equal(t.kind, surrogate ? TOK_BAD_BYTE : TOK_WORD);
        assert_int_equal(t.at.end, surrogate ? 1 : n);
        /* and is none with its last byte missing */
        l = (struct lexer){(unsigned char *)s, 0, n - 1};
        assert_int_equal(einc_lex_next(&l).kind, TOK_BAD_BYTE);
    }
}

static void
test_what_is_not_utf8(void **state)
{
    (void)state;
    assert_string_equal(of("a\x80"), "word@0:1 byte@1:2");
    assert_string_equal(of("\xc0\xaf"), "byte@0:1 byte@1:2");
    assert_string_equal(of("\xe0\x80\xaf"), "byte@0:1 byte@1:2 byte@2:3");
    assert_string_equal(of("\xf0\x80\x80\xaf"),
                        "byte@0:1 byte@1:2 byte@2:3 byte@3:4");
    assert_string_equal(of("\xf4\x90\x80\x80"),
                        "byte@0:1 byte@1:2 byte@2:3 byte@3:4");
    assert_string_equal(of("\xff" "a"), "byte@0:1 word@1:2");
    assert_string_equal(of("\xe2\x82,"), "byte@0:1 byte@1:2 ,@2:3");
    assert_string_equal(of("\xce\xb1\xce"), "word@0:2 byte@2:3");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_nul_is_a_character),
        cmocka_unit_test(test_every_code_point_is_a_letter),
        cmocka_unit_test(test_what_is_not_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

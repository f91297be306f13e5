/* SPDX-License-Identifier: MIT
 *
 * test_values.c - the edge cases of LANGUAGE.md, section 4, by their numbers:
 * operands in, values or a refusal out, by the interpreter and by compiled
 * kernels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/half.h"
#include "einc.h"

/* --- the table ---------------------------------------------------------- */

enum { MAX_IN = 5, MAX_RANK = 8 };

/* Tensors are written "f32 2x3 @-3,1+3: 1 2 3 4 5 6": type, shape ("()" is a
 * scalar), strides and the place of element (0, ...) in memory, values in the
 * order of memory; "4096*1" is many of them; complex ones are pairs. Without
 * values an input holds small integers, and a result is what the oracle says.
 * "E401" is a refusal with that code. */
struct row {
    const char *number, *expr;
    const char *in[MAX_IN];
    const char *want;
    uint32_t flags;
};

#define IN(...) {__VA_ARGS__}
#define ONE_TO_SIX "f32 2x3: 1 2 3 4 5 6"
#define SCALAR "f32 (): 5"

static const struct row rows[] = {
    {"E1", "", IN(SCALAR), "f32 (): 5", 0},
    {"E1", "->", IN(SCALAR), "f32 (): 5", 0},
    {"E1", ",", IN("f32 (): 2", "f32 (): 3"), "f32 (): 6", 0},
    {"E1", ",,->", IN("f32 (): 2", "f32 (): 3", "f32 (): 4"), "f32 (): 24", 0},
    {"E1", "...", IN(SCALAR), "f32 (): 5", 0},
    {"E1", "...->", IN(SCALAR), "f32 (): 5", 0},
    {"E1", "...->...", IN(SCALAR), "f32 (): 5", 0},
    {"E1", "->...", IN(SCALAR), "f32 (): 5", 0},

    {"E2", "", IN("f32 3"), "E304", 0},
    {"E2", "", IN(SCALAR, SCALAR), "E303", 0},
    {"E2", ",", IN(SCALAR), "E303", 0},
    {"E2", "i,j", IN("f32 3"), "E303", 0},
    {"E2", "i", IN("f32 3", "f32 3"), "E303", 0},
    {"E2", "i", IN(NULL), "E303", 0},
    {"E2", "", IN(NULL), "E303", 0},

    {"E3", "i,", IN("f32 3: 1 2 3", SCALAR), "f32 3: 5 10 15", 0},
    {"E3", ",i", IN(SCALAR, "f32 3: 1 2 3"), "f32 3: 5 10 15", 0},
    {"E3", "i,,j", IN("f32 3: 1 2 3", "f32 (): 2", "f32 2: 1 10"),
     "f32 3x2: 2 20 4 40 6 60", 0},
    {"E3", "i,,j", IN("f32 3", "f32 2"), "E303", 0},
    {"E3", "i,->i", IN("f32 3: 1 2 3", SCALAR), "f32 3: 5 10 15", 0},

    {"E4", " i -> i ", IN("f32 3: 1 2 3"), "f32 3: 1 2 3", 0},
    {"E4", "i j, j k -> i k", IN("f32 1x2: 1 2", "f32 2x1: 3 4"),
     "f32 1x1: 11", 0},
    {"E4", "i\t->i", IN("f32 3: 1 2 3"), "f32 3: 1 2 3", 0},
    {"E4", "i\n", IN("f32 3: 1 2 3"), "f32 3: 1 2 3", 0},
    {"E4", "i- >i", IN("f32 3"), "E201", 0},
    {"E4", "i - > i", IN("f32 3"), "E201", 0},
    {"E4", ". . .", IN("f32 3"), "E203", 0},

    {"E5", "i->->i", IN("f32 3"), "E202", 0},
    {"E5", "i->i->", IN("f32 3"), "E202", 0},
    {"E5", "i>i", IN("f32 3"), "E201", 0},
    {"E5", "i-i", IN("f32 3"), "E201", 0},
    {"E5", "i-", IN("f32 3"), "E201", 0},
    {"E5", "i=>i", IN("f32 3"), "E201", 0},
    {"E5", "ij->i,j", IN("f32 2x3"), "E205", 0},
    {"E5", "i,j->i,j", IN("f32 2", "f32 3"), "E205", 0},

    {"E6", "i%", IN("f32 3x3"), "E101", 0},
    {"E6", "i1", IN("f32 3x3"), "E102", 0},
    {"E6", "1", IN("f32 3"), "E102", 0},
    {"E6", "i_", IN("f32 3x3"), "E101", 0},
    {"E6", "i;j", IN("f32 3x3"), "E101", 0},

    {"E7", "é->é", IN("f32 3: 1 2 3"), "f32 3: 1 2 3", 0},
    {"E7", "中λ,λ->中", IN(ONE_TO_SIX, "f32 3: 1 1 1"), "f32 2: 6 15", 0},

    {"E8", "i..", IN("f32 3"), "E203", 0},
    {"E8", "i.", IN("f32 3"), "E203", 0},
    {"E8", ".i..", IN("f32 3"), "E203", 0},
    {"E8", "i....", IN("f32 3"), "E203", 0},
    {"E8", "......", IN("f32 3"), "E203", 0},
    {"E8", "...i...", IN("f32 3"), "E204", 0},
    {"E8", "i->..", IN("f32 3"), "E203", 0},
    {"E8", "i->.i..", IN("f32 3"), "E203", 0},

    {"E9", "Aa,aA->Aa", IN(ONE_TO_SIX, "f32 3x2: 1 2 3 4 5 6"),
     "f32 2x3: 1 6 15 8 20 36", 0},
    {"E9", "baB", IN("f32 2x3x4"), "f32 4x3x2", 0},
    {"E9", "aB", IN(ONE_TO_SIX), "f32 3x2: 1 4 2 5 3 6", 0},
    {"E9", "Ba", IN(ONE_TO_SIX), ONE_TO_SIX, 0},

    {"E10", "ij,jk", IN(ONE_TO_SIX, "f32 3x1: 1 1 1"), "f32 2x1: 6 15", 0},
    {"E10", "ij,jh", IN("f32 2x3", "f32 3x4"), "f32 4x2", 0},
    {"E10", "ji", IN(ONE_TO_SIX), "f32 3x2: 1 4 2 5 3 6", 0},
    {"E10", "ii", IN("f32 2x2: 1 2 3 4"), "f32 (): 5", 0},
    {"E10", "a,a,b,b",
     IN("f32 2: 1 2", "f32 2: 3 4", "f32 2: 1 1", "f32 2: 2 3"),
     "f32 (): 55", 0},
    {"E10", "i,i,i", IN("f32 2: 1 2", "f32 2: 3 4", "f32 2: 5 6"),
     "f32 (): 63", 0},
    {"E10", "ab,b", IN(ONE_TO_SIX, "f32 3: 1 10 100"), "f32 2: 321 654", 0},

    {"E11", "b...a", IN("f32 2x3x4"), "f32 3x4x2", 0},
    {"E11", "i,...", IN("f32 4", "f32 2x3"), "f32 2x3x4", 0},
    {"E11", "...ij,...jk", IN("f32 5x2x3", "f32 5x3x4"), "f32 5x2x4", 0},
    {"E11", "i...i", IN("f32 2x3x2: 1 2 3 4 5 6 7 8 9 10 11 12"),
     "f32 3: 9 13 17", 0},

    {"E13", "i->j", IN("f32 3"), "E301", 0},
    {"E13", "i->ij", IN("f32 3"), "E301", 0},
    {"E13", "->i", IN(SCALAR), "E301", 0},
    {"E13", "...->i", IN("f32 3"), "E301", 0},
    {"E13", "ii->ii", IN("f32 2x2"), "E302", 0},
    {"E13", "ij->jj", IN("f32 2x2"), "E302", 0},

    {"E14", "ij->...", IN(ONE_TO_SIX), "f32 (): 21", 0},
    {"E14", "i->...i", IN("f32 3: 1 2 3"), "f32 3: 1 2 3", 0},
    {"E14", "i->i...", IN("f32 3: 1 2 3"), "f32 3: 1 2 3", 0},
    {"E14", "ij->i...j", IN(ONE_TO_SIX), ONE_TO_SIX, 0},

    {"E15", "...->", IN(ONE_TO_SIX), "f32 (): 21", 0},
    {"E15", "...i->i", IN(ONE_TO_SIX), "f32 3: 5 7 9", 0},
    {"E15", "...,...->", IN("f32 2: 1 2", "f32 2: 3 4"), "f32 (): 11", 0},
    {"E15", "...->", IN(ONE_TO_SIX), "E306", EINC_STRICT_NUMPY},
    {"E15", "...i->i", IN(ONE_TO_SIX), "E306", EINC_STRICT_NUMPY},
    {"E15", "...,...->", IN("f32 2", "f32 2"), "E306", EINC_STRICT_NUMPY},

    {"E16", "...i->i", IN("f32 3: 1 2 3"), "f32 3: 1 2 3", 0},
    {"E16", "...i->i", IN("f32 3: 1 2 3"), "f32 3: 1 2 3", EINC_STRICT_NUMPY},

    {"E17", "...i,...i", IN(ONE_TO_SIX, "f32 3: 1 10 100"),
     "f32 2: 321 654", 0},
    {"E17", "...,...", IN("f32 2x1: 1 2", "f32 3: 1 2 3"),
     "f32 2x3: 1 2 3 2 4 6", 0},
    {"E17", "...,...", IN("f32 2x3", "f32 2"), "E403", 0},
    {"E17", "...,...->...", IN("f32 2x1x3", "f32 4x1"), "f32 2x4x3", 0},
    {"E17", "ij...,j->ij...", IN("f32 2x3x2", "f32 3"), "f32 2x3x2", 0},
    {"E17", "...kl,k", IN("f32 5x2x3", "f32 2"), "f32 5x3", 0},

    {"E18", "i...,i...", IN("f32 2x3", "f32 2x4x3"), "f32 4x3", 0},
    {"E18", "a...b,b...->a...", IN("f32 9x1x4x3", "f32 3x11x7x1"),
     "f32 9x11x7x4", 0},
    {"E18", "a...b,b...->a...", IN("f32 9x2x4x3", "f32 3x11x7x1"),
     "E403", 0},

    {"E19", "...i", IN(SCALAR), "E305", 0},
    {"E19", "i...", IN(SCALAR), "E305", 0},
    {"E19", "ijk...->...", IN("f32 2x3"), "E305", 0},

    {"E20", "i,i->i", IN("f32 3: 1 2 3", "f32 1: 2"), "f32 3: 2 4 6", 0},
    {"E20", "i,i", IN("f32 3: 1 1 1", "f32 1: 2"), "f32 (): 6", 0},
    {"E20", "ij,ij->ij", IN("f32 2x1: 1 2", "f32 1x3: 1 2 3"),
     "f32 2x3: 1 2 3 2 4 6", 0},
    {"E20", "ijk,ijk->k", IN("f32 1x3x2: 1 2 3 4 5 6",
                             "f32 4x1x2: 1 1 1 1 1 1 1 1"),
     "f32 2: 36 48", 0},
    {"E20", "i,i->i", IN("f32 3", "f32 1"), "E401", EINC_STRICT_SIZES},

    {"E21", "i,i", IN("f32 3", "f32 2"), "E401", 0},

    {"E22", "i,i->i", IN("f32 0", "f32 1: 7"), "f32 0", 0},
    {"E22", "i,i->", IN("f32 0", "f32 1: 7"), "f32 (): 0", 0},
    {"E22", "i,i->", IN("f32 1: 7", "f32 0"), "f32 (): 0", 0},

    {"E23", "ij->i", IN("f32 2x0"), "f32 2: 0 0", 0},
    {"E23", "ij,jk->ik", IN("f32 2x0", "f32 0x3"), "f32 2x3: 6*0", 0},
    {"E23", "i->", IN("f64 0"), "f64 (): 0", 0},
    {"E23", "ii->", IN("i32 0x0"), "i32 (): 0", 0},
    {"E23", "i->", IN("bool 0"), "bool (): 0", 0},
    {"E23", "i->", IN("c64 0"), "c64 (): 0 0", 0},

    {"E24", "ii->i", IN("f32 1x3"), "E402", 0},
    {"E24", "ii", IN("f32 1x3"), "E402", 0},
    {"E24", "ii", IN("f32 3x1"), "E402", 0},

    {"E25", "ii->i", IN("f32 0x3"), "E402", 0},
    {"E25", "ii->i", IN("f32 3x0"), "E402", 0},

    {"E26", "ii,i->i", IN("f32 1x1: 2", "f32 3: 1 2 3"), "f32 3: 2 4 6", 0},

    {"E27", "aabb->ab", IN("f32 2x2x2x2"), "f32 2x2", 0},
    {"E27", "ijij->", IN("f32 2x3x2x3"), "f32 ()", 0},
    {"E27", "iji->j", IN("f32 2x2x2: 1 2 3 4 5 6 7 8"), "f32 2: 7 11", 0},
    {"E27", "iii->i", IN("f32 2x2x2: 1 2 3 4 5 6 7 8"), "f32 2: 1 8", 0},
    {"E27", "bbcdc->d", IN("f32 1x1x3x1x3: 0 1 2 3 4 5 6 7 8"),
     "f32 1: 12", 0},
    {"E27", "ii,jj->ij", IN("f32 2x2: 1 2 3 4", "f32 2x2: 5 6 7 8"),
     "f32 2x2: 5 8 20 32", 0},

    {"E28", "i,i", IN("i32 2: 1 2", "f32 2: 3 4"), "f64 (): 11", 0},
    {"E28", "i,i", IN("u8 2: 1 2", "i8 2: -3 4"), "i16 (): 5", 0},
    {"E28", "i,i", IN("u64 2: 1 2", "i64 2: -3 4"), "f64 (): 5", 0},
    {"E28", "i,i", IN("u64 2: 1 2", "i8 2: -3 4"), "f64 (): 5", 0},
    {"E28", "i,i", IN("f16 2: 1 2", "f32 2: 3 4"), "f32 (): 11", 0},
    {"E28", "i,i", IN("f32 2: 1 2", "c64 2: 3 1 4 1"), "c64 (): 11 3", 0},
    {"E28", "i,i", IN("bool 2: 1 0", "i32 2: 7 4"), "i32 (): 7", 0},
    {"E28", "i,i", IN("i32 2: 1 2", "f16 2: 3 4"), "f64 (): 11", 0},
    {"E28", "i,i", IN("i8 2: 1 2", "bf16 2: 3 4"), "bf16 (): 11", 0},
    {"E28", "i,i", IN("f16 2: 1 2", "bf16 2: 3 4"), "f32 (): 11", 0},

    {"E29", "i,i", IN("i8 3: 3*100", "i8 3: 3*2"), "i8 (): 88", 0},
    {"E29", "i->", IN("i8 3: 3*100"), "i8 (): 44", 0},
    {"E29", "i->", IN("u8 300: 300*1"), "u8 (): 44", 0},
    {"E29", "i,", IN("i32 1: 2147483647", "i32 (): 2"), "i32 1: -2", 0},
    {"E29", "i,", IN("i64 1: 9223372036854775807", "i64 (): 2"),
     "i64 1: -2", 0},
    {"E29", "i->", IN("u16 2: 65535 2"), "u16 (): 1", 0},

    {"E30", "i->", IN("bool 3: 1 1 0"), "bool (): 1", 0},
    {"E30", "i->", IN("bool 3: 0 0 0"), "bool (): 0", 0},
    {"E30", "i,i->i", IN("bool 3: 1 1 0", "bool 3: 1 0 0"), "bool 3: 1 0 0",
     0},
    {"E30", "ij,jk->ik", IN("bool 2x2: 1 1 0 0", "bool 2x2: 1 0 1 0"),
     "bool 2x2: 1 0 0 0", 0},

    {"E31", "i->", IN("f16 4096: 4096*1"), "f16 (): 4096", 0},
    {"E31", "i->", IN("bf16 1024: 1024*1"), "bf16 (): 1024", 0},
    {"E31", "i,i", IN("c64 1: 0 1", "c64 1: 0 1"), "c64 (): -1 0", 0},
    {"E31", "i,i", IN("c128 1: 2 3", "c128 1: 4 5"), "c128 (): -7 22", 0},

    {"E32", "i,i", IN("f32 2: inf 1", "f32 2: 0 1"), "f32 (): nan", 0},
    {"E32", "ii->i", IN("f32 2x2: 1 nan nan 4"), "f32 2: 1 4", 0},
    {"E32", "ij->i", IN("f32 2x2: 1 nan 3 4"), "f32 2: nan 7", 0},
    {"E32", "i->", IN("f64 2: inf 1"), "f64 (): inf", 0},
    {"E32", "i->", IN("f16 2: 65504 65504"), "f16 (): inf", 0},
    {"E32", "ij,jk->ik", IN("f32 2x2: inf 1 1 1", "f32 2x2: 0 1 1 1"),
     "f32 2x2: nan inf 1 2", 0},
    {"E32", "i->i", IN("f32 3: -0 inf nan"), "f32 3: -0 inf nan", 0},

    {"E34", "ij->ji", IN(ONE_TO_SIX), "f32 3x2: 1 4 2 5 3 6", 0},
    {"E34", "ii->i", IN("f32 2x2: 1 2 3 4"), "f32 2: 1 4", 0},
    {"E34", "...", IN(ONE_TO_SIX), ONE_TO_SIX, 0},

    {"E35", "i->i", IN("f32 3 @-1+2: 1 2 3"), "f32 3: 3 2 1", 0},
    {"E35", "ij->", IN("f32 2x3 @0,0+0: 1"), "f32 (): 6", 0},
    {"E35", "ij->ij", IN("f32 2x3 @1,2+0: 1 2 3 4 5 6"),
     "f32 2x3: 1 3 5 2 4 6", 0},
    {"E35", "ij,jk->ik", IN("f32 2x2 @-2,-1+3: 1 2 3 4",
                            "f32 2x2 @0,1+0: 1 10"),
     "f32 2x2: 7 70 3 30", 0},
    {"E35", "ij->i", IN("f32 3x2 @1,1+0: 1 2 3 4"), "f32 3: 3 5 7", 0},

    {"E37", "ij,ij->ij", IN("f32 1x3: 1 2 3", "f32 2x3: 1 1 1 2 2 2"),
     "f32 2x3: 1 2 3 2 4 6", 0},
    {"E37", "ij,ij->ij", IN("f32 2x3: 1 1 1 2 2 2", "f32 1x3: 1 2 3"),
     "f32 2x3: 1 2 3 2 4 6", 0},
    {"E37", "i,i->i", IN("f32 1: 2", "f32 3: 1 2 3"), "f32 3: 2 4 6", 0},
    {"E37", "ij,jk->ik", IN("f32 2x1: 1 2", "f32 3x2: 1 2 3 4 5 6"),
     "f32 2x2: 9 12 18 24", 0},
    {"E37", "jk,ij->ik", IN("f32 3x2: 1 2 3 4 5 6", "f32 2x1: 1 2"),
     "f32 2x2: 9 12 18 24", 0},
};

/* --- tensors from text -------------------------------------------------- */

struct array {
    struct einc_layout layout;
    int64_t shape[MAX_RANK], stride[MAX_RANK];
    int64_t first, count; /* of element (0, ...) in memory; elements there */
    char *memory;         /* NULL: no values were written */
    size_t bytes;
};

static void
store(enum einc_dtype t, char *p, const char *word)
{
    int64_t n = strtoll(word, NULL, 10);
    double v = strtod(word, NULL);
    uint64_t bits = (uint64_t)n;
    uint16_t half = t == EINC_F16 ? half_f32_to_f16((float)v)
                                  : half_f32_to_bf16((float)v);
    float f = (float)v;
    switch (t) {
    case EINC_F16: case EINC_BF16: memcpy(p, &half, 2); return;
    case EINC_F32: case EINC_C64: memcpy(p, &f, 4); return;
    case EINC_F64: case EINC_C128: memcpy(p, &v, 8); return;
    default: memcpy(p, &bits, einc_dtype_bytes(t)); return;
    }
}

/* The values behind ':' into x->memory. */
static void
read_values(struct array *x, const char *at)
{
    enum einc_dtype t = (enum einc_dtype)x->layout.dtype;
    int planes = t == EINC_C64 || t == EINC_C128 ? 2 : 1;
    size_t part = einc_dtype_bytes(t) / (size_t)planes, n = 0;
    x->memory = malloc(8192 * 16);
    assert_non_null(x->memory);
    while (*at) {
        char word[40];
        int used, many = 1, length = 0;
        if (sscanf(at, " %d*%n", &many, &length) != 1 || !length)
            many = 1, length = 0;
        assert_int_equal(sscanf(at + length, " %39s%n", word, &used), 1);
        at += length + used;
        for (; many > 0; many--)
            store(t, x->memory + part * n++, word);
        while (*at == ' ')
            at++;
    }
    x->count = (int64_t)(n / (size_t)planes);
    x->bytes = part * n;
}

static void
fill(struct array *x)
{
    enum einc_dtype t = (enum einc_dtype)x->layout.dtype;
    char word[16];
    x->memory = malloc(x->bytes + 1);
    assert_non_null(x->memory);
    assert_true(t == EINC_F32 || x->count == 0);
    for (int64_t j = 0; j < x->count; j++) {
        snprintf(word, sizeof word, "%d", (int)(7 * j % 5) - 2);
        store(t, x->memory + 4 * j, word);
    }
}

static const char *
read_numbers(const char *at, char between, int64_t *to, int *n)
{
    char *end;
    for (;;) {
        to[(*n)++] = strtoll(at, &end, 10);
        if (*end != between)
            return end;
        at = end + 1;
    }
}

static void
tensor_read(struct array *x, const char *text)
{
    char name[8];
    int used, n = 0;
    *x = (struct array){0};
    assert_int_equal(sscanf(text, "%7s %n", name, &used), 1);
    const char *at = text + used;
    x->layout.size = sizeof x->layout;
    x->layout.dtype = (int32_t)einc_dtype_parse(name);
    x->layout.shape = x->shape;
    assert_int_not_equal(x->layout.dtype, 0);
    if (strncmp(at, "()", 2) == 0)
        at += 2;
    else
        at = read_numbers(at, 'x', x->shape, &x->layout.ndim);
    x->count = 1;
    for (int d = 0; d < x->layout.ndim; d++)
        x->count *= x->shape[d];
    x->bytes = (size_t)x->count *
               einc_dtype_bytes((enum einc_dtype)x->layout.dtype);
    if (strncmp(at, " @", 2) == 0) {
        at = read_numbers(at + 2, ',', x->stride, &n);
        x->first = strtoll(at, NULL, 10);
        x->layout.stride = x->stride;
        at = strchr(at, ':');
    }
    if (*at == ':')
        read_values(x, at + 1);
}

static int
is_nan_at(enum einc_dtype t, const char *p, size_t i)
{
    float f;
    double d;
    switch (t) {
    case EINC_F16: memcpy(&i, p + 2 * i, 2);
                   return (i & 0x7fff) > 0x7c00;
    case EINC_F32: memcpy(&f, p + 4 * i, 4); return f != f;
    case EINC_F64: memcpy(&d, p + 8 * i, 8); return d != d;
    default: return 0;
    }
}

/* Bit for bit, but that one NaN is as good as another. */
static void
assert_same(enum einc_dtype t, const char *got, const char *want, int64_t n,
            const char *what)
{
    size_t size = einc_dtype_bytes(t);
    for (size_t i = 0; i < (size_t)n; i++) {
        if (memcmp(got + size * i, want + size * i, size) == 0)
            continue;
        if (is_nan_at(t, got, i) && is_nan_at(t, want, i))
            continue;
        fail_msg("%s: element %zu is not what it should be", what, i);
    }
}

/* --- contexts ----------------------------------------------------------- */

enum { N_TIERS = 2 };

struct fixture {
    struct einc_ctx *ctx[N_TIERS]; /* interpreter, compiler (or NULL) */
    char cache[512];
};

static const char *const tier_names[N_TIERS] = {"interpreter", "compiler"};

static int
open_all(void **state)
{
    static struct fixture f;
    const char *tmp = getenv("TMPDIR");
    snprintf(f.cache, sizeof f.cache, "%s/einc-values-XXXXXX",
             tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(f.cache))
        return -1;
    for (int t = 0; t < N_TIERS; t++) {
        struct einc_config c = {.size = sizeof c, .threads = 2,
                                .cache_dir = f.cache,
                                .tier = t ? EINC_TIER_CC : EINC_TIER_INTERP};
        if (einc_ctx_create(&c, &f.ctx[t], NULL) != EINC_OK)
            return -1;
    }
    struct einc_layout in = {sizeof in, EINC_F32, 0, 0, NULL, NULL};
    struct einc_plan *plan;
    struct einc_err *err = NULL;
    if (einc_compile(f.ctx[1], "", 1, &in, NULL, NULL, &plan, &err) ==
        EINC_OK) {
        einc_plan_free(plan);
    } else {
        print_message("compiled kernels are not tested: %s",
                      einc_err_text(err));
        einc_ctx_free(f.ctx[1]);
        f.ctx[1] = NULL;
    }
    einc_err_free(err);
    *state = &f;
    return 0;
}

static void
remove_folder(const char *path)
{
    DIR *d = opendir(path);
    char name[1024];
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof name, "%s/%.255s", path, e->d_name);
        if (unlink(name))
            remove_folder(name);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

static int
close_all(void **state)
{
    struct fixture *f = *state;
    for (int t = 0; t < N_TIERS; t++)
        einc_ctx_free(f->ctx[t]);
    remove_folder(f->cache);
    return 0;
}

/* --- one row ------------------------------------------------------------ */

struct running {
    const struct row *row;
    const char *tier;
    char what[300];
    size_t n_in;
    struct array in[MAX_IN], want;
    struct einc_layout layouts[MAX_IN];
    const void *data[MAX_IN];
};

static void
read_row(struct running *r)
{
    r->n_in = 0;
    for (int o = 0; o < MAX_IN && r->row->in[o]; o++, r->n_in++) {
        struct array *x = &r->in[o];
        tensor_read(x, r->row->in[o]);
        if (!x->memory)
            fill(x);
        r->layouts[o] = x->layout;
        r->data[o] =
            x->memory + x->first * (int64_t)einc_dtype_bytes(
                                       (enum einc_dtype)x->layout.dtype);
    }
    snprintf(r->what, sizeof r->what, "%s '%s', %s", r->row->number,
             r->row->expr, r->tier);
}

static void
free_row(struct running *r)
{
    for (size_t o = 0; o < r->n_in; o++)
        free(r->in[o].memory);
    free(r->want.memory);
    r->want.memory = NULL;
}

static void
expect_refusal(const struct running *r, enum einc_status status,
               const struct einc_err *err)
{
    const struct einc_diag *d = einc_err_diag(err, 0);
    if (status == EINC_OK)
        fail_msg("%s: should be refused with %s", r->what, r->row->want);
    if (!d || strcmp(d->code, r->row->want) != 0)
        fail_msg("%s: should be %s, is: %s", r->what, r->row->want,
                 einc_err_text(err));
}

static void
expect_values(struct running *r, const struct einc_plan *plan)
{
    struct einc_layout made;
    enum einc_dtype t = (enum einc_dtype)r->want.layout.dtype;
    assert_int_equal(einc_plan_layout(plan, &made), EINC_OK);
    if (made.dtype != r->want.layout.dtype ||
        made.ndim != r->want.layout.ndim ||
        (made.ndim && memcmp(made.shape, r->want.shape,
                             (size_t)made.ndim * sizeof *made.shape) != 0))
        fail_msg("%s: the result has another shape or type", r->what);
    char *got = malloc(r->want.bytes + 1), *oracle = malloc(r->want.bytes + 1);
    assert_non_null(got);
    assert_non_null(oracle);
    memset(got, 0x55, r->want.bytes);
    assert_int_equal(einc_run(plan, r->data, got, NULL, NULL), EINC_OK);
    assert_int_equal(einc_reference(plan, r->data, oracle, NULL, NULL),
                     EINC_OK);
    assert_same(t, got, oracle, r->want.count, r->what);
    if (r->want.memory)
        assert_same(t, got, r->want.memory, r->want.count, r->what);
    free(got);
    free(oracle);
}

static void
check_row(struct einc_ctx *ctx, struct running *r)
{
    struct einc_options opts = {.size = sizeof opts, .flags = r->row->flags};
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    read_row(r);
    enum einc_status status =
        einc_compile(ctx, r->row->expr, r->n_in, r->layouts, NULL, &opts,
                     &plan, &err);
    if (r->row->want[0] == 'E') {
        expect_refusal(r, status, err);
    } else if (status != EINC_OK) {
        fail_msg("%s: %s", r->what, einc_err_text(err));
    } else {
        tensor_read(&r->want, r->row->want);
        expect_values(r, plan);
    }
    einc_plan_free(plan);
    einc_err_free(err);
    free_row(r);
}

static void
check_rows(void **state, const char *number)
{
    const struct fixture *f = *state;
    int n = 0;
    for (int t = 0; t < N_TIERS; t++)
        for (size_t k = 0; f->ctx[t] && k < sizeof rows / sizeof *rows; k++) {
            struct running r = {.row = &rows[k], .tier = tier_names[t]};
            if (strcmp(rows[k].number, number) != 0)
                continue;
            check_row(f->ctx[t], &r);
            n++;
        }
    assert_true(n > 0);
}

/* --- cases that are more than a row ------------------------------------- */

static struct einc_layout
floats(int ndim, const int64_t *shape)
{
    return (struct einc_layout){sizeof(struct einc_layout), EINC_F32, ndim, 0,
                                shape, NULL};
}

/* E12: integer labels; numeric order is the order of an implicit output. */
static void
test_integer_labels(void **state)
{
    const struct fixture *f = *state;
    const float x[6] = {1, 2, 3, 4, 5, 6};
    const int32_t turned[] = {26, 25}, straight[] = {25, 26};
    const int32_t dots[] = {EINC_ELLIPSIS, 7}, seven[] = {7};
    const int32_t negative[] = {-1, 2};
    const size_t two[] = {2};
    const void *data[] = {x};
    struct einc_layout in = floats(2, (const int64_t[]){2, 3});
    const struct {
        const int32_t *ids, *out;
        size_t n_out;
        float want[6];
        int n;
    } cases[] = {
        {turned, NULL, 0, {1, 4, 2, 5, 3, 6}, 6},
        {straight, NULL, 0, {1, 2, 3, 4, 5, 6}, 6},
        {dots, seven, 1, {5, 7, 9}, 3},
    };
    for (int t = 0; t < N_TIERS; t++)
        for (size_t k = 0; f->ctx[t] && k < 3; k++) {
            struct einc_plan *plan;
            float out[6];
            assert_int_equal(
                einc_compile_ids(f->ctx[t], 1, &cases[k].ids, two,
                                 cases[k].out, cases[k].n_out, &in, NULL,
                                 NULL, &plan, NULL), EINC_OK);
            assert_int_equal(einc_run(plan, data, out, NULL, NULL), EINC_OK);
            for (int j = 0; j < cases[k].n; j++)
                assert_true(out[j] == cases[k].want[j]);
            einc_plan_free(plan);
        }
    const int32_t *bad = negative;
    struct einc_plan *plan;
    assert_int_equal(einc_compile_ids(f->ctx[0], 1, &bad, two, NULL, 0, &in,
                                      NULL, NULL, &plan, NULL), EINC_EPARSE);
    assert_null(plan);
}

struct given {
    const char *expr;
    struct einc_layout in[2], out;
    size_t n_in;
    const void *data[2];
    void *to;
};

static void
run_given(struct einc_ctx *ctx, const struct given *g, enum einc_status want)
{
    struct einc_plan *plan;
    assert_int_equal(einc_compile(ctx, g->expr, g->n_in, g->in, &g->out, NULL,
                                  &plan, NULL), want);
    if (want == EINC_OK)
        assert_int_equal(einc_run(plan, g->data, g->to, NULL, NULL), EINC_OK);
    einc_plan_free(plan);
}

/* E33: overwritten; rank, type and overlap of what is given. */
static void
test_given_output(void **state)
{
    const struct fixture *f = *state;
    const int64_t two_two[] = {2, 2}, two[] = {2}, three[] = {3};
    for (int t = 0; t < N_TIERS; t++) {
        if (!f->ctx[t])
            continue;
        float a[4] = {1, 2, 3, 4}, b[4] = {5, 6, 7, 8};
        struct given g = {"ij,jk->ik", {floats(2, two_two),
                                        floats(2, two_two)},
                          floats(2, two_two), 2, {a, b}, a};
        run_given(f->ctx[t], &g, EINC_OK);
        const float product[4] = {19, 22, 43, 50};
        assert_memory_equal(a, product, sizeof a);
        float line[5] = {1, 2, 3, 4, 5}; /* out is one element further on */
        struct given shift = {"i->i", {floats(1, (const int64_t[]){4})},
                              floats(1, (const int64_t[]){4}), 1, {line},
                              line + 1};
        run_given(f->ctx[t], &shift, EINC_OK);
        const float shifted[5] = {1, 1, 2, 3, 4};
        assert_memory_equal(line, shifted, sizeof line);
        float square[4] = {1, 2, 3, 4}; /* a transpose in place */
        struct given turn = {"ij->ji", {floats(2, two_two)},
                             floats(2, two_two), 1, {square}, square};
        run_given(f->ctx[t], &turn, EINC_OK);
        const float turned[4] = {1, 3, 2, 4};
        assert_memory_equal(square, turned, sizeof square);
        g.out = floats(1, two);
        run_given(f->ctx[t], &g, EINC_ESHAPE);
        g.out = floats(2, two_two);
        g.out.dtype = EINC_F16;
        run_given(f->ctx[t], &g, EINC_EDTYPE);
        struct given wide = {"i->i", {floats(1, (const int64_t[]){1})},
                             floats(1, three), 1, {b}, a};
        run_given(f->ctx[t], &wide, EINC_ESHAPE);
    }
}

/* E35: an output with gaps, reversed; its other elements stay. */
static void
test_strides(void **state)
{
    const struct fixture *f = *state;
    check_rows(state, "E35");
    const float a[4] = {1, 2, 3, 4};
    const int64_t shape[] = {2, 2}, stride[] = {4, -2}, apart[] = {1, 1};
    for (int t = 0; t < N_TIERS; t++) {
        if (!f->ctx[t])
            continue;
        float out[8] = {-1, -2, -3, -4, -5, -6, -7, -8};
        struct given g = {"ij->ij", {floats(2, shape)}, floats(2, shape), 1,
                          {a}, out + 2};
        g.out.stride = stride;
        run_given(f->ctx[t], &g, EINC_OK);
        const float want[8] = {2, -2, 1, -4, 4, -6, 3, -8};
        assert_memory_equal(out, want, sizeof out);
        g.out.stride = apart; /* elements (0,1) and (1,0) are one */
        run_given(f->ctx[t], &g, EINC_EALIAS);
    }
}

/* "{l0}{l1},{l1}{l2}, ... ->{l0}{lN}" of 2x2 matrices. */
static void
run_chain(struct einc_ctx *ctx, int n)
{
    enum { MOST = 128 };
    char *text = malloc(64 * MOST);
    int at = 0;
    const int64_t shape[] = {2, 2};
    const float shear[4] = {1, 1, 0, 1};
    struct einc_layout in[MOST];
    const void *data[MOST];
    float out[4];
    assert_non_null(text);
    for (int o = 0; o < n; o++) {
        at += sprintf(text + at, "%s{l%d}{l%d}", o ? "," : "", o, o + 1);
        in[o] = floats(2, shape);
        data[o] = shear;
    }
    sprintf(text + at, "->{l0}{l%d}", n);
    struct einc_plan *plan;
    assert_int_equal(einc_compile(ctx, text, (size_t)n, in, NULL, NULL, &plan,
                                  NULL), EINC_OK);
    assert_int_equal(einc_run(plan, data, out, NULL, NULL), EINC_OK);
    const float want[4] = {1, (float)n, 0, 1};
    assert_memory_equal(out, want, sizeof out);
    einc_plan_free(plan);
    free(text);
}

static void
run_hadamard(struct einc_ctx *ctx, int n)
{
    enum { MOST = 128 };
    char text[2 * MOST + 8];
    const int64_t shape[] = {3};
    const float twos[3] = {1, 2, -1};
    struct einc_layout in[MOST];
    const void *data[MOST];
    float out[3];
    int at = 0;
    for (int o = 0; o < n; o++) {
        at += sprintf(text + at, "%sa", o ? "," : "");
        in[o] = floats(1, shape);
        data[o] = twos;
    }
    sprintf(text + at, "->a");
    struct einc_plan *plan;
    assert_int_equal(einc_compile(ctx, text, (size_t)n, in, NULL, NULL, &plan,
                                  NULL), EINC_OK);
    assert_int_equal(einc_run(plan, data, out, NULL, NULL), EINC_OK);
    const float want[3] = {1, 0x1p100f, 1};
    assert_memory_equal(out, want, sizeof out);
    einc_plan_free(plan);
}

/* E36: many operands, many labels; a tensor of more dims than a kernel has
 * loops is refused with a code of its own. */
static void
test_limits(void **state)
{
    const struct fixture *f = *state;
    for (int t = 0; t < N_TIERS; t++)
        if (f->ctx[t]) {
            run_hadamard(f->ctx[t], 100);
            run_chain(f->ctx[t], t ? 72 : 100); /* 101 labels; 73 */
        }
    char text[80 * 8];
    int64_t shape[80];
    int at = 0;
    for (int d = 0; d < 80; d++) {
        shape[d] = 1;
        at += sprintf(text + at, "{l%d}", d);
    }
    struct einc_layout in = floats(80, shape);
    struct einc_plan *plan;
    struct einc_err *err;
    assert_int_equal(einc_compile(f->ctx[0], text, 1, &in, NULL, NULL, &plan,
                                  &err), EINC_ELIMIT);
    assert_string_equal(einc_err_diag(err, 0)->code, "E802");
    einc_err_free(err);
}

/* E38: names, order of operands and path change neither shape nor, for
 * integers, values. */
static void
test_spelling(void **state)
{
    const struct fixture *f = *state;
    const char *const exprs[] = {"ab,bc,cd->ad", "zY,Yq,qe->ze",
                                 "{x}{y},{y}{k},{k}{h2}->{x}{h2}"};
    const char *const orders[] = {"cd,ab,bc->ad", "bc,cd,ab->ad"};
    const char *const paths[] = {"auto", "greedy", "dp", "random:1",
                                 "random:2"};
    const int64_t shape[3][2] = {{2, 3}, {3, 4}, {4, 2}};
    const float m[12] = {1, -2, 3, 4, -5, 6, 7, 8, -9, 1, 2, 3};
    struct einc_layout in[3];
    for (int o = 0; o < 3; o++)
        in[o] = floats(2, shape[o]);
    const struct einc_layout turned[2][3] = {{in[2], in[0], in[1]},
                                             {in[1], in[2], in[0]}};
    const void *data[3] = {m, m, m};
    float first[4], out[4];
    for (int t = 0; t < N_TIERS; t++)
        for (int k = 0; f->ctx[t] && k < 3 + 2 + 5; k++) {
            struct einc_options o = {.size = sizeof o};
            o.path = k < 5 ? NULL : paths[k - 5];
            const char *expr = k < 3 ? exprs[k] : k < 5 ? orders[k - 3]
                                                        : exprs[0];
            struct einc_plan *plan;
            struct einc_layout made;
            assert_int_equal(
                einc_compile(f->ctx[t], expr, 3,
                             k == 3 || k == 4 ? turned[k - 3] : in, NULL, &o,
                             &plan, NULL), EINC_OK);
            assert_int_equal(einc_plan_layout(plan, &made), EINC_OK);
            assert_int_equal(made.ndim, 2);
            assert_int_equal(made.shape[0], 2);
            assert_int_equal(made.shape[1], 2);
            assert_int_equal(einc_run(plan, data, out, NULL, NULL), EINC_OK);
            if (t == 0 && k == 0)
                memcpy(first, out, sizeof out);
            assert_memory_equal(out, first, sizeof out);
            einc_plan_free(plan);
        }
}

/* --- the list ----------------------------------------------------------- */

#define ROWS(name)                                                          \
    static void test_##name(void **state) { check_rows(state, #name); }

ROWS(E1) ROWS(E2) ROWS(E3) ROWS(E4) ROWS(E5) ROWS(E6) ROWS(E7) ROWS(E8)
ROWS(E9) ROWS(E10) ROWS(E11) ROWS(E13) ROWS(E14) ROWS(E15) ROWS(E16)
ROWS(E17) ROWS(E18) ROWS(E19) ROWS(E20) ROWS(E21) ROWS(E22) ROWS(E23)
ROWS(E24) ROWS(E25) ROWS(E26) ROWS(E27) ROWS(E28) ROWS(E29) ROWS(E30)
ROWS(E31) ROWS(E32) ROWS(E34) ROWS(E37)

#define TEST(name) {#name, test_##name, NULL, NULL, NULL}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(E1),  TEST(E2),  TEST(E3),  TEST(E4),  TEST(E5),  TEST(E6),
        TEST(E7),  TEST(E8),  TEST(E9),  TEST(E10), TEST(E11),
        {"E12", test_integer_labels, NULL, NULL, NULL},
        TEST(E13), TEST(E14), TEST(E15), TEST(E16), TEST(E17), TEST(E18),
        TEST(E19), TEST(E20), TEST(E21), TEST(E22), TEST(E23), TEST(E24),
        TEST(E25), TEST(E26), TEST(E27), TEST(E28), TEST(E29), TEST(E30),
        TEST(E31), TEST(E32),
        {"E33", test_given_output, NULL, NULL, NULL},
        TEST(E34),
        {"E35", test_strides, NULL, NULL, NULL},
        {"E36", test_limits, NULL, NULL, NULL},
        TEST(E37),
        {"E38", test_spelling, NULL, NULL, NULL}};
    return cmocka_run_group_tests(tests, open_all, close_all);
}

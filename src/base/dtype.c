/* SPDX-License-Identifier: MIT
 *
 * dtype.c - the table of element types, and promotion computed from it.
 */
#include "base/dtype.h"

#include <assert.h>
#include <string.h>

static const struct dtype_info table[] = {
    [EINC_BOOL] = {"bool", KIND_BOOL, 1, EINC_BOOL, "uint8_t", "b1"},
    [EINC_I8] = {"i8", KIND_INT, 1, EINC_I32, "int8_t", "i1"},
    [EINC_U8] = {"u8", KIND_UINT, 1, EINC_I32, "uint8_t", "u1"},
    [EINC_I16] = {"i16", KIND_INT, 2, EINC_I32, "int16_t", "i2"},
    [EINC_U16] = {"u16", KIND_UINT, 2, EINC_I32, "uint16_t", "u2"},
    [EINC_I32] = {"i32", KIND_INT, 4, EINC_I32, "int32_t", "i4"},
    [EINC_U32] = {"u32", KIND_UINT, 4, EINC_I32, "uint32_t", "u4"},
    [EINC_I64] = {"i64", KIND_INT, 8, EINC_I64, "int64_t", "i8"},
    [EINC_U64] = {"u64", KIND_UINT, 8, EINC_I64, "uint64_t", "u8"},
    [EINC_F16] = {"f16", KIND_FLOAT, 2, EINC_F32, "uint16_t", "f2"},
    [EINC_BF16] = {"bf16", KIND_FLOAT, 2, EINC_F32, "uint16_t", NULL},
    [EINC_F32] = {"f32", KIND_FLOAT, 4, EINC_F32, "float", "f4"},
    [EINC_F64] = {"f64", KIND_FLOAT, 8, EINC_F64, "double", "f8"},
    [EINC_C64] = {"c64", KIND_COMPLEX, 8, EINC_C64, "float", "c8"},
    [EINC_C128] = {"c128", KIND_COMPLEX, 16, EINC_C128, "double", "c16"},
};

enum { N_TYPES = sizeof table / sizeof *table };

int
einc_dtype_valid(int t)
{
    return t > EINC_DTYPE_NONE && t < N_TYPES;
}

const struct dtype_info *
einc_dtype_info(enum einc_dtype t)
{
    assert(einc_dtype_valid((int)t));
    return &table[t];
}

static enum einc_dtype
signed_of_bytes(int bytes)
{
    switch (bytes) {
    case 1: return EINC_I8;
    case 2: return EINC_I16;
    case 4: return EINC_I32;
    case 8: return EINC_I64;
    default: return EINC_F64; /* u64 with a signed type, as numpy */
    }
}

/* `s` is signed, `u` is not. */
static enum einc_dtype
promote_signs(enum einc_dtype s, enum einc_dtype u)
{
    return table[u].bytes < table[s].bytes
               ? s
               : signed_of_bytes(2 * table[u].bytes);
}

/* The narrowest float that numpy takes for an integer beside `half`: one
 * byte fits the 11 bits of f16, and the 8 bits of bf16 as well. */
static enum einc_dtype
float_of_int(enum einc_dtype i, enum einc_dtype half)
{
    switch (table[i].bytes) {
    case 1: return half;
    case 2: return EINC_F32;
    default: return EINC_F64;
    }
}

/* Both are floats. */
static enum einc_dtype
wider_float(enum einc_dtype a, enum einc_dtype b)
{
    if (table[a].bytes == table[b].bytes)
        return a == b ? a : EINC_F32; /* f16 and bf16 hold not each other */
    return table[a].bytes > table[b].bytes ? a : b;
}

/* `f` is a float, `x` is no wider in kind: an integer or a float. */
static enum einc_dtype
promote_float(enum einc_dtype f, enum einc_dtype x)
{
    if (table[x].kind == KIND_FLOAT)
        return wider_float(f, x);
    return wider_float(f, float_of_int(x, table[f].bytes == 2 ? f : EINC_F16));
}

/* `c` is complex, `x` of any kind but bool. */
static enum einc_dtype
promote_complex(enum einc_dtype c, enum einc_dtype x)
{
    enum einc_dtype real = c == EINC_C64 ? EINC_F32 : EINC_F64;
    if (table[x].kind == KIND_COMPLEX)
        return table[x].bytes > table[c].bytes ? x : c;
    return promote_float(real, x) == EINC_F32 ? EINC_C64 : EINC_C128;
}

enum einc_dtype
einc_dtype_promote(enum einc_dtype a, enum einc_dtype b)
{
    assert(einc_dtype_valid((int)a) && einc_dtype_valid((int)b));
    if (table[a].kind < table[b].kind) {
        enum einc_dtype t = a;
        a = b;
        b = t;
    }
    if (a == b || table[b].kind == KIND_BOOL)
        return a;
    switch (table[a].kind) {
    case KIND_COMPLEX: return promote_complex(a, b);
    case KIND_FLOAT: return promote_float(a, b);
    default: break;
    }
    if (table[a].kind != table[b].kind)
        return promote_signs(b, a); /* KIND_INT < KIND_UINT */
    return table[a].bytes > table[b].bytes ? a : b;
}

int
einc_dtype_holds(enum einc_dtype to, enum einc_dtype from)
{
    return einc_dtype_promote(to, from) == to;
}

double
einc_dtype_roundoff(enum einc_dtype t)
{
    switch (t) {
    case EINC_F16: return 0x1p-11;
    case EINC_BF16: return 0x1p-8;
    case EINC_F32: case EINC_C64: return 0x1p-24;
    case EINC_F64: case EINC_C128: return 0x1p-53;
    default: return 0;
    }
}

/* The public face of the table; see einc.h. */

const char *
einc_dtype_name(enum einc_dtype dtype)
{
    return einc_dtype_valid((int)dtype) ? table[dtype].name : NULL;
}

enum einc_dtype
einc_dtype_parse(const char *name)
{
    for (int t = EINC_BOOL; name && t < N_TYPES; t++)
        if (strcmp(table[t].name, name) == 0)
            return (enum einc_dtype)t;
    return EINC_DTYPE_NONE;
}

size_t
einc_dtype_bytes(enum einc_dtype dtype)
{
    return einc_dtype_valid((int)dtype) ? (size_t)table[dtype].bytes : 0;
}

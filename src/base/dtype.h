/* SPDX-License-Identifier: MIT
 *
 * dtype.h - what is known of each element type, in one table.
 */
#ifndef EINC_BASE_DTYPE_H
#define EINC_BASE_DTYPE_H

#include "einc.h"

enum dtype_kind { KIND_BOOL, KIND_INT, KIND_UINT, KIND_FLOAT, KIND_COMPLEX };

struct dtype_info {
    const char *name;        /* "f32" */
    enum dtype_kind kind;
    int bytes;               /* of one element */
    enum einc_dtype compute; /* type that products and sums are made in */
    const char *c_type;      /* storage in emitted C: "float"; f16 and bf16:
                              * "uint16_t"; complex: its real part's type */
    const char *npy;         /* descr without the byte order: "f4", "b1";
                              * NULL: no numpy type (bf16) */
};

/* Row of a valid type; asserts that it is one. */
const struct dtype_info *einc_dtype_info(enum einc_dtype t);
int einc_dtype_valid(int t);

/* numpy's promotion of two types (LANGUAGE E28): i32*f32 is f64, i8*u8 is
 * i16, u64*i8 is f64. bf16 takes the place of f16 (i8*bf16 is bf16), and the
 * two together give f32. */
enum einc_dtype einc_dtype_promote(enum einc_dtype a, enum einc_dtype b);
/* Whether every value of `from` is one of `to` (numpy's safe cast). */
int einc_dtype_holds(enum einc_dtype to, enum einc_dtype from);
/* Half of the distance from 1 to the next value: u of the error bounds;
 * 0 for integers and bool. */
double einc_dtype_roundoff(enum einc_dtype t);

#endif

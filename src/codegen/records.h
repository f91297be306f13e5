/* SPDX-License-Identifier: MIT
 *
 * records.h - C functions that turn records in registers: `lanes` records of
 * `size` elements, as they follow each other in memory, to `size` vectors with
 * an element of each record, and back. By shuffles, and loads or stores of
 * whole vectors: nothing outside of the records is touched.
 *
 * The records are halved again and again. A part of them is held in vectors
 * of as many places each as there are parts, so that the records of a part
 * times the places of a vector fill it, and with every shuffle of two vectors
 * parts become half as many: log2(size) steps of at most one shuffle for each
 * vector, as in a transpose.
 */
#ifndef EINC_CODEGEN_RECORDS_H
#define EINC_CODEGEN_RECORDS_H

#include "base/text.h"

struct records {
    const char *prefix;   /* of the names of types and functions */
    const char *type;     /* C type of a number */
    int lanes, planes;    /* elements of a vector, a power of two; numbers of
                           * an element: 2 are a pair that stays together */
    int size;             /* elements of a record; 0: it is not turned */
};

/* Macro PREFIX_MIX(a, b, order) that both functions use; takes the types
 * PREFIX_vector and PREFIX_bits. */
void einc_records_print_mix(struct text *t, const char *prefix);
/* "void PREFIX_apartN(const TYPE *from, PREFIX_vector *to)", N the size. */
void einc_records_print_apart(struct text *t, const struct records *r);
/* "void PREFIX_togetherN(const PREFIX_vector *from, TYPE *to)" */
void einc_records_print_together(struct text *t, const struct records *r);
/* Vector loads or stores, and shuffles, of one of them. */
int einc_records_moves(const struct records *r);
int einc_records_shuffles(const struct records *r);

#endif

/* SPDX-License-Identifier: MIT
 *
 * narrow.h - a contraction with a side of at most NARROW_COLUMNS elements,
 * whose other operand, the tall one, is contiguous along K: each of its rows
 * is read once, where it is, with the lanes along K, and meets all columns of
 * the thin one, which are turned into scratch. That is how fast memory is; a
 * tile that has its lanes along the narrow side leaves most of them empty.
 */
#ifndef EINC_CODEGEN_NARROW_H
#define EINC_CODEGEN_NARROW_H

#include "codegen/nest.h"

enum { NARROW_COLUMNS = 8 };

/* Extents: how many indices are outside of the rows; the factor; rows, rows of
 * a task, columns, K, K of a block; the operand that is tall; then the extents
 * of the outer indices. */
enum { NARROW_OUTER, NARROW_FACTOR, NARROW_ROWS, NARROW_TASK_ROWS,
       NARROW_N_COLUMNS, NARROW_DEPTH, NARROW_BLOCK_DEPTH, NARROW_TALL,
       NARROW_EXTENTS };
/* Strides: from row to row of tall and of out, along K of thin; where columns
 * are in thin and in out; then, of tall, of thin, of out in turn, those of the
 * outer indices. */
enum { NARROW_TALL_ROW, NARROW_OUT_ROW, NARROW_THIN_DEEP, NARROW_THIN_COLUMN,
       NARROW_OUT_COLUMN = NARROW_THIN_COLUMN + NARROW_COLUMNS,
       NARROW_STRIDES = NARROW_OUT_COLUMN + NARROW_COLUMNS };

/* Vectors of sums in registers: a row each of all columns, so many rows at
 * once as there is room for. */
int einc_narrow_sums(const struct target *t);

#endif

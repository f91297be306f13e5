/* SPDX-License-Identifier: MIT
 *
 * print_cuda.h - what CUDA kernels share whose blocks of threads make tiles
 * of out: nest_block.c and nest_tensor.c. Statements are printed at the
 * present indent, for all threads of a block.
 */
#ifndef EINC_CODEGEN_PRINT_CUDA_H
#define EINC_CODEGEN_PRINT_CUDA_H

#include "codegen/print.h"

/* Indices of a role from a number, the last one fastest; `rest` is there. */
void einc_cuda_decode(const struct printer *p, enum loop_role role,
                      const char *number);
/* lhs + offset of x over the indices of a role; a statement. */
void einc_cuda_offset(const struct printer *p, const char *lhs,
                      const struct nest_tensor *x, enum loop_role role);
/* n_m, n_n, n_k: extents of the roles. */
void einc_cuda_extents(const struct printer *p);
/* The block's tile, batch and part of K: blocks, block, part, k_begin, k_end,
 * m0, n0, rows, columns, in0_batch, in1_batch, out_batch. */
void einc_cuda_place(const struct printer *p);
/* Shared tables of offsets by row (M): in0_row, out_row, or by column (N):
 * in1_column, out_column; with those of the batch. What is beyond the edge
 * is row 0's, and is not used. */
void einc_cuda_table(const struct printer *p, enum loop_role role);
/* Whether x has stride 1 along a summed index. Whether neighbours in out are
 * rows. */
int einc_cuda_deep_first(const struct nest *w, const struct nest_tensor *x);
int einc_cuda_row_first(const struct nest *w);

/* parts, each, first, stride: where sums of parts of K are, how many there are
 * in a part, which of `n` positions this thread has in the following. */
void einc_cuda_parts(const struct printer *p);
/* Within loops over `f`, rounds of n positions each, and over `at`, one of
 * them: slice[far][near] is the sum of row x and column y. To its part, or,
 * the sum of all parts, to out. */
void einc_cuda_store(const struct printer *p, int n);

/* The body of a kernel; tensors, extents, strides are declared. Of a tensor
 * kernel also what stands before the kernel. */
void einc_print_cuda_block(const struct printer *p);
void einc_print_cuda_tensor(const struct printer *p);
void einc_print_cuda_tensor_prelude(const struct printer *p);
/* Of unit.shared_bytes. */
int einc_cuda_shared_bytes(const struct nest *w);

#endif

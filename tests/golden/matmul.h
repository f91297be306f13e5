/* made by einc 0.1.0; change the expression, not this file
 * expression  ij,jk->ik  f32, strides as given
 * sizes       i=64 j=128 k=32
 * step 1      contract out[i,k] = in0[i,j] * in1[j,k]
 *              M{i}=64  N{k}=32  K{j}=128
 * cost        524288 flop; reads 49152 B, writes 8192 B; intermediates 0 B
 * sets        each call runs the best of avx512, avx2 and sse2 that the machine
 *              has, or a lesser one that EINC_ISA names in the environment when
 *              einsum() is first called; elsewhere NEON or plain C
 */
#ifndef einsum_H
#define einsum_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* out(64,32) = ij,jk->ik of in0(64,128), in1(128,32).
 * `out` may not overlap an input. `work` has einsum_workspace() bytes,
 * or is NULL: then memory is allocated for the call. Returns 0, or -1 if there
 * was none; then `out` is as before. */
int
einsum(float *out, const float *in0, const float *in1, void *work);

int64_t
einsum_workspace(void);

#ifdef __cplusplus
}
#endif
#endif

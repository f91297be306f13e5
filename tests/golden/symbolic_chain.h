/* made by einc 0.1.0; change the expression, not this file
 * expression  ij,jk,kl->il  f32, dense row-major
 * sizes       i=argument j=argument k=argument l=argument
 * step 1      reduce t1[i,k] = in0[i,j] * in1[j,k]
 *              free{i,k}  sum{j}
 * step 2      reduce out[i,l] = in2[k,l] * t1[i,k]
 *              free{i,l}  sum{k}
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

/* out(n_i,n_l) = ij,jk,kl->il of in0(n_i,n_j), in1(n_j,n_k), in2(n_k,n_l).
 * `out` may not overlap an input. `work` has einsum_workspace() bytes,
 * or is NULL: then memory is allocated for the call. Returns 0, or -1 if there
 * was none; then `out` is as before. */
int
einsum(float *out, const float *in0, const float *in1,
    const float *in2,
    int64_t n_i, int64_t n_l, int64_t n_j, int64_t n_k, void *work);

int64_t
einsum_workspace(int64_t n_i, int64_t n_l, int64_t n_j, int64_t n_k);

#ifdef __cplusplus
}
#endif
#endif

/* made by einc 0.1.0; change the expression, not this file
 * expression  ij,jk,kl->il  f32, dense row-major
 * sizes       i=argument j=argument k=argument l=argument
 * step 1      reduce t1[i,k] = in0[i,j] * in1[j,k]
 *              free{i,k}  sum{j}
 * step 2      reduce out[i,l] = in2[k,l] * t1[i,k]
 *              free{i,l}  sum{k}
 */
#include <stdint.h>
#include <stdlib.h>

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

static void
einsum_step1(float *out, const float *in0, const float *in1, int64_t n_i,
    int64_t n_k, int64_t n_j, int64_t in0_i, int64_t in1_j, int64_t out_i)
{
#if defined(_OPENMP)
#pragma omp parallel for if (1.0*(double)n_i*(double)n_k*(double)n_j >= 100000)
#endif
    for (int64_t i = 0; i < n_i; i++) { /* free */
        for (int64_t first = 0; first < n_k; first += 64) { /* lanes of k */
            const int64_t count = n_k - first < 64 ? n_k - first : 64;
            float sum[64] = {0};
            for (int64_t j = 0; j < n_j; j++) {
                {
                    const float value0 = in0[in0_i*i + j];
                    const float *const from1 = in1 + in1_j*j;
                    if (count == 64) {
                        for (int64_t lane = 0; lane < 64; lane++) {
                            sum[lane] += value0 * from1[first + lane];
                        }
                    } else {
                        for (int64_t lane = 0; lane < count; lane++) {
                            sum[lane] += value0 * from1[first + lane];
                        }
                    }
                }
            }
            const int64_t to = out_i*i;
            for (int64_t lane = 0; lane < count; lane++) {
                const float value = sum[lane];
                out[to + first + lane] = value;
            }
        }
    }
}

static void
einsum_step2(float *out, const float *in0, const float *in1, int64_t n_i,
    int64_t n_l, int64_t n_k, int64_t in0_k, int64_t in1_i, int64_t out_i)
{
#if defined(_OPENMP)
#pragma omp parallel for if (1.0*(double)n_i*(double)n_l*(double)n_k >= 100000)
#endif
    for (int64_t i = 0; i < n_i; i++) { /* free */
        for (int64_t first = 0; first < n_l; first += 64) { /* lanes of l */
            const int64_t count = n_l - first < 64 ? n_l - first : 64;
            float sum[64] = {0};
            for (int64_t k = 0; k < n_k; k++) {
                {
                    const float *const from0 = in0 + in0_k*k;
                    const float value1 = in1[in1_i*i + k];
                    if (count == 64) {
                        for (int64_t lane = 0; lane < 64; lane++) {
                            sum[lane] += from0[first + lane] * value1;
                        }
                    } else {
                        for (int64_t lane = 0; lane < count; lane++) {
                            sum[lane] += from0[first + lane] * value1;
                        }
                    }
                }
            }
            const int64_t to = out_i*i;
            for (int64_t lane = 0; lane < count; lane++) {
                const float value = sum[lane];
                out[to + first + lane] = value;
            }
        }
    }
}

int64_t
einsum_workspace(int64_t n_i, int64_t n_l, int64_t n_j, int64_t n_k)
{
    (void)n_l;
    (void)n_j;
    return (n_i*n_k*4 + 63)/64*64 + 64; /* to align it */
}

int
einsum(float *out, const float *in0, const float *in1,
    const float *in2,
    int64_t n_i, int64_t n_l, int64_t n_j, int64_t n_k, void *work)
{
    const size_t bytes = (size_t)einsum_workspace(n_i, n_l, n_j, n_k);
    char *const own = work ? NULL : (char *)malloc(bytes);
    if (!work && !own)
        return -1;
    char *base = work ? (char *)work : own;
    base += (0 - (uintptr_t)base) % 64;
    float *const t1 = (float *)(void *)(base);
    einsum_step1(t1, in0, in1, n_i, n_k, n_j, n_j, n_k, n_k);
    einsum_step2(out, in2, t1, n_i, n_l, n_k, n_l, n_k, n_l);
    free(own);
    return 0;
}

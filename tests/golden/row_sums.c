/* made by einc 0.1.0; change the expression, not this file
 * expression  ij->i  f32, strides as given
 * sizes       i=33 j=65
 * step 1      reduce out[i] = in0[i,j]
 *              free{i}=33  sum{j}=65
 * cost        2145 flop; reads 8580 B, writes 132 B; intermediates 0 B
 */
#include <stdint.h>
#include <stdlib.h>

/* out(33) = ij->i of in0(33,65).
 * `out` may not overlap an input. `work` has einsum_workspace() bytes,
 * or is NULL: then memory is allocated for the call. Returns 0, or -1 if there
 * was none; then `out` is as before. */
int
einsum(float *out, const float *in0, void *work);

int64_t
einsum_workspace(void);

static void
einsum_step1(float *out, const float *in0)
{
    for (int64_t i = 0; i < 33; i++) { /* free */
        float sum[64] = {0};
        {
            const float *const from0 = in0 + 65*i;
            int64_t j = 0;
            for (; j + 64 <= 65; j += 64) {
                for (int64_t lane = 0; lane < 64; lane++) {
                    sum[lane] += from0[j + lane];
                }
            }
            for (int64_t lane = 0; lane < 65 - j; lane++) {
                sum[lane] += from0[j + lane];
            }
        }
        for (int64_t half = 32; half > 0; half /= 2)
            for (int64_t lane = 0; lane < half; lane++) {
                sum[lane] += sum[lane + half];
            }
        const int64_t to = i;
        const float value = sum[0];
        out[to] = value;
    }
}

int64_t
einsum_workspace(void)
{
    return 0;
}

int
einsum(float *out, const float *in0, void *work)
{
    (void)work;
    einsum_step1(out, in0);
    return 0;
}

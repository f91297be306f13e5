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
    int64_t i = 0;
    for (; i + 2 <= 33; i += 2) {
        float sum[32] = {0};
        float sum_1[32] = {0};
        {
            const float *const from0 = in0 + 65*i;
            const float *const from0_1 = in0 + 65*i + 65;
            int64_t done = 0;
            for (; done + 32 <= 65; done += 32)
                for (int64_t lane = 0; lane < 32; lane++) {
                    sum[lane] += from0[done + lane];
                    sum_1[lane] += from0_1[done + lane];
                }
            for (int64_t lane = 0; lane < 65 - done; lane++) {
                sum[lane] += from0[done + lane];
                sum_1[lane] += from0_1[done + lane];
            }
        }
        for (int64_t lane = 0; lane < 16; lane++) {
            sum[lane] += sum[16 + lane];
            sum_1[lane] += sum_1[16 + lane];
        }
        for (int64_t lane = 0; lane < 8; lane++) {
            sum[lane] += sum[8 + lane];
            sum_1[lane] += sum_1[8 + lane];
        }
        for (int64_t lane = 0; lane < 4; lane++) {
            sum[lane] += sum[4 + lane];
            sum_1[lane] += sum_1[4 + lane];
        }
        for (int64_t lane = 0; lane < 2; lane++) {
            sum[lane] += sum[2 + lane];
            sum_1[lane] += sum_1[2 + lane];
        }
        for (int64_t lane = 0; lane < 1; lane++) {
            sum[lane] += sum[1 + lane];
            sum_1[lane] += sum_1[1 + lane];
        }
        {
            const int64_t to = i;
            const float value = sum[0];
            out[to] = value;
        }
        {
            const int64_t to = i + 1;
            const float value = sum_1[0];
            out[to] = value;
        }
    }
    for (; i < 33; i++) {
        float sum[32] = {0};
        {
            const float *const from0 = in0 + 65*i;
            int64_t done = 0;
            for (; done + 32 <= 65; done += 32)
                for (int64_t lane = 0; lane < 32; lane++) {
                    sum[lane] += from0[done + lane];
                }
            for (int64_t lane = 0; lane < 65 - done; lane++) {
                sum[lane] += from0[done + lane];
            }
        }
        for (int64_t lane = 0; lane < 16; lane++) {
            sum[lane] += sum[16 + lane];
        }
        for (int64_t lane = 0; lane < 8; lane++) {
            sum[lane] += sum[8 + lane];
        }
        for (int64_t lane = 0; lane < 4; lane++) {
            sum[lane] += sum[4 + lane];
        }
        for (int64_t lane = 0; lane < 2; lane++) {
            sum[lane] += sum[2 + lane];
        }
        for (int64_t lane = 0; lane < 1; lane++) {
            sum[lane] += sum[1 + lane];
        }
        {
            const int64_t to = i;
            const float value = sum[0];
            out[to] = value;
        }
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

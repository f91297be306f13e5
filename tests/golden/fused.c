/* made by einc 0.1.0; change the expression, not this file
 * expression  ijk,jr,kr->ir  f32, strides as given
 * sizes       i=3 j=4 k=5 r=8
 * step 1      reduce out[i,r] = in0[i,j,k] * in2[k,r] * in1[j,r]
 *              free{i,r}=24  sum{j,k}=20
 * cost        1440 flop; reads 528 B, writes 96 B; intermediates 0 B
 */
#include <stdint.h>
#include <stdlib.h>

/* out(3,8) = ijk,jr,kr->ir of in0(3,4,5), in1(4,8), in2(5,8).
 * `out` may not overlap an input. `work` has einsum_workspace() bytes,
 * or is NULL: then memory is allocated for the call. Returns 0, or -1 if there
 * was none; then `out` is as before. */
int
einsum(float *out, const float *in0, const float *in1,
    const float *in2, void *work);

int64_t
einsum_workspace(void);

#if defined(einsum_VECTORS) && defined(__aarch64__)
static void
einsum_step1(float *out, const float *in0, const float *in1, const float *in2)
{
    typedef float lanes __attribute__((vector_size(16), unused));
    typedef float row __attribute__((vector_size(16), aligned(4), may_alias, unused));
    for (int64_t task = 0; task < 1; task++) {
        (void)task;
        /* sum[j](in2 * sum[k](in0*in1)) */
        lanes sum0_0 = {0};
        lanes sum0_1 = {0};
        lanes sum0_2 = {0};
        lanes sum0_3 = {0};
        lanes sum0_4 = {0};
        lanes sum0_5 = {0};
        lanes sum1_0 = {0};
        lanes sum1_1 = {0};
        lanes sum1_2 = {0};
        lanes sum1_3 = {0};
        lanes sum1_4 = {0};
        lanes sum1_5 = {0};
        lanes sum1_6 = {0};
        lanes sum1_7 = {0};
        lanes sum1_8 = {0};
        lanes sum1_9 = {0};
        lanes sum1_10 = {0};
        lanes sum1_11 = {0};
        lanes sum1_12 = {0};
        lanes sum1_13 = {0};
        lanes sum1_14 = {0};
        lanes sum1_15 = {0};
        lanes sum1_16 = {0};
        lanes sum1_17 = {0};
        lanes sum1_18 = {0};
        lanes sum1_19 = {0};
        lanes sum1_20 = {0};
        lanes sum1_21 = {0};
        lanes sum1_22 = {0};
        lanes sum1_23 = {0};
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
        for (int64_t k = 0; k < 5; k++) {
            const lanes a1_0 = *(const row *)(in1 + 8*k);
            const lanes a1_1 = *(const row *)(in1 + 8*k + 4);
            { const float a0_0 = in0[k];
              sum1_0 += a0_0 * a1_0;
              sum1_4 += a0_0 * a1_1;
            }
            { const float a0_1 = in0[k + 5];
              sum1_1 += a0_1 * a1_0;
              sum1_5 += a0_1 * a1_1;
            }
            { const float a0_2 = in0[k + 10];
              sum1_2 += a0_2 * a1_0;
              sum1_6 += a0_2 * a1_1;
            }
            { const float a0_3 = in0[k + 15];
              sum1_3 += a0_3 * a1_0;
              sum1_7 += a0_3 * a1_1;
            }
            { const float a0_4 = in0[k + 20];
              sum1_8 += a0_4 * a1_0;
              sum1_12 += a0_4 * a1_1;
            }
            { const float a0_5 = in0[k + 25];
              sum1_9 += a0_5 * a1_0;
              sum1_13 += a0_5 * a1_1;
            }
            { const float a0_6 = in0[k + 30];
              sum1_10 += a0_6 * a1_0;
              sum1_14 += a0_6 * a1_1;
            }
            { const float a0_7 = in0[k + 35];
              sum1_11 += a0_7 * a1_0;
              sum1_15 += a0_7 * a1_1;
            }
            { const float a0_8 = in0[k + 40];
              sum1_16 += a0_8 * a1_0;
              sum1_20 += a0_8 * a1_1;
            }
            { const float a0_9 = in0[k + 45];
              sum1_17 += a0_9 * a1_0;
              sum1_21 += a0_9 * a1_1;
            }
            { const float a0_10 = in0[k + 50];
              sum1_18 += a0_10 * a1_0;
              sum1_22 += a0_10 * a1_1;
            }
            { const float a0_11 = in0[k + 55];
              sum1_19 += a0_11 * a1_0;
              sum1_23 += a0_11 * a1_1;
            }
        }
        { const lanes a2_0 = *(const row *)(in2 + 0);
          sum0_0 += a2_0 * sum1_0;
          sum0_2 += a2_0 * sum1_8;
          sum0_4 += a2_0 * sum1_16;
        }
        { const lanes a2_1 = *(const row *)(in2 + 8);
          sum0_0 += a2_1 * sum1_1;
          sum0_2 += a2_1 * sum1_9;
          sum0_4 += a2_1 * sum1_17;
        }
        { const lanes a2_2 = *(const row *)(in2 + 16);
          sum0_0 += a2_2 * sum1_2;
          sum0_2 += a2_2 * sum1_10;
          sum0_4 += a2_2 * sum1_18;
        }
        { const lanes a2_3 = *(const row *)(in2 + 24);
          sum0_0 += a2_3 * sum1_3;
          sum0_2 += a2_3 * sum1_11;
          sum0_4 += a2_3 * sum1_19;
        }
        { const lanes a2_4 = *(const row *)(in2 + 4);
          sum0_1 += a2_4 * sum1_4;
          sum0_3 += a2_4 * sum1_12;
          sum0_5 += a2_4 * sum1_20;
        }
        { const lanes a2_5 = *(const row *)(in2 + 12);
          sum0_1 += a2_5 * sum1_5;
          sum0_3 += a2_5 * sum1_13;
          sum0_5 += a2_5 * sum1_21;
        }
        { const lanes a2_6 = *(const row *)(in2 + 20);
          sum0_1 += a2_6 * sum1_6;
          sum0_3 += a2_6 * sum1_14;
          sum0_5 += a2_6 * sum1_22;
        }
        { const lanes a2_7 = *(const row *)(in2 + 28);
          sum0_1 += a2_7 * sum1_7;
          sum0_3 += a2_7 * sum1_15;
          sum0_5 += a2_7 * sum1_23;
        }
        float sums[24];
        *(row *)(sums + 0) = sum0_0;
        *(row *)(sums + 4) = sum0_1;
        *(row *)(sums + 8) = sum0_2;
        *(row *)(sums + 12) = sum0_3;
        *(row *)(sums + 16) = sum0_4;
        *(row *)(sums + 20) = sum0_5;
        for (int64_t i = 0; i < 3; i++) {
            for (int64_t r = 0; r < 8; r++) {
                const float sum = sums[8*i + r];
                const float value = sum;
                out[8*i + r] = value;
            }
        }
    }
}

#elif defined(einsum_VECTORS)
static void
einsum_step1(float *out, const float *in0, const float *in1, const float *in2)
{
    typedef float lanes __attribute__((vector_size(16), unused));
    typedef float row __attribute__((vector_size(16), aligned(4), may_alias, unused));
    for (int64_t task = 0; task < 2; task++) {
        const int64_t first_r = 4*task;
        /* sum[j](in2 * sum[k](in0*in1)) */
        lanes sum0_0 = {0};
        lanes sum0_1 = {0};
        lanes sum0_2 = {0};
        lanes sum1_0 = {0};
        lanes sum1_1 = {0};
        lanes sum1_2 = {0};
        lanes sum1_3 = {0};
        lanes sum1_4 = {0};
        lanes sum1_5 = {0};
        lanes sum1_6 = {0};
        lanes sum1_7 = {0};
        lanes sum1_8 = {0};
        lanes sum1_9 = {0};
        lanes sum1_10 = {0};
        lanes sum1_11 = {0};
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
        for (int64_t k = 0; k < 5; k++) {
            const lanes a1_0 = *(const row *)(in1 + first_r + 8*k);
            { const float a0_0 = in0[k];
              sum1_0 += a0_0 * a1_0;
            }
            { const float a0_1 = in0[k + 5];
              sum1_1 += a0_1 * a1_0;
            }
            { const float a0_2 = in0[k + 10];
              sum1_2 += a0_2 * a1_0;
            }
            { const float a0_3 = in0[k + 15];
              sum1_3 += a0_3 * a1_0;
            }
            { const float a0_4 = in0[k + 20];
              sum1_4 += a0_4 * a1_0;
            }
            { const float a0_5 = in0[k + 25];
              sum1_5 += a0_5 * a1_0;
            }
            { const float a0_6 = in0[k + 30];
              sum1_6 += a0_6 * a1_0;
            }
            { const float a0_7 = in0[k + 35];
              sum1_7 += a0_7 * a1_0;
            }
            { const float a0_8 = in0[k + 40];
              sum1_8 += a0_8 * a1_0;
            }
            { const float a0_9 = in0[k + 45];
              sum1_9 += a0_9 * a1_0;
            }
            { const float a0_10 = in0[k + 50];
              sum1_10 += a0_10 * a1_0;
            }
            { const float a0_11 = in0[k + 55];
              sum1_11 += a0_11 * a1_0;
            }
        }
        { const lanes a2_0 = *(const row *)(in2 + first_r);
          sum0_0 += a2_0 * sum1_0;
          sum0_1 += a2_0 * sum1_4;
          sum0_2 += a2_0 * sum1_8;
        }
        { const lanes a2_1 = *(const row *)(in2 + first_r + 8);
          sum0_0 += a2_1 * sum1_1;
          sum0_1 += a2_1 * sum1_5;
          sum0_2 += a2_1 * sum1_9;
        }
        { const lanes a2_2 = *(const row *)(in2 + first_r + 16);
          sum0_0 += a2_2 * sum1_2;
          sum0_1 += a2_2 * sum1_6;
          sum0_2 += a2_2 * sum1_10;
        }
        { const lanes a2_3 = *(const row *)(in2 + first_r + 24);
          sum0_0 += a2_3 * sum1_3;
          sum0_1 += a2_3 * sum1_7;
          sum0_2 += a2_3 * sum1_11;
        }
        float sums[12];
        *(row *)(sums + 0) = sum0_0;
        *(row *)(sums + 4) = sum0_1;
        *(row *)(sums + 8) = sum0_2;
        for (int64_t i = 0; i < 3; i++) {
            for (int64_t r = first_r; r < first_r + 4; r++) {
                const float sum = sums[4*i + (r - first_r)];
                const float value = sum;
                out[8*i + r] = value;
            }
        }
    }
}

#else
static void
einsum_step1(float *out, const float *in0, const float *in1, const float *in2)
{
    for (int64_t task = 0; task < 3; task++) {
        const int64_t i = task;
        /* sum[j](in2 * sum[k](in0*in1)) */
        float sum0_0 = 0;
        float sum0_1 = 0;
        float sum0_2 = 0;
        float sum0_3 = 0;
        float sum0_4 = 0;
        float sum0_5 = 0;
        float sum0_6 = 0;
        float sum0_7 = 0;
        for (int64_t first_j = 0; first_j < 4; first_j += 2) {
            float sum1_0 = 0;
            float sum1_1 = 0;
            float sum1_2 = 0;
            float sum1_3 = 0;
            float sum1_4 = 0;
            float sum1_5 = 0;
            float sum1_6 = 0;
            float sum1_7 = 0;
            float sum1_8 = 0;
            float sum1_9 = 0;
            float sum1_10 = 0;
            float sum1_11 = 0;
            float sum1_12 = 0;
            float sum1_13 = 0;
            float sum1_14 = 0;
            float sum1_15 = 0;
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
            for (int64_t k = 0; k < 5; k++) {
                const float a0_0 = in0[20*i + 5*first_j + k];
                const float a0_1 = in0[20*i + 5*first_j + k + 5];
                { const float a1_0 = in1[8*k];
                  sum1_0 += a0_0 * a1_0;
                  sum1_1 += a0_1 * a1_0;
                }
                { const float a1_1 = in1[8*k + 1];
                  sum1_2 += a0_0 * a1_1;
                  sum1_3 += a0_1 * a1_1;
                }
                { const float a1_2 = in1[8*k + 2];
                  sum1_4 += a0_0 * a1_2;
                  sum1_5 += a0_1 * a1_2;
                }
                { const float a1_3 = in1[8*k + 3];
                  sum1_6 += a0_0 * a1_3;
                  sum1_7 += a0_1 * a1_3;
                }
                { const float a1_4 = in1[8*k + 4];
                  sum1_8 += a0_0 * a1_4;
                  sum1_9 += a0_1 * a1_4;
                }
                { const float a1_5 = in1[8*k + 5];
                  sum1_10 += a0_0 * a1_5;
                  sum1_11 += a0_1 * a1_5;
                }
                { const float a1_6 = in1[8*k + 6];
                  sum1_12 += a0_0 * a1_6;
                  sum1_13 += a0_1 * a1_6;
                }
                { const float a1_7 = in1[8*k + 7];
                  sum1_14 += a0_0 * a1_7;
                  sum1_15 += a0_1 * a1_7;
                }
            }
            { const float a2_0 = in2[8*first_j];
              sum0_0 += a2_0 * sum1_0;
            }
            { const float a2_1 = in2[8*first_j + 8];
              sum0_0 += a2_1 * sum1_1;
            }
            { const float a2_2 = in2[8*first_j + 1];
              sum0_1 += a2_2 * sum1_2;
            }
            { const float a2_3 = in2[8*first_j + 9];
              sum0_1 += a2_3 * sum1_3;
            }
            { const float a2_4 = in2[8*first_j + 2];
              sum0_2 += a2_4 * sum1_4;
            }
            { const float a2_5 = in2[8*first_j + 10];
              sum0_2 += a2_5 * sum1_5;
            }
            { const float a2_6 = in2[8*first_j + 3];
              sum0_3 += a2_6 * sum1_6;
            }
            { const float a2_7 = in2[8*first_j + 11];
              sum0_3 += a2_7 * sum1_7;
            }
            { const float a2_8 = in2[8*first_j + 4];
              sum0_4 += a2_8 * sum1_8;
            }
            { const float a2_9 = in2[8*first_j + 12];
              sum0_4 += a2_9 * sum1_9;
            }
            { const float a2_10 = in2[8*first_j + 5];
              sum0_5 += a2_10 * sum1_10;
            }
            { const float a2_11 = in2[8*first_j + 13];
              sum0_5 += a2_11 * sum1_11;
            }
            { const float a2_12 = in2[8*first_j + 6];
              sum0_6 += a2_12 * sum1_12;
            }
            { const float a2_13 = in2[8*first_j + 14];
              sum0_6 += a2_13 * sum1_13;
            }
            { const float a2_14 = in2[8*first_j + 7];
              sum0_7 += a2_14 * sum1_14;
            }
            { const float a2_15 = in2[8*first_j + 15];
              sum0_7 += a2_15 * sum1_15;
            }
        }
        float sums[8];
        sums[0] = sum0_0;
        sums[1] = sum0_1;
        sums[2] = sum0_2;
        sums[3] = sum0_3;
        sums[4] = sum0_4;
        sums[5] = sum0_5;
        sums[6] = sum0_6;
        sums[7] = sum0_7;
        for (int64_t r = 0; r < 8; r++) {
            const float sum = sums[r];
            const float value = sum;
            out[8*i + r] = value;
        }
    }
}

#endif
int64_t
einsum_workspace(void)
{
    return 0;
}

int
einsum(float *out, const float *in0, const float *in1,
    const float *in2, void *work)
{
    (void)work;
    einsum_step1(out, in0, in2, in1);
    return 0;
}

/* made by einc 0.1.0; change the expression, not this file
 * expression  ij,jk->ik  f32, strides as given
 * sizes       i=64 j=128 k=32
 * step 1      contract out[i,k] = in0[i,j] * in1[j,k]
 *              M{i}=64  N{k}=32  K{j}=128
 * cost        524288 flop; reads 49152 B, writes 8192 B; intermediates 0 B
 */
/* Launch, in this order; intermediates t1, t2 ... are dense in the order of the
 * indices above:
 *   einsum_step1(out, in0, in1)
 */
#if defined(__CUDACC_RTC__)
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#else
#include <stdint.h>
#endif

/* thread = (i, k), loops = (j); launch at least as many threads as elements */
extern "C" __global__ void
einsum_step1(float *out, const float *in0, const float *in1)
{
    const int64_t tasks = 2048;
    const int64_t task = (int64_t)blockIdx.x*blockDim.x + threadIdx.x;
    if (task >= tasks)
        return;
    int64_t rest = task; /* fastest first */
    int64_t k = rest % 32;
    rest /= 32;
    int64_t i = rest;
    float sum = 0;
    for (int64_t j = 0; j < 128; j++) {
        sum += in0[128*i + j] * in1[k + 32*j];
    }
    const int64_t to = 32*i + k;
    const float value = sum;
    out[to] = value;
}


/* made by einc 0.1.0; change the expression, not this file
 * expression  ki,k,kj->ij  f32, strides as given
 * sizes       k=300 i=96 j=200
 * step 1      contract out[i,j] = in0[k,i] * in2[k,j] * in1[k]
 *              M{i}=96  N{j}=200  K{k}=300
 * cost        11548800 flop; reads 356400 B, writes 76800 B; intermediates 0 B
 */
/* Launch, in this order; intermediates t1, t2 ... are dense in the order of the
 * indices above:
 *   einsum_step1(out, in0, in2, in1)
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

/* thread = (i, j), loops = (k); launch at least as many threads as elements */
extern "C" __global__ void
einsum_step1(float *out, const float *in0, const float *in1, const float *in2)
{
    const int64_t tasks = 19200;
    const int64_t task = (int64_t)blockIdx.x*blockDim.x + threadIdx.x;
    if (task >= tasks)
        return;
    int64_t rest = task; /* fastest first */
    int64_t j = rest % 200;
    rest /= 200;
    int64_t i = rest;
    float sum = 0;
    for (int64_t k = 0; k < 300; k++) {
        sum += in0[i + 96*k] * in1[j + 200*k] * in2[k];
    }
    const int64_t to = 200*i + j;
    const float value = sum;
    out[to] = value;
}


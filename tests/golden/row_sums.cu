/* made by einc 0.1.0; change the expression, not this file
 * expression  ij->i  f32, strides as given
 * sizes       i=33 j=65
 * step 1      reduce out[i] = in0[i,j]
 *              free{i}=33  sum{j}=65
 * cost        2145 flop; reads 8580 B, writes 132 B; intermediates 0 B
 */
/* Launch, in this order; intermediates t1, t2 ... are dense in the order of the
 * indices above:
 *   einsum_step1(out, in0)
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

/* thread = (i), loops = (j); launch at least as many threads as elements */
extern "C" __global__ void
einsum_step1(float *out, const float *in0)
{
    const int64_t tasks = 33;
    const int64_t task = (int64_t)blockIdx.x*blockDim.x + threadIdx.x;
    if (task >= tasks)
        return;
    int64_t rest = task; /* fastest first */
    int64_t i = rest;
    float sum = 0;
    for (int64_t j = 0; j < 65; j++) {
        sum += in0[65*i + j];
    }
    const int64_t to = i;
    const float value = sum;
    out[to] = value;
}


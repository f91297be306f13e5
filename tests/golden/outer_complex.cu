/* made by einc 0.1.0; change the expression, not this file
 * expression  i,j->ij  c64, strides as given
 * sizes       i=5 j=6
 * step 1      reduce out[i,j] = in0[i] * in1[j]
 *              free{i,j}=30
 * cost        60 flop; reads 88 B, writes 240 B; intermediates 0 B
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

/* thread = (i, j), loops = (); launch at least as many threads as elements */
extern "C" __global__ void
einsum_step1(float *out, const float *in0, const float *in1)
{
    const int64_t tasks = 30;
    const int64_t task = (int64_t)blockIdx.x*blockDim.x + threadIdx.x;
    if (task >= tasks)
        return;
    int64_t rest = task; /* fastest first */
    int64_t j = rest % 6;
    rest /= 6;
    int64_t i = rest;
    float sum_re = 0;
    float sum_im = 0;
    const float value0_re = in0[2*(i)];
    const float value0_im = in0[2*(i) + 1];
    const float value1_re = in1[2*(j)];
    const float value1_im = in1[2*(j) + 1];
    float re = value0_re, im = value0_im;
    const float re1 = value1_re, im1 = value1_im, old1 = re;
    re = re*re1 - im*im1;
    im = old1*im1 + im*re1;
    sum_re = re;
    sum_im = im;
    const int64_t to = 6*i + j;
    const float value_re = sum_re;
    const float value_im = sum_im;
    out[2*(to)] = value_re;
    out[2*(to) + 1] = value_im;
}


/* made by einc 0.1.0; change the expression, not this file
 * expression  i,j->ij  c64, strides as given
 * sizes       i=5 j=6
 * step 1      reduce out[i,j] = in0[i] * in1[j]
 *              free{i,j}=30
 * cost        60 flop; reads 88 B, writes 240 B; intermediates 0 B
 */
#include <stdint.h>
#include <stdlib.h>

/* out(5,6) = i,j->ij of in0(5), in1(6).
 * in0 holds pairs (re, im).
 * in1 holds pairs (re, im).
 * out holds pairs (re, im).
 * `out` may not overlap an input. `work` has einsum_workspace() bytes,
 * or is NULL: then memory is allocated for the call. Returns 0, or -1 if there
 * was none; then `out` is as before. */
int
einsum(float *out, const float *in0, const float *in1, void *work);

int64_t
einsum_workspace(void);

static void
einsum_step1(float *out, const float *in0, const float *in1)
{
    for (int64_t i = 0; i < 5; i++) { /* free */
        const float held0_re = in0[2*(i)];
        const float held0_im = in0[2*(i) + 1];
        const float *const from1 = in1 + 2*(0);
        const int64_t to = 6*i;
        for (int64_t lane = 0; lane < 6; lane++) {
            float re = held0_re, im = held0_im;
            const float re1 = from1[2*(lane)], im1 = from1[2*(lane) + 1], old1 = re;
            re = re*re1 - im*im1;
            im = old1*im1 + im*re1;
            const float value_re = re;
            const float value_im = im;
            out[2*(to + lane)] = value_re;
            out[2*(to + lane) + 1] = value_im;
        }
    }
}

int64_t
einsum_workspace(void)
{
    return 0;
}

int
einsum(float *out, const float *in0, const float *in1, void *work)
{
    (void)work;
    einsum_step1(out, in0, in1);
    return 0;
}

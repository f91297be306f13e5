/* made by einc 0.1.0; change the expression, not this file
 * expression  ij,jb->ib  f64, dense row-major
 * sizes       i=2 j=3 b=argument
 * step 1      contract out[i,b] = in0[i,j] * in1[j,b]
 *              M{i}  N{b}  K{j}
 * sets        each call runs the best of avx512, avx2 and sse2 that the machine
 *              has, or a lesser one that EINC_ISA names in the environment when
 *              einsum() is first called; elsewhere NEON or plain C
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* out(2,n_b) = ij,jb->ib of in0(2,3), in1(3,n_b).
 * `out` may not overlap an input. `work` has einsum_workspace() bytes,
 * or is NULL: then memory is allocated for the call. Returns 0, or -1 if there
 * was none; then `out` is as before. */
int
einsum(double *out, const double *in0, const double *in1,
    int64_t n_b, void *work);

int64_t
einsum_workspace(int64_t n_b);

#ifndef einsum_THREADS
#if defined(_OPENMP)
#define einsum_THREADS 8 /* parts that OpenMP may run at once */
#else
#define einsum_THREADS 1
#endif
#endif

/* Vector types need gcc or clang; -Deinsum_SCALAR goes without them. */
#if defined(__GNUC__) && !defined(EINC_SCALAR) && !defined(einsum_SCALAR)
#define einsum_VECTORS
#if defined(__x86_64__) && (defined(__clang__) || __GNUC__ >= 8)
#define einsum_SETS /* picked at run time */
#endif
#endif

/* Loops as vectors also at -O2, a*b + c in one instruction also with -std=c99. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("tree-vectorize", "fp-contract=fast", "no-trapping-math")
#endif

#if defined(__GNUC__)
#define einsum_INLINE static inline __attribute__((always_inline))
#else
#define einsum_INLINE static inline
#endif

#if defined(einsum_SETS)
/* --- avx512: up to the next such line functions are compiled for it --- */

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target( \
    "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#pragma clang attribute push(__attribute__(( \
    min_vector_width(512))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target( \
    "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,prefer-vector-width=512")
#endif

typedef double einsum_avx512_step1_vector __attribute__((
    vector_size(64), aligned(8), may_alias));

static void
einsum_avx512_step1(double *out, const double *lhs, const double *rhs,
    int64_t n_b, int64_t rhs_j, int64_t out_i, int64_t begin, int64_t end)
{
    typedef einsum_avx512_step1_vector vector;
    int64_t chunk = begin;
    for (int64_t task = begin; task < end; task++) {
        const int64_t first = 6592*chunk;
        const int64_t last = n_b - first < 13184 ? n_b : first + 6592;
        if (last - first < 16) {
            for (int64_t at = first; at < last; at++) {
                const double *const lhs_at = lhs;
                const double *const rhs_at = rhs + at;
                double *const out_at = out + at;
                { /* rows 0-1, columns 0-0 */
                    double sum0_0 = 0;
                    double sum1_0 = 0;
                    {
                        const double b0 = (double)rhs_at[0];
                        const double a0 = lhs_at[0];
                        const double a1 = lhs_at[3];
                        sum0_0 += a0 * b0;
                        sum1_0 += a1 * b0;
                    }
                    {
                        const double b0 = (double)rhs_at[rhs_j];
                        const double a0 = lhs_at[1];
                        const double a1 = lhs_at[4];
                        sum0_0 += a0 * b0;
                        sum1_0 += a1 * b0;
                    }
                    {
                        const double b0 = (double)rhs_at[2*rhs_j];
                        const double a0 = lhs_at[2];
                        const double a1 = lhs_at[5];
                        sum0_0 += a0 * b0;
                        sum1_0 += a1 * b0;
                    }
                    out_at[0] = (double)sum0_0;
                    out_at[out_i] = (double)sum1_0;
                }
            }
        } else {
            for (int64_t at = first; at < last; at += 16) {
                const int64_t lane = at + 16 <= last ? at : last - 16;
                const double *const lhs_at = lhs;
                const double *const rhs_at = rhs + lane;
                double *const out_at = out + lane;
                { /* rows 0-1, columns 0-0 */
                    vector sum0_0_0 = {0}, sum0_0_1 = {0};
                    vector sum1_0_0 = {0}, sum1_0_1 = {0};
                    {
                        const vector b0_0 = *(const vector *)(rhs_at + 0);
                        const vector b0_1 = *(const vector *)(rhs_at + 8);
                        const double a0 = lhs_at[0];
                        const double a1 = lhs_at[3];
                        sum0_0_0 += a0 * b0_0;
                        sum0_0_1 += a0 * b0_1;
                        sum1_0_0 += a1 * b0_0;
                        sum1_0_1 += a1 * b0_1;
                    }
                    {
                        const vector b0_0 = *(const vector *)(rhs_at + rhs_j);
                        const vector b0_1 = *(const vector *)(rhs_at + 8 + rhs_j);
                        const double a0 = lhs_at[1];
                        const double a1 = lhs_at[4];
                        sum0_0_0 += a0 * b0_0;
                        sum0_0_1 += a0 * b0_1;
                        sum1_0_0 += a1 * b0_0;
                        sum1_0_1 += a1 * b0_1;
                    }
                    {
                        const vector b0_0 = *(const vector *)(rhs_at + 2*rhs_j);
                        const vector b0_1 = *(const vector *)(rhs_at + 8 + 2*rhs_j);
                        const double a0 = lhs_at[2];
                        const double a1 = lhs_at[5];
                        sum0_0_0 += a0 * b0_0;
                        sum0_0_1 += a0 * b0_1;
                        sum1_0_0 += a1 * b0_0;
                        sum1_0_1 += a1 * b0_1;
                    }
                    *(vector *)(out_at + 0) = sum0_0_0;
                    *(vector *)(out_at + 8) = sum0_0_1;
                    *(vector *)(out_at + out_i) = sum1_0_0;
                    *(vector *)(out_at + 8 + out_i) = sum1_0_1;
                }
            }
        }
        ++chunk;
    }
}

#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

/* --- avx2: up to the next such line functions are compiled for it --- */

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target( \
    "avx2,fma"))), apply_to = function)
#pragma clang attribute push(__attribute__(( \
    min_vector_width(256))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target( \
    "avx2,fma,prefer-vector-width=256")
#endif

typedef double einsum_avx2_step1_vector __attribute__((
    vector_size(32), aligned(8), may_alias));

static void
einsum_avx2_step1(double *out, const double *lhs, const double *rhs,
    int64_t n_b, int64_t rhs_j, int64_t out_i, int64_t begin, int64_t end)
{
    typedef einsum_avx2_step1_vector vector;
    int64_t chunk = begin;
    for (int64_t task = begin; task < end; task++) {
        const int64_t first = 6592*chunk;
        const int64_t last = n_b - first < 13184 ? n_b : first + 6592;
        if (last - first < 8) {
            for (int64_t at = first; at < last; at++) {
                const double *const lhs_at = lhs;
                const double *const rhs_at = rhs + at;
                double *const out_at = out + at;
                { /* rows 0-1, columns 0-0 */
                    double sum0_0 = 0;
                    double sum1_0 = 0;
                    {
                        const double b0 = (double)rhs_at[0];
                        const double a0 = lhs_at[0];
                        const double a1 = lhs_at[3];
                        sum0_0 += a0 * b0;
                        sum1_0 += a1 * b0;
                    }
                    {
                        const double b0 = (double)rhs_at[rhs_j];
                        const double a0 = lhs_at[1];
                        const double a1 = lhs_at[4];
                        sum0_0 += a0 * b0;
                        sum1_0 += a1 * b0;
                    }
                    {
                        const double b0 = (double)rhs_at[2*rhs_j];
                        const double a0 = lhs_at[2];
                        const double a1 = lhs_at[5];
                        sum0_0 += a0 * b0;
                        sum1_0 += a1 * b0;
                    }
                    out_at[0] = (double)sum0_0;
                    out_at[out_i] = (double)sum1_0;
                }
            }
        } else {
            for (int64_t at = first; at < last; at += 8) {
                const int64_t lane = at + 8 <= last ? at : last - 8;
                const double *const lhs_at = lhs;
                const double *const rhs_at = rhs + lane;
                double *const out_at = out + lane;
                { /* rows 0-1, columns 0-0 */
                    vector sum0_0_0 = {0}, sum0_0_1 = {0};
                    vector sum1_0_0 = {0}, sum1_0_1 = {0};
                    {
                        const vector b0_0 = *(const vector *)(rhs_at + 0);
                        const vector b0_1 = *(const vector *)(rhs_at + 4);
                        const double a0 = lhs_at[0];
                        const double a1 = lhs_at[3];
                        sum0_0_0 += a0 * b0_0;
                        sum0_0_1 += a0 * b0_1;
                        sum1_0_0 += a1 * b0_0;
                        sum1_0_1 += a1 * b0_1;
                    }
                    {
                        const vector b0_0 = *(const vector *)(rhs_at + rhs_j);
                        const vector b0_1 = *(const vector *)(rhs_at + 4 + rhs_j);
                        const double a0 = lhs_at[1];
                        const double a1 = lhs_at[4];
                        sum0_0_0 += a0 * b0_0;
                        sum0_0_1 += a0 * b0_1;
                        sum1_0_0 += a1 * b0_0;
                        sum1_0_1 += a1 * b0_1;
                    }
                    {
                        const vector b0_0 = *(const vector *)(rhs_at + 2*rhs_j);
                        const vector b0_1 = *(const vector *)(rhs_at + 4 + 2*rhs_j);
                        const double a0 = lhs_at[2];
                        const double a1 = lhs_at[5];
                        sum0_0_0 += a0 * b0_0;
                        sum0_0_1 += a0 * b0_1;
                        sum1_0_0 += a1 * b0_0;
                        sum1_0_1 += a1 * b0_1;
                    }
                    *(vector *)(out_at + 0) = sum0_0_0;
                    *(vector *)(out_at + 4) = sum0_0_1;
                    *(vector *)(out_at + out_i) = sum1_0_0;
                    *(vector *)(out_at + 4 + out_i) = sum1_0_1;
                }
            }
        }
        ++chunk;
    }
}

#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
/* --- base: what the compiler's flags allow --- */

#if defined(einsum_VECTORS) && defined(__aarch64__)
typedef double einsum_base_step1_vector __attribute__((
    vector_size(16), aligned(8), may_alias));

static void
einsum_base_step1(double *out, const double *lhs, const double *rhs,
    int64_t n_b, int64_t rhs_j, int64_t out_i, int64_t begin, int64_t end)
{
    typedef einsum_base_step1_vector vector;
    int64_t chunk = begin;
    for (int64_t task = begin; task < end; task++) {
        const int64_t first = 6592*chunk;
        const int64_t last = n_b - first < 13184 ? n_b : first + 6592;
        if (last - first < 4) {
            for (int64_t at = first; at < last; at++) {
                const double *const lhs_at = lhs;
                const double *const rhs_at = rhs + at;
                double *const out_at = out + at;
                { /* rows 0-1, columns 0-0 */
                    double sum0_0 = 0;
                    double sum1_0 = 0;
                    {
                        const double b0 = (double)rhs_at[0];
                        const double a0 = lhs_at[0];
                        const double a1 = lhs_at[3];
                        sum0_0 += a0 * b0;
                        sum1_0 += a1 * b0;
                    }
                    {
                        const double b0 = (double)rhs_at[rhs_j];
                        const double a0 = lhs_at[1];
                        const double a1 = lhs_at[4];
                        sum0_0 += a0 * b0;
                        sum1_0 += a1 * b0;
                    }
                    {
                        const double b0 = (double)rhs_at[2*rhs_j];
                        const double a0 = lhs_at[2];
                        const double a1 = lhs_at[5];
                        sum0_0 += a0 * b0;
                        sum1_0 += a1 * b0;
                    }
                    out_at[0] = (double)sum0_0;
                    out_at[out_i] = (double)sum1_0;
                }
            }
        } else {
            for (int64_t at = first; at < last; at += 4) {
                const int64_t lane = at + 4 <= last ? at : last - 4;
                const double *const lhs_at = lhs;
                const double *const rhs_at = rhs + lane;
                double *const out_at = out + lane;
                { /* rows 0-1, columns 0-0 */
                    vector sum0_0_0 = {0}, sum0_0_1 = {0};
                    vector sum1_0_0 = {0}, sum1_0_1 = {0};
                    {
                        const vector b0_0 = *(const vector *)(rhs_at + 0);
                        const vector b0_1 = *(const vector *)(rhs_at + 2);
                        const double a0 = lhs_at[0];
                        const double a1 = lhs_at[3];
                        sum0_0_0 += a0 * b0_0;
                        sum0_0_1 += a0 * b0_1;
                        sum1_0_0 += a1 * b0_0;
                        sum1_0_1 += a1 * b0_1;
                    }
                    {
                        const vector b0_0 = *(const vector *)(rhs_at + rhs_j);
                        const vector b0_1 = *(const vector *)(rhs_at + 2 + rhs_j);
                        const double a0 = lhs_at[1];
                        const double a1 = lhs_at[4];
                        sum0_0_0 += a0 * b0_0;
                        sum0_0_1 += a0 * b0_1;
                        sum1_0_0 += a1 * b0_0;
                        sum1_0_1 += a1 * b0_1;
                    }
                    {
                        const vector b0_0 = *(const vector *)(rhs_at + 2*rhs_j);
                        const vector b0_1 = *(const vector *)(rhs_at + 2 + 2*rhs_j);
                        const double a0 = lhs_at[2];
                        const double a1 = lhs_at[5];
                        sum0_0_0 += a0 * b0_0;
                        sum0_0_1 += a0 * b0_1;
                        sum1_0_0 += a1 * b0_0;
                        sum1_0_1 += a1 * b0_1;
                    }
                    *(vector *)(out_at + 0) = sum0_0_0;
                    *(vector *)(out_at + 2) = sum0_0_1;
                    *(vector *)(out_at + out_i) = sum1_0_0;
                    *(vector *)(out_at + 2 + out_i) = sum1_0_1;
                }
            }
        }
        ++chunk;
    }
}

#elif defined(einsum_VECTORS)
typedef double einsum_base_step1_vector __attribute__((
    vector_size(16), aligned(8), may_alias));

static void
einsum_base_step1(double *out, const double *lhs, const double *rhs,
    int64_t n_b, int64_t rhs_j, int64_t out_i, int64_t begin, int64_t end)
{
    typedef einsum_base_step1_vector vector;
    int64_t chunk = begin;
    for (int64_t task = begin; task < end; task++) {
        const int64_t first = 6592*chunk;
        const int64_t last = n_b - first < 13184 ? n_b : first + 6592;
        if (last - first < 4) {
            for (int64_t at = first; at < last; at++) {
                const double *const lhs_at = lhs;
                const double *const rhs_at = rhs + at;
                double *const out_at = out + at;
                { /* rows 0-1, columns 0-0 */
                    double sum0_0 = 0;
                    double sum1_0 = 0;
                    {
                        const double b0 = (double)rhs_at[0];
                        const double a0 = lhs_at[0];
                        const double a1 = lhs_at[3];
                        sum0_0 += a0 * b0;
                        sum1_0 += a1 * b0;
                    }
                    {
                        const double b0 = (double)rhs_at[rhs_j];
                        const double a0 = lhs_at[1];
                        const double a1 = lhs_at[4];
                        sum0_0 += a0 * b0;
                        sum1_0 += a1 * b0;
                    }
                    {
                        const double b0 = (double)rhs_at[2*rhs_j];
                        const double a0 = lhs_at[2];
                        const double a1 = lhs_at[5];
                        sum0_0 += a0 * b0;
                        sum1_0 += a1 * b0;
                    }
                    out_at[0] = (double)sum0_0;
                    out_at[out_i] = (double)sum1_0;
                }
            }
        } else {
            for (int64_t at = first; at < last; at += 4) {
                const int64_t lane = at + 4 <= last ? at : last - 4;
                const double *const lhs_at = lhs;
                const double *const rhs_at = rhs + lane;
                double *const out_at = out + lane;
                { /* rows 0-1, columns 0-0 */
                    vector sum0_0_0 = {0}, sum0_0_1 = {0};
                    vector sum1_0_0 = {0}, sum1_0_1 = {0};
                    {
                        const vector b0_0 = *(const vector *)(rhs_at + 0);
                        const vector b0_1 = *(const vector *)(rhs_at + 2);
                        const double a0 = lhs_at[0];
                        const double a1 = lhs_at[3];
                        sum0_0_0 += a0 * b0_0;
                        sum0_0_1 += a0 * b0_1;
                        sum1_0_0 += a1 * b0_0;
                        sum1_0_1 += a1 * b0_1;
                    }
                    {
                        const vector b0_0 = *(const vector *)(rhs_at + rhs_j);
                        const vector b0_1 = *(const vector *)(rhs_at + 2 + rhs_j);
                        const double a0 = lhs_at[1];
                        const double a1 = lhs_at[4];
                        sum0_0_0 += a0 * b0_0;
                        sum0_0_1 += a0 * b0_1;
                        sum1_0_0 += a1 * b0_0;
                        sum1_0_1 += a1 * b0_1;
                    }
                    {
                        const vector b0_0 = *(const vector *)(rhs_at + 2*rhs_j);
                        const vector b0_1 = *(const vector *)(rhs_at + 2 + 2*rhs_j);
                        const double a0 = lhs_at[2];
                        const double a1 = lhs_at[5];
                        sum0_0_0 += a0 * b0_0;
                        sum0_0_1 += a0 * b0_1;
                        sum1_0_0 += a1 * b0_0;
                        sum1_0_1 += a1 * b0_1;
                    }
                    *(vector *)(out_at + 0) = sum0_0_0;
                    *(vector *)(out_at + 2) = sum0_0_1;
                    *(vector *)(out_at + out_i) = sum1_0_0;
                    *(vector *)(out_at + 2 + out_i) = sum1_0_1;
                }
            }
        }
        ++chunk;
    }
}

#else
static void
einsum_base_step1(double *out, const double *lhs, const double *rhs,
    int64_t n_b, int64_t rhs_j, int64_t out_i, int64_t begin, int64_t end)
{
    int64_t chunk = begin;
    for (int64_t task = begin; task < end; task++) {
        const int64_t first = 6592*chunk;
        const int64_t last = n_b - first < 13184 ? n_b : first + 6592;
        if (last - first < 2) {
            for (int64_t at = first; at < last; at++) {
                const double *const lhs_at = lhs;
                const double *const rhs_at = rhs + at;
                double *const out_at = out + at;
                { /* rows 0-1, columns 0-0 */
                    double sum0_0 = 0;
                    double sum1_0 = 0;
                    {
                        const double b0 = (double)rhs_at[0];
                        const double a0 = lhs_at[0];
                        const double a1 = lhs_at[3];
                        sum0_0 += a0 * b0;
                        sum1_0 += a1 * b0;
                    }
                    {
                        const double b0 = (double)rhs_at[rhs_j];
                        const double a0 = lhs_at[1];
                        const double a1 = lhs_at[4];
                        sum0_0 += a0 * b0;
                        sum1_0 += a1 * b0;
                    }
                    {
                        const double b0 = (double)rhs_at[2*rhs_j];
                        const double a0 = lhs_at[2];
                        const double a1 = lhs_at[5];
                        sum0_0 += a0 * b0;
                        sum1_0 += a1 * b0;
                    }
                    out_at[0] = (double)sum0_0;
                    out_at[out_i] = (double)sum1_0;
                }
            }
        } else {
            for (int64_t at = first; at < last; at += 2) {
                const int64_t lane = at + 2 <= last ? at : last - 2;
                const double *const lhs_at = lhs;
                const double *const rhs_at = rhs + lane;
                double *const out_at = out + lane;
                { /* rows 0-1, columns 0-0 */
                    double sum0_0_0 = 0, sum0_0_1 = 0;
                    double sum1_0_0 = 0, sum1_0_1 = 0;
                    {
                        const double b0_0 = (double)rhs_at[0];
                        const double b0_1 = (double)rhs_at[1];
                        const double a0 = lhs_at[0];
                        const double a1 = lhs_at[3];
                        sum0_0_0 += a0 * b0_0;
                        sum0_0_1 += a0 * b0_1;
                        sum1_0_0 += a1 * b0_0;
                        sum1_0_1 += a1 * b0_1;
                    }
                    {
                        const double b0_0 = (double)rhs_at[rhs_j];
                        const double b0_1 = (double)rhs_at[1 + rhs_j];
                        const double a0 = lhs_at[1];
                        const double a1 = lhs_at[4];
                        sum0_0_0 += a0 * b0_0;
                        sum0_0_1 += a0 * b0_1;
                        sum1_0_0 += a1 * b0_0;
                        sum1_0_1 += a1 * b0_1;
                    }
                    {
                        const double b0_0 = (double)rhs_at[2*rhs_j];
                        const double b0_1 = (double)rhs_at[1 + 2*rhs_j];
                        const double a0 = lhs_at[2];
                        const double a1 = lhs_at[5];
                        sum0_0_0 += a0 * b0_0;
                        sum0_0_1 += a0 * b0_1;
                        sum1_0_0 += a1 * b0_0;
                        sum1_0_1 += a1 * b0_1;
                    }
                    out_at[0] = (double)sum0_0_0;
                    out_at[1] = (double)sum0_0_1;
                    out_at[out_i] = (double)sum1_0_0;
                    out_at[1 + out_i] = (double)sum1_0_1;
                }
            }
        }
        ++chunk;
    }
}

#endif
#if defined(einsum_SETS)
static void
einsum_avx512(double *out, const double *in0, const double *in1,
    int64_t n_b)
{
#if defined(_OPENMP)
#pragma omp parallel for schedule(static, 1) if (6.0*(double)n_b >= 100000)
#endif
    for (int64_t part = 0; part < einsum_THREADS; part++)
        einsum_avx512_step1(out, in0, in1, n_b, n_b, n_b,
            (n_b < 13184 ? 1 : n_b/6592)*part/einsum_THREADS, (n_b < 13184 ? 1 : n_b/6592)*(part + 1)/einsum_THREADS);
}

static void
einsum_avx2(double *out, const double *in0, const double *in1,
    int64_t n_b)
{
#if defined(_OPENMP)
#pragma omp parallel for schedule(static, 1) if (6.0*(double)n_b >= 100000)
#endif
    for (int64_t part = 0; part < einsum_THREADS; part++)
        einsum_avx2_step1(out, in0, in1, n_b, n_b, n_b,
            (n_b < 13184 ? 1 : n_b/6592)*part/einsum_THREADS, (n_b < 13184 ? 1 : n_b/6592)*(part + 1)/einsum_THREADS);
}

#endif
static void
einsum_base(double *out, const double *in0, const double *in1,
    int64_t n_b)
{
#if defined(_OPENMP)
#pragma omp parallel for schedule(static, 1) if (6.0*(double)n_b >= 100000)
#endif
    for (int64_t part = 0; part < einsum_THREADS; part++)
        einsum_base_step1(out, in0, in1, n_b, n_b, n_b,
            (n_b < 13184 ? 1 : n_b/6592)*part/einsum_THREADS, (n_b < 13184 ? 1 : n_b/6592)*(part + 1)/einsum_THREADS);
}

typedef void einsum_steps(double *out, const double *in0, const double *in1,
    int64_t n_b);

static einsum_steps *
einsum_pick(void)
{
#if defined(einsum_SETS)
    static einsum_steps *const sets[] = {einsum_base, einsum_avx2, einsum_avx512};
    static const char *const names[] = {"sse2", "avx2", "avx512"};
    static int picked; /* 1 + set; any thread finds the same */
    int set = __atomic_load_n(&picked, __ATOMIC_RELAXED) - 1;
    if (set < 0) {
        const char *const asked = getenv("EINC_ISA");
        const int has[] = {1,
            __builtin_cpu_supports("avx2") &&
            __builtin_cpu_supports("fma"),
            __builtin_cpu_supports("avx512f") &&
            __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vl") &&
            __builtin_cpu_supports("avx2") &&
            __builtin_cpu_supports("fma")};
        set = 0;
        while (set < 2 && has[set + 1])
            set++;
        for (int s = 0; asked && s < set; s++)
            if (strcmp(asked, names[s]) == 0)
                set = s;
        __atomic_store_n(&picked, set + 1, __ATOMIC_RELAXED);
    }
    return sets[set];
#else
    return einsum_base;
#endif
}

int64_t
einsum_workspace(int64_t n_b)
{
    (void)n_b;
    return 0;
}

int
einsum(double *out, const double *in0, const double *in1,
    int64_t n_b, void *work)
{
    (void)work;
    einsum_pick()(out, in0, in1, n_b);
    return 0;
}

/* made by einc 0.1.0; change the expression, not this file
 * expression  ij,jk->ik  f32, strides as given
 * sizes       i=64 j=128 k=32
 * step 1      contract out[i,k] = in0[i,j] * in1[j,k]
 *              M{i}=64  N{k}=32  K{j}=128
 * cost        524288 flop; reads 49152 B, writes 8192 B; intermediates 0 B
 * sets        each call runs the best of avx512, avx2 and sse2 that the machine
 *              has, or a lesser one that EINC_ISA names in the environment when
 *              einsum() is first called; elsewhere NEON or plain C
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* out(64,32) = ij,jk->ik of in0(64,128), in1(128,32).
 * `out` may not overlap an input. `work` has einsum_workspace() bytes,
 * or is NULL: then memory is allocated for the call. Returns 0, or -1 if there
 * was none; then `out` is as before. */
int
einsum(float *out, const float *in0, const float *in1, void *work);

int64_t
einsum_workspace(void);

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

typedef float einsum_avx512_step1_vector __attribute__((
    vector_size(64), aligned(4), may_alias));

/* 13 rows of 2 vectors */
static inline void
einsum_avx512_step1_tile_13x2(const float *lhs, const float *rhs,
    float *out)
{
    typedef einsum_avx512_step1_vector vector;
    vector sum0_0 = {0}, sum0_1 = {0};
    vector sum1_0 = {0}, sum1_1 = {0};
    vector sum2_0 = {0}, sum2_1 = {0};
    vector sum3_0 = {0}, sum3_1 = {0};
    vector sum4_0 = {0}, sum4_1 = {0};
    vector sum5_0 = {0}, sum5_1 = {0};
    vector sum6_0 = {0}, sum6_1 = {0};
    vector sum7_0 = {0}, sum7_1 = {0};
    vector sum8_0 = {0}, sum8_1 = {0};
    vector sum9_0 = {0}, sum9_1 = {0};
    vector sum10_0 = {0}, sum10_1 = {0};
    vector sum11_0 = {0}, sum11_1 = {0};
    vector sum12_0 = {0}, sum12_1 = {0};
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t j = 0; j < 128; j++) {
        const float *const from = lhs + (j);
        const float *const with = rhs + (32*j);
        const vector b0 = *(const vector *)(with + 0);
        const vector b1 = *(const vector *)(with + 16);
        { const float lv = from[0]; sum0_0 += lv * b0; sum0_1 += lv * b1; }
        { const float lv = from[128]; sum1_0 += lv * b0; sum1_1 += lv * b1; }
        { const float lv = from[256]; sum2_0 += lv * b0; sum2_1 += lv * b1; }
        { const float lv = from[384]; sum3_0 += lv * b0; sum3_1 += lv * b1; }
        { const float lv = from[512]; sum4_0 += lv * b0; sum4_1 += lv * b1; }
        { const float lv = from[640]; sum5_0 += lv * b0; sum5_1 += lv * b1; }
        { const float lv = from[768]; sum6_0 += lv * b0; sum6_1 += lv * b1; }
        { const float lv = from[896]; sum7_0 += lv * b0; sum7_1 += lv * b1; }
        { const float lv = from[1024]; sum8_0 += lv * b0; sum8_1 += lv * b1; }
        { const float lv = from[1152]; sum9_0 += lv * b0; sum9_1 += lv * b1; }
        { const float lv = from[1280]; sum10_0 += lv * b0; sum10_1 += lv * b1; }
        { const float lv = from[1408]; sum11_0 += lv * b0; sum11_1 += lv * b1; }
        { const float lv = from[1536]; sum12_0 += lv * b0; sum12_1 += lv * b1; }
    }
    *(vector *)(out + 0) = sum0_0;
    *(vector *)(out + 16) = sum0_1;
    *(vector *)(out + 32) = sum1_0;
    *(vector *)(out + 48) = sum1_1;
    *(vector *)(out + 64) = sum2_0;
    *(vector *)(out + 80) = sum2_1;
    *(vector *)(out + 96) = sum3_0;
    *(vector *)(out + 112) = sum3_1;
    *(vector *)(out + 128) = sum4_0;
    *(vector *)(out + 144) = sum4_1;
    *(vector *)(out + 160) = sum5_0;
    *(vector *)(out + 176) = sum5_1;
    *(vector *)(out + 192) = sum6_0;
    *(vector *)(out + 208) = sum6_1;
    *(vector *)(out + 224) = sum7_0;
    *(vector *)(out + 240) = sum7_1;
    *(vector *)(out + 256) = sum8_0;
    *(vector *)(out + 272) = sum8_1;
    *(vector *)(out + 288) = sum9_0;
    *(vector *)(out + 304) = sum9_1;
    *(vector *)(out + 320) = sum10_0;
    *(vector *)(out + 336) = sum10_1;
    *(vector *)(out + 352) = sum11_0;
    *(vector *)(out + 368) = sum11_1;
    *(vector *)(out + 384) = sum12_0;
    *(vector *)(out + 400) = sum12_1;
}

/* 12 rows of 2 vectors */
static inline void
einsum_avx512_step1_tile_12x2(const float *lhs, const float *rhs,
    float *out)
{
    typedef einsum_avx512_step1_vector vector;
    vector sum0_0 = {0}, sum0_1 = {0};
    vector sum1_0 = {0}, sum1_1 = {0};
    vector sum2_0 = {0}, sum2_1 = {0};
    vector sum3_0 = {0}, sum3_1 = {0};
    vector sum4_0 = {0}, sum4_1 = {0};
    vector sum5_0 = {0}, sum5_1 = {0};
    vector sum6_0 = {0}, sum6_1 = {0};
    vector sum7_0 = {0}, sum7_1 = {0};
    vector sum8_0 = {0}, sum8_1 = {0};
    vector sum9_0 = {0}, sum9_1 = {0};
    vector sum10_0 = {0}, sum10_1 = {0};
    vector sum11_0 = {0}, sum11_1 = {0};
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t j = 0; j < 128; j++) {
        const float *const from = lhs + (j);
        const float *const with = rhs + (32*j);
        const vector b0 = *(const vector *)(with + 0);
        const vector b1 = *(const vector *)(with + 16);
        { const float lv = from[0]; sum0_0 += lv * b0; sum0_1 += lv * b1; }
        { const float lv = from[128]; sum1_0 += lv * b0; sum1_1 += lv * b1; }
        { const float lv = from[256]; sum2_0 += lv * b0; sum2_1 += lv * b1; }
        { const float lv = from[384]; sum3_0 += lv * b0; sum3_1 += lv * b1; }
        { const float lv = from[512]; sum4_0 += lv * b0; sum4_1 += lv * b1; }
        { const float lv = from[640]; sum5_0 += lv * b0; sum5_1 += lv * b1; }
        { const float lv = from[768]; sum6_0 += lv * b0; sum6_1 += lv * b1; }
        { const float lv = from[896]; sum7_0 += lv * b0; sum7_1 += lv * b1; }
        { const float lv = from[1024]; sum8_0 += lv * b0; sum8_1 += lv * b1; }
        { const float lv = from[1152]; sum9_0 += lv * b0; sum9_1 += lv * b1; }
        { const float lv = from[1280]; sum10_0 += lv * b0; sum10_1 += lv * b1; }
        { const float lv = from[1408]; sum11_0 += lv * b0; sum11_1 += lv * b1; }
    }
    *(vector *)(out + 0) = sum0_0;
    *(vector *)(out + 16) = sum0_1;
    *(vector *)(out + 32) = sum1_0;
    *(vector *)(out + 48) = sum1_1;
    *(vector *)(out + 64) = sum2_0;
    *(vector *)(out + 80) = sum2_1;
    *(vector *)(out + 96) = sum3_0;
    *(vector *)(out + 112) = sum3_1;
    *(vector *)(out + 128) = sum4_0;
    *(vector *)(out + 144) = sum4_1;
    *(vector *)(out + 160) = sum5_0;
    *(vector *)(out + 176) = sum5_1;
    *(vector *)(out + 192) = sum6_0;
    *(vector *)(out + 208) = sum6_1;
    *(vector *)(out + 224) = sum7_0;
    *(vector *)(out + 240) = sum7_1;
    *(vector *)(out + 256) = sum8_0;
    *(vector *)(out + 272) = sum8_1;
    *(vector *)(out + 288) = sum9_0;
    *(vector *)(out + 304) = sum9_1;
    *(vector *)(out + 320) = sum10_0;
    *(vector *)(out + 336) = sum10_1;
    *(vector *)(out + 352) = sum11_0;
    *(vector *)(out + 368) = sum11_1;
}

static inline void
einsum_avx512_step1_product(const float *lhs, const float *rhs,
    float *out)
{
    for (int64_t tile = 0; tile < 5; tile++) {
        const int64_t row = tile < 4 ? 13*tile : 12*tile + 4;
        if (tile < 4)
            einsum_avx512_step1_tile_13x2(lhs + 128*row, rhs,
                out + 32*row);
        else
            einsum_avx512_step1_tile_12x2(lhs + 128*row, rhs,
                out + 32*row);
    }
}

static void
einsum_avx512_step1(float *out, const float *lhs, const float *rhs)
{
    einsum_avx512_step1_product(lhs, rhs,
        out);
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

typedef float einsum_avx2_step1_vector __attribute__((
    vector_size(32), aligned(4), may_alias));

/* 6 rows of 2 vectors */
static inline void
einsum_avx2_step1_tile_6x2(const float *lhs, const float *rhs,
    float *out)
{
    typedef einsum_avx2_step1_vector vector;
    vector sum0_0 = {0}, sum0_1 = {0};
    vector sum1_0 = {0}, sum1_1 = {0};
    vector sum2_0 = {0}, sum2_1 = {0};
    vector sum3_0 = {0}, sum3_1 = {0};
    vector sum4_0 = {0}, sum4_1 = {0};
    vector sum5_0 = {0}, sum5_1 = {0};
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t j = 0; j < 128; j++) {
        const float *const from = lhs + (j);
        const float *const with = rhs + (32*j);
        const vector b0 = *(const vector *)(with + 0);
        const vector b1 = *(const vector *)(with + 8);
        { const float lv = from[0]; sum0_0 += lv * b0; sum0_1 += lv * b1; }
        { const float lv = from[128]; sum1_0 += lv * b0; sum1_1 += lv * b1; }
        { const float lv = from[256]; sum2_0 += lv * b0; sum2_1 += lv * b1; }
        { const float lv = from[384]; sum3_0 += lv * b0; sum3_1 += lv * b1; }
        { const float lv = from[512]; sum4_0 += lv * b0; sum4_1 += lv * b1; }
        { const float lv = from[640]; sum5_0 += lv * b0; sum5_1 += lv * b1; }
    }
    *(vector *)(out + 0) = sum0_0;
    *(vector *)(out + 8) = sum0_1;
    *(vector *)(out + 32) = sum1_0;
    *(vector *)(out + 40) = sum1_1;
    *(vector *)(out + 64) = sum2_0;
    *(vector *)(out + 72) = sum2_1;
    *(vector *)(out + 96) = sum3_0;
    *(vector *)(out + 104) = sum3_1;
    *(vector *)(out + 128) = sum4_0;
    *(vector *)(out + 136) = sum4_1;
    *(vector *)(out + 160) = sum5_0;
    *(vector *)(out + 168) = sum5_1;
}

/* 5 rows of 2 vectors */
static inline void
einsum_avx2_step1_tile_5x2(const float *lhs, const float *rhs,
    float *out)
{
    typedef einsum_avx2_step1_vector vector;
    vector sum0_0 = {0}, sum0_1 = {0};
    vector sum1_0 = {0}, sum1_1 = {0};
    vector sum2_0 = {0}, sum2_1 = {0};
    vector sum3_0 = {0}, sum3_1 = {0};
    vector sum4_0 = {0}, sum4_1 = {0};
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t j = 0; j < 128; j++) {
        const float *const from = lhs + (j);
        const float *const with = rhs + (32*j);
        const vector b0 = *(const vector *)(with + 0);
        const vector b1 = *(const vector *)(with + 8);
        { const float lv = from[0]; sum0_0 += lv * b0; sum0_1 += lv * b1; }
        { const float lv = from[128]; sum1_0 += lv * b0; sum1_1 += lv * b1; }
        { const float lv = from[256]; sum2_0 += lv * b0; sum2_1 += lv * b1; }
        { const float lv = from[384]; sum3_0 += lv * b0; sum3_1 += lv * b1; }
        { const float lv = from[512]; sum4_0 += lv * b0; sum4_1 += lv * b1; }
    }
    *(vector *)(out + 0) = sum0_0;
    *(vector *)(out + 8) = sum0_1;
    *(vector *)(out + 32) = sum1_0;
    *(vector *)(out + 40) = sum1_1;
    *(vector *)(out + 64) = sum2_0;
    *(vector *)(out + 72) = sum2_1;
    *(vector *)(out + 96) = sum3_0;
    *(vector *)(out + 104) = sum3_1;
    *(vector *)(out + 128) = sum4_0;
    *(vector *)(out + 136) = sum4_1;
}

static inline void
einsum_avx2_step1_product(const float *lhs, const float *rhs,
    float *out)
{
    for (int64_t panel = 0; panel < 2; panel++) {
        const int64_t column = 16*panel;
        for (int64_t tile = 0; tile < 11; tile++) {
            const int64_t row = tile < 9 ? 6*tile : 5*tile + 9;
            if (tile < 9)
                einsum_avx2_step1_tile_6x2(lhs + 128*row, rhs + column,
                    out + 32*row + column);
            else
                einsum_avx2_step1_tile_5x2(lhs + 128*row, rhs + column,
                    out + 32*row + column);
        }
    }
}

static void
einsum_avx2_step1(float *out, const float *lhs, const float *rhs)
{
    einsum_avx2_step1_product(lhs, rhs,
        out);
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
typedef float einsum_base_step1_vector __attribute__((
    vector_size(16), aligned(4), may_alias));

/* 6 rows of 4 vectors */
static inline void
einsum_base_step1_tile_6x4(const float *lhs, const float *rhs,
    float *out)
{
    typedef einsum_base_step1_vector vector;
    vector sum0_0 = {0}, sum0_1 = {0}, sum0_2 = {0}, sum0_3 = {0};
    vector sum1_0 = {0}, sum1_1 = {0}, sum1_2 = {0}, sum1_3 = {0};
    vector sum2_0 = {0}, sum2_1 = {0}, sum2_2 = {0}, sum2_3 = {0};
    vector sum3_0 = {0}, sum3_1 = {0}, sum3_2 = {0}, sum3_3 = {0};
    vector sum4_0 = {0}, sum4_1 = {0}, sum4_2 = {0}, sum4_3 = {0};
    vector sum5_0 = {0}, sum5_1 = {0}, sum5_2 = {0}, sum5_3 = {0};
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t j = 0; j < 128; j++) {
        const float *const from = lhs + (j);
        const float *const with = rhs + (32*j);
        const vector b0 = *(const vector *)(with + 0);
        const vector b1 = *(const vector *)(with + 4);
        const vector b2 = *(const vector *)(with + 8);
        const vector b3 = *(const vector *)(with + 12);
        { const float lv = from[0]; sum0_0 += lv * b0; sum0_1 += lv * b1; sum0_2 += lv * b2;
          sum0_3 += lv * b3; }
        { const float lv = from[128]; sum1_0 += lv * b0; sum1_1 += lv * b1; sum1_2 += lv * b2;
          sum1_3 += lv * b3; }
        { const float lv = from[256]; sum2_0 += lv * b0; sum2_1 += lv * b1; sum2_2 += lv * b2;
          sum2_3 += lv * b3; }
        { const float lv = from[384]; sum3_0 += lv * b0; sum3_1 += lv * b1; sum3_2 += lv * b2;
          sum3_3 += lv * b3; }
        { const float lv = from[512]; sum4_0 += lv * b0; sum4_1 += lv * b1; sum4_2 += lv * b2;
          sum4_3 += lv * b3; }
        { const float lv = from[640]; sum5_0 += lv * b0; sum5_1 += lv * b1; sum5_2 += lv * b2;
          sum5_3 += lv * b3; }
    }
    *(vector *)(out + 0) = sum0_0;
    *(vector *)(out + 4) = sum0_1;
    *(vector *)(out + 8) = sum0_2;
    *(vector *)(out + 12) = sum0_3;
    *(vector *)(out + 32) = sum1_0;
    *(vector *)(out + 36) = sum1_1;
    *(vector *)(out + 40) = sum1_2;
    *(vector *)(out + 44) = sum1_3;
    *(vector *)(out + 64) = sum2_0;
    *(vector *)(out + 68) = sum2_1;
    *(vector *)(out + 72) = sum2_2;
    *(vector *)(out + 76) = sum2_3;
    *(vector *)(out + 96) = sum3_0;
    *(vector *)(out + 100) = sum3_1;
    *(vector *)(out + 104) = sum3_2;
    *(vector *)(out + 108) = sum3_3;
    *(vector *)(out + 128) = sum4_0;
    *(vector *)(out + 132) = sum4_1;
    *(vector *)(out + 136) = sum4_2;
    *(vector *)(out + 140) = sum4_3;
    *(vector *)(out + 160) = sum5_0;
    *(vector *)(out + 164) = sum5_1;
    *(vector *)(out + 168) = sum5_2;
    *(vector *)(out + 172) = sum5_3;
}

/* 5 rows of 4 vectors */
static inline void
einsum_base_step1_tile_5x4(const float *lhs, const float *rhs,
    float *out)
{
    typedef einsum_base_step1_vector vector;
    vector sum0_0 = {0}, sum0_1 = {0}, sum0_2 = {0}, sum0_3 = {0};
    vector sum1_0 = {0}, sum1_1 = {0}, sum1_2 = {0}, sum1_3 = {0};
    vector sum2_0 = {0}, sum2_1 = {0}, sum2_2 = {0}, sum2_3 = {0};
    vector sum3_0 = {0}, sum3_1 = {0}, sum3_2 = {0}, sum3_3 = {0};
    vector sum4_0 = {0}, sum4_1 = {0}, sum4_2 = {0}, sum4_3 = {0};
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t j = 0; j < 128; j++) {
        const float *const from = lhs + (j);
        const float *const with = rhs + (32*j);
        const vector b0 = *(const vector *)(with + 0);
        const vector b1 = *(const vector *)(with + 4);
        const vector b2 = *(const vector *)(with + 8);
        const vector b3 = *(const vector *)(with + 12);
        { const float lv = from[0]; sum0_0 += lv * b0; sum0_1 += lv * b1; sum0_2 += lv * b2;
          sum0_3 += lv * b3; }
        { const float lv = from[128]; sum1_0 += lv * b0; sum1_1 += lv * b1; sum1_2 += lv * b2;
          sum1_3 += lv * b3; }
        { const float lv = from[256]; sum2_0 += lv * b0; sum2_1 += lv * b1; sum2_2 += lv * b2;
          sum2_3 += lv * b3; }
        { const float lv = from[384]; sum3_0 += lv * b0; sum3_1 += lv * b1; sum3_2 += lv * b2;
          sum3_3 += lv * b3; }
        { const float lv = from[512]; sum4_0 += lv * b0; sum4_1 += lv * b1; sum4_2 += lv * b2;
          sum4_3 += lv * b3; }
    }
    *(vector *)(out + 0) = sum0_0;
    *(vector *)(out + 4) = sum0_1;
    *(vector *)(out + 8) = sum0_2;
    *(vector *)(out + 12) = sum0_3;
    *(vector *)(out + 32) = sum1_0;
    *(vector *)(out + 36) = sum1_1;
    *(vector *)(out + 40) = sum1_2;
    *(vector *)(out + 44) = sum1_3;
    *(vector *)(out + 64) = sum2_0;
    *(vector *)(out + 68) = sum2_1;
    *(vector *)(out + 72) = sum2_2;
    *(vector *)(out + 76) = sum2_3;
    *(vector *)(out + 96) = sum3_0;
    *(vector *)(out + 100) = sum3_1;
    *(vector *)(out + 104) = sum3_2;
    *(vector *)(out + 108) = sum3_3;
    *(vector *)(out + 128) = sum4_0;
    *(vector *)(out + 132) = sum4_1;
    *(vector *)(out + 136) = sum4_2;
    *(vector *)(out + 140) = sum4_3;
}

static inline void
einsum_base_step1_product(const float *lhs, const float *rhs,
    float *out)
{
    for (int64_t panel = 0; panel < 2; panel++) {
        const int64_t column = 16*panel;
        for (int64_t tile = 0; tile < 11; tile++) {
            const int64_t row = tile < 9 ? 6*tile : 5*tile + 9;
            if (tile < 9)
                einsum_base_step1_tile_6x4(lhs + 128*row, rhs + column,
                    out + 32*row + column);
            else
                einsum_base_step1_tile_5x4(lhs + 128*row, rhs + column,
                    out + 32*row + column);
        }
    }
}

static void
einsum_base_step1(float *out, const float *lhs, const float *rhs)
{
    einsum_base_step1_product(lhs, rhs,
        out);
}

#elif defined(einsum_VECTORS)
typedef float einsum_base_step1_vector __attribute__((
    vector_size(16), aligned(4), may_alias));

/* 4 rows of 3 vectors */
static inline void
einsum_base_step1_tile_4x3(const float *lhs, const float *rhs,
    float *out)
{
    typedef einsum_base_step1_vector vector;
    vector sum0_0 = {0}, sum0_1 = {0}, sum0_2 = {0};
    vector sum1_0 = {0}, sum1_1 = {0}, sum1_2 = {0};
    vector sum2_0 = {0}, sum2_1 = {0}, sum2_2 = {0};
    vector sum3_0 = {0}, sum3_1 = {0}, sum3_2 = {0};
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t j = 0; j < 128; j++) {
        const float *const from = lhs + (j);
        const float *const with = rhs + (32*j);
        const vector b0 = *(const vector *)(with + 0);
        const vector b1 = *(const vector *)(with + 4);
        const vector b2 = *(const vector *)(with + 8);
        { const float lv = from[0]; sum0_0 += lv * b0; sum0_1 += lv * b1; sum0_2 += lv * b2; }
        { const float lv = from[128]; sum1_0 += lv * b0; sum1_1 += lv * b1; sum1_2 += lv * b2; }
        { const float lv = from[256]; sum2_0 += lv * b0; sum2_1 += lv * b1; sum2_2 += lv * b2; }
        { const float lv = from[384]; sum3_0 += lv * b0; sum3_1 += lv * b1; sum3_2 += lv * b2; }
    }
    *(vector *)(out + 0) = sum0_0;
    *(vector *)(out + 4) = sum0_1;
    *(vector *)(out + 8) = sum0_2;
    *(vector *)(out + 32) = sum1_0;
    *(vector *)(out + 36) = sum1_1;
    *(vector *)(out + 40) = sum1_2;
    *(vector *)(out + 64) = sum2_0;
    *(vector *)(out + 68) = sum2_1;
    *(vector *)(out + 72) = sum2_2;
    *(vector *)(out + 96) = sum3_0;
    *(vector *)(out + 100) = sum3_1;
    *(vector *)(out + 104) = sum3_2;
}

/* 4 rows of 2 vectors */
static inline void
einsum_base_step1_tile_4x2(const float *lhs, const float *rhs,
    float *out)
{
    typedef einsum_base_step1_vector vector;
    vector sum0_0 = {0}, sum0_1 = {0};
    vector sum1_0 = {0}, sum1_1 = {0};
    vector sum2_0 = {0}, sum2_1 = {0};
    vector sum3_0 = {0}, sum3_1 = {0};
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t j = 0; j < 128; j++) {
        const float *const from = lhs + (j);
        const float *const with = rhs + (32*j);
        const vector b0 = *(const vector *)(with + 0);
        const vector b1 = *(const vector *)(with + 4);
        { const float lv = from[0]; sum0_0 += lv * b0; sum0_1 += lv * b1; }
        { const float lv = from[128]; sum1_0 += lv * b0; sum1_1 += lv * b1; }
        { const float lv = from[256]; sum2_0 += lv * b0; sum2_1 += lv * b1; }
        { const float lv = from[384]; sum3_0 += lv * b0; sum3_1 += lv * b1; }
    }
    *(vector *)(out + 0) = sum0_0;
    *(vector *)(out + 4) = sum0_1;
    *(vector *)(out + 32) = sum1_0;
    *(vector *)(out + 36) = sum1_1;
    *(vector *)(out + 64) = sum2_0;
    *(vector *)(out + 68) = sum2_1;
    *(vector *)(out + 96) = sum3_0;
    *(vector *)(out + 100) = sum3_1;
}

static inline void
einsum_base_step1_product(const float *lhs, const float *rhs,
    float *out)
{
    for (int64_t panel = 0; panel < 3; panel++) {
        const int64_t column = panel < 2 ? 12*panel : 8*panel + 8;
        for (int64_t tile = 0; tile < 16; tile++) {
            const int64_t row = 4*tile;
            if (panel < 2)
                einsum_base_step1_tile_4x3(lhs + 128*row, rhs + column,
                    out + 32*row + column);
            else
                einsum_base_step1_tile_4x2(lhs + 128*row, rhs + column,
                    out + 32*row + column);
        }
    }
}

static void
einsum_base_step1(float *out, const float *lhs, const float *rhs)
{
    einsum_base_step1_product(lhs, rhs,
        out);
}

#else
typedef float einsum_base_step1_vector;

/* 4 rows of 4 vectors */
static inline void
einsum_base_step1_tile_4x4(const float *lhs, const float *rhs,
    float *out)
{
    typedef einsum_base_step1_vector vector;
    vector sum0_0 = 0, sum0_1 = 0, sum0_2 = 0, sum0_3 = 0;
    vector sum1_0 = 0, sum1_1 = 0, sum1_2 = 0, sum1_3 = 0;
    vector sum2_0 = 0, sum2_1 = 0, sum2_2 = 0, sum2_3 = 0;
    vector sum3_0 = 0, sum3_1 = 0, sum3_2 = 0, sum3_3 = 0;
    for (int64_t j = 0; j < 128; j++) {
        const float *const from = lhs + (j);
        const float *const with = rhs + (32*j);
        const vector b0 = *(const vector *)(with + 0);
        const vector b1 = *(const vector *)(with + 1);
        const vector b2 = *(const vector *)(with + 2);
        const vector b3 = *(const vector *)(with + 3);
        { const float lv = from[0]; sum0_0 += lv * b0; sum0_1 += lv * b1; sum0_2 += lv * b2;
          sum0_3 += lv * b3; }
        { const float lv = from[128]; sum1_0 += lv * b0; sum1_1 += lv * b1; sum1_2 += lv * b2;
          sum1_3 += lv * b3; }
        { const float lv = from[256]; sum2_0 += lv * b0; sum2_1 += lv * b1; sum2_2 += lv * b2;
          sum2_3 += lv * b3; }
        { const float lv = from[384]; sum3_0 += lv * b0; sum3_1 += lv * b1; sum3_2 += lv * b2;
          sum3_3 += lv * b3; }
    }
    *(vector *)(out + 0) = sum0_0;
    *(vector *)(out + 1) = sum0_1;
    *(vector *)(out + 2) = sum0_2;
    *(vector *)(out + 3) = sum0_3;
    *(vector *)(out + 32) = sum1_0;
    *(vector *)(out + 33) = sum1_1;
    *(vector *)(out + 34) = sum1_2;
    *(vector *)(out + 35) = sum1_3;
    *(vector *)(out + 64) = sum2_0;
    *(vector *)(out + 65) = sum2_1;
    *(vector *)(out + 66) = sum2_2;
    *(vector *)(out + 67) = sum2_3;
    *(vector *)(out + 96) = sum3_0;
    *(vector *)(out + 97) = sum3_1;
    *(vector *)(out + 98) = sum3_2;
    *(vector *)(out + 99) = sum3_3;
}

static inline void
einsum_base_step1_product(const float *lhs, const float *rhs,
    float *out)
{
    for (int64_t panel = 0; panel < 8; panel++) {
        const int64_t column = 4*panel;
        for (int64_t tile = 0; tile < 16; tile++) {
            const int64_t row = 4*tile;
            einsum_base_step1_tile_4x4(lhs + 128*row, rhs + column,
                out + 32*row + column);
        }
    }
}

static void
einsum_base_step1(float *out, const float *lhs, const float *rhs)
{
    einsum_base_step1_product(lhs, rhs,
        out);
}

#endif
#if defined(einsum_SETS)
static void
einsum_avx512(float *out, const float *in0, const float *in1)
{
    einsum_avx512_step1(out, in0, in1);
}

static void
einsum_avx2(float *out, const float *in0, const float *in1)
{
    einsum_avx2_step1(out, in0, in1);
}

#endif
static void
einsum_base(float *out, const float *in0, const float *in1)
{
    einsum_base_step1(out, in0, in1);
}

typedef void einsum_steps(float *out, const float *in0, const float *in1);

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
einsum_workspace(void)
{
    return 0;
}

int
einsum(float *out, const float *in0, const float *in1, void *work)
{
    (void)work;
    einsum_pick()(out, in0, in1);
    return 0;
}

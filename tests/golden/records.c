/* made by einc 0.1.0; change the expression, not this file
 * expression  ij,bj->bi  f32, strides as given
 * sizes       i=3 j=3 b=1000
 * step 1      contract out[b,i] = in1[b,j] * in0[i,j]
 *              M{b}=1000  N{i}=3  K{j}=3
 * cost        18000 flop; reads 12036 B, writes 12000 B; intermediates 0 B
 * sets        each call runs the best of avx512, avx2 and sse2 that the machine
 *              has, or a lesser one that EINC_ISA names in the environment when
 *              einsum() is first called; elsewhere NEON or plain C
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* out(1000,3) = ij,bj->bi of in0(3,3), in1(1000,3).
 * `out` may not overlap an input. `work` has einsum_workspace() bytes,
 * or is NULL: then memory is allocated for the call. Returns 0, or -1 if there
 * was none; then `out` is as before. */
int
einsum(float *out, const float *in0, const float *in1, void *work);

int64_t
einsum_workspace(void);

#ifndef einsum_THREADS
#if defined(_OPENMP)
#define einsum_THREADS 8 /* parts that OpenMP may run at once */
#else
#define einsum_THREADS 1
#endif
#endif

#if defined(_OPENMP)
#include <omp.h>
#endif
#define einsum_SCRATCH 2598144 /* bytes for a thread */

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

struct einsum_args {
    void *out;            /* element (0, 0, ...) */
    const void *const *in;
    const int64_t *n;     /* extents */
    const int64_t *s;     /* strides, in elements */
    const void *alpha;    /* 0: 1 */
    const void *beta;     /* 0: out is not read */
    char *scratch;        /* of this thread, 64-aligned */
};

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
typedef int32_t einsum_avx512_step1_bits __attribute__((vector_size(64)));

#if defined(__clang__)
#define einsum_avx512_step1_MIX(a, b, ...) \
    __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define einsum_avx512_step1_MIX(a, b, ...) \
    __builtin_shuffle(a, b, (einsum_avx512_step1_bits){__VA_ARGS__})
#endif

/* 16 records of 3 from memory: a vector of each of their places */
static inline __attribute__((always_inline)) void
einsum_avx512_step1_apart3(const float *from, einsum_avx512_step1_vector *to)
{
    const einsum_avx512_step1_vector v4_0_0 = *(const einsum_avx512_step1_vector *)(from + 0);
    const einsum_avx512_step1_vector v4_1_0 = *(const einsum_avx512_step1_vector *)(from + 12);
    const einsum_avx512_step1_vector v2_0_0 = einsum_avx512_step1_MIX(v4_0_0, v4_1_0,
        0, 3, 6, 9, 16, 19, 22, 25, 1, 4, 7, 10,
        17, 20, 23, 26);
    const einsum_avx512_step1_vector v2_0_1 = einsum_avx512_step1_MIX(v4_0_0, v4_1_0,
        2, 5, 8, 11, 18, 21, 24, 27, 8, 9, 10, 11,
        12, 13, 14, 15);
    const einsum_avx512_step1_vector v4_2_0 = *(const einsum_avx512_step1_vector *)(from + 24);
    const einsum_avx512_step1_vector v4_3_0 = *(const einsum_avx512_step1_vector *)(from + 32);
    const einsum_avx512_step1_vector v2_1_0 = einsum_avx512_step1_MIX(v4_2_0, v4_3_0,
        0, 3, 6, 9, 20, 23, 26, 29, 1, 4, 7, 10,
        21, 24, 27, 30);
    const einsum_avx512_step1_vector v2_1_1 = einsum_avx512_step1_MIX(v4_2_0, v4_3_0,
        2, 5, 8, 11, 22, 25, 28, 31, 8, 9, 10, 11,
        12, 13, 14, 15);
    const einsum_avx512_step1_vector v1_0_0 = einsum_avx512_step1_MIX(v2_0_0, v2_1_0,
        0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19,
        20, 21, 22, 23);
    const einsum_avx512_step1_vector v1_0_1 = einsum_avx512_step1_MIX(v2_0_0, v2_1_0,
        8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27,
        28, 29, 30, 31);
    const einsum_avx512_step1_vector v1_0_2 = einsum_avx512_step1_MIX(v2_0_1, v2_1_1,
        0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19,
        20, 21, 22, 23);
    to[0] = v1_0_0;
    to[1] = v1_0_1;
    to[2] = v1_0_2;
}

/* and back */
static inline __attribute__((always_inline)) void
einsum_avx512_step1_together3(const einsum_avx512_step1_vector *from, float *to)
{
    const einsum_avx512_step1_vector v1_0_0 = from[0];
    const einsum_avx512_step1_vector v1_0_1 = from[1];
    const einsum_avx512_step1_vector v1_0_2 = from[2];
    const einsum_avx512_step1_vector v2_0_0 = einsum_avx512_step1_MIX(v1_0_0, v1_0_1,
        0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19,
        20, 21, 22, 23);
    const einsum_avx512_step1_vector v2_0_1 = einsum_avx512_step1_MIX(v1_0_2, v1_0_2,
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
        12, 13, 14, 15);
    const einsum_avx512_step1_vector v4_0_0 = einsum_avx512_step1_MIX(v2_0_0, v2_0_1,
        0, 8, 16, 1, 9, 17, 2, 10, 18, 3, 11, 19,
        12, 13, 14, 15);
    *(einsum_avx512_step1_vector *)(to + 0) = v4_0_0;
    const einsum_avx512_step1_vector v4_1_0 = einsum_avx512_step1_MIX(v2_0_0, v2_0_1,
        4, 12, 20, 5, 13, 21, 6, 14, 22, 7, 15, 23,
        12, 13, 14, 15);
    *(einsum_avx512_step1_vector *)(to + 12) = v4_1_0;
    const einsum_avx512_step1_vector v2_1_0 = einsum_avx512_step1_MIX(v1_0_0, v1_0_1,
        8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27,
        28, 29, 30, 31);
    const einsum_avx512_step1_vector v2_1_1 = einsum_avx512_step1_MIX(v1_0_2, v1_0_2,
        8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11,
        12, 13, 14, 15);
    const einsum_avx512_step1_vector v4_2_0 = einsum_avx512_step1_MIX(v2_1_0, v2_1_1,
        0, 8, 16, 1, 9, 17, 2, 10, 18, 3, 11, 19,
        12, 13, 14, 15);
    *(einsum_avx512_step1_vector *)(to + 24) = v4_2_0;
    const einsum_avx512_step1_vector v4_3_0 = einsum_avx512_step1_MIX(v2_1_0, v2_1_1,
        4, 12, 20, 5, 13, 21, 6, 14, 22, 7, 15, 23,
        12, 13, 14, 15);
    *(einsum_avx512_step1_vector *)(to + 32) = einsum_avx512_step1_MIX(v4_2_0, v4_3_0,
        8, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23,
        24, 25, 26, 27);
}

static void
einsum_avx512_step1(float *out, const float *lhs, const float *rhs)
{
    typedef einsum_avx512_step1_vector vector;
    const int64_t first = 0, last = 1000;
    for (int64_t at = first; at < last; at += 16) {
        const int64_t lane = at + 16 <= last ? at : last - 16;
        const float *const lhs_at = lhs + 3*lane;
        const float *const rhs_at = rhs;
        float *const out_at = out + 3*lane;
        vector lhs_turned[3];
        einsum_avx512_step1_apart3(lhs_at, lhs_turned);
        vector out_turned[3];
        { /* rows 0-0, columns 0-2 */
            vector sum0_0 = {0}, sum0_1 = {0}, sum0_2 = {0};
            {
                const float b0 = rhs_at[0];
                const float b1 = rhs_at[3];
                const float b2 = rhs_at[6];
                const vector a0 = lhs_turned[0];
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum0_2 += a0 * b2;
            }
            {
                const float b0 = rhs_at[1];
                const float b1 = rhs_at[4];
                const float b2 = rhs_at[7];
                const vector a0 = lhs_turned[1];
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum0_2 += a0 * b2;
            }
            {
                const float b0 = rhs_at[2];
                const float b1 = rhs_at[5];
                const float b2 = rhs_at[8];
                const vector a0 = lhs_turned[2];
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum0_2 += a0 * b2;
            }
            out_turned[0] = sum0_0;
            out_turned[1] = sum0_1;
            out_turned[2] = sum0_2;
        }
        einsum_avx512_step1_together3(out_turned, out_at);
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


typedef float einsum_avx2_step1_vector __attribute__((
    vector_size(32), aligned(4), may_alias));
typedef int32_t einsum_avx2_step1_bits __attribute__((vector_size(32)));

#if defined(__clang__)
#define einsum_avx2_step1_MIX(a, b, ...) \
    __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define einsum_avx2_step1_MIX(a, b, ...) \
    __builtin_shuffle(a, b, (einsum_avx2_step1_bits){__VA_ARGS__})
#endif

/* 8 records of 3 from memory: a vector of each of their places */
static inline __attribute__((always_inline)) void
einsum_avx2_step1_apart3(const float *from, einsum_avx2_step1_vector *to)
{
    const einsum_avx2_step1_vector v4_0_0 = *(const einsum_avx2_step1_vector *)(from + 0);
    const einsum_avx2_step1_vector v4_1_0 = *(const einsum_avx2_step1_vector *)(from + 6);
    const einsum_avx2_step1_vector v2_0_0 = einsum_avx2_step1_MIX(v4_0_0, v4_1_0,
        0, 3, 8, 11, 1, 4, 9, 12);
    const einsum_avx2_step1_vector v2_0_1 = einsum_avx2_step1_MIX(v4_0_0, v4_1_0,
        2, 5, 10, 13, 4, 5, 6, 7);
    const einsum_avx2_step1_vector v4_2_0 = *(const einsum_avx2_step1_vector *)(from + 12);
    const einsum_avx2_step1_vector v4_3_0 = *(const einsum_avx2_step1_vector *)(from + 16);
    const einsum_avx2_step1_vector v2_1_0 = einsum_avx2_step1_MIX(v4_2_0, v4_3_0,
        0, 3, 10, 13, 1, 4, 11, 14);
    const einsum_avx2_step1_vector v2_1_1 = einsum_avx2_step1_MIX(v4_2_0, v4_3_0,
        2, 5, 12, 15, 4, 5, 6, 7);
    const einsum_avx2_step1_vector v1_0_0 = einsum_avx2_step1_MIX(v2_0_0, v2_1_0,
        0, 1, 2, 3, 8, 9, 10, 11);
    const einsum_avx2_step1_vector v1_0_1 = einsum_avx2_step1_MIX(v2_0_0, v2_1_0,
        4, 5, 6, 7, 12, 13, 14, 15);
    const einsum_avx2_step1_vector v1_0_2 = einsum_avx2_step1_MIX(v2_0_1, v2_1_1,
        0, 1, 2, 3, 8, 9, 10, 11);
    to[0] = v1_0_0;
    to[1] = v1_0_1;
    to[2] = v1_0_2;
}

/* and back */
static inline __attribute__((always_inline)) void
einsum_avx2_step1_together3(const einsum_avx2_step1_vector *from, float *to)
{
    const einsum_avx2_step1_vector v1_0_0 = from[0];
    const einsum_avx2_step1_vector v1_0_1 = from[1];
    const einsum_avx2_step1_vector v1_0_2 = from[2];
    const einsum_avx2_step1_vector v2_0_0 = einsum_avx2_step1_MIX(v1_0_0, v1_0_1,
        0, 1, 2, 3, 8, 9, 10, 11);
    const einsum_avx2_step1_vector v2_0_1 = einsum_avx2_step1_MIX(v1_0_2, v1_0_2,
        0, 1, 2, 3, 4, 5, 6, 7);
    const einsum_avx2_step1_vector v4_0_0 = einsum_avx2_step1_MIX(v2_0_0, v2_0_1,
        0, 4, 8, 1, 5, 9, 6, 7);
    *(einsum_avx2_step1_vector *)(to + 0) = v4_0_0;
    const einsum_avx2_step1_vector v4_1_0 = einsum_avx2_step1_MIX(v2_0_0, v2_0_1,
        2, 6, 10, 3, 7, 11, 6, 7);
    *(einsum_avx2_step1_vector *)(to + 6) = v4_1_0;
    const einsum_avx2_step1_vector v2_1_0 = einsum_avx2_step1_MIX(v1_0_0, v1_0_1,
        4, 5, 6, 7, 12, 13, 14, 15);
    const einsum_avx2_step1_vector v2_1_1 = einsum_avx2_step1_MIX(v1_0_2, v1_0_2,
        4, 5, 6, 7, 4, 5, 6, 7);
    const einsum_avx2_step1_vector v4_2_0 = einsum_avx2_step1_MIX(v2_1_0, v2_1_1,
        0, 4, 8, 1, 5, 9, 6, 7);
    *(einsum_avx2_step1_vector *)(to + 12) = v4_2_0;
    const einsum_avx2_step1_vector v4_3_0 = einsum_avx2_step1_MIX(v2_1_0, v2_1_1,
        2, 6, 10, 3, 7, 11, 6, 7);
    *(einsum_avx2_step1_vector *)(to + 16) = einsum_avx2_step1_MIX(v4_2_0, v4_3_0,
        4, 5, 8, 9, 10, 11, 12, 13);
}

static void
einsum_avx2_step1(float *out, const float *lhs, const float *rhs)
{
    typedef einsum_avx2_step1_vector vector;
    const int64_t first = 0, last = 1000;
    for (int64_t at = first; at < last; at += 8) {
        const float *const lhs_at = lhs + 3*at;
        const float *const rhs_at = rhs;
        float *const out_at = out + 3*at;
        vector lhs_turned[3];
        einsum_avx2_step1_apart3(lhs_at, lhs_turned);
        vector out_turned[3];
        { /* rows 0-0, columns 0-2 */
            vector sum0_0 = {0}, sum0_1 = {0}, sum0_2 = {0};
            {
                const float b0 = rhs_at[0];
                const float b1 = rhs_at[3];
                const float b2 = rhs_at[6];
                const vector a0 = lhs_turned[0];
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum0_2 += a0 * b2;
            }
            {
                const float b0 = rhs_at[1];
                const float b1 = rhs_at[4];
                const float b2 = rhs_at[7];
                const vector a0 = lhs_turned[1];
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum0_2 += a0 * b2;
            }
            {
                const float b0 = rhs_at[2];
                const float b1 = rhs_at[5];
                const float b2 = rhs_at[8];
                const vector a0 = lhs_turned[2];
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum0_2 += a0 * b2;
            }
            out_turned[0] = sum0_0;
            out_turned[1] = sum0_1;
            out_turned[2] = sum0_2;
        }
        einsum_avx2_step1_together3(out_turned, out_at);
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
#define einsum_base_PREFETCH(p) __builtin_prefetch(p)
#define einsum_base_MR 14 /* rows of a register tile, at most */
#define einsum_base_NR 8 /* columns of it */
#define einsum_base_LANES 4 /* elements of a vector */
#define einsum_base_KC 384 /* depth of a packed block, at most */
#define einsum_base_MC 504 /* rows of lhs packed at once */
#define einsum_base_NC 1024 /* columns of rhs packed at once */
#define einsum_base_MB 4088 /* rows of out in a task, at most */
#define einsum_base_NB 4096 /* columns of out in a task, at most */

#define einsum_base_NARROW 0 /* columns that need half a tile */

/* of the tile that does so many rows */
static const unsigned char einsum_base_height[15] = {0, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 14};

typedef float einsum_base_vector
    __attribute__((vector_size(16), may_alias, aligned(sizeof(float))));

static void
einsum_base_tile_13x2(int64_t depth, const float *lhs, const float *rhs,
    int64_t step, float *out, const int64_t *row, int add)
{
    const einsum_base_vector zero = {0};
    const int64_t ahead = 12*step;
    einsum_base_vector sum0_0 = zero, sum0_1 = zero;
    einsum_base_vector sum1_0 = zero, sum1_1 = zero;
    einsum_base_vector sum2_0 = zero, sum2_1 = zero;
    einsum_base_vector sum3_0 = zero, sum3_1 = zero;
    einsum_base_vector sum4_0 = zero, sum4_1 = zero;
    einsum_base_vector sum5_0 = zero, sum5_1 = zero;
    einsum_base_vector sum6_0 = zero, sum6_1 = zero;
    einsum_base_vector sum7_0 = zero, sum7_1 = zero;
    einsum_base_vector sum8_0 = zero, sum8_1 = zero;
    einsum_base_vector sum9_0 = zero, sum9_1 = zero;
    einsum_base_vector sum10_0 = zero, sum10_1 = zero;
    einsum_base_vector sum11_0 = zero, sum11_1 = zero;
    einsum_base_vector sum12_0 = zero, sum12_1 = zero;
    for (int r = 0; add && r < 13; r++) {
        __builtin_prefetch(out + row[r], 0, 2);
        __builtin_prefetch(out + row[r] + 7, 0, 2);
    }
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t d = 0; d < depth; d++) {
        const einsum_base_vector b0 = *(const einsum_base_vector *)(rhs + 0);
        const einsum_base_vector b1 = *(const einsum_base_vector *)(rhs + 4);
        einsum_base_PREFETCH(rhs + ahead + 0);
        einsum_base_PREFETCH(rhs + ahead + 4);
        { const float x = lhs[0]; sum0_0 += x * b0; sum0_1 += x * b1; }
        { const float x = lhs[1]; sum1_0 += x * b0; sum1_1 += x * b1; }
        { const float x = lhs[2]; sum2_0 += x * b0; sum2_1 += x * b1; }
        { const float x = lhs[3]; sum3_0 += x * b0; sum3_1 += x * b1; }
        { const float x = lhs[4]; sum4_0 += x * b0; sum4_1 += x * b1; }
        { const float x = lhs[5]; sum5_0 += x * b0; sum5_1 += x * b1; }
        { const float x = lhs[6]; sum6_0 += x * b0; sum6_1 += x * b1; }
        { const float x = lhs[7]; sum7_0 += x * b0; sum7_1 += x * b1; }
        { const float x = lhs[8]; sum8_0 += x * b0; sum8_1 += x * b1; }
        { const float x = lhs[9]; sum9_0 += x * b0; sum9_1 += x * b1; }
        { const float x = lhs[10]; sum10_0 += x * b0; sum10_1 += x * b1; }
        { const float x = lhs[11]; sum11_0 += x * b0; sum11_1 += x * b1; }
        { const float x = lhs[12]; sum12_0 += x * b0; sum12_1 += x * b1; }
        lhs += 13;
        rhs += step;
    }
    if (add) {
        sum0_0 += *(einsum_base_vector *)(out + row[0] + 0);
        sum0_1 += *(einsum_base_vector *)(out + row[0] + 4);
        sum1_0 += *(einsum_base_vector *)(out + row[1] + 0);
        sum1_1 += *(einsum_base_vector *)(out + row[1] + 4);
        sum2_0 += *(einsum_base_vector *)(out + row[2] + 0);
        sum2_1 += *(einsum_base_vector *)(out + row[2] + 4);
        sum3_0 += *(einsum_base_vector *)(out + row[3] + 0);
        sum3_1 += *(einsum_base_vector *)(out + row[3] + 4);
        sum4_0 += *(einsum_base_vector *)(out + row[4] + 0);
        sum4_1 += *(einsum_base_vector *)(out + row[4] + 4);
        sum5_0 += *(einsum_base_vector *)(out + row[5] + 0);
        sum5_1 += *(einsum_base_vector *)(out + row[5] + 4);
        sum6_0 += *(einsum_base_vector *)(out + row[6] + 0);
        sum6_1 += *(einsum_base_vector *)(out + row[6] + 4);
        sum7_0 += *(einsum_base_vector *)(out + row[7] + 0);
        sum7_1 += *(einsum_base_vector *)(out + row[7] + 4);
        sum8_0 += *(einsum_base_vector *)(out + row[8] + 0);
        sum8_1 += *(einsum_base_vector *)(out + row[8] + 4);
        sum9_0 += *(einsum_base_vector *)(out + row[9] + 0);
        sum9_1 += *(einsum_base_vector *)(out + row[9] + 4);
        sum10_0 += *(einsum_base_vector *)(out + row[10] + 0);
        sum10_1 += *(einsum_base_vector *)(out + row[10] + 4);
        sum11_0 += *(einsum_base_vector *)(out + row[11] + 0);
        sum11_1 += *(einsum_base_vector *)(out + row[11] + 4);
        sum12_0 += *(einsum_base_vector *)(out + row[12] + 0);
        sum12_1 += *(einsum_base_vector *)(out + row[12] + 4);
    }
    *(einsum_base_vector *)(out + row[0] + 0) = sum0_0;
    *(einsum_base_vector *)(out + row[0] + 4) = sum0_1;
    *(einsum_base_vector *)(out + row[1] + 0) = sum1_0;
    *(einsum_base_vector *)(out + row[1] + 4) = sum1_1;
    *(einsum_base_vector *)(out + row[2] + 0) = sum2_0;
    *(einsum_base_vector *)(out + row[2] + 4) = sum2_1;
    *(einsum_base_vector *)(out + row[3] + 0) = sum3_0;
    *(einsum_base_vector *)(out + row[3] + 4) = sum3_1;
    *(einsum_base_vector *)(out + row[4] + 0) = sum4_0;
    *(einsum_base_vector *)(out + row[4] + 4) = sum4_1;
    *(einsum_base_vector *)(out + row[5] + 0) = sum5_0;
    *(einsum_base_vector *)(out + row[5] + 4) = sum5_1;
    *(einsum_base_vector *)(out + row[6] + 0) = sum6_0;
    *(einsum_base_vector *)(out + row[6] + 4) = sum6_1;
    *(einsum_base_vector *)(out + row[7] + 0) = sum7_0;
    *(einsum_base_vector *)(out + row[7] + 4) = sum7_1;
    *(einsum_base_vector *)(out + row[8] + 0) = sum8_0;
    *(einsum_base_vector *)(out + row[8] + 4) = sum8_1;
    *(einsum_base_vector *)(out + row[9] + 0) = sum9_0;
    *(einsum_base_vector *)(out + row[9] + 4) = sum9_1;
    *(einsum_base_vector *)(out + row[10] + 0) = sum10_0;
    *(einsum_base_vector *)(out + row[10] + 4) = sum10_1;
    *(einsum_base_vector *)(out + row[11] + 0) = sum11_0;
    *(einsum_base_vector *)(out + row[11] + 4) = sum11_1;
    *(einsum_base_vector *)(out + row[12] + 0) = sum12_0;
    *(einsum_base_vector *)(out + row[12] + 4) = sum12_1;
}

static void
einsum_base_tile_14x2(int64_t depth, const float *lhs, const float *rhs,
    int64_t step, float *out, const int64_t *row, int add)
{
    const einsum_base_vector zero = {0};
    const int64_t ahead = 12*step;
    einsum_base_vector sum0_0 = zero, sum0_1 = zero;
    einsum_base_vector sum1_0 = zero, sum1_1 = zero;
    einsum_base_vector sum2_0 = zero, sum2_1 = zero;
    einsum_base_vector sum3_0 = zero, sum3_1 = zero;
    einsum_base_vector sum4_0 = zero, sum4_1 = zero;
    einsum_base_vector sum5_0 = zero, sum5_1 = zero;
    einsum_base_vector sum6_0 = zero, sum6_1 = zero;
    einsum_base_vector sum7_0 = zero, sum7_1 = zero;
    einsum_base_vector sum8_0 = zero, sum8_1 = zero;
    einsum_base_vector sum9_0 = zero, sum9_1 = zero;
    einsum_base_vector sum10_0 = zero, sum10_1 = zero;
    einsum_base_vector sum11_0 = zero, sum11_1 = zero;
    einsum_base_vector sum12_0 = zero, sum12_1 = zero;
    einsum_base_vector sum13_0 = zero, sum13_1 = zero;
    for (int r = 0; add && r < 14; r++) {
        __builtin_prefetch(out + row[r], 0, 2);
        __builtin_prefetch(out + row[r] + 7, 0, 2);
    }
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t d = 0; d < depth; d++) {
        const einsum_base_vector b0 = *(const einsum_base_vector *)(rhs + 0);
        const einsum_base_vector b1 = *(const einsum_base_vector *)(rhs + 4);
        einsum_base_PREFETCH(rhs + ahead + 0);
        einsum_base_PREFETCH(rhs + ahead + 4);
        { const float x = lhs[0]; sum0_0 += x * b0; sum0_1 += x * b1; }
        { const float x = lhs[1]; sum1_0 += x * b0; sum1_1 += x * b1; }
        { const float x = lhs[2]; sum2_0 += x * b0; sum2_1 += x * b1; }
        { const float x = lhs[3]; sum3_0 += x * b0; sum3_1 += x * b1; }
        { const float x = lhs[4]; sum4_0 += x * b0; sum4_1 += x * b1; }
        { const float x = lhs[5]; sum5_0 += x * b0; sum5_1 += x * b1; }
        { const float x = lhs[6]; sum6_0 += x * b0; sum6_1 += x * b1; }
        { const float x = lhs[7]; sum7_0 += x * b0; sum7_1 += x * b1; }
        { const float x = lhs[8]; sum8_0 += x * b0; sum8_1 += x * b1; }
        { const float x = lhs[9]; sum9_0 += x * b0; sum9_1 += x * b1; }
        { const float x = lhs[10]; sum10_0 += x * b0; sum10_1 += x * b1; }
        { const float x = lhs[11]; sum11_0 += x * b0; sum11_1 += x * b1; }
        { const float x = lhs[12]; sum12_0 += x * b0; sum12_1 += x * b1; }
        { const float x = lhs[13]; sum13_0 += x * b0; sum13_1 += x * b1; }
        lhs += 14;
        rhs += step;
    }
    if (add) {
        sum0_0 += *(einsum_base_vector *)(out + row[0] + 0);
        sum0_1 += *(einsum_base_vector *)(out + row[0] + 4);
        sum1_0 += *(einsum_base_vector *)(out + row[1] + 0);
        sum1_1 += *(einsum_base_vector *)(out + row[1] + 4);
        sum2_0 += *(einsum_base_vector *)(out + row[2] + 0);
        sum2_1 += *(einsum_base_vector *)(out + row[2] + 4);
        sum3_0 += *(einsum_base_vector *)(out + row[3] + 0);
        sum3_1 += *(einsum_base_vector *)(out + row[3] + 4);
        sum4_0 += *(einsum_base_vector *)(out + row[4] + 0);
        sum4_1 += *(einsum_base_vector *)(out + row[4] + 4);
        sum5_0 += *(einsum_base_vector *)(out + row[5] + 0);
        sum5_1 += *(einsum_base_vector *)(out + row[5] + 4);
        sum6_0 += *(einsum_base_vector *)(out + row[6] + 0);
        sum6_1 += *(einsum_base_vector *)(out + row[6] + 4);
        sum7_0 += *(einsum_base_vector *)(out + row[7] + 0);
        sum7_1 += *(einsum_base_vector *)(out + row[7] + 4);
        sum8_0 += *(einsum_base_vector *)(out + row[8] + 0);
        sum8_1 += *(einsum_base_vector *)(out + row[8] + 4);
        sum9_0 += *(einsum_base_vector *)(out + row[9] + 0);
        sum9_1 += *(einsum_base_vector *)(out + row[9] + 4);
        sum10_0 += *(einsum_base_vector *)(out + row[10] + 0);
        sum10_1 += *(einsum_base_vector *)(out + row[10] + 4);
        sum11_0 += *(einsum_base_vector *)(out + row[11] + 0);
        sum11_1 += *(einsum_base_vector *)(out + row[11] + 4);
        sum12_0 += *(einsum_base_vector *)(out + row[12] + 0);
        sum12_1 += *(einsum_base_vector *)(out + row[12] + 4);
        sum13_0 += *(einsum_base_vector *)(out + row[13] + 0);
        sum13_1 += *(einsum_base_vector *)(out + row[13] + 4);
    }
    *(einsum_base_vector *)(out + row[0] + 0) = sum0_0;
    *(einsum_base_vector *)(out + row[0] + 4) = sum0_1;
    *(einsum_base_vector *)(out + row[1] + 0) = sum1_0;
    *(einsum_base_vector *)(out + row[1] + 4) = sum1_1;
    *(einsum_base_vector *)(out + row[2] + 0) = sum2_0;
    *(einsum_base_vector *)(out + row[2] + 4) = sum2_1;
    *(einsum_base_vector *)(out + row[3] + 0) = sum3_0;
    *(einsum_base_vector *)(out + row[3] + 4) = sum3_1;
    *(einsum_base_vector *)(out + row[4] + 0) = sum4_0;
    *(einsum_base_vector *)(out + row[4] + 4) = sum4_1;
    *(einsum_base_vector *)(out + row[5] + 0) = sum5_0;
    *(einsum_base_vector *)(out + row[5] + 4) = sum5_1;
    *(einsum_base_vector *)(out + row[6] + 0) = sum6_0;
    *(einsum_base_vector *)(out + row[6] + 4) = sum6_1;
    *(einsum_base_vector *)(out + row[7] + 0) = sum7_0;
    *(einsum_base_vector *)(out + row[7] + 4) = sum7_1;
    *(einsum_base_vector *)(out + row[8] + 0) = sum8_0;
    *(einsum_base_vector *)(out + row[8] + 4) = sum8_1;
    *(einsum_base_vector *)(out + row[9] + 0) = sum9_0;
    *(einsum_base_vector *)(out + row[9] + 4) = sum9_1;
    *(einsum_base_vector *)(out + row[10] + 0) = sum10_0;
    *(einsum_base_vector *)(out + row[10] + 4) = sum10_1;
    *(einsum_base_vector *)(out + row[11] + 0) = sum11_0;
    *(einsum_base_vector *)(out + row[11] + 4) = sum11_1;
    *(einsum_base_vector *)(out + row[12] + 0) = sum12_0;
    *(einsum_base_vector *)(out + row[12] + 4) = sum12_1;
    *(einsum_base_vector *)(out + row[13] + 0) = sum13_0;
    *(einsum_base_vector *)(out + row[13] + 4) = sum13_1;
}

/* out[row] (+)= lhs[depth][height] * rhs[depth], of which so many vectors;
 * rhs advances by `step` */
static void
einsum_base_tile(int64_t height, int vectors, int64_t depth, const float *lhs,
    const float *rhs, int64_t step, float *out, const int64_t *row, int add)
{
    switch (4*height + vectors) {
    case 54: einsum_base_tile_13x2(depth, lhs, rhs, step, out, row, add); break;
    case 58: einsum_base_tile_14x2(depth, lhs, rhs, step, out, row, add); break;
    }
}
static void
einsum_base_rows_13x2(int64_t depth, const float *lhs, int64_t apart, const float *rhs,
    int64_t step, float *out, const int64_t *row, int add)
{
    const einsum_base_vector zero = {0};
    const int64_t ahead = 12*step;
    einsum_base_vector sum0_0 = zero, sum0_1 = zero;
    einsum_base_vector sum1_0 = zero, sum1_1 = zero;
    einsum_base_vector sum2_0 = zero, sum2_1 = zero;
    einsum_base_vector sum3_0 = zero, sum3_1 = zero;
    einsum_base_vector sum4_0 = zero, sum4_1 = zero;
    einsum_base_vector sum5_0 = zero, sum5_1 = zero;
    einsum_base_vector sum6_0 = zero, sum6_1 = zero;
    einsum_base_vector sum7_0 = zero, sum7_1 = zero;
    einsum_base_vector sum8_0 = zero, sum8_1 = zero;
    einsum_base_vector sum9_0 = zero, sum9_1 = zero;
    einsum_base_vector sum10_0 = zero, sum10_1 = zero;
    einsum_base_vector sum11_0 = zero, sum11_1 = zero;
    einsum_base_vector sum12_0 = zero, sum12_1 = zero;
    const float *lhs0 = lhs;
    const float *lhs3 = lhs + 3*apart;
    const float *lhs6 = lhs + 6*apart;
    const float *lhs9 = lhs + 9*apart;
    const float *lhs12 = lhs + 12*apart;
    for (int r = 0; add && r < 13; r++) {
        __builtin_prefetch(out + row[r], 0, 2);
        __builtin_prefetch(out + row[r] + 7, 0, 2);
    }
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t d = 0; d < depth; d++) {
        const einsum_base_vector b0 = *(const einsum_base_vector *)(rhs + 0);
        const einsum_base_vector b1 = *(const einsum_base_vector *)(rhs + 4);
        einsum_base_PREFETCH(rhs + ahead + 0);
        einsum_base_PREFETCH(rhs + ahead + 4);
        { const float x = lhs0[0]; sum0_0 += x * b0; sum0_1 += x * b1; }
        { const float x = lhs0[apart]; sum1_0 += x * b0; sum1_1 += x * b1; }
        { const float x = lhs0[2*apart]; sum2_0 += x * b0; sum2_1 += x * b1; }
        { const float x = lhs3[0]; sum3_0 += x * b0; sum3_1 += x * b1; }
        { const float x = lhs3[apart]; sum4_0 += x * b0; sum4_1 += x * b1; }
        { const float x = lhs3[2*apart]; sum5_0 += x * b0; sum5_1 += x * b1; }
        { const float x = lhs6[0]; sum6_0 += x * b0; sum6_1 += x * b1; }
        { const float x = lhs6[apart]; sum7_0 += x * b0; sum7_1 += x * b1; }
        { const float x = lhs6[2*apart]; sum8_0 += x * b0; sum8_1 += x * b1; }
        { const float x = lhs9[0]; sum9_0 += x * b0; sum9_1 += x * b1; }
        { const float x = lhs9[apart]; sum10_0 += x * b0; sum10_1 += x * b1; }
        { const float x = lhs9[2*apart]; sum11_0 += x * b0; sum11_1 += x * b1; }
        { const float x = lhs12[0]; sum12_0 += x * b0; sum12_1 += x * b1; }
        lhs0++;
        lhs3++;
        lhs6++;
        lhs9++;
        lhs12++;
        rhs += step;
    }
    if (add) {
        sum0_0 += *(einsum_base_vector *)(out + row[0] + 0);
        sum0_1 += *(einsum_base_vector *)(out + row[0] + 4);
        sum1_0 += *(einsum_base_vector *)(out + row[1] + 0);
        sum1_1 += *(einsum_base_vector *)(out + row[1] + 4);
        sum2_0 += *(einsum_base_vector *)(out + row[2] + 0);
        sum2_1 += *(einsum_base_vector *)(out + row[2] + 4);
        sum3_0 += *(einsum_base_vector *)(out + row[3] + 0);
        sum3_1 += *(einsum_base_vector *)(out + row[3] + 4);
        sum4_0 += *(einsum_base_vector *)(out + row[4] + 0);
        sum4_1 += *(einsum_base_vector *)(out + row[4] + 4);
        sum5_0 += *(einsum_base_vector *)(out + row[5] + 0);
        sum5_1 += *(einsum_base_vector *)(out + row[5] + 4);
        sum6_0 += *(einsum_base_vector *)(out + row[6] + 0);
        sum6_1 += *(einsum_base_vector *)(out + row[6] + 4);
        sum7_0 += *(einsum_base_vector *)(out + row[7] + 0);
        sum7_1 += *(einsum_base_vector *)(out + row[7] + 4);
        sum8_0 += *(einsum_base_vector *)(out + row[8] + 0);
        sum8_1 += *(einsum_base_vector *)(out + row[8] + 4);
        sum9_0 += *(einsum_base_vector *)(out + row[9] + 0);
        sum9_1 += *(einsum_base_vector *)(out + row[9] + 4);
        sum10_0 += *(einsum_base_vector *)(out + row[10] + 0);
        sum10_1 += *(einsum_base_vector *)(out + row[10] + 4);
        sum11_0 += *(einsum_base_vector *)(out + row[11] + 0);
        sum11_1 += *(einsum_base_vector *)(out + row[11] + 4);
        sum12_0 += *(einsum_base_vector *)(out + row[12] + 0);
        sum12_1 += *(einsum_base_vector *)(out + row[12] + 4);
    }
    *(einsum_base_vector *)(out + row[0] + 0) = sum0_0;
    *(einsum_base_vector *)(out + row[0] + 4) = sum0_1;
    *(einsum_base_vector *)(out + row[1] + 0) = sum1_0;
    *(einsum_base_vector *)(out + row[1] + 4) = sum1_1;
    *(einsum_base_vector *)(out + row[2] + 0) = sum2_0;
    *(einsum_base_vector *)(out + row[2] + 4) = sum2_1;
    *(einsum_base_vector *)(out + row[3] + 0) = sum3_0;
    *(einsum_base_vector *)(out + row[3] + 4) = sum3_1;
    *(einsum_base_vector *)(out + row[4] + 0) = sum4_0;
    *(einsum_base_vector *)(out + row[4] + 4) = sum4_1;
    *(einsum_base_vector *)(out + row[5] + 0) = sum5_0;
    *(einsum_base_vector *)(out + row[5] + 4) = sum5_1;
    *(einsum_base_vector *)(out + row[6] + 0) = sum6_0;
    *(einsum_base_vector *)(out + row[6] + 4) = sum6_1;
    *(einsum_base_vector *)(out + row[7] + 0) = sum7_0;
    *(einsum_base_vector *)(out + row[7] + 4) = sum7_1;
    *(einsum_base_vector *)(out + row[8] + 0) = sum8_0;
    *(einsum_base_vector *)(out + row[8] + 4) = sum8_1;
    *(einsum_base_vector *)(out + row[9] + 0) = sum9_0;
    *(einsum_base_vector *)(out + row[9] + 4) = sum9_1;
    *(einsum_base_vector *)(out + row[10] + 0) = sum10_0;
    *(einsum_base_vector *)(out + row[10] + 4) = sum10_1;
    *(einsum_base_vector *)(out + row[11] + 0) = sum11_0;
    *(einsum_base_vector *)(out + row[11] + 4) = sum11_1;
    *(einsum_base_vector *)(out + row[12] + 0) = sum12_0;
    *(einsum_base_vector *)(out + row[12] + 4) = sum12_1;
}

static void
einsum_base_rows_14x2(int64_t depth, const float *lhs, int64_t apart, const float *rhs,
    int64_t step, float *out, const int64_t *row, int add)
{
    const einsum_base_vector zero = {0};
    const int64_t ahead = 12*step;
    einsum_base_vector sum0_0 = zero, sum0_1 = zero;
    einsum_base_vector sum1_0 = zero, sum1_1 = zero;
    einsum_base_vector sum2_0 = zero, sum2_1 = zero;
    einsum_base_vector sum3_0 = zero, sum3_1 = zero;
    einsum_base_vector sum4_0 = zero, sum4_1 = zero;
    einsum_base_vector sum5_0 = zero, sum5_1 = zero;
    einsum_base_vector sum6_0 = zero, sum6_1 = zero;
    einsum_base_vector sum7_0 = zero, sum7_1 = zero;
    einsum_base_vector sum8_0 = zero, sum8_1 = zero;
    einsum_base_vector sum9_0 = zero, sum9_1 = zero;
    einsum_base_vector sum10_0 = zero, sum10_1 = zero;
    einsum_base_vector sum11_0 = zero, sum11_1 = zero;
    einsum_base_vector sum12_0 = zero, sum12_1 = zero;
    einsum_base_vector sum13_0 = zero, sum13_1 = zero;
    const float *lhs0 = lhs;
    const float *lhs3 = lhs + 3*apart;
    const float *lhs6 = lhs + 6*apart;
    const float *lhs9 = lhs + 9*apart;
    const float *lhs12 = lhs + 12*apart;
    for (int r = 0; add && r < 14; r++) {
        __builtin_prefetch(out + row[r], 0, 2);
        __builtin_prefetch(out + row[r] + 7, 0, 2);
    }
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t d = 0; d < depth; d++) {
        const einsum_base_vector b0 = *(const einsum_base_vector *)(rhs + 0);
        const einsum_base_vector b1 = *(const einsum_base_vector *)(rhs + 4);
        einsum_base_PREFETCH(rhs + ahead + 0);
        einsum_base_PREFETCH(rhs + ahead + 4);
        { const float x = lhs0[0]; sum0_0 += x * b0; sum0_1 += x * b1; }
        { const float x = lhs0[apart]; sum1_0 += x * b0; sum1_1 += x * b1; }
        { const float x = lhs0[2*apart]; sum2_0 += x * b0; sum2_1 += x * b1; }
        { const float x = lhs3[0]; sum3_0 += x * b0; sum3_1 += x * b1; }
        { const float x = lhs3[apart]; sum4_0 += x * b0; sum4_1 += x * b1; }
        { const float x = lhs3[2*apart]; sum5_0 += x * b0; sum5_1 += x * b1; }
        { const float x = lhs6[0]; sum6_0 += x * b0; sum6_1 += x * b1; }
        { const float x = lhs6[apart]; sum7_0 += x * b0; sum7_1 += x * b1; }
        { const float x = lhs6[2*apart]; sum8_0 += x * b0; sum8_1 += x * b1; }
        { const float x = lhs9[0]; sum9_0 += x * b0; sum9_1 += x * b1; }
        { const float x = lhs9[apart]; sum10_0 += x * b0; sum10_1 += x * b1; }
        { const float x = lhs9[2*apart]; sum11_0 += x * b0; sum11_1 += x * b1; }
        { const float x = lhs12[0]; sum12_0 += x * b0; sum12_1 += x * b1; }
        { const float x = lhs12[apart]; sum13_0 += x * b0; sum13_1 += x * b1; }
        lhs0++;
        lhs3++;
        lhs6++;
        lhs9++;
        lhs12++;
        rhs += step;
    }
    if (add) {
        sum0_0 += *(einsum_base_vector *)(out + row[0] + 0);
        sum0_1 += *(einsum_base_vector *)(out + row[0] + 4);
        sum1_0 += *(einsum_base_vector *)(out + row[1] + 0);
        sum1_1 += *(einsum_base_vector *)(out + row[1] + 4);
        sum2_0 += *(einsum_base_vector *)(out + row[2] + 0);
        sum2_1 += *(einsum_base_vector *)(out + row[2] + 4);
        sum3_0 += *(einsum_base_vector *)(out + row[3] + 0);
        sum3_1 += *(einsum_base_vector *)(out + row[3] + 4);
        sum4_0 += *(einsum_base_vector *)(out + row[4] + 0);
        sum4_1 += *(einsum_base_vector *)(out + row[4] + 4);
        sum5_0 += *(einsum_base_vector *)(out + row[5] + 0);
        sum5_1 += *(einsum_base_vector *)(out + row[5] + 4);
        sum6_0 += *(einsum_base_vector *)(out + row[6] + 0);
        sum6_1 += *(einsum_base_vector *)(out + row[6] + 4);
        sum7_0 += *(einsum_base_vector *)(out + row[7] + 0);
        sum7_1 += *(einsum_base_vector *)(out + row[7] + 4);
        sum8_0 += *(einsum_base_vector *)(out + row[8] + 0);
        sum8_1 += *(einsum_base_vector *)(out + row[8] + 4);
        sum9_0 += *(einsum_base_vector *)(out + row[9] + 0);
        sum9_1 += *(einsum_base_vector *)(out + row[9] + 4);
        sum10_0 += *(einsum_base_vector *)(out + row[10] + 0);
        sum10_1 += *(einsum_base_vector *)(out + row[10] + 4);
        sum11_0 += *(einsum_base_vector *)(out + row[11] + 0);
        sum11_1 += *(einsum_base_vector *)(out + row[11] + 4);
        sum12_0 += *(einsum_base_vector *)(out + row[12] + 0);
        sum12_1 += *(einsum_base_vector *)(out + row[12] + 4);
        sum13_0 += *(einsum_base_vector *)(out + row[13] + 0);
        sum13_1 += *(einsum_base_vector *)(out + row[13] + 4);
    }
    *(einsum_base_vector *)(out + row[0] + 0) = sum0_0;
    *(einsum_base_vector *)(out + row[0] + 4) = sum0_1;
    *(einsum_base_vector *)(out + row[1] + 0) = sum1_0;
    *(einsum_base_vector *)(out + row[1] + 4) = sum1_1;
    *(einsum_base_vector *)(out + row[2] + 0) = sum2_0;
    *(einsum_base_vector *)(out + row[2] + 4) = sum2_1;
    *(einsum_base_vector *)(out + row[3] + 0) = sum3_0;
    *(einsum_base_vector *)(out + row[3] + 4) = sum3_1;
    *(einsum_base_vector *)(out + row[4] + 0) = sum4_0;
    *(einsum_base_vector *)(out + row[4] + 4) = sum4_1;
    *(einsum_base_vector *)(out + row[5] + 0) = sum5_0;
    *(einsum_base_vector *)(out + row[5] + 4) = sum5_1;
    *(einsum_base_vector *)(out + row[6] + 0) = sum6_0;
    *(einsum_base_vector *)(out + row[6] + 4) = sum6_1;
    *(einsum_base_vector *)(out + row[7] + 0) = sum7_0;
    *(einsum_base_vector *)(out + row[7] + 4) = sum7_1;
    *(einsum_base_vector *)(out + row[8] + 0) = sum8_0;
    *(einsum_base_vector *)(out + row[8] + 4) = sum8_1;
    *(einsum_base_vector *)(out + row[9] + 0) = sum9_0;
    *(einsum_base_vector *)(out + row[9] + 4) = sum9_1;
    *(einsum_base_vector *)(out + row[10] + 0) = sum10_0;
    *(einsum_base_vector *)(out + row[10] + 4) = sum10_1;
    *(einsum_base_vector *)(out + row[11] + 0) = sum11_0;
    *(einsum_base_vector *)(out + row[11] + 4) = sum11_1;
    *(einsum_base_vector *)(out + row[12] + 0) = sum12_0;
    *(einsum_base_vector *)(out + row[12] + 4) = sum12_1;
    *(einsum_base_vector *)(out + row[13] + 0) = sum13_0;
    *(einsum_base_vector *)(out + row[13] + 4) = sum13_1;
}


/* The same with lhs[height][depth], its rows `apart` */
static void
einsum_base_rows(int64_t height, int vectors, int64_t depth, const float *lhs,
    int64_t apart, const float *rhs, int64_t step, float *out, const int64_t *row, int add)
{
    switch (4*height + vectors) {
    case 54: einsum_base_rows_13x2(depth, lhs, apart, rhs, step, out, row, add); break;
    case 58: einsum_base_rows_14x2(depth, lhs, apart, rhs, step, out, row, add); break;
    }
}

typedef float einsum_base_half
    __attribute__((vector_size(8), may_alias, aligned(sizeof(float))));

/* to[0 .. n) = from[0 .. n), n > 0 */
static inline __attribute__((always_inline)) void
einsum_base_move(float *to, const float *from, int64_t n)
{
    for (; n > 8; n -= 4, to += 4, from += 4)
        *(einsum_base_vector *)to = *(const einsum_base_vector *)from;
    if (n >= 4) {
        *(einsum_base_vector *)to = *(const einsum_base_vector *)from;
        *(einsum_base_vector *)(to + n - 4) = *(const einsum_base_vector *)(from + n - 4);
    } else if (n >= 2) {
        *(einsum_base_half *)to = *(const einsum_base_half *)from;
        *(einsum_base_half *)(to + n - 2) = *(const einsum_base_half *)(from + n - 2);
    } else
        for (int64_t x = 0; x < n; x++)
            to[x] = from[x];
}

#if defined(__clang__)
#define einsum_base_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int32_t einsum_base_lanes __attribute__((vector_size(16)));
#define einsum_base_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (einsum_base_lanes){__VA_ARGS__})
#endif

/* to[step*(i/2) + odd*(i%2) + r] = from[row[r] + i] for i, r < LANES */
static void
einsum_base_turn(const float *from, const int64_t *row, float *to, int64_t step, int64_t odd)
{
    const einsum_base_vector v0_0 = *(const einsum_base_vector *)(from + row[0]);
    const einsum_base_vector v0_1 = *(const einsum_base_vector *)(from + row[1]);
    const einsum_base_vector v0_2 = *(const einsum_base_vector *)(from + row[2]);
    const einsum_base_vector v0_3 = *(const einsum_base_vector *)(from + row[3]);
    const einsum_base_vector v1_0 = einsum_base_SHUFFLE(v0_0, v0_1,
        0, 4, 2, 6);
    const einsum_base_vector v1_1 = einsum_base_SHUFFLE(v0_0, v0_1,
        1, 5, 3, 7);
    const einsum_base_vector v1_2 = einsum_base_SHUFFLE(v0_2, v0_3,
        0, 4, 2, 6);
    const einsum_base_vector v1_3 = einsum_base_SHUFFLE(v0_2, v0_3,
        1, 5, 3, 7);
    const einsum_base_vector v2_0 = einsum_base_SHUFFLE(v1_0, v1_2,
        0, 1, 4, 5);
    const einsum_base_vector v2_2 = einsum_base_SHUFFLE(v1_0, v1_2,
        2, 3, 6, 7);
    const einsum_base_vector v2_1 = einsum_base_SHUFFLE(v1_1, v1_3,
        0, 1, 4, 5);
    const einsum_base_vector v2_3 = einsum_base_SHUFFLE(v1_1, v1_3,
        2, 3, 6, 7);
    *(einsum_base_vector *)(to + 0*step) = v2_0;
    *(einsum_base_vector *)(to + 0*step + odd) = v2_1;
    *(einsum_base_vector *)(to + 1*step) = v2_2;
    *(einsum_base_vector *)(to + 1*step + odd) = v2_3;
}

/* to[0 .. LANES) = every second one of from */
static inline __attribute__((always_inline)) void
einsum_base_thin(float *to, const float *from)
{
    const einsum_base_vector v0 = *(const einsum_base_vector *)from;
    const einsum_base_vector v1 = *(const einsum_base_vector *)(from + einsum_base_LANES - 1);
    *(einsum_base_vector *)to = einsum_base_SHUFFLE(v0, v1,
        0, 2, 5, 7);
}

/* to[0 .. n) += from[0 .. n) */
static void
einsum_base_add(float *to, const float *from, int64_t n)
{
    int64_t x = 0;
    for (; x + einsum_base_LANES <= n; x += einsum_base_LANES)
        *(einsum_base_vector *)(to + x) += *(const einsum_base_vector *)(from + x);
    for (; x < n; x++)
        to[x] += from[x];
}

/* run[x]: how many offsets from at[x] on are consecutive; `even`: all are at
 * one distance */
static void
einsum_base_runs(const int64_t *at, int64_t n, int even, int64_t *run)
{
    int64_t length = 1;
    const int64_t all = n > 1 && at[1] - at[0] == 1 ? n : 0;
    for (int64_t x = 0; even && x < n; x++)
        run[x] = all ? all - x : 1;
    for (int64_t x = n - 1; !even && x >= 0; x--) {
        length = x + 1 < n && at[x + 1] - at[x] == 1 ? length + 1 : 1;
        run[x] = length;
    }
}

/* The common distance of offsets; 0: none */
static int64_t
einsum_base_distance(const int64_t *at, int64_t n, int even)
{
    for (int64_t x = 2; !even && x < n; x++)
        if (at[x] - at[x - 1] != at[1] - at[0])
            return 0;
    return n > 1 ? at[1] - at[0] : einsum_base_NR;
}

/* The common distance of n rows if they can be read where they are: they are
 * not so many in the same sets of a cache; else 0 */
static int64_t
einsum_base_apart(const int64_t *row, int64_t n, int even)
{
    const int64_t apart = einsum_base_distance(row, n, even);
    const int64_t bytes = apart*(int64_t)sizeof(float);
    const int64_t far = bytes < 0 ? -bytes : bytes;
    const int64_t off = (far + 64) % 4096;
    return n > 8 && far > 64 && off < 128 ? 0 : apart;
}

/* Calls for a part of so many rows, to a second cache */
static void
einsum_base_fetch(const float *from, const int64_t *row, int64_t rows, const int64_t *deep,
    int64_t depth, int64_t part, int64_t parts)
{
    const int64_t line = 64/(int64_t)sizeof(float);
    const int64_t lines = (depth + line - 1)/line;
    const int64_t first = rows*lines*part/parts;
    int64_t r = first/lines, d = first%lines*line;
    for (int64_t n = rows*lines*(part + 1)/parts - first; n > 0; n--) {
        __builtin_prefetch(from + row[r] + deep[d], 0, 2);
        d += line;
        r += d >= depth;
        d = d < depth ? d : 0;
    }
}
#elif defined(einsum_VECTORS)
#define einsum_base_PREFETCH(p) __builtin_prefetch(p)
#define einsum_base_MR 6 /* rows of a register tile, at most */
#define einsum_base_NR 8 /* columns of it */
#define einsum_base_LANES 4 /* elements of a vector */
#define einsum_base_KC 384 /* depth of a packed block, at most */
#define einsum_base_MC 510 /* rows of lhs packed at once */
#define einsum_base_NC 1024 /* columns of rhs packed at once */
#define einsum_base_MB 4092 /* rows of out in a task, at most */
#define einsum_base_NB 4096 /* columns of out in a task, at most */

#define einsum_base_NARROW 0 /* columns that need half a tile */

/* of the tile that does so many rows */
static const unsigned char einsum_base_height[7] = {0, 5, 5, 5, 5, 5, 6};

typedef float einsum_base_vector
    __attribute__((vector_size(16), may_alias, aligned(sizeof(float))));

static void
einsum_base_tile_5x2(int64_t depth, const float *lhs, const float *rhs,
    int64_t step, float *out, const int64_t *row, int add)
{
    const einsum_base_vector zero = {0};
    const int64_t ahead = 12*step;
    einsum_base_vector sum0_0 = zero, sum0_1 = zero;
    einsum_base_vector sum1_0 = zero, sum1_1 = zero;
    einsum_base_vector sum2_0 = zero, sum2_1 = zero;
    einsum_base_vector sum3_0 = zero, sum3_1 = zero;
    einsum_base_vector sum4_0 = zero, sum4_1 = zero;
    for (int r = 0; add && r < 5; r++) {
        __builtin_prefetch(out + row[r], 0, 2);
        __builtin_prefetch(out + row[r] + 7, 0, 2);
    }
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t d = 0; d < depth; d++) {
        const einsum_base_vector b0 = *(const einsum_base_vector *)(rhs + 0);
        const einsum_base_vector b1 = *(const einsum_base_vector *)(rhs + 4);
        einsum_base_PREFETCH(rhs + ahead + 0);
        einsum_base_PREFETCH(rhs + ahead + 4);
        { const float x = lhs[0]; sum0_0 += x * b0; sum0_1 += x * b1; }
        { const float x = lhs[1]; sum1_0 += x * b0; sum1_1 += x * b1; }
        { const float x = lhs[2]; sum2_0 += x * b0; sum2_1 += x * b1; }
        { const float x = lhs[3]; sum3_0 += x * b0; sum3_1 += x * b1; }
        { const float x = lhs[4]; sum4_0 += x * b0; sum4_1 += x * b1; }
        lhs += 5;
        rhs += step;
    }
    if (add) {
        sum0_0 += *(einsum_base_vector *)(out + row[0] + 0);
        sum0_1 += *(einsum_base_vector *)(out + row[0] + 4);
        sum1_0 += *(einsum_base_vector *)(out + row[1] + 0);
        sum1_1 += *(einsum_base_vector *)(out + row[1] + 4);
        sum2_0 += *(einsum_base_vector *)(out + row[2] + 0);
        sum2_1 += *(einsum_base_vector *)(out + row[2] + 4);
        sum3_0 += *(einsum_base_vector *)(out + row[3] + 0);
        sum3_1 += *(einsum_base_vector *)(out + row[3] + 4);
        sum4_0 += *(einsum_base_vector *)(out + row[4] + 0);
        sum4_1 += *(einsum_base_vector *)(out + row[4] + 4);
    }
    *(einsum_base_vector *)(out + row[0] + 0) = sum0_0;
    *(einsum_base_vector *)(out + row[0] + 4) = sum0_1;
    *(einsum_base_vector *)(out + row[1] + 0) = sum1_0;
    *(einsum_base_vector *)(out + row[1] + 4) = sum1_1;
    *(einsum_base_vector *)(out + row[2] + 0) = sum2_0;
    *(einsum_base_vector *)(out + row[2] + 4) = sum2_1;
    *(einsum_base_vector *)(out + row[3] + 0) = sum3_0;
    *(einsum_base_vector *)(out + row[3] + 4) = sum3_1;
    *(einsum_base_vector *)(out + row[4] + 0) = sum4_0;
    *(einsum_base_vector *)(out + row[4] + 4) = sum4_1;
}

static void
einsum_base_tile_6x2(int64_t depth, const float *lhs, const float *rhs,
    int64_t step, float *out, const int64_t *row, int add)
{
    const einsum_base_vector zero = {0};
    const int64_t ahead = 12*step;
    einsum_base_vector sum0_0 = zero, sum0_1 = zero;
    einsum_base_vector sum1_0 = zero, sum1_1 = zero;
    einsum_base_vector sum2_0 = zero, sum2_1 = zero;
    einsum_base_vector sum3_0 = zero, sum3_1 = zero;
    einsum_base_vector sum4_0 = zero, sum4_1 = zero;
    einsum_base_vector sum5_0 = zero, sum5_1 = zero;
    for (int r = 0; add && r < 6; r++) {
        __builtin_prefetch(out + row[r], 0, 2);
        __builtin_prefetch(out + row[r] + 7, 0, 2);
    }
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t d = 0; d < depth; d++) {
        const einsum_base_vector b0 = *(const einsum_base_vector *)(rhs + 0);
        const einsum_base_vector b1 = *(const einsum_base_vector *)(rhs + 4);
        einsum_base_PREFETCH(rhs + ahead + 0);
        einsum_base_PREFETCH(rhs + ahead + 4);
        { const float x = lhs[0]; sum0_0 += x * b0; sum0_1 += x * b1; }
        { const float x = lhs[1]; sum1_0 += x * b0; sum1_1 += x * b1; }
        { const float x = lhs[2]; sum2_0 += x * b0; sum2_1 += x * b1; }
        { const float x = lhs[3]; sum3_0 += x * b0; sum3_1 += x * b1; }
        { const float x = lhs[4]; sum4_0 += x * b0; sum4_1 += x * b1; }
        { const float x = lhs[5]; sum5_0 += x * b0; sum5_1 += x * b1; }
        lhs += 6;
        rhs += step;
    }
    if (add) {
        sum0_0 += *(einsum_base_vector *)(out + row[0] + 0);
        sum0_1 += *(einsum_base_vector *)(out + row[0] + 4);
        sum1_0 += *(einsum_base_vector *)(out + row[1] + 0);
        sum1_1 += *(einsum_base_vector *)(out + row[1] + 4);
        sum2_0 += *(einsum_base_vector *)(out + row[2] + 0);
        sum2_1 += *(einsum_base_vector *)(out + row[2] + 4);
        sum3_0 += *(einsum_base_vector *)(out + row[3] + 0);
        sum3_1 += *(einsum_base_vector *)(out + row[3] + 4);
        sum4_0 += *(einsum_base_vector *)(out + row[4] + 0);
        sum4_1 += *(einsum_base_vector *)(out + row[4] + 4);
        sum5_0 += *(einsum_base_vector *)(out + row[5] + 0);
        sum5_1 += *(einsum_base_vector *)(out + row[5] + 4);
    }
    *(einsum_base_vector *)(out + row[0] + 0) = sum0_0;
    *(einsum_base_vector *)(out + row[0] + 4) = sum0_1;
    *(einsum_base_vector *)(out + row[1] + 0) = sum1_0;
    *(einsum_base_vector *)(out + row[1] + 4) = sum1_1;
    *(einsum_base_vector *)(out + row[2] + 0) = sum2_0;
    *(einsum_base_vector *)(out + row[2] + 4) = sum2_1;
    *(einsum_base_vector *)(out + row[3] + 0) = sum3_0;
    *(einsum_base_vector *)(out + row[3] + 4) = sum3_1;
    *(einsum_base_vector *)(out + row[4] + 0) = sum4_0;
    *(einsum_base_vector *)(out + row[4] + 4) = sum4_1;
    *(einsum_base_vector *)(out + row[5] + 0) = sum5_0;
    *(einsum_base_vector *)(out + row[5] + 4) = sum5_1;
}

/* out[row] (+)= lhs[depth][height] * rhs[depth], of which so many vectors;
 * rhs advances by `step` */
static void
einsum_base_tile(int64_t height, int vectors, int64_t depth, const float *lhs,
    const float *rhs, int64_t step, float *out, const int64_t *row, int add)
{
    switch (4*height + vectors) {
    case 22: einsum_base_tile_5x2(depth, lhs, rhs, step, out, row, add); break;
    case 26: einsum_base_tile_6x2(depth, lhs, rhs, step, out, row, add); break;
    }
}
static void
einsum_base_rows_5x2(int64_t depth, const float *lhs, int64_t apart, const float *rhs,
    int64_t step, float *out, const int64_t *row, int add)
{
    const einsum_base_vector zero = {0};
    const int64_t ahead = 12*step;
    einsum_base_vector sum0_0 = zero, sum0_1 = zero;
    einsum_base_vector sum1_0 = zero, sum1_1 = zero;
    einsum_base_vector sum2_0 = zero, sum2_1 = zero;
    einsum_base_vector sum3_0 = zero, sum3_1 = zero;
    einsum_base_vector sum4_0 = zero, sum4_1 = zero;
    const float *lhs0 = lhs;
    const float *lhs3 = lhs + 3*apart;
    for (int r = 0; add && r < 5; r++) {
        __builtin_prefetch(out + row[r], 0, 2);
        __builtin_prefetch(out + row[r] + 7, 0, 2);
    }
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t d = 0; d < depth; d++) {
        const einsum_base_vector b0 = *(const einsum_base_vector *)(rhs + 0);
        const einsum_base_vector b1 = *(const einsum_base_vector *)(rhs + 4);
        einsum_base_PREFETCH(rhs + ahead + 0);
        einsum_base_PREFETCH(rhs + ahead + 4);
        { const float x = lhs0[0]; sum0_0 += x * b0; sum0_1 += x * b1; }
        { const float x = lhs0[apart]; sum1_0 += x * b0; sum1_1 += x * b1; }
        { const float x = lhs0[2*apart]; sum2_0 += x * b0; sum2_1 += x * b1; }
        { const float x = lhs3[0]; sum3_0 += x * b0; sum3_1 += x * b1; }
        { const float x = lhs3[apart]; sum4_0 += x * b0; sum4_1 += x * b1; }
        lhs0++;
        lhs3++;
        rhs += step;
    }
    if (add) {
        sum0_0 += *(einsum_base_vector *)(out + row[0] + 0);
        sum0_1 += *(einsum_base_vector *)(out + row[0] + 4);
        sum1_0 += *(einsum_base_vector *)(out + row[1] + 0);
        sum1_1 += *(einsum_base_vector *)(out + row[1] + 4);
        sum2_0 += *(einsum_base_vector *)(out + row[2] + 0);
        sum2_1 += *(einsum_base_vector *)(out + row[2] + 4);
        sum3_0 += *(einsum_base_vector *)(out + row[3] + 0);
        sum3_1 += *(einsum_base_vector *)(out + row[3] + 4);
        sum4_0 += *(einsum_base_vector *)(out + row[4] + 0);
        sum4_1 += *(einsum_base_vector *)(out + row[4] + 4);
    }
    *(einsum_base_vector *)(out + row[0] + 0) = sum0_0;
    *(einsum_base_vector *)(out + row[0] + 4) = sum0_1;
    *(einsum_base_vector *)(out + row[1] + 0) = sum1_0;
    *(einsum_base_vector *)(out + row[1] + 4) = sum1_1;
    *(einsum_base_vector *)(out + row[2] + 0) = sum2_0;
    *(einsum_base_vector *)(out + row[2] + 4) = sum2_1;
    *(einsum_base_vector *)(out + row[3] + 0) = sum3_0;
    *(einsum_base_vector *)(out + row[3] + 4) = sum3_1;
    *(einsum_base_vector *)(out + row[4] + 0) = sum4_0;
    *(einsum_base_vector *)(out + row[4] + 4) = sum4_1;
}

static void
einsum_base_rows_6x2(int64_t depth, const float *lhs, int64_t apart, const float *rhs,
    int64_t step, float *out, const int64_t *row, int add)
{
    const einsum_base_vector zero = {0};
    const int64_t ahead = 12*step;
    einsum_base_vector sum0_0 = zero, sum0_1 = zero;
    einsum_base_vector sum1_0 = zero, sum1_1 = zero;
    einsum_base_vector sum2_0 = zero, sum2_1 = zero;
    einsum_base_vector sum3_0 = zero, sum3_1 = zero;
    einsum_base_vector sum4_0 = zero, sum4_1 = zero;
    einsum_base_vector sum5_0 = zero, sum5_1 = zero;
    const float *lhs0 = lhs;
    const float *lhs3 = lhs + 3*apart;
    for (int r = 0; add && r < 6; r++) {
        __builtin_prefetch(out + row[r], 0, 2);
        __builtin_prefetch(out + row[r] + 7, 0, 2);
    }
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t d = 0; d < depth; d++) {
        const einsum_base_vector b0 = *(const einsum_base_vector *)(rhs + 0);
        const einsum_base_vector b1 = *(const einsum_base_vector *)(rhs + 4);
        einsum_base_PREFETCH(rhs + ahead + 0);
        einsum_base_PREFETCH(rhs + ahead + 4);
        { const float x = lhs0[0]; sum0_0 += x * b0; sum0_1 += x * b1; }
        { const float x = lhs0[apart]; sum1_0 += x * b0; sum1_1 += x * b1; }
        { const float x = lhs0[2*apart]; sum2_0 += x * b0; sum2_1 += x * b1; }
        { const float x = lhs3[0]; sum3_0 += x * b0; sum3_1 += x * b1; }
        { const float x = lhs3[apart]; sum4_0 += x * b0; sum4_1 += x * b1; }
        { const float x = lhs3[2*apart]; sum5_0 += x * b0; sum5_1 += x * b1; }
        lhs0++;
        lhs3++;
        rhs += step;
    }
    if (add) {
        sum0_0 += *(einsum_base_vector *)(out + row[0] + 0);
        sum0_1 += *(einsum_base_vector *)(out + row[0] + 4);
        sum1_0 += *(einsum_base_vector *)(out + row[1] + 0);
        sum1_1 += *(einsum_base_vector *)(out + row[1] + 4);
        sum2_0 += *(einsum_base_vector *)(out + row[2] + 0);
        sum2_1 += *(einsum_base_vector *)(out + row[2] + 4);
        sum3_0 += *(einsum_base_vector *)(out + row[3] + 0);
        sum3_1 += *(einsum_base_vector *)(out + row[3] + 4);
        sum4_0 += *(einsum_base_vector *)(out + row[4] + 0);
        sum4_1 += *(einsum_base_vector *)(out + row[4] + 4);
        sum5_0 += *(einsum_base_vector *)(out + row[5] + 0);
        sum5_1 += *(einsum_base_vector *)(out + row[5] + 4);
    }
    *(einsum_base_vector *)(out + row[0] + 0) = sum0_0;
    *(einsum_base_vector *)(out + row[0] + 4) = sum0_1;
    *(einsum_base_vector *)(out + row[1] + 0) = sum1_0;
    *(einsum_base_vector *)(out + row[1] + 4) = sum1_1;
    *(einsum_base_vector *)(out + row[2] + 0) = sum2_0;
    *(einsum_base_vector *)(out + row[2] + 4) = sum2_1;
    *(einsum_base_vector *)(out + row[3] + 0) = sum3_0;
    *(einsum_base_vector *)(out + row[3] + 4) = sum3_1;
    *(einsum_base_vector *)(out + row[4] + 0) = sum4_0;
    *(einsum_base_vector *)(out + row[4] + 4) = sum4_1;
    *(einsum_base_vector *)(out + row[5] + 0) = sum5_0;
    *(einsum_base_vector *)(out + row[5] + 4) = sum5_1;
}


/* The same with lhs[height][depth], its rows `apart` */
static void
einsum_base_rows(int64_t height, int vectors, int64_t depth, const float *lhs,
    int64_t apart, const float *rhs, int64_t step, float *out, const int64_t *row, int add)
{
    switch (4*height + vectors) {
    case 22: einsum_base_rows_5x2(depth, lhs, apart, rhs, step, out, row, add); break;
    case 26: einsum_base_rows_6x2(depth, lhs, apart, rhs, step, out, row, add); break;
    }
}

typedef float einsum_base_half
    __attribute__((vector_size(8), may_alias, aligned(sizeof(float))));

/* to[0 .. n) = from[0 .. n), n > 0 */
static inline __attribute__((always_inline)) void
einsum_base_move(float *to, const float *from, int64_t n)
{
    for (; n > 8; n -= 4, to += 4, from += 4)
        *(einsum_base_vector *)to = *(const einsum_base_vector *)from;
    if (n >= 4) {
        *(einsum_base_vector *)to = *(const einsum_base_vector *)from;
        *(einsum_base_vector *)(to + n - 4) = *(const einsum_base_vector *)(from + n - 4);
    } else if (n >= 2) {
        *(einsum_base_half *)to = *(const einsum_base_half *)from;
        *(einsum_base_half *)(to + n - 2) = *(const einsum_base_half *)(from + n - 2);
    } else
        for (int64_t x = 0; x < n; x++)
            to[x] = from[x];
}

#if defined(__clang__)
#define einsum_base_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int32_t einsum_base_lanes __attribute__((vector_size(16)));
#define einsum_base_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (einsum_base_lanes){__VA_ARGS__})
#endif

/* to[step*(i/2) + odd*(i%2) + r] = from[row[r] + i] for i, r < LANES */
static void
einsum_base_turn(const float *from, const int64_t *row, float *to, int64_t step, int64_t odd)
{
    const einsum_base_vector v0_0 = *(const einsum_base_vector *)(from + row[0]);
    const einsum_base_vector v0_1 = *(const einsum_base_vector *)(from + row[1]);
    const einsum_base_vector v0_2 = *(const einsum_base_vector *)(from + row[2]);
    const einsum_base_vector v0_3 = *(const einsum_base_vector *)(from + row[3]);
    const einsum_base_vector v1_0 = einsum_base_SHUFFLE(v0_0, v0_1,
        0, 4, 2, 6);
    const einsum_base_vector v1_1 = einsum_base_SHUFFLE(v0_0, v0_1,
        1, 5, 3, 7);
    const einsum_base_vector v1_2 = einsum_base_SHUFFLE(v0_2, v0_3,
        0, 4, 2, 6);
    const einsum_base_vector v1_3 = einsum_base_SHUFFLE(v0_2, v0_3,
        1, 5, 3, 7);
    const einsum_base_vector v2_0 = einsum_base_SHUFFLE(v1_0, v1_2,
        0, 1, 4, 5);
    const einsum_base_vector v2_2 = einsum_base_SHUFFLE(v1_0, v1_2,
        2, 3, 6, 7);
    const einsum_base_vector v2_1 = einsum_base_SHUFFLE(v1_1, v1_3,
        0, 1, 4, 5);
    const einsum_base_vector v2_3 = einsum_base_SHUFFLE(v1_1, v1_3,
        2, 3, 6, 7);
    *(einsum_base_vector *)(to + 0*step) = v2_0;
    *(einsum_base_vector *)(to + 0*step + odd) = v2_1;
    *(einsum_base_vector *)(to + 1*step) = v2_2;
    *(einsum_base_vector *)(to + 1*step + odd) = v2_3;
}

/* to[0 .. LANES) = every second one of from */
static inline __attribute__((always_inline)) void
einsum_base_thin(float *to, const float *from)
{
    const einsum_base_vector v0 = *(const einsum_base_vector *)from;
    const einsum_base_vector v1 = *(const einsum_base_vector *)(from + einsum_base_LANES - 1);
    *(einsum_base_vector *)to = einsum_base_SHUFFLE(v0, v1,
        0, 2, 5, 7);
}

/* to[0 .. n) += from[0 .. n) */
static void
einsum_base_add(float *to, const float *from, int64_t n)
{
    int64_t x = 0;
    for (; x + einsum_base_LANES <= n; x += einsum_base_LANES)
        *(einsum_base_vector *)(to + x) += *(const einsum_base_vector *)(from + x);
    for (; x < n; x++)
        to[x] += from[x];
}

/* run[x]: how many offsets from at[x] on are consecutive; `even`: all are at
 * one distance */
static void
einsum_base_runs(const int64_t *at, int64_t n, int even, int64_t *run)
{
    int64_t length = 1;
    const int64_t all = n > 1 && at[1] - at[0] == 1 ? n : 0;
    for (int64_t x = 0; even && x < n; x++)
        run[x] = all ? all - x : 1;
    for (int64_t x = n - 1; !even && x >= 0; x--) {
        length = x + 1 < n && at[x + 1] - at[x] == 1 ? length + 1 : 1;
        run[x] = length;
    }
}

/* The common distance of offsets; 0: none */
static int64_t
einsum_base_distance(const int64_t *at, int64_t n, int even)
{
    for (int64_t x = 2; !even && x < n; x++)
        if (at[x] - at[x - 1] != at[1] - at[0])
            return 0;
    return n > 1 ? at[1] - at[0] : einsum_base_NR;
}

/* The common distance of n rows if they can be read where they are: they are
 * not so many in the same sets of a cache; else 0 */
static int64_t
einsum_base_apart(const int64_t *row, int64_t n, int even)
{
    const int64_t apart = einsum_base_distance(row, n, even);
    const int64_t bytes = apart*(int64_t)sizeof(float);
    const int64_t far = bytes < 0 ? -bytes : bytes;
    const int64_t off = (far + 64) % 4096;
    return n > 8 && far > 64 && off < 128 ? 0 : apart;
}

/* Calls for a part of so many rows, to a second cache */
static void
einsum_base_fetch(const float *from, const int64_t *row, int64_t rows, const int64_t *deep,
    int64_t depth, int64_t part, int64_t parts)
{
    const int64_t line = 64/(int64_t)sizeof(float);
    const int64_t lines = (depth + line - 1)/line;
    const int64_t first = rows*lines*part/parts;
    int64_t r = first/lines, d = first%lines*line;
    for (int64_t n = rows*lines*(part + 1)/parts - first; n > 0; n--) {
        __builtin_prefetch(from + row[r] + deep[d], 0, 2);
        d += line;
        r += d >= depth;
        d = d < depth ? d : 0;
    }
}
#else
#endif
#if defined(einsum_VECTORS) && defined(__aarch64__)

/* to[depth][width] = from[row + deep]; run: how many rows from each on are
 * contiguous, deep_run likewise; rows from `live` on are 0 */
static void
einsum_base_pack_lhs_f32(const float *from, const int64_t *row, const int64_t *run,
    int64_t live, const int64_t *deep, const int64_t *deep_run, int64_t depth,
    int64_t width, float *to)
{
    if (live < width)
        memset(to, 0, (size_t)(depth*width)*sizeof *to);
    if (run[0] >= live) {
        for (int64_t d = 0; d < depth; d++) {
            const int64_t ahead = deep[d + 8 < depth ? d + 8 : d];
            einsum_base_PREFETCH(from + row[0] + ahead);
            einsum_base_PREFETCH(from + row[live - 1] + ahead);
            einsum_base_move(to + width*d, from + row[0] + deep[d], live);
        }
        return;
    }
    if (deep_run[0] >= einsum_base_LANES) {
        int64_t at[einsum_base_LANES], d = 0;
        for (int64_t r0 = 0; r0 < live; r0 += einsum_base_LANES) {
            const int64_t r1 = live - r0 < einsum_base_LANES && live >= einsum_base_LANES
                                   ? live - einsum_base_LANES : r0;
            for (int64_t r = 0; r < einsum_base_LANES; r++)
                at[r] = row[r1 + r < live ? r1 + r : live - 1];
            for (d = 0; d + einsum_base_LANES <= depth && deep_run[d] >= einsum_base_LANES; d += einsum_base_LANES) {
                const float *const block = from + deep[d];
                for (int64_t r = 0; r < einsum_base_LANES; r++)
                    einsum_base_PREFETCH(block + at[r] + 4*einsum_base_LANES);
                einsum_base_turn(block, at, to + width*d + r1, 2*width, width);
            }
        }
        for (; d < depth; d++)
            for (int64_t r = 0; r < live; r++)
                to[width*d + r] = from[row[r] + deep[d]];
        return;
    }
    if (run[0] >= 4) {
        for (int64_t d = 0; d < depth; d++)
            for (int64_t r = 0, n; r < live; r += n) {
                n = run[r] < live - r ? run[r] : live - r;
                einsum_base_move(to + width*d + r, from + row[r] + deep[d], n);
            }
        return;
    }
    if (live > 1 && row[1] - row[0] == 2) {
        for (int64_t r = 0, n; r < live; r += n) {
            n = 1;
            while (r + n < live && n < 2*einsum_base_LANES && row[r + n] - row[r + n - 1] == 2)
                n++;
            float *const own = to + r;
            const float *const run0 = from + row[r];
            for (int64_t d = 0; n >= einsum_base_LANES && d < depth; d++) {
                einsum_base_thin(own + width*d, run0 + deep[d]);
                einsum_base_thin(own + width*d + n - einsum_base_LANES,
                    run0 + deep[d] + 2*(n - einsum_base_LANES));
            }
            for (int64_t d = 0; n < einsum_base_LANES && d < depth; d++)
                for (int64_t x = 0; x < n; x++)
                    own[width*d + x] = run0[deep[d] + 2*x];
        }
        return;
    }
    if (run[0] >= live) {
        for (int64_t d = 0; d < depth; d++)
            for (int64_t r = 0; r < live; r++) {
                to[width*d + r] = from[row[r] + deep[d]];
            }
        return;
    }
    for (int64_t r = 0; r < live; r++) {
        const int64_t next = row[r + 1 < live ? r + 1 : r];
        for (int64_t d = 0; d < depth; d++) {
            einsum_base_PREFETCH(from + (next + deep[d]));
            to[width*d + r] = from[row[r] + deep[d]];
        }
    }
}
#elif defined(einsum_VECTORS)

/* to[depth][width] = from[row + deep]; run: how many rows from each on are
 * contiguous, deep_run likewise; rows from `live` on are 0 */
static void
einsum_base_pack_lhs_f32(const float *from, const int64_t *row, const int64_t *run,
    int64_t live, const int64_t *deep, const int64_t *deep_run, int64_t depth,
    int64_t width, float *to)
{
    if (live < width)
        memset(to, 0, (size_t)(depth*width)*sizeof *to);
    if (run[0] >= live) {
        for (int64_t d = 0; d < depth; d++) {
            const int64_t ahead = deep[d + 8 < depth ? d + 8 : d];
            einsum_base_PREFETCH(from + row[0] + ahead);
            einsum_base_PREFETCH(from + row[live - 1] + ahead);
            einsum_base_move(to + width*d, from + row[0] + deep[d], live);
        }
        return;
    }
    if (deep_run[0] >= einsum_base_LANES) {
        int64_t at[einsum_base_LANES], d = 0;
        for (int64_t r0 = 0; r0 < live; r0 += einsum_base_LANES) {
            const int64_t r1 = live - r0 < einsum_base_LANES && live >= einsum_base_LANES
                                   ? live - einsum_base_LANES : r0;
            for (int64_t r = 0; r < einsum_base_LANES; r++)
                at[r] = row[r1 + r < live ? r1 + r : live - 1];
            for (d = 0; d + einsum_base_LANES <= depth && deep_run[d] >= einsum_base_LANES; d += einsum_base_LANES) {
                const float *const block = from + deep[d];
                for (int64_t r = 0; r < einsum_base_LANES; r++)
                    einsum_base_PREFETCH(block + at[r] + 4*einsum_base_LANES);
                einsum_base_turn(block, at, to + width*d + r1, 2*width, width);
            }
        }
        for (; d < depth; d++)
            for (int64_t r = 0; r < live; r++)
                to[width*d + r] = from[row[r] + deep[d]];
        return;
    }
    if (run[0] >= 4) {
        for (int64_t d = 0; d < depth; d++)
            for (int64_t r = 0, n; r < live; r += n) {
                n = run[r] < live - r ? run[r] : live - r;
                einsum_base_move(to + width*d + r, from + row[r] + deep[d], n);
            }
        return;
    }
    if (live > 1 && row[1] - row[0] == 2) {
        for (int64_t r = 0, n; r < live; r += n) {
            n = 1;
            while (r + n < live && n < 2*einsum_base_LANES && row[r + n] - row[r + n - 1] == 2)
                n++;
            float *const own = to + r;
            const float *const run0 = from + row[r];
            for (int64_t d = 0; n >= einsum_base_LANES && d < depth; d++) {
                einsum_base_thin(own + width*d, run0 + deep[d]);
                einsum_base_thin(own + width*d + n - einsum_base_LANES,
                    run0 + deep[d] + 2*(n - einsum_base_LANES));
            }
            for (int64_t d = 0; n < einsum_base_LANES && d < depth; d++)
                for (int64_t x = 0; x < n; x++)
                    own[width*d + x] = run0[deep[d] + 2*x];
        }
        return;
    }
    if (run[0] >= live) {
        for (int64_t d = 0; d < depth; d++)
            for (int64_t r = 0; r < live; r++) {
                to[width*d + r] = from[row[r] + deep[d]];
            }
        return;
    }
    for (int64_t r = 0; r < live; r++) {
        const int64_t next = row[r + 1 < live ? r + 1 : r];
        for (int64_t d = 0; d < depth; d++) {
            einsum_base_PREFETCH(from + (next + deep[d]));
            to[width*d + r] = from[row[r] + deep[d]];
        }
    }
}
#else
#endif
#if defined(einsum_VECTORS) && defined(__aarch64__)

/* to[depth][width] = from[row + deep]; run: how many rows from each on are
 * contiguous, deep_run likewise; rows from `live` on are 0 */
static void
einsum_base_pack_rhs_f32(const float *from, const int64_t *row, const int64_t *run,
    int64_t live, const int64_t *deep, const int64_t *deep_run, int64_t depth,
    int64_t width, float *to)
{
    if (live < width)
        memset(to, 0, (size_t)(depth*width)*sizeof *to);
    if (run[0] >= live) {
        for (int64_t d = 0; d < depth; d++) {
            const int64_t ahead = deep[d + 8 < depth ? d + 8 : d];
            einsum_base_PREFETCH(from + row[0] + ahead);
            einsum_base_PREFETCH(from + row[live - 1] + ahead);
            if (live == einsum_base_NR)
                einsum_base_move(to + einsum_base_NR*d, from + row[0] + deep[d], einsum_base_NR);
            else
                einsum_base_move(to + einsum_base_NR*d, from + row[0] + deep[d], live);
        }
        return;
    }
    if (deep_run[0] >= einsum_base_LANES) {
        int64_t at[einsum_base_LANES], d = 0;
        for (int64_t r0 = 0; r0 < live; r0 += einsum_base_LANES) {
            const int64_t r1 = live - r0 < einsum_base_LANES && live >= einsum_base_LANES
                                   ? live - einsum_base_LANES : r0;
            for (int64_t r = 0; r < einsum_base_LANES; r++)
                at[r] = row[r1 + r < live ? r1 + r : live - 1];
            for (d = 0; d + einsum_base_LANES <= depth && deep_run[d] >= einsum_base_LANES; d += einsum_base_LANES) {
                const float *const block = from + deep[d];
                for (int64_t r = 0; r < einsum_base_LANES; r++)
                    einsum_base_PREFETCH(block + at[r] + 4*einsum_base_LANES);
                einsum_base_turn(block, at, to + einsum_base_NR*d + r1, 2*einsum_base_NR, einsum_base_NR);
            }
        }
        for (; d < depth; d++)
            for (int64_t r = 0; r < live; r++)
                to[width*d + r] = from[row[r] + deep[d]];
        return;
    }
    if (run[0] >= 4) {
        for (int64_t d = 0; d < depth; d++)
            for (int64_t r = 0, n; r < live; r += n) {
                n = run[r] < live - r ? run[r] : live - r;
                einsum_base_move(to + width*d + r, from + row[r] + deep[d], n);
            }
        return;
    }
    if (live > 1 && row[1] - row[0] == 2) {
        for (int64_t r = 0, n; r < live; r += n) {
            n = 1;
            while (r + n < live && n < 2*einsum_base_LANES && row[r + n] - row[r + n - 1] == 2)
                n++;
            float *const own = to + r;
            const float *const run0 = from + row[r];
            for (int64_t d = 0; n >= einsum_base_LANES && d < depth; d++) {
                einsum_base_thin(own + width*d, run0 + deep[d]);
                einsum_base_thin(own + width*d + n - einsum_base_LANES,
                    run0 + deep[d] + 2*(n - einsum_base_LANES));
            }
            for (int64_t d = 0; n < einsum_base_LANES && d < depth; d++)
                for (int64_t x = 0; x < n; x++)
                    own[width*d + x] = run0[deep[d] + 2*x];
        }
        return;
    }
    if (run[0] >= live) {
        for (int64_t d = 0; d < depth; d++)
            for (int64_t r = 0; r < live; r++) {
                to[width*d + r] = from[row[r] + deep[d]];
            }
        return;
    }
    for (int64_t r = 0; r < live; r++) {
        const int64_t next = row[r + 1 < live ? r + 1 : r];
        for (int64_t d = 0; d < depth; d++) {
            einsum_base_PREFETCH(from + (next + deep[d]));
            to[width*d + r] = from[row[r] + deep[d]];
        }
    }
}
#elif defined(einsum_VECTORS)

/* to[depth][width] = from[row + deep]; run: how many rows from each on are
 * contiguous, deep_run likewise; rows from `live` on are 0 */
static void
einsum_base_pack_rhs_f32(const float *from, const int64_t *row, const int64_t *run,
    int64_t live, const int64_t *deep, const int64_t *deep_run, int64_t depth,
    int64_t width, float *to)
{
    if (live < width)
        memset(to, 0, (size_t)(depth*width)*sizeof *to);
    if (run[0] >= live) {
        for (int64_t d = 0; d < depth; d++) {
            const int64_t ahead = deep[d + 8 < depth ? d + 8 : d];
            einsum_base_PREFETCH(from + row[0] + ahead);
            einsum_base_PREFETCH(from + row[live - 1] + ahead);
            if (live == einsum_base_NR)
                einsum_base_move(to + einsum_base_NR*d, from + row[0] + deep[d], einsum_base_NR);
            else
                einsum_base_move(to + einsum_base_NR*d, from + row[0] + deep[d], live);
        }
        return;
    }
    if (deep_run[0] >= einsum_base_LANES) {
        int64_t at[einsum_base_LANES], d = 0;
        for (int64_t r0 = 0; r0 < live; r0 += einsum_base_LANES) {
            const int64_t r1 = live - r0 < einsum_base_LANES && live >= einsum_base_LANES
                                   ? live - einsum_base_LANES : r0;
            for (int64_t r = 0; r < einsum_base_LANES; r++)
                at[r] = row[r1 + r < live ? r1 + r : live - 1];
            for (d = 0; d + einsum_base_LANES <= depth && deep_run[d] >= einsum_base_LANES; d += einsum_base_LANES) {
                const float *const block = from + deep[d];
                for (int64_t r = 0; r < einsum_base_LANES; r++)
                    einsum_base_PREFETCH(block + at[r] + 4*einsum_base_LANES);
                einsum_base_turn(block, at, to + einsum_base_NR*d + r1, 2*einsum_base_NR, einsum_base_NR);
            }
        }
        for (; d < depth; d++)
            for (int64_t r = 0; r < live; r++)
                to[width*d + r] = from[row[r] + deep[d]];
        return;
    }
    if (run[0] >= 4) {
        for (int64_t d = 0; d < depth; d++)
            for (int64_t r = 0, n; r < live; r += n) {
                n = run[r] < live - r ? run[r] : live - r;
                einsum_base_move(to + width*d + r, from + row[r] + deep[d], n);
            }
        return;
    }
    if (live > 1 && row[1] - row[0] == 2) {
        for (int64_t r = 0, n; r < live; r += n) {
            n = 1;
            while (r + n < live && n < 2*einsum_base_LANES && row[r + n] - row[r + n - 1] == 2)
                n++;
            float *const own = to + r;
            const float *const run0 = from + row[r];
            for (int64_t d = 0; n >= einsum_base_LANES && d < depth; d++) {
                einsum_base_thin(own + width*d, run0 + deep[d]);
                einsum_base_thin(own + width*d + n - einsum_base_LANES,
                    run0 + deep[d] + 2*(n - einsum_base_LANES));
            }
            for (int64_t d = 0; n < einsum_base_LANES && d < depth; d++)
                for (int64_t x = 0; x < n; x++)
                    own[width*d + x] = run0[deep[d] + 2*x];
        }
        return;
    }
    if (run[0] >= live) {
        for (int64_t d = 0; d < depth; d++)
            for (int64_t r = 0; r < live; r++) {
                to[width*d + r] = from[row[r] + deep[d]];
            }
        return;
    }
    for (int64_t r = 0; r < live; r++) {
        const int64_t next = row[r + 1 < live ? r + 1 : r];
        for (int64_t d = 0; d < depth; d++) {
            einsum_base_PREFETCH(from + (next + deep[d]));
            to[width*d + r] = from[row[r] + deep[d]];
        }
    }
}
#else
#endif

#if defined(einsum_VECTORS) && defined(__aarch64__)
/* out[row + column] = the live part of a tile; `again`: added to the sums there */
static void
einsum_base_step1_store(const struct einsum_args *args, const float *sum,
    float *out, const int64_t *row, int64_t rows, const int64_t *column,
    const int64_t *run, int64_t columns, int again)
{
    (void)args;
    if (1) {
        float *const to = out;
        /* a piece is read from one vector: of two that were just stored it would
         * have to wait for memory */
        for (int64_t c = 0, n; c < columns; c += n) {
            n = einsum_base_LANES - c % einsum_base_LANES;
            n = n < columns - c ? n : columns - c;
            n = n < run[c] ? n : run[c];
            for (int64_t r = 0; again && r < rows; r++)
                einsum_base_add(to + row[r] + column[c], sum + einsum_base_NR*r + c, n);
            for (int64_t r = 0; !again && r < rows; r++)
                einsum_base_move(to + row[r] + column[c], sum + einsum_base_NR*r + c, n);
        }
        return;
    }
}

static void
einsum_base_step1(const struct einsum_args *args, int64_t task_begin, int64_t task_end)
{
    const float *const lhs = (const float *)args->in[0];
    const float *const rhs = (const float *)args->in[1];
    float *const out = (float *)args->out;
    const int64_t all_rows = 1000; /* M */
    const int64_t all_columns = 3; /* N */
    const int64_t all_depth = 3; /* K */
    const int64_t block_rows = args->n[0]; /* of a task */
    const int64_t block_columns = args->n[1];
    const int64_t row_blocks = (all_rows + block_rows - 1) / block_rows;
    const int64_t column_blocks =
        (all_columns + block_columns - 1) / block_columns;
    /* K blocks of equal size: no short last one */
    const int64_t deep_blocks = (all_depth + einsum_base_KC - 1) / einsum_base_KC;
    const int64_t block_depth =
        deep_blocks ? (all_depth + deep_blocks - 1) / deep_blocks : 1;
    const int lhs_stays = 0; /* packed whole; else rhs is */
    const int64_t panel = einsum_base_NR;
    float *const lhs_tiles = (float *)(void *)args->scratch;
    float *const rhs_panels = lhs_tiles + einsum_base_MC*einsum_base_KC + ((einsum_base_LANES*einsum_base_LANES + 15)/16*16);
    int64_t *const lhs_row = (int64_t *)(void *)(rhs_panels + einsum_base_NC*einsum_base_KC);
    int64_t *const lhs_run = lhs_row + einsum_base_MB;
    int64_t *const out_row = lhs_run + einsum_base_MB;
    int64_t *const rhs_column = out_row + einsum_base_MB;
    int64_t *const rhs_run = rhs_column + einsum_base_NB;
    int64_t *const out_column = rhs_run + einsum_base_NB;
    int64_t *const out_run = out_column + einsum_base_NB;
    int64_t *const lhs_deep = out_run + einsum_base_NB;
    int64_t *const lhs_deep_run = lhs_deep + einsum_base_KC;
    int64_t *const rhs_deep = lhs_deep_run + einsum_base_KC;
    int64_t *const rhs_deep_run = rhs_deep + einsum_base_KC;
    float part[einsum_base_MR*einsum_base_NR] __attribute__((aligned(64))); /* a tile on its way */
    static const int64_t part_row[einsum_base_MR] = {0, 1*einsum_base_NR, 2*einsum_base_NR, 3*einsum_base_NR, 4*einsum_base_NR, 5*einsum_base_NR,
        6*einsum_base_NR, 7*einsum_base_NR, 8*einsum_base_NR, 9*einsum_base_NR, 10*einsum_base_NR, 11*einsum_base_NR,
        12*einsum_base_NR, 13*einsum_base_NR};
    const int direct = 1;
    for (int64_t task = task_begin; task < task_end; task++) {
        int64_t rest = task;
        const int64_t row0 = rest % row_blocks * block_rows;
        rest /= row_blocks;
        const int64_t column0 = rest % column_blocks * block_columns;
        rest /= column_blocks;
        const int64_t lhs_at = 0;
        const int64_t rhs_at = 0;
        const int64_t out_at = 0;
        const float *const lhs_batch = lhs + lhs_at;
        const float *const rhs_batch = rhs + rhs_at;
        float *const out_batch = out + out_at;
        const int64_t rows =
            all_rows - row0 < block_rows ? all_rows - row0 : block_rows;
        const int64_t columns = all_columns - column0 < block_columns
                                    ? all_columns - column0
                                    : block_columns;
        {
            int64_t b = row0;
            for (int64_t at = 0; at < rows; at++) {
                lhs_row[at] = 3*b;
                out_row[at] = 3*b;
                ++b;
            }
        }
        {
            int64_t i = column0;
            for (int64_t at = 0; at < columns; at++) {
                rhs_column[at] = 3*i;
                out_column[at] = i;
                ++i;
            }
        }
        einsum_base_runs(rhs_column, columns, 1, rhs_run);
        einsum_base_runs(out_column, columns, 1, out_run);
        /* tiles of equal height: the first `taller` have a row more */
        const int64_t tiles = (rows + einsum_base_MR - 1) / einsum_base_MR;
        const int64_t height = rows / tiles, taller = rows % tiles;
        /* no row that is not there is read */
        const int exact = einsum_base_height[height] == height &&
            (!taller || einsum_base_height[height + 1] == height + 1);
        const int64_t apart_rows = exact ? einsum_base_apart(lhs_row, rows, 1) : 0;
        const int64_t columns_at_once = lhs_stays ? panel : columns;
        int64_t deep0 = 0;
        do { /* K block; once, with depth 0, if K is empty */
            const int64_t depth = all_depth - deep0 < block_depth
                                      ? all_depth - deep0
                                      : block_depth;
            {
                int64_t j = deep0;
                for (int64_t at = 0; at < depth; at++) {
                    lhs_deep[at] = j;
                    rhs_deep[at] = j;
                    ++j;
                }
            }
            einsum_base_runs(lhs_deep, depth, 1, lhs_deep_run);
            einsum_base_runs(rhs_deep, depth, 1, rhs_deep_run);
            const int64_t lhs_apart = depth > 0 &&
                lhs_deep_run[0] >= depth ? apart_rows : 0;
            if (!lhs_apart)
                einsum_base_runs(lhs_row, rows, 1, lhs_run);
            const int along = depth > 0 && lhs_deep_run[0] >= einsum_base_LANES;
            const int64_t tiles_at_once = lhs_stays ? tiles : along ? 1 : 8;
            const int64_t distance = lhs_stays && tiles <= 8 ? einsum_base_distance(rhs_deep, depth, 1) : 0;
            for (int64_t n0 = 0; n0 < columns; n0 += columns_at_once) {
                const int64_t n1 =
                    columns - n0 < columns_at_once ? columns : n0 + columns_at_once;
                const int64_t panels = (n1 - n0 + panel - 1) / panel;
                /* few rows: packing would not pay */
                const int in_place = distance && n1 - n0 == einsum_base_NR &&
                    rhs_run[n0] >= einsum_base_NR &&
                    (tiles == 1 || distance*(int64_t)sizeof(float) % 2048 != 0);
                for (int64_t c0 = n0; !in_place && c0 < n1; c0 += panel) {
                    float *const to = rhs_panels + (c0 - n0)/panel*einsum_base_NR*depth;
                    const int64_t live = n1 - c0 < panel ? n1 - c0 : panel;
                    einsum_base_pack_rhs_f32(rhs_batch, rhs_column + c0, rhs_run + c0, live,
                        rhs_deep, rhs_deep_run, depth, einsum_base_NR, to);
                }
                for (int64_t t0 = 0; t0 < tiles; t0 += tiles_at_once) {
                    const int64_t t1 =
                        tiles - t0 < tiles_at_once ? tiles : t0 + tiles_at_once;
                    if (!lhs_apart && (n0 == 0 || tiles_at_once < tiles))
                        for (int64_t to_tile = t0; to_tile < t1; to_tile++) {
                            const int64_t r0 =
                                to_tile*height + (to_tile < taller ? to_tile : taller);
                            const int64_t live_rows = height + (to_tile < taller);
                            einsum_base_pack_lhs_f32(lhs_batch, lhs_row + r0, lhs_run + r0, live_rows,
                                lhs_deep, lhs_deep_run, depth, einsum_base_height[live_rows],
                                lhs_tiles + (to_tile - t0)*einsum_base_MR*depth);
                        }
                    for (int64_t tile_at = t0, panel_at = 0;
     tile_at < t1 && panel_at < panels;) {
                        const int64_t r0 =
                            tile_at*height + (tile_at < taller ? tile_at : taller);
                        const int64_t live_rows = height + (tile_at < taller);
                        const int64_t c0 = n0 + panel_at*panel;
                        const int64_t live = n1 - c0 < panel ? n1 - c0 : panel;
                        const int vectors = live <= einsum_base_NARROW ? 1 : einsum_base_NR/einsum_base_LANES;
                        const int64_t tile_height = einsum_base_height[live_rows];
                        const float *const tile = lhs_apart
                            ? (lhs_batch + lhs_row[r0] + lhs_deep[0])
                            : lhs_tiles + (tile_at - t0)*einsum_base_MR*depth;
                        if (along && !lhs_stays && t1 < tiles)
                            einsum_base_fetch(lhs_batch, lhs_row + r0 + live_rows, height, lhs_deep, depth,
                                panel_at, panels);
                        const float *const columns_of = in_place
                            ? (rhs_batch + rhs_column[n0] + rhs_deep[0])
                            : rhs_panels + panel_at*einsum_base_NR*depth;
                        const int64_t step = in_place ? distance : einsum_base_NR;
                        float *const sum = part;
                        const int straight = direct && tile_height == live_rows &&
                            live == vectors*einsum_base_LANES && out_run[c0] >= live;
                        float *const to = straight ? (out_batch + out_column[c0]) : sum;
                        const int64_t *const to_row = straight ? out_row + r0 : part_row;
                        const int again = straight && deep0 > 0;
                        if (lhs_apart)
                            einsum_base_rows(tile_height, vectors, depth, tile, lhs_apart, columns_of, step, to,
                                to_row, again);
                        else
                            einsum_base_tile(tile_height, vectors, depth, tile, columns_of, step, to, to_row,
                                again);
                        if (!straight)
                            einsum_base_step1_store(args, sum, out_batch, out_row + r0, live_rows,
                                out_column + c0, out_run + c0, live, deep0 > 0);
                        if (lhs_stays) { /* a panel meets all tiles */
                            tile_at++;
                            panel_at += tile_at == t1;
                            tile_at = tile_at == t1 ? t0 : tile_at;
                        } else { /* a tile meets all panels */
                            panel_at++;
                            tile_at += panel_at == panels;
                            panel_at = panel_at == panels ? 0 : panel_at;
                        }
                    }
                }
            }
            deep0 += depth;
        } while (deep0 < all_depth);
    }
}

#elif defined(einsum_VECTORS)
/* out[row + column] = the live part of a tile; `again`: added to the sums there */
static void
einsum_base_step1_store(const struct einsum_args *args, const float *sum,
    float *out, const int64_t *row, int64_t rows, const int64_t *column,
    const int64_t *run, int64_t columns, int again)
{
    (void)args;
    if (1) {
        float *const to = out;
        /* a piece is read from one vector: of two that were just stored it would
         * have to wait for memory */
        for (int64_t c = 0, n; c < columns; c += n) {
            n = einsum_base_LANES - c % einsum_base_LANES;
            n = n < columns - c ? n : columns - c;
            n = n < run[c] ? n : run[c];
            for (int64_t r = 0; again && r < rows; r++)
                einsum_base_add(to + row[r] + column[c], sum + einsum_base_NR*r + c, n);
            for (int64_t r = 0; !again && r < rows; r++)
                einsum_base_move(to + row[r] + column[c], sum + einsum_base_NR*r + c, n);
        }
        return;
    }
}

static void
einsum_base_step1(const struct einsum_args *args, int64_t task_begin, int64_t task_end)
{
    const float *const lhs = (const float *)args->in[0];
    const float *const rhs = (const float *)args->in[1];
    float *const out = (float *)args->out;
    const int64_t all_rows = 1000; /* M */
    const int64_t all_columns = 3; /* N */
    const int64_t all_depth = 3; /* K */
    const int64_t block_rows = args->n[0]; /* of a task */
    const int64_t block_columns = args->n[1];
    const int64_t row_blocks = (all_rows + block_rows - 1) / block_rows;
    const int64_t column_blocks =
        (all_columns + block_columns - 1) / block_columns;
    /* K blocks of equal size: no short last one */
    const int64_t deep_blocks = (all_depth + einsum_base_KC - 1) / einsum_base_KC;
    const int64_t block_depth =
        deep_blocks ? (all_depth + deep_blocks - 1) / deep_blocks : 1;
    const int lhs_stays = 0; /* packed whole; else rhs is */
    const int64_t panel = einsum_base_NR;
    float *const lhs_tiles = (float *)(void *)args->scratch;
    float *const rhs_panels = lhs_tiles + einsum_base_MC*einsum_base_KC + ((einsum_base_LANES*einsum_base_LANES + 15)/16*16);
    int64_t *const lhs_row = (int64_t *)(void *)(rhs_panels + einsum_base_NC*einsum_base_KC);
    int64_t *const lhs_run = lhs_row + einsum_base_MB;
    int64_t *const out_row = lhs_run + einsum_base_MB;
    int64_t *const rhs_column = out_row + einsum_base_MB;
    int64_t *const rhs_run = rhs_column + einsum_base_NB;
    int64_t *const out_column = rhs_run + einsum_base_NB;
    int64_t *const out_run = out_column + einsum_base_NB;
    int64_t *const lhs_deep = out_run + einsum_base_NB;
    int64_t *const lhs_deep_run = lhs_deep + einsum_base_KC;
    int64_t *const rhs_deep = lhs_deep_run + einsum_base_KC;
    int64_t *const rhs_deep_run = rhs_deep + einsum_base_KC;
    float part[einsum_base_MR*einsum_base_NR] __attribute__((aligned(64))); /* a tile on its way */
    static const int64_t part_row[einsum_base_MR] = {0, 1*einsum_base_NR, 2*einsum_base_NR, 3*einsum_base_NR, 4*einsum_base_NR, 5*einsum_base_NR};
    const int direct = 1;
    for (int64_t task = task_begin; task < task_end; task++) {
        int64_t rest = task;
        const int64_t row0 = rest % row_blocks * block_rows;
        rest /= row_blocks;
        const int64_t column0 = rest % column_blocks * block_columns;
        rest /= column_blocks;
        const int64_t lhs_at = 0;
        const int64_t rhs_at = 0;
        const int64_t out_at = 0;
        const float *const lhs_batch = lhs + lhs_at;
        const float *const rhs_batch = rhs + rhs_at;
        float *const out_batch = out + out_at;
        const int64_t rows =
            all_rows - row0 < block_rows ? all_rows - row0 : block_rows;
        const int64_t columns = all_columns - column0 < block_columns
                                    ? all_columns - column0
                                    : block_columns;
        {
            int64_t b = row0;
            for (int64_t at = 0; at < rows; at++) {
                lhs_row[at] = 3*b;
                out_row[at] = 3*b;
                ++b;
            }
        }
        {
            int64_t i = column0;
            for (int64_t at = 0; at < columns; at++) {
                rhs_column[at] = 3*i;
                out_column[at] = i;
                ++i;
            }
        }
        einsum_base_runs(rhs_column, columns, 1, rhs_run);
        einsum_base_runs(out_column, columns, 1, out_run);
        /* tiles of equal height: the first `taller` have a row more */
        const int64_t tiles = (rows + einsum_base_MR - 1) / einsum_base_MR;
        const int64_t height = rows / tiles, taller = rows % tiles;
        /* no row that is not there is read */
        const int exact = einsum_base_height[height] == height &&
            (!taller || einsum_base_height[height + 1] == height + 1);
        const int64_t apart_rows = exact ? einsum_base_apart(lhs_row, rows, 1) : 0;
        const int64_t columns_at_once = lhs_stays ? panel : columns;
        int64_t deep0 = 0;
        do { /* K block; once, with depth 0, if K is empty */
            const int64_t depth = all_depth - deep0 < block_depth
                                      ? all_depth - deep0
                                      : block_depth;
            {
                int64_t j = deep0;
                for (int64_t at = 0; at < depth; at++) {
                    lhs_deep[at] = j;
                    rhs_deep[at] = j;
                    ++j;
                }
            }
            einsum_base_runs(lhs_deep, depth, 1, lhs_deep_run);
            einsum_base_runs(rhs_deep, depth, 1, rhs_deep_run);
            const int64_t lhs_apart = depth > 0 &&
                lhs_deep_run[0] >= depth ? apart_rows : 0;
            if (!lhs_apart)
                einsum_base_runs(lhs_row, rows, 1, lhs_run);
            const int along = depth > 0 && lhs_deep_run[0] >= einsum_base_LANES;
            const int64_t tiles_at_once = lhs_stays ? tiles : along ? 1 : 8;
            const int64_t distance = lhs_stays && tiles <= 8 ? einsum_base_distance(rhs_deep, depth, 1) : 0;
            for (int64_t n0 = 0; n0 < columns; n0 += columns_at_once) {
                const int64_t n1 =
                    columns - n0 < columns_at_once ? columns : n0 + columns_at_once;
                const int64_t panels = (n1 - n0 + panel - 1) / panel;
                /* few rows: packing would not pay */
                const int in_place = distance && n1 - n0 == einsum_base_NR &&
                    rhs_run[n0] >= einsum_base_NR &&
                    (tiles == 1 || distance*(int64_t)sizeof(float) % 2048 != 0);
                for (int64_t c0 = n0; !in_place && c0 < n1; c0 += panel) {
                    float *const to = rhs_panels + (c0 - n0)/panel*einsum_base_NR*depth;
                    const int64_t live = n1 - c0 < panel ? n1 - c0 : panel;
                    einsum_base_pack_rhs_f32(rhs_batch, rhs_column + c0, rhs_run + c0, live,
                        rhs_deep, rhs_deep_run, depth, einsum_base_NR, to);
                }
                for (int64_t t0 = 0; t0 < tiles; t0 += tiles_at_once) {
                    const int64_t t1 =
                        tiles - t0 < tiles_at_once ? tiles : t0 + tiles_at_once;
                    if (!lhs_apart && (n0 == 0 || tiles_at_once < tiles))
                        for (int64_t to_tile = t0; to_tile < t1; to_tile++) {
                            const int64_t r0 =
                                to_tile*height + (to_tile < taller ? to_tile : taller);
                            const int64_t live_rows = height + (to_tile < taller);
                            einsum_base_pack_lhs_f32(lhs_batch, lhs_row + r0, lhs_run + r0, live_rows,
                                lhs_deep, lhs_deep_run, depth, einsum_base_height[live_rows],
                                lhs_tiles + (to_tile - t0)*einsum_base_MR*depth);
                        }
                    for (int64_t tile_at = t0, panel_at = 0;
     tile_at < t1 && panel_at < panels;) {
                        const int64_t r0 =
                            tile_at*height + (tile_at < taller ? tile_at : taller);
                        const int64_t live_rows = height + (tile_at < taller);
                        const int64_t c0 = n0 + panel_at*panel;
                        const int64_t live = n1 - c0 < panel ? n1 - c0 : panel;
                        const int vectors = live <= einsum_base_NARROW ? 1 : einsum_base_NR/einsum_base_LANES;
                        const int64_t tile_height = einsum_base_height[live_rows];
                        const float *const tile = lhs_apart
                            ? (lhs_batch + lhs_row[r0] + lhs_deep[0])
                            : lhs_tiles + (tile_at - t0)*einsum_base_MR*depth;
                        if (along && !lhs_stays && t1 < tiles)
                            einsum_base_fetch(lhs_batch, lhs_row + r0 + live_rows, height, lhs_deep, depth,
                                panel_at, panels);
                        const float *const columns_of = in_place
                            ? (rhs_batch + rhs_column[n0] + rhs_deep[0])
                            : rhs_panels + panel_at*einsum_base_NR*depth;
                        const int64_t step = in_place ? distance : einsum_base_NR;
                        float *const sum = part;
                        const int straight = direct && tile_height == live_rows &&
                            live == vectors*einsum_base_LANES && out_run[c0] >= live;
                        float *const to = straight ? (out_batch + out_column[c0]) : sum;
                        const int64_t *const to_row = straight ? out_row + r0 : part_row;
                        const int again = straight && deep0 > 0;
                        if (lhs_apart)
                            einsum_base_rows(tile_height, vectors, depth, tile, lhs_apart, columns_of, step, to,
                                to_row, again);
                        else
                            einsum_base_tile(tile_height, vectors, depth, tile, columns_of, step, to, to_row,
                                again);
                        if (!straight)
                            einsum_base_step1_store(args, sum, out_batch, out_row + r0, live_rows,
                                out_column + c0, out_run + c0, live, deep0 > 0);
                        if (lhs_stays) { /* a panel meets all tiles */
                            tile_at++;
                            panel_at += tile_at == t1;
                            tile_at = tile_at == t1 ? t0 : tile_at;
                        } else { /* a tile meets all panels */
                            panel_at++;
                            tile_at += panel_at == panels;
                            panel_at = panel_at == panels ? 0 : panel_at;
                        }
                    }
                }
            }
            deep0 += depth;
        } while (deep0 < all_depth);
    }
}

#else
static void
einsum_base_step1(float *out, const float *lhs, const float *rhs)
{
    const int64_t first = 0, last = 1000;
    for (int64_t at = first; at < last; at++) {
        const float *const lhs_at = lhs + 3*at;
        const float *const rhs_at = rhs;
        float *const out_at = out + 3*at;
        { /* rows 0-0, columns 0-2 */
            float sum0_0 = 0, sum0_1 = 0, sum0_2 = 0;
            {
                const float b0 = rhs_at[0];
                const float b1 = rhs_at[3];
                const float b2 = rhs_at[6];
                const float a0 = (float)lhs_at[0];
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum0_2 += a0 * b2;
            }
            {
                const float b0 = rhs_at[1];
                const float b1 = rhs_at[4];
                const float b2 = rhs_at[7];
                const float a0 = (float)lhs_at[1];
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum0_2 += a0 * b2;
            }
            {
                const float b0 = rhs_at[2];
                const float b1 = rhs_at[5];
                const float b2 = rhs_at[8];
                const float a0 = (float)lhs_at[2];
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum0_2 += a0 * b2;
            }
            out_at[0] = (float)sum0_0;
            out_at[1] = (float)sum0_1;
            out_at[2] = (float)sum0_2;
        }
    }
}

#endif
#if defined(einsum_base_NC)
/* How many parts so much work is worth; without OpenMP they are run one after
 * another. */
static int64_t
einsum_threads(double flop)
{
#if defined(_OPENMP)
    const int64_t most = omp_get_max_threads();
    if (flop < 4e6) /* less than waking them takes */
        return 1;
    return most < einsum_THREADS ? most : einsum_THREADS;
#else
    (void)flop;
    return einsum_THREADS;
#endif
}

/* Size of equal blocks of n, a multiple of `unit`: at most `most`, and so small that
 * there are `wanted` with those of other indices, `others` for each of ours. */
static int64_t
einsum_block(int64_t n, int64_t most, int64_t unit, int64_t wanted, int64_t others)
{
    int64_t count = (n + most - 1)/most;
    const int64_t least = others ? (wanted - 1)/others + 1 : 1;
    if (count < least)
        count = least;
    const int64_t size = (n + count - 1)/count;
    return size > 0 ? (size + unit - 1)/unit*unit : unit;
}

/* Tasks write apart, so any split gives the same bits. */
static void
einsum_run(void (*kernel)(const struct einsum_args *, int64_t, int64_t),
    const struct einsum_args *args, int64_t tasks, int64_t threads)
{
#if defined(_OPENMP)
#pragma omp parallel for schedule(static, 1) if (threads > 1)
#endif
    for (int64_t part = 0; part < threads; part++) {
        struct einsum_args own = *args;
        own.scratch += part*einsum_SCRATCH;
        kernel(&own, tasks*part/threads,
            tasks*(part + 1)/threads);
    }
}

#endif

#if defined(einsum_SETS)
static void
einsum_avx512(float *out, const float *in0, const float *in1, char *base)
{
    char *const scratch = base + 0;
    (void)scratch; /* other sets pack */
    einsum_avx512_step1(out, in1, in0);
}

static void
einsum_avx2(float *out, const float *in0, const float *in1, char *base)
{
    char *const scratch = base + 0;
    (void)scratch; /* other sets pack */
    einsum_avx2_step1(out, in1, in0);
}

#endif
#if defined(einsum_VECTORS) && defined(__aarch64__)
static void
einsum_base(float *out, const float *in0, const float *in1, char *base)
{
    char *const scratch = base + 0;
    {
        const void *const in[] = {in1, in0};
        const int64_t batch = 1, m = 1000, n = 3, k = 3;
        const int64_t threads =
            einsum_threads(2.0*(double)batch*(double)m*(double)n*(double)k);
        const int64_t columns = einsum_block(n, einsum_base_NC, einsum_base_NR, threads, batch);
        const int64_t all = batch*((n + columns - 1)/columns);
        const int64_t rows = einsum_block(m, einsum_base_MB, einsum_base_MR,
            threads > 1 ? 3*threads : 1, all);
        const int64_t tasks = all*((m + rows - 1)/rows);
        const int64_t extents[] = {rows, columns};
        const struct einsum_args args = {out, in, extents, 0, 0, 0, scratch};
        einsum_run(einsum_base_step1, &args, tasks, threads);
    }
}

#elif defined(einsum_VECTORS)
static void
einsum_base(float *out, const float *in0, const float *in1, char *base)
{
    char *const scratch = base + 0;
    {
        const void *const in[] = {in1, in0};
        const int64_t batch = 1, m = 1000, n = 3, k = 3;
        const int64_t threads =
            einsum_threads(2.0*(double)batch*(double)m*(double)n*(double)k);
        const int64_t columns = einsum_block(n, einsum_base_NC, einsum_base_NR, threads, batch);
        const int64_t all = batch*((n + columns - 1)/columns);
        const int64_t rows = einsum_block(m, einsum_base_MB, einsum_base_MR,
            threads > 1 ? 3*threads : 1, all);
        const int64_t tasks = all*((m + rows - 1)/rows);
        const int64_t extents[] = {rows, columns};
        const struct einsum_args args = {out, in, extents, 0, 0, 0, scratch};
        einsum_run(einsum_base_step1, &args, tasks, threads);
    }
}

#else
static void
einsum_base(float *out, const float *in0, const float *in1, char *base)
{
    char *const scratch = base + 0;
    (void)scratch; /* other sets pack */
    einsum_base_step1(out, in1, in0);
}

#endif
typedef void einsum_steps(float *out, const float *in0, const float *in1, char *base);

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
    return 0
        + einsum_THREADS*(int64_t)einsum_SCRATCH + 64; /* to align it */
}

int
einsum(float *out, const float *in0, const float *in1, void *work)
{
    const size_t bytes = (size_t)einsum_workspace();
    char *const own = work ? NULL : (char *)malloc(bytes);
    if (!work && !own)
        return -1;
    char *base = work ? (char *)work : own;
    base += (0 - (uintptr_t)base) % 64;
    einsum_pick()(out, in0, in1, base);
    free(own);
    return 0;
}

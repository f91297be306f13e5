/* made by einc 0.1.0; change the expression, not this file
 * expression  ij,jk->ik  f32, strides as given
 * sizes       i=64 j=128 k=32
 * step 1      contract out[i,k] = in0[i,j] * in1[j,k]
 *              M{i}=64  N{k}=32  K{j}=128
 * cost        524288 flop; reads 49152 B, writes 8192 B; intermediates 0 B
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

#ifndef einsum_THREADS
#if defined(_OPENMP)
#define einsum_THREADS 8 /* parts that OpenMP may run at once */
#else
#define einsum_THREADS 1
#endif
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

#if defined(__GNUC__)
#define einsum_PREFETCH(p) __builtin_prefetch(p)
#else
#define einsum_PREFETCH(p) ((void)(p))
#endif

#if defined(__GNUC__) && !defined(EINC_SCALAR) && defined(__AVX512F__) && defined(__AVX512DQ__)
#define einsum_MR 14 /* rows of a register tile */
#define einsum_NR 32 /* columns of it */
#define einsum_KC 384 /* depth of a packed block, at most */
#define einsum_MC 252 /* rows of lhs packed at once */
#define einsum_MB 504 /* rows of out in a task, at most */
#define einsum_NB 1024 /* columns of out in a task, at most */

typedef float einsum_vector
    __attribute__((vector_size(64), may_alias));

/* sum[MR][NR] += lhs[depth][MR] * rhs[depth][NR], all packed */
static void
einsum_tile(int64_t depth, const float *lhs, const float *rhs,
    float *sum, int fresh)
{
    const einsum_vector zero = {0};
    einsum_vector sum0_0 = zero, sum0_1 = zero;
    einsum_vector sum1_0 = zero, sum1_1 = zero;
    einsum_vector sum2_0 = zero, sum2_1 = zero;
    einsum_vector sum3_0 = zero, sum3_1 = zero;
    einsum_vector sum4_0 = zero, sum4_1 = zero;
    einsum_vector sum5_0 = zero, sum5_1 = zero;
    einsum_vector sum6_0 = zero, sum6_1 = zero;
    einsum_vector sum7_0 = zero, sum7_1 = zero;
    einsum_vector sum8_0 = zero, sum8_1 = zero;
    einsum_vector sum9_0 = zero, sum9_1 = zero;
    einsum_vector sum10_0 = zero, sum10_1 = zero;
    einsum_vector sum11_0 = zero, sum11_1 = zero;
    einsum_vector sum12_0 = zero, sum12_1 = zero;
    einsum_vector sum13_0 = zero, sum13_1 = zero;
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t d = 0; d < depth; d++) {
        const einsum_vector b0 = *(const einsum_vector *)(rhs + 0);
        const einsum_vector b1 = *(const einsum_vector *)(rhs + 16);
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
        rhs += 32;
    }
    einsum_vector *const to = (einsum_vector *)sum;
    if (!fresh) {
        sum0_0 += to[0];
        sum0_1 += to[1];
        sum1_0 += to[2];
        sum1_1 += to[3];
        sum2_0 += to[4];
        sum2_1 += to[5];
        sum3_0 += to[6];
        sum3_1 += to[7];
        sum4_0 += to[8];
        sum4_1 += to[9];
        sum5_0 += to[10];
        sum5_1 += to[11];
        sum6_0 += to[12];
        sum6_1 += to[13];
        sum7_0 += to[14];
        sum7_1 += to[15];
        sum8_0 += to[16];
        sum8_1 += to[17];
        sum9_0 += to[18];
        sum9_1 += to[19];
        sum10_0 += to[20];
        sum10_1 += to[21];
        sum11_0 += to[22];
        sum11_1 += to[23];
        sum12_0 += to[24];
        sum12_1 += to[25];
        sum13_0 += to[26];
        sum13_1 += to[27];
    }
    to[0] = sum0_0;
    to[1] = sum0_1;
    to[2] = sum1_0;
    to[3] = sum1_1;
    to[4] = sum2_0;
    to[5] = sum2_1;
    to[6] = sum3_0;
    to[7] = sum3_1;
    to[8] = sum4_0;
    to[9] = sum4_1;
    to[10] = sum5_0;
    to[11] = sum5_1;
    to[12] = sum6_0;
    to[13] = sum6_1;
    to[14] = sum7_0;
    to[15] = sum7_1;
    to[16] = sum8_0;
    to[17] = sum8_1;
    to[18] = sum9_0;
    to[19] = sum9_1;
    to[20] = sum10_0;
    to[21] = sum10_1;
    to[22] = sum11_0;
    to[23] = sum11_1;
    to[24] = sum12_0;
    to[25] = sum12_1;
    to[26] = sum13_0;
    to[27] = sum13_1;
}
#elif defined(__GNUC__) && !defined(EINC_SCALAR) && defined(__AVX2__)
#define einsum_MR 6 /* rows of a register tile */
#define einsum_NR 16 /* columns of it */
#define einsum_KC 384 /* depth of a packed block, at most */
#define einsum_MC 252 /* rows of lhs packed at once */
#define einsum_MB 504 /* rows of out in a task, at most */
#define einsum_NB 1024 /* columns of out in a task, at most */

typedef float einsum_vector
    __attribute__((vector_size(32), may_alias));

/* sum[MR][NR] += lhs[depth][MR] * rhs[depth][NR], all packed */
static void
einsum_tile(int64_t depth, const float *lhs, const float *rhs,
    float *sum, int fresh)
{
    const einsum_vector zero = {0};
    einsum_vector sum0_0 = zero, sum0_1 = zero;
    einsum_vector sum1_0 = zero, sum1_1 = zero;
    einsum_vector sum2_0 = zero, sum2_1 = zero;
    einsum_vector sum3_0 = zero, sum3_1 = zero;
    einsum_vector sum4_0 = zero, sum4_1 = zero;
    einsum_vector sum5_0 = zero, sum5_1 = zero;
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t d = 0; d < depth; d++) {
        const einsum_vector b0 = *(const einsum_vector *)(rhs + 0);
        const einsum_vector b1 = *(const einsum_vector *)(rhs + 8);
        { const float x = lhs[0]; sum0_0 += x * b0; sum0_1 += x * b1; }
        { const float x = lhs[1]; sum1_0 += x * b0; sum1_1 += x * b1; }
        { const float x = lhs[2]; sum2_0 += x * b0; sum2_1 += x * b1; }
        { const float x = lhs[3]; sum3_0 += x * b0; sum3_1 += x * b1; }
        { const float x = lhs[4]; sum4_0 += x * b0; sum4_1 += x * b1; }
        { const float x = lhs[5]; sum5_0 += x * b0; sum5_1 += x * b1; }
        lhs += 6;
        rhs += 16;
    }
    einsum_vector *const to = (einsum_vector *)sum;
    if (!fresh) {
        sum0_0 += to[0];
        sum0_1 += to[1];
        sum1_0 += to[2];
        sum1_1 += to[3];
        sum2_0 += to[4];
        sum2_1 += to[5];
        sum3_0 += to[6];
        sum3_1 += to[7];
        sum4_0 += to[8];
        sum4_1 += to[9];
        sum5_0 += to[10];
        sum5_1 += to[11];
    }
    to[0] = sum0_0;
    to[1] = sum0_1;
    to[2] = sum1_0;
    to[3] = sum1_1;
    to[4] = sum2_0;
    to[5] = sum2_1;
    to[6] = sum3_0;
    to[7] = sum3_1;
    to[8] = sum4_0;
    to[9] = sum4_1;
    to[10] = sum5_0;
    to[11] = sum5_1;
}
#elif defined(__GNUC__) && !defined(EINC_SCALAR) && defined(__aarch64__)
#define einsum_MR 14 /* rows of a register tile */
#define einsum_NR 8 /* columns of it */
#define einsum_KC 384 /* depth of a packed block, at most */
#define einsum_MC 252 /* rows of lhs packed at once */
#define einsum_MB 504 /* rows of out in a task, at most */
#define einsum_NB 1024 /* columns of out in a task, at most */

typedef float einsum_vector
    __attribute__((vector_size(16), may_alias));

/* sum[MR][NR] += lhs[depth][MR] * rhs[depth][NR], all packed */
static void
einsum_tile(int64_t depth, const float *lhs, const float *rhs,
    float *sum, int fresh)
{
    const einsum_vector zero = {0};
    einsum_vector sum0_0 = zero, sum0_1 = zero;
    einsum_vector sum1_0 = zero, sum1_1 = zero;
    einsum_vector sum2_0 = zero, sum2_1 = zero;
    einsum_vector sum3_0 = zero, sum3_1 = zero;
    einsum_vector sum4_0 = zero, sum4_1 = zero;
    einsum_vector sum5_0 = zero, sum5_1 = zero;
    einsum_vector sum6_0 = zero, sum6_1 = zero;
    einsum_vector sum7_0 = zero, sum7_1 = zero;
    einsum_vector sum8_0 = zero, sum8_1 = zero;
    einsum_vector sum9_0 = zero, sum9_1 = zero;
    einsum_vector sum10_0 = zero, sum10_1 = zero;
    einsum_vector sum11_0 = zero, sum11_1 = zero;
    einsum_vector sum12_0 = zero, sum12_1 = zero;
    einsum_vector sum13_0 = zero, sum13_1 = zero;
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t d = 0; d < depth; d++) {
        const einsum_vector b0 = *(const einsum_vector *)(rhs + 0);
        const einsum_vector b1 = *(const einsum_vector *)(rhs + 4);
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
        rhs += 8;
    }
    einsum_vector *const to = (einsum_vector *)sum;
    if (!fresh) {
        sum0_0 += to[0];
        sum0_1 += to[1];
        sum1_0 += to[2];
        sum1_1 += to[3];
        sum2_0 += to[4];
        sum2_1 += to[5];
        sum3_0 += to[6];
        sum3_1 += to[7];
        sum4_0 += to[8];
        sum4_1 += to[9];
        sum5_0 += to[10];
        sum5_1 += to[11];
        sum6_0 += to[12];
        sum6_1 += to[13];
        sum7_0 += to[14];
        sum7_1 += to[15];
        sum8_0 += to[16];
        sum8_1 += to[17];
        sum9_0 += to[18];
        sum9_1 += to[19];
        sum10_0 += to[20];
        sum10_1 += to[21];
        sum11_0 += to[22];
        sum11_1 += to[23];
        sum12_0 += to[24];
        sum12_1 += to[25];
        sum13_0 += to[26];
        sum13_1 += to[27];
    }
    to[0] = sum0_0;
    to[1] = sum0_1;
    to[2] = sum1_0;
    to[3] = sum1_1;
    to[4] = sum2_0;
    to[5] = sum2_1;
    to[6] = sum3_0;
    to[7] = sum3_1;
    to[8] = sum4_0;
    to[9] = sum4_1;
    to[10] = sum5_0;
    to[11] = sum5_1;
    to[12] = sum6_0;
    to[13] = sum6_1;
    to[14] = sum7_0;
    to[15] = sum7_1;
    to[16] = sum8_0;
    to[17] = sum8_1;
    to[18] = sum9_0;
    to[19] = sum9_1;
    to[20] = sum10_0;
    to[21] = sum10_1;
    to[22] = sum11_0;
    to[23] = sum11_1;
    to[24] = sum12_0;
    to[25] = sum12_1;
    to[26] = sum13_0;
    to[27] = sum13_1;
}
#elif defined(__GNUC__) && !defined(EINC_SCALAR)
#define einsum_MR 6 /* rows of a register tile */
#define einsum_NR 8 /* columns of it */
#define einsum_KC 384 /* depth of a packed block, at most */
#define einsum_MC 252 /* rows of lhs packed at once */
#define einsum_MB 504 /* rows of out in a task, at most */
#define einsum_NB 1024 /* columns of out in a task, at most */

typedef float einsum_vector
    __attribute__((vector_size(16), may_alias));

/* sum[MR][NR] += lhs[depth][MR] * rhs[depth][NR], all packed */
static void
einsum_tile(int64_t depth, const float *lhs, const float *rhs,
    float *sum, int fresh)
{
    const einsum_vector zero = {0};
    einsum_vector sum0_0 = zero, sum0_1 = zero;
    einsum_vector sum1_0 = zero, sum1_1 = zero;
    einsum_vector sum2_0 = zero, sum2_1 = zero;
    einsum_vector sum3_0 = zero, sum3_1 = zero;
    einsum_vector sum4_0 = zero, sum4_1 = zero;
    einsum_vector sum5_0 = zero, sum5_1 = zero;
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t d = 0; d < depth; d++) {
        const einsum_vector b0 = *(const einsum_vector *)(rhs + 0);
        const einsum_vector b1 = *(const einsum_vector *)(rhs + 4);
        { const float x = lhs[0]; sum0_0 += x * b0; sum0_1 += x * b1; }
        { const float x = lhs[1]; sum1_0 += x * b0; sum1_1 += x * b1; }
        { const float x = lhs[2]; sum2_0 += x * b0; sum2_1 += x * b1; }
        { const float x = lhs[3]; sum3_0 += x * b0; sum3_1 += x * b1; }
        { const float x = lhs[4]; sum4_0 += x * b0; sum4_1 += x * b1; }
        { const float x = lhs[5]; sum5_0 += x * b0; sum5_1 += x * b1; }
        lhs += 6;
        rhs += 8;
    }
    einsum_vector *const to = (einsum_vector *)sum;
    if (!fresh) {
        sum0_0 += to[0];
        sum0_1 += to[1];
        sum1_0 += to[2];
        sum1_1 += to[3];
        sum2_0 += to[4];
        sum2_1 += to[5];
        sum3_0 += to[6];
        sum3_1 += to[7];
        sum4_0 += to[8];
        sum4_1 += to[9];
        sum5_0 += to[10];
        sum5_1 += to[11];
    }
    to[0] = sum0_0;
    to[1] = sum0_1;
    to[2] = sum1_0;
    to[3] = sum1_1;
    to[4] = sum2_0;
    to[5] = sum2_1;
    to[6] = sum3_0;
    to[7] = sum3_1;
    to[8] = sum4_0;
    to[9] = sum4_1;
    to[10] = sum5_0;
    to[11] = sum5_1;
}
#else
#define einsum_MR 4 /* rows of a register tile */
#define einsum_NR 4 /* columns of it */
#define einsum_KC 384 /* depth of a packed block, at most */
#define einsum_MC 256 /* rows of lhs packed at once */
#define einsum_MB 512 /* rows of out in a task, at most */
#define einsum_NB 1024 /* columns of out in a task, at most */

/* sum[MR][NR] += lhs[depth][MR] * rhs[depth][NR], all packed */
static void
einsum_tile(int64_t depth, const float *lhs, const float *rhs,
    float *sum, int fresh)
{
    float part[16] = {0};
    for (int64_t d = 0; d < depth; d++) {
        for (int r = 0; r < 4; r++)
            for (int c = 0; c < 4; c++) {
                part[4*r + c] += lhs[r] * rhs[c];
            }
        lhs += 4;
        rhs += 4;
    }
    for (int r = 0; r < 16; r++)
        sum[r] = fresh ? part[r] : sum[r] + part[r];
}
#endif

/* to[panel][depth][MR] = from[row + deep]; missing rows are 0 */
static void
einsum_pack_lhs_f32(const float *from, const int64_t *row,
    int64_t count, const int64_t *deep, int64_t depth, float *to)
{
    for (; count > 0; count -= einsum_MR, row += einsum_MR) {
        const int64_t live = count < einsum_MR ? count : einsum_MR;
        int runs = live == einsum_MR;
        for (int64_t r = 1; r < live; r++)
            runs &= row[r] - row[r - 1] == 1;
        if (runs) {
            for (int64_t d = 0; d < depth; d++) {
                const int64_t ahead = d + 8 < depth ? d + 8 : d;
                einsum_PREFETCH(from + row[0] + deep[ahead]);
                einsum_PREFETCH(from + row[einsum_MR - 1] + deep[ahead]);
                memcpy(to + einsum_MR*d, from + row[0] + deep[d],
                       einsum_MR * sizeof *to);
            }
            to += einsum_MR*depth;
            continue;
        }
        for (int64_t r = 0; r < live; r++) {
            const int64_t next = r + 1 < live ? row[r + 1] : row[r];
            for (int64_t d = 0; d < depth; d++) {
                einsum_PREFETCH(from + (next + deep[d]));
                to[einsum_MR*d + r] = from[row[r] + deep[d]];
            }
        }
        for (int64_t r = live; r < einsum_MR; r++)
            for (int64_t d = 0; d < depth; d++)
                to[einsum_MR*d + r] = 0;
        to += einsum_MR*depth;
    }
}

/* to[panel][depth][NR] = from[row + deep]; missing rows are 0 */
static void
einsum_pack_rhs_f32(const float *from, const int64_t *row,
    int64_t count, const int64_t *deep, int64_t depth, float *to)
{
    for (; count > 0; count -= einsum_NR, row += einsum_NR) {
        const int64_t live = count < einsum_NR ? count : einsum_NR;
        int runs = live == einsum_NR;
        for (int64_t r = 1; r < live; r++)
            runs &= row[r] - row[r - 1] == 1;
        if (runs) {
            for (int64_t d = 0; d < depth; d++) {
                const int64_t ahead = d + 8 < depth ? d + 8 : d;
                einsum_PREFETCH(from + row[0] + deep[ahead]);
                einsum_PREFETCH(from + row[einsum_NR - 1] + deep[ahead]);
                memcpy(to + einsum_NR*d, from + row[0] + deep[d],
                       einsum_NR * sizeof *to);
            }
            to += einsum_NR*depth;
            continue;
        }
        for (int64_t r = 0; r < live; r++) {
            const int64_t next = r + 1 < live ? row[r + 1] : row[r];
            for (int64_t d = 0; d < depth; d++) {
                einsum_PREFETCH(from + (next + deep[d]));
                to[einsum_NR*d + r] = from[row[r] + deep[d]];
            }
        }
        for (int64_t r = live; r < einsum_NR; r++)
            for (int64_t d = 0; d < depth; d++)
                to[einsum_NR*d + r] = 0;
        to += einsum_NR*depth;
    }
}

/* out[row + column] = the live part of a tile */
static void
einsum_step1_store(const struct einsum_args *args, const float *sum,
    float *out, const int64_t *row, int64_t rows,
    const int64_t *column, int64_t columns)
{
    (void)args;
    int runs = 1;
    for (int64_t c = 1; c < columns; c++)
        runs &= column[c] - column[c - 1] == 1;
    if (runs && columns == einsum_NR) {
        for (int64_t r = 0; r < rows; r++)
            memcpy(out + row[r] + column[0], sum + einsum_NR*r,
                   einsum_NR * sizeof *sum);
        return;
    }
    if (runs)
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < columns; c++) {
                const float value = sum[einsum_NR*r + c];
                out[row[r] + column[0] + c] = value;
            }
    else
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < columns; c++) {
                const float value = sum[einsum_NR*r + c];
                out[row[r] + column[c]] = value;
            }
}

static void
einsum_step1(const struct einsum_args *args, int64_t task_begin, int64_t task_end)
{
    const float *const lhs = (const float *)args->in[0];
    const float *const rhs = (const float *)args->in[1];
    float *const out = (float *)args->out;
    const int64_t all_rows = 64; /* M */
    const int64_t all_columns = 32; /* N */
    const int64_t all_depth = 128; /* K */
    const int64_t block_rows = args->n[0]; /* of a task */
    const int64_t block_columns = args->n[1];
    const int64_t row_blocks = (all_rows + block_rows - 1) / block_rows;
    const int64_t column_blocks =
        (all_columns + block_columns - 1) / block_columns;
    /* K blocks of equal size: no short last one */
    const int64_t deep_blocks = (all_depth + einsum_KC - 1) / einsum_KC;
    const int64_t block_depth =
        deep_blocks ? (all_depth + deep_blocks - 1) / deep_blocks : 1;
    float *const lhs_tiles = (float *)(void *)args->scratch;
    float *const rhs_panels = lhs_tiles + einsum_MC*einsum_KC;
    float *const sums = rhs_panels + einsum_NB*einsum_KC;
    int64_t *const lhs_row = (int64_t *)(void *)(sums + einsum_MB*einsum_NB);
    int64_t *const out_row = lhs_row + einsum_MB;
    int64_t *const rhs_column = out_row + einsum_MB;
    int64_t *const out_column = rhs_column + einsum_NB;
    int64_t *const lhs_deep = out_column + einsum_NB;
    int64_t *const rhs_deep = lhs_deep + einsum_KC;
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
            int64_t i = row0;
            for (int64_t at = 0; at < rows; at++) {
                lhs_row[at] = 128*i;
                out_row[at] = 32*i;
                ++i;
            }
        }
        {
            int64_t k = column0;
            for (int64_t at = 0; at < columns; at++) {
                rhs_column[at] = k;
                out_column[at] = k;
                ++k;
            }
        }
        int64_t deep0 = 0;
        do { /* K block; once, with depth 0, if K is empty */
            const int64_t depth = all_depth - deep0 < block_depth
                                      ? all_depth - deep0
                                      : block_depth;
            const int last = deep0 + depth >= all_depth;
            {
                int64_t j = deep0;
                for (int64_t at = 0; at < depth; at++) {
                    lhs_deep[at] = j;
                    rhs_deep[at] = 32*j;
                    ++j;
                }
            }
            einsum_pack_rhs_f32(rhs_batch, rhs_column, columns,
                rhs_deep, depth, rhs_panels);
            for (int64_t m0 = 0; m0 < rows; m0 += einsum_MC) {
                const int64_t m1 = rows - m0 < einsum_MC ? rows : m0 + einsum_MC;
                einsum_pack_lhs_f32(lhs_batch, lhs_row + m0, m1 - m0,
                    lhs_deep, depth, lhs_tiles);
                for (int64_t n0 = 0; n0 < columns; n0 += einsum_NR) {
                    const float *const panel = rhs_panels + n0*depth;
                    for (int64_t r0 = m0; r0 < m1; r0 += einsum_MR) {
                        /* one K block: the tile's sums need no place of their own */
                        float *const sum =
                            deep_blocks < 2 ? sums : sums + (n0*einsum_MB + r0*einsum_NR);
                        einsum_tile(depth, lhs_tiles + (r0 - m0)*depth, panel, sum, deep0 == 0);
                        if (last)
                            einsum_step1_store(args, sum, out_batch, out_row + r0,
                                m1 - r0 < einsum_MR ? m1 - r0 : einsum_MR, out_column + n0,
                                columns - n0 < einsum_NR ? columns - n0 : einsum_NR);
                    }
                }
            }
            deep0 += depth;
        } while (deep0 < all_depth);
    }
}

/* Size of equal blocks of n: at most `most`, a multiple of `unit`, one for
 * each thread if there are several. */
static int64_t
einsum_block(int64_t n, int64_t most, int64_t unit)
{
    int64_t count = (n + most - 1)/most;
    if (count < einsum_THREADS)
        count = einsum_THREADS;
    const int64_t size = (n + count - 1)/count;
    return size > 0 ? (size + unit - 1)/unit*unit : unit;
}

/* Tasks write apart, so any split gives the same bits. */
static void
einsum_run(void (*kernel)(const struct einsum_args *, int64_t, int64_t),
    const struct einsum_args *args, int64_t tasks)
{
#if defined(_OPENMP)
#pragma omp parallel for schedule(static, 1)
#endif
    for (int64_t part = 0; part < einsum_THREADS; part++) {
        struct einsum_args own = *args;
        own.scratch += part*4094208;
        kernel(&own, tasks*part/einsum_THREADS,
            tasks*(part + 1)/einsum_THREADS);
    }
}

int64_t
einsum_workspace(void)
{
    return 0
        + einsum_THREADS*(int64_t)4094208 + 64; /* to align it */
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
    char *const scratch = base + 0;
    {
        const void *const in[] = {in0, in1};
        const int64_t n[] = {
            einsum_block(64, einsum_MB, einsum_MR),
            einsum_block(32, einsum_NB, einsum_NR)};
        const struct einsum_args args = {out, in, n, 0, 0, 0, scratch};
        const int64_t tasks = 1*((64 + n[0] - 1)/n[0])
            *((32 + n[1] - 1)/n[1]);
        einsum_run(einsum_step1, &args, tasks);
    }
    free(own);
    return 0;
}

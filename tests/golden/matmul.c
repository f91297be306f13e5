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

#ifndef einsum_THREADS
#if defined(_OPENMP)
#define einsum_THREADS 8 /* parts that OpenMP may run at once */
#else
#define einsum_THREADS 1
#endif
#endif

#define einsum_SCRATCH 4094208 /* bytes for a thread */

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

#define einsum_avx512_PREFETCH(p) __builtin_prefetch(p)
#define einsum_avx512_MR 14 /* rows of a register tile */
#define einsum_avx512_NR 32 /* columns of it */
#define einsum_avx512_KC 384 /* depth of a packed block, at most */
#define einsum_avx512_MC 252 /* rows of lhs packed at once */
#define einsum_avx512_MB 504 /* rows of out in a task, at most */
#define einsum_avx512_NB 1024 /* columns of out in a task, at most */

typedef float einsum_avx512_vector
    __attribute__((vector_size(64), may_alias));

/* sum[MR][NR] += lhs[depth][MR] * rhs[depth][NR], all packed */
static void
einsum_avx512_tile(int64_t depth, const float *lhs, const float *rhs,
    float *sum, int fresh)
{
    const einsum_avx512_vector zero = {0};
    einsum_avx512_vector sum0_0 = zero, sum0_1 = zero;
    einsum_avx512_vector sum1_0 = zero, sum1_1 = zero;
    einsum_avx512_vector sum2_0 = zero, sum2_1 = zero;
    einsum_avx512_vector sum3_0 = zero, sum3_1 = zero;
    einsum_avx512_vector sum4_0 = zero, sum4_1 = zero;
    einsum_avx512_vector sum5_0 = zero, sum5_1 = zero;
    einsum_avx512_vector sum6_0 = zero, sum6_1 = zero;
    einsum_avx512_vector sum7_0 = zero, sum7_1 = zero;
    einsum_avx512_vector sum8_0 = zero, sum8_1 = zero;
    einsum_avx512_vector sum9_0 = zero, sum9_1 = zero;
    einsum_avx512_vector sum10_0 = zero, sum10_1 = zero;
    einsum_avx512_vector sum11_0 = zero, sum11_1 = zero;
    einsum_avx512_vector sum12_0 = zero, sum12_1 = zero;
    einsum_avx512_vector sum13_0 = zero, sum13_1 = zero;
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t d = 0; d < depth; d++) {
        const einsum_avx512_vector b0 = *(const einsum_avx512_vector *)(rhs + 0);
        const einsum_avx512_vector b1 = *(const einsum_avx512_vector *)(rhs + 16);
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
    einsum_avx512_vector *const to = (einsum_avx512_vector *)sum;
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

/* to[panel][depth][MR] = from[row + deep]; missing rows are 0 */
static void
einsum_avx512_pack_lhs_f32(const float *from, const int64_t *row,
    int64_t count, const int64_t *deep, int64_t depth, float *to)
{
    for (; count > 0; count -= einsum_avx512_MR, row += einsum_avx512_MR) {
        const int64_t live = count < einsum_avx512_MR ? count : einsum_avx512_MR;
        int runs = live == einsum_avx512_MR;
        for (int64_t r = 1; r < live; r++)
            runs &= row[r] - row[r - 1] == 1;
        if (runs) {
            for (int64_t d = 0; d < depth; d++) {
                const int64_t ahead = d + 8 < depth ? d + 8 : d;
                einsum_avx512_PREFETCH(from + row[0] + deep[ahead]);
                einsum_avx512_PREFETCH(from + row[einsum_avx512_MR - 1] + deep[ahead]);
                memcpy(to + einsum_avx512_MR*d, from + row[0] + deep[d],
                       einsum_avx512_MR * sizeof *to);
            }
            to += einsum_avx512_MR*depth;
            continue;
        }
        for (int64_t r = 0; r < live; r++) {
            const int64_t next = r + 1 < live ? row[r + 1] : row[r];
            for (int64_t d = 0; d < depth; d++) {
                einsum_avx512_PREFETCH(from + (next + deep[d]));
                to[einsum_avx512_MR*d + r] = from[row[r] + deep[d]];
            }
        }
        for (int64_t r = live; r < einsum_avx512_MR; r++)
            for (int64_t d = 0; d < depth; d++)
                to[einsum_avx512_MR*d + r] = 0;
        to += einsum_avx512_MR*depth;
    }
}

/* to[panel][depth][NR] = from[row + deep]; missing rows are 0 */
static void
einsum_avx512_pack_rhs_f32(const float *from, const int64_t *row,
    int64_t count, const int64_t *deep, int64_t depth, float *to)
{
    for (; count > 0; count -= einsum_avx512_NR, row += einsum_avx512_NR) {
        const int64_t live = count < einsum_avx512_NR ? count : einsum_avx512_NR;
        int runs = live == einsum_avx512_NR;
        for (int64_t r = 1; r < live; r++)
            runs &= row[r] - row[r - 1] == 1;
        if (runs) {
            for (int64_t d = 0; d < depth; d++) {
                const int64_t ahead = d + 8 < depth ? d + 8 : d;
                einsum_avx512_PREFETCH(from + row[0] + deep[ahead]);
                einsum_avx512_PREFETCH(from + row[einsum_avx512_NR - 1] + deep[ahead]);
                memcpy(to + einsum_avx512_NR*d, from + row[0] + deep[d],
                       einsum_avx512_NR * sizeof *to);
            }
            to += einsum_avx512_NR*depth;
            continue;
        }
        for (int64_t r = 0; r < live; r++) {
            const int64_t next = r + 1 < live ? row[r + 1] : row[r];
            for (int64_t d = 0; d < depth; d++) {
                einsum_avx512_PREFETCH(from + (next + deep[d]));
                to[einsum_avx512_NR*d + r] = from[row[r] + deep[d]];
            }
        }
        for (int64_t r = live; r < einsum_avx512_NR; r++)
            for (int64_t d = 0; d < depth; d++)
                to[einsum_avx512_NR*d + r] = 0;
        to += einsum_avx512_NR*depth;
    }
}

/* out[row + column] = the live part of a tile */
static void
einsum_avx512_step1_store(const struct einsum_args *args, const float *sum,
    float *out, const int64_t *row, int64_t rows,
    const int64_t *column, int64_t columns)
{
    (void)args;
    int runs = 1;
    for (int64_t c = 1; c < columns; c++)
        runs &= column[c] - column[c - 1] == 1;
    if (runs && columns == einsum_avx512_NR) {
        for (int64_t r = 0; r < rows; r++)
            memcpy(out + row[r] + column[0], sum + einsum_avx512_NR*r,
                   einsum_avx512_NR * sizeof *sum);
        return;
    }
    if (runs)
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < columns; c++) {
                const float value = sum[einsum_avx512_NR*r + c];
                out[row[r] + column[0] + c] = value;
            }
    else
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < columns; c++) {
                const float value = sum[einsum_avx512_NR*r + c];
                out[row[r] + column[c]] = value;
            }
}

static void
einsum_avx512_step1(const struct einsum_args *args, int64_t task_begin, int64_t task_end)
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
    const int64_t deep_blocks = (all_depth + einsum_avx512_KC - 1) / einsum_avx512_KC;
    const int64_t block_depth =
        deep_blocks ? (all_depth + deep_blocks - 1) / deep_blocks : 1;
    float *const lhs_tiles = (float *)(void *)args->scratch;
    float *const rhs_panels = lhs_tiles + einsum_avx512_MC*einsum_avx512_KC;
    float *const sums = rhs_panels + einsum_avx512_NB*einsum_avx512_KC;
    int64_t *const lhs_row = (int64_t *)(void *)(sums + einsum_avx512_MB*einsum_avx512_NB);
    int64_t *const out_row = lhs_row + einsum_avx512_MB;
    int64_t *const rhs_column = out_row + einsum_avx512_MB;
    int64_t *const out_column = rhs_column + einsum_avx512_NB;
    int64_t *const lhs_deep = out_column + einsum_avx512_NB;
    int64_t *const rhs_deep = lhs_deep + einsum_avx512_KC;
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
            einsum_avx512_pack_rhs_f32(rhs_batch, rhs_column, columns,
                rhs_deep, depth, rhs_panels);
            for (int64_t m0 = 0; m0 < rows; m0 += einsum_avx512_MC) {
                const int64_t m1 = rows - m0 < einsum_avx512_MC ? rows : m0 + einsum_avx512_MC;
                einsum_avx512_pack_lhs_f32(lhs_batch, lhs_row + m0, m1 - m0,
                    lhs_deep, depth, lhs_tiles);
                for (int64_t n0 = 0; n0 < columns; n0 += einsum_avx512_NR) {
                    const float *const panel = rhs_panels + n0*depth;
                    for (int64_t r0 = m0; r0 < m1; r0 += einsum_avx512_MR) {
                        /* one K block: the tile's sums need no place of their own */
                        float *const sum =
                            deep_blocks < 2 ? sums : sums + (n0*einsum_avx512_MB + r0*einsum_avx512_NR);
                        einsum_avx512_tile(depth, lhs_tiles + (r0 - m0)*depth, panel, sum, deep0 == 0);
                        if (last)
                            einsum_avx512_step1_store(args, sum, out_batch, out_row + r0,
                                m1 - r0 < einsum_avx512_MR ? m1 - r0 : einsum_avx512_MR, out_column + n0,
                                columns - n0 < einsum_avx512_NR ? columns - n0 : einsum_avx512_NR);
                    }
                }
            }
            deep0 += depth;
        } while (deep0 < all_depth);
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

#define einsum_avx2_PREFETCH(p) __builtin_prefetch(p)
#define einsum_avx2_MR 6 /* rows of a register tile */
#define einsum_avx2_NR 16 /* columns of it */
#define einsum_avx2_KC 384 /* depth of a packed block, at most */
#define einsum_avx2_MC 252 /* rows of lhs packed at once */
#define einsum_avx2_MB 504 /* rows of out in a task, at most */
#define einsum_avx2_NB 1024 /* columns of out in a task, at most */

typedef float einsum_avx2_vector
    __attribute__((vector_size(32), may_alias));

/* sum[MR][NR] += lhs[depth][MR] * rhs[depth][NR], all packed */
static void
einsum_avx2_tile(int64_t depth, const float *lhs, const float *rhs,
    float *sum, int fresh)
{
    const einsum_avx2_vector zero = {0};
    einsum_avx2_vector sum0_0 = zero, sum0_1 = zero;
    einsum_avx2_vector sum1_0 = zero, sum1_1 = zero;
    einsum_avx2_vector sum2_0 = zero, sum2_1 = zero;
    einsum_avx2_vector sum3_0 = zero, sum3_1 = zero;
    einsum_avx2_vector sum4_0 = zero, sum4_1 = zero;
    einsum_avx2_vector sum5_0 = zero, sum5_1 = zero;
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t d = 0; d < depth; d++) {
        const einsum_avx2_vector b0 = *(const einsum_avx2_vector *)(rhs + 0);
        const einsum_avx2_vector b1 = *(const einsum_avx2_vector *)(rhs + 8);
        { const float x = lhs[0]; sum0_0 += x * b0; sum0_1 += x * b1; }
        { const float x = lhs[1]; sum1_0 += x * b0; sum1_1 += x * b1; }
        { const float x = lhs[2]; sum2_0 += x * b0; sum2_1 += x * b1; }
        { const float x = lhs[3]; sum3_0 += x * b0; sum3_1 += x * b1; }
        { const float x = lhs[4]; sum4_0 += x * b0; sum4_1 += x * b1; }
        { const float x = lhs[5]; sum5_0 += x * b0; sum5_1 += x * b1; }
        lhs += 6;
        rhs += 16;
    }
    einsum_avx2_vector *const to = (einsum_avx2_vector *)sum;
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

/* to[panel][depth][MR] = from[row + deep]; missing rows are 0 */
static void
einsum_avx2_pack_lhs_f32(const float *from, const int64_t *row,
    int64_t count, const int64_t *deep, int64_t depth, float *to)
{
    for (; count > 0; count -= einsum_avx2_MR, row += einsum_avx2_MR) {
        const int64_t live = count < einsum_avx2_MR ? count : einsum_avx2_MR;
        int runs = live == einsum_avx2_MR;
        for (int64_t r = 1; r < live; r++)
            runs &= row[r] - row[r - 1] == 1;
        if (runs) {
            for (int64_t d = 0; d < depth; d++) {
                const int64_t ahead = d + 8 < depth ? d + 8 : d;
                einsum_avx2_PREFETCH(from + row[0] + deep[ahead]);
                einsum_avx2_PREFETCH(from + row[einsum_avx2_MR - 1] + deep[ahead]);
                memcpy(to + einsum_avx2_MR*d, from + row[0] + deep[d],
                       einsum_avx2_MR * sizeof *to);
            }
            to += einsum_avx2_MR*depth;
            continue;
        }
        for (int64_t r = 0; r < live; r++) {
            const int64_t next = r + 1 < live ? row[r + 1] : row[r];
            for (int64_t d = 0; d < depth; d++) {
                einsum_avx2_PREFETCH(from + (next + deep[d]));
                to[einsum_avx2_MR*d + r] = from[row[r] + deep[d]];
            }
        }
        for (int64_t r = live; r < einsum_avx2_MR; r++)
            for (int64_t d = 0; d < depth; d++)
                to[einsum_avx2_MR*d + r] = 0;
        to += einsum_avx2_MR*depth;
    }
}

/* to[panel][depth][NR] = from[row + deep]; missing rows are 0 */
static void
einsum_avx2_pack_rhs_f32(const float *from, const int64_t *row,
    int64_t count, const int64_t *deep, int64_t depth, float *to)
{
    for (; count > 0; count -= einsum_avx2_NR, row += einsum_avx2_NR) {
        const int64_t live = count < einsum_avx2_NR ? count : einsum_avx2_NR;
        int runs = live == einsum_avx2_NR;
        for (int64_t r = 1; r < live; r++)
            runs &= row[r] - row[r - 1] == 1;
        if (runs) {
            for (int64_t d = 0; d < depth; d++) {
                const int64_t ahead = d + 8 < depth ? d + 8 : d;
                einsum_avx2_PREFETCH(from + row[0] + deep[ahead]);
                einsum_avx2_PREFETCH(from + row[einsum_avx2_NR - 1] + deep[ahead]);
                memcpy(to + einsum_avx2_NR*d, from + row[0] + deep[d],
                       einsum_avx2_NR * sizeof *to);
            }
            to += einsum_avx2_NR*depth;
            continue;
        }
        for (int64_t r = 0; r < live; r++) {
            const int64_t next = r + 1 < live ? row[r + 1] : row[r];
            for (int64_t d = 0; d < depth; d++) {
                einsum_avx2_PREFETCH(from + (next + deep[d]));
                to[einsum_avx2_NR*d + r] = from[row[r] + deep[d]];
            }
        }
        for (int64_t r = live; r < einsum_avx2_NR; r++)
            for (int64_t d = 0; d < depth; d++)
                to[einsum_avx2_NR*d + r] = 0;
        to += einsum_avx2_NR*depth;
    }
}

/* out[row + column] = the live part of a tile */
static void
einsum_avx2_step1_store(const struct einsum_args *args, const float *sum,
    float *out, const int64_t *row, int64_t rows,
    const int64_t *column, int64_t columns)
{
    (void)args;
    int runs = 1;
    for (int64_t c = 1; c < columns; c++)
        runs &= column[c] - column[c - 1] == 1;
    if (runs && columns == einsum_avx2_NR) {
        for (int64_t r = 0; r < rows; r++)
            memcpy(out + row[r] + column[0], sum + einsum_avx2_NR*r,
                   einsum_avx2_NR * sizeof *sum);
        return;
    }
    if (runs)
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < columns; c++) {
                const float value = sum[einsum_avx2_NR*r + c];
                out[row[r] + column[0] + c] = value;
            }
    else
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < columns; c++) {
                const float value = sum[einsum_avx2_NR*r + c];
                out[row[r] + column[c]] = value;
            }
}

static void
einsum_avx2_step1(const struct einsum_args *args, int64_t task_begin, int64_t task_end)
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
    const int64_t deep_blocks = (all_depth + einsum_avx2_KC - 1) / einsum_avx2_KC;
    const int64_t block_depth =
        deep_blocks ? (all_depth + deep_blocks - 1) / deep_blocks : 1;
    float *const lhs_tiles = (float *)(void *)args->scratch;
    float *const rhs_panels = lhs_tiles + einsum_avx2_MC*einsum_avx2_KC;
    float *const sums = rhs_panels + einsum_avx2_NB*einsum_avx2_KC;
    int64_t *const lhs_row = (int64_t *)(void *)(sums + einsum_avx2_MB*einsum_avx2_NB);
    int64_t *const out_row = lhs_row + einsum_avx2_MB;
    int64_t *const rhs_column = out_row + einsum_avx2_MB;
    int64_t *const out_column = rhs_column + einsum_avx2_NB;
    int64_t *const lhs_deep = out_column + einsum_avx2_NB;
    int64_t *const rhs_deep = lhs_deep + einsum_avx2_KC;
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
            einsum_avx2_pack_rhs_f32(rhs_batch, rhs_column, columns,
                rhs_deep, depth, rhs_panels);
            for (int64_t m0 = 0; m0 < rows; m0 += einsum_avx2_MC) {
                const int64_t m1 = rows - m0 < einsum_avx2_MC ? rows : m0 + einsum_avx2_MC;
                einsum_avx2_pack_lhs_f32(lhs_batch, lhs_row + m0, m1 - m0,
                    lhs_deep, depth, lhs_tiles);
                for (int64_t n0 = 0; n0 < columns; n0 += einsum_avx2_NR) {
                    const float *const panel = rhs_panels + n0*depth;
                    for (int64_t r0 = m0; r0 < m1; r0 += einsum_avx2_MR) {
                        /* one K block: the tile's sums need no place of their own */
                        float *const sum =
                            deep_blocks < 2 ? sums : sums + (n0*einsum_avx2_MB + r0*einsum_avx2_NR);
                        einsum_avx2_tile(depth, lhs_tiles + (r0 - m0)*depth, panel, sum, deep0 == 0);
                        if (last)
                            einsum_avx2_step1_store(args, sum, out_batch, out_row + r0,
                                m1 - r0 < einsum_avx2_MR ? m1 - r0 : einsum_avx2_MR, out_column + n0,
                                columns - n0 < einsum_avx2_NR ? columns - n0 : einsum_avx2_NR);
                    }
                }
            }
            deep0 += depth;
        } while (deep0 < all_depth);
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
#define einsum_base_MR 14 /* rows of a register tile */
#define einsum_base_NR 8 /* columns of it */
#define einsum_base_KC 384 /* depth of a packed block, at most */
#define einsum_base_MC 252 /* rows of lhs packed at once */
#define einsum_base_MB 504 /* rows of out in a task, at most */
#define einsum_base_NB 1024 /* columns of out in a task, at most */

typedef float einsum_base_vector
    __attribute__((vector_size(16), may_alias));

/* sum[MR][NR] += lhs[depth][MR] * rhs[depth][NR], all packed */
static void
einsum_base_tile(int64_t depth, const float *lhs, const float *rhs,
    float *sum, int fresh)
{
    const einsum_base_vector zero = {0};
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
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t d = 0; d < depth; d++) {
        const einsum_base_vector b0 = *(const einsum_base_vector *)(rhs + 0);
        const einsum_base_vector b1 = *(const einsum_base_vector *)(rhs + 4);
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
    einsum_base_vector *const to = (einsum_base_vector *)sum;
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
#elif defined(einsum_VECTORS)
#define einsum_base_PREFETCH(p) __builtin_prefetch(p)
#define einsum_base_MR 6 /* rows of a register tile */
#define einsum_base_NR 8 /* columns of it */
#define einsum_base_KC 384 /* depth of a packed block, at most */
#define einsum_base_MC 252 /* rows of lhs packed at once */
#define einsum_base_MB 504 /* rows of out in a task, at most */
#define einsum_base_NB 1024 /* columns of out in a task, at most */

typedef float einsum_base_vector
    __attribute__((vector_size(16), may_alias));

/* sum[MR][NR] += lhs[depth][MR] * rhs[depth][NR], all packed */
static void
einsum_base_tile(int64_t depth, const float *lhs, const float *rhs,
    float *sum, int fresh)
{
    const einsum_base_vector zero = {0};
    einsum_base_vector sum0_0 = zero, sum0_1 = zero;
    einsum_base_vector sum1_0 = zero, sum1_1 = zero;
    einsum_base_vector sum2_0 = zero, sum2_1 = zero;
    einsum_base_vector sum3_0 = zero, sum3_1 = zero;
    einsum_base_vector sum4_0 = zero, sum4_1 = zero;
    einsum_base_vector sum5_0 = zero, sum5_1 = zero;
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
    for (int64_t d = 0; d < depth; d++) {
        const einsum_base_vector b0 = *(const einsum_base_vector *)(rhs + 0);
        const einsum_base_vector b1 = *(const einsum_base_vector *)(rhs + 4);
        { const float x = lhs[0]; sum0_0 += x * b0; sum0_1 += x * b1; }
        { const float x = lhs[1]; sum1_0 += x * b0; sum1_1 += x * b1; }
        { const float x = lhs[2]; sum2_0 += x * b0; sum2_1 += x * b1; }
        { const float x = lhs[3]; sum3_0 += x * b0; sum3_1 += x * b1; }
        { const float x = lhs[4]; sum4_0 += x * b0; sum4_1 += x * b1; }
        { const float x = lhs[5]; sum5_0 += x * b0; sum5_1 += x * b1; }
        lhs += 6;
        rhs += 8;
    }
    einsum_base_vector *const to = (einsum_base_vector *)sum;
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
#define einsum_base_PREFETCH(p) (void)(p)
#define einsum_base_MR 4 /* rows of a register tile */
#define einsum_base_NR 4 /* columns of it */
#define einsum_base_KC 384 /* depth of a packed block, at most */
#define einsum_base_MC 256 /* rows of lhs packed at once */
#define einsum_base_MB 512 /* rows of out in a task, at most */
#define einsum_base_NB 1024 /* columns of out in a task, at most */

/* sum[MR][NR] += lhs[depth][MR] * rhs[depth][NR], all packed */
static void
einsum_base_tile(int64_t depth, const float *lhs, const float *rhs,
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
einsum_base_pack_lhs_f32(const float *from, const int64_t *row,
    int64_t count, const int64_t *deep, int64_t depth, float *to)
{
    for (; count > 0; count -= einsum_base_MR, row += einsum_base_MR) {
        const int64_t live = count < einsum_base_MR ? count : einsum_base_MR;
        int runs = live == einsum_base_MR;
        for (int64_t r = 1; r < live; r++)
            runs &= row[r] - row[r - 1] == 1;
        if (runs) {
            for (int64_t d = 0; d < depth; d++) {
                const int64_t ahead = d + 8 < depth ? d + 8 : d;
                einsum_base_PREFETCH(from + row[0] + deep[ahead]);
                einsum_base_PREFETCH(from + row[einsum_base_MR - 1] + deep[ahead]);
                memcpy(to + einsum_base_MR*d, from + row[0] + deep[d],
                       einsum_base_MR * sizeof *to);
            }
            to += einsum_base_MR*depth;
            continue;
        }
        for (int64_t r = 0; r < live; r++) {
            const int64_t next = r + 1 < live ? row[r + 1] : row[r];
            for (int64_t d = 0; d < depth; d++) {
                einsum_base_PREFETCH(from + (next + deep[d]));
                to[einsum_base_MR*d + r] = from[row[r] + deep[d]];
            }
        }
        for (int64_t r = live; r < einsum_base_MR; r++)
            for (int64_t d = 0; d < depth; d++)
                to[einsum_base_MR*d + r] = 0;
        to += einsum_base_MR*depth;
    }
}

/* to[panel][depth][NR] = from[row + deep]; missing rows are 0 */
static void
einsum_base_pack_rhs_f32(const float *from, const int64_t *row,
    int64_t count, const int64_t *deep, int64_t depth, float *to)
{
    for (; count > 0; count -= einsum_base_NR, row += einsum_base_NR) {
        const int64_t live = count < einsum_base_NR ? count : einsum_base_NR;
        int runs = live == einsum_base_NR;
        for (int64_t r = 1; r < live; r++)
            runs &= row[r] - row[r - 1] == 1;
        if (runs) {
            for (int64_t d = 0; d < depth; d++) {
                const int64_t ahead = d + 8 < depth ? d + 8 : d;
                einsum_base_PREFETCH(from + row[0] + deep[ahead]);
                einsum_base_PREFETCH(from + row[einsum_base_NR - 1] + deep[ahead]);
                memcpy(to + einsum_base_NR*d, from + row[0] + deep[d],
                       einsum_base_NR * sizeof *to);
            }
            to += einsum_base_NR*depth;
            continue;
        }
        for (int64_t r = 0; r < live; r++) {
            const int64_t next = r + 1 < live ? row[r + 1] : row[r];
            for (int64_t d = 0; d < depth; d++) {
                einsum_base_PREFETCH(from + (next + deep[d]));
                to[einsum_base_NR*d + r] = from[row[r] + deep[d]];
            }
        }
        for (int64_t r = live; r < einsum_base_NR; r++)
            for (int64_t d = 0; d < depth; d++)
                to[einsum_base_NR*d + r] = 0;
        to += einsum_base_NR*depth;
    }
}

/* out[row + column] = the live part of a tile */
static void
einsum_base_step1_store(const struct einsum_args *args, const float *sum,
    float *out, const int64_t *row, int64_t rows,
    const int64_t *column, int64_t columns)
{
    (void)args;
    int runs = 1;
    for (int64_t c = 1; c < columns; c++)
        runs &= column[c] - column[c - 1] == 1;
    if (runs && columns == einsum_base_NR) {
        for (int64_t r = 0; r < rows; r++)
            memcpy(out + row[r] + column[0], sum + einsum_base_NR*r,
                   einsum_base_NR * sizeof *sum);
        return;
    }
    if (runs)
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < columns; c++) {
                const float value = sum[einsum_base_NR*r + c];
                out[row[r] + column[0] + c] = value;
            }
    else
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < columns; c++) {
                const float value = sum[einsum_base_NR*r + c];
                out[row[r] + column[c]] = value;
            }
}

static void
einsum_base_step1(const struct einsum_args *args, int64_t task_begin, int64_t task_end)
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
    const int64_t deep_blocks = (all_depth + einsum_base_KC - 1) / einsum_base_KC;
    const int64_t block_depth =
        deep_blocks ? (all_depth + deep_blocks - 1) / deep_blocks : 1;
    float *const lhs_tiles = (float *)(void *)args->scratch;
    float *const rhs_panels = lhs_tiles + einsum_base_MC*einsum_base_KC;
    float *const sums = rhs_panels + einsum_base_NB*einsum_base_KC;
    int64_t *const lhs_row = (int64_t *)(void *)(sums + einsum_base_MB*einsum_base_NB);
    int64_t *const out_row = lhs_row + einsum_base_MB;
    int64_t *const rhs_column = out_row + einsum_base_MB;
    int64_t *const out_column = rhs_column + einsum_base_NB;
    int64_t *const lhs_deep = out_column + einsum_base_NB;
    int64_t *const rhs_deep = lhs_deep + einsum_base_KC;
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
            einsum_base_pack_rhs_f32(rhs_batch, rhs_column, columns,
                rhs_deep, depth, rhs_panels);
            for (int64_t m0 = 0; m0 < rows; m0 += einsum_base_MC) {
                const int64_t m1 = rows - m0 < einsum_base_MC ? rows : m0 + einsum_base_MC;
                einsum_base_pack_lhs_f32(lhs_batch, lhs_row + m0, m1 - m0,
                    lhs_deep, depth, lhs_tiles);
                for (int64_t n0 = 0; n0 < columns; n0 += einsum_base_NR) {
                    const float *const panel = rhs_panels + n0*depth;
                    for (int64_t r0 = m0; r0 < m1; r0 += einsum_base_MR) {
                        /* one K block: the tile's sums need no place of their own */
                        float *const sum =
                            deep_blocks < 2 ? sums : sums + (n0*einsum_base_MB + r0*einsum_base_NR);
                        einsum_base_tile(depth, lhs_tiles + (r0 - m0)*depth, panel, sum, deep0 == 0);
                        if (last)
                            einsum_base_step1_store(args, sum, out_batch, out_row + r0,
                                m1 - r0 < einsum_base_MR ? m1 - r0 : einsum_base_MR, out_column + n0,
                                columns - n0 < einsum_base_NR ? columns - n0 : einsum_base_NR);
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
        own.scratch += part*einsum_SCRATCH;
        kernel(&own, tasks*part/einsum_THREADS,
            tasks*(part + 1)/einsum_THREADS);
    }
}

#if defined(einsum_SETS)
static void
einsum_avx512(float *out, const float *in0, const float *in1, char *base)
{
    char *const scratch = base + 0;
    {
        const void *const in[] = {in0, in1};
        const int64_t n[] = {
            einsum_block(64, einsum_avx512_MB, einsum_avx512_MR),
            einsum_block(32, einsum_avx512_NB, einsum_avx512_NR)};
        const struct einsum_args args = {out, in, n, 0, 0, 0, scratch};
        const int64_t tasks = 1*((64 + n[0] - 1)/n[0])
            *((32 + n[1] - 1)/n[1]);
        einsum_run(einsum_avx512_step1, &args, tasks);
    }
}

static void
einsum_avx2(float *out, const float *in0, const float *in1, char *base)
{
    char *const scratch = base + 0;
    {
        const void *const in[] = {in0, in1};
        const int64_t n[] = {
            einsum_block(64, einsum_avx2_MB, einsum_avx2_MR),
            einsum_block(32, einsum_avx2_NB, einsum_avx2_NR)};
        const struct einsum_args args = {out, in, n, 0, 0, 0, scratch};
        const int64_t tasks = 1*((64 + n[0] - 1)/n[0])
            *((32 + n[1] - 1)/n[1]);
        einsum_run(einsum_avx2_step1, &args, tasks);
    }
}

#endif
static void
einsum_base(float *out, const float *in0, const float *in1, char *base)
{
    char *const scratch = base + 0;
    {
        const void *const in[] = {in0, in1};
        const int64_t n[] = {
            einsum_block(64, einsum_base_MB, einsum_base_MR),
            einsum_block(32, einsum_base_NB, einsum_base_NR)};
        const struct einsum_args args = {out, in, n, 0, 0, 0, scratch};
        const int64_t tasks = 1*((64 + n[0] - 1)/n[0])
            *((32 + n[1] - 1)/n[1]);
        einsum_run(einsum_base_step1, &args, tasks);
    }
}

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

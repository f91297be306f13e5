/* made by einc 0.1.0; change the expression, not this file
 * expression  ij,jk,kl->il  f32, dense row-major
 * sizes       i=argument j=argument k=argument l=argument
 * step 1      reduce t1[i,k] = in0[i,j] * in1[j,k]
 *              free{i,k}  sum{j}
 * step 2      reduce out[i,l] = in2[k,l] * t1[i,k]
 *              free{i,l}  sum{k}
 * sets        each call runs the best of avx512, avx2 and sse2 that the machine
 *              has, or a lesser one that EINC_ISA names in the environment when
 *              einsum() is first called; elsewhere NEON or plain C
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* out(n_i,n_l) = ij,jk,kl->il of in0(n_i,n_j), in1(n_j,n_k), in2(n_k,n_l).
 * `out` may not overlap an input. `work` has einsum_workspace() bytes,
 * or is NULL: then memory is allocated for the call. Returns 0, or -1 if there
 * was none; then `out` is as before. */
int
einsum(float *out, const float *in0, const float *in1,
    const float *in2,
    int64_t n_i, int64_t n_l, int64_t n_j, int64_t n_k, void *work);

int64_t
einsum_workspace(int64_t n_i, int64_t n_l, int64_t n_j, int64_t n_k);

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

einsum_INLINE void
einsum_step1(float *out, const float *in0, const float *in1, int64_t n_i,
    int64_t n_k, int64_t n_j, int64_t in0_i, int64_t in1_j, int64_t out_i,
    int64_t begin, int64_t end)
{
    for (int64_t block = begin; block < end; block++) { /* lanes of k */
        const int64_t first = 4096*block;
        const int64_t count = n_k - first < 4096 ? n_k - first : 4096;
        for (int64_t i = 0; i < n_i; i++) { /* free */
            float sum[4096];
            float kept[4096];
            int64_t run = 0; /* terms in the sums */
            int has_kept = 0;
            for (int64_t lane = 0; lane < count; lane++) {
                sum[lane] = 0;
            }
            int64_t j = 0;
            while (j < n_j) {
                const int64_t most = 512 - run;
                const int64_t stop = n_j - j < most ? n_j : j + most;
                run += stop - j;
                for (; j + 8 <= stop; j += 8) {
                    const float held0 = in0[in0_i*i + j];
                    const float held0_1 = in0[in0_i*i + j + 1];
                    const float held0_2 = in0[in0_i*i + j + 2*1];
                    const float held0_3 = in0[in0_i*i + j + 3*1];
                    const float held0_4 = in0[in0_i*i + j + 4*1];
                    const float held0_5 = in0[in0_i*i + j + 5*1];
                    const float held0_6 = in0[in0_i*i + j + 6*1];
                    const float held0_7 = in0[in0_i*i + j + 7*1];
                    const float *const from1 = in1 + in1_j*j + first;
                    const float *const from1_1 = in1 + in1_j*j + first + in1_j;
                    const float *const from1_2 = in1 + in1_j*j + first + 2*in1_j;
                    const float *const from1_3 = in1 + in1_j*j + first + 3*in1_j;
                    const float *const from1_4 = in1 + in1_j*j + first + 4*in1_j;
                    const float *const from1_5 = in1 + in1_j*j + first + 5*in1_j;
                    const float *const from1_6 = in1 + in1_j*j + first + 6*in1_j;
                    const float *const from1_7 = in1 + in1_j*j + first + 7*in1_j;
                    for (int64_t lane = 0; lane < count; lane++) {
                        sum[lane] += held0 * from1[lane]
                            + held0_1 * from1_1[lane]
                            + held0_2 * from1_2[lane]
                            + held0_3 * from1_3[lane]
                            + held0_4 * from1_4[lane]
                            + held0_5 * from1_5[lane]
                            + held0_6 * from1_6[lane]
                            + held0_7 * from1_7[lane];
                    }
                }
                for (; j < stop; j++) {
                    const float held0 = in0[in0_i*i + j];
                    const float *const from1 = in1 + in1_j*j + first;
                    for (int64_t lane = 0; lane < count; lane++) {
                        sum[lane] += held0 * from1[lane];
                    }
                }
                if (run >= 512) {
                    for (int64_t lane = 0; lane < count; lane++) {
                        kept[lane] = sum[lane] + (has_kept ? kept[lane] : 0);
                        sum[lane] = 0;
                    }
                    has_kept = 1;
                    run = 0;
                }
            }
            for (int64_t lane = 0; has_kept && lane < count; lane++) {
                sum[lane] += kept[lane];
            }
            const int64_t to = out_i*i + first;
            for (int64_t lane = 0; lane < count; lane++) {
                const float value = sum[lane];
                out[to + lane] = value;
            }
        }
    }
}

einsum_INLINE void
einsum_step2(float *out, const float *in0, const float *in1, int64_t n_i,
    int64_t n_l, int64_t n_k, int64_t in0_k, int64_t in1_i, int64_t out_i,
    int64_t begin, int64_t end)
{
    for (int64_t block = begin; block < end; block++) { /* lanes of l */
        const int64_t first = 4096*block;
        const int64_t count = n_l - first < 4096 ? n_l - first : 4096;
        for (int64_t i = 0; i < n_i; i++) { /* free */
            float sum[4096];
            float kept[4096];
            int64_t run = 0; /* terms in the sums */
            int has_kept = 0;
            for (int64_t lane = 0; lane < count; lane++) {
                sum[lane] = 0;
            }
            int64_t k = 0;
            while (k < n_k) {
                const int64_t most = 512 - run;
                const int64_t stop = n_k - k < most ? n_k : k + most;
                run += stop - k;
                for (; k + 8 <= stop; k += 8) {
                    const float *const from0 = in0 + in0_k*k + first;
                    const float *const from0_1 = in0 + in0_k*k + first + in0_k;
                    const float *const from0_2 = in0 + in0_k*k + first + 2*in0_k;
                    const float *const from0_3 = in0 + in0_k*k + first + 3*in0_k;
                    const float *const from0_4 = in0 + in0_k*k + first + 4*in0_k;
                    const float *const from0_5 = in0 + in0_k*k + first + 5*in0_k;
                    const float *const from0_6 = in0 + in0_k*k + first + 6*in0_k;
                    const float *const from0_7 = in0 + in0_k*k + first + 7*in0_k;
                    const float held1 = in1[in1_i*i + k];
                    const float held1_1 = in1[in1_i*i + k + 1];
                    const float held1_2 = in1[in1_i*i + k + 2*1];
                    const float held1_3 = in1[in1_i*i + k + 3*1];
                    const float held1_4 = in1[in1_i*i + k + 4*1];
                    const float held1_5 = in1[in1_i*i + k + 5*1];
                    const float held1_6 = in1[in1_i*i + k + 6*1];
                    const float held1_7 = in1[in1_i*i + k + 7*1];
                    for (int64_t lane = 0; lane < count; lane++) {
                        sum[lane] += from0[lane] * held1
                            + from0_1[lane] * held1_1
                            + from0_2[lane] * held1_2
                            + from0_3[lane] * held1_3
                            + from0_4[lane] * held1_4
                            + from0_5[lane] * held1_5
                            + from0_6[lane] * held1_6
                            + from0_7[lane] * held1_7;
                    }
                }
                for (; k < stop; k++) {
                    const float *const from0 = in0 + in0_k*k + first;
                    const float held1 = in1[in1_i*i + k];
                    for (int64_t lane = 0; lane < count; lane++) {
                        sum[lane] += from0[lane] * held1;
                    }
                }
                if (run >= 512) {
                    for (int64_t lane = 0; lane < count; lane++) {
                        kept[lane] = sum[lane] + (has_kept ? kept[lane] : 0);
                        sum[lane] = 0;
                    }
                    has_kept = 1;
                    run = 0;
                }
            }
            for (int64_t lane = 0; has_kept && lane < count; lane++) {
                sum[lane] += kept[lane];
            }
            const int64_t to = out_i*i + first;
            for (int64_t lane = 0; lane < count; lane++) {
                const float value = sum[lane];
                out[to + lane] = value;
            }
        }
    }
}

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

static void
einsum_avx512_step1(float *out, const float *in0, const float *in1,
    int64_t n_i, int64_t n_k, int64_t n_j, int64_t in0_i, int64_t in1_j,
    int64_t out_i, int64_t begin, int64_t end)
{
    einsum_step1(out, in0, in1, n_i, n_k, n_j, in0_i, in1_j, out_i, begin,
        end);
}

static void
einsum_avx512_step2(float *out, const float *in0, const float *in1,
    int64_t n_i, int64_t n_l, int64_t n_k, int64_t in0_k, int64_t in1_i,
    int64_t out_i, int64_t begin, int64_t end)
{
    einsum_step2(out, in0, in1, n_i, n_l, n_k, in0_k, in1_i, out_i, begin,
        end);
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

static void
einsum_avx2_step1(float *out, const float *in0, const float *in1, int64_t n_i,
    int64_t n_k, int64_t n_j, int64_t in0_i, int64_t in1_j, int64_t out_i,
    int64_t begin, int64_t end)
{
    einsum_step1(out, in0, in1, n_i, n_k, n_j, in0_i, in1_j, out_i, begin,
        end);
}

static void
einsum_avx2_step2(float *out, const float *in0, const float *in1, int64_t n_i,
    int64_t n_l, int64_t n_k, int64_t in0_k, int64_t in1_i, int64_t out_i,
    int64_t begin, int64_t end)
{
    einsum_step2(out, in0, in1, n_i, n_l, n_k, in0_k, in1_i, out_i, begin,
        end);
}

#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
/* --- base: what the compiler's flags allow --- */

static void
einsum_base_step1(float *out, const float *in0, const float *in1, int64_t n_i,
    int64_t n_k, int64_t n_j, int64_t in0_i, int64_t in1_j, int64_t out_i,
    int64_t begin, int64_t end)
{
    einsum_step1(out, in0, in1, n_i, n_k, n_j, in0_i, in1_j, out_i, begin,
        end);
}

static void
einsum_base_step2(float *out, const float *in0, const float *in1, int64_t n_i,
    int64_t n_l, int64_t n_k, int64_t in0_k, int64_t in1_i, int64_t out_i,
    int64_t begin, int64_t end)
{
    einsum_step2(out, in0, in1, n_i, n_l, n_k, in0_k, in1_i, out_i, begin,
        end);
}

#if defined(einsum_SETS)
static void
einsum_avx512(float *out, const float *in0, const float *in1,
    const float *in2,
    int64_t n_i, int64_t n_l, int64_t n_j, int64_t n_k, char *base)
{
    float *const t1 = (float *)(void *)(base);
#if defined(_OPENMP)
#pragma omp parallel for schedule(static, 1) if (1.0*(double)n_i*(double)n_k*(double)n_j >= 100000)
#endif
    for (int64_t part = 0; part < einsum_THREADS; part++)
        einsum_avx512_step1(t1, in0, in1, n_i, n_k, n_j, n_j, n_k, n_k,
            ((n_k + 4095)/4096)*part/einsum_THREADS, ((n_k + 4095)/4096)*(part + 1)/einsum_THREADS);
#if defined(_OPENMP)
#pragma omp parallel for schedule(static, 1) if (1.0*(double)n_i*(double)n_l*(double)n_k >= 100000)
#endif
    for (int64_t part = 0; part < einsum_THREADS; part++)
        einsum_avx512_step2(out, in2, t1, n_i, n_l, n_k, n_l, n_k, n_l,
            ((n_l + 4095)/4096)*part/einsum_THREADS, ((n_l + 4095)/4096)*(part + 1)/einsum_THREADS);
}

static void
einsum_avx2(float *out, const float *in0, const float *in1,
    const float *in2,
    int64_t n_i, int64_t n_l, int64_t n_j, int64_t n_k, char *base)
{
    float *const t1 = (float *)(void *)(base);
#if defined(_OPENMP)
#pragma omp parallel for schedule(static, 1) if (1.0*(double)n_i*(double)n_k*(double)n_j >= 100000)
#endif
    for (int64_t part = 0; part < einsum_THREADS; part++)
        einsum_avx2_step1(t1, in0, in1, n_i, n_k, n_j, n_j, n_k, n_k,
            ((n_k + 4095)/4096)*part/einsum_THREADS, ((n_k + 4095)/4096)*(part + 1)/einsum_THREADS);
#if defined(_OPENMP)
#pragma omp parallel for schedule(static, 1) if (1.0*(double)n_i*(double)n_l*(double)n_k >= 100000)
#endif
    for (int64_t part = 0; part < einsum_THREADS; part++)
        einsum_avx2_step2(out, in2, t1, n_i, n_l, n_k, n_l, n_k, n_l,
            ((n_l + 4095)/4096)*part/einsum_THREADS, ((n_l + 4095)/4096)*(part + 1)/einsum_THREADS);
}

#endif
static void
einsum_base(float *out, const float *in0, const float *in1,
    const float *in2,
    int64_t n_i, int64_t n_l, int64_t n_j, int64_t n_k, char *base)
{
    float *const t1 = (float *)(void *)(base);
#if defined(_OPENMP)
#pragma omp parallel for schedule(static, 1) if (1.0*(double)n_i*(double)n_k*(double)n_j >= 100000)
#endif
    for (int64_t part = 0; part < einsum_THREADS; part++)
        einsum_base_step1(t1, in0, in1, n_i, n_k, n_j, n_j, n_k, n_k,
            ((n_k + 4095)/4096)*part/einsum_THREADS, ((n_k + 4095)/4096)*(part + 1)/einsum_THREADS);
#if defined(_OPENMP)
#pragma omp parallel for schedule(static, 1) if (1.0*(double)n_i*(double)n_l*(double)n_k >= 100000)
#endif
    for (int64_t part = 0; part < einsum_THREADS; part++)
        einsum_base_step2(out, in2, t1, n_i, n_l, n_k, n_l, n_k, n_l,
            ((n_l + 4095)/4096)*part/einsum_THREADS, ((n_l + 4095)/4096)*(part + 1)/einsum_THREADS);
}

typedef void einsum_steps(float *out, const float *in0, const float *in1,
    const float *in2,
    int64_t n_i, int64_t n_l, int64_t n_j, int64_t n_k, char *base);

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
einsum_workspace(int64_t n_i, int64_t n_l, int64_t n_j, int64_t n_k)
{
    (void)n_l;
    (void)n_j;
    return (n_i*n_k*4 + 63)/64*64 + 64; /* to align it */
}

int
einsum(float *out, const float *in0, const float *in1,
    const float *in2,
    int64_t n_i, int64_t n_l, int64_t n_j, int64_t n_k, void *work)
{
    const size_t bytes = (size_t)einsum_workspace(n_i, n_l, n_j, n_k);
    char *const own = work ? NULL : (char *)malloc(bytes);
    if (!work && !own)
        return -1;
    char *base = work ? (char *)work : own;
    base += (0 - (uintptr_t)base) % 64;
    einsum_pick()(out, in0, in1, in2, n_i, n_l, n_j, n_k, base);
    free(own);
    return 0;
}

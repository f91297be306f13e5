/* made by einc 0.1.0; change the expression, not this file
 * expression  ijb,jkb->ikb  f32, strides as given
 * sizes       i=2 j=2 b=1000 k=2
 * step 1      reduce out[i,k,b] = in0[i,j,b] * in1[j,k,b]
 *              free{i,k,b}=4000  sum{j}=2
 * cost        16000 flop; reads 32000 B, writes 16000 B; intermediates 0 B
 * sets        each call runs the best of avx512, avx2 and sse2 that the machine
 *              has, or a lesser one that EINC_ISA names in the environment when
 *              einsum() is first called; elsewhere NEON or plain C
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* out(2,2,1000) = ijb,jkb->ikb of in0(2,2,1000), in1(2,2,1000).
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

static void
einsum_avx512_step1(float *out, const float *in0, const float *in1)
{
    typedef einsum_avx512_step1_vector vector;
    const int64_t first = 0, last = 1000;
    for (int64_t at = first; at < last; at += 16) {
        const int64_t lane = at + 16 <= last ? at : last - 16;
        const float *const in0_at = in0 + lane;
        const float *const in1_at = in1 + lane;
        float *const out_at = out + lane;
        { /* rows 0-1, columns 0-1 */
            vector sum0_0 = {0}, sum0_1 = {0};
            vector sum1_0 = {0}, sum1_1 = {0};
            {
                const vector b0 = *(const vector *)(in1_at + 0);
                const vector b1 = *(const vector *)(in1_at + 1000);
                const vector a0 = *(const vector *)(in0_at + 0);
                const vector a1 = *(const vector *)(in0_at + 2000);
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum1_0 += a1 * b0;
                sum1_1 += a1 * b1;
            }
            {
                const vector b0 = *(const vector *)(in1_at + 2000);
                const vector b1 = *(const vector *)(in1_at + 3000);
                const vector a0 = *(const vector *)(in0_at + 1000);
                const vector a1 = *(const vector *)(in0_at + 3000);
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum1_0 += a1 * b0;
                sum1_1 += a1 * b1;
            }
            *(vector *)(out_at + 0) = sum0_0;
            *(vector *)(out_at + 1000) = sum0_1;
            *(vector *)(out_at + 2000) = sum1_0;
            *(vector *)(out_at + 3000) = sum1_1;
        }
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

static void
einsum_avx2_step1(float *out, const float *in0, const float *in1)
{
    typedef einsum_avx2_step1_vector vector;
    const int64_t first = 0, last = 1000;
    for (int64_t at = first; at < last; at += 8) {
        const float *const in0_at = in0 + at;
        const float *const in1_at = in1 + at;
        float *const out_at = out + at;
        { /* rows 0-1, columns 0-1 */
            vector sum0_0 = {0}, sum0_1 = {0};
            vector sum1_0 = {0}, sum1_1 = {0};
            {
                const vector b0 = *(const vector *)(in1_at + 0);
                const vector b1 = *(const vector *)(in1_at + 1000);
                const vector a0 = *(const vector *)(in0_at + 0);
                const vector a1 = *(const vector *)(in0_at + 2000);
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum1_0 += a1 * b0;
                sum1_1 += a1 * b1;
            }
            {
                const vector b0 = *(const vector *)(in1_at + 2000);
                const vector b1 = *(const vector *)(in1_at + 3000);
                const vector a0 = *(const vector *)(in0_at + 1000);
                const vector a1 = *(const vector *)(in0_at + 3000);
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum1_0 += a1 * b0;
                sum1_1 += a1 * b1;
            }
            *(vector *)(out_at + 0) = sum0_0;
            *(vector *)(out_at + 1000) = sum0_1;
            *(vector *)(out_at + 2000) = sum1_0;
            *(vector *)(out_at + 3000) = sum1_1;
        }
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
typedef float einsum_base_step1_vector __attribute__((
    vector_size(16), aligned(4), may_alias));

static void
einsum_base_step1(float *out, const float *in0, const float *in1)
{
    typedef einsum_base_step1_vector vector;
    const int64_t first = 0, last = 1000;
    for (int64_t at = first; at < last; at += 4) {
        const float *const in0_at = in0 + at;
        const float *const in1_at = in1 + at;
        float *const out_at = out + at;
        { /* rows 0-1, columns 0-1 */
            vector sum0_0 = {0}, sum0_1 = {0};
            vector sum1_0 = {0}, sum1_1 = {0};
            {
                const vector b0 = *(const vector *)(in1_at + 0);
                const vector b1 = *(const vector *)(in1_at + 1000);
                const vector a0 = *(const vector *)(in0_at + 0);
                const vector a1 = *(const vector *)(in0_at + 2000);
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum1_0 += a1 * b0;
                sum1_1 += a1 * b1;
            }
            {
                const vector b0 = *(const vector *)(in1_at + 2000);
                const vector b1 = *(const vector *)(in1_at + 3000);
                const vector a0 = *(const vector *)(in0_at + 1000);
                const vector a1 = *(const vector *)(in0_at + 3000);
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum1_0 += a1 * b0;
                sum1_1 += a1 * b1;
            }
            *(vector *)(out_at + 0) = sum0_0;
            *(vector *)(out_at + 1000) = sum0_1;
            *(vector *)(out_at + 2000) = sum1_0;
            *(vector *)(out_at + 3000) = sum1_1;
        }
    }
}

#elif defined(einsum_VECTORS)
typedef float einsum_base_step1_vector __attribute__((
    vector_size(16), aligned(4), may_alias));

static void
einsum_base_step1(float *out, const float *in0, const float *in1)
{
    typedef einsum_base_step1_vector vector;
    const int64_t first = 0, last = 1000;
    for (int64_t at = first; at < last; at += 4) {
        const float *const in0_at = in0 + at;
        const float *const in1_at = in1 + at;
        float *const out_at = out + at;
        { /* rows 0-1, columns 0-1 */
            vector sum0_0 = {0}, sum0_1 = {0};
            vector sum1_0 = {0}, sum1_1 = {0};
            {
                const vector b0 = *(const vector *)(in1_at + 0);
                const vector b1 = *(const vector *)(in1_at + 1000);
                const vector a0 = *(const vector *)(in0_at + 0);
                const vector a1 = *(const vector *)(in0_at + 2000);
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum1_0 += a1 * b0;
                sum1_1 += a1 * b1;
            }
            {
                const vector b0 = *(const vector *)(in1_at + 2000);
                const vector b1 = *(const vector *)(in1_at + 3000);
                const vector a0 = *(const vector *)(in0_at + 1000);
                const vector a1 = *(const vector *)(in0_at + 3000);
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum1_0 += a1 * b0;
                sum1_1 += a1 * b1;
            }
            *(vector *)(out_at + 0) = sum0_0;
            *(vector *)(out_at + 1000) = sum0_1;
            *(vector *)(out_at + 2000) = sum1_0;
            *(vector *)(out_at + 3000) = sum1_1;
        }
    }
}

#else
static void
einsum_base_step1(float *out, const float *in0, const float *in1)
{
    const int64_t first = 0, last = 1000;
    for (int64_t at = first; at < last; at++) {
        const float *const in0_at = in0 + at;
        const float *const in1_at = in1 + at;
        float *const out_at = out + at;
        { /* rows 0-1, columns 0-1 */
            float sum0_0 = 0, sum0_1 = 0;
            float sum1_0 = 0, sum1_1 = 0;
            {
                const float b0 = (float)in1_at[0];
                const float b1 = (float)in1_at[1000];
                const float a0 = (float)in0_at[0];
                const float a1 = (float)in0_at[2000];
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum1_0 += a1 * b0;
                sum1_1 += a1 * b1;
            }
            {
                const float b0 = (float)in1_at[2000];
                const float b1 = (float)in1_at[3000];
                const float a0 = (float)in0_at[1000];
                const float a1 = (float)in0_at[3000];
                sum0_0 += a0 * b0;
                sum0_1 += a0 * b1;
                sum1_0 += a1 * b0;
                sum1_1 += a1 * b1;
            }
            out_at[0] = (float)sum0_0;
            out_at[1000] = (float)sum0_1;
            out_at[2000] = (float)sum1_0;
            out_at[3000] = (float)sum1_1;
        }
    }
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

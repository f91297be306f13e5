/* made by einc 0.1.0; kernel ABI 1, avx512 */
#include <stdint.h>
#include <string.h>

struct einc_args {
    void *out;
    const void *const *in;
    const int64_t *n, *s;
    const void *alpha, *beta;
    char *scratch;
    int64_t *stray;
};

typedef int32_t vi32 __attribute__((vector_size(64)));
typedef uint32_t vu32 __attribute__((vector_size(64)));
typedef int64_t vi64 __attribute__((vector_size(128)));
typedef uint64_t vu64 __attribute__((vector_size(128)));
typedef float vf32 __attribute__((vector_size(64)));
typedef double vf64 __attribute__((vector_size(128)));

static inline __attribute__((always_inline, unused)) int64_t
get_i64(int64_t x)
{
    return (int64_t)x;
}

static __attribute__((noinline, unused)) void
stray(const struct einc_args *args, int64_t site, int64_t p)
{
    int64_t none = 0;
    if (__atomic_compare_exchange_n(&args->stray[0], &none, site + 1,
                                    0, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED))
        __atomic_store_n(&args->stray[1], p, __ATOMIC_RELAXED);
}

static inline __attribute__((always_inline, unused)) int64_t
bound(const struct einc_args *args, int64_t site, int64_t from,
      int64_t to, int64_t lo, int64_t hi, int end)
{
    if (from >= to)
        return lo;
    if (site >= 0 && (from < lo || to > hi))
        stray(args, site, from < lo || from >= hi ? from : hi);
    if (end)
        return to > hi ? hi : to;
    return from < lo ? lo : from;
}

static const vi32 v_iota_i32 __attribute__((unused)) = {
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        9,
        10,
        11,
        12,
        13,
        14,
        15};

static inline __attribute__((always_inline, unused)) vi32
set_i32(int32_t a)
{
    return a - (vi32){0};
}

static inline __attribute__((always_inline, unused)) vf32
set_f32(float a)
{
    return a - (vf32){0};
}

static inline __attribute__((always_inline, unused)) int64_t
min_i64(int64_t a, int64_t b)
{
    return a > b ? b : a;
}

static inline __attribute__((always_inline, unused)) float
get_f32(float x)
{
    return (float)x;
}

static inline __attribute__((always_inline, unused)) int32_t
get_i32(int32_t x)
{
    return (int32_t)x;
}

static inline __attribute__((always_inline, unused)) int64_t
check(const struct einc_args *args, int64_t site, int64_t p,
      int64_t lo, int64_t hi)
{
    if (p >= lo && p < hi)
        return p;
    stray(args, site, p);
    return p < lo || hi <= lo ? lo : hi - 1;
}

typedef float row_f32 __attribute__((vector_size(64), aligned(4), may_alias));

static inline __attribute__((always_inline, unused)) vf32
v_row_f32(const float *p)
{
    return __builtin_convertvector(*(const row_f32 *)p,
                                   vf32);
}

static inline __attribute__((always_inline, unused)) void
put_f32(float *p, float x)
{
    *p = (float)x;
}

static inline __attribute__((always_inline, unused)) void
v_put_f32_f32(float *p, int64_t pace, vf32 x, int64_t first)
{
    if (pace == 1 && first <= 0) {
        *(row_f32 *)p = __builtin_convertvector(x, row_f32);
        return;
    }
    if (first <= 0) {
        for (int l = 0; l < 16; l++)
            put_f32(p + pace*l, x[l]);
        return;
    }
    for (int l = (int)first; l < 16; l++)
        put_f32(p + pace*l, x[l]);
}

void
einc_kernel(const struct einc_args *args, int64_t task_begin, int64_t task_end)
{
    const int64_t to_p = args->n[1];
    const int64_t in2_n0 = args->n[5];
    const int64_t *const __restrict__ in0 = (const int64_t *)args->in[0];
    (void)in0;
    const float *const __restrict__ in1 = (const float *)args->in[1];
    (void)in1;
    const float *const __restrict__ in2 = (const float *)args->in[2];
    (void)in2;
    const int32_t *const __restrict__ in3 = (const int32_t *)args->in[3];
    (void)in3;
    float *const __restrict__ out = (float *)args->out;
    (void)out;
    for (int64_t task = task_begin; task < task_end; task++) {
        const int64_t i = task;
        (void)i;
        const int64_t v0 = get_i64(in0[i]);
        const int64_t v1 = get_i64(in0[i + 1]);
        const int64_t v2 = bound(args, 1, v0, v1, 0, to_p, 0);
        const int64_t v3 = bound(args, 1, v0, v1, 0, to_p, 1);
        for (int64_t turn_d = 0; turn_d < 2; turn_d++) {
            const int64_t d = 32*turn_d;
            (void)d;
            const vi32 at_d = set_i32((int32_t)d) + v_iota_i32;
            (void)at_d;
            vf32 acc0 = set_f32(0);
            vf32 all0 = set_f32(0);
            vf32 acc1 = set_f32(0);
            vf32 all1 = set_f32(0);
            {
                int64_t p = v2;
                const int64_t end_p = v3;
                while (p + 1 <= end_p) {
                    const int64_t block_p = min_i64(end_p, p + 512);
                    for (; p + 1 <= block_p; p += 1) {
                        const float v4 = get_f32(in1[p]);
                        const int32_t v5 = get_i32(in3[p]);
                        const int64_t v6 = (int64_t)(v5);
                        const int64_t v7 = check(args, 0, v6, 0, in2_n0);
                        const vf32 v8 = v_row_f32(in2 + (d + 64*(v7)));
                        const vf32 v9 = (set_f32(v4) * v8);
                        acc0 = (acc0 + v9);
                        const vf32 v10 = v_row_f32(in2 + (d + 64*(v7) + 16));
                        const vf32 v11 = (set_f32(v4) * v10);
                        acc1 = (acc1 + v11);
                    }
                    all0 += acc0;
                    acc0 = set_f32(0);
                    all1 += acc1;
                    acc1 = set_f32(0);
                }
            }
            acc0 += all0;
            acc1 += all1;
            const vf32 sum0 = acc0;
            const vf32 sum1 = acc1;
            v_put_f32_f32(out + (64*i + d), 1, sum0, 0);
            v_put_f32_f32(out + (64*i + d + 16), 1, sum1, 0);
        }
    }
}

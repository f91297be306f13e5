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
min_i64(int64_t a, int64_t b)
{
    return a > b ? b : a;
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

static inline __attribute__((always_inline, unused)) float
get_f32(float x)
{
    return (float)x;
}

static inline __attribute__((always_inline, unused)) vf32
v_apart_f32(const float *p, int64_t pace)
{
    return (vf32){
        get_f32(p[pace*0]),
        get_f32(p[pace*1]),
        get_f32(p[pace*2]),
        get_f32(p[pace*3]),
        get_f32(p[pace*4]),
        get_f32(p[pace*5]),
        get_f32(p[pace*6]),
        get_f32(p[pace*7]),
        get_f32(p[pace*8]),
        get_f32(p[pace*9]),
        get_f32(p[pace*10]),
        get_f32(p[pace*11]),
        get_f32(p[pace*12]),
        get_f32(p[pace*13]),
        get_f32(p[pace*14]),
        get_f32(p[pace*15])};
}

static inline __attribute__((always_inline, unused)) vf32
set_f32(float a)
{
    return a - (vf32){0};
}

static inline __attribute__((always_inline, unused)) int32_t
any(vi32 c)
{
    uint64_t w[16/2], all = 0;
    memcpy(w, &c, sizeof w);
    for (int l = 0; l < 16/2; l++)
        all |= w[l];
    return all != 0;
}

static inline __attribute__((always_inline, unused)) vf32
v_select_f32(vi32 c, vf32 a, vf32 b)
{
    vi32 k = __builtin_convertvector(c, vi32);
    return (vf32)((k & (vi32)a) | (~k & (vi32)b));
}

static inline __attribute__((always_inline, unused)) vi32
v_select_i32(vi32 c, vi32 a, vi32 b)
{
    vi32 k = __builtin_convertvector(c, vi32);
    return (vi32)((k & (vi32)a) | (~k & (vi32)b));
}

typedef int64_t row_i64 __attribute__((vector_size(128), aligned(8), may_alias));

static inline __attribute__((always_inline, unused)) void
put_i64(int64_t *p, int64_t x)
{
    *p = (int64_t)x;
}

static inline __attribute__((always_inline, unused)) void
v_put_i64_i32(int64_t *p, int64_t pace, vi32 x, int64_t first)
{
    if (pace == 1 && first <= 0) {
        *(row_i64 *)p = __builtin_convertvector(x, row_i64);
        return;
    }
    if (first <= 0) {
        for (int l = 0; l < 16; l++)
            put_i64(p + pace*l, x[l]);
        return;
    }
    for (int l = (int)first; l < 16; l++)
        put_i64(p + pace*l, x[l]);
}

void
einc_kernel(const struct einc_args *args, int64_t task_begin, int64_t task_end)
{
    const int64_t to_i = args->n[0];
    const int64_t to_j = args->n[1];
    const float *const __restrict__ in0 = (const float *)args->in[0];
    (void)in0;
    const float *const __restrict__ in1 = (const float *)args->in[1];
    (void)in1;
    int64_t *const __restrict__ out = (int64_t *)args->out;
    (void)out;
    for (int64_t task = task_begin; task < task_end; task++) {
        const int64_t i = min_i64(32*task, to_i - 32);
        const int64_t skip_i = 32*task - i;
        (void)skip_i;
        (void)i;
        const vi32 at_i = set_i32((int32_t)i) + v_iota_i32;
        (void)at_i;
        const vf32 v0 = v_apart_f32(in0 + (3*i), 3);
        const vf32 v1 = v_apart_f32(in0 + (3*i + 1), 3);
        const vf32 v2 = v_apart_f32(in0 + (3*i + 2), 3);
        const vf32 v17 = v_apart_f32(in0 + (3*i + 48), 3);
        const vf32 v18 = v_apart_f32(in0 + (3*i + 49), 3);
        const vf32 v19 = v_apart_f32(in0 + (3*i + 50), 3);
        vf32 acc0[3];
        for (int slot = 0; slot < 3; slot++)
            acc0[slot] = set_f32(__builtin_inff());
        vi32 pos0[3];
        for (int slot = 0; slot < 3; slot++)
            pos0[slot] = set_i32(-1);
        vf32 acc1[3];
        for (int slot = 0; slot < 3; slot++)
            acc1[slot] = set_f32(__builtin_inff());
        vi32 pos1[3];
        for (int slot = 0; slot < 3; slot++)
            pos1[slot] = set_i32(-1);
        for (int64_t j = 0, end_j = to_j; j < end_j; j++) {
            const float v3 = get_f32(in1[3*j]);
            const vf32 v4 = (v0 - set_f32(v3));
            const vf32 v5 = (v4 * v4);
            const float v6 = get_f32(in1[3*j + 1]);
            const vf32 v7 = (v1 - set_f32(v6));
            const vf32 v8 = (v7 * v7);
            const vf32 v9 = (v5 + v8);
            const float v10 = get_f32(in1[3*j + 2]);
            const vf32 v11 = (v2 - set_f32(v10));
            const vf32 v12 = (v11 * v11);
            const vf32 v13 = (v9 + v12);
            {
                vi32 here = (((v13 < acc0[2]) | ((v13 != v13) & (acc0[2] == acc0[2]))) | (pos0[2] < set_i32(0)));
                if (any(here)) {
                    for (int slot = 2; slot > 0; slot--) {
                        const vi32 above = (((v13 < acc0[slot - 1]) | ((v13 != v13) & (acc0[slot - 1] == acc0[slot - 1]))) | (pos0[slot - 1] < set_i32(0)));
                        acc0[slot] = v_select_f32(above, acc0[slot - 1], v_select_f32(here, v13, acc0[slot]));
                        pos0[slot] = v_select_i32(above, pos0[slot - 1], v_select_i32(here, set_i32((int32_t)(j)), pos0[slot]));
                        here = above;
                    }
                    acc0[0] = v_select_f32(here, v13, acc0[0]);
                    pos0[0] = v_select_i32(here, set_i32((int32_t)(j)), pos0[0]);
                }
            }
            const vf32 v20 = (v17 - set_f32(v3));
            const vf32 v21 = (v20 * v20);
            const vf32 v22 = (v18 - set_f32(v6));
            const vf32 v23 = (v22 * v22);
            const vf32 v24 = (v21 + v23);
            const vf32 v25 = (v19 - set_f32(v10));
            const vf32 v26 = (v25 * v25);
            const vf32 v27 = (v24 + v26);
            {
                vi32 here = (((v27 < acc1[2]) | ((v27 != v27) & (acc1[2] == acc1[2]))) | (pos1[2] < set_i32(0)));
                if (any(here)) {
                    for (int slot = 2; slot > 0; slot--) {
                        const vi32 above = (((v27 < acc1[slot - 1]) | ((v27 != v27) & (acc1[slot - 1] == acc1[slot - 1]))) | (pos1[slot - 1] < set_i32(0)));
                        acc1[slot] = v_select_f32(above, acc1[slot - 1], v_select_f32(here, v27, acc1[slot]));
                        pos1[slot] = v_select_i32(above, pos1[slot - 1], v_select_i32(here, set_i32((int32_t)(j)), pos1[slot]));
                        here = above;
                    }
                    acc1[0] = v_select_f32(here, v27, acc1[0]);
                    pos1[0] = v_select_i32(here, set_i32((int32_t)(j)), pos1[0]);
                }
            }
        }
        const vi32 *const sum0 = pos0;
        const vi32 *const sum1 = pos1;
        const vi32 v14 = sum0[(int64_t)0];
        v_put_i64_i32(out + (3*i), 3, v14, skip_i);
        const vi32 v15 = sum0[(int64_t)1];
        v_put_i64_i32(out + (3*i + 1), 3, v15, skip_i);
        const vi32 v16 = sum0[(int64_t)2];
        v_put_i64_i32(out + (3*i + 2), 3, v16, skip_i);
        const vi32 v28 = sum1[(int64_t)0];
        v_put_i64_i32(out + (3*i + 48), 3, v28, skip_i - 16);
        const vi32 v29 = sum1[(int64_t)1];
        v_put_i64_i32(out + (3*i + 49), 3, v29, skip_i - 16);
        const vi32 v30 = sum1[(int64_t)2];
        v_put_i64_i32(out + (3*i + 50), 3, v30, skip_i - 16);
    }
}

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

static inline __attribute__((always_inline, unused)) vf32
v_all_f32(float a)
{
    return a - (vf32){0};
}

static inline __attribute__((always_inline, unused)) vf32
v_float_f32(vi32 a)
{
    return (vf32)a;
}

static inline __attribute__((always_inline, unused)) vi32
v_bits_f32(vf32 a)
{
    return (vi32)a;
}

static inline __attribute__((always_inline, unused)) vf32
v_drop_f32(vi32 c, vf32 a)
{
    return (vf32)(~c & (vi32)a);
}

static inline __attribute__((always_inline, unused)) vf32
v_expn_f32(vf32 x)
{
    const vf32 shift = v_all_f32(0x1.8p+23f + 127.0f);
    const vf32 r = x*0x1.715476p+0f + shift;
    const vf32 n = r - shift;
    const vf32 f = (x - n*0x1.63p-1f) + n*0x1.bd0106p-13f;
    vf32 p = f*0x1.106274p-7f + 0x1.572a06p-5f;
    p = p*f + 0x1.5557aep-3f;
    p = p*f + 0x1.fffdfcp-2f;
    p = p*f + 1.0f;
    p = p*f + 1.0f;
    p *= v_float_f32((vi32)((vu32)v_bits_f32(r) << 23));
    return v_drop_f32(x < -87.33f, p);
}

typedef float row_f32 __attribute__((vector_size(64), aligned(4), may_alias));

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
    const int64_t to_i = args->n[0];
    const int64_t to_j = args->n[1];
    const float *const __restrict__ in0 = (const float *)args->in[0];
    (void)in0;
    const float *const __restrict__ in1 = (const float *)args->in[1];
    (void)in1;
    const float *const __restrict__ in2 = (const float *)args->in[2];
    (void)in2;
    float *const __restrict__ out = (float *)args->out;
    (void)out;
    for (int64_t task = task_begin; task < task_end; task++) {
        const int64_t i = min_i64(64*task, to_i - 64);
        const int64_t skip_i = 64*task - i;
        (void)skip_i;
        (void)i;
        const vi32 at_i = set_i32((int32_t)i) + v_iota_i32;
        (void)at_i;
        const vf32 v0 = v_apart_f32(in0 + (3*i), 3);
        const vf32 v1 = v_apart_f32(in0 + (3*i + 1), 3);
        const vf32 v2 = v_apart_f32(in0 + (3*i + 2), 3);
        const vf32 v18 = v_apart_f32(in0 + (3*i + 48), 3);
        const vf32 v19 = v_apart_f32(in0 + (3*i + 49), 3);
        const vf32 v20 = v_apart_f32(in0 + (3*i + 50), 3);
        const vf32 v32 = v_apart_f32(in0 + (3*i + 96), 3);
        const vf32 v33 = v_apart_f32(in0 + (3*i + 97), 3);
        const vf32 v34 = v_apart_f32(in0 + (3*i + 98), 3);
        const vf32 v46 = v_apart_f32(in0 + (3*i + 144), 3);
        const vf32 v47 = v_apart_f32(in0 + (3*i + 145), 3);
        const vf32 v48 = v_apart_f32(in0 + (3*i + 146), 3);
        vf32 acc0 = set_f32(0);
        vf32 all0 = set_f32(0);
        vf32 acc1 = set_f32(0);
        vf32 all1 = set_f32(0);
        vf32 acc2 = set_f32(0);
        vf32 all2 = set_f32(0);
        vf32 acc3 = set_f32(0);
        vf32 all3 = set_f32(0);
        {
            int64_t j = 0;
            const int64_t end_j = to_j;
            while (j + 1 <= end_j) {
                const int64_t block_j = min_i64(end_j, j + 512);
                for (; j + 1 <= block_j; j += 1) {
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
                    const vf32 v14 = (-v13);
                    const vf32 v15 = v_expn_f32(v14);
                    const float v16 = get_f32(in2[j]);
                    const vf32 v17 = (v15 * set_f32(v16));
                    acc0 = (acc0 + v17);
                    const vf32 v21 = (v18 - set_f32(v3));
                    const vf32 v22 = (v21 * v21);
                    const vf32 v23 = (v19 - set_f32(v6));
                    const vf32 v24 = (v23 * v23);
                    const vf32 v25 = (v22 + v24);
                    const vf32 v26 = (v20 - set_f32(v10));
                    const vf32 v27 = (v26 * v26);
                    const vf32 v28 = (v25 + v27);
                    const vf32 v29 = (-v28);
                    const vf32 v30 = v_expn_f32(v29);
                    const vf32 v31 = (v30 * set_f32(v16));
                    acc1 = (acc1 + v31);
                    const vf32 v35 = (v32 - set_f32(v3));
                    const vf32 v36 = (v35 * v35);
                    const vf32 v37 = (v33 - set_f32(v6));
                    const vf32 v38 = (v37 * v37);
                    const vf32 v39 = (v36 + v38);
                    const vf32 v40 = (v34 - set_f32(v10));
                    const vf32 v41 = (v40 * v40);
                    const vf32 v42 = (v39 + v41);
                    const vf32 v43 = (-v42);
                    const vf32 v44 = v_expn_f32(v43);
                    const vf32 v45 = (v44 * set_f32(v16));
                    acc2 = (acc2 + v45);
                    const vf32 v49 = (v46 - set_f32(v3));
                    const vf32 v50 = (v49 * v49);
                    const vf32 v51 = (v47 - set_f32(v6));
                    const vf32 v52 = (v51 * v51);
                    const vf32 v53 = (v50 + v52);
                    const vf32 v54 = (v48 - set_f32(v10));
                    const vf32 v55 = (v54 * v54);
                    const vf32 v56 = (v53 + v55);
                    const vf32 v57 = (-v56);
                    const vf32 v58 = v_expn_f32(v57);
                    const vf32 v59 = (v58 * set_f32(v16));
                    acc3 = (acc3 + v59);
                }
                all0 += acc0;
                acc0 = set_f32(0);
                all1 += acc1;
                acc1 = set_f32(0);
                all2 += acc2;
                acc2 = set_f32(0);
                all3 += acc3;
                acc3 = set_f32(0);
            }
        }
        acc0 += all0;
        acc1 += all1;
        acc2 += all2;
        acc3 += all3;
        const vf32 sum0 = acc0;
        const vf32 sum1 = acc1;
        const vf32 sum2 = acc2;
        const vf32 sum3 = acc3;
        v_put_f32_f32(out + (i), 1, sum0, skip_i);
        v_put_f32_f32(out + (i + 16), 1, sum1, skip_i - 16);
        v_put_f32_f32(out + (i + 32), 1, sum2, skip_i - 32);
        v_put_f32_f32(out + (i + 48), 1, sum3, skip_i - 48);
    }
}

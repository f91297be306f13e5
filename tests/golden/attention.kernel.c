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
v_select_f32(vi32 c, vf32 a, vf32 b)
{
    vi32 k = __builtin_convertvector(c, vi32);
    return (vf32)((k & (vi32)a) | (~k & (vi32)b));
}

static inline __attribute__((always_inline, unused)) vf32
v_max_f32(vf32 a, vf32 b)
{
    vi32 k = (a >= b) | (a != a);
    return (vf32)((k & (vi32)a) | (~k & (vi32)b));
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

static inline __attribute__((always_inline, unused)) vf32
v_pick_f32(vi32 c, vf32 a, vf32 b)
{
    return (vf32)((c & (vi32)a) | (~c & (vi32)b));
}

static inline __attribute__((always_inline, unused)) vf32
v_number_f32(vi32 a)
{
    return __builtin_convertvector(a, vf32);
}

static inline __attribute__((always_inline, unused)) vf32
v_log_f32(vf32 x)
{
    const vi32 tiny = x < 0x1p-126f;
    const vf32 y = v_pick_f32(tiny, x*0x1p+25f, x);
    const vi32 u = (vi32)((vu32)v_bits_f32(y) - 0x3f3504f3u);
    const vi32 e = u >> 23;
    const vf32 z = v_float_f32((u & 0x007fffff) + 0x3f3504f3) - 1.0f;
    const vf32 n = v_number_f32(e) +
                 v_pick_f32(tiny, v_all_f32(-25.0f), v_all_f32(0));
    vf32 p = z*0x1.145ed6p-4f - 0x1.de4030p-4f;
    p = p*z + 0x1.e6ef80p-4f;
    p = p*z - 0x1.fc2150p-4f;
    p = p*z + 0x1.23376cp-3f;
    p = p*z - 0x1.555c52p-3f;
    p = p*z + 0x1.99a4b6p-3f;
    p = p*z - 0x1.000006p-2f;
    p = p*z + 0x1.555548p-2f;
    p = p*z*z*z - n*0x1.bd0106p-13f - 0.5f*z*z + z + n*0x1.63p-1f;
    p = v_pick_f32(x == __builtin_inff(), x, p);
    p = v_pick_f32(x == 0, v_all_f32(-__builtin_inff()), p);
    return v_pick_f32((x < 0) | (x != x),
                      v_all_f32(__builtin_nanf("")), p);
}

static inline __attribute__((always_inline, unused)) vf32
v_abs_f32(vf32 a)
{
    vi32 k = (vi32)(a - a);
    k = (vi32)((~(vu32)(k ^ k)) >> 1);
    return (vf32)((vi32)a & k);
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
    vf32 *const table0 = (vf32 *)(void *)(args->scratch + 0);
    vf32 *const table1 = (vf32 *)(void *)(args->scratch + 8192);
    for (int64_t task = task_begin; task < task_end; task++) {
        const int64_t i = min_i64(32*task, to_i - 32);
        const int64_t skip_i = 32*task - i;
        (void)skip_i;
        (void)i;
        const vi32 at_i = set_i32((int32_t)i) + v_iota_i32;
        (void)at_i;
        for (int64_t e = 0, end_e = 64; e < end_e; e++) {
            const vf32 v0 = v_apart_f32(in0 + (64*i + e), 64);
            table0[e] = v0;
            const vf32 v56 = v_apart_f32(in0 + (64*i + e + 1024), 64);
            table1[e] = v56;
        }
        const int64_t v1 = (i + (int64_t)32);
        vf32 acc0 = set_f32((-__builtin_inff()));
        vf32 rest0 = set_f32(0);
        vf32 *const acc10 = (vf32 *)(void *)(args->scratch + 4096);
        for (int64_t slot = 0; slot < 64; slot++)
            acc10[slot] = set_f32(0);
        vf32 acc11 = set_f32((-__builtin_inff()));
        vf32 rest11 = set_f32(0);
        vf32 *const acc21 = (vf32 *)(void *)(args->scratch + 12288);
        for (int64_t slot = 0; slot < 64; slot++)
            acc21[slot] = set_f32(0);
        {
            int64_t j = 0;
            const int64_t end_j = min_i64(to_j, v1);
            for (; j + 8 <= end_j; j += 8) {
                vf32 acc1 = set_f32(0);
                vf32 acc2 = set_f32(0);
                vf32 acc3 = set_f32(0);
                vf32 acc4 = set_f32(0);
                vf32 acc5 = set_f32(0);
                vf32 acc6 = set_f32(0);
                vf32 acc7 = set_f32(0);
                vf32 acc8 = set_f32(0);
                vf32 acc12 = set_f32(0);
                vf32 acc13 = set_f32(0);
                vf32 acc14 = set_f32(0);
                vf32 acc15 = set_f32(0);
                vf32 acc16 = set_f32(0);
                vf32 acc17 = set_f32(0);
                vf32 acc18 = set_f32(0);
                vf32 acc19 = set_f32(0);
                for (int64_t e_2 = 0, end_e_2 = 64; e_2 < end_e_2; e_2++) {
                    const float v3 = get_f32(in1[e_2 + 64*j]);
                    const vf32 v4 = (table0[e_2] * set_f32(v3));
                    acc1 = (acc1 + v4);
                    const float v8 = get_f32(in1[e_2 + 64*j + 64]);
                    const vf32 v9 = (table0[e_2] * set_f32(v8));
                    acc2 = (acc2 + v9);
                    const float v13 = get_f32(in1[e_2 + 64*j + 128]);
                    const vf32 v14 = (table0[e_2] * set_f32(v13));
                    acc3 = (acc3 + v14);
                    const float v18 = get_f32(in1[e_2 + 64*j + 192]);
                    const vf32 v19 = (table0[e_2] * set_f32(v18));
                    acc4 = (acc4 + v19);
                    const float v23 = get_f32(in1[e_2 + 64*j + 256]);
                    const vf32 v24 = (table0[e_2] * set_f32(v23));
                    acc5 = (acc5 + v24);
                    const float v28 = get_f32(in1[e_2 + 64*j + 320]);
                    const vf32 v29 = (table0[e_2] * set_f32(v28));
                    acc6 = (acc6 + v29);
                    const float v33 = get_f32(in1[e_2 + 64*j + 384]);
                    const vf32 v34 = (table0[e_2] * set_f32(v33));
                    acc7 = (acc7 + v34);
                    const float v38 = get_f32(in1[e_2 + 64*j + 448]);
                    const vf32 v39 = (table0[e_2] * set_f32(v38));
                    acc8 = (acc8 + v39);
                    const vf32 v58 = (table1[e_2] * set_f32(v3));
                    acc12 = (acc12 + v58);
                    const vf32 v62 = (table1[e_2] * set_f32(v8));
                    acc13 = (acc13 + v62);
                    const vf32 v66 = (table1[e_2] * set_f32(v13));
                    acc14 = (acc14 + v66);
                    const vf32 v70 = (table1[e_2] * set_f32(v18));
                    acc15 = (acc15 + v70);
                    const vf32 v74 = (table1[e_2] * set_f32(v23));
                    acc16 = (acc16 + v74);
                    const vf32 v78 = (table1[e_2] * set_f32(v28));
                    acc17 = (acc17 + v78);
                    const vf32 v82 = (table1[e_2] * set_f32(v33));
                    acc18 = (acc18 + v82);
                    const vf32 v86 = (table1[e_2] * set_f32(v38));
                    acc19 = (acc19 + v86);
                }
                const vf32 sum1 = acc1;
                const vf32 sum2 = acc2;
                const vf32 sum3 = acc3;
                const vf32 sum4 = acc4;
                const vf32 sum5 = acc5;
                const vf32 sum6 = acc6;
                const vf32 sum7 = acc7;
                const vf32 sum8 = acc8;
                const vf32 sum12 = acc12;
                const vf32 sum13 = acc13;
                const vf32 sum14 = acc14;
                const vf32 sum15 = acc15;
                const vf32 sum16 = acc16;
                const vf32 sum17 = acc17;
                const vf32 sum18 = acc18;
                const vf32 sum19 = acc19;
                const vi32 v2 = (set_i32((int32_t)(j)) <= at_i);
                const vf32 v5 = (sum1 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v6 = v_select_f32(v2, v5, set_f32((-__builtin_inff())));
                const vi32 v7 = (set_i32((int32_t)((j + 1))) <= at_i);
                const vf32 v10 = (sum2 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v11 = v_select_f32(v7, v10, set_f32((-__builtin_inff())));
                const vi32 v12 = (set_i32((int32_t)((j + 2))) <= at_i);
                const vf32 v15 = (sum3 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v16 = v_select_f32(v12, v15, set_f32((-__builtin_inff())));
                const vi32 v17 = (set_i32((int32_t)((j + 3))) <= at_i);
                const vf32 v20 = (sum4 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v21 = v_select_f32(v17, v20, set_f32((-__builtin_inff())));
                const vi32 v22 = (set_i32((int32_t)((j + 4))) <= at_i);
                const vf32 v25 = (sum5 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v26 = v_select_f32(v22, v25, set_f32((-__builtin_inff())));
                const vi32 v27 = (set_i32((int32_t)((j + 5))) <= at_i);
                const vf32 v30 = (sum6 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v31 = v_select_f32(v27, v30, set_f32((-__builtin_inff())));
                const vi32 v32 = (set_i32((int32_t)((j + 6))) <= at_i);
                const vf32 v35 = (sum7 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v36 = v_select_f32(v32, v35, set_f32((-__builtin_inff())));
                const vi32 v37 = (set_i32((int32_t)((j + 7))) <= at_i);
                const vf32 v40 = (sum8 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v41 = v_select_f32(v37, v40, set_f32((-__builtin_inff())));
                const vf32 most0 = v_max_f32(v_max_f32(v_max_f32(v_max_f32(v_max_f32(v_max_f32(v_max_f32(v_max_f32(acc0, v6), v11), v16), v21), v26), v31), v36), v41);
                const vf32 base0 = v_select_f32((most0 == set_f32((-__builtin_inff()))), set_f32(0), most0);
                const vf32 scale0 = v_expn_f32(acc0 - base0);
                acc0 = most0;
                const vf32 weight0_0 = v_expn_f32(v6 - base0);
                const vf32 weight0_1 = v_expn_f32(v11 - base0);
                const vf32 weight0_2 = v_expn_f32(v16 - base0);
                const vf32 weight0_3 = v_expn_f32(v21 - base0);
                const vf32 weight0_4 = v_expn_f32(v26 - base0);
                const vf32 weight0_5 = v_expn_f32(v31 - base0);
                const vf32 weight0_6 = v_expn_f32(v36 - base0);
                const vf32 weight0_7 = v_expn_f32(v41 - base0);
                rest0 = rest0*scale0 + weight0_0 + weight0_1 + weight0_2 + weight0_3 + weight0_4 + weight0_5 + weight0_6 + weight0_7;
                const vi32 v57 = (set_i32((int32_t)(j)) <= (at_i + 16));
                const vf32 v59 = (sum12 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v60 = v_select_f32(v57, v59, set_f32((-__builtin_inff())));
                const vi32 v61 = (set_i32((int32_t)((j + 1))) <= (at_i + 16));
                const vf32 v63 = (sum13 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v64 = v_select_f32(v61, v63, set_f32((-__builtin_inff())));
                const vi32 v65 = (set_i32((int32_t)((j + 2))) <= (at_i + 16));
                const vf32 v67 = (sum14 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v68 = v_select_f32(v65, v67, set_f32((-__builtin_inff())));
                const vi32 v69 = (set_i32((int32_t)((j + 3))) <= (at_i + 16));
                const vf32 v71 = (sum15 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v72 = v_select_f32(v69, v71, set_f32((-__builtin_inff())));
                const vi32 v73 = (set_i32((int32_t)((j + 4))) <= (at_i + 16));
                const vf32 v75 = (sum16 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v76 = v_select_f32(v73, v75, set_f32((-__builtin_inff())));
                const vi32 v77 = (set_i32((int32_t)((j + 5))) <= (at_i + 16));
                const vf32 v79 = (sum17 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v80 = v_select_f32(v77, v79, set_f32((-__builtin_inff())));
                const vi32 v81 = (set_i32((int32_t)((j + 6))) <= (at_i + 16));
                const vf32 v83 = (sum18 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v84 = v_select_f32(v81, v83, set_f32((-__builtin_inff())));
                const vi32 v85 = (set_i32((int32_t)((j + 7))) <= (at_i + 16));
                const vf32 v87 = (sum19 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v88 = v_select_f32(v85, v87, set_f32((-__builtin_inff())));
                const vf32 most11 = v_max_f32(v_max_f32(v_max_f32(v_max_f32(v_max_f32(v_max_f32(v_max_f32(v_max_f32(acc11, v60), v64), v68), v72), v76), v80), v84), v88);
                const vf32 base11 = v_select_f32((most11 == set_f32((-__builtin_inff()))), set_f32(0), most11);
                const vf32 scale11 = v_expn_f32(acc11 - base11);
                acc11 = most11;
                const vf32 weight11_0 = v_expn_f32(v60 - base11);
                const vf32 weight11_1 = v_expn_f32(v64 - base11);
                const vf32 weight11_2 = v_expn_f32(v68 - base11);
                const vf32 weight11_3 = v_expn_f32(v72 - base11);
                const vf32 weight11_4 = v_expn_f32(v76 - base11);
                const vf32 weight11_5 = v_expn_f32(v80 - base11);
                const vf32 weight11_6 = v_expn_f32(v84 - base11);
                const vf32 weight11_7 = v_expn_f32(v88 - base11);
                rest11 = rest11*scale11 + weight11_0 + weight11_1 + weight11_2 + weight11_3 + weight11_4 + weight11_5 + weight11_6 + weight11_7;
                for (int64_t e_4 = 0, end_e_4 = 64; e_4 < end_e_4; e_4++) {
                    const float v47 = get_f32(in2[e_4 + 64*j]);
                    const float v48 = get_f32(in2[e_4 + 64*j + 64]);
                    const float v49 = get_f32(in2[e_4 + 64*j + 128]);
                    const float v50 = get_f32(in2[e_4 + 64*j + 192]);
                    const float v51 = get_f32(in2[e_4 + 64*j + 256]);
                    const float v52 = get_f32(in2[e_4 + 64*j + 320]);
                    const float v53 = get_f32(in2[e_4 + 64*j + 384]);
                    const float v54 = get_f32(in2[e_4 + 64*j + 448]);
                    acc10[e_4] = acc10[e_4]*scale0 + weight0_0*set_f32(v47);
                    acc10[e_4] += weight0_1*set_f32(v48);
                    acc10[e_4] += weight0_2*set_f32(v49);
                    acc10[e_4] += weight0_3*set_f32(v50);
                    acc10[e_4] += weight0_4*set_f32(v51);
                    acc10[e_4] += weight0_5*set_f32(v52);
                    acc10[e_4] += weight0_6*set_f32(v53);
                    acc10[e_4] += weight0_7*set_f32(v54);
                    acc21[e_4] = acc21[e_4]*scale11 + weight11_0*set_f32(v47);
                    acc21[e_4] += weight11_1*set_f32(v48);
                    acc21[e_4] += weight11_2*set_f32(v49);
                    acc21[e_4] += weight11_3*set_f32(v50);
                    acc21[e_4] += weight11_4*set_f32(v51);
                    acc21[e_4] += weight11_5*set_f32(v52);
                    acc21[e_4] += weight11_6*set_f32(v53);
                    acc21[e_4] += weight11_7*set_f32(v54);
                }
            }
            for (; j < end_j; j++) {
                vf32 acc9 = set_f32(0);
                vf32 acc20 = set_f32(0);
                for (int64_t e_3 = 0, end_e_3 = 64; e_3 < end_e_3; e_3++) {
                    const float v43 = get_f32(in1[e_3 + 64*j]);
                    const vf32 v44 = (table0[e_3] * set_f32(v43));
                    acc9 = (acc9 + v44);
                    const vf32 v90 = (table1[e_3] * set_f32(v43));
                    acc20 = (acc20 + v90);
                }
                const vf32 sum9 = acc9;
                const vf32 sum20 = acc20;
                const vi32 v42 = (set_i32((int32_t)(j)) <= at_i);
                const vf32 v45 = (sum9 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v46 = v_select_f32(v42, v45, set_f32((-__builtin_inff())));
                const vf32 most0 = v_max_f32(acc0, v46);
                const vf32 base0 = v_select_f32((most0 == set_f32((-__builtin_inff()))), set_f32(0), most0);
                const vf32 scale0 = v_expn_f32(acc0 - base0);
                acc0 = most0;
                const vf32 weight0_0 = v_expn_f32(v46 - base0);
                rest0 = rest0*scale0 + weight0_0;
                const vi32 v89 = (set_i32((int32_t)(j)) <= (at_i + 16));
                const vf32 v91 = (sum20 * set_f32((0x1.0000000000000p-3f)));
                const vf32 v92 = v_select_f32(v89, v91, set_f32((-__builtin_inff())));
                const vf32 most11 = v_max_f32(acc11, v92);
                const vf32 base11 = v_select_f32((most11 == set_f32((-__builtin_inff()))), set_f32(0), most11);
                const vf32 scale11 = v_expn_f32(acc11 - base11);
                acc11 = most11;
                const vf32 weight11_0 = v_expn_f32(v92 - base11);
                rest11 = rest11*scale11 + weight11_0;
                for (int64_t e_5 = 0, end_e_5 = 64; e_5 < end_e_5; e_5++) {
                    const float v55 = get_f32(in2[e_5 + 64*j]);
                    acc10[e_5] = acc10[e_5]*scale0 + weight0_0*set_f32(v55);
                    acc21[e_5] = acc21[e_5]*scale11 + weight11_0*set_f32(v55);
                }
            }
        }
        const vf32 sum0 = v_select_f32((v_abs_f32(acc0) < set_f32(__builtin_inff())), acc0 + v_log_f32(rest0), acc0);
        (void)sum0;
        vf32 *const sum10 = acc10;
        for (int64_t slot = 0; slot < 64; slot++)
            sum10[slot] = acc10[slot]/rest0;
        const vf32 sum11 = v_select_f32((v_abs_f32(acc11) < set_f32(__builtin_inff())), acc11 + v_log_f32(rest11), acc11);
        (void)sum11;
        vf32 *const sum21 = acc21;
        for (int64_t slot = 0; slot < 64; slot++)
            sum21[slot] = acc21[slot]/rest11;
        for (int64_t e_6 = 0, end_e_6 = 64; e_6 < end_e_6; e_6++) {
            v_put_f32_f32(out + (64*i + e_6), 64, sum10[e_6], skip_i);
            v_put_f32_f32(out + (64*i + e_6 + 1024), 64, sum21[e_6], skip_i - 16);
        }
    }
}

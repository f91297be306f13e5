/* SPDX-License-Identifier: MIT
 *
 * print_math.c - functions of floats as polynomials, one text for a number
 * and for lanes: `$p` is the type, `$q` integers of its width, `%` the "v_"
 * of lanes in names; see print_helpers.c. Polynomials are minimax fits of our
 * own (Remez), with the terms fixed that make small arguments exact. Bounds
 * are in ulp of the result, measured over all floats (f32) or 10^7 random
 * ones (f64) and rounded up; infinities, NaN and subnormal results are those
 * of the C library, but for expn.
 */
#include <string.h>

#include "codegen/print_mapreduce.h"

#define FN "static inline __attribute__((always_inline, unused)) "

struct template {
    const char *name, *code;
};

static const struct template functions[] = {
    /* 3 ulp. x = n*ln2 + f, e^f of degree 5; 2^n in two steps, so that
     * results round once where they are subnormal. */
    {"exp_f32",
     FN "$p\n@($p x)\n{\n"
        "    const $p shift = #%all_f32(0x1.8p+23f);\n"
        "    const $p r = x*0x1.715476p+0f + shift;\n"
        "    const $p n = r - shift;\n"
        "    const $p f = (x - n*0x1.63p-1f) + n*0x1.bd0106p-13f;\n"
        "    $p p = f*0x1.106274p-7f + 0x1.572a06p-5f;\n"
        "    p = p*f + 0x1.5557aep-3f;\n"
        "    p = p*f + 0x1.fffdfcp-2f;\n"
        "    p = p*f + 1.0f;\n"
        "    p = p*f + 1.0f;\n"
        "    const $q k = ($q)(($o)#%bits_f32(r) - 0x4b400000u);\n"
        "    const $q half = k >> 1;\n"
        "    p *= #%float_f32(($q)(($o)(half + 127) << 23));\n"
        "    p *= #%float_f32(($q)(($o)(k - half + 127) << 23));\n"
        "    p = #%pick_f32(x > 89.0f, #%all_f32(__builtin_inff()), p);\n"
        "    return #%drop_f32(x < -104.0f, p);\n}\n"},
    /* The same for x <= 0 (or NaN), in fewer operations: subnormal results are
     * 0, which is far faster, as sums of such weights meet them often. */
    {"expn_f32",
     FN "$p\n@($p x)\n{\n"
        "    const $p shift = #%all_f32(0x1.8p+23f + 127.0f);\n"
        "    const $p r = x*0x1.715476p+0f + shift;\n"
        "    const $p n = r - shift;\n"
        "    const $p f = (x - n*0x1.63p-1f) + n*0x1.bd0106p-13f;\n"
        "    $p p = f*0x1.106274p-7f + 0x1.572a06p-5f;\n"
        "    p = p*f + 0x1.5557aep-3f;\n"
        "    p = p*f + 0x1.fffdfcp-2f;\n"
        "    p = p*f + 1.0f;\n"
        "    p = p*f + 1.0f;\n"
        "    p *= #%float_f32(($q)(($o)#%bits_f32(r) << 23));\n"
        "    return #%drop_f32(x < -87.33f, p);\n}\n"},
    /* 2 ulp. x = m*2^e, m from sqrt(1/2) to sqrt(2); z = m - 1. */
    {"log_f32",
     FN "$p\n@($p x)\n{\n"
        "    const $q tiny = x < 0x1p-126f;\n"
        "    const $p y = #%pick_f32(tiny, x*0x1p+25f, x);\n"
        "    const $q u = ($q)(($o)#%bits_f32(y) - 0x3f3504f3u);\n"
        "    const $q e = u >> 23;\n"
        "    const $p z = #%float_f32((u & 0x007fffff) + 0x3f3504f3) - 1.0f;\n"
        "    const $p n = #%number_f32(e) +\n"
        "                 #%pick_f32(tiny, #%all_f32(-25.0f), #%all_f32(0));\n"
        "    $p p = z*0x1.145ed6p-4f - 0x1.de4030p-4f;\n"
        "    p = p*z + 0x1.e6ef80p-4f;\n"
        "    p = p*z - 0x1.fc2150p-4f;\n"
        "    p = p*z + 0x1.23376cp-3f;\n"
        "    p = p*z - 0x1.555c52p-3f;\n"
        "    p = p*z + 0x1.99a4b6p-3f;\n"
        "    p = p*z - 0x1.000006p-2f;\n"
        "    p = p*z + 0x1.555548p-2f;\n"
        "    p = p*z*z*z - n*0x1.bd0106p-13f - 0.5f*z*z + z + n*0x1.63p-1f;\n"
        "    p = #%pick_f32(x == __builtin_inff(), x, p);\n"
        "    p = #%pick_f32(x == 0, #%all_f32(-__builtin_inff()), p);\n"
        "    return #%pick_f32((x < 0) | (x != x),\n"
        "                      #%all_f32(__builtin_nanf(\"\")), p);\n}\n"},
    /* 3 ulp. */
    {"tanh_f32",
     FN "$p\n@($p x)\n{\n"
        "    const $p a = #%abs_f32(x), t = x*x;\n"
        "    $p p = 0x1.524ebep-6f - t*0x1.768626p-8f;\n"
        "    p = p*t - 0x1.b8431cp-5f;\n"
        "    p = p*t + 0x1.110760p-3f;\n"
        "    p = p*t - 0x1.555534p-2f;\n"
        "    p = p*t*x + x;\n"
        "    const $p big = 1.0f - 2.0f/(#%exp_f32(2.0f*a) + 1.0f);\n"
        "    const $p sure = #%pick_f32(x < 0, -big, big);\n"
        "    return #%pick_f32(a < 0.625f, p, sure);\n}\n"},
    /* 2 ulp to |x| = 10^4, and as many of 1 near zeros; the library beyond. x
     * = n*pi/2 + f with pi/2 in three parts. */
    {"sin_f32",
     FN "$p\n@($p x)\n{\n    return #%wave_f32(x, #%all_f32(0));\n}\n"},
    {"cos_f32",
     FN "$p\n@($p x)\n{\n    return #%wave_f32(x, #%all_f32(1.0f));\n}\n"},
    {"wave_f32",
     FN "$p\n@($p x, $p turn)\n{\n"
        "    const $p shift = #%all_f32(0x1.8p+23f);\n"
        "    const $p r = x*0x1.45f306p-1f + shift;\n"
        "    const $p n = r - shift;\n"
        "    const $p f = ((x - n*0x1.92p+0f) - n*0x1.fb4p-12f) -\n"
        "                 n*0x1.4442d2p-24f;\n"
        "    const $p t = f*f;\n"
        "    const $q k = #%bits_f32(r + turn);\n"
        "    $p s = 0x1.11075cp-7f - t*0x1.994cfap-13f;\n"
        "    s = s*t - 0x1.555546p-3f;\n"
        "    s = s*t*f + f;\n"
        "    $p c = t*0x1.9a00cep-16f - 0x1.6c0c86p-10f;\n"
        "    c = c*t + 0x1.55554ap-5f;\n"
        "    c = c*t*t - 0.5f*t + 1.0f;\n"
        "    const $p y = #%pick_f32((k & 1) != 0, c, s);\n"
        "    const $p z = #%pick_f32((k & 2) != 0, -y, y);\n"
        "    if (#%far_f32(x))\n"
        "        return #%slow_f32(x, turn, z);\n"
        "    return z;\n}\n"},
    /* 4 ulp: of -|x|, so that small results are not lost in 1/infinity. */
    {"sigmoid_f32",
     FN "$p\n@($p x)\n{\n"
        "    const $p e = #%exp_f32(-#%abs_f32(x));\n"
        "    return #%pick_f32(x < 0, e, #%all_f32(1.0f))/(1.0f + e);\n}\n"},
    {"sigmoid_f64",
     FN "$p\n@($p x)\n{\n"
        "    const $p e = #%exp_f64(-#%abs_f64(x));\n"
        "    return #%pick_f64(x < 0, e, #%all_f64(1.0))/(1.0 + e);\n}\n"},
    /* 2 ulp, of degree 12. */
    {"exp_f64",
     FN "$p\n@($p x)\n{\n"
        "    const $p shift = #%all_f64(0x1.8p+52);\n"
        "    const $p r = x*0x1.71547652b82fep+0 + shift;\n"
        "    const $p n = r - shift;\n"
        "    const $p f = (x - n*0x1.62e42fee00000p-1) -\n"
        "                 n*0x1.a39ef35793c76p-33;\n"
        "    $p p = f*0x1.1e3ce44166498p-29 + 0x1.af6be2ba5ceddp-26;\n"
        "    p = p*f + 0x1.27e5b46e3d831p-22;\n"
        "    p = p*f + 0x1.71ddf023ddc6cp-19;\n"
        "    p = p*f + 0x1.a01a013681198p-16;\n"
        "    p = p*f + 0x1.a01a01b37cf56p-13;\n"
        "    p = p*f + 0x1.6c16c16c304a9p-10;\n"
        "    p = p*f + 0x1.111111110ec61p-7;\n"
        "    p = p*f + 0x1.5555555555503p-5;\n"
        "    p = p*f + 0x1.555555555555bp-3;\n"
        "    p = p*f + 0.5;\n"
        "    p = p*(f*f) + f + 1.0;\n"
        "    const $q k = ($q)(($o)#%bits_f64(r) -\n"
        "                        UINT64_C(0x4338000000000000));\n"
        "    const $q half = k >> 1;\n"
        "    p *= #%float_f64(($q)(($o)(half + 1023) << 52));\n"
        "    p *= #%float_f64(($q)(($o)(k - half + 1023) << 52));\n"
        "    p = #%pick_f64(x > 710.0, #%all_f64(__builtin_inf()), p);\n"
        "    return #%drop_f64(x < -746.0, p);\n}\n"},
    {"expn_f64",
     FN "$p\n@($p x)\n{\n"
        "    const $p y = #%pick_f64(x < -708.0, #%all_f64(-708.0), x);\n"
        "    return #%pick_f64(x < -708.0, #%all_f64(0), #%exp_f64(y));\n"
        "}\n"},
    /* 2 ulp, as fdlibm's: s = z/(2 + z), log(1+z) = 2*s + s*R(s^2). */
    {"log_f64",
     FN "$p\n@($p x)\n{\n"
        "    const $q tiny = x < 0x1p-1022;\n"
        "    const $p y = #%pick_f64(tiny, x*0x1p+54, x);\n"
        "    const $q u = ($q)(($o)#%bits_f64(y) -\n"
        "                        UINT64_C(0x3fe6a09e667f3bcd));\n"
        "    const $q e = u >> 52;\n"
        "    const $p z = #%float_f64((u & INT64_C(0x000fffffffffffff)) +\n"
        "                             INT64_C(0x3fe6a09e667f3bcd)) - 1.0;\n"
        "    const $p n = #%number_f64(e) +\n"
        "                 #%pick_f64(tiny, #%all_f64(-54.0), #%all_f64(0));\n"
        "    const $p s = z/(2.0 + z), t = s*s, h = 0.5*z*z;\n"
        "    $p p = t*0x1.2f081d5ed8182p-3 + 0x1.39a17822774d6p-3;\n"
        "    p = p*t + 0x1.746641627cfcap-3;\n"
        "    p = p*t + 0x1.c71c51fdc98d7p-3;\n"
        "    p = p*t + 0x1.24924941fed02p-2;\n"
        "    p = p*t + 0x1.999999997fcc9p-2;\n"
        "    p = p*t + 0x1.5555555555593p-1;\n"
        "    p = s*(h + p*t) + n*0x1.a39ef35793c76p-33;\n"
        "    p = n*0x1.62e42fee00000p-1 - ((h - p) - z);\n"
        "    p = #%pick_f64(x == __builtin_inf(), x, p);\n"
        "    p = #%pick_f64(x == 0, #%all_f64(-__builtin_inf()), p);\n"
        "    return #%pick_f64((x < 0) | (x != x),\n"
        "                      #%all_f64(__builtin_nan(\"\")), p);\n}\n"},
};

const char *
einc_math_code(const char *base, const char *suffix)
{
    for (size_t k = 0; k < sizeof functions / sizeof *functions; k++) {
        size_t n = strlen(base);
        if (strncmp(functions[k].name, base, n) == 0 &&
            functions[k].name[n] == '_' &&
            strcmp(functions[k].name + n + 1, suffix) == 0)
            return functions[k].code;
    }
    return NULL;
}

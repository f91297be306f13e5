/* SPDX-License-Identifier: MIT
 *
 * print_helpers.c - the functions that kernels of index statements call:
 * loads, stores and conversions of lanes, arithmetic that wraps, reports of
 * strays. In the templates `@` is the name of the function, `#name` another
 * one, which is printed before, `#%name` that for lanes if this is; `$s` the
 * type of one element, `$v` of lanes, `$i` of integers of its width, `$u` and
 * `$w` unsigned; `$p`, `$q`, `$o`: that of this function, its integers, and
 * unsigned; `$n` the number of lanes, `$x` the suffix of the type, `$m`
 * storage, `$t` storage in C.
 */
#include "codegen/print_mapreduce.h"

#include <string.h>

struct printing {
    struct text *t;
    struct helpers *h;
    const char **done;
    int n_done, cap;
    const char *args;
};

/* What a helper is of. */
struct kind {
    const char *name, *base; /* "v_exp_f32", "exp" */
    enum value_type type;
    int wide;
    const char *storage;     /* "f16", of loads and stores */
};

const char *
einc_form_suffix(enum value_type t)
{
    static const char *const names[] = {"i32", "i32", "i64", "f32", "f64"};
    return names[t];
}

const char *
einc_form_name(struct form f)
{
    static const char *const scalar[] = {"int32_t", "int32_t", "int64_t",
                                         "float", "double"};
    static const char *const wide[] = {"vi32", "vi32", "vi64", "vf32",
                                       "vf64"};
    return f.wide ? wide[f.type] : scalar[f.type];
}

static void
push(struct arena *perm, const char ***list, int *n, int *cap,
     const char *name)
{
    if (*n == *cap) {
        int more = *cap ? 2 * *cap : 32;
        const char **copy = NEW(perm, const char *, more);
        for (int k = 0; k < *n; k++)
            copy[k] = (*list)[k];
        *list = copy;
        *cap = more;
    }
    (*list)[(*n)++] = name;
}

static int
is_among(const char *const *list, int n, const char *name)
{
    for (int k = 0; k < n; k++)
        if (strcmp(list[k], name) == 0)
            return 1;
    return 0;
}

const char *
einc_helper(struct helpers *h, const char *fmt, ...)
{
    struct text t = {.perm = h->perm};
    va_list ap;
    va_start(ap, fmt);
    einc_putv(&t, fmt, ap);
    va_end(ap);
    const char *name = einc_text_z(&t);
    if (!is_among(h->names, h->n, name))
        push(h->perm, &h->names, &h->n, &h->cap, name);
    return *h->prefix ? einc_printed(h->perm, "%s%s", h->prefix, name) : name;
}

/* --- templates ---------------------------------------------------------- */

static void print_one(struct printing *p, const char *name);

static int
name_length(const char *s)
{
    int n = 0;
    while ((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= '0' && s[n] <= '9') ||
           s[n] == '_')
        n++;
    return n;
}

static enum einc_dtype
storage_type(const struct kind *k)
{
    return einc_dtype_parse(k->storage);
}

/* One `$` of a template. */
static const char *
expand(const struct printing *p, const struct kind *k, char c)
{
    struct form s = {k->type, 0}, v = {k->type, 1};
    int is_long = k->type == VALUE_F64 || k->type == VALUE_I64;
    switch (c) {
    case 's': return einc_form_name(s);
    case 'v': return einc_form_name(v);
    case 'i': return is_long ? "vi64" : "vi32";
    case 'n': return einc_printed(p->h->perm, "%d", p->h->lanes);
    case 'x': return einc_form_suffix(k->type);
    case 'm': return k->storage;
    case 't': return einc_dtype_info(storage_type(k))->c_type;
    case 'f': return k->type == VALUE_F32 ? "f" : "";
    case 'u': return is_long ? "uint64_t" : "uint32_t";
    case 'w': return is_long ? "vu64" : "vu32";
    case 'p': return expand(p, k, k->wide ? 'v' : 's');
    case 'o': return expand(p, k, k->wide ? 'w' : 'u');
    case 'q':
        return k->wide ? expand(p, k, 'i') : is_long ? "int64_t" : "int32_t";
    case 'a': return p->args;
    default: return "?";
    }
}

/* "name$x" behind a `#`, expanded. */
static int
read_name(const struct printing *p, const struct kind *k, const char *s,
          struct text *name)
{
    int n = s[0] == '%';
    if (n && k->wide)
        einc_put(name, "v_");
    for (;;) {
        int more = name_length(s + n);
        einc_put(name, "%.*s", more, s + n);
        n += more;
        if (s[n] != '$')
            return n;
        einc_put(name, "%s", expand(p, k, s[n + 1]));
        n += 2;
    }
}

static int
is_name(const char *s)
{
    return s[0] == '#' && (s[1] == '%' || (s[1] >= 'a' && s[1] <= 'z'));
}

static int
begins(const char *s, const char *word)
{
    return strncmp(s, word, strlen(word)) == 0;
}

/* NVRTC knows the functions of <math.h> by their names, but none that are
 * built into a compiler of C, and includes nothing. */
static const char *
cuda_code(struct arena *a, const char *code)
{
    static const char *const words[][2] = {
        {"static ", "static __device__ "},
        {"__builtin_inff()", "#inf_f32()"},
        {"__builtin_inf()", "#inf_f64()"},
        {"__builtin_nanf(\"\")", "#nan_f32()"},
        {"__builtin_nan(\"\")", "#nan_f64()"},
        {"__builtin_", ""}};
    enum { N = sizeof words / sizeof words[0] };
    struct text t = {.perm = a};
    while (*code) {
        size_t k = 0;
        while (k < N && !begins(code, words[k][0]))
            k++;
        if (k < N) {
            einc_put(&t, "%s", words[k][1]);
            code += strlen(words[k][0]);
        } else {
            einc_put(&t, "%c", *code++);
        }
    }
    return einc_text_z(&t);
}

static void
print_code(struct printing *p, const struct kind *k, const char *code)
{
    if (p->h->cuda)
        code = cuda_code(p->h->perm, code);
    for (const char *s = code; *s; s++) {
        if (!is_name(s))
            continue;
        struct text name = {.perm = p->h->perm};
        s += read_name(p, k, s + 1, &name);
        print_one(p, einc_text_z(&name));
    }
    struct text *t = p->t;
    for (const char *s = code; *s; s++) {
        struct text name = {.perm = p->h->perm};
        if (*s == '@') {
            einc_put(t, "%s%s", p->h->prefix, k->name);
        } else if (is_name(s)) {
            s += read_name(p, k, s + 1, &name);
            einc_put(t, "%s%s", p->h->prefix, einc_text_z(&name));
        } else if (*s == '$') {
            einc_put(t, "%s", expand(p, k, *++s));
        } else {
            einc_put(t, "%c", *s);
        }
    }
    einc_put(t, "\n");
}

#define FN "static inline __attribute__((always_inline, unused)) "

struct template {
    const char *base;
    const char *scalar, *wide; /* NULL: there is none, or lane by lane */
};

/* Of integers; `int` ones wrap. */
static const struct template integers[] = {
    {"add", FN "$s\n@($s a, $s b)\n{\n    return ($s)(($u)a + ($u)b);\n}\n",
     FN "$v\n@($v a, $v b)\n{\n    return ($v)(($w)a + ($w)b);\n}\n"},
    {"sub", FN "$s\n@($s a, $s b)\n{\n    return ($s)(($u)a - ($u)b);\n}\n",
     FN "$v\n@($v a, $v b)\n{\n    return ($v)(($w)a - ($w)b);\n}\n"},
    {"mul", FN "$s\n@($s a, $s b)\n{\n    return ($s)(($u)a * ($u)b);\n}\n",
     FN "$v\n@($v a, $v b)\n{\n    return ($v)(($w)a * ($w)b);\n}\n"},
    {"max", FN "$s\n@($s a, $s b)\n{\n    return a < b ? b : a;\n}\n",
     FN "$v\n@($v a, $v b)\n{\n    $i k = a < b;\n"
        "    return (k & b) | (~k & a);\n}\n"},
    {"min", FN "$s\n@($s a, $s b)\n{\n    return a > b ? b : a;\n}\n",
     FN "$v\n@($v a, $v b)\n{\n    $i k = a > b;\n"
        "    return (k & b) | (~k & a);\n}\n"},
    /* of the sign of b; 0 by 0 */
    {"mod", FN "$s\n@($s a, $s b)\n{\n"
               "    if (b == 0 || b == -1)\n        return 0;\n"
               "    $s r = a % b;\n"
               "    return r != 0 && (r < 0) != (b < 0) ? r + b : r;\n}\n",
     NULL},
    {"abs", FN "$s\n@($s a)\n{\n    return a < 0 ? #sub_$x(0, a) : a;\n}\n",
     NULL},
    {"sign", FN "$s\n@($s a)\n{\n    return (a > 0) - (a < 0);\n}\n", NULL},
};

/* Of floats, and what is a name of the C library. */
static const struct template floats[] = {
    /* NaN if one is */
    {"max", FN "$s\n@($s a, $s b)\n{\n"
               "    return a >= b || a != a ? a : b;\n}\n",
     FN "$v\n@($v a, $v b)\n{\n    $i k = (a >= b) | (a != a);\n"
        "    return ($v)((k & ($i)a) | (~k & ($i)b));\n}\n"},
    {"min", FN "$s\n@($s a, $s b)\n{\n"
               "    return a <= b || a != a ? a : b;\n}\n",
     FN "$v\n@($v a, $v b)\n{\n    $i k = (a <= b) | (a != a);\n"
        "    return ($v)((k & ($i)a) | (~k & ($i)b));\n}\n"},
    /* of the sign of b; exact but for the last sum, whatever a/b is */
    {"mod", FN "$s\n@($s a, $s b)\n{\n"
               "    const $s r = __builtin_fmod$f(a, b);\n"
               "    return r != 0 && (r < 0) != (b < 0) ? r + b : r;\n}\n",
     NULL},
    {"abs", FN "$s\n@($s a)\n{\n    return __builtin_fabs$f(a);\n}\n",
     FN "$v\n@($v a)\n{\n    $i k = ($i)(a - a);\n"
        "    k = ($i)((~($w)(k ^ k)) >> 1);\n"
        "    return ($v)(($i)a & k);\n}\n"},
    {"sign", FN "$s\n@($s a)\n{\n"
                "    return a > 0 ? 1 : a < 0 ? -1 : a != a ? a : 0;\n}\n",
     NULL},
    {"sqrt", FN "$s\n@($s a)\n{\n    return __builtin_sqrt$f(a);\n}\n", NULL},
    {"rsqrt", FN "$s\n@($s a)\n{\n    return 1/__builtin_sqrt$f(a);\n}\n",
     NULL},
    {"gelu", FN "$s\n@($s a)\n{\n"
                "    return a/2*__builtin_erfc$f(-a*($s)0.70710678118654752440"
                ");\n}\n", NULL},
    {"round", FN "$s\n@($s a)\n{\n    return __builtin_rint$f(a);\n}\n",
     NULL},
    /* pieces of polynomials */
    {"all", FN "$s\n@($s a)\n{\n    return a;\n}\n",
     FN "$v\n@($s a)\n{\n    return a - ($v){0};\n}\n"},
    {"pick", FN "$s\n@(int64_t c, $s a, $s b)\n{\n    return c ? a : b;\n}\n",
     FN "$v\n@($i c, $v a, $v b)\n{\n"
        "    return ($v)((c & ($i)a) | (~c & ($i)b));\n}\n"},
    /* 0 where c, a comparison, holds, else a */
    {"drop", FN "$s\n@(int64_t c, $s a)\n{\n    return c ? 0 : a;\n}\n",
     FN "$v\n@($i c, $v a)\n{\n    return ($v)(~c & ($i)a);\n}\n"},
    {"bits", FN "$q\n@($s a)\n{\n    $q r;\n    memcpy(&r, &a, sizeof r);\n"
                "    return r;\n}\n",
     FN "$i\n@($v a)\n{\n    return ($i)a;\n}\n"},
    {"float", FN "$s\n@($q a)\n{\n    $s r;\n    memcpy(&r, &a, sizeof r);\n"
                 "    return r;\n}\n",
     FN "$v\n@($i a)\n{\n    return ($v)a;\n}\n"},
    {"number", FN "$s\n@($q a)\n{\n    return ($s)a;\n}\n",
     FN "$v\n@($i a)\n{\n    return __builtin_convertvector(a, $v);\n}\n"},
    {"far", FN "int\n@($s a)\n{\n    return !(#abs_$x(a) < 10000);\n}\n",
     FN "int32_t\n@($v a)\n{\n    return #any(~(#v_abs_$x(a) < 10000));\n"
        "}\n"},
    {"slow",
     "static __attribute__((noinline, unused)) $s\n@($s a, $s turn, $s z)\n"
     "{\n    (void)z;\n"
     "    return turn > 0 ? __builtin_cos$f(a) : __builtin_sin$f(a);\n}\n",
     FN "$v\n@($v a, $v turn, $v z)\n{\n    for (int l = 0; l < $n; l++)\n"
        "        if (!(#abs_$x(a[l]) < 10000))\n"
        "            z[l] = #slow_$x(a[l], turn[l], z[l]);\n"
        "    return z;\n}\n"},
    /* to an integer; what does not fit is the nearest, NaN is 0 */
    {"whole64", FN "int64_t\n@($s a)\n{\n"
                   "    if (a >= ($s)0x1p63)\n        return INT64_MAX;\n"
                   "    if (a <= -($s)0x1p63)\n        return INT64_MIN;\n"
                   "    return a != a ? 0 : (int64_t)a;\n}\n",
     FN "vi64\n@($v a)\n{\n    vi64 r = {0};\n    for (int l = 0; l < $n; l++)\n"
        "        r[l] = #whole64_$x(a[l]);\n    return r;\n}\n"},
    {"whole32", FN "int32_t\n@($s a)\n{\n"
                   "    if (a >= ($s)0x1p31)\n        return INT32_MAX;\n"
                   "    if (a <= -($s)0x1p31)\n        return INT32_MIN;\n"
                   "    return a != a ? 0 : (int32_t)a;\n}\n",
     FN "vi32\n@($v a)\n{\n    vi32 r = {0};\n    for (int l = 0; l < $n; l++)\n"
        "        r[l] = #whole32_$x(a[l]);\n    return r;\n}\n"},
};

static const struct template selects[] = {
    {"set", NULL, FN "$v\n@($s a)\n{\n    return a - ($v){0};\n}\n"},
    {"select", NULL,
     FN "$v\n@(vi32 c, $v a, $v b)\n{\n"
        "    $i k = __builtin_convertvector(c, $i);\n"
        "    return ($v)((k & ($i)a) | (~k & ($i)b));\n}\n"},
    {"check", NULL,
     FN "$v\n@(const struct $a *args, int64_t site, $v p, vi32 mask,\n"
        "  int64_t lo, int64_t hi)\n{\n"
        "    for (int l = 0; l < $n; l++)\n"
        "        if (p[l] < lo || p[l] >= hi) {\n"
        "            if (mask[l])\n"
        "                #stray(args, site, p[l]);\n"
        "            p[l] = ($s)(p[l] < lo || hi <= lo ? lo : hi - 1);\n"
        "        }\n    return p;\n}\n"},
};

/* No type in the name. */
static const struct template plain[] = {
    {"stray",
     "static __attribute__((noinline, unused)) void\n"
     "@(const struct $a *args, int64_t site, int64_t p)\n{\n"
     "    int64_t none = 0;\n"
     "    if (__atomic_compare_exchange_n(&args->stray[0], &none, site + 1,\n"
     "                                    0, __ATOMIC_RELAXED,\n"
     "                                    __ATOMIC_RELAXED))\n"
     "        __atomic_store_n(&args->stray[1], p, __ATOMIC_RELAXED);\n}\n",
     NULL},
    {"check",
     FN "int64_t\n@(const struct $a *args, int64_t site, int64_t p,\n"
        "      int64_t lo, int64_t hi)\n{\n"
        "    if (p >= lo && p < hi)\n        return p;\n"
        "    #stray(args, site, p);\n"
        "    return p < lo || hi <= lo ? lo : hi - 1;\n}\n", NULL},
    /* The begin or the end of from:to, which must lie in lo:hi. */
    {"bound",
     FN "int64_t\n@(const struct $a *args, int64_t site, int64_t from,\n"
        "      int64_t to, int64_t lo, int64_t hi, int end)\n{\n"
        "    if (from >= to)\n        return lo;\n"
        "    if (site >= 0 && (from < lo || to > hi))\n"
        "        #stray(args, site, from < lo || from >= hi ? from : hi);\n"
        "    if (end)\n        return to > hi ? hi : to;\n"
        "    return from < lo ? lo : from;\n}\n", NULL},
    {"any",
     FN "int32_t\n@(vi32 c)\n{\n    uint64_t w[$n/2], all = 0;\n"
        "    memcpy(w, &c, sizeof w);\n"
        "    for (int l = 0; l < $n/2; l++)\n        all |= w[l];\n"
        "    return all != 0;\n}\n", NULL},
    {"wrapped",
     FN "int64_t\n@(int64_t p, int64_t n)\n{\n"
        "    const int64_t r = p % n;\n    return r < 0 ? r + n : r;\n}\n",
     NULL},
    {"reflect",
     FN "int64_t\n@(int64_t p, int64_t n)\n{\n"
        "    if (n == 1)\n        return 0;\n"
        "    p %= 2*(n - 1);\n    p = p < 0 ? p + 2*(n - 1) : p;\n"
        "    return p < n ? p : 2*(n - 1) - p;\n}\n", NULL},
    {"half_to_float",
     FN "float\n@(uint16_t h)\n{\n"
        "    const uint32_t sign = (uint32_t)(h & 0x8000) << 16;\n"
        "    const uint32_t rest = (uint32_t)(h & 0x7fff) << 13;\n"
        "    const float tiny = (float)(h & 0x3ff)*0x1p-24f;\n"
        "    uint32_t u, low;\n    float f;\n"
        "    memcpy(&low, &tiny, sizeof low);\n"
        "    u = rest < 0x00800000u ? low : rest + (112u << 23);\n"
        "    u = sign | (rest < 0x0f800000u ? u : rest | 0x7f800000u);\n"
        "    memcpy(&f, &u, sizeof f);\n    return f;\n}\n", NULL},
    {"float_to_half",
     "static __attribute__((unused)) uint16_t\n@(float f)\n{\n"
     "    uint32_t u;\n    memcpy(&u, &f, sizeof u);\n"
     "    const uint32_t sign = u >> 16 & 0x8000;\n"
     "    uint32_t a = u & 0x7fffffffu;\n"
     "    if (a > 0x7f800000u)\n"
     "        return (uint16_t)(sign | 0x7e00 | (a >> 13 & 0x3ff));\n"
     "    if (a >= 0x47800000u)\n"
     "        return (uint16_t)(sign | 0x7c00);\n"
     "    if (a >= 0x38800000u) {\n        a -= 112u << 23;\n"
     "        return (uint16_t)(sign | (a + 0xfff + (a >> 13 & 1)) >> 13);\n"
     "    }\n    if (a < 0x33000000u)\n        return (uint16_t)sign;\n"
     "    const uint32_t m = (a & 0x7fffffu) | 0x800000u;\n"
     "    const uint32_t shift = 126 - (a >> 23), q = m >> shift;\n"
     "    const uint32_t lost = m & ((1u << shift) - 1);\n"
     "    const uint32_t tie = 1u << (shift - 1);\n"
     "    return (uint16_t)(sign | (q + (lost > tie ||\n"
     "                                   (lost == tie && (q & 1)))));\n}\n",
     NULL},
    {"bf16_to_float",
     FN "float\n@(uint16_t h)\n{\n    const uint32_t u = (uint32_t)h << 16;\n"
        "    float f;\n    memcpy(&f, &u, sizeof f);\n    return f;\n}\n",
     NULL},
    {"float_to_bf16",
     FN "uint16_t\n@(float f)\n{\n    uint32_t u;\n"
        "    memcpy(&u, &f, sizeof u);\n"
        "    if ((u & 0x7fffffffu) > 0x7f800000u)\n"
        "        return (uint16_t)(u >> 16 | 0x40);\n"
        "    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1)) >> 16);\n}\n",
     NULL},
};

/* Of a device, in the place of the above. */
static const struct template of_device[] = {
    {"stray",
     "static __attribute__((noinline, unused)) void\n"
     "@(const struct $a *args, int64_t site, int64_t p)\n{\n"
     "    if (args->stray &&\n"
     "        atomicCAS((unsigned long long *)&args->stray[0], 0ull,\n"
     "                  (unsigned long long)(site + 1)) == 0)\n"
     "        args->stray[1] = p;\n}\n", NULL},
    {"inf_f32", FN "float\n@(void)\n{\n    return #float_f32(0x7f800000);\n"
                   "}\n", NULL},
    {"nan_f32", FN "float\n@(void)\n{\n    return #float_f32(0x7fc00000);\n"
                   "}\n", NULL},
    {"inf_f64", FN "double\n@(void)\n{\n"
                   "    return #float_f64(0x7ff0000000000000);\n}\n", NULL},
    {"nan_f64", FN "double\n@(void)\n{\n"
                   "    return #float_f64(0x7ff8000000000000);\n}\n", NULL},
    /* x <= 0 that was rounded itself: the product rounds it once more */
    {"expn_f32", FN "float\n@(float x)\n{\n"
                    "    return #ex2_f32(x*0x1.715476p+0f);\n}\n", NULL},
    {"expn_f64", FN "double\n@(double x)\n{\n    return exp(x);\n}\n",
     NULL},
    /* 2 ulp; subnormal results are 0 */
    {"ex2_f32",
     FN "float\n@(float x)\n{\n# if defined(__CUDA_ARCH__)\n    float y;\n"
        "    asm(\"ex2.approx.ftz.f32 %0, %1;\" : \"=f\"(y) : \"f\"(x));\n"
        "    return y;\n# else\n    return exp2f(x);\n# endif\n}\n", NULL},
};

static const char *
device_code(const struct kind *k)
{
    for (size_t j = 0; j < sizeof of_device / sizeof *of_device; j++)
        if (strcmp(of_device[j].base, k->name) == 0)
            return of_device[j].scalar;
    return NULL;
}

/* --- families ----------------------------------------------------------- */

static const char *
in_table(const struct template *t, size_t n, const struct kind *k)
{
    for (size_t j = 0; j < n; j++)
        if (strcmp(t[j].base, k->base) == 0)
            return k->wide ? t[j].wide : t[j].scalar;
    return NULL;
}

#define IN(table, k) in_table(table, sizeof (table) / sizeof *(table), k)

static int
is_half(const struct kind *k)
{
    return strcmp(k->storage, "f16") == 0 || strcmp(k->storage, "bf16") == 0;
}

/* get_ and put_: one element. */
static void
print_element(struct printing *p, const struct kind *k, int puts)
{
    const char *half = strcmp(k->storage, "f16") == 0 ? "half" : "bf16";
    if (puts && is_half(k))
        print_code(p, k, einc_printed(p->h->perm,
                   FN "void\n@(uint16_t *p, float x)\n{\n"
                   "    *p = #float_to_%s(x);\n}\n", half));
    else if (puts)
        print_code(p, k, FN "void\n@($t *p, $s x)\n{\n    *p = ($t)x;\n}\n");
    else if (is_half(k))
        print_code(p, k, einc_printed(p->h->perm,
                   FN "float\n@(uint16_t x)\n{\n"
                   "    return #%s_to_float(x);\n}\n", half));
    else if (strcmp(k->storage, "bool") == 0)
        print_code(p, k, FN "int32_t\n@(uint8_t x)\n{\n    return x != 0;\n"
                            "}\n");
    else
        print_code(p, k, FN "$s\n@($t x)\n{\n    return ($s)x;\n}\n");
}

/* A float as half a float has it. */
static void
print_rounding(struct printing *p, const struct kind *k)
{
    const char *half = strcmp(k->storage, "f16") == 0 ? "half" : "bf16";
    print_code(p, k, k->wide
        ? FN "$v\n@($v x)\n{\n    for (int l = 0; l < $n; l++)\n"
             "        x[l] = #as_$m(x[l]);\n    return x;\n}\n"
        : einc_printed(p->h->perm,
              FN "float\n@(float x)\n{\n"
              "    return #%s_to_float(#float_to_%s(x));\n}\n", half, half));
}

/* The storage of one row of lanes as a type. */
static void
print_row_type(struct printing *p, const struct kind *k)
{
    const struct dtype_info *d = einc_dtype_info(storage_type(k));
    const char *name = einc_printed(p->h->perm, "row_%s", k->storage);
    if (is_among(p->done, p->n_done, name))
        return;
    push(p->h->perm, &p->done, &p->n_done, &p->cap, name);
    einc_line(p->t, "typedef %s %srow_%s __attribute__((vector_size(%d), "
                    "aligned(%d), may_alias));\n", d->c_type, p->h->prefix,
              k->storage, d->bytes * p->h->lanes, d->bytes);
}

/* "{a, b, ...}" of all lanes; `%d` or none in `each`. */
static const char *
all_lanes(const struct printing *p, const char *before, const char *after)
{
    struct text t = {.perm = p->h->perm};
    for (int l = 0; l < p->h->lanes; l++)
        einc_put(&t, "%s%s%d%s", l ? ",\n        " : "", before, l, after);
    return einc_text_z(&t);
}

static void
print_lane_load(struct printing *p, const struct kind *k)
{
    struct arena *a = p->h->perm;
    int is_bool = strcmp(k->storage, "bool") == 0;
    const char *sign = is_bool ? "-" : "";
    if (strcmp(k->base, "row") == 0 && !is_half(k)) {
        print_row_type(p, k);
        print_code(p, k, is_bool
            ? FN "$v\n@(const $t *p)\n{\n"
                 "    return __builtin_convertvector(*(const #row_$m *)p,\n"
                 "                                   $v) != 0;\n}\n"
            : FN "$v\n@(const $t *p)\n{\n"
                 "    return __builtin_convertvector(*(const #row_$m *)p,\n"
                 "                                   $v);\n}\n");
    } else if (strcmp(k->base, "row") == 0) {
        print_code(p, k, einc_printed(a,
            FN "$v\n@(const $t *p)\n{\n    $s r[$n];\n    $v v;\n"
            "    for (int l = 0; l < $n; l++)\n"
            "        r[l] = #get_$m(p[l]);\n"
            "    memcpy(&v, r, sizeof v);\n    return v;\n}\n"));
    } else if (strcmp(k->base, "apart") == 0) {
        print_code(p, k, einc_printed(a,
            FN "$v\n@(const $t *p, int64_t pace)\n{\n    return ($v){\n"
            "        %s};\n}\n",
            all_lanes(p, einc_printed(a, "%s#get_$m(p[pace*", sign), "])")));
    } else if (strcmp(k->base, "gather") == 0) {
        print_code(p, k, einc_printed(a,
            FN "$v\n@(const $t *p, const int64_t *at)\n{\n    return ($v){\n"
            "        %s};\n}\n",
            all_lanes(p, einc_printed(a, "%s#get_$m(p[at[", sign), "]])")));
    } else {
        print_code(p, k, einc_printed(a,
            FN "$v\n@(const $t *p, int64_t pace, int64_t left)\n{\n"
            "    $s r[$n];\n    $v v;\n"
            "    for (int l = 0; l < $n; l++)\n"
            "        r[l] = %s#get_$m(p[pace*(l < left ? l : left - 1)]);\n"
            "    memcpy(&v, r, sizeof v);\n    return v;\n}\n", sign));
    }
}

static void
print_lane_store(struct printing *p, const struct kind *k)
{
    struct arena *a = p->h->perm;
    int is_bool = strcmp(k->storage, "bool") == 0;
    if (!is_half(k))
        print_row_type(p, k);
    const char *row = is_half(k)
        ? "        for (int l = 0; l < $n; l++)\n"
          "            #put_$m(p + l, x[l]);\n"
        : einc_printed(a, "        *(#row_$m *)p = __builtin_convertvector("
                          "%sx, #row_$m);\n", is_bool ? "-" : "");
    print_code(p, k, einc_printed(a,
        FN "void\n@($t *p, int64_t pace, $v x, int64_t first)\n{\n"
        "    if (pace == 1 && first <= 0) {\n%s        return;\n    }\n"
        "    if (first <= 0) {\n"
        "        for (int l = 0; l < $n; l++)\n"
        "            #put_$m(p + pace*l, %sx[l]);\n"
        "        return;\n    }\n"
        "    for (int l = (int)first; l < $n; l++)\n"
        "        #put_$m(p + pace*l, %sx[l]);\n}\n",
        row, is_bool ? "-" : "", is_bool ? "-" : ""));
}

/* Compensated sums of all lanes, and what each has too much, as one. */
static const char kept_lanes[] =
    FN "$s\n@($v x, $v lost)\n{\n    $s sum = x[0], all = lost[0];\n"
    "    for (int l = 1; l < $n; l++) {\n"
    "        const $s term = x[l] - all, next = sum + term;\n"
    "        all = next - next == 0 ? (next - sum) - term : 0;\n"
    "        all += lost[l];\n        sum = next;\n"
    "    }\n    return sum - all;\n}\n";

/* The same of the threads of a block. */
static const char team_kept[] =
    "static $s\n@($s x, $s own)\n{\n    __shared__ $s all[$n], lost[$n];\n"
    "    all[threadIdx.x] = x;\n    lost[threadIdx.x] = own;\n"
    "    __syncthreads();\n"
    "    $s sum = all[0], over = lost[0];\n"
    "    for (int l = 1; l < $n; l++) {\n"
    "        const $s term = all[l] - over, next = sum + term;\n"
    "        over = next - next == 0 ? (next - sum) - term : 0;\n"
    "        over += lost[l];\n        sum = next;\n"
    "    }\n    __syncthreads();\n    return sum - over;\n}\n";

static const char team_code[] =
    "static $s\n@($s x)\n{\n    __shared__ $s all[$n];\n"
    "    const int l = (int)threadIdx.x;\n    all[l] = x;\n"
    "    __syncthreads();\n"
    "    for (int w = $n/2; w > 0; w /= 2) {\n        if (l < w)\n"
    "            all[l] = %s;\n        __syncthreads();\n    }\n"
    "    x = all[0];\n    __syncthreads();\n    return x;\n}\n";

static const char *
team_op(const char *op, int is_float)
{
    if (strncmp(op, "sum", 3) == 0)
        return is_float ? "all[l] + all[l + w]" : "#add_$x(all[l], all[l + w])";
    if (strncmp(op, "prod", 4) == 0)
        return is_float ? "all[l]*all[l + w]" : "#mul_$x(all[l], all[l + w])";
    if (strncmp(op, "or", 2) == 0)
        return "all[l] | all[l + w]";
    if (strncmp(op, "and", 3) == 0)
        return "all[l] & all[l + w]";
    return strncmp(op, "max", 3) == 0 ? "#max_$x(all[l], all[l + w])"
                                      : "#min_$x(all[l], all[l + w])";
}

/* Halves are put together, until one is left: always in the same order. */
static void
print_across(struct printing *p, const struct kind *k)
{
    struct arena *a = p->h->perm;
    const char *op = k->base + strlen("across_");
    int is_float = k->type == VALUE_F32 || k->type == VALUE_F64;
    if (p->h->cuda && strncmp(op, "kept", 4) != 0) {
        print_code(p, k, einc_printed(a, team_code, team_op(op, is_float)));
        return;
    }
    if (p->h->cuda) {
        print_code(p, k, team_kept);
        return;
    }
    if (strncmp(op, "or", 2) == 0) {
        print_code(p, k, FN "int32_t\n@(vi32 x)\n{\n    return #any(x);\n}\n");
        return;
    }
    if (strncmp(op, "and", 3) == 0) {
        print_code(p, k, FN "int32_t\n@(vi32 x)\n{\n    return !#any(~x);\n"
                            "}\n");
        return;
    }
    if (strncmp(op, "kept", 4) == 0) {
        print_code(p, k, kept_lanes);
        return;
    }
    const char *both = strncmp(op, "sum", 3) == 0
                           ? is_float ? "r[l] + r[l + w]"
                                      : "#add_$x(r[l], r[l + w])"
                       : strncmp(op, "prod", 4) == 0
                           ? is_float ? "r[l]*r[l + w]"
                                      : "#mul_$x(r[l], r[l + w])"
                       : strncmp(op, "max", 3) == 0
                           ? "#max_$x(r[l], r[l + w])"
                           : "#min_$x(r[l], r[l + w])";
    print_code(p, k, einc_printed(a,
        FN "$s\n@($v x)\n{\n    $s r[$n];\n    memcpy(r, &x, sizeof r);\n"
        "    for (int w = $n/2; w > 0; w /= 2)\n"
        "        for (int l = 0; l < w; l++)\n"
        "            r[l] = %s;\n    return r[0];\n}\n", both));
}

static void
print_lane_by_lane(struct printing *p, const struct kind *k, int n_args)
{
    print_code(p, k, n_args == 2
        ? einc_printed(p->h->perm,
            FN "$v\n@($v a, $v b)\n{\n    $s r[$n];\n    $v v;\n"
            "    for (int l = 0; l < $n; l++)\n"
            "        r[l] = #%s_$x(a[l], b[l]);\n"
            "    memcpy(&v, r, sizeof v);\n    return v;\n}\n", k->base)
        : einc_printed(p->h->perm,
            FN "$v\n@($v a)\n{\n    $s x[$n], r[$n];\n    $v v;\n"
            "    memcpy(x, &a, sizeof x);\n"
            "    for (int l = 0; l < $n; l++)\n"
            "        r[l] = #%s_$x(x[l]);\n"
            "    memcpy(&v, r, sizeof v);\n    return v;\n}\n", k->base));
}

static int
args_of(const struct kind *k)
{
    static const char *const two[] = {"pow", "atan2", "mod", "hypot"};
    for (size_t j = 0; j < sizeof two / sizeof *two; j++)
        if (strcmp(two[j], k->base) == 0)
            return 2;
    return 1;
}

static void
print_library_call(struct printing *p, const struct kind *k)
{
    print_code(p, k, args_of(k) == 2
        ? einc_printed(p->h->perm, FN "$s\n@($s a, $s b)\n{\n"
                       "    return __builtin_%s$f(a, b);\n}\n", k->base)
        : einc_printed(p->h->perm, FN "$s\n@($s a)\n{\n"
                       "    return __builtin_%s$f(a);\n}\n", k->base));
}

/* --- one ---------------------------------------------------------------- */

static void
print_wrap(struct printing *p, const struct kind *k)
{
    const char *bits = k->base + strlen("wrapi");
    const char *sign = k->base[4] == 'u' ? "u" : "";
    if (!k->wide)
        print_code(p, k, einc_printed(p->h->perm,
            FN "int64_t\n@(int64_t a)\n{\n    return (%sint%s_t)a;\n}\n",
            sign, bits));
    else
        print_code(p, k, einc_printed(p->h->perm,
            FN "vi64\n@(vi64 a)\n{\n    for (int l = 0; l < $n; l++)\n"
            "        a[l] = (%sint%s_t)a[l];\n    return a;\n}\n", sign,
            bits));
}

static void
print_iota(struct printing *p, const struct kind *k)
{
    print_code(p, k, einc_printed(p->h->perm,
        "static const $v @ __attribute__((unused)) = {\n        %s};\n",
        all_lanes(p, "", "")));
}

/* Two integers to one, without a suffix. */
static int
print_plain(struct printing *p, const struct kind *k)
{
    const char *code = p->h->cuda ? device_code(k) : NULL;
    if (!code)
        code = IN(plain, k);
    if (code) {
        print_code(p, k, code);
        return 1;
    }
    if (k->wide && (strcmp(k->base, "wrapped") == 0 ||
                    strcmp(k->base, "reflect") == 0)) {
        print_code(p, k, einc_printed(p->h->perm,
            FN "vi64\n@(vi64 p, int64_t n)\n{\n"
            "    for (int l = 0; l < $n; l++)\n"
            "        p[l] = #%s(p[l], n);\n    return p;\n}\n", k->base));
        return 1;
    }
    if (strncmp(k->base, "wrapi", 5) == 0 ||
        strncmp(k->base, "wrapu", 5) == 0) {
        print_wrap(p, k);
        return 1;
    }
    return 0;
}

static int
print_storage(struct printing *p, const struct kind *k)
{
    if (!k->storage)
        return 0;
    if (strcmp(k->base, "as") == 0)
        print_rounding(p, k);
    else if (strcmp(k->base, "get") == 0)
        print_element(p, k, 0);
    else if (strcmp(k->base, "put") == 0 && !k->wide)
        print_element(p, k, 1);
    else if (strcmp(k->base, "put") == 0)
        print_lane_store(p, k);
    else
        print_lane_load(p, k);
    return 1;
}

static void
print_typed(struct printing *p, const struct kind *k)
{
    int is_float = k->type == VALUE_F32 || k->type == VALUE_F64;
    const char *code = IN(selects, k);
    if (strcmp(k->base, "set") == 0)
        code = selects[0].wide;
    if (!code)
        code = is_float ? IN(floats, k) : IN(integers, k);
    /* the functions of a device are as fast as these, and as exact */
    if (!code && is_float &&
        (!p->h->cuda || strcmp(k->base, "sigmoid") == 0))
        code = einc_math_code(k->base, einc_form_suffix(k->type));
    if (strcmp(k->base, "iota") == 0)
        print_iota(p, k);
    else if (code)
        print_code(p, k, code);
    else if (strncmp(k->base, "across_", 7) == 0)
        print_across(p, k);
    else if (k->wide)
        print_lane_by_lane(p, k, args_of(k));
    else
        print_library_call(p, k);
}

/* The name taken apart. */
static struct kind
kind_of(const struct printing *p, const char *name)
{
    static const char *const stored[] = {"get_", "put_", "row_", "apart_",
                                         "gather_", "rest_", "as_"};
    struct kind k = {.name = name, .wide = strncmp(name, "v_", 2) == 0};
    const char *rest = name + (k.wide ? 2 : 0), *tail = strrchr(rest, '_');
    k.base = rest;
    for (size_t j = 0; j < sizeof stored / sizeof *stored; j++) {
        size_t n = strlen(stored[j]);
        if (strncmp(rest, stored[j], n) != 0)
            continue;
        const char *end = rest + n;
        int length = name_length(end);
        const char *more = strchr(end, '_');
        if (more)
            length = (int)(more - end);
        k.storage = einc_printed(p->h->perm, "%.*s", length, end);
        k.base = einc_printed(p->h->perm, "%.*s", (int)n - 1, rest);
        k.type = einc_value_type(storage_type(&k));
        if (k.type == VALUE_BOOL)
            k.type = VALUE_I32;
        if (!more)
            return k;
    }
    for (int t = VALUE_I32; tail && t < N_VALUE_TYPES; t++)
        if (strcmp(tail + 1, einc_form_suffix((enum value_type)t)) == 0) {
            k.type = (enum value_type)t;
            if (!k.storage)
                k.base = einc_printed(p->h->perm, "%.*s", (int)(tail - rest),
                                      rest);
            return k;
        }
    return k;
}

static void
print_one(struct printing *p, const char *name)
{
    if (is_among(p->done, p->n_done, name))
        return;
    push(p->h->perm, &p->done, &p->n_done, &p->cap, name);
    struct kind k = kind_of(p, name);
    if (strncmp(name, "row_", 4) == 0 || print_storage(p, &k) ||
        print_plain(p, &k))
        return;
    print_typed(p, &k);
}

void
einc_print_helpers(struct text *t, struct helpers *h, const char *args_struct)
{
    static const char *const names[][3] = {
        {"int32_t", "vi32", "4"}, {"uint32_t", "vu32", "4"},
        {"int64_t", "vi64", "8"}, {"uint64_t", "vu64", "8"},
        {"float", "vf32", "4"},   {"double", "vf64", "8"}};
    struct printing p = {.t = t, .h = h, .args = args_struct};
    int wide = h->lanes > 1 && !h->cuda;
    for (size_t k = 0; wide && k < sizeof names / sizeof *names; k++)
        einc_line(t, "typedef %s %s __attribute__((vector_size(%d)));",
                  names[k][0], names[k][1],
                  (names[k][2][0] - '0') * h->lanes);
    if (wide)
        einc_put(t, "\n");
    for (int k = 0; k < h->n; k++)
        print_one(&p, h->names[k]);
}

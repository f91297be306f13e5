/* SPDX-License-Identifier: MIT
 *
 * Convolutions of two dims: stride, dilation, padding and groups are
 * subscripts, and all of them one statement.
 *
 *   O[n,g,k,h,w] = I[n,m*g+c,pad(sh*h+dh*r-ph,ph),pad(sw*w+dw*s-pw,pw)]
 *                  * W[g,k,c,r,s]
 *
 * n pictures; g groups of m channels; k channels per group come out; r and s
 * run over the window. pad(e, p): e may reach p beyond either end, where the
 * picture is 0. The letters sh .. m that stand for integers are parameters
 * (einc_options.params), and how far h and w run follows from all of this.
 * No matrix of columns is made: where it would be large, the workspace is held
 * against its size. Then what usually comes with it: a bias and ReLU in the
 * same statement, pooling, and the transposed convolution. The data are small
 * integers, so that everything must equal plain loops exactly.
 */
#include <stdio.h>
#include <stdlib.h>

#include <einc.h>

static const char conv2d[] =
    "O[n,g,k,h,w] = I[n,m*g+c,pad(sh*h+dh*r-ph,ph),pad(sw*w+dw*s-pw,pw)]"
    "*W[g,k,c,r,s]";

struct conv {
    const char *name;
    int n, g, m, k, ih, iw, r, s; /* picture ih x iw, window r x s */
    int sh, sw, dh, dw, ph, pw;   /* stride, dilation, padding */
};

static const struct conv convs[] = {
    {"3x3", 2, 1, 8, 16, 28, 28, 3, 3, 1, 1, 1, 1, 0, 0},
    {"3x3, padded", 2, 1, 8, 16, 28, 28, 3, 3, 1, 1, 1, 1, 1, 1},
    {"stride 2", 2, 1, 8, 16, 29, 31, 3, 3, 2, 2, 1, 1, 1, 1},
    {"dilation 2", 2, 1, 8, 16, 28, 28, 3, 3, 1, 1, 2, 2, 2, 2},
    {"7x7, stride 2", 1, 1, 3, 32, 112, 112, 7, 7, 2, 2, 1, 1, 3, 3},
    {"1x1", 2, 1, 16, 32, 14, 14, 1, 1, 1, 1, 1, 1, 0, 0},
    {"4 groups", 2, 4, 4, 8, 20, 20, 3, 3, 1, 1, 1, 1, 1, 1},
    {"depthwise", 2, 16, 1, 1, 20, 20, 3, 3, 1, 1, 1, 1, 1, 1},
    {"1x7, all uneven", 1, 2, 3, 4, 17, 40, 1, 7, 2, 3, 1, 4, 0, 5},
    {"3x3, many", 4, 1, 32, 16, 56, 56, 3, 3, 1, 1, 1, 1, 1, 1},
};

static struct einc_ctx *ctx; /* of one thread: each has a workspace */
static int wrong;

static _Noreturn void
fail(struct einc_err *err)
{
    fputs(einc_err_text(err), stderr);
    einc_err_free(err);
    exit(EXIT_FAILURE);
}

static float *
numbers(int64_t n, int seed)
{
    float *x = malloc((size_t)n * sizeof(*x));

    if (!x)
        exit(EXIT_FAILURE);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)((seed + 7 * i) % 11 - 5);
    return x;
}

/* --- the statement, and loops ------------------------------------------- */

static int64_t
out_size(int n, int window, int stride, int dilation, int pad)
{
    return (n + 2 * pad - dilation * (window - 1) - 1) / stride + 1;
}

static float
one(const struct conv *c, const float *x, const float *f, int n, int g, int k,
    int h, int w)
{
    float sum = 0;

    for (int p = 0; p < c->m; p++)
        for (int r = 0; r < c->r; r++)
            for (int s = 0; s < c->s; s++) {
                const int y = c->sh * h + c->dh * r - c->ph;
                const int z = c->sw * w + c->dw * s - c->pw;
                const int channel = n * c->g * c->m + c->m * g + p;
                if (y >= 0 && y < c->ih && z >= 0 && z < c->iw)
                    sum += x[(channel * c->ih + y) * c->iw + z]
                           * f[(((g * c->k + k) * c->m + p) * c->r + r) * c->s
                               + s];
            }
    return sum;
}

static int
equals_loops(const struct conv *c, const float *x, const float *f,
             const float *o, const int64_t shape[5])
{
    int equal = 1;

    for (int n = 0; n < shape[0]; n++)
        for (int g = 0; g < shape[1]; g++)
            for (int k = 0; k < shape[2]; k++)
                for (int h = 0; h < shape[3]; h++)
                    for (int w = 0; w < shape[4]; w++)
                        equal &= *o++ == one(c, x, f, n, g, k, h, w);
    return equal;
}

static void
convolve(const struct conv *c)
{
    const int64_t x_shape[] = {c->n, c->g * c->m, c->ih, c->iw};
    const int64_t f_shape[] = {c->g, c->k, c->m, c->r, c->s};
    const struct einc_layout in[2] = {EINC_LAYOUT(EINC_F32, 4, x_shape),
                                      EINC_LAYOUT(EINC_F32, 5, f_shape)};
    struct einc_layout out = {.size = sizeof(out)};
    struct einc_plan *plan;
    struct einc_err *err;
    size_t work_bytes;
    char params[100];

    snprintf(params, sizeof(params), "m=%d,sh=%d,sw=%d,dh=%d,dw=%d,ph=%d,"
             "pw=%d", c->m, c->sh, c->sw, c->dh, c->dw, c->ph, c->pw);
    const struct einc_options opts = {.size = sizeof(opts), .params = params};
    if (einc_compile(ctx, conv2d, 2, in, NULL, &opts, &plan, &err))
        fail(err);
    if (einc_plan_layout(plan, &out)
        || einc_plan_workspace(plan, &work_bytes, NULL))
        exit(EXIT_FAILURE);
    const int64_t *s = out.shape;
    const int64_t count = s[0] * s[1] * s[2] * s[3] * s[4];
    float *x = numbers(c->n * c->g * c->m * c->ih * c->iw, 1),
          *f = numbers(c->g * c->k * c->m * c->r * c->s, 5),
          *o = numbers(count, 0);
    if (einc_run(plan, (const void *[]){x, f}, o, NULL, &err))
        fail(err);

    const int exact =
        s[3] == out_size(c->ih, c->r, c->sh, c->dh, c->ph)
        && s[4] == out_size(c->iw, c->s, c->sw, c->dw, c->pw)
        && equals_loops(c, x, f, o, s);
    const double columns = (double)(s[0] * s[3] * s[4] * c->m * c->g * c->r
                                    * c->s) * sizeof(float) / (1 << 20);
    const int small = (double)work_bytes / (1 << 20) < columns / 2;
    wrong += !exact || (columns > 8 && !small);
    printf("%-16s %dx%dx%dx%d -> %dx%dx%dx%d  %s\n", c->name, c->n,
           c->g * c->m, c->ih, c->iw, (int)s[0], (int)(s[1] * s[2]),
           (int)s[3], (int)s[4], exact ? "exact" : "WRONG");
    if (columns > 8)
        printf("%16s columns would be %.1f MiB, the workspace is %s\n", "",
               columns, small ? "less than half of that" : "LARGER");
    einc_plan_free(plan);
    free(x), free(f), free(o);
}

/* --- what comes with it ------------------------------------------------- */

enum { C = 4, K = 6, H = 12, P = 6 }; /* H = 2 * P */

static void
check(const char *name, const char *text, const float *got, const float *want,
      int n)
{
    int exact = 1;

    for (int i = 0; i < n; i++)
        exact &= got[i] == want[i];
    wrong += !exact;
    printf("%s\n    %s\n", text, exact ? name : "WRONG");
}

/* Bias and ReLU after the sum; then the largest of each 2 x 2. */
static void
layer(void)
{
    static const char text[] =
        "A[k,h,w] = relu(sum(I[c,pad(h+r-1,1),pad(w+s-1,1)]*W[k,c,r,s])"
        " + b[k]);\n"
        "O[k,h,w] = max[r,s](A[k,2*h+r,2*w+s]) where r in 0:2, s in 0:2";
    const int64_t shape[3][4] = {{C, H, H}, {K, C, 3, 3}, {K}};
    const struct einc_layout in[3] = {EINC_LAYOUT(EINC_F32, 3, shape[0]),
                                      EINC_LAYOUT(EINC_F32, 4, shape[1]),
                                      EINC_LAYOUT(EINC_F32, 1, shape[2])};
    const struct einc_layout out =
        EINC_LAYOUT(EINC_F32, 3, ((int64_t[]){K, P, P}));
    const struct conv c = {"", 1, 1, C, K, H, H, 3, 3, 1, 1, 1, 1, 1, 1};
    float *x = numbers(C * H * H, 2), *f = numbers(K * C * 9, 3),
          *b = numbers(K, 4), o[K * P * P], want[K * P * P] = {0};
    struct einc_err *err;

    if (einc_einsum(NULL, text, 3, in, (const void *[]){x, f, b}, &out, o,
                    &err))
        fail(err);
    for (int k = 0; k < K; k++)
        for (int h = 0; h < H; h++)
            for (int w = 0; w < H; w++) {
                const float v = one(&c, x, f, 0, 0, k, h, w) + b[k];
                float *most = &want[(k * P + h / 2) * P + w / 2];
                *most = v > *most ? v : *most;
            }
    check("bias, ReLU and max-pool: exact", text, o, want, K * P * P);
    free(x), free(f), free(b);
}

/* Every input point lays its window into the output, which is given: zeroed,
 * and large enough. */
static void
transposed(void)
{
    static const char text[] = "Y[k,2*h+r,2*w+s] += I[c,h,w]*W[c,k,r,s]";
    enum { N = 2 * (P - 1) + 3 };
    const struct einc_layout in[2] = {
        EINC_LAYOUT(EINC_F32, 3, ((int64_t[]){C, P, P})),
        EINC_LAYOUT(EINC_F32, 4, ((int64_t[]){C, K, 3, 3}))};
    const struct einc_layout out =
        EINC_LAYOUT(EINC_F32, 3, ((int64_t[]){K, N, N}));
    float *x = numbers(C * P * P, 2), *f = numbers(C * K * 9, 3);
    float y[K * N * N] = {0}, want[K * N * N] = {0};
    struct einc_err *err;

    if (einc_einsum(NULL, text, 2, in, (const void *[]){x, f}, &out, y, &err))
        fail(err);
    for (int c = 0; c < C; c++)
        for (int k = 0; k < K; k++)
            for (int i = 0; i < P * P * 9; i++) {
                const int h = i / 9 / P, w = i / 9 % P, r = i % 9 / 3;
                const int s = i % 3;
                want[(k * N + 2 * h + r) * N + 2 * w + s] +=
                    x[(c * P + h) * P + w] * f[(c * K + k) * 9 + 3 * r + s];
            }
    check("transposed convolution, stride 2: exact", text, y, want, K * N * N);
    free(x), free(f);
}

int
main(void)
{
    const struct einc_config alone = {.size = sizeof(alone), .threads = 1};
    struct einc_err *err;

    if (einc_ctx_create(&alone, &ctx, &err))
        fail(err);
    for (int i = 0; i < (int)(sizeof(convs) / sizeof(convs[0])); i++)
        convolve(&convs[i]);
    einc_ctx_free(ctx);
    layer();
    transposed();
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

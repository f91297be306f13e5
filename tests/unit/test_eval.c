/* SPDX-License-Identifier: MIT
 *
 * test_eval.c - index statements run by the evaluator: against values worked
 * out by hand, and against the oracle with its bounds, at several thread
 * counts, which must give the same bits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/half.h"
#include "front.h"
#include "parse/resolve.h"
#include "runtime/eval.h"

enum { MAX_TENSORS = 32, MAX_DIMS = 6 };

/* A statement, its operands by number and its outputs. An operand is said as
 * "f32 3x4", then maybe what is in it:
 *   ints     small whole numbers, -4 to 4 (also what integers get)
 *   <7       whole numbers from 0 to 6
 *   seg 20   a rising row from 0 to 20, segments' ends
 *   wild     NaN and infinities between numbers
 *   ties     few different numbers
 * and maybe "rev": strides that are negative, "pad": with gaps. */
struct trial {
    struct front front;
    struct einc_layout in[MAX_TENSORS], out[MAX_TENSORS];
    const struct einc_layout *outs[MAX_TENSORS];
    int64_t shape[2 * MAX_TENSORS][MAX_DIMS];
    int64_t stride[2 * MAX_TENSORS][MAX_DIMS];
    struct param params[8];
    int n_in, n_out, n_params;
    const char *how[MAX_TENSORS];
    const struct program *p;
    char *memory[MAX_TENSORS]; /* of each tensor */
    void *tensor[MAX_TENSORS]; /* its element (0, ...) */
    int64_t bytes[MAX_TENSORS];
    double *error[MAX_TENSORS];
    struct stray stray;
    uint64_t seed;
};

static uint64_t
draw(struct trial *t)
{
    t->seed = t->seed * 6364136223846793005u + 1442695040888963407u;
    return t->seed >> 33;
}

static int64_t
count(const int64_t *shape, int n)
{
    int64_t all = 1;
    for (int d = 0; d < n; d++)
        all *= shape[d];
    return all;
}

/* --- a statement, resolved ---------------------------------------------- */

static void
read_layout(struct trial *t, const char *text, struct einc_layout *l, int k)
{
    char name[8] = "";
    int n = 0, used = 0;
    assert_int_equal(sscanf(text, "%7s%n", name, &used), 1);
    text += used;
    while (isspace((unsigned char)*text))
        text++;
    while (isdigit((unsigned char)*text)) {
        t->shape[k][n++] = strtol(text, (char **)(uintptr_t)&text, 10);
        if (*text == 'x')
            text++;
    }
    *l = (struct einc_layout){sizeof *l, (int32_t)einc_dtype_parse(name), n,
                              0, t->shape[k], NULL};
    assert_int_not_equal(l->dtype, 0);
    int64_t stride = strstr(text, "pad") ? 3 : 1;
    for (int d = n - 1; d >= 0; d--) {
        t->stride[k][d] = strstr(text, "rev") ? -stride : stride;
        stride *= t->shape[k][d];
    }
    if (strstr(text, "rev") || strstr(text, "pad"))
        l->stride = t->stride[k];
}

/* Operands as above, then NULL; then outputs' layouts ("": inferred) and
 * NULL. */
static void
start(struct trial *t, const char *text, va_list args)
{
    const char *s;
    t->n_in = t->n_out = 0;
    while ((s = va_arg(args, const char *))) {
        t->how[t->n_in] = s;
        read_layout(t, s, &t->in[t->n_in], t->n_in);
        t->n_in++;
    }
    while ((s = va_arg(args, const char *))) {
        if (*s)
            read_layout(t, s, &t->out[t->n_out], MAX_TENSORS + t->n_out);
        t->outs[t->n_out] = *s ? &t->out[t->n_out] : NULL;
        t->n_out++;
    }
    front_open(&t->front, 1 << 23);
    t->front.source = str_of(text);
    t->front.stop_after_tree = 1;
    if (front_run(&t->front))
        fail_msg("%s", front_report(&t->front));
    struct bindings b = {.in = t->in, .n_in = t->n_in,
                         .out = t->n_out ? t->outs : NULL, .n_out = t->n_out,
                         .params = t->params, .n_params = t->n_params};
    if (setjmp(t->front.cx.boundary))
        fail_msg("%s", front_report(&t->front));
    t->p = einc_resolve(&t->front.perm, t->front.scratch, t->front.tree, &b);
    assert_true(t->p->n_tensors <= MAX_TENSORS);
}

/* --- data --------------------------------------------------------------- */

static double
number(struct trial *t, const char *how, int64_t i, int64_t n)
{
    const char *seg = strstr(how, "seg");
    const char *below = strchr(how, '<');
    static const double wild[] = {NAN, INFINITY, -INFINITY, 0, 1};
    if (seg)
        return (double)(strtol(seg + 3, NULL, 10) * i / (n > 1 ? n - 1 : 1));
    if (below)
        return (double)(draw(t) % (uint64_t)strtol(below + 1, NULL, 10));
    if (strstr(how, "wild") && draw(t) % 4 == 0)
        return wild[draw(t) % 5];
    if (strstr(how, "ties"))
        return (double)(draw(t) % 3);
    if (strstr(how, "ints"))
        return (double)(draw(t) % 9) - 4;
    return (double)draw(t) / 0x1p30 - 1;
}

static void
put(enum einc_dtype type, char *p, double x, double y)
{
    const int64_t i = x != x ? 0 : x > 1e9 ? 9 : x < -1e9 ? -9 : (int64_t)x;
    switch (type) {
    case EINC_BOOL: *(uint8_t *)p = x > 0; break;
    case EINC_I8: case EINC_U8: *p = (char)i; break;
    case EINC_I16: case EINC_U16: *(int16_t *)(void *)p = (int16_t)i; break;
    case EINC_I32: case EINC_U32: *(int32_t *)(void *)p = (int32_t)i; break;
    case EINC_I64: case EINC_U64: *(int64_t *)(void *)p = i; break;
    case EINC_F16:
        *(uint16_t *)(void *)p = half_f32_to_f16((float)x);
        break;
    case EINC_BF16:
        *(uint16_t *)(void *)p = half_f32_to_bf16((float)x);
        break;
    case EINC_F32: *(float *)(void *)p = (float)x; break;
    case EINC_F64: *(double *)(void *)p = x; break;
    case EINC_C64:
        ((float *)(void *)p)[0] = (float)x;
        ((float *)(void *)p)[1] = (float)y;
        break;
    case EINC_C128:
        ((double *)(void *)p)[0] = x;
        ((double *)(void *)p)[1] = y;
        break;
    case EINC_DTYPE_NONE: break;
    }
}

static double
get(enum einc_dtype type, const char *p, int part)
{
    switch (type) {
    case EINC_BOOL: case EINC_U8: return *(const uint8_t *)p;
    case EINC_I8: return *(const int8_t *)p;
    case EINC_I16: return *(const int16_t *)(const void *)p;
    case EINC_U16: return *(const uint16_t *)(const void *)p;
    case EINC_I32: return *(const int32_t *)(const void *)p;
    case EINC_U32: return *(const uint32_t *)(const void *)p;
    case EINC_I64: return (double)*(const int64_t *)(const void *)p;
    case EINC_U64: return (double)*(const uint64_t *)(const void *)p;
    case EINC_F16: return half_f16_to_f32(*(const uint16_t *)(const void *)p);
    case EINC_BF16:
        return half_bf16_to_f32(*(const uint16_t *)(const void *)p);
    case EINC_F32: return *(const float *)(const void *)p;
    case EINC_F64: return *(const double *)(const void *)p;
    case EINC_C64: return ((const float *)(const void *)p)[part];
    case EINC_C128: return ((const double *)(const void *)p)[part];
    case EINC_DTYPE_NONE: break;
    }
    return 0;
}

/* Byte offset of the i-th element, row-major, from element (0, ...). */
static int64_t
offset_of(const struct tensor *x, int64_t i)
{
    int64_t at = 0;
    for (int d = x->n_dims - 1; d >= 0; d--) {
        at += i % x->shape[d] * x->stride[d];
        i /= x->shape[d];
    }
    return at * einc_dtype_info(x->dtype)->bytes;
}

/* Exactly the memory that a tensor has, for sanitizers. */
static void
allocate(struct trial *t)
{
    for (int k = 0; k < t->p->n_tensors; k++) {
        const struct tensor *x = &t->p->tensors[k];
        int64_t lo = 0, hi = 0, n = count(x->shape, x->n_dims);
        for (int d = 0; d < x->n_dims; d++) {
            int64_t far = (x->shape[d] - 1) * x->stride[d];
            lo += far < 0 ? far : 0;
            hi += far > 0 ? far : 0;
        }
        int bytes = einc_dtype_info(x->dtype)->bytes;
        t->bytes[k] = n ? (hi - lo + 1) * bytes : 0;
        t->memory[k] = calloc(1, t->bytes[k] ? (size_t)t->bytes[k] : 1);
        t->tensor[k] = t->memory[k] - (n ? lo * bytes : 0);
        t->error[k] = calloc((size_t)(2 * n + 1), sizeof(double));
        const char *how = x->kind == TENSOR_OPERAND ? t->how[x->number]
                                                    : "ints";
        if (x->kind != TENSOR_TEMP)
            for (int64_t i = 0; i < n; i++) {
                double a = number(t, how, i, n), b = number(t, how, i, n);
                if (!strchr(how, '<') && !strstr(how, "seg") &&
                    einc_dtype_info(x->dtype)->kind < KIND_FLOAT)
                    a = (double)(draw(t) % 9) -
                        4 * (einc_dtype_info(x->dtype)->kind == KIND_INT);
                put(x->dtype, (char *)t->tensor[k] + offset_of(x, i), a, b);
            }
    }
}

static void
finish(struct trial *t)
{
    for (int k = 0; k < t->p->n_tensors; k++) {
        free(t->memory[k]);
        free(t->error[k]);
    }
    front_close(&t->front);
}

/* --- running ------------------------------------------------------------ */

/* All statements by the evaluator; 1 if it met a stray. */
static int
run(struct trial *t, void *const tensor[], struct pool *pool, int threads)
{
    for (int s = 0; s < t->p->n_stmts; s++) {
        const struct stmt *x = &t->p->stmts[s];
        size_t bytes = (size_t)einc_eval_scratch(t->p, x) * (size_t)threads;
        assert_int_equal(bytes % 64, 0);
        char *scratch = aligned_alloc(64, bytes);
        memset(scratch, 0x5a, bytes);
        int is = einc_eval_run(t->p, x, 0, tensor, scratch, pool, threads,
                               &t->stray);
        free(scratch);
        if (is)
            return 1;
    }
    return 0;
}

/* A copy of all tensors; to be freed by free_copy(). */
static void
copy(const struct trial *t, char *memory[], void *tensor[])
{
    for (int k = 0; k < t->p->n_tensors; k++) {
        memory[k] = malloc(t->bytes[k] ? (size_t)t->bytes[k] : 1);
        memcpy(memory[k], t->memory[k], (size_t)t->bytes[k]);
        tensor[k] = memory[k] + ((char *)t->tensor[k] - t->memory[k]);
    }
}

static void
free_copy(const struct trial *t, char *memory[])
{
    for (int k = 0; k < t->p->n_tensors; k++)
        free(memory[k]);
}

static void
compare(const struct trial *t, const char *text, void *const want[],
        void *const got[])
{
    for (int k = 0; k < t->p->n_tensors; k++) {
        const struct tensor *x = &t->p->tensors[k];
        int64_t n = count(x->shape, x->n_dims);
        int parts =
            einc_dtype_info(x->dtype)->kind == KIND_COMPLEX ? 2 : 1;
        for (int64_t i = 0; i < n * parts; i++) {
            int64_t at = offset_of(x, i / parts);
            double a = get(x->dtype, (const char *)want[k] + at,
                           (int)(i % parts));
            double b = get(x->dtype, (const char *)got[k] + at,
                           (int)(i % parts));
            double e = t->error[k][i];
            if (a == b || (a != a && b != b) || e == INFINITY)
                continue;
            if (!(fabs(a - b) <= e))
                fail_msg("%s: tensor %d, element %lld: %.17g, not %.17g "
                         "within %g",
                         text, k, (long long)(i / parts), b, a, e);
        }
    }
}

/* How many elements of outputs have a bound that is finite. */
static int64_t
count_bounded(const struct trial *t)
{
    int64_t n = 0;
    for (int k = 0; k < t->p->n_tensors; k++) {
        const struct tensor *x = &t->p->tensors[k];
        for (int64_t i = 0; i < count(x->shape, x->n_dims); i++)
            n += x->kind == TENSOR_OUTPUT && t->error[k][i] < INFINITY;
    }
    return n;
}

static void
check_threads(struct trial *t, const char *text, void *const want[])
{
    static const int threads[] = {2, 3};
    struct pool *pool = einc_pool_open(&einc_mem_default, 3);
    for (int i = 0; i < 2; i++) {
        char *memory[MAX_TENSORS];
        void *tensor[MAX_TENSORS];
        copy(t, memory, tensor);
        assert_false(run(t, tensor, pool, threads[i]));
        for (int k = 0; k < t->p->n_tensors; k++)
            if (memcmp(memory[k],
                       (char *)want[k] -
                           ((char *)t->tensor[k] - t->memory[k]),
                       (size_t)t->bytes[k]) != 0)
                fail_msg("%s: other bits with %d threads", text, threads[i]);
        free_copy(t, memory);
    }
    einc_pool_close(pool);
}

/* The evaluator's results lie within the oracle's bounds. */
static void
agree(const char *text, ...)
{
    static struct trial t;
    char *memory[2][MAX_TENSORS];
    void *tensor[2][MAX_TENSORS];
    va_list args;
    t.seed = 7;
    va_start(args, text);
    start(&t, text, args);
    va_end(args);
    allocate(&t);
    copy(&t, memory[0], tensor[0]);
    copy(&t, memory[1], tensor[1]);
    if (einc_ref_program(t.p, &einc_mem_default, tensor[0], 4, t.error,
                         &t.stray))
        fail_msg("%s: the oracle stops: site %lld, position %lld", text,
                 (long long)t.stray.site, (long long)t.stray.position);
    if (run(&t, tensor[1], NULL, 1))
        fail_msg("%s: stray at %lld", text, (long long)t.stray.position);
    compare(&t, text, tensor[0], tensor[1]);
    if (count_bounded(&t) == 0 && t.bytes[t.p->n_tensors - 1])
        fail_msg("%s: nothing was checked", text);
    check_threads(&t, text, tensor[1]);
    free_copy(&t, memory[0]);
    free_copy(&t, memory[1]);
    finish(&t);
}

/* The evaluator stops with this stray. */
static void
strays(int64_t position, const char *text, ...)
{
    static struct trial t;
    char *memory[MAX_TENSORS];
    void *tensor[MAX_TENSORS];
    va_list args;
    t.seed = 7;
    va_start(args, text);
    start(&t, text, args);
    va_end(args);
    allocate(&t);
    struct pool *pool = einc_pool_open(&einc_mem_default, 3);
    for (int threads = 1; threads <= 3; threads++) {
        copy(&t, memory, tensor);
        assert_true(run(&t, tensor, threads > 1 ? pool : NULL, threads));
        assert_int_equal(t.stray.position, position);
        assert_in_range(t.stray.site, 1, t.p->n_sites);
        free_copy(&t, memory);
    }
    einc_pool_close(pool);
    finish(&t);
}

#define NO NULL, NULL

/* --- the language ------------------------------------------------------- */

static void
test_elements(void **state)
{
    (void)state;
    agree("Y[i,j] = X[i,j]*2 + 1", "f32 37x300", NO);
    agree("Y[j,i] = X[i,j]", "f64 40x31", NO);
    agree("Y[i] = X[i] > 0 ? X[i] : -X[i]/3", "f32 1000 wild", NO);
    agree("Y[i,j] = i <= j ? A[i,j] : 0", "f32 17x23", NO);
    agree("Y[i] = X[i]*a + b", "f32 300", "f32", "f64", NO);
    agree("Y[i] = i*X[i]", "f32 300 rev", NO);
    agree("Y[] = 3*X[]", "f64", NO);
    agree("Y[i] = X[2*i+1]", "i64 77", NO);
    agree("Y[i] = (X[i] % 3 == 1) && !(X[i] > 2) || X[i] < -3", "i32 300",
          NO);
    agree("Y[i] = X[i]^3 - X[i]^-2 + X[i]^0", "f64 300", NO);
    agree("Y[i] = f16(X[i]) + f64(X[i])", "f32 300", NO);
    agree("Y[i] = i8(X[i]*50) + u8(X[i])", "i32 300", NO);
}

static void
test_functions(void **state)
{
    static const char *const names[] = {
        "abs(X[i])", "sign(X[i])", "sqrt(abs(X[i]))", "rsqrt(X[i]^2+1)",
        "exp(X[i]*30)", "expm1(X[i])", "log(abs(X[i]))", "log1p(abs(X[i]))",
        "sin(X[i])", "cos(X[i]*9)", "tan(X[i])", "asin(X[i])", "acos(X[i])",
        "atan(X[i])", "atan2(X[i],X[i]+1)", "sinh(X[i])", "cosh(X[i])",
        "tanh(X[i])", "erf(X[i])", "sigmoid(X[i]*9)", "relu(X[i])",
        "gelu(X[i])", "floor(X[i]*9)", "ceil(X[i]*9)", "round(X[i]*9)",
        "step(X[i])", "maximum(X[i],0.5)", "minimum(0.25,X[i])",
        "clamp(X[i],-0.5,0.25)", "isnan(X[i])", "pow(abs(X[i]),1.7)",
        "X[i] % 0.3", "real(X[i])", "imag(X[i])", "conj(X[i])"};
    char text[100];
    (void)state;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        snprintf(text, sizeof text, "Y[i] = %s", names[k]);
        agree(text, "f32 300", NO);
        agree(text, "f64 300", NO);
        agree(text, "f32 300 wild", NO);
    }
    agree("Y[i] = abs(X[i]) + real(X[i])*imag(X[i])", "c64 300", NO);
    agree("Y[i] = conj(X[i])*X[i]/(X[i]+2) - X[i]^3", "c128 300", NO);
    agree("Y[i] = abs(X[i]) + sign(X[i])*relu(X[i]) + X[i] % -3", "i32 300",
          NO);
}

static void
test_types(void **state)
{
    static const char *const types[] = {"bool", "i8", "u8", "i16", "u16",
                                        "i32", "u32", "i64", "u64", "f16",
                                        "bf16", "f32", "f64", "c64",
                                        "c128"};
    char a[40], b[40];
    (void)state;
    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        snprintf(a, sizeof a, "%s 9x300", types[k]);
        snprintf(b, sizeof b, "%s 300x5 rev pad", types[k]);
        agree("C[i,k] = A[i,j]*B[j,k]", a, b, NO);
        agree("C[i] = sum[j](A[i,j])", a, NO);
        agree("C[i] = prod[j](A[i,j])", b, NO);
        if (k > 12)
            continue;
        agree("C[i] = max[j](A[i,j])", a, NO);
        agree("C[j] = min[i](A[i,j])", a, NO);
        agree("C[i] = argmin[j](A[i,j])", a, NO);
        agree("C[j] = argmax[i](A[i,j])", b, NO);
        agree("C[i,q] = kmax[j->q:4](A[i,j])", a, NO);
        agree("C[j] = max[i](A[i,j] if i > 3+j)", b, NO);
        agree("C[j] = min[i](A[i,j] if i > 3+j)", a, NO);
    }
}

static void
test_reductions(void **state)
{
    static const char *const ops[] = {"sum", "prod", "max", "min", "mean",
                                      "any", "all", "count", "argmax",
                                      "argmin", "logsumexp"};
    static const char *const how[] = {"", "wild", "ties", "ints"};
    char text[200], a[40];
    (void)state;
    for (size_t k = 0; k < sizeof ops / sizeof *ops; k++)
        for (size_t h = 0; h < 4; h++) {
            if (k == 1 && h == 1)
                continue; /* nothing is sure of infinity times 0 */
            const char *body = k >= 5 && k < 8 ? "A[i,j] > 0" : "A[i,j]";
            snprintf(a, sizeof a, "f32 %s %s", k == 1 ? "3x6" : "5x600",
                     how[h]); /* products of few, or all is 0 */
            snprintf(text, sizeof text, "y[i] = %s[j](%s)", ops[k], body);
            agree(text, a, NO);
            snprintf(text, sizeof text, "y[j] = %s[i](%s)", ops[k], body);
            agree(text, a, NO);
            snprintf(text, sizeof text, "y[] = %s[j,i](%s)", ops[k], body);
            agree(text, a, NO);
            snprintf(text, sizeof text, "y[i] = %s[j](%s if j > 150*i+1)",
                     ops[k], body);
            agree(text, a, NO);
            snprintf(text, sizeof text, "y[j] = %s[i](%s if A[i,j] < 0.5)",
                     ops[k], body);
            agree(text, a, NO);
        }
    agree("P[i,q] = argkmin[j->q:7](A[i,j])", "f32 9x400 wild", NO);
    agree("P[i,q] = argkmin[j->q:7](A[j,i])", "f32 40x300 ties", NO);
    agree("P[q,i] = kmin[j->q:3](A[j,i])", "f64 40x300 ties", NO);
    agree("P[i,q] = argkmax[j,k->q:5](A[i,j,k])", "f32 4x3x300 ties", NO);
    agree("P[i,q] = argkmax[k,j->q:5](A[i,j,k])", "f32 4x3x300 ties", NO);
    agree("P[i,q] = kmax[j->q:7](A[i,j] if j < i)", "f32 9x9", NO);
    agree("y[i] = argmin[j in 2:300](A[i,j])", "f32 4x300", NO);
    agree("y[i] = argmin[j in -9:200](A[i,j+9])", "f32 4x300", NO);
    agree("y[i,q] = argkmax[j in -9:200->q:30](A[i,j+9])", "f32 40x300", NO);
    agree("y[i] = argmin[k,j in 2:300](A[i,j,k])", "f32 4x300x3", NO);
    agree("y[i] = argmin[k,j](A[i,j,k])", "f32 4x300x3 ties", NO);
}

static void
test_nested(void **state)
{
    (void)state;
    agree("D[i,j] = sum[d]((X[i,d]-Y[j,d])^2)", "f32 30x3", "f32 300x3", NO);
    agree("O[i,e] = sum[j](exp(-sum[d]((X[i,d]-Y[j,d])^2))*B[j,e])",
          "f32 300x3", "f32 70x3", "f32 70x2", NO);
    agree("O[i] = sum[j](exp(-sum[d]((X[i,d]-Y[j,d])^2)))", "f32 9x40",
          "f32 300x40", NO);
    agree("z[i] = logsumexp[j](-sum[d]((X[i,d]-Y[j,d])^2) + g[j])",
          "f32 30x3", "f32 300x3", "f32 300", NO);
    agree("C[i,j] = sum[d](X[i,d]*Y[j,d]) / (sqrt(sum[d](X[i,d]^2))*"
          "sqrt(sum[d](Y[j,d]^2)))", "f32 30x20", "f32 40x20", NO);
    agree("p[i] = argmin[j](sum[d]((X[i,d]-Y[j,d])^2))", "f32 300x3 ints",
          "f32 50x3 ints", NO);
    agree("P[i,q] = argkmin[j->q:3](sum[d]((X[i,d]-Y[j,d])^2))",
          "f32 300x3 ints", "f32 50x3 ints", NO);
    agree("P[b,i,j] = softmax[j](S[b,i,j])", "f32 2x2x290", NO);
    agree("O[b,i,e] = sum[j](softmax[j](sum[d](Q[b,i,d]*K[b,j,d])*scale "
          "if j <= i)*V[b,j,e])", "f32 2x40x8", "f32 2x40x8", "f32",
          "f32 2x40x9", NO);
    agree("S[b,i,j] = sum[d](Q[b,i,d]*K[b,j,d])/sqrt(size(d)); "
          "P[b,i,j] = softmax[j](S[b,i,j]); O[b,i,e] = P[b,i,j]*V[b,j,e]",
          "f32 2x40x8", "f32 2x40x8", "f32 2x40x9", NO);
    agree("a[i] = sum[j,k](exp(x[i]*y[j])*z[k] if k < j)", "f64 20",
          "f64 9", "f64 300", NO);
    agree("a[i] = max[j](sum[k](A[i,j,k])) + min[k](max[j](A[i,j,k]))",
          "f32 20x30x40", NO);
    agree("a[] = sum[i](max[j](A[i,j]))", "f32 20x300", NO);
    agree("mu[i] = mean[j](X[i,j]); s[i] = mean[j]((X[i,j]-mu[i])^2); "
          "Y[i,j] = (X[i,j]-mu[i])*rsqrt(s[i]+1e-5)*g[j]+b[j]", "f32 20x300",
          "f32 300", "f32 300", NO);
    agree("C[i,k] = min[j](A[i,j]+B[j,k])", "f32 20x30", "f32 30x40", NO);
    agree("C[i,k] = M[i] && k > 20 ? sum[j](A[i,j]*B[j,k]) : D[k]",
          "bool 30", "f32 30x20", "f32 20x40", "f32 40", NO);
    agree("C[i,k] = M[i,k] ? 0 : sum[j](A[i,j]*B[j,k]) + sum[j](A[i,j])",
          "bool 3x40", "f32 3x20", "f32 20x40", NO);
    agree("C[i] = sum[k](k > i ? sum[j](A[i,j]*B[j,k]) : "
          "sum[j](A[i,j])^2)", "f32 300x20", "f32 20x40", NO);
    agree("F[k] = sum[n](x[n]*cos(-2*pi*k*n/size(n))) where k in 0:dim(x,0)",
          "f64 50", NO);
}

static void
test_subscripts(void **state)
{
    (void)state;
    agree("Y[n,o,t] = X[n,c,2*t+2*r]*W[o,c,r]", "f32 2x3x300", "f32 4x3x5",
          NO);
    agree("Y[n,o,t] = X[n,c,pad(t+r-1,1)]*W[o,c,r]", "f32 2x3x300",
          "f32 4x3x3", NO);
    agree("Y[t] = sum[r](X[pad(300-t-r,3)]*W[r]) where t in 0:300",
          "f32 300", "f32 3", NO);
    agree("O[n,k,h,w] = I[n,c,pad(2*h+r-1,1),pad(2*w+2*s-2,2)]*W[k,c,r,s]",
          "f32 2x3x9x40", "f32 4x3x3x3", NO);
    agree("O[n,k,h,w] = relu(sum(I[n,c,h+r,w+s]*W[k,c,r,s]) + b[k])",
          "f32 2x3x9x40", "f32 4x3x3x3", "f32 4", NO);
    agree("O[n,g,k,h,w] = I[n,3*g+c,h+r,w+s]*W[g,k,c,r,s]", "f32 2x6x9x20",
          "f32 2x4x3x3x3", NO);
    agree("O[n,c,h,w] = max[r,s](I[n,c,2*h+r,2*w+s]) where r in 0:2, "
          "s in 0:2", "f32 2x3x10x40", NO);
    agree("O[n,c,h,w] = max[r,s](fill(I[n,c,pad(2*h+r-1,1),pad(2*w+s-1,1)],"
          " -inf)) where r in 0:3, s in 0:3", "f32 2x3x10x600 wild", NO);
    agree("O[n,c,h,w] = mean[r,s](I[n,c,2*h+r,2*w+s]) where r in 0:2, "
          "s in 0:2", "f32 2x3x10x40", NO);
    agree("U[n,c,r,s,h,w] = I[n,c,h+r,w+s] where r in 0:3, s in 0:2",
          "i16 2x3x9x20", NO);
    agree("y[t] = sum[r](x[wrap(t-r)]*w[r]) where t in 0:dim(x,0)",
          "f32 40", "f32 30", NO);
    agree("y[t] = sum[r](x[wrap(t-r)]*w[r]) where t in 0:dim(x,0)",
          "f32 300", "f32 30", NO);
    agree("y[t] = x[reflect(t-600)] + x[clamp(2*t-7)] where t in 0:700",
          "f32 301", NO);
    agree("y[t] = x[reflect(t-9)] + x[clamp(t)] where t in 0:20", "f32 1",
          NO);
    agree("Y[i,d] = sum[q](a[i,q]*b[q%2,d])", "f32 2x4", "f32 2x3", NO);
    agree("Y[i,d] = E[K[i],d]", "f32 7x300", "i64 20 <7", NO);
    agree("Y[i] = E[K[i]]", "f32 7", "u8 900 <7", NO);
    agree("Y[i] = E[clamp(K[i]), wrap(2*K[i]+1)]", "f32 7x9", "i32 900", NO);
    agree("o[n,i,k] = sum[j](A[n,i,j]*C[Q[n],j,k])", "f32 20x3x5",
          "f32 6x5x9", "i64 20 <6", NO);
    agree("out[p] = sum[d](A[row[p],d]*B[col[p],d])", "f32 20x9",
          "i32 300 <20", "f32 30x9", "i32 300 <30", NO);
    agree("Y[i] = sum[j](E[K[i]+j] if K[i]+j < 7) where j in 0:9", "f32 7",
          "i64 40 <7", NO);
    agree("Y[i] = sum[j](E[K[j]+i] if K[j]+i < 7) where i in 0:9", "f32 7",
          "i64 40 <7", NO);
}

/* What a guard proves is not read where it does not hold. */
static void
test_guarded(void **state)
{
    (void)state;
    agree("Y[i] = sum[j](X[i-j]*W[j] if j <= i && i-j < 300) "
          "where i in 0:340", "f32 300", "f32 50", NO);
    agree("Y[i] = sum[j](X[i-j] if j <= i) where i in 0:300, j in 0:300",
          "f32 300", NO);
    agree("Y[i] = sum[j](X[i-j]*A[i,j] if j <= i)", "f32 300", "f32 9x300",
          NO);
    agree("Y[i] = sum[j](X[j-i]*A[i,j] if j >= i)", "f32 9", "f32 300x9",
          NO);
    agree("O[i] = sum[j](exp(-sum[d](A[i-j,d]^2)) if j <= i) "
          "where i in 0:70, j in 0:70", "f32 70x3", NO);
}

static void
test_segments(void **state)
{
    (void)state;
    agree("Y[i,d] = sum[p in ptr[i]:ptr[i+1]](val[p]*X[col[p],d])",
          "i64 21 seg 300", "f32 300", "f32 40x70", "i64 300 <40", NO);
    agree("Y[i,d] = sum[p in ptr[i]:ptr[i+1]](val[p]*X[col[p],d])",
          "i32 301 seg 900", "f32 900", "f32 40x3", "i64 900 <40", NO);
    agree("y[c] = sum[p in ptr[c]:ptr[c+1]](x[p])", "i64 6 seg 2000",
          "f32 2000", NO);
    agree("y[c] = argmax[p in ptr[c]:ptr[c+1]](x[p])", "i64 60 seg 40",
          "f32 40 ties", NO);
    agree("y[c] = mean[p in ptr[c]:ptr[c+1]](x[p]) + max[p in ptr[c]:"
          "ptr[c+1]](x[p])", "i64 60 seg 40", "f32 40 ties", NO);
    agree("m[c] = max[p in ptr[c]:ptr[c+1]](S[p]); z[c] = sum[p in ptr[c]:"
          "ptr[c+1]](exp(S[p]-m[c])); P[p] = exp(S[p]-m[seg[p]])/z[seg[p]]",
          "i64 21 seg 300", "f32 300", "i64 300 <20", NO);
    agree("O[i] = sum[s in ptr[c[i]]:ptr[c[i]+1], j in lo[s]:hi[s]]"
          "(exp(-(x[i]-y[j])^2))", "i64 6 seg 9", "i64 70 <5", "i64 9 <30",
          "i64 9 <60", "f32 70", "f32 60", NO);
    agree("y[i] = sum[j in i:i+3](x[j]) where i in 0:50", "f32 52", NO);
    agree("y[i] = sum[j in 0:i+1](x[j]*w[clamp(i-j)]) where i in 0:600",
          "f32 600",
          "f32 600", NO);
}

static void
test_left_sides(void **state)
{
    (void)state;
    agree("C[i,k] += A[i,j]*B[j,k]", "f32 9x20", "f32 20x300", NO);
    agree("C[i,k] = a*sum[j](A[i,j]*B[j,k]) + b*C[i,k]", "f32", "f32 9x20",
          "f32 20x300", "f32", NO);
    agree("C[i] *= A[i,j]", "f64 300x5", NO);
    agree("C[i] max= A[i,j]", "f32 30x5 wild", NO);
    agree("C[j] min= A[i,j]", "i8 30x5", NO);
    agree("Y[n,o,2*t+r] += X[n,c,t]*W[c,o,r]", "f32 2x3x300", "f32 3x4x3",
          NULL, "f32 2x4x601", NULL);
    agree("I[n,c,h+r,w+s] += U[n,c,r,s,h,w]", "f64 2x3x3x2x7x40", NULL,
          "f64 2x3x9x41", NULL);
    agree("H[K[i]] += 1", "i64 2000 <9", NULL, "i32 9", NULL);
    agree("H[K[i]] += 1", "i64 2000 <9", NULL, "f32 9", NULL);
    agree("H[K[i],d] += X[i,d]", "i64 300 <9", "f32 300x70", NULL,
          "f32 9x70", NULL);
    agree("H[K[i]] max= X[i]", "i64 300 <9", "f16 300", NULL, "f16 9", NULL);
    agree("D[i,2] += X[i]", "f32 300", NULL, "f32 300x3", NULL);
    agree("Y[i] = f16(X[i])", "f64 300", NULL, "f16 300 rev", NULL);
}

/* Enough work for many tasks, so that threads share it. */
static void
test_shared(void **state)
{
    (void)state;
    agree("C[i,k] = A[i,j]*B[j,k]", "f32 300x12", "f32 12x60", NO);
    agree("C[k,i] = A[i,j]*B[j,k]", "f32 300x12", "f32 12x60", NO);
    agree("O[e,i] = sum[j](exp(-sum[d]((X[i,d]-Y[j,d])^2))*B[j,e])",
          "f32 900x11", "f32 7x11", "f32 7x2", NO);
    agree("Y[n,o,t] = X[n,c,pad(t+r-1,1)]*W[o,c,r]", "f32 2x3x300",
          "f32 30x3x3", NO);
    agree("P[b,i,j] = softmax[j](S[b,i,j])", "f32 40x20x60", NO);
    strays(7, "Y[i,j] = sum[d](A[i,d]*E[K[j],d])", "f32 400x20", "f32 7x20",
           "i64 300 <8", NO);
}

static void
test_strays(void **state)
{
    (void)state;
    strays(7, "Y[i] = E[K[i]+5]", "f32 7", "i64 3000 <4", NO);
    strays(7, "Y[i,d] = E[7*K[i],d]", "f32 7x3", "i64 3000 <2", NO);
    strays(-1, "H[K[i]-1] += 1", "i64 2000 <9", NULL, "i32 9", NULL);
    strays(40, "y[c] = sum[p in ptr[c]:ptr[c+1]](x[p])", "i64 6 seg 2000",
           "f32 40", NO);
}

/* --- worked out by hand ------------------------------------------------- */

/* Runs a statement on numbers that are given and leaves the last output's in
 * `to`. Operands: as above, each with a pointer to its doubles behind. */
static void
compute(double to[], const char *text, int n_in, const char *const layout[],
        const double *const data[], ...)
{
    static struct trial t;
    va_list args;
    memset(&t, 0, sizeof t);
    va_start(args, data);
    t.n_in = 0;
    for (int k = 0; k < n_in; k++) {
        t.how[k] = layout[k];
        read_layout(&t, layout[k], &t.in[k], k);
    }
    va_end(args);
    t.n_in = n_in;
    front_open(&t.front, 1 << 22);
    t.front.source = str_of(text);
    t.front.stop_after_tree = 1;
    if (front_run(&t.front))
        fail_msg("%s", front_report(&t.front));
    struct bindings b = {.in = t.in, .n_in = n_in};
    if (setjmp(t.front.cx.boundary))
        fail_msg("%s", front_report(&t.front));
    t.p = einc_resolve(&t.front.perm, t.front.scratch, t.front.tree, &b);
    allocate(&t);
    for (int k = 0; k < t.p->n_tensors; k++) {
        const struct tensor *x = &t.p->tensors[k];
        for (int64_t i = 0; x->kind == TENSOR_OPERAND &&
                            i < count(x->shape, x->n_dims); i++)
            put(x->dtype, (char *)t.tensor[k] + offset_of(x, i),
                data[x->number][i], 0);
    }
    assert_false(run(&t, t.tensor, NULL, 1));
    const struct tensor *y = &t.p->tensors[t.p->n_tensors - 1];
    for (int64_t i = 0; i < count(y->shape, y->n_dims); i++)
        to[i] = get(y->dtype, (char *)t.tensor[t.p->n_tensors - 1] +
                                  offset_of(y, i), 0);
    finish(&t);
}

static double
one(const char *text, const char *layout, const double data[])
{
    double y[64];
    compute(y, text, 1, &layout, &data);
    return y[0];
}

static void
assert_near(double got, double want, double within)
{
    if (!(got == want || fabs(got - want) <= within))
        fail_msg("%.17g, not %.17g", got, want);
}

#define ROW(...) ((const double[]){__VA_ARGS__})

/* E39: nothing is reduced. */
static void
test_nothing(void **state)
{
    (void)state;
    assert_near(one("y[] = max[i](x[i])", "f32 0", NULL), -INFINITY,
                        0);
    assert_near(one("y[] = min[i](x[i])", "f32 0", NULL), INFINITY,
                        0);
    assert_near(one("y[] = logsumexp[i](x[i])", "f32 0", NULL),
                        -INFINITY, 0);
    assert_near(one("y[] = prod[i](x[i])", "f32 0", NULL), 1, 0);
    assert_near(one("y[] = sum[i](x[i])", "i32 0", NULL), 0, 0);
    assert_true(isnan(one("y[] = mean[i](x[i])", "f32 0", NULL)));
    assert_near(one("y[] = argmax[i](x[i] if x[i] > 9)", "f32 3",
                            ROW(1, 2, 3)), -1, 0);
    assert_near(one("y[] = max[i](x[i] if x[i] > 9)", "i8 3",
                            ROW(1, 2, 3)), -128, 0);
    assert_near(one("y[] = min[i](x[i] if x[i] > 9)", "u16 3",
                            ROW(1, 2, 3)), 65535, 0);
}

/* E40: NaN wins, and the first of several; the first of equal ones. */
static void
test_nan_and_ties(void **state)
{
    (void)state;
    assert_true(isnan(one("y[] = max[i](x[i])", "f32 3", ROW(1, NAN, 3))));
    assert_true(isnan(one("y[] = min[i](x[i])", "f64 3", ROW(1, NAN, 3))));
    assert_near(one("y[] = argmax[i](x[i])", "f32 4",
                            ROW(1, NAN, NAN, 9)), 1, 0);
    assert_near(one("y[] = argmin[i](x[i])", "f32 4",
                            ROW(1, NAN, NAN, 0)), 1, 0);
    assert_near(one("y[] = argmax[i](x[i])", "f32 5",
                            ROW(1, 7, 3, 7, 7)), 1, 0);
    assert_near(one("y[] = argmin[i](x[i])", "i32 5",
                            ROW(4, 7, 3, 3, 7)), 2, 0);
}

/* E41: logsumexp of -inf, softmax of such a row. */
static void
test_infinities(void **state)
{
    double y[3];
    (void)state;
    assert_near(one("y[] = logsumexp[i](x[i])", "f32 2",
                            ROW(-INFINITY, -INFINITY)), -INFINITY, 0);
    assert_near(one("y[] = logsumexp[i](x[i])", "f32 2",
                            ROW(INFINITY, 1)), INFINITY, 0);
    assert_near(one("y[] = logsumexp[i](x[i])", "f32 3",
                            ROW(1000, 1000, -INFINITY)),
                        1000 + log(2), 1e-4);
    assert_true(isnan(one("y[j] = softmax[j](x[j])", "f32 2",
                          ROW(-INFINITY, -INFINITY))));
    compute(y, "y[j] = softmax[j](x[j])", 1, (const char *[]){"f32 3"},
            (const double *[]){ROW(1000, 1000, -INFINITY)});
    assert_near(y[0], 0.5, 1e-7);
    assert_near(y[2], 0, 0);
}

/* E42: pools pad with what loses, convolutions with 0. */
static void
test_padding(void **state)
{
    double y[3];
    (void)state;
    compute(y, "y[t] = max[r](fill(x[pad(t+r-1,1)], -inf)) where r in 0:3",
            1, (const char *[]){"f32 3"}, (const double *[]){ROW(-5, -2, -9)});
    assert_near(y[0], -2, 0);
    assert_near(y[1], -2, 0);
    assert_near(y[2], -2, 0);
    compute(y, "y[t] = sum[r](x[pad(t+r-1,1)]) where r in 0:3", 1,
            (const char *[]){"f32 3"}, (const double *[]){ROW(1, 2, 4)});
    assert_near(y[0], 3, 0);
    assert_near(y[1], 7, 0);
    assert_near(y[2], 6, 0);
}

/* The error of a sum does not grow with it: 2^24 is where f32 stops counting
 * ones. */
static void
test_long_sums(void **state)
{
    static double ones[1] = {1};
    (void)state;
    assert_near(one("y[] = sum[i](x[0]) where i in 0:20000000",
                            "f32 1", ones), 2e7, 0);
    assert_near(one("y[j] = sum[i](x[0]+j*0) where i in 0:20000000, "
                            "j in 0:2", "f32 1", ones), 2e7, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_subscripts),
        cmocka_unit_test(test_guarded),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_left_sides),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_strays),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_nan_and_ties),
        cmocka_unit_test(test_infinities),
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_long_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * test_mapreduce.c - kernels of index statements, compiled and run, against
 * the oracle: within its error bounds, with the same bits however the tasks
 * are split.
 */
#include "statement.h"

#include "codegen/mapreduce.h"
#include "runtime/cc.h"

struct compiled {
    const struct mapreduce *nest;
    void *handle;
    einc_kernel_fn fn;
    char *scratch;
    int n_numbers;
};

static struct cc cc;
static const struct target *targets[4];
static int n_targets;

static void
compile(struct statement *s, const struct stmt *stmt,
        const struct target *target, struct compiled *k)
{
    if (setjmp(s->cx.boundary))
        fail_msg("out of memory: %s", s->text);
    k->nest = einc_mapreduce_build(&s->perm, s->scratch, s->p, stmt, target,
                                   SIZES_GENERIC);
    assert_non_null(k->nest);
    struct unit u = einc_emit_mapreduce(&s->perm, k->nest);
    if (getenv("EINC_SHOW")) {
        struct text t = {.perm = &s->perm};
        einc_mapreduce_print(&t, k->nest);
        printf("%s%s\n", einc_text_z(&t), u.source);
    }
    const char *flags[32];
    int n = 0;
    for (int f = 0; target->flags[f]; f++)
        if (strcmp(target->flags[f], "-w") != 0)
            flags[n++] = target->flags[f];
    for (int f = 0; u.flags[f]; f++)
        flags[n++] = u.flags[f];
    flags[n++] = "-Wall";
    flags[n++] = "-Wextra";
    flags[n++] = "-Wconversion";
    flags[n++] = "-Wshadow";
    flags[n++] = "-Wno-psabi";
    flags[n++] = "-Werror";
    flags[n] = NULL;
    void *binary;
    size_t bytes;
    struct trouble why = {0};
    if (einc_cc_compile(&cc, &einc_mem_default, u.source, flags, &binary,
                        &bytes, &why) != EINC_OK)
        fail_msg("%s\n%s", s->text, why.text);
    assert_int_equal(einc_cc_load(binary, bytes, &k->handle, &why), EINC_OK);
    mem_free(&einc_mem_default, binary, bytes);
    void *symbol = einc_cc_symbol(k->handle, u.entry);
    memcpy(&k->fn, &symbol, sizeof symbol);
    k->n_numbers = u.n_extents + u.n_strides;
    k->scratch = aligned_alloc(64, (size_t)(u.scratch_bytes + 127) / 64 * 64);
}

static void
release(struct compiled *k)
{
    einc_cc_unload(k->handle);
    free(k->scratch);
}

static void
call(const struct statement *s, const struct compiled *k, void *out,
     int left, int64_t stray[2], int64_t step)
{
    const void *in[STATEMENT_MOST];
    for (int t = 0; t < s->p->n_tensors; t++)
        in[t] = t == left ? out : s->tensor[t];
    int64_t n[200], strides[200];
    struct einc_args args = {.out = out, .in = in, .n = n, .s = strides,
                             .scratch = k->scratch, .stray = stray};
    assert_true(k->n_numbers <= 200);
    int64_t tasks = einc_mapreduce_arguments(k->nest, 1, n, strides);
    for (int64_t t = tasks; t > 0; t -= step)
        k->fn(&args, t > step ? t - step : 0, t);
}

static void
compare(const struct statement *s, int tensor, const void *got,
        const char *target)
{
    const struct tensor *t = &s->p->tensors[tensor];
    int planes = einc_dtype_info(t->dtype)->kind == KIND_COMPLEX ? 2 : 1;
    (void)planes;
    for (int64_t i = 0; i < statement_count(t); i++) {
        double want = statement_get(t->dtype, s->tensor[tensor], i);
        double have = statement_get(t->dtype, got, i);
        double most = s->error[tensor][i];
        if (most == INFINITY || want == have || (isnan(want) && isnan(have)) ||
            fabs(want - have) <= most)
            continue;
        fail_msg("%s [%s]: element %d of '%.*s' is %.9g, not %.9g (%.3g)",
                 s->text, target, (int)i, (int)t->name.n, t->name.p, have,
                 want, most);
    }
}

/* One statement on one target, from what the tensors hold. */
static void
run_statement(struct statement *s, const struct stmt *stmt,
              const struct target *target, void *before)
{
    int left = stmt->left.tensor;
    size_t bytes = (size_t)statement_count(&s->p->tensors[left]) *
                   (size_t)einc_dtype_info(s->p->tensors[left].dtype)->bytes;
    char *one = malloc(bytes + 1), *two = malloc(bytes + 1);
    int64_t stray[2] = {0, 0};
    struct compiled k;
    compile(s, stmt, target, &k);
    memcpy(one, before, bytes);
    memcpy(two, before, bytes);
    call(s, &k, one, left, stray, INT64_MAX / 2);
    call(s, &k, two, left, stray, 1);
    assert_int_equal(stray[0], 0);
    compare(s, left, one, target->name);
    assert_memory_equal(one, two, bytes);
    release(&k);
    free(one);
    free(two);
}

static void
check_data(const char *text, const char *operands, int real)
{
    struct statement s;
    struct stray stray;
    statement_open(&s, text, operands);
    statement_fill(&s, real);
    for (int n = 0; n < s.p->n_stmts; n++) {
        const struct stmt *stmt = &s.p->stmts[n];
        struct program part = *s.p;
        part.stmts = &s.p->stmts[n];
        part.n_stmts = 1;
        int64_t count = statement_count(&s.p->tensors[stmt->left.tensor]);
        void *before = malloc((size_t)count * 16 + 1);
        memcpy(before, s.tensor[stmt->left.tensor], (size_t)count * 16);
        /* what one statement starts from is exact for the next */
        for (int t = 0; t < s.p->n_tensors; t++)
            memset(s.error[t], 0,
                   (size_t)(2 * statement_count(&s.p->tensors[t]) + 1) * 8);
        assert_int_equal(einc_ref_program(&part, &einc_mem_default, s.tensor,
                                          4, s.error, &stray), EINC_OK);
        for (int t = 0; t < n_targets; t++)
            run_statement(&s, stmt, targets[t], before);
        free(before);
    }
    statement_close(&s);
}

static void
check(const char *text, const char *operands)
{
    const char *only = getenv("EINC_ONLY");
    if (only && !strstr(text, only))
        return;
    check_data(text, operands, 0);
    check_data(text, operands, 1);
}

/* --- cases -------------------------------------------------------------- */

static void
maps(void **state)
{
    (void)state;
    check("O[i,j] = A[i,j]*2 + u[i]*v[j]",
          "A f32 19x37, u f32 19, v f32 37");
    check("O[i,j] = A[j,i] > 0 ? A[j,i] : B[i,j]/2",
          "A f32 23x21, B f32 21x23");
    check("O[i,j] = i <= j ? A[i,j] : 0", "A f64 20x33");
    check("O[i] = relu(x[i]) + step(x[i]) + sign(x[i]) + abs(x[i])",
          "x f32 45");
    check("O[i] = maximum(x[i], y[i]) - minimum(x[i], 1) + clamp(y[i],-1,1)",
          "x f64 31, y f64 31");
    check("O[i] = x[i] % 3 + x[i]^3 + (x[i] == 2 || !(x[i] < 0) ? 1 : 0)",
          "x i32 40");
    check("O[i] = floor(x[i]/2) + ceil(x[i]) + round(x[i]*0.5)", "x f32 40");
    check("O[i] = h[i]*s[] + b[i]", "h f16 37, s f32, b bf16 37");
    check("O[i,j] = conj(z[i])*w[j] + z[i]/(w[j]*conj(w[j]) + 1)",
          "z c64 9, w c128 35");
    check("O[i] = i*i - x[i]", "x i64 37");
    check("O[i] = x[i] && y[i] || x[i] != y[i]", "x bool 40, y bool 40");
}

static void
sums(void **state)
{
    (void)state;
    check("C[i,k] = A[i,j]*B[j,k]", "A f32 17x29, B f32 29x35");
    check("C[i,k] = A[i,j]*B[k,j]", "A f64 13x40, B f64 22x40");
    check("y[i] = sum[j](A[i,j])", "A f32 9x1000");
    check("y[j] = sum[i](A[i,j]*w[i])", "A f32 50x37, w f32 50");
    check("t[] = sum[i,j](A[i,j]^2)", "A f32 33x35");
    check("D[i,j] = sum[d]((X[i,d]-Y[j,d])^2)", "X f32 37x3, Y f32 21x3");
    check("D[i,j] = sum[d]((X[i,d]-Y[j,d])^2)", "X f32 33x20, Y f32 41x20");
    check("y[i] = mean[j](A[i,j]) + prod[j](B[i,j])",
          "A f64 7x21, B f64 7x21");
    check("y[i] = max[j](A[i,j]) - min[j](A[i,j])", "A f32 20x43");
    check("y[i] = any[j](A[i,j]) && all[k](A[i,k])", "A bool 20x5");
    check("y[i] = count[j](A[i,j] > 0)", "A f32 20x45");
    check("y[i] = sum[j](A[i,j]*z[j])", "A c64 11x37, z c64 37");
    check("y[i] = sum[j](A[i,j]*B[j,i])", "A i8 11x37, B i16 37x11");
    check("y[i] = max[j](A[i,j])", "A u8 11x37");
    check("y[i] = sum[j](f64(A[i,j]))", "A f16 11x70");
}

static void
kernels(void **state)
{
    (void)state;
    check("O[i,e] = sum[j](exp(-sum[d]((X[i,d]-Y[j,d])^2))*B[j,e])",
          "X f32 70x3, Y f32 50x3, B f32 50x2");
    check("O[i,e] = sum[j](exp(-sum[d]((X[i,d]-Y[j,d])^2))*B[j,e])",
          "X f32 40x20, Y f32 21x20, B f32 21x12");
    check("O[i] = sum[j](exp(-sum[d]((X[i,d]-Y[j,d])^2)/4)*b[j])",
          "X f64 40x5, Y f64 21x5, b f64 21");
    check("C[i,j] = sum[d](X[i,d]*Y[j,d]) / (sqrt(sum[d](X[i,d]^2)) * "
          "sqrt(sum[d](Y[j,d]^2)))", "X f32 35x18, Y f32 33x18");
    check("z[i] = logsumexp[j](-sum[d]((X[i,d]-Y[j,d])^2) + g[j])",
          "X f32 40x3, Y f32 37x3, g f32 37");
    check("O[i,e] = sum[j](softmax[j](sum[d](Q[i,d]*K[j,d])/4)*V[j,e])",
          "Q f32 40x12, K f32 29x12, V f32 29x12");
    check("O[i,e] = sum[j](softmax[j](sum[d](Q[i,d]*K[j,d]) if j <= i)*"
          "V[j,e])", "Q f32 40x12, K f32 40x12, V f32 40x3");
    check("P[i,j] = softmax[j](S[i,j])", "S f32 20x37");
    check("P[i,j] = softmax[j](S[i,j])", "S f64 6x5"); /* no lanes */
    check("O[i,e] = sum[j](softmax0[j](S[i,j] if S[i,j] > 3)*V[j,e])",
          "S f32 40x9, V f32 9x3");
    check("Y[i,j] = (X[i,j]-mean[k](X[i,k]))*rsqrt(mean[k]((X[i,k] - "
          "mean[l](X[i,l]))^2)+1e-5)*g[j]+b[j]",
          "X f32 9x67, g f32 67, b f32 67");
    check("O[i,e] = sum[a](sum[b](sum[c](sum[d](exp(A[i,a]*B[a,b]+C[b,c]*"
          "D[c,d]+E[d,e])))))",
          "A f32 300x3, B f32 3x4, C f32 4x4, D f32 4x4, E f32 4x8");
    check("y[i] = sum[j](A[i,j]*sum[k](B[j,k]*sum[l](C[k,l])))",
          "A f32 7x9, B f32 9x11, C f32 11x40");
}

static void
best_ones(void **state)
{
    (void)state;
    check("p[i] = argmin[j](sum[d]((X[i,d]-Y[j,d])^2))",
          "X f32 40x3, Y f32 37x3");
    check("p[i] = argmax[j](A[i,j])", "A f32 9x75");
    check("p[i] = argmax[j,k](A[i,j,k])", "A i32 9x6x21");
    check("P[i,q] = argkmin[j->q:3](sum[d]((X[i,d]-Y[j,d])^2))",
          "X f32 40x3, Y f32 37x3");
    check("P[i,q] = kmax[j->q:4](A[i,j])", "A f32 19x33");
    check("P[i,q] = kmax[j->q:4](A[i,j] if A[i,j] > 1)", "A f32 19x13");
    check("P[i,q] = argkmax[j->q:5](A[i,j] if M[i,j])",
          "A f64 19x13, M bool 19x13");
    check("p[i] = argmax[j](A[i,j] if A[i,j] > 3)", "A f32 9x35");
    /* letters that a kernel might have names of its own for */
    check("P[x,q] = argkmin[n->q:3](sum[l]((X[x,l]-Y[n,l])^2)+n)",
          "X f32 40x9, Y f32 37x9");
    check("p[n] = argmax[x](A[n,x])", "A f32 9x75");
    check("Y[l,n] = E[K[l],n]*K[n]", "E f32 9x40, K i64 40 <9");
}

static void
guards(void **state)
{
    (void)state;
    check("y[i] = sum[j](A[i,j] if j <= i)", "A f32 41x41");
    check("y[i] = sum[j](A[i,j]*x[j] if j > i - 3 && j < i + 4)",
          "A f32 50x50, x f32 50");
    check("y[i] = sum[j](A[i,j] if M[i,j])", "A f32 20x37, M bool 20x37");
    check("C[i,k] = M[i,k] ? sum[j](A[i,j]*B[j,k]) : 0",
          "M bool 20x37, A f32 20x9, B f32 9x37");
    check("y[i] = sum[j](M[i,j] ? sum[k](abs(A[i,k]-B[j,k])) : A[i,0])",
          "M bool 40x21, A f32 40x9, B f32 21x9");
    check("y[i] = sum[j](M[i,j] ? A[i,0] : sum[k](abs(A[i,k]-B[j,k])))",
          "M bool 40x21, A f32 40x9, B f32 21x9");
    check("y[i] = sum[j](M[i,j] ? max[k](A[i,k]+B[j,k]) "
          ": prod[k](A[i,k]-B[j,k]))", "M bool 40x21, A i64 40x9, B i64 21x9");
    check("y[i] = sum[j](A[K[j],i] if K[j] < 7)",
          "A f32 12x37, K i64 20 <12");
    check("y[i] = mean[j](A[i,j] if A[i,j] > 0)", "A f32 20x37");
    check("y[i] = logsumexp[j](A[i,j] if A[i,j] > 2)", "A f32 20x9");
    check("y[i] = max[j](A[i,j] if A[i,j] > 2)", "A i8 20x3");
    check("y[i] = max[j](-A[i,j] if A[i,j] > 1)", "A u32 20x3 <4");
    check("O[i,t] = sum[k](A[i,k]*B[i+t,k]) where t in 0:5",
          "A f32 16x20, B f32 20x20");
}

static void
subscripts(void **state)
{
    (void)state;
    check("Y[n,o,t] = X[n,c,pad(t+r-1,1)]*W[o,c,r]",
          "X f32 2x3x40, W f32 4x3x3");
    check("Y[o,t] = X[c,2*t+2*r]*W[o,c,r]", "X f32 3x90, W f32 4x3x3");
    check("O[c,h,w] = max[r,s](fill(X[c,pad(2*h+r-1,1),pad(2*w+s-1,1)], "
          "-inf)) where r in 0:3, s in 0:3", "X f32 2x11x41");
    check("y[t] = sum[r](x[wrap(t-r)]*w[r]) where t in 0:dim(x,0)",
          "x f32 40, w f32 5");
    check("y[t] = sum[r](x[reflect(t+r-3)]+x[clamp(t-r)]) "
          "where t in 0:dim(x,0), r in 0:7", "x f64 40");
    check("Y[i,d] = E[K[i],d]", "E f32 9x40, K i64 30 <9");
    check("out[p] = sum[d](A[row[p],d]*B[col[p],d])",
          "A f32 9x40, B f32 8x40, row i32 30 <9, col i64 30 <8");
    check("Y[i,d] = sum[p in ptr[i]:ptr[i+1]](val[p]*X[col[p],d])",
          "ptr i64 21 >60, val f32 60, col i32 60 <15, X f32 15x37");
    check("m[c] = max[p in ptr[c]:ptr[c+1]](S[p])", "ptr i32 9 >80, S f32 80");
    check("y[i] = sum[p in ptr[i]:ptr[i+1]](val[p]*x[col[p]])",
          "ptr i64 5 >160, val f32 160, col i32 160 <15, x f32 15");
    check("O[i,d] = sum[q](a[i,q]*b[q%2,d])", "a f32 5x12, b f32 2x33");
    check("U[c,r,s,h,w] = I[c,h+r,w+s] where r in 0:3, s in 0:2",
          "I f32 2x9x40");
}

static void
writes(void **state)
{
    (void)state;
    check("C[i,k] += A[i,j]*B[j,k]", "C f32 9x37, A f32 9x5, B f32 5x37");
    check("C[i,k] = 2*sum[j](A[i,j]*B[j,k]) + 3*C[i,k]",
          "C f32 9x37, A f32 9x5, B f32 5x37");
    check("m[i] max= A[i,j]", "m f32 21, A f32 21x9");
    check("H[K[i]] += 1", "H i32 10, K i64 50 <10");
    check("H[K[i],d] += X[i,d]", "H f32 10x20, K i32 50 <10, X f32 50x20");
    check("Y[2*t+r] += X[t]*W[r]", "Y f32 83, X f32 41, W f32 3");
    /* rows meet in 3*h+r, and are apart in 4*h+r */
    check("I[c,3*h+r,w+s] += U[c,h,r,w,s]",
          "I f32 2x13x39, U f32 2x4x4x37x3");
    check("I[c,4*h+r,w+s] += U[c,h,r,w,s]",
          "I f32 2x16x39, U f32 2x4x4x37x3");
    check("I[h-r+2,42-w] *= U[r,h,w]", "I f64 7x43, U f64 3x5x40");
    check("H[d,K[i]] += X[i,d]", "H f32 20x10, K i32 50 <10, X f32 50x20");
    check("H[K[i]+d] max= X[i,d]", "H f32 29, K i32 50 <10, X f32 50x20");
    check("z[i] *= w[i]", "z c64 21, w c64 21");
    check("z[i] = prod[j](A[i,j]+1) + prod[j in 0:3](A[i,j])",
          "A c64 21x9");
}

/* --- polynomials -------------------------------------------------------- */

/* A function, and by how many ulp its kernels may be off; `most`: for
 * arguments up to that. */
struct polynomial {
    const char *name;
    long double (*fn)(long double);
    double ulps, most;
};

static long double
sigmoid(long double x)
{
    return 1 / (1 + expl(-x));
}

static const struct polynomial polynomials[] = {
    {"exp", expl, 3, INFINITY},   {"log", logl, 2, INFINITY},
    {"tanh", tanhl, 3, INFINITY}, {"sin", sinl, 2, 10000},
    {"cos", cosl, 2, 10000},      {"sigmoid", sigmoid, 4, INFINITY},
};

enum { POINTS = 1 << 20 };

/* Bits in even steps over all floats, infinities and NaN among them. */
static void
fill_floats(struct statement *s, int bytes)
{
    for (int64_t i = 0; i < POINTS; i++) {
        uint32_t low = (uint32_t)i * 4096 + (uint32_t)(i % 4093);
        uint64_t high = (uint64_t)i << 44 | (statement_random(s) & 0xfffff);
        if (bytes == 4)
            memcpy((char *)s->tensor[0] + 4 * i, &low, 4);
        else
            memcpy((char *)s->tensor[0] + 8 * i, &high, 8);
    }
}

/* Of the value that is right, as a float of `bits` with the least normal
 * `tiny`. Near the zeros of sin and cos ulps are those of 1. */
static double
ulps_off(const struct polynomial *f, double got, double x, int bits,
         double tiny)
{
    long double want = f->fn((long double)x);
    double size = fmax(fabs((double)want), tiny);
    int exponent;
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0 : INFINITY;
    if ((long double)got == want)
        return 0;
    if (isinf(got)) /* what rounds to it */
        return bits == 24 ? (fabs((double)want) > 0x1.fffffep127 ? 0 : 1e9)
                          : (isinf((double)want) ? 0 : 1e9);
    if (isfinite(f->most))
        size = fmax(size, fmin(1, fabs(x)));
    frexp(size, &exponent);
    return (double)fabsl((long double)got - want) /
           ldexp(1, exponent - bits);
}

static void
check_polynomial(const struct polynomial *f, int bytes,
                 const struct target *target)
{
    struct statement s;
    struct compiled k;
    char text[64], operands[64];
    int64_t stray[2] = {0, 0};
    double worst = 0, at = 0;
    snprintf(text, sizeof text, "O[i] = %s(x[i])", f->name);
    snprintf(operands, sizeof operands, "x f%d %d", 8 * bytes, POINTS);
    statement_open(&s, text, operands);
    statement_fill(&s, 1);
    fill_floats(&s, bytes);
    compile(&s, &s.p->stmts[0], target, &k);
    call(&s, &k, s.tensor[1], 1, stray, INT64_MAX / 2);
    enum einc_dtype t = bytes == 4 ? EINC_F32 : EINC_F64;
    for (int64_t i = 0; i < POINTS; i++) {
        double x = statement_get(t, s.tensor[0], i);
        double off = fabs(x) > f->most
                         ? 0
                         : ulps_off(f, statement_get(t, s.tensor[1], i), x,
                                    bytes == 4 ? 24 : 53,
                                    bytes == 4 ? 0x1p-126 : 0x1p-1022);
        if (off > worst) {
            worst = off;
            at = x;
        }
    }
    if (getenv("EINC_SHOW"))
        printf("%s f%d %s: %.3f ulp at %.9g\n", f->name, 8 * bytes,
               target->name, worst, at);
    if (worst > f->ulps)
        fail_msg("%s of f%d [%s]: %.3f ulp at %.17g", f->name, 8 * bytes,
                 target->name, worst, at);
    release(&k);
    statement_close(&s);
}

static void
functions(void **state)
{
    (void)state;
    for (size_t f = 0; f < sizeof polynomials / sizeof *polynomials; f++)
        for (int t = 0; t < n_targets; t++)
            for (int bytes = 4; bytes <= 8; bytes += 4)
                check_polynomial(&polynomials[f], bytes, targets[t]);
}

/* --- how much there is to do --------------------------------------------- */

/* The points that a plan counts and what each takes, to a quarter or so: bounds
 * and what is done once for many points go on top. Ranges of data have no
 * length until a run: what the sizes say of it. */
static void
counts(void **state)
{
    static const struct {
        const char *text, *operands;
        double points, each;
    } all[] = {
        {"Y[i] = sum[p in ptr[i]:ptr[i+1]](val[p]*w[p])",
         "ptr i64 101 >60000, val f32 60000, w f32 60000", 60000, 4},
        /* 40 groups of 25 intervals, of which each may be all of V: between
         * that and a thousandth of it, which is 5000/32 */
        {"O[i] = sum[s in ptr[cl[i]]:ptr[cl[i]+1], j in lo[s]:hi[s]](V[j]*W[j])",
         "ptr i64 41 >1000, cl i64 5000 <40, lo i64 1000 <9, hi i64 1000 <9, "
         "V f32 5000, W f32 5000", 5000.0 * 25 * 160, 4},
        {"y[b] = sum[j in 0:n[b]](x[b,j]*z[b,j])",
         "n i64 80 <999, x f32 80x1000, z f32 80x1000", 80 * 500, 4},
        /* half of the terms, in a softmax and in what it weighs */
        {"y[i] = sum[j](x[i,j]*z[j] if j <= i)", "x f32 400x400, z f32 400",
         400 * 200, 4},
        {"y[i] = sum[j](softmax[j](x[i,j] if j <= i)*z[j])",
         "x f32 400x400, z f32 400", 400 * 200, 19},
        {"y[i,j] = softmax[j](x[i,j])", "x f32 400x400", 400 * 400,
         16 + 18}, /* two passes */
        {"y[i] = logsumexp[j](x[i,j])", "x f32 400x400", 400 * 400, 18},
        /* a comparison of each term with the worst of the 10 best */
        {"p[i,q] = argkmin[j->q:10](x[j]*z[i,j])", "x f32 5000, z f32 90x5000",
         90 * 5000, 4.2},
        {"y[i] = sum[j](x[i,j] > 0 ? exp(x[i,j]) : 0)", "x f32 400x400",
         400 * 400, 5 + 8},
    };
    (void)state;
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        struct statement s;
        statement_open(&s, all[k].text, all[k].operands);
        double flop = einc_mapreduce_flop(einc_mapreduce_build(
            &s.perm, s.scratch, s.p, &s.p->stmts[0],
            einc_target_find(str_of("avx512")), SIZES_GENERIC));
        double want = all[k].points * all[k].each;
        if (flop < 0.75 * want || flop > 1.5 * want)
            fail_msg("%s: %g flop, not %g", all[k].text, flop, want);
        statement_close(&s);
    }
}

/* --- printed kernels ---------------------------------------------------- */

/* Kernels as they are printed for avx512, under tests/golden. */
static const char *const goldens[][3] = {
    {"gauss", "O[i] = sum[j](exp(-sum[d]((X[i,d]-Y[j,d])^2))*b[j])",
     "X f32 1000x3, Y f32 900x3, b f32 900"},
    {"attention", "O[i,e] = sum[j](softmax[j](sum[d](Q[i,d]*K[j,d])*0.125 "
                  "if j <= i)*V[j,e])",
     "Q f32 256x64, K f32 256x64, V f32 256x64"},
    {"nearest", "P[i,q] = argkmin[j->q:3](sum[d]((X[i,d]-Y[j,d])^2))",
     "X f32 1000x3, Y f32 900x3"},
    {"csr", "Y[i,d] = sum[p in ptr[i]:ptr[i+1]](val[p]*X[col[p],d])",
     "ptr i64 101 >600, val f32 600, col i32 600 <50, X f32 50x64"},
};

static void
check_golden(const char *name, const char *text, const char *operands)
{
    char path[100], *want = calloc(1, 1 << 20);
    struct statement s;
    statement_open(&s, text, operands);
    if (setjmp(s.cx.boundary))
        fail_msg("out of memory");
    struct unit u = einc_emit_mapreduce(
        &s.perm, einc_mapreduce_build(&s.perm, s.scratch, s.p,
                                      &s.p->stmts[0],
                                      einc_target_find(str_of("avx512")),
                                      SIZES_GENERIC));
    snprintf(path, sizeof path, "tests/golden/%s.kernel.c", name);
    const char *write = getenv("EINC_GOLDEN");
    if (write && strcmp(write, "write") == 0) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        fwrite(u.source, 1, (size_t)u.source_bytes, f);
        fclose(f);
    }
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(want, 1, (1 << 20) - 1, f);
    fclose(f);
    assert_int_equal((int64_t)n, u.source_bytes);
    assert_memory_equal(want, u.source, n);
    free(want);
    statement_close(&s);
}

static void
golden(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof goldens / sizeof *goldens; k++)
        check_golden(goldens[k][0], goldens[k][1], goldens[k][2]);
}

static int
open_targets(void **state)
{
    char isa[16];
    struct trouble why = {0};
    (void)state;
    einc_cc_isa(isa, sizeof isa);
    const char *wanted = getenv("EINC_TARGET");
    targets[n_targets++] =
        einc_target_find(str_of(wanted ? wanted : isa));
    if (!wanted)
        targets[n_targets++] = einc_target_find(str_of("generic"));
    return einc_cc_find(NULL, &cc, &why) == EINC_OK ? 0 : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps),      cmocka_unit_test(sums),
        cmocka_unit_test(kernels),   cmocka_unit_test(best_ones),
        cmocka_unit_test(guards),    cmocka_unit_test(subscripts),
        cmocka_unit_test(writes),    cmocka_unit_test(functions),
        cmocka_unit_test(counts),    cmocka_unit_test(golden),
    };
    return cmocka_run_group_tests(tests, open_targets, NULL);
}

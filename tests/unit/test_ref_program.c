/* SPDX-License-Identifier: MIT
 *
 * test_ref_program.c - the oracle of index statements against values worked
 * out by hand: LANGUAGE E23, E29-E32, E39-E42 and settled choice 8.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/half.h"
#include "parse/resolve.h"
#include "runtime/ref_program.h"

enum { MOST = 8, ROOM = 64, MEMORY = 1 << 20 };
#define INF HUGE_VAL

/* An operand, dense; values by row, complex as pairs. */
struct given {
    const char *name;
    enum einc_dtype dtype;
    int rank;
    int64_t shape[3];
    const double *values;
};

#define V(...) ((const double[]){__VA_ARGS__})
#define F32_1(n) EINC_F32, 1, {n}
#define F32_2(m, n) EINC_F32, 2, {m, n}
#define I64_1(n) EINC_I64, 1, {n}
#define BOOL_2(m, n) EINC_BOOL, 2, {m, n}

/* A run: what is asked, what came of it. */
struct run {
    const char *text;
    const struct given *in;
    int n_in;
    const struct given *out;  /* NULL, or given: shape, type, what is there */
    struct cx cx;
    char *memory;
    const struct program *p;
    enum einc_status status;
    struct stray stray;
    double *tensor[MOST];     /* memory of each; wide enough for any type */
    double error[MOST][2 * ROOM];
};

static void
put(enum einc_dtype t, void *p, int64_t i, const double *v)
{
    switch (t) {
    case EINC_BOOL: ((uint8_t *)p)[i] = v[i] != 0; break;
    case EINC_I8: ((int8_t *)p)[i] = (int8_t)v[i]; break;
    case EINC_I32: ((int32_t *)p)[i] = (int32_t)v[i]; break;
    case EINC_I64: ((int64_t *)p)[i] = (int64_t)v[i]; break;
    case EINC_F16: ((uint16_t *)p)[i] = half_f32_to_f16((float)v[i]); break;
    case EINC_F32: ((float *)p)[i] = (float)v[i]; break;
    case EINC_F64: ((double *)p)[i] = v[i]; break;
    case EINC_C64:
        ((float *)p)[2 * i] = (float)v[2 * i];
        ((float *)p)[2 * i + 1] = (float)v[2 * i + 1];
        break;
    default: abort();
    }
}

static double
get(enum einc_dtype t, const void *p, int64_t i, int part)
{
    switch (t) {
    case EINC_BOOL: return ((const uint8_t *)p)[i];
    case EINC_I8: return ((const int8_t *)p)[i];
    case EINC_I32: return ((const int32_t *)p)[i];
    case EINC_I64: return (double)((const int64_t *)p)[i];
    case EINC_F16:
        return (double)half_f16_to_f32(((const uint16_t *)p)[i]);
    case EINC_F32: return (double)((const float *)p)[i];
    case EINC_F64: return ((const double *)p)[i];
    case EINC_C64: return (double)((const float *)p)[2 * i + part];
    default: abort();
    }
}

static int64_t
count_of(const struct tensor *t)
{
    int64_t n = 1;
    for (int d = 0; d < t->n_dims; d++)
        n *= t->shape[d];
    return n;
}

static struct einc_layout
layout_of(const struct given *g)
{
    return (struct einc_layout)EINC_LAYOUT((int32_t)g->dtype, g->rank,
                                           g->shape);
}

static const struct given *
given_named(const struct run *r, struct str name)
{
    for (int o = 0; o < r->n_in; o++)
        if (str_equal(str_of(r->in[o].name), name))
            return &r->in[o];
    fail_msg("no operand '%.*s'", (int)name.n, name.p);
    return NULL;
}

static enum einc_status
resolve(struct run *r)
{
    char *middle = r->memory + MEMORY / 2;
    struct arena perm = {r->memory, middle, &r->cx};
    struct arena scratch = {middle, r->memory + MEMORY, &r->cx};
    r->cx.perm = &perm;
    r->cx.source = str_of(r->text);
    if (setjmp(r->cx.boundary))
        return r->cx.status;
    const struct tree_program *t =
        einc_parse_program(&perm, scratch, r->cx.source);
    const struct names *names =
        einc_resolve_names(&perm, scratch, t, NULL, 0);
    struct einc_layout in[MOST] = {{0}}, out = {0};
    const struct einc_layout *outs[1] = {r->out ? &out : NULL};
    for (int o = 0; o < names->n_in; o++)
        in[o] = layout_of(given_named(r, names->in[o]));
    if (r->out)
        out = layout_of(r->out);
    struct bindings b = {.in = in, .n_in = names->n_in, .out = outs,
                         .n_out = 1};
    r->p = einc_resolve(&perm, scratch, t, &b);
    return EINC_OK;
}

static void
fill(struct run *r)
{
    for (int k = 0; k < r->p->n_tensors; k++) {
        const struct tensor *t = &r->p->tensors[k];
        const struct given *g = t->kind == TENSOR_OPERAND
                                    ? given_named(r, t->name)
                                : t->kind == TENSOR_OUTPUT ? r->out
                                                           : NULL;
        assert_true(count_of(t) <= ROOM);
        r->tensor[k] = calloc(2 * ROOM, sizeof *r->tensor[k]);
        for (int64_t i = 0; g && g->values && i < count_of(t); i++)
            put(t->dtype, r->tensor[k], i, g->values);
    }
}

static void
run(struct run *r, const char *text, const struct given *in, int n_in,
    const struct given *out)
{
    double *errors[MOST];
    void *tensors[MOST];
    memset(r, 0, sizeof *r);
    r->text = text;
    r->in = in;
    r->n_in = n_in;
    r->out = out;
    r->memory = malloc(MEMORY);
    assert_int_equal(resolve(r), EINC_OK);
    fill(r);
    for (int k = 0; k < r->p->n_tensors; k++) {
        errors[k] = r->error[k];
        tensors[k] = r->tensor[k];
    }
    r->status = einc_ref_program(r->p, &einc_mem_default, tensors, 4, errors,
                                 &r->stray);
}

static void
stop(struct run *r)
{
    for (int k = 0; k < MOST; k++)
        free(r->tensor[k]);
    free(r->memory);
}

static int
output_of(const struct run *r)
{
    for (int k = 0; k < r->p->n_tensors; k++)
        if (r->p->tensors[k].kind == TENSOR_OUTPUT)
            return k;
    fail_msg("no output: %s", r->text);
    return -1;
}

static int
is_near(double a, double b)
{
    return a == b || (isnan(a) && isnan(b)) ||
           fabs(a - b) <= 1e-6 * fabs(b);
}

/* The output has n elements (parts, of complex ones) that are `want`. */
static void
check(const char *text, const struct given *in, int n_in,
      const struct given *out, enum einc_dtype dtype, int n,
      const double *want)
{
    struct run r;
    run(&r, text, in, n_in, out);
    assert_int_equal(r.status, EINC_OK);
    int k = output_of(&r), parts = dtype == EINC_C64 ? 2 : 1;
    assert_int_equal(r.p->tensors[k].dtype, dtype);
    assert_int_equal(count_of(&r.p->tensors[k]) * parts, n);
    for (int i = 0; i < n; i++) {
        double got = get(dtype, r.tensor[k], i / parts, i % parts);
        if (!is_near(got, want[i]))
            fail_msg("%s: element %d is %g, should be %g", text, i, got,
                     want[i]);
    }
    stop(&r);
}

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))
#define CHECK(text, in, dtype, ...)                                         \
    check(text, in, COUNT(in), NULL, dtype, COUNT(V(__VA_ARGS__)),          \
          V(__VA_ARGS__))

/* --- the tests ---------------------------------------------------------- */

static void
nan_is_the_largest_and_the_least(void **state)
{
    (void)state;
    const struct given in[] = {{"A", F32_2(3, 3), V(1, NAN, 3, NAN, 5, NAN,
                                                    2, 4, 4)}};
    CHECK("m[i] = max[j](A[i,j])", in, EINC_F32, NAN, NAN, 4);
    CHECK("m[i] = min[j](A[i,j])", in, EINC_F32, NAN, NAN, 2);
    CHECK("m[i] = argmax[j](A[i,j])", in, EINC_I64, 1, 0, 1);
    CHECK("m[i] = argmin[j](A[i,j])", in, EINC_I64, 1, 0, 0);
    CHECK("m[i,q] = kmax[j->q:2](A[i,j])", in, EINC_F32, NAN, 3, NAN, NAN, 4,
          4);
    CHECK("m[i,q] = argkmax[j->q:3](A[i,j])", in, EINC_I64, 1, 2, 0, 0, 2, 1,
          1, 2, 0);
}

static void
ties_go_to_the_first(void **state)
{
    (void)state;
    const struct given in[] = {{"A", F32_2(2, 3), V(3, 5, 5, 5, 1, 1)}};
    CHECK("m[i] = argmax[j](A[i,j])", in, EINC_I64, 1, 0);
    CHECK("m[i] = argmin[j](A[i,j])", in, EINC_I64, 0, 1);
    CHECK("m[] = argmax[i,j](A[i,j])", in, EINC_I64, 1);
    CHECK("m[] = argmin[i,j](A[i,j])", in, EINC_I64, 4);
    CHECK("m[] = argmin[j,i](A[i,j])", in, EINC_I64, 3);
    CHECK("m[i,q] = argkmin[j->q:3](A[i,j])", in, EINC_I64, 0, 1, 2, 1, 2,
          0);
}

static void
k_best_of_fewer(void **state)
{
    (void)state;
    const struct given in[] = {
        {"A", F32_2(2, 3), V(3, 1, 2, 7, 8, 9)},
        {"M", BOOL_2(2, 3), V(1, 1, 1, 0, 1, 0)}};
    CHECK("m[i,q] = kmin[j->q:4](A[i,j] if M[i,j])", in, EINC_F32, 1, 2, 3,
          INF, 8, INF, INF, INF);
    CHECK("m[i,q] = kmax[j->q:2](A[i,j] if M[i,j])", in, EINC_F32, 3, 2, 8,
          -INF);
    CHECK("m[i,q] = argkmin[j->q:4](A[i,j] if M[i,j])", in, EINC_I64, 1, 2, 0,
          -1, 1, -1, -1, -1);
}

/* E23 and E39: an extent of 0. */
static void
nothing_gives_the_identity(void **state)
{
    (void)state;
    const struct given f[] = {{"A", F32_2(2, 0), V(0)}};
    CHECK("m[i] = sum[j](A[i,j])", f, EINC_F32, 0, 0);
    CHECK("m[i] = prod[j](A[i,j])", f, EINC_F32, 1, 1);
    CHECK("m[i] = max[j](A[i,j])", f, EINC_F32, -INF, -INF);
    CHECK("m[i] = min[j](A[i,j])", f, EINC_F32, INF, INF);
    CHECK("m[i] = logsumexp[j](A[i,j])", f, EINC_F32, -INF, -INF);
    CHECK("m[i] = mean[j](A[i,j])", f, EINC_F32, NAN, NAN);
    CHECK("m[i] = count[j](A[i,j] > 0)", f, EINC_I64, 0, 0);
    CHECK("m[i] = any[j](A[i,j] > 0)", f, EINC_BOOL, 0, 0);
    CHECK("m[i] = all[j](A[i,j] > 0)", f, EINC_BOOL, 1, 1);
}

/* Settled choice 8: of rows of which nothing is left. */
static void
masked_rows_give_the_identity(void **state)
{
    (void)state;
    const struct given in[] = {
        {"A", EINC_I8, 2, {2, 3}, V(-3, 5, -7, 1, 2, 3)},
        {"M", BOOL_2(2, 3), V(1, 0, 1, 0, 0, 0)}};
    CHECK("m[i] = sum[j](A[i,j] if M[i,j])", in, EINC_I8, -10, 0);
    CHECK("m[i] = prod[j](A[i,j] if M[i,j])", in, EINC_I8, 21, 1);
    CHECK("m[i] = max[j](A[i,j] if M[i,j])", in, EINC_I8, -3, -128);
    CHECK("m[i] = min[j](A[i,j] if M[i,j])", in, EINC_I8, -7, 127);
    CHECK("m[i] = argmax[j](A[i,j] if M[i,j])", in, EINC_I64, 0, -1);
    CHECK("m[i] = argmin[j](A[i,j] if M[i,j])", in, EINC_I64, 2, -1);
    CHECK("m[i] = count[j](A[i,j] < 0 if M[i,j])", in, EINC_I64, 2, 0);
    CHECK("m[i] = any[j](A[i,j] < -5 if M[i,j])", in, EINC_BOOL, 1, 0);
    CHECK("m[i] = all[j](A[i,j] < -5 if M[i,j])", in, EINC_BOOL, 0, 1);
    CHECK("m[i] = mean[j](f32(A[i,j]) if M[i,j])", in, EINC_F32, -5, NAN);
    CHECK("m[i] = logsumexp[j](0*A[i,j] if M[i,j])", in, EINC_F32, log(2),
          -INF);
}

static void
ranges_of_data(void **state)
{
    (void)state;
    const struct given in[] = {{"ptr", I64_1(4), V(0, 2, 2, 3)},
                               {"x", F32_1(3), V(4, 9, 5)}};
    CHECK("y[c] = sum[p in ptr[c]:ptr[c+1]](x[p])", in, EINC_F32, 13, 0, 5);
    CHECK("y[c] = max[p in ptr[c]:ptr[c+1]](x[p])", in, EINC_F32, 9, -INF, 5);
    CHECK("y[c] = argmax[p in ptr[c]:ptr[c+1]](x[p])", in, EINC_I64, 1, -1,
          2);
}

/* E41. */
static void
exponentials(void **state)
{
    (void)state;
    const struct given in[] = {
        {"A", F32_2(4, 2), V(-INF, -INF, 1000, 1000, 0, INF, -INF, 3)},
        {"M", BOOL_2(4, 2), V(1, 1, 0, 0, 1, 1, 1, 1)}};
    CHECK("z[i] = logsumexp[j](A[i,j])", in, EINC_F32, -INF, 1000 + log(2),
          INF, 3);
    CHECK("z[i] = logsumexp[j](A[i,j] if M[i,j])", in, EINC_F32, -INF, -INF,
          INF, 3);
    CHECK("p[i,j] = softmax[j](A[i,j])", in, EINC_F32, NAN, NAN, 0.5, 0.5,
          NAN, NAN, 0, 1);
    CHECK("p[i,j] = softmax0[j](A[i,j])", in, EINC_F32, 0, 0, 0.5, 0.5, NAN,
          NAN, 0, 1);
    CHECK("p[i,j] = softmax0[j](A[i,j] if M[i,j])", in, EINC_F32, 0, 0, 0, 0,
          NAN, NAN, 0, 1);
}

static void
a_masked_softmax_is_zero_where_masked(void **state)
{
    (void)state;
    const struct given in[] = {{"A", F32_2(2, 2), V(1, 7, 2, 2)}};
    CHECK("p[i,j] = softmax[j](A[i,j] if j <= i)", in, EINC_F32, 1, 0, 0.5,
          0.5);
}

/* E42. */
static void
padding_reads_zero_or_the_fill(void **state)
{
    (void)state;
    const struct given in[] = {{"x", F32_1(4), V(-1, -2, -3, -4)},
                               {"w", F32_1(3), V(1, 1, 1)}};
    CHECK("y[t] = x[pad(t+r-1,1)]*w[r]", in, EINC_F32, -3, -6, -9, -7);
    const struct given one[] = {{"x", F32_1(4), V(-1, -2, -3, -4)}};
    CHECK("y[t] = max[r](fill(x[pad(2*t+r-1,1)], -inf)) where r in 0:3", one,
          EINC_F32, -1, -2);
    CHECK("y[t] = max[r](x[pad(2*t+r-1,1)]) where r in 0:3", one, EINC_F32, 0,
          -2);
}

static void
modes(void **state)
{
    (void)state;
    const struct given in[] = {{"x", F32_1(4), V(0, 1, 2, 3)}};
    CHECK("y[t] = x[clamp(t-2)] where t in 0:8", in, EINC_F32, 0, 0, 0, 1, 2,
          3, 3, 3);
    CHECK("y[t] = x[wrap(t-2)] where t in 0:8", in, EINC_F32, 2, 3, 0, 1, 2,
          3, 0, 1);
    CHECK("y[t] = x[reflect(t-4)] where t in 0:9", in, EINC_F32, 2, 3, 2, 1,
          0, 1, 2, 3, 2);
    CHECK("y[t] = x[t%3] where t in 0:5", in, EINC_F32, 0, 1, 2, 0, 1);
}

static void
gathers_and_strays(void **state)
{
    (void)state;
    struct given in[] = {{"K", I64_1(3), V(2, 0, 2)},
                         {"E", F32_1(3), V(10, 20, 30)}};
    CHECK("y[i] = E[K[i]]", in, EINC_F32, 30, 10, 30);
    in[0].values = V(2, 3, 2);
    struct run r;
    run(&r, "y[i] = E[K[i]]", in, 2, NULL);
    assert_int_equal(r.status, EINC_ESHAPE);
    assert_int_equal(r.stray.position, 3);
    assert_true(r.stray.site >= 1 && r.stray.site <= r.p->n_sites);
    const struct site *s = &r.p->sites[r.stray.site - 1];
    assert_int_equal(s->lo, 0);
    assert_int_equal(s->hi, 3);
    stop(&r);
    /* what a guard leaves out is not read; what "?:" leaves out is */
    in[0].values = V(2, -1, 2);
    CHECK("y[] = sum[i](E[K[i]] if K[i] >= 0)", in, EINC_F32, 60);
    run(&r, "y[i] = K[i] >= 0 ? E[K[i]] : 0", in, 2, NULL);
    assert_int_equal(r.status, EINC_ESHAPE);
    assert_int_equal(r.stray.position, -1);
    stop(&r);
}

static void
ranges_that_stray(void **state)
{
    (void)state;
    struct given in[] = {{"ptr", I64_1(3), V(0, 2, 4)},
                         {"x", F32_1(3), V(4, 9, 5)}};
    struct run r;
    run(&r, "y[c] = sum[p in ptr[c]:ptr[c+1]](x[p])", in, 2, NULL);
    assert_int_equal(r.status, EINC_ESHAPE);
    assert_int_equal(r.stray.position, 3);
    stop(&r);
    in[0].values = V(7, 5, 5); /* falls, and is empty: nothing is left */
    CHECK("y[c] = sum[p in ptr[c]:ptr[c+1]](x[p])", in, EINC_F32, 0, 0);
}

static void
scatters(void **state)
{
    (void)state;
    const struct given in[] = {{"K", I64_1(4), V(2, 0, 2, 2)},
                               {"x", F32_1(4), V(5, 6, 7, -1)}};
    const struct given out = {"H", EINC_F32, 1, {3}, V(100, 200, 1)};
    check("H[K[i]] += x[i]", in, 2, &out, EINC_F32, 3, V(106, 200, 12));
    check("H[K[i]] max= x[i]", in, 2, &out, EINC_F32, 3, V(100, 200, 7));
    check("H[K[i]] min= x[i]", in, 2, &out, EINC_F32, 3, V(6, 200, -1));
    check("H[K[i]] *= x[i]", in, 2, &out, EINC_F32, 3, V(600, 200, -35));
    const struct given one[] = {{"K", I64_1(4), V(2, 0, 2, 2)}};
    const struct given h = {"H", EINC_I32, 1, {3}, V(0, 0, 7)};
    check("H[K[i]] += 1", one, 1, &h, EINC_I32, 3, V(1, 0, 10));
    const struct given x[] = {{"x", F32_1(3), V(1, 2, 3)},
                              {"w", F32_1(2), V(1, 10)}};
    const struct given y = {"y", EINC_F32, 1, {5}, V(0, 0, 0, 0, 1)};
    check("y[t+r] += x[t]*w[r]", x, 2, &y, EINC_F32, 5,
          V(1, 12, 23, 30, 1));
}

static void
what_is_there_takes_part(void **state)
{
    (void)state;
    const struct given in[] = {{"a", F32_1(2), V(1, 2)}};
    const struct given out = {"C", EINC_F32, 1, {2}, V(10, 20)};
    check("C[i] += a[i]", in, 1, &out, EINC_F32, 2, V(11, 22));
    check("C[i] *= a[i]", in, 1, &out, EINC_F32, 2, V(10, 40));
    check("C[i] min= 5*a[i]", in, 1, &out, EINC_F32, 2, V(5, 10));
    check("C[i] = 3*a[i] + 2*C[i]", in, 1, &out, EINC_F32, 2, V(23, 46));
}

/* E29: integers wrap; E30: bool; E31: complex numbers and halves. */
static void
types(void **state)
{
    (void)state;
    const struct given i32[] = {
        {"a", EINC_I32, 1, {2}, V(2147483647, -2147483648.0)}};
    CHECK("y[i] = a[i] + 1", i32, EINC_I32, -2147483648.0, -2147483647);
    CHECK("y[i] = -a[i]", i32, EINC_I32, -2147483647, -2147483648.0);
    const struct given i8[] = {{"a", EINC_I8, 1, {3}, V(100, 100, 100)}};
    CHECK("y[] = sum[i](a[i]*2)", i8, EINC_I8, 88);
    CHECK("y[] = sum[i](i64(a[i])*2)", i8, EINC_I64, 600);
    const struct given b[] = {{"a", EINC_BOOL, 1, {3}, V(1, 0, 1)}};
    CHECK("y[i] = !a[i]", b, EINC_BOOL, 0, 1, 0);
    CHECK("y[] = count[i](a[i])", b, EINC_I64, 2);
    const struct given c[] = {{"a", EINC_C64, 1, {2}, V(1, 2, 0, 1)},
                              {"b", EINC_C64, 1, {2}, V(3, -1, 0, 1)}};
    CHECK("y[i] = a[i]*b[i]", c, EINC_C64, 5, 5, -1, 0);
    CHECK("y[i] = conj(a[i]) - b[i]", c, EINC_C64, -2, -1, 0, -2);
    CHECK("y[i] = a[i]/b[i]", c, EINC_C64, 0.1, 0.7, 1, 0);
    CHECK("y[i] = abs(a[i])*real(b[i])", c, EINC_F32, 3 * sqrt(5), 0);
}

static void
halves_are_summed_in_f32(void **state)
{
    (void)state;
    const struct given in[] = {{"a", EINC_F16, 1, {3}, V(2048, 1, 1)}};
    CHECK("y[] = sum[i](a[i])", in, EINC_F16, 2050);
    CHECK("y[] = sum[i,j](f16(1 + 0*a[i])) where j in 0:4000", in, EINC_F16,
          12000);
}

static void
functions(void **state)
{
    (void)state;
    const struct given i[] = {{"a", EINC_I32, 1, {4}, V(-7, 7, -7, 7)},
                              {"b", EINC_I32, 1, {4}, V(3, -3, -3, 0)}};
    CHECK("y[i] = a[i] % b[i]", i, EINC_I32, 2, -2, -1, 0);
    CHECK("y[i] = a[i] / b[i]", i, EINC_F32, -7.0 / 3, -7.0 / 3, 7.0 / 3,
          INF);
    const struct given f[] = {{"a", F32_1(5), V(-2.5, -0.5, 0.5, 1.5, NAN)}};
    CHECK("y[i] = round(a[i])", f, EINC_F32, -2, -0.0, 0, 2, NAN);
    CHECK("y[i] = sign(a[i])", f, EINC_F32, -1, -1, 1, 1, NAN);
    CHECK("y[i] = step(a[i])", f, EINC_F32, 0, 0, 1, 1, 0);
    CHECK("y[i] = relu(a[i])", f, EINC_F32, 0, 0, 0.5, 1.5, NAN);
    CHECK("y[i] = maximum(a[i], 0)", f, EINC_F32, 0, 0, 0.5, 1.5, NAN);
    CHECK("y[i] = clamp(a[i], -1, 1)", f, EINC_F32, -1, -0.5, 0.5, 1, NAN);
    CHECK("y[i] = isnan(a[i])", f, EINC_BOOL, 0, 0, 0, 0, 1);
    CHECK("y[i] = a[i] % 2", f, EINC_F32, 1.5, 1.5, 0.5, 1.5, NAN);
    CHECK("y[i] = a[i]^-2", f, EINC_F32, 0.16, 4, 4, 4.0 / 9, NAN);
    CHECK("y[i] = gelu(a[i])", f, EINC_F32, -0.01552416, -0.15426877,
          0.34573123, 1.39978921, NAN);
    CHECK("y[i] = sigmoid(a[i])", f, EINC_F32, 0.07585818, 0.37754067,
          0.62245933, 0.81757448, NAN);
}

/* E32. */
static void
infinity_times_zero(void **state)
{
    (void)state;
    const struct given in[] = {{"a", F32_1(2), V(INF, 1)},
                               {"b", F32_1(2), V(0, 1)}};
    CHECK("y[] = a[i]*b[i]", in, EINC_F32, NAN);
    CHECK("y[] = sum[i](a[i]*b[i] if b[i] != 0)", in, EINC_F32, 1);
}

static double
error_of(const char *text, const struct given *in, int n_in)
{
    struct run r;
    run(&r, text, in, n_in, NULL);
    assert_int_equal(r.status, EINC_OK);
    double e = r.error[output_of(&r)][0];
    stop(&r);
    return e;
}

static void
errors(void **state)
{
    (void)state;
    const struct given whole[] = {{"a", F32_1(3), V(1, 2, 3)},
                                  {"b", F32_1(3), V(5, 3, 8388608)}};
    assert_true(error_of("y[] = sum[i](a[i]*a[i])", whole, 1) == 0);
    assert_true(error_of("y[] = sqrt(a[0]*a[1]*2)", whole, 1) == 0);
    /* 5 + 6 + 3*2^23 needs 25 bits */
    double e = error_of("y[] = sum[i](a[i]*b[i])", whole, 2);
    assert_true(e >= 1 && e < 16);
    const struct given f[] = {{"a", F32_1(2), V(0.1, 0.3)},
                              {"b", F32_1(2), V(0.3, 0.1)}};
    e = error_of("y[] = sum[i](a[i]*b[i])", f, 2);
    assert_true(e > 0 && e < 1e-7);
    /* two terms that are equal but for their roundings */
    assert_true(error_of("y[] = argmax[i](a[i]*b[i])", f, 2) == INF);
    assert_true(error_of("y[] = argmax[i](a[i]*a[i])", f, 1) == 0);
    assert_true(error_of("y[] = max[i](a[i]*b[i])", f, 2) < 1e-7);
    assert_true(error_of("y[] = a[0]*b[0] < b[1]*a[1]", f, 2) == INF);
    assert_true(error_of("y[] = a[0]*b[0] < b[0]*a[1]", f, 2) == 0);
    e = error_of("y[] = exp(a[0])", f, 1);
    assert_true(e >= 4 * 0x1p-24 && e < 40 * 0x1p-24);
}

/* Each allocation fails once. */
static void *
fail_after(void *user, void *old, size_t old_bytes, size_t bytes)
{
    int *left = user;
    if (bytes && (*left)-- == 0)
        return NULL;
    return einc_mem_libc(NULL, old, old_bytes, bytes);
}

static void
memory_may_fail(void **state)
{
    (void)state;
    const struct given in[] = {{"a", F32_1(3), V(1, 2, 3)}};
    struct run r;
    run(&r, "y[q] = kmin[j->q:2](a[j])", in, 1, NULL);
    void *tensors[] = {r.tensor[0], r.tensor[1]};
    int failures = 0;
    for (int n = 0; n < 10; n++) {
        int left = n;
        struct mem mem = {fail_after, &left};
        enum einc_status s = einc_ref_program(r.p, &mem, tensors, 4, NULL,
                                              &r.stray);
        assert_true(s == EINC_OK || s == EINC_ENOMEM);
        failures += s == EINC_ENOMEM;
    }
    assert_int_equal(failures, 3); /* the indices, and two rankings */
    stop(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nan_is_the_largest_and_the_least),
        cmocka_unit_test(ties_go_to_the_first),
        cmocka_unit_test(k_best_of_fewer),
        cmocka_unit_test(nothing_gives_the_identity),
        cmocka_unit_test(masked_rows_give_the_identity),
        cmocka_unit_test(ranges_of_data),
        cmocka_unit_test(exponentials),
        cmocka_unit_test(a_masked_softmax_is_zero_where_masked),
        cmocka_unit_test(padding_reads_zero_or_the_fill),
        cmocka_unit_test(modes),
        cmocka_unit_test(gathers_and_strays),
        cmocka_unit_test(ranges_that_stray),
        cmocka_unit_test(scatters),
        cmocka_unit_test(what_is_there_takes_part),
        cmocka_unit_test(types),
        cmocka_unit_test(halves_are_summed_in_f32),
        cmocka_unit_test(functions),
        cmocka_unit_test(infinity_times_zero),
        cmocka_unit_test(errors),
        cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * test_interp.c - steps run by the interpreter against the oracle: small
 * integers bit for bit, real data within its bound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/half.h"
#include "runtime/interp.h"
#include "runtime/ref.h"
#include "toy_graph.h"

static const struct mem libc_mem = {einc_mem_libc, NULL};

/* --- a plan of one step for a toy graph --------------------------------- */

struct toy_plan {
    struct toy t;
    struct plan plan;
    struct plan_tensor tensors[TOY_OPERANDS + 1]; /* inputs, then the output */
    struct step step;
    int in[TOY_OPERANDS];
    int groups[4][TOY_INDICES]; /* b, m, n, k */
    /* Memory: exactly what each tensor spans, so that ASan sees a step too
     * far. `first` is the element (0, 0, ...). */
    char *memory[TOY_OPERANDS + 1];
    size_t bytes[TOY_OPERANDS + 1];
    void *first[TOY_OPERANDS + 1];
};

static const struct operand *
operand_of(const struct toy *t, int o)
{
    return o < t->g.n_in ? &t->in[o] : &t->g.out;
}

static void
allocate(struct toy_plan *p, int o)
{
    const struct operand *x = operand_of(&p->t, o);
    int64_t lo = 0, hi = 1, size = einc_dtype_info(x->dtype)->bytes;
    for (int a = 0; a < x->n_axes; a++) {
        int64_t last = p->t.indices[x->axes[a].index].extent - 1;
        int64_t reach = x->axes[a].stride * (last < 0 ? 0 : last);
        lo += reach < 0 ? reach : 0;
        hi += reach > 0 ? reach : 0;
    }
    p->bytes[o] = (size_t)((hi - lo) * size);
    p->memory[o] = malloc(p->bytes[o]);
    assert_non_null(p->memory[o]);
    memset(p->memory[o], 0x55, p->bytes[o]);
    p->first[o] = p->memory[o] - lo * size;
}

static void
add_to_group(struct toy_plan *p, struct group *g, int which, int index)
{
    p->groups[which][g->n++] = index;
    g->index = p->groups[which];
    g->extent *= p->t.indices[index].extent;
}

/* Plans p->t as one step; the free indices all go to b. */
static void
make_plan(struct toy_plan *p)
{
    struct toy *t = &p->t;
    struct step *s = &p->step;
    p->plan = (struct plan){.graph = &t->g, .canon = &t->g,
                            .tensors = p->tensors, .steps = s, .n_steps = 1};
    *s = (struct step){.kind = STEP_REDUCE, .in = p->in, .n_in = t->g.n_in,
                       .out = t->g.n_in, .factor = t->g.factor};
    s->b.extent = s->m.extent = s->n.extent = s->k.extent = 1;
    for (int o = 0; o <= t->g.n_in; o++) {
        const struct operand *x = operand_of(t, o);
        p->tensors[o] = (struct plan_tensor){
            .dtype = x->dtype, .axes = x->axes, .n_axes = x->n_axes};
        if (o < t->g.n_in)
            p->in[o] = o;
        allocate(p, o);
    }
    for (int d = 0; d < t->g.out.n_dims; d++)
        add_to_group(p, &s->b, 0, t->g.out.dim_index[d]);
    for (int x = 0; x < t->g.n_indices; x++)
        if (!t->indices[x].in_output)
            add_to_group(p, &s->k, 3, x);
}

static void
make(struct toy_plan *p, const char *expr, const int64_t extent[26],
     enum einc_dtype type)
{
    enum einc_dtype types[TOY_OPERANDS + 1];
    for (int o = 0; o <= TOY_OPERANDS; o++)
        types[o] = type;
    toy_make(&p->t, expr, extent, types, einc_dtype_info(type)->compute);
    make_plan(p);
}

static void
release(struct toy_plan *p)
{
    for (int o = 0; o <= p->t.g.n_in; o++)
        free(p->memory[o]);
}

static void
run(struct toy_plan *p, const void *alpha, const void *beta)
{
    einc_interp_step(&p->plan, &p->step, p->first, alpha, beta, NULL, 1);
}

/* Runs the oracle into memory of its own that lies as the output's does;
 * *first is the element (0, ...), the result is to be freed. */
static char *
oracle(const struct toy_plan *p, double terms, double *bound, char **first)
{
    int out = p->t.g.n_in;
    char *memory = malloc(p->bytes[out]);
    assert_non_null(memory);
    memset(memory, 0x55, p->bytes[out]);
    *first = memory + ((char *)p->first[out] - p->memory[out]);
    const void *in[TOY_OPERANDS];
    for (int o = 0; o < out; o++)
        in[o] = p->first[o];
    assert_int_equal(einc_ref_run(&p->t.g, &libc_mem, in, *first, terms,
                                  bound), EINC_OK);
    return memory;
}

static void
assert_bits_of_oracle(const struct toy_plan *p)
{
    char *first, *want = oracle(p, 1, NULL, &first);
    assert_memory_equal(p->memory[p->t.g.n_in], want, p->bytes[p->t.g.n_in]);
    free(want);
}

/* --- data --------------------------------------------------------------- */

static uint64_t seed;

/* SplitMix64, by S. Vigna: below n. */
static int64_t
draw(int64_t n)
{
    uint64_t z = (seed += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (int64_t)((z ^ z >> 31) % (uint64_t)n);
}

static void
put(enum einc_dtype t, void *p, size_t i, double v)
{
    int64_t n = (int64_t)v;
    switch (t) {
    case EINC_BOOL: ((uint8_t *)p)[i] = v > 0 ? (uint8_t)n : 0; return;
    case EINC_I8: case EINC_U8: ((uint8_t *)p)[i] = (uint8_t)n; return;
    case EINC_I16: case EINC_U16: ((uint16_t *)p)[i] = (uint16_t)n; return;
    case EINC_I32: case EINC_U32: ((uint32_t *)p)[i] = (uint32_t)n; return;
    case EINC_I64: case EINC_U64: ((uint64_t *)p)[i] = (uint64_t)n; return;
    case EINC_F16: ((uint16_t *)p)[i] = half_f32_to_f16((float)v); return;
    case EINC_BF16: ((uint16_t *)p)[i] = half_f32_to_bf16((float)v); return;
    case EINC_F32: ((float *)p)[i] = (float)v; return;
    case EINC_F64: ((double *)p)[i] = v; return;
    case EINC_C64: ((float *)p)[2 * i] = (float)v;
        ((float *)p)[2 * i + 1] = (float)(n % 2); return;
    case EINC_C128: ((double *)p)[2 * i] = v;
        ((double *)p)[2 * i + 1] = (double)(n % 2); return;
    case EINC_DTYPE_NONE: break;
    }
    fail();
}

/* Integers of size `limit` at most, all over the memory of an input. */
static void
fill_integers(struct toy_plan *p, int o, int limit)
{
    enum einc_dtype t = p->tensors[o].dtype;
    size_t n = p->bytes[o] / einc_dtype_bytes(t);
    int least = einc_dtype_info(t)->kind == KIND_UINT ? 0 : -limit;
    for (size_t i = 0; i < n; i++)
        put(t, p->memory[o], i, (double)(least + draw(limit - least + 1)));
}

static void
fill_reals(struct toy_plan *p, int o)
{
    enum einc_dtype t = p->tensors[o].dtype;
    size_t n = p->bytes[o] / einc_dtype_bytes(t);
    for (size_t i = 0; i < n; i++)
        put(t, p->memory[o], i, (double)(draw(1 << 30) - (1 << 29)) * 0x1p-29);
}

static const int64_t *
sizes(int64_t i, int64_t j, int64_t k)
{
    static int64_t e[26];
    e['i' - 'a'] = i;
    e['j' - 'a'] = j;
    e['k' - 'a'] = k;
    return e;
}

/* --- random steps ------------------------------------------------------- */

/* What may be read and written in each compute type. */
static const struct {
    enum einc_dtype compute;
    const char *in, *out;
} families[] = {
    {EINC_BOOL, "bool", "bool i32 f32"},
    {EINC_I32, "bool i8 u8 i16 u16 i32 u32", "i8 u8 i16 u16 i32 u32 i64"},
    {EINC_I64, "bool i8 u8 i16 u16 i32 u32 i64 u64", "i8 u16 u32 i64 u64"},
    {EINC_F32, "bool i8 u8 i16 u16 f16 bf16 f32", "f16 bf16 f32 f64 c64"},
    {EINC_F64, "bool i8 i32 u32 i64 u64 f16 f32 f64", "f64 f32 c128"},
    {EINC_C64, "bool u8 i16 f16 bf16 f32 c64", "c64 c128"},
    {EINC_C128, "i32 u64 f32 f64 c64 c128", "c128"},
};

static enum einc_dtype
draw_word(const char *words)
{
    char word[8] = "";
    int n = 1;
    for (const char *p = words; *p; p++)
        n += *p == ' ';
    for (int64_t skip = draw(n); skip > 0; skip--)
        words = strchr(words, ' ') + 1;
    memcpy(word, words, strcspn(words, " "));
    return einc_dtype_parse(word);
}

/* A term of up to four letters out of the first `n_letters`, of no more than
 * 50000 elements however often a letter is repeated. */
static char *
draw_term(char *to, int n_letters, const int64_t extent[26])
{
    int64_t count = 1;
    for (int64_t n = draw(5); n > 0; n--) {
        int64_t x = draw(n_letters);
        if (count * extent[x] > 50000)
            break;
        count *= extent[x] ? extent[x] : 1;
        *to++ = (char)('a' + x);
    }
    return to;
}

/* Inputs of any letters, an output of some of those that occur. */
static void
draw_expr(char *to, int n_in, int n_letters, const int64_t extent[26])
{
    char *p = to, seen[27] = "", *q = seen;
    for (int o = 0; o < n_in; o++) {
        if (o)
            *p++ = ',';
        p = draw_term(p, n_letters, extent);
    }
    *p = 0;
    for (char c = 'a'; c < 'a' + n_letters; c++)
        if (strchr(to, c) && draw(2))
            *q++ = c;
    for (int n = (int)(q - seen), i = n - 1; i > 0; i--) {
        int64_t j = draw(i + 1);
        char c = seen[i];
        seen[i] = seen[j];
        seen[j] = c;
    }
    p += sprintf(p, "->%s", seen);
}

/* Extents that meet the edges of lanes and runs, kept small together. */
static void
draw_extents(int64_t extent[26], int n_letters)
{
    static const int64_t some[] = {1, 2, 3, 5, 16, 17, 63, 64, 65, 130, 300};
    int64_t space = 1;
    for (int x = 0; x < n_letters; x++) {
        extent[x] = draw(60) == 0 ? 0 : some[draw(11)];
        while (space * extent[x] > 20000)
            extent[x] = extent[x] / 4 + 1;
        if (extent[x])
            space *= extent[x];
    }
}

/* Reverses, pads and, in inputs, broadcasts. */
static void
draw_strides(struct toy *t)
{
    for (int o = 0; o <= t->g.n_in; o++) {
        struct operand *x = o < t->g.n_in ? &t->in[o] : &t->g.out;
        int64_t pad = 1 + draw(2);
        for (int a = 0; a < x->n_axes; a++) {
            x->axes[a].stride *= draw(4) ? pad : -pad;
            if (o < t->g.n_in && draw(8) == 0)
                x->axes[a].stride = 0;
        }
        if (o < t->g.n_in && x->n_axes && draw(8) == 0)
            x->n_axes--;
    }
}

/* Deals the free indices out to b, m and n. */
static void
deal_groups(struct toy_plan *p)
{
    struct step *s = &p->step;
    struct group *g[3] = {&s->b, &s->m, &s->n};
    int all[TOY_INDICES], n = s->b.n;
    memcpy(all, p->groups[0], sizeof all);
    s->b.n = 0;
    s->b.extent = 1;
    for (int i = 0; i < n; i++) {
        int which = (int)draw(3);
        add_to_group(p, g[which], which, all[i]);
    }
}

static void
random_plan(struct toy_plan *p)
{
    char expr[200];
    int64_t extent[26];
    enum einc_dtype types[TOY_OPERANDS + 1];
    int n_in = draw(6) ? 1 + (int)draw(4) : 5 + (int)draw(8);
    int n_letters = 1 + (int)draw(6), f = (int)draw(7);
    draw_extents(extent, n_letters);
    draw_expr(expr, n_in, n_letters, extent);
    int mixed = (int)draw(2);
    for (int o = 0; o < n_in; o++)
        types[o] = mixed ? draw_word(families[f].in) : families[f].compute;
    types[n_in] = mixed ? draw_word(families[f].out) : families[f].compute;
    toy_make(&p->t, expr, extent, types, families[f].compute);
    draw_strides(&p->t);
    p->t.g.factor = draw(4) ? 1 : 1 + draw(6);
    make_plan(p);
    deal_groups(p);
    for (int o = 0; o < n_in; o++)
        fill_integers(p, o, n_in > 4 ? 1 : 3);
}

static void
test_random_steps(void **state)
{
    (void)state;
    for (seed = 1; seed < 800000000; seed += 1000000) {
        uint64_t start = seed;
        struct toy_plan p;
        memset(&p, 0, sizeof p);
        random_plan(&p);
        run(&p, NULL, NULL);
        assert_bits_of_oracle(&p);
        release(&p);
        seed = start;
    }
}

/* The same steps at several thread counts: the same bits. */
static void
test_threads_give_the_same_bits(void **state)
{
    (void)state;
    static const char *const exprs[] = {"ij,jk->ik", "ij,jk->", "ij->ji",
                                        "ij,kj->ik", "ijk->k"};
    struct pool *pool = einc_pool_open(&libc_mem, 3);
    assert_non_null(pool);
    seed = 7;
    for (size_t e = 0; e < sizeof exprs / sizeof *exprs; e++) {
        struct toy_plan p;
        memset(&p, 0, sizeof p);
        make(&p, exprs[e], sizes(130, 70, 190), EINC_F32);
        for (int o = 0; o < p.t.g.n_in; o++)
            fill_reals(&p, o);
        run(&p, NULL, NULL);
        size_t n = p.bytes[p.t.g.n_in];
        char *once = malloc(n);
        assert_non_null(once);
        memcpy(once, p.memory[p.t.g.n_in], n);
        for (int threads = 2; threads <= 3; threads++) {
            memset(p.memory[p.t.g.n_in], 0, n);
            einc_interp_step(&p.plan, &p.step, p.first, NULL, NULL, pool,
                             threads);
            assert_memory_equal(p.memory[p.t.g.n_in], once, n);
        }
        free(once);
        release(&p);
    }
    einc_pool_close(pool);
}

/* Roundings on the way to one element: the products, a run, the runs, the
 * lanes, the factor. */
static double
roundings(int n_in, double terms)
{
    double run = terms < 256 ? terms : 256;
    return n_in + run + terms / 256 + 7;
}

static double
value_at(enum einc_dtype t, const char *p, int64_t i)
{
    switch (t) {
    case EINC_F16: return half_f16_to_f32(((const uint16_t *)p)[i]);
    case EINC_BF16: return half_bf16_to_f32(((const uint16_t *)p)[i]);
    case EINC_F32: return ((const float *)p)[i];
    case EINC_F64: return ((const double *)p)[i];
    default: fail(); return 0;
    }
}

/* A dense output against the oracle and its bound; `parts` doubles each. */
static void
assert_within_bound(struct toy_plan *p, enum einc_dtype part, int parts)
{
    int out = p->t.g.n_in;
    int64_t n = p->step.b.extent * parts;
    double *bound = malloc((size_t)n * sizeof *bound);
    char *first, *want;
    assert_non_null(bound);
    want = oracle(p, roundings(out, (double)p->step.k.extent), bound, &first);
    for (int64_t i = 0; i < n; i++) {
        double error = fabs(value_at(part, p->memory[out], i) -
                            value_at(part, first, i));
        assert_true(error <= bound[i]);
    }
    free(want);
    free(bound);
}

static void
test_reals_within_bound(void **state)
{
    (void)state;
    static const struct {
        const char *expr;
        int64_t i, j, k;
    } cases[] = {
        {"ij,jk->ik", 9, 700, 66},
        {"ij,kj->ik", 9, 700, 10},
        {"ij->i", 3, 5000, 0},
        {"ij,ij,ij->", 90, 70, 0},
        {"i,i->", 100000, 0, 0},
        {"ij,j,i->j", 300, 70, 0},
    };
    static const struct {
        enum einc_dtype type, part;
        int parts;
    } types[] = {
        {EINC_F16, EINC_F16, 1},  {EINC_BF16, EINC_BF16, 1},
        {EINC_F32, EINC_F32, 1},  {EINC_F64, EINC_F64, 1},
        {EINC_C64, EINC_F32, 2},  {EINC_C128, EINC_F64, 2},
    };
    seed = 11;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
            struct toy_plan p;
            memset(&p, 0, sizeof p);
            make(&p, cases[c].expr,
                 sizes(cases[c].i, cases[c].j, cases[c].k), types[t].type);
            for (int o = 0; o < p.t.g.n_in; o++)
                fill_reals(&p, o);
            run(&p, NULL, NULL);
            assert_within_bound(&p, types[t].part, types[t].parts);
            release(&p);
        }
}

/* 2^22 times 0.1: one float accumulator after the other would be off by
 * percents. Each way the lanes may lie. */
static void
test_long_sums_are_blocked(void **state)
{
    (void)state;
    static const char *const exprs[] = {"ij->", "ij->i", "ji->i", "ji->"};
    for (int e = 0; e < 4; e++) {
        struct toy_plan p;
        memset(&p, 0, sizeof p);
        make(&p, exprs[e], sizes(2, 1 << 21, 0), EINC_F32);
        for (size_t i = 0; i < p.bytes[0] / sizeof(float); i++)
            ((float *)(void *)p.memory[0])[i] = 0.1f;
        run(&p, NULL, NULL);
        double got = ((float *)p.first[1])[0];
        double want = 0.1f * 0x1p21 * (p.step.b.extent == 1 ? 2 : 1);
        assert_true(fabs(got / want - 1) < 1e-4);
        release(&p);
    }
}

static void
test_alpha_and_beta(void **state)
{
    (void)state;
    struct toy_plan p;
    memset(&p, 0, sizeof p);
    make(&p, "ij,jk->ik", sizes(2, 3, 70), EINC_F32);
    seed = 3;
    fill_integers(&p, 0, 3);
    fill_integers(&p, 1, 3);
    float *out = p.first[2], alpha = 2, beta = -3;
    char *first, *memory = oracle(&p, 1, NULL, &first);
    const float *want = (const float *)(const void *)first;
    for (int i = 0; i < 140; i++)
        out[i] = (float)i;
    run(&p, &alpha, &beta);
    for (int i = 0; i < 140; i++)
        assert_true(out[i] == 2 * want[i] - 3 * (float)i);
    p.step.factor = 5;
    for (int i = 0; i < 140; i++)
        out[i] = NAN; /* without beta nobody looks at it */
    run(&p, &alpha, NULL);
    for (int i = 0; i < 140; i++)
        assert_true(out[i] == 10 * want[i]);
    free(memory);
    release(&p);
}

/* beta is applied in the compute type to what the storage holds. */
static void
test_beta_of_other_storage(void **state)
{
    (void)state;
    struct toy_plan p;
    memset(&p, 0, sizeof p);
    make(&p, "i->i", sizes(3, 0, 0), EINC_F16);
    float alpha = 1, beta = 0.5f;
    uint16_t *in = p.first[0], *out = p.first[1];
    for (int i = 0; i < 3; i++) {
        in[i] = half_f32_to_f16((float)i);
        out[i] = half_f32_to_f16(0x1p-11f);
    }
    run(&p, &alpha, &beta);
    assert_true(half_f16_to_f32(out[0]) == 0x1p-12f);
    assert_true(half_f16_to_f32(out[1]) == 1); /* 1 + 2^-12 rounds down */
    release(&p);
    memset(&p, 0, sizeof p);
    make(&p, "i->", sizes(2, 0, 0), EINC_U8);
    uint32_t a = 3, b = 2;
    memcpy(p.first[0], (uint8_t[]){100, 50}, 2);
    *(uint8_t *)p.first[1] = 200;
    run(&p, &a, &b);
    assert_int_equal(*(uint8_t *)p.first[1], (450 + 400) % 256);
    release(&p);
    memset(&p, 0, sizeof p);
    make(&p, "i->", sizes(1, 0, 0), EINC_BOOL);
    uint8_t no = 0, yes = 1;
    *(uint8_t *)p.first[0] = 1;
    *(uint8_t *)p.first[1] = 1;
    run(&p, &no, &yes);
    assert_int_equal(*(uint8_t *)p.first[1], 1);
    run(&p, &no, &no);
    assert_int_equal(*(uint8_t *)p.first[1], 0);
    release(&p);
}

static void
test_complex_alpha(void **state)
{
    (void)state;
    struct toy_plan p;
    memset(&p, 0, sizeof p);
    make(&p, "i->i", sizes(1, 0, 0), EINC_C64);
    float *in = p.first[0], *out = p.first[1];
    float alpha[2] = {0, 1}, beta[2] = {0, -1};
    in[0] = 2;
    in[1] = 3;
    out[0] = 5;
    out[1] = 7;
    run(&p, alpha, beta); /* i(2 + 3i) - i(5 + 7i) = -3 + 2i + 7 - 5i */
    assert_true(out[0] == 4 && out[1] == -3);
    release(&p);
}

/* An empty sum is 0, times beta's part; an empty output is left alone. */
static void
test_empty(void **state)
{
    (void)state;
    struct toy_plan p;
    memset(&p, 0, sizeof p);
    make(&p, "ij,jk->ik", sizes(2, 0, 80), EINC_F64);
    double *out = p.first[2], alpha = 4, beta = 2;
    for (int i = 0; i < 160; i++)
        out[i] = i;
    run(&p, &alpha, &beta);
    for (int i = 0; i < 160; i++)
        assert_true(out[i] == 2 * i);
    void *const none[] = {NULL, NULL, out}; /* nothing is read */
    einc_interp_step(&p.plan, &p.step, none, NULL, NULL, NULL, 1);
    for (int i = 0; i < 160; i++)
        assert_true(out[i] == 0 && !signbit(out[i]));
    release(&p);
    memset(&p, 0, sizeof p);
    make(&p, "ij,jk->ik", sizes(0, 3, 4), EINC_F64);
    run(&p, NULL, NULL);
    release(&p);
}

static void
test_copies_keep_every_bit(void **state)
{
    (void)state;
    struct toy_plan p;
    memset(&p, 0, sizeof p);
    make(&p, "ij->ji", sizes(2, 2, 0), EINC_F32);
    float *in = p.first[0], *out = p.first[1];
    in[0] = -0.0f;
    in[1] = NAN;
    in[2] = -INFINITY;
    in[3] = 0x1p-149f;
    run(&p, NULL, NULL);
    assert_true(out[0] == 0 && signbit(out[0]));
    assert_true(isnan(out[2]) && out[1] == -INFINITY && out[3] == in[3]);
    release(&p);
}

/* No diagonal is a mask: NaN beside it does not reach the sum (E32). */
static void
test_nan_off_the_diagonal(void **state)
{
    (void)state;
    struct toy_plan p;
    memset(&p, 0, sizeof p);
    make(&p, "ii->", sizes(3, 0, 0), EINC_F32);
    for (int i = 0; i < 9; i++)
        ((float *)p.first[0])[i] = i % 4 ? NAN : 2;
    run(&p, NULL, NULL);
    assert_true(*(float *)p.first[1] == 6);
    release(&p);
}

/* Three hundred indices, all but four of extent 1. */
static void
test_many_indices(void **state)
{
    (void)state;
    enum { N = 300 };
    static struct graph_index indices[N];
    static struct axis in_axes[N], out_axes[N];
    static int free_list[N], sum_list[N];
    float in[36], out[6];
    struct graph g = {.indices = indices, .n_indices = N,
                      .compute = EINC_F32, .factor = 1};
    struct plan_tensor tensors[2] = {
        {.dtype = EINC_F32, .axes = in_axes, .n_axes = N},
        {.dtype = EINC_F32, .axes = out_axes}};
    struct step s = {.in = (const int[]){0}, .n_in = 1, .out = 1,
                     .factor = 1};
    s.b = (struct group){free_list, 0, 6};
    s.k = (struct group){sum_list, 0, 6};
    s.m.extent = s.n.extent = 1;
    for (int x = 0; x < N; x++) {
        /* 10: 2 (free), 100: 3 (summed), 200: 3 (free), 299: 2 (summed) */
        int extent = x == 10 || x == 299 ? 2 : x == 100 || x == 200 ? 3 : 1;
        static const int strides[] = {18, 6, 2, 1};
        indices[x].extent = extent;
        in_axes[x] = (struct axis){x, extent == 1 ? 1000000 + x
                                                  : strides[(x + 1) / 100]};
        if (x % 100 < 50 && x != 100) {
            out_axes[tensors[1].n_axes++] =
                (struct axis){x, x == 10 ? 3 : extent == 1 ? 99 : 1};
            free_list[s.b.n++] = x;
        } else {
            sum_list[s.k.n++] = x;
        }
    }
    struct plan p = {.graph = &g, .canon = &g, .tensors = tensors};
    for (int i = 0; i < 36; i++)
        in[i] = (float)(i * i);
    einc_interp_step(&p, &s, (void *[]){in, out}, NULL, NULL, NULL, 1);
    for (int a = 0; a < 2; a++)
        for (int c = 0; c < 3; c++) {
            float want = 0;
            for (int b = 0; b < 3; b++)
                for (int d = 0; d < 2; d++)
                    want += in[18 * a + 6 * b + 2 * c + d];
            assert_true(out[3 * a + c] == want);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_steps),
        cmocka_unit_test(test_threads_give_the_same_bits),
        cmocka_unit_test(test_reals_within_bound),
        cmocka_unit_test(test_long_sums_are_blocked),
        cmocka_unit_test(test_alpha_and_beta),
        cmocka_unit_test(test_beta_of_other_storage),
        cmocka_unit_test(test_complex_alpha),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_copies_keep_every_bit),
        cmocka_unit_test(test_nan_off_the_diagonal),
        cmocka_unit_test(test_many_indices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

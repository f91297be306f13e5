/* SPDX-License-Identifier: MIT
 *
 * statement.h - index statements for tests: operands from a line of text such
 * as "X f32 37x3, K i64 37 <20", their data by a generator, and the program.
 * "<n": integers from 0 to n - 1, ">n": sorted ones from 0 to n.
 */
#ifndef EINC_TESTS_STATEMENT_H
#define EINC_TESTS_STATEMENT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/half.h"
#include "parse/resolve.h"
#include "runtime/ref_program.h"

enum { STATEMENT_MOST = 12, STATEMENT_MEMORY = 64 << 20 };

struct statement_operand {
    char name[16];
    enum einc_dtype dtype;
    int rank;
    int64_t shape[6];
    long below, sorted; /* 0: no */
};

struct statement {
    const char *text;
    struct statement_operand op[STATEMENT_MOST];
    int n_ops;
    struct cx cx;
    struct arena perm, scratch;
    char *memory;
    const struct program *p;
    void *tensor[STATEMENT_MOST];
    double *error[STATEMENT_MOST];
    uint64_t random;
};

static inline uint64_t
statement_random(struct statement *s)
{
    s->random = s->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return s->random >> 33;
}

static inline void
statement_operands(struct statement *s, const char *spec)
{
    while (*spec) {
        struct statement_operand *o = &s->op[s->n_ops++];
        char type[8], dims[64] = "";
        int n = 0;
        assert_int_equal(sscanf(spec, " %15s %7[a-z0-9] %n", o->name, type,
                                &n), 2);
        spec += n;
        o->dtype = einc_dtype_parse(type);
        assert_true(o->dtype != EINC_DTYPE_NONE);
        if (*spec >= '0' && *spec <= '9') {
            sscanf(spec, "%63[0-9x]%n", dims, &n);
            spec += n;
        }
        for (char *d = dims; *d; d += *d == 'x')
            o->shape[o->rank++] = strtol(d, &d, 10);
        while (*spec == ' ')
            spec++;
        if (*spec == '<' || *spec == '>') {
            char c = *spec, *end;
            long bound = strtol(spec + 1, &end, 10);
            spec = end;
            if (c == '<')
                o->below = bound;
            else
                o->sorted = bound;
        }
        while (*spec == ' ' || *spec == ',')
            spec++;
    }
}

static inline int64_t
statement_count(const struct tensor *t)
{
    int64_t n = einc_dtype_info(t->dtype)->kind == KIND_COMPLEX ? 2 : 1;
    for (int d = 0; d < t->n_dims; d++)
        n *= t->shape[d];
    return n;
}

static inline void
statement_put(enum einc_dtype t, void *p, int64_t i, double v)
{
    switch (t) {
    case EINC_BOOL: ((uint8_t *)p)[i] = v > 0; break;
    case EINC_I8: ((int8_t *)p)[i] = (int8_t)v; break;
    case EINC_U8: ((uint8_t *)p)[i] = (uint8_t)(int)v; break;
    case EINC_I16: ((int16_t *)p)[i] = (int16_t)v; break;
    case EINC_U16: ((uint16_t *)p)[i] = (uint16_t)(int)v; break;
    case EINC_I32: ((int32_t *)p)[i] = (int32_t)v; break;
    case EINC_U32: ((uint32_t *)p)[i] = (uint32_t)(int64_t)v; break;
    case EINC_I64: ((int64_t *)p)[i] = (int64_t)v; break;
    case EINC_U64: ((uint64_t *)p)[i] = (uint64_t)(int64_t)v; break;
    case EINC_F16: ((uint16_t *)p)[i] = half_f32_to_f16((float)v); break;
    case EINC_BF16: ((uint16_t *)p)[i] = half_f32_to_bf16((float)v); break;
    case EINC_F32: case EINC_C64: ((float *)p)[i] = (float)v; break;
    default: ((double *)p)[i] = v; break;
    }
}

static inline double
statement_get(enum einc_dtype t, const void *p, int64_t i)
{
    switch (t) {
    case EINC_BOOL: return ((const uint8_t *)p)[i];
    case EINC_I8: return ((const int8_t *)p)[i];
    case EINC_U8: return ((const uint8_t *)p)[i];
    case EINC_I16: return ((const int16_t *)p)[i];
    case EINC_U16: return ((const uint16_t *)p)[i];
    case EINC_I32: return ((const int32_t *)p)[i];
    case EINC_U32: return ((const uint32_t *)p)[i];
    case EINC_I64: return (double)((const int64_t *)p)[i];
    case EINC_U64: return (double)((const uint64_t *)p)[i];
    case EINC_F16:
        return (double)half_f16_to_f32(((const uint16_t *)p)[i]);
    case EINC_BF16:
        return (double)half_bf16_to_f32(((const uint16_t *)p)[i]);
    case EINC_F32: case EINC_C64: return (double)((const float *)p)[i];
    default: return ((const double *)p)[i];
    }
}

static inline const struct statement_operand *
statement_named(const struct statement *s, struct str name)
{
    for (int o = 0; o < s->n_ops; o++)
        if (str_equal(str_of(s->op[o].name), name))
            return &s->op[o];
    return NULL;
}

static inline struct einc_layout
statement_layout(const struct statement_operand *o)
{
    return (struct einc_layout)EINC_LAYOUT((int32_t)o->dtype, o->rank,
                                           o->shape);
}

/* Tokens of the text to a program; the status if that failed. */
static inline enum einc_status
statement_resolve(struct statement *s)
{
    char *middle = s->memory + STATEMENT_MEMORY - (1 << 20);
    s->perm = (struct arena){s->memory, middle, &s->cx};
    s->scratch = (struct arena){middle, s->memory + STATEMENT_MEMORY, &s->cx};
    s->cx.perm = &s->perm;
    s->cx.source = str_of(s->text);
    if (setjmp(s->cx.boundary))
        return s->cx.status;
    const struct tree_program *t =
        einc_parse_program(&s->perm, s->scratch, s->cx.source);
    const struct names *names =
        einc_resolve_names(&s->perm, s->scratch, t, NULL, 0);
    struct einc_layout in[STATEMENT_MOST] = {{0}}, out[STATEMENT_MOST] = {{0}};
    const struct einc_layout *outs[STATEMENT_MOST] = {NULL};
    for (int o = 0; o < names->n_in; o++)
        in[o] = statement_layout(statement_named(s, names->in[o]));
    for (int o = 0; o < names->n_out; o++) {
        const struct statement_operand *g = statement_named(s, names->out[o]);
        if (g)
            out[o] = statement_layout(g);
        outs[o] = g ? &out[o] : NULL;
    }
    struct bindings b = {.in = in, .n_in = names->n_in, .out = outs,
                         .n_out = names->n_out};
    s->p = einc_resolve(&s->perm, s->scratch, t, &b);
    return EINC_OK;
}

/* Memory that ends where the tensor does, and data. `real`: not integers. */
static inline void
statement_fill(struct statement *s, int real)
{
    assert_true(s->p->n_tensors <= STATEMENT_MOST);
    for (int k = 0; k < s->p->n_tensors; k++) {
        const struct tensor *t = &s->p->tensors[k];
        const struct statement_operand *o = statement_named(s, t->name);
        int64_t n = statement_count(t);
        size_t bytes = (size_t)n * 16;
        double last = 0;
        s->tensor[k] = malloc(bytes ? bytes : 1);
        s->error[k] = calloc((size_t)(2 * n + 1), sizeof(double));
        memset(s->tensor[k], 0, bytes);
        for (int64_t i = 0; i < n; i++) {
            double v = (double)(int64_t)(statement_random(s) % 9) - 4;
            if (real)
                v = ((double)statement_random(s) / 1073741824.0 - 1) * 2;
            if (o && o->below)
                v = (double)(statement_random(s) % (uint64_t)o->below);
            if (o && o->sorted) {
                last += (double)(statement_random(s) % 7);
                v = i == 0 ? 0 : i == n - 1 ? (double)o->sorted
                    : fmin(last, (double)o->sorted);
            }
            statement_put(t->dtype, s->tensor[k], i, v);
        }
    }
}

static inline void
statement_open(struct statement *s, const char *text, const char *operands)
{
    memset(s, 0, sizeof *s);
    s->text = text;
    s->random = 42;
    s->memory = malloc(STATEMENT_MEMORY);
    statement_operands(s, operands);
    enum einc_status status = statement_resolve(s);
    if (status != EINC_OK) {
        struct text t = {.perm = &s->perm};
        for (int d = 0; d < s->cx.n_diags; d++)
            einc_diag_print(&t, &s->cx.diags[d], s->cx.source);
        print_message("%s\n%s\n", text, einc_text_z(&t));
    }
    assert_int_equal(status, EINC_OK);
}

static inline void
statement_close(struct statement *s)
{
    for (int k = 0; s->p && k < s->p->n_tensors; k++) {
        free(s->tensor[k]);
        free(s->error[k]);
    }
    free(s->memory);
}

#endif

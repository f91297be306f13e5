/* SPDX-License-Identifier: MIT
 * fuzz_statements.c - any index statements, through einc.h as a caller would:
 * names, a plan, every dump, an emitted file, a run on small numbers and the
 * oracle's. What is refused has a reason; nothing reads or writes astray. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/ctx.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { MOST = 8, MOST_DIMS = 8, MOST_BYTES = 1 << 20 };

static void
check(int holds)
{
    if (!holds)
        abort();
}

struct room {
    struct einc_layout layout;
    int64_t shape[MOST_DIMS];
    size_t bytes;
    char *data;
};

struct job {
    uint32_t state; /* of what is chosen */
    struct room in[MOST], out[MOST];
    int given[MOST];
    size_t n_in, n_out;
    int fails; /* more than fits here */
};

static uint32_t
next(struct job *j)
{
    j->state = j->state * 1664525u + 1013904223u;
    return j->state >> 16;
}

/* An einc_name_fn: shapes of 3 and 4 mostly, types that statements have. */
static int
take_name(void *user, const struct einc_name *name)
{
    static const int64_t sizes[] = {3, 4, 3, 4, 3, 4, 17, 40, 1, 0, 9, 7};
    static const int types[] = {EINC_F32, EINC_F32, EINC_I64, EINC_F64};
    struct job *j = user;
    size_t *n = name->output ? &j->n_out : &j->n_in;
    struct room *t = name->output ? &j->out[*n] : &j->in[*n];
    if (*n == MOST || name->ndim > MOST_DIMS) {
        j->fails = 1;
        return 0;
    }
    if (name->output)
        j->given[*n] = name->given || next(j) % 4 == 0;
    t->layout = (struct einc_layout){sizeof t->layout, types[next(j) % 4],
                                     name->ndim < 0 ? 1 : name->ndim, 0,
                                     t->shape, NULL};
    if (next(j) % 8 == 0)
        t->layout.dtype =
            EINC_BOOL + (int)(next(j) % (EINC_C128 - EINC_BOOL + 1));
    if (name->dtype)
        t->layout.dtype = name->dtype;
    for (int d = 0; d < t->layout.ndim; d++)
        t->shape[d] = sizes[next(j) % (next(j) % 2 ? 2 : 12)];
    ++*n;
    return 0;
}

/* Room for a tensor, with the bytes of small integers. */
static int
open_tensor(struct room *t)
{
    size_t size = einc_dtype_bytes((enum einc_dtype)t->layout.dtype);
    int64_t n = 1;
    for (int d = 0; d < t->layout.ndim; d++)
        if (__builtin_mul_overflow(n, t->layout.shape[d], &n)
            || n > MOST_BYTES)
            return 0;
    t->bytes = (size_t)n * size;
    t->data = calloc(1, t->bytes ? t->bytes : 1);
    for (int64_t e = 0; e < n; e++) {
        char *at = t->data + (size_t)e * size;
        if (t->layout.dtype == EINC_F32)
            *(float *)(void *)at = (float)(e % 5 - 1);
        else if (t->layout.dtype == EINC_F64)
            *(double *)(void *)at = (double)(e % 7 - 2);
        else if (t->layout.dtype != EINC_BOOL || e % 2)
            *at = (char)(e % 3);
    }
    return t->data != NULL;
}

static int
ignore(void *user, const char *bytes, size_t n)
{
    (void)user;
    return n > 0 && bytes == NULL;
}

static void
print_all(const struct einc_plan *plan)
{
    static const char *const stages[] = {"expr", "stmt", "path",
                                         "plan", "nest", "source"};
    const struct einc_emit_options opts = {.size = sizeof opts};
    struct einc_err *err = NULL;
    for (size_t s = 0; s < sizeof stages / sizeof *stages; s++)
        check(einc_explain(plan, stages[s], EINC_TEXT, ignore, NULL, NULL)
              == EINC_OK);
    enum einc_status status = einc_emit(plan, &opts, ignore, NULL, &err);
    check((status == EINC_OK) == (err == NULL));
    einc_err_free(err);
}

/* At most so many points in all statements together: a run takes no second. */
static int
is_short(const struct einc_plan *plan)
{
    const struct program *p = plan->script->given;
    double points = 0;
    for (int s = 0; s < p->n_stmts; s++) {
        const struct stmt *x = &p->stmts[s];
        double n = 1;
        for (int i = 0; i < x->n_indices; i++) {
            const struct index *y = &p->indices[x->first_index + i];
            n *= (double)(y->hi - y->lo) > 1 ? (double)(y->hi - y->lo) : 1;
        }
        points += n;
    }
    return points < 1e5;
}

static void
run(struct job *j, const struct einc_plan *plan)
{
    const void *in[MOST];
    void *out[MOST];
    int ok = is_short(plan);
    for (size_t i = 0; i < j->n_in; i++)
        ok = ok && open_tensor(&j->in[i]);
    for (size_t o = 0; o < j->n_out && ok; o++)
        ok = einc_plan_layout_of(plan, o, &j->out[o].layout) == EINC_OK
             && open_tensor(&j->out[o]);
    for (size_t i = 0; i < j->n_in; i++)
        in[i] = j->in[i].data;
    for (size_t o = 0; o < j->n_out; o++)
        out[o] = j->out[o].data;
    struct einc_err *err = NULL, *other = NULL;
    if (ok) {
        enum einc_status a = einc_run_outs(plan, in, out, NULL, &err);
        enum einc_status b = einc_reference_outs(plan, in, out, NULL, &other);
        check(a == b || a == EINC_ENOMEM || b == EINC_ENOMEM);
    }
    einc_err_free(err);
    einc_err_free(other);
    for (size_t t = 0; t < MOST; t++) {
        free(j->in[t].data);
        free(j->out[t].data);
    }
}

static void
compile(struct job *j, const char *text)
{
    struct einc_layout in[MOST];
    const struct einc_layout *out[MOST];
    const struct einc_options o = {.size = sizeof o,
                                   .tier = EINC_TIER_INTERP,
                                   .memory_limit_bytes = 1 << 24};
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    for (size_t i = 0; i < j->n_in; i++)
        in[i] = j->in[i].layout;
    for (size_t i = 0; i < j->n_out; i++)
        out[i] = j->given[i] ? &j->out[i].layout : NULL;
    enum einc_status status = einc_compile_outs(
        NULL, text, j->n_in, in, j->n_out, out, &o, &plan, &err);
    check((status == EINC_OK) == (plan != NULL));
    check((status == EINC_OK) == (err == NULL));
    if (plan) {
        print_all(plan);
        run(j, plan);
    } else {
        check(*einc_err_text(err) != 0);
    }
    einc_plan_free(plan);
    einc_err_free(err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct job j = {.state = 0};
    if (n < 4 || !memchr(bytes + 4, '[', n - 4)
        || memchr(bytes + 4, 0, n - 4))
        return 0;
    memcpy(&j.state, bytes, sizeof j.state);
    char *text = calloc(1, n - 3);
    memcpy(text, bytes + 4, n - 4);
    if (einc_names(text, NULL, take_name, &j, NULL) == EINC_OK && !j.fails)
        compile(&j, text);
    free(text);
    return 0;
}

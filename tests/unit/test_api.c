/* SPDX-License-Identifier: MIT
 *
 * test_api.c - einc.h from the caller's side: wrong calls, error objects, who
 * owns what, how much memory a call takes, many threads with one plan.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "einc.h"

/* --- helpers ------------------------------------------------------------ */

/* An allocator that counts; bytes are checked when they come back. */
struct counter {
    int calls;
    int64_t live, peak;
};

static void *
count(void *user, void *old, size_t old_bytes, size_t bytes)
{
    struct counter *c = user;
    __atomic_add_fetch(&c->calls, 1, __ATOMIC_RELAXED);
    int64_t live = __atomic_add_fetch(
        &c->live, (int64_t)bytes - (int64_t)old_bytes, __ATOMIC_RELAXED);
    if (live > c->peak)
        c->peak = live;
    if (bytes)
        return realloc(old, bytes);
    free(old);
    return NULL;
}

struct lines {
    int n;
    char last[256];
};

static void
keep_line(void *user, const char *line)
{
    struct lines *l = user;
    l->n++;
    snprintf(l->last, sizeof l->last, "%s", line);
}

static struct einc_layout
floats(int ndim, const int64_t *shape)
{
    return (struct einc_layout){sizeof(struct einc_layout), EINC_F32, ndim, 0,
                                shape, NULL};
}

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

static struct einc_ctx *
open_ctx(struct counter *c, int threads, enum einc_tier tier,
         const char *cache)
{
    struct einc_config config = {.size = sizeof config, .threads = threads,
                                 .alloc = c ? count : NULL, .alloc_user = c,
                                 .tier = (int32_t)tier, .cache_dir = cache};
    struct einc_ctx *ctx;
    assert_int_equal(einc_ctx_create(&config, &ctx, NULL), EINC_OK);
    return ctx;
}

/* ij,jk->ik of 2x3 by 3x4, interpreted. */
static struct einc_plan *
small_plan(struct einc_ctx *ctx)
{
    const struct einc_layout in[] = {floats(2, SHAPE(2, 3)),
                                     floats(2, SHAPE(3, 4))};
    struct einc_options o = {.size = sizeof o, .tier = EINC_TIER_INTERP};
    struct einc_plan *plan;
    assert_int_equal(einc_compile(ctx, "ij,jk->ik", 2, in, NULL, &o, &plan,
                                  NULL), EINC_OK);
    return plan;
}

struct written {
    char text[1 << 16];
    size_t n;
    int left; /* calls until it stops the writer; 0: never */
};

static int
write_text(void *user, const char *bytes, size_t n)
{
    struct written *w = user;
    if (w->left && --w->left == 0)
        return 1;
    if (n > sizeof w->text - 1 - w->n)
        return 1;
    memcpy(w->text + w->n, bytes, n);
    w->n += n;
    w->text[w->n] = 0;
    return 0;
}

/* The call is wrong, and says so to who asks. */
static void
check_misuse(enum einc_status status, struct einc_err *err)
{
    assert_int_equal(status, EINC_EINVAL);
    assert_non_null(err);
    assert_int_equal(einc_err_status(err), EINC_EINVAL);
    assert_true(strlen(einc_err_text(err)) > 8);
    einc_err_free(err);
}

/* The call gives its reason in `err`. */
#define assert_misuse(call)                                                 \
    do {                                                                    \
        enum einc_status status_of_call = (call);                           \
        check_misuse(status_of_call, err);                                  \
    } while (0)

/* --- contexts ----------------------------------------------------------- */

static void
test_contexts(void **state)
{
    (void)state;
    struct einc_config c = {.size = sizeof c, .tier = 17};
    struct einc_ctx *ctx = (struct einc_ctx *)&c;
    struct einc_err *err = NULL;
    assert_misuse(einc_ctx_create(&c, NULL, &err));
    err = NULL;
    assert_misuse(einc_ctx_create(&c, &ctx, &err));
    assert_null(ctx);
    c.tier = -1;
    assert_int_equal(einc_ctx_create(&c, &ctx, NULL), EINC_EINVAL);
    /* an older caller: only the first fields are there */
    struct einc_config older = {.size = 8, .threads = 1, .tier = 17};
    assert_int_equal(einc_ctx_create(&older, &ctx, NULL), EINC_OK);
    einc_ctx_free(ctx);
    assert_int_equal(einc_ctx_create(NULL, &ctx, NULL), EINC_OK);
    einc_ctx_free(ctx);
    einc_ctx_free(NULL);
}

/* --- compiling ---------------------------------------------------------- */

static void
test_compile_misuse(void **state)
{
    (void)state;
    struct einc_layout in[1] = {floats(1, SHAPE(3))};
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    assert_misuse(einc_compile(NULL, NULL, 1, in, NULL, NULL, &plan, &err));
    assert_misuse(einc_compile(NULL, "i", 1, in, NULL, NULL, NULL, &err));
    plan = (struct einc_plan *)in;
    assert_misuse(einc_compile(NULL, "i", 1, NULL, NULL, NULL, &plan, &err));
    assert_null(plan);
    in[0].size = 0;
    assert_misuse(einc_compile(NULL, "i", 1, in, NULL, NULL, &plan, &err));
    in[0] = floats(1, NULL);
    assert_misuse(einc_compile(NULL, "i", 1, in, NULL, NULL, &plan, &err));
    for (int32_t type = -1; type <= 99; type += type == -1 ? 1 : 99) {
        in[0] = floats(1, SHAPE(3)); /* -1, 0 and 99 are no types */
        in[0].dtype = type;
        assert_misuse(einc_compile(NULL, "i", 1, in, NULL, NULL, &plan,
                                   &err));
    }
    in[0] = floats(1, SHAPE(3));
    struct einc_layout out = floats(1, SHAPE(3));
    out.dtype = 99;
    assert_misuse(einc_compile(NULL, "i->i", 1, in, &out, NULL, &plan, &err));
    out = floats(1, SHAPE(3));
    out.size = 3;
    assert_misuse(einc_compile(NULL, "i->i", 1, in, &out, NULL, &plan, &err));
}

static enum einc_status
compile_with(const struct einc_layout *in, const struct einc_options *o,
             char *code)
{
    struct einc_plan *plan;
    struct einc_err *err;
    enum einc_status status =
        einc_compile(NULL, "ij->i", 1, in, NULL, o, &plan, &err);
    const struct einc_diag *d = einc_err_diag(err, 0);
    snprintf(code, 8, "%s", d ? d->code : "");
    assert_true((status == EINC_OK) == (plan != NULL));
    assert_true((status == EINC_OK) == (err == NULL));
    einc_plan_free(plan);
    einc_err_free(err);
    return status;
}

/* A network of 300 matrices, joined to a ring: the labels are ids[]. */
struct ring {
    int32_t labels[300][2];
    const int32_t *ids[300];
    size_t n_ids[300];
    struct einc_layout in[300];
};

static void
make_ring(struct ring *r)
{
    static const int64_t shape[] = {3, 3};
    for (int o = 0; o < 300; o++) {
        r->labels[o][0] = o;
        r->labels[o][1] = (o + 1) % 300;
        r->ids[o] = r->labels[o];
        r->n_ids[o] = 2;
        r->in[o] = (struct einc_layout)EINC_LAYOUT(EINC_I64, 2, shape);
    }
}

static void
check_ring(const struct ring *r, enum einc_status want, const char *text)
{
    static const int32_t none[1];
    struct einc_plan *plan;
    struct einc_err *err;
    assert_int_equal(einc_compile_ids(NULL, 300, r->ids, r->n_ids, none, 0,
                                      r->in, NULL, NULL, &plan, &err), want);
    assert_null(plan);
    assert_non_null(strstr(einc_err_text(err), text));
    einc_err_free(err);
}

/* Of hundreds of operands, which one: every reason says it. */
static void
test_which_operand(void **state)
{
    (void)state;
    static const int64_t other[] = {3, 4};
    struct ring r;
    make_ring(&r);
    r.in[123].size = 0;
    check_ring(&r, EINC_EINVAL, "operand 123 size is not set");
    make_ring(&r);
    r.in[124].dtype = 99;
    check_ring(&r, EINC_EINVAL, "operand 124 dtype is none of ours");
    make_ring(&r);
    r.ids[125] = NULL;
    check_ring(&r, EINC_EINVAL, "the ids of operand 125 are NULL");
    make_ring(&r);
    r.in[126].shape = NULL;
    check_ring(&r, EINC_EINVAL, "operand 126 shape is NULL");
    make_ring(&r);
    r.in[127].shape = other;
    check_ring(&r, EINC_ESHAPE, "128 = 4 in operand 127 (dim 1 of 3x4)");
}

/* Ways to colour a ring with three colours: 2^300 + 2, modulo 2^64. The loops
 * of the reference would have 3^300 points. */
static void
test_network(void **state)
{
    (void)state;
    static const int64_t differ[3][3] = {{0, 1, 1}, {1, 0, 1}, {1, 1, 0}};
    static const int32_t none[1];
    struct ring r;
    struct einc_plan *plan;
    struct einc_err *err;
    const void *in[300];
    int64_t ways = 0;
    make_ring(&r);
    for (int o = 0; o < 300; o++)
        in[o] = differ;
    assert_int_equal(einc_compile_ids(NULL, 300, r.ids, r.n_ids, none, 0, r.in,
                                      NULL, NULL, &plan, NULL), EINC_OK);
    assert_int_equal(einc_run(plan, in, &ways, NULL, NULL), EINC_OK);
    assert_int_equal(ways, 2);
    assert_int_equal(einc_reference(plan, in, &ways, NULL, &err), EINC_ELIMIT);
    assert_non_null(strstr(einc_err_text(err), "1.4e+143 points of 300 "));
    einc_err_free(err);
    einc_plan_free(plan);
}

static void
test_options(void **state)
{
    (void)state;
    char code[8];
    struct einc_layout in = floats(2, SHAPE(3, 4));
    struct einc_options o = {.size = sizeof o, .tier = EINC_TIER_INTERP};
    assert_int_equal(compile_with(&in, &o, code), EINC_OK);
    o.tier = 4;
    assert_int_equal(compile_with(&in, &o, code), EINC_EINVAL);
    o.tier = EINC_TIER_INTERP;
    o.path = "fastest";
    assert_int_equal(compile_with(&in, &o, code), EINC_EINVAL);
    assert_string_equal(code, "E812");
    o.path = "random:x";
    assert_int_equal(compile_with(&in, &o, code), EINC_EINVAL);
    o.path = NULL;
    o.plan_text = "no plan";
    assert_int_equal(compile_with(&in, &o, code), EINC_EINVAL);
    assert_string_equal(code, "E811");
    o.plan_text = NULL;
    o.symbolic = "q";
    assert_int_equal(compile_with(&in, &o, code), EINC_ESHAPE);
    assert_string_equal(code, "E301");
    o.symbolic = "*";
    assert_int_equal(compile_with(&in, &o, code), EINC_OK);
    in.stride = SHAPE(4, 1);
    assert_int_equal(compile_with(&in, &o, code), EINC_EUNSUP);
    in = floats(2, SHAPE(3, 1));
    assert_int_equal(compile_with(&in, &o, code), EINC_ESHAPE);
    assert_string_equal(code, "E408");
    o.symbolic = NULL;
    in = floats(2, SHAPE(3, -1));
    assert_int_not_equal(compile_with(&in, &o, code), EINC_OK);
    in = floats(-1, SHAPE(3));
    assert_int_not_equal(compile_with(&in, &o, code), EINC_OK);
    in = floats(2, SHAPE(INT64_MAX, 2));
    assert_int_equal(compile_with(&in, &o, code), EINC_ELIMIT);
    struct einc_options older = {.size = 12, .tier = EINC_TIER_INTERP,
                                 .path = "not read: beyond the size"};
    in = floats(2, SHAPE(3, 4));
    assert_int_equal(compile_with(&in, &older, code), EINC_OK);
}

static void
test_ids_misuse(void **state)
{
    (void)state;
    struct einc_layout in = floats(1, SHAPE(3));
    const int32_t one[] = {1};
    const int32_t *ids[] = {one}, *none[] = {NULL};
    const size_t n[] = {1};
    struct einc_plan *plan;
    struct einc_err *err;
    assert_misuse(einc_compile_ids(NULL, 1, NULL, n, NULL, 0, &in, NULL, NULL,
                                   &plan, &err));
    assert_misuse(einc_compile_ids(NULL, 1, ids, NULL, NULL, 0, &in, NULL,
                                   NULL, &plan, &err));
    assert_misuse(einc_compile_ids(NULL, 1, none, n, NULL, 0, &in, NULL, NULL,
                                   &plan, &err));
    assert_misuse(einc_compile_ids(NULL, 1, ids, n, NULL, 0, NULL, NULL, NULL,
                                   &plan, &err));
    assert_misuse(einc_compile_ids(NULL, 1, ids, n, NULL, 0, &in, NULL, NULL,
                                   NULL, &err));
    assert_int_equal(einc_compile_ids(NULL, 1, ids, n, NULL, 0, &in, NULL,
                                      NULL, &plan, NULL), EINC_OK);
    einc_plan_free(plan);
}

/* A plan names its labels when the caller's text is long gone. */
static void
test_text_is_copied(void **state)
{
    (void)state;
    char text[] = "row,row->row";
    static struct written w;
    const struct einc_layout in[] = {floats(3, SHAPE(2, 3, 4)),
                                     floats(3, SHAPE(2, 3, 4))};
    struct einc_options o = {.size = sizeof o, .tier = EINC_TIER_INTERP};
    struct einc_plan *plan;
    assert_int_equal(einc_compile(NULL, text, 2, in, NULL, &o, &plan, NULL),
                     EINC_OK);
    memset(text, '#', sizeof text - 1);
    memset(&w, 0, sizeof w);
    for (int k = 0; k < 3; k++)
        assert_int_equal(
            einc_explain(plan, (const char *[]){"expr", "graph", "plan"}[k],
                         EINC_TEXT, write_text, &w, NULL), EINC_OK);
    assert_int_equal(einc_emit(plan, NULL, write_text, &w, NULL), EINC_OK);
    assert_null(strstr(w.text, "###"));
    assert_non_null(strstr(w.text, "row,row->row"));
    einc_plan_free(plan);
}

/* --- running ------------------------------------------------------------ */

static void
test_run_misuse(void **state)
{
    (void)state;
    struct einc_plan *plan = small_plan(NULL);
    const float a[6] = {0}, b[12] = {0};
    float out[8] = {7, 7, 7, 7, 7, 7, 7, 7};
    const void *in[] = {a, b}, *hole[] = {a, NULL};
    char work[128 + 64] = {0};
    struct einc_run_options o = {.size = sizeof o};
    struct einc_err *err;
    assert_misuse(einc_run(NULL, in, out, NULL, &err));
    assert_misuse(einc_run(plan, NULL, out, NULL, &err));
    assert_misuse(einc_run(plan, in, NULL, NULL, &err));
    assert_misuse(einc_run(plan, hole, out, NULL, &err));
    assert_misuse(einc_reference(NULL, in, out, NULL, &err));
    assert_misuse(einc_reference(plan, NULL, out, NULL, &err));
    assert_misuse(einc_reference(plan, in, NULL, NULL, &err));
    assert_misuse(einc_reference(plan, hole, out, NULL, &err));
    char *aligned = work + (64 - (uintptr_t)work % 64) % 64;
    o.work = aligned + 4;
    o.work_bytes = 100;
    assert_misuse(einc_run(plan, in, out, &o, &err));
    for (int j = 0; j < 8; j++)
        assert_true(out[j] == 7);
    o.work = aligned;
    assert_int_equal(einc_run(plan, in, out, &o, NULL), EINC_OK);
    for (int j = 0; j < 8; j++)
        assert_true(out[j] == 0);
    einc_plan_free(plan);
    einc_plan_free(NULL);
}

static void
test_einsum_misuse(void **state)
{
    (void)state;
    const float a[3] = {1, 2, 3};
    float out[3] = {7, 7, 7};
    const struct einc_layout in = floats(1, SHAPE(3));
    struct einc_layout to = in;
    const void *data[] = {a};
    struct einc_err *err;
    assert_misuse(einc_einsum(NULL, NULL, 1, &in, data, &to, out, &err));
    assert_misuse(einc_einsum(NULL, "i->i", 1, NULL, data, &to, out, &err));
    assert_misuse(einc_einsum(NULL, "i->i", 1, &in, NULL, &to, out, &err));
    assert_misuse(einc_einsum(NULL, "i->i", 1, &in, data, NULL, out, &err));
    assert_misuse(einc_einsum(NULL, "i->i", 1, &in, data, &to, NULL, &err));
    to.size = 0;
    assert_misuse(einc_einsum(NULL, "i->i", 1, &in, data, &to, out, &err));
    to = floats(1, NULL);
    assert_misuse(einc_einsum(NULL, "i->i", 1, &in, data, &to, out, &err));
    to = floats(1, SHAPE(4));
    assert_int_equal(einc_einsum(NULL, "i->i", 1, &in, data, &to, out, NULL),
                     EINC_ESHAPE);
    assert_true(out[0] == 7 && out[1] == 7 && out[2] == 7);
    assert_int_equal(einc_einsum(NULL, "i->i", 1, &in, data, &in, out, NULL),
                     EINC_OK);
    assert_memory_equal(out, a, sizeof a);
}

/* --- asking ------------------------------------------------------------- */

static void
test_plan_questions(void **state)
{
    (void)state;
    struct einc_plan *plan = small_plan(NULL);
    struct einc_layout made;
    size_t bytes = 1, align = 0;
    assert_int_equal(einc_plan_layout(NULL, &made), EINC_EINVAL);
    assert_int_equal(einc_plan_layout(plan, NULL), EINC_EINVAL);
    assert_int_equal(einc_plan_layout(plan, &made), EINC_OK);
    assert_int_equal(made.size, sizeof made);
    assert_int_equal(made.dtype, EINC_F32);
    assert_int_equal(made.ndim, 2);
    assert_int_equal(made.shape[1], 4);
    assert_int_equal(made.stride[0], 4);
    assert_int_equal(einc_plan_workspace(NULL, &bytes, &align), EINC_EINVAL);
    assert_int_equal(einc_plan_workspace(plan, NULL, &align), EINC_EINVAL);
    assert_int_equal(einc_plan_workspace(plan, &bytes, NULL), EINC_OK);
    assert_int_equal(einc_plan_workspace(plan, &bytes, &align), EINC_OK);
    assert_int_equal(bytes, 0);
    assert_int_equal(align, 64);
    assert_int_equal(einc_plan_compute(NULL), EINC_DTYPE_NONE);
    assert_int_equal(einc_plan_compute(plan), EINC_F32);
    assert_true(einc_plan_error_terms(NULL) == 0);
    assert_true(einc_plan_error_terms(plan) >= 3);
    assert_true(einc_plan_hash(NULL) == 0);
    assert_int_equal(einc_plan_tier(NULL), EINC_TIER_AUTO);
    assert_int_equal(einc_plan_tier(plan), EINC_TIER_INTERP);
    struct einc_plan *same = small_plan(NULL);
    assert_true(einc_plan_hash(plan) == einc_plan_hash(same));
    einc_plan_free(plan);
    einc_plan_free(same);
}

static void
test_explain_misuse(void **state)
{
    (void)state;
    static struct written w;
    struct einc_plan *plan = small_plan(NULL);
    struct einc_err *err;
    memset(&w, 0, sizeof w);
    assert_misuse(einc_explain(NULL, "plan", EINC_TEXT, write_text, &w, &err));
    assert_misuse(einc_explain(plan, "plan", EINC_TEXT, NULL, &w, &err));
    assert_misuse(einc_explain(plan, "soup", EINC_TEXT, write_text, &w, &err));
    assert_misuse(einc_explain(plan, "graph", EINC_JSON, write_text, &w,
                               &err));
    assert_misuse(einc_explain(plan, "plan", (enum einc_format)9, write_text,
                               &w, &err));
    assert_int_equal(w.n, 0);
    w.left = 1;
    assert_misuse(einc_explain(plan, "plan", EINC_TEXT, write_text, &w, &err));
    static const char *const stages[] = {"expr", "stmt", "graph", "canon",
                                         "path", "plan", "nest", "source",
                                         "cuda", NULL};
    for (size_t s = 0; s < sizeof stages / sizeof *stages; s++) {
        memset(&w, 0, sizeof w);
        assert_int_equal(einc_explain(plan, stages[s], EINC_TEXT, write_text,
                                      &w, NULL), EINC_OK);
        assert_true(w.n > 0);
    }
    for (int f = EINC_JSON; f <= EINC_DOT; f++) {
        memset(&w, 0, sizeof w);
        assert_int_equal(einc_explain(plan, NULL, (enum einc_format)f,
                                      write_text, &w, NULL), EINC_OK);
        assert_true(w.n > 0);
    }
    einc_plan_free(plan);
}

static void
test_emit_misuse(void **state)
{
    (void)state;
    static struct written w;
    struct einc_plan *plan = small_plan(NULL);
    struct einc_err *err;
    static const char *const bad[] = {"", "3x", "a-b", "while", "é", "main",
                                      "a b"};
    assert_misuse(einc_emit(NULL, NULL, write_text, &w, &err));
    assert_misuse(einc_emit(plan, NULL, NULL, &w, &err));
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        struct einc_emit_options o = {.size = sizeof o, .name = bad[k]};
        assert_misuse(einc_emit(plan, &o, write_text, &w, &err));
    }
    struct einc_emit_options o = {.size = sizeof o, .target = "fortran"};
    assert_misuse(einc_emit(plan, &o, write_text, &w, &err));
    o = (struct einc_emit_options){.size = sizeof o, .part = 3};
    assert_misuse(einc_emit(plan, &o, write_text, &w, &err));
    o = (struct einc_emit_options){.size = sizeof o, .header = "a\"b.h"};
    assert_misuse(einc_emit(plan, &o, write_text, &w, &err));
    o = (struct einc_emit_options){.size = sizeof o, .header = ""};
    assert_misuse(einc_emit(plan, &o, write_text, &w, &err));
    assert_int_equal(w.n, 0);
    o = (struct einc_emit_options){.size = sizeof o, .target = "cuda:sm"};
    assert_misuse(einc_emit(plan, &o, write_text, &w, &err));
    w.left = 1;
    assert_misuse(einc_emit(plan, NULL, write_text, &w, &err));
    w.left = 0;
    assert_int_equal(einc_emit(plan, NULL, write_text, &w, NULL), EINC_OK);
    einc_plan_free(plan);
}

struct shapes {
    int calls, stop_at;
    int64_t last[4];
};

static int
take_shape(void *user, size_t operand, int32_t ndim, const int64_t *shape)
{
    struct shapes *s = user;
    assert_int_equal(operand, s->calls);
    for (int d = 0; d < ndim && d < 4; d++)
        s->last[d] = shape[d];
    return ++s->calls == s->stop_at;
}

static void
test_shapes(void **state)
{
    (void)state;
    struct shapes s = {0};
    struct einc_err *err;
    char symbolic[4];
    assert_misuse(einc_shapes(NULL, NULL, 0, take_shape, &s, NULL, 0, &err));
    assert_misuse(einc_shapes("ij", NULL, 0, NULL, &s, NULL, 0, &err));
    assert_int_equal(s.calls, 0);
    assert_int_equal(einc_shapes("ij,jk->ik", "i=2,j=3,k=5", 0, take_shape,
                                 &s, symbolic, sizeof symbolic, NULL),
                     EINC_OK);
    assert_string_equal(symbolic, "");
    assert_int_equal(s.calls, 2);
    assert_int_equal(s.last[0], 3);
    assert_int_equal(s.last[1], 5);
    s = (struct shapes){0};
    assert_int_equal(einc_shapes("ij,jk->ik", "j=3", 0, take_shape, &s,
                                 symbolic, sizeof symbolic, NULL), EINC_OK);
    assert_string_equal(symbolic, "i,k");
    s = (struct shapes){0};
    assert_misuse(einc_shapes("ij,jk->ik", "j=3", 0, take_shape, &s, symbolic,
                              3, &err));
    s = (struct shapes){.stop_at = 1};
    assert_misuse(einc_shapes("ij,jk->ik", "j=3", 0, take_shape, &s, NULL, 0,
                              &err));
    assert_int_equal(s.calls, 1);
    static const char *const bad[] = {"i", "i=", "=3", "i=x", "i=3;j=4",
                                      "i=99999999999999999999"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        assert_int_equal(einc_shapes("ij", bad[k], 0, take_shape, &s, NULL, 0,
                                     NULL), EINC_EPARSE);
    assert_int_equal(einc_shapes("ij", "q=3", 0, take_shape, &s, NULL, 0,
                                 NULL), EINC_ESHAPE);
}

static void
test_names(void **state)
{
    (void)state;
    static struct written w;
    assert_string_equal(einc_version(), EINC_VERSION);
    assert_int_equal(einc_abi(), EINC_ABI);
    for (int d = EINC_BOOL; d <= EINC_C128; d++) {
        enum einc_dtype t = (enum einc_dtype)d;
        assert_int_equal(einc_dtype_parse(einc_dtype_name(t)), t);
        assert_true(einc_dtype_bytes(t) >= 1 && einc_dtype_bytes(t) <= 16);
    }
    for (int k = 0; k < 3; k++) {
        enum einc_dtype t = (enum einc_dtype)((const int[]){-1, 0, 16}[k]);
        assert_null(einc_dtype_name(t));
        assert_int_equal(einc_dtype_bytes(t), 0);
    }
    assert_int_equal(einc_dtype_parse(NULL), EINC_DTYPE_NONE);
    assert_int_equal(einc_dtype_parse("f31"), EINC_DTYPE_NONE);
    assert_string_equal(einc_status_name(EINC_OK), "EINC_OK");
    assert_string_equal(einc_status_name(EINC_EINTERNAL), "EINC_EINTERNAL");
    assert_non_null(einc_status_name((enum einc_status)99));
    assert_non_null(einc_status_name((enum einc_status)-1));
    assert_int_equal(einc_doctor(NULL, NULL, NULL), EINC_EINVAL);
    memset(&w, 0, sizeof w);
    assert_int_equal(einc_doctor(NULL, write_text, &w), EINC_OK);
    assert_non_null(strstr(w.text, EINC_VERSION));
}

/* --- error objects ------------------------------------------------------ */

static struct einc_err *
error_of(const char *expr, size_t n_in, const struct einc_layout *in)
{
    struct einc_plan *plan;
    struct einc_err *err = NULL;
    assert_int_not_equal(einc_compile(NULL, expr, n_in, in, NULL, NULL, &plan,
                                      &err), EINC_OK);
    assert_null(plan);
    assert_non_null(err);
    return err;
}

static void
test_error_objects(void **state)
{
    (void)state;
    const struct einc_layout in[] = {floats(3, SHAPE(2, 3, 4)),
                                     floats(2, SHAPE(5, 6))};
    struct einc_err *err = error_of("bik,kj->bij", 2, in);
    assert_int_equal(einc_err_status(err), EINC_ESHAPE);
    assert_int_equal(einc_err_count(err), 1);
    const struct einc_diag *d = einc_err_diag(err, 0);
    assert_string_equal(d->code, "E401");
    assert_non_null(strstr(d->message, "'k'"));
    assert_int_equal(d->status, EINC_ESHAPE);
    assert_int_equal(d->n_marks, 2);
    assert_int_equal(d->marks[0].begin, 2);
    assert_int_equal(d->marks[0].end, 3);
    assert_int_equal(d->marks[0].operand, 0);
    assert_int_equal(d->marks[0].dim, 2);
    assert_int_equal(d->marks[1].begin, 4);
    assert_int_equal(d->marks[1].operand, 1);
    assert_int_equal(d->marks[1].dim, 0);
    const char *text = einc_err_text(err);
    assert_int_equal(strncmp(text, "error[E401]: ", 13), 0);
    assert_non_null(strstr(text, "\n  bik,kj->bij\n"));
    assert_int_equal(text[strlen(text) - 1], '\n');
    assert_null(einc_err_diag(err, 1));
    assert_null(einc_err_diag(err, -1));
    einc_err_free(err);
}

static void
test_error_hints(void **state)
{
    (void)state;
    const struct einc_layout in[] = {floats(2, SHAPE(2, 3)),
                                     floats(2, SHAPE(3, 4))};
    struct einc_err *err = error_of("ij,jk=>ik", 2, in);
    assert_int_equal(einc_err_status(err), EINC_EPARSE);
    assert_string_equal(einc_err_diag(err, 0)->code, "E201");
    assert_non_null(einc_err_diag(err, 0)->hint);
    assert_non_null(strstr(einc_err_text(err), "hint: "));
    einc_err_free(err);
    err = error_of("ij%,j&->ik!", 2, in); /* several at once */
    assert_true(einc_err_count(err) > 1);
    assert_true(einc_err_count(err) <= 5);
    einc_err_free(err);
}

static void
test_no_error(void **state)
{
    (void)state;
    const struct einc_layout in = floats(1, SHAPE(3));
    struct einc_plan *plan;
    struct einc_err *err = (struct einc_err *)&plan;
    assert_int_equal(einc_compile(NULL, "i", 1, &in, NULL, NULL, &plan, &err),
                     EINC_OK);
    assert_null(err);
    assert_non_null(einc_err_text(NULL));
    assert_int_equal(einc_err_status(NULL), EINC_OK);
    assert_int_equal(einc_err_count(NULL), 0);
    assert_null(einc_err_diag(NULL, 0));
    einc_err_free(NULL);
    einc_plan_free(plan);
    /* without an error object the status still tells */
    assert_int_equal(einc_compile(NULL, "i->j", 1, &in, NULL, NULL, &plan,
                                  NULL), EINC_ESHAPE);
}

/* --- memory ------------------------------------------------------------- */

/* ab,bc,cd->ad of squares: one intermediate of n*n floats. */
static struct einc_plan *
chain(struct einc_ctx *ctx, const int64_t *shape, enum einc_tier tier)
{
    const struct einc_layout in[] = {floats(2, shape), floats(2, shape),
                                     floats(2, shape)};
    struct einc_options o = {.size = sizeof o, .tier = (int32_t)tier};
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    if (einc_compile(ctx, "ab,bc,cd->ad", 3, in, NULL, &o, &plan, &err) !=
        EINC_OK)
        print_message("%s", einc_err_text(err));
    einc_err_free(err);
    return plan;
}

static float *
integers(int n)
{
    float *p = malloc((size_t)n * sizeof *p);
    assert_non_null(p);
    for (int j = 0; j < n; j++)
        p[j] = (float)(7 * j % 5 - 2);
    return p;
}

static void
test_plan_outlives_context(void **state)
{
    (void)state;
    struct counter c = {0};
    struct einc_ctx *ctx = open_ctx(&c, 2, EINC_TIER_INTERP, "");
    struct einc_plan *plan = small_plan(ctx);
    einc_ctx_free(ctx);
    const float a[6] = {1, 2, 3, 4, 5, 6};
    const float b[12] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0};
    const float want[8] = {1, 2, 3, 0, 4, 5, 6, 0};
    float out[8];
    assert_int_equal(einc_run(plan, (const void *[]){a, b}, out, NULL, NULL),
                     EINC_OK);
    assert_memory_equal(out, want, sizeof want);
    assert_true(c.live > 0);
    einc_plan_free(plan);
    assert_int_equal(c.live, 0);
}

static void
test_errors_give_all_back(void **state)
{
    (void)state;
    struct counter c = {0};
    struct einc_ctx *ctx = open_ctx(&c, 1, EINC_TIER_INTERP, "");
    const struct einc_layout in = floats(1, SHAPE(3));
    static const char *const exprs[] = {"ii", "i->j", "i%", "i->->", "j,i"};
    int64_t before = c.live;
    for (size_t k = 0; k < sizeof exprs / sizeof *exprs; k++) {
        struct einc_plan *plan;
        struct einc_err *err;
        assert_int_not_equal(einc_compile(ctx, exprs[k], 1, &in, NULL, NULL,
                                          &plan, &err), EINC_OK);
        einc_err_free(err);
        assert_int_equal(c.live, before);
        assert_int_not_equal(einc_compile(ctx, exprs[k], 1, &in, NULL, NULL,
                                          &plan, NULL), EINC_OK);
        assert_int_equal(c.live, before);
    }
    einc_ctx_free(ctx);
    assert_int_equal(c.live, 0);
}

/* einc_einsum() plans once: the second call takes no memory at all. */
static void
test_einsum_remembers(void **state)
{
    (void)state;
    struct counter c = {0};
    struct einc_ctx *ctx = open_ctx(&c, 1, EINC_TIER_INTERP, "");
    const struct einc_layout in[] = {floats(2, SHAPE(2, 3)),
                                     floats(2, SHAPE(3, 2))};
    const struct einc_layout out = floats(2, SHAPE(2, 2));
    const struct einc_layout other[] = {floats(2, SHAPE(2, 1)),
                                        floats(2, SHAPE(1, 2))};
    const float a[6] = {1, 2, 3, 4, 5, 6}, want[4] = {22, 28, 49, 64};
    const void *data[] = {a, a};
    float got[4];
    assert_int_equal(einc_einsum(ctx, "ij,jk->ik", 2, in, data, &out, got,
                                 NULL), EINC_OK);
    assert_memory_equal(got, want, sizeof want);
    int calls = c.calls;
    for (int k = 0; k < 3; k++) {
        memset(got, 0, sizeof got);
        assert_int_equal(einc_einsum(ctx, "ij,jk->ik", 2, in, data, &out, got,
                                     NULL), EINC_OK);
        assert_memory_equal(got, want, sizeof want);
    }
    assert_int_equal(c.calls, calls);
    assert_int_equal(einc_einsum(ctx, "ij,jk->ik", 2, other, data, &out, got,
                                 NULL), EINC_OK); /* other shapes: planned */
    assert_true(c.calls > calls);
    assert_true(got[0] == 1 && got[1] == 2 && got[2] == 2 && got[3] == 4);
    einc_ctx_free(ctx);
    assert_int_equal(c.live, 0);
}

/* The last such number: that of the plan, behind those of its stages. */
static int64_t
printed_peak(const struct einc_plan *plan, enum einc_format format)
{
    static struct written w;
    const char *key = format == EINC_JSON ? "\"peak_bytes\": " : "peak_bytes ";
    const char *last = NULL;
    memset(&w, 0, sizeof w);
    assert_int_equal(einc_explain(plan, "plan", format, write_text, &w, NULL),
                     EINC_OK);
    for (const char *at = w.text; (at = strstr(at, key)) != NULL;)
        last = at += strlen(key);
    assert_non_null(last);
    return strtoll(last, NULL, 10);
}

/* What the plan says it takes is what einc_run() allocates, but for what it
 * takes to align it. */
static void
test_workspace_is_true(void **state)
{
    (void)state;
    struct counter c = {0};
    struct einc_ctx *ctx = open_ctx(&c, 1, EINC_TIER_INTERP, "");
    const int64_t shape[] = {45, 45};
    float *in = integers(45 * 45), *out = malloc(45 * 45 * sizeof *out);
    struct einc_plan *plan = chain(ctx, shape, EINC_TIER_INTERP);
    assert_non_null(out);
    size_t bytes;
    assert_int_equal(einc_plan_workspace(plan, &bytes, NULL), EINC_OK);
    assert_int_equal(bytes, (45 * 45 * 4 + 63) / 64 * 64);
    assert_int_equal(printed_peak(plan, EINC_TEXT), bytes);
    c.peak = c.live;
    int64_t before = c.live;
    assert_int_equal(einc_run(plan, (const void *[]){in, in, in}, out, NULL,
                              NULL), EINC_OK);
    assert_int_equal(c.live, before);
    assert_int_equal(c.peak - before, bytes + 64);
    struct einc_run_options o = {.size = sizeof o, .work_bytes = bytes};
    int calls = c.calls;
    assert_int_equal(posix_memalign(&o.work, 64, bytes), 0);
    assert_int_equal(einc_run(plan, (const void *[]){in, in, in}, out, &o,
                              NULL), EINC_OK);
    assert_int_equal(c.calls, calls); /* the caller's memory is all it needs */
    o.work_bytes = bytes - 1;
    struct einc_err *err;
    assert_misuse(einc_run(plan, (const void *[]){in, in, in}, out, &o, &err));
    free(o.work);
    free(in);
    free(out);
    einc_plan_free(plan);
    einc_ctx_free(ctx);
    assert_int_equal(c.live, 0);
}

/* Of each lowering one, alone and as a stage of statements. */
static const struct taking {
    const char *text;
    int n_in, n_dims[3];
    int64_t shape[3][4];
    int compiles; /* in tier CC, too */
} takings[] = {
    {"ij->ji", 1, {2}, {{70, 90}}, 0},
    {"bij,bij->b", 2, {3, 3}, {{3, 40, 40}, {3, 40, 40}}, 0},
    {"ab,bc->ac", 2, {2, 2}, {{200, 200}, {200, 200}}, 0},
    {"ab,bc,cd->ad", 3, {2, 2, 2}, {{45, 45}, {45, 45}, {45, 45}}, 1},
    {"O[i,j] = X[i,d]*Y[j,d]", 2, {2, 2}, {{5, 4}, {6, 4}}, 0},
    {"O[i] = sum[j](exp(-sum[d]((X[i,d]-Y[j,d])^2)))", 2, {2, 2},
     {{50, 3}, {60, 3}}, 0},
    {"O[n,k,h,w] = X[n,c,pad(h+r-1,1),pad(w+s-1,1)]*W[k,c,r,s]", 2, {4, 4},
     {{2, 3, 9, 9}, {4, 3, 3, 3}}, 0},
    {"O[i,e] = sum[j](softmax[j](sum[d](Q[i,d]*K[j,d]))*V[j,e])", 3,
     {2, 2, 2}, {{40, 16}, {50, 16}, {50, 64}}, 1},
    {"t[i,j] = X[i,d]*Y[j,d]; m[i] = max[j](t[i,j]); O[i,j] = t[i,j]-m[i]",
     2, {2, 2}, {{90, 80}, {70, 80}}, 0},
};

/* A run takes no more than is printed, which is what the plan asks for: with
 * that of the caller it takes nothing, and leaves what lies behind it. */
static void
check_taking(const struct taking *x, enum einc_tier tier, int threads,
             const char *cache)
{
    enum { BEHIND = 256, MOST = 40000 };
    struct counter c = {0};
    struct einc_ctx *ctx = open_ctx(&c, threads, tier, cache);
    struct einc_layout in[3];
    const void *data[3];
    float *from = integers(MOST), *out = malloc(MOST * sizeof *out);
    struct einc_run_options o = {.size = sizeof o};
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    assert_non_null(out);
    for (int k = 0; k < x->n_in; k++) {
        in[k] = floats(x->n_dims[k], x->shape[k]);
        data[k] = from;
    }
    if (einc_compile(ctx, x->text, (size_t)x->n_in, in, NULL, NULL, &plan,
                     &err) != EINC_OK)
        fail_msg("%s: %s", x->text, einc_err_text(err));
    assert_int_equal(einc_plan_workspace(plan, &o.work_bytes, NULL), EINC_OK);
    assert_int_equal(printed_peak(plan, EINC_TEXT), o.work_bytes);
    assert_int_equal(printed_peak(plan, EINC_JSON), o.work_bytes);
    assert_int_equal(posix_memalign(&o.work, 64, o.work_bytes + BEHIND), 0);
    unsigned char *behind = (unsigned char *)o.work + o.work_bytes;
    memset(behind, 0xa5, BEHIND);
    int calls = c.calls;
    assert_int_equal(einc_run(plan, data, out, &o, NULL), EINC_OK);
    assert_int_equal(c.calls, calls);
    for (int k = 0; k < BEHIND; k++)
        assert_int_equal(behind[k], 0xa5);
    int64_t before = c.peak = c.live;
    assert_int_equal(einc_run(plan, data, out, NULL, NULL), EINC_OK);
    assert_true(c.peak - before <= (int64_t)o.work_bytes + 64);
    assert_int_equal(c.live, before);
    free(o.work);
    free(from);
    free(out);
    einc_plan_free(plan);
    einc_ctx_free(ctx);
}

struct fixture {
    char cache[512];
    struct einc_ctx *cc; /* NULL: no compiler */
    struct lines lines;
};

static void
test_peak_is_true(void **state)
{
    struct fixture *f = *state;
    for (size_t k = 0; k < sizeof takings / sizeof *takings; k++)
        for (int threads = 1; threads <= 2; threads++) {
            const struct taking *x = &takings[k];
            check_taking(x, EINC_TIER_INTERP, threads, "");
            check_taking(x, EINC_TIER_BUILTIN, threads, "");
            check_taking(x, EINC_TIER_AUTO, threads, f->cache);
            if (x->compiles && f->cc) {
                check_taking(x, EINC_TIER_CC, threads, f->cache);
                check_taking(x, EINC_TIER_AUTO, threads, f->cache);
            }
        }
}

enum { GUARD = 4096 };

/* The caller's workspace is used, and nothing before or behind it. */
static void
check_guards(struct einc_plan *plan, const void *const *in, float *out)
{
    size_t bytes;
    void *block = NULL;
    assert_int_equal(einc_plan_workspace(plan, &bytes, NULL), EINC_OK);
    assert_true(bytes > 0);
    assert_int_equal(posix_memalign(&block, 64, bytes + 2 * GUARD), 0);
    unsigned char *p = block;
    memset(p, 0xa5, bytes + 2 * GUARD);
    struct einc_run_options o = {.size = sizeof o, .work = p + GUARD,
                                 .work_bytes = bytes};
    assert_int_equal(einc_run(plan, in, out, &o, NULL), EINC_OK);
    size_t touched = 0;
    for (size_t j = 0; j < bytes; j++)
        touched += p[GUARD + j] != 0xa5;
    assert_true(touched > 0);
    for (size_t j = 0; j < GUARD; j++) {
        assert_int_equal(p[j], 0xa5);
        assert_int_equal(p[GUARD + bytes + j], 0xa5);
    }
    free(block);
}

static void
test_workspace_of_the_caller(void **state)
{
    struct fixture *f = *state;
    const int64_t shape[] = {150, 150};
    float *in = integers(150 * 150);
    float *a = malloc(150 * 150 * sizeof *a), *b = malloc(150 * 150 * sizeof *b);
    assert_non_null(a);
    assert_non_null(b);
    struct einc_plan *plan = chain(NULL, shape, EINC_TIER_INTERP);
    check_guards(plan, (const void *[]){in, in, in}, a);
    einc_plan_free(plan);
    if (f->cc) {
        plan = chain(f->cc, shape, EINC_TIER_CC);
        assert_int_equal(einc_plan_tier(plan), EINC_TIER_CC);
        check_guards(plan, (const void *[]){in, in, in}, b);
        assert_memory_equal(a, b, 150 * 150 * sizeof *a);
        einc_plan_free(plan);
    }
    free(in);
    free(a);
    free(b);
}

/* out[b,l,r] = sum(d) A[b,l,d]*B[l,r,d]: broadcasting B over b, as matmul
 * does, takes 8 GiB. */
static void
test_no_copy_of_an_operand(void **state)
{
    struct fixture *f = *state;
    const struct einc_layout in[] = {floats(3, SHAPE(8, 2048, 64)),
                                     floats(3, SHAPE(2048, 2048, 64))};
    struct einc_plan *plan;
    size_t bytes;
    if (!f->cc)
        skip();
    assert_int_equal(einc_compile(f->cc, "bld,lrd->blr", 2, in, NULL, NULL,
                                  &plan, NULL), EINC_OK);
    assert_int_equal(einc_plan_tier(plan), EINC_TIER_CC);
    assert_int_equal(einc_plan_workspace(plan, &bytes, NULL), EINC_OK);
    assert_int_equal(printed_peak(plan, EINC_TEXT), bytes);
    assert_true(bytes > 0 && bytes <= 16 << 20);
    einc_plan_free(plan);
}

/* --- threads ------------------------------------------------------------ */

enum { THREADS = 8, SIDE = 64 };

struct runner {
    pthread_t thread;
    const struct einc_plan *plan;
    const void *const *in;
    float out[SIDE * SIDE];
    int failed;
};

static void *
run_often(void *arg)
{
    struct runner *r = arg;
    for (int k = 0; k < 20; k++)
        r->failed |= einc_run(r->plan, r->in, r->out, NULL, NULL) != EINC_OK;
    return NULL;
}

static void
share_plan(const struct einc_plan *plan, const float *in)
{
    static struct runner runners[THREADS];
    const void *data[] = {in, in, in};
    float *want = malloc(SIDE * SIDE * sizeof *want);
    assert_non_null(want);
    assert_int_equal(einc_reference(plan, data, want, NULL, NULL), EINC_OK);
    for (int k = 0; k < THREADS; k++) {
        runners[k].plan = plan;
        runners[k].in = data;
        runners[k].failed = 0;
        assert_int_equal(pthread_create(&runners[k].thread, NULL, run_often,
                                        &runners[k]), 0);
    }
    for (int k = 0; k < THREADS; k++) {
        assert_int_equal(pthread_join(runners[k].thread, NULL), 0);
        assert_false(runners[k].failed);
        assert_memory_equal(runners[k].out, want, SIDE * SIDE * sizeof *want);
    }
    free(want);
}

static void
test_one_plan_many_threads(void **state)
{
    struct fixture *f = *state;
    const int64_t shape[] = {SIDE, SIDE};
    float *in = integers(SIDE * SIDE);
    struct einc_plan *plan = chain(NULL, shape, EINC_TIER_INTERP);
    share_plan(plan, in);
    einc_plan_free(plan);
    if (f->cc) {
        plan = chain(f->cc, shape, EINC_TIER_CC);
        assert_non_null(plan);
        share_plan(plan, in);
        einc_plan_free(plan);
    }
    free(in);
}

/* --- what happens where no compiler is ---------------------------------- */

static void
test_no_compiler(void **state)
{
    (void)state;
    struct lines lines = {0};
    struct einc_config c = {.size = sizeof c, .threads = 1, .cache_dir = "",
                            .cc = "/nowhere/cc", .log = keep_line,
                            .log_user = &lines};
    struct einc_ctx *ctx;
    assert_int_equal(einc_ctx_create(&c, &ctx, NULL), EINC_OK);
    struct einc_layout in[] = {floats(2, SHAPE(2000, 2000)),
                               floats(2, SHAPE(2000, 2000))};
    in[0].dtype = in[1].dtype = EINC_I32; /* nothing is built in for it */
    struct einc_options o = {.size = sizeof o, .tier = EINC_TIER_CC};
    struct einc_plan *plan;
    struct einc_err *err;
    assert_int_equal(einc_compile(ctx, "ij,jk->ik", 2, in, NULL, &o, &plan,
                                  &err), EINC_ECOMPILER);
    assert_non_null(strstr(einc_err_text(err), "/nowhere/cc"));
    einc_err_free(err);
    assert_int_equal(lines.n, 0);
    for (int k = 0; k < 2; k++) { /* the policy copes, and says so once */
        assert_int_equal(einc_compile(ctx, "ij,jk->ik", 2, in, NULL, NULL,
                                      &plan, NULL), EINC_OK);
        assert_int_equal(einc_plan_tier(plan), EINC_TIER_INTERP);
        einc_plan_free(plan);
        assert_int_equal(lines.n, 1);
    }
    assert_null(strchr(lines.last, '\n'));
    einc_ctx_free(ctx);
}

/* --- the fixture -------------------------------------------------------- */

static int
open_fixture(void **state)
{
    static struct fixture f;
    const char *tmp = getenv("TMPDIR");
    snprintf(f.cache, sizeof f.cache, "%s/einc-api-XXXXXX",
             tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(f.cache))
        return -1;
    f.cc = open_ctx(NULL, 2, EINC_TIER_CC, f.cache);
    const int64_t shape[] = {2, 2};
    struct einc_plan *plan = chain(f.cc, shape, EINC_TIER_CC);
    if (!plan) {
        print_message("compiled kernels are not tested\n");
        einc_ctx_free(f.cc);
        f.cc = NULL;
    }
    einc_plan_free(plan);
    *state = &f;
    return 0;
}

static void
remove_folder(const char *path)
{
    DIR *d = opendir(path);
    char name[1024];
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof name, "%s/%.255s", path, e->d_name);
        if (unlink(name))
            remove_folder(name);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

static int
close_fixture(void **state)
{
    struct fixture *f = *state;
    einc_ctx_free(f->cc);
    remove_folder(f->cache);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_compile_misuse),
        cmocka_unit_test(test_which_operand),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_ids_misuse),
        cmocka_unit_test(test_text_is_copied),
        cmocka_unit_test(test_run_misuse),
        cmocka_unit_test(test_einsum_misuse),
        cmocka_unit_test(test_plan_questions),
        cmocka_unit_test(test_explain_misuse),
        cmocka_unit_test(test_emit_misuse),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_error_objects),
        cmocka_unit_test(test_error_hints),
        cmocka_unit_test(test_no_error),
        cmocka_unit_test(test_plan_outlives_context),
        cmocka_unit_test(test_errors_give_all_back),
        cmocka_unit_test(test_einsum_remembers),
        cmocka_unit_test(test_workspace_is_true),
        cmocka_unit_test(test_peak_is_true),
        cmocka_unit_test(test_workspace_of_the_caller),
        cmocka_unit_test(test_no_copy_of_an_operand),
        cmocka_unit_test(test_one_plan_many_threads),
        cmocka_unit_test(test_no_compiler)};
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}

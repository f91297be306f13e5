/* SPDX-License-Identifier: MIT
 *
 * alloc.c - every allocation of every call of einc.h fails once, alone
 * (transient) and with all that follow (persistent): for N = 1, 2, 3 ... until
 * a call ends without having met the Nth. After each fault: EINC_ENOMEM or
 * what the call says without one, a reason that can be read, nothing written,
 * and the same call then does what it should. At the end of each row nothing
 * is left: no block, no descriptor. A test is one call on one row.
 */
#include <signal.h>

#include "einc.h"
#include "tests/unit/faults.h"

enum { MAX_IN = 80, MAX_DIMS = 16, MAX_FAULTS = 4000, MAX_OUT = 1 << 16 };

/* --- what is computed ---------------------------------------------------- */

struct row {
    const char *expr;
    const char *in;       /* "f32:2x3 i8:4@-1": type, shape, strides */
    int tier;             /* enum einc_tier */
    enum einc_status status; /* of compiling it */
    const char *out;      /* likewise, or NULL: inferred */
    uint32_t flags;
    const char *symbolic, *path, *plan_text;
    uint64_t memory_limit;
};

enum { CC = EINC_TIER_CC, INTERP = EINC_TIER_INTERP, AUTO = EINC_TIER_AUTO,
       BUILTIN = EINC_TIER_BUILTIN };

static const struct row rows[] = {
    /* one operand */
    {.expr = "ij->ji", .in = "f32:3x4", .tier = INTERP},
    {.expr = "y[i] = sum[j](exp(A[i,j])*x[j])", .in = "f32:5x6 f32:6",
     .tier = INTERP},
    {.expr = "S[i,j] = Q[i,d]*K[j,d]; P[i,j] = softmax[j](S[i,j]);"
             "O[i,e] = P[i,j]*V[j,e]",
     .in = "f32:5x3 f32:6x3 f32:6x4", .tier = INTERP},
    {.expr = "Y[k,h] = relu(sum(I[c,pad(h+r-1,1)]*W[k,c,r]) + b[k])",
     .in = "f32:8x20 f32:16x8x3 f32:16", .tier = INTERP},
    {.expr = "P[i,q] = argkmin[j->q:3](sum[d]((X[i,d]-Y[j,d])^2))",
     .in = "f64:5x3 f64:6x3", .tier = INTERP},
    {.expr = "y[c] = sum[p in r[c]:r[c+1]](x[p])", .in = "i64:3 f32:0",
     .tier = INTERP},
    {.expr = "C[i,j] = exp(sum[d](X[i,d]*Y[j,d]))/sum[d](X[i,d]^2)",
     .in = "f32:20x16 f32:30x16", .tier = INTERP},
    {.expr = "kernel f(A[3,2,n]: f32, B[n,5]: f64) -> (O[6,5]: f64): "
             "O[2*i+r,k] = A[i,r,j]*B[j,k]",
     .in = "f32:3x2x4 f64:4x5", .tier = INTERP},
    {.expr = "o[i,d] = a[i,q]*b[q%2,d]", .in = "i32:3x8 i32:2x5",
     .tier = INTERP},
    {.expr = "y[i] = sum[j](exp(A[i,j])*x[j] if j <= i)",
     .in = "f32:5x6 f32:6", .tier = CC},
    {.expr = "m[i] = max[j](A[i,j]); y[i] = sum[j](exp(A[i,j]-m[i]))",
     .in = "f64:5x6", .tier = AUTO},
    {.expr = "y[i] = A[i,j]+x[j]", .in = "f32:5x6 f32:6", .tier = INTERP,
     .status = EINC_EPARSE},
    {.expr = "y[t] = x[t+5]*w[r]", .in = "f32:3 f32:2", .tier = INTERP,
     .status = EINC_ESHAPE},
    {.expr = "y[i] = cas(x[i])", .in = "f32:3", .tier = INTERP,
     .status = EINC_EPARSE},
    {.expr = "S[j] = sum[i](X[i,j]); C[i] = sum[j](exp(X[i,j])/S[j])",
     .tier = INTERP, .in = "f32:100x90", .memory_limit = 64,
     .status = EINC_ENOMEM},
    {.expr = "ij->", .in = "f64:3x4", .tier = INTERP},
    {.expr = "ii->i", .in = "i32:4x4", .tier = INTERP},
    {.expr = "ii", .in = "u8:4x4", .tier = INTERP},
    {.expr = "i->i", .in = "f16:7", .tier = INTERP, .out = "f32:7"},
    {.expr = "ijk->kj", .in = "c64:2x3x4@12:-4:1", .tier = INTERP},
    {.expr = "", .in = "f32", .tier = INTERP},
    {.expr = "...ij->...ji", .in = "i16:2x2x3", .tier = INTERP},
    {.expr = "i->", .in = "bool:0", .tier = INTERP},
    {.expr = "ij->i", .in = "f32:2x0", .tier = INTERP},
    {.expr = "iji->j", .in = "bf16:3x2x3", .tier = INTERP},
    /* two */
    {.expr = "ij,jk->ik", .in = "f32:5x6 f32:6x7", .tier = INTERP},
    {.expr = "ij,jk->ik", .in = "i8:5x6 i8:6x7", .tier = INTERP},
    {.expr = "ij,jk->ik", .in = "i8:5x6 i8:6x7", .tier = INTERP,
     .out = "i32:5x7"},
    {.expr = "bij,bjk->bik", .in = "c128:2x3x4 c128:2x4x5", .tier = INTERP},
    {.expr = "i,j->ij", .in = "c64:5 f64:6", .tier = INTERP},
    {.expr = "i,i->", .in = "u64:9 i64:9", .tier = INTERP},
    {.expr = "i,i", .in = "bool:9 bool:1", .tier = INTERP},
    {.expr = "ij,j->i", .in = "u16:3x4 i16:4", .tier = INTERP},
    {.expr = "ij,ij->ij", .in = "u32:3x1 f32:1x4", .tier = INTERP},
    {.expr = "...,...->", .in = "f32:2x3 f32:3", .tier = INTERP},
    {.expr = "{row}{col},{col}k->{row}k", .in = "f32:3x4 f32:4x5",
     .tier = INTERP},
    {.expr = "batch in, in out -> batch out", .in = "f32:3x4 f32:4x5",
     .tier = INTERP},
    {.expr = "\xce\xb1\xce\xb2,\xce\xb2\xce\xb3->\xce\xb1\xce\xb3",
     .in = "f64:3x4 f64:4x5", .tier = INTERP},
    {.expr = "ij,jk->ki", .in = "f32:5x6 f32:6x7", .tier = INTERP,
     .out = "f32:7x5@1:7"},
    {.expr = "ij,jk->ik", .in = "f32:5x6 f32:6x7", .tier = INTERP,
     .symbolic = "i,k"},
    {.expr = "ij,jk->ik", .in = "f32:5x6 f32:6x7", .tier = INTERP,
     .symbolic = "*"},
    {.expr = "ij,jk->ik", .in = "i32:0x6 i32:6x7", .tier = INTERP},
    /* more */
    {.expr = "ij,jk,kl->il", .in = "f32:5x6 f32:6x7 f32:7x8",
     .tier = INTERP},
    {.expr = "ij,jk,kl->il", .in = "f32:20x30 f32:30x40 f32:40x20",
     .tier = INTERP},
    {.expr = "ij,jk,kl->il", .in = "f32:5x6 f32:6x7 f32:7x8",
     .tier = INTERP, .symbolic = "*"},
    {.expr = "ij,jk,kl,lm,mn->in",
     .in = "f64:3x4 f64:4x5 f64:5x6 f64:6x7 f64:7x3", .tier = INTERP},
    {.expr = "ij,jk,kl,lm,mn->in", .tier = INTERP, .path = "greedy",
     .in = "i32:3x4 i32:4x5 i32:5x6 i32:6x7 i32:7x3"},
    {.expr = "ij,jk,kl,lm,mn->in", .tier = INTERP, .path = "dp",
     .in = "i32:3x4 i32:4x5 i32:5x6 i32:6x7 i32:7x3"},
    {.expr = "ij,jk,kl,lm,mn->in", .tier = INTERP, .path = "random:7",
     .in = "i32:3x4 i32:4x5 i32:5x6 i32:6x7 i32:7x3"},
    {.expr = "i,i,i->i", .in = "f32:6 f16:6 i8:6", .tier = INTERP},
    {.expr = "a,b,c,d->abcd", .in = "i8:2 i8:3 i8:2 i8:3", .tier = INTERP},
    {.expr = "abc,abd,acd,bcd->abcd", .tier = INTERP,
     .in = "f32:2x3x2 f32:2x3x3 f32:2x2x3 f32:3x2x3"},
    {.expr = ",,", .in = "f32 f32 f32", .tier = INTERP},
    {.expr = "i,,j->ij", .in = "i64:3 i64 i64:4", .tier = INTERP},
    /* the table of pointers of a run does not fit its stack */
    {.expr = ",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,i->i",
     .in = "f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 "
           "f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 "
           "f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 "
           "f32:5", .tier = INTERP},
    /* compiled kernels, from a warm cache */
    {.expr = "ij,jk->ik", .in = "f32:5x6 f32:6x7", .tier = CC},
    {.expr = "ij,jk,kl->il", .in = "f64:5x6 f64:6x7 f64:7x8", .tier = CC},
    {.expr = "ij->ji", .in = "c64:3x4", .tier = CC},
    {.expr = "ij->i", .in = "bf16:3x4", .tier = CC},
    {.expr = "i,j->ij", .in = "bool:3 bool:4", .tier = CC},
    {.expr = "ij->", .in = "i8:300x500", .tier = AUTO},
    /* built-in kernels, and the interpreter where there is none */
    {.expr = "ij,jk->ik", .in = "f32:40x40 f32:40x40", .tier = BUILTIN},
    {.expr = "ij,jk->ik", .in = "i32:40x40 i32:40x40", .tier = BUILTIN},
    {.expr = "ij,jk,kl->il", .in = "c64:9x40 c64:40x40 c64:40x8",
     .tier = BUILTIN},
    {.expr = "ij,jk->ik", .in = "f32:60x60 f32:60x60", .tier = AUTO},
    /* the compiler runs each time */
    {.expr = "i->i", .in = "u8:3", .tier = CC, .flags = EINC_NO_CACHE},
    /* what is refused, with diagnostics */
    {.expr = "ij,jk-ik", .in = "f32:2x3 f32:3x4", .tier = INTERP,
     .status = EINC_EPARSE},
    {.expr = "i..j->ij", .in = "f32:2x3", .tier = INTERP,
     .status = EINC_EPARSE},
    {.expr = "ij%,jk->ik", .in = "f32:2x3 f32:3x4", .tier = INTERP,
     .status = EINC_EPARSE},
    {.expr = "\xff\xfe", .in = "f32:2x3", .tier = INTERP,
     .status = EINC_EPARSE},
    {.expr = "ij,jk->ik", .in = "f32:2x3 f32:4x5", .tier = INTERP,
     .status = EINC_ESHAPE},
    {.expr = "ij,jk,kl->im", .in = "f32:2x3 f32:3x4 f32:4x5", .tier = INTERP,
     .status = EINC_ESHAPE},
    {.expr = "ab,cd,ef->xyz", .in = "f32:2x3 f32:3 f32:4x5", .tier = INTERP,
     .status = EINC_ESHAPE},
    {.expr = "ij,kj->ik", .in = "f32:2x3 f32:3x4", .tier = INTERP,
     .status = EINC_ESHAPE},
    {.expr = "ii->i", .in = "f32:2x3", .tier = INTERP,
     .status = EINC_ESHAPE},
    {.expr = "ij->ij", .in = "f32:2x3", .tier = INTERP, .out = "f32:2x4",
     .status = EINC_ESHAPE},
    {.expr = "ij->ij", .in = "f32:2x3", .tier = INTERP, .out = "i8:2x3",
     .status = EINC_EDTYPE},
    {.expr = "ij->ij", .in = "f32:2x3", .tier = INTERP, .out = "f32:2x3@1:1",
     .status = EINC_EALIAS},
    {.expr = "ij,jk->ik", .in = "f32:5x6 f32:6x7", .tier = INTERP,
     .plan_text = "step 1 contract nonsense\n", .status = EINC_EINVAL},
    {.expr = "ij,jk,kl->il", .in = "f32:50x60 f32:60x70 f32:70x80",
     .tier = INTERP, .memory_limit = 64, .status = EINC_ENOMEM},
    {.expr = "ij,jk->ik", .in = "f32:5x6 f32:6x7", .tier = INTERP,
     .symbolic = "i,q", .status = EINC_ESHAPE},
    {.expr = "ij->ij", .in = "f32:4611686018427387904x4", .tier = INTERP,
     .status = EINC_ELIMIT},
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

struct array {
    struct einc_layout layout;
    int64_t shape[MAX_DIMS], stride[MAX_DIMS];
    int64_t before, bytes;  /* of element (0, ...), of everything */
    char *data;
};

/* What a call works on, and what it gave. */
struct world {
    const struct row *row;
    struct array in[MAX_IN], out;
    size_t n_in;
    struct einc_layout layout[MAX_IN];
    const void *data[MAX_IN];
    struct einc_ctx *ctx;
    struct einc_plan *plan;
    uint64_t digest;        /* of what the call wrote */
};

/* --- building a world ---------------------------------------------------- */

static int64_t
read_numbers(const char **at, char between, int64_t *to)
{
    int64_t n = 0;
    for (char *end;; *at = end + 1) {
        to[n++] = strtoll(*at, &end, 10);
        if (*end != between) {
            *at = end;
            return n;
        }
    }
}

/* Where the bytes of a tensor lie; those of sizes that nobody has are never
 * asked for. */
static void
measure(struct array *t)
{
    int64_t each = (int64_t)einc_dtype_bytes((enum einc_dtype)t->layout.dtype);
    int64_t lo = 0, hi = 1, run = 1;
    for (int d = t->layout.ndim - 1; d >= 0; d--) {
        int64_t n = t->shape[d];
        int64_t stride = t->layout.stride ? t->stride[d] : run;
        if (n > 1 << 20)
            n = 1;
        run *= n;
        if (n > 0 && stride < 0)
            lo += (n - 1) * stride;
        else if (n > 0)
            hi += (n - 1) * stride;
    }
    t->before = -lo * each;
    t->bytes = (hi - lo) * each;
}

/* One word, "f32:2x3@3:1". */
static const char *
read_tensor(struct array *t, const char *at)
{
    char name[16];
    size_t n = strcspn(at, ": ");
    snprintf(name, sizeof name, "%.*s", (int)n, at);
    at += n;
    memset(t, 0, sizeof *t);
    t->layout = (struct einc_layout){.size = sizeof t->layout,
                                     .dtype = (int32_t)einc_dtype_parse(name),
                                     .shape = t->shape};
    if (*at == ':' && at++)
        t->layout.ndim = (int32_t)read_numbers(&at, 'x', t->shape);
    if (*at == '@' && at++) {
        read_numbers(&at, ':', t->stride);
        t->layout.stride = t->stride;
    }
    measure(t);
    t->data = malloc((size_t)t->bytes);
    for (int64_t b = 0; b < t->bytes; b++)
        t->data[b] = (char)(b * 7 % 5 % 2); /* legal in every type */
    return at + (*at == ' ');
}

static void
open_tensors(struct world *w)
{
    const char *at = w->row->in;
    while (*at) {
        struct array *t = &w->in[w->n_in];
        at = read_tensor(t, at);
        w->layout[w->n_in] = t->layout;
        w->data[w->n_in++] = t->data + t->before;
    }
    if (w->row->out)
        read_tensor(&w->out, w->row->out);
}

static void
close_tensors(struct world *w)
{
    for (size_t o = 0; o < w->n_in; o++)
        free(w->in[o].data);
    free(w->out.data);
}

/* Room for an output nobody described, from the plan. */
static void
open_output(struct world *w)
{
    struct array *t = &w->out;
    if (t->data || einc_plan_layout(w->plan, &t->layout))
        return;
    memcpy(t->shape, t->layout.shape, sizeof(int64_t) * (size_t)t->layout.ndim);
    t->layout.shape = t->shape;
    t->layout.stride = NULL;
    measure(t);
    t->data = malloc((size_t)t->bytes);
}

/* --- the calls ----------------------------------------------------------- */

static char cache_place[64];

static uint64_t
mix(uint64_t h, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (size_t j = 0; j < n; j++)
        h = (h ^ p[j]) * 0x100000001b3u;
    return h;
}

static int
mix_text(void *user, const char *bytes, size_t n)
{
    uint64_t *digest = user;
    *digest = mix(*digest, bytes, n);
    return 0;
}

static enum einc_status
make_ctx(struct world *w, struct einc_err **err)
{
    const struct einc_config config = {.size = sizeof config,
                                       .threads = 2,
                                       .alloc = heap_fn,
                                       .cache_dir = cache_place,
                                       .cc = "gcc",
                                       .tier = w->row->tier};
    return einc_ctx_create(&config, &w->ctx, err);
}

static enum einc_status
call_create(struct world *w, const char *arg, int number,
            struct einc_err **err)
{
    (void)arg;
    (void)number;
    return make_ctx(w, err);
}

static struct einc_options
options_of(const struct row *r)
{
    return (struct einc_options){.size = sizeof(struct einc_options),
                                 .flags = r->flags,
                                 .path = r->path,
                                 .plan_text = r->plan_text,
                                 .memory_limit_bytes = r->memory_limit,
                                 .symbolic = r->symbolic};
}

static enum einc_status
call_compile(struct world *w, const char *arg, int number,
             struct einc_err **err)
{
    (void)arg;
    (void)number;
    const struct einc_options o = options_of(w->row);
    enum einc_status s =
        einc_compile(w->ctx, w->row->expr, w->n_in, w->layout,
                     w->row->out ? &w->out.layout : NULL, &o, &w->plan, err);
    if (s == EINC_OK) {
        const uint64_t facts[3] = {einc_plan_hash(w->plan),
                                   (uint64_t)einc_plan_tier(w->plan),
                                   (uint64_t)einc_plan_compute(w->plan)};
        w->digest = mix(w->digest, facts, sizeof facts);
    }
    return s;
}

/* The call for programs, which einsums refuse to be. */
static enum einc_status
call_compile_outs(struct world *w, const char *arg, int number,
                  struct einc_err **err)
{
    (void)arg;
    const struct einc_options o = options_of(w->row);
    const struct einc_layout *out[2] = {w->row->out ? &w->out.layout : NULL};
    return einc_compile_outs(w->ctx, w->row->expr, w->n_in, w->layout,
                             (size_t)number, out, &o, &w->plan, err);
}

/* The same labels on every dim of every operand: sums of broadcasts. */
static enum einc_status
call_compile_ids(struct world *w, const char *arg, int number,
                 struct einc_err **err)
{
    (void)arg;
    (void)number;
    int32_t ids[MAX_IN][MAX_DIMS];
    const int32_t *lists[MAX_IN];
    size_t n[MAX_IN];
    for (size_t o = 0; o < w->n_in; o++) {
        n[o] = (size_t)w->layout[o].ndim;
        lists[o] = ids[o];
        for (size_t d = 0; d < n[o]; d++)
            ids[o][d] = (int32_t)(1000 * o + d);
    }
    const int32_t none[1] = {0};
    const struct einc_options opts = {.size = sizeof opts,
                                      .tier = EINC_TIER_INTERP};
    return einc_compile_ids(w->ctx, w->n_in, lists, n, none, 0, w->layout,
                            NULL, &opts, &w->plan, err);
}

static void
digest_output(struct world *w, enum einc_status s)
{
    w->digest = mix(w->digest, w->out.data, (size_t)w->out.bytes);
    if (s != EINC_ENOMEM)
        return;
    /* then nothing was written */
    for (int64_t b = 0; b < w->out.bytes; b++)
        if (w->out.data[b] != 0x5a)
            w->digest = 1;
}

static enum einc_status
call_run(struct world *w, const char *arg, int number, struct einc_err **err)
{
    (void)arg;
    (void)number;
    memset(w->out.data, 0x5a, (size_t)w->out.bytes);
    enum einc_status s = einc_run(w->plan, w->data,
                                  w->out.data + w->out.before, NULL, err);
    digest_output(w, s);
    return s;
}

static enum einc_status
call_run_outs(struct world *w, const char *arg, int number,
              struct einc_err **err)
{
    (void)arg;
    (void)number;
    void *out[1] = {w->out.data + w->out.before};
    memset(w->out.data, 0x5a, (size_t)w->out.bytes);
    enum einc_status s = einc_run_outs(w->plan, w->data, out, NULL, err);
    digest_output(w, s);
    return s;
}

static enum einc_status
call_reference_outs(struct world *w, const char *arg, int number,
                    struct einc_err **err)
{
    (void)arg;
    (void)number;
    void *out[1] = {w->out.data + w->out.before};
    double *bound[1] = {calloc((size_t)w->out.bytes + 2, sizeof **bound)};
    memset(w->out.data, 0x5a, (size_t)w->out.bytes);
    enum einc_status s =
        einc_reference_outs(w->plan, w->data, out, bound, err);
    w->digest = mix(w->digest, w->out.data, (size_t)w->out.bytes);
    free(bound[0]);
    return s;
}

/* The output lies upon the first input, which einc_run() then copies. */
static enum einc_status
call_run_overlap(struct world *w, const char *arg, int number,
                 struct einc_err **err)
{
    (void)arg;
    (void)number;
    struct array *x = &w->in[0];
    int64_t bytes = x->bytes + w->out.bytes;
    char *both = calloc(1, (size_t)bytes);
    memcpy(both, x->data, (size_t)x->bytes);
    w->data[0] = both + x->before;
    enum einc_status s =
        einc_run(w->plan, w->data, both + w->out.before, NULL, err);
    if (s == EINC_ENOMEM && memcmp(both, x->data, (size_t)x->bytes) != 0)
        w->digest = 1;
    w->digest = mix(w->digest, both, (size_t)w->out.bytes);
    w->data[0] = x->data + x->before;
    free(both);
    return s;
}

static enum einc_status
call_einsum(struct world *w, const char *arg, int number,
            struct einc_err **err)
{
    (void)arg;
    (void)number;
    memset(w->out.data, 0x5a, (size_t)w->out.bytes);
    enum einc_status s =
        einc_einsum(w->ctx, w->row->expr, w->n_in, w->layout, w->data,
                    &w->out.layout, w->out.data + w->out.before, err);
    digest_output(w, s);
    return s;
}

static enum einc_status
call_reference(struct world *w, const char *arg, int number,
               struct einc_err **err)
{
    (void)arg;
    double *bound = calloc((size_t)w->out.bytes + 2, sizeof *bound);
    memset(w->out.data, 0x5a, (size_t)w->out.bytes);
    enum einc_status s =
        einc_reference(w->plan, w->data, w->out.data + w->out.before,
                       number ? bound : NULL, err);
    w->digest = mix(w->digest, w->out.data, (size_t)w->out.bytes);
    free(bound);
    return s;
}

static enum einc_status
call_explain(struct world *w, const char *stage, int format,
             struct einc_err **err)
{
    return einc_explain(w->plan, stage, (enum einc_format)format, mix_text,
                        &w->digest, err);
}

static enum einc_status
call_emit(struct world *w, const char *target, int part,
          struct einc_err **err)
{
    const struct einc_emit_options opts = {.size = sizeof opts,
                                           .part = part,
                                           .target = target,
                                           .name = "contract",
                                           .header = part == EINC_HEADER
                                                         ? "contract.h"
                                                         : NULL,
                                           .again = "einc emit ..."};
    return einc_emit(w->plan, &opts, mix_text, &w->digest, err);
}

static enum einc_status
call_doctor(struct world *w, const char *arg, int number,
            struct einc_err **err)
{
    (void)arg;
    (void)number;
    *err = NULL;
    return einc_doctor(w->ctx, mix_text, &w->digest);
}

/* What a call needs to be there, and whether it leaves traces in a context,
 * so that each try gets a new one. */
enum need { NEEDS_NOTHING, NEEDS_NEW_CTX, NEEDS_PLAN };

static const struct action {
    const char *name;
    enum einc_status (*call)(struct world *w, const char *arg, int number,
                             struct einc_err **err);
    enum need need;
    const char *arg;
    int number;
    int no_err;      /* has no `err` to fill */
} actions[] = {
    {"create", call_create, NEEDS_NOTHING, NULL, 0, 0},
    {"compile", call_compile, NEEDS_NEW_CTX, NULL, 0, 0},
    {"compile_ids", call_compile_ids, NEEDS_NEW_CTX, NULL, 0, 0},
    {"compile_outs", call_compile_outs, NEEDS_NEW_CTX, NULL, 1, 0},
    {"compile_outs, two", call_compile_outs, NEEDS_NEW_CTX, NULL, 2, 0},
    {"doctor", call_doctor, NEEDS_NEW_CTX, NULL, 0, 1},
    {"run", call_run, NEEDS_PLAN, NULL, 0, 0},
    {"run_outs", call_run_outs, NEEDS_PLAN, NULL, 0, 0},
    {"reference_outs", call_reference_outs, NEEDS_PLAN, NULL, 0, 0},
    {"run, overlapping", call_run_overlap, NEEDS_PLAN, NULL, 0, 0},
    {"einsum", call_einsum, NEEDS_NEW_CTX, NULL, 0, 0},
    {"reference", call_reference, NEEDS_PLAN, NULL, 0, 0},
    {"reference, bound", call_reference, NEEDS_PLAN, NULL, 1, 0},
    {"explain plan", call_explain, NEEDS_PLAN, "plan", EINC_TEXT, 0},
    {"explain plan, json", call_explain, NEEDS_PLAN, "plan", EINC_JSON, 0},
    {"explain plan, dot", call_explain, NEEDS_PLAN, "plan", EINC_DOT, 0},
    {"explain expr", call_explain, NEEDS_PLAN, "expr", EINC_TEXT, 0},
    {"explain stmt", call_explain, NEEDS_PLAN, "stmt", EINC_TEXT, 0},
    {"explain graph", call_explain, NEEDS_PLAN, "graph", EINC_TEXT, 0},
    {"explain canon", call_explain, NEEDS_PLAN, "canon", EINC_TEXT, 0},
    {"explain path", call_explain, NEEDS_PLAN, "path", EINC_TEXT, 0},
    {"explain nest", call_explain, NEEDS_PLAN, "nest", EINC_TEXT, 0},
    {"explain source", call_explain, NEEDS_PLAN, "source", EINC_TEXT, 0},
    {"explain cuda", call_explain, NEEDS_PLAN, "cuda", EINC_TEXT, 0},
    {"explain nothing", call_explain, NEEDS_PLAN, "sauce", EINC_TEXT, 0},
    {"emit c", call_emit, NEEDS_PLAN, "c", EINC_SOURCE, 0},
    {"emit header", call_emit, NEEDS_PLAN, "c", EINC_HEADER, 0},
    {"emit main", call_emit, NEEDS_PLAN, "c", EINC_MAIN, 0},
    {"emit cuda", call_emit, NEEDS_PLAN, "cuda", EINC_SOURCE, 0},
    {"emit nothing", call_emit, NEEDS_PLAN, "fortran", EINC_SOURCE, 0},
};
enum { N_ACTIONS = sizeof actions / sizeof actions[0] };

/* --- one call, with faults ----------------------------------------------- */

static char doing[300]; /* for a word at an abort */
static int passed, failed;

static void
on_abort(int signal_number)
{
    (void)signal_number;
    (void)!write(2, doing, strlen(doing));
    _exit(1);
}

static int
wrong(const char *what, int n, int mode)
{
    printf("%s: %s (allocation %d, %s)\n", doing, what, n,
           mode ? "persistent" : "transient");
    return 0;
}

static void
undo(struct world *w, enum need need)
{
    if (need == NEEDS_PLAN)
        return;
    einc_plan_free(w->plan);
    w->plan = NULL;
    einc_ctx_free(w->ctx);
    w->ctx = NULL;
}

static int
prepare(struct world *w, enum need need)
{
    w->digest = 0xcbf29ce484222325u;
    return need != NEEDS_NEW_CTX || make_ctx(w, NULL) == EINC_OK;
}

/* What the call says when all is well. */
struct expected {
    enum einc_status status;
    uint64_t digest;
};

static const char *
judge(const struct action *a, const struct expected *e, enum einc_status s,
      const struct world *w, const struct einc_err *err, int fired)
{
    if (s != e->status && (s != EINC_ENOMEM || !fired))
        return "not the status expected";
    if (s == EINC_ENOMEM && w->digest == 1)
        return "out was written";
    if (s == EINC_OK && w->digest != e->digest)
        return "another result";
    if ((s == EINC_OK) != (err == NULL) && !a->no_err)
        return s ? "no reason given" : "a reason for nothing";
    if (err && (!*einc_err_text(err) ||
                strchr(einc_err_text(err), '\n') == NULL))
        return "no text";
    if (err && einc_err_status(err) != s &&
        einc_err_status(err) != EINC_ENOMEM)
        return "the reason has another status";
    if (s != EINC_OK && a->need == NEEDS_NOTHING && w->ctx)
        return "a context in spite of all";
    if (s != EINC_OK && a->need == NEEDS_NEW_CTX && w->plan)
        return "a plan in spite of all";
    return NULL;
}

/* The call with the Nth allocation failing, then once more without. */
static const char *
try_fault(struct world *w, const struct action *a, const struct expected *e,
          int n, int mode)
{
    struct einc_err *err = NULL;
    if (!prepare(w, a->need))
        return "no context";
    plan_mem = (struct fault_plan){.at = n, .persistent = mode};
    enum einc_status s = a->call(w, a->arg, a->number, &err);
    int fired = plan_mem.fired;
    plan_mem = (struct fault_plan){0};
    const char *what = judge(a, e, s, w, err, fired);
    einc_err_free(err);
    if (a->need != NEEDS_PLAN) {
        einc_plan_free(w->plan);
        w->plan = NULL;
    }
    if (a->need == NEEDS_NOTHING)
        undo(w, a->need);
    if (what)
        return what;
    w->digest = 0xcbf29ce484222325u;
    s = a->call(w, a->arg, a->number, &err);
    if (s != e->status || (s == EINC_OK && w->digest != e->digest))
        what = "fails afterwards, without a fault";
    einc_err_free(err);
    undo(w, a->need);
    return what ? what : fired ? NULL : "";
}

static int
fault_call(struct world *w, const struct action *a)
{
    struct expected e;
    struct einc_err *err = NULL;
    int64_t live = heap_live;
    snprintf(doing, sizeof doing, "%.60s %.60s: %s", w->row->expr, w->row->in,
             a->name);
    prepare(w, a->need);
    e.status = a->call(w, a->arg, a->number, &err);
    e.digest = w->digest;
    einc_err_free(err);
    undo(w, a->need);
    if (a->call == call_compile && e.status != w->row->status)
        return wrong(einc_status_name(e.status), 0, 0);
    int fds = count_fds();
    for (int mode = 0; mode < 2; mode++)
        for (int n = 1;; n++) {
            const char *what = try_fault(w, a, &e, n, mode);
            if (what && !*what)
                break;
            if (what || n == MAX_FAULTS)
                return wrong(what ? what : "no end of it", n, mode);
        }
    if (heap_live != live)
        return wrong("memory left behind", 0, 0);
    if (count_fds() != fds)
        return wrong("descriptors left behind", 0, 0);
    return 1;
}

static void
fault_row(const struct row *r)
{
    struct world w = {.row = r};
    struct world with_plan = {.row = r};
    open_tensors(&w);
    int ok = make_ctx(&w, NULL) == EINC_OK;
    enum einc_status s = ok ? call_compile(&w, NULL, 0, NULL) : EINC_ENOMEM;
    if (s == EINC_OK)
        open_output(&w);
    with_plan = w;
    with_plan.out.layout.shape = with_plan.out.shape;
    w.ctx = NULL;
    w.plan = NULL;
    for (int a = 0; a < N_ACTIONS; a++) {
        int with_einsum = actions[a].call == call_einsum;
        if (s != EINC_OK && (actions[a].need == NEEDS_PLAN || with_einsum))
            continue;
        w.out = with_plan.out;
        w.out.layout.shape = w.out.shape;
        if (w.out.layout.stride)
            w.out.layout.stride = w.out.stride;
        int fine = fault_call(actions[a].need == NEEDS_PLAN ? &with_plan : &w,
                              &actions[a]);
        passed += fine;
        failed += !fine;
    }
    einc_plan_free(with_plan.plan);
    einc_ctx_free(with_plan.ctx);
    close_tensors(&w);
    if (heap_live) {
        printf("%s: %lld blocks left at the end\n", r->expr,
               (long long)heap_live);
        heap_live = 0;
        failed++;
    }
}

int
main(int argc, char **argv)
{
    int only = argc > 1 ? atoi(argv[1]) : -1;
    static const char *const unwanted[] = {"EINC_TIER", "EINC_DUMP",
                                           "EINC_VERBOSE", "EINC_ISA"};
    for (size_t v = 0; v < sizeof unwanted / sizeof unwanted[0]; v++)
        unsetenv(unwanted[v]);
    signal(SIGABRT, on_abort);
    make_place(cache_place);
    for (int r = 0; r < N_ROWS; r++)
        if (only < 0 || r == only)
            fault_row(&rows[r]);
    remove_place(cache_place);
    printf("%d rows, %d calls each at most\n", N_ROWS, N_ACTIONS);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

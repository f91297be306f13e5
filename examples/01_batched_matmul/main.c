/* SPDX-License-Identifier: MIT
 *
 * Batched matrix multiplication, in every layout that people store it in.
 *
 *   C[b,i,k] = sum over j of A[b,i,j] * B[b,j,k]      bij,bjk->bik
 *   b = 3, i = 4, j = 5, k = 6, f32
 *
 * Nothing is ever transposed in memory. A layout is said in one of two ways:
 *   - by the order of the labels:  "bji,bjk->bik" reads a transposed A;
 *   - by strides: one expression, and views that say where elements lie.
 * Both are the same plan. Then: writing into padded rows, accumulating with
 * beta = 1, and a view that walks backwards. The data are small integers, so
 * all results must equal those of a plain loop exactly.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <einc.h>

enum { NB = 3, NI = 4, NJ = 5, NK = 6, PAD = 8 };

static int wrong; /* comparisons that failed */

/* Functions of einc that can fail return a status, EINC_OK = 0, and tell why
 * in an object that is ours to free. */
static _Noreturn void
fail(struct einc_err *err)
{
    fputs(einc_err_text(err), stderr);
    einc_err_free(err);
    exit(EXIT_FAILURE);
}

static int64_t
size_of(char label)
{
    return label == 'b' ? NB : label == 'i' ? NI : label == 'j' ? NJ : NK;
}

/* A tensor of three dims, named by labels. `stored` is the order in memory,
 * slowest first; `seen` is the order in which the expression names them. */
struct view {
    int64_t shape[3], stride[3];
};

static struct view
view_of(const char *stored, const char *seen)
{
    struct view v;

    for (int d = 0; d < 3; d++) {
        v.shape[d] = size_of(seen[d]);
        v.stride[d] = 1;
        for (const char *s = strchr(stored, seen[d]) + 1; *s; s++)
            v.stride[d] *= size_of(*s);
    }
    return v;
}

static struct einc_layout
layout(const struct view *v)
{
    return (struct einc_layout){.size = sizeof(struct einc_layout),
                                .dtype = EINC_F32,
                                .ndim = 3,
                                .shape = v->shape,
                                .stride = v->stride};
}

static void
fill(float *x, int n, int seed)
{
    for (int i = 0; i < n; i++)
        x[i] = (float)((seed + 7 * i) % 11 - 5);
}

static float
at(const float *x, const struct view *v, int p, int q, int r)
{
    return x[p * v->stride[0] + q * v->stride[1] + r * v->stride[2]];
}

/* `times` * A * B by plain loops, through views [b,i,j], [b,j,k], [b,i,k]. */
static int
equals_loops(const float *a, const struct view *va, const float *b,
             const struct view *vb, const float *c, const struct view *vc,
             float times)
{
    int equal = 1;

    for (int n = 0; n < NB; n++)
        for (int i = 0; i < NI; i++)
            for (int k = 0; k < NK; k++) {
                float sum = 0;
                for (int j = 0; j < NJ; j++)
                    sum += at(a, va, n, i, j) * at(b, vb, n, j, k);
                equal &= at(c, vc, n, i, k) == times * sum;
            }
    wrong += !equal;
    return equal;
}

/* --- eight layouts ------------------------------------------------------ */

/* N: as the formula has it, T: transposed. Batch last: matrices interleaved,
 * the batch index running fastest. */
static const struct {
    const char *name, *a, *b, *c;
} layouts[] = {
    {"NN, batch first", "bij", "bjk", "bik"},
    {"NT, batch first", "bij", "bkj", "bik"},
    {"TN, batch first", "bji", "bjk", "bik"},
    {"TT, batch first", "bji", "bkj", "bik"},
    {"NN, batch last", "ijb", "jkb", "ikb"},
    {"NT, batch last", "ijb", "kjb", "ikb"},
    {"TN, batch last", "jib", "jkb", "ikb"},
    {"TT, batch last", "jib", "kjb", "ikb"},
};

static void
multiply(int l, const float *a, const float *b)
{
    const char *sa = layouts[l].a, *sb = layouts[l].b, *sc = layouts[l].c;
    const struct view va = view_of(sa, "bij"), vb = view_of(sb, "bjk"),
                      vc = view_of(sc, "bik");
    const struct einc_layout views[2] = {layout(&va), layout(&vb)},
                             out = layout(&vc);
    const void *const in[2] = {a, b};
    float by_views[NB * NI * NK], by_labels[NB * NI * NK];
    struct einc_plan *plan, *same;
    struct einc_err *err;
    char expr[16];

    /* one expression, three views */
    if (einc_compile(NULL, "bij,bjk->bik", 2, views, &out, NULL, &plan, &err)
        || einc_run(plan, in, by_views, NULL, &err))
        fail(err);

    /* the labels in memory order; all three tensors dense, `out` implied */
    const struct view da = view_of(sa, sa), db = view_of(sb, sb);
    const struct einc_layout dense[2] = {layout(&da), layout(&db)};
    snprintf(expr, sizeof(expr), "%s,%s->%s", sa, sb, sc);
    if (einc_compile(NULL, expr, 2, dense, NULL, NULL, &same, &err)
        || einc_run(same, in, by_labels, NULL, &err))
        fail(err);

    const int exact = equals_loops(a, &va, b, &vb, by_views, &vc, 1)
                      & equals_loops(a, &va, b, &vb, by_labels, &vc, 1);
    const int one = einc_plan_hash(plan) == einc_plan_hash(same);
    wrong += !one;
    printf("%-16s %s  %s, %s\n", layouts[l].name, expr,
           exact ? "exact" : "WRONG",
           one ? "one plan for views and labels" : "TWO PLANS");
    einc_plan_free(plan);
    einc_plan_free(same);
}

/* --- out with strides, and beta ----------------------------------------- */

/* Rows of `out` lie PAD elements apart; what is between them is not ours. */
static void
accumulate(const float *a, const float *b)
{
    const struct view va = view_of("bij", "bij"), vb = view_of("bjk", "bjk");
    const struct view vc = {{NB, NI, NK}, {NI * PAD, PAD, 1}};
    const struct einc_layout in[2] = {layout(&va), layout(&vb)},
                             out = layout(&vc);
    const float beta = 1; /* a value of einc_plan_compute(), here f32 */
    const struct einc_run_options add = {.size = sizeof(add), .beta = &beta};
    float c[NB * NI * PAD];
    struct einc_plan *plan;
    struct einc_err *err;
    int untouched = 1;

    for (int i = 0; i < NB * NI * PAD; i++)
        c[i] = 99;
    if (einc_compile(NULL, "bij,bjk->bik", 2, in, &out, NULL, &plan, &err))
        fail(err);
    /* beta is 0 in the first run, so the 99s count for nothing */
    for (int run = 0; run < 3; run++)
        if (einc_run(plan, (const void *[]){a, b}, c, run ? &add : NULL,
                     &err))
            fail(err);
    einc_plan_free(plan);

    for (int i = 0; i < NB * NI * PAD; i++)
        untouched &= i % PAD < NK || c[i] == 99;
    wrong += !untouched;
    printf("three times into padded rows   %s, padding %s\n",
           equals_loops(a, &va, b, &vb, c, &vc, 3) ? "exact" : "WRONG",
           untouched ? "untouched" : "OVERWRITTEN");
}

/* --- a negative stride -------------------------------------------------- */

/* B with j running backwards, against a copy of B that is turned in memory.
 * The pointer is to element (0, 0, 0) of the view: the last row of the first
 * matrix. einc_einsum() is compile and run in one call; it remembers its
 * plans. */
static void
reverse(const float *a, const float *b)
{
    const struct view va = view_of("bij", "bij"), vc = view_of("bik", "bik");
    const struct view vb = view_of("bjk", "bjk");
    const struct view back = {{NB, NJ, NK}, {NJ * NK, -NK, 1}};
    const struct einc_layout in[2] = {layout(&va), layout(&back)},
                             out = layout(&vc);
    const float *const last_row = b + (NJ - 1) * NK;
    float c[NB * NI * NK], turned[NB * NJ * NK];
    struct einc_err *err;

    for (int n = 0; n < NB; n++)
        for (int j = 0; j < NJ; j++)
            memcpy(turned + (n * NJ + j) * NK,
                   b + (n * NJ + NJ - 1 - j) * NK, NK * sizeof(*b));
    if (einc_einsum(NULL, "bij,bjk->bik", 2, in,
                    (const void *[]){a, last_row}, &out, c, &err))
        fail(err);
    printf("B with j reversed              %s\n",
           equals_loops(a, &va, turned, &vb, c, &vc, 1) ? "exact" : "WRONG");
}

int
main(void)
{
    float a[NB * NI * NJ], b[NB * NJ * NK];

    fill(a, NB * NI * NJ, 1);
    fill(b, NB * NJ * NK, 4);
    for (int l = 0; l < (int)(sizeof(layouts) / sizeof(layouts[0])); l++)
        multiply(l, a, b);
    accumulate(a, b);
    reverse(a, b);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

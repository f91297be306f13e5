/* SPDX-License-Identifier: MIT
 *
 * set_statements.c - index statements: kernels over pairs, attention, sparse
 * and masked products, neighbours, bands. A number before the name is that of
 * the case in the project's list.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "statement.h"

#define DISTANCE "sum[d]((X[i,d] - Y[j,d])^2)"
#define GAUSSIAN "O[i] = sum[j](exp(-" DISTANCE ")*B[j])"
#define SCORES "sum[d](Q[b,i,d]*K[b,j,d])/8"
#define ATTENTION(guard)                                                     \
    "O[b,i,e] = sum[j](softmax[j](" SCORES guard ")*V[b,j,e])"
#define SPMM "O[i,d] = sum[p in ptr[i]:ptr[i+1]](val[p]*X[col[p],d])"
#define KEPT "O[i,k] = M[i,k] ? sum[j](A[i,j]*B[j,k]) : 0"
#define KEPT_ROW(title, share, bar)                                          \
    {.name = title, .task = "masked", .program = KEPT,                       \
     .in = {{"M", "bool:2048*x2048", FILL_SHARE, share},                     \
            {"A", "f32:2048*x512", FILL_REAL, 1},                            \
            {"B", "f32:512x2048", FILL_REAL, 1}},                            \
     .out = "f32:2048*x2048", .rows = 2048,                                  \
     .points = (share) * 2048 * 2048, .flop = (share) * 1024.0 * 2048 * 2048, \
     .work_mib = 16, .peers = "numpy torch",                                 \
     .rivals = {{.name = "dense", .program = "O[i,k] = A[i,j]*B[j,k]"}},     \
     .bars = {{"dense", bar}}}
#define MASKED "O[I,r,J,c] = M[I,J] ? sum[k](A[I,r,k]*B[k,J,c]) : 0"

static const struct statement trials[] = {
    {.name = "32: Gaussian matvec 1e4 x 1e4, D=3", .task = "gaussian",
     .program = GAUSSIAN,
     .in = {{"X", "f32:10000*x3", FILL_REAL, 1},
            {"Y", "f32:10000x3", FILL_REAL, 1},
            {"B", "f32:10000", FILL_REAL, 1}},
     .out = "f32:10000*", .rows = 10000, .points = 1e8, .flop = 31e8,
     .peers = "numpy torch keops",
     .bars = {{"points", 4}, {"numpy", 10}, {"keops", 3}}},
    {.name = "32: the same, 2 threads", .task = "gaussian",
     .program = GAUSSIAN,
     .in = {{"X", "f32:10000*x3", FILL_REAL, 1},
            {"Y", "f32:10000x3", FILL_REAL, 1},
            {"B", "f32:10000", FILL_REAL, 1}},
     .out = "f32:10000*", .rows = 10000, .points = 1e8, .flop = 31e8,
     .threads = 2, .rivals = {{.name = "1 thread", .threads = 1}}},
    {.name = "35: b[j,d], d=300, 4000 x 4000", .task = "wide",
     .program = "O[i,e] = sum[j](exp(-" DISTANCE ")*B[j,e])",
     .in = {{"X", "f32:4000*x3", FILL_REAL, 1},
            {"Y", "f32:4000x3", FILL_REAL, 1},
            {"B", "f32:4000x300+", FILL_REAL, 1}},
     .out = "f32:4000*x300+", .rows = 4000, .points = 16e6,
     .flop = 16e6 * (29 + 600), .peers = "numpy torch"},
    {.name = "39: attention 8 x 2048 x 64", .task = "attention",
     .program = ATTENTION(""),
     .in = {{"Q", "f32:8+x2048*x64", FILL_REAL, 1},
            {"K", "f32:8+x2048x64", FILL_REAL, 1},
            {"V", "f32:8+x2048x64+", FILL_REAL, 1}},
     .out = "f32:8+x2048*x64+", .rows = 2048, .points = 8.0 * 2048 * 2048,
     .flop = 8.0 * 2048 * 2048 * (256 + 22), .work_mib = 4,
     .peers = "math torch", .bars = {{"math", 1.5}}},
    {.name = "39: the same, causal", .task = "causal",
     .program = ATTENTION(" if j <= i"),
     .in = {{"Q", "f32:8+x2048*x64", FILL_REAL, 1},
            {"K", "f32:8+x2048x64", FILL_REAL, 1},
            {"V", "f32:8+x2048x64+", FILL_REAL, 1}},
     .out = "f32:8+x2048*x64+", .rows = 2048, .head_only = true,
     .points = 4.0 * 2048 * 2049, .flop = 4.0 * 2048 * 2049 * (256 + 22),
     .work_mib = 4, .peers = "math torch",
     .rivals = {{.name = "full", .program = ATTENTION("")}},
     .bars = {{"math", 1.5}, {"full", 1 / 0.6}}},
    {.name = "23: SDDMM N=5e5, d=300, E=1e6", .task = "sddmm",
     .program = "O[p] = sum[d](A[row[p],d]*B[col[p],d])",
     .in = {{"A", "f32:500000x300", FILL_REAL, 1},
            {"B", "f32:500000x300", FILL_REAL, 1},
            {"row", "i64:1000000*", FILL_INDEX, 5e5},
            {"col", "i64:1000000*", FILL_INDEX, 5e5}},
     .out = "f32:1000000*", .rows = 1000000, .points = 1e6, .flop = 6e8,
     .bytes = 2.416e9, .gathered = {{"A", "row"}, {"B", "col"}},
     .work_mib = 4, .peers = "torch", .bars = {{"gather", 0.7}}},
    {.name = "CSR 1e5 x 1e5, 1e6 entries, times dense d=64", .task = "spmm",
     .program = SPMM,
     .in = {{"ptr", "i64:100001*", FILL_ROWS, 1e6},
            {"col", "i64:1000000", FILL_INDEX, 1e5},
            {"val", "f32:1000000", FILL_REAL, 1},
            {"X", "f32:100000x64", FILL_REAL, 1}},
     .out = "f32:100000*x64", .rows = 100000, .points = 1e6,
     .flop = 1.28e8, .bytes = 1e6 * (12 + 256), .gathered = {{"X", "col"}},
     .work_mib = 4, .peers = "scipy torch",
     .bars = {{"scipy", 1}}},
    {.name = "CSR: the same, 2 threads", .task = "spmm", .program = SPMM,
     .in = {{"ptr", "i64:100001*", FILL_ROWS, 1e6},
            {"col", "i64:1000000", FILL_INDEX, 1e5},
            {"val", "f32:1000000", FILL_REAL, 1},
            {"X", "f32:100000x64", FILL_REAL, 1}},
     .out = "f32:100000*x64", .rows = 100000, .points = 1e6,
     .flop = 1.28e8, .bytes = 1e6 * (12 + 256), .threads = 2,
     .rivals = {{.name = "1 thread", .threads = 1}},
     .bars = {{"scaling", 1.6}}},
    {.name = "40: nearest of 20000, 2000 rows, D=10", .task = "nearest",
     .program = "O[i] = argmin[j](" DISTANCE ")",
     .in = {{"X", "f32:2000*x10", FILL_REAL, 1},
            {"Y", "f32:20000x10", FILL_REAL, 1}},
     .out = "i64:2000*", .rows = 2000, .points = 4e7, .flop = 4e7 * 31,
     .peers = "numpy torch keops"},
    {.name = "40: 10 nearest of 20000, 2000 rows, D=10", .task = "knn",
     .program = "O[i,q] = argkmin[j->q:10](" DISTANCE ")",
     .in = {{"X", "f32:2000*x10", FILL_REAL, 1},
            {"Y", "f32:20000x10", FILL_REAL, 1}},
     .out = "i64:2000*x10", .rows = 2000, .points = 4e7, .flop = 4e7 * 31,
     .peers = "numpy torch keops"},
    {.name = "40: 50 nearest of 20000, 2000 rows, D=10", .task = "knn",
     .program = "O[i,q] = argkmin[j->q:50](" DISTANCE ")",
     .in = {{"X", "f32:2000*x10", FILL_REAL, 1},
            {"Y", "f32:20000x10", FILL_REAL, 1}},
     .out = "i64:2000*x50", .rows = 2000, .points = 4e7, .flop = 4e7 * 31,
     .peers = "numpy torch keops"},
    {.name = "41: k-means, 1e5 points, 1000 centres, D=100",
     .task = "nearest", .program = "O[i] = argmin[j](" DISTANCE ")",
     .in = {{"X", "f32:100000*x100", FILL_REAL, 1},
            {"Y", "f32:1000x100", FILL_REAL, 1}},
     .out = "i64:100000*", .rows = 100000, .points = 1e8,
     .flop = 1e8 * 202, .peers = "numpy torch",
     .rivals = {{.name = "gemm", .program = "O[i,j] = X[i,d]*Y[j,d]",
                 .out = "f32:100000x1000"}}},
    {.name = "38: Sinkhorn step (logsumexp) 1e4 x 1e4, D=3",
     .task = "sinkhorn",
     .program = "O[i] = logsumexp[j](B[j] - " DISTANCE "*20)",
     .in = {{"X", "f32:10000*x3", FILL_REAL, 1},
            {"Y", "f32:10000x3", FILL_REAL, 1},
            {"B", "f32:10000", FILL_REAL, 1}},
     .out = "f32:10000*", .rows = 10000, .points = 1e8, .flop = 34e8,
     .peers = "numpy torch keops"},
    {.name = "20: cosine of all pairs 1e4 x 1e4 x 64", .task = "cosine",
     .program = "O[i,j] = sum[d](X[i,d]*Y[j,d])/"
                "(sqrt(sum[d](X[i,d]^2))*sqrt(sum[d](Y[j,d]^2)))",
     .in = {{"X", "f32:10000*x64", FILL_REAL, 1},
            {"Y", "f32:10000x64", FILL_REAL, 1}},
     .out = "f32:10000*x10000", .rows = 10000, .points = 1e8,
     .flop = 130e8, .work_mib = 4, .most = 1 + 1e-6, .peers = "numpy torch",
     .rivals = {{.name = "gemm", .program = "O[i,j] = X[i,d]*Y[j,d]"}},
     .bars = {{"gemm", 0.7}}},
    {.name = "6: x[i,k]*y[b,k] 4096,4096,192", .task = "einsum6",
     .program = "O[b,i] = sum[k](X[i,k]*Y[b,k])",
     .in = {{"X", "f32:4096x192", FILL_REAL, 1},
            {"Y", "f32:4096*x192", FILL_REAL, 1}},
     .out = "f32:4096*x4096", .rows = 4096, .points = 4096.0 * 4096,
     .flop = 4096.0 * 4096 * 384, .work_mib = 4, .peers = "numpy torch",
     .rivals = {{.name = "other spelling",
                 .program = "O[b,i] = Y[b,k]*X[i,k]"}}},
    {.name = "10: a[i,q]*b[q%64,d] 1024,4096,256", .task = "repeat",
     .program = "O[i,d] = sum[q](A[i,q]*B[q%64,d])",
     .in = {{"A", "f32:1024*x4096", FILL_REAL, 1},
            {"B", "f32:64x256", FILL_REAL, 1}},
     .out = "f32:1024*x256", .rows = 1024, .points = 1024.0 * 4096,
     .flop = 1024.0 * (4096 + 2 * 64 * 256), .peers = "numpy torch",
     .bars = {{"numpy", 1}, {"floor", 0.3}}},
    {.name = "11: A[n,i,j]*C[Q[n],j,k] 131072,8,32,32 of 2048",
     .task = "experts", .program = "O[n,i,k] = sum[j](A[n,i,j]*C[Q[n],j,k])",
     .in = {{"A", "f32:131072*x8x32", FILL_REAL, 1},
            {"C", "f32:2048x32x32", FILL_REAL, 1},
            {"Q", "i64:131072*", FILL_INDEX, 2048}},
     .out = "f32:131072*x8x32", .rows = 131072, .points = 131072,
     .flop = 131072.0 * 8 * 32 * 64, .work_mib = 4, .peers = "torch",
     .bars = {{"torch", 1}}},
    {.name = "25: blocks of 64, 10 % kept, of 4096^3", .task = "blocks",
     .program = MASKED,
     .in = {{"M", "bool:64x64", FILL_SHARE, 0.1},
            {"A", "f32:64x64*x4096", FILL_REAL, 1},
            {"B", "f32:4096x64x64+", FILL_REAL, 1}},
     .out = "f32:64x64*x64x64+", .rows = 64, .points = 0.1 * 64 * 64,
     .flop = 0.1 * 2 * 4096.0 * 4096 * 4096, .work_mib = 70,
     .rivals = {{.name = "dense",
                 .program = "O[I,r,J,c] = A[I,r,k]*B[k,J,c]"}},
     .bars = {{"dense", 7}}},
    KEPT_ROW("24: 1 % of 2048^2 sums of 512", 0.01, 3),
    KEPT_ROW("24: 10 % of 2048^2 sums of 512", 0.1, 1),
    KEPT_ROW("24: 50 % of 2048^2 sums of 512", 0.5, 0.8),
    KEPT_ROW("24: all of 2048^2 sums of 512", 1.0, 0.8),
    {.name = "42: block-sparse Gaussian, 2.5 % of 20000^2, D=2",
     .task = "ranges",
     .program = "O[i] = sum[s in ptr[cl[i]]:ptr[cl[i]+1], j in lo[s]:hi[s]]"
                "(exp(-" DISTANCE ")*B[j])",
     .in = {{"ptr", "i64:41", FILL_BEGINS, 2.5},
            {"cl", "i64:20000*", FILL_PARTS, 500},
            {"lo", "i64:100", FILL_BEGINS, 200},
            {"hi", "i64:100", FILL_ENDS, 200},
            {"X", "f32:20000*x2", FILL_REAL, 1},
            {"Y", "f32:20000x2", FILL_REAL, 1},
            {"B", "f32:20000", FILL_REAL, 1}},
     .out = "f32:20000*", .rows = 20000, .points = 1e7,
     .flop = 1e7 * 28, .work_mib = 4,
     .rivals = {{.name = "dense", .program = GAUSSIAN}},
     .bars = {{"dense", 28}}},
    {.name = "46: band A[i,k]*B[i+t,k], abs(t) <= 100, 16000 x 64",
     .task = "band", .program = "O[i,t] = A[i,k]*B[i+t,k]",
     .in = {{"A", "f32:16000*x64", FILL_REAL, 1},
            {"B", "f32:16200*x64", FILL_REAL, 1}},
     .out = "f32:16000*x201", .rows = 16000, .points = 16000 * 201.0,
     .flop = 16000 * 201.0 * 128, .work_mib = 4, .peers = "torch",
     .bars = {{"floor", 0.4}}},
    {.name = "47: j >= i && j < i + 600, 1e6", .task = "window",
     .program = "O[i] = sum[j](exp(-(X[i] - Y[j])^2) "
                "if j >= i && j < i + 600)",
     .in = {{"X", "f32:1000000*", FILL_REAL, 1},
            {"Y", "f32:1000600*", FILL_REAL, 1}},
     .out = "f32:1000000*", .rows = 1000000,
     .points = 6e8, .flop = 6e8 * 24, .bars = {{"points", 4}}},
    {.name = "48: f(x,y)*T[I[i],J[j]], 2e4 x 2e4, T 1e4 x 1e4",
     .task = "table",
     .program = "O[i] = sum[j](exp(-(X[i] - Y[j])^2)*T[I[i],J[j]])",
     .in = {{"X", "f32:20000*", FILL_REAL, 1},
            {"Y", "f32:20000", FILL_REAL, 1},
            {"T", "f32:10000x10000", FILL_REAL, 1},
            {"I", "i64:20000*", FILL_INDEX, 1e4},
            {"J", "i64:20000", FILL_INDEX, 1e4}},
     .out = "f32:20000*", .rows = 20000, .points = 4e8, .flop = 4e8 * 25,
     .bytes = 4e8 * 4, .bars = {{"points", 0.2}}},
};

/* --- from D=1 to D=1000 ------------------------------------------------- */

/* Both sides of what the kernels are laid out by: sums unrolled to 4, ranges
 * that are numbers in the text to 16, norms and a product from 32 on, blocks
 * of a sum; and KeOps' chunks from 146 on. */
static const int sweep_dims[] = {1,  2,  3,  4,  5,   7,   8,   9,   12,  16,
                                 17, 24, 31, 32, 33,  48,  63,  64,  65,  100,
                                 128, 129, 146, 200, 256, 257, 300, 500, 1000};

/* Time per pair and dim, from one D to the next: no cliff. */
static void
compare_dims(struct bench *b, int before, double before_each, int dims,
             double each)
{
    char name[64];
    snprintf(name, sizeof name, "34: per pair and dim, D=%d over D=%d", dims,
             before);
    table_begin(b->table, name);
    table_cell(b->table, 1, " %.2f", each / before_each);
    table_bar(b->table, b->set, "ratio", each / before_each, 1.5, true);
    table_end(b->table);
}

static void
sweep(struct bench *b)
{
    double before = 0;
    for (size_t z = 0; z < sizeof sweep_dims / sizeof *sweep_dims; z++) {
        char name[64], x[32], y[32];
        int dims = sweep_dims[z];
        double most = 1 / sqrt(dims);
        snprintf(name, sizeof name, "34: Gaussian matvec 4000 x 4000, D=%d",
                 dims);
        snprintf(x, sizeof x, "f32:4000*x%d", dims);
        snprintf(y, sizeof y, "f32:4000x%d", dims);
        struct statement t = {
            .name = name, .task = "gaussian", .program = GAUSSIAN,
            .in = {{"X", x, FILL_REAL, most}, {"Y", y, FILL_REAL, most},
                   {"B", "f32:4000", FILL_REAL, 1}},
            .out = "f32:4000*", .rows = 4000, .points = 16e6,
            .flop = 16e6 * (22 + (dims < 8 ? 3 : 2) * dims),
            .work_mib = 4};
        if (dims >= 64) {
            t.rivals[0] = (struct rival){
                .name = "gemm", .program = "O[i,j] = X[i,d]*Y[j,d]",
                .out = "f32:4000x4000"};
            t.bars[0] = (struct statement_bar){"gemm", 0.7};
        }
        double each = statement_run(b, &t) / dims;
        if (before > 0 && each > 0)
            compare_dims(b, sweep_dims[z - 1], before, dims, each);
        before = each;
    }
}

void
set_statements(struct bench *b)
{
    statement_heading(b, "index statements, f32; Gpt/s: pairs, entries or "
                         "products in a second; 'gather': the rows that are "
                         "loaded, only added up");
    for (size_t z = 0; z < sizeof trials / sizeof *trials; z++)
        statement_run(b, &trials[z]);
    sweep(b);
}

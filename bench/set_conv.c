/* SPDX-License-Identifier: MIT
 *
 * set_conv.c - convolutions as index statements, against our product of
 * matrices of the same M, N and K, and torch's conv2d. A number before the
 * name is that of the case in the project's list.
 */
#include "statement.h"

#define PADDED(p)                                                            \
    "O[n,k,h,w] = X[n,c,pad(h+r-" p "," p "),pad(w+s-" p "," p ")]*"         \
    "W[k,c,r,s]"
#define GEMM "P[m,j] = A[m,q]*B[q,j]"
#define SMALL_MIB 4 /* scratch of any size of image */

static const struct statement trials[] = {
    {.name = "14: 3x3 pad 1, 32x64x56x56 -> 64", .task = "conv_3x3",
     .program = PADDED("1"),
     .in = {{"X", "f32:32+x64x56x56", FILL_REAL, 1},
            {"W", "f32:64+x64x3x3", FILL_REAL, 1},
            {"A", "f32:64x576", FILL_REAL, 1},
            {"B", "f32:576x100352", FILL_REAL, 1}},
     .out = "f32:32+x64+x56x56", .points = 100352 * 64.0,
     .flop = 100352 * 64.0 * 1152, .bytes = 25.84e6, .work_mib = SMALL_MIB,
     .peers = "torch",
     .rivals = {{.name = "gemm", .program = GEMM, .out = "f32:64x100352"}},
     .bars = {{"gemm", 0.8}, {"torch", 1}}},
    {.name = "14: the same, 2 threads", .task = "conv_3x3",
     .program = PADDED("1"),
     .in = {{"X", "f32:32+x64x56x56", FILL_REAL, 1},
            {"W", "f32:64+x64x3x3", FILL_REAL, 1},
            {"A", "f32:64x576", FILL_REAL, 1},
            {"B", "f32:576x100352", FILL_REAL, 1}},
     .out = "f32:32+x64+x56x56", .points = 100352 * 64.0,
     .flop = 100352 * 64.0 * 1152, .bytes = 25.84e6, .threads = 2,
     .peers = "torch2",
     .rivals = {{.name = "gemm", .program = GEMM, .out = "f32:64x100352"},
                {.name = "1 thread", .threads = 1}},
     .bars = {{"gemm", 0.8}, {"torch2", 1}}},
    {.name = "13: 7x7 stride 2 pad 3, 1x3x224x224 -> 64", .task = "conv_7x7",
     .program = "O[n,k,h,w] = X[n,c,pad(2*h+r-3,3),pad(2*w+s-3,3)]*"
                "W[k,c,r,s]",
     .in = {{"X", "f32:1x3x224x224", FILL_REAL, 1},
            {"W", "f32:64+x3x7x7", FILL_REAL, 1},
            {"A", "f32:64x147", FILL_REAL, 1},
            {"B", "f32:147x12544", FILL_REAL, 1}},
     .out = "f32:1x64+x112x112", .points = 12544 * 64.0,
     .flop = 12544 * 64.0 * 294, .bytes = 0.64e6, .work_mib = SMALL_MIB,
     .peers = "torch",
     .rivals = {{.name = "gemm", .program = GEMM, .out = "f32:64x12544"}},
     .bars = {{"gemm", 0.8}, {"torch", 1}}},
    {.name = "13: the same, 2 threads", .task = "conv_7x7",
     .program = "O[n,k,h,w] = X[n,c,pad(2*h+r-3,3),pad(2*w+s-3,3)]*"
                "W[k,c,r,s]",
     .in = {{"X", "f32:1x3x224x224", FILL_REAL, 1},
            {"W", "f32:64+x3x7x7", FILL_REAL, 1}},
     .out = "f32:1x64+x112x112", .points = 12544 * 64.0,
     .flop = 12544 * 64.0 * 294, .threads = 2, .peers = "torch2",
     .rivals = {{.name = "1 thread", .threads = 1}},
     .bars = {{"torch2", 1}}},
    {.name = "15: 3x3 stride 2 dilation 2, 4x32x224x224 -> 32",
     .task = "conv_dilated",
     .program = "O[n,k,h,w] = X[n,c,2*h+2*r,2*w+2*s]*W[k,c,r,s]",
     .in = {{"X", "f32:4+x32x224x224", FILL_REAL, 1},
            {"W", "f32:32+x32x3x3", FILL_REAL, 1},
            {"A", "f32:32x288", FILL_REAL, 1},
            {"B", "f32:288x48400", FILL_REAL, 1}},
     .out = "f32:4+x32+x110x110", .points = 48400 * 32.0,
     .flop = 48400 * 32.0 * 576, .bytes = 25.73e6, .work_mib = SMALL_MIB,
     .peers = "torch",
     .rivals = {{.name = "gemm", .program = GEMM, .out = "f32:32x48400"}},
     .bars = {{"gemm", 0.8}, {"torch", 1}}},
    {.name = "17: 8 groups 3x3, 8x64x64x64", .task = "conv_groups",
     .program = "O[n,g,k,h,w] = X[n,8*g+c,h+r,w+s]*W[g,k,c,r,s]",
     .in = {{"X", "f32:8+x64x64x64", FILL_REAL, 1},
            {"W", "f32:8x8+x8x3x3", FILL_REAL, 1}},
     .out = "f32:8+x8x8+x62x62", .points = 8 * 64 * 3844.0,
     .flop = 8 * 64 * 3844.0 * 144, .work_mib = SMALL_MIB, .peers = "torch",
     .bars = {{"torch", 1}}},
    {.name = "17: depthwise 3x3, 8x64x64x64", .task = "conv_depthwise",
     .program = "O[n,c,h,w] = X[n,c,h+r,w+s]*W[c,r,s]",
     .in = {{"X", "f32:8+x64+x64x64", FILL_REAL, 1},
            {"W", "f32:64+x3x3", FILL_REAL, 1}},
     .out = "f32:8+x64+x62x62", .points = 8 * 64 * 3844.0,
     .flop = 8 * 64 * 3844.0 * 18, .work_mib = SMALL_MIB, .peers = "torch",
     .bars = {{"torch", 1}}},
    {.name = "17: depthwise 3x3 pad 1, 8x64x64x64",
     .task = "conv_depthwise_padded",
     .program = "O[n,c,h,w] = X[n,c,pad(h+r-1,1),pad(w+s-1,1)]*W[c,r,s]",
     .in = {{"X", "f32:8+x64+x64x64", FILL_REAL, 1},
            {"W", "f32:64+x3x3", FILL_REAL, 1}},
     .out = "f32:8+x64+x64x64", .points = 8 * 64 * 4096.0,
     .flop = 8 * 64 * 4096.0 * 18, .work_mib = SMALL_MIB, .peers = "torch"},
};

void
set_conv(struct bench *b)
{
    statement_heading(b, "convolutions, f32; Gpt/s: elements of the output; "
                         "'gemm': our product of matrices of the same size");
    for (size_t z = 0; z < sizeof trials / sizeof *trials; z++)
        statement_run(b, &trials[z]);
}

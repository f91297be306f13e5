/* SPDX-License-Identifier: MIT
 *
 * probe.cu - what the instructions that kernels are made of do, as text:
 * which lane and register holds which element of the matrices of mma.sync and
 * ldmatrix, and what cp.async writes. On a GPU it is nvcc's; behind
 * tests/cuda/host/cuda_runtime_api.h it asks the emulator of the tests, whose
 * answers are in probe.txt.
 */
#include <cuda_runtime_api.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifndef EINC_EMULATED
static __device__ inline uint32_t
place(const void *p)
{
    return (uint32_t)__cvta_generic_to_shared(p);
}

static __device__ inline void
einc_copy(void *to, const void *from, int bytes)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :: "r"(place(to)), "l"(from), "r"(bytes) : "memory");
}

static __device__ inline void
einc_copy_commit()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

static __device__ inline void
einc_copy_wait()
{
    asm volatile("cp.async.wait_group 0;" ::: "memory");
}

#define MATRICES(name, how)                                                  \
    static __device__ inline void                                            \
    name(uint32_t (&to)[4], const void *row)                                 \
    {                                                                        \
        asm volatile("ldmatrix.sync.aligned.m8n8.x4" how ".shared.b16 "      \
                     "{%0, %1, %2, %3}, [%4];"                               \
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])    \
                     : "r"(place(row)) : "memory");                          \
    }
MATRICES(einc_matrices, "")
MATRICES(einc_matrices_turned, ".trans")

#define MMA(name, shape, type)                                               \
    static __device__ inline void                                            \
    name(float (&sum)[4], const uint32_t (&a)[4], const uint32_t *b)         \
    {                                                                        \
        asm("mma.sync.aligned." shape ".row.col.f32." type "." type ".f32 "  \
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "                 \
            "{%0, %1, %2, %3};"                                              \
            : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])         \
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]),         \
              "r"(b[1]));                                                    \
    }
MMA(einc_mma_bf16, "m16n8k16", "bf16")
MMA(einc_mma_f16, "m16n8k16", "f16")
MMA(einc_mma_tf32, "m16n8k8", "tf32")
#define LAUNCH(kernel, words) kernel<<<1, 32>>>(words)
#else
#define LAUNCH(kernel, words) launch(kernel, 1, 32, words)
#endif

enum { LANES = 32 };

/* --- kernels -------------------------------------------------------------- */

struct mma_words {
    int type; /* 0 bf16, 1 f16, 2 tf32 */
    const uint32_t *a, *b;
    float *c;
};

__global__ void
run_mma(const __grid_constant__ struct mma_words w)
{
    const int lane = (int)threadIdx.x;
    uint32_t a[4], b[2];
    float sum[4] = {0, 0, 0, 0};
    for (int r = 0; r < 4; r++)
        a[r] = w.a[4*lane + r];
    for (int r = 0; r < 2; r++)
        b[r] = w.b[2*lane + r];
    if (w.type == 0)
        einc_mma_bf16(sum, a, b);
    else if (w.type == 1)
        einc_mma_f16(sum, a, b);
    else
        einc_mma_tf32(sum, a, b);
    for (int r = 0; r < 4; r++)
        w.c[4*lane + r] = sum[r];
}

struct rows_words {
    int turned;
    uint32_t *to;
};

__global__ void
run_rows(const __grid_constant__ struct rows_words w)
{
    __shared__ __align__(16) uint16_t all[256];
    const int lane = (int)threadIdx.x;
    uint32_t to[4];
    for (int k = lane; k < 256; k += LANES)
        all[k] = (uint16_t)k;
    __syncthreads();
    if (w.turned)
        einc_matrices_turned(to, &all[8*lane]);
    else
        einc_matrices(to, &all[8*lane]);
    for (int r = 0; r < 4; r++)
        w.to[4*lane + r] = to[r];
}

struct copy_words {
    const uint32_t *from;
    uint32_t *to;
};

__global__ void
run_copy(const __grid_constant__ struct copy_words w)
{
    __shared__ __align__(16) uint32_t all[4*LANES];
    const int lane = (int)threadIdx.x;
    for (int k = 0; k < 4; k++)
        all[4*lane + k] = 0x7fc00000u;
    __syncthreads();
    einc_copy(&all[4*lane], w.from, lane % 5*4);
    einc_copy_commit();
    einc_copy_commit(); /* the emulator's waits for all groups but one */
    einc_copy_wait();
    __syncthreads();
    for (int k = 0; k < 4; k++)
        w.to[4*lane + k] = all[4*lane + k];
}

/* --- the text ------------------------------------------------------------- */

static void
check(cudaError_t error)
{
    if (!error)
        return;
    fprintf(stderr, "probe: %s\n", cudaGetErrorString(error));
    exit(1);
}

template <class T> static T *
on_device(const T *from, size_t n)
{
    void *p;
    check(cudaMalloc(&p, n*sizeof(T)));
    if (from)
        check(cudaMemcpy(p, from, n*sizeof(T), cudaMemcpyHostToDevice));
    return (T *)p;
}

template <class T> static void
back(T *to, T *from, size_t n)
{
    check(cudaGetLastError());
    check(cudaMemcpy(to, from, n*sizeof(T), cudaMemcpyDeviceToHost));
    check(cudaFree(from));
}

/* A whole number up to 256, which all three types have, as their bits. */
static uint32_t
bits_of(int type, int x)
{
    const float f = (float)x;
    uint32_t u;
    memcpy(&u, &f, 4);
    if (type == 2)
        return u;
    if (type == 0)
        return u >> 16;
    return x ? (u >> 13) - (112u << 10) : 0;
}

/* B is 1 in one place: C holds a column of A, whose elements have numbers. */
static void
tell_mma(int type, const char *name)
{
    const int halves = type == 2 ? 1 : 2;
    uint32_t a[4*LANES] = {0}, b[2*LANES];
    float c[4*LANES];
    for (int k = 0; k < 4*LANES*halves; k++)
        a[k/halves] |= bits_of(type, k + 1) << (16*(k % halves));
    for (int k = 0; k < 2*LANES*halves; k++) {
        memset(b, 0, sizeof b);
        b[k/halves] = bits_of(type, 1) << (16*(k % halves));
        struct mma_words w = {type, on_device(a, 4*LANES),
                              on_device(b, 2*LANES),
                              on_device((float *)0, 4*LANES)};
        LAUNCH(run_mma, w);
        back(c, w.c, 4*LANES);
        check(cudaFree((void *)w.a));
        check(cudaFree((void *)w.b));
        printf("%s b%d:", name, k);
        for (int at = 0; at < 4*LANES; at++)
            if (c[at] != 0)
                printf(" c%d=a%d", at, (int)c[at] - 1);
        printf("\n");
    }
}

static void
tell_rows(int turned, const char *name)
{
    uint32_t got[4*LANES];
    struct rows_words w = {turned, on_device((uint32_t *)0, 4*LANES)};
    LAUNCH(run_rows, w);
    back(got, w.to, 4*LANES);
    for (int k = 0; k < 4*LANES; k++)
        printf("%s r%d: %u %u\n", name, k, got[k] & 0xffff, got[k] >> 16);
}

static void
tell_copy(void)
{
    const uint32_t from[4] = {1, 2, 3, 4};
    uint32_t got[4*LANES];
    struct copy_words w = {on_device(from, 4),
                           on_device((uint32_t *)0, 4*LANES)};
    LAUNCH(run_copy, w);
    back(got, w.to, 4*LANES);
    check(cudaFree((void *)w.from));
    for (int k = 0; k < 5; k++)
        printf("cp.async %d bytes: %u %u %u %u\n", 4*k, got[4*k],
               got[4*k + 1], got[4*k + 2], got[4*k + 3]);
}

int
main()
{
    tell_mma(0, "mma.m16n8k16.bf16");
    tell_mma(1, "mma.m16n8k16.f16");
    tell_mma(2, "mma.m16n8k8.tf32");
    tell_rows(0, "ldmatrix");
    tell_rows(1, "ldmatrix.trans");
    tell_copy();
    return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * cuda_runtime_api.h - as much of CUDA's as emitted files take, on the CPU:
 * memory of the host, and kernels whose threads are fibers between barriers.
 * files.sh turns launches into calls of launch().
 */
#ifndef EINC_TESTS_CUDA_RUNTIME_API_H
#define EINC_TESTS_CUDA_RUNTIME_API_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <vector>

#define __global__
#define __device__
#define __grid_constant__
#define __launch_bounds__(n)
#define __shared__ static
#define __align__(n) __attribute__((aligned(n)))

typedef int cudaError_t;
typedef void *cudaStream_t;
enum { cudaSuccess, cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };

namespace {

struct position {
    unsigned x, y, z;
} blockIdx, blockDim, threadIdx;

struct {
    ucontext_t own, *fiber;
    unsigned at;
    bool ended;
    void (*run)(void);
} block;

inline void
start(void)
{
    block.run();
    block.ended = true;
    swapcontext(&block.fiber[block.at], &block.own);
}

[[maybe_unused]] void
__syncthreads(void)
{
    const position own = threadIdx;
    swapcontext(&block.fiber[block.at], &block.own);
    threadIdx = own;
}

[[maybe_unused]] unsigned long long
atomicCAS(unsigned long long *p, unsigned long long old, unsigned long long to)
{
    const unsigned long long was = *p;
    *p = was == old ? to : was;
    return was;
}

template <class W> const W *words_of;
template <class W> void (*kernel_of)(W);

template <class W> void
run_thread(void)
{
    kernel_of<W>(*words_of<W>);
}

/* All threads of a block go on to the next barrier, in turn. */
template <class W> void
launch(void (*kernel)(W), unsigned blocks, unsigned threads, const W &words)
{
    enum { STACK_BYTES = 64 << 10 };
    std::vector<char> stacks((size_t)threads * STACK_BYTES);
    std::vector<ucontext_t> fibers(threads);
    kernel_of<W> = kernel;
    words_of<W> = &words;
    block.fiber = fibers.data();
    block.run = run_thread<W>;
    blockDim = {threads, 1, 1};
    for (unsigned b = 0; b < blocks; b++) {
        blockIdx = {b, 0, 0};
        for (unsigned t = 0; t < threads; t++) {
            getcontext(&fibers[t]);
            fibers[t].uc_stack.ss_sp = &stacks[(size_t)t * STACK_BYTES];
            fibers[t].uc_stack.ss_size = STACK_BYTES;
            makecontext(&fibers[t], start, 0);
        }
        for (unsigned ended = 0; ended < threads;)
            for (unsigned t = ended = 0; t < threads; t++) {
                block.at = t;
                block.ended = false;
                threadIdx = {t, 0, 0};
                swapcontext(&block.own, &fibers[t]);
                ended += block.ended;
            }
    }
}

/* Memory is filled with the bytes of NaN. */
[[maybe_unused]] cudaError_t
cudaMalloc(void **p, size_t n)
{
    *p = malloc(n + 1);
    if (*p)
        memset(*p, 0xff, n);
    return *p ? 0 : 2;
}

[[maybe_unused]] cudaError_t
cudaMallocAsync(void **p, size_t n, cudaStream_t)
{
    return cudaMalloc(p, n);
}

[[maybe_unused]] cudaError_t
cudaFree(void *p)
{
    free(p);
    return 0;
}

[[maybe_unused]] cudaError_t
cudaFreeAsync(void *p, cudaStream_t)
{
    return cudaFree(p);
}

[[maybe_unused]] cudaError_t
cudaMemcpy(void *to, const void *from, size_t n, int)
{
    memcpy(to, from, n);
    return 0;
}

[[maybe_unused]] cudaError_t
cudaGetLastError(void)
{
    return 0;
}

[[maybe_unused]] cudaError_t
cudaStreamSynchronize(cudaStream_t)
{
    return 0;
}

[[maybe_unused]] const char *
cudaGetErrorString(cudaError_t)
{
    return "an error";
}

}

#endif

/* SPDX-License-Identifier: MIT
 *
 * cuda_runtime_api.h - as much of CUDA's as emitted files take, on the CPU:
 * memory of the host, and kernels whose threads are fibers between barriers;
 * words and instructions of the language are ../mock/emulator.hpp's. files.sh
 * turns launches into calls of launch().
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

#define EINC_WITH_MATH
#include "../mock/emulator.hpp"

typedef int cudaError_t;
typedef void *cudaStream_t;
enum { cudaSuccess, cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };

namespace {

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

/* Threads of a warp, and warps, go through all that they meet at together. */
void
wait_for_all(int)
{
    swapcontext(&block.fiber[block.at], &block.own);
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
    einc_host.wait = wait_for_all;
    einc_host.access = [](const void *, unsigned, int) {};
    einc_host.copies = [](const void *const *, const void *const *,
                          const int *) {};
    einc_host.rows = [](const void *const *) {};
    for (unsigned b = 0; b < blocks; b++) {
        begin_block(b, threads);
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

enum { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };

template <class W> cudaError_t
cudaFuncSetAttribute(void (*)(W), int, int bytes)
{
    return bytes > 0 && bytes <= SHARED ? 0 : 1;
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

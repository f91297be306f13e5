/* SPDX-License-Identifier: MIT
 *
 * emulator.hpp - what stands before a CUDA text so that it is C++ for a CPU:
 * the words of the language, and the instructions that the text calls by
 * name. A thread is a fiber of mock.c; lanes of a warp meet at an instruction
 * of all 32. Copies to shared memory are done when they are issued, or as
 * late as may be. The text is compiled with the hooks of a thread sanitizer,
 * which are here: each access of memory is checked by mock.c.
 */
#include <stdint.h>
#include <string.h>

#define EINC_EMULATED
#define __global__
#define __device__
#define __grid_constant__
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __shared__ static __attribute__((section("einc_shared")))
#define OURS __attribute__((no_sanitize("thread")))

extern "C" {
/* mock.c's, see struct host there. */
struct einc_host {
    void (*wait)(int of_warp);
    void (*access)(const void *p, unsigned bytes, int writes);
    void (*copies)(const void *const to[32], const void *const from[32],
                   const int bytes[32]);
    void (*rows)(const void *const row[32]);
    int late;
} einc_host;
extern char __start_einc_shared[] __attribute__((visibility("hidden")));
extern char __stop_einc_shared[] __attribute__((visibility("hidden")));
extern char __ehdr_start[] __attribute__((visibility("hidden")));
extern char _end[] __attribute__((visibility("hidden")));

#ifndef EINC_WITH_MATH /* which, as C++, takes longer than the kernel */
#define ONE(x) double x(double); float x##f(float);
#define TWO(x) double x(double, double); float x##f(float, float);
ONE(sqrt) ONE(exp) ONE(expm1) ONE(exp2) ONE(log) ONE(log1p) ONE(log2)
ONE(sin) ONE(cos) ONE(tan) ONE(asin) ONE(acos) ONE(atan) ONE(sinh)
ONE(cosh) ONE(tanh) ONE(erf) ONE(erfc) ONE(floor) ONE(ceil) ONE(trunc)
ONE(rint) ONE(fabs) TWO(fmod) TWO(pow) TWO(atan2) TWO(hypot)
#endif

#define HOOK(n)                                                              \
    OURS void __tsan_read##n(void *p) { einc_host.access(p, n, 0); }         \
    OURS void __tsan_write##n(void *p) { einc_host.access(p, n, 1); }        \
    OURS void __tsan_unaligned_read##n(void *p)                              \
    { einc_host.access(p, n, 0); }                                           \
    OURS void __tsan_unaligned_write##n(void *p)                             \
    { einc_host.access(p, n, 1); }
HOOK(1) HOOK(2) HOOK(4) HOOK(8) HOOK(16)
OURS void __tsan_read_range(void *p, unsigned long n)
{ einc_host.access(p, (unsigned)n, 0); }
OURS void __tsan_write_range(void *p, unsigned long n)
{ einc_host.access(p, (unsigned)n, 1); }
OURS void __tsan_init(void) {}
OURS void __tsan_func_entry(void *) {}
OURS void __tsan_func_exit(void *) {}
}

namespace {

struct position { unsigned x, y, z; };
position blockIdx, blockDim, threadIdx;

enum { THREADS = 256, WARPS = THREADS / 32, PENDING = 64, SHARED = 227 << 10 };

__shared__ __align__(128) __attribute__((used)) unsigned char dynamic[SHARED];
#define EINC_SHARED(name) unsigned char *const name = dynamic

OURS inline void
meet(int of_warp)
{
    const position own = threadIdx;
    einc_host.wait(of_warp);
    threadIdx = own;
}

inline void __syncthreads() { meet(0); }
inline void __syncwarp() { meet(1); }

inline unsigned long long
atomicCAS(unsigned long long *p, unsigned long long old,
          unsigned long long to)
{
    const unsigned long long was = *p;
    *p = was == old ? to : was;
    return was;
}

OURS inline float
__uint_as_float(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

OURS inline uint32_t
__float_as_uint(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* --- copies that are not waited for ---------------------------------------- */

struct copy { void *to; const void *from; int bytes, group; };
struct {
    copy pending[PENDING];
    int n, group;
    unsigned issued;
} copies[THREADS];

/* What the lanes of a warp copy by one instruction. */
struct {
    const void *to[32], *from[32];
    int bytes[32], n;
} together[WARPS][16];

OURS inline void
finish(const copy &c)
{
    einc_host.access(c.to, 16, 1);
    memset(c.to, 0, 16);
    memcpy(c.to, c.from, (size_t)c.bytes);
}

OURS inline void
einc_copy(void *to, const void *from, int bytes)
{
    auto &mine = copies[threadIdx.x];
    auto &all = together[threadIdx.x/32][mine.issued++ % 16];
    const unsigned lane = threadIdx.x % 32;
    const copy c = {to, from, bytes, mine.group};
    all.to[lane] = to;
    all.from[lane] = from;
    all.bytes[lane] = bytes;
    if (++all.n == 32) {
        einc_host.copies(all.to, all.from, all.bytes);
        all.n = 0;
    }
    einc_host.access(to, 16, 1);
    if (bytes)
        einc_host.access(from, (unsigned)bytes, 0);
    if (einc_host.late)
        mine.pending[mine.n++] = c;
    else
        finish(c);
}

OURS inline void
einc_copy_commit()
{
    copies[threadIdx.x].group++;
}

OURS inline void
einc_copy_wait_group(int n)
{
    auto &mine = copies[threadIdx.x];
    int kept = 0;
    for (int p = 0; p < mine.n; p++)
        if (mine.pending[p].group < mine.group - n)
            finish(mine.pending[p]);
        else
            mine.pending[kept++] = mine.pending[p];
    mine.n = kept;
}

inline void einc_copy_wait() { einc_copy_wait_group(1); }

/* --- instructions of a warp ------------------------------------------------ */

/* What lanes show each other: one may be an instruction ahead of another. */
struct {
    const void *row[32];
    uint32_t a[32][4], b[32][2];
} shown[WARPS][2];
unsigned turns[THREADS];

OURS inline decltype(shown[0][0]) &
turn()
{
    return shown[threadIdx.x/32][turns[threadIdx.x]++ % 2];
}

OURS inline void
show_row(decltype(shown[0][0]) &s, const void *row)
{
    s.row[threadIdx.x % 32] = row;
    einc_host.access(row, 16, 0);
    meet(1);
    if (threadIdx.x % 32 == 0)
        einc_host.rows(s.row);
}

OURS inline void
einc_matrices(uint32_t (&to)[4], const void *row)
{
    auto &s = turn();
    show_row(s, row);
    const unsigned lane = threadIdx.x % 32;
    for (unsigned m = 0; m < 4; m++)
        memcpy(&to[m], (const char *)s.row[8*m + lane/4] + lane % 4*4, 4);
}

OURS inline void
einc_matrices_turned(uint32_t (&to)[4], const void *row)
{
    auto &s = turn();
    show_row(s, row);
    const unsigned lane = threadIdx.x % 32;
    for (unsigned m = 0; m < 4; m++) {
        uint16_t half[2];
        for (unsigned h = 0; h < 2; h++)
            memcpy(&half[h], (const char *)s.row[8*m + lane % 4*2 + h] +
                                      lane/4*2, 2);
        to[m] = half[0] | (uint32_t)half[1] << 16;
    }
}

OURS inline float
from_bf16(uint32_t x)
{
    return __uint_as_float(x << 16);
}

OURS inline float
from_f16(uint32_t x)
{
    const uint32_t rest = x & 0x7fff;
    const float f = rest >= 0x7c00
                        ? __uint_as_float(0x7f800000 | (rest & 0x3ff) << 13)
                    : rest >= 0x400
                        ? __uint_as_float((rest << 13) + (112u << 23))
                        : (float)rest * 0x1p-24f;
    return x & 0x8000 ? -f : f;
}

/* Sums of infinite width are cut off, as tensor cores do. */
OURS inline float
cut(double sum)
{
    const float f = (float)sum;
    const double back = f;
    const int away = back > 0 ? back > sum : back < sum;
    return away && back - back == 0 ? __uint_as_float(__float_as_uint(f) - 1)
                                    : f;
}

OURS inline auto &
show(const uint32_t (&a)[4], const uint32_t *b)
{
    auto &s = turn();
    const unsigned lane = threadIdx.x % 32;
    memcpy(s.a[lane], a, sizeof s.a[lane]);
    memcpy(s.b[lane], b, sizeof s.b[lane]);
    meet(1);
    return s;
}

/* Element (r, k) of a and (k, c) of b stand where PTX says, mma.m16n8k16: each
 * lane holds pairs along K. */
template <float (*from)(uint32_t)> OURS inline void
mma_narrow(float (&sum)[4], const uint32_t (&a)[4], const uint32_t *b)
{
    auto &s = show(a, b);
    const unsigned lane = threadIdx.x % 32;
    for (unsigned e = 0; e < 4; e++) {
        const unsigned r = lane/4 + e/2*8, c = lane % 4*2 + e % 2;
        double x = sum[e];
        for (unsigned k = 0; k < 16; k++)
            x += (double)from(s.a[r % 8*4 + k % 8/2][r/8 + k/8*2]
                                  >> k % 2*16 & 0xffff) *
                 from(s.b[4*c + k % 8/2][k/8] >> k % 2*16 & 0xffff);
        sum[e] = cut(x);
    }
}

inline void
einc_mma_bf16(float (&sum)[4], const uint32_t (&a)[4], const uint32_t *b)
{
    mma_narrow<from_bf16>(sum, a, b);
}

inline void
einc_mma_f16(float (&sum)[4], const uint32_t (&a)[4], const uint32_t *b)
{
    mma_narrow<from_f16>(sum, a, b);
}

/* mma.m16n8k8: elements of 4 bytes, of which 13 bits are not looked at. */
OURS inline void
einc_mma_tf32(float (&sum)[4], const uint32_t (&a)[4], const uint32_t *b)
{
    auto &s = show(a, b);
    const unsigned lane = threadIdx.x % 32;
    for (unsigned e = 0; e < 4; e++) {
        const unsigned r = lane/4 + e/2*8, c = lane % 4*2 + e % 2;
        double x = sum[e];
        for (unsigned k = 0; k < 8; k++)
            x += (double)__uint_as_float(s.a[r % 8*4 + k % 4][r/8 + k/4*2] &
                                         0xffffe000) *
                 __uint_as_float(s.b[4*c + k % 4][k/4] & 0xffffe000);
        sum[e] = cut(x);
    }
}

}

/* A block begins: nothing of the last one is left, shared memory is NaN. */
static OURS void
begin_block(unsigned block, unsigned threads)
{
    blockIdx = {block, 0, 0};
    blockDim = {threads, 1, 1};
    memset(copies, 0, sizeof copies);
    memset(together, 0, sizeof together);
    memset(turns, 0, sizeof turns);
    memset(__start_einc_shared, 0xff,
                (size_t)(__stop_einc_shared - __start_einc_shared));
}

/* What mock.c needs to know of this text's memory. */
extern "C" OURS void
einc_memory(char *at[4])
{
    at[0] = __start_einc_shared;
    at[1] = __stop_einc_shared;
    at[2] = __ehdr_start;
    at[3] = _end;
}

/* SPDX-License-Identifier: MIT
 *
 * cubins.c - what NVRTC makes of the kernels, without a GPU: no stack, no
 * spilled register, registers for as many blocks as a processor should hold,
 * shared memory that is read 16 bytes at a time, and a main loop that does
 * little beside its products. Where there is no NVRTC this is said, and
 * nothing is counted.
 */
#include "cubin.h"
#include "ctx.h"
#include "codegen/emit.h"
#include "plan/lower.h"
#include "runtime/nvrtc.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROOM = 1 << 21, MOST_IN = 2, REGISTERS = 65536 /* of a processor */,
       WIDE = 6 /* cubin_width() of 16 bytes */ };

static const char *const archs[] = {"sm_80", "sm_90", "sm_90a"};
enum { N_ARCHS = sizeof archs / sizeof archs[0] };

/* --- bars ----------------------------------------------------------------- */

/* Of a kernel: `blocks` of DEVICE_THREADS threads on a processor at least; at
 * most `slots` instructions of the main loop for 100 of its products. */
static const struct bar {
    const char *expr;
    enum einc_dtype dtype;
    int64_t shape[MOST_IN][3];
    int product, blocks, slots;
    enum nest_family family; /* asked for */
} bars[] = {
    {"ij,jk->ik", EINC_BF16, {{4096, 4096}, {4096, 4096}}, OP_HMMA, 2, 1370,
     FAMILY_TENSOR},
    {"ji,jk->ik", EINC_F16, {{4096, 4096}, {4096, 4096}}, OP_HMMA, 2, 1600,
     FAMILY_TENSOR},
    {"ij,kj->ik", EINC_F16, {{4096, 4096}, {4096, 4096}}, OP_HMMA, 2, 1370,
     FAMILY_TENSOR},
    {"ij,kj->ki", EINC_BF16, {{512, 512}, {512, 512}}, OP_HMMA, 3, 2860,
     FAMILY_TENSOR},
    {"iaj,jak->ik", EINC_F16, {{4096, 8, 64}, {64, 8, 4096}}, OP_HMMA, 1, 2300,
     FAMILY_TENSOR},
    {"ij,jk->ik", EINC_F32, {{4096, 4096}, {4096, 4096}}, OP_HMMA, 1, 880,
     FAMILY_TENSOR},
    {"ji,jk->ik", EINC_F32, {{4096, 4096}, {4096, 4096}}, OP_HMMA, 1, 940,
     FAMILY_TENSOR},
    {"iaj,jak->ik", EINC_F32, {{4096, 8, 64}, {64, 8, 4096}}, OP_HMMA, 1, 1000,
     FAMILY_TENSOR},
    {"bij,bjk->bik", EINC_F32, {{4, 512, 512}, {4, 512, 512}}, OP_HMMA, 2,
     1660, FAMILY_TENSOR},
    {"ij,jk->ik", EINC_F32, {{4096, 4096}, {4096, 4096}}, OP_FFMA, 1, 128,
     FAMILY_BLOCK},
    {"ji,jk->ik", EINC_F32, {{4096, 4096}, {4096, 4096}}, OP_FFMA, 1, 128,
     FAMILY_BLOCK},
    {"ij,kj->ik", EINC_F32, {{4096, 4096}, {4096, 4096}}, OP_FFMA, 1, 128,
     FAMILY_BLOCK},
    {"bij,bjk->bik", EINC_F32, {{64, 512, 512}, {64, 512, 512}}, OP_FFMA, 1,
     128, FAMILY_BLOCK},
    {"ij,jk->ik", EINC_F32, {{512, 512}, {512, 512}}, OP_FFMA, 4, 170,
     FAMILY_BLOCK},
    {"ij,jk->ik", EINC_F64, {{512, 512}, {512, 512}}, OP_DFMA, 2, 182,
     FAMILY_ANY},
    {"ij,jk->ik", EINC_C64, {{512, 512}, {512, 512}}, OP_FFMA, 2, 128,
     FAMILY_ANY},
    {"ij,jk->ik", EINC_F16, {{4096, 4096}, {4096, 4096}}, OP_FFMA, 1, 162,
     FAMILY_BLOCK},
    {"ij,jk->ik", EINC_BF16, {{4096, 4096}, {4096, 4096}}, OP_FFMA, 1, 130,
     FAMILY_BLOCK},
    {"ij,jk->ik", EINC_I32, {{512, 512}, {512, 512}}, OP_IMAD, 4, 236,
     FAMILY_ANY},
    {"ij->ji", EINC_F32, {{4096, 4096}}, 0, 4, 0, FAMILY_ANY},
    {"ij->i", EINC_F32, {{4096, 4096}}, 0, 4, 0, FAMILY_ANY},
    {"i,j->ij", EINC_F32, {{4096}, {4096}}, 0, 4, 0, FAMILY_ANY},
    {"bij,bjk->bik", EINC_F32, {{9999, 4, 4}, {9999, 4, 4}}, 0, 4, 0,
     FAMILY_ANY},
};
enum { N_BARS = sizeof bars / sizeof bars[0] };

/* --- the kernel of a bar --------------------------------------------------- */

static struct einc_plan *
plan_of(const struct bar *b)
{
    struct einc_layout in[MOST_IN];
    struct einc_options o = {.size = sizeof o, .tier = EINC_TIER_INTERP};
    struct einc_plan *plan = NULL;
    size_t n_in = 0;
    for (; n_in < MOST_IN && b->shape[n_in][0]; n_in++) {
        int32_t ndim = 0;
        while (ndim < 3 && b->shape[n_in][ndim])
            ndim++;
        in[n_in] = (struct einc_layout){.size = sizeof in[n_in],
                                        .dtype = (int32_t)b->dtype,
                                        .ndim = ndim,
                                        .shape = b->shape[n_in]};
    }
    if (einc_compile(NULL, b->expr, n_in, in, NULL, &o, &plan, NULL))
        abort();
    return plan;
}

/* The text of its only step, in `room`. */
static const char *
text_of(const struct einc_plan *plan, enum nest_family family, char *room)
{
    struct cx cx;
    struct arena perm = {room, room + ROOM, &cx};
    struct arena scratch = {room + ROOM, room + 2 * ROOM, &cx};
    if (setjmp(cx.boundary))
        abort();
    const struct nest *w =
        einc_nest_build(&perm, scratch, plan->plan, 0,
                        einc_target_find(str_of("cuda")), NEST_GENERIC,
                        family);
    return einc_emit_cuda_unit(&perm, w).source;
}

/* --- held against the bar --------------------------------------------------- */

static int
fail(const struct bar *b, const char *arch, const char *what, int64_t seen,
     int64_t bar)
{
    printf("%s %s %s: %s %lld, bar %lld\n", b->expr, einc_dtype_name(b->dtype),
           arch, what, (long long)seen, (long long)bar);
    return 0;
}

static int
blocks_of(const struct cubin_kernel *k)
{
    return REGISTERS / ((k->registers + 7) / 8 * 8 * DEVICE_THREADS);
}

static int
is_lean(const struct bar *b, const char *arch, const struct cubin_kernel *k)
{
    struct cubin_span all = cubin_whole(k);
    int64_t spilled =
        cubin_count(k, all, OP_LDL) + cubin_count(k, all, OP_STL);
    return k->frame_bytes  ? fail(b, arch, "bytes of stack", k->frame_bytes, 0)
           : spilled       ? fail(b, arch, "local accesses", spilled, 0)
           : blocks_of(k) < b->blocks
               ? fail(b, arch, "blocks of a processor", blocks_of(k),
                      b->blocks)
               : 1;
}

/* Operands pass through shared memory 16 bytes at a time. */
static int
is_wide(const struct cubin_kernel *k, struct cubin_span loop, int product)
{
    int64_t copies = cubin_count_wide(k, loop, OP_LDGSTS, WIDE);
    return product != OP_HMMA
               ? cubin_count_wide(k, loop, OP_LDS, WIDE) > 0
               : copies > 0 && copies == cubin_count(k, loop, OP_LDGSTS);
}

/* Divisions are made of MUFU's reciprocals. */
static int
has_lean_loop(const struct bar *b, const char *arch,
              const struct cubin_kernel *k)
{
    struct cubin_span loop = cubin_main_loop(k, b->product);
    int64_t products = cubin_count(k, loop, b->product);
    int64_t n = loop.last - loop.first + 1;
    int64_t divisions = cubin_count(k, loop, OP_MUFU);
    return !products   ? fail(b, arch, "products in the loop", 0, 1)
           : divisions ? fail(b, arch, "divisions in the loop", divisions, 0)
           : !is_wide(k, loop, b->product)
               ? fail(b, arch, "loads of 16 bytes", 0, 1)
           : 100 * n > b->slots * products
               ? fail(b, arch, "slots for 100 products", 100 * n / products,
                      b->slots)
               : 1;
}

static int
holds(const struct nvrtc *r, const struct bar *b, const char *text,
      const char *arch)
{
    struct trouble why = {0};
    struct cubin_kernel k;
    void *cubin;
    size_t n;
    if (einc_nvrtc_compile(r, &einc_mem_default, text, arch, &cubin, &n,
                           &why)) {
        printf("%s %s: %s\n", b->expr, arch, why.text);
        return 0;
    }
    int fine = cubin_read(&k, cubin, n, "einc_kernel")
                   ? is_lean(b, arch, &k) &&
                         (!b->product || has_lean_loop(b, arch, &k))
                   : fail(b, arch, "kernels", 0, 1);
    mem_free(&einc_mem_default, cubin, n);
    return fine;
}

/* --- what the reader must see ------------------------------------------------ */

/* More values than registers, and a loop of 12 products and a division. */
static const char spilling[] =
    "extern \"C\" __global__ void __launch_bounds__(1024)\n"
    "einc_kernel(float *x, const float *y, int n, float z)\n"
    "{\n"
    "    float a[96];\n"
    "    #pragma unroll\n"
    "    for (int i = 0; i < 96; i++)\n"
    "        a[i] = y[i*n + threadIdx.x];\n"
    "    __syncthreads();\n"
    "    float s = x[1];\n"
    "    int t = n + (int)threadIdx.x;\n"
    "    #pragma unroll 1\n"
    "    for (int k = 1; k < n; k++) {\n"
    "        #pragma unroll\n"
    "        for (int i = 0; i < 12; i++)\n"
    "            s = s*z + y[i];\n"
    "        t += t % k;\n"
    "    }\n"
    "    #pragma unroll\n"
    "    for (int i = 0; i < 96; i++)\n"
    "        x[i*n + threadIdx.x] = a[i] + a[95 - i] + s + t;\n"
    "}\n";

static int
sees_faults(const struct nvrtc *r, const char *arch)
{
    struct trouble why = {0};
    struct cubin_kernel k;
    void *cubin;
    size_t n;
    if (einc_nvrtc_compile(r, &einc_mem_default, spilling, arch, &cubin, &n,
                           &why))
        return 0;
    int sees = cubin_read(&k, cubin, n, "einc_kernel");
    struct cubin_span loop = cubin_main_loop(&k, OP_FFMA);
    sees = sees && k.registers <= 64 && k.frame_bytes > 0 &&
           cubin_count(&k, cubin_whole(&k), OP_STL) > 0 &&
           cubin_count(&k, loop, OP_FFMA) >= 12 &&
           cubin_count(&k, loop, OP_MUFU) > 0 && loop.first > 96;
    for (size_t at = 0; at < n; at += 7) /* cut off: no kernel, no crash */
        sees = sees && (!cubin_read(&k, cubin, at, "einc_kernel") || at > n/2);
    mem_free(&einc_mem_default, cubin, n);
    if (!sees)
        printf("the reader does not see a spilled kernel of %s\n", arch);
    return sees;
}

int
main(void)
{
    struct nvrtc r;
    struct trouble why = {0};
    int passed = 0, failed = 0;
    char *room = malloc(2 * ROOM);
    if (einc_nvrtc_open(&r, &why)) {
        printf("skipped: %d cubins; %s\n1 passed, 0 failed\n",
               N_BARS * N_ARCHS, why.text);
        free(room);
        return 0;
    }
    for (int a = 0; a < N_ARCHS; a++)
        sees_faults(&r, archs[a]) ? passed++ : failed++;
    for (int b = 0; b < N_BARS; b++) {
        struct einc_plan *plan = plan_of(&bars[b]);
        const char *text = text_of(plan, bars[b].family, room);
        for (int a = 0; a < N_ARCHS; a++)
            holds(&r, &bars[b], text, archs[a]) ? passed++ : failed++;
        einc_plan_free(plan);
    }
    free(room);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

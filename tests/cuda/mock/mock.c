/* SPDX-License-Identifier: MIT
 *
 * mock.c - see mock.h. One shared object that stands for libcuda.so.1 and for
 * libnvrtc.so.
 */
#include "mock.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

struct mock einc_mock;

enum { INVALID_VALUE = 1, MOST_BLOCKS = 256, NAN_BYTE = 0xff };

typedef unsigned long long address;

static int
fails(void)
{
    return ++einc_mock.calls == einc_mock.fail_at ? einc_mock.error : 0;
}

#define TRY()                                                               \
    do {                                                                    \
        int error_ = fails();                                               \
        if (error_)                                                         \
            return error_;                                                  \
    } while (0)

/* Of what needs a context, and may not wait or make things in a capture. */
static void
demand(int condition)
{
    einc_mock.wrong += !condition;
}

/* --- NVRTC ---------------------------------------------------------------- */

int
nvrtcVersion(int *major, int *minor)
{
    TRY();
    *major = 13;
    *minor = 0;
    return 0;
}

int
nvrtcCreateProgram(void **program, const char *source, const char *name,
                   int n_headers, const char *const *headers,
                   const char *const *names)
{
    (void)name, (void)headers, (void)names;
    TRY();
    demand(n_headers == 0);
    *program = strdup(source);
    return 0;
}

int
nvrtcDestroyProgram(void **program)
{
    free(*program);
    *program = NULL;
    return 0;
}

int
nvrtcCompileProgram(void *program, int n, const char *const *options)
{
    (void)program;
    TRY();
    demand(n > 0 && strncmp(options[0], "--gpu-architecture=sm_", 22) == 0);
    demand(!einc_mock.capturing);
    einc_mock.compiled++;
    return 0;
}

int
nvrtcGetProgramLogSize(void *program, size_t *n)
{
    (void)program;
    *n = sizeof "a line of the log";
    return 0;
}

int
nvrtcGetProgramLog(void *program, char *log)
{
    (void)program;
    memcpy(log, "a line of the log", sizeof "a line of the log");
    return 0;
}

int
nvrtcGetCUBINSize(void *program, size_t *n)
{
    TRY();
    *n = strlen(program) + 1;
    return 0;
}

int
nvrtcGetCUBIN(void *program, char *cubin)
{
    TRY();
    memcpy(cubin, program, strlen(program) + 1);
    return 0;
}

/* --- devices and contexts ------------------------------------------------- */

int
cuInit(unsigned flags)
{
    TRY();
    demand(flags == 0);
    return 0;
}

int
cuDriverGetVersion(int *version)
{
    TRY();
    *version = 13000;
    return 0;
}

int
cuDeviceGet(int *device, int ordinal)
{
    TRY();
    *device = ordinal;
    return 0;
}

int
cuDeviceGetName(char *name, int n, int device)
{
    (void)device;
    TRY();
    snprintf(name, (size_t)n, "a mock");
    return 0;
}

int
cuDeviceGetAttribute(int *value, int attribute, int device)
{
    (void)device;
    TRY();
    *value = attribute == 75 ? 9 : attribute == 16 ? 132 : 0;
    return 0;
}

int
cuDeviceTotalMem_v2(size_t *bytes, int device)
{
    (void)device;
    TRY();
    *bytes = (size_t)1 << 33;
    return 0;
}

int
cuDevicePrimaryCtxRetain(void **context, int device)
{
    (void)device;
    TRY();
    einc_mock.contexts++;
    *context = &einc_mock;
    return 0;
}

int
cuDevicePrimaryCtxRelease_v2(int device)
{
    (void)device;
    einc_mock.contexts--;
    return 0;
}

int
cuCtxGetCurrent(void **context)
{
    TRY();
    *context = einc_mock.depth ? &einc_mock : NULL;
    return 0;
}

int
cuCtxPushCurrent_v2(void *context)
{
    TRY();
    demand(context == &einc_mock);
    einc_mock.depth++;
    return 0;
}

int
cuCtxPopCurrent_v2(void **context)
{
    demand(einc_mock.depth > 0);
    einc_mock.depth--;
    *context = &einc_mock;
    return 0;
}

/* --- kernels -------------------------------------------------------------- */

/* What a text needs to be C++. Shared memory is static memory: one block runs
 * at a time. */
static const char prelude[] =
    "#include <stdint.h>\n#include <string.h>\n"
    "#define __global__\n#define __device__\n#define __grid_constant__\n"
    "#define __launch_bounds__(n)\n"
    "#define __align__(n) __attribute__((aligned(n)))\n"
    "#define __shared__ static __attribute__((section(\"einc_shared\")))\n"
    "extern \"C\" {\n"
    "void (*einc_wait)(void);\n"
    "extern char __start_einc_shared[] __attribute__((weak, "
    "visibility(\"hidden\")));\n"
    "extern char __stop_einc_shared[] __attribute__((weak, "
    "visibility(\"hidden\")));\n"
    "#define ONE(x) double x(double); float x##f(float);\n"
    "#define TWO(x) double x(double, double); float x##f(float, float);\n"
    "ONE(sqrt) ONE(exp) ONE(expm1) ONE(exp2) ONE(log) ONE(log1p) ONE(log2)\n"
    "ONE(sin) ONE(cos) ONE(tan) ONE(asin) ONE(acos) ONE(atan) ONE(sinh)\n"
    "ONE(cosh) ONE(tanh) ONE(erf) ONE(erfc) ONE(floor) ONE(ceil) ONE(trunc)\n"
    "ONE(rint) ONE(fabs) TWO(fmod) TWO(pow) TWO(atan2) TWO(hypot)\n"
    "}\n" /* without <math.h>, whose C++ takes longer than the kernel */
    "namespace {\n"
    "struct position { unsigned x, y, z; };\n"
    "position blockIdx, blockDim, threadIdx;\n"
    "inline void __syncthreads()\n"
    "{\n"
    "    const position own = threadIdx;\n"
    "    einc_wait();\n"
    "    threadIdx = own;\n"
    "}\n"
    "inline unsigned long long\n"
    "atomicCAS(unsigned long long *p, unsigned long long old,\n"
    "          unsigned long long to)\n"
    "{\n"
    "    const unsigned long long was = *p;\n"
    "    *p = was == old ? to : was;\n"
    "    return was;\n"
    "}\n"
    "}\n";
static const char launcher[] =
    "static einc_words own;\n"
    "extern \"C\" void\n"
    "einc_block(const void *words, unsigned block, unsigned threads)\n"
    "{\n"
    "    memcpy(&own, words, sizeof own);\n"
    "    blockIdx = {block, 0, 0};\n"
    "    blockDim = {threads, 1, 1};\n"
    "    if (__start_einc_shared)\n"
    "        memset(__start_einc_shared, 0xff,\n"
    "                    __stop_einc_shared - __start_einc_shared);\n"
    "}\n"
    "extern \"C\" void\n"
    "einc_thread(unsigned t)\n"
    "{\n"
    "    threadIdx = {t, 0, 0};\n"
    "    einc_kernel(own);\n"
    "}\n";

static int
run_compiler(const char *source, const char *made)
{
    pid_t child = fork();
    const char *cxx = getenv("CXX");
    cxx = cxx ? cxx : "g++";
    if (child == 0) {
        execlp(cxx, cxx, "-std=c++17", "-O1", "-w", "-shared", "-fPIC",
               source, "-o", made, (char *)0);
        _exit(127);
    }
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* What a real cubin begins with; it stands for all of them. */
static const char cubin[] = "\177ELF";

static int
is_cubin(const void *image)
{
    return memcmp(image, cubin, 4) == 0;
}

/* A library as dlopen's handle. */
static void *
build(const char *text)
{
    char folder[] = "/tmp/einc-mock-XXXXXX", source[80], made[80];
    if (!mkdtemp(folder))
        return NULL;
    snprintf(source, sizeof source, "%s/k.cpp", folder);
    snprintf(made, sizeof made, "%s/k.so", folder);
    FILE *f = fopen(source, "w");
    if (f) {
        fprintf(f, "%s%s%s", prelude, text, launcher);
        fclose(f);
    }
    void *handle = f && run_compiler(source, made)
                       ? dlopen(made, RTLD_NOW | RTLD_LOCAL)
                       : NULL;
    unlink(source);
    unlink(made);
    rmdir(folder);
    return handle;
}

int
cuLibraryLoadData(void **library, const void *image, void *o, void **ov,
                  unsigned n, void *p, void **pv, unsigned m)
{
    (void)o, (void)ov, (void)p, (void)pv;
    TRY();
    demand(n == 0 && m == 0 && einc_mock.depth > 0 && !einc_mock.capturing);
    einc_mock.cubins += is_cubin(image);
    *library = is_cubin(image) ? (void *)(uintptr_t)cubin : build(image);
    einc_mock.loaded += *library != NULL;
    return *library ? 0 : INVALID_VALUE;
}

int
cuLibraryUnload(void *library)
{
    einc_mock.loaded--;
    return library != cubin && dlclose(library) ? INVALID_VALUE : 0;
}

int
cuLibraryGetKernel(void **kernel, void *library, const char *name)
{
    TRY();
    if (library != cubin && !dlsym(library, name))
        return INVALID_VALUE;
    *kernel = library;
    return 0;
}

/* --- blocks of threads ---------------------------------------------------- */

enum { MOST_THREADS = 256, STACK_BYTES = 64 << 10 };

/* A thread is a fiber. All that live must be at the same barrier before any
 * goes on; one that has ended while others wait is a fault of the kernel. */
static struct {
    ucontext_t own;        /* of who runs the block */
    ucontext_t fiber[MOST_THREADS];
    char *stacks;
    int ended[MOST_THREADS];
    unsigned at, n;        /* the thread that runs, of n */
    void (*thread)(unsigned);
} block;

static void
wait_for_all(void)
{
    swapcontext(&block.fiber[block.at], &block.own);
}

static void
start(void)
{
    block.thread(block.at);
    block.ended[block.at] = 1;
    swapcontext(&block.fiber[block.at], &block.own);
}

static void
open_fibers(unsigned n)
{
    block.n = n;
    for (unsigned t = 0; t < n; t++) {
        ucontext_t *f = &block.fiber[t];
        block.ended[t] = 0;
        getcontext(f);
        f->uc_stack.ss_sp = block.stacks + (size_t)t * STACK_BYTES;
        f->uc_stack.ss_size = STACK_BYTES;
        f->uc_link = NULL;
        makecontext(f, start, 0);
    }
}

/* From one barrier to the next, in either order of threads; how many have
 * ended since. */
static unsigned
run_to_barrier(int backwards)
{
    unsigned ended = 0;
    for (unsigned k = 0; k < block.n; k++) {
        block.at = backwards ? block.n - 1 - k : k;
        if (!block.ended[block.at])
            swapcontext(&block.own, &block.fiber[block.at]);
        ended += (unsigned)block.ended[block.at];
    }
    return ended;
}

static void
run_blocks(void *library, const void *words, unsigned blocks, unsigned n)
{
    void (*open)(const void *, unsigned, unsigned);
    void (**wait)(void) = dlsym(library, "einc_wait");
    void *symbol = dlsym(library, "einc_block");
    memcpy(&open, &symbol, sizeof open);
    symbol = dlsym(library, "einc_thread");
    memcpy(&block.thread, &symbol, sizeof symbol);
    *wait = wait_for_all;
    demand(n <= MOST_THREADS);
    if (!block.stacks)
        block.stacks = malloc((size_t)MOST_THREADS * STACK_BYTES);
    for (unsigned b = 0; b < blocks; b++) {
        unsigned ended = 0;
        open(words, b, n);
        open_fibers(n);
        for (unsigned pass = 0; ended == 0; pass++)
            ended = run_to_barrier((b + pass) % 2);
        demand(ended == n);
    }
}

int
cuLaunchKernel(void *kernel, unsigned x, unsigned y, unsigned z, unsigned tx,
               unsigned ty, unsigned tz, unsigned shared, void *stream,
               void **parameters, void **extra)
{
    (void)shared, (void)stream;
    TRY();
    demand(x > 0 && y == 1 && z == 1 && tx && ty == 1 && tz == 1 && !extra);
    demand(einc_mock.depth > 0);
    if (kernel != cubin)
        run_blocks(kernel, parameters[0], x, tx);
    return 0;
}

/* --- memory --------------------------------------------------------------- */

static struct {
    char *at;
    size_t bytes;
} blocks[MOST_BLOCKS];

static int
is_inside(address p, size_t bytes)
{
    for (int b = 0; b < MOST_BLOCKS; b++)
        if (blocks[b].at && p >= (address)(uintptr_t)blocks[b].at &&
            p + bytes <= (address)(uintptr_t)blocks[b].at + blocks[b].bytes)
            return 1;
    return 0;
}

int
cuMemAllocAsync(address *p, size_t bytes, void *stream)
{
    (void)stream;
    TRY();
    demand(einc_mock.depth > 0 && bytes > 0);
    int b = 0;
    while (b < MOST_BLOCKS && blocks[b].at)
        b++;
    if (b == MOST_BLOCKS || !(blocks[b].at = malloc(bytes)))
        return 2;
    blocks[b].bytes = bytes;
    memset(blocks[b].at, NAN_BYTE, bytes);
    einc_mock.blocks++;
    *p = (address)(uintptr_t)blocks[b].at;
    return 0;
}

int
cuMemFreeAsync(address p, void *stream)
{
    (void)stream;
    for (int b = 0; b < MOST_BLOCKS; b++)
        if (blocks[b].at && (address)(uintptr_t)blocks[b].at == p) {
            free(blocks[b].at);
            blocks[b].at = NULL;
            einc_mock.blocks--;
            return 0;
        }
    einc_mock.wrong++;
    return INVALID_VALUE;
}

int
cuMemcpyHtoDAsync_v2(address to, const void *from, size_t bytes, void *stream)
{
    (void)stream;
    TRY();
    demand(is_inside(to, bytes) &&
           !is_inside((address)(uintptr_t)from, bytes));
    memcpy((void *)(uintptr_t)to, from, bytes);
    return 0;
}

int
cuMemcpyDtoHAsync_v2(void *to, address from, size_t bytes, void *stream)
{
    (void)stream;
    TRY();
    demand(is_inside(from, bytes) &&
           !is_inside((address)(uintptr_t)to, bytes));
    memcpy(to, (const void *)(uintptr_t)from, bytes);
    return 0;
}

/* --- streams and errors --------------------------------------------------- */

int
cuStreamCreate(void **stream, unsigned flags)
{
    TRY();
    demand(flags == 1 && einc_mock.depth > 0);
    *stream = malloc(1);
    einc_mock.streams++;
    return 0;
}

int
cuStreamDestroy_v2(void *stream)
{
    free(stream);
    einc_mock.streams--;
    return 0;
}

int
cuStreamSynchronize(void *stream)
{
    (void)stream;
    TRY();
    demand(!einc_mock.capturing);
    return 0;
}

int
cuGetErrorName(int error, const char **name)
{
    *name = error == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_MOCKED";
    return 0;
}

int
cuGetErrorString(int error, const char **text)
{
    *text = error == 2 ? "out of memory" : "an error of the mock";
    return 0;
}

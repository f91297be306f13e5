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

struct mock einc_mock = {.descending = -1};

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

/* emulator.hpp, which makes a text C++. */
__asm__(".section .rodata\n"
        ".globl einc_emulator\n"
        ".hidden einc_emulator\n"
        "einc_emulator: .incbin \"tests/cuda/mock/emulator.hpp\"\n"
        ".byte 0\n"
        ".previous");
extern const char einc_emulator[] __attribute__((visibility("hidden")));
static const char launcher[] =
    "static einc_words own;\n"
    "extern \"C\" void\n"
    "einc_block(const void *words, unsigned block, unsigned threads)\n"
    "{\n"
    "    memcpy(&own, words, sizeof own);\n"
    "    begin_block(block, threads);\n"
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
               "-fno-exceptions", "-fsanitize=thread", "-nodefaultlibs",
               source, "-lm", "-lc", "-lgcc", "-o", made, (char *)0);
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

/* The text, with a fault if one is to be planted. */
static void
write_text(FILE *f, const char *text)
{
    const char *at = einc_mock.find ? strstr(text, einc_mock.find) : NULL;
    if (at) {
        einc_mock.planted++;
        fprintf(f, "%.*s%s", (int)(at - text), text, einc_mock.replace);
        text = at + strlen(einc_mock.find);
    }
    fputs(text, f);
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
        fputs(einc_emulator, f);
        write_text(f, text);
        fputs(launcher, f);
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

int
cuKernelSetAttribute(int attribute, int value, void *kernel, int device)
{
    (void)kernel, (void)device;
    TRY();
    demand(attribute == 8 && value > 0 && value <= 227 << 10);
    return 0;
}

/* --- memory that kernels touch -------------------------------------------- */

enum { MOST_THREADS = 256, STACK_BYTES = 64 << 10, LANES = 32,
       WORD = 4 /* bytes of shared memory that are watched as one */,
       MOST_WORDS = 300000 / WORD, CHUNK = 16, SECTOR = 32 };

/* Who touched a word of shared memory last, and when: in which interval
 * between two barriers of the block, in which of its warp. */
struct touch {
    unsigned interval, turn;
    int thread, many; /* many: threads of several warps */
};

static struct {
    char *stacks, *shared, *shared_end, *text, *text_end;
    unsigned interval, turn[MOST_THREADS / LANES];
    unsigned number;     /* of the block */
    int strict;          /* tensors are in blocks of device memory */
    struct touch wrote[MOST_WORDS], read[MOST_WORDS];
} watch = {.interval = 1};

static int current(void);

static void
report(int *count, const char *what, long at, int other)
{
    ++*count;
    einc_mock.wrong++;
    if (!einc_mock.report[0])
        snprintf(einc_mock.report, sizeof einc_mock.report,
                 "block %u, thread %d: %s at %ld, thread %d", watch.number,
                 current(), what, at, other);
}

/* Whether a touch is one of another thread that no barrier keeps apart. */
static int
clashes(const struct touch *t, int own)
{
    int same_warp = t->thread / LANES == own / LANES && !t->many;
    return t->interval == watch.interval && (t->thread != own || t->many) &&
           !(same_warp && t->turn != watch.turn[own / LANES]);
}

static void
touch(struct touch *t, int own)
{
    unsigned turn = watch.turn[own / LANES];
    int again = t->interval == watch.interval;
    t->many = again && (t->many || t->thread / LANES != own / LANES);
    *t = (struct touch){watch.interval, turn, own, t->many};
}

static void
access_shared(const char *p, unsigned n, int writes)
{
    int own = current();
    long first = (p - watch.shared) / WORD;
    for (long w = first; w <= (p + n - 1 - watch.shared) / WORD; w++) {
        if (clashes(&watch.wrote[w], own))
            report(&einc_mock.races, "a race with a write, shared word", w,
                   watch.wrote[w].thread);
        else if (writes && clashes(&watch.read[w], own))
            report(&einc_mock.races, "a race with a read, shared word", w,
                   watch.read[w].thread);
        touch(writes ? &watch.wrote[w] : &watch.read[w], own);
    }
}

static int is_inside(address p, size_t bytes);

static void
access_memory(const void *at, unsigned n, int writes)
{
    const char *p = at;
    if (p >= watch.shared && p < watch.shared_end)
        access_shared(p, n, writes);
    else if (!(p >= watch.stacks &&
               p < watch.stacks + (size_t)MOST_THREADS * STACK_BYTES) &&
             !(p >= watch.text && p < watch.text_end) && watch.strict &&
             !is_inside((address)(uintptr_t)p, n))
        report(&einc_mock.wild, writes ? "a wild write" : "a wild read",
               (long)n, -1);
}

/* Accesses of 16 bytes by 8 lanes at a time: how often the busiest of the 8
 * groups of banks is needed. */
static int
wavefronts(const void *const *p)
{
    int most = 0, n[8] = {0};
    for (int l = 0; l < 8; l++) {
        int g = (int)((uintptr_t)p[l] / CHUNK % 8);
        most = ++n[g] > most ? n[g] : most;
    }
    return most;
}

static void
see_rows(const void *const row[LANES])
{
    for (int l = 0; l < LANES; l += 8)
        einc_mock.wavefronts += wavefronts(row + l);
    einc_mock.least_wavefronts += LANES / 8;
}

static int
is_new(const uintptr_t *list, int n, uintptr_t x)
{
    for (int j = 0; j < n; j++)
        if (list[j] == x)
            return 0;
    return 1;
}

static void
see_copies(const void *const to[LANES], const void *const from[LANES],
           const int bytes[LANES])
{
    uintptr_t seen[2 * LANES];
    int n = 0, all = 0;
    for (int l = 0; l < LANES; l++) {
        for (int b = 0; b < bytes[l]; b += CHUNK / 2)
            if (is_new(seen, n, ((uintptr_t)from[l] + (unsigned)b) / SECTOR))
                seen[n++] = ((uintptr_t)from[l] + (unsigned)b) / SECTOR;
        all += bytes[l];
        demand((uintptr_t)to[l] % CHUNK == 0 && bytes[l] >= 0 &&
               bytes[l] <= CHUNK &&
               (!bytes[l] || (uintptr_t)from[l] % CHUNK == 0));
    }
    einc_mock.sectors += n;
    einc_mock.least_sectors += (all + SECTOR - 1) / SECTOR;
    see_rows(to);
}

/* --- blocks of threads ---------------------------------------------------- */

/* A thread is a fiber. All that live must be at the same barrier before any
 * goes on, and all of a warp at the same instruction of it. */
enum state { RUNS, AT_WARP, AT_BLOCK, ENDED };

#ifdef __x86_64__
struct fiber { void *stack; };

/* Keeps what a call must keep, and goes on where `to` left off. */
void einc_switch(void **from, void *to);
__asm__(".text\n"
        ".globl einc_switch\n"
        ".hidden einc_switch\n"
        "einc_switch:\n"
        "    push %rbp\n    push %rbx\n    push %r12\n    push %r13\n"
        "    push %r14\n    push %r15\n"
        "    mov %rsp, (%rdi)\n    mov %rsi, %rsp\n"
        "    pop %r15\n    pop %r14\n    pop %r13\n    pop %r12\n"
        "    pop %rbx\n    pop %rbp\n    ret\n");

static void
switch_to(struct fiber *from, struct fiber *to)
{
    einc_switch(&from->stack, to->stack);
}

/* Six registers, where it begins, and where that would return to. */
static void
make_fiber(struct fiber *f, char *stack, void (*begin)(void))
{
    uintptr_t *top = (uintptr_t *)(void *)(stack + STACK_BYTES) - 2;
    memset(top - 6, 0, 8 * sizeof *top);
    *top = (uintptr_t)begin;
    f->stack = top - 6;
}
#else
struct fiber { ucontext_t context; };

static void
switch_to(struct fiber *from, struct fiber *to)
{
    swapcontext(&from->context, &to->context);
}

static void
make_fiber(struct fiber *f, char *stack, void (*begin)(void))
{
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = stack;
    f->context.uc_stack.ss_size = STACK_BYTES;
    f->context.uc_link = NULL;
    makecontext(&f->context, begin, 0);
}
#endif

static struct {
    struct fiber own;      /* of who runs the block */
    struct fiber fiber[MOST_THREADS];
    enum state state[MOST_THREADS];
    unsigned at, n;        /* the thread that runs, of n */
    void (*thread)(unsigned);
} block;

static int
current(void)
{
    return (int)block.at;
}

static void
stop(enum state state)
{
    block.state[block.at] = state;
    switch_to(&block.fiber[block.at], &block.own);
}

static void
wait_for_all(int of_warp)
{
    stop(of_warp ? AT_WARP : AT_BLOCK);
}

static void
start(void)
{
    block.thread(block.at);
    stop(ENDED);
}

static void
open_fibers(unsigned n)
{
    block.n = n;
    for (unsigned t = 0; t < n; t++) {
        block.state[t] = RUNS;
        make_fiber(&block.fiber[t],
                   watch.stacks + (size_t)t * STACK_BYTES, start);
    }
}

/* Number k of n. */
static unsigned
in_order(unsigned k, unsigned n, int descending)
{
    return descending ? n - 1 - k : k;
}

/* Lanes of a warp one after the other; 1: all wait for each other and go on. */
static int
run_lanes(unsigned first, int descending)
{
    unsigned n = block.n - first < LANES ? block.n - first : LANES, there = 0;
    for (unsigned k = 0; k < n; k++) {
        block.at = first + in_order(k, n, descending);
        if (block.state[block.at] == RUNS)
            switch_to(&block.own, &block.fiber[block.at]);
    }
    for (unsigned l = 0; l < n; l++)
        there += block.state[first + l] == AT_WARP;
    if (there < n)
        return 0;
    for (unsigned l = 0; l < n; l++)
        block.state[first + l] = RUNS;
    watch.turn[first / LANES]++;
    return 1;
}

static unsigned
count(enum state state)
{
    unsigned n = 0;
    for (unsigned t = 0; t < block.n; t++)
        n += block.state[t] == state;
    return n;
}

/* From one barrier to the next; 0: the block has ended, or never will. */
static int
run_to_barrier(int descending)
{
    unsigned warps = (block.n + LANES - 1) / LANES;
    for (unsigned w = 0; w < warps; w++)
        while (run_lanes(in_order(w, warps, descending) * LANES, descending))
            ;
    watch.interval++;
    if (count(ENDED) == block.n)
        return 0;
    if (count(AT_BLOCK) < block.n) {
        report(&einc_mock.stuck, "threads wait for others that have ended or "
               "wait elsewhere; at the barrier", count(AT_BLOCK), -1);
        return 0;
    }
    for (unsigned t = 0; t < block.n; t++)
        block.state[t] = RUNS;
    return 1;
}

/* As emulator.hpp has it. */
struct host {
    void (*wait)(int of_warp);
    void (*access)(const void *p, unsigned bytes, int writes);
    void (*copies)(const void *const to[LANES], const void *const from[LANES],
                   const int bytes[LANES]);
    void (*rows)(const void *const row[LANES]);
    int late;
};

static void
run_blocks(void *library, const void *words, unsigned blocks, unsigned n)
{
    void (*open)(const void *, unsigned, unsigned);
    void (*where)(char *[4]);
    struct host *host = dlsym(library, "einc_host");
    char *at[4];
    void *symbol = dlsym(library, "einc_block");
    memcpy(&open, &symbol, sizeof open);
    symbol = dlsym(library, "einc_thread");
    memcpy(&block.thread, &symbol, sizeof symbol);
    symbol = dlsym(library, "einc_memory");
    memcpy(&where, &symbol, sizeof symbol);
    *host = (struct host){wait_for_all, access_memory, see_copies, see_rows,
                          einc_mock.late};
    demand(n <= MOST_THREADS);
    if (!watch.stacks)
        watch.stacks = malloc((size_t)MOST_THREADS * STACK_BYTES);
    where(at);
    watch.shared = at[0], watch.shared_end = at[1];
    watch.text = at[2], watch.text_end = at[3];
    demand(at[1] - at[0] <= MOST_WORDS * WORD);
    watch.strict = is_inside(*(const address *)words, 1);
    for (unsigned b = 0; b < blocks; b++) {
        int mixed = einc_mock.descending < 0, pass = 0;
        watch.number = b;
        open(words, b, n);
        open_fibers(n);
        while (run_to_barrier(mixed ? (int)(b + (unsigned)pass) % 2
                                    : einc_mock.descending))
            pass++;
    }
}

int
cuLaunchKernel(void *kernel, unsigned x, unsigned y, unsigned z, unsigned tx,
               unsigned ty, unsigned tz, unsigned shared, void *stream,
               void **parameters, void **extra)
{
    (void)stream;
    TRY();
    demand(x > 0 && y == 1 && z == 1 && tx && ty == 1 && tz == 1 && !extra);
    demand(einc_mock.depth > 0 && shared <= 227 << 10);
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
    static int last;
    if (blocks[last].at && p >= (address)(uintptr_t)blocks[last].at &&
        p + bytes <= (address)(uintptr_t)blocks[last].at + blocks[last].bytes)
        return 1;
    for (int b = 0; b < MOST_BLOCKS; b++)
        if (blocks[b].at && p >= (address)(uintptr_t)blocks[b].at &&
            p + bytes <= (address)(uintptr_t)blocks[b].at + blocks[b].bytes) {
            last = b;
            return 1;
        }
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
    if (b == MOST_BLOCKS ||
        !(blocks[b].at = aligned_alloc(256, (bytes + 255) / 256 * 256)))
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

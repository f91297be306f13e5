/* SPDX-License-Identifier: MIT
 *
 * devices.h - where a CUDA text can be run: on the CPU, as C++ behind a small
 * prelude, and on a GPU, through NVRTC and the driver. Both libraries are
 * found by dlopen and their few functions declared here, so that nothing of
 * CUDA is needed to build the tests.
 */
#ifndef EINC_TESTS_DEVICES_H
#define EINC_TESTS_DEVICES_H

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- finding -------------------------------------------------------------- */

/* The first of `names` that loads, also below CUDA_HOME and where CUDA puts
 * itself. NULL and the last reason in `why`. */
static inline void *
find_library(const char *const names[], char why[300])
{
    const char *home = getenv("CUDA_HOME");
    const char *const folders[] = {"", home ? home : "", "/usr/local/cuda"};
    char path[600];
    for (int f = 0; f < 3; f++)
        for (int n = 0; names[n]; n++) {
            if (f && !*folders[f])
                continue;
            snprintf(path, sizeof path, "%s%s%s", folders[f],
                     f ? "/lib64/" : "", names[n]);
            void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
            if (library)
                return library;
            snprintf(why, 300, "%s", dlerror());
        }
    return NULL;
}

/* Fills n pointers to functions; 0 and the name in `why` if one is missing. */
static inline int
find_functions(void *library, const char *const names[], void *functions[],
               int n, char why[300])
{
    for (int f = 0; f < n; f++)
        if (!(functions[f] = dlsym(library, names[f]))) {
            snprintf(why, 300, "there is no %s", names[f]);
            return 0;
        }
    return 1;
}

/* --- NVRTC ---------------------------------------------------------------- */

struct nvrtc {
    int (*create)(void **program, const char *source, const char *name,
                  int n_headers, const char *const *headers,
                  const char *const *include_names);
    int (*destroy)(void **program);
    int (*compile)(void *program, int n_options, const char *const *options);
    int (*log_size)(void *program, size_t *n);
    int (*log)(void *program, char *log);
    int (*cubin_size)(void *program, size_t *n);
    int (*cubin)(void *program, char *cubin);
};

static inline int
nvrtc_open(struct nvrtc *r, char why[300])
{
    static const char *const libraries[] = {
        "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so",
        NULL};
    static const char *const names[] = {
        "nvrtcCreateProgram", "nvrtcDestroyProgram", "nvrtcCompileProgram",
        "nvrtcGetProgramLogSize", "nvrtcGetProgramLog", "nvrtcGetCUBINSize",
        "nvrtcGetCUBIN"};
    void *functions[7];
    void *library = find_library(libraries, why);
    if (!library || !find_functions(library, names, functions, 7, why))
        return 0;
    memcpy(r, functions, sizeof functions);
    return 1;
}

/* The cubin of a text for "sm_80", malloc'ed; NULL and the log printed. */
static inline char *
nvrtc_compile(const struct nvrtc *r, const char *source, const char *arch,
              size_t *n)
{
    void *program = NULL;
    char option[64], *cubin = NULL;
    snprintf(option, sizeof option, "--gpu-architecture=%s", arch);
    const char *const options[] = {option, "--std=c++17", "-Werror",
                                   "all-warnings"};
    int failed = r->create(&program, source, "einsum.cu", 0, NULL, NULL);
    failed = failed ? failed : r->compile(program, 2, options);
    if (!failed && r->cubin_size(program, n) == 0 && *n) {
        cubin = malloc(*n);
        if (r->cubin(program, cubin)) {
            free(cubin);
            cubin = NULL;
        }
    }
    if (failed && r->log_size(program, n) == 0) {
        char *log = malloc(*n + 1);
        log[0] = '\0';
        r->log(program, log);
        printf("NVRTC, %s, error %d:\n%.3000s\n", arch, failed, log);
        free(log);
    }
    r->destroy(&program);
    return cubin;
}

/* --- the driver ----------------------------------------------------------- */

typedef unsigned long long device_pointer;

struct driver {
    int (*init)(unsigned);
    int (*device)(int *device, int ordinal);
    int (*attribute)(int *value, int attribute, int device);
    int (*retain)(void **context, int device);
    int (*current)(void *context);
    int (*load)(void **module, const void *image);
    int (*unload)(void *module);
    int (*function)(void **function, void *module, const char *name);
    int (*alloc)(device_pointer *p, size_t bytes);
    int (*release)(device_pointer p);
    int (*to_device)(device_pointer to, const void *from, size_t bytes);
    int (*to_host)(void *to, device_pointer from, size_t bytes);
    int (*launch)(void *function, unsigned, unsigned, unsigned, unsigned,
                  unsigned, unsigned, unsigned shared_bytes, void *stream,
                  void **parameters, void **extra);
    int (*synchronize)(void);
    char arch[16]; /* of the device: "sm_90" */
};

enum { DRIVER_FUNCTIONS = 14, ATTRIBUTE_MAJOR = 75, ATTRIBUTE_MINOR = 76 };

static inline int
driver_open(struct driver *d, char why[300])
{
    static const char *const libraries[] = {"libcuda.so.1", NULL};
    static const char *const names[DRIVER_FUNCTIONS] = {
        "cuInit", "cuDeviceGet", "cuDeviceGetAttribute",
        "cuDevicePrimaryCtxRetain", "cuCtxSetCurrent", "cuModuleLoadData",
        "cuModuleUnload", "cuModuleGetFunction", "cuMemAlloc_v2",
        "cuMemFree_v2", "cuMemcpyHtoD_v2", "cuMemcpyDtoH_v2",
        "cuLaunchKernel", "cuCtxSynchronize"};
    void *functions[DRIVER_FUNCTIONS], *context = NULL;
    void *library = find_library(libraries, why);
    int device = 0, major = 0, minor = 0;
    if (!library ||
        !find_functions(library, names, functions, DRIVER_FUNCTIONS, why))
        return 0;
    memcpy(d, functions, sizeof functions);
    int failed = d->init(0);
    failed = failed ? failed : d->device(&device, 0);
    failed = failed ? failed : d->retain(&context, device);
    failed = failed ? failed : d->current(context);
    if (failed) {
        snprintf(why, 300, "no device, error %d of the driver", failed);
        return 0;
    }
    d->attribute(&major, ATTRIBUTE_MAJOR, device);
    d->attribute(&minor, ATTRIBUTE_MINOR, device);
    snprintf(d->arch, sizeof d->arch, "sm_%d%d", major, minor);
    return 1;
}

/* --- the CPU -------------------------------------------------------------- */

/* What a CUDA text needs to be C++: a launch calls the kernel once for every
 * thread. Pointers come from `p`, all other arguments from `v`, in order. */
static const char prelude[] =
    "#include <cstdint>\n#include <tuple>\n#include <stdint.h>\n"
    "#define __global__\n#define __device__\n"
    "namespace {\n"
    "struct position { unsigned x, y, z; };\n"
    "thread_local position blockIdx, blockDim, threadIdx;\n"
    "template <class T> struct argument {\n"
    "    static T take(void *const *&, const int64_t *&v) "
    "{ return (T)*v++; }\n"
    "};\n"
    "template <class T> struct argument<T *> {\n"
    "    static T *take(void *const *&p, const int64_t *&) "
    "{ return (T *)*p++; }\n"
    "};\n"
    "template <class... A> void\n"
    "launch(void (*kernel)(A...), void *const *p, const int64_t *v,\n"
    "       unsigned blocks, unsigned threads)\n"
    "{\n"
    "    const std::tuple<A...> a{argument<A>::take(p, v)...};\n"
    "    blockDim = {threads, 1, 1};\n"
    "    for (unsigned b = 0; b < blocks; b++)\n"
    "        for (unsigned t = 0; t < threads; t++) {\n"
    "            blockIdx = {b, 0, 0};\n"
    "            threadIdx = {t, 0, 0};\n"
    "            std::apply(kernel, a);\n"
    "        }\n"
    "}\n"
    "}\n";

/* What a step is called through. */
typedef void (*cpu_launch)(void *const *p, const int64_t *v, unsigned blocks,
                           unsigned threads);

#endif

/* SPDX-License-Identifier: MIT
 *
 * gpu.c - see gpu.h.
 */
#include "runtime/gpu.h"

#include <stdio.h>
#include <string.h>

/* Of cuda.h. */
enum { ERROR_OUT_OF_MEMORY = 2,
       ATTRIBUTE_PROCESSORS = 16, ATTRIBUTE_MAJOR = 75, ATTRIBUTE_MINOR = 76,
       ATTRIBUTE_SHARED = 8 /* of a kernel */, STREAM_NON_BLOCKING = 1 };

/* --- what the driver says ------------------------------------------------ */

static enum einc_status
check(const struct gpu *g, int error, const char *what, struct trouble *why)
{
    const char *name = NULL, *text = NULL;
    if (!error)
        return EINC_OK;
    if (g->call.error_name(error, &name) || !name)
        name = "an error without a name";
    if (g->call.error_text(error, &text) || !text)
        text = "";
    return einc_trouble(
        why, error == ERROR_OUT_OF_MEMORY ? EINC_ENOMEM : EINC_EDEVICE,
        "CUDA, %s: %s (%d) %s", what, name, error, text);
}

/* --- finding ------------------------------------------------------------- */

static enum einc_status
find_functions(struct gpu *g, struct trouble *why)
{
    static const char *const libraries[] = {"libcuda.so.1", NULL};
    static const char *const names[] = {
        "cuInit", "cuDriverGetVersion", "cuDeviceGet", "cuDeviceGetName",
        "cuDeviceGetAttribute", "cuDeviceTotalMem_v2",
        "cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRelease_v2",
        "cuCtxGetCurrent", "cuCtxPushCurrent_v2", "cuCtxPopCurrent_v2",
        "cuLibraryLoadData", "cuLibraryUnload", "cuLibraryGetKernel",
        "cuKernelSetAttribute", "cuMemAllocAsync", "cuMemFreeAsync",
        "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuLaunchKernel",
        "cuStreamCreate", "cuStreamDestroy_v2", "cuStreamSynchronize",
        "cuGetErrorName", "cuGetErrorString"};
    enum { N = sizeof names / sizeof names[0] };
    _Static_assert(sizeof g->call == N * sizeof(void *), "a name for each");
    void *functions[N];
    enum einc_status status =
        einc_library_open(&g->library, "EINC_CUDA", libraries, why);
    if (status == EINC_OK)
        status = einc_library_functions(&g->library, names, functions, N, why);
    if (status == EINC_OK)
        memcpy(&g->call, functions, sizeof functions);
    return status;
}

static enum einc_status
ask_device(struct gpu *g, struct trouble *why)
{
    int major = 0, minor = 0;
    size_t bytes = 0;
    int error = g->call.device(&g->device, 0);
    error = error ? error
                  : g->call.name(g->name, (int)sizeof g->name, g->device);
    error = error ? error
                  : g->call.attribute(&major, ATTRIBUTE_MAJOR, g->device);
    error = error ? error
                  : g->call.attribute(&minor, ATTRIBUTE_MINOR, g->device);
    error = error ? error
                  : g->call.attribute(&g->n_processors, ATTRIBUTE_PROCESSORS,
                                      g->device);
    error = error ? error : g->call.memory(&bytes, g->device);
    g->memory_bytes = (int64_t)bytes;
    g->sm = 10*major + minor;
    /* From 9.0 on `a` allows what only that architecture has. */
    snprintf(g->arch, sizeof g->arch, "sm_%d%d%s", major, minor,
             major >= 9 ? "a" : "");
    return check(g, error, "asking for a device", why);
}

enum einc_status
einc_gpu_open(struct gpu *g, struct trouble *why)
{
    memset(g, 0, sizeof *g);
    enum einc_status status = find_functions(g, why);
    if (status == EINC_OK)
        status = check(g, g->call.init(0), "starting the driver", why);
    if (status == EINC_OK)
        status = check(g, g->call.version(&g->version), "its version", why);
    if (status == EINC_OK)
        status = ask_device(g, why);
    if (status == EINC_OK)
        status = check(g, g->call.retain(&g->context, g->device),
                       "making a context", why);
    return status;
}

void
einc_gpu_close(struct gpu *g)
{
    if (g->context)
        g->call.release(g->device);
    g->context = NULL;
}

/* --- contexts ------------------------------------------------------------ */

enum einc_status
einc_gpu_enter(const struct gpu *g, struct gpu_visit *entered,
               struct trouble *why)
{
    void *own = NULL;
    entered->pushed = 0;
    int error = g->call.current(&own);
    if (error || own)
        return check(g, error, "asking for the context", why);
    error = g->call.push(g->context);
    entered->pushed = !error;
    return check(g, error, "entering the context", why);
}

void
einc_gpu_leave(const struct gpu *g, const struct gpu_visit *entered)
{
    void *own;
    if (entered->pushed)
        g->call.pop(&own);
}

/* --- kernels ------------------------------------------------------------- */

enum einc_status
einc_gpu_load(const struct gpu *g, const void *cubin, const char *entry,
              int shared_bytes, void **module, void **kernel,
              struct trouble *why)
{
    *module = *kernel = NULL;
    enum einc_status status =
        check(g, g->call.load(module, cubin, NULL, NULL, 0, NULL, NULL, 0),
              "loading a cubin", why);
    if (status != EINC_OK)
        return status;
    status = check(g, g->call.kernel(kernel, *module, entry),
                   "looking for a kernel", why);
    if (status == EINC_OK && shared_bytes)
        status = check(g, g->call.set(ATTRIBUTE_SHARED, shared_bytes, *kernel,
                                      g->device),
                       "asking for shared memory", why);
    if (status != EINC_OK) {
        g->call.unload(*module);
        *module = NULL;
    }
    return status;
}

void
einc_gpu_unload(const struct gpu *g, void *module)
{
    if (module)
        g->call.unload(module);
}

enum einc_status
einc_gpu_launch(const struct gpu *g, void *kernel, int64_t blocks,
                unsigned threads, int shared_bytes, void *stream,
                void *words, struct trouble *why)
{
    void *parameters[] = {words};
    if (blocks > INT32_MAX)
        return einc_trouble(why, EINC_ELIMIT,
                            "a step of %lld blocks: CUDA takes 2^31 - 1",
                            (long long)blocks);
    return check(g,
                 g->call.launch(kernel, (unsigned)blocks, 1, 1, threads, 1, 1,
                                (unsigned)shared_bytes, stream, parameters,
                                NULL),
                 "launching a kernel", why);
}

/* --- memory -------------------------------------------------------------- */

enum einc_status
einc_gpu_alloc(const struct gpu *g, size_t bytes, void *stream,
               gpu_address *p, struct trouble *why)
{
    *p = 0;
    if (!bytes)
        return EINC_OK;
    return check(g, g->call.alloc(p, bytes, stream), "allocating memory", why);
}

void
einc_gpu_free(const struct gpu *g, gpu_address p, void *stream)
{
    if (p)
        g->call.free(p, stream);
}

enum einc_status
einc_gpu_copy_in(const struct gpu *g, gpu_address to, const void *from,
                 size_t bytes, void *stream, struct trouble *why)
{
    if (!bytes)
        return EINC_OK;
    return check(g, g->call.copy_in(to, from, bytes, stream),
                 "copying to the device", why);
}

enum einc_status
einc_gpu_copy_out(const struct gpu *g, void *to, gpu_address from,
                  size_t bytes, void *stream, struct trouble *why)
{
    if (!bytes)
        return EINC_OK;
    return check(g, g->call.copy_out(to, from, bytes, stream),
                 "copying from the device", why);
}

/* --- streams ------------------------------------------------------------- */

enum einc_status
einc_gpu_stream(const struct gpu *g, void **stream, struct trouble *why)
{
    *stream = NULL;
    return check(g, g->call.stream(stream, STREAM_NON_BLOCKING),
                 "making a stream", why);
}

void
einc_gpu_stream_close(const struct gpu *g, void *stream)
{
    if (stream)
        g->call.destroy(stream);
}

enum einc_status
einc_gpu_wait(const struct gpu *g, void *stream, struct trouble *why)
{
    return check(g, g->call.wait(stream), "running kernels", why);
}

/* SPDX-License-Identifier: MIT
 *
 * nvrtc.c - see nvrtc.h.
 */
#include "runtime/nvrtc.h"

#include <stdio.h>
#include <string.h>

enum einc_status
einc_nvrtc_open(struct nvrtc *r, struct trouble *why)
{
    static const char *const libraries[] = {"libnvrtc.so.13", "libnvrtc.so.12",
                                            "libnvrtc.so", NULL};
    static const char *const names[] = {
        "nvrtcVersion", "nvrtcCreateProgram", "nvrtcDestroyProgram",
        "nvrtcCompileProgram", "nvrtcGetProgramLogSize",
        "nvrtcGetProgramLog", "nvrtcGetCUBINSize", "nvrtcGetCUBIN"};
    enum { N = sizeof names / sizeof names[0] };
    _Static_assert(sizeof r->call == N * sizeof(void *), "a name for each");
    void *functions[N];
    enum einc_status status =
        einc_library_open(&r->library, "EINC_NVRTC", libraries, why);
    if (status == EINC_OK)
        status = einc_library_functions(&r->library, names, functions, N, why);
    if (status != EINC_OK)
        return status;
    memcpy(&r->call, functions, sizeof functions);
    int failed = r->call.version(&r->major, &r->minor);
    if (failed)
        return einc_trouble(why, EINC_EDEVICE, "%s: error %d when asked for "
                            "its version", r->library.name, failed);
    return EINC_OK;
}

/* The log's first lines; the compiler names lines of the text in it. */
static enum einc_status
fail(const struct nvrtc *r, const struct mem *mem, void *program, int error,
     const char *arch, struct trouble *why)
{
    size_t n = 0;
    char *log = NULL;
    if (program && r->call.log_size(program, &n) == 0 && n)
        log = mem_alloc(mem, n + 1);
    if (log) {
        log[0] = log[n] = '\0';
        if (r->call.log(program, log))
            log[0] = '\0';
    }
    enum einc_status status = einc_trouble(
        why, EINC_ECOMPILER, "NVRTC %d.%d, %s: error %d\n%.1500s", r->major,
        r->minor, arch, error, log ? log : "");
    mem_free(mem, log, n + 1);
    return status;
}

static enum einc_status
take(const struct nvrtc *r, const struct mem *mem, void *program,
     const char *arch, void **cubin, size_t *n_bytes, struct trouble *why)
{
    int error = r->call.cubin_size(program, n_bytes);
    if (error || !*n_bytes)
        return fail(r, mem, program, error, arch, why);
    if (!(*cubin = mem_alloc(mem, *n_bytes)))
        return einc_trouble(why, EINC_ENOMEM, "out of memory");
    if ((error = r->call.cubin(program, *cubin))) {
        mem_free(mem, *cubin, *n_bytes);
        *cubin = NULL;
        return fail(r, mem, program, error, arch, why);
    }
    return EINC_OK;
}

enum einc_status
einc_nvrtc_compile(const struct nvrtc *r, const struct mem *mem,
                   const char *source, const char *arch, void **cubin,
                   size_t *n_bytes, struct trouble *why)
{
    char architecture[64];
    void *program = NULL;
    snprintf(architecture, sizeof architecture, "--gpu-architecture=%.30s",
             arch);
    const char *const options[] = {architecture, "--std=c++17"};
    enum { N_OPTIONS = sizeof options / sizeof options[0] };
    *cubin = NULL;
    int error = r->call.create(&program, source, "einsum.cu", 0, NULL, NULL);
    if (error)
        return fail(r, mem, NULL, error, arch, why);
    error = r->call.compile(program, N_OPTIONS, options);
    enum einc_status status =
        error ? fail(r, mem, program, error, arch, why)
              : take(r, mem, program, arch, cubin, n_bytes, why);
    r->call.destroy(&program);
    return status;
}

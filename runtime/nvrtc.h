/* SPDX-License-Identifier: MIT
 *
 * nvrtc.h - CUDA text to cubins, by NVIDIA's run-time compiler if the machine
 * has it. No GPU and no driver is needed for that. Any number of threads may
 * compile at once.
 */
#ifndef EINC_RUNTIME_NVRTC_H
#define EINC_RUNTIME_NVRTC_H

#include "runtime/library.h"
#include "runtime/mem.h"

struct nvrtc {
    struct library library;
    int major, minor;     /* of the compiler: part of the key of a cubin */
    /* nvrtc.h of the toolkit; all return 0 if all is well */
    struct {
        int (*version)(int *major, int *minor);
        int (*create)(void **program, const char *source, const char *name,
                      int n_headers, const char *const *headers,
                      const char *const *include_names);
        int (*destroy)(void **program);
        int (*compile)(void *program, int n_options,
                       const char *const *options);
        int (*log_size)(void *program, size_t *n);
        int (*log)(void *program, char *log);
        int (*cubin_size)(void *program, size_t *n);
        int (*cubin)(void *program, char *cubin);
    } call;
};

/* Finds it: EINC_NVRTC, a path, is a demand; else library.h's places.
 * EINC_EDEVICE and why not. */
enum einc_status einc_nvrtc_open(struct nvrtc *r, struct trouble *why);

/* A cubin for `arch` ("sm_90a") of a text that includes nothing, to be freed
 * with mem_free(*cubin, *n_bytes). EINC_ECOMPILER with the first lines of the
 * compiler's log; EINC_ENOMEM. */
enum einc_status einc_nvrtc_compile(const struct nvrtc *r,
                                    const struct mem *mem, const char *source,
                                    const char *arch, void **cubin,
                                    size_t *n_bytes, struct trouble *why);

#endif

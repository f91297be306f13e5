/* SPDX-License-Identifier: MIT
 *
 * gpu.h - a GPU through the CUDA driver, if the machine has one: its memory,
 * kernels from cubins, launches on a stream. The primary context of device 0
 * is used, unless the calling thread has a context of its own at the moment.
 * Functions return a status and say in `why` what the driver said; they may be
 * called from any thread.
 */
#ifndef EINC_RUNTIME_GPU_H
#define EINC_RUNTIME_GPU_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/library.h"

typedef unsigned long long gpu_address; /* CUdeviceptr */

struct gpu {
    struct library library;
    int version;           /* of the driver: 13000 is 13.0 */
    int device;
    char name[100];        /* "NVIDIA H200" */
    char arch[16];         /* that cubins are made for: "sm_90a" */
    int sm;                /* 90 */
    int64_t memory_bytes;
    int n_processors;      /* SMs */
    void *context;         /* primary, retained */
    /* cuda.h of the toolkit; all return 0 if all is well */
    struct {
        int (*init)(unsigned);
        int (*version)(int *);
        int (*device)(int *device, int ordinal);
        int (*name)(char *, int bytes, int device);
        int (*attribute)(int *value, int attribute, int device);
        int (*memory)(size_t *bytes, int device);
        int (*retain)(void **context, int device);
        int (*release)(int device);
        int (*current)(void **context);
        int (*push)(void *context);
        int (*pop)(void **context);
        int (*load)(void **module, const void *image, void *, void **,
                    unsigned, void *, void **, unsigned);
        int (*unload)(void *module);
        int (*kernel)(void **kernel, void *module, const char *name);
        int (*set)(int attribute, int value, void *kernel, int device);
        int (*alloc)(gpu_address *p, size_t bytes, void *stream);
        int (*free)(gpu_address p, void *stream);
        int (*copy_in)(gpu_address to, const void *from, size_t bytes,
                       void *stream);
        int (*copy_out)(void *to, gpu_address from, size_t bytes,
                        void *stream);
        int (*launch)(void *kernel, unsigned, unsigned, unsigned, unsigned,
                      unsigned, unsigned, unsigned shared_bytes, void *stream,
                      void **parameters, void **extra);
        int (*stream)(void **stream, unsigned flags);
        int (*destroy)(void *stream);
        int (*wait)(void *stream);
        int (*error_name)(int error, const char **name);
        int (*error_text)(int error, const char **text);
    } call;
};

/* Finds driver and device: EINC_CUDA, a path, is a demand; else libcuda.so.1.
 * EINC_EDEVICE and why not. */
enum einc_status einc_gpu_open(struct gpu *g, struct trouble *why);
void einc_gpu_close(struct gpu *g);

/* Between the two the calling thread has a context; `entered` is the pair's
 * own. */
struct gpu_visit {
    int pushed;
};
enum einc_status einc_gpu_enter(const struct gpu *g, struct gpu_visit *entered,
                                struct trouble *why);
void einc_gpu_leave(const struct gpu *g, const struct gpu_visit *entered);

/* A cubin, and the kernel of that name in it, whose blocks may take so many
 * bytes of shared memory when they are launched. */
enum einc_status einc_gpu_load(const struct gpu *g, const void *cubin,
                               const char *entry, int shared_bytes,
                               void **module, void **kernel,
                               struct trouble *why);
void einc_gpu_unload(const struct gpu *g, void *module);

/* In the order of a stream. EINC_ENOMEM where the device's memory ends. 0
 * bytes: address 0. */
enum einc_status einc_gpu_alloc(const struct gpu *g, size_t bytes,
                                void *stream, gpu_address *p,
                                struct trouble *why);
void einc_gpu_free(const struct gpu *g, gpu_address p, void *stream);
enum einc_status einc_gpu_copy_in(const struct gpu *g, gpu_address to,
                                  const void *from, size_t bytes,
                                  void *stream, struct trouble *why);
enum einc_status einc_gpu_copy_out(const struct gpu *g, void *to,
                                   gpu_address from, size_t bytes,
                                   void *stream, struct trouble *why);
/* One argument: `words`, a struct. */
enum einc_status einc_gpu_launch(const struct gpu *g, void *kernel,
                                 int64_t blocks, unsigned threads,
                                 int shared_bytes, void *stream, void *words,
                                 struct trouble *why);
/* A stream that does not wait for the legacy one. */
enum einc_status einc_gpu_stream(const struct gpu *g, void **stream,
                                 struct trouble *why);
void einc_gpu_stream_close(const struct gpu *g, void *stream);
/* Everything on the stream is done; errors of kernels appear here. */
enum einc_status einc_gpu_wait(const struct gpu *g, void *stream,
                               struct trouble *why);

#endif

/* SPDX-License-Identifier: MIT
 *
 * device.h - what a context knows of a GPU: NVRTC, the driver, the kernels
 * that were loaded. Made on first use, goes with the context. A forked child
 * has none of its parent's: the driver then says so.
 */
#ifndef EINC_DEVICE_H
#define EINC_DEVICE_H

#include "ctx.h"
#include "runtime/gpu.h"
#include "runtime/nvrtc.h"

/* What CUDA takes as arguments of a kernel everywhere: 4096 bytes. */
enum { DEVICE_MOST_WORDS = 512 };

/* A loaded cubin. */
struct device_kernel {
    struct device_kernel *next;
    char *source;          /* own copy: the key */
    int64_t source_bytes;
    uint64_t hash;
    void *module, *kernel;
};

struct device {
    struct nvrtc nvrtc;
    struct trouble no_nvrtc; /* status EINC_OK: there is one */
    struct gpu gpu;
    struct trouble no_gpu; /* likewise */
    struct device_kernel *kernels; /* under ctx->compile_lock; a link is set
                            * before the head, so a forked child's is whole */
};

/* The context's; *d is NULL only for EINC_ENOMEM. EINC_EDEVICE and why, if
 * there is no GPU or no NVRTC. Takes ctx->compile_lock and ctx->lock. */
enum einc_status einc_device_get(struct einc_ctx *ctx, struct device **d,
                                 struct trouble *why);
void einc_device_close(struct einc_ctx *ctx);

/* The kernel of a unit: of this context, from disk, or compiled. The calling
 * thread has entered the GPU. `use_disk`: read and write the disk cache. */
enum einc_status einc_device_kernel(struct einc_ctx *ctx, struct device *d,
                                    const struct unit *unit, int use_disk,
                                    void **kernel, struct trouble *why);

/* device_run.c, for the einsums of a program. Kernels of the plan are there
 * afterwards. */
enum einc_status einc_device_ready(const struct einc_plan *x, struct device *d,
                                   struct trouble *why);
/* One run: addresses of elements (0, ...) on the device. `work` is for
 * intermediates. */
struct device_call {
    const gpu_address *in;
    gpu_address out, work;
    const void *alpha, *beta; /* as in einc_run_options */
    void *stream;
};
enum einc_status einc_device_launch(const struct einc_plan *x,
                                    const struct gpu *gpu,
                                    const struct device_call *c,
                                    struct trouble *why);

/* device_program.c: the same for programs. */
enum einc_status einc_device_program_ready(const struct einc_plan *x,
                                           struct device *d,
                                           struct trouble *why);

#endif

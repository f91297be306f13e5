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

#endif

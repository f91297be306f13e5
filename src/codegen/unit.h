/* SPDX-License-Identifier: MIT
 *
 * unit.h - generated source and how to call it: what codegen hands to the
 * runtime. The kernel is a function of a range of tasks, each of which writes
 * its own part of the output, so any split gives the same bits.
 */
#ifndef EINC_CODEGEN_UNIT_H
#define EINC_CODEGEN_UNIT_H

#include <stdint.h>

/* Arguments of every compiled kernel. The emitted text declares the same
 * struct; UNIT_ABI changes with it. All arrays outlive the call. */
struct einc_args {
    void *out;            /* element (0, 0, ...) */
    const void *const *in;
    const int64_t *n;     /* extents, in the order of unit.extents */
    const int64_t *s;     /* strides, in the order of unit.strides */
    const void *alpha;    /* one value of the compute type, or NULL: 1 */
    const void *beta;     /* likewise, or NULL: do not read out */
    char *scratch;        /* unit.scratch_bytes, 64-aligned, this thread's */
    int64_t *stray;       /* kernels of statements: where data lead out of a
                           * tensor, [0] = 1 + number of the site, [1] = the
                           * position, both stored atomically. Others do not
                           * declare it */
};

typedef void (*einc_kernel_fn)(const struct einc_args *, int64_t task_begin,
                               int64_t task_end);

enum { UNIT_ABI = 1 };

/* Source of one kernel. Equal kernels have byte-equal sources. */
struct unit {
    const char *key;      /* einc_nest_key(), or NULL */
    const char *source;   /* C, 0-terminated */
    int64_t source_bytes;
    const char *entry;    /* symbol of type einc_kernel_fn */
    const char *flags[4]; /* for the compiler, beside the target's; NULL at
                           * the end */
    int64_t scratch_bytes;
    int shared_bytes;     /* CUDA: of a block, beside what the text declares */
    int n_extents, n_strides;
};

/* A CUDA kernel takes one argument, words of 8 bytes: the address of out, those
 * of the inputs, extents, strides, alpha, beta (two words each) and whether
 * there are any. A list that is empty has one word. It is launched with
 * DEVICE_THREADS threads in each block, and einc_emit_cuda_blocks() blocks. */
/* Of an index statement: the addresses of the left tensor and of all tensors
 * of the program, extents, strides, then scratch, the stray (or 0: nobody asks,
 * see struct einc_args), scratch bytes of a thread, tasks, and how far apart
 * those of one thread or block are. */
enum { MAP_TAIL = 5 };

enum { DEVICE_ABI = 2, DEVICE_TAIL = 6, DEVICE_THREADS = 256 };

/* Of a contraction by blocks of threads: the sum over K in n parts of at most
 * `depth`, each by n_blocks of its own, which leave `bytes` in all; n = 1: no
 * parts. The kernel takes four more words: the address of the parts, n, depth,
 * and what to do: 0 to make the parts, 1 to add them up, in order, by as many
 * blocks again. All 0: no parts. */
struct device_parts {
    int64_t n, depth, n_blocks, bytes;
};
enum { DEVICE_PARTS = 4 };

#endif

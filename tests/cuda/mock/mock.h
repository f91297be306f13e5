/* SPDX-License-Identifier: MIT
 *
 * mock.h - a CUDA driver and an NVRTC for machines with neither. A "cubin" is
 * the CUDA text; loading one compiles it as C++ and a launch calls the kernel
 * for one thread after another. Device memory is memory of the host in blocks
 * that are known, filled with NaN bytes. Every call can be made to fail.
 *
 * Threads of a block are fibers that run until the block, or their warp, must
 * meet. Accesses of memory are watched: those of shared memory must be apart
 * by a barrier, those of device memory within a block of it, unless out is
 * memory of the host.
 */
#ifndef EINC_TESTS_MOCK_H
#define EINC_TESTS_MOCK_H

struct mock {
    int calls;         /* of the driver and of NVRTC, so far */
    int fail_at;       /* this call fails, by number from 1; 0: none */
    int error;         /* with this */
    int compiled;      /* texts, by NVRTC */
    int cubins;        /* real ones that were given; they load, and their
                        * kernels do nothing */
    int loaded;        /* libraries that are loaded now */
    int blocks;        /* of device memory that are allocated now */
    int streams;       /* that are open now */
    int contexts;      /* retained, less released */
    int depth;         /* of the stack of contexts */
    int wrong;         /* calls that no program may make */
    int capturing;     /* 1: what may not happen in a capture is wrong */
    /* How kernels run. */
    int descending;    /* 1: threads and warps in descending order, 0: in
                        * ascending order, -1: now so and now so */
    int late;          /* 1: copies to shared memory are done when they are
                        * waited for, 0: at once */
    const char *find, *replace; /* a fault to plant: one for the other, once,
                        * in a text; NULL: none */
    int planted;       /* texts that had it */
    /* What they did. `wrong` counts these too. */
    int races;         /* two threads, one of which writes, and no barrier */
    int stuck;         /* blocks of which threads wait for each other */
    int wild;          /* accesses of no memory that the kernel was given */
    char report[200];  /* the first of them since it was empty */
    long wavefronts, least_wavefronts; /* of matrices read from, and chunks
                        * copied to, shared memory; if no bank met twice */
    long sectors, least_sectors; /* of 32 bytes of device memory, of copies */
};

/* In the shared object: its state. */
extern struct mock einc_mock;

#endif

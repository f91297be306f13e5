/* SPDX-License-Identifier: MIT
 *
 * mock.h - a CUDA driver and an NVRTC for machines with neither. A "cubin" is
 * the CUDA text; loading one compiles it as C++ and a launch calls the kernel
 * for one thread after another. Device memory is memory of the host in blocks
 * that are known, filled with NaN bytes. Every call can be made to fail.
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
};

/* In the shared object: its state. */
extern struct mock einc_mock;

#endif

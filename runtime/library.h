/* SPDX-License-Identifier: MIT
 *
 * library.h - shared libraries of others that are looked for at run time and
 * need not be there: NVRTC, the CUDA driver. What was loaded stays loaded: a
 * library in C++ leaves memory behind when it goes, at every visit.
 */
#ifndef EINC_RUNTIME_LIBRARY_H
#define EINC_RUNTIME_LIBRARY_H

#include "runtime/trouble.h"

struct library {
    void *handle;
    char name[600];       /* what dlopen() was given */
};

/* Opens the first of `names` (NULL at the end) that loads: by the loader's
 * own search, then below CUDA_HOME, CUDA_PATH and /usr/local/cuda. If
 * `variable` is set in the environment it is a demand: that file and no other.
 * In a set-uid process only the loader's search. EINC_EDEVICE and what was
 * tried if there is none. */
enum einc_status einc_library_open(struct library *l, const char *variable,
                                   const char *const names[],
                                   struct trouble *why);
/* The addresses of functions, in order; EINC_EDEVICE and the name of the first
 * that is missing. */
enum einc_status einc_library_functions(const struct library *l,
                                        const char *const names[],
                                        void *functions[], int n,
                                        struct trouble *why);

#endif

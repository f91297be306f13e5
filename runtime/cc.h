/* SPDX-License-Identifier: MIT
 *
 * cc.h - a C compiler run at run time: posix_spawn with an argument vector,
 * no shell, bounded output, a time limit; and loading what it made.
 */
#ifndef EINC_RUNTIME_CC_H
#define EINC_RUNTIME_CC_H

#include "runtime/mem.h"
#include "runtime/trouble.h"

/* A compiler that was found. Its identity is what its file is: a compiler
 * that is replaced or updated has another one. The compiler is not asked for
 * its version, which would cost a process, 10 ms, before every look into the
 * cache. Behind a wrapper such as ccache an update goes unseen, which costs
 * nothing but speed: kernels that are in the cache stay right. */
struct cc {
    char path[4096];     /* absolute */
    char identity[4500]; /* path, size, mtime, inode: part of the cache key */
    int is_clang;
    int timeout_ms;      /* for one compilation; 60000 */
    const int *stop;     /* NULL, or atomic: once it is not 0 a compilation is
                          * killed within 50 ms; einc_cc_find() leaves NULL */
    char *const *environment; /* NULL: the process's. Else it is read instead,
                               * for TMPDIR, too; einc_cc_find() leaves NULL */
};

/* `cc` NULL: EINC_CC, CC, then cc, gcc, clang in PATH; relative directories
 * of PATH are skipped; a value with a slash is taken as a path, and must be
 * absolute. `cc` and EINC_CC are demands: if they cannot be met nothing else
 * is tried. CC is made for makefiles ("gcc -m32"): if it is no program, the
 * list is tried. Fails with EINC_ECOMPILER, saying what was looked for; always
 * in a set-uid process. */
enum einc_status einc_cc_find(const char *cc, struct cc *found,
                              struct trouble *why);

/* Compiles C source to a shared object in memory: temporary files in a
 * private directory (0700) under TMPDIR, /tmp or /dev/shm that are gone
 * afterwards. `flags`: NULL-terminated fixed flags, those that begin with -l
 * placed behind the source; the function adds -shared -fPIC and file names.
 * On failure EINC_ECOMPILER with the command and the first lines it printed,
 * or EINC_ENOMEM. */
enum einc_status einc_cc_compile(const struct cc *cc, const struct mem *mem,
                                 const char *source,
                                 const char *const flags[], void **binary,
                                 size_t *n_bytes, struct trouble *why);

/* A copy of the environment in one block, to be freed with *n_bytes; NULL: no
 * memory. For threads of our own: the host may call setenv() when none of its
 * threads is in einc. */
char **einc_cc_environment(const struct mem *mem, size_t *n_bytes);

/* Loads a shared object from memory: sealed memfd and dlopen (RTLD_NOW |
 * RTLD_LOCAL), else a private temporary file. EINC_ECOMPILER if it is no
 * whole shared object or cannot be loaded. */
enum einc_status einc_cc_load(const void *binary, size_t n_bytes,
                              void **handle, struct trouble *why);
void einc_cc_unload(void *handle); /* NULL is fine */
/* NULL if there is none of that name. */
void *einc_cc_symbol(void *handle, const char *name);

/* Writes the name of this machine's best instruction set that we have code
 * for: "avx512" (f, bw, dq, vl), "avx2" (with fma), "sse2", "neon" or
 * "generic". EINC_ISA may name a lesser one; other values are ignored.
 * Returns the length of the name, as snprintf() does. */
int einc_cc_isa(char *buf, size_t n);

#endif

/* SPDX-License-Identifier: MIT
 *
 * cc.h - a C compiler run at run time: posix_spawn with an argument vector,
 * no shell, bounded output, a time limit; and loading what it made.
 */
#ifndef EINC_RUNTIME_CC_H
#define EINC_RUNTIME_CC_H

#include "runtime/mem.h"
#include "runtime/trouble.h"

/* A compiler that was found. */
struct cc {
    char path[4096];     /* absolute */
    char identity[4400]; /* path, size, mtime, inode: part of the cache key */
    int is_clang;
};

/* `cc` NULL: EINC_CC, CC, then cc, gcc, clang in PATH; relative directories
 * of PATH are skipped; a value with a slash is taken as a path, and must be
 * absolute. Fails with EINC_ECOMPILER, saying what was looked for. */
enum einc_status einc_cc_find(const char *cc, struct cc *found,
                              struct trouble *why);

/* Compiles C source to a shared object in memory: temporary files in a
 * private directory (0700) that are gone afterwards. `flags`: NULL-terminated
 * fixed flags; the function adds -shared -fPIC and file names. On failure
 * EINC_ECOMPILER with the command and the first lines it printed. */
enum einc_status einc_cc_compile(const struct cc *cc, const struct mem *mem,
                                 const char *source,
                                 const char *const flags[], void **binary,
                                 size_t *n_bytes, struct trouble *why);

/* Loads a shared object from memory: sealed memfd and dlopen (RTLD_NOW |
 * RTLD_LOCAL), else a private temporary file. */
enum einc_status einc_cc_load(const void *binary, size_t n_bytes,
                              void **handle, struct trouble *why);
void einc_cc_unload(void *handle);
/* NULL if there is none of that name. */
void *einc_cc_symbol(void *handle, const char *name);

#endif

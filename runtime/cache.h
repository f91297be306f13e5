/* SPDX-License-Identifier: MIT
 *
 * cache.h - compiled kernels on disk: one file per kernel, named by the hash
 * of its key, published atomically, checked on load (length, checksum, full
 * key, owner, mode). Any doubt is a miss; a bad entry is deleted and made
 * again. Private to the user: 0700, owner = euid, else the cache is off.
 */
#ifndef EINC_RUNTIME_CACHE_H
#define EINC_RUNTIME_CACHE_H

#include "runtime/mem.h"
#include "runtime/trouble.h"

struct cache;

struct cache_key {
    unsigned char hash[32]; /* SHA-256 */
};

/* Key of (source, resolved ISA, compiler identity, flags, ABI): each part is
 * hashed with its length, so no two lists collide. */
struct cache_key einc_cache_key(const char *const parts[], int n_parts);

/* `dir` NULL: EINC_CACHE_DIR, XDG_CACHE_HOME/einc, HOME/.cache/einc, which
 * must be absolute; "": off. Creates the directory (0700) if missing. Off in
 * a set-uid process. Never falls back to a shared place such as /tmp.
 * Returns NULL when off or unusable and says why in `why`; never an error of
 * the computation. The other functions take NULL for a cache that is always
 * empty. Any number of threads and processes may use one directory. */
struct cache *einc_cache_open(const struct mem *mem, const char *dir,
                              struct trouble *why);
void einc_cache_close(struct cache *c);
const char *einc_cache_path(const struct cache *c);

/* On a hit *binary (to be freed with mem_free) and *n_bytes, EINC_OK. Else
 * EINC_ECACHE for a miss or a bad entry, EINC_ENOMEM. */
enum einc_status einc_cache_load(struct cache *c, const struct cache_key *key,
                                 void **binary, size_t *n_bytes);
/* Publishes an entry: O_EXCL temporary in the same directory, fsync, rename.
 * A failure is a trouble to note, not one to act on. */
enum einc_status einc_cache_store(struct cache *c, const struct cache_key *key,
                                  const char *source, const void *binary,
                                  size_t n_bytes, struct trouble *why);
/* Entries and bytes of it, for `einc doctor`. */
void einc_cache_count(struct cache *c, int64_t *entries, int64_t *bytes);
/* Deletes all entries. */
void einc_cache_clear(struct cache *c);

/* Saves work and is needed for nothing else: of several threads or processes
 * that miss the same kernel, one claims it and compiles while the others wait
 * in here, at most `wait_ms`. Then look with einc_cache_load() again. Returns
 * a claim for einc_cache_release(), or -1: go on without. A claim ends with
 * its process. */
int einc_cache_claim(struct cache *c, const struct cache_key *key,
                     int wait_ms);
void einc_cache_release(int claim);

#endif

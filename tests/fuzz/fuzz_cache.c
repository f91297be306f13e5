/* SPDX-License-Identifier: MIT
 *
 * fuzz_cache.c - any bytes as an entry of the disk cache: a miss, and the
 * entry is gone; or what somebody stored under that very key. The checksum
 * keeps a fuzzer out, so bit 0 of the first byte asks for a right one.
 */
#include <fcntl.h>
#include <sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { CHECK_AT = 64, HEAD = 96, MOST = 1 << 16 };

static char place[64];
static struct cache *cache;
static struct cache_key key;
static const struct mem mem = {einc_mem_libc, NULL};

static void
clean_up(void)
{
    einc_cache_clear(cache);
    einc_cache_close(cache);
    for (int set = 0; set < 256; set++) {
        char path[100];
        snprintf(path, sizeof path, "%s/%02x", place, set);
        rmdir(path);
    }
    rmdir(place);
}

static void
set_up(void)
{
    static const char *const parts[] = {"a kernel"};
    strcpy(place, "/dev/shm/einc-fuzz-XXXXXX");
    if (!mkdtemp(place)) {
        strcpy(place, "/tmp/einc-fuzz-XXXXXX");
        if (!mkdtemp(place))
            abort();
    }
    key = einc_cache_key(parts, 1);
    cache = einc_cache_open(&mem, place, NULL);
    if (!cache)
        abort();
    atexit(clean_up);
}

static void
entry_path(char path[200])
{
    int n = snprintf(path, 200, "%s/%02x", place, key.hash[0]);
    mkdir(path, 0700);
    n += snprintf(path + n, 200 - (size_t)n, "/");
    for (int b = 1; b < 32; b++)
        n += snprintf(path + n, 200 - (size_t)n, "%02x", key.hash[b]);
}

/* As the cache computes it: over all but itself. */
static void
put_check(uint8_t *entry, size_t n)
{
    SHA2_CTX h;
    SHA256Init(&h);
    SHA256Update(&h, entry, CHECK_AT);
    SHA256Update(&h, entry + HEAD, n - HEAD);
    SHA256Final(entry + CHECK_AT, &h);
}

static void
write_entry(const char *path, const uint8_t *entry, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, entry, n) != (ssize_t)n)
        abort();
    close(fd);
}

/* What a hit gives must be the end of the entry. */
static void
load(const uint8_t *entry, size_t n, const char *path)
{
    void *binary = NULL;
    size_t n_binary = 0;
    enum einc_status status =
        einc_cache_load(cache, &key, &binary, &n_binary);
    if (status == EINC_OK) {
        if (n < HEAD || n_binary > n - HEAD ||
            memcmp(binary, entry + n - n_binary, n_binary) != 0)
            abort();
        mem_free(&mem, binary, n_binary);
    } else if (status != EINC_ECACHE || access(path, F_OK) == 0) {
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char path[200];
    if (!cache)
        set_up();
    if (n < 1 || n > MOST)
        return 0;
    uint8_t *entry = malloc(n);
    if (!entry)
        abort();
    int checked = bytes[0] & 1;
    memcpy(entry, bytes + 1, --n);
    if (checked && n >= HEAD) {
        memcpy(entry + 16, key.hash, 32);
        put_check(entry, n);
    }
    entry_path(path);
    write_entry(path, entry, n);
    load(entry, n, path);
    free(entry);
    return 0;
}

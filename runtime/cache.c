/* SPDX-License-Identifier: MIT
 *
 * cache.c - see cache.h. On disk: ROOT/ab/cdef..., the hash in hexadecimal,
 * its first byte a directory (a "set"). In a set also `.t*`, entries that are
 * being written, and `.lock`, for claims. Files are only ever created under
 * a temporary name and renamed, so an entry that can be opened is complete;
 * what a crash or a bad disk leaves is found by length and checksum.
 */
#include "runtime/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/sys.h"

/* An entry is this, the source, the binary, and nothing after. Numbers are in
 * the machine's order; on a machine of the other order the magic differs. */
struct head {
    uint64_t magic;
    uint32_t format;
    uint32_t abi;
    unsigned char key[32];
    uint64_t source_bytes, binary_bytes;
    unsigned char check[32]; /* SHA-256 of all above, source, binary */
};
_Static_assert(sizeof(struct head) == 96, "padding would not be written");

#define MAGIC 0x6b2d636e69650a1au
#define FORMAT 1
/* Entries of 32-bit and 64-bit processes stay apart. */
#define ABI ((uint32_t)EINC_ABI << 8 | (uint32_t)sizeof(void *))

/* Bounds. Each of the 256 sets holds a 256th of what all may hold, so a store
 * looks at one small directory and no counter needs to be kept anywhere. */
#define SET_ENTRIES (4096 / 256)
#define SET_BYTES ((int64_t)256 * 1024 * 1024 / 256)
#define ENTRY_BYTES ((uint64_t)64 * 1024 * 1024)
#define HOUR 3600

#define PATH_ROOM 4096
#define NAME_ROOM 64 /* 62 digits of an entry */

struct cache {
    struct mem mem;
    int root;
    size_t path_bytes;
    char *path;
};

/* --- keys ---------------------------------------------------------------- */

static void
hash_part(SHA2_CTX *h, const char *part)
{
    uint64_t n = part ? strlen(part) : UINT64_MAX;
    SHA256Update(h, (const uint8_t *)&n, sizeof n);
    if (part)
        SHA256Update(h, (const uint8_t *)part, (size_t)n);
}

struct cache_key
einc_cache_key(const char *const parts[], int n_parts)
{
    struct cache_key key;
    SHA2_CTX h;
    SHA256Init(&h);
    for (int i = 0; i < n_parts; i++)
        hash_part(&h, parts[i]);
    SHA256Final(key.hash, &h);
    return key;
}

/* The names of set and entry. */
static void
spell(const struct cache_key *key, char set[3], char entry[NAME_ROOM])
{
    static const char digit[] = "0123456789abcdef";
    char all[65] = {0};
    for (int i = 0; i < 32; i++) {
        all[2 * i] = digit[key->hash[i] >> 4];
        all[2 * i + 1] = digit[key->hash[i] & 15];
    }
    memcpy(set, all, 2);
    set[2] = '\0';
    memcpy(entry, all + 2, 63);
}

static int
is_entry_name(const char *name)
{
    return strlen(name) == 62 && strspn(name, "0123456789abcdef") == 62;
}

/* --- opening ------------------------------------------------------------- */

/* Ours, and nobody else writes to it. */
static int
is_private(const struct stat *st)
{
    return st->st_uid == geteuid() && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Where the cache is to be. `made_from`: directories that end at this byte of
 * base or later may be created. base NULL: nowhere. */
struct place {
    const char *base, *below;
    size_t made_from;
    int in_home;
};

static struct place
choose(const char *dir)
{
    if (dir || (dir = getenv("EINC_CACHE_DIR")))
        return (struct place){dir, "", 1, 0};
    if ((dir = getenv("XDG_CACHE_HOME")) && *dir == '/')
        return (struct place){dir, "/einc", 1, 0};
    if ((dir = getenv("HOME")) && *dir == '/')
        return (struct place){dir, "/.cache/einc", strlen(dir) + 1, 1};
    return (struct place){0};
}

/* Under sudo HOME may be another user's: what we made there would lock that
 * user out of the cache. */
static int
may_create(const struct place *p)
{
    struct stat st;
    return !p->in_home || (einc_sys_stat(AT_FDCWD, p->base, 0, &st) == 0 &&
                           st.st_uid == geteuid());
}

/* A link at the end of "dir/" or "dir/." would be followed in spite of
 * O_NOFOLLOW. */
static void
strip_end(char *path)
{
    size_t n = strlen(path);
    while (n > 1 && (path[n - 1] == '/' ||
                     (path[n - 1] == '.' && path[n - 2] == '/')))
        path[--n] = '\0';
}

/* Makes the missing directories of `path`; who opens it will see failures. */
static void
make_path(char *path, size_t from)
{
    for (char *p = path + from; *p; p++)
        if (*p == '/') {
            *p = '\0';
            einc_sys_mkdir(AT_FDCWD, path, 0700);
            *p = '/';
        }
    einc_sys_mkdir(AT_FDCWD, path, 0700);
}

/* Opens a directory that is private to us, or fails with errno: EPERM if it
 * is another's or others may write to it. */
static int
open_private(int at, const char *path)
{
    int fd = einc_sys_open(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    struct stat st;
    if (fd < 0)
        return -1;
    int r = einc_sys_fstat(fd, &st);
    if (r == 0 && is_private(&st))
        return fd;
    if (r == 0)
        errno = EPERM;
    einc_sys_close(fd);
    return -1;
}

static int
open_root(char *path, const struct place *p, struct trouble *why)
{
    int fd = open_private(AT_FDCWD, path);
    if (fd < 0 && errno == ENOENT && may_create(p)) {
        make_path(path, p->made_from);
        fd = open_private(AT_FDCWD, path);
    }
    if (fd >= 0)
        return fd;
    int e = errno;
    const char *reason =
        e == EPERM ? "it must belong to this user, and nobody else may write "
                     "to it (chmod 700)" :
        e == ELOOP || e == ENOTDIR ? "it is not a directory, or a link" :
        einc_sys_reason(e);
    einc_trouble(why, EINC_ECACHE, "disk cache: off, cannot use '%.900s': %s; "
                 "set EINC_CACHE_DIR to a private directory", path, reason);
    return -1;
}

static struct cache *
new_cache(const struct mem *mem, const char *path, int root)
{
    struct cache *c = mem_alloc(mem, sizeof *c);
    size_t n = strlen(path) + 1;
    char *copy = c ? mem_alloc(mem, n) : NULL;
    if (!copy) {
        mem_free(mem, c, sizeof *c);
        return NULL;
    }
    memcpy(copy, path, n);
    *c = (struct cache){*mem, root, n, copy};
    return c;
}

struct cache *
einc_cache_open(const struct mem *mem, const char *dir, struct trouble *why)
{
    char path[PATH_ROOM];
    if (einc_sys_secure()) {
        einc_trouble(why, EINC_ECACHE, "disk cache: off, this process has "
                     "more rights than its user (set-uid)");
        return NULL;
    }
    struct place p = choose(dir);
    if (p.base && !*p.base) {
        einc_trouble(why, EINC_ECACHE, "disk cache: switched off");
        return NULL;
    }
    if (!p.base || (!dir && *p.base != '/')) {
        einc_trouble(why, EINC_ECACHE, "disk cache: off, %s; set "
                     "EINC_CACHE_DIR to an absolute path",
                     p.base ? "EINC_CACHE_DIR is relative" :
                     "neither XDG_CACHE_HOME nor HOME is an absolute path");
        return NULL;
    }
    int n = snprintf(path, sizeof path, "%s%s", p.base, p.below);
    if (n < 0 || (size_t)n >= sizeof path) {
        einc_trouble(why, EINC_ECACHE, "disk cache: off, its path is longer "
                     "than %d bytes", PATH_ROOM - 1);
        return NULL;
    }
    strip_end(path);
    int root = open_root(path, &p, why);
    struct cache *c = root < 0 ? NULL : new_cache(mem, path, root);
    if (root >= 0 && !c) {
        einc_sys_close(root);
        einc_trouble(why, EINC_ENOMEM, "disk cache: off, no memory");
    }
    return c;
}

void
einc_cache_close(struct cache *c)
{
    if (!c)
        return;
    const struct mem mem = c->mem;
    einc_sys_close(c->root);
    mem_free(&mem, c->path, c->path_bytes);
    mem_free(&mem, c, sizeof *c);
}

const char *
einc_cache_path(const struct cache *c)
{
    return c ? c->path : "";
}

/* --- sets ---------------------------------------------------------------- */

/* Removes whatever has that name, unless it is a directory with something in
 * it, which nobody puts there by accident. */
static int
discard(int set, const char *name)
{
    if (einc_sys_unlink(set, name, 0) == 0 || errno == ENOENT)
        return 0;
    return errno == EISDIR || errno == EPERM
               ? einc_sys_unlink(set, name, AT_REMOVEDIR) : -1;
}

/* The set's directory, made if it is not there, or -1 with errno. */
static int
open_set(const struct cache *c, const char *name)
{
    int fd = open_private(c->root, name);
    if (fd >= 0 || (errno != ENOENT && errno != ENOTDIR && errno != ELOOP))
        return fd;
    if (errno != ENOENT && discard(c->root, name) < 0)
        return -1;
    if (einc_sys_mkdir(c->root, name, 0700) < 0 && errno != EEXIST)
        return -1;
    return open_private(c->root, name);
}

struct census {
    int64_t entries, bytes;
    char oldest[NAME_ROOM]; /* "" if there is none but `spare` */
    struct timespec when;   /* it was last used, to the hour */
};

static int
is_older(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec
                                  : a->tv_nsec < b->tv_nsec;
}

static void
count_one(int set, const char *name, const char *spare, struct census *out)
{
    struct stat st;
    if (einc_sys_stat(set, name, AT_SYMLINK_NOFOLLOW, &st) < 0)
        return; /* gone meanwhile: others evict, too */
    if (strncmp(name, ".t", 2) == 0) {
        if (st.st_mtime < time(NULL) - HOUR) /* its writer was killed */
            einc_sys_unlink(set, name, 0);
        return;
    }
    if (!is_entry_name(name))
        return;
    out->entries++;
    out->bytes += st.st_size;
    if (strcmp(name, spare) != 0 &&
        (!out->oldest[0] || is_older(&st.st_mtim, &out->when))) {
        memcpy(out->oldest, name, strlen(name) + 1);
        out->when = st.st_mtim;
    }
}

static int
take_census(int set, const char *spare, struct census *out)
{
    *out = (struct census){0};
    DIR *d = einc_sys_list(set);
    if (!d)
        return -1;
    for (struct dirent *e; (e = readdir(d));)
        count_one(set, e->d_name, spare, out);
    closedir(d);
    return 0;
}

/* Removes what was not used for longest until the set is within bounds. One
 * listing per removal: a store adds one entry, so there is seldom more. */
static void
evict(int set, const char *spare, int64_t max_entries, int64_t max_bytes)
{
    struct census now;
    for (;;) {
        if (take_census(set, spare, &now) < 0 || !now.oldest[0] ||
            (now.entries <= max_entries && now.bytes <= max_bytes) ||
            discard(set, now.oldest) < 0)
            return;
    }
}

/* Calls for every set that there is. */
static void
each_set(struct cache *c, void (*fn)(int set, void *user), void *user)
{
    for (int i = 0; c && i < 256; i++) {
        char name[3];
        snprintf(name, sizeof name, "%02x", (unsigned)i);
        int set = open_private(c->root, name);
        if (set >= 0)
            fn(set, user);
        einc_sys_close(set);
    }
}

static void
add_set(int set, void *user)
{
    struct census *sum = user, one;
    if (take_census(set, "", &one) < 0)
        return;
    sum->entries += one.entries;
    sum->bytes += one.bytes;
}

void
einc_cache_count(struct cache *c, int64_t *entries, int64_t *bytes)
{
    struct census sum = {0};
    each_set(c, add_set, &sum);
    *entries = sum.entries;
    *bytes = sum.bytes;
}

static void
empty_set(int set, void *user)
{
    (void)user;
    evict(set, "", 0, 0);
}

void
einc_cache_clear(struct cache *c)
{
    each_set(c, empty_set, NULL);
}

/* --- loading ------------------------------------------------------------- */

/* The lengths must add up to the size of the file, so nothing is allocated on
 * the word of a header alone. */
static int
is_sane(const struct head *h, const struct cache_key *key,
        const struct stat *st)
{
    if (h->magic != MAGIC || h->format != FORMAT || h->abi != ABI ||
        memcmp(h->key, key->hash, sizeof h->key) != 0)
        return 0;
    return h->source_bytes <= ENTRY_BYTES && h->binary_bytes <= ENTRY_BYTES &&
           h->binary_bytes > 0 && (uint64_t)st->st_size == sizeof *h +
           h->source_bytes + h->binary_bytes;
}

/* The source is only for people; it is read to be checked. */
static int
hash_source(int fd, uint64_t n, SHA2_CTX *h)
{
    unsigned char part[4096];
    while (n) {
        size_t m = n < sizeof part ? (size_t)n : sizeof part;
        if (einc_sys_read_all(fd, part, m) < 0)
            return -1;
        SHA256Update(h, part, m);
        n -= m;
    }
    return 0;
}

/* EINC_OK; EINC_ENOMEM; EINC_EINVAL if the entry is bad; EINC_ECACHE if it
 * could not be looked at, which is not the entry's fault. */
static enum einc_status
read_body(const struct cache *c, int fd, const struct head *h, void **binary)
{
    unsigned char sum[32];
    SHA2_CTX hash;
    size_t n = (size_t)h->binary_bytes;
    SHA256Init(&hash);
    SHA256Update(&hash, (const uint8_t *)h, offsetof(struct head, check));
    if (hash_source(fd, h->source_bytes, &hash) < 0)
        return EINC_ECACHE;
    void *p = mem_alloc(&c->mem, n);
    if (!p)
        return EINC_ENOMEM;
    enum einc_status status = EINC_ECACHE;
    if (einc_sys_read_all(fd, p, n) == 0) {
        SHA256Update(&hash, p, n);
        SHA256Final(sum, &hash);
        status = memcmp(sum, h->check, sizeof sum) == 0 ? EINC_OK
                                                        : EINC_EINVAL;
    }
    if (status == EINC_OK)
        *binary = p;
    else
        mem_free(&c->mem, p, n);
    return status;
}

static enum einc_status
read_entry(const struct cache *c, int fd, const struct cache_key *key,
           void **binary, size_t *n_bytes)
{
    struct stat st;
    struct head h;
    if (einc_sys_fstat(fd, &st) < 0)
        return EINC_ECACHE;
    if (!S_ISREG(st.st_mode) || !is_private(&st) ||
        st.st_size < (off_t)sizeof h)
        return EINC_EINVAL;
    if (einc_sys_read_all(fd, &h, sizeof h) < 0)
        return EINC_ECACHE;
    if (!is_sane(&h, key, &st))
        return EINC_EINVAL;
    enum einc_status status = read_body(c, fd, &h, binary);
    if (status == EINC_OK) {
        *n_bytes = (size_t)h.binary_bytes;
        if (st.st_mtime < time(NULL) - HOUR)
            einc_sys_touch(fd); /* "used"; not on every use */
    }
    return status;
}

/* Opening failed because of what stands there, not for lack of something. */
static int
is_bad_name(int err)
{
    return err == ELOOP || err == EACCES || err == ENXIO || err == ENODEV;
}

enum einc_status
einc_cache_load(struct cache *c, const struct cache_key *key, void **binary,
                size_t *n_bytes)
{
    char set_name[3], name[NAME_ROOM];
    *binary = NULL;
    *n_bytes = 0;
    if (!c)
        return EINC_ECACHE;
    spell(key, set_name, name);
    int set = open_private(c->root, set_name);
    if (set < 0)
        return EINC_ECACHE;
    /* O_NONBLOCK: a FIFO there must not make us wait for its writer. */
    int fd = einc_sys_open(set, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
                           O_NOCTTY, 0);
    enum einc_status status = fd >= 0 ? read_entry(c, fd, key, binary,
                                                   n_bytes) :
                              is_bad_name(errno) ? EINC_EINVAL : EINC_ECACHE;
    einc_sys_close(fd);
    if (status == EINC_EINVAL) {
        discard(set, name);
        status = EINC_ECACHE;
    }
    einc_sys_close(set);
    return status;
}

/* --- storing ------------------------------------------------------------- */

static struct head
make_head(const struct cache_key *key, const char *source, size_t source_bytes,
          const void *binary, size_t n_bytes)
{
    struct head h = {.magic = MAGIC, .format = FORMAT, .abi = ABI,
                     .source_bytes = source_bytes, .binary_bytes = n_bytes};
    SHA2_CTX hash;
    memcpy(h.key, key->hash, sizeof h.key);
    SHA256Init(&hash);
    SHA256Update(&hash, (const uint8_t *)&h, offsetof(struct head, check));
    SHA256Update(&hash, (const uint8_t *)source, source_bytes);
    SHA256Update(&hash, binary, n_bytes);
    SHA256Final(h.check, &hash);
    return h;
}

/* Writes under `temp` and renames to `name`; what fails, or NULL. */
static const char *
publish(int set, const char *temp, const char *name, const struct head *h,
        const char *source, const void *binary)
{
    const char *step = NULL;
    int fd = einc_sys_open(set, temp, O_WRONLY | O_CREAT | O_EXCL |
                           O_NOFOLLOW, 0600);
    if (fd < 0)
        return "create";
    if (einc_sys_write_all(fd, h, sizeof *h) < 0 ||
        einc_sys_write_all(fd, source, (size_t)h->source_bytes) < 0 ||
        einc_sys_write_all(fd, binary, (size_t)h->binary_bytes) < 0)
        step = "write";
    else if (einc_sys_fsync(fd) < 0)
        step = "sync"; /* the rename may reach the disk before the bytes */
    einc_sys_close(fd);
    if (!step && einc_sys_rename(set, temp, name) < 0) {
        step = "rename";
        /* An empty directory in its place is the one thing that a rename
         * does not replace. */
        if (errno == EISDIR && discard(set, name) == 0 &&
            einc_sys_rename(set, temp, name) == 0)
            return NULL;
    }
    if (step) {
        int keep = errno;
        einc_sys_unlink(set, temp, 0);
        errno = keep;
    }
    return step;
}

enum einc_status
einc_cache_store(struct cache *c, const struct cache_key *key,
                 const char *source, const void *binary, size_t n_bytes,
                 struct trouble *why)
{
    char set_name[3], name[NAME_ROOM], temp[24];
    if (!c)
        return einc_trouble(why, EINC_ECACHE, "disk cache: off");
    size_t source_bytes = strlen(source);
    if (!n_bytes || n_bytes > ENTRY_BYTES || source_bytes > ENTRY_BYTES)
        return einc_trouble(why, EINC_ECACHE, "disk cache: a kernel of %zu "
                            "bytes is not kept", n_bytes);
    spell(key, set_name, name);
    snprintf(temp, sizeof temp, ".t%016llx",
             (unsigned long long)einc_sys_random());
    const struct head h = make_head(key, source, source_bytes, binary,
                                    n_bytes);
    int set = open_set(c, set_name);
    const char *step = set < 0 ? "open" : publish(set, temp, name, &h, source,
                                                  binary);
    int e = errno;
    if (!step)
        evict(set, name, SET_ENTRIES, SET_BYTES);
    einc_sys_close(set);
    if (!step)
        return EINC_OK;
    return einc_trouble(why, EINC_ECACHE, "disk cache: cannot %s an entry in "
                        "'%.900s/%s': %s", step, c->path, set_name,
                        einc_sys_reason(e));
}

/* --- claims -------------------------------------------------------------- */

int
einc_cache_claim(struct cache *c, const struct cache_key *key, int wait_ms)
{
    char set_name[3], name[NAME_ROOM];
    if (!c)
        return -1;
    spell(key, set_name, name);
    int set = open_set(c, set_name);
    /* One lock per set: nothing is left behind per kernel. Two kernels that
     * meet in a set are compiled one after the other. */
    int fd = set < 0 ? -1 : einc_sys_open(set, ".lock", O_RDWR | O_CREAT |
                                          O_NOFOLLOW | O_NONBLOCK, 0600);
    einc_sys_close(set);
    if (fd < 0)
        return -1;
    const int64_t end = einc_sys_now() + wait_ms;
    for (int pause = 1; einc_sys_lock(fd) < 0; pause += pause < 16) {
        if (errno != EWOULDBLOCK || einc_sys_now() >= end) {
            einc_sys_close(fd);
            return -1;
        }
        einc_sys_sleep(pause);
    }
    return fd;
}

void
einc_cache_release(int claim)
{
    if (claim < 0)
        return;
    einc_sys_unlock(claim);
    einc_sys_close(claim);
}

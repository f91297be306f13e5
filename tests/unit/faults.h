/* SPDX-License-Identifier: MIT
 *
 * faults.h - for the tests of runtime/: an allocator that counts, checks and
 * fails, system calls that fail, and what a function may have left behind.
 */
#ifndef EINC_TESTS_FAULTS_H
#define EINC_TESTS_FAULTS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/mem.h"
#include "runtime/sys.h"

/* --- the Nth call fails, once (transient) or from there on (persistent) ---- */

struct fault_plan {
    int at;         /* 1 is the next; 0: none */
    int persistent;
    int shorten;    /* reads and writes become shorter instead */
    int only;       /* a kind of call, or -1 */
    int calls;      /* that were asked for */
    int fired;
    int last;       /* kind that failed last */
};

static struct fault_plan plan_sys, plan_mem;

static inline int
fault_due(struct fault_plan *p)
{
    p->calls++;
    int due = p->at && (p->persistent ? p->calls >= p->at : p->calls == p->at);
    p->fired += due;
    return due;
}

/* What the call might really say. */
static inline int
fault_errno(enum sys_call call)
{
    switch (call) {
    case CALL_OPEN: case CALL_PIPE: return EMFILE;
    case CALL_WRITE: case CALL_MKDIR: return ENOSPC;
    case CALL_RENAME: return EDQUOT;
    case CALL_UNLINK: return EBUSY;
    case CALL_LIST: case CALL_POLL: return ENOMEM;
    case CALL_LOCK: return ENOLCK;
    case CALL_SPAWN: case CALL_THREAD: return EAGAIN;
    case CALL_MEMFD: case CALL_SEAL: case CALL_DLOPEN: return EPERM;
    case CALL_RANDOM: return ENOSYS;
    case CALL_WAIT: /* somebody else waits for all children, and got it */
        while (waitpid(-1, NULL, 0) > 0)
            ;
        return ECHILD;
    default: return EIO;
    }
}

static inline int
fault_hook(enum sys_call call)
{
    if (plan_sys.only >= 0 && plan_sys.only != (int)call)
        return 0;
    if (plan_sys.shorten && call != CALL_READ && call != CALL_WRITE)
        return 0;
    if (!fault_due(&plan_sys))
        return 0;
    plan_sys.last = (int)call;
    return plan_sys.shorten ? SYS_SHORT : fault_errno(call);
}

static inline void
fault_arm(int at, int persistent)
{
    plan_sys = (struct fault_plan){.at = at, .persistent = persistent,
                                   .only = -1, .last = -1};
    einc_sys_fault = fault_hook;
}

static inline void
fault_disarm(void)
{
    einc_sys_fault = NULL;
}

/* --- memory ---------------------------------------------------------------- */

static int64_t heap_live; /* blocks */

/* Blocks remember their size, so a wrong one given back is found. */
static inline void *
heap_fn(void *user, void *old, size_t old_bytes, size_t bytes)
{
    (void)user;
    size_t *head = old ? (size_t *)(void *)((char *)old - 16) : NULL;
    if (head && *head != old_bytes)
        abort();
    if (bytes == 0) {
        heap_live -= head != NULL;
        free(head);
        return NULL;
    }
    if (old || fault_due(&plan_mem))
        return NULL;
    head = malloc(16 + bytes);
    if (!head)
        return NULL;
    heap_live++;
    *head = bytes;
    memset((char *)head + 16, 0xa5, bytes);
    return (char *)head + 16;
}

static const struct mem heap = {heap_fn, NULL};

/* --- what is left behind --------------------------------------------------- */

static inline int
count_fds(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

/* Names in a directory, of those that begin with `prefix`. */
static inline int
count_names(const char *path, const char *prefix)
{
    int n = 0;
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
             strncmp(e->d_name, prefix, strlen(prefix)) == 0;
    if (d)
        closedir(d);
    return n;
}

/* --- places ---------------------------------------------------------------- */

/* A new directory; in memory where possible, since fsync takes long, but
 * where programs may run. */
static inline void
make_place(char path[64])
{
    struct statvfs fs;
    strcpy(path, "/dev/shm/einc-test-XXXXXX");
    if (statvfs("/dev/shm", &fs) == 0 && !(fs.f_flag & ST_NOEXEC) &&
        mkdtemp(path))
        return;
    strcpy(path, "/tmp/einc-test-XXXXXX");
    if (!mkdtemp(path))
        abort();
}

static inline void
remove_below(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, e->d_name, 0) < 0)
            remove_below(fd, e->d_name);
    }
    if (d)
        closedir(d);
    unlinkat(dir, name, AT_REMOVEDIR);
}

static inline void
remove_place(const char *path)
{
    remove_below(AT_FDCWD, path);
}

static inline void
put_bytes(const char *path, const void *bytes, size_t n, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n || fchmod(fd, mode) < 0)
        abort();
    close(fd);
}

static inline size_t
get_bytes(const char *path, void *bytes, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, bytes, room);
    if (n < 0)
        abort();
    close(fd);
    return (size_t)n;
}

#endif

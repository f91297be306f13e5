/* SPDX-License-Identifier: MIT
 *
 * sys.c - see sys.h.
 */
#include "runtime/sys.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U /* Linux 6.3 */
#endif

int (*einc_sys_fault)(enum sys_call call);

/* An errno if the test wants this call to fail. */
static int
fails(enum sys_call call)
{
    int e = einc_sys_fault ? einc_sys_fault(call) : 0;
    if (e <= 0)
        return 0;
    errno = e;
    return e;
}

/* The same for a transfer of `*n` bytes, which may only become shorter. */
static int
fails_or_shortens(enum sys_call call, size_t *n)
{
    int e = einc_sys_fault ? einc_sys_fault(call) : 0;
    if (e == SYS_SHORT && *n > 1)
        *n /= 2;
    if (e <= 0)
        return 0;
    errno = e;
    return e;
}

/* `fd`, or its copy if it has a number of the standard streams. */
static int
spare_stdio(int fd)
{
    if (fd < 0 || fd > 2)
        return fd;
    int high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    einc_sys_close(fd);
    return high;
}

/* --- files --------------------------------------------------------------- */

int
einc_sys_open(int dir, const char *path, int flags, mode_t mode)
{
    if (fails(CALL_OPEN))
        return -1;
    int fd;
    do
        fd = openat(dir, path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return spare_stdio(fd);
}

void
einc_sys_close(int fd)
{
    int keep = errno;
    /* Linux has closed it even where it says EINTR. */
    if (fd >= 0)
        close(fd);
    errno = keep;
}

ssize_t
einc_sys_read(int fd, void *to, size_t n)
{
    if (fails_or_shortens(CALL_READ, &n))
        return -1;
    ssize_t got;
    do
        got = read(fd, to, n);
    while (got < 0 && errno == EINTR);
    return got;
}

ssize_t
einc_sys_write(int fd, const void *from, size_t n)
{
    if (fails_or_shortens(CALL_WRITE, &n))
        return -1;
    ssize_t put;
    do
        put = write(fd, from, n);
    while (put < 0 && errno == EINTR);
    return put;
}

int
einc_sys_read_all(int fd, void *to, size_t n)
{
    for (char *p = to; n;) {
        ssize_t got = einc_sys_read(fd, p, n);
        if (got == 0)
            errno = EIO;
        if (got <= 0)
            return -1;
        p += got;
        n -= (size_t)got;
    }
    return 0;
}

int
einc_sys_write_all(int fd, const void *from, size_t n)
{
    for (const char *p = from; n;) {
        ssize_t put = einc_sys_write(fd, p, n);
        if (put == 0)
            errno = EIO;
        if (put <= 0)
            return -1;
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

int
einc_sys_fsync(int fd)
{
    if (fails(CALL_FSYNC))
        return -1;
    int r;
    do
        r = fsync(fd);
    while (r < 0 && errno == EINTR);
    return r;
}

int
einc_sys_fstat(int fd, struct stat *st)
{
    return fails(CALL_STAT) ? -1 : fstat(fd, st);
}

int
einc_sys_stat(int dir, const char *path, int flags, struct stat *st)
{
    return fails(CALL_STAT) ? -1 : fstatat(dir, path, st, flags);
}

int
einc_sys_executable(const char *path)
{
    return fails(CALL_ACCESS) ? -1
                              : faccessat(AT_FDCWD, path, X_OK, AT_EACCESS);
}

int
einc_sys_realpath(const char *path, char *out)
{
    return fails(CALL_REALPATH) || !realpath(path, out) ? -1 : 0;
}

int
einc_sys_mkdir(int dir, const char *path, mode_t mode)
{
    return fails(CALL_MKDIR) ? -1 : mkdirat(dir, path, mode);
}

int
einc_sys_rename(int dir, const char *from, const char *to)
{
    return fails(CALL_RENAME) ? -1 : renameat(dir, from, dir, to);
}

int
einc_sys_unlink(int dir, const char *path, int flags)
{
    return fails(CALL_UNLINK) ? -1 : unlinkat(dir, path, flags);
}

int
einc_sys_touch(int fd)
{
    return fails(CALL_TOUCH) ? -1 : futimens(fd, NULL);
}

DIR *
einc_sys_list(int dir)
{
    if (fails(CALL_LIST))
        return NULL;
    /* Opened anew: a copied descriptor would share its place in the list. */
    int fd = einc_sys_open(dir, ".", O_RDONLY | O_DIRECTORY, 0);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        einc_sys_close(fd);
    return d;
}

int
einc_sys_lock(int fd)
{
    if (fails(CALL_LOCK))
        return -1;
    int r;
    do
        r = flock(fd, LOCK_EX | LOCK_NB);
    while (r < 0 && errno == EINTR);
    return r;
}

void
einc_sys_unlock(int fd)
{
    flock(fd, LOCK_UN);
}

/* --- the process --------------------------------------------------------- */

uint64_t
einc_sys_random(void)
{
    static _Atomic uint64_t count;
    uint64_t x;
    if (!fails(CALL_RANDOM) &&
        getrandom(&x, sizeof x, GRND_NONBLOCK) == sizeof x)
        return x;
    /* Early at boot or under a strict filter. Whatever is named by this is
     * made with O_EXCL or mkdir, so a guess does not harm. */
    struct timespec t = {0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    x = (uint64_t)t.tv_nsec ^ (uint64_t)t.tv_sec << 30 ^
        (uint64_t)getpid() << 40 ^ atomic_fetch_add(&count, 1) << 52;
    x = (x ^ x >> 31) * 0x9e3779b97f4a7c15u;
    return x ^ x >> 29;
}

int
einc_sys_secure(void)
{
    return fails(CALL_SECURE) || getauxval(AT_SECURE) != 0;
}

int64_t
einc_sys_now(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
einc_sys_sleep(int ms)
{
    poll(NULL, 0, ms);
}

const char *
einc_sys_reason(int err)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 32)
    const char *s = strerrordesc_np(err);
    return s ? s : "unknown error";
#else
    return strerror(err);
#endif
}

/* --- children ------------------------------------------------------------ */

int
einc_sys_pipe(int fd[2])
{
    if (fails(CALL_PIPE) || pipe2(fd, O_CLOEXEC) < 0)
        return -1;
    fd[0] = spare_stdio(fd[0]);
    fd[1] = spare_stdio(fd[1]);
    if (fd[0] >= 0 && fd[1] >= 0 && fcntl(fd[0], F_SETFL, O_NONBLOCK) == 0)
        return 0;
    einc_sys_close(fd[0]);
    einc_sys_close(fd[1]);
    return -1;
}

int
einc_sys_readable(int fd, int ms)
{
    if (fails(CALL_POLL))
        return -1;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int r = poll(&p, 1, ms);
    return r < 0 && errno == EINTR ? 0 : r; /* the caller has a deadline */
}

static int
fill_actions(posix_spawn_file_actions_t *f, const struct sys_spawn *s)
{
    int e = posix_spawn_file_actions_addopen(f, 0, "/dev/null", O_RDONLY, 0);
    if (!e)
        e = posix_spawn_file_actions_adddup2(f, s->out, 1);
    if (!e)
        e = posix_spawn_file_actions_adddup2(f, s->out, 2);
    if (!e)
        e = posix_spawn_file_actions_addfchdir_np(f, s->dir);
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 34)
    if (!e)
        e = posix_spawn_file_actions_addclosefrom_np(f, 3);
#endif
    return e;
}

static int
fill_attributes(posix_spawnattr_t *a)
{
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    int e = posix_spawnattr_setsigdefault(a, &all);
    if (!e)
        e = posix_spawnattr_setsigmask(a, &none);
    if (!e)
        e = posix_spawnattr_setpgroup(a, 0);
    if (!e)
        e = posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGDEF |
                                     POSIX_SPAWN_SETSIGMASK |
                                     POSIX_SPAWN_SETPGROUP);
    return e;
}

int
einc_sys_spawn(const struct sys_spawn *s, pid_t *pid)
{
    if (fails(CALL_SPAWN))
        return -1;
    posix_spawn_file_actions_t f;
    posix_spawnattr_t a;
    int e = posix_spawn_file_actions_init(&f);
    if (e)
        goto out;
    e = posix_spawnattr_init(&a);
    if (e)
        goto destroy_actions;
    e = fill_actions(&f, s);
    if (!e)
        e = fill_attributes(&a);
    if (!e)
        e = posix_spawn(pid, s->path, &f, &a, s->argv, s->envp);
    posix_spawnattr_destroy(&a);
destroy_actions:
    posix_spawn_file_actions_destroy(&f);
out:
    errno = e;
    return e ? -1 : 0;
}

int
einc_sys_ended(pid_t pid)
{
    if (fails(CALL_WAIT))
        return -1;
    siginfo_t info = {0};
    int r;
    do
        r = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -1 : info.si_pid == pid;
}

int
einc_sys_wait(pid_t pid, int *status)
{
    if (fails(CALL_WAIT))
        return -1;
    pid_t r;
    do
        r = waitpid(pid, status, 0);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -1 : 0;
}

void
einc_sys_kill(pid_t pid)
{
    kill(-pid, SIGKILL);
}

/* --- code and threads ---------------------------------------------------- */

int
einc_sys_memfd(const char *name)
{
    if (fails(CALL_MEMFD))
        return -1;
    /* To be mapped, not to be executed: the flag says so to hosts that
     * refuse the other kind (vm.memfd_noexec); old kernels do not know it. */
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING |
                          MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return spare_stdio(fd);
}

int
einc_sys_seal(int fd)
{
    return fails(CALL_SEAL) ? -1
                            : fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK |
                                    F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
}

void *
einc_sys_dlopen(const char *path, const char **error)
{
    *error = "fault of a test";
    if (fails(CALL_DLOPEN))
        return NULL;
    void *h = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!h)
        *error = dlerror();
    return h;
}

void *
einc_sys_dlsym(void *handle, const char *name)
{
    return fails(CALL_DLSYM) ? NULL : dlsym(handle, name);
}

void
einc_sys_dlclose(void *handle)
{
    dlclose(handle);
}

int
einc_sys_thread(pthread_t *thread, void *(*fn)(void *), void *arg)
{
    int e = fails(CALL_THREAD);
    if (e)
        return e;
    /* What the thread does to itself, and what a profiler asks, still gets
     * through; everything else is for the host's own threads. */
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP,
                              SIGABRT, SIGSYS, SIGPROF};
    sigset_t block, before;
    sigfillset(&block);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        sigdelset(&block, own[i]);
    pthread_sigmask(SIG_SETMASK, &block, &before);
    e = pthread_create(thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return e;
}

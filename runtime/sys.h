/* SPDX-License-Identifier: MIT
 *
 * sys.h - the calls of the operating system that runtime/ makes, each once,
 * so that a test can make the Nth of them fail. Unless said otherwise they
 * return -1 and leave errno as the call of that name does. Descriptors are
 * close-on-exec and never 0, 1 or 2: a host that closed its stderr must not
 * find its messages in our files. EINTR never comes back.
 */
#ifndef EINC_RUNTIME_SYS_H
#define EINC_RUNTIME_SYS_H

#include <dirent.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

enum sys_call {
    CALL_OPEN, CALL_READ, CALL_WRITE, CALL_FSYNC, CALL_STAT, CALL_ACCESS,
    CALL_REALPATH, CALL_MKDIR, CALL_RENAME, CALL_UNLINK, CALL_TOUCH,
    CALL_LIST, CALL_LOCK, CALL_RANDOM, CALL_SECURE,
    CALL_PIPE, CALL_POLL, CALL_SPAWN, CALL_WAIT,
    CALL_MEMFD, CALL_SEAL, CALL_DLOPEN, CALL_DLSYM, CALL_THREAD,
    CALL_KINDS
};

/* For tests; NULL otherwise. Asked once before every call: 0 goes on, an
 * errno fails the call without making it, SYS_SHORT halves a transfer. Set it
 * while no other thread is in runtime/. */
#define SYS_SHORT (-1)
extern int (*einc_sys_fault)(enum sys_call call);

/* --- files; `dir` is a descriptor or AT_FDCWD ---------------------------- */

int einc_sys_open(int dir, const char *path, int flags, mode_t mode);
void einc_sys_close(int fd); /* -1 is fine; keeps errno */
ssize_t einc_sys_read(int fd, void *to, size_t n);
ssize_t einc_sys_write(int fd, const void *from, size_t n);
/* All `n` bytes: 0, or -1 on an error or an early end (errno EIO). */
int einc_sys_read_all(int fd, void *to, size_t n);
int einc_sys_write_all(int fd, const void *from, size_t n);
int einc_sys_fsync(int fd);
int einc_sys_fstat(int fd, struct stat *st);
int einc_sys_stat(int dir, const char *path, int flags, struct stat *st);
int einc_sys_executable(const char *path); /* 0 if we may run it */
/* `out` has room for 4096 bytes. */
int einc_sys_realpath(const char *path, char *out);
int einc_sys_mkdir(int dir, const char *path, mode_t mode);
int einc_sys_rename(int dir, const char *from, const char *to);
int einc_sys_unlink(int dir, const char *path, int flags);
/* Sets the times of an open file to now. */
int einc_sys_touch(int fd);
/* Lists the directory that is open as `dir`, from its beginning. NULL or to
 * be closed with closedir(). */
DIR *einc_sys_list(int dir);
/* Takes the lock on an open file if it is free, else fails (EWOULDBLOCK). It
 * goes with the descriptor. */
int einc_sys_lock(int fd);
/* Frees it, also where a forked child holds the descriptor, too. */
void einc_sys_unlock(int fd);

/* --- the process --------------------------------------------------------- */

/* 64 bits that others do not guess; never fails, then it only differs. */
uint64_t einc_sys_random(void);
/* Not 0 if we run with more rights than our user (set-uid, capabilities). */
int einc_sys_secure(void);
/* Milliseconds of a clock that only goes forward. */
int64_t einc_sys_now(void);
void einc_sys_sleep(int ms);
/* What errno `err` means; not translated, not to be freed. */
const char *einc_sys_reason(int err);

/* --- children ------------------------------------------------------------ */

struct sys_spawn {
    const char *path;    /* absolute */
    char *const *argv;
    char *const *envp;
    int dir;             /* its working directory */
    int out;             /* its stdout and stderr; stdin is /dev/null */
};

/* fd[0] reads and does not block, fd[1] writes. */
int einc_sys_pipe(int fd[2]);
/* 1 if `fd` can be read (or has ended) within `ms`, 0 if not. */
int einc_sys_readable(int fd, int ms);
/* Starts a program as the leader of its own process group, all signals at
 * their default, all other descriptors closed. */
int einc_sys_spawn(const struct sys_spawn *s, pid_t *pid);
/* 1 if child `pid` has ended; it remains to be waited for. 0 if it runs. -1
 * if it is not ours (any more): the host ignores SIGCHLD or waits for all. */
int einc_sys_ended(pid_t pid);
/* Waits for child `pid` and no other. */
int einc_sys_wait(pid_t pid, int *status);
/* SIGKILL to the group of child `pid`, which has not been waited for. */
void einc_sys_kill(pid_t pid);

/* --- code and threads ---------------------------------------------------- */

/* An empty file in memory. */
int einc_sys_memfd(const char *name);
/* Nobody changes that file any more. */
int einc_sys_seal(int fd);
/* NULL and the reason in *error, which lives until the thread's next call. */
void *einc_sys_dlopen(const char *path, const char **error);
void *einc_sys_dlsym(void *handle, const char *name);
void einc_sys_dlclose(void *handle);
/* 0 or an errno. Signals of the host are not delivered to the thread. */
int einc_sys_thread(pthread_t *thread, void *(*fn)(void *), void *arg);

#endif

/* SPDX-License-Identifier: MIT
 * interrupt.c - cleaning up in a signal handler, where only system calls may
 * be made: no opendir(), no printf(), no malloc(). */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/interrupt.h"

enum { SLOTS = 2 };

static char pending[SLOTS][INTERRUPT_PATH_MAX]; /* "": free */
/* "einc-PID-": how the library names the directories it compiles in, and
 * where it makes them. Set before a handler is. */
static char prefix[32];
static const char *parents[] = {NULL, "/tmp", "/dev/shm"};

enum { N_PARENTS = sizeof(parents) / sizeof(parents[0]) };

static void
remove_entry(int dir, const char *name)
{
    unlinkat(dir, name, 0); /* "." and ".." are refused */
}

/* Calls f for each entry of a directory, which it closes. */
static void
each_entry(int dir, void (*f)(int dir, const char *name))
{
    _Alignas(struct dirent64) char bytes[4096];
    ssize_t n;

    if (dir < 0)
        return;
    while ((n = getdents64(dir, bytes, sizeof(bytes))) > 0)
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *e = (const void *)(bytes + at);
            f(dir, e->d_name);
            at += e->d_reclen;
        }
    close(dir);
}

static void
remove_scratch(int dir, const char *name)
{
    if (strncmp(name, prefix, strlen(prefix)))
        return;
    each_entry(openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
               remove_entry);
    unlinkat(dir, name, AT_REMOVEDIR);
}

static void
on_interrupt(int signal_number)
{
    for (int i = 0; i < SLOTS; i++)
        if (pending[i][0])
            unlink(pending[i]);
    for (int i = 0; i < N_PARENTS; i++)
        if (parents[i])
            each_entry(open(parents[i], O_RDONLY | O_DIRECTORY),
                       remove_scratch);
    signal(signal_number, SIG_DFL); /* so that the shell sees the reason */
    raise(signal_number);
}

static void
interrupts(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
}

void
einc_interrupt_catch(void)
{
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action, old;

    snprintf(prefix, sizeof(prefix), "einc-%ld-", (long)getpid());
    parents[0] = getenv("TMPDIR");
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_interrupt;
    interrupts(&action.sa_mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (!sigaction(numbers[i], NULL, &old) && old.sa_handler == SIG_DFL)
            sigaction(numbers[i], &action, NULL);
}

void
einc_interrupt_block(sigset_t *before)
{
    sigset_t set;

    interrupts(&set);
    sigprocmask(SIG_BLOCK, &set, before);
}

void
einc_interrupt_unblock(const sigset_t *before)
{
    sigprocmask(SIG_SETMASK, before, NULL);
}

int
einc_interrupt_add(const char *path)
{
    const size_t n = strlen(path) + 1;

    for (int i = 0; i < SLOTS && n <= sizeof(pending[i]); i++)
        if (!pending[i][0]) {
            memcpy(pending[i], path, n);
            return i;
        }
    return -1;
}

void
einc_interrupt_drop(int slot)
{
    pending[slot][0] = '\0';
}

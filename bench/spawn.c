/* SPDX-License-Identifier: MIT
 *
 * spawn.c - see spawn.h.
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rounds.h"

extern char **environ;

static void
read_text(int from, char *text, size_t bytes)
{
    char piece[512];
    size_t n = 0;
    for (;;) {
        ssize_t got = read(from, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        for (ssize_t j = 0; j < got && text && n + 1 < bytes; j++)
            text[n++] = piece[j];
    }
    if (text)
        text[n] = '\0';
}

bool
spawn_run(const char *const argv[], char *text, size_t bytes, double *seconds)
{
    int ends[2], status = 1;
    pid_t pid;
    if (pipe2(ends, O_CLOEXEC))
        return false;
    posix_spawn_file_actions_t a;
    posix_spawn_file_actions_init(&a);
    posix_spawn_file_actions_adddup2(&a, ends[1], 1);
    double start = rounds_seconds(CLOCK_MONOTONIC);
    int failed = posix_spawn(&pid, argv[0], &a, NULL, (char *const *)argv,
                             environ);
    posix_spawn_file_actions_destroy(&a);
    close(ends[1]);
    if (!failed) {
        read_text(ends[0], text, bytes);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    *seconds = rounds_seconds(CLOCK_MONOTONIC) - start;
    close(ends[0]);
    return !failed && status == 0;
}

bool
spawn_folder(char *path, size_t bytes)
{
    const char *where = getenv("TMPDIR");
    snprintf(path, bytes, "%s/einc-bench-XXXXXX",
             where && *where ? where : "/tmp");
    return mkdtemp(path) != NULL;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void
spawn_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* SPDX-License-Identifier: MIT
 *
 * python.c - see python.h; the other end is worker.py.
 */
#include "python.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { PATIENCE_MS = 240000 };

struct python {
    pid_t pid;
    int to, from, file; /* commands, answers, operands and results */
    char found[256];    /* what the worker has */
    char answer[512];
};

/* One line, or NULL: the worker is gone or hangs. */
static const char *
receive(struct python *p)
{
    size_t n = 0;
    while (n + 1 < sizeof p->answer) {
        struct pollfd ready = {.fd = p->from, .events = POLLIN};
        int some = poll(&ready, 1, PATIENCE_MS);
        if (some < 0 && errno == EINTR)
            continue;
        if (some <= 0 || read(p->from, p->answer + n, 1) != 1)
            return NULL;
        if (p->answer[n++] == '\n')
            break;
    }
    p->answer[n - 1] = '\0';
    return p->answer;
}

/* The answer after "ok ", or NULL; then `answer` has the reason. */
static const char *
ask(struct python *p, const char *command)
{
    size_t n = strlen(command);
    if (p->pid <= 0 || write(p->to, command, n) != (ssize_t)n || !receive(p)) {
        snprintf(p->answer, sizeof p->answer, "no answer");
        if (p->pid > 0) { /* it is of no use any more */
            kill(p->pid, SIGKILL);
            waitpid(p->pid, NULL, 0);
            p->pid = 0;
        }
        return NULL;
    }
    if (strncmp(p->answer, "ok", 2) != 0)
        return NULL;
    return p->answer + (p->answer[2] ? 3 : 2);
}

static void
say_why(const struct python *p, char *why, int bytes)
{
    const char *z = p->answer;
    snprintf(why, (size_t)bytes, "%s", strncmp(z, "no ", 3) ? z : z + 3);
}

/* One thread, whatever library it is; no compiled files left behind. */
static void
hold_to_one_thread(void)
{
    static const char *const names[] = {
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS", "PYTHONDONTWRITEBYTECODE"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        setenv(names[n], "1", 1);
}

static bool
start(struct python *p, const char *worker, const int in[2], const int out[2])
{
    const char *python = getenv("EINC_BENCH_PYTHON");
    const char *argv[] = {python && *python ? python : "python3", worker,
                          NULL};
    posix_spawn_file_actions_t a;
    posix_spawn_file_actions_init(&a);
    posix_spawn_file_actions_adddup2(&a, in[0], 0);
    posix_spawn_file_actions_adddup2(&a, out[1], 1);
    posix_spawn_file_actions_adddup2(&a, p->file, 3);
    int failed = posix_spawnp(&p->pid, argv[0], &a, NULL,
                              (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&a);
    if (failed)
        p->pid = 0;
    return !failed;
}

struct python *
python_open(const char *worker, char *why, int why_bytes)
{
    int in[2], out[2];
    struct python *p = calloc(1, sizeof *p);
    snprintf(why, (size_t)why_bytes, "python3 cannot be started");
    if (!p)
        return NULL;
    p->file = memfd_create("operands", MFD_CLOEXEC);
    if (p->file < 0 || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) {
        free(p);
        return NULL;
    }
    signal(SIGPIPE, SIG_IGN);
    hold_to_one_thread();
    bool ok = start(p, worker, in, out);
    close(in[0]);
    close(out[1]);
    p->to = in[1];
    p->from = out[0];
    if (ok && (!receive(p) || strncmp(p->answer, "ok ", 3) != 0)) {
        say_why(p, why, why_bytes);
        ok = false;
    }
    if (ok) {
        snprintf(p->found, sizeof p->found, "%.250s", p->answer + 3);
        return p;
    }
    python_close(p);
    return NULL;
}

void
python_close(struct python *p)
{
    if (!p)
        return;
    close(p->to); /* it ends when its input does */
    close(p->from);
    close(p->file);
    if (p->pid > 0)
        waitpid(p->pid, NULL, 0);
    free(p);
}

const char *
python_found(const struct python *p)
{
    return p->found;
}

/* --- operands and results ----------------------------------------------- */

static bool
write_all(int file, const void *data, size_t bytes, off_t at)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = pwrite(file, (const char *)data + done, bytes - done,
                           at + (off_t)done);
        if (n <= 0 && errno != EINTR)
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool
read_all(int file, void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = pread(file, (char *)data + done, bytes - done,
                          (off_t)done);
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* " f32:2x3" at the end of `line` */
static void
add_tensor(char *line, size_t bytes, const struct tensor *t)
{
    size_t n = strlen(line);
    n += (size_t)snprintf(line + n, bytes - n, " %s:",
                          einc_dtype_name((enum einc_dtype)t->layout.dtype));
    for (int d = 0; d < t->layout.ndim; d++)
        n += (size_t)snprintf(line + n, bytes - n, "%s%lld", d ? "x" : "",
                              (long long)t->shape[d]);
}

bool
python_open_case(struct python *p, const char *task, const struct tensor *out,
                 const struct tensor *const in[], int n_in)
{
    char line[1024];
    off_t at = 0;
    snprintf(line, sizeof line, "open %s", task);
    add_tensor(line, sizeof line, out);
    for (int x = 0; x < n_in; x++) {
        add_tensor(line, sizeof line, in[x]);
        if (!write_all(p->file, in[x]->data, in[x]->bytes, at))
            return false;
        at += (off_t)in[x]->bytes;
    }
    snprintf(line + strlen(line), sizeof line - strlen(line), "\n");
    bool ok = ask(p, line) != NULL;
    return ftruncate(p->file, 0) == 0 && ok;
}

bool
python_load(struct python *p, const struct subject *s)
{
    const struct tensor *in[MOST_OPERANDS];
    for (int x = 0; x < s->n_in; x++)
        in[x] = &s->in[x];
    return python_open_case(p, s->expr, &s->out, in, s->n_in);
}

double
python_check(struct python *p, const char *method, void *result, size_t bytes,
             char *why, int why_bytes)
{
    char line[128];
    snprintf(line, sizeof line, "check %s\n", method);
    const char *answer = ask(p, line);
    double spent = answer ? strtod(answer, NULL) : -1;
    say_why(p, why, why_bytes);
    if (answer && !read_all(p->file, result, bytes))
        spent = -1;
    return ftruncate(p->file, 0) == 0 ? spent : -1;
}

double
python_time(struct python *p, const char *method, int64_t calls)
{
    char line[128];
    snprintf(line, sizeof line, "time %s %lld\n", method, (long long)calls);
    const char *answer = ask(p, line);
    return answer ? strtod(answer, NULL) : -1;
}

void
python_unload(struct python *p)
{
    ask(p, "close\n");
}

/* SPDX-License-Identifier: MIT
 * file.c - whole files in, complete files out. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/file.h"
#include "cli/say.h"

/* --- what an interrupt removes: written here only, with signals blocked */

enum { SLOTS = 2 };

static char pending[SLOTS][FILE_PATH_MAX]; /* "": free */

static void
on_interrupt(int signal_number)
{
    for (int i = 0; i < SLOTS; i++)
        if (pending[i][0])
            unlink(pending[i]);
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

static void
catch_interrupts(void)
{
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action, old;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_interrupt;
    interrupts(&action.sa_mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (!sigaction(numbers[i], NULL, &old) && old.sa_handler == SIG_DFL)
            sigaction(numbers[i], &action, NULL);
}

/* --- reading */

static char *
read_stream(FILE *f)
{
    size_t n = 0, room = 4096;
    char *text = malloc(room);

    while (text) {
        n += fread(text + n, 1, room - n - 1, f);
        if (n < room - 1)
            break;
        char *more = room <= SIZE_MAX / 2 ? realloc(text, room *= 2) : NULL;
        if (!more)
            free(text);
        text = more;
    }
    if (text && ferror(f)) {
        free(text);
        return NULL;
    }
    if (text)
        text[n] = '\0';
    return text;
}

char *
einc_file_read(const char *path)
{
    const int from_stdin = !strcmp(path, "-");

    errno = 0;
    FILE *f = from_stdin ? stdin : fopen(path, "rb");
    char *text = f ? read_stream(f) : NULL;
    if (!text)
        einc_say(EXIT_ENV, "cannot read %s: %s", path,
                 errno ? strerror(errno) : "it does not fit in memory");
    if (f && !from_stdin)
        fclose(f);
    return text;
}

/* --- writing */

static int
refuse(const char *path)
{
    return einc_say(EXIT_ENV, "%s exists; -f replaces it", path);
}

static int
cannot_write(const char *path)
{
    return einc_say(EXIT_ENV, "cannot write %s: %s", path, strerror(errno));
}

/* A new file beside o->path, on the interrupt's list before it exists. */
static int
open_beside(struct output *o, mode_t mode)
{
    sigset_t set, before;
    int fd = -1, slot = 0;

    while (slot < SLOTS && pending[slot][0])
        slot++;
    if (slot == SLOTS
        || snprintf(o->temp, sizeof(o->temp), "%s.XXXXXX", o->path)
               >= (int)sizeof(o->temp)) {
        errno = slot == SLOTS ? EMFILE : ENAMETOOLONG;
        return cannot_write(o->path);
    }
    catch_interrupts();
    interrupts(&set);
    sigprocmask(SIG_BLOCK, &set, &before);
    fd = mkstemp(o->temp);
    if (fd >= 0) {
        memcpy(pending[slot], o->temp, sizeof(o->temp));
        o->slot = slot;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (fd < 0 || fchmod(fd, mode) || !(o->stream = fdopen(fd, "wb"))) {
        const int code = cannot_write(o->path);
        if (fd >= 0)
            close(fd);
        einc_output_abandon(o);
        return code;
    }
    return EXIT_DONE;
}

/* Mode of a new file, as open() would give it. */
static mode_t
fresh_mode(void)
{
    const mode_t mask = umask(0);

    umask(mask);
    return 0666 & ~mask;
}

int
einc_output_open(struct output *o, const char *path, int force)
{
    struct stat st;

    memset(o, 0, sizeof(*o));
    o->path = path;
    o->force = force;
    o->slot = -1;
    if (!strcmp(path, "-")) {
        o->stream = stdout;
        return EXIT_DONE;
    }
    if (stat(path, &st)) /* also a link to nowhere: rename replaces it */
        return open_beside(o, fresh_mode());
    if (S_ISREG(st.st_mode))
        return force ? open_beside(o, st.st_mode & 0777) : refuse(path);
    o->stream = fopen(path, "wb"); /* a device or a pipe has no beside */
    return o->stream ? EXIT_DONE : cannot_write(path);
}

/* Moves the temporary file. Without force by link(), which fails where a file
 * came up meanwhile; not every file system has links, hence the rename. */
static int
publish(struct output *o)
{
    if (!o->force && !link(o->temp, o->path)) {
        unlink(o->temp);
        return EXIT_DONE;
    }
    if (!o->force && errno == EEXIST)
        return refuse(o->path);
    return rename(o->temp, o->path) ? cannot_write(o->path) : EXIT_DONE;
}

int
einc_output_commit(struct output *o)
{
    const int bad = ferror(o->stream) | fflush(o->stream);
    const int closed = o->stream == stdout ? 0 : fclose(o->stream);
    int code = EXIT_DONE;

    o->stream = NULL;
    if (bad || closed)
        code = cannot_write(o->slot < 0 && !strcmp(o->path, "-") ? "stdout"
                                                                 : o->path);
    else if (o->slot >= 0)
        code = publish(o);
    if (code == EXIT_DONE && o->slot >= 0)
        pending[o->slot][0] = '\0';
    else
        einc_output_abandon(o);
    return code;
}

void
einc_output_abandon(struct output *o)
{
    if (o->stream && o->stream != stdout)
        fclose(o->stream);
    o->stream = NULL;
    if (o->slot >= 0) {
        unlink(o->temp);
        pending[o->slot][0] = '\0';
    }
    o->slot = -1;
}

/* SPDX-License-Identifier: MIT
 * file.c - whole files in, complete files out. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/file.h"
#include "cli/interrupt.h"
#include "cli/say.h"

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

/* A new file beside o->path, which an interrupt removes. */
static int
open_beside(struct output *o, mode_t mode)
{
    sigset_t before;

    if (snprintf(o->temp, sizeof(o->temp), "%s.XXXXXX", o->path)
        >= (int)sizeof(o->temp)) {
        errno = ENAMETOOLONG;
        return cannot_write(o->path);
    }
    einc_interrupt_block(&before);
    const int fd = mkstemp(o->temp);
    if (fd >= 0)
        o->slot = einc_interrupt_add(o->temp);
    einc_interrupt_unblock(&before);
    if (fd >= 0 && o->slot >= 0 && !fchmod(fd, mode)
        && (o->stream = fdopen(fd, "wb")))
        return EXIT_DONE;
    const int code = cannot_write(o->path);
    if (fd >= 0) {
        close(fd);
        unlink(o->temp);
    }
    einc_output_abandon(o);
    return code;
}

/* Mode of a new file, as open() would give it. */
static mode_t
fresh_mode(void)
{
    const mode_t mask = umask(0);

    umask(mask);
    return 0666 & ~mask;
}

/* Finds a path's folder; returns its last name, or NULL if there is none. */
static const char *
look_up(const char *path, struct stat *folder)
{
    char text[FILE_PATH_MAX];
    const char *slash = strrchr(path, '/');
    const int n = slash ? (int)(slash - path) + 1 : 0;

    if (snprintf(text, sizeof(text), "%.*s.", n, path) >= (int)sizeof(text)
        || stat(text, folder))
        return NULL;
    return path + n;
}

int
einc_output_same(const char *a, const char *b)
{
    struct stat in_a, in_b, st;

    if (!strcmp(a, "-") || !strcmp(b, "-")
        || (!stat(a, &st) && !S_ISREG(st.st_mode)))
        return 0; /* one after the other */
    const char *last_a = look_up(a, &in_a), *last_b = look_up(b, &in_b);
    return last_a && last_b && !strcmp(last_a, last_b)
           && in_a.st_dev == in_b.st_dev && in_a.st_ino == in_b.st_ino;
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
        einc_interrupt_drop(o->slot);
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
        einc_interrupt_drop(o->slot);
    }
    o->slot = -1;
}

/* SPDX-License-Identifier: MIT
 *
 * machine_file.c - see machine_file.h.
 */
#include "runtime/machine_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sys.h"

/* --- where -------------------------------------------------------------- */

static void
set_path(struct machine_place *p, const char *base, const char *below)
{
    int n = snprintf(p->path, sizeof p->path, "%s%s", base, below);
    p->home_bytes = strlen(base);
    if (n < 0 || (size_t)n >= sizeof p->path)
        p->path[0] = '\0';
}

void
einc_machine_find(const char *file, struct machine_place *p)
{
    static const char word[] = "default";
    size_t n = sizeof word - 1;
    *p = (struct machine_place){.shipped = NULL};
    if (einc_sys_secure()) {
        p->shipped = "";
        return;
    }
    const char *z = file ? file : getenv("EINC_MACHINE");
    if (!file && z && strncmp(z, word, n) == 0 && (!z[n] || z[n] == ':')) {
        p->shipped = z[n] ? z + n + 1 : "";
    } else if (z && *z) {
        set_path(p, z, "");
        p->named = 1;
    } else if ((z = getenv("XDG_CONFIG_HOME")) && *z == '/') {
        set_path(p, z, "/einc/machine");
    } else if ((z = getenv("HOME")) && *z == '/') {
        set_path(p, z, "/.config/einc/machine");
    }
}

/* --- reading ------------------------------------------------------------ */

enum { MOST_BYTES = 1 << 14 }; /* of a table; one has some 800 */

static enum einc_status
give_up(struct trouble *why, const char *path, const char *what)
{
    return einc_trouble(why, EINC_ECACHE, "machine table '%.900s': %s", path,
                        what);
}

/* The whole of a small regular file; its length, or -1 with errno: EFBIG for
 * one that is larger, EINVAL for what is no file. `flags` beside O_RDONLY. */
static ssize_t
read_file(const char *path, int flags, char *to)
{
    struct stat st;
    size_t n = 0;
    ssize_t got = -1;
    /* O_NONBLOCK: a pipe of that name must not hold up the caller. */
    int fd = einc_sys_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | flags, 0);
    if (fd < 0)
        return -1;
    if (einc_sys_fstat(fd, &st) == 0) {
        errno = EINVAL;
        while (S_ISREG(st.st_mode) && n < MOST_BYTES &&
               (got = einc_sys_read(fd, to + n, MOST_BYTES - n)) > 0)
            n += (size_t)got;
        if (n == MOST_BYTES) {
            errno = EFBIG;
            got = -1;
        }
    }
    einc_sys_close(fd);
    return got < 0 ? -1 : (ssize_t)n;
}

enum einc_status
einc_machine_load(const char *path, struct machine *m, int *missing,
                  struct trouble *why)
{
    char text[MOST_BYTES];
    struct machine_trouble trouble;
    ssize_t n = read_file(path, 0, text);
    *missing = n < 0 && (errno == ENOENT || errno == ENOTDIR);
    if (n < 0)
        return give_up(why, path,
                       errno == EINVAL ? "it is no file"
                                       : einc_sys_reason(errno));
    if (einc_machine_read(m, (struct str){text, n}, &trouble))
        return EINC_OK;
    if (trouble.line)
        return einc_trouble(why, EINC_ECACHE,
                            "machine table '%.900s': line %d: %s", path,
                            trouble.line, trouble.text);
    return give_up(why, path, trouble.text);
}

/* --- writing ------------------------------------------------------------ */

/* A file may take a name that none has, or a table. */
enum einc_status
einc_machine_may_store(const struct machine_place *place, struct trouble *why)
{
    char text[MOST_BYTES];
    struct stat st;
    const char *path = place->path;
    if (!*path)
        return einc_trouble(why, EINC_ECACHE,
                            "nowhere to keep a machine table: %s; set "
                            "EINC_MACHINE to a file",
                            place->shipped
                                ? "EINC_MACHINE names a shipped one"
                                : "neither XDG_CONFIG_HOME nor HOME is a "
                                  "path that can be used");
    if (einc_sys_stat(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &st) < 0)
        return errno == ENOENT ? EINC_OK
                               : give_up(why, path, einc_sys_reason(errno));
    ssize_t n = read_file(path, O_NOFOLLOW, text);
    if (n >= 0 && einc_machine_is_table((struct str){text, n}))
        return EINC_OK;
    return give_up(why, path, "something else has that name, and stays; "
                              "remove it, or set EINC_MACHINE to another "
                              "file");
}

/* Makes the missing folders of a path, its last part excluded, from byte
 * `from` on; who writes there will see failures. */
static void
make_folders(char *path, size_t from)
{
    for (char *p = path + from; *p; p++)
        if (*p == '/' && p > path) {
            *p = '\0';
            einc_sys_mkdir(AT_FDCWD, path, 0755);
            *p = '/';
        }
}

static int
write_temp(const char *temp, const char *text, size_t n)
{
    int fd = einc_sys_open(AT_FDCWD, temp, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd < 0)
        return -1;
    int r = einc_sys_write_all(fd, text, n);
    if (r == 0)
        r = einc_sys_fsync(fd);
    einc_sys_close(fd);
    if (r < 0) {
        int e = errno;
        einc_sys_unlink(AT_FDCWD, temp, 0);
        errno = e;
    }
    return r;
}

enum einc_status
einc_machine_store(const struct machine_place *place, const char *text,
                   size_t n, struct trouble *why)
{
    char path[MACHINE_PATH_MAX], temp[MACHINE_PATH_MAX + 24];
    enum einc_status status = einc_machine_may_store(place, why);
    if (status != EINC_OK)
        return status;
    memcpy(path, place->path, sizeof path);
    snprintf(temp, sizeof temp, "%s.%016llx", path,
             (unsigned long long)einc_sys_random());
    if (!place->named)
        make_folders(path, place->home_bytes + 1);
    if (write_temp(temp, text, n) < 0)
        return give_up(why, path, einc_sys_reason(errno));
    if (einc_sys_rename(AT_FDCWD, temp, path) < 0) {
        int e = errno;
        einc_sys_unlink(AT_FDCWD, temp, 0);
        return give_up(why, path, einc_sys_reason(e));
    }
    return EINC_OK;
}

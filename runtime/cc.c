/* SPDX-License-Identifier: MIT
 *
 * cc.c - see cc.h. The compiler runs inside a directory that only we can
 * reach and that we hold open: its files have short relative names, whatever
 * TMPDIR is called, and nobody can put another directory in its place. The
 * source is a file there and not a pipe to stdin: nothing can block, no
 * SIGPIPE can hit the host, and wrappers such as ccache understand it.
 */
#include "runtime/cc.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/sys.h"

extern char **environ;

#define SOURCE_NAME "k.c"
#define OUTPUT_NAME "k.so"
#define TIMEOUT_MS 60000
#define BINARY_BYTES ((off_t)64 * 1024 * 1024)

/* --- finding ------------------------------------------------------------- */

static const char *
last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Fills `found` if `path` is a program. */
static int
try_path(const char *path, struct cc *found)
{
    char real[4096];
    struct stat st;
    size_t n = strlen(path);
    if (n >= sizeof found->path || einc_sys_stat(AT_FDCWD, path, 0, &st) < 0 ||
        !S_ISREG(st.st_mode) || einc_sys_executable(path) < 0 ||
        einc_sys_realpath(path, real) < 0)
        return 0;
    memcpy(found->path, path, n + 1);
    /* The name by which it is called counts, too: ccache and gcc look at it. */
    snprintf(found->identity, sizeof found->identity,
             "%s as %.255s, %lld bytes, of %lld.%09ld, inode %llu", real,
             last_part(path), (long long)st.st_size,
             (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
             (unsigned long long)st.st_ino);
    found->is_clang = strstr(last_part(real), "clang") != NULL;
    found->timeout_ms = TIMEOUT_MS;
    found->stop = NULL;
    found->environment = NULL;
    return 1;
}

/* Looks in the absolute directories of PATH. */
static int
search(const char *name, struct cc *found)
{
    const char *dirs = getenv("PATH");
    char path[4096];
    if (!*name)
        return 0;
    if (!dirs)
        dirs = "/usr/local/bin:/usr/bin:/bin";
    for (const char *d = dirs; *d; d += *d == ':') {
        int n = (int)strcspn(d, ":");
        int m = *d == '/' ? snprintf(path, sizeof path, "%.*s/%s", n, d, name)
                          : -1;
        if (m > 0 && (size_t)m < sizeof path && try_path(path, found))
            return 1;
        d += n;
    }
    return 0;
}

static int
find_one(const char *name, struct cc *found)
{
    if (strchr(name, '/'))
        return *name == '/' && try_path(name, found);
    return search(name, found);
}

enum einc_status
einc_cc_find(const char *cc, struct cc *found, struct trouble *why)
{
    static const char *const list[] = {"cc", "gcc", "clang"};
    if (einc_sys_secure())
        return einc_trouble(why, EINC_ECOMPILER, "no compiler is run: this "
                            "process has more rights than its user (set-uid)");
    const char *demand = cc ? cc : getenv("EINC_CC");
    if (demand)
        return find_one(demand, found) ? EINC_OK :
               einc_trouble(why, EINC_ECOMPILER, "C compiler '%.900s' (%s): "
                            "not an absolute path of a program, nor the name "
                            "of one in PATH", demand,
                            cc ? "configured" : "EINC_CC");
    const char *wish = getenv("CC");
    if (wish && find_one(wish, found))
        return EINC_OK;
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
        if (search(list[i], found))
            return EINC_OK;
    return einc_trouble(why, EINC_ECOMPILER, "no C compiler: looked for%s%.300s "
                        "cc, gcc, clang in PATH; set EINC_CC to one",
                        wish ? " CC=" : "", wish ? wish : "");
}

/* --- a private directory ------------------------------------------------- */

struct scratch {
    int parent, dir;  /* descriptors */
    char path[4096];  /* of `parent`, then a slash and the name */
    const char *name; /* in `path` */
};

/* Only we can put something in its place: nobody else may write to it, or it
 * is sticky like /tmp. */
static int
is_safe_parent(int fd)
{
    struct stat st;
    if (einc_sys_fstat(fd, &st) < 0)
        return 0;
    errno = EPERM;
    return (st.st_uid == geteuid() || st.st_uid == 0) &&
           ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (st.st_mode & S_ISVTX));
}

/* The new directory, held open, if it is what we have made. */
static int
make_dir(int parent, const char *name)
{
    struct stat st;
    if (einc_sys_mkdir(parent, name, 0700) < 0)
        return -1;
    int fd = einc_sys_open(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
                           0);
    if (fd >= 0 && einc_sys_fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
        (st.st_mode & 077) == 0)
        return fd;
    int keep = fd < 0 ? errno : EPERM;
    einc_sys_close(fd);
    einc_sys_unlink(parent, name, AT_REMOVEDIR);
    errno = keep;
    return -1;
}

static int
open_scratch_in(const char *parent, struct scratch *s)
{
    int n = snprintf(s->path, sizeof s->path, "%s/einc-%ld-%016llx", parent,
                     (long)getpid(), (unsigned long long)einc_sys_random());
    if (n < 0 || (size_t)n >= sizeof s->path || *parent != '/')
        return 0;
    s->name = last_part(s->path);
    s->parent = einc_sys_open(AT_FDCWD, parent, O_RDONLY | O_DIRECTORY, 0);
    if (s->parent < 0)
        return 0;
    s->dir = is_safe_parent(s->parent) ? make_dir(s->parent, s->name) : -1;
    if (s->dir < 0)
        einc_sys_close(s->parent);
    return s->dir >= 0;
}

static int
open_scratch(struct scratch *s, const char *tmpdir, struct trouble *why)
{
    if (einc_sys_secure())
        tmpdir = NULL;
    if ((tmpdir && open_scratch_in(tmpdir, s)) ||
        open_scratch_in("/tmp", s) || open_scratch_in("/dev/shm", s))
        return 1;
    einc_trouble(why, EINC_ECOMPILER, "cannot make a private directory for "
                 "the compiler in%s%.900s /tmp or /dev/shm: %s; set TMPDIR",
                 tmpdir ? " TMPDIR=" : "", tmpdir ? tmpdir : "",
                 einc_sys_reason(errno));
    return 0;
}

/* Removes it with all files in it: a compiler that was killed leaves some. */
static void
close_scratch(struct scratch *s)
{
    DIR *d = einc_sys_list(s->dir);
    for (struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            einc_sys_unlink(s->dir, e->d_name, 0);
    if (d)
        closedir(d);
    else { /* could not list it; these are what there should be */
        einc_sys_unlink(s->dir, SOURCE_NAME, 0);
        einc_sys_unlink(s->dir, OUTPUT_NAME, 0);
    }
    einc_sys_close(s->dir);
    einc_sys_unlink(s->parent, s->name, AT_REMOVEDIR);
    einc_sys_close(s->parent);
}

static int
put_file(const struct scratch *s, const char *name, const void *bytes,
         size_t n)
{
    int fd = einc_sys_open(s->dir, name, O_WRONLY | O_CREAT | O_EXCL |
                           O_NOFOLLOW, 0600);
    int r = fd < 0 ? -1 : einc_sys_write_all(fd, bytes, n);
    einc_sys_close(fd);
    return r;
}

/* --- shared objects ------------------------------------------------------ */

static int
fits(uint64_t begin, uint64_t size, size_t n_bytes)
{
    return begin <= n_bytes && size <= n_bytes - begin;
}

/* dlopen() maps what the headers say: a file that ends before that passes,
 * and kills us with SIGBUS when its pages are touched. */
static int
is_whole(const void *binary, size_t n)
{
    const char *bytes = binary;
    ElfW(Ehdr) h;
    ElfW(Phdr) p;
    if (n < sizeof h)
        return 0;
    memcpy(&h, bytes, sizeof h);
    if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_type != ET_DYN ||
        h.e_phentsize != sizeof p || h.e_phnum == 0 ||
        !fits(h.e_phoff, (uint64_t)h.e_phnum * sizeof p, n) ||
        !fits(h.e_shoff, (uint64_t)h.e_shnum * h.e_shentsize, n))
        return 0;
    for (unsigned i = 0; i < h.e_phnum; i++) {
        memcpy(&p, bytes + h.e_phoff + i * sizeof p, sizeof p);
        if (!fits(p.p_offset, p.p_filesz, n))
            return 0;
    }
    return 1;
}

/* --- compiling ----------------------------------------------------------- */

/* The first of what the compiler prints; the rest is read and dropped. */
struct output {
    char text[1400];
    size_t n;
};

enum ending { END_EXIT, END_SIGNAL, END_TIMEOUT, END_STOPPED, END_LOST,
              END_FAULT };

/* How a child came to its end, with its exit status, signal or our errno.
 * END_LOST: the host has waited for it, so nobody can tell. */
struct verdict {
    enum ending ending;
    int number;
};

/* Reads what is there, but not for ever from one that prints for ever; 0 when
 * no more can come. */
static int
drain(int fd, struct output *o)
{
    char waste[4096];
    for (int i = 0; i < 16; i++) {
        size_t room = sizeof o->text - 1 - o->n;
        ssize_t got = einc_sys_read(fd, room ? o->text + o->n : waste,
                                    room ? room : sizeof waste);
        if (got <= 0)
            return got < 0 && errno == EAGAIN;
        if (room)
            o->n += (size_t)got;
    }
    return 1;
}

static struct verdict
reap(pid_t pid)
{
    int status;
    if (einc_sys_wait(pid, &status) < 0)
        return (struct verdict){END_LOST, errno};
    if (WIFEXITED(status))
        return (struct verdict){END_EXIT, WEXITSTATUS(status)};
    return (struct verdict){END_SIGNAL, WTERMSIG(status)};
}

/* Collects the output of `pid` until it ends or its time is over. Looks for
 * the end also while the pipe is open, since something that the compiler has
 * left behind may hold it. Kills the whole group before it is waited for, as
 * long as its number is surely ours. */
static struct verdict
watch(pid_t pid, int pipe_end, const struct cc *cc, struct output *o)
{
    const int64_t end = einc_sys_now() + (cc->timeout_ms > 0 ? cc->timeout_ms
                                                             : TIMEOUT_MS);
    int open = 1;
    for (;;) {
        int r = open ? einc_sys_readable(pipe_end, 50) : 0;
        int fault = r < 0 ? errno : 0;
        if (r > 0)
            open = drain(pipe_end, o);
        int ended = einc_sys_ended(pid);
        if (ended < 0)
            return (struct verdict){END_LOST, errno};
        int late = einc_sys_now() >= end;
        int stop = cc->stop && __atomic_load_n(cc->stop, __ATOMIC_ACQUIRE);
        if (ended || late || stop || fault) {
            einc_sys_kill(pid);
            struct verdict v = reap(pid);
            if (open)
                drain(pipe_end, o);
            return ended   ? v
                   : fault ? (struct verdict){END_FAULT, fault}
                   : stop  ? (struct verdict){END_STOPPED, 0}
                           : (struct verdict){END_TIMEOUT, 0};
        }
        if (!open)
            einc_sys_sleep(1);
    }
}

/* argv for one compilation, to be freed with *n_bytes. */
static char **
make_argv(const struct mem *mem, const char *path, const char *const flags[],
          size_t *n_bytes)
{
    static const char *const fixed[] = {"-shared", "-fPIC", "-o", OUTPUT_NAME,
                                        SOURCE_NAME};
    size_t n = 0, to = 0;
    while (flags && flags[n])
        n++;
    *n_bytes = (n + 1 + sizeof fixed / sizeof fixed[0] + 1) * sizeof(char *);
    const char **argv = mem_alloc(mem, *n_bytes);
    if (!argv)
        return NULL;
    argv[to++] = path;
    for (size_t i = 0; i < n; i++)
        if (strncmp(flags[i], "-l", 2) != 0)
            argv[to++] = flags[i];
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        argv[to++] = fixed[i];
    for (size_t i = 0; i < n; i++)
        if (strncmp(flags[i], "-l", 2) == 0)
            argv[to++] = flags[i];
    argv[to] = NULL;
    return (char **)argv;
}

char **
einc_cc_environment(const struct mem *mem, size_t *n_bytes)
{
    size_t n = 0, bytes = 0;
    while (environ && environ[n])
        bytes += strlen(environ[n++]) + 1;
    *n_bytes = (n + 1) * sizeof(char *) + bytes;
    char **copy = mem_alloc(mem, *n_bytes);
    if (!copy)
        return NULL;
    char *to = (char *)(copy + n + 1);
    for (size_t i = 0; i < n; i++) {
        copy[i] = to;
        to = stpcpy(to, environ[i]) + 1;
    }
    copy[n] = NULL;
    return copy;
}

static const char *
find_tmpdir(const struct cc *cc)
{
    static const char name[] = "TMPDIR=";
    if (!cc->environment)
        return getenv("TMPDIR");
    for (char *const *e = cc->environment; *e; e++)
        if (strncmp(*e, name, sizeof name - 1) == 0)
            return *e + sizeof name - 1;
    return NULL;
}

/* The environment of a compiler: its messages in English, its temporary
 * files in our directory, and no side output that a build asked for. */
static char **
make_envp(const struct cc *cc, const struct mem *mem, size_t *n_bytes)
{
    char *const *from = cc->environment ? cc->environment : environ;
    static const char *const drop[] = {"LC_ALL=", "TMPDIR=", "TMP=", "TEMP=",
                                       "DEPENDENCIES_OUTPUT=",
                                       "SUNPRO_DEPENDENCIES="};
    static const char *const add[] = {"LC_ALL=C", "TMPDIR=.", NULL};
    size_t n = 0, to = 0;
    while (from && from[n])
        n++;
    *n_bytes = n * sizeof(char *) + sizeof add;
    char **envp = mem_alloc(mem, *n_bytes);
    for (size_t i = 0; envp && i < n; i++) {
        int keep = 1;
        for (size_t k = 0; k < sizeof drop / sizeof drop[0]; k++)
            keep &= strncmp(from[i], drop[k], strlen(drop[k])) != 0;
        if (keep)
            envp[to++] = from[i];
    }
    if (envp)
        memcpy(envp + to, add, sizeof add);
    return envp;
}

static enum einc_status
start_and_watch(const struct cc *cc, const struct scratch *s, char **argv,
                char **envp, struct output *o, struct verdict *v)
{
    int fd[2];
    pid_t pid;
    struct sys_spawn job = {.path = cc->path, .argv = argv, .envp = envp,
                            .dir = s->dir};
    if (einc_sys_pipe(fd) < 0) {
        *v = (struct verdict){END_FAULT, errno};
        return EINC_ECOMPILER;
    }
    job.out = fd[1];
    int r = einc_sys_spawn(&job, &pid);
    *v = (struct verdict){END_FAULT, errno};
    einc_sys_close(fd[1]);
    if (r == 0)
        *v = watch(pid, fd[0], cc, o);
    einc_sys_close(fd[0]);
    /* If the end is unknown the output must speak for itself. */
    return v->ending == END_LOST || (v->ending == END_EXIT && v->number == 0)
               ? EINC_OK : EINC_ECOMPILER;
}

static enum einc_status
read_output(const struct scratch *s, const struct mem *mem, void **binary,
            size_t *n_bytes)
{
    enum einc_status status = EINC_ECOMPILER;
    struct stat st;
    void *p = NULL;
    int fd = einc_sys_open(s->dir, OUTPUT_NAME, O_RDONLY | O_NOFOLLOW |
                           O_NONBLOCK, 0);
    if (fd < 0 || einc_sys_fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        st.st_size <= 0 || st.st_size > BINARY_BYTES)
        goto out;
    p = mem_alloc(mem, (size_t)st.st_size);
    if (!p)
        status = EINC_ENOMEM;
    else if (einc_sys_read_all(fd, p, (size_t)st.st_size) == 0 &&
             is_whole(p, (size_t)st.st_size))
        status = EINC_OK;
    else
        mem_free(mem, p, (size_t)st.st_size);
    if (status == EINC_OK) {
        *binary = p;
        *n_bytes = (size_t)st.st_size;
    }
out:
    einc_sys_close(fd);
    return status;
}

/* Tells a failed compilation: the end, the command, the compiler's words. */
static enum einc_status
report(struct trouble *why, const struct cc *cc, char *const *argv,
       struct verdict v, const struct output *o)
{
    char end[120], command[400];
    switch (v.ending) {
    case END_EXIT:
        snprintf(end, sizeof end, v.number ? "exited with status %d" :
                 "exited with status %d, but left no usable shared object",
                 v.number);
        break;
    case END_SIGNAL:
        snprintf(end, sizeof end, "was killed by signal %d", v.number);
        break;
    case END_TIMEOUT:
        snprintf(end, sizeof end, "did not end within %d ms",
                 cc->timeout_ms > 0 ? cc->timeout_ms : TIMEOUT_MS);
        break;
    case END_STOPPED:
        snprintf(end, sizeof end, "was stopped");
        break;
    case END_LOST:
        snprintf(end, sizeof end, "ended unobserved (the host ignores "
                 "SIGCHLD?) and left no usable shared object");
        break;
    case END_FAULT:
        snprintf(end, sizeof end, "could not be run: %s",
                 einc_sys_reason(v.number));
        break;
    }
    size_t n = 0;
    for (int i = 0; argv[i] && n + 1 < sizeof command; i++) {
        int m = snprintf(command + n, sizeof command - n, i ? " %s" : "%s",
                         argv[i]);
        n += m > 0 ? (size_t)m : 0;
    }
    return einc_trouble(why, EINC_ECOMPILER, "C compiler %s\n%s\n%s", end,
                        command, o->text);
}

static enum einc_status
compile_in(const struct scratch *s, const struct cc *cc,
           const struct mem *mem, const char *source,
           const char *const flags[], void **binary, size_t *n_bytes,
           struct trouble *why)
{
    size_t argv_bytes, envp_bytes;
    struct output o = {.n = 0};
    struct verdict v;
    if (put_file(s, SOURCE_NAME, source, strlen(source)) < 0)
        return einc_trouble(why, EINC_ECOMPILER, "cannot write the source for "
                            "the compiler in '%.900s': %s; set TMPDIR",
                            s->path, einc_sys_reason(errno));
    char **argv = make_argv(mem, cc->path, flags, &argv_bytes);
    char **envp = argv ? make_envp(cc, mem, &envp_bytes) : NULL;
    enum einc_status status = EINC_ENOMEM;
    if (envp) {
        status = start_and_watch(cc, s, argv, envp, &o, &v);
        if (status == EINC_OK)
            status = read_output(s, mem, binary, n_bytes);
        if (status == EINC_ECOMPILER)
            report(why, cc, argv, v, &o);
        mem_free(mem, envp, envp_bytes);
    }
    mem_free(mem, argv, argv_bytes);
    return status == EINC_ENOMEM
               ? einc_trouble(why, status, "no memory to compile a kernel")
               : status;
}

enum einc_status
einc_cc_compile(const struct cc *cc, const struct mem *mem, const char *source,
                const char *const flags[], void **binary, size_t *n_bytes,
                struct trouble *why)
{
    struct scratch s;
    *binary = NULL;
    *n_bytes = 0;
    if (!open_scratch(&s, find_tmpdir(cc), why))
        return EINC_ECOMPILER;
    enum einc_status status = compile_in(&s, cc, mem, source, flags, binary,
                                         n_bytes, why);
    close_scratch(&s);
    return status;
}

/* --- loading ------------------------------------------------------------- */

/* A name for open descriptor `fd` that no earlier call has used. dlopen()
 * compares names before it looks at files: a number that has been closed and
 * used again would answer with the library that had it before. "/" and "/./"
 * mean nothing to the kernel and spell the bits of a counter. */
static void
name_descriptor(int fd, char path[160])
{
    static _Atomic uint32_t count;
    char *p = path;
    p += sprintf(p, "/proc/self/fd");
    for (uint32_t bits = atomic_fetch_add(&count, 1) + 1; bits; bits >>= 1)
        p += sprintf(p, bits & 1 ? "/." : "/");
    sprintf(p, "/%d", fd);
}

static void *
load_memfd(const void *binary, size_t n, const char **error)
{
    char path[160];
    void *handle = NULL;
    int fd = einc_sys_memfd("einc");
    if (fd >= 0 && einc_sys_write_all(fd, binary, n) == 0 &&
        einc_sys_seal(fd) == 0) {
        name_descriptor(fd, path);
        handle = einc_sys_dlopen(path, error);
    }
    einc_sys_close(fd);
    return handle;
}

/* For hosts without /proc or memfd. */
static void *
load_file(const void *binary, size_t n, const char **error,
          struct trouble *why)
{
    struct scratch s;
    char path[sizeof s.path + sizeof "/" OUTPUT_NAME];
    void *handle = NULL;
    if (!open_scratch(&s, getenv("TMPDIR"), why)) {
        *error = NULL;
        return NULL;
    }
    snprintf(path, sizeof path, "%s/" OUTPUT_NAME, s.path);
    *error = "cannot write a temporary file";
    if (put_file(&s, OUTPUT_NAME, binary, n) == 0)
        handle = einc_sys_dlopen(path, error);
    close_scratch(&s);
    return handle;
}

enum einc_status
einc_cc_load(const void *binary, size_t n_bytes, void **handle,
             struct trouble *why)
{
    const char *error = NULL;
    *handle = NULL;
    if (!is_whole(binary, n_bytes))
        return einc_trouble(why, EINC_ECOMPILER, "a compiled kernel of %zu "
                            "bytes is no whole shared object", n_bytes);
    *handle = load_memfd(binary, n_bytes, &error);
    if (!*handle)
        *handle = load_file(binary, n_bytes, &error, why);
    if (*handle)
        return EINC_OK;
    if (!error) /* load_file() has said why */
        return EINC_ECOMPILER;
    return einc_trouble(why, EINC_ECOMPILER, "cannot load a compiled kernel: "
                        "%.1500s", error);
}

void
einc_cc_unload(void *handle)
{
    if (handle)
        einc_sys_dlclose(handle);
}

void *
einc_cc_symbol(void *handle, const char *name)
{
    return einc_sys_dlsym(handle, name);
}

/* --- instruction sets ---------------------------------------------------- */

/* The sets of this machine, best first; returns how many. */
static int
list_sets(const char *set[4])
{
    int n = 0;
#if defined(__x86_64__) || defined(__i386__)
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        set[n++] = "avx512";
    if (avx2)
        set[n++] = "avx2";
    if (__builtin_cpu_supports("sse2"))
        set[n++] = "sse2";
#elif defined(__aarch64__)
    set[n++] = "neon";
#endif
    set[n++] = "generic";
    return n;
}

int
einc_cc_isa(char *buf, size_t n)
{
    const char *set[4];
    const char *wish = einc_sys_secure() ? NULL : getenv("EINC_ISA");
    const char *best = NULL;
    int n_sets = list_sets(set);
    for (int i = 0; i < n_sets; i++)
        if (wish && strcmp(wish, set[i]) == 0)
            best = set[i];
    return snprintf(buf, n, "%s", best ? best : set[0]);
}

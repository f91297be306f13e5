/* SPDX-License-Identifier: MIT
 *
 * test_cc.c - finding, running and loading: with the real compiler, and with
 * shell scripts that are compilers of every bad kind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <link.h>
#include <signal.h>

#include "faults.h"
#include "runtime/cc.h"

static const char *const no_flags[] = {NULL};

static char place[64];   /* of this test */
static char tmp[80];     /* TMPDIR, below it */
static char first_path[4096];

static int
set_up(void **state)
{
    (void)state;
    plan_mem = (struct fault_plan){0};
    make_place(place);
    sprintf(tmp, "%s/tmp", place);
    if (mkdir(tmp, 0700) < 0)
        return -1;
    setenv("TMPDIR", tmp, 1);
    setenv("PATH", first_path, 1);
    unsetenv("CC");
    unsetenv("EINC_CC");
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    fault_disarm();
    int left = count_names(tmp, "");
    remove_place(place);
    return heap_live == 0 && left == 0 ? 0 : -1;
}

/* Private directories that this process has left where others are, too. */
static int
count_elsewhere(void)
{
    char prefix[40];
    sprintf(prefix, "einc-%ld-", (long)getpid());
    return count_names("/tmp", prefix) + count_names("/dev/shm", prefix);
}

/* A program of that name in `place`. */
static void
make_script(const char *name, const char *body, char path[200])
{
    char text[2000];
    int n = sprintf(text, "#!/bin/sh\n%s\n", body);
    sprintf(path, "%s/%s", place, name);
    put_bytes(path, text, (size_t)n, 0755);
}

static struct cc
real_cc(void)
{
    struct cc cc;
    struct trouble why = {0};
    if (einc_cc_find(NULL, &cc, &why) != EINC_OK)
        fail_msg("%s", why.text);
    return cc;
}

/* A compiler that runs `body`; the time limit is 10 s. */
static struct cc
script_cc(const char *body)
{
    struct cc cc;
    char path[200];
    make_script("fake", body, path);
    assert_int_equal(einc_cc_find(path, &cc, NULL), EINC_OK);
    cc.timeout_ms = 10000;
    return cc;
}

/* Compiles `source`; the function f() of it returns `want`. */
static void
expect_f(const struct cc *cc, const char *source,
             const char *const flags[], int want)
{
    struct trouble why = {0};
    void *binary, *handle;
    size_t n;
    if (einc_cc_compile(cc, &heap, source, flags, &binary, &n, &why))
        fail_msg("%s", why.text);
    if (einc_cc_load(binary, n, &handle, &why))
        fail_msg("%s", why.text);
    mem_free(&heap, binary, n);
    int (*f)(void);
    *(void **)&f = einc_cc_symbol(handle, "f");
    assert_non_null(f);
    assert_int_equal(f(), want);
    assert_null(einc_cc_symbol(handle, "no_such_function"));
    einc_cc_unload(handle);
}

/* Compilation must fail and say all of the (up to three) texts. */
static void
expect_failure(const struct cc *cc, const char *source, const char *a,
               const char *b)
{
    struct trouble why = {0};
    void *binary = &why;
    size_t n = 1;
    int fds = count_fds();
    assert_int_equal(einc_cc_compile(cc, &heap, source, no_flags, &binary, &n,
                                     &why), EINC_ECOMPILER);
    assert_null(binary);
    assert_int_equal(n, 0);
    if (!strstr(why.text, a) || !strstr(why.text, b))
        fail_msg("'%s' lacks '%s' or '%s'", why.text, a, b);
    assert_int_equal(count_fds(), fds);
    assert_int_equal(count_names(tmp, ""), 0);
    assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

/* A shared object whose f() returns `value`, kept in `place`/so. */
static size_t
make_object(int value, void **binary)
{
    struct cc cc = real_cc();
    struct trouble why = {0};
    char source[80], path[100];
    size_t n;
    sprintf(source, "int f(void); int f(void) { return %d; }\n", value);
    if (einc_cc_compile(&cc, &heap, source, no_flags, binary, &n, &why))
        fail_msg("%s", why.text);
    sprintf(path, "%s/so", place);
    put_bytes(path, *binary, n, 0644);
    return n;
}

/* --- finding ---------------------------------------------------------------- */

static void
test_find(void **state)
{
    (void)state;
    struct cc cc, again;
    char a[200], dirs[400], other[200];
    make_script("mycc", "exit 0", a);
    make_script("cc", "exit 0", other);
    sprintf(dirs, "relative:.::%s/nothing:%s:/usr/bin", place, place);
    setenv("PATH", dirs, 1);
    assert_int_equal(einc_cc_find("mycc", &cc, NULL), EINC_OK);
    assert_string_equal(cc.path, a);
    assert_non_null(strstr(cc.identity, a));
    assert_int_equal(cc.timeout_ms, 60000);
    assert_int_equal(einc_cc_find(a, &again, NULL), EINC_OK);
    assert_string_equal(cc.identity, again.identity);
    assert_int_equal(einc_cc_find(NULL, &cc, NULL), EINC_OK);
    assert_string_equal(cc.path, other); /* "cc" comes first */
    setenv("CC", "mycc", 1);
    assert_int_equal(einc_cc_find(NULL, &cc, NULL), EINC_OK);
    assert_string_equal(cc.path, a);
    setenv("CC", "mycc -m32", 1); /* no program; the list is tried */
    assert_int_equal(einc_cc_find(NULL, &cc, NULL), EINC_OK);
    assert_string_equal(cc.path, other);
    setenv("EINC_CC", a, 1);
    assert_int_equal(einc_cc_find(NULL, &cc, NULL), EINC_OK);
    assert_string_equal(cc.path, a);
    assert_int_equal(einc_cc_find("cc", &cc, NULL), EINC_OK);
    assert_string_equal(cc.path, other);
}

static void
expect_not_found(const char *cc, const char *says)
{
    struct cc found;
    struct trouble why = {0};
    assert_int_equal(einc_cc_find(cc, &found, &why), EINC_ECOMPILER);
    assert_int_equal(why.status, EINC_ECOMPILER);
    if (!strstr(why.text, says))
        fail_msg("'%s' does not say '%s'", why.text, says);
}

static void
test_not_found(void **state)
{
    (void)state;
    char a[200], dir[100];
    make_script("mycc", "exit 0", a);
    expect_not_found("no-such-cc", "'no-such-cc' (configured)");
    expect_not_found("", "''");
    expect_not_found("mycc -O2", "configured");
    expect_not_found("bin/gcc", "absolute");
    expect_not_found(place, place); /* a directory */
    chmod(a, 0644);
    expect_not_found(a, "configured"); /* not executable */
    chmod(a, 0755);
    assert_int_equal(chdir(place), 0);
    expect_not_found("./mycc", "absolute");
    setenv("PATH", ".:", 1);
    expect_not_found("mycc", "configured"); /* never from here */
    assert_int_equal(chdir("/"), 0);
    setenv("EINC_CC", "gone\033[2J", 1);
    expect_not_found(NULL, "'gone?[2J' (EINC_CC)");
    unsetenv("EINC_CC");
    sprintf(dir, "%s/empty", place);
    assert_int_equal(mkdir(dir, 0700), 0);
    setenv("PATH", dir, 1);
    expect_not_found(NULL, "looked for cc, gcc, clang");
    setenv("CC", "xyz", 1);
    expect_not_found(NULL, "looked for CC=xyz cc, gcc, clang");
}

static void
test_not_found_when_set_uid(void **state)
{
    (void)state;
    fault_arm(1, 1);
    plan_sys.only = CALL_SECURE;
    expect_not_found("/usr/bin/cc", "set-uid");
}

static void
test_identity_follows_the_file(void **state)
{
    (void)state;
    struct cc a, b;
    char path[200], link[200];
    make_script("mycc", "exit 0", path);
    assert_int_equal(einc_cc_find(path, &a, NULL), EINC_OK);
    assert_int_equal(a.is_clang, 0);
    make_script("mycc", "exit 1", path); /* same size, another mtime: the
                                          * clock of files ticks slowly */
    struct timespec later[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(utimensat(AT_FDCWD, path, later, 0), 0);
    assert_int_equal(einc_cc_find(path, &b, NULL), EINC_OK);
    assert_string_not_equal(a.identity, b.identity);
    sprintf(link, "%s/alias", place);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(einc_cc_find(link, &a, NULL), EINC_OK);
    assert_string_equal(a.path, link);
    assert_string_not_equal(a.identity, b.identity); /* called otherwise */
    assert_non_null(strstr(a.identity, path));
    make_script("clang-99", "exit 0", path);
    unlink(link);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(einc_cc_find(link, &a, NULL), EINC_OK);
    assert_int_equal(a.is_clang, 1);
}

/* --- compiling -------------------------------------------------------------- */

static void
test_compile_and_load(void **state)
{
    (void)state;
    struct cc cc = real_cc();
    int fds = count_fds();
    expect_f(&cc, "int f(void); int f(void) { return 42; }\n",
                 (const char *[]){"-O1", "-std=c99", "-Wall", "-Werror", NULL},
                 42);
    /* -l behind the source, or the linker would drop it */
    expect_f(&cc, "double cos(double); int f(void);\n"
                 "volatile double x = 0;\n"
                 "int f(void) { return (int)cos(x) + 1; }\n",
                 (const char *[]){"-Wl,--as-needed,--no-undefined", "-lm",
                                  NULL}, 2);
    expect_f(&cc, "int f(void) { return 3; }", NULL, 3);
    assert_int_equal(count_fds(), fds);
    assert_int_equal(count_names(tmp, ""), 0);
}

static void
test_every_compiler_here(void **state)
{
    (void)state;
    static const char *const list[] = {"gcc", "clang", "tcc"};
    struct cc cc;
    int found = 0;
    for (int i = 0; i < 3; i++)
        if (einc_cc_find(list[i], &cc, NULL) == EINC_OK) {
            expect_f(&cc, "int f(void) { return 5; }\n", no_flags, 5);
            found++;
        }
    assert_true(found > 0);
}

static void
test_bad_source(void **state)
{
    (void)state;
    struct cc cc = real_cc();
    setenv("LC_ALL", "de_DE.UTF-8", 1);
    expect_failure(&cc, "int f(void) { return nonsense; }\n", "k.c:1:",
                   "nonsense");
    expect_failure(&cc, "int f(void) { return 1 }\n", "exited with status 1",
                   cc.path);
    unsetenv("LC_ALL");
}

static void
test_hostile_tmpdir(void **state)
{
    (void)state;
    static const char *const names[] = {"a b", "q'u\"o", "new\nline", "se;mi",
                                        "$(x)", "-o", "\xff\xfe", "`y`", "%s"};
    struct cc cc = real_cc();
    char dir[5000];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        sprintf(dir, "%s/%s", place, names[i]);
        assert_int_equal(mkdir(dir, 0700), 0);
        setenv("TMPDIR", dir, 1);
        expect_f(&cc, "int f(void) { return 1; }\n", no_flags, 1);
        assert_int_equal(count_names(dir, ""), 0);
    }
    size_t n = (size_t)sprintf(dir, "%s", place);
    while (n < 3900) { /* the compiler must not see how long this is */
        memset(dir + n, 'd', 100);
        dir[n] = '/';
        dir[n += 100] = '\0';
        assert_int_equal(mkdir(dir, 0700), 0);
    }
    setenv("TMPDIR", dir, 1);
    expect_f(&cc, "int f(void) { return 2; }\n", no_flags, 2);
    assert_int_equal(count_names(dir, ""), 0);
}

static void
test_tmpdir_fallback(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "relative", "/nowhere/at/all",
                                      "/dev/null"};
    struct cc cc = real_cc();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        setenv("TMPDIR", bad[i], 1);
        expect_f(&cc, "int f(void) { return 1; }\n", no_flags, 1);
    }
    assert_int_equal(count_elsewhere(), 0);
    /* where others may replace what we make, we do not make it */
    struct cc spy = script_cc("pwd -P; exit 3");
    chmod(tmp, 0777);
    setenv("TMPDIR", tmp, 1);
    expect_failure(&spy, "", "exited with status 3", "\n/tmp/einc-");
    chmod(tmp, 01777);
    expect_failure(&spy, "", "exited with status 3", "/tmp/einc-");
    struct trouble why;
    void *p;
    size_t n;
    einc_cc_compile(&spy, &heap, "", no_flags, &p, &n, &why);
    assert_non_null(strstr(why.text, tmp));
}

static void
test_child_is_isolated(void **state)
{
    (void)state;
    char note[100], body[600];
    setenv("DEPENDENCIES_OUTPUT", "/nowhere/deps", 1);
    setenv("LC_ALL", "de_DE.UTF-8", 1);
    setenv("EINC_TEST_PASSED_THROUGH", "yes", 1);
    sprintf(note, "%s/note", place);
    int leak = dup2(2, 7); /* without close-on-exec; dash itself uses 10 */
    assert_int_equal(leak, 7);
    sprintf(body, "{ echo LC_ALL=$LC_ALL TMPDIR=$TMPDIR D=$DEPENDENCIES_OUTPUT"
            " P=$EINC_TEST_PASSED_THROUGH; readlink /proc/self/fd/0;"
            " ls /proc/$$/fd | tr '\\n' ' '; echo; set -- $(cat /proc/$$/stat);"
            " [ $5 = $$ ] && echo leader; umask; stat -c %%a .;"
            /* no program to wait for: a shell blocks signals then */
            " while read -r l; do case $l in Sig[BI]*) echo \"$l\";; esac;"
            " done </proc/$$/status; } >'%s'; exit 9", note);
    struct cc cc = script_cc(body);
    sigset_t block, before;
    sigemptyset(&block);
    sigaddset(&block, SIGTERM);
    sigprocmask(SIG_BLOCK, &block, &before);
    void (*pipe_before)(int) = signal(SIGPIPE, SIG_IGN);
    expect_failure(&cc, "x", "status 9", cc.path);
    signal(SIGPIPE, pipe_before);
    sigset_t now;
    sigprocmask(SIG_SETMASK, &before, &now);
    assert_true(sigismember(&now, SIGTERM)); /* ours is as it was */
    close(leak);
    unsetenv("DEPENDENCIES_OUTPUT");
    unsetenv("LC_ALL");
    char got[1000] = "";
    get_bytes(note, got, sizeof got - 1);
    assert_non_null(strstr(got, "LC_ALL=C TMPDIR=. D= P=yes\n/dev/null\n"));
    assert_non_null(strstr(got, "\n0 1 "));
    assert_null(strstr(got, " 7 "));
    assert_non_null(strstr(got, "leader\n"));
    assert_non_null(strstr(got, "\n700\n"));
    assert_non_null(strstr(got, "SigBlk:\t0000000000000000"));
    char *ignored = strstr(got, "SigIgn:\t");
    assert_non_null(ignored); /* above 31 are the C library's own */
    assert_int_equal(strtoull(ignored + 8, NULL, 16) & 0x7fffffff, 0);
}

/* No shell comes between: a compiler's name and flags are words. */
static void
test_no_shell(void **state)
{
    (void)state;
    char path[200], canary[100], flag[400];
    sprintf(canary, "%s/canary", place);
    sprintf(flag, "-D'$(touch %s)`touch %s`;touch %s", canary, canary,
            canary);
    make_script("c c;$(touch x)'", "printf '%s\\n' \"$1\"; exit 4", path);
    struct cc cc;
    struct trouble why = {0};
    void *p;
    size_t n;
    assert_int_equal(einc_cc_find(path, &cc, NULL), EINC_OK);
    assert_int_equal(einc_cc_compile(&cc, &heap, "", (const char *[]){flag,
                                     NULL}, &p, &n, &why), EINC_ECOMPILER);
    char want[420];
    sprintf(want, "\n%s\n", flag);
    assert_non_null(strstr(why.text, want));
    assert_int_not_equal(access(canary, F_OK), 0);
}

static void
test_compilers_that_fail(void **state)
{
    (void)state;
    static const struct { const char *body, *a, *b; } list[] = {
        {"exit 7", "exited with status 7", "fake -shared"},
        {"echo oops; echo more >&2; exit 1", "oops\nmore\n", "status 1"},
        {"kill -9 $$", "killed by signal 9", ""},
        {"kill -11 $$", "killed by signal 11", ""},
        {"exit 0", "left no usable shared object", "status 0"},
        {"echo hello >k.so", "left no usable shared object", ""},
        {": >k.so", "left no usable shared object", ""},
        {"mkdir k.so; rmdir k.so; ln -s /bin/sh k.so", "no usable", ""},
        {"mkfifo k.so", "left no usable shared object", ""},
        {"cp /proc/self/exe k.so; truncate -s 4096 k.so", "no usable", ""},
        {"printf 'bad\\033]0;title\\007\\n'; exit 1", "bad?]0;title?", ""},
        {"yes 123456789 | head -c 1000000; exit 5", "status 5", "6789\n1"},
        {"touch a b c .d; exit 6", "status 6", ""},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct cc cc = script_cc(list[i].body);
        expect_failure(&cc, "int x;\n", list[i].a, list[i].b);
    }
    struct cc gone = script_cc("exit 0");
    unlink(gone.path);
    expect_failure(&gone, "", "could not be run", "No such file");
}

static void
test_compilers_that_hang(void **state)
{
    (void)state;
    static const char *const list[] = {
        "sleep 600", "exec sleep 600", "exec sleep 600 >&- 2>&-",
        "trap '' TERM INT HUP; while :; do sleep 600; done",
        "sleep 600 & sleep 600 & wait", "yes",
        "echo here it stops; exec sleep 600",
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct cc cc = script_cc(list[i]);
        cc.timeout_ms = 150;
        int64_t begin = einc_sys_now();
        expect_failure(&cc, "", "did not end within 150 ms", "");
        assert_in_range(einc_sys_now() - begin, 150, 5000);
    }
}

static void *
stop_later(void *arg)
{
    int *stop = arg;
    einc_sys_sleep(100);
    __atomic_store_n(stop, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* Another thread stops it; what is stopped before it begins ends, too. */
static void
test_stopped(void **state)
{
    (void)state;
    struct cc cc = script_cc("trap '' TERM; sleep 600 & sleep 600");
    int stop = 0;
    pthread_t thread;
    cc.stop = &stop;
    assert_int_equal(pthread_create(&thread, NULL, stop_later, &stop), 0);
    int64_t begin = einc_sys_now();
    expect_failure(&cc, "", "was stopped", "");
    assert_in_range(einc_sys_now() - begin, 90, 5000);
    pthread_join(thread, NULL);
    begin = einc_sys_now();
    expect_failure(&cc, "", "was stopped", "");
    assert_in_range(einc_sys_now() - begin, 0, 5000);
    stop = 0;
    cc = script_cc("exec cc \"$@\"");
    cc.stop = &stop;
    expect_f(&cc, "int f(void) { return 5; }", no_flags, 5);
}

/* A compiler that is given an environment does not see what the process's
 * has become since; its directory is where that one's TMPDIR says. */
static void
test_given_environment(void **state)
{
    (void)state;
    struct cc cc = script_cc("test \"$EINC_TEST\" = old || exit 7\n"
                             "case $PWD in */given/*) ;; *) exit 8 ;; esac\n"
                             "exec cc \"$@\"");
    char given[200];
    size_t bytes;
    const char *before = getenv("TMPDIR");
    char *keep = before ? strdup(before) : NULL;
    sprintf(given, "%s/given", place);
    assert_int_equal(mkdir(given, 0700), 0);
    setenv("EINC_TEST", "old", 1);
    setenv("TMPDIR", given, 1);
    char **copy = einc_cc_environment(&heap, &bytes);
    assert_non_null(copy);
    setenv("EINC_TEST", "new", 1);
    if (keep)
        setenv("TMPDIR", keep, 1);
    else
        unsetenv("TMPDIR");
    expect_failure(&cc, "", "status 7", "");
    cc.environment = copy;
    expect_f(&cc, "int f(void) { return 6; }", no_flags, 6);
    unsetenv("EINC_TEST");
    free(keep);
    mem_free(&heap, copy, bytes);
    assert_int_equal(rmdir(given), 0);
}

/* It is done, but has left something that holds the pipe open. */
static void
test_compiler_leaves_a_daemon(void **state)
{
    (void)state;
    void *binary, *p;
    size_t n, m;
    char body[300], note[100];
    n = make_object(8, &binary);
    sprintf(note, "%s/pid", place);
    sprintf(body, "cat %s/so >k.so; sleep 600 & echo $! >%s; exit 0", place,
            note);
    struct cc cc = script_cc(body);
    int64_t begin = einc_sys_now();
    assert_int_equal(einc_cc_compile(&cc, &heap, "", no_flags, &p, &m, NULL),
                     EINC_OK);
    assert_true(einc_sys_now() - begin < 5000);
    assert_int_equal(n, m);
    assert_memory_equal(binary, p, n);
    mem_free(&heap, p, m);
    mem_free(&heap, binary, n);
    char pid[20] = "";
    get_bytes(note, pid, sizeof pid - 1);
    int i = 0;
    while (kill(atoi(pid), 0) == 0 && i++ < 200) {
        char stat_path[40], stat_text[300] = "";
        sprintf(stat_path, "/proc/%d/stat", atoi(pid));
        if (access(stat_path, R_OK) == 0)
            get_bytes(stat_path, stat_text, sizeof stat_text - 1);
        if (strstr(stat_text, ") Z ")) /* dead; nobody has looked */
            break;
        einc_sys_sleep(10);
    }
    assert_true(i < 200); /* it was ended, too */
}

static void
reap_all(int sig)
{
    (void)sig;
    int keep = errno;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    errno = keep;
}

static void
test_host_handles_sigchld(void **state)
{
    (void)state;
    struct cc cc = real_cc();
    struct sigaction before, act = {0};
    act.sa_handler = SIG_IGN; /* children vanish: no status for anybody */
    sigaction(SIGCHLD, &act, &before);
    expect_f(&cc, "int f(void) { return 4; }\n", no_flags, 4);
    struct trouble why = {0};
    void *p;
    size_t n;
    assert_int_equal(einc_cc_compile(&cc, &heap, "bad", no_flags, &p, &n,
                                     &why), EINC_ECOMPILER);
    assert_non_null(strstr(why.text, "unobserved"));
    act.sa_handler = reap_all; /* and no SA_RESTART: EINTR everywhere */
    sigaction(SIGCHLD, &act, NULL);
    for (int i = 0; i < 3; i++)
        expect_f(&cc, "int f(void) { return 5; }\n", no_flags, 5);
    assert_int_equal(einc_cc_compile(&cc, &heap, "bad", no_flags, &p, &n,
                                     &why), EINC_ECOMPILER);
    sigaction(SIGCHLD, &before, NULL);
    /* children of the host are left alone */
    pid_t pid = fork();
    if (pid == 0)
        _exit(17);
    expect_f(&cc, "int f(void) { return 6; }\n", no_flags, 6);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 17);
}

static void
test_umask(void **state)
{
    (void)state;
    struct cc cc = real_cc();
    static const mode_t list[] = {0, 077};
    for (int i = 0; i < 2; i++) {
        mode_t old = umask(list[i]);
        expect_f(&cc, "int f(void) { return 1; }\n", no_flags, 1);
        assert_int_equal(umask(old), list[i]);
    }
}

/* --- loading ---------------------------------------------------------------- */

/* The descriptor's number is the same each time; the libraries are not. */
static void
test_loads_stay_apart(void **state)
{
    (void)state;
    enum { N = 6 };
    struct cc cc = real_cc();
    void *handle[N];
    int (*f[N])(void);
    for (int i = 0; i < N; i++) {
        char source[80];
        void *binary;
        size_t n;
        sprintf(source, "int f(void) { return %d; }\n", 100 + i);
        assert_int_equal(einc_cc_compile(&cc, &heap, source, no_flags, &binary,
                                         &n, NULL), EINC_OK);
        assert_int_equal(einc_cc_load(binary, n, &handle[i], NULL), EINC_OK);
        mem_free(&heap, binary, n);
        *(void **)&f[i] = einc_cc_symbol(handle[i], "f");
        for (int k = i < 3 ? 0 : 1; k <= i; k++)
            assert_int_equal(f[k](), 100 + k);
        if (i == 2)
            einc_cc_unload(handle[0]);
    }
    for (int i = 1; i < N; i++)
        einc_cc_unload(handle[i]);
}

static void
test_load_without_memfd(void **state)
{
    (void)state;
    static const enum sys_call list[] = {CALL_MEMFD, CALL_SEAL};
    void *binary, *handle;
    size_t n = make_object(12, &binary);
    int fds = count_fds();
    for (int i = 0; i < 2; i++) {
        struct trouble why = {0};
        fault_arm(1, 1);
        plan_sys.only = (int)list[i];
        if (einc_cc_load(binary, n, &handle, &why))
            fail_msg("%s", why.text);
        fault_disarm();
        assert_true(plan_sys.fired > 0);
        int (*f)(void);
        *(void **)&f = einc_cc_symbol(handle, "f");
        assert_int_equal(f(), 12);
        einc_cc_unload(handle);
        assert_int_equal(count_names(tmp, ""), 0);
    }
    assert_int_equal(count_fds(), fds);
    mem_free(&heap, binary, n);
}

/* Cut at any length it is refused: to map it could kill us. */
static void
test_truncated_objects(void **state)
{
    (void)state;
    void *binary, *handle;
    size_t n = make_object(1, &binary);
    for (size_t cut = 0; cut < n; cut += 1 + cut / 64) {
        struct trouble why = {0};
        assert_int_equal(einc_cc_load(binary, cut, &handle, &why),
                         EINC_ECOMPILER);
        assert_null(handle);
        assert_non_null(strstr(why.text, "no whole shared object"));
    }
    assert_int_equal(einc_cc_load(binary, n - 1, &handle, NULL),
                     EINC_ECOMPILER);
    mem_free(&heap, binary, n);
}

static void
test_unloadable_objects(void **state)
{
    (void)state;
    struct cc cc = real_cc();
    struct trouble why = {0};
    void *binary, *handle;
    size_t n;
    assert_int_equal(einc_cc_compile(&cc, &heap, "int g(void);\n"
                     "int f(void); int f(void) { return g(); }\n", no_flags,
                     &binary, &n, NULL), EINC_OK);
    assert_int_equal(einc_cc_load(binary, n, &handle, &why), EINC_ECOMPILER);
    assert_non_null(strstr(why.text, "undefined symbol: g"));
    ((ElfW(Ehdr) *)binary)->e_machine ^= 0x55; /* for another machine */
    assert_int_equal(einc_cc_load(binary, n, &handle, &why), EINC_ECOMPILER);
    assert_non_null(strstr(why.text, "cannot load"));
    mem_free(&heap, binary, n);
    einc_cc_unload(NULL);
}

/* --- faults ----------------------------------------------------------------- */

/* Find, compile, load and call; whatever fails, nothing is wrong or left. */
static void
live(const char *path, int value)
{
    struct cc cc;
    struct trouble why = {0};
    void *binary, *handle;
    size_t n;
    enum einc_status s = einc_cc_find(path, &cc, &why);
    if (s == EINC_OK)
        s = einc_cc_compile(&cc, &heap, "int f;", no_flags, &binary, &n, &why);
    if (s == EINC_OK) {
        s = einc_cc_load(binary, n, &handle, &why);
        mem_free(&heap, binary, n);
    }
    if (s == EINC_OK) {
        int (*f)(void);
        *(void **)&f = einc_cc_symbol(handle, "f");
        if (f)
            assert_int_equal(f(), value);
        einc_cc_unload(handle);
        return;
    }
    assert_true(s == EINC_ECOMPILER || s == EINC_ENOMEM);
    assert_int_equal(s, why.status);
    assert_true(why.text[0] != '\0');
}

static void
survive_every_fault(const char *cc_path, int persistent, int shorten)
{
    char names[100];
    for (int n = 1;; n++) {
        assert_true(n < 500);
        sprintf(names, "%s/%d", place, n);
        assert_int_equal(mkdir(names, 0700), 0);
        setenv("TMPDIR", names, 1);
        int fds = count_fds();
        fault_arm(n, persistent);
        plan_sys.shorten = shorten;
        live(cc_path, 21);
        fault_disarm();
        while (waitpid(-1, NULL, 0) > 0)
            ;
        assert_int_equal(count_fds(), fds);
        assert_int_equal(heap_live, 0);
        if (!persistent && plan_sys.last != CALL_UNLINK)
            assert_int_equal(count_names(names, "") + count_elsewhere(), 0);
        remove_place(names);
        if (!plan_sys.fired)
            break;
    }
}

static void
test_every_call_fails(void **state)
{
    (void)state;
    void *binary;
    char body[200];
    size_t n = make_object(21, &binary);
    mem_free(&heap, binary, n);
    sprintf(body, "cat %s/so >k.so", place); /* quick, and enough for us */
    struct cc cc = script_cc(body);
    survive_every_fault(cc.path, 0, 0);
    survive_every_fault(cc.path, 1, 0);
    survive_every_fault(cc.path, 0, 1);
    survive_every_fault(cc.path, 1, 1);
    setenv("TMPDIR", tmp, 1);
}

static void
test_every_allocation_fails(void **state)
{
    (void)state;
    void *binary;
    char body[200];
    size_t n = make_object(22, &binary);
    mem_free(&heap, binary, n);
    sprintf(body, "cat %s/so >k.so", place);
    struct cc cc = script_cc(body);
    for (int persistent = 0; persistent < 2; persistent++)
        for (int at = 1;; at++) {
            plan_mem = (struct fault_plan){.at = at, .persistent = persistent};
            live(cc.path, 22);
            int fired = plan_mem.fired;
            plan_mem = (struct fault_plan){0};
            assert_int_equal(heap_live, 0);
            assert_int_equal(count_names(tmp, ""), 0);
            if (!fired)
                break;
            assert_true(at <= 3); /* argv, envp, the binary */
        }
}

/* --- instruction sets --------------------------------------------------------- */

static void
test_isa(void **state)
{
    (void)state;
    static const char *const order[] = {"generic", "neon", "sse2", "avx2",
                                        "avx512"};
    char best[16], got[16];
    unsetenv("EINC_ISA");
    int n = einc_cc_isa(best, sizeof best);
    assert_int_equal(n, strlen(best));
    int rank = -1;
    for (int i = 0; i < 5; i++)
        if (strcmp(order[i], best) == 0)
            rank = i;
    assert_true(rank >= 0);
#if defined(__x86_64__)
    assert_true(rank >= 2);
    for (int i = 2; i < 5; i++) {
        setenv("EINC_ISA", order[i], 1);
        einc_cc_isa(got, sizeof got);
        assert_string_equal(got, i <= rank ? order[i] : best);
    }
    setenv("EINC_ISA", "neon", 1);
    einc_cc_isa(got, sizeof got);
    assert_string_equal(got, best);
#endif
    setenv("EINC_ISA", "generic", 1);
    einc_cc_isa(got, sizeof got);
    assert_string_equal(got, "generic");
    setenv("EINC_ISA", "avx1024", 1);
    einc_cc_isa(got, sizeof got);
    assert_string_equal(got, best);
    unsetenv("EINC_ISA");
    char small[3] = "xx";
    assert_int_equal(einc_cc_isa(small, sizeof small), n);
    assert_int_equal(strlen(small), 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const char *path = getenv("PATH");
    snprintf(first_path, sizeof first_path, "%s", path ? path : "/usr/bin");
    const struct CMUnitTest tests[] = {
        TEST(test_find),
        TEST(test_not_found),
        TEST(test_not_found_when_set_uid),
        TEST(test_identity_follows_the_file),
        TEST(test_compile_and_load),
        TEST(test_every_compiler_here),
        TEST(test_bad_source),
        TEST(test_hostile_tmpdir),
        TEST(test_tmpdir_fallback),
        TEST(test_child_is_isolated),
        TEST(test_no_shell),
        TEST(test_compilers_that_fail),
        TEST(test_compilers_that_hang),
        TEST(test_stopped),
        TEST(test_given_environment),
        TEST(test_compiler_leaves_a_daemon),
        TEST(test_host_handles_sigchld),
        TEST(test_umask),
        TEST(test_loads_stay_apart),
        TEST(test_load_without_memfd),
        TEST(test_truncated_objects),
        TEST(test_unloadable_objects),
        TEST(test_every_call_fails),
        TEST(test_every_allocation_fails),
        TEST(test_isa),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

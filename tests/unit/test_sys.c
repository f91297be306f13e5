/* SPDX-License-Identifier: MIT
 *
 * test_sys.c - what the wrappers promise beyond the calls themselves: each
 * can fail, descriptors are close-on-exec and above 2, transfers complete.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/mman.h>

#include "faults.h"

static char place[64];
static int root = -1; /* open on `place` */

static int
set_up(void **state)
{
    (void)state;
    make_place(place);
    root = einc_sys_open(AT_FDCWD, place, O_RDONLY | O_DIRECTORY, 0);
    return root < 0;
}

static int
tear_down(void **state)
{
    (void)state;
    fault_disarm();
    einc_sys_close(root);
    remove_place(place);
    return 0;
}

/* --- every call can be made to fail ---------------------------------------- */

static void *
idle(void *arg)
{
    return arg;
}

/* Makes one call of that kind: 0 if it went well, else -1. */
static int
make_call(enum sys_call kind)
{
    struct stat st;
    char byte = 0, path[4096];
    char *argv[] = {(char[]){"true"}, NULL}, *envp[] = {NULL};
    struct sys_spawn job = {"/bin/true", argv, envp, root, -1};
    const char *error;
    int fd = -1, r = -1, two[2];
    pid_t pid;
    pthread_t thread;
    switch (kind) {
    case CALL_OPEN:
        fd = einc_sys_open(root, "file", O_RDWR | O_CREAT, 0600);
        einc_sys_close(fd);
        return fd < 0 ? -1 : 0;
    case CALL_READ:
        fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
        r = einc_sys_read(fd, &byte, 1) == 1 ? 0 : -1;
        break;
    case CALL_WRITE:
        fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        r = einc_sys_write(fd, &byte, 1) == 1 ? 0 : -1;
        break;
    case CALL_FSYNC: return einc_sys_fsync(root);
    case CALL_STAT: return einc_sys_fstat(root, &st);
    case CALL_ACCESS: return einc_sys_executable("/bin/sh");
    case CALL_REALPATH: return einc_sys_realpath("/bin/..", path);
    case CALL_MKDIR: return einc_sys_mkdir(root, "dir", 0700);
    case CALL_RENAME: return einc_sys_rename(root, "file", "name");
    case CALL_UNLINK: return einc_sys_unlink(root, "name", 0);
    case CALL_TOUCH: return einc_sys_touch(root);
    case CALL_LIST: {
        DIR *d = einc_sys_list(root);
        return d ? closedir(d) : -1;
    }
    case CALL_LOCK:
        r = einc_sys_lock(root);
        einc_sys_unlock(root);
        return r;
    case CALL_PIPE:
    case CALL_POLL:
        if (einc_sys_pipe(two) < 0)
            return -1;
        r = einc_sys_readable(two[0], 0);
        close(two[0]);
        close(two[1]);
        return r;
    case CALL_SPAWN:
    case CALL_WAIT:
        job.out = open("/dev/null", O_WRONLY | O_CLOEXEC);
        r = einc_sys_spawn(&job, &pid);
        close(job.out);
        return r < 0 ? -1 : einc_sys_wait(pid, &fd);
    case CALL_MEMFD:
    case CALL_SEAL:
        fd = einc_sys_memfd("test");
        r = fd < 0 ? -1 : einc_sys_seal(fd);
        break;
    case CALL_DLOPEN:
    case CALL_DLSYM: {
        void *h = einc_sys_dlopen("libm.so.6", &error);
        r = h && einc_sys_dlsym(h, "cos") ? 0 : -1;
        assert_true(h || error);
        if (h)
            einc_sys_dlclose(h);
        return r;
    }
    case CALL_THREAD:
        errno = einc_sys_thread(&thread, idle, NULL);
        return errno ? -1 : pthread_join(thread, NULL);
    case CALL_SECURE: return einc_sys_secure() ? -1 : 0;
    case CALL_RANDOM: return einc_sys_random() == 0; /* never fails */
    case CALL_KINDS: break;
    }
    int keep = errno;
    einc_sys_close(fd);
    errno = keep;
    return r;
}

static void
test_every_call_can_fail(void **state)
{
    (void)state;
    for (int kind = 0; kind < CALL_KINDS; kind++) {
        int fds = count_fds();
        fault_arm(1, 1);
        plan_sys.only = kind;
        errno = 0;
        int r = make_call((enum sys_call)kind), e = errno;
        fault_disarm();
        assert_int_equal(plan_sys.fired, 1);
        if (kind != CALL_RANDOM) {
            assert_int_equal(r, -1);
            assert_int_equal(e, fault_errno((enum sys_call)kind));
        }
        errno = 0;
        if (make_call((enum sys_call)kind) != 0) /* and goes well without */
            fail_msg("call %d: %s", kind, strerror(errno));
        while (waitpid(-1, NULL, 0) > 0)
            ;
        assert_int_equal(count_fds(), fds);
    }
}

/* --- descriptors ------------------------------------------------------------ */

static int
is_good(int fd)
{
    return fd > 2 && (fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void
test_descriptors(void **state)
{
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (int fd = 0; closed && fd < 3; fd++)
                close(fd);
            int p[2] = {-1, -1};
            int ok = is_good(einc_sys_open(root, ".", O_RDONLY, 0));
            ok = ok && is_good(einc_sys_memfd("x"));
            ok = ok && einc_sys_pipe(p) == 0 && is_good(p[0]) && is_good(p[1]);
            DIR *d = einc_sys_list(root);
            ok = ok && d && is_good(dirfd(d));
            for (int fd = 0; closed && fd < 3; fd++)
                ok = ok && fcntl(fd, F_GETFD) < 0;
            _exit(!ok);
        }
        int status;
        waitpid(pid, &status, 0);
        assert_int_equal(status, 0);
    }
    errno = 77;
    einc_sys_close(-1);
    einc_sys_close(12345);
    assert_int_equal(errno, 77);
}

static void
test_whole_transfers(void **state)
{
    (void)state;
    char out[1000], in[1000];
    for (size_t i = 0; i < sizeof out; i++)
        out[i] = (char)(i * 7);
    int fd = einc_sys_open(root, "f", O_RDWR | O_CREAT, 0600);
    fault_arm(1, 1);
    plan_sys.shorten = 1;
    assert_int_equal(einc_sys_write_all(fd, out, sizeof out), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(einc_sys_read_all(fd, in, sizeof in), 0);
    assert_memory_equal(in, out, sizeof in);
    assert_true(plan_sys.calls >= 18);
    fault_disarm();
    assert_int_equal(einc_sys_read_all(fd, in, 1), -1); /* the end */
    assert_int_equal(errno, EIO);
    assert_int_equal(einc_sys_read_all(fd, in, 0), 0);
    einc_sys_close(fd);
}

static void
test_list_begins_anew(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        int n = 0;
        DIR *d = einc_sys_list(root);
        while (readdir(d))
            n++;
        closedir(d);
        assert_int_equal(n, 2 + round);
        char name[3] = {'f', (char)('0' + round), 0};
        einc_sys_close(einc_sys_open(root, name, O_RDWR | O_CREAT, 0600));
    }
}

static void
test_seal(void **state)
{
    (void)state;
    int fd = einc_sys_memfd("x");
    assert_int_equal(einc_sys_write_all(fd, "abc", 3), 0);
    assert_int_equal(einc_sys_seal(fd), 0);
    assert_int_equal(einc_sys_write(fd, "d", 1), -1);
    assert_int_equal(ftruncate(fd, 1), -1);
    assert_int_equal(ftruncate(fd, 100), -1);
    assert_true(mmap(NULL, 3, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    void *code = mmap(NULL, 3, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    assert_true(code != MAP_FAILED);
    munmap(code, 3);
    einc_sys_close(fd);
}

/* --- the process ------------------------------------------------------------ */

static void
test_random_differs(void **state)
{
    (void)state;
    uint64_t seen[200];
    fault_arm(100, 1); /* the second half without the kernel's help */
    for (int i = 0; i < 200; i++) {
        seen[i] = einc_sys_random();
        for (int k = 0; k < i; k++)
            assert_true(seen[k] != seen[i]);
    }
}

static void
test_clock_and_reasons(void **state)
{
    (void)state;
    int64_t begin = einc_sys_now();
    einc_sys_sleep(20);
    assert_in_range(einc_sys_now() - begin, 19, 5000);
    assert_string_equal(einc_sys_reason(ENOENT), "No such file or directory");
    assert_non_null(einc_sys_reason(123456));
}

/* --- children --------------------------------------------------------------- */

static pid_t
spawn(const char *script, int out)
{
    char text[200];
    snprintf(text, sizeof text, "%s", script);
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, text, NULL};
    char *envp[] = {(char[]){"PATH=/usr/bin:/bin"}, NULL};
    struct sys_spawn job = {"/bin/sh", argv, envp, root, out};
    pid_t pid = -1;
    assert_int_equal(einc_sys_spawn(&job, &pid), 0);
    return pid;
}

static void
test_spawn_and_wait(void **state)
{
    (void)state;
    int p[2], status;
    char text[100] = "";
    assert_int_equal(einc_sys_pipe(p), 0);
    assert_int_equal(einc_sys_readable(p[0], 0), 0);
    assert_true(einc_sys_read(p[0], text, 1) < 0 && errno == EAGAIN);
    pid_t pid = spawn("pwd; cat; echo err >&2; sleep 0.05; exit 3", p[1]);
    einc_sys_close(p[1]);
    assert_int_equal(einc_sys_ended(pid), 0);
    size_t n = 0;
    while (einc_sys_readable(p[0], 5000) == 1) {
        ssize_t got = einc_sys_read(p[0], text + n, sizeof text - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    einc_sys_close(p[0]);
    char want[100];
    sprintf(want, "%s\nerr\n", place);
    assert_string_equal(text, want);
    while (einc_sys_ended(pid) == 0)
        einc_sys_sleep(1);
    assert_int_equal(einc_sys_ended(pid), 1); /* still to be waited for */
    assert_int_equal(einc_sys_wait(pid, &status), 0);
    assert_int_equal(WEXITSTATUS(status), 3);
    assert_int_equal(einc_sys_ended(pid), -1);
    assert_int_equal(errno, ECHILD);
}

static void
test_kill_takes_the_group(void **state)
{
    (void)state;
    int p[2], status;
    char byte;
    assert_int_equal(einc_sys_pipe(p), 0);
    /* the pipe ends only when the last of them is gone */
    pid_t pid = spawn("sleep 600 & sleep 600 & sleep 600", p[1]);
    einc_sys_close(p[1]);
    einc_sys_sleep(50);
    einc_sys_kill(pid);
    assert_int_equal(einc_sys_wait(pid, &status), 0);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_int_equal(einc_sys_readable(p[0], 5000), 1);
    assert_int_equal(einc_sys_read(p[0], &byte, 1), 0);
    einc_sys_close(p[0]);
}

static void
test_spawn_fails(void **state)
{
    (void)state;
    char *argv[] = {(char[]){"x"}, NULL};
    struct sys_spawn job = {"/no/such/program", argv, argv + 1, root, 2};
    pid_t pid;
    assert_int_equal(einc_sys_spawn(&job, &pid), -1);
    assert_int_equal(errno, ENOENT);
    job.path = "/bin/true";
    job.dir = 9999; /* not open */
    assert_int_equal(einc_sys_spawn(&job, &pid), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_call_can_fail),
        TEST(test_descriptors),
        TEST(test_whole_transfers),
        TEST(test_list_begins_anew),
        TEST(test_seal),
        TEST(test_random_differs),
        TEST(test_clock_and_reasons),
        TEST(test_spawn_and_wait),
        TEST(test_kill_takes_the_group),
        TEST(test_spawn_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

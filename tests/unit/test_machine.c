/* SPDX-License-Identifier: MIT
 *
 * test_machine.c - the table of a machine as text and as a file: what is
 * printed reads back, what is no table is refused whatever it holds, and no
 * file that is none of ours is ever touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/diag.h"
#include "faults.h"
#include "runtime/machine_file.h"

static const char *const shipped[] = {"avx512", "avx2", "neon", "sse2",
                                      "generic"};
enum { N_SHIPPED = sizeof shipped / sizeof *shipped, ROOM = 8192 };

static char place[64];

static int
set_up(void **state)
{
    (void)state;
    make_place(place);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    fault_disarm();
    unsetenv("EINC_MACHINE");
    remove_place(place);
    return 0;
}

static const struct machine *
row(const char *name)
{
    const struct machine *m = einc_machine_default(str_of(name));
    assert_non_null(m);
    return m;
}

/* The text of a table, in static memory. */
static char *
print(const struct machine *m)
{
    static char block[ROOM], copy[ROOM];
    struct cx cx = {0};
    struct arena a = {block, block + sizeof block, &cx};
    struct text t = {.perm = &a};
    einc_machine_print(&t, m);
    assert_true(t.n < ROOM);
    memcpy(copy, t.p, (size_t)t.n + 1);
    return copy;
}

static int
reads(const char *text, struct machine *m, struct machine_trouble *why)
{
    memset(why, 0, sizeof *why);
    return einc_machine_read(m, str_of(text), why);
}

static int
same(const struct machine *a, const struct machine *b)
{
    return strcmp(a->name, b->name) == 0 &&
           memcmp((const char *)a + sizeof a->name,
                  (const char *)b + sizeof b->name,
                  sizeof *a - sizeof a->name) == 0;
}

/* --- text --------------------------------------------------------------- */

static void
test_round_trip(void **state)
{
    (void)state;
    struct machine_trouble why;
    for (int r = 0; r < N_SHIPPED; r++) {
        struct machine m;
        assert_true(reads(print(row(shipped[r])), &m, &why));
        assert_true(same(&m, row(shipped[r])));
    }
    assert_null(einc_machine_default(str_of("avx")));
    assert_null(einc_machine_default(str_of("")));
}

/* A table of every line set to something of its own: no line is lost, or
 * stands for another. */
static void
test_every_line(void **state)
{
    (void)state;
    struct machine m = *row("avx2"), back;
    struct machine_trouble why;
    int64_t *v = (int64_t *)(void *)((char *)&m + sizeof m.name);
    size_t n = (sizeof m - sizeof m.name) / sizeof *v;
    for (size_t i = 0; i < n; i++)
        v[i] = 120 + (int64_t)i; /* in the bounds of all */
    m.bytes[MACHINE_MEMORY] = 0;
    assert_true(reads(print(&m), &back, &why));
    assert_true(same(&m, &back));
}

static void
test_comments(void **state)
{
    (void)state;
    char text[ROOM + 100];
    struct machine m;
    struct machine_trouble why;
    snprintf(text, sizeof text, "# mine\n\n%s\n# written to there\n",
             print(row("sse2")));
    assert_true(reads(text, &m, &why));
    assert_true(same(&m, row("sse2")));
}

/* A table with its line `key` replaced. */
static const char *
edit(const char *key, const char *line)
{
    static char text[ROOM + 200];
    char *from = print(row("avx2")), *at = strstr(from, key);
    assert_non_null(at);
    char *end = strchr(at, '\n');
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - from), from, line,
             *line ? end : end + 1);
    return text;
}

static void
refused(const char *text, int line, const char *word)
{
    struct machine m;
    struct machine_trouble why;
    assert_false(reads(text, &m, &why));
    assert_int_equal(why.line, line);
    if (!strstr(why.text, word))
        fail_msg("'%s' lacks '%s'", why.text, word);
}

static void
test_refused(void **state)
{
    (void)state;
    refused("", 0, "no table");
    refused("# nothing\n\n", 0, "no table");
    refused("hello\n", 1, "first line");
    refused("\n\neinc machine 2\n", 3, "another version");
    refused("einc machine 01\n", 1, "another version");
    refused("einc machine 1\n", 0, "missing");
    refused(edit("wake_ns", ""), 0, "wake_ns is missing");
    refused(edit("name", ""), 0, "name is missing");
    refused(edit("wake_ns", "wake_ns 5\nwake_ns 5"), 26, "wake_ns stands");
    refused(edit("name", "name a\nname a"), 3, "name stands");
    refused(edit("name", "name "), 2, "name takes");
    refused(edit("name", "name A"), 2, "name takes");
    refused(edit("name", "name a b"), 2, "name takes");
    refused(edit("name", "name a\"b"), 2, "name takes");
    refused(edit("name", "name aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), 2, "31");
    refused(edit("f32_mflops", "f32_mflops 0"), 5, "f32_mflops takes");
    refused(edit("f32_mflops", "f32_mflops -5"), 5, "f32_mflops takes");
    refused(edit("f32_mflops", "f32_mflops 1e5"), 5, "f32_mflops takes");
    refused(edit("f32_mflops", "f32_mflops  5"), 5, "f32_mflops takes");
    refused(edit("f32_mflops", "f32_mflops 05"), 5, "f32_mflops takes");
    refused(edit("f32_mflops", "f32_mflops"), 5, "f32_mflops takes");
    refused(edit("f32_mflops", "f32_mflops 1000000001"), 5, "takes");
    refused(edit("f32_mflops", "f32_mflops 99999999999999999999999"), 5,
            "takes");
    refused(edit("f32_mflops", "f33_mflops 5"), 5, "no line of a table");
    refused(edit("f32_mflops", " f32_mflops 5"), 5, "no line of a table");
    refused(edit("l2_bytes", "l2_bytes 64"), 0, "smaller than");
}

/* Whatever a bad disk or a bad day makes of a table: it is refused, or what
 * it says is in bounds and prints as it was read. */
static void
test_any_bytes(void **state)
{
    (void)state;
    char text[ROOM];
    uint64_t random = 88172645463325252u;
    int accepted = 0;
    for (int trial = 0; trial < 4000; trial++) {
        struct machine m, back;
        struct machine_trouble why;
        int64_t n = (int64_t)strlen(strcpy(text, print(row("avx512"))));
        for (int k = 0; k <= trial % 3; k++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            int64_t at = (int64_t)(random >> 20) % n;
            if (random % 4 == 0)
                n = at + 1;
            else
                text[at] = random & 64 ? (char)('0' + (random >> 8) % 10)
                                       : (char)(random >> 8);
        }
        if (!einc_machine_read(&m, (struct str){text, n}, &why)) {
            assert_true(strlen(why.text) > 5);
            continue;
        }
        accepted++;
        assert_true(reads(print(&m), &back, &why));
        assert_true(same(&m, &back));
    }
    assert_true(accepted > 100); /* digits that became other digits */
}

/* --- where it is -------------------------------------------------------- */

static void
test_find(void **state)
{
    (void)state;
    struct machine_place p;
    setenv("EINC_MACHINE", "default", 1);
    einc_machine_find(NULL, &p);
    assert_string_equal(p.shipped, "");
    einc_machine_find("/x", &p); /* the caller's word comes first */
    assert_null(p.shipped);
    assert_string_equal(p.path, "/x");
    setenv("EINC_MACHINE", "default:avx2", 1);
    einc_machine_find(NULL, &p);
    assert_string_equal(p.shipped, "avx2");
    setenv("EINC_MACHINE", "defaults", 1); /* a file's name, then */
    einc_machine_find(NULL, &p);
    assert_null(p.shipped);
    assert_string_equal(p.path, "defaults");
    assert_true(p.named);
    unsetenv("EINC_MACHINE");
    setenv("XDG_CONFIG_HOME", "/conf", 1);
    einc_machine_find(NULL, &p);
    assert_string_equal(p.path, "/conf/einc/machine");
    assert_false(p.named);
    setenv("XDG_CONFIG_HOME", "relative", 1);
    setenv("HOME", "/home/x", 1);
    einc_machine_find(NULL, &p);
    assert_string_equal(p.path, "/home/x/.config/einc/machine");
    unsetenv("XDG_CONFIG_HOME");
    setenv("HOME", "", 1);
    einc_machine_find(NULL, &p);
    assert_string_equal(p.path, "");
    einc_machine_find(NULL, &p);
    assert_int_equal(einc_machine_store(&p, "x", 1, NULL), EINC_ECACHE);
}

/* More rights than the user's: the user's words do not count. */
static void
test_secure(void **state)
{
    (void)state;
    struct machine_place p;
    setenv("EINC_MACHINE", "/etc/passwd", 1);
    fault_arm(1, 0);
    plan_sys.only = CALL_SECURE;
    einc_machine_find("/etc/passwd", &p);
    fault_disarm();
    assert_string_equal(p.path, "");
}

/* --- files -------------------------------------------------------------- */

static char file[128];

static struct machine_place
in_place(const char *name)
{
    struct machine_place p;
    snprintf(file, sizeof file, "%s/%s", place, name);
    einc_machine_find(file, &p);
    return p;
}

static enum einc_status
store(const struct machine_place *p, const char *name, struct trouble *why)
{
    const char *text = print(row(name));
    return einc_machine_store(p, text, strlen(text), why);
}

static void
write_file(const char *text)
{
    FILE *f = fopen(file, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int
count_files(void)
{
    return count_names(place, "");
}

static void
holds(const char *name)
{
    struct machine m;
    int missing;
    assert_int_equal(einc_machine_load(file, &m, &missing, NULL), EINC_OK);
    assert_true(same(&m, row(name)));
}

static void
test_store(void **state)
{
    (void)state;
    struct trouble why;
    struct machine m;
    int missing = 0;
    struct machine_place p = in_place("machine");
    assert_int_equal(einc_machine_load(file, &m, &missing, &why),
                     EINC_ECACHE);
    assert_true(missing);
    assert_int_equal(store(&p, "avx512", &why), EINC_OK);
    holds("avx512");
    assert_int_equal(store(&p, "sse2", &why), EINC_OK);
    holds("sse2");
    write_file("einc machine 7\nsomething newer\n"); /* ours all the same */
    assert_int_equal(store(&p, "avx2", &why), EINC_OK);
    holds("avx2");
    assert_int_equal(count_files(), 1);
}

/* What is no table stays as it is, byte for byte. */
static void
test_no_clobber(void **state)
{
    (void)state;
    static const char *const others[] = {"", "precious\n", "einc machine",
                                         " einc machine 1\n"};
    struct trouble why;
    struct machine_place p = in_place("machine");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char back[64] = "";
        write_file(others[i]);
        assert_int_equal(store(&p, "avx2", &why), EINC_ECACHE);
        assert_non_null(strstr(why.text, "something else"));
        FILE *f = fopen(file, "rb");
        back[fread(back, 1, sizeof back - 1, f)] = 0;
        fclose(f);
        assert_string_equal(back, others[i]);
    }
    assert_int_equal(count_files(), 1);
}

static void
test_links_and_folders(void **state)
{
    (void)state;
    struct trouble why;
    struct stat st;
    char target[160];
    in_place("real");
    write_file(print(row("avx2")));
    snprintf(target, sizeof target, "%s", file);
    struct machine_place p = in_place("link");
    assert_int_equal(symlink(target, file), 0);
    assert_int_equal(store(&p, "sse2", &why), EINC_ECACHE);
    assert_int_equal(lstat(file, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    holds("avx2"); /* reading follows it */
    p = in_place("folder");
    assert_int_equal(mkdir(file, 0700), 0);
    assert_int_equal(store(&p, "sse2", &why), EINC_ECACHE);
    assert_int_equal(lstat(file, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    p = in_place("pipe");
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_int_equal(store(&p, "sse2", &why), EINC_ECACHE);
    assert_int_equal(count_files(), 4);
}

/* None of these is a table, and none holds the reader up. */
static void
test_bad_files(void **state)
{
    (void)state;
    struct machine m;
    struct trouble why;
    int missing;
    in_place("large");
    FILE *f = fopen(file, "wb");
    for (int i = 0; i < 5000; i++)
        fputs("# large\n", f);
    fclose(f);
    assert_int_equal(einc_machine_load(file, &m, &missing, &why),
                     EINC_ECACHE);
    assert_false(missing);
    in_place("pipe");
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_int_equal(einc_machine_load(file, &m, &missing, &why),
                     EINC_ECACHE);
    assert_false(missing);
    assert_int_equal(einc_machine_load(place, &m, &missing, &why),
                     EINC_ECACHE);
    assert_false(missing);
    in_place("wrong");
    write_file(edit("wake_ns", "wake_ns x"));
    assert_int_equal(einc_machine_load(file, &m, &missing, &why),
                     EINC_ECACHE);
    assert_non_null(strstr(why.text, "line 25: wake_ns"));
}

/* Folders are made where they are missing, and only there. */
static void
test_folders(void **state)
{
    (void)state;
    struct machine_place p;
    struct trouble why;
    setenv("XDG_CONFIG_HOME", place, 1);
    einc_machine_find(NULL, &p);
    assert_int_equal(store(&p, "avx2", &why), EINC_OK);
    snprintf(file, sizeof file, "%s/einc/machine", place);
    holds("avx2");
    snprintf(file, sizeof file, "%s/no", place);
    setenv("XDG_CONFIG_HOME", file, 1);
    einc_machine_find(NULL, &p);
    assert_int_equal(store(&p, "avx2", &why), EINC_ECACHE);
    assert_int_equal(access(file, F_OK), -1);
    unsetenv("XDG_CONFIG_HOME");
    p = in_place("not/there");
    assert_int_equal(store(&p, "avx2", &why), EINC_ECACHE);
}

/* Every call of the system fails once, alone and with all that follow: the
 * old table or the new one stands there, whole, and nothing beside it. */
static void
test_faults(void **state)
{
    (void)state;
    struct trouble why;
    struct machine_place p = in_place("machine");
    for (int persistent = 0; persistent < 2; persistent++)
        for (int at = 1, fired = 1; fired; at++) {
            assert_int_equal(store(&p, "sse2", &why), EINC_OK);
            fault_arm(at, persistent);
            enum einc_status status = store(&p, "avx2", &why);
            fired = plan_sys.fired;
            fault_disarm();
            holds(status == EINC_OK ? "avx2" : "sse2");
            /* a temporary file remains if it cannot even be removed */
            if (!persistent)
                assert_int_equal(count_files(), 1);
            assert_true(at < 100);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_line),
        cmocka_unit_test(test_comments),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test_setup_teardown(test_find, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_secure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_store, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_clobber, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_links_and_folders, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_bad_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_faults, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

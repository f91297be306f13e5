/* SPDX-License-Identifier: MIT
 *
 * test_cache.c - the disk cache: round trips, hostile places, every kind of
 * damage to an entry, every system call and allocation failing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sha256.h>
#include <time.h>

#include "faults.h"
#include "runtime/cache.h"

static const char source[] = "int f(void) { return 7; }\n";
static const unsigned char binary[48] = "\177ELF, let us say, and some more";

static char place[64];
static struct cache *cache;

static int
set_up(void **state)
{
    (void)state;
    plan_mem = (struct fault_plan){0};
    make_place(place);
    cache = einc_cache_open(&heap, place, NULL);
    return cache ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void)state;
    fault_disarm();
    einc_cache_close(cache);
    remove_place(place);
    return heap_live == 0 ? 0 : -1;
}

static struct cache_key
key_of(int n)
{
    char text[32];
    snprintf(text, sizeof text, "kernel %d", n);
    return einc_cache_key((const char *[]){text, "avx2"}, 2);
}

/* Path of the entry of `key` below `place`. */
static void
path_of(const struct cache_key *key, char path[200])
{
    int n = sprintf(path, "%s/%02x/", place, key->hash[0]);
    for (int i = 1; i < 32; i++)
        n += sprintf(path + n, "%02x", key->hash[i]);
}

static void
store(const struct cache_key *key)
{
    assert_int_equal(einc_cache_store(cache, key, source, binary,
                                      sizeof binary, NULL), EINC_OK);
}

/* Loads; what comes must be what was stored. Returns whether it came. */
static int
loads(const struct cache_key *key)
{
    void *got;
    size_t n;
    enum einc_status s = einc_cache_load(cache, key, &got, &n);
    if (s != EINC_OK) {
        assert_int_equal(s, EINC_ECACHE);
        assert_null(got);
        return 0;
    }
    assert_int_equal(n, sizeof binary);
    assert_memory_equal(got, binary, n);
    mem_free(&heap, got, n);
    return 1;
}

static int
exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* --- what it is for ------------------------------------------------------- */

static void
test_round_trip(void **state)
{
    (void)state;
    struct cache_key a = key_of(1), b = key_of(2);
    int64_t entries, bytes;
    assert_false(loads(&a));
    store(&a);
    assert_true(loads(&a));
    assert_false(loads(&b));
    store(&a); /* again: the later one replaces the earlier */
    store(&b);
    assert_true(loads(&a) && loads(&b));
    einc_cache_count(cache, &entries, &bytes);
    assert_int_equal(entries, 2);
    assert_int_equal(bytes, 2 * (96 + strlen(source) + sizeof binary));
    einc_cache_clear(cache);
    einc_cache_count(cache, &entries, &bytes);
    assert_int_equal(entries, 0);
    assert_false(loads(&a));
}

static void
test_files_are_private(void **state)
{
    (void)state;
    struct cache_key key = key_of(1);
    char path[200];
    struct stat st;
    mode_t old = umask(0);
    store(&key);
    umask(old);
    path_of(&key, path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    *strrchr(path, '/') = '\0';
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(count_names(path, "."), 0);
}

static void
test_key_separates_parts(void **state)
{
    (void)state;
    static const char *const list[][3] = {
        {"ab", "c", ""}, {"a", "bc", ""}, {"", "abc", ""}, {"abc", "", ""},
        {"ab", "c", NULL}, {"ab", "", "c"},
    };
    struct cache_key k[6];
    for (int i = 0; i < 6; i++) {
        k[i] = einc_cache_key(list[i], 3);
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(&k[i], &k[j], sizeof k[i]);
    }
    struct cache_key two = einc_cache_key(list[0], 2);
    assert_memory_not_equal(&two, &k[0], sizeof two);
    two = einc_cache_key(list[1], 3);
    assert_memory_equal(&two, &k[1], sizeof two);
    /* FIPS 180-2: SHA-256 of nothing */
    struct cache_key none = einc_cache_key(NULL, 0);
    assert_int_equal(none.hash[0], 0xe3);
    assert_int_equal(none.hash[31], 0x55);
}

static void
test_null_cache_is_empty(void **state)
{
    (void)state;
    struct cache_key key = key_of(1);
    struct trouble why;
    void *p;
    size_t n;
    int64_t entries, bytes;
    assert_int_equal(einc_cache_load(NULL, &key, &p, &n), EINC_ECACHE);
    assert_int_equal(einc_cache_store(NULL, &key, source, binary, 4, &why),
                     EINC_ECACHE);
    einc_cache_count(NULL, &entries, &bytes);
    assert_int_equal(entries, 0);
    einc_cache_clear(NULL);
    assert_int_equal(einc_cache_claim(NULL, &key, 0), -1);
    assert_string_equal(einc_cache_path(NULL), "");
    einc_cache_close(NULL);
}

/* --- places --------------------------------------------------------------- */

static void
expect_off(const char *dir, const char *says)
{
    struct trouble why = {0};
    int fds = count_fds();
    int64_t live = heap_live;
    assert_null(einc_cache_open(&heap, dir, &why));
    assert_int_equal(why.status, EINC_ECACHE);
    if (!strstr(why.text, says))
        fail_msg("'%s' does not say '%s'", why.text, says);
    assert_int_equal(count_fds(), fds);
    assert_int_equal(heap_live, live);
}

static void
expect_on(const char *dir, const char *path)
{
    struct trouble why = {0};
    struct cache *c = einc_cache_open(&heap, dir, &why);
    if (!c)
        fail_msg("%s", why.text);
    assert_string_equal(einc_cache_path(c), path);
    einc_cache_close(c);
}

static void
test_choice_of_place(void **state)
{
    (void)state;
    char a[100], b[100], home[100], want[200];
    sprintf(a, "%s/explicit", place);
    sprintf(b, "%s/x d'g\n;\"\xff", place);
    sprintf(home, "%s/home", place);
    setenv("EINC_CACHE_DIR", a, 1);
    setenv("XDG_CACHE_HOME", b, 1);
    setenv("HOME", home, 1);
    expect_on(NULL, a);
    expect_off("", "switched off");
    setenv("EINC_CACHE_DIR", "", 1);
    expect_off(NULL, "switched off");
    setenv("EINC_CACHE_DIR", "here", 1);
    expect_off(NULL, "EINC_CACHE_DIR is relative");
    unsetenv("EINC_CACHE_DIR");
    sprintf(want, "%s/einc", b);
    expect_on(NULL, want);
    setenv("XDG_CACHE_HOME", "relative/is/ignored", 1);
    expect_off(NULL, "No such file"); /* HOME is not made for us */
    assert_false(exists(home));
    assert_int_equal(mkdir(home, 0755), 0);
    sprintf(want, "%s/.cache/einc", home);
    expect_on(NULL, want);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    expect_off(NULL, "neither XDG_CACHE_HOME nor HOME");
    setenv("HOME", home, 1);
}

static void
test_long_paths(void **state)
{
    (void)state;
    char path[5000];
    size_t n = (size_t)sprintf(path, "%s", place);
    while (n < 4000) {
        n += (size_t)sprintf(path + n, "/%.199s", "d234567890123456789012345"
            "678901234567890123456789012345678901234567890123456789012345678"
            "901234567890123456789012345678901234567890123456789012345678901"
            "2345678901234567890123456789012345678901234567");
    }
    path[4000] = '\0';
    struct cache *c = einc_cache_open(&heap, path, NULL);
    assert_non_null(c);
    struct cache_key key = key_of(1);
    assert_int_equal(einc_cache_store(c, &key, source, binary, 10, NULL),
                     EINC_OK);
    einc_cache_close(c);
    memset(path + 4000, 'x', 500);
    path[4500] = '\0';
    expect_off(path, "longer than");
}

static void
test_refused_places(void **state)
{
    (void)state;
    char dir[100], link[100], slash[110];
    sprintf(dir, "%s/d", place);
    sprintf(link, "%s/link", place);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(symlink(dir, link), 0);
    expect_on(dir, dir);
    expect_off(link, "link");
    sprintf(slash, "%s/", link);
    expect_off(slash, "link");
    sprintf(slash, "%s/./", link);
    expect_off(slash, "link");
    sprintf(slash, "%s///", dir);
    expect_on(slash, dir);
    chmod(dir, 0720);
    expect_off(dir, "nobody else may write");
    chmod(dir, 0702);
    expect_off(dir, "nobody else may write");
    chmod(dir, 0755); /* others may read: nothing secret is in it */
    expect_on(dir, dir);
    assert_int_equal(rmdir(dir), 0);
    put_bytes(dir, "x", 1, 0600);
    expect_off(dir, "not a directory");
    sprintf(slash, "%s/below", dir);
    expect_off(slash, "not a directory");
    expect_off("/proc/nothing/here", "No such file");
    if (geteuid() == 0) {
        unlink(dir);
        assert_int_equal(mkdir(dir, 0700), 0);
        assert_int_equal(chown(dir, 12345, 12345), 0);
        expect_off(dir, "belong to this user");
        /* and HOME of somebody else, as under sudo */
        setenv("HOME", dir, 1);
        unsetenv("XDG_CACHE_HOME");
        unsetenv("EINC_CACHE_DIR");
        expect_off(NULL, "cannot use");
        assert_int_equal(count_names(dir, ""), 0);
    }
}

static void
test_off_when_set_uid(void **state)
{
    (void)state;
    fault_arm(1, 1);
    plan_sys.only = CALL_SECURE;
    expect_off(place, "set-uid");
}

static void
test_closed_stdio(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) { /* what the host prints to stderr must not hit an entry */
        for (int fd = 0; fd < 3; fd++)
            close(fd);
        struct cache *c = einc_cache_open(&heap, place, NULL);
        struct cache_key key = key_of(1);
        int ok = c && einc_cache_store(c, &key, source, binary, sizeof binary,
                                       NULL) == EINC_OK;
        for (int fd = 0; fd < 3; fd++)
            ok = ok && fcntl(fd, F_GETFD) < 0;
        _exit(!ok);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* --- damage ---------------------------------------------------------------- */

/* Something else stands where the entry was: it must not be taken, nothing
 * may hang or leak, and the next store must heal it. `sweeps` where a load is
 * to remove it as well. */
static void
expect_healed(const struct cache_key *key, int sweeps)
{
    char path[200];
    int fds = count_fds();
    path_of(key, path);
    assert_false(loads(key));
    if (sweeps)
        assert_false(exists(path));
    store(key);
    assert_true(loads(key));
    assert_int_equal(count_fds(), fds);
}

static void
test_truncated_anywhere(void **state)
{
    (void)state;
    struct cache_key key = key_of(1);
    char path[200];
    unsigned char entry[400];
    store(&key);
    path_of(&key, path);
    size_t n = get_bytes(path, entry, sizeof entry);
    assert_int_equal(n, 96 + strlen(source) + sizeof binary);
    for (size_t cut = 0; cut < n; cut++) {
        put_bytes(path, entry, cut, 0600);
        expect_healed(&key, 1);
    }
    entry[n] = 0;
    put_bytes(path, entry, n + 1, 0600);
    expect_healed(&key, 1);
}

static void
test_every_bit_flipped(void **state)
{
    (void)state;
    struct cache_key key = key_of(1);
    char path[200];
    unsigned char entry[400];
    store(&key);
    path_of(&key, path);
    size_t n = get_bytes(path, entry, sizeof entry);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        entry[bit / 8] ^= (unsigned char)(1u << bit % 8);
        put_bytes(path, entry, n, 0600);
        assert_false(loads(&key));
        assert_false(exists(path));
        entry[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    put_bytes(path, entry, n, 0600);
    assert_true(loads(&key));
}

static void
test_random_damage(void **state)
{
    (void)state;
    struct cache_key key = key_of(1);
    char path[200];
    unsigned char entry[400], bad[400];
    store(&key);
    path_of(&key, path);
    size_t n = get_bytes(path, entry, sizeof entry);
    uint64_t x = 88172645463325252u;
    for (int round = 0; round < 3000; round++) {
        memcpy(bad, entry, n);
        for (int i = 0; i <= round % 5; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            bad[x % n] = (unsigned char)(x >> 40);
        }
        put_bytes(path, bad, n, 0600);
        int same = memcmp(bad, entry, n) == 0;
        assert_int_equal(loads(&key), same);
    }
    memset(bad, 0, n);
    put_bytes(path, bad, n, 0600);
    expect_healed(&key, 1);
}

/* Gives an entry the checksum that it should have. */
static void
sign(unsigned char *entry, size_t n)
{
    SHA2_CTX h;
    SHA256Init(&h);
    SHA256Update(&h, entry, 64);
    SHA256Update(&h, entry + 96, n - 96);
    SHA256Final(entry + 64, &h);
}

/* Lengths that lie: nothing may be allocated for them. */
static void
test_lying_lengths(void **state)
{
    (void)state;
    struct cache_key key = key_of(1);
    char path[200];
    unsigned char entry[400];
    static const uint64_t lies[] = {0, 1, UINT64_MAX, UINT64_MAX - 95,
                                    (uint64_t)1 << 63, (uint64_t)1 << 40};
    store(&key);
    path_of(&key, path);
    size_t n = get_bytes(path, entry, sizeof entry);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++)
        for (size_t field = 48; field <= 56; field += 8) {
            unsigned char bad[400];
            memcpy(bad, entry, n);
            memcpy(bad + field, &lies[i], 8);
            /* the other field makes the sum right, modulo 2^64 */
            uint64_t rest = n - 96 - lies[i];
            memcpy(bad + 104 - field, &rest, 8);
            if (lies[i] == 0 && field == 56)
                sign(bad, n); /* no binary at all, and honestly so */
            put_bytes(path, bad, n, 0600);
            int calls = plan_mem.calls;
            expect_healed(&key, 1);
            /* one block for the load that comes after; another one at most
             * where the lengths are possible ones */
            assert_in_range(plan_mem.calls - calls, 1, lies[i] <= 1 ? 2 : 1);
        }
}

static void
test_other_things_in_its_place(void **state)
{
    (void)state;
    struct cache_key key = key_of(1);
    char path[200], other[220];
    store(&key);
    path_of(&key, path);
    sprintf(other, "%s/other", place);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0); /* to a good entry */
    expect_healed(&key, 1);
    assert_true(exists(other));
    unlink(path);
    assert_int_equal(symlink("nowhere", path), 0);
    expect_healed(&key, 1);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_healed(&key, 1);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_healed(&key, 1);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    store(&key); /* with no load before */
    assert_true(loads(&key));
    unlink(path);
    if (geteuid() == 0 && mknod(path, S_IFCHR | 0600, 0x0103) == 0)
        expect_healed(&key, 1); /* /dev/null */
}

static void
test_full_directory_in_its_place(void **state)
{
    (void)state;
    struct cache_key key = key_of(1);
    struct trouble why = {0};
    char path[200], inner[220];
    store(&key);
    path_of(&key, path);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    sprintf(inner, "%s/mine", path);
    put_bytes(inner, "", 0, 0600);
    assert_false(loads(&key));
    assert_int_equal(einc_cache_store(cache, &key, source, binary,
                                      sizeof binary, &why), EINC_ECACHE);
    assert_non_null(strstr(why.text, "rename"));
    assert_true(exists(inner)); /* not ours to delete */
    *strrchr(path, '/') = '\0';
    assert_int_equal(count_names(path, ".t"), 0);
}

static void
test_wrong_mode_or_owner(void **state)
{
    (void)state;
    static const mode_t bad[] = {0660, 0606, 0622, 0777};
    struct cache_key key = key_of(1);
    char path[200];
    store(&key);
    path_of(&key, path);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(chmod(path, bad[i]), 0);
        expect_healed(&key, 1);
    }
    assert_int_equal(chmod(path, 0644), 0);
    assert_true(loads(&key));
    if (geteuid() != 0)
        return;
    assert_int_equal(chown(path, 12345, 12345), 0);
    expect_healed(&key, 1);
}

static void
test_bad_set_directory(void **state)
{
    (void)state;
    struct cache_key key = key_of(1);
    char path[200], set[100], other[100];
    store(&key);
    path_of(&key, path);
    sprintf(set, "%s/%02x", place, key.hash[0]);
    sprintf(other, "%s/elsewhere", place);
    assert_int_equal(rename(set, other), 0);
    assert_int_equal(symlink(other, set), 0);
    expect_healed(&key, 0);
    remove_place(set);
    put_bytes(set, "x", 1, 0600);
    expect_healed(&key, 0);
    assert_int_equal(chmod(set, 0777), 0); /* anybody may have been in there */
    assert_false(loads(&key));
    struct trouble why = {0};
    assert_int_equal(einc_cache_store(cache, &key, source, binary,
                                      sizeof binary, &why), EINC_ECACHE);
    assert_non_null(strstr(why.text, "cannot open"));
}

static void
test_swapped_entries(void **state)
{
    (void)state;
    struct cache_key a = key_of(1), b = key_of(2);
    char pa[200], pb[200];
    store(&a);
    assert_int_equal(einc_cache_store(cache, &b, "other", "another kernel", 14,
                                      NULL), EINC_OK);
    path_of(&a, pa);
    path_of(&b, pb);
    assert_int_equal(rename(pb, pa), 0);
    expect_healed(&a, 1);
}

static void
test_other_formats(void **state)
{
    (void)state;
    struct cache_key key = key_of(1);
    char path[200];
    unsigned char entry[400];
    store(&key);
    path_of(&key, path);
    size_t n = get_bytes(path, entry, sizeof entry);
    for (size_t at = 0; at <= 12; at += 4) /* magic, format, ABI */
        for (unsigned char v = 0; v < 8; v++) {
            unsigned char bad[400];
            memcpy(bad, entry, n);
            if (bad[at] == v)
                continue;
            bad[at] = v;
            sign(bad, n);
            put_bytes(path, bad, n, 0600);
            expect_healed(&key, 1);
        }
    sign(entry, n); /* the signature itself is not what was wrong */
    put_bytes(path, entry, n, 0600);
    assert_true(loads(&key));
}

static void
test_root_removed_under_us(void **state)
{
    (void)state;
    struct cache_key key = key_of(1);
    struct trouble why = {0};
    remove_place(place);
    assert_false(loads(&key));
    assert_int_equal(einc_cache_store(cache, &key, source, binary,
                                      sizeof binary, &why), EINC_ECACHE);
    assert_int_equal(why.status, EINC_ECACHE);
    assert_false(exists(place));
}

/* --- bounds ---------------------------------------------------------------- */

/* A key in the set of `first`, the `n`th such. */
static struct cache_key
key_in_set(const struct cache_key *first, int n)
{
    struct cache_key k = *first;
    k.hash[30] = (unsigned char)(n >> 8);
    k.hash[31] = (unsigned char)n;
    return k;
}

static void
test_eviction_by_number(void **state)
{
    (void)state;
    struct cache_key base = key_of(1), k;
    char path[200];
    int64_t entries, bytes;
    for (int i = 0; i < 16; i++) {
        k = key_in_set(&base, i);
        store(&k);
        path_of(&k, path); /* used i minutes after the first, a day ago */
        struct timespec t[2] = {{time(NULL) - 86400 + 60 * i, 0},
                                {time(NULL) - 86400 + 60 * i, 0}};
        assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
    }
    k = key_in_set(&base, 0);
    assert_true(loads(&k)); /* makes the oldest the youngest */
    k = key_in_set(&base, 100);
    store(&k);
    einc_cache_count(cache, &entries, &bytes);
    assert_int_equal(entries, 16);
    assert_true(loads(&k));
    k = key_in_set(&base, 0);
    assert_true(loads(&k));
    k = key_in_set(&base, 1);
    assert_false(loads(&k));
    k = key_in_set(&base, 2);
    assert_true(loads(&k));
}

static void
test_eviction_by_bytes(void **state)
{
    (void)state;
    struct cache_key base = key_of(1), k;
    int64_t entries, bytes;
    size_t n = 300 * 1024;
    char *big = calloc(n, 1);
    for (int i = 0; i < 8; i++) {
        k = key_in_set(&base, i);
        assert_int_equal(einc_cache_store(cache, &k, source, big, n, NULL),
                         EINC_OK);
    }
    einc_cache_count(cache, &entries, &bytes);
    assert_int_equal(entries, 3);
    assert_true(bytes <= 1024 * 1024);
    free(big);
    /* one that is too large alone stays until the next one comes */
    n = 3 * 1024 * 1024;
    big = calloc(n, 1);
    assert_int_equal(einc_cache_store(cache, &k, source, big, n, NULL),
                     EINC_OK);
    einc_cache_count(cache, &entries, &bytes);
    assert_int_equal(entries, 1);
    k = key_in_set(&base, 9);
    store(&k);
    einc_cache_count(cache, &entries, &bytes);
    assert_int_equal(entries, 1);
    assert_true(loads(&k));
    free(big);
}

static void
test_leftovers_are_swept(void **state)
{
    (void)state;
    struct cache_key key = key_of(1);
    char fresh[200], stale[200], foreign[200];
    store(&key);
    sprintf(fresh, "%s/%02x/.t0123456789abcdef", place, key.hash[0]);
    sprintf(stale, "%s/%02x/.tfedcba9876543210", place, key.hash[0]);
    sprintf(foreign, "%s/%02x/README", place, key.hash[0]);
    put_bytes(fresh, "x", 1, 0600);
    put_bytes(stale, "x", 1, 0600);
    put_bytes(foreign, "x", 1, 0600);
    struct timespec t[2] = {{time(NULL) - 7200, 0}, {time(NULL) - 7200, 0}};
    assert_int_equal(utimensat(AT_FDCWD, stale, t, 0), 0);
    store(&key);
    assert_true(exists(fresh));
    assert_false(exists(stale));
    einc_cache_clear(cache);
    assert_true(exists(foreign));
}

/* --- claims ---------------------------------------------------------------- */

static void
test_claims(void **state)
{
    (void)state;
    struct cache_key a = key_of(1), b = key_of(2);
    int fds = count_fds();
    int one = einc_cache_claim(cache, &a, 1000);
    assert_true(one >= 0);
    int64_t begin = einc_sys_now();
    assert_int_equal(einc_cache_claim(cache, &a, 60), -1);
    assert_in_range(einc_sys_now() - begin, 60, 2000);
    int two = einc_cache_claim(cache, &b, 0);
    assert_true(two >= 0);
    einc_cache_release(two);
    /* a child that has inherited the descriptor does not keep the claim */
    int go[2];
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(go[1]);
        _exit(read(go[0], &c, 1) != 0);
    }
    close(go[0]);
    einc_cache_release(one);
    one = einc_cache_claim(cache, &a, 0);
    assert_true(one >= 0);
    close(go[1]);
    waitpid(pid, NULL, 0);
    einc_cache_release(one);
    einc_cache_release(-1);
    /* a process that dies gives its claim back */
    pid = fork();
    if (pid == 0)
        _exit(einc_cache_claim(cache, &a, 0) < 0);
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    one = einc_cache_claim(cache, &a, 0);
    assert_true(one >= 0);
    einc_cache_release(one);
    assert_int_equal(count_fds(), fds);
}

/* --- faults ---------------------------------------------------------------- */

/* A whole life of a cache: open, miss, claim, store, hit, replace a bad
 * entry, count, close. Anything may fail; nothing may be wrong or left. */
static void
live(const char *dir)
{
    struct cache *keep = cache;
    struct trouble why = {0};
    struct cache_key key = key_of(1);
    int64_t entries, bytes;
    cache = einc_cache_open(&heap, dir, &why);
    if (!cache)
        assert_int_not_equal(why.status, EINC_OK);
    void *p;
    size_t n;
    for (int round = 0; round < 2; round++) {
        int claim = einc_cache_claim(cache, &key, 0);
        enum einc_status s = einc_cache_load(cache, &key, &p, &n);
        if (s == EINC_OK) {
            assert_int_equal(n, sizeof binary);
            assert_memory_equal(p, binary, n);
            mem_free(&heap, p, n);
        } else {
            assert_true(s == EINC_ECACHE || s == EINC_ENOMEM);
            assert_null(p);
            memset(&why, 0, sizeof why);
            s = einc_cache_store(cache, &key, source, binary, sizeof binary,
                                 &why);
            assert_int_equal(s, why.status);
            assert_true(s == EINC_OK || (s == EINC_ECACHE && why.text[0]));
        }
        einc_cache_release(claim);
    }
    einc_cache_count(cache, &entries, &bytes);
    assert_true(entries <= 1);
    einc_cache_close(cache);
    cache = keep;
}

static void
survive_every_fault(int persistent, int shorten, int with_damage)
{
    char dir[100], path[200];
    struct cache_key key = key_of(1);
    char before[64];
    strcpy(before, place);
    for (int n = 1;; n++) {
        assert_true(n < 1000);
        sprintf(dir, "%s/%d", before, n);
        strcpy(place, dir);
        if (with_damage) { /* a bad entry is there already */
            assert_int_equal(mkdir(dir, 0700), 0);
            path_of(&key, path);
            char *end = strrchr(path, '/');
            *end = '\0';
            assert_int_equal(mkdir(path, 0700), 0);
            *end = '/';
            put_bytes(path, "nonsense", 8, 0600);
        }
        int fds = count_fds();
        int64_t blocks = heap_live;
        fault_arm(n, persistent);
        plan_sys.shorten = shorten;
        live(dir);
        fault_disarm();
        int fired = plan_sys.fired, last = plan_sys.last;
        assert_int_equal(count_fds(), fds);
        assert_int_equal(heap_live, blocks);
        path_of(&key, path);
        *strrchr(path, '/') = '\0';
        if (last != CALL_UNLINK && !persistent)
            assert_int_equal(count_names(path, ".t"), 0);
        /* and all is well afterwards */
        struct cache *keep = cache;
        cache = einc_cache_open(&heap, dir, NULL);
        assert_non_null(cache);
        if (!loads(&key))
            store(&key);
        assert_true(loads(&key));
        einc_cache_close(cache);
        cache = keep;
        strcpy(place, before);
        remove_place(dir);
        if (!fired)
            break;
    }
}

static void
test_every_call_fails(void **state)
{
    (void)state;
    for (int persistent = 0; persistent < 2; persistent++)
        for (int damage = 0; damage < 2; damage++)
            survive_every_fault(persistent, 0, damage);
}

static void
test_every_transfer_is_short(void **state)
{
    (void)state;
    survive_every_fault(0, 1, 0);
    survive_every_fault(1, 1, 1);
}

/* Short transfers are no failure: all must have gone well. */
static void
test_short_transfers_succeed(void **state)
{
    (void)state;
    struct cache_key key = key_of(1);
    fault_arm(1, 1);
    plan_sys.shorten = 1;
    store(&key);
    assert_true(loads(&key));
    assert_true(plan_sys.fired > 10);
}

static void
test_every_allocation_fails(void **state)
{
    (void)state;
    char dir[100];
    for (int persistent = 0; persistent < 2; persistent++)
        for (int n = 1;; n++) {
            sprintf(dir, "%s/%d", place, n);
            int fds = count_fds();
            int64_t blocks = heap_live;
            plan_mem = (struct fault_plan){.at = n, .persistent = persistent};
            live(dir);
            live(dir);
            int fired = plan_mem.fired;
            plan_mem = (struct fault_plan){0};
            assert_int_equal(count_fds(), fds);
            assert_int_equal(heap_live, blocks);
            remove_place(dir);
            if (!fired)
                break;
        }
}

static void
test_failures_say_why(void **state)
{
    (void)state;
    static const struct { int call; const char *says; } list[] = {
        {CALL_WRITE, "cannot write an entry"},
        {CALL_FSYNC, "cannot sync an entry"},
        {CALL_RENAME, "cannot rename an entry"},
        {CALL_OPEN, "Too many open files"},
    };
    struct cache_key key = key_of(1);
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct trouble why = {0};
        fault_arm(1, 1);
        plan_sys.only = list[i].call;
        assert_int_equal(einc_cache_store(cache, &key, source, binary,
                                          sizeof binary, &why), EINC_ECACHE);
        fault_disarm();
        if (!strstr(why.text, list[i].says))
            fail_msg("'%s' does not say '%s'", why.text, list[i].says);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),
        TEST(test_files_are_private),
        TEST(test_key_separates_parts),
        TEST(test_null_cache_is_empty),
        TEST(test_choice_of_place),
        TEST(test_long_paths),
        TEST(test_refused_places),
        TEST(test_off_when_set_uid),
        TEST(test_closed_stdio),
        TEST(test_truncated_anywhere),
        TEST(test_every_bit_flipped),
        TEST(test_random_damage),
        TEST(test_lying_lengths),
        TEST(test_other_things_in_its_place),
        TEST(test_full_directory_in_its_place),
        TEST(test_wrong_mode_or_owner),
        TEST(test_bad_set_directory),
        TEST(test_swapped_entries),
        TEST(test_other_formats),
        TEST(test_root_removed_under_us),
        TEST(test_eviction_by_number),
        TEST(test_eviction_by_bytes),
        TEST(test_leftovers_are_swept),
        TEST(test_claims),
        TEST(test_every_call_fails),
        TEST(test_every_transfer_is_short),
        TEST(test_short_transfers_succeed),
        TEST(test_every_allocation_fails),
        TEST(test_failures_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

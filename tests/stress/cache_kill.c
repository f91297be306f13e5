/* SPDX-License-Identifier: MIT
 *
 * cache_kill.c - writers of the cache are killed (SIGKILL) in the middle of
 * their work; after each no entry may be bad. `cache_kill [KILLS [SEED]]`.
 *
 * A writer stores entries of a known content, over and over, in transfers of
 * a few kilobytes, so that most kills hit one that is half written.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cache.h"
#include "runtime/sys.h"
#include "tests/unit/faults.h"

#define KEYS 12
#define BYTES 60000

static const struct mem mem = {einc_mem_libc, NULL};

static struct cache_key
key_of(int k)
{
    char text[16];
    snprintf(text, sizeof text, "key %d", k);
    return einc_cache_key((const char *[]){text}, 1);
}

static void
fill(unsigned char *p, size_t n, int k)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)((i * 31 + (size_t)k * 7) ^ i >> 8);
}

static int
halve(enum sys_call call)
{
    return call == CALL_WRITE ? SYS_SHORT : 0;
}

static void
write_for_ever(const char *dir, int ready)
{
    static unsigned char bytes[BYTES];
    struct cache *c = einc_cache_open(&mem, dir, NULL);
    if (!c || write(ready, "", 1) != 1)
        _exit(1);
    einc_sys_fault = halve;
    for (int k = 0;; k = (k + 1) % KEYS) {
        struct cache_key key = key_of(k);
        fill(bytes, sizeof bytes, k);
        if (einc_cache_store(c, &key, "int f;", bytes, sizeof bytes, NULL))
            _exit(1);
    }
}

/* Loads all keys; returns how many were there, -1 if one was wrong or bad:
 * a load deletes a bad entry, which shows in the count. */
static int
verify(const char *dir)
{
    static unsigned char want[BYTES];
    struct cache *c = einc_cache_open(&mem, dir, NULL);
    int64_t before, after, bytes;
    int found = 0, wrong = c == NULL;
    einc_cache_count(c, &before, &bytes);
    for (int k = 0; c && k < KEYS; k++) {
        struct cache_key key = key_of(k);
        void *p;
        size_t n;
        if (einc_cache_load(c, &key, &p, &n) != EINC_OK)
            continue;
        fill(want, sizeof want, k);
        wrong += n != sizeof want || memcmp(p, want, n) != 0;
        mem_free(&mem, p, n);
        found++;
    }
    einc_cache_count(c, &after, &bytes);
    einc_cache_close(c);
    return wrong || before != after || after != found ? -1 : found;
}

/* Files that were being written, in all sets. */
static int
count_halves(const char *dir)
{
    int n = 0;
    for (int i = 0; i < 256; i++) {
        char set[200];
        snprintf(set, sizeof set, "%s/%02x", dir, (unsigned)i);
        n += count_names(set, ".t");
    }
    return n;
}

int
main(int argc, char **argv)
{
    int kills = argc > 1 ? atoi(argv[1]) : 100;
    uint64_t x = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    int halves = 0, bad = 0, most = 0;
    char dir[64];
    make_place(dir);
    for (int i = 0; i < kills; i++) {
        int ready[2];
        char byte;
        if (pipe(ready) < 0)
            return 2;
        pid_t pid = fork();
        if (pid == 0)
            write_for_ever(dir, ready[1]);
        close(ready[1]);
        bad += read(ready[0], &byte, 1) != 1;
        close(ready[0]);
        x = x * 6364136223846793005u + 1442695040888963407u;
        usleep((useconds_t)((x >> 33) % 4000));
        kill(pid, SIGKILL);
        int status;
        waitpid(pid, &status, 0);
        bad += !WIFSIGNALED(status); /* it has failed by itself */
        int found = verify(dir), now = count_halves(dir);
        bad += found < 0;
        most = found > most ? found : most;
        halves += now > 0;
        if (i % 10 == 9) /* every so often all from the beginning */
            remove_place(dir), mkdir(dir, 0700);
    }
    remove_place(dir);
    printf("cache_kill: %d kills, half-written files seen after %d, up to %d "
           "good entries, %d failures\n", kills, halves, most, bad);
    /* without half-written files nothing has been tested */
    return bad > 0 || halves == 0 || most == 0;
}

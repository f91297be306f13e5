/* SPDX-License-Identifier: MIT
 *
 * replay_main.c - gives files to a fuzz entry, without a fuzzer: what once was
 * worth keeping is run by every `make test`, with any compiler.
 * usage: replay FILE-OR-FOLDER...
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { MOST = 1 << 20 };

static int played;

/* The bytes end where the block ends, so that a sanitizer sees beyond. */
static void
play_file(const char *path, FILE *f)
{
    static uint8_t room[MOST];
    size_t n = fread(room, 1, MOST, f);
    uint8_t *bytes = malloc(n ? n : 1);
    if (!bytes)
        abort();
    memcpy(bytes, room, n);
    fprintf(stderr, "%s\n", path); /* the last one is who stopped us */
    LLVMFuzzerTestOneInput(bytes, n);
    free(bytes);
    played++;
}

static void
play(const char *path)
{
    char below[4096];
    DIR *d = opendir(path);
    FILE *f = d ? NULL : fopen(path, "rb");
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(below, sizeof below, "%s/%s", path, e->d_name);
        play(below);
    }
    if (f)
        play_file(path, f);
    if (f)
        fclose(f);
    if (d)
        closedir(d);
}

int
main(int argc, char **argv)
{
    for (int a = 1; a < argc; a++)
        play(argv[a]);
    printf("%d passed, %d failed\n", played, played == 0);
    return played == 0;
}

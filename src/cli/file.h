/* SPDX-License-Identifier: MIT
 *
 * file.h - files that the command reads and writes. A file is written beside
 * its place and moved there when complete, so nobody sees half of one.
 */
#ifndef EINC_CLI_FILE_H
#define EINC_CLI_FILE_H

#include <stdio.h>

enum { FILE_PATH_MAX = 4096 };

/* A file being written. */
struct output {
    FILE *stream;             /* write here */
    const char *path;         /* "-": stdout */
    int force;                /* may replace an existing file */
    int slot;                 /* of interrupt.h's list, or -1 */
    char temp[FILE_PATH_MAX]; /* "": written in place (stdout, a device) */
};

/* Reads all of a file, or of stdin for "-". Returns malloc'ed text with a 0
 * after it, or NULL, having said why. */
char *einc_file_read(const char *path);

/* Whether what is written to the one path replaces what was written to the
 * other: a name in a folder, however the folder is spelled. */
int einc_output_same(const char *a, const char *b);
/* Opens, commits (moves into place) or gives up. Each returns enum exit_code
 * and has said why when it is not EXIT_DONE. An existing file is refused
 * unless `force`. A failed open needs no more calls. */
int einc_output_open(struct output *o, const char *path, int force);
int einc_output_commit(struct output *o);
void einc_output_abandon(struct output *o);

#endif

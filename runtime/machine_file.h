/* SPDX-License-Identifier: MIT
 *
 * machine_file.h - the table of this machine on disk: where it is, reading it,
 * and writing it without harm to any other file.
 */
#ifndef EINC_RUNTIME_MACHINE_FILE_H
#define EINC_RUNTIME_MACHINE_FILE_H

#include "plan/machine.h"
#include "runtime/trouble.h"

enum { MACHINE_PATH_MAX = 4096 };

/* Where the table is to come from. */
struct machine_place {
    const char *shipped;         /* EINC_MACHINE=default:NAME; "": that of the
                                  * instruction set (=default); NULL: a file */
    char path[MACHINE_PATH_MAX]; /* "": no file, nowhere to look */
    int named;                   /* the file was asked for by name */
    size_t home_bytes;           /* of `path`: what is not ours to create */
};

/* EINC_MACHINE, else XDG_CONFIG_HOME/einc/machine, else
 * HOME/.config/einc/machine, which must be absolute; `file`, if not NULL,
 * comes before all of them. A set-uid process looks nowhere. */
void einc_machine_find(const char *file, struct machine_place *place);

/* EINC_ECACHE with `why` filled if the file is no table that can be read;
 * `*missing` is 1 if there is none. */
enum einc_status einc_machine_load(const char *path, struct machine *m,
                                   int *missing, struct trouble *why);

/* Whether einc_machine_store() would find a name that it may take: EINC_OK, or
 * EINC_ECACHE with the reason. Asked before a table is measured for nothing. */
enum einc_status einc_machine_may_store(const struct machine_place *place,
                                        struct trouble *why);

/* Publishes a table: a temporary file beside it, fsync, rename. Replaces a
 * file only if that is a table, of any version; a link, a folder or anything
 * else stays as it is. Creates missing folders below home. EINC_ECACHE with
 * the reason, and nothing left behind. */
enum einc_status einc_machine_store(const struct machine_place *place,
                                    const char *text, size_t n,
                                    struct trouble *why);

#endif

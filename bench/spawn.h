/* SPDX-License-Identifier: MIT
 *
 * spawn.h - whole processes, and folders that they may fill.
 */
#ifndef EINC_BENCH_SPAWN_H
#define EINC_BENCH_SPAWN_H

#include <stdbool.h>
#include <stddef.h>

/* Runs it to its end. What it printed goes to `text`, unless NULL. False if
 * it failed. `seconds`: wall time, with what it takes to start it. */
bool
spawn_run(const char *const argv[], char *text, size_t bytes,
          double *seconds);

/* A new folder for temporary files, and its end with all in it. */
bool
spawn_folder(char *path, size_t bytes);
void
spawn_remove(const char *path);

#endif

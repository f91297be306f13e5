/* SPDX-License-Identifier: MIT
 *
 * interrupt.h - what Ctrl-C, TERM and HUP leave behind: nothing. The handler
 * removes the files named here and the directories that the library made for
 * the compiler, then lets the signal end the process as it would have.
 */
#ifndef EINC_CLI_INTERRUPT_H
#define EINC_CLI_INTERRUPT_H

#include <signal.h>

enum { INTERRUPT_PATH_MAX = 4096 };

/* From here on; a signal that is ignored (nohup) stays so. */
void einc_interrupt_catch(void);
/* Between these no signal comes, so that a file and its entry in the list
 * come up together. */
void einc_interrupt_block(sigset_t *before);
void einc_interrupt_unblock(const sigset_t *before);
/* Adds a file; -1 when the list is full or the path too long. */
int einc_interrupt_add(const char *path);
void einc_interrupt_drop(int slot);

#endif

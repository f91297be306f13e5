/* SPDX-License-Identifier: MIT
 *
 * trouble.c - see trouble.h.
 */
#include "runtime/trouble.h"

#include <stdarg.h>
#include <stdio.h>

enum einc_status
einc_trouble(struct trouble *why, enum einc_status status, const char *fmt, ...)
{
    if (!why)
        return status;
    why->status = status;
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(why->text, sizeof why->text, fmt, ap) < 0)
        why->text[0] = '\0';
    va_end(ap);
    /* Names of files and the words of a compiler come from outside: they may
     * not move the cursor of the terminal that shows this. */
    for (char *p = why->text; *p; p++)
        if (((unsigned char)*p < ' ' && *p != '\n' && *p != '\t') ||
            *p == 0x7f)
            *p = '?';
    return status;
}

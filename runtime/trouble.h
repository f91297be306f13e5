/* SPDX-License-Identifier: MIT
 *
 * trouble.h - why a runtime function failed: a status and a line or more for
 * a person. The runtime has things to close, so it returns statuses instead
 * of jumping; api.c turns a trouble into an einc_err.
 */
#ifndef EINC_RUNTIME_TROUBLE_H
#define EINC_RUNTIME_TROUBLE_H

#include "einc.h"

struct trouble {
    enum einc_status status;
    char text[2000]; /* what was tried, what came back, what to set */
};

/* Fills `why` (if not NULL) and returns `status`. */
enum einc_status einc_trouble(struct trouble *why, enum einc_status status,
                              const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif

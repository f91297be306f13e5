/* SPDX-License-Identifier: MIT
 * fuzz_sizes.c - any expression and any list of sizes, a newline between. */
#include <stdlib.h>
#include <string.h>

#include "einc.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int
each(void *user, size_t operand, int32_t ndim, const int64_t *shape)
{
    size_t *next = user;

    if (operand != (*next)++ || ndim < 0)
        abort();
    for (int32_t d = 0; d < ndim; d++)
        if (shape[d] < 0)
            abort();
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct einc_err *err = NULL;
    char symbolic[64];
    size_t next = 0;
    char *text = calloc(n + 1, 1);

    if (!text)
        abort();
    memcpy(text, bytes, n);
    char *sizes = strchr(text, '\n');
    if (sizes)
        *sizes++ = '\0';
    memset(symbolic, 'x', sizeof(symbolic));
    const enum einc_status status =
        einc_shapes(text, sizes, n & 1 ? EINC_NAMED_LABELS : 0, each, &next,
                    symbolic, sizeof(symbolic), &err);
    if (status ? !err : !memchr(symbolic, '\0', sizeof(symbolic)))
        abort();
    einc_err_free(err);
    free(text);
    return 0;
}

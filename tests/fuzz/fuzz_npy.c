/* SPDX-License-Identifier: MIT
 * fuzz_npy.c - any bytes as the header of a .npy file: refused with a reason,
 * or sizes that hold together. */
#include <stdlib.h>

#include "cli/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct npy_header h;
    char why[200] = "";
    int64_t count = 1;

    if (einc_npy_parse(bytes, n, &h, why, sizeof(why))) {
        if (!*why)
            abort();
        return 0;
    }
    if (h.ndim < 0 || h.ndim > NPY_MAX_DIMS || h.data_at > n)
        abort();
    for (int d = 0; d < h.ndim; d++)
        if (h.shape[d] < 0
            || __builtin_mul_overflow(count, h.shape[d], &count))
            count = 0; /* fits only where another dim is 0 */
    if (count != h.count
        || h.data_bytes != h.count * (int64_t)einc_dtype_bytes(h.dtype))
        abort();
    return 0;
}

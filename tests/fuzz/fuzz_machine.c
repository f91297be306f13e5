/* SPDX-License-Identifier: MIT
 * fuzz_machine.c - any bytes as the table of a machine: refused with a
 * reason, or a table that prints and reads back as itself, and that the model
 * computes with. */
#include <math.h>
#include <stdlib.h>

#include "base/diag.h"
#include "plan/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void
compute(const struct machine *m)
{
    const struct model_gett g = {.compute = EINC_F32, .batch = 3, .m = 100,
                                 .n = 50, .k = 70, .lhs = MODEL_TURNED,
                                 .rhs = MODEL_NEAR, .out = MODEL_NEAR};
    const double t = einc_model_gett(m, &g, 2);

    if (!isfinite(t) || t < 0)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static char block[1 << 14];
    struct cx cx = {0};
    struct arena a = {block, block + sizeof(block), &cx};
    struct text t = {.perm = &a};
    struct machine m, again;
    struct machine_trouble why;
    char *copy = malloc(n ? n : 1); /* so that one byte too far is found */

    if (!copy)
        abort();
    memcpy(copy, bytes, n);
    if (einc_machine_read(&m, (struct str){copy, (int64_t)n}, &why)) {
        einc_machine_print(&t, &m);
        if (!einc_machine_read(&again, (struct str){t.p, t.n}, &why) ||
            memcmp(m.peak, again.peak, sizeof(m.peak)) ||
            memcmp(m.bytes, again.bytes, sizeof(m.bytes)) ||
            m.turned_percent != again.turned_percent)
            abort();
        compute(&m);
    } else if (!why.text[0] || why.line < 0) {
        abort();
    }
    free(copy);
    return 0;
}

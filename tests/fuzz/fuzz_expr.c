/* SPDX-License-Identifier: MIT
 * fuzz_expr.c - any expression with any small operands: a plan that computes
 * what the reference does, or a report. Input: the expression up to a newline,
 * then per operand a byte of type and number of dims, and a byte per dim. */
#include "tests/fuzz/compare.h"

static size_t
read_operands(const uint8_t *bytes, size_t n, struct einc_layout in[MAX_IN],
              int64_t shapes[MAX_IN][8])
{
    size_t n_in = 0, at = 0;

    while (at < n && n_in < MAX_IN) {
        const int32_t dtype = EINC_BOOL + bytes[at] % EINC_C128;
        const int32_t ndim = bytes[at++] / 16 % 8;
        for (int32_t d = 0; d < ndim; d++)
            shapes[n_in][d] = at < n ? bytes[at++] % 6 : 1;
        in[n_in] = (struct einc_layout)EINC_LAYOUT(dtype, ndim, shapes[n_in]);
        n_in++;
    }
    return n_in;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct einc_options opts = {.size = sizeof(opts)};
    struct einc_layout in[MAX_IN];
    int64_t shapes[MAX_IN][8];
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    const uint8_t *end = memchr(bytes, '\n', n);
    const size_t n_expr = end ? (size_t)(end - bytes) : n;
    char *expr = calloc(n_expr + 1, 1);

    if (!expr)
        abort();
    memcpy(expr, bytes, n_expr);
    const size_t n_in =
        end ? read_operands(end + 1, n - n_expr - 1, in, shapes) : 0;
    opts.tier = EINC_TIER_INTERP;
    if (einc_compile(NULL, expr, n_in, in, NULL, &opts, &plan, &err)) {
        if (!err || !*einc_err_text(err))
            abort(); /* a failure without a reason */
    } else {
        compare(plan, n_in, in);
    }
    einc_err_free(err);
    einc_plan_free(plan);
    free(expr);
    return 0;
}

/* SPDX-License-Identifier: MIT
 * fuzz_plan.c - any text as a plan: refused, or it computes what the
 * reference does. The first byte picks the expression. */
#include "tests/fuzz/compare.h"

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char *const exprs[] = {
        "ij,jk,kl->il", "bij,bjk->bik", "ai,bi,ajc,bjc->", "ij->ji",
    };
    static const size_t n_ins[] = {3, 2, 4, 1};
    const size_t which = n ? bytes[0] % 4 : 0;
    const struct einc_layout ins[4][4] = {
        {EINC_LAYOUT(EINC_F32, 2, SHAPE(2, 3)),
         EINC_LAYOUT(EINC_F32, 2, SHAPE(3, 4)),
         EINC_LAYOUT(EINC_F32, 2, SHAPE(4, 2))},
        {EINC_LAYOUT(EINC_F64, 3, SHAPE(2, 3, 4)),
         EINC_LAYOUT(EINC_F64, 3, SHAPE(2, 4, 2))},
        {EINC_LAYOUT(EINC_I32, 2, SHAPE(2, 3)),
         EINC_LAYOUT(EINC_I32, 2, SHAPE(4, 3)),
         EINC_LAYOUT(EINC_I32, 3, SHAPE(2, 2, 3)),
         EINC_LAYOUT(EINC_I32, 3, SHAPE(4, 2, 3))},
        {EINC_LAYOUT(EINC_I8, 2, SHAPE(3, 5))},
    };
    struct einc_options opts = {.size = sizeof(opts)};
    struct einc_plan *plan = NULL;
    struct einc_err *err = NULL;
    char *text = calloc(n + 1, 1);

    if (!text)
        abort();
    if (n)
        memcpy(text, bytes + 1, n - 1);
    opts.tier = EINC_TIER_INTERP;
    opts.plan_text = text;
    if (einc_compile(NULL, exprs[which], n_ins[which], ins[which], NULL,
                     &opts, &plan, &err)) {
        if (!err || !*einc_err_text(err))
            abort();
    } else {
        compare(plan, n_ins[which], ins[which]);
    }
    einc_err_free(err);
    einc_plan_free(plan);
    free(text);
    return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * compare.h - runs a plan on small integers and stops the fuzzer unless the
 * result is that of the reference, bit for bit.
 */
#ifndef EINC_TESTS_FUZZ_COMPARE_H
#define EINC_TESTS_FUZZ_COMPARE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "einc.h"

enum {
    MAX_IN = 8,
    MAX_POINTS = 1 << 16 /* of the product of all operands' elements: more
                          * than the reference may have to visit */
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Writes v, 0 to 2, as element i: exact in every type, and so are the sums. */
static void
put_small(enum einc_dtype dtype, void *data, int64_t i, int v)
{
    static const uint16_t half[] = {0, 0x3c00, 0x4000};
    static const uint16_t brain[] = {0, 0x3f80, 0x4000};
    const float f[2] = {(float)v, 0};
    const double d[2] = {v, 0};
    const int64_t wide = dtype == EINC_BOOL ? v & 1 : v; /* little endian */
    const size_t bytes = einc_dtype_bytes(dtype);
    const void *from = &wide;

    if (dtype == EINC_F16)
        from = &half[v];
    else if (dtype == EINC_BF16)
        from = &brain[v];
    else if (dtype == EINC_F32 || dtype == EINC_C64)
        from = f;
    else if (dtype == EINC_F64 || dtype == EINC_C128)
        from = d;
    memcpy((char *)data + (size_t)i * bytes, from, bytes);
}

static int64_t
count_of(const struct einc_layout *l)
{
    int64_t n = 1;

    for (int32_t d = 0; d < l->ndim; d++)
        if (l->shape[d] && n > MAX_POINTS / l->shape[d])
            return MAX_POINTS + 1;
        else
            n *= l->shape[d];
    return n;
}

static void *
make_operand(const struct einc_layout *l, unsigned seed)
{
    const enum einc_dtype dtype = (enum einc_dtype)l->dtype;
    const int64_t n = count_of(l);
    void *data = calloc((size_t)n + 1, einc_dtype_bytes(dtype));

    if (!data)
        abort();
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1103515245u + 12345u;
        put_small(dtype, data, i, (int)(seed >> 16) % 3);
    }
    return data;
}

/* Both ways of computing it, where that is small enough to be quick. */
static void
compare(const struct einc_plan *plan, size_t n_in,
        const struct einc_layout in[])
{
    struct einc_layout out = {.size = sizeof(out)};
    struct einc_err *err = NULL;
    void *data[MAX_IN] = {NULL};
    int64_t points = 1;

    if (einc_plan_layout(plan, &out))
        abort();
    for (size_t i = 0; i < n_in && points <= MAX_POINTS; i++)
        points *= count_of(&in[i]) ? count_of(&in[i]) : 1;
    const int64_t n = count_of(&out);
    if (points > MAX_POINTS || n > MAX_POINTS)
        return;
    const size_t bytes =
        (size_t)n * einc_dtype_bytes((enum einc_dtype)out.dtype);
    void *got = calloc(bytes + 1, 1), *want = calloc(bytes + 1, 1);
    for (size_t i = 0; i < n_in; i++)
        data[i] = make_operand(&in[i], (unsigned)i);
    const void *const *p = (const void *const *)data;
    if (!got || !want || einc_run(plan, p, got, NULL, &err)
        || einc_reference(plan, p, want, NULL, &err)) {
        if (err)
            fputs(einc_err_text(err), stderr);
        abort();
    }
    if (memcmp(got, want, bytes))
        abort();
    for (size_t i = 0; i < n_in; i++)
        free(data[i]);
    free(got);
    free(want);
}

#endif

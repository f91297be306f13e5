/* SPDX-License-Identifier: MIT
 * mknpy.c - makes .npy files for the demo and the tests of the command line.
 * usage: mknpy SHAPE DTYPE VALUES > FILE
 *   SHAPE   2x3; "" for a scalar
 *   VALUES  iota: 0 1 2 ...; else a seed of random numbers, for floats in
 *           [-1, 1), for integers in -4..4 (0..4 if unsigned) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/npy.h"

/* splitmix64: a Weyl sequence through a mixing function. */
static uint64_t
next(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static int64_t
pick(uint64_t *state, int64_t i, int lowest)
{
    if (!state)
        return i;
    return (int64_t)(next(state) % (uint64_t)(5 - lowest)) + lowest;
}

static double
draw(uint64_t *state, int64_t i)
{
    if (!state)
        return (double)i;
    return (double)(next(state) >> 11) * 0x1p-52 - 1;
}

/* Element i; a complex type is two reals, i counts those. 0: not this type. */
static int
put(enum einc_dtype dtype, void *data, int64_t i, uint64_t *state)
{
    switch (dtype) {
    case EINC_BOOL:
        ((uint8_t *)data)[i] = pick(state, i, 0) & 1;
        return 1;
    case EINC_I8:
        ((int8_t *)data)[i] = (int8_t)pick(state, i, -4);
        return 1;
    case EINC_U8:
        ((uint8_t *)data)[i] = (uint8_t)pick(state, i, 0);
        return 1;
    case EINC_I32:
        ((int32_t *)data)[i] = (int32_t)pick(state, i, -4);
        return 1;
    case EINC_I64:
        ((int64_t *)data)[i] = pick(state, i, -4);
        return 1;
    case EINC_F32:
    case EINC_C64:
        ((float *)data)[i] = (float)draw(state, i);
        return 1;
    case EINC_F64:
    case EINC_C128:
        ((double *)data)[i] = draw(state, i);
        return 1;
    default:
        return 0;
    }
}

/* Fills shape from "2x3"; the number of dims, or -1. */
static int
read_shape(const char *text, int64_t shape[NPY_MAX_DIMS])
{
    int ndim = 0;

    while (*text) {
        char *end;
        shape[ndim++] = strtoll(text, &end, 10);
        if (end == text || ndim == NPY_MAX_DIMS || (*end && *end != 'x'))
            return -1;
        text = *end ? end + 1 : end;
    }
    return ndim;
}

int
main(int argc, char **argv)
{
    int64_t shape[NPY_MAX_DIMS], count = 1;
    char why[256];

    const enum einc_dtype dtype =
        argc == 4 ? einc_dtype_parse(argv[2]) : EINC_DTYPE_NONE;
    const int ndim = argc == 4 ? read_shape(argv[1], shape) : -1;
    if (!dtype || ndim < 0) {
        fputs("usage: mknpy SHAPE DTYPE SEED|iota > FILE\n", stderr);
        return 2;
    }
    for (int d = 0; d < ndim; d++)
        count *= shape[d];
    const int parts = dtype == EINC_C64 || dtype == EINC_C128 ? 2 : 1;
    uint64_t seed = strtoull(argv[3], NULL, 10);
    uint64_t *state = strcmp(argv[3], "iota") ? &seed : NULL;
    void *data = calloc((size_t)count + 1, einc_dtype_bytes(dtype));
    const struct einc_layout layout =
        EINC_LAYOUT((int32_t)dtype, ndim, shape);
    for (int64_t i = 0; data && i < parts * count; i++)
        if (!put(dtype, data, i, state)) {
            fprintf(stderr, "mknpy: no %s here\n", argv[2]);
            free(data);
            return 2;
        }
    const int bad = !data || einc_npy_write(stdout, &layout, data, why,
                                            sizeof(why)) || fflush(stdout);
    free(data);
    if (bad)
        fputs("mknpy: cannot write\n", stderr);
    return bad;
}

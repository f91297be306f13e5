/* SPDX-License-Identifier: MIT
 *
 * npy.h - arrays in numpy's .npy files, format versions 1, 2 and 3. What can
 * fail returns 0, or -1 with one line for a person in `err`.
 */
#ifndef EINC_CLI_NPY_H
#define EINC_CLI_NPY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "einc.h"

enum {
    NPY_MAX_DIMS = 64,         /* numpy's own limit */
    NPY_MAX_HEADER = 64 * 1024 /* bytes in front of the data, all told */
};

/* The header of a file, read and checked. */
struct npy_header {
    enum einc_dtype dtype;
    int swapped;                 /* bytes of a number are in foreign order */
    int fortran;                 /* first dim runs fastest */
    int ndim;
    int64_t shape[NPY_MAX_DIMS];
    int64_t count;               /* elements; fits int64, as does: */
    int64_t data_bytes;
    size_t data_at;              /* where the data begins */
};

/* An array in memory. */
struct npy {
    enum einc_dtype dtype;
    int ndim;
    int64_t shape[NPY_MAX_DIMS];
    int64_t strides[NPY_MAX_DIMS]; /* elements; dense, C or Fortran order */
    void *data;                    /* malloc'ed, native byte order */
    int64_t bytes;                 /* of the data */
};

/* Reads the header at the start of `bytes`. Pure: no files, no allocation;
 * made for any bytes whatever. 0, or -1 with the reason (without the name of
 * a file) in `err`. */
int einc_npy_parse(const unsigned char *bytes, size_t n,
                   struct npy_header *h, char *err, size_t err_size);

/* Reads a file; "-" is stdin. The shape is held against the size of the file
 * before memory is taken; from a pipe, memory grows with what arrives. What
 * follows the array in the file is left alone. */
int einc_npy_read(const char *path, struct npy *x, char *err,
                  size_t err_size);
void einc_npy_free(struct npy *x);

/* Writes a tensor to a stream, which file.h opens and moves into place.
 * Fortran order if the strides are so, else C order, whatever the strides.
 * bf16 has no name in numpy and is refused before anything is written. */
int einc_npy_write(FILE *to, const struct einc_layout *layout,
                   const void *data, char *err, size_t err_size);

#endif

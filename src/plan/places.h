/* SPDX-License-Identifier: MIT
 *
 * places.h - where a mask of data holds: a statement that such a mask keeps
 * few elements of is run for a list of them, one that it keeps many of as a
 * whole, and which of the two it is the run counts.
 */
#ifndef EINC_PLAN_PLACES_H
#define EINC_PLAN_PLACES_H

#include <stdint.h>

/* What is counted to choose. */
struct gate {
    int mask;     /* tensor: bool, dense row-major */
    int64_t n;    /* elements */
    int64_t most; /* of them that hold are few */
};

enum { PLACES_ROOM = 1 << 16, /* of a list: then the statement is run for it */
       PLACES_DIMS = 8 };

/* What a list is made of. The mask is looked at in tiles, whose places stand
 * together in the list: what they share stays in cache. */
struct places {
    int mask;                   /* tensor, as of the gate */
    int n_dims;
    int64_t extent[PLACES_DIMS];
    int list[PLACES_DIMS];      /* tensors, i32: a position in each dim */
    int64_t rows, columns;      /* of a tile: the last dim, all others */
    int index;                  /* the statement's only loop, in the lists */
};

/* Where the next list begins, all 0 at first. */
struct places_at {
    int64_t row, tile_row, tile_column;
};

#endif

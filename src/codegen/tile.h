/* SPDX-License-Identifier: MIT
 *
 * tile.h - block sizes of a GETT kernel: what stays in registers, L1, L2.
 */
#ifndef EINC_CODEGEN_TILE_H
#define EINC_CODEGEN_TILE_H

#include "base/dtype.h"
#include "codegen/target.h"

/* All in elements. The register tile is up to mr rows times nv vectors of
 * `lanes`; the k loop reads nv vectors of rhs and a broadcast value of lhs per
 * row. What is written of `nr` columns is of `wide` ones where these suit the
 * runs of out. */
struct tile {
    int lanes, nv, mr, nr; /* nr = nv * lanes */
    int low, wide;         /* rows and columns of another tile, of a vector
                            * more; 0: none */
    int kc;                /* depth of a packed block, at most */
    int mc, nc;            /* rows of lhs, columns of rhs packed at once: a
                            * block of kc*mc or kc*nc stays in L2 */
    int mb, nb;            /* rows and columns of out in one task, at most */
};

/* `compute` as in dtype_info. Sizes after Goto and van de Geijn, Anatomy of
 * high-performance matrix multiplication (TOMS 2008), with the measured tile
 * shapes of this project. */
struct tile einc_tile_choose(const struct target *t, enum einc_dtype compute);

/* Heights of the tiles that are printed, as bits: a tile of h rows runs in
 * the least height that is not below h. All of them keep every remainder
 * exact; three take the compiler an eighth of the time. */
uint32_t einc_tile_heights(const struct tile *s, int all);
/* Those that balanced blocks of n rows need: two at most. */
uint32_t einc_tile_heights_of(const struct tile *s, int64_t n);

#endif

/* SPDX-License-Identifier: MIT
 *
 * tile.h - block sizes of a GETT kernel: what stays in registers, L1, L2.
 */
#ifndef EINC_CODEGEN_TILE_H
#define EINC_CODEGEN_TILE_H

#include "base/dtype.h"
#include "codegen/target.h"

/* All in elements. The register tile is mr rows times nv vectors of `lanes`;
 * the k loop reads nv vectors of rhs and mr broadcast values of lhs. */
struct tile {
    int lanes, nv, mr, nr; /* nr = nv * lanes */
    int kc;                /* K block: mr*kc and nr*kc stay near L1 */
    int mc;                /* rows of lhs packed at once: mc*kc fits L2 */
    int mb, nb;            /* rows and columns of out in one task, at most */
};

/* `compute` as in dtype_info. Sizes after Goto and van de Geijn, Anatomy of
 * high-performance matrix multiplication (TOMS 2008), with the measured tile
 * shapes of this project. */
struct tile einc_tile_choose(const struct target *t, enum einc_dtype compute);

#endif

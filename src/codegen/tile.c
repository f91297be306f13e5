/* SPDX-License-Identifier: MIT
 *
 * tile.c - see tile.h.
 */
#include "codegen/tile.h"

static int
down_to(int x, int unit)
{
    return x < unit ? unit : x - x % unit;
}

/* Accumulators are mr*nv per plane; nv vectors of rhs and one broadcast per
 * plane must fit beside them. */
static void
choose_registers(struct tile *s, int registers, int planes)
{
    if (planes == 2) {
        s->nv = 1;
        s->mr = registers >= 32 ? 12 : 5;
    } else if (registers >= 32) {
        s->nv = 2;
        s->mr = 14;
    } else {
        s->nv = 2;
        s->mr = 6;
    }
}

struct tile
einc_tile_choose(const struct target *t, enum einc_dtype compute)
{
    const struct dtype_info *d = einc_dtype_info(compute);
    int planes = d->kind == KIND_COMPLEX ? 2 : 1;
    int bytes = compute == EINC_BOOL ? 4 : d->bytes / planes;
    struct tile s = {.lanes = 1};
    if (t->vector_bytes) {
        s.lanes = t->vector_bytes / bytes;
        choose_registers(&s, t->registers, planes);
    } else {
        s.nv = s.mr = 4;
    }
    s.nr = s.nv * s.lanes;
    s.kc = d->bytes <= 4 ? 384 : d->bytes == 8 ? 256 : 128;
    s.mc = down_to(393216 / (s.kc * bytes * planes), s.mr);
    s.mb = 2 * s.mc;
    s.nb = down_to(4096 / (bytes * planes), s.nr);
    return s;
}

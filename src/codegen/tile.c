/* SPDX-License-Identifier: MIT
 *
 * tile.c - see tile.h.
 */
#include "codegen/tile.h"

/* A block of rhs fills most of an L2 of 2 MiB, beside it a block of lhs. */
enum { MC_BYTES = 768 << 10, NC_BYTES = 1536 << 10 };

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
        s->low = 8;
    } else {
        s->nv = 2;
        s->mr = 6;
        s->low = 4;
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
    s.wide = s.low ? s.nr + s.lanes : 0;
    s.kc = d->bytes <= 4 ? 384 : d->bytes == 8 ? 256 : 128;
    s.mc = down_to(MC_BYTES / (s.kc * bytes * planes), s.mr);
    s.nc = down_to(NC_BYTES / (s.kc * bytes * planes), s.nr);
    s.mb = down_to(4096, s.mr);
    s.nb = 4096;
    return s;
}

uint32_t
einc_tile_heights(const struct tile *s, int all)
{
    uint32_t half = 1u << (s->mr + 1) / 2, whole = 1u << s->mr;
    return all ? 2 * whole - 2 : half | whole | (s->low ? 1u << s->low : 0);
}

uint32_t
einc_tile_heights_of(const struct tile *s, int64_t n)
{
    int64_t tiles = (n + s->mr - 1) / s->mr;
    if (n < 1)
        return 1u << s->mr;
    return 1u << n / tiles | 1u << (n + tiles - 1) / tiles;
}

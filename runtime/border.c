/* SPDX-License-Identifier: MIT
 *
 * border.c - see border.h: what is inside is moved row by row, what is outside
 * element by element.
 */
#include "runtime/border.h"

#include <assert.h>
#include <string.h>

#include "base/bound.h"
#include "base/half.h"

enum { MOST_BYTES = 16 }; /* of an element */

#define OUTSIDE INT64_MIN

struct border_copy {
    const struct border *b;
    int64_t start;
    size_t size;                /* of an element */
    char fill[MOST_BYTES];
    int64_t at[BORDER_MOST_DIMS]; /* of the row, in the copy */
    int64_t offset[BORDER_MOST_DIMS]; /* elements, of the dims so far, or
                                       * OUTSIDE */
};

/* --- what is outside ---------------------------------------------------- */

/* Where position p reads, or OUTSIDE. */
static int64_t
settle(const struct border_dim *d, int64_t p)
{
    if (p >= 0 && p < d->extent)
        return p;
    switch (d->mode) {
    case BOUND_CLAMP: return p < 0 ? 0 : d->extent - 1;
    case BOUND_WRAP: return bound_wrap(p, d->extent);
    case BOUND_REFLECT: return bound_reflect(p, d->extent);
    case BOUND_CHECK: assert(0 && "a position was proved to be inside");
    case BOUND_PAD: break;
    }
    return OUTSIDE;
}

/* The element that PAD reads. */
static void
set_fill(struct border_copy *c)
{
    float f32 = (float)c->b->fill;
    double f64 = c->b->fill;
    int64_t whole = c->b->fill; /* little-endian: the first bytes of it */
    uint16_t half;
    switch (c->b->dtype) {
    case EINC_F16:
        half = half_f32_to_f16(f32);
        memcpy(c->fill, &half, sizeof half);
        break;
    case EINC_BF16:
        half = half_f32_to_bf16(f32);
        memcpy(c->fill, &half, sizeof half);
        break;
    case EINC_F32: case EINC_C64: memcpy(c->fill, &f32, sizeof f32); break;
    case EINC_F64: case EINC_C128: memcpy(c->fill, &f64, sizeof f64); break;
    case EINC_I16: case EINC_U16:
        memcpy(c->fill, &(int16_t){(int16_t)whole}, 2);
        break;
    case EINC_I32: case EINC_U32:
        memcpy(c->fill, &(int32_t){(int32_t)whole}, 4);
        break;
    case EINC_I64: case EINC_U64: memcpy(c->fill, &whole, 8); break;
    default: c->fill[0] = (char)whole; break;
    }
}

static char *
put_fill(const struct border_copy *c, char *to, int64_t n)
{
    if (c->b->fill == 0)
        memset(to, 0, c->size * (size_t)n);
    else
        for (int64_t x = 0; x < n; x++)
            memcpy(to + (size_t)x * c->size, c->fill, c->size);
    return to + c->size * (size_t)n;
}

/* --- a row -------------------------------------------------------------- */

/* Elements of `size` bytes, which is known where this is called. */
static inline __attribute__((always_inline)) void
spread(const char *from, int64_t stride, char *to, int64_t n, size_t size)
{
    for (int64_t x = 0; x < n; x++)
        memcpy(to + (size_t)x * size, from + x * stride * (int64_t)size, size);
}

/* to[x] = from[x * stride] */
static void
move(const char *from, int64_t stride, char *to, int64_t n, size_t size)
{
    if (stride == 1)
        memcpy(to, from, (size_t)n * size);
    else if (size == 4)
        spread(from, stride, to, n, 4);
    else if (size == 8)
        spread(from, stride, to, n, 8);
    else
        spread(from, stride, to, n, size);
}

/* Elements x0 <= x < x1 of the last dim, none of which is inside. */
static char *
put_edge(const struct border_copy *c, const char *from, char *to, int64_t x0,
         int64_t x1)
{
    const struct border_dim *d = &c->b->dim[c->b->n_dims - 1];
    if (d->mode == BOUND_PAD)
        return put_fill(c, to, x1 - x0);
    for (int64_t x = x0; x < x1; x++, to += c->size)
        memcpy(to, from + settle(d, d->first + c->start * d->step + x) *
                              d->stride * (int64_t)c->size, c->size);
    return to;
}

static int64_t
within(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

static void
put_row(const struct border_copy *c, const char *from, char *to)
{
    const struct border_dim *d = &c->b->dim[c->b->n_dims - 1];
    int64_t first = d->first + c->start * d->step;
    int64_t x0 = within(-first, 0, d->count);
    int64_t x1 = within(d->extent - first, x0, d->count);
    to = put_edge(c, from, to, 0, x0);
    if (x1 > x0)
        move(from + (first + x0) * d->stride * (int64_t)c->size, d->stride, to,
             x1 - x0, c->size);
    put_edge(c, from, to + (size_t)(x1 - x0) * c->size, x1, d->count);
}

/* --- all rows ----------------------------------------------------------- */

/* Where the row is, of which dims from d on have changed. */
static void
find_row(struct border_copy *c, int d)
{
    for (; d + 1 < c->b->n_dims; d++) {
        const struct border_dim *x = &c->b->dim[d];
        int64_t before = d ? c->offset[d - 1] : 0;
        int64_t p = settle(x, x->first + c->start * x->step + c->at[d]);
        c->offset[d] = before == OUTSIDE || p == OUTSIDE
                           ? OUTSIDE
                           : before + p * x->stride;
    }
}

static void
next_row(struct border_copy *c)
{
    int d = c->b->n_dims - 2;
    while (d > 0 && ++c->at[d] == c->b->dim[d].count)
        c->at[d--] = 0;
    if (d == 0)
        c->at[0]++;
    if (d >= 0 && c->at[d] < c->b->dim[d].count)
        find_row(c, d);
}

void
einc_border_copy(const struct border *b, int64_t start, const void *from,
                 void *to, int64_t begin, int64_t end)
{
    struct border_copy c = {.b = b, .start = start,
                            .size = (size_t)einc_dtype_info(b->dtype)->bytes};
    size_t row_bytes = (size_t)b->dim[b->n_dims - 1].count * c.size;
    int64_t left = begin;
    set_fill(&c);
    for (int d = b->n_dims - 2; d >= 0; d--) {
        c.at[d] = left % b->dim[d].count;
        left /= b->dim[d].count;
    }
    find_row(&c, 0);
    for (int64_t row = begin; row < end; row++, next_row(&c)) {
        char *own = (char *)to + (size_t)row * row_bytes;
        int64_t at = b->n_dims > 1 ? c.offset[b->n_dims - 2] : 0;
        if (at == OUTSIDE)
            put_fill(&c, own, b->dim[b->n_dims - 1].count);
        else
            put_row(&c, (const char *)from + at * (int64_t)c.size, own);
    }
}

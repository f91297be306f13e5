/* SPDX-License-Identifier: MIT
 *
 * places.c - see places.h: rows of tiles, of which eight elements that do not
 * hold are one comparison.
 */
#include "runtime/places.h"

#include <string.h>

/* Bytes of 128 that are not 0: one bit of each, added up byte by byte. */
static int64_t
count_part(const uint8_t *mask)
{
    const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t sums = 0;
    for (int k = 0; k < 128; k += 8) {
        uint64_t eight;
        memcpy(&eight, mask + k, sizeof eight);
        sums += (((eight & low) + low) | eight) >> 7 & ones;
    }
    return (int64_t)(sums * ones >> 56);
}

int64_t
einc_places_count(const uint8_t *mask, int64_t n, int64_t most)
{
    int64_t count = 0, k = 0;
    for (; k + 128 <= n && count <= most; k += 128)
        count += count_part(mask + k);
    for (; k < n && count <= most; k++)
        count += mask[k] != 0;
    return count;
}

/* Columns from:to of a row of the mask; returns how many hold. Each is
 * written, and the next over it unless it holds. */
static int64_t
scan(const uint8_t *row, int64_t from, int64_t to, int32_t *list)
{
    int64_t n = 0, k = from;
    for (; k + 8 <= to; k += 8) {
        uint64_t eight;
        memcpy(&eight, row + k, sizeof eight);
        for (int64_t c = k; eight && c < k + 8; c++) {
            list[n] = (int32_t)c;
            n += row[c] != 0;
        }
    }
    for (; k < to; k++) {
        list[n] = (int32_t)k;
        n += row[k] != 0;
    }
    return n;
}

/* The row's position in all dims but the last, for n places from `at` on. */
static void
put_row(const struct places *p, int64_t row, int32_t *const list[], int64_t at,
        int64_t n)
{
    for (int d = p->n_dims - 2; d >= 0; d--) {
        int32_t x = (int32_t)(row % p->extent[d]);
        for (int64_t k = 0; k < n; k++)
            list[d][at + k] = x;
        row /= p->extent[d];
    }
}

static int64_t
rows_of(const struct places *p)
{
    int64_t rows = 1;
    for (int d = 0; d < p->n_dims - 1; d++)
        rows *= p->extent[d];
    return rows;
}

static int64_t
least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The next row of the tile, or the first of the next tile. */
static void
advance(const struct places *p, int64_t rows, struct places_at *at)
{
    if (++at->row < least(rows, at->tile_row + p->rows))
        return;
    at->tile_column += p->columns;
    if (at->tile_column >= p->extent[p->n_dims - 1]) {
        at->tile_column = 0;
        at->tile_row += p->rows;
    }
    at->row = at->tile_row;
}

int64_t
einc_places_next(const struct places *p, const uint8_t *mask,
                 int32_t *const list[], struct places_at *at)
{
    int64_t rows = rows_of(p), all = p->extent[p->n_dims - 1], n = 0;
    while (at->row < rows) {
        int64_t to = least(all, at->tile_column + p->columns);
        if (to - at->tile_column > PLACES_ROOM - n)
            break;
        int64_t own = scan(mask + at->row * all, at->tile_column, to,
                           list[p->n_dims - 1] + n);
        put_row(p, at->row, list, n, own);
        n += own;
        advance(p, rows, at);
    }
    for (int d = 0; d < p->n_dims && n > 0; d++)
        for (int64_t k = n; k % 64 != 0; k++)
            list[d][k] = list[d][n - 1];
    return n;
}

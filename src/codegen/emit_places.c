/* SPDX-License-Identifier: MIT
 *
 * emit_places.c - see emit_places.h.
 */
#include "codegen/emit_places.h"

static const char head[] =
    "_places(const uint8_t *mask, int n_dims, const int64_t *extent,\n"
    "    int64_t tile_rows, int64_t tile_columns, int32_t *const *list,\n"
    "    int64_t *at)\n"
    "{\n"
    "    const int64_t all = extent[n_dims - 1];\n"
    "    int64_t rows = 1, n = 0;\n"
    "    for (int d = 0; d < n_dims - 1; d++)\n"
    "        rows *= extent[d];\n";

/* at: the row, the first row of its tile, the first column. */
static const char body[] =
    "        const int64_t from = at[2];\n"
    "        const int64_t to = from + tile_columns < all ? from + "
    "tile_columns : all;\n"
    "        const uint8_t *const row = mask + at[0]*all;\n"
    "        const int64_t begin = n;\n"
    "        int64_t rest = at[0];\n"
    "        if (to - from > room - n)\n"
    "            break;\n"
    "        for (int64_t k = from; k < to; k++) {\n"
    "            list[n_dims - 1][n] = (int32_t)k;\n"
    "            n += row[k] != 0;\n"
    "        }\n"
    "        for (int d = n_dims - 2; d >= 0; rest /= extent[d--])\n"
    "            for (int64_t k = begin; k < n; k++)\n"
    "                list[d][k] = (int32_t)(rest%extent[d]);\n"
    "        if (++at[0] < rows && at[0] < at[1] + tile_rows)\n"
    "            continue;\n"
    "        at[2] += tile_columns;\n"
    "        if (at[2] >= all) {\n"
    "            at[2] = 0;\n"
    "            at[1] += tile_rows;\n"
    "        }\n"
    "        at[0] = at[1];\n"
    "    }\n";

void
einc_emit_places(struct text *t, const char *name)
{
    einc_put(t, "static int64_t\n%s_count(const uint8_t *mask, int64_t n)\n{\n"
                "    int64_t count = 0;\n"
                "    for (int64_t k = 0; k < n; k++)\n"
                "        count += mask[k] != 0;\n"
                "    return count;\n}\n\n", name);
    einc_put(t, "/* The next places where the mask holds, tile by tile, and "
                "copies of the last one:\n * a kernel does some at a time. "
                "*/\nstatic int64_t\n%s%s"
                "    const int64_t room = %d;\n"
                "    while (at[0] < rows) {\n%s"
                "    for (int d = 0; d < n_dims && n > 0; d++)\n"
                "        for (int64_t k = n; k%%64 != 0; k++)\n"
                "            list[d][k] = list[d][n - 1];\n"
                "    return n;\n}\n\n", name, head, PLACES_ROOM, body);
}

void
einc_emit_places_call(struct text *t, const char *name, const struct places *p)
{
    einc_put(t, "%s_places((const uint8_t *)tensor[%d], %d,\n"
                "            (const int64_t[]){", name, p->mask, p->n_dims);
    for (int d = 0; d < p->n_dims; d++)
        einc_put(t, "%s%lld", d ? ", " : "", (long long)p->extent[d]);
    einc_put(t, "}, %lld, %lld, list, at)", (long long)p->rows,
             (long long)p->columns);
}

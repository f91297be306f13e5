/* SPDX-License-Identifier: MIT
 *
 * print_narrow.c - the narrow family: out[outer,row,c] = sum(k)
 * tall[outer,row,k] * thin[outer,k,c] with few columns c and k contiguous in
 * tall. The lanes run along k; at the end of a block of k the lanes of LANES
 * vectors are added up at once, by exchanges in registers.
 */
#include "codegen/narrow.h"
#include "codegen/print.h"

/* --- adding up lanes ---------------------------------------------------- */

static void
print_half(const struct printer *p, int stage, int i, int size, int upper)
{
    einc_code(p, "@_SHUFFLE(v%d_%d, v%d_%d, ", stage, 2 * i, stage, 2 * i + 1);
    einc_print_exchanged(p, p->nest->lanes, size, upper);
    einc_put(p->t, ")");
}

static void
print_fold(const struct printer *p)
{
    int lanes = p->nest->lanes, stage = 0;
    einc_code(p, "/* sum[l] = the lanes of part[l], added up, for l < LANES "
                 "*/\n"
                 "static void\n"
                 "@_fold(const $ *part, $ *sum)\n"
                 "{\n");
    p->t->indent += 4;
    for (int l = 0; l < lanes; l++)
        einc_code(p, "const @_vector v0_%d = *(const @_vector *)(part + "
                     "%d);\n", l, l * lanes);
    for (int size = 1; size < lanes; size *= 2, stage++)
        for (int i = 0; i < lanes / size / 2; i++) {
            einc_code(p, "const @_vector v%d_%d =\n", stage + 1, i);
            p->t->indent += 4;
            print_half(p, stage, i, size, 0);
            einc_put(p->t, " +\n");
            print_half(p, stage, i, size, 1);
            einc_put(p->t, ";\n");
            p->t->indent -= 4;
        }
    einc_code(p, "*(@_vector *)sum = v%d_0;\n", stage);
    p->t->indent -= 4;
    einc_code(p, "}\n\n");
}

/* --- rows --------------------------------------------------------------- */

/* What does not fill a vector of rows is read from one that does. */
static void
print_tail(const struct printer *p)
{
    einc_code(p, "/* to[0 .. LANES) = from[0 .. n), and zeros */\n"
                 "static inline __attribute__((always_inline)) const $ *\n"
                 "@_tail(const $ *from, int64_t n, $ *to)\n"
                 "{\n"
                 "    const @_vector zero = {0};\n"
                 "    *(@_vector *)to = zero;\n"
                 "    for (int64_t l = 0; l < n; l++)\n"
                 "        to[l] = from[l];\n"
                 "    return to;\n"
                 "}\n\n");
}

static void
print_step(const struct printer *p, int columns, int height)
{
    for (int c = 0; c < columns; c++)
        einc_code(p, "const @_vector b%d = *(const @_vector *)(thin + %d);\n",
                  c, c * p->nest->lanes);
    for (int r = 0; r < height; r++) {
        einc_code(p, "{ const @_vector a = *(const @_vector *)row%d;\n", r);
        for (int c = 0; c < columns; c++)
            einc_code(p, "  sum%d_%d += a*b%d;\n", r, c, c);
        einc_code(p, "  @_PREFETCH(row%d + ahead);\n"
                     "  row%d += @_LANES; }\n", r, r);
    }
    einc_code(p, "thin += %d*@_LANES;\n", columns);
}

static void
print_rows(const struct printer *p, int columns)
{
    int height = einc_narrow_sums(p->nest->target) / columns;
    einc_code(p, "static void\n"
                 "@_rows_%d(int64_t depth, const $ *const *row, const $ "
                 "*thin, int64_t ahead, $ *part)\n"
                 "{\n", columns);
    p->t->indent += 4;
    einc_code(p, "const @_vector zero = {0};\n"
                 "$ last[%d*@_LANES];\n", height);
    for (int r = 0; r < height; r++)
        einc_code(p, "const $ *row%d = row[%d];\n", r, r);
    for (int r = 0; r < height; r++)
        for (int c = 0; c < columns; c++)
            einc_code(p, "@_vector sum%d_%d = zero;\n", r, c);
    einc_put(p->t, "#if defined(__clang__)\n"
                   "#pragma clang loop unroll(disable)\n"
                   "#endif\n");
    einc_code(p, "for (int64_t left = depth; left > 0; left -= @_LANES) {\n");
    p->t->indent += 4;
    einc_code(p, "if (left < @_LANES) {\n");
    for (int r = 0; r < height; r++)
        einc_code(p, "    row%d = @_tail(row%d, left, last + %d*@_LANES);\n",
                  r, r, r);
    einc_code(p, "}\n");
    print_step(p, columns, height);
    p->t->indent -= 4;
    einc_code(p, "}\n");
    for (int r = 0; r < height; r++)
        for (int c = 0; c < columns; c++)
            einc_code(p, "*(@_vector *)(part + %d*@_LANES) = sum%d_%d;\n",
                      r * columns + c, r, c);
    p->t->indent -= 4;
    einc_code(p, "}\n\n");
}

static void
print_choice(const struct printer *p)
{
    einc_code(p, "/* part[columns*r + c] = products of row r and column c, "
                 "lanes apart, of as many\n"
                 " * rows as SUMS vectors have room for; lines that are "
                 "`ahead` are called for */\n"
                 "static void\n"
                 "@_rows(int64_t columns, int64_t depth, const $ *const *row, "
                 "const $ *thin,\n"
                 "    int64_t ahead, $ *part)\n"
                 "{\n"
                 "    switch (columns) {\n");
    for (int c = 2; c <= NARROW_COLUMNS; c++)
        einc_code(p, "    case %d: @_rows_%d(depth, row, thin, ahead, part); "
                     "break;\n", c, c);
    einc_code(p, "    }\n"
                 "}\n\n");
}

/* --- columns ------------------------------------------------------------ */

static void
print_turn(const struct printer *p)
{
    einc_code(p, "/* to[d / LANES][c][d %% LANES] = from[column[c] + deep*d], "
                 "and zeros from depth on */\n"
                 "static void\n"
                 "@_columns(const $ *from, const int64_t *column, int64_t "
                 "columns, int64_t deep,\n"
                 "    int64_t depth, $ *to)\n"
                 "{\n"
                 "    for (int64_t d0 = 0; d0 < depth; d0 += @_LANES, to += "
                 "columns*@_LANES)\n"
                 "        for (int64_t l = 0; l < @_LANES; l++)\n"
                 "            for (int64_t c = 0; c < columns; c++)\n"
                 "                to[c*@_LANES + l] =\n"
                 "                    d0 + l < depth ? from[column[c] + "
                 "deep*(d0 + l)] : 0;\n"
                 "}\n\n");
}

/* --- the kernel --------------------------------------------------------- */

static void
print_table(const struct printer *p)
{
    static const struct {
        const char *name;
        int slot;
    } numbers[] = {{"n_outer", NARROW_OUTER},
                   {"all_rows", NARROW_ROWS},
                   {"block_rows", NARROW_TASK_ROWS},
                   {"columns", NARROW_N_COLUMNS},
                   {"all_depth", NARROW_DEPTH},
                   {"block_depth", NARROW_BLOCK_DEPTH},
                   {"which", NARROW_TALL}};
    for (size_t x = 0; x < sizeof numbers / sizeof *numbers; x++)
        einc_code(p, "const int64_t %s = args->n[%d];\n", numbers[x].name,
                  numbers[x].slot);
    einc_code(p, "const int64_t tall_row = args->s[%d], out_row = "
                 "args->s[%d], deep = args->s[%d];\n"
                 "const int64_t *const thin_column = args->s + %d;\n"
                 "const int64_t *const out_column = args->s + %d;\n"
                 "const int64_t *const extent = args->n + %d;\n"
                 "const int64_t *const tall_outer = args->s + %d;\n"
                 "const int64_t *const thin_outer = tall_outer + n_outer;\n"
                 "const int64_t *const out_outer = thin_outer + n_outer;\n"
                 "const $ *const tall = (const $ *)args->in[which];\n"
                 "const $ *const thin = (const $ *)args->in[1 - which];\n"
                 "$ *const out = ($ *)args->out;\n"
                 "$ *const panel = ($ *)(void *)args->scratch;\n",
              NARROW_TALL_ROW, NARROW_OUT_ROW, NARROW_THIN_DEEP,
              NARROW_THIN_COLUMN, NARROW_OUT_COLUMN, NARROW_EXTENTS,
              NARROW_STRIDES);
    einc_code(p, "const int64_t row_blocks = (all_rows + block_rows - "
                 "1)/block_rows;\n"
                 "const int64_t height = @_SUMS/columns;\n"
                 "$ part[@_SUMS*@_LANES] __attribute__((aligned(64))) = {0};\n"
                 "$ sum[@_SUMS];\n"
                 "const $ *row[@_SUMS];\n");
}

static void
print_decode(const struct printer *p)
{
    einc_code(p, "int64_t rest = task;\n"
                 "const int64_t first = rest %% row_blocks*block_rows;\n"
                 "rest /= row_blocks;\n"
                 "int64_t tall_at = tall_row*first, thin_at = 0, out_at = "
                 "out_row*first;\n"
                 "for (int64_t x = n_outer - 1; x >= 0; x--) {\n"
                 "    const int64_t value = rest %% extent[x];\n"
                 "    rest /= extent[x];\n"
                 "    tall_at += tall_outer[x]*value;\n"
                 "    thin_at += thin_outer[x]*value;\n"
                 "    out_at += out_outer[x]*value;\n"
                 "}\n"
                 "const int64_t rows =\n"
                 "    all_rows - first < block_rows ? all_rows - first : "
                 "block_rows;\n");
}

static void
print_store(const struct printer *p)
{
    static const char *const sums[2] = {"sum[columns*r + c]", NULL};
    einc_code(p, "for (int64_t r = 0; plain && r < live; r++) {\n"
                 "    $ *const to = out + out_at + out_row*(r0 + r);\n"
                 "    for (int64_t c = 0; again && c < columns; c++)\n"
                 "        to[out_column[c]] += sum[columns*r + c];\n"
                 "    for (int64_t c = 0; !again && c < columns; c++)\n"
                 "        to[out_column[c]] = sum[columns*r + c];\n"
                 "}\n"
                 "for (int64_t r = 0; !plain && r < live; r++)\n"
                 "    for (int64_t c = 0; c < columns; c++) {\n");
    p->t->indent += 8;
    einc_print_epilogue(p, sums,
                        "out_at + out_row*(r0 + r) + out_column[c]");
    p->t->indent -= 8;
    einc_code(p, "    }\n");
}

/* Rows that are not there are the last one again. */
static void
print_blocks(const struct printer *p)
{
    einc_code(p, "for (int64_t r0 = 0; r0 < rows; r0 += height) {\n");
    p->t->indent += 4;
    einc_code(p, "const int64_t live = rows - r0 < height ? rows - r0 : "
                 "height;\n"
                 "for (int64_t r = 0; r < height; r++)\n"
                 "    row[r] = tall + tall_at + tall_row*(r0 + (r < live ? r : "
                 "live - 1)) + deep0;\n"
                 "@_rows(columns, depth, row, panel,\n"
                 "    r0 + height < rows ? height*tall_row : 0, part);\n"
                 "for (int64_t x = 0; x < height*columns; x += @_LANES)\n"
                 "    @_fold(part + x*@_LANES, sum + x);\n");
    print_store(p);
    p->t->indent -= 4;
    einc_code(p, "}\n");
}

static void
print_task(const struct printer *p)
{
    struct printer q = *p;
    q.again = 1;
    print_decode(p);
    einc_code(p, "for (int64_t deep0 = 0; deep0 < all_depth; deep0 += "
                 "block_depth) {\n");
    p->t->indent += 4;
    einc_code(p, "const int64_t depth = all_depth - deep0 < block_depth ? "
                 "all_depth - deep0 : block_depth;\n"
                 "const int again = deep0 > 0;\n"
                 "@_columns(thin + thin_at + deep*deep0, thin_column, columns, "
                 "deep, depth, panel);\n");
    einc_print_scale(&q);
    einc_code(p, "const int plain = !args->alpha && !args->beta && factor == "
                 "1;\n");
    print_blocks(&q);
    p->t->indent -= 4;
    einc_code(p, "}\n");
}

void
einc_print_narrow(const struct printer *p)
{
    const struct nest *w = p->nest;
    einc_code(p, "#define @_LANES %d\n"
                 "#define @_SUMS %d /* vectors of sums, at most */\n"
                 "#define @_PREFETCH(p) __builtin_prefetch(p)\n"
                 "typedef $ @_vector\n"
                 "    __attribute__((vector_size(%d), may_alias, "
                 "aligned(sizeof($))));\n\n",
              w->lanes, einc_narrow_sums(w->target), w->target->vector_bytes);
    einc_print_shuffle(p);
    print_fold(p);
    print_tail(p);
    for (int c = 2; c <= NARROW_COLUMNS; c++)
        print_rows(p, c);
    print_choice(p);
    print_turn(p);
    einc_code(p, "%svoid\n"
                 "%s(const struct %s *args, int64_t task_begin, int64_t "
                 "task_end)\n"
                 "{\n", p->linkage, p->prefix, p->args);
    p->t->indent += 4;
    print_table(p);
    einc_code(p, "for (int64_t task = task_begin; task < task_end; task++) "
                 "{\n");
    p->t->indent += 4;
    print_task(p);
    p->t->indent -= 4;
    einc_code(p, "}\n");
    p->t->indent -= 4;
    einc_code(p, "}\n");
}

/* SPDX-License-Identifier: MIT
 *
 * print_gett.c - the gett family: out[b,m,n] = sum(k) lhs[b,m,k] * rhs[b,n,k]
 * with any strides. Rows, columns and depth are positions in the groups M, N
 * and K; tables hold their offsets, so packing (print_pack.c) reads any layout
 * and the register tile (print_tile.c) knows none.
 */
#include "codegen/family.h"
#include "codegen/print.h"

#include <string.h>

/* Two operands up to which the next product of a batch is fetched: what is
 * larger is packed in blocks, for which the processor looks ahead itself. */
enum { FETCHED_BYTES = 256 << 10 };

/* Elements of out and sums are the same, and may be moved as they are. */
static int
moves(const struct printer *p)
{
    return einc_gett_is_moved(p->nest, p->nest->out.storage);
}

/* "($ *)" where the compute type is not what is stored: unsigned integers
 * for signed ones. */
static const char *
cast(const struct printer *p, enum einc_dtype storage, int constant)
{
    struct text t = {.perm = p->t->perm};
    if (strcmp(p->type, einc_print_storage(storage)) == 0)
        return "";
    einc_put(&t, "(%s%s *)", constant ? "const " : "", p->type);
    return einc_text_z(&t);
}

static int
has_factor(const struct nest *w)
{
    return w->factor.arg >= 0 || w->factor.value != 1;
}

/* A factor that is an argument may be 1. */
static int
may_be_unscaled(const struct nest *w)
{
    return w->factor.arg >= 0 || !has_factor(w);
}

/* Whether tiles may go past the caches: if they are not scaled. */
static int
stores_far(const struct printer *p)
{
    return einc_gett_has_past(p->nest) && may_be_unscaled(p->nest);
}

/* Columns of a packed panel and of a tile; rows of a tile, at most. */
static const char *
width_name(const struct printer *p)
{
    return einc_gett_has_wide(p->nest) ? "width" : "@_NR";
}

static const char *
tall_name(const struct printer *p)
{
    return einc_gett_has_wide(p->nest) ? "tall" : "@_MR";
}

/* --- storing ------------------------------------------------------------ */

/* Tiles that are not scaled: their runs are moved. */
static void
print_runs(const struct printer *p)
{
    const struct nest *w = p->nest;
    einc_code(p, "if (%s%s) {\n",
              p->with_scale ? "!args->alpha && !args->beta" : "1",
              w->factor.arg >= 0 ? " && factor == 1" : "");
    einc_code(p, "    $ *const to = %sout;\n",
              cast(p, w->out.storage, 0));
    einc_code(p, "    /* a piece is read from one vector: of two that were "
                 "just stored it would\n"
                 "     * have to wait for memory */\n"
                 "    for (int64_t c = 0, n; c < columns; c += n) {\n"
                 "        n = @_LANES - c %% @_LANES;\n"
                 "        n = n < columns - c ? n : columns - c;\n"
                 "        n = n < run[c] ? n : run[c];\n"
                 "        for (int64_t r = 0; again && r < rows; r++)\n"
                 "            @_add(to + row[r] + column[c], sum + %s*r + c, "
                 "n);\n"
                 "        for (int64_t r = 0; !again && r < rows; r++)\n"
                 "            @_move(to + row[r] + column[c], sum + %s*r + "
                 "c, n);\n"
                 "    }\n"
                 "    return;\n"
                 "}\n", width_name(p), width_name(p));
}

static void
print_store_tile(const struct printer *p)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    struct text one = {.perm = t->perm}, two = {.perm = t->perm};
    struct printer q = *p;
    q.again = einc_gett_adds_up(w);
    if (einc_gett_has_wide(w))
        einc_put(&one, "sum[width*r + c]");
    else
        einc_put(&one, "sum[%s%s_NR*r + c]", p->planes == 2 ? "2*" : "",
                 p->shared);
    einc_put(&two, "sum[2*%s_NR*r + %s_NR + c]", p->shared, p->shared);
    einc_code(p, "/* out[row + column] = the live part of a tile; `again`: "
                 "added to the sums there */\n"
                 "static void\n%s", p->prefix);
    einc_code(p, "_store(const struct %s *args, const $ *sum,\n"
                 "    %s *out, const int64_t *row, int64_t rows, const int64_t "
                 "*column,\n"
                 "    const int64_t *run, int64_t columns, int again%s)\n"
                 "{\n",
              p->args, einc_print_storage(w->out.storage),
              einc_gett_has_wide(w) ? ", int64_t width" : "");
    t->indent += 4;
    einc_print_scale(&q);
    if (!p->with_scale && w->factor.arg < 0)
        einc_line(t, "(void)args;");
    if (moves(p) && (w->factor.arg >= 0 || !has_factor(w)))
        print_runs(p);
    else
        einc_line(t, "(void)run;");
    if (!q.again)
        einc_line(t, "(void)again;");
    if (!moves(p) || p->with_scale || has_factor(w)) {
        einc_line(t, "for (int64_t r = 0; r < rows; r++)");
        einc_line(t, "    for (int64_t c = 0; c < columns; c++) {");
        t->indent += 8;
        const char *const sums[2] = {einc_text_z(&one), einc_text_z(&two)};
        einc_print_epilogue(&q, sums, "row[r] + column[c]");
        t->indent -= 4;
        einc_line(t, "}");
        t->indent -= 4;
    }
    t->indent -= 4;
    einc_line(t, "}");
}

/* --- the kernel --------------------------------------------------------- */

static const char *const role_letters[N_LOOP_ROLES] = {"b", "m", "n", "k"};

/* Of a table: product of extents, and offsets of positions in a group. */
static void
print_table_functions(const struct printer *p)
{
    struct text *t = p->t;
    einc_line(t, "static int64_t");
    einc_line(t, "%s_product(const int64_t *extent, int64_t n)", p->shared);
    einc_line(t, "{");
    einc_line(t, "    int64_t all = 1;");
    einc_line(t, "    for (int64_t x = 0; x < n; x++)");
    einc_line(t, "        all *= extent[x];");
    einc_line(t, "    return all;");
    einc_line(t, "}");
    einc_put(t, "\n");
    einc_line(t, "/* Offsets of positions first .. first + count of a group of "
                 "n indices, slowest");
    einc_line(t, " * first, in two tensors. */");
    einc_line(t, "static void");
    einc_line(t, "%s_offsets(const int64_t *extent, const int64_t *a, "
                 "const int64_t *b,", p->shared);
    einc_line(t, "    int64_t n, int64_t first, int64_t count, int64_t *to_a, "
                 "int64_t *to_b)");
    einc_line(t, "{");
    einc_line(t, "    int64_t value[64] = {0}, at_a = 0, at_b = 0;");
    einc_line(t, "    if (n == 1) {");
    einc_line(t, "        const int64_t by_a = a[0], by_b = b[0];");
    einc_line(t, "        at_a = by_a*first;");
    einc_line(t, "        at_b = by_b*first;");
    einc_line(t, "        for (int64_t at = 0; at < count; at++) {");
    einc_line(t, "            to_a[at] = at_a;");
    einc_line(t, "            to_b[at] = at_b;");
    einc_line(t, "            at_a += by_a;");
    einc_line(t, "            at_b += by_b;");
    einc_line(t, "        }");
    einc_line(t, "        return;");
    einc_line(t, "    }");
    einc_line(t, "    for (int64_t x = n - 1; x >= 0; x--) {");
    einc_line(t, "        value[x] = first %% extent[x];");
    einc_line(t, "        first /= extent[x];");
    einc_line(t, "        at_a += a[x]*value[x];");
    einc_line(t, "        at_b += b[x]*value[x];");
    einc_line(t, "    }");
    einc_line(t, "    for (int64_t at = 0; at < count; at++) {");
    einc_line(t, "        to_a[at] = at_a;");
    einc_line(t, "        to_b[at] = at_b;");
    einc_line(t, "        for (int64_t x = n - 1; x >= 0; x--) {");
    einc_line(t, "            at_a += a[x];");
    einc_line(t, "            at_b += b[x];");
    einc_line(t, "            if (++value[x] < extent[x])");
    einc_line(t, "                break;");
    einc_line(t, "            at_a -= a[x]*extent[x];");
    einc_line(t, "            at_b -= b[x]*extent[x];");
    einc_line(t, "            value[x] = 0;");
    einc_line(t, "        }");
    einc_line(t, "    }");
    einc_line(t, "}");
    einc_put(t, "\n");
}

/* What comes next in a batch of small products is fetched while one of them is
 * computed: a part of its lines at each tile. */
static void
print_fetch_next(const struct printer *p)
{
    if (p->nest->table)
        einc_code(p, "/* A part of the lines of n rows of so many bytes. */\n"
                     "static void\n"
                     "@_ahead(const char *from, int64_t size, const int64_t "
                     "*row, int64_t n, int64_t bytes,\n"
                     "    int64_t part, int64_t parts)\n"
                     "{\n"
                     "    const int64_t end = n*(part + 1)/parts;\n"
                     "    for (int64_t r = n*part/parts; r < end; r++)\n"
                     "        for (int64_t x = 0; x < bytes; x += 64)\n"
                     "            @_PREFETCH(from + size*row[r] + x);\n"
                     "}\n\n");
}

static void
print_table_arguments(const struct printer *p)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    for (int r = 0; r < N_LOOP_ROLES; r++)
        einc_line(t, "const int64_t n_%s = args->n[%d]; /* indices */",
                  role_letters[r], NEST_TABLE_ROLES + r);
    einc_line(t, "const int64_t n_all = n_b + n_m + n_n + n_k;");
    einc_line(t, "const int64_t *const b_extent = args->n + %d;",
              NEST_TABLE_EXTENTS);
    einc_line(t, "const int64_t *const m_extent = b_extent + n_b;");
    einc_line(t, "const int64_t *const n_extent = m_extent + n_m;");
    einc_line(t, "const int64_t *const k_extent = n_extent + n_n;");
    for (int o = 0; o < 3; o++) {
        const char *name = o < 2 ? w->in[o].name : "out";
        einc_line(t, "const int64_t *const %s_b = args->s%s;", name,
                  o == 0   ? ""
                  : o == 1 ? " + n_all"
                           : " + 2*n_all");
        if (o != 1)
            einc_line(t, "const int64_t *const %s_m = %s_b + n_b;", name,
                      name);
        if (o != 0)
            einc_line(t, "const int64_t *const %s_n = %s_b + n_b + n_m;", name,
                      name);
        if (o < 2)
            einc_line(t, "const int64_t *const %s_k = %s_b + n_all - n_k;",
                      name, name);
    }
    einc_code(p, "/* 1: lhs is multiplied by a weight, 2: rhs; 0: none is */\n"
                 "const int64_t weighs = args->n[%d];\n"
                 "const int weight_moves = args->n[%d] != 0;\n"
                 "const void *const weight = weighs ? args->in[2] : 0;\n"
                 "const int64_t *const weight_b = args->s + 3*n_all;\n"
                 "const int64_t *const weight_m = weight_b + n_b;\n"
                 "const int64_t *const weight_n = weight_m + n_m;\n"
                 "const int64_t *const weight_k = weight_n + n_n;\n",
              NEST_TABLE_WEIGHS, NEST_TABLE_WEIGHT_MOVES);
    einc_line(t, "const %s *const lhs = (const %s *)args->in[0];",
              einc_print_storage(w->in[0].storage),
              einc_print_storage(w->in[0].storage));
    einc_line(t, "const %s *const rhs = (const %s *)args->in[1];",
              einc_print_storage(w->in[1].storage),
              einc_print_storage(w->in[1].storage));
    einc_line(t, "%s *const out = (%s *)args->out;",
              einc_print_storage(w->out.storage),
              einc_print_storage(w->out.storage));
}

static int
any_argument(const struct nest *w, int lo, int hi)
{
    for (int j = lo; j < hi; j++)
        if (w->idx[j].extent.arg >= 0)
            return 1;
    return 0;
}

/* Fills tables with the offsets of positions first .. first + count of a
 * role in two tensors. A sum may be empty in a file whose sizes are
 * arguments; a task without rows or columns there is not. */
static void
print_offsets(const struct printer *p, enum loop_role role, const char *first,
              const char *count, const struct nest_tensor *a,
              const char *to_a, const struct nest_tensor *b, const char *to_b)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    int lo = w->first[role], hi = w->first[role + 1];
    if (w->table) {
        const char *r = role_letters[role];
        einc_line(t, "%s_offsets(%s_extent, %s_%s, %s_%s, n_%s,", p->shared,
                  r, a->name, r, b->name, r, r);
        einc_line(t, "    %s, %s, %s, %s);", first, count, to_a, to_b);
        return;
    }
    if (role == LOOP_K && any_argument(w, lo, hi))
        einc_line(t, "if (%s > 0) { /* no extent is 0 */", count);
    else
        einc_line(t, "{");
    t->indent += 4;
    if (hi - lo > 1)
        einc_line(t, "int64_t left = %s;", first);
    for (int j = hi - 1; j > lo; j--) {
        const char *n = einc_print_n(p, j);
        einc_line(t, "int64_t %s = left %% %s;", w->idx[j].name, n);
        einc_line(t, "left /= %s;", n);
    }
    if (hi > lo)
        einc_line(t, "int64_t %s = %s;", w->idx[lo].name,
                  hi - lo > 1 ? "left" : first);
    einc_line(t, "for (int64_t at = 0; at < %s; at++) {", count);
    t->indent += 4;
    einc_put(t, "%*s%s[at] = ", t->indent, "", to_a);
    einc_print_offset(p, a, lo, hi, -1);
    einc_put(t, ";\n%*s%s[at] = ", t->indent, "", to_b);
    einc_print_offset(p, b, lo, hi, -1);
    einc_put(t, ";\n");
    for (int j = hi - 1; j > lo; j--) {
        const char *x = w->idx[j].name;
        einc_line(t, "if (++%s < %s)", x, einc_print_n(p, j));
        einc_line(t, "    continue;");
        einc_line(t, "%s = 0;", x);
    }
    if (hi > lo)
        einc_line(t, "++%s;", w->idx[lo].name);
    t->indent -= 4;
    einc_line(t, "}");
    t->indent -= 4;
    einc_line(t, "}");
}

static void
print_total(const struct printer *p, const char *name, enum loop_role role,
            const char *comment)
{
    const char *r = role_letters[role];
    einc_put(p->t, "%*sconst int64_t %s = ", p->t->indent, "", name);
    if (p->nest->table)
        einc_put(p->t, "%s_product(%s_extent, n_%s)", p->shared, r, r);
    else
        einc_print_extent(p, role);
    einc_put(p->t, "; /* %s */\n", comment);
}

/* Offsets of the weight along the side that it multiplies and along K, and
 * its own packed tiles. */
static void
print_weight_scratch(const struct printer *p)
{
    const struct tile *s = &p->nest->tile;
    einc_code(p, "int64_t *const weight_side = rhs_deep_run + @_KC;\n"
                 "int64_t *const weight_side_run = weight_side + @_%s;\n"
                 "int64_t *const weight_deep = weight_side_run + @_%s;\n"
                 "int64_t *const weight_deep_run = weight_deep + @_KC;\n"
                 "$ *const weight_tiles = ($ *)(void *)(weight_deep_run + "
                 "@_KC);\n",
              s->mb > s->nb ? "MB" : "NB", s->mb > s->nb ? "MB" : "NB");
}

static void
print_scratch(const struct printer *p)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    const char *two = p->planes == 2 ? "2*" : "";
    if (w->table)
        einc_code(p, "const int64_t lhs_room = args->n[%d], rhs_room = "
                     "args->n[%d];\n",
                  NEST_TABLE_LHS_ROOM, NEST_TABLE_RHS_ROOM);
    const char *lhs_room = w->table ? "lhs_room" : "@_MC*@_KC";
    const char *rhs_room = w->table ? "rhs_room" : "@_NC*@_KC";
    einc_code(p, "$ *const lhs_tiles = ($ *)(void *)args->scratch;\n"
                 "$ *const rhs_panels = lhs_tiles + %s%s + "
                 "%s((@_LANES*@_LANES + 15)/16*16);\n", two, lhs_room, two);
    if (einc_gett_adds_up(w))
        einc_code(p, "int64_t *const lhs_row = (int64_t *)(void *)(rhs_panels "
                     "+ %s%s);\n", two, rhs_room);
    else
        einc_code(p, "$ *const sums = rhs_panels + %s%s;\n"
                     "int64_t *const lhs_row = (int64_t *)(void *)(sums + "
                     "%s@_MC*@_NC);\n", two, rhs_room, two);
    einc_code(p, "int64_t *const lhs_run = lhs_row + @_MB;\n"
                 "int64_t *const out_row = lhs_run + @_MB;\n"
                 "int64_t *const rhs_column = out_row + @_MB;\n"
                 "int64_t *const rhs_run = rhs_column + @_NB;\n"
                 "int64_t *const out_column = rhs_run + @_NB;\n"
                 "int64_t *const out_run = out_column + @_NB;\n"
                 "int64_t *const lhs_deep = out_run + @_NB;\n"
                 "int64_t *const lhs_deep_run = lhs_deep + @_KC;\n"
                 "int64_t *const rhs_deep = lhs_deep_run + @_KC;\n"
                 "int64_t *const rhs_deep_run = rhs_deep + @_KC;\n");
    if (einc_gett_weighs(w))
        print_weight_scratch(p);
    einc_code(p, "$ part[%s@_MR*@_NR]%s; /* a tile on its way */\n"
                 "%s", two,
              w->target->vector_bytes ? " __attribute__((aligned(64)))" : "",
              einc_gett_has_wide(w)
                  ? "int64_t part_row[@_MR];\n"
                    "for (int64_t r = 0; r < @_MR; r++)\n"
                    "    part_row[r] = r*part_width;\n"
                  : "static const int64_t part_row[@_MR] = {0");
    if (einc_gett_has_wide(w))
        return;
    for (int r = 1; r < w->tile.mr; r++)
        einc_put(t, ",%s%d*%s_NR", r % 6 ? " " : "\n        ",
                 r * p->planes, p->shared);
    einc_put(t, "};\n");
}

static void
print_totals(const struct printer *p)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    print_total(p, "all_rows", LOOP_M, "M");
    print_total(p, "all_columns", LOOP_N, "N");
    print_total(p, "all_depth", LOOP_K, "K");
    einc_line(t, "const int64_t block_rows = args->n[%d]; /* of a task */",
              w->table ? NEST_TABLE_ROWS : w->n_extents - 2);
    einc_line(t, "const int64_t block_columns = args->n[%d];",
              w->table ? NEST_TABLE_COLUMNS : w->n_extents - 1);
    einc_code(p, "const int64_t row_blocks = (all_rows + block_rows - 1) / "
                 "block_rows;\n"
                 "const int64_t column_blocks =\n"
                 "    (all_columns + block_columns - 1) / block_columns;\n");
    if (w->table) {
        einc_code(p, "const int64_t block_depth = args->n[%d];\n"
                     "const int lhs_stays = args->n[%d] != 0;\n"
                     "const int64_t panel = args->n[%d]; /* columns */\n"
                     "const int64_t apart = args->n[%d], near = args->n[%d];\n"
                     "const int64_t deep_apart = args->n[%d], deep_near = "
                     "args->n[%d];\n",
                  NEST_TABLE_DEPTH, NEST_TABLE_STAY, NEST_TABLE_PANEL,
                  NEST_TABLE_APART, NEST_TABLE_NEAR, NEST_TABLE_DEEP_APART,
                  NEST_TABLE_DEEP_NEAR);
        if (einc_gett_has_wide(w))
            einc_code(p, "/* of a tile: rows, at most, and columns; from row to "
                         "row on its way */\n"
                         "const int wide = panel > @_NR;\n"
                         "const int64_t tall = wide ? @_LOW : @_MR;\n"
                         "const int64_t width = wide ? @_WIDE : @_NR;\n"
                         "const int joins = args->n[%d] == %d;\n"
                         "const int64_t part_width = joins ? panel : width;\n",
                      NEST_TABLE_PAST, PAST_JOINED);
        return;
    }
    einc_code(p, "/* K blocks of equal size: no short last one */\n"
                 "const int64_t deep_blocks = (all_depth + @_KC - 1) / "
                 "@_KC;\n"
                 "const int64_t block_depth =\n"
                 "    deep_blocks ? (all_depth + deep_blocks - 1) / "
                 "deep_blocks : 1;\n"
                 "const int lhs_stays = %d; /* packed whole; else rhs is */\n"
                 "const int64_t panel = @_NR;\n", w->gett->rows_stay);
}

/* Offsets of the batch of this task: as a sum, or counted. */
static void
print_batch_offsets(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    int hi = w->first[LOOP_BATCH + 1];
    if (w->table) {
        einc_line(t, "int64_t lhs_at = 0, rhs_at = 0, out_at = 0, "
                     "weight_at = 0;");
        einc_line(t, "for (int64_t x = n_b - 1; x >= 0; x--) {");
        einc_line(t, "    const int64_t value = rest %% b_extent[x];");
        einc_line(t, "    rest /= b_extent[x];");
        einc_line(t, "    lhs_at += lhs_b[x]*value;");
        einc_line(t, "    rhs_at += rhs_b[x]*value;");
        einc_line(t, "    out_at += out_b[x]*value;");
        einc_line(t, "    weight_at += weight_b[x]*value;");
        einc_line(t, "}");
        return;
    }
    for (int j = hi - 1; j >= 0; j--) {
        const char *n = einc_print_n(p, j);
        einc_line(t, "const int64_t %s = rest %% %s;", w->idx[j].name, n);
        einc_line(t, "rest /= %s;", n);
    }
    for (int o = 0; o <= w->n_in; o++) {
        const struct nest_tensor *x = einc_nest_tensor(w, o);
        einc_put(t, "%*sconst int64_t %s_at = ", t->indent, "", x->name);
        einc_print_offset(p, x, 0, hi, -1);
        einc_put(t, ";\n");
    }
}

/* Where this task is in rows, columns and the batch. */
static void
print_batch(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    einc_line(t, "int64_t rest = task;");
    einc_line(t, "const int64_t row0 = rest %% row_blocks * block_rows;");
    einc_line(t, "rest /= row_blocks;");
    einc_line(t, "const int64_t column0 = rest %% column_blocks * "
                 "block_columns;");
    einc_line(t, "rest /= column_blocks;");
    print_batch_offsets(p);
    for (int o = 0; o < 3; o++) {
        const struct nest_tensor *x = o < 2 ? &w->in[o] : &w->out;
        int complex = einc_dtype_info(x->storage)->kind == KIND_COMPLEX;
        einc_line(t, "%s%s *const %s_batch = %s + %s%s_at;",
                  o < 2 ? "const " : "", einc_print_storage(x->storage),
                  x->name, x->name, complex ? "2*" : "", x->name);
    }
    einc_line(t, "const int64_t rows =");
    einc_line(t, "    all_rows - row0 < block_rows ? all_rows - row0 : block_rows;");
    einc_line(t, "const int64_t columns = all_columns - column0 < block_columns");
    einc_line(t, "                            ? all_columns - column0");
    einc_line(t, "                            : block_columns;");
}

/* Whether a role is one index, so that its offsets are at one distance. */
static const char *
is_even(const struct printer *p, enum loop_role role)
{
    const struct nest *w = p->nest;
    struct text t = {.perm = p->t->perm};
    if (w->table)
        einc_put(&t, "n_%s == 1", role_letters[role]);
    else
        einc_put(&t, "%d", w->first[role + 1] - w->first[role] == 1);
    return einc_text_z(&t);
}

/* Of rows of lhs, which matter only where they are packed. */
static void
print_row_runs(const struct printer *p)
{
    einc_code(p, "@_runs(lhs_row, rows, %s, lhs_run);\n",
              is_even(p, LOOP_M));
}

/* Tiles of equal height, or one row less. */
static void
print_tile_count(const struct printer *p)
{
    einc_code(p, "/* tiles of equal height: the first `taller` have a row "
                 "more */\n"
                 "const int64_t tiles = (rows + %s - 1) / %s;\n"
                 "const int64_t height = rows / tiles, taller = rows %% "
                 "tiles;\n", tall_name(p), tall_name(p));
    if (stores_far(p))
        einc_code(p, "const int ends_lines = past && @_ends_lines(out_batch, "
                     "out_row, rows);\n"
                     "const int pairs = past && wide && @_pairs(out_batch, "
                     "out_row, rows);\n");
    if (einc_gett_has_rows(p->nest))
        einc_code(p, "/* no row that is not there is read */\n"
                     "const int exact = @_height[height] == height &&\n"
                     "    (!taller || @_height[height + 1] == height + 1);\n"
                     "const int64_t apart_rows = exact ? @_apart(lhs_row, "
                     "rows, %s) : 0;\n", is_even(p, LOOP_M));
    if (p->nest->table)
        einc_code(p, "const int64_t columns_at_once = !lhs_stays ? columns : "
                     "apart ? near*apart : panel;\n");
    else
        einc_code(p, "const int64_t columns_at_once = lhs_stays ? panel : "
                     "columns;\n");
}

/* Elements of a complex number. */
static const char *
two_of(const struct nest_tensor *x)
{
    return einc_dtype_info(x->storage)->kind == KIND_COMPLEX ? "2*" : "";
}

/* The next product of a batch, where it is a task of its own. */
static void
print_find_next(const struct printer *p)
{
    const struct nest *w = p->nest;
    if (!w->table)
        return;
    einc_code(p, "/* of the same row of products, and small: fetched part by "
                 "part */\n"
                 "const int next = alone && n_b > 0 && task + 1 < task_end &&\n"
                 "    task %% b_extent[n_b - 1] + 1 < b_extent[n_b - 1] &&\n"
                 "    all_depth > 0 && all_depth <= block_depth &&\n"
                 "    (rows + columns)*all_depth <= "
                 "%d/(int64_t)sizeof($);\n"
                 "const int64_t parts = tiles*((columns + panel - 1)/panel);\n"
                 "int64_t part_at = 0;\n"
                 "const int64_t lhs_next = next ? %slhs_b[n_b - 1] : 0;\n"
                 "const int64_t rhs_next = next ? %srhs_b[n_b - 1] : 0;\n",
              FETCHED_BYTES, two_of(&w->in[0]), two_of(&w->in[1]));
}

/* Which operand a weight multiplies: a table has to ask, else it is known. */
static int
may_weigh(const struct nest *w, int side)
{
    return w->table || w->gett->weighs == side;
}

/* Offsets of the weight along the rows or columns of a task. */
static void
print_weight_side(const struct printer *p, int side)
{
    const struct nest *w = p->nest;
    const struct nest_tensor weight = {.name = "weight"};
    const struct nest_tensor *x = w->table ? &weight : &w->in[2];
    if (!may_weigh(w, side))
        return;
    if (w->table) {
        einc_line(p->t, "if (weighs == %d) {", side + 1);
        p->t->indent += 4;
    }
    if (side)
        print_offsets(p, LOOP_N, "column0", "columns", x, "weight_side",
                      &w->out, "out_column");
    else
        print_offsets(p, LOOP_M, "row0", "rows", x, "weight_side", &w->out,
                      "out_row");
    einc_code(p, "@_runs(weight_side, %s, %s, weight_side_run);\n",
              side ? "columns" : "rows", is_even(p, side ? LOOP_N : LOOP_M));
    if (w->table) {
        p->t->indent -= 4;
        einc_line(p->t, "}");
    }
}

/* Offsets along the rows and columns of a task. A product that is one task
 * finds those of the one before it. */
static void
print_sides(const struct printer *p)
{
    const struct nest *w = p->nest;
    if (w->table) {
        einc_code(p, "const int alone = row_blocks == 1 && column_blocks == "
                     "1;\n"
                     "const int again_there = alone && task > task_begin;\n"
                     "if (!again_there) {\n");
        p->t->indent += 4;
    }
    print_offsets(p, LOOP_M, "row0", "rows", &w->in[0], "lhs_row", &w->out,
                  "out_row");
    print_weight_side(p, 0);
    print_offsets(p, LOOP_N, "column0", "columns", &w->in[1], "rhs_column",
                  &w->out, "out_column");
    print_weight_side(p, 1);
    if (!einc_gett_has_rows(w))
        print_row_runs(p);
    einc_code(p, "@_runs(rhs_column, columns, %s, rhs_run);\n"
                 "@_runs(out_column, columns, %s, out_run);\n",
              is_even(p, LOOP_N), is_even(p, LOOP_N));
    if (w->table) {
        p->t->indent -= 4;
        einc_line(p->t, "}");
    }
}

/* And along a block of K. */
static void
print_weight_deep(const struct printer *p)
{
    const struct nest *w = p->nest;
    const struct nest_tensor weight = {.name = "weight"};
    if (!einc_gett_weighs(w))
        return;
    if (w->table) {
        einc_line(p->t, "if (weighs) {");
        p->t->indent += 4;
    }
    print_offsets(p, LOOP_K, "deep0", "depth", w->table ? &weight : &w->in[2],
                  "weight_deep", &w->in[0], "lhs_deep");
    einc_code(p, "@_runs(weight_deep, depth, %s, weight_deep_run);\n",
              is_even(p, LOOP_K));
    if (w->table) {
        p->t->indent -= 4;
        einc_line(p->t, "}");
    }
}

static void
print_depths(const struct printer *p)
{
    const struct nest *w = p->nest;
    if (w->table) {
        einc_line(p->t, "if (!again_there || depth < all_depth) {");
        p->t->indent += 4;
    }
    print_offsets(p, LOOP_K, "deep0", "depth", &w->in[0], "lhs_deep",
                  &w->in[1], "rhs_deep");
    einc_code(p, "@_runs(lhs_deep, depth, %s, lhs_deep_run);\n"
                 "@_runs(rhs_deep, depth, %s, rhs_deep_run);\n",
              is_even(p, LOOP_K), is_even(p, LOOP_K));
    print_weight_deep(p);
    if (w->table) {
        p->t->indent -= 4;
        einc_line(p->t, "}");
    }
}

/* Which form lhs has in a block of K; and whether its lines are along K, so
 * that a tile needs no more of them than its own. */
static void
print_form(const struct printer *p)
{
    if (einc_gett_has_rows(p->nest))
        einc_code(p, "const int64_t lhs_apart = %sdepth > 0 &&\n"
                     "    lhs_deep_run[0] >= depth ? apart_rows : 0;\n"
                     "if (!lhs_apart)\n"
                     "    ",
                  p->nest->table ? "weighs != 1 && " : "");
    if (einc_gett_has_rows(p->nest))
        print_row_runs(p);
    if (einc_gett_fetches(p->nest))
        einc_code(p, "const int along = depth > 0 && lhs_deep_run[0] >= "
                     "@_LANES;\n"
                     "const int64_t tiles_at_once = lhs_stays ? tiles : along "
                     "? 1 : 8;\n");
    else
        einc_code(p, "const int64_t tiles_at_once = lhs_stays ? tiles : 8;\n");
}

static void
open_block(const struct printer *p, const struct nest_node *x)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    switch (x->block) {
    case BLOCK_K:
        einc_line(t, "int64_t deep0 = 0;");
        einc_line(t, "do { /* K block; once, with depth 0, if K is empty */");
        t->indent += 4;
        einc_line(t, "const int64_t depth = all_depth - deep0 < block_depth");
        einc_line(t, "                          ? all_depth - deep0");
        einc_line(t, "                          : block_depth;");
        if (!einc_gett_adds_up(w))
            einc_line(t, "const int last = deep0 + depth >= all_depth;");
        print_depths(p);
        print_form(p);
        if (einc_gett_in_place(w))
            einc_code(p, "const int64_t distance = lhs_stays && tiles <= 8%s ? "
                         "@_distance(rhs_deep, depth, %s) : 0;\n",
                      w->table ? " && weighs != 2" : "", is_even(p, LOOP_K));
        break;
    case BLOCK_N:
        einc_line(t, "for (int64_t n0 = 0; n0 < columns; n0 += "
                     "columns_at_once) {");
        t->indent += 4;
        einc_code(p, "const int64_t n1 =\n"
                     "    columns - n0 < columns_at_once ? columns : n0 + "
                     "columns_at_once;\n"
                     "const int64_t panels = (n1 - n0 + panel - 1) / "
                     "panel;\n");
        break;
    case BLOCK_M:
        einc_line(t, "for (int64_t t0 = 0; t0 < tiles; t0 += tiles_at_once) {");
        t->indent += 4;
        einc_code(p, "const int64_t t1 =\n"
                     "    tiles - t0 < tiles_at_once ? tiles : t0 + "
                     "tiles_at_once;\n");
        break;
    default:
        einc_line(t, "for (int64_t tile_at = t0, panel_at = 0;\n     tile_at < t1 && panel_at < panels;) {");
        t->indent += 4;
        einc_code(p, "const int64_t r0 =\n"
                     "    tile_at*height + (tile_at < taller ? tile_at : taller);\n"
                     "const int64_t live_rows = height + (tile_at < taller);\n"
                     "const int64_t c0 = n0 + panel_at*panel;\n"
                     "const int64_t live = n1 - c0 < panel ? n1 - c0 : "
                     "panel;\n"
                     "const int vectors = live <= @_NARROW ? 1 : %s;\n",
                  einc_gett_has_wide(w)
                      ? "live <= @_NR ? @_NR/@_LANES : @_WIDE/@_LANES"
                      : "@_NR/@_LANES");
        break;
    }
}

static void
close_block(const struct printer *p, const struct nest_node *x)
{
    if (x->block == BLOCK_TILE)
        einc_code(p, "if (lhs_stays) { /* a panel meets all tiles */\n"
                     "    tile_at++;\n"
                     "    panel_at += tile_at == t1;\n"
                     "    tile_at = tile_at == t1 ? t0 : tile_at;\n"
                     "} else { /* a tile meets all panels */\n"
                     "    panel_at++;\n"
                     "    tile_at += panel_at == panels;\n"
                     "    panel_at = panel_at == panels ? 0 : panel_at;\n"
                     "}\n");
    if (x->block == BLOCK_K)
        einc_line(p->t, "deep0 += depth;");
    p->t->indent -= 4;
    einc_line(p->t, x->block == BLOCK_K ? "} while (deep0 < all_depth);"
                                        : "}");
}

/* Packing takes what it moves as it is in the compute type. */
static const char *
moved(const struct printer *p, const struct nest_tensor *x)
{
    return einc_gett_is_moved(p->nest, x->storage) ? cast(p, x->storage, 1)
                                                   : "";
}

/* A call that packs the weight of a tile or panel like the operand of that
 * side. */
static void
print_pack_weight(const struct printer *p, int side, const char *from,
                  const char *live, const char *width, const char *to)
{
    const struct nest_tensor *x = &p->nest->in[side];
    struct text typed = {.perm = p->t->perm};
    int complex = einc_dtype_info(x->storage)->kind == KIND_COMPLEX;
    if (p->nest->table) /* the type is not known before the side is */
        einc_put(&typed, "(const %s *)", einc_print_storage(x->storage));
    einc_code(p, "@_pack_%s_%s(%s(%sweight + %sweight_at),\n"
                 "    weight_side + %s, weight_side_run + %s, %s,\n"
                 "    weight_deep, weight_deep_run, depth, %s, %s);\n",
              x->name, einc_dtype_name(x->storage), moved(p, x),
              einc_text_z(&typed), complex ? "2*" : "", from, from, live,
              width, to);
}

/* What is the same for all rows is packed once in a block of K for each of the
 * two heights of tiles. */
static void
print_weigh_lhs(const struct printer *p)
{
    const struct nest *w = p->nest;
    const char *moves = w->table ? "weight_moves || " : "";
    int ask = w->table || !w->gett->weight_moves;
    if (w->table)
        einc_line(p->t, "if (weighs == 1) {");
    p->t->indent += w->table ? 4 : 0;
    if (ask)
        einc_code(p, "$ *const by = weight_tiles + (%sto_tile < taller ? 0 : "
                     "%s@_MR*depth);\n"
                     "if (%sto_tile == 0 || to_tile == taller)\n",
                  moves, p->planes == 2 ? "2*" : "", moves);
    p->t->indent += ask ? 4 : 0;
    print_pack_weight(p, 0, "r0", "live_rows", "tile_width",
                      ask ? "by" : "weight_tiles");
    p->t->indent -= ask ? 4 : 0;
    einc_code(p, "@_weigh(%s, depth, tile_width, to);\n",
              ask ? "by" : "weight_tiles");
    p->t->indent -= w->table ? 4 : 0;
    if (w->table)
        einc_line(p->t, "}");
}

static void
print_pack_lhs(const struct printer *p)
{
    const struct nest_tensor *x = &p->nest->in[0];
    int rows = einc_gett_has_rows(p->nest);
    int weighs = may_weigh(p->nest, 0);
    const char *two = p->planes == 2 ? "2*" : "";
    einc_code(p, "if (%sn0 == 0 || tiles_at_once < tiles%s)\n"
                 "    for (int64_t to_tile = t0; to_tile < t1; to_tile++) {\n"
                 "        const int64_t r0 =\n"
                 "            to_tile*height + (to_tile < taller ? to_tile : "
                 "taller);\n"
                 "        const int64_t live_rows = height + (to_tile < "
                 "taller);\n",
              rows ? "!lhs_apart && (" : "", rows ? ")" : "");
    p->t->indent += 8;
    if (weighs)
        einc_code(p, "const int64_t tile_width = @_height[live_rows];\n"
                     "$ *const to = lhs_tiles + %s(to_tile - t0)*%s*depth;\n",
                  two, tall_name(p));
    einc_code(p, "@_pack_lhs_%s(%slhs_batch, lhs_row + r0, lhs_run + r0, "
                 "live_rows,\n"
                 "    lhs_deep, lhs_deep_run, depth, ",
              einc_dtype_name(x->storage), moved(p, x));
    if (weighs) {
        einc_code(p, "tile_width, to);\n");
        print_weigh_lhs(p);
    } else {
        einc_code(p, "@_height[live_rows],\n"
                     "    lhs_tiles + %s(to_tile - t0)*%s*depth);\n", two,
                  tall_name(p));
    }
    p->t->indent -= 8;
    einc_code(p, "    }\n");
}

/* The weight of a panel, `x` panels from c0 on, or "". */
static void
print_weigh_panel(const struct printer *p, const char *x, const char *at)
{
    const struct nest *w = p->nest;
    int ask = w->table || !w->gett->weight_moves;
    if (ask)
        einc_code(p, "if (%sc0%s == 0)\n", w->table ? "weight_moves || " : "",
                  x);
    p->t->indent += ask ? 4 : 0;
    print_pack_weight(p, 1, at, "live", width_name(p), "weight_tiles");
    p->t->indent -= ask ? 4 : 0;
}

/* `taken` panels from c0 on, each of which may have a weight of its own. */
static void
print_weigh_rhs(const struct printer *p)
{
    const struct nest *w = p->nest;
    const char *taken = einc_gett_has_near(w) ? "taken" : "1";
    if (!may_weigh(w, 1))
        return;
    if (!w->table) {
        print_weigh_panel(p, "", "c0");
        einc_code(p, "@_weigh(weight_tiles, depth, @_NR, to);\n");
        return;
    }
    einc_code(p, "for (int64_t x = 0; weighs == 2 && x < %s; x++) {\n", taken);
    p->t->indent += 4;
    print_weigh_panel(p, " + x", "c0 + x*panel");
    einc_code(p, "@_weigh(weight_tiles, depth, %s, to + %sx*%s*depth);\n",
              width_name(p), p->planes == 2 ? "2*" : "", width_name(p));
    p->t->indent -= 4;
    einc_line(p->t, "}");
}

/* Neighbours, if they are: then `taken` panels have been packed. */
static void
print_pack_neighbours(const struct printer *p)
{
    const char *as = moved(p, &p->nest->in[1]);
    int wide = einc_gett_has_wide(p->nest);
    einc_code(p, "int64_t taken = 1;\n"
                 "if (apart && n1 - c0 >= near*apart &&\n"
                 "    @_pack_near(%srhs_batch, rhs_column + c0, apart, near, "
                 "rhs_deep, depth%s, to))\n"
                 "    taken = near*apart/panel;\n"
                 "else if (!deep_apart ||\n"
                 "         !@_pack_deep(%srhs_batch, rhs_column + c0, live, "
                 "deep_near,\n"
                 "             deep_apart, rhs_deep, depth%s, to))\n", as,
              wide ? ", width,\n        panel != apart" : "", as,
              wide ? ", width" : "");
}

static void
print_pack_rhs(const struct printer *p)
{
    const struct nest *w = p->nest;
    const struct nest_tensor *x = &w->in[1];
    int in_place = einc_gett_in_place(w), near = einc_gett_has_near(w);
    if (in_place)
        einc_code(p, "/* few rows: packing would not pay */\n"
                     "const int in_place = distance && n1 - n0 == %s &&\n"
                     "    rhs_run[n0] >= %s &&\n"
                     "    (tiles == 1 || distance*(int64_t)sizeof($) %% 2048 "
                     "!= 0);\n", width_name(p), width_name(p));
    einc_code(p, "for (int64_t c0 = n0; %sc0 < n1; c0 += panel) {\n"
                 "    $ *const to = rhs_panels + %s(c0 - n0)/panel*%s*"
                 "depth;\n"
                 "    const int64_t live = n1 - c0 < panel ? n1 - c0 : "
                 "panel;\n",
              in_place ? "!in_place && " : "", p->planes == 2 ? "2*" : "",
              width_name(p));
    p->t->indent += 4;
    if (near)
        print_pack_neighbours(p);
    einc_code(p, "%s@_pack_rhs_%s(%srhs_batch, rhs_column + c0, rhs_run + c0, "
                 "live,\n"
                 "    rhs_deep, rhs_deep_run, depth, %s, to);\n",
              near ? "    " : "", einc_dtype_name(x->storage), moved(p, x),
              width_name(p));
    print_weigh_rhs(p);
    if (near)
        einc_code(p, "c0 += (taken - 1)*panel;\n");
    p->t->indent -= 4;
    einc_line(p->t, "}");
}

/* Whole lines are written past the caches: a tile lies in L1 before. Of a wide
 * one whose columns are two runs, two rows of each are whole lines; rows that
 * are joined lie there as they will in memory. */
static void
print_ask_far(const struct printer *p)
{
    einc_code(p, "const int far = ends_lines && live == vectors*@_LANES &&\n"
                 "    out_run[c0] >= live && !((uintptr_t)(out_batch + "
                 "out_column[c0]) & 63);\n"
                 "const int far_pairs = !far && pairs && live == width && "
                 "live_rows %% 2 == 0 &&\n"
                 "    r0 %% 2 == 0 && out_run[c0] >= width/2 && out_run[c0 + "
                 "width/2] >= width/2 &&\n"
                 "    !((uintptr_t)(out_batch + out_column[c0]) & 63) &&\n"
                 "    !((uintptr_t)(out_batch + out_column[c0 + width/2]) & "
                 "63);\n"
                 "const int joined = past && joins && live == panel && "
                 "out_run[c0] >= live &&\n"
                 "    live_rows*live*(int64_t)sizeof($) %% 64 == 0 &&\n"
                 "    !((uintptr_t)(out_batch + out_row[r0] + out_column[c0]) & "
                 "63) &&\n"
                 "    @_joined(out_row + r0, live_rows, live);\n");
}

static void
print_call_far(const struct printer *p)
{
    const char *as = cast(p, p->nest->out.storage, 0);
    einc_code(p, "if (far)\n"
                 "    @_far(%s(out_batch + out_column[c0]), out_row + r0, "
                 "live_rows, vectors,\n"
                 "        part, part_width);\n"
                 "else if (far_pairs)\n"
                 "    @_far_pairs(%s(out_batch + out_column[c0]),\n"
                 "        %s(out_batch + out_column[c0 + width/2]), out_row + "
                 "r0, live_rows, part);\n"
                 "else if (joined)\n"
                 "    @_far(%s(out_batch + out_column[c0]), out_row + r0, 1,\n"
                 "        live_rows*live/@_LANES, part, 0);\n",
              as, as, as, as);
}

/* The sums of a tile go to out where its columns are contiguous, else to a
 * place of their own. */
static int
goes_straight(const struct printer *p)
{
    return moves(p) && may_be_unscaled(p->nest);
}

/* In place, or where it has been packed. */
static void
print_find_tile(const struct printer *p)
{
    const struct nest *w = p->nest;
    const char *two = p->planes == 2 ? "2*" : "";
    const char *place = "lhs_batch + lhs_row[r0] + lhs_deep[0]";
    const char *as = cast(p, w->in[0].storage, 1);
    einc_code(p, "const int64_t tile_height = @_height[live_rows];\n");
    if (einc_gett_has_rows(p->nest))
        einc_code(p, "const $ *const tile = lhs_apart\n"
                     "    ? %s(%s)\n"
                     "    : lhs_tiles + (tile_at - t0)*%s*depth;\n",
                  as, place, tall_name(p));
    else
        einc_code(p, "const $ *const tile = lhs_tiles + %s(tile_at - "
                     "t0)*%s*depth;\n", two, tall_name(p));
}

/* While tiles meet panels the rows of the next ones come nearer. */
static void
print_fetch_rows(const struct printer *p)
{
    if (einc_gett_fetches(p->nest))
        einc_code(p, "if (along && !lhs_stays && t1 < tiles)\n"
                     "    @_fetch(%slhs_batch, lhs_row + r0 + live_rows, "
                     "height, lhs_deep, depth,\n"
                     "        panel_at, panels);\n",
                  moved(p, &p->nest->in[0]));
}

/* To `to`, in the form that lhs has. */
static void
print_tile_calls(const struct printer *p)
{
    int rows = einc_gett_has_rows(p->nest);
    if (rows)
        einc_code(p, "if (lhs_apart)\n"
                     "    @_rows(tile_height, vectors, depth, tile, lhs_apart, "
                     "columns_of, step, to,\n"
                     "        to_row, again);\n"
                     "else\n");
    p->t->indent += rows ? 4 : 0;
    einc_code(p, "@_tile(tile_height, vectors, depth, tile, columns_of, step, "
                 "to, to_row,\n"
                 "    again);\n");
    p->t->indent -= rows ? 4 : 0;
}

/* Operand o of the next product, whichever way its rows are. */
static void
print_fetch_operand(const struct printer *p, int o)
{
    const struct nest_tensor *x = &p->nest->in[o];
    const char *side = o ? "rhs_column" : "lhs_row";
    const char *n = o ? "columns" : "rows";
    einc_code(p, "    if (%s_deep_run[0] >= depth)\n"
                 "        @_ahead((const char *)(%s_batch + %s_next), "
                 "%s(int64_t)sizeof(%s), %s, %s,\n"
                 "            %sdepth*(int64_t)sizeof(%s), part_at, parts);\n"
                 "    else if (%s < 2 || %s[1] - %s[0] == 1)\n"
                 "        @_ahead((const char *)(%s_batch + %s_next), "
                 "%s(int64_t)sizeof(%s), %s_deep, depth,\n"
                 "            %s%s*(int64_t)sizeof(%s), part_at, parts);\n",
              x->name, x->name, x->name, two_of(x),
              einc_print_storage(x->storage), side, n, two_of(x),
              einc_print_storage(x->storage), n, side, side, x->name, x->name,
              two_of(x), einc_print_storage(x->storage), x->name, two_of(x),
              n, einc_print_storage(x->storage));
}

static void
print_fetch_product(const struct printer *p)
{
    if (!p->nest->table)
        return;
    einc_line(p->t, "if (next) {");
    print_fetch_operand(p, 0);
    print_fetch_operand(p, 1);
    einc_code(p, "    part_at++;\n"
                 "}\n");
}

static void
print_call_tile(const struct printer *p)
{
    const struct nest *w = p->nest;
    const char *two = p->planes == 2 ? "2*" : "";
    print_find_tile(p);
    print_fetch_rows(p);
    print_fetch_product(p);
    if (einc_gett_in_place(w))
        einc_code(p, "const $ *const columns_of = in_place\n"
                     "    ? %s(rhs_batch + rhs_column[n0] + rhs_deep[0])\n"
                     "    : rhs_panels + panel_at*%s*depth;\n"
                     "const int64_t step = in_place ? distance : %s;\n",
                  cast(p, w->in[1].storage, 1), width_name(p), width_name(p));
    else
        einc_code(p, "const $ *const columns_of = rhs_panels + "
                     "%spanel_at*%s*depth;\n"
                     "const int64_t step = %s%s;\n", two, width_name(p), two,
                  width_name(p));
    if (einc_gett_adds_up(w))
        einc_code(p, "$ *const sum = part;\n");
    else
        einc_code(p, "$ *const sum = all_depth <= depth\n"
                     "    ? part\n"
                     "    : sums + %s((c0/panel)*(@_MC/@_MR) + tile_at)*@_MR*@_NR;"
                     "\n", two);
    if (stores_far(p))
        print_ask_far(p);
    if (goes_straight(p))
        einc_code(p, "const int straight = %sdirect && tile_height == live_rows "
                     "&&\n"
                     "    %slive == vectors*@_LANES%s && out_run[c0] >= "
                     "live;\n"
                     "$ *const to = straight ? %s(out_batch + out_column[c0]) "
                     ": sum;\n"
                     "const int64_t *const to_row = straight ? out_row + r0 : "
                     "part_row;\n"
                     "const int again = %sdeep0 > 0;\n",
                  stores_far(p) ? "!far && !far_pairs && !joined && " : "",
                  w->table ? "(" : "",
                  w->table ? " ||\n     (follow && vectors*@_LANES - live <= "
                             "(rows - r0 - live_rows)*columns))"
                           : "",
                  cast(p, w->out.storage, 0),
                  einc_gett_adds_up(w) ? "straight && " : "");
    else
        einc_code(p, "$ *const to = sum;\n"
                     "const int64_t *const to_row = part_row;\n"
                     "const int again = %s;\n",
                  einc_gett_adds_up(w) ? "0" : "deep0 > 0");
    print_tile_calls(p);
}

static void
print_call_store(const struct printer *p)
{
    int adds_up = einc_gett_adds_up(p->nest), asks = goes_straight(p);
    if (stores_far(p))
        print_call_far(p);
    if (asks || !adds_up)
        einc_line(p->t, "%sif (%s%s%s)", stores_far(p) ? "else " : "",
                  asks ? "!straight" : "",
                  asks && !adds_up ? " && " : "", adds_up ? "" : "last");
    p->t->indent += asks || !adds_up ? 4 : 0;
    einc_code(p, "%s_store(args, sum, out_batch, out_row + r0, live_rows,\n"
                 "    out_column + c0, out_run + c0, live, %s%s);\n", p->prefix,
              adds_up ? "deep0 > 0" : "0",
              einc_gett_has_wide(p->nest) ? ", part_width" : "");
    p->t->indent -= asks || !adds_up ? 4 : 0;
}

static void
walk(const struct printer *p, const struct nest_node *x)
{
    for (; x; x = x->next)
        switch (x->op) {
        case NEST_LOOP:
            open_block(p, x);
            walk(p, x->child);
            close_block(p, x);
            break;
        case NEST_PACK:
            if (x->tensor)
                print_pack_rhs(p);
            else
                print_pack_lhs(p);
            break;
        case NEST_TILE:
            print_call_tile(p);
            break;
        case NEST_STORE:
            print_call_store(p);
            break;
        default:
            break;
        }
}

/* Whether sums may go to out as they are. */
static void
print_direct(const struct printer *p)
{
    const struct nest *w = p->nest;
    if (!goes_straight(p))
        return;
    einc_code(p, "const int direct = %s",
              p->with_scale ? "!args->alpha && !args->beta" : "1");
    if (w->factor.arg >= 0)
        einc_put(p->t, " && args->n[%d] == 1", w->factor.arg);
    einc_put(p->t, ";\n");
    if (w->table)
        einc_code(p, "/* rows of out follow each other, and a panel is all of "
                     "one: what a tile writes\n"
                     " * behind its last row is written again by the next "
                     "one */\n"
                     "const int follow = n_m == 1 && n_n == 1 && out_n[0] == 1 "
                     "&&\n"
                     "    out_m[0] == all_columns && all_columns <= panel && "
                     "all_depth <= block_depth;\n");
    if (stores_far(p))
        einc_code(p, "const int past = direct && args->n[%d] != 0;\n",
                  NEST_TABLE_PAST);
}

void
einc_print_gett(const struct printer *p)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    print_store_tile(p);
    einc_put(t, "\n");
    if (w->table)
        print_table_functions(p);
    print_fetch_next(p);
    einc_line(t, "%svoid", p->linkage);
    einc_line(t, "%s(const struct %s *args, int64_t task_begin, "
                 "int64_t task_end)", p->prefix, p->args);
    einc_line(t, "{");
    t->indent += 4;
    if (w->table)
        print_table_arguments(p);
    else
        einc_print_arguments(p);
    print_totals(p);
    print_scratch(p);
    print_direct(p);
    einc_line(t, "for (int64_t task = task_begin; task < task_end; task++) {");
    t->indent += 4;
    print_batch(p);
    print_sides(p);
    print_tile_count(p);
    print_find_next(p);
    walk(p, w->root->child);
    t->indent -= 4;
    einc_line(t, "}");
    if (stores_far(p))
        einc_code(p, "if (past)\n    @_FENCE();\n");
    t->indent -= 4;
    einc_line(t, "}");
}

/* SPDX-License-Identifier: MIT
 *
 * print_pack.c - packing of a gett: a tile of lhs or a panel of rhs becomes
 * [depth][width], whatever the strides. What is contiguous decides how: rows
 * are copied, depth is transposed in registers, neighbours in other panels
 * are transposed into all of these at once; the rest is gathered.
 */
#include "codegen/family.h"
#include "codegen/print.h"

static int
is_vector(const struct printer *p)
{
    return p->nest->target->vector_bytes != 0;
}

static int
copies(const struct printer *p, const struct nest_tensor *x)
{
    return einc_gett_is_moved(p->nest, x->storage);
}

/* --- moving vectors ----------------------------------------------------- */

/* Both ends, each as one vector, cover what is between one and two. */
static void
print_ends(const struct printer *p, const char *type, int lanes)
{
    einc_code(p, " if (n >= %d) {\n"
                 "    *(@_%s *)to = *(const @_%s *)from;\n"
                 "    *(@_%s *)(to + n - %d) = *(const @_%s *)(from + n - "
                 "%d);\n"
                 "} else",
              lanes, type, type, type, lanes, type, lanes);
}

static void
print_vector_move(const struct printer *p)
{
    int lanes = p->nest->tile.lanes;
    int bytes = p->nest->target->vector_bytes;
    static const char *const names[] = {"half", "quarter"};
    for (int part = 0; part < 2 && lanes >> part > 2; part++)
        einc_code(p, "typedef $ @_%s\n"
                     "    __attribute__((vector_size(%d), may_alias, "
                     "aligned(sizeof($))));\n",
                  names[part], bytes >> part >> 1);
    einc_code(p, "\n/* to[0 .. n) = from[0 .. n), n > 0 */\n"
                 "static inline __attribute__((always_inline)) void\n"
                 "@_move($ *to, const $ *from, int64_t n)\n{\n");
    p->t->indent += 4;
    einc_code(p, "for (; n > %d; n -= %d, to += %d, from += %d)\n"
                 "    *(@_vector *)to = *(const @_vector *)from;\n",
              2 * lanes, lanes, lanes, lanes);
    einc_put(p->t, "   ");
    print_ends(p, "vector", lanes);
    for (int part = 0; part < 2 && lanes >> part > 2; part++)
        print_ends(p, names[part], lanes >> part >> 1);
    einc_put(p->t, "\n");
    einc_code(p, "    for (int64_t x = 0; x < n; x++)\n"
                 "        to[x] = from[x];\n");
    p->t->indent -= 4;
    einc_code(p, "}\n\n");
}

static void
print_scalar_move(const struct printer *p)
{
    einc_code(p, "/* to[0 .. n) = from[0 .. n) */\n"
                 "static void\n"
                 "@_move($ *to, const $ *from, int64_t n)\n"
                 "{\n"
                 "    for (int64_t x = 0; x < n; x++)\n"
                 "        to[x] = from[x];\n"
                 "}\n\n");
}

/* --- transposing in registers ------------------------------------------- */

/* Lanes of the lower or upper result of exchanging blocks of `size` between a
 * pair: numbers of the first's lanes, then of the second's. */
void
einc_print_exchanged(const struct printer *p, int lanes, int size, int upper)
{
    for (int l = 0; l < lanes; l++) {
        int odd = l / size % 2;
        int from = upper ? (odd ? lanes + l : l + size)
                         : (odd ? lanes + l - size : l);
        einc_put(p->t, "%s%d", l ? ", " : "", from);
    }
}

static void
print_exchange(const struct printer *p, int stage, int size, int i)
{
    for (int upper = 0; upper < 2; upper++) {
        einc_code(p, "const @_vector v%d_%d = @_SHUFFLE(v%d_%d, v%d_%d,\n"
                     "    ",
                  stage + 1, i + upper * size, stage, i, stage, i + size);
        einc_print_exchanged(p, p->nest->tile.lanes, size, upper);
        einc_put(p->t, ");\n");
    }
}

/* The masks of gcc's older builtin are vectors of integers of that size. */
void
einc_print_shuffle(const struct printer *p)
{
    int bytes = einc_nest_bytes(p->nest->compute);
    einc_code(p, "#if defined(__clang__)\n"
                 "#define @_SHUFFLE(a, b, ...) "
                 "__builtin_shufflevector(a, b, __VA_ARGS__)\n"
                 "#else\n"
                 "typedef int%d_t @_lanes __attribute__((vector_size(%d)));\n"
                 "#define @_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, "
                 "(@_lanes){__VA_ARGS__})\n"
                 "#endif\n\n",
              8 * bytes, p->nest->target->vector_bytes);
}

static void
print_turn(const struct printer *p)
{
    int lanes = p->nest->tile.lanes, stage = 0;
    einc_code(p, "/* to[step*(i/2) + odd*(i%%2) + r] = from[row[r] + i] for i, "
                 "r < LANES */\n"
                 "static void\n"
                 "@_turn(const $ *from, const int64_t *row, $ *to, int64_t "
                 "step, int64_t odd)\n"
                 "{\n");
    p->t->indent += 4;
    for (int r = 0; r < lanes; r++)
        einc_code(p, "const @_vector v0_%d = *(const @_vector *)(from + "
                     "row[%d]);\n", r, r);
    for (int size = 1; size < lanes; size *= 2, stage++)
        for (int i = 0; i < lanes; i++)
            if (i / size % 2 == 0)
                print_exchange(p, stage, size, i);
    for (int i = 0; i < lanes; i++)
        einc_code(p, "*(@_vector *)(to + %d*step%s) = v%d_%d;\n", i / 2,
                  i % 2 ? " + odd" : "", stage, i);
    p->t->indent -= 4;
    einc_code(p, "}\n\n");
}

/* Every second element: the second vector begins an element early, so that
 * nothing behind the last one is read. */
static void
print_thin(const struct printer *p)
{
    int lanes = p->nest->tile.lanes;
    einc_code(p, "/* to[0 .. LANES) = every second one of from */\n"
                 "static inline __attribute__((always_inline)) void\n"
                 "@_thin($ *to, const $ *from)\n"
                 "{\n");
    p->t->indent += 4;
    einc_code(p, "const @_vector v0 = *(const @_vector *)from;\n"
                 "const @_vector v1 = *(const @_vector *)(from + @_LANES - "
                 "1);\n"
                 "*(@_vector *)to = @_SHUFFLE(v0, v1,\n"
                 "    ");
    for (int l = 0; l < lanes; l++)
        einc_put(p->t, "%s%d", l ? ", " : "",
                 l < lanes / 2 ? 2 * l : 2 * l + 1);
    einc_put(p->t, ");\n");
    p->t->indent -= 4;
    einc_code(p, "}\n\n");
}

static void
print_add(const struct printer *p)
{
    einc_code(p, "/* to[0 .. n) += from[0 .. n) */\n"
                 "static void\n"
                 "@_add($ *to, const $ *from, int64_t n)\n"
                 "{\n"
                 "    int64_t x = 0;\n");
    if (is_vector(p))
        einc_code(p, "    for (; x + @_LANES <= n; x += @_LANES)\n"
                     "        *(@_vector *)(to + x) += *(const @_vector "
                     "*)(from + x);\n");
    einc_code(p, "    for (; x < n; x++)\n"
                 "        to[x] += from[x];\n"
                 "}\n\n");
}

/* to = a half of each of two vectors. */
static void
print_halves(const struct printer *p, const char *to, const char *a,
             int upper_a, const char *b, int upper_b)
{
    int lanes = p->nest->tile.lanes;
    einc_code(p, "@_PAST((@_bits *)(void *)(%s),\n"
                 "    (@_bits)@_SHUFFLE(%s, %s", to, a, b);
    for (int l = 0; l < lanes; l++) {
        int half = lanes / 2, first = l < half;
        einc_put(p->t, ", %d", first ? l + upper_a * half
                                     : lanes + l - half + upper_b * half);
    }
    einc_put(p->t, "));\n");
}

/* A wide tile of two runs, each a vector and a half. */
static void
print_far_pairs(const struct printer *p)
{
    if (!einc_gett_has_wide(p->nest))
        return;
    einc_code(p, "/* to[row] = the first half of each row of a wide tile, and "
                 "other[row] = the\n"
                 " * second one. Two rows are three whole vectors. */\n"
                 "static void\n"
                 "@_far_pairs($ *to, $ *other, const int64_t *row, int64_t "
                 "rows,\n"
                 "    const $ *part)\n"
                 "{\n"
                 "    for (int64_t r = 0; r < rows; r += 2, part += 2*@_WIDE) "
                 "{\n"
                 "        $ *const a = to + row[r], *const b = other + "
                 "row[r];\n");
    p->t->indent += 8;
    for (int v = 0; v < 6; v++)
        einc_code(p, "const @_vector v%d = *(const @_vector *)(part + "
                     "%d*@_LANES);\n", v, v);
    einc_code(p, "@_PAST((@_bits *)(void *)a, (@_bits)v0);\n");
    print_halves(p, "a + @_LANES", "v1", 0, "v3", 0);
    print_halves(p, "a + 2*@_LANES", "v3", 1, "v4", 0);
    print_halves(p, "b", "v1", 1, "v2", 0);
    print_halves(p, "b + @_LANES", "v2", 1, "v4", 1);
    einc_code(p, "@_PAST((@_bits *)(void *)(b + 2*@_LANES), (@_bits)v5);\n");
    p->t->indent -= 8;
    einc_code(p, "    }\n"
                 "}\n\n");
}

/* Lines of a result that no cache holds. */
static void
print_past(const struct printer *p)
{
    int bytes = p->nest->target->vector_bytes;
    const char *const name = bytes == 64   ? "512"
                             : bytes == 32 ? "256"
                                           : "";
    einc_code(p, "/* A vector to memory, past the caches. */\n"
                 "typedef long long @_bits\n"
                 "    __attribute__((vector_size(%d), may_alias));\n"
                 "#if defined(__clang__)\n"
                 "#define @_PAST(to, v) __builtin_nontemporal_store(v, to)\n"
                 "#define @_FENCE() __atomic_thread_fence(5)\n"
                 "#elif defined(__SSE2__)\n"
                 "#define @_PAST(to, v) __builtin_ia32_movntdq%s(to, v)\n"
                 "#define @_FENCE() __builtin_ia32_sfence()\n"
                 "#else\n"
                 "#define @_PAST(to, v) (*(to) = (v))\n"
                 "#define @_FENCE() ((void)0)\n"
                 "#endif\n\n", bytes, name);
    einc_code(p, "/* to[row] = the first vectors of each row of a tile: whole "
                 "lines */\n"
                 "static void\n"
                 "@_far($ *to, const int64_t *row, int64_t rows, int64_t "
                 "vectors,\n"
                 "    const $ *part, int64_t width)\n"
                 "{\n"
                 "    for (int64_t r = 0; r < rows; r++)\n"
                 "        for (int64_t v = 0; v < vectors; v++)\n"
                 "            @_PAST((@_bits *)(void *)(to + row[r] + "
                 "@_LANES*v),\n"
                 "                (@_bits)*(const @_vector *)(part + width*r + "
                 "@_LANES*v));\n"
                 "}\n\n");
    einc_code(p, "/* Whether rows of `out` begin where lines do; whether two "
                 "and two follow each\n"
                 " * other at half the distance of a wide tile, and begin "
                 "there */\n"
                 "static int\n"
                 "@_ends_lines(const void *out, const int64_t *row, int64_t "
                 "rows)\n"
                 "{\n"
                 "    uintptr_t bits = (uintptr_t)out;\n"
                 "    for (int64_t r = 0; r < rows; r++)\n"
                 "        bits |= (uintptr_t)row[r]*sizeof($);\n"
                 "    return !(bits & 63);\n"
                 "}\n\n"
                 "static int\n"
                 "@_pairs(const void *out, const int64_t *row, int64_t rows)\n"
                 "{\n"
                 "    uintptr_t bits = (uintptr_t)out;\n"
                 "    int64_t apart = 0;\n"
                 "    for (int64_t r = 0; r + 1 < rows; r += 2) {\n"
                 "        bits |= (uintptr_t)row[r]*sizeof($);\n"
                 "        apart |= (row[r + 1] - row[r]) ^ @_WIDE/2;\n"
                 "    }\n"
                 "    return !(bits & 63) && !apart && 3*@_LANES*sizeof($) %% "
                 "64 == 0;\n"
                 "}\n\n");
    einc_code(p, "/* Whether rows follow each other at distance n */\n"
                 "static int\n"
                 "@_joined(const int64_t *row, int64_t rows, int64_t n)\n"
                 "{\n"
                 "    int64_t apart = 0;\n"
                 "    for (int64_t r = 1; r < rows; r++)\n"
                 "        apart |= (row[r] - row[r - 1]) ^ n;\n"
                 "    return apart == 0;\n"
                 "}\n\n");
    print_far_pairs(p);
}

static void
print_runs(const struct printer *p)
{
    einc_code(p, "/* run[x]: how many offsets from at[x] on are consecutive; "
                 "`even`: all are at\n"
                 " * one distance */\n"
                 "static void\n"
                 "@_runs(const int64_t *at, int64_t n, int even, int64_t "
                 "*run)\n"
                 "{\n"
                 "    int64_t length = 1;\n"
                 "    const int64_t all = n > 1 && at[1] - at[0] == 1 ? n : "
                 "0;\n"
                 "    for (int64_t x = 0; even && x < n; x++)\n"
                 "        run[x] = all ? all - x : 1;\n"
                 "    for (int64_t x = n - 1; !even && x >= 0; x--) {\n"
                 "        length = x + 1 < n && at[x + 1] - at[x] == 1 ? "
                 "length + 1 : 1;\n"
                 "        run[x] = length;\n"
                 "    }\n"
                 "}\n");
    if (!einc_gett_moves(p->nest, MOVES_RHS) && !p->in_place)
        return;
    einc_code(p, "\n/* The common distance of offsets; 0: none */\n"
                 "static int64_t\n"
                 "@_distance(const int64_t *at, int64_t n, int even)\n"
                 "{\n"
                 "    for (int64_t x = 2; !even && x < n; x++)\n"
                 "        if (at[x] - at[x - 1] != at[1] - at[0])\n"
                 "            return 0;\n"
                 "    return n > 1 ? at[1] - at[0] : @_NR;\n"
                 "}\n");
}

/* As is_spread() of nest_gett.c has it. */
static void
print_apart(const struct printer *p)
{
    einc_code(p, "\n/* The common distance of n rows if they can be read "
                 "where they are: they are\n"
                 " * not so many in the same sets of a cache; else 0 */\n"
                 "static int64_t\n"
                 "@_apart(const int64_t *row, int64_t n, int even)\n"
                 "{\n"
                 "    const int64_t apart = @_distance(row, n, even);\n"
                 "    const int64_t bytes = apart*(int64_t)sizeof($);\n"
                 "    const int64_t far = bytes < 0 ? -bytes : bytes;\n"
                 "    const int64_t off = (far + 64) %% 4096;\n"
                 "    return n > 8 && far > 64 && off < 128 ? 0 : apart;\n"
                 "}\n");
}

static void
print_fetch(const struct printer *p)
{
    einc_code(p, "\n/* Calls for a part of so many rows, to a second cache "
                 "*/\n"
                 "static void\n"
                 "@_fetch(const $ *from, const int64_t *row, int64_t rows, "
                 "const int64_t *deep,\n"
                 "    int64_t depth, int64_t part, int64_t parts)\n"
                 "{\n"
                 "    const int64_t line = 64/(int64_t)sizeof($);\n"
                 "    const int64_t lines = (depth + line - 1)/line;\n"
                 "    const int64_t first = rows*lines*part/parts;\n"
                 "    int64_t r = first/lines, d = first%%lines*line;\n"
                 "    for (int64_t n = rows*lines*(part + 1)/parts - first; n "
                 "> 0; n--) {\n"
                 "        __builtin_prefetch(from + row[r] + deep[d], 0, "
                 "2);\n"
                 "        d += line;\n"
                 "        r += d >= depth;\n"
                 "        d = d < depth ? d : 0;\n"
                 "    }\n"
                 "}\n");
}

static void
print_weigh_real(const struct printer *p)
{
    const char *by = einc_print_mul(p);
    int lanes = p->nest->tile.lanes;
    einc_code(p, "/* to[depth][width] *= by, of the same shape */\n"
                 "static void\n"
                 "@_weigh(const $ *by, int64_t depth, int64_t width, $ *to)\n"
                 "{\n");
    p->t->indent += 4;
    einc_code(p, "const int64_t n = depth*width;\n");
    if (is_vector(p))
        einc_code(p, "const int64_t whole = n/%d*%d;\n"
                     "for (int64_t x = 0; x < whole; x += %d)\n"
                     "    *(@_vector *)(to + x) %s= *(const @_vector *)(by + "
                     "x);\n", lanes, lanes, lanes, by);
    einc_code(p, "for (int64_t x = %s; x < n; x++)\n"
                 "    to[x] %s= by[x];\n", is_vector(p) ? "whole" : "0", by);
    p->t->indent -= 4;
    einc_code(p, "}\n\n");
}

/* Products of real and imaginary halves, `lanes` at a time. */
static void
print_weigh_products(const struct printer *p, const char *type)
{
    einc_code(p, "const %s re = *(const %s *)(to + x), im = *(const %s *)(to + "
                 "width + x);\n"
                 "const %s by_re = *(const %s *)(by + x);\n"
                 "const %s by_im = *(const %s *)(by + width + x);\n"
                 "*(%s *)(to + x) = re*by_re - im*by_im;\n"
                 "*(%s *)(to + width + x) = re*by_im + im*by_re;\n",
              type, type, type, type, type, type, type, type, type);
}

static void
print_weigh_complex(const struct printer *p)
{
    enum { SHORT_BYTES = 16 }; /* tiles are no multiples of longer ones */
    int lanes = SHORT_BYTES / einc_nest_bytes(p->nest->compute);
    struct text type = {.perm = p->t->perm};
    if (is_vector(p))
        einc_code(p, "typedef $ @_short\n"
                     "    __attribute__((vector_size(%d), may_alias, "
                     "aligned(sizeof($))));\n\n", SHORT_BYTES);
    einc_put(&type, "%s_short", p->shared);
    einc_code(p, "/* to[depth][2][width] *= by, of the same shape, as complex "
                 "numbers */\n"
                 "static void\n"
                 "@_weigh(const $ *by, int64_t depth, int64_t width, $ *to)\n"
                 "{\n"
                 "    for (int64_t d = 0; d < depth; d++, by += 2*width, to += "
                 "2*width) {\n");
    p->t->indent += 8;
    if (is_vector(p)) {
        einc_code(p, "const int64_t whole = width/%d*%d;\n"
                     "for (int64_t x = 0; x < whole; x += %d) {\n",
                  lanes, lanes, lanes);
        p->t->indent += 4;
        print_weigh_products(p, einc_text_z(&type));
        p->t->indent -= 4;
        einc_code(p, "}\n");
    }
    einc_code(p, "for (int64_t x = %s; x < width; x++) {\n",
              is_vector(p) ? "whole" : "0");
    p->t->indent += 4;
    print_weigh_products(p, p->type);
    p->t->indent -= 4;
    einc_code(p, "}\n");
    p->t->indent -= 8;
    einc_code(p, "    }\n"
                 "}\n\n");
}

static void
print_weigh(const struct printer *p)
{
    if (p->planes == 2)
        print_weigh_complex(p);
    else
        print_weigh_real(p);
}

void
einc_print_moves(const struct printer *p)
{
    if (einc_gett_moves(p->nest, HAS_WEIGHT))
        print_weigh(p);
    int in = einc_gett_moves(p->nest, MOVES_IN);
    int out = einc_gett_moves(p->nest, MOVES_OUT);
    if (is_vector(p) && (in || out))
        print_vector_move(p);
    else if (in || out)
        print_scalar_move(p);
    if (is_vector(p) && (in || out))
        einc_print_shuffle(p);
    if (is_vector(p) && in)
        print_turn(p);
    if (is_vector(p) && in)
        print_thin(p);
    if (out)
        print_add(p);
    if (out && einc_gett_has_past(p->nest))
        print_past(p);
    print_runs(p);
    if (p->in_place)
        print_apart(p);
    if (einc_gett_moves(p->nest, FETCHES))
        print_fetch(p);
}

/* Columns of a packed panel. */
static const char *
width_name(const struct printer *p)
{
    return einc_gett_has_wide(p->nest) ? "width" : "@_NR";
}

/* --- one panel ---------------------------------------------------------- */

static void
print_element(const struct printer *p, const struct nest_tensor *x)
{
    for (int plane = 0; plane < p->planes; plane++) {
        einc_put(p->t, "%*sto[%swidth*d + %sr] = ", p->t->indent, "",
                 p->planes == 2 ? "2*" : "", plane ? "width + " : "");
        einc_print_load(p, x->storage, plane, "from", "row[r] + deep[d]");
        einc_put(p->t, ";\n");
    }
}

static void
print_gather(const struct printer *p, const struct nest_tensor *x)
{
    struct text *t = p->t;
    int complex = einc_dtype_info(x->storage)->kind == KIND_COMPLEX;
    einc_code(p, "if (run[0] >= live) {\n"
                 "    for (int64_t d = 0; d < depth; d++)\n"
                 "        for (int64_t r = 0; r < live; r++) {\n");
    t->indent += 12;
    print_element(p, x);
    t->indent -= 12;
    einc_code(p, "        }\n"
                 "    return;\n"
                 "}\n"
                 "for (int64_t r = 0; r < live; r++) {\n"
                 "    const int64_t next = row[r + 1 < live ? r + 1 : r];\n"
                 "    for (int64_t d = 0; d < depth; d++) {\n"
                 "        @_PREFETCH(from + %s(next + deep[d]));\n",
              complex ? "2*" : "");
    t->indent += 8;
    print_element(p, x);
    t->indent -= 8;
    einc_code(p, "    }\n"
                 "}\n");
}

/* Rows that lie one after another. */
static void
print_copy(const struct printer *p, int side)
{
    einc_code(p, "if (run[0] >= live) {\n"
                 "    for (int64_t d = 0; d < depth; d++) {\n"
                 "        const int64_t ahead = deep[d + 8 < depth ? d + 8 : "
                 "d];\n"
                 "        @_PREFETCH(from + row[0] + ahead);\n"
                 "        @_PREFETCH(from + row[live - 1] + ahead);\n");
    if (side)
        einc_code(p, "        if (live == @_NR)\n"
                     "            @_move(to + %s*d, from + row[0] + deep[d], "
                     "@_NR);\n"
                     "        else\n"
                     "            @_move(to + %s*d, from + row[0] + deep[d], "
                     "live);\n", width_name(p), width_name(p));
    else
        einc_code(p, "        @_move(to + width*d, from + row[0] + deep[d], "
                     "live);\n");
    einc_code(p, "    }\n"
                 "    return;\n"
                 "}\n");
}

/* A depth that is contiguous: vectors of it are turned, LANES rows at a time.
 * A last vector of rows begins earlier, or holds some rows twice, whose place
 * the next step overwrites. */
static void
print_depth(const struct printer *p, int side)
{
    const char *width = side ? width_name(p) : "width";
    einc_code(p, "if (deep_run[0] >= @_LANES) {\n"
                 "    int64_t at[@_LANES], d = 0;\n"
                 "    for (int64_t r0 = 0; r0 < live; r0 += @_LANES) {\n"
                 "        const int64_t r1 = live - r0 < @_LANES && live >= "
                 "@_LANES\n"
                 "                               ? live - @_LANES : r0;\n"
                 "        for (int64_t r = 0; r < @_LANES; r++)\n"
                 "            at[r] = row[r1 + r < live ? r1 + r : live - "
                 "1];\n"
                 "        for (d = 0; d + @_LANES <= depth && deep_run[d] >= "
                 "@_LANES; d += @_LANES) {\n"
                 "            const $ *const block = from + deep[d];\n"
                 "            for (int64_t r = 0; r < @_LANES; r++)\n"
                 "                @_PREFETCH(block + at[r] + 4*@_LANES);\n"
                 "            @_turn(block, at, to + %s*d + r1, 2*%s, %s);\n"
                 "        }\n"
                 "    }\n"
                 "    for (; d < depth; d++)\n"
                 "        for (int64_t r = 0; r < live; r++)\n"
                 "            to[width*d + r] = from[row[r] + deep[d]];\n"
                 "    return;\n"
                 "}\n", width, width, width);
}

/* Rows in runs: pieces are copied. */
static void
print_pieces(const struct printer *p)
{
    einc_code(p, "if (run[0] >= 4) {\n"
                 "    for (int64_t d = 0; d < depth; d++)\n"
                 "        for (int64_t r = 0, n; r < live; r += n) {\n"
                 "            n = run[r] < live - r ? run[r] : live - r;\n"
                 "            @_move(to + width*d + r, from + row[r] + "
                 "deep[d], n);\n"
                 "        }\n"
                 "    return;\n"
                 "}\n");
}

/* Rows in runs of every second element: windows that move by two. A run is at
 * most two vectors, which may hold some rows both. */
static void
print_thinned(const struct printer *p)
{
    einc_code(p, "if (live > 1 && row[1] - row[0] == 2) {\n"
                 "    for (int64_t r = 0, n; r < live; r += n) {\n"
                 "        n = 1;\n"
                 "        while (r + n < live && n < 2*@_LANES && row[r + n] - "
                 "row[r + n - 1] == 2)\n"
                 "            n++;\n"
                 "        $ *const own = to + r;\n"
                 "        const $ *const run0 = from + row[r];\n"
                 "        for (int64_t d = 0; n >= @_LANES && d < depth; d++) "
                 "{\n"
                 "            @_thin(own + width*d, run0 + deep[d]);\n"
                 "            @_thin(own + width*d + n - @_LANES,\n"
                 "                run0 + deep[d] + 2*(n - @_LANES));\n"
                 "        }\n"
                 "        for (int64_t d = 0; n < @_LANES && d < depth; d++)\n"
                 "            for (int64_t x = 0; x < n; x++)\n"
                 "                own[width*d + x] = run0[deep[d] + 2*x];\n"
                 "    }\n"
                 "    return;\n"
                 "}\n");
}

/* Rows of a panel that are not there, so that no garbage is computed with. */
static void
print_missing(const struct printer *p)
{
    einc_code(p, "if (live < width)\n"
                 "    memset(to, 0, (size_t)(%sdepth*width)*sizeof *to);\n",
              p->planes == 2 ? "2*" : "");
}

void
einc_print_pack(const struct printer *p, int side)
{
    struct text *t = p->t;
    const struct nest_tensor *x = &p->nest->in[side];
    einc_code(p, "/* to[depth][width] = from[row + deep]; run: how many rows "
                 "from each on are\n"
                 " * contiguous, deep_run likewise; rows from `live` on are "
                 "0 */\n"
                 "static void\n"
                 "@_pack_%s_%s(const %s *from, const int64_t *row, const "
                 "int64_t *run,\n"
                 "    int64_t live, const int64_t *deep, const int64_t "
                 "*deep_run, int64_t depth,\n"
                 "    int64_t width, $ *to)\n{\n",
              x->name, einc_dtype_name(x->storage),
              copies(p, x) ? p->type : einc_print_storage(x->storage));
    t->indent += 4;
    print_missing(p);
    if (copies(p, x)) {
        print_copy(p, side);
        if (is_vector(p))
            print_depth(p, side);
        print_pieces(p);
        if (is_vector(p))
            print_thinned(p);
    }
    if (!copies(p, x) || !is_vector(p))
        einc_line(t, "(void)deep_run;");
    print_gather(p, x);
    t->indent -= 4;
    einc_code(p, "}\n");
}

/* --- neighbours --------------------------------------------------------- */

/* A plane of near positions that are `apart` in K, or in N and thus in as
 * many panels: contiguous in memory, and turned into place. A last square
 * begins earlier, where that of before ends, and writes some elements twice. */
static void
print_near_block(const struct printer *p, const char *from, const char *to)
{
    if (is_vector(p))
        einc_code(p, "if (near >= @_LANES && live >= @_LANES) {\n"
                     "    const int64_t r0 = r + @_LANES <= live ? r : live - "
                     "@_LANES;\n"
                     "    for (int64_t x = 0; x < @_LANES; x++)\n"
                     "        @_PREFETCH(from + row[r0 + x] + ahead);\n"
                     "    for (int64_t i = 0; i < near; i += @_LANES) {\n"
                     "        const int64_t i0 = i + @_LANES <= near ? i : near "
                     "- @_LANES;\n"
                     "        @_turn(from + %s + i0, row + r0,\n"
                     "            to + %s + r0 + i0/2*step + i0%%2*odd, step, "
                     "odd);\n"
                     "    }\n"
                     "    r += @_LANES;\n"
                     "    continue;\n"
                     "}\n", from, to);
    if (!is_vector(p))
        einc_line(p->t, "(void)ahead;");
    einc_code(p, "for (int64_t i = 0; i < near; i++)\n"
                 "    to[%s + r + i/2*step + i%%2*odd] = from[row[r] + %s + "
                 "i];\n"
                 "r++;\n", to, from);
}

void
einc_print_pack_near(const struct printer *p)
{
    struct text *t = p->t, at = {.perm = t->perm};
    const struct nest_tensor *x = &p->nest->in[1];
    if (!copies(p, x))
        return;
    einc_put(&at, "%s*d", width_name(p));
    const char *width = width_name(p);
    int wide = einc_gett_has_wide(p->nest);
    einc_code(p, "\n/* `near` panels%s of `live` columns each at once, where "
                 "column\n"
                 " * c + i*live follows c by i elements: returns whether it is "
                 "so */\n"
                 "static int\n"
                 "@_pack_near(const $ *from, const int64_t *row, int64_t "
                 "live, int64_t near,\n"
                 "    const int64_t *deep, int64_t depth%s, $ *to)\n"
                 "{\n",
              wide ? ", or halves of them," : "",
              wide ? ", int64_t width, int halves" : "");
    einc_code(p, "    const int64_t whole = %s*depth;\n"
                 "    const int64_t step = %s2*whole, odd = %swhole;\n"
                 "    const int64_t used = %slive;\n", width,
              wide ? "halves ? whole : " : "", wide ? "halves ? live : " : "",
              wide ? "halves ? 2*live : " : "");
    einc_code(p, ""
                 "    for (int64_t r = 0; r < live; r++)\n"
                 "        for (int64_t i = 1; i < near; i++)\n"
                 "            if (row[r + i*live] - row[r] != i)\n"
                 "                return 0;\n"
                 "    for (int64_t d = 0; d < near/2*step + near%%2*odd; d += "
                 "%s)\n"
                 "        for (int64_t r = used; r < %s; r++)\n"
                 "            to[d + r] = 0;\n"
                 "    for (int64_t d = 0; d < depth; d++) {\n"
                 "        const int64_t ahead = deep[d + 2 < depth ? d + 2 : "
                 "d];\n"
                 "        for (int64_t r = 0; r < live;) {\n", width, width);
    t->indent += 12;
    print_near_block(p, "deep[d]", einc_text_z(&at));
    t->indent -= 12;
    einc_code(p, "        }\n"
                 "    }\n"
                 "    return 1;\n"
                 "}\n\n");
    einc_code(p, "/* A panel where position d + i*apart of K follows d by i "
                 "elements: likewise */\n"
                 "static int\n"
                 "@_pack_deep(const $ *from, const int64_t *row, int64_t "
                 "live, int64_t near,\n"
                 "    int64_t apart, const int64_t *deep, int64_t depth%s, $ "
                 "*to)\n"
                 "{\n"
                 "    const int64_t odd = %s*apart, step = 2*odd;\n"
                 "    if (depth %% (near*apart))\n"
                 "        return 0;\n"
                 "    for (int64_t d = 0; d < depth; d++) {\n"
                 "        const int64_t i = d / apart %% near;\n"
                 "        if (deep[d] - deep[d - i*apart] != i)\n"
                 "            return 0;\n"
                 "    }\n"
                 "    for (int64_t r = live; r < %s; r++)\n"
                 "        for (int64_t d = 0; d < depth; d++)\n"
                 "            to[%s*d + r] = 0;\n"
                 "    for (int64_t d0 = 0; d0 < depth; d0 += near*apart)\n"
                 "        for (int64_t d = d0; d < d0 + apart; d++) {\n"
                 "            const int64_t ahead = deep[d + 2 < depth ? d + 2 "
                 ": d];\n"
                 "            for (int64_t r = 0; r < live;) {\n",
              wide ? ", int64_t width" : "", width, width, width);
    t->indent += 16;
    print_near_block(p, "deep[d]", einc_text_z(&at));
    t->indent -= 16;
    einc_code(p, "            }\n"
                 "        }\n"
                 "    return 1;\n"
                 "}\n");
}

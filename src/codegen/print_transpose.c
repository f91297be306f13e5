/* SPDX-License-Identifier: MIT
 *
 * print_transpose.c - the transpose family: blocks of one tensor to another.
 * A tile is a square of vectors that shuffles turn in registers; blocks of
 * tiles keep to few pages of memory; where the result is larger than the
 * caches, whole lines of it are written past them.
 */
#include "codegen/print.h"

#include <string.h>

enum {
    LINE = 64,        /* bytes of a cache line */
    GRANULE = 16,     /* bytes of a vector within which elements are shuffled;
                       * wider vectors move granules */
    PART_BYTES = 1024 /* of a row of out that is made before it is written */
};

/* --- names and numbers -------------------------------------------------- */

static enum einc_dtype
storage_of(const struct printer *p)
{
    return p->nest->in[0].storage;
}

static int
element_bytes(const struct printer *p)
{
    return einc_dtype_info(storage_of(p))->bytes;
}

static int
is_complex(enum einc_dtype d)
{
    return einc_dtype_info(d)->kind == KIND_COMPLEX;
}

static const char *
c_type(const struct printer *p)
{
    return einc_print_storage(storage_of(p));
}

static const char *
type_name(const struct printer *p)
{
    return einc_dtype_name(storage_of(p));
}

static int
vector_bytes(const struct printer *p)
{
    return p->nest->target->vector_bytes;
}

static int
is_target(const struct printer *p, const char *name)
{
    return str_equal(str_of(p->nest->target->name), str_of(name));
}

/* Elements of 1 and 2 bytes would take more rows than there are registers. */
static int
tile_bytes(const struct printer *p)
{
    return element_bytes(p) < 4 && vector_bytes(p) ? GRANULE
                                                   : vector_bytes(p);
}

/* "from + (offset)", in elements; those of complex numbers are pairs. */
static const char *
at(const struct printer *p, const char *pointer, enum einc_dtype d,
   const char *offset)
{
    struct text t = {.perm = p->t->perm};
    einc_put(&t, is_complex(d) ? "%s + 2*(%s)" : "%s + %s", pointer, offset);
    return einc_text_z(&t);
}

/* --- what a nest calls -------------------------------------------------- */

enum { TURNS = 1, MOVES = 2, RUNS = 4 };

static int
is_symbolic(const struct nest *w)
{
    for (int j = 0; j < w->n_idx; j++)
        if (w->idx[j].extent.arg >= 0)
            return 1;
    return 0;
}

/* Whether nothing but bits is moved, scaling by arguments aside. */
static int
is_plain(const struct nest *w)
{
    return einc_nest_moves_bits(w) && (w->table || w->factor.value == 1);
}

int
einc_print_transpose_moves(const struct nest *w)
{
    return w->family == FAMILY_TRANSPOSE && !w->table && is_plain(w);
}

static int
may_be_far(const struct nest *w)
{
    return w->table || is_symbolic(w) || einc_nest_is_far(w);
}

static int
needs_of(const struct nest *w)
{
    if (w->table)
        return TURNS | (is_plain(w) ? MOVES | RUNS : 0);
    if (w->transpose.run >= 0)
        return is_plain(w) ? RUNS : 0;
    return TURNS | (is_plain(w) && may_be_far(w) ? MOVES : 0);
}

/* --- lines past the caches ---------------------------------------------- */

/* One vector to where a multiple of its size is. clang has a builtin for all
 * sets, gcc one for each. */
static void
print_stream_macro(const struct printer *p)
{
    struct text *t = p->t;
    const char *x = p->shared;
    const char *builtin = is_target(p, "avx512") ? "movntdq512"
                          : is_target(p, "avx2") ? "movntdq256"
                                                 : "movntdq";
    einc_line(t, "typedef long long %s_line", x);
    einc_line(t, "    __attribute__((vector_size(%d), may_alias));",
              vector_bytes(p));
    einc_line(t, "typedef long long %s_bytes", x);
    einc_line(t, "    __attribute__((vector_size(%d), may_alias, "
                 "aligned(1)));", vector_bytes(p));
    einc_put(t, "#if defined(__clang__)\n");
    einc_line(t, "#define %s_STREAM(to, x) \\", x);
    einc_line(t, "    __builtin_nontemporal_store((%s_line)(x), \\", x);
    einc_line(t, "        (%s_line *)(void *)(to))", x);
    einc_put(t, "#elif defined(__SSE2__)\n");
    einc_line(t, "#define %s_STREAM(to, x) \\", x);
    einc_line(t, "    __builtin_ia32_%s((%s_line *)(void *)(to), \\", builtin,
              x);
    einc_line(t, "        (%s_line)(x))", x);
    einc_put(t, "#else\n");
    einc_line(t, "#define %s_STREAM(to, x) \\", x);
    einc_line(t, "    (*(%s_line *)(void *)(to) = (%s_line)(x))", x, x);
    einc_put(t, "#endif\n"
                "#if defined(__SSE2__)\n");
    einc_line(t, "#define %s_FENCE() __builtin_ia32_sfence()", x);
    einc_put(t, "#else\n");
    einc_line(t, "#define %s_FENCE() ((void)0)", x);
    einc_put(t, "#endif\n\n");
}

static void
print_far_lines(const struct printer *p)
{
    struct text *t = p->t;
    const char *x = p->shared;
    int step = vector_bytes(p);
    einc_line(t, "const int64_t head = (int64_t)((0 - (uintptr_t)to) %% %d);",
              LINE);
    einc_line(t, "if (far && bytes - head >= %d) {", LINE);
    einc_line(t, "    if (head)");
    einc_line(t, "        memcpy(to, from, (size_t)head);");
    einc_line(t, "    for (at = head; at + %d <= bytes; at += %d) {", LINE,
              LINE);
    for (int k = 0; k < LINE; k += step)
        einc_line(t, "        %s_STREAM(to + at + %d,\n            "
                     "*(const %s_bytes *)(const void *)(from + at + %d));",
                  x, k, x, k);
    einc_line(t, "    }");
    einc_line(t, "}");
}

static void
print_copy(const struct printer *p)
{
    struct text *t = p->t;
    if (vector_bytes(p))
        print_stream_macro(p);
    einc_line(t, "/* Bytes from place to place; `far`: whole lines go past the "
                 "caches. */");
    einc_line(t, "static void");
    einc_line(t, "%s_copy(char *to, const char *from, int64_t bytes, int far)",
              p->shared);
    einc_line(t, "{");
    t->indent += 4;
    einc_line(t, "int64_t at = 0;");
    if (vector_bytes(p))
        print_far_lines(p);
    else
        einc_line(t, "(void)far;");
    einc_line(t, "if (at < bytes)");
    einc_line(t, "    memcpy(to + at, from + at, (size_t)(bytes - at));");
    t->indent -= 4;
    einc_line(t, "}");
    einc_put(t, "\n");
}

/* --- a tile in registers ------------------------------------------------ */

/* A square of `side` elements in vectors of `bytes`. */
struct square {
    int bytes, side;
    int far;          /* its rows are lines, which may go past the caches */
    int fetch;        /* lines of a block to come are fetched */
    const char *type; /* name of the vector type */
};

static struct square
square_of(const struct printer *p, int bytes)
{
    struct square q = {.bytes = bytes, .side = bytes / element_bytes(p)};
    struct text t = {.perm = p->t->perm};
    einc_put(&t, "%s_%sx%d", p->shared, type_name(p), q.side);
    q.type = einc_text_z(&t);
    return q;
}

/* Of the vectors a and b, 0 .. n and n .. 2*n: their words in the order that
 * the shuffle `op` gives. LOW and HIGH interleave the halves of each granule;
 * EVEN and ODD are every other granule of a, then of b. */
enum shuffle { LOW, HIGH, EVEN, ODD };

static int
shuffled(enum shuffle op, int k, int n, int per_granule)
{
    int granule = k / per_granule, word = k % per_granule;
    if (op == LOW || op == HIGH)
        return granule * per_granule + word / 2 + word % 2 * n +
               (op == HIGH ? per_granule / 2 : 0);
    int granules = n / per_granule;
    int from = 2 * (granule % (granules / 2)) + (op == ODD);
    return from * per_granule + word + (granule < granules / 2 ? 0 : n);
}

static void
put_order(const struct printer *p, enum shuffle op, int n, int per_granule)
{
    for (int k = 0; k < n; k++)
        einc_put(p->t, "%s%d", k == 0 ? "" : k % 8 ? ", " : ", \\\n        ",
                 shuffled(op, k, n, per_granule));
}

static const char *const shuffle_names[] = {"low", "high", "even", "odd"};

static void
print_shuffle(const struct printer *p, const struct square *q,
              enum shuffle op, int clang)
{
    struct text *t = p->t;
    int word = element_bytes(p) < 8 ? element_bytes(p) : 8;
    einc_line(t, "#define %s_%s(a, b) \\", q->type, shuffle_names[op]);
    if (clang)
        einc_put(t, "    __builtin_shufflevector(a, b, \\\n        ");
    else
        einc_put(t, "    __builtin_shuffle(a, b, (%s){ \\\n        ",
                 q->type);
    put_order(p, op, q->bytes / word, GRANULE / word);
    einc_put(t, clang ? ")\n" : "})\n");
}

static void
print_square_type(const struct printer *p, const struct square *q)
{
    int bytes = element_bytes(p), word = bytes < 8 ? bytes : 8;
    einc_line(p->t, "typedef uint%d_t %s /* %d elements, as bits */", 8 * word,
              q->type, q->side);
    einc_line(p->t, "    __attribute__((vector_size(%d), may_alias, "
                    "aligned(%d)));", q->bytes, word);
    einc_line(p->t, "#define %s_at(p) (*(%s *)(uintptr_t)(p))", q->type,
              q->type);
    for (int clang = 1; clang >= 0; clang--) {
        einc_put(p->t, clang ? "#if defined(__clang__)\n" : "#else\n");
        for (int op = LOW; op <= ODD; op++)
            if (op <= HIGH ? bytes < GRANULE : q->bytes > GRANULE)
                print_shuffle(p, q, (enum shuffle)op, clang);
    }
    einc_put(p->t, "#endif\n\n");
}

/* "const T b0 = T_low(a0, a8), b1 = T_high(a0, a8);" */
static void
print_pair(const struct printer *p, const struct square *q, enum shuffle op,
           int stage, int to_0, int to_1, int from_0, int from_1)
{
    char x = (char)('a' + stage), y = (char)(x + 1);
    int to[2] = {to_0, to_1};
    for (int k = 0; k < 2; k++)
        einc_line(p->t, "const %s %c%d = %s_%s(%c%d, %c%d);", q->type, y,
                  to[k], q->type, shuffle_names[(int)op + k], x,
                  from_0, x, from_1);
}

/* Within groups of as many rows as a granule has elements: vectors half a
 * group apart are interleaved, log2 times. Then vector j of group g holds, in
 * granule l, column l*per + j of the rows of that group. */
static int
print_interleaves(const struct printer *p, const struct square *q)
{
    int per = GRANULE / element_bytes(p), stage = 0;
    for (int done = 1; done < per; done *= 2, stage++)
        for (int g = 0; g < q->side; g += per)
            for (int k = 0; k < per / 2; k++)
                print_pair(p, q, LOW, stage, g + 2 * k, g + 2 * k + 1, g + k,
                           g + k + per / 2);
    return stage;
}

/* Vectors j of all groups are a square of granules: pairs part into even and
 * odd granules, log2 times, and vector l*per + j is column l*per + j. */
static int
print_granules(const struct printer *p, const struct square *q, int stage)
{
    int per = GRANULE / element_bytes(p), groups = q->side / per;
    for (int done = 1; done < groups; done *= 2, stage++)
        for (int k = 0; k < groups / 2; k++)
            for (int j = 0; j < per; j++)
                print_pair(p, q, EVEN, stage, k * per + j,
                           (k + groups / 2) * per + j, 2 * k * per + j,
                           (2 * k + 1) * per + j);
    return stage;
}

static const char *
row_at(const struct printer *p, const char *pointer, int row)
{
    struct text t = {.perm = p->t->perm};
    int times = is_complex(storage_of(p)) ? 2 * row : row;
    if (row == 0)
        return pointer;
    if (times == 1)
        einc_put(&t, "%s + %s_row", pointer, pointer);
    else
        einc_put(&t, "%s + %d*%s_row", pointer, times, pointer);
    return einc_text_z(&t);
}

static void
print_results(const struct printer *p, const struct square *q, int stage,
              int far)
{
    for (int k = 0; k < q->side; k++)
        if (far)
            einc_line(p->t, "%s_STREAM(%s, %c%d);", p->shared,
                      row_at(p, "to", k), 'a' + stage, k);
        else
            einc_line(p->t, "%s_at(%s) = %c%d;", q->type, row_at(p, "to", k),
                      'a' + stage, k);
}

static void
print_tile(const struct printer *p, const struct square *q)
{
    struct text *t = p->t;
    einc_line(t, "/* to[c][r] = from[r][c], %dx%d */", q->side, q->side);
    einc_line(t, "static void");
    einc_line(t, "%s_tile(const %s *from, int64_t from_row,\n    %s *to, "
                 "int64_t to_row%s)", q->type, c_type(p), c_type(p),
              q->far ? ", int far" : "");
    einc_line(t, "{");
    t->indent += 4;
    for (int r = 0; r < q->side; r++)
        einc_line(t, "const %s a%d = %s_at(%s);", q->type, r, q->type,
                  row_at(p, "from", r));
    int stage = print_granules(p, q, print_interleaves(p, q));
    if (q->far) {
        einc_line(t, "if (far) {");
        t->indent += 4;
        print_results(p, q, stage, 1);
        t->indent -= 4;
        einc_line(t, "    return;");
        einc_line(t, "}");
    }
    print_results(p, q, stage, 0);
    t->indent -= 4;
    einc_line(t, "}");
    einc_put(t, "\n");
}

/* --- blocks ------------------------------------------------------------- */

/* The lines of the same tile of a block to come. */
static void
print_fetch(const struct printer *p, const struct square *q)
{
    struct text *t = p->t;
    int bytes = element_bytes(p), line = LINE / bytes;
    if (!q->fetch)
        return;
    if (q->side < line)
        einc_line(t, "        if (ahead && x %% %d == 0)", line);
    else
        einc_line(t, "        if (ahead)");
    einc_line(t, "            for (int64_t k = 0; k < %d; k++)", q->side);
    einc_line(t, "                __builtin_prefetch((const void *)"
                 "((uintptr_t)from");
    einc_line(t, "                    + (uintptr_t)(%d*(ahead + x + "
                 "from_row*(y + k)))),", bytes);
    einc_line(t, "                    0, 2);");
}

/* The last tiles of a block that is no multiple of them overlap others. */
static void
print_tiles(const struct printer *p, const struct square *q)
{
    struct text *t = p->t;
    enum einc_dtype d = storage_of(p);
    int n = q->side;
    einc_line(t, "if (n_across >= %d && n_along >= %d) {", n, n);
    t->indent += 4;
    einc_line(t, "for (int64_t c = 0; c < n_across; c += %d) {", n);
    einc_line(t, "    const int64_t x = c + %d <= n_across ? c : n_across - "
                 "%d;", n, n);
    einc_line(t, "    for (int64_t r = 0; r < n_along; r += %d) {", n);
    einc_line(t, "        const int64_t y = r + %d <= n_along ? r : n_along - "
                 "%d;", n, n);
    print_fetch(p, q);
    einc_line(t, "        %s_tile(%s, from_row,", q->type,
              at(p, "from", d, "from_row*y + x"));
    einc_line(t, "            %s, to_row%s);", at(p, "to", d, "to_row*x + y"),
              q->far ? ", far && y == r" : "");
    einc_line(t, "    }");
    einc_line(t, "}");
    einc_line(t, "return;");
    t->indent -= 4;
    einc_line(t, "}");
}

/* One by one, the longer side in the inner loop. */
static void
print_elements(const struct printer *p)
{
    static const char *const loops[2][2] = {
        {"for (int64_t c = 0; c < n_across; c++)",
         "for (int64_t r = 0; r < n_along; r++)"},
        {"for (int64_t r = 0; r < n_along; r++)",
         "for (int64_t c = 0; c < n_across; c++)"}};
    struct text *t = p->t;
    int two = is_complex(storage_of(p));
    for (int order = 0; order < 2; order++) {
        einc_line(t, order ? "else" : "if (n_across <= n_along)");
        einc_line(t, "    %s", loops[order][0]);
        einc_line(t, "        %s%s", loops[order][1], two ? " {" : "");
        einc_line(t, two ? "            to[2*(to_row*c + r)] = "
                           "from[2*(from_row*r + c)];"
                         : "            to[to_row*c + r] = "
                           "from[from_row*r + c];");
        if (!two)
            continue;
        einc_line(t, "            to[2*(to_row*c + r) + 1] =");
        einc_line(t, "                from[2*(from_row*r + c) + 1];");
        einc_line(t, "        }");
    }
}

/* Sides of the tiles that a block is made of, widest first; returns their
 * number. */
static int
squares_of(const struct printer *p, struct square q[2])
{
    int n = 0;
    if (tile_bytes(p) > element_bytes(p))
        q[n++] = square_of(p, tile_bytes(p));
    if (tile_bytes(p) > GRANULE && GRANULE > element_bytes(p))
        q[n++] = square_of(p, GRANULE);
    return n;
}

static void
print_signature(const struct printer *p, const char *what)
{
    einc_line(p->t, "static void");
    einc_line(p->t, "%s_%s_%s(const %s *from, int64_t from_row, %s *to,",
              p->shared, what, type_name(p), c_type(p), c_type(p));
    einc_line(p->t, "    int64_t to_row, int64_t n_across, int64_t n_along, "
                    "int far,");
    einc_line(p->t, "    int64_t ahead)");
}

static void
print_turn(const struct printer *p, int needs)
{
    struct text *t = p->t;
    struct square q[2];
    int n = squares_of(p, q);
    if (n)
        q[0].far = (needs & MOVES) && q[0].bytes == LINE;
    for (int k = 0; k < n; k++)
        q[k].fetch = (needs & MOVES) != 0;
    for (int k = 0; k < n; k++)
        print_square_type(p, &q[k]);
    for (int k = 0; k < n; k++)
        print_tile(p, &q[k]);
    einc_line(t, "/* to[c][r] = from[r][c]; `far`: past the caches, rows of "
                 "`to` are lines;");
    einc_line(t, " * `ahead`: how far from here the next block begins, 0 for "
                 "none */");
    print_signature(p, "turn");
    einc_line(t, "{");
    t->indent += 4;
    for (int k = 0; k < n; k++)
        print_tiles(p, &q[k]);
    if (!n || !q[0].far)
        einc_line(t, "(void)far;");
    if (!n || !q[0].fetch)
        einc_line(t, "(void)ahead;");
    print_elements(p);
    t->indent -= 4;
    einc_line(t, "}");
    einc_put(t, "\n");
}

/* Rows and columns of a part of a block that is made in cache. Its rows lie
 * further apart than they are long, so that they share no set of the cache. */
struct part {
    int rows, columns, pitch, line;
};

static struct part
part_of(const struct printer *p)
{
    int bytes = element_bytes(p), line = LINE / bytes;
    struct part x = {.rows = bytes < 4 ? line : 2 * line,
                     .columns = (bytes == 1 ? PART_BYTES / 2 : PART_BYTES) /
                                bytes,
                     .line = line};
    x.pitch = x.columns + 2 * line;
    return x;
}

static void
open_parts(const struct printer *p)
{
    struct text *t = p->t;
    struct part x = part_of(p);
    int two = is_complex(storage_of(p)) ? 2 : 1;
    einc_line(t, "%s part[%d]%s;", c_type(p), two * x.rows * x.pitch,
              vector_bytes(p) ? " __attribute__((aligned(64)))" : "");
    einc_line(t, "for (int64_t c = 0; c < n_across; c += %d)", x.rows);
    einc_line(t, "    for (int64_t r = 0; r < n_along; r += %d) {", x.columns);
    t->indent += 8;
    einc_line(t, "const int64_t rows = n_across - c < %d ? n_across - c : %d;",
              x.rows, x.rows);
}

static void
fill_part(const struct printer *p, const char *columns, const char *ahead)
{
    struct text *t = p->t;
    einc_line(t, "%s_turn_%s(%s, from_row, part, %d,", p->shared,
              type_name(p), at(p, "from", storage_of(p), "from_row*r + c"),
              part_of(p).pitch);
    einc_line(t, "    rows, %s, 0, %s);", columns, ahead);
}

static void
close_parts(const struct printer *p)
{
    p->t->indent -= 4;
    einc_line(p->t, "}");
    p->t->indent -= 4;
}

/* Where row k of the part begins. */
static const char *
part_row(const struct printer *p)
{
    struct text t = {.perm = p->t->perm};
    einc_put(&t, "part + %d*k",
             part_of(p).pitch * (is_complex(storage_of(p)) ? 2 : 1));
    return einc_text_z(&t);
}

/* Rows of `to` that begin anywhere. Between parts they are cut where lines
 * begin, which is elsewhere in each row: a part is made a line longer than
 * it is written. */
static void
print_far_parts(const struct printer *p)
{
    struct text *t = p->t;
    struct part x = part_of(p);
    enum einc_dtype d = storage_of(p);
    int bytes = element_bytes(p);
    const char *two = is_complex(d) ? "2*" : "";
    open_parts(p);
    einc_line(t, "const int64_t left = n_along - r;");
    einc_line(t, "const int64_t made = left < %d ? left : %d;",
              x.columns + x.line, x.columns + x.line);
    fill_part(p, "made", "ahead");
    einc_line(t, "for (int64_t k = 0; k < rows; k++) {");
    t->indent += 4;
    einc_line(t, "%s *const row = %s;", c_type(p),
              at(p, "to", d, "to_row*(c + k) + r"));
    einc_line(t, "const int64_t cut = (int64_t)((0 - (uintptr_t)row) %% %d / "
                 "%d);", LINE, bytes);
    einc_line(t, "const int64_t first = r ? cut : 0;");
    einc_line(t, "const int64_t last = left > %d ? %d + cut : left;",
              x.columns + x.line, x.columns);
    einc_line(t, "%s_copy((char *)(row + %sfirst),", p->shared, two);
    einc_line(t, "    (const char *)(%s + %sfirst), %d*(last - first), 1);",
              part_row(p), two, bytes);
    t->indent -= 4;
    einc_line(t, "}");
    einc_line(t, "if (left <= %d)", x.columns + x.line);
    einc_line(t, "    break;");
    close_parts(p);
}

/* A block as it is. Rows that begin with lines are written from registers,
 * others are made in cache and written from there. */
static void
print_move(const struct printer *p)
{
    struct text *t = p->t;
    struct square q[2];
    int n = squares_of(p, q), bytes = element_bytes(p);
    int direct = n && q[0].bytes == LINE;
    einc_line(t, "/* The same for any rows: lines of `to` that are whole go "
                 "past the caches. */");
    print_signature(p, "move");
    einc_line(t, "{");
    t->indent += 4;
    if (!vector_bytes(p)) {
        einc_line(t, "%s_turn_%s(from, from_row, to, to_row,", p->shared,
                  type_name(p));
        einc_line(t, "    n_across, n_along, far, ahead);");
    } else {
        if (direct)
            einc_line(t, "const int whole = ((uintptr_t)to | "
                         "(uintptr_t)(to_row*%d)) %% %d == 0;", bytes, LINE);
        einc_line(t, "if (!far || n_along < %d%s) {", 2 * LINE / bytes,
                  direct ? " || whole" : "");
        einc_line(t, "    %s_turn_%s(from, from_row, to, to_row,", p->shared,
                  type_name(p));
        einc_line(t, "        n_across, n_along, %s, ahead);",
                  direct ? "far && whole" : "0");
        einc_line(t, "    return;");
        einc_line(t, "}");
        print_far_parts(p);
    }
    t->indent -= 4;
    einc_line(t, "}");
    einc_put(t, "\n");
}

/* Runs that both tensors have; those of less than a line as elements. */
static void
print_runs(const struct printer *p)
{
    struct text *t = p->t;
    enum einc_dtype d = storage_of(p);
    int bytes = element_bytes(p), two = is_complex(d) ? 2 : 1;
    einc_line(t, "/* to[c][r][..] = from[c][r][..], runs of n_run elements */");
    einc_line(t, "static void");
    einc_line(t, "%s_runs_%s(const %s *from, int64_t from_c, int64_t from_r, "
                 "%s *to,", p->shared, type_name(p), c_type(p), c_type(p));
    einc_line(t, "    int64_t to_c, int64_t to_r, int64_t n_across, "
                 "int64_t n_along,");
    einc_line(t, "    int64_t n_run, int far)");
    einc_line(t, "{");
    t->indent += 4;
    einc_line(t, "for (int64_t c = 0; c < n_across; c++)");
    einc_line(t, "    for (int64_t r = 0; r < n_along; r++) {");
    t->indent += 8;
    einc_line(t, "const %s *const a = %s;", c_type(p),
              at(p, "from", d, "from_c*c + from_r*r"));
    einc_line(t, "%s *const b = %s;", c_type(p),
              at(p, "to", d, "to_c*c + to_r*r"));
    einc_line(t, "if (n_run < %d)", LINE / bytes);
    einc_line(t, "    for (int64_t k = 0; k < %sn_run; k++)",
              two == 2 ? "2*" : "");
    einc_line(t, "        b[k] = a[k];");
    einc_line(t, "else");
    einc_line(t, "    %s_copy((char *)b, (const char *)a, %d*n_run, far);",
              p->shared, bytes);
    t->indent -= 8;
    einc_line(t, "    }");
    t->indent -= 4;
    einc_line(t, "}");
    einc_put(t, "\n");
}

/* The blocks of one type. */
static void
print_blocks(const struct printer *p, int needs)
{
    if (needs & TURNS)
        print_turn(p, needs);
    if (needs & MOVES)
        print_move(p);
    if (needs & RUNS)
        print_runs(p);
}

/* What the transposes among nests[first] .. that read the same type need. */
static int
joint_needs(const struct nest *const *nests, int n, enum einc_dtype d)
{
    int needs = 0;
    for (int k = 0; k < n; k++)
        if (nests[k]->family == FAMILY_TRANSPOSE &&
            nests[k]->in[0].storage == d)
            needs |= needs_of(nests[k]);
    return needs;
}

void
einc_print_transpose_shared(const struct printer *p,
                            const struct nest *const *nests, int n)
{
    uint32_t done = 0; /* types, as bits */
    int all = 0;
    for (int k = 0; k < n; k++)
        if (nests[k]->family == FAMILY_TRANSPOSE)
            all |= needs_of(nests[k]);
    if (all & RUNS || (all & MOVES && vector_bytes(p)))
        print_copy(p);
    for (int k = 0; k < n; k++) {
        struct printer q = *p;
        q.nest = nests[k];
        if (q.nest->family != FAMILY_TRANSPOSE || done >> storage_of(&q) & 1)
            continue;
        done |= 1u << storage_of(&q);
        print_blocks(&q, joint_needs(nests, n, storage_of(&q)));
    }
}

/* --- values ------------------------------------------------------------- */

/* One element: converted, scaled. */
static void
print_value(const struct printer *p)
{
    static const char *const names[2][2] = {{"sum", ""}, {"sum_re", "sum_im"}};
    struct text *t = p->t;
    for (int plane = 0; plane < p->planes; plane++) {
        einc_put(t, "%*sconst %s %s = ", t->indent, "", p->type,
                 names[p->planes - 1][plane]);
        einc_print_load(p, storage_of(p), plane, "from", "k");
        einc_put(t, ";\n");
    }
    einc_print_epilogue(p, names[p->planes - 1], "k");
}

/* The name of the arguments, where alpha and beta are among them. */
static const char *
args_parameter(const struct printer *p)
{
    struct text t = {.perm = p->t->perm};
    if (!p->with_scale)
        return "";
    einc_put(&t, "const struct %s *args, ", p->args);
    return einc_text_z(&t);
}

static const char *
args_name(const struct printer *p)
{
    return p->with_scale ? "args, " : "";
}

static void
print_finish(const struct printer *p)
{
    struct text *t = p->t;
    einc_line(t, "/* A run, converted and scaled. */");
    einc_line(t, "static void");
    einc_line(t, "%s_finish(%sconst %s *from,\n    %s *out, int64_t n_run)",
              p->prefix, args_parameter(p), c_type(p),
              einc_print_storage(p->nest->out.storage));
    einc_line(t, "{");
    t->indent += 4;
    einc_print_scale(p);
    einc_line(t, "for (int64_t k = 0; k < n_run; k++) {");
    t->indent += 4;
    print_value(p);
    t->indent -= 4;
    einc_line(t, "}");
    t->indent -= 4;
    einc_line(t, "}");
    einc_put(t, "\n");
}

/* A block whose rows are made in cache and finished from there. */
static void
print_make(const struct printer *p)
{
    struct text *t = p->t;
    enum einc_dtype out = p->nest->out.storage;
    einc_line(t, "/* out[c][r] = from[r][c], converted and scaled */");
    einc_line(t, "static void");
    einc_line(t, "%s_make(%sconst %s *from,\n    int64_t from_row, %s *out, "
                 "int64_t to_row, int64_t n_across, int64_t n_along)",
              p->prefix, args_parameter(p), c_type(p),
              einc_print_storage(out));
    einc_line(t, "{");
    t->indent += 4;
    open_parts(p);
    einc_line(t, "const int64_t columns = n_along - r < %d ? n_along - r : "
                 "%d;", part_of(p).columns, part_of(p).columns);
    fill_part(p, "columns", "0");
    einc_line(t, "for (int64_t k = 0; k < rows; k++)");
    einc_line(t, "    %s_finish(%s%s,", p->prefix, args_name(p), part_row(p));
    einc_line(t, "        %s, columns);",
              at(p, "out", out, "to_row*(c + k) + r"));
    close_parts(p);
    t->indent -= 4;
    einc_line(t, "}");
    einc_put(t, "\n");
}

/* --- a kernel whose structure is arguments ------------------------------ */

static const struct {
    const char *name;
    int slot;
} table_extents[] = {
    {"outer", TRANSPOSE_OUTER},
    {"n_across", TRANSPOSE_N_ACROSS},
    {"n_along", TRANSPOSE_N_ALONG},
    {"n_run", TRANSPOSE_N_RUN},
    {"block_across", TRANSPOSE_BLOCK_ACROSS},
    {"block_along", TRANSPOSE_BLOCK_ALONG},
    {"block_run", TRANSPOSE_BLOCK_RUN},
    {"blocks", TRANSPOSE_BLOCKS},
    {"per_task", TRANSPOSE_PER_TASK},
};

static void
print_table(const struct printer *p)
{
    static const char *const strides[] = {"at", "across", "along"};
    struct text *t = p->t;
    const struct nest *w = p->nest;
    for (size_t r = 0; r < sizeof table_extents / sizeof *table_extents; r++)
        einc_line(t, "const int64_t %s = args->n[%d];", table_extents[r].name,
                  table_extents[r].slot);
    einc_line(t, "const int turns = (int)args->n[%d];", TRANSPOSE_TURNS);
    if (einc_nest_moves_bits(w)) {
        einc_line(t, "const int far = (int)args->n[%d];", TRANSPOSE_FAR);
        einc_line(t, "const int plain = !args->alpha && !args->beta && "
                     "args->n[%d] == 1;", TRANSPOSE_FACTOR);
    }
    einc_line(t, "const int64_t *const extent = args->n + %d;",
              TRANSPOSE_EXTENTS);
    einc_line(t, "const int64_t *const in_step = args->s + %d;",
              TRANSPOSE_STRIDES);
    einc_line(t, "const int64_t *const out_step = in_step + outer;");
    for (int k = 1; k < 3; k++)
        einc_line(t, "const int64_t in_%s = args->s[%d], out_%s = "
                     "args->s[%d];", strides[k], 2 * k, strides[k], 2 * k + 1);
    for (int o = 0; o < 2; o++) {
        const char *type =
            einc_print_storage(o ? w->out.storage : w->in[0].storage);
        einc_line(t, "%s%s *const %s = (%s%s *)args->%s;", o ? "" : "const ",
                  type, o ? "out" : "in", o ? "" : "const ", type,
                  o ? "out" : "in[0]");
    }
}

/* Where the first block of the tasks is. */
static void
print_table_start(const struct printer *p)
{
    static const char *const digits[][2] = {
        {"c", "across"}, {"r", "along"}, {"k", "run"}};
    struct text *t = p->t;
    einc_line(t, "const int64_t last = task_end < blocks/per_task + 1");
    einc_line(t, "                         ? task_end*per_task");
    einc_line(t, "                         : blocks;");
    einc_line(t, "int64_t block = task_begin*per_task, rest = block;");
    for (int k = 0; k < 3; k++) {
        const char *x = digits[k][1];
        einc_line(t, "const int64_t %s_blocks = (n_%s + block_%s - 1) / "
                     "block_%s;", x, x, x, x);
        einc_line(t, "int64_t %s = rest %% %s_blocks * block_%s;",
                  digits[k][0], x, x);
        einc_line(t, "rest /= %s_blocks;", x);
    }
    einc_line(t, "int64_t value[%d], in_at = args->s[0], out_at = "
                 "args->s[1];", TRANSPOSE_MOST);
    einc_line(t, "for (int64_t x = outer - 1; x >= 0; x--) {");
    einc_line(t, "    value[x] = rest %% extent[x];");
    einc_line(t, "    rest /= extent[x];");
    einc_line(t, "    in_at += in_step[x]*value[x];");
    einc_line(t, "    out_at += out_step[x]*value[x];");
    einc_line(t, "}");
}

/* On to the next block; after the last one, to the first. */
static void
print_table_next(const struct printer *p)
{
    static const char *const digits[][2] = {
        {"c", "across"}, {"r", "along"}, {"k", "run"}};
    struct text *t = p->t;
    for (int k = 0; k < 3; k++) {
        const char *x = digits[k][1];
        einc_line(t, "%s += block_%s;", digits[k][0], x);
        einc_line(t, "if (%s >= n_%s) {", digits[k][0], x);
        t->indent += 4;
        einc_line(t, "%s = 0;", digits[k][0]);
    }
    einc_line(t, "for (int64_t x = outer - 1; x >= 0; x--) {");
    einc_line(t, "    in_at += in_step[x];");
    einc_line(t, "    out_at += out_step[x];");
    einc_line(t, "    if (++value[x] < extent[x])");
    einc_line(t, "        break;");
    einc_line(t, "    in_at -= in_step[x]*extent[x];");
    einc_line(t, "    out_at -= out_step[x]*extent[x];");
    einc_line(t, "    value[x] = 0;");
    einc_line(t, "}");
    for (int k = 0; k < 3; k++) {
        t->indent -= 4;
        einc_line(t, "}");
    }
}

static void
print_table_block(const struct printer *p)
{
    static const char *const digits[][2] = {
        {"c", "across"}, {"r", "along"}, {"k", "run"}};
    struct text *t = p->t;
    enum einc_dtype out = p->nest->out.storage;
    for (int k = 0; k < 3; k++) {
        const char *x = digits[k][1], *d = digits[k][0];
        einc_line(t, "const int64_t m_%s =", x);
        einc_line(t, "    n_%s - %s < block_%s ? n_%s - %s : block_%s;", x, d,
                  x, x, d, x);
    }
    einc_line(t, "const int64_t now = in_at + in_across*c + in_along*r + k;");
    einc_line(t, "const %s *const from = %s;", c_type(p),
              at(p, "in", storage_of(p), "now"));
    einc_line(t, "%s *const to = %s;", einc_print_storage(out),
              at(p, "out", out, "out_at + out_across*c + out_along*r + k"));
    print_table_next(p);
    if (einc_nest_moves_bits(p->nest)) {
        einc_line(t, "const int64_t then = in_at + in_across*c + in_along*r + "
                     "k;");
        einc_line(t, "if (plain && turns)");
        einc_line(t, "    %s_move_%s(from, in_along, to, out_across, "
                     "m_across, m_along, far,", p->shared, type_name(p));
        einc_line(t, "        far ? then - now : 0);");
        einc_line(t, "else if (plain)");
        einc_line(t, "    %s_runs_%s(from, in_across, in_along, to, "
                     "out_across, out_along,", p->shared, type_name(p));
        einc_line(t, "        m_across, m_along, m_run, far);");
        einc_put(t, "%*selse ", t->indent, "");
    } else {
        einc_put(t, "%*s", t->indent, "");
    }
    einc_put(t, "if (turns)\n");
    einc_line(t, "    %s_make(args, from, in_along, to, out_across, m_across, "
                 "m_along);", p->prefix);
    einc_line(t, "else");
    einc_line(t, "    for (int64_t x = 0; x < m_across*m_along; x++) {");
    einc_line(t, "        const int64_t y = x / m_along, z = x %% m_along;");
    einc_line(t, "        %s_finish(args, %s,", p->prefix,
              at(p, "from", storage_of(p), "in_across*y + in_along*z"));
    einc_line(t, "            %s, m_run);",
              at(p, "to", out, "out_across*y + out_along*z"));
    einc_line(t, "    }");
}

void
einc_print_transpose(const struct printer *p)
{
    struct text *t = p->t;
    print_finish(p);
    print_make(p);
    einc_line(t, "%svoid", p->linkage);
    einc_line(t, "%s(const struct %s *args, int64_t task_begin, "
                 "int64_t task_end)", p->prefix, p->args);
    einc_line(t, "{");
    t->indent += 4;
    print_table(p);
    print_table_start(p);
    einc_line(t, "for (; block < last; block++) {");
    t->indent += 4;
    print_table_block(p);
    t->indent -= 4;
    einc_line(t, "}");
    if (einc_nest_moves_bits(p->nest) && vector_bytes(p)) {
        einc_line(t, "if (far)");
        einc_line(t, "    %s_FENCE();", p->shared);
    }
    t->indent -= 4;
    einc_line(t, "}");
}

/* --- a kernel as loops -------------------------------------------------- */

/* A loop over an index, in steps. */
struct level {
    int j;
    int64_t step;
    const char *what;
};

/* The loops, outermost first; a block that is all of an index needs none. */
static int
levels_of(const struct nest *w, struct level *to)
{
    const struct transpose *x = &w->transpose;
    struct transpose_blocks b = einc_nest_transpose_blocks(w);
    const struct level blocks[] = {{x->along, b.along, "runs of out"},
                                   {x->across, b.across, "runs of in0"},
                                   {x->run, b.run, "runs of both"}};
    int list[TRANSPOSE_MOST], n = einc_nest_outer(w, list);
    for (int k = 0; k < n; k++)
        to[k] = (struct level){list[k], 1, "free"};
    for (int k = 0; k < 3; k++) {
        int j = blocks[k].j;
        if (j >= 0 && (w->idx[j].extent.arg >= 0 ||
                       w->idx[j].extent.value > blocks[k].step))
            to[n++] = blocks[k];
    }
    return n;
}

int
einc_print_transpose_parts(const struct printer *p, struct text *worth)
{
    enum { WORTH_THREADS = 100000 };
    const struct nest *w = p->nest;
    struct level levels[TRANSPOSE_MOST];
    struct text size = {.perm = p->t->perm};
    double literal = 1;
    for (int j = 0; j < w->n_idx; j++)
        if (w->idx[j].extent.arg >= 0)
            einc_put(&size, "*(double)n_%s", w->idx[j].name);
        else
            literal *= (double)w->idx[j].extent.value;
    if (!levels_of(w, levels) || (!size.n && literal < WORTH_THREADS))
        return 0;
    if (size.n)
        einc_put(worth, "%.0f.0%s >= %d", literal, einc_text_z(&size),
                 WORTH_THREADS);
    return 1;
}

void
einc_print_transpose_count(const struct printer *p)
{
    struct level x[TRANSPOSE_MOST];
    levels_of(p->nest, x);
    if (x->step == 1)
        einc_put(p->t, "%s", einc_print_n(p, x->j));
    else
        einc_put(p->t, "((%s + %lld)/%lld)", einc_print_n(p, x->j),
                 (long long)x->step - 1, (long long)x->step);
}

/* A stride, of the way that the index runs; "0" for no index. */
static const char *
stride_text(const struct printer *p, const struct nest_tensor *x, int j)
{
    struct text t = {.perm = p->t->perm};
    if (j < 0)
        return "0";
    int64_t step = x->stride[j].value;
    if (x->stride[j].arg >= 0)
        einc_put(&t, "%s_%s", x->name, p->nest->idx[j].name);
    else
        einc_put(&t, "%lld",
                 (long long)(einc_nest_backwards(p->nest, j) ? -step : step));
    return einc_text_z(&t);
}

/* Where the block begins: over the indices that have loops. */
static const char *
block_offset(const struct printer *p, const struct nest_tensor *x,
             const struct level *levels, int n)
{
    struct text t = {.perm = p->t->perm};
    int64_t start = einc_nest_start(p->nest, x);
    if (start)
        einc_put(&t, "%lld", (long long)start);
    for (int k = 0; k < n; k++) {
        const char *step = stride_text(p, x, levels[k].j);
        const char *name = p->nest->idx[levels[k].j].name;
        if (strcmp(step, "1") == 0)
            einc_put(&t, "%s%s", t.n ? " + " : "", name);
        else
            einc_put(&t, "%s%s*%s", t.n ? " + " : "", step, name);
    }
    return t.n ? einc_text_z(&t) : "0";
}

/* Opens a loop; of the outermost, a part. */
static void
open_level(const struct printer *p, const struct level *x, int part)
{
    struct text *t = p->t;
    const char *name = p->nest->idx[x->j].name, *n = einc_print_n(p, x->j);
    if (part && x->step == 1)
        einc_line(t, "for (int64_t %s = begin; %s < end; %s++) { /* %s */",
                  name, name, name, x->what);
    else if (part)
        einc_line(t, "for (int64_t block = begin; block < end; block++) {");
    else if (x->step == 1)
        einc_line(t, "for (int64_t %s = 0; %s < %s; %s++) { /* %s */", name,
                  name, n, name, x->what);
    else
        einc_line(t, "for (int64_t %s = 0; %s < %s; %s += %lld) { /* %s */",
                  name, name, n, name, (long long)x->step, x->what);
    t->indent += 4;
    if (part && x->step > 1)
        einc_line(t, "const int64_t %s = %lld*block;", name,
                  (long long)x->step);
}

/* How many of index j are in the block, as text; one that may be fewer than a
 * block is declared. */
static const char *
count_in(const struct printer *p, int j, const char *what,
         const struct level *levels, int n)
{
    const struct nest *w = p->nest;
    struct text t = {.perm = p->t->perm};
    if (j < 0)
        return "1";
    const char *all = einc_print_n(p, j), *name = w->idx[j].name;
    int k = 0;
    while (k < n && levels[k].j != j)
        k++;
    if (k == n)
        return all;
    long long step = (long long)levels[k].step;
    if (w->idx[j].extent.arg < 0 && w->idx[j].extent.value % step == 0) {
        einc_put(&t, "%lld", step);
        return einc_text_z(&t);
    }
    einc_line(p->t, "const int64_t n_%s = %s - %s < %lld ? %s - %s : %lld;",
              what, all, name, step, all, name, step);
    einc_put(&t, "n_%s", what);
    return einc_text_z(&t);
}

/* How far the next block lies ahead, in elements of in. */
static const char *
ahead_text(const struct printer *p, const struct level *last)
{
    struct text t = {.perm = p->t->perm};
    if (!last)
        return "0";
    const char *name = p->nest->idx[last->j].name;
    const char *step = stride_text(p, &p->nest->in[0], last->j);
    einc_put(&t, "%s + %lld < %s ? ", name, (long long)last->step,
             einc_print_n(p, last->j));
    if (last->step == 1)
        einc_put(&t, "%s : 0", step);
    else if (strcmp(step, "1") == 0)
        einc_put(&t, "%lld : 0", (long long)last->step);
    else
        einc_put(&t, "%s*%lld : 0", step, (long long)last->step);
    return einc_text_z(&t);
}

static const char *
far_text(const struct nest *w)
{
    return is_symbolic(w) ? "far" : einc_nest_is_far(w) ? "1" : "0";
}

static void
call_turn(const struct printer *p, const struct level *levels, int n,
          const char *n_across, const char *n_along)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    const struct transpose *x = &w->transpose;
    const char *from_row = stride_text(p, &w->in[0], x->along);
    const char *to_row = stride_text(p, &w->out, x->across);
    int moves = is_plain(w) && may_be_far(w);
    if (is_plain(w))
        einc_line(t, "%s_%s_%s(from, %s, to, %s,", p->shared,
                  moves ? "move" : "turn", type_name(p), from_row, to_row);
    else
        einc_line(t, "%s_make(from, %s, to, %s, %s, %s);", p->prefix, from_row,
                  to_row, n_across, n_along);
    if (is_plain(w))
        einc_line(t, "    %s, %s, %s, %s);", n_across, n_along, far_text(w),
                  moves ? ahead_text(p, n ? &levels[n - 1] : NULL) : "0");
}

static void
call_runs(const struct printer *p, const char *n_across, const char *n_along,
          const char *n_run)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    const struct transpose *x = &w->transpose;
    const char *step[2][2];
    for (int o = 0; o < 2; o++) {
        const struct nest_tensor *y = o ? &w->out : &w->in[0];
        step[o][0] = stride_text(p, y, x->across);
        step[o][1] = stride_text(p, y, x->along);
    }
    if (is_plain(w)) {
        einc_line(t, "%s_runs_%s(from, %s, %s, to, %s, %s,", p->shared,
                  type_name(p), step[0][0], step[0][1], step[1][0],
                  step[1][1]);
        einc_line(t, "    %s, %s, %s, %s);", n_across, n_along, n_run,
                  far_text(w));
        return;
    }
    struct text from = {.perm = t->perm}, to = {.perm = t->perm};
    einc_put(&from, "%s*across + %s*along", step[0][0], step[0][1]);
    einc_put(&to, "%s*across + %s*along", step[1][0], step[1][1]);
    einc_line(t, "for (int64_t across = 0; across < %s; across++)", n_across);
    einc_line(t, "    for (int64_t along = 0; along < %s; along++)", n_along);
    einc_line(t, "        %s_finish(%s,", p->prefix,
              at(p, "from", storage_of(p), einc_text_z(&from)));
    einc_line(t, "            %s, %s);",
              at(p, "to", w->out.storage, einc_text_z(&to)), n_run);
}

static void
print_far(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    einc_put(t, "%*sconst int far = %d.0", t->indent, "",
             einc_dtype_info(w->out.storage)->bytes);
    for (int j = 0; j < w->n_idx; j++)
        einc_put(t, "*(double)%s", einc_print_n(p, j));
    einc_put(t, " > %d;\n", NEST_FAR_BYTES);
}

static void
print_body(const struct printer *p, const struct level *levels, int n)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    const struct transpose *x = &w->transpose;
    const char *n_along = count_in(p, x->along, "along", levels, n);
    const char *n_across = count_in(p, x->across, "across", levels, n);
    const char *n_run = count_in(p, x->run, "run", levels, n);
    einc_line(t, "const %s *const from = %s;", c_type(p),
              at(p, w->in[0].name, storage_of(p),
                 block_offset(p, &w->in[0], levels, n)));
    einc_line(t, "%s *const to = %s;", einc_print_storage(w->out.storage),
              at(p, "out", w->out.storage,
                 block_offset(p, &w->out, levels, n)));
    if (x->run < 0)
        call_turn(p, levels, n, n_across, n_along);
    else
        call_runs(p, n_across, n_along, n_run);
}

void
einc_print_transpose_loops(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    struct level levels[TRANSPOSE_MOST];
    int n = levels_of(w, levels);
    int far = is_plain(w) && may_be_far(w), symbolic = is_symbolic(w);
    if (!is_plain(w))
        print_finish(p);
    if (!is_plain(w) && w->transpose.run < 0)
        print_make(p);
    einc_line(t, "%svoid", p->linkage);
    einc_put(t, "%s(", p->prefix);
    einc_print_parameters(p, 4);
    einc_put(t, ")\n{\n");
    t->indent += 4;
    if (far && symbolic)
        print_far(p);
    else if (p->in_parts && w->idx[levels[0].j].extent.arg >= 0)
        einc_line(t, "(void)n_%s;", w->idx[levels[0].j].name);
    for (int k = 0; k < n; k++)
        open_level(p, &levels[k], k == 0 && p->in_parts);
    print_body(p, levels, n);
    for (int k = 0; k < n; k++) {
        t->indent -= 4;
        einc_line(t, "}");
    }
    if (far && vector_bytes(p)) {
        if (symbolic)
            einc_line(t, "if (far)");
        einc_line(t, "%s%s_FENCE();", symbolic ? "    " : "", p->shared);
    }
    t->indent -= 4;
    einc_line(t, "}");
}

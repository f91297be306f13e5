/* SPDX-License-Identifier: MIT
 *
 * print_transpose.c - the transpose family: blocks of one tensor to another.
 * A tile is a square of vectors that shuffles turn in registers; blocks of
 * tiles keep to few pages of memory; where the result is larger than the
 * caches, whole lines of it are written past them.
 */
#include "codegen/print.h"

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
    einc_line(t, "    __builtin_nontemporal_store((%s_line)(x), (%s_line "
                 "*)(void *)(to))", x, x);
    einc_put(t, "#elif defined(__SSE2__)\n");
    einc_line(t, "#define %s_STREAM(to, x) \\", x);
    einc_line(t, "    __builtin_ia32_%s((%s_line *)(void *)(to), "
                 "(%s_line)(x))", builtin, x, x);
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
    einc_line(t, "    memcpy(to, from, (size_t)head);");
    einc_line(t, "    for (at = head; at + %d <= bytes; at += %d) {", LINE,
              LINE);
    for (int k = 0; k < LINE; k += step)
        einc_line(t, "        %s_STREAM(to + at + %d, *(const %s_bytes "
                     "*)(const void *)(from + at + %d));", x, k, x, k);
    einc_line(t, "    }");
    einc_line(t, "}");
}

void
einc_print_transpose_copy(const struct printer *p)
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
    einc_line(t, "memcpy(to + at, from + at, (size_t)(bytes - at));");
    t->indent -= 4;
    einc_line(t, "}");
    einc_put(t, "\n");
}

/* --- a tile in registers ------------------------------------------------ */

/* A square of `side` elements in vectors of `bytes`. */
struct square {
    int bytes, side;
    const char *type; /* name of the vector type */
};

static struct square
square_of(const struct printer *p, int bytes)
{
    struct square q = {bytes, bytes / element_bytes(p), NULL};
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
        einc_put(p->t, "%s%d", k == 0 ? "" : k % 16 ? ", " : ",\\\n        ",
                 shuffled(op, k, n, per_granule));
}

static const char *const shuffle_names[] = {"low", "high", "even", "odd"};

static void
print_shuffle(const struct printer *p, const struct square *q,
              enum shuffle op)
{
    struct text *t = p->t;
    int word = element_bytes(p) < 8 ? element_bytes(p) : 8;
    int n = q->bytes / word;
    for (int clang = 1; clang >= 0; clang--) {
        einc_put(t, clang ? "#if defined(__clang__)\n" : "#else\n");
        einc_line(t, "#define %s_%s(a, b) \\", q->type, shuffle_names[op]);
        if (clang)
            einc_put(t, "    __builtin_shufflevector(a, b, ");
        else
            einc_put(t, "    __builtin_shuffle(a, b, (%s){", q->type);
        put_order(p, op, n, GRANULE / word);
        einc_put(t, clang ? ")\n" : "})\n");
    }
    einc_put(t, "#endif\n");
}

static void
print_square_type(const struct printer *p, const struct square *q)
{
    int bytes = element_bytes(p), word = bytes < 8 ? bytes : 8;
    einc_line(p->t, "typedef uint%d_t %s /* %d elements, as bits */", 8 * word,
              q->type, q->side);
    einc_line(p->t, "    __attribute__((vector_size(%d), may_alias, "
                    "aligned(%d)));", q->bytes, word);
    for (int op = LOW; op <= ODD; op++)
        if (op <= HIGH ? bytes < GRANULE : q->bytes > GRANULE)
            print_shuffle(p, q, (enum shuffle)op);
    einc_put(p->t, "\n");
}

/* "const T b0 = T_low(a0, a8), b1 = T_high(a0, a8);" */
static void
print_pair(const struct printer *p, const struct square *q, enum shuffle op,
           int stage, int to_0, int to_1, int from_0, int from_1)
{
    char x = (char)('a' + stage), y = (char)(x + 1);
    einc_line(p->t, "const %s %c%d = %s_%s(%c%d, %c%d), %c%d = %s_%s(%c%d, "
                    "%c%d);", q->type, y, to_0, q->type, shuffle_names[op], x,
              from_0, x, from_1, y, to_1, q->type, shuffle_names[op + 1], x,
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
    if (row == 0)
        return pointer;
    einc_put(&t, "%s + %d*%s_row", pointer,
             is_complex(storage_of(p)) ? 2 * row : row, pointer);
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
            einc_line(p->t, "*(%s *)(void *)(%s) = %c%d;", q->type,
                      row_at(p, "to", k), 'a' + stage, k);
}

/* Whether a row of the square is a line, so that it may be streamed. */
static int
makes_lines(const struct square *q)
{
    return q->bytes == LINE;
}

static void
print_tile(const struct printer *p, const struct square *q)
{
    struct text *t = p->t;
    einc_line(t, "/* to[c][r] = from[r][c], %dx%d */", q->side, q->side);
    einc_line(t, "static void");
    einc_line(t, "%s_tile(const %s *from, int64_t from_row, %s *to, "
                 "int64_t to_row%s)", q->type, c_type(p), c_type(p),
              makes_lines(q) ? ",\n    int far" : "");
    einc_line(t, "{");
    t->indent += 4;
    for (int r = 0; r < q->side; r++)
        einc_line(t, "const %s a%d = *(const %s *)(const void *)(%s);",
                  q->type, r, q->type, row_at(p, "from", r));
    int stage = print_granules(p, q, print_interleaves(p, q));
    if (makes_lines(q)) {
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
    einc_line(t, "        %s_tile(%s, from_row,", q->type,
              at(p, "from", d, "from_row*y + x"));
    einc_line(t, "            %s, to_row%s);", at(p, "to", d, "to_row*x + y"),
              makes_lines(q) ? ", far && y == r" : "");
    einc_line(t, "    }");
    einc_line(t, "}");
    einc_line(t, "return;");
    t->indent -= 4;
    einc_line(t, "}");
}

static void
print_elements(const struct printer *p)
{
    struct text *t = p->t;
    const char *two = is_complex(storage_of(p)) ? "2*" : "";
    einc_line(t, "for (int64_t c = 0; c < n_across; c++)");
    einc_line(t, "    for (int64_t r = 0; r < n_along; r++)%s",
              *two ? " {" : "");
    einc_line(t, "        to[%s(to_row*c + r)] = from[%s(from_row*r + c)];",
              two, two);
    if (*two) {
        einc_line(t, "        to[2*(to_row*c + r) + 1] =");
        einc_line(t, "            from[2*(from_row*r + c) + 1];");
        einc_line(t, "    }");
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
                    "int far)");
}

static void
print_turn(const struct printer *p)
{
    struct text *t = p->t;
    struct square q[2];
    int n = squares_of(p, q);
    for (int k = 0; k < n; k++)
        print_square_type(p, &q[k]);
    for (int k = 0; k < n; k++)
        print_tile(p, &q[k]);
    einc_line(t, "/* to[c][r] = from[r][c]; `far`: rows of `to` begin with "
                 "lines, past the caches */");
    print_signature(p, "turn");
    einc_line(t, "{");
    t->indent += 4;
    for (int k = 0; k < n; k++)
        print_tiles(p, &q[k]);
    if (!n || !makes_lines(&q[0]))
        einc_line(t, "(void)far;");
    print_elements(p);
    t->indent -= 4;
    einc_line(t, "}");
    einc_put(t, "\n");
}

/* Rows and columns of a part of a block that is made in cache. The rows lie a
 * line further apart than they are long, so that they share no set of it. */
struct part {
    int rows, columns, pitch;
};

static struct part
part_of(const struct printer *p)
{
    int bytes = element_bytes(p), line = LINE / bytes;
    struct part x = {.rows = bytes == 4 ? 2 * line : line,
                     .columns = PART_BYTES / bytes};
    if (bytes == 1)
        x.columns /= 2;
    if (bytes > 4)
        x.rows = 2 * line;
    x.pitch = x.columns + line;
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
    einc_line(t, "const int64_t columns = n_along - r < %d ? n_along - r : "
                 "%d;", x.columns, x.columns);
    einc_line(t, "%s_turn_%s(%s, from_row, part, %d,", p->shared,
              type_name(p), at(p, "from", storage_of(p), "from_row*r + c"),
              x.pitch);
    einc_line(t, "    rows, columns, 0);");
    einc_line(t, "for (int64_t k = 0; k < rows; k++)");
}

/* Row k of the part. */
static const char *
part_row(const struct printer *p)
{
    struct text t = {.perm = p->t->perm};
    einc_put(&t, "part + %d*k",
             part_of(p).pitch * (is_complex(storage_of(p)) ? 2 : 1));
    return einc_text_z(&t);
}

static void
close_parts(const struct printer *p)
{
    p->t->indent -= 4;
    einc_line(p->t, "}");
    p->t->indent -= 4;
}

/* A block as it is. Rows that begin anywhere are made in cache and written
 * from there, whole lines past it. */
static void
print_move(const struct printer *p)
{
    struct text *t = p->t;
    struct square q[2];
    int n = squares_of(p, q), bytes = element_bytes(p);
    int direct = n && makes_lines(&q[0]);
    einc_line(t, "/* The same for any rows: lines of `to` that are whole go "
                 "past the caches. */");
    print_signature(p, "move");
    einc_line(t, "{");
    t->indent += 4;
    if (!vector_bytes(p)) {
        einc_line(t, "%s_turn_%s(from, from_row, to, to_row, n_across, "
                     "n_along, far);", p->shared, type_name(p));
    } else {
        if (direct)
            einc_line(t, "if (!far || ((uintptr_t)to | (uintptr_t)(to_row*%d))"
                         " %% %d == 0) {", bytes, LINE);
        else
            einc_line(t, "if (!far) {");
        einc_line(t, "    %s_turn_%s(from, from_row, to, to_row, n_across, "
                     "n_along, far);", p->shared, type_name(p));
        einc_line(t, "    return;");
        einc_line(t, "}");
        open_parts(p);
        einc_line(t, "    %s_copy((char *)(%s),", p->shared,
                  at(p, "to", storage_of(p), "to_row*(c + k) + r"));
        einc_line(t, "        (const char *)(%s), %d*columns, 1);",
                  part_row(p), bytes);
        close_parts(p);
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

void
einc_print_transpose_blocks(const struct printer *p)
{
    print_turn(p);
    if (einc_nest_moves_bits(p->nest)) {
        print_move(p);
        print_runs(p);
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

static void
print_table_next(const struct printer *p)
{
    static const char *const digits[][2] = {
        {"c", "across"}, {"r", "along"}, {"k", "run"}};
    struct text *t = p->t;
    for (int k = 0; k < 3; k++) {
        const char *x = digits[k][1];
        einc_line(t, "if ((%s += block_%s) < n_%s)", digits[k][0], x, x);
        einc_line(t, "    continue;");
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
        einc_line(t, "const int64_t m_%s = n_%s - %s < block_%s ? n_%s - %s : "
                     "block_%s;", x, x, d, x, x, d, x);
    }
    einc_line(t, "const %s *const from = %s;", c_type(p),
              at(p, "in", storage_of(p),
                 "in_at + in_across*c + in_along*r + k"));
    einc_line(t, "%s *const to = %s;", einc_print_storage(out),
              at(p, "out", out, "out_at + out_across*c + out_along*r + k"));
    if (einc_nest_moves_bits(p->nest)) {
        einc_line(t, "if (plain && turns)");
        einc_line(t, "    %s_move_%s(from, in_along, to, out_across, "
                     "m_across, m_along, far);", p->shared, type_name(p));
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
    print_table_next(p);
    t->indent -= 4;
    einc_line(t, "}");
    if (einc_nest_moves_bits(p->nest) && vector_bytes(p)) {
        einc_line(t, "if (far)");
        einc_line(t, "    %s_FENCE();", p->shared);
    }
    t->indent -= 4;
    einc_line(t, "}");
}

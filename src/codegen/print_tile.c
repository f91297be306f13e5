/* SPDX-License-Identifier: MIT
 *
 * print_tile.c - block sizes and the register tile of a gett: a function for
 * every height that is needed, as vectors spelled out one by one, so that
 * each stays in a register.
 */
#include "codegen/family.h"
#include "codegen/print.h"

/* --- one tile ----------------------------------------------------------- */

static const char *const plane_names[2][2] = {{"", ""}, {"re", "im"}};

static const char *
plane_name(const struct printer *p, int plane)
{
    return plane_names[p->planes - 1][plane];
}

static void
declare_accumulators(const struct printer *p, int height, int nv)
{
    struct text *t = p->t;
    for (int r = 0; r < height; r++) {
        einc_put(t, "%*s%s_vector", t->indent, "", p->shared);
        for (int plane = 0; plane < p->planes; plane++)
            for (int v = 0; v < nv; v++)
                einc_put(t, "%s sum%s%d_%d = zero", plane + v ? "," : "",
                         plane_name(p, plane), r, v);
        einc_put(t, ";\n");
    }
}

static void
load_rhs(const struct printer *p, const struct tile *s, int nv)
{
    for (int plane = 0; plane < p->planes; plane++)
        for (int v = 0; v < nv; v++)
            einc_code(p, "const @_vector b%s%d = *(const @_vector *)(rhs + "
                         "%d);\n",
                      plane_name(p, plane), v, plane * s->nr + v * s->lanes);
    for (int line = 0; line < (p->planes == 2 ? 2 : nv); line++)
        einc_code(p, "@_PREFETCH(rhs + ahead + %d);\n", line * s->lanes);
}

/* Rows in place share a pointer, GROUP at a time, as an address holds one
 * register and another one once or twice. */
enum { GROUP = 3 };

static const char *
element_of_row(const struct printer *p, int r, int in_place)
{
    static const char *const apart[GROUP] = {"0", "apart", "2*apart"};
    struct text t = {.perm = p->t->perm};
    if (in_place)
        einc_put(&t, "lhs%d[%s]", r / GROUP * GROUP, apart[r % GROUP]);
    else
        einc_put(&t, "lhs[%d]", r);
    return einc_text_z(&t);
}

static void
multiply_real(const struct printer *p, int r, int nv, int in_place)
{
    struct text *t = p->t;
    einc_put(t, "%*s{ const %s x = %s;", t->indent, "", p->type,
             element_of_row(p, r, in_place));
    for (int v = 0; v < nv; v++)
        einc_put(t, " sum%d_%d %s= x %s b%d;", r, v, einc_print_add(p),
                 einc_print_mul(p), v);
    einc_put(t, " }\n");
}

static void
multiply_complex(const struct printer *p, int height, int r, int nv)
{
    struct text *t = p->t;
    einc_line(t, "{ const %s x = lhs[%d], y = lhs[%d];", p->type, r,
              height + r);
    for (int v = 0; v < nv; v++) {
        einc_line(t, "  sumre%d_%d += x * bre%d; sumre%d_%d -= y * bim%d;", r,
                  v, v, r, v, v);
        einc_line(t, "  sumim%d_%d += x * bim%d; sumim%d_%d += y * bre%d; }",
                  r, v, v, r, v, v);
    }
}

/* A line per accumulator: adds what memory holds to it, or stores it. */
static void
each_accumulator(const struct printer *p, const struct tile *s, int height,
                 int nv, int load)
{
    for (int r = 0; r < height; r++)
        for (int plane = 0; plane < p->planes; plane++)
            for (int v = 0; v < nv; v++) {
                const char *name = plane_name(p, plane);
                int at = plane * s->nr + v * s->lanes;
                if (load)
                    einc_code(p, "sum%s%d_%d %s= *(@_vector *)(out + row[%d] "
                                 "+ %d);\n",
                              name, r, v, einc_print_add(p), r, at);
                else
                    einc_code(p, "*(@_vector *)(out + row[%d] + %d) = "
                                 "sum%s%d_%d;\n",
                              r, at, name, r, v);
            }
}

static void
open_tile(const struct printer *p, int height, int nv, int in_place)
{
    einc_code(p, "static void\n"
                 "@_%s_%dx%d(int64_t depth, const $ *lhs,%s const $ *rhs,\n"
                 "    int64_t step, $ *out, const int64_t *row, int add)\n"
                 "{\n", in_place ? "rows" : "tile", height, nv,
              in_place ? " int64_t apart," : "");
    p->t->indent += 4;
    if (in_place && height < 2)
        einc_line(p->t, "(void)apart;");
}

static void
declare_rows(const struct printer *p, int height)
{
    for (int r = 0; r < height; r += GROUP)
        if (r)
            einc_code(p, "const $ *lhs%d = lhs + %d*apart;\n", r, r);
        else
            einc_code(p, "const $ *lhs0 = lhs;\n");
}

static void
advance_lhs(const struct printer *p, int height, int in_place)
{
    if (!in_place)
        einc_line(p->t, "lhs += %d;", height * p->planes);
    for (int r = 0; in_place && r < height; r += GROUP)
        einc_line(p->t, "lhs%d++;", r);
}

static void
close_block(const struct printer *p)
{
    p->t->indent -= 4;
    einc_line(p->t, "}");
}

static void
print_vector_tile(const struct printer *p, const struct tile *s, int height,
                  int nv, int in_place)
{
    enum { AHEAD = 12 };
    struct text *t = p->t;
    open_tile(p, height, nv, in_place);
    einc_code(p, "const @_vector zero = {0};\n"
                 "const int64_t ahead = %d*step;\n", AHEAD);
    declare_accumulators(p, height, nv);
    if (in_place)
        declare_rows(p, height);
    /* to the second cache: rows of out that are pages apart share a set of the
     * first one, and would be gone before the sums are ready */
    if (p->planes == 1)
        einc_code(p, "for (int r = 0; add && r < %d; r++) {\n"
                     "    __builtin_prefetch(out + row[r], 0, 2);\n"
                     "    __builtin_prefetch(out + row[r] + %d, 0, 2);\n"
                     "}\n", height, nv * s->lanes - 1);
    einc_put(t, "#if defined(__clang__)\n"
                "#pragma clang loop unroll(disable)\n"
                "#endif\n");
    einc_line(t, "for (int64_t d = 0; d < depth; d++) {");
    t->indent += 4;
    load_rhs(p, s, nv);
    for (int r = 0; r < height; r++)
        if (p->planes == 2)
            multiply_complex(p, height, r, nv);
        else
            multiply_real(p, r, nv, in_place);
    advance_lhs(p, height, in_place);
    einc_line(t, "rhs += step;");
    close_block(p);
    einc_line(t, "if (add) {");
    t->indent += 4;
    each_accumulator(p, s, height, nv, 1);
    close_block(p);
    each_accumulator(p, s, height, nv, 0);
    close_block(p);
    einc_put(t, "\n");
}

static void
open_choice(const struct printer *p, const char *name, const char *more)
{
    einc_code(p, "static void\n"
                 "@_%s(int64_t height, int vectors, int64_t depth, "
                 "const $ *lhs,\n"
                 "    %sconst $ *rhs, int64_t step, $ *out, "
                 "const int64_t *row, int add)\n"
                 "{\n", name, more);
}

/* The same in C99, for compilers without the vector extension: one function
 * for all heights. */
static void
print_scalar_tile(const struct printer *p, const struct tile *s)
{
    struct text *t = p->t;
    const char *add = einc_print_add(p), *mul = einc_print_mul(p);
    int part = s->nr * p->planes;
    open_choice(p, "tile", "");
    einc_code(p, "    $ part[%d][%d] = {{0}};\n"
                 "    (void)vectors;\n"
                 "    for (int64_t d = 0; d < depth; d++) {\n"
                 "        for (int64_t r = 0; r < height; r++)\n"
                 "            for (int c = 0; c < %d; c++) {\n",
              s->mr, part, s->nr);
    t->indent += 16;
    if (p->planes == 2)
        einc_code(p, "part[r][c] += lhs[r]*rhs[c] - lhs[height + r]*rhs[%d + "
                     "c];\n"
                     "part[r][%d + c] += lhs[r]*rhs[%d + c] + "
                     "lhs[height + r]*rhs[c];\n", s->nr, s->nr, s->nr);
    else
        einc_line(t, "part[r][c] %s= lhs[r] %s rhs[c];", add, mul);
    t->indent -= 16;
    einc_code(p, "            }\n"
                 "        lhs += %d*height;\n"
                 "        rhs += step;\n"
                 "    }\n"
                 "    for (int64_t r = 0; r < height; r++)\n"
                 "        for (int c = 0; c < %d; c++)\n"
                 "            out[row[r] + c] = add ? out[row[r] + c] %s "
                 "part[r][c] : part[r][c];\n"
                 "}\n", p->planes, part, add);
}

/* --- all of them -------------------------------------------------------- */

static void
print_sizes(const struct printer *p, const struct tile *s)
{
    const struct {
        const char *name;
        int value;
        const char *what;
    } rows[] = {{"MR", s->mr, "rows of a register tile, at most"},
                {"NR", s->nr, "columns of it"},
                {"LANES", s->lanes, "elements of a vector"},
                {"KC", s->kc, "depth of a packed block, at most"},
                {"MC", s->mc, "rows of lhs packed at once"},
                {"NC", s->nc, "columns of rhs packed at once"},
                {"MB", s->mb, "rows of out in a task, at most"},
                {"NB", s->nb, "columns of out in a task, at most"}};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
        einc_line(p->t, "#define %s_%s %d /* %s */", p->shared, rows[r].name,
                  rows[r].value, rows[r].what);
    einc_put(p->t, "\n");
}

/* Heights of 1 to mr rows, each as the next one that is printed. */
static void
print_heights(const struct printer *p, const struct tile *s,
              uint32_t heights)
{
    einc_code(p, "/* of the tile that does so many rows */\n"
                 "static const unsigned char @_height[%d] = {0", s->mr + 1);
    for (int h = 1; h <= s->mr; h++) {
        int up = h;
        while (up < s->mr && !(heights >> up & 1))
            up++;
        einc_put(p->t, ", %d", up);
    }
    einc_put(p->t, "};\n\n");
}

/* How many vectors a tile of so many rows may have. */
struct widths {
    int least, most;
};

static struct widths
widths_of(const struct printer *p, const struct tile *s, int height)
{
    int half = p->nest->rich && s->nv == 2;
    int wide = einc_gett_has_wide(p->nest) && height <= s->low;
    return (struct widths){half ? 1 : s->nv, s->nv + wide};
}

static void
print_choice(const struct printer *p, const struct tile *s, uint32_t heights,
             int in_place)
{
    if (in_place)
        einc_code(p, "\n/* The same with lhs[height][depth], its rows `apart` "
                     "*/\n");
    else
        einc_code(p, "/* out[row] (+)= lhs[depth][height] * rhs[depth], of "
                     "which so many vectors;\n"
                     " * rhs advances by `step` */\n");
    open_choice(p, in_place ? "rows" : "tile",
                in_place ? "int64_t apart, " : "");
    einc_code(p, "    switch (4*height + vectors) {\n");
    for (int h = 1; h <= s->mr; h++) {
        struct widths x = widths_of(p, s, h);
        for (int nv = x.least; heights >> h & 1 && nv <= x.most; nv++)
            einc_code(p, "    case %d: @_%s_%dx%d(depth, lhs,%s rhs, step, "
                         "out, row, add); break;\n",
                      4 * h + nv, in_place ? "rows" : "tile", h, nv,
                      in_place ? " apart," : "");
    }
    einc_code(p, "    }\n}\n");
}

/* Of lhs as it is packed, and in place if some kernel asks for that. */
static void
print_vector_tiles(const struct printer *p, const struct tile *s,
                   uint32_t heights)
{
    for (int in_place = 0; in_place <= p->in_place; in_place++) {
        for (int h = 1; h <= s->mr; h++) {
            struct widths x = widths_of(p, s, h);
            for (int nv = x.least; heights >> h & 1 && nv <= x.most; nv++)
                print_vector_tile(p, s, h, nv, in_place);
        }
        print_choice(p, s, heights, in_place);
    }
}

void
einc_print_tiles(const struct printer *p)
{
    const struct nest *w = p->nest;
    const struct tile *s = &w->tile;
    uint32_t heights = einc_gett_heights(w) | 1u << s->mr;
    int narrow = w->rich && s->nv == 2;
    einc_code(p, "#define @_PREFETCH(p) %s(p)\n",
              w->target->vector_bytes ? "__builtin_prefetch" : "(void)");
    print_sizes(p, s);
    einc_code(p, "#define @_NARROW %d /* columns that need half a tile */\n\n",
              narrow ? s->lanes : 0);
    if (einc_gett_has_wide(w))
        einc_code(p, "#define @_LOW %d /* rows of the other tile, at most */\n"
                     "#define @_WIDE %d /* columns of it */\n\n",
                  s->low, s->wide);
    print_heights(p, s, heights);
    if (!w->target->vector_bytes) {
        print_scalar_tile(p, s);
        einc_put(p->t, "\n");
        einc_print_moves(p);
        return;
    }
    einc_code(p, "typedef $ @_vector\n"
                 "    __attribute__((vector_size(%d), may_alias, "
                 "aligned(sizeof($))));\n\n", w->target->vector_bytes);
    print_vector_tiles(p, s, heights);
    einc_put(p->t, "\n");
    einc_print_moves(p);
}

/* SPDX-License-Identifier: MIT
 *
 * print_direct.c - the direct family (direct.h) as C: a function per shape of
 * tile, one that covers a product with tiles, and the loop over products.
 */
#include "codegen/direct.h"
#include "codegen/family.h"
#include "codegen/print.h"

/* What the functions below share. */
struct direct_printer {
    struct printer p;
    const struct nest *w;
    const struct target *target;
    struct direct_roles r;
    struct direct d;
    const struct nest_tensor *lhs, *rhs; /* broadcast, along the lane */
    int scaled;             /* a factor: every sum is multiplied */
};

static struct direct_printer
open_printer(const struct printer *p, const struct target *target)
{
    struct direct_printer x = {.p = *p, .w = p->nest, .target = target};
    x.r = einc_direct_roles(x.w);
    x.d = einc_direct_cut(x.w, x.r, target);
    x.lhs = &x.w->in[x.r.lhs];
    x.rhs = &x.w->in[1 - x.r.lhs];
    x.scaled = x.w->factor.arg >= 0 || x.w->factor.value != 1;
    x.d.stream &= !x.scaled;
    return x;
}

static const char *
storage(const struct nest_tensor *x)
{
    return einc_print_storage(x->storage);
}

static int
ahead(const struct direct_printer *x)
{
    return x->d.ahead[0] || x->d.ahead[1];
}

/* Whether sums may have to pass through einc_print_epilogue(). */
static int
has_store(const struct direct_printer *x)
{
    return x->p.with_scale || x->scaled;
}

/* --- the tile ----------------------------------------------------------- */

static void
print_type(const struct direct_printer *x)
{
    if (x->d.vector_bytes) {
        einc_line(x->p.t, "typedef %s %s_vector __attribute__((", x->p.type,
                  x->p.prefix);
        einc_line(x->p.t, "    vector_size(%d), aligned(%d), may_alias));",
                  x->d.vector_bytes, einc_nest_bytes(x->w->compute));
    } else {
        einc_line(x->p.t, "typedef %s %s_vector;", x->p.type, x->p.prefix);
    }
    einc_put(x->p.t, "\n");
}

/* Stores that leave the cache alone; the builtins' names are the compilers'
 * own. */
static void
print_stream(const struct direct_printer *x)
{
    struct text *t = x->p.t;
    const char *name = x->p.prefix;
    int bytes = x->d.vector_bytes;
    if (!x->d.stream)
        return;
    einc_line(t, "typedef %s %s_line __attribute__((vector_size(%d), "
                 "may_alias));", x->p.type, name, bytes);
    einc_put(t, "#if defined(__clang__)\n");
    einc_put(t, "#define %s_STREAM(to, v) \\\n"
                "    __builtin_nontemporal_store((%s_line)(v), "
                "(%s_line *)(to))\n", name, name, name);
    einc_put(t, "#else\n");
    einc_put(t, "#define %s_STREAM(to, v) \\\n"
                "    __builtin_ia32_movnt%s%s(to, (%s_line)(v))\n", name,
             x->w->compute == EINC_F64 ? "pd" : "ps",
             bytes == 64   ? "512"
             : bytes == 32 ? "256"
                           : "", name);
    einc_put(t, "#endif\n\n");
}

/* An offset that is a literal, plus vector v of a panel: the last one of a
 * ragged row is where the row ends. */
static const char *
vector_at(const struct direct_printer *x, int64_t offset, int v, int vectors)
{
    struct text t = {.perm = x->p.t->perm};
    if (x->d.ragged && v == vectors - 1)
        einc_put(&t, offset ? "%lld + last" : "%.0lldlast",
                 (long long)offset);
    else
        einc_put(&t, "%lld", (long long)(offset + v * x->d.lanes));
    return einc_text_z(&t);
}

static void
declare_sums(const struct direct_printer *x, int rows, int vectors)
{
    struct text *t = x->p.t;
    for (int r = 0; r < rows; r++) {
        einc_put(t, "%*svector", t->indent, "");
        for (int v = 0; v < vectors; v++)
            einc_put(t, "%s sum%d_%d = %s", v ? "," : "", r, v,
                     x->d.vector_bytes ? "{0}" : "0");
        einc_put(t, ";\n");
    }
}

/* The next line of a statement that began at the indentation. */
static const char *
continued(const struct direct_printer *x)
{
    struct text t = {.perm = x->p.t->perm};
    einc_put(&t, "\n%*s", x->p.t->indent + 1, "");
    return einc_text_z(&t);
}

/* One step of k: elements of `from` at lhs_at, of `with` at rhs_at. */
static void
multiply(const struct direct_printer *x, int rows, int vectors,
         const char *from, int64_t lhs_at, const char *with, int64_t rhs_at)
{
    struct text *t = x->p.t;
    for (int v = 0; v < vectors; v++)
        einc_line(t, "const vector b%d = *(const vector *)(%s + %s);", v,
                  with, vector_at(x, rhs_at, v, vectors));
    for (int r = 0; r < rows; r++) {
        int64_t at = lhs_at + einc_direct_row(x->w, &x->r, x->lhs, r);
        struct text place = {.perm = t->perm};
        einc_put(&place, "%lld", (long long)at);
        einc_put(t, "%*s{ const %s lv = ", t->indent, "", x->p.type);
        einc_print_load(&x->p, x->lhs->storage, 0, from, einc_text_z(&place));
        einc_put(t, ";");
        for (int v = 0; v < vectors; v++)
            einc_put(t, "%s sum%d_%d += lv * b%d;",
                     v % 3 || !v ? "" : continued(x), r, v, v);
        einc_put(t, " }\n");
    }
}

static void
print_unrolled(const struct direct_printer *x, int rows, int vectors)
{
    const struct nest *w = x->w;
    for (int64_t at = 0; at < x->d.depth; at++) {
        int64_t left = at, lhs_at = 0, rhs_at = 0;
        for (int j = w->n_idx - 1; j >= w->first[LOOP_K]; j--) {
            int64_t value = left % w->idx[j].extent.value;
            left /= w->idx[j].extent.value;
            lhs_at += value * x->lhs->stride[j].value;
            rhs_at += value * x->rhs->stride[j].value;
        }
        einc_line(x->p.t, "{");
        x->p.t->indent += 4;
        multiply(x, rows, vectors, "lhs", lhs_at, "rhs", rhs_at);
        x->p.t->indent -= 4;
        einc_line(x->p.t, "}");
    }
}

/* A line each of what the next product reads. */
static void
fetch_ahead(const struct direct_printer *x)
{
    static const char *const names[2] = {"lhs", "rhs"};
    for (int side = 0; side < 2; side++)
        if (x->d.ahead[side ? 1 - x->r.lhs : x->r.lhs]) {
            einc_line(x->p.t, "__builtin_prefetch(%s_next);", names[side]);
            einc_line(x->p.t, "%s_next += %s_line;", names[side],
                      names[side]);
        }
}

static void
print_depth_loops(const struct direct_printer *x, int rows, int vectors)
{
    const struct nest *w = x->w;
    struct text *t = x->p.t;
    int k0 = w->first[LOOP_K];
    for (int j = k0; j < w->n_idx; j++) {
        if (j == w->n_idx - 1 && x->d.vector_bytes)
            einc_put(t, "#if defined(__clang__)\n"
                        "#pragma clang loop unroll(disable)\n#endif\n");
        einc_line(t, "for (int64_t %s = 0; %s < %s; %s++) {", w->idx[j].name,
                  w->idx[j].name, einc_print_n(&x->p, j), w->idx[j].name);
        t->indent += 4;
    }
    einc_put(t, "%*sconst %s *const from = lhs + (", t->indent, "",
             storage(x->lhs));
    einc_print_offset(&x->p, x->lhs, k0, w->n_idx, -1);
    einc_put(t, ");\n%*sconst %s *const with = rhs + (", t->indent, "",
             storage(x->rhs));
    einc_print_offset(&x->p, x->rhs, k0, w->n_idx, -1);
    einc_put(t, ");\n");
    multiply(x, rows, vectors, "from", 0, "with", 0);
    fetch_ahead(x);
    for (int j = k0; j < w->n_idx; j++) {
        t->indent -= 4;
        einc_line(t, "}");
    }
}

/* Sums that alpha, beta or a factor wait for: by way of memory. */
static void
store_scaled(const struct direct_printer *x, int rows, int vectors)
{
    struct text *t = x->p.t;
    int width = vectors * x->d.lanes;
    einc_line(t, "%s sums[%d];", x->p.type, rows * width);
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            einc_line(t, "*(vector *)(sums + %s) = sum%d_%d;",
                      vector_at(x, r * width, v, vectors), r, v);
    if (x->r.n_rows > 1) {
        einc_put(t, "%*sstatic const int64_t row[] = {", t->indent, "");
        for (int r = 0; r < rows; r++)
            einc_put(t, "%s%lld", r ? ", " : "",
                     (long long)einc_direct_row(x->w, &x->r, &x->w->out, r));
        einc_put(t, "};\n");
    }
    einc_line(t, "for (int64_t at = 0; at < %d; at++)", rows);
    einc_put(t, "%*s%s_store(%ssums + %d*at, out + ", t->indent + 4, "",
             x->p.prefix, x->p.with_scale ? "args, " : "", width);
    if (x->r.n_rows > 1)
        einc_put(t, "row[at]");
    else
        einc_put(t, "%lld*at",
                 (long long)einc_direct_row(x->w, &x->r, &x->w->out, 1));
    if (x->d.ragged)
        einc_put(t, ", skip, last + %d);\n", x->d.lanes);
    else
        einc_put(t, ", 0, %d);\n", width);
}

static void
store_plain(const struct direct_printer *x, int rows, int vectors)
{
    for (int stream = x->d.stream; stream >= 0; stream--) {
        if (x->d.stream)
            einc_line(x->p.t, stream ? "if (stream) {" : "} else {");
        x->p.t->indent += x->d.stream ? 4 : 0;
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < vectors; v++) {
                const char *at = vector_at(
                    x, einc_direct_row(x->w, &x->r, &x->w->out, r), v,
                    vectors);
                if (stream)
                    einc_line(x->p.t, "%s_STREAM(out + %s, sum%d_%d);",
                              x->p.prefix, at, r, v);
                else
                    einc_line(x->p.t, "*(vector *)(out + %s) = sum%d_%d;",
                              at, r, v);
            }
        x->p.t->indent -= x->d.stream ? 4 : 0;
    }
    if (x->d.stream)
        einc_line(x->p.t, "}");
}

static void
print_sides(const struct direct_printer *x, int tile)
{
    static const char *const names[2] = {"lhs", "rhs"};
    for (int side = 0; side < 2; side++) {
        const struct nest_tensor *y = side ? x->rhs : x->lhs;
        if (!x->d.ahead[side ? 1 - x->r.lhs : x->r.lhs])
            continue;
        einc_put(x->p.t, ",\n    const %s *%s_next", storage(y), names[side]);
        if (tile)
            einc_put(x->p.t, ", int64_t %s_line", names[side]);
    }
}

/* Parameters of the functions for a tile and for a product. */
static void
print_parameters(const struct direct_printer *x, int tile)
{
    struct text *t = x->p.t;
    einc_put(t, "(const %s *lhs, const %s *rhs,\n    %s *out",
             storage(x->lhs), storage(x->rhs), storage(&x->w->out));
    if (x->p.with_scale)
        einc_put(t, ", const struct %s *args", x->p.args);
    if (x->d.stream)
        einc_put(t, ", int stream");
    if (tile && x->d.ragged)
        einc_put(t, ", int64_t last%s",
                 has_store(x) ? ", int64_t skip" : "");
    print_sides(x, tile);
}

static void
print_tile(const struct direct_printer *x, int rows, int vectors)
{
    struct text *t = x->p.t;
    einc_line(t, "/* %d row%s of %d vector%s */", rows, rows > 1 ? "s" : "",
              vectors, vectors > 1 ? "s" : "");
    einc_line(t, "static inline void");
    einc_put(t, "%s_tile_%dx%d", x->p.prefix, rows, vectors);
    print_parameters(x, 1);
    einc_put(t, ")\n{\n");
    t->indent += 4;
    einc_line(t, "typedef %s_vector vector;", x->p.prefix);
    declare_sums(x, rows, vectors);
    if (x->d.unrolled)
        print_unrolled(x, rows, vectors);
    else
        print_depth_loops(x, rows, vectors);
    if (has_store(x)) {
        einc_line(t, x->scaled ? "{" : "if (args->alpha || args->beta) {");
        t->indent += 4;
        store_scaled(x, rows, vectors);
        if (!x->scaled)
            einc_line(t, "return;");
        t->indent -= 4;
        einc_line(t, "}");
    }
    if (!x->scaled)
        store_plain(x, rows, vectors);
    t->indent -= 4;
    einc_line(t, "}");
    einc_put(t, "\n");
}

/* --- a row of sums that is not stored as it is -------------------------- */

static void
print_store(const struct direct_printer *x)
{
    static const char *const sum[2] = {"sum[at]", ""};
    struct text *t = x->p.t;
    if (!has_store(x))
        return;
    einc_line(t, "/* columns [first, end) of a row of sums */");
    einc_line(t, "static void");
    einc_put(t, "%s_store(", x->p.prefix);
    if (x->p.with_scale)
        einc_put(t, "const struct %s *args, ", x->p.args);
    einc_put(t, "const %s *sum,\n    %s *out, int64_t first, int64_t end)\n",
             x->p.type, storage(&x->w->out));
    einc_line(t, "{");
    t->indent += 4;
    einc_print_scale(&x->p);
    einc_line(t, "for (int64_t at = first; at < end; at++) {");
    t->indent += 4;
    einc_print_epilogue(&x->p, sum, "at");
    t->indent -= 4;
    einc_line(t, "}");
    t->indent -= 4;
    einc_line(t, "}");
    einc_put(t, "\n");
}

/* --- a product ---------------------------------------------------------- */

/* "SIZE*PART", or, of a cut with two sizes, where part `name` begins. */
static void
print_begin(const struct direct_printer *x, const char *what,
            const char *name, const struct cut *c, int64_t unit)
{
    struct text *t = x->p.t;
    int64_t big = unit * c->size, small = unit * (c->size - 1);
    einc_put(t, "%*sconst int64_t %s = ", t->indent, "", what);
    if (c->n[1])
        einc_put(t, "%s < %lld ? %lld*%s : %lld*%s + %lld;\n", name,
                 (long long)c->n[0], (long long)big, name, (long long)small,
                 name, (long long)(c->n[0] * unit));
    else
        einc_put(t, "%lld*%s;\n", (long long)big, name);
}

static void
open_parts(const struct direct_printer *x, const char *name, int blocked,
           int64_t parts)
{
    struct text *t = x->p.t;
    if (blocked)
        einc_line(t, "for (int64_t %s = %s0; %s < %s1; %s++) {", name, name,
                  name, name, name);
    else
        einc_line(t, "for (int64_t %s = 0; %s < %lld; %s++) {", name, name,
                  (long long)parts, name);
    t->indent += 4;
}

static int
blocked(const struct direct_printer *x, int tiles)
{
    const struct direct *d = &x->d;
    return tiles ? d->tile_block < einc_direct_parts(&d->tiles)
                 : d->panel_block < einc_direct_parts(&d->panels);
}

/* " + 64*row" along the rows of a tensor, " + column" along its columns. */
static void
print_moved(const struct direct_printer *x, const char *name,
            const struct nest_tensor *y, int one_row, int one_column)
{
    int64_t stride = einc_direct_row(x->w, &x->r, y, 1);
    einc_put(x->p.t, "%s", name);
    if (!one_row && y != x->rhs)
        einc_put(x->p.t, stride == 1 ? " + row" : " + %lld*row",
                 (long long)stride);
    if (!one_column && y != x->lhs)
        einc_put(x->p.t, " + column");
}

static void
print_call(const struct direct_printer *x, int rows, int vectors, int one_row,
           int one_column)
{
    static const char *const names[2] = {"lhs", "rhs"};
    struct text *t = x->p.t;
    einc_put(t, "%*s%s_tile_%dx%d(", t->indent, "", x->p.prefix, rows,
             vectors);
    print_moved(x, "lhs", x->lhs, one_row, one_column);
    einc_put(t, ", ");
    print_moved(x, "rhs", x->rhs, one_row, one_column);
    einc_put(t, ",\n%*s", t->indent + 4, "");
    print_moved(x, "out", &x->w->out, one_row, one_column);
    einc_put(t, "%s%s", x->p.with_scale ? ", args" : "",
             x->d.stream ? ", stream" : "");
    if (x->d.ragged)
        einc_put(t, ", last%s", has_store(x) ? ", skip" : "");
    for (int side = 0; side < 2; side++) {
        int o = side ? 1 - x->r.lhs : x->r.lhs;
        int64_t line = 64 / einc_dtype_info(x->w->in[o].storage)->bytes;
        if (x->d.ahead[o])
            einc_put(t, ",\n%*s%s_next + %lld*%s_at, %s_at < %lld ? %lld : 0",
                     t->indent + 4, "", names[side], (long long)line,
                     names[side], names[side], (long long)x->d.ahead[o],
                     (long long)line);
    }
    einc_put(t, ");\n");
}

/* Calls the function of the tile at hand: as many as there are sizes. */
static void
print_calls(const struct direct_printer *x, int one_row, int one_column)
{
    const struct cut *c = &x->d.panels, *r = &x->d.tiles;
    struct text *t = x->p.t;
    int left = (1 + (c->n[1] > 0)) * (1 + (r->n[1] > 0));
    for (int p = 0; p < 2; p++)
        for (int q = 0; q < 2; q++) {
            if (!c->n[p] || !r->n[q])
                continue;
            int last = --left == 0, first = !p && !q;
            if (!first || !last)
                einc_put(t, "%*s%s", t->indent, "",
                         first  ? ""
                         : last ? "else"
                                : "else ");
            if (!last) {
                einc_put(t, "if (");
                if (!p && c->n[1])
                    einc_put(t, "panel < %lld", (long long)c->n[0]);
                if (!p && c->n[1] && !q && r->n[1])
                    einc_put(t, " && ");
                if (!q && r->n[1])
                    einc_put(t, "tile < %lld", (long long)r->n[0]);
                einc_put(t, ")");
            }
            if (!first || !last)
                einc_put(t, "\n");
            t->indent += !first || !last ? 4 : 0;
            print_call(x, r->size - q, c->size - p, one_row, one_column);
            t->indent -= !first || !last ? 4 : 0;
        }
}

/* Lines of the next product that were fetched. */
static void
count_ahead(const struct direct_printer *x, int declare)
{
    static const char *const names[2] = {"lhs", "rhs"};
    for (int side = 0; side < 2; side++) {
        int o = side ? 1 - x->r.lhs : x->r.lhs;
        if (!x->d.ahead[o])
            continue;
        if (declare)
            einc_line(x->p.t, "int64_t %s_at = 0; /* lines of it that are "
                              "fetched */", names[side]);
        else
            einc_line(x->p.t, "%s_at += %s_at < %lld ? %lld : 0;",
                      names[side], names[side], (long long)x->d.ahead[o],
                      (long long)x->d.depth);
    }
}

/* Of a ragged row the last panel's last vector ends where the row does; if it
 * has no other, the panel begins further left, and what it has in common with
 * the one before is skipped where the order of stores matters. */
static void
open_panels(const struct direct_printer *x, int64_t panels)
{
    const struct direct *d = &x->d;
    const struct cut *c = &d->panels;
    struct text *t = x->p.t;
    int size = c->n[1] ? c->size - 1 : c->size; /* of the last panel */
    long long others = panels - 1;
    int moves = d->ragged && others && size == 1;
    if (others) {
        open_parts(x, "panel", blocked(x, 0), panels);
        print_begin(x, moves ? "begin" : "column", "panel", c, d->lanes);
    }
    if (moves)
        einc_line(t, "const int64_t column = panel < %lld ? begin : %lld;",
                  others, (long long)d->last);
    if (d->ragged && !others) {
        einc_line(t, "const int64_t last = %lld;", (long long)d->last);
    } else if (d->ragged) {
        einc_put(t, "%*sconst int64_t last = panel < %lld ? %d : ", t->indent,
                 "", c->n[1] ? (long long)c->n[0] : others,
                 (c->size - 1) * d->lanes);
        if (c->n[1] > 1)
            einc_put(t, "panel < %lld ? %d : ", others,
                     (c->size - 2) * d->lanes);
        if (moves)
            einc_put(t, "0;\n");
        else
            einc_put(t, "%lld - column;\n", (long long)d->last);
    }
    if (d->ragged && has_store(x) && moves)
        einc_line(t, "const int64_t skip = panel < %lld ? 0 : %lld;", others,
                  (long long)(d->lanes - d->columns % d->lanes));
    else if (d->ragged && has_store(x))
        einc_line(t, "const int64_t skip = 0;");
}

static void
print_product(const struct direct_printer *x)
{
    const struct direct *d = &x->d;
    struct text *t = x->p.t;
    int64_t panels = einc_direct_parts(&d->panels);
    int64_t tiles = einc_direct_parts(&d->tiles);
    einc_line(t, "static inline void");
    einc_put(t, "%s_product", x->p.prefix);
    print_parameters(x, 0);
    if (blocked(x, 1))
        einc_put(t, ",\n    int64_t tile0, int64_t tile1");
    if (blocked(x, 0))
        einc_put(t, ",\n    int64_t panel0, int64_t panel1");
    einc_put(t, ")\n{\n");
    t->indent += 4;
    count_ahead(x, 1);
    open_panels(x, panels);
    if (tiles > 1) {
        open_parts(x, "tile", blocked(x, 1), tiles);
        print_begin(x, "row", "tile", &d->tiles, 1);
    }
    print_calls(x, tiles == 1, panels == 1);
    count_ahead(x, 0);
    while (t->indent > 0) {
        t->indent -= 4;
        einc_line(t, "}");
    }
    einc_put(t, "\n");
}

/* --- the loop over products --------------------------------------------- */

/* What a task number counts, fastest first: at `place` 0, 1 ... a block of
 * panels, of tiles, an index; -1 at the end. */
enum { PANELS = -2, TILES = -3 };

static int
counted(const struct direct_printer *x, int place)
{
    if (blocked(x, 0) && place-- == 0)
        return PANELS;
    if (blocked(x, 1) && place-- == 0)
        return TILES;
    for (int j = x->w->first[LOOP_K] - 1; j >= 0; j--)
        if (einc_direct_is_outer(x->w, &x->r, j) && place-- == 0)
            return j;
    return -1;
}

static const char *
counter_name(const struct direct_printer *x, int j)
{
    return j == PANELS  ? "panels"
           : j == TILES ? "tiles"
                        : x->w->idx[j].name;
}

static const char *
counter_limit(const struct direct_printer *x, int j)
{
    const struct direct *d = &x->d;
    struct text t = {.perm = x->p.t->perm};
    if (j >= 0)
        return einc_print_n(&x->p, j);
    int64_t parts = einc_direct_parts(j == PANELS ? &d->panels : &d->tiles);
    int64_t block = j == PANELS ? d->panel_block : d->tile_block;
    einc_put(&t, "%lld", (long long)((parts + block - 1) / block));
    return einc_text_z(&t);
}

static int
n_counted(const struct direct_printer *x)
{
    int n = 0;
    while (counted(x, n) != -1)
        n++;
    return n;
}

/* Offset of the product at hand in y, or, where `next` is given, of the one
 * at that value of the fastest index. */
static const char *
product_at(const struct direct_printer *x, const struct nest_tensor *y,
           const char *next)
{
    struct text t = {.perm = x->p.t->perm};
    int any = 0, fastest = counted(x, 0);
    for (int j = 0; j < x->w->first[LOOP_K]; j++) {
        struct quantity s = y->stride[j];
        if (!einc_direct_is_outer(x->w, &x->r, j) ||
            (s.arg < 0 && s.value == 0))
            continue;
        const char *name = next && j == fastest ? next : x->w->idx[j].name;
        einc_put(&t, "%s", any++ ? " + " : "");
        if (s.arg >= 0)
            einc_put(&t, "%s_%s*%s", y->name, x->w->idx[j].name, name);
        else if (s.value == 1)
            einc_put(&t, "%s", name);
        else
            einc_put(&t, "%lld*%s", (long long)s.value, name);
    }
    return any ? einc_text_z(&t) : NULL;
}

static void
put_moved(const struct direct_printer *x, const struct nest_tensor *y,
          const char *next)
{
    const char *at = product_at(x, y, next);
    einc_put(x->p.t, at ? "%s + (%s)" : "%s", y->name, at);
}

/* "64*tiles, tiles < 3 ? 64*tiles + 64 : 200" */
static void
print_blocks(const struct direct_printer *x, int tiles)
{
    const struct direct *d = &x->d;
    const char *name = tiles ? "tiles" : "panels";
    long long parts = einc_direct_parts(tiles ? &d->tiles : &d->panels);
    long long block = tiles ? d->tile_block : d->panel_block;
    if (!blocked(x, tiles))
        return;
    einc_put(x->p.t, ",\n%*s%lld*%s, %s < %lld ? %lld*%s + %lld : %lld",
             x->p.t->indent + 4, "", block, name, name,
             (parts + block - 1) / block - 1, block, name, block, parts);
}

/* `of`: names the pointers of this product; `next`: of the one after it. */
static void
print_product_call(const struct direct_printer *x, int named,
                   const char *next)
{
    struct text *t = x->p.t;
    einc_put(t, "%*s%s_product(", t->indent, "", x->p.prefix);
    if (named) {
        einc_put(t, "lhs_now, rhs_now, out_now");
    } else {
        put_moved(x, x->lhs, NULL);
        einc_put(t, ", ");
        put_moved(x, x->rhs, NULL);
        einc_put(t, ",\n%*s", t->indent + 4, "");
        put_moved(x, &x->w->out, NULL);
    }
    einc_put(t, "%s%s", x->p.with_scale ? ", args" : "",
             x->d.stream ? ", stream" : "");
    for (int side = 0; side < 2; side++)
        if (x->d.ahead[side ? 1 - x->r.lhs : x->r.lhs]) {
            einc_put(t, ",\n%*s", t->indent + 4, "");
            put_moved(x, side ? x->rhs : x->lhs, next);
        }
    print_blocks(x, 1);
    print_blocks(x, 0);
    einc_put(t, ");\n");
}

static void
print_functions(const struct direct_printer *x)
{
    const struct direct *d = &x->d;
    print_type(x);
    print_stream(x);
    print_store(x);
    for (int p = 0; p < 2; p++)
        for (int q = 0; q < 2; q++)
            if (d->panels.n[p] && d->tiles.n[q])
                print_tile(x, d->tiles.size - q, d->panels.size - p);
    print_product(x);
}

/* Whether this call's stores go past the cache, and that they are done. */
static void
open_stream(const struct direct_printer *x)
{
    if (x->d.stream)
        einc_line(x->p.t, "const int stream = (uintptr_t)out %% 64 == 0;");
}

static void
close_stream(const struct direct_printer *x)
{
    if (!x->d.stream)
        return;
    einc_line(x->p.t, "if (stream)");
    einc_line(x->p.t, "    __builtin_ia32_sfence();");
}

static void
decode_task(const struct direct_printer *x)
{
    struct text *t = x->p.t;
    int n = n_counted(x);
    if (n)
        einc_line(t, "int64_t rest = task_begin; /* fastest first */");
    for (int c = 0; c < n; c++) {
        int j = counted(x, c);
        if (c == n - 1) {
            einc_line(t, "int64_t %s = rest;", counter_name(x, j));
            break;
        }
        einc_line(t, "int64_t %s = rest %% %s;", counter_name(x, j),
                  counter_limit(x, j));
        einc_line(t, "rest /= %s;", counter_limit(x, j));
    }
}

static void
next_task(const struct direct_printer *x)
{
    struct text *t = x->p.t;
    int n = n_counted(x), indent = t->indent;
    for (int c = 0; c < n; c++) {
        int j = counted(x, c);
        if (c == n - 1 && !ahead(x)) {
            einc_line(t, "++%s;", counter_name(x, j));
            break;
        }
        einc_line(t, "if (++%s == %s) {", counter_name(x, j),
                  counter_limit(x, j));
        t->indent += 4;
        einc_line(t, "%s = 0;", counter_name(x, j));
    }
    while (t->indent > indent) {
        t->indent -= 4;
        einc_line(t, "}");
    }
}

static void
print_now(const struct direct_printer *x, const struct nest_tensor *y,
          const char *name, const char *qualifier)
{
    einc_put(x->p.t, "%*s%s%s *const %s_now = ", x->p.t->indent, "",
             qualifier, storage(y), name);
    put_moved(x, y, NULL);
    einc_put(x->p.t, ";\n");
}

static void
print_kernel(const struct direct_printer *x)
{
    struct text *t = x->p.t;
    einc_line(t, "%svoid", x->p.linkage);
    einc_line(t, "%s(const struct %s *args, int64_t task_begin, "
                 "int64_t task_end)", x->p.prefix, x->p.args);
    einc_line(t, "{");
    t->indent += 4;
    einc_print_arguments(&x->p);
    open_stream(x);
    decode_task(x);
    einc_line(t, "for (int64_t task = task_begin; task < task_end; task++) {");
    t->indent += 4;
    if (ahead(x)) {
        print_now(x, x->lhs, "lhs", "const ");
        print_now(x, x->rhs, "rhs", "const ");
        print_now(x, &x->w->out, "out", "");
        next_task(x);
    }
    print_product_call(x, ahead(x), NULL);
    if (!ahead(x))
        next_task(x);
    t->indent -= 4;
    einc_line(t, "}");
    close_stream(x);
    t->indent -= 4;
    einc_line(t, "}");
}

/* --- the same as loops in a function by_parameter ----------------------- */

/* What the outermost loop counts, or -1. */
static int
outermost(const struct direct_printer *x)
{
    int n = n_counted(x);
    return n ? counted(x, n - 1) : -1;
}

int
einc_print_direct_parts(const struct printer *p, struct text *worth)
{
    enum { WORTH_THREADS = 100000 };
    struct direct_printer x = open_printer(p, p->nest->target);
    struct text size = {.perm = p->t->perm};
    double points = 1;
    int symbolic = 0;
    for (int j = 0; j < x.w->n_idx; j++) {
        const struct quantity *q = &x.w->idx[j].extent;
        symbolic |= q->arg >= 0;
        if (q->arg >= 0)
            einc_put(&size, "*(double)n_%s", x.w->idx[j].name);
        else
            points *= (double)q->value;
    }
    if (symbolic)
        einc_put(worth, "%lld.0%s >= %d", (long long)points,
                 einc_text_z(&size), WORTH_THREADS);
    return outermost(&x) != -1 && (symbolic || points >= WORTH_THREADS);
}

void
einc_print_direct_count(const struct printer *p)
{
    struct direct_printer x = open_printer(p, p->nest->target);
    einc_put(p->t, "%s", counter_limit(&x, outermost(&x)));
}

static void
open_counted(const struct direct_printer *x, int c)
{
    static const char *const roles[] = {"batch", "M", "N", "K"};
    struct text *t = x->p.t;
    int j = counted(x, c);
    int part = x->p.in_parts && counted(x, c + 1) == -1;
    const char *name = counter_name(x, j);
    einc_line(t, "for (int64_t %s = %s; %s < %s; %s++) { /* %s */", name,
              part ? "begin" : "0", name,
              part ? "end" : counter_limit(x, j), name,
              j < 0 ? "blocks" : roles[x->w->idx[j].role]);
    t->indent += 4;
}

static void
print_loops(const struct direct_printer *x)
{
    struct text *t = x->p.t;
    int n = n_counted(x);
    einc_line(t, "%svoid", x->p.linkage);
    einc_put(t, "%s(", x->p.prefix);
    einc_print_parameters(&x->p, 4);
    einc_put(t, ")\n{\n");
    t->indent += 4;
    int j = outermost(x);
    if (x->p.in_parts && j >= 0 && x->w->idx[j].extent.arg >= 0)
        einc_line(t, "(void)%s;", counter_limit(x, j));
    open_stream(x);
    for (int c = n - 1; c >= 0; c--)
        open_counted(x, c);
    if (ahead(x)) {
        const char *name = counter_name(x, counted(x, 0));
        einc_line(t, "const int64_t next = %s + 1 < %s ? %s + 1 : %s;", name,
                  counter_limit(x, counted(x, 0)), name, name);
    }
    print_product_call(x, 0, ahead(x) ? "next" : NULL);
    for (int c = 0; c < n; c++) {
        t->indent -= 4;
        einc_line(t, "}");
    }
    close_stream(x);
    t->indent -= 4;
    einc_line(t, "}");
}

void
einc_print_direct(const struct printer *p)
{
    struct direct_printer x = open_printer(p, p->nest->target);
    print_functions(&x);
    if (p->by_parameter)
        print_loops(&x);
    else
        print_kernel(&x);
}

/* SPDX-License-Identifier: MIT
 *
 * print_cuda_block.c - the kernel of a block (nest_block.c) as CUDA. All
 * threads of a block go through the same barriers, whatever the extents.
 */
#include "codegen/family.h"
#include "codegen/print_cuda.h"
#include "codegen/unit.h"

enum { TABLE = 512 /* depths whose offsets are kept at once */,
       PAD = 4 /* elements, so that rows of a slice begin in other banks and
                * at 16 bytes */ };

static const struct {
    const char *tile, *at, *from, *deep, *ahead;
} sides[2] = {
    {"in0_tile", "in0_row", "in0_from", "in0_deep", "in0_next"},
    {"in1_tile", "in1_column", "in1_from", "in1_deep", "in1_next"}};

/* "_re", "_im", or nothing. */
static const char *
suffix(const struct printer *p, int plane)
{
    return p->planes == 1 ? "" : plane ? "_im" : "_re";
}

void
einc_cuda_decode(const struct printer *p, enum loop_role role,
                 const char *number)
{
    const struct nest *w = p->nest;
    int first = w->first[role], last = w->first[role + 1];
    if (first == last)
        return;
    einc_line(p->t, "int64_t rest = %s;", number);
    for (int j = last - 1; j > first; j--) {
        einc_line(p->t, "const int64_t %s = rest %% %s;", w->idx[j].name,
                  einc_print_n(p, j));
        einc_line(p->t, "rest /= %s;", einc_print_n(p, j));
    }
    einc_line(p->t, "const int64_t %s = rest;", w->idx[first].name);
}

void
einc_cuda_offset(const struct printer *p, const char *lhs,
                 const struct nest_tensor *x, enum loop_role role)
{
    const struct nest *w = p->nest;
    einc_put(p->t, "%*s%s + ", p->t->indent, "", lhs);
    einc_print_offset(p, x, w->first[role], w->first[role + 1], -1);
    einc_put(p->t, ";\n");
}

/* --- before the loop ------------------------------------------------------ */

static void
put_shared(const struct printer *p)
{
    const struct tile *s = &p->nest->tile;
    for (int plane = 0; plane < p->planes; plane++) {
        const char *of = suffix(p, plane);
        einc_line(p->t, "__shared__ __align__(16) %s slice%s[%d][%d];",
                  p->type, of, 2*s->kc, s->mc + PAD);
        einc_line(p->t, "%s (*const in0_tile%s)[%d] = slice%s;", p->type, of,
                  s->mc + PAD, of);
        einc_line(p->t, "%s (*const in1_tile%s)[%d] = slice%s + %d;", p->type,
                  of, s->mc + PAD, of, s->kc);
    }
    einc_line(p->t, "__shared__ int64_t in0_row[%d], in1_column[%d];", s->mc,
              s->nc);
    einc_line(p->t, "__shared__ int64_t out_row[%d], out_column[%d];", s->mc,
              s->nc);
    einc_line(p->t, "__shared__ int64_t in0_deep[%d], in1_deep[%d];", TABLE,
              TABLE);
}

void
einc_cuda_extents(const struct printer *p)
{
    static const char *const names[] = {NULL, "n_m", "n_n", "n_k"};
    for (enum loop_role role = LOOP_M; role <= LOOP_K; role++) {
        einc_put(p->t, "%*sconst int64_t %s = ", p->t->indent, "",
                 names[role]);
        einc_print_extent(p, role);
        einc_put(p->t, ";\n");
    }
}

void
einc_cuda_place(const struct printer *p)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    const struct tile *s = &w->tile;
    einc_line(t, "const int64_t tiles_m = (n_m + %d)/%d;", s->mc - 1, s->mc);
    einc_line(t, "const int64_t tiles_n = (n_n + %d)/%d;", s->nc - 1, s->nc);
    einc_put(t, "%*sconst unsigned blocks = (unsigned)(tiles_m*tiles_n*",
             t->indent, "");
    einc_print_extent(p, LOOP_BATCH);
    einc_put(t, ");\n");
    einc_line(t, "const unsigned block = blockIdx.x %% blocks, part = "
                 "blockIdx.x/blocks;");
    einc_line(t, "const int64_t k_begin = words.part_depth*part;");
    einc_line(t, "__shared__ int64_t k_end; /* registers are few */");
    einc_line(t, "if (thread == 0)");
    einc_line(t, "    k_end = words.adds ? k_begin");
    einc_line(t, "        : words.parts && n_k - k_begin > words.part_depth");
    einc_line(t, "        ? k_begin + words.part_depth : n_k;");
    einc_line(t, "const int64_t m0 = block %% tiles_m * %d;", s->mc);
    einc_line(t, "const int64_t n0 = block/tiles_m %% tiles_n * %d;", s->nc);
    einc_line(t, "const int rows = (int)(n_m - m0 < %d ? n_m - m0 : %d);",
              s->mc, s->mc);
    einc_line(t, "const int columns = (int)(n_n - n0 < %d ? n_n - n0 : %d);",
              s->nc, s->nc);
    einc_line(t, "int64_t in0_batch, in1_batch, out_batch;");
    einc_line(t, "{");
    t->indent += 4;
    einc_cuda_decode(p, LOOP_BATCH, "block/tiles_m/tiles_n");
    einc_cuda_offset(p, "in0_batch = 0", &w->in[0], LOOP_BATCH);
    einc_cuda_offset(p, "in1_batch = 0", &w->in[1], LOOP_BATCH);
    einc_cuda_offset(p, "out_batch = 0", &w->out, LOOP_BATCH);
    t->indent -= 4;
    einc_line(t, "}");
}

void
einc_cuda_table(const struct printer *p, enum loop_role role)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    int rows = role == LOOP_M;
    einc_line(t, "for (int x = thread; x < %d; x += %d) {",
              rows ? w->tile.mc : w->tile.nc, DEVICE_THREADS);
    t->indent += 4;
    einc_cuda_decode(p, role, rows ? "x < rows ? m0 + x : 0"
                                   : "x < columns ? n0 + x : 0");
    einc_cuda_offset(p,
                     rows ? "in0_row[x] = in0_batch"
                          : "in1_column[x] = in1_batch",
                     &w->in[!rows], role);
    einc_cuda_offset(p, rows ? "out_row[x] = out_batch" : "out_column[x] = 0",
                     &w->out, role);
    t->indent -= 4;
    einc_line(t, "}");
}

/* --- the loop over K ------------------------------------------------------ */

static void
put_depths(const struct printer *p)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    einc_line(t, "for (int x = thread; x < depth; x += %d) {", DEVICE_THREADS);
    t->indent += 4;
    einc_cuda_decode(p, LOOP_K, "k0 + x");
    einc_cuda_offset(p, "in0_deep[x] = 0", &w->in[0], LOOP_K);
    einc_cuda_offset(p, "in1_deep[x] = 0", &w->in[1], LOOP_K);
    t->indent -= 4;
    einc_line(t, "}");
}

/* Neighbouring threads read along the operand's run of stride 1, if it is one
 * of the summed indices; else along rows or columns. */
int
einc_cuda_deep_first(const struct nest *w, const struct nest_tensor *x)
{
    for (int j = w->first[LOOP_K]; j < w->n_idx; j++)
        if (x->stride[j].value == 1 && x->stride[j].arg < 0)
            return 1;
    return 0;
}

/* Rows or columns of a slice. */
static int
width_of(const struct printer *p, int side)
{
    return side ? p->nest->tile.nc : p->nest->tile.mc;
}

/* Elements of a slice that a thread brings. */
static int
share_of(const struct printer *p, int side)
{
    return width_of(p, side) * p->nest->tile.kc / DEVICE_THREADS;
}

/* Which those are: `k` and `x` of number e. Along K a thread keeps its depth,
 * else its row or column. */
static void
put_element(const struct printer *p, int side)
{
    const struct nest *w = p->nest;
    int width = width_of(p, side), kc = w->tile.kc;
    if (einc_cuda_deep_first(w, &w->in[side]))
        einc_line(p->t, "const int k = thread %% %d, x = thread/%d + %d*e;", kc,
                  kc, DEVICE_THREADS / kc);
    else
        einc_line(p->t, "const int k = thread/%d + %d*e, x = thread %% %d;",
                  width, DEVICE_THREADS / width, width);
}

static void
open_elements(const struct printer *p, int side)
{
    einc_line(p->t, "#pragma unroll");
    einc_line(p->t, "for (int e = 0; e < %d; e++) {", share_of(p, side));
    p->t->indent += 4;
}

static void
close_elements(const struct printer *p)
{
    p->t->indent -= 4;
    einc_line(p->t, "}");
}

/* Where its rows or columns begin, kept in registers. What lies beyond the last
 * one is the first one's, and is not used. */
static void
put_from(const struct printer *p, int side)
{
    const struct nest *w = p->nest;
    const struct nest_tensor *x = &w->in[side];
    const char *type = einc_print_storage(x->storage), *from = sides[side].from;
    const char *twice = einc_nest_planes(x->storage) == 2 ? "2*" : "";
    if (!einc_cuda_deep_first(w, x)) {
        einc_line(p->t, "const %s *const %s = %s + %s%s[thread %% %d];", type,
                  from, x->name, twice, sides[side].at, width_of(p, side));
        return;
    }
    einc_line(p->t, "const %s *%s[%d];", type, from, share_of(p, side));
    open_elements(p, side);
    einc_line(p->t, "%s[e] = %s + %s%s[thread/%d + %d*e];", from, x->name,
              twice, sides[side].at, w->tile.kc, DEVICE_THREADS / w->tile.kc);
    close_elements(p);
}

/* A depth and its offset. */
static void
put_deep(const struct printer *p, int side)
{
    int width = width_of(p, side);
    if (einc_cuda_deep_first(p->nest, &p->nest->in[side]))
        einc_line(p->t, "const int k = k1 + thread %% %d;", p->nest->tile.kc);
    else
        einc_line(p->t, "const int k = k1 + thread/%d + %d*e;", width,
                  DEVICE_THREADS / width);
    einc_line(p->t, "const int64_t deep = k < depth ? %s[k] : 0;",
              sides[side].deep);
}

/* A thread's part of the next slice, to registers. */
static void
put_fetch(const struct printer *p, int side)
{
    struct text *t = p->t;
    const struct nest_tensor *x = &p->nest->in[side];
    int deep_first = einc_cuda_deep_first(p->nest, x);
    const char *from = deep_first ? einc_printed(t->perm, "%s[e]", sides[side].from)
                                  : sides[side].from;
    einc_line(t, "{");
    t->indent += 4;
    if (deep_first)
        put_deep(p, side);
    open_elements(p, side);
    if (!deep_first)
        put_deep(p, side);
    for (int plane = 0; plane < p->planes; plane++) {
        einc_put(t, "%*s%s%s[e] = k < depth ? ", t->indent, "",
                 sides[side].ahead, suffix(p, plane));
        einc_print_load(p, x->storage, plane, from, "deep");
        einc_put(t, " : 0;\n");
    }
    close_elements(p);
    t->indent -= 4;
    einc_line(t, "}");
}

static void
put_deposit(const struct printer *p, int side)
{
    open_elements(p, side);
    put_element(p, side);
    for (int plane = 0; plane < p->planes; plane++)
        einc_line(p->t, "%s%s[k][x] = %s%s[e];", sides[side].tile,
                  suffix(p, plane), sides[side].ahead, suffix(p, plane));
    close_elements(p);
}

/* Row number r of a thread. */
static const char *
row_text(const struct printer *p, const char *row, const char *r)
{
    return einc_printed(p->t->perm, "%d*%s + %s", p->nest->tile.mr, row, r);
}

/* Column number c of a thread: 16 bytes at a time beside its neighbours', so
 * that eight threads read from all banks. */
static const char *
column_text(const struct printer *p, const char *column, const char *c)
{
    int bytes = einc_nest_bytes(p->nest->compute), nr = p->nest->tile.nr;
    int wide = bytes * nr > 16 ? 16 / bytes : nr;
    return wide == nr
               ? einc_printed(p->t->perm, "%d*%s + %s", nr, column, c)
               : einc_printed(p->t->perm, "%s/%d*%d + %d*%s + %s%%%d", c, wide,
                              16 * wide, wide, column, c, wide);
}

/* sum[r][c] += a*b over a slice. */
static void
put_multiply(const struct printer *p)
{
    struct text *t = p->t;
    const struct tile *s = &p->nest->tile;
    const char *add = einc_print_add(p), *mul = einc_print_mul(p);
    einc_line(t, "#pragma unroll");
    einc_line(t, "for (int k = 0; k < %d; k++)", s->kc);
    einc_line(t, "    #pragma unroll");
    einc_line(t, "    for (int r = 0; r < %d; r++)", s->mr);
    einc_line(t, "        #pragma unroll");
    einc_line(t, "        for (int c = 0; c < %d; c++) {", s->nr);
    t->indent += 12;
    for (int plane = 0; plane < p->planes; plane++) {
        einc_line(t, "const %s a%s = in0_tile%s[k][%s];", p->type,
                  suffix(p, plane), suffix(p, plane),
                  row_text(p, "row", "r"));
        einc_line(t, "const %s b%s = in1_tile%s[k][%s];", p->type,
                  suffix(p, plane), suffix(p, plane),
                  column_text(p, "column", "c"));
    }
    if (p->planes == 2) {
        einc_line(t, "sum_re[r][c] += a_re*b_re;");
        einc_line(t, "sum_re[r][c] -= a_im*b_im;");
        einc_line(t, "sum_im[r][c] += a_re*b_im;");
        einc_line(t, "sum_im[r][c] += a_im*b_re;");
    } else {
        einc_line(t, "sum[r][c] %s= a %s b;", add, mul);
    }
    t->indent -= 12;
    einc_line(t, "        }");
}

static void
put_slices(const struct printer *p)
{
    struct text *t = p->t;
    const struct tile *s = &p->nest->tile;
    einc_line(t, "int k1 = 0;");
    put_fetch(p, 0);
    put_fetch(p, 1);
    einc_line(t, "while (k1 < depth) {");
    t->indent += 4;
    put_deposit(p, 0);
    put_deposit(p, 1);
    einc_line(t, "__syncthreads();");
    einc_line(t, "k1 += %d;", s->kc);
    einc_line(t, "if (k1 < depth) {");
    t->indent += 4;
    put_fetch(p, 0);
    put_fetch(p, 1);
    t->indent -= 4;
    einc_line(t, "}");
    put_multiply(p);
    einc_line(t, "__syncthreads();");
    t->indent -= 4;
    einc_line(t, "}");
}

static void
put_sums(const struct printer *p)
{
    struct text *t = p->t;
    const struct tile *s = &p->nest->tile;
    for (int plane = 0; plane < p->planes; plane++)
        einc_line(t, "%s sum%s[%d][%d] = {};", p->type, suffix(p, plane),
                  s->mr, s->nr);
    for (int side = 0; side < 2; side++)
        for (int plane = 0; plane < p->planes; plane++)
            einc_line(t, "%s %s%s[%d];", p->type, sides[side].ahead,
                      suffix(p, plane),
                      share_of(p, side));
    einc_line(t, "__syncthreads(); /* tables of rows and columns are there */");
    put_from(p, 0);
    put_from(p, 1);
    einc_line(t, "for (int64_t k0 = k_begin; k0 < k_end; k0 += %d) {", TABLE);
    t->indent += 4;
    einc_line(t, "const int depth = k_end - k0 < %d ? (int)(k_end - k0) : %d;",
              TABLE, TABLE);
    put_depths(p);
    einc_line(t, "__syncthreads(); /* offsets of depths are there */");
    put_slices(p);
    t->indent -= 4;
    einc_line(t, "}");
}

/* --- after it ------------------------------------------------------------- */

int
einc_cuda_row_first(const struct nest *w)
{
    for (int j = w->first[LOOP_M]; j < w->first[LOOP_M + 1]; j++)
        if (w->out.stride[j].value == 1 && w->out.stride[j].arg < 0)
            return 1;
    return 0;
}

void
einc_cuda_parts(const struct printer *p)
{
    const struct tile *s = &p->nest->tile;
    einc_line(p->t, "/* sums of parts of K, in the order in which threads "
                    "write them */");
    einc_line(p->t, "%s *const parts = (%s *)words.parts;", p->type, p->type);
    einc_line(p->t, "const int64_t each = (int64_t)blocks*%d;",
              s->mc * s->nc * p->planes);
    einc_line(p->t, "const int first = thread + (words.adds ? (int)part*%d "
                    ": 0);", DEVICE_THREADS);
    einc_line(p->t, "const int stride = words.adds ? %d*(int)words.n_parts "
                    ": %d;", DEVICE_THREADS, DEVICE_THREADS);
}

void
einc_cuda_store(const struct printer *p, int n)
{
    static const char *const names[2][2] = {{"total", ""},
                                            {"total_re", "total_im"}};
    struct text *t = p->t;
    const struct tile *s = &p->nest->tile;
    einc_line(t, "const int64_t own = ((int64_t)block*%d + f)*%d + at;",
              s->mc * s->nc / n, n);
    for (int plane = 0; plane < p->planes; plane++)
        einc_line(t, "%s total%s = slice%s[far][near];", p->type,
                  suffix(p, plane), suffix(p, plane));
    einc_line(t, "if (words.parts && !words.adds) {");
    for (int plane = 0; plane < p->planes; plane++)
        einc_line(t, p->planes == 2
                         ? "    parts[part*each + 2*own + %d] = total%s;"
                         : "    parts[part*each + own + %d] = total%s;",
                  plane, suffix(p, plane));
    einc_line(t, "    continue;");
    einc_line(t, "}");
    einc_line(t, "if (x >= rows || y >= columns)");
    einc_line(t, "    continue;");
    einc_line(t, "for (int64_t q = 0; q < (words.adds ? words.n_parts : 0); "
                 "q++) {");
    for (int plane = 0; plane < p->planes; plane++)
        einc_line(t, p->planes == 2
                         ? "    total%s = parts[q*each + 2*own + %d] %s "
                           "(q ? total%s : 0);"
                         : "    total%s = parts[q*each + own + %d] %s "
                           "(q ? total%s : 0);",
                  suffix(p, plane), plane, einc_print_add(p),
                  suffix(p, plane));
    einc_line(t, "}");
    einc_line(t, "const int64_t to = out_row[x] + out_column[y];");
    einc_print_epilogue(p, names[p->planes - 1], "to");
}

/* Through the slices, which are free, a row of each thread's sums at a time, or
 * a column where out runs along M: neighbouring threads then write neighbours,
 * and there is an epilogue per row, not per sum. */
static void
put_store(const struct printer *p)
{
    struct text *t = p->t;
    const struct tile *s = &p->nest->tile;
    int rows = einc_cuda_row_first(p->nest), each = s->mr, side = s->mc;
    einc_cuda_parts(p);
    einc_line(t, "#pragma unroll");
    einc_line(t, "for (int f = 0; f < %d; f++) {", each);
    t->indent += 4;
    einc_line(t, "#pragma unroll");
    einc_line(t, "for (int g = 0; g < %d; g++) {", each);
    for (int plane = 0; plane < p->planes; plane++)
        einc_line(t, rows ? "    slice%s[column][%s] = sum%s[g][f];"
                          : "    slice%s[row][%s] = sum%s[f][g];",
                  suffix(p, plane),
                  rows ? row_text(p, "row", "g")
                       : column_text(p, "column", "g"), suffix(p, plane));
    einc_line(t, "}");
    einc_line(t, "__syncthreads();");
    einc_line(t, "#pragma unroll 1");
    einc_line(t, "for (int at = first; at < %d; at += stride) {",
              2*s->kc*side);
    t->indent += 4;
    einc_line(t, "const int far = at/%d, near = at %% %d;", side, side);
    einc_line(t, rows ? "const int x = near, y = %s;"
                      : "const int x = %s, y = near;",
              rows ? column_text(p, "far", "f") : row_text(p, "far", "f"));
    einc_cuda_store(p, 2*s->kc*side);
    t->indent -= 4;
    einc_line(t, "}");
    einc_line(t, "__syncthreads();");
    t->indent -= 4;
    einc_line(t, "}");
}

void
einc_print_cuda_block(const struct printer *p)
{
    struct text *t = p->t;
    einc_line(t, "const int thread = threadIdx.x;");
    einc_line(t, "const int row = thread/16, column = thread %% 16;");
    put_shared(p);
    einc_cuda_extents(p);
    einc_cuda_place(p);
    einc_cuda_table(p, LOOP_M);
    einc_cuda_table(p, LOOP_N);
    put_sums(p);
    put_store(p);
}

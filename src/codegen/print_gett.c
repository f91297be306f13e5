/* SPDX-License-Identifier: MIT
 *
 * print_gett.c - the gett family: out[b,m,n] = sum(k) lhs[b,m,k] * rhs[b,n,k]
 * with any strides. Rows, columns and depth are positions in the groups M, N
 * and K; tables hold their offsets, so packing reads any layout and the inner
 * kernel knows none.
 */
#include "codegen/print.h"

/* --- the register tile -------------------------------------------------- */

static const char *const plane_names[2][2] = {{"", ""}, {"re", "im"}};

static const char *
plane_name(const struct printer *p, int plane)
{
    return plane_names[p->planes - 1][plane];
}

static void
declare_accumulators(const struct printer *p, const struct tile *s)
{
    struct text *t = p->t;
    for (int r = 0; r < s->mr; r++) {
        einc_put(t, "%*s%s_vector", t->indent, "", p->shared);
        for (int plane = 0; plane < p->planes; plane++)
            for (int v = 0; v < s->nv; v++)
                einc_put(t, "%s sum%s%d_%d = zero", plane + v ? "," : "",
                         plane_name(p, plane), r, v);
        einc_put(t, ";\n");
    }
}

static void
load_rhs(const struct printer *p, const struct tile *s)
{
    for (int plane = 0; plane < p->planes; plane++)
        for (int v = 0; v < s->nv; v++)
            einc_line(p->t, "const %s_vector b%s%d = "
                            "*(const %s_vector *)(rhs + %d);",
                      p->shared, plane_name(p, plane), v, p->shared,
                      plane * s->nr + v * s->lanes);
}

static void
multiply_real(const struct printer *p, const struct tile *s, int r)
{
    struct text *t = p->t;
    einc_put(t, "%*s{ const %s x = lhs[%d];", t->indent, "", p->type, r);
    for (int v = 0; v < s->nv; v++)
        einc_put(t, " sum%d_%d %s= x %s b%d;", r, v, einc_print_add(p),
                 einc_print_mul(p), v);
    einc_put(t, " }\n");
}

static void
multiply_complex(const struct printer *p, const struct tile *s, int r)
{
    struct text *t = p->t;
    einc_line(t, "{ const %s x = lhs[%d], y = lhs[%d];", p->type, r,
              s->mr + r);
    for (int v = 0; v < s->nv; v++) {
        einc_line(t, "  sumre%d_%d += x * bre%d; sumre%d_%d -= y * bim%d;", r,
                  v, v, r, v, v);
        einc_line(t, "  sumim%d_%d += x * bim%d; sumim%d_%d += y * bre%d; }",
                  r, v, v, r, v, v);
    }
}

/* A line per accumulator: adds what memory holds to it, or stores it. */
static void
each_accumulator(const struct printer *p, const struct tile *s, int load)
{
    for (int plane = 0; plane < p->planes; plane++)
        for (int r = 0; r < s->mr; r++)
            for (int v = 0; v < s->nv; v++) {
                const char *name = plane_name(p, plane);
                int at = (plane * s->mr + r) * s->nv + v;
                if (load)
                    einc_line(p->t, "sum%s%d_%d %s= to[%d];", name, r, v,
                              einc_print_add(p), at);
                else
                    einc_line(p->t, "to[%d] = sum%s%d_%d;", at, name, r, v);
            }
}

static void
store_accumulators(const struct printer *p, const struct tile *s)
{
    struct text *t = p->t;
    einc_line(t, "%s_vector *const to = (%s_vector *)sum;", p->shared,
              p->shared);
    einc_line(t, "if (!fresh) {");
    t->indent += 4;
    each_accumulator(p, s, 1);
    t->indent -= 4;
    einc_line(t, "}");
    each_accumulator(p, s, 0);
}

static void
print_vector_tile(const struct printer *p, const struct target *target,
                  const struct tile *s)
{
    struct text *t = p->t;
    einc_line(t, "typedef %s %s_vector", p->type, p->shared);
    einc_line(t, "    __attribute__((vector_size(%d), may_alias));",
              target->vector_bytes);
    einc_put(t, "\n");
    einc_line(t, "/* sum[MR][NR] += lhs[depth][MR] * rhs[depth][NR], all "
                 "packed */");
    einc_line(t, "static void");
    einc_line(t, "%s_tile(int64_t depth, const %s *lhs, const %s *rhs,\n"
                 "    %s *sum, int fresh)", p->shared, p->type, p->type, p->type);
    einc_line(t, "{");
    t->indent += 4;
    einc_line(t, "const %s_vector zero = {0};", p->shared);
    declare_accumulators(p, s);
    einc_put(t, "#if defined(__clang__)\n"
                "#pragma clang loop unroll(disable)\n"
                "#endif\n");
    einc_line(t, "for (int64_t d = 0; d < depth; d++) {");
    t->indent += 4;
    load_rhs(p, s);
    for (int r = 0; r < s->mr; r++)
        if (p->planes == 2)
            multiply_complex(p, s, r);
        else
            multiply_real(p, s, r);
    einc_line(t, "lhs += %d;", s->mr * p->planes);
    einc_line(t, "rhs += %d;", s->nr * p->planes);
    t->indent -= 4;
    einc_line(t, "}");
    store_accumulators(p, s);
    t->indent -= 4;
    einc_line(t, "}");
}

/* The same in C99, for compilers without the vector extension. */
static void
print_scalar_tile(const struct printer *p, const struct tile *s)
{
    struct text *t = p->t;
    einc_line(t, "/* sum[MR][NR] += lhs[depth][MR] * rhs[depth][NR], all packed */");
    einc_line(t, "static void");
    einc_line(t, "%s_tile(int64_t depth, const %s *lhs, const %s *rhs,\n"
                 "    %s *sum, int fresh)", p->shared, p->type, p->type, p->type);
    einc_line(t, "{");
    t->indent += 4;
    einc_line(t, "%s part[%d] = {0};", p->type, s->mr * s->nr * p->planes);
    einc_line(t, "for (int64_t d = 0; d < depth; d++) {");
    einc_line(t, "    for (int r = 0; r < %d; r++)", s->mr);
    einc_line(t, "        for (int c = 0; c < %d; c++) {", s->nr);
    t->indent += 12;
    if (p->planes == 2) {
        einc_line(t, "part[%d*r + c] += lhs[r]*rhs[c] - lhs[%d + r]*rhs[%d + c];",
                  s->nr, s->mr, s->nr);
        einc_line(t, "part[%d + %d*r + c] += lhs[r]*rhs[%d + c] + "
                     "lhs[%d + r]*rhs[c];",
                  s->mr * s->nr, s->nr, s->nr, s->mr);
    } else {
        einc_line(t, "part[%d*r + c] %s= lhs[r] %s rhs[c];", s->nr,
                  einc_print_add(p), einc_print_mul(p));
    }
    t->indent -= 12;
    einc_line(t, "        }");
    einc_line(t, "    lhs += %d;", s->mr * p->planes);
    einc_line(t, "    rhs += %d;", s->nr * p->planes);
    einc_line(t, "}");
    einc_line(t, "for (int r = 0; r < %d; r++)", s->mr * s->nr * p->planes);
    einc_line(t, "    sum[r] = fresh ? part[r] : sum[r] %s part[r];",
              einc_print_add(p));
    t->indent -= 4;
    einc_line(t, "}");
}

static void
print_sizes(const struct printer *p, const struct tile *s)
{
    const struct {
        const char *name;
        int value;
        const char *what;
    } rows[] = {{"MR", s->mr, "rows of a register tile"},
                {"NR", s->nr, "columns of it"},
                {"KC", s->kc, "depth of a packed block, at most"},
                {"MC", s->mc, "rows of lhs packed at once"},
                {"MB", s->mb, "rows of out in a task, at most"},
                {"NB", s->nb, "columns of out in a task, at most"}};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
        einc_line(p->t, "#define %s_%s %d /* %s */", p->shared, rows[r].name,
                  rows[r].value, rows[r].what);
    einc_put(p->t, "\n");
}

void
einc_print_tiles(const struct printer *p)
{
    const struct target *target = p->nest->target;
    struct tile s = einc_tile_choose(target, p->nest->compute);
    einc_put(p->t, "#define %s_PREFETCH(p) %s(p)\n", p->shared,
             target->vector_bytes ? "__builtin_prefetch" : "(void)");
    print_sizes(p, &s);
    if (target->vector_bytes)
        print_vector_tile(p, target, &s);
    else
        print_scalar_tile(p, &s);
}

/* --- packing ------------------------------------------------------------ */

static void
print_gather(const struct printer *p, const struct nest_tensor *x,
             const char *width)
{
    for (int plane = 0; plane < p->planes; plane++) {
        if (plane)
            einc_put(p->t, "%*sto[%d*%s*d + %s + r] = ", p->t->indent, "",
                     p->planes, width, width);
        else if (p->planes == 2)
            einc_put(p->t, "%*sto[2*%s*d + r] = ", p->t->indent, "", width);
        else
            einc_put(p->t, "%*sto[%s*d + r] = ", p->t->indent, "", width);
        einc_print_load(p, x->storage, plane, "from", "row[r] + deep[d]");
        einc_put(p->t, ";\n");
    }
}

static int
copies(const struct printer *p, const struct nest_tensor *x)
{
    return p->planes == 1 && x->storage == p->nest->compute &&
           x->storage != EINC_BOOL;
}

static const char *
width_name(const struct printer *p, int side)
{
    struct text t = {.perm = p->t->perm};
    einc_put(&t, "%s_%s", p->shared, side ? "NR" : "MR");
    return einc_text_z(&t);
}

/* Rows of lhs or columns of rhs, `count` of them, to panels [depth][width];
 * a last panel that is not full is filled up with zeros. */
void
einc_print_pack(const struct printer *p, int side)
{
    struct text *t = p->t;
    const struct nest_tensor *x = &p->nest->in[side];
    const char *width = width_name(p, side);
    einc_line(t, "/* to[panel][depth][%s] = from[row + deep]; missing rows "
                 "are 0 */", side ? "NR" : "MR");
    einc_line(t, "static void");
    einc_line(t, "%s_pack_%s_%s(const %s *from, const int64_t *row,",
              p->shared, x->name, einc_dtype_name(x->storage),
              einc_print_storage(x->storage));
    einc_line(t, "    int64_t count, const int64_t *deep, int64_t depth, %s *to)",
              p->type);
    einc_line(t, "{");
    t->indent += 4;
    einc_line(t, "for (; count > 0; count -= %s, row += %s) {", width, width);
    t->indent += 4;
    einc_line(t, "const int64_t live = count < %s ? count : %s;", width,
              width);
    if (copies(p, x)) {
        einc_line(t, "int runs = live == %s;", width);
        einc_line(t, "for (int64_t r = 1; r < live; r++)");
        einc_line(t, "    runs &= row[r] - row[r - 1] == 1;");
        einc_line(t, "if (runs) {");
        einc_line(t, "    for (int64_t d = 0; d < depth; d++) {");
        einc_line(t, "        const int64_t ahead = d + 8 < depth ? d + 8 : d;");
        einc_line(t, "        %s_PREFETCH(from + row[0] + deep[ahead]);",
                  p->shared);
        einc_line(t, "        %s_PREFETCH(from + row[%s - 1] + deep[ahead]);",
                  p->shared, width);
        einc_line(t, "        memcpy(to + %s*d, from + row[0] + deep[d],",
                  width);
        einc_line(t, "               %s * sizeof *to);", width);
        einc_line(t, "    }");
        einc_line(t, "    to += %s*depth;", width);
        einc_line(t, "    continue;");
        einc_line(t, "}");
    }
    einc_line(t, "for (int64_t r = 0; r < live; r++) {");
    einc_line(t, "    const int64_t next = r + 1 < live ? row[r + 1] : row[r];");
    einc_line(t, "    for (int64_t d = 0; d < depth; d++) {");
    t->indent += 8;
    einc_line(t, "%s_PREFETCH(%sfrom + %s(next + deep[d]));", p->shared, "",
              einc_dtype_info(x->storage)->kind == KIND_COMPLEX ? "2*" : "");
    print_gather(p, x, width);
    t->indent -= 4;
    einc_line(t, "}");
    t->indent -= 4;
    einc_line(t, "}");
    einc_line(t, "for (int64_t r = live; r < %s; r++)", width);
    einc_line(t, "    for (int64_t d = 0; d < %sdepth; d++)",
              p->planes == 2 ? "2*" : "");
    einc_line(t, "        to[%s*d + r] = 0;", width);
    einc_line(t, "to += %s%s*depth;", p->planes == 2 ? "2*" : "", width);
    t->indent -= 4;
    einc_line(t, "}");
    t->indent -= 4;
    einc_line(t, "}");
}

/* --- storing ------------------------------------------------------------ */

/* Most tiles are whole, contiguous and not scaled: their rows are copied. */
static void
print_whole_rows(const struct printer *p)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    if (!copies(p, &w->out) || (w->factor.arg < 0 && w->factor.value != 1))
        return;
    einc_line(t, "if (runs && columns == %s_NR%s%s) {", p->shared,
              p->with_scale ? " && !args->alpha && !args->beta" : "",
              w->factor.arg >= 0 ? " && factor == 1" : "");
    einc_line(t, "    for (int64_t r = 0; r < rows; r++)");
    einc_line(t, "        memcpy(out + row[r] + column[0], sum + %s_NR*r,",
              p->shared);
    einc_line(t, "               %s_NR * sizeof *sum);", p->shared);
    einc_line(t, "    return;");
    einc_line(t, "}");
}

static void
print_store_tile(const struct printer *p)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    struct text one = {.perm = t->perm}, two = {.perm = t->perm};
    einc_put(&one, "sum[%s_NR*r + c]", p->shared);
    einc_put(&two, "sum[%s_NR*(%s_MR + r) + c]", p->shared, p->shared);
    einc_line(t, "/* out[row + column] = the live part of a tile */");
    einc_line(t, "static void");
    einc_line(t, "%s_store(const struct %s *args, const %s *sum,", p->prefix,
              p->args, p->type);
    einc_line(t, "    %s *out, const int64_t *row, int64_t rows,",
              einc_print_storage(w->out.storage));
    einc_line(t, "    const int64_t *column, int64_t columns)");
    einc_line(t, "{");
    t->indent += 4;
    einc_print_scale(p);
    if (!p->with_scale && w->factor.arg < 0)
        einc_line(t, "(void)args;");
    einc_line(t, "int runs = 1;");
    einc_line(t, "for (int64_t c = 1; c < columns; c++)");
    einc_line(t, "    runs &= column[c] - column[c - 1] == 1;");
    print_whole_rows(p);
    for (int runs = 1; runs >= 0; runs--) {
        einc_line(t, runs ? "if (runs)" : "else");
        einc_line(t, "    for (int64_t r = 0; r < rows; r++)");
        einc_line(t, "        for (int64_t c = 0; c < columns; c++) {");
        t->indent += 12;
        const char *const sums[2] = {einc_text_z(&one), einc_text_z(&two)};
        einc_print_epilogue(p, sums,
                            runs ? "row[r] + column[0] + c"
                                 : "row[r] + column[c]");
        t->indent -= 4;
        einc_line(t, "}");
        t->indent -= 8;
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

static void
print_scratch(const struct printer *p)
{
    struct text *t = p->t;
    const char *x = p->shared;
    const char *two = p->planes == 2 ? "2*" : "";
    einc_line(t, "%s *const lhs_tiles = (%s *)(void *)args->scratch;",
              p->type, p->type);
    einc_line(t, "%s *const rhs_panels = lhs_tiles + %s%s_MC*%s_KC;", p->type,
              two, x, x);
    einc_line(t, "%s *const sums = rhs_panels + %s%s_NB*%s_KC;", p->type, two,
              x, x);
    einc_line(t, "int64_t *const lhs_row = (int64_t *)(void *)(sums + "
                 "%s%s_MB*%s_NB);", two, x, x);
    einc_line(t, "int64_t *const out_row = lhs_row + %s_MB;", x);
    einc_line(t, "int64_t *const rhs_column = out_row + %s_MB;", x);
    einc_line(t, "int64_t *const out_column = rhs_column + %s_NB;", x);
    einc_line(t, "int64_t *const lhs_deep = out_column + %s_NB;", x);
    einc_line(t, "int64_t *const rhs_deep = lhs_deep + %s_KC;", x);
}

static void
print_totals(const struct printer *p)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    const char *x = p->shared;
    print_total(p, "all_rows", LOOP_M, "M");
    print_total(p, "all_columns", LOOP_N, "N");
    print_total(p, "all_depth", LOOP_K, "K");
    einc_line(t, "const int64_t block_rows = args->n[%d]; /* of a task */",
              w->table ? NEST_TABLE_ROWS : w->n_extents - 2);
    einc_line(t, "const int64_t block_columns = args->n[%d];",
              w->table ? NEST_TABLE_COLUMNS : w->n_extents - 1);
    einc_line(t, "const int64_t row_blocks = (all_rows + block_rows - 1) / "
                 "block_rows;");
    einc_line(t, "const int64_t column_blocks =");
    einc_line(t, "    (all_columns + block_columns - 1) / block_columns;");
    einc_line(t, "/* K blocks of equal size: no short last one */");
    einc_line(t, "const int64_t deep_blocks = (all_depth + %s_KC - 1) / %s_KC;",
              x, x);
    einc_line(t, "const int64_t block_depth =");
    einc_line(t, "    deep_blocks ? (all_depth + deep_blocks - 1) / deep_blocks : 1;");
}

/* Offsets of the batch of this task: as a sum, or counted. */
static void
print_batch_offsets(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    int hi = w->first[LOOP_BATCH + 1];
    if (w->table) {
        einc_line(t, "int64_t lhs_at = 0, rhs_at = 0, out_at = 0;");
        einc_line(t, "for (int64_t x = n_b - 1; x >= 0; x--) {");
        einc_line(t, "    const int64_t value = rest %% b_extent[x];");
        einc_line(t, "    rest /= b_extent[x];");
        einc_line(t, "    lhs_at += lhs_b[x]*value;");
        einc_line(t, "    rhs_at += rhs_b[x]*value;");
        einc_line(t, "    out_at += out_b[x]*value;");
        einc_line(t, "}");
        return;
    }
    for (int j = hi - 1; j >= 0; j--) {
        const char *n = einc_print_n(p, j);
        einc_line(t, "const int64_t %s = rest %% %s;", w->idx[j].name, n);
        einc_line(t, "rest /= %s;", n);
    }
    for (int o = 0; o < 3; o++) {
        const struct nest_tensor *x = o < 2 ? &w->in[o] : &w->out;
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

static void walk(const struct printer *p, const struct nest_node *x);

static void
open_block(const struct printer *p, const struct nest_node *x)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    const char *name = p->shared;
    switch (x->block) {
    case BLOCK_K:
        einc_line(t, "int64_t deep0 = 0;");
        einc_line(t, "do { /* K block; once, with depth 0, if K is empty */");
        t->indent += 4;
        einc_line(t, "const int64_t depth = all_depth - deep0 < block_depth");
        einc_line(t, "                          ? all_depth - deep0");
        einc_line(t, "                          : block_depth;");
        einc_line(t, "const int last = deep0 + depth >= all_depth;");
        print_offsets(p, LOOP_K, "deep0", "depth", &w->in[0], "lhs_deep",
                      &w->in[1], "rhs_deep");
        break;
    case BLOCK_M:
        einc_line(t, "for (int64_t m0 = 0; m0 < rows; m0 += %s_MC) {", name);
        t->indent += 4;
        einc_line(t, "const int64_t m1 = rows - m0 < %s_MC ? rows : m0 + %s_MC;",
                  name, name);
        break;
    case BLOCK_PANEL:
        einc_line(t, "for (int64_t n0 = 0; n0 < columns; n0 += %s_NR) {", name);
        t->indent += 4;
        einc_line(t, "const %s *const panel = rhs_panels + %sn0*depth;",
                  p->type, p->planes == 2 ? "2*" : "");
        break;
    default:
        einc_line(t, "for (int64_t r0 = m0; r0 < m1; r0 += %s_MR) {", name);
        t->indent += 4;
        einc_line(t, "/* one K block: the tile's sums need no place of their "
                     "own */");
        einc_line(t, "%s *const sum =", p->type);
        einc_line(t, "    deep_blocks < 2 ? sums : sums + %s(n0*%s_MB + r0*%s_NR);",
                  p->planes == 2 ? "2*" : "", name, name);
        break;
    }
}

static void
close_block(const struct printer *p, const struct nest_node *x)
{
    p->t->indent += x->block == BLOCK_K ? 0 : -4;
    if (x->block == BLOCK_K) {
        einc_line(p->t, "deep0 += depth;");
        p->t->indent -= 4;
        einc_line(p->t, "} while (deep0 < all_depth);");
    } else {
        einc_line(p->t, "}");
    }
}

static void
print_call_pack(const struct printer *p, int side)
{
    const char *dtype = einc_dtype_name(p->nest->in[side].storage);
    if (side) {
        einc_line(p->t, "%s_pack_rhs_%s(rhs_batch, rhs_column, columns,",
                  p->shared, dtype);
        einc_line(p->t, "    rhs_deep, depth, rhs_panels);");
    } else {
        einc_line(p->t, "%s_pack_lhs_%s(lhs_batch, lhs_row + m0, m1 - m0,",
                  p->shared, dtype);
        einc_line(p->t, "    lhs_deep, depth, lhs_tiles);");
    }
}

static void
walk(const struct printer *p, const struct nest_node *x)
{
    struct text *t = p->t;
    for (; x; x = x->next)
        switch (x->op) {
        case NEST_LOOP:
            open_block(p, x);
            walk(p, x->child);
            close_block(p, x);
            break;
        case NEST_PACK:
            print_call_pack(p, x->tensor);
            break;
        case NEST_TILE:
            einc_line(t, "%s_tile(depth, lhs_tiles + %s(r0 - m0)*depth, panel, "
                         "sum, deep0 == 0);", p->shared,
                      p->planes == 2 ? "2*" : "");
            break;
        case NEST_STORE:
            einc_line(t, "if (last)");
            einc_line(t, "    %s_store(args, sum, out_batch, out_row + r0,",
                      p->prefix);
            einc_line(t, "        m1 - r0 < %s_MR ? m1 - r0 : %s_MR, "
                         "out_column + n0,", p->shared, p->shared);
            einc_line(t, "        columns - n0 < %s_NR ? columns - n0 : %s_NR);",
                      p->shared, p->shared);
            break;
        default:
            break;
        }
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
    einc_line(t, "for (int64_t task = task_begin; task < task_end; task++) {");
    t->indent += 4;
    print_batch(p);
    print_offsets(p, LOOP_M, "row0", "rows", &w->in[0], "lhs_row", &w->out,
                  "out_row");
    print_offsets(p, LOOP_N, "column0", "columns", &w->in[1], "rhs_column",
                  &w->out, "out_column");
    walk(p, w->root->child);
    t->indent -= 4;
    einc_line(t, "}");
    t->indent -= 4;
    einc_line(t, "}");
}

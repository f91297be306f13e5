/* SPDX-License-Identifier: MIT
 *
 * print_lanes.c - the lanes family (lanes.h) as C: a loop over the lane, in it
 * tile after tile without a loop. Complex numbers stay the pairs they are in
 * memory: of one side the real and the imaginary parts are multiplied with
 * pairs of the other, in sums of their own that meet in the end.
 */
#include "codegen/family.h"
#include "codegen/lanes.h"
#include "codegen/print.h"

#include <string.h>

/* What the functions below share. */
struct lanes_printer {
    struct printer p;
    const struct nest *w;
    struct lanes_roles r;
    struct lanes_cut c;
    int vectors, numbers;  /* of the body at hand: vectors, numbers in each */
    const char *type;      /* "vector", or a number's */
    int ragged;            /* the last step begins further left */
    int gathers;           /* results wait in an array, see struct lanes_cut */
    int scaled;            /* a factor: every sum is multiplied */
};

static struct lanes_printer
open_printer(const struct printer *p)
{
    struct lanes_printer x = {.p = *p, .w = p->nest};
    x.r = einc_lanes_roles(x.w);
    x.c = einc_lanes_cut(x.w, &x.r, x.w->target);
    x.scaled = x.w->factor.arg >= 0 || x.w->factor.value != 1;
    x.c.run = x.scaled ? 0 : x.c.run;
    return x;
}

static const char *
storage(const struct nest_tensor *x)
{
    return einc_print_storage(x->storage);
}

/* Whether sums may have to pass through einc_print_epilogue(). */
static int
has_store(const struct lanes_printer *x)
{
    return x->p.with_scale || x->scaled;
}

static int
is_symbolic(const struct lanes_printer *x, int j)
{
    return x->w->idx[j].extent.arg >= 0;
}

/* Whether vectors of tensor o are made of records; with scalars an element is
 * read where it is. */
static int
is_turned(const struct lanes_printer *x, int o)
{
    return strcmp(x->type, "vector") == 0 &&
           einc_lanes_records(x->w, &x->r, &x->c, o).size > 0;
}

/* --- before the kernel -------------------------------------------------- */

/* "0, 0, 2, 2": an order of the numbers of a vector; `first` is added to the
 * first of two, `second` to the other. */
static void
put_order(const struct lanes_printer *x, int first, int second)
{
    int n = x->c.lanes * x->p.planes;
    for (int l = 0; l < n; l += 2)
        einc_put(x->p.t, "%s%d, %d", l ? ", " : "", l + first, l + second);
}

/* The type that orders of shuffles have. */
static void
print_bits(const struct lanes_printer *x)
{
    if (x->p.planes == 2 || (x->r.turns && x->c.lanes > 1))
        einc_line(x->p.t,
                  "typedef int%d_t %s_bits __attribute__((vector_size(%d)));",
                  8 * einc_nest_bytes(x->w->compute), x->p.prefix,
                  x->c.vector_bytes);
}

/* Real parts twice, imaginary parts twice, both the other way round. */
static void
print_shuffles(const struct lanes_printer *x)
{
    static const struct {
        const char *name;
        int first, second;
    } rows[] = {{"RE", 0, 0}, {"IM", 1, 1}, {"SWAP", 1, 0}};
    struct text *t = x->p.t;
    const char *name = x->p.prefix;
    for (int clang = 1; clang >= 0; clang--) {
        einc_put(t, clang ? "#if defined(__clang__)\n" : "#else\n");
        for (int k = 0; k < 3; k++) {
            einc_put(t, clang ? "#define %s_%s(v) __builtin_shufflevector(v, "
                                "v, \\\n    "
                              : "#define %s_%s(v) __builtin_shuffle(v, \\\n"
                                "    (%s_bits){",
                     name, rows[k].name, name);
            put_order(x, rows[k].first, rows[k].second);
            einc_put(t, clang ? ")\n" : "})\n");
        }
    }
    einc_put(t, "#endif\n");
}

/* Vectors begin anywhere. */
static void
print_types(const struct lanes_printer *x)
{
    struct text *t = x->p.t;
    const char *name = x->p.prefix;
    int bytes = x->c.vector_bytes;
    if (!bytes)
        return;
    einc_line(t, "typedef %s %s_vector __attribute__((", x->p.type, name);
    einc_line(t, "    vector_size(%d), aligned(%d), may_alias));", bytes,
              einc_nest_bytes(x->w->compute));
    print_bits(x);
    if (x->p.planes == 2)
        print_shuffles(x);
    einc_put(t, "\n");
}

/* What turns records, once for each size. */
static void
print_records(const struct lanes_printer *x)
{
    int done = 0;
    for (int o = 0; o <= 2; o++) {
        struct records r = einc_lanes_records(x->w, &x->r, &x->c, o);
        r.prefix = x->p.prefix;
        r.type = storage(einc_nest_tensor(x->w, o));
        if (!r.size)
            continue;
        if (!done++)
            einc_records_print_mix(x->p.t, r.prefix);
        if (o == 2)
            einc_records_print_together(x->p.t, &r);
        else if (o == 0 || r.size != x->r.record[0])
            einc_records_print_apart(x->p.t, &r);
    }
}

/* Numbers in a line. */
static int
line_of(const struct lanes_printer *x)
{
    return 64 / einc_nest_bytes(x->w->compute);
}

/* Numbers between elements of the lane in tensor o. */
static int
pace_of(const struct lanes_printer *x, int o)
{
    return x->p.planes * (x->r.record[o] ? x->r.record[o] : 1);
}

/* "2*", or nothing: so many times what follows. */
static const char *
times(const struct lanes_printer *x, int n)
{
    struct text t = {.perm = x->p.t->perm};
    if (n > 1)
        einc_put(&t, "%d*", n);
    return n > 1 ? einc_text_z(&t) : "";
}

/* Numbers of a row of results that wait: a line from the run before, a run,
 * of which the last is longer by less than a step. */
static int64_t
row_of(const struct lanes_printer *x)
{
    return einc_nest_up_to(
        line_of(x) + (x->c.run + x->c.step) * pace_of(x, 2), line_of(x));
}

/* The builtins' names are the compilers' own. */
static void
print_past(const struct lanes_printer *x)
{
    struct text *t = x->p.t;
    const char *name = x->p.prefix;
    int bytes = x->c.vector_bytes;
    einc_line(t, "typedef long long %s_line __attribute__((vector_size(%d), "
                 "may_alias));", name, bytes);
    einc_put(t, "#if defined(__clang__)\n");
    einc_put(t, "#define %s_PAST(to, v) \\\n"
                "    __builtin_nontemporal_store((%s_line)(v), "
                "(%s_line *)(to))\n", name, name, name);
    einc_put(t, "#else\n");
    einc_put(t, "#define %s_PAST(to, v) \\\n"
                "    __builtin_ia32_movntdq%s((%s_line *)(to), "
                "(%s_line)(v))\n", name, bytes == 64 ? "512" : "256", name,
             name);
    einc_put(t, "#endif\n\n");
}

/* Results that wait, to where they belong: whole lines, the rest of which are
 * in front of them, from the run before; what is left is kept for the next
 * run. Where a row begins and ends, numbers one by one. */
static void
print_flush(const struct lanes_printer *x)
{
    struct text *t = x->p.t;
    int line = line_of(x), bytes = einc_nest_bytes(x->w->compute);
    int step = x->c.vector_bytes / bytes;
    const char *type = storage(&x->w->out);
    if (!x->c.run)
        return;
    print_past(x);
    einc_line(t, "/* n numbers of a row to memory, past the cache; `begins`, "
                 "`ends`: none come");
    einc_line(t, " * before them, after them */");
    einc_line(t, "static void");
    einc_line(t, "%s_flush(%s *to, %s *from, int64_t n, int begins, int ends)",
              x->p.prefix, type, type);
    einc_line(t, "{");
    t->indent += 4;
    einc_line(t, "typedef %s_vector vector;", x->p.prefix);
    einc_line(t, "int64_t at = (int64_t)((0 - (uintptr_t)to) %% 64 / %d);",
              bytes);
    einc_line(t, "if (!begins && at > 0)");
    einc_line(t, "    at -= %d;", line);
    einc_line(t, "for (int64_t k = 0; k < at && k < n; k++)");
    einc_line(t, "    to[k] = from[k];");
    einc_line(t, "if ((uintptr_t)(to + at) %% 64 == 0)");
    einc_line(t, "    for (; at + %d <= n; at += %d) {", line, line);
    for (int v = 0; v < line; v += step)
        einc_line(t, "        %s_PAST(to + at + %d, *(const vector *)(from + "
                     "at + %d));", x->p.prefix, v, v);
    einc_line(t, "    }");
    einc_line(t, "else /* between two numbers: no line begins with one */");
    einc_line(t, "    at = at < 0 ? 0 : at, ends = 1;");
    einc_line(t, "for (; ends && at < n; at++)");
    einc_line(t, "    to[at] = from[at];");
    einc_line(t, "for (int64_t k = 0; k < %d && !ends; k += %d)", line, step);
    einc_line(t, "    *(vector *)(from + k - %d) = "
                 "*(const vector *)(from + n + k - %d);", line, line);
    t->indent -= 4;
    einc_line(t, "}");
    einc_put(t, "\n");
}

/* Results that are not stored as they are. */
static void
print_store(const struct lanes_printer *x)
{
    static const char *const sum[2][2] = {{"sum[at]", ""},
                                          {"sum[2*at]", "sum[2*at + 1]"}};
    struct text *t = x->p.t;
    if (!has_store(x))
        return;
    einc_line(t, "/* elements [first, end) of a row of sums */");
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
    einc_print_epilogue(&x->p, sum[x->p.planes - 1], "at");
    t->indent -= 4;
    einc_line(t, "}");
    t->indent -= 4;
    einc_line(t, "}");
    einc_put(t, "\n");
}

/* --- where elements are ------------------------------------------------- */

/* Adds value * stride of index j. */
static void
add_term(const struct lanes_printer *x, const struct nest_tensor *y, int j,
         int64_t value, int64_t *literal, struct text *t)
{
    struct quantity s = y->stride[j];
    if (s.arg < 0)
        *literal += value * s.value * x->p.planes;
    else if (value * x->p.planes == 1)
        einc_put(t, " + %s_%s", y->name, x->w->idx[j].name);
    else if (value)
        einc_put(t, " + %lld*%s_%s", (long long)value * x->p.planes, y->name,
                 x->w->idx[j].name);
}

/* Numbers from the first product's first one in y to row `row`, column
 * `column`, step `deep`: a literal, to which terms that begin " + " in t are
 * to be added. */
static int64_t
add_terms(const struct lanes_printer *x, const struct nest_tensor *y,
          int64_t row, int64_t column, int64_t deep, struct text *t)
{
    const int64_t at[2] = {row, column};
    const struct nest *w = x->w;
    int64_t literal = 0;
    for (int side = 0; side < 2; side++)
        for (int k = 0; k < x->r.side[side].n; k++)
            add_term(x, y, x->r.side[side].idx[k],
                     einc_lanes_value(w, &x->r.side[side], k, at[side]),
                     &literal, t);
    for (int j = w->n_idx - 1; y != &w->out && j >= w->first[LOOP_K]; j--) {
        add_term(x, y, j, deep % w->idx[j].extent.value, &literal, t);
        deep /= w->idx[j].extent.value;
    }
    return literal;
}

/* The same for vector v, as C: "24 + 2*lhs_i". */
static const char *
place(const struct lanes_printer *x, const struct nest_tensor *y, int64_t row,
      int64_t column, int64_t deep, int v)
{
    struct text t = {.perm = x->p.t->perm}, all = {.perm = x->p.t->perm};
    int64_t literal = add_terms(x, y, row, column, deep, &t) +
                      (int64_t)v * x->numbers;
    if (literal || !t.n)
        einc_put(&all, "%lld%s", (long long)literal,
                 t.n ? einc_text_z(&t) : "");
    return literal || !t.n ? einc_text_z(&all) : einc_text_z(&t) + 3;
}

/* Its place in the record of a tensor that is turned. */
static int
record_place(const struct lanes_printer *x, const struct nest_tensor *y,
             int64_t row, int64_t column, int64_t deep)
{
    struct text none = {.perm = x->p.t->perm}; /* all strides are literal */
    return (int)add_terms(x, y, row, column, deep, &none) / x->p.planes;
}

/* --- a tile ------------------------------------------------------------- */

/* Rows and columns [first, end). */
struct tile_of {
    int64_t first[2], end[2];
    int64_t number; /* of its results, how many wait before them */
};

static const char *
sum_name(const struct lanes_printer *x, int64_t row, int64_t column, int v,
         int plane)
{
    struct text t = {.perm = x->p.t->perm};
    einc_put(&t, "%s%lld_%lld", x->p.planes == 1 ? "sum" : plane ? "im" : "re",
             (long long)row, (long long)column);
    if (x->vectors > 1)
        einc_put(&t, "_%d", v);
    return einc_text_z(&t);
}

/* "a2" "a2_1" "a2_re": row 2, its vector 1, its real part. */
static const char *
element_name(const struct lanes_printer *x, int side, int64_t at, int v,
             int plane)
{
    struct text t = {.perm = x->p.t->perm};
    einc_put(&t, "%c%lld", side ? 'b' : 'a', (long long)at);
    if (x->vectors > 1 && !x->r.side[side].broadcast)
        einc_put(&t, "_%d", v);
    if (x->p.planes == 2 && side == x->r.paired)
        einc_put(&t, plane ? "_im" : "_re");
    return einc_text_z(&t);
}

/* The next line of a declaration. */
static const char *
continued(const struct lanes_printer *x)
{
    struct text t = {.perm = x->p.t->perm};
    einc_put(&t, ",\n%*s", x->p.t->indent + 4, "");
    return einc_text_z(&t);
}

static void
declare_sums(const struct lanes_printer *x, const struct tile_of *y)
{
    enum { IN_A_LINE = 4 };
    struct text *t = x->p.t;
    const char *zero = strcmp(x->type, "vector") == 0 ? "{0}" : "0";
    int64_t columns = y->end[1] - y->first[1], each = x->vectors * x->p.planes;
    for (int64_t r = y->first[0]; r < y->end[0]; r++) {
        einc_put(t, "%*s%s ", t->indent, "", x->type);
        for (int64_t k = 0; k < columns * each; k++)
            einc_put(t, "%s%s = %s",
                     k == 0               ? ""
                     : k % IN_A_LINE == 0 ? continued(x)
                                          : ", ",
                     sum_name(x, r, y->first[1] + k / each,
                              (int)(k % each / x->p.planes),
                              (int)(k % x->p.planes)), zero);
        einc_put(t, ";\n");
    }
}

/* The element of a side, or its two parts, that all lanes multiply with. */
static void
load_broadcast(const struct lanes_printer *x, int side, int64_t at,
               int64_t deep)
{
    struct text *t = x->p.t;
    const struct nest_tensor *y = &x->w->in[side];
    const char *from = place(x, y, side ? 0 : at, side ? at : 0, deep, 0);
    struct text pointer = {.perm = t->perm};
    einc_put(&pointer, "%s_at", y->name);
    for (int plane = 0; plane < x->p.planes; plane++) {
        einc_put(t, "%*sconst %s %s = ", t->indent, "", x->p.type,
                 element_name(x, side, at, 0, plane));
        if (x->p.planes == 2)
            einc_put(t, plane ? "%s[%s + 1]" : "%s[%s]",
                     einc_text_z(&pointer), from);
        else
            einc_print_load(&x->p, y->storage, 0, einc_text_z(&pointer),
                            from);
        einc_put(t, ";\n");
    }
}

static void
load_lanes(const struct lanes_printer *x, int side, int64_t at, int64_t deep)
{
    struct text *t = x->p.t;
    const struct nest_tensor *y = &x->w->in[side];
    int split = x->p.planes == 2 && side == x->r.paired;
    for (int v = 0; v < x->vectors; v++) {
        const char *from = place(x, y, side ? 0 : at, side ? at : 0, deep, v);
        struct text whole = {.perm = t->perm};
        einc_put(&whole, "whole%lld_%d", (long long)at, v);
        const char *name = split ? einc_text_z(&whole)
                                 : element_name(x, side, at, v, 0);
        if (is_turned(x, side))
            einc_line(t, "const vector %s = %s_turned[%d];", name, y->name,
                      record_place(x, y, side ? 0 : at, side ? at : 0, deep));
        else if (x->c.vector_bytes && strcmp(x->type, "vector") == 0)
            einc_line(t, "const vector %s = *(const vector *)(%s_at + %s);",
                      name, y->name, from);
        else
            einc_line(t, "const %s %s = (%s)%s_at[%s];", x->type, name,
                      x->type, y->name, from);
        for (int plane = 0; split && plane < 2; plane++)
            einc_line(t, "const vector %s = %s_%s(%s);",
                      element_name(x, side, at, v, plane), x->p.prefix,
                      plane ? "IM" : "RE", name);
    }
}

/* One step of the sum: every row of the tile times every column. The only one
 * is no sum, which would lose the sign of a zero. */
static void
multiply(const struct lanes_printer *x, const struct tile_of *y, int64_t deep)
{
    struct text *t = x->p.t;
    const char *add = x->r.depth > 1 ? "+=" : "=";
    einc_line(t, "{");
    t->indent += 4;
    for (int side = 1; side >= 0; side--)
        for (int64_t at = y->first[side]; at < y->end[side]; at++)
            if (x->r.side[side].broadcast)
                load_broadcast(x, side, at, deep);
            else
                load_lanes(x, side, at, deep);
    for (int64_t r = y->first[0]; r < y->end[0]; r++)
        for (int64_t c = y->first[1]; c < y->end[1]; c++)
            for (int v = 0; v < x->vectors; v++)
                for (int plane = 0; plane < x->p.planes; plane++)
                    einc_line(t, "%s %s %s * %s;",
                              sum_name(x, r, c, v, plane), add,
                              element_name(x, 0, r, v, plane),
                              element_name(x, 1, c, v, plane));
    t->indent -= 4;
    einc_line(t, "}");
}

/* The sum as it is stored. */
static const char *
result(const struct lanes_printer *x, int64_t row, int64_t column, int v)
{
    struct text t = {.perm = x->p.t->perm};
    einc_put(&t, "%s", sum_name(x, row, column, v, 0));
    if (x->p.planes == 2)
        einc_put(&t, " + sign*%s_SWAP(%s)", x->p.prefix,
                 sum_name(x, row, column, v, 1));
    return einc_text_z(&t);
}

enum way { PLAIN, GATHERED, SCALED };

/* `number`: of the row of results among those that wait. */
static void
store_one(const struct lanes_printer *x, int64_t row, int64_t column,
          int64_t number, enum way way)
{
    struct text *t = x->p.t;
    const struct nest_tensor *y = &x->w->out;
    for (int v = 0; v < x->vectors; v++) {
        const char *value = result(x, row, column, v);
        const char *to = place(x, y, row, column, 0, v);
        if (is_turned(x, 2))
            einc_line(t, "out_turned[%d] = %s;",
                      record_place(x, y, row, column, 0), value);
        else if (way == GATHERED)
            einc_line(t, "*(vector *)(stage_at + %lld) = %s;",
                      (long long)(number * row_of(x) + v * x->numbers), value);
        else if (way == SCALED)
            einc_line(t, "*(%s *)(sums + %d) = %s;", x->type,
                      v * x->numbers, value);
        else if (strcmp(x->type, "vector") == 0)
            einc_line(t, "*(vector *)(out_at + %s) = %s;", to, value);
        else
            einc_line(t, "out_at[%s] = (%s)%s;", to, storage(y), value);
    }
    if (way == SCALED && !is_turned(x, 2))
        einc_line(t, "%s_store(%ssums, out_at + %s, %s, %d);", x->p.prefix,
                  x->p.with_scale ? "args, " : "", place(x, y, row, column, 0,
                                                         0),
                  x->ragged ? "at - lane" : "0",
                  x->vectors * x->numbers / x->p.planes);
}

static void
store_all(const struct lanes_printer *x, const struct tile_of *y,
          enum way way)
{
    int64_t number = y->number;
    if (way == SCALED && !is_turned(x, 2))
        einc_line(x->p.t, "%s sums[%d];", x->p.type,
                  x->vectors * x->numbers);
    for (int64_t r = y->first[0]; r < y->end[0]; r++)
        for (int64_t c = y->first[1]; c < y->end[1]; c++)
            store_one(x, r, c, number++, way);
}

static void
store(const struct lanes_printer *x, const struct tile_of *y)
{
    struct text *t = x->p.t;
    enum way plain = x->gathers ? GATHERED : PLAIN;
    if (!has_store(x) || x->scaled || is_turned(x, 2)) {
        store_all(x, y, x->scaled ? SCALED : plain);
        return;
    }
    einc_line(t, "if (args->alpha || args->beta) {");
    t->indent += 4;
    store_all(x, y, SCALED);
    t->indent -= 4;
    einc_line(t, "} else {");
    t->indent += 4;
    store_all(x, y, plain);
    t->indent -= 4;
    einc_line(t, "}");
}

static void
print_tile(const struct lanes_printer *x, const struct tile_of *y)
{
    struct text *t = x->p.t;
    einc_line(t, "{ /* rows %lld-%lld, columns %lld-%lld */",
              (long long)y->first[0], (long long)y->end[0] - 1,
              (long long)y->first[1], (long long)y->end[1] - 1);
    t->indent += 4;
    declare_sums(x, y);
    for (int64_t deep = 0; deep < x->r.depth; deep++)
        multiply(x, y, deep);
    store(x, y);
    t->indent -= 4;
    einc_line(t, "}");
}

/* --- a step of the lane ------------------------------------------------- */

static int
has_outer(const struct lanes_printer *x)
{
    for (int j = 0; j < x->w->first[LOOP_K]; j++)
        if (einc_lanes_is_outer(x->w, &x->r, j))
            return 1;
    return 0;
}

/* The tensor of the products at hand. */
static const char *
product_of(const struct lanes_printer *x, const struct nest_tensor *y)
{
    struct text t = {.perm = x->p.t->perm};
    einc_put(&t, "%s%s", y->name, has_outer(x) ? "_now" : "");
    return einc_text_z(&t);
}

/* Where element `lane` of the products at hand is. */
static void
print_pointers(const struct lanes_printer *x, const char *lane)
{
    struct text *t = x->p.t;
    int tensors = x->gathers && !has_store(x) ? 2 : 3;
    for (int o = 0; o < tensors; o++) {
        const struct nest_tensor *y = einc_nest_tensor(x->w, o);
        einc_put(t, "%*s%s%s *const %s_at = %s", t->indent, "",
                 o < 2 ? "const " : "", storage(y), y->name, product_of(x, y));
        if (o == 2 || !x->r.side[o].broadcast)
            einc_put(t, " + %s%s", times(x, pace_of(x, o)), lane);
        einc_put(t, ";\n");
    }
}

/* Tile number `at`, the columns fastest; `first`: of those that are done
 * together. */
static struct tile_of
tile_at(const struct lanes_printer *x, int first, int at)
{
    int64_t m = x->r.side[0].size, n = x->r.side[1].size, number = 0;
    int parts[2] = {x->c.parts[0], x->c.parts[1]};
    int p = at / parts[1], q = at % parts[1];
    struct tile_of y = {{m * p / parts[0], n * q / parts[1]},
                        {m * (p + 1) / parts[0], n * (q + 1) / parts[1]},
                        0};
    for (int before = first; before < at; before++) {
        struct tile_of z = tile_at(x, before, before);
        number += (z.end[0] - z.first[0]) * (z.end[1] - z.first[1]);
    }
    y.number = number;
    return y;
}

/* Vectors of what is turned: of operands all, of results the room. */
static void
print_turned(const struct lanes_printer *x)
{
    for (int o = 0; o <= 2; o++) {
        const char *name = einc_nest_tensor(x->w, o)->name;
        if (!is_turned(x, o))
            continue;
        einc_line(x->p.t, "vector %s_turned[%d];", name, x->r.record[o]);
        if (o < 2)
            einc_line(x->p.t, "%s_apart%d(%s_at, %s_turned);", x->p.prefix,
                      x->r.record[o], name, name);
    }
}

/* Results that are turned back, to where `way` says. */
static void
store_turned(const struct lanes_printer *x, enum way way)
{
    int size = x->r.record[2];
    struct text from = {.perm = x->p.t->perm};
    einc_put(&from, x->ragged ? "%d*(at - lane)" : "0", size);
    const char *begin = einc_text_z(&from);
    if (way == SCALED)
        einc_line(x->p.t, "%s sums[%d];", x->p.type, size * x->numbers);
    einc_line(x->p.t, "%s_together%d(out_turned, %s);", x->p.prefix, size,
              way == SCALED     ? "sums"
              : way == GATHERED ? "stage_at"
                                : "out_at");
    if (way == SCALED)
        einc_line(x->p.t, "%s_store(%ssums, out_at, %s, %d);", x->p.prefix,
                  x->p.with_scale ? "args, " : "", begin,
                  size * x->numbers / x->p.planes);
}

static void
print_together(const struct lanes_printer *x)
{
    struct text *t = x->p.t;
    enum way plain = x->gathers ? GATHERED : PLAIN;
    if (!is_turned(x, 2))
        return;
    if (!has_store(x) || x->scaled) {
        store_turned(x, x->scaled ? SCALED : plain);
        return;
    }
    einc_line(t, "if (args->alpha || args->beta) {");
    t->indent += 4;
    store_turned(x, SCALED);
    t->indent -= 4;
    einc_line(t, "} else {");
    t->indent += 4;
    store_turned(x, plain);
    t->indent -= 4;
    einc_line(t, "}");
}

/* Tiles [first, end) from `from` to `to`, both C. */
static void
print_steps(const struct lanes_printer *x, int first, int end,
            const char *from, const char *to)
{
    struct text *t = x->p.t;
    long long step = x->vectors * x->numbers / x->p.planes;
    if (step > 1)
        einc_line(t, "for (int64_t at = %s; at < %s; at += %lld) {", from, to,
                  step);
    else
        einc_line(t, "for (int64_t at = %s; at < %s; at++) {", from, to);
    t->indent += 4;
    if (x->ragged)
        einc_line(t, "const int64_t lane = at + %lld <= %s ? at : %s - %lld;",
                  step, to, to, step);
    print_pointers(x, x->ragged ? "lane" : "at");
    if (x->gathers)
        einc_line(t, "%s *const stage_at = stage + %d + %s(%s - run);",
                  storage(&x->w->out), line_of(x), times(x, pace_of(x, 2)),
                  x->ragged ? "lane" : "at");
    print_turned(x);
    for (int tile = first; tile < end; tile++) {
        struct tile_of y = tile_at(x, first, tile);
        print_tile(x, &y);
    }
    print_together(x);
    t->indent -= 4;
    einc_line(t, "}");
}

/* A row of results, whose number is `number` among those that wait, goes to
 * memory. */
static void
print_row(const struct lanes_printer *x, const char *from, int64_t number)
{
    const char *n = times(x, pace_of(x, 2));
    einc_line(x->p.t, "%s_flush(%s + %s + %srun, stage + %lld, "
                      "%s(until - run), run == first, until == last);",
              x->p.prefix, product_of(x, &x->w->out), from, n,
              (long long)(line_of(x) + number * row_of(x)), n);
}

/* Every row of the results of tiles [first, end); records are one row. */
static void
print_flushes(const struct lanes_printer *x, int first, int end)
{
    if (is_turned(x, 2)) {
        print_row(x, "0", 0);
        return;
    }
    for (int tile = first; tile < end; tile++) {
        struct tile_of y = tile_at(x, first, tile);
        int64_t number = y.number;
        for (int64_t r = y.first[0]; r < y.end[0]; r++)
            for (int64_t c = y.first[1]; c < y.end[1]; c++)
                print_row(x, place(x, &x->w->out, r, c, 0, 0), number++);
    }
}

/* The same in runs, the last one longer by less than a step. */
static void
print_runs(const struct lanes_printer *x, int first, int end)
{
    struct text *t = x->p.t;
    long long run = x->c.run, step = x->c.step;
    einc_line(t, "for (int64_t run = first, until; run < last; run = until) {");
    t->indent += 4;
    einc_line(t, "until = last - run < %lld ? last : run + %lld;", run + step,
              run);
    print_steps(x, first, end, "run", "until");
    if (x->p.with_scale) {
        einc_line(t, "if (!args->alpha && !args->beta) {");
        t->indent += 4;
    }
    print_flushes(x, first, end);
    if (x->p.with_scale) {
        t->indent -= 4;
        einc_line(t, "}");
    }
    t->indent -= 4;
    einc_line(t, "}");
}

static void
print_part(const struct lanes_printer *x, int first, int end)
{
    if (x->gathers)
        print_runs(x, first, end);
    else
        print_steps(x, first, end, "first", "last");
}

static void
print_vectors(struct lanes_printer *x)
{
    int tiles = x->c.parts[0] * x->c.parts[1];
    x->vectors = x->c.vectors;
    x->numbers = x->c.lanes * x->p.planes;
    x->type = x->c.vector_bytes ? "vector" : x->p.type;
    x->ragged = x->c.ragged;
    x->gathers = x->c.run > 0;
    for (int tile = 0; tile < tiles && x->c.apart; tile++)
        print_part(x, tile, tile + 1);
    if (!x->c.apart)
        print_part(x, 0, tiles);
}

/* A lane that turns out to be shorter than a step. */
static void
print_numbers(struct lanes_printer *x)
{
    x->vectors = 1;
    x->numbers = x->p.planes;
    x->type = x->p.type;
    x->ragged = x->gathers = 0;
    print_steps(x, 0, x->c.parts[0] * x->c.parts[1], "first", "last");
}

/* --- tasks -------------------------------------------------------------- */

/* What a task number counts, fastest first: at `level` 0, 1 ... a part of the
 * lane, an index; -1 at the end. */
enum { CHUNKS = -2 };

static int
counted(const struct lanes_printer *x, int level)
{
    const struct nest *w = x->w;
    int one = !is_symbolic(x, x->r.lane) &&
              einc_lanes_tasks(&x->c, w->idx[x->r.lane].extent.value) == 1;
    if (!one && level-- == 0)
        return CHUNKS;
    for (int j = w->first[LOOP_K] - 1; j >= 0; j--)
        if (einc_lanes_is_outer(w, &x->r, j) && level-- == 0)
            return j;
    return -1;
}

static int
n_counted(const struct lanes_printer *x)
{
    int n = 0;
    while (counted(x, n) != -1)
        n++;
    return n;
}

static const char *
counter_name(const struct lanes_printer *x, int j)
{
    return j == CHUNKS ? "chunk" : x->w->idx[j].name;
}

static int64_t
limit_of(const struct lanes_printer *x, int j)
{
    int64_t n = x->w->idx[j == CHUNKS ? x->r.lane : j].extent.value;
    return j == CHUNKS ? einc_lanes_tasks(&x->c, n) : n;
}

static const char *
counter_limit(const struct lanes_printer *x, int j)
{
    struct text t = {.perm = x->p.t->perm};
    long long chunk = x->c.chunk;
    if (j != CHUNKS)
        return einc_print_n(&x->p, j);
    const char *n = einc_print_n(&x->p, x->r.lane);
    if (is_symbolic(x, x->r.lane))
        einc_put(&t, "(%s < %lld ? 1 : %s/%lld)", n, 2 * chunk, n, chunk);
    else
        einc_put(&t, "%lld", (long long)limit_of(x, j));
    return einc_text_z(&t);
}

static void
put_count(const struct lanes_printer *x, struct text *t)
{
    int n = n_counted(x), any = 0;
    int64_t literal = 1;
    for (int c = 0; c < n; c++) {
        int j = counted(x, c);
        if (is_symbolic(x, j == CHUNKS ? x->r.lane : j))
            einc_put(t, "%s%s", any++ ? "*" : "", counter_limit(x, j));
        else
            literal *= limit_of(x, j);
    }
    if (!any || literal != 1)
        einc_put(t, "%s%lld", any ? "*" : "", (long long)literal);
}

static void
decode_task(const struct lanes_printer *x, const char *from)
{
    struct text *t = x->p.t;
    int n = n_counted(x);
    if (n > 1)
        einc_line(t, "int64_t rest = %s; /* fastest first */", from);
    for (int c = 0; c < n; c++) {
        int j = counted(x, c);
        if (c == n - 1) {
            einc_line(t, "int64_t %s = %s;", counter_name(x, j),
                      n > 1 ? "rest" : from);
            break;
        }
        einc_line(t, "int64_t %s = rest %% %s;", counter_name(x, j),
                  counter_limit(x, j));
        einc_line(t, "rest /= %s;", counter_limit(x, j));
    }
}

static void
next_task(const struct lanes_printer *x)
{
    struct text *t = x->p.t;
    int n = n_counted(x), indent = t->indent;
    for (int c = 0; c < n; c++) {
        int j = counted(x, c);
        if (c == n - 1) {
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

/* Part of the lane that the task at hand does: the last one does the rest. */
static void
print_range(const struct lanes_printer *x)
{
    struct text *t = x->p.t;
    const char *n = einc_print_n(&x->p, x->r.lane);
    long long chunk = x->c.chunk;
    if (counted(x, 0) != CHUNKS) {
        einc_line(t, "const int64_t first = 0, last = %s;", n);
        return;
    }
    einc_line(t, "const int64_t first = %lld*chunk;", chunk);
    einc_line(t, "const int64_t last = %s - first < %lld ? %s : first + %lld;",
              n, 2 * chunk, n, chunk);
}

/* The tensors of the products at hand. */
static void
print_now(const struct lanes_printer *x)
{
    struct text *t = x->p.t;
    const struct nest *w = x->w;
    for (int o = 0; o <= 2 && has_outer(x); o++) {
        const struct nest_tensor *y = einc_nest_tensor(w, o);
        int any = 0;
        einc_put(t, "%*s%s%s *const %s_now = %s", t->indent, "",
                 o < 2 ? "const " : "", storage(y), y->name, y->name);
        for (int j = 0; j < w->first[LOOP_K]; j++) {
            struct quantity s = y->stride[j];
            if (!einc_lanes_is_outer(w, &x->r, j) ||
                (s.arg < 0 && s.value == 0))
                continue;
            einc_put(t, any++ ? " + " : x->p.planes == 2 ? " + 2*(" : " + (");
            if (s.arg >= 0)
                einc_put(t, "%s_%s*%s", y->name, w->idx[j].name,
                         w->idx[j].name);
            else
                einc_put(t, "%lld*%s", (long long)s.value, w->idx[j].name);
        }
        einc_put(t, any ? ");\n" : ";\n");
    }
}

static void
print_task(struct lanes_printer *x)
{
    struct text *t = x->p.t;
    print_range(x);
    print_now(x);
    if (is_symbolic(x, x->r.lane) && x->c.step > 1) {
        einc_line(t, "if (last - first < %lld) {", (long long)x->c.step);
        t->indent += 4;
        print_numbers(x);
        t->indent -= 4;
        einc_line(t, "} else {");
        t->indent += 4;
        print_vectors(x);
        t->indent -= 4;
        einc_line(t, "}");
    } else {
        print_vectors(x);
    }
}

/* --- the kernel --------------------------------------------------------- */

/* Where results wait. */
static void
print_stage(const struct lanes_printer *x)
{
    int64_t rows = x->r.side[0].size * x->r.side[1].size;
    if (x->r.record[2])
        rows = 1;
    else if (x->c.apart)
        rows = einc_nest_blocks(x->r.side[0].size, x->c.parts[0]) *
               einc_nest_blocks(x->r.side[1].size, x->c.parts[1]);
    if (x->c.run)
        einc_line(x->p.t, "%s stage[%lld] __attribute__((aligned(64)));",
                  storage(&x->w->out), (long long)(rows * row_of(x)));
}

static void
close_stage(const struct lanes_printer *x)
{
    if (x->c.run)
        einc_line(x->p.t, "__builtin_ia32_sfence();");
}

static void
print_sign(const struct lanes_printer *x)
{
    if (x->p.planes == 1)
        return;
    einc_put(x->p.t, "%*sconst vector sign = {", x->p.t->indent, "");
    for (int l = 0; l < x->c.lanes; l++)
        einc_put(x->p.t, l ? ", -1, 1" : "-1, 1");
    einc_put(x->p.t, "};\n");
}

static void
print_head(const struct lanes_printer *x)
{
    struct text *t = x->p.t;
    einc_line(t, "%svoid", x->p.linkage);
    if (x->p.by_parameter) {
        einc_put(t, "%s(", x->p.prefix);
        einc_print_parameters(&x->p, 4);
        einc_put(t, ")\n");
    } else {
        einc_line(t, "%s(const struct %s *args, int64_t task_begin, "
                     "int64_t task_end)", x->p.prefix, x->p.args);
    }
    einc_line(t, "{");
}

/* Nothing may need the extent of the outermost counter if others say where to
 * begin and end. */
static void
print_unused(const struct lanes_printer *x)
{
    int n = n_counted(x), j = n ? counted(x, n - 1) : -1;
    if (x->p.in_parts && j >= 0 && is_symbolic(x, j))
        einc_line(x->p.t, "(void)%s;", counter_limit(x, j));
}

void
einc_print_lanes(const struct printer *p)
{
    struct lanes_printer x = open_printer(p);
    struct text *t = x.p.t, count = {.perm = t->perm};
    int parts = !p->by_parameter || p->in_parts;
    int loops = parts || n_counted(&x);
    const char *begin = p->by_parameter ? "begin" : "task_begin";
    const char *end = p->by_parameter ? "end" : "task_end";
    put_count(&x, &count);
    print_types(&x);
    print_records(&x);
    print_flush(&x);
    print_store(&x);
    print_head(&x);
    t->indent += 4;
    if (x.c.vector_bytes)
        einc_line(t, "typedef %s_vector vector;", p->prefix);
    einc_print_arguments(&x.p);
    print_unused(&x);
    print_sign(&x);
    print_stage(&x);
    decode_task(&x, parts ? begin : "0");
    if (loops) {
        einc_line(t, "for (int64_t task = %s; task < %s; task++) {",
                  parts ? begin : "0", parts ? end : einc_text_z(&count));
        t->indent += 4;
    }
    print_task(&x);
    next_task(&x);
    if (loops) {
        t->indent -= 4;
        einc_line(t, "}");
    }
    close_stage(&x);
    t->indent -= 4;
    einc_line(t, "}");
}

int
einc_print_lanes_parts(const struct printer *p, struct text *worth)
{
    enum { WORTH_THREADS = 100000 };
    struct lanes_printer x = open_printer(p);
    struct text size = {.perm = p->t->perm};
    double points = 1;
    int symbolic = 0;
    for (int j = 0; j < x.w->n_idx; j++) {
        symbolic |= is_symbolic(&x, j);
        if (is_symbolic(&x, j))
            einc_put(&size, "*(double)n_%s", x.w->idx[j].name);
        else
            points *= (double)x.w->idx[j].extent.value;
    }
    if (symbolic)
        einc_put(worth, "%lld.0%s >= %d", (long long)points,
                 einc_text_z(&size), WORTH_THREADS);
    return n_counted(&x) && (symbolic || points >= WORTH_THREADS);
}

void
einc_print_lanes_count(const struct printer *p)
{
    struct lanes_printer x = open_printer(p);
    put_count(&x, p->t);
}

/* SPDX-License-Identifier: MIT
 *
 * print_stream_lanes.c - see print_stream.h. Lanes are plain loops that any
 * compiler makes vectors of: over rows of memory, or, for partial sums, over
 * arrays of so few elements that they stay in registers.
 */
#include "codegen/print_stream.h"

#include <string.h>

enum { LINE = 64 }; /* bytes of a cache line */

enum lane_class { LANE_HELD, LANE_UNIT, LANE_STRIDED };

/* --- small texts -------------------------------------------------------- */

const char *
einc_stream_text(const struct printer *p, const char *fmt, ...)
{
    struct text t = {.perm = p->t->perm};
    va_list ap;
    va_start(ap, fmt);
    einc_putv(&t, fmt, ap);
    va_end(ap);
    return einc_text_z(&t);
}

void
einc_stream_open(const struct printer *p, const char *fmt, ...)
{
    struct text t = {.perm = p->t->perm};
    va_list ap;
    va_start(ap, fmt);
    einc_putv(&t, fmt, ap);
    va_end(ap);
    einc_line(p->t, "%s", einc_text_z(&t));
    p->t->indent += 4;
}

void
einc_stream_close(const struct printer *p)
{
    p->t->indent -= 4;
    einc_line(p->t, "}");
}

static int
is_complex(enum einc_dtype d)
{
    return einc_dtype_info(d)->kind == KIND_COMPLEX;
}

/* "" "_re" "_im" */
static const char *
plane_name(const struct printer *p, int plane)
{
    return p->planes == 1 ? "" : plane ? "_im" : "_re";
}

/* What position v of a visit adds to a name: "", "_1" ... */
static const char *
visit_name(const struct printer *p, int v)
{
    return v ? einc_stream_text(p, "_%d", v) : "";
}

/* --- strides ------------------------------------------------------------ */

static int
loop_index(const struct nest *w, int deep)
{
    return deep ? w->deep : w->inner;
}

/* Stride of tensor o along inner or deep, as C; NULL if it does not move. */
static const char *
loop_stride(const struct printer *p, int o, int deep)
{
    const struct nest *w = p->nest;
    const struct nest_tensor *x = einc_nest_tensor(w, o);
    int j = loop_index(w, deep);
    if (w->table)
        return einc_stream_text(p, "%s_%s", x->name, deep ? "deep" : "inner");
    if (j < 0 || (x->stride[j].arg < 0 && x->stride[j].value == 0))
        return NULL;
    if (x->stride[j].arg < 0)
        return einc_stream_text(p, "%lld", (long long)x->stride[j].value);
    return einc_stream_text(p, "%s_%s", x->name, w->idx[j].name);
}

static enum lane_class
lane_class(const struct nest *w, int o)
{
    if (w->table && w->units < 0)
        return LANE_STRIDED;
    if (w->table && o < w->n_in)
        return o < w->units ? LANE_UNIT : LANE_HELD;
    if (w->table)
        return w->form == STREAM_MAP ? LANE_UNIT : LANE_STRIDED;
    if (w->lane < 0)
        return LANE_HELD;
    struct quantity q = einc_nest_tensor(w, o)->stride[w->lane];
    return q.arg >= 0     ? LANE_STRIDED
           : q.value == 1 ? LANE_UNIT
           : q.value      ? LANE_STRIDED
                          : LANE_HELD;
}

/* How far lane `var` of tensor o is from the first: "var", "9*(var)", "0". */
static const char *
lane_step(const struct printer *p, int o, const char *var)
{
    const struct nest *w = p->nest;
    const struct nest_tensor *x = einc_nest_tensor(w, o);
    enum lane_class c = lane_class(w, o);
    if (c == LANE_HELD)
        return "0";
    if (c == LANE_UNIT)
        return var;
    const char *open = strchr(var, ' ') ? "(" : "";
    const char *close = *open ? ")" : "";
    if (w->table)
        return einc_stream_text(p, "%s_lane*%s%s%s", x->name, open, var,
                                close);
    struct quantity q = x->stride[w->lane];
    if (q.arg >= 0)
        return einc_stream_text(p, "%s_%s*%s%s%s", x->name,
                                w->idx[w->lane].name, open, var, close);
    return einc_stream_text(p, "%lld*%s%s%s", (long long)q.value, open, var,
                            close);
}

/* --- where a tensor is -------------------------------------------------- */

int
einc_stream_block(const struct nest *w)
{
    if (w->table)
        return 1;
    if (w->lane < 0 || w->form == STREAM_DOTS || w->lanes <= 1)
        return 0;
    struct quantity n = w->idx[w->lane].extent;
    return n.arg >= 0 || n.value > w->lanes;
}

int
einc_stream_has_spots(const struct nest *w)
{
    return w->table && w->form == STREAM_COLUMNS && w->visit > 1 &&
           w->sum != EINC_SUM_KAHAN;
}

const char *
einc_stream_count(const struct printer *p)
{
    const struct nest *w = p->nest;
    if (!w->table && w->lane < 0)
        return "1";
    if (!einc_stream_block(w))
        return w->table ? "count" : einc_print_n(p, w->lane);
    int exact = !w->table && w->idx[w->lane].extent.arg < 0 &&
                w->idx[w->lane].extent.value % w->lanes == 0;
    return exact ? einc_stream_text(p, "%d", w->lanes) : "count";
}

static void
add_term(struct text *t, const char *term)
{
    if (strcmp(term, "0") != 0)
        einc_put(t, t->n ? " + %s" : "%s", term);
}

/* Where the lane's first element is, v positions further along inner (dots)
 * or deep (columns). */
static const char *
place(const struct printer *p, int o, int v)
{
    const struct nest *w = p->nest;
    struct text t = {.perm = p->t->perm};
    int sums = w->form != STREAM_MAP && o < w->n_in;
    if (p->listed && sums) {
        einc_put(&t, "at[%d] + %s*inner + spot%d[k%s]", o,
                 loop_stride(p, o, 0), o,
                 v ? einc_stream_text(p, " + %d", v) : "");
    } else if (w->table) {
        einc_put(&t, "%s[%d] + %s*inner", sums ? "from" : "at", o,
                 loop_stride(p, o, 0));
        if (sums)
            einc_put(&t, " + %s*deep", loop_stride(p, o, 1));
    } else {
        struct printer q = *p;
        struct text all = {.perm = p->t->perm};
        q.t = &all;
        einc_print_offset(&q, einc_nest_tensor(w, o), 0, w->n_idx, w->lane);
        add_term(&t, einc_text_z(&all));
    }
    if (einc_stream_block(w) && !(w->form == STREAM_DOTS && o == w->n_in))
        add_term(&t, lane_step(p, o, "first"));
    const char *step = loop_stride(p, o, w->form == STREAM_COLUMNS);
    if (v && step && !p->listed)
        add_term(&t, v == 1 ? step : einc_stream_text(p, "%d*%s", v, step));
    return t.n ? einc_text_z(&t) : "0";
}

/* Whether operand o is elsewhere at position v of a visit. */
static int
moves(const struct printer *p, int o, int v)
{
    return v && loop_stride(p, o, p->nest->form == STREAM_COLUMNS);
}

/* Names the start of every operand's lane, or its one value if it has none,
 * for each position of a visit. */
static void
print_starts(const struct printer *p, int visit)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    for (int o = 0; o < w->n_in; o++)
        for (int v = 0; v < visit; v++) {
            const struct nest_tensor *x = &w->in[o];
            if (v && !moves(p, o, v))
                continue;
            const char *to = place(p, o, v), *which = visit_name(p, v);
            if (lane_class(w, o) != LANE_HELD) {
                einc_line(t, is_complex(x->storage)
                                 ? "const %s *const from%d%s = %s + 2*(%s);"
                                 : "const %s *const from%d%s = %s + %s;",
                          einc_print_storage(x->storage), o, which, x->name,
                          to);
                continue;
            }
            for (int plane = 0; plane < p->planes; plane++) {
                einc_put(t, "%*sconst %s held%d%s%s = ", t->indent, "",
                         p->type, o, which, plane_name(p, plane));
                einc_print_load(p, x->storage, plane, x->name, to);
                einc_put(t, ";\n");
            }
        }
}

/* --- products ----------------------------------------------------------- */

static void
print_element(const struct printer *p, int o, int v, int plane,
              const char *var)
{
    const char *which = moves(p, o, v) ? visit_name(p, v) : "";
    if (lane_class(p->nest, o) == LANE_HELD)
        einc_put(p->t, "held%d%s%s", o, which, plane_name(p, plane));
    else
        einc_print_load(p, p->nest->in[o].storage, plane,
                        einc_stream_text(p, "from%d%s", o, which),
                        lane_step(p, o, var));
}

/* Of real numbers: "from0[lane]*held1". */
static void
print_product(const struct printer *p, int v, const char *var)
{
    int pair = p->nest->compute == EINC_BOOL && p->nest->n_in > 1;
    einc_put(p->t, pair ? "(" : "");
    for (int o = 0; o < p->nest->n_in; o++) {
        if (o)
            einc_put(p->t, " %s ", einc_print_mul(p));
        print_element(p, o, v, 0, var);
    }
    einc_put(p->t, pair ? ")" : "");
}

/* Of complex ones: declares re and im. */
static void
print_complex(const struct printer *p, int v, const char *var)
{
    struct text *t = p->t;
    einc_put(t, "%*s%s re = ", t->indent, "", p->type);
    print_element(p, 0, v, 0, var);
    einc_put(t, ", im = ");
    print_element(p, 0, v, 1, var);
    einc_put(t, ";\n");
    for (int o = 1; o < p->nest->n_in; o++) {
        einc_put(t, "%*sconst %s re%d = ", t->indent, "", p->type, o);
        print_element(p, o, v, 0, var);
        einc_put(t, ", im%d = ", o);
        print_element(p, o, v, 1, var);
        einc_put(t, ", old%d = re;\n", o);
        einc_line(t, "re = re*re%d - im*im%d;", o, o);
        einc_line(t, "im = old%d*im%d + im*re%d;", o, o, o);
    }
}

void
einc_print_stream_compensated(const struct printer *p, const char *sum,
                              const char *lost, const char *x)
{
    struct text *t = p->t;
    einc_stream_open(p, "{");
    einc_line(t, "const %s term = %s - %s;", p->type, x, lost);
    einc_line(t, "const %s next = %s + term;", p->type, sum);
    einc_line(t, "%s = next - next == 0 ? (next - %s) - term : 0;", lost, sum);
    einc_line(t, "%s = next;", sum);
    einc_stream_close(p);
}

/* print_add() of sums that keep what rounding takes from them. */
static void
print_compensated(const struct printer *p, int visit, const char *var)
{
    struct text *t = p->t;
    int dots = p->nest->form == STREAM_DOTS;
    for (int v = 0; v < visit; v++) {
        const char *which = dots ? visit_name(p, v) : "";
        einc_stream_open(p, "{");
        if (p->planes == 2) {
            print_complex(p, v, var);
        } else {
            einc_put(t, "%*sconst %s product = ", t->indent, "", p->type);
            print_product(p, v, var);
            einc_put(t, ";\n");
        }
        for (int plane = 0; plane < p->planes; plane++)
            einc_print_stream_compensated(
                p,
                einc_stream_text(p, "sum%s%s[lane]", which,
                                 plane_name(p, plane)),
                einc_stream_text(p, "lost%s%s[lane]", which,
                                 plane_name(p, plane)),
                p->planes == 1 ? "product" : plane ? "im" : "re");
        einc_stream_close(p);
    }
}

/* Adds `visit` products to the lane's sum; of dots, each to its own. */
static void
print_add(const struct printer *p, int visit, const char *var)
{
    struct text *t = p->t;
    int dots = p->nest->form == STREAM_DOTS;
    const char *plus = einc_print_add(p);
    if (p->nest->sum == EINC_SUM_KAHAN) {
        print_compensated(p, visit, var);
        return;
    }
    for (int v = 0; v < visit && p->planes == 2; v++) {
        const char *which = dots ? visit_name(p, v) : "";
        einc_stream_open(p, "{");
        print_complex(p, v, var);
        einc_line(t, "sum%s_re[lane] += re;", which);
        einc_line(t, "sum%s_im[lane] += im;", which);
        einc_stream_close(p);
    }
    for (int v = 0; v < visit && p->planes == 1; v++) {
        if (dots || v == 0)
            einc_put(t, "%*ssum%s[lane] %s= ", t->indent, "",
                     dots ? visit_name(p, v) : "", plus);
        else
            einc_put(t, "%*s%s ", t->indent + 4, "", plus);
        print_product(p, v, var);
        einc_put(t, dots || v == visit - 1 ? ";\n" : "\n");
    }
}

/* --- runs --------------------------------------------------------------- */

/* Sums of floats are put away after some hundred terms, so that the error
 * grows with that and with the number of such runs, not with the terms. */
static int
has_runs(const struct nest *w)
{
    int64_t terms = 1;
    enum dtype_kind kind = einc_dtype_info(w->compute)->kind;
    if (w->sum != EINC_SUM_BLOCK ||
        (kind != KIND_FLOAT && kind != KIND_COMPLEX))
        return 0;
    for (int j = w->first[LOOP_K]; j < w->first[LOOP_K + 1]; j++)
        if (w->table || w->idx[j].extent.arg >= 0 ||
            __builtin_mul_overflow(terms, w->idx[j].extent.value, &terms))
            return 1;
    return terms / (w->form == STREAM_DOTS ? w->lanes : 1) >= 2 * STREAM_RUN;
}

/* What was put away of `visit` sums; `room` elements each. */
static void
declare_runs(const struct printer *p, int visit, const char *room)
{
    if (!has_runs(p->nest))
        return;
    for (int v = 0; v < visit; v++)
        for (int plane = 0; plane < p->planes; plane++)
            einc_line(p->t, "%s kept%s%s[%s];", p->type, visit_name(p, v),
                      plane_name(p, plane), room);
    einc_line(p->t, "int64_t run = 0; /* terms in the sums */");
    einc_line(p->t, "int has_kept = 0;");
}

static void
end_run(const struct printer *p, int visit, const char *count)
{
    struct text *t = p->t;
    if (!has_runs(p->nest))
        return;
    einc_stream_open(p, "if (run >= %d) {", STREAM_RUN);
    einc_stream_open(p, "for (int64_t lane = 0; lane < %s; lane++) {", count);
    for (int v = 0; v < visit; v++)
        for (int plane = 0; plane < p->planes; plane++) {
            const char *which = visit_name(p, v);
            const char *half = plane_name(p, plane);
            einc_line(t, "kept%s%s[lane] = sum%s%s[lane] + "
                         "(has_kept ? kept%s%s[lane] : 0);",
                      which, half, which, half, which, half);
            einc_line(t, "sum%s%s[lane] = 0;", which, half);
        }
    einc_stream_close(p);
    einc_line(t, "has_kept = 1;");
    einc_line(t, "run = 0;");
    einc_stream_close(p);
}

static void
add_runs(const struct printer *p, int visit, const char *count)
{
    struct text *t = p->t;
    if (!has_runs(p->nest))
        return;
    einc_line(t, "for (int64_t lane = 0; has_kept && lane < %s; lane++) {",
              count);
    for (int v = 0; v < visit; v++)
        for (int plane = 0; plane < p->planes; plane++)
            einc_line(t, "    sum%s%s[lane] += kept%s%s[lane];",
                      visit_name(p, v), plane_name(p, plane),
                      visit_name(p, v), plane_name(p, plane));
    einc_line(t, "}");
}

/* --- map ---------------------------------------------------------------- */

static const char *
out_offset(const struct printer *p, const char *var)
{
    const char *step = lane_step(p, p->nest->n_in, var);
    return strcmp(step, "0") == 0 ? "to"
                                  : einc_stream_text(p, "to + %s", step);
}

/* Value of lane `var` to an array, unscaled. */
static void
print_value(const struct printer *p, const char *var, const char *pointer,
            const char *offset)
{
    struct text *t = p->t;
    if (p->planes == 2) {
        print_complex(p, 0, var);
        einc_print_store(p, p->nest->out.storage, 0, pointer, offset, "re");
        einc_print_store(p, p->nest->out.storage, 1, pointer, offset, "im");
        return;
    }
    einc_put(t, "%*sconst %s value = ", t->indent, "", p->type);
    print_product(p, 0, var);
    einc_put(t, ";\n");
    einc_print_store(p, p->nest->out.storage, 0, pointer, offset, "value");
}

/* As above, scaled; `value` is the name of an intermediate. */
static void
print_scaled(const struct printer *p, const char *var)
{
    static const char *const names[2][2] = {{"product", ""}, {"re", "im"}};
    struct text *t = p->t;
    if (p->planes == 2) {
        print_complex(p, 0, var);
    } else {
        einc_put(t, "%*sconst %s product = ", t->indent, "", p->type);
        print_product(p, 0, var);
        einc_put(t, ";\n");
    }
    einc_print_epilogue(p, names[p->planes - 1], out_offset(p, var));
}

/* Whether whole lines of the result may be written past the caches. */
static int
has_past(const struct printer *p)
{
    const struct nest *w = p->nest;
    return w->table && w->form == STREAM_MAP && w->units >= 0 &&
           w->target->vector_bytes;
}

void
einc_print_stream_past(const struct printer *p)
{
    if (!has_past(p))
        return;
    int bytes = p->nest->target->vector_bytes;
    const char *const builtin = bytes == 64   ? "movntdq512"
                                : bytes == 32 ? "movntdq256"
                                              : "movntdq";
    struct text *t = p->t;
    einc_line(t, "/* A whole line to memory, past the caches. */");
    einc_line(t, "typedef long long %s_vector "
                 "__attribute__((vector_size(%d), may_alias));",
              p->shared, bytes);
    einc_line(t, "#if defined(__clang__)");
    einc_line(t, "#define %s_PAST(to, v) __builtin_nontemporal_store(v, to)",
              p->shared);
    einc_line(t, "#define %s_FENCE() __atomic_thread_fence(5)", p->shared);
    einc_line(t, "#elif defined(__SSE2__)");
    einc_line(t, "#define %s_PAST(to, v) __builtin_ia32_%s(to, v)", p->shared,
              builtin);
    einc_line(t, "#define %s_FENCE() __builtin_ia32_sfence()", p->shared);
    einc_line(t, "#else");
    einc_line(t, "#define %s_PAST(to, v) (*(to) = (v))", p->shared);
    einc_line(t, "#define %s_FENCE() ((void)0)", p->shared);
    einc_line(t, "#endif");
    einc_put(t, "\n");
}

static void
print_past(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    int n = LINE / einc_dtype_info(w->out.storage)->bytes;
    int pair = is_complex(w->out.storage) ? 2 : 1;
    int vector = w->target->vector_bytes;
    const char *type = einc_print_storage(w->out.storage);
    einc_stream_open(p, "if (past_cache) {");
    einc_stream_open(p, "for (; lane < count && (uintptr_t)(out + %s(to + "
                        "lane)) %% %d; lane++) {", pair == 2 ? "2*" : "", LINE);
    print_value(p, "lane", "out", out_offset(p, "lane"));
    einc_stream_close(p);
    einc_stream_open(p, "for (; lane + %d <= count; lane += %d) {", n, n);
    einc_line(t, "%s line[%d] __attribute__((aligned(%d)));", type, n * pair,
              LINE);
    einc_stream_open(p, "for (int64_t x = 0; x < %d; x++) {", n);
    print_value(p, "lane + x", "line", "x");
    einc_stream_close(p);
    einc_line(t, "%s_vector *const whole = (%s_vector *)(void *)(out + "
                 "%s(to + lane));", p->shared, p->shared,
              pair == 2 ? "2*" : "");
    for (int v = 0; v < LINE / vector; v++)
        einc_line(t, "%s_PAST(whole + %d, ((const %s_vector *)(const void *)"
                     "line)[%d]);", p->shared, v, p->shared, v);
    einc_stream_close(p);
    einc_stream_close(p);
}

void
einc_print_stream_map(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    const char *count = einc_stream_count(p);
    print_starts(p, 1);
    einc_line(t, "const int64_t to = %s;", place(p, w->n_in, 0));
    if (w->table) {
        einc_line(t, "int64_t lane = 0;");
        if (has_past(p)) {
            einc_stream_open(p, "if (plain) {");
            print_past(p);
        } else {
            einc_stream_open(p, "if (plain) {");
        }
        einc_stream_open(p, "for (; lane < %s; lane++) {", count);
        print_value(p, "lane", "out", out_offset(p, "lane"));
        einc_stream_close(p);
        einc_stream_close(p);
    }
    int once = strcmp(count, "1") == 0;
    if (once)
        einc_stream_open(p, "{");
    else if (w->table)
        einc_stream_open(p, "for (; lane < %s; lane++) {", count);
    else
        einc_stream_open(p, "for (int64_t lane = 0; lane < %s; lane++) {",
                         count);
    print_scaled(p, once ? "0" : "lane");
    einc_stream_close(p);
}

/* --- sums over the other indices ---------------------------------------- */

/* Opens the loops over the summed indices but lane and deep. */
static int
open_sums(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    if (w->table) {
        einc_line(t, "for (int64_t x = 0; x < n_summed; x++)");
        einc_line(t, "    turn[x] = 0;");
        einc_stream_open(p, "for (int64_t sums = 0; sums < all_summed; "
                            "sums++) {");
        return 1;
    }
    int depth = 0;
    for (int j = w->first[LOOP_K]; j < w->first[LOOP_K + 1]; j++) {
        if (j == w->lane || j == w->deep)
            continue;
        const char *x = w->idx[j].name;
        einc_stream_open(p, "for (int64_t %s = 0; %s < %s; %s++) { /* sum */",
                         x, x, einc_print_n(p, j), x);
        depth++;
    }
    return depth;
}

static void
close_sums(const struct printer *p, int depth)
{
    if (p->nest->table)
        einc_line(p->t, "%s_next(n_summed, extent + n_free, stride + n_free, "
                        "n_all, turn, from);", p->shared);
    while (depth-- > 0)
        einc_stream_close(p);
}

static void
print_from(const struct printer *p)
{
    if (!p->nest->table)
        return;
    einc_put(p->t, "%*sint64_t from[%d] = {", p->t->indent, "",
             p->nest->n_in + 1);
    for (int o = 0; o <= p->nest->n_in; o++)
        einc_put(p->t, "%sat[%d]", o ? ", " : "", o);
    einc_put(p->t, "};\n");
}

/* --- columns ------------------------------------------------------------ */

static void
print_visit(const struct printer *p, int visit)
{
    print_starts(p, visit);
    if (p->listed)
        einc_stream_open(p, "for (int64_t lane = begun; lane < whole; "
                            "lane++) {");
    else
        einc_stream_open(p, "for (int64_t lane = 0; lane < %s; lane++) {",
                         einc_stream_count(p));
    print_add(p, visit, "lane");
    einc_stream_close(p);
}

/* Several positions of deep at a time, then those that are left. */
static void
print_deep(const struct printer *p)
{
    const struct nest *w = p->nest;
    const char *x = w->table ? "deep" : w->idx[w->deep].name;
    const char *n = w->table ? "n_deep" : einc_print_n(p, w->deep);
    struct quantity q = w->idx[w->deep < 0 ? 0 : w->deep].extent;
    int literal = !w->table && q.arg < 0;
    int many = w->visit > 1 && !(literal && q.value < w->visit);
    int runs = has_runs(w);
    int few = w->visit == 1 || runs || !literal || q.value % w->visit != 0;
    einc_line(p->t, "int64_t %s = 0;", x);
    if (runs) {
        einc_stream_open(p, "while (%s < %s) {", x, n);
        einc_line(p->t, "const int64_t most = %d - run;", STREAM_RUN);
        einc_line(p->t, "const int64_t stop = %s - %s < most ? %s : %s + "
                        "most;", n, x, n, x);
        einc_line(p->t, "run += stop - %s;", x);
        n = "stop";
    }
    if (many) {
        einc_stream_open(p, "for (; %s + %d <= %s; %s += %d) {", x, w->visit,
                         n, x, w->visit);
        print_visit(p, w->visit);
        einc_stream_close(p);
    }
    if (few) {
        einc_stream_open(p, "for (; %s < %s; %s++) {", x, n, x);
        print_visit(p, 1);
        einc_stream_close(p);
    }
    if (!runs)
        return;
    end_run(p, 1, einc_stream_count(p));
    einc_stream_close(p);
}

/* All positions of a sum, several at a time: for whole vectors of lanes, and
 * then for the last ones, some of which are done again. */
static void
print_spots(const struct printer *p)
{
    enum { WHOLE = 16 };
    int visit = p->nest->visit;
    struct printer q = *p;
    q.listed = 1;
    einc_line(p->t, "int64_t begun = 0, whole = count < %d ? count : "
                    "count/%d*%d;", WHOLE, WHOLE, WHOLE);
    einc_stream_open(p, "for (;;) {");
    einc_line(p->t, "int64_t k = 0;");
    einc_stream_open(p, "for (; k + %d <= n_spots; k += %d) {", visit, visit);
    print_visit(&q, visit);
    einc_stream_close(p);
    einc_stream_open(p, "for (; k < n_spots; k++) {");
    print_visit(&q, 1);
    einc_stream_close(p);
    einc_line(p->t, "if (whole == count)");
    einc_line(p->t, "    break;");
    einc_line(p->t, "begun = count - %d;", WHOLE);
    einc_line(p->t, "whole = count;");
    einc_stream_open(p, "for (int64_t lane = begun; lane < whole; lane++) {");
    for (int plane = 0; plane < p->planes; plane++)
        einc_line(p->t, "sum%s[lane] = 0;", plane_name(p, plane));
    einc_stream_close(p);
    einc_stream_close(p);
}

static void
print_store_columns(const struct printer *p)
{
    static const char *const sums[2][2] = {
        {"sum[lane]", ""}, {"sum_re[lane]", "sum_im[lane]"}};
    const struct nest *w = p->nest;
    struct text *t = p->t;
    einc_line(t, "const int64_t to = %s;", place(p, w->n_in, 0));
    if (w->table) {
        einc_stream_open(p, "if (plain && out_lane == 1) {");
        einc_stream_open(p, "for (int64_t lane = 0; lane < count; lane++) {");
        for (int plane = 0; plane < p->planes; plane++)
            einc_print_store(p, w->out.storage, plane, "out", "to + lane",
                             sums[p->planes - 1][plane]);
        einc_stream_close(p);
        p->t->indent -= 4;
        einc_stream_open(p, "} else {");
    }
    einc_stream_open(p, "for (int64_t lane = 0; lane < %s; lane++) {",
                     einc_stream_count(p));
    einc_print_epilogue(p, sums[p->planes - 1], out_offset(p, "lane"));
    einc_stream_close(p);
    if (w->table)
        einc_stream_close(p);
}

void
einc_print_stream_columns(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    const char *count = einc_stream_count(p);
    const char *room = strcmp(count, "count") == 0
                           ? einc_stream_text(p, "%d", w->lanes)
                           : count;
    room = strcmp(room, "0") ? room : "1";
    for (int plane = 0; plane < p->planes; plane++) {
        einc_line(t, "%s sum%s[%s];", p->type, plane_name(p, plane), room);
        if (w->sum == EINC_SUM_KAHAN)
            einc_line(t, "%s lost%s[%s]; /* by the sums' rounding */",
                      p->type, plane_name(p, plane), room);
    }
    declare_runs(p, 1, room);
    einc_stream_open(p, "for (int64_t lane = 0; lane < %s; lane++) {", count);
    for (int plane = 0; plane < p->planes; plane++) {
        einc_line(t, "sum%s[lane] = 0;", plane_name(p, plane));
        if (w->sum == EINC_SUM_KAHAN)
            einc_line(t, "lost%s[lane] = 0;", plane_name(p, plane));
    }
    einc_stream_close(p);
    if (einc_stream_has_spots(w)) {
        einc_stream_open(p, "if (n_spots > 0) {");
        print_spots(p);
        p->t->indent -= 4;
        einc_stream_open(p, "} else {");
    }
    print_from(p);
    int depth = open_sums(p);
    print_deep(p);
    close_sums(p, depth);
    add_runs(p, 1, count);
    if (einc_stream_has_spots(w))
        einc_stream_close(p);
    print_store_columns(p);
}

/* --- dots --------------------------------------------------------------- */

static void
print_lanes(const struct printer *p, int visit)
{
    struct text *t = p->t;
    int lanes = p->nest->lanes, runs = has_runs(p->nest);
    const char *count = einc_stream_count(p), *stop = count;
    const char *all = einc_stream_text(p, "%d", lanes);
    print_starts(p, visit);
    einc_line(t, "int64_t done = 0;");
    if (runs && !p->nest->table) { /* a table's `count` is a run at most */
        einc_stream_open(p, "while (done + %d <= %s) {", lanes, count);
        einc_line(t, "const int64_t most = done + (%d - run)*%d;", STREAM_RUN,
                  lanes);
        einc_line(t, "const int64_t stop = %s < most ? %s : most;", count,
                  count);
        einc_line(t, "run += (stop - done)/%d;", lanes);
        stop = "stop";
    }
    einc_line(t, "for (; done + %d <= %s; done += %d)", lanes, stop, lanes);
    t->indent += 4;
    einc_stream_open(p, "for (int64_t lane = 0; lane < %d; lane++) {", lanes);
    print_add(p, visit, "done + lane");
    einc_stream_close(p);
    t->indent -= 4;
    if (runs && !p->nest->table) {
        end_run(p, visit, all);
        einc_stream_close(p);
    }
    einc_stream_open(p, "for (int64_t lane = 0; lane < %s - done; lane++) {",
                     count);
    print_add(p, visit, "done + lane");
    einc_stream_close(p);
    if (!runs)
        return;
    einc_line(t, p->nest->table ? "run += done/%d + 1;" : "run++;", lanes);
    end_run(p, visit, all);
}

/* Adds the partial sums up, and what they have too much. */
static void
fold_compensated(const struct printer *p, int visit)
{
    einc_stream_open(p, "for (int64_t lane = 1; lane < %d; lane++) {",
                     p->nest->lanes);
    for (int v = 0; v < visit; v++)
        for (int plane = 0; plane < p->planes; plane++) {
            const char *which = einc_stream_text(
                p, "%s%s", visit_name(p, v), plane_name(p, plane));
            einc_print_stream_compensated(
                p, einc_stream_text(p, "sum%s[0]", which),
                einc_stream_text(p, "lost%s[0]", which),
                einc_stream_text(p, "sum%s[lane]", which));
            einc_line(p->t, "lost%s[0] += lost%s[lane];", which, which);
        }
    einc_stream_close(p);
}

/* Adds the partial sums up pairwise: the order depends on nothing. */
static void
print_fold(const struct printer *p, int visit)
{
    if (p->nest->sum == EINC_SUM_KAHAN) {
        fold_compensated(p, visit);
        return;
    }
    add_runs(p, visit, einc_stream_text(p, "%d", p->nest->lanes));
    for (int half = p->nest->lanes / 2; half; half /= 2) {
        einc_stream_open(p, "for (int64_t lane = 0; lane < %d; lane++) {",
                         half);
        for (int v = 0; v < visit; v++)
            for (int plane = 0; plane < p->planes; plane++) {
                const char *which = visit_name(p, v);
                const char *half_name = plane_name(p, plane);
                einc_line(p->t, "sum%s%s[lane] %s= sum%s%s[%d + lane];",
                          which, half_name, einc_print_add(p), which,
                          half_name, half);
            }
        einc_stream_close(p);
    }
}

static void
print_store_dots(const struct printer *p, int visit)
{
    for (int v = 0; v < visit; v++) {
        const char *sums[2] = {"", ""};
        for (int plane = 0; plane < p->planes; plane++)
            sums[plane] = einc_stream_text(p, "sum%s%s[0]", visit_name(p, v),
                                           plane_name(p, plane));
        einc_stream_open(p, "{");
        einc_line(p->t, "const int64_t to = %s;", place(p, p->nest->n_in, v));
        einc_print_epilogue(p, sums, "to");
        einc_stream_close(p);
    }
}

/* Dots of `visit` positions of inner. */
static void
print_dots(const struct printer *p, int visit)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    for (int v = 0; v < visit; v++)
        for (int plane = 0; plane < p->planes; plane++) {
            einc_line(t, "%s sum%s%s[%d] = {0};", p->type, visit_name(p, v),
                      plane_name(p, plane), w->lanes);
            if (w->sum == EINC_SUM_KAHAN)
                einc_line(t, "%s lost%s%s[%d] = {0};", p->type,
                          visit_name(p, v), plane_name(p, plane), w->lanes);
        }
    declare_runs(p, visit, einc_stream_text(p, "%d", w->lanes));
    print_from(p);
    if (w->table) {
        einc_stream_open(p, "for (int64_t first = 0; first < n_lane; first += "
                            "lanes) {");
        einc_line(t, "const int64_t count = n_lane - first < lanes ? n_lane - "
                     "first : lanes;");
    }
    int depth = open_sums(p);
    if (w->table) {
        einc_stream_open(p, "for (int64_t deep = 0; deep < n_deep; deep++) {");
    } else if (w->deep >= 0) {
        const char *x = w->idx[w->deep].name;
        einc_stream_open(p, "for (int64_t %s = 0; %s < %s; %s++) { /* sum */",
                         x, x, einc_print_n(p, w->deep), x);
    } else {
        einc_stream_open(p, "{");
    }
    print_lanes(p, visit);
    einc_stream_close(p);
    close_sums(p, depth);
    if (w->table)
        einc_stream_close(p);
    print_fold(p, visit);
    print_store_dots(p, visit);
}

void
einc_print_stream_dots(const struct printer *p, const char *begin,
                       const char *end)
{
    const struct nest *w = p->nest;
    if (!w->table && w->inner < 0) {
        print_dots(p, 1);
        return;
    }
    const char *x = w->table ? "inner" : w->idx[w->inner].name;
    einc_line(p->t, "int64_t %s = %s;", x, begin);
    einc_stream_open(p, "for (; %s + %d <= %s; %s += %d) {", x, w->visit, end,
                     x, w->visit);
    print_dots(p, w->visit);
    einc_stream_close(p);
    einc_stream_open(p, "for (; %s < %s; %s++) {", x, end, x);
    print_dots(p, 1);
    einc_stream_close(p);
}

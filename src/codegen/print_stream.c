/* SPDX-License-Identifier: MIT
 *
 * print_stream.c - the stream family: any number of operands, one pass. A
 * task is one position of the free indices, or a block of `lanes` along one.
 */
#include "codegen/print.h"

/* Text of an offset over all indices but the lane. */
static const char *
offset_text(const struct printer *p, const struct nest_tensor *x)
{
    struct text t = {.perm = p->t->perm};
    struct printer q = *p;
    q.t = &t;
    einc_print_offset(&q, x, 0, p->nest->n_idx, p->nest->lane);
    return einc_text_z(&t);
}

static int
holds(const struct nest_tensor *x, int j)
{
    return j >= 0 && !(x->stride[j].arg < 0 && x->stride[j].value == 0);
}

/* How far lane `var` is from the lane's start: "i_j*(var)" or "var". */
static const char *
lane_step(const struct printer *p, const struct nest_tensor *x,
          const char *var)
{
    const struct nest *w = p->nest;
    struct quantity q = x->stride[w->lane];
    struct text t = {.perm = p->t->perm};
    if (q.arg < 0 && q.value == 1)
        return var;
    if (q.arg < 0)
        einc_put(&t, "%lld*(%s)", (long long)q.value, var);
    else
        einc_put(&t, "%s_%s*(%s)", x->name, w->idx[w->lane].name, var);
    return einc_text_z(&t);
}

/* One element at a time of real numbers: a line that says it all. */
static int
is_plain(const struct printer *p)
{
    return p->nest->lane < 0 && p->planes == 1;
}

/* --- the product -------------------------------------------------------- */

static void
print_start(const struct printer *p, const struct nest_tensor *x, int o)
{
    const char *offset = offset_text(p, x);
    einc_put(p->t, "%*sconst %s *const from%d = %s", p->t->indent, "",
             einc_print_storage(x->storage), o, x->name);
    if (offset[0] == '0' && !offset[1])
        einc_put(p->t, ";\n");
    else if (einc_dtype_info(x->storage)->kind == KIND_COMPLEX)
        einc_put(p->t, " + 2*(%s);\n", offset);
    else
        einc_put(p->t, " + %s;\n", offset);
}

/* Names the start of every operand's lane, or its one value if it has none. */
static void
print_operands(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    for (int o = 0; o < w->n_in; o++) {
        const struct nest_tensor *x = &w->in[o];
        if (holds(x, w->lane)) {
            print_start(p, x, o);
            continue;
        }
        for (int plane = 0; plane < p->planes; plane++) {
            einc_put(t, "%*sconst %s value%d%s = ", t->indent, "", p->type, o,
                     p->planes == 1 ? "" : plane ? "_im" : "_re");
            einc_print_load(p, x->storage, plane, x->name,
                            offset_text(p, x));
            einc_put(t, ";\n");
        }
    }
}

static void
print_element(const struct printer *p, int o, int plane, const char *var)
{
    const struct nest *w = p->nest;
    const struct nest_tensor *x = &w->in[o];
    if (holds(x, w->lane)) {
        struct text from = {.perm = p->t->perm};
        einc_put(&from, "from%d", o);
        einc_print_load(p, x->storage, plane, einc_text_z(&from),
                        lane_step(p, x, var));
    } else if (is_plain(p)) {
        einc_print_load(p, x->storage, plane, x->name, offset_text(p, x));
    } else {
        einc_put(p->t, "value%d%s", o,
                 p->planes == 1 ? "" : plane ? "_im" : "_re");
    }
}

/* "+" before "="; "" where nothing is summed: 0 + -0 would lose the sign, and
 * a copy keeps every bit. */
static const char *
accumulate(const struct printer *p)
{
    const struct nest *w = p->nest;
    return w->first[LOOP_K] < w->first[LOOP_K + 1] ? einc_print_add(p) : "";
}

static void
print_real_fma(const struct printer *p, const char *sum, const char *var)
{
    struct text *t = p->t;
    einc_put(t, "%*s%s %s= ", t->indent, "", sum, accumulate(p));
    for (int o = 0; o < p->nest->n_in; o++) {
        if (o)
            einc_put(t, " %s ", einc_print_mul(p));
        print_element(p, o, 0, var);
    }
    einc_put(t, ";\n");
}

static void
print_complex_fma(const struct printer *p, const char *at, const char *var)
{
    struct text *t = p->t;
    einc_put(t, "%*s%s re = ", t->indent, "", p->type);
    print_element(p, 0, 0, var);
    einc_put(t, ", im = ");
    print_element(p, 0, 1, var);
    einc_put(t, ";\n");
    for (int o = 1; o < p->nest->n_in; o++) {
        einc_put(t, "%*sconst %s re%d = ", t->indent, "", p->type, o);
        print_element(p, o, 0, var);
        einc_put(t, ", im%d = ", o);
        print_element(p, o, 1, var);
        einc_put(t, ", old%d = re;\n", o);
        einc_line(t, "re = re*re%d - im*im%d;", o, o);
        einc_line(t, "im = old%d*im%d + im*re%d;", o, o, o);
    }
    einc_line(t, "sum_re%s %s= re;", at, accumulate(p));
    einc_line(t, "sum_im%s %s= im;", at, accumulate(p));
}

static void
print_fma(const struct printer *p, const char *at, const char *var)
{
    struct text sum = {.perm = p->t->perm};
    einc_put(&sum, "sum%s", at);
    if (p->planes == 2)
        print_complex_fma(p, at, var);
    else
        print_real_fma(p, einc_text_z(&sum), var);
}

/* --- one node of the nest ----------------------------------------------- */

static void
open_loop(const struct printer *p, const char *var, const char *limit)
{
    einc_line(p->t, "for (int64_t %s = 0; %s < %s; %s++) {", var, var, limit,
              var);
    p->t->indent += 4;
}

static void
close_block(const struct printer *p)
{
    p->t->indent -= 4;
    einc_line(p->t, "}");
}

static int
lane_is_sum(const struct nest *w)
{
    return w->lane >= 0 && w->idx[w->lane].role == LOOP_K;
}

static void
print_zero(const struct printer *p)
{
    static const char *const names[2][2] = {{"sum", ""}, {"sum_re", "sum_im"}};
    for (int plane = 0; plane < p->planes; plane++)
        if (p->nest->lane >= 0)
            einc_line(p->t, "%s %s[%d] = {0};", p->type,
                      names[p->planes - 1][plane], p->nest->lanes);
        else
            einc_line(p->t, "%s %s = 0;", p->type,
                      names[p->planes - 1][plane]);
}

/* One product into each lane; `limit` as text, or a number. */
static void
print_lane_loop(const struct printer *p, const char *limit, int number,
                const char *var)
{
    struct text n = {.perm = p->t->perm};
    if (number)
        einc_put(&n, "%d", number);
    open_loop(p, "lane", number ? einc_text_z(&n) : limit);
    print_fma(p, "[lane]", var);
    close_block(p);
}

/* Elements of out in the lanes: whole blocks have a constant trip count, so
 * that the compiler makes vectors of them. */
static void
print_free_lanes(const struct printer *p)
{
    struct text *t = p->t;
    einc_line(t, "if (count == %d) {", p->nest->lanes);
    t->indent += 4;
    print_lane_loop(p, "", p->nest->lanes, "first + lane");
    t->indent -= 4;
    einc_line(t, "} else {");
    t->indent += 4;
    print_lane_loop(p, "count", 0, "first + lane");
    close_block(p);
}

/* Partial sums in the lanes; the rest of the extent goes to the first ones. */
static void
print_sum_lanes(const struct printer *p)
{
    const struct nest *w = p->nest;
    const char *x = w->idx[w->lane].name, *n = einc_print_n(p, w->lane);
    struct text *t = p->t;
    struct text var = {.perm = t->perm}, rest = {.perm = t->perm};
    einc_put(&var, "%s + lane", x);
    einc_put(&rest, "%s - %s", n, x);
    einc_line(t, "int64_t %s = 0;", x);
    einc_line(t, "for (; %s + %d <= %s; %s += %d) {", x, w->lanes, n, x,
              w->lanes);
    t->indent += 4;
    print_lane_loop(p, "", w->lanes, einc_text_z(&var));
    close_block(p);
    print_lane_loop(p, einc_text_z(&rest), 0, einc_text_z(&var));
}

static void
print_update(const struct printer *p)
{
    struct text *t = p->t;
    if (p->nest->lane < 0) {
        if (!is_plain(p))
            print_operands(p);
        print_fma(p, "", "0");
        return;
    }
    einc_line(t, "{");
    t->indent += 4;
    print_operands(p);
    if (lane_is_sum(p->nest))
        print_sum_lanes(p);
    else
        print_free_lanes(p);
    close_block(p);
}

/* Adds the lanes up pairwise: the order does not depend on anything. */
static void
fold_lanes(const struct printer *p)
{
    struct text *t = p->t;
    int lanes = p->nest->lanes;
    einc_line(t, "for (int64_t half = %d; half > 0; half /= 2)", lanes / 2);
    einc_line(t, "    for (int64_t lane = 0; lane < half; lane++) {");
    t->indent += 8;
    if (p->planes == 2) {
        einc_line(t, "sum_re[lane] += sum_re[lane + half];");
        einc_line(t, "sum_im[lane] += sum_im[lane + half];");
    } else {
        einc_line(t, "sum[lane] %s= sum[lane + half];", einc_print_add(p));
    }
    t->indent -= 4;
    einc_line(t, "}");
    t->indent -= 4;
}

static void
print_store(const struct printer *p)
{
    static const char *const lanes[2][2] = {
        {"sum[lane]", ""}, {"sum_re[lane]", "sum_im[lane]"}};
    static const char *const firsts[2][2] = {
        {"sum[0]", ""}, {"sum_re[0]", "sum_im[0]"}};
    static const char *const scalars[2][2] = {{"sum", ""},
                                              {"sum_re", "sum_im"}};
    const struct nest *w = p->nest;
    struct text *t = p->t;
    int free_lane = w->lane >= 0 && !lane_is_sum(w);
    if (lane_is_sum(w))
        fold_lanes(p);
    einc_line(t, "const int64_t to = %s;", offset_text(p, &w->out));
    if (free_lane)
        open_loop(p, "lane", "count");
    struct text sum = {.perm = t->perm};
    const char *step = "";
    if (free_lane && holds(&w->out, w->lane))
        step = lane_step(p, &w->out, "first + lane");
    einc_put(&sum, "to%s%s", *step ? " + " : "", step);
    einc_print_epilogue(p,
                        (free_lane     ? lanes
                         : w->lane >= 0 ? firsts
                                        : scalars)[p->planes - 1],
                        einc_text_z(&sum));
    if (free_lane)
        close_block(p);
}

static void
walk(const struct printer *p, const struct nest_node *x)
{
    for (; x; x = x->next)
        switch (x->op) {
        case NEST_LOOP: {
            open_loop(p, p->nest->idx[x->index].name,
                      einc_print_n(p, x->index));
            walk(p, x->child);
            close_block(p);
            break;
        }
        case NEST_ZERO:
            print_zero(p);
            break;
        case NEST_FMA:
            print_update(p);
            break;
        case NEST_STORE:
            print_store(p);
            break;
        default:
            break;
        }
}

/* --- tasks -------------------------------------------------------------- */

/* What a task number counts, fastest first: at `place` 0, 1 ... an index, or
 * BLOCKS of lanes; -1 at the end. The last indices of the nest run fastest,
 * but for nest.inner, which comes first, and the lanes, which come next. */
enum { BLOCKS = -2 };

static int
counted(const struct nest *w, int place)
{
    if (w->inner >= 0 && place-- == 0)
        return w->inner;
    if (w->lane >= 0 && !lane_is_sum(w) && place-- == 0)
        return BLOCKS;
    for (int j = w->first[LOOP_K] - 1; j >= 0; j--)
        if (j != w->inner && j != w->lane && place-- == 0)
            return j;
    return -1;
}

static const char *
counter_name(const struct printer *p, int j)
{
    return j == BLOCKS ? "block" : p->nest->idx[j].name;
}

static const char *
counter_limit(const struct printer *p, int j)
{
    return j == BLOCKS ? "blocks" : einc_print_n(p, j);
}

void
einc_print_stream_decode(const struct printer *p, const char *name)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    if (w->lane >= 0 && !lane_is_sum(w))
        einc_line(t, "const int64_t blocks = (%s + %d) / %d;",
                  einc_print_n(p, w->lane), w->lanes - 1, w->lanes);
    if (counted(w, 0) == -1)
        return;
    einc_line(t, "int64_t rest = %s; /* fastest first */", name);
    for (int c = 0, j; (j = counted(w, c)) != -1; c++) {
        if (counted(w, c + 1) == -1) {
            einc_line(t, "int64_t %s = rest;", counter_name(p, j));
            break;
        }
        einc_line(t, "int64_t %s = rest %% %s;", counter_name(p, j),
                  counter_limit(p, j));
        einc_line(t, "rest /= %s;", counter_limit(p, j));
    }
}

static void
next_task(const struct printer *p)
{
    const struct nest *w = p->nest;
    for (int c = 0, j; (j = counted(w, c)) != -1; c++) {
        if (counted(w, c + 1) == -1) {
            einc_line(p->t, "++%s;", counter_name(p, j));
            break;
        }
        einc_line(p->t, "if (++%s < %s)", counter_name(p, j),
                  counter_limit(p, j));
        einc_line(p->t, "    continue;");
        einc_line(p->t, "%s = 0;", counter_name(p, j));
    }
}

/* How many of the lanes that begin at `first` there are. */
static void
count_lanes(const struct printer *p)
{
    const struct nest *w = p->nest;
    const char *n = einc_print_n(p, w->lane);
    einc_line(p->t, "const int64_t count = %s - first < %d ? %s - first : %d;",
              n, w->lanes, n, w->lanes);
}

void
einc_print_stream_body(const struct printer *p)
{
    walk(p, p->nest->root->child);
}

void
einc_print_stream(const struct printer *p)
{
    struct text *t = p->t;
    einc_line(t, "%svoid", p->linkage);
    einc_line(t, "%s(const struct %s *args, int64_t task_begin, "
                 "int64_t task_end)", p->prefix, p->args);
    einc_line(t, "{");
    t->indent += 4;
    einc_print_arguments(p);
    einc_print_scale(p);
    einc_line(t, "if (task_begin >= task_end)");
    einc_line(t, "    return;");
    einc_print_stream_decode(p, "task_begin");
    einc_line(t, "for (int64_t task = task_begin; task < task_end; task++) {");
    t->indent += 4;
    if (p->nest->lane >= 0 && !lane_is_sum(p->nest)) {
        einc_line(t, "const int64_t first = %d*block;", p->nest->lanes);
        count_lanes(p);
    }
    einc_print_stream_body(p);
    next_task(p);
    close_block(p);
    close_block(p);
}

/* --- plain loops -------------------------------------------------------- */

/* What the outermost loop counts, or -1. */
static int
outermost(const struct nest *w)
{
    int place = 0, j = -1;
    while (counted(w, place) != -1)
        j = counted(w, place++);
    return j;
}

int
einc_print_stream_parts(const struct printer *p, struct text *worth)
{
    enum { WORTH_THREADS = 100000 };
    const struct nest *w = p->nest;
    struct text size = {.perm = p->t->perm};
    int64_t literal = 1;
    int symbolic = 0;
    for (int j = 0; j < w->n_idx; j++) {
        const struct quantity *q = &w->idx[j].extent;
        symbolic |= q->arg >= 0;
        if (q->arg >= 0)
            einc_put(&size, "*(double)n_%s", w->idx[j].name);
        else if (__builtin_mul_overflow(literal, q->value, &literal))
            literal = INT64_MAX;
    }
    if (outermost(w) == -1 || (!symbolic && literal < WORTH_THREADS))
        return 0;
    if (symbolic)
        einc_put(worth, "%lld.0%s >= %d", (long long)literal,
                 einc_text_z(&size), WORTH_THREADS);
    return 1;
}

void
einc_print_stream_count(const struct printer *p)
{
    const struct nest *w = p->nest;
    int j = outermost(w);
    if (j == BLOCKS)
        einc_put(p->t, "((%s + %d)/%d)", einc_print_n(p, w->lane),
                 w->lanes - 1, w->lanes);
    else
        einc_put(p->t, "%s", einc_print_n(p, j));
}

/* A loop over what place `c` counts; of the outermost, a part. */
static void
open_counted(const struct printer *p, int c)
{
    static const char *const roles[] = {"free", "free", "free", "sum"};
    const struct nest *w = p->nest;
    struct text *t = p->t;
    int j = counted(w, c);
    int part = p->in_parts && counted(w, c + 1) == -1;
    const char *x = j == BLOCKS ? "first" : w->idx[j].name;
    if (j == BLOCKS && part)
        einc_line(t, "for (int64_t block = begin; block < end; block++) { "
                     "/* lanes of %s */", w->idx[w->lane].name);
    else if (j == BLOCKS)
        einc_line(t, "for (int64_t first = 0; first < %s; first += %d) { "
                     "/* lanes of %s */", einc_print_n(p, w->lane), w->lanes,
                  w->idx[w->lane].name);
    else
        einc_line(t, "for (int64_t %s = %s; %s < %s; %s++) { /* %s */", x,
                  part ? "begin" : "0", x, part ? "end" : einc_print_n(p, j),
                  x, roles[w->idx[j].role]);
    t->indent += 4;
    if (j == BLOCKS && part)
        einc_line(t, "const int64_t first = %d*block;", w->lanes);
    if (j == BLOCKS)
        count_lanes(p);
}

void
einc_print_stream_loops(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    int depth = 0;
    einc_line(t, "%svoid", p->linkage);
    einc_put(t, "%s(", p->prefix);
    einc_print_parameters(p, 4);
    einc_put(t, ")\n{\n");
    t->indent += 4;
    einc_print_scale(p);
    while (counted(w, depth) != -1)
        depth++;
    int outer = outermost(w);
    if (p->in_parts && outer >= 0 && w->idx[outer].extent.arg >= 0)
        einc_line(t, "(void)n_%s;", w->idx[outer].name);
    for (int c = depth - 1; c >= 0; c--)
        open_counted(p, c);
    einc_print_stream_body(p);
    while (depth-- > 0)
        close_block(p);
    close_block(p);
}

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
    einc_put(&t, "%s_%s*(%s)", x->name, w->idx[w->lane].name, var);
    return einc_text_z(&t);
}

/* --- the product -------------------------------------------------------- */

/* Names the start of every operand's lane, or its one value if it has none. */
static void
print_operands(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    for (int o = 0; o < w->n_in; o++) {
        const struct nest_tensor *x = &w->in[o];
        if (holds(x, w->lane)) {
            einc_line(t, "const %s *const from%d = %s + %s(%s);",
                      einc_print_storage(x->storage), o, x->name,
                      einc_dtype_info(x->storage)->kind == KIND_COMPLEX
                          ? "2*"
                          : "",
                      offset_text(p, x));
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
    } else {
        einc_put(p->t, "value%d%s", o,
                 p->planes == 1 ? "" : plane ? "_im" : "_re");
    }
}

static void
print_real_fma(const struct printer *p, const char *sum, const char *var)
{
    struct text *t = p->t;
    einc_put(t, "%*s%s %s= ", t->indent, "", sum, einc_print_add(p));
    for (int o = 0; o < p->nest->n_in; o++) {
        einc_put(t, o ? " %s " : "", einc_print_mul(p));
        print_element(p, o, 0, var);
    }
    einc_put(t, ";\n");
}

static void
print_complex_fma(const struct printer *p, const char *at, const char *var)
{
    struct text *t = p->t;
    einc_line(t, "{");
    t->indent += 4;
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
    einc_line(t, "sum_re%s += re;", at);
    einc_line(t, "sum_im%s += im;", at);
    t->indent -= 4;
    einc_line(t, "}");
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

/* Elements of out in the lanes: whole blocks have a constant trip count, so
 * that the compiler makes vectors of them. */
static void
print_free_lanes(const struct printer *p)
{
    struct text *t = p->t;
    einc_line(t, "if (count == %d)", p->nest->lanes);
    einc_line(t, "    for (int64_t lane = 0; lane < %d; lane++)",
              p->nest->lanes);
    t->indent += 8;
    print_fma(p, "[lane]", "first + lane");
    t->indent -= 8;
    einc_line(t, "else");
    einc_line(t, "    for (int64_t lane = 0; lane < count; lane++)");
    t->indent += 8;
    print_fma(p, "[lane]", "first + lane");
    t->indent -= 8;
}

/* Partial sums in the lanes; the rest of the extent goes to the first ones. */
static void
print_sum_lanes(const struct printer *p)
{
    const struct nest *w = p->nest;
    const char *x = w->idx[w->lane].name;
    struct text *t = p->t;
    struct text var = {.perm = t->perm};
    einc_put(&var, "%s + lane", x);
    einc_line(t, "int64_t %s = 0;", x);
    einc_line(t, "for (; %s + %d <= n_%s; %s += %d)", x, w->lanes, x, x,
              w->lanes);
    einc_line(t, "    for (int64_t lane = 0; lane < %d; lane++)", w->lanes);
    t->indent += 8;
    print_fma(p, "[lane]", einc_text_z(&var));
    t->indent -= 8;
    einc_line(t, "for (int64_t lane = 0; lane < n_%s - %s; lane++)", x, x);
    t->indent += 4;
    print_fma(p, "[lane]", einc_text_z(&var));
    t->indent -= 4;
}

static void
print_update(const struct printer *p)
{
    struct text *t = p->t;
    einc_line(t, "{");
    t->indent += 4;
    print_operands(p);
    if (p->nest->lane < 0)
        print_fma(p, "", "0");
    else if (lane_is_sum(p->nest))
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
            const char *name = p->nest->idx[x->index].name;
            struct text limit = {.perm = p->t->perm};
            einc_put(&limit, "n_%s", name);
            open_loop(p, name, einc_text_z(&limit));
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

void
einc_print_stream_decode(const struct printer *p, const char *name)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    int n_free = w->first[LOOP_K];
    int free_lane = w->lane >= 0 && !lane_is_sum(w);
    if (free_lane)
        einc_line(t, "const int64_t blocks = (n_%s + %d) / %d;",
                  w->idx[w->lane].name, w->lanes - 1, w->lanes);
    einc_line(t, "int64_t rest = %s; /* slowest index first */", name);
    if (free_lane)
        einc_line(t, "int64_t block = rest %% blocks;");
    if (free_lane)
        einc_line(t, "rest /= blocks;");
    for (int j = n_free - 1; j >= 0; j--) {
        if (j == w->lane)
            continue;
        const char *x = w->idx[j].name;
        einc_line(t, "int64_t %s = rest %% n_%s;", x, x);
        einc_line(t, "rest /= n_%s;", x);
    }
    einc_line(t, "(void)rest;");
}

static void
next_task(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    if (w->lane >= 0 && !lane_is_sum(w)) {
        einc_line(t, "if (++block < blocks)");
        einc_line(t, "    continue;");
        einc_line(t, "block = 0;");
    }
    for (int j = w->first[LOOP_K] - 1; j >= 0; j--) {
        if (j == w->lane)
            continue;
        const char *x = w->idx[j].name;
        einc_line(t, "if (++%s < n_%s)", x, x);
        einc_line(t, "    continue;");
        einc_line(t, "%s = 0;", x);
    }
}

/* Lanes that are free start at element `first` of their index. */
static void
start_lanes(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    if (w->lane < 0 || lane_is_sum(w))
        return;
    const char *x = w->idx[w->lane].name;
    einc_line(t, "const int64_t first = %d*block;", w->lanes);
    einc_line(t, "const int64_t count = n_%s - first < %d ? n_%s - first : %d;",
              x, w->lanes, x, w->lanes);
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
    start_lanes(p);
    einc_print_stream_body(p);
    next_task(p);
    close_block(p);
    close_block(p);
}

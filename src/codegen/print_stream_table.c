/* SPDX-License-Identifier: MIT
 *
 * print_stream_table.c - a stream whose indices are arguments: one kernel for
 * all shapes and ranks of its class. nest.h lists the arguments.
 */
#include "codegen/print_stream.h"

enum {
    FREE_INDICES = 64,   /* at most: dims of a tensor */
    SUMMED_INDICES = 512, /* of all operands of a step */
    SPOTS = 64           /* products of a sum that are listed */
};

static const char *const loop_names[] = {"lane", "inner", "deep"};

/* --- counting ----------------------------------------------------------- */

static void
print_next(const struct printer *p)
{
    struct text *t = p->t;
    int tensors = p->nest->n_in + 1;
    einc_line(t, "/* To the next position of n indices, the last one fastest: "
                 "`at` of each tensor. */");
    einc_line(t, "static inline void");
    einc_line(t, "%s_next(int64_t n, const int64_t *extent, "
                 "const int64_t *stride,", p->shared);
    einc_line(t, "    int64_t apart, int64_t *value, int64_t *at)");
    einc_stream_open(p, "{");
    einc_stream_open(p, "for (int64_t x = n - 1; x >= 0; x--) {");
    einc_line(t, "for (int o = 0; o < %d; o++)", tensors);
    einc_line(t, "    at[o] += stride[o*apart + x];");
    einc_line(t, "if (++value[x] < extent[x])");
    einc_line(t, "    return;");
    einc_line(t, "for (int o = 0; o < %d; o++)", tensors);
    einc_line(t, "    at[o] -= stride[o*apart + x]*extent[x];");
    einc_line(t, "value[x] = 0;");
    einc_stream_close(p);
    einc_stream_close(p);
    einc_put(t, "\n");
}

/* --- arguments ---------------------------------------------------------- */

static void
print_number(const struct printer *p, const char *name, int slot)
{
    einc_line(p->t, "const int64_t %s = args->n[%d];", name, slot);
}

/* Whether the text has a use for the stride of tensor o along a loop. */
static int
has_stride(const struct nest *w, int o, int loop)
{
    if (loop == 0)
        return w->units < 0 || (o == w->n_in && w->form == STREAM_COLUMNS);
    return loop == 1 || (w->form != STREAM_MAP && o < w->n_in);
}

static void
print_tensors(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    for (int o = 0; o < w->n_in; o++) {
        const char *type = einc_print_storage(w->in[o].storage);
        einc_line(t, "const %s *const in%d = "
                     "(const %s *)args->in[args->n[%d]];",
                  type, o, type, STREAM_SLOTS + o);
    }
    const char *type = einc_print_storage(w->out.storage);
    einc_line(t, "%s *const out = (%s *)args->out;", type, type);
    for (int o = 0; o <= w->n_in; o++)
        for (int l = 0; l < 3; l++)
            if (has_stride(w, o, l) && !(w->form == STREAM_DOTS &&
                                         o == w->n_in && l == 0))
                einc_line(t, "const int64_t %s_%s = args->s[%d];",
                          einc_nest_tensor(w, o)->name, loop_names[l],
                          3 * o + l);
}

static void
print_table(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    print_number(p, "n_free", STREAM_N_FREE);
    einc_line(t, "const int64_t n_all = n_free + args->n[%d];",
              STREAM_N_SUMMED);
    print_number(p, "n_lane", STREAM_LANE);
    print_number(p, "n_inner", STREAM_INNER);
    if (w->form != STREAM_MAP) {
        print_number(p, "n_summed", STREAM_N_SUMMED);
        print_number(p, "n_deep", STREAM_DEEP);
        print_number(p, "all_summed", STREAM_ALL_SUMMED);
    }
    print_number(p, "all_free", STREAM_ALL_FREE);
    print_number(p, "lanes", STREAM_LANES);
    print_number(p, "rows", STREAM_ROWS);
    print_number(p, "positions", STREAM_POSITIONS);
    einc_line(t, "const int64_t *const extent = args->n + %d;",
              STREAM_SLOTS + w->n_in);
    einc_line(t, "const int64_t *const stride = args->s + %d;",
              3 * (w->n_in + 1));
    print_tensors(p);
}

/* --- tasks -------------------------------------------------------------- */

static void
print_range(const struct printer *p, const char *begin, const char *end,
            const char *size, const char *all)
{
    einc_line(p->t, "const int64_t %s = %s - %s < %s ? %s : %s + %s;", end,
              all, begin, size, all, begin, size);
}

/* Where task `task` begins: lanes are counted fastest, then inner, then the
 * other free indices. */
static void
print_decode(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    int dots = w->form == STREAM_DOTS;
    einc_line(t, "int64_t rest = task;");
    if (!dots) {
        einc_line(t, "const int64_t first = rest %% lane_parts * lanes;");
        einc_line(t, "rest /= lane_parts;");
        einc_line(t, "const int64_t count = n_lane - first < lanes ? n_lane - "
                     "first : lanes;");
    }
    einc_line(t, "const int64_t begin = rest %% inner_parts * rows;");
    einc_line(t, "rest = rest / inner_parts * positions;");
    print_range(p, "begin", "end", "rows", "n_inner");
    einc_line(t, "const int64_t left = all_free - rest < positions ? all_free "
                 "- rest : positions;");
    einc_line(t, "int64_t at[%d] = {0};", w->n_in + 1);
    einc_stream_open(p, "for (int64_t x = n_free - 1; x >= 0; x--) {");
    einc_line(t, "value[x] = rest %% extent[x];");
    einc_line(t, "rest /= extent[x];");
    einc_line(t, "for (int o = 0; o < %d; o++)", w->n_in + 1);
    einc_line(t, "    at[o] += stride[o*n_all + x]*value[x];");
    einc_stream_close(p);
}

static void
print_body(const struct printer *p)
{
    enum stream_form form = p->nest->form;
    if (form == STREAM_DOTS) {
        einc_print_stream_dots(p, "begin", "end");
        return;
    }
    einc_stream_open(p, "for (int64_t inner = begin; inner < end; inner++) {");
    if (form == STREAM_MAP)
        einc_print_stream_map(p);
    else
        einc_print_stream_columns(p);
    einc_stream_close(p);
}

static void
print_constants(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    int past = w->form == STREAM_MAP && w->units >= 0 &&
               w->target->vector_bytes;
    einc_print_scale(p);
    if (w->form != STREAM_DOTS) {
        einc_line(t, "const int plain = !args->alpha && !args->beta && "
                     "factor == 1;");
        einc_line(t, "const int64_t lane_parts = (n_lane + lanes - 1)/lanes;");
    }
    if (past)
        einc_line(t, "const int past_cache = args->n[%d] != 0;",
                  STREAM_PAST_CACHE);
    einc_line(t, "const int64_t inner_parts = (n_inner + rows - 1)/rows;");
    einc_line(t, "int64_t value[%d];", FREE_INDICES);
    if (w->form != STREAM_MAP)
        einc_line(t, "int64_t turn[%d];", SUMMED_INDICES);
}

/* A sum of few products whose innermost index is short, a window of 3x3: where
 * they are, so that several are added at once. */
static void
print_spots(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    if (!einc_stream_has_spots(w))
        return;
    einc_line(t, "int64_t n_spots = 0;");
    for (int o = 0; o < w->n_in; o++)
        einc_line(t, "int64_t spot%d[%d];", o, SPOTS);
    einc_stream_open(p, "if (n_deep > 0 && n_deep < %d && all_summed > 1 && "
                        "all_summed <= %d/n_deep) {", w->visit, SPOTS);
    einc_line(t, "int64_t from[%d] = {0};", w->n_in + 1);
    einc_line(t, "for (int64_t x = 0; x < n_summed; x++)");
    einc_line(t, "    turn[x] = 0;");
    einc_stream_open(p, "for (int64_t sums = 0; sums < all_summed; sums++) {");
    einc_stream_open(p, "for (int64_t deep = 0; deep < n_deep; deep++, "
                        "n_spots++) {");
    for (int o = 0; o < w->n_in; o++)
        einc_line(t, "spot%d[n_spots] = from[%d] + in%d_deep*deep;", o, o, o);
    einc_stream_close(p);
    einc_line(t, "%s_next(n_summed, extent + n_free, stride + n_free, n_all, "
                 "turn, from);", p->shared);
    einc_stream_close(p);
    einc_stream_close(p);
}

void
einc_print_stream(const struct printer *p)
{
    struct text *t = p->t;
    einc_print_stream_past(p);
    print_next(p);
    einc_line(t, "%svoid", p->linkage);
    einc_line(t, "%s(const struct %s *args, int64_t task_begin, "
                 "int64_t task_end)", p->prefix, p->args);
    einc_stream_open(p, "{");
    print_table(p);
    print_constants(p);
    print_spots(p);
    einc_stream_open(p, "for (int64_t task = task_begin; task < task_end; "
                        "task++) {");
    print_decode(p);
    einc_stream_open(p, "for (int64_t place = 0; place < left; place++) {");
    print_body(p);
    einc_line(t, "%s_next(n_free, extent, stride, n_all, value, at);",
              p->shared);
    einc_stream_close(p);
    einc_stream_close(p);
    if (p->nest->form == STREAM_MAP && p->nest->units >= 0 &&
        p->nest->target->vector_bytes) {
        einc_line(t, "if (past_cache)");
        einc_line(t, "    %s_FENCE();", p->shared);
    }
    einc_stream_close(p);
}

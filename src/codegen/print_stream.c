/* SPDX-License-Identifier: MIT
 *
 * print_stream.c - a stream, one element of out at a time: the free indices
 * of a task number, and the loops over the summed ones. Threads of a GPU do
 * with this; for what a CPU does see print_stream_lanes.c.
 */
#include "codegen/print_stream.h"

static const char *
offset_text(const struct printer *p, const struct nest_tensor *x)
{
    struct text t = {.perm = p->t->perm};
    struct printer q = *p;
    q.t = &t;
    einc_print_offset(&q, x, 0, p->nest->n_idx, -1);
    return einc_text_z(&t);
}

/* --- the product -------------------------------------------------------- */

/* "+" before "="; "" where nothing is summed: 0 + -0 would lose the sign, and
 * a copy keeps every bit. */
static const char *
accumulate(const struct printer *p)
{
    const struct nest *w = p->nest;
    return w->first[LOOP_K] < w->first[LOOP_K + 1] ? einc_print_add(p) : "";
}

static void
print_element(const struct printer *p, int o, int plane)
{
    const struct nest_tensor *x = &p->nest->in[o];
    einc_print_load(p, x->storage, plane, x->name, offset_text(p, x));
}

static void
print_real_fma(const struct printer *p)
{
    struct text *t = p->t;
    int lost = p->nest->sum == EINC_SUM_KAHAN;
    if (lost)
        einc_put(t, "%*sconst %s product = ", t->indent, "", p->type);
    else
        einc_put(t, "%*ssum %s= ", t->indent, "", accumulate(p));
    for (int o = 0; o < p->nest->n_in; o++) {
        if (o)
            einc_put(t, " %s ", einc_print_mul(p));
        print_element(p, o, 0);
    }
    einc_put(t, ";\n");
    if (lost)
        einc_print_stream_compensated(p, "sum", "lost", "product");
}

/* Complex operands by value first: each is used twice. */
static void
print_complex_fma(const struct printer *p)
{
    struct text *t = p->t;
    for (int o = 0; o < p->nest->n_in; o++)
        for (int plane = 0; plane < 2; plane++) {
            einc_put(t, "%*sconst %s value%d_%s = ", t->indent, "", p->type, o,
                     plane ? "im" : "re");
            print_element(p, o, plane);
            einc_put(t, ";\n");
        }
    einc_line(t, "%s re = value0_re, im = value0_im;", p->type);
    for (int o = 1; o < p->nest->n_in; o++) {
        einc_put(t, "%*sconst %s re%d = value%d_re, im%d = value%d_im, old%d "
                    "= re;\n", t->indent, "", p->type, o, o, o, o, o);
        einc_line(t, "re = re*re%d - im*im%d;", o, o);
        einc_line(t, "im = old%d*im%d + im*re%d;", o, o, o);
    }
    if (p->nest->sum == EINC_SUM_KAHAN) {
        einc_print_stream_compensated(p, "sum_re", "lost_re", "re");
        einc_print_stream_compensated(p, "sum_im", "lost_im", "im");
        return;
    }
    einc_line(t, "sum_re %s= re;", accumulate(p));
    einc_line(t, "sum_im %s= im;", accumulate(p));
}

/* --- one node of the nest ----------------------------------------------- */

static const char *const sums[2][2] = {{"sum", ""}, {"sum_re", "sum_im"}};
static const char *const losts[2][2] = {{"lost", ""},
                                        {"lost_re", "lost_im"}};

static void
print_node(const struct printer *p, const struct nest_node *x)
{
    switch (x->op) {
    case NEST_ZERO:
        for (int plane = 0; plane < p->planes; plane++) {
            einc_line(p->t, "%s %s = 0;", p->type,
                      sums[p->planes - 1][plane]);
            if (p->nest->sum == EINC_SUM_KAHAN)
                einc_line(p->t, "%s %s = 0;", p->type,
                          losts[p->planes - 1][plane]);
        }
        break;
    case NEST_FMA:
        if (p->planes == 2)
            print_complex_fma(p);
        else
            print_real_fma(p);
        break;
    case NEST_STORE:
        einc_line(p->t, "const int64_t to = %s;",
                  offset_text(p, &p->nest->out));
        einc_print_epilogue(p, sums[p->planes - 1], "to");
        break;
    default:
        break;
    }
}

static void
walk(const struct printer *p, const struct nest_node *x)
{
    for (; x; x = x->next) {
        if (x->op != NEST_LOOP) {
            print_node(p, x);
            continue;
        }
        const char *name = p->nest->idx[x->index].name;
        einc_stream_open(p, "for (int64_t %s = 0; %s < %s; %s++) {", name,
                         name, einc_print_n(p, x->index), name);
        walk(p, x->child);
        einc_stream_close(p);
    }
}

/* --- tasks -------------------------------------------------------------- */

void
einc_print_stream_decode(const struct printer *p, const char *name)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    if (w->first[LOOP_K] == 0)
        return;
    einc_line(t, "int64_t rest = %s; /* fastest first */", name);
    for (int j = w->first[LOOP_K] - 1; j > 0; j--) {
        einc_line(t, "int64_t %s = rest %% %s;", w->idx[j].name,
                  einc_print_n(p, j));
        einc_line(t, "rest /= %s;", einc_print_n(p, j));
    }
    einc_line(t, "int64_t %s = rest;", w->idx[0].name);
}

void
einc_print_stream_body(const struct printer *p)
{
    walk(p, p->nest->root->child);
}

/* SPDX-License-Identifier: MIT
 *
 * planned.h - plans for tests, without api.c: tensors from short texts, random
 * einsums, and a judge that runs a plan on integers in its own workspace and
 * compares with loops over the graph as written.
 */
#ifndef EINC_TESTS_PLANNED_H
#define EINC_TESTS_PLANNED_H

#include <ctype.h>
#include <stdio.h>

#include "front.h"
#include "plan/plan.h"

enum { PLANNED_IN = 16, PLANNED_DIMS = 16 };

struct planned_tensor {
    struct einc_layout layout;
    int64_t shape[PLANNED_DIMS], stride[PLANNED_DIMS];
};

struct planned {
    char source[200];
    struct planned_tensor in[PLANNED_IN], out;
    struct einc_layout layouts[PLANNED_IN];
    int n_in, has_out;
    struct plan_options options;
    struct front f;
    const struct plan *plan; /* NULL: failed */
};

/* --- making them -------------------------------------------------------- */

/* Numbers separated by `mark`; returns how many. */
static inline int
planned_numbers(const char **p, char mark, int64_t *v)
{
    int n = 0;
    char *end;
    for (;;) {
        v[n++] = strtoll(*p, &end, 10);
        *p = end;
        if (*end != mark || n == PLANNED_DIMS)
            return n;
        (*p)++;
    }
}

/* "f32 2x3 @3:1", "i8", "f32 2x3"; a comma or the end follows. */
static inline const char *
planned_tensor(struct planned_tensor *t, const char *p)
{
    char name[8] = "";
    int n = 0;
    while (*p == ' ')
        p++;
    while (isalnum((unsigned char)*p) && n < 7)
        name[n++] = *p++;
    t->layout = (struct einc_layout){sizeof t->layout, 0, 0, 0, t->shape,
                                     NULL};
    t->layout.dtype = (int32_t)einc_dtype_parse(name);
    while (*p == ' ')
        p++;
    if (*p >= '0' && *p <= '9')
        t->layout.ndim = planned_numbers(&p, 'x', t->shape);
    while (*p == ' ')
        p++;
    if (*p == '@') {
        p++;
        planned_numbers(&p, ':', t->stride);
        t->layout.stride = t->stride;
    }
    return p;
}

static inline void
planned_open(struct planned *x, const char *expression, const char *tensors)
{
    memset(x, 0, sizeof *x);
    front_open(&x->f, 1 << 21);
    snprintf(x->source, sizeof x->source, "%s", expression);
    for (const char *p = tensors; *p;) {
        p = planned_tensor(&x->in[x->n_in++], p);
        p += *p == ',';
    }
}

static inline void
planned_close(struct planned *x)
{
    front_close(&x->f);
}

/* Up to the graph, then the plan. May be called again with other options. */
static inline enum einc_status
planned_build(struct planned *x)
{
    x->plan = NULL;
    for (int i = 0; i < x->n_in; i++)
        x->layouts[i] = x->in[i].layout;
    x->f.source = str_of(x->source);
    x->f.in = x->layouts;
    x->f.n_in = x->n_in;
    x->f.out = x->has_out ? &x->out.layout : NULL;
    enum einc_status status = front_run(&x->f);
    if (status)
        return status;
    if (setjmp(x->f.cx.boundary))
        return x->f.cx.status;
    x->plan = einc_plan_build(&x->f.perm, x->f.scratch, x->f.program,
                              x->f.graph, &x->options);
    return EINC_OK;
}

static inline const char *
planned_print(struct planned *x, void (*print)(struct text *,
                                               const struct plan *,
                                               const struct plan_model *))
{
    struct text t = {.perm = &x->f.perm};
    print(&t, x->plan, NULL);
    return einc_text_z(&t);
}

/* --- random ones -------------------------------------------------------- */

static inline unsigned
planned_random(uint64_t *state, unsigned below)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)((*state >> 33) % below);
}

/* Dense in a random order of the dims, some dims broadcast or reversed. */
static inline void
planned_random_strides(uint64_t *s, struct planned_tensor *t, int given)
{
    int order[PLANNED_DIMS], n = t->layout.ndim;
    int64_t stride = 1;
    for (int d = 0; d < n; d++)
        order[d] = d;
    for (int d = n - 1; d > 0; d--) {
        int e = (int)planned_random(s, (unsigned)d + 1), x = order[d];
        order[d] = order[e];
        order[e] = x;
    }
    for (int d = 0; d < n; d++) {
        t->stride[order[d]] = stride;
        stride *= t->shape[order[d]] + (planned_random(s, 8) == 0);
        if (planned_random(s, 12) == 0)
            t->stride[order[d]] *= -1;
        else if (!given && planned_random(s, 8) == 0)
            t->stride[order[d]] = 0;
    }
    t->layout.stride = t->stride;
}

/* Up to max_in operands over up to 7 labels: hyperedges, diagonals, lone and
 * broadcast indices, extents of 1, sometimes 0. Every fourth is of matrices,
 * large enough for contractions. */
static inline void
planned_random_open(struct planned *x, uint64_t seed, int max_in)
{
    uint64_t s = seed * 2 + 1;
    int64_t extent[7];
    int large = seed % 4 == 0, most = 0;
    int seen[7] = {0}, n_labels = 1 + (int)planned_random(&s, 7);
    if (large)
        n_labels = 4;
    planned_open(x, "", "");
    char *p = x->source;
    x->n_in = 1 + (int)planned_random(&s, (unsigned)max_in);
    if (large)
        x->n_in = 2 + x->n_in % 3;
    for (int l = 0; l < 7; l++)
        extent[l] = large ? 9 + planned_random(&s, 6)
                          : 1 + planned_random(&s, 4);
    if (planned_random(&s, 40) == 0)
        extent[planned_random(&s, 7)] = 0;
    for (int i = 0; i < x->n_in; i++) {
        struct planned_tensor *t = &x->in[i];
        int n = large ? 2 + (int)planned_random(&s, 2)
                      : (int)planned_random(&s, 5);
        t->layout = (struct einc_layout){sizeof t->layout, EINC_I64, n, 0,
                                         t->shape, NULL};
        for (int d = 0; d < n; d++) {
            int l = (int)planned_random(&s, (unsigned)n_labels);
            int one = planned_random(&s, 10) == 0 && !memchr(p, 'a' + l, 0);
            char *term = p - d;
            for (int k = 0; k < d; k++)
                one &= term[k] != 'a' + l;
            for (int k = 0; k < d; k++)
                if (term[k] == 'a' + l)
                    one = t->shape[k] == 1;
            t->shape[d] = one ? 1 : extent[l];
            *p++ = (char)('a' + l);
            seen[l] = 1;
        }
        if (planned_random(&s, 2))
            planned_random_strides(&s, t, 0);
        *p++ = i + 1 < x->n_in ? ',' : '-';
    }
    *p++ = '>';
    for (int l = 0; l < 7; l++) {
        int r = (l + (int)(seed % 7)) % 7;
        int wanted = seen[r] && planned_random(&s, large ? 4 : 2) > 0;
        if (wanted && most++ < (large ? 3 : 7))
            *p++ = (char)('a' + r);
    }
}

/* --- the judge ---------------------------------------------------------- */

/* All values of some indices, the last fastest. Returns 0 at the end. */
static inline int
planned_next(const struct graph *g, const int *index, int n, int64_t *value)
{
    for (int i = n - 1; i >= 0; i--) {
        if (++value[index[i]] < g->indices[index[i]].extent)
            return 1;
        value[index[i]] = 0;
    }
    return 0;
}

static inline int
planned_points(const struct graph *g, const int *index, int n)
{
    for (int i = 0; i < n; i++)
        if (g->indices[index[i]].extent == 0)
            return 0;
    return 1;
}

static inline int64_t
planned_at(const struct axis *axes, int n, const int64_t *value)
{
    int64_t at = 0;
    for (int i = 0; i < n; i++)
        at += axes[i].stride * value[axes[i].index];
    return at;
}

enum { PLANNED_ROOM = 1 << 13, PLANNED_BASE = PLANNED_ROOM / 2 };

/* Memory of one run: tensors of the caller have room on both sides. */
struct planned_memory {
    int64_t in[PLANNED_IN][PLANNED_ROOM];
    int64_t out[PLANNED_ROOM], want[PLANNED_ROOM];
    int64_t work[1 << 20];
};

/* The expression as written, dim by dim. */
static inline void
planned_oracle(const struct graph *g, struct planned_memory *m)
{
    int all[32], n = g->n_indices;
    int64_t value[32] = {0};
    for (int x = 0; x < n; x++)
        all[x] = x;
    if (!planned_points(g, all, n))
        return;
    do {
        int64_t product = 1, at = 0;
        for (int o = 0; o < g->n_in; o++) {
            at = 0;
            for (int d = 0; d < g->in[o].n_dims; d++)
                if (g->in[o].shape[d] != 1)
                    at += g->in[o].stride[d] * value[g->in[o].dim_index[d]];
            product *= m->in[o][PLANNED_BASE + at];
        }
        at = 0;
        for (int d = 0; d < g->out.n_dims; d++)
            at += g->out.stride[d] * value[g->out.dim_index[d]];
        m->want[PLANNED_BASE + at] += product;
    } while (planned_next(g, all, n, value));
}

static inline int64_t *
planned_tensor_at(const struct plan *p, struct planned_memory *m, int t)
{
    const struct plan_tensor *x = &p->tensors[t];
    if (x->home == HOME_INPUT)
        return m->in[x->number] + PLANNED_BASE;
    if (x->home == HOME_OUTPUT)
        return m->out + PLANNED_BASE;
    assert_int_equal(x->at_byte % 64, 0);
    assert_true(x->at_byte + x->size_bytes <= p->temporary_bytes);
    return m->work + x->at_byte / 8;
}

/* One step, from its groups: b, m, n outside, k summed. */
static inline void
planned_step(const struct plan *p, const struct step *s,
             struct planned_memory *m)
{
    const struct graph *g = p->canon;
    const struct plan_tensor *out = &p->tensors[s->out];
    const struct group *part[] = {&s->b, &s->m, &s->n};
    int free[32], n = 0;
    int64_t value[32] = {0};
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < part[i]->n; k++)
            free[n++] = part[i]->index[k];
    if (!planned_points(g, free, n))
        return;
    do {
        int64_t sum = 0;
        int more = planned_points(g, s->k.index, s->k.n);
        while (more) {
            int64_t product = 1;
            for (int i = 0; i < s->n_in; i++) {
                const struct plan_tensor *x = &p->tensors[s->in[i]];
                product *= planned_tensor_at(p, m, s->in[i])
                    [planned_at(x->axes, x->n_axes, value)];
            }
            sum += product;
            more = planned_next(g, s->k.index, s->k.n, value);
        }
        planned_tensor_at(p, m, s->out)
            [planned_at(out->axes, out->n_axes, value)] = sum * s->factor;
    } while (planned_next(g, free, n, value));
}

/* Whether the plan computes what the expression says. Spoils the workspace
 * beforehand; values are small, so int64 is exact. */
static inline int
planned_is_right(const struct plan *p, uint64_t seed)
{
    static struct planned_memory memory;
    struct planned_memory *m = &memory;
    assert_true(p->temporary_bytes <= (int64_t)sizeof m->work);
    memset(m->work, 0x5a, (size_t)p->temporary_bytes);
    memset(m->out, 0, sizeof m->out);
    memset(m->want, 0, sizeof m->want);
    for (int o = 0; o < p->graph->n_in; o++)
        for (int i = 0; i < PLANNED_ROOM; i++)
            m->in[o][i] = (int64_t)planned_random(&seed, 7) - 3;
    planned_oracle(p->graph, m);
    for (int s = 0; s < p->n_steps; s++)
        planned_step(p, &p->steps[s], m);
    return memcmp(m->out, m->want, sizeof m->out) == 0;
}

/* --- structure ---------------------------------------------------------- */

static inline int
planned_has(const struct axis *axes, int n, int x)
{
    for (int i = 0; i < n; i++)
        if (axes[i].index == x)
            return 1;
    return 0;
}

static inline int
planned_holds(const struct plan *p, int t, int x)
{
    return planned_has(p->tensors[t].axes, p->tensors[t].n_axes, x);
}

/* Every index of the group is, or is not, in in0, in1 and out. */
static inline void
planned_check_group(const struct plan *p, const struct step *s,
                    const struct group *g, int lhs, int rhs, int out)
{
    int64_t extent = 1;
    for (int i = 0; i < g->n; i++) {
        assert_int_equal(planned_holds(p, s->in[0], g->index[i]), lhs);
        assert_int_equal(planned_holds(p, s->in[1], g->index[i]), rhs);
        assert_int_equal(planned_holds(p, s->out, g->index[i]), out);
        extent *= p->canon->indices[g->index[i]].extent;
    }
    assert_int_equal(g->extent, extent);
}

static inline int64_t
planned_distance(const struct plan_tensor *t, int x)
{
    for (int i = 0; i < t->n_axes; i++)
        if (t->axes[i].index == x)
            return llabs(t->axes[i].stride);
    return 0;
}

/* The index of the result with the least stride is N's, or the batch's if
 * nothing of M and N is nearer; groups lie in memory order. */
static inline void
planned_check_lanes(const struct plan *p, const struct step *s)
{
    const struct plan_tensor *out = &p->tensors[s->out];
    int64_t n = INT64_MAX;
    for (int i = 0; i < s->n.n; i++)
        n = planned_distance(out, s->n.index[i]);
    for (int i = 0; i < s->m.n; i++)
        assert_true(planned_distance(out, s->m.index[i]) > n);
    for (int i = 0; i + 1 < s->n.n; i++)
        assert_true(planned_distance(out, s->n.index[i]) >
                    planned_distance(out, s->n.index[i + 1]));
}

static inline void
planned_check_step(const struct plan *p, const struct step *s, int last)
{
    int in_group[64] = {0};
    const struct group *part[] = {&s->b, &s->m, &s->n, &s->k};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < part[i]->n; k++)
            assert_int_equal(in_group[part[i]->index[k]]++, 0);
    for (int x = 0; x < p->canon->n_indices; x++) {
        int held = planned_holds(p, s->out, x);
        for (int i = 0; i < s->n_in; i++)
            held |= planned_holds(p, s->in[i], x);
        assert_true(in_group[x] >= held);
    }
    assert_true(last || s->factor == 1);
    assert_int_equal(p->tensors[s->out].home == HOME_OUTPUT, last);
    if (s->kind == STEP_COPY)
        assert_true(s->n_in == 1 && s->k.n == 0);
    if (s->kind != STEP_CONTRACT) {
        assert_true(s->m.n == 0 && s->n.n == 0);
        return;
    }
    assert_true(s->n_in == 2 || s->n_in == 3);
    assert_true(s->m.n && s->n.n && s->k.n);
    for (int x = 0; s->n_in == 3 && x < p->canon->n_indices; x++)
        assert_true(planned_holds(p, s->in[s->weighed], x) >=
                    planned_holds(p, s->in[2], x));
    planned_check_group(p, s, &s->b, 1, 1, 1);
    planned_check_group(p, s, &s->m, 1, 0, 1);
    planned_check_group(p, s, &s->n, 0, 1, 1);
    planned_check_group(p, s, &s->k, 1, 1, 0);
    planned_check_lanes(p, s);
}

/* Every tensor is read once, after it was written, and no two intermediates
 * that live at one time share a byte. */
static inline void
planned_check_life(const struct plan *p)
{
    int born[64], dead[64];
    assert_true(p->n_tensors <= 64);
    for (int t = 0; t < p->n_tensors; t++) {
        born[t] = p->tensors[t].home == HOME_INPUT ? -1 : p->n_steps;
        dead[t] = -1;
    }
    for (int i = 0; i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        for (int k = 0; k < s->n_in; k++) {
            assert_true(born[s->in[k]] < i);
            assert_int_equal(dead[s->in[k]], -1);
            dead[s->in[k]] = i;
        }
        born[s->out] = i;
    }
    for (int t = 0; t < p->n_tensors; t++) {
        const struct plan_tensor *x = &p->tensors[t];
        if (x->home != HOME_TEMP)
            continue;
        assert_true(dead[t] > born[t]);
        for (int u = 0; u < t; u++) {
            const struct plan_tensor *y = &p->tensors[u];
            if (y->home == HOME_TEMP && born[u] <= dead[t] &&
                born[t] <= dead[u])
                assert_true(x->at_byte >= y->at_byte + y->size_bytes ||
                            y->at_byte >= x->at_byte + x->size_bytes);
        }
    }
}

static inline void
planned_check(const struct plan *p)
{
    for (int i = 0; i < p->n_steps; i++)
        planned_check_step(p, &p->steps[i], i + 1 == p->n_steps);
    planned_check_life(p);
}

#endif

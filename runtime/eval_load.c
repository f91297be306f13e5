/* SPDX-License-Identifier: MIT
 *
 * eval_load.c - elements of tensors to lanes and back: where they are, and
 * whether they are there at all.
 */
#include <assert.h>
#include <string.h>

#include "base/bound.h"
#include "runtime/eval_code.h"

#define NOWHERE INT64_MIN

/* Where the lanes of an access are: lane l, first <= l < last, is l * stride
 * bytes from `base`, or with offsets where these say; all others are in the
 * padding, or masked. */
struct whereabouts {
    char *base;
    int64_t stride;
    int first, last;
    int64_t *offsets; /* NULL: not needed. NOWHERE: not there */
};

static int64_t
affine(const struct eval_thread *t, int64_t constant, int first, int n)
{
    const struct eval_term *x = &t->code->terms[first];
    uint64_t p = (uint64_t)constant;
    for (int i = 0; i < n; i++)
        p += (uint64_t)x[i].coef * (uint64_t)t->at[x[i].index];
    return (int64_t)p;
}

static int
go_astray(struct eval_thread *t, int site, int64_t position)
{
    assert(site >= 0 && "an access was said to be legal");
    t->stray = (struct stray){site + 1, position};
    return 1;
}

enum settled { INSIDE, PADDING, ASTRAY };

static enum settled
settle(const struct eval_dim *d, int64_t *position)
{
    int64_t p = *position, n = d->extent;
    if (p >= 0 && p < n)
        return INSIDE;
    switch (d->mode) {
    case BOUND_CHECK: return ASTRAY;
    case BOUND_PAD:
        return p >= -d->pad_lo && p < n + d->pad_hi ? PADDING : ASTRAY;
    case BOUND_CLAMP: *position = p < 0 ? 0 : n - 1; break;
    case BOUND_WRAP: *position = n > 0 ? bound_wrap(p, n) : 0; break;
    case BOUND_REFLECT: *position = n > 0 ? bound_reflect(p, n) : 0; break;
    }
    return n > 0 ? INSIDE : PADDING;
}

/* A dim that has one position for all lanes. */
static int
locate_one(struct eval_thread *t, const struct eval_dim *d, int64_t p,
           struct whereabouts *w)
{
    switch (settle(d, &p)) {
    case INSIDE: w->base += p * d->stride; break;
    case PADDING: w->last = w->first; break;
    case ASTRAY: return go_astray(t, d->site, p);
    }
    return 0;
}

/* Keeps the lanes with p + l * coef >= 0. */
static void
keep_lanes(struct whereabouts *w, int64_t p, int64_t coef)
{
    if (coef > 0 && p < 0) {
        int64_t from = (-p - 1) / coef + 1;
        if (from > w->first)
            w->first = from < w->last ? (int)from : w->last;
    }
    if (coef < 0) {
        int64_t end = p < 0 ? 0 : p / -coef + 1;
        if (end < w->last)
            w->last = end > w->first ? (int)end : w->first;
    }
}

/* What is affine in the lanes, with padding around it, or with lanes outside
 * that a guard masks: those inside are neighbours. */
static void
locate_padded(const struct eval_dim *d, int64_t p, struct whereabouts *w)
{
    if (p > INT64_MAX / 2 || p < -INT64_MAX / 2) {
        w->last = w->first; /* far outside */
        return;
    }
    keep_lanes(w, p, d->lane_coef);
    keep_lanes(w, d->extent - 1 - p, -d->lane_coef);
    /* base may leave the tensor: addresses are made of lanes that do not */
    w->base = (char *)((uintptr_t)w->base + (uintptr_t)p *
                                                (uintptr_t)d->stride);
    w->stride += d->lane_coef * d->stride;
}

/* A dim with a position of its own in each lane. */
static int
locate_each(struct eval_thread *t, const struct eval_access *a,
            const struct eval_dim *d, int64_t p, struct whereabouts *w)
{
    const int64_t *rest = d->rest >= 0 ? t->value[d->rest] : NULL;
    const uint8_t *mask = a->mask >= 0 ? t->value[a->mask] : NULL;
    const int step =
        rest && t->code->values[d->rest].lanes; /* else one for all */
    if (!w->offsets) {
        w->offsets = (int64_t *)(void *)(t->slots +
                                         t->code->values[a->offsets].offset);
        memset(w->offsets, 0, (size_t)t->n * sizeof *w->offsets);
    }
    for (int l = 0; l < t->n; l++) {
        int64_t q = (int64_t)((uint64_t)p +
                              (uint64_t)l * (uint64_t)d->lane_coef +
                              (rest ? (uint64_t)rest[l * step] : 0));
        if (w->offsets[l] == NOWHERE)
            continue;
        if (mask && !mask[l]) {
            w->offsets[l] = NOWHERE;
            continue;
        }
        if ((uint64_t)q < (uint64_t)d->extent) {
            w->offsets[l] += q * d->stride;
            continue;
        }
        switch (settle(d, &q)) {
        case INSIDE: w->offsets[l] += q * d->stride; break;
        case PADDING: w->offsets[l] = NOWHERE; break;
        case ASTRAY: return go_astray(t, d->site, q);
        }
    }
    return 0;
}

/* One lane after the other takes part in what the other dims say. */
static void
add_strides(struct whereabouts *w, int n)
{
    for (int l = 0; l < n; l++) {
        if (l < w->first || l >= w->last)
            w->offsets[l] = NOWHERE;
        else if (w->offsets[l] != NOWHERE)
            w->offsets[l] += l * w->stride;
    }
}

static int
locate(struct eval_thread *t, const struct eval_access *a, int n,
       struct whereabouts *w)
{
    const struct eval_code *c = t->code;
    w->base = (char *)t->tensor[a->tensor] +
              affine(t, a->constant, a->first, a->n_terms);
    w->stride = a->lane_bytes;
    w->first = 0;
    w->last = n;
    w->offsets = NULL;
    for (int i = 0; i < a->n_dims; i++) {
        const struct eval_dim *d = &c->dims[a->first_dim + i];
        int64_t p = affine(t, d->constant, d->first, d->n_terms);
        int varies = d->rest >= 0 && c->values[d->rest].lanes;
        if (!varies && d->lane_coef == 0) {
            if (d->rest >= 0)
                p = (int64_t)((uint64_t)p +
                              *(const uint64_t *)t->value[d->rest]);
            if (locate_one(t, d, p, w))
                return 1;
        } else if (d->mode <= BOUND_PAD && !d->checked && d->rest < 0) {
            locate_padded(d, p, w);
        } else if (locate_each(t, a, d, p, w)) {
            return 1;
        }
    }
    if (w->offsets)
        add_strides(w, n);
    return 0;
}

/* to[l] = what fills the padding, first <= l < last. */
static void
fill(const struct eval_thread *t, const struct eval_access *a, char *to,
     int bytes, int first, int last)
{
    if (a->fill < 0) {
        memset(to + (int64_t)first * bytes, 0,
               (size_t)((last - first) * bytes));
        return;
    }
    const char *from = t->value[a->fill];
    for (int l = first; l < last; l++)
        memcpy(to + (int64_t)l * bytes, from, (size_t)bytes);
}

int
einc_eval_load(struct eval_thread *t, const struct eval_op *o)
{
    const struct eval_code *c = t->code;
    const struct eval_access *a = &c->accesses[o->item];
    const int n = o->lanes ? t->n : 1;
    const int bytes = eval_bytes(c->values[o->to].type);
    char *to = t->slots + c->values[o->to].offset;
    struct whereabouts w;
    if (locate(t, a, n, &w))
        return 1;
    t->value[o->to] = to;
    if (w.offsets) {
        fill(t, a, to, bytes, 0, n);
        c->set->gather[a->dtype](to, w.base, w.offsets, n);
        return 0;
    }
    if (w.first == 0 && w.last == n && a->is_native &&
        (w.stride == bytes || !o->lanes)) {
        t->value[o->to] = w.base; /* as good where it is */
        return 0;
    }
    fill(t, a, to, bytes, 0, w.first);
    fill(t, a, to, bytes, w.last, n);
    if (w.first < w.last)
        c->set->load[a->dtype](to + (int64_t)w.first * bytes,
                               w.base + w.first * w.stride, w.stride,
                               w.last - w.first);
    return 0;
}

/* --- panels ------------------------------------------------------------- */

/* The next values of a panel's indices; 0 after the last. */
static int
step_panel(struct eval_thread *t, const struct eval_term *x, int n)
{
    const struct index *indices = t->code->program->indices;
    for (int i = n - 1; i >= 0; i--) {
        if (++t->at[x[i].index] < indices[x[i].index].hi)
            return 1;
        t->at[x[i].index] = indices[x[i].index].lo;
    }
    return 0;
}

void
einc_eval_panel(struct eval_thread *t, const struct eval_op *o)
{
    const struct eval_code *c = t->code;
    const struct eval_panel *p = &c->panels[o->item];
    const struct eval_access *a = &c->accesses[p->access];
    const struct eval_term *x = &c->terms[p->first];
    const int bytes = eval_bytes(c->values[o->to].type);
    char *to = t->slots + c->values[o->to].offset;
    struct whereabouts w;
    int64_t at[EVAL_PANEL_LOOPS]; /* a task may start anywhere in them */
    for (int i = 0; i < p->n_terms; i++) {
        at[i] = t->at[x[i].index];
        t->at[x[i].index] = c->program->indices[x[i].index].lo;
    }
    do {
        locate(t, a, t->n, &w);
        c->set->load[a->dtype](to, w.base, w.stride, t->n);
        to += c->lanes * bytes;
    } while (step_panel(t, x, p->n_terms));
    for (int i = 0; i < p->n_terms; i++)
        t->at[x[i].index] = at[i];
}

void
einc_eval_entry(struct eval_thread *t, const struct eval_op *o)
{
    const struct eval_code *c = t->code;
    const struct eval_panel *p = &c->panels[o->item];
    const struct eval_term *x = &c->terms[p->first];
    const char *panel = t->value[o->in[0]];
    int64_t at = 0;
    for (int i = 0; i < p->n_terms; i++)
        at = at * x[i].coef + t->at[x[i].index] -
             c->program->indices[x[i].index].lo;
    t->value[o->to] =
        panel + at * c->lanes * eval_bytes(c->values[o->to].type);
}

/* --- the left side ------------------------------------------------------ */

/* Several lanes may lead to one element: in order, one by one. */
static void
store_each(struct eval_thread *t, const struct eval_op *o,
           const struct eval_access *a, const struct whereabouts *w, int n)
{
    const struct eval_code *c = t->code;
    const int bytes = eval_bytes(c->values[o->in[1]].type);
    const char *from = t->value[o->in[0]];
    void *old = t->slots + c->values[o->in[1]].offset;
    void *made = t->slots + c->values[o->in[2]].offset;
    for (int l = 0; l < n; l++) {
        const char *x = from + (o->one ? 0 : (int64_t)l * bytes);
        int64_t offset = w->offsets ? w->offsets[l] : l * w->stride;
        if (offset == NOWHERE || l < w->first || l >= w->last)
            continue;
        char *p = w->base + offset;
        if (o->fn) {
            c->set->load[a->dtype](old, p, 0, 1);
            o->fn(made, (const void *[]){old, x, NULL}, 1, 0, 0);
            x = made;
        }
        c->set->store[a->dtype](p, 0, x, 1);
    }
}

/* All lanes have elements of their own. */
static void
store_all(struct eval_thread *t, const struct eval_op *o,
          const struct eval_access *a, const struct whereabouts *w)
{
    const struct eval_code *c = t->code;
    const int bytes = eval_bytes(c->values[o->in[1]].type);
    const int n = w->last - w->first, first = w->first;
    const char *from = t->value[o->in[0]];
    char *old = t->slots + c->values[o->in[1]].offset;
    char *made = t->slots + c->values[o->in[2]].offset;
    char *p = w->base + first * w->stride;
    if (!o->one)
        from += (int64_t)first * bytes;
    if (o->fn) {
        c->set->load[a->dtype](old, p, w->stride, n);
        o->fn(made, (const void *[]){old, from, NULL}, n, o->one ? 2 : 0, 0);
        from = made;
    } else if (o->one) {
        for (int l = 0; l < n; l++)
            memcpy(made + (int64_t)l * bytes, from, (size_t)bytes);
        from = made;
    }
    c->set->store[a->dtype](p, w->stride, from, n);
}

int
einc_eval_store(struct eval_thread *t, const struct eval_op *o)
{
    const struct eval_access *a = &t->code->accesses[o->item];
    const int n = o->lanes ? t->n : 1;
    struct whereabouts w;
    if (locate(t, a, n, &w))
        return 1;
    if (w.offsets && o->scatter)
        o->scatter(w.base, w.offsets, t->value[o->in[0]], o->one, n);
    else if (w.offsets || (n > 1 && w.stride == 0))
        store_each(t, o, a, &w, n);
    else if (w.first < w.last)
        store_all(t, o, a, &w);
    return 0;
}

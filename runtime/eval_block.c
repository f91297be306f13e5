/* SPDX-License-Identifier: MIT
 *
 * eval_block.c - runs the evaluator's code. Blocks call each other as deep as
 * reductions and guards are nested in the text, which the parser bounds.
 */
#include <assert.h>
#include <limits.h>
#include <string.h>

#include "runtime/eval_code.h"

static void *
slot(const struct eval_thread *t, int value)
{
    return t->slots + t->code->values[value].offset;
}

static int
any(const uint8_t *mask, int n)
{
    int is = 0;
    for (int l = 0; l < n; l++)
        is |= mask[l];
    return is;
}

/* --- loops -------------------------------------------------------------- */

/* The range of a loop, now. With bounds per lane, one that holds those of all
 * lanes that count. 1: a part of it is where it may not be. */
static int
find_range(struct eval_thread *t, const struct eval_loop *x, int64_t *lo,
           int64_t *hi)
{
    const struct eval_value *v = t->code->values;
    *lo = x->lo;
    *hi = x->hi;
    if (x->from < 0)
        return 0;
    const int64_t *from = t->value[x->from], *to = t->value[x->to];
    const int step_from = v[x->from].lanes, step_to = v[x->to].lanes;
    const int lanes = step_from || step_to;
    const uint8_t *mask = lanes && x->mask >= 0 ? t->value[x->mask] : NULL;
    *lo = INT64_MAX;
    *hi = INT64_MIN;
    for (int l = 0; l < (lanes ? t->n : 1); l++) {
        int64_t a = from[l * step_from], b = to[l * step_to];
        if (a >= b || (mask && !mask[l]))
            continue;
        if (a < x->lo || b > x->hi) {
            t->stray = (struct stray){
                x->site + 1, a < x->lo || a >= x->hi ? a : x->hi};
            return 1;
        }
        *lo = a < *lo ? a : *lo;
        *hi = b > *hi ? b : *hi;
    }
    return 0;
}

static int
run_loop(struct eval_thread *t, const struct eval_loop *x)
{
    int64_t lo, hi;
    const int n = t->n, lanes = t->code->lanes;
    int stopped = find_range(t, x, &lo, &hi);
    if (!x->lanes) {
        for (int64_t i = lo; i < hi && !stopped; i++) {
            t->at[x->index] = i;
            stopped = einc_eval_block(t, x->block);
        }
        return stopped;
    }
    for (int64_t i = lo; i < hi && !stopped; i += lanes) {
        t->at[x->index] = i;
        t->n = hi - i < lanes ? (int)(hi - i) : lanes;
        stopped = einc_eval_block(t, x->block);
    }
    t->n = n;
    return stopped;
}

/* --- operations --------------------------------------------------------- */

static void
run_call(struct eval_thread *t, const struct eval_op *o)
{
    const void *in[3];
    for (int i = 0; i < 3; i++)
        in[i] = o->in[i] >= 0 ? t->value[o->in[i]] : NULL;
    o->fn(slot(t, o->to), in, o->lanes ? t->n : 1, o->one, o->k);
}

static void
run_index(struct eval_thread *t, const struct eval_op *o)
{
    int64_t *to = slot(t, o->to);
    const int64_t first = t->at[o->item];
    for (int l = 0; l < (o->lanes ? t->n : 1); l++)
        to[l] = first + l;
}

static void
run_range(struct eval_thread *t, const struct eval_op *o)
{
    uint8_t *to = slot(t, o->to);
    const int64_t *from = t->value[o->in[0]], *end = t->value[o->in[1]];
    const int64_t i = t->at[o->item];
    const int step_from = !(o->one & 1), step_end = !(o->one & 2);
    for (int l = 0; l < t->n; l++)
        to[l] = from[l * step_from] <= i && i < end[l * step_end];
}

static void
run_begin(struct eval_thread *t, const struct eval_op *o)
{
    const struct eval_reduce *r = &t->code->reduces[o->item];
    struct eval_state *s = &t->states[o->item];
    s->value = slot(t, r->value);
    s->more = r->more >= 0 ? slot(t, r->more) : NULL;
    s->number = r->number >= 0 ? slot(t, r->number) : NULL;
    s->k = r->k;
    s->in_run = 0;
    s->lanes = r->lanes ? t->n : 1;
    if (r->own_lanes)
        s->lanes = r->own_lanes < t->code->lanes ? (int)r->own_lanes
                                                 : t->code->lanes;
    r->how->begin(s);
    if (r->one_run)
        s->in_run = INT_MIN;
}

static void
run_take(struct eval_thread *t, const struct eval_op *o)
{
    const struct eval_reduce *r = &t->code->reduces[o->item];
    const struct eval_term *x = &t->code->terms[r->first];
    int64_t at = 0;
    if (o->take) {
        o->take(&t->states[o->item], t->value[o->in[0]], t->value[o->in[2]],
                o->one, o->lanes ? t->n : 1);
        return;
    }
    if (r->number >= 0) {
        at = r->constant;
        for (int i = 0; i < r->n_terms; i++)
            at += x[i].coef * t->at[x[i].index];
    }
    r->how->take(&t->states[o->item], t->value[o->in[0]], o->one,
                 o->in[1] >= 0 ? t->value[o->in[1]] : NULL,
                 o->lanes ? t->n : 1, at, r->lane_coef);
}

/* To positions, but for -1: there is none. */
static void
add_base(int64_t *p, int n, int64_t base)
{
    for (int l = 0; l < n; l++)
        p[l] += p[l] >= 0 ? base : 0;
}

static void
run_end(struct eval_thread *t, const struct eval_op *o)
{
    const struct eval_reduce *r = &t->code->reduces[o->item];
    struct eval_state *s = &t->states[o->item];
    if (!r->lanes && s->lanes > 1) {
        r->how->join(s);
        s->lanes = 1;
    }
    r->how->finish(s, slot(t, o->to));
    if (r->op == REDOP_ARGMAX || r->op == REDOP_ARGMIN)
        add_base((int64_t *)(void *)slot(t, o->to), s->lanes, r->base);
}

static void
run_pick(struct eval_thread *t, const struct eval_op *o)
{
    const struct eval_reduce *r = &t->code->reduces[o->item];
    const struct eval_state *s = &t->states[o->item];
    const int64_t *entry = t->value[o->in[0]];
    const int is_position =
        r->op == REDOP_ARGKMIN || r->op == REDOP_ARGKMAX;
    const char *from = is_position ? (const char *)s->number : s->value;
    const size_t bytes =
        (size_t)eval_bytes(t->code->values[o->to].type);
    char *to = slot(t, o->to);
    for (int l = 0; l < (o->lanes ? t->n : 1); l++) {
        int64_t i = entry[o->one ? 0 : l] - o->k;
        if (r->lanes)
            i += l * r->k;
        memcpy(to + (size_t)l * bytes, from + (size_t)i * bytes, bytes);
        if (is_position)
            add_base((int64_t *)(void *)to + l, 1, r->base);
    }
}

int
einc_eval_block(struct eval_thread *t, int block)
{
    const struct eval_code *c = t->code;
    for (int i = c->blocks[block].first; i >= 0; i = c->ops[i].next) {
        const struct eval_op *o = &c->ops[i];
        int stopped = 0;
        switch (o->kind) {
        case EVAL_CALL: run_call(t, o); break;
        case EVAL_INDEX: run_index(t, o); break;
        case EVAL_LOAD: stopped = einc_eval_load(t, o); break;
        case EVAL_PANEL: einc_eval_panel(t, o); break;
        case EVAL_ENTRY: einc_eval_entry(t, o); break;
        case EVAL_IF:
            if (any(t->value[o->in[0]], o->lanes ? t->n : 1))
                stopped = einc_eval_block(t, o->item);
            break;
        case EVAL_LOOP: stopped = run_loop(t, &c->loops[o->item]); break;
        case EVAL_RANGE: run_range(t, o); break;
        case EVAL_BEGIN: run_begin(t, o); break;
        case EVAL_TAKE: run_take(t, o); break;
        case EVAL_END: run_end(t, o); break;
        case EVAL_PICK: run_pick(t, o); break;
        case EVAL_STORE: stopped = einc_eval_store(t, o); break;
        }
        if (stopped)
            return 1;
    }
    return 0;
}

/* --- a thread ----------------------------------------------------------- */

static void
put_constant(void *to, const struct eval_value *v)
{
    switch (v->type) {
    case EVAL_BOOL: *(uint8_t *)to = v->integer != 0; break;
    case EVAL_I32: *(uint32_t *)to = (uint32_t)v->integer; break;
    case EVAL_I64: *(int64_t *)to = v->integer; break;
    case EVAL_F32: *(float *)to = (float)v->number; break;
    case EVAL_F64: *(double *)to = v->number; break;
    case EVAL_C64:
        *(struct eval_c64 *)to = (struct eval_c64){(float)v->number, 0};
        break;
    case EVAL_C128:
        *(struct eval_c128 *)to = (struct eval_c128){v->number, 0};
        break;
    case N_EVAL_TYPES: break;
    }
}

static char *
next(char **at, int64_t bytes)
{
    char *p = *at;
    *at += (bytes + 63) / 64 * 64;
    return p;
}

void
einc_eval_thread(struct eval_thread *t, const struct eval_code *c,
                 void *const tensor[], char *slots)
{
    t->code = c;
    t->tensor = tensor;
    t->n = 1;
    t->stray = (struct stray){0, 0};
    t->slots = next(&slots, c->slot_bytes);
    t->at = (void *)next(&slots, (c->program->n_indices + 1) *
                                     (int64_t)sizeof *t->at);
    t->value = (void *)next(&slots,
                            c->n_values * (int64_t)sizeof *t->value);
    t->states = (void *)next(&slots,
                             c->n_reduces * (int64_t)sizeof *t->states);
    /* Masked lanes are computed with what is there: let it be numbers. */
    memset(t->slots, 0, (size_t)c->slot_bytes);
    for (int v = 0; v < c->n_values; v++) {
        t->value[v] = slot(t, v);
        if (c->values[v].is_constant)
            put_constant(slot(t, v), &c->values[v]);
    }
}

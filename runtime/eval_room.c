/* SPDX-License-Identifier: MIT
 *
 * eval_room.c - how much the code of a statement takes at most, and where
 * each part of it lies.
 */
#include "runtime/eval_build.h"

enum { UNROLL_OPS = 600 }; /* operations of all that is written out */

static void
count_access(const struct program *p, const struct access *a, struct room *r)
{
    r->accesses++;
    r->ops += 3;
    r->nodes += 3;
    r->terms += EVAL_PANEL_LOOPS;
    for (int d = 0; d < a->n_subs; d++) {
        r->dims++;
        r->terms += a->subs[d].n_terms;
        if (a->subs[d].rest)
            einc_eval_room_count(p, a->subs[d].rest, r);
    }
    if (a->fill)
        einc_eval_room_count(p, a->fill, r);
}

static void
count_loop(const struct program *p, int index, struct room *r)
{
    const struct index *x = &p->indices[index];
    r->loops++;
    r->blocks += 2;
    r->ops += 6;
    r->terms++;
    if (x->from) {
        einc_eval_room_count(p, x->from, r);
        einc_eval_room_count(p, x->to, r);
    }
}

void
einc_eval_room_count(const struct program *p, const struct node *n,
                     struct room *r)
{
    r->nodes++;
    r->ops += 4 + 2 * n->n_args;
    if (n->kind == NODE_CALL && n->fn == FN_SELECT) {
        r->blocks += 2;
        r->ops += 8;
    }
    for (int i = 0; i < n->n_args; i++)
        einc_eval_room_count(p, n->args[i], r);
    if (n->kind == NODE_ACCESS)
        count_access(p, n->access, r);
    if (n->kind != NODE_REDUCE)
        return;
    r->reduces++;
    r->blocks++;
    r->ops += 8;
    r->nodes += 4;
    for (int i = 0; i < n->n_bound; i++)
        count_loop(p, n->bound[i], r);
    if (n->guard)
        einc_eval_room_count(p, n->guard, r);
    if (n->best >= 0)
        r->best += p->indices[n->best].hi - p->indices[n->best].lo;
}

static struct room
count_stmt(const struct program *p, const struct stmt *s)
{
    struct room r = {.blocks = 1, .ops = 8, .nodes = 8};
    einc_eval_room_count(p, s->right, &r);
    count_access(p, &s->left, &r);
    for (int i = 0; i < s->n_loops; i++)
        count_loop(p, s->loops[i], &r);
    return r;
}

struct room
einc_eval_room_unroll(void)
{
    return (struct room){.nodes = UNROLL_OPS / 2, .ops = UNROLL_OPS,
                         .blocks = UNROLL_OPS / 4,
                         .accesses = UNROLL_OPS / 4,
                         .dims = UNROLL_OPS / 2, .terms = UNROLL_OPS,
                         .loops = UNROLL_OPS / 4,
                         .reduces = UNROLL_OPS / 8, .best = 0};
}

static int64_t
values_of(const struct room *r)
{
    return r->ops + 2 * r->nodes + r->accesses;
}

int
einc_eval_room_take(struct room *left, const struct room *r, int64_t n)
{
    if (n * r->nodes > left->nodes || n * r->ops > left->ops ||
        n * r->blocks > left->blocks || n * r->accesses > left->accesses ||
        n * r->dims > left->dims || n * r->terms > left->terms ||
        n * r->loops > left->loops || n * r->reduces > left->reduces ||
        r->best > 0)
        return 0;
    left->nodes -= n * r->nodes;
    left->ops -= n * r->ops;
    left->blocks -= n * r->blocks;
    left->accesses -= n * r->accesses;
    left->dims -= n * r->dims;
    left->terms -= n * r->terms;
    left->loops -= n * r->loops;
    left->reduces -= n * r->reduces;
    return 1;
}

struct room
einc_eval_room_all(const struct program *p, const struct stmt *s)
{
    struct room r = count_stmt(p, s), u = einc_eval_room_unroll();
    r.nodes += u.nodes;
    r.ops += u.ops;
    r.blocks += u.blocks;
    r.accesses += u.accesses;
    r.dims += u.dims;
    r.terms += u.terms;
    r.loops += u.loops;
    r.reduces += u.reduces;
    return r;
}

/* The next n of so many bytes behind `at`, aligned. With `base` NULL only the
 * bytes are counted. */
static void *
carve(char *base, int64_t *at, int64_t n, size_t bytes)
{
    void *p = base ? base + *at : NULL;
    *at += (n * (int64_t)bytes + 63) / 64 * 64;
    return p;
}

int64_t
einc_eval_room_lay_out(struct build *b, const struct room *r, char *base)
{
    int64_t at = 0;
    struct eval_code *c = carve(base, &at, 1, sizeof *c);
    struct eval_code dry;
    if (!base)
        c = &dry;
    b->c = c;
    c->values = carve(base, &at, values_of(r), sizeof *c->values);
    c->ops = carve(base, &at, r->ops, sizeof *c->ops);
    c->blocks = carve(base, &at, r->blocks, sizeof *c->blocks);
    c->accesses = carve(base, &at, r->accesses, sizeof *c->accesses);
    c->dims = carve(base, &at, r->dims, sizeof *c->dims);
    c->terms = carve(base, &at, r->terms, sizeof *c->terms);
    c->loops = carve(base, &at, r->loops, sizeof *c->loops);
    c->reduces = carve(base, &at, r->reduces, sizeof *c->reduces);
    c->panels = carve(base, &at, r->accesses, sizeof *c->panels);
    for (b->n_memos = 16; b->n_memos < 2 * r->nodes;)
        b->n_memos *= 2;
    b->memos = carve(base, &at, b->n_memos, sizeof *b->memos);
    b->loop_block = carve(base, &at, b->p->n_indices, sizeof(int));
    b->fixed = carve(base, &at, b->p->n_indices, sizeof(int64_t));
    b->fixed_serial = carve(base, &at, b->p->n_indices, sizeof(int));
    if (!base)
        b->c = NULL;
    return at;
}

int64_t
einc_eval_code_bytes(const struct program *p, const struct stmt *s)
{
    struct build b = {.p = p, .s = s};
    const struct room r = einc_eval_room_all(p, s);
    return einc_eval_room_lay_out(&b, &r, NULL);
}

int64_t
einc_eval_room_slots(const struct room *r)
{
    int64_t least = values_of(r) * 16 * EVAL_MIN_LANES;
    return (least < 4 * EVAL_SLOTS ? 4 * EVAL_SLOTS : least) +
           r->best * 16 * EVAL_MIN_LANES + EVAL_PANELS * EVAL_MAX_LANES;
}

int64_t
einc_eval_thread_bytes(const struct program *p, const struct stmt *s)
{
    const struct room r = einc_eval_room_all(p, s);
    int64_t at = einc_eval_room_slots(&r);
    carve(NULL, &at, p->n_indices + 1, sizeof(int64_t));
    carve(NULL, &at, values_of(&r), sizeof(void *));
    carve(NULL, &at, r.reduces, sizeof(struct eval_state));
    return at;
}

/* SPDX-License-Identifier: MIT
 *
 * script.c - see script.h: the passes in their order, and where temporaries
 * live.
 */
#include "plan/script.h"

#include <string.h>

#include "parse/graph.h"
#include "parse/resolve.h"
#include "plan/places.h"
#include "plan/script_parts.h"
#include "plan/strips.h"

enum { ALIGN_BYTES = 64 };

/* A copy of an operand with its border that is larger is made in slices, if an
 * index of the output moves the window: it then stays in L2 beside what a
 * contraction packs. */
enum { SLICE_BYTES = 5 << 18 };

/* --- memory ------------------------------------------------------------- */

struct life {
    int first, last; /* statements that write and read it */
    int64_t bytes;
};

struct looking {
    int stmt;
    struct life *lives;
};

static int
see(void *user, const struct node *n)
{
    struct looking *x = user;
    if (n->access)
        x->lives[n->access->tensor].last = x->stmt;
    return 0;
}

/* The mask, and the lists that are made of it. */
static void
see_places(struct looking *x, const struct stmt *s)
{
    if (s->gate)
        x->lives[s->gate->mask].last = x->stmt;
    for (int d = 0; s->places && d < s->places->n_dims; d++)
        x->lives[s->places->list[d]].first = x->stmt;
}

static void
see_left(struct looking *x, const struct program *p, const struct stmt *s)
{
    struct life *own = &x->lives[s->left.tensor];
    own->last = x->stmt;
    if (own->first < 0)
        own->first = x->stmt;
    for (int d = 0; d < s->left.n_subs; d++)
        if (s->left.subs[d].rest)
            einc_rewrite_any(p, s->left.subs[d].rest, see, x);
    see_places(x, s);
}

static int64_t
bytes_of(struct cx *cx, const struct tensor *t)
{
    int64_t n = einc_dtype_info(t->dtype)->bytes;
    int full = 0;
    for (int d = 0; d < t->n_dims; d++)
        full |= __builtin_mul_overflow(n, t->shape[d], &n);
    if (full || n > INT64_MAX / 4)
        einc_fail(cx, EINC_ELIMIT, "E814", t->at,
                  "an intermediate has more bytes than int64 counts");
    return n;
}

/* Tensors that a statement reads, in ascending order. */
static void
list_reads(struct arena *perm, struct arena scratch, const struct program *p,
           struct stage *x)
{
    const struct stmt *s = &p->stmts[x->stmt];
    struct life *seen = NEW(&scratch, struct life, p->n_tensors);
    struct looking look = {1, seen};
    see_left(&look, p, s);
    seen[s->left.tensor].last = s->op != ASSIGN_SET;
    einc_rewrite_any(p, s->right, see, &look);
    int n = 0;
    for (int t = 0; t < p->n_tensors; t++)
        n += seen[t].last;
    x->reads = NEW(perm, int, n);
    for (int t = 0; t < p->n_tensors; t++)
        if (seen[t].last)
            x->reads[x->n_reads++] = t;
}

/* Strips are run again and again: what is not of one of them is there from the
 * first statement to the last. */
static void
hold_for_strips(const struct program *p, int first, int end,
                struct life *lives)
{
    for (int t = 0; t < p->n_tensors; t++) {
        int inner = 0;
        for (int s = first; s < end; s++)
            inner |= p->stmts[s].strip.is_inner && p->stmts[s].left.tensor == t;
        if (inner || lives[t].last < first || lives[t].first >= end)
            continue;
        if (lives[t].first > first)
            lives[t].first = first;
        if (lives[t].last < end - 1)
            lives[t].last = end - 1;
    }
}

static int
end_of_strips(const struct program *p, int s)
{
    const struct strips *of = p->stmts[s++].strip.of;
    while (of && s < p->n_stmts && p->stmts[s].strip.of == of)
        s++;
    return s;
}

int
einc_script_together(const struct script *s, int stage)
{
    return end_of_strips(s->program, stage);
}

int64_t
einc_script_strips(const struct script *s, int stage)
{
    const struct strips *of = s->program->stmts[stage].strip.of;
    return of ? of->slices.count : 1;
}

static struct life *
find_lives(struct arena *perm, const struct program *p)
{
    struct life *lives = NEW(perm, struct life, p->n_tensors);
    for (int t = 0; t < p->n_tensors; t++) {
        lives[t].first = lives[t].last = -1;
        if (p->tensors[t].kind == TENSOR_TEMP)
            lives[t].bytes = bytes_of(perm->cx, &p->tensors[t]);
    }
    for (int s = 0; s < p->n_stmts; s++) {
        struct looking x = {s, lives};
        see_left(&x, p, &p->stmts[s]);
        einc_rewrite_any(p, p->stmts[s].right, see, &x);
    }
    for (int s = 0, end; s < p->n_stmts; s = end) {
        end = end_of_strips(p, s);
        if (p->stmts[s].strip.of)
            hold_for_strips(p, s, end, lives);
    }
    return lives;
}

/* First fit below those that live at the same time, in order of birth; of
 * some tensors. Returns the bytes that they take. */
static int64_t
place_some(const struct script *s, const struct life *lives, const char *is,
           struct cx *cx)
{
    const struct program *p = s->program;
    int64_t bytes = 0;
    for (int t = 0; t < p->n_tensors; t++) {
        int64_t at = 0;
        if (!is[t])
            continue;
        for (int u = 0; u < t; u++) {
            if (!is[u] || lives[u].last < lives[t].first ||
                lives[t].last < lives[u].first ||
                s->at_byte[u] + lives[u].bytes <= at ||
                at + lives[t].bytes <= s->at_byte[u])
                continue;
            at = (s->at_byte[u] + lives[u].bytes + ALIGN_BYTES - 1) /
                 ALIGN_BYTES * ALIGN_BYTES;
            u = -1; /* those before may stand in the way of the new place */
        }
        s->at_byte[t] = at;
        if (at > INT64_MAX / 2 - lives[t].bytes)
            einc_fail(cx, EINC_ELIMIT, "E814", p->tensors[t].at,
                      "the intermediates have more bytes than int64 counts");
        if (at + lives[t].bytes > bytes)
            bytes = at + lives[t].bytes;
        for (int i = lives[t].first; i <= lives[t].last; i++)
            s->stages[i].live_bytes += lives[t].bytes;
    }
    return bytes;
}

/* Temporaries that live through the run, and those of a strip in its own. */
static void
place(struct arena scratch, struct script *s)
{
    const struct program *p = s->program;
    struct life *lives = find_lives(&scratch, p);
    char *is = NEW(&scratch, char, p->n_tensors);
    for (int t = 0; t < p->n_tensors; t++) {
        s->at_byte[t] = -1;
        is[t] = p->tensors[t].kind == TENSOR_TEMP && lives[t].first >= 0;
    }
    for (int i = 0; i < s->n_stages; i++)
        if (p->stmts[i].strip.is_inner)
            is[p->stmts[i].left.tensor] = 0;
    s->temp_bytes = place_some(s, lives, is, scratch.cx);
    for (int i = 0, end; i < s->n_stages; i = end) {
        end = end_of_strips(p, i);
        memset(is, 0, (size_t)p->n_tensors);
        for (int k = i; k < end; k++)
            is[p->stmts[k].left.tensor] = (char)p->stmts[k].strip.is_inner;
        s->stages[i].inner_bytes = place_some(s, lives, is, scratch.cx);
    }
}

/* --- the whole ---------------------------------------------------------- */

static struct script *
build(struct arena *perm, struct arena scratch, const struct program *p,
      int plain, uint64_t memory_limit_bytes, int frugal)
{
    int64_t slice_bytes = memory_limit_bytes - 1 < SLICE_BYTES
                              ? (int64_t)memory_limit_bytes
                              : SLICE_BYTES; /* 0: no limit */
    struct script *s = NEW(perm, struct script, 1);
    struct rewrite r = einc_rewrite_open(perm, p);
    struct program *own = NEW(perm, struct program, 1);
    einc_script_fuse(&r, scratch);
    if (!p->open.n)
        einc_script_repeat(&r, scratch, slice_bytes);
    if (!frugal && !p->open.n)
        einc_script_mask(&r);
    einc_script_split(&r, scratch, slice_bytes, frugal);
    if (!p->open.n)
        einc_script_turn(&r, scratch, slice_bytes);
    if (!plain && !p->open.n)
        einc_script_strip(&r, scratch, slice_bytes);
    if (plain && !p->open.n)
        einc_script_part_sums(&r, scratch, slice_bytes);
    einc_script_settle(&r);
    einc_script_notes(&r);
    *own = r.p;
    s->given = p;
    s->program = own;
    s->n_stages = own->n_stmts;
    s->stages = NEW(perm, struct stage, own->n_stmts);
    for (int i = 0; i < own->n_stmts; i++) {
        struct stage *x = &s->stages[i];
        if (!einc_script_is_contract(perm, own, &own->stmts[i], slice_bytes,
                                     x) ||
            (plain && (x->scale != 1 || x->adds)))
            *x = (struct stage){.kind = STAGE_MAP};
        x->stmt = i;
        if (own->stmts[i].strip.of)
            x->step = einc_script_strip_steps(perm, own, &own->stmts[i]);
        list_reads(perm, scratch, own, x);
    }
    s->notes = r.notes;
    s->n_notes = r.n_notes;
    s->at_byte = NEW(perm, int64_t, own->n_tensors);
    place(scratch, s);
    return s;
}

const struct script *
einc_script_build(struct arena *perm, struct arena scratch,
                  const struct program *p, int plain,
                  uint64_t memory_limit_bytes)
{
    struct script *s =
        build(perm, scratch, p, plain, memory_limit_bytes, 0);
    if (memory_limit_bytes && (uint64_t)s->temp_bytes > memory_limit_bytes)
        s = build(perm, scratch, p, plain, memory_limit_bytes, 1);
    return s;
}

static void
print_contract(struct text *t, const struct program *p, const struct stage *x,
               int number)
{
    einc_put(t, "stage %d contract %s%s%s\n", number, x->expr.p,
             x->adds ? " added" : "", x->wide ? " wide" : "");
    if (x->slices.index >= 0)
        einc_put(t, "  in %lld slices of %lld of %.*s\n",
                 (long long)x->slices.count, (long long)x->slices.extent,
                 (int)p->indices[x->slices.index].name.n,
                 p->indices[x->slices.index].name.p);
    for (int o = 0; o < x->n_in; o++) {
        const struct border *b = x->in[o].border;
        if (!b)
            continue;
        einc_put(t, "  operand %d is a copy of %.*s with its border ", o,
                 (int)p->tensors[b->tensor].name.n,
                 p->tensors[b->tensor].name.p);
        for (int d = 0; d < b->n_dims; d++)
            einc_put(t, "%s%lld", d ? "x" : "", (long long)b->dim[d].count);
        einc_put(t, " %lld bytes\n", (long long)b->bytes);
    }
}

static void
print_ways(struct text *t, const struct program *p, const struct stmt *s)
{
    const struct places *q = s->places;
    const struct strips *strips = s->strip.of;
    if (strips)
        einc_put(t, "  in %lld strips of %lld of %.*s\n",
                 (long long)strips->slices.count,
                 (long long)strips->slices.extent,
                 (int)p->indices[s->strip.index].name.n,
                 p->indices[s->strip.index].name.p);
    if (s->gate)
        einc_put(t, "  if %.*s holds at %s %lld places\n",
                 (int)p->tensors[s->gate->mask].name.n,
                 p->tensors[s->gate->mask].name.p,
                 s->few ? "most" : "more than", (long long)s->gate->most);
    if (q)
        einc_put(t, "  for these, in tiles of %lldx%lld, %d at a time\n",
                 (long long)q->rows, (long long)q->columns, PLACES_ROOM);
}

static int
is_inner(const struct script *s, int tensor)
{
    int found = 0;
    for (int i = 0; i < s->n_stages; i++)
        found |= s->program->stmts[i].strip.is_inner &&
                 s->program->stmts[i].left.tensor == tensor;
    return found;
}

void
einc_script_print(struct text *t, const struct script *s)
{
    einc_resolve_print(t, s->program);
    if (s->program->summing.how)
        einc_put(t, "sums%s\n",
                 einc_graph_sum_name(s->program->summing.how));
    for (int i = 0; i < s->n_notes; i++)
        einc_put(t, "note %s\n", s->notes[i].p);
    for (int i = 0; i < s->n_stages; i++) {
        const struct stage *x = &s->stages[i];
        if (x->kind == STAGE_MAP)
            einc_put(t, "stage %d loops\n", i + 1);
        else
            print_contract(t, s->program, x, i + 1);
        print_ways(t, s->program, &s->program->stmts[x->stmt]);
    }
    for (int i = 0; i < s->program->n_tensors; i++)
        if (s->at_byte[i] >= 0)
            einc_put(t, "temporary %.*s at_byte %lld%s\n",
                     (int)s->program->tensors[i].name.n,
                     s->program->tensors[i].name.p,
                     (long long)s->at_byte[i],
                     is_inner(s, i) ? " of a strip" : "");
    einc_put(t, "temporary_bytes %lld\n", (long long)s->temp_bytes);
}

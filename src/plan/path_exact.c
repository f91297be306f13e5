/* SPDX-License-Identifier: MIT
 *
 * path_exact.c - see path_exact.h. Connected subsets of the operands by how
 * many they are; every pair of disjoint ones that share an index makes a
 * larger one, as opt_einsum's and cotengra's `optimal` do. What is known from
 * the search is the bound from the start: subsets of one size are in order of
 * cost, so that the first pair beyond it ends a row.
 */
#include "plan/path_exact.h"

#include <stddef.h>

#include "base/diag.h"
#include "plan/order.h"

enum { FIRST_SUBSETS = 1024 };

struct subset {
    uint64_t set;
    double cost;
    int64_t size;
    int a, b; /* the subsets it is made of; -1 */
};

struct table {
    const struct path_bits *bits;
    struct arena *arena;
    struct subset *list;
    bits_word *legs;  /* [n][words] */
    int n, max;
    int *slots;       /* number + 1 by hash; 0: free */
    int mask;
    int *order;       /* [max] of each size by cost */
    int from[PATH_MAX_EXACT + 1], end[PATH_MAX_EXACT + 1]; /* in order, of
                       * each size those that are not too dear */
    double bound;
    int is_full;      /* there was no room for all */
    struct path_work *work;
};

static bits_word *
legs_of(const struct table *t, int i)
{
    return t->legs + (int64_t)i * t->bits->words;
}

static int *
find_slot(const struct table *t, uint64_t set)
{
    uint64_t h = set * UINT64_C(0x9e3779b97f4a7c15);
    int at = (int)(h >> 33) & t->mask;
    while (t->slots[at] && t->list[t->slots[at] - 1].set != set)
        at = (at + 1) & t->mask;
    return &t->slots[at];
}

/* Of a table, and of sorting it, with some to spare for alignment. */
static int64_t
bytes_of(int subsets, int words)
{
    int64_t each = (int64_t)sizeof(struct subset) +
                   words * (int64_t)sizeof(bits_word) +
                   4 * (int64_t)sizeof(int);
    return subsets * each + 256;
}

/* Doubling; what was is lost to the arena. Returns whether there is room: to
 * leave for a larger arena would begin the search anew. */
static int
grow(struct table *t)
{
    struct table old = *t;
    int words = t->bits->words, max = t->max ? 2 * t->max : FIRST_SUBSETS;
    if (t->max > INT32_MAX / 8 ||
        bytes_of(max, words) > t->arena->end - t->arena->beg)
        return 0;
    t->max = max;
    t->mask = 2 * t->max - 1;
    t->list = NEW(t->arena, struct subset, t->max);
    t->legs = NEW(t->arena, bits_word, (int64_t)t->max * words);
    t->order = NEW(t->arena, int, t->max);
    t->slots = NEW(t->arena, int, 2 * (int64_t)t->max);
    for (int i = 0; i < t->n; i++) {
        t->list[i] = old.list[i];
        t->order[i] = old.order[i];
        *find_slot(t, t->list[i].set) = i + 1;
        for (int w = 0; w < words; w++)
            legs_of(t, i)[w] = legs_of(&old, i)[w];
    }
    return 1;
}

/* Its number, or -1: there is no room. */
static int
add(struct table *t, uint64_t set)
{
    if (t->n == t->max && !grow(t)) {
        t->is_full = 1;
        return -1;
    }
    t->list[t->n] = (struct subset){.set = set, .a = -1, .b = -1};
    *find_slot(t, set) = t->n + 1;
    return t->n++;
}

/* What a set leaves: what others hold of it. */
static void
fill_legs(struct table *t, int i, int a, int b)
{
    const struct path_bits *net = t->bits;
    uint64_t set = t->list[i].set;
    for (int w = 0; w < net->words; w++) {
        bits_word x = legs_of(t, a)[w], y = legs_of(t, b)[w];
        bits_word outside = net->output[w];
        for (int o = 0; o < net->n; o++)
            outside |= set >> o & 1 ? 0 : path_leaf(net, o)[w];
        legs_of(t, i)[w] = (x | y) & outside;
    }
    t->list[i].size = path_weigh(net, legs_of(t, i));
    t->work->left -= (int64_t)net->n * net->words;
}

/* A subset that is part of a cheaper path is read by a step of it. */
static int
is_hopeless(const struct table *t, double cost, int64_t size)
{
    return cost + t->bits->per_point * path_exp2(t->bits->math, size) >=
           t->bound;
}

/* The space of joining two, or -1 if they share no index. */
static int64_t
weigh_pair(const struct table *t, int a, int b)
{
    const bits_word *x = legs_of(t, a), *y = legs_of(t, b);
    bits_word shared = 0;
    int64_t space = 0;
    for (int w = 0; w < t->bits->words; w++) {
        shared |= x[w] & y[w];
        space += path_weigh_word(t->bits, w, x[w] | y[w]);
    }
    return shared ? space : -1;
}

static void
meet(struct table *t, int a, int b)
{
    const struct path_math *m = t->bits->math;
    int64_t space = weigh_pair(t, a, b);
    uint64_t set = t->list[a].set | t->list[b].set;
    double cost = t->list[a].cost + t->list[b].cost;
    t->work->left -= 8 + 2 * t->bits->words;
    if (space < 0)
        return;
    cost += t->bits->per_point * path_exp2(m, space);
    if (cost >= t->bound)
        return;
    int known = *find_slot(t, set) - 1, i = known;
    if (known < 0) {
        i = add(t, set);
        if (i < 0)
            return;
        fill_legs(t, i, a, b);
    }
    struct subset *s = &t->list[i];
    cost += t->bits->per_element * path_exp2(m, s->size);
    if (known >= 0 && s->a >= 0 && s->cost <= cost)
        return;
    s->cost = cost;
    s->a = a;
    s->b = b;
}

static int
is_over(const struct table *t)
{
    return t->is_full || path_work_over(t->work);
}

static void
meet_sizes(struct table *t, int one, int two)
{
    for (int i = t->from[one]; i < t->end[one]; i++) {
        int a = t->order[i];
        int first = one == two ? i + 1 : t->from[two], k = first;
        for (; k < t->end[two]; k++) {
            int b = t->order[k];
            if (t->list[a].cost + t->list[b].cost >= t->bound)
                break;
            if (!(t->list[a].set & t->list[b].set))
                meet(t, a, b);
        }
        t->work->left -= 1 + (k - first);
        if (is_over(t))
            return;
    }
}

static ORDER_BEFORE(cost_before)
{
    const struct subset *list = key;
    return list[a].cost < list[b].cost;
}

static void
end_size(struct table *t, int size, int from)
{
    int n = from;
    for (int i = from; i < t->n; i++) {
        const struct subset *s = &t->list[i];
        if (size == t->bits->n ? s->cost < t->bound
                               : !is_hopeless(t, s->cost, s->size))
            t->order[n++] = i;
    }
    order_ints(*t->arena, t->order + from, n - from, cost_before, t->list);
    t->from[size] = from;
    t->end[size] = n;
}

static void
unfold(const struct table *t, int last, struct path_step *steps)
{
    int n = t->bits->n, at = n - 1, top = 0;
    int stack[PATH_MAX_EXACT];
    int number[PATH_MAX_EXACT];
    stack[top] = last;
    number[top++] = 2 * n - 2;
    while (top) {
        int i = stack[--top], v = number[top];
        int of[2] = {t->list[i].a, t->list[i].b}, child[2];
        for (int c = 0; c < 2; c++) {
            child[c] = of[c];
            if (of[c] < n)
                continue;
            child[c] = n + --at - 1;
            stack[top] = of[c];
            number[top++] = child[c];
        }
        steps[v - n] = (struct path_step){child[0], child[1]};
    }
}

void
einc_path_exact_reserve(struct arena scratch, int words, int64_t work)
{
    const int64_t most = (int64_t)1 << 29, units_per_byte = 16;
    int64_t bytes = work > most * units_per_byte ? most
                                                 : work / units_per_byte;
    bytes += bytes_of(FIRST_SUBSETS, words);
    if (scratch.end - scratch.beg < bytes)
        einc_fail_nomem(scratch.cx);
}

enum path_proof
einc_path_exact(struct arena scratch, const struct path_bits *bits,
                double cost, struct path_work *work, struct path_step *steps)
{
    struct table t = {.bits = bits, .arena = &scratch, .bound = cost,
                      .work = work};
    int n = bits->n;
    for (int o = 0; o < n; o++) {
        int i = add(&t, (uint64_t)1 << o);
        if (i < 0)
            return PROOF_NONE;
        for (int w = 0; w < bits->words; w++)
            legs_of(&t, i)[w] = path_leaf(bits, o)[w];
        t.list[i].size = path_weigh(bits, legs_of(&t, i));
    }
    end_size(&t, 1, 0);
    for (int size = 2; size <= n; size++) {
        int before = t.n;
        for (int one = 1; one <= size / 2; one++) {
            meet_sizes(&t, one, size - one);
            if (is_over(&t))
                return PROOF_NONE;
        }
        end_size(&t, size, before);
    }
    if (t.from[n] == t.end[n])
        return PROOF_BEST;
    unfold(&t, t.order[t.from[n]], steps);
    return PROOF_BETTER;
}

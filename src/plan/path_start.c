/* SPDX-License-Identifier: MIT
 *
 * path_start.c - see path_start.h. Both ways keep the values that are left,
 * who holds which index, and a heap of what may be done next, in which what
 * is out of date is recognised when it is taken.
 *
 * Greedy: the score and its two parameters are cotengra's (Gray and Kourtis,
 * Quantum 5, 410, 2021). Elimination: of the index whose holders together
 * make the smallest value, on the line graph (Markov and Shi, SIAM J. Comput.
 * 38, 2008), which is what bucket elimination does.
 */
#include "plan/path_start.h"

struct candidate {
    double score;
    int a, b; /* a pair; or an index and its version */
};

struct path_start {
    const struct path_bits *bits;
    bits_word *legs;  /* [2n][words] */
    bits_word *pair;  /* [words] indices that two hold, and no output */
    int64_t *size;    /* [2n] log2 */
    double *elements; /* [2n] */
    int *into;        /* [2n] the value that one has become part of */
    int *holders;     /* [bits] live ones, + 1 of an output */
    int *first, *list, *n_list; /* [bits] holders as they were: see holder() */
    int *version;     /* [bits] of its score */
    int *seen;        /* [2n] last search of one index that met it */
    int *met;         /* [2n] and of all indices of a value */
    int search, n_values;
    struct candidate *heap;
    int n_heap, max_heap;
    bits_word *both;  /* [words] */
    int *bucket;      /* [n] */
    struct path_step *steps;
    const struct path_taste *taste;
    uint64_t *seed;
    struct path_work *work;
};

static bits_word *
legs_of(const struct path_start *s, int v)
{
    return s->legs + (int64_t)v * s->bits->words;
}

static int64_t
count_legs(const struct path_bits *b)
{
    int64_t n = 0;
    for (int o = 0; o < b->n; o++)
        n += bits_count(path_leaf(b, o), b->words);
    return n;
}

struct path_start *
einc_path_start_open(struct arena *a, const struct path_bits *b)
{
    struct path_start *s = NEW(a, struct path_start, 1);
    int64_t n = 2 * (int64_t)b->n, bits = 64 * (int64_t)b->words;
    int64_t legs = count_legs(b);
    s->bits = b;
    s->legs = NEW(a, bits_word, n * b->words);
    s->pair = NEW(a, bits_word, b->words);
    s->both = NEW(a, bits_word, b->words);
    s->size = NEW(a, int64_t, n);
    s->elements = NEW(a, double, n);
    s->into = NEW(a, int, n);
    s->seen = NEW(a, int, n);
    s->met = NEW(a, int, n);
    s->holders = NEW(a, int, bits);
    s->first = NEW(a, int, bits + 1);
    s->n_list = NEW(a, int, bits);
    s->version = NEW(a, int, bits);
    s->list = NEW(a, int, legs);
    s->bucket = NEW(a, int, n);
    s->max_heap = (int)(8 * n + 4 * legs + bits + 1024);
    s->heap = NEW(a, struct candidate, s->max_heap);
    return s;
}

/* --- the heap ----------------------------------------------------------- */

static int
before(struct candidate x, struct candidate y)
{
    if (x.score < y.score || y.score < x.score)
        return x.score < y.score;
    return x.a != y.a ? x.a < y.a : x.b < y.b;
}

static void
sift_up(struct candidate *heap, int i, struct candidate e)
{
    for (; i > 0 && before(e, heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = e;
}

static struct candidate
pop(struct path_start *s)
{
    struct candidate top = s->heap[0], e = s->heap[--s->n_heap];
    int i = 0;
    for (;;) {
        int c = 2 * i + 1;
        if (c + 1 < s->n_heap && before(s->heap[c + 1], s->heap[c]))
            c++;
        if (c >= s->n_heap || !before(s->heap[c], e))
            break;
        s->heap[i] = s->heap[c];
        i = c;
    }
    s->heap[i] = e;
    return top;
}

static int
is_current(const struct path_start *s, struct candidate e)
{
    if (s->taste->eliminate)
        return s->version[e.a] == e.b;
    return s->into[e.a] == e.a && s->into[e.b] == e.b;
}

/* A full heap loses what is out of date; if that is little, what comes last:
 * it would be joined at the end anyway. */
static void
push(struct path_start *s, struct candidate e)
{
    if (s->n_heap == s->max_heap) {
        int n = s->n_heap, kept = 0;
        s->n_heap = 0;
        for (int i = 0; i < n; i++)
            if (is_current(s, s->heap[i]))
                s->heap[kept++] = s->heap[i];
        for (int i = 0; i < kept && i < s->max_heap / 2; i++)
            sift_up(s->heap, s->n_heap++, s->heap[i]);
    }
    sift_up(s->heap, s->n_heap++, e);
}

/* --- values ------------------------------------------------------------- */

/* The value that v has become part of. */
static int
living(struct path_start *s, int v)
{
    while (s->into[v] != v) {
        s->into[v] = s->into[s->into[v]];
        v = s->into[v];
    }
    return v;
}

static inline __attribute__((always_inline)) int64_t
weigh_joined(const struct path_start *s, int a, int b)
{
    const bits_word *x = legs_of(s, a), *y = legs_of(s, b);
    int64_t r = 0;
    for (int w = 0; w < s->bits->words; w++)
        r += path_weigh_word(s->bits, w,
                             (x[w] | y[w]) & ~(x[w] & y[w] & s->pair[w]));
    return r;
}

static void
set_size(struct path_start *s, int v, int64_t size)
{
    s->size[v] = size;
    s->elements[v] = path_exp2(s->bits->math, size);
}

static int
join(struct path_start *s, int a, int b)
{
    int v = s->n_values++;
    const bits_word *x = legs_of(s, a), *y = legs_of(s, b);
    bits_word *to = legs_of(s, v);
    s->steps[v - s->bits->n] = (struct path_step){a, b};
    s->into[a] = s->into[b] = s->into[v] = v;
    set_size(s, v, weigh_joined(s, a, b));
    for (int w = 0; w < s->bits->words; w++) {
        bits_word both = x[w] & y[w];
        to[w] = (x[w] | y[w]) & ~(both & s->pair[w]);
        for (; both; both &= both - 1) {
            int bit = 64 * w + __builtin_ctzll(both);
            if (--s->holders[bit] == 2)
                bits_add(s->pair, bit);
        }
    }
    s->work->left -= 10 + 3 * s->bits->words;
    return v;
}

/* Live holders of a bit, each once, put in place of those they came from. */
static int
holders_of(struct path_start *s, int bit)
{
    int *list = s->list + s->first[bit], n = 0;
    int search = ++s->search;
    for (int i = 0; i < s->n_list[bit]; i++) {
        int v = living(s, list[i]);
        if (s->seen[v] == search)
            continue;
        s->seen[v] = search;
        list[n++] = v;
    }
    s->work->left -= s->n_list[bit];
    s->n_list[bit] = n;
    return n;
}

static void
open_values(struct path_start *s)
{
    const struct path_bits *b = s->bits;
    int n_bits = 64 * b->words;
    s->n_values = b->n;
    s->n_heap = 0;
    for (int x = 0; x < n_bits; x++) {
        s->holders[x] = b->holders[x];
        s->n_list[x] = 0;
        s->version[x] = 0;
        if (x < n_bits - 1)
            s->first[x + 1] = s->first[x] + b->holders[x] -
                              bits_has(b->output, x);
    }
    for (int w = 0; w < b->words; w++)
        s->pair[w] = 0;
    for (int x = 0; x < n_bits; x++)
        if (s->holders[x] == 2)
            bits_add(s->pair, x);
    for (int v = 0; v < 2 * b->n; v++) {
        s->into[v] = v;
        s->seen[v] = s->met[v] = 0;
    }
    s->search = 0;
    for (int o = 0; o < b->n; o++) {
        const bits_word *from = path_leaf(b, o);
        bits_word *to = legs_of(s, o);
        for (int w = 0; w < b->words; w++) {
            to[w] = from[w];
            for (bits_word r = from[w]; r; r &= r - 1) {
                int x = 64 * w + __builtin_ctzll(r);
                s->list[s->first[x] + s->n_list[x]++] = o;
            }
        }
        set_size(s, o, path_weigh(b, to));
    }
    s->work->left -= (int64_t)b->n * (5 + 2 * b->words);
}

/* Whether to end after i candidates; not every one asks the caller. */
static int
is_over(const struct path_start *s, int i)
{
    return i % 64 ? s->work->left < 0 : path_work_over(s->work);
}

static double
noise(struct path_start *s)
{
    if (!(s->taste->temperature > 0))
        return 0;
    return s->taste->temperature *
           s->bits->math->gumbel[path_random(s->seed) >> 56];
}

/* What is left, smallest first. */
static void
join_rest(struct path_start *s)
{
    int n = 0, made = s->n_values;
    s->n_heap = 0;
    for (int v = 0; v < made; v++)
        n += s->into[v] == v;
    for (int v = 0; v < made; v++)
        if (s->into[v] == v)
            sift_up(s->heap, s->n_heap++,
                    (struct candidate){s->elements[v], v, 0});
    for (; n > 1; n--) {
        int a = pop(s).a, b = pop(s).a, v = join(s, a, b);
        sift_up(s->heap, s->n_heap++,
                (struct candidate){s->elements[v], v, 0});
    }
}

/* --- greedy ------------------------------------------------------------- */

static inline __attribute__((always_inline)) void
offer_pair(struct path_start *s, int a, int b)
{
    double made = path_exp2(s->bits->math, weigh_joined(s, a, b));
    double gain = made / s->taste->costs -
                  (s->elements[a] + s->elements[b]) * s->taste->costs;
    double score = gain < 0 ? -path_rough_log2(1 - gain)
                            : path_rough_log2(1 + gain);
    push(s, (struct candidate){score - noise(s), a, b});
    s->work->left -= 12 + s->bits->words;
}

/* v with everything that shares an index; with later values only, if not
 * `all`. */
static inline __attribute__((always_inline)) void
offer_pairs(struct path_start *s, int v, int all)
{
    const bits_word *legs = legs_of(s, v);
    int here = ++s->search;
    s->met[v] = here;
    for (int w = 0; w < s->bits->words; w++)
        for (bits_word r = legs[w]; r; r &= r - 1) {
            int x = 64 * w + __builtin_ctzll(r);
            if (s->holders[x] > s->taste->max_holders)
                continue;
            int held = holders_of(s, x);
            for (int i = 0; i < held; i++) {
                int u = s->list[s->first[x] + i];
                if (s->met[u] == here || (!all && u < v))
                    continue;
                s->met[u] = here;
                offer_pair(s, v, u);
            }
        }
}

static inline __attribute__((always_inline)) void
join_pairs(struct path_start *s)
{
    for (int v = 0; v < s->bits->n; v++)
        offer_pairs(s, v, 0);
    for (int i = 1; s->n_heap && !is_over(s, i); i++) {
        struct candidate e = pop(s);
        if (is_current(s, e))
            offer_pairs(s, join(s, e.a, e.b), 1);
    }
}

/* --- elimination -------------------------------------------------------- */

static inline __attribute__((always_inline)) void
offer_index(struct path_start *s, int x)
{
    int held = holders_of(s, x);
    const int *list = s->list + s->first[x];
    s->version[x]++;
    if (held < 2 || bits_has(s->bits->output, x))
        return;
    for (int w = 0; w < s->bits->words; w++)
        s->both[w] = 0;
    for (int i = 0; i < held; i++) {
        const bits_word *legs = legs_of(s, list[i]);
        for (int w = 0; w < s->bits->words; w++)
            s->both[w] |= legs[w];
    }
    double size = (double)(path_weigh(s->bits, s->both) - s->bits->log[x]);
    s->work->left -= 10 + (int64_t)held * s->bits->words;
    push(s, (struct candidate){size * (1.0 / LOG_ONE) - noise(s), x,
                               s->version[x]});
}

/* The holders of x, the two smallest first. */
static int
join_holders(struct path_start *s, int x)
{
    int n = holders_of(s, x), v;
    for (int i = 0; i < n; i++) {
        int u = s->list[s->first[x] + i], k = i;
        for (; k > 0 && s->size[s->bucket[k - 1]] > s->size[u]; k--)
            s->bucket[k] = s->bucket[k - 1];
        s->bucket[k] = u;
    }
    v = s->bucket[0];
    for (int i = 1; i < n; i++)
        v = join(s, v, s->bucket[i]);
    return v;
}

static inline __attribute__((always_inline)) void
eliminate(struct path_start *s)
{
    const struct path_bits *b = s->bits;
    for (int x = 0; x < b->n_bits; x++)
        if (b->holders[x])
            offer_index(s, x);
    for (int i = 1; s->n_heap && !is_over(s, i); i++) {
        struct candidate e = pop(s);
        if (!is_current(s, e))
            continue;
        s->version[e.a]++;
        int v = join_holders(s, e.a);
        for (int w = 0; w < b->words; w++)
            for (bits_word r = legs_of(s, v)[w]; r; r &= r - 1)
                offer_index(s, 64 * w + __builtin_ctzll(r));
    }
}

/* --- one start ---------------------------------------------------------- */

static inline __attribute__((always_inline)) void
make(struct path_start *s)
{
    if (s->taste->eliminate)
        eliminate(s);
    else
        join_pairs(s);
}

static void
make_plain(struct path_start *s)
{
    make(s);
}

#ifdef __x86_64__
__attribute__((target("popcnt"))) static void
make_popcnt(struct path_start *s)
{
    make(s);
}
#else
#define make_popcnt make_plain
#endif

void
einc_path_start(struct path_start *s, const struct path_taste *taste,
                uint64_t *seed, struct path_work *work,
                struct path_step *steps)
{
    s->taste = taste;
    s->seed = seed;
    s->work = work;
    s->steps = steps;
    open_values(s);
    if (s->bits->popcnt)
        make_popcnt(s);
    else
        make_plain(s);
    join_rest(s);
}

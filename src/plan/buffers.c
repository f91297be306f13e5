/* SPDX-License-Identifier: MIT
 *
 * buffers.c - see buffers.h. The workspace is a list of blocks in order of
 * address; free ones are also in bins by the power of two of their size, so
 * that plans of 100,000 steps take no quadratic time.
 */
#include "plan/buffers.h"

#include <assert.h>

#include "base/diag.h"
#include "plan/cost.h"

enum {
    N_BINS = 64,
    MAX_TRIED = 64 /* blocks of one bin that best fit looks at */
};

struct block {
    int64_t at, bytes;
    int free;
    struct block *lower, *higher;       /* neighbours by address */
    struct block *bin_prev, *bin_next;  /* of a free one */
};

struct heap {
    struct arena *arena;
    struct block *top;                  /* the highest block */
    struct block *bins[N_BINS];         /* sizes 2^b to 2^(b+1) - 1 */
    struct block *spare;                /* unused structs, by `higher` */
};

static int
bin_of(int64_t bytes)
{
    return 63 - __builtin_clzll((uint64_t)bytes);
}

static void
bin_add(struct heap *h, struct block *b)
{
    struct block **bin = &h->bins[bin_of(b->bytes)];
    b->free = 1;
    b->bin_prev = NULL;
    b->bin_next = *bin;
    if (*bin)
        (*bin)->bin_prev = b;
    *bin = b;
}

static void
bin_remove(struct heap *h, struct block *b)
{
    if (b->bin_prev)
        b->bin_prev->bin_next = b->bin_next;
    else
        h->bins[bin_of(b->bytes)] = b->bin_next;
    if (b->bin_next)
        b->bin_next->bin_prev = b->bin_prev;
    b->free = 0;
}

static struct block *
new_block(struct heap *h)
{
    struct block *b = h->spare;
    if (!b)
        return NEW(h->arena, struct block, 1);
    h->spare = b->higher;
    *b = (struct block){0};
    return b;
}

/* The smallest free block that fits, of the first bin that has one. */
static struct block *
find_fit(const struct heap *h, int64_t bytes)
{
    struct block *best = NULL;
    for (int i = bin_of(bytes); i < N_BINS && !best; i++) {
        struct block *b = h->bins[i];
        for (int n = 0; b && n < MAX_TRIED; b = b->bin_next, n++)
            if (b->bytes >= bytes && (!best || b->bytes < best->bytes))
                best = b;
    }
    return best;
}

/* Leaves the rest of a block that is too large as a free one above it. */
static void
trim(struct heap *h, struct block *b, int64_t bytes)
{
    if (b->bytes == bytes)
        return;
    struct block *rest = new_block(h);
    rest->at = b->at + bytes;
    rest->bytes = b->bytes - bytes;
    rest->lower = b;
    rest->higher = b->higher;
    if (b->higher)
        b->higher->lower = rest;
    else
        h->top = rest;
    b->higher = rest;
    b->bytes = bytes;
    bin_add(h, rest);
}

/* The workspace grows: by what is missing, if its highest block is free. */
static struct block *
grow(struct heap *h, int64_t bytes)
{
    struct block *b = h->top;
    int64_t end;
    if (b && b->free) {
        bin_remove(h, b);
    } else {
        b = new_block(h);
        b->lower = h->top;
        b->at = h->top ? h->top->at + h->top->bytes : 0;
        if (h->top)
            h->top->higher = b;
        h->top = b;
    }
    b->bytes = bytes;
    if (__builtin_add_overflow(b->at, bytes, &end))
        einc_fail(h->arena->cx, EINC_ELIMIT, "E813", (struct span){-1, -1},
                  "the intermediates exceed 2^63 - 1 bytes");
    return b;
}

static struct block *
take(struct heap *h, int64_t bytes)
{
    struct block *b = find_fit(h, bytes);
    if (!b)
        return grow(h, bytes);
    bin_remove(h, b);
    trim(h, b, bytes);
    return b;
}

/* `b` swallows the block above it. */
static void
merge_up(struct heap *h, struct block *b)
{
    struct block *gone = b->higher;
    b->bytes += gone->bytes;
    b->higher = gone->higher;
    if (gone->higher)
        gone->higher->lower = b;
    else
        h->top = b;
    gone->higher = h->spare;
    h->spare = gone;
}

static void
give(struct heap *h, struct block *b)
{
    if (b->higher && b->higher->free) {
        bin_remove(h, b->higher);
        merge_up(h, b);
    }
    if (b->lower && b->lower->free) {
        b = b->lower;
        bin_remove(h, b);
        merge_up(h, b);
    }
    bin_add(h, b);
}

static int64_t
padded(struct cx *cx, const struct plan *p, struct plan_tensor *t)
{
    uint64_t item = (uint64_t)einc_dtype_info(t->dtype)->bytes;
    uint64_t bytes = einc_cost_mul(einc_cost_elements(p->canon, t), item);
    if (bytes > INT64_MAX - BUFFER_ALIGN_BYTES)
        einc_fail(cx, EINC_ELIMIT, "E813", (struct span){-1, -1},
                  "intermediate t%d exceeds 2^63 - 1 bytes", t->number);
    t->size_bytes = (int64_t)bytes;
    int64_t units = (t->size_bytes + BUFFER_ALIGN_BYTES - 1) /
                    BUFFER_ALIGN_BYTES;
    return (units ? units : 1) * BUFFER_ALIGN_BYTES;
}

static void
check_limit(struct cx *cx, const struct plan *p, uint64_t limit_bytes)
{
    if (limit_bytes == 0 || (uint64_t)p->temporary_bytes <= limit_bytes)
        return;
    einc_fail(cx, EINC_ENOMEM, "E803", (struct span){-1, -1},
              "the intermediates need %lld bytes, the memory limit is %llu "
              "bytes",
              (long long)p->temporary_bytes, (unsigned long long)limit_bytes);
}

void
einc_buffers_place(struct arena scratch, struct plan *p, uint64_t limit_bytes)
{
    struct heap h = {.arena = &scratch};
    struct block **block = NEW(&scratch, struct block *, p->n_tensors);
    for (int i = 0; i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        struct plan_tensor *t = &p->tensors[s->out];
        if (t->home == HOME_TEMP) {
            struct block *b = take(&h, padded(scratch.cx, p, t));
            t->at_byte = b->at;
            block[s->out] = b;
        }
        for (int k = 0; k < s->n_in; k++)
            if (block[s->in[k]])
                give(&h, block[s->in[k]]);
    }
    p->temporary_bytes = h.top ? h.top->at + h.top->bytes : 0;
    check_limit(scratch.cx, p, limit_bytes);
}

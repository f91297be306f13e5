/* SPDX-License-Identifier: MIT
 *
 * levels.h - the nest of an index statement: blocks within blocks, and in
 * each of them what is computed there, in order. A value is in the outermost
 * block where all that it depends on is known, so nothing is computed twice;
 * reductions of one block over the same range share a loop.
 */
#ifndef EINC_CODEGEN_LEVELS_H
#define EINC_CODEGEN_LEVELS_H

#include "codegen/mapreduce.h"
#include "codegen/value.h"

enum block_kind {
    BLOCK_TOP,
    BLOCK_LOOP, /* one turn of a loop */
    BLOCK_IF    /* where a condition holds; of lanes: where any does */
};

enum item_kind {
    ITEM_VALUE,
    ITEM_CHOICE, /* values from one of two blocks */
    ITEM_IF,
    ITEM_STEP,   /* a reduction takes in one part */
    ITEM_FILL,   /* table element = value */
    ITEM_STORE,
    ITEM_LOOP
};

/* A value that one of two blocks makes, and the number of its variable. */
struct chosen {
    int value, name;
};

/* What a block does. Items of one stage stand in order, and choices and loops
 * behind the others; what uses their results is of a later stage. A value is of
 * the first stage that uses it. */
struct item {
    enum item_kind kind;
    int stage, order;
    int in_memory; /* STEP: its accumulators are. Behind the loads of its
                    * stage, which a compiler may take for loads of them */
    int value;    /* VALUE STEP FILL */
    int name;     /* VALUE: number of its variable */
    int part;     /* STEP: -1: all of them at once */
    int carry;    /* STEP */
    int loop;     /* LOOP */
    int block[2]; /* IF: [0]; CHOICE: if so, if not */
    struct chosen *chosen; /* CHOICE */
    int n_chosen, cap_chosen;
    int table;    /* FILL */
    int store;    /* STORE */
};

struct block {
    enum block_kind kind;
    int parent;
    int loop;     /* LOOP */
    int is_rest;  /* LOOP: its values one by one, or vectors with a mask */
    int cond;     /* IF */
    struct item *items;
    int n_items, cap;
};

struct loop {
    int var;
    int n_from, n_to, from[4], to[4]; /* as in value_reduce */
    int parts;         /* values, or vectors of the lane, in one turn */
    int stage, number;
    int is_free;       /* of the statement: span values in one turn, the last
                        * turn overlapping the one before */
    int main, rest;    /* blocks; rest -1: none */
    int *carries;      /* reductions that begin and end with it */
    int n_carries, cap;
};

/* Accumulators of a reduction. */
struct carry {
    int value, loop;
    int with;          /* carry of the logsumexp */
    int64_t offset;    /* payload: bytes into scratch; a long list: its
                        * values, LONG_LIST of them and more for each lane */
    int64_t lost;      /* likewise, of what a kept sum has too much; of a long
                        * list: its positions */
    int64_t result;    /* of a long list: the k best of all lanes side by
                        * side */
    int is_fixed;      /* offset, and result, are literals; lost is */
    int lost_is_fixed;
};

/* The k best are lists in registers up to here, then in memory. */
enum { LONG_LIST = 16 };

struct table {
    int value;
    int n_dims, dims[8]; /* vars, outermost first */
    int64_t elements, offset;
    int is_fixed;        /* offset is a literal */
};

/* A piece of scratch: an element for every value of some vars. */
struct room {
    int64_t at;    /* bytes; 64-aligned */
    int64_t bytes; /* of an element */
    uint64_t vars; /* 0: one element */
};

enum { MAX_FREE = 24 };

/* What one point writes. */
struct store {
    int at[2], value[2];     /* planes: a load of the element, and the value;
                              * value -1: none */
    int64_t offset[MAX_FREE]; /* of each free loop: in its span */
};

struct free_loop {
    int var;
    int index;
    int64_t span;    /* values in one turn */
    int64_t turns;
    int is_task;
    int is_payload;
    int number;      /* in store.offset */
    int is_sunk;     /* within a task, as all of it shares reductions */
    int is_inner;    /* rows within the turn of a lane: no task */
    int is_copied;   /* all values at once: no var */
};

struct placed {
    int value, block, ready;
    int name;   /* -1: none */
    int carry;  /* -1: none: the result of a reduction */
    int table;  /* -1: none */
    int next;   /* of the same value */
};

struct mapreduce {
    struct arena *perm;
    const struct program *p;
    const struct stmt *s;
    const struct target *target;
    struct literals literals;
    struct size *sizes;        /* arguments of the kernel */
    int n_sizes, n_extents, n_strides;
    struct values values;
    int repeats;               /* a store may be done again, in its task */
    int modest;                /* nothing is unrolled: there is much of it */
    int large;                 /* as if sizes were, whatever they are: tests */
    int lane;                  /* var, or -1 */
    int lanes, vectors;        /* lane that is free: vectors in one turn */
    struct free_loop free[VALUE_MAX_VARS];
    int n_free;
    struct block *blocks;
    int n_blocks, cap_blocks;
    struct loop *loops;
    int n_loops, cap_loops;
    struct carry *carries;
    int n_carries, cap_carries;
    struct table *tables;
    int n_tables, cap_tables;
    struct room *rooms;
    int n_rooms, cap_rooms;
    struct store *stores;
    int n_stores, cap_stores;
    struct placed *placed;
    int n_placed, cap_placed;
    int *first_placed;         /* of each value */
    int n_names;
    int *seen, epoch;          /* marks of a walk */
    int64_t tasks, scratch_bytes;
    int scratch_varies;        /* scratch_bytes holds an argument */
    int body;                  /* block of the innermost free loop that is no
                                * payload */
    double flop, bytes;
};

/* Where a value is known in a block: in itself or around it; NULL: nowhere
 * (numbers and vars are known everywhere). */
const struct placed *einc_levels_find(const struct mapreduce *m, int block,
                                      int value);
/* Makes the nest, of values that are there. */
void einc_levels_build(struct mapreduce *m);
int einc_levels_is_lane(const struct mapreduce *m, int value);
/* How many points the ranges of these vars span. */
int64_t einc_levels_points(const struct mapreduce *m, uint64_t vars);
/* Whether its accumulators are vectors. */
int einc_levels_is_wide(const struct mapreduce *m, int reduction);
int einc_levels_reduces_lane(const struct mapreduce *m, int reduction);

/* choose.c: which index runs in the lanes, what is unrolled, what is copied.
 * Fills in lanes, vectors and the free loops but for their vars. *lane: the
 * index, -1 for none. */
struct value_choice *einc_choose(struct mapreduce *m, int lanes, int *lane);
/* Whether points of a scatter with different values of index x write different
 * elements, whatever else differs: alone in a position, or reaching further in
 * it than all else, as h in 4*h+r, r in 0:4. open: sizes are not known yet. */
int einc_choose_apart(const struct program *p, const struct stmt *s, int x,
                      int open);
/* Operations of the statement, see mapreduce.h. */
double einc_choose_flop(struct arena *perm, const struct program *p,
                        const struct stmt *s);

#endif

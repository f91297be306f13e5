/* SPDX-License-Identifier: MIT
 *
 * rewrite.h - programs while they are rewritten: the expressions of one are
 * taken apart, renamed, compared and put into others. Nodes are never changed
 * but made anew.
 */
#ifndef EINC_PLAN_REWRITE_H
#define EINC_PLAN_REWRITE_H

#include "parse/stmt.h"

/* A program that grows. Arrays are copies of the first one's, in `perm`. */
struct rewrite {
    struct arena *perm;
    struct program p;
    int room_stmts, room_tensors, room_indices;
    struct str *notes; /* [n_notes] what was done, for the user */
    int n_notes;
};

struct rewrite einc_rewrite_open(struct arena *perm, const struct program *p);
/* These return the new one's number. The statement is put before number `at`,
 * with what it refers to as it is. */
int einc_rewrite_index(struct rewrite *r, const struct index *x);
int einc_rewrite_tensor(struct rewrite *r, const struct tensor *t);
void einc_rewrite_insert(struct rewrite *r, int at, const struct stmt *s);
void einc_rewrite_remove(struct rewrite *r, int at);
/* A line that explains what a pass does; in the user's words where there are
 * any. */
void einc_rewrite_note(struct rewrite *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The user's text at a place, as an argument of "%.*s", cut if it is long. */
struct str einc_rewrite_words(const struct rewrite *r, struct span at);
/* A temporary of that type with these indices as dims, dense. */
int einc_rewrite_temp(struct rewrite *r, enum einc_dtype type, const int *dims,
                      int n_dims, struct span at);
/* The access t[dims]. */
const struct access *einc_rewrite_access(struct rewrite *r, int tensor,
                                         const int *dims, int n_dims,
                                         struct span at);

/* A node for a node, by the caller: NULL leaves it to the walk. */
struct rename {
    const int *to;     /* [program.n_indices when it was made]: for an index
                        * that is free in the node; itself if not renamed */
    const struct node *(*swap)(void *user, const struct node *n);
    void *user;
};

/* The node with its free indices renamed and nodes swapped. Where anything
 * changes below a reduction that is copied for a second time its bound indices
 * are made anew: `fresh`. */
const struct node *einc_rewrite_node(struct rewrite *r, const struct node *n,
                                     const struct rename *how, int fresh);

/* Marks in `set` [n_indices] what is free in the node, that is, not bound in
 * it by a reduction. */
void einc_rewrite_free(const struct program *p, const struct node *n,
                       char *set);
/* Whether a is b but for names of indices; `to` [n_indices], all -1 at first,
 * receives which index of b each of a's is. */
int einc_rewrite_same(const struct program *p, const struct node *a,
                      const struct node *b, int *to);
/* Nodes of the tree. */
int64_t einc_rewrite_count(const struct node *n);
/* Calls f for the node and all below it, in subscripts and bounds too, until
 * one call is not 0, which it returns. */
int einc_rewrite_any(const struct program *p, const struct node *n,
                     int (*f)(void *user, const struct node *n), void *user);

/* Whether the node reads the tensor; the statement; its left side. */
int einc_rewrite_has(const struct program *p, const struct node *n,
                     int tensor);
int einc_rewrite_reads(const struct program *p, const struct stmt *s,
                       int tensor);
int einc_rewrite_left_reads(const struct program *p, const struct stmt *s,
                            int tensor);
/* All subscripts are indices by themselves, and no two the same one. */
int einc_rewrite_is_bare(const struct access *a);

#endif

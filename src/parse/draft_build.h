/* SPDX-License-Identifier: MIT
 *
 * draft_build.h - what the three files that turn trees into drafts share:
 * draft.c (statements, names, accesses, calls), draft_names.c (indices and
 * free names) and draft_reduce.c (reductions).
 */
#ifndef EINC_PARSE_DRAFT_BUILD_H
#define EINC_PARSE_DRAFT_BUILD_H

#include "parse/draft.h"

/* --- draft.c -------------------------------------------------------------- */

struct draft *einc_draft_build(struct resolver *r, const struct tree *t);
/* The same of what must be known before any data: no index, no tensor. */
const struct draft *einc_draft_constant(struct resolver *r,
                                        const struct tree *t);

struct draft *einc_draft_new(struct resolver *r, enum draft_kind kind,
                             const struct tree *t);
struct draft *einc_draft_integer(struct resolver *r, const struct tree *t,
                                 int64_t value);
/* A call of n arguments, to be filled in with einc_draft_set_arg(). */
struct draft *einc_draft_call(struct resolver *r, enum fn fn,
                              const struct tree *t, int n);
/* A new index of that name, which from now on is what the name means. */
int einc_draft_new_index(struct resolver *r, struct word *w, struct span at,
                         enum index_kind kind);

static inline void
einc_draft_set_arg(struct draft *d, int i, const struct draft *arg)
{
    d->args[i] = arg;
    d->has |= arg->has;
}

/* --- draft_names.c -------------------------------------------------------- */

/* Free index names of something, in order of first appearance. A reduction
 * without a list leaves nothing free, but one around it takes all before. */
struct free_list {
    struct word **words;
    int n;
    int into_unlisted;
};

/* Those of a and, unless it is NULL, b. */
struct free_list einc_draft_free(struct resolver *r, const struct tree *a,
                                 const struct tree *b, int into_unlisted);
/* Marks at most `left` free places of a name; returns how many more may be. A
 * reduction that lists it has others of that name. */
int einc_draft_mark_uses(struct resolver *r, struct diag *d,
                         const struct tree *t, struct str name, int left);
/* The first place of a name in a tree; begin < 0: none. */
struct span einc_draft_first_use(const struct tree *t, struct str name);

/* Whether the word is an index of the statement at hand. */
static inline int
einc_draft_is_index(const struct resolver *r, const struct word *w)
{
    return w->is_index == r->s->number + 1;
}

/* Whether it stands for its value there. */
static inline int
einc_draft_is_parameter(const struct resolver *r, const struct word *w)
{
    return w->is_parameter && !einc_draft_is_index(r, w);
}

static inline int
einc_draft_is_call(const struct tree *t, const char *name)
{
    return t->kind == TREE_CALL && str_equal(t->name, str_of(name));
}

/* size(i) and dim(A,0): names in them are not free, and make no index. */
static inline int
einc_draft_is_shape(const struct tree *t)
{
    return einc_draft_is_call(t, "size") || einc_draft_is_call(t, "dim");
}

/* --- draft_reduce.c ------------------------------------------------------- */

struct draft *einc_draft_reduce(struct resolver *r, const struct tree *t);
/* Behind a reduction the names of its indices mean nothing again. */
void einc_draft_unbind(struct resolver *r, const struct draft *d);

static inline int
einc_draft_is_softmax(const struct tree *t)
{
    return t->kind == TREE_REDUCE
           && (t->redop == REDOP_SOFTMAX || t->redop == REDOP_SOFTMAX0);
}

#endif

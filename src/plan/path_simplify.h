/* SPDX-License-Identifier: MIT
 *
 * path_simplify.h - what is decided before any search: operands that others
 * swallow, and the parts that share no index.
 */
#ifndef EINC_PLAN_PATH_SIMPLIFY_H
#define EINC_PLAN_PATH_SIMPLIFY_H

#include "plan/path.h"

/* A network that shrinks. Places are numbered like the operands of net; the
 * value at a place changes. */
struct path_rest {
    const struct net *net;
    struct path_step *steps; /* [n_in - 1] made so far */
    int n_steps;
    int *value;   /* [n_in] its number, -1: swallowed */
    int *leg;     /* of place o: from net->first[o], n_legs[o] of them */
    int *n_legs;
    int *holders; /* [n_indices] as in net */
    double *size; /* [n_in] elements */
};

/* To a fixpoint: an operand whose indices all lie in another one is multiplied
 * into the smallest such, which costs one pass over that and never grows
 * memory; what only that holds then is summed. */
struct path_rest einc_path_simplify(struct arena *a, const struct net *net);

/* Joins the values at two places; the first place is that of the result. Its
 * legs are not kept. */
void einc_path_rest_join(struct path_rest *r, int to, int from);

/* Places by part: those of part k are place[first[k]] to place[first[k + 1]].
 * Operands without an index are no part. Parts without an output index come
 * first. */
struct path_parts {
    int n, n_closed;
    int *first, *place;
};

struct path_parts einc_path_parts(struct arena *a,
                                  const struct path_rest *r);

/* A part as a network of its own, with indices numbered anew. `number`:
 * [n_indices] zeroes, and zeroes again on return. */
struct net einc_path_part(struct arena *a, const struct path_rest *r,
                          const int *place, int n, int *number);

#endif

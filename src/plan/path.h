/* SPDX-License-Identifier: MIT
 *
 * path.h - the order of contraction: a list of pairs, and the finders that
 * make one.
 */
#ifndef EINC_PLAN_PATH_H
#define EINC_PLAN_PATH_H

#include "plan/canon.h"

/* What a finder sees of a contraction: operands in canonical order, without
 * the summed indices that one operand holds alone (every order sums them at
 * the same cost). An index held by more than two is the normal case: it is
 * summed at the step after which nobody else holds it. */
struct net {
    int n_in, n_indices;
    const int *first;     /* [n_in + 1] legs of operand o: leg[first[o]] to */
    const int *leg;       /* leg[first[o + 1]], ascending */
    const int *holders;   /* [n_indices] operands that hold it, + 1 if it is
                           * in the output */
    const char *in_output;
    const double *extent; /* [n_indices] */
    int elem_bytes;       /* of an intermediate */
    double per_point, per_element; /* what a step costs for each of its points
                           * and for each element that it writes */
};

/* Values are numbered as made: operand r is r, step s makes n_in + s. */
struct path_step {
    int lhs, rhs;
};

/* Milliseconds since some moment. Stages have no clock of their own. */
typedef int64_t einc_clock_fn(void);

/* What is asked of a finder. */
struct path_ask {
    uint64_t seed;
    int64_t work;   /* of the search, in units of about 3 ns; WORK_AUTO: as much
                     * as a plan of that cost is worth */
    int (*stop)(void *user); /* NULL, or whether to end with what there is */
    void *user;
};

enum { WORK_AUTO = -1 };

struct path {
    const char *finder;
    const struct path_step *steps;
    int n_steps; /* n_in - 1 */
};

typedef const struct path *einc_finder_fn(struct arena *perm,
                                          struct arena scratch,
                                          const struct net *net,
                                          const struct path_ask *ask);

einc_finder_fn einc_path_greedy, einc_path_dp, einc_path_random;
einc_finder_fn einc_path_search;

struct finder {
    const char *name;
    einc_finder_fn *find;
    int max_operands;  /* more is E812 */
    int auto_operands; /* "auto" takes it up to here, if no earlier row does */
    int64_t work;      /* path_ask.work, if no other is asked for */
};

/* The finders, ended by a row without name. */
extern const struct finder einc_finders[];

struct net einc_path_net(struct arena *perm, const struct canon *c);
/* The same, with what steps cost if nothing else is asked for: see cost.h. */
struct net einc_path_weighed(struct net net);

/* The path that `name` asks for: "auto", a finder, "random:SEED"; see einc.h
 * for what may follow. Depth first, so that few intermediates live at once.
 * `clock` is for deadlines; NULL: none is kept. Fails with E812. */
const struct path *einc_path_find(struct arena *perm, struct arena scratch,
                                  const struct net *net, struct str name,
                                  einc_clock_fn *clock);

/* What `name` asks for, and the network with the cost that it names; and a
 * path with its steps depth first. einc_path_find() does both. */
struct net einc_path_asked(struct cx *cx, const struct net *net,
                           struct str name, struct path_ask *ask);
const struct path *einc_path_depth_first(struct arena *perm,
                                         struct arena scratch,
                                         const struct net *net,
                                         const struct path *p);

/* What a path costs, whatever it was chosen for. */
struct path_figures {
    double log10_points;  /* multiplications: points of all steps */
    double log2_largest;  /* elements of the largest intermediate, the result
                           * included */
    double log2_written;  /* elements of all of them */
    double log2_peak;     /* elements of those that live at once, at most */
};
struct path_figures einc_path_figures(struct arena scratch,
                                      const struct net *net,
                                      const struct path *p);

/* Estimated cost of all steps, see cost.h. */
double einc_path_cost(struct arena scratch, const struct net *net,
                      const struct path *p);

/* Legs of what joining two values leaves: the union, without the indices that
 * only these two hold. Ascending; `out` has room for both. `holders` as in
 * net, of live values. Returns their number; `*space`, if not NULL, is the
 * size of the union, `*size` that of the result. */
int einc_path_join(const struct net *net, const int *holders, const int *a,
                   int n_a, const int *b, int n_b, int *out, double *space,
                   double *size);

#endif

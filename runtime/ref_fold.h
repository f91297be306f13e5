/* SPDX-License-Identifier: MIT
 *
 * ref_fold.h - reductions of the oracle, term by term. Inside of ref_*.c
 * only.
 */
#ifndef EINC_RUNTIME_REF_FOLD_H
#define EINC_RUNTIME_REF_FOLD_H

#include "parse/stmt.h"
#include "runtime/ref_value.h"

/* A sum under way; what any order of adding up makes of it. */
struct sum {
    long double re, im;
    uint64_t i;
    double abs;         /* of all finite terms */
    double error;       /* of the terms */
    int64_t n;
    int low;            /* all terms are multiples of 2^low ... */
    int rough;          /* ... unless some are not known exactly */
    int kept;
};

/* `kept`: rounding is compensated. */
struct sum einc_ref_sum(int kept);
void einc_ref_sum_add(enum einc_dtype t, struct sum *s, struct value v);
/* Higham, section 4.2: |error| <= (n-1)*u/(1 - (n-1)*u) * sum of |terms|, in
 * any order; none at all if every partial sum has few enough digits. `t` is
 * the type that partial sums are rounded to. */
struct value einc_ref_sum_finish(enum einc_dtype t, const struct sum *s);

/* `shadow` is the product of the factors that are not 0: some order of
 * multiplying meets it. */
struct product {
    struct value v, shadow;
    uint64_t i;
    double error; /* of integers */
};

struct product einc_ref_product(void);
void einc_ref_product_add(enum einc_dtype t, struct product *p,
                          struct value v);
struct value einc_ref_product_finish(enum einc_dtype t,
                                     const struct product *p);

/* A term of max and its kin; of min with its sign turned. */
struct candidate {
    long double key;
    double error;
    int64_t i, position;
};

/* The best terms so far, best first: NaN, then larger ones, then earlier
 * ones. */
struct ranking {
    struct candidate *best;
    int64_t n, most;
    long double rival;  /* key + error, at most, of those left out */
    long double hi, lo; /* largest key + error, key - error */
    double error;       /* largest */
};

/* A reduction under way. */
struct fold {
    const struct node *n;
    double ulps;             /* of functions */
    enum einc_dtype body;    /* compute type of the terms */
    int unsure;              /* which terms there are */
    int64_t kept;
    struct sum sum;          /* of logsumexp: of exp(x - largest) */
    struct product product;
    struct ranking ranking;
    struct candidate one;         /* ranking.best, if one is enough */
    long double largest, least; /* of logsumexp, finite ones */
    double input;            /* its largest error of a term */
    int64_t n_true, n_unsure;
};

/* Of a NODE_REDUCE; functions of `ulps`. It is not to be moved in memory. For
 * k best the caller gives ranking.best, and its size in ranking.most. */
void einc_ref_fold_begin(struct fold *f, const struct node *n, double ulps,
                         enum einc_sum how);
void einc_ref_fold_take(struct fold *f, struct value v, int64_t position);
/* The best-th of k best; else 0. */
struct value einc_ref_fold_finish(const struct fold *f, int64_t best);

#endif

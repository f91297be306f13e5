/* SPDX-License-Identifier: MIT
 *
 * expr.h - a form A text as parsed: terms of labels, as written. Nothing is
 * known of ranks and sizes yet.
 */
#ifndef EINC_PARSE_EXPR_H
#define EINC_PARSE_EXPR_H

#include "base/diag.h"
#include "base/str.h"
#include "base/text.h"

struct label {
    struct str name; /* without braces; "ij" in named mode, "7" for integers */
    struct span at;  /* with braces */
};

struct term {
    struct label *labels; /* in order, the ellipsis left out */
    int n_labels;
    int ellipsis;         /* labels before "...", or -1 if there is none */
    struct span ellipsis_at;
    struct span at;       /* empty terms: begin == end */
};

struct expr {
    struct str source;    /* the text; for integer labels one made of them:
                           * "0 1, 1 2 -> 0 2" */
    int named;            /* labels are words between blanks */
    int integers;         /* labels are numbers: they sort as numbers */
    struct term *inputs;  /* [n_inputs], at least one */
    int n_inputs;
    int has_output;       /* 0: implicit output */
    struct term output;
    struct span arrow;    /* of "->", if any */
};

/* Parses form A. `flags`: EINC_NAMED_LABELS, EINC_COMPACT_LABELS. Leaves with
 * EINC_EPARSE; a text with '[' (form B) is EINC_EUNSUP until that form is
 * built. */
const struct expr *einc_parse(struct arena *perm, struct arena scratch,
                              struct str source, uint32_t flags);

/* The same structure from integer labels; see einc_compile_ids(). */
const struct expr *einc_parse_ids(struct arena *perm, int64_t n_in,
                                  const int32_t *const ids[],
                                  const size_t n_ids[],
                                  const int32_t *out_ids, int64_t n_out_ids);

/* Dump "expr": a line per term: number, place, labels. */
void einc_expr_print(struct text *t, const struct expr *e);

#endif

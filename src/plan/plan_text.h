/* SPDX-License-Identifier: MIT
 *
 * plan_text.h - reading a printed plan: what of it is a decision, and whether
 * the rest is true. Made for text that people edit; survives any bytes.
 *
 * Decisions are the step lines: which tensors meet in which order, the kind
 * of each step and the layout of each intermediate. Everything else follows
 * from them and from the graph; such lines may be left out, but what stands
 * there must be right, but for modelled times, which are another machine's.
 * Empty lines and lines that start with '#' are skipped.
 */
#ifndef EINC_PLAN_PLAN_TEXT_H
#define EINC_PLAN_PLAN_TEXT_H

#include "plan/lower.h"

/* The lines before the first step: expression, sizes, layouts. */
void einc_plan_print_head(struct text *t, const struct plan *p);
/* A tensor with its indices: "t1[b,j,l]". */
void einc_plan_tensor_put_named(struct text *t, const struct plan *p,
                                int number);

/* Adds the drafts that the text's step lines ask for. `graph` and `canon` of
 * the plan are set. Fails with E811, naming the line. */
void einc_plan_read(struct arena *a, struct str text, const struct plan *p,
                    const struct canon *c, struct drafts *d);
/* Compares the lines of the text with those of the finished plan. Fails with
 * E811, naming the line and both values. */
void einc_plan_check(struct arena scratch, struct str text,
                     const struct plan *p);

#endif

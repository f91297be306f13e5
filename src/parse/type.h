/* SPDX-License-Identifier: MIT
 *
 * type.h - drafts -> nodes: types, weak literals, casts, folded constants;
 * LANGUAGE, "Types".
 */
#ifndef EINC_PARSE_TYPE_H
#define EINC_PARSE_TYPE_H

#include "parse/draft.h"

/* The statement in nodes; settles the type of the tensor it assigns (E5xx). */
struct stmt einc_type_stmt(struct resolver *r, struct draft_stmt *s);
/* The range of an index in nodes, after its statement. */
struct index einc_type_index(struct resolver *r, const struct draft_index *x);

#endif

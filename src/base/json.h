/* SPDX-License-Identifier: MIT
 *
 * json.h - pieces of JSON (RFC 8259) for the printers of stages.
 */
#ifndef EINC_BASE_JSON_H
#define EINC_BASE_JSON_H

#include "base/text.h"

/* "s", with what must be escaped escaped. Strings of DOT are written alike,
 * but for control characters, which names do not have. */
void einc_json_string(struct text *t, struct str s);
/* "key": [1, 2] */
void einc_json_ints(struct text *t, const char *key, const int64_t *v, int n);
/* Text that was printed on its own, as a value that begins here: its later
 * lines are indented by so many columns, and its last newline goes. */
void einc_json_inner(struct text *t, struct str inner, int columns);

#endif

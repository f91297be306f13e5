/* SPDX-License-Identifier: MIT
 *
 * value_fold.h - values that are known while code is made, and in what range
 * integers lie.
 */
#ifndef EINC_CODEGEN_VALUE_FOLD_H
#define EINC_CODEGEN_VALUE_FOLD_H

#include "codegen/value.h"

/* Returns a value that is equal to a function, or -1; that may have become a
 * number then. */
int einc_value_fold(const struct values *s, struct value *v);
/* Sets least and most. */
void einc_value_range(const struct values *s, struct value *v);

#endif

/* SPDX-License-Identifier: MIT
 *
 * none.c - a library without built-in kernels: what the generator of them is
 * linked from.
 */
#include "builtin/builtin.h"

#include <stddef.h>

const struct builtin_set einc_builtin_sets[] = {{NULL, NULL, 0}};

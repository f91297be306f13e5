/* SPDX-License-Identifier: MIT
 *
 * roofline.h - the points of a run under the limits of the machine, as SVG.
 */
#ifndef EINC_BENCH_ROOFLINE_H
#define EINC_BENCH_ROOFLINE_H

#include <stdbool.h>

#include "peaks.h"
#include "table.h"

bool
roofline_write(const char *path, const struct peaks *p,
               const struct point *points, int n);

#endif

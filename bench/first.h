/* SPDX-License-Identifier: MIT
 *
 * first.h - what a fresh process does until its first result.
 */
#ifndef EINC_BENCH_FIRST_H
#define EINC_BENCH_FIRST_H

/* The first argument of a process of this program that does nothing else:
 *     --first-call EXPR SIZES TYPE TIER CACHE COMPILER
 * CACHE "": none; COMPILER "": as found. */
#define FIRST_CALL "--first-call"

/* Prints two times in seconds, wall time with TIER cc, else CPU time: from
 * the first call of the library to the result, and of a later run of the same
 * plan. */
int
first_call(int argc, char **argv);

#endif

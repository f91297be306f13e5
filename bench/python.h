/* SPDX-License-Identifier: MIT
 *
 * python.h - numpy, opt_einsum and torch in a process beside us that answers
 * one command at a time, so that its samples can take turns with ours.
 */
#ifndef EINC_BENCH_PYTHON_H
#define EINC_BENCH_PYTHON_H

#include <stdbool.h>

#include "subject.h"

struct python;

/* Runs worker.py with the interpreter of EINC_BENCH_PYTHON, else python3.
 * NULL, and a reason, when that does not give a numpy. */
struct python *
python_open(const char *worker, char *why, int why_bytes);
void
python_close(struct python *p);

/* "numpy 2.1.0, torch 2.5.0" */
const char *
python_found(const struct python *p);

/* Hands over the operands of an einsum; of any task that the worker knows. */
bool
python_load(struct python *p, const struct subject *s);
bool
python_open_case(struct python *p, const char *task, const struct tensor *out,
                 const struct tensor *const in[], int n_in);

/* Runs a method of worker.py; its result comes to `result`. Seconds that took.
 * Negative: it cannot, and `why` says so: "absent" if there is no such peer. */
double
python_check(struct python *p, const char *method, void *result, size_t bytes,
             char *why, int why_bytes);

/* Seconds of so many calls, as the worker measures them; negative: failed. */
double
python_time(struct python *p, const char *method, int64_t calls);

void
python_unload(struct python *p);

#endif

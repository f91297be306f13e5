/* SPDX-License-Identifier: MIT
 *
 * emit_open.h - parts of a file of statements whose sizes are arguments
 * (program.open). The function puts them into a struct NAME_sizes, which all
 * others take as `z`.
 */
#ifndef EINC_CODEGEN_EMIT_OPEN_H
#define EINC_CODEGEN_EMIT_OPEN_H

#include "codegen/program_file.h"

/* "n_d"; "n_2" of the third size if its name is none of C. */
void einc_open_name(const struct program_file *f, struct text *t, int size);
/* "const struct mm_sizes sizes = {n_i, n_j}, *const z = &sizes;" */
void einc_open_locals(const struct program_file *f);
/* "z->n_d", or the number itself; the former in the file's scratch. */
const char *einc_open_number(const struct program_file *f, int64_t value);
void einc_open_put(const struct program_file *f, struct text *t,
                   int64_t value);
/* How many values there are from lo to hi, of which the latter may be one. */
const char *einc_open_count(const struct program_file *f, int64_t lo,
                            int64_t hi);
/* Whether no dim of it is an argument. */
int einc_open_is_fixed(const struct program_file *f, const struct tensor *y);
/* Each size between the two: "int64_t n_i, ". */
void einc_open_arguments(const struct program_file *f, struct text *t,
                         const char *before, const char *after);
/* Lines of the opening comment, and the dims of a tensor in it. */
void einc_open_comment(const struct program_file *f);
void einc_open_shape(const struct program_file *f, const struct tensor *y);
/* struct NAME_sizes, and products that do not overflow. */
void einc_open_struct(const struct program_file *f);
/* NAME_room(z, at): bytes of work, where temporaries begin, and whether the
 * function may be called with such sizes: no access leaves its tensor. E411:
 * what cannot be asked. */
void einc_open_room(const struct program_file *f);
/* NAME_stage2(args, z). */
int einc_open_has_kernel(const struct program_file *f, int stage);
void einc_open_stage(const struct program_file *f, int stage);

#endif

/* SPDX-License-Identifier: MIT
 *
 * mapreduce.h - an index statement as loops: which index runs where, what is
 * computed at which depth, what is kept in registers, in lanes or in a tile.
 * It knows neither C nor CUDA.
 */
#ifndef EINC_CODEGEN_MAPREDUCE_H
#define EINC_CODEGEN_MAPREDUCE_H

#include "codegen/size.h"
#include "codegen/target.h"
#include "codegen/unit.h"
#include "parse/stmt.h"

struct mapreduce; /* mapreduce.c: levels, lanes, tiles, hoisted values */

/* Statement -> nest. Pure; all in `perm`. NULL: it has no kernel, and is
 * evaluated (products of complex numbers; very many loops). */
const struct mapreduce *einc_mapreduce_build(struct arena *perm,
                                             struct arena scratch,
                                             const struct program *p,
                                             const struct stmt *s,
                                             const struct target *target,
                                             enum size_mode mode);
/* What becomes of the statement, in words: lines of dump "plan". */
void einc_mapreduce_describe(struct text *t, const struct mapreduce *m);
/* Dump "nest" of a statement. */
void einc_mapreduce_print(struct text *t, const struct mapreduce *m);

/* The kernel for the runtime, in C; args.in[i] is program.tensors[i] (the
 * address of its element (0, ...)), args.out the left tensor. */
struct unit einc_emit_mapreduce(struct arena *perm, const struct mapreduce *m);
/* The same as a static function of a file, which declares `struct ARGS` with
 * the fields of struct einc_args; what it needs (polynomials ...) stands
 * before it, each function with NAME_ in front. */
void einc_emit_mapreduce_function(struct text *t, struct arena scratch,
                                  const struct mapreduce *m, const char *name,
                                  const char *args);
/* The same as CUDA, for a nest of target "cuda": see MAP_TAIL. A thread does a
 * task, or, where that is modelled to be faster, all threads of a block do one
 * together. */
enum team_choice { TEAM_IF_FASTER, TEAM_NEVER, TEAM_ALWAYS /* if it can */ };
struct unit einc_emit_cuda_mapreduce(struct arena *perm,
                                     const struct mapreduce *m,
                                     enum team_choice team);
/* How that kernel is launched: blocks of DEVICE_THREADS, tasks `step` apart,
 * scratch of all threads. */
struct cuda_grid {
    int64_t tasks, step, blocks, scratch_bytes;
};
struct cuda_grid einc_emit_cuda_grid(const struct mapreduce *m,
                                     enum team_choice team);
/* Bytes that a thread takes, 64-aligned. */
int64_t einc_mapreduce_scratch(const struct mapreduce *m);

/* Tasks for so many threads; fills in n (extents) and s (strides) if they are
 * not NULL. Any split of the tasks gives the same bits. A statement that
 * scatters has one task, or tasks that write apart. */
int64_t einc_mapreduce_arguments(const struct mapreduce *m, int threads,
                                 int64_t *n, int64_t *s);
/* Of a statement for places that are listed: how many a task does; tasks for n
 * of them are the first ones, as many as hold n. */
int64_t einc_mapreduce_span(const struct mapreduce *m);
/* Nests of SIZES_OPEN: the least that size number `open` may be in a call. */
int64_t einc_mapreduce_least(const struct mapreduce *m, int open);
/* Modelled: how many operations (multiply-add is two; exp and the like by
 * their polynomials) and bytes the statement takes. */
double einc_mapreduce_flop(const struct mapreduce *m);
double einc_mapreduce_bytes(const struct mapreduce *m);

#endif

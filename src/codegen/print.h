/* SPDX-License-Identifier: MIT
 *
 * print.h - the pieces of C text that all emitters share: types, loads with
 * conversion, offsets. What is legal C here is legal C++ and CUDA too.
 */
#ifndef EINC_CODEGEN_PRINT_H
#define EINC_CODEGEN_PRINT_H

#include "codegen/nest.h"

/* How a kernel is printed; one per emitted function. */
struct printer {
    struct text *t;
    const struct nest *nest;
    const char *prefix;    /* of the kernel and what is its own: "mm_step1" */
    const char *shared;    /* of what several kernels of a file share: the
                            * tile, its sizes, the packing: "mm" */
    const char *args;      /* name of the struct of arguments */
    const char *type;      /* C type of one plane of the compute type */
    int planes;            /* 2 for complex: real and imaginary apart */
    int with_scale;        /* alpha and beta are arguments */
    int again;             /* `again` says that out holds a part of the sum,
                            * to which the rest is added */
    int by_parameter;      /* pointers, extents and strides are parameters of
                            * the function, not members of `args` */
    int in_parts;          /* by_parameter: two more, `begin` and `end`, bound
                            * the outermost loop */
    int in_place;          /* of a gett, or of one that shares its tile: lhs
                            * may be read where it is */
    int listed;            /* stream: products of a sum are where spot0[k],
                            * spot1[k] ... say */
    const char *linkage;   /* "static " or "" */
};

struct printer einc_printer(struct text *t, const struct nest *nest,
                            const char *prefix);

/* Text of many lines, each at the present indent but for the first if the text
 * so far does not end one; `@` stands for p->shared, `$` for p->type. */
void einc_code(const struct printer *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Storage of one element as C: "float"; complex: that of one half. */
const char *einc_print_storage(enum einc_dtype d);
/* An element of `pointer` at `offset`, as a value of the compute type. */
void einc_print_load(const struct printer *p, enum einc_dtype storage,
                     int plane, const char *pointer, const char *offset);
/* pointer[offset] = value, converted; `value` names one plane. */
void einc_print_store(const struct printer *p, enum einc_dtype storage,
                      int plane, const char *pointer, const char *offset,
                      const char *value);
/* "lhs_i*i + lhs_j*j" over the indices first <= idx < last but `skip`; "0". */
void einc_print_offset(const struct printer *p, const struct nest_tensor *x,
                       int first, int last, int skip);
/* Declares extents, strides and pointers that are arguments, from `args->`. */
void einc_print_arguments(const struct printer *p);
/* Extent of idx[j]: "n_i", or "64" if it is a literal. */
const char *einc_print_n(const struct printer *p, int j);
/* Product of extents of a role: "n_i*n_j", "64*n_j"; "1". */
void einc_print_extent(const struct printer *p, enum loop_role role);
/* Parameters of a function by_parameter: out, operands, extents, strides, in
 * lines of at most 79 columns after `indent` blanks. */
void einc_print_parameters(const struct printer *p, int indent);
/* Their names, for a call that hands them on. */
void einc_print_parameter_names(const struct printer *p, int indent);
/* Functions that convert f16 and bf16, as far as the plan needs them: inputs
 * are read, the output is written; `all`: both for either. `moves`: NULL, or
 * which steps convert nothing, see einc_print_transpose_moves(). */
void einc_print_halves(struct text *t, const struct plan *p,
                       const char *qualifier, int all, const char *moves);
/* The same, both ways, for one kernel whatever plan it stands in; NULL: for
 * any kernel. */
void einc_print_kernel_halves(struct text *t, const struct nest *nest,
                              const char *qualifier);
/* "x += " or "x |= " + mul: identity, sum and product of the compute type. */
const char *einc_print_add(const struct printer *p); /* "+" or "|" */
const char *einc_print_mul(const struct printer *p); /* "*" or "&" */
/* scale: alpha, beta, factor as constants of the kernel. */
void einc_print_scale(const struct printer *p);
/* value(s) named `sum` (per plane: sum, or sum_re and sum_im with `index`
 * appended) to out at `offset`. Prints statements at the present indent. */
void einc_print_epilogue(const struct printer *p, const char *const sum[2],
                         const char *offset);

/* The families. Each prints file-level functions and then the kernel
 * `prefix(const struct args *args, int64_t task_begin, int64_t task_end)`.
 *
 * In a file for a reader a family is called once for each set of instructions
 * (file_sets.c), with a nest built for nest.target and names to go with it:
 * what it prints stands where functions are compiled for that set, so it
 * needs no attributes; vectors have target.vector_bytes, none if that is 0,
 * and never are parameters or results. It prints no pragma of OpenMP: what is
 * outlined there would be compiled for another set; threads share the range
 * from task_begin or `begin` that the driver gives them. Text that is the same
 * for all sets, names in p->shared apart, is printed once. Kernels other than
 * a gett are by_parameter there. */
void einc_print_stream(const struct printer *p);
void einc_print_gett(const struct printer *p);
void einc_print_fused(const struct printer *p);
/* Of a fused step by_parameter, as of a stream, see below. */
int einc_print_fused_parts(const struct printer *p);
void einc_print_fused_count(const struct printer *p);
void einc_print_direct(const struct printer *p); /* or by_parameter */
int einc_print_direct_parts(const struct printer *p, struct text *worth);
void einc_print_direct_count(const struct printer *p);
void einc_print_narrow(const struct printer *p); /* not in files */
void einc_print_lanes(const struct printer *p); /* or by_parameter */
int einc_print_lanes_parts(const struct printer *p, struct text *worth);
void einc_print_lanes_count(const struct printer *p);
/* Of a gett, once per set of instructions: block sizes and register tile. */
void einc_print_tiles(const struct printer *p);
/* Once per file and storage type: rows of lhs (side 0) or columns of rhs (1)
 * to panels. */
void einc_print_pack(const struct printer *p, int side);
/* SHUFFLE of two vectors of the compute type; the lanes that it takes for the
 * lower or upper one of a pair that exchange blocks of `size` lanes. */
void einc_print_shuffle(const struct printer *p);
void einc_print_exchanged(const struct printer *p, int lanes, int size,
                          int upper);
/* The end of einc_print_tiles(): vectors moved and transposed, runs. */
void einc_print_moves(const struct printer *p);
/* After both, for a table: packing of neighbours. */
void einc_print_pack_near(const struct printer *p);
/* What transposes call, once for all that are among nests[n]; a kernel whose
 * structure is arguments; the same as loops by_parameter, as of a stream. */
void einc_print_transpose_shared(const struct printer *p,
                                 const struct nest *const *nests, int n);
void einc_print_transpose(const struct printer *p);
void einc_print_transpose_loops(const struct printer *p);
int einc_print_transpose_parts(const struct printer *p, struct text *worth);
void einc_print_transpose_count(const struct printer *p);
/* Whether a nest is a transpose that converts and scales nothing. */
int einc_print_transpose_moves(const struct nest *nest);
/* A stream as plain loops in a function by_parameter. */
void einc_print_stream_loops(const struct printer *p);
/* Whether it pays to share out its outermost loop; `worth`: on which
 * condition, as C, empty if always. How many times that loop runs, as C. */
int einc_print_stream_parts(const struct printer *p, struct text *worth);
void einc_print_stream_count(const struct printer *p);
/* Of a stream: the free indices of task `name`, and the body of one task. */
void einc_print_stream_decode(const struct printer *p, const char *name);
void einc_print_stream_body(const struct printer *p);

#endif

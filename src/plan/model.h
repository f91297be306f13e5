/* SPDX-License-Identifier: MIT
 *
 * model.h - how long a step will take on a machine, in seconds. Arithmetic,
 * memory, packing, gathering and the starts of tasks, each from a few numbers
 * of struct machine; what overlaps counts once, as the larger. For printing,
 * for choosing among kernels and tiers, and to be held against measurements
 * (`einc bench`). Good to a factor of 2 where kernels do what they should;
 * a ratio of two figures is better than either.
 *
 * The kernels it has in mind are those of compiled code: GETT with packing or
 * in place, tiny products in lanes, streams, transposes; not the
 * interpreter's.
 */
#ifndef EINC_PLAN_MODEL_H
#define EINC_PLAN_MODEL_H

#include "plan/machine.h"
#include "plan/plan.h"

/* How a contraction gets at the elements of one tensor. */
enum model_access {
    MODEL_IN_PLACE, /* not packed: the microkernel reads it where it is */
    MODEL_NEAR,     /* its run of stride 1 lies along the panel's lanes (or
                     * the lanes of a result) */
    MODEL_TURNED,   /* its run lies across them: along K */
    MODEL_CROSSED,  /* its run lies along another index of the same side */
    MODEL_FAR       /* no run of use: an access per element */
};

/* batch products out[m][n] = sum(k) lhs[m][k] * rhs[k][n], the lanes along
 * n. Extents are doubles, since products of them may be of any size. */
struct model_gett {
    enum einc_dtype compute;
    double batch, m, n, k;
    enum model_access lhs, rhs; /* of the operands */
    enum model_access out;      /* NEAR or FAR */
    double lhs_bytes, rhs_bytes, out_bytes; /* of all elements, each once;
                                 * 0: dense, of the compute type */
    double weighed; /* elements of a product that a weight multiplies when
                     * they have been packed; 0: none */
    enum model_access weight; /* IN_PLACE: one for all rows, or columns */
};

/* Seconds of exactly this variant on at most `threads` threads. */
double einc_model_gett(const struct machine *m, const struct model_gett *g,
                       int threads);

/* Whether both operands of one product stay in cache while a direct kernel
 * reads them in place again and again. */
int einc_model_fits_direct(const struct machine *m,
                           const struct model_gett *g);

/* Many products of tiny matrices, one for each position of an index that runs
 * in the lanes: out[m][n][x] = sum(k) lhs[m][k][x] * rhs[k][n][x] for `length`
 * positions x of each of `batch` parts. M, N and K are spelled out, so that an
 * element is loaded once. A tensor whose elements of one position lie together
 * is turned in registers. */
struct model_lanes {
    enum einc_dtype compute;
    double batch, m, n, k, length;
    int lhs_held, rhs_held; /* does not move along the lanes */
    double record[3]; /* of lhs, rhs, out: elements of a position that lie
                       * together and are turned; 0: none */
    double in_bytes, out_bytes; /* of all elements, each once; 0: dense */
};

double einc_model_lanes(const struct machine *m, const struct model_lanes *x,
                        int threads);

/* out[row][column] = sum(k) tall[row][k] * thin[k][column] for each of `batch`
 * parts, with few columns and the lanes along k. */
struct model_narrow {
    enum einc_dtype compute; /* f32 or f64 */
    double batch, rows, columns, depth;
};

double einc_model_narrow(const struct machine *m,
                         const struct model_narrow *x, int threads);

enum { MODEL_MAX_IN = 8 };

/* How the lanes of a stream get at one tensor. */
enum model_lane {
    MODEL_HELD,   /* does not move along the lanes: one value for all */
    MODEL_RUN,    /* stride 1 */
    MODEL_STRIDED /* one element at a time */
};

struct model_stream_tensor {
    enum model_lane lane;
    double bytes;     /* of all elements, each once; a strided one counts the
                       * lines it touches */
    double spread_bytes; /* the same with the pages between the elements, up
                       * to one each: what tables of pages and the sets of a
                       * cache see; of a strided one only */
    double loads;     /* accesses to elements in all */
    double set_bytes; /* of what is read again before the next part: what
                       * has to stay in cache; 0: nothing is read again */
    double element_bytes;
};

/* A pass over the points of an index space: a product at each, summed over
 * some of the indices. */
struct model_stream {
    enum einc_dtype compute;
    double points;
    double length;    /* of the lane's index; 1 for none */
    double tasks;     /* parts of the result that a loop over lanes is done
                       * for */
    double runs;      /* times that it begins anew, for another part or for
                       * more of the sums in a vector */
    int turned;       /* source and result have runs of different indices, and
                       * blocks of both go through registers: a transpose */
    int n_in;
    struct model_stream_tensor in[MODEL_MAX_IN], out;
};

double einc_model_stream(const struct machine *m,
                         const struct model_stream *s, int threads);

/* Of a step of a plan, from its groups, strides and types: the best of the
 * variants that its layouts allow. */
double einc_model_step(const struct machine *m, const struct plan *p,
                       int step, int threads);
/* The same of a CONTRACT that packs: the kernel for all shapes. */
double einc_model_packed(const struct machine *m, const struct plan *p,
                         int step, int threads);
/* Of a step that is no CONTRACT, as a stream or a transpose. */
double einc_model_pass(const struct machine *m, const struct plan *p, int step,
                       int threads);
/* Of a REDUCE as sums within sums (nested.h), on one thread; below 0 if there
 * is no such kernel for it. */
double einc_model_nested(const struct machine *m, const struct plan *p,
                         int step);
/* All steps of a plan and the call. */
double einc_model_plan(const struct machine *m, const struct plan *p,
                       int threads);

/* Of the loops of an index statement, a floor: all their arithmetic at peak,
 * or all their bytes at the rate of the level that holds them. */
double einc_model_loops(const struct machine *m, enum einc_dtype compute,
                        double flop, double bytes, int threads);

/* Seconds as whole nanoseconds of three digits, 1234567 as 1230000: the model
 * knows no more, and so the same on every machine that computes it. */
int64_t einc_model_ns(double seconds);

#endif

/* SPDX-License-Identifier: MIT
 *
 * data.h - tensors of a spec in memory: strides, values, and what the result
 * must be. Every tensor ends, or begins, where a page begins that may not be
 * touched, and inputs are write-protected while kernels run.
 */
#ifndef EINC_TESTS_DATA_H
#define EINC_TESTS_DATA_H

#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/half.h"
#include "spec.h"

/* --- memory ------------------------------------------------------------- */

enum { PAGE = 4096 };
#define SLOT_BYTES ((size_t)96 << 20) /* reserved; used as far as needed */

/* Readable and writable bytes between two pages that are neither. */
struct slot {
    char *begin, *end;
};

static inline struct slot
slot_open(void)
{
    char *p = mmap(NULL, SLOT_BYTES + 2 * PAGE, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED ||
        mprotect(p + PAGE, SLOT_BYTES, PROT_READ | PROT_WRITE))
        abort();
    return (struct slot){p + PAGE, p + PAGE + SLOT_BYTES};
}

/* `bytes` of it that touch one end or the other. */
static inline char *
slot_take(const struct slot *s, size_t bytes, int at_end)
{
    if (bytes > SLOT_BYTES)
        abort();
    return at_end ? s->end - bytes : s->begin;
}

/* The pages that hold `bytes` at `p`; protection costs a call per tensor. */
static inline void
protect(char *p, size_t bytes, int writable)
{
    uintptr_t lo = (uintptr_t)p / PAGE * PAGE;
    uintptr_t hi = ((uintptr_t)p + bytes + PAGE - 1) / PAGE * PAGE;
    if (bytes &&
        mprotect((void *)lo, hi - lo,
                 writable ? PROT_READ | PROT_WRITE : PROT_READ))
        abort();
}

/* --- layouts ------------------------------------------------------------ */

struct array {
    struct einc_layout layout;
    int64_t shape[MAX_RANK], stride[MAX_RANK];
    int label[MAX_RANK];
    int64_t lo, hi;  /* elements from element (0, ...), half open */
    int64_t count;   /* elements by shape */
    size_t element;  /* bytes */
    char *memory;    /* of element lo */
    char *first;     /* of element (0, ...) */
};

static inline size_t
array_bytes(const struct array *a)
{
    return (size_t)(a->hi - a->lo) * a->element;
}

/* Strides that keep elements apart, in any order, sign and with gaps. */
static inline void
set_strides(struct array *a, int rank, enum style style, struct rng *r)
{
    int order[MAX_RANK];
    int gaps = style == GAPS || style == WILD;
    int flips = style == NEGATIVE || style == WILD;
    int64_t run = 1;
    for (int d = 0; d < rank; d++)
        order[d] = d;
    if (style == PERMUTED || style == WILD)
        rng_shuffle(r, order, rank);
    for (int j = rank - 1, n_gaps = 0; j >= 0; j--) {
        int d = order[j], wide = rng_percent(r, 40), flip = rng_percent(r, 60);
        if (gaps && n_gaps < 2 && (wide || j == 0)) {
            run *= rng_range(r, 2, 3);
            n_gaps++;
        }
        a->stride[d] = flips && flip ? -run : run;
        if (gaps && a->shape[d] < 2) /* never multiplied by anything but 0 */
            a->stride[d] = 1000003;
        run *= a->shape[d] > 1 ? a->shape[d] : 1;
    }
}

static inline void
set_overlap(struct array *a, int rank, enum style style, struct rng *r)
{
    for (int d = 0; d < rank; d++)
        if (style == OVERLAPPING)
            a->stride[d] = rng_range(r, -2, 3);
        else if (rng_percent(r, 50))
            a->stride[d] = 0;
}

static inline void
measure(struct array *a, int rank)
{
    a->lo = 0;
    a->hi = 1;
    a->count = 1;
    for (int d = 0; d < rank; d++) {
        int64_t reach = (a->shape[d] - 1) * a->stride[d];
        a->count *= a->shape[d];
        if (reach < 0)
            a->lo += reach;
        else
            a->hi += reach;
    }
    if (!a->count)
        a->lo = a->hi = 0;
}

/* Term `t` with sizes `size`; the output's broadcast dims have the extents. */
static inline void
array_shape(const struct spec *s, const struct spec_term *t,
            const int64_t *size, enum einc_dtype dtype, struct array *a)
{
    struct rng r = {t->seed};
    int rank = spec_dims(s, t, a->label);
    for (int d = 0; d < rank; d++) {
        a->shape[d] = t == &s->out ? spec_extent(s, size, a->label[d])
                      : t->ones >> d & 1 ? 1
                                         : size[a->label[d]];
    }
    set_strides(a, rank, t->style, &r);
    if (t->style == BROADCAST || t->style == OVERLAPPING)
        set_overlap(a, rank, t->style, &r);
    measure(a, rank);
    a->element = einc_dtype_bytes(dtype);
    a->layout = (struct einc_layout){
        .size = sizeof a->layout, .dtype = (int32_t)dtype, .ndim = rank,
        .shape = a->shape,
        .stride = t->style == DENSE ? NULL : a->stride};
}

static inline void
array_place(struct array *a, const struct slot *slot, int at_end)
{
    a->memory = slot_take(slot, array_bytes(a), at_end);
    a->first = a->memory - a->lo * (int64_t)a->element;
}

/* --- values ------------------------------------------------------------- */

/* A value of any type: integers as bits, floats as two doubles. */
struct value {
    uint64_t bits;
    double re, im;
};

static inline struct value
value_load(enum einc_dtype t, const void *p, int64_t i)
{
    struct value v = {0, 0, 0};
#define INTEGER(type) v.bits = (uint64_t)((const type *)p)[i]; \
                      v.re = (double)((const type *)p)[i]; break
    switch (t) {
    case EINC_BOOL: v.bits = ((const uint8_t *)p)[i] != 0;
                    v.re = (double)v.bits; break;
    case EINC_I8: INTEGER(int8_t);
    case EINC_U8: INTEGER(uint8_t);
    case EINC_I16: INTEGER(int16_t);
    case EINC_U16: INTEGER(uint16_t);
    case EINC_I32: INTEGER(int32_t);
    case EINC_U32: INTEGER(uint32_t);
    case EINC_I64: INTEGER(int64_t);
    case EINC_U64: INTEGER(uint64_t);
    case EINC_F16: v.re = (double)half_f16_to_f32(((const uint16_t *)p)[i]);
                   break;
    case EINC_BF16: v.re = (double)half_bf16_to_f32(((const uint16_t *)p)[i]);
                    break;
    case EINC_F32: v.re = (double)((const float *)p)[i]; break;
    case EINC_F64: v.re = ((const double *)p)[i]; break;
    case EINC_C64: v.re = (double)((const float *)p)[2 * i];
                   v.im = (double)((const float *)p)[2 * i + 1]; break;
    case EINC_C128: v.re = ((const double *)p)[2 * i];
                    v.im = ((const double *)p)[2 * i + 1]; break;
    default: abort();
    }
#undef INTEGER
    return v;
}

static inline void
value_store(enum einc_dtype t, void *p, int64_t i, struct value v)
{
    switch (t) {
    case EINC_BOOL: ((uint8_t *)p)[i] = v.bits != 0; break;
    case EINC_I8: case EINC_U8: ((uint8_t *)p)[i] = (uint8_t)v.bits; break;
    case EINC_I16: case EINC_U16: ((uint16_t *)p)[i] = (uint16_t)v.bits; break;
    case EINC_I32: case EINC_U32: ((uint32_t *)p)[i] = (uint32_t)v.bits; break;
    case EINC_I64: case EINC_U64: ((uint64_t *)p)[i] = v.bits; break;
    case EINC_F16: ((uint16_t *)p)[i] = half_f32_to_f16((float)v.re); break;
    case EINC_BF16: ((uint16_t *)p)[i] = half_f32_to_bf16((float)v.re); break;
    case EINC_F32: ((float *)p)[i] = (float)v.re; break;
    case EINC_F64: ((double *)p)[i] = v.re; break;
    case EINC_C64: ((float *)p)[2 * i] = (float)v.re;
                   ((float *)p)[2 * i + 1] = (float)v.im; break;
    case EINC_C128: ((double *)p)[2 * i] = v.re;
                    ((double *)p)[2 * i + 1] = v.im; break;
    default: abort();
    }
}

static inline int
is_exact_type(enum einc_dtype t)
{
    enum dtype_kind k = einc_dtype_info(t)->kind;
    return k == KIND_INT || k == KIND_UINT || k == KIND_BOOL;
}

static inline int
is_complex_type(enum einc_dtype t)
{
    return einc_dtype_info(t)->kind == KIND_COMPLEX;
}

/* --- filling ------------------------------------------------------------ */

/* Largest magnitude of a part of an input, 8 or, to go beyond f16, 150, for
 * which every partial sum, in any order, is an integer of at most `room`; 0 if
 * there is none. */
static inline int
exact_limit(const struct spec *s, double room)
{
    int most = 0;
    for (int x = 0; x < spec_labels(s); x++)
        if (!spec_out_holds(s, x) && spec_extent(s, s->size, x) > 1)
            room /= (double)spec_extent(s, s->size, x);
    for (int v = 1; v <= (spec_out_dtype(s) == EINC_F16 ? 150 : 8); v++) {
        double p = 1;
        for (int o = 0; o < s->n_in; o++)
            p *= is_complex_type(s->in[o].dtype) ? 2 * v : v;
        if (p <= room)
            most = v;
    }
    return most;
}

static inline double
exact_room(enum einc_dtype t)
{
    switch (t) {
    case EINC_F16: return 0x1p11;
    case EINC_BF16: return 0x1p8;
    case EINC_F32: case EINC_C64: return 0x1p24;
    default: return 0x1p53;
    }
}

static inline struct value
integer_value(struct rng *r, enum einc_dtype t, int limit, int wrap)
{
    struct value v = {0, 0, 0};
    int lo = einc_dtype_info(t)->kind == KIND_UINT ? 0 : -limit;
    if (t == EINC_BOOL)
        v.bits = (uint64_t)rng_percent(r, 70);
    else if (wrap && is_exact_type(t))
        v.bits = rng_next(r);
    else
        v.bits = (uint64_t)(int64_t)rng_range(r, lo, limit);
    v.re = (double)(int64_t)v.bits;
    if (v.re == 0 && !is_exact_type(t) && rng_percent(r, 30))
        v.re = -0.0;
    if (is_complex_type(t))
        v.im = rng_range(r, -limit, limit);
    return v;
}

/* Floats of very different sizes, in one operand only: products of two such
 * would leave the range of f32. */
static inline struct value
real_value(struct rng *r, enum einc_dtype t, int scaled)
{
    if (is_exact_type(t))
        return integer_value(r, t, 4, 0);
    double scale = 1;
    if (scaled && t == EINC_F16) /* subnormals, and near the largest */
        scale = ldexp(1, rng_percent(r, 50) ? -17 : 8);
    else if (scaled)
        scale = ldexp(1, 66 * rng_range(r, -1, 1));
    struct value v = {0, scale * rng_real(r), 0};
    if (is_complex_type(t))
        v.im = scale * rng_real(r);
    return v;
}

static inline void
array_fill(struct array *a, struct rng *r, const struct spec *s, int limit,
           int scaled)
{
    enum einc_dtype t = (enum einc_dtype)a->layout.dtype;
    int wrap = is_exact_type(spec_compute(s));
    for (int64_t i = 0; i < a->hi - a->lo; i++)
        value_store(t, a->memory, i,
                    s->real ? real_value(r, t, scaled)
                            : integer_value(r, t, limit, wrap));
}

/* --- alpha and beta ----------------------------------------------------- */

static inline struct value
scale_value(int which)
{
    static const int re[] = {0, 0, 1, -2, 3}, im[] = {0, 0, 0, 1, -1};
    return (struct value){(uint64_t)(int64_t)re[which], re[which], im[which]};
}

static inline struct value
value_multiply(enum einc_dtype compute, struct value a, struct value b)
{
    if (!is_complex_type(compute))
        a.im = b.im = 0;
    return (struct value){a.bits * b.bits, a.re * b.re - a.im * b.im,
                          a.re * b.im + a.im * b.re};
}

static inline struct value
value_add(enum einc_dtype compute, struct value a, struct value b)
{
    return (struct value){compute == EINC_BOOL ? (a.bits | b.bits) != 0
                                               : a.bits + b.bits,
                          a.re + b.re, a.im + b.im};
}

/* --- all elements, one after another ------------------------------------ */

/* Counts up; 0 after the last one. */
static inline int
next_position(const int64_t *extent, int n, int64_t *at)
{
    for (int d = n - 1; d >= 0; d--) {
        if (++at[d] < extent[d])
            return 1;
        at[d] = 0;
    }
    return 0;
}

static inline int64_t
offset_of(const struct array *a, const int64_t *at)
{
    int64_t offset = 0;
    for (int d = 0; d < a->layout.ndim; d++)
        offset += a->stride[d] * at[d];
    return offset;
}

/* --- an oracle that knows only the spec --------------------------------- */

/* One element of the output as a sum over all labels that it lacks. Nothing
 * of the library is asked: labels, "...", diagonals and size 1 are read as
 * LANGUAGE.md says. `value`: of every label, those of the output set. */
static inline struct value
plain_sum(const struct spec *s, const struct array *in, const int64_t *extent,
          int64_t *value)
{
    enum einc_dtype compute = spec_compute(s);
    struct value sum = {0, 0, 0};
    int summed[MAX_NAMES], n = 0;
    for (int x = 0; x < spec_labels(s); x++)
        if (!spec_out_holds(s, x)) {
            if (!extent[x])
                return sum;
            summed[n++] = x;
            value[x] = 0;
        }
    for (;;) {
        struct value term = {1, 1, 0};
        for (int o = 0; o < s->n_in; o++) {
            int64_t offset = 0;
            for (int d = 0; d < in[o].layout.ndim; d++)
                if (in[o].shape[d] > 1)
                    offset += in[o].stride[d] * value[in[o].label[d]];
            term = value_multiply(
                compute, term,
                value_load((enum einc_dtype)in[o].layout.dtype, in[o].first,
                           offset));
        }
        sum = value_add(compute, sum, term);
        int j = n - 1;
        while (j >= 0 && ++value[summed[j]] == extent[summed[j]])
            value[summed[j--]] = 0;
        if (j < 0)
            return sum;
    }
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * machine.h - a machine as numbers: how fast one core multiplies and adds,
 * what each level of memory delivers, what packing, gathering and waking a
 * thread cost, and how near real kernels come to it. A table per vector width
 * is shipped; `einc doctor --calibrate` measures one. All integers, so that a
 * table printed and read back is the same.
 */
#ifndef EINC_PLAN_MACHINE_H
#define EINC_PLAN_MACHINE_H

#include "base/dtype.h"
#include "base/str.h"
#include "base/text.h"

/* Types that arithmetic is done in; complex numbers count by their parts. */
enum machine_type {
    MACHINE_F32, MACHINE_F64, MACHINE_I32, MACHINE_I64, N_MACHINE_TYPES
};

enum machine_level {
    MACHINE_L1, MACHINE_L2, MACHINE_L3, MACHINE_MEMORY, N_MACHINE_LEVELS
};

enum { MACHINE_NAME_MAX = 31 };

/* Rates are of one thread: Mflop/s and MB/s (10^6). Percentages may exceed
 * 100. */
struct machine {
    char name[MACHINE_NAME_MAX + 1]; /* "avx2", "measured-avx2"; one word */
    int64_t vector_bytes;          /* of a register; 0: scalar code */
    int64_t registers;             /* vector registers */
    int64_t peak[N_MACHINE_TYPES]; /* 2 flop for a multiply-add */
    /* What is worked on again and again stays in a level if it has fewer
     * bytes than this; memory has no bound, its entry is 0. */
    int64_t bytes[N_MACHINE_LEVELS];
    int64_t read[N_MACHINE_LEVELS];
    int64_t write[N_MACHINE_LEVELS]; /* bytes stored; fetching the line first
                                      * is part of the rate */
    int64_t stream;        /* to memory with non-temporal stores */
    int64_t cores_percent; /* memory's rate of all threads, of one's */
    /* nanoseconds */
    int64_t call_ns;       /* of a planned call, before its first step */
    int64_t task_ns;       /* to begin a task: its offsets, its loops */
    int64_t tile_ns;       /* to begin and end a register tile */
    int64_t wake_ns;       /* to share a step among threads */
    /* Picoseconds per element, beside what its bytes cost. Of 4 bytes where
     * it is said so: wider ones cost in proportion. */
    int64_t pack_near_ps;   /* packed along its run of stride 1; 4 bytes */
    int64_t pack_turned_ps; /* packed across its run; 4 bytes */
    int64_t pack_far_ps;    /* packed without a run of use */
    int64_t store_near_ps;  /* of a result, along its run; 4 bytes */
    int64_t store_far_ps;   /* without one */
    int64_t gather_near_ps; /* loaded one by one from cache by a stream */
    int64_t gather_far_ps;  /* from a line each, out of memory */
    /* What kernels reach, by class of shape. */
    int64_t packed_percent; /* of peak, in full tiles of packed panels */
    int64_t direct_percent; /* of peak, in full tiles read in place */
    int64_t stream_percent; /* of the bandwidth, one contiguous pass */
    int64_t fill_percent;   /* of the same, where a result far larger than
                             * the operands is written: an outer product */
    int64_t turned_percent; /* of the same, a transpose */
};

/* Shipped tables: "avx512" "avx2" "neon" "sse2" "generic"; NULL for another
 * name. */
const struct machine *einc_machine_default(struct str name);

/* The table as text, which einc_machine_read() takes. */
void einc_machine_print(struct text *t, const struct machine *m);

/* What is wrong with a text. */
struct machine_trouble {
    int line;      /* from 1; 0: the text as a whole */
    char text[120];
};

/* Reads a printed table. Empty lines and lines that begin with '#' are passed
 * over; anything else must be a known line with a number in its bounds, each
 * exactly once. Survives any bytes. Returns 1, or 0 with `why` filled and
 * `m` in any state. */
int einc_machine_read(struct machine *m, struct str text,
                      struct machine_trouble *why);
/* Whether a text begins as a table does, of whatever version. */
int einc_machine_is_table(struct str text);

/* The type that a compute type is reckoned as. */
enum machine_type einc_machine_type(enum einc_dtype compute);

/* The level that `bytes` worked on again and again stay in, or as good as: an
 * eighth more than there is room for is not felt. */
enum machine_level einc_machine_level(const struct machine *m, double bytes);

#endif

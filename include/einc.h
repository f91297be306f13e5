/* SPDX-License-Identifier: MIT
 *
 * einc.h - einsum expressions, compiled.
 *
 *     struct einc_layout in[2] = {
 *         EINC_LAYOUT(EINC_F32, 2, ((int64_t[]){3, 4})),
 *         EINC_LAYOUT(EINC_F32, 2, ((int64_t[]){4, 5})),
 *     };
 *     struct einc_plan *plan;
 *     if (einc_compile(NULL, "ij,jk->ik", 2, in, NULL, NULL, &plan, &err))
 *         puts(einc_err_text(err));
 *     einc_run(plan, (const void *[]){a, b}, c, NULL, NULL);
 *
 * Rules that hold for every function here
 * - Nothing prints, aborts, exits or throws. Functions that can fail return
 *   enum einc_status; the text, when the caller passes `err`, is in an object
 *   that the caller frees with einc_err_free().
 * - Sizes are int64_t and every product of them is checked.
 * - Strides are in elements, signed; 0 (broadcast) and overlapping input
 *   elements are legal. Tensors belong to the caller, always.
 * - Plans and contexts may be used by any number of threads at once, as long
 *   as nobody frees them meanwhile. A plan keeps its context alive.
 * - `ctx` may be NULL everywhere: one default context, made on first use.
 * - Structs that the caller fills start with their own size, so that option
 *   structs can grow: set it, always. Other fields left 0 mean the default;
 *   unknown flags and reserved fields that are not 0 are EINC_EINVAL.
 * - After fork() the child may use all contexts and plans of its parent, on
 *   the CPU.
 * - EINC_DUMP=plan,path (stages of einc_explain()) prints every plan that is
 *   compiled on stderr; EINC_VERBOSE=1 the notices of contexts without `log`.
 */
#ifndef EINC_H
#define EINC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define EINC_API __attribute__((visibility("default")))
#else
#define EINC_API
#endif

#define EINC_VERSION "0.1.0"
/* Grows when a program built against an older header would misbehave; it is
 * the number in the SONAME. */
#define EINC_ABI 0

enum einc_status {
    EINC_OK = 0,
    EINC_EPARSE,    /* the text is not an expression (E1xx, E2xx) */
    EINC_ESHAPE,    /* labels, ranks or sizes do not fit (E3xx, E4xx) */
    EINC_EDTYPE,    /* element types do not fit (E5xx) */
    EINC_EALIAS,    /* elements of `out` overlap each other */
    EINC_ENOMEM,    /* an allocation failed, or a memory limit was met */
    EINC_ELIMIT,    /* a stated limit of einc was met (E8xx) */
    EINC_ECOMPILER, /* a compiler was demanded and did not do */
    EINC_ECACHE,    /* a file that was demanded, of a cache or of
                     * einc_calibrate(), cannot be read or written */
    EINC_EDEVICE,   /* a device that was demanded and did not do */
    EINC_EUNSUP,    /* legal, but not built yet; the text says what */
    EINC_EINVAL,    /* the call itself is wrong: NULL, unknown enumerator ... */
    EINC_EINTERNAL  /* a fault of einc; please report it */
};

/* Element types. f16 (IEEE binary16) and bf16 are storage: they are computed
 * and summed in f32. c64 and c128 are pairs (re, im) of f32 and f64. bool is
 * one byte, 0 or 1; product is `and`, sum is `or`. Integers wrap. */
enum einc_dtype {
    EINC_DTYPE_NONE = 0,
    EINC_BOOL,
    EINC_I8, EINC_U8, EINC_I16, EINC_U16,
    EINC_I32, EINC_U32, EINC_I64, EINC_U64,
    EINC_F16, EINC_BF16, EINC_F32, EINC_F64,
    EINC_C64, EINC_C128
};

/* Shape, strides and type of one tensor. */
struct einc_layout {
    uint32_t size;         /* sizeof(struct einc_layout) */
    int32_t dtype;         /* enum einc_dtype; 0 in an output: inferred */
    int32_t ndim;          /* 0: a scalar */
    int32_t reserved;      /* 0 */
    const int64_t *shape;  /* [ndim], each >= 0 */
    const int64_t *stride; /* [ndim], elements; NULL: dense row-major */
};

#define EINC_LAYOUT(type, n, dims)                                          \
    { sizeof(struct einc_layout), (type), (n), 0, (dims), NULL }

struct einc_ctx;  /* caches, threads, allocator: make one, or pass NULL */
struct einc_plan; /* a compiled expression; what it computes is immutable */
struct einc_err;  /* why something failed */

/* Where the kernel of a step comes from. */
enum einc_tier {
    EINC_TIER_AUTO = 0, /* step by step, what is there at once: a kernel for
                         * this very shape, if one is on disk and the work is
                         * more than a moment's; else a built-in one; else any
                         * from disk. For what has none of these the compiler
                         * is run if the interpreter would take 20 ms or more,
                         * and for what a built-in one is far from the best of;
                         * else, and without a compiler, interp */
    EINC_TIER_INTERP,   /* no compiler, no file, nothing but memory */
    EINC_TIER_CC,       /* a C compiler, whose results are kept on disk */
    EINC_TIER_BUILTIN   /* kernels that were compiled with the library; interp
                         * for steps that none of them can do */
};

/* An allocator: realloc semantics in one function. `old` NULL allocates,
 * `bytes` 0 frees (and returns NULL). Alignment 16 at least. NULL: no memory.
 * Called from any thread, several at once, and by einc_err_free() even after
 * the context is gone. */
typedef void *(*einc_alloc_fn)(void *user, void *old, size_t old_bytes,
                               size_t bytes);
/* One line for a person, without newline: what was found or worked around.
 * Called from any thread, and may call nothing of einc. */
typedef void (*einc_log_fn)(void *user, const char *line);
/* Receives `n` bytes; 0 means go on, anything else stops the writer, which
 * then returns EINC_EINVAL. */
typedef int (*einc_write_fn)(void *user, const char *bytes, size_t n);

struct einc_config {
    uint32_t size;          /* sizeof(struct einc_config) */
    int32_t threads;        /* 0: EINC_THREADS, else the processors we may use;
                             * more than 1024 are 1024 */
    einc_alloc_fn alloc;    /* NULL: malloc and free */
    void *alloc_user;
    einc_log_fn log;        /* NULL: silent (or stderr if EINC_VERBOSE is set) */
    void *log_user;
    const char *cache_dir;  /* NULL: EINC_CACHE_DIR, else XDG_CACHE_HOME/einc,
                             * else ~/.cache/einc; "": no disk cache */
    const char *cc;         /* NULL: EINC_CC, CC, then cc gcc clang in PATH */
    int32_t tier;           /* enum einc_tier; AUTO: EINC_TIER, if set */
    int32_t background;     /* 1, or EINC_BACKGROUND=1: EINC_BACKGROUND (see
                             * enum einc_flags) in all plans */
};

/* Makes a context. `config` may be NULL. Never fails because a compiler, a
 * cache directory or a device is missing: those are found out on use. */
EINC_API enum einc_status
einc_ctx_create(const struct einc_config *config, struct einc_ctx **ctx,
                struct einc_err **err);
/* Gives back the caller's hold. The context lives until its last plan is
 * freed. NULL is fine. A compiler that runs in the background is ended with
 * the context, and when the process exits. */
EINC_API void einc_ctx_free(struct einc_ctx *ctx);
/* Waits until nothing is left to do in the background. */
EINC_API void einc_ctx_wait(struct einc_ctx *ctx);

enum einc_flags {
    EINC_STRICT_NUMPY = 1 << 0, /* an ellipsis left out of the output: error */
    EINC_STRICT_SIZES = 1 << 1, /* a size-1 dim never broadcasts a label */
    EINC_NAMED_LABELS = 1 << 2, /* read "batch i" as two labels, always */
    EINC_COMPACT_LABELS = 1 << 3, /* read "batch" as five labels, always */
    EINC_NO_CACHE = 1 << 4,     /* neither read nor write the disk cache */
    EINC_FUSE = 1 << 5,         /* fuse steps of three and more operands as if
                                 * the tier were CC, and plan statements as
                                 * functions of a file: for einc_emit() */
    EINC_BACKGROUND = 1 << 6    /* with tier AUTO: the call never runs the
                                 * compiler. A thread of the context does, for
                                 * steps of 2^17 flop or more that have a
                                 * better kernel than is there; the plan uses
                                 * it from the first run after it is done.
                                 * That changes no bit of integers; sums of
                                 * floats may be rounded in another order from
                                 * then on, within the same bound. A compiler
                                 * that fails is a line in the log, given from
                                 * that thread. 64 kernels may be waiting; what
                                 * is more, plans made later ask for again */
};

/* How a sum of floats is made, by any kernel; those of integers are exact. n
 * terms, u the unit roundoff of the type that is summed in: the error is at
 * most as many times u * sum(|terms|) as is said here. */
enum einc_sum {
    EINC_SUM_BLOCK = 0, /* partial sums of some hundred terms, then those:
                         * n at worst, but some hundred + n/some hundred in
                         * fact */
    EINC_SUM_DIRECT,    /* one term after the other, in as many lanes as there
                         * are: n. Contractions keep their blocks */
    EINC_SUM_KAHAN      /* compensated (Kahan 1965): 2 + O(n*u), whatever n.
                         * Nothing is contracted by tiles, so products of
                         * matrices take many times as long. For sum and mean;
                         * logsumexp, softmax and the sums that it weighs have
                         * blocks. Of a statement that adds to what is there
                         * (`+=`) the right side alone */
};

struct einc_options {
    uint32_t size;           /* sizeof(struct einc_options) */
    uint32_t flags;          /* enum einc_flags, or-ed */
    int32_t tier;            /* enum einc_tier; AUTO: the context's */
    int32_t reserved;        /* 0 */
    const char *path;        /* NULL: "auto"; a finder's name ("greedy", "dp"),
                              * or "random:SEED". How long is searched for a
                              * good order: "estimate" (a millisecond),
                              * "measure" (60), "patient" (5 seconds),
                              * "exhaustive" (a minute); "auto" and "search":
                              * as much as the plan is worth, one second at
                              * most. Behind any of them, with commas:
                              * "work=N", units of about 3 ns; "deadline=MS",
                              * after which what is best so far is taken;
                              * "objective=flops", "size", "writes:A"
                              * (multiplications and A for each element
                              * written), "time"; and ":SEED" before these.
                              * Unless a deadline ends the search, the order
                              * depends on these words and the sizes alone,
                              * not on the machine */
    const char *plan_text;   /* NULL, or a plan as einc_explain() prints it:
                              * its order, kinds and layouts are taken */
    uint64_t memory_limit_bytes; /* intermediates; 0: none */
    const char *symbolic;    /* NULL, or labels separated by commas, or "*":
                              * extents that emitted code takes as arguments.
                              * Their sizes in `in` only guide the plan. Of
                              * index statements: sizes by the names that
                              * einc_program_shapes() takes; the plan is for
                              * einc_emit() alone */
    const char *kernel;      /* NULL or "auto": the family with the least
                              * modelled time; else "gett", "stream" ..., as
                              * the dump "nest" names them, taken for every
                              * step that it can do */
    const char *params;      /* NULL, or "sh=2,ph=1": integers that index
                              * statements name in subscripts and bounds */
    int32_t sum;             /* enum einc_sum */
    int32_t acc;             /* the least type that floats are summed in: 0 or
                              * EINC_F32, or EINC_F64: products and sums (of
                              * statements: what is summed, multiplied up or
                              * exponentiated in a reduction) are made in f64,
                              * c128 of complex numbers, also of f16, bf16,
                              * f32 and c64, and rounded to the type of the
                              * result, which stays */
};

/* Compiles `expr` for `n_in` operands of the given layouts.
 *   out     NULL: dense row-major of the inferred shape and type. Else its
 *           shape must be the inferred one; its dtype (0: inferred) one that
 *           numpy's safe cast allows from the inferred one, and it takes part
 *           in the compute type: i8 summed into i32 is summed in i32, bool
 *           into i32 is counted; its strides may be anything that keeps
 *           elements apart.
 *   opts    NULL: all defaults.
 *   plan    receives the plan; free it with einc_plan_free().
 *   err     NULL, or receives the reason on failure.
 * Repeated calls with equal arguments are answered from the context's memory
 * of kernels; einc_einsum() also remembers the plans. */
EINC_API enum einc_status
einc_compile(struct einc_ctx *ctx, const char *expr, size_t n_in,
             const struct einc_layout in[], const struct einc_layout *out,
             const struct einc_options *opts, struct einc_plan **plan,
             struct einc_err **err);

/* Index statements, for a text with "[" in it (see docs/language.md): operands
 * are numbered in the order in which their names first appear on a right side,
 * outputs in that in which they are assigned; einc_names() tells. A program
 * with one output may go through einc_compile() and einc_run() as well; `out`
 * there and here is needed, entry by entry, where a left side does not say its
 * shape (`Y[2*t+r] += ...`). An output that is read, by `+=` or on a right
 * side, is read from what einc_run_outs() is given. */
EINC_API enum einc_status
einc_compile_outs(struct einc_ctx *ctx, const char *expr, size_t n_in,
                  const struct einc_layout in[], size_t n_out,
                  const struct einc_layout *const out[],
                  const struct einc_options *opts, struct einc_plan **plan,
                  struct einc_err **err);

/* A name of a program. */
struct einc_name {
    uint32_t size;    /* sizeof(struct einc_name) */
    int32_t output;   /* 0: an operand */
    int32_t number;   /* of the operand, or of the output */
    int32_t ndim;     /* 0: a scalar */
    int32_t read;     /* an output whose former elements are read */
    int32_t given;    /* an output whose shape the caller must give */
    int32_t dtype;    /* enum einc_dtype that a header declares; 0: none */
    const char *name; /* valid during the call */
};
/* 0 means go on, anything else stops with EINC_EINVAL. */
typedef int (*einc_name_fn)(void *user, const struct einc_name *name);
/* The operands of a program, in order, then its outputs. Names that `params`
 * gives a value are none. */
EINC_API enum einc_status
einc_names(const char *expr, const char *params, einc_name_fn each, void *user,
           struct einc_err **err);

/* The same with integer labels: operand o has labels ids[o][0..n_ids[o]).
 * Labels are any integers >= 0; EINC_ELLIPSIS stands for "...".
 * out_ids NULL: implicit output, labels seen once, in numeric order; for a
 * scalar n_out_ids is 0 and out_ids anything but NULL. */
#define EINC_ELLIPSIS (-2147483647 - 1)
EINC_API enum einc_status
einc_compile_ids(struct einc_ctx *ctx, size_t n_in,
                 const int32_t *const ids[], const size_t n_ids[],
                 const int32_t *out_ids, size_t n_out_ids,
                 const struct einc_layout in[], const struct einc_layout *out,
                 const struct einc_options *opts, struct einc_plan **plan,
                 struct einc_err **err);

EINC_API void einc_plan_free(struct einc_plan *plan);

/* Where the tensors of a run are and who computes. */
enum einc_place {
    EINC_PLACE_HOST = 0,        /* host memory, the CPU */
    EINC_PLACE_CUDA = 1,        /* memory of the GPU; `stream` is the caller's,
                                 * and einc_run() returns before it is done */
    EINC_PLACE_CUDA_COPIES = 2  /* host memory: copied to the GPU, computed
                                 * there, and copied back */
};

struct einc_run_options {
    uint32_t size;      /* sizeof(struct einc_run_options) */
    int32_t threads;    /* 0: the context's; 1: the calling thread only */
    const void *alpha;  /* NULL: 1; else one value of einc_plan_compute() */
    const void *beta;   /* NULL: 0, and `out` is not read; else likewise */
    void *work;         /* NULL: allocated by the call; else at least
                         * einc_plan_workspace() bytes, so aligned */
    size_t work_bytes;
    void *stream;       /* CUstream or cudaStream_t of PLACE_CUDA; NULL: the
                         * legacy stream. Else ignored */
    int32_t place;      /* enum einc_place */
    int32_t reserved;   /* 0 */
};

/* out = alpha * expression + beta * out. `in` holds one pointer per operand,
 * to its element of index (0, 0, ...), also where strides are negative.
 * An input whose range of addresses overlaps that of `out` is copied first,
 * its elements only, so the result is as if all inputs had been read before
 * `out` was written. Results are bitwise the same
 * at every thread count. On EINC_ENOMEM nothing was written. */
EINC_API enum einc_status
einc_run(const struct einc_plan *plan, const void *const in[], void *out,
         const struct einc_run_options *opts, struct einc_err **err);

/* Compiles and loads now what the first run at that place would: after it
 * einc_run() launches kernels and does nothing else, so that a stream may be
 * capturing. NVRTC and the CUDA driver are looked for on first use: EINC_NVRTC
 * and EINC_CUDA name their files. EINC_EDEVICE: there is no GPU, no driver, no
 * NVRTC, or a call of theirs failed; EINC_ENOMEM: memory of the host or of the
 * GPU; the text says which. EINC_EUNSUP: a statement that only the CPU runs.
 * With PLACE_CUDA an input may not overlap `out` (EINC_EALIAS); where data
 * lead out of a tensor the nearest element is taken, and as nothing is waited
 * for nobody is told: PLACE_CUDA_COPIES says EINC_ESHAPE as the host does.
 * With PLACE_CUDA_COPIES tensors are copied from their first byte to their
 * last, what lies between their elements too: it must be memory, and that of
 * `out` is written back as it was before. Kernels go with the context: what
 * was launched must be done before it is freed. */
EINC_API enum einc_status
einc_plan_prepare(const struct einc_plan *plan, int32_t place,
                  struct einc_err **err);

/* The same for a program of several outputs. alpha and beta do not exist: a
 * statement says what it adds to. EINC_ESHAPE where data lead out of a tensor
 * (an index that is loaded, a bound): the text says which; outputs are then
 * undefined. Outputs share no elements with each other. */
EINC_API enum einc_status
einc_run_outs(const struct einc_plan *plan, const void *const in[],
              void *const out[], const struct einc_run_options *opts,
              struct einc_err **err);

/* One call: compile (remembered in the context by expression and layouts) and
 * run. `out` may not be NULL. */
EINC_API enum einc_status
einc_einsum(struct einc_ctx *ctx, const char *expr, size_t n_in,
            const struct einc_layout in[], const void *const in_data[],
            const struct einc_layout *out, void *out_data,
            struct einc_err **err);

/* --- asking a plan ------------------------------------------------------ */

/* Layout of the output; shape and stride belong to the plan. */
EINC_API enum einc_status
einc_plan_layout(const struct einc_plan *plan, struct einc_layout *out);
/* Outputs, and the layout of each; an einsum has one. */
EINC_API size_t einc_plan_outs(const struct einc_plan *plan);
EINC_API enum einc_status
einc_plan_layout_of(const struct einc_plan *plan, size_t number,
                    struct einc_layout *out);
/* Type that products and sums are computed in: bool i32 i64 f32 f64 c64 c128.
 * i32 and i64 stand for the unsigned types of that width too. */
EINC_API enum einc_dtype einc_plan_compute(const struct einc_plan *plan);
/* Bytes and alignment of the workspace that einc_run() uses with the
 * context's number of threads; the peak_bytes of einc_explain(). May be 0. A
 * run that gets it allocates nothing, but to copy inputs that overlap `out`;
 * one that does not allocates at most that, and what it takes to align it. */
EINC_API enum einc_status
einc_plan_workspace(const struct einc_plan *plan, size_t *bytes,
                    size_t *align);
/* The same at a place: with CUDA intermediates only, in memory of the GPU.
 * Kernels of statements that keep lists allocate them in the stream. */
EINC_API enum einc_status
einc_plan_workspace_at(const struct einc_plan *plan, int32_t place,
                       size_t *bytes, size_t *align);
/* D of the bound |got - exact| <= D*u/(1 - D*u) * einsum(|in0|, |in1|, ...),
 * u the unit roundoff of the compute type (Higham, Accuracy and Stability,
 * section 3.1), to which the rounding of a narrower output adds its own. 0 of
 * a program, whose bound einc_reference_outs() computes element by element. */
EINC_API double einc_plan_error_terms(const struct einc_plan *plan);
/* Waits until no kernel of this plan is left to come from the background. */
EINC_API void einc_plan_wait(const struct einc_plan *plan);
/* 64 bits that are equal only for plans that do the same, and do not depend on
 * label names, operand order and spelling; except that networks of more than
 * 16 operands that look all alike may have several. */
EINC_API uint64_t einc_plan_hash(const struct einc_plan *plan);
/* The tier that answers: EINC_TIER_CC if a step is run by a compiled kernel,
 * else EINC_TIER_BUILTIN if one is by a built-in one, else EINC_TIER_INTERP. */
EINC_API enum einc_tier einc_plan_tier(const struct einc_plan *plan);

enum einc_format { EINC_TEXT = 0, EINC_JSON, EINC_DOT };

/* Writes one stage of a plan. `stage` is one of
 *   "expr"   the text as parsed              "stmt"  as an index statement
 *   "graph"  indices, operands, strides      "canon" the canonical graph
 *   "path"   the order of contraction        "plan"  steps, roles, buffers
 *   "nest"   loops and tiles of each step    "source" the generated C
 *   "cuda"   the generated CUDA
 * NULL: "plan". JSON and DOT exist for "plan" only. Index statements have no
 * "graph", "canon" and "cuda"; their "path" is the statements that are run,
 * their "plan" says what runs them. */
EINC_API enum einc_status
einc_explain(const struct einc_plan *plan, const char *stage,
             enum einc_format format, einc_write_fn write, void *user,
             struct einc_err **err);

/* --- sizes by name ------------------------------------------------------ */

/* Receives the shape of one operand, from operand 0 on; `shape` is valid
 * during the call. 0 means go on, anything else stops with EINC_EINVAL. */
typedef int (*einc_shape_fn)(void *user, size_t operand, int32_t ndim,
                             const int64_t *shape);

/* Turns sizes of labels into shapes of operands.
 *   sizes     "i=64,j=128", labels as the expression writes them; NULL: none.
 *             A label without a size gets a nominal one, fit for planning.
 *   flags     EINC_NAMED_LABELS or EINC_COMPACT_LABELS, or 0.
 *   symbolic  NULL, or receives the labels without a size, separated by
 *             commas, for einc_options.symbolic; EINC_EINVAL when they need
 *             more than `symbolic_bytes`.
 * "..." gets no dims here: operands that need some take a layout. */
EINC_API enum einc_status
einc_shapes(const char *expr, const char *sizes, uint32_t flags,
            einc_shape_fn each, void *user, char *symbolic,
            size_t symbolic_bytes, struct einc_err **err);

/* The same for the operands of a program of index statements: sizes are those
 * of indices that stand alone in a subscript, and of the names in a header,
 * whose numbers count as they are. E607: an operand's dim has none, so that
 * its shape must be given in another way. Behind the operands come those
 * outputs whose shape the caller must give and which the sizes tell: number i
 * as number `operands + i`. `unsized`: NULL, or receives the names that a
 * nominal size stands for, with commas, for einc_options.symbolic. */
EINC_API enum einc_status
einc_program_shapes(const char *expr, const char *params, const char *sizes,
                    einc_shape_fn each, void *user, char *unsized,
                    size_t unsized_bytes, struct einc_err **err);

/* --- orders alone ------------------------------------------------------- */

/* A network of tensors: labels by number, as in einc_compile_ids(), but all of
 * them below n_extents and no EINC_ELLIPSIS. A label of the output that no
 * operand holds is a broadcast, and costs nothing here. */
struct einc_network {
    uint32_t size;             /* sizeof(struct einc_network) */
    int32_t elem_bytes;        /* of an intermediate's element; 0: 8 */
    size_t n_in;               /* 1 at least */
    const int32_t *const *ids; /* [n_in] labels of each operand */
    const size_t *n_ids;       /* [n_in] */
    const int32_t *out_ids;    /* [n_out_ids] */
    size_t n_out_ids;
    const int64_t *extent;     /* [n_extents] of each label, >= 1; it may make
                                * tensors that no memory holds */
    size_t n_extents;
    uint64_t max_elements;     /* 0: no limit; else intermediates, the result
                                * aside, have no more: labels are sliced, and
                                * the steps done once for each of their values,
                                * as long as it takes. How to do that for least
                                * is looked for after the order, for a second
                                * or the work that `how` names; a deadline does
                                * not end it */
};

struct einc_path; /* an order of contraction */

struct einc_path_info {
    uint32_t size;        /* sizeof(struct einc_path_info) */
    int32_t n_steps;      /* n_in - 1 */
    const char *finder;   /* lives as long as the path */
    /* Each step multiplies at all points of the indices of both operands;
     * sums within one operand count nothing. */
    double log10_multiplications;
    double log2_largest;  /* elements of the largest intermediate */
    double log2_written;  /* of all intermediates and the result */
    double log2_peak;     /* of intermediates that live at once, at most */
    /* With slices: multiplications are those of all of them, elements those
     * of one. */
    int32_t n_sliced;     /* labels; see einc_path_sliced() */
    int32_t reserved;     /* 0 */
    double log2_slices;   /* how often the steps are done */
    double log10_whole;   /* multiplications of the order that was found before
                           * anything was sliced */
};

/* Looks for the order in which a network is best contracted, as einc_compile()
 * does for its steps, and nothing else: hundreds of thousands of operands are
 * fine. `how` is einc_options.path, NULL: "auto"; "whole" is no order. The
 * path belongs to the caller: einc_path_free(). EINC_EINVAL: the network is
 * none, or `how` names no finder; EINC_ELIMIT: not for so many operands, or no
 * slicing keeps to max_elements, or the network is too large for it. */
EINC_API enum einc_status
einc_path_create(struct einc_ctx *ctx, const struct einc_network *network,
                 const char *how, struct einc_path **path,
                 struct einc_err **err);
EINC_API void einc_path_free(struct einc_path *path);
/* `info->size` is set by the caller. */
EINC_API enum einc_status einc_path_info(const struct einc_path *path,
                                         struct einc_path_info *info);
/* Two numbers per step: operand o is o, what step s makes is n_in + s. A value
 * is used once. They belong to the path; NULL for no path. */
EINC_API const int32_t *einc_path_steps(const struct einc_path *path);
/* Labels that are sliced, ascending; einc_path_info.n_sliced of them. They
 * belong to the path. */
EINC_API const int32_t *einc_path_sliced(const struct einc_path *path);
/* The steps as places in the list of what is left, which is opt_einsum's way:
 * those two are taken out, the result goes to the end. `places` receives
 * 2*(n_in - 1) numbers. n log n. */
EINC_API enum einc_status einc_path_linear(const struct einc_path *path,
                                           int32_t *places);

/* --- writing source ----------------------------------------------------- */

enum einc_part { EINC_SOURCE = 0, EINC_HEADER, EINC_MAIN };

struct einc_emit_options {
    uint32_t size;          /* sizeof(struct einc_emit_options) */
    int32_t part;           /* enum einc_part; MAIN: the source and a main()
                             * that checks and times it */
    const char *target;     /* NULL: "c"; or "cuda", or "cuda:sm_90a", which
                             * the file names to nvcc. With an architecture,
                             * a header or a main(), and of statements, CUDA
                             * has a function that launches the kernels, for
                             * sizes that are known; else it is kernels */
    const char *name;       /* C identifier of the function; NULL: that of the
                             * program's header, else "einsum" */
    const char *header;     /* name to #include, or NULL: declare in place */
    const char *again;      /* command line for the opening comment, or NULL */
};

/* Writes C or CUDA that needs nothing of einc. The same plan, options and
 * version give the same bytes. With extents as arguments (see `symbolic`) all
 * tensors are dense row-major; else the plan's extents and strides are
 * literals. The function of index statements is
 * int NAME(out0, ..., in0, ..., n_i, ..., work), with the sizes that are
 * arguments in the order in which the operands name them. It returns 0; 1: no
 * memory; 2: data lead out of a tensor, and outputs are undefined; 3: it is
 * not made for such sizes, and nothing was read. A MAIN of these takes dense
 * tensors. EINC_ESHAPE: a size decides what is written and must be given
 * (E411, E412). */
EINC_API enum einc_status
einc_emit(const struct einc_plan *plan, const struct einc_emit_options *opts,
          einc_write_fn write, void *user, struct einc_err **err);

/* --- errors ------------------------------------------------------------- */

/* One place that a diagnostic points at. */
struct einc_mark {
    int32_t begin, end; /* bytes of the expression, end excluded */
    int32_t operand;    /* from 0, or -1 */
    int32_t dim;        /* from 0, or -1 */
    const char *note;   /* what is the matter there; may be "" */
};

struct einc_diag {
    const char *code;    /* "E401"; stable */
    const char *message; /* one line, names the thing as the user wrote it */
    const char *hint;    /* one edit that would make it legal, or NULL */
    const struct einc_mark *marks;
    int32_t n_marks;
    int32_t status;      /* enum einc_status */
};

/* The whole report, as the command line shows it, newline at its end.
 * Never NULL; lives as long as `err`. */
EINC_API const char *einc_err_text(const struct einc_err *err);
EINC_API enum einc_status einc_err_status(const struct einc_err *err);
/* The diagnostics in it: 0 to 5. */
EINC_API int einc_err_count(const struct einc_err *err);
EINC_API const struct einc_diag *einc_err_diag(const struct einc_err *err,
                                               int i);
EINC_API void einc_err_free(struct einc_err *err);
/* "EINC_ESHAPE" and the like. */
EINC_API const char *einc_status_name(enum einc_status status);

/* --- the rest ----------------------------------------------------------- */

/* "0.1.0", of the library that is linked. */
EINC_API const char *einc_version(void);
EINC_API int einc_abi(void);
/* "f32"; NULL for what is no type. And back; 0 for what is no name. */
EINC_API const char *einc_dtype_name(enum einc_dtype dtype);
EINC_API enum einc_dtype einc_dtype_parse(const char *name);
/* Bytes of one element; 0 for what is no type. */
EINC_API size_t einc_dtype_bytes(enum einc_dtype dtype);

/* The oracle: naive nested loops over the expression as written, with wide
 * accumulators, no planning, one thread. For tests and `einc run --check`.
 * `out` gets the plan's output (alpha 1, beta 0) and `bound`, unless NULL,
 * a dense row-major array of doubles (pairs for complex: the same bound
 * twice) with the largest error that einc_run() may make per element.
 * EINC_ELIMIT: all indices together have more than 2^44 points. */
EINC_API enum einc_status
einc_reference(const struct einc_plan *plan, const void *const in[],
               void *out, double *bound, struct einc_err **err);

/* The same for programs; bound[i] may be NULL. For a program the bound is a
 * running error analysis to first order, INFINITY where rounding decides (an
 * argmax of nearly equal values). */
EINC_API enum einc_status
einc_reference_outs(const struct einc_plan *plan, const void *const in[],
                    void *const out[], double *const bound[],
                    struct einc_err **err);

/* What was found on this machine, a line per fact: compiler, cache,
 * instruction set, threads, CUDA. For people and bug reports. */
EINC_API enum einc_status
einc_doctor(struct einc_ctx *ctx, einc_write_fn write, void *user);

/* A step of a plan as einc_bench() found it; texts are valid during the call
 * that hands it over. */
struct einc_bench_row {
    uint32_t size;        /* sizeof(struct einc_bench_row) */
    int32_t step;         /* from 1; 0: the whole plan */
    int32_t tier;         /* enum einc_tier that answered */
    int32_t threads;      /* at most */
    int32_t rounds;       /* that were measured */
    int32_t reserved;     /* 0 */
    const char *kind;     /* "contract" "reduce" "copy" "loops"; "plan" */
    const char *kernel;   /* "gett" ..., "" for the interpreter and plans */
    const char *equation; /* "t1[i,k] = in0[i,j] * in1[j,k]", of a program
                           * the statement; or the expression */
    const char *machine;  /* whose times were modelled */
    double flop, bytes;   /* as the plan counts them */
    double model_seconds;
    double seconds;       /* median of the rounds */
    double low, high;     /* their quartiles */
};
/* 0 means go on, anything else stops with EINC_EINVAL. */
typedef int (*einc_bench_fn)(void *user, const struct einc_bench_row *row);

/* Runs a plan again and again, warm, and hands over what its steps took,
 * beside the modelled time: steps in order, then the whole plan.
 *   opts    as of einc_run(), each time; with a beta not 0 `out` grows. On a
 *           GPU nothing is timed as yet (EINC_EUNSUP).
 *   rounds  1 to 1000; 0: as many as half a second allows, 5 at least. Short
 *           plans run more than once in a round.
 * Steps are timed in runs of their own, the whole plan without clocks in it. */
EINC_API enum einc_status
einc_bench(const struct einc_plan *plan, const void *const in[], void *out,
           const struct einc_run_options *opts, int32_t rounds,
           einc_bench_fn each, void *user, struct einc_err **err);

/* The same for a program of several outputs; its steps are the stages of its
 * plan. A modelled time of loops is a floor: their arithmetic at peak, or their
 * bytes. An output that is read by its program changes with each run. */
EINC_API enum einc_status
einc_bench_outs(const struct einc_plan *plan, const void *const in[],
                void *const out[], const struct einc_run_options *opts,
                int32_t rounds, einc_bench_fn each, void *user,
                struct einc_err **err);

/* Measures this machine with all threads of the context, which takes a few
 * seconds, 10 at most: the table that modelled times come from. What kernels
 * reach is measured with those that the context has, or compiles; without
 * any, shipped figures stand. The table's text goes to `write`, unless NULL,
 * and to a file, which contexts made later read.
 *   file  NULL: EINC_MACHINE, else XDG_CONFIG_HOME/einc/machine, else
 *         ~/.config/einc/machine; "": no file. A file is replaced as a
 *         whole, and only if it is such a table (else EINC_ECACHE).
 * EINC_MACHINE=default stands for the shipped table of this instruction set,
 * default:avx2 for that of another. */
EINC_API enum einc_status
einc_calibrate(struct einc_ctx *ctx, const char *file, einc_write_fn write,
               void *user, struct einc_err **err);

#ifdef __cplusplus
}
#endif
#endif

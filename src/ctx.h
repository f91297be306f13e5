/* SPDX-License-Identifier: MIT
 *
 * ctx.h - the opaque objects of einc.h, and what the files that implement it
 * share: context, plan, error.
 */
#ifndef EINC_CTX_H
#define EINC_CTX_H

#include <pthread.h>

#include "base/diag.h"
#include "builtin/builtin.h"
#include "codegen/emit.h"
#include "codegen/mapreduce.h"
#include "parse/resolve.h"
#include "plan/machine.h"
#include "plan/plan.h"
#include "plan/script.h"
#include "runtime/cache.h"
#include "runtime/cc.h"
#include "runtime/pool.h"

/* A loaded kernel; lives as long as its context. */
struct kernel {
    struct kernel *next;   /* same bucket */
    uint64_t hash;         /* of the key */
    char *key;             /* einc_nest_key(); own copy, not 0-terminated */
    size_t key_bytes;
    void *handle;          /* dlopen's */
    einc_kernel_fn entry;
};

/* A plan that einc_einsum() remembers. */
struct memo {
    uint64_t hash;
    char *key;             /* expression and layouts as bytes */
    size_t key_bytes;
    struct einc_plan *plan;
};

enum { KERNEL_BUCKETS = 256, MEMO_SLOTS = 256, ABSENT_SLOTS = 256 };

/* Kernels that the background has yet to make, and hashes of those that it
 * could not. */
enum { BACKGROUND_ORDERS = 64, BACKGROUND_FAILED = 64 };

/* A thread that makes kernels beside the calls, background.c; under ctx->lock
 * but for `stop`. */
struct background {
    struct order *first;   /* the thread is at it if `busy` */
    struct order *dropped; /* to be freed */
    int n_orders;          /* from `first` on */
    int busy;
    int started;           /* there is a thread, of this process */
    int stop;              /* atomic: it ends, and so does its compiler */
    char **environment;    /* for its compilers, as it was at the first order */
    size_t environment_bytes;
    pthread_t thread;
    pthread_cond_t wake;   /* for the thread: an order, or the end */
    pthread_cond_t done;   /* an order less */
    uint64_t failed[BACKGROUND_FAILED];
};

enum { MOST_THREADS = 1024 }; /* as runtime/pool.c starts at most */

struct einc_ctx {
    int holds;             /* atomic: the caller's and one per plan */
    struct einc_ctx *next, *before; /* all contexts, for fork() */
    struct mem mem;
    einc_log_fn log;
    void *log_user;
    enum einc_tier tier;
    int wants_background;  /* in all plans */
    char *cache_dir, *cc_name; /* copies of the config's, or NULL */
    char *dump;            /* EINC_DUMP: stages to print, or NULL */
    struct pool *pool;     /* NULL: one thread */
    int threads;
    const struct target *target;
    const struct builtin_set *builtin; /* of that target */
    struct machine machine; /* what the model of costs computes with */
    char machine_file[1024]; /* that it was read from; "": shipped */

    pthread_mutex_t lock;  /* guards all below */
    pthread_mutex_t compile_lock; /* one compiler run at a time; taken before
                                   * `lock`, never while holding it */
    int looked;            /* cache and compiler were looked for */
    struct cache *cache;   /* NULL: off */
    struct trouble cache_why;
    struct cc *cc;         /* NULL: none; then cc_why tells */
    struct trouble cc_why;
    int told_no_cc;        /* the notice was given */
    struct kernel *kernels[KERNEL_BUCKETS];
    uint64_t absent[ABSENT_SLOTS]; /* hashes of keys that the disk cache did
                                    * not have: not looked for again, unless
                                    * a compiler may be run */
    struct memo memos[MEMO_SLOTS];
    struct trouble last_failure; /* of the compiler, for einc_doctor() */
    struct background background;
    struct device *device; /* NULL: not looked for yet; device.h */
};

/* A way to run one step; what it points to is in the plan's block. */
struct call {
    einc_kernel_fn entry;  /* not NULL in a plan that is handed out */
    enum einc_tier tier;   /* BUILTIN or CC */
    const int64_t *n[2];   /* extents, in the plan's block, with the size of a
                            * task for one thread, and for all */
    const int64_t *s;      /* strides */
    int64_t n_tasks[2];
    int64_t scratch_bytes; /* per thread */
};

/* A step that may wait for a kernel from the background; in the plan's
 * block. */
struct taker {
    struct taker *next;    /* of the same order */
    struct einc_plan *plan;
    int step;              /* or stage, of a program */
    struct call *call;     /* complete but for entry and tier */
};

/* Bytes that an access may touch, from the address of element (0, ...). */
struct extent_bytes {
    int64_t lo, hi;        /* half open */
};

/* How a stage of a program is run. */
struct stage_run {
    struct einc_plan *plan; /* CONTRACT: of its einsum; ours */
    /* loops: */
    const struct mapreduce *nest;
    const struct unit *unit; /* its text; NULL: not wanted */
    struct call *made;      /* with unit: complete but for entry and tier; in
                             * einc_plan.calls once it has them */
    struct taker *taker;    /* NULL: not in the background */
    int64_t eval_bytes;     /* per thread, if it is evaluated */
    double flop, bytes;     /* modelled */
    /* all stages: */
    int64_t scratch_bytes;  /* of all threads, behind the temporaries; of an
                             * einsum its workspace and copies with borders */
};

struct einc_plan {
    int holds;             /* atomic: the caller's, and a memo's */
    struct einc_ctx *ctx;
    void *block;           /* the arena of all products below */
    size_t block_bytes;
    const struct expr *expr;
    const struct plan *plan; /* NULL: a program of index statements; then: */
    const struct tree_program *tree;
    const struct names *names;
    const struct script **others; /* of a program: [program.open.n], one with
                            * each size's second number, see parse/open.h */
    const struct script *script;
    struct stage_run *stages; /* [script.n_stages] */
    uint64_t hash;
    enum nest_family family; /* asked for, or FAMILY_ANY */
    struct call **calls;   /* [n_steps], of a program [n_stages], each read
                            * and changed as a whole by einc_plan_call(); NULL:
                            * interpreted */
    struct extent_bytes *touched; /* inputs in order, then the output; of a
                            * program: its tensors */
    int64_t scratch_bytes; /* per thread, of the hungriest call */
    size_t workspace_bytes; /* intermediates, and scratch of all threads */
    int64_t work_at;       /* where the scratch begins in it */
    int quick;             /* einc_run_is_quick() */
    int background;        /* EINC_BACKGROUND, and the tier is AUTO */
    int n_awaited;         /* its takers in orders; under ctx->lock */
    uint32_t flags;        /* as in einc_options */
    struct device_plan *on_device; /* set once, atomically; NULL: not
                            * prepared; device_run.c */
    struct device_program *program_on_device; /* likewise, of a program;
                            * device_program.c */
    int device_team;       /* enum team_choice; tests set it */
};

struct einc_err {
    struct mem mem;
    void *blocks[2];       /* what it is made of; NULL: static */
    size_t block_bytes[2];
    enum einc_status status;
    const char *text;
    struct einc_diag diags[MAX_DIAGS];
    int n_diags;
};

/* ctx.c */
struct einc_ctx *einc_ctx_default(void); /* NULL: no memory; holds one more */
void einc_ctx_hold(struct einc_ctx *ctx);
void einc_ctx_log(struct einc_ctx *ctx, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Looks for cache and compiler, once; EINC_ENOMEM: not yet. Takes ctx->lock
 * itself. */
enum einc_status einc_ctx_look(struct einc_ctx *ctx);

/* calibrate.c: fills ctx->machine, from the user's table or from those that
 * are shipped. Tells the log what is wrong with the former; never fails. */
void einc_ctx_read_machine(struct einc_ctx *ctx);

/* device_run.c: einc_run() at a place that is not the host; the call has been
 * checked. What a plan has on the device. */
enum einc_status einc_device_run(const struct einc_plan *plan,
                                 const void *const in[], void *out,
                                 const struct einc_run_options *o,
                                 struct einc_err **err);
void einc_device_forget(struct einc_plan *plan);
/* device_program.c: the same of programs; what einc_plan_workspace_at() says
 * of them. */
enum einc_status einc_device_run_program(const struct einc_plan *x,
                                         const void *const in[],
                                         void *const out[],
                                         const struct einc_run_options *o,
                                         struct einc_err **err);
int64_t einc_device_program_bytes(const struct einc_plan *x);
void einc_device_program_forget(struct einc_plan *x);

/* run.c: whether in[o] and out share bytes. */
int einc_run_overlaps(const struct einc_plan *x, int o, const void *in,
                      const void *out);
/* Flop, or bytes: waking a thread costs some microseconds. */
enum { WORTH_A_THREAD = 1 << 17 };

/* Whether einc_run() may take its short way; workspace is known. */
enum { QUICK_OPERANDS = 8 };
int einc_run_is_quick(const struct einc_plan *plan);
/* einc_run() that adds the seconds of each step to seconds[n_steps]. */
enum einc_status einc_run_timed(const struct einc_plan *plan,
                                const void *const in[], void *out,
                                const struct einc_run_options *opts,
                                double *seconds, struct einc_err **err);

/* How step s, or the loops of stage s, are run at this moment. */
static inline const struct call *
einc_plan_call(const struct einc_plan *x, int s)
{
    return __atomic_load_n(&x->calls[s], __ATOMIC_ACQUIRE);
}

/* api.c: runs f with two fresh arenas, growing them until it succeeds; the
 * only setjmp. On EINC_OK the blocks are kept in `g`, on failure err is set
 * and they are gone. */
struct guarded {
    struct einc_ctx *ctx;
    struct str source;      /* that diagnostics point into */
    size_t hint_bytes;      /* what the input suggests */
    struct cx cx;
    struct arena perm, scratch;
    void *blocks[2];
    size_t bytes[2];
};
typedef void (*guarded_fn)(struct guarded *g, void *arg);
enum einc_status einc_guard(struct guarded *g, guarded_fn f, void *arg,
                            struct einc_err **err);
void einc_guard_free(struct guarded *g, int which);

/* program.c: plans of index statements. `tensor`s are numbered as there. */
struct program_request {
    struct str text;       /* in perm */
    int n_in;
    const struct einc_layout *in;
    const struct einc_layout *const *out; /* [n_out]; an entry NULL: inferred */
    int n_out;             /* -1: not said */
    const char *params;    /* as in einc_options */
    const char *symbolic;  /* likewise */
    struct summing summing;
    uint32_t flags;        /* likewise */
    uint64_t memory_limit_bytes; /* likewise */
};
int einc_program_is(struct str text);
const struct param *einc_program_params(struct arena *perm, const char *text,
                                        int *n);
/* In the boundary: all of x but what runtime fills. */
void einc_program_stages(struct guarded *g, const struct program_request *r,
                         enum einc_tier tier, struct einc_plan *x);
/* Behind it: plans and kernels of the stages, workspace. */
enum einc_status einc_program_choose(struct einc_plan *x,
                                     const struct einc_options *opts,
                                     enum einc_tier tier,
                                     struct einc_err **err);
void einc_program_free(struct einc_plan *x); /* what choose made */
enum einc_tier einc_program_tier(const struct einc_plan *x);
/* NULL: no output has that number. */
const struct tensor *einc_program_out(const struct einc_plan *x,
                                      size_t number);
enum einc_status einc_program_run(const struct einc_plan *x,
                                  const void *const in[], void *const out[],
                                  const struct einc_run_options *o,
                                  double *seconds, struct einc_err **err);
/* For runs elsewhere: whether the call is legal; whether operand, a number in
 * program.tensors, shares bytes with an output; what einc_args.stray says. */
enum einc_status einc_program_check(const struct einc_plan *x,
                                    const void *const in[],
                                    void *const out[],
                                    const struct einc_run_options *o,
                                    struct einc_err **err);
int einc_program_overlaps(const struct einc_plan *x, int operand,
                          const void *in, void *const out[]);
enum einc_status einc_program_report(const struct einc_plan *x,
                                     const int64_t stray[2],
                                     struct einc_err **err);
/* A value of each type that plans compute in. */
union scalar {
    int32_t i32;
    int64_t i64;
    float f32[2];
    double f64[2];
};
const void *einc_program_scalar(union scalar *v, enum einc_dtype compute,
                                double value);
enum einc_status einc_program_reference(const struct einc_plan *x,
                                        const void *const in[],
                                        void *const out[],
                                        double *const bound[],
                                        struct einc_err **err);

/* explain.c: what is printed beside a plan. The one place that says what a run
 * takes: einc_plan_workspace() is its peak_bytes. */
struct plan_model einc_explain_model(const struct einc_plan *x);

/* explain_program.c: dumps of a plan of statements; `scratch` is another
 * block than that of `t`. Of its einsums they print what einc_explain() does,
 * by the two below. */
void einc_program_print_plan(struct text *t, struct arena *scratch,
                             const struct einc_plan *x);
void einc_program_print_json(struct text *t, struct arena *scratch,
                             const struct einc_plan *x);
void einc_program_print_dot(struct text *t, struct arena *scratch,
                            const struct einc_plan *x);
void einc_program_print_nest(struct text *t, struct arena *scratch,
                             const struct einc_plan *x);
void einc_program_print_source(struct text *t, struct arena *scratch,
                               const struct einc_plan *x);
/* Seconds of a stage, or of all (-1), as the model has it, on at most
 * `threads` threads; flop and bytes that are read and written. */
double einc_program_model(const struct einc_plan *x, int stage, int threads);
double einc_program_flop(const struct einc_plan *x, int stage);
double einc_program_bytes(const struct einc_plan *x, int stage);

/* explain.c: stages "nest" and "source" of an einsum. */
void einc_explain_nest(struct text *t, struct arena *scratch,
                       const struct einc_plan *x);
void einc_explain_source(struct text *t, struct arena *scratch,
                         const struct einc_plan *x);

/* kernels.c */
struct wanted {
    const struct nest *nest;
    const struct unit *unit; /* NULL, or the text instead of a nest's */
    const char *key;       /* einc_nest_key() of it; of a unit: its source */
};
enum kernel_from { FROM_BUILTIN = 1, FROM_DISK = 2, FROM_CC = 4 };
/* A kernel of the first of these that has it; what was loaded once is also
 * found in memory, but for a built-in alone, and what the disk did not have
 * once is not looked for again. The source, which takes 100 us, is printed
 * only for disk and compiler. Without FROM_DISK
 * nothing is written there, either. EINC_ECACHE: nobody has it; else what is
 * wrong with the compiler. */
enum einc_status einc_kernels_get(struct einc_ctx *ctx, const struct wanted *w,
                                  unsigned from, einc_kernel_fn *entry,
                                  struct trouble *why);
void einc_kernels_free(struct einc_ctx *ctx);
/* The text of a kernel, in block 0 of `text`. */
enum einc_status einc_kernels_print(struct einc_ctx *ctx,
                                    const struct wanted *w, struct unit *unit,
                                    struct guarded *text);
/* einc_kernels_get() from such a text, with FROM_CC; `cc` is a copy of the
 * context's. */
enum einc_status einc_kernels_make(struct einc_ctx *ctx,
                                   const struct unit *unit, unsigned from,
                                   const struct cc *cc, einc_kernel_fn *entry,
                                   struct trouble *why);

/* background.c */
void einc_background_open(struct einc_ctx *ctx);
void einc_background_close(struct einc_ctx *ctx);
/* Ends the thread and what it does; nothing is begun any more. */
void einc_background_stop(struct einc_ctx *ctx);
/* In a forked child, with ctx->lock. */
void einc_background_forked(struct einc_ctx *ctx);
/* Orders a kernel for a step, unless as many as there may be are ordered, or
 * it has failed. When it is there the plan's call is replaced as a whole; the
 * plan's workspace must have room for it. Only what cannot fail any more may
 * follow. */
void einc_background_order(struct taker *t, const struct wanted *w,
                           unsigned from);
/* Before a plan goes. */
void einc_background_forget(struct einc_plan *plan);

/* tier.c: which kernel answers which step. The tier is resolved: AUTO here
 * means that nobody asked for one. */
/* flop. Below the first, looking into the disk cache costs more than a better
 * kernel can win back. From the second on the interpreter takes 20 ms or more,
 * and the compiler is run, once per kernel and machine, for what has no
 * built-in kernel: 150 ms that a few such calls win back. */
enum { WORTH_A_LOOK = 1 << 17 };
#define WORTH_A_COMPILER ((uint64_t)1 << 27)
/* What has one, or a pair that may be merged, is compiled if it is modelled to
 * save so much of a call, and half of it: back after 40 calls. */
enum { WORTH_COMPILING_NS = 4000000 };

struct ways;
/* In run_stages(): the kernels that may run the plan's steps. They and their
 * calls are in g's arenas; x->calls is made, all NULL. */
struct ways *einc_tier_list(struct guarded *g, struct einc_plan *x,
                            enum einc_tier tier);
/* Behind the stages: takes what the tier and its policy allow. `flags` as in
 * einc_options. On failure `why` tells. */
enum einc_status einc_tier_choose(struct einc_plan *x, const struct ways *w,
                                  enum einc_tier tier, uint32_t flags,
                                  struct trouble *why);

/* Copies a struct that starts with its size. A shorter one is an older
 * caller's: the rest reads as 0. A longer one is a newer caller's: fine if the
 * rest is 0. Returns 0 if it is not, or if the size was not set. */
int einc_take_struct(void *to, size_t own_bytes, const void *from);

/* err.c. All of them give *err (if err is not NULL) and return `status`. */
enum einc_status einc_err_set(const struct mem *mem, struct einc_err **err,
                              enum einc_status status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Takes over `block`, which the diagnostics of cx live in. */
enum einc_status einc_err_from_diags(const struct mem *mem,
                                     struct einc_err **err, struct cx *cx,
                                     void *block, size_t block_bytes);

#endif

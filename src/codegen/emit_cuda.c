/* SPDX-License-Identifier: MIT
 *
 * emit_cuda.c - the same nests as CUDA: one __global__ function per step, one
 * thread per element of its output. Header-free for NVRTC, fit for nvcc.
 */
#include "codegen/file.h"
#include "codegen/print_cuda.h"

static void
put_mapping(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    einc_put(t, "/* thread = (");
    for (int j = 0; j < w->first[LOOP_K]; j++)
        einc_put(t, "%s%s", j ? ", " : "", w->idx[j].name);
    einc_put(t, "), loops = (");
    for (int j = w->first[LOOP_K]; j < w->n_idx; j++)
        einc_put(t, "%s%s", j > w->first[LOOP_K] ? ", " : "", w->idx[j].name);
    einc_put(t, "); launch at least as many threads as elements */\n");
}

/* Elements of the output: literals folded, arguments behind them. */
static void
put_tasks(const struct printer *p)
{
    const struct nest *w = p->nest;
    int64_t literal = 1;
    for (int j = 0; j < w->first[LOOP_K]; j++)
        if (w->idx[j].extent.arg < 0)
            literal *= w->idx[j].extent.value;
    einc_put(p->t, "%lld", (long long)literal);
    for (int j = 0; j < w->first[LOOP_K]; j++)
        if (w->idx[j].extent.arg >= 0)
            einc_put(p->t, "*n_%s", w->idx[j].name);
}

/* Which buffer is whose: what a launcher needs to know. */
static void
put_calls(const struct file *f)
{
    struct text *t = f->t;
    einc_put(t, "/* Launch, in this order; intermediates t1, t2 ... are dense "
                "in the order of the\n * indices above:\n");
    for (int s = 0; s < f->plan->n_steps; s++) {
        const struct nest *w = f->nests[s];
        einc_put(t, " *   %s(", einc_file_prefix(f, 0, s));
        einc_plan_tensor_put(t, &f->plan->tensors[w->out.tensor]);
        for (int o = 0; o < w->n_in; o++) {
            einc_put(t, ", ");
            einc_plan_tensor_put(t, &f->plan->tensors[w->in[o].tensor]);
        }
        einc_put(t, w->n_extents + w->n_strides ? ", ...)\n" : ")\n");
    }
    einc_put(t, " */\n");
}

/* An element of the output for the thread; the rest of the function. */
static void
put_body(const struct printer *p)
{
    struct text *t = p->t;
    einc_print_scale(p);
    einc_put(t, "    const int64_t tasks = ");
    put_tasks(p);
    einc_put(t, ";\n");
    einc_line(t, "const int64_t task = "
                 "(int64_t)blockIdx.x*blockDim.x + threadIdx.x;");
    einc_line(t, "if (task >= tasks)");
    einc_line(t, "    return;");
    einc_print_stream_decode(p, "task");
    einc_print_stream_body(p);
    t->indent = 0;
    einc_put(t, "}\n");
}

static void
put_kernel(const struct printer *p)
{
    struct text *t = p->t;
    put_mapping(p);
    einc_put(t, "extern \"C\" __global__ void\n%s(", p->prefix);
    einc_print_parameters(p, 4);
    einc_put(t, ")\n{\n");
    t->indent = 4;
    put_body(p);
    einc_put(t, "\n");
}

/* --- a kernel for the runtime --------------------------------------------- */

/* An array of a struct is never empty. */
static int
room(int n)
{
    return n ? n : 1;
}

/* The words of struct device_words, unit.h, and what kernels on the CPU are
 * given, which is printed all the same. */
static void
put_words(struct text *t, const struct nest *w)
{
    einc_put(t, "struct einc_words {\n    void *out;\n"
                "    const void *in[%d];\n    int64_t n[%d];\n"
                "    int64_t s[%d];\n    int64_t alpha[2], beta[2];\n"
                "    int64_t with_alpha, with_beta;\n%s};\n\n",
             room(w->n_in), room(w->n_extents), room(w->n_strides),
             w->family == FAMILY_STREAM
                 ? ""
                 : "    void *parts; /* of sums over K; 0: none */\n"
                   "    int64_t n_parts, part_depth, adds;\n");
    einc_put(t, "struct einc_args {\n    void *out;\n"
                "    const void *const *in;\n    const int64_t *n, *s;\n"
                "    const void *alpha, *beta;\n};\n\n");
}

int64_t
einc_emit_cuda_blocks(const struct nest *w, int64_t *n, int64_t *s)
{
    int64_t tasks = einc_nest_arguments(w, 1, n, s);
    if (w->family == FAMILY_BLOCK || w->family == FAMILY_TENSOR)
        return tasks;
    tasks = 1;
    for (int x = 0; x < w->first[LOOP_K]; x++)
        tasks *= w->idx[x].extent.value;
    return tasks / DEVICE_THREADS + (tasks % DEVICE_THREADS != 0);
}

struct unit
einc_emit_cuda_unit(struct arena *perm, const struct nest *nest)
{
    struct text t = {.perm = perm};
    struct printer p = einc_printer(&t, nest, "einc_kernel");
    einc_put(&t, "/* made by einc %s; device ABI %d */\n", EINC_VERSION,
             DEVICE_ABI);
    einc_emit_cuda_types(&t);
    einc_print_kernel_halves(&t, nest, "static __device__ inline ");
    put_words(&t, nest);
    if (nest->family == FAMILY_TENSOR)
        einc_print_cuda_tensor_prelude(&p);
    einc_put(&t, "extern \"C\" __global__ void __launch_bounds__(%d)\n"
                 "einc_kernel(const __grid_constant__ struct einc_words "
                 "words)\n{\n", DEVICE_THREADS);
    t.indent = 4;
    einc_line(&t, "const struct einc_args args[1] = {");
    einc_line(&t, "    {words.out, words.in, words.n, words.s,");
    einc_line(&t, "     words.with_alpha ? words.alpha : (int64_t *)0,");
    einc_line(&t, "     words.with_beta ? words.beta : (int64_t *)0}};");
    einc_print_arguments(&p);
    if (nest->family == FAMILY_BLOCK || nest->family == FAMILY_TENSOR) {
        einc_print_scale(&p);
        if (nest->family == FAMILY_BLOCK)
            einc_print_cuda_block(&p);
        else
            einc_print_cuda_tensor(&p);
        einc_put(&t, "}\n");
    } else {
        put_body(&p);
    }
    return (struct unit){.source = einc_text_z(&t),
                         .source_bytes = t.n,
                         .entry = "einc_kernel",
                         .shared_bytes = einc_cuda_shared_bytes(nest),
                         .n_extents = nest->n_extents,
                         .n_strides = nest->n_strides};
}

int
einc_emit_cuda_has_block(struct arena *scratch, const struct plan *p)
{
    struct arena room = *scratch;
    for (int s = 0; s < p->n_steps; s++) {
        const struct nest *w =
            einc_nest_build(&room, room, p, s,
                            einc_target_find(str_of("cuda")), NEST_GENERIC,
                            FAMILY_ANY);
        if (w->family == FAMILY_BLOCK || w->family == FAMILY_TENSOR)
            return 1;
    }
    return p->n_steps > 1;
}

/* --- a file ---------------------------------------------------------------- */

void
einc_emit_cuda(struct text *t, struct arena scratch, const struct plan *p,
               const struct emit_style *style)
{
    const struct target *target = einc_target_find(str_of("cuda"));
    struct file f = einc_file(t, &scratch, p, target, style);
    einc_file_opening(&f);
    put_calls(&f);
    einc_emit_cuda_types(t);
    einc_print_halves(t, p, "static __device__ inline ", 1, NULL);
    for (int s = 0; s < p->n_steps; s++) {
        struct printer k =
            einc_printer(t, f.nests[s], einc_file_prefix(&f, 0, s));
        k.with_scale = 0;
        k.by_parameter = 1;
        put_kernel(&k);
    }
}

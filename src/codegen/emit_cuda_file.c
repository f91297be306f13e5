/* SPDX-License-Identifier: MIT
 *
 * emit_cuda_file.c - see emit_cuda_file.h: the kernels that the runtime would
 * compile, each in a namespace of its own, and one function that launches
 * them.
 */
#include "codegen/emit_cuda_file.h"

#include <string.h>

#include "codegen/emit_border.h"
#include "codegen/file.h"
#include "codegen/levels.h"
#include "codegen/program_file.h"

/* A file under way. Tensors have the names of the function's arguments, or
 * stand in its workspace. */
struct cuda_file {
    struct text *t;
    struct arena *scratch;
    const struct emit_style *style;
    const char *arch;
    const struct script *s;          /* NULL: one einsum */
    const struct plan *const *plans; /* of its stages */
    const struct plan *plan;         /* of the einsum */
    struct text launches;            /* the body of the function */
    int64_t temp_bytes, work_bytes, scratch_bytes;
    int sites;                       /* data may lead out of a tensor */
};

enum { WORK_ALIGN = 256 };

static int64_t
aligned(int64_t bytes)
{
    return (bytes + WORK_ALIGN - 1) / WORK_ALIGN * WORK_ALIGN;
}

static const char *
printed_name(const struct cuda_file *f, const char *what, int number)
{
    return einc_printed(f->scratch, "%s_%s%d", f->style->name, what, number);
}

/* --- arguments ------------------------------------------------------------ */

/* What the function is given: outputs, then operands. */
struct argument {
    const char *name, *type;
    int is_out;
    int64_t elements; /* numbers: a complex one is two */
};

static struct argument *
arguments_of(const struct cuda_file *f, int *n)
{
    const struct program *p = f->s ? f->s->program : NULL;
    const struct graph *g = f->s ? NULL : f->plan->graph;
    struct argument *list =
        NEW(f->scratch, struct argument, p ? p->n_tensors : g->n_in + 1);
    *n = 0;
    for (int o = -1; g && o < g->n_in; o++) {
        const struct operand *x = o < 0 ? &g->out : &g->in[o];
        const struct dtype_info *d = einc_dtype_info(x->dtype);
        struct argument *a = &list[(*n)++];
        *a = (struct argument){
            o < 0 ? "out" : einc_printed(f->scratch, "in%d", o), d->c_type,
            o < 0, d->kind == KIND_COMPLEX ? 2 : 1};
        for (int k = 0; k < x->n_dims; k++)
            a->elements *= x->shape[k];
    }
    for (int kind = TENSOR_OUTPUT; p && kind >= 0; kind -= TENSOR_OUTPUT)
        for (int x = 0; x < p->n_tensors; x++) {
            const struct tensor *y = &p->tensors[x];
            const struct dtype_info *d = einc_dtype_info(y->dtype);
            struct text name = {.perm = f->scratch};
            if ((int)y->kind != kind)
                continue;
            einc_program_put(&name, y);
            struct argument *a = &list[(*n)++];
            *a = (struct argument){einc_text_z(&name), d->c_type,
                                   kind == TENSOR_OUTPUT,
                                   d->kind == KIND_COMPLEX ? 2 : 1};
            for (int k = 0; k < y->n_dims; k++)
                a->elements *= y->shape[k];
        }
    return list;
}

static void
put_signature(const struct cuda_file *f)
{
    int n;
    const struct argument *a = arguments_of(f, &n);
    einc_put(f->t, "cudaError_t\n%s(", f->style->name);
    for (int k = 0; k < n; k++)
        einc_put(f->t, "%s%s *%s, ", a[k].is_out ? "" : "const ", a[k].type,
                 a[k].name);
    einc_put(f->t, "%svoid *work,\n    cudaStream_t stream)",
             f->sites ? "int64_t *stray, " : "");
}

static void
put_declarations(const struct cuda_file *f)
{
    struct text *t = f->t;
    einc_put(t, "/* Launches on the stream and waits for nothing; all pointers "
                "are to memory of\n * the device, of dense row-major tensors. "
                "work is %s_workspace() bytes,\n * aligned to %d, or NULL: then "
                "they come and go in the order of the stream.\n",
             f->style->name, WORK_ALIGN);
    if (f->sites)
        einc_put(t, " * stray is NULL or two numbers that are 0: where data "
                    "lead out of a tensor\n * the first is no more, and the "
                    "second where they led; the nearest element is\n * taken.\n");
    einc_put(t, " */\n");
    put_signature(f);
    einc_put(t, ";\nsize_t %s_workspace(void);\n", f->style->name);
}

/* --- the opening ---------------------------------------------------------- */

static void
put_tensor_line(const struct cuda_file *f, const struct tensor *y)
{
    struct text *t = f->t;
    einc_put(t, " * ");
    einc_program_put(t, y);
    einc_put(t, " is ");
    einc_emit_comment(t, y->name);
    einc_put(t, "  %s", einc_dtype_name(y->dtype));
    for (int d = 0; d < y->n_dims; d++)
        einc_put(t, "%s%lld", d ? "x" : " ", (long long)y->shape[d]);
    einc_put(t, "\n");
}

static void
put_opening(const struct cuda_file *f)
{
    struct text *t = f->t;
    einc_put(t, "/* made by einc %s; change the %s, not this file\n",
             EINC_VERSION, f->s ? "statements" : "expression");
    if (f->s) {
        einc_put(t, " * statements  ");
        einc_emit_comment(t, f->s->program->source);
        einc_put(t, "\n");
        for (int x = 0; x < f->s->program->n_tensors; x++)
            if (f->s->program->tensors[x].kind != TENSOR_TEMP)
                put_tensor_line(f, &f->s->program->tensors[x]);
    } else {
        const struct graph *g = f->plan->graph;
        einc_put(t, " * expression  ");
        einc_emit_comment(t, g->source);
        einc_put(t, "\n * sizes      ");
        for (int x = 0; x < g->n_indices; x++) {
            einc_put(t, " ");
            einc_emit_comment(t, g->indices[x].name);
            einc_put(t, "=%lld", (long long)g->indices[x].extent);
        }
        einc_put(t, "\n");
    }
    if (f->style->again) {
        einc_put(t, " * again       ");
        einc_emit_comment(t, str_of(f->style->again));
        einc_put(t, "\n");
    }
    einc_put(t, " * compilers   nvcc -O3 -arch=%s; NVRTC takes the kernels\n"
                " */\n", f->arch);
}

/* --- kernels -------------------------------------------------------------- */

/* The text of a kernel for the runtime, in a namespace: without its first
 * line, and with the linkage of C++. */
static void
put_kernel(const struct cuda_file *f, const struct unit *u, const char *name)
{
    static const char linkage[] = "extern \"C\" __global__";
    const char *at = strchr(u->source, '\n') + 1;
    const char *found = strstr(at, linkage);
    einc_put(f->t, "namespace %s {\n\n", name);
    for (; found; found = strstr(at, linkage)) {
        einc_put_str(f->t, (struct str){at, found - at});
        einc_put(f->t, "__global__");
        at = found + sizeof linkage - 1;
    }
    einc_put(f->t, "%s\n} /* %s */\n\n", at, name);
}

/* From the name to its words: `struct words` of the kernel. */
static void
open_launch(struct cuda_file *f, const char *name)
{
    einc_put(&f->launches, "%*sif (!error) {\n%*sconst %s::einc_words words = "
                           "{", f->launches.indent, "",
             f->launches.indent + 4, "", name);
}

static void
close_launch(struct cuda_file *f, const char *name, int64_t blocks,
             int shared_bytes)
{
    if (blocks > INT32_MAX)
        einc_fail(f->scratch->cx, EINC_ELIMIT, "E902", (struct span){-1, -1},
                  "a kernel of %lld blocks: CUDA takes 2^31 - 1",
                  (long long)blocks);
    f->launches.indent += 4;
    einc_put(&f->launches, "};\n");
    if (shared_bytes) { /* more than a kernel has unless it asks */
        einc_line(&f->launches, "error = cudaFuncSetAttribute("
                                "%s::einc_kernel,", name);
        einc_line(&f->launches,
                  "    cudaFuncAttributeMaxDynamicSharedMemorySize, %d);",
                  shared_bytes);
        einc_line(&f->launches, "if (!error)");
        f->launches.indent += 4;
    }
    einc_line(&f->launches, "%s::einc_kernel<<<%lld, %d, %d, stream>>>(words);",
              name, (long long)blocks, DEVICE_THREADS, shared_bytes);
    if (shared_bytes)
        f->launches.indent -= 4;
    einc_line(&f->launches, "error = error ? error : cudaGetLastError();");
    f->launches.indent -= 4;
    einc_line(&f->launches, "}");
}

/* "{1, 2}"; an array of a struct is never empty. */
static void
put_list(struct text *t, const int64_t *list, int n)
{
    einc_put(t, ",\n            {");
    for (int k = 0; k < n; k++)
        einc_put(t, k % 8 == 7 && k + 1 < n ? "%s%lld,\n             "
                                            : "%s%lld",
                 k && k % 8 ? ", " : "", (long long)list[k]);
    einc_put(t, n ? "}" : "0}");
}

/* What an einsum's addresses are, as C. */
struct places_of {
    const char *out;
    const char *const *in; /* [graph.n_in] */
    const char *temps;     /* where its intermediates begin: "base + 256" */
    int64_t alpha, beta;   /* the scale of the last step */
    int with_alpha, with_beta;
};

static const char *
address(const struct cuda_file *f, const struct plan *p,
        const struct places_of *x, int tensor)
{
    const struct plan_tensor *y = &p->tensors[tensor];
    return y->home == HOME_INPUT ? x->in[y->number]
           : y->home == HOME_TEMP
               ? einc_printed(f->scratch, "%s + %lld", x->temps,
                              (long long)y->at_byte)
               : x->out;
}

/* One for the architecture; of another than "sm_90a" nothing is known. */
static const struct nest *
nest_of(const struct cuda_file *f, const struct plan *p, int s)
{
    const struct target *cuda = einc_target_find(str_of("cuda"));
    const struct nest *w = einc_nest_build(f->scratch, *f->scratch, p, s, cuda,
                                           NEST_GENERIC, FAMILY_ANY);
    int sm = 0;
    for (const char *c = strpbrk(f->arch, "0123456789");
         c && *c >= '0' && *c <= '9'; c++)
        sm = 10*sm + *c - '0';
    return einc_nest_suits(w, sm)
               ? w
               : einc_nest_build(f->scratch, *f->scratch, p, s, cuda,
                                 NEST_GENERIC, FAMILY_BLOCK);
}

static void
add_step(struct cuda_file *f, const struct plan *p, int s, const char *name,
         const struct places_of *x)
{
    struct text *t = &f->launches;
    const struct nest *w = nest_of(f, p, s);
    const struct unit u = einc_emit_cuda_unit(f->scratch, w);
    int64_t *n = NEW(f->scratch, int64_t, w->n_extents + 1);
    int64_t *strides = NEW(f->scratch, int64_t, w->n_strides + 1);
    int64_t blocks = einc_emit_cuda_blocks(w, n, strides);
    int last = s == p->n_steps - 1;
    if (!blocks)
        return;
    put_kernel(f, &u, name);
    open_launch(f, name);
    einc_put(t, "%s, {", address(f, p, x, p->steps[s].out));
    for (int o = 0; o < w->n_in; o++)
        einc_put(t, "%s%s", o ? ", " : "",
                 address(f, p, x, p->steps[s].in[o]));
    einc_put(t, "}");
    put_list(t, n, w->n_extents);
    put_list(t, strides, w->n_strides);
    einc_put(t, ",\n            {%lld}, {%lld}, %d, %d",
             last ? (long long)x->alpha : 0, last ? (long long)x->beta : 0,
             last && x->with_alpha, last && x->with_beta);
    if (w->family != FAMILY_STREAM)
        einc_put(t, ", NULL, 0, 0, 0");
    close_launch(f, name, blocks, u.shared_bytes);
}

/* --- stages of a program -------------------------------------------------- */

/* "base + 128" or "out0", and elements from there. */
static const char *
tensor_at(const struct cuda_file *f, int tensor, int64_t elements)
{
    const struct tensor *y = &f->s->program->tensors[tensor];
    const struct dtype_info *d = einc_dtype_info(y->dtype);
    struct text name = {.perm = f->scratch};
    if (y->kind == TENSOR_TEMP)
        return einc_printed(f->scratch, "base + %lld",
                            (long long)(f->s->at_byte[tensor] < 0
                                            ? 0
                                            : f->s->at_byte[tensor] +
                                                  elements * d->bytes));
    einc_program_put(&name, y);
    if (elements)
        einc_put(&name, " + %lld",
                 (long long)(elements * (d->kind == KIND_COMPLEX ? 2 : 1)));
    return einc_text_z(&name);
}

/* 0: it is an einsum that is better made as one. */
static int
add_map(struct cuda_file *f, int s)
{
    const struct program *p = f->s->program;
    const struct stmt *stmt = &p->stmts[f->s->stages[s].stmt];
    const char *name = printed_name(f, "stage", s + 1);
    struct text *t = &f->launches;
    if (f->plans[s] && einc_emit_cuda_has_block(f->scratch, f->plans[s]))
        return 0;
    const struct mapreduce *m =
        einc_mapreduce_build(f->scratch, *f->scratch, p, stmt,
                             einc_target_find(str_of("cuda")), SIZES_LITERAL);
    if (!m && f->plans[s])
        return 0;
    if (!m)
        einc_fail(f->scratch->cx, EINC_EUNSUP, "E901", stmt->at,
                  "this statement has no kernel for a GPU: it writes beside "
                  "its output, or has too many loops");
    const struct unit u = einc_emit_cuda_mapreduce(f->scratch, m, TEAM_IF_FASTER);
    const struct cuda_grid grid = einc_emit_cuda_grid(m, TEAM_IF_FASTER);
    if (!grid.blocks)
        return 1;
    if (grid.scratch_bytes > f->scratch_bytes)
        f->scratch_bytes = grid.scratch_bytes;
    put_kernel(f, &u, name);
    open_launch(f, name);
    einc_put(t, "%s,\n            {", tensor_at(f, stmt->left.tensor, 0));
    for (int x = 0; x < p->n_tensors; x++)
        einc_put(t, "%s%s", x ? ", " : "", tensor_at(f, x, 0));
    einc_put(t, "},\n            {0}, {0}, scratch, %s, %lld, %lld, %lld",
             f->sites ? "stray" : "0", (long long)u.scratch_bytes,
             (long long)grid.tasks, (long long)grid.step);
    close_launch(f, name, grid.blocks, 0);
    return 1;
}

/* The copy of an operand with its border, before a slice; where it is. */
static const char *
add_border(struct cuda_file *f, int s, int o)
{
    const struct stage *g = &f->s->stages[s];
    const struct stage_tensor *x = &g->in[o];
    const char *name = einc_printed(f->scratch, "%s_stage%d_border%d",
                                    f->style->name, s + 1, o);
    const struct border *b = x->border;
    int64_t elements = border_rows(b) * b->dim[b->n_dims - 1].count;
    int64_t at = f->temp_bytes + x->border_at;
    const struct unit u = einc_emit_cuda_border(f->scratch, b);
    const char *type = einc_dtype_info(x->dtype)->c_type;
    put_kernel(f, &u, name);
    open_launch(f, name);
    einc_put(&f->launches, "(const %s *)(%s),\n            (%s *)(base + "
                           "%lld), start", type, tensor_at(f, x->tensor, 0),
             type, (long long)at);
    close_launch(f, name,
                 (elements + DEVICE_THREADS - 1) / DEVICE_THREADS, 0);
    return einc_printed(f->scratch, "base + %lld",
                        (long long)(at + x->offset *
                                             einc_dtype_info(x->dtype)->bytes));
}

/* An operand or the output of a stage, moved along with the slice. */
static const char *
sliced(const struct cuda_file *f, const struct stage_tensor *x)
{
    const char *at = tensor_at(f, x->tensor, x->offset);
    const struct dtype_info *d = einc_dtype_info(x->dtype);
    int is_temp = f->s->program->tensors[x->tensor].kind == TENSOR_TEMP;
    int64_t by = is_temp ? d->bytes : d->kind == KIND_COMPLEX ? 2 : 1;
    return x->slice ? einc_printed(f->scratch, "%s + %lld*start", at,
                                   (long long)(x->slice * by))
                    : at;
}

/* The bits of a number of the type that a plan computes in. */
static int64_t
scale_bits(enum einc_dtype compute, double x)
{
    int64_t bits = 0;
    float f = (float)x;
    switch (compute) {
    case EINC_I32: case EINC_I64: case EINC_BOOL: return (int64_t)x;
    case EINC_F32: case EINC_C64: memcpy(&bits, &f, sizeof f); return bits;
    default: memcpy(&bits, &x, sizeof x); return bits;
    }
}

static void
add_contract(struct cuda_file *f, int s)
{
    const struct stage *g = &f->s->stages[s];
    const struct plan *p = f->plans[s];
    const struct slices *v = &g->slices;
    int in_slices = v->index >= 0;
    struct text *t = &f->launches;
    if (in_slices)
        einc_line(t, "for (int64_t slice = 0; slice < %lld; slice++) {",
                  (long long)v->count);
    else
        einc_line(t, "{");
    t->indent += 4;
    if (in_slices)
        einc_line(t, "const int64_t start = slice*%lld < %lld ? slice*%lld : "
                     "%lld;", (long long)v->extent,
                  (long long)(v->of - v->extent), (long long)v->extent,
                  (long long)(v->of - v->extent));
    else
        einc_line(t, "const int64_t start = 0;");
    einc_line(t, "(void)start;");
    const char **in = NEW(f->scratch, const char *, g->n_in);
    for (int o = 0; o < g->n_in; o++)
        in[o] = g->in[o].border ? add_border(f, s, o) : sliced(f, &g->in[o]);
    const struct places_of x = {
        .out = sliced(f, &g->out), .in = in,
        .temps = einc_printed(f->scratch, "base + %lld",
                              (long long)(f->temp_bytes +
                                          aligned(g->border_bytes))),
        .alpha = scale_bits(p->graph->compute, g->scale),
        .beta = scale_bits(p->graph->compute, 1),
        .with_alpha = g->scale != 1, .with_beta = g->adds};
    for (int step = 0; step < p->n_steps; step++)
        add_step(f, p, step,
                 einc_printed(f->scratch, "%s_stage%d_step%d", f->style->name,
                              s + 1, step + 1), &x);
    t->indent -= 4;
    einc_line(t, "}");
    int64_t bytes =
        f->temp_bytes + aligned(g->border_bytes) + p->temporary_bytes;
    f->work_bytes = bytes > f->work_bytes ? bytes : f->work_bytes;
}

/* A statement for a list of places is not run: it stands beside one for all. */
static void
add_stages(struct cuda_file *f)
{
    f->temp_bytes = f->work_bytes = aligned(f->s->temp_bytes);
    for (int s = 0; s < f->s->n_stages; s++) {
        const struct stmt *stmt =
            &f->s->program->stmts[f->s->stages[s].stmt];
        if (stmt->gate && stmt->few)
            continue;
        if (!add_map(f, s))
            add_contract(f, s);
    }
}

static void
add_einsum(struct cuda_file *f)
{
    const struct plan *p = f->plan;
    const char **in = NEW(f->scratch, const char *, p->graph->n_in);
    for (int o = 0; o < p->graph->n_in; o++)
        in[o] = einc_printed(f->scratch, "in%d", o);
    const struct places_of x = {.out = "out", .in = in, .temps = "base"};
    for (int s = 0; s < p->n_steps; s++)
        add_step(f, p, s, printed_name(f, "step", s + 1), &x);
    f->work_bytes = p->temporary_bytes;
}

/* --- the function --------------------------------------------------------- */

static void
put_function(const struct cuda_file *f)
{
    struct text *t = f->t;
    int64_t bytes = aligned(f->work_bytes) + f->scratch_bytes;
    struct text launches = f->launches;
    einc_put(t, "extern \"C\" size_t\n%s_workspace(void)\n{\n"
                "    return %lld;\n}\n\n", f->style->name, (long long)bytes);
    einc_put(t, "extern \"C\" ");
    put_signature(f);
    einc_put(t, "\n{\n    cudaError_t error = cudaSuccess;\n"
                "    void *own = 0;\n");
    if (bytes)
        einc_put(t, "    if (!work)\n"
                    "        error = cudaMallocAsync(&own, %lld, stream);\n",
                 (long long)bytes);
    einc_put(t, "    char *const base = (char *)(work ? work : own);\n"
                "    char *const scratch = base + %lld;\n"
                "    (void)scratch;\n", (long long)aligned(f->work_bytes));
    einc_put(t, "%s", einc_text_z(&launches));
    einc_put(t, "    if (own) {\n"
                "        const cudaError_t freed = cudaFreeAsync(own, "
                "stream);\n        error = error ? error : freed;\n    }\n"
                "    return error;\n}\n");
}

/* --- main() --------------------------------------------------------------- */

/* NAME_copy(): tensors of the host to the device, a call, and back.
 * NAME_again(): a call, on what is there. */
static void
put_host_functions(const struct cuda_file *f)
{
    struct text *t = f->t;
    const char *x = f->style->name;
    int n;
    const struct argument *a = arguments_of(f, &n);
    einc_put(t, "\n#include <math.h>\n#include <stdio.h>\n"
                "#include <stdlib.h>\n#include <string.h>\n\n"
                "/* The tensors on the device. */\nstatic struct {\n");
    for (int k = 0; k < n; k++)
        einc_put(t, "    %s *%s;\n", a[k].type, a[k].name);
    einc_put(t, "    int64_t *stray;\n    void *work;\n} %s_there;\n\n", x);
    einc_put(t, "static int\n%s_failed(cudaError_t error)\n{\n"
                "    if (error)\n        fprintf(stderr, \"%s: %%s\\n\", "
                "cudaGetErrorString(error));\n    return error != 0;\n}\n\n",
             x, x);
    einc_put(t, "/* One call, waited for. */\nstatic int\n%s_again(void)\n{\n"
                "    cudaError_t error = %s(", x, x);
    for (int k = 0; k < n; k++)
        einc_put(t, "%s_there.%s, ", x, a[k].name);
    einc_put(t, "%s%s%s_there.work, 0);\n"
                "    error = error ? error : cudaStreamSynchronize(0);\n"
                "    return %s_failed(error);\n}\n\n", f->sites ? x : "",
             f->sites ? "_there.stray, " : "", x, x);
    einc_put(t, "/* To the device, one call, and back; 2: data led out of a "
                "tensor. */\nstatic int\n%s_copy(", x);
    for (int k = 0; k < n; k++)
        einc_put(t, "%s%s%s *%s", k ? ", " : "", a[k].is_out ? "" : "const ",
                 a[k].type, a[k].name);
    einc_put(t, ")\n{\n    int64_t stray[2] = {0, 0};\n"
                "    cudaError_t error = cudaMalloc((void **)&%s_there.stray, "
                "sizeof stray);\n"
                "    error = error ? error : cudaMemcpy(%s_there.stray, stray, "
                "sizeof stray,\n        cudaMemcpyHostToDevice);\n"
                "    error = error ? error : cudaMalloc(&%s_there.work, "
                "%s_workspace() + 1);\n", x, x, x, x);
    for (int k = 0; k < n; k++)
        einc_put(t, "    error = error ? error : cudaMalloc((void **)"
                    "&%s_there.%s,\n        %lld*sizeof *%s + 1);\n"
                    "    error = error ? error : cudaMemcpy(%s_there.%s, %s,\n"
                    "        %lld*sizeof *%s, cudaMemcpyHostToDevice);\n", x,
                 a[k].name, (long long)a[k].elements, a[k].name, x, a[k].name,
                 a[k].name, (long long)a[k].elements, a[k].name);
    einc_put(t, "    if (%s_failed(error) || %s_again())\n        return 1;\n",
             x, x);
    for (int k = 0; k < n; k++)
        if (a[k].is_out)
            einc_put(t, "    error = error ? error : cudaMemcpy(%s, "
                        "%s_there.%s,\n        %lld*sizeof *%s, "
                        "cudaMemcpyDeviceToHost);\n", a[k].name, x, a[k].name,
                     (long long)a[k].elements, a[k].name);
    einc_put(t, "    error = error ? error : cudaMemcpy(stray, %s_there.stray, "
                "sizeof stray,\n        cudaMemcpyDeviceToHost);\n"
                "    return %s_failed(error) ? 1 : stray[0] ? 2 : 0;\n}\n", x,
             x);
    einc_put(t, "\n/* Memory of the device goes back. */\nstatic void\n"
                "%s_close(void)\n{\n", x);
    for (int k = 0; k < n; k++)
        einc_put(t, "    cudaFree(%s_there.%s);\n", x, a[k].name);
    einc_put(t, "    cudaFree(%s_there.stray);\n    cudaFree(%s_there.work);\n"
                "}\n", x, x);
}

static void
put_main(const struct cuda_file *f, double flop)
{
    put_host_functions(f);
    if (f->s) {
        const struct program_file own = {.t = f->t, .scratch = f->scratch,
                                         .s = f->s, .p = f->s->program,
                                         .plans = f->plans,
                                         .style = f->style, .cuda = 1};
        char *none = NEW(f->scratch, char, f->s->n_stages);
        einc_put(f->t, "\n");
        einc_program_plain_helpers(&own, none);
        einc_program_main(&own, flop);
    } else {
        struct file own = einc_file(f->t, f->scratch, f->plan,
                                    einc_target_find(str_of("cuda")),
                                    f->style);
        own.cuda = 1;
        einc_put(f->t, "\n");
        einc_print_halves(f->t, f->plan, "static inline ", 1, NULL);
        einc_file_main(&own);
    }
}

/* --- files ---------------------------------------------------------------- */

static struct cuda_file
open_file(struct text *t, struct arena *scratch,
          const struct cuda_request *r, const struct emit_style *style)
{
    struct cuda_file f = {.t = t, .scratch = scratch, .style = style,
                          .arch = r->arch, .s = r->script,
                          .plans = r->plans, .plan = r->plan,
                          .launches = {.perm = scratch, .indent = 4},
                          .sites = r->script && r->script->program->n_sites};
    return f;
}

static double
flop_of(const struct cuda_file *f)
{
    double flop = 0;
    for (int s = 0; f->s && s < f->s->n_stages; s++)
        if (f->plans[s])
            flop += (double)f->s->stages[s].slices.count *
                    (double)f->plans[s]->flop;
        else
            flop += einc_choose_flop(
                f->scratch, f->s->program,
                &f->s->program->stmts[f->s->stages[s].stmt]);
    return flop;
}

void
einc_emit_cuda_file(struct text *t, struct arena scratch,
                    const struct cuda_request *r,
                    const struct emit_style *style)
{
    struct cuda_file f = open_file(t, &scratch, r, style);
    put_opening(&f);
    einc_put(t, "#if !defined(__CUDACC_RTC__)\n#include <stdint.h>\n");
    if (style->header)
        einc_put(t, "#include \"%s\"\n", style->header);
    einc_put(t, "#endif\n\n");
    if (f.s)
        add_stages(&f);
    else
        add_einsum(&f);
    einc_put(t, "#if !defined(__CUDACC_RTC__)\n\n");
    if (!style->header) {
        einc_put(t, "extern \"C\" {\n");
        put_declarations(&f);
        einc_put(t, "}\n\n");
    }
    put_function(&f);
    if (style->with_main)
        put_main(&f, flop_of(&f));
    einc_put(t, "\n#endif\n");
}

void
einc_emit_cuda_file_header(struct text *t, struct arena scratch,
                           const struct cuda_request *r,
                           const struct emit_style *style)
{
    struct cuda_file f = open_file(t, &scratch, r, style);
    put_opening(&f);
    einc_put(t, "#ifndef %s_H\n#define %s_H\n\n#include <stddef.h>\n"
                "#include <stdint.h>\n\n#include <cuda_runtime_api.h>\n\n"
                "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n",
             style->name, style->name);
    put_declarations(&f);
    einc_put(t, "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}

/* SPDX-License-Identifier: MIT
 *
 * emit_cuda.c - the same nests as CUDA: one __global__ function per step, one
 * thread per element of its output. Header-free for NVRTC, fit for nvcc.
 */
#include "codegen/emit.h"
#include "codegen/print.h"

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

static void
put_kernel(const struct printer *p)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    put_mapping(p);
    einc_put(t, "extern \"C\" __global__ void\n%s(", p->prefix);
    einc_print_parameters(p, 4);
    einc_put(t, ")\n{\n");
    t->indent = 4;
    einc_print_scale(p);
    einc_put(t, "    const int64_t tasks = (int64_t)1");
    for (int j = 0; j < w->first[LOOP_K]; j++)
        einc_put(t, "*%s", einc_print_n(p, j));
    einc_put(t, ";\n");
    einc_line(t, "const int64_t task = "
                 "(int64_t)blockIdx.x*blockDim.x + threadIdx.x;");
    einc_line(t, "if (task >= tasks)");
    einc_line(t, "    return;");
    einc_print_stream_decode(p, "task");
    einc_print_stream_body(p);
    t->indent = 0;
    einc_put(t, "}\n\n");
}

void
einc_emit_cuda(struct text *t, struct arena scratch, const struct plan *p,
               const struct emit_style *style)
{
    const struct target *target = einc_target_find(str_of("cuda"));
    einc_put(t, "/* made by einc %s; change the expression, not this file\n"
                " * expression  ", EINC_VERSION);
    einc_emit_comment(t, p->graph->source);
    einc_put(t, "  %s\n", einc_dtype_name(p->graph->out.dtype));
    if (style->again) {
        einc_put(t, " * again       ");
        einc_emit_comment(t, str_of(style->again));
        einc_put(t, "\n");
    }
    einc_put(t, " * %d step%s, in order; intermediates are dense */\n"
                "#if defined(__CUDACC_RTC__)\n"
                "typedef signed char int8_t;\ntypedef unsigned char uint8_t;\n"
                "typedef short int16_t;\ntypedef unsigned short uint16_t;\n"
                "typedef int int32_t;\ntypedef unsigned int uint32_t;\n"
                "typedef long long int64_t;\n"
                "typedef unsigned long long uint64_t;\n"
                "#else\n#include <stdint.h>\n#endif\n\n",
             p->n_steps, p->n_steps == 1 ? "" : "s");
    einc_print_halves(t, p, "static __device__ inline ", 1);
    for (int s = 0; s < p->n_steps; s++) {
        struct text prefix = {.perm = &scratch};
        einc_put(&prefix, "%s_step%d", style->name, s + 1);
        const struct nest *w = einc_nest_build(&scratch, scratch, p, s, target,
                                               NEST_LITERAL);
        struct printer k = einc_printer(t, w, einc_text_z(&prefix));
        k.with_scale = 0;
        k.by_parameter = 1;
        put_kernel(&k);
    }
}

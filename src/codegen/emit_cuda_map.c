/* SPDX-License-Identifier: MIT
 *
 * emit_cuda_map.c - the nest of an index statement as CUDA: a thread does one
 * task after another, with the text that a thread of the CPU has for them.
 */
#include "codegen/emit.h"
#include "codegen/mapreduce.h"
#include "codegen/print_writer.h"

void
einc_emit_cuda_types(struct text *t)
{
    einc_put(t, "#if defined(__CUDACC_RTC__)\n"
                "typedef signed char int8_t;\ntypedef unsigned char uint8_t;\n"
                "typedef short int16_t;\ntypedef unsigned short uint16_t;\n"
                "typedef int int32_t;\ntypedef unsigned int uint32_t;\n"
                "typedef long long int64_t;\n"
                "typedef unsigned long long uint64_t;\n"
                "#else\n#include <stdint.h>\n#endif\n\n");
}

/* What texts of statements take from <stdint.h> beside the types. */
static void
put_limits(struct text *t)
{
    einc_put(t, "#if defined(__CUDACC_RTC__)\n"
                "#define INT32_C(x) x\n#define INT64_C(x) x##LL\n"
                "#define UINT64_C(x) x##ULL\n"
                "#define INT32_MAX 2147483647\n"
                "#define INT32_MIN (-INT32_MAX - 1)\n"
                "#define INT64_MAX 9223372036854775807LL\n"
                "#define INT64_MIN (-INT64_MAX - 1)\n"
                "#endif\n\n");
}

/* Threads that share the tasks of a statement, where each has scratch of its
 * own: what a large GPU runs at once. */
enum { THREADS_WITH_SCRATCH = 1 << 18 };

/* An array of a struct is never empty. */
static int
room(int n)
{
    return n ? n : 1;
}

/* See MAP_TAIL, unit.h; and what kernels on the CPU are given. */
static void
put_words(struct text *t, const struct mapreduce *m)
{
    einc_put(t, "struct einc_words {\n    void *out;\n"
                "    const void *in[%d];\n    int64_t n[%d];\n"
                "    int64_t s[%d];\n    char *scratch;\n"
                "    int64_t *stray;\n"
                "    int64_t scratch_bytes, tasks, step;\n};\n\n",
             room(m->p->n_tensors), room(m->n_extents), room(m->n_strides));
    einc_put(t, "struct einc_args {\n    void *out;\n"
                "    const void *const *in;\n    const int64_t *n, *s;\n"
                "    char *scratch;\n    int64_t *stray;\n};\n\n");
}

/* Which index is whose. */
static void
put_mapping(struct text *t, const struct mapreduce *m, int team)
{
    const char *comma = "";
    einc_put(t, team ? "/* block = (" : "/* thread = (");
    for (int f = 0; f < m->n_free; f++) {
        const struct free_loop *x = &m->free[f];
        if (!x->is_task)
            continue;
        einc_put(t, "%s", comma);
        einc_emit_comment(t, m->p->indices[x->index].name);
        if (x->span > 1)
            einc_put(t, " by %lld", (long long)x->span);
        comma = ", ";
    }
    einc_put(t, team ? "), the last fastest, its %d threads share out all else "
                       "*/\n"
                     : "), the last fastest; all else is in its loops */\n",
             team);
}

/* From the line of the function on. */
static void
print_kernel(struct writer *w)
{
    struct text *t = w->t, body = {.perm = t->perm, .indent = 4};
    w->t = &body;
    w->used = NEW(t->perm, char, w->m->n_sizes);
    einc_print_pointers(w);
    einc_line(&body, "for (int64_t task = %s; task < words.tasks; "
                     "task += words.step) {",
              w->team ? "blockIdx.x" : "thread");
    body.indent += 4;
    einc_print_task(w);
    close_brace(w);
    w->t = t;
    put_mapping(t, w->m, w->team);
    einc_line(t, "extern \"C\" __global__ void __launch_bounds__(%d)",
              DEVICE_THREADS);
    einc_line(t, "einc_kernel(const __grid_constant__ struct einc_words "
                 "words)");
    einc_line(t, "{");
    t->indent += 4;
    einc_line(t, "const int64_t thread = "
                 "(int64_t)blockIdx.x*blockDim.x + threadIdx.x;");
    einc_line(t, "const struct einc_args args[1] = {");
    einc_line(t, "    {words.out, words.in, words.n, words.s,");
    einc_line(t, "     words.scratch + thread*words.scratch_bytes, "
                 "words.stray}};");
    einc_print_sizes(w, t);
    einc_put(t, "%s", einc_text_z(&body));
    close_brace(w);
}

struct unit
einc_emit_cuda_mapreduce(struct arena *perm, const struct mapreduce *m,
                         enum team_choice choice)
{
    struct text body = {.perm = perm}, t = {.perm = perm};
    const char *plan = einc_team_plan(perm, m, choice);
    int team = plan ? DEVICE_THREADS : 0;
    struct helpers h = {.perm = perm, .lanes = team ? team : 1, .prefix = "",
                        .cuda = 1};
    struct writer w = {.m = m, .t = &body, .h = &h, .team = team,
                       .team_plan = plan};
    print_kernel(&w);
    einc_put(&t, "/* made by einc %s; device ABI %d */\n", EINC_VERSION,
             DEVICE_ABI);
    einc_emit_cuda_types(&t);
    put_limits(&t);
    put_words(&t, m);
    einc_print_helpers(&t, &h, "einc_args");
    einc_put(&t, "%s", einc_text_z(&body));
    return (struct unit){.source = einc_text_z(&t),
                         .source_bytes = t.n,
                         .entry = "einc_kernel",
                         .scratch_bytes = m->scratch_bytes,
                         .n_extents = m->n_extents,
                         .n_strides = m->n_strides};
}

struct cuda_grid
einc_emit_cuda_grid(const struct mapreduce *m, enum team_choice choice)
{
    int64_t tasks = einc_mapreduce_arguments(m, 1, NULL, NULL);
    struct arena room = *m->perm;
    int per_task = einc_team_plan(&room, m, choice) ? DEVICE_THREADS : 1;
    int64_t most = (int64_t)INT32_MAX * DEVICE_THREADS;
    if (m->scratch_bytes)
        most = THREADS_WITH_SCRATCH;
    int64_t at_once = tasks < most / per_task ? tasks : most / per_task;
    int64_t blocks =
        (at_once * per_task + DEVICE_THREADS - 1) / DEVICE_THREADS;
    return (struct cuda_grid){
        .tasks = tasks, .blocks = blocks,
        .step = blocks * (DEVICE_THREADS / per_task),
        .scratch_bytes = m->scratch_bytes * blocks * DEVICE_THREADS};
}

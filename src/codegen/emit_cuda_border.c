/* SPDX-License-Identifier: MIT
 *
 * emit_cuda_border.c - the copy of a tensor with its border as CUDA: a thread
 * per element.
 */
#include "base/half.h"
#include "codegen/emit.h"
#include "codegen/emit_border.h"

/* Position p<d> in dim d, led back to where the tensor is. */
static void
put_position(struct text *t, const struct border *b, int d)
{
    const struct border_dim *x = &b->dim[d];
    long long n = (long long)x->extent, all = 2 * (n - 1);
    einc_put(t, "    int64_t p%d = rest%%%lld + %lld + %lld*words.start;\n", d,
             (long long)x->count, (long long)x->first, (long long)x->step);
    einc_put(t, "    rest /= %lld;\n", (long long)x->count);
    switch (x->mode) {
    case BOUND_CHECK: return;
    case BOUND_PAD:
        einc_put(t, "    inside &= p%d >= 0 && p%d < %lld;\n", d, d, n);
        return;
    case BOUND_CLAMP:
        einc_put(t, "    p%d = p%d < 0 ? 0 : p%d < %lld ? p%d : %lld;\n", d, d,
                 d, n, d, n - 1);
        return;
    case BOUND_WRAP:
        einc_put(t, "    p%d = (p%d%%%lld + %lld)%%%lld;\n", d, d, n, n, n);
        return;
    case BOUND_REFLECT:
        if (n == 1) {
            einc_put(t, "    p%d = 0;\n", d);
            return;
        }
        einc_put(t, "    p%d = (p%d%%%lld + %lld)%%%lld;\n", d, d, all, all,
                 all);
        einc_put(t, "    p%d = p%d < %lld ? p%d : %lld - p%d;\n", d, d, n, d,
                 all, d);
        return;
    }
}

/* What PAD reads, as it is stored. */
static int
fill_bits(const struct border *b)
{
    return b->dtype == EINC_F16    ? half_f32_to_f16((float)b->fill)
           : b->dtype == EINC_BF16 ? half_f32_to_bf16((float)b->fill)
                                   : b->fill;
}

static void
put_copy(struct text *t, const struct border *b)
{
    int planes = einc_dtype_info(b->dtype)->kind == KIND_COMPLEX ? 2 : 1;
    einc_put(t, "    int64_t at = 0;\n    if (inside)\n        at = ");
    for (int d = 0; d < b->n_dims; d++)
        einc_put(t, "%s%lld*p%d", d ? " + " : "",
                 (long long)(b->dim[d].stride * planes), d);
    einc_put(t, ";\n");
    for (int x = 0; x < planes; x++)
        einc_put(t, "    words.to[%d*thread + %d] = inside ? "
                    "words.from[at + %d] : %d;\n", planes, x, x,
                 x ? 0 : fill_bits(b));
}

struct unit
einc_emit_cuda_border(struct arena *perm, const struct border *b)
{
    struct text t = {.perm = perm};
    const char *type = einc_dtype_info(b->dtype)->c_type;
    int64_t n = 1;
    for (int d = 0; d < b->n_dims; d++)
        n *= b->dim[d].count;
    einc_put(&t, "/* made by einc %s; device ABI %d */\n", EINC_VERSION,
             DEVICE_ABI);
    einc_emit_cuda_types(&t);
    einc_put(&t, "struct einc_words {\n    const %s *from;\n    %s *to;\n"
                 "    int64_t start;\n};\n\n", type, type);
    einc_put(&t, "/* A tensor with its border, what one slice reads of it: a "
                 "thread per element. */\n"
                 "extern \"C\" __global__ void __launch_bounds__(%d)\n"
                 "einc_kernel(const __grid_constant__ struct einc_words "
                 "words)\n{\n", DEVICE_THREADS);
    einc_put(&t, "    const int64_t thread = "
                 "(int64_t)blockIdx.x*blockDim.x + threadIdx.x;\n"
                 "    int64_t rest = thread;\n    bool inside = true;\n"
                 "    if (thread >= %lld)\n        return;\n", (long long)n);
    for (int d = b->n_dims - 1; d >= 0; d--)
        put_position(&t, b, d);
    put_copy(&t, b);
    einc_put(&t, "}\n");
    return (struct unit){.source = einc_text_z(&t), .source_bytes = t.n,
                         .entry = "einc_kernel"};
}

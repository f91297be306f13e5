/* SPDX-License-Identifier: MIT
 *
 * print_cuda_tensor.c - the kernel of nest_tensor.c as CUDA. Both operands
 * come to shared memory in chunks of 16 bytes, asynchronously where they lie
 * that way, a stage after the other: while one is multiplied the next ones
 * are on their way. All threads of a block go through the same barriers,
 * whatever the extents. No header is needed: what is an instruction stands in
 * the text, and tests/cuda has the same functions for a CPU.
 *
 * A slice of an operand with stride 1 along K is rows of 4 chunks along K,
 * any other is depths of chunks along its rows. Chunks change places within
 * 128 bytes so that both what comes in and what is read touches every bank of
 * shared memory once.
 */
#include <string.h>

#include "codegen/family.h"
#include "codegen/print_cuda.h"
#include "codegen/unit.h"

enum { STAGES = 3, CHUNK = 16 /* bytes */, ROW_CHUNKS = 4 /* along K */,
       FLUSH = 2 /* slices of f32 whose products are summed apart */ };

/* One operand, as the text calls it. */
struct side {
    const struct nest_tensor *x;
    const char *name, *table;   /* "in0", "in0_row" */
    const char *limit;          /* "rows" */
    enum loop_role role;        /* of its rows */
    int width;                  /* rows of a slice */
    int bytes, each;            /* of an element; elements of a chunk */
    int deep;                   /* stride 1 along K */
    int whole;                  /* or along its rows: chunks may be copied */
    int chunks;                 /* of a depth, unless deep */
    int share;                  /* chunks that a thread brings */
};

static int
is_one(const struct nest *w, const struct nest_tensor *x, enum loop_role role)
{
    int last = w->first[role + 1] - 1;
    return last >= w->first[role] && x->stride[last].arg < 0 &&
           x->stride[last].value == 1;
}

static struct side
side_of(const struct nest *w, int o)
{
    struct side s = {
        .x = &w->in[o],
        .name = o ? "in1" : "in0",
        .table = o ? "in1_column" : "in0_row",
        .limit = o ? "columns" : "rows",
        .role = o ? LOOP_N : LOOP_M,
        .width = o ? w->tile.nc : w->tile.mc,
        .bytes = einc_dtype_info(w->in[o].storage)->bytes,
        .deep = is_one(w, &w->in[o], LOOP_K)};
    s.each = CHUNK / s.bytes;
    s.whole = s.deep || is_one(w, s.x, s.role);
    s.chunks = s.width / s.each;
    s.share = s.width * ROW_CHUNKS / DEVICE_THREADS;
    return s;
}

static int
slice_bytes(const struct side *s)
{
    return s->width * ROW_CHUNKS * CHUNK;
}

static int
stage_bytes(const struct nest *w)
{
    struct side a = side_of(w, 0), b = side_of(w, 1);
    return slice_bytes(&a) + slice_bytes(&b);
}

int
einc_cuda_shared_bytes(const struct nest *w)
{
    return w->family == FAMILY_TENSOR ? STAGES * stage_bytes(w) : 0;
}

static int
is_narrow(const struct nest *w)
{
    return w->in[0].storage != EINC_F32;
}

static void
open(const struct printer *p)
{
    p->t->indent += 4;
}

static void
close(const struct printer *p, const char *end)
{
    p->t->indent -= 4;
    einc_line(p->t, "%s", end);
}

/* --- before the kernel ---------------------------------------------------- */

static const char copies[] =
    "#define EINC_SHARED(name) \\\n"
    "    extern __shared__ __align__(128) unsigned char name[]\n\n"
    "static __device__ inline uint32_t\neinc_place(const void *p)\n{\n"
    "    return (uint32_t)__cvta_generic_to_shared(p);\n}\n\n"
    "/* A chunk to shared memory: `bytes` of it are read, the rest is 0. */\n"
    "static __device__ inline void\n"
    "einc_copy(void *to, const void *from, int bytes)\n{\n"
    "    asm volatile(\"cp.async.cg.shared.global [%0], [%1], 16, %2;\"\n"
    "                 :: \"r\"(einc_place(to)), \"l\"(from), \"r\"(bytes)\n"
    "                 : \"memory\");\n}\n\n"
    "static __device__ inline void\neinc_copy_commit()\n{\n"
    "    asm volatile(\"cp.async.commit_group;\" ::: \"memory\");\n}\n\n"
    "/* All that this thread copied is there, but for the last group. */\n"
    "static __device__ inline void\neinc_copy_wait()\n{\n"
    "    asm volatile(\"cp.async.wait_group 1;\" ::: \"memory\");\n}\n\n";

static void
put_matrices(struct text *t, const char *name, const char *how)
{
    einc_put(t,
             "static __device__ inline void\n"
             "%s(uint32_t (&to)[4], const void *row)\n{\n"
             "    asm volatile(\"ldmatrix.sync.aligned.m8n8.x4%s.shared.b16 "
             "\"\n"
             "                 \"{%%0, %%1, %%2, %%3}, [%%4];\"\n"
             "                 : \"=r\"(to[0]), \"=r\"(to[1]), "
             "\"=r\"(to[2]), \"=r\"(to[3])\n"
             "                 : \"r\"(einc_place(row)) : \"memory\");\n"
             "}\n\n", name, how);
}

/* 16 x 8 sums of a warp += 16 rows times 8 columns. */
static void
put_mma(struct text *t, enum einc_dtype d)
{
    const char *type = d == EINC_F16 ? "f16" : d == EINC_BF16 ? "bf16"
                                                              : "tf32";
    einc_put(t,
             "static __device__ inline void\n"
             "einc_mma_%s(float (&sum)[4], const uint32_t (&a)[4], "
             "const uint32_t *b)\n{\n"
             "    asm(\"mma.sync.aligned.m16n8k%d.row.col.f32.%s.%s.f32 \"\n"
             "        \"{%%0, %%1, %%2, %%3}, {%%4, %%5, %%6, %%7}, "
             "{%%8, %%9}, \"\n"
             "        \"{%%0, %%1, %%2, %%3};\"\n"
             "        : \"+f\"(sum[0]), \"+f\"(sum[1]), \"+f\"(sum[2]), "
             "\"+f\"(sum[3])\n"
             "        : \"r\"(a[0]), \"r\"(a[1]), \"r\"(a[2]), \"r\"(a[3]),\n"
             "          \"r\"(b[0]), \"r\"(b[1]));\n}\n\n",
             type, d == EINC_F32 ? 8 : 16, type, type);
}

/* Where a chunk of a slice is. */
static void
put_at(struct text *t, const struct side *s)
{
    einc_put(t, s->deep ? "/* %s: chunk c of row x. */\n"
                        : "/* %s: chunk c of depth x. */\n", s->name);
    einc_put(t, "static __device__ inline int\n%s_at(int x, int c)\n{\n",
             s->name);
    if (s->deep)
        einc_put(t, "    return %d*x + %d*(c ^ (x/2 %% 4));\n",
                 ROW_CHUNKS * CHUNK, CHUNK);
    else
        einc_put(t, "    return %d*x + %d*(c ^ %s);\n", s->chunks * CHUNK,
                 CHUNK, s->bytes == 2 ? "x % 8" : "x % 4*2");
    einc_put(t, "}\n\n");
}

static const char split[] =
    "/* x = high + low, each of them 11 bits that a tensor core reads; what is\n"
    " * infinite is all high, and NaN remains NaN. */\n"
    "static __device__ inline void\n"
    "einc_split(uint32_t &x, uint32_t &low)\n{\n"
    "    const uint32_t high = (x + 0x1000u) & 0xffffe000u;\n"
    "    const float rest = __uint_as_float(x) - __uint_as_float(high);\n"
    "    low = (x & 0x7fffffffu) == 0x7f800000u ? 0 : "
    "__float_as_uint(rest);\n"
    "    x = high;\n}\n\n";

void
einc_print_cuda_tensor_prelude(const struct printer *p)
{
    struct text *t = p->t;
    struct side a = side_of(p->nest, 0), b = side_of(p->nest, 1);
    int turned = is_narrow(p->nest) && !(a.deep && b.deep);
    einc_put(t, "struct __align__(16) einc_chunk {\n    uint32_t word[4];\n"
                "};\n\n");
    einc_put(t, "#ifndef EINC_EMULATED\n%s", copies);
    if (a.deep || b.deep) {
        einc_put(t, "/* Four matrices of 8 rows of 16 bytes: lane l names row "
                    "l %% 8 of matrix l/8,\n * and gets 4 bytes of each. */\n");
        put_matrices(t, "einc_matrices", "");
    }
    if (turned) {
        einc_put(t, "/* Four of 8 x 8 elements of 2 bytes, transposed. */\n");
        put_matrices(t, "einc_matrices_turned", ".trans");
    }
    put_mma(t, p->nest->in[0].storage);
    einc_put(t, "#endif\n\n");
    put_at(t, &a);
    put_at(t, &b);
    if (!is_narrow(p->nest))
        einc_put(t, "%s", split);
}

/* --- a thread's way along K ------------------------------------------------ */

static int
n_deep(const struct nest *w)
{
    return w->first[LOOP_K + 1] - w->first[LOOP_K];
}

/* Its chunk's offset along K; of one index no variable is needed. */
static const char *
deep_text(const struct printer *p, const struct side *s)
{
    int k = p->nest->first[LOOP_K];
    struct quantity q = s->x->stride[k];
    struct arena *perm = p->t->perm;
    return n_deep(p->nest) > 1 ? einc_printed(perm, "%s_deep", s->name)
           : q.arg < 0         ? einc_printed(perm, "%d*%s_k", (int)q.value,
                                              s->name)
                               : einc_printed(perm, "%s_%s*%s_k", s->name,
                                              p->nest->idx[k].name, s->name);
}

/* A stride as a factor. */
static const char *
stride_text(const struct printer *p, const struct side *s, int j)
{
    return s->x->stride[j].arg < 0
               ? einc_printed(p->t->perm, "%d", (int)s->x->stride[j].value)
               : einc_printed(p->t->perm, "%s_%s", s->name,
                              p->nest->idx[j].name);
}

/* A position of K as indices that may be advanced without a division: one's
 * own, `at`, or a step's, `by`, which all share. */
static void
put_position(const struct printer *p, const struct side *s, const char *of,
             const char *offset, const char *number)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    int shared = strcmp(of, "by") == 0;
    einc_put(t, "%*s%sint64_t %s_%s", t->indent, "",
             shared ? "__shared__ " : "", s->name, offset);
    for (int j = w->first[LOOP_K]; j < w->n_idx; j++)
        einc_put(t, ", %s_%s_%s", s->name, of, w->idx[j].name);
    einc_put(t, ";\n");
    einc_line(t, shared ? "if (thread == 0) {" : "{");
    open(p);
    einc_cuda_decode(p, LOOP_K, number);
    for (int j = w->first[LOOP_K]; j < w->n_idx; j++)
        einc_line(t, "%s_%s_%s = %s;", s->name, of, w->idx[j].name,
                  w->idx[j].name);
    einc_cuda_offset(p, einc_printed(t->perm, "%s_%s = 0", s->name, offset),
                     s->x, LOOP_K);
    close(p, "}");
}

/* Positions between two chunks of a thread. */
static int
step_of(const struct printer *p, const struct side *s)
{
    return s->deep ? p->nest->tile.kc : DEVICE_THREADS / s->chunks;
}

static void
put_way(const struct printer *p, const struct side *s)
{
    struct text *t = p->t;
    if (s->deep)
        einc_line(t, "int64_t %s_k = k_begin + thread %% %d*%d;", s->name, ROW_CHUNKS,
                  s->each);
    else
        einc_line(t, "int64_t %s_k = k_begin + thread/%d;", s->name, s->chunks);
    if (n_deep(p->nest) == 1)
        return;
    put_position(p, s, "at", "deep", einc_printed(t->perm, "%s_k", s->name));
}

static void
put_step(const struct printer *p, const struct side *s)
{
    if (n_deep(p->nest) > 1)
        put_position(p, s, "by", "jump",
                     einc_printed(p->t->perm, "%d", step_of(p, s)));
}

/* Carries: at most one for each index. `one`: to the next position, in local
 * variables. */
static void
put_indices(const struct printer *p, const struct side *s, int one)
{
    const struct nest *w = p->nest;
    struct text *t = p->t;
    const char *name = one ? "" : einc_printed(t->perm, "%s_", s->name);
    for (int j = w->n_idx - 1; j >= w->first[LOOP_K]; j--) {
        const char *x = w->idx[j].name;
        if (!one)
            einc_line(t, "%sat_%s += %sby_%s;", name, x, name, x);
        else if (j == w->n_idx - 1)
            einc_line(t, "at_%s++;", x);
        if (j == w->first[LOOP_K])
            break;
        einc_line(t, "if (%sat_%s >= %s) {", name, x, einc_print_n(p, j));
        einc_line(t, "    %sat_%s -= %s;", name, x, einc_print_n(p, j));
        einc_line(t, "    %sat_%s++;", name, w->idx[j - 1].name);
        einc_line(t, "    %sdeep += %s - %s*%s;", name,
                  stride_text(p, s, j - 1), einc_print_n(p, j),
                  stride_text(p, s, j));
        einc_line(t, "}");
    }
}

static void
put_advance(const struct printer *p, const struct side *s)
{
    einc_line(p->t, "%s_k += %d;", s->name, step_of(p, s));
    if (n_deep(p->nest) == 1)
        return;
    einc_line(p->t, "%s_deep += %s_jump;", s->name, s->name);
    put_indices(p, s, 0);
}

/* --- chunks to shared memory ----------------------------------------------- */

/* Whether chunks of the operand are 16 bytes in memory, at addresses that are
 * multiples of that: then they are copied, others are put together. */
static void
put_wide(const struct printer *p, const struct side *s)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    enum loop_role role = s->deep ? LOOP_K : s->role;
    int any = 0;
    einc_put(t, "%*sconst int %s_wide = ((uint64_t)%s", t->indent, "",
             s->name, s->name);
    for (int j = 0; j < w->n_idx; j++)
        if (s->x->stride[j].arg >= 0) {
            einc_put(t, "%s%s_%s", any ? " | " : einc_printed(t->perm,
                     " | %d*(uint64_t)(", s->bytes), s->name, w->idx[j].name);
            any = 1;
        }
    einc_put(t, "%s) %% %d == 0", any ? ")" : "", CHUNK);
    if (w->first[role + 1] - w->first[role] > 1)
        einc_put(t, " &&\n%*s%s %% %d == 0", t->indent + 4, "",
                 einc_print_n(p, w->first[role + 1] - 1), s->each);
    einc_put(t, ";\n");
}

static void
put_operand(const struct printer *p, const struct side *s)
{
    struct text *t = p->t;
    int bits = 8 * s->bytes;
    einc_line(t, s->deep ? "/* %s: a thread brings chunk thread %% %d along K "
                           "of rows thread/%d and on */"
                         : "/* %s: a thread brings chunk thread %% %d of "
                           "depths thread/%d and on */",
              s->name, s->deep ? ROW_CHUNKS : s->chunks,
              s->deep ? ROW_CHUNKS : s->chunks);
    einc_line(t, "const uint%d_t *const %s_words = (const uint%d_t *)"
                 "(const void *)%s;", bits, s->name, bits, s->name);
    if (s->whole)
        put_wide(p, s);
    if (s->deep) {
        einc_line(t, "const uint%d_t *%s_from[%d];", bits, s->name, s->share);
        einc_line(t, "#pragma unroll");
        einc_line(t, "for (int e = 0; e < %d; e++)", s->share);
        einc_line(t, "    %s_from[e] = %s_words + %s[thread/%d + %d*e];",
                  s->name, s->name, s->table, ROW_CHUNKS,
                  DEVICE_THREADS / ROW_CHUNKS);
    } else if (s->whole) {
        einc_line(t, "const uint%d_t *const %s_from = %s_words + "
                     "%s[thread %% %d*%d];", bits, s->name, s->name, s->table,
                  s->chunks, s->each);
        einc_line(t, "const int %s_left = %s - thread %% %d*%d;", s->name,
                  s->limit, s->chunks, s->each);
        einc_line(t, "const int %s_run = %s_left < 0 ? 0 : %s_left < %d ? "
                     "%s_left : %d;", s->name, s->name, s->name, s->each,
                  s->name, s->each);
    }
    put_way(p, s);
}

/* bits, from elements one by one; `value` of element j if `condition`. */
static void
put_together(const struct printer *p, const struct side *s,
             const char *condition, const char *value, int walks)
{
    struct text *t = p->t;
    einc_line(t, "struct einc_chunk bits = {};");
    einc_line(t, "#pragma unroll");
    einc_line(t, "for (int j = 0; j < %d; j++) {", s->each);
    open(p);
    einc_line(t, "if (%s)", condition);
    einc_line(t, s->bytes == 2 ? "    bits.word[j/2] |= (uint32_t)"
                               : "    bits.word[j] =");
    einc_line(t, s->bytes == 2 ? "        %s << 16*(j %% 2);"
                               : "        %s;", value);
    if (walks) {
        einc_line(t, "deep += %s;", stride_text(p, s, p->nest->n_idx - 1));
        put_indices(p, s, 1);
    }
    close(p, "}");
    einc_line(t, "*(struct einc_chunk *)chunk = bits;");
}

static void
put_bring_deep(const struct printer *p, const struct side *s)
{
    struct text *t = p->t;
    const struct nest *w = p->nest;
    int walks = n_deep(w) > 1;
    einc_line(t, "const int64_t left = k_end - %s_k;", s->name);
    einc_line(t, "const int n = left < 0 ? 0 : left < %d ? (int)left : %d;",
              s->each, s->each);
    einc_line(t, "#pragma unroll");
    einc_line(t, "for (int e = 0; e < %d; e++) {", s->share);
    open(p);
    einc_line(t, "unsigned char *const chunk =");
    einc_line(t, "    to + %s_at(thread/%d + %d*e, thread %% %d);", s->name, ROW_CHUNKS,
              DEVICE_THREADS / ROW_CHUNKS, ROW_CHUNKS);
    einc_line(t, "if (%s_wide) {", s->name);
    einc_line(t, "    einc_copy(chunk, %s_from[e] + (n ? %s : 0), %d*n);",
              s->name, deep_text(p, s), s->bytes);
    einc_line(t, "    continue;");
    einc_line(t, "}");
    if (walks) {
        einc_put(t, "%*sint64_t deep = %s_deep", t->indent, "", s->name);
        for (int j = w->first[LOOP_K]; j < w->n_idx; j++)
            einc_put(t, ", at_%s = %s_at_%s", w->idx[j].name, s->name,
                     w->idx[j].name);
        einc_put(t, ";\n");
    }
    put_together(p, s, "j < n",
                 walks ? einc_printed(t->perm, "%s_from[e][deep]", s->name)
                       : einc_printed(t->perm, "%s_from[e][%s_k + j]",
                                      s->name, s->name), walks);
    close(p, "}");
    put_advance(p, s);
}

static void
put_bring_rows(const struct printer *p, const struct side *s)
{
    struct text *t = p->t;
    const char *deep = deep_text(p, s);
    einc_line(t, "#pragma unroll");
    einc_line(t, "for (int e = 0; e < %d; e++) {", s->share);
    open(p);
    einc_line(t, "unsigned char *const chunk =");
    einc_line(t, "    to + %s_at(thread/%d + %d*e, thread %% %d);", s->name, s->chunks,
              DEVICE_THREADS / s->chunks, s->chunks);
    einc_line(t, "const int within = %s_k < k_end;", s->name);
    if (s->whole) {
        einc_line(t, "if (%s_wide) {", s->name);
        einc_line(t, "    einc_copy(chunk, %s_from + (within ? %s : 0),",
                  s->name, deep);
        einc_line(t, "              within ? %d*%s_run : 0);", s->bytes,
                  s->name);
        einc_line(t, "} else {");
        open(p);
    }
    put_together(p, s, "within",
                 einc_printed(t->perm, "%s_words[%s[thread %% %d*%d + j] + %s]",
                              s->name, s->table, s->chunks, s->each, deep), 0);
    if (s->whole)
        close(p, "}");
    put_advance(p, s);
    close(p, "}");
}

static void
put_bring(const struct printer *p, const struct side *s)
{
    einc_line(p->t, "const auto bring_%s = [&](unsigned char *to) {", s->name);
    open(p);
    if (s->deep)
        put_bring_deep(p, s);
    else
        put_bring_rows(p, s);
    close(p, "};");
}

/* --- products --------------------------------------------------------------- */

/* Registers of operand o for 16 rows or columns from x on: `a` as 16 x two
 * chunks of K, `b` as twice 8. */
static void
put_fragment(const struct printer *p, const struct side *s, const char *to,
             const char *x, int rows)
{
    struct text *t = p->t;
    const char *name = s->name;
    if (s->deep && rows)
        einc_line(t, "    einc_matrices(%s, %s_slice +\n%*s"
                     "%s_at(%s + lane %% 16, 2*k + lane/16));", to, name,
                  t->indent + 8, "", name, x);
    else if (s->deep)
        einc_line(t, "    einc_matrices(%s, %s_slice +\n%*s"
                     "%s_at(%s + lane/16*8 + lane %% 8,\n%*s"
                     "2*k + lane/8 %% 2));", to, name, t->indent + 8, "",
                  name, x, t->indent + 15, "");
    else if (s->bytes == 2)
        einc_line(t, rows ? "    einc_matrices_turned(%s, %s_slice +\n%*s"
                            "%s_at(16*k + lane/16*8 + lane %% 8,\n%*s"
                            "(%s)/8 + lane/8 %% 2));"
                          : "    einc_matrices_turned(%s, %s_slice +\n%*s"
                            "%s_at(16*k + lane %% 16,\n%*s"
                            "(%s)/8 + lane/16));",
                  to, name, t->indent + 8, "", name, t->indent + 15, "", x);
    else {
        einc_line(t, "    #pragma unroll");
        einc_line(t, "    for (int e = 0; e < 4; e++) {");
        einc_line(t, rows ? "        const int x = %s + lane/4 + e %% 2*8;"
                          : "        const int x = %s + lane/4 + e/2*8;", x);
        einc_line(t, rows ? "        const int depth = 8*k + lane %% 4 + e/2*4;"
                          : "        const int depth = 8*k + lane %% 4 + "
                            "e %% 2*4;");
        einc_line(t, "        %s[e] = *(const uint32_t *)", to);
        einc_line(t, "            (%s_slice + %s_at(depth, x/4) + x %% 4*4);",
                  name, name);
        einc_line(t, "    }");
    }
}

/* Halves of the four registers of each of these. */
static void
put_split(const struct printer *p, const char *low, const char *x)
{
    einc_line(p->t, "#pragma unroll");
    einc_line(p->t, "for (int e = 0; e < 4; e++)");
    einc_line(p->t, "    einc_split(%s[e], %s[e]);", x, low);
}

/* One of the products of 16 rows with all columns. */
static void
put_products(const struct printer *p, const char *a, const char *b)
{
    static const char *const types[] = {[EINC_F16] = "f16",
                                        [EINC_BF16] = "bf16",
                                        [EINC_F32] = "tf32"};
    einc_line(p->t, "#pragma unroll");
    einc_line(p->t, "for (int j = 0; j < %d; j++)", p->nest->tile.nr / 8);
    einc_line(p->t, "    einc_mma_%s(%s[i][j], %s, %s[j/2] + j %% 2*2);",
              types[p->nest->in[0].storage],
              is_narrow(p->nest) ? "sum" : "fresh", a, b);
}

static void
put_multiply(const struct printer *p)
{
    struct text *t = p->t;
    const struct tile *s = &p->nest->tile;
    struct side in0 = side_of(p->nest, 0), in1 = side_of(p->nest, 1);
    int apart = !is_narrow(p->nest);
    einc_line(t, "#pragma unroll");
    einc_line(t, "for (int k = 0; k < %d; k++) { /* %d positions of K */",
              ROW_CHUNKS / 2, 2 * in0.each);
    open(p);
    einc_line(t, apart ? "uint32_t b[%d][4], b_low[%d][4];"
                       : "uint32_t b[%d][4];", s->nr / 16, s->nr / 16);
    einc_line(t, "#pragma unroll");
    einc_line(t, "for (int j = 0; j < %d; j++) {", s->nr / 16);
    put_fragment(p, &in1, "b[j]", "column + 16*j", 0);
    open(p);
    if (apart)
        put_split(p, "b_low[j]", "b[j]");
    close(p, "}");
    einc_line(t, "#pragma unroll");
    einc_line(t, "for (int i = 0; i < %d; i++) {", s->mr / 16);
    einc_line(t, apart ? "    uint32_t a[4], a_low[4];"
                       : "    uint32_t a[4];");
    put_fragment(p, &in0, "a", "row + 16*i", 1);
    open(p);
    if (apart) {
        put_split(p, "a_low", "a");
        put_products(p, "a_low", "b");
        put_products(p, "a", "b_low");
    }
    put_products(p, "a", "b");
    close(p, "}");
    close(p, "}");
}

/* sum += fresh, which begins anew: a long chain of sums rounds more. */
static void
put_flush(const struct printer *p)
{
    struct text *t = p->t;
    const struct tile *s = &p->nest->tile;
    einc_line(t, "#pragma unroll");
    einc_line(t, "for (int i = 0; i < %d; i++) {",
              s->mr / 16 * (s->nr / 8) * 4);
    einc_line(t, "    float &x = fresh[i/%d][i/4 %% %d][i %% 4];", s->nr / 2,
              s->nr / 8);
    einc_line(t, "    sum[i/%d][i/4 %% %d][i %% 4] += x;", s->nr / 2,
              s->nr / 8);
    einc_line(t, "    x = 0;");
    einc_line(t, "}");
}

static void
put_stage(const struct printer *p, const char *number)
{
    struct side a = side_of(p->nest, 0);
    einc_line(p->t, "    bring_in0(slices + %s*%d);", number,
              stage_bytes(p->nest));
    einc_line(p->t, "    bring_in1(slices + %s*%d + %d);", number,
              stage_bytes(p->nest), slice_bytes(&a));
}

static void
put_loop(const struct printer *p)
{
    struct text *t = p->t;
    const struct tile *s = &p->nest->tile;
    struct side a = side_of(p->nest, 0);
    int apart = !is_narrow(p->nest);
    einc_line(t, "float sum[%d][%d][4] = {};", s->mr / 16, s->nr / 8);
    if (apart)
        einc_line(t, "float fresh[%d][%d][4] = {};", s->mr / 16, s->nr / 8);
    einc_line(t, "const int64_t n_slices = (k_end - k_begin + %d)/%d;",
              s->kc - 1, s->kc);
    einc_line(t, "#pragma unroll 1");
    einc_line(t, "for (int s = 0; s < %d; s++) {", STAGES - 1);
    einc_line(t, "    if (s < n_slices) {");
    open(p);
    put_stage(p, "s");
    close(p, "    }");
    einc_line(t, "    einc_copy_commit();");
    einc_line(t, "}");
    einc_line(t, "int now = 0, next = %d; /* stages */", STAGES - 1);
    einc_line(t, "#pragma unroll 1");
    einc_line(t, "for (int64_t s = 0; s < n_slices; s++) {");
    open(p);
    einc_line(t, "einc_copy_wait();");
    einc_line(t, "__syncthreads(); /* slice s is there, s - 1 is done with */");
    einc_line(t, "if (s + %d < n_slices) {", STAGES - 1);
    put_stage(p, "next");
    einc_line(t, "}");
    einc_line(t, "einc_copy_commit();");
    einc_line(t, "const unsigned char *const in0_slice = slices + now*%d;",
              stage_bytes(p->nest));
    einc_line(t, "const unsigned char *const in1_slice = in0_slice + %d;",
              slice_bytes(&a));
    einc_line(t, "now = now == %d ? 0 : now + 1;", STAGES - 1);
    einc_line(t, "next = next == %d ? 0 : next + 1;", STAGES - 1);
    put_multiply(p);
    if (apart) {
        einc_line(t, "if (s %% %d == %d) {", FLUSH, FLUSH - 1);
        open(p);
        put_flush(p);
        close(p, "}");
    }
    close(p, "}");
    if (apart)
        put_flush(p);
}

/* --- after it ---------------------------------------------------------------- */

/* Through shared memory, which is free, 16 rows of each warp at a time: so
 * neighbouring threads write neighbours, rows of them if out runs along M.
 * Sums of a lane: two columns of row lane/4, and of the row 8 below. */
static void
put_store(const struct printer *p)
{
    struct text *t = p->t;
    const struct tile *s = &p->nest->tile;
    int rows = einc_cuda_row_first(p->nest);
    int pitch = rows ? 32 + 4 : s->nc + 8; /* other banks for each lane */
    int wide = rows ? 32 : s->nc;
    einc_line(t, "float (*const slice)[%d] = (float (*)[%d])slices;", pitch,
              pitch);
    einc_cuda_parts(p);
    einc_line(t, "#pragma unroll");
    einc_line(t, "for (int f = 0; f < %d; f++) {", s->mr / 16);
    open(p);
    einc_line(t, "__syncthreads(); /* nobody reads it any more */");
    einc_line(t, "#pragma unroll");
    einc_line(t, "for (int g = 0; g < %d; g++) {", s->nr / 2);
    einc_line(t, "    const int x = warp/4*16 + lane/4 + g/2 %% 2*8;");
    einc_line(t, "    const int y = column + g/4*8 + lane %% 4*2 + g %% 2;");
    einc_line(t, rows ? "    slice[y][x] = sum[f][g/4][g %% 4];"
                      : "    slice[x][y] = sum[f][g/4][g %% 4];");
    einc_line(t, "}");
    einc_line(t, "__syncthreads();");
    einc_line(t, "#pragma unroll 1");
    einc_line(t, "for (int at = first; at < %d; at += stride) {", 32 * s->nc);
    open(p);
    einc_line(t, "const int far = at/%d, near = at %% %d;", wide, wide);
    einc_line(t, "const int x = %s/16*%d + 16*f + %s %% 16, y = %s;",
              rows ? "near" : "far", s->mr, rows ? "near" : "far",
              rows ? "far" : "near");
    einc_cuda_store(p, 32 * s->nc);
    close(p, "}");
    close(p, "}");
}

static void
put_map(const struct printer *p)
{
    struct text *t = p->t;
    const struct tile *s = &p->nest->tile;
    einc_line(t, "/* block = (batch, tile of N, tile of M), %d x %d of out;",
              s->mc, s->nc);
    einc_line(t, " * warp = %d x %d of it; loop = K by %d, %d stages */",
              s->mr, s->nr, s->kc, STAGES);
    einc_line(t, "const int thread = threadIdx.x;");
    einc_line(t, "const int warp = thread/32, lane = thread %% 32;");
    einc_line(t, "const int row = warp/4*%d, column = warp %% 4*%d;", s->mr,
              s->nr);
    einc_line(t, "EINC_SHARED(slices);");
    einc_line(t, "__shared__ int64_t in0_row[%d], in1_column[%d];", s->mc,
              s->nc);
    einc_line(t, "__shared__ int64_t out_row[%d], out_column[%d];", s->mc,
              s->nc);
}

void
einc_print_cuda_tensor(const struct printer *p)
{
    put_map(p);
    einc_cuda_extents(p);
    einc_cuda_place(p);
    einc_cuda_table(p, LOOP_M);
    einc_cuda_table(p, LOOP_N);
    for (int o = 0; o < 2; o++) {
        struct side s = side_of(p->nest, o);
        put_step(p, &s);
    }
    einc_line(p->t, "__syncthreads(); /* tables of rows and columns are there "
                    "*/");
    for (int o = 0; o < 2; o++) {
        struct side s = side_of(p->nest, o);
        put_operand(p, &s);
        put_bring(p, &s);
    }
    put_loop(p);
    put_store(p);
}

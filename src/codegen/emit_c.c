/* SPDX-License-Identifier: MIT
 *
 * emit_c.c - C text: a kernel for the runtime, or a file that stands alone.
 */
#include "codegen/emit.h"
#include "codegen/file.h"

/* --- pieces of both ----------------------------------------------------- */

static void
print_args_struct(struct text *t, const char *name)
{
    einc_line(t, "struct %s {", name);
    einc_line(t, "    void *out;            /* element (0, 0, ...) */");
    einc_line(t, "    const void *const *in;");
    einc_line(t, "    const int64_t *n;     /* extents */");
    einc_line(t, "    const int64_t *s;     /* strides, in elements */");
    einc_line(t, "    const void *alpha;    /* 0: 1 */");
    einc_line(t, "    const void *beta;     /* 0: out is not read */");
    einc_line(t, "    char *scratch;        /* of this thread, 64-aligned */");
    einc_line(t, "};");
    einc_put(t, "\n");
}

/* Functions of one kernel, named `name` or with it in front. */
static void
print_kernel(struct text *t, const struct nest *nest, const char *name)
{
    struct printer p = einc_printer(t, nest, name);
    p.linkage = "";
    switch (nest->family) {
    case FAMILY_GETT:
        einc_print_tiles(&p);
        for (int side = 0; side < 2; side++) {
            einc_put(t, "\n");
            einc_print_pack(&p, side);
        }
        einc_print_pack_near(&p);
        einc_put(t, "\n");
        einc_print_gett(&p);
        break;
    case FAMILY_DIRECT:
        einc_print_direct(&p);
        break;
    case FAMILY_NARROW:
        einc_print_narrow(&p);
        break;
    case FAMILY_LANES:
        einc_print_lanes(&p);
        break;
    case FAMILY_FUSED:
        einc_print_fused(&p);
        break;
    case FAMILY_TRANSPOSE:
        einc_print_transpose_shared(&p, &nest, 1);
        einc_print_transpose(&p);
        break;
    default:
        einc_print_stream(&p);
    }
}

static void
print_unit_opening(struct text *t, const struct target *target)
{
    einc_line(t, "/* made by einc %s; kernel ABI %d, %s */", EINC_VERSION,
              UNIT_ABI, target->name);
    einc_put(t, "#include <stdint.h>\n#include <string.h>\n\n");
    print_args_struct(t, "einc_args");
}

#define INLINE "static inline __attribute__((always_inline)) "

/* A gett has its vectors spelled out and is large: what gcc would do to its
 * other loops, and inlining them, takes half of the compiler's time. The sums
 * of dots must go to registers: their loops are to vanish. */
static const char *
unit_flag(const struct nest *nest)
{
    if (nest->family == FAMILY_STREAM && nest->form == STREAM_DOTS)
        return "-O3";
    return nest->family == FAMILY_GETT ? "-fno-inline" : "-ftree-vectorize";
}

struct unit
einc_emit_unit(struct arena *perm, const struct nest *nest)
{
    struct text t = {.perm = perm};
    print_unit_opening(&t, nest->target);
    einc_print_kernel_halves(&t, nest, INLINE);
    print_kernel(&t, nest, "einc_kernel");
    return (struct unit){.key = einc_nest_key(perm, nest),
                         .source = einc_text_z(&t),
                         .source_bytes = t.n,
                         .entry = "einc_kernel",
                         .flags = {unit_flag(nest)},
                         .scratch_bytes = nest->scratch_bytes,
                         .n_extents = nest->n_extents,
                         .n_strides = nest->n_strides};
}

void
einc_emit_units_opening(struct text *t, const struct target *target)
{
    print_unit_opening(t, target);
    einc_print_kernel_halves(t, NULL, INLINE);
}

struct unit
einc_emit_named_unit(struct arena *perm, const struct nest *nest,
                     const char *name)
{
    struct text t = {.perm = perm};
    print_kernel(&t, nest, name);
    return (struct unit){.key = einc_nest_key(perm, nest),
                         .source = einc_text_z(&t),
                         .source_bytes = t.n,
                         .entry = name,
                         .flags = {unit_flag(nest)}};
}

/* --- the user's text in a comment --------------------------------------- */

/* Length of the character at s, 0 if the bytes there are no UTF-8. */
static int
read_character(const unsigned char *s, int64_t n, uint32_t *code)
{
    int tail = s[0] < 0x80                    ? 0
               : s[0] >= 0xc2 && s[0] <= 0xdf ? 1
               : (s[0] & 0xf0) == 0xe0        ? 2
               : s[0] >= 0xf0 && s[0] <= 0xf4 ? 3
                                              : -1;
    if (tail < 0 || tail >= n)
        return 0;
    *code = tail ? s[0] & (0x3fu >> tail) : s[0];
    for (int k = 1; k <= tail; k++) {
        if ((s[k] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (s[k] & 0x3fu);
    }
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    int half = *code >= 0xd800 && *code <= 0xdfff; /* of a surrogate pair */
    return *code < least[tail] || *code > 0x10ffff || half ? 0 : tail + 1;
}

/* Characters that a reader does not see, or that move what stands beside
 * them: controls, marks of direction, separators of lines, joiners, tags. */
static int
is_hidden(uint32_t code)
{
    static const uint32_t ranges[][2] = {
        {0, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x61c, 0x61c},
        {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},
        {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb},
        {0xe0000, 0xe007f}};
    for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++)
        if (code >= ranges[r][0] && code <= ranges[r][1])
            return 1;
    return 0;
}

/* Two characters that mean something to a compiler, also in a comment. */
static int
is_pair(char first, char second)
{
    return (first == '*' && second == '/') || (first == '/' && second == '*') ||
           (first == '?' && second == '?');
}

void
einc_emit_comment(struct text *t, struct str user)
{
    const unsigned char *s = (const unsigned char *)user.p;
    char last = ' ';
    for (int64_t j = 0; j < user.n;) {
        uint32_t code = 0;
        int n = read_character(s + j, user.n - j, &code);
        if (n > 1 && !is_hidden(code)) {
            einc_put_str(t, (struct str){user.p + j, n});
            last = ' ';
        } else {
            int blank = code == '\n' || code == '\t';
            char c = n == 1 && blank                              ? ' '
                     : n != 1 || is_hidden(code) || code == '\\' ? '?'
                                                                  : (char)code;
            einc_put(t, is_pair(last, c) ? " %c" : "%c", c);
            last = c;
        }
        j += n ? n : 1;
    }
}

/* --- files -------------------------------------------------------------- */

/* Which steps move bits only, in every set. */
static const char *
find_moves(const struct file *f)
{
    char *moves = NEW(f->scratch, char, f->plan->n_steps);
    for (int s = 0; s < f->plan->n_steps; s++) {
        moves[s] = 1;
        for (int x = 0; x < f->n_sets; x++)
            if (!einc_print_transpose_moves(f->sets[x].nests[s]))
                moves[s] = 0;
    }
    return moves;
}

void
einc_emit_c(struct text *t, struct arena scratch, const struct plan *p,
            const struct target *target, const struct emit_style *style)
{
    struct file f = einc_file(t, &scratch, p, target, style);
    struct text args = {.perm = &scratch}, inlined = {.perm = &scratch};
    einc_put(&args, "%s_args", style->name);
    einc_file_opening(&f);
    einc_put(t, "#include <stdint.h>\n#include <stdlib.h>\n%s\n",
             f.has_gett || f.has_turns || f.n_picked ? "#include <string.h>\n"
                                                      : "");
    if (style->header)
        einc_put(t, "#include \"%s\"\n", style->header);
    else
        einc_file_declarations(&f);
    einc_put(t, "\n");
    einc_file_before_kernels(&f);
    if (f.has_gett)
        print_args_struct(t, einc_text_z(&args));
    einc_put(&inlined, f.n_picked ? "%s_INLINE " : "static inline ",
             style->name);
    einc_print_halves(t, p, einc_text_z(&inlined), style->with_main,
                      find_moves(&f));
    einc_file_kernels(&f);
    einc_file_driver(&f);
    if (style->with_main)
        einc_file_main(&f);
}

void
einc_emit_c_header(struct text *t, struct arena scratch, const struct plan *p,
                   const struct emit_style *style)
{
    struct file f = einc_file(t, &scratch, p,
                              einc_target_find(str_of("portable")), style);
    einc_file_opening(&f);
    einc_put(t, "#ifndef %s_H\n#define %s_H\n\n#include <stdint.h>\n\n"
                "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n",
             style->name, style->name);
    einc_file_declarations(&f);
    einc_put(t, "\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
}

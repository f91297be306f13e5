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

struct unit
einc_emit_unit(struct arena *perm, const struct nest *nest)
{
    struct text t = {.perm = perm};
    einc_line(&t, "/* made by einc %s; kernel ABI %d, %s */", EINC_VERSION,
              UNIT_ABI, nest->target->name);
    einc_put(&t, "#include <stdint.h>\n#include <string.h>\n\n");
    print_args_struct(&t, "einc_args");
    einc_print_halves(&t, nest->plan, "static ", 1);
    struct printer p = einc_printer(&t, nest, "einc_kernel");
    p.linkage = "";
    if (nest->gett) {
        einc_print_tiles(&p);
        for (int side = 0; side < 2; side++) {
            einc_put(&t, "\n");
            einc_print_pack(&p, side);
        }
        einc_put(&t, "\n");
        einc_print_gett(&p);
    } else {
        einc_print_stream(&p);
    }
    return (struct unit){.source = einc_text_z(&t),
                         .source_bytes = t.n,
                         .entry = "einc_kernel",
                         .scratch_bytes = nest->scratch_bytes,
                         .n_extents = nest->n_extents,
                         .n_strides = nest->n_strides};
}

/* --- the user's text in a comment --------------------------------------- */

static int
is_direction_control(const unsigned char *s, int64_t n)
{
    /* U+200E U+200F U+202A..U+202E U+2066..U+2069: they reorder what a
     * reader sees */
    if (n < 3 || s[0] != 0xe2)
        return 0;
    if (s[1] == 0x80)
        return s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xaa && s[2] <= 0xae);
    return s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9;
}

void
einc_emit_comment(struct text *t, struct str user)
{
    const unsigned char *s = (const unsigned char *)user.p;
    for (int64_t j = 0; j < user.n; j++) {
        if (is_direction_control(s + j, user.n - j)) {
            einc_put(t, "?");
            j += 2;
        } else if (s[j] < 0x20 || s[j] == 0x7f || s[j] == '\\') {
            einc_put(t, s[j] == '\n' || s[j] == '\t' ? " " : "?");
        } else if (j && s[j - 1] == '*' && s[j] == '/') {
            einc_put(t, " /");
        } else if (j && ((s[j - 1] == '/' && s[j] == '*') ||
                         (s[j - 1] == '?' && s[j] == '?'))) {
            einc_put(t, " %c", s[j]);
        } else {
            einc_put(t, "%c", s[j]);
        }
    }
}

/* --- files -------------------------------------------------------------- */

/* The tile and the packing are the same for all steps: they are printed once,
 * before the first step that needs them. */
static void
print_shared(const struct file *f)
{
    int tiles = 0;
    uint32_t packed[2] = {0, 0}; /* per side: storage types, as bits */
    for (int s = 0; s < f->plan->n_steps; s++) {
        struct printer k = einc_printer(f->t, f->nests[s], f->style->name);
        if (!k.nest->gett)
            continue;
        if (!tiles++)
            einc_print_tiles(&k);
        for (int side = 0; side < 2; side++) {
            uint32_t bit = 1u << k.nest->in[side].storage;
            if (packed[side] & bit)
                continue;
            packed[side] |= bit;
            einc_put(f->t, "\n");
            einc_print_pack(&k, side);
        }
        einc_put(f->t, "\n");
    }
}

static void
print_steps(const struct file *f, const char *args)
{
    for (int s = 0; s < f->plan->n_steps; s++) {
        struct printer k =
            einc_printer(f->t, f->nests[s], einc_file_prefix(f, s));
        k.shared = f->style->name;
        k.args = args;
        k.with_scale = 0;
        k.by_parameter = !k.nest->gett;
        if (k.nest->gett)
            einc_print_gett(&k);
        else
            einc_print_stream_loops(&k);
        einc_put(f->t, "\n");
    }
}

void
einc_emit_c(struct text *t, struct arena scratch, const struct plan *p,
            const struct target *target, const struct emit_style *style)
{
    struct file f = einc_file(t, &scratch, p, target, style);
    struct text args = {.perm = &scratch};
    einc_put(&args, "%s_args", style->name);
    einc_file_opening(&f);
    einc_put(t, "#include <stdint.h>\n#include <stdlib.h>\n%s\n",
             f.has_gett ? "#include <string.h>\n" : "");
    if (style->header)
        einc_put(t, "#include \"%s\"\n", style->header);
    else
        einc_file_declarations(&f);
    einc_put(t, "\n");
    einc_file_before_kernels(&f);
    if (f.has_gett)
        print_args_struct(t, einc_text_z(&args));
    einc_print_halves(t, p, "static inline ", style->with_main);
    print_shared(&f);
    print_steps(&f, einc_text_z(&args));
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
